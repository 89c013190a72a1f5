import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeOnBothDatabases, newPostgresUrl } from '../../test/support/databases.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import { type Database, type DatabaseLocation, openDatabase } from '../database/database.ts';
import { MIGRATIONS } from '../database/migrations.ts';
import { type Sql, sql } from '../database/sql.ts';
import { EMPTY_CHECKSUM } from '../lib/checksum.ts';
import { MEDIA_KINDS } from '../lib/media.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { VISIBILITIES } from './items.ts';
import type { CatalogFilter, CatalogQuery } from './query.ts';
import { applyRemotePage, holdUnseen, removeSource, removeUnseen, resolveHeld } from './remote-changes.ts';
import { itemsToTakeOver, takeOverItems } from './take-over.ts';
import type { Reader } from './visibility.ts';

const OWNERS = ['user_a', 'user_b', null];
const TAGS = ['a', 'B', 'ä b', "it's", '桜', '"q"'];
/** Years at both ends, before 1970, and moments just before and after a turn of the year. */
const TIMES = [
  null,
  Date.UTC(2024, 0, 1),
  Date.UTC(2024, 0, 1) - 1,
  Date.UTC(1969, 11, 31, 23, 59, 59, 999),
  Date.UTC(1900, 5, 1) + 1,
  -62_135_596_800_001,
  253_402_300_799_999,
];

