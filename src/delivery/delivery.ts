/**
 * The door of this room: the bytes of any item, local or a peer's, verified, cached as they stream, fetched once
 * for everybody. It decides nothing about who may have them, and knows no HTTP beyond the Cache-Status it names.
 *
 * A peer's long file is kept as one blob a segment, never assembled: each is whole or absent by itself, a copy
 * of everything at the end would double the writes, and reading 256 KiB files is as fast as reading one.
 */

import { Readable } from 'node:stream';
import { LRUCache } from 'lru-cache';
import type { Database } from '../database/database.ts';
import type { Processes } from '../database/processes.ts';
import type { Sql } from '../database/sql.ts';
import { entriesCache } from '../lib/entries-cache.ts';
import { HedgerowError, isCode } from '../lib/errors.ts';
import { SEGMENT_BYTES, type SegmentList, type VariantName } from '../lib/media.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { release } from '../storage/buffer-pool.ts';
import { type ByteRange, openFileStream } from '../storage/file-stream.ts';
import { sha256 } from '../storage/segment-digests.ts';
import { StoreAwayError } from '../storage/watched-store.ts';
import {
  CacheLedger,
  type CacheRecord,
  type CacheUsage,
  type KeptItem,
  type KeptItemsAsked,
  smallKey,
} from './cache-ledger.ts';
import type { KeptFile, LastAnswer } from './explain.ts';
import {
  type HeldSegments,
  type HotSegments,
  type OpenedAnswer,
  openAnswer,
  RemoteFile,
  type RemoteHost,
  translate,
} from './remote-file.ts';
import { segmentLength } from './segment-map.ts';
import { SegmentStream } from './segment-stream.ts';
import { sourceOf } from './take.ts';
import type { Upstream } from './upstream.ts';

export type { CacheUsage, KeptItem, KeptItemsAsked } from './cache-ledger.ts';
export type { Upstream, UpstreamBytes, UpstreamRef } from './upstream.ts';

export type CacheMode = 'NONE' | 'THUMBNAILS' | 'ON_ACCESS' | 'MIRROR';

/** Where the bytes of a local item are: in the blob store, or in a folder that is not ours. */
export type LocalPlace =
  | { storage: 'MANAGED'; key: string }
  /** `size` in bytes and `mtime` in ms, as they were when the file was read. */
  | { storage: 'EXTERNAL'; path: string; size: number; mtime: number };

/** One variant of one item, as the catalog knows it. */
export interface DeliverableFile {
  itemId: string;
  itemKey: number;
  /** 0: this instance; else the peer's key. */
  source: number;
  /** Its id at the peer. */
  remoteId: string | null;
  variant: VariantName;
  mimeType: string;
  /** Bytes; null where the peer did not say. */
  size: number | null;
  /** `sha-256:<64 hex>` of the whole; null where the peer did not say. */
  digest: string | null;
  /** Only where the file is longer than one segment. */
  segments: SegmentList | null;
  filename: string | null;
  /** ms since 1970. */
  updatedAt: number;
  local: LocalPlace | null;
  /**
   * Of a peer's file: the same bytes in a local item that this reader may see, which saves asking the peer. Never of
   * another: else a peer could name a digest and learn, or take, what is not its own.
   */
  twin?: LocalPlace | undefined;
  /** What the peer's bytes may be kept. */
  cache: CacheMode;
}

export interface LearntFile {
  size: number;
  /** Null where not all of the bytes have been here. */
  digest: string | null;
  /** Empty where the peer does not say. */
  mimeType: string;
}

export interface OpenOptions {
  /** Whether this reading may fill the cache: false for the anonymous. */
  fill: boolean;
  /** Ends the wait for the first byte; afterwards the body is destroyed instead. */
  signal?: AbortSignal | undefined;
  /** False where nobody gets the bytes, so that `lastAnswer` does not tell of it. */
  noted?: boolean;
}

export interface OpenedFile {
  /** Verified bytes only; destroyed with an error where the rest cannot be had. */
  body: Readable;
  /** All of what `body` holds, where it is in memory already; then the body need not be read. */
  bytes: Buffer | null;
  /** First and last byte of the body in the file; `end` is `start - 1` where there is none. */
  start: number;
  end: number;
  /** Bytes of the whole; null where a peer does not say, and then the body is the whole. */
  size: number | null;
  source: 'local' | 'cache' | 'peer';
  /** Value of the field Cache-Status (RFC 9211); null for a local file, which is cached nowhere. */
  cacheStatus: string | null;
}

