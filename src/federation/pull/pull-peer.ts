/** One pull: asks a peer for what changed, page by page, and puts each page into the catalog with its cursor. */
import { applyRemotePage, type RemoteResult, removeUnseen } from '../../catalog/remote-changes.ts';
import { type Sql, type Statement, sql } from '../../database/sql.ts';
import {
  addChecksum,
  type Checksum,
  checksumTerm,
  EMPTY_CHECKSUM,
  formatChecksum,
} from '../../lib/checksum.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { CursorExpired, type ListingPage, type PeerClient } from '../dialects/dialect.ts';

/**
 * Entries of a page. A page is one transaction, during which nobody else writes: so many take about 13 ms
 * (docs/adr/0002-one-writer.md).
 */
const PAGE_ITEMS = 100;
/** Items that the end of a listing removes in one transaction. */
const REMOVE_AT_ONCE = 500;
/** A peer that never comes to an end would keep us for ever. */
const PAGES_MAX = 200_000;
/** Items that one peer may have here, those that are skipped included. */
const ITEMS_MAX = 5_000_000;
/** ms between two listings from the start; more often than that a peer may not make us work. */
const RELISTING_PAUSE = 15 * 60_000;
/** ms between two listings of a peer whose copy disagrees although it was listed anew. */
const DIVERGED_PAUSE = 24 * 3600_000;
/** Rows that are read at once where a copy is counted. */
const COUNT_AT_ONCE = 5_000;

export interface PullCounts {
  added: number;
  changed: number;
  removed: number;
  skipped: number;
}

export interface PullOutcome extends PullCounts {
  inSync: boolean;
  total: number;
  roundTripMs: number;
}

export interface PullOptions {
  signal: AbortSignal;
  now: () => number;
  onPage: (counts: PullCounts, total: number | null) => void | Promise<void>;
  /** Kept bytes of these are of no use any more. */
  onStale: (items: { key: number; id: string }[]) => Promise<void>;
}

/** What the peer's row says at this moment of where the copy stands. */
interface PeerState {
  cursor: string | null;
  epoch: string | null;
  generation: number;
  listing: boolean;
  listedAt: number | null;
  itemCount: number;
  skippedCount: number;
  checksum: Checksum;
  divergedInARow: number;
}

/**
 * @throws HedgerowError as the dialect gives it; PEER_INVALID_ANSWER where the peer's pages make no sense;
 *   CONFLICT where the peer was paused or revoked meanwhile
 */
export async function pullPeer(
  database: { read: Sql; write<T>(work: (tx: Sql) => Promise<T>): Promise<T> },
  source: number,
  client: PeerClient,
  options: PullOptions,
): Promise<PullOutcome> {
  const counts: PullCounts = { added: 0, changed: 0, removed: 0, skipped: 0 };
  let state = await readPeerState(database.read, source);
  if (state.cursor === null) state = await beginListing(database, source, state, options.now());
  let roundTripMs = 0;

  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const page = await listPage(database, source, client, state, options);
    if (page === null) {
      state = await beginListing(database, source, await readPeerState(database.read, source), options.now());
      continue;
    }
    roundTripMs = page.roundTripMs;
    checkPage(page, state);
    const cursorBefore = state.cursor;
    const result = await database.write(async (tx) => {
      const current = await lockPeerState(tx, source, cursorBefore);
      const applied = await applyRemotePage(
        tx,
        source,
        { items: page.items, skipped: page.skipped, removed: page.removed, generation: current.generation },
        current.checksum,
        options.now(),
      );
      await tx.run(
        sql`UPDATE federation_peers SET cursor = ${page.cursor}, epoch = ${page.epoch} WHERE key = ${source}`,
      );
      await storeCounts(tx, source, current, applied);
      return applied;
    });
    count(counts, result, page.skipped.length);
    await options.onStale(result.stale);
    state = await readPeerState(database.read, source);
    await options.onPage(counts, page.complete?.total ?? null);
    if (page.complete === null) continue;

    if (state.listing) {
      await endListing(database, source, counts, options);
      if (state.divergedInARow > 0) await recount(database, source);
    }
    state = await readPeerState(database.read, source);
    const inSync = await compare(database, source, state, page.complete, options.now());
    return { ...counts, inSync, total: page.complete.total, roundTripMs };
  }
  throw new HedgerowError('PEER_INVALID_ANSWER', "The peer's listing does not come to an end.");
}

