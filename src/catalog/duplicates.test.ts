import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import type { Database } from '../database/database.ts';
import { sql } from '../database/sql.ts';
import { EMPTY_CHECKSUM } from '../lib/checksum.ts';
import { MEDIA_KINDS } from '../lib/media.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { type Item, VISIBILITIES } from './items.ts';
import { type CatalogFilter, type CatalogQuery, ORDER_FIELDS } from './query.ts';
import { applyRemotePage } from './remote-changes.ts';
import type { Reader } from './visibility.ts';

const BYTES = ['sha-256:1', 'sha-256:2', 'sha-256:3', null];
const shared = fc.record({
  title: fc.constantFrom('x', 'y', 'find me'),
  kind: fc.constantFrom(...MEDIA_KINDS),
  tags: fc.constantFrom([], ['t'], ['t', 'u']),
  takenAt: fc.constantFrom(null, 0, 86_400_000 * 366),
});
const local = fc.record({
  bytes: fc.constantFrom('sha-256:1', 'sha-256:2', 'sha-256:3'),
  item: shared,
  visibility: fc.constantFrom(...VISIBILITIES),
  ownerId: fc.constantFrom('user_a', 'user_b'),
});
const remote = fc.record({ bytes: fc.constantFrom(...BYTES), item: shared, hidden: fc.boolean() });

type Local = typeof local extends fc.Arbitrary<infer T> ? T : never;
type Remote = typeof remote extends fc.Arbitrary<infer T> ? T : never;

const READERS: Reader[] = [
  { kind: 'ANONYMOUS' },
  { kind: 'USER', userId: 'user_a' },
  { kind: 'ADMIN', userId: 'user_b' },
];
const FILTERS: CatalogFilter[] = [
  {},
  { kinds: ['IMAGE'] },
  { tags: { any: ['t'] } },
  { query: 'find' },
  { takenAt: { gte: 0, lt: Date.UTC(1971, 0, 1) } },
  { visibilities: ['PRIVATE', 'PEERS'] },
];

async function filled(database: Database, locals: Local[], remotes: Remote[]): Promise<Catalog> {
  await database.write((tx) => tx.run(sql`DELETE FROM items`));
  await database.write((tx) => tx.run(sql`DELETE FROM item_counts`));
  const catalog = await createCatalog(database);
  const peer = await seedPeer(database);
  const items = remotes.map(({ bytes, item }, index) =>
    remoteItem({ ...item, remoteId: `${index}`, digest: bytes }),
  );
  // Some of the peer's came first.
  const half = Math.ceil(items.length / 2);
  const pull = (part: typeof items) =>
    database.write((tx) =>
      applyRemotePage(
        tx,
        peer.key,
        { items: part, skipped: [], removed: [], generation: 1 },
        EMPTY_CHECKSUM,
        Date.now(),
      ),
    );
  await pull(items.slice(0, half));
  await catalog.local.add(
    locals.map(({ bytes, item, visibility, ownerId }) =>
      newItem({ ...item, digest: bytes, visibility, ownerId }),
    ),
  );
  await pull(items.slice(half));
  const rows = await database.prisma.item.findMany({ where: { source: peer.key } });
  const hidden = rows.filter(({ remoteId }) => remotes[Number(remoteId)]?.hidden).map(({ id }) => id);
  await catalog.setHidden(hidden, true);
  return catalog;
}

/** One of each bytes, as the design says it: the local one first, then the one longest here; its own place in the order. */
function collapsed(items: readonly Item[]): string[] {
  const best = new Map<string, Item>();
  for (const item of items) {
    if (item.digest === null) continue;
    const other = best.get(item.digest);
    const rank = ({ source, key }: Item) => (source === 0 ? 0 : 1e9) + key;
    if (other === undefined || rank(item) < rank(other)) best.set(item.digest, item);
  }
  return items.filter((item) => item.digest === null || best.get(item.digest) === item).map(({ id }) => id);
}

