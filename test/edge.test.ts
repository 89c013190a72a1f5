/**
 * The edge of a running instance behind TLS and a proxy: whom it believes, what it tells browsers, how much it takes,
 * and what ends at once when somebody is shut out.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import sharp from 'sharp';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, type Instance, startInstance } from './support/instance.ts';
import {
  type Asker,
  nobody,
  PASSWORD,
  type Person,
  signedIn,
  signInAs,
  withToken,
} from './support/people.ts';

const HSTS = 'max-age=63072000; includeSubDomains';
const TUS = { 'tus-resumable': '1.0.0' };

let now = Date.now();
/** Behind TLS, at a path, and the proxy is on this machine. */
let instance: Instance;
/** Reached by plain HTTP, with no proxy to believe. */
let plain: Instance;

beforeAll(async () => {
  instance = await startInstance(
    'Garden',
    {
      HEDGEROW_PUBLIC_URL: 'https://media.example.org/garden',
      HEDGEROW_TRUSTED_PROXIES: '127.0.0.1',
      HEDGEROW_REQUESTS_PER_MINUTE: '200',
    },
    { now: () => now },
  );
  plain = await startInstance('Hedge', { HEDGEROW_REQUESTS_PER_MINUTE: '200' });
});

afterAll(async () => {
  for (const each of [instance, plain]) await each?.[Symbol.asyncDispose]();
});

