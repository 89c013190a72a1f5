/**
 * SQLite has one writer. How long do a user's small write and small read take while a pull takes in a peer's
 * catalog at full speed, and who should do that: the main thread in short transactions, a worker with a
 * connection of its own, or one worker for every write? The decision is docs/adr/0002-one-writer.md.
 *
 * Users' operations arrive at random times from a thread of their own, as they would from sockets, and are timed
 * from their arrival: waiting for a busy event loop counts.
 *
 *   npm run bench:writer -- [--rounds 3] [--items 50000] [--catalog 20000] [--only main-500,worker-500] [--folder …]
 */

import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isMainThread, type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { createCatalog } from '../src/catalog/catalog.ts';
import type { CatalogQuery } from '../src/catalog/query.ts';
import { applyRemotePage, type RemoteItem } from '../src/catalog/remote-changes.ts';
import type { Reader } from '../src/catalog/visibility.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import { sql } from '../src/database/sql.ts';
import { connect, sqliteSql } from '../src/database/sqlite.ts';
import { WriteLock } from '../src/database/write-lock.ts';
import { type Checksum, EMPTY_CHECKSUM } from '../src/lib/checksum.ts';
import { newItem, remoteItem, seedPeer } from '../test/support/items.ts';

/** Operations of users in a second. */
const RATES = { read: 100, session: 20, tag: 20 };
type Operation = keyof typeof RATES;
const OPERATIONS: Operation[] = ['read', 'session', 'tag'];
/** ms that the way without a pull runs. */
const IDLE = 3_000;
const LOCAL_ITEMS = 1_000;
const USER_ID = 'user_bench';
const READER: Reader = { kind: 'USER', userId: USER_ID };
const TIMELINE: CatalogQuery = { origin: 'ALL', filter: {}, order: { field: 'TAKEN_AT', direction: 'DESC' } };

interface Way {
  name: string;
  says: string;
  /** Who takes the items in; `turns`: a worker, but the main thread's lock says when. */
  by: 'nobody' | 'main' | 'worker' | 'turns' | 'one writer';
  /** Items of one transaction. */
  size: number;
  /** ms between two transactions. */
  pause: number;
}

const WAYS: Way[] = [
  { name: 'idle', says: '(a) no pull', by: 'nobody', size: 0, pause: 0 },
  { name: 'main-500', says: '(b) main thread, 500, yield', by: 'main', size: 500, pause: 0 },
  { name: 'main-500-10', says: '(b) main thread, 500, 10 ms between', by: 'main', size: 500, pause: 10 },
  { name: 'main-100', says: '(b) main thread, 100, yield', by: 'main', size: 100, pause: 0 },
  { name: 'worker-500', says: '(c) worker, 500', by: 'worker', size: 500, pause: 0 },
  { name: 'worker-500-5', says: '(c) worker, 500, 5 ms between', by: 'worker', size: 500, pause: 5 },
  { name: 'worker-5000', says: '(d) worker, 5,000', by: 'worker', size: 5_000, pause: 0 },
  { name: 'one-writer', says: '(e) every write in one worker, 500', by: 'one writer', size: 500, pause: 0 },
  { name: 'turns-500', says: '(f) worker by turns of the lock, 500', by: 'turns', size: 500, pause: 0 },
  { name: 'turns-100', says: '(f) worker by turns of the lock, 100', by: 'turns', size: 100, pause: 0 },
];

type Job =
  | { kind: 'ticker'; seed: number }
  | { kind: 'ingest'; path: string; peerKey: number; items: number; way: Way }
  | { kind: 'writer'; path: string; peerKey: number };

/** What the one writer is asked to do. */
type Write =
  | { id: number; kind: 'session'; token: string }
  | { id: number; kind: 'tag'; itemId: string; tag: string }
  | { id: number; kind: 'page'; items: RemoteItem[] };

interface Samples {
  latency: Record<Operation, number[]>;
  loop: { p99: number[]; max: number };
  /** ms of each transaction of the pull, where the main thread runs it. */
  transactions: number[];
  itemsPerSecond: number[];
  failures: number;
}

