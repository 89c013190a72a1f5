/**
 * A process that was killed, as far as others can tell: from one step on nothing that it asks of its store or database
 * happens, and nothing is ever answered.
 */

import type { Database } from '../../src/database/database.ts';
import type { BlobStore } from '../../src/storage/blob-store.ts';

export interface Dying {
  store: BlobStore;
  database: Database;
  /** Once it has come to that step. */
  died: Promise<void>;
}

/** @param at - the step, from 1, before which it dies; writes, deletions and transactions are steps */
export function frozenAt(at: number, { store, database }: { store: BlobStore; database: Database }): Dying {
  let left = at;
  let dead = false;
  const { promise: died, resolve } = Promise.withResolvers<void>();
  const die = (): void => resolve();
  const never = <T>(): Promise<T> => new Promise<T>(() => {});
  const underWay = new Set<Promise<unknown>>();
  const isStep = (): boolean => {
    left -= 1;
    if (left > 0) return false;
    dead = true;
    // What it had sent before is done by whoever got it.
    void Promise.allSettled(underWay).then(die);
    return true;
  };
  const step = <T>(work: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> => {
    if (dead) return never();
    if (!isStep()) {
      const done = work();
      const noted = done.catch(() => {}).finally(() => underWay.delete(noted));
      underWay.add(noted);
      return done;
    }
    return (half?.() ?? Promise.resolve()).then(() => never<T>());
  };
  return {
    died,
    store: {
      ...store,
      // All at once: a directory that is read no further would never be closed.
      list: async function* (prefix) {
        yield* await Array.fromAsync(store.list(prefix));
      },
      stat: (key) => (dead ? never() : store.stat(key)),
      read: (key, range) => (dead ? never() : store.read(key, range)),
      bytes: (key, start, length) => (dead ? never() : store.bytes(key, start, length)),
      write: (key, source, options) => step(() => store.write(key, source, options)),
      delete: (key) => step(() => store.delete(key)),
      deleteAll: (prefix) =>
        step(
          () => store.deleteAll(prefix),
          async () => {
            // It is no single step: something of it may have happened.
            for await (const { key } of store.list(prefix)) return store.delete(key);
          },
        ),
      copyAll: (from, to) => step(() => store.copyAll(from, to)),
    },
    database: {
      ...database,
      read: database.read,
      write: (work) => step(() => database.write(work)),
      writeRecoverable: (work) => step(() => database.writeRecoverable(work)),
    },
  };
}
