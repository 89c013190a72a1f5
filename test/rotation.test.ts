/** Credentials and keys change, answers are lost at every step, and no well-behaved peer is ever refused. */

import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { generatePeerToken } from '../src/federation/credentials.ts';
import { signAnswer } from '../src/federation/identity/answer-signatures.ts';
import { type KeyChange, makeKeyChange } from '../src/federation/identity/key-changes.ts';
import { generateKey, type PrivateKey } from '../src/federation/identity/keys.ts';
import { newPostgresUrl } from './support/databases.ts';
import { startFakePeer } from './support/fake-peer.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { newItem } from './support/items.ts';
import { headerOf, type Relay, type RelayedRequest, startRelay } from './support/relay.ts';
import { createWireClient, type Served, serverAt, type WireAnswer } from './support/wire-client.ts';

const ROOT = '/federation/v1';

interface PullEnd {
  state: string;
  error: { code: string } | null;
}

/** B pulls once more; how that ended. */
async function pull(b: Instance, peerId: string): Promise<PullEnd> {
  const { refreshPeer } = await b.query<{ refreshPeer: { pulls: { id: string }[] } }>(
    'mutation ($id: ID!) { refreshPeer(input: {id: $id}) { pulls { id } userErrors { message } } }',
    { id: peerId },
  );
  const id = refreshPeer.pulls[0]?.id;
  return eventually('the end of a pull', async () => {
    const { node } = await b.query<{ node: PullEnd }>(
      'query ($id: ID!) { node(id: $id) { ... on Pull { state error { code } } } }',
      { id },
    );
    return /SUCCEEDED|FAILED/.test(node.state) && node;
  });
}

const SUCCEEDED: PullEnd = { state: 'SUCCEEDED', error: null };

async function share(instance: Instance, title: string): Promise<void> {
  await instance.app.catalog.local.add([newItem({ title })]);
}

async function titles(instance: Instance): Promise<string[]> {
  const { media } = await instance.query<{ media: { nodes: { title: string }[] } }>(
    '{ media(origin: REMOTE, first: 500) { nodes { title } } }',
  );
  return media.nodes.map(({ title }) => title);
}

const rowOf = (instance: Instance, id: string) =>
  instance.app.database.prisma.peer.findUniqueOrThrow({ where: { id } });
const credentialsOf = (instance: Instance) =>
  instance.app.database.prisma.peerCredential.findMany({ orderBy: { createdAt: 'asc' } });
const audited = (instance: Instance, action: string) =>
  instance.app.database.prisma.auditEvent.findMany({ where: { action }, orderBy: { at: 'asc' } });

async function rotateCredential(b: Instance, id: string): Promise<string[]> {
  const { rotatePeerCredential } = await b.query<{
    rotatePeerCredential: { userErrors: { code: string }[] };
  }>('mutation ($id: ID!) { rotatePeerCredential(input: {id: $id}) { peer { id } userErrors { code } } }', {
    id,
  });
  return rotatePeerCredential.userErrors.map(({ code }) => code);
}

async function rotateKey(instance: Instance): Promise<string> {
  const { rotateInstanceKey } = await instance.query<{
    rotateInstanceKey: { instance: { thumbprint: string } };
  }>(
    'mutation { rotateInstanceKey(input: {confirm: true}) { instance { thumbprint } userErrors { message } } }',
  );
  return rotateInstanceKey.instance.thumbprint;
}

/** B redeems an invitation of A, and dials the relay from then on. */
async function pairThrough(relay: Relay, a: Instance, b: Instance): Promise<string> {
  const { createInvitation } = await a.query<{ createInvitation: { code: string } }>(
    'mutation { createInvitation(input: {}) { code } }',
  );
  const { pairWithPeer } = await b.query<{ pairWithPeer: { peer: { id: string } } }>(
    'mutation ($code: String!, $endpoint: URL) { pairWithPeer(input: {invitation: $code, endpoint: $endpoint}) { peer { id } userErrors { message } } }',
    { code: createInvitation.code, endpoint: relay.url },
  );
  await settled(b, pairWithPeer.peer.id);
  return pairWithPeer.peer.id;
}

/** Nothing but what a test has broken itself may have failed, and access was never lost. */
async function expectNeverRefused(b: Instance, allowed: readonly string[] = []): Promise<void> {
  const failed = await b.app.database.prisma.pull.findMany({ where: { state: 'FAILED' } });
  const codes = failed.map((each) => each.errorCode).filter((code) => !allowed.includes(code ?? ''));
  expect(codes).toEqual([]);
}

