/** The counters of the catalog: revision, sequence of the feed, checksum of what is shared. */
import { randomBytes } from 'node:crypto';
import type { Database } from '../database/database.ts';
import { integers } from '../database/lists.ts';
import { prepared, type Sql, sql } from '../database/sql.ts';
import { addChecksum, type Checksum, checksumTerm, subtractChecksum } from '../lib/checksum.ts';
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
 * It must be the last thing that a transaction does: on PostgreSQL the row of counters stays locked from here
 * until the commit, so numbers become visible in the order in which they are given, and a reader who has seen
 * a number will never find a smaller one later.
 */
export async function finishChange(
  tx: Sql,
  changes: readonly SharedChange[],
  touched: readonly number[],
  now: number,
): Promise<number> {
  const counters = await tx.get<StateRow>(
    sql`UPDATE catalog_state SET revision = revision + 1, sequence = sequence + ${changes.length} WHERE id = 1 RETURNING ${COLUMNS}`,
  );
  if (counters === undefined) throw new Error('The catalog has no counters; the database was not set up.');
  const state = stateFromRow(counters);
  await setRevision(tx, touched, state.revision);
  await nameDepartures(tx, state.revision);
  if (changes.length === 0) return state.revision;

  let { checksum, sharedCount } = state;
  let sequence = state.sequence - changes.length;
  const forPairs: PairChange[] = [];
  for (const change of changes) {
    sequence += 1;
    const { key, id, before } = change;
    if (before !== null) {
      checksum = subtractChecksum(checksum, checksumTerm(id, before.version));
      sharedCount -= 1;
    }
    const [after, reason] = change.type === 'put' ? [change.after, ''] : [null, change.reason];
    forPairs.push({ sequence, key, id, before, after, reason });
    if (change.type === 'put') {
      checksum = addChecksum(checksum, checksumTerm(id, change.after.version));
      sharedCount += 1;
      await tx.run(sql`UPDATE items SET sequence = ${sequence} WHERE key = ${change.key}`);
      await tx.run(sql`DELETE FROM removals WHERE item_id = ${change.id}`);
    } else {
      await tx.run(
        sql`INSERT INTO removals (item_id, sequence, reason, at) VALUES (${change.id}, ${sequence}, ${change.reason}, ${now}) ON CONFLICT (item_id) DO UPDATE SET sequence = excluded.sequence, reason = excluded.reason, at = excluded.at`,
      );
    }
  }
  await recordForPairs(tx, forPairs, now);
  await tx.run(
    sql`INSERT INTO sequence_marks (last_sequence, first_sequence, mark, at) VALUES (${state.sequence}, ${state.sequence - changes.length + 1}, ${randomBytes(9).toString('base64url')}, ${now})`,
  );
  await tx.run(
    sql`UPDATE catalog_state SET shared_count = ${sharedCount}, checksum_first = ${checksum.first}, checksum_second = ${checksum.second} WHERE id = 1`,
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
