/**
 * Past one machine, on PostgreSQL: what a page and a thumbnail cost the processes with two of them and with one; how fast
 * a catalog is taken in, beside COPY of the same rows into the same tables with the same indexes; and what a page costs
 * where there are a hundred times as many items.
 *
 *   npm run bench:scale -- [--parts processes,ingest,rows] [--items 100000] [--rows 10000000] [--rounds 5] [--seconds 2]
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { Pool } from 'undici';
import { createCatalog } from '../src/catalog/catalog.ts';
import { applyRemotePage } from '../src/catalog/remote-changes.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import { EMPTY_CHECKSUM } from '../src/lib/checksum.ts';
import { remoteItem, seedPeer } from '../test/support/items.ts';
import { type PostgresServer, startPostgres } from '../test/support/postgres.ts';
import { type Program, runProgram } from '../test/support/process.ts';

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: 'processes,ingest,rows' },
    items: { type: 'string', default: '100000' },
    rows: { type: 'string', default: '10000000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
  },
});
const ITEMS = Number(values.items);
const ROWS = Number(values.rows);
const ROUNDS = Number(values.rounds);
const SECONDS = Number(values.seconds);
const CONNECTIONS = 16;
const TOKEN = 'a-token-of-the-bench-of-scale-0123456789abcdef';
const PAGE =
  'query Page($first: Int!, $after: String, $filter: MediaFilter) { media(first: $first, after: $after, filter: $filter) { edges { cursor node { id kind title description mimeType byteSize width height takenAt addedAt tags peer { id name health } } } pageInfo { hasNextPage endCursor } } }';
const HEADERS = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
/** µs of one tick of /proc/<pid>/stat. */
const TICK = 10_000;

interface Turn {
  requests: number;
  /** µs of all processes that served. */
  cpu: number;
  seconds: number;
}

const folder = mkdtempSync(join(tmpdir(), 'hedgerow-bench-scale-'));
chmodSync(folder, 0o755);
try {
  await using postgres = await startPostgres();
  const parts = values.parts.split(',');
  if (parts.includes('processes')) await measureProcesses(postgres);
  if (parts.includes('ingest')) await measureIngest(postgres);
  if (parts.includes('rows')) await measureRows(postgres);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function measureProcesses(postgres: PostgresServer): Promise<void> {
  const url = await newDatabase(postgres, 'processes');
  await fill(url, ITEMS);
  await using one = await serve(url, 'one');
  await using two = await serve(url, 'two');
  const picture = await upload(one.url);
  const some = { one: [one], two: [one, two] };
  for (const served of [one, two]) {
    await ask(served.url, page({ first: 50 }));
    await ask(served.url, picture);
  }
  let never = 0;
  const works: [string, () => Asked][] = [
    ['page asked again', () => page({ first: 50 })],
    [
      'page never asked before',
      () => {
        never += 1;
        const lt = new Date(Date.UTC(2040, 0, 1) + never * 1_000).toISOString();
        return page({ first: 50, filter: { addedAt: { lt } } });
      },
    ],
    ['thumbnail', () => picture],
  ];
  for (const [name, work] of works) {
    const turns: Record<'one' | 'two', Turn[]> = { one: [], two: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const which of round % 2 === 0 ? (['one', 'two'] as const) : (['two', 'one'] as const)) {
        turns[which].push(await turn(some[which], work));
      }
    }
    const [a, b] = [best(turns.one), best(turns.two)];
    print(name, `${a.toFixed(0)} µs`, `two processes ${b.toFixed(0)} µs`, `× ${(b / a).toFixed(2)}`);
  }
}

