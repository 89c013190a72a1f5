/**
 * Pages of the catalog through GraphQL over HTTP, each row beside its peer in the same run: one process that serves, this
 * one that asks, 16 connections, turns that alternate. All serve the same items from the same SQLite file with the same
 * selection (50 items, 12 fields, nested peer) and the same authorization (a bearer token that is looked up).
 *
 * - `hedgerow`: the whole server, as it is started.
 * - `pothos`: Pothos with a plain `prismaConnection`, in Yoga.
 * - `driver`: Yoga with rows of the driver, and its response cache.
 *
 *   npm run bench:catalog -- [--items 100000] [--rounds 5] [--seconds 2]
 */

import { fork } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { useResponseCache as responseCache } from '@graphql-yoga/plugin-response-cache';
import SchemaBuilder from '@pothos/core';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import { createSchema, createYoga } from 'graphql-yoga';
import { pino } from 'pino';
import { Pool } from 'undici';
import { startApp } from '../src/app.ts';
import { createCatalog } from '../src/catalog/catalog.ts';
import { applyRemotePage } from '../src/catalog/remote-changes.ts';
import { decideConfig } from '../src/config/config.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import type PrismaTypes from '../src/database/generated/pothos-types.ts';
import { getDatamodel } from '../src/database/generated/pothos-types.ts';
import { sql } from '../src/database/sql.ts';
import { EMPTY_CHECKSUM } from '../src/lib/checksum.ts';
import { newItem, remoteItem } from '../test/support/items.ts';

const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    serve: { type: 'string' },
    folder: { type: 'string' },
  },
});
const ITEMS = Number(values.items);
const ROUNDS = Number(values.rounds);
const SECONDS = Number(values.seconds);
const CONNECTIONS = 16;
const PAGE = 50;
const TOKEN = 'a-token-of-the-bench-of-the-catalog-0123456789';
const SELECTION =
  'edges { cursor node { id kind title description mimeType byteSize width height takenAt addedAt tags peer { id name health } } } pageInfo { hasNextPage endCursor }';
const DOCUMENT = `query Page($first: Int!, $after: String) { media(first: $first, after: $after) { ${SELECTION} } }`;

type Contender = 'hedgerow' | 'pothos' | 'driver';
const CONTENDERS: Contender[] = ['hedgerow', 'pothos', 'driver'];

if (values.serve !== undefined) await serve(values.serve as Contender, values.folder ?? '');
else await measure();

// --- the asking side

interface Child {
  url: string;
  ask(variables: object, document?: string): Promise<Answer>;
  cpu(): Promise<{ ms: number; mib: number }>;
  end(): void;
}

