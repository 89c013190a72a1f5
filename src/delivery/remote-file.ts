/**
 * One file of a peer while somebody reads it: cached segments from the store, missing ones from the peer, each
 * fetched once for everybody and verified before a byte of it goes anywhere.
 *
 * A reader asks for one segment after another. What is neither in memory nor in the store is fetched by a run:
 * one upstream request for consecutive missing segments. A run is paced by the reader that is furthest ahead,
 * so that a slow one holds back none; a reader that has fallen behind the segments in memory takes them from
 * the store, or, where nothing is kept, begins a run of its own. A run ends with its last reader.
 */

import { HedgerowError, isCode } from '../lib/errors.ts';
import { SEGMENT_BYTES, type SegmentList } from '../lib/media.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { release, retain } from '../storage/buffer-pool.ts';
import { createDigestHasher, sha256 } from '../storage/segment-digests.ts';
import { type CacheLedger, type CacheRecord, segmentKey } from './cache-ledger.ts';
import { segmentLength } from './segment-map.ts';
import { sourceOf } from './take.ts';
import type { ByteSource, Upstream, UpstreamBytes, UpstreamRef } from './upstream.ts';

/** Segments that a run may be ahead of its foremost reader. */
const AHEAD = 2;
/** The same where nothing is kept: with the one behind, and the one that is being received, it makes 1 MiB a stream. */
const AHEAD_UNKEPT = 1;
/** Segments behind the foremost reader that stay in memory where nothing is kept in the store. */
const BEHIND = 1;
/** Segments in memory, of all files, from which on none is fetched ahead and those in the store are dropped: 64 MiB. */
const MANY = 256;
/** Segments from which on nothing is begun for who must not keep it: 96 MiB. */
const TOO_MANY = 384;
/** Segments on their way into the store before a run waits for the disk. */
const WRITES = 2;
/** How far ahead of a run a reader may ask and still wait for it rather than begin another. */
const JOIN_DISTANCE = 8;
/** Bytes of the longest file of which segments are answered from memory: a film would only drive out pictures. */
const HOT_FILE = 8_388_608;
/** Bytes of a segment list that is remembered: of a file of 512 MiB. */
const HOT_LIST = 65_536;
/** s; a peer that ended an answer early is asked again not before. */
const RETRY_AFTER = 5;

/** What is asked of the peer and how its answer is checked. */
export interface RemoteSpec {
  ref: UpstreamRef;
  source: number;
  size: number;
  /** `sha-256:<hex>` of the whole, where it is known. */
  digest: string | null;
  segments: SegmentList | null;
}

/** Segments that the runs of all files hold in memory. */
export interface HeldSegments {
  count: number;
}

export interface HotSegments {
  get(key: string): Buffer | undefined;
  set(key: string, bytes: Buffer): unknown;
  /** Whether the blob was asked for not long ago. */
  again(key: string): boolean;
}

export interface RemoteHost {
  held: HeldSegments;
  /** Segments of shorter files that were asked for again, by the keys of their blobs; verified when they were put here. */
  hot: HotSegments;
  /** Whether this reading of the store is one of those whose bytes are verified again. */
  verifies: () => boolean;
  /** Told of a kept segment that is not what was kept; it is fetched again. */
  onDamage: (error: HedgerowError) => void;
  /** Told when all of the file is in the store. */
  onWhole: () => void;
  store: BlobStore;
  ledger: CacheLedger;
  upstream: () => Promise<Upstream>;
  /** Told of bytes that do not match. */
  onFault: (error: HedgerowError) => void;
  /** Told of a store that does not take what it is given. */
  onStoreError: (error: unknown) => void;
  onFetched: (bytes: number) => void;
  /** Told of the digest of a whole file for which the peer names none. */
  onLearnt: (digest: string) => void;
  /** Told of a file that is another one at the peer by now. */
  onChanged: () => void;
  /** The last reader has left. */
  onIdle: () => void;
}

/** One reader's place in the file. */
export interface Cursor {
  /** The segment that it asks for, or asked for last. */
  position: number;
  /** The last segment that it will ask for. */
  readonly last: number;
  /** Whether what it causes to be fetched may be kept. */
  readonly keep: boolean;
  run: FetchRun | null;
  /** An answer that is open already, and begins at the start of the file. */
  opened: OpenedAnswer | null;
}