async function measureIngest(postgres: PostgresServer): Promise<void> {
  const ratios: number[] = [];
  for (let round = 0; round < Math.min(ROUNDS, 3); round += 1) {
    const url = await newDatabase(postgres, `ingest_${round}`);
    await using database = await openDatabase({ dialect: 'postgresql', url });
    await createCatalog(database);
    const { key } = await seedPeer(database, { name: 'bench' });
    const pages = pagesOf(ITEMS);
    const began = performance.now();
    for (const items of pages) {
      await database.writeRecoverable((tx) =>
        applyRemotePage(
          tx,
          key,
          { items, skipped: [], removed: [], generation: 1 },
          EMPTY_CHECKSUM,
          Date.now(),
        ),
      );
    }
    const ingested = performance.now() - began;
    const copied = await copyOf(url, ['items', 'item_tags', 'item_search', 'item_counts'], round);
    ratios.push(copied / ingested);
    print(
      `ingest of ${ITEMS}`,
      `${Math.round(ITEMS / (ingested / 1000))} items/s`,
      `COPY of the same rows ${Math.round(ITEMS / (copied / 1000))} items/s`,
      `× ${(copied / ingested).toFixed(2)}`,
    );
  }
}

/** ms that PostgreSQL takes for the rows of some tables, from its own file into empty tables with the same indexes. */
async function copyOf(url: string, tables: string[], round: number): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const file = (table: string): string => join(folder, `${table}-${round}.copy`);
  chmodSync(folder, 0o777);
  for (const table of tables) {
    await client.query(`CREATE TABLE ${table}_copy (LIKE ${table} INCLUDING ALL)`);
    const { rows } = await client.query<{ columns: string }>(
      `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
    );
    await client.query(`COPY ${table} (${rows[0]?.columns}) TO '${file(table)}'`);
  }
  await client.query('CHECKPOINT');
  const began = performance.now();
  await client.query('BEGIN');
  await client.query('SET LOCAL synchronous_commit = off');
  for (const table of tables) {
    const { rows } = await client.query<{ columns: string }>(
      `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
    );
    await client.query(`COPY ${table}_copy (${rows[0]?.columns}) FROM '${file(table)}'`);
  }
  await client.query('COMMIT');
  const took = performance.now() - began;
  await client.end();
  return took;
}

async function measureRows(postgres: PostgresServer): Promise<void> {
  const urls = { few: await newDatabase(postgres, 'few'), many: await newDatabase(postgres, 'many') };
  const began = performance.now();
  await fill(urls.few, 100_000);
  await fill(urls.many, ROWS);
  print('rows', `${ROWS} made in ${Math.round((performance.now() - began) / 1000)} s`);
  await using few = await serve(urls.few, 'few');
  await using many = await serve(urls.many, 'many');
  let never = 0;
  const first = (): Asked => {
    never += 1;
    const lt = new Date(Date.UTC(2040, 0, 1) + never * 1_000).toISOString();
    return page({ first: 50, filter: { addedAt: { lt } } });
  };
  const deep = { few: await cursorsOf(urls.few, few.url), many: await cursorsOf(urls.many, many.url) };
  const works: [string, (which: 'few' | 'many') => Asked][] = [
    ['first page', first],
    [
      'page anywhere',
      (which) => {
        never += 1;
        const after = deep[which][never % deep[which].length] ?? '';
        return page({ first: 20 + (never % 30), after });
      },
    ],
  ];
  for (const [name, work] of works) {
    const turns: Record<'few' | 'many', Turn[]> = { few: [], many: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const which of round % 2 === 0 ? (['few', 'many'] as const) : (['many', 'few'] as const)) {
        turns[which].push(await turn([which === 'few' ? few : many], () => work(which), true));
      }
    }
    const [a, b] = [best(turns.few), best(turns.many)];
    print(
      `${name}, server and PostgreSQL`,
      `100,000: ${a.toFixed(0)} µs`,
      `${ROWS}: ${b.toFixed(0)} µs`,
      `× ${(b / a).toFixed(2)}`,
    );
  }
}

