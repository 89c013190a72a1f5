/** Pairing between real instances: in one direction and in both, later and again, and with answers lost on the way. */

import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import type { Settings } from '../src/config/env.ts';
import { generatePeerToken, hashPeerToken } from '../src/federation/credentials.ts';
import { WHOLE_GRANT } from '../src/federation/grants.ts';
import { makeInvitationCode, parseInvitationCode } from '../src/federation/pairing/invitation-code.ts';
import { newPostgresUrl } from './support/databases.ts';
import { startFakePeer } from './support/fake-peer.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { type Meddling, type Passing, startProxy } from './support/proxy.ts';
import { createWireClient, serverAt } from './support/wire-client.ts';

const HOUR = 3600_000;
const PAIRINGS = 'POST /federation/v1/pairings';

interface PairResult {
  peer: { id: string } | null;
  notice: string | null;
  userErrors: { code: string; field: string[] | null; message: string }[];
}

async function invite(instance: Instance, input: Record<string, unknown> = {}): Promise<string> {
  const { createInvitation } = await instance.query<{
    createInvitation: { code: string | null; userErrors: unknown[] };
  }>(
    'mutation ($input: CreateInvitationInput!) { createInvitation(input: $input) { code userErrors { code message } } }',
    { input },
  );
  expect(createInvitation.userErrors).toEqual([]);
  return createInvitation.code ?? '';
}

async function take(instance: Instance, input: Record<string, unknown>): Promise<PairResult> {
  const { pairWithPeer } = await instance.query<{ pairWithPeer: PairResult }>(
    'mutation ($input: PairWithPeerInput!) { pairWithPeer(input: $input) { peer { id } notice userErrors { code field message } } }',
    { input },
  );
  return pairWithPeer;
}

const peersOf = (instance: Instance) => instance.app.database.prisma.peer.findMany();
const audited = async (instance: Instance, action: string) =>
  instance.app.database.prisma.auditEvent.findMany({ where: { action }, orderBy: { at: 'asc' } });

async function onlyPeer(instance: Instance) {
  const peers = await peersOf(instance);
  expect(peers).toHaveLength(1);
  const [peer] = peers;
  if (peer === undefined) throw new Error('unreachable');
  return peer;
}

/** Both have exactly one row of the other, pull from it, and have its catalog. */
async function bothWork(a: Instance, b: Instance): Promise<void> {
  for (const instance of [a, b]) {
    const peer = await eventually('a peer', async () => (await peersOf(instance))[0]);
    await eventually(
      'a credential that works',
      async () => (await onlyPeer(instance)).settlingUntil === null,
    );
    await settled(instance, peer.id);
    expect(await onlyPeer(instance)).toMatchObject({ serves: true, pulls: true, itemCount: 1 });
  }
}

async function withOneItem(instance: Instance, file: string): Promise<Instance> {
  await instance.app.library.importFiles({ paths: [file], visibility: 'PEERS' });
  return instance;
}

const GARDEN = join(SAMPLES, 'garden');

async function settingsFor(dialect: string): Promise<Settings> {
  return dialect === 'PostgreSQL' ? { HEDGEROW_DATABASE_URL: await newPostgresUrl() } : {};
}

async function samples(): Promise<[string, string]> {
  const { readdir } = await import('node:fs/promises');
  const images = (await readdir(GARDEN)).filter((name) => name.endsWith('.jpg')).sort();
  const [first = '', second = ''] = images;
  return [join(GARDEN, first), join(GARDEN, second)];
}

/** A mutual invitation of A that B takes through a proxy. */
async function mutualThroughProxy(dialect: string) {
  const [one, two] = await samples();
  const a = await withOneItem(await startInstance('Archive', await settingsFor(dialect)), one);
  const b = await withOneItem(await startInstance('Garden', await settingsFor(dialect)), two);
  const proxy = await startProxy(() => a.url);
  const code = await invite(a, { mutual: true });
  const input = { invitation: code, endpoint: proxy.url, shareBack: {} };
  return {
    a,
    b,
    proxy,
    input,
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
      await a[Symbol.asyncDispose]();
    },
  };
}

