import { createHash } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newPostgresUrl } from './support/databases.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';

interface Node {
  __typename: string;
  id: string;
  title: string;
  availability: string;
  originalUrl: string | null;
  thumbnailUrl: string | null;
  byteSize: string;
  digest: string;
  kind: string;
  peer: { name: string } | null;
  remoteId?: string;
}

const MEDIA = `query ($origin: MediaOrigin! = ALL, $filter: MediaFilter, $first: Int, $after: String) {
  media(origin: $origin, filter: $filter, first: $first, after: $after) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes { __typename id title availability originalUrl thumbnailUrl byteSize digest kind peer { name } ... on RemoteMedia { remoteId } }
    sources { peer { id } health completeness inSync stale reason lastSuccessAt }
  }
}`;

interface Media {
  media: {
    totalCount: number;
    pageInfo: { hasNextPage: boolean; endCursor: string };
    nodes: Node[];
    sources: {
      peer: { id: string } | null;
      health: string;
      completeness: number;
      inSync: boolean | null;
      stale: boolean;
      reason: string | null;
    }[];
  };
}

const media = async (instance: Instance, variables: Record<string, unknown> = {}) =>
  (await instance.query<Media>(MEDIA, { first: 100, ...variables })).media;

const sha256 = (bytes: Buffer) => `sha-256:${createHash('sha256').update(bytes).digest('hex')}`;

