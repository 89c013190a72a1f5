/** The audit and agents between real instances, one of them on PostgreSQL. */

import { join } from 'node:path';
import { Writable } from 'node:stream';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../src/access/audit-log.ts';
import { sql } from '../src/database/sql.ts';
import { createLog } from '../src/log.ts';
import { newPostgresUrl } from './support/databases.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { createWireClient, serverAt } from './support/wire-client.ts';

const PASSWORD = 'a-long-password-of-the-garden';

let garden: Instance;
let meadow: Instance;
/** Meadow's id of Garden. */
let gardenId: string;
beforeAll(async () => {
  garden = await startInstance('Garden');
  meadow = await startInstance('Meadow', { HEDGEROW_DATABASE_URL: await newPostgresUrl() });
  await garden.app.library.importFiles({
    paths: [join(SAMPLES, 'garden')],
    visibility: 'PEERS',
    onProgress: () => {},
    onFile: () => {},
  });
  gardenId = await pair(garden, meadow);
  await settled(meadow, gardenId);
});
afterAll(async () => {
  await meadow?.[Symbol.asyncDispose]();
  await garden?.[Symbol.asyncDispose]();
});

async function events(
  instance: Instance,
  filter: Parameters<Instance['app']['graphql']['auditLog']['page']>[0] = {},
) {
  await instance.app.audit.flush();
  const all: AuditEvent[] = [];
  for await (const page of instance.app.graphql.auditLog.all(filter)) all.push(...page);
  return all;
}

