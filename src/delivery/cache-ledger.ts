/**
 * What of the peers' files is kept here: the CachedFile rows, the blobs behind them, and the budget.
 *
 * The bits of a running file live in memory and go to the database in one batch every half second, because
 * SQLite has one writer and a video of ten minutes has thousands of segments. What a crash loses of that are
 * rows for blobs that are there; `sweep` finds them at the next start.
 */

import { LRUCache } from 'lru-cache';
import type { Database } from '../database/database.ts';
import { integers } from '../database/lists.ts';
import { empty, join, type Sql, sql } from '../database/sql.ts';
import { isCode } from '../lib/errors.ts';
import type { VariantName } from '../lib/media.ts';
import type { BlobEntry, BlobStore } from '../storage/blob-store.ts';
import { release } from '../storage/buffer-pool.ts';
import {
  CACHE_PREFIX,
  cachedFileKey,
  cachedItemPrefix,
  cachedPeerPrefix,
  parseCacheKey,
} from '../storage/paths.ts';
import { sha256 } from '../storage/segment-digests.ts';
import { StoreAwayError } from '../storage/watched-store.ts';
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
  /** Key of the blob of a file of one segment; the blobs of a longer one are below it. */
  readonly key: string;
  readonly segments: SegmentMap;
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
  usedAt: number;
  tag: string | null;
  checkedAt: number | null;
  pinned: boolean | number;
}

const COLUMNS = sql`id, item_key AS "itemKey", source, variant, digest AS validator, size, segments, whole, bytes, used_at AS "usedAt", tag, checked_at AS "checkedAt", pinned`;

export function validatorOf(file: Pick<FileIdentity, 'digest' | 'updatedAt'>): string {
  return file.digest ?? `updated:${file.updatedAt}`;
}

/** The key of one segment's blob. */
export function segmentKey(record: Pick<CacheRecord, 'key' | 'segments'>, index: number): string {
  return record.segments.count === 1 ? record.key : `${record.key}/${index}`;
}

