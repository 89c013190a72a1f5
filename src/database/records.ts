/**
 * Rows as one text. PostgreSQL's driver takes each value of each row out of the message by itself, which costs more than
 * the database spends on reading it; so rows of known columns come as PostgreSQL writes records, all in one value.
 *
 * Source: PostgreSQL, "8.16.6. Composite Type Input and Output Syntax".
 */
import { empty, type Sql, type Statement, sql } from './sql.ts';

export type ColumnType = 'text' | 'number' | 'boolean';

/** The columns of a statement, in its order, and what each has. */
export type Columns = Readonly<Record<string, ColumnType>>;

export interface Records<Row> {
  rows: Row[];
  /** What was asked for beside them. */
  beside: number | null;
}

/**
 * All rows of a statement, in its order. Booleans come as the database has them.
 *
 * @param columns - every column that the statement has, by its name
 * @param beside - asks for one number, which on PostgreSQL takes no way there and back of its own
 */
export async function readRecords<Row>(
  database: Sql,
  statement: Statement,
  columns: Columns,
  beside?: Statement,
): Promise<Records<Row>> {
  if (database.dialect === 'sqlite') {
    const rows = await database.all<Row>(statement);
    const found =
      beside && (await database.get<{ beside: number | null }>(sql`SELECT (${beside}) AS beside`));
    return { rows, beside: found?.beside ?? null };
  }
  const number = beside === undefined ? empty : sql`, (${beside}) AS beside`;
  // An aggregate takes the rows of a subquery as they come.
  const [answer] = await database.all<{ records: string | null; beside?: number | null }>(
    sql`SELECT string_agg(CAST(r AS text), '') AS records${number} FROM (${statement}) r`,
  );
  return {
    rows: parseRecords(answer?.records ?? '', columns) as Row[],
    beside: answer?.beside ?? null,
  };
}

const QUOTE = 34;

/** `(1,"a ""b""",)(2,c,t)`: nothing between two commas is null, two quotes are an empty text. */
export function parseRecords(text: string, columns: Columns): Record<string, unknown>[] {
  const names = Object.keys(columns);
  const last = names.length - 1;
  const types = Object.values(columns);
  const rows: Record<string, unknown>[] = [];
  let at = 0;
  while (at < text.length) {
    const row: Record<string, unknown> = {};
    at += 1;
    for (let column = 0; column <= last; column += 1) {
      let value: string | null;
      if (text.charCodeAt(at) === QUOTE) {
        const begin = at + 1;
        let isPlain = true;
        at = text.indexOf('"', begin);
        while (text.charCodeAt(at + 1) === QUOTE) {
          isPlain = false;
          at = text.indexOf('"', at + 2);
        }
        value = text.slice(begin, at);
        if (!isPlain) value = value.replaceAll('""', '"');
        if (value.includes('\\')) value = value.replaceAll('\\\\', '\\');
        at += 2;
      } else {
        const end = text.indexOf(column === last ? ')' : ',', at);
        value = end === at ? null : text.slice(at, end);
        at = end + 1;
      }
      const type = types[column];
      row[names[column] as string] =
        value === null || type === 'text' ? value : type === 'number' ? Number(value) : value === 't';
    }
    rows.push(row);
  }
  return rows;
}
