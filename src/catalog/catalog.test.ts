import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import { sql } from '../database/sql.ts';
import { addChecksum, checksumTerm, EMPTY_CHECKSUM, formatChecksum } from '../lib/checksum.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { readFeed, readMark } from './feed.ts';
import { WHOLE_SCOPE } from './grant.ts';
import type { CatalogQuery } from './query.ts';
import { applyRemotePage, type RemoteItem, removeUnseen } from './remote-changes.ts';
import type { Reader } from './visibility.ts';

const USER: Reader = { kind: 'USER', userId: 'user_a' };
const ALL: CatalogQuery = { origin: 'ALL', filter: {}, order: { field: 'TAKEN_AT', direction: 'DESC' } };

async function titles(
  catalog: Catalog,
  reader: Reader,
  query: Partial<CatalogQuery> = {},
): Promise<string[]> {
  const page = await catalog.page(reader, { ...ALL, ...query }, { first: 500 });
  return page.edges.map((edge) => edge.item.title);
}

/** The feed of nobody in particular, with the grant that narrows nothing. */
const EVERYTHING = { key: 0, grant: WHOLE_SCOPE };

describeOnBothDatabases('the catalog', (open) => {
  it('merges local and remote items in one order', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const peer = await seedPeer(database);
    await catalog.local.add([
      newItem({ title: 'first', takenAt: Date.UTC(2024, 0, 1) }),
      newItem({ title: 'third', takenAt: Date.UTC(2024, 0, 3) }),
    ]);
    await database.write((tx) =>
      applyRemotePage(
        tx,
        peer.key,
        {
          items: [remoteItem({ remoteId: 'r1', title: 'second', takenAt: Date.UTC(2024, 0, 2) })],
          skipped: [],
          removed: [],
          generation: 1,
        },
        EMPTY_CHECKSUM,
        Date.now(),
      ),
    );
    expect(await titles(catalog, USER)).toEqual(['third', 'second', 'first']);
    expect(await titles(catalog, USER, { origin: 'LOCAL' })).toEqual(['third', 'first']);
    expect(await titles(catalog, USER, { origin: 'REMOTE' })).toEqual(['second']);
    expect(await titles(catalog, USER, { filter: { peerIds: [peer.id] } })).toEqual(['second']);
    expect(await titles(catalog, USER, { filter: { peerIds: ['peer_other'] } })).toEqual([]);
    expect(await catalog.count(USER, ALL)).toBe(3);
  });

  it('shows a private item to its owner alone, also not to an admin', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    await catalog.local.add([
      newItem({ title: 'mine', visibility: 'PRIVATE', ownerId: 'user_a' }),
      newItem({ title: 'house', visibility: 'INSTANCE', ownerId: 'user_b' }),
      newItem({ title: 'peers', visibility: 'PEERS' }),
      newItem({ title: 'public', visibility: 'PUBLIC' }),
    ]);
    expect((await titles(catalog, USER)).sort()).toEqual(['house', 'mine', 'peers', 'public']);
    expect(await titles(catalog, { kind: 'USER', userId: 'user_b' })).not.toContain('mine');
    expect(await titles(catalog, { kind: 'ADMIN', userId: 'user_b' })).not.toContain('mine');
    expect(await titles(catalog, { kind: 'ADMIN', userId: null })).not.toContain('mine');
    expect(await titles(catalog, { kind: 'ANONYMOUS' })).toEqual(['public']);
  });

  it('answers nothing for an id that cannot be one, whatever is in it', async () => {
    const catalog = await createCatalog(await open());
    for (const id of ['', 'media_', 'a\0b', "' OR 1 = 1 --", '\ud800']) {
      expect(await catalog.item({ kind: 'ADMIN', userId: null }, id)).toBeNull();
    }
  });

  it("keeps a peer's items from those outside its audience, and a revoked peer's from everybody", async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const peer = await seedPeer(database);
    const page = {
      items: [remoteItem({ remoteId: 'r1', title: 'theirs' })],
      skipped: [],
      removed: [],
      generation: 1,
    };
    await database.write((tx) => applyRemotePage(tx, peer.key, page, EMPTY_CHECKSUM, Date.now()));
    const seen = async () => [
      (await titles(catalog, { kind: 'ADMIN', userId: null })).length,
      (await titles(catalog, USER)).length,
      (await titles(catalog, { kind: 'ANONYMOUS' })).length,
    ];
    expect(await seen()).toEqual([1, 1, 0]);
    await database.prisma.peer.update({ where: { id: peer.id }, data: { audience: 'ADMINS' } });
    expect(await seen()).toEqual([1, 0, 0]);
    await database.prisma.peer.update({ where: { id: peer.id }, data: { audience: 'ANYONE' } });
    expect(await seen()).toEqual([1, 1, 1]);
    await database.prisma.peer.update({ where: { id: peer.id }, data: { status: 'REVOKED' } });
    expect(await seen()).toEqual([0, 0, 0]);
  });

  it('finds words, prefixes, phrases and exclusions in any script, wherever they stand', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    await catalog.local.add([
      newItem({ title: 'Été à la plage', tags: ['vacances'], description: 'sable fin' }),
      newItem({ title: 'Straße im Winter', creator: 'Jörg', filename: 'IMG_0042.jpg' }),
      newItem({ title: '京都の桜', properties: { camera: 'Leica M11' } }),
      newItem({ title: 'Garden gate', description: 'old oak AND iron' }),
    ]);
    const search = (query: string) => titles(catalog, USER, { filter: { query } });
    expect(await search('ete')).toEqual(['Été à la plage']);
    expect(await search('plag*')).toEqual(['Été à la plage']);
    expect(await search('plag')).toEqual([]);
    expect(await search('strasse')).toEqual(['Straße im Winter']);
    expect(await search('jorg 0042')).toEqual(['Straße im Winter']);
    expect(await search('京都')).toEqual(['京都の桜']);
    expect(await search('都京')).toEqual([]);
    expect(await search('leica')).toEqual(['京都の桜']);
    expect(await search('"oak and iron"')).toEqual(['Garden gate']);
    expect(await search('"iron oak"')).toEqual([]);
    expect(await search('"plage sable"')).toEqual([]);
    expect((await search('-plage')).length).toBe(3);
    expect(await search('garden -oak')).toEqual([]);
    expect(await search('"\' OR 1=1 --')).toEqual([]);
    expect(await search('***')).toEqual([]);
    expect((await search('  ')).length).toBe(4);
  });

  it('filters by kind, tags and dates', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    await catalog.local.add([
      newItem({ title: 'a', tags: ['x', 'y'], takenAt: 1_000 }),
      newItem({ title: 'b', tags: ['y'], kind: 'VIDEO', takenAt: 2_000 }),
      newItem({ title: 'c', tags: [], kind: 'DOCUMENT' }),
    ]);
    const filtered = async (filter: CatalogQuery['filter']) =>
      (await titles(catalog, USER, { filter })).sort();
    expect(await filtered({ kinds: ['VIDEO', 'DOCUMENT'] })).toEqual(['b', 'c']);
    expect(await filtered({ kinds: [] })).toEqual([]);
    expect(await filtered({ tags: { any: ['x', 'y'] } })).toEqual(['a', 'b']);
    expect(await filtered({ tags: { all: ['x', 'y'] } })).toEqual(['a']);
    expect(await filtered({ tags: { none: ['x'] } })).toEqual(['b', 'c']);
    expect(await filtered({ takenAt: { gte: 1_000, lt: 2_000 } })).toEqual(['a']);
  });

  it('pages every order in both directions without skipping or repeating an item', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const inputs = fc.sample(
      fc.record({
        title: fc.constantFrom('Ä', 'a', 'b', 'B', '桜', 'z'),
        takenAt: fc.constantFrom(null, 1, 2, 3),
        byteSize: fc.integer({ min: 1, max: 3 }),
      }),
      { numRuns: 40, seed: 7 },
    );
    await catalog.local.add(inputs.map((input) => newItem(input)));
    for (const field of ['TAKEN_AT', 'ADDED_AT', 'UPDATED_AT', 'TITLE', 'BYTE_SIZE'] as const) {
      for (const direction of ['ASC', 'DESC'] as const) {
        const query: CatalogQuery = { ...ALL, order: { field, direction } };
        const whole = await catalog.page(USER, query, { first: 500 });
        const ids = whole.edges.map((edge) => edge.item.id);
        expect(new Set(ids).size).toBe(40);
        const forward: string[] = [];
        let page = await catalog.page(USER, query, { first: 7 });
        expect(page.hasPreviousPage).toBe(false);
        for (;;) {
          forward.push(...page.edges.map((edge) => edge.item.id));
          const after = page.edges.at(-1)?.cursor;
          if (!page.hasNextPage || after === undefined) break;
          page = await catalog.page(USER, query, { first: 7, after });
        }
        expect(forward).toEqual(ids);
        const backward: string[] = [];
        page = await catalog.page(USER, query, { last: 7 });
        for (;;) {
          backward.unshift(...page.edges.map((edge) => edge.item.id));
          const before = page.edges[0]?.cursor;
          if (!page.hasPreviousPage || before === undefined) break;
          page = await catalog.page(USER, query, { last: 7, before });
        }
        expect(backward).toEqual(ids);
      }
    }
  });

  it('refuses sizes outside 1 to 500 and cursors of another order or filter', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    await catalog.local.add([newItem({}), newItem({})]);
    const { edges } = await catalog.page(USER, ALL, { first: 1 });
    const after = edges[0]?.cursor;
    const other: CatalogQuery = { ...ALL, order: { field: 'TITLE', direction: 'ASC' } };
    await expect(catalog.page(USER, other, { after })).rejects.toMatchObject({ code: 'BAD_CURSOR' });
    await expect(catalog.page(USER, { ...ALL, filter: { query: 'x' } }, { after })).rejects.toMatchObject({
      code: 'BAD_CURSOR',
    });
    await expect(catalog.page(USER, ALL, { after: 'nonsense' })).rejects.toMatchObject({
      code: 'BAD_CURSOR',
    });
    await expect(catalog.page(USER, ALL, { first: 0 })).rejects.toMatchObject({ code: 'INVALID' });
    await expect(catalog.page(USER, ALL, { last: 501 })).rejects.toMatchObject({ code: 'INVALID' });
    await expect(catalog.page(USER, ALL, { first: 1, last: 1 })).rejects.toMatchObject({ code: 'INVALID' });
  });

  it('numbers changes of shared items in one sequence, and names removals', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const [shared, hidden] = await catalog.local.add([
      newItem({ title: 'shared', visibility: 'PEERS' }),
      newItem({ title: 'hidden', visibility: 'INSTANCE' }),
    ]);
    if (shared === undefined || hidden === undefined) throw new Error('nothing was added');
    const feed = () => readFeed(database.read, EVERYTHING, { after: 0, start: 0, limit: 100 });
    expect((await feed()).entries).toMatchObject([{ type: 'item', sequence: 1, item: { title: 'shared' } }]);
    await catalog.local.update(shared.id, { title: 'renamed', tags: ['t'] });
    await catalog.local.setVisibility([hidden.id], 'PUBLIC');
    expect((await feed()).entries).toMatchObject([
      { type: 'item', sequence: 2, item: { title: 'renamed' } },
      { type: 'item', sequence: 3, item: { title: 'hidden' } },
    ]);
    await catalog.local.setVisibility([hidden.id], 'PRIVATE');
    await catalog.local.remove([shared.id]);
    const after = await feed();
    expect(after.entries).toMatchObject([
      { type: 'removed', sequence: 4, id: hidden.id, reason: 'unshared' },
      { type: 'removed', sequence: 5, id: shared.id, reason: 'deleted' },
    ]);
    expect(after).toMatchObject({
      sequence: 5,
      sum: { total: 0, checksum: '0000000000000000' },
      complete: true,
    });
    await catalog.local.setVisibility([hidden.id], 'PEERS');
    const again = await feed();
    expect(again.entries.map((entry) => entry.type)).toEqual(['removed', 'item']);
    expect(await readMark(database.read, 5)).not.toBeNull();
    expect(await readMark(database.read, 99)).toBeNull();
  });

  it('an edit that changes nothing, or nothing that is shared, takes no number', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const [item] = await catalog.local.add([newItem({ title: 'same', visibility: 'INSTANCE' })]);
    if (item === undefined) throw new Error('nothing was added');
    await catalog.local.update(item.id, { title: 'same' });
    expect((await catalog.state()).revision).toBe(1);
    await catalog.local.update(item.id, { title: 'other' });
    expect(await catalog.state()).toMatchObject({ revision: 2, sequence: 0 });
  });

  it('keeps checksum and total equal to a full count after any changes', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const added = await catalog.local.add(Array.from({ length: 12 }, (_, at) => newItem({ title: `${at}` })));
    const step = fc.record({
      at: fc.integer({ min: 0, max: 11 }),
      act: fc.constantFrom('PRIVATE', 'INSTANCE', 'PEERS', 'PUBLIC', 'edit', 'delete' as const),
    });
    for (const { at, act } of fc.sample(step, { numRuns: 60, seed: 3 })) {
      const id = added[at]?.id ?? '';
      if (act === 'edit')
        await catalog.local.update(id, { title: `${at} ${Math.imul(at, 7)}` }).catch(() => {});
      else if (act === 'delete') await catalog.local.remove([id]);
      else await catalog.local.setVisibility([id], act);
      const feed = await readFeed(database.read, EVERYTHING, { after: 0, start: 0, limit: 100 });
      let sum = EMPTY_CHECKSUM;
      let total = 0;
      for (const entry of feed.entries) {
        if (entry.type !== 'item') continue;
        sum = addChecksum(sum, checksumTerm(entry.item.id, entry.item.version));
        total += 1;
      }
      expect(feed.sum).toEqual({ total, checksum: formatChecksum(sum) });
    }
  });

  it('takes over a listing: adds, changes, skips, removes, and keeps the sum of what it was told', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const peer = await seedPeer(database);
    const item = (remoteId: string, version: string, more: Partial<RemoteItem> = {}) =>
      remoteItem({ remoteId, version, title: `${remoteId}${version}`, ...more });
    let checksum = EMPTY_CHECKSUM;
    const apply = async (page: Parameters<typeof applyRemotePage>[2]) => {
      const result = await database.write((tx) => applyRemotePage(tx, peer.key, page, checksum, Date.now()));
      checksum = result.checksum;
      return result;
    };
    const sumOf = (...pairs: [string, string][]) =>
      pairs.reduce((sum, [id, version]) => addChecksum(sum, checksumTerm(id, version)), EMPTY_CHECKSUM);

    expect(
      await apply({
        items: [item('a', '1', { tags: ['t', 't'] }), item('b', '1')],
        skipped: [{ remoteId: 's', version: '1', reason: 'title too long' }],
        removed: [],
        generation: 1,
      }),
    ).toMatchObject({ added: 2, changed: 0, removed: 0, itemCount: 2, skippedCount: 1 });
    expect(checksum).toEqual(sumOf(['a', '1'], ['b', '1'], ['s', '1']));

    const [first] = (await catalog.page(USER, ALL, {})).edges.filter((edge) => edge.item.remoteId === 'a');
    expect(
      await apply({
        items: [item('a', '1'), item('b', '2')],
        skipped: [],
        removed: ['unknown'],
        generation: 1,
      }),
    ).toMatchObject({
      added: 0,
      changed: 1,
      removed: 0,
      itemCount: 0,
      skippedCount: 0,
    });
    expect((await titles(catalog, USER)).sort()).toEqual(['a1', 'b2']);
    expect(await catalog.remoteItem(USER, peer.key, 'a')).toMatchObject({ id: first?.item.id });

    // What broke a limit is mended, what was fine breaks one.
    expect(
      await apply({
        items: [item('s', '2')],
        skipped: [{ remoteId: 'b', version: '3', reason: 'kind' }],
        removed: ['a'],
        generation: 2,
      }),
    ).toMatchObject({ added: 1, removed: 2, itemCount: -1, skippedCount: 0 });
    expect(checksum).toEqual(sumOf(['s', '2'], ['b', '3']));
    expect(await titles(catalog, USER, { filter: { query: 'a1' } })).toEqual([]);

    const ended = await database.write((tx) =>
      removeUnseen(tx, peer.key, 3, checksum, { heldToo: false, limit: 100, now: Date.now() }),
    );
    expect(ended).toMatchObject({ removed: 1, skippedCount: -1, checksum: EMPTY_CHECKSUM });
    expect(await database.read.all(sql`SELECT 1 FROM items`)).toEqual([]);
  });

  it("refuses to edit a peer's item", async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const peer = await seedPeer(database);
    const page = { items: [remoteItem({ remoteId: 'r' })], skipped: [], removed: [], generation: 1 };
    await database.write((tx) => applyRemotePage(tx, peer.key, page, EMPTY_CHECKSUM, Date.now()));
    const item = await catalog.remoteItem(USER, peer.key, 'r');
    const id = item?.id ?? '';
    await expect(catalog.local.update(id, { title: 'x' })).rejects.toMatchObject({ code: 'READ_ONLY' });
    await expect(catalog.local.remove([id])).rejects.toMatchObject({ code: 'READ_ONLY' });
    await expect(catalog.local.update('media_none', { title: 'x' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
