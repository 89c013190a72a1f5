import fc from 'fast-check';
import {
  buildSchema,
  execute,
  type GraphQLOutputType,
  getNamedType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  parse,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { type GraphqlUnderTest, startGraphql, VIEWERS } from '../../test/support/graphql.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import { applyRemotePage } from '../catalog/remote-changes.ts';
import { EMPTY_CHECKSUM } from '../lib/checksum.ts';
import { compileQuery, NotPlanned } from './compiled.ts';
import { createContext } from './context.ts';
import { schema } from './schema.ts';

let temporary: TemporaryDatabase;
let server: GraphqlUnderTest;

beforeAll(async () => {
  temporary = await openTemporarySqlite();
  const { database } = temporary;
  server = await startGraphql(database);
  const items = await server.catalog.local.add(
    ['ä"\\\n', 'two', 'three'].map((title, at) =>
      newItem({
        title,
        tags: ['a', title],
        properties: { at, nested: [null, { title }] },
        takenAt: at * 1e11 || null,
      }),
    ),
  );
  await server.ask(
    'mutation ($ids: [ID!]!) { createAlbum(input: { title: "all", mediaIds: $ids }) { album { id } } }',
    {
      variables: { ids: items.map(({ id }) => id) },
    },
  );
  const peer = await seedPeer(database);
  await database.write((tx) =>
    applyRemotePage(
      tx,
      peer.key,
      {
        items: ['r1', 'r2'].map((remoteId) =>
          remoteItem({ remoteId, albums: [{ id: 'a', title: 'theirs' }] }),
        ),
        skipped: [],
        removed: [],
        generation: 1,
      },
      EMPTY_CHECKSUM,
      1,
    ),
  );
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await temporary.close();
});

/** What is the same each time, and needs nothing but the catalog behind it. */
const LEFT_OUT = new Set(['operations', 'owner', 'sharedWith']);

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

const query = fc.constantFrom('media(first: 4)', 'albums', 'peers').chain((root) => {
  const field = schema.getQueryType()?.getFields()[root.split('(')[0] ?? ''];
  return selection(field?.type as never, 4).map((inner) => `{ ${root}${inner} }`);
});

describe('a compiled query', () => {
  it('answers what graphql-js answers, byte for byte', { timeout: 60_000 }, async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(query, async (text) => {
        const document = parse(text);
        const [operation] = document.definitions;
        const context = () => createContext(services(), VIEWERS.admin);
        const expected = await execute({ schema, document, contextValue: context() });
        const plan = compileQuery(schema, document, operation as never);
        if ('errors' in expected && expected.errors !== undefined) {
          await expect((async () => plan({}, context()))()).rejects.toThrow();
          return;
        }
        expect(await plan({}, context())).toBe(JSON.stringify(expected));
        compared += 1;
      }),
      { numRuns: 150 },
    );
    expect(compared).toBeGreaterThan(75);
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

function services() {
  return server.services;
}
