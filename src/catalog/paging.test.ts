import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import type { Database } from '../database/database.ts';
import { EMPTY_CHECKSUM } from '../lib/checksum.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { decodeCursor, encodeCursor, encodeCursors, queryFingerprint } from './cursor.ts';
import { type CatalogQuery, ORDER_FIELDS } from './query.ts';
import { applyRemotePage } from './remote-changes.ts';
import type { Reader } from './visibility.ts';

const READER: Reader = { kind: 'ADMIN', userId: 'user_a' };

/** Few values, so that many items share a place and only the id tells them apart. */
const places = fc.record({
  title: fc.constantFrom('walk Ä', 'walk a', 'WALK b', 'walk', 'walk 桜', 'other walk'),
  takenAt: fc.constantFrom(null, -1, 0, 1, 2),
  byteSize: fc.constantFrom(0, 1, 2),
});
const change = fc.oneof(
  fc.record({ type: fc.constant('add' as const), item: places }),
  fc.record({ type: fc.constant('edit' as const), which: fc.nat(20), item: places }),
  fc.record({ type: fc.constant('delete' as const), which: fc.nat(20) }),
  fc.record({ type: fc.constant('hide' as const), which: fc.nat(20), hidden: fc.boolean() }),
  fc.record({ type: fc.constant('withhold' as const), which: fc.nat(20), visible: fc.boolean() }),
  fc.record({ type: fc.constant('pull' as const), id: fc.nat(8), version: fc.nat(5), item: places }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

let runs = 0;

interface Walk {
  catalog: Catalog;
  database: Database;
  peer: { key: number };
  /** Every item of the walk has it. */
  tag: string;
  /** Ids of items that may be changed; the others stay as they are. */
  changing: string[];
}

async function perform({ catalog, database, peer, tag, changing }: Walk, step: Change): Promise<void> {
  const which = 'which' in step ? changing[step.which % Math.max(1, changing.length)] : undefined;
  const own = which === undefined ? null : await catalog.item(READER, which);
  const local = own?.source === 0 ? own : null;
  switch (step.type) {
    case 'add': {
      const added = await catalog.local.add([newItem({ ...step.item, tags: [tag] })]);
      changing.push(...added.map(({ id }) => id));
      return;
    }
    case 'edit':
      if (local !== null)
        await catalog.local.update(local.id, { title: step.item.title, takenAt: step.item.takenAt });
      return;
    case 'delete':
      if (local !== null) await catalog.local.remove([local.id]);
      return;
    case 'hide':
      if (which !== undefined) await catalog.setHidden([which], step.hidden);
      return;
    case 'withhold':
      if (local !== null) await catalog.local.setVisibility([local.id], step.visible ? 'PUBLIC' : 'PRIVATE');
      return;
    case 'pull': {
      const items = [
        remoteItem({ ...step.item, remoteId: `${tag}/${step.id}`, version: `${step.version}`, tags: [tag] }),
      ];
      await database.write((tx) =>
        applyRemotePage(
          tx,
          peer.key,
          { items, skipped: [], removed: [], generation: 1 },
          EMPTY_CHECKSUM,
          Date.now(),
        ),
      );
    }
  }
}

describeOnBothDatabases('paging', (open, dialect) => {
  it('shows an item that does not change once and in its order, whatever changes between the pages', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const peer = await seedPeer(database);
    const property = fc.asyncProperty(
      fc.record({
        staying: fc.array(places, { minLength: 5, maxLength: 14 }),
        changing: fc.array(places, { maxLength: 8 }),
        changes: fc.array(fc.array(change, { maxLength: 3 }), { minLength: 1, maxLength: 6 }),
        field: fc.constantFrom(...ORDER_FIELDS),
        direction: fc.constantFrom('ASC' as const, 'DESC' as const),
        backward: fc.boolean(),
        size: fc.integer({ min: 1, max: 4 }),
        collapse: fc.boolean(),
      }),
      async ({ staying, changing, changes, field, direction, backward, size, collapse }) => {
        runs += 1;
        const tag = `walk ${runs}`;
        // Copies of nothing: what stands for copies may become another when one of them changes.
        const fixed = await catalog.local.add(
          staying.map((item, index) => newItem({ ...item, tags: [tag], digest: `${tag} ${index}` })),
        );
        const others = await catalog.local.add(changing.map((item) => newItem({ ...item, tags: [tag] })));
        const walk: Walk = { catalog, database, peer, tag, changing: others.map(({ id }) => id) };
        const query: CatalogQuery = {
          origin: 'ALL',
          filter: { tags: { any: [tag] }, query: 'walk', ...(collapse && { duplicates: 'COLLAPSE' }) },
          order: { field, direction },
        };
        const stays = new Set(fixed.map(({ id }) => id));
        const before = (await catalog.page(READER, query, { first: 500 })).edges.map(({ item }) => item.id);
        const seen: string[] = [];
        let cursor: string | undefined;
        for (let number = 0; ; number++) {
          const page = backward
            ? await catalog.page(READER, query, { last: size, before: cursor })
            : await catalog.page(READER, query, { first: size, after: cursor });
          const ids = page.edges.map(({ item }) => item.id);
          if (backward) seen.unshift(...ids);
          else seen.push(...ids);
          cursor = (backward ? page.edges[0] : page.edges.at(-1))?.cursor;
          if (!(backward ? page.hasPreviousPage : page.hasNextPage) || cursor === undefined) break;
          for (const step of changes[number % changes.length] ?? []) await perform(walk, step);
          // An end must come although items are added before it.
          if (number > 40) changes.splice(0, changes.length, []);
        }
        expect(seen.filter((id) => stays.has(id))).toEqual(before.filter((id) => stays.has(id)));
      },
    );
    await fc.assert(property, { numRuns: dialect === 'sqlite' ? 40 : 15 });
  });

  it('goes on from a cursor whose item is gone', async () => {
    const catalog = await createCatalog(await open());
    const query: CatalogQuery = { origin: 'ALL', filter: {}, order: { field: 'TITLE', direction: 'ASC' } };
    const [a] = await catalog.local.add(['a', 'b', 'c'].map((title) => newItem({ title })));
    const { edges } = await catalog.page(READER, query, { first: 1 });
    await catalog.local.remove([a?.id ?? '']);
    const rest = await catalog.page(READER, query, { first: 5, after: edges[0]?.cursor });
    expect(rest.edges.map(({ item }) => item.title)).toEqual(['b', 'c']);
  });

  it('takes two cursors for what is between them', async () => {
    const catalog = await createCatalog(await open());
    const query: CatalogQuery = { origin: 'ALL', filter: {}, order: { field: 'TITLE', direction: 'ASC' } };
    await catalog.local.add(['a', 'b', 'c', 'd', 'e'].map((title) => newItem({ title })));
    const { edges } = await catalog.page(READER, query, { first: 5 });
    const [after, before] = [edges[0]?.cursor, edges[4]?.cursor];
    const between = async (page: { first?: number; last?: number }) => {
      const found = await catalog.page(READER, query, { ...page, after, before });
      return [found.edges.map(({ item }) => item.title).join(''), found.hasPreviousPage, found.hasNextPage];
    };
    expect(await between({ first: 2 })).toEqual(['bc', true, true]);
    expect(await between({ last: 2 })).toEqual(['cd', true, true]);
    expect(await between({ first: 3 })).toEqual(['bcd', true, false]);
    expect(await between({ last: 3 })).toEqual(['bcd', false, true]);
  });

  it('refuses every cursor that is not one of the query, and never fails of one', async () => {
    const catalog = await createCatalog(await open());
    await catalog.local.add([newItem({ title: 'a' }), newItem({ title: 'b' })]);
    const fields = fc.constantFrom(...ORDER_FIELDS.filter((field) => field !== 'RELEVANCE'));
    const forged = fc.oneof(
      anyText(),
      fc.base64String().map((text) => text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')),
      fc
        .tuple(
          fields,
          fc.oneof(anyText(), fc.double(), fc.constantFrom(null, 1e300, -0, 2 ** 53, '\0', '\ud800')),
          fc.oneof(anyText(), fc.constantFrom('\0', '', '\ud800')),
        )
        .map(([field, value, id]) =>
          encodeCursor(queryFingerprint(['ALL', {}, { field, direction: 'ASC' }]), { value, id }),
        ),
    );
    await fc.assert(
      fc.asyncProperty(fields, forged, async (field, after) => {
        const query: CatalogQuery = { origin: 'ALL', filter: {}, order: { field, direction: 'ASC' } };
        await catalog.page(READER, query, { after }).catch((error: { code: unknown }) => {
          expect(error.code).toBe('BAD_CURSOR');
        });
      }),
      { numRuns: 150 },
    );
  });
});

it('makes cursors that are read as they were written, and have nothing that a URL would change', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.maxSafeInteger()), fc.oneof(fc.string(), fc.nat()), (value, id) => {
      const cursor = encodeCursor('of', { value, id });
      const all = [
        { value: 1, id: 12 },
        { value, id },
        { value: 123, id: 1234 },
      ];
      expect(encodeCursors('of', all)).toEqual(all.map((each) => encodeCursor('of', each)));
      expect(cursor).toMatch(/^[\w-]+$/);
      expect(decodeCursor('of', cursor)).toEqual({ value, id });
    }),
  );
});
