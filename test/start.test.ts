/** The real process: how it starts, what it refuses to start with, and how it ends. */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, get } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { pino } from 'pino';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../src/app.ts';
import { decideConfig } from '../src/config/config.ts';
import { readEnvironment, type Settings } from '../src/config/env.ts';
import { HedgerowError } from '../src/lib/errors.ts';
import { VERSION } from '../src/version.ts';
import { describeFile, startFakePeer } from './support/fake-peer.ts';
import { freePort } from './support/free-port.ts';
import { eventually, SAMPLES } from './support/instance.ts';
import { type Program, runProgram } from './support/process.ts';

const TOKEN = 'an-admin-token-of-more-than-32-characters';

let base: string;
/** A data folder that one start has made; tests copy it. */
let made: string;
let folders = 0;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'hedgerow-start-'));
  made = join(base, 'made');
  await using program = serve(made);
  await program.ready();
  expect((await program.kill('SIGTERM')).code).toBe(0);
});
afterAll(() => rm(base, { recursive: true, force: true }));

function serve(folder: string, settings: Record<string, string> = {}): Program {
  return runProgram(['serve'], {
    HEDGEROW_DATA_DIR: folder,
    HEDGEROW_PORT: '0',
    HEDGEROW_ADMIN_TOKEN: TOKEN,
    HEDGEROW_LOG_LEVEL: 'error',
    ...settings,
  });
}

const newFolder = (): string => join(base, `data-${folders++}`);

async function copyOfMade(): Promise<string> {
  const folder = newFolder();
  await mkdir(folder);
  for (const name of ['hedgerow.db', 'master.key']) await copyFile(join(made, name), join(folder, name));
  return folder;
}

/** SHA-256 of each file, by name. */
async function contents(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    // What SQLite keeps beside a database while somebody looks into it holds nothing of its own.
    if (!entry.isFile() || /\.lock$|-shm$|-wal$/.test(entry.name)) continue;
    const bytes = await readFile(join(folder, entry.name));
    found[entry.name] = createHash('sha256').update(bytes).digest('hex');
  }
  return found;
}

/** It must end with 1 and one sentence that names the thing. */
async function refused(program: Program, ...names: (string | RegExp)[]): Promise<void> {
  await using _ = program;
  const { code, err, out } = await program.ended;
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(/^hedgerow: [^\n]+\.\n$/);
  for (const name of names) {
    if (typeof name === 'string') expect(err).toContain(name);
    else expect(err).toMatch(name);
  }
}

/** The same without a process: the start must throw that sentence, and give back what it had taken. */
async function refusedHere(folder: string, settings: Settings, ...names: string[]): Promise<void> {
  const { config, secrets } = decideConfig({ HEDGEROW_DATA_DIR: folder, HEDGEROW_PORT: '0', ...settings });
  const error: unknown = await startApp({ config, secrets, log: pino({ level: 'silent' }) }).then(
    (app) => app[Symbol.asyncDispose](),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof HedgerowError)) throw error ?? new Error('It did start.');
  expect(error.message).toMatch(/^[^\n]+\.$/);
  for (const name of names) expect(error.message).toContain(name);
}

async function ask(url: string, query: string, variables: object = {}) {
  const answer = await request(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ query, variables }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers are asserted upon field by field
  return (await answer.body.json()) as any;
}

