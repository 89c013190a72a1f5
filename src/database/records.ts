/**
 * Rows as one text. PostgreSQL's driver takes each value of each row out of the message by itself, which costs more than
 * the database spends on reading it; so rows of known columns come as PostgreSQL writes records, all in one value.
 *
 * Source: PostgreSQL, "8.16.6. Composite Type Input and Output Syntax".
 */
import type { Cell } from '../lib/rows.ts';
import { empty, type Sql, type Statement, sql } from './sql.ts';

export type ColumnType = 'text' | 'number' | 'boolean';

export interface Records {
  /** The values of each, in the order of the columns. */
  rows: Cell[][];
  /** What was asked for beside them. */
  beside: number | null;
}

/**
 * All rows of a statement, in its order. On PostgreSQL numbers and booleans come as texts, on SQLite booleans as numbers (`cellReader`).
 *
 * @param types - of every column that the statement has, in its order
 * @param beside - asks for one number, which on PostgreSQL takes no way there and back of its own
 */
export async function readRecords(
  database: Sql,
  statement: Statement,
  types: readonly ColumnType[],
  beside?: Statement,
): Promise<Records> {
  if (database.dialect === 'sqlite') {
    const rows = await database.rows(statement);
    const found =
      beside && (await database.get<{ beside: number | null }>(sql`SELECT (${beside}) AS beside`));
    return { rows, beside: found?.beside ?? null };
  }
  const number = beside === undefined ? empty : sql`, (${beside}) AS beside`;
  // An aggregate takes the rows of a subquery as they come.
  const [answer = []] = await database.rows(
    sql`SELECT string_agg(CAST(r AS text), '') AS records${number} FROM (${statement}) r`,
  );
  const [records, besideThem] = answer as [string | null, (number | null)?];
  return { rows: parseRecords(records ?? '', types), beside: besideThem ?? null };
}

/** Makes the value of a cell that has one, from either database; undefined: the cell is the value. */
export function cellReader(type: ColumnType): ((cell: string | number) => unknown) | undefined {
  if (type === 'text') return undefined;
  if (type === 'boolean') return (cell) => cell === 't' || cell === 1;
  return (cell) => (typeof cell === 'number' ? cell : Number(cell));
}

const QUOTE = 34;
const COMMA = 44;
const END = 41;

/** `(1,"a ""b""",)(2,c,t)`: nothing between two commas is null, two quotes are an empty text. */
export function parseRecords(text: string, types: readonly ColumnType[]): Cell[][] {
  const rows: Cell[][] = [];
  let at = 0;
  while (at < text.length) {
    const row: Cell[] = [];
    for (const type of types) {
      // Behind the parenthesis, or the comma.
      at += 1;
      if (type === 'text' && text.charCodeAt(at) === QUOTE) {
        const begin = at + 1;
        let isPlain = true;
        at = text.indexOf('"', begin);
        while (text.charCodeAt(at + 1) === QUOTE) {
          isPlain = false;
          at = text.indexOf('"', at + 2);
        }
        let value = text.slice(begin, at);
        if (!isPlain) value = value.replaceAll('""', '"');
        if (value.includes('\\')) value = value.replaceAll('\\\\', '\\');
        row.push(value);
        at += 1;
      } else {
        const begin = at;
        // What has one of these is quoted.
        for (let code = text.charCodeAt(at); at < text.length; code = text.charCodeAt(at)) {
          if (code === COMMA || code === END) break;
          at += 1;
        }
        row.push(at === begin ? null : text.slice(begin, at));
      }
    }
    at += 1;
    rows.push(row);
  }
  return rows;
}