/** All of a small file, as `OpenedFile` has it. */
export type FileInMemory = Pick<OpenedFile, 'source' | 'cacheStatus'> & { readonly bytes: Buffer };

export interface DeliveryOptions {
  database: Database;
  store: BlobStore;
  /** Those that share database and store; none unless told. */
  processes?: Pick<Processes, 'tell' | 'hear'>;
  /** @throws HedgerowError where the peer must not be asked: REVOKED, PEER_UNREACHABLE (with retryAfter) … */
  upstreamFor: (peerKey: number) => Promise<Upstream>;
  /** Bytes that may be kept of peers' files in all. */
  cacheBudget: number;
  now?: () => number;
  /** Told of bytes that are wrong, of a peer's file or of a local one that is missing. */
  onFault?: (file: DeliverableFile, error: HedgerowError) => void;
  /** Told of kept bytes that were found damaged, and are fetched again. */
  onDamage?: (file: DeliverableFile, error: HedgerowError) => void;
  /** Share of the readings of kept segments whose bytes are verified again, 0 to 1; a 64th unless told. */
  verifyShare?: number;
  random?: () => number;
  /** Told of a peer's file that is here whole. */
  onWhole?: (file: DeliverableFile) => void;
  /** Told of a store or database that does not take what is to be kept; bytes flow on without. */
  onStoreError?: (error: unknown) => void;
  /** Told of what a peer's dialect does not say of an original, once its bytes have shown it. */
  onLearnt?: (file: DeliverableFile, learnt: LearntFile) => void;
  /** Where other processes write into the store: ms after which what they have written is in their rows. */
  othersWrite?: number;
  /** Told of bytes as they arrive. */
  onFetched?: (peerKey: number, bytes: number) => void;
}

export interface Delivery extends AsyncDisposable {
  /**
   * The file with its size and media type, which the peer is asked for where its dialect does not list them: without
   * the size there is no range. As it was, where the peer cannot be asked now.
   */
  measure(file: DeliverableFile, signal?: AbortSignal): Promise<DeliverableFile>;
  /**
   * Opens a file, or a range of it, once its first bytes are there.
   *
   * @throws HedgerowError RANGE_NOT_SATISFIABLE; UNAVAILABLE where a local file cannot be read or is not what
   *   was read in; NOT_FOUND; INTEGRITY_FAILED where a peer's bytes are wrong; what the upstream throws
   */
  open(file: DeliverableFile, range: ByteRange | null, options: OpenOptions): Promise<OpenedFile>;
  /** What `open` would answer for the whole of a small file without reading or asking for anything; else null. */
  inMemory(file: DeliverableFile): FileInMemory | null;
  /**
   * Fetches and keeps a peer's whole file. `kept` where it is here now, `refused` where it must not be kept,
   * or there is no room.
   * @throws HedgerowError as `open`
   */
  prefetch(file: DeliverableFile, signal?: AbortSignal): Promise<'kept' | 'refused'>;
  /** Of the given items, those whose original is here, or some of more than a thumbnail. One query. */
  has(itemKeys: readonly number[]): Promise<Map<number, 'CACHED' | 'PARTIAL'>>;
  /** @param source key of the peer, where the item's row may be gone already */
  purgeItem(itemKey: number, source?: number): Promise<void>;
  purgePeer(peerKey: number): Promise<void>;
  purgeAll(): Promise<void>;
  /**
   * Gives what is kept of some items of one peer to another, in one transaction with `move`, which does the same with
   * the items themselves and answers the keys of those that it moved.
   */
  takeOver(
    from: number,
    to: number,
    itemKeys: readonly number[],
    move: (transaction: Sql) => Promise<readonly number[]>,
  ): Promise<void>;
  /**
   * Keeps an item from being evicted, or no longer. False where nothing of it is here to be pinned, and `file`, to be
   * pinned before any of it is here, is not given.
   */
  pin(itemKey: number, pinned: boolean, file?: DeliverableFile | null): Promise<boolean>;
  /** What is kept of one file of a peer; null where nothing is. */
  kept(file: DeliverableFile): Promise<KeptFile | null>;
  /** How this process last answered a file; null where it did not, or long ago. */
  lastAnswer(file: Pick<DeliverableFile, 'itemKey' | 'variant'>): LastAnswer | null;
  /** Bytes that may be kept of a peer without anything being evicted. */
  room(peerKey: number): Promise<number>;
  usage(): Promise<CacheUsage>;
  /** Items of which something is kept, or that are pinned; those that take most room first. */
  keptItems(asked: KeptItemsAsked): Promise<KeptItem[]>;
  /** After a peer's budget was changed: evicts what no longer fits. */
  enforceBudgets(): Promise<void>;
  /**
   * At start: removes what a crash left, and makes rows and blobs agree.
   * @param how - `unclean`: the last run did not end by itself, so what it wrote at the end is verified again;
   *   `olderThan`, ms: where several processes share the store, longer than a write of theirs takes
   */
  sweep(how?: {
    olderThan?: number;
    unclean?: boolean;
  }): Promise<{ files: number; bytes: number; rows: number }>;
  /** Once in a while, where several processes share the store: removes what was too young at the start. */
  sweepAgain(olderThan: number): Promise<{ files: number; bytes: number }>;
  /** After an original with this digest was taken into the store: what is kept with the same bytes needs no room any more. */
  joinLibrary(digest: string): Promise<void>;
  /** Before an original is deleted that no item needs any more: what peers' items share of it is kept on. */
  leaveLibrary(digest: string): Promise<void>;
  /** Writes down what is known in memory only. */
  flush(): Promise<void>;
}

