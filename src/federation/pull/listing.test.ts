/** What a listing takes away, holds and keeps: with a checksum, and without one. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../../test/support/databases.ts';
import { remoteItem, seedPeer } from '../../../test/support/items.ts';
import { createCatalog } from '../../catalog/catalog.ts';
import { readPage } from '../../catalog/query.ts';
import type { RemoteItem } from '../../catalog/remote-changes.ts';
import type { Database } from '../../database/database.ts';
import { addChecksum, checksumTerm, EMPTY_CHECKSUM, formatChecksum } from '../../lib/checksum.ts';
import { CursorExpired, type ListingPage, type PeerClient } from '../dialects/dialect.ts';
import type { CursorExpiry } from '../wire/messages.ts';
import { APART, pullPeer, resolveHeldItems } from './pull-peer.ts';

describeOnBothDatabases('a listing', (open) => {
  async function setUp() {
    const database = await open();
    const catalog = await createCatalog(database);
    const peer = await seedPeer(database);
    const stale: string[] = [];
    let clock = Date.UTC(2026, 10, 20);
    const options = {
      signal: new AbortController().signal,
      now: () => clock,
      onPage: () => {},
      onStale: async (items: { id: string }[]) => void stale.push(...items.map(({ id }) => id)),
    };
    const row = () => database.prisma.peer.findUniqueOrThrow({ where: { key: peer.key } });
    return {
      database,
      catalog,
      peer,
      stale,
      row,
      /** An hour after the last one: a peer may not ask to be listed anew more often than now and then. */
      pull: (client: PeerClient, on: Pick<Database, 'read' | 'write'> = database) => {
        clock += 3600_000;
        return pullPeer(on, peer.key, client, options);
      },
      options,
      resolve: (decision: 'REMOVE' | 'KEEP') => resolveHeldItems(database, peer.key, decision, options),
      held: () => database.prisma.item.count({ where: { source: peer.key, held: true } }),
      here: async () =>
        (await database.prisma.item.findMany({ where: { source: peer.key }, select: { remoteId: true } }))
          .map(({ remoteId }) => remoteId ?? '')
          .sort(),
    };
  }

  it('stores pages together as there is room', async () => {
    for (const [room, transactions] of [
      [null, 3],
      [5, 9],
      [30, 3],
      [1_000, 1],
    ] as const) {
      const { database, peer, options, here } = await setUp();
      const pages = Array.from({ length: 9 }, (_, page) => ({
        items: names(10).map((id) => listed(`${id}-of-${page}`)),
      }));
      const seen: number[] = [];
      const outcome = await pullPeer(
        { read: database.read, write: database.write, ...(room !== null && { room: () => room }) },
        peer.key,
        pagingPeer(pages).client,
        { ...options, onPage: ({ added }) => void seen.push(added) },
        { ...APART, transaction: 30 },
      );
      expect(outcome).toMatchObject({ added: 90, inSync: true });
      expect((await here()).length).toBe(90);
      expect(seen.length, String(room)).toBe(transactions);
    }
  });

  it('ends a transaction where the next page keeps it waiting, and shows what has come', async () => {
    const { database, peer, options, here } = await setUp();
    const pages = Array.from({ length: 3 }, (_, page) => ({
      items: names(10).map((id) => listed(`${id}-of-${page}`)),
    }));
    const { client } = pagingPeer(pages);
    const last = Promise.withResolvers<void>();
    let shown: number | null = null;
    let asked = 0;
    const slow: PeerClient = {
      ...client,
      list: async (...about) => {
        asked += 1;
        if (asked === 3) await last.promise;
        return client.list(...about);
      },
    };
    const outcome = await pullPeer(
      { read: database.read, write: database.write, room: () => 1_000 },
      peer.key,
      slow,
      {
        ...options,
        onPage: async () => {
          shown ??= (await here()).length;
          last.resolve();
        },
      },
      APART,
    );
    expect(shown).toBe(20);
    expect(outcome).toMatchObject({ added: 30, inSync: true });
  });

  it('lets others write between two parts of a page, and goes on where it was', async () => {
    const { database, peer, options, here, row } = await setUp();
    const { client } = pagingPeer([
      { items: names(40).map(listed) },
      { items: names(5).map((id) => listed(`${id}-more`)) },
    ]);
    const cursors: (string | null)[] = [];
    const outcome = await pullPeer(
      {
        read: database.read,
        write: async (work) => {
          const done = await database.write(work);
          cursors.push((await row()).cursor);
          return done;
        },
        room: () => 1_000,
        isWanted: () => true,
      },
      peer.key,
      client,
      options,
      { ...APART, step: 10 },
    );
    expect(outcome).toMatchObject({ added: 45, inSync: true });
    expect((await here()).length).toBe(45);
    // The beginning, four parts of the first page, of which the last moves the cursor, and the second page.
    const [, ...steps] = cursors;
    expect(steps.slice(0, 3)).toEqual(['', '', '']);
    expect(steps[3]).not.toBe('');
    expect(steps[4]).not.toBe(steps[3]);
  });

  it('writes nothing where nothing has changed, and still notices that the peer is paused', async () => {
    const { database, peer, options } = await setUp();
    const { client } = pagingPeer([{ items: names(3).map(listed) }]);
    await pullPeer(database, peer.key, client, options);
    const last = await client.list('0', 10, options.signal);
    const idle: PeerClient = {
      ...client,
      list: async (cursor) => ({ ...last, items: [], cursor: cursor ?? 'none' }),
    };
    let writes = 0;
    const counting: Pick<Database, 'read' | 'write'> = {
      read: database.read,
      write: (work) => {
        writes += 1;
        return database.write(work);
      },
    };
    expect(await pullPeer(counting, peer.key, idle, options)).toMatchObject({ inSync: true, changed: 0 });
    expect(writes).toBe(0);
    await database.prisma.peer.update({ where: { key: peer.key }, data: { status: 'PAUSED' } });
    await expect(pullPeer(counting, peer.key, idle, options)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(writes).toBe(0);
  });

  it('has an item as the last of the pages says that are stored together', async () => {
    const { database, peer, options, here, row } = await setUp();
    const one = (version: string, tags: string[], albums: string[]) =>
      remoteItem({
        remoteId: 'one',
        version,
        title: `in ${version}`,
        tags,
        albums: albums.map((id) => ({ id, title: `Album ${id}` })),
      });
    const other = remoteItem({
      remoteId: 'other',
      version: '1',
      tags: ['t'],
      albums: [{ id: 'left', title: 'Left' }],
    });
    const again = remoteItem({
      remoteId: 'again',
      version: '1',
      title: 'once',
      albums: [{ id: 'left', title: 'Left' }],
    });
    const pages: Told[] = [
      { items: [one('1', ['a'], ['x']), other, again] },
      { items: [one('2', ['b'], ['x', 'y'])], removed: ['again'] },
      { items: [one('3', ['c'], ['z'])], removed: ['other'] },
      { items: [{ ...again, version: '2', title: 'twice', albums: [] }] },
    ];
    const on = { read: database.read, write: database.write, room: () => 100 };
    expect(await pullPeer(on, peer.key, pagingPeer(pages).client, options, APART)).toMatchObject({
      inSync: true,
      total: 2,
    });
    expect(await here()).toEqual(['again', 'one']);
    expect(await row()).toMatchObject({ itemCount: 2, cursor: '4' });
    const { prisma } = database;
    expect(await prisma.itemTag.findMany({ select: { tag: true } })).toEqual([{ tag: 'c' }]);
    const albums = await prisma.album.findMany({ include: { items: { include: { item: true } } } });
    expect(albums.map(({ remoteId, items }) => [remoteId, items.map(({ item }) => item.remoteId)])).toEqual([
      ['z', ['one']],
    ]);
    const found = async (word: string) =>
      (
        await readPage(
          database.read,
          { kind: 'ADMIN', userId: null },
          { origin: 'ALL', filter: { query: word }, order: { field: 'TITLE', direction: 'ASC' } },
          { first: 10 },
        )
      ).edges.map(({ item }) => item.remoteId);
    expect(await found('in')).toEqual(['one']);
    expect(await found('3')).toEqual(['one']);
    expect(await found('2')).toEqual([]);
    expect(await found('once')).toEqual([]);
    expect(await found('twice')).toEqual(['again']);
    const counted = await prisma.itemCount.findMany({ where: { facet: 0, total: { not: 0 } } });
    expect(counted.reduce((sum, { total }) => sum + total, 0)).toBe(2);
    // All of one transaction is one change, by whose revision followers find it.
    const { revision } = await prisma.catalogState.findUniqueOrThrow({ where: { id: 1 } });
    const items = await prisma.item.findMany({ select: { title: true, revision: true } });
    expect(items.sort((a, b) => (a.title < b.title ? -1 : 1))).toEqual([
      { title: 'in 3', revision },
      { title: 'twice', revision },
    ]);
  });

  it('leaves an album alone of which nothing new is said', async () => {
    const { database, peer, pull } = await setUp();
    const item = (remoteId: string, version: string, title: string) =>
      remoteItem({ remoteId, version, title: `${remoteId} ${version}`, albums: [{ id: 'x', title }] });
    const told = async (...items: RemoteItem[]): Promise<[title: string, itemCount: number, at: bigint]> => {
      await database.prisma.peer.update({ where: { key: peer.key }, data: { cursor: null } });
      expect(await pull(pagingPeer([{ items }]).client)).toMatchObject({ inSync: true });
      const album = await database.prisma.album.findFirstOrThrow({ include: { items: true } });
      return [album.title, album.items.length, BigInt(album.updatedAt)];
    };
    const [, , made] = await told(item('one', '1', 'First'));
    expect(await told(item('one', '2', 'First'))).toEqual(['First', 1, made]);
    const [title, , renamed] = await told(item('one', '3', 'Second'));
    expect([title, renamed > made]).toEqual(['Second', true]);
    const [, count, joined] = await told(item('one', '3', 'Second'), item('two', '1', 'Second'));
    expect([count, joined > renamed]).toEqual([2, true]);
  });

  it('leaves a changed item in the albums that it is in still, and in those of this instance', async () => {
    const { database, peer, pull } = await setUp();
    const { prisma } = database;
    const one = (version: string, albums: string[]) =>
      remoteItem({ remoteId: 'one', version, albums: albums.map((id) => ({ id, title: `Album ${id}` })) });
    const told = async (item: RemoteItem): Promise<string[][]> => {
      const pages: Told[] = [{ items: [item] }];
      await prisma.peer.update({ where: { key: peer.key }, data: { cursor: null } });
      expect(await pull(pagingPeer(pages).client)).toMatchObject({ inSync: true });
      const albums = await prisma.album.findMany({ include: { items: true }, orderBy: { title: 'asc' } });
      return albums.map(({ title, items }) => [title, ...items.map(({ itemKey }) => String(itemKey))]);
    };
    expect(await told(one('1', ['x', 'y']))).toEqual([
      ['Album x', '1'],
      ['Album y', '1'],
    ]);
    await prisma.album.create({
      data: {
        id: 'album_own',
        title: 'Own',
        titleKey: 'own',
        createdAt: 0,
        updatedAt: 0,
        items: { create: { itemKey: 1 } },
      },
    });
    expect(await told(one('2', ['y', 'z']))).toEqual([
      ['Album y', '1'],
      ['Album z', '1'],
      ['Own', '1'],
    ]);
    expect(await told(one('3', ['z', 'z', 'y']))).toEqual([
      ['Album y', '1'],
      ['Album z', '1'],
      ['Own', '1'],
    ]);
    expect(await told(one('4', []))).toEqual([['Own', '1']]);
  });

  it('holds a removal of more than 50 items and more than a fifth, and agrees with the peer all the same', async () => {
    const { pull, row, here, held, stale } = await setUp();
    const peer = nativePeer(names(300));
    await pull(peer.client);
    peer.items = peer.items.slice(0, 200);
    peer.expire('expired');
    expect(await pull(peer.client)).toMatchObject({ inSync: true, removed: 0 });
    expect(await row()).toMatchObject({ heldCount: 100, itemCount: 200, inSync: true });
    expect((await here()).length).toBe(300);
    expect(await held()).toBe(100);
    expect(stale).toEqual([]);
    // Later changes go on as ever, and what is held stays so.
    peer.items.push('new');
    peer.expire('restored');
    expect(await pull(peer.client)).toMatchObject({ inSync: true, added: 1 });
    expect(await row()).toMatchObject({ heldCount: 100, itemCount: 201 });
  });

  it.each([
    [300, 60, 'not more than a fifth'],
    [60, 50, 'not more than 50 items'],
  ])('of %i items takes away %i at once, for these are %s', async (all, removed) => {
    const { pull, row, here } = await setUp();
    const peer = nativePeer(names(all));
    await pull(peer.client);
    peer.items = peer.items.slice(removed);
    peer.expire('expired');
    expect(await pull(peer.client)).toMatchObject({ inSync: true, removed });
    expect(await row()).toMatchObject({ heldCount: 0, itemCount: all - removed });
    expect((await here()).length).toBe(all - removed);
  });

  it('holds nothing after the grant was changed, not even what was held before', async () => {
    const { pull, row, here } = await setUp();
    const peer = nativePeer(names(300));
    await pull(peer.client);
    peer.items = peer.items.slice(0, 100);
    peer.expire('expired');
    await pull(peer.client);
    expect(await row()).toMatchObject({ heldCount: 200 });
    peer.items = peer.items.slice(0, 10);
    peer.expire('grant-changed');
    expect(await pull(peer.client)).toMatchObject({ inSync: true, removed: 290 });
    expect(await row()).toMatchObject({ heldCount: 0, itemCount: 10, listingCause: null });
    expect((await here()).length).toBe(10);
  });

  it('holds nothing that the peer names', async () => {
    const { pull, row } = await setUp();
    const peer = nativePeer(names(300));
    await pull(peer.client);
    peer.removed = peer.items.splice(0, 200);
    expect(await pull(peer.client)).toMatchObject({ inSync: true, removed: 200 });
    expect(await row()).toMatchObject({ heldCount: 0, itemCount: 100 });
  });

  it('gives back what was held once the peer lists it again', async () => {
    const { pull, row, held } = await setUp();
    const all = names(300);
    const peer = nativePeer(all);
    await pull(peer.client);
    peer.items = all.slice(0, 100);
    peer.expire('expired');
    await pull(peer.client);
    peer.items = all.slice(0, 290);
    peer.expire('expired');
    expect(await pull(peer.client)).toMatchObject({ inSync: true });
    expect(await row()).toMatchObject({ heldCount: 10, itemCount: 290 });
    peer.removed = all.slice(290);
    expect(await pull(peer.client)).toMatchObject({ inSync: true, removed: 10 });
    expect(await row()).toMatchObject({ heldCount: 0, itemCount: 290 });
    expect(await held()).toBe(0);
  });

  it('removes what was held, with its bytes, where an admin says so', async () => {
    const { pull, row, here, resolve, stale } = await setUp();
    const peer = nativePeer(names(700));
    await pull(peer.client);
    peer.items = peer.items.slice(0, 100);
    peer.expire('expired');
    await pull(peer.client);
    await resolve('REMOVE');
    expect(await row()).toMatchObject({ heldCount: 0, itemCount: 100 });
    expect((await here()).length).toBe(100);
    expect(stale.length).toBe(600);
    expect(await pull(peer.client)).toMatchObject({ inSync: true });
  });

  it('keeps what was held where an admin says so: no later listing takes it away, and it comes back as it was', async () => {
    const { pull, row, here, held, resolve } = await setUp();
    const all = names(300);
    const peer = nativePeer(all);
    await pull(peer.client);
    peer.items = all.slice(0, 100);
    peer.expire('expired');
    await pull(peer.client);
    await resolve('KEEP');
    expect(await held()).toBe(0);
    for (const cause of ['expired', 'restored', 'grant-changed'] as const) {
      peer.expire(cause);
      expect(await pull(peer.client)).toMatchObject({ inSync: true, removed: 0 });
    }
    expect(await row()).toMatchObject({ heldCount: 0, itemCount: 100 });
    expect((await here()).length).toBe(300);
    peer.items = all.slice(0, 150);
    peer.expire('expired');
    expect(await pull(peer.client)).toMatchObject({ inSync: true });
    expect(await row()).toMatchObject({ itemCount: 150 });
    peer.removed = all.slice(150, 200);
    expect(await pull(peer.client)).toMatchObject({ inSync: true, removed: 50 });
    expect((await here()).length).toBe(250);
  });

  it('goes on after a crash in the middle of holding, without taking away the rest', async () => {
    const { database, pull, row, here } = await setUp();
    const peer = nativePeer(names(700));
    await pull(peer.client);
    peer.items = peer.items.slice(0, 100);
    peer.expire('expired');
    // The second batch of holding fails, as it would where the disk is full.
    let writes = 0;
    const failing: Pick<Database, 'read' | 'write'> = {
      read: database.read,
      write: (work) => {
        writes += 1;
        if (writes === 4) throw new Error('The disk is full.');
        return database.write(work);
      },
    };
    await expect(pull(peer.client, failing)).rejects.toThrow('disk');
    expect(await row()).toMatchObject({ heldCount: 500, listing: true });
    expect(await pull(peer.client)).toMatchObject({ inSync: true, removed: 0 });
    expect(await row()).toMatchObject({ heldCount: 600, itemCount: 100, listing: false });
    expect((await here()).length).toBe(700);
  });

  it('takes away what a part of its first page has shown, where that was cut off and the item has gone since', async () => {
    const { database, pull, row, here } = await setUp();
    const peer = nativePeer(names(300));
    let writes = 0;
    const failing: Pick<Database, 'read' | 'write'> = {
      read: database.read,
      write: (work) => {
        writes += 1;
        if (writes === 3) throw new Error('The disk is full.');
        return database.write(work);
      },
    };
    await expect(pull(peer.client, failing)).rejects.toThrow('disk');
    expect(await row()).toMatchObject({ itemCount: 100, cursor: '' });
    peer.items = peer.items.slice(1);
    expect(await pull(peer.client)).toMatchObject({ inSync: true, removed: 1 });
    expect((await here()).length).toBe(299);
  });

  it('without a checksum takes nothing away on the word of one pass over several pages', async () => {
    const { pull, here, row } = await setUp();
    const peer = offsetPeer(['a', 'b', 'c', 'd', 'e', 'f'], 2);
    expect(await pull(peer.client)).toMatchObject({ inSync: null, added: 6 });
    expect(peer.passes).toBe(1);
    // One goes and another comes behind it: `c` falls between two pages, and the number is right.
    peer.between = (page, items) => {
      if (page !== 0 || peer.passes !== 2) return;
      items.splice(0, 1);
      items.push('y');
    };
    expect(await pull(peer.client)).toMatchObject({ inSync: null });
    expect(await here()).toContain('c');
    expect(peer.passes).toBe(3);
    peer.between = null;
    await pull(peer.client);
    expect(await here()).toEqual(['b', 'c', 'd', 'e', 'f', 'y']);
    expect(await row()).toMatchObject({ inSync: null, remoteTotal: 6, itemCount: 6 });
  });

  it('without a checksum ends with what the peer has, whatever moved while it was read', async () => {
    const { database, pull, here, peer: own } = await setUp();
    const step = fc.record({
      at: fc.nat(8),
      add: fc.array(fc.nat(20), { maxLength: 3 }),
      take: fc.array(fc.nat(20), { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(12),
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 4 }),
        async (count, size, steps) => {
          await database.prisma.item.deleteMany({ where: { source: own.key } });
          await database.prisma.peer.update({
            where: { key: own.key },
            data: { cursor: null, itemCount: 0, checksumFirst: 0, checksumSecond: 0, heldCount: 0 },
          });
          const peer = offsetPeer(names(count), size);
          let serial = 0;
          let asked = 0;
          peer.between = (_page, items) => {
            for (const { add, take } of steps.filter(({ at }) => at === asked)) {
              for (const place of take) if (items.length > 0) items.splice(place % items.length, 1);
              for (const place of add) items.splice(place % (items.length + 1), 0, `new${serial++}`);
            }
            asked += 1;
          };
          await pull(peer.client);
          peer.between = null;
          await pull(peer.client);
          expect(await here()).toEqual([...peer.items].sort());
        },
      ),
      { numRuns: 40 },
    );
  });

  it('without a checksum is due again when the number of items is another one', async () => {
    const { database, pull, here, row, peer: own, options } = await setUp();
    const peer = offsetPeer(['a', 'b', 'c'], 10);
    peer.relistAfter = 24 * 3600_000;
    await pull(peer.client);
    peer.items.splice(1, 1);
    // A listing a moment ago is not repeated for that.
    await pullPeer(database, own.key, peer.client, options);
    expect((await row()).cursor).not.toBeNull();
    expect(await here()).toEqual(['a', 'b', 'c']);
    await pull(peer.client);
    await pull(peer.client);
    expect(await here()).toEqual(['a', 'c']);
  });
});

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `item-${String(index).padStart(4, '0')}`);
}