/** The answer by which the size of a file was found out; its body is not read yet, or only its beginning. */
export interface OpenedAnswer {
  body: ByteSource;
  controller: AbortController;
  /** The peer's tag of the version that it is of. */
  tag: string | null;
}

export class RemoteFile {
  readonly spec: RemoteSpec;
  readonly record: CacheRecord;
  readonly host: RemoteHost;
  readonly runs = new Set<FetchRun>();
  /** A store that has failed is not tried again while this file is read. */
  storing = true;
  readonly #cursors = new Set<Cursor>();
  readonly #writing = new Set<Promise<void>>();
  #list: Promise<Buffer | null> | null = null;
  readonly #listAbort = new AbortController();
  /** Whether the peer is being asked for it: an abort makes an error with its stack. */
  #listing = false;

  constructor(spec: RemoteSpec, record: CacheRecord, host: RemoteHost) {
    this.spec = spec;
    this.record = record;
    this.host = host;
  }

  enter(first: number, last: number, keep: boolean, opened: OpenedAnswer | null): Cursor {
    const cursor: Cursor = { position: first, last, keep, run: null, opened };
    this.#cursors.add(cursor);
    return cursor;
  }

  leave(cursor: Cursor): void {
    if (!this.#cursors.delete(cursor)) return;
    cursor.run?.leave(cursor);
    cursor.opened?.controller.abort();
    cursor.opened?.body.destroy();
    if (this.#cursors.size > 0) return;
    if (this.#listing) this.#listAbort.abort();
    this.host.onIdle();
  }

  /** How many of these segments are here, in the store or on their way into it, and whether the next one is being fetched already. */
  glance(first: number, last: number): { held: number; joining: boolean } {
    const { segments, arriving } = this.record;
    let held = 0;
    for (let index = first; index <= last; index += 1) {
      if (segments.has(index) || arriving.has(index)) held += 1;
    }
    return { held, joining: [...this.runs].some((run) => run.covers(first)) };
  }

  /**
   * Bytes `from` to `to` (exclusive) of a segment, verified. They must not be changed, and whoever reads the stream gives
   * them back to the buffer pool: what others read as well is held by each of them.
   */
  async segment(cursor: Cursor, index: number, from: number, to: number): Promise<Buffer> {
    cursor.position = index;
    cursor.run?.advance();
    for (;;) {
      if (!this.#cursors.has(cursor)) throw new Error('The reader has left.');
      const near = this.#inMemory(index);
      if (near !== undefined) {
        retain(near);
        return this.#part(near, from, to);
      }
      if (this.record.segments.has(index)) {
        const bytes = await this.#stored(index, from, to);
        if (bytes !== null) return bytes;
        continue;
      }
      const run = this.#runFor(cursor, index);
      try {
        const bytes = await run.wait(index);
        if (bytes !== null) return this.#part(bytes, from, to);
      } catch (error) {
        // An answer that broke off after it had brought something is taken up again where it ended.
        if (run.delivered === 0 || !isCode(error, 'PEER_UNREACHABLE', 'PEER_TIMEOUT')) throw error;
      }
    }
  }

  /** The digests to check by; null where the peer names none. */
  list(): Promise<Buffer | null> {
    this.#list ??= this.#fetchList().catch((error: unknown) => {
      this.#list = null;
      throw error;
    });
    return this.#list;
  }

  /** Puts a verified segment into the store, if there is room and the store takes it. */
  store(index: number, bytes: Buffer, digest: string | null): Promise<void> {
    const { arriving } = this.record;
    arriving.set(index, bytes);
    retain(bytes);
    const writing = this.#store(index, bytes, digest)
      .catch(this.host.onStoreError)
      .finally(() => {
        if (arriving.get(index) === bytes) arriving.delete(index);
        release(bytes);
      });
    this.#writing.add(writing);
    this.host.ledger.track(writing);
    return writing.finally(() => this.#writing.delete(writing));
  }

  /** Once all that was given to the store is there, or refused. */
  async settled(): Promise<void> {
    await Promise.all(this.#writing);
  }

  async #store(index: number, bytes: Buffer, digest: string | null): Promise<void> {
    const { host, record } = this;
    if (!this.storing || record.dead || record.segments.has(index)) return;
    if (!(await host.ledger.reserve(record, bytes.length))) return;
    const key = segmentKey(record, index);
    retain(bytes);
    try {
      await host.store.write(
        key,
        bytes,
        digest === null ? { sync: false } : { sync: false, digest, verified: true },
      );
      // After a failure nobody knows whether they are still being sent to a store far away.
      release(bytes);
    } catch (error) {
      host.ledger.cancel(record, bytes.length);
      this.storing = false;
      host.onStoreError(error);
      return;
    }
    if (!host.ledger.stored(record, index)) await host.ledger.drop(record, index).catch(host.onStoreError);
    else if (record.segments.whole) {
      if (digest === null) await this.#wholeIsHere();
      if (record.segments.whole) host.onWhole();
    }
  }

  /**
   * A part of what was retained for a reader. Where memory is short, a slow one must not hold a whole segment for the sake
   * of a part of it.
   */
  #part(bytes: Buffer, from: number, to: number): Buffer {
    const part = bytes.subarray(from, to);
    if (this.host.held.count <= MANY || part.length === bytes.length) return part;
    const own = Buffer.from(part);
    release(bytes);
    return own;
  }

  async #stored(index: number, from: number, to: number): Promise<Buffer | null> {
    const { host, record } = this;
    const key = segmentKey(record, index);
    const near = host.hot.get(key);
    if (near !== undefined) return near.subarray(from, to);
    try {
      const warms = record.size <= HOT_FILE && from === 0 && host.hot.again(key);
      if ((warms || host.verifies()) && !(await this.#isSound(index, warms))) {
        host.onDamage(
          new HedgerowError('INTEGRITY_FAILED', 'Kept bytes were damaged; they are fetched again.'),
        );
        await host.ledger.damaged(record, index);
        return null;
      }
      const warm = warms ? host.hot.get(key) : undefined;
      if (warm !== undefined) return warm.subarray(from, to);
      const bytes = await host.ledger.bytes(record, index, from, to - from);
      if (bytes.length === to - from) return bytes;
    } catch (error) {
      if (!isCode(error, 'NOT_FOUND')) host.onStoreError(error);
    }
    host.ledger.lost(record, index);
    return null;
  }

  /**
   * Whether a kept segment is still what was verified; true where nothing is known to verify it by.
   * @param warms - it is answered from memory from now on, where it could be verified
   */
  async #isSound(index: number, warms: boolean): Promise<boolean> {
    const { host, record, spec } = this;
    const list =
      record.segments.count === 1 ? digestBytes(spec.digest) : await this.#keptList().catch(() => null);
    if (list === null) return true;
    const length = segmentLength(record.size, index);
    const bytes = await host.ledger.bytes(record, index, 0, length);
    const sound = bytes.length === length && verify(bytes, list, index) !== 'wrong';
    // The buffer belongs to the pool.
    if (sound && warms && !record.dead) host.hot.set(segmentKey(record, index), Buffer.from(bytes));
    release(bytes);
    return sound;
  }

  #runFor(cursor: Cursor, index: number): FetchRun {
    let run = [...this.runs].find((each) => each.covers(index));
    if (run === undefined) {
      if (!cursor.keep && this.host.held.count > TOO_MANY) {
        throw new HedgerowError('UNAVAILABLE', 'Too much is being read at once; try again in a moment.', {
          retryAfter: RETRY_AFTER,
        });
      }
      let last = index;
      while (last < cursor.last && !this.isElsewhere(last + 1)) last += 1;
      run = new FetchRun(this, index, last, index === 0 ? cursor.opened : null);
      if (index === 0) cursor.opened = null;
      this.runs.add(run);
      run.enter(cursor);
      run.start();
    } else if (cursor.run !== run) {
      run.enter(cursor);
    }
    return run;
  }