if (isMainThread) await main();
else if (parentPort !== null) await work(workerData as Job, parentPort);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      folder: { type: 'string', default: tmpdir() },
      rounds: { type: 'string', default: '3' },
      items: { type: 'string', default: '50000' },
      catalog: { type: 'string', default: '20000' },
      only: { type: 'string' },
    },
  });
  const ways = WAYS.filter(({ name }) => values.only === undefined || values.only.split(',').includes(name));
  const folder = mkdtempSync(join(values.folder, 'hedgerow-bench-writer-'));
  try {
    const template = join(folder, 'template.db');
    const peerKey = await fill(template, Number(values.catalog));
    const results = new Map(ways.map((way) => [way, emptySamples()]));
    for (let round = 0; round < Number(values.rounds); round++) {
      // Another order each round: what comes after a disk flush of its neighbour is not always the same.
      const order = round % 2 === 0 ? ways : ways.toReversed();
      for (const way of order) {
        const path = join(folder, `${way.name}-${round}.db`);
        copyFileSync(template, path);
        await measure(path, peerKey, way, Number(values.items), round, results.get(way) ?? emptySamples());
        console.error(`round ${round + 1}: ${way.name}`);
        for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
      }
    }
    print(results);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function emptySamples(): Samples {
  return {
    latency: { read: [], session: [], tag: [] },
    loop: { p99: [], max: 0 },
    transactions: [],
    itemsPerSecond: [],
    failures: 0,
  };
}

/** A catalog as it is before the pull: a peer's items, some local ones, a user. */
async function fill(path: string, remoteItems: number): Promise<number> {
  await using database = await openDatabase({ dialect: 'sqlite', path });
  const catalog = await createCatalog(database);
  const before = await seedPeer(database, { id: 'peer_before' });
  const peer = await seedPeer(database, { id: 'peer_bench' });
  await database.prisma.user.create({
    data: { id: USER_ID, name: 'Bench', username: 'bench', email: 'bench@example.org' },
  });
  await catalog.local.add(
    Array.from({ length: LOCAL_ITEMS }, (_, n) => newItem({ title: `Local ${n}`, ownerId: USER_ID })),
  );
  for (const page of pagesOf(makeItems(remoteItems, 'before'), 2_000)) {
    await database.write((tx) => applyRemotePage(tx, before.key, pageOf(page), EMPTY_CHECKSUM, Date.now()));
  }
  // Without statistics SQLite may sort the whole catalog for a page, which would hide all else.
  await database.write((tx) => tx.run(sql`ANALYZE`));
  return peer.key;
}

async function measure(
  path: string,
  peerKey: number,
  way: Way,
  items: number,
  round: number,
  samples: Samples,
): Promise<void> {
  await using database = await openDatabase({ dialect: 'sqlite', path });
  const catalog = await createCatalog(database);
  const itemIds = (await catalog.page(READER, { ...TIMELINE, origin: 'LOCAL' }, { first: 500 })).edges.map(
    ({ item }) => item.id,
  );
  const cursors = await someCursors(catalog);
  // The lock of the product is inside database.write; this one stands before it, for what is not in this thread.
  const turns = new WriteLock();
  await using writer = way.by === 'one writer' ? await startWriter(path, peerKey) : null;
  let number = 0;
  const operations: Record<Operation, () => Promise<unknown>> = {
    read: () => catalog.page(READER, TIMELINE, { after: cursors[number++ % cursors.length] }),
    session: () => {
      const token = `token_${number++}`;
      if (writer !== null) return writer.ask({ kind: 'session', token });
      return turns.run(() => createSession(database, token));
    },
    tag: () => {
      const itemId = itemIds[number % itemIds.length] ?? '';
      const tag = `tag ${number++}`;
      if (writer !== null) return writer.ask({ kind: 'tag', itemId, tag });
      return turns.run(() => catalog.local.update(itemId, { tags: [tag] }));
    },
  };
  for (const operation of OPERATIONS) for (let n = 0; n < 20; n++) await operations[operation]();

  const ingest = await prepareIngest(database, path, peerKey, way, items, turns, writer, samples);
  const running = new Set<Promise<void>>();
  let begun = Number.POSITIVE_INFINITY;
  await using ticker = startThread({ kind: 'ticker', seed: round + 1 });
  ticker.worker.on('message', ({ operation, at }: { operation: Operation; at: number }) => {
    const done = operations[operation]().then(
      () => {
        if (at >= begun) samples.latency[operation].push(wallClock() - at);
      },
      () => {
        samples.failures += 1;
      },
    );
    running.add(done);
    void done.finally(() => running.delete(done));
  });
  await once(ticker.worker, 'online');
  await sleep(100);

  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  begun = wallClock();
  await ingest();
  const took = wallClock() - begun;
  loop.disable();
  await ticker[Symbol.asyncDispose]();
  await Promise.all(running);
  samples.loop.p99.push(loop.percentile(99) / 1e6);
  samples.loop.max = Math.max(samples.loop.max, loop.max / 1e6);
  if (way.by === 'nobody') return;
  samples.itemsPerSecond.push((items / took) * 1000);
  const stored = await database.read.get<{ count: number }>(
    sql`SELECT COUNT(*) AS count FROM items WHERE source = ${peerKey}`,
  );
  if (stored?.count !== items) throw new Error(`${way.name} stored ${stored?.count} of ${items} items.`);
}

/** Everything that is not the taking in itself happens before the clock runs. */
async function prepareIngest(
  database: Database,
  path: string,
  peerKey: number,
  way: Way,
  items: number,
  turns: WriteLock,
  writer: OneWriter | null,
  samples: Samples,
): Promise<() => Promise<unknown>> {
  if (way.by === 'nobody') return () => sleep(IDLE);
  if (way.by === 'worker' || way.by === 'turns') {
    const thread = startThread({ kind: 'ingest', path, peerKey, items, way });
    await once(thread.worker, 'message');
    return async () => {
      const ended = once(thread.worker, 'exit');
      let release: (() => void) | undefined;
      thread.worker.on('message', async (message: 'turn' | 'done') => {
        if (message === 'turn') {
          release = await turns.acquire();
          thread.worker.postMessage('go');
        } else release?.();
      });
      thread.worker.postMessage('start');
      await ended;
    };
  }
  const pages = pagesOf(makeItems(items, 'pulled'), way.size);
  return async () => {
    let checksum = EMPTY_CHECKSUM;
    for (const page of pages) {
      if (writer !== null) await writer.ask({ kind: 'page', items: page });
      else {
        await turns.run(async () => {
          const begun = performance.now();
          checksum = await database.write((tx) => ingestPage(tx, peerKey, page, checksum));
          samples.transactions.push(performance.now() - begun);
        });
      }
      await (way.pause === 0 ? new Promise(setImmediate) : sleep(way.pause));
    }
  };
}

async function ingestPage(
  tx: Parameters<typeof applyRemotePage>[0],
  peerKey: number,
  items: readonly RemoteItem[],
  before: Checksum,
): Promise<Checksum> {
  const { checksum, itemCount } = await applyRemotePage(tx, peerKey, pageOf(items), before, Date.now());
  await tx.run(
    sql`UPDATE federation_peers SET item_count = item_count + ${itemCount}, checksum_first = ${checksum.first}, checksum_second = ${checksum.second} WHERE key = ${peerKey}`,
  );
  return checksum;
}

function createSession(database: Database, token: string): Promise<unknown> {
  return database.prisma.session.create({
    data: { id: `session_${token}`, token, userId: USER_ID, expiresAt: new Date(Date.now() + 86_400_000) },
  });
}

async function someCursors(catalog: Awaited<ReturnType<typeof createCatalog>>): Promise<string[]> {
  const cursors: string[] = [];
  let after: string | undefined;
  for (let n = 0; n < 20; n++) {
    const page = await catalog.page(READER, TIMELINE, { first: 500, after });
    after = page.edges.at(-1)?.cursor;
    if (after === undefined || !page.hasNextPage) break;
    cursors.push(after);
  }
  return cursors;
}

interface OneWriter extends AsyncDisposable {
  ask(write: Write extends infer W ? (W extends Write ? Omit<W, 'id'> : never) : never): Promise<void>;
}

async function startWriter(path: string, peerKey: number): Promise<OneWriter> {
  const thread = startThread({ kind: 'writer', path, peerKey });
  await once(thread.worker, 'message');
  const waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  thread.worker.on('message', ({ id, error }: { id: number; error?: string }) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asked?.resolve();
    else asked?.reject(new Error(error));
  });
  let next = 0;
  return {
    ask: (write) =>
      new Promise((resolve, reject) => {
        const id = next++;
        waiting.set(id, { resolve, reject });
        thread.worker.postMessage({ ...write, id });
      }),
    [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
  };
}

function startThread(job: Job): { worker: Worker } & AsyncDisposable {
  const worker = new Worker(new URL(import.meta.url), { workerData: job });
  return {
    worker,
    [Symbol.asyncDispose]: async () => {
      await worker.terminate();
    },
  };
}

async function work(job: Job, port: MessagePort): Promise<void> {
  if (job.kind === 'ticker') tick(job.seed, port);
  else if (job.kind === 'ingest') await ingestInWorker(job, port);
  else await writeInWorker(job, port);
}

/** Sends an operation at each of a Poisson process's times; waits without a timer, which would round to whole ms. */
function tick(seed: number, port: MessagePort): void {
  const random = randomFrom(seed);
  const clock = new Int32Array(new SharedArrayBuffer(4));
  const next = OPERATIONS.map((operation) => ({ operation, at: wallClock() + gap(random, operation) }));
  for (;;) {
    next.sort((a, b) => a.at - b.at);
    const [first] = next;
    if (first === undefined) return;
    const wait = first.at - wallClock();
    if (wait > 0) Atomics.wait(clock, 0, 0, wait);
    port.postMessage({ operation: first.operation, at: wallClock() });
    first.at += gap(random, first.operation);
  }
}

function gap(random: () => number, operation: Operation): number {
  return (-Math.log(1 - random()) / RATES[operation]) * 1000;
}

async function ingestInWorker(
  { path, peerKey, items, way }: Extract<Job, { kind: 'ingest' }>,
  port: MessagePort,
): Promise<void> {
  const connection = connect(path);
  const tx = sqliteSql(connection);
  const pages = pagesOf(makeItems(items, 'pulled'), way.size);
  let checksum = EMPTY_CHECKSUM;
  port.postMessage('ready');
  await once(port, 'message');
  for (const page of pages) {
    if (way.by === 'turns') {
      port.postMessage('turn');
      await once(port, 'message');
    }
    connection.exec('BEGIN IMMEDIATE');
    checksum = await ingestPage(tx, peerKey, page, checksum);
    connection.exec('COMMIT');
    if (way.by === 'turns') port.postMessage('done');
    if (way.pause > 0) await sleep(way.pause);
  }
  connection.close();
  port.close();
}

async function writeInWorker(
  { path, peerKey }: Extract<Job, { kind: 'writer' }>,
  port: MessagePort,
): Promise<void> {
  const database = await openDatabase({ dialect: 'sqlite', path });
  const catalog = await createCatalog(database);
  let checksum = EMPTY_CHECKSUM;
  const run = async (write: Write): Promise<void> => {
    if (write.kind === 'session') await createSession(database, write.token);
    else if (write.kind === 'tag') await catalog.local.update(write.itemId, { tags: [write.tag] });
    else checksum = await database.write((tx) => ingestPage(tx, peerKey, write.items, checksum));
  };
  port.on('message', (write: Write) => {
    run(write).then(
      () => port.postMessage({ id: write.id }),
      (error: unknown) => port.postMessage({ id: write.id, error: String(error) }),
    );
  });
  port.postMessage('ready');
}

function makeItems(count: number, prefix: string): RemoteItem[] {
  const random = randomFrom(count);
  const digest = () => `sha-256:${Array.from({ length: 8 }, () => hex(random())).join('')}`;
  const words = [
    'river',
    'house',
    'hedge',
    'garden',
    'winter',
    'harbour',
    'morning',
    'bridge',
    'market',
    'hill',
  ];
  const word = () => words[Math.floor(random() * words.length)] ?? '';
  return Array.from({ length: count }, (_, n) => {
    const original = digest();
    return remoteItem({
      remoteId: `media_${prefix}_${n}`,
      version: hex(random()),
      title: `${word()} ${word()} ${n}`,
      description: `A ${word()} by the ${word()}, seen in the ${word()}.`,
      filename: `IMG_${n}.jpg`,
      byteSize: 4_000_000 + n,
      digest: original,
      width: 6000,
      height: 4000,
      thumbhash: 'k0oGLQaSVsN0BVhn2oq2Z5SQUQcZ',
      takenAt: Math.floor(1.5e12 + random() * 2e11),
      createdAt: 1.7e12 + n,
      updatedAt: 1.7e12 + n,
      tags: [...new Set([word(), word(), word()])],
      properties: { camera: 'X100', iso: 200 },
      variants: [
        { name: 'original', mimeType: 'image/jpeg', size: 4_000_000 + n, digest: original },
        {
          name: 'thumbnail',
          mimeType: 'image/webp',
          size: 20_000,
          digest: digest(),
          width: 400,
          height: 300,
        },
        {
          name: 'preview',
          mimeType: 'image/webp',
          size: 200_000,
          digest: digest(),
          width: 1600,
          height: 1200,
        },
      ],
    });
  });
}

function pagesOf(items: readonly RemoteItem[], size: number): RemoteItem[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) =>
    items.slice(n * size, (n + 1) * size),
  );
}