async function listPage(
  database: { read: Sql },
  source: number,
  client: PeerClient,
  state: PeerState,
  options: PullOptions,
): Promise<ListingPage | null> {
  try {
    return await client.list(state.cursor === '' ? null : state.cursor, PAGE_ITEMS, options.signal);
  } catch (error) {
    if (!(error instanceof CursorExpired)) throw error;
    const { listedAt } = await readPeerState(database.read, source);
    if (state.cursor === '' || (listedAt !== null && options.now() - listedAt < RELISTING_PAUSE)) {
      throw new HedgerowError(
        'CURSOR_EXPIRED',
        'The peer asks for its catalog to be listed anew again and again.',
        { retryAfter: RELISTING_PAUSE / 1000 },
      );
    }
    return null;
  }
}

/** What would make a copy wrong, or a pull endless, is refused before anything of it is stored. */
function checkPage(page: ListingPage, state: PeerState): void {
  if (page.complete === null && page.cursor === state.cursor) {
    throw new HedgerowError('PEER_INVALID_ANSWER', "The peer's cursor does not advance.");
  }
  if (page.complete === null && page.items.length + page.skipped.length + page.removed.length === 0) {
    throw new HedgerowError('PEER_INVALID_ANSWER', 'The peer sent an empty page that is not the last.');
  }
  if (state.epoch !== null && state.cursor !== '' && page.epoch !== state.epoch) {
    throw new HedgerowError('PEER_INVALID_ANSWER', "The peer's epoch changed in the middle of a listing.");
  }
  const entries = state.itemCount + state.skippedCount + page.items.length + page.skipped.length;
  if (entries > ITEMS_MAX || (page.complete?.total ?? 0) > ITEMS_MAX) {
    throw new HedgerowError('PEER_INVALID_ANSWER', `The peer shares more than ${ITEMS_MAX} items.`);
  }
}

/** A generation is stored before the first page: what it does not show is removed when it ends, also after a crash. */
async function beginListing(
  database: { write<T>(work: (tx: Sql) => Promise<T>): Promise<T> },
  source: number,
  state: PeerState,
  now: number,
): Promise<PeerState> {
  const generation = state.generation + 1;
  await database.write(async (tx) => {
    await lockPeerState(tx, source, state.cursor);
    await tx.run(
      sql`UPDATE federation_peers SET cursor = '', epoch = NULL, generation = ${generation}, listing = ${true}, listing_begun_at = ${now} WHERE key = ${source}`,
    );
  });
  return { ...state, cursor: '', epoch: null, generation, listing: true, listedAt: now };
}

async function endListing(
  database: { write<T>(work: (tx: Sql) => Promise<T>): Promise<T> },
  source: number,
  counts: PullCounts,
  options: PullOptions,
): Promise<void> {
  for (;;) {
    const result = await database.write(async (tx) => {
      const current = await lockPeerState(tx, source);
      const removed = await removeUnseen(
        tx,
        source,
        current.generation,
        current.checksum,
        REMOVE_AT_ONCE,
        options.now(),
      );
      await storeCounts(tx, source, current, removed);
      const left = removed.removed + Math.abs(removed.skippedCount);
      if (left < REMOVE_AT_ONCE) {
        await tx.run(sql`UPDATE federation_peers SET listing = ${false} WHERE key = ${source}`);
      }
      return { removed, more: left >= REMOVE_AT_ONCE };
    });
    count(counts, result.removed, 0);
    await options.onStale(result.removed.stale);
    if (!result.more) return;
  }
}

/**
 * A copy that disagrees although it was listed anew: the sums themselves may be wrong, so they are made from the rows.
 * Nobody else changes those meanwhile, and whoever begins anew changes the cursor.
 */
export async function recount(
  database: { read: Sql; write<T>(work: (tx: Sql) => Promise<T>): Promise<T> },
  source: number,
): Promise<void> {
  const { cursor } = await readPeerState(database.read, source);
  const items = await countRows(database.read, source, sql`items WHERE held = ${false} AND`);
  const skipped = await countRows(database.read, source, sql`skipped_items WHERE`);
  const { first, second } = addChecksum(items.checksum, skipped.checksum);
  await database.write(async (tx) => {
    await lockPeerState(tx, source, cursor);
    await tx.run(
      sql`UPDATE federation_peers SET item_count = ${items.count}, skipped_count = ${skipped.count}, checksum_first = ${first}, checksum_second = ${second} WHERE key = ${source}`,
    );
  });
}

