import { randomBytes } from 'node:crypto';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { codeAt, wrongCodeAt } from '../../test/support/one-time-codes.ts';
import { type Access, createAccess } from '../access/access.ts';
import { createPasswords } from '../access/passwords.ts';
import { problemOf } from './problem.ts';
import { sessionRoutes } from './session-routes.ts';

const PASSWORD = 'correct horse battery';

let opened: TemporaryDatabase;
let access: Access;
let app: FastifyInstance;
let origin: string;

beforeEach(async () => {
  opened = await openTemporarySqlite();
  access = await createAccess({
    database: opened.database,
    secret: randomBytes(32),
    publicUrl: new URL('https://home.example/'),
    passwords: createPasswords({ costLog2: 4 }),
  });
  app = Fastify();
  app.setErrorHandler((error, _request, reply) => {
    const { status, headers, body } = problemOf(error);
    return reply.code(status).headers(headers).send(body);
  });
  await app.register(sessionRoutes, { access, viewerOf: ({ headers }) => access.viewer(headers) });
  origin = await app.listen({ host: '127.0.0.1', port: 0 });
});

afterEach(async () => {
  await app.close();
  await opened.close();
});

async function send(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    cookie: response.headers.getSetCookie().map((cookie) => cookie.split(';', 1)[0] ?? ''),
    body: text === '' ? undefined : JSON.parse(text),
  };
}

test('a person signs in, is known, and signs out', async () => {
  const { user } = await access.users.create({ name: 'Ada', role: 'EDITOR', password: PASSWORD });
  const signedIn = await send('POST', '/session', { name: 'ada', password: PASSWORD });
  expect(signedIn.status).toBe(200);
  expect(signedIn.body).toEqual({ user: { id: user.id, name: 'Ada', role: 'EDITOR' } });
  expect(signedIn.headers.get('cache-control')).toBe('no-store');
  const headers = { cookie: signedIn.cookie.join('; ') };

  expect((await send('GET', '/session', undefined, headers)).body).toEqual({
    viewer: {
      user: { id: user.id, name: 'Ada', role: 'EDITOR' },
      role: 'EDITOR',
      scopes: ['CATALOG_READ', 'MEDIA_READ', 'LIBRARY_WRITE'],
      via: 'session',
    },
  });

  const signedOut = await send('DELETE', '/session', undefined, headers);
  expect(signedOut.status).toBe(204);
  expect(signedOut.cookie).toEqual([
    expect.stringMatching(/^__Secure-hedgerow_[0-9a-f]{8}\.session_token=$/),
  ]);
  expect((await send('GET', '/session', undefined, headers)).status).toBe(401);
});

test('a token is known too, and a wrong one is refused', async () => {
  const { token } = await access.tokens.create({ name: 't', scopes: ['CATALOG_READ'] });
  const good = await send('GET', '/session', undefined, { authorization: `Bearer ${token}` });
  expect(good.body.viewer).toEqual({ user: null, role: 'VIEWER', scopes: ['CATALOG_READ'], via: 'token' });
  const bad = await send('GET', '/session', undefined, { authorization: 'Bearer nonsense' });
  expect([bad.status, bad.body.code]).toEqual([401, 'unauthenticated']);
});

test('what is wrong is said as a problem, without saying whether the name is known', async () => {
  await access.users.create({ name: 'Ada', role: 'EDITOR', password: PASSWORD });
  const wrong = await send('POST', '/session', { name: 'Ada', password: 'not the password' });
  const unknown = await send('POST', '/session', { name: 'Eve', password: PASSWORD });
  expect(wrong.status).toBe(401);
  expect(wrong.body).toEqual(unknown.body);
  expect(wrong.cookie).toEqual([]);
  for (const body of [
    {},
    { name: 'Ada' },
    { name: 'Ada', password: 1 },
    { name: ['Ada'], password: PASSWORD },
    [],
  ]) {
    expect((await send('POST', '/session', body)).body).toMatchObject({ status: 400, code: 'invalid' });
  }
  expect((await send('POST', '/session', { name: 'x'.repeat(20_000), password: 'x' })).status).not.toBe(200);
});