const isRedemption = ({ method, path }: { method: string; path: string }) => `${method} ${path}` === PAIRINGS;

/** Lets the database refuse every new peer, as a full disk or a crash of the moment would. */
async function refusePeers(instance: Instance): Promise<() => Promise<void>> {
  const { prisma, dialect } = instance.app.database;
  const run = (statement: string) => prisma.$executeRawUnsafe(statement);
  if (dialect === 'sqlite') {
    await run(
      "CREATE TRIGGER refused BEFORE INSERT ON federation_peers BEGIN SELECT RAISE(ABORT, 'no room'); END",
    );
    return async () => void (await run('DROP TRIGGER refused'));
  }
  await run(
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$",
  );
  await run(
    'CREATE TRIGGER refused BEFORE INSERT ON federation_peers FOR EACH ROW EXECUTE FUNCTION refuse()',
  );
  return async () => void (await run('DROP TRIGGER refused ON federation_peers'));
}

describe.each(['SQLite', 'PostgreSQL'])('a mutual pairing, on %s', (dialect) => {
  it('shares in both directions, each with its own grant, with one row on each side', async () => {
    await using parts = await mutualThroughProxy(dialect);
    const { a, b, input } = parts;
    const result = await take(b, { ...input, shareBack: { access: 'PREVIEWS' } });
    expect(result).toMatchObject({ notice: null, userErrors: [] });
    await bothWork(a, b);
    const atA = await onlyPeer(a);
    expect(atA).toMatchObject({ endpoint: b.url, endpointOurs: false, privateAllowed: false });
    expect(JSON.parse(atA.pullGrant ?? '')).toMatchObject({ access: 'previews' });
    expect(JSON.parse(atA.serveGrant ?? '')).toEqual(WHOLE_GRANT);
    const atB = await onlyPeer(b);
    expect(atB).toMatchObject({ endpoint: parts.proxy.url, endpointOurs: true });
    expect(JSON.parse(atB.serveGrant ?? '')).toMatchObject({ access: 'previews' });
    const attempt = await b.app.database.prisma.pairingAttempt.findFirstOrThrow();
    expect(attempt).toMatchObject({ outcome: 'PAIRED', sealedCode: '', sealedCredential: null });
    await expect
      .poll(() => audited(a, 'pairing.redeem'))
      .toMatchObject([{ outcome: 'done', peerId: atA.id }]);
    await expect
      .poll(() => audited(b, 'pairing.attempt'))
      .toMatchObject([{ outcome: 'done', peerId: atB.id }]);
  });

  type Parts = Awaited<ReturnType<typeof mutualThroughProxy>>;
  const drop = (parts: Parts, when: 'before' | 'after') => async (): Promise<() => Promise<void>> => {
    parts.proxy.meddle = async (asked, pass) => {
      if (!isRedemption(asked)) return pass(asked);
      if (when === 'after') expect((await pass(asked)).status).toBe(201);
      return 'drop';
    };
    return async () => {
      parts.proxy.meddle = null;
    };
  };
  const FAULTS: [string, (parts: Parts) => () => Promise<() => Promise<void>>, number][] = [
    ['the request is lost before it arrives', (parts) => drop(parts, 'before'), 0],
    ['the answer is lost after it was given', (parts) => drop(parts, 'after'), 1],
    ['the inviting side cannot store it', (parts) => () => refusePeers(parts.a), 0],
    ['the redeeming side has the answer and cannot store it', (parts) => () => refusePeers(parts.b), 1],
  ];
  const ENDS: [string, (parts: Parts) => Promise<void>][] = [
    ['by itself', async () => {}],
    [
      'after a restart',
      async ({ b }) => {
        await b.stop();
        await b.start();
      },
    ],
    [
      'when the code is pasted again',
      async ({ b, input }) => {
        expect(await take(b, input)).toMatchObject({ userErrors: [] });
      },
    ],
  ];
  // How it ends does not depend on the database.
  const ends = dialect === 'SQLite' ? ENDS : ENDS.slice(1, 2);
  it.each(FAULTS.flatMap((fault) => ends.map((end) => [fault[0], end[0], fault, end] as const)))(
    'where %s, comes about %s',
    async (_fault, _end, [, fault, rowsAtA], [, end]) => {
      await using parts = await mutualThroughProxy(dialect);
      const { a, b, input } = parts;
      const mend = await fault(parts)();
      const { data, errors } = await b.ask(
        'mutation ($input: PairWithPeerInput!) { pairWithPeer(input: $input) { peer { id } userErrors { code message } } }',
        { input },
      );
      const [failed] = (data as { pairWithPeer: PairResult } | null)?.pairWithPeer.userErrors ?? [];
      // A fault of our own is no matter of the caller's; all else is said, and that it goes on.
      if (errors === undefined) expect(failed?.message).toMatch(/tried again by itself/);
      expect(await peersOf(b)).toEqual([]);
      const waiting = await peersOf(a);
      expect(waiting).toHaveLength(rowsAtA);
      if (rowsAtA === 1) {
        // What B has not stored does not work yet; that is no refusal.
        const peer = await eventually('a first try', async () =>
          (await peersOf(a)).find(({ errorCode }) => errorCode !== null),
        );
        expect(peer).toMatchObject({ health: 'UNKNOWN', errorCode: 'CREDENTIAL_REFUSED' });
        expect(peer.errorMessage).toMatch(/has not completed the pairing yet/);
        expect(await b.app.database.prisma.peerCredential.count()).toBe(0);
      }
      await mend();
      await end(parts);
      await bothWork(a, b);
      expect(await b.app.database.prisma.pairingAttempt.findFirstOrThrow()).toMatchObject({
        outcome: 'PAIRED',
      });
    },
  );

  it('is renewed by another: the new grant at once, the old credentials until the new ones are used', async () => {
    await using parts = await mutualThroughProxy(dialect);
    const { a, b, input, proxy } = parts;
    await take(b, input);
    await bothWork(a, b);
    const before = { a: await onlyPeer(a), b: await onlyPeer(b) };
    const code = await invite(a, { mutual: true, grant: { access: 'PREVIEWS' } });
    const again = { invitation: code, endpoint: proxy.url, shareBack: { access: 'METADATA' } };
    expect(await take(b, again)).toMatchObject({ userErrors: [], peer: { id: before.b.id } });
    await bothWork(a, b);
    const after = { a: await onlyPeer(a), b: await onlyPeer(b) };
    expect(after.a.id).toBe(before.a.id);
    expect(JSON.parse(after.a.serveGrant ?? '')).toMatchObject({ access: 'previews' });
    expect(JSON.parse(after.b.serveGrant ?? '')).toMatchObject({ access: 'metadata' });
    expect(after.a.grantRevision).not.toBe(before.a.grantRevision);
    expect(after.b.grantRevision).not.toBe(before.b.grantRevision);
    // At A, the credential that works is kept beside the new one until that has worked; then the old one ends.
    await eventually('the new credential in use', async () => {
      const { sealedToken, sealedNextToken } = await onlyPeer(a);
      return sealedNextToken === null && sealedToken !== before.a.sealedToken;
    });
    const live = await b.app.database.prisma.peerCredential.findMany({ where: { endedAt: null } });
    expect(live).toMatchObject([{ firstUsedAt: expect.any(Date) }]);
  });

  it.each(['first A, then B', 'first B, then A'])('comes about in two steps as well: %s', async (order) => {
    const [one, two] = await samples();
    await using a = await withOneItem(await startInstance('Archive', await settingsFor(dialect)), one);
    await using b = await withOneItem(await startInstance('Garden', await settingsFor(dialect)), two);
    const [first, second] = order === 'first A, then B' ? [a, b] : [b, a];
    const id = await pair(first, second);
    await settled(second, id);
    expect(await onlyPeer(first)).toMatchObject({ pulls: false, serves: true });
    expect(await onlyPeer(second)).toMatchObject({ pulls: true, serves: false });
    await pair(second, first);
    await bothWork(a, b);
  });
});

