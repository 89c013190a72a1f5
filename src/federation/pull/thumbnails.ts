/** Fetches the thumbnails of one peer ahead of anybody's asking, a few at once, until none is wanted. */
import type { Item } from '../../catalog/items.ts';
import {
  nextThumbnailAt,
  thumbnailFailed,
  thumbnailFetched,
  wantedThumbnails,
} from '../../catalog/thumbnail-queue.ts';
import type { Database } from '../../database/database.ts';
import { HedgerowError, isCode } from '../../lib/errors.ts';
import { askedPause, retryDelay } from '../peers/health.ts';

const AT_ONCE = 4;
const BATCH = 64;

export interface ThumbnailOptions {
  database: Database;
  /** Fetches, verifies and keeps one; true where it is here now, false where it must not be kept. */
  fetch: (item: Item, signal: AbortSignal) => Promise<boolean>;
  now: () => number;
  random: () => number;
}

/**
 * Works until nothing is due, and answers when something will be: ms since 1970, or null.
 *
 * A failure of one item is tried again later, with its own backoff; a failure of the peer (not reachable, too
 * fast) ends the round, and nothing of the queue is lost by it. One that refuses us is not asked again: the next
 * pull that succeeds takes the queue up.
 */
export async function fetchThumbnails(
  source: number,
  options: ThumbnailOptions,
  signal: AbortSignal,
): Promise<number | null> {
  const { database, now } = options;
  while (!signal.aborted) {
    const items = await wantedThumbnails(database.read, source, BATCH, now());
    if (items.length === 0) break;
    const queue = [...items];
    let pause: number | null = null;
    const worker = async (): Promise<void> => {
      for (
        let item = queue.shift();
        item !== undefined && pause === null && !signal.aborted;
        item = queue.shift()
      ) {
        const again = await fetchOne(item, options, signal);
        if (again !== null) pause = again;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    if (pause === Number.POSITIVE_INFINITY) return null;
    if (pause !== null) return now() + pause;
  }
  return nextThumbnailAt(database.read, source);
}

/** Null, or for how many ms the peer should be left alone. */
async function fetchOne(
  item: Item & { attempts: number },
  { database, fetch, now, random }: ThumbnailOptions,
  signal: AbortSignal,
): Promise<number | null> {
  try {
    const kept = await fetch(item, signal);
    // What must not be kept would be asked for again and again; it is fetched when somebody looks.
    await database.writeRecoverable((tx) =>
      kept
        ? thumbnailFetched(tx, item.key, item.version)
        : thumbnailFailed(tx, item.key, item.version, 99, 0),
    );
    return null;
  } catch (error) {
    if (signal.aborted) return 0;
    if (isCode(error, 'REVOKED', 'CREDENTIAL_REFUSED', 'GRANT_ENDED')) return Number.POSITIVE_INFINITY;
    // The peer says itself when it is ready for more; to wait longer would only leave its limit unused.
    if (isCode(error, 'PEER_RATE_LIMITED')) return (error.retryAfter ?? 60) * 1000 * (1 + random() / 4);
    if (isCode(error, 'PEER_UNREACHABLE', 'PEER_TIMEOUT', 'PEER_IDENTITY', 'CLOCK_SKEW')) {
      return retryDelay(3, askedPause(error), random());
    }
    if (!(error instanceof HedgerowError)) throw error;
    const attempts = item.attempts + 1;
    await database.writeRecoverable((tx) =>
      thumbnailFailed(
        tx,
        item.key,
        item.version,
        attempts,
        now() + retryDelay(attempts, askedPause(error), random()),
      ),
    );
    return null;
  }
}