describe('two instances', () => {
  let a: Instance;
  let b: Instance;
  let peerId: string;

  beforeAll(async () => {
    a = await startInstance('Garden');
    b = await startInstance('Coast');
    await a.app.library.importFiles({
      paths: [join(SAMPLES, 'garden'), join(SAMPLES, 'coast')],
      visibility: 'PEERS',
    });
    await b.app.library.importFiles({ paths: [join(SAMPLES, 'formats')], visibility: 'INSTANCE' });
    peerId = await pair(a, b);
    await settled(b, peerId);
  });
  afterAll(async () => {
    await a?.[Symbol.asyncDispose]();
    await b?.[Symbol.asyncDispose]();
  });

  const video = async () => {
    const { nodes } = await media(b, { origin: 'REMOTE', filter: { kinds: ['VIDEO'] } });
    const longest = nodes.toSorted((x, y) => Number(y.byteSize) - Number(x.byteSize))[0];
    if (longest?.originalUrl == null) throw new Error('there is no remote video');
    return { ...longest, url: longest.originalUrl };
  };

  it('show both catalogs as one, sorted and paged by keyset', async () => {
    const all = await media(b);
    const local = await media(b, { origin: 'LOCAL' });
    const remote = await media(b, { origin: 'REMOTE' });
    const original = await media(a, { origin: 'LOCAL' });
    expect(all.totalCount).toBe(local.totalCount + remote.totalCount);
    expect(remote.nodes.map((node) => node.title).sort()).toEqual(
      original.nodes.map((node) => node.title).sort(),
    );
    expect(
      remote.nodes.every((node) => node.__typename === 'RemoteMedia' && node.peer?.name === 'Garden'),
    ).toBe(true);
    expect(local.nodes.every((node) => node.__typename === 'LocalMedia' && node.peer === null)).toBe(true);

    const paged: string[] = [];
    let after: string | undefined;
    for (;;) {
      const page = await media(b, { first: 3, after });
      paged.push(...page.nodes.map((node) => node.id));
      if (!page.pageInfo.hasNextPage) break;
      after = page.pageInfo.endCursor;
    }
    expect(paged).toEqual(all.nodes.map((node) => node.id));
  });

  it('say how fresh and complete each catalog is', async () => {
    const { sources } = await media(b);
    expect(sources).toMatchObject([
      { peer: null, health: 'ONLINE', completeness: 1, inSync: true, stale: false },
      { peer: { id: peerId }, health: 'ONLINE', completeness: 1, inSync: true, stale: false, reason: null },
    ]);
  });

  it('give every thumbnail before anybody asks for it', async () => {
    const { nodes } = await media(b, { origin: 'REMOTE' });
    for (const node of nodes) {
      const url = node.thumbnailUrl ?? '';
      const answer = await eventually(`the thumbnail of ${node.title}`, async () => {
        const got = await b.get(url);
        return String(got.headers['cache-status']).includes('hit') && got;
      });
      expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'image/webp' } });
    }
  });

  it('never give a client an address of the other, nor anything but the own instance to talk to', async () => {
    const answer = JSON.stringify(await media(b));
    expect(answer).not.toContain(new URL(a.url).host);
    const { url } = await video();
    const head = await b.get(url, {}, 'HEAD');
    expect(JSON.stringify(head.headers)).not.toContain(new URL(a.url).port);
  });

  it('stream a remote original with ranges, byte for byte, and give it again with the other switched off', async () => {
    const { url, byteSize, digest } = await video();
    const size = Number(byteSize);
    const middle = await b.get(url, { range: `bytes=${size - 1000}-` });
    expect(middle.status).toBe(206);
    expect(middle.headers['content-range']).toBe(`bytes ${size - 1000}-${size - 1}/${size}`);
    const whole = await b.get(url);
    expect(whole.status).toBe(200);
    expect(sha256(whole.body)).toBe(digest);
    expect(whole.body.subarray(-1000).equals(middle.body)).toBe(true);

    const head = await b.get(url, {}, 'HEAD');
    expect(head.headers['content-length']).toBe(byteSize);
    expect(head.body.length).toBe(0);
    const etag = String(head.headers.etag);
    expect((await b.get(url, { 'if-none-match': etag })).status).toBe(304);
    const bad = await b.get(url, { range: `bytes=${size}-` });
    expect(bad).toMatchObject({ status: 416, headers: { 'content-range': `bytes */${size}` } });

    const images = await media(b, { origin: 'REMOTE', filter: { kinds: ['IMAGE'] } });
    const unread = images.nodes[0]?.originalUrl ?? '';
    await a.stop();
    try {
      const before = await media(b);
      expect(before.totalCount).toBeGreaterThan(0);
      const again = await b.get(url);
      expect(sha256(again.body)).toBe(digest);
      const seek = await b.get(url, { range: 'bytes=300000-300999' });
      expect(seek.body.equals(whole.body.subarray(300_000, 301_000))).toBe(true);

      const missing = await b.get(unread);
      expect(missing.status).toBe(503);
      expect(Number(missing.headers['retry-after'])).toBeGreaterThan(0);
      expect(JSON.parse(missing.body.toString())).toMatchObject({ code: 'peer-unreachable' });

      await settled(b, peerId, 'OFFLINE');
      const { node } = await b.query<{
        node: {
          operations: { pull: { nextAttemptAt: string; lag: number | null; error: { code: string } } };
        };
      }>(
        'query ($id: ID!) { node(id: $id) { ... on Peer { operations { pull { nextAttemptAt lag error { code message } } } } } }',
        { id: peerId },
      );
      expect(node.operations.pull.error.code).toBe('PEER_UNREACHABLE');
      // How far it is ahead of the copy is not known, so no number is made up.
      expect(node.operations.pull.lag).toBeNull();
      expect(Date.parse(node.operations.pull.nextAttemptAt)).toBeGreaterThan(Date.now() - 1000);
      const { sources, nodes } = await media(b);
      expect(sources[1]).toMatchObject({ health: 'OFFLINE', stale: true });
      expect(nodes.find((node) => node.originalUrl === unread)?.availability).toBe('UNAVAILABLE');
      expect(nodes.find((node) => node.originalUrl === url)?.availability).toBe('CACHED');
    } finally {
      await a.start();
    }
    // It clears by itself: nobody refreshes.
    await settled(b, peerId, 'ONLINE', 60_000);
    expect((await media(b)).sources[1]).toMatchObject({ health: 'ONLINE', stale: false });
  });

  it('send each other nothing of their clients: no token, no cookie, no address', async () => {
    const seen: IncomingMessage[] = [];
    const port = Number(new URL(a.url).port);
    const watch = (message: unknown) => {
      const { request } = message as { request: IncomingMessage };
      if (request.socket.localPort === port && request.url?.startsWith('/federation/')) seen.push(request);
    };
    subscribe('http.server.request.start', watch);
    try {
      const { nodes } = await media(b, { origin: 'REMOTE', filter: { kinds: ['DOCUMENT'] } });
      const cookies = {
        cookie: 'hedgerow=secret-of-a-client',
        'x-forwarded-for': '203.0.113.9',
        referer: 'http://client.example/',
      };
      expect((await b.get(nodes[0]?.originalUrl ?? '', cookies)).status).toBe(200);
      await b.query('mutation ($id: ID!) { refreshPeer(input: {id: $id}) { pulls { id } } }', { id: peerId });
      await settled(b, peerId);
    } finally {
      unsubscribe('http.server.request.start', watch);
    }
    expect(seen.map((request) => request.url?.split('?', 1)[0])).toEqual(
      expect.arrayContaining([expect.stringMatching(/\/original$/), '/federation/v1/media']),
    );
    for (const { headers, rawHeaders } of seen) {
      expect(headers.authorization).toMatch(/^Bearer hedgerow_peer_/);
      expect(rawHeaders.join('\n')).not.toMatch(
        /secret-of-a-client|test-admin-token|203\.0\.113\.9|client\.example/,
      );
    }
  });

  it('follow edits, un-sharing and deletion, and drop the bytes of what is removed', async () => {
    const own = await media(a, { origin: 'LOCAL', filter: { kinds: ['DOCUMENT', 'IMAGE'] } });
    const [edited, unshared, deleted] = own.nodes;
    if (!edited || !unshared || !deleted) throw new Error('too few items');
    const remote = async (id: string) =>
      (await media(b, { origin: 'REMOTE' })).nodes.find((node) => node.remoteId === id);
    const gone = await remote(deleted.id);
    await b.get(gone?.originalUrl ?? '');

    await a.query(
      'mutation ($id: ID!) { updateMedia(input: {id: $id, title: "A new name", tags: ["renamed"]}) { userErrors { code } } }',
      {
        id: edited.id,
      },
    );
    await a.query(
      'mutation ($ids: [ID!]!) { setVisibility(input: {ids: $ids, visibility: INSTANCE}) { userErrors { code } } }',
      {
        ids: [unshared.id],
      },
    );
    await a.query('mutation ($ids: [ID!]!) { deleteMedia(input: {ids: $ids}) { userErrors { code } } }', {
      ids: [deleted.id],
    });
    await b.query(
      'mutation ($id: ID!) { refreshPeer(input: {id: $id}) { pulls { id } userErrors { code } } }',
      { id: peerId },
    );
    await settled(b, peerId);

    expect(await remote(edited.id)).toMatchObject({ title: 'A new name' });
    expect((await media(b, { filter: { tags: { any: ['renamed'] } } })).totalCount).toBe(1);
    expect((await media(b, { filter: { query: '"new name"' } })).totalCount).toBe(1);
    expect(await remote(unshared.id)).toBeUndefined();
    expect(await remote(deleted.id)).toBeUndefined();
    expect((await b.get(gone?.originalUrl ?? '')).status).toBe(404);
    expect((await b.get(gone?.thumbnailUrl ?? '')).status).toBe(404);
    expect((await media(b)).sources[1]).toMatchObject({ inSync: true, completeness: 1 });
  });

  it('refuse to change a remote item', async () => {
    const { id } = await video();
    const { updateMedia } = await b.query<{ updateMedia: { userErrors: { code: string }[] } }>(
      'mutation ($id: ID!) { updateMedia(input: {id: $id, title: "mine"}) { userErrors { code } } }',
      { id },
    );
    expect(updateMedia.userErrors).toMatchObject([{ code: 'READ_ONLY' }]);
  });

  it('take nothing and serve nothing of a peer from the moment that it is revoked', async () => {
    const { url, thumbnailUrl } = await video();
    await b.query(
      'mutation ($id: ID!) { revokePeer(input: {id: $id}) { peer { status } userErrors { code } } }',
      { id: peerId },
    );
    expect((await media(b)).nodes.every((node) => node.__typename === 'LocalMedia')).toBe(true);
    expect((await b.get(url)).status).toBe(404);
    expect((await b.get(thumbnailUrl ?? '')).status).toBe(404);
    const { refreshPeer } = await b.query<{ refreshPeer: { userErrors: { code: string }[] } }>(
      'mutation ($id: ID!) { refreshPeer(input: {id: $id}) { userErrors { code } } }',
      { id: peerId },
    );
    expect(refreshPeer.userErrors).toMatchObject([{ code: 'REVOKED' }]);

    // Paired again, it is a new peer.
    const again = await pair(a, b);
    expect(again).not.toBe(peerId);
    peerId = again;
    await settled(b, peerId);
    expect((await media(b, { origin: 'REMOTE' })).totalCount).toBeGreaterThan(0);
  });

  it('hide what they had once the other side revokes them, and say so', async () => {
    const { peers } = await a.query<{ peers: { nodes: { id: string; name: string }[] } }>(
      '{ peers { nodes { id name } } }',
    );
    const coast = peers.nodes.find((peer) => peer.name === 'Coast');
    await a.query('mutation ($id: ID!) { revokePeer(input: {id: $id}) { userErrors { code } } }', {
      id: coast?.id,
    });
    await b.query('mutation ($id: ID!) { refreshPeer(input: {id: $id}) { userErrors { code } } }', {
      id: peerId,
    });
    await settled(b, peerId, 'AUTH_FAILED');
    expect((await media(b, { origin: 'REMOTE' })).totalCount).toBe(0);
    const { node } = await b.query<{
      node: { operations: { pull: { error: { code: string; message: string } } } };
    }>(
      'query ($id: ID!) { node(id: $id) { ... on Peer { operations { pull { error { code message } } } } } }',
      { id: peerId },
    );
    expect(node.operations.pull.error).toMatchObject({
      code: 'REVOKED',
      message: 'The pairing was revoked.',
    });
  });

  it('tell apart every way in which an invitation cannot be used', async () => {
    const invite = async (instance: Instance) =>
      (
        await instance.query<{ createInvitation: { code: string; invitation: { id: string } } }>(
          'mutation { createInvitation(input: {}) { code invitation { id } userErrors { code } } }',
        )
      ).createInvitation;
    const redeem = async (instance: Instance, invitation: string) => {
      const { pairWithPeer } = await instance.query<{
        pairWithPeer: { userErrors: { code: string; message: string }[] };
      }>(
        'mutation ($input: PairWithPeerInput!) { pairWithPeer(input: $input) { peer { id } userErrors { code message } } }',
        { input: { invitation } },
      );
      return pairWithPeer.userErrors[0]?.code ?? 'PAIRED';
    };
    const { code, invitation } = await invite(a);
    expect(await redeem(b, 'hello')).toBe('INVITATION_MALFORMED');
    expect(await redeem(b, `${code.slice(0, 40)}x${code.slice(41)}`)).toBe('INVITATION_MALFORMED');
    expect(await redeem(a, code)).toBe('PAIRING_OWN_INSTANCE');
    await a.query('mutation ($id: ID!) { cancelInvitation(input: {id: $id}) { userErrors { code } } }', {
      id: invitation.id,
    });
    expect(await redeem(b, code)).toBe('INVITATION_CANCELLED');

    const used = await invite(a);
    await using c = await startInstance('Third');
    expect(await redeem(c, used.code)).toBe('PAIRED');
    expect(await redeem(b, used.code)).toBe('INVITATION_USED');

    const expired = await invite(a);
    await a.app.database.prisma.invitation.update({
      where: { id: expired.invitation.id },
      data: { expiresAt: new Date(0) },
    });
    expect(await redeem(b, expired.code)).toBe('INVITATION_EXPIRED');

    const unknown = await invite(a);
    await a.app.database.prisma.invitation.delete({ where: { id: unknown.invitation.id } });
    expect(await redeem(b, unknown.code)).toBe('INVITATION_UNKNOWN');
  });
});