describe('an invitation that is mutual', () => {
  it('shares nothing back where nothing is given', async () => {
    await using a = await startInstance('Archive');
    await using b = await startInstance('Garden');
    const result = await take(b, { invitation: await invite(a, { mutual: true }) });
    expect(result).toMatchObject({ notice: null, userErrors: [] });
    expect(await onlyPeer(a)).toMatchObject({ pulls: false, endpoint: '', sealedToken: null });
    expect(await onlyPeer(b)).toMatchObject({ serves: false, serveGrant: null });
    expect(await b.app.database.prisma.peerCredential.count()).toBe(0);
  });

  it.each(['http://169.254.169.254', 'http://[fe80::1]:4000'])(
    'takes nothing back at %s, and both admins are told',
    async (publicUrl) => {
      await using a = await startInstance('Archive');
      await using b = await startInstance('Garden', { HEDGEROW_PUBLIC_URL: publicUrl });
      const result = await take(b, { invitation: await invite(a, { mutual: true }), shareBack: {} });
      expect(result.userErrors).toEqual([]);
      expect(result.notice).toMatch(/Nothing is shared back/);
      expect(await onlyPeer(a)).toMatchObject({ pulls: false, sealedToken: null });
      expect(await onlyPeer(b)).toMatchObject({ serves: false, pulls: true });
      expect(await b.app.database.prisma.peerCredential.count()).toBe(0);
      const [event] = await audited(a, 'pairing.redeem');
      expect(JSON.parse(event?.detail ?? '{}')).toMatchObject({
        mutual: false,
        notTaken: expect.any(String),
      });
    },
  );

  it('takes loopback only where its own address is loopback', async () => {
    // The invitation names an address that does not lead here; B is told another.
    await using a = await startInstance('Archive', { HEDGEROW_PUBLIC_URL: 'https://archive.example' });
    await using b = await startInstance('Garden');
    const invitation = await invite(a, { mutual: true, allowPrivateEndpoint: true });
    const result = await take(b, { invitation, endpoint: a.url, shareBack: {} });
    expect(result.notice).toMatch(/HEDGEROW_PUBLIC_URL/);
    expect(await onlyPeer(a)).toMatchObject({ pulls: false });
  });

  it.each([
    [false, 'PEER_ADDRESS_FORBIDDEN'],
    [true, /PEER_UNREACHABLE|PEER_TIMEOUT/],
  ])('that allows private addresses: %s; dials one accordingly', async (allowPrivateEndpoint, expected) => {
    await using a = await startInstance('Archive');
    await using b = await startInstance('Garden', { HEDGEROW_PUBLIC_URL: 'http://10.255.255.1:9' });
    const invitation = await invite(a, { mutual: true, allowPrivateEndpoint });
    expect(await take(b, { invitation, shareBack: {} })).toMatchObject({ notice: null, userErrors: [] });
    const peer = await eventually(
      'a first try',
      async () => (await peersOf(a)).find(({ errorCode }) => errorCode !== null),
      40_000,
    );
    expect(peer.privateAllowed).toBe(allowPrivateEndpoint);
    expect(peer.errorCode).toMatch(expected);
    if (allowPrivateEndpoint) return;
    // An admin agrees afterwards, by naming the address.
    await a.query(
      'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code } } }',
      { input: { id: peer.id, endpoint: b.url } },
    );
    await settled(a, peer.id);
  });

  it('that is not: sharing back is refused before anything is sent', async () => {
    await using b = await startInstance('Garden');
    await using fake = await startFakePeer();
    const result = await take(b, { invitation: fake.invitation(), shareBack: {} });
    expect(result.userErrors).toMatchObject([{ code: 'INVITATION_NOT_MUTUAL', field: ['shareBack'] }]);
    expect(fake.requests).toEqual([]);
    expect(await b.app.database.prisma.pairingAttempt.count()).toBe(0);
    await expect
      .poll(() => audited(b, 'pairing.attempt'))
      .toMatchObject([{ outcome: 'refused', code: 'INVITATION_NOT_MUTUAL' }]);
  });
});

