/** The database goes away, and so does the store of files; they come back, and nothing is lost. */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DIALECTS } from './support/databases.ts';
import { type FaultyPath, startFaultyPath } from './support/faulty-path.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { administer, type PostgresServer, startPostgres } from './support/postgres.ts';
import { KEYS, type S3Server, startS3Server } from './support/s3-server.ts';
import { startTcpRelay, type TcpRelay } from './support/tcp-relay.ts';

/** In the form of a token; whether somebody has it only the database knows. */
const TOKEN = `hedgerow_api_${'x'.repeat(43)}`;
const TITLES = '{ media(first: 100) { totalCount nodes { id title } } }';

const status = async (instance: Instance, path: string): Promise<number> => (await instance.get(path)).status;
const ready = (instance: Instance, wanted: number): Promise<unknown> =>
  eventually(`/readyz to say ${wanted}`, async () => (await status(instance, '/readyz')) === wanted);

/** 503 with a code, and when to come back. */
function expectAway({ status, headers, body }: Awaited<ReturnType<Instance['get']>>): void {
  expect(status).toBe(503);
  expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  const said = JSON.parse(body.toString());
  expect(said.code ?? said.errors?.[0]?.extensions?.code).toMatch(/^unavailable$/i);
  expect(body.toString()).not.toMatch(/ECONN|127\.0\.0\.1|postgres/);
}

