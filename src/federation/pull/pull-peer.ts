/** One pull: asks a peer for what changed, page by page, and puts each page into the catalog with its cursor. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  applyRemoteParts,
  countSeen,
  countUnseen,
  holdUnseen,
  type RemotePart,
  type RemoteResult,
  removeUnseen,
  resolveHeld,
} from '../../catalog/remote-changes.ts';
import type { WritingDatabase } from '../../database/beside.ts';
import { type Sql, type Statement, sql } from '../../database/sql.ts';
import {
  addChecksum,
  type Checksum,
  checksumTerm,
  EMPTY_CHECKSUM,
  formatChecksum,
} from '../../lib/checksum.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { CursorExpired, type ListingPage, type PeerClient, type WholeListing } from '../dialects/dialect.ts';
import type { CursorExpiry } from '../wire/messages.ts';

/** How a pull is done, by where it is done. All but `ahead` in entries or pages. */
export interface Place {
  /** Asked for at once. */
  page: number;
  /** Stored between two looks whether others wait to write. */
  step: number;
  /** Of one transaction at most, unless the database has room for more. */
  transaction: number;
  /**
   * Whether a page is asked for while those before it are stored, and pages are gathered for a transaction of several; of
   * dialects whose cursor is all that a page needs.
   */
  ahead: boolean;
  /** After so many it is left to be gone on with from the stored cursor. */
  pages: number;
}

/** Among everything else: a transaction takes about 10 ms, in which nothing else is done. */
export const HERE: Place = { page: 100, step: 100, transaction: 100, ahead: false, pages: 200_000 };
/** In a thread of its own (docs/adr/0055-how-a-catalog-is-taken-in.md). */
export const APART: Place = { page: 500, step: 100, transaction: 500, ahead: true, pages: 200_000 };
/** Bytes of pages, decoded, that are gathered for one transaction. */
const GATHERED_BYTES = 8 * 1024 * 1024;
/** ms for which pages that have come wait for the next one. What a slow peer has told is shown meanwhile. */
const PATIENCE = 100;
/** Items that the end of a listing removes in one transaction. */
const REMOVE_AT_ONCE = 500;
/** Items that one peer may have here, those that are skipped included. */
const ITEMS_MAX = 5_000_000;
/** Listings from the start that a peer may make us begin in an hour: a changed grant or two, and no more. */
const LISTINGS_AN_HOUR = 6;
const HOUR = 3600_000;
/** ms between two listings of a peer whose copy disagrees although it was listed anew. */
const DIVERGED_PAUSE = 24 * 3600_000;
/** ms between two listings of a peer that only says how many items it has, and has another number. */
const MISCOUNT_PAUSE = 15 * 60_000;
/** Passes over a listing that moves while it is read; after so many it is left at what two in a row have shown. */
const PASSES_MAX = 4;
/** A removal without a name of more than so many items, and of more than this share, waits for an admin. */
const HOLD = { items: 50, share: 0.2 };
/** Rows that are read at once where a copy is counted. */
const COUNT_AT_ONCE = 5_000;

export interface PullCounts {
  added: number;
  changed: number;
  removed: number;
  skipped: number;
}

export interface PullOutcome extends PullCounts {
  /** Null where the dialect has no checksum. */
  inSync: boolean | null;
  /** Null where the peer does not say. */
  total: number | null;
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
  listingCause: string | null;
  /** When the hour began in which listings are counted, ms, and how many began in it. */
  windowAt: number;
  listings: number;
  itemCount: number;
  skippedCount: number;
  heldCount: number;
  checksum: Checksum;
  divergedInARow: number;
  /** As of the end of the last pull. */
  inSync: boolean | null;
  remoteTotal: number | null;
}

/** What a pull asks a peer. */
export type Lister = Pick<PeerClient, 'list' | 'relistAfter'>;

/**
 * @throws HedgerowError as the dialect gives it; PEER_INVALID_ANSWER where the peer's pages make no sense;
 *   CONFLICT where the peer was paused or revoked meanwhile
 */
export async function pullPeer(
  database: WritingDatabase,
  source: number,
  client: Lister,
  options: PullOptions,
  place: Place = HERE,
): Promise<PullOutcome> {
  const outcome = await pullPages(database, source, client, options, place);
  // A peer that never comes to an end would keep us for ever.
  if (outcome === null) {
    throw new HedgerowError('PEER_INVALID_ANSWER', "The peer's listing does not come to an end.");
  }
  return outcome;
}

