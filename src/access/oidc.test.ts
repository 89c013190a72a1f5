/** Signing in at a provider, without the edge: the one of the package oidc-provider, on a socket of its own. */

import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { request } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import {
  type OidcProvider,
  type ProviderAccount,
  startOidcProvider,
} from '../../test/support/oidc-provider.ts';
import { isCode } from '../lib/errors.ts';
import { seal } from '../lib/seal.ts';
import { createAccess } from './access.ts';
import {
  claimAt,
  createOidc,
  type Oidc,
  type OidcOptions,
  type OidcSettings,
  pathHere,
  roleOf,
} from './oidc.ts';
import { createPasswords } from './passwords.ts';
import { createUsers, type Users } from './users.ts';

const SECRET = 'a-secret-of-the-client';
const HOME = 'http://127.0.0.1:4000/hedge';
const KEY = randomBytes(32);
const passwords = createPasswords({ costLog2: 4 });

let opened: TemporaryDatabase;
let users: Users;
let provider: OidcProvider;
let oidc: Oidc;
let now = Date.now();
let changes = 0;

beforeAll(async () => {
  opened = await openTemporarySqlite();
  users = createUsers({ database: opened.database, passwords, now: () => now, onChange: () => changes++ });
  provider = await startOidcProvider();
  provider.serve({ id: 'hedgerow', secret: SECRET, redirectUri: `${HOME}/oidc/callback` });
});
beforeEach(() => {
  oidc = make();
});
afterAll(async () => {
  await provider[Symbol.asyncDispose]();
  await opened.close();
});

const settingsOf = (): OidcSettings => ({
  issuer: new URL(provider.issuer),
  clientId: 'hedgerow',
  clientSecret: SECRET,
  name: 'Village',
  scopes: ['openid', 'profile'],
  rolesClaim: 'groups',
  roles: [
    { value: 'guests', role: 'VIEWER' },
    { value: 'gardeners', role: 'EDITOR' },
    { value: 'heads', role: 'ADMIN' },
  ],
});

function make(settings: Partial<OidcSettings> = {}, options: Partial<OidcOptions> = {}): Oidc {
  return createOidc({
    settings: { ...settingsOf(), ...settings },
    database: opened.database,
    users,
    passwords,
    publicUrl: new URL(`${HOME}/`),
    key: KEY,
    cookiePrefix: 'hedgerow_test',
    now: () => now,
    ...options,
  });
}

/** Follows what the provider says, with the cookies that it sets, until it sends the browser back. */
async function atProvider(begin: string, { issuer } = provider): Promise<string> {
  const jar = new Map<string, string>();
  let at = begin;
  while (at.startsWith(issuer)) {
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ');
    const answer = await request(at, { headers: { cookie } });
    await answer.body.dump();
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      jar.set(name, value);
    }
    const { location } = answer.headers;
    if (typeof location !== 'string') throw new Error(`${answer.statusCode}: nothing follows upon ${at}`);
    at = new URL(location, at).href;
  }
  return new URL(at).search;
}

const cookieOf = ([line = '']: string[]) => ({ cookie: line.split(';', 1)[0] });

async function signIn(who: ProviderAccount, by = oidc, at = provider) {
  const { location, setCookie } = await by.begin('/hedge/graphql');
  at.next(who);
  return by.finish(await atProvider(location, at), cookieOf(setCookie));
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error) => error.code,
  );

