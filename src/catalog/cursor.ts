import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { HedgerowError } from '../lib/errors.ts';

/** Where a page ended: the sort value of an item and what decides between equal ones, in one order under one filter. */
export interface Position {
  value: number | string | null;
  /** An id, or the key of a row. */
  id: string | number;
}

const VERSION = 1;

/** Cursors of one query do not fit another: the order and the filter are part of them, as a hash. */
export function queryFingerprint(query: unknown): string {
  const text = JSON.stringify(query);
  let fingerprint = fingerprints.get(text);
  if (fingerprint === undefined) {
    fingerprint = createHash('sha256').update(text).digest('base64url').slice(0, 10);
    fingerprints.set(text, fingerprint);
  }
  return fingerprint;
}

/** Most pages are of a few queries. */
const fingerprints = new LRUCache<string, string>({ max: 500 });

export function encodeCursor(fingerprint: string, position: Position): string {
  return Buffer.from(textOf(fingerprint, position)).toString('base64url');
}

/** Of all items of a page at once, which takes half as long; what there is of numbers has a byte a character. */
export function encodeCursors(fingerprint: string, positions: readonly Position[]): string[] {
  let all = '';
  const begin = `[${VERSION},"${fingerprint}",`;
  const lengths = positions.map((position) => {
    const { value, id } = position;
    const text =
      typeof value === 'number' && typeof id === 'number'
        ? `${begin}${value},${id}]`
        : textOf(fingerprint, position);
    all += text + FILLED[text.length % 3];
    return text.length;
  });
  if (!ASCII.test(all)) return positions.map((position) => encodeCursor(fingerprint, position));
  const encoded = Buffer.from(all, 'latin1').toString('base64url');
  let at = 0;
  return lengths.map((length) => {
    const from = at;
    at += Math.ceil(length / 3) * 4;
    return encoded.slice(from, from + Math.ceil((length * 4) / 3));
  });
}

/** Up to a multiple of three characters, which base64 writes by themselves. */
const FILLED = ['', '\0\0', '\0'];
const ASCII = /^[\0-\x7f]*$/;

function textOf(fingerprint: string, { value, id }: Position): string {
  return JSON.stringify([VERSION, fingerprint, value, id]);
}

/** @throws HedgerowError BAD_CURSOR for a damaged cursor, and for one of another order or filter. */
export function decodeCursor(fingerprint: string, cursor: string): Position {
  let parsed: unknown;
  try {
    if (cursor.length > 2_000 || !/^[A-Za-z0-9_-]+$/.test(cursor)) throw new HedgerowError('BAD_CURSOR');
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch (error) {
    throw new HedgerowError('BAD_CURSOR', undefined, { cause: error });
  }
  if (!Array.isArray(parsed) || parsed.length !== 4) throw new HedgerowError('BAD_CURSOR');
  const [version, of, value, id] = parsed;
  const comparable = value === null || typeof value === 'string' || Number.isFinite(value);
  if (version !== VERSION || of !== fingerprint || !comparable || !isDeciding(id)) {
    throw new HedgerowError('BAD_CURSOR');
  }
  return { value, id };
}

function isDeciding(id: unknown): id is Position['id'] {
  return typeof id === 'string' || Number.isSafeInteger(id);
}
