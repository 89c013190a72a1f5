/** The first admin's link by itself; races for it are in access.test.ts. */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { hashSecret } from './secrets.ts';
import { createSetup, type Setup, type SetupOptions } from './setup.ts';

const DAY = 86_400_000;
const PASSWORD = 'correct horse battery';
const DEAD = {
  code: 'FORBIDDEN',
  message:
    'This link was used already, or a later start has replaced it. The newest one stands in the server’s log.',
};
const cheap = createPasswords({ costLog2: 4 });

let opened: TemporaryDatabase;
let now = 0;
let hashed = 0;
const passwords: Passwords = {
  ...cheap,
  hash: (password) => {
    hashed++;
    return cheap.hash(password);
  },
};

beforeEach(async () => {
  opened = await openTemporarySqlite();
  now = Date.UTC(2026, 4, 1);
  hashed = 0;
});
afterEach(() => opened.close());

function start(dialect: SetupOptions['database']['dialect'] = 'sqlite'): Setup {
  return createSetup({
    database: { prisma: opened.database.prisma, dialect },
    passwords,
    now: () => now,
  });
}

const tokenOf = async (setup: Setup) => (await setup.link()).split('#token=')[1] ?? '';
const admin = (setup: Setup, token: unknown, more: object = {}) =>
  setup.createAdmin({ token, name: 'Ada', password: PASSWORD, ...more });

test('one who has the link becomes the admin, once', async () => {
  const setup = start();
  expect(await setup.needed()).toBe(true);
  const link = await setup.link();
  expect(link).toMatch(/^setup#token=[\w-]{43}$/);
  expect(await setup.link()).toBe(link);
  const token = await tokenOf(setup);
  expect(await opened.database.prisma.verification.findMany()).toMatchObject([
    { identifier: 'first-admin', value: hashSecret(token), expiresAt: new Date(now + 7 * DAY) },
  ]);
  expect(await admin(setup, token, { name: ' Ada ' })).toEqual({
    id: expect.stringMatching(/^user_/),
    name: 'Ada',
    role: 'ADMIN',
    disabledAt: null,
    createdAt: expect.any(Date),
  });
  expect(await setup.needed()).toBe(false);
  expect(await opened.database.prisma.verification.count()).toBe(0);
  await expect(admin(setup, token)).rejects.toMatchObject(DEAD);
});

test('nothing else opens it, and nothing is hashed for whoever has no link', async () => {
  const setup = start();
  const token = await tokenOf(setup);
  await opened.database.prisma.verification.create({
    data: {
      id: 'verification_other',
      identifier: 'set-password:user_1',
      value: hashSecret('a secret'),
      expiresAt: new Date(now + DAY),
    },
  });
  for (const wrong of ['', 'a secret', token.slice(1), `${token}x`, undefined, null, 7, [token], {}])
    await expect(admin(setup, wrong), String(wrong)).rejects.toMatchObject(DEAD);
  expect(hashed).toBe(0);
  for (const [more, field] of [
    [{ name: '' }, 'name'],
    [{ password: 'short' }, 'password'],
    [{ name: 'Long enough for it', password: 'long ENOUGH for it' }, 'password'],
  ] as const) {
    await expect(admin(setup, token, more)).rejects.toMatchObject({ code: 'INVALID', field: [field] });
  }
  expect(hashed).toBe(0);
  // None of it has used the link up.
  await admin(setup, token);
  expect(await opened.database.prisma.verification.count()).toBe(1);
});

test('it ends after seven days, to the millisecond', async () => {
  const setup = start();
  const token = await tokenOf(setup);
  now += 7 * DAY;
  await expect(admin(setup, token)).rejects.toMatchObject(DEAD);
  now -= 1;
  expect((await admin(setup, token)).role).toBe('ADMIN');
});

test('it makes no second admin, and takes no name that is taken', async () => {
  const [setup, other] = [start('postgresql'), start('postgresql')];
  const [token, late] = [await tokenOf(setup), await tokenOf(other)];
  const { prisma } = opened.database;
  await prisma.user.create({
    data: { id: 'user_1', name: 'Ada', username: 'ada', email: 'x@users.invalid', role: 'EDITOR' },
  });
  expect(await setup.needed()).toBe(true);
  await expect(admin(setup, token)).rejects.toMatchObject({ code: 'CONFLICT', field: ['name'] });
  await prisma.user.update({ where: { id: 'user_1' }, data: { role: 'ADMIN' } });
  expect(await setup.needed()).toBe(false);
  await expect(admin(setup, late, { name: 'Bea' })).rejects.toMatchObject({
    code: 'CONFLICT',
    message: 'There is an admin already.',
  });
  expect(await prisma.user.count()).toBe(1);
});

test('a start of a server on SQLite ends the links before it; of several servers each has its own', async () => {
  const first = await tokenOf(start());
  const second = start();
  const token = await tokenOf(second);
  await expect(admin(second, first)).rejects.toMatchObject(DEAD);
  const beside = start('postgresql');
  const own = await tokenOf(beside);
  expect(await opened.database.prisma.verification.count()).toBe(2);
  // What is over is removed, and nothing of another kind.
  await opened.database.prisma.verification.create({
    data: { id: 'verification_other', identifier: 'x', value: 'x', expiresAt: new Date(now) },
  });
  now += 7 * DAY;
  await tokenOf(start('postgresql'));
  const left = await opened.database.prisma.verification.findMany({ orderBy: { identifier: 'asc' } });
  expect(left.map(({ identifier }) => identifier)).toEqual(['first-admin', 'x']);
  expect(left.map(({ value }) => value)).not.toContain(hashSecret(own));
  expect(left.map(({ value }) => value)).not.toContain(hashSecret(token));
  await tokenOf(start());
  expect(await opened.database.prisma.verification.count()).toBe(2);
});