describe('a start', () => {
  it('ends its words with the line that it is ready, and SIGTERM ends it with 0', async () => {
    const folder = newFolder();
    await using program = serve(folder);
    const url = await program.ready();
    const last = program.out.trimEnd().split('\n').at(-1);
    expect(last).toBe(`Hedgerow ${VERSION} ready on ${url}`);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await request(`${url}/healthz`)).statusCode).toBe(200);
    expect((await request(`${url}/readyz`)).statusCode).toBe(200);

    const file = join(folder, 'server.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ url, pid: program.child.pid });
    expect((await stat(join(folder, 'master.key'))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);

    const ended = await program.kill('SIGTERM');
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.out.trimEnd().split('\n').at(-1)).toBe(last);
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  it('makes a server.json that only its user reads, whatever lay there', async () => {
    const folder = await copyOfMade();
    const file = join(folder, 'server.json');
    await writeFile(file, '{"url":"http://127.0.0.1:1","token":"old","pid":1}', { mode: 0o644 });
    await using program = serve(folder);
    const url = await program.ready();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(file, 'utf8')).url).toBe(url);
  });

  it('answers whoever asks before it is ready, rather than keeping them waiting', async () => {
    const port = await freePort();
    await using program = serve(newFolder(), { HEDGEROW_PORT: String(port) });
    const status = await eventually('the first connection', async () => {
      const socket = connect(port, '127.0.0.1');
      const connected = await Promise.race([
        once(socket, 'connect').then(() => true),
        once(socket, 'error').then(() => false),
      ]).catch(() => false);
      if (!connected) return null;
      socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
      const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })) as [Buffer];
      socket.destroy();
      return Number(/^HTTP\/1\.1 (\d+)/.exec(chunk.toString())?.[1]);
    });
    expect([200, 503]).toContain(status);
    const url = await program.ready();
    expect((await request(`${url}/healthz`)).statusCode).toBe(200);
  });

  it('gives a link for the first admin that works once, and none once there is an admin', async () => {
    const folder = await copyOfMade();
    {
      await using program = serve(folder);
      const url = await program.ready();
      const token = /setup#token=(\S+)/.exec(program.out)?.[1] ?? '';
      const setUp = (name: string) =>
        request(`${url}/setup`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', origin: url, 'sec-fetch-site': 'same-origin' },
          body: JSON.stringify({ token, name, password: 'correct horse battery staple' }),
        });
      expect((await setUp('ada')).statusCode).toBeLessThan(300);
      expect((await setUp('eve')).statusCode).toBeGreaterThanOrEqual(400);
      await program.kill('SIGTERM');
    }
    await using again = serve(folder);
    await again.ready();
    expect(again.out).not.toContain('setup#token');
  });

  it('with federation off answers none of its routes, and the rest as ever', async () => {
    await using program = serve(await copyOfMade(), { HEDGEROW_FEDERATION: 'off' });
    const url = await program.ready();
    for (const path of [
      '/.well-known/hedgerow',
      '/federation/v1/media',
      '/federation/v1/status',
      '/federation/v1/media/x/original',
    ]) {
      expect((await request(url + path)).statusCode).toBe(404);
    }
    expect((await request(`${url}/federation/v1/pairings`, { method: 'POST', body: '{}' })).statusCode).toBe(
      404,
    );
    const { data } = await ask(url, 'mutation { createInvitation(input: {}) { code userErrors { code } } }');
    expect(data.createInvitation.userErrors).toMatchObject([{ code: 'CONFLICT' }]);
    expect((await ask(url, '{ instance { federation } }')).data.instance.federation).toBe(false);
  });
});

const S3_KEYS = { AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 'secret' };

describe('blobs in a bucket', () => {
  it('are where the URL says, with the keys of the AWS variables', () => {
    const url = 's3://bucket/a/prefix/?region=eu-central-1&endpoint=https://s3.example.org/';
    const { config, secrets } = decideConfig(
      readEnvironment({ HEDGEROW_STORAGE_URL: url, ...S3_KEYS, AWS_REGION: 'us-west-2' }),
    );
    expect(config.storage).toEqual({
      kind: 's3',
      bucket: 'bucket',
      prefix: 'a/prefix',
      region: 'eu-central-1',
      endpoint: 'https://s3.example.org',
    });
    expect(secrets.storageKeys).toEqual({ accessKeyId: 'A', secretAccessKey: 'secret', sessionToken: null });
    expect(JSON.stringify(config)).not.toContain('secret');
    const short = decideConfig(
      readEnvironment({ HEDGEROW_STORAGE_URL: 's3://bucket', ...S3_KEYS, AWS_REGION: 'us-west-2' }),
    );
    expect(short.config.storage).toMatchObject({ prefix: '', region: 'us-west-2', endpoint: null });
  });
});

