/**
 * A pull at full length: pages of a signed feed over loopback, proven, decoded, checked and stored with search index,
 * counts and checksum, by a whole instance; beside it, in the same run, row-by-row prepared upserts of the same items
 * out of memory into the same tables. The peer, the instance and the anchor are processes of their own; the peer's pages
 * are made before, and signed as they are asked for. What users ask meanwhile comes from this process, at random times,
 * and is timed from when it was due.
 *
 *   npm run bench:pull -- [--items 100000] [--rounds 3] [--databases sqlite,postgresql] [--deltas 30] [--folder …]
 */

import { type ChildProcess, fork } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { startApp } from '../src/app.ts';
import { createCatalog } from '../src/catalog/catalog.ts';
import { FACETS } from '../src/catalog/counts.ts';
import { kindNumber } from '../src/catalog/items.ts';
import type { RemoteItem } from '../src/catalog/remote-changes.ts';
import { fts5Texts, type IndexedWords, indexedWords, titleKey, tsvectorText } from '../src/catalog/words.ts';
import { decideConfig } from '../src/config/config.ts';
import { openDatabase } from '../src/database/database.ts';
import { connect } from '../src/database/sqlite.ts';
import { createHedgerowClient } from '../src/federation/dialects/hedgerow.ts';
import { readUnreadPage, type UnreadPage } from '../src/federation/dialects/hedgerow-page.ts';
import { signAnswer } from '../src/federation/identity/answer-signatures.ts';
import {
  generateKey,
  privateKeyFromSeed,
  privateSeed,
  publicKeyFromBytes,
} from '../src/federation/identity/keys.ts';
import { createOutgoing } from '../src/federation/outgoing/dispatcher.ts';
import { createIngest } from '../src/federation/pull/ingest.ts';
import { APART } from '../src/federation/pull/pull-peer.ts';
import { encodeContent } from '../src/federation/wire/content-coding.ts';
import { addChecksum, checksumTerm, EMPTY_CHECKSUM, formatChecksum } from '../src/lib/checksum.ts';
import { countMemoryTogether } from '../src/lib/collector.ts';
import { newId } from '../src/lib/ids.ts';
import { newItem, seedPeer } from '../test/support/items.ts';
import { startPostgres } from '../test/support/postgres.ts';

const PROGRAM = fileURLToPath(import.meta.url);
/** Items of the transactions of the anchor. */
const ANCHOR_TRANSACTION = 10_000;
/** Items of a delta. */
const DELTA = 100;
/** Of each of them every field, or what somebody who tidies up changes. */
type Change = 'all' | 'title';
/** Pages and tags that are asked for one after the other before anything is measured. */
const WARM = 50;
/** Items that were there before. */
const LOCAL_ITEMS = 1_000;
/** Operations of users in a second. */
const RATES = { page: 40, tag: 10 };
type Operation = keyof typeof RATES;
const ADMIN_TOKEN = 'bench_0123456789abcdefghijklmnopqrstuvwxyz';

type DatabaseName = 'sqlite' | 'postgresql';

/** What a child process is told; it answers each with one message. */
type Command =
  | { do: 'make feed'; items: number; seed: string }
  | { do: 'change items'; count: number; what: Change }
  | { do: 'forget changes' }
  | { do: 'start'; folder: string; url: string | null; peer: string; peerSeed: string }
  | { do: 'pull' }
  | { do: 'memory' }
  | { do: 'stop' }
  | { do: 'store by row'; items: number; folder: string; url: string | null };

interface Memory {
  /** MiB: all that is resident, and what of it the kernel could not take back (without mapped files). */
  resident: number;
  anonymous: number;
}

interface Pulled {
  ms: number;
  added: number;
  changed: number;
  inSync: boolean | null;
  requests: number;
  peak: Memory;
  /** µs of the process, all of its threads. */
  cpu: number;
}

