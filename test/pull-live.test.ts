/** How soon this server learns of what a peer has changed, and who here is told. */

import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../src/database/sql.ts';
import { WHOLE_GRANT } from '../src/federation/grants.ts';
import { formatEvent, HEARTBEAT } from '../src/federation/wire/events.ts';
import { type FakePeer, startFakePeer } from './support/fake-peer.ts';
import { eventually, type Instance, pair, settled, startInstance } from './support/instance.ts';
import { newItem } from './support/items.ts';
import { shownOf } from './support/peer-view.ts';

let home: Instance;
beforeAll(async () => {
  home = await startInstance('Home');
});
afterAll(() => home?.[Symbol.asyncDispose]());

async function pairedWith(peer: FakePeer): Promise<string> {
  const { pairWithPeer } = await home.query<{ pairWithPeer: { peer: { id: string } } }>(
    'mutation ($code: String!) { pairWithPeer(input: {invitation: $code}) { peer { id } userErrors { message } } }',
    { code: peer.invitation() },
  );
  return pairWithPeer.peer.id;
}

describe('whoever follows pulls', () => {
  it('is told when one is queued, goes on and ends, and reads its counts meanwhile', async () => {
    await using peer = await startFakePeer();
    for (const n of Array(6).keys()) peer.put(`item${n}`);
    const id = await pairedWith(peer);
    await settled(home, id);

    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    for (const n of Array(6).keys()) peer.put(`more${n}`);
    peer.pageSize = 2;
    let pages = 0;
    peer.misbehave = async (asked, honest) => {
      if (asked.path === '/federation/v1/media') pages += 1;
      if (pages === 3) await held;
      return honest();
    };
    const ended = new AbortController();
    const followed = home.app.federation.changes.pulls(ended.signal);
    const { refreshPeer } = await home.query<{ refreshPeer: { pulls: { id: string; state: string }[] } }>(
      'mutation ($id: ID!) { refreshPeer(input: {id: $id}) { pulls { id state } } }',
      { id },
    );
    const pullId = refreshPeer.pulls[0]?.id;
    const seen: { state: string; added: number }[] = [];
    for await (const name of followed) {
      if (name !== pullId) continue;
      const { node } = await home.query<{ node: { state: string; added: number } }>(
        'query ($id: ID!) { node(id: $id) { ... on Pull { state added } } }',
        { id: name },
      );
      seen.push(node);
      if (node.added > 0) release();
      if (node.state === 'SUCCEEDED') break;
    }
    expect(seen.some(({ state, added }) => state === 'RUNNING' && added > 0 && added < 6)).toBe(true);
    expect(seen.at(-1)).toEqual({ state: 'SUCCEEDED', added: 6 });
  });
});

describe('whoever follows peers', () => {
  it('is told when one becomes unreachable, and when an admin changes it', async () => {
    await using peer = await startFakePeer();
    const id = await pairedWith(peer);
    await settled(home, id);
    const ended = new AbortController();
    const told = new Set<string>();
    const followed = await home.app.federation.changes.peers(ended.signal);
    const reading = (async () => {
      for await (const name of followed) told.add(name);
    })();
    await peer.goDown();
    await home.query('mutation ($id: ID!) { refreshPeer(input: {id: $id}) { pulls { id } } }', { id });
    await settled(home, id, 'OFFLINE');
    await eventually('the peer to be told of', async () => told.has(id));
    told.clear();
    await home.query(
      'mutation ($id: ID!) { updatePeer(input: {id: $id, name: "Anew"}) { userErrors { message } } }',
      { id },
    );
    await eventually('the new name to be told of', async () => told.has(id));
    ended.abort();
    await reading;
  });
});

