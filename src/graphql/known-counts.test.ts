import { parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DIALECTS,
  openNewPostgres,
  openTemporarySqlite,
  type TemporaryDatabase,
} from '../../test/support/databases.ts';
import { type GraphqlUnderTest, startGraphql, VIEWERS, type ViewerName } from '../../test/support/graphql.ts';
import { newItem } from '../../test/support/items.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { compileQuery } from './compiled.ts';
import { createContext } from './context.ts';
import { schema } from './schema.ts';

const DOCUMENT = parse(
  'query ($after: String, $filter: MediaFilter) { media(first: 2, after: $after, filter: $filter) { totalCount pageInfo { endCursor } } }',
);
const plan = compileQuery(schema, DOCUMENT, DOCUMENT.definitions[0] as never);

describe.each(DIALECTS)('a count (%s)', (dialect) => {
  let temporary: TemporaryDatabase;
  let server: GraphqlUnderTest;
  /** How often anything was counted. */
  let counted = 0;

  beforeAll(async () => {
    temporary = await (dialect === 'sqlite' ? openTemporarySqlite() : openNewPostgres());
    server = await startGraphql(temporary.database);
    await add({ visibility: 'PRIVATE', ownerId: VIEWERS.editor.user?.id ?? null, tags: ['own'] });
    for (let number = 0; number < 4; number += 1) await add({ tags: ['seen'] });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await temporary.close();
  });

  const add = async (item: Parameters<typeof newItem>[0]): Promise<void> => {
    await server.catalog.local.add([newItem(item)]);
  };

  async function ask(as: ViewerName, variables: Record<string, unknown> = {}, looked = true) {
    const catalog: Catalog = {
      ...server.catalog,
      page: (reader, query, page, fields, isCounted) => {
        if (isCounted === true) counted += 1;
        return server.catalog.page(reader, query, page, fields, isCounted);
      },
      facets: (reader, query, wanted) => {
        counted += 1;
        return server.catalog.facets(reader, query, wanted);
      },
    };
    const context = createContext({ ...server.services, catalog }, VIEWERS[as]);
    if (looked) {
      const { epoch, revision } = await server.catalog.state();
      context.catalogAt = `${epoch} ${revision}`;
    }
    counted = 0;
    const { totalCount, pageInfo } = JSON.parse(await plan(variables, context)).data.media;
    return { totalCount, after: pageInfo.endCursor, counted: counted > 0 };
  }

  it('is told with each page, and counted once for as long as nothing changes', async () => {
    const first = await ask('viewer');
    expect(first).toMatchObject({ totalCount: 4, counted: true });
    const next = await ask('viewer', { after: first.after });
    expect(next).toMatchObject({ totalCount: 4, counted: false });
    await add({ tags: ['seen'] });
    expect(await ask('viewer', { after: first.after })).toMatchObject({ totalCount: 5, counted: true });
    expect(await ask('viewer')).toMatchObject({ totalCount: 5, counted: false });
  });

  it('is that of the viewer and of the filter', async () => {
    await ask('viewer');
    const own = await ask('editor');
    expect(own.totalCount).toBe((await ask('viewer')).totalCount + 1);
    const tagged = { filter: { tags: { any: ['own', 'other'] } } };
    expect(await ask('editor', tagged)).toMatchObject({ totalCount: 1, counted: true });
    expect(await ask('editor', tagged)).toMatchObject({ totalCount: 1, counted: false });
    expect(await ask('viewer', tagged)).toMatchObject({ totalCount: 0 });
  });

  it('is counted anew where nobody has looked whether something changed, and of what no counter counts', async () => {
    await ask('viewer');
    expect(await ask('viewer', {}, false)).toMatchObject({ counted: true });
    const here = { filter: { availability: ['LOCAL'] } };
    await ask('viewer', here);
    expect(await ask('viewer', here)).toMatchObject({ counted: true });
  });
});
