/** The same tests on both databases, each test on a database of its own. */

import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, inject } from 'vitest';
import { type Database, openDatabase } from '../../src/database/database.ts';
import type { SqlDialect } from '../../src/database/sql.ts';
import { administer, POSTGRES_TEMPLATE } from './postgres.ts';

/** Both; mutation testing, which runs the tests by the thousand, asks for one of them. */
export const DIALECTS: readonly SqlDialect[] =
  process.env['TEST_DIALECTS'] === 'sqlite' ? ['sqlite'] : ['sqlite', 'postgresql'];

/**
 * Declares a group of tests twice. `open` gives a new, migrated, empty database, which is closed and removed
 * after the test that opened it.
 */
export function describeOnBothDatabases(
  name: string,
  tests: (open: () => Promise<Database>, dialect: SqlDialect) => void,
): void {
  for (const dialect of DIALECTS) {
    describe(`${name} (${dialect})`, () => {
      const opened: Array<() => Promise<void>> = [];
      afterEach(async () => {
        for (const close of opened.splice(0).reverse()) await close();
      });
      tests(async () => {
        const { database, close } = await (dialect === 'sqlite' ? openTemporarySqlite() : openNewPostgres());
        opened.push(close);
        return database;
      }, dialect);
    });
  }
}

export interface TemporaryDatabase {
  database: Database;
  /** Closes the database and removes it. */
  close(): Promise<void>;
}

export async function openTemporarySqlite(): Promise<TemporaryDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-sqlite-'));
  const path = join(folder, 'hedgerow.db');
  await copyFile(inject('sqliteTemplate'), path);
  const database = await openDatabase({ dialect: 'sqlite', path });
  return {
    database,
    close: async () => {
      await database[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A new database in the PostgreSQL of the run, which test/support/databases-setup.ts has started. */
export async function openNewPostgres(): Promise<TemporaryDatabase> {
  const server = inject('postgresUrl');
  const name = `test_${randomBytes(8).toString('hex')}`;
  await copyDatabase(server, name, POSTGRES_TEMPLATE);
  const database = await openDatabase({ dialect: 'postgresql', url: `${server}/${name}` });
  return {
    database,
    close: async () => {
      await database[Symbol.asyncDispose]();
      await administer(server, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/**
 * A new database of the suite's PostgreSQL, for whoever opens it by its URL. It goes with the server.
 *
 * @param template - what it is a copy of: the migrated one, or PostgreSQL's own with nothing in it
 */
export async function newPostgresUrl(template = POSTGRES_TEMPLATE): Promise<string> {
  const server = inject('postgresUrl');
  const name = `hedgerow_${randomBytes(8).toString('hex')}`;
  await copyDatabase(server, name, template);
  return `${server}/${name}`;
}

/** As files: block by block, through the log, it takes more than twice the time. */
function copyDatabase(server: string, name: string, template: string): Promise<void> {
  return administer(server, `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`);
}
