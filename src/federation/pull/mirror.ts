/**
 * Fetches everything of a peer whose cache mode is MIRROR, file after file, as long as there is room: nothing that is
 * kept is evicted for what nobody has asked for. Thumbnails have a queue of their own (thumbnails.ts).
 */
import type { Item } from '../../catalog/items.ts';
import { itemsAfter } from '../../catalog/mirror.ts';
import type { Database } from '../../database/database.ts';
import { HedgerowError, isCode } from '../../lib/errors.ts';

const BATCH = 64;
/** s that a round waits at most where the peer asks us to slow down; beyond that the next pull takes it up. */
const PATIENCE = 120;

export interface MirrorOptions {
  database: Database;
  /** Fetches, verifies and keeps what is not here of these items' files, in their order. */
  fetch: (item: Item, signal: AbortSignal) => Promise<MirroredItem>;
  /** Those of the items whose files are all here. */
  here: (items: readonly Item[]) => Promise<ReadonlySet<number>>;
  /** Whether everything of the peer is to be kept. */
  wanted: () => Promise<boolean>;
  sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** `full` where there is no room for the next file. */
export type MirroredItem = 'here' | 'refused' | 'full';

/**
 * One round over all items, which ends early where there is no more room, the peer does not answer, or the mode is
 * another by then. What failed is tried again by the next round, which follows the next pull.
 */
export async function mirror(source: number, options: MirrorOptions, signal: AbortSignal): Promise<void> {
  for (let after = 0; !signal.aborted && (await options.wanted()); ) {
    const items = await itemsAfter(options.database.read, source, after, BATCH);
    if (items.length === 0) return;
    const here = await options.here(items);
    for (const item of items) {
      after = item.key;
      if (here.has(item.key)) continue;
      if (!(await mirrorOne(item, options, signal))) return;
    }
  }
}

/** False where the round ends. */
async function mirrorOne(item: Item, { fetch, sleep }: MirrorOptions, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    if (signal.aborted) return false;
    try {
      return (await fetch(item, signal)) !== 'full';
    } catch (error) {
      if (signal.aborted) return false;
      if (!(error instanceof HedgerowError)) throw error;
      if (isCode(error, 'PEER_RATE_LIMITED') && (error.retryAfter ?? PATIENCE + 1) <= PATIENCE) {
        await sleep((error.retryAfter ?? 1) * 1000, signal).catch(() => {});
        continue;
      }
      // What is wrong with one item says nothing of the next; whatever else there is, it is the peer.
      return isCode(error, 'NOT_FOUND', 'MEDIA_GONE', 'INTEGRITY_FAILED', 'PEER_INVALID_ANSWER');
    }
  }
}
