/** Pairing over REST, between real instances: the same as in GraphQL, for who may, and for nobody else. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TokenScope } from '../src/access/viewer.ts';
import { type Instance, settled, startInstance } from './support/instance.ts';

const TOKENS = '/api/federation/generate-pairing-token';
const PAIR = '/api/federation/pair';
const PEERS = '/api/federation/peers';
const PASSWORD = 'correct horse battery';

let a: Instance;
let b: Instance;
beforeAll(async () => {
  a = await startInstance('Archive');
  b = await startInstance('Garden');
});
afterAll(async () => {
  await b?.[Symbol.asyncDispose]();
  await a?.[Symbol.asyncDispose]();
});

const json = ({ body }: { body: Buffer }) => JSON.parse(body.toString());

async function session(instance: Instance, role: 'ADMIN' | 'EDITOR' | 'VIEWER'): Promise<string> {
  const name = `${role.toLowerCase()}${crypto.randomUUID().slice(0, 8)}`;
  await instance.app.access.users.create({ name, role, password: PASSWORD });
  const answer = await instance.send(
    'POST',
    '/session',
    { name, password: PASSWORD },
    { authorization: undefined },
  );
  expect(answer.status).toBe(200);
  return [answer.headers['set-cookie']]
    .flat()
    .map((cookie) => cookie?.split(';', 1)[0])
    .join('; ');
}

async function bearer(instance: Instance, ...scopes: TokenScope[]): Promise<{ authorization: string }> {
  const { token } = await instance.app.access.tokens.create({ name: 'test', scopes });
  return { authorization: `Bearer ${token}` };
}

describe('pairing over REST', () => {
  it('makes a token, takes it, lists the peer with its real key, and ends it', async () => {
    const made = await a.send('POST', TOKENS);
    expect(made.status).toBe(200);
    expect(made.headers['cache-control']).toBe('no-store');
    const { id, token, expiresIn, ...rest } = json(made);
    expect({ expiresIn, rest }).toEqual({ expiresIn: '1 hour', rest: {} });
    expect(id).toMatch(/^pair_/);
    expect(token).toMatch(/^hedgerow_pair_/);
    const invitation = await a.app.database.prisma.invitation.findUniqueOrThrow({ where: { id } });
    expect(invitation.expiresAt.getTime() - invitation.createdAt.getTime()).toBe(3_600_000);

    const paired = await b.send('POST', PAIR, { endpoint: a.url, pairing_token: token, peer_name: 'Attic' });
    expect(paired.status).toBe(201);
    const peer = json(paired);
    expect(peer).toEqual({ id: expect.stringMatching(/^peer_/), peerName: 'Attic', endpoint: a.url });
    await settled(b, peer.id);

    const [listed, ...others] = json(await b.get(PEERS));
    expect(others).toEqual([]);
    const discovery = json(await a.get('/.well-known/hedgerow'));
    expect(listed).toEqual({
      id: peer.id,
      peer_name: 'Attic',
      endpoint: a.url,
      public_key: discovery.instance.publicKey.x,
      paired_at: expect.stringMatching(/^\d{4}-.*Z$/),
      revoked_at: null,
    });
    // Who made the token learns of the pairing, too.
    expect(json(await a.get(PEERS))).toMatchObject([
      { peer_name: 'Garden', public_key: json(await b.get('/.well-known/hedgerow')).instance.publicKey.x },
    ]);
    expect(json(await b.get(`${PEERS}/${peer.id}/agents`))).toEqual({ agents: [] });
    const agents = [{ name: 'Archivist', description: null, url: null, version: null, skills: ['sort'] }];
    await b.app.database.prisma.peer.update({
      where: { id: peer.id },
      data: { agents: JSON.stringify(agents) },
    });
    expect(json(await b.get(`${PEERS}/${peer.id}/agents`))).toEqual({ agents });

    const ended = await b.send('DELETE', `${PEERS}/${peer.id}`);
    expect({ status: ended.status, body: json(ended) }).toEqual({ status: 200, body: { ok: true } });
    expect(json(await b.send('DELETE', `${PEERS}/${peer.id}`))).toEqual({ ok: true });
    expect(json(await b.get(PEERS))).toEqual([]);
    expect((await b.get(`${PEERS}/${peer.id}/agents`)).status).toBe(404);
    const row = await b.app.database.prisma.peer.findUniqueOrThrow({ where: { id: peer.id } });
    expect(row).toMatchObject({ status: 'REVOKED', pairedAt: expect.any(Date), revokedAt: expect.any(Date) });

    // Used up, as everywhere.
    const again = await b.send('POST', PAIR, { endpoint: a.url, pairing_token: token });
    expect({ status: again.status, ...json(again) }).toMatchObject({ status: 409, code: 'invitation-used' });
  });

  it('lists the newest pairing first', async () => {
    await using third = await startInstance('Third');
    for (const from of [a, third]) {
      const { token } = json(await from.send('POST', TOKENS, {}));
      expect((await b.send('POST', PAIR, { pairing_token: token })).status).toBe(201);
    }
    const names = json(await b.get(PEERS)).map(({ peer_name }: { peer_name: string }) => peer_name);
    expect(names).toEqual(['Third', 'Archive']);
  });

  it.each([
    ['no JSON', '{', 400],
    ['a list', [], 400],
    ['no token', { endpoint: 'http://127.0.0.1:1' }, 400],
    ['a token that is no text', { pairing_token: 7 }, 400],
    ['an endpoint that is none', { pairing_token: 'x', endpoint: 7 }, 400],
  ])('refuses %s with a problem document', async (_what, body, status) => {
    const answer = await b.send('POST', PAIR, body);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(json(answer).code).toMatch(/^invalid$/);
  });

  it('is for admins where something changes, and for anybody who may read where it is read', async () => {
    const reading = await bearer(b, 'CATALOG_READ');
    const admin = await bearer(b, 'FEDERATION_ADMIN');
    const [peer] = json(await b.get(PEERS));
    const unsafe = [
      ['POST', TOKENS],
      ['POST', PAIR],
      ['DELETE', `${PEERS}/${peer.id}`],
    ] as const;
    for (const [method, path] of unsafe) {
      expect((await b.send(method, path, {}, { authorization: undefined })).status).toBe(401);
      expect((await b.send(method, path, {}, reading)).status).toBe(403);
      const viewer = { authorization: undefined, cookie: await session(b, 'VIEWER') };
      expect((await b.send(method, path, {}, viewer)).status).toBe(403);
    }
    expect((await b.send('POST', TOKENS, {}, admin)).status).toBe(200);
    for (const path of [PEERS, `${PEERS}/${peer.id}/agents`]) {
      expect((await b.get(path, reading)).status).toBe(200);
      const cookie = await session(b, 'VIEWER');
      expect((await fetch(`${b.url}${path}`, { headers: { cookie } })).status).toBe(200);
      expect((await fetch(`${b.url}${path}`)).status).toBe(401);
      expect((await b.get(path, admin)).status).toBe(403);
      expect((await b.get(path, { authorization: 'Bearer hedgerow_nobody' })).status).toBe(401);
    }
    expect(json(await b.get(PEERS)).length).toBe(2);
  });

  it('shows those peers only whose items somebody may see', async () => {
    const { prisma } = b.app.database;
    const [hidden, shown] = json(await b.get(PEERS));
    await prisma.peer.update({ where: { id: hidden.id }, data: { audience: 'ADMINS' } });
    const viewer = await b.app.access.users.create({ name: 'Vera', role: 'VIEWER', password: PASSWORD });
    const { token } = await b.app.access.tokens.create({
      name: 'hers',
      scopes: ['CATALOG_READ'],
      userId: viewer.user.id,
    });
    const hers = { authorization: `Bearer ${token}` };
    expect(json(await b.get(PEERS, hers)).map(({ id }: { id: string }) => id)).toEqual([shown.id]);
    expect((await b.get(`${PEERS}/${hidden.id}/agents`, hers)).status).toBe(404);
  });

  it('takes no request of a page of another site', async () => {
    const cookie = await session(b, 'ADMIN');
    const ours = { authorization: undefined, cookie };
    expect((await b.send('POST', TOKENS, {}, ours)).status).toBe(200);
    for (const foreign of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      for (const [method, path] of [
        ['POST', TOKENS],
        ['POST', PAIR],
        ['DELETE', `${PEERS}/peer_x`],
      ] as const) {
        expect((await b.send(method, path, {}, { ...ours, ...foreign })).status).toBe(403);
      }
    }
  });

  it('does not know a peer that is not there', async () => {
    const answer = await b.send('DELETE', `${PEERS}/peer_nowhere`);
    expect({ status: answer.status, code: json(answer).code }).toEqual({ status: 404, code: 'not-found' });
  });

  it('is not there where federation is switched off', async () => {
    await using off = await startInstance('Off', { HEDGEROW_FEDERATION: 'off' });
    expect((await off.send('POST', TOKENS, {})).status).toBe(404);
    expect((await off.send('POST', PAIR, {})).status).toBe(404);
    expect((await off.send('DELETE', `${PEERS}/peer_x`)).status).toBe(404);
    expect((await off.get(PEERS)).status).toBe(404);
    expect((await off.get(`${PEERS}/peer_x/agents`)).status).toBe(404);
  });
});
