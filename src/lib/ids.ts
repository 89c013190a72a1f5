import { randomBytes } from 'node:crypto';

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
  for (const byte of randomBytes(12)) text += ALPHABET[byte % 32];
  return `${prefix}_${text}`;
}
