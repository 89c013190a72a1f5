/** Servers of other make: pulling from one, and letting one pull. */

import { builder } from './builder.ts';
import { GrantInput, grantFromInput } from './grant.ts';
import { DialectEnum, Peer } from './peer.ts';
import { changePeer, peerPayload } from './peer-mutations.ts';
import { attempt, type Outcome, UserError } from './user-error.ts';

const AddPeerInput = builder.inputType('AddPeerInput', {
  description: 'A server of another make, or without keys.',
  fields: (t) => ({
    endpoint: t.field({ type: 'URL', required: true, description: 'Base URL of the server.' }),
    token: t.string({ description: 'What it asks for: an API key or a token, as it was issued.' }),
    dialect: t.field({ type: DialectEnum, description: 'Null: found by probing.' }),
    name: t.string({ description: 'What to call the peer here; else as it calls itself.' }),
  }),
});

builder.mutationField('addPeer', (t) =>
  t.field({
    type: peerPayload('AddPeerPayload', 'What became of adding a server of another make.'),
    description: 'Pulls from a server of another make from now on; nothing of it is verified by a key.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: AddPeerInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { federation }) =>
      changePeer(() =>
        federation.addPeer({
          endpoint: input.endpoint,
          token: input.token ?? null,
          dialect: input.dialect ?? null,
          name: input.name ?? null,
        }),
      ),
  }),
);

const CreatePeerCredentialInput = builder.inputType('CreatePeerCredentialInput', {
  description: 'A token for a peer of another make that pulls from us; shown once.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What the peer is called here.' }),
    dialect: t.field({ type: DialectEnum, required: true, description: 'Whose routes the token opens.' }),
    grant: t.field({ type: GrantInput, description: 'What it may see; without it, all that peers may.' }),
  }),
});

type CredentialOutcome = Outcome<{ peerId: string | null; token: string | null }>;

const CreatePeerCredentialPayload = builder
  .objectRef<CredentialOutcome>('CreatePeerCredentialPayload')
  .implement({
    description: 'What became of making a token for a peer of another make.',
    fields: (t) => ({
      peer: t.prismaField({
        type: Peer,
        nullable: true,
        description: 'The peer; null where it went wrong.',
        resolve: (query, { peerId }, _args, { database }) =>
          peerId === null ? null : database.prisma.peer.findUnique({ ...query, where: { id: peerId } }),
      }),
      token: t.exposeString('token', { nullable: true, description: 'Shown once.' }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('createPeerCredential', (t) =>
  t.field({
    type: CreatePeerCredentialPayload,
    description: 'Lets a server of another make pull from here. revokePeer ends it.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: CreatePeerCredentialInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      attempt<{ peerId: string | null; token: string | null }>({ peerId: null, token: null }, async () =>
        context.federation.createPeerCredential({
          name: input.name,
          dialect: input.dialect,
          grant: await grantFromInput(input.grant, context, ['grant']),
        }),
      ),
  }),
);
