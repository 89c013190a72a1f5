/**
 * Pages of the catalog through GraphQL over HTTP, each row beside its peer in the same run: one process that serves, this
 * one that asks, 16 connections, turns that alternate. Whoever is compared serves the same items from the same database with
 * the same selection (50 items, 12 fields, nested peer) and the same authorization (a bearer token that is looked up for
 * each request): on PostgreSQL the whole server beside PostGraphile, on SQLite beside Pothos with a plain
 * `prismaConnection` and beside Yoga over the driver with its response cache.
 *
 *   npm run bench:catalog -- [--rows again,never,depth,total,memory,size,search,peers] [--databases sqlite,postgresql]
 *     [--items 100000] [--many 1000000] [--rounds 5] [--seconds 2] [--database folder] [--database postgresql://…]
 *     [--profile folder]
 *
 * `--database`: a folder in which the generated catalogs are kept, or a server of PostgreSQL (its address without a
 * database), or both. `--profile`: where Node writes what the servers' processors were used for.
 */

import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import { PRAGMAS } from '../src/database/sqlite.ts';
import { eventually } from '../test/support/eventually.ts';
import { type FakePeer, startFakePeer } from '../test/support/fake-peer.ts';
import { administer, startPostgres } from '../test/support/postgres.ts';
import { type CatalogSort, postgresCatalog, sqliteCatalog } from './catalog-data.ts';
import {
  type Asked,
  CONNECTIONS,
  type PostgresProcesses,
  postgresProcesses,
  type Served,
  startHedgerow,
  startPostGraphile,
  startYoga,
  type Used,
} from './catalog-servers.ts';
import { RARE_WORD } from './generate-catalog.ts';

const ROWS = ['again', 'never', 'depth', 'total', 'memory', 'size', 'search', 'peers'] as const;
type Row = (typeof ROWS)[number];
const DIALECTS = ['sqlite', 'postgresql'] as const;
type Dialect = (typeof DIALECTS)[number];

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: ROWS.join() },
    databases: { type: 'string', default: DIALECTS.join() },
    items: { type: 'string', default: '100000' },
    many: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    database: { type: 'string', multiple: true, default: [] },
    profile: { type: 'string' },
  },
});
const wanted = new Set<string>(values.rows.split(','));
for (const row of wanted) if (!ROWS.includes(row as Row)) throw new Error(`There is no row ${row}.`);
const ITEMS = Number(values.items);
const MANY = Number(values.many);
const ROUNDS = Number(values.rounds);
const SECONDS = Number(values.seconds);
const PEERS = 3;
const FEW: CatalogSort = { items: ITEMS, peers: PEERS };
const LARGE: CatalogSort = { items: MANY, peers: PEERS };
const PAGE = 50;
/** Places all over the last tenth of the catalog. */
const PLACES = 400;
const HUNDRED = 100;
/** ms after which nobody may be shown a former title any more. */
const FRESH = 1_000;
/** ms between two changes. */
const CHANGE_EVERY = 250;
/** Titles in all turns are different, so that one of an earlier turn is not taken for a new one. */
let written = 0;

const FIELDS =
  'id kind title description mimeType byteSize width height takenAt addedAt tags peer { id name health }';
const pageOf = (counted = '', filtered = false): string =>
  `query Page($first: Int!, $after: String${filtered ? ', $filter: MediaFilter' : ''}) { media(first: $first, after: $after${filtered ? ', filter: $filter' : ''}) { ${counted} edges { cursor node { ${FIELDS} } } pageInfo { hasNextPage endCursor } } }`;
const PAGE_DOCUMENT = pageOf();
const SEARCH_DOCUMENT = pageOf('', true);
/** The same page under the names that PostGraphile gives; an `id` is a node's there. */
const graphileOf = (counted = ''): string =>
  `query Page($first: Int!, $after: Cursor) { media: allItems(first: $first, after: $after, orderBy: [TIMELINE_AT_DESC, KEY_DESC]) { ${counted} edges { cursor node { ${FIELDS.replaceAll('id ', 'id: rowId ')} } } pageInfo { hasNextPage endCursor } } }`;

