/** One at a time for each key, in this process and in those beside it; other keys do not wait. */
import type { Processes } from '../database/processes.ts';

interface KeyedLock {
  /** @param processes - those beside this one; none unless told */
  run<T>(key: string, work: () => Promise<T>, processes?: Pick<Processes, 'several' | 'only'>): Promise<T>;
}

function createKeyedLock(name: string): KeyedLock {
  const tails = new Map<string, Promise<unknown>>();
  return {
    run: async (key, work, processes) => {
      const before = tails.get(key);
      const turn = (async () => {
        await before?.catch(() => {});
        return processes?.several ? processes.only(`${name} ${key}`, work) : work();
      })();
      tails.set(key, turn);
      try {
        return await turn;
      } finally {
        if (tails.get(key) === turn) tails.delete(key);
      }
    },
  };
}

/**
 * By the digest of an original: from the look whether its item is there to the moment that it is, so that the same
 * bytes become one item. Whoever adds local items holds it.
 */
export const originals: KeyedLock = createKeyedLock('original');

/**
 * By the thumbhash of small pictures: from the moment that they are stored until the item that needs them is there.
 * Different originals can have the same ones, so whoever deletes those of one item could take another's.
 */
export const renditions: KeyedLock = createKeyedLock('renditions');
