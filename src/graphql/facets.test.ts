import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { startGraphql } from '../../test/support/graphql.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import { countingStatements } from '../../test/support/statements.ts';
import { applyRemotePage, type RemoteItem } from '../catalog/remote-changes.ts';
import type { Database } from '../database/database.ts';
import { EMPTY_CHECKSUM } from '../lib/checksum.ts';

async function pulled(
  database: Database,
  peer: { key: number },
  items: (Partial<RemoteItem> & { remoteId: string })[],
): Promise<void> {
  const page = { items: items.map(remoteItem), skipped: [], removed: [], generation: 1 };
  await database.write((tx) => applyRemotePage(tx, peer.key, page, EMPTY_CHECKSUM, Date.now()));
}

const FACETS = `totalCount facets { origins { count peer { name } } kinds { kind count } tags { tag count } years { year count } }`;

describeOnBothDatabases('facets over GraphQL', (open) => {
  it('count all that match, on all pages, as the viewer may see it', async () => {
    const database = await open();
    await using server = await startGraphql(database, { anonymous: true });
    const peer = await seedPeer(database, { name: 'Meadow' });
    await server.catalog.local.add([
      newItem({ tags: ['a', 'b'], takenAt: Date.UTC(2024, 0, 1) }),
      newItem({
        tags: ['a'],
        kind: 'VIDEO',
        takenAt: Date.UTC(2023, 11, 31, 23, 59, 59, 999),
        visibility: 'PUBLIC',
      }),
      newItem({ tags: ['secret'], visibility: 'PRIVATE', ownerId: 'user_viewer' }),
    ]);
    await pulled(database, peer, [
      { remoteId: '1', tags: ['a'] },
      { remoteId: '2', tags: ['hidden'] },
    ]);
    const hidden = await database.prisma.item.findFirstOrThrow({ where: { remoteId: '2' } });
    await server.catalog.setHidden([hidden.id], true);
    const facetsOf = async (as: 'admin' | 'viewer' | 'nobody', args = 'first: 1') => {
      const { data, errors } = await server.ask(`{ media(${args}) { nodes { id } ${FACETS} } }`, { as });
      expect(errors).toBeUndefined();
      const { totalCount, facets } = data.media;
      return { totalCount, ...facets };
    };
    expect(await facetsOf('admin')).toEqual({
      totalCount: 3,
      origins: [
        { count: 2, peer: null },
        { count: 1, peer: { name: 'Meadow' } },
      ],
      kinds: [
        { kind: 'IMAGE', count: 2 },
        { kind: 'VIDEO', count: 1 },
      ],
      tags: [
        { tag: 'a', count: 3 },
        { tag: 'b', count: 1 },
      ],
      years: [
        { year: 2024, count: 1 },
        { year: 2023, count: 1 },
      ],
    });
    expect(await facetsOf('viewer')).toMatchObject({
      totalCount: 4,
      tags: [
        { tag: 'a', count: 3 },
        { tag: 'b', count: 1 },
        { tag: 'secret', count: 1 },
      ],
    });
    expect(await facetsOf('nobody')).toMatchObject({ totalCount: 1, tags: [{ tag: 'a', count: 1 }] });
    expect(await facetsOf('admin', 'filter: { hidden: true }')).toMatchObject({
      totalCount: 1,
      tags: [{ tag: 'hidden', count: 1 }],
    });
    expect(await facetsOf('viewer', 'filter: { hidden: true }')).toMatchObject({ totalCount: 0, tags: [] });
    // All have the same bytes.
    expect(await facetsOf('admin', 'filter: { duplicates: COLLAPSE }')).toMatchObject({
      totalCount: 1,
      origins: [{ count: 1, peer: null }],
    });
  });

  it('take a page and one statement for the count and all of them', async () => {
    const plain = await open();
    const { database, statements } = countingStatements(plain);
    await using server = await startGraphql(database);
    await server.catalog.local.add([newItem({ tags: ['a', 'b', 'c'] }), newItem({ tags: ['a'] })]);
    const before = statements();
    const { data } = await server.ask(
      '{ media { totalCount facets { origins { count } kinds { count } few: tags(first: 1) { tag } tags { tag } years { year } } } }',
    );
    expect(statements() - before).toBe(2);
    expect(data.media.facets.few).toEqual([{ tag: 'a' }]);
    expect(data.media.facets.tags).toHaveLength(3);
    for (const first of [0, -1, 501]) {
      const { errors } = await server.ask(`{ media { facets { tags(first: ${first}) { tag } } } }`);
      expect(errors?.[0]?.extensions['code']).toBe('INVALID');
    }
  });

  it('narrow to what has its bytes where it is asked for', async () => {
    const database = await open();
    await using server = await startGraphql(database);
    const [on, off] = [await seedPeer(database), await seedPeer(database)];
    await database.prisma.peer.update({ where: { key: on.key }, data: { health: 'ONLINE' } });
    await database.prisma.peer.update({ where: { key: off.key }, data: { health: 'OFFLINE' } });
    await server.catalog.local.add([newItem({ title: 'own' })]);
    await pulled(
      database,
      on,
      ['whole', 'some', 'thumbnail', 'none', 'held'].map((title) => ({ remoteId: title, title })),
    );
    await pulled(
      database,
      off,
      ['whole away', 'none away'].map((title) => ({ remoteId: title, title })),
    );
    await database.prisma.item.updateMany({ where: { title: 'held' }, data: { held: true } });
    for (const item of await database.prisma.item.findMany({ where: { source: { not: 0 } } })) {
      const keep = (variant: string, whole: boolean) =>
        database.prisma.cachedFile.create({
          data: { itemKey: item.key, source: item.source, variant, whole, size: 10n, bytes: 5n, usedAt: 0n },
        });
      if (item.title.startsWith('whole')) await keep('original', true);
      if (item.title === 'some') await keep('preview', true);
      if (item.title === 'thumbnail') await keep('thumbnail', true);
    }
    const found = async (availability: string) => {
      const { data, errors } = await server.ask(
        `{ media(filter: { availability: ${availability} }, orderBy: { field: TITLE, direction: ASC }) { totalCount nodes { title } sources { peer { id } } } }`,
      );
      expect(errors).toBeUndefined();
      expect(data.media.totalCount).toBe(data.media.nodes.length);
      return data.media.nodes.map(({ title }: { title: string }) => title);
    };
    expect(await found('[LOCAL]')).toEqual(['own']);
    expect(await found('[CACHED]')).toEqual(['whole', 'whole away']);
    expect(await found('[PARTIAL]')).toEqual(['some']);
    expect(await found('[ON_DEMAND]')).toEqual(['none', 'thumbnail']);
    expect(await found('[UNAVAILABLE]')).toEqual(['held', 'none away']);
    expect(await found('[LOCAL, CACHED]')).toEqual(['own', 'whole', 'whole away']);
    expect(await found('[]')).toEqual([]);
  });

  it('and whatever else is asked never fail of a text', async () => {
    const database = await open();
    await using server = await startGraphql(database);
    await server.catalog.local.add([newItem({ tags: ['a'] })]);
    const text = fc.oneof(
      anyText(12),
      fc.constantFrom(
        '\0',
        'media_\0',
        'peer_\0',
        'album_\ud800',
        '\ud800',
        '\\u0000',
        '\\',
        '"',
        "'",
        '%',
        'peer_x',
        'pull_\u0000',
      ),
    );
    const query = `query ($text: String!, $id: ID!) {
      media(filter: { query: $text, tags: { any: [$text], none: [$text] }, peerIds: [$id], albumIds: [$id] }) { ${FACETS} }
      tagged: media(filter: { tags: { all: [$text] } }) { ${FACETS} }
      ranked: media(filter: { query: $text }, orderBy: { field: RELEVANCE }) { nodes { id } }
      after: media(after: $text) { nodes { id } }
      before: albums(last: 3, before: $text) { nodes { id } }
      peers(after: $text) { nodes { id } }
      node(id: $id) { id }
      nodes(ids: [$id, "media_1"]) { id }
    }`;
    await fc.assert(
      fc.asyncProperty(text, text, async (one, other) => {
        const { status, errors = [] } = await server.ask(query, { variables: { text: one, id: other } });
        expect(status).toBeLessThan(500);
        for (const { extensions } of errors) expect(['INVALID', 'BAD_CURSOR']).toContain(extensions['code']);
      }),
      { numRuns: 60 },
    );
    expect(server.logged).toEqual([]);
  });
});
