/** What ends with a pairing, how soon, and what is left of it: between real instances, on both databases. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request as undiciRequest } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadMasterKey } from '../src/config/master-key.ts';
import { generatePeerToken, sealPeerToken } from '../src/federation/credentials.ts';
import type { BlobEntry } from '../src/storage/blob-store.ts';
import { newPostgresUrl } from './support/databases.ts';
import { type FakePeer, startFakePeer } from './support/fake-peer.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { endWithin, writeLongFilm } from './support/long-film.ts';
import { readSlowly } from './support/slow-reader.ts';
import { createWireClient, serverAt } from './support/wire-client.ts';

const ADMIN = { authorization: 'Bearer test-admin-token-of-thirty-two-characters' };
const DAY = 24 * 3600_000;
const DIALECTS = ['sqlite', 'postgresql'] as const;

const REVOKE = `mutation ($id: ID!, $keep: Boolean!) {
  revokePeer(input: {id: $id, keepCached: $keep}) { peer { status } userErrors { code } } }`;
const revoke = (instance: Instance, id: string, keep = false) => instance.query(REVOKE, { id, keep });

let film: string;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-film-'));
  film = join(folder, 'long-waves.mp4');
  await writeLongFilm(film, 50_000_000);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});
const keep = <T extends AsyncDisposable>(each: T): T => {
  open.push(each);
  return each;
};

async function instance(
  name: string,
  dialect: 'sqlite' | 'postgresql' = 'sqlite',
  overrides: Parameters<typeof startInstance>[2] = {},
  settings: Record<string, string> = {},
): Promise<Instance> {
  const database = dialect === 'sqlite' ? {} : { HEDGEROW_DATABASE_URL: await newPostgresUrl() };
  return keep(await startInstance(name, { ...database, ...settings }, overrides));
}

/** A shares a film, B has listed it. */
async function filmPair(dialect: 'sqlite' | 'postgresql' = 'sqlite') {
  const a = await instance('Garden');
  const b = await instance('Coast', dialect);
  await a.app.library.importFiles({ paths: [film], visibility: 'PEERS' });
  const peerId = await pair(a, b);
  await settled(b, peerId);
  const [item] = await remoteItems(b);
  return { a, b, peerId, url: new URL(`/media/${item?.id}/original`, b.url) };
}

interface Shown {
  id: string;
  title: string;
}
async function remoteItems(instance: Instance): Promise<Shown[]> {
  const { media } = await instance.query<{ media: { nodes: Shown[] } }>(
    '{ media(origin: REMOTE, first: 500) { nodes { id title } } }',
  );
  return media.nodes;
}

/** The id under which an instance knows its only peer that is not revoked, or was last made. */
async function peerRow(instance: Instance) {
  return instance.app.database.prisma.peer.findFirstOrThrow({ orderBy: { key: 'desc' } });
}

async function blobs(instance: Instance): Promise<BlobEntry[]> {
  const found: BlobEntry[] = [];
  for await (const blob of instance.app.store.list('cache/')) found.push(blob);
  return found;
}

async function leftOf(instance: Instance, peerKey: number) {
  const { prisma } = instance.app.database;
  const contents = new Set((await prisma.cachedFile.findMany()).map(({ content }) => content));
  return {
    items: await prisma.item.count({ where: { source: peerKey } }),
    skipped: await prisma.skippedItem.count({ where: { source: peerKey } }),
    files: await prisma.cachedFile.count({ where: { source: peerKey } }),
    // Those that no row of any peer needs.
    blobs: (await blobs(instance)).filter(({ key }) => !contents.has(key.split('/').slice(1, 3).join('/')))
      .length,
    running: await prisma.pull.count({ where: { peerKey, state: { in: ['QUEUED', 'RUNNING'] } } }),
  };
}
const NOTHING = { items: 0, skipped: 0, files: 0, blobs: 0, running: 0 };

async function audited(instance: Instance, action: string) {
  return instance.app.database.prisma.auditEvent.findMany({ where: { action } });
}

