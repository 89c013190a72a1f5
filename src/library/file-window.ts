/** Random access to a file of a stranger's: small reads only, and only so many of them. */

import { open } from 'node:fs/promises';
import { HedgerowError, systemCode } from '../lib/errors.ts';

/** The longest single read, in bytes; a length from a file is never allocated beyond it. */
const MAX_READ = 65_536;
/** A header walk of an honest file takes dozens of reads; a hostile one would go on for ever. */
const MAX_READS = 20_000;

export interface FileWindow extends AsyncDisposable {
  /** Bytes. */
  readonly size: number;
  /**
   * Up to `length` bytes from `offset`: fewer at the end of the file, at most 64 KiB.
   * @throws HedgerowError UNSUPPORTED_MEDIA after too many reads
   */
  read(offset: number, length: number): Promise<Buffer>;
}

/**
 * Opens a file for bounded reading.
 * @throws HedgerowError NOT_FOUND where there is no file, UNAVAILABLE where it cannot be read now
 */
export async function openWindow(path: string): Promise<FileWindow> {
  try {
    const handle = await open(path, 'r');
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw new HedgerowError('UNSUPPORTED_MEDIA', 'This is not a regular file.');
      return windowOf(
        stat.size,
        async (buffer, offset) => (await handle.read(buffer, 0, buffer.length, offset)).bytesRead,
        () => handle.close(),
      );
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw fileError(error);
  }
}

/** The same over bytes in memory. */
export function windowOver(bytes: Uint8Array): FileWindow {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return windowOf(
    source.length,
    async (buffer, offset) => source.copy(buffer, 0, offset, offset + buffer.length),
    async () => {},
  );
}

/**
 * Translates a system error: a file that is not there or that a disk cannot give is no broken medium.
 * Anything else comes back as it was.
 */
export function fileError(error: unknown): unknown {
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new HedgerowError('NOT_FOUND', 'The file is not there.', { cause: error });
  }
  // System codes are E and capitals; Node's own, such as ERR_INVALID_ARG_TYPE, are mistakes of ours.
  if (code !== undefined && /^E[A-Z0-9]+$/.test(code)) {
    return new HedgerowError('UNAVAILABLE', 'The file cannot be read right now.', { cause: error });
  }
  return error;
}

function windowOf(
  size: number,
  readInto: (buffer: Buffer, offset: number) => Promise<number>,
  close: () => Promise<void>,
): FileWindow {
  let reads = 0;
  return {
    size,
    async read(offset, length) {
      if (++reads > MAX_READS) {
        throw new HedgerowError('UNSUPPORTED_MEDIA', 'The structure of the file is too intricate to read.');
      }
      const wanted = Math.min(length, MAX_READ, size - offset);
      if (!(offset >= 0) || !(wanted > 0)) return Buffer.alloc(0);
      const buffer = Buffer.alloc(wanted);
      try {
        return buffer.subarray(0, await readInto(buffer, offset));
      } catch (error) {
        throw fileError(error);
      }
    },
    [Symbol.asyncDispose]: close,
  };
}
