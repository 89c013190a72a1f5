/**
 * The counters that whatever is shown hangs on: it is right while these stand as they stood before it was read. They are asked for at
 * each request, so this is the shortest way to them.
 */
import { shared } from '../lib/shared.ts';
import { prepared, type Sql } from './sql.ts';

export interface Counters {
  epoch: string;
  /** Of any change of the catalog. */
  revision: number;
  /** Of what everybody is told of peers. */
  peersRevision: number;
  /**
   * Another text after somebody was shut out or given other rights. Of rows that are added and soon removed: one that is committed
   * late, under an earlier number than others that were seen, changes it all the same.
   */
  access: string;
}

export const COUNTERS = `SELECT epoch, revision, peers_revision AS "peersRevision", (SELECT COALESCE(MIN(id), 0) || ' ' || COALESCE(MAX(id), 0) || ' ' || COUNT(*) FROM access_changes) AS access FROM catalog_state WHERE id = 1`;

export interface CatalogCounters {
  /** As they stand at this moment, where that can be told at once: on SQLite. Null: ask. */
  now(): Counters | null;
  /**
   * As they are at some moment after the call; one statement for all who ask meanwhile.
   *
   * @throws HedgerowError UNAVAILABLE
   */
  read(): Promise<Counters>;
}

const STATEMENT = prepared(COUNTERS, []);

/** @param now - where they can be told at once; null in a database that is new */
export function createCounters(read: Sql, now: () => Counters | null = () => null): CatalogCounters {
  return {
    now,
    read: shared(async () => {
      const counters = await read.get<Counters>(STATEMENT);
      if (counters === undefined)
        throw new Error('The catalog has no counters; the database was not set up.');
      return counters;
    }),
  };
}
