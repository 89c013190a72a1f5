/**
 * Hand-written SQL for the hot paths, the same text for both databases.
 *
 * A statement is made with the `sql` tag, which keeps text and values apart; SQLite reads it with `?`,
 * PostgreSQL with `$1`. Where the two differ, the statement asks `dialect`, in src/catalog's own files.
 */
import type { Sql as Statement } from 'sql-template-tag';

export { default as sql, empty, join, raw } from 'sql-template-tag';
export type { Statement };

export type SqlDialect = 'sqlite' | 'postgresql';

/** What a query or a transaction is run on. */
export interface Sql {
  readonly dialect: SqlDialect;
  /** All rows. Integers come as numbers, booleans as the database has them (SQLite: 0 and 1). */
  all<Row>(statement: Statement): Promise<Row[]>;
  /** The first row, or undefined where there is none. */
  get<Row>(statement: Statement): Promise<Row | undefined>;
  /** Runs a writing statement; answers how many rows it changed. */
  run(statement: Statement): Promise<number>;
}
