import { randomFillSync } from 'node:crypto';

/** Base 32 in the order of ASCII, so that ids sort as the numbers behind them do. */
const ALPHABET = '0123456789abcdefghijklmnopqrstuv';

export type IdPrefix = 'media' | 'album' | 'pull' | 'diag' | 'audit';

/**
 * A new id: the prefix, the time in ms (10 characters), 60 random bits (12 characters). Ids that are made
 * later sort later, so that new rows go to the end of an index.
 */
export function newId(prefix: IdPrefix, now: number = Date.now()): string {
  let text = '';
  for (let place = 9; place >= 0; place--) text += ALPHABET[Math.floor(now / 32 ** place) % 32];
  if (used === POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  for (const byte of POOL.subarray(used, used + RANDOM)) text += ALPHABET[byte % 32];
  used += RANDOM;
  return `${prefix}_${text}`;
}

/** Random characters of an id. */
const RANDOM = 12;
/** Random bytes ahead: asked for one id at a time, they cost more than the rest of an item's row. */
const POOL = Buffer.alloc(RANDOM * 256);
let used = POOL.length;