test('a code of the second factor stands beside name and password, and is asked for by a code of its own', async () => {
  const { user } = await access.users.create({ name: 'Ada', role: 'EDITOR', password: PASSWORD });
  const { secret } = await access.secondFactors.begin(user);
  await access.secondFactors.confirm(user.id, codeAt(secret), { keepSession: '' });
  const credentials = { name: 'Ada', password: PASSWORD };
  for (const body of [credentials, { ...credentials, code: '' }]) {
    const asked = await send('POST', '/session', body);
    expect(asked.body).toEqual({
      type: 'about:blank',
      title: 'This account also asks for a code from the authenticator app.',
      status: 401,
      code: 'second-factor-required',
    });
    expect(asked.cookie).toEqual([]);
  }
  const refused = await send('POST', '/session', { ...credentials, code: wrongCodeAt(secret) });
  expect([refused.body.code, refused.cookie]).toEqual(['second-factor-refused', []]);
  for (const code of [null, 123456, ['123456']])
    expect((await send('POST', '/session', { ...credentials, code })).body).toMatchObject({
      status: 400,
      field: ['code'],
    });
  const next = codeAt(secret, Date.now() + 30_000);
  expect((await send('POST', '/session', { ...credentials, code: next })).cookie).toHaveLength(1);
  // A link sets the password, and is no way past the code.
  const { passwordPath } = await access.users.resetPassword(user.id);
  const set = await send('POST', '/password', {
    token: passwordPath?.split('=')[1],
    password: 'a hedge of hazel',
  });
  expect([set.status, set.body, set.cookie]).toEqual([
    200,
    { user: { id: user.id, name: 'Ada', role: 'EDITOR' } },
    [],
  ]);
});

test('who guesses is told how long to wait', async () => {
  const answers = [];
  for (let guess = 0; guess < 7; guess++) {
    answers.push(await send('POST', '/session', { name: 'Ada', password: `guess ${guess}` }));
  }
  expect(answers.map((answer) => answer.status)).toEqual([401, 401, 401, 401, 401, 429, 429]);
  expect(Number(answers[6]?.headers.get('retry-after'))).toBeGreaterThan(0);
});

test('a page of another site signs nobody in or out', async () => {
  await access.users.create({ name: 'Ada', role: 'EDITOR', password: PASSWORD });
  for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
    const signIn = await send('POST', '/session', { name: 'Ada', password: PASSWORD }, headers);
    expect([signIn.status, signIn.body.code, signIn.cookie]).toEqual([403, 'forbidden', []]);
    expect((await send('DELETE', '/session', undefined, headers)).status).toBe(403);
    expect((await send('POST', '/setup', { token: 't', name: 'n', password: 'p' }, headers)).status).toBe(
      403,
    );
    expect((await send('POST', '/password', { token: 't', password: 'p' }, headers)).status).toBe(403);
  }
  const own = { origin: 'https://home.example', 'sec-fetch-site': 'same-origin' };
  expect((await send('POST', '/session', { name: 'Ada', password: PASSWORD }, own)).status).toBe(200);
});

test('the one-time link makes the first admin, who is signed in with it', async () => {
  const token = (await access.setup.link()).split('=')[1];
  expect((await send('POST', '/setup', { token: 'guessed', name: 'Eve', password: PASSWORD })).status).toBe(
    403,
  );
  const made = await send('POST', '/setup', { token, name: 'Ada', password: PASSWORD });
  expect(made.body).toEqual({ user: { id: expect.any(String), name: 'Ada', role: 'ADMIN' } });
  const session = await send('GET', '/session', undefined, { cookie: made.cookie.join('; ') });
  expect(session.body.viewer.role).toBe('ADMIN');
  expect((await send('POST', '/setup', { token, name: 'Eve', password: PASSWORD })).status).toBe(403);
});

test('a link sets a password and signs its owner in', async () => {
  const { passwordPath } = await access.users.create({ name: 'Bea', role: 'VIEWER' });
  const token = passwordPath?.split('=')[1];
  const set = await send('POST', '/password', { token, password: PASSWORD });
  expect(set.body.user.name).toBe('Bea');
  expect((await send('POST', '/password', { token, password: PASSWORD })).status).toBe(404);
  expect((await send('POST', '/session', { name: 'Bea', password: PASSWORD })).status).toBe(200);
});
