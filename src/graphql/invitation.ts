/** Invitations to pair: made here, handed over, taken up once. */

import type { Invitation as InvitationRow } from '../database/generated/sqlite/client.ts';
import { storedGrant } from '../federation/grants.ts';
import { HedgerowError } from '../lib/errors.ts';
import { builder } from './builder.ts';
import { Grant, GrantInput, grantFromInput } from './grant.ts';
import { forwardArguments, pageComplexity, readKeyset } from './pages.ts';
import { attempt, type Outcome, UserError } from './user-error.ts';

const EXPIRES_MAX = 60;

export const Invitation = builder.prismaObject('Invitation', {
  description: 'An invitation to pair, without its code, which is shown once.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Opaque.' }),
    note: t.exposeString('note', { nullable: true, description: 'For whom it is.' }),
    mutual: t.exposeBoolean('mutual', { description: "Whether it asks for the other's catalog too." }),
    grant: t.field({
      type: Grant,
      description: 'What it opens.',
      resolve: (invitation) => storedGrant(invitation.grant),
    }),
    mediaCount: t.int({
      description: 'How many items it opens.',
      resolve: async ({ grant }, _args, { load }) => (await load.grantCounts.load(grant)).mediaCount,
    }),
    placedCount: t.int({
      description: 'How many of these carry a place in the original.',
      resolve: async ({ grant }, _args, { load }) => (await load.grantCounts.load(grant)).placedCount,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'Until when it can be taken up.' }),
    usedAt: t.expose('usedAt', { type: 'DateTime', nullable: true, description: 'When it was taken up.' }),
    cancelledAt: t.expose('cancelledAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was withdrawn.',
    }),
  }),
});

const InvitationConnection = builder.connectionObject(
  { type: Invitation, name: 'InvitationConnection', description: 'A page of invitations.' },
  { name: 'InvitationEdge', description: 'An invitation and its place on the page.' },
);

builder.queryField('invitations', (t) =>
  t.field({
    type: InvitationConnection,
    description: 'Invitations, the latest first. Admin.',
    authScopes: { administer: true },
    complexity: pageComplexity,
    args: forwardArguments,
    resolve: (_root, { first, after }, { database }) =>
      readKeyset<InvitationRow>({
        of: ['invitations'],
        first,
        after,
        position: (invitation) => ({ value: invitation.createdAt.getTime(), id: invitation.id }),
        read: (position, take) =>
          database.prisma.invitation.findMany({
            where:
              position === null
                ? {}
                : {
                    OR: [
                      { createdAt: { lt: new Date(position.value) } },
                      { createdAt: new Date(position.value), id: { lt: position.id } },
                    ],
                  },
            orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
            take,
          }),
      }),
  }),
);

const CreateInvitationInput = builder.inputType('CreateInvitationInput', {
  description: 'An invitation to be made.',
  fields: (t) => ({
    note: t.string({ description: 'For whom it is.' }),
    mutual: t.boolean({
      required: true,
      defaultValue: false,
      description: "Ask for the other's catalog too.",
    }),
    allowPrivateEndpoint: t.boolean({
      required: true,
      defaultValue: false,
      description: "Where mutual: the other's address may be on a private network.",
    }),
    grant: t.field({ type: GrantInput, description: 'What it opens; left out: everything that is shared.' }),
    expiresInMinutes: t.int({
      required: true,
      defaultValue: EXPIRES_MAX,
      description: `1 to ${EXPIRES_MAX}.`,
    }),
  }),
});

const CreateInvitationPayload = builder
  .objectRef<Outcome<{ invitationId: string | null; code: string | null }>>('CreateInvitationPayload')
  .implement({
    description: 'What became of making an invitation.',
    fields: (t) => ({
      invitation: t.prismaField({
        type: Invitation,
        nullable: true,
        description: 'The invitation; null where it went wrong.',
        resolve: (query, { invitationId }, _args, { database }) =>
          invitationId === null
            ? null
            : database.prisma.invitation.findUnique({ ...query, where: { id: invitationId } }),
      }),
      code: t.exposeString('code', {
        nullable: true,
        description: 'The string to hand over; shown once.',
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('createInvitation', (t) =>
  t.field({
    type: CreateInvitationPayload,
    description: 'Makes an invitation: whoever has its code may pair with this instance, once.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: CreateInvitationInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      attempt<{ invitationId: string | null; code: string | null }>(
        { invitationId: null, code: null },
        async () => {
          const { note, grant, expiresInMinutes, mutual, allowPrivateEndpoint } = input;
          const { federation, viewer } = context;
          if (expiresInMinutes < 1 || expiresInMinutes > EXPIRES_MAX) {
            throw new HedgerowError('INVALID', `An invitation lasts 1 to ${EXPIRES_MAX} minutes.`, {
              field: ['expiresInMinutes'],
            });
          }
          return federation.createInvitation({
            note: note ?? null,
            grant: await grantFromInput(grant, context, ['grant']),
            expiresInMinutes,
            createdBy: viewer?.user?.id ?? null,
            mutual,
            allowPrivateEndpoint,
          });
        },
      ),
  }),
);

const CancelInvitationInput = builder.inputType('CancelInvitationInput', {
  description: 'An invitation to be withdrawn.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Of the invitation.' }) }),
});

const CancelInvitationPayload = builder
  .objectRef<Outcome<{ invitationId: string | null }>>('CancelInvitationPayload')
  .implement({
    description: 'What became of withdrawing an invitation.',
    fields: (t) => ({
      invitation: t.prismaField({
        type: Invitation,
        nullable: true,
        description: 'The invitation; null where it went wrong.',
        resolve: (query, { invitationId }, _args, { database }) =>
          invitationId === null
            ? null
            : database.prisma.invitation.findUnique({ ...query, where: { id: invitationId } }),
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('cancelInvitation', (t) =>
  t.field({
    type: CancelInvitationPayload,
    description: 'Withdraws an invitation that nobody has taken up.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: CancelInvitationInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { federation }) =>
      attempt<{ invitationId: string | null }>({ invitationId: null }, async () => {
        await federation.cancelInvitation(input.id);
        return { invitationId: input.id };
      }),
  }),
);