function pageOf(items: readonly RemoteItem[]) {
  return { items, skipped: [], removed: [], generation: 1 };
}

/** ms; the same in every thread. */
function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

function hex(random: number): string {
  return Math.floor(random * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}

/** The same numbers in every run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function print(results: ReadonlyMap<Way, Samples>): void {
  const rows = [...results].map(([way, { latency, loop, transactions, itemsPerSecond, failures }]) => [
    way.says,
    ...OPERATIONS.map((operation) => threeOf(latency[operation])),
    `${median(loop.p99).toFixed(1)} / ${loop.max.toFixed(0)}`,
    transactions.length === 0
      ? '–'
      : `${percentile(transactions, 50).toFixed(1)} / ${percentile(transactions, 99).toFixed(1)}`,
    itemsPerSecond.length === 0 ? '–' : Math.round(median(itemsPerSecond)).toLocaleString('en'),
    String(failures),
  ]);
  const counts = [...results.values()].map(({ latency }) => latency);
  console.log(
    `ms, from arrival to answer; p50 / p99 / max. Samples a row, at least: ${OPERATIONS.map((operation) => `${Math.min(...counts.map((latency) => latency[operation].length))} ${operation}`).join(', ')}.\n`,
  );
  const heads = [
    'Pull',
    'Page of 50',
    'Session',
    'Tag',
    'Loop delay p99 / max',
    'Transaction p50 / p99',
    'Items/s',
    'Failed',
  ];
  for (const row of [heads, heads.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`);
}

function threeOf(values: readonly number[]): string {
  return [percentile(values, 50), percentile(values, 99), Math.max(...values)]
    .map((value) => (value < 10 ? value.toFixed(1) : value.toFixed(0)))
    .join(' / ');
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((percent / 100) * sorted.length))] ?? Number.NaN;
}

function median(values: readonly number[]): number {
  return percentile(values, 50);
}
