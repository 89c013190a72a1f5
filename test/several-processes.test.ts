/** What must hold across processes on one PostgreSQL and one store, with two of them in this process. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../src/database/migrations.ts';
import { newPostgresUrl } from './support/databases.ts';
import { ADMIN_TOKEN, eventually, type Instance, pair, settled, startInstance } from './support/instance.ts';
import { newItem } from './support/items.ts';
import { nobody, PASSWORD, type Person, signedIn } from './support/people.ts';
import { KEYS, type S3Server, startS3Server } from './support/s3-server.ts';

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
let shared: { a: Instance; b: Instance; editor: Person };

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
