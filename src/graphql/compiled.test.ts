import fc from 'fast-check';
import {
  buildSchema,
  execute,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  parse,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DIALECTS,
  openNewPostgres,
  openTemporarySqlite,
  type TemporaryDatabase,
} from '../../test/support/databases.ts';
import { type GraphqlUnderTest, startGraphql, VIEWERS } from '../../test/support/graphql.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { applyRemotePage } from '../catalog/remote-changes.ts';
import { cellReader } from '../database/records.ts';
import { EMPTY_CHECKSUM } from '../lib/checksum.ts';
import { type Cell, type RowColumn, rowClass } from '../lib/rows.ts';
import { compileQuery, NotPlanned } from './compiled.ts';
import { createContext } from './context.ts';
import { schema } from './schema.ts';

/** Whatever a text of an item may have in it, and each field with and without a value. */
const TITLES = [
  'ä"\\\n',
  '(two, 2)',
  'three',
  '',
  '"',
  '\\',
  '\u0001\t',
  '猫 🐈',
  'a,b)(c',
  'half \ud800 and \udc00',
  '\u2028\u2029\u007f</script>',
  '\\u0041\\"',
  `long ${'é"'.repeat(300)}`,
];

async function seed(server: GraphqlUnderTest, { database }: TemporaryDatabase): Promise<void> {
  const items = await server.catalog.local.add(
    TITLES.map((title, at) =>
      newItem({
        title,
        description: at % 2 === 0 ? title : null,
        // Half a character is no tag.
        tags: ['a', title.toWellFormed()],
        properties: { at, nested: [null, { title }] },
        takenAt: at % 3 === 0 ? at * 1e11 || null : at * 1e11 + at,
        byteSize: at % 4 === 0 ? Number.MAX_SAFE_INTEGER - at : at,
        ownerId: at === 0 ? (VIEWERS.admin.user?.id ?? null) : null,
      }),
    ),
  );
  await server.ask(
    'mutation ($ids: [ID!]!) { createAlbum(input: { title: "all", mediaIds: $ids }) { album { id } } }',
    {
      variables: { ids: items.map(({ id }) => id) },
    },
  );
  for (const name of ['Meadow', 'Orchard']) {
    const peer = await seedPeer(database, { name });
    const page = {
      items: ['r1', 'r2'].map((remoteId) => remoteItem({ remoteId, albums: [{ id: 'a', title: 'theirs' }] })),
      skipped: [],
      removed: [],
      generation: 1,
    };
    await database.write((tx) => applyRemotePage(tx, peer.key, page, EMPTY_CHECKSUM, 1));
  }
}

/** What is the same each time, and needs nothing but the catalog behind it. */
const LEFT_OUT = new Set(['operations']);

/** Selections of any depth, with aliases, fragments on types and repeated fields. */
function selection(type: GraphQLOutputType, depth: number): fc.Arbitrary<string> {
  const named = getNamedType(type);
  if (!isObjectType(named) && !isInterfaceType(named)) return fc.constant('');
  const fields = Object.values(named.getFields()).filter(
    (field) => !LEFT_OUT.has(field.name) && (isLeafType(getNamedType(field.type)) || depth > 0),
  );
  // Connections have nothing but objects.
  if (fields.length === 0) return fc.constant(' { __typename }');
  const field = fc
    .constantFrom(...fields)
    .chain((each) =>
      fc
        .tuple(fc.constantFrom('', '', 'x: ', 'y: '), selection(each.type, depth - 1))
        .map(([alias, inner]) => `${alias && `${alias.slice(0, 1)}_${each.name}: `}${each.name}${inner}`),
    );
  const typename = fc.constant('__typename');
  const concrete =
    named.name === 'Media'
      ? fc
          .constantFrom('LocalMedia', 'RemoteMedia')
          .chain((name) =>
            selection(schema.getType(name) as never, Math.min(1, depth)).map(
              (inner) => `... on ${name}${inner}`,
            ),
          )
      : typename;
  return fc
    .array(fc.oneof({ weight: 6, arbitrary: field }, typename, concrete), { minLength: 1, maxLength: 5 })
    .map((parts) => ` { ${parts.join(' ')} }`);
}

