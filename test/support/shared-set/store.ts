/**
 * The database of one side of a model run: it can be cut off at any statement, as a process that is killed, and put back
 * to an earlier copy, as by an admin with a backup. SQLite is copied as the files are at that moment.
 */

import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqlDriverAdapter, SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import pg from 'pg';
import { createCounters } from '../../../src/database/counters.ts';
import { type Database, openDatabase } from '../../../src/database/database.ts';
import { PrismaClient } from '../../../src/database/generated/sqlite/client.ts';
import { NO_OUTAGE } from '../../../src/database/outage.ts';
import { lockingFactory } from '../../../src/database/prisma-adapters.ts';
import type { Sql, SqlDialect } from '../../../src/database/sql.ts';
import { openSqlite, type SqliteConnections } from '../../../src/database/sqlite.ts';
import { newPostgresUrl } from '../databases.ts';

/** The process has ended at this statement. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

export interface Store extends AsyncDisposable {
  /** The same object over all runs, whatever files are behind it. */
  readonly database: Database;
  /** For looking at the rows: counted nowhere, and not cut off. */
  readonly plain: Sql;
  readonly crashed: boolean;
  /** Statements so far, beginnings and ends of transactions included. */
  readonly statements: number;
  /** The process ends before the statement after so many; null: it does not. */
  crashAfter(statements: number | null): void;
  /** Before the read after so many, this is done by somebody else. */
  meanwhile(reads: number, run: (() => Promise<void>) | null): void;
  /** Told of each read as it is made: the statement's text. */
  onRead: (text: string) => void;
  /** Opens what the crash left. */
  restart(): Promise<void>;
  keep(name: CopyName): Promise<void>;
  /** Puts back what was kept. */
  restore(name: CopyName): Promise<void>;
}

/** What each run begins with; and the latest backup. */
export type CopyName = 'seeded' | 'backup';

/** @param seed - puts into the new database what each run begins with */
export async function createStore(
  dialect: SqlDialect,
  seed: (database: Database) => Promise<void>,
): Promise<Store> {
  const store = dialect === 'sqlite' ? await createSqliteStore(seed) : await createPostgresStore();
  if (dialect === 'postgresql') await seed(store.database);
  await store.keep('seeded');
  return store;
}

function createSteps(kill: () => void) {
  const steps = {
    crashed: false,
    statements: 0,
    left: null as number | null,
    other: null as { reads: number; run: () => Promise<void> } | null,
    async step(): Promise<void> {
      if (steps.crashed) throw new Crash();
      steps.statements += 1;
      if (steps.left === null) return;
      steps.left -= 1;
      if (steps.left >= 0) return;
      steps.crashed = true;
      kill();
      throw new Crash();
    },
    onRead: (_text: string): void => {},
    async read(text: string): Promise<void> {
      const { other } = steps;
      if (other !== null && --other.reads < 0) {
        steps.other = null;
        await other.run();
      }
      await steps.step();
      steps.onRead(text);
    },
    sql(inner: Sql, step: (text: string) => Promise<void>): Sql {
      return {
        dialect: inner.dialect,
        all: async (statement) => {
          await step(statement.sql);
          return inner.all(statement);
        },
        rows: async (statement) => {
          await step(statement.sql);
          return inner.rows(statement);
        },
        get: async (statement) => {
          await step(statement.sql);
          return inner.get(statement);
        },
        run: async (statement) => {
          await step(statement.sql);
          return inner.run(statement);
        },
        each: async (text, rows) => {
          for (const row of rows) {
            await step(text);
            await inner.each(text, [row]);
          }
        },
      };
    },
    /** A transaction that may end with the process before its first statement, before its commit and after it. */
    write: async <T>(write: Database['write'], work: (transaction: Sql) => Promise<T>): Promise<T> => {
      await steps.step();
      const result = await write(async (tx) => {
        const done = await work(steps.sql(tx, steps.step));
        await steps.step();
        return done;
      });
      await steps.step();
      return result;
    },
    controls: {
      crashAfter: (statements: number | null) => {
        steps.left = statements;
      },
      meanwhile: (reads: number, run: (() => Promise<void>) | null) => {
        steps.other = run === null ? null : { reads, run };
      },
      alive: () => {
        steps.crashed = false;
        steps.left = null;
        steps.other = null;
      },
    },
  };
  return steps;
}