describe('three instances', () => {
  it('share each with each, and nothing of a peer is passed on', async () => {
    await using a = await startInstance('One');
    // One of them on PostgreSQL: what they say to each other does not depend on it.
    await using b = await startInstance('Two', { HEDGEROW_DATABASE_URL: await newPostgresUrl() });
    await using c = await startInstance('Three');
    await a.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PUBLIC' });
    await b.app.library.importFiles({ paths: [join(SAMPLES, 'coast')], visibility: 'PEERS' });
    const ab = await pair(a, b);
    await settled(b, ab);
    const bc = await pair(b, c);
    await settled(c, bc);
    const seen = await media(c, { origin: 'REMOTE' });
    const own = await media(b, { origin: 'LOCAL' });
    expect(seen.totalCount).toBe(own.totalCount);
    expect(seen.nodes.every((node) => node.peer?.name === 'Two')).toBe(true);
    const ac = await pair(a, c);
    await settled(c, ac);
    expect((await media(c, { origin: 'REMOTE' })).totalCount).toBe(
      own.totalCount + (await media(a, { origin: 'LOCAL' })).totalCount,
    );
    // The id of an instance names its peer in the proxy route as well.
    const { nodes } = await media(c, { filter: { peerIds: [ac], kinds: ['IMAGE'] } });
    const [image] = nodes;
    const { instance } = await a.query<{ instance: { id: string } }>('{ instance { id } }');
    const direct = await c.get(image?.originalUrl ?? '');
    for (const id of [ac, instance.id]) {
      const proxied = await c.get(`/federation/proxy/${id}/${image?.remoteId}/original`);
      expect(proxied.body.equals(direct.body)).toBe(true);
    }
  });
});
