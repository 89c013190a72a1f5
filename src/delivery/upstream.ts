/** What delivery needs of a peer; each dialect of src/federation provides it. */

import type { Readable } from 'node:stream';
import type { VariantName } from '../lib/media.ts';
import type { ByteRange } from '../storage/file-stream.ts';

export interface UpstreamRef {
  /** The item's id at the peer. */
  remoteId: string;
  variant: VariantName;
}

/** Bytes as they come, for one who takes them in order, one piece after another, and asks for no second before it has the first. */
export interface ByteSource extends AsyncIterable<Buffer> {
  /** So many bytes in one buffer, up to a segment of them leased (src/storage/buffer-pool.ts); fewer where they end before. */
  take(length: number): Promise<Buffer>;
  /** Passes over so many bytes. */
  skip(length: number): Promise<void>;
  /** Breaks off what is not at its end; of one that is, nothing more is taken. */
  destroy(): void;
}

export interface UpstreamBytes {
  /** 200 where the peer sent the whole although a range was asked for. */
  status: 200 | 206;
  /** Offset of the body's first byte in the file. */
  start: number;
  /** Read here to its end, or destroyed. */
  body: Readable | ByteSource;
  /** Bytes of the whole file; null where the peer does not say. */
  size: number | null;
  /** The peer's own tag of this version of the file; it counts where no digest names the bytes. */
  tag?: string | null;
  /** Media type as the peer gives it, in lower case. */
  type?: string;
}

/**
 * Both functions reject with a HedgerowError: PEER_UNREACHABLE, PEER_TIMEOUT, PEER_RATE_LIMITED (with
 * `retryAfter`), MEDIA_GONE, NOT_FOUND, REVOKED and their like. `signal` ends the request and its body.
 */
export interface Upstream {
  bytes(ref: UpstreamRef, range: ByteRange | null, signal: AbortSignal): Promise<UpstreamBytes>;
  /** The SHA-256 of each segment, concatenated; as received, it is verified here. */
  segmentList(ref: UpstreamRef, signal: AbortSignal): Promise<Buffer>;
  /** Whether the file is still of the version that `tag` names; absent where digests tell. */
  isCurrent?(ref: UpstreamRef, tag: string, signal: AbortSignal): Promise<boolean>;
}
