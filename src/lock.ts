import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import type { Config } from './config/config.ts';
import { HedgerowError, systemCode } from './lib/errors.ts';

export interface DataFolderLock {
  [Symbol.dispose](): void;
}

/**
 * One process owns a data folder. The lock is SQLite's own, on an empty database: the system gives it back when
 * the process ends, however it ends, so nothing is left to clear up after a crash.
 *
 * @throws HedgerowError CONFLICT where another process has it
 */
export async function lockDataFolder({ dataDir }: Pick<Config, 'dataDir'>): Promise<DataFolderLock> {
  const path = join(dataDir, 'hedgerow.lock');
  let connection: BetterSqlite3.Database | undefined;
  try {
    connection = new BetterSqlite3(path, { timeout: 0 });
    connection.pragma('locking_mode = EXCLUSIVE');
    connection.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    connection?.close();
    if (systemCode(error)?.startsWith('SQLITE_BUSY')) {
      throw new HedgerowError('CONFLICT', `Another Hedgerow process uses the data folder ${dataDir}.`, {
        cause: error,
      });
    }
    throw new HedgerowError('INVALID', `The lock file ${path} cannot be used.`, { cause: error });
  }
  const held = connection;
  return { [Symbol.dispose]: () => held.close() };
}
