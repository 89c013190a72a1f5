/** What a peer, or whoever stands between, may answer: nothing of it harms anything but the peer's own items. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { generateKey } from '../src/federation/identity/keys.ts';
import { checksumTerm, formatChecksum } from '../src/lib/checksum.ts';
import { SEGMENT_BYTES } from '../src/lib/media.ts';
import {
  type Asked,
  describeFile,
  digestOf,
  type FakePage,
  type FakePeer,
  type Misbehaviour,
  type Reply,
  startFakePeer as startAnyFakePeer,
  thumbnailOf,
} from './support/fake-peer.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { createWatch } from './support/watch.ts';

const FEED = '/federation/v1/media';

let home: Instance;
let garden: Instance;
let gardenId: string;
let gardenItems: number;
/** Ports of everybody that there is to talk to. */
const known = new Set<string>();
/** MiB that are resident before anybody misbehaves. */
let memoryBefore: number;
let edits = 0;
const watch = createWatch();
/** ms of CPU after which somebody may be answered, MiB that everything together may take; docs/federation.md, "Limits". */
const BOUNDS = { cpu: 500, memory: 400 };
/** Bodies of 64 MiB, made before anything is watched. */
const SPACES = Buffer.alloc(64 << 20, 0x20);
const BOMBS = { zstd: zstdCompressSync(SPACES), gzip: gzipSync(SPACES) };

beforeAll(async () => {
  home = await startInstance('Home');
  garden = await startInstance('Garden');
  await garden.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
  gardenId = await pair(garden, home);
  await settled(home, gardenId);
  gardenItems = (await rowsOf(gardenId)).items.length;
  for (const { url } of [home, garden]) known.add(new URL(url).port);
  memoryBefore = process.memoryUsage.rss() / 2 ** 20;
});
beforeEach(() => watch.begin(() => home.get('/healthz')));
afterEach(async () => {
  const { healthy, failed, busiest, memory, dialled } = await watch.end();
  expect(failed).toEqual([]);
  expect(healthy).toBeGreaterThan(0);
  expect(busiest).toBeLessThan(BOUNDS.cpu);
  expect(memory - memoryBefore).toBeLessThan(BOUNDS.memory);
  expect([...dialled].filter((to) => !known.has(to))).toEqual([]);
});
afterAll(async () => {
  await home?.[Symbol.asyncDispose]();
  await garden?.[Symbol.asyncDispose]();
});

async function startFakePeer(name?: string): Promise<FakePeer> {
  const fake = await startAnyFakePeer(name);
  known.add(String(fake.port));
  return fake;
}

interface PeerView {
  health: string;
  operations: {
    pull: {
      error: { code: string; message: string } | null;
      inSync: boolean | null;
      skippedItems: number;
      nextAttemptAt: string | null;
    };
    pulls: { nodes: { id: string; state: string }[] };
  };
}

async function view(peerId: string): Promise<PeerView> {
  const { node } = await home.query<{ node: PeerView }>(
    `query ($id: ID!) { node(id: $id) { ... on Peer { health operations {
      pull { error { code message } inSync skippedItems nextAttemptAt } pulls(first: 20) { nodes { id state } } } } } }`,
    { id: peerId },
  );
  return node;
}

/** Pulls now, waits for the end, and answers what the admin then sees. */
async function refresh(peerId: string): Promise<PeerView> {
  const { refreshPeer } = await home.query<{ refreshPeer: { pulls: { id: string }[] } }>(
    'mutation ($id: ID!) { refreshPeer(input: {id: $id}) { pulls { id } userErrors { code message } } }',
    { id: peerId },
  );
  const id = refreshPeer.pulls[0]?.id;
  return eventually(`the end of ${id}`, async () => {
    const seen = await view(peerId);
    const pulls = seen.operations.pulls.nodes;
    const ended = pulls.every(({ state }) => /SUCCEEDED|FAILED/.test(state));
    return ended && pulls.some((pull) => pull.id === id) && seen;
  });
}

/** Whatever is stored of a peer. */
async function rowsOf(peerId: string) {
  const { prisma } = home.app.database;
  const peer = await prisma.peer.findUniqueOrThrow({ where: { id: peerId } });
  const items = await prisma.item.findMany({
    where: { source: peer.key },
    select: { remoteId: true, version: true, title: true },
    orderBy: { remoteId: 'asc' },
  });
  const skipped = await prisma.skippedItem.findMany({ where: { source: peer.key } });
  return { peer, items, skipped };
}

async function shown(peerId: string): Promise<string[]> {
  const { media } = await home.query<{ media: { nodes: { title: string }[] } }>(
    'query ($id: ID!) { media(origin: REMOTE, filter: {peerIds: [$id]}, first: 100) { nodes { title } } }',
    { id: peerId },
  );
  return media.nodes.map(({ title }) => title).sort();
}

async function pairWith(fake: FakePeer, code = fake.invitation(), instance = home): Promise<string> {
  const { pairWithPeer } = await instance.query<{
    pairWithPeer: { peer: { id: string } | null; userErrors: { code: string; message: string }[] };
  }>(
    'mutation ($input: PairWithPeerInput!) { pairWithPeer(input: $input) { peer { id } userErrors { code message } } }',
    { input: { invitation: code } },
  );
  if (pairWithPeer.peer === null) throw new Error(JSON.stringify(pairWithPeer.userErrors));
  return pairWithPeer.peer.id;
}

/** A peer with three items, paired and pulled once. */
async function threeItems(): Promise<{ fake: FakePeer; peerId: string }> {
  const fake = await startFakePeer();
  for (const id of ['one', 'two', 'three']) fake.put(id);
  const peerId = await pairWith(fake);
  await settled(home, peerId);
  expect(await shown(peerId)).toEqual(['Title of one', 'Title of three', 'Title of two']);
  return { fake, peerId };
}

