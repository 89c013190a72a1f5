/**
 * Texts that strangers wrote into files, made fit for the catalog: no control characters, no characters that
 * reorder or hide what is around them, one normal form, a length that the protocol allows.
 */

/** Limits in code points, the same as on the wire (docs/federation.md, "Text limits"). */
export const TEXT_LIMITS = {
  title: 500,
  description: 10_000,
  tag: 100,
  tags: 200,
  creator: 500,
  license: 500,
  /** A single value in `properties`; that object stays below 32 KiB of JSON as a whole. */
  property: 200,
} as const;

// Lone surrogates become U+FFFD by toWellFormed first, so `u` patterns see whole code points only.
/** C0 and C1 controls except tab and line feed, which are spaces of a kind and handled below. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/gu;
/**
 * Bidirectional embeddings, overrides and isolates (UAX #9: a name could show as another one), invisible
 * characters that make two equal-looking texts differ, interlinear annotations, tags, non-characters.
 * ZWNJ and ZWJ (U+200C, U+200D) stay: Persian, Indic scripts and emoji need them.
 */
const DECEIVERS =
  /[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufdd0-\ufdef\p{Noncharacter_Code_Point}\u{e0000}-\u{e0fff}]/gu;

/**
 * Cleans one text and cuts it to `limit` code points.
 *
 * @param lines keep line breaks and tabs (descriptions); otherwise white space of any kind is one space
 * @returns the text, or undefined where the value is no text or nothing of it is left
 */
export function cleanText(value: unknown, limit: number, lines = false): string | undefined {
  if (typeof value !== 'string') return undefined;
  // NFC can lengthen a text by a small factor, and a hostile one is megabytes long: cut before, and after.
  let text = cutCodePoints(value.toWellFormed(), limit * 4 + 64);
  text = text
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, '\n')
    .replace(CONTROLS, '')
    .replace(DECEIVERS, '');
  text = lines ? text.replace(/\n{3,}/g, '\n\n') : text.replace(/\s+/gu, ' ');
  text = cutCodePoints(text.normalize('NFC').trim(), limit).trim();
  return text === '' ? undefined : text;
}

/** Cleans a list of keywords: each cut to its limit, duplicates (whatever their case) and empty ones dropped. */
export function cleanTags(values: readonly unknown[]): string[] {
  const tags = new Map<string, string>();
  for (const value of values) {
    const tag = cleanText(value, TEXT_LIMITS.tag);
    if (tag === undefined) continue;
    const key = tag.toLowerCase();
    if (!tags.has(key)) tags.set(key, tag);
    if (tags.size === TEXT_LIMITS.tags) break;
  }
  return [...tags.values()];
}

/** The first `limit` code points of a well-formed text, never half a surrogate pair. */
export function cutCodePoints(text: string, limit: number): string {
  if (text.length <= limit) return text;
  let end = 0;
  for (let count = 0; count < limit && end < text.length; count++) {
    end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
}
