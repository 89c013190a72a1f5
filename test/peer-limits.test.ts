/** What one peer may ask of an instance, and the events that it is told: over real sockets. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { signRequest } from '../src/federation/identity/request-signatures.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { readSlowly } from './support/slow-reader.ts';
import { createWireClient, type Served, serverAt, type WireClient } from './support/wire-client.ts';

const FEED = '/federation/v1/media';
const EVENTS = '/federation/v1/events';

interface Paired {
  wire: WireClient;
  token: string;
  peerId: string;
}

let later = 0;
let garden: Instance;
let served: Served;
let film: string;
beforeAll(async () => {
  garden = await startInstance('Garden', {}, { now: () => Date.now() + later });
  await garden.app.library.importFiles({
    paths: [join(SAMPLES, 'garden'), join(SAMPLES, 'coast')],
    visibility: 'PEERS',
  });
  served = await serverAt(garden.url);
  const row = await garden.app.database.prisma.item.findFirstOrThrow({ where: { mimeType: 'video/mp4' } });
  film = `${FEED}/${row.id}/original`;
});
afterAll(() => garden?.[Symbol.asyncDispose]());
afterEach(() => {
  later = 0;
});

async function paired(): Promise<Paired> {
  const wire = createWireClient();
  const { createInvitation } = await garden.query<{ createInvitation: { code: string } }>(
    'mutation { createInvitation(input: {}) { code } }',
  );
  const answer = await wire.redeem(served, createInvitation.code);
  const row = await garden.app.database.prisma.peer.findFirstOrThrow({
    where: { thumbprint: wire.key.thumbprint },
  });
  return { wire, token: answer.body.credential.token, peerId: row.id };
}

const now = () => new Date(Date.now() + later);
const ask = ({ wire, token }: Paired, path = FEED) => wire.ask(served, token, path, { now: now() });

function stream({ wire, token }: Paired, path: string, every = 0) {
  const fields = signRequest(
    { method: 'GET', target: path },
    { key: wire.key, now: now(), receiver: served.key.thumbprint, token },
  );
  return readSlowly(new URL(path, garden.url), fields, every);
}

async function limit(peer: Paired, limits: Record<string, unknown>) {
  const { updatePeer } = await garden.query<{
    updatePeer: {
      peer: { operations: { serve: { limits: Record<string, unknown> } } } | null;
      userErrors: { code: string; field: string[]; message: string }[];
    };
  }>(
    `mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) {
      peer { operations { serve { limits { requestsPerMinute bytesPerSecond concurrentStreams } } } }
      userErrors { code field message } } }`,
    { input: { id: peer.peerId, limits } },
  );
  return { set: updatePeer.peer?.operations.serve.limits, errors: updatePeer.userErrors };
}

describe('the limit of requests', () => {
  it('refuses with a signed 429 and a time, counts nobody else, and is changed at once', async () => {
    const [peer, other] = [await paired(), await paired()];
    await limit(peer, { requestsPerMinute: 5 });
    const answers = [];
    for (let index = 0; index < 8; index++) answers.push(await ask(peer, '/federation/v1/status'));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    const refused = answers.at(-1);
    expect(refused).toMatchObject({ verdict: 'signed', body: { code: 'rate-limited', status: 429 } });
    expect(refused?.body.retryAfter).toBeGreaterThanOrEqual(1);
    expect(refused?.body.retryAfter).toBeLessThanOrEqual(12);
    expect(refused?.headers['retry-after']).toBe(String(refused?.body.retryAfter));
    // The same address, another peer, and users.
    expect((await ask(other)).status).toBe(200);
    expect((await garden.get(film.replace('/federation/v1', ''))).status).toBe(200);
    // One line of it in the audit, not three.
    const noted = await garden.app.database.prisma.auditEvent.findMany({
      where: { peerId: peer.peerId, code: 'RATE_LIMITED' },
    });
    expect(noted).toMatchObject([{ outcome: 'refused', actorKind: 'PEER' }]);

    later += refused?.body.retryAfter * 1000;
    expect((await ask(peer)).status).toBe(200);
    expect((await ask(peer)).status).toBe(429);
    await limit(peer, { requestsPerMinute: null });
    later += 1_000;
    expect((await ask(peer)).status).toBe(200);
  });

  it('counts nothing that the peer has not signed', async () => {
    const peer = await paired();
    const stranger = createWireClient();
    await limit(peer, { requestsPerMinute: 5 });
    for (let index = 0; index < 20; index++) {
      expect((await stranger.ask(served, peer.token, FEED, { now: now() })).status).toBe(401);
    }
    expect((await ask(peer)).status).toBe(200);
  });

  it('is shown and checked', async () => {
    const peer = await paired();
    expect((await limit(peer, {})).set).toEqual({
      requestsPerMinute: 30_000,
      bytesPerSecond: null,
      concurrentStreams: 64,
    });
    expect((await limit(peer, { requestsPerMinute: 100, bytesPerSecond: '5000000000' })).set).toEqual({
      requestsPerMinute: 100,
      bytesPerSecond: '5000000000',
      concurrentStreams: 64,
    });
    expect((await limit(peer, { bytesPerSecond: null, concurrentStreams: 3 })).set).toEqual({
      requestsPerMinute: 100,
      bytesPerSecond: null,
      concurrentStreams: 3,
    });
    for (const [name, value] of [
      ['requestsPerMinute', 0],
      ['bytesPerSecond', '10'],
      ['concurrentStreams', -1],
    ]) {
      const { errors } = await limit(peer, { [String(name)]: value });
      expect(errors).toMatchObject([{ code: 'INVALID', field: ['limits', name] }]);
    }
  });
});

describe('the limit of streams', () => {
  it('refuses one too many, and gives the place back when one has ended or gone', async () => {
    const [peer, other] = [await paired(), await paired()];
    await limit(peer, { concurrentStreams: 2, bytesPerSecond: '20000' });
    const [one, two] = [await stream(peer, film), await stream(peer, film)];
    const third = await ask(peer, film);
    expect(third).toMatchObject({ status: 429, verdict: 'signed', body: { code: 'rate-limited' } });
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(0);
    // The feed is no stream, and another peer has places of its own.
    expect((await ask(peer)).status).toBe(200);
    const free = await stream(other, film);
    expect(free.status).toBe(200);
    one.leave();
    await eventually('the place', async () => {
      const again = await stream(peer, film);
      if (again.status !== 200) return false;
      again.leave();
      return true;
    });
    two.leave();
    expect((await free.ended).how).toBe('whole');
  });
});

describe('the limit of bytes', () => {
  it('paces all streams of a peer together, and nobody else; a change holds for what runs', async () => {
    const [peer, other] = [await paired(), await paired()];
    await limit(peer, { bytesPerSecond: '200000' });
    const begun = Date.now();
    const streams = [await stream(peer, film), await stream(peer, film)];
    const fast = await stream(other, film);
    expect((await fast.ended).at - begun).toBeLessThan(3_000);
    await eventually('a second and a half', async () => Date.now() - begun > 1_500);
    const received = streams.reduce((sum, { received }) => sum + received, 0);
    const elapsed = (Date.now() - begun) / 1000;
    expect(received).toBeLessThanOrEqual(200_000 * elapsed + 25_000 + 131_072);
    expect(received).toBeGreaterThan(100_000);
    // Both get their share.
    for (const each of streams) expect(each.received).toBeGreaterThan(received / 4);
    await limit(peer, { bytesPerSecond: null });
    for (const each of streams) expect((await each.ended).how).toBe('whole');
    expect(streams[0]?.received).toBe(1_232_221);
  });

  it('also paces what is answered from memory', async () => {
    const peer = await paired();
    const row = await garden.app.database.prisma.item.findFirstOrThrow({ where: { mimeType: 'image/webp' } });
    const small = `${FEED}/${row.id}/original`;
    // Now it is in memory.
    const whole = await ask(peer, small);
    await limit(peer, { bytesPerSecond: '10000' });
    const begun = Date.now();
    const answer = await stream(peer, small);
    expect((await answer.ended).how).toBe('whole');
    expect(answer.received).toBe(whole.bytes.length);
    expect(Date.now() - begun).toBeGreaterThan((answer.received / 10_000) * 1000 - 300);
  });
});

describe('a puller under tight limits', () => {
  it('loses no thumbnail and no segment by them', async () => {
    await using coast = await startInstance('Coast');
    const peerId = await pair(garden, coast);
    const row = await garden.app.database.prisma.peer.findFirstOrThrow({ orderBy: { key: 'desc' } });
    await limit({ peerId: row.id } as Paired, { requestsPerMinute: 120, concurrentStreams: 1 });
    await settled(coast, peerId);
    const { prisma } = coast.app.database;
    const items = await prisma.item.count({ where: { source: { gt: 0 } } });
    expect(items).toBeGreaterThan(12);
    const { media } = await coast.query<{ media: { nodes: { id: string }[] } }>(
      '{ media(origin: REMOTE, filter: {kinds: [VIDEO]}) { nodes { id } } }',
    );
    const answers = await Promise.all(
      media.nodes.flatMap(({ id }) =>
        [0, 300_000].map((from) =>
          coast.get(`/media/${id}/original`, { range: `bytes=${from}-${from + 99}` }),
        ),
      ),
    );
    // A file shorter than that has no such part; all others came, if later.
    for (const { status, body } of answers) {
      expect([206, 416, 503]).toContain(status);
      if (status === 503) expect(JSON.parse(body.toString()).retryAfter).toBeGreaterThan(0);
    }
    expect(answers.filter(({ status }) => status === 206).length).toBeGreaterThan(0);
    await eventually(
      'every thumbnail',
      async () => (await prisma.item.count({ where: { thumbState: 2 } })) === items,
      50_000,
    );
    expect(await prisma.item.count({ where: { thumbState: 3 } })).toBe(0);
  });
});

describe('the stream of events', () => {
  const changes = (text: string) => text.split('event: changed\ndata: {}\n\n').length - 1;

  async function import_(visibility: 'PEERS' | 'INSTANCE' | 'PRIVATE', paths: string[]) {
    const before = await garden.app.database.prisma.item.count();
    await garden.app.library.importFiles({ paths, visibility });
    expect(await garden.app.database.prisma.item.count()).toBeGreaterThan(before);
  }

  it('says what it is, that something changed, once for many changes, and nothing of what is not shared', async () => {
    const peer = await paired();
    const events = await stream(peer, EVENTS);
    expect(events).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'text/event-stream',
        'x-accel-buffering': 'no',
        'cache-control': 'private, no-transform',
      },
    });
    await eventually('a sign of life', async () => events.text === ': heartbeat\n\n');
    await import_('INSTANCE', [join(SAMPLES, 'formats/clip.mov')]);
    const { id } = await garden.app.database.prisma.item.findFirstOrThrow({
      where: { filename: 'clip.mov' },
    });
    // What is not shared is nobody's business; a look has passed for certain when the next one has told something.
    await import_('PEERS', [join(SAMPLES, 'formats/clip.mkv'), join(SAMPLES, 'formats/upright.mp4')]);
    await eventually('the change', async () => changes(events.text) > 0);
    const seen = changes(events.text);
    expect(seen).toBeLessThanOrEqual(2);
    await garden.query(
      'mutation ($id: ID!) { updateMedia(input: {id: $id, title: "Changed"}) { userErrors { code } } }',
      { id },
    );
    await garden.query(
      'mutation ($id: ID!) { setVisibility(input: {ids: [$id], visibility: PEERS}) { userErrors { code } } }',
      { id },
    );
    await eventually('the next change', async () => changes(events.text) === seen + 1);
    events.leave();
  });

  it('is alive every 20 s, ends after an hour, and is two at most', async () => {
    const peer = await paired();
    const [one, two] = [await stream(peer, EVENTS), await stream(peer, EVENTS)];
    expect(await ask(peer, EVENTS)).toMatchObject({
      status: 429,
      verdict: 'signed',
      body: { code: 'rate-limited' },
    });
    later += 20_000;
    await eventually('a sign of life', async () => one.text === ': heartbeat\n\n'.repeat(2));
    two.leave();
    await eventually('the place', async () => {
      const again = await stream(peer, EVENTS);
      again.leave();
      return again.status === 200;
    });
    later += 3600_000;
    expect((await one.ended).how).toBe('whole');
    expect(one.text).not.toContain('ended');
  });

  it('ends with the pair, and says why', async () => {
    const [revoked, ran, told] = [await paired(), await paired(), await paired()];
    const streams = await Promise.all([revoked, ran, told].map((peer) => stream(peer, EVENTS)));
    // The film is short, so that it takes a limit to keep its bytes here.
    for (const peer of [revoked, ran]) await limit(peer, { bytesPerSecond: '10000' });
    const [bytes, paced] = [await stream(revoked, film), await stream(ran, film)];
    const begun = Date.now();
    await garden.query('mutation ($id: ID!) { revokePeer(input: {id: $id}) { userErrors { code } } }', {
      id: revoked.peerId,
    });
    const { prisma } = garden.app.database;
    const { serveGrant } = await prisma.peer.findUniqueOrThrow({ where: { id: ran.peerId } });
    await prisma.peer.update({
      where: { id: ran.peerId },
      data: { serveGrant: JSON.stringify({ ...JSON.parse(serveGrant ?? ''), until: now().toISOString() }) },
    });
    expect(
      (await told.wire.ask(served, told.token, '/federation/v1/pairing', { method: 'DELETE', now: now() }))
        .status,
    ).toBe(200);
    const codes = ['revoked', 'grant-ended', 'revoked'];
    for (const [index, each] of streams.entries()) {
      const { how, at } = await each.ended;
      expect(how).toBe('whole');
      expect(at - begun).toBeLessThan(5_000);
      expect(each.text).toContain(`event: ended\ndata: {"code":"${codes[index]}"}\n\n`);
    }
    for (const each of [bytes, paced]) {
      const { how, at } = await each.ended;
      expect(how).toBe('cut');
      expect(at - begun).toBeLessThan(5_000);
    }
    expect(await ask(revoked)).toMatchObject({ status: 401, verdict: 'signed', body: { code: 'revoked' } });
    expect(await ask(ran, EVENTS)).toMatchObject({
      status: 403,
      verdict: 'signed',
      body: { code: 'grant-ended' },
    });
  });

  it('keeps no server from stopping', async () => {
    await using other = await startInstance('Coast');
    const wire = createWireClient();
    const { createInvitation } = await other.query<{ createInvitation: { code: string } }>(
      'mutation { createInvitation(input: {}) { code } }',
    );
    const at = await serverAt(other.url);
    const answer = await wire.redeem(at, createInvitation.code);
    const fields = signRequest(
      { method: 'GET', target: EVENTS },
      {
        key: wire.key,
        now: new Date(),
        receiver: at.key.thumbprint,
        token: answer.body.credential.token,
      },
    );
    const events = await readSlowly(new URL(EVENTS, other.url), fields);
    expect(events.status).toBe(200);
    const begun = Date.now();
    await other.stop();
    expect(Date.now() - begun).toBeLessThan(5_000);
    expect((await events.ended).how).toBe('whole');
  });
});
