import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { newItem } from '../../test/support/items.ts';
import type { Database } from '../database/database.ts';
import { sql } from '../database/sql.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import type { NewLocalItem } from './local-changes.ts';
import { type CatalogFilter, ORDER_FIELDS } from './query.ts';
import type { Reader } from './visibility.ts';
import { indexedWords, parseSearch, type SearchableTexts, type Term } from './words.ts';

const ADMIN: Reader = { kind: 'ADMIN', userId: null };

/** One corpus for both databases; an item is named by its filename. */
const CORPUS: (Partial<NewLocalItem> & { filename: string })[] = [
  { filename: 'été', title: 'Été à la plage', tags: ['vacances', 'mer'], description: 'Sable fin, naïveté' },
  { filename: 'straße', title: 'Die Straße im Winter', creator: 'Jörg Müller', tags: ['SCHNEE'] },
  {
    filename: 'strasse',
    title: 'STRASSE und Gasse',
    properties: { camera: 'Leica M11', lens: { name: 'Elmar' } },
  },
  { filename: 'odos', title: 'Οδός Ερμού', description: 'οδοσ, Ὁδός' },
  { filename: 'moskva', title: 'Москва зимой', tags: ['ёлка', 'йод'] },
  { filename: 'kitab', title: 'كِتَابٌ قَدِيمٌ', description: 'أحمد في المدينة' },
  { filename: 'shalom', title: 'שָׁלוֹם עולם', tags: ['ירושלים'] },
  { filename: 'kyoto', title: '京都の桜', description: 'コーヒー ｶﾌｪ' },
  { filename: 'beijing', title: '北京大学', tags: ['大学', '桜'] },
  { filename: 'seoul', title: '서울의 봄' },
  { filename: 'bangkok', title: 'ภาษาไทยสวยงาม', description: 'น้ำ' },
  { filename: 'hindi', title: 'हिन्दी भाषा' },
  { filename: 'emoji', title: 'Party 🎉🦊 time', tags: ['❤️'], description: '👩‍🚀 👍🏽 🫠' },
  { filename: 'mixed', title: 'Tokyo東京tower2024', description: 'ﬁne ½ ① Ⅷ' },
  { filename: 'garden', title: 'Garden gate', description: 'old oak AND iron; NEAR the-wall' },
  { filename: 'garden-2', title: 'Old iron', tags: ['garden', 'gate'], description: 'oak' },
  {
    filename: 'punctuation',
    title: "it's a “quoted” – thing",
    tags: ["d'Artagnan"],
    description: 'a.b.c C:\\path',
  },
  { filename: 'turkish', title: 'İstanbul Iğdır' },
  { filename: 'new-letters', title: '𞤀𞤣𞤤𞤢𞤥 𐖀𐖁 ꟓ', description: '𲎰' },
];

/** Each with the items that it must find, and by leaving them out those that it must not. */
const QUERIES: [query: string, found: string[]][] = [
  ['ete', ['été']],
  ['ÉTÉ', ['été']],
  ['e\u0301te\u0301', ['été']],
  ['naivete', ['été']],
  ['strasse', ['straße', 'strasse']],
  ['Straße', ['straße', 'strasse']],
  ['STRAẞE', ['straße', 'strasse']],
  ['jorg muller', ['straße']],
  ['leica elmar', ['strasse']],
  ['"leica elmar"', []],
  ['ΟΔΟΣ', ['odos']],
  ['οδός', ['odos']],
  ['москва', ['moskva']],
  ['елка', ['moskva']],
  ['ИОД', ['moskva']],
  ['كتاب', ['kitab']],
  ['احمد', ['kitab']],
  ['"كتاب قديم"', ['kitab']],
  ['שלום', ['shalom']],
  ['ירוש*', ['shalom']],
  ['京都', ['kyoto']],
  ['都京', []],
  ['桜', ['kyoto', 'beijing']],
  ['大学', ['beijing']],
  ['カフェ', ['kyoto']],
  ['コーヒー', ['kyoto']],
  ['서울*', ['seoul']],
  ['서울', []],
  ['ไทย', ['bangkok']],
  ['ยไท', []],
  ['น้ำ', ['bangkok']],
  ['हिन्दी', ['hindi']],
  ['हन्द', []],
  ['🎉', ['emoji']],
  ['🎉🦊', ['emoji']],
  ['🦊🎉', []],
  ['❤', ['emoji']],
  ['👩‍🚀', ['emoji']],
  ['🚀', ['emoji']],
  ['👍', ['emoji']],
  ['🫠', ['emoji']],
  ['東京', ['mixed']],
  ['tower2024', ['mixed']],
  ['tow*', ['mixed']],
  ['fine', ['mixed']],
  ['1⁄2', ['mixed']],
  ['viii', ['mixed']],
  ['garden', ['garden', 'garden-2']],
  ['"garden gate"', ['garden']],
  ['garden -gate', []],
  ['oak -"old oak"', ['garden-2']],
  ['gard* AND', ['garden']],
  ['near', ['garden']],
  ['the-wall', ['garden']],
  ['wall-the', []],
  ["it's", ['punctuation']],
  ['d’artagnan', ['punctuation']],
  ['c:\\path', ['punctuation']],
  ['istanbul', ['turkish']],
  ['𞤢𞤣𞤤𞤢𞤥', ['new-letters']],
  ['𞤀𞤣𞤤𞤢𞤥', ['new-letters']],
  ['ꟓ', ['new-letters']],
  ['𲎰', ['new-letters']],
  ['garden*', ['garden', 'garden-2']],
  ['gar', []],
  ['*', []],
  ['-', []],
  ['"', []],
  ['""', []],
  ['!!! garden', ['garden', 'garden-2']],
  ['-garden gate', []],
  ['', CORPUS.map(({ filename }) => filename)],
  ['  ', CORPUS.map(({ filename }) => filename)],
];