/** Small files stay in memory: reading a thumbnail costs three system calls, finding it here none. */
const SMALL = 65_536;
const SMALL_TOTAL = 33_554_432;
/** Bytes of segments that are answered from memory, and how many are remembered to have been asked for once. */
const HOT_TOTAL = 33_554_432;
const ASKED_ONCE = 4_096;
/**
 * Where more is asked for than fits, the share of readings that bring a segment in for another: else each would push out
 * the next one just before it is asked for, and all would be read, verified and copied in vain.
 */
const HOT_RENEWED = 1 / 16;
/** ms after which a file without a digest is compared with the peer's again, by tag. */
const COMPARE_AFTER = 3_600_000;
/** ms after which that is tried again where the peer could not be asked. */
const COMPARE_RETRY = 60_000;
/** ms that such a question may take, while somebody waits for bytes that are here. */
const COMPARE_DEADLINE = 5_000;
/** Files whose size and type are remembered. */
const MEASURED = 10_000;
/** Of the readings of kept segments, those whose bytes are verified again: it costs a hash and at most a read. */
const VERIFY_SHARE = 1 / 64;
/** ms that a segment may be in the store before the row tells of it: rows are written every half second, if they can be. */
const OTHERS_WRITE = 600_000;
/** Files whose last answer is remembered. */
const ANSWERS = 5_000;
/** s after which a folder may be mounted again. */
const MOUNT_RETRY = 60;