describe('the way to the provider and back', () => {
  test('asks for a code, for what the settings name, to be sent here, and proves later who asked', async () => {
    const { location, setCookie } = await oidc.begin('/hedge/graphql?x=1');
    const asked = new URL(location);
    expect(Object.fromEntries(asked.searchParams)).toEqual({
      client_id: 'hedgerow',
      response_type: 'code',
      redirect_uri: `${HOME}/oidc/callback`,
      scope: 'openid profile',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(setCookie).toEqual([
      expect.stringMatching(
        /^hedgerow_test\.oidc=[\w-]+; Max-Age=600; Path=\/hedge\/oidc\/callback; HttpOnly; SameSite=Lax$/,
      ),
    ]);
    provider.next({ sub: 'way', preferred_username: 'Wanda', groups: ['guests'] });
    const back = await oidc.finish(await atProvider(location), cookieOf(setCookie));
    expect(back.next).toBe('/hedge/graphql?x=1');
    // The browser forgets what it kept meanwhile.
    expect(back.setCookie).toEqual([
      'hedgerow_test.oidc=; Max-Age=0; Path=/hedge/oidc/callback; HttpOnly; SameSite=Lax',
    ]);
    expect(oidc.name).toBe('Village');
  });

  test('behind TLS keeps the cookie to it', async () => {
    const secure = make({}, { publicUrl: new URL('https://home.example//') });
    const { location, setCookie } = await secure.begin('/');
    expect(new URL(location).searchParams.get('redirect_uri')).toBe('https://home.example/oidc/callback');
    expect(setCookie).toEqual([
      expect.stringMatching(
        /^__Secure-hedgerow_test\.oidc=[\w-]+; Max-Age=600; Path=\/oidc\/callback; HttpOnly; Secure; SameSite=Lax$/,
      ),
    ]);
  });

  test('ends after ten minutes, and takes nothing that this instance has not sealed for it', async () => {
    provider.next({ sub: 'way', groups: ['guests'] });
    const { location, setCookie } = await oidc.begin('/');
    const query = await atProvider(location);
    const { cookie = '' } = cookieOf(setCookie);
    const flow = { state: 'x', nonce: 'x', verifier: 'x', next: '/', endsAt: now + 1000 };
    const forged = seal(randomBytes(32), 'oidc', JSON.stringify(flow));
    for (const headers of [
      {},
      { cookie: 'hedgerow_test.oidc=' },
      { cookie: `other.oidc=${cookie.split('=')[1]}` },
      { cookie: `${cookie.slice(0, -1)}${cookie.endsWith('A') ? 'B' : 'A'}` },
      { cookie: `hedgerow_test.oidc=${forged}` },
      { cookie: `hedgerow_test.oidc=${seal(KEY, 'session', JSON.stringify(flow))}` },
    ]) {
      const error = await oidc.finish(query, headers).catch((reason) => reason);
      expect([error.code, error.cause], JSON.stringify(headers)).toEqual(['FORBIDDEN', null]);
    }
    now += 600_000;
    expect(await codeOf(oidc.finish(query, { cookie }))).toBe('FORBIDDEN');
    now -= 1;
    expect(await codeOf(oidc.finish(query, { cookie }))).toBe('done');
    // The same answer a second time.
    expect(await codeOf(oidc.finish(query, { cookie }))).toBe('FORBIDDEN');
  });

  test('says the same whatever is wrong with the answer, and keeps the cause for the log', async () => {
    provider.next({ sub: 'way', groups: ['guests'] });
    const { location, setCookie } = await oidc.begin('/');
    const query = await atProvider(location);
    const changed = (change: (parameters: URLSearchParams) => void) => {
      const parameters = new URLSearchParams(query);
      change(parameters);
      return `?${parameters}`;
    };
    for (const wrong of [
      '',
      '?error=access_denied',
      changed((parameters) => parameters.set('state', 'another')),
      changed((parameters) => parameters.delete('state')),
      changed((parameters) => parameters.set('code', 'guessed')),
      changed((parameters) => parameters.set('iss', 'http://evil.example')),
    ]) {
      const error = await oidc.finish(wrong, cookieOf(setCookie)).catch((reason) => reason);
      expect(isCode(error, 'FORBIDDEN'), wrong).toBe(true);
      expect(error.message).toBe('Signing in did not work, or took too long; please try again.');
      expect(error.cause, wrong).toBeInstanceOf(Error);
    }
  });
});

describe('a person from the provider', () => {
  test('is known by issuer and subject: again under another name, and as somebody else at another issuer', async () => {
    const first = await signIn({ sub: 'u1', preferred_username: 'Gerda', groups: ['gardeners'] });
    expect(first.user).toMatchObject({ name: 'Gerda', role: 'EDITOR', disabledAt: null });
    const before = changes;
    const again = await signIn({ sub: 'u1', preferred_username: 'Renamed', groups: ['gardeners'] });
    expect(again.user).toEqual(first.user);
    // Nothing changed, so nobody is looked at anew.
    expect(changes).toBe(before);
    const more = await signIn({ sub: 'u1', groups: 'heads guests' });
    expect(more.user).toEqual({ ...first.user, role: 'ADMIN' });
    expect(changes).toBe(before + 1);

    await using other = await startOidcProvider();
    other.serve({ id: 'hedgerow', secret: SECRET, redirectUri: `${HOME}/oidc/callback` });
    const elsewhere = make({ issuer: new URL(other.issuer) });
    const twin = await signIn(
      { sub: 'u1', preferred_username: 'Gerda', groups: ['guests'] },
      elsewhere,
      other,
    );
    expect(twin.user).toMatchObject({ name: 'Gerda 2', role: 'VIEWER' });
    expect(twin.user.id).not.toBe(first.user.id);
  });

  test('has one account, also where two browsers come for the first time at once', async () => {
    // Both find nobody before either makes the account.
    let arrived = 0;
    let release = () => {};
    const both = new Promise<void>((resolve) => {
      release = resolve;
    });
    const hash = async (password: string) => {
      if (++arrived === 2) release();
      await both;
      return passwords.hash(password);
    };
    const slow = make({}, { passwords: { ...passwords, hash } });
    const flows = [await slow.begin('/'), await slow.begin('/')];
    provider.next({ sub: 'twice', preferred_username: 'Tove', groups: ['guests'] });
    const queries: string[] = [];
    for (const { location } of flows) queries.push(await atProvider(location));
    const [one, two] = await Promise.all(
      flows.map(({ setCookie }, index) => slow.finish(queries[index] ?? '', cookieOf(setCookie))),
    );
    expect(one?.user.name).toBe('Tove');
    expect(two?.user).toEqual(one?.user);
  });

  test('is looked for twice and no more, and a fault of the database stays one', async () => {
    for (const [code, tries] of [
      ['P2002', 2],
      ['P2010', 1],
    ] as const) {
      const fault = Object.assign(new Error('inner words'), { code });
      let tried = 0;
      const transaction = async () => {
        tried++;
        throw fault;
      };
      const prisma = Object.create(opened.database.prisma, { $transaction: { value: transaction } });
      const faulty = make({}, { database: { prisma } });
      await expect(signIn({ sub: 'f1', name: 'Frida', groups: ['guests'] }, faulty)).rejects.toBe(fault);
      expect(tried).toBe(tries);
    }
  });

  test('has no password that anybody knows', async () => {
    const { user } = await signIn({ sub: 'u2', preferred_username: 'Petra', groups: ['guests'] });
    for (const password of ['', 'Petra', 'undefined', 'null'])
      expect(await users.hasPassword(user.id, password)).toBe(false);
    const accounts = await opened.database.prisma.account.findMany({ where: { userId: user.id } });
    expect(accounts.map(({ password }) => password?.slice(0, 7) ?? null).sort()).toEqual([null, 'scrypt$']);
  });

  test('gets in nowhere without a role, or disabled; and the last admin stays one', async () => {
    const none = signIn({ sub: 'u3', preferred_username: 'Nils', groups: ['others'] });
    await expect(none).rejects.toThrow('Your account at Village gives you no role here.');
    await expect(none).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await users.findByName('Nils')).toBeNull();

    const { user } = await signIn({ sub: 'u3', preferred_username: 'Nils', groups: ['guests'] });
    await users.disable(user.id);
    const gone = signIn({ sub: 'u3', groups: ['heads'] });
    await expect(gone).rejects.toThrow('This account is disabled here.');
    await expect(gone).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect((await users.find(user.id))?.role).toBe('VIEWER');

    const head = await signIn({ sub: 'head', preferred_username: 'Hilde', groups: ['heads'] });
    for (const { id, role } of await users.list())
      if (role === 'ADMIN' && id !== head.user.id) await users.update(id, { role: 'VIEWER' });
    expect(await codeOf(signIn({ sub: 'head', groups: ['guests'] }))).toBe('CONFLICT');
    expect((await users.find(head.user.id))?.role).toBe('ADMIN');
  });

  test('is called by the first of the names that can be shown', async () => {
    const names: [ProviderAccount, string][] = [
      [{ sub: 'n1', preferred_username: ' Nora ', name: 'Other' }, 'Nora'],
      [{ sub: 'n2', preferred_username: '\u202e', name: 'Nils the Elder' }, 'Nils the Elder'],
      [{ sub: 'n3', name: '', nickname: 'Nick' }, 'Nick'],
      [{ sub: 'subject-4' }, 'subject-4'],
      [{ sub: '\u202e' }, 'Somebody'],
      [{ sub: 'n5', name: 'x'.repeat(100) }, 'x'.repeat(60)],
    ];
    for (const [who, name] of names) {
      const { user } = await signIn({ ...who, groups: ['guests'] });
      expect(user.name, JSON.stringify(who)).toBe(name);
    }
  });

  test('gets a number where the name is taken, whole signs alone, and is turned away after fifty', async () => {
    // Cut in the middle of a sign that has two units.
    const name = `x${'🌿'.repeat(40)}`;
    const first = await signIn({ sub: 'l1', name, groups: ['guests'] });
    expect(first.user.name).toBe(`x${'🌿'.repeat(29)}`);
    const second = await signIn({ sub: 'l2', name, groups: ['guests'] });
    expect(second.user.name).toBe(`x${'🌿'.repeat(27)} 2`);
    expect(await users.find(second.user.id)).toEqual(second.user);

    await users.create({ name: 'Many', role: 'VIEWER', password: 'correct horse' });
    for (let number = 2; number <= 49; number++)
      await users.create({ name: `Many ${number}`, role: 'VIEWER', password: 'correct horse' });
    const last = await signIn({ sub: 'm1', name: 'Many', groups: ['guests'] });
    expect(last.user.name).toBe('Many 50');
    await expect(signIn({ sub: 'm2', name: 'Many', groups: ['guests'] })).rejects.toThrow(
      'Too many people here have this name.',
    );
  });
});

describe('what the provider says', () => {
  const paths = (path: string) => provider.asked.filter((each) => each === path).length;
  const DISCOVERY = '/.well-known/openid-configuration';

  test('of itself is read once an hour', async () => {
    const fresh = make();
    const before = paths(DISCOVERY);
    await fresh.begin('/');
    now += 3_600_000;
    await fresh.begin('/');
    expect(paths(DISCOVERY)).toBe(before + 1);
    now += 1;
    await fresh.begin('/');
    expect(paths(DISCOVERY)).toBe(before + 2);
  });

  test('is asked for again after it was away, in words that name it', async () => {
    await using late = await startOidcProvider();
    const { issuer } = late;
    const waiting = make({ issuer: new URL(issuer) });
    for (let time = 0; time < 2; time++) {
      const error = await waiting.begin('/').catch((reason) => reason);
      expect(isCode(error, 'UNAVAILABLE')).toBe(true);
      expect(error.message).toBe('Village cannot be reached right now.');
      expect(error.cause).toBeInstanceOf(Error);
    }
    late.serve({ id: 'hedgerow', secret: SECRET, redirectUri: `${HOME}/oidc/callback` });
    expect((await waiting.begin('/')).location).toContain(issuer);
  });

  test('of a person is read at the userinfo endpoint only where the roles are not in the identity token', async () => {
    await using both = await startOidcProvider();
    both.serve({ id: 'hedgerow', secret: SECRET, redirectUri: `${HOME}/oidc/callback`, claimsIn: 'both' });
    const by = make({ issuer: new URL(both.issuer) });
    const who = { sub: 'b1', preferred_username: 'Berta', groups: ['gardeners'] };
    expect((await signIn(who, by, both)).user).toMatchObject({ name: 'Berta', role: 'EDITOR' });
    expect(both.asked).not.toContain('/me');
    expect(await codeOf(signIn({ sub: 'b2', preferred_username: 'Bert' }, by, both))).toBe('FORBIDDEN');
    expect(both.asked).toContain('/me');
  });

  test('is enough in the identity token, where there is no such endpoint; also to a public client', async () => {
    await using lean = await startOidcProvider();
    lean.serve({
      id: 'hedgerow',
      secret: null,
      redirectUri: `${HOME}/oidc/callback`,
      claimsIn: 'identity token',
    });
    const by = make({ issuer: new URL(lean.issuer), clientSecret: null });
    const who = { sub: 'p1', preferred_username: 'Paula', groups: ['guests'] };
    expect((await signIn(who, by, lean)).user.name).toBe('Paula');
    await expect(signIn({ sub: 'p2', preferred_username: 'Paul' }, by, lean)).rejects.toThrow('no role here');
    // With a secret that the provider does not know of.
    expect(await codeOf(signIn(who, make({ issuer: new URL(lean.issuer) }), lean))).toBe('FORBIDDEN');
  });
});

test('whoever comes back is given a session, and the one that the browser had before ends', async () => {
  const access = await createAccess({
    database: opened.database,
    secret: randomBytes(32),
    publicUrl: new URL(`${HOME}/`),
    passwords,
    oidc: settingsOf(),
  });
  const come = async (groups: string[], earlier = '') => {
    const begun = await access.oidc?.begin('/hedge/');
    provider.next({ sub: 'door', preferred_username: 'Dora', groups });
    const query = await atProvider(begun?.location ?? '');
    const { cookie } = cookieOf(begun?.setCookie ?? []);
    return access.signInAtProvider({
      query,
      headers: { cookie: `${cookie}; ${earlier}` },
      address: '192.0.2.1',
      userAgent: 'Test/1',
    });
  };
  const first = await come(['guests']);
  expect(first).toMatchObject({ user: { name: 'Dora' }, next: '/hedge/' });
  const [forget = '', keep = ''] = first.setCookie;
  expect(forget).toMatch(/^hedgerow_[0-9a-f]{8}\.oidc=; Max-Age=0;/);
  expect(keep).toMatch(/^hedgerow_[0-9a-f]{8}\.session_token=.+; Max-Age=2592000; Path=\/hedge;/);
  const headers = cookieOf([keep]);
  expect(await access.viewer(headers)).toMatchObject({ via: 'session', user: { name: 'Dora' } });
  expect(await access.sessions.list(first.user.id)).toMatchObject([
    { address: '192.0.2.1', userAgent: 'Test/1' },
  ]);
  const second = await come(['guests'], headers.cookie);
  expect(await access.viewer(headers)).toBeNull();
  expect(await access.viewer(cookieOf(second.setCookie.slice(1)))).not.toBeNull();
});

test('roles: the highest that a value gives, anybody’s where there is a star, else none', () => {
  const rules = [
    { value: 'staff', role: 'EDITOR' },
    { value: 'root', role: 'ADMIN' },
  ] as const;
  expect(roleOf(['staff', 'root'], rules)).toBe('ADMIN');
  expect(roleOf('staff', rules)).toBe('EDITOR');
  for (const claim of [undefined, null, 1, {}, [], ['STAFF'], ['staffx'], '*', [{ root: 1 }]]) {
    expect(roleOf(claim, rules), JSON.stringify(claim)).toBeNull();
  }
  for (const claim of ['x, staff', ' staff\tx', 'staff,root', 'root staff', [null, 'staff', 7]])
    expect(roleOf(claim, rules), JSON.stringify(claim)).not.toBeNull();
  expect(roleOf(undefined, [...rules, { value: '*', role: 'VIEWER' }])).toBe('VIEWER');
  expect(claimAt({ realm_access: { roles: ['a'] } }, 'realm_access.roles')).toEqual(['a']);
  expect(
    claimAt({ 'realm_access.roles': ['b'], realm_access: { roles: ['a'] } }, 'realm_access.roles'),
  ).toEqual(['b']);
  expect(claimAt({ a: { b: { c: 1 } } }, 'a.b.c')).toBe(1);
  for (const [claims, path] of [
    [{}, 'constructor.name'],
    [{ a: null }, 'a.b'],
    [{ a: 'text' }, 'a.length'],
    [{ a: {} }, 'a.b'],
    [{ a: {} }, 'a.b.c'],
  ] as const) {
    expect(claimAt(claims, path), path).toBeUndefined();
  }
});

test('the way back leads nowhere else', () => {
  const base = 'https://home.example/hedge';
  expect(pathHere('/hedge/graphql?x=1', base)).toBe('/hedge/graphql?x=1');
  expect(pathHere('graphql', base)).toBe('/hedge/graphql');
  for (const bad of [
    '',
    '//evil.example',
    'https://evil.example/hedge/x',
    '/\\evil.example',
    'javascript:alert(1)',
    '/other',
    '/hedge/../x',
    'http://home.example/hedge/',
    '\t//evil.example',
    '/hedgehog',
  ]) {
    expect(pathHere(bad, base), bad).toBe('/hedge/');
  }
});

test('whatever is asked for, the way back is a path of this instance, and the same again', () => {
  const base = 'https://home.example/hedge';
  const part = fc.constantFrom(
    '/',
    '//',
    '\\',
    '..',
    '.',
    '?',
    '#',
    ':',
    '@',
    '%2e',
    'https:',
    'evil.example',
    'hedge',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(part, anyText(5)), { maxLength: 8 }), (parts) => {
      const path = pathHere(parts.join(''), base);
      expect(path.startsWith('/hedge/')).toBe(true);
      const url = new URL(path, `${base}/`);
      expect(`${url.origin}${url.pathname}${url.search}`).toBe(`https://home.example${path}`);
      expect(pathHere(path, base)).toBe(path);
    }),
    { numRuns: 300, seed: 68 },
  );
});
