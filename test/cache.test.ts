import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../src/cli/program.ts';
import { host } from '../src/host.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';

interface Node {
  id: string;
  kind: string;
  byteSize: string;
  availability: string;
  originalUrl: string;
}

interface Explained {
  explainMedia: {
    files: {
      variant: string;
      source: string;
      reason: string;
      segments: number | null;
      segmentCount: number | null;
      bytesCached: string;
      pinned: boolean;
      lastAnswer: { cacheStatus: string | null; code: string | null } | null;
    }[];
  } | null;
}

interface Kept {
  keptItems: {
    nodes: { media: { id: string } | null; bytes: string; pinned: boolean }[];
    pageInfo: { hasNextPage: boolean; endCursor: string };
  };
}

interface Usage {
  bytes: string;
  pinnedBytes: string;
  items: number;
  peers: { peer: { name: string }; bytes: string; budget: string | null; items: number }[];
}

describe('what is kept of a peer’s bytes', () => {
  let garden: Instance;
  let coast: Instance;
  let peerId: string;

  beforeAll(async () => {
    garden = await startInstance('Garden');
    coast = await startInstance('Coast');
    await garden.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
    peerId = await pair(garden, coast);
    await settled(coast, peerId);
  });
  afterAll(async () => {
    await coast?.[Symbol.asyncDispose]();
    await garden?.[Symbol.asyncDispose]();
  });

  const remote = async (): Promise<Node[]> => {
    const { media } = await coast.query<{ media: { nodes: Node[] } }>(
      '{ media(origin: REMOTE, first: 100) { nodes { id kind byteSize availability originalUrl } } }',
    );
    return media.nodes;
  };
  const largest = async (): Promise<Node> => {
    const [first] = (await remote()).toSorted((x, y) => Number(y.byteSize) - Number(x.byteSize));
    if (first === undefined) throw new Error('there is nothing of the peer');
    return first;
  };
  const explain = async (id: string, variant = 'original') => {
    const { explainMedia } = await coast.query<Explained>(
      'query ($id: ID!) { explainMedia(id: $id) { files { variant source reason segments segmentCount bytesCached pinned lastAnswer { cacheStatus code } } } }',
      { id },
    );
    return explainMedia?.files.find((file) => file.variant === variant);
  };
  const usage = async (): Promise<Usage> =>
    (
      await coast.query<{ cache: Usage }>(
        '{ cache { bytes pinnedBytes items peers { peer { name } bytes budget items } } }',
      )
    ).cache;
  /** Page by page, one on each. */
  const kept = async (narrowed = '') => {
    const nodes: Kept['keptItems']['nodes'] = [];
    for (let after: string | null = null; ; ) {
      const { cache }: { cache: Kept } = await coast.query(
        `query ($after: String) { cache { keptItems(first: 1, after: $after${narrowed}) { nodes { media { id } bytes pinned usedAt } pageInfo { hasNextPage endCursor } } } }`,
        { after },
      );
      nodes.push(...cache.keptItems.nodes);
      if (!cache.keptItems.pageInfo.hasNextPage) return nodes;
      after = cache.keptItems.pageInfo.endCursor;
    }
  };
  const purge = (input: object) =>
    coast.query<{ purgeCache: { cache: Usage | null; userErrors: { code: string }[] } }>(
      'mutation ($input: PurgeCacheInput!) { purgeCache(input: $input) { cache { bytes pinnedBytes items peers { peer { name } bytes budget items } } userErrors { code } } }',
      { input },
    );
  const pin = (id: string, pinned: boolean) =>
    coast.query<{ pinMedia: { media: { id: string } | null; userErrors: { code: string }[] } }>(
      'mutation ($id: ID!, $pinned: Boolean!) { pinMedia(input: { id: $id, pinned: $pinned }) { media { id } userErrors { code } } }',
      { id, pinned },
    );
  const update = (input: object) =>
    coast.query<{ updatePeer: { userErrors: { code: string; field: string[] }[] } }>(
      'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code field } } }',
      { input: { id: peerId, ...input } },
    );
  const command = async (...words: string[]) => {
    const said: string[] = [];
    const code = await runCommandLine(words, {
      host,
      environment: { HEDGEROW_DATA_DIR: join(coast.folder, 'data') },
      terminal: {
        interactive: false,
        out: (text) => said.push(text),
        err: (text) => said.push(text),
        status: () => {},
        input: async () => '',
        secret: async () => null,
        onInterrupt: () => ({ [Symbol.dispose]: () => {} }),
      },
    });
    return { code, said: said.join('\n') };
  };

  it('is explained file by file: from where, why, and how it was last answered', async () => {
    const { id, originalUrl } = await largest();
    expect(await explain(id)).toMatchObject({ source: 'PEER', segments: null, lastAnswer: null });
    expect((await explain(id))?.reason).toContain('Garden');
    expect(await explain(id, 'thumbnail')).toMatchObject({ source: 'CACHE' });
    const answer = await coast.get(originalUrl, { range: 'bytes=0-99' });
    expect(answer.status).toBe(206);
    await coast.app.delivery.flush();
    expect((await explain(id))?.lastAnswer?.cacheStatus).toMatch(/^hedgerow; fwd=miss/);
    await coast.get(originalUrl);
    const kept = await explain(id);
    expect(kept).toMatchObject({ source: 'CACHE', pinned: false });
    expect(kept?.segments).toBe(kept?.segmentCount);
    const { code, said } = await command('explain', id);
    expect(code).toBe(0);
    expect(said).toContain('of Garden');
    expect(said).toContain('original: cache');
    expect(await command('explain', 'media_nothing')).toMatchObject({ code: 1 });
    expect(
      (await coast.query<Explained>('{ explainMedia(id: "media_nothing") { files { variant } } }'))
        .explainMedia,
    ).toBeNull();
  });

  it('says of an item of one’s own where it lies', async () => {
    const { media } = await garden.query<{ media: { nodes: { id: string }[] } }>(
      '{ media(first: 1) { nodes { id } } }',
    );
    const { explainMedia } = await garden.query<Explained>(
      'query ($id: ID!) { explainMedia(id: $id) { files { variant source reason segments } } }',
      { id: media.nodes[0]?.id },
    );
    for (const file of explainMedia?.files ?? [])
      expect(file).toMatchObject({ source: 'LOCAL', segments: null });
    expect(explainMedia?.files.length).toBeGreaterThan(1);
  });

  it('is counted, of each peer, and deleted by item, by peer and as a whole', async () => {
    const { id, byteSize, originalUrl } = await largest();
    await coast.get(originalUrl);
    await coast.app.delivery.flush();
    const before = await usage();
    expect(before.peers.map(({ peer, bytes }) => [peer.name, bytes])).toEqual([['Garden', before.bytes]]);
    const { cache } = (await purge({ mediaId: id })).purgeCache;
    expect(Number(before.bytes) - Number(cache?.bytes)).toBeGreaterThanOrEqual(Number(byteSize));
    expect(await explain(id)).toMatchObject({ source: 'PEER', bytesCached: '0' });
    expect((await command('cache')).said).toContain('Garden');
    expect((await command('cache', 'purge', '--peer', 'Garden', '--json')).code).toBe(0);
    expect(await usage()).toMatchObject({ bytes: '0', items: 0, peers: [] });
    await coast.get(originalUrl);
    expect((await purge({ all: true })).purgeCache).toMatchObject({ cache: { bytes: '0' }, userErrors: [] });
    expect(JSON.parse((await command('cache', '--json')).said)).toMatchObject({ bytes: '0', peers: [] });
    // Nothing that was deleted is lost to anybody: it is fetched again.
    expect((await coast.get(originalUrl)).status).toBe(200);
  });

  it('cannot be deleted of what does not exist, nor by halves', async () => {
    for (const input of [{ mediaId: 'media_nothing' }, { peerId: 'peer_nothing' }]) {
      expect((await purge(input)).purgeCache).toMatchObject({
        cache: null,
        userErrors: [{ code: 'NOT_FOUND' }],
      });
    }
    expect((await purge({ all: false })).purgeCache.userErrors).toMatchObject([{ code: 'INVALID' }]);
    expect((await command('cache', 'purge')).code).toBe(2);
    expect((await command('cache', 'purge', '--all', '--peer', 'Garden')).code).toBe(2);
  });

  it('is pinned before or after it is here, and not of an item of one’s own', async () => {
    const { id, originalUrl } = await largest();
    await purge({ all: true });
    expect((await pin(id, true)).pinMedia).toMatchObject({ media: { id }, userErrors: [] });
    await coast.get(originalUrl);
    await coast.app.delivery.flush();
    const pinned = await usage();
    expect(pinned.pinnedBytes).toBe(pinned.bytes);
    const other = (await remote()).find((item) => item.id !== id);
    await coast.get(other?.originalUrl ?? '');
    await coast.app.delivery.flush();
    const all = await kept();
    expect(all.map(({ media }) => media?.id)).toEqual([id, other?.id]);
    expect(all.map(({ bytes }) => Number(bytes)).toSorted((x, y) => y - x)).toEqual(
      all.map(({ bytes }) => Number(bytes)),
    );
    expect((await kept(', pinned: true')).map((item) => [item.media?.id, item.pinned])).toEqual([[id, true]]);
    expect((await kept(', pinned: false')).map(({ media }) => media?.id)).toEqual([other?.id]);
    expect(await kept(`, peerId: "${peerId}"`)).toHaveLength(2);
    await expect(kept(', peerId: "peer_nothing"')).rejects.toThrow('no such peer');
    await purge({ mediaId: other?.id });
    expect((await command('cache', 'unpin', id)).said).toContain('not pinned');
    expect(await usage()).toMatchObject({ pinnedBytes: '0' });
    const { media } = await garden.query<{ media: { nodes: { id: string }[] } }>(
      '{ media(first: 1) { nodes { id } } }',
    );
    const own = await garden.query<{ pinMedia: { userErrors: { code: string }[] } }>(
      'mutation ($id: ID!) { pinMedia(input: { id: $id, pinned: true }) { userErrors { code } } }',
      { id: media.nodes[0]?.id },
    );
    expect(own.pinMedia.userErrors).toMatchObject([{ code: 'CONFLICT' }]);
  });

  it('is everything, ahead of anybody’s asking, where the peer is mirrored, and as far as its budget goes', async () => {
    await purge({ all: true });
    const sizes = (await remote()).map(({ byteSize }) => Number(byteSize)).toSorted((x, y) => x - y);
    expect((await update({ cacheBudget: '-1' })).updatePeer.userErrors).toMatchObject([
      { code: 'INVALID', field: ['cacheBudget'] },
    ]);
    const small = String((sizes[0] ?? 0) + 1_000);
    expect((await update({ cacheMode: 'MIRROR', cacheBudget: small })).updatePeer.userErrors).toEqual([]);
    // There is room for little: nothing of it is evicted for the next.
    await eventually('something is kept', async () => Number((await usage()).bytes) > 0);
    expect(Number((await usage()).bytes)).toBeLessThanOrEqual(Number(small));
    expect((await command('cache', 'mode', 'Garden', 'mirror', '--budget', 'none')).said).toBe(
      'Garden: mirror',
    );
    await eventually('everything is kept', async () =>
      (await remote()).every(({ availability }) => availability === 'CACHED'),
    );
    const state = await usage();
    expect(Number(state.bytes)).toBeGreaterThanOrEqual(sizes.reduce((sum, size) => sum + size, 0));
    await garden.stop();
    for (const { originalUrl, byteSize } of await remote()) {
      const answer = await coast.get(originalUrl);
      expect(answer.status).toBe(200);
      expect(answer.body).toHaveLength(Number(byteSize));
      expect(answer.headers['cache-status']).toBe('hedgerow; hit');
    }
    await garden.start();
    expect((await command('cache', 'mode', 'Garden', 'sometimes')).code).toBe(2);
  });
});