export class CacheLedger {
  readonly #options: LedgerOptions;
  /** Records that are being read. */
  readonly #running = new Map<string, CacheRecord>();
  readonly #idle = new LRUCache<string, CacheRecord>({ max: IDLE_RECORDS });
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
  /** Bytes in the store, by peer; counted anew from the rows before each eviction. */
  #kept = new Map<number, number>();
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
      if (known.validator !== validatorOf(file) || known.size !== size) {
        await this.#discard([known]);
        continue;
      }
      this.#idle.delete(id);
      this.#running.set(id, known);
      known.users += 1;
      return known;
    }
  }

  leave(record: CacheRecord): void {
    record.users -= 1;
    if (record.users > 0) return;
    this.#nothingToEvict = false;
    const id = idOf(record);
    if (this.#running.get(id) !== record) return;
    this.#running.delete(id);
    this.#idle.set(id, record);
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
      return sumOf(kept) + sumOf(this.#reserved) + bytes + slack > this.#options.budget ? 'all' : null;
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
    return true;
  }

  /** After a budget was changed: reads the budgets anew, and evicts what no longer fits. */
  async enforce(): Promise<void> {
    this.#budgets = undefined;
    this.#nothingToEvict = false;
    await this.#ready();
    const budgets = await this.#peerBudgets();
    const exceeded = (): 'all' | number | null => {
      for (const [source, budget] of budgets) if ((this.#kept.get(source) ?? 0) > budget) return source;
      return sumOf(this.#kept) > this.#options.budget ? 'all' : null;
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
      record.bytes += bytes;
      this.#keep(record.source, bytes);
    }
    record.usedAt = this.#options.now();
    this.#dirty.add(record);
    this.#schedule();
    return true;
  }

  /** Notes that a segment is not in the store after all. */
  lost(record: CacheRecord, index: number): void {
    if (!record.segments.remove(index)) return;
    const bytes = segmentLength(record.size, index);
    record.bytes -= bytes;
    this.#keep(record.source, -bytes);
    this.#dirty.add(record);
    this.#schedule();
  }

  /** Forgets all that is kept of one file, which turned out to be wrong. */
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
    const peers = await read.all<{ peerKey: number; bytes: number; pinned: number; items: number }>(
      sql`SELECT source AS "peerKey", SUM(bytes) AS bytes, SUM(CASE WHEN pinned THEN bytes ELSE 0 END) AS pinned, COUNT(DISTINCT item_key) AS items FROM cached_files WHERE bytes > 0 GROUP BY source ORDER BY source`,
    );
    const budgets = await this.#peerBudgets();
    return {
      bytes: peers.reduce((sum, peer) => sum + peer.bytes, 0),
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
      if (changed > 0 || !pinned || file === null || file.size === null || file.size === 0)
        return changed > 0;
      const made = await transaction.run(
        sql`INSERT INTO cached_files (item_key, source, variant, digest, size, segments, whole, bytes, pinned, used_at)
            SELECT key, source, ${file.variant}, ${validatorOf(file)}, ${file.size}, ${bitsOf(new SegmentMap(segmentCount(file.size)))}, ${false}, 0, ${true}, ${this.#options.now()}
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
    return Math.max(0, Math.min(ofPeer, this.#options.budget - sumOf(this.#kept) - sumOf(this.#reserved)));
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
      (transaction) => transaction.run(sql`DELETE FROM cached_files WHERE item_key = ${itemKey}`),
      [...sources].map((each) => cachedItemPrefix(each, itemKey)),
    );
  }

  async purgePeer(peerKey: number): Promise<void> {
    await this.#purge(
      (record) => record.source === peerKey,
      (transaction) => transaction.run(sql`DELETE FROM cached_files WHERE source = ${peerKey}`),
      [cachedPeerPrefix(peerKey)],
    );
  }

  /**
   * Gives what is kept of some items to another peer, in one transaction with `move`, which does the same with the
   * items' rows and answers the keys of those that it moved; what is kept of the others is deleted. Nothing of them
   * may be read meanwhile.
   *
   * Blobs have the peer in their name. They get a second one before and lose the first after the transaction, so that
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
      sql`SELECT DISTINCT item_key AS "itemKey" FROM cached_files WHERE item_key IN (${integers(database.read, JSON.stringify(itemKeys))})`,
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
    await this.#recount();
    this.#nothingToEvict = false;
  }

  async purgeAll(): Promise<void> {
    await this.#purge(
      () => true,
      (transaction) => transaction.run(sql`DELETE FROM cached_files`),
      [CACHE_PREFIX],
    );
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
   * Makes rows and blobs agree: blobs without a row are deleted, rows follow the blobs that are there. At
   * start, before anything is read; files that are being read are left alone.
   *
   * @param how - `unclean`: what was written last may not have reached the disk, for cached blobs are not synced: it is
   *   verified, and what cannot be goes, for it can be fetched again; `olderThan`, ms: younger blobs without a row are
   *   another process's, whose row comes with its next batch
   */
  async sweep({
    unclean = false,
    olderThan = 0,
  } = {}): Promise<{ files: number; bytes: number; rows: number }> {
    const { database, store } = this.#options;
    await this.flush();
    const rows = new Map<string, { row: Row; segments: SegmentMap; complete: boolean }>();
    for (let after = 0; ; ) {
      const page = await database.read.all<Row>(
        sql`SELECT ${COLUMNS} FROM cached_files WHERE id > ${after} ORDER BY id LIMIT 5000`,
      );
      for (const row of page) {
        after = row.id;
        const count = segmentCount(row.size);
        rows.set(keyOf(row), { row, segments: new SegmentMap(count), complete: count === 0 });
      }
      if (page.length < 5000) break;
    }
    const running = new Set([...this.#running.values()].map((record) => record.key));
    let files = 0;
    let bytes = 0;
    let newest = 0;
    let recent: Array<{ blob: BlobEntry; index: number; row: Row; segments: SegmentMap }> = [];
    const youngest = (): void => {
      recent = recent.filter(({ blob }) => blob.modifiedAt >= newest - UNSYNCED);
    };
    for await (const blob of store.list(CACHE_PREFIX)) {
      const parts = parseCacheKey(blob.key);
      if (parts === null || running.has(parts.file)) continue;
      const known = rows.get(parts.file);
      if (known !== undefined && parts.part === 'list') continue;
      const index = parts.part === 'list' ? -1 : (parts.part ?? 0);
      if (
        known !== undefined &&
        index >= 0 &&
        index < known.segments.count &&
        (parts.part === null) === (known.segments.count === 1) &&
        // A power cut may leave a name without its bytes.
        blob.size === segmentLength(known.row.size, index)
      ) {
        known.segments.add(index);
        newest = Math.max(newest, blob.modifiedAt);
        if (unclean && blob.modifiedAt >= newest - UNSYNCED) {
          recent.push({ blob, index, row: known.row, segments: known.segments });
          if (recent.length % 10_000 === 0) youngest();
        }
        continue;
      }
      if (olderThan > 0 && blob.modifiedAt > Date.now() - olderThan) continue;
      await store.delete(blob.key);
      files += 1;
      bytes += blob.size;
    }
    youngest();
    for (const { blob, index, row, segments } of recent) {
      if (await this.#isSound(blob, index, row)) continue;
      segments.remove(index);
      await store.delete(blob.key);
      files += 1;
      bytes += blob.size;
    }
    let changed = 0;
    const differing = [...rows.values()].filter(
      ({ row, segments }) => !running.has(keyOf(row)) && !agrees(row, segments),
    );
    for (let at = 0; at < differing.length; at += BATCH) {
      await database.write(async (transaction) => {
        for (const { row, segments } of differing.slice(at, at + BATCH)) {
          changed += 1;
          await transaction.run(
            segments.held === 0 && !row.pinned
              ? sql`DELETE FROM cached_files WHERE id = ${row.id}`
              : sql`UPDATE cached_files SET segments = ${bitsOf(segments)}, whole = ${segments.whole}, bytes = ${bytesOf(row.size, segments)} WHERE id = ${row.id}`,
          );
        }
      });
    }
    this.#idle.clear();
    this.#counted = undefined;
    return { files, bytes, rows: changed };
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
    deleteRows: (transaction: Sql) => Promise<number>,
    prefixes: string[],
  ): Promise<void> {
    for (const record of this.#known()) if (concerns(record)) this.#bury(record);
    // A segment or a batch that is on its way would be written after ours are deleted.
    await this.flush();
    await this.#options.database.write(deleteRows);
    for (const prefix of prefixes) await this.#options.store.deleteAll(prefix);
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
    record.bytes = 0;
    this.#dirty.delete(record);
    this.#touched.delete(record);
    const id = idOf(record);
    if (this.#running.get(id) === record) this.#running.delete(id);
    if (this.#idle.peek(id) === record) this.#idle.delete(id);
  }

  async #discard(records: CacheRecord[]): Promise<void> {
    for (const record of records) {
      if (record.dead) continue;
      this.#keep(record.source, -record.bytes);
      this.#bury(record);
    }
    await this.#deleteFiles(records);
  }

  async #deleteFiles(files: Array<Pick<CacheRecord, 'itemKey' | 'variant' | 'validator' | 'size' | 'key'>>) {
    if (files.length === 0) return;
    await this.#options.database.write(async (transaction) => {
      for (const file of files) {
        const these = sql`item_key = ${file.itemKey} AND variant = ${file.variant} AND digest = ${file.validator}`;
        await transaction.run(sql`DELETE FROM cached_files WHERE ${these} AND NOT pinned`);
        // That it is pinned is true of its next version too.
        await transaction.run(
          sql`UPDATE cached_files SET segments = NULL, whole = ${false}, bytes = 0, tag = NULL WHERE ${these}`,
        );
      }
    });
    for (const file of files) {
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
    if (
      row !== undefined &&
      (row.validator !== validator || row.size !== size || row.source !== file.source)
    ) {
      // The item's bytes are others by now.
      this.#keep(row.source, -row.bytes);
      await this.#deleteFiles([{ ...row, key: keyOf(row) }]);
      row = undefined;
    }
    const segments = new SegmentMap(segmentCount(size), row && (row.whole ? 'all' : row.segments));
    return {
      itemKey: file.itemKey,
      source: file.source,
      variant: file.variant,
      validator,
      size,
      key: keyOf({ ...file, validator }),
      segments,
      arriving: new Map(),
      tag: row?.tag ?? null,
      checkedAt: row?.checkedAt ?? 0,
      bytes: bytesOf(size, segments),
      usedAt: row?.usedAt ?? this.#options.now(),
      users: 0,
      dead: false,
    };
  }

  #keep(source: number, bytes: number): void {
    this.#changes += 1;
    add(this.#kept, source, bytes);
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
    try {
      while (waiting.length > 0) {
        const batch = waiting.slice(0, BATCH);
        await this.#options.database.write(async (transaction) => {
          for (const record of batch) {
            if (!record.dead && !(await this.#upsert(transaction, record))) orphans.push(record);
          }
        });
        waiting.splice(0, batch.length);
      }
    } catch (error) {
      for (const record of waiting) if (!record.dead) this.#dirty.add(record);
      this.#schedule();
      throw error;
    }
    if (orphans.length > 0) await this.#discard(orphans);
  }

  /** False where the item itself is gone from the catalog. */
  async #upsert(transaction: Sql, record: CacheRecord): Promise<boolean> {
    if (transaction.dialect === 'postgresql') await this.#merge(transaction, record);
    const { segments } = record;
    const changed = await transaction.run(
      sql`INSERT INTO cached_files (item_key, source, variant, digest, size, segments, whole, bytes, tag, checked_at, pinned, used_at)
          SELECT key, ${record.source}, ${record.variant}, ${record.validator}, ${record.size}, ${bitsOf(segments)}, ${segments.whole}, ${record.bytes}, CAST(${record.tag} AS text), CAST(${record.checkedAt} AS bigint),
                 EXISTS (SELECT 1 FROM cached_files AS other WHERE other.item_key = items.key AND other.pinned), ${record.usedAt}
          FROM items WHERE key = ${record.itemKey}
          ON CONFLICT (item_key, variant) DO UPDATE SET source = excluded.source, digest = excluded.digest, size = excluded.size,
            segments = excluded.segments, whole = excluded.whole, bytes = excluded.bytes, tag = excluded.tag, checked_at = excluded.checked_at, used_at = excluded.used_at`,
    );
    return changed > 0;
  }

  /** Another process may have kept other segments of the same file in the same store. */
  async #merge(transaction: Sql, record: CacheRecord): Promise<void> {
    const row = await transaction.get<Row>(
      sql`SELECT ${COLUMNS} FROM cached_files WHERE item_key = ${record.itemKey} AND variant = ${record.variant} AND digest = ${record.validator} AND size = ${record.size} FOR UPDATE`,
    );
    if (row === undefined) return;
    const theirs = new SegmentMap(record.segments.count, row.whole ? 'all' : row.segments);
    for (let index = 0; index < theirs.count; index += 1) {
      if (!theirs.has(index) || !record.segments.add(index)) continue;
      const bytes = segmentLength(record.size, index);
      record.bytes += bytes;
      this.#keep(record.source, bytes);
    }
  }

  /** Deletes what was used least recently until `lacking` is content, or there is nothing more to delete. */
  async #evict(stillNeeded: () => boolean, lacking: () => 'all' | number | null): Promise<void> {
    if (!stillNeeded()) return;
    // Other processes may have changed the rows.
    await this.#recount();
    let after = { usedAt: -1, id: -1 };
    for (let scope = lacking(); scope !== null; ) {
      const ofPeer = scope === 'all' ? empty : sql`AND source = ${scope}`;
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
        this.#keep(row.source, -row.bytes);
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
      (kept) => {
        this.#kept = kept;
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
    if (changes === this.#changes) this.#kept = counted;
  }

  async #count(): Promise<Map<number, number>> {
    const rows = await this.#options.database.read.all<{ source: number; bytes: number }>(
      sql`SELECT source, SUM(bytes) AS bytes FROM cached_files GROUP BY source`,
    );
    return new Map(rows.map((row) => [row.source, row.bytes]));
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

function keyOf(file: { source: number; itemKey: number; variant: VariantName; validator: string }): string {
  const { validator } = file;
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

function agrees(row: Row, segments: SegmentMap): boolean {
  const written = new SegmentMap(segments.count, row.whole ? 'all' : row.segments);
  return (
    row.bytes === bytesOf(row.size, segments) && Buffer.compare(written.toBytes(), segments.toBytes()) === 0
  );
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