const scratch = mkdtempSync(join(tmpdir(), 'hedgerow-bench-catalog-'));
await chmod(scratch, 0o755);
try {
  await using stack = new AsyncDisposableStack();
  const kept = values.database.find((each) => !each.startsWith('postgresql://'));
  const folder = kept === undefined ? scratch : resolve(kept);
  mkdirSync(folder, { recursive: true });
  const files = new Map<string, Promise<string>>();
  const file = (sort: CatalogSort): Promise<string> => {
    const key = JSON.stringify(sort);
    const found = files.get(key) ?? sqliteCatalog(folder, sort);
    files.set(key, found);
    return found;
  };
  const databases = values.databases.split(',') as Dialect[];
  let postgres: Postgres | undefined;
  if (databases.includes('postgresql')) {
    const given = values.database.find((each) => each.startsWith('postgresql://'));
    postgres = await openPostgres(stack, given, kept === undefined ? undefined : join(folder, 'postgresql'));
  }
  for (const dialect of DIALECTS.filter((each) => databases.includes(each))) {
    if (asksFor('again', 'never', 'total', 'memory')) await besideOthers(dialect, file, postgres);
    if (asksFor('depth', 'size', 'search')) await largeCatalog(dialect, file, postgres);
  }
  if (asksFor('peers') && databases.includes('sqlite')) await hundredPeers(file);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function asksFor(...rows: Row[]): boolean {
  return rows.some((row) => wanted.has(row));
}

// --- the rows

type FileOf = (sort: CatalogSort) => Promise<string>;

/** Pages that are asked again, that nobody asked before, and with their count, beside others over the same items. */
async function besideOthers(dialect: Dialect, file: FileOf, postgres: Postgres | undefined): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const database = await databaseOf(stack, dialect, FEW, file, postgres);
  const hedgerow = stack.use(await hedgerowOver(database, 'hedgerow', postgres));
  const others: Served[] = [];
  if (dialect === 'sqlite') {
    for (const name of ['pothos', 'driver'] as const) {
      others.push(stack.use(await startYoga(name, scratch, database)));
    }
  } else if (postgres !== undefined) {
    const graphile = await startPostGraphile(database, postgres.processes);
    if (graphile !== null) others.push(stack.use(graphile));
  }
  const documentOf = (served: Served, counted = ''): string =>
    served.name === 'postgraphile' ? graphileOf(counted) : pageOf(counted);
  const place = `${ITEMS} items on ${dialect}`;
  if (wanted.has('again')) {
    const again = (served: Served): Work => ({
      served,
      ask: () => ({ query: documentOf(served), variables: { first: PAGE } }),
    });
    const written: Work = {
      ...again(hedgerow),
      label: `${hedgerow.name}, while an item is changed`,
      writes: true,
    };
    await measure(`page asked again, ${place}`, [again(hedgerow), written, ...others.map(again)]);
  }
  if (wanted.has('never')) {
    const never = (served: Served): Work => ({ served, ask: neverAsked(documentOf(served)) });
    await measure(`page never asked before, ${place}`, [never(hedgerow), ...others.map(never)]);
  }
  if (wanted.has('total')) {
    // The others on SQLite offer no count.
    const counting = others.filter(({ name }) => name === 'postgraphile');
    const counted = (served: Served): Work => ({
      served,
      label: `${served.name}, with totalCount`,
      ask: neverAsked(documentOf(served, 'totalCount')),
    });
    await measure(`with totalCount, ${place}`, [
      counted(hedgerow),
      { served: hedgerow, label: 'the page alone', ask: neverAsked(PAGE_DOCUMENT) },
      ...counting.map(counted),
    ]);
  }
  if (wanted.has('memory')) {
    if (!asksFor('again', 'never', 'total')) {
      for (const served of [hedgerow, ...others]) await take({ served, ask: neverAsked(documentOf(served)) });
    }
    console.log(`\n**peak memory after these rows, ${place}**\n\n| who | MiB | of it |\n|---|---:|---:|`);
    for (const each of [hedgerow, ...others]) {
      console.log(`| ${each.name} | ${each.peak().toFixed(0)} | ${times(hedgerow.peak() / each.peak())} |`);
    }
  }
}