/** As `pullPeer`; null where it is not at its end after as many pages as the place allows. Whoever pulls again goes on. */
export async function pullPages(
  database: WritingDatabase,
  source: number,
  client: Lister,
  options: PullOptions,
  place: Place,
): Promise<PullOutcome | null> {
  const leaving = new AbortController();
  const signal = AbortSignal.any([options.signal, leaving.signal]);
  try {
    return await pullAll(database, source, client, { ...options, signal }, place);
  } finally {
    // What was asked for ahead is of no use any more.
    leaving.abort();
  }
}

async function pullAll(
  database: WritingDatabase,
  source: number,
  client: Lister,
  options: PullOptions,
  place: Place,
): Promise<PullOutcome | null> {
  const counts: PullCounts = { added: 0, changed: 0, removed: 0, skipped: 0 };
  let state = await readPeerState(database.read, source);
  if (state.cursor === null || (await isListingDue(client, state, options))) {
    state = await beginListing(database, source, state, null, options.now());
  } else if (state.cursor === '') {
    // Of its first page a part may be stored, and what that shows may have gone since: nobody would name it any more.
    state = await beginPass(database, source, state);
  }
  let passes = 0;
  let seenBefore = 0;
  let roundTripMs = 0;
  let next: ReturnType<typeof listPage> | null = null;
  let goesInACircle = watchCursors();
  /** Pages that have come and are not stored yet. */
  let gathered: ListingPage[] = [];
  const store = async (): Promise<void> => {
    const pages = gathered;
    gathered = [];
    const says = pages.some(
      (page) => sizeOf(page) > 0 || page.cursor !== state.cursor || page.epoch !== state.epoch,
    );
    // A poll that finds nothing writes nothing; whether the peer may still be pulled from is read all the same.
    if (says) await applyPages(database, source, pages, state.cursor, counts, options, place);
    state = await readPeerState(database.read, source);
    await options.onPage(counts, pages.at(-1)?.complete?.total ?? null);
  };
  /** What came before something that is wrong is stored all the same: the next pull goes on from there. */
  const storeBefore = async (): Promise<void> => {
    if (gathered.length > 0 && !options.signal.aborted) await store();
  };

  for (let pages = 1; ; pages++) {
    const before = stateAfter(state, gathered);
    const asked = before.cursor;
    let page: ListingPage | CursorExpired;
    try {
      page = await (next ?? listPage(database, source, client, asked, options, place));
      next = null;
      if (!(page instanceof CursorExpired)) {
        checkPage(page, before);
        if (page.complete === null && goesInACircle(page.cursor)) {
          throw new HedgerowError('PEER_INVALID_ANSWER', "The peer's cursors go in a circle.");
        }
      }
    } catch (error) {
      await storeBefore();
      throw error;
    }
    if (page instanceof CursorExpired) {
      await storeBefore();
      const now = await readPeerState(database.read, source);
      state = await beginListing(database, source, now, page.reason, options.now());
      goesInACircle = watchCursors();
      continue;
    }
    roundTripMs = page.roundTripMs;
    gathered.push(page);
    if (place.ahead && page.complete === null && pages < place.pages) {
      next = listPage(database, source, client, page.cursor, options, place);
      // Whoever waits for it hears of its failure; where this page fails first, nobody does.
      next.catch(() => {});
      if (isRoomFor(gathered, database.room?.() ?? 0) && (await comesWithin(next, PATIENCE))) continue;
    }
    await store();
    if (page.complete === null) {
      if (pages >= place.pages) return null;
      continue;
    }

    const listed = state.listing;
    if (listed) {
      passes += 1;
      const pass = await readPass(database.read, source, state.generation, page.complete, {
        atOnce: asked === '',
        passes,
        seenBefore,
      });
      if (pass.shown === null) {
        seenBefore = pass.seen;
        state = await beginPass(database, source, state);
        // Pages by offset have the same cursors in each pass.
        goesInACircle = watchCursors();
        continue;
      }
      const { shown } = pass;
      await endListing(database, source, shown, counts, options);
      if (state.divergedInARow > 0) await recount(database, source);
    }
    state = await readPeerState(database.read, source);
    const inSync = await compare(database, source, state, page.complete, listed, options.now());
    return { ...counts, inSync, total: page.complete.total, roundTripMs };
  }
}

/** A listing under way is gone on with, however old it is. */
async function isListingDue(
  client: Lister,
  { listing, listedAt }: PeerState,
  { signal, now }: PullOptions,
): Promise<boolean> {
  if (listing || client.relistAfter === undefined) return false;
  return now() - (listedAt ?? 0) >= (await client.relistAfter(signal));
}

