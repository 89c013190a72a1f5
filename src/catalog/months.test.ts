import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { newItem } from '../../test/support/items.ts';
import { createCatalog } from './catalog.ts';
import type { CatalogQuery } from './query.ts';
import type { Reader } from './visibility.ts';

const USER: Reader = { kind: 'USER', userId: 'user_a' };
const timeline = (direction: 'ASC' | 'DESC', filter: CatalogQuery['filter'] = {}): CatalogQuery => ({
  origin: 'ALL',
  filter,
  order: { field: 'TAKEN_AT', direction },
});

describeOnBothDatabases('the months of the timeline', (open) => {
  it('say how many items each holds, by the filter and by what the reader may see', async () => {
    const catalog = await createCatalog(await open(), () => Date.UTC(2025, 6, 4));
    await catalog.local.add([
      newItem({ takenAt: Date.UTC(2024, 2, 1) }),
      newItem({ takenAt: Date.UTC(2024, 2, 31, 23, 59, 59, 999), kind: 'VIDEO' }),
      newItem({ takenAt: Date.UTC(2024, 3, 1) }),
      newItem({ takenAt: Date.UTC(1969, 11, 31, 23, 59, 59, 999) }),
      newItem({ takenAt: null }),
      newItem({ takenAt: Date.UTC(2023, 0, 1), visibility: 'PRIVATE', ownerId: 'user_b' }),
    ]);
    const counts = async (query: CatalogQuery) =>
      (await catalog.months(USER, query)).map(({ month, count }) => `${month} ${count}`);
    expect(await counts(timeline('DESC'))).toEqual(['2025-07 1', '2024-04 1', '2024-03 2', '1969-12 1']);
    expect(await counts(timeline('ASC'))).toEqual(['1969-12 1', '2024-03 2', '2024-04 1', '2025-07 1']);
    expect(await counts(timeline('DESC', { kinds: ['VIDEO'] }))).toEqual(['2024-03 1']);
    expect(await counts(timeline('DESC', { kinds: ['DOCUMENT'] }))).toEqual([]);
  });

  it('begin where their cursors say, forwards and backwards, in both directions', async () => {
    const catalog = await createCatalog(await open());
    const day = 86_400_000;
    const times = fc.sample(fc.integer({ min: -400, max: 20_000 }), { numRuns: 60, seed: 7 });
    // At the very edges too, several of one moment.
    const edges = [
      -62_167_219_200_000,
      253_402_300_800_000 + 11 * 3_600_000,
      Date.UTC(1999, 0),
      Date.UTC(1999, 0),
      Date.UTC(1999, 0) - 1,
      Date.UTC(1999, 1),
    ];
    await catalog.local.add(
      [...times.map((at) => at * day), ...edges].map((takenAt) => newItem({ takenAt })),
    );
    for (const direction of ['ASC', 'DESC'] as const) {
      const query = timeline(direction);
      const all = (await catalog.page(USER, query, { first: 500 })).edges.map(({ item }) => item.id);
      let at = 0;
      for (const { count, cursor } of await catalog.months(USER, query)) {
        const month = await catalog.page(USER, query, { first: count, after: cursor });
        expect(month.edges.map(({ item }) => item.id)).toEqual(all.slice(at, at + count));
        const before = await catalog.page(USER, query, { last: 2, before: cursor });
        expect(before.edges.map(({ item }) => item.id)).toEqual(all.slice(Math.max(0, at - 2), at));
        at += count;
      }
      expect(at).toBe(all.length);
    }
  });

  it('are not there for another order', async () => {
    const catalog = await createCatalog(await open());
    const query: CatalogQuery = { ...timeline('ASC'), order: { field: 'TITLE', direction: 'ASC' } };
    await expect(catalog.months(USER, query)).rejects.toMatchObject({ code: 'INVALID' });
  });
});
