/** What is shown of a peer is true at any time: each field moves with what it tells of, and with nothing else. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WHOLE_GRANT } from '../src/federation/grants.ts';
import { openTemporarySqlite } from './support/databases.ts';
import { type FakePeer, startFakePeer } from './support/fake-peer.ts';
import { fakeFederation, startGraphql } from './support/graphql.ts';
import { eventually, type Instance, pair, settled, startInstance } from './support/instance.ts';
import { newItem, seedPeer } from './support/items.ts';
import { refreshed } from './support/peer-view.ts';

const MINUTE = 60_000;

let home: Instance;
/** What the clock of `home` is ahead, ms. */
let ahead = 0;
const now = () => Date.now() + ahead;

beforeAll(async () => {
  home = await startInstance('Home', {}, { now });
});
afterAll(() => home?.[Symbol.asyncDispose]());

interface Fields {
  mediaCount: number;
  health: string;
  lastSuccessAt: string | null;
  operations: {
    pull: {
      lastAttemptAt: string | null;
      nextAttemptAt: string | null;
      error: { code: string; message: string; at: string } | null;
      roundTripMs: number | null;
      lag: number | null;
      completeness: number | null;
      inSync: boolean | null;
      heldRemovals: number;
      skippedItems: number;
      interval: number;
      cacheMode: string;
      audience: string;
    };
    pulls: { nodes: { state: string; added: number; total: number | null }[] };
  };
}

async function fields(id: string): Promise<Fields> {
  const { node } = await home.query<{ node: Fields }>(
    `query ($id: ID!) { node(id: $id) { ... on Peer { mediaCount health lastSuccessAt operations {
      pull { lastAttemptAt nextAttemptAt error { code message at } roundTripMs lag completeness inSync heldRemovals
        skippedItems interval cacheMode audience }
      pulls(first: 3) { nodes { state added total } } } } } }`,
    { id },
  );
  return node;
}

interface Source {
  health: string;
  lastSuccessAt: string | null;
  completeness: number | null;
  inSync: boolean | null;
  stale: boolean;
  reason: string | null;
}

async function source(id: string): Promise<Source | undefined> {
  const { media } = await home.query<{ media: { sources: (Source & { peer: { id: string } | null })[] } }>(
    '{ media(first: 1) { sources { peer { id } health lastSuccessAt completeness inSync stale reason } } }',
  );
  const found = media.sources.find(({ peer }) => peer?.id === id);
  if (found === undefined) return undefined;
  const { peer: _, ...rest } = found;
  return rest;
}

async function pairedWith(peer: FakePeer): Promise<string> {
  const { pairWithPeer } = await home.query<{ pairWithPeer: { peer: { id: string } } }>(
    'mutation ($code: String!) { pairWithPeer(input: {invitation: $code}) { peer { id } userErrors { message } } }',
    { code: peer.invitation() },
  );
  return pairWithPeer.peer.id;
}

/** Six items in pages of two, the third page of which waits until it is released; and a status. */
async function peerOfSix() {
  const peer = await startFakePeer('Fake', now);
  for (const n of Array(6).keys()) peer.put(`item${n}`);
  peer.pageSize = 2;
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let pages = 0;
  peer.misbehave = async (asked, honest) => {
    if (asked.path === '/federation/v1/media') {
      pages += 1;
      // Time goes by between pages, so that each is a long time after the last.
      ahead += 10_000;
      if (pages === 3) await held;
    }
    if (asked.path !== '/federation/v1/status') return honest();
    const rest = peer.page(new URLSearchParams({ ...Object.fromEntries(asked.query), limit: '5000' }));
    const whole = peer.page(new URLSearchParams({ limit: '5000' }));
    peer.pageSize = 5000;
    const behind = peer.page(new URLSearchParams({ after: asked.query.get('after') ?? '' })).items.length;
    const { total = 0, checksum = '' } = peer.page(new URLSearchParams());
    peer.pageSize = 2;
    return peer.signed(asked, 200, {
      cursor: whole.cursor,
      ...(asked.query.has('after') && { behind: behind + rest.removed.length }),
      total,
      checksum,
      grant: WHOLE_GRANT,
      serverTime: new Date(now()).toISOString(),
      software: { name: 'Fake', version: '1' },
      protocols: ['1'],
      capabilities: [],
    });
  };
  return { peer, release: () => release() };
}

