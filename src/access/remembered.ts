/**
 * Who was let in a moment before the database went away. While it is gone nobody can be shut out either, so these go on being
 * who they were: see docs/adr/0086-the-database-goes-away.md.
 */

import type { Outage } from '../database/outage.ts';
import { entriesCache } from '../lib/entries-cache.ts';
import { isCode } from '../lib/errors.ts';
import { hashSecret } from './secrets.ts';
import type { Viewer } from './viewer.ts';

/** ms within which whoever was shut out by another process is out here, too. */
const STANDING = 5_000;
const VIEWERS = 10_000;

export interface Remembered {
  /** What `find` answers; where the database is gone, what it answered just before that. */
  viewer(secret: string, find: () => Promise<Viewer | null>): Promise<Viewer | null>;
  /** Somebody's rights have changed. */
  forget(): void;
}

export function createRemembered(outage: Outage): Remembered {
  const known = entriesCache<string, { viewer: Viewer; at: number }>(VIEWERS);
  return {
    viewer: async (secret, find) => {
      const at = Date.now();
      try {
        const viewer = await find();
        // Of a database that is in this process nothing needs to be remembered.
        if (outage.counters === null) return viewer;
        const key = hashSecret(secret);
        if (viewer === null) known.delete(key);
        else known.set(key, { viewer, at });
        return viewer;
      } catch (error) {
        if (!isCode(error, 'UNAVAILABLE') || outage.standing === null) throw error;
        const before = known.get(hashSecret(secret));
        if (before === undefined || before.at < outage.seenAt - STANDING) throw error;
        return before.viewer;
      }
    },
    forget: () => known.clear(),
  };
}
