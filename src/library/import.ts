/**
 * Imports files and whole folders. Every file that was dealt with is written down with its size and time, so that a
 * second run passes over it without reading it: an import that was stopped goes on where it was.
 */

import { availableParallelism } from 'node:os';
import type { Catalog } from '../catalog/catalog.ts';
import type { Visibility } from '../catalog/items.ts';
import type { Database } from '../database/database.ts';
import { type Code, HedgerowError } from '../lib/errors.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import {
  type FileImporter,
  type FileResult,
  type ImportKind,
  Interrupted,
  importFile,
} from './import-file.ts';
import { createImportLedger, type SeenFile } from './import-ledger.ts';
import { createProgressMeter, type ImportProgress, type OutcomeCounts } from './import-progress.ts';
import { countFiles, type FoundFile, importRoots, type UnreadablePath, walkFiles } from './import-walk.ts';
import type { MediaPool } from './media-worker.ts';
import { cleanTags } from './text.ts';

export type { ImportProgress } from './import-progress.ts';

export interface ImportContext {
  database: Pick<Database, 'read' | 'write'>;
  catalog: { readonly local: Pick<Catalog['local'], 'add'> };
  store: BlobStore;
  media: Pick<MediaPool, 'process'>;
  /** The data folder and the store's: never imported. Absolute. */
  ownFolders: readonly string[];
  /** Files in work at once; half as many again as cores unless told, so that one is read while others are drawn. */
  concurrency?: number;
  /** Those beside this one; none unless told. */
  processes?: FileImporter['processes'];
  /** Ms since 1970. */
  now?: () => number;
  /** Told of each original that is in the store and has an item now. */
  onStored?: (digest: string) => Promise<void>;
  /** Told of faults that are neither the file's nor the disk's. */
  onFault?: (path: string, error: unknown) => void;
}

export interface ImportRequest {
  /** Files and folders, absolute or below the working folder. */
  paths: readonly string[];
  inPlace?: boolean | undefined;
  /** INSTANCE unless told. */
  visibility?: Visibility | undefined;
  /** Beside the keywords that a file carries. */
  tags?: readonly string[] | undefined;
  /** Title or id of an album of this instance; made, of the owner, where there is none of that title. */
  album?: string | undefined;
  ownerId?: string | null | undefined;
  /** Ends the import after what is in work. */
  signal?: AbortSignal | undefined;
  /** Several times a second while there is something to tell. */
  onProgress?: ((progress: ImportProgress) => void) | undefined;
  /** For each file once; the import waits for it. */
  onFile?: ((file: ImportedFile) => void | Promise<void>) | undefined;
}

export interface ImportedFile extends FileResult {
  path: string;
}

export interface ImportSummary {
  /** `STOPPED`: by the signal; `FAILED`: `error` says why. Either way a second run goes on from here. */
  ended: 'DONE' | 'STOPPED' | 'FAILED';
  error: { code: Code; message: string } | null;
  /** Files dealt with. */
  files: number;
  bytes: number;
  seconds: number;
  outcomes: OutcomeCounts;
}

const PROGRESS_MS = 250;
/** Paths that are looked up together. */
const LOOKAHEAD = 100;
/** So many faults of our own in a row are no coincidence: the database is gone, say. */
const MAX_FAULTS = 5;

/**
 * Imports everything below the given paths. One file's trouble is that file's outcome; only a store or a database
 * that takes nothing more ends the import.
 *
 * @throws HedgerowError before anything is read: INVALID, NOT_FOUND or UNAVAILABLE for one of the paths
 */