interface Answer {
  data: {
    media: {
      edges: { cursor: string; node: { title: string } }[];
      pageInfo: { endCursor: string };
      totalCount?: number;
    };
  };
}

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hedgerow-bench-catalog-'));
  try {
    const began = performance.now();
    await fill(join(folder, 'hedgerow.db'));
    console.error(`${ITEMS} items in ${Math.round((performance.now() - began) / 1000)} s`);
    const children = new Map<Contender, Child>();
    for (const name of CONTENDERS) children.set(name, await start(name, folder));
    const of = (name: Contender): Child => {
      const child = children.get(name);
      if (child === undefined) throw new Error(`${name} is not there.`);
      return child;
    };
    for (const name of CONTENDERS) {
      const { edges } = (await of(name).ask({ first: PAGE })).data.media;
      if (edges.length !== PAGE) throw new Error(`${name} answers ${edges.length} items.`);
    }
    const deep = await depths(of('hedgerow'));
    const rows: [what: string, turns: Partial<Record<string, () => Promise<Turn>>>][] = [
      [
        'page asked again',
        Object.fromEntries(CONTENDERS.map((name) => [name, () => turn(of(name), () => ({ first: PAGE }))])),
      ],
      [
        'page never asked before',
        Object.fromEntries(CONTENDERS.map((name) => [name, () => turn(of(name), never())])),
      ],
      [
        'page at the end, CPU of the first page',
        {
          first: () => turn(of('hedgerow'), never()),
          end: () => turn(of('hedgerow'), never({ after: deep })),
        },
      ],
      [
        'with totalCount, CPU of the page alone',
        {
          alone: () => turn(of('hedgerow'), never()),
          counted: () => turn(of('hedgerow'), never(), DOCUMENT.replace('pageInfo', 'totalCount pageInfo')),
        },
      ],
    ];
    console.log(`${ITEMS} items, ${CONNECTIONS} connections, median of ${ROUNDS} turns of ${SECONDS} s\n`);
    console.log('| what | who | requests/s | CPU of the server, ms a request |\n|---|---|---:|---:|');
    for (const [what, turns] of rows) {
      const results = new Map<string, Turn[]>();
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const [name, take] of Object.entries(turns)) {
          if (take === undefined) continue;
          results.set(name, [...(results.get(name) ?? []), await take()]);
        }
      }
      for (const [name, all] of results) {
        console.log(
          `| ${what} | ${name} | ${median(all.map(({ rate }) => rate)).toFixed(0)} | ${median(all.map(({ cpu }) => cpu)).toFixed(3)} |`,
        );
      }
    }
    console.log('\n| peak memory | MiB |\n|---|---:|');
    for (const name of CONTENDERS) console.log(`| ${name} | ${(await of(name).cpu()).mib.toFixed(0)} |`);
    for (const child of children.values()) child.end();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Turn {
  rate: number;
  /** ms of the serving process a request. */
  cpu: number;
}

async function turn(child: Child, variables: () => object, document = DOCUMENT): Promise<Turn> {
  const until = performance.now() + SECONDS * 1000;
  const before = await child.cpu();
  const began = performance.now();
  let answered = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (performance.now() < until) {
        const { data } = await child.ask(variables(), document);
        if (data?.media.edges.length === 0) throw new Error('An empty page.');
        answered += 1;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const after = await child.cpu();
  return { rate: answered / seconds, cpu: (after.ms - before.ms) / answered };
}

/** Variables that no request had before: the page size is one and the same, a variable that is not used differs. */
function never(more: object = {}): () => object {
  return () => ({ first: PAGE, ...more, [`never${randomUUID()}`]: 0 });
}

/** A cursor near the end of the newest-first order. */
async function depths(child: Child): Promise<string> {
  const { data } = await child.ask(
    { last: 500 },
    `query ($last: Int!) { media(last: $last) { ${SELECTION} } }`,
  );
  return data.media.edges[0]?.cursor ?? '';
}

async function start(name: Contender, folder: string): Promise<Child> {
  const own = join(folder, name);
  const child = fork(
    fileURLToPath(import.meta.url),
    ['--serve', name, '--folder', own, '--items', String(ITEMS)],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, BENCH_SOURCE: join(folder, 'hedgerow.db') },
    },
  );
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  const pool = new Pool(new URL(url).origin, { connections: CONNECTIONS });
  return {
    url,
    ask: async (variables, document = DOCUMENT) => {
      const { body } = await pool.request({
        method: 'POST',
        path: '/graphql',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          authorization: `Bearer ${TOKEN}`,
        },
        body: JSON.stringify({ query: document, variables }),
      });
      const answer = (await body.json()) as Answer & { errors?: { message: string }[] };
      if (answer.errors !== undefined) throw new Error(`${name}: ${answer.errors[0]?.message}`);
      return answer;
    },
    cpu: async () => {
      child.send('cpu');
      const [used] = (await once(child, 'message')) as [{ ms: number; mib: number }];
      return used;
    },
    end: () => child.kill(),
  };
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