/** What a search finds, said without an index. */
function matches(item: SearchableTexts, query: string): boolean {
  const search = parseSearch(query);
  if (search === null) return true;
  if (search.required.length + search.excluded.length === 0) return false;
  const parts = Object.values(indexedWords(item));
  const has = ({ words, prefix }: Term): boolean =>
    parts.some((list) =>
      list.some((_, start) =>
        words.every((word, index) => {
          const at = list[start + index];
          return prefix && index === words.length - 1 ? at?.startsWith(word) : at === word;
        }),
      ),
    );
  return search.required.every(has) && !search.excluded.some(has);
}

async function filled(database: Database): Promise<Catalog> {
  const catalog = await createCatalog(database);
  await catalog.local.add(
    CORPUS.map((item, index) =>
      newItem({ kind: index % 2 ? 'IMAGE' : 'VIDEO', byteSize: 1000 - index, ...item }),
    ),
  );
  return catalog;
}

async function search(
  catalog: Catalog,
  query: string,
  filter: CatalogFilter = {},
  field: (typeof ORDER_FIELDS)[number] = 'TITLE',
): Promise<string[]> {
  const order = { field, direction: 'DESC' as const };
  const page = await catalog.page(
    ADMIN,
    { origin: 'ALL', filter: { query, ...filter }, order },
    { first: 500 },
  );
  return page.edges.map(({ item }) => item.filename ?? '');
}

/** Pieces of which searches are made: words of the corpus, and what the query languages underneath are made of. */
const piece = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...CORPUS.flatMap((item) => [
        ...`${item.title} ${item.description ?? ''}`.split(' '),
        ...(item.tags ?? []),
      ]),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...[
        '"',
        '-',
        '*',
        '-"',
        '" ',
        ' ',
        ':',
        '^',
        '(',
        ')',
        '{',
        '}',
        '+',
        '|',
        '&',
        '!',
        '<->',
        '\\',
        "'",
        "''",
        '\0',
      ],
      ...[
        'AND ',
        'OR ',
        'NOT ',
        'NEAR(',
        'title:',
        'rest : ',
        ':*',
        ':A',
        '--',
        '/*',
        ';',
        '\ud800',
        '\udc00',
        '\ue000',
      ],
      ...['\u0301', '\u200d', '\ufe0f', '\u0640', '\u00ad', '\n', '\t', '\u3000', '%', '_', '$1', '?', '@@'],
    ),
  },
  { weight: 1, arbitrary: anyText(8) },
);
const hostile = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));