describe('a running stream', () => {
  it('is cut on both paths within 5 s where the serving side revokes', async () => {
    const { a, b, url } = await filmPair();
    const reader = await readSlowly(url, ADMIN, 100);
    expect(reader.status).toBe(200);
    await eventually('some bytes', async () => reader.received > 500_000);
    await revoke(a, (await peerRow(a)).id);
    expect(await endWithin(5_000, reader)).toBe('cut');
    expect(reader.received).toBeLessThan(49_000_000);
    // What had arrived before is not served any more either.
    expect((await b.get(url.pathname)).status).toBe(404);
    expect((await b.get(url.pathname, { range: 'bytes=0-99' })).status).toBe(404);
    expect(await remoteItems(b)).toEqual([]);
    expect((await peerRow(b)).hiddenSince).not.toBeNull();
    await expect.poll(() => audited(b, 'peer.revoked-by-them')).toHaveLength(1);
  });

  it.each(DIALECTS)(
    'is cut within 5 s where this side revokes, also where all of it is on our own disk (%s)',
    async (dialect) => {
      const { b, a, peerId, url } = await filmPair(dialect);
      const fresh = await readSlowly(url, ADMIN, 100);
      await eventually('some bytes', async () => fresh.received > 500_000);
      expect((await b.get(url.pathname)).status).toBe(200);
      await b.app.delivery.flush();
      const cached = await readSlowly(url, ADMIN, 100);
      expect(cached.headers['cache-status']).toContain('hit');
      await eventually('some bytes', async () => cached.received > 500_000);
      // A reader that takes nothing at all is cut as well; it notices when it reads on.
      const resting = await readSlowly(url, ADMIN, 100);
      resting.pause();

      await revoke(b, peerId);
      expect((await b.get(url.pathname)).status).toBe(404);
      for (const reader of [fresh, cached]) {
        expect(await endWithin(5_000, reader)).toBe('cut');
      }
      const { key, status } = await peerRow(b);
      expect(status).toBe('REVOKED');
      await eventually('nothing left', async () => {
        const left = await leftOf(b, key);
        return JSON.stringify(left) === JSON.stringify(NOTHING) && left;
      });
      resting.leave();
      // The other side learns it by the notice, and ends its own direction.
      await eventually('the notice', async () => (await peerRow(a)).status === 'REVOKED');
    },
  );

  it('is cut where another process on the same database revokes', async () => {
    const database = await newPostgresUrl();
    const shared = await mkdtemp(join(tmpdir(), 'hedgerow-shared-'));
    const settings = {
      HEDGEROW_DATABASE_URL: database,
      HEDGEROW_MASTER_KEY: Buffer.alloc(32, 7).toString('base64url'),
      HEDGEROW_STORAGE_URL: `file:${shared}`,
    };
    try {
      const garden = await instance('Garden');
      await garden.app.library.importFiles({ paths: [film], visibility: 'PEERS' });
      const one = await instance('Coast', 'sqlite', {}, settings);
      const peerId = await pair(garden, one);
      await settled(one, peerId);
      const [item] = await remoteItems(one);
      const two = await instance('Coast', 'sqlite', {}, settings);
      const reader = await readSlowly(new URL(`/media/${item?.id}/original`, two.url), ADMIN, 100);
      expect(reader.status).toBe(200);
      await eventually('some bytes', async () => reader.received > 500_000);
      await revoke(one, peerId);
      expect((await two.get(`/media/${item?.id}/original`)).status).toBe(404);
      expect(await endWithin(5_000, reader)).toBe('cut');
    } finally {
      await rm(shared, { recursive: true, force: true });
    }
  });

  it('to a peer is cut when its grant runs out by the clock, and the peer hides and purges', async () => {
    let later = 0;
    const clock = { now: () => Date.now() + later };
    const a = await instance('Garden', 'sqlite', clock);
    const b = await instance('Coast', 'sqlite', clock);
    await a.app.library.importFiles({ paths: [film, join(SAMPLES, 'garden')], visibility: 'PEERS' });
    const peerId = await pair(a, b);
    await settled(b, peerId);
    const { key } = await peerRow(b);
    const items = await remoteItems(b);
    const long = items.find(({ title }) => /waves/i.test(title));
    const url = new URL(`/media/${long?.id}/original`, b.url);
    const reader = await readSlowly(url, ADMIN, 100);
    await eventually('some bytes', async () => reader.received > 500_000);
    const row = await peerRow(a);
    await a.app.database.prisma.peer.update({
      where: { key: row.key },
      data: {
        serveGrant: JSON.stringify({
          ...JSON.parse(row.serveGrant ?? '{}'),
          until: new Date(Date.now() + 1_000).toISOString(),
        }),
      },
    });
    // A second until then, five to be cut, and one for the look.
    expect(await endWithin(7_000, reader)).toBe('cut');
    await settled(b, peerId, 'AUTH_FAILED');
    expect(await peerRow(b)).toMatchObject({ errorCode: 'GRANT_ENDED', status: 'ACTIVE' });
    expect((await b.get(url.pathname)).status).toBe(404);

    // Hidden for a day, with all that was kept; and then gone.
    later = DAY - 60_000;
    await b.stop();
    await b.start();
    expect((await leftOf(b, key)).items).toBe(items.length);
    expect(await remoteItems(b)).toEqual([]);
    later = DAY + 120_000;
    await b.stop();
    await b.start();
    await eventually('the purge', async () => (await leftOf(b, key)).items === 0);
    expect(await leftOf(b, key)).toMatchObject({ items: 0, files: 0, blobs: 0 });
  });
});