export function createDelivery(options: DeliveryOptions): Delivery {
  const { database, store, upstreamFor, processes } = options;
  const now = options.now ?? Date.now;
  const onFault = options.onFault ?? (() => {});
  const onFetched = options.onFetched ?? (() => {});
  const onDamage = options.onDamage ?? (() => {});
  const onWhole = options.onWhole ?? (() => {});
  const random = options.random ?? Math.random;
  const verifyShare = options.verifyShare ?? VERIFY_SHARE;
  const held: HeldSegments = { count: 0 };
  const onStoreError = options.onStoreError ?? (() => {});
  const onLearnt = options.onLearnt ?? (() => {});
  const othersWrite = options.othersWrite ?? (database.dialect === 'postgresql' ? OTHERS_WRITE : null);
  const ledger = new CacheLedger({
    database,
    store,
    budget: options.cacheBudget,
    othersWrite,
    now,
    onError: onStoreError,
  });
  const remoteFiles = new Map<CacheRecord, RemoteFile>();
  const probes = new Map<string, Promise<Probe>>();
  const measured = entriesCache<string, Promise<{ size: number | null; mimeType: string }>>(MEASURED);
  const comparing = new Map<CacheRecord, Promise<boolean>>();
  const small = new LRUCache<string, Buffer>({
    maxSize: SMALL_TOTAL,
    sizeCalculation: (bytes) => bytes.length + 100,
  });

  const hotBytes = new LRUCache<string, Buffer>({
    maxSize: HOT_TOTAL,
    sizeCalculation: (bytes) => bytes.length + 100,
  });
  const asked = entriesCache<string, true>(ASKED_ONCE);
  const hot: HotSegments = {
    get: (key) => hotBytes.get(key),
    set: (key, bytes) => hotBytes.set(key, bytes),
    again: (key) => {
      const before = asked.has(key);
      asked.set(key, true);
      const fits = hotBytes.calculatedSize + SEGMENT_BYTES <= HOT_TOTAL;
      return before && (fits || random() < HOT_RENEWED);
    },
  };
  /** What was answered from memory may not be here any more. */
  const forgetMemory = (): void => {
    small.clear();
    hotBytes.clear();
  };

  /** Neither this process nor another goes on with what it remembers. */
  const purging = async (purge: () => Promise<void>): Promise<void> => {
    forgetMemory();
    await purge();
    processes?.tell('purged', '');
  };
  processes?.hear('purged', () => {
    forgetMemory();
    ledger.forgetRows().catch(onStoreError);
  });

  const openLocal = async (file: DeliverableFile, range: ByteRange | null): Promise<OpenedFile> => {
    const { local } = file;
    if (local === null) throw new HedgerowError('NOT_FOUND');
    if (local.storage === 'EXTERNAL') return openExternal(local, range);
    try {
      if (file.size !== null && file.size > 0 && file.size <= SMALL) {
        const bytes = small.get(local.key) ?? (await readSmall(small, store, local.key, file));
        if (bytes === 'damaged') {
          throw new HedgerowError('UNAVAILABLE', 'The stored file is damaged.');
        }
        if (bytes !== null) return fromMemory(bytes, range, 'local', null);
      }
      const { body, size } = await store.read(local.key, range);
      if (file.size !== null && size !== file.size) {
        body.destroy();
        throw new HedgerowError('UNAVAILABLE', 'The stored file has not the size that it should have.');
      }
      return { body, bytes: null, ...boundsOf(range, size), size, source: 'local', cacheStatus: null };
    } catch (error) {
      if (!isCode(error, 'NOT_FOUND', 'UNAVAILABLE') || error instanceof StoreAwayError) throw error;
      const fault = isCode(error, 'NOT_FOUND')
        ? new HedgerowError('UNAVAILABLE', 'The stored file is missing.', { cause: error })
        : error;
      onFault(file, fault);
      throw fault;
    }
  };

  /** Null where there is none, or it cannot be read now: then the peer is asked as for any other. */
  const openTwin = async (file: DeliverableFile, range: ByteRange | null): Promise<OpenedFile | null> => {
    if (file.source === 0 || file.twin === undefined) return null;
    try {
      return await openLocal({ ...file, source: 0, local: file.twin }, range);
    } catch (error) {
      if (isCode(error, 'UNAVAILABLE', 'NOT_FOUND')) return null;
      throw error;
    }
  };

  /** The one RemoteFile of a record, with a reader's place in it. */
  const attach = (file: DeliverableFile, record: CacheRecord): RemoteFile => {
    const known = remoteFiles.get(record);
    if (known !== undefined) return known;
    let upstream: Promise<Upstream> | undefined;
    const host: RemoteHost = {
      held,
      hot,
      verifies: () => random() < verifyShare,
      onDamage: (error) => onDamage(file, error),
      onWhole: () => onWhole(file),
      store,
      ledger,
      upstream: () => {
        upstream ??= upstreamFor(file.source).catch((error: unknown) => {
          upstream = undefined;
          throw error;
        });
        return upstream;
      },
      onFault: (error) => onFault(file, error),
      onStoreError,
      onFetched: (bytes) => onFetched(file.source, bytes),
      onLearnt: (digest) => onLearnt(file, { size: record.size, digest, mimeType: file.mimeType }),
      onChanged: () => {
        void measureAnew(file).catch(() => {});
      },
      onIdle: () => remoteFiles.delete(record),
    };
    const remote = new RemoteFile(
      {
        ref: { remoteId: file.remoteId ?? '', variant: file.variant },
        source: file.source,
        size: record.size,
        digest: file.digest,
        segments: file.segments,
      },
      record,
      host,
    );
    remoteFiles.set(record, remote);
    return remote;
  };

  const openRemote = async (
    file: DeliverableFile,
    range: ByteRange | null,
    { fill, signal }: OpenOptions,
  ): Promise<OpenedFile> => {
    const probe = file.size === null ? await joinProbe(file) : null;
    try {
      const size = file.size ?? probe?.size ?? null;
      if (size === null) {
        const opened = probe?.take() ?? (await probeSize(file, upstreamFor)).take();
        return passThrough(opened, file, onFetched);
      }
      const bounds = boundsOf(range, size);
      if (size === 0) return fromMemory(Buffer.alloc(0), null, 'cache', 'hedgerow; hit');
      signal?.throwIfAborted();
      const record = await ledger.enter(file, size);
      if (!(await isCurrent(file, record))) {
        ledger.leave(record);
        return await openRemote(await measureAnew(file), range, { fill, signal });
      }
      ledger.touch(record);
      const key = smallKey(record);
      if (size <= SMALL && record.segments.whole) {
        const bytes =
          small.get(key) ?? (await readSmall(small, store, key, { ...file, size }).catch(() => null));
        if (bytes === 'damaged') {
          onDamage(
            file,
            new HedgerowError('INTEGRITY_FAILED', 'Kept bytes were damaged; they are fetched again.'),
          );
          await ledger.damaged(record, 0).catch(onStoreError);
        } else if (bytes !== null) {
          ledger.leave(record);
          return fromMemory(bytes, range, 'cache', 'hedgerow; hit');
        }
        // The blob is gone or short; reading it as a segment finds that out too, and fetches it again.
      }
      const first = Math.floor(bounds.start / SEGMENT_BYTES);
      const last = Math.floor(bounds.end / SEGMENT_BYTES);
      const keep = fill && mayKeep(file);
      const remote = attach(file, record);
      const { held, joining } = remote.glance(first, last);
      const cursor = remote.enter(first, last, keep, probe?.take() ?? null);
      const hit = held === last - first + 1;
      const source = hit ? 'cache' : 'peer';
      const cacheStatus = hit ? 'hedgerow; hit' : missStatus({ held, joining, keep, file });
      if (size <= SMALL) {
        try {
          const bytes = await unlessAborted(remote.segment(cursor, 0, 0, size), signal);
          // A leased buffer is much larger than what it holds here, and whoever sends it may take long.
          const own = Buffer.from(bytes);
          release(bytes);
          return fromMemory(own, range, source, cacheStatus);
        } finally {
          remote.leave(cursor);
          ledger.leave(record);
        }
      }
      const body = new SegmentStream(remote, cursor, bounds, () => ledger.leave(record));
      await begun(body, signal);
      return { body, bytes: null, ...bounds, size, source, cacheStatus };
    } finally {
      probe?.leave();
    }
  };

  /**
   * Whether what is here of a file without a digest is still the peer's version. Thumbnails are not asked for: there
   * are many of them, and a new one comes with a new version of its item.
   */
  const isCurrent = async (file: DeliverableFile, record: CacheRecord): Promise<boolean> => {
    const { tag } = record;
    if (file.digest !== null || file.variant === 'thumbnail' || tag === null || record.bytes === 0)
      return true;
    if (now() - record.checkedAt < COMPARE_AFTER) return true;
    let pending = comparing.get(record);
    if (pending === undefined) {
      pending = compare(file, record, tag).finally(() => comparing.delete(record));
      comparing.set(record, pending);
    }
    return pending;
  };

  const compare = async (file: DeliverableFile, record: CacheRecord, tag: string): Promise<boolean> => {
    try {
      const upstream = await upstreamFor(file.source);
      const ref = { remoteId: file.remoteId ?? '', variant: file.variant };
      const current = await upstream.isCurrent?.(ref, tag, AbortSignal.timeout(COMPARE_DEADLINE));
      if (current === false) {
        await ledger.forget(record);
        return false;
      }
      ledger.current(record, tag);
    } catch {
      // A peer that cannot be asked now is no reason to keep back what is here.
      record.checkedAt = now() - COMPARE_AFTER + COMPARE_RETRY;
    }
    return true;
  };

  const identityOf = (file: DeliverableFile): string =>
    `${file.itemKey}/${file.variant}/${file.digest ?? file.updatedAt}`;

  const measure: Delivery['measure'] = async (file) => {
    if (file.source === 0 || file.digest !== null) return file;
    if (file.size !== null && file.mimeType !== '') return file;
    const id = identityOf(file);
    const known = file.mimeType === '' ? null : await ledger.knownSize(file);
    if (known !== null) return { ...file, size: known };
    let asking = measured.get(id);
    if (asking === undefined) {
      asking = ask(file);
      measured.set(id, asking);
      asking.catch(() => measured.delete(id));
    }
    const told = await asking.catch((error: unknown) => {
      if (error instanceof HedgerowError) return null;
      throw error;
    });
    if (told === null) return file;
    return { ...file, size: file.size ?? told.size, mimeType: file.mimeType || told.mimeType };
  };

  /** After the peer's file turned out to be another one than what was known of it. */
  const measureAnew = async (file: DeliverableFile): Promise<DeliverableFile> => {
    measured.delete(identityOf(file));
    const told = await ask(file);
    return { ...file, size: told.size };
  };

  /** One byte tells how long the file is and of which type. */
  const ask = async (file: DeliverableFile): Promise<{ size: number | null; mimeType: string }> => {
    const controller = new AbortController();
    const upstream = await upstreamFor(file.source);
    const ref = { remoteId: file.remoteId ?? '', variant: file.variant };
    const answer = await upstream.bytes(ref, { start: 0, end: 0 }, controller.signal);
    const { body } = openAnswer(answer, controller);
    controller.abort();
    body.destroy();
    const mimeType = file.mimeType || (answer.type ?? '');
    if (answer.size !== null) onLearnt(file, { size: answer.size, digest: null, mimeType });
    return { size: answer.size, mimeType };
  };

  /** Finds out how long a file is, from its row or from the peer, once for everybody who asks meanwhile. */
  const joinProbe = async (file: DeliverableFile): Promise<Probe> => {
    const id = identityOf(file);
    let pending = probes.get(id);
    if (pending === undefined) {
      pending = ledger
        .knownSize(file)
        .then((size) => (size === null ? probeSize(file, upstreamFor) : probeOf(size, null)))
        .finally(() => probes.delete(id));
      probes.set(id, pending);
    }
    const probe = await pending;
    probe.enter();
    return probe;
  };

  const prefetch = async (file: DeliverableFile, signal?: AbortSignal): Promise<'kept' | 'refused'> => {
    if (file.source === 0) return 'kept';
    if (!mayKeep(file)) return 'refused';
    const probe = file.size === null ? await joinProbe(file) : null;
    try {
      const size = file.size ?? probe?.size ?? null;
      if (size === null) return 'refused';
      if (size === 0) return 'kept';
      const record = await ledger.enter(file, size);
      try {
        if (record.segments.whole) return 'kept';
        const remote = attach(file, record);
        const last = record.segments.count - 1;
        const cursor = remote.enter(0, last, true, probe?.take() ?? null);
        const leave = (): void => remote.leave(cursor);
        signal?.addEventListener('abort', leave, { once: true });
        try {
          for (let index = 0; index <= last; index += 1) {
            signal?.throwIfAborted();
            if (record.segments.has(index)) continue;
            release(await remote.segment(cursor, index, 0, segmentLength(size, index)));
          }
          await remote.settled();
        } finally {
          signal?.removeEventListener('abort', leave);
          leave();
        }
        return record.segments.whole && !record.dead ? 'kept' : 'refused';
      } finally {
        ledger.leave(record);
      }
    } finally {
      probe?.leave();
    }
  };

  const answers = entriesCache<string, LastAnswer>(ANSWERS);
  const answerOf = (file: Pick<DeliverableFile, 'itemKey' | 'variant'>): string =>
    `${file.itemKey}/${file.variant}`;

  const inMemory: Delivery['inMemory'] = (file) => {
    const { size, source, local } = file;
    if (size === null || size === 0 || size > SMALL) return null;
    if (source === 0) {
      const bytes = local?.storage === 'MANAGED' ? small.get(local.key) : undefined;
      return bytes === undefined ? null : { bytes, source: 'local', cacheStatus: null };
    }
    if (file.twin !== undefined) return null;
    const record = ledger.whole(file, size);
    // Without a digest the peer may have to be asked whether it is still the same.
    if (record === null || (file.digest === null && file.variant !== 'thumbnail')) return null;
    const bytes = small.get(smallKey(record));
    if (bytes === undefined) return null;
    ledger.touch(record);
    return { bytes, source: 'cache', cacheStatus: 'hedgerow; hit' };
  };

  const noteAnswer = (
    file: DeliverableFile,
    opened: Pick<OpenedFile, 'source' | 'cacheStatus'> | null,
    error: HedgerowError | null,
  ): void => {
    answers.set(answerOf(file), {
      at: now(),
      source: opened?.source ?? null,
      cacheStatus: opened?.cacheStatus ?? null,
      error,
    });
  };

  const open: Delivery['open'] = async (file, range, openOptions) => {
    const note = (opened: OpenedFile | null, error: unknown): void => {
      if (openOptions.noted === false || (error !== null && !(error instanceof HedgerowError))) return;
      noteAnswer(file, opened, error);
    };
    try {
      const opened =
        (await openTwin(file, range)) ??
        (await (file.source === 0 ? openLocal(file, range) : openRemote(file, range, openOptions)));
      note(opened, null);
      if (opened.bytes === null) opened.body.once('error', (error) => note(opened, error));
      return opened;
    } catch (error) {
      note(null, error);
      throw error;
    }
  };

  return {
    open,
    inMemory: (file) => {
      const opened = inMemory(file);
      if (opened !== null) noteAnswer(file, opened, null);
      return opened;
    },
    measure,
    prefetch,
    has: (itemKeys) => ledger.availability(itemKeys),
    purgeItem: (itemKey, source) => purging(() => ledger.purgeItem(itemKey, source)),
    purgePeer: (peerKey) => purging(() => ledger.purgePeer(peerKey)),
    purgeAll: () => purging(() => ledger.purgeAll()),
    takeOver: (from, to, itemKeys, move) => purging(() => ledger.takeOver(from, to, itemKeys, move)),
    pin: (itemKey, pinned, file = null) => ledger.pin(itemKey, pinned, file),
    kept: (file) => ledger.kept(file),
    lastAnswer: (file) => answers.get(answerOf(file)) ?? null,
    room: (peerKey) => ledger.room(peerKey),
    usage: () => ledger.usage(),
    keptItems: (asked) => ledger.items(asked),
    enforceBudgets: () => ledger.enforce(),
    sweep: async ({ olderThan = 0, unclean = false } = {}) => {
      const left = await store.sweep(olderThan);
      // Where rows are written before blobs, nobody needs a day for a segment.
      const swept = await ledger.sweep({ unclean, olderThan: Math.min(olderThan, othersWrite ?? olderThan) });
      return { files: left.files + swept.files, bytes: left.bytes + swept.bytes, rows: swept.rows };
    },
    sweepAgain: async (olderThan) => {
      const left = await store.sweep(olderThan);
      const swept = await ledger.sweepAgain();
      return { files: left.files + swept.files, bytes: left.bytes + swept.bytes };
    },
    joinLibrary: (digest) => ledger.joinLibrary(digest),
    leaveLibrary: async (digest) => {
      await ledger.flush();
      await ledger.leaveLibrary(digest).catch(onStoreError);
    },
    flush: () => ledger.flush(),
    [Symbol.asyncDispose]: async () => {
      await ledger.close();
    },
  };
}