describe('what is shown of a peer', () => {
  it('tells how far the first listing is while it runs, and that all is there at its end', async () => {
    const { peer, release } = await peerOfSix();
    await using _ = peer;
    const id = await pairedWith(peer);
    const half = await eventually('four of six', async () => {
      const seen = await fields(id);
      return seen.mediaCount === 4 && seen.operations.pull.lag === 2 && seen;
    });
    expect(half).toMatchObject({ health: 'UNKNOWN', lastSuccessAt: null });
    expect(half.operations.pull).toMatchObject({ error: null, lag: 2, inSync: null });
    expect(half.operations.pull.completeness).toBeCloseTo(4 / 6);
    expect(half.operations.pulls.nodes[0]).toEqual({ state: 'RUNNING', added: 4, total: 6 });
    expect(await source(id)).toMatchObject({
      health: 'UNKNOWN',
      stale: true,
      inSync: null,
      reason: expect.any(String),
    });

    release();
    await settled(home, id);
    const whole = await fields(id);
    expect(whole.mediaCount).toBe(6);
    expect(whole.operations.pull).toMatchObject({
      error: null,
      lag: 0,
      completeness: 1,
      inSync: true,
      heldRemovals: 0,
      skippedItems: 0,
      roundTripMs: expect.any(Number),
    });
    const { lastAttemptAt, nextAttemptAt, interval } = whole.operations.pull;
    const succeeded = Date.parse(whole.lastSuccessAt ?? '');
    expect(succeeded).toBeGreaterThanOrEqual(Date.parse(lastAttemptAt ?? ''));
    const wait = Date.parse(nextAttemptAt ?? '') - succeeded;
    expect(wait).toBeGreaterThanOrEqual(interval * 900 - 1_000);
    expect(wait).toBeLessThanOrEqual(interval * 1_100 + 1_000);
    expect(await source(id)).toEqual({
      health: 'ONLINE',
      lastSuccessAt: whole.lastSuccessAt,
      completeness: 1,
      inSync: true,
      stale: false,
      reason: null,
    });
  });

  it('counts what is skipped for as long as it is there, and is complete and in sync with it', async () => {
    await using peer = await startFakePeer('Fake', now);
    peer.put('good');
    peer.put('bad', { title: 'x'.repeat(501) });
    const id = await pairedWith(peer);
    await settled(home, id);
    expect((await fields(id)).mediaCount).toBe(1);
    expect((await fields(id)).operations.pull).toMatchObject({
      skippedItems: 1,
      completeness: 1,
      inSync: true,
    });
    peer.put('bad', { title: 'mended' });
    await refreshed(home, id);
    expect((await fields(id)).mediaCount).toBe(2);
    expect((await fields(id)).operations.pull).toMatchObject({
      skippedItems: 0,
      completeness: 1,
      inSync: true,
    });
  });

  it('tells of a failure what, when and when again, and nothing of the kind after it is over', async () => {
    await using peer = await startFakePeer('Fake', now);
    peer.put('one');
    const id = await pairedWith(peer);
    await settled(home, id);
    const before = await fields(id);
    peer.put('two');
    peer.misbehave = async (asked, honest) =>
      asked.path === '/federation/v1/media' ? peer.signed(asked, 200, { epoch: 7 }) : honest();
    // However often in a row: whoever comes back is asked within a minute.
    for (let failures = 1; failures <= 8; failures += 1) {
      ahead += MINUTE;
      await refreshed(home, id);
      const seen = await fields(id);
      expect(seen).toMatchObject({ health: 'DEGRADED', lastSuccessAt: before.lastSuccessAt, mediaCount: 1 });
      const { error, nextAttemptAt, lastAttemptAt, lag } = seen.operations.pull;
      expect(error).toMatchObject({ code: 'PEER_INVALID_ANSWER', message: expect.stringMatching(/\.$/) });
      expect(lag).toBeNull();
      expect(Math.abs(Date.parse(error?.at ?? '') - now())).toBeLessThan(MINUTE / 2);
      expect(Math.abs(Date.parse(lastAttemptAt ?? '') - now())).toBeLessThan(MINUTE / 2);
      const wait = Date.parse(nextAttemptAt ?? '') - Date.parse(error?.at ?? '');
      expect(wait).toBeGreaterThan(3_000);
      expect(wait).toBeLessThanOrEqual(MINUTE);
    }
    expect(await source(id)).toMatchObject({ health: 'DEGRADED', stale: true, reason: expect.any(String) });
    peer.misbehave = null;
    await refreshed(home, id);
    const after = await fields(id);
    expect(after).toMatchObject({ health: 'ONLINE', mediaCount: 2 });
    expect(after.operations.pull).toMatchObject({ error: null, lag: 0, inSync: true });
    expect(await source(id)).toMatchObject({ health: 'ONLINE', stale: false, reason: null });
  });

  it('says what an admin has set, and that nothing is tried while it is paused', async () => {
    await using peer = await startFakePeer('Fake', now);
    peer.put('one');
    const id = await pairedWith(peer);
    await settled(home, id);
    const change = (input: object) =>
      home.query(
        'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { message } } }',
        { input: { id, ...input } },
      );
    const before = await fields(id);
    await change({ interval: 77, cacheMode: 'NONE', audience: 'ADMINS' });
    const after = await fields(id);
    const set = { interval: 77, cacheMode: 'NONE', audience: 'ADMINS' };
    expect(after).toEqual({
      ...before,
      operations: { ...before.operations, pull: { ...before.operations.pull, ...set } },
    });
    await change({ paused: true });
    expect((await fields(id)).operations.pull).toMatchObject({ nextAttemptAt: null, lag: null });
    expect(await source(id)).toMatchObject({ stale: true, reason: expect.stringMatching(/paused/) });
    await change({ paused: false });
    await eventually('a pull', async () => (await fields(id)).operations.pull.lag === 0);
    expect(await source(id)).toMatchObject({ stale: false, reason: null });
  });

  it('grows stale by itself where no pull succeeds for two intervals', async () => {
    await using peer = await startFakePeer('Fake', now);
    peer.put('one');
    const id = await pairedWith(peer);
    await settled(home, id);
    expect((await source(id))?.stale).toBe(false);
    const { interval } = (await fields(id)).operations.pull;
    ahead += interval * 1000 * 2 + MINUTE;
    expect(await source(id)).toMatchObject({
      health: 'ONLINE',
      stale: true,
      reason: expect.stringMatching(/two intervals/),
    });
  });
});