/** Deep pages, a search, and the first page, where there are many items. */
async function largeCatalog(dialect: Dialect, file: FileOf, postgres: Postgres | undefined): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const database = await databaseOf(stack, dialect, LARGE, file, postgres);
  const large = stack.use(await hedgerowOver(database, 'hedgerow, many', postgres));
  const place = `${MANY} items on ${dialect}`;
  const first: Work = { served: large, label: 'first page', ask: neverAsked(PAGE_DOCUMENT) };
  if (wanted.has('depth')) {
    const cursors = await deepCursors(database, large);
    const ask = neverAsked(PAGE_DOCUMENT);
    let at = 0;
    const deep = (): Asked => {
      at += 1;
      const { query, variables } = ask();
      return { query, variables: { ...variables, after: cursors[at % cursors.length] } };
    };
    await measure(`page at item ${MANY * 0.9}, ${place}`, [
      { served: large, label: 'at this place', ask: deep },
      first,
    ]);
  }
  if (wanted.has('search')) await measureSearch(place, database, large, first, postgres);
  if (wanted.has('size')) {
    const smaller = await databaseOf(stack, dialect, FEW, file, postgres);
    const few = stack.use(await hedgerowOver(smaller, 'hedgerow, few', postgres));
    await measure(`first page, ${place}`, [
      { ...first, label: `${MANY} items` },
      { served: few, label: `${ITEMS} items`, ask: neverAsked(PAGE_DOCUMENT) },
    ]);
  }
}

async function measureSearch(
  place: string,
  database: string,
  served: Served,
  page: Work,
  postgres: Postgres | undefined,
): Promise<void> {
  const ask = neverAsked(SEARCH_DOCUMENT, { filter: { query: RARE_WORD } });
  await using bare = await bareSearch(database, postgres);
  const results = await measure(`search for a word of every hundredth item, newest first, ${place}`, [
    { served, label: 'search', ask },
    { ...page, label: 'page' },
    { label: 'index alone, counted', run: () => bare.count() },
    { label: 'index alone, the newest 51', run: () => bare.newest() },
  ]);
  const of = (label: string): number => cpuOf(results.get(label) ?? []);
  for (const label of ['index alone, counted', 'index alone, the newest 51']) {
    console.log(
      `\nCPU of the search of ${label} and the page: ${times(of('search') / (of(label) + of('page')))}`,
    );
  }
}

/** A hundred peers, each with an item on the first page, half of them switched off; beside one with as many items. */
async function hundredPeers(file: FileOf): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const path = join(scratch, 'paired.db');
  copyFileSync(await file(FEW), path);
  const writable = new BetterSqlite3(path);
  // Whose items the catalog has otherwise stay out of it: nobody is behind them.
  writable.exec(`UPDATE federation_peers SET status = 'PAUSED'`);
  writable.close();
  const works: Work[] = [];
  for (const count of [HUNDRED, 1]) {
    const name = count === 1 ? 'one peer' : 'a hundred peers, half of them dead';
    const served = stack.use(
      await startHedgerow({
        name,
        folder: scratch,
        database: path,
        federation: true,
        profile: values.profile,
      }),
    );
    const peers: FakePeer[] = [];
    for (let number = 0; number < count; number += 1) {
      const peer = stack.use(await startFakePeer(`Peer ${number}`));
      for (let item = 0; item < HUNDRED / count; item += 1) peer.put(`item${item}`);
      peers.push(peer);
      const { pairWithPeer } = await served.manage({
        query:
          'mutation ($code: String!) { pairWithPeer(input: {invitation: $code}) { peer { id } userErrors { message } } }',
        variables: { code: peer.invitation() },
      });
      if (pairWithPeer.peer === null) throw new Error(JSON.stringify(pairWithPeer.userErrors));
    }
    await healthOf(served, { ONLINE: count });
    // Every second one, so that the page, which shows the latest, is half of dead ones.
    const dead = peers.filter((_, number) => number % 2 === 1);
    for (const peer of dead) await peer.goDown();
    for (const { id } of await peersOf(served)) {
      const query = 'mutation ($id: ID!) { refreshPeer(input: {id: $id}) { userErrors { message } } }';
      await served.manage({ query, variables: { id } });
    }
    await healthOf(served, { ONLINE: count - dead.length });
    works.push({ served, label: name, ask: neverAsked(PAGE_DOCUMENT) });
  }
  await measure(`first page, ${ITEMS} items on sqlite and those of peers`, works);
}

