/**
 * Nothing half: a pull is ended at every statement in turn, beginnings and ends of transactions included. What is left
 * is whole at once, and the next pull goes on where the last committed page has ended, to what an undisturbed one gives.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCatalog } from '../src/catalog/catalog.ts';
import { type RemoteItem, setHidden } from '../src/catalog/remote-changes.ts';
import type { Sql, SqlDialect } from '../src/database/sql.ts';
import { sql } from '../src/database/sql.ts';
import { CursorExpired, type ListingPage, type PeerClient } from '../src/federation/dialects/dialect.ts';
import { APART, HERE, type Place, pullPeer, resolveHeldItems } from '../src/federation/pull/pull-peer.ts';
import type { CursorExpiry } from '../src/federation/wire/messages.ts';
import { addChecksum, checksumTerm, EMPTY_CHECKSUM, formatChecksum } from '../src/lib/checksum.ts';
import { DIALECTS } from './support/databases.ts';
import { remoteItem, seedPeer } from './support/items.ts';
import { createStore, type Store } from './support/shared-set/store.ts';

const PEER = 1;
/** The long form takes every statement everywhere; the short one all of the first, and of the others one in so many. */
const LONG = process.env['SHARED_SET_RUNS'] !== undefined;
const PLACES: { where: string; place: Place; dialect: SqlDialect; stride: number }[] = [
  { where: 'among everything else', place: HERE, dialect: 'sqlite', stride: 1 },
  { where: 'among everything else', place: HERE, dialect: 'postgresql', stride: 11 },
  // In steps so small that a page is stored in several transactions.
  { where: 'in a thread', place: { ...APART, step: 2, transaction: 5 }, dialect: 'sqlite', stride: 5 },
  { where: 'in a thread', place: { ...APART, step: 2, transaction: 5 }, dialect: 'postgresql', stride: 37 },
];

type Entry = RemoteItem | { skipped: string; version: string };

/** What a peer has, and what it says after each cursor. */
interface Script {
  /** The listing from the start, by pages. */
  pages: Entry[][];
  /** After the end of what was listed before: removals by name, and changes; or that it must be listed anew. */
  changes?: { items: Entry[]; removed: string[] } | { expired: CursorExpiry };
}

interface Scenario {
  name: string;
  before: Script[];
  script: Script;
  /** In place of a pull. */
  resolve?: 'REMOVE' | 'KEEP';
}

function item(id: string, version = '1', albums: string[] = [], tags: string[] = []): RemoteItem {
  return remoteItem({
    remoteId: id,
    version,
    title: `${id} in ${version}`,
    tags,
    albums: albums.map((album) => ({ id: album, title: `${album} of ${version}` })),
  });
}

const skipped = (id: string, version = '1'): Entry => ({ skipped: id, version });
const many = (count: number, from = 0) => Array.from({ length: count }, (_, at) => item(`many-${from + at}`));

const FIRST: Script = {
  pages: [
    [item('a', '1', ['x'], ['red', 'red', 'blue']), item('b', '1', ['x', 'y']), skipped('s')],
    [item('c'), skipped('t'), item('d', '1', ['y'])],
    [item('e', '1', ['z'], ['red'])],
  ],
};
const LARGE: Script = { pages: [[...many(40), skipped('s')], many(30, 40)] };
const REST: Script = { pages: [[...many(8), item('new')]], changes: { expired: 'expired' } };

const SCENARIOS: Scenario[] = [
  { name: 'the first listing', before: [], script: FIRST },
  {
    name: 'changes and removals by name',
    before: [FIRST],
    script: {
      // As a listing it would be the same: what is read here is what comes after the end.
      pages: [
        [
          item('a', '2', ['y']),
          item('d', '1', ['y']),
          item('e', '1', ['z'], ['red']),
          item('s', '2'),
          skipped('c', '2'),
        ],
      ],
      changes: {
        items: [item('a', '2', ['y']), item('s', '2'), skipped('c', '2')],
        removed: ['b', 't', 'never-here'],
      },
    },
  },
  {
    name: 'a listing anew that takes away what it does not show',
    before: [FIRST],
    script: {
      pages: [
        [item('a', '1', ['x'], ['red', 'red', 'blue']), skipped('t', '2')],
        [item('d', '3'), item('f')],
      ],
      changes: { expired: 'restored' },
    },
  },
  { name: 'a listing anew that holds what it does not show', before: [LARGE], script: REST },
  {
    name: 'a listing after the grant was changed, which takes away what was held as well',
    before: [LARGE, REST],
    script: { pages: [many(4)], changes: { expired: 'grant-changed' } },
  },
  {
    name: 'what was held, and is listed again',
    before: [LARGE, REST],
    script: { pages: [[...many(50)], [item('new', '2')]], changes: { expired: 'expired' } },
  },
  { name: 'the removal of what is held', before: [LARGE, REST], script: REST, resolve: 'REMOVE' },
  { name: 'keeping what is held', before: [LARGE, REST], script: REST, resolve: 'KEEP' },
];

