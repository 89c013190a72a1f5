/** A real store of which single operations fail, as a full disk or a broken one makes them. */

import { HedgerowError } from '../../src/lib/errors.ts';
import type { BlobStore } from '../../src/storage/blob-store.ts';

export type StoreOperation = 'read' | 'bytes' | 'write' | 'delete' | 'deleteAll';

/** @param fails - asked at each operation, before anything is done */
export function faultyStore(store: BlobStore, fails: (operation: StoreOperation) => boolean): BlobStore {
  const tried = (operation: StoreOperation): void => {
    if (!fails(operation)) return;
    throw operation === 'write'
      ? new HedgerowError('QUOTA_EXCEEDED', 'There is no room left on the disk.')
      : new HedgerowError('UNAVAILABLE', 'The file cannot be read or written right now.');
  };
  return {
    ...store,
    read: async (...given) => {
      tried('read');
      return store.read(...given);
    },
    bytes: async (...given) => {
      tried('bytes');
      return store.bytes(...given);
    },
    write: async (...given) => {
      tried('write');
      return store.write(...given);
    },
    delete: async (...given) => {
      tried('delete');
      return store.delete(...given);
    },
    deleteAll: async (...given) => {
      tried('deleteAll');
      return store.deleteAll(...given);
    },
  };
}
