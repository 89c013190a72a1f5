/** Names of people: what may be one, and when two are the same. */

import { displayLine, fitsCodePoints } from '../lib/display-text.ts';
import { HedgerowError } from '../lib/errors.ts';

/** Code points of the longest name. */
export const NAME_MAX = 64;

/**
 * The name as it is kept and shown: NFC, without control characters, runs of white space as one space.
 *
 * @throws HedgerowError INVALID
 */
export function readName(value: unknown): string {
  const name = typeof value === 'string' ? tidy(value) : '';
  if (name === '' || !fitsCodePoints(name, NAME_MAX)) {
    throw new HedgerowError('INVALID', `A name has 1 to ${NAME_MAX} characters.`, { field: ['name'] });
  }
  return name;
}

/**
 * By what two names are compared. Compatibility forms (NFKC) are folded too, so that nobody signs up as a
 * full-width "ａｄｍｉｎ"; normalised a second time, since lower-casing can take a text out of its form.
 */
export function nameKey(name: string): string {
  return tidy(name).normalize('NFKC').toLowerCase().normalize('NFKC');
}

/** NFC comes last: what stood apart by a sign that is not kept is one character then. */
function tidy(text: string): string {
  return displayLine(text).normalize('NFC').replace(/\s+/gu, ' ').trim();
}
