/**
 * The database as a thread beside the main one opens it: its own connection, without Prisma and without migrations.
 *
 * SQLite has one writer. A thread whose connection waited for the main thread's, or the other way round, would sleep
 * inside a call; so it asks the main thread's lock for each turn (docs/adr/0002-one-writer.md), and ends its turn
 * early where somebody waits.
 */
import type { DatabaseLocation } from './database.ts';
import { createLogFlush } from './log-flush.ts';
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
  /** Rows that a transaction may write now, by how long the last commits took and whether anybody waited for them. */
  room?(): number;
}

/** Rows of a transaction, at least and at most: while nobody else writes, and where somebody did lately. */
const ROOM = { least: 500, most: 5_000 };
const ROOM_AMONG_OTHERS = { least: 50, most: 1_000 };
/** ms after somebody has waited to write, for which others are expected. */
const EXPECTED = 5_000;
/** Rows, those of the search index included, after which the log is put into the file: where nobody else writes, and in any case. */
const CHECKPOINT = { quiet: 20_000, atLast: 100_000 };
/**
 * ms above which the room is halved, and below which it is doubled: while nobody else writes, of the commit alone; where somebody
 * did lately, of all that comes after the last look at who waits, search index, counts and commit, for whoever comes waits for it.
 */
const COMMIT = { short: 15, long: 40 };
const END = { short: 4, long: 8 };

/** Connections of such a thread to PostgreSQL. */
const POOL = 4;
/** Of these: what is fetched can be fetched again (`Database.writeRecoverable`). */
const RECOVERABLE = '-c synchronous_commit=off';

/**
 * @param takeTurn - waits for the turn; the function that it answers ends it
 */
export async function openBeside(
  { location, asking }: Beside,
  takeTurn: () => Promise<() => void>,
): Promise<WritingDatabase & AsyncDisposable> {
  if (location.dialect === 'postgresql') {
    const { openPostgres } = await import('./postgres.ts');
    const { reader, write, close } = openPostgres(location.url, { max: POOL, settings: RECOVERABLE });
    return { read: reader, write, isWanted: () => false, [Symbol.asyncDispose]: close };
  }
  const { connect, sqliteSql, transaction } = await import('./sqlite.ts');
  const connection = connect(location.path);
  // Less than of the others: what it reads again is in the file, which is mapped.
  connection.pragma('cache_size = -12000');
  const own = sqliteSql(connection);
  const asked = (): number => (asking === null ? 0 : Atomics.load(asking, 0));
  /** When it was last looked whether somebody waits. */
  let looked = 0;
  const isWanted = (): boolean => {
    looked = performance.now();
    // One of those who ask is this thread itself.
    return asked() > 1;
  };
  const room = createRoom();
  const changes = connection.prepare('SELECT total_changes()').pluck();
  let checkpointed = 0;
  /**
   * When nobody waits for it any more. Whoever writes meanwhile waits for the disk, which has enough to do with that: then it is
   * put off. What fails of it is done by a later one.
   */
  const checkpoint = (): void => {
    const changed = Number(changes.get());
    if (changed - checkpointed < (asked() > 0 ? CHECKPOINT.atLast : CHECKPOINT.quiet)) return;
    checkpointed = changed;
    try {
      connection.pragma('wal_checkpoint(PASSIVE)');
    } catch {}
  };
  const log = createLogFlush(location.path);
  /**
   * What is fetched can be fetched again, so nobody waits for what is written here. But a write that is waited for waits for all
   * of the log before it: so the disk is given it meanwhile. What fails of it is told to those.
   */
  const flushLog = (): void => void log.flush().catch(() => {});
  return {
    read: own,
    write: async (work) => {
      const end = await takeTurn();
      try {
        looked = performance.now();
        let worked = 0;
        const result = await transaction(connection, async () => {
          const done = await work(own);
          worked = performance.now();
          return done;
        });
        const now = performance.now();
        room.ended({ commit: now - worked, end: now - looked }, asked() > 1);
        return result;
      } finally {
        end();
        checkpoint();
        flushLog();
      }
    },
    isWanted,
    room: () => room.rows,
    [Symbol.asyncDispose]: async () => {
      log[Symbol.dispose]();
      connection.close();
    },
  };
}

export interface Room {
  /** That the next transaction may write. */
  readonly rows: number;
  /** The commit, and all that came after the last look at who waits, took so many ms; `wanted`: somebody waited for it. */
  ended(took: { commit: number; end: number }, wanted: boolean): void;
}

/**
 * How much the next transaction may write. The end of one grows with its rows; but the more of them share a page, the fewer pages
 * are written. So it is little as long as others write now and then.
 */
export function createRoom(now: () => number = () => performance.now()): Room {
  let rows = ROOM.least;
  let wantedAt = Number.NEGATIVE_INFINITY;
  return {
    get rows() {
      return rows;
    },
    ended: ({ commit, end }, wanted) => {
      if (wanted) wantedAt = now();
      const among = now() - wantedAt < EXPECTED;
      const [ms, { short, long }, { least, most }] = among
        ? [end, END, ROOM_AMONG_OTHERS]
        : [commit, COMMIT, ROOM];
      if (ms > long) rows = Math.floor(rows / 2);
      else if (ms < short) rows *= 2;
      rows = Math.min(most, Math.max(least, rows));
    },
  };
}