for (const { where, place, dialect, stride: short } of PLACES) {
  describe.runIf(DIALECTS.includes(dialect))(
    `a pull ${where} that is ended at any statement (${dialect})`,
    () => {
      let store: Store;
      beforeAll(async () => {
        store = await createStore(dialect, async (database) => {
          await createCatalog(database);
          await seedPeer(database);
        });
      });
      afterAll(() => store[Symbol.asyncDispose]());

      it.each(SCENARIOS)(
        '$name',
        async ({ name, before, script, resolve }) => {
          await store.restore('seeded');
          let clock = Date.UTC(2026, 10, 20);
          const options = {
            signal: new AbortController().signal,
            now: () => clock,
            onPage: () => {},
            onStale: async () => {},
          };
          const pull = async (client: PeerClient) => {
            // A peer may ask for a few listings an hour.
            clock += 3600_000;
            const { read, write } = store.database;
            // Pages are gathered for transactions of several, and these are longer than one page.
            const room = () => (place.ahead ? 7 : 0);
            return pullPeer({ read, write, room }, PEER, client, options, place);
          };
          for (const [at, one] of before.entries()) await pull(peer(one, at).client);
          // A hidden item stays hidden, whatever is pulled.
          await store.database.write(async (tx) => {
            const row = await tx.get<{ id: string }>(
              sql`SELECT id FROM items WHERE source = ${PEER} ORDER BY key`,
            );
            if (row !== undefined) await setHidden(tx, [row.id], true, clock);
          });
          await store.keep('backup');

          const act = (client: PeerClient) =>
            resolve === undefined ? pull(client) : resolveHeldItems(store.database, PEER, resolve, options);
          const began = store.statements;
          const outcome = await act(peer(script, before.length).client);
          if (resolve === undefined) expect(outcome).toMatchObject({ inSync: true });
          const statements = store.statements - began;
          const expected = await contents(store.plain);
          expect(statements).toBeGreaterThan(5);
          expect(await faults(store.plain)).toEqual([]);

          const stride = LONG ? 1 : short;
          for (
            let n = SCENARIOS.findIndex((one) => one.name === name) % stride;
            n < statements;
            n += stride
          ) {
            const at = `ended before statement ${n} of ${statements}`;
            await store.restore('backup');
            store.crashAfter(n);
            const { client, asked } = peer(script, before.length);
            await expect(act(client), at).rejects.toMatchObject({ name: 'Crash' });
            await store.restart();
            expect(await faults(store.plain), at).toEqual([]);

            const left = await cursorOf(store.plain);
            const again = peer(script, before.length);
            await act(again.client);
            expect(await contents(store.plain), at).toEqual(expected);
            expect(await faults(store.plain), at).toEqual([]);
            if (resolve !== undefined) continue;
            // What was committed is not asked for again: the first question is after the cursor that is stored.
            expect(again.asked[0], at).toBe(left === '' ? null : left);
            // What was asked for ahead is asked for once more.
            const repeated = again.asked.filter((cursor) => cursor !== null && asked.includes(cursor));
            expect(repeated.length, at).toBeLessThan(place.ahead ? 3 : 2);
          }
        },
        180_000,
      );
    },
  );
}

/** Answers as a peer would, of the same content whenever it is asked; and keeps what it was asked for. */
function peer(script: Script, generation: number): { client: PeerClient; asked: (string | null)[] } {
  const asked: (string | null)[] = [];
  const { pages, changes } = script;
  const total = pages.flat();
  let sum = EMPTY_CHECKSUM;
  for (const entry of total) {
    const [id, version] =
      'skipped' in entry ? [entry.skipped, entry.version] : [entry.remoteId, entry.version];
    sum = addChecksum(sum, checksumTerm(id, version));
  }
  const complete = { total: total.length, checksum: formatChecksum(sum) };
  const page = (entries: Entry[], removed: string[], cursor: string, last: boolean): ListingPage => ({
    items: entries.filter((entry) => !('skipped' in entry)) as RemoteItem[],
    skipped: entries.flatMap((entry) =>
      'skipped' in entry ? [{ remoteId: entry.skipped, version: entry.version, reason: 'Too long.' }] : [],
    ),
    removed,
    cursor,
    epoch: 'e',
    complete: last ? complete : null,
    roundTripMs: 1,
  });
  const end = (of: number) => `end-${of}`;
  const client: PeerClient = {
    list: async (cursor) => {
      asked.push(cursor);
      if (cursor === end(generation)) return page([], [], cursor, true);
      if (cursor === end(generation - 1) && changes !== undefined) {
        if ('expired' in changes) throw new CursorExpired(changes.expired);
        return page(changes.items, changes.removed, end(generation), true);
      }
      const at = cursor === null ? 0 : Number(cursor.replace(`page-${generation}-`, ''));
      if (pages[at] === undefined) throw new Error(`No page is after ${cursor}.`);
      const last = at === pages.length - 1;
      return page(pages[at], [], last ? end(generation) : `page-${generation}-${at + 1}`, last);
    },
    bytes: () => Promise.reject(new Error('not asked for')),
    segmentList: () => Promise.reject(new Error('not asked for')),
  };
  return { client, asked };
}