describe('a start is refused with one sentence', () => {
  it.each<[string, Record<string, string>]>([
    ['HEDGEROW_PORT', { HEDGEROW_PORT: 'abc' }],
    ['HEDGEROW_PORT', { HEDGEROW_PORT: '65536' }],
    ['HEDGEROW_PORT', { HEDGEROW_PORT: '-1' }],
    ['HEDGEROW_PROT', { HEDGEROW_PROT: '4000' }],
    ['HEDGEROW_PUBLIC_URL', { HEDGEROW_PUBLIC_URL: 'https://media.example/?a=b' }],
    ['HEDGEROW_PUBLIC_URL', { HEDGEROW_PUBLIC_URL: 'https://media.example/?' }],
    ['HEDGEROW_PUBLIC_URL', { HEDGEROW_PUBLIC_URL: 'https://media.example/#' }],
    ['HEDGEROW_PUBLIC_URL', { HEDGEROW_PUBLIC_URL: 'https://user:secret@media.example' }],
    ['HEDGEROW_PUBLIC_URL', { HEDGEROW_PUBLIC_URL: 'ftp://media.example' }],
    ['HEDGEROW_PUBLIC_URL', { HEDGEROW_PUBLIC_URL: 'media.example' }],
    ['HEDGEROW_PUBLIC_URL', { HEDGEROW_PUBLIC_URL: 'https://media.example/federation/v1' }],
    ['HEDGEROW_STORAGE_URL', { HEDGEROW_STORAGE_URL: 'gopher://bucket/prefix' }],
    ['AWS_ACCESS_KEY_ID', { HEDGEROW_STORAGE_URL: 's3://bucket/prefix' }],
    ['AWS_SECRET_ACCESS_KEY', { HEDGEROW_STORAGE_URL: 's3://bucket', AWS_ACCESS_KEY_ID: 'A' }],
    ['HEDGEROW_STORAGE_URL', { HEDGEROW_STORAGE_URL: 's3://key:secret@bucket/prefix', ...S3_KEYS }],
    ['HEDGEROW_STORAGE_URL', { HEDGEROW_STORAGE_URL: 's3://bucket/a/../b%2f..', ...S3_KEYS }],
    ['HEDGEROW_STORAGE_URL', { HEDGEROW_STORAGE_URL: 's3://bucket?endpoint=ftp://x', ...S3_KEYS }],
    ['HEDGEROW_STORAGE_URL', { HEDGEROW_STORAGE_URL: 's3://bucket?region=a&region=b', ...S3_KEYS }],
    ['HEDGEROW_STORAGE_URL', { HEDGEROW_STORAGE_URL: 's3://bucket?key=x', ...S3_KEYS }],
    ['HEDGEROW_STORAGE_URL', { HEDGEROW_STORAGE_URL: 's3:bucket', ...S3_KEYS }],
    ['HEDGEROW_DATABASE_URL', { HEDGEROW_DATABASE_URL: 'mysql://root@localhost/x' }],
    ['HEDGEROW_ADMIN_TOKEN', { HEDGEROW_ADMIN_TOKEN: 'short' }],
    ['HEDGEROW_ADMIN_TOKEN', { HEDGEROW_ADMIN_TOKEN: `${TOKEN} with a space` }],
    ['HEDGEROW_MASTER_KEY', { HEDGEROW_MASTER_KEY: 'not a key' }],
    ['HEDGEROW_PULL_INTERVAL', { HEDGEROW_PULL_INTERVAL: '0' }],
    ['HEDGEROW_PULL_INTERVAL', { HEDGEROW_PULL_INTERVAL: '15m' }],
    ['HEDGEROW_CACHE_BYTES', { HEDGEROW_CACHE_BYTES: 'lots' }],
    ['HEDGEROW_FEDERATION', { HEDGEROW_FEDERATION: 'maybe' }],
    ['HEDGEROW_ANONYMOUS', { HEDGEROW_ANONYMOUS: 'on' }],
    ['HEDGEROW_LOG_LEVEL', { HEDGEROW_LOG_LEVEL: 'loud' }],
    ['HEDGEROW_TRUSTED_PROXIES', { HEDGEROW_TRUSTED_PROXIES: '10.0.0.0/99' }],
    ['HEDGEROW_ALLOWED_ORIGINS', { HEDGEROW_ALLOWED_ORIGINS: 'https://x.example/path' }],
    ['HEDGEROW_NAME', { HEDGEROW_NAME: 'x'.repeat(101) }],
    ['HEDGEROW_NAME_FILE', { HEDGEROW_NAME_FILE: '/nowhere/name' }],
  ])('that names %s, for %o', (name, settings) => {
    const decide = () => decideConfig(readEnvironment(settings));
    expect(decide).toThrow(name);
    expect(decide).toThrow(/^[^\n]+\.$/);
    expect(decide).not.toThrow(/secret/);
  });

  it.each<[string, Record<string, string>]>([
    ['HEDGEROW_PORT', { HEDGEROW_PORT: 'abc' }],
    ['HEDGEROW_PROT', { HEDGEROW_PROT: '4000' }],
    ['HEDGEROW_ADMIN_TOKEN', { HEDGEROW_ADMIN_TOKEN: 'short' }],
    ['HEDGEROW_HOST', { HEDGEROW_HOST: '192.0.2.1' }],
  ])('and nothing is made, where %s is wrong', async (name, settings) => {
    const folder = newFolder();
    await refused(serve(folder, settings), name);
    await expect(stat(folder)).rejects.toThrow('ENOENT');
  });

  it('where the port is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await refused(serve(newFolder(), { HEDGEROW_PORT: String(port) }), String(port), 'HEDGEROW_PORT');
    await new Promise((resolve) => other.close(resolve));
  });

  it('where another process has the data folder, which goes on', async () => {
    const folder = await copyOfMade();
    await using first = serve(folder);
    const url = await first.ready();
    await refused(serve(folder), folder);
    expect((await request(`${url}/readyz`)).statusCode).toBe(200);
    expect(JSON.parse(await readFile(join(folder, 'server.json'), 'utf8')).url).toBe(url);
  });

  it('where the data folder cannot be written', async () => {
    const file = join(base, 'a file');
    await writeFile(file, '');
    await refusedHere(join(file, 'data'), {}, join(file, 'data'), 'HEDGEROW_DATA_DIR');
    await refusedHere(file, {}, file, 'HEDGEROW_DATA_DIR');
  });

  it('where a newer version has migrated the database', async () => {
    const folder = await copyOfMade();
    const database = new BetterSqlite3(join(folder, 'hedgerow.db'));
    database
      .prepare(
        "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count) VALUES ('x', 'x', 1, '29991231000000_of_the_future', 1)",
      )
      .run();
    database.close();
    const before = await contents(folder);
    await refusedHere(folder, {}, 'newer version', '29991231000000_of_the_future');
    expect(await contents(folder)).toEqual(before);
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['not one', () => Buffer.from('this is not a database '.repeat(1000))],
    ['cut off', (bytes) => bytes.subarray(0, 10_000)],
    ['overwritten in the middle', (bytes) => Buffer.from(bytes).fill(0xa5, 4096, bytes.length - 4096)],
    ['without its first page', (bytes) => Buffer.from(bytes).fill(0, 100, 4096)],
  ])('where the database file is %s', async (_how, damage) => {
    const folder = await copyOfMade();
    const file = join(folder, 'hedgerow.db');
    await writeFile(file, damage(await readFile(file)));
    const before = await contents(folder);
    await refusedHere(folder, {}, file);
    expect(await contents(folder)).toEqual(before);
  });

  it('where the master key is another, damaged or gone', async () => {
    const folder = await copyOfMade();
    const file = join(folder, 'master.key');
    const right = await readFile(file);
    const before = await contents(folder);
    await refusedHere(folder, { HEDGEROW_MASTER_KEY: '11'.repeat(32) }, 'HEDGEROW_MASTER_KEY');
    expect(await contents(folder)).toEqual(before);

    await writeFile(file, 'AAAA\n');
    const damaged = await contents(folder);
    await refusedHere(folder, {}, file);
    expect(await contents(folder)).toEqual(damaged);

    await rm(file);
    const without = await contents(folder);
    await refusedHere(folder, {}, 'master.key');
    expect(await contents(folder)).toEqual(without);

    await writeFile(file, right);
    await using program = serve(folder);
    await program.ready();
  });
});

