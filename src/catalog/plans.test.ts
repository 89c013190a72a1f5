import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateCatalog } from '../../bench/generate-catalog.ts';
import {
  openNewPostgres,
  openTemporarySqlite,
  type TemporaryDatabase,
} from '../../test/support/databases.ts';
import { prepared, type Runnable, type Sql, type Statement, sql } from '../database/sql.ts';
import {
  type CatalogFilter,
  type CatalogQuery,
  ORDER_FIELDS,
  type PageArguments,
  readPage,
} from './query.ts';
import { wantedThumbnails } from './thumbnail-queue.ts';
import { type FacetRequest, readFacets } from './totals.ts';
import type { Reader } from './visibility.ts';

const ITEMS = 6_000;
const READERS: Reader[] = [
  { kind: 'USER', userId: 'user_ada' },
  { kind: 'ADMIN', userId: null },
  { kind: 'ANONYMOUS' },
];
const INDEXED = ORDER_FIELDS.filter((field) => field !== 'RELEVANCE');

/** Plans, not times: what a statement walks is what it costs, on a quiet machine as on a busy one. */
describe.each(['sqlite', 'postgresql'] as const)('the plan of a page (%s)', (dialect) => {
  let under: TemporaryDatabase;

  beforeAll(async () => {
    under = await (dialect === 'sqlite' ? openTemporarySqlite() : openNewPostgres());
    await generateCatalog(under.database, { items: ITEMS, peers: 3 });
  });
  afterAll(() => under.close());

  /** The statements that are run, with the plan of each. */
  async function plansOf(run: (database: Sql) => Promise<unknown>): Promise<string[]> {
    const { read } = under.database;
    const statements: Statement[] = [];
    // The catalog's own statements are made by the tag of the same name.
    const note = (statement: Runnable) => statements.push(statement as Statement);
    const all: Sql['all'] = async (statement) => {
      note(statement);
      return read.all(statement);
    };
    const rows: Sql['rows'] = async (statement) => {
      note(statement);
      return read.rows(statement);
    };
    await run({ ...read, all, rows });
    return Promise.all(statements.map((statement) => planOf(read, statement)));
  }

  async function pagePlan(
    reader: Reader,
    query: Partial<CatalogQuery>,
    page: PageArguments = { first: 50 },
  ): Promise<string> {
    const whole: CatalogQuery = {
      origin: 'ALL',
      filter: {},
      order: { field: 'TAKEN_AT', direction: 'DESC' },
      ...query,
    };
    const plans = await plansOf((database) => readPage(database, reader, whole, page));
    expect(plans).toHaveLength(1);
    return plans[0] ?? '';
  }

  const SORTS = dialect === 'sqlite' ? /TEMP B-TREE/ : /Sort Key|"Incremental Sort"/;
  const ORDERED =
    dialect === 'sqlite' ? /(SCAN|SEARCH) i USING INDEX items_/ : /Index Scan (Backward )?using items_/;

  it('walks an index in its order and sorts nothing, for every order, direction, origin and reader', async () => {
    for (const reader of READERS) {
      for (const field of INDEXED) {
        for (const direction of ['ASC', 'DESC'] as const) {
          const plan = await pagePlan(reader, { order: { field, direction } });
          expect(plan, field).not.toMatch(SORTS);
          expect(plan, field).toMatch(ORDERED);
        }
      }
    }
    for (const origin of ['LOCAL', 'REMOTE'] as const) {
      expect(await pagePlan(READERS[0] as Reader, { origin })).not.toMatch(SORTS);
    }
  });

  it('begins at the cursor, however deep the page is', async () => {
    const seek =
      dialect === 'sqlite'
        ? /SEARCH i USING INDEX items_\w+ \((\(\w+,id\)|<expr>|\w+)?.*[<>]/
        : /Index Cond: \(ROW\(/;
    for (const field of INDEXED) {
      const order = { field, direction: 'DESC' as const };
      const query: CatalogQuery = { origin: 'ALL', filter: {}, order };
      const { edges } = await readPage(under.database.read, READERS[1] as Reader, query, { first: 500 });
      const cursor = edges.at(-1)?.cursor;
      for (const page of [
        { first: 50, after: cursor },
        { last: 50, before: cursor },
      ]) {
        const plan = await pagePlan(READERS[1] as Reader, { order }, page);
        expect(plan, field).toMatch(seek);
        expect(plan, field).not.toMatch(SORTS);
      }
    }
  });

  it('walks the items of one peer alone, where only they are asked for', async () => {
    const { id } = await under.database.prisma.peer.findFirstOrThrow();
    const plan = await pagePlan(READERS[0] as Reader, { filter: { peerIds: [id] } });
    expect(plan).toMatch(/items_source_timeline_at_key_idx/);
    expect(plan).not.toMatch(SORTS);
  });

  it('looks for copies of an item by their digest alone', async () => {
    const plan = await pagePlan(READERS[0] as Reader, { filter: { duplicates: 'COLLAPSE' } });
    expect(plan).toMatch(dialect === 'sqlite' ? /SEARCH o USING INDEX items_digest_idx/ : /items_digest_idx/);
    expect(plan).not.toMatch(SORTS);
  });

  it('looks up few and walks past many, whatever narrows the query', async () => {
    const { read } = under.database;
    const filters: CatalogFilter[] = [
      { query: 'solstice' },
      { query: 'w1' },
      { query: 'w4321 -w1' },
      // More than are looked up on PostgreSQL.
      { query: 'w*' },
      { query: 'w* -w1', kinds: ['IMAGE'] },
      { tags: { any: ['tag 1'] } },
      { tags: { any: ['tag 290', 'tag 291'] } },
      { tags: { all: ['tag 1', 'tag 2'], none: ['tag 3'] }, query: 'w1' },
    ];
    for (const filter of filters) {
      for (const origin of ['ALL', 'LOCAL'] as const) {
        for (const field of INDEXED) {
          const query: CatalogQuery = { origin, filter, order: { field, direction: 'DESC' } };
          const page = await readPage(read, READERS[0] as Reader, query, { first: 20 });
          const all = await readPage(read, READERS[0] as Reader, query, { first: 500 });
          const { count } = await readFacets(read, READERS[0] as Reader, query, { count: true });
          expect(all.edges.length).toBe(Math.min(500, count));
          expect(page.edges.map(({ item }) => item.id)).toEqual(
            all.edges.slice(0, 20).map(({ item }) => item.id),
          );
        }
      }
    }
  });

  it('walks the thumbnails that are wanted in the order in which they are fetched, however many wait', async () => {
    const source = 1;
    const [plan = '', ...others] = await plansOf((database) => wantedThumbnails(database, source, 50, 0));
    expect(others).toEqual([]);
    expect(plan).toMatch(/items_thumb_wanted_idx/);
    expect(plan).not.toMatch(SORTS);
  });

  it.runIf(dialect === 'sqlite')('finds a word by the search index', async () => {
    const plan = await pagePlan(READERS[0] as Reader, { filter: { query: 'solstice' } });
    expect(plan).toMatch(/item_search VIRTUAL TABLE INDEX/);
    // One way walks the order, the other looks up what was found; the answer is read whole only at the end.
    expect(plan).toMatch(/SCAN i USING INDEX items_timeline_at_key_idx/);
    expect(plan).toMatch(/SEARCH i USING INTEGER PRIMARY KEY/);
  });

  it.runIf(dialect === 'postgresql')('looks for a word once, and then looks up or walks', async () => {
    const plan = await pagePlan(READERS[0] as Reader, { filter: { query: 'solstice' } });
    // Once among all words, and once in the text of an item that the walk comes past; a bitmap names its condition twice.
    const looks = plan.replaceAll(/Recheck Cond: .*/g, '').match(/words @@/g);
    expect(looks, plan).toHaveLength(2);
    expect(plan).toMatch(/Index Scan Backward using items_timeline_at_key_idx/);
    expect(plan).toMatch(/Index Cond: \(key = ANY/);
  });

  it.runIf(dialect === 'postgresql')(
    'is made once for a connection, whoever asks and whatever the cursor',
    async () => {
      const { read } = under.database;
      const query: CatalogQuery = {
        origin: 'ALL',
        filter: {},
        order: { field: 'TAKEN_AT', direction: 'DESC' },
      };
      const [first] = (await readPage(read, READERS[0] as Reader, query, { first: 1 })).edges;
      const pages: PageArguments[] = [{ first: 50 }, { first: 500 }, { first: 50, after: first?.cursor }];
      for (const page of pages) {
        const statements: Statement[] = [];
        const rows: Sql['rows'] = async (statement) => {
          statements.push(statement as Statement);
          return [];
        };
        await readPage({ ...read, rows }, READERS[0] as Reader, query, page);
        const [{ text, values } = sql``] = statements;
        const bound = values.map((value) => (typeof value === 'number' ? value : `'${value}'`)).join(', ');
        await under.database.write(async (tx) => {
          const run = (line: string) => tx.all(prepared(line, []));
          await run(`PREPARE page AS ${text}`);
          for (let time = 0; time < 8; time += 1) await run(`EXECUTE page(${bound})`);
          const [plans] = await tx.all<{ generic: number }>(
            sql`SELECT generic_plans AS generic FROM pg_prepared_statements WHERE name = 'page'`,
          );
          // The first five are planned with their values, to be compared.
          expect(plans, JSON.stringify(page)).toEqual({ generic: 3 });
          await run('DEALLOCATE page');
        });
      }
    },
  );

  it.each<[string, CatalogFilter, FacetRequest]>([
    ['all', {}, { count: true, origins: true, kinds: true, tags: 50, years: true }],
    ['kinds and visibilities', { kinds: ['IMAGE'], visibilities: ['PUBLIC'] }, { count: true, tags: 5 }],
    ['one tag', { tags: { any: ['tag 1'] } }, { count: true, origins: true, kinds: true }],
    [
      'a year',
      { takenAt: { gte: Date.UTC(2020, 0, 1), lt: Date.UTC(2021, 0, 1) } },
      { count: true, years: true },
    ],
  ])('reads kept counts and no item, for %s', async (_what, filter, wanted) => {
    for (const reader of READERS) {
      const query: CatalogQuery = { origin: 'ALL', filter, order: { field: 'TITLE', direction: 'ASC' } };
      const [plan = '', ...others] = await plansOf((database) => readFacets(database, reader, query, wanted));
      expect(others).toEqual([]);
      expect(plan).toMatch(dialect === 'sqlite' ? /SEARCH c USING PRIMARY KEY \(facet=\?/ : /item_counts/);
      expect(plan).not.toMatch(
        dialect === 'sqlite' ? /\bi\b USING|SCAN i\b|item_tags/ : / on items |item_tags/,
      );
    }
  });
});

async function planOf(database: Sql, statement: Statement): Promise<string> {
  if (database.dialect === 'sqlite') {
    const rows = await database.all<{ detail: string }>(sql`EXPLAIN QUERY PLAN ${statement}`);
    return rows.map(({ detail }) => detail).join('\n');
  }
  const rows = await database.all<{ 'QUERY PLAN': string }>(sql`EXPLAIN ${statement}`);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}
