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
import { type ReadAhead, readAhead } from './read-ahead.ts';
import { type ReadyPage, readyPage } from './ready-page.ts';

/** How a pull is done, by where it is done. All but `ahead` in entries or pages. */
export interface Place {
  /** Asked for at once. */
  page: number;
  /** Stored between two looks whether others wait to write. */
  step: number;
  /** Of one transaction at most, unless the database says how many it has room for. */
  transaction: number;
  /**
   * Whether pages are asked for while those before them are stored, and several taken by one transaction as they come; of
   * dialects whose cursor is all that a page needs, and where messages are heard within a transaction.
   */
  ahead: boolean;
  /** After so many it is left to be gone on with from the stored cursor. */
  pages: number;
}

/** Among everything else: a transaction takes about 10 ms, in which nothing else is done. */
export const HERE: Place = { page: 100, step: 100, transaction: 100, ahead: false, pages: 200_000 };
/** In a thread of its own (docs/adr/0055-how-a-catalog-is-taken-in.md). */
export const APART: Place = { page: 500, step: 50, transaction: 500, ahead: true, pages: 200_000 };
/** Bytes of a page, decoded, that count as an entry where it is bounded how many are held: 2,000 are 8 MiB. */
const ENTRY_BYTES = 4 * 1024;
/** Entries, in pages, that are held before they are stored. */
const AHEAD = 1_000;
/** ms for which a transaction that has room waits for the next page. What a slow peer has told is shown meanwhile. */
const PATIENCE = 10;
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

