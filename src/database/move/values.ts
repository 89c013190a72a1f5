/**
 * Values on their way from SQLite to PostgreSQL, as texts that both databases have of one value, and sums of rows that do
 * not depend on the order in which they are read.
 */
import { createHash } from 'node:crypto';
import { HedgerowError } from '../../lib/errors.ts';
import { raw, type Statement } from '../sql.ts';

/** PostgreSQL's types that the schema has. */
export const KINDS = {
  text: 'text',
  integer: 'integer',
  bigint: 'integer',
  boolean: 'boolean',
  'double precision': 'float',
  'timestamp without time zone': 'time',
  bytea: 'bytes',
} as const;
export type Kind = (typeof KINDS)[keyof typeof KINDS];

/** A text of a value, or null. */
export type Cell = string | null;

/**
 * What SQLite has of a value, as text; null where it does not fit the type, for SQLite keeps anything anywhere.
 *
 * @param value - not null
 */
export function fromSqlite(kind: Kind, value: unknown): Cell {
  switch (kind) {
    case 'text':
      // PostgreSQL has no zero characters. The whole program puts U+FFFD in their place there (lists.ts).
      return typeof value === 'string' ? value.replaceAll('\0', '\ufffd') : null;
    case 'integer':
      return Number.isSafeInteger(value) ? String(value) : null;
    case 'boolean':
      return value === 0 ? 'false' : value === 1 ? 'true' : null;
    case 'float':
      return typeof value === 'number' ? String(value) : null;
    case 'time':
      return timeText(value);
    case 'bytes':
      return Buffer.isBuffer(value) ? value.toString('hex') : null;
  }
}

/** PostgreSQL: a column as the text that `fromSqlite` makes of the same value. */
export function fromPostgres(kind: Kind, column: string): Statement {
  switch (kind) {
    case 'time':
      return raw(`to_char(${column}, 'YYYY-MM-DD HH24:MI:SS.MS')`);
    case 'bytes':
      return raw(`encode(${column}, 'hex')`);
    default:
      return raw(`CAST(${column} AS text)`);
  }
}

/** PostgreSQL: the value of such a text. */
export function toPostgres(kind: Kind, type: string, text: string): Statement {
  return raw(kind === 'bytes' ? `decode(${text}, 'hex')` : `CAST(${text} AS ${type})`);
}

/** PostgreSQL writes 1e-07 where JavaScript writes 1e-7. */
export function readBack(kind: Kind, cell: Cell): Cell {
  return kind === 'float' && cell !== null ? String(Number(cell)) : cell;
}

/** UTC, with milliseconds; Prisma has written it in RFC 3339, SQLite itself with a space, and integers are ms since 1970. */
function timeText(value: unknown): Cell {
  const ms =
    typeof value === 'number'
      ? value
      : typeof value === 'string'
        ? Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(value) ? value : `${value.replace(' ', 'T')}Z`)
        : Number.NaN;
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return null;
  const text = date.toISOString();
  return text.length === 24 ? text.slice(0, 23).replace('T', ' ') : null;
}

/** Sums of rows: each adds the SHA-256 of its cells, as eight numbers of 32 bits modulo 2^32. */
export interface RowSum {
  add(cells: readonly Cell[]): void;
  /** 64 hex digits */
  readonly text: string;
}

/** @param from - what another has summed up */
export function createRowSum(from = '0'.repeat(64)): RowSum {
  if (!/^[0-9a-f]{64}$/.test(from)) throw new HedgerowError('INTERNAL');
  const words = new Uint32Array(8);
  const start = Buffer.from(from, 'hex');
  for (let at = 0; at < 8; at++) words[at] = start.readUInt32BE(at * 4);
  return {
    add: (cells) => {
      const digest = createHash('sha256').update(JSON.stringify(cells)).digest();
      for (let at = 0; at < 8; at++) words[at] = (words[at] ?? 0) + digest.readUInt32BE(at * 4);
    },
    get text() {
      const bytes = Buffer.alloc(32);
      for (const [at, word] of words.entries()) bytes.writeUInt32BE(word, at * 4);
      return bytes.toString('hex');
    },
  };
}
