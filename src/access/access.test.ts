import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  DIALECTS,
  openNewPostgres,
  openTemporarySqlite,
  type TemporaryDatabase,
} from '../../test/support/databases.ts';
import type { Database } from '../database/database.ts';
import { HedgerowError, isCode } from '../lib/errors.ts';
import { type Access, type AccessOptions, createAccess } from './access.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { TOKEN_SCOPES } from './viewer.ts';

const DAY = 86_400_000;
const SECRET = randomBytes(32);
const PASSWORD = 'correct horse battery';
/** Passwords as they are, at a cost that lets many tests run, and counted. */
let derivations = 0;
const cheap = createPasswords({ costLog2: 4 });
const passwords: Passwords = {
  check: cheap.check,
  hash: (password) => {
    derivations++;
    return cheap.hash(password);
  },
  verify: (input) => {
    derivations++;
    return cheap.verify(input);
  },
};

describe.each(DIALECTS)('accounts on %s', (dialect) => {
  let opened: TemporaryDatabase | undefined;
  let database: Database;
  let now = Date.now();
  let people = 0;

  const open = (options: Partial<AccessOptions> = {}): Promise<Access> =>
    createAccess({
      database,
      secret: SECRET,
      publicUrl: new URL('http://127.0.0.1:4000'),
      now: () => now,
      passwords,
      ...options,
    });
  const person = async (access: Access, role: 'ADMIN' | 'EDITOR' | 'VIEWER' = 'VIEWER') => {
    const name = `Person ${++people}`;
    const { user } = await access.users.create({ name, role, password: PASSWORD });
    return { ...user, address: `10.1.${people >> 8}.${people & 255}` };
  };
  const signIn = (access: Access, who: { name: string; address?: string }, password = PASSWORD) =>
    access.signIn({ name: who.name, password, address: who.address ?? '10.0.0.1', userAgent: 'Test/1' });
  const browser = (setCookie: string[]) => ({
    cookie: setCookie.map((cookie) => cookie.split(';', 1)[0]).join('; '),
  });

  beforeAll(async () => {
    opened = await (dialect === 'sqlite' ? openTemporarySqlite() : openNewPostgres());
    database = opened.database;
  });
  afterAll(() => opened?.close());

  describe('the first admin', () => {
    test('is made by the link, of two that come at once by one, and the link works no second time', async () => {
      const access = await open();
      expect(await access.setup.needed()).toBe(true);
      const link = await access.setup.link();
      expect(link).toMatch(/^setup#token=[\w-]{43}$/);
      expect(await access.setup.link()).toBe(link);
      const token = link.split('=')[1];

      await expect(
        access.setup.createAdmin({ token: `${token?.slice(0, -1)}!`, name: 'Eve', password: PASSWORD }),
      ).rejects.toSatisfy((error) => isCode(error, 'FORBIDDEN'));
      await expect(
        access.setup.createAdmin({ token: undefined, name: 'Eve', password: PASSWORD }),
      ).rejects.toSatisfy((error) => isCode(error, 'FORBIDDEN'));
      // A password that is refused leaves the link as it was.
      await expect(access.setup.createAdmin({ token, name: 'Ada', password: 'short' })).rejects.toSatisfy(
        (error) => isCode(error, 'INVALID'),
      );

      const race = await Promise.allSettled(
        ['Ada', 'Eve', 'Mallory'].map((name) =>
          access.setup.createAdmin({ token, name, password: PASSWORD }),
        ),
      );
      expect(race.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
      for (const result of race) {
        if (result.status === 'rejected') {
          expect(isCode(result.reason, 'CONFLICT', 'FORBIDDEN'), String(result.reason)).toBe(true);
        }
      }
      expect(await access.setup.needed()).toBe(false);
      const admins = (await access.users.list()).filter((user) => user.role === 'ADMIN');
      expect(admins).toHaveLength(1);
      await expect(access.setup.createAdmin({ token, name: 'Late', password: PASSWORD })).rejects.toSatisfy(
        (error) => isCode(error, 'FORBIDDEN', 'CONFLICT'),
      );
    });

    test('stays: the last one is neither disabled nor demoted, not even by two at once', async () => {
      const access = await open();
      const admins = (await access.users.list()).filter((user) => user.role === 'ADMIN');
      // None yet, where this test runs alone.
      const first = admins[0] ?? (await person(access, 'ADMIN'));
      await expect(access.users.disable(first.id)).rejects.toSatisfy((error) => isCode(error, 'CONFLICT'));
      await expect(access.users.update(first.id, { role: 'EDITOR' })).rejects.toSatisfy((error) =>
        isCode(error, 'CONFLICT'),
      );
      const second = await person(access, 'ADMIN');
      await Promise.allSettled([
        access.users.disable(first.id),
        access.users.update(second.id, { role: 'VIEWER' }),
      ]);
      const left = (await access.users.list()).filter(
        (user) => user.role === 'ADMIN' && user.disabledAt === null,
      );
      expect(left.length).toBeGreaterThanOrEqual(1);
    });
  });

  describe('signing in', () => {
    test('opens a session whose cookie no script reads and no other site sends', async () => {
      const access = await open();
      const who = await person(access, 'EDITOR');
      const { viewer, setCookie } = await signIn(access, who);
      expect(viewer).toMatchObject({
        via: 'session',
        user: { id: who.id, name: who.name, role: 'EDITOR' },
        role: 'EDITOR',
        scopes: ['CATALOG_READ', 'MEDIA_READ', 'LIBRARY_WRITE'],
      });
      expect(who.id).toMatch(/^user_[0-9a-f]{30}$/);
      expect(viewer.sessionId).toMatch(/^session_[0-9a-f]{30}$/);
      expect(setCookie).toHaveLength(1);
      expect(setCookie[0]).toMatch(/^hedgerow_[0-9a-f]{8}\.session_token=/);
      expect(setCookie[0]).toMatch(/; Path=\/(;|$)/);
      expect(setCookie[0]).toContain('; HttpOnly');
      expect(setCookie[0]).toContain('; SameSite=Lax');
      expect(setCookie[0]).not.toContain('Secure');
      expect(await access.viewer(browser(setCookie))).toEqual(viewer);
      expect(await access.sessions.list(who.id)).toMatchObject([
        { id: viewer.sessionId, userAgent: 'Test/1', address: who.address },
      ]);
    });

    test('takes a name in any case and form, and a password in any form', async () => {
      const access = await open();
      await access.users.create({
        name: '  Zoe\u0308  Ångström ',
        role: 'VIEWER',
        password: 'pa\u0308sswort am See',
      });
      for (const name of [
        'Zoë Ångström',
        'ZOË ÅNGSTRÖM',
        'zoe\u0308 a\u030angstro\u0308m',
        'ｚoë ångström',
      ]) {
        const { viewer } = await access.signIn({
          name,
          password: 'p\u00e4sswort am See',
          address: '10.0.0.9',
        });
        expect(viewer.user.name).toBe('Zoë Ångström');
      }
      await expect(
        access.users.create({ name: 'zoË ångström', role: 'VIEWER', password: PASSWORD }),
      ).rejects.toSatisfy((error) => isCode(error, 'CONFLICT'));
    });

    test('behind TLS and a path keeps the cookie to both', async () => {
      const access = await open({ publicUrl: new URL('https://home.example/hedgerow/') });
      const who = await person(access);
      const { setCookie } = await signIn(access, who);
      expect(setCookie[0]).toMatch(/^__Secure-hedgerow_/);
      expect(setCookie[0]).toContain('; Secure');
      expect(setCookie[0]).toContain('; Path=/hedgerow;');
      expect(await access.viewer(browser(setCookie))).not.toBeNull();
      const { setCookie: cleared } = await access.signOut(browser(setCookie));
      expect(cleared[0]).toContain('; Path=/hedgerow;');
    });

    test('says and costs the same for a wrong password, an unknown name, and an account without a password', async () => {
      const access = await open();
      const known = await person(access);
      const { user: without } = await access.users.create({ name: `Without ${people}`, role: 'VIEWER' });
      const disabled = await person(access);
      await access.users.disable(disabled.id);
      const seen: unknown[] = [];
      for (const [name, password] of [
        [known.name, 'not the password'],
        ['nobody of this name', PASSWORD],
        [without.name, PASSWORD],
        [disabled.name, PASSWORD],
        [disabled.name, 'not the password'],
        ['', PASSWORD],
        ['x'.repeat(500), PASSWORD],
      ] as const) {
        const before = derivations;
        const error = await access.signIn({ name, password, address: '10.0.0.77' }).catch((e) => e);
        expect(isCode(error, 'UNAUTHENTICATED'), `${name}: ${error}`).toBe(true);
        seen.push(error.message);
        if (name !== '' && name.length < 100) expect(derivations - before, name).toBe(1);
      }
      expect(new Set(seen).size).toBe(1);
    });

    test('is slowed down for who guesses, and for nobody else', async () => {
      const access = await open();
      const owner = await person(access);
      const bystander = await person(access);
      await signIn(access, owner);
      const guess = (address: string) =>
        access.signIn({ name: owner.name, password: 'a guess', address }).catch((error) => error);

      const first = await Promise.all(Array.from({ length: 12 }, () => guess('203.0.113.5')));
      expect(first.filter((error) => isCode(error, 'UNAUTHENTICATED'))).toHaveLength(5);
      const refused = first.filter((error) => isCode(error, 'RATE_LIMITED'));
      expect(refused.map((error) => error.retryAfter)).toEqual(Array(7).fill(30));
      // Also with the right password, else the answer would tell that it is the right one.
      expect(
        isCode(await signIn(access, { ...owner, address: '203.0.113.5' }).catch((e) => e), 'RATE_LIMITED'),
      ).toBe(true);
      await signIn(access, owner);
      await signIn(access, bystander);

      // The same from many addresses: the name as a whole is slowed down, but not for its owner.
      let limited = 0;
      for (let host = 1; host <= 70; host++) {
        if (isCode(await guess(`198.51.100.${host}`), 'RATE_LIMITED')) limited++;
      }
      expect(limited).toBeGreaterThan(10);
      await signIn(access, owner);
      // And after a restart, when nothing is counted, the living session vouches for the address.
      now += 60_000;
      await signIn(access, { ...owner, address: '203.0.113.5' });
    });

    test('does not count as a guess where the password was not checked', async () => {
      const busy: Passwords = {
        ...cheap,
        verify: async () => {
          throw new HedgerowError('RATE_LIMITED');
        },
      };
      const access = await open({ passwords: busy });
      const who = await person(access);
      for (let time = 0; time < 10; time++) {
        const error = await signIn(access, who).catch((e) => e);
        expect([error.code, error.retryAfter]).toEqual(['RATE_LIMITED', undefined]);
      }
    });

    test('counts a household of IPv6 as one', async () => {
      const access = await open();
      const who = await person(access);
      const answers = [];
      for (let host = 1; host <= 8; host++) {
        answers.push(
          await access
            .signIn({ name: who.name, password: 'a guess', address: `2001:db8:1:2::${host}` })
            .catch((error) => error.code),
        );
      }
      expect(answers.slice(5)).toEqual(['RATE_LIMITED', 'RATE_LIMITED', 'RATE_LIMITED']);
    });
  });

  describe('a session', () => {
    test('is nobody where the cookie is altered, forged, or of another instance', async () => {
      const access = await open();
      const who = await person(access);
      const { setCookie } = await signIn(access, who);
      const { cookie } = browser(setCookie);
      const at = cookie.indexOf('=');
      const [name, value] = [cookie.slice(0, at), decodeURIComponent(cookie.slice(at + 1))];
      const [token, signature] = value.split('.');
      for (const forged of [
        `${name}=`,
        `${name}=${token}`,
        `${name}=${token}.`,
        `${name}=.${signature}`,
        `${name}=${encodeURIComponent(`${token}x.${signature}`)}`,
        `${name}=${encodeURIComponent(`${token}.${signature?.startsWith('A') ? 'B' : 'A'}${signature?.slice(1)}`)}`,
        `${name}=${encodeURIComponent(`${token}.${'é'.repeat(44)}`)}`,
        `${name}=%E0%A4%A`,
        `other=${value}`,
      ]) {
        expect(await access.viewer({ cookie: forged }), forged).toBeNull();
      }
      const other = await open({ secret: randomBytes(32) });
      expect(await other.viewer({ cookie })).toBeNull();
      expect(await access.viewer({ cookie: `first=1; ${cookie}; last=2` })).not.toBeNull();
    });

    test('is dead at once where the account is disabled, and stays dead when it is enabled again', async () => {
      const access = await open();
      const elsewhere = await open();
      const who = await person(access);
      const { setCookie } = await signIn(access, who);
      expect(await elsewhere.viewer(browser(setCookie))).not.toBeNull();
      await access.users.disable(who.id);
      expect(await access.viewer(browser(setCookie))).toBeNull();
      expect(await elsewhere.viewer(browser(setCookie))).toBeNull();
      await access.users.enable(who.id);
      expect(await access.viewer(browser(setCookie))).toBeNull();
      await signIn(access, who);
    });

    test('has the role that its owner has now', async () => {
      const access = await open();
      const who = await person(access, 'EDITOR');
      const { setCookie } = await signIn(access, who);
      await access.users.update(who.id, { role: 'VIEWER', name: `${who.name} the Younger` });
      expect(await access.viewer(browser(setCookie))).toMatchObject({
        role: 'VIEWER',
        user: { name: `${who.name} the Younger` },
        scopes: ['CATALOG_READ', 'MEDIA_READ'],
      });
    });

    test('ends by signing out, by its owner elsewhere, and by a new password; never by a stranger', async () => {
      const access = await open();
      const who = await person(access);
      const stranger = await person(access);
      const [one, two, three] = [
        await signIn(access, who),
        await signIn(access, who),
        await signIn(access, who),
      ];
      const { setCookie } = await access.signOut(browser(one.setCookie));
      expect(setCookie[0]).toContain('Max-Age=0');
      expect(await access.viewer(browser(one.setCookie))).toBeNull();
      await expect(access.sessions.end(two.viewer.sessionId, { userId: stranger.id })).rejects.toSatisfy(
        (error) => isCode(error, 'NOT_FOUND'),
      );
      await access.sessions.end(two.viewer.sessionId, { userId: who.id });
      expect(await access.viewer(browser(two.setCookie))).toBeNull();
      await access.users.resetPassword(who.id, 'another password');
      expect(await access.viewer(browser(three.setCookie))).toBeNull();
      await expect(signIn(access, who)).rejects.toSatisfy((error) => isCode(error, 'UNAUTHENTICATED'));
      await signIn(access, who, 'another password');
    });

    test('ends after seven days without a request, and after thirty whatever happens', async () => {
      const access = await open();
      const who = await person(access);
      // better-auth opens sessions by the clock of the machine.
      now = Date.now();
      const begin = now;
      const [idle, busy] = [await signIn(access, who), await signIn(access, who)];
      for (let day = 6; day < 30; day += 6) {
        now = begin + day * DAY;
        expect(await access.viewer(browser(busy.setCookie)), `day ${day}`).not.toBeNull();
        if (day > 7) expect(await access.viewer(browser(idle.setCookie))).toBeNull();
      }
      now = begin + 30 * DAY + 60_000;
      expect(await access.viewer(browser(busy.setCookie))).toBeNull();
      expect(await access.sessions.list(who.id)).toEqual([]);
      await access.sessions.sweep();
      expect(await database.prisma.session.count({ where: { userId: who.id } })).toBe(0);
      now = begin;
    });
  });

  describe('the token of a session', () => {
    const openSession = async (options: Partial<AccessOptions> = {}) => {
      const access = await open(options);
      const ada = await person(access);
      const { setCookie } = await signIn(access, ada);
      // better-auth opens sessions by the clock of the machine.
      now = Date.now();
      return { access, ada, headers: browser(setCookie) };
    };

    test('is exchanged once a day, and the one before dies when the new one is used', async () => {
      const { access, headers } = await openSession();
      expect(await access.renew(headers)).toEqual([]);
      now += DAY;
      const first = await access.viewer(headers);
      const setCookie = await access.renew(headers);
      expect(setCookie).toEqual([expect.stringMatching(/; Path=\/; HttpOnly; SameSite=Lax$/)]);
      const renewed = browser(setCookie);
      expect(renewed).not.toEqual(headers);

      // An answer that got lost signs nobody out: the browser goes on with what it has, and is told again.
      now += 3_600_000;
      expect(await access.viewer(headers)).toEqual(first);
      expect(browser(await access.renew(headers))).toEqual(renewed);

      expect(await access.viewer(renewed)).toEqual(first);
      expect(await access.renew(renewed)).toEqual([]);
      now += 59_000;
      expect(await access.viewer(headers)).toEqual(first);
      now += 2_000;
      // Somebody still has it: it was copied. Nobody can tell by whom, so the session is over for both.
      expect(await access.viewer(headers)).toBeNull();
      expect(await access.viewer(renewed)).toBeNull();
    });

    test('is exchanged by one of two requests at once, and both go on', async () => {
      const { access, headers } = await openSession();
      now += DAY;
      const [one, two] = await Promise.all([access.renew(headers), access.renew(headers)]);
      expect([one, two].filter((cookies) => cookies.length > 0).length).toBeGreaterThanOrEqual(1);
      for (const cookies of [one, two]) {
        if (cookies.length > 0) expect(await access.viewer(browser(cookies))).not.toBeNull();
      }
      expect(await access.viewer(headers)).not.toBeNull();
    });

    test('is never exchanged for one whose session has ended', async () => {
      const { access, ada, headers } = await openSession();
      now += DAY;
      await access.users.disable(ada.id);
      expect(await access.renew(headers)).toEqual([]);
      expect(await access.renew({ cookie: 'hedgerow_00000000.session_token=forged' })).toEqual([]);
      expect(await access.renew({})).toEqual([]);
    });

    test('goes with its session, whichever of the two signs out; and signing in again ends the earlier', async () => {
      const { access, ada, headers } = await openSession();
      now += DAY;
      const renewed = browser(await access.renew(headers));
      await access.signOut(headers);
      expect(await access.viewer(renewed)).toBeNull();

      const again = browser((await signIn(access, ada)).setCookie);
      const third = await access.signIn({
        name: ada.name,
        password: PASSWORD,
        address: ada.address,
        headers: again,
      });
      expect(await access.viewer(again)).toBeNull();
      expect(await access.viewer(browser(third.setCookie))).not.toBeNull();
    });
  });

  describe('an API token', () => {
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

    test('is shown once, kept by its hash, and acts for its owner within its scopes', async () => {
      const access = await open();
      const who = await person(access, 'EDITOR');
      const { apiToken, token } = await access.tokens.create({
        name: 'backup',
        scopes: ['MEDIA_READ', 'CATALOG_READ'],
        userId: who.id,
      });
      expect(token).toMatch(/^hedgerow_api_[\w-]{43}$/);
      expect(apiToken).toMatchObject({
        name: 'backup',
        scopes: ['CATALOG_READ', 'MEDIA_READ'],
        userId: who.id,
      });
      expect(token.startsWith(apiToken.prefix)).toBe(true);
      expect(JSON.stringify(await database.prisma.apiToken.findMany())).not.toContain(token);
      expect(await access.viewer(bearer(token))).toEqual({
        via: 'token',
        tokenId: apiToken.id,
        user: { id: who.id, name: who.name, role: 'EDITOR' },
        role: 'VIEWER',
        scopes: ['CATALOG_READ', 'MEDIA_READ'],
      });
      expect(await access.viewer({ authorization: `bearer  ${token} ` })).not.toBeNull();
    });

    test('is refused aloud where it is unknown, altered, expired, revoked, or its owner is disabled', async () => {
      const access = await open();
      const who = await person(access, 'EDITOR');
      const make = (expiresAt?: Date) =>
        access.tokens.create({ name: 't', scopes: ['CATALOG_READ'], userId: who.id, expiresAt });
      const [plain, brief, revoked] = [await make(), await make(new Date(now + 1000)), await make()];
      const { setCookie } = await signIn(access, who);
      await access.viewer(bearer(revoked.token));
      await access.tokens.revoke(revoked.apiToken.id);
      await access.viewer(bearer(brief.token));
      now += 1000;
      for (const token of [
        'unknown',
        '',
        'hedgerow_api_',
        `${plain.token}x`,
        plain.token.slice(0, -1),
        plain.token.toLowerCase(),
        brief.token,
        revoked.token,
      ]) {
        // A browser's cookie does not stand in for a token that is wrong.
        await expect(access.viewer({ ...bearer(token), ...browser(setCookie) }), token).rejects.toSatisfy(
          (error) => isCode(error, 'UNAUTHENTICATED'),
        );
      }
      expect(await access.viewer(bearer(plain.token))).not.toBeNull();
      await access.users.disable(who.id);
      await expect(access.viewer(bearer(plain.token))).rejects.toSatisfy((error) =>
        isCode(error, 'UNAUTHENTICATED'),
      );
      expect(await access.viewer({ authorization: 'Basic YTpi' })).toBeNull();
    });

    test('never goes beyond its owner, also when the owner is demoted later', async () => {
      const access = await open();
      const who = await person(access, 'EDITOR');
      await expect(access.tokens.create({ name: 't', scopes: ['ADMIN'], userId: who.id })).rejects.toSatisfy(
        (error) => isCode(error, 'FORBIDDEN'),
      );
      const { token } = await access.tokens.create({ name: 't', scopes: ['LIBRARY_WRITE'], userId: who.id });
      expect(await access.viewer(bearer(token))).toMatchObject({ role: 'EDITOR', scopes: ['LIBRARY_WRITE'] });
      await access.users.update(who.id, { role: 'VIEWER' });
      expect(await access.viewer(bearer(token))).toMatchObject({ role: 'VIEWER', scopes: [] });
    });

    test('is listed for its owner, revoked by its owner, and not by a stranger', async () => {
      const access = await open();
      const [who, stranger] = [await person(access), await person(access)];
      const { apiToken } = await access.tokens.create({
        name: 't',
        scopes: ['CATALOG_READ'],
        userId: who.id,
      });
      await expect(access.tokens.revoke(apiToken.id, { userId: stranger.id })).rejects.toSatisfy((error) =>
        isCode(error, 'NOT_FOUND'),
      );
      expect(await access.tokens.list({ userId: who.id })).toEqual([apiToken]);
      expect((await access.tokens.revoke(apiToken.id, { userId: who.id })).revokedAt).toEqual(new Date(now));
      expect(await access.tokens.list({ userId: who.id })).toEqual([]);
      expect(await access.tokens.list({ userId: who.id, revoked: true })).toHaveLength(1);
    });

    test('notes its use at most once a minute', async () => {
      const access = await open();
      const { apiToken, token } = await access.tokens.create({ name: 't', scopes: ['CATALOG_READ'] });
      const used = async () => (await access.tokens.find(apiToken.id))?.lastUsedAt?.getTime();
      expect(await used()).toBeUndefined();
      const begin = now;
      await access.viewer(bearer(token));
      expect(await used()).toBe(begin);
      now += 59_000;
      await access.viewer(bearer(token));
      expect(await used()).toBe(begin);
      now += 1_000;
      await access.viewer(bearer(token));
      expect(await used()).toBe(begin + 60_000);
    });

    test('of the environment or the terminal has every scope, and a short one stops the start', async () => {
      const adminToken = 'k'.repeat(32);
      const access = await open({ adminToken, serviceToken: 's'.repeat(43) });
      expect(await access.viewer(bearer(adminToken))).toEqual({
        via: 'token',
        tokenId: 'environment',
        user: null,
        role: 'ADMIN',
        scopes: TOKEN_SCOPES,
      });
      expect(await access.viewer(bearer('s'.repeat(43)))).toMatchObject({
        tokenId: 'service',
        role: 'ADMIN',
      });
      await expect(access.viewer(bearer('k'.repeat(31)))).rejects.toSatisfy((error) =>
        isCode(error, 'UNAUTHENTICATED'),
      );
      await expect(open({ adminToken: 'k'.repeat(31) })).rejects.toThrow('HEDGEROW_ADMIN_TOKEN has 31');
    });
  });

  describe('a link to set a password', () => {
    test('works once, of two at once for one, and not after three days', async () => {
      const access = await open();
      const { user, passwordPath } = await access.users.create({ name: `Linked ${people}`, role: 'VIEWER' });
      expect(passwordPath).toMatch(/^password#token=[\w-]{43}$/);
      const token = passwordPath?.split('=')[1];
      await expect(access.users.setPasswordByLink({ token, password: 'short' })).rejects.toSatisfy((error) =>
        isCode(error, 'INVALID'),
      );
      const race = await Promise.allSettled([
        access.users.setPasswordByLink({ token, password: 'the first password' }),
        access.users.setPasswordByLink({ token, password: 'the first password' }),
      ]);
      expect(race.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
      await signIn(access, { name: user.name, address: '10.9.9.9' }, 'the first password');

      const { passwordPath: late } = await access.users.resetPassword(user.id);
      await expect(
        signIn(access, { name: user.name, address: '10.9.9.9' }, 'the first password'),
      ).rejects.toSatisfy((error) => isCode(error, 'UNAUTHENTICATED'));
      now += 3 * DAY;
      await expect(
        access.users.setPasswordByLink({ token: late?.split('=')[1], password: PASSWORD }),
      ).rejects.toSatisfy((error) => isCode(error, 'NOT_FOUND'));
    });
  });

  test('names and passwords outside their bounds are refused with the field at fault', async () => {
    const access = await open();
    for (const name of ['', '   ', '\u202e', 'x'.repeat(65)]) {
      await expect(access.users.create({ name, role: 'VIEWER', password: PASSWORD })).rejects.toMatchObject({
        code: 'INVALID',
        field: ['name'],
      });
    }
    for (const password of [
      'correct hor',
      ' '.repeat(12),
      'x1'.repeat(129),
      'Bounded Name',
      '123456qwerty',
    ]) {
      await expect(
        access.users.create({ name: 'Bounded Name', role: 'VIEWER', password }),
      ).rejects.toMatchObject({ code: 'INVALID', field: ['password'] });
    }
    await access.users.create({
      name: '🌿'.repeat(64),
      role: 'VIEWER',
      password: 'Lös€ 4'.padEnd(256, PASSWORD),
    });
  });
});
