/**
 * What keeps bytes under keys. A blob exists whole or not at all, and never changes under its key.
 *
 * Errors, of every function: HedgerowError NOT_FOUND where there is no such blob, QUOTA_EXCEEDED where there is
 * no room, UNAVAILABLE where the store itself does not answer, INVALID for what is not a key (paths.ts).
 */

import type { Readable } from 'node:stream';
import type { ByteRange } from './file-stream.ts';
import type { Digests } from './segment-digests.ts';

export type { ByteRange };

export interface BlobStat {
  /** Bytes. */
  size: number;
  /** ms since 1970. */
  modifiedAt: number;
}

export interface BlobEntry extends BlobStat {
  key: string;
}

export interface WriteOptions {
  /** `sha-256:<64 hex>` that the bytes must have, or INTEGRITY_FAILED and nothing is kept. */
  digest?: string;
  /** Bytes that there must be, or INTEGRITY_FAILED and nothing is kept. */
  size?: number;
  /** True where the caller has just checked `digest` itself, so that the bytes are not hashed a second time. */
  verified?: boolean;
  /** True where the blob must survive a power cut once this returns: what cannot be fetched again. */
  sync: boolean;
}

/** A key, or the key that the bytes' own digest makes, for content-addressed blobs. */
export type WriteKey = string | ((digest: string) => string);

export interface Written extends Digests {
  key: string;
}

export interface BlobStore {
  /** Null where there is no such blob. */
  stat(key: string): Promise<BlobStat | null>;
  /**
   * Opens a blob, or a range of it, for reading; errors that come later destroy the stream.
   * @throws HedgerowError RANGE_NOT_SATISFIABLE where the range is not inside the blob
   */
  read(key: string, range?: ByteRange | null): Promise<{ body: Readable; size: number }>;
  /**
   * Up to 256 KiB in one buffer; fewer bytes than asked where the blob ends before. The buffer may be given
   * back to buffer-pool.ts.
   */
  bytes(key: string, start: number, length: number): Promise<Buffer>;
  /**
   * Writes under a temporary name, hashes meanwhile, checks, renames: another blob of that key is replaced.
   * Where `verified`, no digests but the given one are computed. Whoever else holds the source's chunks may
   * go on using them; a source that fails leaves nothing behind.
   */
  write(key: WriteKey, source: Readable | Buffer, options: WriteOptions): Promise<Written>;
  /** Nothing happens where there is no such blob. */
  delete(key: string): Promise<void>;
  /** Deletes what is under a prefix of the layout that ends with `/`. */
  deleteAll(prefix: string): Promise<void>;
  /**
   * Gives every blob under one prefix a second name under another; both end with `/`. What is there already stays.
   * Each copy is whole or absent, so a call that was broken off can be repeated.
   */
  copyAll(from: string, to: string): Promise<void>;
  /** All blobs under a prefix that ends with `/`, in no order. */
  list(prefix: string): AsyncIterable<BlobEntry>;
  /**
   * Removes what writes left behind that never finished.
   * @param olderThan ms; younger ones may be another process's, still being written
   */
  sweep(olderThan?: number): Promise<{ files: number; bytes: number }>;
}