describe('a server that keeps a credential', () => {
  it.each([
    ['and reports that the invitation was used', 409, 'invitation-used'],
    ['and reports a fault of its own', 500, 'internal'],
    ['and says that it took nothing', 201, null],
    ['and answers what cannot be read', 201, 'nonsense'],
  ])('%s: it opens nothing', async (_what, status, code) => {
    await using b = await startInstance('Garden');
    await using fake = await startFakePeer();
    let stolen = '';
    fake.misbehave = async (asked, honest) => {
      if (asked.path !== '/federation/v1/pairings') return honest();
      stolen = JSON.parse(Buffer.from(asked.incoming.body ?? []).toString()).credential.token;
      if (code === null) return honest();
      return fake.signed(asked, status, code === 'nonsense' ? { mutual: true } : { code });
    };
    const result = await take(b, { invitation: fake.invitation({ mutual: true }), shareBack: {} });
    expect(result.peer === null).toBe(code !== null);
    if (code === null) expect(result.notice).toMatch(/Nothing is shared back/);
    const served = await serverAt(b.url);
    for (const key of [fake.key, createWireClient().key]) {
      const answer = await createWireClient().ask(served, stolen, '/federation/v1/media', { key });
      expect(answer).toMatchObject({
        status: 401,
        verdict: 'signed-for-token',
        body: { code: 'credential-refused' },
      });
    }
    const known = await b.app.database.prisma.peerCredential.count({
      where: { hash: hashPeerToken(stolen) },
    });
    expect(known).toBe(0);
  });
});

