/** Which segments of a file are here: one bit each, least significant first, as CachedFile.segments keeps them. */

import { SEGMENT_BYTES } from '../lib/media.ts';

/** How many segments a file of `size` bytes has; an empty one has none. */
export function segmentCount(size: number): number {
  return Math.ceil(size / SEGMENT_BYTES);
}

/** Bytes of segment `index`; only the last one may be shorter than SEGMENT_BYTES. */
export function segmentLength(size: number, index: number): number {
  return Math.min(SEGMENT_BYTES, size - index * SEGMENT_BYTES);
}

export class SegmentMap {
  readonly count: number;
  #held = 0;
  readonly #bits: Uint8Array;

  /** @param bits from the database; of any length, bits beyond `count` mean nothing */
  constructor(count: number, bits: Uint8Array | 'all' | null = null) {
    this.count = count;
    this.#bits = new Uint8Array(Math.ceil(count / 8));
    if (bits === null) return;
    for (let index = 0; index < count; index += 1) {
      if (bits === 'all' || ((bits[index >> 3] ?? 0) >> (index & 7)) & 1) this.add(index);
    }
  }

  /** How many segments are here. */
  get held(): number {
    return this.#held;
  }

  get whole(): boolean {
    return this.#held === this.count;
  }

  has(index: number): boolean {
    return (((this.#bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
  }

  /** False where it was here already. */
  add(index: number): boolean {
    if (this.has(index)) return false;
    const place = index >> 3;
    this.#bits[place] = (this.#bits[place] ?? 0) | (1 << (index & 7));
    this.#held += 1;
    return true;
  }

  /** False where it was not here. */
  remove(index: number): boolean {
    if (!this.has(index)) return false;
    const place = index >> 3;
    this.#bits[place] = (this.#bits[place] ?? 0) & ~(1 << (index & 7));
    this.#held -= 1;
    return true;
  }

  /** The segments that are here, in order. */
  *[Symbol.iterator](): Generator<number> {
    for (let index = 0; index < this.count; index += 1) if (this.has(index)) yield index;
  }

  clear(): void {
    this.#bits.fill(0);
    this.#held = 0;
  }

  /** A copy for the database. */
  toBytes(): Uint8Array {
    return Uint8Array.from(this.#bits);
  }
}