async function countRows(
  database: Sql,
  source: number,
  from: Statement,
): Promise<{ count: number; checksum: Checksum }> {
  let count = 0;
  let checksum = EMPTY_CHECKSUM;
  for (let after = ''; ; ) {
    const rows = await database.all<{ id: string; version: string }>(
      sql`SELECT remote_id AS id, version FROM ${from} source = ${source} AND remote_id > ${after} ORDER BY remote_id LIMIT ${COUNT_AT_ONCE}`,
    );
    for (const { id, version } of rows) checksum = addChecksum(checksum, checksumTerm(id, version));
    count += rows.length;
    after = rows.at(-1)?.id ?? after;
    if (rows.length < COUNT_AT_ONCE) return { count, checksum };
  }
}

/** Equal sums: the copy is the original, by ids and versions. Unequal on a complete page: shown, and listed anew. */
async function compare(
  database: { write<T>(work: (tx: Sql) => Promise<T>): Promise<T> },
  source: number,
  state: PeerState,
  told: { total: number; checksum: string },
  now: number,
): Promise<boolean> {
  const inSync =
    told.checksum === formatChecksum(state.checksum) && told.total === state.itemCount + state.skippedCount;
  const divergedInARow = inSync ? 0 : state.divergedInARow + 1;
  const listAnew = !inSync && (divergedInARow < 2 || now - (state.listedAt ?? 0) >= DIVERGED_PAUSE);
  await database.write(async (tx) => {
    await tx.run(
      sql`UPDATE federation_peers SET in_sync = ${inSync}, remote_total = ${told.total}, diverged_in_a_row = ${divergedInARow} WHERE key = ${source}`,
    );
    if (listAnew) await tx.run(sql`UPDATE federation_peers SET cursor = NULL WHERE key = ${source}`);
  });
  return inSync;
}

function count(counts: PullCounts, result: RemoteResult, skipped: number): void {
  counts.added += result.added;
  counts.changed += result.changed;
  counts.removed += result.removed;
  counts.skipped += skipped;
}

async function storeCounts(tx: Sql, source: number, before: PeerState, result: RemoteResult): Promise<void> {
  await tx.run(
    sql`UPDATE federation_peers SET item_count = ${before.itemCount + result.itemCount}, skipped_count = ${before.skippedCount + result.skippedCount}, checksum_first = ${result.checksum.first}, checksum_second = ${result.checksum.second} WHERE key = ${source}`,
  );
}

const STATE = sql`status, pulls, cursor, epoch, generation, listing, listing_begun_at AS "listedAt", item_count AS "itemCount", skipped_count AS "skippedCount", checksum_first AS "first", checksum_second AS "second", diverged_in_a_row AS "divergedInARow"`;

type StateRow = Omit<PeerState, 'listing' | 'checksum'> & {
  status: string;
  listing: number | boolean;
  first: number;
  second: number;
};

async function readPeerState(database: Sql, source: number): Promise<PeerState> {
  return stateOf(
    await database.get<StateRow>(sql`SELECT ${STATE} FROM federation_peers WHERE key = ${source}`),
  );
}

/**
 * The state inside the transaction that changes it. A peer that was paused or revoked meanwhile, or whose cursor
 * another pull has moved, is left alone.
 */
async function lockPeerState(tx: Sql, source: number, cursor?: string | null): Promise<PeerState> {
  const lock = tx.dialect === 'sqlite' ? sql`` : sql` FOR UPDATE`;
  const row = await tx.get<StateRow>(sql`SELECT ${STATE} FROM federation_peers WHERE key = ${source}${lock}`);
  const state = stateOf(row);
  if (cursor !== undefined && state.cursor !== cursor) {
    throw new HedgerowError('CONFLICT', 'Another pull of the same peer was faster.');
  }
  return state;
}

function stateOf(row: StateRow | undefined): PeerState {
  if (row === undefined || row.status !== 'ACTIVE') {
    throw new HedgerowError('CONFLICT', 'The peer was paused or revoked meanwhile.');
  }
  const { status: _status, first, second, listing, ...rest } = row;
  return { ...rest, listing: Boolean(listing), checksum: { first, second } };
}
