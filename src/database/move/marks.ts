/**
 * What the two databases of a move say of themselves, so that never both are in use, and always one can be.
 *
 *                       the file of SQLite      PostgreSQL
 *   under way           `under-way`             table hedgerow_move: what has arrived; nobody else opens it
 *   at the end, first   `moved`                 the same; the next run does only what follows
 *   then                `moved`                 `arrived`, and no such table
 *
 * A file that is opened for anything else while a move is under way loses its mark: what has arrived is no longer what it
 * holds, and the next run begins anew.
 */
import { HedgerowError } from '../../lib/errors.ts';
import { type Sql, sql } from '../sql.ts';

export interface MoveMark {
  /** Of the move, the same in both databases. */
  id: string;
  state: 'under-way' | 'moved' | 'arrived';
  /** The other database, without its password. */
  other: string;
  /** RFC 3339 */
  at: string;
}

/** Of the row in `settings`, which is itself not moved. */
export const MOVE_SETTING = 'database-move';
/** Where PostgreSQL keeps what has arrived so far, until all has. */
export const MOVE_TABLE = 'hedgerow_move';
export const MOVE_TABLES = 'hedgerow_move_tables';
export const MOVE_INDEXES = 'hedgerow_move_indexes';

export async function readMoveMark(database: Sql): Promise<MoveMark | null> {
  const row = await database.get<{ value: string }>(
    sql`SELECT value FROM settings WHERE key = ${MOVE_SETTING}`,
  );
  return row === undefined ? null : (JSON.parse(row.value) as MoveMark);
}

export async function writeMoveMark(tx: Sql, mark: MoveMark): Promise<void> {
  await tx.run(
    sql`INSERT INTO settings (key, value) VALUES (${MOVE_SETTING}, ${JSON.stringify(mark)}) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
  );
}

export async function clearMoveMark(tx: Sql): Promise<void> {
  await tx.run(sql`DELETE FROM settings WHERE key = ${MOVE_SETTING}`);
}

/**
 * Before a file of SQLite is used for anything but its move.
 *
 * @throws HedgerowError CONFLICT where it was moved
 */
export async function leaveMove(
  read: Sql,
  write: (work: (tx: Sql) => Promise<void>) => Promise<void>,
): Promise<void> {
  const mark = await readMoveMark(read);
  if (mark === null) return;
  if (mark.state === 'moved') {
    throw new HedgerowError(
      'CONFLICT',
      `This database was moved to ${mark.other} at ${mark.at}, and HEDGEROW_DATABASE_URL does not say so; set it, or take this file back into use with \`hedgerow migrate-to --take-back\`.`,
    );
  }
  await write(clearMoveMark);
}

export async function isMoveUnderWay(postgres: Sql): Promise<boolean> {
  const row = await postgres.get(
    sql`SELECT 1 AS found FROM pg_tables WHERE schemaname = current_schema() AND tablename = ${MOVE_TABLE}`,
  );
  return row !== undefined;
}

/** @throws HedgerowError CONFLICT where a move into this database is not at its end */
export async function refuseHalfMoved(postgres: Sql): Promise<void> {
  if (!(await isMoveUnderWay(postgres))) return;
  throw new HedgerowError(
    'CONFLICT',
    'A move into this PostgreSQL database was begun and is not at its end; run `hedgerow migrate-to` again, which goes on with it.',
  );
}
