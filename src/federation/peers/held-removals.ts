import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { resolveHeldItems } from '../pull/pull-peer.ts';

/**
 * Carries out what an admin decided about a mass removal that was held.
 *
 * @throws HedgerowError NOT_FOUND; CONFLICT where nothing is held, or the peer is paused or revoked
 */
export async function resolveHeldRemovals(
  context: FederationContext,
  peerId: string,
  decision: 'REMOVE' | 'KEEP',
  purgeItem: (itemKey: number, source: number) => Promise<void>,
): Promise<void> {
  const { prisma } = context.database;
  const peer = await prisma.peer.findUnique({ where: { id: peerId } });
  if (peer === null) throw new HedgerowError('NOT_FOUND', 'There is no such peer.');
  if (peer.status === 'PAUSED') throw new HedgerowError('CONFLICT', 'The peer is paused; resume it first.');
  if (peer.heldCount === 0) throw new HedgerowError('CONFLICT', 'No removal of this peer is held.');
  await resolveHeldItems(context.database, peer.key, decision, {
    now: context.now,
    onStale: async (items) => {
      for (const item of items) await purgeItem(item.key, peer.key);
    },
  });
  await context.audit.record({
    actorKind: 'SYSTEM',
    action: 'removals.resolved',
    target: peerId,
    peerId,
    outcome: 'done',
    detail: { decision, items: peer.heldCount },
  });
}