describe('a credential', () => {
  let a: Instance;
  let b: Instance;
  let relay: Relay;
  let peerId: string;
  /** Of both clocks, ms. */
  let later = 0;

  beforeAll(async () => {
    const now = () => Date.now() + later;
    a = await startInstance('Issuer', {}, { now });
    b = await startInstance('Holder', { HEDGEROW_DATABASE_URL: await newPostgresUrl() }, { now });
    relay = await startRelay(a.url);
    await share(a, 'first');
    peerId = await pairThrough(relay, a, b);
  });
  afterEach(() => {
    relay.hook({});
    relay.forget();
  });
  afterAll(async () => {
    await relay?.[Symbol.asyncDispose]();
    await b?.[Symbol.asyncDispose]();
    await a?.[Symbol.asyncDispose]();
  });

  const alive = async () => (await credentialsOf(a)).filter(({ endedAt }) => endedAt === null);
  const works = async () => {
    const title = `item ${Math.random()}`;
    await share(a, title);
    expect(await pull(b, peerId)).toEqual(SUCCEEDED);
    expect(await titles(b)).toContain(title);
  };
  const tokens = () => new Set(relay.requests.map((request) => headerOf(request, 'authorization')));

  it('is renewed while the old one goes on, which dies when the new one is first used', async () => {
    const before = await rowOf(b, peerId);
    const [old] = await alive();
    // The pull that would use it is held up, so that the moment before is seen.
    const held = Promise.withResolvers<void>();
    relay.hook({
      onRequest: async ({ method }) => {
        if (method === 'GET') await held.promise;
        return 'pass' as const;
      },
    });
    expect(await rotateCredential(b, peerId)).toEqual([]);
    const between = await rowOf(b, peerId);
    expect(between.sealedToken).toBe(before.sealedToken);
    expect(between.sealedNextToken).not.toBeNull();
    expect((await alive()).map(({ firstUsedAt }) => firstUsedAt === null)).toEqual([false, true]);
    const rotatedAt = async () => {
      const { peers } = await a.query<{
        peers: { nodes: { operations: { serve: { credentialRotatedAt: string } } }[] };
      }>('{ peers { nodes { operations { serve { credentialRotatedAt } } } } }');
      return Date.parse(peers.nodes[0]?.operations.serve.credentialRotatedAt ?? '');
    };
    expect(await rotatedAt()).toBe(old?.createdAt.getTime());
    held.resolve();
    await works();
    const after = await rowOf(b, peerId);
    expect(after).toMatchObject({ sealedToken: between.sealedNextToken, sealedNextToken: null });
    const [only, ...others] = await alive();
    expect(others).toEqual([]);
    expect(only?.id).not.toBe(old?.id);
    expect(await rotatedAt()).toBe(only?.createdAt.getTime());
    for (const [instance, side] of [
      [a, 'issued'],
      [b, 'received'],
    ] as const) {
      const events = await audited(instance, 'credential.rotate');
      expect(events.map(({ outcome, detail }) => ({ outcome, detail }))).toEqual([
        { outcome: 'done', detail: JSON.stringify({ side }) },
      ]);
    }
  });

  it('is kept where the question is lost, and where the answer is; asking again replaces what was not used', async () => {
    relay.hook({ onRequest: ({ method }) => (method === 'POST' ? 'drop' : 'pass') });
    expect(await rotateCredential(b, peerId)).toEqual(['PEER_UNREACHABLE']);
    expect(await alive()).toHaveLength(1);
    await works();
    relay.hook({ onAnswer: (_answer, { method }) => (method === 'POST' ? 'drop' : 'pass') });
    expect(await rotateCredential(b, peerId)).toEqual(['PEER_UNREACHABLE']);
    expect(await alive()).toHaveLength(2);
    const [, lost] = await alive();
    await works();
    relay.hook({});
    expect(await rotateCredential(b, peerId)).toEqual([]);
    await works();
    const left = await alive();
    expect(left).toHaveLength(1);
    expect(left[0]?.id).not.toBe(lost?.id);
  });

  it('goes on where the answer to its first use is lost, and where the holder starts anew before it', async () => {
    let drop = false;
    relay.hook({
      onAnswer: (_answer, { method }) => (method === 'GET' && drop ? 'drop' : 'pass'),
      onRequest: ({ method }) => {
        // From the moment on that there is a new one.
        drop ||= method === 'POST';
        return 'pass' as const;
      },
    });
    expect(await rotateCredential(b, peerId)).toEqual([]);
    await settled(b, peerId, 'OFFLINE');
    expect(await alive()).toHaveLength(1);
    expect((await rowOf(b, peerId)).sealedNextToken).not.toBeNull();
    await b.stop();
    relay.hook({});
    await b.start();
    await works();
    expect((await rowOf(b, peerId)).sealedNextToken).toBeNull();
    await expectNeverRefused(b, ['PEER_UNREACHABLE', 'CONFLICT']);
  });

  it('that was never used dies after a day, and the holder goes on with the old one', async () => {
    relay.hook({ onRequest: ({ method }) => (method === 'GET' ? 'drop' : 'pass') });
    expect(await rotateCredential(b, peerId)).toEqual([]);
    await settled(b, peerId, 'OFFLINE');
    expect(await alive()).toHaveLength(2);
    later += 24 * 3600_000 + 1;
    relay.hook({});
    relay.forget();
    await works();
    // The new one was tried, refused with a signature, and dropped; the old one did the work.
    expect(tokens().size).toBe(2);
    expect((await rowOf(b, peerId)).sealedNextToken).toBeNull();
    expect((await alive()).filter(({ firstUsedAt }) => firstUsedAt !== null)).toHaveLength(1);
    await expectNeverRefused(b, ['PEER_UNREACHABLE', 'CONFLICT']);
  });

  it('may be renewed while a request under the old one is on the way, which is sent once more', async () => {
    await a.app.library.importFiles({
      paths: [join(SAMPLES, 'garden/butterfly.gif')],
      visibility: 'PEERS',
    });
    await works();
    const { media } = await b.query<{ media: { nodes: { originalUrl: string; filename: string }[] } }>(
      '{ media(origin: REMOTE, first: 500) { nodes { originalUrl filename } } }',
    );
    const url = media.nodes.find(({ filename }) => filename === 'butterfly.gif')?.originalUrl ?? '';
    const held = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    let first = true;
    relay.hook({
      onRequest: async ({ target }) => {
        if (target.endsWith('/original') && first) {
          first = false;
          arrived.resolve();
          await held.promise;
        }
        return 'pass' as const;
      },
    });
    const bytes = b.get(url);
    await arrived.promise;
    expect(await rotateCredential(b, peerId)).toEqual([]);
    await works();
    held.resolve();
    expect((await bytes).status).toBe(200);
    expect(relay.seen(/original$/)).toHaveLength(2);
    const refused = relay.answers.filter(({ status }) => status === 401);
    expect(refused.map(({ body }) => JSON.parse(body.toString()).code)).toEqual(['credential-refused']);
    await expectNeverRefused(b, ['PEER_UNREACHABLE', 'CONFLICT']);
  });

  it('is not renewed of a peer that only takes from here', async () => {
    const [served] = await a.app.database.prisma.peer.findMany();
    expect(await rotateCredential(a, served?.id ?? '')).toEqual(['CONFLICT']);
    expect(await rotateCredential(a, 'peer_nobody')).toEqual(['NOT_FOUND']);
  });
});

