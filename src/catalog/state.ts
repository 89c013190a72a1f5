/** The counters of the catalog: revision, sequence of the feed, checksum of what is shared. */
import { randomBytes } from 'node:crypto';
import type { Database } from '../database/database.ts';
import { integers, texts } from '../database/lists.ts';
import { prepared, type Sql, sql } from '../database/sql.ts';
import {
  addChecksum,
  CHECKSUM_MODULUS,
  type Checksum,
  checksumTerm,
  EMPTY_CHECKSUM,
  subtractChecksum,
} from '../lib/checksum.ts';
import type { SharedState } from './grant.ts';
import { type PairChange, recordForPairs } from './pair-views.ts';

export interface CatalogState {
  epoch: string;
  revision: number;
  sequence: number;
  sharedCount: number;
  checksum: Checksum;
  removalFloor: number;
  /**
   * Moves with whatever everybody is told of a peer; where it concerns who sees its items, so does `revision`. Triggers
   * on `federation_peers` move both, whoever writes there.
   */
  peersRevision: number;
}

interface StateRow {
  epoch: string;
  revision: number;
  sequence: number;
  sharedCount: number;
  first: number;
  second: number;
  removalFloor: number;
  peersRevision: number;
}

const COLUMNS = sql`epoch, revision, sequence, shared_count AS "sharedCount", checksum_first AS "first", checksum_second AS "second", removal_floor AS "removalFloor", peers_revision AS "peersRevision"`;

/** Asked for at each request, so its text is put together once; both databases read it. */
const STATE = prepared(sql`SELECT ${COLUMNS} FROM catalog_state WHERE id = 1`.sql, []);

/** Makes the one row of counters where the database is new. */
export async function ensureState(database: Database): Promise<void> {
  const epoch = randomBytes(12).toString('base64url');
  await database.write((tx) =>
    tx.run(sql`INSERT INTO catalog_state (id, epoch) VALUES (1, ${epoch}) ON CONFLICT (id) DO NOTHING`),
  );
}

export async function readState(database: Sql): Promise<CatalogState> {
  const row = await database.get<StateRow>(STATE);
  if (row === undefined) throw new Error('The catalog has no counters; the database was not set up.');
  return stateFromRow(row);
}

/** What happened to one shared item in a transaction. `before` is null where it was not shared. */
export type SharedChange =
  | { type: 'put'; key: number; id: string; before: SharedState | null; after: SharedState }
  | { type: 'removed'; key: number; id: string; before: SharedState; reason: 'deleted' | 'unshared' };

/**
 * Gives the transaction its revision, and each changed shared item the next number of the one sequence.
 *
 * It must be the last thing that a transaction does, but for rows that it writes with the revision: on PostgreSQL the row of counters stays locked from here
 * until the commit, so numbers become visible in the order in which they are given, and a reader who has seen
 * a number will never find a smaller one later.
 */
