/** Feed cursors: opaque to the puller, sealed for one pair, so that they can be neither made up nor carried over. */

import { deriveKey, open, seal } from '../lib/seal.ts';

/** What a cursor stands for. */
export interface FeedCursor {
  /** Of the catalog; changes where the sequence begins anew. 1 to 64 characters. */
  epoch: string;
  /** The last change that the puller has seen. A safe integer. */
  sequence: number;
  /** The sequence at which this listing began; compared with the floor of kept removals. */
  start: number;
  /** Of the pair's grant; changes with it. */
  grantRevision: number;
  /** The mark that was written with `sequence`: after a restore from a backup another one stands there. */
  mark: string;
}

const CURSOR = /^[A-Za-z0-9_-]{1,300}$/;
/** Sealed, a cursor must stay within 300 characters: 39 of sealing, and 4 for each 3 bytes. */
const MAX_PLAIN_BYTES = 195;

/** The key for cursors, from the instance's master key. */
export function cursorKey(masterKey: Uint8Array): Buffer {
  return deriveKey(masterKey, 'hedgerow/feed-cursors/1');
}

/** Whether `text` has the form of a cursor of this protocol. */
export function isCursor(text: unknown): text is string {
  return typeof text === 'string' && CURSOR.test(text);
}

/** @returns `[A-Za-z0-9_-]{1,300}` */
export function sealCursor(key: Uint8Array, pairId: string, cursor: FeedCursor): string {
  const plain = JSON.stringify([
    cursor.epoch,
    cursor.sequence,
    cursor.start,
    cursor.mark,
    cursor.grantRevision,
  ]);
  if (Buffer.byteLength(plain) > MAX_PLAIN_BYTES)
    throw new RangeError('epoch and mark are too long for a cursor');
  return seal(key, pairId, plain);
}

/** What the cursor stands for, or null where it was not made here for this pair. */
export function openCursor(key: Uint8Array, pairId: string, text: string): FeedCursor | null {
  if (!isCursor(text)) return null;
  const plain = open(key, pairId, text);
  if (!plain) return null;
  // A cursor of before grants had revisions is one of the first.
  const [epoch, sequence, start, mark, grantRevision = 0] = JSON.parse(plain.toString()) as [
    epoch: string,
    sequence: number,
    start: number,
    mark: string,
    grantRevision?: number,
  ];
  return { epoch, sequence, start, mark, grantRevision };
}