  /** Whether a segment is here, or is what another run brings next. */
  isElsewhere(index: number, except?: FetchRun): boolean {
    if (this.record.segments.has(index) || this.record.arriving.has(index)) return true;
    for (const run of this.runs) {
      if (run !== except && !run.ended && run.next === index) return true;
    }
    return false;
  }

  #inMemory(index: number): Buffer | undefined {
    for (const run of this.runs) {
      const bytes = run.memory.get(index);
      if (bytes !== undefined) return bytes;
    }
    return this.record.arriving.get(index);
  }

  /** The list of the file's segments from the store; null where it is not there, or not the right one. */
  async #keptList(): Promise<Buffer | null> {
    const { host, record } = this;
    const key = `${record.key}/list`;
    const near = host.hot.get(key);
    if (near !== undefined && this.#isList(near)) return near;
    try {
      const { body } = await host.store.read(key);
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(chunk as Buffer);
      const list = Buffer.concat(chunks);
      if (!this.#isList(list)) return null;
      if (list.length <= HOT_LIST && !record.dead) host.hot.set(key, list);
      return list;
    } catch (error) {
      if (!isCode(error, 'NOT_FOUND')) host.onStoreError(error);
      return null;
    }
  }

  #isList(list: Buffer): boolean {
    const { segments } = this.spec;
    const { count } = this.record.segments;
    return segments?.count === count && list.length === 32 * count && sha256(list) === segments.digest;
  }

  async #fetchList(): Promise<Buffer | null> {
    const { spec, host, record } = this;
    if (record.segments.count === 1) return digestBytes(spec.digest);
    const { segments } = spec;
    if (segments === null) return null;
    // One that others gave is under the same name: whoever only names it is asked all the same, and learns nothing.
    const kept = record.segments.held > 0 ? await this.#keptList() : null;
    if (kept !== null) return kept;
    const key = `${record.key}/list`;
    this.#listing = true;
    const upstream = await host.upstream();
    const list = await upstream.segmentList(spec.ref, this.#listAbort.signal).finally(() => {
      this.#listing = false;
    });
    host.onFetched(list.length);
    if (!this.#isList(list)) {
      throw this.fault('The segment list from the peer does not match its digest.');
    }
    // 128 bytes a MiB, so it is not counted against the budget.
    if (this.storing && !record.dead && [...this.#cursors].some((cursor) => cursor.keep)) {
      host.ledger.track(
        host.store
          .write(key, list, { sync: false, digest: segments.digest, verified: true })
          .then(() => (record.dead ? host.ledger.drop(record, 'list') : undefined))
          .catch(host.onStoreError),
      );
    }
    return list;
  }

  /** Where a dialect has no segment lists, only the whole can be checked; where it has no digest, it is learnt. */
  async #wholeIsHere(): Promise<void> {
    const { spec, host, record } = this;
    if (spec.digest !== null && record.segments.count === 1) return;
    if (spec.digest === null && spec.ref.variant !== 'original') return;
    const hasher = createDigestHasher();
    for (let index = 0; index < record.segments.count; index += 1) {
      const length = segmentLength(record.size, index);
      const bytes = await host.store.bytes(segmentKey(record, index), 0, length);
      hasher.update(bytes);
      release(bytes);
    }
    const { digest } = hasher.finish();
    if (spec.digest === null) {
      if (!record.dead) host.onLearnt(digest);
      return;
    }
    if (digest === spec.digest) return;
    this.fault();
    await host.ledger.forget(record);
  }

  /**
   * Where no digest names the bytes, parts of two versions must not become one file: the peer's tag and the size tell
   * them apart, as far as the peer gives them.
   *
   * @throws HedgerowError UNAVAILABLE where it is another version than the one that is here
   */
  async admit(answer: { tag: string | null; size: number | null }): Promise<void> {
    const { spec, record, host } = this;
    if (spec.digest !== null) return;
    const otherTag = answer.tag !== null && record.tag !== null && answer.tag !== record.tag;
    if (!otherTag && (answer.size === null || answer.size === spec.size)) {
      if (record.tag === null && record.segments.held === 0) host.ledger.current(record, answer.tag);
      return;
    }
    await host.ledger.forget(record);
    host.onChanged();
    throw new HedgerowError('UNAVAILABLE', 'The file has changed at the peer; open it again.', {
      retryAfter: 1,
    });
  }

  /** Makes the error of wrong bytes, and tells of it. */
  fault(message?: string): HedgerowError {
    const error = new HedgerowError('INTEGRITY_FAILED', message);
    this.host.onFault(error);
    return error;
  }
}

