import fc from 'fast-check';
import { isInterfaceType, isObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { describeOnBothDatabases, openTemporarySqlite } from '../../test/support/databases.ts';
import { fakeFederation, startGraphql, type ViewerName } from '../../test/support/graphql.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import { applyRemotePage } from '../catalog/remote-changes.ts';
import { standingOf } from '../graphql/dependencies.ts';
import { schema } from '../graphql/schema.ts';
import { EMPTY_CHECKSUM } from '../lib/checksum.ts';

const ITEMS = `media(first: 100) {
  nodes { id title tags viewerCanUpdate peer { name health mediaCount } albums { title mediaCount } copies { id } }
  totalCount
}`;
const DOCUMENTS = [
  `query Items { ${ITEMS} }`,
  'query Local { media(origin: LOCAL, orderBy: { field: TITLE }) { edges { cursor node { id title } } totalCount } }',
  'query Sources { media { sources { peer { id } health lastSuccessAt completeness inSync stale reason } } }',
  'query Peers { peers { nodes { id name status health mediaCount lastSuccessAt } totalCount } }',
  'query Albums { albums { nodes { title mediaCount media { nodes { title } } } } }',
];
const JSON_ONLY = { accept: 'application/json' };
const VIEWERS: ViewerName[] = ['admin', 'viewer', 'nobody'];

describeOnBothDatabases('a kept answer', (open) => {
  it('is what a fresh one would be, whatever has happened meanwhile', { timeout: 120_000 }, async () => {
    const database = await open();
    await using server = await startGraphql(database, { anonymous: true });
    await using other = await startGraphql(database, { anonymous: true });
    const peer = await seedPeer(database);
    const update = (data: Parameters<typeof database.prisma.peer.update>[0]['data']) =>
      database.prisma.peer.update({ where: { key: peer.key }, data });
    const anyItem = async (at: number): Promise<{ id: string; source: number } | undefined> => {
      const all = await database.prisma.item.findMany({
        orderBy: { key: 'asc' },
        select: { id: true, source: true },
      });
      return all[at % Math.max(1, all.length)];
    };
    let albums = 0;
    const acts: ((at: number) => Promise<unknown>)[] = [
      (at) =>
        server.catalog.local.add([
          newItem({
            title: `t${at % 7}`,
            visibility: at % 2 ? 'PUBLIC' : 'INSTANCE',
            ownerId: 'user_viewer',
          }),
        ]),
      async (at) => {
        const item = await anyItem(at);
        if (item?.source === 0)
          await server.catalog.local.update(item.id, { title: `u${at % 5}`, tags: ['x'] });
      },
      async (at) => {
        const item = await anyItem(at);
        if (item?.source === 0)
          await server.catalog.local.setVisibility([item.id], at % 2 ? 'PRIVATE' : 'PUBLIC');
      },
      async (at) => {
        const item = await anyItem(at);
        if (item?.source === 0) await server.catalog.local.remove([item.id]);
      },
      (at) =>
        database.write((tx) =>
          applyRemotePage(
            tx,
            peer.key,
            {
              items: [remoteItem({ remoteId: `r${at % 4}`, version: `${at}`, title: `r${at}` })],
              skipped: [],
              removed: [`r${(at + 1) % 4}`],
              generation: 1,
            },
            EMPTY_CHECKSUM,
            at,
          ),
        ),
      async (at) => server.catalog.setHidden([(await anyItem(at))?.id ?? ''], at % 2 === 0),
      (at) => update({ health: at % 2 ? 'OFFLINE' : 'ONLINE' }),
      (at) => update({ audience: (['ADMINS', 'USERS', 'ANYONE'] as const)[at % 3] ?? 'USERS' }),
      (at) => update({ status: at % 2 ? 'REVOKED' : 'ACTIVE' }),
      (at) => update({ name: `peer ${at % 3}`, lastSuccessAt: new Date(at % 100_000) }),
      (at) => update({ hiddenSince: at % 2 ? new Date() : null }),
      async (at) => {
        const item = await anyItem(at);
        albums += 1;
        if (item !== undefined) {
          await server.ask(
            `mutation { createAlbum(input: { title: "a${albums}", mediaIds: ["${item.id}"] }) { album { id } } }`,
          );
        }
      },
    ];
    let hits = 0;
    let asked = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(acts.length - 1), fc.nat(10_000)), { maxLength: 3 }),
        async (steps) => {
          for (const [act, at] of steps) await acts[act]?.(at);
          for (const as of VIEWERS) {
            for (const document of DOCUMENTS) {
              asked += 1;
              const kept = await server.ask(document, { as, headers: JSON_ONLY });
              const fresh = await other.ask(`${document} # ${asked}`, { as, headers: JSON_ONLY });
              expect(kept.errors).toBeUndefined();
              expect(kept.data).toEqual(fresh.data);
              if (kept.headers.get('cache-status')?.endsWith('hit')) hits += 1;
            }
          }
        },
      ),
      { numRuns: 25 },
    );
    // The test is about answers that are kept, so some must have been.
    expect(hits).toBeGreaterThan(10);
  });

  it('is nobody else’s, and no other question’s', async () => {
    await using server = await startGraphql(await open(), { anonymous: true });
    await server.catalog.local.add([
      newItem({ title: 'public', visibility: 'PUBLIC' }),
      newItem({ title: 'mine', visibility: 'PRIVATE', ownerId: 'user_viewer' }),
    ]);
    const query =
      'query A($n: Int) { media(first: $n, orderBy: { field: TITLE, direction: ASC }) { totalCount nodes { title } } } query B { media { totalCount } }';
    const operation = async (as: ViewerName, operationName: string, variables = {}) => {
      const response = await fetch(server.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-test-viewer': as, ...JSON_ONLY },
        body: JSON.stringify({ query, operationName, variables }),
      });
      return {
        status: response.headers.get('cache-status'),
        body: (await response.json()) as { data: unknown },
      };
    };
    const all = { media: { totalCount: 2, nodes: [{ title: 'mine' }, { title: 'public' }] } };
    await operation('viewer', 'A');
    expect((await operation('viewer', 'A')).status).toMatch(/fwd=miss/);
    expect(await operation('viewer', 'A')).toMatchObject({
      status: expect.stringMatching(/hit$/),
      body: { data: all },
    });
    expect((await operation('admin', 'A')).body.data).toMatchObject({ media: { totalCount: 1 } });
    expect((await operation('nobody', 'A')).body.data).toMatchObject({ media: { totalCount: 1 } });
    expect((await operation('viewer', 'B')).body.data).toEqual({ media: { totalCount: 2 } });
    expect((await operation('viewer', 'A', { n: 1 })).body.data).toMatchObject({
      media: { nodes: [{ title: 'mine' }] },
    });
    // What is wrong with a request is told as ever, however often it is made.
    for (let time = 0; time < 3; time += 1) {
      expect((await operation('viewer', 'A', { n: 501 })).body).toMatchObject({
        errors: [{ extensions: { code: 'INVALID' } }],
      });
      expect((await operation('bytesToken', 'A')).body).toMatchObject({
        errors: [{ extensions: { code: 'FORBIDDEN' } }],
      });
    }
  });
});

