/** The shared items in the order of their changes: what the feed for peers is made of. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { empty, join, type Sql, type Statement, sql } from '../database/sql.ts';
import { type Checksum, formatChecksum } from '../lib/checksum.ts';
import { type GrantScope, granted, isWhole } from './grant.ts';
import { ITEM_COLUMNS, type Item, type ItemRow, itemFromRow } from './items.ts';
import { lockCounters } from './locks.ts';
import { type PairSum, type SumColumns, sumOf } from './pair-views.ts';

/** How long tombstones and marks are kept, ms: 90 days. */
export const REMOVALS_KEPT = 90 * 24 * 3600 * 1000;

export type FeedEntry =
  | { type: 'item'; sequence: number; item: Item }
  | { type: 'removed'; sequence: number; id: string; reason: string; at: number };

/** Whose feed it is: the key of the peer's row, and its grant. */
export interface FeedPair {
  key: number;
  grant: GrantScope;
}

export interface FeedRead {
  epoch: string;
  /** Of the whole catalog, at the moment of reading. */
  sequence: number;
  /** Of the pair's grant, at the same moment. */
  grantRevision: number;
  /** Whether the pair is revoked, and until when its grant holds, at the same moment: RFC 3339; null without end. */
  isRevoked: boolean;
  until: string | null;
  /** Of what the pair may see; null while it is not counted (`countPairView`). */
  sum: PairSum | null;
  entries: FeedEntry[];
  /** Nothing is after these entries. */
  complete: boolean;
}

interface FeedRow extends Omit<ItemRow, 'sequence'>, SumColumns {
  epoch: string;
  stateSequence: number;
  grantRevision: number | null;
  pairStatus: string | null;
  pairGrant: string | null;
  total: number;
  first: number;
  second: number;
  feedSequence: number | null;
  removedId: string | null;
  reason: string | null;
  at: number | null;
}

/**
 * Up to `limit` changes of what a pair may see after a sequence number, and the counters as of the moment at which the
 * last of them was read. It is one statement, but for a narrowed grant on SQLite: what that opens may be few among
 * millions, so they are looked through in pieces, with a turn for everybody else in between. What changes meanwhile has a
 * larger number, and comes in a later piece or page, in place of what an earlier one read.
 *
 * @param after - entries with a larger sequence number.
 * @param start - tombstones only after this number: where the listing began.
 */
export async function readFeed(
  database: Sql,
  pair: FeedPair,
  { after, start, limit }: { after: number; start: number; limit: number },
): Promise<FeedRead> {
  if (!isLookedThrough(database, pair))
    return readRange(database, pair, { after, start, limit, until: null });
  const found = new Map<string, FeedEntry>();
  for (let from = after; ; from += LOOKED_AT) {
    const until = from + LOOKED_AT;
    const read = await readRange(database, pair, {
      after: from,
      start: Math.max(start, from),
      until,
      limit: limit - found.size,
    });
    for (const entry of read.entries) {
      const id = entry.type === 'item' ? entry.item.id : entry.id;
      // As the latest, it is also the last.
      found.delete(id);
      found.set(id, entry);
    }
    const complete = read.complete && until >= read.sequence;
    if (complete || !read.complete || found.size >= limit) {
      return { ...read, entries: [...found.values()], complete };
    }
    await nextTurn();
  }
}

/** Numbers of the sequence that are looked through at once: some 10 ms where next to nothing of them is found. */
const LOOKED_AT = 5_000;

/** PostgreSQL is another process, which keeps nobody waiting here. */
function isLookedThrough(database: Sql, { grant }: FeedPair): boolean {
  return database.dialect === 'sqlite' && !isWhole(grant);
}

/** @param until - no entries with a larger number; null: to the end */
async function readRange(
  database: Sql,
  pair: FeedPair,
  { after, start, until, limit }: { after: number; start: number; until: number | null; limit: number },
): Promise<FeedRead> {
  const changes = pairChanges(database, pair, { after, start, until }, ENTRY_COLUMNS);
  const rows = await database.all<FeedRow>(
    sql`SELECT s.epoch, s.sequence AS "stateSequence", p.grant_revision AS "grantRevision", p.status AS "pairStatus", p.serve_grant AS "pairGrant", s.shared_count AS total, s.checksum_first AS "first", s.checksum_second AS "second", ps.total AS "sumTotal", ps.first AS "sumFirst", ps.second AS "sumSecond", ps.counted_to AS "countedTo", f.sequence AS "feedSequence", f.removed_id AS "removedId", f.reason, f.at, ${ITEM_COLUMNS} FROM catalog_state s LEFT JOIN federation_peers p ON p.key = ${pair.key} LEFT JOIN pair_sums ps ON ps.peer_key = p.key AND ps.grant_revision = p.grant_revision LEFT JOIN (SELECT * FROM (${changes}) AS u ORDER BY sequence LIMIT ${limit + 1}) AS f ON 1 = 1 LEFT JOIN items i ON i.key = f.item_key WHERE s.id = 1 ORDER BY f.sequence`,
  );
  const [counters] = rows;
  if (counters === undefined) throw new Error('The catalog has no counters; the database was not set up.');
  const entries: FeedEntry[] = [];
  for (const row of rows.slice(0, limit)) {
    const entry = entryFromRow(row);
    if (entry !== null) entries.push(entry);
  }
  const { total, first, second } = counters;
  const inForce = JSON.parse(counters.pairGrant ?? 'null') as { until: string | null } | null;
  return {
    epoch: counters.epoch,
    sequence: counters.stateSequence,
    grantRevision: counters.grantRevision ?? 0,
    isRevoked: counters.pairStatus === 'REVOKED',
    until: inForce?.until ?? null,
    sum: isWhole(pair.grant)
      ? { total, checksum: formatChecksum({ first, second } satisfies Checksum) }
      : sumOf(counters),
    entries,
    complete: rows.length <= limit,
  };
}

