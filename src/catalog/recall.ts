/**
 * What was read once is still right while the catalog's counters stand as they stood then: asking for these costs a small part
 * of reading an item. Where the database is gone nobody can move them, so that what is known then is told on: see
 * docs/adr/0086-the-database-goes-away.md.
 */
import { LRUCache } from 'lru-cache';
import type { Counters } from '../database/counters.ts';
import type { Database } from '../database/database.ts';
import { isCode } from '../lib/errors.ts';

/** Characters of what is remembered, written as JSON, with its names. */
const CHARACTERS = 16 * 1024 * 1024;

/**
 * Reads what has this name, or recalls it. Only what the counters move with may be read, and whoever gets it changes nothing in
 * it: others get the same object.
 */
export interface Recall<T extends object> {
  (name: string, read: () => Promise<T | null>): Promise<T | null>;
  /** What has this name, where it is remembered and the counters stand so; else null. */
  known(name: string, at: Counters): T | null;
}

export function createRecall<T extends object>({
  counters,
  outage,
}: Pick<Database, 'counters' | 'outage'>): Recall<T> {
  const known = new LRUCache<string, { found: T; at: Counters }>({
    maxSize: CHARACTERS,
    sizeCalculation: ({ found }, name) => JSON.stringify(found).length + name.length + 200,
  });
  const recall = async (name: string, find: () => Promise<T | null>): Promise<T | null> => {
    const before = known.get(name);
    try {
      // As they stood before it is read, so that what is remembered is at least as new. Those that were seen last are older
      // perhaps, and for what is read for the first time they cost no statement.
      const at = (before === undefined ? outage.counters : null) ?? counters.now() ?? (await counters.read());
      if (before !== undefined && standAll(before.at, at)) return before.found;
      const found = await find();
      if (found === null) known.delete(name);
      else known.set(name, { found, at });
      return found;
    } catch (error) {
      const { standing } = outage;
      // Who sees an item moves the revision, whatever else is told of its peer.
      if (!isCode(error, 'UNAVAILABLE') || standing === null || before === undefined) throw error;
      if (!stand(before.at, standing)) throw error;
      return before.found;
    }
  };
  const find = (name: string, at: Counters): T | null => {
    const before = known.get(name);
    return before !== undefined && standAll(before.at, at) ? before.found : null;
  };
  return Object.assign(recall, { known: find });
}

function standAll(before: Counters, now: Counters): boolean {
  return stand(before, now) && before.peersRevision === now.peersRevision;
}

function stand(before: Counters, now: Counters): boolean {
  return before.epoch === now.epoch && before.revision === now.revision;
}