describe('where federation is switched off', () => {
  it('no next attempt is shown, for there is none', async () => {
    const database = await openTemporarySqlite();
    try {
      const { id, key } = await seedPeer(database.database);
      await database.database.prisma.peer.update({ where: { key }, data: { nextAttemptAt: new Date(5000) } });
      const asked = async (enabled: boolean) => {
        const { instance } = fakeFederation();
        await using server = await startGraphql(database.database, {
          federation: fakeFederation({ instance: () => ({ ...instance(), federation: enabled }) }),
        });
        const { data } = await server.ask(
          `{ node(id: "${id}") { ... on Peer { operations { pull { nextAttemptAt } } } } }`,
        );
        return data.node.operations.pull.nextAttemptAt;
      };
      expect(await asked(true)).toBe('1970-01-01T00:00:05.000Z');
      expect(await asked(false)).toBeNull();
    } finally {
      await database.close();
    }
  });
});

describe('what is shown of a peer that takes from here', () => {
  interface Serve {
    mediaCount: number;
    bytesServed: string;
    lastSeenAt: string | null;
    credentialRotatedAt: string;
    grant: { access: string };
    limits: { requestsPerMinute: number };
  }

  it('moves with what it fetches, with what is shared and with what is granted', async () => {
    await home.app.catalog.local.add([newItem({ title: 'shared', visibility: 'PEERS' })]);
    await using taker = await startInstance('Taker', {}, { now });
    const idThere = await pair(home, taker);
    await settled(taker, idThere);
    const { peers } = await home.query<{ peers: { nodes: { id: string; name: string }[] } }>(
      '{ peers { nodes { id name } } }',
    );
    const id = peers.nodes.find(({ name }) => name === 'Taker')?.id;
    const serve = async () =>
      (
        await home.query<{ node: { operations: { serve: Serve; pull: object | null } } }>(
          `query ($id: ID!) { node(id: $id) { ... on Peer { operations { pull { lag } serve { mediaCount bytesServed
            lastSeenAt credentialRotatedAt grant { access } limits { requestsPerMinute } } } } } }`,
          { id },
        )
      ).node.operations;
    const first = await eventually('it to be seen', async () => {
      const seen = await serve();
      return seen.serve.lastSeenAt !== null && BigInt(seen.serve.bytesServed) > 0n && seen;
    });
    expect(first.pull).toBeNull();
    expect(first.serve).toMatchObject({ mediaCount: 1, grant: { access: 'ORIGINALS' } });

    await home.app.catalog.local.add([
      newItem({ title: 'another', visibility: 'PEERS' }),
      newItem({ title: 'kept here', visibility: 'INSTANCE' }),
    ]);
    expect((await serve()).serve.mediaCount).toBe(2);
    ahead += MINUTE;
    const more = await eventually('it to be seen again', async () => {
      await refreshed(taker, idThere);
      const seen = (await serve()).serve;
      return seen.lastSeenAt !== first.serve.lastSeenAt && seen;
    });
    expect(BigInt(more.bytesServed)).toBeGreaterThan(BigInt(first.serve.bytesServed));
    expect(more.credentialRotatedAt).toBe(first.serve.credentialRotatedAt);

    await home.query(
      'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { message } } }',
      { input: { id, grant: { access: 'METADATA', kinds: ['VIDEO'] }, limits: { requestsPerMinute: 99 } } },
    );
    expect((await serve()).serve).toMatchObject({
      mediaCount: 0,
      grant: { access: 'METADATA' },
      limits: { requestsPerMinute: 99 },
    });
    ahead += MINUTE;
    await taker.query(
      'mutation ($id: ID!) { rotatePeerCredential(input: {id: $id}) { userErrors { message } } }',
      { id: idThere },
    );
    await eventually('the new credential in use', async () => {
      const { credentialRotatedAt } = (await serve()).serve;
      return credentialRotatedAt > first.serve.credentialRotatedAt;
    });
  });
});
