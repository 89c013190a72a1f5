/**
 * The database as a thread beside the main one opens it: its own connection, without Prisma and without migrations.
 *
 * SQLite has one writer. A thread whose connection waited for the main thread's, or the other way round, would sleep
 * inside a call; so it asks the main thread's lock for each turn (docs/adr/0002-one-writer.md), and ends its turn
 * early where somebody waits.
 */
import type { DatabaseLocation } from './database.ts';
import type { Sql } from './sql.ts';

/** What such a thread is told; it can be posted. */
export interface Beside {
  location: DatabaseLocation;
  /** How many hold the lock or wait for it; null where nobody waits for a lock. */
  asking: Int32Array | null;
}

/** What a pull needs of a database. */
export interface WritingDatabase {
  readonly read: Sql;
  write<T>(work: (transaction: Sql) => Promise<T>): Promise<T>;
  /** Inside `write`: whether somebody else waits to write. Absent where a transaction is short in any case. */
  isWanted?(): boolean;
}

/** Connections of such a thread to PostgreSQL. */
const POOL = 4;

/**
 * @param takeTurn - waits for the turn; the function that it answers ends it
 */
export async function openBeside(
  { location, asking }: Beside,
  takeTurn: () => Promise<() => void>,
): Promise<WritingDatabase & AsyncDisposable> {
  if (location.dialect === 'postgresql') {
    const { openPostgres } = await import('./postgres.ts');
    const { reader, write, close } = openPostgres(location.url, POOL);
    return { read: reader, write, isWanted: () => false, [Symbol.asyncDispose]: close };
  }
  const { connect, sqliteSql, transaction } = await import('./sqlite.ts');
  const connection = connect(location.path);
  const own = sqliteSql(connection);
  return {
    read: own,
    write: async (work) => {
      const end = await takeTurn();
      try {
        return await transaction(connection, () => work(own));
      } finally {
        end();
      }
    },
    // One of those who ask is this thread itself.
    isWanted: () => asking !== null && Atomics.load(asking, 0) > 1,
    [Symbol.asyncDispose]: async () => {
      connection.close();
    },
  };
}