export async function finishChange(
  tx: Sql,
  changes: readonly SharedChange[],
  touched: readonly number[],
  now: number,
): Promise<number> {
  let checksum = EMPTY_CHECKSUM;
  let shared = 0;
  for (const { id, before, ...change } of changes) {
    if (before !== null) {
      checksum = subtractChecksum(checksum, checksumTerm(id, before.version));
      shared -= 1;
    }
    if (change.type === 'put') {
      checksum = addChecksum(checksum, checksumTerm(id, change.after.version));
      shared += 1;
    }
  }
  // All in one statement: whoever writes waits from here on.
  const counters = await tx.get<StateRow>(
    sql`UPDATE catalog_state SET revision = revision + 1, sequence = sequence + ${changes.length}, shared_count = shared_count + ${shared}, checksum_first = (checksum_first + ${checksum.first}) % ${CHECKSUM_MODULUS}, checksum_second = (checksum_second + ${checksum.second}) % ${CHECKSUM_MODULUS} WHERE id = 1 RETURNING ${COLUMNS}`,
  );
  if (counters === undefined) throw new Error('The catalog has no counters; the database was not set up.');
  const state = stateFromRow(counters);
  const first = state.sequence - changes.length + 1;
  const puts = changes.flatMap((change, at): Put[] =>
    change.type === 'put' ? [{ ...change, sequence: first + at }] : [],
  );
  const numbered = new Set(puts.map(({ key }) => key));
  await setRevision(
    tx,
    touched.filter((key) => !numbered.has(key)),
    state.revision,
  );
  const also = new Set(touched);
  await setSequence(tx, puts, (key) => (also.has(key) ? state.revision : null));
  await nameDepartures(tx, state.revision);
  if (changes.length === 0) return state.revision;

  const forPairs: PairChange[] = [];
  for (const [at, change] of changes.entries()) {
    const sequence = first + at;
    const { key, id, before } = change;
    const [after, reason] = change.type === 'put' ? [change.after, ''] : [null, change.reason];
    forPairs.push({ sequence, key, id, before, after, reason });
    if (change.type === 'removed') {
      await tx.run(
        sql`INSERT INTO removals (item_id, sequence, reason, at) VALUES (${id}, ${sequence}, ${change.reason}, ${now}) ON CONFLICT (item_id) DO UPDATE SET sequence = excluded.sequence, reason = excluded.reason, at = excluded.at`,
      );
    }
  }
  // One that was shared until now has no tombstone.
  const shown = puts.filter(({ before }) => before === null).map(({ id }) => id);
  if (shown.length > 0) {
    await tx.run(sql`DELETE FROM removals WHERE item_id IN (${texts(tx, JSON.stringify(shown))})`);
  }
  await recordForPairs(tx, forPairs, now);
  await tx.run(
    sql`INSERT INTO sequence_marks (last_sequence, first_sequence, mark, at) VALUES (${state.sequence}, ${first}, ${randomBytes(9).toString('base64url')}, ${now})`,
  );
  return state.revision;
}

/** Items carry the revision of their last change, by which a client asks what is new. */
async function setRevision(tx: Sql, keys: readonly number[], revision: number): Promise<void> {
  if (keys.length === 0) return;
  await tx.run(
    sql`UPDATE items SET revision = ${revision} WHERE key IN (${integers(tx, JSON.stringify(keys))})`,
  );
}

type Put = Extract<SharedChange, { type: 'put' }> & { sequence: number };

/** @param revisionOf - what the item is given with it; null where it keeps its own */
async function setSequence(
  tx: Sql,
  puts: readonly Put[],
  revisionOf: (key: number) => number | null,
): Promise<void> {
  if (puts.length === 0) return;
  if (tx.dialect === 'sqlite') {
    await tx.each(
      'UPDATE items SET sequence = ?, revision = COALESCE(?, revision) WHERE key = ?',
      puts.map(({ key, sequence }) => [sequence, revisionOf(key), key]),
    );
    return;
  }
  const [keys, sequences] = [puts.map(({ key }) => key), puts.map(({ sequence }) => sequence)];
  const revisions = puts.map(({ key }) => revisionOf(key));
  await tx.run(
    sql`UPDATE items SET sequence = u.sequence, revision = COALESCE(u.revision, items.revision) FROM unnest(CAST(${keys} AS int[]), CAST(${sequences} AS bigint[]), CAST(${revisions} AS bigint[])) AS u (key, sequence, revision) WHERE items.key = u.key`,
  );
}

/**
 * Revisions for which it is known which items somebody sees no longer. Whoever has missed more reads the catalog anew.
 */
export const REVISIONS_KEPT = 1_000;
/** Between two times that what is older is taken away. */
const TRIM_EVERY = 50;

/**
 * What triggers have noted in this transaction gets its revision. On PostgreSQL the notes of others are not seen before
 * they have theirs.
 */
async function nameDepartures(tx: Sql, revision: number): Promise<void> {
  await tx.run(sql`UPDATE departures SET revision = ${revision} WHERE revision = 0`);
  if (revision % TRIM_EVERY === 0) {
    await tx.run(
      sql`DELETE FROM departures WHERE revision > 0 AND revision <= ${revision - REVISIONS_KEPT - TRIM_EVERY}`,
    );
  }
}

function stateFromRow(row: StateRow): CatalogState {
  return {
    epoch: row.epoch,
    revision: row.revision,
    sequence: row.sequence,
    sharedCount: row.sharedCount,
    checksum: { first: row.first, second: row.second },
    removalFloor: row.removalFloor,
    peersRevision: row.peersRevision,
  };
}
