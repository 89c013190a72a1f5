/**
 * Hand-written SQL for the hot paths, the same text for both databases.
 *
 * A statement is made with the `sql` tag, which keeps text and values apart; SQLite reads it with `?`,
 * PostgreSQL with `$1`. Where the two differ, the statement asks `dialect`, in src/catalog's own files.
 */
import type { Sql as Template } from 'sql-template-tag';
import type { Cell } from '../lib/rows.ts';

export { default as sql, empty, join, raw } from 'sql-template-tag';
export type Statement = Template;
/** The text as SQLite reads it, as PostgreSQL reads it, and the values. */
export type Runnable = Pick<Statement, 'sql' | 'text' | 'values'>;

export type SqlDialect = 'sqlite' | 'postgresql';

/** What a query or a transaction is run on. */
export interface Sql {
  readonly dialect: SqlDialect;
  /** All rows. Integers come as numbers, booleans as the database has them (SQLite: 0 and 1). */
  all<Row>(statement: Runnable): Promise<Row[]>;
  /** As `all`, each row as the list of its values. */
  rows(statement: Runnable): Promise<Cell[][]>;
  /** The first row, or undefined where there is none. */
  get<Row>(statement: Runnable): Promise<Row | undefined>;
  /** Runs a writing statement; answers how many rows it changed. */
  run(statement: Runnable): Promise<number>;
  /** Runs a writing statement once for each list of values, which has no booleans in it; the text is as that of `prepared`. */
  each(text: string, rows: Iterable<readonly unknown[]>): Promise<void>;
}

/**
 * A statement whose text is put together once, for what runs it for every row. The text is that of one of the two
 * databases; the other could not read it.
 */
export function prepared(text: string, values: unknown[]): Runnable {
  return { sql: text, text, values };
}