async function peersOf(served: Served): Promise<{ id: string; health: string }[]> {
  const query = '{ peers(status: [ACTIVE], first: 500) { edges { node { id health } } } }';
  const { peers } = await served.manage({ query });
  return peers.edges.map(({ node }: { node: { id: string; health: string } }) => node);
}

async function healthOf(served: Served, { ONLINE }: { ONLINE: number }): Promise<void> {
  const online = async () => (await peersOf(served)).filter(({ health }) => health === 'ONLINE').length;
  await eventually(`${ONLINE} peers that are online`, async () => (await online()) === ONLINE, 120_000);
}

// --- what is there

interface Postgres {
  url: string;
  processes: PostgresProcesses;
}

async function openPostgres(
  stack: AsyncDisposableStack,
  given: string | undefined,
  folder: string | undefined,
): Promise<Postgres> {
  if (given !== undefined) return { url: given, processes: await postgresProcesses(given) };
  const server = stack.use(await startPostgres(folder));
  // Else it would clean up in somebody's turn.
  await administer(server.url, 'ALTER SYSTEM SET autovacuum = off');
  await administer(server.url, 'SELECT pg_reload_conf()');
  return { url: server.url, processes: await postgresProcesses(server.url) };
}

async function databaseOf(
  stack: AsyncDisposableStack,
  dialect: Dialect,
  sort: CatalogSort,
  file: FileOf,
  postgres: Postgres | undefined,
): Promise<string> {
  if (dialect === 'sqlite' || postgres === undefined) return file(sort);
  const name = `hedgerow_bench_run_${process.pid}_${sort.items}`;
  const { url } = postgres;
  const database = await postgresCatalog(url, name, sort, () => file(sort));
  stack.defer(() => administer(url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  return database;
}

function hedgerowOver(database: string, name: string, postgres: Postgres | undefined): Promise<Served> {
  return startHedgerow({
    name,
    folder: join(scratch, database.startsWith('postgresql://') ? 'on-postgresql' : 'on-sqlite'),
    database,
    postgres: database.startsWith('postgresql://') ? postgres?.processes : undefined,
    profile: values.profile,
  });
}

/** Cursors of places in the last tenth, made of one that a page has given: reading on to them would take a day. */
async function deepCursors(database: string, served: Served): Promise<string[]> {
  const answer = JSON.parse(await served.ask({ query: PAGE_DOCUMENT, variables: { first: 1 } }));
  const given: string = answer.data.media.edges[0].cursor;
  const [version, query] = JSON.parse(Buffer.from(given, 'base64url').toString()) as unknown[];
  const text = `SELECT timeline_at AS at, key FROM items ORDER BY timeline_at DESC, key DESC LIMIT ${PLACES} OFFSET ${MANY * 0.9}`;
  const rows = await readAll<{ at: number | string; key: number }>(database, text);
  return rows.map(({ at, key }) =>
    Buffer.from(JSON.stringify([version, query, Number(at), key])).toString('base64url'),
  );
}

async function readAll<R extends object>(database: string, text: string): Promise<R[]> {
  if (!database.startsWith('postgresql://')) {
    const sqlite = new BetterSqlite3(database, { readonly: true });
    const rows = sqlite.prepare(text).all() as R[];
    sqlite.close();
    return rows;
  }
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const { rows } = await client.query<R>(text);
  await client.end();
  return rows;
}

interface BareSearch extends AsyncDisposable {
  count(): Promise<Turn>;
  newest(): Promise<Turn>;
}

/** The index of words, asked by its database alone: of SQLite in this process, of PostgreSQL its own CPU. */
async function bareSearch(database: string, postgres: Postgres | undefined): Promise<BareSearch> {
  if (!database.startsWith('postgresql://') || postgres === undefined) {
    const sqlite = new BetterSqlite3(database, { readonly: true });
    for (const pragma of PRAGMAS.filter((each) => /^(mmap_size|cache_size)/.test(each)))
      sqlite.pragma(pragma);
    const found = 'SELECT rowid FROM item_search WHERE item_search MATCH ?';
    const turn = async (text: string): Promise<Turn> => {
      const statement = sqlite.prepare(text);
      const ms = () => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000;
      return bareTurn(
        async () => statement.all(RARE_WORD),
        () => ({ server: 0, database: ms() }),
      );
    };
    return {
      count: () => turn(`SELECT COUNT(*) FROM (${found})`),
      newest: () =>
        turn(`SELECT key FROM items WHERE key IN (${found}) ORDER BY timeline_at DESC, key DESC LIMIT 51`),
      [Symbol.asyncDispose]: async () => {
        sqlite.close();
      },
    };
  }
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const found = `FROM item_search s WHERE s.words @@ CAST($1 AS tsquery)`;
  const turn = (name: string, text: string): Promise<Turn> =>
    bareTurn(
      () => client.query({ name, text, values: [RARE_WORD] }),
      () => ({ server: 0, database: postgres.processes.ticks() * 10 }),
    );
  return {
    count: () => turn('count', `SELECT COUNT(*) ${found}`),
    newest: () =>
      turn(
        'newest',
        `SELECT key FROM items WHERE key IN (SELECT s.item_key ${found}) ORDER BY timeline_at DESC, key DESC LIMIT 51`,
      ),
    [Symbol.asyncDispose]: () => client.end(),
  };
}

async function bareTurn(ask: () => Promise<unknown>, used: () => Used): Promise<Turn> {
  const began = performance.now();
  const before = used();
  let answered = 0;
  while (performance.now() < began + SECONDS * 1000) {
    await ask();
    answered += 1;
  }
  const cpu = { server: 0, database: (used().database - before.database) / answered };
  return { rate: answered / ((performance.now() - began) / 1000), cpu };
}

// --- turns

interface Work {
  label?: string;
  served?: Served;
  ask?: () => Asked;
  /** Instead of asking a server. */
  run?: () => Promise<Turn>;
  /** Meanwhile an item of the page gets a new title, again and again. */
  writes?: boolean;
}

interface Turn {
  rate: number;
  /** ms a request. */
  cpu: Used;
  fresh?: Freshness;
}

interface Freshness {
  changes: number;
  /** ms after a change was answered, at most, at which an answer that still shows the former title came. */
  former: number;
}

/** Takes the turns, by turns, and prints what came of them; × is the first one's figure by that of each other. */
async function measure(what: string, works: Work[]): Promise<Map<string, Turn[]>> {
  const load = loadavg()[0] ?? 0;
  const turns = works.map((): Turn[] => []);
  // What a server compiles at first is in no turn.
  for (const work of works) await take(work);
  for (let round = 0; round < ROUNDS; round += 1) {
    const order = [...works.keys()];
    if (round % 2 === 1) order.reverse();
    for (const at of order) turns[at]?.push(await take(works[at] as Work));
  }
  const [first = []] = turns;
  console.log(`\n**${what}** (load ${load.toFixed(1)}; medians of ${ROUNDS} turns of ${SECONDS} s)\n`);
  console.log(
    '| who | requests/s | CPU of the server, ms a request | of PostgreSQL | requests/s × | CPU × |',
  );
  console.log('|---|---:|---:|---:|---:|---:|');
  for (const [at, work] of works.entries()) {
    const own = turns[at] ?? [];
    const cells = [
      rateOf(own).toFixed(0),
      median(own.map(({ cpu }) => cpu.server)).toFixed(3),
      median(own.map(({ cpu }) => cpu.database)).toFixed(3),
      at === 0 ? '' : times(rateOf(first) / rateOf(own)),
      at === 0 ? '' : times(cpuOf(first) / cpuOf(own)),
    ];
    console.log(`| ${nameOf(work)} | ${cells.join(' | ')} |`);
  }
  for (const [at, work] of works.entries()) {
    const seen = (turns[at] ?? []).flatMap(({ fresh }) => (fresh === undefined ? [] : [fresh]));
    if (seen.length === 0) continue;
    const changes = seen.reduce((sum, each) => sum + each.changes, 0);
    const former = Math.max(...seen.map((each) => each.former));
    console.log(
      `\n${nameOf(work)}: ${changes} changes; a former title was shown until ${former.toFixed(0)} ms after its change${former > FRESH ? ': NOT FRESH' : ''}`,
    );
  }
  return new Map(works.map((work, at) => [nameOf(work), turns[at] ?? []]));
}

function nameOf({ label, served }: Work): string {
  return label ?? served?.name ?? '';
}

async function take(work: Work): Promise<Turn> {
  if (work.run !== undefined) return work.run();
  const { served, ask } = work;
  if (served === undefined || ask === undefined) throw new Error('Nobody is asked.');
  // An answer that tells of errors would be a fast one, so one is looked at, and the others are about as long.
  const answer = await served.ask(ask());
  const { data, errors } = JSON.parse(answer);
  if (errors !== undefined) throw new Error(`${served.name}: ${JSON.stringify(errors)}`);
  const { edges } = data.media;
  if (edges.length !== PAGE) throw new Error(`${served.name} answers ${edges.length} items.`);
  const own = edges.find(({ node }: { node: { peer: unknown } }) => node.peer === null);
  const writer = work.writes === true ? await startWriter(served, own?.node.id) : null;
  const before = served.used();
  const began = performance.now();
  let answered = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (performance.now() < began + SECONDS * 1000) {
        if (writer === null) {
          const bytes = await served.load(ask());
          if (bytes < answer.length / 2) throw new Error(`${served.name} answers with ${bytes} bytes`);
        } else {
          const text = await served.ask(ask());
          if (text.length < answer.length / 2) throw new Error(`${served.name} answers ${text}`);
          writer.see(text);
        }
        answered += 1;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const after = served.used();
  const fresh = await writer?.end();
  return {
    rate: answered / seconds,
    cpu: {
      server: (after.server - before.server) / answered,
      database: (after.database - before.database) / answered,
    },
    ...(fresh !== undefined && { fresh }),
  };
}

interface Writer {
  /** An answer that has come just now. */
  see(answer: string): void;
  end(): Promise<Freshness>;
}

async function startWriter(served: Served, id: string | undefined): Promise<Writer> {
  if (id === undefined) throw new Error('No item of this server is on the page.');
  const changed: { number: number; at: number }[] = [];
  const change = async (): Promise<void> => {
    written += 1;
    const number = written;
    const { updateMedia } = await served.manage({
      query:
        'mutation ($id: ID!, $title: String) { updateMedia(input: {id: $id, title: $title}) { userErrors { message } } }',
      variables: { id, title: `change number ${number} of this title` },
    });
    if (updateMedia.userErrors.length > 0) throw new Error(JSON.stringify(updateMedia.userErrors));
    changed.push({ number, at: performance.now() });
  };
  await change();
  let ended = false;
  let former = 0;
  const { promise: end, resolve: stop } = Promise.withResolvers<void>();
  const writing = (async () => {
    while (!ended) {
      const { promise: wait, resolve: next } = Promise.withResolvers<void>();
      const timer = setTimeout(next, CHANGE_EVERY);
      await Promise.race([wait, end]);
      clearTimeout(timer);
      if (!ended) await change();
    }
  })();
  return {
    see: (answer) => {
      // None: the title that it had before all of them.
      const [, shown = '0'] = /change number (\d+) of this title/.exec(answer) ?? [];
      const next = changed.find(({ number }) => number > Number(shown));
      if (next !== undefined) former = Math.max(former, performance.now() - next.at);
    },
    end: async () => {
      ended = true;
      stop();
      await writing;
      return { changes: changed.length, former };
    },
  };
}

/** A page that no request had before: a variable that is not used differs. */
function neverAsked(query: string, more: object = {}): () => Asked {
  return () => ({ query, variables: { first: PAGE, ...more, [`never${randomUUID()}`]: 0 } });
}

function rateOf(turns: Turn[]): number {
  return median(turns.map(({ rate }) => rate));
}

/** Of the server and of PostgreSQL, where that is on this machine. */
function cpuOf(turns: Turn[]): number {
  return median(turns.map(({ cpu }) => cpu.server + (Number.isNaN(cpu.database) ? 0 : cpu.database)));
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

function times(ratio: number): string {
  return ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(ratio < 0.1 ? 3 : 2);
}