describe.skipIf(!DIALECTS.includes('postgresql'))('while PostgreSQL is away', () => {
  let server: PostgresServer;
  let relay: TcpRelay;
  let garden: Instance;
  let coast: Instance;
  let peer: string;
  let direct: string;
  /** What the garden has logged as errors, a line each. */
  const said: string[] = [];
  const write = (line: string): void => void said.push(line);

  beforeAll(async () => {
    server = await startPostgres();
    await administer(server.url, 'CREATE DATABASE away');
    direct = `${server.url}/away`;
    relay = await startTcpRelay(Number(new URL(server.url).port));
    const url = new URL(direct);
    url.port = String(relay.port);
    [garden, coast] = await Promise.all([
      startInstance('Garden', { HEDGEROW_DATABASE_URL: url.href }, {}, pino({ level: 'error' }, { write })),
      startInstance('Coast'),
    ]);
    await garden.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
    await coast.app.library.importFiles({ paths: [join(SAMPLES, 'coast')], visibility: 'PEERS' });
    peer = await pair(coast, garden);
    await settled(garden, peer);
  });
  let stopped = false;
  afterEach(async () => {
    if (stopped) await server.start();
    stopped = false;
    await relay.set('pass');
  });
  afterAll(async () => {
    await garden?.[Symbol.asyncDispose]();
    await coast?.[Symbol.asyncDispose]();
    await relay?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const own = async () => {
    const { media } = await garden.query<{ media: { nodes: { id: string; originalUrl: string }[] } }>(
      '{ media(first: 10, origin: LOCAL) { nodes { id originalUrl } } }',
    );
    const [seen, unseen] = media.nodes;
    if (seen === undefined || unseen === undefined) throw new Error('There are too few items.');
    return { seen, unseen };
  };
  const ask = (query: string, variables = {}) => garden.send('POST', '/graphql', { query, variables });
  const upload = (path: string, method: string, headers: Record<string, string>, body?: Buffer) =>
    fetch(new URL(path, garden.url), {
      method,
      headers: {
        authorization: 'Bearer test-admin-token-of-thirty-two-characters',
        'tus-resumable': '1.0.0',
        ...headers,
      },
      ...(body !== undefined && { body: new Uint8Array(body) }),
    });

  it('what is known is told, all else is refused at once, and everything goes on by itself afterwards', {
    timeout: 180_000,
  }, async () => {
    const { seen, unseen } = await own();
    const file = await newPicture('upload');
    const begun = await upload('/uploads', 'POST', {
      'upload-length': String(file.length),
      'upload-metadata': `filename ${Buffer.from('away.jpg').toString('base64')}`,
    });
    expect(begun.status).toBe(201);
    const at = new URL(begun.headers.get('location') ?? '', garden.url).pathname;
    const part = (offset: number, bytes: Buffer) =>
      upload(
        at,
        'PATCH',
        { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' },
        bytes,
      );
    expect((await part(0, file.subarray(0, 1000))).status).toBe(204);
    const { media: far } = await garden.query<{ media: { nodes: { originalUrl: string }[] } }>(
      '{ media(first: 1, origin: REMOTE) { nodes { originalUrl } } }',
    );
    const farUrl = far.nodes[0]?.originalUrl ?? '';
    const farBytes = (await garden.get(farUrl)).body;
    await garden.app.delivery.flush();
    // What is read while nothing changes is known to be right as long as nobody can change anything.
    await quiet(garden);
    const bytes = (await garden.get(seen.originalUrl)).body;
    await garden.get(farUrl);
    await ask(TITLES);
    const kept = await ask(TITLES);
    await quiet(garden);

    await relay.set('refuse');
    await server.stop();
    stopped = true;
    await ready(garden, 503);
    expect(await status(garden, '/healthz')).toBe(200);
    const answers = Date.now();
    const again = await ask(TITLES);
    expect(again).toMatchObject({ status: 200, body: kept.body });
    expect(again.headers['cache-status']).toBe('Hedgerow; hit');
    expect(await garden.get(seen.originalUrl)).toMatchObject({ status: 200, body: bytes });
    // Of a peer, kept here, and the peer is not asked.
    const cached = await garden.get(farUrl);
    expect(cached).toMatchObject({ status: 200, body: farBytes });
    expect(cached.headers['cache-status']).toBe('hedgerow; hit');
    expect((await garden.get('/openapi.json')).status).toBe(200);

    expectAway(await garden.get(unseen.originalUrl));
    expectAway(await ask('{ media(first: 3) { nodes { title } } }'));
    const change =
      'mutation ($id: ID!) { updateMedia(input: { id: $id, title: "Lost" }) { userErrors { message } } }';
    expectAway(await ask(change, { id: seen.id }));
    // Whoever it was cannot be known: that is no 401, after which a client would throw its token away.
    expectAway(
      await garden.send('POST', '/graphql', { query: TITLES }, { authorization: `Bearer ${TOKEN}` }),
    );
    expectAway(
      await garden.send(
        'POST',
        '/session',
        { name: 'ada', password: 'not a password' },
        { authorization: undefined },
      ),
    );
    expect((await part(1000, file.subarray(1000))).status).toBe(503);
    expect(Date.now() - answers).toBeLessThan(10_000);

    await coast.app.library.importFiles({ paths: [join(SAMPLES, 'formats')], visibility: 'PEERS' });
    // What it has got is told while it cannot even be written down that it was told.
    await eventually('a hint that comes to nothing', async () =>
      said.some((line) => line.includes('a hint')),
    );
    await server.start();
    stopped = false;
    await relay.set('pass');
    await ready(garden, 200);
    const { media } = JSON.parse((await ask(TITLES)).body.toString()).data;
    expect(media.nodes.map(({ title }: { title: string }) => title)).not.toContain('Lost');
    // The upload goes on where it was.
    const held = await upload(at, 'HEAD', {});
    expect(held.status).toBe(200);
    const offset = Number(held.headers.get('upload-offset'));
    expect(offset).toBeGreaterThanOrEqual(1000);
    if (offset < file.length) expect((await part(offset, file.subarray(offset))).status).toBe(204);
    expect((await ask(change, { id: seen.id })).status).toBe(200);
    // And so does the pull, without anybody asking.
    await eventually('what the peer has got meanwhile', async () => {
      const there = await coast.query<{ media: { totalCount: number } }>(
        '{ media(first: 1) { totalCount } }',
      );
      const here = await garden.query<{ media: { totalCount: number } }>(
        '{ media(first: 1, origin: REMOTE) { totalCount } }',
      );
      return here.media.totalCount === there.media.totalCount;
    });
  });

  it('one that says nothing is as one that is gone, but nothing is told of what others may change', async () => {
    await ready(garden, 200);
    const { seen } = await own();
    await garden.get(seen.originalUrl);
    await ask(TITLES);
    await quiet(garden);
    await relay.set('silent');
    const hanging = ask('{ media(first: 4) { nodes { title } } }');
    await ready(garden, 503);
    expectAway(await hanging);
    expect(await status(garden, '/healthz')).toBe(200);
    expectAway(await ask(TITLES));
    expectAway(await garden.get(seen.originalUrl));
    await relay.set('pass');
    await ready(garden, 200);
    expect((await ask(TITLES)).status).toBe(200);
    expect((await garden.get(seen.originalUrl)).status).toBe(200);
  });

  it('connections that are broken off are replaced, and nobody sees a fault of ours', async () => {
    for (let time = 0; time < 5; time += 1) {
      const asked = Array.from({ length: 10 }, (_, at) =>
        ask(`{ media(first: ${at + 20}) { nodes { title } } }`),
      );
      relay.reset();
      for (const { status, body } of await Promise.all(asked)) {
        expect(body.toString()).not.toContain('INTERNAL');
        expect([200, 503]).toContain(status);
      }
    }
    await ready(garden, 200);
    expect((await ask(TITLES)).status).toBe(200);
  });

  it('a lock that holds up every connection keeps nobody from knowing that it is there', async () => {
    await ready(garden, 200);
    const client = new pg.Client({ connectionString: direct });
    await client.connect();
    try {
      await client.query('BEGIN');
      await client.query('LOCK TABLE items IN ACCESS EXCLUSIVE MODE');
      const waiting = Array.from({ length: 30 }, (_, at) =>
        ask(`{ media(first: ${at + 1}) { nodes { id } } }`),
      );
      await eventually('a pool that is full', async () => {
        const { rows } = await client.query<{ count: string }>(
          'SELECT COUNT(*) AS count FROM pg_locks WHERE NOT granted AND relation = $1::regclass',
          ['items'],
        );
        return Number(rows[0]?.count) >= 8;
      });
      const begun = Date.now();
      for (let time = 0; time < 5; time += 1) {
        expect(await status(garden, '/readyz')).toBe(200);
        expect(await status(garden, '/healthz')).toBe(200);
      }
      expect(Date.now() - begun).toBeLessThan(3_000);
      await client.query('ROLLBACK');
      for (const { status, body } of await Promise.all(waiting)) {
        // Who had waited too long for a connection was told so.
        if (status !== 200) expect(JSON.parse(body.toString()).errors[0].extensions.code).toBe('UNAVAILABLE');
      }
    } finally {
      await client.end();
    }
  });
});

describe('while the store of files is away', () => {
  let server: S3Server;
  let relay: TcpRelay;
  let path: FaultyPath;
  let garden: Instance;

  beforeAll(async () => {
    server = await startS3Server();
    const { bucket, prefix, region } = await server.bucket();
    path = await startFaultyPath(server.direct);
    relay = await startTcpRelay(Number(new URL(path.url).port));
    garden = await startInstance('Garden', {
      HEDGEROW_STORAGE_URL: `s3://${bucket}/${prefix}?region=${region}&endpoint=http://127.0.0.1:${relay.port}`,
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    });
    await garden.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
  });
  afterAll(async () => {
    await garden?.[Symbol.asyncDispose]();
    await relay?.[Symbol.asyncDispose]();
    await path?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const refusing = (status: number, code: string): void => {
    path.fault = () => ({ answer: status, body: `<Error><Code>${code}</Code><Message>no</Message></Error>` });
  };
  it.each([
    ['nobody listens', async () => relay.set('refuse')],
    ['nobody answers', async () => relay.set('silent')],
    ['the keys are taken no longer', async () => refusing(403, 'InvalidAccessKeyId')],
    ['the bucket is gone', async () => refusing(404, 'NoSuchBucket')],
  ])('the catalog is told, bytes are refused at once, and come back (%s)', async (mode, goAway) => {
    const { media } = await garden.query<{ media: { nodes: { originalUrl: string }[] } }>(
      '{ media(first: 1) { nodes { originalUrl } } }',
    );
    const url = media.nodes[0]?.originalUrl ?? '';
    const before = await garden.get(url);
    expect(before.status).toBe(200);
    await goAway();
    await ready(garden, 503);
    expect(await status(garden, '/healthz')).toBe(200);
    expectAway(await garden.get(url));
    expect((await garden.query<{ media: { totalCount: number } }>(TITLES)).media.totalCount).toBeGreaterThan(
      0,
    );
    const form = new FormData();
    // Bytes that are no item yet.
    form.append('file', new Blob([new Uint8Array(await newPicture(mode))]), 'new.jpg');
    const sent = await fetch(new URL('/uploads', garden.url), {
      method: 'POST',
      headers: { authorization: 'Bearer test-admin-token-of-thirty-two-characters' },
      body: form,
    });
    expect(sent.status).toBe(503);
    expect(sent.headers.get('retry-after')).not.toBeNull();
    await relay.set('pass');
    path.fault = () => null;
    await ready(garden, 200);
    expect(await garden.get(url)).toMatchObject({ status: 200, body: before.body });
  });
});

/** A picture like no other. */
function newPicture(name: string): Promise<Buffer> {
  const [red = 0, green = 0, blue = 0] = createHash('sha256').update(name).digest();
  return sharp({
    create: { width: 300, height: 200, channels: 3, background: { r: red, g: green, b: blue } },
  })
    .composite([{ input: { text: { text: name } } }])
    .png()
    .toBuffer();
}

/** Until the instance has written nothing between two of its looks at the database. */
async function quiet({ app }: Instance): Promise<void> {
  const { outage } = app.database;
  let seen = JSON.stringify(outage.counters);
  let since = Date.now();
  await eventually('a moment in which nothing is written', async () => {
    const now = JSON.stringify(outage.counters);
    if (now !== seen) {
      seen = now;
      since = Date.now();
    }
    return Date.now() - since > 1_500;
  });
}
