/** How the parts behind the door work together, on SQLite alone; access.test.ts has what people and programs see of it. */

import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { eventually } from '../../test/support/eventually.ts';
import { codeAt, wrongCodeAt } from '../../test/support/one-time-codes.ts';
import type { Database } from '../database/database.ts';
import { type Access, type AccessOptions, createAccess } from './access.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import type { Viewer } from './viewer.ts';

const DAY = 86_400_000;
const PASSWORD = 'correct horse battery';
const SECRET = randomBytes(32);
const wrong = { code: 'UNAUTHENTICATED', message: 'The name or the password is wrong.' };
const passwords = createPasswords({ costLog2: 4 });

let opened: TemporaryDatabase;
let database: Database;
let access: Access;
let made = 0;

beforeAll(async () => {
  opened = await openTemporarySqlite();
  ({ database } = opened);
});
beforeEach(async () => {
  access = await open();
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(() => opened.close());

const open = (options: Partial<AccessOptions> = {}): Promise<Access> =>
  createAccess({
    database,
    secret: SECRET,
    publicUrl: new URL('https://home.example'),
    passwords,
    ...options,
  });

async function person(): Promise<{ id: string; name: string }> {
  return (await access.users.create({ name: `Person ${++made}`, role: 'EDITOR', password: PASSWORD })).user;
}

const signIn = (name: string, more: object = {}, by = access) =>
  by.signIn({ name, password: PASSWORD, address: `10.0.0.${made}`, ...more });
const cookieOf = (setCookie: string[]) => ({
  cookie: setCookie.map((line) => line.split(';', 1)[0]).join('; '),
});

describe('who is asking', () => {
  test('is said by the bearer token, of whatever case and spaces; by no other scheme', async () => {
    const { apiToken, token } = await access.tokens.create({ name: 't', scopes: ['CATALOG_READ'] });
    for (const authorization of [`Bearer ${token}`, `bearer   ${token} `, `BEARER ${token}`])
      expect(await access.viewer({ authorization })).toMatchObject({ tokenId: apiToken.id });
    for (const authorization of ['Bearer', 'bearer ', 'Bearer x', `Bearer x ${token}`, `Bearer ${token} x`]) {
      await expect(access.viewer({ authorization }), authorization).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
        message: 'The token is not valid: unknown, expired or revoked.',
      });
    }
    for (const authorization of ['', `Basic ${token}`, `xBearer ${token}`, `Bearerx ${token}`, token])
      expect(await access.viewer({ authorization }), authorization).toBeNull();
    expect(await access.viewer({})).toBeNull();
  });

  test('is nobody whatever stands in the place of a token, and nothing of it throws anything else', async () => {
    await access.tokens.create({ name: 't', scopes: ['ADMIN'] });
    const scheme = fc.constantFrom('Bearer ', 'bearer hedgerow_api_', 'Bearer hedgerow_api_', 'Basic ', '');
    await fc.assert(
      fc.asyncProperty(scheme, anyText(60), async (before, text) => {
        const answer = await access
          .viewer({ authorization: `${before}${text}` })
          .catch((error) => error.code);
        expect([null, 'UNAUTHENTICATED']).toContain(answer);
      }),
      { numRuns: 100, seed: 67 },
    );
  });
});

