/**
 * What of the peers' files is kept here: the CachedFile rows, the blobs behind them, and the budget.
 *
 * The bits of a running file live in memory and go to the database in one batch every half second, because
 * SQLite has one writer and a video of ten minutes has thousands of segments. What a crash loses of that are
 * blobs of which no row tells; `sweep` removes them at the next start.
 *
 * Where several rows have the same content (contents.ts) they share its segments. Rows go first, and leave the content in
 * loose_contents; `#tidy` then removes the segments that nobody needs any more.
 */

import { buffer } from 'node:stream/consumers';
import type { Database } from '../database/database.ts';
import { integers } from '../database/lists.ts';
import { empty, join, type Sql, type Statement, sql } from '../database/sql.ts';
import { entriesCache } from '../lib/entries-cache.ts';
import { HedgerowError, isCode } from '../lib/errors.ts';
import { SEGMENT_BYTES, type SegmentList, type VariantName } from '../lib/media.ts';
import type { BlobEntry, BlobStore } from '../storage/blob-store.ts';
import { release } from '../storage/buffer-pool.ts';
import {
  CACHE_PREFIX,
  cachedFileKey,
  cachedItemPrefix,
  cachedPeerPrefix,
  contentKey,
  parseCacheKey,
  segmentListKey,
} from '../storage/paths.ts';
import { sha256 } from '../storage/segment-digests.ts';
import { StoreAwayError } from '../storage/watched-store.ts';
import {
  contentOf,
  HOLDER_COLUMNS,
  type HolderRow,
  isInLibrary,
  libraryDigests,
  libraryKey,
  lockContents,
  mapOf,
  recount,
} from './contents.ts';
import type { KeptFile } from './explain.ts';
import { SegmentMap, segmentCount, segmentLength } from './segment-map.ts';

/** ms between two batches of writes. */
const FLUSH_INTERVAL = 500;
/** ms that the time of last use may lag behind in the database. */
const TOUCH_INTERVAL = 60_000;
/** Rows of one transaction: about 5 ms on SQLite. */
const BATCH = 200;
/** Files whose rows are remembered while nobody reads them. */
const IDLE_RECORDS = 10_000;
/** An eviction frees so much more than was asked for, or the next segment would need the next eviction. */
const SLACK = 0.02;
const MAX_SLACK = 67_108_864;
/** ms before a crash from which on what was written may not have reached the disk: kernels write back within one minute. */
const UNSYNCED = 600_000;
/** Deletions, or copies of segments, that run side by side: a store in a network takes its time for each. */
const SIDE_BY_SIDE = 8;
/** Blobs that a sweep found too young, of which so many are remembered; the next start finds the others. */
const LATER = 100_000;
/** ms that the peers' own budgets are remembered. */
const BUDGETS_KEPT = 10_000;

/** Which bytes a file is made of, for as long as it is the present version. */
export interface FileIdentity {
  itemKey: number;
  /** Key of the peer. */
  source: number;
  variant: VariantName;
  /** `sha-256:<64 hex>`, or null where the peer names none. */
  digest: string | null;
  /** Only where the file is longer than one segment, and the peer names them. */
  segments: SegmentList | null;
  /** ms; tells versions apart where there is no digest. */
  updatedAt: number;
}

export interface CacheRecord {
  readonly itemKey: number;
  readonly source: number;
  readonly variant: VariantName;
  /** What CachedFile.digest holds: the digest, or `updated:<ms>` where the peer names none. */
  readonly validator: string;
  /** Bytes of the whole. */
  readonly size: number;
  /** What its segments are stored under together with others'; null where they are stored under the item. */
  readonly content: string | null;
  /** Key of the blob of a file of one segment; the blobs of a longer one are below it. */
  readonly key: string;
  /** True where its bytes are those of an original of this instance. */
  local: boolean;
  /** False until it is in the database that something of it is being kept. */
  claimed: boolean;
  readonly segments: SegmentMap;
  /** Of them, those of which the database does not know yet. */
  readonly unwritten: Set<number>;
  /** Verified segments on their way into the store, where nobody else could find them yet. */
  readonly arriving: Map<number, Buffer>;
  /** The peer's tag of the version that is here, where there is no digest; null where it gave none. */
  tag: string | null;
  /** When the peer last said that this is its version, ms. */
  checkedAt: number;
  /** Bytes that are here. */
  bytes: number;
  usedAt: number;
  /** Streams that read it now; while there are any it is not evicted. */
  users: number;
  /** Purged or replaced: nothing more is kept of it. */
  dead: boolean;
}

export interface KeptItemsAsked {
  /** Of this peer alone. */
  peerKey: number | null;
  /** Only those that are pinned, or only those that are not. */
  pinned: boolean | null;
  after: { bytes: number; id: string } | null;
  take: number;
}

export interface KeptItem {
  id: string;
  /** Kept of all its files. */
  bytes: number;
  pinned: boolean;
  /** ms since 1970. */
  usedAt: number;
}

export interface CacheUsage {
  /** Bytes. */
  bytes: number;
  budget: number;
  pinnedBytes: number;
  items: number;
  peers: Array<{ peerKey: number; bytes: number; budget: number | null; items: number }>;
}

export interface LedgerOptions {
  database: Database;
  store: BlobStore;
  /** Bytes in all. */
  budget: number;
  now: () => number;
  /**
   * Null where nobody else writes into the store. Otherwise a row is written before the first blob of a file, and a blob of a
   * file with a row is left alone for so many ms, for it may be in another process's next batch.
   */
  othersWrite: number | null;
  /** Told where writing down what is cached has failed; it is tried again. */
  onError: (error: unknown) => void;
}

interface Row {
  id: number;
  itemKey: number;
  source: number;
  variant: VariantName;
  validator: string;
  size: number;
  segments: Uint8Array | null;
  whole: boolean | number;
  bytes: number;
  content: string | null;
  counted: number;
  local: boolean | number;
  usedAt: number;
  tag: string | null;
  checkedAt: number | null;
  pinned: boolean | number;
}

interface KeptRow {
  row: Row;
  /** Segments that it says are here, and those of them whose blobs are. */
  had: SegmentMap;
  found: SegmentMap;
}

const COLUMNS = sql`id, item_key AS "itemKey", source, variant, digest AS validator, size, segments, whole, bytes, content, counted, local, used_at AS "usedAt", tag, checked_at AS "checkedAt", pinned`;

export function validatorOf(file: Pick<FileIdentity, 'digest' | 'updatedAt'>): string {
  return file.digest ?? `updated:${file.updatedAt}`;
}

/** The key of one segment's blob. */
export function segmentKey(record: Pick<CacheRecord, 'key' | 'segments'>, index: number): string {
  return record.segments.count === 1 ? record.key : `${record.key}/${index}`;
}

/** The key of the blob that all of a small file lies in. */
export function smallKey(record: CacheRecord): string {
  return (record.local ? libraryKey(record.validator) : null) ?? segmentKey(record, 0);
}

export class CacheLedger {
  readonly #options: LedgerOptions;
  /** Records that are being read. */
  readonly #running = new Map<string, CacheRecord>();
  readonly #idle = entriesCache<string, CacheRecord>(IDLE_RECORDS, (record) => this.#outOfSight(record));
  /** Records that are known here, by what they share. */
  readonly #sharing = new Map<string, Set<CacheRecord>>();
  /** Contents of which segments are being removed; whoever writes waits. */
  readonly #removing = new Map<string, Promise<void>>();
  #tidying: Promise<void> = Promise.resolve();
  /** Contents whose segments are being copied out of an original, and how many they have. */
  readonly #copying = new Map<string, number>();
  /** Blobs that no row needs and that were too young to be removed, and for how many ms more they are left. */
  readonly #later = entriesCache<string, { modifiedAt: number; wait: number }>(LATER);
  readonly #loading = new Map<string, Promise<CacheRecord>>();
  /** To be written with the next batch. */
  readonly #dirty = new Set<CacheRecord>();
  /** Used, and nothing else: written less often. */
  readonly #touched = new Set<CacheRecord>();
  #touchedWrittenAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  /** Segments on their way into the store. */
  readonly #writing = new Set<Promise<void>>();
  #evicting: Promise<void> = Promise.resolve();
  /** Bytes that came from each peer, shared or not; counted anew from the rows before each eviction. */
  #kept = new Map<number, number>();
  /** Bytes in the store; what is shared counts once. Too large at times, never too small. */
  #stored = 0;
  #counted: Promise<void> | undefined;
  #changes = 0;
  /** Bytes on their way into the store, by peer. */
  readonly #reserved = new Map<number, number>();
  #budgets: { at: number; bySource: Map<number, number> } | undefined;
  /** True where an eviction found nothing to evict, until something changes. */
  #nothingToEvict = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Size of a file, from its row, where the peer did not tell it. */
  async knownSize(file: FileIdentity): Promise<number | null> {
    const id = idOf(file);
    const record = this.#running.get(id) ?? this.#idle.get(id);
    if (record !== undefined) return record.validator === validatorOf(file) ? record.size : null;
    const row = await this.#row(file);
    return row !== undefined && row.validator === validatorOf(file) ? row.size : null;
  }