describe('the audit of an instance', () => {
  it('tells on both sides who paired with whom', async () => {
    const [made] = await events(garden, { actions: ['createInvitation'] });
    expect(made).toMatchObject({
      actorKind: 'TOKEN',
      actor: 'environment',
      outcome: 'done',
      address: '127.0.0.1',
    });
    expect(made?.target).toMatch(/^pair_/);
    const [peer] = await garden.app.database.prisma.peer.findMany();
    expect(await events(garden, { actions: ['pairing.redeem'] })).toMatchObject([
      { actorKind: 'PEER', actor: peer?.id, target: made?.target, outcome: 'done' },
    ]);
    expect(await events(meadow, { actions: ['pairWithPeer'] })).toMatchObject([
      { actorKind: 'TOKEN', target: gardenId, peerId: gardenId, outcome: 'done' },
    ]);
  });

  it('counts by peer, item and variant what left for it, and nothing of what our own people look at', async () => {
    const { media } = await meadow.query<{
      media: { nodes: { id: string; remoteId: string; byteSize: string }[] };
    }>('{ media(origin: REMOTE) { nodes { id ... on RemoteMedia { remoteId } byteSize } } }');
    const [item] = media.nodes;
    expect((await meadow.get(`/media/${item?.id}/original`)).status).toBe(200);
    expect((await garden.get(`/media/${item?.remoteId}/original`)).status).toBe(200);
    const [peer] = await garden.app.database.prisma.peer.findMany();
    const left = await eventually('the bytes in the audit', async () => {
      const rows = await events(garden, { actions: ['media.served'] });
      return rows.some(({ detail }) => detail?.['variant'] === 'original') && rows;
    });
    for (const row of left)
      expect(row).toMatchObject({ actorKind: 'PEER', actor: peer?.id, peerId: peer?.id });
    const originals = left.filter(({ detail }) => detail?.['variant'] === 'original');
    expect(originals.map(({ target, bytes }) => [target, bytes])).toEqual([
      [item?.remoteId, Number(item?.byteSize)],
    ]);
    expect(await events(meadow, { actions: ['media.served'] })).toEqual([]);
  });

  it('tells refusals by code, and holds a flood of them to a row', async () => {
    const stranger = createWireClient();
    const served = await serverAt(garden.url);
    const { createInvitation } = await garden.query<{ createInvitation: { code: string } }>(
      'mutation { createInvitation(input: {}) { code } }',
    );
    const wrong = { proof: Buffer.alloc(64, 1).toString('base64url') };
    for (let time = 0; time < 30; time++) await stranger.redeem(served, createInvitation.code, wrong);
    const token = `hedgerow_peer_${Buffer.alloc(32, 1).toString('base64url')}`;
    for (let time = 0; time < 30; time++) await stranger.ask(served, token, '/federation/v1/media');
    const refused = await events(garden, { actorKinds: ['ANONYMOUS'] });
    const byAction = (action: string) =>
      refused
        .filter((row) => row.action === action)
        .map(({ code, address, detail }) => [code, address, detail?.['count']]);
    // The answer says RATE_LIMITED from some attempt on; the audit says what each was refused for.
    expect(byAction('pairing.redeem')).toEqual([['SIGNATURE_INVALID', '127.0.0.1', 30]]);
    expect(byAction('federation.request')).toEqual([['CREDENTIAL_REFUSED', '127.0.0.1', 30]]);
  });

  it('tells who signed in, who failed to, and who set a password, without a name or word that was typed', async () => {
    const { user, setupUrl } = await garden.app.accounts.addUser({ name: 'Robin', role: 'ADMIN' });
    const post = (path: string, body: object, headers: Record<string, string> = {}) =>
      request(`${garden.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
    const link = new URL(setupUrl ?? '').hash.slice('#token='.length);
    expect((await post('/password', { token: link, password: PASSWORD })).statusCode).toBe(200);
    const session = await post('/session', { name: 'Robin', password: PASSWORD });
    const cookie = [session.headers['set-cookie']].flat()[0]?.split(';')[0] ?? '';
    expect((await post('/session', { name: 'Robin', password: 'wrong-password-entirely' })).statusCode).toBe(
      401,
    );
    expect((await post('/session', { name: 'hunter2-the-password', password: 'Robin' })).statusCode).toBe(
      401,
    );
    expect((await post('/password', { token: link, password: PASSWORD })).statusCode).toBe(404);
    await request(`${garden.url}/session`, { method: 'DELETE', headers: { cookie } });

    const seen = await eventually('all of it', async () => {
      const rows = await events(garden, {
        actions: ['session.begin', 'session.end', 'password.set-by-link', 'terminal.addUser'],
      });
      return rows.length >= 8 && rows;
    });
    const shown = seen.map(({ actorKind, actor, action, target, outcome, code }) =>
      [actorKind, actor, action, target, outcome, code].join(' '),
    );
    expect(shown.sort()).toEqual(
      [
        `TOKEN service terminal.addUser ${user.id} done `,
        `USER ${user.id} password.set-by-link ${user.id} done `,
        // Setting a password signs in, and so does signing in.
        `USER ${user.id} session.begin ${user.id} done `,
        `USER ${user.id} session.begin ${user.id} done `,
        `ANONYMOUS  session.begin ${user.id} refused UNAUTHENTICATED`,
        'ANONYMOUS  session.begin  refused UNAUTHENTICATED',
        'ANONYMOUS  password.set-by-link  refused NOT_FOUND',
        `USER ${user.id} session.end ${user.id} done `,
      ].sort(),
    );
    expect(JSON.stringify(seen)).not.toMatch(/hunter2|wrong-password|Robin/);
    expect(
      seen
        .filter(({ action }) => action !== 'terminal.addUser')
        .every(({ address }) => address === '127.0.0.1'),
    ).toBe(true);
  });

  it('tells that tokens were tried, and none of them', async () => {
    for (const token of ['hedgerow_api_guess-one', 'hedgerow_api_guess-two']) {
      const answer = await garden.get('/media/media_1/original', { authorization: `Bearer ${token}` });
      expect(answer.status).toBe(401);
    }
    const tried = await eventually('both', async () => {
      const rows = await events(garden, { actions: ['token.use'] });
      return rows[0]?.detail?.['count'] === 2 && rows;
    });
    expect(tried).toMatchObject([{ actorKind: 'ANONYMOUS', code: 'UNAUTHENTICATED', address: '127.0.0.1' }]);
    expect(JSON.stringify(tried)).not.toContain('guess');
  });

  it('tells an unsafe request of a route that nobody thought of', async () => {
    const answer = await request(`${garden.url}/internal/import`, { method: 'POST' });
    expect(answer.statusCode).toBe(401);
    // Those of the terminal are told as commands; a stranger's never came so far.
    expect(await events(garden, { actions: ['POST /internal/import'] })).toEqual([]);
    expect((await events(garden, { actions: ['terminal.import'] })).length).toBe(1);
  });

  it('is exported line by line to admins, under the same filters, and says that it was', async () => {
    const ndjson = await garden.get('/audit.ndjson?actorKinds=TOKEN,USER&actions=createInvitation');
    expect(ndjson.headers['content-type']).toBe('application/x-ndjson');
    const lines = ndjson.body
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const expected = await events(garden, { actions: ['createInvitation'] });
    expect(lines).toEqual(expected.map((event) => ({ ...event, at: new Date(event.at).toISOString() })));
    const [exported] = await events(garden, { actions: ['audit.export'] });
    expect(exported).toMatchObject({
      actorKind: 'TOKEN',
      actor: 'environment',
      detail: { format: 'ndjson' },
    });

    const csv = await garden.get('/audit.csv');
    expect(csv.headers['content-type']).toMatch(/^text\/csv/);
    expect(csv.headers['content-disposition']).toBe('attachment; filename="audit.csv"');
    const [head, ...rows] = csv.body.toString().trimEnd().split('\r\n');
    expect(head).toBe('id,at,actorKind,actor,action,target,peerId,outcome,code,address,bytes,detail');
    expect(rows.length).toBe((await events(garden)).length);

    expect((await garden.get('/audit.csv?actors=x')).status).toBe(400);
    expect((await garden.get('/audit.csv?gte=yesterday')).status).toBe(400);
    expect((await garden.get('/audit.csv', { authorization: '' })).status).toBe(401);
    const { token } = await garden.app.accounts.createToken({
      name: 'peers',
      scopes: ['FEDERATION_ADMIN', 'CATALOG_READ'],
    });
    expect((await garden.get('/audit.ndjson', { authorization: `Bearer ${token}` })).status).toBe(403);
  });

  it('goes on where it cannot be written, and the fault is in the log alone', async () => {
    let logged = '';
    const into = new Writable({
      write: (chunk, _encoding, done) => {
        logged += chunk;
        done();
      },
    });
    await using broken = await startInstance('Broken', {}, {}, createLog('info', into));
    await broken.app.database.write((tx) => tx.run(sql`DROP TABLE audit_events`));
    const { createInvitation } = await broken.query<{ createInvitation: { code: string | null } }>(
      'mutation { createInvitation(input: {}) { code } }',
    );
    expect(createInvitation.code).toMatch(/^hedgerow_pair_/);
    expect(logged).toMatch(/"level":50.*an event could not be written to the audit/);
  });
});

describe('agents', () => {
  const publish = (instance: Instance, agents: object[]) =>
    instance.query<{
      publishAgents: { instance: unknown; userErrors: { field: string[]; message: string }[] };
    }>(
      'mutation ($input: PublishAgentsInput!) { publishAgents(input: $input) { instance { agents { name } } userErrors { field message } } }',
      { input: { agents } },
    );
  const AGENT = {
    name: 'Tagger',
    description: 'Names birds.',
    url: 'https://example.org/tagger',
    version: '2',
    skills: ['birds'],
  };
  const agentsThere = async () => {
    const { node } = await meadow.query<{ node: { agents: object[] } }>(
      'query ($id: ID!) { node(id: $id) { ... on Peer { agents { name description url version skills } } } }',
      { id: gardenId },
    );
    return node.agents;
  };

  it('that nobody publishes are an empty list, which is no failure', async () => {
    expect(await agentsThere()).toEqual([]);
    await settled(meadow, gardenId);
    const { agentsAt } = await meadow.app.database.prisma.peer.findUniqueOrThrow({ where: { id: gardenId } });
    expect(agentsAt).not.toBeNull();
  });

  it('are refused where one breaks a limit, by its place, and then none is published', async () => {
    for (const [agents, field] of [
      [
        [AGENT, { name: 'x'.repeat(201) }],
        ['agents', '1', 'name'],
      ],
      [[{ ...AGENT, url: '/relative' }], ['agents', '0', 'url']],
      [[{ ...AGENT, skills: Array(101).fill('x') }], ['agents', '0', 'skills']],
      [Array(101).fill({ name: 'x' }), ['agents']],
    ] as const) {
      const { publishAgents } = await publish(garden, agents as object[]);
      expect(publishAgents).toMatchObject({ instance: null, userErrors: [{ field }] });
      expect(publishAgents.userErrors[0]?.message).toMatch(/^The .+\.$/);
    }
    expect((await garden.query<{ instance: object }>('{ instance { agents { name } } }')).instance).toEqual({
      agents: [],
    });
  });

  it('reach a peer when it is refreshed, and not with each pull', async () => {
    const { publishAgents } = await publish(garden, [AGENT, { name: 'Sorter' }]);
    expect(publishAgents).toEqual({
      instance: { agents: [{ name: 'Tagger' }, { name: 'Sorter' }] },
      userErrors: [],
    });
    const peer = await meadow.app.database.prisma.peer.findUniqueOrThrow({ where: { id: gardenId } });
    await meadow.app.database.prisma.peer.update({ where: { id: gardenId }, data: { agentsAt: new Date() } });
    expect(peer.agents).toBe('[]');
    expect(await agentsThere()).toEqual([]);
    await meadow.query('mutation ($id: ID!) { refreshPeer(input: { id: $id }) { pulls { id } } }', {
      id: gardenId,
    });
    await eventually('the agents of Garden', async () => (await agentsThere()).length === 2);
    expect(await agentsThere()).toEqual([
      AGENT,
      { name: 'Sorter', description: null, url: null, version: null, skills: [] },
    ]);
    await publish(garden, []);
    await meadow.query('mutation ($id: ID!) { refreshPeer(input: { id: $id }) { pulls { id } } }', {
      id: gardenId,
    });
    await eventually('no agents', async () => (await agentsThere()).length === 0);
  });

  it('are told to whoever is paired, signed, and to nobody else', async () => {
    await publish(garden, [AGENT]);
    const client = createWireClient();
    const served = await serverAt(garden.url);
    const { createInvitation } = await garden.query<{ createInvitation: { code: string } }>(
      'mutation { createInvitation(input: {}) { code } }',
    );
    const { body } = await client.redeem(served, createInvitation.code);
    const answer = await client.ask(served, body.credential.token, '/federation/v1/agents');
    expect(answer).toMatchObject({ status: 200, verdict: 'signed', body: { agents: [AGENT] } });
    expect((await request(`${garden.url}/federation/v1/agents`)).statusCode).toBe(401);
  });

  it('of a peer whose pairing has ended are shown no longer', async () => {
    await meadow.app.database.prisma.peer.update({
      where: { id: gardenId },
      data: { agents: JSON.stringify([AGENT]), hiddenSince: new Date() },
    });
    expect(await agentsThere()).toEqual([]);
  });
});
