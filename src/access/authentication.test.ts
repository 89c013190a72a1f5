/** better-auth as it is set up here, by itself; what browsers see of it is in access.test.ts. */

import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { HedgerowError } from '../lib/errors.ts';
import { type Authentication, cookiePrefix, createAuthentication } from './authentication.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { hashSecret } from './secrets.ts';
import { createUsers, type Users } from './users.ts';

const PASSWORD = 'correct horse battery';
const SECRET = randomBytes(32);
const DAYS_30 = 30 * 86_400;
const passwords = createPasswords({ costLog2: 4 });
const wrong = { code: 'UNAUTHENTICATED', message: 'The name or the password is wrong.' };

let opened: TemporaryDatabase;
let users: Users;
let authentication: Authentication;

beforeAll(async () => {
  opened = await openTemporarySqlite();
  users = createUsers({ database: opened.database, passwords, now: Date.now });
  await users.create({ name: 'Ada Lovelace', role: 'VIEWER', password: PASSWORD });
});
beforeEach(() => {
  authentication = make();
});
afterAll(() => opened.close());

function make(
  publicUrl = 'http://127.0.0.1:4000',
  by: Passwords = passwords,
  secret = SECRET,
): Authentication {
  return createAuthentication({
    database: opened.database,
    secret,
    publicUrl: new URL(publicUrl),
    passwords: by,
  });
}

const open = (by = authentication, more: object = {}) =>
  by.open({
    name: 'ADA  lovelace',
    password: PASSWORD,
    address: '192.0.2.1',
    userAgent: 'Test/1',
    admit: async () => {},
    ...more,
  });
const rowOf = (token: string) =>
  opened.database.prisma.session.findFirstOrThrow({ where: { token: hashSecret(token) } });
const cookieOf = ([line = '']: string[]) => line.split(';', 1)[0] ?? '';
/** The cookie as it is signed: the token, and what vouches for it. */
const signed = (token: string, by = SECRET) =>
  `${token}.${createHmac('sha256', by.toString('base64url')).update(token).digest('base64')}`;

describe('a sign-in', () => {
  test('opens a session of thirty days, which has the address that we say and the browser', async () => {
    const { token, setCookie } = await open();
    const row = await rowOf(token);
    expect(row).toMatchObject({
      id: expect.stringMatching(/^session_[0-9a-f]{30}$/),
      ipAddress: '192.0.2.1',
      userAgent: 'Test/1',
    });
    const seconds = (row.expiresAt.getTime() - row.createdAt.getTime()) / 1000;
    expect(Math.abs(seconds - DAYS_30)).toBeLessThan(10);
    expect(setCookie).toEqual([
      `${cookiePrefix(SECRET)}.session_token=${encodeURIComponent(signed(token))}; Max-Age=${DAYS_30}; Path=/; HttpOnly; SameSite=Lax`,
    ]);
    expect(authentication.tokenOf({ cookie: cookieOf(setCookie) })).toBe(token);
    expect((await rowOf((await open(authentication, { userAgent: undefined })).token)).userAgent).toBeFalsy();
  });

  test('keeps of a browser’s name what a header may hold, and not without end', async () => {
    const userAgent = `A\r\nb\u00e4c~\u007f${'x'.repeat(400)}`;
    expect((await rowOf((await open(authentication, { userAgent })).token)).userAgent).toBe(
      `Abc~${'x'.repeat(296)}`,
    );
  });

  test('takes the longest name that there may be', async () => {
    const name = '🌿'.repeat(64);
    await users.create({ name, role: 'VIEWER', password: PASSWORD });
    expect((await open(authentication, { name })).token).toMatch(/^.{20,}$/);
  });

  test('says the same whatever is wrong, and passes on what is no one’s fault', async () => {
    for (const more of [
      { password: 'not the password' },
      { password: '' },
      { password: 'x'.repeat(300) },
      { name: 'Nobody' },
      { name: '' },
      { name: 'x'.repeat(300) },
    ]) {
      await expect(open(authentication, more), JSON.stringify(more)).rejects.toMatchObject(wrong);
    }
    const broken = new Error('The disk is full.');
    const faulty = make('http://127.0.0.1:4000', {
      ...passwords,
      verify: async () => Promise.reject(broken),
    });
    await expect(open(faulty)).rejects.toBe(broken);
  });

  test('asks whether the person may come in, once the password was right and before there is a session', async () => {
    const { prisma } = opened.database;
    const { id } = await prisma.user.findUniqueOrThrow({ where: { username: 'ada lovelace' } });
    const sessions = () => prisma.session.count({ where: { userId: id } });
    const before = await sessions();
    const asked: unknown[] = [];
    const refusal = new HedgerowError('SECOND_FACTOR_REQUIRED');
    const admit = async (userId: string): Promise<void> => {
      asked.push([userId, await sessions()]);
      throw refusal;
    };
    await expect(open(authentication, { password: 'not the password', admit })).rejects.toMatchObject(wrong);
    expect(asked).toEqual([]);
    await expect(open(authentication, { admit })).rejects.toBe(refusal);
    expect(asked).toEqual([[id, before]]);
    expect(await sessions()).toBe(before);
    // Each sign-in is asked about by itself, also of two at the same moment.
    const [refused, opening] = await Promise.allSettled([open(authentication, { admit }), open()]);
    expect([refused.status, opening.status]).toEqual(['rejected', 'fulfilled']);
    expect(await sessions()).toBe(before + 1);
  });

  test('that fails puts no name into the log, which may be a password that was typed there', async () => {
    const said = (['debug', 'log', 'info', 'warn', 'error'] as const).map((level) =>
      vi.spyOn(console, level),
    );
    for (const name of ['Ada Lovelace', 'hunter2'])
      await expect(open(authentication, { name, password: 'not the password' })).rejects.toMatchObject(wrong);
    for (const spy of said) {
      expect(spy).not.toHaveBeenCalled();
      spy.mockRestore();
    }
  });

  test('is nothing for whoever is disabled, or has been removed meanwhile', async () => {
    const { user } = await users.create({ name: 'Bea', role: 'VIEWER', password: PASSWORD });
    await open(authentication, { name: 'Bea' });
    await users.disable(user.id);
    await expect(open(authentication, { name: 'Bea' })).rejects.toMatchObject(wrong);
    expect(await opened.database.prisma.session.count({ where: { userId: user.id } })).toBe(0);
    await users.enable(user.id);
    const vanishing = make('http://127.0.0.1:4000', {
      ...passwords,
      verify: async (input) => {
        await opened.database.prisma.user.delete({ where: { id: user.id } });
        return passwords.verify(input);
      },
    });
    await expect(open(vanishing, { name: 'Bea' })).rejects.toMatchObject(wrong);
  });
});