describeOnBothDatabases('search', (open) => {
  it('finds the same in every script on both databases, and nothing else', async () => {
    const catalog = await filled(await open());
    const found: [string, string[]][] = [];
    for (const [query] of QUERIES) found.push([query, (await search(catalog, query)).sort()]);
    expect(found).toEqual(QUERIES.map(([query, names]) => [query, [...names].sort()]));
  });

  it('takes any text for a search and finds what the words say, in every order and with every filter', async () => {
    const catalog = await filled(await open());
    const filters: [CatalogFilter, (item: (typeof CORPUS)[number], index: number) => boolean][] = [
      [{}, () => true],
      [{ kinds: ['IMAGE'] }, (_item, index) => index % 2 === 1],
      [
        { tags: { any: ['garden', 'mer'] } },
        ({ tags }) => tags?.some((tag) => ['garden', 'mer'].includes(tag)) ?? false,
      ],
      [{ visibilities: ['PEERS'], addedAt: { gte: 0 }, availability: ['LOCAL'] }, () => true],
      [{ albumIds: ['album_none'] }, () => false],
    ];
    const property = fc.asyncProperty(
      hostile,
      fc.constantFrom(...ORDER_FIELDS),
      fc.constantFrom(...filters),
      async (query, order, [filter, passes]) => {
        const expected = CORPUS.filter(
          (item, index) =>
            passes(item, index) &&
            matches({ ...newItem({}), description: null, creator: null, ...item }, query),
        ).map(({ filename }) => filename);
        if (order === 'RELEVANCE' && parseSearch(query) === null) {
          await expect(search(catalog, query, filter, order)).rejects.toMatchObject({ code: 'INVALID' });
        } else {
          expect((await search(catalog, query, filter, order)).sort()).toEqual(expected.sort());
        }
      },
    );
    await fc.assert(property, { numRuns: 150 });
  });

  it('puts first what is found in titles, then in tags, and pages in that order', async () => {
    const catalog = await createCatalog(await open());
    await catalog.local.add([
      newItem({ filename: '1', title: 'a walk', description: 'in the garden' }),
      newItem({ filename: '2', title: 'a walk', tags: ['garden'] }),
      newItem({ filename: '3', title: 'Garden walk' }),
      newItem({ filename: '4', title: 'Garden', tags: ['garden'], description: 'gardens' }),
      newItem({
        filename: '5',
        title: 'the gate',
        creator: 'Gardener',
        tags: ['gardener'],
        description: 'walk',
      }),
      newItem({ filename: '6', title: 'elsewhere' }),
    ]);
    expect(await search(catalog, 'garden', {}, 'RELEVANCE')).toEqual(['4', '3', '2', '1']);
    expect(await search(catalog, 'walk garden*', {}, 'RELEVANCE')).toEqual(['3', '2', '1', '5']);
    expect(await search(catalog, '"garden walk"', {}, 'RELEVANCE')).toEqual(['3']);
    expect((await search(catalog, '-garden', {}, 'RELEVANCE')).sort()).toEqual(['5', '6']);
    const query = {
      origin: 'ALL' as const,
      filter: { query: 'garden*' },
      order: { field: 'RELEVANCE' as const, direction: 'ASC' as const },
    };
    const names: (string | null)[] = [];
    for (let after: string | undefined; ; ) {
      const page = await catalog.page(ADMIN, query, { first: 2, after });
      names.push(...page.edges.map(({ item }) => item.filename));
      if (!page.hasNextPage) break;
      after = page.edges.at(-1)?.cursor;
    }
    expect(names).toEqual(['1', '2', '5', '3', '4']);
  });

  it('indexes everything anew where the words of another version are in the index, also when it was parted', async () => {
    const database = await open();
    await filled(database);
    await database.write((tx) => tx.run(sql`DELETE FROM item_search`));
    await database.write((tx) => tx.run(sql`UPDATE settings SET value = '1' WHERE key = 'search-index'`));
    let told = 0;
    const again = await createCatalog(database, Date.now, () => {
      told += 1;
    });
    expect(told).toBe(1);
    for (const [query, names] of QUERIES)
      expect((await search(again, query)).sort()).toEqual([...names].sort());
    await createCatalog(database, Date.now, () => {
      told += 1;
    });
    expect(told).toBe(1);
  });

  it('indexes an item with more text than the index takes, up to its end', async () => {
    const catalog = await createCatalog(await open());
    const letters = Array.from({ length: 9_000 }, (_, index) => `${'𞤀𞤁𞤂𞤃𞤄𞤅'.repeat(10)}${index}`);
    await catalog.local.add([
      newItem({ filename: 'long', title: 'first', description: letters.join(' ') }),
      newItem({ filename: 'same', title: 'again', description: 'over and '.repeat(1000) }),
    ]);
    expect(await search(catalog, 'first')).toEqual(['long']);
    expect(await search(catalog, '"and over"')).toEqual(['same']);
  });
});

describe('a search', () => {
  let found: ReturnType<typeof parseSearch>;
  beforeAll(() => {
    found = parseSearch('one "two three" fou* -five -"six seven"');
  });

  it('is words, phrases, prefixes and exclusions', () => {
    expect(found).toEqual({
      required: [
        { words: ['one'], prefix: false },
        { words: ['two', 'three'], prefix: false },
        { words: ['fou'], prefix: true },
      ],
      excluded: [
        { words: ['five'], prefix: false },
        { words: ['six', 'seven'], prefix: false },
      ],
    });
  });

  it('is refused where it is too long or has too many terms', () => {
    expect(() => parseSearch('x'.repeat(501))).toThrow(/500/);
    expect(() => parseSearch('x '.repeat(33))).toThrow(/32/);
    expect(parseSearch('x '.repeat(32))?.required.length).toBe(32);
  });
});
