/**
 * Buffers that are used again. A fresh 256 KiB costs more in page faults and garbage collection than the read
 * that fills it, so whoever is the last to need a chunk gives it back; one that is never given back is
 * ordinary garbage.
 */

/** Bytes of a pooled buffer: one read from a disk, and one segment of src/lib/media.ts. */
export const POOLED_BYTES = 262_144;

/** Bytes of a small pooled buffer: what a slow reader holds at a time. */
export const SMALL_BYTES = 32_768;

/** Idle buffers kept, of either size: 18 MiB in all. */
const MAX_IDLE = 64;

const idle: Record<number, Buffer[]> = { [POOLED_BYTES]: [], [SMALL_BYTES]: [] };
/** What is out at the moment, and how many hold it; a chunk from anywhere else is not ours to take. */
const lent = new WeakMap<ArrayBufferLike, { buffer: Buffer; holders: number }>();

/** A buffer with arbitrary content, of SMALL_BYTES where so many are enough, else of POOLED_BYTES. */
export function lease(length = POOLED_BYTES): Buffer {
  const size = length <= SMALL_BYTES ? SMALL_BYTES : POOLED_BYTES;
  const buffer = idle[size]?.pop() ?? Buffer.allocUnsafeSlow(size);
  lent.set(buffer.buffer, { buffer, holders: 1 });
  return buffer;
}

/**
 * One more holds what a chunk lies in, if it was leased, and has to release it too. To be said before anything else runs:
 * what nobody holds is another's in the next moment.
 */
export function retain(chunk: Uint8Array): void {
  const out = lent.get(chunk.buffer);
  if (out !== undefined) out.holders += 1;
}

/**
 * Gives back what a chunk lies in, if it was leased; anything else is left alone. For each holder once: after the last
 * one its bytes change. Whoever holds it and never says this costs nothing but the use of it again.
 */
export function release(chunk: Uint8Array): void {
  const out = lent.get(chunk.buffer);
  if (out === undefined) return;
  out.holders -= 1;
  if (out.holders > 0) return;
  const { buffer } = out;
  lent.delete(chunk.buffer);
  const same = idle[buffer.length];
  if (same !== undefined && same.length < MAX_IDLE) same.push(buffer);
}

/** A reader that takes a chunk within so many ms takes the next in one piece. */
const QUICK = 20;
/**
 * Readers that have a large piece at a time: 16 MiB in all. What the system's buffers of a connection take at its beginning,
 * megabytes of it, looks like a quick reader; a thousand who then stop would each be left with a large piece.
 */
const LARGE_AT_ONCE = 64;
let large = 0;

/** Bytes of which all may be in large pieces: they would be read before whoever reads them had shown to be quick. */
const SHORT = 2_097_152;

/**
 * How much of a file is read at a time for one reader: SMALL_BYTES at first and for whoever is slow, so that a thousand of them hold
 * no more than 48 MiB; POOLED_BYTES for whoever is quick, for whom each read costs, and for who wants a few pieces only, as long
 * as half of the large ones are free.
 */
export class ReadPace {
  #quick = 0;
  #at = Number.NEGATIVE_INFINITY;
  readonly #short: boolean;
  /** Whether the piece that the reader has is a large one. */
  #large = false;

  /** @param length - bytes that are read in all */
  constructor(length: number) {
    this.#short = length <= SHORT;
  }

  /** Bytes of the next read; to be asked when the former one was taken. */
  next(now = performance.now()): number {
    this.end();
    const first = this.#at === Number.NEGATIVE_INFINITY;
    if (first && this.#short && large < LARGE_AT_ONCE / 2) this.#quick = 2;
    else this.#quick = now - this.#at <= QUICK ? this.#quick + 1 : 0;
    this.#at = now;
    if (this.#quick < 2 || large >= LARGE_AT_ONCE) return SMALL_BYTES;
    this.#large = true;
    large += 1;
    return POOLED_BYTES;
  }

  /** The reader has gone, or has taken the last piece. */
  end(): void {
    if (!this.#large) return;
    this.#large = false;
    large -= 1;
  }
}
