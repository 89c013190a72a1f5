/** What a request with Range and conditional headers asks for (RFC 9110, sections 13 and 14), as pure functions. */

import type { ByteRange } from '../storage/file-stream.ts';

/** What is known of the bytes before any is read. */
export interface Representation {
  /** With its quotes; `W/` in front where it is weak. Null where there is none. */
  etag: string | null;
  /** ms since 1970. */
  lastModified: number | null;
  /** Bytes; null where it is not known yet. */
  size: number | null;
}

/** The header fields that decide; undefined where a request has none. */
export interface Conditions {
  method: string;
  range?: string | undefined;
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
  ifModifiedSince?: string | undefined;
  ifUnmodifiedSince?: string | undefined;
  ifRange?: string | undefined;
}

export type Verdict =
  | { status: 200 }
  | { status: 206; range: ByteRange }
  | { status: 304 }
  | { status: 412 }
  | { status: 416 };

/**
 * Decides in the order of RFC 9110, section 13.2.2.
 * @param now ms since 1970, by the clock that `lastModified` is from
 */
export function decide(conditions: Conditions, file: Representation, now: number): Verdict {
  const reading = conditions.method === 'GET' || conditions.method === 'HEAD';
  if (conditions.ifMatch !== undefined) {
    if (!matches(conditions.ifMatch, file.etag, 'strong')) return { status: 412 };
  } else if (conditions.ifUnmodifiedSince !== undefined) {
    const since = parseDate(conditions.ifUnmodifiedSince, now);
    if (since !== null && file.lastModified !== null && wholeSeconds(file.lastModified) > since) {
      return { status: 412 };
    }
  }
  if (conditions.ifNoneMatch !== undefined) {
    if (matches(conditions.ifNoneMatch, file.etag, 'weak')) return { status: reading ? 304 : 412 };
  } else if (conditions.ifModifiedSince !== undefined && reading) {
    const since = parseDate(conditions.ifModifiedSince, now);
    if (since !== null && file.lastModified !== null && wholeSeconds(file.lastModified) <= since) {
      return { status: 304 };
    }
  }
  // "A server MUST ignore a Range header field received with a request method that is unrecognized or for
  // which range handling is not defined. For this specification, GET is the only method" (14.2).
  if (conditions.range === undefined || conditions.method !== 'GET' || file.size === null)
    return { status: 200 };
  if (conditions.ifRange !== undefined && !unchanged(conditions.ifRange, file, now)) return { status: 200 };
  const range = parseRange(conditions.range, file.size);
  if (range === 'whole') return { status: 200 };
  return range === 'unsatisfiable' ? { status: 416 } : { status: 206, range };
}

/**
 * Reads a Range field. `whole` where it is malformed, of another unit, or asks for several ranges: all of
 * which a server may ignore, and an answer in several parts helps nobody who plays media.
 *
 * @param size bytes of the whole
 */
export function parseRange(field: string, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(field);
  if (match === null) return 'whole';
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return 'whole';
    const length = Number(last);
    if (length === 0) return 'unsatisfiable';
    // The last bytes of nothing are all of nothing, which no Content-Range can say.
    if (size === 0) return 'whole';
    return { start: Math.max(0, size - length), end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? Number.POSITIVE_INFINITY : Number(last);
  if (end < start) return 'whole';
  if (start >= size) return 'unsatisfiable';
  return { start, end: Math.min(end, size - 1) };
}

/** Whether an If-Range validator says that the client has a part of these very bytes (13.1.5). */
function unchanged(field: string, file: Representation, now: number): boolean {
  const text = field.trim();
  if (text.startsWith('"') || text.startsWith('W/')) {
    return file.etag !== null && !file.etag.startsWith('W/') && text === file.etag;
  }
  const date = parseDate(text, now);
  if (date === null || file.lastModified === null) return false;
  const modified = wholeSeconds(file.lastModified);
  // A date is a strong validator only where nothing can have changed again within its second (8.8.2.2).
  return date === modified && now - modified >= 1000;
}

/** Whether a list of entity tags, or `*`, has this one (8.8.3.2). A malformed list matches nothing. */
function matches(field: string, etag: string | null, comparison: 'strong' | 'weak'): boolean {
  const text = field.trim();
  // "*" asks whether there is any current representation, and there is.
  if (text === '*') return true;
  if (etag === null || (comparison === 'strong' && etag.startsWith('W/'))) return false;
  const opaque = etag.replace(/^W\//, '');
  const tags = parseTags(text);
  return tags.some((tag) => tag.opaque === opaque && (comparison === 'weak' || !tag.weak));
}

function parseTags(text: string): Array<{ weak: boolean; opaque: string }> {
  const tags: Array<{ weak: boolean; opaque: string }> = [];
  const pattern = /[ \t]*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*"))?[ \t]*(?:,|$)/y;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) return [];
    if (match[2] !== undefined) tags.push({ weak: match[1] !== undefined, opaque: match[2] });
  }
  return tags;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const IMF_DATE = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const RFC850_DATE = /^[A-Z][a-z]{5,8}, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const ASCTIME_DATE = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;

/**
 * An HTTP date in any of its three forms (5.6.7) as ms since 1970; null for anything else, a list of dates
 * included. Date.parse takes far more, and a condition that is not a date must be ignored.
 */
export function parseDate(field: string, now: number): number | null {
  const text = field.trim();
  const imf = IMF_DATE.exec(text);
  if (imf !== null) return toTime(imf[3], imf[2], imf[1], imf[4], imf[5], imf[6]);
  const rfc850 = RFC850_DATE.exec(text);
  if (rfc850 !== null) {
    // A two-digit year that would be more than 50 years ahead is the last one that ended so (5.6.7).
    const thisYear = new Date(now).getUTCFullYear();
    let year = thisYear - (thisYear % 100) + Number(rfc850[3]);
    if (year > thisYear + 50) year -= 100;
    return toTime(String(year), rfc850[2], rfc850[1], rfc850[4], rfc850[5], rfc850[6]);
  }
  const asctime = ASCTIME_DATE.exec(text);
  return asctime === null
    ? null
    : toTime(asctime[6], asctime[1], asctime[2], asctime[3], asctime[4], asctime[5]);
}

function toTime(year = '', month = '', day = '', hour = '', minute = '', second = ''): number | null {
  const index = MONTHS.indexOf(month);
  const date = Number(day);
  if (index < 0 || date < 1 || date > 31 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) {
    return null;
  }
  return Date.UTC(Number(year), index, date, Number(hour), Number(minute), Number(second));
}

/** HTTP dates know no milliseconds. */
function wholeSeconds(time: number): number {
  return Math.floor(time / 1000) * 1000;
}