describe('a request that changes something', () => {
  let a: Instance;
  let served: Served;
  const client = createWireClient();
  let token: string;

  beforeAll(async () => {
    a = await startInstance('Archive');
    served = await serverAt(a.url);
    const { createInvitation } = await a.query<{ createInvitation: { code: string } }>(
      'mutation { createInvitation(input: {}) { code } }',
    );
    token = (await client.redeem(served, createInvitation.code)).body.credential.token;
  });
  afterAll(() => a?.[Symbol.asyncDispose]());

  const refusal = ({ status, body, verdict }: WireAnswer) => ({ status, code: body?.code, verdict });
  const renew = (options: Parameters<typeof client.ask>[3] = {}) =>
    client.ask(served, token, `${ROOT}/credentials`, { method: 'POST', ...options });
  const kept = () => a.app.database.prisma.peerNonce.count();

  it('is done once, however often it is sent; what only reads may be sent again', async () => {
    const again = { nonce: 'the-very-same-nonce', now: new Date() };
    expect(await client.ask(served, token, `${ROOT}/status`, again)).toMatchObject({ status: 200 });
    expect(await client.ask(served, token, `${ROOT}/status`, again)).toMatchObject({ status: 200 });
    expect(await kept()).toBe(0);
    const first = await renew(again);
    expect(first).toMatchObject({ status: 201, verdict: 'signed' });
    const before = await credentialsOf(a);
    expect(refusal(await renew(again))).toEqual({
      status: 401,
      code: 'signature-invalid',
      verdict: 'signed',
    });
    expect(await credentialsOf(a)).toEqual(before);
    const [event] = await audited(a, 'nonce.replayed');
    expect(event).toMatchObject({ outcome: 'refused', code: 'SIGNATURE_INVALID' });
  });

  it('leaves a nonce only where its signature and its time were right', async () => {
    const before = await kept();
    const old = new Date(Date.now() - 301_000);
    expect(refusal(await renew({ now: old }))).toMatchObject({ code: 'clock-skew', verdict: 'signed' });
    expect(refusal(await renew({ key: generateKey() }))).toMatchObject({
      code: 'signature-invalid',
      verdict: 'unsigned',
    });
    expect(refusal(await renew({ receiver: generateKey().thumbprint }))).toMatchObject({
      code: 'signature-invalid',
      verdict: 'unsigned',
    });
    expect(
      refusal(await client.ask(served, generatePeerToken(), `${ROOT}/credentials`, { method: 'POST' })),
    ).toMatchObject({
      code: 'credential-refused',
      verdict: 'signed-for-token',
    });
    expect(await kept()).toBe(before);
  });

  it('is checked for signature before time, time before nonce, nonce before the state of the peer', async () => {
    const [row] = await a.app.database.prisma.peer.findMany();
    await a.query('mutation ($id: ID!) { revokePeer(input: {id: $id}) { userErrors { message } } }', {
      id: row?.id,
    });
    const again = { nonce: 'nonce-of-a-revoked-one', now: new Date() };
    expect(refusal(await renew(again))).toEqual({ status: 401, code: 'revoked', verdict: 'signed' });
    expect(refusal(await renew(again))).toMatchObject({ code: 'signature-invalid', verdict: 'signed' });
    const old = { ...again, now: new Date(Date.now() - 301_000) };
    expect(refusal(await renew(old))).toMatchObject({ code: 'clock-skew' });
    expect(refusal(await renew({ ...old, key: generateKey() }))).toMatchObject({ code: 'signature-invalid' });
  });
});