/** Cursors of places all over the catalog, made of one that a page has given: reading on to them would take a day. */
async function cursorsOf(database: string, url: string): Promise<string[]> {
  const { data } = (await ask(url, page({ first: 1 }))) as {
    data: { media: { edges: { cursor: string }[] } };
  };
  const given = data.media.edges[0]?.cursor ?? '';
  const [version, query] = JSON.parse(Buffer.from(given, 'base64url').toString()) as unknown[];
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const { rows } = await client.query<{ at: string; key: number }>(
    'SELECT timeline_at AS at, key FROM items TABLESAMPLE SYSTEM (1) ORDER BY random() LIMIT 400',
  );
  await client.end();
  return rows.map(({ at, key }) =>
    Buffer.from(JSON.stringify([version, query, Number(at), key])).toString('base64url'),
  );
}

// --- who serves

interface Served extends AsyncDisposable {
  url: string;
  database: string;
  pid: number;
}

async function serve(database: string, name: string): Promise<Served> {
  const program: Program = runProgram(['serve'], {
    HEDGEROW_DATABASE_URL: database,
    HEDGEROW_STORAGE_URL: `file:${join(folder, new URL(database).pathname.slice(1), 'store')}`,
    HEDGEROW_DATA_DIR: join(folder, new URL(database).pathname.slice(1), name),
    HEDGEROW_MASTER_KEY: '77'.repeat(32),
    HEDGEROW_ADMIN_TOKEN: TOKEN,
    HEDGEROW_PORT: '0',
    HEDGEROW_LOG_LEVEL: 'error',
  });
  const url = await program.ready();
  return {
    url,
    database,
    pid: program.child.pid ?? 0,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

interface Asked {
  path: string;
  method: 'GET' | 'POST';
  body?: string;
}

function page(variables: object): Asked {
  return { path: '/graphql', method: 'POST', body: JSON.stringify({ query: PAGE, variables }) };
}

async function ask(url: string, { path, method, body }: Asked): Promise<unknown> {
  const answer = await fetch(url + path, { method, headers: HEADERS, body: body ?? null });
  if (answer.status !== 200) throw new Error(`${path} is answered ${answer.status}: ${await answer.text()}`);
  if (!(answer.headers.get('content-type') ?? '').includes('json')) return answer.arrayBuffer();
  const result = (await answer.json()) as { errors?: unknown };
  if (result.errors !== undefined) throw new Error(JSON.stringify(result.errors));
  return result;
}

async function upload(url: string): Promise<Asked> {
  const { default: sharp } = await import('sharp');
  const png = await sharp({
    create: {
      width: 900,
      height: 600,
      channels: 3,
      background: '#446622',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  })
    .png()
    .toBuffer();
  const form = new FormData();
  form.set('file', new Blob([new Uint8Array(png)], { type: 'image/png' }), 'bench.png');
  const { authorization } = HEADERS;
  const answer = await fetch(`${url}/uploads`, { method: 'POST', headers: { authorization }, body: form });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`The picture is answered ${answer.status}: ${text}`);
  const { media } = JSON.parse(text) as { media: { id: string }[] };
  return { path: `/media/${media[0]?.id}/thumbnail`, method: 'GET' };
}

/** So many connections in all, spread over the processes that serve. */
async function turn(served: Served[], work: () => Asked, postgresToo = false): Promise<Turn> {
  // An answer that tells of errors would be a fast one.
  for (const { url } of served) await ask(url, work());
  const pools = served.map(({ url }) => new Pool(url, { connections: CONNECTIONS / served.length }));
  const before = await cpuOf(served, postgresToo);
  const began = performance.now();
  const endsAt = began + SECONDS * 1000;
  let requests = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, at) => {
      const pool = pools[at % pools.length] as Pool;
      while (performance.now() < endsAt) {
        const answer = await pool.request({ ...work(), headers: HEADERS });
        await answer.body.dump();
        if (answer.statusCode !== 200) throw new Error(`Answered ${answer.statusCode}.`);
        requests += 1;
      }
    }),
  );
  const cpu = (await cpuOf(served, postgresToo)) - before;
  await Promise.all(pools.map((pool) => pool.close()));
  return { requests, cpu, seconds: (performance.now() - began) / 1000 };
}

