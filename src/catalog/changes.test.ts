import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import type { Database } from '../database/database.ts';
import { EMPTY_CHECKSUM } from '../lib/checksum.ts';
import { createCatalog } from './catalog.ts';
import { createCatalogChanges, readChanges } from './changes.ts';
import { applyRemotePage, removeSource } from './remote-changes.ts';
import { REVISIONS_KEPT, readState } from './state.ts';
import type { Reader } from './visibility.ts';

const ADA: Reader = { kind: 'ADMIN', userId: 'user_ada' };
const VERA: Reader = { kind: 'USER', userId: 'user_vera' };
const NOBODY: Reader = { kind: 'ANONYMOUS' };

async function setUp(database: Database) {
  const catalog = await createCatalog(database);
  const revision = async () => (await readState(database.read)).revision;
  const since = async (from: number, reader: Reader = VERA, origin: 'ALL' | 'LOCAL' | 'REMOTE' = 'ALL') => {
    const { changed, removedIds, ...rest } = await readChanges(database.read, reader, origin, from);
    return { ...rest, changed: changed.map(({ title }) => title).sort(), removedIds };
  };
  const list = async (source: number, ...ids: string[]) => {
    const items = ids.map((remoteId) => remoteItem({ remoteId, title: remoteId }));
    const page = { items, skipped: [], removed: [], generation: 1 };
    await database.write((tx) => applyRemotePage(tx, source, page, EMPTY_CHECKSUM, Date.now()));
  };
  return { catalog, revision, since, list };
}

describeOnBothDatabases('what changed of the catalog', (open) => {
  it('is told to whom sees it, and to nobody else', async () => {
    const { catalog, revision, since } = await setUp(await open());
    const start = await revision();
    const [house, secret, shared] = await catalog.local.add([
      newItem({ title: 'house', visibility: 'INSTANCE' }),
      newItem({ title: 'secret', visibility: 'PRIVATE', ownerId: 'user_vera' }),
      newItem({ title: 'public', visibility: 'PUBLIC' }),
    ]);
    expect((await since(start)).changed).toEqual(['house', 'public', 'secret']);
    expect((await since(start, ADA)).changed).toEqual(['house', 'public']);
    expect((await since(start, NOBODY)).changed).toEqual(['public']);
    expect((await since(start, VERA, 'REMOTE')).changed).toEqual([]);

    const added = await revision();
    await catalog.local.remove([secret?.id ?? '', house?.id ?? '']);
    expect((await since(added)).removedIds.sort()).toEqual([house?.id, secret?.id].sort());
    expect((await since(added, ADA)).removedIds).toEqual([house?.id]);
    expect(await since(added, NOBODY)).toMatchObject({ changed: [], removedIds: [], reset: false });

    const removed = await revision();
    await catalog.local.setVisibility([shared?.id ?? ''], 'INSTANCE');
    expect(await since(removed, NOBODY)).toMatchObject({ changed: [], removedIds: [shared?.id] });
    expect(await since(removed)).toMatchObject({ changed: ['public'], removedIds: [] });
    expect((await since(start, NOBODY)).removedIds).toEqual([shared?.id]);
  });

  it('tells of what an admin hides of a peer, and of the end of a pairing', async () => {
    const database = await open();
    const { catalog, revision, since, list } = await setUp(database);
    const peer = await seedPeer(database);
    const start = await revision();
    await list(peer.key, 'r1', 'r2');
    expect(await since(start)).toMatchObject({ changed: ['r1', 'r2'], removedIds: [], reset: false });
    expect((await since(start, VERA, 'LOCAL')).changed).toEqual([]);

    const listed = await revision();
    const hidden = await catalog.remoteItem(VERA, peer.key, 'r1');
    await catalog.setHidden([hidden?.id ?? ''], true);
    expect(await since(listed)).toMatchObject({ changed: [], removedIds: [hidden?.id], reset: false });
    await catalog.setHidden([hidden?.id ?? ''], false);
    expect(await since(listed)).toMatchObject({ changed: ['r1'], removedIds: [], reset: false });

    const shown = await revision();
    await database.prisma.peer.update({ where: { key: peer.key }, data: { audience: 'ADMINS' } });
    expect(await since(shown)).toMatchObject({ changed: [], removedIds: [], reset: true });
    expect((await since(shown, VERA, 'LOCAL')).reset).toBe(false);
    const narrowed = await revision();
    await database.write((tx) => removeSource(tx, peer.key, 100, Date.now()));
    expect(await since(narrowed)).toMatchObject({ changed: [], removedIds: [], reset: false });
    expect((await since(narrowed, ADA)).removedIds).toHaveLength(2);
  });

  it('is read anew where too much changed, where it is too long ago, and where the revision is of another history', async () => {
    const database = await open();
    const { catalog, revision, since } = await setUp(database);
    const start = await revision();
    await catalog.local.add(Array.from({ length: 501 }, (_, at) => newItem({ title: `${at}` })));
    expect(await since(start)).toMatchObject({ changed: [], removedIds: [], reset: true });
    const many = await revision();
    expect(await since(many)).toEqual({ revision: many, changed: [], removedIds: [], reset: false });
    expect(await since(many + 1)).toMatchObject({ revision: many, reset: true });
    await database.prisma.catalogState.updateMany({ data: { revision: BigInt(many + REVISIONS_KEPT) } });
    expect((await since(many)).reset).toBe(false);
    expect((await since(many - 1)).reset).toBe(true);
  });

  it('is noted no longer than it can be asked for', async () => {
    const database = await open();
    const { catalog } = await setUp(database);
    const [item] = await catalog.local.add([newItem({})]);
    await catalog.local.remove([item?.id ?? '']);
    expect(await database.prisma.departure.count()).toBe(1);
    await database.prisma.catalogState.updateMany({ data: { revision: BigInt(REVISIONS_KEPT + 999) } });
    await catalog.local.add([newItem({})]);
    expect(await database.prisma.departure.count()).toBe(0);
  });

  it('adds up to the catalog, whatever happens and whoever looks', async () => {
    const database = await open();
    const { catalog, revision } = await setUp(database);
    const readers = [ADA, VERA, NOBODY];
    const copies = readers.map(() => new Map<string, number>());
    const query = { origin: 'ALL', filter: {}, order: { field: 'ADDED_AT', direction: 'ASC' } } as const;
    let known = await revision();
    const visibilities = ['PRIVATE', 'INSTANCE', 'PEERS', 'PUBLIC'] as const;
    const step = fc.tuple(fc.nat(3), fc.nat(), fc.constantFrom(...visibilities));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        for (const [act, at, visibility] of steps) {
          const all = await database.prisma.item.findMany({ orderBy: { key: 'asc' }, select: { id: true } });
          const id = all[at % Math.max(1, all.length)]?.id ?? '';
          if (act < 2)
            await catalog.local.add([newItem({ visibility, ownerId: at % 2 ? 'user_vera' : null })]);
          else if (act === 2) await catalog.local.setVisibility([id], visibility);
          else await catalog.local.remove([id]);
        }
        for (const [at, reader] of readers.entries()) {
          const copy = copies[at] ?? new Map();
          const { changed, removedIds, reset } = await readChanges(database.read, reader, 'ALL', known);
          expect(reset).toBe(false);
          for (const id of removedIds) copy.delete(id);
          for (const item of changed) copy.set(item.id, item.revision);
          const page = await catalog.page(reader, query, { first: 500 });
          expect([...copy].sort()).toEqual(page.edges.map(({ item }) => [item.id, item.revision]).sort());
        }
        known = await revision();
      }),
      { numRuns: 25 },
    );
  });
});

