/** What must hold across processes on one PostgreSQL and one store, with two of them in this process. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../src/database/migrations.ts';
import { signRequest } from '../src/federation/identity/request-signatures.ts';
import { newPostgresUrl } from './support/databases.ts';
import { ADMIN_TOKEN, eventually, type Instance, pair, settled, startInstance } from './support/instance.ts';
import { newItem } from './support/items.ts';
import { endWithin, within, writeLongFilm } from './support/long-film.ts';
import { nobody, PASSWORD, type Person, signedIn, withToken } from './support/people.ts';
import { KEYS, type S3Server, startS3Server } from './support/s3-server.ts';
import { readSlowly, type SlowReader } from './support/slow-reader.ts';
import {
  type AskOptions,
  createWireClient,
  type Served,
  serverAt,
  type WireAnswer,
  type WireClient,
} from './support/wire-client.ts';

const TUS = { 'tus-resumable': '1.0.0' };
const PART = { ...TUS, 'content-type': 'application/offset+octet-stream' };
const PER_MINUTE = 800;
const ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };

let folder: string;
let url: string;
let a: Instance;
let b: Instance;
let peer: Instance;
let atA: string;
/** What a peer knows of the two. */
let atProcess: { a: Served; b: Served };
let shared: { a: Instance; b: Instance; editor: Person };
/** Id of an item that takes long to send. */
let film: string;