/** µs so far, of the processes, and of PostgreSQL's for them besides where it is asked for. */
async function cpuOf(served: Served[], postgresToo: boolean): Promise<number> {
  let ticks = 0;
  for (const { pid, database } of served) {
    ticks += ticksOf(pid);
    if (!postgresToo) continue;
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    const { rows } = await client.query<{ pid: number }>(
      'SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    await client.end();
    for (const each of rows) ticks += ticksOf(each.pid);
  }
  return ticks * TICK;
}

function ticksOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}

function best(turns: Turn[]): number {
  return Math.min(...turns.map(({ cpu, requests }) => cpu / requests));
}

// --- what there is

async function newDatabase({ url }: PostgresServer, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: `${url}/postgres` });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return `${url}/${name}`;
}

function pagesOf(items: number) {
  const pages: ReturnType<typeof remoteItem>[][] = [];
  for (let from = 0; from < items; from += 500) {
    pages.push(
      Array.from({ length: Math.min(500, items - from) }, (_, at) => {
        const number = from + at;
        return remoteItem({
          remoteId: `r${number}`,
          title: `picture ${number} w${number % 5_000} w${number % 77}`,
          description: number % 2 === 0 ? `a description of w${number % 4_321} and w${number % 999}` : null,
          tags: [`tag${number % 50}`, `tag${number % 7}`],
        });
      }),
    );
  }
  return pages;
}

/** Items made inside PostgreSQL: copies of one that was stored in the ordinary way, each with words, times and ids of its own. */
async function fill(url: string, rows: number): Promise<void> {
  await using database: Database = await openDatabase({ dialect: 'postgresql', url });
  await createCatalog(database);
  const { key } = await seedPeer(database, { name: 'bench' });
  const [[item]] = pagesOf(1) as [[ReturnType<typeof remoteItem>]];
  await database.write((tx) =>
    applyRemotePage(
      tx,
      key,
      { items: [item], skipped: [], removed: [], generation: 1 },
      EMPTY_CHECKSUM,
      Date.UTC(2026, 0, 1),
    ),
  );
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows: indexes } = await client.query<{ name: string; definition: string }>(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE tablename IN ('items', 'item_search') AND indexname NOT LIKE '%pkey' AND schemaname = 'public'`,
  );
  const { rows: columns } = await client.query<{ name: string }>(
    `SELECT quote_ident(attname) AS name FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
  );
  const own: Record<string, string> = {
    key: 'i.key + n',
    id: `'media_' || md5('${randomUUID()}' || n)`,
    remote_id: `'g' || n`,
    title: `'picture ' || n`,
    title_key: `'picture ' || lpad(n::text, 9, '0')`,
    timeline_at: '1000000000000 + ((n * 7919) % 700000000) * 1000',
    added_at: '1700000000000 + n * 10',
    updated_at: '1700000000000 + n * 10',
    byte_size: '100000 + (n * 31) % 5000000',
    digest: `'sha-256:' || md5(n::text) || md5((n + 1)::text)`,
  };
  for (const { name } of indexes) await client.query(`DROP INDEX "${name}"`);
  await client.query(
    `INSERT INTO items (${columns.map(({ name }) => name).join(', ')}) SELECT ${columns.map(({ name }) => own[name] ?? `i.${name}`).join(', ')} FROM items i, generate_series(1::bigint, ${rows - 1}::bigint) n`,
  );
  await client.query('SET max_parallel_maintenance_workers = 2');
  await client.query(`SET maintenance_work_mem = '1GB'`);
  for (const { definition } of indexes) await client.query(definition);
  await client.query('UPDATE item_counts SET total = total * $1', [rows]);
  await client.query('UPDATE federation_peers SET item_count = $1, remote_total = $1', [rows]);
  await client.query(`SELECT setval(pg_get_serial_sequence('items', 'key'), (SELECT MAX(key) FROM items))`);
  await client.query('VACUUM ANALYZE items');
  await client.end();
}

function print(...texts: string[]): void {
  console.log(texts.join(' | '));
}
