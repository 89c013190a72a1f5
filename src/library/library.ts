/** The door of this room: what is done to the media of this instance itself. */
import type { Catalog } from '../catalog/catalog.ts';
import type { Item } from '../catalog/items.ts';
import type { Database } from '../database/database.ts';
import type { Processes } from '../database/processes.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { type ImportRequest, type ImportSummary, importFiles } from './import.ts';
import { importIntoAlbum } from './import-album.ts';
import { createImportLedger } from './import-ledger.ts';
import { createMediaPool, type MediaPool } from './media-worker.ts';
import { removeItems } from './remove.ts';
import { createUploadParts } from './upload-parts.ts';
import { createUploads, type Uploads } from './uploads.ts';

export interface Library extends AsyncDisposable {
  /** @throws HedgerowError before anything is read: INVALID, NOT_FOUND or UNAVAILABLE for one of the paths */
  importFiles(request: ImportRequest): Promise<ImportSummary>;
  /**
   * Removes local items, rows and bytes. An external original stays where it is.
   *
   * @throws HedgerowError READ_ONLY where one of them is a peer's
   */
  remove(ids: readonly string[]): Promise<readonly Item[]>;
  readonly uploads: Uploads;
}

export interface LibraryOptions {
  database: Database;
  processes: Processes;
  catalog: Catalog;
  store: BlobStore;
  /** Absolute; never imported. */
  ownFolders: readonly string[];
  now: () => number;
  uploads: {
    /** Absolute. */
    folder: string;
    /** Whether the folder is of this process alone, and other processes have others. */
    ownFolder: boolean;
    maxBytes: number;
    quotaBytes: number;
  };
  /** Told of originals that are in the store from now on, and asked before one is deleted: others may live by it. */
  onStored?: (digest: string) => Promise<void>;
  onLeaving?: (digest: string) => Promise<void>;
  /** A pool that is somebody else's to close; otherwise the library has one of its own. */
  media?: MediaPool | undefined;
  /** Told of faults that are neither a file's nor the disk's. */
  onFault: (path: string, error: unknown) => void;
}

export function createLibrary(options: LibraryOptions): Library {
  const media = options.media ?? createMediaPool();
  const { database, store, now } = options;
  const ledger = createImportLedger({ ...options, remember: false });
  return {
    importFiles: (request) =>
      importIntoAlbum(options.catalog.albums, request, (given) => importFiles({ ...options, media }, given)),
    uploads: createUploads({
      ...options.uploads,
      parts: options.uploads.ownFolder ? createUploadParts(store, options.uploads.folder) : null,
      database,
      processes: options.processes,
      now,
      importer: { ledger, store, media, processes: options.processes },
    }),
    remove: (ids) => removeItems(options, ids),
    [Symbol.asyncDispose]: async () => {
      if (options.media === undefined) await media[Symbol.asyncDispose]();
    },
  };
}
