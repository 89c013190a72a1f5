/**
 * What is kept of each pair whose grant is not the whole: what was taken from its view, and the sums of what is in it.
 *
 * Both are kept in the transactions that change items, while the row of counters is locked. A change of a grant takes
 * the same lock, so a transaction knows the grants that hold at its place in the order.
 */
import { texts } from '../database/lists.ts';
import { type Sql, sql } from '../database/sql.ts';
import {
  addChecksum,
  type Checksum,
  checksumTerm,
  formatChecksum,
  subtractChecksum,
} from '../lib/checksum.ts';
import { covers, type GrantScope, granted, isWhole, type SharedState, versionFor } from './grant.ts';
import { type AlbumRef, kindFromNumber } from './items.ts';
import { lockCounters } from './locks.ts';

/** Keys of items that are counted in one transaction: about 3 ms. */
const COUNT_AT_ONCE = 1_000;
/** `counted_to` of a sum that is whole. */
const ALL = Number.MAX_SAFE_INTEGER;

/** What happened to one shared item in a transaction; `before` is null for one that was not shared. */
export interface PairChange {
  sequence: number;
  key: number;
  id: string;
  before: SharedState | null;
  after: SharedState | null;
  /** Why it is not shared any more, where it is not. */
  reason: string;
}

interface PairRow {
  key: number;
  grant: string;
  total: number | null;
  first: number | null;
  second: number | null;
  countedTo: number | null;
}

/** To be called while the row of counters is locked. */
export async function recordForPairs(tx: Sql, changes: readonly PairChange[], now: number): Promise<void> {
  const pairs = await tx.all<PairRow>(
    sql`SELECT p.key, p.serve_grant AS "grant", s.total, s.first AS "first", s.second AS "second", s.counted_to AS "countedTo" FROM federation_peers p LEFT JOIN pair_sums s ON s.peer_key = p.key AND s.grant_revision = p.grant_revision WHERE p.serves = ${true} AND p.status <> 'REVOKED' AND p.serve_grant IS NOT NULL ORDER BY p.key`,
  );
  for (const pair of pairs) {
    const grant = JSON.parse(pair.grant) as GrantScope;
    if (!isWhole(grant)) await recordForPair(tx, pair, grant, changes, now);
  }
}

async function recordForPair(
  tx: Sql,
  pair: PairRow,
  grant: GrantScope,
  changes: readonly PairChange[],
  now: number,
): Promise<void> {
  const shown: string[] = [];
  const gone: [id: string, sequence: number, reason: string][] = [];
  const sum = { total: pair.total ?? 0, first: pair.first ?? 0, second: pair.second ?? 0 };
  let counted = false;
  for (const { key, id, sequence, before, after, reason } of changes) {
    const was = before !== null && covers(grant, before);
    const is = after !== null && covers(grant, after);
    if (is) shown.push(id);
    // Only what the pair may have been shown is named.
    else if (was) gone.push([id, sequence, after === null ? reason : 'grant-changed']);
    if (pair.countedTo === null || key > pair.countedTo) continue;
    if (was) {
      Object.assign(sum, subtractChecksum(sum, checksumTerm(id, versionFor(grant, before))));
      sum.total -= 1;
    }
    if (is) {
      Object.assign(sum, addChecksum(sum, checksumTerm(id, versionFor(grant, after))));
      sum.total += 1;
    }
    counted ||= was || is;
  }
  if (shown.length > 0) {
    await tx.run(
      sql`DELETE FROM pair_removals WHERE peer_key = ${pair.key} AND item_id IN (${texts(tx, JSON.stringify(shown))})`,
    );
  }
  if (gone.length > 0) {
    const rows = JSON.stringify(gone);
    // WHERE true parts the SELECT from ON CONFLICT, as SQLite's parser asks.
    const from =
      tx.dialect === 'sqlite'
        ? sql`json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), ${now} FROM json_each(${rows}) WHERE true`
        : sql`value->>0, (value->>1)::bigint, value->>2, CAST(${now} AS bigint) FROM json_array_elements(${rows}::json)`;
    await tx.run(
      sql`INSERT INTO pair_removals (peer_key, item_id, sequence, reason, at) SELECT CAST(${pair.key} AS int), ${from} ON CONFLICT (peer_key, item_id) DO UPDATE SET sequence = excluded.sequence, reason = excluded.reason, at = excluded.at`,
    );
  }
  if (counted) {
    await tx.run(
      sql`UPDATE pair_sums SET total = ${sum.total}, first = ${sum.first}, second = ${sum.second} WHERE peer_key = ${pair.key}`,
    );
  }
}