export async function importFiles(context: ImportContext, request: ImportRequest): Promise<ImportSummary> {
  // PRIVATE is for the owner alone: without one nobody would ever see them.
  if (request.visibility === 'PRIVATE' && (request.ownerId ?? null) === null) {
    throw new HedgerowError('INVALID', 'Private items need an owner: say whose they are (--owner).', {
      field: ['visibility'],
    });
  }
  const started = performance.now();
  const { paths, onProgress, onFile } = request;
  const kind: ImportKind = {
    inPlace: request.inPlace ?? false,
    visibility: request.visibility ?? 'INSTANCE',
    tags: cleanTags(request.tags ?? []),
    ownerId: request.ownerId ?? null,
  };
  const halt = new AbortController();
  const signal = request.signal === undefined ? halt.signal : AbortSignal.any([request.signal, halt.signal]);
  const walk = { skip: context.ownFolders, signal };
  const roots = await importRoots(paths, context.ownFolders);
  const ledger = createImportLedger({ ...context, now: context.now ?? Date.now });
  const importer: FileImporter = {
    ledger,
    store: context.store,
    media: context.media,
    processes: context.processes,
  };
  const meter = createProgressMeter();
  let failure: HedgerowError | null = null;
  let faults = 0;

  const attempt = async (path: string, seen: SeenFile | undefined): Promise<FileResult | null> => {
    try {
      const result = await importFile(importer, path, kind, seen, signal);
      faults = 0;
      return result;
    } catch (error) {
      if (error instanceof Interrupted) return null;
      if (error instanceof HedgerowError) {
        failure ??= error;
        halt.abort();
        return null;
      }
      context.onFault?.(path, error);
      if (++faults >= MAX_FAULTS) {
        failure ??= new HedgerowError('INTERNAL', 'The import failed several times in a row.', {
          cause: error,
        });
        halt.abort();
      }
      return failed('INTERNAL', 'Something went wrong with it here; the log has the details.');
    }
  };
  const dealWith = async ({ found, seen }: Job): Promise<FileResult | null> => {
    if ('error' in found) return failed(found.error.code, found.error.message);
    if (seen !== undefined && (await isSettled(found, seen))) {
      const { itemId } = seen;
      return { outcome: 'unchanged', bytes: 0, itemId, code: null, reason: null };
    }
    meter.begin(found.path);
    return attempt(found.path, seen);
  };
  /** A file that is named itself is taken again where its item was removed, or never was; a folder's is not. */
  const isSettled = async (found: FoundFile, seen: SeenFile): Promise<boolean> => {
    if (seen.size !== found.size || seen.mtime !== found.mtime) return false;
    if (!found.named) return true;
    return seen.itemId !== null && (await ledger.existing([seen.itemId])).has(seen.itemId);
  };
  const jobs = withSeen(walkFiles(roots, walk), ledger.seen);
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      const next = await jobs.next();
      if (next.done) return;
      const result = await dealWith(next.value);
      if (result === null) continue;
      meter.finish(result.outcome, result.bytes);
      await onFile?.({ path: next.value.found.path, ...result });
    }
  };

  const counting = countFiles(roots, walk).then(
    (total) => {
      meter.total = total;
    },
    () => {}, // without a total there is no time left to tell, and nothing else is lost
  );
  const timer = setInterval(() => onProgress?.(meter.read()), PROGRESS_MS);
  try {
    const workers = context.concurrency ?? Math.ceil(availableParallelism() * 1.5) + 1;
    // All of them end before this returns, also where one throws: nothing goes on behind the caller's back.
    const ends = await Promise.allSettled(
      Array.from({ length: workers }, () =>
        work().catch((error: unknown) => {
          halt.abort();
          throw error;
        }),
      ),
    );
    const thrown = ends.find((end) => end.status === 'rejected');
    if (thrown !== undefined) throw thrown.reason;
    if (!signal.aborted) await counting;
  } finally {
    clearInterval(timer);
    await jobs.return(undefined);
  }
  const last = meter.read();
  onProgress?.({ ...last, current: null });
  // Narrowing does not see the assignments in the closures above.
  const error = failure as HedgerowError | null;
  return {
    ended: error !== null ? 'FAILED' : signal.aborted ? 'STOPPED' : 'DONE',
    error: error === null ? null : { code: error.code, message: error.message },
    files: last.done,
    bytes: last.bytes,
    seconds: (performance.now() - started) / 1000,
    outcomes: last.outcomes,
  };
}

interface Job {
  found: FoundFile | UnreadablePath;
  seen: SeenFile | undefined;
}

/** Looks up what is known of the files, many at once. */
async function* withSeen(
  files: AsyncIterable<FoundFile | UnreadablePath>,
  lookUp: (paths: readonly string[]) => Promise<Map<string, SeenFile>>,
): AsyncGenerator<Job, void, undefined> {
  let batch: (FoundFile | UnreadablePath)[] = [];
  const resolved = async (): Promise<Job[]> => {
    const seen = await lookUp(batch.map(({ path }) => path));
    const jobs = batch.map((found) => ({ found, seen: seen.get(found.path) }));
    batch = [];
    return jobs;
  };
  for await (const file of files) {
    batch.push(file);
    if (batch.length >= LOOKAHEAD) yield* await resolved();
  }
  if (batch.length > 0) yield* await resolved();
}

function failed(code: Code, reason: string): FileResult {
  return { outcome: 'unreadable', bytes: 0, itemId: null, code, reason };
}