async function createSqliteStore(seed: (database: Database) => Promise<void>): Promise<Store> {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'hedgerow-model-'));
  let serial = 0;
  const nextPath = (): string => {
    serial += 1;
    return join(folder, `${serial}.db`);
  };
  const seeded = nextPath();
  {
    await using database = await openDatabase({ dialect: 'sqlite', path: seeded });
    await seed(database);
    await database.scrub();
  }
  let path = seeded;
  let left: string | null = null;
  let connections: SqliteConnections = openSqlite(path);
  let forPrisma: Promise<SqlDriverAdapter> | null = null;
  const steps = createSteps(() => {
    left = nextPath();
    copyFileSync(path, left);
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${left}-wal`);
  });
  const adapter = (): Promise<SqlDriverAdapter> => {
    forPrisma ??= lockingFactory(path, connections).connect();
    return forPrisma;
  };
  const copies = new Map<CopyName, Buffer>();

  async function close(): Promise<void> {
    await (await forPrisma)?.dispose();
    forPrisma = null;
    await connections.close();
    for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
  }

  async function open(next: string): Promise<void> {
    await close();
    path = next;
    left = null;
    connections = openSqlite(path);
    steps.controls.alive();
  }

  const seededFactory = lockingFactory(path, connections);
  const switching: SqlMigrationAwareDriverAdapterFactory = {
    provider: 'sqlite',
    adapterName: seededFactory.adapterName,
    connectToShadowDb: () => seededFactory.connectToShadowDb(),
    connect: async () => ({
      provider: 'sqlite',
      adapterName: seededFactory.adapterName,
      dispose: async () => {},
      executeScript: async (script) => (await adapter()).executeScript(script),
      executeRaw: async (query) => {
        await steps.step();
        return (await adapter()).executeRaw(query);
      },
      queryRaw: async (query) => {
        await steps.step();
        return (await adapter()).queryRaw(query);
      },
      startTransaction: async (isolation) => {
        await steps.step();
        const inner = await (await adapter()).startTransaction(isolation);
        return {
          provider: inner.provider,
          adapterName: inner.adapterName,
          options: inner.options,
          executeRaw: async (query) => {
            await steps.step();
            return inner.executeRaw(query);
          },
          queryRaw: async (query) => {
            await steps.step();
            return inner.queryRaw(query);
          },
          commit: async () => {
            try {
              await steps.step();
            } catch (error) {
              await inner.rollback();
              throw error;
            }
            await inner.commit();
          },
          rollback: () => inner.rollback(),
        };
      },
    }),
  };
  // Made once: it costs more than a whole run.
  const prisma = new PrismaClient({ adapter: switching });

  const plain: Sql = {
    dialect: 'sqlite',
    all: (statement) => connections.reader.all(statement),
    rows: (statement) => connections.reader.rows(statement),
    get: (statement) => connections.reader.get(statement),
    run: (statement) => connections.reader.run(statement),
    each: (text, rows) => connections.reader.each(text, rows),
  };

  return {
    plain,
    database: {
      dialect: 'sqlite',
      outage: NO_OUTAGE,
      prisma,
      read: steps.sql(plain, steps.read),
      counters: createCounters(plain),
      write: (work) => steps.write((inner) => connections.write(inner), work),
      writeRecoverable: (work) => steps.write((inner) => connections.writeRecoverable(inner), work),
      scrub: () => connections.scrub(),
      get beside() {
        return { location: { dialect: 'sqlite', path } as const, asking: connections.lock.asking };
      },
      takeTurn: () => connections.lock.acquire(),
      checkpointElsewhere: () => () => {},
      [Symbol.asyncDispose]: async () => {},
    },
    get crashed() {
      return steps.crashed;
    },
    get statements() {
      return steps.statements;
    },
    get onRead() {
      return steps.onRead;
    },
    set onRead(told) {
      steps.onRead = told;
    },
    crashAfter: steps.controls.crashAfter,
    meanwhile: steps.controls.meanwhile,
    restart: async () => {
      if (left === null) throw new Error('Nothing has crashed.');
      await open(left);
    },
    keep: async (name) => {
      const copy = nextPath();
      await connections.snapshot(copy);
      copies.set(name, readFileSync(copy));
      rmSync(copy);
    },
    restore: async (name) => {
      const copy = copies.get(name);
      if (copy === undefined) throw new Error('No copy was kept.');
      const next = nextPath();
      writeFileSync(next, copy);
      await open(next);
    },
    [Symbol.asyncDispose]: async () => {
      await prisma.$disconnect();
      await close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One database for all runs; its copies are tables in schemas of their own. */
async function createPostgresStore(): Promise<Store> {
  const url = await newPostgresUrl();
  const inner = await openDatabase({ dialect: 'postgresql', url });
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  // What PostgreSQL works out of other columns cannot be put back.
  const { rows } = await admin.query<{ name: string; columns: string }>(
    `SELECT quote_ident(table_name) AS name, string_agg(quote_ident(column_name), ', ') AS columns
     FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT LIKE '\\_%' AND is_generated = 'NEVER'
     GROUP BY table_name`,
  );
  const tables = rows.map(({ name }) => name);
  // References are not looked at while rows are put back in any order.
  await admin.query('SET session_replication_role = replica');
  const steps = createSteps(() => {});

  return {
    plain: inner.read,
    database: {
      dialect: 'postgresql',
      outage: inner.outage,
      prisma: inner.prisma,
      read: steps.sql(inner.read, steps.read),
      counters: inner.counters,
      write: (work) => steps.write((work) => inner.write(work), work),
      writeRecoverable: (work) => steps.write((work) => inner.writeRecoverable(work), work),
      scrub: () => inner.scrub(),
      beside: inner.beside,
      takeTurn: () => inner.takeTurn(),
      checkpointElsewhere: () => () => {},
      [Symbol.asyncDispose]: async () => {},
    },
    get crashed() {
      return steps.crashed;
    },
    get statements() {
      return steps.statements;
    },
    get onRead() {
      return steps.onRead;
    },
    set onRead(told) {
      steps.onRead = told;
    },
    crashAfter: steps.controls.crashAfter,
    meanwhile: steps.controls.meanwhile,
    restart: async () => steps.controls.alive(),
    keep: async (name) => {
      await admin.query(
        [
          `DROP SCHEMA IF EXISTS ${name} CASCADE`,
          `CREATE SCHEMA ${name}`,
          ...tables.map((table) => `CREATE TABLE ${name}.${table} AS TABLE public.${table}`),
        ].join(';'),
      );
    },
    restore: async (name) => {
      await admin.query(
        [
          'BEGIN',
          ...tables.map((table) => `DELETE FROM public.${table}`),
          ...rows.map(
            ({ name: table, columns }) =>
              `INSERT INTO public.${table} (${columns}) SELECT ${columns} FROM ${name}.${table}`,
          ),
          'COMMIT',
        ].join(';'),
      );
      steps.controls.alive();
    },
    [Symbol.asyncDispose]: async () => {
      await admin.end();
      await inner[Symbol.asyncDispose]();
    },
  };
}