describe('an attempt to pair', () => {
  const redemptions = (requests: readonly string[]) => requests.filter((each) => each === PAIRINGS).length;

  it('that got a signed refusal is over: it is not repeated, and nothing of it is kept', async () => {
    await using b = await startInstance('Garden');
    await using fake = await startFakePeer();
    fake.misbehave = async (asked, honest) =>
      asked.method === 'POST' ? fake.signed(asked, 410, { code: 'invitation-cancelled' }) : honest();
    const result = await take(b, { invitation: fake.invitation() });
    expect(result.userErrors).toMatchObject([{ code: 'INVITATION_CANCELLED' }]);
    expect(await b.app.database.prisma.pairingAttempt.findFirstOrThrow()).toMatchObject({
      outcome: 'INVITATION_CANCELLED',
      sealedCode: '',
      sealedCredential: null,
    });
    await b.stop();
    await b.start();
    // Another attempt is made meanwhile: had the first gone on, it would have come before.
    await take(b, { invitation: fake.invitation() });
    expect(redemptions(fake.requests)).toBe(2);
  });

  it('that nobody answers is given up after an hour, and an admin sees it', async () => {
    let now = Date.now();
    await using b = await startInstance('Garden', {}, { now: () => now });
    await using fake = await startFakePeer();
    fake.misbehave = async (asked, honest) => {
      if (asked.method === 'POST') {
        asked.response.destroy();
        return null;
      }
      return honest();
    };
    const result = await take(b, { invitation: fake.invitation({ mutual: true }), shareBack: {} });
    expect(result.userErrors).toMatchObject([{ code: 'PEER_UNREACHABLE' }]);
    const { prisma } = b.app.database;
    const open = await prisma.pairingAttempt.findFirstOrThrow();
    expect(open.outcome).toBeNull();
    expect(open.sealedCode).not.toBe('');
    await b.stop();
    now += HOUR;
    const asked = fake.requests.length;
    await b.start();
    const given = await eventually('the end of the attempt', async () => {
      const row = await b.app.database.prisma.pairingAttempt.findFirstOrThrow();
      return row.outcome !== null && row;
    });
    expect(given).toMatchObject({ outcome: 'INVITATION_EXPIRED', sealedCode: '', sealedCredential: null });
    expect(fake.requests.length).toBe(asked);
    const events = await eventually('the audit', async () => {
      const found = await audited(b, 'pairing.attempt');
      return found.length === 2 && found;
    });
    expect(events).toMatchObject([
      { outcome: 'failed', code: 'PEER_UNREACHABLE' },
      { outcome: 'refused', code: 'INVITATION_EXPIRED' },
    ]);
    expect(JSON.parse(events[1]?.detail ?? '{}')).toMatchObject({ gaveUp: true });
    expect(await peersOf(b)).toEqual([]);
  });

  it('pasted twice at once is one', async () => {
    await using a = await startInstance('Archive');
    await using b = await startInstance('Garden');
    await using proxy = await startProxy(() => a.url);
    const input = { invitation: await invite(a), endpoint: proxy.url };
    const [first, second] = await Promise.all([take(b, input), take(b, input)]);
    expect(first?.userErrors).toEqual([]);
    expect(second).toEqual(first);
    await settled(b, first?.peer?.id ?? '');
    expect(await peersOf(a)).toHaveLength(1);
    expect(await peersOf(b)).toHaveLength(1);
  });
});

