/** Pairing and what an admin does with a peer. */

import { builder } from './builder.ts';
import type { GraphqlContext } from './context.ts';
import { GrantInput, grantFromInput } from './grant.ts';
import { AudienceEnum, CacheModeEnum, Peer } from './peer.ts';
import { PeerLimitsInput } from './peer-limits.ts';
import { Pull } from './pull.ts';
import { attempt, type Outcome, UserError } from './user-error.ts';

type PeerOutcome = Outcome<{ peerId: string | null; notice?: string | undefined }>;

export function peerPayload(name: string, description: string) {
  return builder.objectRef<PeerOutcome>(name).implement({
    description,
    fields: (t) => ({
      peer: t.prismaField({
        type: Peer,
        nullable: true,
        description: 'The peer; null where it went wrong.',
        // Read anew: an earlier change of the same request is not shown.
        resolve: (query, { peerId }, _args, { database }) =>
          peerId === null ? null : database.prisma.peer.findUnique({ ...query, where: { id: peerId } }),
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });
}

export function changePeer(
  work: () => Promise<{ peerId: string; notice?: string | undefined }>,
): Promise<PeerOutcome> {
  return attempt<{ peerId: string | null; notice?: string | undefined }>({ peerId: null }, work);
}

const PairWithPeerInput = builder.inputType('PairWithPeerInput', {
  description: 'Takes up an invitation of another server.',
  fields: (t) => ({
    invitation: t.string({ required: true, description: 'The code that was handed over.' }),
    name: t.string({ description: 'What to call the peer here; else as it calls itself.' }),
    endpoint: t.field({
      type: 'URL',
      description: "Dial this instead of the invitation's URL; the identity stays the invitation's.",
    }),
    shareBack: t.field({
      type: GrantInput,
      description: 'Where the invitation asks for it, what they get of ours; null shares nothing.',
    }),
  }),
});

const PairWithPeerPayload = peerPayload('PairWithPeerPayload', 'What became of taking up an invitation.');

builder.objectField(PairWithPeerPayload, 'notice', (t) =>
  t.string({
    nullable: true,
    description: 'For people: what did not come about, although the two are paired. Null where all did.',
    resolve: ({ notice }) => notice ?? null,
  }),
);

builder.mutationField('pairWithPeer', (t) =>
  t.field({
    type: PairWithPeerPayload,
    description: 'Pairs with the server that made the invitation.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: PairWithPeerInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      changePeer(async () =>
        context.federation.pairWithPeer({
          code: input.invitation,
          name: input.name ?? null,
          endpoint: input.endpoint ?? null,
          shareBack:
            input.shareBack == null ? null : await grantFromInput(input.shareBack, context, ['shareBack']),
        }),
      ),
  }),
);

const UpdatePeerInput = builder.inputType('UpdatePeerInput', {
  description: 'Changes of a peer; what is left out stays.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Of the peer.' }),
    name: t.string({ description: 'What the peer is called here.' }),
    endpoint: t.field({ type: 'URL', description: 'Where it is dialled.' }),
    paused: t.boolean({ description: 'Whether pulling rests.' }),
    interval: t.int({ description: 'Seconds between pulls where no event stream is open.' }),
    cacheMode: t.field({ type: CacheModeEnum, description: 'Which of its bytes are kept here.' }),
    cacheBudget: t.field({
      type: 'BigInt',
      description: 'Bytes that its files may take here; null takes the limit back.',
    }),
    audience: t.field({ type: AudienceEnum, description: "Which of this instance's people see its items." }),
    grant: t.field({ type: GrantInput, description: 'What it may see of ours; in force at once.' }),
    limits: t.field({ type: PeerLimitsInput, description: 'What it may ask of us.' }),
  }),
});

builder.mutationField('updatePeer', (t) =>
  t.field({
    type: peerPayload('UpdatePeerPayload', 'What became of changing a peer.'),
    description: 'Changes how a peer is called, dialled, kept and shown.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: UpdatePeerInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      changePeer(async () => {
        const { id, name, endpoint, paused, interval, cacheMode, cacheBudget, audience, limits, grant } =
          input;
        await context.federation.updatePeer(id, {
          name: name ?? undefined,
          endpoint: endpoint ?? undefined,
          paused: paused ?? undefined,
          interval: interval ?? undefined,
          cacheMode: cacheMode ?? undefined,
          cacheBudget,
          audience: audience ?? undefined,
          grant: grant == null ? undefined : await grantFromInput(grant, context, ['grant']),
          limits: limits ?? undefined,
        });
        return { peerId: id };
      }),
  }),
);

const RevokePeerInput = builder.inputType('RevokePeerInput', {
  description: 'Ends a pairing.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Of the peer.' }),
    keepCached: t.boolean({
      required: true,
      defaultValue: false,
      description: 'Bytes stay on disk, unserved, for pairing again.',
    }),
  }),
});

builder.mutationField('revokePeer', (t) =>
  t.field({
    type: peerPayload('RevokePeerPayload', 'What became of ending a pairing.'),
    description: 'Ends a pairing: its items are gone from here at once, and it gets nothing any more.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: RevokePeerInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { federation }) =>
      changePeer(async () => {
        await federation.revokePeer(input.id, { keepCached: input.keepCached });
        return { peerId: input.id };
      }),
  }),
);

const RefreshPeerInput = builder.inputType('RefreshPeerInput', {
  description: 'Asks for a pull.',
  fields: (t) => ({ id: t.id({ description: 'Of the peer; without one, every active peer.' }) }),
});

const RefreshPeerPayload = builder.objectRef<Outcome<{ pullIds: string[] }>>('RefreshPeerPayload').implement({
  description: 'What became of asking for a pull.',
  fields: (t) => ({
    pulls: t.prismaField({
      type: [Pull],
      description: 'The runs that were queued, or were under way already.',
      resolve: (query, { pullIds }, _args, { database }) => readPulls(query, pullIds, database),
    }),
    userErrors: t.field({
      type: [UserError],
      description: 'What the caller can put right.',
      resolve: (payload) => payload.userErrors,
    }),
  }),
});

builder.mutationField('refreshPeer', (t) =>
  t.field({
    type: RefreshPeerPayload,
    description: 'Without an id: every active peer. Answers at once; the pull goes on.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: RefreshPeerInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { federation }) =>
      attempt<{ pullIds: string[] }>({ pullIds: [] }, () => federation.refresh(input.id ?? null)),
  }),
);

async function readPulls(query: object, pullIds: readonly string[], { prisma }: GraphqlContext['database']) {
  return pullIds.length === 0
    ? []
    : prisma.pull.findMany({ ...query, where: { id: { in: [...pullIds] } }, orderBy: { id: 'asc' } });
}