const PAGED = 'media(first: $first, last: $last, origin: $origin, filter: $filter, orderBy: $order)';
const query = fc.constantFrom(PAGED, PAGED, 'media(first: 4)', 'albums', 'peers').chain((root) => {
  const field = schema.getQueryType()?.getFields()[root.split('(')[0] ?? ''];
  const asked =
    root === PAGED
      ? 'query ($first: Int, $last: Int, $origin: MediaOrigin!, $filter: MediaFilter, $order: MediaOrder)'
      : '';
  return selection(field?.type as never, 4).map((inner) => `${asked} { ${root}${inner} }`);
});

const size = fc.integer({ min: 1, max: 8 });
const variables = fc.record({
  first: fc.option(size),
  last: fc.option(size, { freq: 4 }),
  origin: fc.constantFrom('ALL', 'LOCAL', 'REMOTE'),
  filter: fc.option(
    fc.record(
      {
        kinds: fc.subarray(['IMAGE', 'VIDEO', 'DOCUMENT']),
        tags: fc.record({ any: fc.subarray(['a', '猫 🐈']) }),
        query: fc.constantFrom('three', '猫', '-three'),
        duplicates: fc.constantFrom('SHOW', 'COLLAPSE'),
      },
      { requiredKeys: [] },
    ),
    { freq: 3 },
  ),
  order: fc.record({
    field: fc.constantFrom('TAKEN_AT', 'ADDED_AT', 'TITLE', 'BYTE_SIZE', 'RELEVANCE'),
    direction: fc.constantFrom('ASC', 'DESC'),
  }),
});

describe.each(DIALECTS)('a compiled query (%s)', (dialect) => {
  let temporary: TemporaryDatabase;
  let server: GraphqlUnderTest;

  beforeAll(async () => {
    temporary = await (dialect === 'sqlite' ? openTemporarySqlite() : openNewPostgres());
    server = await startGraphql(temporary.database);
    await seed(server, temporary);
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await temporary.close();
  });

  it('answers what graphql-js answers, byte for byte', { timeout: 60_000 }, async () => {
    let compared = 0;
    const who = fc.constantFrom('admin', 'editor', 'readingToken');
    await fc.assert(
      fc.asyncProperty(query, variables, who, fc.boolean(), async (text, values, viewer, known) => {
        const document = parse(text);
        const [operation] = document.definitions;
        const context = async () => {
          const created = createContext(server.services, VIEWERS[viewer]);
          const { epoch, peersRevision } = await server.catalog.state();
          if (known) created.peersAt = `${epoch} ${peersRevision}`;
          return created;
        };
        const expected = await execute({
          schema,
          document,
          contextValue: await context(),
          variableValues: values,
        });
        const plan = compileQuery(schema, document, operation as never);
        const planned = async () => plan(values, await context());
        if ('errors' in expected && expected.errors !== undefined) {
          await expect(planned()).rejects.toThrow();
          return;
        }
        expect(await planned()).toBe(JSON.stringify(expected));
        // What it has found out for the first time holds for the second.
        expect(await planned()).toBe(JSON.stringify(expected));
        compared += 1;
      }),
      { numRuns: 150 },
    );
    expect(compared).toBeGreaterThan(75);
  });

  it('reads of a page the columns that are shown, and those alone', async () => {
    const pages: (readonly string[])[] = [];
    const counted: boolean[] = [];
    const catalog: Catalog = {
      ...server.catalog,
      page: async (reader, asked, page, fields, isCounted) => {
        pages.push([...(fields ?? [])]);
        counted.push(isCounted === true);
        return server.catalog.page(reader, asked, page, fields, isCounted);
      },
    };
    const run = async (inner: string) => {
      const document = parse(`query { media { ${inner} } } fragment F on RemoteMedia { hidden }`);
      const plan = compileQuery(schema, document, document.definitions[0] as never);
      await plan({}, createContext({ ...server.services, catalog }, VIEWERS.admin));
      return { fields: pages.at(-1), counted: counted.at(-1) };
    };
    expect(await run('pageInfo { endCursor } nodes { id }')).toEqual({ fields: [], counted: false });
    expect(await run('edges { node { title tags } }')).toMatchObject({ fields: ['title', 'tags'] });
    expect(await run('nodes { ...F ... on LocalMedia { owner { id } } }')).toMatchObject({
      fields: ['hidden', 'ownerId'],
    });
    expect(await run('totalCount nodes { copies { title } }')).toEqual({
      fields: ['title', 'digest'],
      counted: true,
    });
  });
});