/** How many changes of what a pair may see are after a sequence number, counted up to `most`. */
export async function countBehind(
  database: Sql,
  pair: FeedPair,
  after: number,
  start: number,
  most: number,
): Promise<number> {
  const inPieces = isLookedThrough(database, pair);
  let count = 0;
  for (let from = after; ; from += LOOKED_AT) {
    const until = inPieces ? from + LOOKED_AT : null;
    const range = { after: from, start: Math.max(start, from), until };
    const changes = pairChanges(database, pair, range, SEQUENCE_COLUMNS);
    const row = await database.get<{ count: number; sequence: number }>(
      sql`SELECT COUNT(*) AS count, (SELECT s.sequence FROM catalog_state s WHERE s.id = 1) AS sequence FROM (${changes} LIMIT ${most - count}) AS u`,
    );
    count += row?.count ?? 0;
    if (until === null || until >= (row?.sequence ?? 0) || count >= most) return count;
    await nextTurn();
  }
}

interface ChangeColumns {
  item: Statement;
  removal: Statement;
}

const ENTRY_COLUMNS: ChangeColumns = {
  item: sql`i.sequence, i.key AS item_key, CAST(NULL AS text) AS removed_id, CAST(NULL AS text) AS reason, CAST(NULL AS bigint) AS at`,
  removal: sql`sequence, CAST(NULL AS int), item_id, reason, at`,
};
const SEQUENCE_COLUMNS: ChangeColumns = { item: sql`i.sequence`, removal: sql`sequence` };

/** Items and tombstones of one pair, as a UNION ALL. A shared item is one that has a sequence number. */
function pairChanges(
  database: Sql,
  { key, grant }: FeedPair,
  { after, start, until }: { after: number; start: number; until: number | null },
  columns: ChangeColumns,
): Statement {
  const since = Math.max(after, start);
  const [items, removals] = isWhole(grant)
    ? [empty, sql`removals WHERE sequence > ${since}`]
    : [
        sql` AND ${granted(database, grant)}`,
        sql`pair_removals WHERE peer_key = ${key} AND sequence > ${since}`,
      ];
  const [itemEnd, removalEnd] =
    until === null ? [empty, empty] : [sql` AND i.sequence <= ${until}`, sql` AND sequence <= ${until}`];
  return sql`SELECT ${columns.item} FROM items i WHERE i.sequence > ${after}${itemEnd}${items} UNION ALL SELECT ${columns.removal} FROM ${removals}${removalEnd}`;
}

/** The mark written with a change; null where it is forgotten, or was never written. */
export async function readMark(database: Sql, sequence: number): Promise<string | null> {
  const row = await database.get<{ mark: string }>(
    sql`SELECT mark FROM sequence_marks WHERE last_sequence >= ${sequence} AND first_sequence <= ${sequence} ORDER BY last_sequence LIMIT 1`,
  );
  return row?.mark ?? null;
}

/** A shared item by its id; null for one that the grant does not open. */
export async function readSharedItem(database: Sql, grant: GrantScope, id: string): Promise<Item | null> {
  const row = await database.get<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM items i WHERE i.id = ${id} AND ${granted(database, grant)}`,
  );
  return row === undefined ? null : itemFromRow(row);
}

export interface GrantCounts {
  /** Items that a grant opens. */
  mediaCount: number;
  /** Of these, how many carry a place in the original that goes with them. */
  placedCount: number;
}

export async function countGranted(database: Sql, grants: readonly GrantScope[]): Promise<GrantCounts[]> {
  if (grants.length === 0) return [];
  const parts = grants.map(
    (grant, index) =>
      sql`SELECT CAST(${index} AS int) AS place, COUNT(*) AS media, COALESCE(SUM(CASE WHEN i.properties LIKE ${'%"place":%'} THEN 1 ELSE 0 END), 0) AS placed FROM items i WHERE ${granted(database, grant)}`,
  );
  const rows = await database.all<{ place: number; media: number; placed: number }>(
    join(parts, ' UNION ALL '),
  );
  const byPlace = new Map(rows.map((row) => [row.place, row]));
  return grants.map(({ access }, index) => {
    const row = byPlace.get(index);
    return { mediaCount: row?.media ?? 0, placedCount: access === 'originals' ? (row?.placed ?? 0) : 0 };
  });
}

/** Forgets tombstones and marks older than 90 days, and remembers up to where. */
export async function forgetOldRemovals(tx: Sql, now: number): Promise<void> {
  const before = now - REMOVALS_KEPT;
  // Whoever changes items holds the counters before it comes to tombstones.
  await lockCounters(tx);
  const newest = await tx.get<{ sequence: number | null }>(
    sql`SELECT MAX(sequence) AS sequence FROM (SELECT sequence FROM removals WHERE at < ${before} UNION ALL SELECT sequence FROM pair_removals WHERE at < ${before}) AS u`,
  );
  if (newest !== undefined && newest.sequence !== null) {
    await tx.run(sql`DELETE FROM removals WHERE at < ${before}`);
    await tx.run(sql`DELETE FROM pair_removals WHERE at < ${before}`);
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