/** Everything else goes on as if nothing were: what another peer changes now is here with the next pull. */
async function unharmed(): Promise<void> {
  edits += 1;
  const { id } = await garden.app.database.prisma.item.findFirstOrThrow({ where: { source: 0 } });
  await garden.app.catalog.local.update(id, { title: `Edit ${edits}` });
  expect((await refresh(gardenId)).health).toBe('ONLINE');
  const titles = await shown(gardenId);
  expect(titles.length).toBe(gardenItems);
  expect(titles).toContain(`Edit ${edits}`);
}

const onFeed =
  (work: (asked: Asked, honest: () => Promise<Reply>) => Promise<Reply | null>): Misbehaviour =>
  async (asked, honest) =>
    asked.path === FEED ? work(asked, honest) : honest();

interface Case {
  name: string;
  /** What the admin is told; several where the network may notice first. */
  code: string;
  health?: string;
  answer: (fake: FakePeer) => (asked: Asked, honest: () => Promise<Reply>) => Promise<Reply | null>;
}

const signedPage =
  (change: (page: FakePage) => object): Case['answer'] =>
  (fake) =>
  async (asked) =>
    fake.signed(asked, 200, change(fake.page(asked.query)));

const unsigned =
  (status: number, code: string, headers: Record<string, string> = {}): Case['answer'] =>
  (fake) =>
  async () => {
    const reply = fake.json(status, { code, reason: 'restored' });
    return { ...reply, headers: { ...reply.headers, ...headers } };
  };

const raw =
  (text: string | Buffer): Case['answer'] =>
  () =>
  async ({ response }) => {
    response.socket?.end(text);
    return null;
  };

const IDENTITY = 'PEER_IDENTITY';
const INVALID = 'PEER_INVALID_ANSWER';
const AWAY = 'PEER_UNREACHABLE';

