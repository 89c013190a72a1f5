/** Where the way to a peer is broken: for each kind of fault the step that fails, and no other. */

import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DIAGNOSIS_STEPS, type DiagnosisResult } from '../src/federation/peers/diagnose.ts';
import { type FakePeer, startFakePeer } from './support/fake-peer.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';

const DIAGNOSE = `mutation ($id: ID!) { diagnosePeer(input: { id: $id }) {
  diagnosis { id state peer { id } } userErrors { code message } } }`;
const RESULTS = `query ($id: ID!) { node(id: $id) { ... on Diagnosis {
  state peer { id } results { step ok durationMs message } } } }`;

interface Diagnosis {
  state: string;
  peer: { id: string };
  results: DiagnosisResult[];
}

let home: Instance;
let fake: FakePeer;
let fakeId: string;

async function diagnosed(peerId: string): Promise<Diagnosis> {
  const { diagnosePeer } = await home.query<{ diagnosePeer: { diagnosis: { id: string; state: string } } }>(
    DIAGNOSE,
    { id: peerId },
  );
  return eventually('the end of a diagnosis', async () => {
    const { node } = await home.query<{ node: Diagnosis }>(RESULTS, { id: diagnosePeer.diagnosis.id });
    return node.state !== 'RUNNING' && node;
  });
}

/** The step that failed, with its sentence; every step before it went well or had nothing to try, none after it was tried. */
function failedStep({ state, results }: Diagnosis): { step: string; message: string | null } {
  expect(state).toBe('FAILED');
  expect(results.map(({ step }) => step)).toEqual(DIAGNOSIS_STEPS);
  const at = results.findIndex(({ ok }) => ok === false);
  expect(results.slice(0, at).every(({ ok }) => ok !== false)).toBe(true);
  expect(results.slice(at + 1).every(({ ok, durationMs }) => ok === null && durationMs === null)).toBe(true);
  return { step: results[at]?.step ?? 'none', message: results[at]?.message ?? null };
}

async function setEndpoint(endpoint: string): Promise<void> {
  const { updatePeer } = await home.query<{ updatePeer: { userErrors: unknown[] } }>(
    'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code } } }',
    { input: { id: fakeId, endpoint } },
  );
  expect(updatePeer.userErrors).toEqual([]);
}

beforeAll(async () => {
  home = await startInstance('Home');
  fake = await startFakePeer();
  for (let i = 0; i < 3; i++) fake.put(`fake_${i}`);
  const { pairWithPeer } = await home.query<{ pairWithPeer: { peer: { id: string } } }>(
    'mutation ($input: PairWithPeerInput!) { pairWithPeer(input: $input) { peer { id } } }',
    { input: { invitation: fake.invitation() } },
  );
  fakeId = pairWithPeer.peer.id;
  await settled(home, fakeId);
});

afterAll(async () => {
  await home?.[Symbol.asyncDispose]();
  await fake?.[Symbol.asyncDispose]();
});

