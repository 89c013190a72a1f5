/** Accounts by themselves; who may do what about them is in people.test.ts. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import type { Database } from '../database/database.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { hashSecret } from './secrets.ts';
import { createUsers, toUser, translating, type Users } from './users.ts';
import type { Role } from './viewer.ts';

const HOUR = 3_600_000;
const PASSWORD = 'correct horse battery';
const passwords = createPasswords({ costLog2: 4 });

let opened: TemporaryDatabase;
let database: Database;
let users: Users;
let now = 0;
let changes = 0;
let made = 0;

beforeAll(async () => {
  opened = await openTemporarySqlite();
  ({ database } = opened);
});
beforeEach(() => {
  now = Date.UTC(2026, 4, 1);
  changes = 0;
  users = make();
});
afterAll(() => opened.close());

const make = (by: Passwords = passwords) =>
  createUsers({ database, passwords: by, now: () => now, onChange: () => changes++ });

async function person(role: Role = 'VIEWER', password: string | undefined = PASSWORD) {
  return (await users.create({ name: `Person ${++made}`, role, password })).user;
}

async function session(userId: string): Promise<string> {
  const id = `session_${++made}`;
  const at = new Date(now);
  await database.prisma.session.create({
    data: { id, token: id, userId, expiresAt: at, createdAt: at, updatedAt: at },
  });
  return id;
}

const sessionsOf = async (userId: string) =>
  (await database.prisma.session.findMany({ where: { userId }, orderBy: { id: 'asc' } })).map(({ id }) => id);
const tokenIn = (path: string | null) => path?.split('#token=')[1];
const UNKNOWN_ROLE = { code: 'INVALID', field: ['role'], message: 'The role is unknown.' };
const NO_ACCOUNT = { code: 'NOT_FOUND', message: 'There is no such account.' };
const DEAD_LINK = {
  code: 'NOT_FOUND',
  message: 'This link was used already, or has expired. Ask for a new one.',
};

describe('an account', () => {
  test('is made with a password, or a link to set one, and found by id, name and list', async () => {
    const given = await users.create({ name: ' Ada  L. ', role: 'EDITOR', password: PASSWORD });
    expect(given).toEqual({
      user: {
        id: expect.stringMatching(/^user_[0-9a-f]{30}$/),
        name: 'Ada L.',
        role: 'EDITOR',
        disabledAt: null,
        createdAt: expect.any(Date),
      },
      passwordPath: null,
    });
    const linked = await users.create({ name: 'aaron', role: 'VIEWER' });
    expect(linked.passwordPath).toMatch(/^password#token=[\w-]{43}$/);
    expect(await users.find(given.user.id)).toEqual(given.user);
    expect(await users.findByName('ADA L.')).toEqual(given.user);
    expect([await users.find('user_none'), await users.findByName('Nobody')]).toEqual([null, null]);
    const listed = (await users.list()).map(({ name }) => name);
    expect(listed.slice(0, 2)).toEqual(['aaron', 'Ada L.']);
    expect(await database.prisma.user.findUnique({ where: { id: given.user.id } })).toMatchObject({
      username: 'ada l.',
      displayUsername: 'Ada L.',
      email: `${given.user.id}@users.invalid`,
    });
    // Making one changes the standing of nobody.
    expect(changes).toBe(0);
  });

  test('is not made of a bad name, role or password, nor under a name that is taken', async () => {
    const { name } = await person();
    const taken = { code: 'CONFLICT', field: ['name'], message: 'This name is taken.' };
    await expect(
      users.create({ name: name.toUpperCase(), role: 'VIEWER', password: PASSWORD }),
    ).rejects.toMatchObject(taken);
    await expect(users.create({ name: '', role: 'VIEWER' })).rejects.toMatchObject({ field: ['name'] });
    await expect(users.create({ name: 'X', role: 'OWNER' as Role })).rejects.toMatchObject(UNKNOWN_ROLE);
    await expect(users.create({ name: 'X', role: 'VIEWER', password: 'short' })).rejects.toMatchObject({
      field: ['password'],
    });
    await expect(
      users.create({ name: 'Long enough for it', role: 'VIEWER', password: 'LONG ENOUGH for it' }),
    ).rejects.toMatchObject({ field: ['password'] });
    expect(await users.findByName('X')).toBeNull();
  });

  test('of a role that this version does not know has the least', () => {
    const row = { id: 'user_1', name: 'Ada', disabledAt: null, createdAt: new Date(0) };
    expect(toUser({ ...row, role: 'OWNER' }).role).toBe('VIEWER');
    expect(toUser({ ...row, role: 'EDITOR' })).toEqual({ ...row, role: 'EDITOR' });
  });
});

describe('a change', () => {
  test('changes what it names, and tells whoever looks after those who are here', async () => {
    const user = await person('VIEWER');
    const name = `Renamed ${++made}`;
    expect(await users.update(user.id, { name: `${name} ` })).toEqual({ ...user, name });
    expect(changes).toBe(1);
    expect(await users.findByName(name.toUpperCase())).toEqual({ ...user, name });
    expect(await users.findByName(user.name)).toBeNull();
    expect(await database.prisma.user.findUnique({ where: { id: user.id } })).toMatchObject({
      displayUsername: name,
    });
    expect(await users.update(user.id, { role: 'EDITOR' })).toEqual({ ...user, name, role: 'EDITOR' });
    expect(changes).toBe(2);
    expect(await users.update(user.id, {})).toEqual({ ...user, name, role: 'EDITOR' });
    expect(await users.hasPassword(user.id, PASSWORD)).toBe(true);
  });

  test('is refused where it is none, or of nobody, and then changes and tells nothing', async () => {
    const [user, other] = [await person(), await person()];
    for (const [attempt, error] of [
      [() => users.update('user_none', { name: 'X' }), NO_ACCOUNT],
      [() => users.resetPassword('user_none'), NO_ACCOUNT],
      [() => users.update(user.id, { role: 'OWNER' as Role }), UNKNOWN_ROLE],
      [() => users.update(user.id, { name: ' ' }), { code: 'INVALID', field: ['name'] }],
      [() => users.update(user.id, { name: other.name }), { code: 'CONFLICT', field: ['name'] }],
      [() => users.update(user.id, { password: 'short' }), { code: 'INVALID', field: ['password'] }],
      [() => users.update(user.id, { password: user.name.toUpperCase() }), { field: ['password'] }],
      [
        () => users.update(user.id, { name: 'A new name of hers', password: 'a NEW name of hers' }),
        { field: ['password'] },
      ],
    ] as const) {
      await expect(attempt()).rejects.toMatchObject(error);
    }
    expect(await users.find(user.id)).toEqual(user);
    expect(changes).toBe(0);
  });

  test('disables from that moment on, ends every session, and says so once', async () => {
    const user = await person();
    await session(user.id);
    const kept = await session((await person()).id);
    expect((await users.disable(user.id)).disabledAt).toEqual(new Date(now));
    expect(await sessionsOf(user.id)).toEqual([]);
    expect(await database.prisma.session.count({ where: { id: kept } })).toBe(1);
    now += HOUR;
    expect((await users.disable(user.id)).disabledAt).toEqual(new Date(now - HOUR));
    expect((await users.update(user.id, { name: `Still ${++made}` })).disabledAt).not.toBeNull();
    expect((await users.enable(user.id)).disabledAt).toBeNull();
    expect(await users.hasPassword(user.id, PASSWORD)).toBe(true);
  });

  test('of the password ends every session but the one in which it was set; others end none', async () => {
    const user = await person();
    const [one, two] = [await session(user.id), await session(user.id)];
    await users.update(user.id, { role: 'EDITOR' }, { keepSession: one });
    expect(await sessionsOf(user.id)).toEqual([one, two].sort());
    await users.update(user.id, { password: 'another password' }, { keepSession: one });
    expect(await sessionsOf(user.id)).toEqual([one]);
    expect(await users.hasPassword(user.id, 'another password')).toBe(true);
    expect(await users.hasPassword(user.id, PASSWORD)).toBe(false);
    await users.update(user.id, { password: 'a third password' });
    expect(await sessionsOf(user.id)).toEqual([]);
    // Whoever is disabled keeps none.
    const last = await session(user.id);
    await users.update(user.id, { password: PASSWORD, disabled: true }, { keepSession: last });
    expect(await sessionsOf(user.id)).toEqual([]);
  });

  test('of the password touches no sign-in at a provider, and no other account', async () => {
    const [user, other] = [await person(), await person()];
    await database.prisma.account.create({
      data: { id: `account_${user.id}`, providerId: 'oidc x', accountId: user.id, userId: user.id },
    });
    await users.update(user.id, { password: 'another password' });
    expect(await database.prisma.account.findUnique({ where: { id: `account_${user.id}` } })).toMatchObject({
      password: null,
    });
    expect(await users.hasPassword(other.id, PASSWORD)).toBe(true);
  });

  test('leaves an admin who is not disabled', async () => {
    await database.prisma.user.updateMany({ where: { role: 'ADMIN' }, data: { role: 'VIEWER' } });
    const last = await person('ADMIN');
    const off = await person('ADMIN');
    await users.disable(off.id);
    const told = { code: 'CONFLICT', message: 'The last admin has to stay one.' };
    const before = changes;
    for (const change of [{ role: 'EDITOR' as const }, { disabled: true }])
      await expect(users.update(last.id, change)).rejects.toMatchObject(told);
    expect(changes).toBe(before);
    expect(await users.find(last.id)).toEqual(last);
    // One who is none already, or stays one, may be changed.
    await users.update(last.id, { name: `Head ${++made}`, role: 'ADMIN', disabled: false });
    await users.update(off.id, { role: 'VIEWER' });
    const second = await person('ADMIN');
    expect((await users.disable(last.id)).disabledAt).not.toBeNull();
    await expect(users.disable(second.id)).rejects.toMatchObject(told);
  });
});

describe('the password of an account', () => {
  test('is the one that was set, and no other', async () => {
    const user = await person();
    expect(await users.hasPassword(user.id, PASSWORD)).toBe(true);
    for (const wrong of ['', PASSWORD.toUpperCase(), `${PASSWORD} `])
      expect(await users.hasPassword(user.id, wrong)).toBe(false);
    expect(await users.hasPassword('user_none', PASSWORD)).toBe(false);
    const account = { userId: user.id, providerId: 'credential' };
    await database.prisma.account.updateMany({ where: account, data: { password: null } });
    expect(await users.hasPassword(user.id, PASSWORD)).toBe(false);
    await database.prisma.account.updateMany({ where: account, data: { providerId: 'oidc x' } });
    expect(await users.hasPassword(user.id, PASSWORD)).toBe(false);
  });

  test('is not checked where it is too long to be one', async () => {
    let checked = 0;
    const counting = make({
      ...passwords,
      verify: (input) => {
        checked++;
        return passwords.verify(input);
      },
    });
    const longest = PASSWORD.padEnd(256, 'x');
    const user = await person('VIEWER', longest);
    expect(await counting.hasPassword(user.id, longest)).toBe(true);
    expect(await counting.hasPassword(user.id, `${longest}x`)).toBe(false);
    expect(checked).toBe(1);
  });

  test('is void once it is reset: another is set, or a link is given', async () => {
    const user = await person();
    await session(user.id);
    expect(await users.resetPassword(user.id, 'another password')).toEqual({ user, passwordPath: null });
    expect(await users.hasPassword(user.id, 'another password')).toBe(true);
    expect(await sessionsOf(user.id)).toEqual([]);
    await session(user.id);
    const before = changes;
    const { user: same, passwordPath } = await users.resetPassword(user.id);
    expect(same).toEqual(user);
    expect(passwordPath).toMatch(/^password#token=[\w-]{43}$/);
    expect(changes).toBe(before + 1);
    expect(await users.hasPassword(user.id, 'another password')).toBe(false);
    expect(await sessionsOf(user.id)).toEqual([]);
  });
});

describe('a link to set a password', () => {
  test('works once within three days, to the millisecond, and ends every session', async () => {
    const { user, passwordPath } = await users.create({ name: `Person ${++made}`, role: 'VIEWER' });
    const token = tokenIn(passwordPath);
    await session(user.id);
    now += HOUR;
    const other = await users.create({ name: `Person ${++made}`, role: 'VIEWER' });
    now += 71 * HOUR;
    await expect(users.setPasswordByLink({ token, password: PASSWORD })).rejects.toMatchObject(DEAD_LINK);
    now -= 1;
    // What is refused leaves the link as it was.
    for (const password of ['short', undefined, user.name]) {
      await expect(users.setPasswordByLink({ token, password })).rejects.toMatchObject({
        field: ['password'],
      });
    }
    expect(await users.setPasswordByLink({ token, password: PASSWORD })).toEqual(user);
    expect(await users.hasPassword(user.id, PASSWORD)).toBe(true);
    expect(await sessionsOf(user.id)).toEqual([]);
    expect(changes).toBe(1);
    await expect(users.setPasswordByLink({ token, password: PASSWORD })).rejects.toMatchObject(DEAD_LINK);
    // Another’s is another.
    const theirs = tokenIn(other.passwordPath);
    expect(await users.setPasswordByLink({ token: theirs, password: PASSWORD })).toEqual(other.user);
  });

  test('is kept by its hash, and ends with the next one, with a new password, and with the account', async () => {
    const { user, passwordPath } = await users.create({ name: `Person ${++made}`, role: 'VIEWER' });
    const other = await users.create({ name: `Person ${++made}`, role: 'VIEWER' });
    const first = tokenIn(passwordPath) ?? '';
    const kept = await database.prisma.verification.findMany({
      where: { identifier: `set-password:${user.id}` },
    });
    expect(kept.map(({ value }) => value)).toEqual([hashSecret(first)]);
    const second = tokenIn((await users.resetPassword(user.id)).passwordPath);
    await users.update(user.id, { role: 'EDITOR' });
    expect(
      await database.prisma.verification.count({ where: { identifier: `set-password:${user.id}` } }),
    ).toBe(1);
    await expect(users.setPasswordByLink({ token: first, password: PASSWORD })).rejects.toMatchObject(
      DEAD_LINK,
    );
    await users.disable(user.id);
    await expect(users.setPasswordByLink({ token: second, password: PASSWORD })).rejects.toMatchObject(
      DEAD_LINK,
    );
    await users.enable(user.id);
    await users.update(user.id, { password: PASSWORD });
    await expect(users.setPasswordByLink({ token: second, password: PASSWORD })).rejects.toMatchObject(
      DEAD_LINK,
    );
    // All of that is no affair of others.
    const token = tokenIn(other.passwordPath);
    expect(await users.setPasswordByLink({ token, password: PASSWORD })).toEqual(other.user);
  });

  test('is nothing else: no text that was guessed, and no secret for another purpose', async () => {
    const user = await person();
    await database.prisma.verification.create({
      data: {
        id: 'verification_other',
        identifier: `set-passport:${user.id}`,
        value: hashSecret('a secret'),
        expiresAt: new Date(now + HOUR),
      },
    });
    await database.prisma.verification.create({
      data: {
        id: 'verification_nobody',
        identifier: 'set-password:user_none',
        value: hashSecret('of nobody'),
        expiresAt: new Date(now + HOUR),
      },
    });
    for (const token of ['a secret', 'of nobody', '', 'guessed', undefined, null, 7, {}, ['a secret']]) {
      const attempt = users.setPasswordByLink({ token, password: 'another password' });
      await expect(attempt, String(token)).rejects.toMatchObject(DEAD_LINK);
    }
    expect(await users.hasPassword(user.id, PASSWORD)).toBe(true);
  });

  test('that two use at once is used by one', async () => {
    const { passwordPath } = await users.create({ name: `Person ${++made}`, role: 'VIEWER' });
    // Both have found the link before either has hashed.
    let arrived = 0;
    let release = () => {};
    const both = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = make({
      ...passwords,
      hash: async (password) => {
        if (++arrived === 2) release();
        await both;
        return passwords.hash(password);
      },
    });
    const token = tokenIn(passwordPath);
    const race = await Promise.allSettled(
      ['the first password', 'the second password'].map((password) =>
        slow.setPasswordByLink({ token, password }),
      ),
    );
    expect(race.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(race.find(({ status }) => status === 'rejected')).toMatchObject({ reason: DEAD_LINK });
  });
});

test('what the database refuses is said in words, and a fault stays one', async () => {
  const thrown = (code: unknown) => Object.assign(new Error('inner words'), { code });
  const said = (error: unknown) =>
    translating(async () => {
      throw error;
    }).catch((reason) => reason);
  const name = thrown('P2002');
  expect(await said(name)).toMatchObject({ code: 'CONFLICT', field: ['name'], cause: name });
  const moment = thrown('P2034');
  expect(await said(moment)).toMatchObject({
    code: 'CONFLICT',
    field: undefined,
    message: 'Somebody else changed this at the same moment; try again.',
    cause: moment,
  });
  for (const fault of [thrown('P1001'), thrown(undefined), new Error('x'), { code: 'P2002' }, 'P2002', null])
    expect(await said(fault)).toBe(fault);
  expect(await translating(async () => 7)).toBe(7);
});