const CASES: Case[] = [
  {
    name: 'a page that nobody signed',
    code: IDENTITY,
    answer: (fake) => async (asked) => fake.json(200, fake.page(asked.query)),
  },
  {
    name: 'a page signed with another key',
    code: IDENTITY,
    answer: (fake) => async (asked) =>
      fake.signed(asked, 200, fake.page(asked.query), { key: generateKey() }),
  },
  {
    name: 'a page that was signed for another request',
    code: IDENTITY,
    answer: (fake) => async (asked) =>
      fake.signed(asked, 200, fake.page(asked.query), { binding: { signature: 'sig=:AAAA:' } }),
  },
  {
    name: 'a page that was signed an hour ago',
    code: IDENTITY,
    answer: (fake) => async (asked) =>
      fake.signed(asked, 200, fake.page(asked.query), { created: new Date(Date.now() - 3_600_000) }),
  },
  {
    name: 'a page that was altered after it was signed',
    code: IDENTITY,
    answer: (fake) => async (asked) => {
      const reply = fake.signedBytes(asked, 200, Buffer.from(JSON.stringify(fake.page(asked.query))));
      return {
        ...reply,
        body: Buffer.from(Buffer.from(reply.body).toString().replace('Title of', 'title of')),
      };
    },
  },
  {
    name: 'a signed page under another status than the signed one',
    code: IDENTITY,
    answer: (fake) => async (asked) => ({
      ...(await fake.signed(asked, 202, fake.page(asked.query))),
      status: 200,
    }),
  },
  { name: 'an unsigned 401 revoked', code: IDENTITY, answer: unsigned(401, 'revoked') },
  { name: 'an unsigned 401 credential-refused', code: IDENTITY, answer: unsigned(401, 'credential-refused') },
  { name: 'an unsigned 403 grant-ended', code: IDENTITY, answer: unsigned(403, 'grant-ended') },
  { name: 'an unsigned 404', code: AWAY, answer: unsigned(404, 'not-found') },
  { name: 'an unsigned 410 cursor-expired', code: IDENTITY, answer: unsigned(410, 'cursor-expired') },
  { name: 'an unsigned 500', code: AWAY, answer: unsigned(500, 'internal') },
  { name: 'an unsigned 502', code: AWAY, answer: unsigned(502, 'revoked') },
  {
    name: 'a 401 revoked that is bound to the token only',
    code: IDENTITY,
    answer: (fake) => async (asked) =>
      fake.signed(
        asked,
        401,
        { code: 'revoked' },
        { binding: { authorization: String(asked.headers.authorization) } },
      ),
  },
  {
    name: 'a recorded 401 revoked of another request',
    code: IDENTITY,
    answer: (fake) => async (asked) =>
      fake.signed(asked, 401, { code: 'revoked' }, { binding: { signature: 'sig=:AAAA:' } }),
  },
  {
    name: 'a 204',
    code: IDENTITY,
    answer: () => async () => ({ status: 204, headers: {}, body: Buffer.alloc(0) }),
  },
  {
    name: 'a 304',
    code: IDENTITY,
    answer: () => async () => ({ status: 304, headers: {}, body: Buffer.alloc(0) }),
  },
  {
    name: 'a signed 500',
    code: INVALID,
    answer: (fake) => async (asked) =>
      fake.signed(asked, 500, { code: 'internal', detail: 'a\u0000b\u202ec' }),
  },
  {
    name: 'signed text that is not JSON',
    code: INVALID,
    answer: (fake) => async (asked) => fake.signedBytes(asked, 200, Buffer.from('{"items": [')),
  },
  {
    name: 'signed bytes that are not UTF-8',
    code: INVALID,
    answer: (fake) => async (asked) => fake.signedBytes(asked, 200, Buffer.of(0xff, 0xfe, 0x7b)),
  },
  {
    name: 'JSON nested a hundred thousand levels deep',
    code: INVALID,
    answer: (fake) => async (asked) =>
      fake.signedBytes(asked, 200, Buffer.from(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)),
  },
  { name: 'null', code: INVALID, answer: signedPage(() => null as unknown as object) },
  { name: 'a page without items', code: INVALID, answer: signedPage(({ items: _, ...page }) => page) },
  { name: 'a page without a cursor', code: INVALID, answer: signedPage((page) => ({ ...page, cursor: '' })) },
  {
    name: 'a last page without a checksum',
    code: INVALID,
    answer: signedPage(({ checksum: _, ...page }) => page),
  },
  {
    name: 'a total beyond all bounds',
    code: INVALID,
    answer: signedPage((page) => ({ ...page, total: 9e15 })),
  },
  {
    name: 'an item without an id among good ones',
    code: INVALID,
    answer: signedPage((page) => ({ ...page, items: [...page.items, { version: 'v1', title: 'x' }] })),
  },
  {
    name: 'an item without a version among good ones',
    code: INVALID,
    answer: signedPage((page) => ({ ...page, items: [...page.items, { id: 'x', title: 'x' }] })),
  },
  ...['../../secrets', 'http://169.254.169.254/', '.hidden', 'a\u0000b', 'x'.repeat(129), 7].map((id) => ({
    name: `an item with the id ${String(id).slice(0, 24)}`,
    code: INVALID,
    answer: signedPage((page) => ({ ...page, items: [...page.items, { ...(page.items[0] as object), id }] })),
  })),
  {
    name: 'a removal of an id that is none',
    code: INVALID,
    answer: signedPage((page) => ({ ...page, removed: [{ id: '../one', reason: 'deleted' }] })),
  },
  {
    name: 'a negative total',
    code: INVALID,
    answer: signedPage((page) => ({ ...page, total: -1 })),
  },
  {
    name: 'an answer shorter than it says',
    code: AWAY,
    health: 'OFFLINE',
    answer: raw('HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{"items": ['),
  },
  {
    name: 'an answer of two lengths',
    code: INVALID,
    answer: raw('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x'),
  },
  {
    name: 'an answer of a negative length',
    code: INVALID,
    answer: raw('HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}'),
  },
  {
    name: 'an item that appears twice',
    code: INVALID,
    answer: signedPage((page) => ({ ...page, items: [...page.items, ...page.items] })),
  },
  {
    name: 'an item that is in items and in removed',
    code: INVALID,
    answer: signedPage((page) => ({
      ...page,
      removed: [{ id: 'four', reason: 'deleted', at: '2026-11-20T12:00:00Z' }],
    })),
  },
  {
    name: 'more entries than were asked for',
    code: INVALID,
    answer: signedPage((page) => ({
      ...page,
      removed: Array.from({ length: 501 }, (_, index) => ({ id: `r${index}`, reason: 'deleted' })),
    })),
  },
  {
    name: 'a cursor that does not advance',
    code: INVALID,
    answer: (fake) => async (asked) =>
      fake.signed(asked, 200, {
        ...fake.page(asked.query),
        cursor: asked.query.get('after'),
        complete: false,
      }),
  },
  {
    name: 'an empty page that is not the last',
    code: INVALID,
    answer: signedPage((page) => ({ ...page, items: [], removed: [], cursor: 'another', complete: false })),
  },
  {
    name: 'another epoch in the middle',
    code: INVALID,
    answer: signedPage((page) => ({ ...page, epoch: 'e2' })),
  },
  {
    name: 'a coding that was not offered',
    code: INVALID,
    answer: (fake) => async (asked) => fake.signedBytes(asked, 200, Buffer.from('{}'), { coding: 'br' }),
  },
  {
    name: 'stacked codings',
    code: INVALID,
    answer: (fake) => async (asked) =>
      fake.signedBytes(asked, 200, gzipSync(gzipSync('{}')), { coding: 'gzip, gzip' }),
  },
  {
    name: 'plain text that calls itself gzip',
    code: INVALID,
    answer: (fake) => async (asked) => fake.signedBytes(asked, 200, Buffer.from('{}'), { coding: 'gzip' }),
  },
  {
    name: 'a small answer that unpacks to 64 MiB (zstd)',
    code: INVALID,
    answer: (fake) => async (asked) => fake.signedBytes(asked, 200, BOMBS.zstd, { coding: 'zstd' }),
  },
  {
    name: 'a small answer that unpacks to 64 MiB (gzip)',
    code: INVALID,
    answer: (fake) => async (asked) => fake.signedBytes(asked, 200, BOMBS.gzip, { coding: 'gzip' }),
  },
  {
    name: 'an answer without end',
    code: INVALID,
    answer:
      () =>
      async ({ response }) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(1 << 20, 0x20)));
        };
        response.on('drain', more);
        response.on('error', () => {});
        more();
        return null;
      },
  },
  { name: 'something that is not HTTP', code: INVALID, answer: raw('SSH-2.0-OpenSSH_9.9\r\n\r\n\0\0\0') },
  {
    name: 'a header that does not end',
    code: INVALID,
    answer: raw(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(200_000)}\r\n\r\n`),
  },
  { name: 'a connection that ends before an answer', code: AWAY, health: 'OFFLINE', answer: raw('') },
  {
    name: 'a connection that ends in the middle of a page',
    code: AWAY,
    health: 'OFFLINE',
    answer: raw('HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n{"epoch":"e1","items":[{"id"'),
  },
  { name: '429 without a Retry-After', code: 'PEER_RATE_LIMITED', answer: unsigned(429, 'rate-limited') },
  {
    name: '429 with a Retry-After',
    code: 'PEER_RATE_LIMITED',
    answer: unsigned(429, 'rate-limited', { 'retry-after': '7' }),
  },
];

describe('a peer that answers', () => {
  it.each(CASES)('$name keeps what it had, is told apart and recovers', async ({ code, health, answer }) => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    const before = await rowsOf(peerId);
    fake.put('four');
    fake.remove('one');
    fake.misbehave = onFeed(answer(fake));
    const failed = await refresh(peerId);
    expect(failed.operations.pull.error?.code).toBe(code);
    expect(failed.health).toBe(health ?? 'DEGRADED');
    expect(failed.operations.pull.error?.message).not.toMatch(/\p{Cc}|[\u202a-\u202e]/u);
    const after = await rowsOf(peerId);
    expect(after.items).toEqual(before.items);
    expect(after.peer).toMatchObject({
      cursor: before.peer.cursor,
      epoch: before.peer.epoch,
      itemCount: 3,
      hiddenSince: null,
    });
    expect((await shown(peerId)).length).toBe(3);
    const wait = Date.parse(failed.operations.pull.nextAttemptAt ?? '') - Date.now();
    // What asks for rest is given it, for an hour at most where nobody signed that; all else is back within a minute.
    expect(wait).toBeLessThan(code === 'PEER_RATE_LIMITED' ? 3_700_000 : 60_000);
    await unharmed();

    fake.misbehave = null;
    const mended = await refresh(peerId);
    expect(mended).toMatchObject({ health: 'ONLINE', operations: { pull: { error: null, inSync: true } } });
    expect(await shown(peerId)).toEqual(['Title of four', 'Title of three', 'Title of two']);
  });

  it.each([
    ['signed', 1e9],
    ['signed', 1e300],
    ['unsigned', 1e9],
    ['unsigned', 1e300],
  ] as const)('%s 429 with a Retry-After of %d s is asked again within a day', async (how, retryAfter) => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    const problem = { code: 'rate-limited', retryAfter };
    fake.misbehave = onFeed(async (asked) =>
      how === 'signed' ? fake.signed(asked, 429, problem) : fake.json(429, problem),
    );
    const failed = await refresh(peerId);
    expect(failed.operations.pull.error?.code).toBe('PEER_RATE_LIMITED');
    const wait = Date.parse(failed.operations.pull.nextAttemptAt ?? '') - Date.now();
    expect(wait).toBeGreaterThan(how === 'signed' ? 3_600_000 : 3_000_000);
    expect(wait).toBeLessThanOrEqual(how === 'signed' ? 86_400_000 : 3_600_000);
    fake.misbehave = null;
    expect((await refresh(peerId)).health).toBe('ONLINE');
  });

  it('that the clocks differ is told with the time that it says, whichever way it is signed', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    const serverTime = '2026-11-20T12:00:00.000Z';
    for (const created of [new Date(Date.now() - 3_600_000), new Date()]) {
      fake.misbehave = onFeed((asked) =>
        fake.signed(asked, 401, { code: 'clock-skew', serverTime }, { created }),
      );
      const { operations } = await refresh(peerId);
      expect(operations.pull.error).toMatchObject({ code: 'CLOCK_SKEW' });
      expect(operations.pull.error?.message).toContain(serverTime);
    }
    expect((await shown(peerId)).length).toBe(3);
  });
});

describe('a signed word of the peer itself', () => {
  it.each([
    [401, 'revoked', 'REVOKED'],
    [403, 'grant-ended', 'GRANT_ENDED'],
  ])('of %i %s hides all it had at once, and its next page shows it again', async (status, code, told) => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    fake.misbehave = onFeed((asked) => fake.signed(asked, status, { code }));
    expect(await refresh(peerId)).toMatchObject({
      health: 'AUTH_FAILED',
      operations: { pull: { error: { code: told } } },
    });
    expect(await shown(peerId)).toEqual([]);
    expect((await home.get(`/federation/proxy/${peerId}/two/thumbnail`)).status).toBe(404);
    await unharmed();
    fake.misbehave = null;
    expect((await refresh(peerId)).health).toBe('ONLINE');
    expect((await shown(peerId)).length).toBe(3);
  });

  it('that the token is refused stops the pull, and removes and hides nothing', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    fake.misbehave = onFeed((asked) =>
      fake.signed(
        asked,
        401,
        { code: 'credential-refused' },
        { binding: { authorization: String(asked.headers.authorization) } },
      ),
    );
    expect(await refresh(peerId)).toMatchObject({
      health: 'AUTH_FAILED',
      operations: { pull: { error: { code: 'CREDENTIAL_REFUSED' } } },
    });
    expect((await shown(peerId)).length).toBe(3);
    fake.misbehave = null;
    expect((await refresh(peerId)).health).toBe('ONLINE');
  });
});

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])(
    'of status %i is never followed, for pages, bytes or pairing',
    async (status) => {
      let asked = 0;
      const other = createServer((_request, response) => {
        asked += 1;
        response.end('{}');
      });
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
      try {
        const { fake, peerId } = await threeItems();
        await using _ = fake;
        const code = fake.invitation();
        fake.misbehave = async () => ({ status, headers: { location }, body: Buffer.alloc(0) });
        expect((await refresh(peerId)).operations.pull.error?.code).toBe('PEER_IDENTITY');
        const bytes = await home.get(`/federation/proxy/${peerId}/two/original`);
        expect(bytes.status).toBeGreaterThanOrEqual(500);
        await expect(pairWith(fake, code)).rejects.toThrow('PEER_INVALID_ANSWER');
        fake.misbehave = async (request, honest) =>
          request.method === 'POST' ? { status, headers: { location }, body: Buffer.alloc(0) } : honest();
        await expect(pairWith(fake, code)).rejects.toThrow('PEER_IDENTITY');
        expect(asked).toBe(0);
        await unharmed();
      } finally {
        await new Promise((resolve) => other.close(resolve));
      }
    },
  );
});

describe('a listing', () => {
  it('goes on where it was broken off, and what came before stays', async () => {
    await using fake = await startFakePeer();
    fake.pageSize = 2;
    for (const id of ['a', 'b', 'c', 'd', 'e']) fake.put(id);
    const cursors: (string | null)[] = [];
    fake.misbehave = onFeed(async (asked, honest) => {
      cursors.push(asked.query.get('after'));
      return cursors.length === 2 ? fake.json(500, {}) : honest();
    });
    const peerId = await pairWith(fake);
    await eventually('the failure', async () => (await view(peerId)).operations.pull.error);
    const half = await rowsOf(peerId);
    expect(half.items.map(({ remoteId }) => remoteId)).toEqual(['a', 'b']);
    expect(half.peer).toMatchObject({ cursor: 'c2-5', listing: true });
    expect((await refresh(peerId)).operations.pull.inSync).toBe(true);
    expect(cursors).toEqual([null, 'c2-5', 'c2-5', 'c4-5']);
    expect((await rowsOf(peerId)).items.length).toBe(5);
  });

  it('is begun anew once on a signed 410, and not again and again', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    let feeds = 0;
    fake.remove('one');
    fake.misbehave = onFeed(async (asked) => {
      feeds += 1;
      return fake.signed(asked, 410, { code: 'cursor-expired', reason: 'restored' });
    });
    const { operations } = await refresh(peerId);
    expect(operations.pull.error?.code).toBe('CURSOR_EXPIRED');
    expect(feeds).toBeLessThanOrEqual(2);
    await refresh(peerId);
    expect(feeds).toBeLessThanOrEqual(3);
    // Until a listing is complete, nothing that is not named goes.
    expect((await shown(peerId)).length).toBe(3);
    fake.misbehave = null;
    expect(await refresh(peerId)).toMatchObject({ health: 'ONLINE', operations: { pull: { inSync: true } } });
    expect(await shown(peerId)).toEqual(['Title of three', 'Title of two']);
  });

  it('whose cursors go in a circle has an end', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    let pages = 0;
    fake.misbehave = onFeed(async (asked) => {
      pages += 1;
      return fake.signed(asked, 200, {
        ...fake.page(new URLSearchParams()),
        cursor: `circle-${pages % 5}`,
        complete: false,
        total: undefined,
        checksum: undefined,
      });
    });
    const failed = await refresh(peerId);
    expect(failed.operations.pull.error).toMatchObject({
      code: INVALID,
      message: expect.stringMatching(/circle/),
    });
    expect(pages).toBeLessThan(30);
    await unharmed();
    fake.misbehave = null;
    // The cursor that was stored is none of an honest peer's; listed anew, all is as it was.
    await home.app.database.prisma.peer.update({ where: { id: peerId }, data: { cursor: null } });
    expect(await refresh(peerId)).toMatchObject({ health: 'ONLINE', operations: { pull: { inSync: true } } });
    expect((await shown(peerId)).length).toBe(3);
  });

  it('that two ask for at the same time is one, and both are told of it', async () => {
    const ask = () =>
      home.query<{ refreshPeer: { pulls: { id: string }[] } }>(
        'mutation ($id: ID!) { refreshPeer(input: {id: $id}) { pulls { id } userErrors { code } } }',
        { id: gardenId },
      );
    for (let at = 0; at < 3; at++) {
      const told = await Promise.all([ask(), ask(), ask()]);
      for (const { refreshPeer } of told) expect(refreshPeer.pulls.length).toBe(1);
      await refresh(gardenId);
    }
  });

  it('of a peer that takes for ever holds up no other peer', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    const held: Asked[] = [];
    fake.misbehave = onFeed(async (asked) => {
      held.push(asked);
      return null;
    });
    await home.query('mutation ($id: ID!) { refreshPeer(input: {id: $id}) { userErrors { code } } }', {
      id: peerId,
    });
    await eventually('the question', async () => held.length > 0);
    expect((await refresh(gardenId)).health).toBe('ONLINE');
    // What had no answer is asked once more.
    fake.hangUp();
    await eventually('the same question', async () => held.length > 1);
    fake.hangUp();
    await eventually('the end', async () => (await view(peerId)).operations.pull.error?.code === AWAY);
    fake.misbehave = null;
    expect((await refresh(peerId)).health).toBe('ONLINE');
  });

  it('of one peer goes on while any number of others keep us waiting', async () => {
    const held: Asked[] = [];
    const slow = await Promise.all(Array.from({ length: 6 }, () => startFakePeer('Slow')));
    try {
      for (const fake of slow) {
        fake.misbehave = onFeed(async (asked) => {
          held.push(asked);
          return null;
        });
        await pairWith(fake);
      }
      await eventually('their questions', async () => held.length >= 4);
      expect((await refresh(gardenId)).health).toBe('ONLINE');
      // All of them still wait: it was not their giving up that let the other through.
      expect(held.every(({ response }) => !response.destroyed)).toBe(true);
    } finally {
      for (const fake of slow) await fake[Symbol.asyncDispose]();
    }
  });

  it('has an end, however many items that break a limit it names', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    const { peer } = await rowsOf(peerId);
    await home.app.database.prisma.peer.update({
      where: { key: peer.key },
      data: { skippedCount: 5_000_000 },
    });
    fake.put('four', { title: 7 });
    expect((await refresh(peerId)).operations.pull.error?.code).toBe(INVALID);
    expect((await rowsOf(peerId)).skipped).toEqual([]);
    await home.app.database.prisma.peer.update({ where: { key: peer.key }, data: { skippedCount: 0 } });
    expect((await refresh(peerId)).health).toBe('ONLINE');
  });
});

describe('an item', () => {
  it.each<[string, Record<string, unknown>]>([
    ['a title of 501 characters', { title: 'x'.repeat(501) }],
    ['a title that is a number', { title: 7 }],
    ['a kind that is none', { kind: 'music' }],
    ['a negative size', { size: -1 }],
    ['a size of 2^60', { size: 2 ** 60 }],
    ['properties of 33 KiB', { properties: { text: 'x'.repeat(33 * 1024) } }],
    ['a time that is none', { createdAt: 'yesterday' }],
    ['201 tags', { tags: Array.from({ length: 201 }, (_, index) => `t${index}`) }],
    ['a digest of another kind', { digest: 'md5:abc' }],
    ['a long file without segments', { size: 10_000_000, segments: null }],
    [
      'a thumbnail that is HTML',
      {
        variants: [{ name: 'thumbnail', mimeType: 'text/html', size: 3, digest: digestOf(Buffer.from('x')) }],
      },
    ],
  ])('with %s is skipped and counted, and blocks nothing', async (_name, parts) => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    fake.put('two', parts);
    fake.put('four', parts);
    fake.put('five');
    const seen = await refresh(peerId);
    expect(seen).toMatchObject({
      health: 'ONLINE',
      operations: { pull: { error: null, inSync: true, skippedItems: 2 } },
    });
    expect(await shown(peerId)).toEqual(['Title of five', 'Title of one', 'Title of three']);
    // The same once more: neither counted twice nor listed anew.
    fake.put('six');
    expect((await refresh(peerId)).operations.pull).toMatchObject({ inSync: true, skippedItems: 2 });
    fake.put('two');
    fake.remove('four');
    expect((await refresh(peerId)).operations.pull).toMatchObject({ inSync: true, skippedItems: 0 });
    expect((await rowsOf(peerId)).skipped).toEqual([]);
  });

  it('is shown without control characters and bidirectional overrides', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    fake.put('two', {
      title: 'a\u0000b\u001b[31m\u202egpj.exe\ud800',
      filename: '../../etc\u0000/pass\nwd',
      tags: ['x\u0007y', '\u0000'],
      properties: { 'k\u0000': ['\u0000\u202e', { deep: '\ud800' }] },
    });
    expect((await refresh(peerId)).operations.pull).toMatchObject({ error: null, inSync: true });
    const { media } = await home.query<{ media: { nodes: { title: string; tags: string[] }[] } }>(
      'query ($id: ID!) { media(filter: {peerIds: [$id]}) { nodes { title tags filename } } }',
      { id: peerId },
    );
    expect(JSON.stringify(media)).not.toMatch(/\\u00|\p{Cc}|[\u202a-\u202e]/u);
    expect(media.nodes.map(({ title }) => title)).toContain('ab[31mgpj.exe');
    const bytes = await home.get(`/federation/proxy/${peerId}/two/original`);
    expect(bytes.status).toBe(200);
    expect(String(bytes.headers['content-disposition'])).not.toMatch(/[/\\]|\.\.\//);
  });

  it('cannot be another peer’s, whatever id it names', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    const { items } = await rowsOf(gardenId);
    for (const { remoteId } of items) fake.put(remoteId ?? '', { title: 'mine now' });
    expect((await refresh(peerId)).operations.pull.inSync).toBe(true);
    for (const { remoteId } of items) fake.remove(remoteId ?? '');
    expect((await refresh(peerId)).operations.pull.inSync).toBe(true);
    expect((await rowsOf(gardenId)).items).toEqual(items);
  });

  it('that names the digest of bytes that are here gets none of them', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    const secret = await garden.app.database.prisma.item.findFirstOrThrow({ where: { source: 0 } });
    fake.put('two', { digest: secret.digest, size: Number(secret.byteSize), segments: null });
    await refresh(peerId);
    const answer = await home.get(`/federation/proxy/${peerId}/two/original`);
    expect(answer.status).not.toBe(200);
  });
});

describe('a checksum', () => {
  it('that lies is shown as divergence, the items stay, and a refresh recovers once it is right', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    let feeds = 0;
    fake.misbehave = onFeed(async (asked) => {
      feeds += 1;
      return fake.signed(asked, 200, { ...fake.page(asked.query), checksum: 'deadbeefdeadbeef' });
    });
    const lied = await refresh(peerId);
    expect(lied).toMatchObject({
      health: 'DIVERGED',
      operations: { pull: { inSync: false, error: { code: 'INTEGRITY_FAILED' } } },
    });
    expect((await shown(peerId)).length).toBe(3);
    expect(feeds).toBeLessThan(4);
    await unharmed();
    fake.misbehave = null;
    expect(await refresh(peerId)).toMatchObject({ health: 'ONLINE', operations: { pull: { inSync: true } } });
  });

  it('and a total that lies is the same', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    fake.misbehave = onFeed((asked) => fake.signed(asked, 200, { ...fake.page(asked.query), total: 4 }));
    expect((await refresh(peerId)).health).toBe('DIVERGED');
    fake.misbehave = null;
    expect((await refresh(peerId)).health).toBe('ONLINE');
  });

  it('finds out what a peer left out, and the listing anew brings it', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    fake.put('four');
    fake.put('five');
    fake.remove('one');
    fake.misbehave = onFeed((asked) =>
      fake.signed(asked, 200, { ...fake.page(asked.query), items: [], removed: [] }),
    );
    expect((await refresh(peerId)).health).toBe('DIVERGED');
    fake.misbehave = null;
    await settled(home, peerId, 'ONLINE');
    expect(await shown(peerId)).toEqual(['Title of five', 'Title of four', 'Title of three', 'Title of two']);
  });

  it('that is wrong here is counted anew', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    const { peer } = await rowsOf(peerId);
    await home.app.database.prisma.peer.update({
      where: { key: peer.key },
      data: { checksumFirst: 12345, itemCount: 17 },
    });
    fake.put('four');
    expect((await refresh(peerId)).health).toBe('DIVERGED');
    await settled(home, peerId, 'ONLINE');
    const sum = formatChecksum(
      (await rowsOf(peerId)).items
        .map(({ remoteId, version }) => checksumTerm(remoteId ?? '', version))
        .reduce((x, y) => ({
          first: (x.first + y.first) % 2 ** 32,
          second: (x.second + y.second) % 2 ** 32,
        })),
    );
    expect(fake.page(new URLSearchParams()).checksum).toBe(sum);
    expect((await rowsOf(peerId)).peer.itemCount).toBe(4);
  });

  it('that never agrees does not have the catalog listed anew with every pull', async () => {
    await using quick = await startInstance('Quick', { HEDGEROW_PULL_INTERVAL: '1' });
    known.add(new URL(quick.url).port);
    await using fake = await startFakePeer();
    fake.put('one');
    const pages: (string | null)[] = [];
    fake.misbehave = onFeed(async (asked) => {
      pages.push(asked.query.get('after'));
      return fake.signed(asked, 200, { ...fake.page(asked.query), checksum: 'deadbeefdeadbeef' });
    });
    await pairWith(fake, fake.invitation(), quick);
    await eventually('six pulls', async () => pages.length >= 6);
    expect(pages.filter((after) => after === null).length).toBeLessThanOrEqual(3);
  });
});

describe('bytes', () => {
  const flipped = (content: Uint8Array, at: number): Buffer => {
    const copy = Buffer.from(content);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };

  it('that do not match never reach a client, and nothing of them is kept', async () => {
    await using fake = await startFakePeer();
    const content = Buffer.alloc(3 * SEGMENT_BYTES + 1000, 'hedge');
    fake.put(
      'film',
      { kind: 'video', mimeType: 'video/mp4', ...describeFile(content) },
      { original: content },
    );
    fake.put('short');
    const wrong = 2 * SEGMENT_BYTES + 77;
    fake.misbehave = async (asked, honest) => {
      const reply = await honest();
      if (asked.path.endsWith('/thumbnail')) return { ...reply, body: flipped(reply.body, 3) };
      if (asked.path.endsWith('/short/original')) return { ...reply, body: flipped(reply.body, 0) };
      if (asked.path.endsWith('/film/original')) {
        const first = Number(/bytes=(\d+)/.exec(asked.headers.range ?? '')?.[1] ?? 0);
        if (first <= wrong && wrong < first + reply.body.length) {
          return { ...reply, body: flipped(reply.body, wrong - first) };
        }
      }
      return reply;
    };
    const peerId = await pairWith(fake);
    // Its thumbnails are wrong, so its health is bad as soon as they have been fetched ahead.
    await eventually('its listing', async () => (await rowsOf(peerId)).peer.lastSuccessAt !== null);
    for (const path of ['film/thumbnail', 'short/thumbnail', 'short/original']) {
      const answer = await home.get(`/federation/proxy/${peerId}/${path}`);
      expect(answer.status).toBe(502);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'integrity-failed' });
    }
    const ranged = await home.get(`/federation/proxy/${peerId}/film/original`, {
      range: `bytes=${wrong}-${wrong + 10}`,
    });
    expect(ranged.status).toBe(502);
    // The good segments before it are given; the answer then ends early rather than wrong.
    const whole = await home
      .get(`/federation/proxy/${peerId}/film/original`)
      .then((answer) => answer.body.length)
      .catch(() => 0);
    expect(whole).toBeLessThan(content.length);
    await home.app.delivery.flush();
    const { peer } = await rowsOf(peerId);
    const kept = await home.app.database.prisma.cachedFile.findMany({
      where: { source: peer.key },
      include: { item: true },
    });
    expect(kept.filter(({ variant, bytes }) => variant === 'thumbnail' && bytes > 0n)).toEqual([]);
    expect(kept.filter(({ item, bytes }) => item.remoteId === 'short' && bytes > 0n)).toEqual([]);
    const film = kept.find(({ item, variant }) => item.remoteId === 'film' && variant === 'original');
    expect(((film?.segments?.[0] ?? 0) >> 2) & 1).toBe(0);
    expect(film?.whole ?? false).toBe(false);
    // It is looked after within a minute, although its catalog is not due for long.
    const { health, errorAt, nextAttemptAt } = (await rowsOf(peerId)).peer;
    expect(health).toBe('DEGRADED');
    expect(Number(nextAttemptAt) - Number(errorAt)).toBeLessThanOrEqual(60_000);
    await unharmed();

    fake.misbehave = null;
    const good = await home.get(`/federation/proxy/${peerId}/film/original`);
    expect(good.status).toBe(200);
    expect(good.body.equals(content)).toBe(true);
    const thumbnail = await home.get(`/federation/proxy/${peerId}/short/thumbnail`);
    expect(thumbnail.body.equals(thumbnailOf('short'))).toBe(true);
  });

  it('are looked after again where they go away right after they were looked after', async () => {
    await using fake = await startFakePeer();
    fake.put('short');
    const peerId = await pairWith(fake);
    await eventually('its listing', async () => (await rowsOf(peerId)).peer.lastSuccessAt !== null);
    const pulls = (): number => fake.requests.filter((line) => line === `GET ${FEED}`).length;
    const before = pulls();
    expect((await home.get(`/federation/proxy/${peerId}/short/preview`)).status).toBe(404);
    // What is listed and not there is a reason to look, and the peer is found to be well.
    fake.misbehave = async (asked, honest) =>
      asked.path.endsWith('/short/original') ? fake.json(404, { code: 'not-found' }) : honest();
    expect((await home.get(`/federation/proxy/${peerId}/short/original`)).status).not.toBe(200);
    await eventually('the look', async () => pulls() > before);
    await eventually('its end', async () => (await rowsOf(peerId)).peer.health === 'ONLINE');
    await fake.goDown();
    expect((await home.get(`/federation/proxy/${peerId}/short/original`)).status).toBe(503);
    await eventually('that it is away', async () => (await rowsOf(peerId)).peer.health === 'OFFLINE');
  });

  it.each<[string, (reply: Reply, asked: Asked) => Reply]>([
    [
      'the list of segments is wrong',
      (reply, asked) =>
        asked.path.endsWith('/segments') ? { ...reply, body: Buffer.alloc(reply.body.length) } : reply,
    ],
    [
      'the list of segments is too short',
      (reply, asked) =>
        asked.path.endsWith('/segments') ? { ...reply, body: reply.body.subarray(32) } : reply,
    ],
    [
      'another part is sent than was asked for',
      (reply, asked) =>
        asked.path.endsWith('/segments')
          ? reply
          : {
              ...reply,
              status: 206,
              headers: { 'content-range': `bytes 5-${4 + reply.body.length}/999999999` },
            },
    ],
    [
      'they arrive encoded',
      (reply, asked) =>
        asked.path.endsWith('/segments')
          ? reply
          : {
              ...reply,
              headers: { ...reply.headers, 'content-encoding': 'gzip' },
              body: gzipSync(reply.body),
            },
    ],
    [
      'they arrive encoded, and go on long after that is known',
      (reply, asked) =>
        asked.path.endsWith('/segments')
          ? reply
          : {
              ...reply,
              headers: { ...reply.headers, 'content-encoding': 'gzip' },
              body: Buffer.alloc(8_000_000),
            },
    ],
    [
      'they are fewer than announced',
      (reply, asked) =>
        asked.path.endsWith('/segments') ? reply : { ...reply, body: reply.body.subarray(0, 1000) },
    ],
    [
      'there are none',
      (reply, asked) => (asked.path.endsWith('/segments') ? reply : { ...reply, body: Buffer.alloc(0) }),
    ],
  ])('are not given where %s', async (_name, spoil) => {
    await using fake = await startFakePeer();
    const content = Buffer.alloc(SEGMENT_BYTES + 1000, 'hedge');
    fake.put(
      'film',
      { kind: 'video', mimeType: 'video/mp4', ...describeFile(content) },
      { original: content },
    );
    fake.misbehave = async (asked, honest) => {
      const reply = await honest();
      return asked.path.includes('/film/original') ? spoil(reply, asked) : reply;
    };
    const peerId = await pairWith(fake);
    await settled(home, peerId);
    const answer = await home.get(`/federation/proxy/${peerId}/film/original`).catch(() => null);
    if (answer !== null) {
      expect(answer.status).toBeGreaterThanOrEqual(502);
      expect(answer.body.includes('hedgehedge')).toBe(false);
    }
    await unharmed();
    fake.misbehave = null;
    expect((await home.get(`/federation/proxy/${peerId}/film/original`)).body.equals(content)).toBe(true);
  });

  it('longer than announced are refused', async () => {
    await using fake = await startFakePeer();
    fake.put('short');
    fake.misbehave = async (asked, honest) => {
      const reply = await honest();
      if (!asked.path.endsWith('/short/original')) return reply;
      return { status: 200, headers: {}, body: Buffer.concat([reply.body, Buffer.alloc(1 << 20, 'evil')]) };
    };
    const peerId = await pairWith(fake);
    await settled(home, peerId);
    const answer = await home.get(`/federation/proxy/${peerId}/short/original`);
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'integrity-failed' });
    expect(answer.body.includes('evil')).toBe(false);
  });

  it('of a peer that has fallen silent are waited for by nobody, and come again when it does', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    let asked = 0;
    fake.misbehave = async ({ path, response }) => {
      if (path.endsWith('/original')) asked += 1;
      response.socket?.destroy();
      return null;
    };
    const ask = () => home.get(`/federation/proxy/${peerId}/two/original`);
    // The third in a row, or the pull that looks after the peer, is enough.
    for (let at = 0; at < 3; at++) expect((await ask()).status).toBe(503);
    const before = asked;
    const answers = await Promise.all(Array.from({ length: 10 }, ask));
    for (const { status, headers } of answers) {
      expect(status).toBe(503);
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(asked).toBe(before);
    await unharmed();
    fake.misbehave = null;
    expect((await refresh(peerId)).health).toBe('ONLINE');
    expect((await ask()).status).toBe(200);
  });

  it('that cannot be had of a paused peer begin no pull', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    const pause = (paused: boolean) =>
      home.query(
        'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code } } }',
        {
          input: { id: peerId, paused },
        },
      );
    await pause(true);
    fake.misbehave = async () => fake.json(503, {});
    expect((await home.get(`/federation/proxy/${peerId}/two/original`)).status).toBe(503);
    fake.misbehave = null;
    await pause(false);
    const pulls = (await refresh(peerId)).operations.pulls.nodes;
    expect(pulls.every(({ state }) => state === 'SUCCEEDED')).toBe(true);
  });

  it('that a peer says are gone remove no item', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    fake.misbehave = async (asked, honest) =>
      asked.path.startsWith(`${FEED}/`) ? fake.json(404, { code: 'not-found' }) : honest();
    expect((await home.get(`/federation/proxy/${peerId}/two/original`)).status).toBeGreaterThanOrEqual(404);
    await refresh(peerId);
    expect((await shown(peerId)).length).toBe(3);
    fake.misbehave = null;
    expect((await home.get(`/federation/proxy/${peerId}/two/original`)).status).toBe(200);
  });
});

describe('a server', () => {
  it('at the address that has another key is believed nothing', async () => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    await using impostor = await startFakePeer();
    impostor.put('two', { title: 'forged' });
    impostor.misbehave = async (asked, honest) =>
      asked.path === FEED ? impostor.signed(asked, 401, { code: 'revoked' }) : honest();
    await home.query(
      'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code } } }',
      { input: { id: peerId, endpoint: impostor.url } },
    );
    for (const _attempt of [1, 2]) {
      const seen = await refresh(peerId);
      expect(seen.operations.pull.error?.code).toBe('PEER_IDENTITY');
      expect(seen.health).toBe('DEGRADED');
      expect((await shown(peerId)).length).toBe(3);
      impostor.misbehave = async (asked, honest) =>
        asked.path === FEED ? impostor.signed(asked, 200, impostor.page(asked.query)) : honest();
    }
    await expect(pairWith(fake, fake.invitation({ url: impostor.url }))).rejects.toThrow('PEER_IDENTITY');
    await home.query(
      'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code } } }',
      { input: { id: peerId, endpoint: fake.url } },
    );
    expect((await refresh(peerId)).health).toBe('ONLINE');
  });

  it.each([
    'http://169.254.169.254',
    'http://0xa9fea9fe:1',
    'http://[fe80::1]',
    'http://[::ffff:169.254.169.254]',
    'http://[fd00:ec2::254]',
    'http://0.0.0.0:1',
    'http://224.0.0.1',
  ])('at %s is never dialled', async (endpoint) => {
    const { fake, peerId } = await threeItems();
    await using _ = fake;
    await expect(pairWith(fake, fake.invitation({ url: endpoint }))).rejects.toThrow(
      'PEER_ADDRESS_FORBIDDEN',
    );
    await home.query(
      'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code } } }',
      { input: { id: peerId, endpoint } },
    );
    expect((await refresh(peerId)).operations.pull.error?.code).toBe('PEER_ADDRESS_FORBIDDEN');
    expect((await shown(peerId)).length).toBe(3);
    await unharmed();
  });
});
