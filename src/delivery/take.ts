import { Readable } from 'node:stream';
import { lease, POOLED_BYTES } from '../storage/buffer-pool.ts';
import type { ByteSource } from './upstream.ts';

/** A body of either kind as one to be taken from. What breaks off a stream that nobody reads is no error of anybody's. */
export function sourceOf(body: Readable | ByteSource): ByteSource {
  if (!(body instanceof Readable)) return body;
  body.on('error', () => {});
  return sourceOfStream(body);
}

/** Reads no further ahead than the stream's own buffer. */
function sourceOfStream(stream: Readable): ByteSource {
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
    async *[Symbol.asyncIterator]() {
      for (let chunk = await next(); chunk !== null; chunk = await next()) yield chunk;
    },
    destroy: () => {
      stream.destroy();
    },
  };
}