interface Stored {
  ms: number;
  cpu: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      items: { type: 'string', default: '100000' },
      rounds: { type: 'string', default: '3' },
      databases: { type: 'string', default: 'sqlite,postgresql' },
      deltas: { type: 'string', default: '30' },
      folder: { type: 'string', default: tmpdir() },
    },
  });
  const items = Number(values.items);
  const folder = mkdtempSync(join(values.folder, 'hedgerow-bench-pull-'));
  const seed = privateSeed(generateKey()).toString('base64');
  await using peer = startChild();
  await using postgres = values.databases.includes('postgresql') ? await startPostgres() : null;
  try {
    const peerUrl = await peer.ask<string>({ do: 'make feed', items, seed });
    for (const database of values.databases.split(',') as DatabaseName[]) {
      const result = emptyResult();
      for (let round = 0; round < Number(values.rounds); round++) {
        const own = join(folder, `${database}-${round}`);
        const urls = await Promise.all(
          ['anchor', 'pull'].map((name) =>
            postgres === null || database === 'sqlite' ? null : newDatabase(postgres.url, `${name}_${round}`),
          ),
        );
        const anchor = async (): Promise<void> => {
          await using child = startChild();
          // Row by row over a socket is so slow that a tenth of the items says enough.
          const count = database === 'sqlite' ? items : Math.ceil(items / 10);
          const { ms, cpu } = await child.ask<Stored>({
            do: 'store by row',
            items: count,
            folder: `${own}-anchor`,
            url: urls[0] ?? null,
          });
          result.anchor.push(count / (ms / 1000));
          result.anchorCpu.push(cpu / count);
        };
        const pull = () =>
          measure(peer, { folder: own, url: urls[1] ?? null, peer: peerUrl, peerSeed: seed }, result, items, {
            // Once with users and once without: what they ask costs the pull its time.
            users: round % 2 === 1,
            deltas: Number(values.deltas),
          });
        for (const turn of round % 2 === 0 ? [anchor, pull] : [pull, anchor]) await turn();
        rmSync(own, { recursive: true, force: true });
        rmSync(`${own}-anchor`, { recursive: true, force: true });
        console.error(`after round ${round + 1}:`);
        print(database, items, result, console.error);
      }
      print(database, items, result);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Result {
  /** Items a second. */
  anchor: number[];
  /** µs an item. */
  anchorCpu: number[];
  cpu: number[];
  quiet: number[];
  busy: number[];
  /** ms. */
  delta: Record<Change, number[]>;
  nothing: number[];
  idle: Record<Operation, number[]>;
  during: Record<Operation, number[]>;
  /** MiB over idle. */
  resident: number[];
  anonymous: number[];
}

function emptyResult(): Result {
  return {
    anchor: [],
    anchorCpu: [],
    cpu: [],
    quiet: [],
    busy: [],
    delta: { all: [], title: [] },
    nothing: [],
    idle: { page: [], tag: [] },
    during: { page: [], tag: [] },
    resident: [],
    anonymous: [],
  };
}

async function measure(
  peer: Child,
  start: Omit<Extract<Command, { do: 'start' }>, 'do'>,
  result: Result,
  items: number,
  { users, deltas }: { users: boolean; deltas: number },
): Promise<void> {
  await peer.ask({ do: 'forget changes' });
  await using instance = startChild();
  const { url, itemIds } = await instance.ask<{ url: string; itemIds: string[] }>({ do: 'start', ...start });
  // Everything is loaded and compiled before anything is measured.
  for (let number = 0; number < WARM; number++) {
    await ask(url, 'page', itemIds, number);
    await ask(url, 'tag', itemIds, number);
  }
  if (users) await load(url, itemIds, result.idle, sleep(10_000));
  const idle = await instance.ask<Memory>({ do: 'memory' });

  const pulling = instance.ask<Pulled>({ do: 'pull' });
  if (users) await load(url, itemIds, result.during, pulling);
  const first = await pulling;
  check(first, items);
  (users ? result.busy : result.quiet).push(items / (first.ms / 1000));
  if (!users) result.cpu.push(first.cpu / items);
  result.resident.push(first.peak.resident - idle.resident);
  result.anonymous.push(first.peak.anonymous - idle.anonymous);
  if (users) return;

  for (let n = 0; n < 2 * deltas; n++) {
    const what = n % 2 === 0 ? 'all' : 'title';
    await peer.ask({ do: 'change items', count: DELTA, what });
    const changed = await instance.ask<Pulled>({ do: 'pull' });
    if (changed.changed !== DELTA || changed.inSync !== true) throw new Error('A delta did not arrive.');
    const nothing = await instance.ask<Pulled>({ do: 'pull' });
    if (nothing.requests !== 1) throw new Error('Nothing changed, and it took more than one request.');
    result.delta[what].push(changed.ms);
    result.nothing.push(nothing.ms);
  }
}

function check({ added, inSync }: Pulled, items: number): void {
  if (added !== items || inSync !== true) throw new Error(`${added} of ${items} arrived, in sync: ${inSync}`);
}

/** Users at random times (a Poisson process for each operation), until `end`. */
async function load(
  url: string,
  itemIds: readonly string[],
  into: Record<Operation, number[]>,
  end: Promise<unknown>,
): Promise<void> {
  let ended = false;
  const stop = () => {
    ended = true;
  };
  end.then(stop, stop);
  const under = new Set<Promise<void>>();
  let number = 0;
  await Promise.all(
    (Object.keys(RATES) as Operation[]).map(async (operation) => {
      let due = performance.now();
      for (;;) {
        due += (-Math.log(1 - Math.random()) / RATES[operation]) * 1000;
        await sleep(Math.max(0, due - performance.now()));
        if (ended) return;
        number += 1;
        const from = due;
        // What fails on a machine that cannot keep up has taken as long as it took to fail.
        const one = ask(url, operation, itemIds, number)
          .catch((error: unknown) => console.error(`${operation} failed: ${error}`))
          .then(() => {
            into[operation].push(performance.now() - from);
            under.delete(one);
          });
        under.add(one);
      }
    }),
  );
  await Promise.all(under);
}

const PAGE =
  'query Page($after: String) { media(first: 50, after: $after) { edges { cursor node { id title takenAt } } pageInfo { hasNextPage } } }';
const TAG = 'mutation Tag($input: UpdateMediaInput!) { updateMedia(input: $input) { userErrors { code } } }';

async function ask(
  url: string,
  operation: Operation,
  itemIds: readonly string[],
  number: number,
): Promise<void> {
  const body =
    operation === 'page'
      ? { query: PAGE, variables: {} }
      : {
          query: TAG,
          variables: { input: { id: itemIds[number % itemIds.length], tags: [`tag ${number % 50}`] } },
        };
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${ADMIN_TOKEN}` },
    body: JSON.stringify(body),
  });
  const { errors, data } = (await answer.json()) as {
    errors?: { message: string }[];
    data?: { updateMedia?: { userErrors: unknown[] } };
  };
  if (errors !== undefined || (data?.updateMedia?.userErrors.length ?? 0) > 0) {
    throw new Error(`${operation}: ${JSON.stringify(errors ?? data)}`);
  }
}

async function newDatabase(server: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: `${server}/postgres` });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return `${server}/${name}`;
}

interface Child extends AsyncDisposable {
  ask<T>(command: Command): Promise<T>;
}

function startChild(): Child {
  const child: ChildProcess = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let answered: (answer: { value: unknown } | { error: string }) => void = () => {};
  child.on('message', (answer) => answered(answer as { value: unknown }));
  child.on('exit', () => answered({ error: 'A process of the bench ended.' }));
  return {
    ask: async <T>(command: Command) => {
      const answer = await new Promise<{ value: unknown } | { error: string }>((resolve) => {
        answered = resolve;
        child.send(command);
      });
      if ('error' in answer) throw new Error(answer.error);
      return answer.value as T;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null) return;
      const gone = once(child, 'exit');
      child.send({ do: 'stop' } satisfies Command);
      await gone;
    },
  };
}

// In the child processes.

function serveCommands(): void {
  let instance: Awaited<ReturnType<typeof startInstance>> | null = null;
  let feed: Awaited<ReturnType<typeof startFeed>> | null = null;
  const run = async (command: Command): Promise<unknown> => {
    switch (command.do) {
      case 'make feed':
        feed = await startFeed(command.items, command.seed);
        return feed.url;
      case 'change items':
        feed?.change(command.count, command.what);
        return null;
      case 'forget changes':
        feed?.forget();
        return null;
      case 'start':
        instance = await startInstance(command);
        return { url: instance.url, itemIds: instance.itemIds };
      case 'pull':
        return instance?.pull();
      case 'memory':
        return memory();
      case 'store by row':
        return storeByRow(command);
      case 'stop':
        await instance?.[Symbol.asyncDispose]();
        process.exit(0);
    }
  };
  process.on('disconnect', () => process.exit(1));
  process.on('message', (command: Command) => {
    run(command).then(
      (value) => process.send?.({ value }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    );
  });
}

function spent(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function memory(): Memory {
  const status = readFileSync('/proc/self/status', 'utf8');
  const of = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024;
  return { resident: of('VmRSS'), anonymous: of('RssAnon') };
}

/** The feed: items by their number; what changed comes after all of them, again. */
async function startFeed(items: number, seed: string) {
  const key = privateKeyFromSeed(Buffer.from(seed, 'base64'));
  const changes: number[] = [];
  const versions = new Map<number, Edition>();
  const bodies = new Map<string, Buffer>();
  let sum = EMPTY_CHECKSUM;
  const editionOf = (n: number) => versions.get(n) ?? FIRST;
  const term = (n: number) => checksumTerm(idOf(n), versionOf(n, editionOf(n)));
  const body = async (after: number, limit: number): Promise<Buffer> => {
    const end = Math.min(after + limit, items + changes.length);
    const complete = end === items + changes.length;
    const name = `${after}-${end}-${changes.length}`;
    let made = bodies.get(name);
    if (made === undefined) {
      const numbers = Array.from({ length: end - after }, (_, i) =>
        after + i < items ? after + i : (changes[after + i - items] ?? 0),
      );
      const texts = numbers.map((n) => JSON.stringify(itemOf(n, editionOf(n))));
      const tail = complete ? `,"total":${items},"checksum":"${formatChecksum(sum)}"` : '';
      const text = `{"epoch":"bench","items":[${texts.join()}],"removed":[],"cursor":"c${end}","complete":${complete}${tail}}`;
      made = Buffer.from((await encodeContent(Buffer.from(text), 'zstd')).body);
      if (changes.length === 0) bodies.set(name, made);
    }
    return made;
  };
  for (let n = 0; n < items; n++) sum = addChecksum(sum, term(n));
  const whole = sum;
  // As an instance asks: a page of 100, then long ones.
  await body(0, 100);
  for (let after = 100; after < items; after += APART.page) await body(after, APART.page);
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://peer');
    const found = pathname === '/federation/v1/media';
    const content = found
      ? await body(Number((searchParams.get('after') ?? 'c0').slice(1)), Number(searchParams.get('limit')))
      : Buffer.from('{"code":"not-found"}');
    const status = found ? 200 : 404;
    const binding = { signature: String(request.headers['signature']) };
    response.writeHead(status, {
      'content-length': content.length,
      ...(found && { 'content-encoding': 'zstd' }),
      ...signAnswer({ status, body: content, binding }, key, new Date()),
    });
    response.end(content);
  };
  const server = createServer((request, response) => void answer(request, response));
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forget: () => {
      changes.length = 0;
      versions.clear();
      sum = whole;
    },
    change: (count: number, what: Change) => {
      for (let i = 0; i < count; i++) {
        // Each change is of another item, all over the catalog.
        const n = (changes.length * 7919) % items;
        const before = term(n);
        const { all, title } = editionOf(n);
        versions.set(n, what === 'all' ? { all: all + 1, title } : { all, title: title + 1 });
        const after = term(n);
        sum = addChecksum(sum, {
          first: after.first - before.first + 2 ** 32,
          second: after.second - before.second + 2 ** 32,
        });
        changes.push(n);
      }
    },
  };
}

const idOf = (n: number): string => `media_${n.toString(32).padStart(12, '0')}`;
/** How often an item was changed, as a whole and in its title. */
interface Edition {
  all: number;
  title: number;
}
const FIRST: Edition = { all: 0, title: 0 };
const versionOf = (n: number, { all, title }: Edition): string => `${n}-${all}-${title}`;

const WORDS = Array.from({ length: 4_000 }, (_, n) =>
  createHash('md5')
    .update(String(n))
    .digest('base64url')
    .replace(/\d|[-_]/g, '')
    .slice(0, 3 + (n % 6)),
);

/** Much as photographs of an ordinary library are; the same for the same number. */
function itemOf(n: number, edition: Edition) {
  let state = n * 2654435761 + edition.all;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const word = () => WORDS[Math.floor(random() ** 2 * WORDS.length)] ?? '';
  const digest = () =>
    `sha-256:${Array.from({ length: 8 }, () =>
      Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    ).join('')}`;
  const variant = (name: string, size: number, width: number) => ({
    name,
    mimeType: 'image/webp',
    size,
    digest: digest(),
    width,
    height: (width * 3) / 4,
  });
  const year = 2005 + Math.floor(random() * 20);
  const two = (most: number) => String(1 + Math.floor(random() * most)).padStart(2, '0');
  return {
    id: idOf(n),
    version: versionOf(n, edition),
    kind: 'image',
    title: `${word()} ${word()} ${n}${edition.title === 0 ? '' : ` ${WORDS[(n + edition.title) % WORDS.length]}`}`,
    description: `${word()} ${word()} by the ${word()}, seen from the ${word()}.`,
    filename: `IMG_${n}.jpg`,
    mimeType: 'image/jpeg',
    size: 200_000 + Math.floor(random() * 60_000),
    digest: digest(),
    width: 6000,
    height: 4000,
    thumbhash: 'k0oGLQaSVsN0BVhn2oq2Z5SQUQcZ',
    takenAt: `${year}-${two(12)}-${two(28)}T${two(23)}:${two(59)}:${two(59)}`,
    createdAt: new Date(1.7e12 + n * 1000).toISOString(),
    updatedAt: new Date(1.7e12 + n * 1000 + edition.title * 60_000).toISOString(),
    tags: [...new Set([word(), word(), word()])],
    albums:
      n % 5 === 0 ? [{ id: `album_${Math.floor(n / 500)}`, title: `Album ${Math.floor(n / 500)}` }] : [],
    properties: { camera: `X${n % 30}`, iso: 100 * (1 + (n % 16)) },
    variants: [variant('thumbnail', 20_000, 400), variant('preview', 200_000, 1600)],
  };
}

async function startInstance({ folder, url, peer, peerSeed }: Extract<Command, { do: 'start' }>) {
  const { config, secrets } = decideConfig({
    HEDGEROW_DATA_DIR: folder,
    HEDGEROW_PORT: '0',
    HEDGEROW_LOG_LEVEL: 'silent',
    HEDGEROW_ADMIN_TOKEN: ADMIN_TOKEN,
    ...(url !== null && { HEDGEROW_DATABASE_URL: url }),
  });
  const app = await startApp({ config, secrets });
  const { database, catalog } = app;
  const itemIds: string[] = [];
  for (let at = 0; at < LOCAL_ITEMS; at += 500) {
    const added = await catalog.local.add(
      Array.from({ length: 500 }, (_, n) => newItem({ title: `Local ${at + n}`, takenAt: 1.6e12 + at + n })),
    );
    itemIds.push(...added.map(({ id }) => id));
  }
  const source = (await seedPeer(database)).key;
  const outgoing = createOutgoing();
  let requests = 0;
  const connection = {
    endpoint: peer,
    policy: 'loopback' as const,
    publicKey: publicKeyFromBytes(
      Buffer.from(privateKeyFromSeed(Buffer.from(peerSeed, 'base64')).jwk.x, 'base64url'),
    ),
    token: `hedgerow_peer_${randomUUID()}`,
    key: generateKey(),
  };
  const client = createHedgerowClient(
    {
      current: async () => {
        requests += 1;
        return connection;
      },
      proved: async () => {},
      instead: async () => null,
    },
    { outgoing, now: Date.now },
  );
  const ingest = createIngest({ database });
  return {
    url: app.url,
    itemIds,
    pull: async (): Promise<Pulled> => {
      const peak = memory();
      const sample = (): void => {
        const { resident, anonymous } = memory();
        peak.resident = Math.max(peak.resident, resident);
        peak.anonymous = Math.max(peak.anonymous, anonymous);
      };
      const sampling = setInterval(sample, 100);
      requests = 0;
      const cpuBefore = process.cpuUsage();
      const begun = performance.now();
      const { added, changed, inSync } = await ingest.pull(source, client, {
        signal: new AbortController().signal,
        now: Date.now,
        onPage: () => {},
        onStale: async () => {},
      });
      const ms = performance.now() - begun;
      clearInterval(sampling);
      sample();
      return { ms, added, changed, inSync, requests, peak, cpu: spent(cpuBefore) };
    },
    [Symbol.asyncDispose]: async () => {
      await ingest[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
      await outgoing[Symbol.asyncDispose]();
    },
  };
}

/** The items as the pull has them after checking. */
async function remoteItems(from: number, to: number): Promise<RemoteItem[]> {
  const items = Array.from({ length: to - from }, (_, i) => itemOf(from + i, FIRST));
  const body = Buffer.from(
    JSON.stringify({ epoch: 'bench', items, removed: [], cursor: 'c1', complete: false }),
  );
  const unread: UnreadPage = {
    status: 200,
    fields: [],
    body,
    sent: { signature: '' },
    at: 0,
    limit: 5000,
    roundTripMs: 0,
  };
  const { page } = await readUnreadPage(unread, generateKey());
  return (await page()).items;
}

/** The columns that a pull fills, and what is in them. */
const ROW: [name: string, value: (item: RemoteItem) => unknown][] = [
  ['remote_id', (item) => item.remoteId],
  ['id', () => newId('media')],
  ['version', (item) => item.version],
  ['kind', (item) => kindNumber(item.kind)],
  ['title', (item) => item.title],
  ['title_key', (item) => titleKey(item.title)],
  ['description', (item) => item.description],
  ['filename', (item) => item.filename],
  ['mime_type', (item) => item.mimeType],
  ['byte_size', (item) => item.byteSize],
  ['digest', (item) => item.digest],
  ['width', (item) => item.width],
  ['height', (item) => item.height],
  ['duration_ms', (item) => item.durationMs],
  ['page_count', (item) => item.pageCount],
  ['thumbhash', (item) => item.thumbhash],
  ['taken_at', (item) => item.takenAt],
  ['taken_at_offset', (item) => item.takenAtOffset],
  ['timeline_at', (item) => item.takenAt ?? item.createdAt],
  ['added_at', (item) => item.createdAt],
  ['updated_at', (item) => item.updatedAt],
  ['tags', (item) => JSON.stringify(item.tags)],
  ['creator', (item) => item.creator],
  ['license', (item) => item.license],
  ['properties', (item) => JSON.stringify(item.properties)],
  ['variants', (item) => JSON.stringify(item.variants)],
  ['thumb_state', () => 1],
];

/** One row of one table: what the anchor has prepared, by the order in which it runs. */
const ROW_SQL = {
  item: `INSERT INTO items (source, generation, revision, visibility, ${ROW.map(([name]) => name).join(', ')}) VALUES (1, 1, 1, 1, ${ROW.map(() => '?').join(', ')}) ON CONFLICT (source, remote_id) DO UPDATE SET generation = excluded.generation, revision = excluded.revision, ${ROW.filter(
    ([name]) => name !== 'id' && name !== 'remote_id',
  )
    .map(([name]) => `${name} = excluded.${name}`)
    .join(', ')} RETURNING key`,
  tag: 'INSERT INTO item_tags (item_key, tag) VALUES (?, ?)',
  album: `INSERT INTO albums (source, visibility, remote_id, id, title, title_key, created_at, updated_at) VALUES (1, 1, ?, ?, ?, ?, 0, 0) ON CONFLICT (source, remote_id) DO UPDATE SET title = excluded.title, title_key = excluded.title_key RETURNING key`,
  member: 'INSERT INTO album_items (album_key, item_key) VALUES (?, ?)',
  count: `INSERT INTO item_counts (facet, owner_id, value, source, visibility, kind, total) VALUES (?, '', ?, 1, 1, ?, 1) ON CONFLICT (facet, owner_id, value, source, visibility, kind) DO UPDATE SET total = item_counts.total + 1`,
  sum: 'UPDATE federation_peers SET item_count = ?, checksum_first = ?, checksum_second = ? WHERE key = 1',
};
type RowSql = keyof typeof ROW_SQL | 'search';

const SEARCH_SQL = {
  sqlite: 'INSERT OR REPLACE INTO item_search (rowid, title, tags, rest) VALUES (?, ?, ?, ?)',
  postgresql:
    'INSERT INTO item_search (item_key, words) VALUES (?, CAST(? AS tsvector)) ON CONFLICT (item_key) DO UPDATE SET words = excluded.words',
};

/** Runs one row; answers its key where it has one. */
type RunRow = (name: RowSql, values: unknown[]) => number | undefined | Promise<number | undefined>;

/** Of the storing alone: the items are made and checked between the transactions. */
async function storeByRow({ items, folder, url }: Extract<Command, { do: 'store by row' }>): Promise<Stored> {
  const path = join(folder, 'hedgerow.db');
  {
    await using database = await openDatabase(
      url === null ? { dialect: 'sqlite', path } : { dialect: 'postgresql', url },
    );
    await createCatalog(database);
    await seedPeer(database);
  }
  await using by = url === null ? rowsOfSqlite(path) : await rowsOfPostgres(url);
  let ms = 0;
  let cpu = 0;
  let sum = EMPTY_CHECKSUM;
  for (let from = 0; from < items; from += ANCHOR_TRANSACTION) {
    const list: RemoteItem[] = [];
    const to = Math.min(items, from + ANCHOR_TRANSACTION);
    for (let at = from; at < to; at += 5000) list.push(...(await remoteItems(at, Math.min(to, at + 5000))));
    const cpuBefore = process.cpuUsage();
    const begun = performance.now();
    await by.transaction(async () => {
      for (const item of list) {
        const stored = by.run(
          'item',
          ROW.map(([, value]) => value(item)),
        );
        const key = stored instanceof Promise ? await stored : stored;
        const rows: [RowSql, unknown[]][] = item.tags.map((tag) => ['tag', [key, tag]]);
        for (const { id, title } of item.albums) {
          const album = by.run('album', [id, newId('album'), title, titleKey(title)]);
          rows.push(['member', [album instanceof Promise ? await album : album, key]]);
        }
        rows.push(['search', [key, ...by.words(indexedWords(item))]]);
        const kind = kindNumber(item.kind);
        rows.push(['count', [FACETS.ALL, '', kind]]);
        for (const tag of item.tags) rows.push(['count', [FACETS.TAG, tag, kind]]);
        const year = String(new Date(item.takenAt ?? 0).getUTCFullYear());
        rows.push(['count', [FACETS.YEAR, year, kind]]);
        sum = addChecksum(sum, checksumTerm(item.remoteId, item.version));
        for (const row of rows) {
          const run = by.run(...row);
          if (run instanceof Promise) await run;
        }
      }
      await by.run('sum', [to, sum.first, sum.second]);
    });
    ms += performance.now() - begun;
    cpu += spent(cpuBefore);
  }
  return { ms, cpu };
}

interface Rows extends AsyncDisposable {
  run: RunRow;
  words(indexed: IndexedWords): string[];
  transaction(work: () => Promise<void>): Promise<void>;
}

function rowsOfSqlite(path: string): Rows {
  const connection = connect(path);
  // The log goes into the file as whoever opens a database has it by default.
  connection.pragma('wal_autocheckpoint = 1000');
  const texts = { ...ROW_SQL, search: SEARCH_SQL.sqlite };
  const prepared = Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, connection.prepare(text)]),
  ) as Record<RowSql, ReturnType<typeof connection.prepare>>;
  return {
    words: fts5Texts,
    run: (name, values) => {
      const statement = prepared[name];
      if (name === 'item' || name === 'album') return (statement.get(values) as { key: number }).key;
      statement.run(values);
      return undefined;
    },
    transaction: async (work) => {
      connection.exec('BEGIN IMMEDIATE');
      await work();
      connection.exec('COMMIT');
    },
    [Symbol.asyncDispose]: async () => void connection.close(),
  };
}

async function rowsOfPostgres(url: string): Promise<Rows> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const texts: Record<RowSql, string> = { ...ROW_SQL, search: SEARCH_SQL.postgresql };
  for (const [name, text] of Object.entries(texts)) {
    let place = 0;
    texts[name as RowSql] = text.replace(/\?/g, () => `$${++place}`);
  }
  return {
    words: (indexed) => [tsvectorText(indexed)],
    run: async (name, values) => {
      const { rows } = await client.query<{ key: number }>({ name, text: texts[name], values });
      return rows[0]?.key;
    },
    transaction: async (work) => {
      await client.query('BEGIN');
      await work();
      await client.query('COMMIT');
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

// What is shown.

function print(
  database: DatabaseName,
  items: number,
  result: Result,
  say: (text: string) => void = console.log,
): void {
  const one = (values: readonly number[]) => median(values);
  const latencies = (values: readonly number[]): [string, string] => [
    fixed(one(values)),
    `p99 ${fixed(percentile(values, 99))}`,
  ];
  const rate = (values: readonly number[]) => Math.round(one(values)).toLocaleString('en');
  const latency = (values: readonly number[]) =>
    `${fixed(percentile(values, 50))} / ${fixed(percentile(values, 99))}`;
  const rows: [string, string, string, string][] = [
    [
      'first pull, items/s',
      rate(result.quiet),
      `row by row: ${rate(result.anchor)}`,
      `× ${(one(result.quiet) / one(result.anchor)).toFixed(2)} (≥ 2)`,
    ],
    [
      'its CPU, µs an item, all threads',
      fixed(one(result.cpu)),
      `row by row: ${fixed(one(result.anchorCpu))}`,
      `× ${(one(result.cpu) / one(result.anchorCpu)).toFixed(2)}`,
    ],
    [`${DELTA} changes of everything, ms`, ...latencies(result.delta.all), '≤ 10'],
    [`${DELTA} changes of a title, ms`, ...latencies(result.delta.title), '≤ 10'],
    ['nothing changed, ms', ...latencies(result.nothing), '≤ 3'],
  ];
  if (result.busy.length > 0) {
    const { idle, during } = result;
    rows.push(
      ['first pull with users, items/s', rate(result.busy), '', ''],
      [
        'page of 50 during the pull, p50 / p99, ms',
        latency(during.page),
        `idle: ${latency(idle.page)}`,
        `× ${(percentile(during.page, 99) / percentile(idle.page, 99)).toFixed(2)} (≤ 1.3)`,
      ],
      [
        'tag during the pull, p50 / p99, ms',
        latency(during.tag),
        `idle: ${latency(idle.tag)}`,
        `${fixed(percentile(during.tag, 99))} (≤ 50)`,
      ],
    );
  }
  rows.push([
    'memory over idle at most, MiB',
    fixed(Math.max(...result.anonymous)),
    `with mapped files: ${fixed(Math.max(...result.resident))}`,
    '≤ 100',
  ]);
  say(
    `\n${database}, ${items.toLocaleString('en')} items; ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}; samples: ${result.during.page.length} pages, ${result.during.tag.length} tags\n`,
  );
  const heads = ['What', 'Hedgerow', 'Beside it', 'Goal'];
  for (const row of [heads, heads.map(() => '---'), ...rows]) say(`| ${row.join(' | ')} |`);
}

function fixed(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((percent / 100) * sorted.length))] ?? Number.NaN;
}

function median(values: readonly number[]): number {
  return percentile(values, 50);
}

if (process.send === undefined) await main();
else {
  // As the command does before it loads anything.
  countMemoryTogether();
  serveCommands();
}