describe('the key of an instance', () => {
  const opened: AsyncDisposable[] = [];
  const own = <T extends AsyncDisposable>(it: T): T => {
    opened.push(it);
    return it;
  };
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]();
  });

  /** B pulls from A through a relay, and A cannot reach B. */
  async function oneWay(now: () => number = Date.now) {
    const a = own(await startInstance('Served', {}, { now }));
    const url = await newPostgresUrl();
    const b = own(await startInstance('Puller', { HEDGEROW_DATABASE_URL: url }, { now }));
    const relay = own(await startRelay(() => a.url));
    await share(a, 'first');
    const peerId = await pairThrough(relay, a, b);
    relay.forget();
    return { a, b, relay, peerId };
  }

  /** Each pulls from the other through a relay of its own. */
  async function bothWays() {
    const a = own(await startInstance('Left'));
    const b = own(await startInstance('Right'));
    const toA = own(await startRelay(() => a.url));
    const toB = own(await startRelay(() => b.url));
    await share(a, 'of the left');
    await share(b, 'of the right');
    const aAtB = await pairThrough(toA, a, b);
    const bAtA = await pairThrough(toB, b, a);
    toA.forget();
    toB.forget();
    return { a, b, toA, toB, aAtB, bAtA };
  }

  const discoveries = (relay: Relay) => relay.seen(/well-known/).length;

  it('may change any number of times: whoever pulls and cannot be told follows the chain', async () => {
    const { a, b, relay, peerId } = await oneWay();
    const c = own(await startInstance('Third'));
    const cPeer = await pair(a, c);
    await settled(c, cPeer);
    const keys = [a.app.federation.instance().thumbprint];

    keys.push(await rotateKey(a));
    await share(a, 'after the first change');
    expect(await pull(b, peerId)).toEqual(SUCCEEDED);
    expect(await titles(b)).toContain('after the first change');
    expect(discoveries(relay)).toBe(1);

    // C has missed the first, and both are away for two more.
    await b.stop();
    await c.stop();
    keys.push(await rotateKey(a));
    await a.stop();
    await a.start();
    keys.push(await rotateKey(a));
    await share(a, 'after the third change');
    await b.start();
    await c.start();
    expect(await pull(b, peerId)).toEqual(SUCCEEDED);
    expect(await pull(c, cPeer)).toEqual(SUCCEEDED);
    for (const [instance, id] of [
      [b, peerId],
      [c, cPeer],
    ] as const) {
      const row = await rowOf(instance, id);
      expect(row.thumbprint).toBe(keys.at(-1));
      expect(JSON.parse(row.formerThumbprints)).toEqual(keys.slice(0, -1));
      expect(await titles(instance)).toContain('after the third change');
    }
    await expect.poll(() => audited(b, 'key.followed')).toHaveLength(2);
    await expect.poll(() => audited(a, 'key.rotate')).toHaveLength(3);
    // Either may have been stopped in the middle of a pull.
    await expectNeverRefused(b, ['CONFLICT']);
    await expectNeverRefused(c, ['CONFLICT']);

    const discovery = await a.get('/.well-known/hedgerow');
    const { instance } = JSON.parse(discovery.body.toString());
    expect(instance.keys.map(({ number }: KeyChange) => number)).toEqual([1, 2, 3]);
  });

  it('is not changed while a pairing waits for its answer, which is bound to the key that asked', async () => {
    await using a = await startInstance('Inviter');
    await using b = await startInstance('Redeemer');
    await using relay = await startRelay(a.url);
    const { createInvitation } = await a.query<{ createInvitation: { code: string } }>(
      'mutation { createInvitation(input: {}) { code } }',
    );
    relay.hook({ onAnswer: (_answer, { target }) => (target.endsWith('/pairings') ? 'drop' : 'pass') });
    const redeem = () =>
      b.query<{ pairWithPeer: { peer: { id: string } | null; userErrors: { code: string }[] } }>(
        'mutation ($code: String!, $endpoint: URL) { pairWithPeer(input: {invitation: $code, endpoint: $endpoint}) { peer { id } userErrors { code } } }',
        { code: createInvitation.code, endpoint: relay.url },
      );
    expect((await redeem()).pairWithPeer.userErrors).toMatchObject([{ code: 'PEER_UNREACHABLE' }]);
    const before = (await b.query<{ instance: { thumbprint: string } }>('{ instance { thumbprint } }'))
      .instance;
    expect(
      await b.query(
        'mutation { rotateInstanceKey(input: {confirm: true}) { instance { thumbprint } userErrors { code } } }',
      ),
    ).toEqual({ rotateInstanceKey: { instance: null, userErrors: [{ code: 'CONFLICT' }] } });
    expect(
      (await b.query<{ instance: { thumbprint: string } }>('{ instance { thumbprint } }')).instance,
    ).toEqual(before);
    relay.hook({});
    const { peer } = (await redeem()).pairWithPeer;
    await settled(b, peer?.id ?? '');
    expect(await rotateKey(b)).not.toBe(before.thumbprint);
  });

  it('is changed only where that is confirmed, and then cancels what was invited under the old one', async () => {
    const a = own(await startInstance('Inviting'));
    const b = own(await startInstance('Invited'));
    const before = a.app.federation.instance().thumbprint;
    const { rotateInstanceKey } = await a.query<{
      rotateInstanceKey: { instance: null; userErrors: { code: string; field: string[] }[] };
    }>(
      'mutation { rotateInstanceKey(input: {confirm: false}) { instance { id } userErrors { code field } } }',
    );
    expect(rotateInstanceKey).toEqual({
      instance: null,
      userErrors: [{ code: 'INVALID', field: ['confirm'] }],
    });
    expect(a.app.federation.instance().thumbprint).toBe(before);

    const invite = async () =>
      (
        await a.query<{ createInvitation: { code: string } }>(
          'mutation { createInvitation(input: {}) { code } }',
        )
      ).createInvitation.code;
    const redeem = async (code: string) =>
      (
        await b.query<{ pairWithPeer: { userErrors: { code: string }[] } }>(
          'mutation ($code: String!) { pairWithPeer(input: {invitation: $code}) { peer { id } userErrors { code } } }',
          { code },
        )
      ).pairWithPeer.userErrors.map(({ code }) => code);
    const stale = await invite();
    const after = await rotateKey(a);
    expect(after).not.toBe(before);
    expect(await redeem(stale)).toEqual(['PEER_IDENTITY']);
    const open = await a.app.database.prisma.invitation.count({ where: { cancelledAt: null } });
    expect(open).toBe(0);
    expect(await redeem(await invite())).toEqual([]);

    // B knows A under this key; the next invitation names one that B has not heard of.
    await rotateKey(a);
    expect(await redeem(await invite())).toEqual([]);
    expect(await b.app.database.prisma.peer.count()).toBe(1);
  });

  it('is announced to those whom we pull from, before anything else is asked of them', async () => {
    const { a, b, toA, aAtB, bAtA } = await bothWays();
    const former = b.app.federation.instance().thumbprint;
    const thumbprint = await rotateKey(b);
    await eventually('the announcement', async () => (await rowOf(a, bAtA)).thumbprint === thumbprint);
    expect(await pull(b, aAtB)).toEqual(SUCCEEDED);
    expect(await pull(a, bAtA)).toEqual(SUCCEEDED);
    const asked = toA.requests.map(({ method, target }) => `${method} ${target.split('?', 1)[0]}`);
    expect(asked[0]).toBe(`POST ${ROOT}/keys`);
    expect(asked.filter((line) => line.startsWith('POST'))).toHaveLength(1);
    const row = await rowOf(a, bAtA);
    expect(JSON.parse(row.formerThumbprints)).toEqual([former]);
    expect((await rowOf(b, aAtB)).keyAnnounced).toBe(2);
    await expect.poll(() => audited(a, 'key.followed')).toHaveLength(1);
    await expectNeverRefused(a);
    await expectNeverRefused(b);
  });

  it('is announced until that has arrived: over lost questions, lost answers and new starts', async () => {
    const { a, b, toA, aAtB, bAtA } = await bothWays();
    const isKeys = ({ target }: RelayedRequest) => target === `${ROOT}/keys`;
    toA.hook({ onRequest: (request) => (isKeys(request) ? 'drop' : 'pass') });
    const thumbprint = await rotateKey(b);
    await settled(b, aAtB, 'OFFLINE');
    // What is not announced is not used for anything else.
    expect(toA.seen(/GET/)).toEqual([]);
    expect((await rowOf(b, aAtB)).keyAnnounced).toBe(1);
    await b.stop();
    await b.start();
    // A cannot tell whether B was told: the answer is lost after A has followed.
    toA.hook({ onAnswer: (_answer, request) => (isKeys(request) ? 'drop' : 'pass') });
    expect(await pull(b, aAtB)).toMatchObject({ state: 'FAILED', error: { code: 'PEER_UNREACHABLE' } });
    expect((await rowOf(a, bAtA)).thumbprint).toBe(thumbprint);
    await a.stop();
    await a.start();
    toA.hook({});
    expect(await pull(b, aAtB)).toEqual(SUCCEEDED);
    expect(await pull(a, bAtA)).toEqual(SUCCEEDED);
    expect((await rowOf(b, aAtB)).keyAnnounced).toBe(2);
    await expect.poll(() => audited(a, 'key.followed')).toHaveLength(1);
    await expectNeverRefused(a, ['CONFLICT']);
    await expectNeverRefused(b, ['PEER_UNREACHABLE', 'CONFLICT']);
  });

  it('may change on both sides at once, again and again', async () => {
    const { a, b, aAtB, bAtA } = await bothWays();
    for (let round = 0; round < 3; round++) {
      const [left, right] = await Promise.all([rotateKey(a), rotateKey(b)]);
      await share(a, `left ${round}`);
      await share(b, `right ${round}`);
      expect(await Promise.all([pull(a, bAtA), pull(b, aAtB)])).toEqual([SUCCEEDED, SUCCEEDED]);
      await eventually('both know the other key', async () => {
        const [ofB, ofA] = [await rowOf(a, bAtA), await rowOf(b, aAtB)];
        return ofB.thumbprint === right && ofA.thumbprint === left;
      });
      expect(await titles(a)).toContain(`right ${round}`);
      expect(await titles(b)).toContain(`left ${round}`);
    }
    await expectNeverRefused(a);
    await expectNeverRefused(b);
  });

  it('may change together with the credential', async () => {
    const { a, b, relay, peerId } = await oneWay();
    await rotateKey(b);
    await rotateKey(a);
    expect(await rotateCredential(b, peerId)).toEqual([]);
    await share(a, 'after all of it');
    expect(await pull(b, peerId)).toEqual(SUCCEEDED);
    expect(await titles(b)).toContain('after all of it');
    expect(discoveries(relay)).toBe(1);
    await expectNeverRefused(b);
  });

  it('may change while a request under the old one is on the way, which is sent once more', async () => {
    const { a, b, relay, peerId } = await oneWay();
    await a.app.library.importFiles({
      paths: [join(SAMPLES, 'garden/butterfly.gif')],
      visibility: 'PEERS',
    });
    expect(await pull(b, peerId)).toEqual(SUCCEEDED);
    const { media } = await b.query<{ media: { nodes: { originalUrl: string; filename: string }[] } }>(
      '{ media(origin: REMOTE, first: 500) { nodes { originalUrl filename } } }',
    );
    const url = media.nodes.find(({ filename }) => filename === 'butterfly.gif')?.originalUrl ?? '';
    const held = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    let first = true;
    relay.hook({
      onRequest: async ({ target }) => {
        if (target.endsWith('/original') && first) {
          first = false;
          arrived.resolve();
          await held.promise;
        }
        return 'pass' as const;
      },
    });
    const bytes = b.get(url);
    await arrived.promise;
    const thumbprint = await rotateKey(b);
    await eventually('A has followed', async () => {
      const [row] = await a.app.database.prisma.peer.findMany();
      return row?.thumbprint === thumbprint;
    });
    held.resolve();
    expect((await bytes).status).toBe(200);
    expect(relay.seen(/original$/)).toHaveLength(2);
    await expectNeverRefused(b);
  });

  it('is looked for in discovery until that arrives, and once an hour where it leads nowhere', async () => {
    let later = 0;
    const now = () => Date.now() + later;
    const { a, b, relay, peerId } = await oneWay(now);
    await rotateKey(a);
    relay.hook({ onRequest: ({ target }) => (target.startsWith('/.well-known') ? 'drop' : 'pass') });
    for (let times = 0; times < 2; times++) {
      expect(await pull(b, peerId)).toMatchObject({ state: 'FAILED', error: { code: 'PEER_IDENTITY' } });
    }
    // Each pull looked; the schedule may have tried besides.
    expect(discoveries(relay)).toBeGreaterThanOrEqual(2);
    relay.hook({});
    expect(await pull(b, peerId)).toEqual(SUCCEEDED);
    relay.forget();

    // Somebody on the way signs with a key of its own, over and over.
    const before = await rowOf(b, peerId);
    const forger = generateKey();
    relay.hook({
      onAnswer: (answer, request) => {
        if (!request.target.startsWith(ROOT)) return 'pass' as const;
        const signed = signAnswer(
          { status: 200, body: answer.body, binding: { signature: headerOf(request, 'signature') ?? '' } },
          forger,
          new Date(now()),
        );
        const kept = answer.headers.filter(
          (_, i) => !signedNames.has(answer.headers[i & ~1]?.toLowerCase() ?? ''),
        );
        return { alter: { ...answer, headers: [...kept, ...Object.entries(signed).flat()] } };
      },
    });
    for (let times = 0; times < 4; times++) {
      expect(await pull(b, peerId)).toMatchObject({ state: 'FAILED', error: { code: 'PEER_IDENTITY' } });
    }
    expect(discoveries(relay)).toBe(1);
    later += 3600_000;
    expect(await pull(b, peerId)).toMatchObject({ state: 'FAILED', error: { code: 'PEER_IDENTITY' } });
    expect(await pull(b, peerId)).toMatchObject({ state: 'FAILED', error: { code: 'PEER_IDENTITY' } });
    expect(discoveries(relay)).toBe(2);
    expect((await rowOf(b, peerId)).thumbprint).toBe(before.thumbprint);
    expect((await titles(b)).length).toBeGreaterThan(0);
    relay.hook({});
    expect(await pull(b, peerId)).toEqual(SUCCEEDED);
  });

  it('is announced to a peer that is paused, too', async () => {
    const { a, b, relay, peerId } = await oneWay();
    await b.query(
      'mutation ($id: ID!) { updatePeer(input: {id: $id, paused: true}) { userErrors { code } } }',
      {
        id: peerId,
      },
    );
    const thumbprint = await rotateKey(b);
    await eventually('A has followed', async () => {
      const [row] = await a.app.database.prisma.peer.findMany();
      return row?.thumbprint === thumbprint;
    });
    expect(relay.seen(/media/)).toEqual([]);
  });

  it('that two claim to follow is not followed, and the admin is alarmed', async () => {
    const fake = own(await startFakePeer('Forked'));
    fake.put('one');
    const b = own(await startInstance('Puller'));
    const { pairWithPeer } = await b.query<{ pairWithPeer: { peer: { id: string } } }>(
      'mutation ($code: String!) { pairWithPeer(input: {invitation: $code}) { peer { id } userErrors { message } } }',
      { code: fake.invitation() },
    );
    const { id } = pairWithPeer.peer;
    await settled(b, id);
    const [one, other] = [generateKey(), generateKey()];
    fake.misbehave = async (asked, honest) => {
      if (asked.path === '/.well-known/hedgerow') {
        const keys = [one, other].map((key) => makeKeyChange(fake.instanceId, 1, fake.key, key));
        return fake.json(200, {
          protocols: ['1'],
          instance: { id: fake.instanceId, publicKey: one.jwk, keys },
        });
      }
      return asked.path === `${ROOT}/media`
        ? fake.signed(asked, 200, fake.page(asked.query), { key: one })
        : honest();
    };
    expect(await pull(b, id)).toMatchObject({ state: 'FAILED', error: { code: 'PEER_IDENTITY' } });
    expect(await rowOf(b, id)).toMatchObject({
      thumbprint: fake.key.thumbprint,
      errorCode: 'PEER_IDENTITY',
      errorMessage: expect.stringMatching(/two different keys/i),
    });
    await expect.poll(() => audited(b, 'key.fork')).toMatchObject([{ outcome: 'refused', peerId: id }]);
    expect(await titles(b)).toHaveLength(1);
    fake.misbehave = null;
    expect(await pull(b, id)).toEqual(SUCCEEDED);
  });

  it('is announced again to a peer that has forgotten it', async () => {
    const { a, b, peerId } = await oneWay();
    const [before] = await a.app.database.prisma.peer.findMany();
    await rotateKey(b);
    expect(await pull(b, peerId)).toEqual(SUCCEEDED);
    // As a backup from before the change would have it.
    await a.app.database.prisma.peer.updateMany({
      data: {
        publicKey: before?.publicKey ?? '',
        thumbprint: before?.thumbprint ?? '',
        formerThumbprints: '[]',
      },
    });
    expect(await pull(b, peerId)).toEqual(SUCCEEDED);
    await expectNeverRefused(b);
  });

  it('changed by one process is known to the other at once', async () => {
    const shared = {
      HEDGEROW_DATABASE_URL: await newPostgresUrl(),
      HEDGEROW_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    };
    const one = own(await startInstance('One', shared));
    const two = own(await startInstance('Two', shared));
    const b = own(await startInstance('Puller'));
    let target = one.url;
    const relay = own(await startRelay(() => target));
    await share(one, 'first');
    const peerId = await pairThrough(relay, one, b);
    relay.forget();
    for (const [there, rotating] of [
      [two, one],
      [one, two],
    ] as const) {
      const thumbprint = await rotateKey(rotating);
      target = there.url;
      expect(await pull(b, peerId)).toEqual(SUCCEEDED);
      expect((await rowOf(b, peerId)).thumbprint).toBe(thumbprint);
      await eventually('the other shows it', async () => {
        const { instance } = await there.query<{ instance: { thumbprint: string } }>(
          '{ instance { thumbprint } }',
        );
        return instance.thumbprint === thumbprint;
      });
    }
    expect(discoveries(relay)).toBe(2);
    await expectNeverRefused(b);
  });
});