describe('a refusal that nobody has signed', () => {
  it.each([401, 403])('of %i hides nothing and cuts nothing', async (status) => {
    const fake = keep(await startFakePeer());
    fake.put('one');
    const b = await instance('Coast');
    const peerId = await pairWith(fake, b);
    await settled(b, peerId);
    fake.misbehave = async (asked, honest) =>
      asked.path.startsWith('/federation/v1/media')
        ? fake.json(status, { code: status === 401 ? 'revoked' : 'grant-ended' })
        : honest();
    await refresh(b, peerId);
    await settled(b, peerId, 'DEGRADED');
    expect((await peerRow(b)).hiddenSince).toBeNull();
    expect(await remoteItems(b)).toHaveLength(1);
    expect(await audited(b, 'peer.revoked-by-them')).toEqual([]);
  });
});

describe('a revocation that a crash has parted', () => {
  it.each(DIALECTS)('serves nothing afterwards, and is completed (%s)', async (dialect) => {
    const a = await instance('Garden');
    const b = await instance('Coast', dialect);
    await a.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
    // Of whichever start is the present one.
    const prisma = () => b.app.database.prisma;
    /** Paired and cached, and then revoked as far as `step` does it before the process ends. */
    const parted = async (step: (key: number) => Promise<unknown>): Promise<void> => {
      const peerId = await pair(a, b);
      await settled(b, peerId);
      const items = await remoteItems(b);
      expect(items.length).toBeGreaterThan(0);
      for (const { id } of items) expect((await b.get(`/media/${id}/original`)).status).toBe(200);
      await b.app.delivery.flush();
      const { key } = await peerRow(b);
      await b.app.database.prisma.peer.update({
        where: { key },
        data: { status: 'REVOKED', revokedAt: new Date(), nextAttemptAt: null, sealedToken: null },
      });
      for (const { id } of items) expect((await b.get(`/media/${id}/original`)).status).toBe(404);
      await step(key);
      await b.stop();
      await b.start();
      for (const { id } of items) expect((await b.get(`/media/${id}/original`)).status).toBe(404);
      await eventually('the rest of it', async () => {
        const left = await leftOf(b, key);
        return JSON.stringify(left) === JSON.stringify(NOTHING);
      });
      expect(await b.app.database.prisma.peer.findUnique({ where: { key } })).toMatchObject({
        itemCount: 0,
        status: 'REVOKED',
      });
    };
    await parted(async () => {});
    await parted((key) => prisma().cachedFile.deleteMany({ where: { source: key } }));
    await parted(async (key) => b.app.delivery.purgePeer(key));
    await parted(async (key) => {
      const some = await prisma().item.findMany({ where: { source: key }, take: 3, select: { key: true } });
      await prisma().item.deleteMany({ where: { key: { in: some.map((item) => item.key) } } });
    });
    // The count was written down, the last items were not removed.
    await parted((key) => b.app.database.prisma.peer.update({ where: { key }, data: { itemCount: 0 } }));
  });
});