function listed(id: string): RemoteItem {
  return remoteItem({ remoteId: id, title: id });
}

/** What one page says. */
interface Told {
  items?: RemoteItem[];
  removed?: string[];
  /** Of its content. */
  bytes?: number;
}

/** A peer with a checksum, and the pages that it gives from the start. `waiting` is how many it gave that are not stored. */
function pagingPeer(pages: Told[]) {
  const versions = new Map<string, string>();
  for (const { items = [], removed = [] } of pages) {
    for (const { remoteId, version } of items) versions.set(remoteId, version);
    for (const id of removed) versions.delete(id);
  }
  const sum = [...versions].reduce((total, one) => addChecksum(total, checksumTerm(...one)), EMPTY_CHECKSUM);
  const peer = { given: 0, client: null as unknown as PeerClient };
  peer.client = {
    list: async (cursor): Promise<ListingPage> => {
      const at = Number(cursor ?? 0);
      peer.given += 1;
      const { items = [], removed = [], bytes } = pages[at] ?? {};
      const last = at >= pages.length - 1;
      return {
        items,
        skipped: [],
        removed,
        cursor: String(at + 1),
        epoch: 'e',
        complete: last ? { total: versions.size, checksum: formatChecksum(sum) } : null,
        roundTripMs: 1,
        ...(bytes !== undefined && { bytes }),
      };
    },
    bytes: async () => Promise.reject(new Error('not asked for')),
    segmentList: async () => Promise.reject(new Error('not asked for')),
  };
  return peer;
}