const signedNames = new Set(['signature', 'signature-input', 'content-digest']);

describe('an announcement of a key', () => {
  let a: Instance;
  let served: Served;

  beforeAll(async () => {
    a = await startInstance('Archive');
    served = await serverAt(a.url);
  });
  afterAll(() => a?.[Symbol.asyncDispose]());

  /** A puller with the keys that it will have. */
  async function puller() {
    const client = createWireClient();
    const { createInvitation } = await a.query<{ createInvitation: { code: string } }>(
      'mutation { createInvitation(input: {}) { code } }',
    );
    const token: string = (await client.redeem(served, createInvitation.code)).body.credential.token;
    const change = (number: number, from: PrivateKey, to: PrivateKey) =>
      makeKeyChange(client.id, number, from, to);
    const announce = (keys: unknown, key: PrivateKey, path = `${ROOT}/keys`) =>
      client.ask(served, token, path, {
        method: 'POST',
        key,
        content: Buffer.from(JSON.stringify({ keys })),
      });
    const feed = async (key: PrivateKey) =>
      (await client.ask(served, token, `${ROOT}/media`, { key })).status;
    const row = () => a.app.database.prisma.peer.findFirstOrThrow({ where: { instanceId: client.id } });
    return { client, token, change, announce, feed, row };
  }

  const refusal = ({ status, body, verdict }: WireAnswer) => ({ status, code: body?.code, verdict });
  const REFUSED = { status: 401, code: 'signature-invalid', verdict: 'unsigned' };

  it('is followed from the pinned key, any number of steps, and changes nothing when it is repeated', async () => {
    const { client, change, announce, feed, row } = await puller();
    const [second, third] = [generateKey(), generateKey()];
    const chain = [change(1, client.key, second), change(2, second, third)];
    expect(await feed(third)).toBe(401);
    expect(await announce(chain, third)).toMatchObject({ status: 200, body: {}, verdict: 'signed' });
    const after = await row();
    expect(after.thumbprint).toBe(third.thumbprint);
    expect(JSON.parse(after.formerThumbprints)).toEqual([client.key.thumbprint, second.thumbprint]);
    expect(await announce(chain, third)).toMatchObject({ status: 200, verdict: 'signed' });
    expect(await row()).toEqual(after);
    expect(await feed(third)).toBe(200);
    expect(await feed(client.key)).toBe(401);
    expect(await feed(second)).toBe(401);
  });

  it('is followed on its own route alone, and only with the signature of the key at its end', async () => {
    const { client, change, announce, row } = await puller();
    const [second, thief] = [generateKey(), generateKey()];
    const chain = [change(1, client.key, second)];
    const before = await row();
    expect(refusal(await announce(chain, second, `${ROOT}/credentials`))).toEqual(REFUSED);
    expect(refusal(await announce(chain, client.key))).toEqual(REFUSED);
    expect(refusal(await announce(chain, thief))).toEqual(REFUSED);
    // Chains that do not lead from the pinned key, or not in good order.
    const stranger = generateKey();
    for (const keys of [
      [change(1, stranger, second)],
      [change(2, client.key, second), change(1, second, thief)],
      [{ ...chain[0], newSignature: 'A'.repeat(86) }],
      [makeKeyChange(served.id, 1, client.key, second)],
    ]) {
      expect(refusal(await announce(keys, second))).toEqual(REFUSED);
    }
    for (const keys of [[], null, 'chain', Array.from({ length: 65 }, () => chain[0])]) {
      expect(refusal(await announce(keys, second))).toMatchObject({ status: 400, verdict: 'unsigned' });
    }
    expect(await row()).toEqual(before);
  });

  it('that contradicts an earlier one alarms the admin, and is not followed', async () => {
    const { client, change, announce, feed, row } = await puller();
    const [second, thief] = [generateKey(), generateKey()];
    expect((await announce([change(1, client.key, second)], second)).status).toBe(200);
    expect(refusal(await announce([change(1, client.key, thief)], thief))).toEqual(REFUSED);
    const both = [change(1, client.key, second), change(1, client.key, thief)];
    expect(refusal(await announce(both, thief))).toEqual(REFUSED);
    const after = await row();
    expect(after).toMatchObject({ thumbprint: second.thumbprint, errorCode: 'PEER_IDENTITY' });
    expect(after.errorMessage).toMatch(/two different keys/i);
    expect(await feed(second)).toBe(200);
    expect(await feed(thief)).toBe(401);
    const alarms = (await audited(a, 'key.fork')).filter(({ peerId }) => peerId === after.id);
    expect(alarms[0]).toMatchObject({ outcome: 'refused', code: 'PEER_IDENTITY' });
  });

  it('of a key that is another peer already is refused', async () => {
    const one = await puller();
    const two = await puller();
    const chain = [one.change(1, one.client.key, two.client.key)];
    expect(refusal(await one.announce(chain, two.client.key))).toEqual({
      status: 409,
      code: 'pairing-key-mismatch',
      verdict: expect.any(String),
    });
    expect((await one.row()).thumbprint).toBe(one.client.key.thumbprint);
  });

  it('is taken after the grant has ended, but not after the peer was revoked', async () => {
    const { client, change, announce, row } = await puller();
    const second = generateKey();
    const { id, serveGrant } = await row();
    const until = '2026-01-01T00:00:00Z';
    await a.app.database.prisma.peer.update({
      where: { id },
      data: { serveGrant: JSON.stringify({ ...JSON.parse(serveGrant ?? ''), until }) },
    });
    const chain = [change(1, client.key, second)];
    expect((await announce(chain, second)).status).toBe(200);
    await a.query('mutation ($id: ID!) { revokePeer(input: {id: $id}) { userErrors { message } } }', { id });
    expect(refusal(await announce(chain, second))).toEqual({
      status: 401,
      code: 'revoked',
      verdict: 'signed',
    });
  });
});

