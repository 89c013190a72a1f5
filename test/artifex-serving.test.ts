/** Servers of other make that pull from this one: what their token opens, and what it never does. */

import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addPeer } from './support/add-peer.ts';
import { refresh, shownItems, titlesOf, viewPeer } from './support/dialect-contract.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';

let garden: Instance;
const LISTS = ['/federation/images', '/federation/v1/images'];

beforeAll(async () => {
  garden = await startInstance('Garden');
  await garden.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
  await garden.app.library.importFiles({ paths: [join(SAMPLES, 'coast')], visibility: 'INSTANCE' });
});
afterAll(() => garden?.[Symbol.asyncDispose]());

interface Credential {
  peer: { id: string } | null;
  token: string | null;
  userErrors: { code: string; field: string[] | null; message: string }[];
}

async function credential(name: string, input: Record<string, unknown> = {}): Promise<Credential> {
  const { createPeerCredential } = await garden.query<{ createPeerCredential: Credential }>(
    `mutation ($input: CreatePeerCredentialInput!) { createPeerCredential(input: $input) {
      peer { id dialect verified operations { pull { lag } serve { mediaCount } } } token userErrors { code field message } } }`,
    { input: { name, dialect: 'ARTIFEX', ...input } },
  );
  return createPeerCredential;
}

async function issued(
  name: string,
  input: Record<string, unknown> = {},
): Promise<{ id: string; token: string }> {
  const { peer, token, userErrors } = await credential(name, input);
  if (peer === null || token === null) throw new Error(JSON.stringify(userErrors));
  return { id: peer.id, token };
}

async function ask(path: string, token: string | string[] | null, headers: Record<string, string> = {}) {
  const answer = await request(garden.url + path, {
    headers: { ...headers, ...(token !== null && { 'x-federation-token': token }) },
  });
  const body = Buffer.from(await answer.body.arrayBuffer());
  const json = String(answer.headers['content-type']).includes('json') ? JSON.parse(body.toString()) : null;
  return { status: answer.statusCode, headers: answer.headers, body, json };
}

