import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { administer, POSTGRES_TEMPLATE, startPostgres } from './postgres.ts';
import { takeTemporaryFolder } from './temporary.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
    /** A migrated, empty database of SQLite, to be copied. */
    sqliteTemplate: string;
  }
}

/**
 * One PostgreSQL for the whole run, where it is asked for; every test makes a database of its own in it. New databases
 * are copies of one that was migrated here: some hundred of them are opened in a run.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const removeTemporary = takeTemporaryFolder();
  const dialects = project.config.env?.['TEST_DIALECTS'] ?? process.env['TEST_DIALECTS'];
  const server = dialects === 'sqlite' ? null : await startPostgres();
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-template-'));
  const sqliteTemplate = join(folder, 'hedgerow.db');
  if (server !== null) await administer(server.url, `CREATE DATABASE ${POSTGRES_TEMPLATE}`);
  // By a process of its own: what vitest loads a setup with lacks some of Node's.
  await promisify(execFile)(process.execPath, [
    fileURLToPath(new URL('make-templates.ts', import.meta.url)),
    sqliteTemplate,
    ...(server === null ? [] : [`${server.url}/${POSTGRES_TEMPLATE}`]),
  ]);
  if (server !== null) project.provide('postgresUrl', server.url);
  project.provide('sqliteTemplate', sqliteTemplate);
  return async () => {
    await server?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
    removeTemporary?.();
  };
}
