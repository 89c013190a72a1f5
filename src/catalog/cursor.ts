import { createHash } from 'node:crypto';
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
  return createHash('sha256').update(JSON.stringify(query)).digest('base64url').slice(0, 10);
}

export function encodeCursor(fingerprint: string, position: Position): string {
  const { value, id } = position;
  if (typeof value === 'number' && typeof id === 'number') {
    // A page has one for each of its items, and this takes half as long; what there is of numbers has a byte a character.
    const text = `[${VERSION},"${fingerprint}",${value},${id}]`;
    const encoded = btoa(text).slice(0, Math.ceil((text.length * 4) / 3));
    return /[+/]/.test(encoded) ? encoded.replaceAll('+', '-').replaceAll('/', '_') : encoded;
  }
  return Buffer.from(JSON.stringify([VERSION, fingerprint, position.value, position.id])).toString(
    'base64url',
  );
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