describe('a credential for a server of another make', () => {
  it('is shown once, is recognisable, and is kept as a hash', async () => {
    const { peer, token } = await credential('Prints');
    expect(token).toMatch(/^hedgerow_artifex_[A-Za-z0-9_-]{43}$/);
    expect(peer).toMatchObject({ dialect: 'ARTIFEX', verified: false, operations: { pull: null } });
    const rows = JSON.stringify(
      [
        await garden.app.database.prisma.peer.findMany(),
        await garden.app.database.prisma.peerCredential.findMany(),
        await garden.app.database.prisma.auditEvent.findMany(),
      ],
      (_key, value) => (typeof value === 'bigint' ? String(value) : value),
    );
    expect(rows).not.toContain(token);
    expect(rows).not.toContain(token?.slice('hedgerow_artifex_'.length));
  });

  it('is made for dialects that are served, and for no others', async () => {
    for (const [dialect, words] of [
      ['HEDGEROW', /invitation/],
      ['APPKASK', /only pulled/],
    ] as const) {
      const { peer, token, userErrors } = await credential('X', { dialect });
      expect([peer, token]).toEqual([null, null]);
      expect(userErrors).toMatchObject([
        { code: 'INVALID', field: ['dialect'], message: expect.stringMatching(words) },
      ]);
    }
    expect((await credential('')).userErrors).toMatchObject([{ code: 'INVALID', field: ['name'] }]);
  });

  it('opens the list and the pictures in it, and nothing that is not for peers', async () => {
    const { token } = await issued('Prints');
    const { prisma } = garden.app.database;
    const shared = await prisma.item.findMany({ where: { visibility: { gte: 2 }, kind: 0 } });
    const own = await prisma.item.findMany({ where: { visibility: 1 } });
    expect(own.length).toBeGreaterThan(0);
    for (const path of LISTS) {
      const { status, headers, json } = await ask(path, token);
      expect(status).toBe(200);
      expect(headers['cache-control']).toContain('private');
      expect(json.peer).toEqual({ name: 'Garden', id: expect.stringMatching(/^inst_/) });
      expect(json.images.map(({ id }: { id: string }) => id).sort()).toEqual(
        shared.map(({ id }) => id).sort(),
      );
      expect(Object.keys(json.images[0]).sort()).toEqual(['height', 'id', 'thumbnail_url', 'title', 'width']);
    }
    const [image] = shared;
    for (const variant of ['thumbnail', 'preview', 'original', 'full']) {
      const { status, body, headers } = await ask(`/images/${image?.id}/${variant}`, token);
      expect([variant, status]).toEqual([variant, 200]);
      expect(body.length).toBeGreaterThan(100);
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
    const part = await ask(`/images/${image?.id}/original`, token, { range: 'bytes=0-9' });
    expect([part.status, part.body.length]).toEqual([206, 10]);
    for (const path of [
      `/images/${own[0]?.id}/thumbnail`,
      '/images/media_none/thumbnail',
      `/images/${image?.id}/segments`,
    ]) {
      expect([path, (await ask(path, token)).status]).toEqual([path, 404]);
    }
  });

  it('opens no route of another dialect, nor of people, and no other token opens its own', async () => {
    const { token } = await issued('Prints');
    for (const path of [
      '/federation/v1/media',
      '/federation/v1/status',
      '/federation/v1/agents',
      '/federation/v1/events',
    ]) {
      const answer = await ask(path, null, { authorization: `Bearer ${token}` });
      expect([path, answer.status, answer.json?.code]).toEqual([path, 401, 'credential-refused']);
    }
    const people = await ask('/media/x/thumbnail', null, { authorization: `Bearer ${token}` });
    expect(people.status).toBe(401);
    const graphql = await request(`${garden.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ instance { id } }' }),
    });
    expect(graphql.statusCode).toBe(401);
    await graphql.body.dump();
    const other = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    const strangers = [
      null,
      '',
      'x',
      other,
      token.toUpperCase(),
      `hedgerow_peer_${token.slice(-43)}`,
      [token, token],
    ];
    for (const path of [...LISTS, '/images/x/thumbnail']) {
      for (const stranger of strangers) {
        const answer = await ask(path, stranger);
        expect([path, stranger, answer.status]).toEqual([path, stranger, 401]);
        expect(answer.json.code).toBe('credential-refused');
      }
      const elsewhere = await ask(`${path}?token=${token}`, null, { authorization: `Bearer ${token}` });
      expect(elsewhere.status).toBe(401);
    }
  });

  it('narrows by its grant what is listed and what is given', async () => {
    const { token: nothing } = await issued('Nothing', { grant: { kinds: [], access: 'ORIGINALS' } });
    expect((await ask('/federation/images', nothing)).json.images).toEqual([]);
    const all = (await ask('/federation/images', (await issued('All')).token)).json.images as {
      id: string;
    }[];
    const tagged = await garden.app.database.prisma.itemTag.findFirstOrThrow({
      where: { item: { visibility: 2, kind: 0 } },
    });
    const { token: tag } = await issued('Tag', { grant: { tags: [tagged.tag], access: 'ORIGINALS' } });
    const narrowed = (await ask('/federation/images', tag)).json.images as { id: string }[];
    expect(narrowed.length).toBeGreaterThan(0);
    expect(narrowed.length).toBeLessThan(all.length);
    const outside = all.find(({ id }) => !narrowed.some((each) => each.id === id));
    expect((await ask(`/images/${outside?.id}/thumbnail`, tag)).status).toBe(404);
    const { token: previews } = await issued('Previews', { grant: { access: 'PREVIEWS' } });
    const { token: metadata } = await issued('Metadata', { grant: { access: 'METADATA' } });
    const id = all[0]?.id;
    for (const [token, variant, status] of [
      [previews, 'thumbnail', 200],
      [previews, 'preview', 200],
      [previews, 'original', 404],
      [previews, 'full', 404],
      [metadata, 'thumbnail', 404],
      [metadata, 'original', 404],
    ] as const) {
      expect([variant, (await ask(`/images/${id}/${variant}`, token)).status]).toEqual([variant, status]);
    }
    expect((await ask('/federation/images', metadata)).json.images.length).toBe(all.length);
  });

  it('keeps to the limits of its peer', async () => {
    const { id, token } = await issued('Hasty');
    await garden.query(
      'mutation ($id: ID!) { updatePeer(input: {id: $id, limits: {requestsPerMinute: 5}}) { userErrors { code } } }',
      { id },
    );
    const statuses: number[] = [];
    for (let requests = 0; requests < 30; requests += 1)
      statuses.push((await ask('/federation/images', token)).status);
    expect(statuses[0]).toBe(200);
    expect(statuses).toContain(429);
    const refused = await ask('/federation/images', token);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    // Others are not held up by it.
    expect((await ask('/federation/images', (await issued('Patient')).token)).status).toBe(200);
  });

  it('is audited like any peer, and ends with the revocation at once', async () => {
    const { id, token } = await issued('Prints');
    const [image] = (await ask('/federation/images', token)).json.images;
    await ask(`/images/${image.id}/thumbnail`, token);
    await garden.query('mutation ($id: ID!) { revokePeer(input: {id: $id}) { userErrors { code } } }', {
      id,
    });
    for (const path of [...LISTS, `/images/${image.id}/thumbnail`]) {
      const { status, json } = await ask(path, token);
      expect([path, status, json.code]).toEqual([path, 401, 'revoked']);
    }
    const events = await eventually('the audit', async () => {
      const rows = await garden.app.database.prisma.auditEvent.findMany({ where: { peerId: id } });
      const refused = rows.some(({ outcome, code }) => outcome === 'refused' && code === 'REVOKED');
      return refused && rows.some(({ action }) => action === 'media.served') && rows;
    });
    const served = events.find(({ action }) => action === 'media.served');
    expect(served).toMatchObject({ actorKind: 'PEER', actor: id, target: image.id });
    expect(Number(served?.bytes)).toBeGreaterThan(100);
    expect(events.map(({ action }) => action)).toContain('credential.created');
  });
});

describe('two servers of this make, in the dialect of another', () => {
  it('are peers like others: items, bytes, the proxy, and the end of it', async () => {
    const home = await startInstance('Home');
    try {
      const { id, token } = await issued('Home');
      const peerId = await addPeer(home, { endpoint: garden.url, token, dialect: 'ARTIFEX' });
      await settled(home, peerId);
      const images = (await ask('/federation/images', token)).json.images as { id: string; title: string }[];
      expect(await titlesOf(home, peerId)).toEqual(
        images.map(({ title }) => title).sort((x, y) => x.localeCompare(y)),
      );
      const [item] = await shownItems(home, peerId);
      const original = await ask(`/images/${item?.remoteId}/original`, token);
      for (const path of [
        `/media/${item?.id}/original`,
        `/federation/proxy/${peerId}/${item?.remoteId}/original`,
      ]) {
        const answer = await home.get(path);
        expect([path, answer.status]).toEqual([path, 200]);
        expect(answer.body.equals(original.body)).toBe(true);
        expect(answer.headers['content-type']).toBe(original.headers['content-type']);
      }
      expect(await viewPeer(home, peerId)).toMatchObject({ health: 'ONLINE', verified: false });
      await garden.query('mutation ($id: ID!) { revokePeer(input: {id: $id}) { userErrors { code } } }', {
        id,
      });
      // Nothing that it says is signed, so it is believed no more than that it refuses.
      expect((await refresh(home, peerId)).health).toBe('AUTH_FAILED');
      expect((await shownItems(home, peerId)).length).toBe(images.length);
    } finally {
      await home[Symbol.asyncDispose]();
    }
  });

  it('does not pass on what it pulled', async () => {
    const home = await startInstance('Home');
    try {
      const peerId = await pair(garden, home);
      await settled(home, peerId);
      const { createPeerCredential } = await home.query<{ createPeerCredential: { token: string } }>(
        'mutation { createPeerCredential(input: {name: "Prints", dialect: ARTIFEX}) { token } }',
      );
      const answer = await home.get('/federation/images', {
        'x-federation-token': createPeerCredential.token,
      });
      expect(JSON.parse(answer.body.toString()).images).toEqual([]);
      const [item] = await shownItems(home, peerId);
      const bytes = await home.get(`/images/${item?.id}/thumbnail`, {
        'x-federation-token': createPeerCredential.token,
      });
      expect(bytes.status).toBe(404);
    } finally {
      await home[Symbol.asyncDispose]();
    }
  });
});