/** What the peer's mode lets be kept. */
function mayKeep(file: Pick<DeliverableFile, 'cache' | 'variant'>): boolean {
  if (file.cache === 'THUMBNAILS') return file.variant === 'thumbnail';
  return file.cache !== 'NONE';
}

/**
 * Opens a file of a folder that is not ours. Where it is not there, the folder may just not be mounted: that is
 * never taken for a deletion.
 */
async function openExternal(
  local: Extract<LocalPlace, { storage: 'EXTERNAL' }>,
  range: ByteRange | null,
): Promise<OpenedFile> {
  try {
    const { body, size } = await openFileStream(local.path, range, (stats) => {
      if (stats.size !== local.size || Math.trunc(stats.mtimeMs) !== Math.trunc(local.mtime)) {
        throw new HedgerowError(
          'UNAVAILABLE',
          'The file was changed in its folder; it can be served again once the folder was scanned.',
        );
      }
    });
    return { body, bytes: null, ...boundsOf(range, size), size, source: 'local', cacheStatus: null };
  } catch (error) {
    if (!isCode(error, 'NOT_FOUND')) throw error;
    throw new HedgerowError('UNAVAILABLE', 'The file is not there; its folder may not be mounted.', {
      cause: error,
      retryAfter: MOUNT_RETRY,
    });
  }
}