/** Whether another page may be gathered before these are stored. */
function isRoomFor(gathered: readonly ListingPage[], room: number): boolean {
  const entries = gathered.reduce((sum, page) => sum + sizeOf(page), 0);
  const bytes = gathered.reduce((sum, page) => sum + (page.bytes ?? 0), 0);
  return entries < room && bytes < GATHERED_BYTES;
}

/** Whether it has come or failed within so many ms. */
async function comesWithin(coming: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  const came = () => resolve(true);
  coming.then(came, came);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** As the peer's row will stand when these pages are stored, as far as the next page is checked against it. */
function stateAfter(state: PeerState, gathered: readonly ListingPage[]): PeerState {
  const last = gathered.at(-1);
  if (last === undefined) return state;
  const { cursor, epoch } = last;
  const entries = gathered.reduce((sum, { items, skipped }) => sum + items.length + skipped.length, 0);
  return { ...state, cursor, epoch, itemCount: state.itemCount + entries };
}

/**
 * Stores pages that follow each other. One transaction that moves the cursor too; several where somebody else waits to
 * write, or where they are longer than one may be: then each moves the cursor past the pages that are whole with it.
 */
async function applyPages(
  database: WritingDatabase,
  source: number,
  pages: readonly ListingPage[],
  cursorBefore: string | null,
  counts: PullCounts,
  options: PullOptions,
  place: Place,
): Promise<void> {
  const parts = pages.flatMap((page) => {
    const all = partsOf(page, place.step);
    return all.map((part, index) => ({ part, ends: index === all.length - 1 ? page : null }));
  });
  const most = Math.max(place.transaction, database.room?.() ?? 0);
  let cursor = cursorBefore;
  let stored = 0;
  do {
    const from = stored;
    let ended: ListingPage | null = null;
    const result = await database.write(async (tx) => {
      const current = await lockPeerState(tx, source, cursor);
      let entries = 0;
      function* next(): Generator<RemotePart> {
        for (const { part, ends } of parts.slice(from)) {
          const more = sizeOf(part);
          if (entries > 0 && (entries + more > most || database.isWanted?.())) return;
          entries += more;
          stored += 1;
          yield part;
          ended = ends ?? ended;
        }
      }
      const applied = await applyRemoteParts(
        tx,
        source,
        current.generation,
        next(),
        current.checksum,
        options.now(),
      );
      await storeCounts(tx, source, current, applied, ended);
      return applied;
    });
    cursor = (ended as ListingPage | null)?.cursor ?? cursor;
    const skipped = parts.slice(from, stored).reduce((sum, { part }) => sum + part.skipped.length, 0);
    count(counts, result, skipped);
    if (result.stale.length > 0) await options.onStale(result.stale);
  } while (stored < parts.length);
}

function sizeOf({ items, skipped, removed }: Pick<RemotePart, 'items' | 'skipped' | 'removed'>): number {
  return items.length + skipped.length + removed.length;
}

/** At least one, so that a page without entries moves the cursor too. */
function partsOf(page: ListingPage, step: number): RemotePart[] {
  const { items, skipped, removed } = page;
  if (sizeOf(page) <= step) return [{ items, skipped, removed }];
  const slices = <T>(all: readonly T[], part: (slice: T[]) => RemotePart): RemotePart[] =>
    Array.from({ length: Math.ceil(all.length / step) }, (_, index) =>
      part(all.slice(index * step, (index + 1) * step)),
    );
  const nothing = { items: [], skipped: [], removed: [] };
  return [
    ...slices(items, (slice) => ({ ...nothing, items: slice })),
    ...slices(skipped, (slice) => ({ ...nothing, skipped: slice })),
    ...slices(removed, (slice) => ({ ...nothing, removed: slice })),
  ];
}

/**
 * What a pass over the whole has shown, and the generation from which on an item counts as shown by the listing; null
 * where another pass is needed to know.
 *
 * Pages by offset move while items are added and removed, so a pass of several may miss some, and even the right
 * number proves nothing once one has gone and another has come. So nothing is taken away on the word of one such pass:
 * it is gone where two in a row have not shown it.
 *
 * @param atOnce - the pass was one page: a whole as of one moment
 */
async function readPass(
  database: Sql,
  source: number,
  generation: number,
  told: WholeListing,
  { atOnce, passes, seenBefore }: { atOnce: boolean; passes: number; seenBefore: number },
): Promise<{ seen: number; shown: number | null }> {
  if (told.checksum !== null) return { seen: 0, shown: generation };
  const seen = await countSeen(database, source, generation);
  if (seen === told.total) {
    const { unseen } = await countUnseen(database, source, generation);
    if (atOnce || unseen === 0) return { seen, shown: generation };
  }
  if (passes < 2) return { seen, shown: null };
  const agreed = seen === seenBefore && (await countSeen(database, source, generation - 1)) === 0;
  const ended = seen === told.total || agreed || passes >= PASSES_MAX;
  return { seen, shown: ended ? generation - 1 : null };
}

async function listPage(
  database: { read: Sql },
  source: number,
  client: Lister,
  cursor: string | null,
  options: PullOptions,
  place: Place,
): Promise<ListingPage | CursorExpired> {
  try {
    return await client.list(cursor === '' ? null : cursor, place.page, options.signal);
  } catch (error) {
    if (!(error instanceof CursorExpired)) throw error;
    const { windowAt, listings } = await readPeerState(database.read, source);
    const left = windowAt + HOUR - options.now();
    const spent = left > 0 && listings >= LISTINGS_AN_HOUR;
    // One that is refused with its first page is not begun again by the same pull.
    if (spent || cursor === '') {
      throw new HedgerowError(
        'CURSOR_EXPIRED',
        'The peer asks for its catalog to be listed anew again and again.',
        { retryAfter: spent ? Math.ceil(left / 1000) : 60 },
      );
    }
    return error;
  }
}

/**
 * Whether cursors come again, in whatever circle: each is compared with one that is kept, and at every power of two the
 * latest is kept instead (R. P. Brent, An improved Monte Carlo factorization algorithm, 1980). So a circle is noticed before
 * it has been gone round three times, and one cursor is all that is remembered.
 */
function watchCursors(): (cursor: string) => boolean {
  let kept: string | null = null;
  let since = 0;
  let until = 1;
  return (cursor) => {
    if (cursor === kept) return true;
    since += 1;
    if (since === until) {
      kept = cursor;
      since = 0;
      until *= 2;
    }
    return false;
  };
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
  cause: CursorExpiry | null,
  now: number,
): Promise<PeerState> {
  const generation = state.generation + 1;
  // A listing that takes the place of one under way answers for the cause of that one too.
  const listingCause = cause ?? (state.listing ? state.listingCause : null);
  await database.write(async (tx) => {
    const { windowAt, listings } = await lockPeerState(tx, source, state.cursor);
    const [begun, count] = now - windowAt >= HOUR ? [now, 1] : [windowAt, listings + 1];
    await tx.run(
      sql`UPDATE federation_peers SET cursor = '', epoch = NULL, generation = ${generation}, listing = ${true}, listing_begun_at = ${now}, listing_window_at = ${begun}, listings_in_window = ${count}, listing_cause = ${listingCause} WHERE key = ${source}`,
    );
  });
  return { ...state, cursor: '', epoch: null, generation, listing: true, listedAt: now, listingCause };
}

/** Lists once more within the listing that is under way. */
async function beginPass(
  database: { write<T>(work: (tx: Sql) => Promise<T>): Promise<T> },
  source: number,
  state: PeerState,
): Promise<PeerState> {
  const generation = state.generation + 1;
  await database.write(async (tx) => {
    await lockPeerState(tx, source, state.cursor);
    await tx.run(
      sql`UPDATE federation_peers SET cursor = '', epoch = NULL, generation = ${generation} WHERE key = ${source}`,
    );
  });
  return { ...state, cursor: '', epoch: null, generation };
}

/**
 * Takes away what the listing did not show; or holds it, where that is a large part of the whole, which is rather a
 * mishap at the peer. Both orders stand a crash in between: what is held or removed already is counted, or makes the
 * rest smaller.
 *
 * @param shown - the generation from which on an item counts as shown
 */
async function endListing(
  database: { read: Sql; write<T>(work: (tx: Sql) => Promise<T>): Promise<T> },
  source: number,
  shown: number,
  counts: PullCounts,
  options: PullOptions,
): Promise<void> {
  const { listingCause } = await readPeerState(database.read, source);
  const heldToo = listingCause === 'grant-changed';
  const { unseen, all } = await countUnseen(database.read, source, shown);
  const hold = !heldToo && unseen > HOLD.items && unseen > HOLD.share * all;
  const limit = REMOVE_AT_ONCE;
  if (hold) {
    await inBatches(database, source, (tx, current) =>
      holdUnseen(tx, source, shown, current.checksum, { limit, now: options.now() }),
    );
  }
  await inBatches(
    database,
    source,
    (tx, current) =>
      removeUnseen(tx, source, shown, current.checksum, { heldToo, limit, now: options.now() }),
    async (removed) => {
      count(counts, removed, 0);
      await options.onStale(removed.stale);
    },
  );
  await database.write(async (tx) => {
    await lockPeerState(tx, source);
    await tx.run(
      sql`UPDATE federation_peers SET listing = ${false}, listing_cause = NULL WHERE key = ${source}`,
    );
  });
}

/** Runs a step in transactions of its own until one finds less to do than it may. */
async function inBatches(
  database: { write<T>(work: (tx: Sql) => Promise<T>): Promise<T> },
  source: number,
  step: (tx: Sql, current: PeerState) => Promise<RemoteResult>,
  after: (result: RemoteResult) => Promise<void> = async () => {},
): Promise<void> {
  for (;;) {
    const result = await database.write(async (tx) => {
      const current = await lockPeerState(tx, source);
      const done = await step(tx, current);
      await storeCounts(tx, source, current, done);
      return done;
    });
    await after(result);
    if (result.removed + Math.abs(result.skippedCount) + Math.abs(result.heldCount) < REMOVE_AT_ONCE) return;
  }
}

/**
 * Carries out what an admin decided about the removals that are held: the items go, or they stay although the peer
 * lists them no longer.
 *
 * @throws HedgerowError CONFLICT where the peer was paused or revoked meanwhile
 */
export async function resolveHeldItems(
  database: { write<T>(work: (tx: Sql) => Promise<T>): Promise<T> },
  source: number,
  decision: 'REMOVE' | 'KEEP',
  options: Pick<PullOptions, 'now' | 'onStale'>,
): Promise<void> {
  await inBatches(
    database,
    source,
    (tx, current) =>
      resolveHeld(tx, source, decision, current.checksum, { limit: REMOVE_AT_ONCE, now: options.now() }),
    (result) => options.onStale(result.stale),
  );
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
  const items = await countRows(
    database.read,
    source,
    sql`items WHERE held = ${false} AND generation >= 0 AND`,
  );
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
    // A million rows are a second, in which others are to be heard.
    await nextTurn();
  }
}