describe('an end', () => {
  it('lets an answer finish that is under way, and takes nothing new', async () => {
    const folder = newFolder();
    const film = join(base, 'film.mp4');
    const box = Buffer.alloc(24 << 20);
    box.writeUInt32BE(box.length);
    box.write('free', 4);
    await writeFile(
      film,
      Buffer.concat([await readFile(join(SAMPLES, 'coast', 'waves-on-the-beach.mp4')), box]),
    );
    await using imported = runProgram(['import', film], { HEDGEROW_DATA_DIR: folder });
    expect(await imported.ended).toMatchObject({ code: 0 });

    await using program = serve(folder);
    const url = await program.ready();
    const { data } = await ask(url, '{ media { nodes { originalUrl byteSize } } }');
    const [{ originalUrl, byteSize }] = data.media.nodes;
    const answer = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      get(
        url + new URL(originalUrl, url).pathname,
        { headers: { authorization: `Bearer ${TOKEN}` } },
        resolve,
      ).on('error', reject);
    });
    await once(answer, 'readable');
    const ended = program.kill('SIGTERM');
    await eventually('no more connections', async () =>
      request(`${url}/healthz`).then(
        ({ statusCode }) => statusCode === 503,
        () => true,
      ),
    );
    let size = 0;
    for await (const chunk of answer) size += chunk.length;
    expect(String(size)).toBe(byteSize);
    expect(await ended).toMatchObject({ code: 0, signal: null });
  });

  it.each([1, 3])(
    'by force after %i pages of a first listing leaves nothing doubled and nothing missing',
    async (after) => {
      const folder = await copyOfMade();
      await using fake = await startFakePeer();
      fake.pageSize = 50;
      for (let index = 0; index < 250; index++) fake.put(`item-${index}`);
      let pages = 0;
      const asked: (string | null)[] = [];
      fake.misbehave = async (request, honest) => {
        if (request.path !== '/federation/v1/media') return honest();
        asked.push(request.query.get('after'));
        pages += 1;
        // The page that is under way when it is killed is never answered.
        return pages > after ? null : honest();
      };
      {
        await using program = serve(folder);
        const url = await program.ready();
        await ask(
          url,
          'mutation ($code: String!) { pairWithPeer(input: {invitation: $code}) { userErrors { code } } }',
          {
            code: fake.invitation(),
          },
        );
        await eventually('the page', async () => pages > after);
        expect((await program.kill('SIGKILL')).signal).toBe('SIGKILL');
      }
      // What changed while it was down, and before where it had come to.
      fake.put('item-0', { title: 'changed' });
      fake.remove('item-1');
      fake.misbehave = null;
      await using program = serve(folder);
      const url = await program.ready();
      const peer = await eventually('the listing', async () => {
        const { data } = await ask(
          url,
          '{ peers { nodes { health operations { pull { inSync } pulls { nodes { state error { code } } } } } } }',
        );
        const [found] = data.peers.nodes;
        return found.health === 'ONLINE' && found;
      });
      expect(peer.operations.pull.inSync).toBe(true);
      expect(peer.operations.pulls.nodes.map(({ state }: { state: string }) => state).sort()).toEqual([
        'FAILED',
        'SUCCEEDED',
      ]);
      const { data } = await ask(
        url,
        '{ media(first: 500) { totalCount nodes { title ... on RemoteMedia { remoteId } } } }',
      );
      const ids = data.media.nodes.map(({ remoteId }: { remoteId: string }) => remoteId);
      expect(data.media.totalCount).toBe(249);
      expect(new Set(ids).size).toBe(249);
      expect(ids).not.toContain('item-1');
      expect(data.media.nodes.find(({ remoteId }: { remoteId: string }) => remoteId === 'item-0').title).toBe(
        'changed',
      );
      // It went on where it had stopped: what was there already was not asked for again.
      expect(asked.filter((cursor) => cursor === null).length).toBe(1);
      // The stale address of the killed one was replaced.
      expect(JSON.parse(await readFile(join(folder, 'server.json'), 'utf8')).url).toBe(url);
      expect((await program.kill('SIGTERM')).code).toBe(0);
    },
  );

  it('by force in the middle of fetching bytes leaves whole files or none', async () => {
    const folder = await copyOfMade();
    await using fake = await startFakePeer();
    const content = Buffer.alloc(3 * 262_144 + 5, 'hedge');
    fake.put(
      'film',
      { kind: 'video', mimeType: 'video/mp4', ...describeFile(content) },
      { original: content },
    );
    let held = false;
    fake.misbehave = async (request, honest) => {
      if (!request.path.endsWith('/film/original')) return honest();
      request.response.writeHead(200, { 'content-length': content.length });
      request.response.write(content.subarray(0, 262_144 + 100_000));
      held = true;
      return null;
    };
    const path = async (url: string) => {
      const { data } = await ask(url, '{ media { nodes { originalUrl } } }');
      return data.media.nodes[0]?.originalUrl as string | undefined;
    };
    const headers = { authorization: `Bearer ${TOKEN}` };
    {
      await using program = serve(folder);
      const url = await program.ready();
      await ask(
        url,
        'mutation ($code: String!) { pairWithPeer(input: {invitation: $code}) { userErrors { code } } }',
        {
          code: fake.invitation(),
        },
      );
      const original = await eventually('the item', () => path(url));
      request(new URL(original, url), { headers }).then(
        ({ body }) => body.dump().catch(() => {}),
        () => {},
      );
      await eventually('half a file', async () => held);
      await program.kill('SIGKILL');
    }
    fake.misbehave = null;
    await using program = serve(folder);
    const url = await program.ready();
    const original = (await path(url)) ?? '';
    const whole = await request(new URL(original, url), { headers });
    expect(Buffer.from(await whole.body.arrayBuffer()).equals(content)).toBe(true);
  });
});