describeOnBothDatabases('whoever follows the catalog', (open) => {
  it('hears first where it stands, then of each change that it sees, and nothing after the end', async () => {
    const database = await open();
    const { catalog, revision } = await setUp(database);
    const { follow } = createCatalogChanges({ read: database.read, lookEvery: 5 });
    const left = new AbortController();
    const events = follow({ reader: NOBODY, origin: 'ALL', since: null, signal: left.signal });
    expect((await events.next()).value).toEqual({
      revision: await revision(),
      changed: [],
      removedIds: [],
      reset: false,
    });
    const next = events.next();
    // Not for this one, and so it is told nothing.
    await catalog.local.add([newItem({ title: 'house', visibility: 'INSTANCE' })]);
    await catalog.local.add([newItem({ title: 'public', visibility: 'PUBLIC' })]);
    expect((await next).value?.changed.map(({ title }) => title)).toEqual(['public']);
    const last = events.next();
    left.abort();
    expect(await last).toEqual({ value: undefined, done: true });
  });
});

describe('the look at the counter', () => {
  it('is shared by all, and taken by nobody once the last has gone', async () => {
    let reads = 0;
    const read = {
      dialect: 'sqlite',
      all: async () => [],
      run: async () => 0,
      get: async () => {
        reads += 1;
        return { revision: 1 };
      },
    } as unknown as Database['read'];
    const { follow } = createCatalogChanges({ read, lookEvery: 5 });
    const left = new AbortController();
    const streams = Array.from({ length: 50 }, () =>
      follow({ reader: NOBODY, origin: 'ALL', since: null, signal: left.signal }),
    );
    for (const stream of streams) await stream.next();
    const waiting = streams.map((stream) => stream.next());
    reads = 0;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(reads).toBeGreaterThan(0);
    expect(reads).toBeLessThan(100);
    left.abort();
    await Promise.all(waiting);
    await new Promise((resolve) => setTimeout(resolve, 20));
    reads = 0;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(reads).toBe(0);
  });
});