export interface PairSum {
  total: number;
  /** 16 hex digits. */
  checksum: string;
}

/** The columns of a pair's sum, as a feed's row carries them. */
export interface SumColumns {
  sumTotal: number | null;
  sumFirst: number | null;
  sumSecond: number | null;
  countedTo: number | null;
}

/** Null while it is not whole. */
export function sumOf(row: SumColumns): PairSum | null {
  const { sumTotal: total, sumFirst: first, sumSecond: second, countedTo } = row;
  if (total === null || first === null || second === null || countedTo !== ALL) return null;
  return { total, checksum: formatChecksum({ first, second } satisfies Checksum) };
}

/**
 * Counts what a pair may see, in short transactions; afterwards the sum is kept. Answers false where the grant is not
 * that revision any more. Two may count at once: each goes on from where the sum stands.
 */
export async function countPairView(
  database: { write<T>(work: (tx: Sql) => Promise<T>): Promise<T> },
  peerKey: number,
  grantRevision: number,
): Promise<boolean> {
  for (;;) {
    const state = await database.write((tx) => countNext(tx, peerKey, grantRevision));
    if (state !== 'more') return state === 'whole';
  }
}

async function countNext(
  tx: Sql,
  peerKey: number,
  grantRevision: number,
): Promise<'more' | 'whole' | 'another grant'> {
  await lockCounters(tx);
  const pair = await tx.get<PairRow & { revision: number }>(
    sql`SELECT p.key, p.serve_grant AS "grant", p.grant_revision AS revision, s.total, s.first AS "first", s.second AS "second", s.counted_to AS "countedTo" FROM federation_peers p LEFT JOIN pair_sums s ON s.peer_key = p.key AND s.grant_revision = p.grant_revision WHERE p.key = ${peerKey} AND p.serve_grant IS NOT NULL`,
  );
  if (pair === undefined || pair.revision !== grantRevision) return 'another grant';
  if (pair.countedTo === ALL) return 'whole';
  const from = pair.countedTo ?? 0;
  const to = from + COUNT_AT_ONCE;
  const grant = JSON.parse(pair.grant) as GrantScope;
  const rows = await tx.all<{ id: string; version: string; kind: number; albums: string }>(
    sql`SELECT i.id, i.version, i.kind, i.albums FROM items i WHERE i.key > ${from} AND i.key <= ${to} AND ${granted(tx, grant)}`,
  );
  let sum: Checksum = { first: pair.first ?? 0, second: pair.second ?? 0 };
  for (const { id, version, kind, albums } of rows) {
    const state = {
      version,
      kind: kindFromNumber(kind),
      tags: [],
      albums: JSON.parse(albums) as AlbumRef[],
    };
    sum = addChecksum(sum, checksumTerm(id, versionFor(grant, state)));
  }
  const last = await tx.get<{ key: number | null }>(sql`SELECT MAX(key) AS key FROM items`);
  const whole = to >= (last?.key ?? 0);
  await tx.run(
    sql`INSERT INTO pair_sums (peer_key, grant_revision, counted_to, total, first, second) VALUES (${peerKey}, ${grantRevision}, ${whole ? ALL : to}, ${(pair.total ?? 0) + rows.length}, ${sum.first}, ${sum.second}) ON CONFLICT (peer_key) DO UPDATE SET grant_revision = excluded.grant_revision, counted_to = excluded.counted_to, total = excluded.total, first = excluded.first, second = excluded.second`,
  );
  return whole ? 'whole' : 'more';
}
