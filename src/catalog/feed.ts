/** The shared items in the order of their changes: what the feed for peers is made of. */
import { type Sql, sql } from '../database/sql.ts';
import { type Checksum, formatChecksum } from '../lib/checksum.ts';
import { ITEM_COLUMNS, type Item, type ItemRow, itemFromRow } from './items.ts';

/** How long tombstones and marks are kept, ms: 90 days. */
export const REMOVALS_KEPT = 90 * 24 * 3600 * 1000;

export type FeedEntry =
  | { type: 'item'; sequence: number; item: Item }
  | { type: 'removed'; sequence: number; id: string; reason: string; at: number };

export interface FeedRead {
  epoch: string;
  /** Of the whole catalog, at the moment of reading. */
  sequence: number;
  total: number;
  checksum: string;
  entries: FeedEntry[];
  /** Nothing is after these entries. */
  complete: boolean;
}

interface FeedRow extends Omit<ItemRow, 'sequence'> {
  epoch: string;
  stateSequence: number;
  total: number;
  first: number;
  second: number;
  feedSequence: number | null;
  removedId: string | null;
  reason: string | null;
  at: number | null;
}

/**
 * Up to `limit` changes after a sequence number, and the counters, all as of one moment: it is one statement.
 *
 * @param after - entries with a larger sequence number.
 * @param start - tombstones only after this number: where the listing began.
 */
export async function readFeed(
  database: Sql,
  { after, start, limit }: { after: number; start: number; limit: number },
): Promise<FeedRead> {
  const rows = await database.all<FeedRow>(
    sql`SELECT s.epoch, s.sequence AS "stateSequence", s.shared_count AS total, s.checksum_first AS "first", s.checksum_second AS "second", f.sequence AS "feedSequence", f.removed_id AS "removedId", f.reason, f.at, ${ITEM_COLUMNS} FROM catalog_state s LEFT JOIN (SELECT * FROM (SELECT sequence, key AS item_key, CAST(NULL AS text) AS removed_id, CAST(NULL AS text) AS reason, CAST(NULL AS bigint) AS at FROM items WHERE sequence > ${after} UNION ALL SELECT sequence, CAST(NULL AS int), item_id, reason, at FROM removals WHERE sequence > ${Math.max(after, start)}) AS u ORDER BY sequence LIMIT ${limit + 1}) AS f ON 1 = 1 LEFT JOIN items i ON i.key = f.item_key WHERE s.id = 1 ORDER BY f.sequence`,
  );
  const [counters] = rows;
  if (counters === undefined) throw new Error('The catalog has no counters; the database was not set up.');
  const entries: FeedEntry[] = [];
  for (const row of rows.slice(0, limit)) {
    const entry = entryFromRow(row);
    if (entry !== null) entries.push(entry);
  }
  return {
    epoch: counters.epoch,
    sequence: counters.stateSequence,
    total: counters.total,
    checksum: formatChecksum({ first: counters.first, second: counters.second } satisfies Checksum),
    entries,
    complete: rows.length <= limit,
  };
}

/** How many changes are after a sequence number, counted up to `most`. */
export async function countBehind(
  database: Sql,
  after: number,
  start: number,
  most: number,
): Promise<number> {
  const row = await database.get<{ count: number }>(
    sql`SELECT COUNT(*) AS count FROM (SELECT sequence FROM items WHERE sequence > ${after} UNION ALL SELECT sequence FROM removals WHERE sequence > ${Math.max(after, start)} LIMIT ${most}) AS u`,
  );
  return row?.count ?? 0;
}

/** The mark written with a change; null where it is forgotten, or was never written. */
export async function readMark(database: Sql, sequence: number): Promise<string | null> {
  const row = await database.get<{ mark: string }>(
    sql`SELECT mark FROM sequence_marks WHERE last_sequence >= ${sequence} AND first_sequence <= ${sequence} ORDER BY last_sequence LIMIT 1`,
  );
  return row?.mark ?? null;
}

/** A shared item by its id; null for one that is not shared. */
export async function readSharedItem(database: Sql, id: string): Promise<Item | null> {
  const row = await database.get<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM items i WHERE i.id = ${id} AND i.source = 0 AND i.visibility >= 2`,
  );
  return row === undefined ? null : itemFromRow(row);
}

/** Forgets tombstones and marks older than 90 days, and remembers up to where. */
export async function forgetOldRemovals(tx: Sql, now: number): Promise<void> {
  const before = now - REMOVALS_KEPT;
  const newest = await tx.get<{ sequence: number | null }>(
    sql`SELECT MAX(sequence) AS sequence FROM removals WHERE at < ${before}`,
  );
  if (newest !== undefined && newest.sequence !== null) {
    await tx.run(sql`DELETE FROM removals WHERE at < ${before}`);
    await tx.run(
      sql`UPDATE catalog_state SET removal_floor = ${newest.sequence} WHERE id = 1 AND removal_floor < ${newest.sequence}`,
    );
  }
  // The newest mark stays, however old: it is what an idle peer's cursor points at.
  await tx.run(
    sql`DELETE FROM sequence_marks WHERE at < ${before} AND last_sequence < (SELECT sequence FROM catalog_state WHERE id = 1)`,
  );
}

function entryFromRow(row: FeedRow): FeedEntry | null {
  const sequence = row.feedSequence;
  if (sequence === null) return null;
  if (row.removedId !== null) {
    return { type: 'removed', sequence, id: row.removedId, reason: row.reason ?? 'deleted', at: row.at ?? 0 };
  }
  return { type: 'item', sequence, item: itemFromRow({ ...row, sequence }) };
}