type Waiter = { resolve: (bytes: Buffer | null) => void; reject: (error: unknown) => void };

/** One upstream request and what becomes of it. */
export class FetchRun {
  /** Verified segments that a reader may still ask for. */
  readonly memory = new Map<number, Buffer>();
  /** The segment that comes next. */
  next: number;
  /** Segments that it has brought. */
  delivered = 0;
  ended = false;
  readonly #file: RemoteFile;
  readonly #last: number;
  /** Its answer, as soon as there is one. */
  #answer: OpenedAnswer | null;
  readonly #controller: AbortController;
  readonly #cursors = new Set<Cursor>();
  readonly #waiters = new Map<number, Waiter[]>();
  readonly #writes = new Map<number, Promise<void>>();
  #wake: (() => void) | null = null;

  constructor(file: RemoteFile, first: number, last: number, opened: OpenedAnswer | null) {
    this.#file = file;
    this.next = first;
    this.#last = last;
    this.#answer = opened;
    this.#controller = opened?.controller ?? new AbortController();
  }

  /** Whether waiting for it is the quickest way to a segment. */
  covers(index: number): boolean {
    return !this.ended && index >= this.next && index <= this.#last && index <= this.next + JOIN_DISTANCE;
  }

  enter(cursor: Cursor): void {
    if (cursor.run === this) return;
    cursor.run?.leave(cursor);
    cursor.run = this;
    this.#cursors.add(cursor);
    this.advance();
  }