const attributes = fc.record({
  kind: fc.constantFrom(...MEDIA_KINDS),
  tags: fc.array(fc.constantFrom(...TAGS), { maxLength: 3 }),
  takenAt: fc.constantFrom(...TIMES),
});
const which = fc.nat(30);
const peer = fc.nat(1);
const operation = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('add' as const),
      items: fc.array(fc.tuple(attributes, fc.constantFrom(...VISIBILITIES), fc.constantFrom(...OWNERS)), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('pull' as const),
      peer,
      items: fc.uniqueArray(fc.tuple(which, fc.nat(3), attributes), { selector: ([id]) => id, maxLength: 6 }),
      skipped: fc.option(which),
      removed: fc.uniqueArray(which, { maxLength: 2 }),
    }),
  },
  fc.record({ type: fc.constant('edit' as const), which, to: attributes }),
  fc.record({
    type: fc.constant('setVisibility' as const),
    which: fc.array(which, { maxLength: 3 }),
    to: fc.constantFrom(...VISIBILITIES),
  }),
  fc.record({ type: fc.constant('remove' as const), which }),
  fc.record({
    type: fc.constant('hide' as const),
    which: fc.array(which, { maxLength: 4 }),
    hidden: fc.boolean(),
  }),
  fc.record({ type: fc.constant('endListing' as const), peer, hold: fc.boolean() }),
  fc.record({
    type: fc.constant('decide' as const),
    peer,
    decision: fc.constantFrom('REMOVE' as const, 'KEEP' as const),
  }),
  fc.record({ type: fc.constant('purge' as const), peer }),
  fc.record({ type: fc.constant('takeOver' as const), peer }),
  fc.record({
    type: fc.constant('peer' as const),
    peer,
    data: fc.record({
      audience: fc.constantFrom('ADMINS', 'USERS', 'ANYONE'),
      status: fc.constantFrom('ACTIVE', 'PAUSED', 'REVOKED'),
      hiddenSince: fc.constantFrom(null, new Date(0)),
    }),
  }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const READERS: Reader[] = [
  { kind: 'ANONYMOUS' },
  { kind: 'USER', userId: 'user_a' },
  { kind: 'USER', userId: null },
  { kind: 'ADMIN', userId: 'user_b' },
];

interface Peer {
  key: number;
  id: string;
}

async function perform(database: Database, catalog: Catalog, peers: Peer[], step: Operation): Promise<void> {
  const { read, prisma } = database;
  const now = Date.now();
  const pick = async (own: boolean, numbers: readonly number[]): Promise<string[]> => {
    const rows = await read.all<{ id: string }>(
      own ? sql`SELECT id FROM items WHERE source = 0 ORDER BY key` : sql`SELECT id FROM items ORDER BY key`,
    );
    const ids = numbers.flatMap((number) => rows[number % Math.max(1, rows.length)]?.id ?? []);
    return [...new Set(ids)];
  };
  const of = (number: number) => peers[number] as Peer;
  // Whatever pulls from a peer holds the peer's row (src/federation/pull/pull-peer.ts).
  const pulling = (work: (tx: Sql) => Promise<unknown>) =>
    database.write(async (tx) => {
      if (tx.dialect === 'postgresql')
        await tx.all(sql`SELECT 1 FROM federation_peers ORDER BY key FOR UPDATE`);
      await work(tx);
    });
  switch (step.type) {
    case 'add':
      await catalog.local.add(
        step.items.map(([item, visibility, ownerId]) => newItem({ ...item, visibility, ownerId })),
      );
      return;
    case 'edit':
      for (const id of await pick(true, [step.which]))
        await catalog.local.update(id, { tags: step.to.tags, takenAt: step.to.takenAt });
      return;
    case 'setVisibility':
      await catalog.local.setVisibility(await pick(true, step.which), step.to);
      return;
    case 'remove':
      await catalog.local.remove(await pick(true, [step.which]));
      return;
    case 'hide':
      await catalog.setHidden(await pick(false, step.which), step.hidden);
      return;
    case 'pull': {
      const skipped =
        step.skipped === null ? [] : [{ remoteId: `r${step.skipped}`, version: '0', reason: 'too long' }];
      const named = new Set([...step.items.map(([id]) => id), step.skipped]);
      const page = {
        items: step.items
          .filter(([id]) => id !== step.skipped)
          .map(([id, version, item]) =>
            remoteItem({ remoteId: `r${id}`, version: String(version), ...item }),
          ),
        skipped,
        removed: step.removed.filter((id) => !named.has(id)).map((id) => `r${id}`),
        generation: 1,
      };
      await pulling((tx) => applyRemotePage(tx, of(step.peer).key, page, EMPTY_CHECKSUM, now));
      return;
    }
    case 'endListing':
      await pulling((tx) =>
        step.hold
          ? holdUnseen(tx, of(step.peer).key, 2, EMPTY_CHECKSUM, { limit: 3, now })
          : removeUnseen(tx, of(step.peer).key, 2, EMPTY_CHECKSUM, { heldToo: false, limit: 3, now }),
      );
      return;
    case 'decide':
      await pulling((tx) =>
        resolveHeld(tx, of(step.peer).key, step.decision, EMPTY_CHECKSUM, { limit: 3, now }),
      );
      return;
    case 'purge':
      await pulling((tx) => removeSource(tx, of(step.peer).key, 5, now));
      return;
    case 'takeOver': {
      const [from, to] = [of(step.peer).key, of(1 - step.peer).key];
      const keys = await itemsToTakeOver(read, from, 4);
      await pulling((tx) => takeOverItems(tx, from, to, keys, now));
      return;
    }
    case 'peer':
      await prisma.peer.update({ where: { key: of(step.peer).key }, data: step.data });
  }
}

/** The table as a full count of the items gives it. */
async function recounted(database: Database): Promise<string[]> {
  const sums = new Map<string, number>();
  for (const item of await database.prisma.item.findMany({ include: { tagRows: true } })) {
    const owner = item.visibility === 0 ? (item.ownerId ?? '') : '';
    const values = [
      ['0', ''],
      ...item.tagRows.map(({ tag }) => ['1', tag]),
      ...(item.takenAt === null ? [] : [['2', String(new Date(Number(item.takenAt)).getUTCFullYear())]]),
    ];
    for (const [facet, value] of values) {
      const key = [facet, owner, value, item.source, item.visibility, item.kind].join('|');
      sums.set(key, (sums.get(key) ?? 0) + 1);
    }
  }
  return [...sums].map(([key, sum]) => `${key}|${sum}`).sort();
}

async function kept(database: Database): Promise<string[]> {
  const rows = await database.prisma.itemCount.findMany();
  return rows
    .map((row) =>
      [row.facet, row.ownerId, row.value, row.source, row.visibility, row.kind, row.total].join('|'),
    )
    .sort();
}

/** A range that excludes nothing, and whose count is not kept: with it the items themselves are counted. */
const NOT_KEPT: CatalogFilter = { addedAt: { gte: -1_000_000 } };
const WANTED = { count: true, origins: true, kinds: true, tags: 4, years: true };

async function expectExact(database: Database, catalog: Catalog, filters: CatalogFilter[]): Promise<void> {
  expect(await kept(database)).toEqual(await recounted(database));
  for (const reader of READERS) {
    for (const filter of filters) {
      for (const origin of ['ALL', 'LOCAL', 'REMOTE'] as const) {
        const query: CatalogQuery = { origin, filter, order: { field: 'TITLE', direction: 'ASC' } };
        const counted = { ...query, filter: { ...filter, ...NOT_KEPT } };
        const facets = await catalog.facets(reader, query, WANTED);
        expect(facets, JSON.stringify([reader, query])).toEqual(
          await catalog.facets(reader, counted, WANTED),
        );
        const page = await catalog.page(reader, query, { first: 500 });
        expect(facets.count).toBe(page.edges.length);
      }
    }
  }
}

describeOnBothDatabases('kept counts', (open, dialect) => {
  it('equal a full count after any changes, for every reader, source, kind, visibility, tag and year', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const peers = [await seedPeer(database), await seedPeer(database)];
    const filters: CatalogFilter[] = [
      {},
      { kinds: ['IMAGE', 'VIDEO'] },
      { peerIds: [peers[0]?.id ?? '', 'peer_unknown'] },
      { visibilities: ['PRIVATE', 'PUBLIC'] },
      { hidden: true },
      { tags: { any: ['a'] } },
      { tags: { all: ["it's"], none: [] }, kinds: ['IMAGE'] },
      { takenAt: { gte: Date.UTC(2023, 0, 1), lt: Date.UTC(2025, 0, 1) } },
      // These are not kept, and must agree all the same.
      { tags: { any: ['a', 'B'] } },
      { tags: { any: [] } },
      { tags: { none: ['a'] } },
      { takenAt: { gte: Date.UTC(1969, 11, 31) } },
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 6, maxLength: 12 }), async (steps) => {
        for (const step of steps) await perform(database, catalog, peers, step);
        expect(await kept(database)).toEqual(await recounted(database));
      }),
      { numRuns: dialect === 'sqlite' ? 30 : 12, endOnFailure: true },
    );
    await expectExact(database, catalog, filters);
    for (const { key } of peers) {
      await database.prisma.peer.update({
        where: { key },
        data: { audience: 'ANYONE', status: 'ACTIVE', hiddenSince: null },
      });
    }
    await expectExact(database, catalog, filters);
  });

  it('are true after writers that went on at the same time', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const peers = [await seedPeer(database), await seedPeer(database)];
    const steps = fc.sample(operation, { numRuns: 40, seed: 7 });
    const outcomes = await Promise.allSettled(steps.map((step) => perform(database, catalog, peers, step)));
    // What two want to change at once may be gone for the second; nothing else may be refused.
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'NOT_FOUND' });
    }
    expect((await kept(database)).length).toBeGreaterThan(0);
    expect(await kept(database)).toEqual(await recounted(database));
  });

  it('leave nothing behind of what is gone', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const added = await catalog.local.add([newItem({ tags: ['x'], takenAt: 0 }), newItem({ tags: ['y'] })]);
    await catalog.local.remove(added.map(({ id }) => id));
    expect(await database.prisma.itemCount.count()).toBe(0);
  });

  it('are not written where nothing that is counted has changed', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const [item] = await catalog.local.add([newItem({ tags: ['x'] })]);
    await database.write((tx) => tx.run(sql`UPDATE item_counts SET total = 7`));
    await catalog.local.update(item?.id ?? '', { title: 'another' });
    expect((await database.prisma.itemCount.findMany()).map(({ total }) => total)).toEqual([7, 7]);
  });
});

