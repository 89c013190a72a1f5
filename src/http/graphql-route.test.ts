import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { fakeFederation, type GraphqlUnderTest, startGraphql } from '../../test/support/graphql.ts';
import { newItem } from '../../test/support/items.ts';

let temporary: TemporaryDatabase;
let server: GraphqlUnderTest;
let open: GraphqlUnderTest;

beforeAll(async () => {
  temporary = await openTemporarySqlite();
  server = await startGraphql(temporary.database, {
    federation: fakeFederation({
      instance: () => {
        throw new Error('the password of the database is hunter2');
      },
    }),
    route: {
      allowedOrigins: ['https://photos.example'],
      onHtml: (_request, reply) => reply.type('text/html').send('<!doctype html>'),
    },
  });
  open = await startGraphql(temporary.database, { anonymous: true });
  await server.catalog.local.add([newItem({ title: 'one' })]);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await open[Symbol.asyncDispose]();
  await temporary.close();
});

const COUNT = '{ media { totalCount } }';

describe('GraphQL over HTTP', () => {
  it('answers POST, and GET with a header that a form cannot set', async () => {
    expect((await server.ask(COUNT)).data.media.totalCount).toBe(1);
    const url = `${server.url}?query=${encodeURIComponent(COUNT)}`;
    const headers = { 'x-test-viewer': 'admin' };
    const forged = await fetch(url, { headers });
    expect(forged.status).toBe(403);
    expect(await forged.json()).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
    expect((await fetch(url, { headers: { ...headers, 'x-hedgerow-csrf': '1' } })).status).toBe(200);
    expect((await fetch(url, { headers: { ...headers, authorization: 'Bearer x' } })).status).toBe(200);
  });

  it('answers in the media type of the specification where that is asked for', async () => {
    const answer = await server.ask(COUNT, { headers: { accept: 'application/graphql-response+json' } });
    expect(answer.headers.get('content-type')).toMatch(/^application\/graphql-response\+json/);
    const wrong = await server.ask('{ nothing }', {
      headers: { accept: 'application/graphql-response+json' },
    });
    expect(wrong.status).toBe(400);
    expect(wrong.errors?.[0]?.extensions).toEqual({ code: 'INVALID' });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('changes nothing by GET', async () => {
    const mutation = encodeURIComponent('mutation { refreshPeer(input: {}) { pulls { id } } }');
    const response = await fetch(`${server.url}?query=${mutation}`, {
      headers: { 'x-test-viewer': 'admin', 'x-hedgerow-csrf': '1' },
    });
    expect(response.status).toBe(405);
  });

  it('takes no bodies that a form can send, and none over 256 KiB', async () => {
    const send = (contentType: string, body: string) =>
      fetch(server.url, {
        method: 'POST',
        headers: { 'x-test-viewer': 'admin', 'x-hedgerow-csrf': '1', 'content-type': contentType },
        body,
      });
    expect((await send('application/x-www-form-urlencoded', `query=${COUNT}`)).status).toBe(415);
    expect((await send('text/plain', JSON.stringify({ query: COUNT }))).status).toBe(415);
    expect((await send('multipart/form-data; boundary=x', '--x--')).status).toBe(415);
    expect((await send('application/graphql', COUNT)).status).toBe(415);
    const long = JSON.stringify({ query: COUNT, padding: 'x'.repeat(256 * 1024) });
    expect((await send('application/json', long)).status).toBe(413);
    expect((await send('application/json', '{"query":')).status).toBe(400);
    expect(
      (await send('application/json', JSON.stringify([{ query: COUNT }, { query: COUNT }]))).status,
    ).toBe(400);
  });

  it('lets pages of other sites read only where they are named', async () => {
    const from = async (url: string, origin: string) =>
      (
        await fetch(url, {
          method: 'OPTIONS',
          headers: { origin, 'access-control-request-method': 'POST' },
        })
      ).headers.get('access-control-allow-origin');
    expect(await from(server.url, 'https://photos.example')).toBe('https://photos.example');
    expect(await from(server.url, 'https://evil.example')).not.toBe('https://evil.example');
    expect(await from(open.url, 'https://photos.example')).toBeNull();
  });

  it('gives a browser that opens it the page', async () => {
    const response = await fetch(server.url, { headers: { accept: 'text/html,*/*;q=0.8' } });
    expect(await response.text()).toBe('<!doctype html>');
  });

  it('refuses what asks for too much, without naming the limit', async () => {
    const deep = `{ peers { nodes ${'{ media { nodes { peer '.repeat(8)}{ id }${' } } }'.repeat(8)} } }`;
    const aliased = `{ ${Array.from({ length: 40 }, (_, at) => `a${at}: instance { id }`).join(' ')} }`;
    const long = `{ instance { ${'id '.repeat(3000)} } }`;
    const wide =
      'query ($n: Int) { media(first: $n) { nodes { peer { media(first: $n) { nodes { id } } } } } }';
    const spread = `query { ...A } ${'ABCDEFGHIJKLMNOPQR'
      .split('')
      .map(
        (name, at, all) =>
          `fragment ${name} on Query { ${all[at + 1] ? `...${all[at + 1]} ...${all[at + 1]}` : 'instance { id }'} }`,
      )
      .join(' ')}`;
    for (const [query, variables] of [
      [deep, {}],
      [aliased, {}],
      [long, {}],
      [wide, { n: 500 }],
    ] as const) {
      const answer = await server.ask(query, { variables });
      expect(answer.status).toBe(400);
      expect(answer.errors?.map((error) => [error.message, error.extensions['code']])).toEqual([
        ['The query asks for too much at once.', 'TOO_COMPLEX'],
      ]);
    }
    expect((await server.ask(spread)).status).toBeLessThan(500);
    const page = '{ media(first: 500) { nodes { id title tags peer { name } copies { id } thumbnailUrl } } }';
    expect((await server.ask(page)).errors).toBeUndefined();
  });

  it('masks a fault, and logs it under the id that is shown', async () => {
    const answer = await server.ask('{ instance { id } }');
    expect(answer.errors).toHaveLength(1);
    const [error] = answer.errors ?? [];
    expect(error?.extensions).toMatchObject({ code: 'INTERNAL', id: expect.any(String) });
    expect(JSON.stringify(answer.errors)).not.toMatch(/hunter2|stack/);
    expect(server.logged).toContainEqual(
      expect.objectContaining({
        id: error?.extensions['id'],
        err: expect.objectContaining({ message: expect.stringContaining('hunter2') }),
      }),
    );
  });

  it('says INVALID of a request that is wrong in itself', async () => {
    for (const query of [
      '{',
      '{ nothing }',
      '{ media(first: "x") { totalCount } }',
      'query ($n: Int!) { media(first: $n) { totalCount } }',
    ]) {
      const answer = await server.ask(query);
      expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'INVALID' });
    }
    expect(
      (await server.ask('{ media(filter: { takenAt: { gte: "May" } }) { totalCount } }')).errors?.[0]
        ?.message,
    ).toMatch(/LocalDateTime/);
  });

  it('shows the schema to whom has signed in', async () => {
    const query = '{ __schema { queryType { name } } }';
    expect((await open.ask(query, { as: 'viewer' })).data.__schema.queryType.name).toBe('Query');
    const refused = await open.ask(query, { as: 'nobody' });
    expect(refused.status).toBe(401);
    expect(refused.errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
    expect((await open.ask('{ __typename }', { as: 'nobody' })).data.__typename).toBe('Query');
  });

  it('is nothing for whom has not signed in, where anonymous reading is off', async () => {
    for (const query of ['{ instance { id } }', '{ viewer { role } }', COUNT, '{ __typename }']) {
      const answer = await server.ask(query, { as: 'nobody' });
      expect(answer.status).toBe(401);
      expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' });
    }
    const wrong = await server.ask(COUNT, { headers: { 'x-test-viewer': 'wrong' } });
    expect([wrong.status, wrong.errors?.[0]?.message]).toEqual([401, 'The token is not valid.']);
  });
});
