/** Sessions by themselves, to the millisecond; what browsers see of them is in access.test.ts. */

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import type { Database } from '../database/database.ts';
import { createPasswords } from './passwords.ts';
import { hashSecret } from './secrets.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { createUsers, type Users } from './users.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const FROM = { address: '192.0.2.1', userAgent: 'Test/1' };
const renewalKey = randomBytes(32);

let opened: TemporaryDatabase;
let database: Database;
let users: Users;
let sessions: Sessions;
let now = 0;
let ended = 0;
let made = 0;

beforeAll(async () => {
  opened = await openTemporarySqlite();
  ({ database } = opened);
  users = createUsers({ database, passwords: createPasswords({ costLog2: 4 }), now: () => now });
});
beforeEach(() => {
  now = Date.UTC(2026, 4, 1);
  ended = 0;
  sessions = make();
});
afterAll(() => opened.close());

function make(on: Pick<Database, 'prisma' | 'read'> = database): Sessions {
  return createSessions({ database: on, now: () => now, renewalKey, onEnd: () => ended++ });
}

async function person(): Promise<string> {
  return (await users.create({ name: `Person ${++made}`, role: 'EDITOR', password: 'a long password' })).user
    .id;
}

const row = (token: string) =>
  database.prisma.session.findFirstOrThrow({ where: { token: hashSecret(token) } });

/** The same database, which cannot change sessions, and how often it was to. */
function unwritable(): { on: Pick<Database, 'prisma' | 'read'>; tries: () => number } {
  let tries = 0;
  const updateMany = async () => {
    tries++;
    throw new Error('The disk is full.');
  };
  const session = Object.create(database.prisma.session, { updateMany: { value: updateMany } });
  const prisma = Object.create(database.prisma, { session: { value: session } });
  return { on: { prisma, read: database.read }, tries: () => tries };
}

/** The same database, and how often it was asked for a row. */
function counted(): { on: Pick<Database, 'prisma' | 'read'>; reads: () => number } {
  let reads = 0;
  const read = Object.create(database.read, {
    get: {
      value: (...query: Parameters<Database['read']['get']>) => {
        reads++;
        return database.read.get(...query);
      },
    },
  });
  return { on: { prisma: database.prisma, read }, reads: () => reads };
}

describe('a session that is opened', () => {
  test('has its person, address, browser and times, and the hash of its token', async () => {
    const userId = await person();
    const token = await sessions.open(userId, FROM);
    expect(token).toMatch(/^[\w-]{43}$/);
    const { id } = await row(token);
    expect(await row(token)).toMatchObject({
      id: expect.stringMatching(/^session_[0-9a-f]{30}$/),
      userId,
      ipAddress: '192.0.2.1',
      userAgent: 'Test/1',
      createdAt: new Date(now),
      updatedAt: new Date(now),
      expiresAt: new Date(now + 30 * DAY),
    });
    expect(await sessions.list(userId)).toEqual([
      {
        id,
        userAgent: 'Test/1',
        address: '192.0.2.1',
        createdAt: new Date(now),
        lastSeenAt: new Date(now),
      },
    ]);
    const viewer = {
      via: 'session',
      sessionId: id,
      user: { id: userId, name: `Person ${made}`, role: 'EDITOR' },
      role: 'EDITOR',
      scopes: ['CATALOG_READ', 'MEDIA_READ', 'LIBRARY_WRITE'],
    };
    expect(await sessions.viewer(token)).toEqual(viewer);
    expect(await sessions.find(id)).toEqual(viewer);
    expect([await sessions.viewer('x'), await sessions.find('x')]).toEqual([null, null]);
  });

  test('keeps of a browser’s name what can be read, and not without end', async () => {
    const userId = await person();
    const agentOf = async (userAgent: string | undefined) => {
      const token = await sessions.open(userId, { address: '', userAgent });
      const { id } = await row(token);
      return (await sessions.list(userId)).find((session) => session.id === id);
    };
    expect((await agentOf(` A\r\nb\u00e4c~\u007f${'x'.repeat(400)}`))?.userAgent).toBe(
      ` Abc~${'x'.repeat(295)}`,
    );
    expect(await agentOf(undefined)).toMatchObject({ userAgent: null, address: null });
  });

  test('is for nobody who is disabled, or is not there', async () => {
    const userId = await person();
    await users.disable(userId);
    for (const id of [userId, 'user_none']) {
      await expect(sessions.open(id, FROM)).rejects.toMatchObject({
        code: 'FORBIDDEN',
        message: 'This account is disabled.',
      });
    }
  });

  test('gives the least to a role that this version does not know', async () => {
    const userId = await person();
    const token = await sessions.open(userId, FROM);
    await database.prisma.user.update({ where: { id: userId }, data: { role: 'OWNER' } });
    expect(await sessions.viewer(token)).toMatchObject({ role: 'VIEWER', user: { role: 'VIEWER' } });
  });
});