describe('the migration that begins to keep counts', () => {
  it.each(['sqlite', 'postgresql'] as const)('counts what is there (%s)', async (dialect) => {
    const folder = await mkdtemp(join(tmpdir(), 'hedgerow-counts-'));
    try {
      const location: DatabaseLocation =
        dialect === 'sqlite'
          ? { dialect, path: join(folder, 'hedgerow.db') }
          : { dialect, url: await newPostgresUrl('template0') };
      const names = await readdir(join(MIGRATIONS, dialect));
      const earlier = join(folder, 'migrations');
      for (const name of names.filter((name) => name < '20261125203138')) {
        await cp(join(MIGRATIONS, dialect, name), join(earlier, dialect, name), { recursive: true });
      }
      {
        await using before = await openDatabase(location, { migrations: earlier });
        const kinds = [0, 1];
        let key = 0;
        for (const takenAt of TIMES) {
          for (const kind of kinds) {
            key += 1;
            await before.write(async (tx) => {
              await tx.run(
                sql`INSERT INTO items (key, id, source, kind, title, title_key, mime_type, timeline_at, added_at, updated_at, visibility, owner_id, taken_at) VALUES (${key}, ${`media_${key}`}, ${key % 3}, ${kind}, '', '', '', 0, 0, 0, ${key % 4}, ${OWNERS[key % 3]}, ${takenAt})`,
              );
              for (const tag of TAGS.slice(0, key % 4)) {
                await tx.run(sql`INSERT INTO item_tags (item_key, tag) VALUES (${key}, ${tag})`);
              }
            });
          }
        }
      }
      await using after = await openDatabase(location);
      expect((await kept(after)).length).toBeGreaterThan(20);
      expect(await kept(after)).toEqual(await recounted(after));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