describe('the stream of events', () => {
  it('brings every change of a peer into the list here within seconds, whatever the interval', async () => {
    await using garden = await startInstance('Garden');
    const [first] = await garden.app.catalog.local.add([newItem({ title: 'first', visibility: 'PEERS' })]);
    const id = await pair(garden, home);
    await settled(home, id);
    await home.query(
      'mutation ($id: ID!) { updatePeer(input: {id: $id, interval: 86400}) { peer { id } } }',
      {
        id,
      },
    );
    const { read, prisma } = home.app.database;
    const { key } = await prisma.peer.findUniqueOrThrow({ where: { id } });
    const shown = async () =>
      (await read.all<{ title: string }>(sql`SELECT title FROM items WHERE source = ${key}`)).map(
        ({ title }) => title,
      );
    // What changed before the stream was open is found out when it opens.
    const madeAt = new Map<string, number>();
    const took: number[] = [];
    const seen = async () => {
      for (const title of await shown()) {
        const at = madeAt.get(title);
        if (at !== undefined) took.push(Date.now() - at);
        madeAt.delete(title);
      }
      return madeAt.size === 0;
    };
    for (const n of Array(50).keys()) {
      madeAt.set(`change ${n}`, Date.now());
      await garden.app.catalog.local.add([newItem({ title: `change ${n}`, visibility: 'PEERS' })]);
      await seen();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await eventually('the last change', seen);
    took.sort((x, y) => x - y);
    expect(took).toHaveLength(50);
    // 2 s is the aim, and bench/pull-latency.ts measures it; here many others work on the same machine.
    expect(took[47]).toBeLessThan(10_000);

    await garden.app.catalog.local.remove([first?.id ?? '']);
    await eventually('the removal', async () => !(await shown()).includes('first'));
  });

  it('is open again after a start, long before the next poll', async () => {
    await using garden = await startInstance('Garden');
    await using coast = await startInstance('Coast');
    await garden.app.catalog.local.add([newItem({ title: 'before', visibility: 'PEERS' })]);
    const id = await pair(garden, coast);
    await settled(coast, id);
    await coast.stop();
    await garden.app.catalog.local.add([newItem({ title: 'while it was away', visibility: 'PEERS' })]);
    await coast.start();
    const { nextAttemptAt } = await coast.app.database.prisma.peer.findUniqueOrThrow({ where: { id } });
    expect(Number(nextAttemptAt) - Date.now()).toBeGreaterThan(300_000);
    const titles = async () =>
      (await coast.app.database.prisma.item.findMany({ where: { source: { not: 0 } } })).map(
        ({ title }) => title,
      );
    await eventually('what has changed meanwhile', async () =>
      (await titles()).includes('while it was away'),
    );
    await garden.app.catalog.local.add([newItem({ title: 'afterwards', visibility: 'PEERS' })]);
    await eventually('what changes from now on', async () => (await titles()).includes('afterwards'));
  });

  it('notices at once that a peer is gone, and that it is back', async () => {
    await using peer = await startFakePeer();
    const events = withEvents(peer);
    const id = await followed(peer, events);
    await peer.goDown();
    await settled(home, id, 'OFFLINE');
    expect(await pullSide(id)).toMatchObject({ error: { code: 'PEER_UNREACHABLE' }, lag: null });
    peer.put('meanwhile');
    await peer.comeUp();
    await settled(home, id);
    await events.next(2);
    expect(await shownOf(home, id)).toContain('Title of meanwhile');
  });

  it('learns by a signed answer, and never from the stream, that the pairing is over', async () => {
    await using peer = await startFakePeer();
    const events = withEvents(peer);
    peer.put('one');
    const id = await followed(peer, events);
    // Whoever is in between may write such an event; the peer itself still shares.
    const asked = events.pulls();
    events.tell(formatEvent({ type: 'ended', code: 'REVOKED' }));
    await eventually('the question', async () => events.pulls() > asked);
    await settled(home, id);
    expect(await shownOf(home, id)).toEqual(['Title of one']);

    events.refuse('revoked');
    peer.hangUp();
    await settled(home, id, 'AUTH_FAILED');
    expect(await shownOf(home, id)).toEqual([]);
    const count = peer.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(peer.requests.slice(count)).toEqual([]);
  });

  it('makes nobody pull more than once a second, however much is said on it', async () => {
    await using peer = await startFakePeer();
    const events = withEvents(peer);
    const id = await followed(peer, events);
    const before = events.pulls();
    const begun = Date.now();
    while (Date.now() - begun < 3_000) {
      events.tell(formatEvent({ type: 'changed' }));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const pulls = events.pulls() - before;
    expect(pulls).toBeGreaterThan(0);
    expect(pulls).toBeLessThanOrEqual(5);
    await settled(home, id);
  });

  it('takes nothing for an event that is not one of a stream, and pulls such a peer at its interval', async () => {
    await using peer = await startFakePeer();
    peer.put('one');
    let asked = 0;
    peer.misbehave = async (request, honest) => {
      if (!request.path.endsWith('/events')) return honest();
      asked += 1;
      return { status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from('<html></html>') };
    };
    const id = await pairedWith(peer);
    await settled(home, id);
    await eventually('the question', async () => asked > 0);
    expect(await pullSide(id)).toMatchObject({ error: null, lag: 0, inSync: true });
    expect(await shownOf(home, id)).toEqual(['Title of one']);
  });

  it('closes with a pause, and opens again with the end of it', async () => {
    await using peer = await startFakePeer();
    const events = withEvents(peer);
    const id = await followed(peer, events);
    const pause = (paused: boolean) =>
      home.query(
        'mutation ($id: ID!, $paused: Boolean!) { updatePeer(input: {id: $id, paused: $paused}) { peer { id } } }',
        { id, paused },
      );
    await pause(true);
    await eventually('its end', async () => events.open() === 0);
    expect(await pullSide(id)).toMatchObject({ lag: null, nextAttemptAt: null });
    await pause(false);
    await events.next(2);
  });
});

describe('a peer that drips', () => {
  it('leaves the others as fresh, and the people here as quickly served, as they were', async () => {
    await using garden = await startInstance('Garden');
    await garden.app.catalog.local.add([newItem({ title: 'first', visibility: 'PEERS' })]);
    const id = await pair(garden, home);
    await settled(home, id);
    await using slow = await startFakePeer('Slow');
    const slowId = await pairedWith(slow);
    await settled(home, slowId);
    let dripping = 0;
    slow.misbehave = async ({ path, response }, honest) => {
      if (path !== '/federation/v1/media') return honest();
      dripping += 1;
      response.writeHead(200, { 'content-type': 'application/json' });
      const drop = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(drop));
      return null;
    };
    await home.query('mutation ($id: ID!) { refreshPeer(input: {id: $id}) { pulls { id } } }', {
      id: slowId,
    });
    await eventually('the first drop', async () => dripping > 0);

    for (const n of Array(5).keys()) {
      await garden.app.catalog.local.add([newItem({ title: `beside ${n}`, visibility: 'PEERS' })]);
      await eventually(`beside ${n}`, async () => (await shownOf(home, id)).includes(`beside ${n}`), 10_000);
      const begun = performance.now();
      expect((await home.get('/healthz')).status).toBe(200);
      expect(performance.now() - begun).toBeLessThan(500);
    }
    expect(dripping).toBe(1);
    expect(await pullSide(id)).toMatchObject({ error: null, lag: 0, inSync: true });
    slow.misbehave = null;
    slow.hangUp();
    await settled(home, slowId, 'ONLINE', 60_000);
  });
});

/** Lets a fake peer have a stream of events, which the test writes, and a status. */
function withEvents(peer: FakePeer) {
  const responses: ServerResponse[] = [];
  let refusal: string | null = null;
  peer.misbehave = async (asked, honest) => {
    if (refusal !== null && asked.path.startsWith('/federation/v1/')) {
      return peer.signed(asked, 401, { code: refusal });
    }
    if (asked.path === '/federation/v1/events') {
      asked.response.writeHead(200, { 'content-type': 'text/event-stream' });
      asked.response.write(HEARTBEAT);
      responses.push(asked.response);
      return null;
    }
    if (asked.path === '/federation/v1/status' && asked.query.has('after')) {
      const {
        cursor,
        total = 0,
        checksum = '',
        items,
        removed,
      } = peer.page(new URLSearchParams(asked.query));
      return peer.signed(asked, 200, {
        cursor,
        behind: items.length + removed.length,
        total,
        checksum,
        grant: WHOLE_GRANT,
        serverTime: new Date().toISOString(),
        software: { name: 'Fake', version: '1' },
        protocols: ['1'],
        capabilities: [],
      });
    }
    return honest();
  };
  return {
    tell: (text: string) => {
      for (const response of responses) if (!response.destroyed) response.write(text);
    },
    /** Answers so, signed, from now on. */
    refuse: (code: string) => {
      refusal = code;
    },
    pulls: () => peer.requests.filter((line) => line === 'GET /federation/v1/media').length,
    open: () => responses.filter((response) => !response.destroyed).length,
    /** Waits for so many streams to have been opened. */
    next: (count: number) => eventually(`stream ${count}`, async () => responses.length >= count),
  };
}

/** Paired, pulled once, and listened to; pulled by its interval only in a day. */
async function followed(peer: FakePeer, events: ReturnType<typeof withEvents>): Promise<string> {
  const id = await pairedWith(peer);
  await settled(home, id);
  await home.query('mutation ($id: ID!) { updatePeer(input: {id: $id, interval: 86400}) { peer { id } } }', {
    id,
  });
  await events.next(1);
  return id;
}

async function pullSide(id: string): Promise<Record<string, unknown>> {
  const { node } = await home.query<{ node: { operations: { pull: Record<string, unknown> } } }>(
    `query ($id: ID!) { node(id: $id) { ... on Peer { operations {
      pull { lag inSync completeness nextAttemptAt roundTripMs error { code } } } } } }`,
    { id },
  );
  return node.operations.pull;
}