describe('the end of a session', () => {
  test('comes after thirty days to the millisecond, however much it is used', async () => {
    const userId = await person();
    const token = await sessions.open(userId, FROM);
    const { id } = await row(token);
    await database.prisma.session.update({
      where: { id },
      data: { updatedAt: new Date(now + 30 * DAY) },
    });
    now += 30 * DAY - 1;
    expect([await sessions.viewer(token), await sessions.find(id)]).not.toContain(null);
    expect(await sessions.list(userId)).toHaveLength(1);
    await sessions.sweep();
    now += 1;
    expect([await sessions.viewer(token), await sessions.find(id)]).toEqual([null, null]);
    expect(await sessions.renew(token)).toBeNull();
    expect(await sessions.list(userId)).toEqual([]);
    expect(await database.prisma.session.count({ where: { id } })).toBe(1);
    await sessions.sweep();
    expect(await database.prisma.session.count({ where: { id } })).toBe(0);
  });

  test('comes after seven days without a request, to the millisecond', async () => {
    const userId = await person();
    const token = await sessions.open(userId, FROM);
    const { id } = await row(token);
    now += 7 * DAY - 1;
    expect(await sessions.find(id)).not.toBeNull();
    expect(await sessions.list(userId)).toHaveLength(1);
    await sessions.sweep();
    now += 1;
    expect([await sessions.viewer(token), await sessions.find(id)]).toEqual([null, null]);
    expect(await sessions.list(userId)).toEqual([]);
    expect(await database.prisma.session.count({ where: { id } })).toBe(1);
    await sessions.sweep();
    expect(await database.prisma.session.count({ where: { id } })).toBe(0);
  });

  test('comes with that of the account', async () => {
    const userId = await person();
    const token = await sessions.open(userId, FROM);
    const { id } = await row(token);
    // Disabled by another process, which has not come to the sessions yet.
    await database.prisma.user.update({ where: { id: userId }, data: { disabledAt: new Date(now) } });
    expect([await sessions.viewer(token), await sessions.find(id)]).toEqual([null, null]);
    now += 2 * DAY;
    expect(await sessions.renew(token)).toBeNull();
  });

  test('is made by its owner or an admin, said aloud, and never by a stranger', async () => {
    const [userId, stranger] = [await person(), await person()];
    const tokens = [await sessions.open(userId, FROM), await sessions.open(userId, FROM)];
    const [one, two] = [(await row(tokens[0] ?? '')).id, (await row(tokens[1] ?? '')).id];
    for (const attempt of [
      () => sessions.end(one, { userId: stranger }),
      () => sessions.end('session_none'),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: 'There is no such session.',
      });
    }
    expect(ended).toBe(0);
    await sessions.end(one, { userId });
    expect(ended).toBe(1);
    expect((await sessions.list(userId)).map(({ id }) => id)).toEqual([two]);
    await sessions.end(two);
    expect(ended).toBe(2);
    expect(await sessions.list(userId)).toEqual([]);
  });

  test('is swept up with links and the like whose time is over, and with nothing else', async () => {
    const link = (id: string, expiresAt: Date) =>
      database.prisma.verification.create({ data: { id, identifier: 'x', value: id, expiresAt } });
    await link('over', new Date(now));
    await link('good', new Date(now + 1));
    const token = await sessions.open(await person(), FROM);
    await sessions.sweep();
    expect((await database.prisma.verification.findMany()).map(({ id }) => id)).toEqual(['good']);
    expect(await sessions.viewer(token)).not.toBeNull();
  });
});

test('a person’s sessions are listed the latest seen first, and nobody else’s', async () => {
  const [userId, other] = [await person(), await person()];
  const early = await sessions.open(userId, FROM);
  await sessions.open(other, FROM);
  now += HOUR;
  const late = await sessions.open(userId, FROM);
  const ids = [(await row(late)).id, (await row(early)).id];
  expect((await sessions.list(userId)).map(({ id }) => id)).toEqual(ids);
  now += HOUR;
  await sessions.viewer(early);
  expect((await sessions.list(userId)).map(({ id }) => id)).toEqual(ids.toReversed());
});