/** As it goes over the line, for what no client would send; answers the head of the answer. */
async function raw(to: Instance, head: string): Promise<string> {
  const { hostname, port } = new URL(to.url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  socket.write(`${head}\r\nhost: x\r\nconnection: close\r\n\r\n`);
  await once(socket, 'close');
  return text.split('\r\n\r\n', 1)[0]?.toLowerCase() ?? '';
}

describe('what browsers are told', () => {
  /** Pages, JSON, files, refusals, and what the router itself refuses. */
  const PATHS = [
    '/',
    '/sign-in',
    '/session',
    '/healthz',
    '/graphql?query={viewer{role}}',
    '/assets/none.js',
    '/nowhere',
    '/media/media_x/original',
  ];

  test('behind TLS every answer says to come by TLS alone, refusals and faults too', async () => {
    for (const path of PATHS) {
      const { headers } = await nobody(instance).send('GET', path);
      expect(headers['strict-transport-security'], path).toBe(HSTS);
      expect(headers['x-content-type-options'], path).toBe('nosniff');
      expect(headers['content-security-policy'], path).toMatch(/default-src 'none'/);
    }
    const broken = await raw(instance, 'GET /%zz HTTP/1.1');
    expect(broken).toMatch(/^http\/1.1 400 /);
    expect(broken).toContain(`strict-transport-security: ${HSTS.toLowerCase()}`);
    expect(broken).toContain("content-security-policy: default-src 'none'");
  });

  test('without TLS none does, since the name would be lost with it', async () => {
    for (const path of PATHS) {
      const { headers } = await nobody(plain).send('GET', path);
      expect(headers['strict-transport-security'], path).toBeUndefined();
      expect(headers['x-content-type-options'], path).toBe('nosniff');
    }
  });

  test('behind TLS a cookie goes nowhere else, whatever the proxy spoke with us', async () => {
    await instance.app.access.users.create({ name: 'Tilda', role: 'VIEWER', password: PASSWORD });
    const answer = await nobody(instance).send(
      'POST',
      '/garden/session',
      { 'content-type': 'application/json', 'x-forwarded-proto': 'http' },
      JSON.stringify({ name: 'Tilda', password: PASSWORD }),
    );
    expect(String(answer.headers['set-cookie'])).toMatch(/^__Secure-[^;]+; .*Path=\/garden;.*Secure/);
  });
});

describe('where somebody comes from', () => {
  const addressOf = async (of: Instance, name: string): Promise<string | null | undefined> => {
    const { prisma } = of.app.database;
    const session = await prisma.session.findFirst({
      where: { user: { name } },
      orderBy: { createdAt: 'desc' },
    });
    return session?.ipAddress;
  };
  const signIn = (of: Instance, name: string, forwarded: string) =>
    nobody(of).send(
      'POST',
      '/session',
      { 'content-type': 'application/json', 'x-forwarded-for': forwarded },
      JSON.stringify({ name, password: PASSWORD }),
    );

  test('a trusted proxy says it, of what it heard itself; what the client wrote before that counts for nothing', async () => {
    await instance.app.access.users.create({ name: 'Paul', role: 'VIEWER', password: PASSWORD });
    expect((await signIn(instance, 'Paul', '203.0.113.7')).status).toBe(200);
    expect(await addressOf(instance, 'Paul')).toBe('203.0.113.7');
    // The client wrote the first, the proxy appended the second.
    expect((await signIn(instance, 'Paul', '198.51.100.1, 203.0.113.8')).status).toBe(200);
    expect(await addressOf(instance, 'Paul')).toBe('203.0.113.8');
    // Of a chain of trusted ones the first that is not counts.
    expect((await signIn(instance, 'Paul', '203.0.113.9, 127.0.0.1')).status).toBe(200);
    expect(await addressOf(instance, 'Paul')).toBe('203.0.113.9');
  });

  test('nobody else says it', async () => {
    await plain.app.access.users.create({ name: 'Paul', role: 'VIEWER', password: PASSWORD });
    expect((await signIn(plain, 'Paul', '203.0.113.7')).status).toBe(200);
    expect(await addressOf(plain, 'Paul')).toBe('127.0.0.1');
  });

  test('so guesses are counted apart by address behind a proxy, and together by whoever makes addresses up', async () => {
    const guess = (of: Instance, forwarded: string) =>
      nobody(of).send(
        'POST',
        '/session',
        { 'content-type': 'application/json', 'x-forwarded-for': forwarded },
        JSON.stringify({ name: 'Paul', password: 'not the password' }),
      );
    const statuses = async (of: Instance, address: (turn: number) => string) => {
      const seen = new Set<number>();
      for (let turn = 0; turn < 7; turn++) seen.add((await guess(of, address(turn))).status);
      return [...seen];
    };
    expect(await statuses(instance, () => '192.0.2.1')).toEqual([401, 429]);
    expect(await statuses(plain, (turn) => `192.0.2.${turn}`)).toEqual([401, 429]);
    // The owner, who comes from elsewhere, is let in all the same.
    expect((await signIn(instance, 'Paul', '203.0.113.7')).status).toBe(200);
  });
});

describe('how much is taken', () => {
  /** Until it is refused, or for 1000 times. */
  const until429 = async (send: () => Promise<{ status: number; headers: Asker['headers'] | object }>) => {
    for (let turn = 0; turn < 1000; turn++) {
      const answer = await send();
      if (answer.status === 429) return { turn, answer };
    }
    throw new Error('never refused');
  };
  const from = (address: string) => ({ 'x-forwarded-for': address });

  test('beyond it every route says 429 and when to come back, in the form of the route', async () => {
    const person = await signedIn(instance, 'Lena', 'VIEWER');
    const ask = () =>
      person.send('GET', '/graphql?query={viewer{role}}', {
        accept: 'application/json',
        'x-hedgerow-csrf': '1',
      });
    const { turn, answer } = await until429(ask);
    // Half a minute's worth at once.
    expect(turn).toBe(100);
    const graphql = answer as Awaited<ReturnType<typeof ask>>;
    expect(Number(graphql.headers['retry-after'])).toBeGreaterThan(0);
    expect(JSON.parse(graphql.body.toString()).errors[0].extensions).toMatchObject({ code: 'RATE_LIMITED' });
    // Files and other people are counted apart.
    expect((await person.send('GET', '/media/media_none/original')).status).toBe(404);
    expect((await nobody(instance).send('GET', '/session', from('203.0.113.50'))).status).toBe(401);
    const other = await signedIn(instance, 'Lars', 'VIEWER');
    expect((await other.ask('{ viewer { role } }')).status).toBe(200);
    now += 60_000;
    expect((await ask()).status).toBe(200);
  });

  test('files, guesses at tokens, sign-ins and uploads run out too, with a problem document', async () => {
    const editor = await signedIn(instance, 'Emil', 'EDITOR');
    const attempts: [string, () => ReturnType<Asker['send']>][] = [
      ['files', () => editor.send('GET', '/media/media_none/original')],
      ['who one is', () => editor.send('GET', '/session')],
      [
        'tokens, asked who one is',
        () =>
          nobody(instance).send('GET', '/session', {
            authorization: `Bearer hedgerow_api_${'x'.repeat(43)}`,
            ...from('203.0.113.59'),
          }),
      ],
      [
        'tokens',
        () =>
          nobody(instance).send('GET', '/media/media_none/original', {
            authorization: `Bearer hedgerow_api_${'x'.repeat(43)}`,
            ...from('203.0.113.60'),
          }),
      ],
      [
        'entry',
        () =>
          nobody(instance).send(
            'POST',
            '/password',
            { 'content-type': 'application/json', ...from('203.0.113.61') },
            JSON.stringify({ token: 'x', password: 'y' }),
          ),
      ],
      ['uploads', () => editor.send('POST', '/uploads', { ...TUS, 'upload-length': 'many' })],
    ];
    for (const [name, send] of attempts) {
      const { answer } = await until429(send);
      const refused = answer as Awaited<ReturnType<typeof send>>;
      expect(refused.headers['content-type'], name).toMatch(/^application\/problem\+json/);
      expect(JSON.parse(refused.body.toString()), name).toMatchObject({ status: 429, code: 'rate-limited' });
      const wait = Number(refused.headers['retry-after']);
      expect(wait, name).toBeGreaterThan(0);
      now += wait * 1000;
      expect((await send()).status, `${name}, after the wait`).not.toBe(429);
      now += 60_000;
    }
    // A valid token of the address where guesses ran out is taken.
    const token = await withToken(instance, ['CATALOG_READ']);
    expect((await token.send('GET', '/session', from('203.0.113.60'))).status).toBe(200);
  });
});

describe('whoever is disabled', () => {
  /** A part of an upload that is under way, and its end. */
  async function uploading(person: Person): Promise<{ socket: Socket; ended: Promise<void> }> {
    const made = await person.send('POST', '/uploads', { ...TUS, 'upload-length': '1000000' });
    const { hostname, port } = new URL(instance.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const path = String(made.headers['location']).replace('/garden', '');
    const head = [
      `PATCH ${path} HTTP/1.1`,
      'host: x',
      `cookie: ${person.headers['cookie']}`,
      'tus-resumable: 1.0.0',
      'content-type: application/offset+octet-stream',
      'upload-offset: 0',
      'content-length: 1000000',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${'x'.repeat(1000)}`);
    return { socket, ended };
  }

  test('is out at once everywhere: sessions, tokens, links, signed URLs, files and uploads under way', async () => {
    const { library, access } = instance.app;
    // Not compressed, so that the file is longer than what the sockets between take at once.
    const path = join(instance.folder, 'large.png');
    await sharp({ create: { width: 3200, height: 3200, channels: 3, background: 'green' } })
      .png({ compressionLevel: 0 })
      .toFile(path);
    await library.importFiles({ paths: [path], visibility: 'INSTANCE' });
    const { id } = await instance.app.database.prisma.item.findFirstOrThrow();
    const person = await signedIn(instance, 'Dora', 'EDITOR');
    const browser = await signInAs(instance, 'Dora');
    const token = await withToken(instance, ['CATALOG_READ', 'MEDIA_READ', 'LIBRARY_WRITE'], person.id);
    const viewer = await access.viewer(person.headers);
    const signed = `/media/${id}/original?${access.signedUrls.sign(viewer, id, 'original')}`;
    expect((await nobody(instance).send('GET', signed)).status).toBe(200);

    const upload = await uploading(person);
    await eventually('the part has begun', async () => {
      const { prisma } = instance.app.database;
      return (await prisma.upload.count({ where: { ownerId: person.id, state: 'OPEN' } })) > 0 || null;
    });
    // The first bytes and no more are read, so that the rest waits at the server.
    const sending = await request(new URL(`/media/${id}/original`, instance.url), {
      headers: token.headers,
      highWaterMark: 1024,
    } as never);
    const reader = sending.body[Symbol.asyncIterator]();
    await reader.next();

    const admin = await signedIn(instance, 'Ada', 'ADMIN');
    const { data } = await admin.ask(
      'mutation ($id: ID!) { updateUser(input: { id: $id, disabled: true }) { userErrors { code } } }',
      { id: person.id },
    );
    expect(data.updateUser.userErrors).toEqual([]);
    // No look by the clock is needed: it is told.
    await upload.ended;
    await expect(
      (async () => {
        while (!(await reader.next()).done);
      })(),
    ).rejects.toThrow();
    for (const who of [person, browser, token]) {
      expect((await who.ask('{ viewer { role } }')).status).toBe(401);
      expect((await who.send('GET', `/media/${id}/original`)).status).toBe(401);
      expect((await who.send('POST', '/uploads', { ...TUS, 'upload-length': '1' })).status).toBe(401);
    }
    expect((await nobody(instance).send('GET', signed)).status).toBe(403);
    await expect(signInAs(instance, 'Dora')).rejects.toThrow('could not sign in');
    // Nobody else is touched.
    expect((await admin.ask('{ viewer { role } }')).status).toBe(200);
  });
});
