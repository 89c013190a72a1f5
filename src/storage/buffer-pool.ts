/**
 * Buffers that are used again. A fresh 256 KiB costs more in page faults and garbage collection than the read
 * that fills it, so whoever is the last to need a chunk gives it back; one that is never given back is
 * ordinary garbage.
 */

/** Bytes of a pooled buffer: one read from a disk, and one segment of src/lib/media.ts. */
export const POOLED_BYTES = 262_144;

/** Bytes of a small pooled buffer: what a slow reader holds at a time. */
export const SMALL_BYTES = 65_536;

/** Idle buffers kept, of either size: 20 MiB in all. */
const MAX_IDLE = 64;

const idle: Record<number, Buffer[]> = { [POOLED_BYTES]: [], [SMALL_BYTES]: [] };
/** What is out at the moment; a chunk from anywhere else is not ours to take. */
const lent = new WeakMap<ArrayBufferLike, Buffer>();

/** A buffer with arbitrary content, of SMALL_BYTES where so many are enough, else of POOLED_BYTES. */
export function lease(length = POOLED_BYTES): Buffer {
  const size = length <= SMALL_BYTES ? SMALL_BYTES : POOLED_BYTES;
  const buffer = idle[size]?.pop() ?? Buffer.allocUnsafeSlow(size);
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
  const same = idle[buffer.length];
  if (same !== undefined && same.length < MAX_IDLE) same.push(buffer);
}

/** A reader that takes a chunk within so many ms takes the next in one piece. */
const QUICK = 20;

/**
 * How much of a file is read at a time for one reader: SMALL_BYTES at first and for whoever is slow, so that a thousand
 * of them hold no more than 64 MiB; POOLED_BYTES for whoever is quick, for whom each read costs.
 */
export class ReadPace {
  #quick = 0;
  #at = Number.NEGATIVE_INFINITY;

  /** Bytes of the next read; to be asked when the former one was taken. */
  next(now = performance.now()): number {
    this.#quick = now - this.#at <= QUICK ? this.#quick + 1 : 0;
    this.#at = now;
    return this.#quick >= 2 ? POOLED_BYTES : SMALL_BYTES;
  }
}
