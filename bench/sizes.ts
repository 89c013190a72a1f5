/**
 * What an item takes on the disk, table by table and index by index, on SQLite and, after the instance was moved there, on
 * PostgreSQL; what the move takes; and what memory a process holds over such a catalog.
 *
 *   npm run bench:sizes -- [--items 100000] [--peers 3] [--folder …] [--from a database that was generated before]
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import { openDatabase } from '../src/database/database.ts';
import { administer, startPostgres } from '../test/support/postgres.ts';
import { generateCatalog } from './generate-catalog.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TOKEN = 'a-token-of-the-benchmark-that-is-long-enough';

interface Size {
  name: string;
  bytes: number;
}

const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '100000' },
    peers: { type: 'string', default: '3' },
    folder: { type: 'string', default: tmpdir() },
    from: { type: 'string' },
  },
});
const items = Number(values.items);
const folder = mkdtempSync(join(values.folder, 'hedgerow-sizes-'));
try {
  const path = join(folder, 'hedgerow.db');
  if (values.from !== undefined) {
    copyFileSync(values.from, path);
  } else {
    await using database = await openDatabase({ dialect: 'sqlite', path });
    const begun = performance.now();
    await generateCatalog(database, { items, peers: Number(values.peers) });
    console.log(`generated ${items} items in ${seconds(begun)} s`);
    await database.scrub();
  }
  const sqlite = new BetterSqlite3(path, { readonly: true });
  const onSqlite = sqlite
    .prepare('SELECT name, SUM(pgsize) AS bytes FROM dbstat GROUP BY name')
    .all() as Size[];
  sqlite.close();
  report('SQLite', onSqlite);
  await memory('SQLite', {});

  await using server = await startPostgres();
  await administer(server.url, 'CREATE DATABASE sizes');
  const url = `${server.url}/sizes`;
  const begun = performance.now();
  const moving = spawn(process.execPath, ['src/main.ts', 'migrate-to', url], {
    cwd: ROOT,
    env: environment(),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let most = 0;
  const looking = setInterval(() => {
    most = Math.max(most, resident(moving));
  }, 200);
  const [code] = await once(moving, 'exit');
  clearInterval(looking);
  console.log(`moved in ${seconds(begun)} s (exit ${code}), at most ${most} MiB resident`);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ name: string; bytes: string }>(
    `SELECT c.relname AS name, CASE WHEN c.relkind = 'r' THEN pg_table_size(c.oid) ELSE pg_relation_size(c.oid) END AS bytes
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('r', 'i')`,
  );
  await client.end();
  report(
    'PostgreSQL',
    rows.map(({ name, bytes }) => ({ name, bytes: Number(bytes) })),
  );
  await memory('PostgreSQL', { HEDGEROW_DATABASE_URL: url });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function environment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HEDGEROW_DATA_DIR: folder,
    HEDGEROW_PORT: '0',
    HEDGEROW_ADMIN_TOKEN: TOKEN,
    HEDGEROW_LOG_LEVEL: 'error',
    HEDGEROW_FEDERATION: 'off',
  };
}

function report(database: string, sizes: readonly Size[]): void {
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(`${database}: ${megabytes(total)} MB, ${(total / items).toFixed(0)} bytes an item`);
  for (const { name, bytes } of sizes.toSorted((one, other) => other.bytes - one.bytes).slice(0, 20)) {
    console.log(
      `  ${name.padEnd(36)} ${megabytes(bytes).padStart(8)} MB ${(bytes / items).toFixed(1).padStart(7)} an item`,
    );
  }
}

/** Of a server that has answered pages, searches and counts. */
async function memory(database: string, settings: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, ['src/main.ts', 'serve'], {
    cwd: ROOT,
    env: { ...environment(), ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout?.setEncoding('utf8');
  for await (const text of child.stdout ?? []) {
    out += text;
    if (/ ready on \S+\n/.test(out)) break;
  }
  const url = / ready on (\S+)/.exec(out)?.[1] ?? '';
  const idle = resident(child);
  const ask = async (
    query: string,
    variables: object,
  ): Promise<{ media: { pageInfo: { endCursor: string } } }> => {
    const answer = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await answer.json()) as { data: never; errors?: unknown };
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    return data;
  };
  const begun = performance.now();
  let after: string | null = null;
  for (let page = 0; page < 100; page += 1) {
    const { media } = await ask(
      'query ($after: String) { media(first: 100, after: $after) { totalCount facets { tags { tag count } } edges { node { id title tags thumbnailUrl } } pageInfo { endCursor } } }',
      { after },
    );
    after = media.pageInfo.endCursor;
  }
  await ask(
    '{ media(first: 50, filter: { query: "solstice" }) { totalCount nodes { id } pageInfo { endCursor } } }',
    {},
  );
  console.log(
    `${database}: ${idle} MiB resident when ready, ${resident(child)} after 100 pages in ${seconds(begun)} s`,
  );
  child.kill('SIGTERM');
  await once(child, 'exit');
}

function resident(child: ChildProcess): number {
  try {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    // Without what is mapped of files, such as the database.
    return Math.round(Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

function seconds(begun: number): string {
  return ((performance.now() - begun) / 1000).toFixed(1);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