describe('when a session was last seen', () => {
  const seen = async (token: string) => (await row(token)).updatedAt.getTime();

  test('is noted every five minutes by requests, and not by what was let in already', async () => {
    const token = await sessions.open(await person(), FROM);
    const begin = now;
    now += 5 * MINUTE - 1;
    await sessions.viewer(token);
    expect(await seen(token)).toBe(begin);
    now += 1;
    await sessions.find((await row(token)).id);
    expect(await seen(token)).toBe(begin);
    await sessions.viewer(token);
    expect(await seen(token)).toBe(now);
    // Another process notes for itself what it finds in the row.
    now += 5 * MINUTE - 1;
    await make().viewer(token);
    expect(await seen(token)).toBe(now - 5 * MINUTE + 1);
  });

  test('is noted for the one that was seen alone', async () => {
    const userId = await person();
    const [one, two] = [await sessions.open(userId, FROM), await sessions.open(userId, FROM)];
    const begin = now;
    now += HOUR;
    await sessions.viewer(one);
    expect([await seen(one), await seen(two)]).toEqual([now, begin]);
  });

  test('turns nobody away where it cannot be written, and is tried again after five minutes', async () => {
    const token = await sessions.open(await person(), FROM);
    const begin = now;
    now += HOUR;
    const { on, tries } = unwritable();
    const poor = make(on);
    expect(await poor.viewer(token)).not.toBeNull();
    expect(await poor.viewer(token)).not.toBeNull();
    expect(tries()).toBe(1);
    now += 5 * MINUTE;
    expect(await poor.viewer(token)).not.toBeNull();
    expect(tries()).toBe(2);
    expect(await seen(token)).toBe(begin);
  });
});

describe('the token of a session', () => {
  test('is exchanged after a day to the millisecond, and again a day after that', async () => {
    const token = await sessions.open(await person(), FROM);
    now += DAY - 1;
    expect(await sessions.renew(token)).toBeNull();
    now += 1;
    const next = (await sessions.renew(token)) ?? '';
    expect(next).toMatch(/^[\w-]{43}$/);
    expect(next).not.toBe(token);
    expect(await row(next)).toMatchObject({
      previousToken: hashSecret(token),
      renewedAt: new Date(now),
      renewalUsedAt: null,
    });
    // Told twice, since the first answer may have been lost.
    expect(await sessions.renew(token)).toBe(next);
    await sessions.viewer(next);
    now += DAY - 1;
    expect(await sessions.renew(next)).toBeNull();
    now += 1;
    const third = (await sessions.renew(next)) ?? '';
    expect([token, next]).not.toContain(third);
    expect(await sessions.renew('x')).toBeNull();
    // The one before the one before is nobody’s.
    expect([await sessions.viewer(token), await sessions.renew(token)]).toEqual([null, null]);
    expect(await row(third)).toMatchObject({ renewalUsedAt: null });
  });

  test('is not looked at again before its day is over', async () => {
    const token = await sessions.open(await person(), FROM);
    const { on, reads } = counted();
    const busy = make(on);
    for (let time = 0; time < 3; time++) expect(await busy.renew(token)).toBeNull();
    expect(reads()).toBe(1);
    now += DAY;
    expect(await busy.renew(token)).not.toBeNull();
    expect(reads()).toBe(2);
  });

  test('before the exchange is good for a minute after the first use of the new one, then ends both', async () => {
    const token = await sessions.open(await person(), FROM);
    const other = await sessions.open(await person(), FROM);
    now += DAY;
    const next = (await sessions.renew(token)) ?? '';
    now += HOUR;
    expect(await sessions.viewer(token)).not.toBeNull();
    expect((await row(next)).renewalUsedAt).toBeNull();
    expect(await sessions.viewer(next)).not.toBeNull();
    const used = now;
    now += MINUTE - 1;
    expect(await sessions.viewer(token)).not.toBeNull();
    expect(await sessions.viewer(next)).not.toBeNull();
    // The first use counts, and no later one.
    expect((await row(next)).renewalUsedAt).toEqual(new Date(used));
    expect(ended).toBe(0);
    now += 1;
    expect(await sessions.viewer(next)).not.toBeNull();
    expect(await sessions.viewer(token)).toBeNull();
    expect(ended).toBe(1);
    expect(await sessions.viewer(next)).toBeNull();
    // All of that is no affair of others.
    expect((await row(other)).renewalUsedAt).toBeNull();
    expect(await sessions.viewer(other)).not.toBeNull();
  });

  test('that was never exchanged is not noted as used', async () => {
    const token = await sessions.open(await person(), FROM);
    await sessions.viewer(token);
    expect((await row(token)).renewalUsedAt).toBeNull();
  });

  test('closes its session and no other, whether it is the one before or the new one', async () => {
    const userId = await person();
    const other = await sessions.open(userId, FROM);
    for (const by of ['before', 'new'] as const) {
      const token = await sessions.open(userId, FROM);
      now += DAY;
      const next = (await sessions.renew(token)) ?? '';
      const before = ended;
      await sessions.close(by === 'before' ? token : next);
      expect(ended).toBe(before + 1);
      expect([await sessions.viewer(token), await sessions.viewer(next)]).toEqual([null, null]);
    }
    await sessions.close('x');
    expect(await sessions.viewer(other)).not.toBeNull();
  });
});