/** Null where the blob is not as long as it should be; it is verified, for from now on it is answered from memory. */
async function readSmall(
  small: LRUCache<string, Buffer>,
  store: BlobStore,
  key: string,
  { size, digest }: { size: number | null; digest: string | null },
): Promise<Buffer | 'damaged' | null> {
  if (size === null) return null;
  const bytes = await store.bytes(key, 0, size + 1);
  if (bytes.length !== size) {
    release(bytes);
    return null;
  }
  // A leased buffer is much larger than what it holds here, and belongs to the pool.
  const own = Buffer.from(bytes);
  release(bytes);
  if (digest !== null && sha256(own) !== digest) return 'damaged';
  small.set(key, own);
  return own;
}

function fromMemory(
  all: Buffer,
  range: ByteRange | null,
  source: OpenedFile['source'],
  cacheStatus: string | null,
): OpenedFile {
  return new OpenedInMemory(all, boundsOf(range, all.length), source, cacheStatus);
}

/**
 * Whoever sends the bytes as they are needs no stream, which costs as much as the rest of this, so that it is made where it is asked
 * for. By a class: V8 keeps the shape of an object with an accessor of its own, and the bytes with it, until it collects the whole heap.
 */
class OpenedInMemory implements OpenedFile {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly size: number;
  readonly source: OpenedFile['source'];
  readonly cacheStatus: string | null;
  #body: Readable | undefined;