describe('a credential that does not work yet', () => {
  it('is a refusal only when an hour has passed', async () => {
    let now = Date.now();
    await using a = await startInstance('Archive', {}, { now: () => now });
    await using fake = await startFakePeer();
    fake.misbehave = async (asked) =>
      fake.signed(
        asked,
        401,
        { code: 'credential-refused' },
        { binding: { authorization: String(asked.headers.authorization) }, created: new Date(now) },
      );
    const client = createWireClient();
    const answer = await client.redeem(await serverAt(a.url), await invite(a, { mutual: true }), {
      key: fake.key,
      now: new Date(now),
      body: {
        instance: { id: client.id, name: 'Slow', publicKey: fake.key.jwk, publicUrl: fake.url },
        credential: { id: 'cred_1', token: generatePeerToken(), grant: WHOLE_GRANT },
      },
    });
    expect(answer).toMatchObject({ status: 201, body: { mutual: true } });
    const failing = async (health: string) =>
      eventually(`${health}`, async () => {
        const peer = await onlyPeer(a);
        return peer.errorCode === 'CREDENTIAL_REFUSED' && peer.health === health && peer;
      });
    const waiting = await failing('UNKNOWN');
    const next = (waiting.nextAttemptAt?.getTime() ?? 0) - now;
    expect(next).toBeGreaterThan(0);
    expect(next).toBeLessThanOrEqual(60_000);
    now += HOUR + 1;
    await a.app.federation.refresh(waiting.id);
    await failing('AUTH_FAILED');
  });
});