describe('the cookie', () => {
  test('is written as better-auth writes it: for the path, and for TLS where there is some', () => {
    expect(authentication.setCookie('a token', 60)).toEqual([
      `${cookiePrefix(SECRET)}.session_token=${encodeURIComponent(signed('a token'))}; Max-Age=60; Path=/; HttpOnly; SameSite=Lax`,
    ]);
    expect(make('https://home.example/hedge//').setCookie('t', 60)).toEqual([
      `__Secure-${cookiePrefix(SECRET)}.session_token=${encodeURIComponent(signed('t'))}; Max-Age=60; Path=/hedge; HttpOnly; Secure; SameSite=Lax`,
    ]);
  });

  test('has the name of the instance, so that two on one machine do not disturb each other', () => {
    expect(cookiePrefix(SECRET)).toMatch(/^hedgerow_[0-9a-f]{8}$/);
    expect(cookiePrefix(randomBytes(32))).not.toBe(cookiePrefix(SECRET));
  });

  test('gives its token back, and none where it is another’s, forged, or torn', () => {
    const name = `${cookiePrefix(SECRET)}.session_token`;
    const of = (value: string) => authentication.tokenOf({ cookie: `${name}=${value}` });
    expect(of(encodeURIComponent(signed('token')))).toBe('token');
    // The last dot is the border.
    expect(of(encodeURIComponent(signed('to.ken')))).toBe('to.ken');
    expect(of(encodeURIComponent(signed('x')))).toBe('x');
    for (const value of [
      '',
      'token',
      '.',
      encodeURIComponent(signed('')),
      `token.`,
      encodeURIComponent(signed('token', randomBytes(32))),
      encodeURIComponent(signed('token').replace('token', 'taken')),
      '%E0%A4%A',
    ]) {
      expect(of(value), value).toBeUndefined();
    }
    expect(authentication.tokenOf({})).toBeUndefined();
    expect(
      authentication.tokenOf({ cookie: `session_token=${encodeURIComponent(signed('token'))}` }),
    ).toBeUndefined();
    expect(make('https://home.example').tokenOf({ cookie: `${name}=${signed('token')}` })).toBeUndefined();
  });

  test('holds no token that was not signed, whatever stands in it', () => {
    const name = `${cookiePrefix(SECRET)}.session_token`;
    fc.assert(
      fc.property(anyText(), fc.string(), (token, other) => {
        fc.pre(token.isWellFormed() && token !== '');
        const value = encodeURIComponent(signed(token));
        expect(authentication.tokenOf({ cookie: `a=${encodeURIComponent(other)}; ${name}=${value}` })).toBe(
          token,
        );
        expect(authentication.tokenOf({ cookie: `${name}=${other}` })).toBeUndefined();
        expect(
          authentication.tokenOf({ cookie: `${name}=${value}${other.replace(/[;\s]/g, '') || 'x'}` }),
        ).toBe(undefined);
      }),
      { numRuns: 50, seed: 66 },
    );
  });

  test('is taken back by signing out, with nothing else, and the session with it', async () => {
    const { token, setCookie } = await open();
    const cleared = await authentication.close({ cookie: cookieOf(setCookie) });
    expect(cleared).toHaveLength(1);
    expect(cleared[0]).toMatch(new RegExp(`^${cookiePrefix(SECRET)}\\.session_token=; Max-Age=0; Path=/;`));
    await expect(rowOf(token)).rejects.toThrow();
    expect(await authentication.close({})).toHaveLength(1);
  });
});