  leave(cursor: Cursor): void {
    this.#cursors.delete(cursor);
    cursor.run = null;
    if (this.#cursors.size > 0) {
      this.#prune();
      return;
    }
    this.#file.host.held.count -= this.memory.size;
    for (const bytes of this.memory.values()) release(bytes);
    this.memory.clear();
    this.#file.runs.delete(this);
    // An abort makes an error with its stack, which of what has brought everything nobody would see.
    if (this.next <= this.#last) this.#controller.abort();
    this.#answer?.body.destroy();
    this.#end(null);
  }

  /** A reader went on: what is behind it may go, and more may be fetched. */
  advance(): void {
    this.#prune();
    this.#wake?.();
  }

  /** The segment once it is verified, retained for whoever waits; null where this run will not bring it. */
  wait(index: number): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      if (this.ended || index < this.next) {
        const bytes = this.memory.get(index) ?? null;
        if (bytes !== null) retain(bytes);
        resolve(bytes);
        return;
      }
      const waiters = this.#waiters.get(index) ?? [];
      waiters.push({ resolve, reject });
      this.#waiters.set(index, waiters);
    });
  }

  start(): void {
    this.#run().then(
      () => this.#end(null),
      (error: unknown) => this.#end({ error: translate(error) }),
    );
  }

  async #run(): Promise<void> {
    const file = this.#file;
    const list = file.list();
    list.catch(() => {});
    if (this.#answer !== null) await file.admit({ tag: this.#answer.tag, size: null });
    this.#answer ??= await this.#request();
    const answer = this.#answer;
    try {
      while (this.next <= this.#last && !this.ended) {
        const index = this.next;
        await this.#turn(index);
        // Another run has brought it meanwhile, or is about to; this one's readers find it there.
        if (this.ended || (this.delivered > 0 && file.isElsewhere(index, this))) return;
        const bytes = await answer.body.take(segmentLength(file.spec.size, index));
        if (this.ended) return;
        if (bytes.length > 0) file.host.onFetched(bytes.length);
        if (bytes.length < segmentLength(file.spec.size, index)) {
          throw new HedgerowError('PEER_UNREACHABLE', 'The answer of the peer ended early.', {
            retryAfter: RETRY_AFTER,
          });
        }
        const digest = verify(bytes, await list, index);
        if (digest === 'wrong') throw file.fault();
        this.#deliver(index, bytes, digest);
      }
    } finally {
      answer.body.destroy();
    }
  }

  async #request(): Promise<OpenedAnswer> {
    const file = this.#file;
    const { size } = file.spec;
    const start = this.next * SEGMENT_BYTES;
    const end = Math.min((this.#last + 1) * SEGMENT_BYTES, size) - 1;
    const whole = start === 0 && end === size - 1;
    const upstream = await file.host.upstream();
    const answer = await upstream.bytes(
      file.spec.ref,
      whole ? null : { start, end },
      this.#controller.signal,
    );
    const opened = openAnswer(answer, this.#controller);
    await file.admit({ tag: opened.tag, size: answer.size }).catch((error: unknown) => {
      opened.body.destroy();
      throw error;
    });
    if (answer.start > start || (answer.size !== null && answer.size !== size)) {
      opened.body.destroy();
      throw file.fault('The peer has other bytes under this name than its catalog says.');
    }
    // A peer without ranges sends the whole.
    if (answer.start < start) await opened.body.skip(start - answer.start);
    return opened;
  }

  /** Waits until a reader is near enough, and the store has taken what it was given. */
  async #turn(index: number): Promise<void> {
    while (!this.ended && index > this.#foremost() + this.#ahead()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    while (!this.ended && this.#writes.size >= WRITES) await Promise.race(this.#writes.values());
  }

  #ahead(): number {
    if (this.#file.host.held.count > MANY) return 0;
    return [...this.#cursors].some((cursor) => cursor.keep) ? AHEAD : AHEAD_UNKEPT;
  }

  #foremost(): number {
    let foremost = -1;
    for (const cursor of this.#cursors) foremost = Math.max(foremost, cursor.position);
    return foremost;
  }

  #deliver(index: number, bytes: Buffer, digest: string | null): void {
    this.memory.set(index, bytes);
    this.#file.host.held.count += 1;
    this.next = index + 1;
    this.delivered += 1;
    for (const waiter of this.#waiters.get(index) ?? []) {
      // Before it goes on, the run may let go of them.
      retain(bytes);
      waiter.resolve(bytes);
    }
    this.#waiters.delete(index);
    if ([...this.#cursors].some((cursor) => cursor.keep)) {
      const write = this.#file.store(index, bytes, digest);
      this.#writes.set(
        index,
        write.finally(() => {
          this.#writes.delete(index);
          this.#prune();
        }),
      );
    }
    this.#prune();
  }

  #prune(): void {
    const foremost = this.#foremost();
    const { record, host } = this.#file;
    for (const [index, bytes] of this.memory) {
      if (this.#writes.has(index)) continue;
      const stored = record.segments.has(index);
      // What is in the store is read from there as well, if not as quickly.
      const goes = index < foremost ? stored || index < foremost - BEHIND : stored && host.held.count > MANY;
      if (!goes) continue;
      this.memory.delete(index);
      release(bytes);
      host.held.count -= 1;
    }
  }

  #end(failure: { error: unknown } | null): void {
    if (this.ended) return;
    this.ended = true;
    this.#wake?.();
    for (const waiters of this.#waiters.values()) {
      for (const waiter of waiters) {
        if (failure === null) waiter.resolve(null);
        else waiter.reject(failure.error);
      }
    }
    this.#waiters.clear();
  }
}

/** Makes an answer ready to be read. */
export function openAnswer(answer: UpstreamBytes, controller: AbortController): OpenedAnswer {
  return { body: sourceOf(answer.body), controller, tag: answer.tag ?? null };
}

function digestBytes(digest: string | null): Buffer | null {
  return digest === null ? null : Buffer.from(digest.slice('sha-256:'.length), 'hex');
}

/** The digest that the bytes have, null where none is known. */
function verify(bytes: Buffer, list: Buffer | null, index: number): string | null | 'wrong' {
  if (list === null) return null;
  const expected = `sha-256:${list.toString('hex', 32 * index, 32 * (index + 1))}`;
  return sha256(bytes) === expected ? expected : 'wrong';
}

/**
 * An upstream's own errors are ours already, and a mistake in this program stays one; whatever else ends a body
 * is a connection that broke off.
 */
export function translate(error: unknown): unknown {
  if (error instanceof HedgerowError || error instanceof TypeError || error instanceof RangeError)
    return error;
  return new HedgerowError('PEER_UNREACHABLE', 'The connection to the peer broke off.', {
    cause: error,
    retryAfter: RETRY_AFTER,
  });
}