describe('a listener on the path', () => {
  const FEED = '/federation/v1/media';

  /** What of a redemption and its answer can be read on the way. */
  const tokenOf = (text: Buffer): string => JSON.parse(text.toString()).credential.token;

  it('that drops the redemption and sends it later gets nothing, and keeps nobody out', async () => {
    await using parts = await mutualThroughProxy('SQLite');
    const { a, b, proxy, input } = parts;
    let heard: Passing | undefined;
    proxy.meddle = async (asked, pass) => {
      if (!isRedemption(asked)) return pass(asked);
      heard ??= asked;
      return 'drop';
    };
    expect((await take(b, input)).userErrors).toMatchObject([{ code: 'PEER_UNREACHABLE' }]);
    if (heard === undefined) throw new Error('nothing was heard');
    const replay = async () => {
      const answer = await request(`${a.url}${heard?.path}`, {
        method: 'POST',
        headers: (heard?.fields ?? []).flatMap((part, index, all) =>
          index % 2 === 0 && part.toLowerCase() !== 'accept-encoding' ? [part, all[index + 1] ?? ''] : [],
        ),
        body: heard?.body ?? null,
      });
      return { status: answer.statusCode, body: Buffer.from(await answer.body.arrayBuffer()) };
    };
    const replayed = await replay();
    expect(replayed.status).toBe(201);

    // Both tokens are known to the listener, and neither is of use without the key that it belongs to.
    const listener = createWireClient();
    const [atA, atB] = [await serverAt(a.url), await serverAt(b.url)];
    expect(await listener.ask(atA, tokenOf(replayed.body), FEED)).toMatchObject({
      status: 401,
      verdict: 'unsigned',
      body: { code: 'signature-invalid' },
    });
    expect(await listener.ask(atB, tokenOf(heard.body), FEED)).toMatchObject({
      status: 401,
      body: { code: 'credential-refused' },
    });
    expect((await listener.redeem(atA, input.invitation)).body).toMatchObject({ code: 'invitation-used' });

    proxy.meddle = null;
    await bothWork(a, b);
    expect(await listener.ask(atB, tokenOf(heard.body), FEED)).toMatchObject({
      body: { code: 'signature-invalid' },
    });
    const late = await replay();
    expect(late.status).toBe(409);
    expect(late.body.toString()).toContain('invitation-used');
    expect(late.body.toString()).not.toContain('hedgerow_peer_');
    await bothWork(a, b);
  });

  it('that alters, swaps or recompresses the answer makes no peer of itself', async () => {
    await using parts = await mutualThroughProxy('SQLite');
    const { b, proxy, input } = parts;
    const thief = createWireClient();
    const forged = {
      instance: { id: thief.id, name: 'Thief', publicKey: thief.key.jwk },
      credential: { id: 'cred_1', token: generatePeerToken(), grant: WHOLE_GRANT },
      mutual: true,
    };
    const altered: Meddling[] = [
      async (asked, pass) => ({ ...(await pass(asked)), body: Buffer.from(JSON.stringify(forged)) }),
      async (asked, pass) => ({ ...(await pass(asked)), status: 200 }),
      async (asked, pass) => {
        const answer = await pass(asked);
        return {
          ...answer,
          fields: [...answer.fields, 'signature', 'sig=:AAAA:'],
        };
      },
      async (asked, pass) => {
        const answer = await pass(asked);
        return {
          ...answer,
          body: gzipSync(answer.body),
          fields: [...answer.fields, 'content-encoding', 'gzip'],
        };
      },
      async () => ({
        status: 410,
        fields: ['content-type', 'application/problem+json'],
        body: Buffer.from(JSON.stringify({ code: 'invitation-cancelled' })),
      }),
    ];
    for (const meddle of altered) {
      proxy.meddle = async (asked, pass) => (isRedemption(asked) ? meddle(asked, pass) : pass(asked));
      const result = await take(b, input);
      expect(result.userErrors[0]?.code).toBe('PEER_IDENTITY');
      expect(await peersOf(b)).toEqual([]);
      // Nobody who may say so has said that it is over.
      expect((await b.app.database.prisma.pairingAttempt.findFirstOrThrow()).outcome).toBeNull();
    }
  });

  it('that relays to a third what was meant for it gets nothing there', async () => {
    await using a = await startInstance('Archive');
    await using b = await startInstance('Garden');
    await using relay = await startFakePeer();
    // The relay was invited by A. It makes a code of its own from that invitation, for B to prove it to the relay.
    const { id, key } = parseInvitationCode(await invite(a, { mutual: true }));
    const lure = makeInvitationCode({
      id,
      key,
      url: relay.url,
      name: 'Relay',
      thumbprint: relay.key.thumbprint,
      mutual: true,
    });
    let answer: { status: number; text: string } | undefined;
    relay.misbehave = async (asked, honest) => {
      if (asked.method !== 'POST') return honest();
      const passed = await request(`${a.url}${asked.path}`, {
        method: 'POST',
        headers: asked.incoming.fields.flatMap(([name, value]) =>
          /^(host|connection|content-length|accept-encoding)$/i.test(name) ? [] : [name, value],
        ),
        body: Buffer.from(asked.incoming.body ?? []),
      });
      answer = { status: passed.statusCode, text: await passed.body.text() };
      return relay.signed(asked, 503, { code: 'unavailable' });
    };
    await take(b, { invitation: lure, shareBack: {} });
    expect(answer?.status).toBe(403);
    expect(answer?.text).toContain('pairing-audience');
    expect(await peersOf(a)).toEqual([]);
    const { usedAt } = await a.app.database.prisma.invitation.findUniqueOrThrow({ where: { id } });
    expect(usedAt).toBeNull();
  });
});