  /** The record of a file, for as long as it is read; give it back with `leave`. */
  async enter(file: FileIdentity, size: number): Promise<CacheRecord> {
    const id = idOf(file);
    for (;;) {
      const known = this.#running.get(id) ?? this.#idle.get(id);
      if (known === undefined) {
        await this.#load(id, file, size);
        continue;
      }
      if (known.source !== file.source) {
        // Another process has given it to another peer: what is remembered here names the wrong blobs.
        this.#bury(known);
        continue;
      }
      if (!isOf(known, file, size)) {
        await this.#discard([known]);
        continue;
      }
      this.#running.set(id, known);
      this.#idle.delete(id);
      known.users += 1;
      return known;
    }
  }

  /** The record of a file that `enter` would answer at once, all of which is here; nothing is to be given back. */
  whole(file: FileIdentity, size: number): CacheRecord | null {
    const id = idOf(file);
    const known = this.#running.get(id) ?? this.#idle.get(id);
    if (known === undefined || known.source !== file.source || !isOf(known, file, size)) return null;
    return known.segments.whole ? known : null;
  }

  leave(record: CacheRecord): void {
    record.users -= 1;
    if (record.users > 0) return;
    this.#nothingToEvict = false;
    const id = idOf(record);
    if (this.#running.get(id) !== record) return;
    this.#idle.set(id, record);
    this.#running.delete(id);
  }

  /** Notes that the peer's file is, at this moment, of the version that is here, and how the peer calls it. */
  current(record: CacheRecord, tag: string | null): void {
    record.tag = tag;
    record.checkedAt = this.#options.now();
    if (record.bytes === 0 || record.dead) return;
    this.#dirty.add(record);
    this.#schedule();
  }

  /** Notes that the file was used, which is what eviction goes by. */
  touch(record: CacheRecord): void {
    record.usedAt = this.#options.now();
    if (record.bytes === 0 || record.dead) return;
    this.#touched.add(record);
    this.#schedule();
  }

  /** Makes room for so many bytes; false where there is none, and the bytes must not be kept. */
  async reserve(record: CacheRecord, bytes: number): Promise<boolean> {
    await this.#ready();
    const budgets = await this.#peerBudgets();
    /** Which budget does not hold these bytes and `slack` more. */
    const lacking = (slack: number): 'all' | number | null => {
      const kept = this.#kept;
      const peer = budgets.get(record.source) ?? Number.POSITIVE_INFINITY;
      const ofPeer = (kept.get(record.source) ?? 0) + (this.#reserved.get(record.source) ?? 0);
      if (ofPeer + bytes + Math.min(slack, peer * SLACK) > peer) return record.source;
      return this.#stored + sumOf(this.#reserved) + bytes + slack > this.#options.budget ? 'all' : null;
    };
    if (lacking(0) !== null && !this.#nothingToEvict) {
      const slack = Math.min(this.#options.budget * SLACK, MAX_SLACK);
      this.#evicting = this.#evicting
        .then(() =>
          this.#evict(
            () => lacking(0) !== null,
            () => lacking(slack),
          ),
        )
        .catch(this.#options.onError);
      await this.#evicting;
    }
    if (record.dead || lacking(0) !== null) return false;
    add(this.#reserved, record.source, bytes);
    try {
      if (this.#options.othersWrite !== null && !record.claimed) await this.#claim(record);
      await this.#removed(record);
    } catch (error) {
      this.cancel(record, bytes);
      throw error;
    }
    if (!record.dead) return true;
    this.cancel(record, bytes);
    return false;
  }

  /** Waits while segments of the same content are removed. */
  async #removed({ content }: CacheRecord): Promise<void> {
    if (content === null) return;
    for (let wait = this.#removing.get(content); wait !== undefined; wait = this.#removing.get(content)) {
      await wait;
    }
  }

  /** After a budget was changed: reads the budgets anew, and evicts what no longer fits. */
  async enforce(): Promise<void> {
    this.#budgets = undefined;
    this.#nothingToEvict = false;
    await this.#ready();
    const budgets = await this.#peerBudgets();
    const exceeded = (): 'all' | number | null => {
      for (const [source, budget] of budgets) if ((this.#kept.get(source) ?? 0) > budget) return source;
      return this.#stored > this.#options.budget ? 'all' : null;
    };
    this.#evicting = this.#evicting
      .then(() => this.#evict(() => exceeded() !== null, exceeded))
      .catch(this.#options.onError);
    await this.#evicting;
  }

  /** Takes note of a segment on its way into the store; `writing` never rejects. */
  track(writing: Promise<void>): void {
    this.#writing.add(writing);
    void writing.finally(() => this.#writing.delete(writing));
  }

  /** Gives back what was reserved and not used. */
  cancel(record: CacheRecord, bytes: number): void {
    add(this.#reserved, record.source, -bytes);
  }

  /** Notes that a reserved segment is in the store; false where the file was purged meanwhile. */
  stored(record: CacheRecord, index: number): boolean {
    const bytes = segmentLength(record.size, index);
    this.cancel(record, bytes);
    if (record.dead) return false;
    if (record.segments.add(index)) {
      record.unwritten.add(index);
      record.bytes += bytes;
      this.#keep(record.source, bytes, this.#isElsewhere(record, index) ? 0 : bytes);
    }
    record.usedAt = this.#options.now();
    this.#dirty.add(record);
    this.#schedule();
    return true;
  }

  /** Removes what was stored of a file that was purged meanwhile, unless another one needs it. */
  async drop(record: CacheRecord, index: number | 'list'): Promise<void> {
    const { store, database } = this.#options;
    if (record.content === null) {
      await store.delete(index === 'list' ? `${record.key}/list` : segmentKey(record, index));
      return;
    }
    await database.write((transaction) => loosen(transaction, record.content));
    await this.#tidy();
  }

  /**
   * Reads of a kept segment, wherever it lies now.
   * @throws HedgerowError NOT_FOUND, UNAVAILABLE
   */
  async bytes(record: CacheRecord, index: number, from: number, length: number): Promise<Buffer> {
    const { local } = record;
    try {
      return await this.#bytes(record, index, from, length);
    } catch (error) {
      if (record.content === null || !isCode(error, 'NOT_FOUND')) throw error;
      // It was given to the library or taken back meanwhile, by another process perhaps.
      if (record.local === local) {
        const row = await this.#row(record);
        if (row === undefined || Boolean(row.local) === local) throw error;
        record.local = Boolean(row.local);
      }
      return await this.#bytes(record, index, from, length);
    }
  }

  #bytes(record: CacheRecord, index: number, from: number, length: number): Promise<Buffer> {
    const { store } = this.#options;
    const key = record.local ? libraryKey(record.validator) : null;
    return key === null
      ? store.bytes(segmentKey(record, index), from, length)
      : store.bytes(key, index * SEGMENT_BYTES + from, length);
  }

  /** Notes that a segment is not in the store after all; nobody else who shares it has it either. */
  lost(record: CacheRecord, index: number): void {
    if (!record.segments.has(index)) return;
    if (record.local) {
      // Of an original that is damaged or gone, no other part is believed either.
      this.track(this.#discard([record]).catch(this.#options.onError));
      return;
    }
    const bytes = segmentLength(record.size, index);
    for (const each of this.#sharers(record)) {
      if (each.local || !each.segments.remove(index)) continue;
      each.unwritten.delete(index);
      each.bytes -= bytes;
      if (each.bytes === 0) each.claimed = false;
      this.#keep(each.source, -bytes, each === record ? -bytes : 0);
    }
    const which = record.content === null ? these(record) : sql`content = ${record.content} AND NOT local`;
    this.track(
      this.#options.database
        .write(async (transaction) => {
          await lockContents(transaction, record.content === null ? [] : [record.content]);
          await this.#take(transaction, which, new Set([index]));
        })
        .catch(this.#options.onError),
    );
  }

  /** Takes a segment that is not what it was out of the store; an original is not ours to delete. */
  async damaged(record: CacheRecord, index: number): Promise<void> {
    const { local } = record;
    this.lost(record, index);
    if (!local) await this.#options.store.delete(segmentKey(record, index));
  }

  /** Takes segments out of rows, and puts others in. */
  async #take(
    transaction: Sql,
    which: Statement,
    missing: ReadonlySet<number>,
    more: readonly number[] = [],
  ): Promise<void> {
    const forUpdate = transaction.dialect === 'postgresql' ? sql` FOR UPDATE` : empty;
    const rows = await transaction.all<HolderRow & { content: string | null; pinned: boolean | number }>(
      sql`SELECT ${HOLDER_COLUMNS}, content, pinned FROM cached_files WHERE ${which} ORDER BY id${forUpdate}`,
    );
    for (const row of rows) {
      const segments = mapOf(row);
      let changed = false;
      for (const index of missing) if (segments.remove(index)) changed = true;
      for (const index of more) if (segments.add(index)) changed = true;
      const bytes = bytesOf(row.size, segments);
      if (!changed && bytes === row.bytes && (row.content !== null || bytes === row.counted)) continue;
      await transaction.run(
        segments.held === 0 && !row.pinned
          ? sql`DELETE FROM cached_files WHERE id = ${row.id}`
          : sql`UPDATE cached_files SET segments = ${bitsOf(segments)}, whole = ${segments.whole}, bytes = ${bytes}, counted = ${bytes} WHERE id = ${row.id}`,
      );
    }
    for (const content of new Set(rows.map((row) => row.content))) {
      if (content !== null) await recount(transaction, content);
    }
  }

  /** Forgets all that is kept of one file, which turned out to be wrong. */
  /** After another process has removed something: what is remembered is read again from the rows. */
  async forgetRows(): Promise<void> {
    await this.#flushRows();
    this.#idle.clear();
  }

  async forget(record: CacheRecord): Promise<void> {
    await this.#discard([record]);
  }

  /** Of the given items, those of which more than a thumbnail is here. One query. */
  async availability(itemKeys: readonly number[]): Promise<Map<number, 'CACHED' | 'PARTIAL'>> {
    const found = new Map<number, 'CACHED' | 'PARTIAL'>();
    if (itemKeys.length === 0) return found;
    const note = (itemKey: number, variant: VariantName, whole: boolean): void => {
      if (variant === 'thumbnail') return;
      if (variant === 'original' && whole) found.set(itemKey, 'CACHED');
      else if (!found.has(itemKey)) found.set(itemKey, 'PARTIAL');
    };
    const rows = await this.#options.database.read.all<Pick<Row, 'itemKey' | 'variant' | 'whole'>>(
      sql`SELECT item_key AS "itemKey", variant, whole FROM cached_files WHERE item_key IN (${join([...itemKeys])}) AND bytes > 0`,
    );
    for (const row of rows) note(row.itemKey, row.variant, Boolean(row.whole));
    const asked = new Set(itemKeys);
    for (const record of this.#dirty) {
      if (asked.has(record.itemKey) && record.bytes > 0) {
        note(record.itemKey, record.variant, record.segments.whole);
      }
    }
    return found;
  }

  async usage(): Promise<CacheUsage> {
    await this.flush();
    const { read } = this.#options.database;
    await this.#tidy();
    const peers = await read.all<{
      peerKey: number;
      bytes: number;
      counted: number;
      pinned: number;
      items: number;
    }>(
      sql`SELECT source AS "peerKey", SUM(bytes) AS bytes, SUM(counted) AS counted, SUM(CASE WHEN pinned THEN counted ELSE 0 END) AS pinned, COUNT(DISTINCT item_key) AS items FROM cached_files WHERE bytes > 0 GROUP BY source ORDER BY source`,
    );
    const budgets = await this.#peerBudgets();
    return {
      bytes: peers.reduce((sum, peer) => sum + peer.counted, 0),
      budget: this.#options.budget,
      pinnedBytes: peers.reduce((sum, peer) => sum + peer.pinned, 0),
      items: peers.reduce((sum, peer) => sum + peer.items, 0),
      peers: peers.map(({ peerKey, bytes, items }) => ({
        peerKey,
        bytes,
        budget: budgets.get(peerKey) ?? null,
        items,
      })),
    };
  }

  /** Items of which something is kept, or that are pinned; those that take most room first. */
  async items({ peerKey, pinned, after, take }: KeptItemsAsked): Promise<KeptItem[]> {
    await this.flush();
    const rows = await this.#options.database.read.all<Omit<KeptItem, 'pinned'> & { pinned: number }>(
      sql`SELECT i.id, k.bytes, k.pinned, k.used_at AS "usedAt" FROM (
            SELECT item_key, SUM(bytes) AS bytes, MAX(CASE WHEN pinned THEN 1 ELSE 0 END) AS pinned, MAX(used_at) AS used_at
            FROM cached_files WHERE ${peerKey === null ? sql`(bytes > 0 OR pinned)` : sql`source = ${peerKey} AND (bytes > 0 OR pinned)`} GROUP BY item_key
          ) k JOIN items i ON i.key = k.item_key
          WHERE ${pinned === null ? sql`1 = 1` : sql`k.pinned = ${pinned ? 1 : 0}`}
            AND ${after === null ? sql`1 = 1` : sql`(k.bytes < ${after.bytes} OR (k.bytes = ${after.bytes} AND i.id > ${after.id}))`}
          ORDER BY k.bytes DESC, i.id LIMIT ${take}`,
    );
    return rows.map((row) => ({ ...row, pinned: Boolean(row.pinned) }));
  }

  /**
   * Keeps what is here of an item, and what will be, from being evicted, or no longer. False where nothing of it is here
   * and `file`, of which a row without bytes could say so, is not given or of unknown size.
   */
  async pin(
    itemKey: number,
    pinned: boolean,
    file: (FileIdentity & { size: number | null }) | null = null,
  ): Promise<boolean> {
    await this.flush();
    this.#nothingToEvict = false;
    return this.#options.database.write(async (transaction) => {
      const changed = await transaction.run(
        sql`UPDATE cached_files SET pinned = ${pinned} WHERE item_key = ${itemKey}`,
      );
      await recountAll(transaction, sql`item_key = ${itemKey}`);
      if (changed > 0 || !pinned || file === null || file.size === null || file.size === 0)
        return changed > 0;
      const made = await transaction.run(
        sql`INSERT INTO cached_files (item_key, source, variant, digest, size, content, segments, whole, bytes, pinned, used_at)
            SELECT key, source, ${file.variant}, ${validatorOf(file)}, ${file.size}, CAST(${contentOf(file, file.size)} AS text), ${bitsOf(new SegmentMap(segmentCount(file.size)))}, ${false}, 0, ${true}, ${this.#options.now()}
            FROM items WHERE key = ${itemKey}`,
      );
      return made > 0;
    });
  }

  /** What is kept of one file; null where there is nothing, and it is not pinned either. */
  async kept(file: FileIdentity): Promise<KeptFile | null> {
    await this.flush();
    const row = await this.#row(file);
    if (row === undefined || row.validator !== validatorOf(file)) return null;
    const segments = new SegmentMap(segmentCount(row.size), row.whole ? 'all' : row.segments);
    return {
      segments: segments.held,
      segmentCount: segments.count,
      bytes: row.bytes,
      pinned: Boolean(row.pinned),
      usedAt: row.usedAt,
    };
  }

  /** Bytes that may be kept of a peer without anything else being evicted. */
  async room(source: number): Promise<number> {
    await this.#ready();
    const budgets = await this.#peerBudgets();
    const used = (key: number): number => (this.#kept.get(key) ?? 0) + (this.#reserved.get(key) ?? 0);
    const ofPeer = (budgets.get(source) ?? Number.POSITIVE_INFINITY) - used(source);
    const free = (): number => this.#options.budget - this.#stored - sumOf(this.#reserved);
    // What two have counts twice until it is counted anew.
    if (free() < Math.max(0, ofPeer)) await this.#recount();
    return Math.max(0, Math.min(ofPeer, free()));
  }

  /** Deletes what is kept of an item; its row in the catalog may be gone already where `source` is given. */
  async purgeItem(itemKey: number, source?: number): Promise<void> {
    const { read } = this.#options.database;
    const sources = new Set<number>(source === undefined ? [] : [source]);
    for (const record of this.#known()) if (record.itemKey === itemKey) sources.add(record.source);
    const rows = await read.all<{ source: number }>(
      sql`SELECT source FROM cached_files WHERE item_key = ${itemKey} UNION SELECT source FROM items WHERE key = ${itemKey} AND source <> 0`,
    );
    for (const row of rows) sources.add(row.source);
    await this.#purge(
      (record) => record.itemKey === itemKey,
      sql`item_key = ${itemKey}`,
      [...sources].map((each) => cachedItemPrefix(each, itemKey)),
    );
  }

  async purgePeer(peerKey: number): Promise<void> {
    await this.#purge((record) => record.source === peerKey, sql`source = ${peerKey}`, [
      cachedPeerPrefix(peerKey),
    ]);
  }

  /**
   * Gives what is kept of some items to another peer, in one transaction with `move`, which does the same with the
   * items' rows and answers the keys of those that it moved; what is kept of the others is deleted. Nothing of them
   * may be read meanwhile.
   *
   * Blobs that are named by their content stay where they are. Others have the peer in their name. They get a second one before and lose the first after the transaction, so that
   * whenever this ends there is a blob for each row, and the sweep removes the names that are too many.
   */
  async takeOver(
    from: number,
    to: number,
    itemKeys: readonly number[],
    move: (transaction: Sql) => Promise<readonly number[]>,
  ): Promise<void> {
    const { database, store } = this.#options;
    await this.flush();
    const concerned = new Set(itemKeys);
    for (const record of [...this.#known()]) if (concerned.has(record.itemKey)) this.#bury(record);
    const rows = await database.read.all<{ itemKey: number }>(
      sql`SELECT DISTINCT item_key AS "itemKey" FROM cached_files WHERE content IS NULL AND item_key IN (${integers(database.read, JSON.stringify(itemKeys))})`,
    );
    const kept = rows.map(({ itemKey }) => itemKey);
    let moved: ReadonlySet<number> = new Set();
    try {
      for (const key of kept) await store.copyAll(cachedItemPrefix(from, key), cachedItemPrefix(to, key));
      const keys = await database.write(async (transaction) => {
        const answer = await move(transaction);
        await transaction.run(
          sql`UPDATE cached_files SET source = ${to} WHERE source = ${from} AND item_key IN (${integers(transaction, JSON.stringify(answer))})`,
        );
        await transaction.run(
          sql`DELETE FROM cached_files WHERE source = ${from} AND item_key IN (${integers(transaction, JSON.stringify(itemKeys))})`,
        );
        return answer;
      });
      moved = new Set(keys);
      for (const key of kept) await store.deleteAll(cachedItemPrefix(from, key));
    } finally {
      for (const key of kept) if (!moved.has(key)) await store.deleteAll(cachedItemPrefix(to, key));
    }
    await this.#tidy();
    await this.#recount();
    this.#nothingToEvict = false;
  }

  async purgeAll(): Promise<void> {
    await this.#purge(() => true, sql`1 = 1`, []);
    // What no row tells of goes too.
    await this.#options.store.deleteAll(CACHE_PREFIX);
  }

  /** Waits for what is on its way into the store, and writes down what changed. */
  async flush(): Promise<void> {
    await Promise.all(this.#writing);
    await this.#flushRows();
  }

  async close(): Promise<void> {
    await this.flush();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Makes rows and blobs agree: blobs that no row needs are deleted, and rows follow the blobs that are there. At
   * start, before anything is read; files that are being read are left alone.
   *
   * @param how - `unclean`: what was written last may not have reached the disk, for cached blobs are not synced: it is
   *   verified, and what cannot be goes, for it can be fetched again; `olderThan`, ms: younger blobs that no row needs may
   *   be another process's, whose row comes with its next batch: `sweepAgain` looks at them later
   */
  async sweep({
    unclean = false,
    olderThan = 0,
  } = {}): Promise<{ files: number; bytes: number; rows: number }> {
    const { database, store } = this.#options;
    await this.flush();
    await this.#tidy();
    const kept = new Map<string, KeptRow[]>();
    for (let after = 0; ; ) {
      const page = await database.read.all<Row>(
        sql`SELECT ${COLUMNS} FROM cached_files WHERE id > ${after} ORDER BY id LIMIT 5000`,
      );
      for (const row of page) {
        after = row.id;
        const key = keyOf(row);
        const rows = kept.get(key) ?? [];
        rows.push({ row, had: mapOf(row), found: new SegmentMap(segmentCount(row.size)) });
        kept.set(key, rows);
      }
      if (page.length < 5000) break;
    }
    const running = new Set([...this.#running.values()].map((record) => record.key));
    let files = 0;
    let bytes = 0;
    let newest = 0;
    let recent: Array<{ blob: BlobEntry; index: number; rows: KeptRow[] }> = [];
    const youngest = (): void => {
      recent = recent.filter(({ blob }) => blob.modifiedAt >= newest - UNSYNCED);
    };
    for await (const blob of store.list(CACHE_PREFIX)) {
      const parts = parseCacheKey(blob.key);
      if (parts === null || running.has(parts.file)) continue;
      const rows = kept.get(parts.file) ?? [];
      if (parts.part === 'list' && rows.length > 0) continue;
      const index = parts.part === 'list' ? -1 : (parts.part ?? 0);
      const here = rows.filter(
        ({ row, had, found }) =>
          index >= 0 &&
          index < found.count &&
          (parts.part === null) === (found.count === 1) &&
          // Of a blob that others may have stored, only the row tells whether it came from its peer.
          (row.content === null || (!row.local && had.has(index))) &&
          // A power cut may leave a name without its bytes.
          blob.size === segmentLength(row.size, index),
      );
      if (here.length > 0) {
        for (const { found } of here) found.add(index);
        newest = Math.max(newest, blob.modifiedAt);
        if (unclean && blob.modifiedAt >= newest - UNSYNCED) {
          recent.push({ blob, index, rows: here });
          if (recent.length % 10_000 === 0) youngest();
        }
        continue;
      }
      if (olderThan > 0 && blob.modifiedAt > Date.now() - olderThan) {
        this.#later.set(blob.key, { modifiedAt: blob.modifiedAt, wait: olderThan });
        continue;
      }
      await store.delete(blob.key);
      files += 1;
      bytes += blob.size;
    }
    youngest();
    for (const { blob, index, rows } of recent) {
      const [first] = rows;
      if (first === undefined || (await this.#isSound(blob, index, first.row))) continue;
      for (const { found } of rows) found.remove(index);
      await store.delete(blob.key);
      files += 1;
      bytes += blob.size;
    }
    const all = [...kept.values()].flat();
    const rows = await this.#followBlobs(all.filter(({ row }) => !running.has(keyOf(row))));
    const lent = new Set(all.filter(({ row }) => row.local).map(({ row }) => row.validator));
    for (const digest of lent) {
      const inLibrary = await database.read.get(
        sql`SELECT 1 AS found FROM items WHERE digest = ${digest} AND source = 0 AND location = ${libraryKey(digest)} LIMIT 1`,
      );
      if (inLibrary === undefined) await this.leaveLibrary(digest);
    }
    this.#idle.clear();
    this.#counted = undefined;
    return { files, bytes, rows };
  }

  /** Looks again at blobs that were too young to be swept; answers how many were removed. */
  async sweepAgain(): Promise<{ files: number; bytes: number }> {
    const { store } = this.#options;
    let files = 0;
    let bytes = 0;
    const now = Date.now();
    for (const [key, { modifiedAt, wait }] of [...this.#later]) {
      if (modifiedAt + wait > now) continue;
      this.#later.delete(key);
      const blob = await store.stat(key);
      if (blob === null || (await this.#isNeeded(key))) continue;
      if (blob.modifiedAt + wait > now) {
        // It was written anew meanwhile.
        this.#later.set(key, { modifiedAt: blob.modifiedAt, wait });
        continue;
      }
      await store.delete(key);
      files += 1;
      bytes += blob.size;
    }
    return { files, bytes };
  }

  async #isNeeded(key: string): Promise<boolean> {
    const parts = parseCacheKey(key);
    if (parts === null) return true;
    for (const record of this.#known()) {
      if (record.key === parts.file && record.users > 0) return true;
    }
    const rows = await this.#options.database.read.all<Row>(
      sql`SELECT ${COLUMNS} FROM cached_files WHERE ${parts.item === null ? sql`content = ${parts.file.slice(CACHE_PREFIX.length)}` : sql`item_key = ${parts.item}`}`,
    );
    return rows.some((row) => {
      if (keyOf(row) !== parts.file) return false;
      return parts.part === 'list' || (!row.local && mapOf(row).has(parts.part ?? 0));
    });
  }

  /** Rows of which blobs are missing lose them; those whose blobs are theirs alone get what is there. */
  async #followBlobs(kept: readonly KeptRow[]): Promise<number> {
    const { database } = this.#options;
    const differing = kept.filter(
      ({ row, had, found }) =>
        !row.local &&
        (row.bytes !== bytesOf(row.size, had) ||
          (row.content === null && row.counted !== row.bytes) ||
          Buffer.compare(had.toBytes(), found.toBytes()) !== 0),
    );
    let changed = 0;
    for (let at = 0; at < differing.length; at += BATCH) {
      const batch = differing.slice(at, at + BATCH);
      await database.write(async (transaction) => {
        await lockContents(
          transaction,
          batch.flatMap(({ row }) => row.content ?? []),
        );
        for (const { row, had, found } of batch) {
          changed += 1;
          const missing = new Set([...had].filter((index) => !found.has(index)));
          const more = row.content === null ? [...found].filter((index) => !had.has(index)) : [];
          await this.#take(transaction, sql`id = ${row.id}`, missing, more);
        }
      });
    }
    const counts = new Map<string, number>();
    for (const { row } of kept) {
      if (row.content !== null) counts.set(row.content, (counts.get(row.content) ?? 0) + 1);
    }
    const doubtful = [
      ...new Set(
        kept.flatMap(({ row }) =>
          row.content !== null &&
          ((counts.get(row.content) ?? 0) > 1 || row.counted !== (row.local ? 0 : row.bytes))
            ? row.content
            : [],
        ),
      ),
    ];
    for (let at = 0; at < doubtful.length; at += BATCH) {
      const batch = doubtful.slice(at, at + BATCH);
      await database.write(async (transaction) => {
        await lockContents(transaction, batch);
        for (const content of batch) await recount(transaction, content);
      });
    }
    return changed;
  }

  async #isSound(blob: BlobEntry, index: number, row: Row): Promise<boolean> {
    const { store } = this.#options;
    try {
      let expected = row.validator;
      if (segmentCount(row.size) > 1) {
        const entry = await store.bytes(`${keyOf(row)}/list`, 32 * index, 32);
        if (entry.length !== 32) return false;
        expected = `sha-256:${entry.toString('hex')}`;
        release(entry);
      }
      const bytes = await store.bytes(blob.key, 0, blob.size);
      const sound = sha256(bytes) === expected;
      release(bytes);
      return sound;
    } catch (error) {
      // Of a store that is away nothing is known, and least of all that its bytes are damaged.
      if (error instanceof StoreAwayError) throw error;
      if (isCode(error, 'NOT_FOUND', 'UNAVAILABLE')) return false;
      throw error;
    }
  }

  async #purge(
    concerns: (record: CacheRecord) => boolean,
    rows: Statement,
    prefixes: string[],
  ): Promise<void> {
    const { database, store } = this.#options;
    /** Of what is not written down yet, no row will tell. */
    const contents = new Set<string>();
    const bury = (): void => {
      for (const record of [...this.#known()]) {
        if (!concerns(record)) continue;
        if (record.content !== null && record.bytes > 0) contents.add(record.content);
        this.#bury(record);
      }
    };
    bury();
    // A segment or a batch that is on its way would be written after ours are deleted.
    await this.flush();
    for (let deleted = BATCH; deleted === BATCH; ) {
      deleted = await database.write((transaction) =>
        transaction.run(
          sql`DELETE FROM cached_files WHERE id IN (SELECT id FROM cached_files WHERE ${rows} LIMIT ${BATCH})`,
        ),
      );
    }
    // Somebody may have read a row before it was gone.
    bury();
    const unwritten = [...contents];
    while (unwritten.length > 0) {
      await database.write(async (transaction) => {
        for (const content of unwritten.splice(0, BATCH)) await loosen(transaction, content);
      });
    }
    for (const prefix of prefixes) await store.deleteAll(prefix);
    await this.#tidy();
    // Where streams keep on writing, the sum stays too large for a while, which only keeps less.
    await this.#recount();
    this.#nothingToEvict = false;
  }

  *#known(): Iterable<CacheRecord> {
    yield* this.#running.values();
    yield* this.#idle.values();
  }

  /** From now on nothing is kept of it; streams that read it go on. */
  #bury(record: CacheRecord): void {
    record.dead = true;
    record.segments.clear();
    record.unwritten.clear();
    record.bytes = 0;
    this.#dirty.delete(record);
    this.#touched.delete(record);
    const id = idOf(record);
    if (this.#running.get(id) === record) this.#running.delete(id);
    if (this.#idle.peek(id) === record) this.#idle.delete(id);
    this.#unshare(record);
  }

  #outOfSight(record: CacheRecord): void {
    // What is not written down yet nobody could see in the database.
    if (this.#running.get(idOf(record)) !== record && !this.#dirty.has(record)) this.#unshare(record);
  }

  #unshare(record: CacheRecord): void {
    if (record.content === null) return;
    const sharing = this.#sharing.get(record.content);
    sharing?.delete(record);
    if (sharing?.size === 0) this.#sharing.delete(record.content);
  }

  #sharers(record: CacheRecord): Iterable<CacheRecord> {
    return (record.content === null ? undefined : this.#sharing.get(record.content)) ?? [record];
  }

  /** Whether another record, that is known here, has a segment too. */
  #isElsewhere(record: CacheRecord, index: number): boolean {
    for (const each of this.#sharers(record)) {
      if (each !== record && !each.local && each.segments.has(index)) return true;
    }
    return false;
  }

  /** Adds the segments of a content that files need which are known here, or are being written. */
  #addNeeded(content: string, needed: Set<number>): void {
    for (let index = (this.#copying.get(content) ?? 0) - 1; index >= 0; index -= 1) needed.add(index);
    for (const record of this.#sharing.get(content) ?? []) {
      for (const index of record.arriving.keys()) needed.add(index);
      if (!record.local) for (const index of record.segments) needed.add(index);
    }
  }

  /** Removes what nobody needs any more of what rows have lost. What the store does not delete now is tried again later. */
  #tidy(): Promise<void> {
    const tidied = this.#tidying.then(() => this.#tidyUp());
    this.#tidying = tidied.catch(this.#options.onError);
    return tidied;
  }

  async #tidyUp(): Promise<void> {
    const { database } = this.#options;
    const failed: string[] = [];
    for (;;) {
      const page = await database.read.all<{ content: string }>(
        sql`SELECT content FROM loose_contents ORDER BY content LIMIT ${BATCH}`,
      );
      const contents = page.map(({ content }) => content).filter((content) => !failed.includes(content));
      if (contents.length === 0) break;
      let done = (): void => {};
      const removing = new Promise<void>((resolve) => {
        done = resolve;
      });
      for (const content of contents) this.#removing.set(content, removing);
      try {
        failed.push(...(await this.#removeUnneeded(contents)));
      } finally {
        for (const content of contents) this.#removing.delete(content);
        done();
      }
      if (page.length < BATCH) break;
    }
    if (failed.length === 0) return;
    await database.write(async (transaction) => {
      for (const content of failed) await loosen(transaction, content);
    });
  }

  /** Answers those of which something could not be deleted. */
  async #removeUnneeded(contents: readonly string[]): Promise<string[]> {
    const { database, onError } = this.#options;
    const held = new Map<string, { rows: number; segments: Set<number> }>();
    // Before as well as after the rows are read: what is written down between the two is in neither of them alone.
    const needed = new Map(contents.map((content) => [content, new Set<number>()]));
    let changed = 0;
    for (const [content, segments] of needed) this.#addNeeded(content, segments);
    await database.write(async (transaction) => {
      held.clear();
      changed = 0;
      await lockContents(transaction, contents);
      for (const content of contents) {
        const mine = await transaction.run(sql`DELETE FROM loose_contents WHERE content = ${content}`);
        // Another process sees to it.
        if (mine === 0) continue;
        const { change, ...found } = await recount(transaction, content);
        changed += change;
        held.set(content, found);
      }
    });
    this.#changes += 1;
    this.#stored += changed;
    const failed: string[] = [];
    const waiting = [...held];
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const [content, { rows, segments }] = next;
        for (const index of needed.get(content) ?? []) segments.add(index);
        this.#addNeeded(content, segments);
        try {
          await this.#removeBlobs(content, segments, rows > 0);
        } catch (error) {
          onError(error);
          failed.push(content);
        }
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
    return failed;
  }

  async #removeBlobs(content: string, needed: ReadonlySet<number>, listed: boolean): Promise<void> {
    const { store, othersWrite } = this.#options;
    const key = contentKey(content);
    /** Whether another process may have written it a moment ago: then it is looked at later. */
    const isYoung = (blob: BlobEntry): boolean => {
      if (othersWrite === null || !listed || blob.modifiedAt <= Date.now() - othersWrite) return false;
      this.#later.set(blob.key, { modifiedAt: blob.modifiedAt, wait: othersWrite });
      return true;
    };
    if (isOneSegment(content)) {
      if (needed.has(0)) return;
      const blob = listed && othersWrite !== null ? await store.stat(key) : null;
      if (blob === null || !isYoung({ ...blob, key })) await store.delete(key);
    } else if (needed.size === 0 && !listed) {
      await store.deleteAll(`${key}/`);
    } else {
      for await (const blob of store.list(`${key}/`)) {
        const part = parseCacheKey(blob.key)?.part;
        if (typeof part === 'number' && !needed.has(part) && !isYoung(blob)) await store.delete(blob.key);
      }
    }
  }

  async #discard(records: CacheRecord[]): Promise<void> {
    for (const record of records) {
      if (record.dead) continue;
      // What others need of it, `#tidy` counts again.
      this.#keep(record.source, -record.bytes, record.local ? 0 : -record.bytes);
      this.#bury(record);
    }
    await this.#deleteFiles(records);
  }

  async #deleteFiles(
    files: Array<Pick<CacheRecord, 'itemKey' | 'variant' | 'validator' | 'size' | 'content' | 'key'>>,
  ) {
    if (files.length === 0) return;
    await this.#options.database.write(async (transaction) => {
      for (const file of files) {
        await transaction.run(sql`DELETE FROM cached_files WHERE ${these(file)} AND NOT pinned`);
        // Of what is not written down yet there is no row that would.
        await loosen(transaction, file.content);
        // That it is pinned is true of its next version too.
        await transaction.run(
          sql`UPDATE cached_files SET segments = NULL, whole = ${false}, bytes = 0, counted = 0, local = ${false}, content = NULL, tag = NULL WHERE ${these(file)}`,
        );
      }
    });
    if (files.some(({ content }) => content !== null)) await this.#tidy().catch(this.#options.onError);
    for (const file of files) {
      if (file.content !== null) continue;
      const deleting =
        segmentCount(file.size) <= 1
          ? this.#options.store.delete(file.key)
          : this.#options.store.deleteAll(`${file.key}/`);
      // Whoever reads need not suffer from it: without its row it is found by the next sweep.
      await deleting.catch(this.#options.onError);
    }
  }

  async #row(file: Pick<FileIdentity, 'itemKey' | 'variant'>): Promise<Row | undefined> {
    return this.#options.database.read.get<Row>(
      sql`SELECT ${COLUMNS} FROM cached_files WHERE item_key = ${file.itemKey} AND variant = ${file.variant}`,
    );
  }

  #load(id: string, file: FileIdentity, size: number): Promise<CacheRecord> {
    const loading = this.#loading.get(id);
    if (loading !== undefined) return loading;
    const load = this.#read(file, size).then((record) => {
      if (!this.#running.has(id)) this.#idle.set(id, record);
      return record;
    });
    const done = load.finally(() => this.#loading.delete(id));
    this.#loading.set(id, done);
    return done;
  }

  async #read(file: FileIdentity, size: number): Promise<CacheRecord> {
    const validator = validatorOf(file);
    let row = await this.#row(file);
    if (row !== undefined && (row.source !== file.source || !isOf(row, file, size))) {
      // The item's bytes are others by now.
      this.#keep(row.source, -row.bytes, -row.counted);
      await this.#deleteFiles([{ ...row, key: keyOf(row) }]);
      row = undefined;
    }
    const segments = new SegmentMap(segmentCount(size), row && (row.whole ? 'all' : row.segments));
    // What was kept under its item's name before stays there.
    const content = row !== undefined && row.bytes > 0 ? row.content : contentOf(file, size);
    const record: CacheRecord = {
      itemKey: file.itemKey,
      source: file.source,
      variant: file.variant,
      validator,
      size,
      content,
      key: keyOf({ ...file, validator, content }),
      local: Boolean(row?.local),
      claimed: row !== undefined && row.content === content,
      segments,
      arriving: new Map(),
      unwritten: new Set(),
      tag: row?.tag ?? null,
      checkedAt: row?.checkedAt ?? 0,
      bytes: bytesOf(size, segments),
      usedAt: row?.usedAt ?? this.#options.now(),
      users: 0,
      dead: false,
    };
    if (content !== null) {
      const sharing = this.#sharing.get(content);
      if (sharing === undefined) this.#sharing.set(content, new Set([record]));
      else sharing.add(record);
    }
    return record;
  }

  /** @param stored - of `bytes`, what changes in the store: less where others have it too */
  #keep(source: number, bytes: number, stored: number): void {
    this.#changes += 1;
    add(this.#kept, source, bytes);
    this.#stored += stored;
  }

  async #flushRows(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#write(true)).catch(this.#options.onError);
    await this.#flushing;
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flushing = this.#flushing.then(() => this.#write(false)).catch(this.#options.onError);
    }, FLUSH_INTERVAL);
    this.#timer.unref();
  }

  async #write(touched: boolean): Promise<void> {
    const due = touched || this.#options.now() - this.#touchedWrittenAt >= TOUCH_INTERVAL;
    const records = new Set(this.#dirty);
    this.#dirty.clear();
    if (due) {
      for (const record of this.#touched) records.add(record);
      this.#touched.clear();
      this.#touchedWrittenAt = this.#options.now();
    }
    const waiting = [...records];
    const orphans: CacheRecord[] = [];
    const whole: CacheRecord[] = [];
    try {
      while (waiting.length > 0) {
        const batch = waiting.slice(0, BATCH);
        const written = batch.map((record) => ({ record, indexes: [] as number[] }));
        // What a power cut loses of it, the sweep of the next start removes, and can be fetched again.
        await this.#options.database.writeRecoverable(async (transaction) => {
          await lockContents(
            transaction,
            batch.flatMap(({ content }) => content ?? []),
          );
          for (const each of written) {
            const { record } = each;
            if (record.dead) continue;
            const indexes = await this.#upsert(transaction, record);
            if (indexes === null) orphans.push(record);
            else each.indexes = indexes;
          }
        });
        waiting.splice(0, batch.length);
        for (const { record, indexes } of written) {
          for (const index of indexes) record.unwritten.delete(index);
        }
        for (const record of batch) {
          if (record.dead) continue;
          if (this.#running.get(idOf(record)) !== record && this.#idle.peek(idOf(record)) !== record) {
            this.#outOfSight(record);
          }
          if (record.segments.whole && !record.local && record.variant === 'original') whole.push(record);
        }
      }
    } catch (error) {
      for (const record of waiting) if (!record.dead) this.#dirty.add(record);
      this.#schedule();
      throw error;
    }
    if (orphans.length > 0) await this.#discard(orphans);
    if (whole.length === 0) return;
    // An original that comes later finds the rows, which are written.
    const digests = whole.map(({ validator }) => validator);
    const known = await libraryDigests(this.#options.database.read, digests);
    for (const { content, validator, size } of whole) {
      if (content !== null && known.has(validator)) await this.#giveToLibrary(content, validator, size);
    }
  }

  /** Answers the segments that the database knows of from now on; null where the item itself is gone from the catalog. */
  async #upsert(transaction: Sql, record: CacheRecord): Promise<number[] | null> {
    if (transaction.dialect === 'postgresql') await this.#merge(transaction, record);
    const { segments } = record;
    // As of the bits below: more may come while they are written.
    const indexes = [...record.unwritten];
    const changed = await transaction.run(
      sql`INSERT INTO cached_files (item_key, source, variant, digest, size, content, local, segments, whole, bytes, counted, tag, checked_at, pinned, used_at)
          SELECT key, ${record.source}, ${record.variant}, ${record.validator}, ${record.size}, CAST(${record.content} AS text), ${record.local}, ${bitsOf(segments)}, ${segments.whole}, ${record.bytes}, ${record.bytes}, CAST(${record.tag} AS text), CAST(${record.checkedAt} AS bigint),
                 EXISTS (SELECT 1 FROM cached_files AS other WHERE other.item_key = items.key AND other.pinned), ${record.usedAt}
          FROM items WHERE key = ${record.itemKey}
          ON CONFLICT (item_key, variant) DO UPDATE SET source = excluded.source, digest = excluded.digest, size = excluded.size, content = excluded.content,
            local = (cached_files.local AND cached_files.content IS NOT DISTINCT FROM excluded.content AND cached_files.digest = excluded.digest AND excluded.whole),
            segments = excluded.segments, whole = excluded.whole, bytes = excluded.bytes, counted = excluded.counted, tag = excluded.tag, checked_at = excluded.checked_at, used_at = excluded.used_at`,
    );
    if (changed === 0) return null;
    record.claimed = true;
    if (record.content !== null) await recount(transaction, record.content);
    return indexes;
  }

  /** Writes down that something of a file is being kept, before anything of it is. */
  async #claim(record: CacheRecord): Promise<void> {
    await this.#options.database.writeRecoverable(async (transaction) => {
      const { segments } = record;
      await transaction.run(
        sql`INSERT INTO cached_files (item_key, source, variant, digest, size, content, segments, whole, bytes, pinned, used_at)
            SELECT key, ${record.source}, ${record.variant}, ${record.validator}, ${record.size}, CAST(${record.content} AS text), ${bitsOf(new SegmentMap(segments.count))}, ${false}, 0,
                   EXISTS (SELECT 1 FROM cached_files AS other WHERE other.item_key = items.key AND other.pinned), ${record.usedAt}
            FROM items WHERE key = ${record.itemKey}
            ON CONFLICT (item_key, variant) DO UPDATE SET content = excluded.content WHERE cached_files.bytes = 0`,
      );
    });
    record.claimed = true;
  }

  /** Where the library has the same original, rows of this content that are whole need no segments. */
  async #giveToLibrary(content: string, digest: string, size: number): Promise<void> {
    const { database } = this.#options;
    const given = await database.write(async (transaction) => {
      await lockContents(transaction, [content]);
      if (!(await isInLibrary(transaction, { content, digest, size }))) return 0;
      const rows = await transaction.run(
        sql`UPDATE cached_files SET local = ${true} WHERE content = ${content} AND digest = ${digest} AND whole AND NOT local`,
      );
      if (rows > 0) await loosen(transaction, content);
      return rows;
    });
    if (given === 0) return;
    this.#changes += 1;
    for (const record of this.#sharing.get(content) ?? []) {
      if (record.validator === digest && record.segments.whole) record.local = true;
    }
    await this.#tidy();
  }

  /** After an original was taken into the library: whoever has the same bytes whole needs them there no more than once. */
  async joinLibrary(digest: string): Promise<void> {
    // What is whole and not written down yet asks the library by itself.
    const rows = await this.#sharedBy(digest, sql`NOT f.local`);
    for (const { content, size } of rows) await this.#giveToLibrary(content, digest, size);
  }

  /**
   * Before an original is deleted, of which no item is left: what came from peers with the same bytes is kept on, for as
   * long as there is room.
   */
  async leaveLibrary(digest: string): Promise<void> {
    const { database, onError } = this.#options;
    const rows = await this.#sharedBy(digest, sql`f.local`);
    for (const { content, size } of rows) {
      this.#copying.set(content, segmentCount(size));
      const missing = await this.#copyFromLibrary(content, digest, size).catch((error: unknown) => {
        // Where they cannot be kept they are fetched again.
        onError(error);
        return new Set(Array.from({ length: segmentCount(size) }, (_, index) => index));
      });
      for (const record of this.#sharing.get(content) ?? []) {
        if (!record.local) continue;
        if (missing.size > 0) this.#bury(record);
        else record.local = false;
      }
      await database.write(async (transaction) => {
        await lockContents(transaction, [content]);
        await transaction.run(
          sql`UPDATE cached_files SET local = ${false} WHERE content = ${content} AND digest = ${digest} AND local`,
        );
        await this.#take(transaction, sql`content = ${content} AND digest = ${digest} AND whole`, missing);
      });
      this.#copying.delete(content);
      this.#changes += 1;
    }
    if (rows.length === 0) return;
    await this.#recount();
    await this.enforce();
  }

  /** Contents of what is here whole of peers' originals with a digest. */
  #sharedBy(digest: string, which: Statement): Promise<Array<{ content: string; size: number }>> {
    return this.#options.database.read.all(
      sql`SELECT DISTINCT f.content, f.size FROM items i JOIN cached_files f ON f.item_key = i.key WHERE i.digest = ${digest} AND i.source <> 0 AND f.digest = ${digest} AND f.variant = 'original' AND f.content IS NOT NULL AND f.whole AND ${which}`,
    );
  }

  /** Answers the segments that could not be copied, because they are not what they should be. */
  async #copyFromLibrary(content: string, digest: string, size: number): Promise<Set<number>> {
    const { store } = this.#options;
    const from = libraryKey(digest);
    const hex = content.slice(content.indexOf('/') + 1);
    const missing = new Set<number>();
    if (from === null) return missing;
    const key = contentKey(content);
    const count = segmentCount(size);
    let list = Buffer.from(hex, 'hex');
    if (!isOneSegment(content)) {
      list = await bytesOfBlob(store, segmentListKey(hex));
      if (list.length !== 32 * count || sha256(list) !== `sha-256:${hex}`) {
        throw new HedgerowError('UNAVAILABLE', 'The segment list of an original is damaged.');
      }
      await store.write(`${key}/list`, list, { sync: false, digest: `sha-256:${hex}`, verified: true });
    }
    let next = 0;
    const work = async (): Promise<void> => {
      for (let index = next++; index < count; index = next++) {
        const expected = `sha-256:${list.toString('hex', 32 * index, 32 * (index + 1))}`;
        const bytes = await store.bytes(from, index * SEGMENT_BYTES, segmentLength(size, index));
        if (sha256(bytes) === expected) {
          const target = isOneSegment(content) ? key : `${key}/${index}`;
          await store.write(target, bytes, { sync: false, digest: expected, verified: true });
        } else missing.add(index);
        release(bytes);
      }
    };
    await Promise.all(Array.from({ length: Math.min(SIDE_BY_SIDE, count) }, work));
    return missing;
  }

  /** Another process may have kept other segments of the same file in the same store, or removed some. */
  async #merge(transaction: Sql, record: CacheRecord): Promise<void> {
    const row = await transaction.get<Row>(
      sql`SELECT ${COLUMNS} FROM cached_files WHERE item_key = ${record.itemKey} AND variant = ${record.variant} AND digest = ${record.validator} AND size = ${record.size} AND content IS NOT DISTINCT FROM CAST(${record.content} AS text) FOR UPDATE`,
    );
    const { segments, unwritten } = record;
    const theirs = new SegmentMap(
      segments.count,
      row === undefined ? null : row.whole ? 'all' : row.segments,
    );
    for (let index = 0; index < theirs.count; index += 1) {
      const bytes = segmentLength(record.size, index);
      if (theirs.has(index)) {
        if (!segments.add(index)) continue;
        record.bytes += bytes;
        this.#keep(record.source, bytes, this.#isElsewhere(record, index) ? 0 : bytes);
      } else if (!unwritten.has(index) && segments.remove(index)) {
        record.bytes -= bytes;
        this.#keep(record.source, -bytes, this.#isElsewhere(record, index) ? 0 : -bytes);
      }
    }
  }

  /** Deletes what was used least recently until `lacking` is content, or there is nothing more to delete. */
  async #evict(stillNeeded: () => boolean, lacking: () => 'all' | number | null): Promise<void> {
    if (!stillNeeded()) return;
    // Other processes may have changed the rows.
    await this.#recount();
    let after = { usedAt: -1, id: -1 };
    for (let scope = lacking(); scope !== null; ) {
      // What lies in an original takes no room of its own.
      const ofPeer = scope === 'all' ? sql`AND NOT local` : sql`AND source = ${scope}`;
      const page = await this.#options.database.read.all<Row>(
        sql`SELECT ${COLUMNS} FROM cached_files WHERE NOT pinned ${ofPeer} AND (used_at > ${after.usedAt} OR (used_at = ${after.usedAt} AND id > ${after.id})) ORDER BY used_at, id LIMIT ${BATCH}`,
      );
      const victims: Row[] = [];
      for (const row of page) {
        if (lacking() !== scope) break;
        after = row;
        const id = idOf(row);
        if (this.#running.has(id)) continue;
        const record = this.#idle.peek(id);
        if (record !== undefined) this.#bury(record);
        this.#keep(row.source, -row.bytes, -row.counted);
        victims.push(row);
      }
      await this.#deleteFiles(victims.map((row) => ({ ...row, key: keyOf(row) })));
      const next = lacking();
      if (next === scope && page.length === 0) {
        this.#nothingToEvict = true;
        return;
      }
      if (next !== scope) after = { usedAt: -1, id: -1 };
      scope = next;
    }
  }

  #ready(): Promise<void> {
    this.#counted ??= this.#count().then(
      (counted) => {
        this.#kept = counted.kept;
        this.#stored = counted.stored;
      },
      (error: unknown) => {
        this.#counted = undefined;
        throw error;
      },
    );
    return this.#counted;
  }

  /**
   * Counts what is kept anew from the rows, unless something changes at that moment: what is not written down yet,
   * the rows do not have, and a sum without it would let the cache outgrow its budget.
   */
  async #recount(): Promise<void> {
    await this.#ready();
    // Not `flush`: the segment that room is made for is on its way into the store itself.
    await this.#flushRows();
    const changes = this.#changes;
    if (this.#dirty.size > 0) return;
    const counted = await this.#count();
    if (changes !== this.#changes) return;
    this.#kept = counted.kept;
    this.#stored = counted.stored;
  }

  async #count(): Promise<{ kept: Map<number, number>; stored: number }> {
    const rows = await this.#options.database.read.all<{ source: number; bytes: number; counted: number }>(
      sql`SELECT source, SUM(bytes) AS bytes, SUM(counted) AS counted FROM cached_files GROUP BY source`,
    );
    return {
      kept: new Map(rows.map((row) => [row.source, row.bytes])),
      stored: rows.reduce((sum, row) => sum + row.counted, 0),
    };
  }

  async #peerBudgets(): Promise<Map<number, number>> {
    const now = this.#options.now();
    if (this.#budgets === undefined || now - this.#budgets.at >= BUDGETS_KEPT) {
      const rows = await this.#options.database.read.all<{ source: number; budget: number }>(
        sql`SELECT key AS source, cache_budget AS budget FROM federation_peers WHERE cache_budget IS NOT NULL`,
      );
      this.#budgets = { at: now, bySource: new Map(rows.map((row) => [row.source, row.budget])) };
    }
    return this.#budgets.bySource;
  }
}

