import { setTimeout as sleep } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { LRUCache } from 'lru-cache';
import type { Cell } from '../lib/rows.ts';
import { createCheckpoints, createCheckpointThread, waitingPages } from './checkpoints.ts';
import { COUNTERS, type Counters } from './counters.ts';
import { createLogFlush } from './log-flush.ts';
import type { Runnable, Sql } from './sql.ts';
import { WriteLock } from './write-lock.ts';

/** How long a connection waits for a writer of another process before it gives up, ms. */
export const BUSY_TIMEOUT = 5_000;
/** ms after which the counters are looked at again, though nobody of this process has written: a person may have, by hand. */
const LOOKED_AT = 100;
/** ms between two tries to empty the log. */
const AGAIN = 10;
/** Prepared statements that a connection keeps. */
const STATEMENTS = 300;

export const PRAGMAS = [
  'journal_mode = WAL',
  // A commit does not wait for the disk; whoever is to be told of it does: see log-flush.ts.
  'synchronous = NORMAL',
  'foreign_keys = ON',
  'temp_store = MEMORY',
  'cache_size = -32000',
  'mmap_size = 268435456',
  // Never within a commit: see checkpoints.ts.
  'wal_autocheckpoint = 0',
  // What is deleted or overwritten in a page that stays in use becomes zeros; so an erased secret is not left in its gaps.
  'secure_delete = FAST',
];

export interface SqliteConnections {
  readonly reader: Sql;
  /** As they stand at this moment; null where the database is new. */
  counters(): Counters | null;
  readonly lock: WriteLock;
  /** Ends when the disk has all that was committed before, by whichever connection. */
  flush(): Promise<void>;
  write<T>(work: (transaction: Sql) => Promise<T>): Promise<T>;
  /** As `write`, without waiting until the disk has it. */
  writeRecoverable<T>(work: (transaction: Sql) => Promise<T>): Promise<T>;
  /** A consistent copy of the database, as a file. */
  snapshot(path: string): Promise<void>;
  /** Puts the whole log into the file and empties it, so that former states of pages are nowhere any more. */
  scrub(): Promise<void>;
  /** While another thread puts the log into the file; answers what ends that. */
  checkpointElsewhere(): () => void;
  close(): Promise<void>;
}

/**
 * Opens one connection for reading and one for writing. Everything of this process that writes, Prisma
 * included, passes one lock: see docs/adr/0002-one-writer.md.
 */
export function openSqlite(path: string): SqliteConnections {
  const writer = connect(path);
  const reader = connect(path);
  const lock = new WriteLock(() => checkpoints.wrote());
  const thread = createCheckpointThread(path);
  const checkpoints = createCheckpoints({ waiting: () => waitingPages(reader), run: thread.run });
  const log = createLogFlush(path);
  const writerSql = sqliteSql(writer);
  const writeRecoverable = <T>(work: (transaction: Sql) => Promise<T>): Promise<T> =>
    lock.run(() => transaction(writer, () => work(writerSql)));
  let statement: BetterSqlite3.Statement | undefined;
  let known: { counters: Counters; version: number; at: number } | null = null;
  return {
    reader: sqliteSql(reader),
    counters: () => {
      const { version } = lock;
      const at = performance.now();
      if (known !== null && known.version === version && at - known.at < LOOKED_AT) return known.counters;
      // The first time, since a database that is new has no tables yet.
      statement ??= reader.prepare(COUNTERS);
      const counters = (statement.get() as Counters | undefined) ?? null;
      known = counters === null || version === null ? null : { counters, version, at };
      return counters;
    },
    lock,
    flush: log.flush,
    write: async (work) => {
      const result = await writeRecoverable(work);
      await log.flush();
      return result;
    },
    writeRecoverable,
    snapshot: async (target) => {
      await reader.backup(target);
    },
    scrub: () =>
      lock.run(async () => {
        for (const begun = performance.now(); performance.now() - begun < BUSY_TIMEOUT; await sleep(AGAIN)) {
          // While a thread puts the log into the file it is busy at once, whatever the timeout.
          const [row] = writer.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
          if (row?.busy === 0) return;
        }
      }),
    checkpointElsewhere: checkpoints.elsewhere,
    close: async () => {
      await checkpoints[Symbol.asyncDispose]();
      await thread[Symbol.asyncDispose]();
      log[Symbol.dispose]();
      reader.close();
      writer.close();
    },
  };
}

export function connect(path: string): BetterSqlite3.Database {
  const connection = new BetterSqlite3(path, { timeout: BUSY_TIMEOUT });
  try {
    for (const pragma of PRAGMAS) connection.pragma(pragma);
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

export async function transaction<T>(connection: BetterSqlite3.Database, work: () => Promise<T>): Promise<T> {
  connection.exec('BEGIN IMMEDIATE');
  try {
    const result = await work();
    connection.exec('COMMIT');
    return result;
  } catch (error) {
    if (connection.inTransaction) connection.exec('ROLLBACK');
    throw error;
  }
}

export function sqliteSql(connection: BetterSqlite3.Database): Sql {
  const kept = () => new LRUCache<string, BetterSqlite3.Statement>({ max: STATEMENTS });
  const prepared = kept();
  /** Of those whose rows come as lists. */
  const preparedRaw = kept();
  const prepare = (text: string): BetterSqlite3.Statement => {
    let statement = prepared.get(text);
    if (statement === undefined) {
      statement = connection.prepare(unseen(text));
      prepared.set(text, statement);
    }
    return statement;
  };
  const prepareRaw = (text: string): BetterSqlite3.Statement => {
    let statement = preparedRaw.get(text);
    if (statement === undefined) {
      statement = connection.prepare(unseen(text)).raw();
      preparedRaw.set(text, statement);
    }
    return statement;
  };
  return {
    dialect: 'sqlite',
    all: async <Row>(statement: Runnable) => prepare(statement.sql).all(values(statement)) as Row[],
    rows: async (statement) => prepareRaw(statement.sql).all(values(statement)) as Cell[][],
    get: async <Row>(statement: Runnable) => prepare(statement.sql).get(values(statement)) as Row | undefined,
    run: async (statement) => prepare(statement.sql).run(values(statement)).changes,
    each: async (text, rows) => {
      const statement = prepare(text);
      // Apart, values are bound in two thirds of the time that a list of them takes.
      for (const row of rows) statement.run(...row);
    },
  };
}

/**
 * SQLite's planner looks at the value that is bound to a bare parameter, and then prepares the statement anew for each value
 * that is bound, which takes longer than most statements do. Behind a plus, which changes no value, it does not look.
 */
function unseen(text: string): string {
  return text.replace(/'[^']*'|"[^"]*"|\?/g, (part) => (part === '?' ? '+?' : part));
}

/** SQLite has no booleans, and its driver refuses to guess. */
function values({ values }: Runnable): unknown[] {
  if (!values.some(isBoolean)) return values;
  return values.map((value) => (isBoolean(value) ? Number(value) : value));
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}
