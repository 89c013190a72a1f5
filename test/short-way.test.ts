/**
 * What is answered before the router is what the router answers, and ends as soon: a picture and a page that lie ready, on both
 * databases, asked for in turn by people whose rights change.
 */
import { tracingChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newPostgresUrl } from './support/databases.ts';
import { type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { type Asker, asker, nobody, type Person, signedIn, withToken } from './support/people.ts';

const PAGE = 'query Page { media(first: 20) { nodes { id title } totalCount } }';

/** Requests that the router has handled. */
let routed = 0;
const handled = {
  start: (): void => {
    routed += 1;
  },
};
const channel = tracingChannel('fastify.request.handler');
channel.subscribe(handled as never);
afterAll(() => channel.unsubscribe(handled as never));

async function routedBy<T>(work: () => Promise<T>): Promise<{ answer: T; routed: number }> {
  const before = routed;
  const answer = await work();
  return { answer, routed: routed - before };
}

describe.each(['sqlite', 'postgresql'] as const)('an answer that lies ready, on %s', (dialect) => {
  let now = Date.now();
  let garden: Instance;
  let coast: Instance;
  let peerId: string;
  /** A picture of the instance's own, and one of its peer's, kept. */
  let own: string;
  let remote: string;
  let person: Person;

  beforeAll(async () => {
    garden = await startInstance('Garden');
    await garden.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
    coast = await startInstance(
      'Coast',
      {
        HEDGEROW_PUBLIC_URL: 'https://media.example.org/coast',
        HEDGEROW_REQUESTS_PER_MINUTE: '160',
        ...(dialect === 'postgresql' && { HEDGEROW_DATABASE_URL: await newPostgresUrl() }),
      },
      { now: () => now },
    );
    await coast.app.library.importFiles({ paths: [join(SAMPLES, 'coast')], visibility: 'INSTANCE' });
    peerId = await pair(garden, coast);
    await settled(coast, peerId);
    const pictures = await coast.query<{ media: { nodes: { id: string }[] } }>(
      '{ media(origin: LOCAL, filter: { kinds: [IMAGE] }, first: 1) { nodes { id } } }',
    );
    own = `/media/${pictures.media.nodes[0]?.id}/thumbnail`;
    const theirs = await coast.query<typeof pictures>(
      '{ media(origin: REMOTE, filter: { kinds: [IMAGE] }, first: 1) { nodes { id } } }',
    );
    remote = `/media/${theirs.media.nodes[0]?.id}/thumbnail`;
    person = await signedIn(coast, 'Vera', 'VIEWER');
  });
  afterAll(async () => {
    for (const each of [coast, garden]) await each?.[Symbol.asyncDispose]();
  });

  const warm = async (asker: Asker, path: string): Promise<void> => {
    for (let turn = 0; turn < 3; turn += 1) expect((await asker.send('GET', path)).status).toBe(200);
  };
  const page = (asker: Asker) => asker.ask(PAGE);

  test('is, of a picture, what the router says, field by field, also where the browser has it already', async () => {
    for (const path of [own, remote]) {
      await warm(person, path);
      const by = async (headers: Record<string, string>) => {
        const { answer, routed } = await routedBy(() => person.send('GET', path, headers));
        const { date: _date, ...fields } = answer.headers;
        return { routed, status: answer.status, fields, body: answer.body.toString('base64') };
      };
      // It holds, and the router is who weighs it.
      const unusual = { 'if-unmodified-since': new Date(now + 86_400_000).toUTCString() };
      const long = await by(unusual);
      const short = await by({});
      expect(long).toMatchObject({ routed: 1, status: 200 });
      expect(short).toEqual({ ...long, routed: 0 });
      expect(short.fields['strict-transport-security']).toBeDefined();
      const etag = String(short.fields['etag']);
      const kept = await by({ 'if-none-match': etag });
      const weighed = await by({ ...unusual, 'if-none-match': etag });
      expect(weighed).toMatchObject({ routed: 1, status: 304 });
      expect(kept).toEqual({ ...weighed, routed: 0 });
      const modified = String(short.fields['last-modified']);
      expect(await by({ 'if-none-match': etag, 'if-modified-since': modified })).toEqual(kept);
      expect(await by({ 'if-none-match': '"another"', 'if-modified-since': modified })).toEqual(short);
      expect(await by({ 'if-modified-since': modified })).toMatchObject({ routed: 1, status: 304 });
    }
  });

  test('is, of a page, what the router says, field by field', async () => {
    await page(person);
    await page(person);
    const by = (accept: string) => routedBy(() => person.ask(PAGE, {}, { accept }));
    const short = await by('application/json');
    const long = await by('application/json, */*;q=0.1');
    expect([short.routed, long.routed]).toEqual([0, 1]);
    expect(short.answer.data).toEqual(long.answer.data);
    const told = ({ answer }: typeof short) => {
      const { date: _date, 'cache-status': _from, 'content-type': type, ...fields } = answer.headers;
      return { ...fields, type: String(type).split(';')[0] };
    };
    expect(told(short)).toEqual({ ...told(long), 'content-length': short.answer.headers['content-length'] });
    expect(short.answer.headers['cache-status']).toBe('Hedgerow; hit');
    // Never asked before, of a document that is known.
    const fresh = await routedBy(() => person.ask(PAGE, { unused: 1 }));
    expect(fresh.routed).toBe(0);
    expect(fresh.answer.headers['cache-status']).toBe('Hedgerow; fwd=miss');
    expect(fresh.answer.data).toEqual(short.answer.data);
  });

  test('is none for whoever was shut out by then', async () => {
    const { access } = coast.app;
    const program = await withToken(coast, ['CATALOG_READ', 'MEDIA_READ']);
    await warm(program, own);
    await page(program);
    await access.tokens.revoke(program.id);
    expect((await program.send('GET', own)).status).toBe(401);
    expect((await page(program)).errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED');

    const guest = await signedIn(coast, 'Gil', 'VIEWER');
    await warm(guest, own);
    await page(guest);
    await access.users.disable(guest.id);
    expect((await guest.send('GET', own)).status).toBe(401);
    expect((await page(guest)).errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED');

    // By somebody else than this process.
    const other = await signedIn(coast, 'Olaf', 'VIEWER');
    await warm(other, own);
    await coast.app.database.prisma.session.deleteMany({ where: { userId: other.id } });
    expect((await other.send('GET', own)).status).toBe(401);
  });

  test('is none where the rights that a token had were narrowed', async () => {
    const program = await withToken(coast, ['CATALOG_READ', 'MEDIA_READ']);
    await warm(program, own);
    await coast.app.database.prisma.apiToken.update({
      where: { id: program.id },
      data: { scopes: 'CATALOG_READ' },
    });
    expect((await program.send('GET', own)).status).toBe(403);
  });

  test('ends with the time of a token, within a second', async () => {
    const { token } = await coast.app.access.tokens.create({
      name: 'short',
      scopes: ['MEDIA_READ'],
      expiresAt: new Date(now + 10_000),
    });
    const program = asker(coast, { authorization: `Bearer ${token}` });
    await warm(program, own);
    now += 11_000;
    expect((await program.send('GET', own)).status).toBe(401);
  });

  test('is none of an item that is hidden or whose peer is hidden by then', async () => {
    await warm(person, own);
    const id = own.split('/')[2] ?? '';
    await coast.app.catalog.local.setVisibility([id], 'PRIVATE');
    expect((await person.send('GET', own)).status).toBe(404);
    await coast.app.catalog.local.setVisibility([id], 'INSTANCE');
    expect((await person.send('GET', own)).status).toBe(200);

    await warm(person, remote);
    await coast.app.database.prisma.peer.update({ where: { id: peerId }, data: { audience: 'ADMINS' } });
    expect((await person.send('GET', remote)).status).toBe(404);
    await coast.app.database.prisma.peer.update({ where: { id: peerId }, data: { audience: 'USERS' } });
    expect((await person.send('GET', remote)).status).toBe(200);
  });

  test('tells a page as it is after a change, and of a purge what is there', async () => {
    const titles = async () =>
      (await page(person)).data.media.nodes.map(({ title }: { title: string }) => title);
    await titles();
    const id = own.split('/')[2] ?? '';
    for (const title of ['Ebb', 'Flood']) {
      await coast.app.catalog.local.update(id, { title });
      expect(await titles()).toContain(title);
    }
    await warm(person, remote);
    await coast.query('mutation { purgeCache(input: { all: true }) { userErrors { code } } }');
    const anew = await person.send('GET', remote);
    expect(anew.headers['cache-status']).toContain('fwd=miss');
  });

  test('is counted as any other, once', async () => {
    const program = await withToken(coast, ['CATALOG_READ', 'MEDIA_READ']);
    const until = async (send: () => Promise<{ status: number; headers: Asker['headers'] | object }>) => {
      for (let turn = 0; turn < 2_000; turn += 1) {
        const answer = await send();
        if (answer.status === 429) return { turn, answer };
      }
      throw new Error('never refused');
    };
    // Half a minute's worth, whether it is new to the router, known or kept: each request has another text in it.
    const mixed = await until(() => program.ask(`${PAGE} # ${Math.floor(Math.random() * 20)}`));
    expect(mixed.turn).toBe(80);
    const refused = mixed.answer as Awaited<ReturnType<typeof page>>;
    expect(refused.errors?.[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    const files = await until(() => program.send('GET', own));
    expect(files.turn).toBe(400);
  });

  test('is for nobody unknown, nor for a page of another site', async () => {
    await page(person);
    const stranger = await nobody(coast).send('GET', own);
    expect(stranger.status).toBe(401);
    const foreign = await person.ask(
      PAGE,
      {},
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    );
    expect(foreign.errors?.[0]?.extensions?.code).toBe('FORBIDDEN');
  });
});

describe('a body', () => {
  let instance: Instance;
  beforeAll(async () => {
    instance = await startInstance('Garden');
    for (let turn = 0; turn < 3; turn += 1) await instance.ask(PAGE);
  });
  afterAll(() => instance?.[Symbol.asyncDispose]());

  const post = (body: string, headers: Record<string, string | undefined> = {}) =>
    instance.send('POST', '/graphql', body, headers);
  const code = ({ body }: { body: Buffer }): unknown => {
    const { errors, code } = JSON.parse(body.toString());
    return errors?.[0]?.extensions?.code ?? code;
  };

  test('that is no JSON, no request, or too long is refused by the router, which reads it as it came', async () => {
    expect((await post('{')).status).toBe(400);
    expect((await post('[]')).status).toBe(400);
    expect((await post(JSON.stringify({ query: PAGE, extensions: 1 }))).status).toBe(400);
    const wrong = JSON.stringify({
      query: 'query ($a: String) { media(after: $a) { totalCount } }',
      variables: { a: 'x' },
    });
    // The first time it is new, and then it is known.
    for (let turn = 0; turn < 3; turn += 1) expect(code(await post(wrong))).toBe('BAD_CURSOR');
    expect(code(await post(JSON.stringify({ query: `# ${'x'.repeat(300_000)}` })))).toBe('quota-exceeded');
    // Longer than what is looked at first, and short enough for the route.
    const long = await post(JSON.stringify({ query: `${PAGE} # ${'ä'.repeat(3_000)}${' '.repeat(40_000)}` }));
    expect(long.status).toBe(200);
  });

  test('that comes in pieces is one, and one that never comes whole is answered by nobody', async () => {
    const { hostname, port } = new URL(instance.url);
    const text = JSON.stringify({ query: PAGE, variables: { unused: 'pieces' } });
    const head = (length: number): string =>
      `POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer test-admin-token-of-thirty-two-characters\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
    const whole = connect(Number(port), hostname);
    let answer = '';
    whole.on('data', (data) => {
      answer += data;
    });
    whole.write(head(text.length) + text.slice(0, 10));
    await once(whole, 'connect');
    await new Promise(setImmediate);
    whole.write(text.slice(10));
    await once(whole, 'close');
    expect(answer).toMatch(/^HTTP\/1.1 200 .*cache-status: Hedgerow; fwd=miss.*"totalCount":0/s);
    const half = connect(Number(port), hostname);
    let nothing = '';
    half.on('data', (data) => {
      nothing += data;
    });
    half.end(head(text.length) + text.slice(0, 10));
    await once(half, 'close');
    expect(nothing).not.toContain('200 OK');
    expect((await instance.ask(PAGE)).data).toBeDefined();
  });
});
