import type { PeerWordsFragment } from '../generated/graphql.ts';
import { stateOf } from '../scripts/words.ts';

/** Something is wrong with the peer, or waits for a decision. */
export function needsLook(
  peer: PeerWordsFragment & { operations: { pull: { heldRemovals: number } | null } | null },
): boolean {
  return stateOf(peer).mood === 'ill' || (peer.operations?.pull?.heldRemovals ?? 0) > 0;
}
