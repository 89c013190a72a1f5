/** One at a time for each key; other keys do not wait. */

interface KeyedLock {
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
}

function createKeyedLock(): KeyedLock {
  const tails = new Map<string, Promise<unknown>>();
  return {
    run: async (key, work) => {
      const before = tails.get(key);
      const turn = (async () => {
        await before?.catch(() => {});
        return work();
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
export const originals: KeyedLock = createKeyedLock();

/**
 * By the thumbhash of small pictures: from the moment that they are stored until the item that needs them is there.
 * Different originals can have the same ones, so whoever deletes those of one item could take another's.
 */
export const renditions: KeyedLock = createKeyedLock();