  constructor(
    all: Buffer,
    { start, end }: ByteRange,
    source: OpenedFile['source'],
    cacheStatus: string | null,
  ) {
    this.bytes = all.subarray(start, end + 1);
    this.start = start;
    this.end = end;
    this.size = all.length;
    this.source = source;
    this.cacheStatus = cacheStatus;
  }

  get body(): Readable {
    const { bytes } = this;
    this.#body ??= new Readable({
      read() {
        if (bytes.length > 0) this.push(bytes);
        this.push(null);
      },
    });
    return this.#body;
  }
}

function boundsOf(range: ByteRange | null, size: number): ByteRange {
  if (range === null) return { start: 0, end: size - 1 };
  if (range.start < 0 || range.start > range.end || range.end >= size) {
    throw new HedgerowError('RANGE_NOT_SATISFIABLE');
  }
  return { start: range.start, end: range.end };
}

/** @see RFC 9211, section 2 */
function missStatus(miss: { held: number; joining: boolean; keep: boolean; file: DeliverableFile }): string {
  const forward = miss.held > 0 ? 'partial' : mayKeep(miss.file) ? 'miss' : 'bypass';
  return `hedgerow; fwd=${forward}${miss.keep ? '; stored' : ''}${miss.joining ? '; collapsed' : ''}`;
}

