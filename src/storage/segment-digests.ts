/** Size, digest and segment list of a file in one pass over its bytes. */

import { createHash, hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { SEGMENT_BYTES, type SegmentList } from '../lib/media.ts';
import { openFileStream } from './file-stream.ts';

export interface Digests {
  /** Bytes. */
  size: number;
  /** `sha-256:<64 hex>` */
  digest: string;
  /** Only where the file is longer than one segment. */
  segments?: SegmentList;
  /** The SHA-256 of each segment, 32 bytes each, concatenated; null where `segments` is absent. */
  segmentList: Buffer | null;
}

export interface DigestHasher {
  update(chunk: Uint8Array): void;
  /** Once, at the end. */
  finish(): Digests;
}

/** Takes a file's bytes in order, in chunks of any length. */
export function createDigestHasher(): DigestHasher {
  const whole = createHash('sha256');
  const list: Buffer[] = [];
  let segment = createHash('sha256');
  let inSegment = 0;
  let size = 0;
  const close = (): void => {
    list.push(segment.digest());
    segment = createHash('sha256');
    inSegment = 0;
  };
  return {
    update: (chunk) => {
      whole.update(chunk);
      size += chunk.length;
      let offset = 0;
      while (offset < chunk.length) {
        const part = chunk.subarray(offset, offset + SEGMENT_BYTES - inSegment);
        segment.update(part);
        inSegment += part.length;
        offset += part.length;
        if (inSegment === SEGMENT_BYTES) close();
      }
    },
    finish: () => {
      if (inSegment > 0) close();
      const digest = `sha-256:${whole.digest('hex')}`;
      if (size <= SEGMENT_BYTES) return { size, digest, segmentList: null };
      const segmentList = Buffer.concat(list);
      return { size, digest, segments: { count: list.length, digest: sha256(segmentList) }, segmentList };
    },
  };
}

/**
 * Reads a file, or a stream to its end.
 * @throws HedgerowError NOT_FOUND, UNAVAILABLE where a path cannot be read; what the stream throws
 */
export async function segmentDigests(source: string | Readable): Promise<Digests> {
  const hasher = createDigestHasher();
  const stream = typeof source === 'string' ? (await openFileStream(source)).body : source;
  for await (const chunk of stream) hasher.update(chunk as Buffer);
  return hasher.finish();
}

/** `sha-256:<64 hex>` of a buffer. */
export function sha256(bytes: Uint8Array): string {
  return `sha-256:${hash('sha256', bytes, 'hex')}`;
}
