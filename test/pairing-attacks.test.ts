/** What a redeemer, a puller or a listener may send: who gets in, and what each is told. */

import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { generatePeerToken } from '../src/federation/credentials.ts';
import { WHOLE_GRANT } from '../src/federation/grants.ts';
import { generateKey } from '../src/federation/identity/keys.ts';
import { parseInvitationCode } from '../src/federation/pairing/invitation-code.ts';
import { makeProof } from '../src/federation/pairing/proof.ts';
import { addChecksum, checksumTerm, EMPTY_CHECKSUM, formatChecksum } from '../src/lib/checksum.ts';
import { startFakePeer } from './support/fake-peer.ts';
import { type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { newItem } from './support/items.ts';
import {
  createWireClient,
  type Served,
  serverAt,
  type WireAnswer,
  type WireClient,
} from './support/wire-client.ts';

const FEED = '/federation/v1/media';
const STATUS = '/federation/v1/status';

async function invite(instance: Instance): Promise<string> {
  const { createInvitation } = await instance.query<{ createInvitation: { code: string } }>(
    'mutation { createInvitation(input: {}) { code userErrors { code message } } }',
  );
  return createInvitation.code;
}

const refusal = ({ status, body, verdict }: WireAnswer) => ({ status, code: body?.code, verdict });

/** A paired puller, and its token. */
async function paired(instance: Instance, served: Served): Promise<{ client: WireClient; token: string }> {
  const client = createWireClient();
  const answer = await client.redeem(served, await invite(instance));
  expect(answer.status).toBe(201);
  return { client, token: answer.body.credential.token };
}

const peersOf = (instance: Instance, client: WireClient) =>
  instance.app.database.prisma.peer.findMany({ where: { thumbprint: client.key.thumbprint } });

describe('an invitation', () => {
  let a: Instance;
  let served: Served;

  beforeAll(async () => {
    a = await startInstance('Archive');
    served = await serverAt(a.url);
  });
  afterAll(() => a?.[Symbol.asyncDispose]());

  const unused = async (code: string) => {
    const { id } = parseInvitationCode(code);
    const row = await a.app.database.prisma.invitation.findUniqueOrThrow({ where: { id } });
    return row.usedAt === null;
  };

  it('opens nothing for what was meant for another server, and stays unused', async () => {
    const client = createWireClient();
    const other = generateKey().thumbprint;
    for (const audience of [
      { id: served.id, thumbprint: other },
      { id: client.id, thumbprint: served.key.thumbprint },
    ]) {
      const code = await invite(a);
      const answer = await client.redeem(served, code, { body: { audience } });
      expect(refusal(answer)).toEqual({ status: 403, code: 'pairing-audience', verdict: 'signed' });
      expect(await unused(code)).toBe(true);
    }
    expect(await peersOf(a, client)).toEqual([]);
  });

  it('opens nothing without the proof of its holder, and stays unused', async () => {
    const client = createWireClient();
    const code = await invite(a);
    const { id, key } = parseInvitationCode(code);
    const subject = {
      invitation: id,
      inviter: served.key.thumbprint,
      redeemer: client.key.thumbprint,
      body: Buffer.from('{}'),
    };
    for (const proof of [
      'A'.repeat(86),
      makeProof(subject, key),
      makeProof({ ...subject, redeemer: generateKey().thumbprint }, key),
      makeProof(subject, generateKey()),
    ]) {
      const answer = await client.redeem(served, code, { proof });
      expect(refusal(answer)).toEqual({ status: 401, code: 'signature-invalid', verdict: 'signed' });
    }
    expect(await unused(code)).toBe(true);
    expect((await client.redeem(served, code)).status).toBe(201);
  });

  it('opens nothing where the body was altered on the way, or the signature is another’s', async () => {
    await using b = await startInstance('Fresh');
    const at = await serverAt(b.url);
    const client = createWireClient();
    const thief = createWireClient();
    const code = await invite(b);
    const { id, key } = parseInvitationCode(code);
    const body = {
      invitation: id,
      audience: { id: at.id, thumbprint: at.key.thumbprint },
      instance: { id: client.id, name: 'Wire', publicKey: client.key.jwk },
    };
    const altered = Buffer.from(JSON.stringify({ ...body, instance: { ...body.instance, name: 'Evil' } }));
    expect(refusal(await client.redeem(at, code, { sent: altered }))).toEqual({
      status: 401,
      code: 'signature-invalid',
      verdict: 'unsigned',
    });
    // A listener has seen the proof, and redeems with a key of its own.
    const sent = Buffer.from(JSON.stringify(body));
    const proof = makeProof(
      { invitation: id, inviter: at.key.thumbprint, redeemer: client.key.thumbprint, body: sent },
      key,
    );
    const stolen = await thief.redeem(at, code, { proof });
    expect(refusal(stolen)).toEqual({ status: 401, code: 'signature-invalid', verdict: 'signed' });
    // It names the other's key, and signs with its own.
    const named = await thief.redeem(at, code, {
      body: { instance: { id: thief.id, name: 'x', publicKey: client.key.jwk } },
    });
    expect(refusal(named)).toEqual({ status: 401, code: 'signature-invalid', verdict: 'unsigned' });
    expect((await client.redeem(at, code)).status).toBe(201);
  });

  it.each([
    ['the neutral element', '0100000000000000000000000000000000000000000000000000000000000000'],
    ['a point of order 2', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
    ['a point of order 4', '0000000000000000000000000000000000000000000000000000000000000000'],
    ['a point of order 8', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'],
    ['a key that is not canonical', 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
    ['no point of the curve', '0200000000000000000000000000000000000000000000000000000000000000'],
  ])('takes no key that is %s', async (_name, hex) => {
    await using b = await startInstance('Fresh');
    const at = await serverAt(b.url);
    const client = createWireClient();
    const x = Buffer.from(hex, 'hex').toString('base64url');
    const answer = await client.redeem(at, await invite(b), {
      body: { instance: { id: client.id, name: 'x', publicKey: { kty: 'OKP', crv: 'Ed25519', x } } },
    });
    expect(refusal(answer)).toEqual({ status: 403, code: 'pairing-key-refused', verdict: 'unsigned' });
  });

  it('that is not mutual takes no credential, and stays unused', async () => {
    const client = createWireClient();
    const code = await invite(a);
    const answer = await client.redeem(served, code, {
      body: { credential: { id: 'cred_1', token: generatePeerToken(), grant: WHOLE_GRANT } },
    });
    expect(refusal(answer)).toEqual({ status: 409, code: 'invitation-not-mutual', verdict: 'signed' });
    expect(await unused(code)).toBe(true);
  });

  it('is judged in order: what is wrong first is what is told', async () => {
    // Its wrong guesses count against the address, so it has a server of its own.
    await using fresh = await startInstance('Fresh');
    const at = await serverAt(fresh.url);
    const client = createWireClient();
    const weak = { kty: 'OKP', crv: 'Ed25519', x: Buffer.alloc(32).toString('base64url') };
    const instance = { id: client.id, name: 'x', publicKey: client.key.jwk };
    const audience = { id: client.id, thumbprint: at.key.thumbprint };
    const credential = { id: 'cred_1', token: generatePeerToken(), grant: WHOLE_GRANT };
    const ours = { ...instance, id: at.id };
    const proof = 'A'.repeat(86);
    const late = new Date(Date.now() - 3_600_000);
    const end = async (how: 'cancelled' | 'used') => {
      const code = await invite(fresh);
      if (how === 'used') expect((await createWireClient().redeem(at, code)).status).toBe(201);
      else await fresh.app.federation.cancelInvitation(parseInvitationCode(code).id);
      return code;
    };
    const steps: [string, Parameters<WireClient['redeem']>[2], string][] = [
      [
        'pairing-key-refused',
        { body: { instance: { ...ours, publicKey: weak }, audience }, proof, now: late },
        await end('used'),
      ],
      [
        'signature-invalid',
        { body: { instance: { ...ours, publicKey: generateKey().jwk }, audience }, now: late },
        await end('used'),
      ],
      ['clock-skew', { body: { instance: ours, audience, credential }, proof, now: late }, await end('used')],
      ['pairing-audience', { body: { instance: ours, audience, credential }, proof }, await end('used')],
      ['signature-invalid', { body: { instance: ours, credential }, proof }, await end('used')],
      ['invitation-used', { body: { instance: ours, credential } }, await end('used')],
      ['invitation-cancelled', { body: { instance: ours, credential } }, await end('cancelled')],
      ['invitation-not-mutual', { body: { instance: ours, credential } }, await invite(fresh)],
      ['pairing-own-instance', { body: { instance: ours } }, await invite(fresh)],
    ];
    for (const [index, [code, options, invitation]] of steps.entries()) {
      const answer = await client.redeem(at, invitation, options);
      expect([index, answer.body.code]).toEqual([index, code]);
    }
    expect(await peersOf(fresh, client)).toEqual([]);
  });

  it('is refused to a clock an hour off, with the time of the server', async () => {
    const client = createWireClient();
    const answer = await client.redeem(served, await invite(a), { now: new Date(Date.now() - 3_600_000) });
    expect(refusal(answer)).toEqual({ status: 401, code: 'clock-skew', verdict: 'signed' });
    expect(Math.abs(Date.parse(answer.body.serverTime) - Date.now())).toBeLessThan(60_000);
  });

  it('of a server without a visible name is shown under its id', async () => {
    const client = createWireClient();
    const body = { instance: { id: client.id, name: ' \u0000\u202e', publicKey: client.key.jwk } };
    expect((await client.redeem(served, await invite(a), { body })).status).toBe(201);
    expect((await peersOf(a, client))[0]?.name).toBe(client.id);
  });

  it('leaves the later credential working where both were made at the same moment', async () => {
    const moment = Date.now();
    await using b = await startInstance('Still clock', {}, { now: () => moment });
    const at = await serverAt(b.url);
    const client = createWireClient();
    const code = await invite(b);
    const first = (await client.redeem(at, code)).body.credential.token;
    const later = (await client.redeem(at, code)).body.credential.token;
    expect((await client.ask(at, first, STATUS)).status).toBe(200);
    expect((await client.ask(at, later, STATUS)).status).toBe(200);
    expect((await client.ask(at, first, STATUS)).status).toBe(401);
  });

  it('has no place for an Authorization', async () => {
    const client = createWireClient();
    const headers = { authorization: `Bearer ${generatePeerToken()}` };
    const answer = await client.redeem(served, await invite(a), { headers });
    expect(answer.status).toBe(401);
  });

  it('is not another server’s to make us our own peer', async () => {
    const client = createWireClient();
    const answer = await client.redeem(served, await invite(a), {
      body: { instance: { id: served.id, name: 'x', publicKey: client.key.jwk } },
    });
    expect(refusal(answer)).toEqual({ status: 403, code: 'pairing-own-instance', verdict: 'signed' });
  });

  it('whose answer was lost gives the same key another credential, until one is used', async () => {
    const client = createWireClient();
    const code = await invite(a);
    const first = (await client.redeem(served, code)).body.credential.token;
    const later = (await client.redeem(served, code)).body.credential.token;
    expect(later).not.toBe(first);
    expect((await peersOf(a, client)).length).toBe(1);
    const stranger = createWireClient();
    expect(refusal(await stranger.redeem(served, code))).toMatchObject({
      status: 409,
      code: 'invitation-used',
    });

    expect((await client.ask(served, later, STATUS)).status).toBe(200);
    expect(refusal(await client.ask(served, first, STATUS))).toEqual({
      status: 401,
      code: 'credential-refused',
      verdict: 'signed',
    });
    expect(refusal(await client.redeem(served, code))).toEqual({
      status: 409,
      code: 'invitation-used',
      verdict: 'signed',
    });
    expect((await client.ask(served, later, STATUS)).status).toBe(200);
  });

  it('whose first answer did arrive after all leaves the first credential working', async () => {
    const client = createWireClient();
    const code = await invite(a);
    const first = (await client.redeem(served, code)).body.credential.token;
    const later = (await client.redeem(served, code)).body.credential.token;
    expect((await client.ask(served, first, STATUS)).status).toBe(200);
    expect((await client.ask(served, first, STATUS)).status).toBe(200);
    expect((await client.ask(served, later, STATUS)).status).toBe(200);
    expect((await client.ask(served, first, STATUS)).status).toBe(401);
    expect(refusal(await client.redeem(served, code))).toMatchObject({ status: 409 });
  });

  it.each([
    ['before its credential was used', false],
    ['after its credential was used', true],
  ])('is of no use to a peer that was revoked %s', async (_when, use) => {
    const client = createWireClient();
    const code = await invite(a);
    const { token } = (await client.redeem(served, code)).body.credential;
    if (use) expect((await client.ask(served, token, STATUS)).status).toBe(200);
    const [peer] = await peersOf(a, client);
    await a.query('mutation ($id: ID!) { revokePeer(input: {id: $id}) { userErrors { code } } }', {
      id: peer?.id,
    });
    expect(refusal(await client.redeem(served, code))).toEqual({
      status: 409,
      code: 'invitation-used',
      verdict: 'signed',
    });
    expect((await peersOf(a, client)).map(({ status }) => status)).toEqual(['REVOKED']);
    expect(refusal(await client.ask(served, token, STATUS))).toEqual({
      status: 401,
      code: 'revoked',
      verdict: 'signed',
    });
  });

  it('of the same key again renews: the old credential goes on until the new one is used', async () => {
    const { client, token } = await paired(a, served);
    expect((await client.ask(served, token, STATUS)).status).toBe(200);
    const again = (await client.redeem(served, await invite(a))).body.credential.token;
    expect((await peersOf(a, client)).length).toBe(1);
    expect((await client.ask(served, token, STATUS)).status).toBe(200);
    expect((await client.ask(served, again, STATUS)).status).toBe(200);
    expect(refusal(await client.ask(served, token, STATUS))).toMatchObject({ code: 'credential-refused' });
  });

  it('limits who guesses, by address, and never who holds a code', async () => {
    await using b = await startInstance('Fresh');
    const at = await serverAt(b.url);
    const client = createWireClient();
    const code = await invite(b);
    const codes: number[] = [];
    for (let guess = 0; guess < 14; guess++) {
      const answer = await client.redeem(at, code, { proof: 'A'.repeat(86) });
      codes.push(answer.status);
      if (answer.status === 429) {
        expect(answer.body).toMatchObject({ code: 'rate-limited' });
        expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
        expect(answer.body.retryAfter).toBeLessThanOrEqual(60);
      }
    }
    expect(codes).toEqual([...Array(10).fill(401), ...Array(4).fill(429)]);
    expect((await client.redeem(at, code)).status).toBe(201);
    expect(refusal(await createWireClient().redeem(at, code))).toMatchObject({ code: 'invitation-used' });
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no JSON', Buffer.from('{')],
    ['a list', Buffer.from('[]')],
    ['JSON of 300 KiB', Buffer.from(JSON.stringify('x'.repeat(300 * 1024)))],
    ['JSON nested deeply', Buffer.from(`${'['.repeat(10_000)}${']'.repeat(10_000)}`)],
  ])('is not redeemed by %s', async (_name, sent) => {
    await using b = await startInstance('Fresh');
    const answer = await createWireClient().redeem(await serverAt(b.url), await invite(b), { sent });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect((await b.get('/healthz')).status).toBe(200);
  });
});

describe.each(['SQLite', 'PostgreSQL'] as const)('redemptions at the same time, on %s', (kind) => {
  let a: Instance;
  let served: Served;
  let drop: () => Promise<void> = async () => {};

  beforeAll(async () => {
    let settings = {};
    if (kind === 'PostgreSQL') {
      const name = `race_${crypto.randomUUID().replaceAll('-', '')}`;
      await administer(`CREATE DATABASE ${name}`);
      drop = () => administer(`DROP DATABASE ${name} WITH (FORCE)`);
      settings = { HEDGEROW_DATABASE_URL: `${inject('postgresUrl')}/${name}` };
    }
    a = await startInstance('Archive', settings);
    served = await serverAt(a.url);
  });
  afterAll(async () => {
    await a?.[Symbol.asyncDispose]();
    await drop();
  });

  it('by different keys: exactly one wins', async () => {
    const { prisma } = a.app.database;
    for (let round = 0; round < 60; round++) {
      const code = await invite(a);
      const clients = Array.from({ length: round < 5 ? 4 : 2 }, () => createWireClient());
      const before = await prisma.peerCredential.count();
      const answers = await Promise.all(clients.map((client) => client.redeem(served, code)));
      const won = answers.filter(({ status }) => status === 201);
      expect(won.length).toBe(1);
      for (const answer of answers.filter(({ status }) => status !== 201)) {
        expect(refusal(answer)).toEqual({ status: 409, code: 'invitation-used', verdict: 'signed' });
      }
      // Of the others nothing is left: no row and no credential.
      const rows = (await Promise.all(clients.map((client) => peersOf(a, client)))).flat();
      expect(rows.length).toBe(1);
      expect(await prisma.peerCredential.count()).toBe(before + 1);
      const winner = answers.findIndex(({ status }) => status === 201);
      expect(rows[0]?.thumbprint).toBe(clients[winner]?.key.thumbprint);
    }
  });

  it('by one key: one peer, and every answer is of use', async () => {
    for (let round = 0; round < 20; round++) {
      const code = await invite(a);
      const client = createWireClient();
      const answers = await Promise.all([1, 2, 3].map(() => client.redeem(served, code)));
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
      expect((await peersOf(a, client)).length).toBe(1);
      const { token } = answers[round % 3]?.body.credential ?? {};
      expect((await client.ask(served, token, STATUS)).status).toBe(200);
    }
  });

  it('and a withdrawal: one of the two holds, and the other is told so', async () => {
    const ends = new Set<string>();
    for (let round = 0; round < 30; round++) {
      const code = await invite(a);
      const client = createWireClient();
      const { id } = parseInvitationCode(code);
      const withdraw = () =>
        a.app.federation.cancelInvitation(id).then(
          () => 'withdrawn',
          (error: { code: string }) => error.code,
        );
      const redeem = () => client.redeem(served, code);
      // Either may be the first to arrive.
      const [answer, withdrawn] = await (round % 2 === 0
        ? Promise.all([redeem(), withdraw()])
        : Promise.all([withdraw(), redeem()]).then(([first, second]) => [second, first] as const));
      const end = `${answer.body.code ?? answer.status}, ${withdrawn}`;
      ends.add(end);
      expect(['201, INVITATION_USED', 'invitation-cancelled, withdrawn']).toContain(end);
      expect((await peersOf(a, client)).length).toBe(answer.status === 201 ? 1 : 0);
    }
    expect(ends.size).toBeGreaterThan(0);
  });

  it('of several invitations by one key: one peer', async () => {
    for (let round = 0; round < 5; round++) {
      const codes = await Promise.all([1, 2, 3].map(() => invite(a)));
      const client = createWireClient();
      const answers = await Promise.all(codes.map((code) => client.redeem(served, code)));
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
      expect((await peersOf(a, client)).length).toBe(1);
    }
  });
});

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: `${inject('postgresUrl')}/postgres` });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

describe('a request of a peer', () => {
  let a: Instance;
  let served: Served;
  let client: WireClient;
  let token: string;

  beforeAll(async () => {
    a = await startInstance('Archive');
    served = await serverAt(a.url);
    ({ client, token } = await paired(a, served));
  });
  afterAll(() => a?.[Symbol.asyncDispose]());

  it('is answered, signed and encoded as it asks', async () => {
    const answer = await client.ask(served, token, STATUS);
    expect(answer).toMatchObject({
      status: 200,
      verdict: 'signed',
      headers: { 'cache-control': 'private, no-transform' },
      body: { total: 0, checksum: '0000000000000000', protocols: ['1'] },
    });
  });

  it('with a token that was never known is refused, signed for the token', async () => {
    expect(refusal(await client.ask(served, generatePeerToken(), FEED))).toEqual({
      status: 401,
      code: 'credential-refused',
      verdict: 'signed-for-token',
    });
  });

  it.each<[string, (path: string) => Promise<WireAnswer>]>([
    ['signed with another key', (path) => client.ask(served, token, path, { key: generateKey() })],
    [
      'meant for another server',
      (path) => client.ask(served, token, path, { receiver: generateKey().thumbprint }),
    ],
    ['whose query was altered', (path) => client.ask(served, token, path, { path: `${path}?limit=1` })],
    ['whose path was altered', (path) => client.ask(served, token, STATUS, { path })],
    [
      'signed for another token',
      (path) =>
        client.ask(served, generatePeerToken(), path, {
          fields: (signed) => Object.entries({ ...signed, authorization: `Bearer ${token}` }),
        }),
    ],
    [
      'without a signature',
      (path) =>
        client.ask(served, token, path, {
          fields: ({ authorization = '' }) => [['authorization', authorization]],
        }),
    ],
    [
      'with two Authorizations',
      (path) =>
        client.ask(served, token, path, {
          fields: (signed) => [...Object.entries(signed), ['authorization', signed['authorization'] ?? '']],
        }),
    ],
    [
      'with two signatures',
      (path) =>
        client.ask(served, token, path, {
          fields: (signed) => [...Object.entries(signed), ['signature', signed['signature'] ?? '']],
        }),
    ],
    ['with a body', (path) => client.ask(served, token, path, { body: Buffer.from('{}') })],
    [
      'with a token in another scheme',
      (path) =>
        client.ask(served, token, path, {
          fields: (signed) => Object.entries({ ...signed, authorization: `Basic ${token}` }),
        }),
    ],
  ])('%s is refused, and nothing about it is signed', async (_name, ask) => {
    const answer = await ask(FEED);
    expect(answer.status).toBe(401);
    expect(['signature-invalid', 'credential-refused']).toContain(answer.body.code);
    expect(answer.verdict === 'signed').toBe(false);
    expect((await client.ask(served, token, STATUS)).status).toBe(200);
  });

  it.each([-301, -3600, 301, 86_400])('made %i s from now is told the time, signed', async (offset) => {
    const answer = await client.ask(served, token, FEED, {
      now: new Date(Date.now() + offset * 1000 + Math.sign(offset) * 900),
    });
    expect(refusal(answer)).toEqual({ status: 401, code: 'clock-skew', verdict: 'signed' });
    expect(Math.abs(Date.parse(answer.body.serverTime) - Date.now())).toBeLessThan(60_000);
  });

  it.each(['HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    'by %s is no request for the feed',
    async (method) => {
      const answer = await client.ask(served, token, FEED, { method });
      expect([404, 405]).toContain(answer.status);
    },
  );

  it.each([
    'limit=0',
    'limit=5001',
    'limit=-1',
    'limit=1e3',
    'limit=',
    'limit=1&limit=2',
    'after=',
    'after=a&after=b',
    'after=%00',
    'after=a.b',
    `after=${'a'.repeat(301)}`,
  ])('with ?%s is malformed', async (query) => {
    const answer = await client.ask(served, token, `${FEED}?${query}`);
    expect(refusal(answer)).toEqual({ status: 400, code: 'invalid', verdict: 'signed' });
  });

  it.each(['abc', 'A'.repeat(300)])('with the cursor %s, which nobody made, lists anew', async (after) => {
    const answer = await client.ask(served, token, `${FEED}?after=${after}`);
    expect(refusal(answer)).toEqual({ status: 410, code: 'cursor-expired', verdict: 'signed' });
    expect(answer.body.reason).toBe('restored');
  });

  it('with the cursor of another pair lists anew', async () => {
    const other = await paired(a, served);
    const { cursor } = (await other.client.ask(served, other.token, FEED)).body;
    expect((await other.client.ask(served, other.token, `${FEED}?after=${cursor}`)).status).toBe(200);
    const answer = await client.ask(served, token, `${FEED}?after=${cursor}`);
    expect(answer).toMatchObject({ status: 410, body: { code: 'cursor-expired', reason: 'restored' } });
  });

  it('of a revoked peer is told so, signed, on every route', async () => {
    const other = await paired(a, served);
    const [peer] = await peersOf(a, other.client);
    await a.query('mutation ($id: ID!) { revokePeer(input: {id: $id}) { userErrors { code } } }', {
      id: peer?.id,
    });
    for (const path of [FEED, STATUS, `${FEED}/x/original`, `${FEED}/x/original/segments`]) {
      expect(refusal(await other.client.ask(served, other.token, path))).toEqual({
        status: 401,
        code: 'revoked',
        verdict: 'signed',
      });
      expect(refusal(await other.client.ask(served, other.token, path, { key: generateKey() }))).toEqual({
        status: 401,
        code: 'signature-invalid',
        verdict: 'unsigned',
      });
    }
  });

  it('is limited by address where it proves nothing, and the peer itself is not', async () => {
    await using b = await startInstance('Fresh');
    const at = await serverAt(b.url);
    const other = await paired(b, at);
    const answers: number[] = [];
    for (let n = 0; n < 125; n++) answers.push((await client.ask(at, generatePeerToken(), FEED)).status);
    expect(answers.filter((status) => status === 401).length).toBe(120);
    expect(answers.slice(120)).toEqual([429, 429, 429, 429, 429]);
    expect((await other.client.ask(at, other.token, STATUS)).status).toBe(200);
  });
});

describe('the feed', () => {
  let a: Instance;
  let served: Served;
  let client: WireClient;
  let token: string;

  beforeAll(async () => {
    a = await startInstance('Archive');
    served = await serverAt(a.url);
    ({ client, token } = await paired(a, served));
  });
  afterAll(() => a?.[Symbol.asyncDispose]());

  // biome-ignore lint/suspicious/noExplicitAny: pages are asserted upon field by field
  const page = async (query = ''): Promise<any> => {
    const answer = await client.ask(served, token, `${FEED}${query === '' ? '' : `?${query}`}`);
    expect(answer).toMatchObject({ status: 200, verdict: 'signed' });
    return answer.body;
  };
  const titles = (items: { title: string }[]) => items.map(({ title }) => title);

  it('lists all that is shared, then only changes, each item once at its latest', async () => {
    const { local } = a.app.catalog;
    const [one, two, three] = await local.add(
      ['one', 'two', 'three', 'four', 'five'].map((title) => newItem({ title })),
    );
    await local.add([
      newItem({ title: 'private', visibility: 'PRIVATE' }),
      newItem({ title: 'instance', visibility: 'INSTANCE' }),
    ]);
    const whole: { id: string; version: string }[] = [];
    let query = 'limit=2';
    let last: Awaited<ReturnType<typeof page>>;
    for (let pages = 0; ; pages++) {
      last = await page(query);
      expect(last.items.length + last.removed.length).toBeLessThanOrEqual(2);
      whole.push(...last.items);
      if (last.complete) break;
      expect(last).not.toHaveProperty('checksum');
      expect(pages).toBeLessThan(4);
      query = `limit=2&after=${last.cursor}`;
    }
    expect(titles(whole as never)).toEqual(['one', 'two', 'three', 'four', 'five']);
    const sum = (items: { id: string; version: string }[]) =>
      formatChecksum(
        items.reduce(
          (total, { id, version }) => addChecksum(total, checksumTerm(id, version)),
          EMPTY_CHECKSUM,
        ),
      );
    expect(last).toMatchObject({ total: 5, checksum: sum(whole) });

    const still = await page(`after=${last.cursor}`);
    expect(still).toMatchObject({ items: [], removed: [], complete: true, total: 5 });

    await local.update(one?.id ?? '', { title: 'one again' });
    await local.update(one?.id ?? '', { title: 'one at last' });
    await local.setVisibility([two?.id ?? ''], 'INSTANCE');
    await local.remove([three?.id ?? '']);
    const [sixth] = await local.add([newItem({ title: 'six' })]);
    await local.remove([sixth?.id ?? '']);
    const changes = await page(`after=${last.cursor}`);
    expect(titles(changes.items)).toEqual(['one at last']);
    expect(changes.removed).toMatchObject([
      { id: two?.id, reason: 'unshared' },
      { id: three?.id, reason: 'deleted' },
      { id: sixth?.id, reason: 'deleted' },
    ]);
    const now = await page();
    expect(now).toMatchObject({ total: 3, checksum: sum(now.items), removed: [] });
    expect(changes).toMatchObject({ total: 3, checksum: now.checksum });

    // Shared again, it is an item again and no removal.
    await local.setVisibility([two?.id ?? ''], 'PUBLIC');
    const again = await page(`after=${changes.cursor}`);
    expect(titles(again.items)).toEqual(['two']);
    expect(again.removed).toEqual([]);
    const status = await client.ask(served, token, `${STATUS}?after=${changes.cursor}`);
    expect(status.body).toMatchObject({ behind: 1, total: 4 });
  });

  it('gives no bytes of what is not shared, nor tells that it is there', async () => {
    await a.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'INSTANCE' });
    const { prisma } = a.app.database;
    const hidden = await prisma.item.findFirstOrThrow({
      where: { visibility: 1, location: { not: 'originals/none' } },
    });
    const nowhere = await client.ask(served, token, `${FEED}/media_nowhere/original`);
    for (const variant of ['original', 'thumbnail', 'original/segments', 'nonsense']) {
      const answer = await client.ask(served, token, `${FEED}/${hidden.id}/${variant}`);
      expect(refusal(answer)).toEqual({ status: 404, code: 'not-found', verdict: 'signed' });
      expect(answer.body).toEqual(nowhere.body);
    }
    expect(JSON.stringify(await page())).not.toContain(hidden.id);
    await a.app.catalog.local.setVisibility([hidden.id], 'PEERS');
    const bytes = await client.ask(served, token, `${FEED}/${hidden.id}/original`);
    expect(bytes).toMatchObject({ status: 200, headers: { etag: `"${hidden.digest}"` } });
    const range = await client.ask(served, token, `${FEED}/${hidden.id}/original`, {
      fields: (signed) => [...Object.entries(signed), ['range', 'bytes=-5']],
    });
    expect(range.status).toBe(206);
    expect(range.bytes.equals(bytes.bytes.subarray(-5))).toBe(true);
    await a.app.catalog.local.setVisibility([hidden.id], 'PRIVATE');
    expect((await client.ask(served, token, `${FEED}/${hidden.id}/original`)).status).toBe(404);
  });

  it('passes nothing of a third on: neither in pages nor as bytes', async () => {
    await using third = await startInstance('Third');
    await third.app.library.importFiles({ paths: [join(SAMPLES, 'coast')], visibility: 'PUBLIC' });
    const peerId = await pair(third, a);
    await settled(a, peerId);
    const before = await page();
    const remote = await a.app.database.prisma.item.findMany({ where: { source: { not: 0 } } });
    expect(remote.length).toBeGreaterThan(0);
    const text = JSON.stringify(before);
    for (const item of remote) {
      expect(text).not.toContain(item.id);
      expect(text).not.toContain(item.remoteId);
      for (const id of [item.id, item.remoteId]) {
        expect((await client.ask(served, token, `${FEED}/${id}/original`)).status).toBe(404);
      }
    }
    await a.query('mutation ($id: ID!) { revokePeer(input: {id: $id}) { userErrors { code } } }', {
      id: peerId,
    });
    // What goes of a third is no removal of ours either.
    expect((await page(`after=${before.cursor}`)).removed).toEqual([]);
  });

  it('notices that the server was restored from a backup and went on another way', async () => {
    const { local } = a.app.catalog;
    await local.add([newItem({ title: 'before the backup' })]);
    const before = await page();
    await a.stop();
    const file = join(a.folder, 'data', 'hedgerow.db');
    await copyFile(file, `${file}.backup`);
    await a.start();
    await a.app.catalog.local.add([newItem({ title: 'lost' })]);
    const after = await page(`after=${before.cursor}`);
    expect(titles(after.items)).toEqual(['lost']);
    await a.stop();
    for (const suffix of ['-wal', '-shm']) await rm(`${file}${suffix}`, { force: true });
    await copyFile(`${file}.backup`, file);
    await a.start();
    // Restored, and nothing has changed since: what was known at the backup still holds.
    expect((await client.ask(served, token, `${FEED}?after=${before.cursor}`)).status).toBe(200);
    for (const step of ['nothing', 'as much', 'more']) {
      if (step !== 'nothing') await a.app.catalog.local.add([newItem({ title: step })]);
      const answer = await client.ask(served, token, `${FEED}?after=${after.cursor}`);
      expect(answer).toMatchObject({ status: 410, body: { code: 'cursor-expired', reason: 'restored' } });
    }
  });

  it('lists anew for who was away for longer than removals are kept', async () => {
    let now = Date.now();
    const days = (count: number) => count * 24 * 3_600_000;
    await using b = await startInstance('Slow clock', {}, { now: () => now });
    const at = await serverAt(b.url);
    const other = createWireClient();
    const code = await invite(b);
    const clock = () => ({ now: new Date(now) });
    const { credential } = (await other.redeem(at, code, clock())).body;
    const [kept, gone] = await b.app.catalog.local.add([
      newItem({ title: 'kept' }),
      newItem({ title: 'gone' }),
    ]);
    const first = (await other.ask(at, credential.token, FEED, clock())).body;
    await b.app.catalog.local.remove([gone?.id ?? '']);
    now += days(89);
    await b.stop();
    await b.start();
    const late = (await other.ask(at, credential.token, `${FEED}?after=${first.cursor}`, clock())).body;
    expect(late.removed).toMatchObject([{ id: gone?.id }]);
    now += days(2);
    await b.stop();
    await b.start();
    const tooLate = await other.ask(at, credential.token, `${FEED}?after=${first.cursor}`, clock());
    expect(tooLate).toMatchObject({ status: 410, body: { code: 'cursor-expired', reason: 'expired' } });
    const anew = (await other.ask(at, credential.token, FEED, clock())).body;
    expect(anew.items.map(({ id }: { id: string }) => id)).toEqual([kept?.id]);
    // Who came in time and found nothing new since is not sent back to the start.
    const idle = await other.ask(at, credential.token, `${FEED}?after=${late.cursor}`, clock());
    expect(idle.status).toBe(200);
  });
});

describe('a peer that invites us', () => {
  it.each<[string, Record<string, unknown>]>([
    ['another key in its answer than the one that signed', { publicKey: generateKey().jwk }],
    ['no instance id', { id: 'inst_x' }],
  ])('with %s is not taken', async (_name, parts) => {
    await using b = await startInstance('Home');
    await using fake = await startFakePeer();
    fake.misbehave = async (asked, honest) => {
      if (asked.method !== 'POST') return honest();
      return fake.signed(asked, 201, {
        instance: { id: fake.instanceId, name: 'x', publicKey: fake.key.jwk, ...parts },
        credential: { id: 'cred_1', token: generatePeerToken(), grant: WHOLE_GRANT },
        mutual: false,
      });
    };
    const { pairWithPeer } = await b.query<{ pairWithPeer: { userErrors: { code: string }[] } }>(
      'mutation ($input: PairWithPeerInput!) { pairWithPeer(input: $input) { userErrors { code } } }',
      { input: { invitation: fake.invitation() } },
    );
    expect(pairWithPeer.userErrors[0]?.code).toMatch(/PEER_IDENTITY|PEER_INVALID_ANSWER/);
    expect(await b.app.database.prisma.peer.count()).toBe(0);
  });
});