/** Waits for a stream's first bytes; it is destroyed where they do not come, or nobody waits any longer. */
async function begun(body: SegmentStream, signal: AbortSignal | undefined): Promise<void> {
  body.on('error', () => {});
  try {
    await unlessAborted(body.begin(), signal);
  } catch (error) {
    body.destroy();
    throw error;
  }
}

/** What is waited for, unless nobody waits any longer. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    if (signal.aborted) leave();
  });
}

/** An answer of a peer that was asked because the size was not known; the first who can use it takes it. */
interface Probe {
  size: number | null;
  enter(): void;
  leave(): void;
  take(): OpenedAnswer | null;
}

async function probeSize(file: DeliverableFile, upstreamFor: DeliveryOptions['upstreamFor']): Promise<Probe> {
  const controller = new AbortController();
  const upstream = await upstreamFor(file.source);
  const ref = { remoteId: file.remoteId ?? '', variant: file.variant };
  const answer = await upstream.bytes(ref, null, controller.signal);
  let opened: OpenedAnswer | null = openAnswer(answer, controller);
  let { size } = answer;
  if (size === null) {
    // A short one is known by its end; of a longer one the beginning is put back in front.
    const source = opened.body;
    const beginning = await source.take(SEGMENT_BYTES).catch((error: unknown) => {
      throw translate(error);
    });
    if (beginning.length < SEGMENT_BYTES) size = beginning.length;
    const body = Readable.from(
      (async function* () {
        if (beginning.length > 0) yield beginning;
        yield* source;
      })(),
    );
    opened = { body: sourceOf(body), controller, tag: answer.tag ?? null };
  }
  return probeOf(size, opened);
}

function probeOf(size: number | null, answer: OpenedAnswer | null): Probe {
  let opened = answer;
  let users = 0;
  return {
    size,
    enter: () => {
      users += 1;
    },
    leave: () => {
      users -= 1;
      if (users > 0 || opened === null) return;
      opened.controller.abort();
      opened.body.destroy();
    },
    take: () => {
      const taken = opened;
      opened = null;
      return taken;
    },
  };
}

/** A file of unknown length, longer than a segment and without a digest: forwarded, not kept. */
function passThrough(
  opened: OpenedAnswer | null,
  file: DeliverableFile,
  onFetched: (peerKey: number, bytes: number) => void,
): OpenedFile {
  if (opened === null) {
    throw new HedgerowError('UNAVAILABLE', 'The peer does not say how long this file is; try again.', {
      retryAfter: 1,
    });
  }
  const { body: source, controller } = opened;
  const body = Readable.from(
    (async function* () {
      try {
        for await (const chunk of source) {
          onFetched(file.source, chunk.length);
          yield chunk;
        }
      } catch (error) {
        throw translate(error);
      } finally {
        controller.abort();
      }
    })(),
    { objectMode: false },
  );
  body.on('error', () => {});
  return {
    body,
    bytes: null,
    start: 0,
    end: -1,
    size: null,
    source: 'peer',
    cacheStatus: 'hedgerow; fwd=bypass',
  };
}
