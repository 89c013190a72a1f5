/**
 * Buffers that are used again. A fresh 256 KiB costs more in page faults and garbage collection than the read
 * that fills it, so whoever is the last to need a chunk gives it back; one that is never given back is
 * ordinary garbage.
 */

/** Bytes of a pooled buffer: one read from a disk, and one segment of src/lib/media.ts. */
export const POOLED_BYTES = 262_144;

/** Idle buffers kept, 16 MiB in all. */
const MAX_IDLE = 64;

const idle: Buffer[] = [];
/** What is out at the moment; a chunk from anywhere else is not ours to take. */
const lent = new WeakMap<ArrayBufferLike, Buffer>();

/** A buffer of POOLED_BYTES with arbitrary content. */
export function lease(): Buffer {
  const buffer = idle.pop() ?? Buffer.allocUnsafeSlow(POOLED_BYTES);
  lent.set(buffer.buffer, buffer);
  return buffer;
}

/**
 * Gives back what a chunk lies in, if it was leased; anything else is left alone. Only for whoever owns the
 * whole chunk, once: afterwards its bytes change.
 */
export function release(chunk: Uint8Array): void {
  const buffer = lent.get(chunk.buffer);
  if (buffer === undefined) return;
  lent.delete(chunk.buffer);
  if (idle.length < MAX_IDLE) idle.push(buffer);
}
