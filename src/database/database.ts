/** The door of this room: one database, SQLite or PostgreSQL, open and migrated. */

import { mkdir, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { HedgerowError, systemCode } from '../lib/errors.ts';
import type { Beside } from './beside.ts';
import { type CatalogCounters, createCounters } from './counters.ts';
import type { PrismaClient } from './generated/sqlite/client.ts';
import { migratePostgres } from './migrate-postgres.ts';
import { applyMigrations, inspectMigrations } from './migrations.ts';
import { leaveMove, refuseHalfMoved } from './move/marks.ts';
import { NO_OUTAGE, type Outage, watchOutage } from './outage.ts';
import { openPostgres, POOL, postgresPool } from './postgres.ts';
import { guardedFactory, lockingFactory } from './prisma-adapters.ts';
import { type Sql, type SqlDialect, sql } from './sql.ts';
import { openSqlite } from './sqlite.ts';

export interface Database extends AsyncDisposable {
  readonly dialect: SqlDialect;
  /** Whether it is there; while it is away everything here ends at once, with UNAVAILABLE. */
  readonly outage: Outage;
  /** For the ordinary. Never inside `write`: it would wait for a lock that its caller holds. */
  readonly prisma: PrismaClient;
  /** For the hot paths, reading. */
  readonly read: Sql;
  /** What all that is shown hangs on. */
  readonly counters: CatalogCounters;
  /**
   * For the hot paths, writing: one transaction, rolled back where `work` throws. Keep it to about 10 ms, and
   * await nothing in it but its own statements: on SQLite everybody else who writes waits meanwhile.
   */
  write<T>(work: (transaction: Sql) => Promise<T>): Promise<T>;
  /**
   * As `write`, of what can be had again from elsewhere: it is not waited until the disk has it. After a power cut the
   * last of it may be missing, and never half of it; what `write` acknowledges later is never there without it.
   */
  writeRecoverable<T>(work: (transaction: Sql) => Promise<T>): Promise<T>;
  /**
   * After a secret was erased: on SQLite nothing of it is left in the files of the database then. PostgreSQL keeps former
   * rows until it vacuums, and its own log; there this does nothing.
   */
  scrub(): Promise<void>;
  /** For a thread of this process that writes too: what it opens, and whose turn it is. */
  readonly beside: Beside;
  /** A turn to write, for such a thread; the function that it answers ends it, once. On PostgreSQL nobody waits. */
  takeTurn(): Promise<() => void>;
  /** While such a thread writes, and on SQLite puts the log into the file itself; answers what ends that. */
  checkpointElsewhere(): () => void;
}

export type DatabaseLocation = { dialect: 'sqlite'; path: string } | { dialect: 'postgresql'; url: string };

export interface OpenOptions {
  /** Told where a copy was put before a migration. */
  onSnapshot?: (path: string) => void;
  /** Where the migrations are; those of this version unless told. */
  migrations?: string | undefined;
  /** Of these migrations, the oldest whose version may serve the database beside them; this version's unless told. */
  servesSince?: string | undefined;
  /** To be moved, or moved into: then it is opened even where it says that it is not to be used (move/marks.ts). */
  move?: boolean;
}

/**
 * Opens the database and brings it to this version, after a snapshot where there is something to lose.
 *
 * @throws HedgerowError CONFLICT, INVALID or UNAVAILABLE, each a sentence fit for the end of a start.
 */
export async function openDatabase(location: DatabaseLocation, options: OpenOptions = {}): Promise<Database> {
  return location.dialect === 'sqlite'
    ? openSqliteDatabase(location.path, options)
    : openPostgresDatabase(location.url, options);
}

async function openSqliteDatabase(path: string, options: OpenOptions): Promise<Database> {
  await mkdir(dirname(path), { recursive: true });
  await refuseNetworkFileSystem(dirname(path));
  await translating(path, () => migrateSqlite(path, options));
  const connections = await translating(path, async () => openSqlite(path));
  const { PrismaClient: Client } = await import('./generated/sqlite/client.ts');
  const prisma = new Client({ adapter: lockingFactory(path, connections) });
  return {
    dialect: 'sqlite',
    outage: NO_OUTAGE,
    beside: { location: { dialect: 'sqlite', path }, asking: connections.lock.asking },
    takeTurn: () => connections.lock.acquire(),
    checkpointElsewhere: connections.checkpointElsewhere,
    prisma,
    read: connections.reader,
    counters: createCounters(connections.reader, connections.counters),
    write: connections.write,
    writeRecoverable: connections.writeRecoverable,
    scrub: connections.scrub,
    [Symbol.asyncDispose]: async () => {
      await prisma.$disconnect();
      await connections.close();
    },
  };
}

async function openPostgresDatabase(
  url: string,
  { migrations, servesSince, move = false }: OpenOptions,
): Promise<Database> {
  {
    const connections = openPostgres(url, { max: 1 });
    try {
      if (!move) await refuseHalfMoved(connections.reader);
      await migratePostgres(url, { folder: migrations, servesSince });
    } catch (error) {
      if (error instanceof HedgerowError && error.code !== 'UNAVAILABLE') throw error;
      const cause = error instanceof HedgerowError ? (error.cause ?? error) : error;
      throw new HedgerowError('UNAVAILABLE', `The PostgreSQL database cannot be used: ${reason(cause)}.`, {
        cause,
      });
    } finally {
      await connections.close();
    }
  }
  const outage = watchOutage(url);
  const connections = openPostgres(url, { outage });
  const pool = postgresPool(url, POOL, outage);
  const { PrismaClient: Client } = await import('./generated/postgresql/client.ts');
  // The two generated clients have the same shape: they come from one set of models.
  const prisma = new Client({ adapter: guardedFactory(pool, outage) }) as unknown as PrismaClient;
  return {
    dialect: 'postgresql',
    outage,
    beside: { location: { dialect: 'postgresql', url }, asking: null },
    takeTurn: async () => () => {},
    checkpointElsewhere: outage.writing,
    prisma,
    read: connections.reader,
    counters: createCounters(connections.reader),
    write: connections.write,
    writeRecoverable: (work) =>
      connections.write(async (tx) => {
        await tx.run(sql`SET LOCAL synchronous_commit = off`);
        return work(tx);
      }),
    scrub: async () => {},
    [Symbol.asyncDispose]: async () => {
      await outage[Symbol.asyncDispose]();
      await prisma.$disconnect();
      await pool.end();
      await connections.close();
    },
  };
}

/** File systems on which SQLite's locks do not hold, by the magic numbers of statfs(2). */
const NETWORK_FILE_SYSTEMS = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
]);

