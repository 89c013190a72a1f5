import type { Readable } from 'node:stream';
import { lease, POOLED_BYTES } from '../storage/buffer-pool.ts';

/** Reads a stream by exact lengths, and no further ahead than its own buffer. */
export interface Taker {
  /** So many bytes in one buffer, up to a segment of them leased; fewer where the stream ends before. */
  take(length: number): Promise<Buffer>;
  /** Passes over so many bytes. */
  skip(length: number): Promise<void>;
  /** What was received and not taken, then the rest of the stream, chunk by chunk. */
  rest(): AsyncIterable<Buffer>;
}

export function takerOf(stream: Readable): Taker {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let left: Buffer | null = null;
  const next = async (): Promise<Buffer | null> => {
    if (left !== null && left.length > 0) {
      const chunk = left;
      left = null;
      return chunk;
    }
    const { done, value } = await chunks.next();
    return done === true ? null : value;
  };
  const consume = async (length: number, use: (chunk: Buffer, at: number) => void): Promise<number> => {
    let taken = 0;
    while (taken < length) {
      const chunk = await next();
      if (chunk === null) break;
      const part = chunk.subarray(0, length - taken);
      use(part, taken);
      taken += part.length;
      if (part.length < chunk.length) left = chunk.subarray(part.length);
    }
    return taken;
  };
  return {
    take: async (length) => {
      const buffer = length <= POOLED_BYTES ? lease(length) : Buffer.allocUnsafeSlow(length);
      const taken = await consume(length, (chunk, at) => buffer.set(chunk, at));
      return buffer.subarray(0, taken);
    },
    skip: async (length) => {
      await consume(length, () => {});
    },
    rest: async function* () {
      for (let chunk = await next(); chunk !== null; chunk = await next()) yield chunk;
    },
  };
}