function idOf(file: { itemKey: number; variant: string }): string {
  return `${file.itemKey}/${file.variant}`;
}

/** Whether what is known is of this version of a file. What was kept before contents had names is, too. */
function isOf(
  known: { validator: string; size: number; content: string | null; bytes: number },
  file: FileIdentity,
  size: number,
): boolean {
  return (
    known.validator === validatorOf(file) &&
    known.size === size &&
    (known.content === null || known.content === contentOf(file, size))
  );
}

/** Whose row it is, as long as it is of this version. */
function these(file: Pick<CacheRecord, 'itemKey' | 'variant' | 'validator'>): Statement {
  return sql`item_key = ${file.itemKey} AND variant = ${file.variant} AND digest = ${file.validator}`;
}

/** Notes that it is to be looked at whether what is stored of a content is still needed. */
async function loosen(transaction: Sql, content: string | null): Promise<void> {
  if (content === null) return;
  await transaction.run(sql`INSERT INTO loose_contents (content) VALUES (${content}) ON CONFLICT DO NOTHING`);
}

/** Counts anew what shares its content with some rows. */
async function recountAll(transaction: Sql, which: Statement): Promise<void> {
  const rows = await transaction.all<{ content: string }>(
    sql`SELECT DISTINCT content FROM cached_files WHERE ${which} AND content IS NOT NULL`,
  );
  const contents = rows.map(({ content }) => content);
  await lockContents(transaction, contents);
  for (const content of contents) await recount(transaction, content);
}

