/**
 * What was read while the catalog's counters stood as they stand now that the database is gone: it is still right, since nobody
 * can change anything meanwhile. See docs/adr/0086-the-database-goes-away.md.
 */
import { LRUCache } from 'lru-cache';
import type { Counters, Outage } from '../database/outage.ts';
import { isCode } from '../lib/errors.ts';

const READS = 5_000;

/** Reads, and recalls what was read under the same name where the database is gone. Only what the revision moves with may be. */
export type Recall<T extends object> = (name: string, read: () => Promise<T | null>) => Promise<T | null>;

export function createRecall<T extends object>(outage: Outage): Recall<T> {
  const known = new LRUCache<string, { found: T; counters: string }>({ max: READS });
  return async (name, read) => {
    // As they were before it was read, so that what is remembered is at least as new.
    const { counters } = outage;
    try {
      const found = await read();
      if (found === null) known.delete(name);
      else if (counters !== null) known.set(name, { found, counters: nameOf(counters) });
      return found;
    } catch (error) {
      const { standing } = outage;
      const before = known.get(name);
      if (!isCode(error, 'UNAVAILABLE') || standing === null || before?.counters !== nameOf(standing)) {
        throw error;
      }
      return before.found;
    }
  };
}

/** Who sees an item moves the revision, whatever else is told of its peer. */
function nameOf({ epoch, revision }: Counters): string {
  return `${epoch} ${revision}`;
}