/** What a pull asks a peer. Whoever reads the pages may make them ready as well. */
export interface Lister extends Pick<PeerClient, 'relistAfter'> {
  list(cursor: string | null, limit: number, signal: AbortSignal): Promise<ListingPage | ReadyPage>;
}

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
  let coming = pagesFrom(database, source, client, state, options, place);

  for (;;) {
    const asked = state.cursor;
    const first = await coming.next();
    const { page, expired } =
      first instanceof CursorExpired
        ? { page: null, expired: first }
        : await storePages(database, source, first, coming, asked, state.epoch, counts, options, place);
    state = await readPeerState(database.read, source);
    if (page !== null) await options.onPage(counts, page.complete?.total ?? null);
    if (page === null || expired !== null) {
      state = await beginListing(database, source, state, expired?.reason ?? null, options.now());
      coming = pagesFrom(database, source, client, state, options, place);
      continue;
    }
    coming.goOnFrom(state);
    if (page.complete === null) {
      if (coming.given >= place.pages) return null;
      continue;
    }

    const listed = state.listing;
    if (listed) {
      passes += 1;
      const pass = await readPass(database.read, source, state.generation, page.complete, {
        atOnce: asked === '' && page === first,
        passes,
        seenBefore,
      });
      if (pass.shown === null) {
        seenBefore = pass.seen;
        state = await beginPass(database, source, state);
        coming = pagesFrom(database, source, client, state, options, place);
        continue;
      }
      const { shown } = pass;
      await endListing(database, source, shown, counts, options);
      if (state.divergedInARow > 0) await recount(database, source);
    }
    state = await readPeerState(database.read, source);
    const inSync = await compare(database, source, state, page.complete, listed, options.now());
    return { ...counts, inSync, total: page.complete.total, roundTripMs: page.roundTripMs };
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

/** Pages that make sense, in their order. */
interface Coming {
  /** How many were given so far. */
  readonly given: number;
  /** Rejects where the next one makes none, or could not be had; what came before it is given first. */
  next(): Promise<ReadyPage | CursorExpired>;
  /** Whether the next one is here, or comes or fails, within so many ms; never where none is asked for ahead. */
  comesWithin(ms: number): Promise<boolean>;
  /** What is stored by now, against which the next one is checked. */
  goOnFrom(state: PeerState): void;
}

function pagesFrom(
  database: { read: Sql },
  source: number,
  client: Lister,
  begin: PeerState,
  options: PullOptions,
  place: Place,
): Coming {
  const list = (cursor: string | null) => listPage(database, source, client, cursor, options, place);
  // Pages by offset have the same cursors in each pass.
  const goesInACircle = watchCursors();
  let state = begin;
  let given = 0;
  let ahead: ReadAhead<ReadyPage | CursorExpired> | null = null;
  return {
    get given() {
      return given;
    },
    next: async () => {
      ahead ??= readAhead(state.cursor, {
        list,
        after: (page) =>
          !place.ahead || page instanceof CursorExpired || page.complete !== null ? null : page.cursor,
        weight: (page) => (page instanceof CursorExpired ? 1 : weightOf(page)),
        room: AHEAD,
      });
      const page = await ahead.next();
      if (!place.ahead) ahead = null;
      if (page instanceof CursorExpired) return page;
      checkPage(page, state);
      if (page.complete === null && goesInACircle(page.cursor)) {
        throw new HedgerowError('PEER_INVALID_ANSWER', "The peer's cursors go in a circle.");
      }
      const { cursor, epoch } = page;
      const entries = page.ready.length + page.skipped.length;
      state = { ...state, cursor, epoch, itemCount: state.itemCount + entries };
      given += 1;
      return page;
    },
    comesWithin: async (ms) => (await ahead?.comesWithin(ms)) ?? false,
    goOnFrom: (stored) => {
      state = stored;
    },
  };
}

/** What it takes to hold a page, in entries. */
function weightOf(page: ReadyPage): number {
  return Math.max(1, entriesOf(page), Math.ceil((page.bytes ?? 0) / ENTRY_BYTES));
}

/**
 * Stores a page, and those that follow it as long as they come at once and there is room, in one transaction that moves the
 * cursor too; in several where somebody else waits to write, or where a page is longer than one may be: then each moves the
 * cursor past the pages that are whole with it. What comes before something that is wrong is stored all the same: the next
 * pull goes on from there.
 *
 * @returns the last page that was stored, and what came after it where that was no page
 */
async function storePages(
  database: WritingDatabase,
  source: number,
  first: ReadyPage,
  coming: Coming,
  from: string | null,
  epoch: string | null,
  counts: PullCounts,
  options: PullOptions,
  place: Place,
): Promise<{ page: ReadyPage; expired: CursorExpired | null }> {
  const says = entriesOf(first) > 0 || first.cursor !== from || first.epoch !== epoch;
  // A poll that finds nothing writes nothing.
  if (!says) return { page: first, expired: null };
  const isWanted = (): boolean => database.isWanted?.() === true;
  let cursor = from;
  let page = first;
  let parts = partsOf(first, place.step);
  let end: { expired: CursorExpired } | { error: unknown } | null = null;
  /** Whether another page was got, in a transaction that has room for it. */
  const goesOn = async (): Promise<boolean> => {
    if (page.complete !== null || coming.given >= place.pages) return false;
    if (!(await coming.comesWithin(PATIENCE))) return false;
    try {
      const next = await coming.next();
      if (next instanceof CursorExpired) {
        end = { expired: next };
        return false;
      }
      page = next;
      parts = partsOf(page, place.step);
      return true;
    } catch (error) {
      options.signal.throwIfAborted();
      end = { error };
      return false;
    }
  };
  do {
    const most = database.room?.() ?? place.transaction;
    let entries = 0;
    let skipped = 0;
    /** The last page that is whole with this transaction. */
    const whole: ReadyPage[] = [];
    async function* next(): AsyncGenerator<RemotePart> {
      for (;;) {
        // Pages that come meanwhile are heard of, and the ones after them asked for.
        if (place.ahead) await nextTurn();
        const [part] = parts;
        if (part === undefined) {
          whole[0] = page;
          if (entries >= most || isWanted() || !(await goesOn())) return;
          continue;
        }
        if (entries > 0 && (entries + sizeOf(part) > most || isWanted())) return;
        parts = parts.slice(1);
        entries += sizeOf(part);
        skipped += part.skipped.length;
        yield part;
      }
    }
    const result = await database.write(async (tx) => {
      const current = await lockPeerState(tx, source, cursor);
      const { generation, checksum } = current;
      const applied = await applyRemoteParts(tx, source, generation, next(), checksum, options.now());
      await storeCounts(tx, source, current, applied, whole[0] ?? null);
      return applied;
    });
    cursor = whole[0]?.cursor ?? cursor;
    count(counts, result, skipped);
    if (result.stale.length > 0) await options.onStale(result.stale);
  } while (parts.length > 0);
  const ended = end as { expired: CursorExpired } | { error: unknown } | null;
  if (ended !== null && 'error' in ended) throw ended.error;
  return { page, expired: ended?.expired ?? null };
}

function sizeOf({ items, skipped, removed }: Pick<RemotePart, 'items' | 'skipped' | 'removed'>): number {
  return items.length + skipped.length + removed.length;
}

function entriesOf({ ready, skipped, removed }: ReadyPage): number {
  return ready.length + skipped.length + removed.length;
}

/** At least one, so that a page without entries moves the cursor too. */
function partsOf(page: ReadyPage, step: number): RemotePart[] {
  const { ready: items, skipped, removed } = page;
  if (entriesOf(page) <= step) return [{ items, skipped, removed }];
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
): Promise<ReadyPage | CursorExpired> {
  try {
    const page = await client.list(cursor === '' ? null : cursor, place.page, options.signal);
    return 'ready' in page ? page : readyPage(page, database.read.dialect);
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
function checkPage(page: ReadyPage, state: PeerState): void {
  if (page.complete === null && page.cursor === state.cursor) {
    throw new HedgerowError('PEER_INVALID_ANSWER', "The peer's cursor does not advance.");
  }
  if (page.complete === null && entriesOf(page) === 0) {
    throw new HedgerowError('PEER_INVALID_ANSWER', 'The peer sent an empty page that is not the last.');
  }
  if (state.epoch !== null && state.cursor !== '' && page.epoch !== state.epoch) {
    throw new HedgerowError('PEER_INVALID_ANSWER', "The peer's epoch changed in the middle of a listing.");
  }
  const entries = state.itemCount + state.skippedCount + page.ready.length + page.skipped.length;
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
