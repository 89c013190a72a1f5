/** A film that takes longer to send than a test takes to end it: a real one, and a box that players pass over. */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SAMPLES } from './instance.ts';
import type { SlowReader } from './slow-reader.ts';

/** @param bytes - of what is passed over */
export async function writeLongFilm(path: string, bytes: number): Promise<void> {
  const free = Buffer.alloc(8);
  free.writeUInt32BE(bytes + 8);
  free.write('free', 4);
  const film = await readFile(join(SAMPLES, 'coast/waves-on-the-beach.mp4'));
  await writeFile(path, Buffer.concat([film, free, randomBytes(bytes)]));
}

export const within = <T>(ms: number, what: string, work: Promise<T>): Promise<T> =>
  Promise.race([
    work,
    new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms).unref(),
    ),
  ]);

/**
 * How a stream ended that had to be cut within so many ms. A client's own system hands on what had arrived before it tells
 * of the end, megabytes that a slow reader takes long for: so the rest is read at once when the time is over. A stream that
 * was not cut by then arrives whole.
 */
export async function endWithin(ms: number, reader: SlowReader): Promise<'whole' | 'cut'> {
  await Promise.race([reader.ended, new Promise((resolve) => setTimeout(resolve, ms))]);
  reader.readOn();
  return (await within(10_000, 'reading on', reader.ended)).how;
}