/** A peer with a checksum, which names what it removes only where it is told to. */
function nativePeer(items: string[]) {
  const peer = {
    items,
    removed: [] as string[],
    expiry: null as CursorExpiry | null,
    expire: (reason: CursorExpiry) => {
      peer.expiry = reason;
    },
    client: null as unknown as PeerClient,
  };
  let serial = 0;
  peer.client = {
    list: async (cursor): Promise<ListingPage> => {
      if (cursor !== null && peer.expiry !== null) {
        const reason = peer.expiry;
        peer.expiry = null;
        throw new CursorExpired(reason);
      }
      serial += 1;
      const sum = peer.items.reduce((total, id) => addChecksum(total, checksumTerm(id, '1')), EMPTY_CHECKSUM);
      const removed = peer.removed.splice(0);
      return {
        items: peer.items.map(listed),
        skipped: [],
        removed,
        cursor: `c${serial}`,
        epoch: 'e',
        complete: { total: peer.items.length, checksum: formatChecksum(sum) },
        roundTripMs: 1,
      };
    },
    bytes: async () => Promise.reject(new Error('not asked for')),
    segmentList: async () => Promise.reject(new Error('not asked for')),
  };
  return peer;
}

/** A peer that lists by offset, and changes between two pages. */
function offsetPeer(items: string[], size: number) {
  const peer = {
    items: [...items],
    passes: 0,
    relistAfter: 0,
    between: null as ((page: number, items: string[]) => void) | null,
    client: null as unknown as PeerClient,
  };
  peer.client = {
    relistAfter: async () => peer.relistAfter,
    list: async (cursor): Promise<ListingPage> => {
      const [offset, before] =
        cursor === null || cursor === 'end' ? [0, null] : cursor.split('/').map(Number);
      if (cursor === 'end') {
        const total = peer.items.length;
        return {
          items: [],
          skipped: [],
          removed: [],
          cursor: 'end',
          epoch: '1',
          complete: { total, checksum: null },
          roundTripMs: 1,
        };
      }
      if (offset === 0) peer.passes += 1;
      const shown = peer.items.slice(offset, (offset ?? 0) + size);
      const told = peer.items.length;
      const total = before === null || before === told ? told : null;
      const next = (offset ?? 0) + shown.length;
      const complete = shown.length === 0 || next >= told;
      peer.between?.((offset ?? 0) / size, peer.items);
      return {
        items: shown.map(listed),
        skipped: [],
        removed: [],
        cursor: complete ? 'end' : `${next}/${total ?? 'x'}`,
        epoch: '1',
        complete: complete ? { total, checksum: null } : null,
        roundTripMs: 1,
      };
    },
    bytes: async () => Promise.reject(new Error('not asked for')),
    segmentList: async () => Promise.reject(new Error('not asked for')),
  };
  return peer;
}
