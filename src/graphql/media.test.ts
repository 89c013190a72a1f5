import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { fakeFederation, type GraphqlUnderTest, startGraphql } from '../../test/support/graphql.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import { countingStatements } from '../../test/support/statements.ts';
import type { Item } from '../catalog/items.ts';
import { applyRemotePage, type RemoteItem } from '../catalog/remote-changes.ts';
import type { Database } from '../database/database.ts';
import { WHOLE_GRANT } from '../federation/grants.ts';
import { EMPTY_CHECKSUM } from '../lib/checksum.ts';

async function pulled(
  database: Database,
  peer: { key: number },
  items: (Partial<RemoteItem> & { remoteId: string })[],
): Promise<void> {
  const page = { items: items.map(remoteItem), skipped: [], removed: [], generation: 1 };
  await database.write((tx) => applyRemotePage(tx, peer.key, page, EMPTY_CHECKSUM, Date.now()));
}

const variant = (name: 'thumbnail' | 'original') => ({
  name,
  mimeType: 'image/jpeg',
  size: 10,
  digest: `sha-256:${'cd'.repeat(32)}`,
});

describeOnBothDatabases('media over GraphQL', (open) => {
  it('merges local and remote items, and tells them apart', async () => {
    const database = await open();
    await using server = await startGraphql(database, { publicPath: '/hedgerow' });
    const peer = await seedPeer(database, { name: 'Meadow' });
    const [local] = await server.catalog.local.add([
      newItem({
        title: 'own',
        takenAt: Date.UTC(2024, 4, 31, 17, 20, 5),
        tags: ['b', 'a'],
        properties: { camera: 'Leica M11' },
        variants: [variant('thumbnail'), variant('original')],
      }),
    ]);
    await pulled(database, peer, [
      { remoteId: 'r/1', title: 'theirs', takenAt: Date.UTC(2024, 5, 1), variants: [variant('thumbnail')] },
    ]);
    const { data, errors } = await server.ask(
      `{ media { totalCount pageInfo { hasNextPage hasPreviousPage } edges { cursor } nodes {
           __typename id title takenAt tags byteSize addedAt properties peer { id name } availability
           thumbnailUrl previewUrl playableUrl originalUrl viewerCanUpdate viewerCanDelete copies { title }
           ... on LocalMedia { visibility storage owner { name } }
           ... on RemoteMedia { remoteId hidden from: peer { name } } } } }`,
    );
    expect(errors).toBeUndefined();
    expect(data.media.totalCount).toBe(2);
    expect(data.media.pageInfo).toEqual({ hasNextPage: false, hasPreviousPage: false });
    expect(data.media.nodes).toMatchObject([
      {
        __typename: 'RemoteMedia',
        title: 'theirs',
        takenAt: '2024-06-01T00:00:00',
        peer: { id: peer.id, name: 'Meadow' },
        availability: 'ON_DEMAND',
        thumbnailUrl: expect.stringMatching(/^\/hedgerow\/media\/media_\w+\/thumbnail$/),
        originalUrl: null,
        viewerCanUpdate: false,
        viewerCanDelete: false,
        copies: [{ title: 'own' }],
        remoteId: 'r/1',
        hidden: false,
        from: { name: 'Meadow' },
      },
      {
        __typename: 'LocalMedia',
        id: local?.id,
        takenAt: '2024-05-31T17:20:05',
        tags: ['b', 'a'],
        byteSize: '1000',
        addedAt: new Date(local?.addedAt ?? 0).toISOString(),
        properties: { camera: 'Leica M11' },
        peer: null,
        availability: 'LOCAL',
        previewUrl: null,
        playableUrl: null,
        originalUrl: `/hedgerow/media/${local?.id}/original`,
        viewerCanUpdate: true,
        copies: [{ title: 'theirs' }],
        visibility: 'PEERS',
        storage: 'MANAGED',
        owner: null,
      },
    ]);
    const part = async (origin: string) =>
      (await server.ask(`{ media(origin: ${origin}) { nodes { title } } }`)).data.media.nodes;
    expect(await part('LOCAL')).toEqual([{ title: 'own' }]);
    expect(await part('REMOTE')).toEqual([{ title: 'theirs' }]);
  });

  it('pages in both directions without skipping or repeating an item', async () => {
    const database = await open();
    await using server = await startGraphql(database);
    await server.catalog.local.add(
      Array.from({ length: 23 }, (_, at) => newItem({ title: `${at}`, takenAt: 1_000 * (at % 5) })),
    );
    const page = async (args: Record<string, unknown>) => {
      const { data, errors } = await server.ask(
        `query ($first: Int, $after: String, $last: Int, $before: String) {
           media(first: $first, after: $after, last: $last, before: $before, orderBy: { field: TAKEN_AT, direction: ASC }) {
             nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
        { variables: args },
      );
      expect(errors).toBeUndefined();
      return { ids: data.media.nodes.map(({ id }: { id: string }) => id), ...data.media.pageInfo };
    };
    const whole = (await page({ first: 500 })).ids;
    expect(new Set(whole).size).toBe(23);
    const forward: string[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const next = await page({ first: 7, after });
      forward.push(...next.ids);
      after = next.endCursor;
      more = next.hasNextPage;
    }
    expect(forward).toEqual(whole);
    const backward: string[] = [];
    for (let before: string | null = null, more = true; more; ) {
      const next = await page({ last: 7, before });
      backward.unshift(...next.ids);
      before = next.startCursor;
      more = next.hasPreviousPage;
    }
    expect(backward).toEqual(whole);
  });

  it('filters by each field, and takes null as nothing said', async () => {
    const database = await open();
    await using server = await startGraphql(database);
    const peer = await seedPeer(database);
    await server.catalog.local.add([
      newItem({ title: 'a', tags: ['x'], takenAt: Date.UTC(2024, 0, 1), visibility: 'INSTANCE' }),
      newItem({ title: 'b', kind: 'VIDEO', tags: ['x', 'y'], visibility: 'PUBLIC' }),
    ]);
    await pulled(database, peer, [{ remoteId: '1', title: 'c' }]);
    const titles = async (filter: Record<string, unknown>) => {
      const { data, errors } = await server.ask(
        'query ($filter: MediaFilter) { media(filter: $filter, orderBy: { field: TITLE, direction: ASC }) { totalCount nodes { title } } }',
        { variables: { filter } },
      );
      expect(errors).toBeUndefined();
      expect(data.media.totalCount).toBe(data.media.nodes.length);
      return data.media.nodes.map(({ title }: { title: string }) => title).join('');
    };
    expect(
      await titles({ kinds: null, query: null, tags: null, peerIds: null, addedAt: { gte: null } }),
    ).toBe('abc');
    expect(await titles({ kinds: ['VIDEO'] })).toBe('b');
    expect(await titles({ peerIds: [peer.id] })).toBe('c');
    expect(await titles({ tags: { all: ['x'], none: ['y'] } })).toBe('a');
    expect(await titles({ query: 'b' })).toBe('b');
    expect(await titles({ visibilities: ['PUBLIC'] })).toBe('b');
    expect(await titles({ takenAt: { gte: '2024-01-01T00:00:00', lt: '2024-01-01T00:00:01' } })).toBe('a');
    expect(await titles({ addedAt: { gte: '2001-01-01T00:00:00Z' } })).toBe('ab');
  });

  it('says how far each catalog can be relied on, of those that the answer draws on', async () => {
    const database = await open();
    await using server = await startGraphql(database);
    const meadow = await seedPeer(database, { name: 'Meadow' });
    const orchard = await seedPeer(database, { name: 'Orchard' });
    const gone = await seedPeer(database, { name: 'Gone' });
    await seedPeer(database, { name: 'Admins only' }).then(({ key }) =>
      database.prisma.peer.update({ where: { key }, data: { audience: 'ADMINS' } }),
    );
    await database.prisma.peer.update({
      where: { key: meadow.key },
      data: {
        health: 'ONLINE',
        listing: false,
        lastSuccessAt: new Date(),
        itemCount: 3,
        skippedCount: 1,
        remoteTotal: 8,
        inSync: false,
      },
    });
    await database.prisma.peer.update({ where: { key: orchard.key }, data: { health: 'OFFLINE' } });
    await database.prisma.peer.update({ where: { key: gone.key }, data: { status: 'REVOKED' } });
    const sources = async (args: string) =>
      (
        await server.ask(
          `{ media${args} { sources { peer { name } health completeness inSync stale reason lastSuccessAt } } }`,
          { as: 'viewer' },
        )
      ).data.media.sources;
    expect(await sources('')).toEqual([
      {
        peer: null,
        health: 'ONLINE',
        completeness: 1,
        inSync: true,
        stale: false,
        reason: null,
        lastSuccessAt: null,
      },
      {
        peer: { name: 'Meadow' },
        health: 'ONLINE',
        completeness: 0.5,
        inSync: false,
        stale: false,
        reason: null,
        lastSuccessAt: expect.any(String),
      },
      expect.objectContaining({
        peer: { name: 'Orchard' },
        health: 'OFFLINE',
        completeness: null,
        stale: true,
      }),
    ]);
    const names = async (args: string) =>
      (await sources(args)).map((source: { peer: { name: string } | null }) => source.peer?.name ?? 'here');
    expect(await names('(origin: LOCAL)')).toEqual(['here']);
    expect(await names('(origin: REMOTE)')).toEqual(['Meadow', 'Orchard']);
    expect(await names(`(filter: { peerIds: ["${orchard.id}"] })`)).toEqual(['Orchard']);
    expect(await names('(filter: { visibilities: [PUBLIC] })')).toEqual(['here']);
  });

  it("says where an item's bytes are", async () => {
    const database = await open();
    const kept = new Map<number, 'CACHED' | 'PARTIAL'>();
    const asked: Pick<Item, 'key'>[][] = [];
    await using server = await startGraphql(database, {
      availability: async (items) => {
        asked.push([...items]);
        return kept;
      },
    });
    const peer = await seedPeer(database);
    const dead = await seedPeer(database);
    await database.prisma.peer.update({ where: { key: dead.key }, data: { health: 'OFFLINE' } });
    await pulled(database, peer, [
      { remoteId: '1', title: 'a cached' },
      { remoteId: '2', title: 'b partial' },
      { remoteId: '3', title: 'c on demand' },
      { remoteId: '4', title: 'd held' },
    ]);
    await pulled(database, dead, [
      { remoteId: '1', title: 'e cached' },
      { remoteId: '2', title: 'f gone' },
    ]);
    await server.catalog.local.add([newItem({ title: 'g local' })]);
    await database.prisma.item.updateMany({ where: { title: 'd held' }, data: { held: true } });
    for (const item of await database.prisma.item.findMany()) {
      if (item.title.endsWith('cached')) kept.set(item.key, 'CACHED');
      if (item.title.endsWith('partial')) kept.set(item.key, 'PARTIAL');
    }
    const { data } = await server.ask(
      '{ media(orderBy: { field: TITLE, direction: ASC }) { nodes { availability } } }',
    );
    expect(data.media.nodes.map((node: { availability: string }) => node.availability)).toEqual([
      'CACHED',
      'PARTIAL',
      'ON_DEMAND',
      'UNAVAILABLE',
      'CACHED',
      'UNAVAILABLE',
      'LOCAL',
    ]);
    expect(asked.map((items) => items.length)).toEqual([6]);
  });

  it('runs the same few statements for a page of any length', async () => {
    const plain = await open();
    const peers = await Promise.all([1, 2, 3].map(() => seedPeer(plain)));
    const { database, statements } = countingStatements(plain);
    let asked = 0;
    await using server = await startGraphql(database, {
      availability: async () => {
        asked += 1;
        return new Map();
      },
    });
    await server.catalog.local.add(Array.from({ length: 20 }, () => newItem({ ownerId: 'user_admin' })));
    for (const peer of peers) {
      await pulled(
        plain,
        peer,
        Array.from({ length: 20 }, (_, at) => ({ remoteId: `${at}` })),
      );
    }
    const cost = async (fields: string, first: number) => {
      const before = statements() + asked;
      const { errors, data } = await server.ask(`{ media(first: ${first}) { ${fields} } }`);
      expect(errors).toBeUndefined();
      expect(data.media.nodes).toHaveLength(first);
      return statements() + asked - before;
    };
    expect(await cost('nodes { title tags originalUrl viewerCanUpdate peer { name } }', 50)).toBe(2);
    const everything =
      'totalCount sources { health peer { name } } nodes { availability peer { name } copies { title peer { name } availability } ... on LocalMedia { owner { name } } }';
    const few = await cost(everything, 5);
    expect(await cost(everything, 80)).toBeLessThanOrEqual(few + 1);
    // Page, count, sources, peers, copies, owners, and what is kept: of the items, then of their copies.
    expect(few).toBeLessThanOrEqual(9);
  });

  it('refuses sizes outside 1 to 500, and cursors of another order or none at all', async () => {
    const database = await open();
    await using server = await startGraphql(database);
    await server.catalog.local.add([newItem({}), newItem({})]);
    const code = async (args: string) =>
      (await server.ask(`{ media(${args}) { nodes { id } } }`)).errors?.[0]?.extensions['code'];
    const { data } = await server.ask('{ media(first: 1) { pageInfo { endCursor } } }');
    const cursor = data.media.pageInfo.endCursor;
    expect(await code(`first: 1, after: "${cursor}"`)).toBeUndefined();
    expect(await code(`first: 1, after: "${cursor}", orderBy: { field: TITLE }`)).toBe('BAD_CURSOR');
    expect(await code(`after: "${cursor}", filter: { query: "x" }`)).toBe('BAD_CURSOR');
    expect(await code('after: "nonsense"')).toBe('BAD_CURSOR');
    for (const args of ['first: 0', 'first: -1', 'first: 501', 'last: 0', 'last: 501', 'first: 1, last: 1']) {
      expect(await code(args)).toBe('INVALID');
    }
  });

  it('finds anything visible by its id, and nothing else', async () => {
    const database = await open();
    await using server = await startGraphql(database);
    const { prisma } = database;
    const peer = await seedPeer(database, { name: 'Meadow' });
    const [item, secret] = await server.catalog.local.add([
      newItem({ title: 'own' }),
      newItem({ title: 'secret', visibility: 'PRIVATE', ownerId: 'user_other' }),
    ]);
    await pulled(database, peer, [{ remoteId: 'r', title: 'theirs' }]);
    const remote = await prisma.item.findFirstOrThrow({ where: { title: 'theirs' } });
    await prisma.pull.create({ data: { id: 'pull_1', peerKey: peer.key, state: 'SUCCEEDED' } });
    await prisma.invitation.create({
      data: { id: 'pair_1', publicKey: '', grant: JSON.stringify(WHOLE_GRANT), expiresAt: new Date() },
    });
    for (const name of ['editor', 'viewer']) {
      await prisma.user.create({ data: { id: `user_${name}`, name, email: `${name}@example.org` } });
    }
    const ids = [
      item?.id,
      remote.id,
      peer.id,
      'pull_1',
      'pair_1',
      'user_editor',
      secret?.id,
      'media_x',
      'what',
      '',
    ];
    const names = async (as: 'admin' | 'editor' | 'viewer') => {
      const { data, errors } = await server.ask(
        `query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id
           ... on Media { title } ... on Peer { name } ... on Pull { state peer { name } } ... on Invitation { mediaCount } } }`,
        { as, variables: { ids } },
      );
      expect(errors).toBeUndefined();
      return data.nodes.map((node: { __typename: string } | null) => node?.__typename ?? null);
    };
    expect(await names('admin')).toEqual([
      'LocalMedia',
      'RemoteMedia',
      'Peer',
      'Pull',
      'Invitation',
      'User',
      null,
      null,
      null,
      null,
    ]);
    expect((await names('editor')).slice(2, 7)).toEqual(['Peer', null, null, 'User', null]);
    expect((await names('viewer')).slice(2, 7)).toEqual(['Peer', null, null, null, null]);
    expect((await server.ask(`{ node(id: "${peer.id}") { id } }`)).data.node).toEqual({ id: peer.id });
    const many = await server.ask('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
      variables: { ids: Array.from({ length: 101 }, () => 'media_x') },
    });
    expect(many.errors?.[0]?.extensions['code']).toBe('INVALID');
  });

  it('keeps peers from whom their audience excludes, and their operations from all but admins', async () => {
    const database = await open();
    await using server = await startGraphql(database, { anonymous: true });
    const peers: { key: number; id: string }[] = [];
    for (const name of ['Admins', 'Users', 'Anyone', 'Revoked'])
      peers.push(await seedPeer(database, { name }));
    const update = (at: number, data: Parameters<typeof database.prisma.peer.update>[0]['data']) =>
      database.prisma.peer.update({ where: { key: peers[at]?.key ?? 0 }, data });
    await update(0, {
      audience: 'ADMINS',
      errorCode: 'PEER_TLS',
      errorMessage: 'No.',
      errorAt: new Date(0),
      serves: true,
    });
    await update(2, { audience: 'ANYONE', pulls: false });
    await update(3, { status: 'REVOKED', audience: 'ANYONE' });
    const list = async (as: 'admin' | 'viewer' | 'nobody', status = '[ACTIVE, PAUSED, REVOKED]') => {
      const { data, errors } = await server.ask(
        `{ peers(status: ${status}) { totalCount nodes { name operations { endpoint
             pull { interval cacheMode audience bytesCached error { code at } }
             serve { mediaCount bytesServed } pulls { nodes { id } } } } } }`,
        { as },
      );
      expect(errors).toBeUndefined();
      expect(data.peers.totalCount).toBe(data.peers.nodes.length);
      return data.peers.nodes;
    };
    const names = async (...args: Parameters<typeof list>) =>
      (await list(...args)).map((peer: { name: string }) => peer.name);
    expect(await names('admin')).toEqual(['Admins', 'Users', 'Anyone', 'Revoked']);
    expect(await names('admin', '[ACTIVE]')).toEqual(['Admins', 'Users', 'Anyone']);
    expect(await names('viewer')).toEqual(['Users', 'Anyone']);
    expect(await names('nobody')).toEqual(['Anyone']);
    const [first, , third] = await list('admin');
    expect(first.operations).toMatchObject({
      pull: {
        interval: 900,
        cacheMode: 'ON_ACCESS',
        audience: 'ADMINS',
        bytesCached: '0',
        error: { code: 'PEER_TLS', at: '1970-01-01T00:00:00.000Z' },
      },
      serve: { mediaCount: 0, bytesServed: '0' },
      pulls: { nodes: [] },
    });
    expect(third.operations).toMatchObject({ pull: null, serve: null });
    expect((await list('viewer'))[0].operations).toBeNull();
  });

  it('pages peers, pulls and invitations by cursors that fit no other list', async () => {
    const database = await open();
    await using server = await startGraphql(database, { federation: fakeFederation() });
    const { prisma } = database;
    const peers: { key: number; id: string }[] = [];
    for (let at = 0; at < 5; at++) peers.push(await seedPeer(database, { name: `${at}` }));
    const peer = peers[0] ?? { key: 0, id: '' };
    for (let at = 0; at < 5; at++) {
      const time = new Date(1_000 * Math.floor(at / 2));
      await prisma.pull.create({
        data: { id: `pull_${at}`, peerKey: peer.key, state: 'SUCCEEDED', queuedAt: time },
      });
      await prisma.invitation.create({
        data: {
          id: `pair_${at}`,
          publicKey: '',
          grant: JSON.stringify(WHOLE_GRANT),
          createdAt: time,
          expiresAt: time,
        },
      });
    }
    const lists: Record<string, (args: string) => string> = {
      peers: (args) => `{ list: peers(${args}) { nodes { id } pageInfo { hasNextPage endCursor } } }`,
      invitations: (args) =>
        `{ list: invitations(${args}) { nodes { id } pageInfo { hasNextPage endCursor } } }`,
      pulls: (args) =>
        `{ node(id: "${peer.id}") { ... on Peer { operations { list: pulls(${args}) { nodes { id } pageInfo { hasNextPage endCursor } } } } } }`,
    };
    const read = async (server: GraphqlUnderTest, query: string) => {
      const { data, errors } = await server.ask(query);
      return { list: data?.list ?? data?.node?.operations?.list, code: errors?.[0]?.extensions['code'] };
    };
    const cursors: string[] = [];
    for (const [name, query] of Object.entries(lists)) {
      const ids: string[] = [];
      for (let after = '', more = true; more; ) {
        const { list } = await read(server, query(`first: 2${after}`));
        ids.push(...list.nodes.map(({ id }: { id: string }) => id));
        more = list.pageInfo.hasNextPage;
        after = `, after: "${list.pageInfo.endCursor}"`;
        cursors.push(list.pageInfo.endCursor);
      }
      const expected = { peers: peers.map(({ id }) => id), invitations: '43210', pulls: '43210' }[name];
      expect(name === 'peers' ? ids : ids.map((id) => id.slice(5)).join('')).toEqual(expected);
      expect((await read(server, query('first: 0'))).code).toBe('INVALID');
      expect((await read(server, query('first: 501'))).code).toBe('INVALID');
      expect((await read(server, query('after: "nonsense"'))).code).toBe('BAD_CURSOR');
    }
    expect((await read(server, lists['invitations']?.(`after: "${cursors[0]}"`) ?? '')).code).toBe(
      'BAD_CURSOR',
    );
    expect((await read(server, lists['peers']?.(`after: "${cursors.at(-1)}"`) ?? '')).code).toBe(
      'BAD_CURSOR',
    );
  });
});
