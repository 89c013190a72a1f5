/** The door of this room: what is done to the media of this instance itself. */
import type { Catalog } from '../catalog/catalog.ts';
import type { Item } from '../catalog/items.ts';
import type { Database } from '../database/database.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { type ImportRequest, type ImportSummary, importFiles } from './import.ts';
import { importIntoAlbum } from './import-album.ts';
import { createMediaPool } from './media-worker.ts';
import { removeItems } from './remove.ts';

export interface Library extends AsyncDisposable {
  /** @throws HedgerowError before anything is read: INVALID, NOT_FOUND or UNAVAILABLE for one of the paths */
  importFiles(request: ImportRequest): Promise<ImportSummary>;
  /**
   * Removes local items, rows and bytes. An external original stays where it is.
   *
   * @throws HedgerowError READ_ONLY where one of them is a peer's
   */
  remove(ids: readonly string[]): Promise<readonly Item[]>;
}

export interface LibraryOptions {
  database: Database;
  catalog: Catalog;
  store: BlobStore;
  /** Absolute; never imported. */
  ownFolders: readonly string[];
  now: () => number;
  /** Told of faults that are neither a file's nor the disk's. */
  onFault: (path: string, error: unknown) => void;
}

export function createLibrary(options: LibraryOptions): Library {
  const media = createMediaPool();
  return {
    importFiles: (request) =>
      importIntoAlbum(options.catalog.albums, request, (given) => importFiles({ ...options, media }, given)),
    remove: (ids) => removeItems(options, ids),
    [Symbol.asyncDispose]: () => media[Symbol.asyncDispose](),
  };
}