describe('discovery', () => {
  it('is read by GET alone, and not without end from one address', async () => {
    let later = 0;
    await using a = await startInstance('Found', {}, { now: () => Date.now() + later });
    expect((await a.get('/.well-known/hedgerow', {}, 'HEAD')).status).toBe(405);
    const first = await a.get('/.well-known/hedgerow', { 'if-none-match': '*' });
    expect(first.status).toBe(200);
    expect(first.headers.etag).toBeUndefined();
    let last = first;
    for (let reads = 1; reads <= 300; reads++) last = await a.get('/.well-known/hedgerow');
    expect(last.status).toBe(429);
    expect(Number(last.headers['retry-after'])).toBeGreaterThan(0);
    expect(JSON.parse(last.body.toString())).toMatchObject({ code: 'rate-limited' });
    later = 61_000;
    expect((await a.get('/.well-known/hedgerow')).status).toBe(200);
  });
});

describe('what a peer says of itself', () => {
  it('is asked for once beside a pull, and a peer without a common protocol is incompatible', async () => {
    await using fake = await startFakePeer('Newer');
    fake.put('one');
    let protocols = ['2'];
    fake.misbehave = async (asked, honest) => {
      if (asked.path !== `${ROOT}/status`) return honest();
      const { kinds, tags, albums } = { kinds: null, tags: null, albums: null };
      return fake.signed(asked, 200, {
        cursor: 'AAAA',
        total: 0,
        checksum: '0000000000000000',
        grant: { kinds, tags, albums, access: 'originals', until: null },
        serverTime: new Date().toISOString(),
        software: { name: 'Newer', version: '9' },
        protocols,
        capabilities: ['events'],
      });
    };
    await using b = await startInstance('Older');
    const { pairWithPeer } = await b.query<{ pairWithPeer: { peer: { id: string } } }>(
      'mutation ($code: String!) { pairWithPeer(input: {invitation: $code}) { peer { id } userErrors { message } } }',
      { code: fake.invitation() },
    );
    const { id } = pairWithPeer.peer;
    await settled(b, id, 'INCOMPATIBLE');
    expect(await titles(b)).toEqual([]);
    protocols = ['1', '2'];
    expect(await pull(b, id)).toEqual(SUCCEEDED);
    protocols = ['2'];
    expect(await pull(b, id)).toEqual(SUCCEEDED);
    const row = await rowOf(b, id);
    expect(JSON.parse(row.remoteStatus ?? '')).toMatchObject({
      software: { name: 'Newer', version: '9' },
      protocols: ['2', '1'],
      capabilities: ['events'],
    });
    expect(fake.requests.filter((line) => line.endsWith('/status'))).toHaveLength(2);
  });
});