function tally(values: (string | number)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

describeOnBothDatabases('duplicates', (open, dialect) => {
  it('are shown as one of those that match, and pages, counts and facets agree with it', async () => {
    const database = await open();
    await fc.assert(
      fc.asyncProperty(
        fc.array(local, { maxLength: 8 }),
        fc.array(remote, { maxLength: 8 }),
        fc.constantFrom(...ORDER_FIELDS.filter((field) => field !== 'RELEVANCE')),
        async (locals, remotes, field) => {
          const catalog = await filled(database, locals, remotes);
          for (const reader of READERS) {
            for (const filter of FILTERS) {
              const query: CatalogQuery = { origin: 'ALL', filter, order: { field, direction: 'DESC' } };
              const one: CatalogQuery = { ...query, filter: { ...filter, duplicates: 'COLLAPSE' } };
              const all = (await catalog.page(reader, query, { first: 500 })).edges.map(({ item }) => item);
              const expected = collapsed(all);
              const paged: string[] = [];
              for (let after: string | undefined; ; ) {
                const page = await catalog.page(reader, one, { first: 3, after });
                paged.push(...page.edges.map(({ item }) => item.id));
                after = page.edges.at(-1)?.cursor;
                if (!page.hasNextPage) break;
              }
              expect(paged).toEqual(expected);
              const shown = all.filter(({ id }) => expected.includes(id));
              const facets = await catalog.facets(reader, one, {
                count: true,
                origins: true,
                kinds: true,
                tags: 9,
                years: true,
              });
              expect(facets.count).toBe(expected.length);
              const counts = (list: { count: number }[], name: string) =>
                Object.fromEntries(
                  list.map((entry) => [(entry as unknown as Record<string, string>)[name], entry.count]),
                );
              expect(counts(facets.origins, 'source')).toEqual(tally(shown.map(({ source }) => source)));
              expect(counts(facets.kinds, 'kind')).toEqual(tally(shown.map(({ kind }) => kind)));
              expect(counts(facets.tags, 'tag')).toEqual(tally(shown.flatMap(({ tags }) => tags)));
              expect(counts(facets.years, 'year')).toEqual(
                tally(
                  shown.flatMap(({ takenAt }) =>
                    takenAt === null ? [] : new Date(takenAt).getUTCFullYear(),
                  ),
                ),
              );
            }
          }
        },
      ),
      { numRuns: dialect === 'sqlite' ? 6 : 4 },
    );
  });

  it('gives of an item the visible others with the same bytes, and not more than a hundred', async () => {
    const database = await open();
    const catalog = await createCatalog(database);
    const digest = 'sha-256:1';
    const [own] = await catalog.local.add([
      newItem({ digest }),
      newItem({ digest, visibility: 'PRIVATE', ownerId: 'user_b' }),
    ]);
    const peer = await seedPeer(database);
    const items = Array.from({ length: 150 }, (_, index) => remoteItem({ remoteId: `${index}`, digest }));
    const page = {
      items: [...items, remoteItem({ remoteId: 'other', digest: 'sha-256:2' })],
      skipped: [],
      removed: [],
      generation: 1,
    };
    await database.write((tx) => applyRemotePage(tx, peer.key, page, EMPTY_CHECKSUM, Date.now()));
    const reader: Reader = { kind: 'USER', userId: 'user_a' };
    const copies = await catalog.copies(reader, [digest, 'sha-256:2', 'sha-256:3']);
    expect(copies.get(digest)?.length).toBe(100);
    expect(copies.get(digest)?.[0]?.id).toBe(own?.id);
    expect(copies.get(digest)?.some(({ visibility }) => visibility === 'PRIVATE')).toBe(false);
    expect(copies.get('sha-256:2')?.map(({ remoteId }) => remoteId)).toEqual(['other']);
    expect(copies.has('sha-256:3')).toBe(false);
    expect((await catalog.localCopy(reader, digest))?.id).toBe(own?.id);
    // What peers have, or another person for himself, is nobody's own copy.
    for (const none of ['sha-256:2', 'sha-256:3']) expect(await catalog.localCopy(reader, none)).toBeNull();
    await catalog.local.setVisibility([own?.id ?? ''], 'PRIVATE');
    expect(await catalog.localCopy({ kind: 'USER', userId: 'user_c' }, digest)).toBeNull();
  });
});