describe('signing in', () => {
  test('works with a password from before, shorter and easier than those that are taken now', async () => {
    const { id, name } = await person();
    await database.prisma.account.updateMany({
      where: { userId: id },
      data: { password: await passwords.hash('12345678') },
    });
    await expect(signIn(name)).rejects.toMatchObject(wrong);
    const { viewer } = await signIn(name, { password: '12345678' });
    expect(viewer.user.id).toBe(id);
    // Whoever changes it gives the old one, and a new one as they are now.
    const change = (password: string) =>
      access.people.updateUser(viewer, id, { password, currentPassword: '12345678' });
    for (const refused of ['12345678', '123456789012', `${name}!`])
      await expect(change(refused)).rejects.toMatchObject({ code: 'INVALID', field: ['password'] });
    await change('a hedge of hazel');
    await signIn(name, { password: 'a hedge of hazel' });
  });

  test('with a second factor counts wrong codes as guesses, and a code that is still to come as none', async () => {
    const { id, name } = await person();
    const { secret } = await access.secondFactors.begin({ id, name });
    const at = Date.now();
    const codes = await access.secondFactors.confirm(id, codeAt(secret, at), { keepSession: '' });
    const required = { code: 'SECOND_FACTOR_REQUIRED' };
    for (let time = 0; time < 7; time++) await expect(signIn(name)).rejects.toMatchObject(required);
    expect((await signIn(name, { code: codes[0] })).proof).toBe('recovery');
    const code = wrongCodeAt(secret);
    for (let time = 0; time < 5; time++)
      await expect(signIn(name, { code })).rejects.toMatchObject({ code: 'SECOND_FACTOR_REFUSED' });
    await expect(signIn(name, { code: codes[1] })).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    // From elsewhere it goes on.
    const elsewhere = { address: '192.0.2.77' };
    await expect(signIn(name, elsewhere)).rejects.toMatchObject(required);
    const opened = await signIn(name, { ...elsewhere, code: codeAt(secret, at + 30_000) });
    expect(opened).toMatchObject({ proof: 'app', viewer: { via: 'session', user: { id } } });
    expect(await access.viewer(cookieOf(opened.setCookie))).toEqual(opened.viewer);
    // Whoever has none is asked for none, whatever is sent.
    const other = await person();
    expect((await signIn(other.name, { code: '123456' })).proof).toBeNull();
  });

  test('the app is told the name of the instance, or of the program', async () => {
    const { id, name } = await person();
    expect((await access.secondFactors.begin({ id, name })).url).toContain('issuer=Hedgerow&');
    const named = await open({ instanceName: () => 'Garden' });
    expect((await named.secondFactors.begin({ id, name })).url).toContain('issuer=Garden&');
  });

  test('the name of the instance is no password for anybody', async () => {
    const named = await open({ passwords: undefined, instanceName: () => 'Zaunwinde am Mühlbach' });
    const account = { name: `Person ${++made}`, role: 'VIEWER' as const };
    await expect(named.users.create({ ...account, password: 'zaunwinde am mühlbach' })).rejects.toMatchObject(
      { field: ['password'] },
    );
    await access.users.create({ ...account, password: 'zaunwinde am mühlbach' });
  });

  test('with a name or a password longer than any is refused before anything is counted', async () => {
    const { name } = await person();
    for (let time = 0; time < 7; time++) {
      await expect(signIn(name, { password: 'x'.repeat(257) })).rejects.toMatchObject(wrong);
      await expect(signIn('x'.repeat(1025))).rejects.toMatchObject(wrong);
    }
    await signIn(name);
    // Up to there they are guesses like any other.
    for (const [guess, more] of [
      [name, { password: 'x'.repeat(256) }],
      ['x'.repeat(1024), {}],
    ] as const) {
      for (let time = 0; time < 5; time++) await expect(signIn(guess, more)).rejects.toMatchObject(wrong);
      await expect(signIn(guess, more)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    }
  });

  test('that could not be checked is no guess, and is told as what it is', async () => {
    const { name } = await person();
    const fault = new Error('The disk is full.');
    const broken: Passwords = { ...passwords, verify: async () => Promise.reject(fault) };
    const faulty = await open({ passwords: broken });
    for (let time = 0; time < 7; time++) await expect(signIn(name, {}, faulty)).rejects.toBe(fault);
  });

  test('is nothing where the session is gone at once', async () => {
    const { name } = await person();
    const read = Object.create(database.read, { get: { value: async () => undefined } });
    const forgetful = await open({ database: Object.create(database, { read: { value: read } }) });
    await expect(signIn(name, {}, forgetful)).rejects.toMatchObject(wrong);
  });

  test('by many at one name keeps out nobody whose browser is signed in, at that address or in that network', async () => {
    const { id, name } = await person();
    const address = '2001:db8:7::1';
    await signIn(name, { address });
    // Another process, which knows of nobody but by the sessions.
    const other = await open();
    for (let host = 0; host < 50; host++)
      await expect(
        signIn(name, { password: 'a guess', address: `198.51.100.${host}` }, other),
      ).rejects.toMatchObject(wrong);
    const limited = { code: 'RATE_LIMITED' };
    await expect(signIn(name, { address: '203.0.113.1' }, other)).rejects.toMatchObject(limited);
    // A session without an address vouches for none, nor does somebody else's.
    await database.prisma.session.create({
      data: { id: 'session_bare', token: 'x', userId: id, expiresAt: new Date(Date.now() + DAY) },
    });
    await signIn((await person()).name, { address: '203.0.113.1' });
    await expect(signIn(name, { address: '203.0.113.1' }, other)).rejects.toMatchObject(limited);
    await signIn(name, { address: '2001:db8:7::2' }, other);
  });

  test('in a browser that is signed in ends the earlier session; elsewhere it does not', async () => {
    const { name } = await person();
    const first = cookieOf((await signIn(name)).setCookie);
    const second = cookieOf((await signIn(name)).setCookie);
    await signIn(name, { headers: {} });
    expect(await access.viewer(first)).not.toBeNull();
    await signIn(name, { headers: first });
    expect([await access.viewer(first), await access.viewer(second)]).toEqual([null, expect.anything()]);
  });
});

describe('whoever was let in', () => {
  const watched = (viewer: Viewer) => {
    let ended = false;
    access.standing.watch(viewer, () => {
      ended = true;
    });
    return () => eventually('the end of what was let in', async () => ended, 5_000);
  };

  test('is shut out with the session, the token or the account, as soon as that ends', async () => {
    // Not by the clock, which looks at everybody every two seconds.
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { id, name } = await person();
    const signedIn = await signIn(name);
    const end = watched(signedIn.viewer);
    await access.sessions.end(signedIn.viewer.sessionId);
    await end();

    const { apiToken, token } = await access.tokens.create({ name: 't', scopes: ['CATALOG_READ'] });
    const revoked = watched((await access.viewer({ authorization: `Bearer ${token}` })) as Viewer);
    await access.tokens.revoke(apiToken.id);
    await revoked();

    const again = watched((await signIn(name)).viewer);
    await access.users.update(id, { role: 'VIEWER' });
    await again();
  });

  test('is named in signed URLs by session or token, for as long as that is good', async () => {
    const { id, name } = await person();
    const { viewer } = await signIn(name);
    const { token } = await access.tokens.create({ name: 't', scopes: ['CATALOG_READ'], userId: id });
    const program = (await access.viewer({ authorization: `Bearer ${token}` })) as Viewer;
    const own = await open({ adminToken: 'k'.repeat(32) });
    const environment = (await own.viewer({ authorization: `Bearer ${'k'.repeat(32)}` })) as Viewer;
    for (const who of [viewer, program, environment]) {
      const query = Object.fromEntries(new URLSearchParams(own.signedUrls.sign(who, 'media_1', 'thumbnail')));
      expect(await own.signedUrls.viewer('media_1', 'thumbnail', query)).toEqual(who);
      await access.users.disable(id);
      if (who.user !== null) {
        await expect(own.signedUrls.viewer('media_1', 'thumbnail', query)).rejects.toMatchObject({
          code: 'FORBIDDEN',
        });
      }
      await access.users.enable(id);
      if (who.via === 'session') continue;
      expect(await own.signedUrls.viewer('media_1', 'thumbnail', query)).toEqual(who);
    }
  });
});

describe('the browser', () => {
  test('is given another token once a day, for thirty days, and none where it has none', async () => {
    const { name } = await person();
    let now = Date.now();
    const later = await open({ now: () => now });
    const headers = cookieOf((await signIn(name)).setCookie);
    expect(await later.renew(headers)).toEqual([]);
    now = Date.now() + DAY;
    expect(await later.renew(headers)).toEqual([expect.stringMatching(/; Max-Age=2592000; Path=\/;/)]);
    expect(await later.renew({})).toEqual([]);
  });

  test('forgets its session by signing out, also one that has ended', async () => {
    const { name } = await person();
    const { setCookie } = await signIn(name);
    const headers = cookieOf(setCookie);
    for (let time = 0; time < 2; time++) {
      const { setCookie: cleared } = await access.signOut(headers);
      expect(cleared).toEqual([expect.stringMatching(/session_token=; Max-Age=0;/)]);
      expect(await access.viewer(headers)).toBeNull();
    }
  });

  test('is believed about the page that asks: this instance’s, or one of those that the owner trusts', async () => {
    const open3 = await open({ allowedOrigins: ['https://front.example'] });
    const from = (origin: string) => ({ origin, 'sec-fetch-site': 'cross-site' });
    expect(open3.assertSameOrigin(from('https://front.example'))).toBeUndefined();
    expect(access.assertSameOrigin({ origin: 'https://home.example' })).toBeUndefined();
    for (const [by, headers] of [
      [open3, from('https://evil.example')],
      [access, from('https://front.example')],
      [access, { origin: 'http://home.example' }],
    ] as const) {
      expect(() => by.assertSameOrigin(headers)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
    }
  });
});

describe('a start', () => {
  test('sweeps up what has ended', async () => {
    const { id } = await person();
    const old = new Date(Date.now() - 8 * DAY);
    await database.prisma.session.create({
      data: { id: 'session_old', token: 'old', userId: id, expiresAt: old, createdAt: old, updatedAt: old },
    });
    await open();
    expect(await database.prisma.session.count({ where: { id: 'session_old' } })).toBe(0);
  });

  test('goes by the settings: requests a minute, and the clock', async () => {
    const few = await open({ requestsPerMinute: 4 });
    const who = '192.0.2.1';
    for (let time = 0; time < 2; time++) await few.limits.take('request', null, who);
    await expect(few.limits.take('request', null, who)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    for (let time = 0; time < 20; time++) await access.limits.take('request', null, who);
    expect(access.oidc).toBeNull();
    expect((await open({ oidc: null })).oidc).toBeNull();
    await expect(
      access.signInAtProvider({ query: '?code=x', headers: {}, address: who, userAgent: undefined }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(open({ adminToken: 'short' })).rejects.toMatchObject({ code: 'INVALID' });
  });

  test('without a setting for passwords hashes them at their full cost', async () => {
    const whole = await createAccess({
      database,
      secret: SECRET,
      publicUrl: new URL('https://home.example'),
    });
    const { user } = await whole.users.create({
      name: `Person ${++made}`,
      role: 'VIEWER',
      password: PASSWORD,
    });
    const [account] = await database.prisma.account.findMany({ where: { userId: user.id } });
    expect(account?.password).toMatch(/^scrypt\$15\$8\$3\$/);
  });
});
