/**
 * A store that is looked at: while it does not answer, nobody waits for it, and whoever asks how the process is learns it.
 */
import { HedgerowError, isCode } from '../lib/errors.ts';
import type { BlobStore } from './blob-store.ts';
import { originalKey } from './paths.ts';

/** Nothing is wrong with what was asked for. */
export class StoreAwayError extends HedgerowError {}

export interface WatchedStore extends BlobStore, Disposable {
  /** Whether it does not answer. */
  readonly away: boolean;
}

/** ms between two questions, and that an answer may take before the store is asked once more. */
const EVERY = 2_000;
const PATIENCE = 3_000;
/** Seconds */
export const RETRY_AFTER = 5;
/** Of no bytes that anybody has. */
const NOBODYS = originalKey('0'.repeat(64));

export function watchStore(store: BlobStore, every = EVERY, patience = PATIENCE): WatchedStore {
  let away = false;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;

  const answers = async (): Promise<boolean> => {
    let late: NodeJS.Timeout | undefined;
    const silence = new Promise<false>((resolve) => {
      late = setTimeout(() => resolve(false), patience).unref();
    });
    // Whatever it says but that it cannot be used is an answer.
    const answer = store.stat(NOBODYS).then(
      () => true,
      (error: unknown) => !isCode(error, 'UNAVAILABLE'),
    );
    const heard = await Promise.race([answer, silence]);
    clearTimeout(late);
    return heard;
  };
  const look = async (): Promise<void> => {
    // A process that was busy for seconds may have heard nothing.
    const there = (await answers()) || (!away && !ended && (await answers()));
    if (ended) return;
    away = !there;
    timer = setTimeout(() => void look(), every).unref();
  };
  void look();

  const refused = (cause?: unknown): StoreAwayError =>
    new StoreAwayError(
      'UNAVAILABLE',
      'The store of files does not answer right now; this is tried again by itself.',
      { retryAfter: RETRY_AFTER, ...(cause !== undefined && { cause }) },
    );
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    if (away) throw refused();
    try {
      return await work();
    } catch (error) {
      throw isCode(error, 'UNAVAILABLE') ? refused(error) : error;
    }
  };
  return {
    get away() {
      return away;
    },
    stat: (key) => guarded(() => store.stat(key)),
    read: (key, range) => guarded(() => store.read(key, range)),
    bytes: (key, start, length) => guarded(() => store.bytes(key, start, length)),
    write: async (key, source, options) => {
      // Whoever gives a source away does not end it any more.
      if (away && !Buffer.isBuffer(source)) source.destroy();
      return guarded(() => store.write(key, source, options));
    },
    delete: (key) => guarded(() => store.delete(key)),
    deleteAll: (prefix) => guarded(() => store.deleteAll(prefix)),
    copyAll: (from, to) => guarded(() => store.copyAll(from, to)),
    list: (prefix) => store.list(prefix),
    sweep: (olderThan) => guarded(() => store.sweep(olderThan)),
    [Symbol.dispose]: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
}