describe('a diagnosis', () => {
  it('of a peer that is well goes the whole way, and says what it found', async () => {
    await using garden = await startInstance('Garden');
    await garden.app.library.importFiles({
      paths: [`${SAMPLES}garden/hedge-in-blossom.jpg`],
      visibility: 'PEERS',
    });
    const gardenId = await pair(garden, home);
    await settled(home, gardenId);
    const { state, peer, results } = await diagnosed(gardenId);
    expect({ state, peer: peer.id }).toEqual({ state: 'SUCCEEDED', peer: gardenId });
    expect(results.map(({ step, ok }) => [step, ok])).toEqual(
      DIAGNOSIS_STEPS.map((step) => [step, step === 'TLS' ? null : true]),
    );
    expect(results.find(({ step }) => step === 'FEED')?.message).toBe('It shares 1 items.');
    for (const { ok, durationMs } of results) expect(durationMs === null).toBe(ok === null);
  });

  it('names the host that is not known', async () => {
    await setEndpoint('http://no-such-host.invalid:4000');
    expect(failedStep(await diagnosed(fakeId))).toMatchObject({ step: 'RESOLVE' });
  });

  it('names the address that is never dialled', async () => {
    await setEndpoint('http://169.254.169.254');
    expect(failedStep(await diagnosed(fakeId))).toEqual({
      step: 'RESOLVE',
      message: '169.254.169.254 is 169.254.169.254, where this server does not connect to.',
    });
  });

  it('names the connection that is refused', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as { port: number };
    await new Promise((resolve) => closed.close(resolve));
    await setEndpoint(`http://127.0.0.1:${port}`);
    expect(failedStep(await diagnosed(fakeId))).toEqual({
      step: 'CONNECT',
      message: 'The peer refuses connections: it is switched off, or another port is meant.',
    });
  });

  it('names the handshake where something other than TLS answers', async () => {
    await setEndpoint(`https://127.0.0.1:${fake.port}`);
    expect(failedStep(await diagnosed(fakeId))).toMatchObject({ step: 'TLS' });
  });

  it('names discovery where another kind of server answers', async () => {
    await setEndpoint(fake.url);
    fake.misbehave = async (asked, honest) =>
      asked.path === '/.well-known/hedgerow' ? fake.json(404, {}) : honest();
    expect(failedStep(await diagnosed(fakeId))).toEqual({
      step: 'DISCOVERY',
      message: 'The server there is no Hedgerow, or its federation is switched off: it answered 404.',
    });
  });

  it('names the identity where another server answers in its place', async () => {
    await using stranger = await startFakePeer();
    await setEndpoint(stranger.url);
    expect(failedStep(await diagnosed(fakeId))).toMatchObject({
      step: 'IDENTITY',
      message: expect.stringContaining(stranger.key.thumbprint),
    });
    await setEndpoint(fake.url);
  });

  it('names the clock, with what the other one says', async () => {
    fake.misbehave = async (asked, honest) =>
      asked.path === '/federation/v1/media'
        ? fake.signed(
            asked,
            401,
            { code: 'clock-skew', serverTime: '2020-01-01T00:00:00Z' },
            { created: new Date('2020-01-01') },
          )
        : honest();
    expect(failedStep(await diagnosed(fakeId))).toMatchObject({
      step: 'CLOCK',
      message: expect.stringContaining('2020-01-01T00:00:00Z'),
    });
  });

  it.each(['credential-refused', 'revoked'])('names the signature where the peer says %s', async (code) => {
    fake.misbehave = async (asked, honest) =>
      asked.path === '/federation/v1/media' ? fake.signed(asked, 401, { code }) : honest();
    expect(failedStep(await diagnosed(fakeId))).toMatchObject({ step: 'SIGNATURE' });
  });

  it('names discovery where the other one speaks no protocol that is known here', async () => {
    fake.misbehave = async (asked, honest) =>
      asked.path === '/.well-known/hedgerow'
        ? fake.json(200, {
            protocols: ['9'],
            instance: { id: fake.instanceId, publicKey: fake.key.jwk, keys: [] },
          })
        : honest();
    expect(failedStep(await diagnosed(fakeId))).toMatchObject({ step: 'DISCOVERY' });
  });

  it('names the signature where the grant has ended, and where something in between answers', async () => {
    fake.misbehave = async (asked, honest) =>
      asked.path === '/federation/v1/media' ? fake.signed(asked, 403, { code: 'grant-ended' }) : honest();
    expect(failedStep(await diagnosed(fakeId))).toMatchObject({ step: 'SIGNATURE' });
    fake.misbehave = async (asked, honest) =>
      asked.path === '/federation/v1/media' ? fake.json(401, { code: 'revoked' }) : honest();
    expect(failedStep(await diagnosed(fakeId))).toMatchObject({
      step: 'SIGNATURE',
      message: expect.stringContaining('without proving'),
    });
  });

  it('names the feed where the peer has had enough of us', async () => {
    fake.misbehave = async (asked, honest) =>
      asked.path === '/federation/v1/media'
        ? fake.signed(asked, 429, { code: 'rate-limited', retryAfter: 60 })
        : honest();
    expect(failedStep(await diagnosed(fakeId))).toMatchObject({ step: 'FEED' });
  });

  it('names the thumbnail that the peer does not have', async () => {
    fake.misbehave = async (asked, honest) =>
      asked.path.endsWith('/thumbnail') ? fake.signed(asked, 404, { code: 'not-found' }) : honest();
    expect(failedStep(await diagnosed(fakeId))).toMatchObject({ step: 'THUMBNAIL' });
  });

  it('names the feed that makes no sense', async () => {
    fake.misbehave = async (asked, honest) =>
      asked.path === '/federation/v1/media' ? fake.signed(asked, 200, { epoch: 7 }) : honest();
    expect(failedStep(await diagnosed(fakeId))).toMatchObject({ step: 'FEED' });
  });

  it('names the thumbnail whose bytes are others than announced', async () => {
    fake.misbehave = async (asked, honest) => {
      const reply = await honest();
      return asked.path.endsWith('/thumbnail') ? { ...reply, body: Buffer.from('forged') } : reply;
    };
    expect(failedStep(await diagnosed(fakeId))).toMatchObject({ step: 'THUMBNAIL' });
    fake.misbehave = null;
  });

  it('changes nothing of what is known of the peer, and is for admins alone', async () => {
    const row = () => home.app.database.prisma.peer.findUniqueOrThrow({ where: { id: fakeId } });
    await eventually('the pulls to end', async () => (await row()).health !== 'UNKNOWN');
    fake.misbehave = async (asked, honest) =>
      asked.path === '/federation/v1/media' ? fake.signed(asked, 401, { code: 'revoked' }) : honest();
    const { cursor, hiddenSince, itemCount } = await row();
    await diagnosed(fakeId);
    expect(await row()).toMatchObject({ cursor, hiddenSince, itemCount });
    fake.misbehave = null;
  });

  it('is refused of a peer that is unknown, or that only takes from us', async () => {
    const ask = async (id: string) =>
      (
        await home.query<{ diagnosePeer: { userErrors: { code: string }[] } }>(DIAGNOSE, { id })
      ).diagnosePeer.userErrors.map(({ code }) => code);
    expect(await ask('peer_unknown')).toEqual(['NOT_FOUND']);
    await using taker = await startInstance('Taker');
    await pair(home, taker);
    const { peers } = await home.query<{ peers: { nodes: { id: string; name: string }[] } }>(
      '{ peers { nodes { id name } } }',
    );
    expect(await ask(peers.nodes.find(({ name }) => name === 'Taker')?.id ?? '')).toEqual(['CONFLICT']);
  });
});
