/** What an admin decides where a peer would take away much of its catalog at once. */

import { builder } from './builder.ts';
import { changePeer, peerPayload } from './peer-mutations.ts';

const HeldRemovalsDecision = builder.enumType('HeldRemovalsDecision', {
  description: 'What becomes of items that a peer lists no longer and that are held.',
  values: {
    REMOVE: { description: 'They go, with what is kept of their bytes.' },
    KEEP: { description: 'They stay, with the bytes that are here, although the peer lists them no longer.' },
  } as const,
});

const ResolveHeldRemovalsInput = builder.inputType('ResolveHeldRemovalsInput', {
  description: 'Decides about the removals that are held.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Of the peer.' }),
    decision: t.field({ type: HeldRemovalsDecision, required: true, description: 'What becomes of them.' }),
  }),
});

builder.mutationField('resolveHeldRemovals', (t) =>
  t.field({
    type: peerPayload('ResolveHeldRemovalsPayload', 'What became of the decision.'),
    description: 'Carries out a mass removal of a peer that was held, or keeps the items.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: ResolveHeldRemovalsInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { federation }) =>
      changePeer(async () => {
        await federation.resolveHeldRemovals(input.id, input.decision);
        return { peerId: input.id };
      }),
  }),
);