describe('the short way', () => {
  it('refuses what asks for too much, however often it has answered the same document for less', async () => {
    const { database, close } = await openTemporarySqlite();
    await using server = await startGraphql(database);
    const query =
      'query ($n: Int, $ids: [ID!]!) { peers(first: $n) { nodes { media(first: $n) { nodes { id title } } } } nodes(ids: $ids) { id } }';
    const ask = (n: number) => server.ask(query, { variables: { n, ids: [] }, headers: JSON_ONLY });
    for (let time = 0; time < 3; time += 1) expect((await ask(2)).errors).toBeUndefined();
    for (let time = 0; time < 3; time += 1) {
      expect((await ask(500)).errors).toMatchObject([{ message: expect.stringMatching(/too/i) }]);
    }
    expect((await ask(2)).errors).toBeUndefined();
    await close();
  });

  it('answers in the media type of the long way', async () => {
    const { database, close } = await openTemporarySqlite();
    await using server = await startGraphql(database);
    for (const accept of ['*/*', 'application/json', 'application/graphql-response+json']) {
      const types: (string | null)[] = [];
      for (let time = 0; time < 3; time += 1) {
        const { headers } = await server.ask(`{ media { totalCount } } # ${accept}`, { headers: { accept } });
        types.push(headers.get('content-type'));
        expect(headers.get('cache-status') === null).toBe(time === 0);
      }
      expect(new Set(types).size).toBe(1);
    }
    await close();
  });
});

describe('what an answer hangs on', () => {
  it('has been decided for every field that answers of the catalog may have', () => {
    const never: string[] = [];
    for (const type of Object.values(schema.getTypeMap())) {
      if (!isObjectType(type) && !isInterfaceType(type)) continue;
      if (
        !/^(?:Query|Media.*|LocalMedia|RemoteMedia|Album.*|Peer|PeerConnection|PeerEdge|CatalogSource|.*Facet|Agent)$/.test(
          type.name,
        )
      )
        continue;
      for (const field of Object.keys(type.getFields())) {
        if (standingOf(type.name, field) === 'never') never.push(`${type.name}.${field}`);
      }
    }
    expect(never.sort()).toMatchInlineSnapshot(`
      [
        "Album.visibility",
        "LocalMedia.availability",
        "LocalMedia.owner",
        "LocalMedia.sharedWith",
        "Media.availability",
        "MediaExplanation.files",
        "MediaExplanation.media",
        "Peer.operations",
        "Query.auditEvents",
        "Query.cache",
        "Query.explainMedia",
        "Query.instance",
        "Query.invitations",
        "Query.users",
        "Query.viewer",
        "RemoteMedia.availability",
      ]
    `);
  });
});

describeOnBothDatabases('what is asked by GET', (open) => {
  it('has an ETag, and is 304 as long as it is the same', async () => {
    await using server = await startGraphql(await open(), { federation: fakeFederation() });
    const url = `${server.url}?query=${encodeURIComponent('{ media { totalCount } }')}`;
    const get = (headers: Record<string, string> = {}) =>
      fetch(url, { headers: { 'x-test-viewer': 'admin', 'x-hedgerow-csrf': '1', ...JSON_ONLY, ...headers } });
    const first = await get();
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{27}"$/);
    expect(first.headers.get('cache-control')).toBe('private, no-cache');
    expect(first.headers.get('vary')).toBe('Accept, Authorization, Cookie');
    for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const same = await get({ 'if-none-match': condition });
      expect([same.status, await same.text(), same.headers.get('etag')]).toEqual([304, '', etag]);
    }
    expect((await get({ 'if-none-match': '"other"' })).status).toBe(200);
    await server.catalog.local.add([newItem({})]);
    const changed = await get({ 'if-none-match': etag });
    expect([changed.status, await changed.json()]).toEqual([200, { data: { media: { totalCount: 1 } } }]);
    expect((await get({ 'x-hedgerow-csrf': '', 'if-none-match': etag })).status).not.toBe(500);
  });
});