/** A proxy in front of an instance that drops what a test tells it to. */
async function relayTo(
  target: () => string,
  lose: (request: IncomingMessage) => 'request' | 'answer' | null,
): Promise<{ url: string } & AsyncDisposable> {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const lost = lose(request);
      if (lost === 'request') {
        request.socket.destroy();
        return;
      }
      try {
        const headers: string[] = [];
        for (let at = 0; at < request.rawHeaders.length; at += 2) {
          const [name = '', value = ''] = request.rawHeaders.slice(at, at + 2);
          if (!/^(host|connection|content-length|transfer-encoding)$/i.test(name)) headers.push(name, value);
        }
        const answer = await undiciRequest(`${target()}${request.url}`, {
          method: request.method as 'GET',
          headers,
          body: chunks.length > 0 ? Buffer.concat(chunks) : null,
        });
        const body = Buffer.from(await answer.body.arrayBuffer());
        if (lost === 'answer') request.socket.destroy();
        else response.writeHead(answer.statusCode, answer.headers as Record<string, string>).end(body);
      } catch {
        request.socket.destroy();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return keep({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

const isNotice = (request: IncomingMessage) =>
  request.method === 'DELETE' && request.url === '/federation/v1/pairing';

describe('the notice', () => {
  /** Both pull from each other; B reaches A through a relay that loses notices. */
  async function mutual(
    lose: () => 'request' | 'answer' | null,
    overrides: Parameters<typeof startInstance>[2] = {},
    dialect: 'sqlite' | 'postgresql' = 'sqlite',
  ) {
    const a = await instance('Garden', dialect, overrides);
    const b = await instance('Coast', dialect, { noticeDelay: () => 20, ...overrides });
    await a.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
    await b.app.library.importFiles({ paths: [join(SAMPLES, 'coast')], visibility: 'PEERS' });
    let notices = 0;
    const relay = await relayTo(
      () => a.url,
      (request) => {
        if (!isNotice(request)) return null;
        notices += 1;
        return lose();
      },
    );
    const atB = await pair(a, b);
    await settled(b, atB);
    const atA = await pair(b, a);
    await settled(a, atA);
    await b.query(
      'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code } } }',
      {
        input: { id: atB, endpoint: relay.url },
      },
    );
    await settled(b, atB);
    return { a, b, atA, atB, notices: () => notices };
  }

  it.each(DIALECTS)('arrives although it is lost ten times, and over a restart (%s)', async (dialect) => {
    let lost = 0;
    let losing = true;
    const { a, b, atA, atB, notices } = await mutual(
      () => {
        if (!losing && lost >= 10) return null;
        lost += 1;
        return 'request';
      },
      {},
      dialect,
    );
    const shownBefore = await remoteItems(a);
    expect(shownBefore.length).toBeGreaterThan(0);
    await revoke(b, atB);
    await eventually('a few losses', async () => lost >= 4);
    const waiting = await peerRow(b);
    expect(waiting.noticeUntil).not.toBeNull();
    expect(waiting.sealedToken).not.toBeNull();
    await b.stop();
    await b.start();
    losing = false;
    await eventually('the arrival', async () => (await peerRow(b)).noticeUntil === null);
    expect(notices()).toBeGreaterThanOrEqual(11);
    // What was kept only for that purpose is gone.
    expect(await peerRow(b)).toMatchObject({ sealedToken: null, sealedNextToken: null });
    // Written down after the row that was waited for.
    await eventually('the audit', async () => (await audited(b, 'notice.sent')).length > 0);
    expect(await audited(b, 'notice.sent')).toMatchObject([{ outcome: 'done', peerId: atB }]);

    // There both directions are over, and hidden at once.
    const row = await peerRow(a);
    expect(row).toMatchObject({
      id: atA,
      status: 'REVOKED',
      errorCode: 'REVOKED',
      errorMessage: 'The other server ended the pairing.',
      sealedToken: null,
      noticeUntil: null,
    });
    expect(row.hiddenSince).not.toBeNull();
    expect(await a.app.database.prisma.peerCredential.count({ where: { endedAt: null } })).toBe(0);
    await expect.poll(() => audited(a, 'peer.revoked-by-them')).toHaveLength(1);
    expect(await remoteItems(a)).toEqual([]);
    for (const { id } of shownBefore) expect((await a.get(`/media/${id}/original`)).status).toBe(404);
    expect((await leftOf(a, row.key)).items).toBe(shownBefore.length);
  });

  it('whose answer is lost is understood by the answer to the next', async () => {
    let lost = 0;
    const { a, b, atB } = await mutual(() => {
      lost += 1;
      return lost <= 3 ? 'answer' : null;
    });
    await revoke(b, atB);
    await eventually('the arrival', async () => (await peerRow(b)).noticeUntil === null);
    // Told after it is done.
    await expect.poll(() => audited(b, 'notice.sent')).toHaveLength(1);
    await expect.poll(() => audited(a, 'peer.revoked-by-them')).toHaveLength(1);
  });

  it('is given up after a day, with what was kept for it; and what they took back goes after a day too', async () => {
    let later = 0;
    const { a, b, atB } = await mutual(() => (later === 0 ? 'request' : null), {
      now: () => Date.now() + later,
    });
    const row = await peerRow(b);
    await revoke(b, atB);
    await eventually('a first attempt', async () => (await peerRow(b)).noticeUntil !== null);
    later = DAY + 60_000;
    await eventually('giving up', async () => (await peerRow(b)).noticeUntil === null);
    expect(await peerRow(b)).toMatchObject({ sealedToken: null });
    await expect.poll(() => audited(b, 'notice.failed')).toMatchObject([{ outcome: 'failed', peerId: atB }]);
    // It was never needed: A is told when it asks.
    expect((await peerRow(a)).status).toBe('ACTIVE');
    await a.query('mutation { refreshPeer(input: {}) { userErrors { code } } }');
    const atA = await peerRow(a);
    await settled(a, atA.id, 'AUTH_FAILED');
    expect(await remoteItems(a)).toEqual([]);
    expect((await leftOf(a, atA.key)).items).toBeGreaterThan(0);
    later += DAY + 60_000;
    await a.stop();
    await a.start();
    await eventually('the purge', async () => (await leftOf(a, atA.key)).items === 0);
    expect(await leftOf(b, row.key)).toEqual(NOTHING);
  });

  it('is sent with whichever credential is in use, where one was being renewed', async () => {
    const { a, b, atB } = await mutual(() => null);
    const { prisma } = b.app.database;
    const { sealedToken } = await prisma.peer.findUniqueOrThrow({ where: { id: atB } });
    const masterKey = await loadMasterKey(join(b.folder, 'data'), null, { make: false });
    const unused = sealPeerToken(masterKey, atB, generatePeerToken());
    await prisma.peer.update({ where: { id: atB }, data: { sealedToken, sealedNextToken: unused } });
    await revoke(b, atB);
    await eventually('the arrival', async () => (await peerRow(a)).status === 'REVOKED');
    await eventually('its end', async () => (await peerRow(b)).noticeUntil === null);
    expect(await peerRow(b)).toMatchObject({ sealedToken: null, sealedNextToken: null });
  });

  it('of a former pairing does not end a new one', async () => {
    let losing = true;
    const { a, b, atB, notices } = await mutual(() => (losing ? 'request' : null));
    await revoke(b, atB);
    await eventually('a loss', async () => notices() > 0);
    const again = await pair(a, b);
    expect(again).not.toBe(atB);
    losing = false;
    await settled(b, again);
    await eventually('the end of the notice', async () => {
      const old = await b.app.database.prisma.peer.findUniqueOrThrow({ where: { id: atB } });
      return old.noticeUntil === null && old.sealedToken === null;
    });
    expect((await peerRow(a)).status).toBe('ACTIVE');
    expect((await remoteItems(b)).length).toBeGreaterThan(0);
    // The former row stays as history, with its pulls.
    const { peers } = await b.query<{ peers: { nodes: { id: string; status: string }[] } }>(
      '{ peers(status: [ACTIVE, PAUSED, REVOKED]) { nodes { id status } } }',
    );
    expect(peers.nodes).toEqual([
      { id: atB, status: 'REVOKED' },
      { id: again, status: 'ACTIVE' },
    ]);
    const { node } = await b.query<{
      node: { operations: { pulls: { totalCount: number; nodes: unknown[] } } };
    }>('query ($id: ID!) { node(id: $id) { ... on Peer { operations { pulls { nodes { id } } } } } }', {
      id: atB,
    });
    expect(node.operations.pulls.nodes.length).toBeGreaterThan(0);
  });

  it('counts only where it is signed by the peer, and again it changes nothing', async () => {
    const a = await instance('Garden');
    const wire = createWireClient();
    const stranger = createWireClient();
    const served = await serverAt(a.url);
    const token = await invited(a, wire);
    const ask = (key = wire.key) =>
      wire.ask(served, token, '/federation/v1/pairing', { method: 'DELETE', key });
    expect(await ask(stranger.key)).toMatchObject({ status: 401 });
    expect(await peerRow(a)).toMatchObject({ status: 'ACTIVE', hiddenSince: null });
    // Ending a pairing is no part of the grant.
    await a.app.database.prisma.peer.updateMany({
      data: {
        serveGrant: JSON.stringify({
          kinds: null,
          tags: null,
          albums: null,
          access: 'originals',
          until: '2020-01-01T00:00:00Z',
        }),
      },
    });
    expect((await wire.ask(served, token, '/federation/v1/media')).body.code).toBe('grant-ended');
    expect(await ask()).toMatchObject({ status: 200, body: {}, verdict: 'signed' });
    const row = await peerRow(a);
    expect(row.status).toBe('REVOKED');
    expect(await ask()).toMatchObject({ status: 401, body: { code: 'revoked' }, verdict: 'signed' });
    expect(await peerRow(a)).toEqual(row);
    expect((await wire.ask(served, token, '/federation/v1/media')).body.code).toBe('revoked');
  });
});

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const refresh = (instance: Instance, id: string) =>
  instance.query('mutation ($id: ID!) { refreshPeer(input: {id: $id}) { userErrors { code } } }', { id });

async function pairWith(fake: FakePeer, redeeming: Instance): Promise<string> {
  const { pairWithPeer } = await redeeming.query<{ pairWithPeer: { peer: { id: string } | null } }>(
    'mutation ($input: PairWithPeerInput!) { pairWithPeer(input: $input) { peer { id } userErrors { code message } } }',
    { input: { invitation: fake.invitation() } },
  );
  if (pairWithPeer.peer === null) throw new Error(JSON.stringify(pairWithPeer));
  return pairWithPeer.peer.id;
}

/** A credential of an instance for a client that a test drives by hand. */
async function invited(inviting: Instance, wire: ReturnType<typeof createWireClient>): Promise<string> {
  const { createInvitation } = await inviting.query<{ createInvitation: { code: string } }>(
    'mutation { createInvitation(input: {}) { code } }',
  );
  const answer = await wire.redeem(await serverAt(inviting.url), createInvitation.code);
  return answer.body.credential.token;
}

describe('a peer that is paired again', () => {
  const ITEMS = 250;

  /** Many small items, all cached, and revoked with the bytes kept. */
  async function kept(dialect: 'sqlite' | 'postgresql') {
    const fake = keep(await startFakePeer());
    for (let index = 0; index < ITEMS; index++) fake.put(`item-${index}`);
    fake.put('skipped', { title: 'x'.repeat(501) });
    const b = await instance('Coast', dialect);
    const first = await pairWith(fake, b);
    await settled(b, first);
    const items = await remoteItems(b);
    expect(items).toHaveLength(ITEMS);
    for (const { id } of items.slice(0, 20)) expect((await b.get(`/media/${id}/original`)).status).toBe(200);
    await eventually('all thumbnails', async () => {
      const { prisma } = b.app.database;
      return (await prisma.item.count({ where: { thumbState: 2 } })) === ITEMS;
    });
    await revoke(b, first, true);
    expect(await remoteItems(b)).toEqual([]);
    for (const { id } of items.slice(0, 3)) {
      expect((await b.get(`/media/${id}/original`)).status).toBe(404);
      expect((await b.get(`/media/${id}/thumbnail`)).status).toBe(404);
    }
    fake.requests.splice(0);
    return { fake, b, first, items, bytes: bytesIn(await blobs(b)), key: (await peerRow(b)).key };
  }

  const bytesIn = (entries: BlobEntry[]) => entries.reduce((sum, { size }) => sum + size, 0);
  const fetched = (fake: FakePeer) => fake.requests.filter((line) => /\/media\/.+\//.test(line));

  async function takenOver(
    { fake, b, items, bytes, key: from }: Awaited<ReturnType<typeof kept>>,
    again: string,
  ): Promise<void> {
    const byTitle = (list: Shown[]) => list.toSorted((x, y) => x.title.localeCompare(y.title));
    expect(byTitle(await remoteItems(b))).toEqual(byTitle(items));
    for (const { id } of items) {
      const thumbnail = await b.get(`/media/${id}/thumbnail`);
      expect(thumbnail.status).toBe(200);
      expect(thumbnail.headers['cache-status']).toContain('hit');
    }
    for (const { id } of items.slice(0, 20)) {
      expect((await b.get(`/media/${id}/original`)).headers['cache-status']).toContain('hit');
    }
    expect(fetched(fake)).toEqual([]);
    const row = await peerRow(b);
    expect(row).toMatchObject({
      id: again,
      inheritsFrom: null,
      itemCount: ITEMS,
      skippedCount: 1,
      inSync: true,
    });
    expect(await leftOf(b, from)).toEqual(NOTHING);
    expect(await b.app.database.prisma.peer.findUnique({ where: { key: from } })).toMatchObject({
      status: 'REVOKED',
      keptCached: false,
      itemCount: 0,
    });
    expect(bytesIn(await blobs(b))).toBe(bytes);
    const usage = await b.app.delivery.usage();
    expect(usage.peers).toMatchObject([{ peerKey: row.key, bytes, items: ITEMS }]);
  }

  it.each(DIALECTS)('takes over what was kept, and fetches not a byte of it again (%s)', async (dialect) => {
    const before = await kept(dialect);
    const { fake, b, first } = before;
    const again = await pairWith(fake, b);
    expect(again).not.toBe(first);
    await settled(b, again);
    await takenOver(before, again);
  });

  it.each(DIALECTS)('goes on with that wherever a crash has parted it (%s)', async (dialect) => {
    const before = await kept(dialect);
    const { fake, b, key: from } = before;
    /** The parts of the running instance, whose functions are made to fail. */
    const parts = () => b.app as { delivery: Writable<Instance['app']['delivery']> };
    const sizes = async () => {
      const { prisma } = b.app.database;
      const { key: to } = await peerRow(b);
      const [old, moved] = await Promise.all(
        [from, to].map((source) => prisma.item.count({ where: { source } })),
      );
      return { old, moved, inheritsFrom: (await peerRow(b)).inheritsFrom };
    };
    const failed = (name: string) =>
      eventually(name, async () => {
        const { key: peerKey } = await peerRow(b);
        return (await b.app.database.prisma.pull.findFirst({ where: { peerKey, state: 'FAILED' } })) !== null;
      });
    const goOn = async () => {
      await b.stop();
      await b.start();
      await b.app.database.prisma.pull.deleteMany({});
    };

    // In the middle of the second batch.
    const first = parts().delivery;
    const takeOver = first.takeOver;
    let batches = 0;
    first.takeOver = (one, other, keys, move) =>
      takeOver(one, other, keys, async (tx) => {
        batches += 1;
        const moved = await move(tx);
        if (batches === 2) throw new Error('the process ended');
        return moved;
      });
    const again = await pairWith(fake, b);
    await failed('the second batch');
    expect(await sizes()).toEqual({ old: ITEMS - 100, moved: 100, inheritsFrom: from });
    // What has moved is there already; the rest is shown to nobody.
    expect(await remoteItems(b)).toHaveLength(100);

    // After it, before anything that follows.
    await goOn();
    const second = parts().delivery;
    const takeOverWhole = second.takeOver;
    second.takeOver = async (...given) => {
      await takeOverWhole(...given);
      throw new Error('the process ended');
    };
    await refresh(b, again);
    await failed('what follows the second batch');
    expect(await sizes()).toEqual({ old: ITEMS - 200, moved: 200, inheritsFrom: from });

    // Before the last one began, and before it was written down that it was the last.
    await goOn();
    parts().delivery.takeOver = () => Promise.reject(new Error('the process ended'));
    await refresh(b, again);
    await failed('the last batch');
    expect(await sizes()).toEqual({ old: ITEMS - 200, moved: 200, inheritsFrom: from });

    await goOn();
    await refresh(b, again);
    await settled(b, again);
    await takenOver(before, again);
  });

  it('with another key takes over nothing', async () => {
    const before = await kept('sqlite');
    const { b, key: from } = before;
    const other = keep(await startFakePeer());
    other.put('item-0');
    const peerId = await pairWith(other, b);
    await settled(b, peerId);
    expect(await remoteItems(b)).toHaveLength(1);
    expect((await leftOf(b, from)).items).toBe(ITEMS);
    expect((await peerRow(b)).inheritsFrom).toBeNull();
  });

  it('finds nothing where what was kept was given up after all', async () => {
    const before = await kept('sqlite');
    const { b, fake, first, key: from } = before;
    await revoke(b, first, false);
    await eventually(
      'nothing left',
      async () => JSON.stringify(await leftOf(b, from)) === JSON.stringify(NOTHING),
    );
    const again = await pairWith(fake, b);
    await settled(b, again);
    expect((await remoteItems(b)).map(({ id }) => id)).not.toContain(before.items[0]?.id);
  });
});