async function refuseNetworkFileSystem(folder: string): Promise<void> {
  const { type } = await statfs(folder);
  const name = NETWORK_FILE_SYSTEMS.get(type >>> 0);
  if (name === undefined) return;
  throw new HedgerowError(
    'INVALID',
    `The database folder ${folder} is on a network file system (${name}), where SQLite's locks do not hold; use a local disk, or PostgreSQL (HEDGEROW_DATABASE_URL).`,
  );
}

/** The schema engine locks the file for itself, so no other connection is open while it works. */
async function migrateSqlite(path: string, options: OpenOptions): Promise<void> {
  const connections = openSqlite(path);
  let pending: string[];
  try {
    const state = await inspectMigrations(connections.reader, { folder: options.migrations });
    if (!state.empty && options.move !== true) await leaveMove(connections.reader, connections.write);
    pending = state.pending;
    if (pending.length > 0 && !state.empty) {
      const snapshot = `${path}.before-${pending[0]}`;
      await rm(snapshot, { force: true });
      await connections.snapshot(snapshot);
      options.onSnapshot?.(snapshot);
    }
  } finally {
    await connections.close();
  }
  if (pending.length > 0) {
    const adapterFactory = new PrismaBetterSqlite3({ url: `file:${path}` });
    await applyMigrations('sqlite', adapterFactory, options.migrations);
  }
}

async function translating<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw sentence(path, error);
  }
}

function sentence(path: string, error: unknown): unknown {
  if (error instanceof HedgerowError) return error;
  const code = systemCode(error) ?? '';
  if (code.startsWith('SQLITE_BUSY')) {
    return new HedgerowError('CONFLICT', `The database ${path} is locked by another process.`, {
      cause: error,
    });
  }
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) {
    return new HedgerowError('INVALID', `The file ${path} is damaged, or not a database of Hedgerow.`, {
      cause: error,
    });
  }
  if (code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_CANTOPEN')) {
    return new HedgerowError('INVALID', `The database ${path} cannot be written.`, { cause: error });
  }
  return error;
}

/** What another said went wrong, to stand inside a sentence. */
export function reason(error: unknown): string {
  return error instanceof Error
    ? error.message.split('\n', 1)[0]?.replace(/\.$/, '') || 'unknown'
    : String(error);
}