function isOneSegment(content: string): boolean {
  return content.startsWith('small/');
}

async function bytesOfBlob(store: BlobStore, key: string): Promise<Buffer<ArrayBuffer>> {
  return buffer((await store.read(key)).body);
}

function keyOf(file: {
  source: number;
  itemKey: number;
  variant: VariantName;
  validator: string;
  content: string | null;
}): string {
  const { validator, content } = file;
  if (content !== null) return contentKey(content);
  // 128 bits tell the versions of one item apart; the row has the whole digest.
  const tag = validator.startsWith('sha-256:')
    ? validator.slice(8, 40)
    : `u${validator.slice('updated:'.length).replaceAll(/[^0-9]/g, '')}`;
  return cachedFileKey(file.source, file.itemKey, file.variant, tag);
}

function bytesOf(size: number, segments: SegmentMap): number {
  if (segments.whole) return size;
  const last = segments.count - 1;
  if (segments.held === 0) return 0;
  const full = segments.held - (segments.has(last) ? 1 : 0);
  return full * segmentLength(size, 0) + (segments.has(last) ? segmentLength(size, last) : 0);
}

/** Null once the file is whole, as the model has it. */
function bitsOf(segments: SegmentMap): Buffer | null {
  return segments.whole ? null : Buffer.from(segments.toBytes());
}

function add(totals: Map<number, number>, source: number, bytes: number): void {
  totals.set(source, (totals.get(source) ?? 0) + bytes);
}

function sumOf(totals: Map<number, number>): number {
  let sum = 0;
  for (const bytes of totals.values()) sum += bytes;
  return sum;
}
