/** Two instances of which each stands behind a reverse proxy, under a path of its own and another host. */

import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { peerView, refreshed, shownOf, storedOf } from './support/peer-view.ts';
import { NGINX, nginxProxy, type ReverseProxy, undiciProxy } from './support/reverse-proxies.ts';

const ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };

/** With a gallery each, of which one is told its prefix and the other is not. */
describe.each([
  ['nginx', nginxProxy, NGINX === undefined],
  ['a proxy on undici', undiciProxy, false],
])('behind %s', (name, start, missing) => {
  if (missing) {
    it.skip(`is not shown: ${name} is not installed here`, () => {});
    return;
  }
  let proxy: ReverseProxy;
  /** The proxy takes its prefix away. */
  let hedge: Instance;
  /** The proxy leaves its prefix. */
  let garden: Instance;
  let hedgeAtGarden: string;
  let gardenAtHedge: string;

  beforeAll(async () => {
    proxy = await start();
    hedge = await startInstance('Hedge', { HEDGEROW_PUBLIC_URL: `${proxy.url}/photos/hedge` });
    garden = await startInstance('Garden', { HEDGEROW_PUBLIC_URL: `${proxy.url}/garden` });
    await hedge.app.library.importFiles({ paths: [join(SAMPLES, 'coast')], visibility: 'PEERS' });
    await garden.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
    await proxy.start([
      { prefix: '/photos/hedge', strip: true, server: () => hedge.url },
      { prefix: '/garden', strip: false, server: () => garden.url },
    ]);
    hedgeAtGarden = await pair(hedge, garden);
    gardenAtHedge = await pair(garden, hedge);
    await settled(garden, hedgeAtGarden);
    await settled(hedge, gardenAtHedge);
  });
  afterAll(async () => {
    for (const each of [garden, hedge, proxy]) await each?.[Symbol.asyncDispose]();
  });

  it('each pairs with the other by its public address, prefix included', async () => {
    for (const [instance, peerId, endpoint] of [
      [garden, hedgeAtGarden, `${proxy.url}/photos/hedge`],
      [hedge, gardenAtHedge, `${proxy.url}/garden`],
    ] as const) {
      expect((await storedOf(instance, peerId)).peer.endpoint).toBe(endpoint);
      expect(await peerView(instance, peerId)).toMatchObject({
        health: 'ONLINE',
        operations: { pull: { error: null, inSync: true } },
      });
    }
    expect((await shownOf(garden, hedgeAtGarden)).length).toBeGreaterThan(3);
    expect((await shownOf(hedge, gardenAtHedge)).length).toBeGreaterThan(3);
  });

  it('a change arrives, though whatever passes may be packed', async () => {
    const { media } = await hedge.query<{ media: { nodes: { id: string }[] } }>(
      '{ media(first: 1, origin: LOCAL) { nodes { id } } }',
    );
    await hedge.query(
      'mutation ($input: UpdateMediaInput!) { updateMedia(input: $input) { userErrors { code } } }',
      {
        input: { id: media.nodes[0]?.id, title: 'Through the hedge' },
      },
    );
    expect(await refreshed(garden, hedgeAtGarden)).toMatchObject({
      health: 'ONLINE',
      operations: { pull: { error: null, inSync: true } },
    });
    expect(await shownOf(garden, hedgeAtGarden)).toContain('Through the hedge');
  });

  it('bytes come whole and in parts, to clients that stand before a proxy as well', async () => {
    const rows = await hedge.app.database.prisma.item.findMany({ where: { source: 0 } });
    for (const { id, mimeType } of rows.filter(({ mimeType }) => /mp4|jpeg/.test(mimeType))) {
      const original = (await hedge.get(`/media/${id}/original`)).body;
      for (const variant of ['thumbnail', 'original']) {
        const answer = await request(
          `${proxy.url}/garden/federation/proxy/${hedgeAtGarden}/${id}/${variant}`,
          {
            headers: ADMIN,
          },
        );
        expect(answer.statusCode).toBe(200);
        const body = Buffer.from(await answer.body.arrayBuffer());
        expect(body.equals((await hedge.get(`/media/${id}/${variant}`)).body)).toBe(true);
      }
      const from = mimeType === 'video/mp4' ? 900_000 : 1000;
      const part = await request(`${proxy.url}/garden/federation/proxy/${hedgeAtGarden}/${id}/original`, {
        headers: { ...ADMIN, range: `bytes=${from}-${from + 99}` },
      });
      expect(part.statusCode).toBe(206);
      expect(Buffer.from(await part.body.arrayBuffer()).equals(original.subarray(from, from + 100))).toBe(
        true,
      );
    }
  });

  it('a segment that is fetched now, and not from what is kept, comes through', async () => {
    await garden.query(
      'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code } } }',
      { input: { id: hedgeAtGarden, cacheMode: 'NONE' } },
    );
    const film = await hedge.app.database.prisma.item.findFirstOrThrow({
      where: { source: 0, mimeType: 'video/mp4' },
    });
    const original = (await hedge.get(`/media/${film.id}/original`)).body;
    const part = await garden.get(`/federation/proxy/${hedgeAtGarden}/${film.id}/original`, {
      range: 'bytes=300000-300999',
    });
    expect([part.status, part.body.equals(original.subarray(300_000, 301_000))]).toEqual([206, true]);
  });

  it('GraphQL answers under the prefix, and the addresses that it gives lead through the proxy', async () => {
    const answer = await request(`${proxy.url}/garden/graphql`, {
      method: 'POST',
      headers: { ...ADMIN, 'content-type': 'application/json', 'accept-encoding': 'gzip' },
      body: JSON.stringify({ query: '{ media(origin: REMOTE, first: 1) { nodes { originalUrl } } }' }),
    });
    expect(answer.headers['content-encoding']).toBe('gzip');
    const { data } = JSON.parse(gunzipSync(await answer.body.arrayBuffer()).toString()) as {
      data: { media: { nodes: { originalUrl: string }[] } };
    };
    const address = data.media.nodes[0]?.originalUrl ?? '';
    expect(address).toMatch(/^\/garden\/media\//);
    const bytes = await request(new URL(address, proxy.url), { headers: ADMIN });
    expect(bytes.statusCode).toBe(200);
    await bytes.body.dump();
  });

  it('whoever is refused is refused with a signature that holds behind it', async () => {
    await hedge.query('mutation ($id: ID!) { revokePeer(input: {id: $id}) { userErrors { code } } }', {
      id: gardenAtHedge,
    });
    const seen = await refreshed(garden, hedgeAtGarden);
    expect(seen).toMatchObject({
      health: 'AUTH_FAILED',
      operations: { pull: { error: { code: 'REVOKED' } } },
    });
    expect(await shownOf(garden, hedgeAtGarden)).toEqual([]);
  });
});