/** Cells as a driver gives them, numbers as such or as texts. */
const cells = fc.record({
  text: fc.option(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...TITLES))),
  must: fc.oneof({ weight: 20, arbitrary: fc.string({ unit: 'binary' }) }, fc.constant(null)),
  int: fc.option(
    fc.oneof(fc.integer(), fc.integer().map(String), fc.constantFrom(2 ** 31, '2147483648', 0.5)),
    { freq: 10 },
  ),
  float: fc.option(
    fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((each) => each + 0),
      fc.constantFrom(1e21, '1e-7'),
    ),
  ),
  yes: fc.option(fc.constantFrom(0, 1, 't', 'f')),
  sort: fc.option(fc.constantFrom(0, 1, '1')),
  tags: fc
    .array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...TITLES)))
    .map((list) => JSON.stringify(list)),
});

describe('a compiled query', () => {
  it('writes from the cells of rows what graphql-js makes of their values', () => {
    const own = buildSchema(`
      enum Sort { FIRST SECOND }
      type Row { text: String must: String! int: Int float: Float yes: Boolean sort: Sort tags: [String!]! shown: String }
      type Query { rows: [Row!]! }
    `);
    const number = cellReader('number');
    const read: Record<string, RowColumn['read']> = {
      int: number,
      float: number,
      yes: cellReader('boolean'),
      sort: (cell) => ['FIRST', 'SECOND'][Number(cell)],
      tags: (cell) => JSON.parse(String(cell)),
    };
    const names = ['text', 'must', 'int', 'float', 'yes', 'sort', 'tags'];
    const Made = rowClass(
      new Map(names.map((name, at) => [name, { at, read: read[name], isJson: name === 'tags' }])),
    );
    const fields = (own.getType('Row') as GraphQLObjectType).getFields();
    for (const name of names) Object.assign(fields[name] ?? {}, { extensions: { column: name } });
    const shown = (text: unknown) => (text === null ? null : String(text).slice(1) || null);
    Object.assign(fields['shown'] ?? {}, {
      extensions: { column: 'text', shown },
      resolve: (row: { text: unknown }) => shown(row.text),
    });
    let made: object[] = [];
    Object.assign(own.getQueryType()?.getFields()['rows'] ?? {}, { resolve: () => made });
    const document = parse(`{ rows { shown other: text ${names.join(' ')} __typename } }`);
    const plan = compileQuery(own, document, document.definitions[0] as never);
    let written = 0;
    fc.assert(
      fc.property(fc.array(cells, { maxLength: 4 }), (rows) => {
        made = rows.map((row) => new Made(names.map((name) => row[name as keyof typeof row] as Cell)));
        const expected = execute({ schema: own, document });
        if (expected instanceof Promise) throw new Error('Nothing here is late.');
        if (expected.errors === undefined) {
          written += 1;
          expect(plan({}, {})).toBe(JSON.stringify(expected));
        } else expect(() => plan({}, {})).toThrow();
      }),
      { numRuns: 500 },
    );
    expect(written).toBeGreaterThan(200);
  });

  it('leaves to graphql-js what is no plain success', async () => {
    const own = buildSchema(
      'type Query { name: String! names: [String!]! late: Late } type Late { name: String! }',
    );
    const compiled = (text: string) => {
      const document = parse(text);
      return compileQuery(own, document, document.definitions[0] as never);
    };
    expect(() => compiled('query ($a: Boolean!) { name @skip(if: $a) }')).toThrow(NotPlanned);
    expect(() => compiled('{ __schema { queryType { name } } }')).toThrow(NotPlanned);
    expect(() => compiled('{ name }')({}, {})).toThrow(NotPlanned);
    const late = own.getQueryType()?.getFields()['late'];
    if (late === undefined) throw new Error('The schema of the test has no such field.');
    late.resolve = async () => ({ name: null });
    await expect(compiled('{ late { name } }')({}, {})).rejects.toThrow(NotPlanned);
    // One that is begun, and fails after another field has thrown, must not end the process.
    late.resolve = async () => {
      throw new Error('late');
    };
    expect(() => compiled('{ late { name } name }')({}, {})).toThrow(NotPlanned);
    await new Promise((resolve) => setImmediate(resolve));
  });
});