const settings = () => ({
  HEDGEROW_DATABASE_URL: url,
  HEDGEROW_STORAGE_URL: `file:${join(folder, 'store')}`,
  HEDGEROW_MASTER_KEY: '77'.repeat(32),
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-several-'));
  url = await newPostgresUrl();
  a = await startInstance('Several', { ...settings(), HEDGEROW_REQUESTS_PER_MINUTE: String(PER_MINUTE) });
  b = await startInstance('Several', { ...settings(), HEDGEROW_REQUESTS_PER_MINUTE: String(PER_MINUTE) });
  peer = await startInstance('Peer');
  await peer.app.catalog.local.add([newItem({ title: 'theirs', visibility: 'PEERS' })]);
  atA = await pair(peer, a);
  await settled(a, atA);
  atProcess = { a: await serverAt(a.url), b: await serverAt(b.url) };
  const path = join(folder, 'long.mp4');
  await writeLongFilm(path, 40_000_000);
  await a.app.library.importFiles({ paths: [path], visibility: 'PEERS' });
  ({ id: film } = await a.app.database.prisma.item.findFirstOrThrow({ where: { mimeType: 'video/mp4' } }));
  shared = { a, b, editor: await signedIn(a, 'Edda', 'EDITOR') };
});
afterAll(async () => {
  for (const each of [a, b, peer]) await each?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe.each(['a shared folder', 'a bucket'])('an upload, with %s', (where) => {
  let server: S3Server;
  let a: Instance;
  let b: Instance;
  let editor: Person;
  beforeAll(async () => {
    if (where === 'a shared folder') {
      [a, b, editor] = [shared.a, shared.b, shared.editor];
      return;
    }
    server = await startS3Server();
    const { bucket, prefix, region } = await server.bucket();
    const inBucket = {
      ...settings(),
      HEDGEROW_DATABASE_URL: await newPostgresUrl(),
      HEDGEROW_STORAGE_URL: `s3://${bucket}/${prefix}?region=${region}&endpoint=${server.endpoint}`,
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    };
    a = await startInstance('Bucket', inBucket);
    b = await startInstance('Bucket', inBucket);
    editor = await signedIn(a, 'Edda', 'EDITOR');
  });
  afterAll(async () => {
    if (where === 'a shared folder') return;
    for (const each of [a, b, server]) await each?.[Symbol.asyncDispose]();
  });

  /** The same person, who asks whichever process. */
  function at(
    instance: Instance,
    path: string,
    method: 'PATCH' | 'HEAD' | 'POST' | 'DELETE',
    more = {},
    body?: Buffer,
  ) {
    return fetch(new URL(path, instance.url), {
      method,
      headers: { ...editor.headers, ...TUS, ...more },
      body: body === undefined ? null : new Uint8Array(body),
    });
  }

  const picture = () =>
    sharp(randomBytes(40 * 40 * 3), { raw: { width: 40, height: 40, channels: 3 } })
      .png()
      .toBuffer();
  const create = async (length: number): Promise<string> => {
    const made = await at(a, '/uploads', 'POST', { 'upload-length': String(length) });
    expect(made.status).toBe(201);
    return String(made.headers.get('location'));
  };

  test('goes on at whichever process its parts come to', async () => {
    const bytes = await picture();
    const path = await create(bytes.length);
    const parts = [bytes.subarray(0, 1_000), bytes.subarray(1_000, 2_500), bytes.subarray(2_500)];
    let offset = 0;
    for (const [index, part] of parts.entries()) {
      const to = index % 2 === 0 ? b : a;
      const answer = await at(to, path, 'PATCH', { ...PART, 'upload-offset': String(offset) }, part);
      expect(answer.status).toBe(204);
      offset += part.length;
      expect(answer.headers.get('upload-offset')).toBe(String(offset));
    }
    const ended = [await at(a, path, 'HEAD'), await at(b, path, 'HEAD')];
    const ids = ended.map((answer) => answer.headers.get('hedgerow-media'));
    expect(ids[0]).toMatch(/./);
    expect(ids[1]).toBe(ids[0]);
    const original = await b.get(`/media/${ids[0]}/original`, ADMIN);
    expect(original.body.equals(bytes)).toBe(true);
  });

  test('ends at one process where its client has come to another, and is written by one at a time', async () => {
    const bytes = await picture();
    const path = await create(bytes.length);
    const { port } = new URL(a.url);
    // A client that says that everything comes, and then says nothing.
    const stuck = httpRequest({
      port,
      path,
      method: 'PATCH',
      headers: { ...editor.headers, ...PART, 'upload-offset': '0', 'content-length': bytes.length },
    });
    stuck.on('error', () => {});
    stuck.write(bytes.subarray(0, 700));
    const { prisma } = a.app.database;
    const id = path.slice(path.lastIndexOf('/') + 1);
    await eventually('the lease of the part', async () =>
      prisma.workLease.findUnique({ where: { name: `upload ${id}` } }),
    );
    // The first part ends when the second comes, and its bytes are kept as far as they had come.
    const early = await at(b, path, 'PATCH', { ...PART, 'upload-offset': '0' }, bytes);
    expect([204, 409]).toContain(early.status);
    const state = await at(b, path, 'HEAD');
    const offset = Number(state.headers.get('upload-offset'));
    if (offset < bytes.length) {
      const rest = bytes.subarray(offset);
      const answer = await at(b, path, 'PATCH', { ...PART, 'upload-offset': String(offset) }, rest);
      expect(answer.status).toBe(204);
    }
    const media = (await at(a, path, 'HEAD')).headers.get('hedgerow-media');
    expect((await a.get(`/media/${media}/original`, ADMIN)).body.equals(bytes)).toBe(true);
    stuck.destroy();
  });

  test('of the same bytes at both processes at once makes one item', async () => {
    const bytes = await picture();
    const upload = async (to: Instance) => {
      const form = new FormData();
      form.set('file', new Blob([new Uint8Array(bytes)], { type: 'image/png' }), 'same.png');
      const answer = await fetch(`${to.url}/uploads`, { method: 'POST', headers: ADMIN, body: form });
      return (await answer.json()) as { media: { id: string }[] };
    };
    const taken = await Promise.all([upload(a), upload(b), upload(a), upload(b)]);
    expect(new Set(taken.map(({ media }) => media[0]?.id)).size).toBe(1);
    expect((await b.get(`/media/${taken[0]?.media[0]?.id}/thumbnail`, ADMIN)).status).toBe(200);
  });
});

describe('limits', () => {
  test('of a person are one allowance for all processes', async () => {
    const other = await signedIn(a, 'Otto', 'VIEWER');
    const ask = async (to: Instance) => {
      const answer = await fetch(`${to.url}/graphql`, {
        method: 'POST',
        headers: { ...other.headers, 'content-type': 'application/json', 'x-graphql-yoga-csrf': '1' },
        body: '{"query":"{ instance { id } }"}',
      });
      await answer.arrayBuffer();
      return answer.status;
    };
    const statuses: number[] = [];
    const began = performance.now();
    for (let number = 0; number < 26; number += 1) {
      statuses.push(...(await Promise.all(Array.from({ length: 20 }, (_, at) => ask(at % 2 === 0 ? a : b)))));
    }
    const seconds = (performance.now() - began) / 1000;
    const passed = statuses.filter((status) => status === 200).length;
    expect(statuses).toContain(429);
    // What half a minute gives, and at most a sixteenth more for each process; and what comes again meanwhile.
    const burst = PER_MINUTE / 2;
    expect(passed).toBeLessThanOrEqual(burst * (1 + 2 / 16) + (PER_MINUTE / 60) * seconds + 1);
    expect(passed).toBeGreaterThanOrEqual(burst * (1 - 2 / 16));
  });

  test('of guesses at a password are one for all processes', async () => {
    await signedIn(a, 'Guessed', 'VIEWER');
    // Who has signed in is owed nothing any more; until that is written down a guess would be forgotten with it.
    await eventually('a bucket that holds nothing', async () => {
      const rows = await a.app.database.prisma.limitBucket.findMany({
        where: { name: { startsWith: 'sign-in as' } },
      });
      return rows.every(({ name, level }) => !/guessed/i.test(name) || level === 0);
    });
    const guess = (to: Instance, password: string) =>
      nobody(to).send(
        'POST',
        '/session',
        { 'content-type': 'application/json' },
        JSON.stringify({ name: 'Guessed', password }),
      );
    const statuses: number[] = [];
    for (let number = 0; number < 8; number += 1) {
      statuses.push((await guess(number % 2 === 0 ? a : b, 'not the password')).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    // Not even with the right one, and at neither.
    expect((await guess(a, PASSWORD)).status).toBe(429);
    expect((await guess(b, PASSWORD)).status).toBe(429);
  });
});

describe('a peer', () => {
  const owner = async (): Promise<string | undefined> => {
    const { key } = await a.app.database.prisma.peer.findUniqueOrThrow({ where: { id: atA } });
    return (await a.app.database.prisma.workLease.findUnique({ where: { name: `pull ${key}` } }))?.holder;
  };

  test('is pulled by one process, whichever is asked, and those who follow it at another are told', async () => {
    const holder = await eventually('an owner', owner);
    const until = new AbortController();
    const followed = await Promise.all(
      [a, b].map(async (each) => {
        const answer = await fetch(`${each.url}/graphql`, {
          method: 'POST',
          headers: { ...ADMIN, 'content-type': 'application/json', accept: 'text/event-stream' },
          body: JSON.stringify({ query: 'subscription { pullChanged { id state } }' }),
          signal: until.signal,
        });
        const heard = { text: '' };
        void (async () => {
          const decoder = new TextDecoder();
          for await (const chunk of answer.body ?? []) heard.text += decoder.decode(chunk, { stream: true });
        })().catch(() => {});
        return heard;
      }),
    );
    for (const each of [a, b]) {
      const { refreshPeer } = await each.query<{ refreshPeer: { pulls: { id: string }[] } }>(
        'mutation ($id: ID!) { refreshPeer(input: { id: $id }) { pulls { id } userErrors { code } } }',
        { id: atA },
      );
      const id = refreshPeer.pulls[0]?.id ?? 'none';
      await eventually('the end of the pull', async () => {
        const row = await a.app.database.prisma.pull.findUnique({ where: { id } });
        return row?.state === 'SUCCEEDED';
      });
      await eventually(
        'the word of it at both',
        async () => followed.every(({ text }) => text.includes(id) && text.includes('SUCCEEDED')),
        3_000,
      );
    }
    until.abort();
    expect(await owner()).toBe(holder);
  });

  test('that is paused through one is left alone by the other, and taken up again', async () => {
    const set = (to: Instance, paused: boolean) =>
      to.query(
        'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { peer { id } userErrors { code } } }',
        { input: { id: atA, paused } },
      );
    const holds = await eventually('an owner', owner);
    const other = [a, b].find((each) => each.app.processes.id !== holds) ?? b;
    await set(other, true);
    await eventually('nobody who has it', async () => (await owner()) === undefined);
    await peer.app.catalog.local.add([newItem({ title: 'theirs too', visibility: 'PEERS' })]);
    await set(other, false);
    await eventually('what has changed meanwhile', async () => {
      const { media } = await other.query<{ media: { nodes: { title: string }[] } }>(
        '{ media(origin: REMOTE) { nodes { title } } }',
      );
      return media.nodes.length === 2;
    });
    expect(await owner()).toMatch(/./);
  });

  test('cannot use an invitation twice, whichever processes the two requests come to', async () => {
    const { createInvitation } = await a.query<{ createInvitation: { code: string } }>(
      'mutation { createInvitation(input: { mutual: false, allowPrivateEndpoint: true }) { code } }',
    );
    const one = await startInstance('One');
    const two = await startInstance('Two');
    try {
      const redeem = (by: Instance, through: Instance) =>
        by.query<{ pairWithPeer: { peer: { id: string } | null; userErrors: { code: string }[] } }>(
          'mutation ($input: PairWithPeerInput!) { pairWithPeer(input: $input) { peer { id } userErrors { code } } }',
          { input: { invitation: createInvitation.code, endpoint: through.url } },
        );
      const [first, second] = await Promise.all([redeem(one, a), redeem(two, b)]);
      const made = [first, second].filter(({ pairWithPeer }) => pairWithPeer.peer !== null);
      const refused = [first, second].flatMap(({ pairWithPeer }) => pairWithPeer.userErrors);
      expect(made).toHaveLength(1);
      expect(refused).toMatchObject([{ code: 'INVITATION_USED' }]);
    } finally {
      for (const each of [one, two]) await each[Symbol.asyncDispose]();
    }
  });
});

/** Another instance, as far as it asks this one: paired through A. */
interface Wire {
  wire: WireClient;
  token: string;
  /** Our id of it. */
  id: string;
  ask(of: Served, path: string, options?: AskOptions): Promise<WireAnswer>;
  /** What it is being sent, read slowly. */
  stream(of: Served, path: string): Promise<SlowReader>;
}

const FEED = '/federation/v1/media';
const EVENTS = '/federation/v1/events';
const CREDENTIALS = '/federation/v1/credentials';

async function invite(grant: object = {}): Promise<string> {
  const { createInvitation } = await a.query<{ createInvitation: { code: string } }>(
    'mutation ($input: CreateInvitationInput!) { createInvitation(input: $input) { code } }',
    { input: { grant } },
  );
  return createInvitation.code;
}

async function pairedWire(): Promise<Wire> {
  const wire = createWireClient();
  const answer = await wire.redeem(atProcess.a, await invite());
  const token: string = answer.body.credential.token;
  const where = { thumbprint: wire.key.thumbprint };
  const { id } = await a.app.database.prisma.peer.findFirstOrThrow({ where });
  return {
    wire,
    token,
    id,
    ask: (of, path, options) => wire.ask(of, token, path, options),
    stream: (of, path) => {
      const receiver = of.key.thumbprint;
      const fields = signRequest(
        { method: 'GET', target: path },
        { key: wire.key, now: new Date(), receiver, token },
      );
      return readSlowly(new URL(path, of.url), fields, 100);
    },
  };
}

describe('a signed request', () => {
  test('that one process has taken is taken by no other', async () => {
    const { ask } = await pairedWire();
    const same = { method: 'POST', nonce: 'the-same-nonce-at-both', now: new Date() };
    expect(await ask(atProcess.a, CREDENTIALS, same)).toMatchObject({ status: 201, verdict: 'signed' });
    const replayed = { status: 401, verdict: 'signed', body: { code: 'signature-invalid' } };
    expect(await ask(atProcess.b, CREDENTIALS, same)).toMatchObject(replayed);
    expect(await ask(atProcess.a, CREDENTIALS, same)).toMatchObject(replayed);
    expect(await ask(atProcess.b, CREDENTIALS, { method: 'POST' })).toMatchObject({ status: 201 });
  });

  test('that comes to both at the same moment is taken once', async () => {
    const { ask } = await pairedWire();
    for (let round = 0; round < 6; round += 1) {
      const same = { method: 'POST', nonce: `the-nonce-of-round-${round}`, now: new Date() };
      const answers = await Promise.all(
        [atProcess.a, atProcess.b, atProcess.b, atProcess.a].map((of) => ask(of, CREDENTIALS, same)),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 401, 401, 401]);
    }
  });

  test('by which the peer ends the pairing may come to both at the same moment, and ends it once', async () => {
    const { ask, id } = await pairedWire();
    const end = (of: Served) => ask(of, '/federation/v1/pairing', { method: 'DELETE' });
    for (const answer of await Promise.all([end(atProcess.a), end(atProcess.b)])) {
      if (answer.status === 200) expect(answer.body).toEqual({});
      // Whoever comes later is told so.
      else expect(answer).toMatchObject({ status: 401, verdict: 'signed', body: { code: 'revoked' } });
    }
    const { prisma } = a.app.database;
    expect(await prisma.auditEvent.count({ where: { action: 'peer.revoked-by-them', target: id } })).toBe(1);
    for (const of of [atProcess.a, atProcess.b]) {
      expect(await ask(of, FEED)).toMatchObject({ status: 401, body: { code: 'revoked' } });
    }
  });
});

describe('an invitation', () => {
  test('that comes with two keys to both at the same moment pairs once', async () => {
    for (let round = 0; round < 4; round += 1) {
      const code = await invite();
      const answers = await Promise.all(
        [atProcess.a, atProcess.b].map((of) => createWireClient().redeem(of, code)),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
      expect(answers.find(({ status }) => status === 409)?.body.code).toBe('invitation-used');
    }
  });

  test('that comes twice with one key, for an answer was late, makes one peer with a credential that works', async () => {
    const code = await invite();
    const wire = createWireClient();
    const answers = await Promise.all([wire.redeem(atProcess.a, code), wire.redeem(atProcess.b, code)]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    const { prisma } = a.app.database;
    expect(await prisma.peer.count({ where: { thumbprint: wire.key.thumbprint } })).toBe(1);
    const tokens: string[] = answers.map(({ body }) => body.credential.token);
    const feeds = await Promise.all(tokens.map((token) => wire.ask(atProcess.b, token, FEED)));
    expect(feeds.map(({ status }) => status)).toContain(200);
  });
});

describe('what is ended through one process', () => {
  /** ms (docs/federation.md, "Revoked and ended"; docs/security.md, "Tokens"). */
  const SOON = 5_000;
  /** A subscription at B; when it has ended. */
  async function followed(headers: Record<string, string>): Promise<{ ended: Promise<number> }> {
    const answer = await fetch(`${b.url}/graphql`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: 'subscription { catalogChanged { revision } }' }),
    });
    expect(answer.status).toBe(200);
    const reader = answer.body?.getReader();
    await reader?.read();
    const readOn = async (): Promise<number> => {
      for (;;) {
        const { done } = (await reader?.read().catch(() => null)) ?? { done: true };
        if (done) return Date.now();
      }
    };
    return { ended: readOn() };
  }
  const many = (reader: SlowReader) => eventually('some bytes', async () => reader.received > 300_000);
  const mutate = async (field: string, input: object) => {
    const type = `${field[0]?.toUpperCase()}${field.slice(1)}Input`;
    const answer = await a.query<Record<string, { userErrors: unknown[] }>>(
      `mutation ($input: ${type}!) { ${field}(input: $input) { userErrors { code message } } }`,
      { input },
    );
    expect(answer[field]?.userErrors).toEqual([]);
  };

  test.concurrent.each<
    [string, () => Promise<{ headers: Record<string, string>; end: () => Promise<unknown> }>]
  >([
    [
      'a session, is over at the other',
      async () => {
        const person = await signedIn(a, 'Sessile', 'VIEWER');
        return { headers: person.headers, end: () => person.send('DELETE', '/session') };
      },
    ],
    [
      'an account that is shut out, is shut out of the other',
      async () => {
        const { headers, id } = await signedIn(a, 'Shut', 'VIEWER');
        return { headers, end: () => mutate('updateUser', { id, disabled: true }) };
      },
    ],
    [
      'an API token, opens the other no more',
      async () => {
        const { headers, id } = await withToken(a, ['CATALOG_READ', 'MEDIA_READ']);
        return { headers, end: () => mutate('revokeApiToken', { id }) };
      },
    ],
  ])('%s with the next request, and what ran there ends within 5 s', async (_name, make) => {
    const { headers, end } = await make();
    const bytes = await readSlowly(new URL(`/media/${film}/original`, b.url), headers, 100);
    expect(bytes.status).toBe(200);
    const subscription = await followed(headers);
    await many(bytes);
    await end();
    const next = await nobody(b).send('GET', `/media/${film}/thumbnail`, headers);
    expect(next.status).toBe(401);
    const at = Date.now();
    expect((await within(SOON, 'the end of the subscription', subscription.ended)) - at).toBeLessThan(SOON);
    expect(await endWithin(SOON - (Date.now() - at), bytes)).toBe('cut');
  });

  test.concurrent.each<
    [string, (wire: Wire) => Promise<unknown>, { status: number; code: string; events: 'end' | 'go on' }]
  >([
    [
      'a peer that is revoked,',
      ({ id }) => mutate('revokePeer', { id }),
      { status: 401, code: 'revoked', events: 'end' },
    ],
    [
      'a pairing that the peer itself ends,',
      ({ ask }) => ask(atProcess.a, '/federation/v1/pairing', { method: 'DELETE' }),
      { status: 401, code: 'revoked', events: 'end' },
    ],
    [
      'a grant whose time is over,',
      async ({ id }) => {
        const until = Date.now() + 1_000;
        await mutate('updatePeer', { id, grant: { until: new Date(until).toISOString() } });
        await eventually('the end of the grant', async () => Date.now() > until);
      },
      { status: 403, code: 'grant-ended', events: 'end' },
    ],
    [
      'a grant that opens no bytes any more,',
      ({ id }) => mutate('updatePeer', { id, grant: { access: 'METADATA' } }),
      { status: 404, code: 'not-found', events: 'go on' },
    ],
  ])(
    '%s holds at the other with the next request, and what ran there ends within 5 s',
    async (_name, end, refused) => {
      const peer = await pairedWire();
      const path = `${FEED}/${film}/original`;
      const [bytes, events] = await Promise.all([
        peer.stream(atProcess.b, path),
        peer.stream(atProcess.b, EVENTS),
      ]);
      expect([bytes.status, events.status]).toEqual([200, 200]);
      await many(bytes);
      await end(peer);
      const { status, code } = refused;
      expect(await peer.ask(atProcess.b, path)).toMatchObject({ status, body: { code } });
      const at = Date.now();
      if (refused.events === 'end') {
        await within(SOON, 'the end of the events', events.ended);
        expect(events.text).toContain('event: ended');
      } else {
        await eventually('the word of it', async () => events.text.includes('event: changed'), SOON);
      }
      expect(await endWithin(SOON - (Date.now() - at), bytes)).toBe('cut');
      events.leave();
    },
  );
});

describe('the audit', () => {
  interface Event {
    id: string;
    at: string;
    target: string;
  }
  /** All events that new tokens have made since, as one process tells them, page by page. */
  async function told(by: Instance, since: string, first: number): Promise<Event[]> {
    const events: Event[] = [];
    for (let after: string | null = null; ; ) {
      type Page = { nodes: Event[]; pageInfo: { endCursor: string | null; hasNextPage: boolean } };
      const { auditEvents }: { auditEvents: Page } = await by.query(
        `query ($filter: AuditFilter, $first: Int, $after: String) { auditEvents(filter: $filter, first: $first, after: $after) {
           nodes { id at target } pageInfo { endCursor hasNextPage } } }`,
        { filter: { actions: ['createApiToken'], at: { gte: since } }, first, after },
      );
      events.push(...auditEvents.nodes);
      if (!auditEvents.pageInfo.hasNextPage) return events;
      after = auditEvents.pageInfo.endCursor;
    }
  }

  test('of both is one log: what was done through one is told by the other at once, and in one order by both', async () => {
    const since = new Date().toISOString();
    const made: string[] = [];
    const work = async (through: Instance, other: Instance): Promise<void> => {
      for (let number = 0; number < 8; number += 1) {
        const { createApiToken } = await through.query<{ createApiToken: { apiToken: { id: string } } }>(
          'mutation { createApiToken(input: { name: "audited", scopes: [CATALOG_READ] }) { apiToken { id } } }',
        );
        made.push(createApiToken.apiToken.id);
        const targets = (await told(other, since, 500)).map(({ target }) => target);
        expect(targets).toContain(createApiToken.apiToken.id);
      }
    };
    await Promise.all([work(a, b), work(b, a), work(a, b), work(b, a)]);
    const [byA, byB] = [await told(a, since, 5), await told(b, since, 7)];
    expect(byA).toEqual(byB);
    expect(byA.map(({ target }) => target).sort()).toEqual(made.sort());
    const times = byA.map(({ at }) => at);
    expect(times).toEqual([...times].sort().reverse());
    expect(new Set(byA.map(({ id }) => id)).size).toBe(made.length);
  });
});

describe('places', () => {
  test('of a person’s subscriptions are one number for all processes', async () => {
    const { headers } = await signedIn(a, 'Subscriber', 'VIEWER');
    // An answer that nobody holds is ended with the rest of what is no longer used.
    const open: { left: AbortController; answer: Response }[] = [];
    const subscribe = async (at: number): Promise<number> => {
      const left = new AbortController();
      const answer = await fetch(`${(at % 2 === 0 ? a : b).url}/graphql`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', accept: 'text/event-stream' },
        body: JSON.stringify({ query: 'subscription { catalogChanged { revision } }' }),
        signal: left.signal,
      });
      if (answer.status === 200) open.push({ left, answer });
      else await answer.text();
      return answer.status;
    };
    for (let at = 0; at < 26; at += 1) expect([200, 429]).toContain(await subscribe(at));
    // Of twenty each process may hold two that it has taken ahead.
    expect(open.length).toBeLessThanOrEqual(20);
    expect(open.length).toBeGreaterThanOrEqual(16);
    const most = open.length;
    for (const { left } of open.splice(0)) left.abort();
    // By turns: what the one has taken ahead, the other cannot give.
    let turn = 0;
    await eventually('as many again', async () => {
      await subscribe(turn);
      turn += 1;
      return open.length >= most;
    });
    for (const { left } of open) left.abort();
  });

  test('of a peer’s streams of events are two at both', async () => {
    const peer = await pairedWire();
    const first = await peer.stream(atProcess.a, EVENTS);
    const second = await peer.stream(atProcess.b, EVENTS);
    expect([first.status, second.status]).toEqual([200, 200]);
    for (const of of [atProcess.a, atProcess.b]) {
      expect(await peer.ask(of, EVENTS)).toMatchObject({ status: 429, body: { code: 'rate-limited' } });
    }
    first.leave();
    const third = await eventually('the place that was left', async () => {
      const stream = await peer.stream(atProcess.b, EVENTS);
      return stream.status === 200 && stream;
    });
    for (const each of [second, third]) each.leave();
  });
});

describe('limits of a peer', () => {
  test('are one allowance of requests at both, and of files at once', async () => {
    const peer = await pairedWire();
    const limit = (limits: object) =>
      a.query('mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code } } }', {
        input: { id: peer.id, limits },
      });
    await limit({ concurrentStreams: 2 });
    const path = `${FEED}/${film}/original`;
    const running = [await peer.stream(atProcess.a, path), await peer.stream(atProcess.b, path)];
    expect(running.map(({ status }) => status)).toEqual([200, 200]);
    for (const of of [atProcess.a, atProcess.b]) {
      expect(await peer.ask(of, path)).toMatchObject({ status: 429, verdict: 'signed' });
    }
    for (const each of running) each.leave();

    await limit({ requestsPerMinute: 5 });
    const other = await pairedWire();
    const statuses: number[] = [];
    for (let number = 0; number < 8; number += 1) {
      const of = number % 2 === 0 ? atProcess.a : atProcess.b;
      statuses.push((await peer.ask(of, '/federation/v1/status')).status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    expect(await other.ask(atProcess.b, FEED)).toMatchObject({ status: 200 });
  });
});

test('a later version migrates while the earlier one serves, and that one may start again', async () => {
  const migrations = join(folder, 'migrations');
  await cp(MIGRATIONS, migrations, { recursive: true });
  const next = join(migrations, 'postgresql', '29990101000000_next');
  await mkdir(next);
  await writeFile(
    join(next, 'migration.sql'),
    `ALTER TABLE items ADD COLUMN next_note TEXT;
     ALTER TABLE items ADD COLUMN next_rank INTEGER NOT NULL DEFAULT 7;
     ALTER TABLE federation_peers ADD COLUMN next_flag BOOLEAN NOT NULL DEFAULT false;
     CREATE TABLE next_things (id INTEGER PRIMARY KEY);
     CREATE INDEX next_items ON items (next_rank, key);`,
  );
  const [item] = await a.app.catalog.local.add([newItem({ title: 'title 0', visibility: 'PEERS' })]);
  const id = item?.id ?? '';
  const errors: string[] = [];
  let asked = 0;
  let going = true;
  const load = async (to: () => Instance) => {
    while (going) {
      asked += 1;
      const title = `title ${asked}`;
      for (const [query, variables] of [
        [
          'mutation ($input: UpdateMediaInput!) { updateMedia(input: $input) { media { title } userErrors { code } } }',
          { input: { id, title } },
        ],
        ['{ media(first: 20) { totalCount nodes { id title tags } sources { health } } }', {}],
        ['{ peers { nodes { id health operations { pulls(first: 2) { nodes { state } } } } } }', {}],
      ] as const) {
        const answer = await to()
          .ask(query, variables)
          .catch((error: Error) => ({ errors: [{ message: error.message }] }));
        for (const { message } of answer.errors ?? []) errors.push(message);
      }
    }
  };
  const loads = [load(() => a), load(() => a), load(() => b)];
  const newer = await startInstance('Several', settings(), { migrations });
  try {
    const enough = asked + 20;
    await eventually('some more requests', async () => asked > enough);
    expect(errors).toEqual([]);
    const rows = await newer.app.database.prisma.$queryRawUnsafe('SELECT next_rank FROM items LIMIT 1');
    expect(rows).toEqual([{ next_rank: 7 }]);
    // What the earlier version writes now is read by the later one.
    const { media } = await newer.query<{ media: { nodes: { title: string }[] } }>(
      '{ media(origin: LOCAL) { nodes { title } } }',
    );
    expect(media.nodes.some(({ title }) => /^title \d+$/.test(title))).toBe(true);
    going = false;
    await Promise.all(loads);
    await b.stop();
    await b.start();
    expect(await b.query('{ instance { name } }')).toMatchObject({ instance: { name: 'Several' } });
  } finally {
    going = false;
    await Promise.allSettled(loads);
    await newer[Symbol.asyncDispose]();
  }
});
