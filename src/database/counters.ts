/**
 * The catalog's counters: whatever is shown of it is right while these stand as they stood before it was read. They are asked
 * for at each request, so this is the shortest way to them.
 */
import { shared } from '../lib/shared.ts';
import { type Sql, prepared } from './sql.ts';

export interface Counters {
  epoch: string;
  revision: number;
  peersRevision: number;
}

export const COUNTERS = `SELECT epoch, revision, peers_revision AS "peersRevision" FROM catalog_state WHERE id = 1`;

export interface CatalogCounters {
  /**
   * Where they can be told at once: on SQLite as they stand at this moment; on PostgreSQL as they stood less than a second ago, and
   * after whatever this process has written. Null: ask.
   */
  now(): Counters | null;
  /**
   * As they stand at some moment after the call; one statement for all who ask meanwhile.
   *
   * @throws HedgerowError UNAVAILABLE
   */
  read(): Promise<Counters>;
}

const STATEMENT = prepared(COUNTERS, []);

/**
 * @param now - what is known at once
 * @param onRead - told of what was read, and when that was asked for (ms, monotonic)
 */
export function createCounters(
  read: Sql,
  now: () => Counters | null,
  onRead: (counters: Counters, askedAt: number) => void = () => {},
): CatalogCounters {
  return {
    now,
    read: shared(async () => {
      const askedAt = performance.now();
      const counters = await read.get<Counters>(STATEMENT);
      if (counters === undefined)
        throw new Error('The catalog has no counters; the database was not set up.');
      onRead(counters, askedAt);
      return counters;
    }),
  };
}