async function cursorOf(read: Sql): Promise<string | null> {
  const row = await read.get<{ cursor: string | null }>(
    sql`SELECT cursor FROM federation_peers WHERE key = ${PEER}`,
  );
  return row?.cursor ?? null;
}

/** All that readers and the next pull go by, whatever ids and times it was given here. */
async function contents(read: Sql) {
  const peers = await read.all(
    sql`SELECT cursor, epoch, listing, listing_cause, item_count, skipped_count, held_count, checksum_first, checksum_second, in_sync, remote_total, diverged_in_a_row FROM federation_peers WHERE key = ${PEER}`,
  );
  const items = await read.all(
    sql`SELECT remote_id, version, title, tags, held, visibility, CASE WHEN generation < 0 THEN 1 ELSE 0 END AS kept FROM items WHERE source = ${PEER} ORDER BY remote_id`,
  );
  const tags = await read.all(
    sql`SELECT i.remote_id, t.tag FROM item_tags t JOIN items i ON i.key = t.item_key ORDER BY i.remote_id, t.tag`,
  );
  const albums = await read.all(
    sql`SELECT a.remote_id AS album, a.title, i.remote_id FROM album_items m JOIN albums a ON a.key = m.album_key JOIN items i ON i.key = m.item_key ORDER BY a.remote_id, i.remote_id`,
  );
  const left = await read.all(sql`SELECT remote_id, version FROM skipped_items ORDER BY remote_id`);
  return { peers, items, tags, albums, skipped: left };
}

/** What does not fit together, in words. */
async function faults(read: Sql): Promise<string[]> {
  const found: string[] = [];
  const peer = await read.get<{
    items: number;
    skipped: number;
    held: number;
    first: number;
    second: number;
  }>(
    sql`SELECT item_count AS items, skipped_count AS skipped, held_count AS held, checksum_first AS "first", checksum_second AS "second" FROM federation_peers WHERE key = ${PEER}`,
  );
  const rows = await read.all<{
    id: string;
    version: string;
    held: number | boolean;
    kept: number;
    tags: string;
    tagged: number;
  }>(
    sql`SELECT remote_id AS id, version, held, CASE WHEN generation < 0 THEN 1 ELSE 0 END AS kept, tags, (SELECT COUNT(*) FROM item_tags t WHERE t.item_key = items.key) AS tagged FROM items WHERE source = ${PEER}`,
  );
  const left = await read.all<{ id: string; version: string }>(
    sql`SELECT remote_id AS id, version FROM skipped_items WHERE source = ${PEER}`,
  );
  const counted = rows.filter(({ held, kept }) => !held && !kept);
  let sum = EMPTY_CHECKSUM;
  for (const { id, version } of [...counted, ...left]) sum = addChecksum(sum, checksumTerm(id, version));
  const real = {
    items: counted.length,
    skipped: left.length,
    held: rows.filter(({ held }) => held).length,
    ...sum,
  };
  for (const [name, value] of Object.entries(real)) {
    const kept = Number(peer?.[name as keyof typeof real]);
    if (kept !== value) found.push(`${name} is kept as ${kept}, and is ${value}`);
  }
  for (const { id, tags, tagged } of rows) {
    if (new Set(JSON.parse(tags)).size !== tagged) found.push(`${id} has ${tagged} tags`);
    if (left.some((one) => one.id === id)) found.push(`${id} is skipped, and is there`);
  }
  const empty = await read.all<{ id: string }>(
    sql`SELECT remote_id AS id FROM albums a WHERE source = ${PEER} AND NOT EXISTS (SELECT 1 FROM album_items m WHERE m.album_key = a.key)`,
  );
  for (const { id } of empty) found.push(`nothing is in the album ${id}`);
  const words = await read.get<{ count: number }>(
    read.dialect === 'sqlite'
      ? sql`SELECT COUNT(*) AS count FROM items i LEFT JOIN item_search s ON s.rowid = i.key WHERE s.rowid IS NULL`
      : sql`SELECT COUNT(*) AS count FROM items i LEFT JOIN item_search s ON s.item_key = i.key WHERE s.item_key IS NULL`,
  );
  if (words?.count !== 0) found.push(`${words?.count} items are not in the search index`);
  return found;
}
