/**
 * How long the server takes from its start until it is ready, and what memory it holds: with nothing, and with a
 * catalog of 10,000 items that was paged through once. Beside it, in the same run, what any server of this kind
 * pays: Node with a bare HTTP server, and Fastify with a GraphQL Yoga that has one field.
 *
 *   npm run bench:start -- [--rounds 5]
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createCatalog } from '../src/catalog/catalog.ts';
import { openDatabase } from '../src/database/database.ts';
import { newItem } from '../test/support/items.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ITEMS = 10_000;
const ADMIN_TOKEN = 'a-token-of-the-benchmark-that-is-long-enough';
/** ms that a server is left alone before its memory is read. */
const SETTLE = 1_500;

const BARE = `
  const server = require('node:http').createServer((_, answer) => answer.end());
  server.listen(0, '127.0.0.1', () => console.log('ready on http://127.0.0.1:' + server.address().port));
`;
const FRAMEWORKS = `
  import Fastify from 'fastify';
  import { createSchema, createYoga } from 'graphql-yoga';
  const schema = createSchema({ typeDefs: 'type Query { one: Int }', resolvers: { Query: { one: () => 1 } } });
  const yoga = createYoga({ schema, logging: false });
  const app = Fastify();
  app.get('/readyz', async () => '');
  app.route({ url: '/graphql', method: ['GET', 'POST'], handler: (request, reply) =>
    yoga.handleNodeRequestAndResponse(request, reply, {}) });
  console.log('ready on ' + await app.listen({ port: 0, host: '127.0.0.1' }));
`;

const PAGE = /* GraphQL */ `
  query Page($after: String) {
    media(first: 100, after: $after) {
      edges { node { id kind title takenAt tags availability thumbnailUrl originalUrl } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

interface Started extends AsyncDisposable {
  url: string;
  /** ms from the spawn to the line on standard output, and to the first 200. */
  line: number;
  answer: number;
  child: ChildProcess;
}

interface Row {
  line: number[];
  answer: number[];
  /** Resident bytes once it is idle. */
  resident: number[];
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const rows = new Map<string, Row>();
const folders: string[] = [];
try {
  for (let round = 0; round < Number(values.rounds); round++) await measureOnce();
  print();
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

async function measureOnce(): Promise<void> {
  await record('node:http alone', ['-e', BARE], '/');
  await record('Fastify and an empty Yoga', ['--input-type=module', '-e', FRAMEWORKS], '/readyz');
  const folder = mkdtempSync(join(tmpdir(), 'hedgerow-bench-start-'));
  folders.push(folder);
  const serve = ['bin/hedgerow.js', 'serve'];
  await record('Hedgerow, first start', serve, '/readyz', folder);
  await record('Hedgerow, second start', serve, '/readyz', folder);
  await fill(folder);
  await record(`Hedgerow, ${ITEMS.toLocaleString('en')} items`, serve, '/readyz', folder);
  await record(
    `Hedgerow, ${ITEMS.toLocaleString('en')} items, paged through`,
    serve,
    '/readyz',
    folder,
    page,
  );
}

async function record(
  name: string,
  args: string[],
  ready: string,
  dataDir?: string,
  use?: (url: string) => Promise<void>,
): Promise<void> {
  await using server = await start(args, ready, dataDir);
  await use?.(server.url);
  await sleep(SETTLE);
  const row = rows.get(name) ?? { line: [], answer: [], resident: [] };
  rows.set(name, row);
  row.line.push(server.line);
  row.answer.push(server.answer);
  row.resident.push(residentBytes(server.child.pid ?? 0));
}

async function start(args: string[], ready: string, dataDir?: string): Promise<Started> {
  const begun = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      ...(dataDir !== undefined && {
        HEDGEROW_DATA_DIR: dataDir,
        HEDGEROW_PORT: '0',
        HEDGEROW_LOG_LEVEL: 'warn',
        HEDGEROW_ADMIN_TOKEN: ADMIN_TOKEN,
      }),
    },
  });
  const ended = once(child, 'exit');
  const url = await readyLine(child);
  const line = performance.now() - begun;
  while (!(await fetch(url + ready).then(ok, () => false))) await sleep(2);
  return {
    url,
    line,
    answer: performance.now() - begun,
    child,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function ok(response: Response): Promise<boolean> {
  await response.arrayBuffer();
  return response.ok;
}

async function readyLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('The server has no standard output.');
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /ready on (http:\S+)/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error('The server ended before it was ready.');
}

async function fill(folder: string): Promise<void> {
  await using database = await openDatabase({ dialect: 'sqlite', path: join(folder, 'hedgerow.db') });
  const catalog = await createCatalog(database);
  for (let at = 0; at < ITEMS; at += 500) {
    await catalog.local.add(
      Array.from({ length: 500 }, (_, n) =>
        newItem({
          title: `A hedge by the river ${at + n}`,
          filename: `IMG_${at + n}.jpg`,
          takenAt: 1.6e12 + (at + n) * 3_600_000,
          tags: ['hedge', 'river', `day ${n % 30}`],
        }),
      ),
    );
  }
}

/** The whole catalog, as somebody would who scrolls to its end. */
async function page(url: string): Promise<void> {
  let after: string | null = null;
  let seen = 0;
  do {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${ADMIN_TOKEN}` },
      body: JSON.stringify({ query: PAGE, variables: { after } }),
    });
    const { data, errors } = (await response.json()) as {
      data: { media: { edges: unknown[]; pageInfo: { hasNextPage: boolean; endCursor: string } } } | null;
      errors?: { message: string }[];
    };
    if (data === null || data === undefined) throw new Error(errors?.[0]?.message ?? 'No data came.');
    seen += data.media.edges.length;
    after = data.media.pageInfo.hasNextPage ? data.media.pageInfo.endCursor : null;
  } while (after !== null);
  if (seen !== ITEMS) throw new Error(`Paging showed ${seen} of ${ITEMS} items.`);
}

/** Linux only; elsewhere not a number. */
function residentBytes(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kib) * 1024;
  } catch {
    return Number.NaN;
  }
}

function print(): void {
  const all = [...rows.values()];
  const [bare, frameworks] = all;
  const times = (value: number, anchor: number | undefined) =>
    `${(value / (anchor ?? Number.NaN)).toFixed(1)} ×`;
  console.log(`Median of ${values.rounds} (least to most).\n`);
  console.log(
    '| Start | Line, ms | Answer, ms | to node:http | to Fastify and Yoga | Resident, MiB | to node:http | to Fastify and Yoga |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const [name, row] of rows) {
    const answer = median(row.answer);
    const resident = median(row.resident);
    const cells = [
      name,
      spread(row.line),
      spread(row.answer),
      times(answer, bare && median(bare.answer)),
      times(answer, frameworks && median(frameworks.answer)),
      (resident / 2 ** 20).toFixed(0),
      times(resident, bare && median(bare.resident)),
      times(resident, frameworks && median(frameworks.resident)),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

function spread(numbers: readonly number[]): string {
  const whole = (value: number) => value.toFixed(0);
  return `${whole(median(numbers))} (${whole(Math.min(...numbers))} to ${whole(Math.max(...numbers))})`;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