/** A tenth is our own, the rest is a peer's. */
async function fill(path: string): Promise<void> {
  await using database = await openDatabase({ dialect: 'sqlite', path });
  const catalog = await createCatalog(database);
  const peer = await database.prisma.peer.create({
    data: { id: 'peer_bench', name: 'Meadow', endpoint: 'http://127.0.0.1:1', pulls: true, health: 'ONLINE' },
  });
  const texts = (at: number) => ({
    title: `Picture ${at} of the meadow`,
    description: `What was there on day ${at % 365}`,
    takenAt: Date.UTC(2010, 0, 1) + at * 3_000_000,
    tags: ['meadow', `day ${at % 365}`],
  });
  for (let at = 0; at < ITEMS; at += 500) {
    const numbers = Array.from({ length: Math.min(500, ITEMS - at) }, (_, index) => at + index);
    const local = numbers.filter((number) => number % 10 === 0);
    await catalog.local.add(local.map((number) => newItem({ ...texts(number), visibility: 'INSTANCE' })));
    const items = numbers
      .filter((number) => number % 10 !== 0)
      .map((number) => remoteItem({ remoteId: `r${number}`, ...texts(number) }));
    const page = { items, skipped: [], removed: [], generation: 1 };
    await database.write((tx) => applyRemotePage(tx, peer.key, page, EMPTY_CHECKSUM, Date.now()));
  }
  await database.read.all(sql`PRAGMA wal_checkpoint(TRUNCATE)`);
}

// --- the serving side

async function serve(name: Contender, folder: string): Promise<void> {
  const { copyFile, mkdir } = await import('node:fs/promises');
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'hedgerow.db');
  await copyFile(process.env['BENCH_SOURCE'] ?? '', path);
  const url = name === 'hedgerow' ? await serveHedgerow(folder) : await serveYoga(name, path);
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ ms: (user + system) / 1000, mib: process.resourceUsage().maxRSS / 1024 });
  });
  // Whoever measures has ended, also where it failed.
  process.on('disconnect', () => process.exit());
  process.send?.({ url });
}

async function serveHedgerow(folder: string): Promise<string> {
  const { config, secrets } = decideConfig({
    HEDGEROW_DATA_DIR: folder,
    HEDGEROW_PORT: '0',
    HEDGEROW_ADMIN_TOKEN: TOKEN,
    HEDGEROW_REQUESTS_PER_MINUTE: '1000000',
    HEDGEROW_FEDERATION: 'off',
  });
  const app = await startApp({ config, secrets, log: pino({ level: 'error' }) });
  return app.url;
}

