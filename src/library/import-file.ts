/**
 * One file of an import, from its path to its item. Bytes are stored before the row that names them, so that a crash
 * leaves at most bytes without an item, which the next run finds again by their digest.
 */

import { stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { parseLocalDateTime, type Visibility } from '../catalog/items.ts';
import type { NewLocalItem } from '../catalog/local-changes.ts';
import { DatabaseAwayError } from '../database/outage.ts';
import type { Processes } from '../database/processes.ts';
import { type Code, HedgerowError, isCode, systemCode } from '../lib/errors.ts';
import type { Variant, VariantName } from '../lib/media.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { release } from '../storage/buffer-pool.ts';
import { openFileStream } from '../storage/file-stream.ts';
import { originalKey, renditionKey, segmentListKey } from '../storage/paths.ts';
import { createDigestHasher, type Digests } from '../storage/segment-digests.ts';
import type { ImportLedger, KnownItem, SeenFile } from './import-ledger.ts';
import type { Outcome } from './import-progress.ts';
import { originals, renditions } from './keyed-lock.ts';
import type { MediaPool } from './media-worker.ts';
import type { ProcessedMedia } from './process-media.ts';
import type { Rendition } from './renditions.ts';
import { sniff } from './sniff.ts';
import { cleanTags, cleanText, TEXT_LIMITS } from './text.ts';

export interface FileImporter {
  ledger: ImportLedger;
  store: BlobStore;
  media: Pick<MediaPool, 'process'>;
  /** Those beside this one, which take in and remove the same files. */
  processes?: Pick<Processes, 'several' | 'only'> | undefined;
}

/** What an import makes of its files. */
export interface ImportKind {
  /** The originals stay where they are, and are only read. */
  inPlace: boolean;
  visibility: Visibility;
  /** Clean (text.ts). */
  tags: readonly string[];
  ownerId: string | null;
  /** What the file is called, where its path does not say. */
  filename?: string;
}

export interface FileResult {
  outcome: Outcome;
  /** Bytes that were read. */
  bytes: number;
  /** The item that was added, or the one that was there. */
  itemId: string | null;
  code: Code | null;
  /** A sentence for people, where the file was not taken. */
  reason: string | null;
}

const FILENAME_MAX = 255;
const CHANGED = 'It was changed while it was read; the next import takes it.';

/** The import was stopped before this file was stored; nothing of it is left. */
export class Interrupted extends Error {}

/**
 * Imports one file, and notes what came of it.
 *
 * @param seen what an earlier import noted of the same path
 * @throws Interrupted; HedgerowError QUOTA_EXCEEDED or UNAVAILABLE where the store takes nothing more; what the
 *   database throws
 */
export async function importFile(
  importer: FileImporter,
  path: string,
  kind: ImportKind,
  seen: SeenFile | undefined,
  signal: AbortSignal,
): Promise<FileResult> {
  const { ledger } = importer;
  try {
    // The walk may have seen the file minutes ago.
    const file = { path, ...(await place(path)) };
    const sniffed = await sniff(path);
    if (sniffed === null) {
      await ledger.note({ ...file, outcome: 'unsupported', itemId: null, code: 'UNSUPPORTED_MEDIA' });
      return refused('unsupported', 'UNSUPPORTED_MEDIA', 'This kind of file is not kept here.');
    }
    const read = await readOriginal(importer, file, kind.inPlace, signal);
    return await originals.run(
      read.digests.digest,
      () => takeIn(importer, file, kind, read, seen),
      importer.processes,
    );
  } catch (error) {
    // Of a file nothing is said by that, and a later run takes it.
    if (error instanceof DatabaseAwayError) throw error;
    if (error instanceof SourceError) return refused('unreadable', error.code, error.message);
    if (isCode(error, 'UNSUPPORTED_MEDIA')) return refused('unsupported', error.code, error.message);
    if (isCode(error, 'NOT_FOUND')) return refused('unreadable', error.code, 'It is not there any more.');
    if (isCode(error, 'UNAVAILABLE') && !(error instanceof StoreError)) {
      return refused('unreadable', error.code, error.message);
    }
    throw error;
  }
}

interface SourceFile {
  path: string;
  size: number;
  mtime: number;
}

interface ReadOriginal {
  digests: Digests;
  /** Whether it is in the store already. */
  stored: boolean;
}

/** The source cannot be read, or is not what it was: the file's own trouble, not the store's. */
class SourceError extends HedgerowError {}
/** The store does not take it: the end of the import. */
class StoreError extends HedgerowError {}

async function place(path: string): Promise<{ size: number; mtime: number }> {
  try {
    const stats = await stat(path);
    return { size: stats.size, mtime: Math.trunc(stats.mtimeMs) };
  } catch (error) {
    throw systemCode(error) === 'ENOENT'
      ? new SourceError('NOT_FOUND', 'It is not there any more.', { cause: error })
      : new SourceError('UNAVAILABLE', 'It cannot be read.', { cause: error });
  }
}

/** Reads the file once: its digests, and where it is to be stored the copy. */
async function readOriginal(
  { ledger, store }: FileImporter,
  file: SourceFile,
  inPlace: boolean,
  signal: AbortSignal,
): Promise<ReadOriginal> {
  // A file of a length that no item has cannot be a duplicate, so it is copied at once; any other is only read.
  if (inPlace || (await ledger.hasSize(file.size))) {
    return { digests: await hashFile(file, signal), stored: false };
  }
  return { digests: await copyFile(store, file, { signal }), stored: true };
}

async function hashFile({ path }: SourceFile, signal: AbortSignal): Promise<Digests> {
  const hasher = createDigestHasher();
  const { body } = await sourceStream(path);
  try {
    for await (const chunk of body) {
      if (signal.aborted) throw new Interrupted();
      hasher.update(chunk as Buffer);
      release(chunk as Buffer);
    }
  } catch (error) {
    throw error instanceof Interrupted ? error : sourceError(error);
  }
  return hasher.finish();
}

async function copyFile(
  store: BlobStore,
  { path }: SourceFile,
  { digest, signal }: { digest?: string; signal?: AbortSignal },
): Promise<Digests> {
  const { body } = await sourceStream(path);
  let broken: unknown;
  body.once('error', (error) => {
    broken = error;
  });
  if (signal !== undefined) addAbortSignal(signal, body);
  try {
    const expected = digest === undefined ? {} : { digest };
    return await store.write(originalKey, body, { ...expected, sync: true });
  } catch (error) {
    if (signal?.aborted) throw new Interrupted();
    if (broken !== undefined) throw sourceError(broken);
    if (isCode(error, 'INTEGRITY_FAILED')) throw new SourceError('CONFLICT', CHANGED, { cause: error });
    throw storeError(error);
  }
}

async function sourceStream(path: string) {
  try {
    return await openFileStream(path);
  } catch (error) {
    throw sourceError(error);
  }
}

/** With the lock of the digest: an item that is there already, or a new one. */
async function takeIn(
  importer: FileImporter,
  file: SourceFile,
  kind: ImportKind,
  { digests, stored }: ReadOriginal,
  seen: SeenFile | undefined,
): Promise<FileResult> {
  const { ledger, store, media, processes } = importer;
  const key = originalKey(digests.digest);
  const discard = async (): Promise<void> => {
    if (stored && !(await ledger.isStored(key))) await store.delete(key).catch(() => {});
  };
  const twin = await ledger.duplicateOf(digests.digest, kind.ownerId);
  if (twin !== null) {
    await discard();
    return { ...(await recognise(ledger, file, kind, twin, seen)), bytes: file.size };
  }
  let processed: ProcessedMedia;
  try {
    processed = await media.process(file.path);
  } catch (error) {
    await discard();
    if (!isCode(error, 'UNSUPPORTED_MEDIA')) throw error;
    // A file that somebody is still writing looks broken too.
    await unchangedOrThrow(file, digests);
    await ledger.note({ ...file, outcome: 'broken', itemId: null, code: error.code });
    return { ...refused('broken', error.code, error.message), bytes: file.size };
  }
  try {
    await unchangedOrThrow(file, digests);
  } catch (error) {
    await discard();
    throw error;
  }
  // Another file with the same bytes may have been found broken meanwhile (its reader was killed, say), and taken the
  // blob with it.
  if (!kind.inPlace && (!stored || (await storing(() => store.stat(key))) === null)) {
    await copyFile(store, file, { digest: digests.digest });
  }
  await storeSegmentList(store, digests);
  const { id } = await renditions.run(
    processed.renditions.thumbhash,
    async () => {
      const variants = await storeRenditions(store, processed);
      return ledger.add(newItem(file, kind, digests, processed, variants), file);
    },
    processes,
  );
  return { outcome: 'added', bytes: file.size, itemId: id, code: null, reason: null };
}

/** What a file is whose bytes are an item already. */
async function recognise(
  ledger: ImportLedger,
  file: SourceFile,
  kind: ImportKind,
  twin: KnownItem,
  seen: SeenFile | undefined,
): Promise<Omit<FileResult, 'bytes'>> {
  const same = { itemId: twin.id, code: null, reason: null };
  const external = kind.inPlace && twin.storage === 'EXTERNAL';
  // Touched, moved or renamed: the same file still. One that is merely not mounted may be found at either place.
  if (external && (twin.location === file.path || !(await exists(twin.location)))) {
    if (twin.location !== file.path || twin.locationMtime !== file.mtime) {
      await ledger.relocate(twin, file.path, file.mtime);
    }
    await ledger.note({ ...file, outcome: 'added', itemId: twin.id, code: null });
    return { outcome: 'unchanged', ...same };
  }
  const outcome = seen?.itemId === twin.id && seen.outcome === 'added' ? 'added' : 'duplicate';
  await ledger.note({ ...file, outcome, itemId: twin.id, code: null });
  return { outcome: outcome === 'added' ? 'unchanged' : 'duplicate', ...same };
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function unchangedOrThrow(file: SourceFile, digests: Digests): Promise<void> {
  const now = await place(file.path);
  if (now.size !== file.size || now.mtime !== file.mtime || digests.size !== file.size) {
    throw new SourceError('CONFLICT', CHANGED);
  }
}

async function storeRenditions(store: BlobStore, { renditions: small }: ProcessedMedia): Promise<Variant[]> {
  return Promise.all([
    storeRendition(store, 'thumbnail', small.thumbnail),
    storeRendition(store, 'preview', small.preview),
  ]);
}

async function storeRendition(store: BlobStore, name: VariantName, rendition: Rendition): Promise<Variant> {
  const { bytes, mimeType, width, height } = rendition;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const written = await storing(() => store.write(renditionKey, buffer, { sync: true }));
  await storeSegmentList(store, written);
  return { name, mimeType, ...bytesOf(written), width, height };
}

/** Peers that fetch a long file verify it segment by segment against this list. */
async function storeSegmentList(store: BlobStore, { segments, segmentList }: Digests): Promise<void> {
  if (segments === undefined || segmentList === null) return;
  const { digest } = segments;
  await storing(() =>
    store.write(segmentListKey(digest), segmentList, { digest, verified: true, sync: true }),
  );
}

function bytesOf({ size, digest, segments }: Digests): Pick<Variant, 'size' | 'digest' | 'segments'> {
  return { size, digest, ...(segments !== undefined && { segments }) };
}

function newItem(
  file: SourceFile,
  kind: ImportKind,
  digests: Digests,
  { sniffed, probe, renditions: drawn }: ProcessedMedia,
  small: readonly Variant[],
): NewLocalItem {
  const { mimeType } = sniffed;
  const { width, height } = probe;
  const name = kind.filename ?? basename(file.path);
  const filename = cleanText(name, FILENAME_MAX) ?? `file.${sniffed.extension}`;
  const original: Variant = {
    name: 'original',
    mimeType,
    ...bytesOf(digests),
    ...(width !== null && height !== null && { width, height }),
  };
  return {
    kind: sniffed.kind,
    title:
      probe.title ??
      cleanText(name.slice(0, name.length - extname(name).length), TEXT_LIMITS.title) ??
      filename,
    description: probe.description ?? null,
    filename,
    mimeType,
    byteSize: digests.size,
    digest: digests.digest,
    width,
    height,
    durationMs: probe.durationMs,
    pageCount: probe.pageCount,
    thumbhash: drawn.thumbhash,
    takenAt: probe.takenAt === null ? null : parseLocalDateTime(probe.takenAt),
    takenAtOffset: probe.takenAtOffset,
    tags: cleanTags([...kind.tags, ...(probe.tags ?? [])]),
    creator: probe.creator ?? null,
    license: probe.license ?? null,
    properties: probe.properties,
    variants: [...small, original],
    ownerId: kind.ownerId,
    visibility: kind.visibility,
    storage: kind.inPlace ? 'EXTERNAL' : 'MANAGED',
    location: kind.inPlace ? file.path : originalKey(digests.digest),
    locationMtime: kind.inPlace ? file.mtime : null,
  };
}

function refused(outcome: Outcome, code: Code, reason: string): FileResult {
  return { outcome, bytes: 0, itemId: null, code, reason };
}

function sourceError(error: unknown): unknown {
  if (!(error instanceof HedgerowError)) return error;
  const message = error.code === 'NOT_FOUND' ? 'It is not there any more.' : readProblem(error);
  return new SourceError(error.code, message, { cause: error });
}

function readProblem(error: HedgerowError): string {
  const code = systemCode(error.cause);
  return code === 'EACCES' || code === 'EPERM' ? 'It may not be read: permission denied.' : error.message;
}

function storeError(error: unknown): unknown {
  if (!(error instanceof HedgerowError)) return error;
  if (error.code === 'QUOTA_EXCEEDED')
    return new StoreError('QUOTA_EXCEEDED', error.message, { cause: error });
  const { retryAfter } = error;
  return new StoreError('UNAVAILABLE', 'The media store cannot be written.', {
    cause: error,
    ...(retryAfter !== undefined && { retryAfter }),
  });
}

async function storing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error);
  }
}