/**
 * Equal sums: the copy is the original, by ids and versions. Unequal on a complete page: shown, and listed anew.
 * Where a dialect has no checksum, another number of items than the peer has is a reason to list it again, and no
 * more than that: it says nothing when items were swapped.
 */
async function compare(
  database: { write<T>(work: (tx: Sql) => Promise<T>): Promise<T> },
  source: number,
  state: PeerState,
  told: WholeListing,
  listed: boolean,
  now: number,
): Promise<boolean | null> {
  const sameNumber = told.total === null || told.total === state.itemCount + state.skippedCount;
  const inSync =
    told.checksum === null ? null : told.checksum === formatChecksum(state.checksum) && sameNumber;
  const divergedInARow = inSync === false ? state.divergedInARow + 1 : 0;
  const sinceListing = now - (state.listedAt ?? 0);
  const listAnew =
    inSync === false
      ? divergedInARow < 2 || sinceListing >= DIVERGED_PAUSE
      : inSync === null && !listed && !sameNumber && sinceListing >= MISCOUNT_PAUSE;
  const same =
    state.inSync === inSync &&
    state.remoteTotal === told.total &&
    state.divergedInARow === divergedInARow &&
    !listAnew;
  if (same) return inSync;
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

/** @param ended - the page that is whole with this, where one is: its cursor is moved to */
async function storeCounts(
  tx: Sql,
  source: number,
  before: PeerState,
  result: RemoteResult,
  ended: Pick<ListingPage, 'cursor' | 'epoch'> | null = null,
): Promise<void> {
  const { cursor, epoch } = ended ?? before;
  await tx.run(
    sql`UPDATE federation_peers SET cursor = ${cursor}, epoch = ${epoch}, item_count = ${before.itemCount + result.itemCount}, skipped_count = ${before.skippedCount + result.skippedCount}, held_count = ${before.heldCount + result.heldCount}, checksum_first = ${result.checksum.first}, checksum_second = ${result.checksum.second} WHERE key = ${source}`,
  );
}

const STATE = sql`status, pulls, cursor, epoch, generation, listing, listing_begun_at AS "listedAt", listing_cause AS "listingCause", listing_window_at AS "windowAt", listings_in_window AS listings, held_count AS "heldCount", item_count AS "itemCount", skipped_count AS "skippedCount", checksum_first AS "first", checksum_second AS "second", diverged_in_a_row AS "divergedInARow", in_sync AS "inSync", remote_total AS "remoteTotal"`;

type StateRow = Omit<PeerState, 'listing' | 'checksum' | 'inSync'> & {
  status: string;
  listing: number | boolean;
  inSync: number | boolean | null;
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
  const { status: _status, first, second, listing, inSync, ...rest } = row;
  return {
    ...rest,
    listing: Boolean(listing),
    inSync: inSync === null ? null : Boolean(inSync),
    checksum: { first, second },
  };
}