async function serveYoga(name: Contender, path: string): Promise<string> {
  const database = await openDatabase({ dialect: 'sqlite', path });
  const hash = (token: string) => createHash('sha256').update(token).digest('hex');
  await database.prisma.apiToken.create({
    data: {
      id: 'token_bench',
      name: 'bench',
      hash: hash(TOKEN),
      prefix: 'bench',
      scopes: 'CATALOG_READ',
    } as never,
  });
  const yoga = createYoga({
    schema: name === 'pothos' ? pothosSchema(database) : driverSchema(database),
    graphiql: false,
    logging: false,
    maskedErrors: false,
    plugins: [
      {
        onRequest: async ({ request, endResponse }) => {
          const [row] = await database.read.all(
            sql`SELECT id FROM api_tokens WHERE hash = ${hash(request.headers.get('authorization')?.slice(7) ?? '')}`,
          );
          if (row === undefined) endResponse(new Response(null, { status: 401 }));
        },
      },
      ...(name === 'driver' ? [responseCache({ session: () => 'bench', ttl: 3_600_000 })] : []),
    ],
  });
  const server = createServer(yoga);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

function pothosSchema({ prisma }: Database) {
  const builder = new SchemaBuilder<{ PrismaTypes: PrismaTypes }>({
    plugins: [RelayPlugin, PrismaPlugin],
    prisma: { client: prisma, dmmf: getDatamodel() },
    relay: {},
    // Asked for by the types alone: the plugin of the same name is not loaded here.
    scopeAuth: { authScopes: () => ({}) },
  });
  const Peer = builder.prismaObject('Peer', {
    fields: (t) => ({ id: t.exposeID('id'), name: t.exposeString('name'), health: t.exposeString('health') }),
  });
  const peers = new Map<number, Promise<unknown>>();
  const Media = builder.prismaObject('Item', {
    name: 'Media',
    fields: (t) => ({
      id: t.exposeID('id'),
      kind: t.exposeInt('kind'),
      title: t.exposeString('title'),
      description: t.exposeString('description', { nullable: true }),
      mimeType: t.exposeString('mimeType'),
      byteSize: t.string({ nullable: true, resolve: (item) => item.byteSize?.toString() ?? null }),
      width: t.exposeInt('width', { nullable: true }),
      height: t.exposeInt('height', { nullable: true }),
      takenAt: t.string({ nullable: true, resolve: (item) => item.takenAt?.toString() ?? null }),
      addedAt: t.string({ resolve: (item) => new Date(Number(item.addedAt)).toISOString() }),
      tags: t.stringList({ resolve: (item) => JSON.parse(item.tags) }),
      // The model has no relation; what a loader would do within one request is done for all of them.
      peer: t.field({
        type: Peer,
        nullable: true,
        resolve: async (item) => {
          if (item.source === 0) return null;
          let peer = peers.get(item.source);
          if (peer === undefined) {
            peer = prisma.peer.findUnique({ where: { key: item.source } });
            peers.set(item.source, peer);
          }
          return (await peer) as never;
        },
      }),
    }),
  });
  builder.queryType({
    fields: (t) => ({
      media: t.prismaConnection({
        type: Media,
        cursor: 'id',
        maxSize: 500,
        resolve: (query) =>
          prisma.item.findMany({
            ...query,
            where: { OR: [{ visibility: { gte: 1 } }] },
            orderBy: [{ timelineAt: 'desc' }, { id: 'desc' }],
          } as never),
      }),
    }),
  });
  return builder.toSchema();
}

function driverSchema({ read }: Database) {
  return createSchema({
    typeDefs: `
      type Query { media(first: Int!, after: String): MediaConnection! }
      type MediaConnection { edges: [MediaEdge!]! pageInfo: PageInfo! }
      type PageInfo { hasNextPage: Boolean! endCursor: String }
      type MediaEdge { cursor: String! node: Media! }
      type Media { id: ID! kind: Int! title: String! description: String mimeType: String! byteSize: String width: Int height: Int takenAt: String addedAt: String! tags: [String!]! peer: Peer }
      type Peer { id: ID! name: String! health: String! }
    `,
    resolvers: {
      Query: {
        media: async (_root, { first, after }: { first: number; after?: string }) => {
          const [at, id] = after === undefined ? [Number.MAX_SAFE_INTEGER, '~'] : JSON.parse(atob(after));
          const rows = await read.all<Record<string, unknown>>(
            sql`SELECT id, source, kind, title, description, mime_type AS "mimeType", byte_size AS "byteSize", width, height, taken_at AS "takenAt", added_at AS "addedAt", timeline_at AS "timelineAt", tags FROM items WHERE visibility >= 1 AND (timeline_at, id) < (${at}, ${id}) ORDER BY timeline_at DESC, id DESC LIMIT ${first + 1}`,
          );
          const peers = await read.all<{ key: number }>(
            sql`SELECT key, id, peer_name AS name, health FROM federation_peers`,
          );
          const byKey = new Map(peers.map((peer) => [peer.key, peer]));
          const edges = rows.slice(0, first).map((row) => ({
            cursor: btoa(JSON.stringify([row['timelineAt'], row['id']])),
            node: {
              ...row,
              addedAt: new Date(Number(row['addedAt'])).toISOString(),
              tags: JSON.parse(String(row['tags'])),
              peer: byKey.get(Number(row['source'])) ?? null,
            },
          }));
          return {
            edges,
            pageInfo: { hasNextPage: rows.length > first, endCursor: edges.at(-1)?.cursor ?? null },
          };
        },
      },
    },
  });
}
