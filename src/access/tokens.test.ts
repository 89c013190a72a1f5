/** API tokens by themselves; what programs see of them is in access.test.ts. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import type { Database } from '../database/database.ts';
import { createPasswords } from './passwords.ts';
import { hashSecret } from './secrets.ts';
import { type ApiTokens, type ApiTokensOptions, createApiTokens } from './tokens.ts';
import { createUsers, type Users } from './users.ts';
import type { Role, TokenScope, TokenViewer } from './viewer.ts';

const MINUTE = 60_000;

let opened: TemporaryDatabase;
let database: Database;
let users: Users;
let tokens: ApiTokens;
let now = 0;
let revoked = 0;
let made = 0;

beforeAll(async () => {
  opened = await openTemporarySqlite();
  ({ database } = opened);
  users = createUsers({ database, passwords: createPasswords({ costLog2: 4 }), now: () => now });
});
beforeEach(() => {
  now = Date.UTC(2026, 4, 1);
  revoked = 0;
  tokens = make();
});
afterAll(() => opened.close());

function make(options: Partial<ApiTokensOptions> = {}): ApiTokens {
  return createApiTokens({ database, now: () => now, onRevoke: () => revoked++, ...options });
}

async function person(role: Role = 'EDITOR'): Promise<string> {
  return (await users.create({ name: `Person ${++made}`, role, password: 'a long password' })).user.id;
}

const reading = { name: 't', scopes: ['CATALOG_READ'] as const };

describe('a new token', () => {
  test('is told once, kept by its hash, and known by how it begins', async () => {
    const userId = await person();
    const expiresAt = new Date(now + 1);
    const { apiToken, token } = await tokens.create({
      name: ' nightly\tbackup ',
      scopes: ['LIBRARY_WRITE', 'CATALOG_READ', 'LIBRARY_WRITE'],
      userId,
      expiresAt,
    });
    expect(token).toMatch(/^hedgerow_api_[\w-]{43}$/);
    expect(apiToken).toEqual({
      id: expect.stringMatching(/^token_[0-9a-f]{30}$/),
      name: 'nightly backup',
      prefix: token.slice(0, 'hedgerow_api_'.length + 6),
      scopes: ['CATALOG_READ', 'LIBRARY_WRITE'],
      userId,
      createdAt: new Date(now),
      expiresAt,
      lastUsedAt: null,
      revokedAt: null,
    });
    expect(await tokens.find(apiToken.id)).toEqual(apiToken);
    expect(await database.prisma.apiToken.findUnique({ where: { id: apiToken.id } })).toMatchObject({
      hash: hashSecret(token),
    });
    const own = await tokens.create(reading);
    expect(own.apiToken).toMatchObject({ userId: null, expiresAt: null });
    expect(await tokens.find('token_none')).toBeNull();
  });

  test.each([
    ['no name', { name: ' \u202e' }, 'INVALID', 'name', 'The name of a token has 1 to 100 characters.'],
    ['a long name', { name: 'x'.repeat(101) }, 'INVALID', 'name', 'The name of a token has 1 to 100'],
    ['no scope', { scopes: [] }, 'INVALID', 'scopes', 'A token has one or more of CATALOG_READ, MEDIA_READ,'],
    ['an unknown scope', { scopes: ['CATALOG_READ', 'ROOT'] }, 'INVALID', 'scopes', 'A token has one or'],
    ['an end that is now', { end: 0 }, 'INVALID', 'expiresAt', 'The end of a token lies in the future.'],
    ['an end that is no time', { end: Number.NaN }, 'INVALID', 'expiresAt', 'The end of a token lies in'],
    [
      'an owner who is not there',
      { userId: 'user_none' },
      'NOT_FOUND',
      undefined,
      'There is no such account.',
    ],
  ])('is refused with %s', async (_, { end, ...wrong }: Record<string, unknown>, code, field, message) => {
    const more = end === undefined ? {} : { expiresAt: new Date(now + Number(end)) };
    const attempt = tokens.create({ ...reading, ...wrong, ...more });
    await expect(attempt).rejects.toMatchObject({
      code,
      field: field === undefined ? undefined : [field],
      message: expect.stringContaining(message),
    });
  });

  test('may have a hundred characters of any kind for a name', async () => {
    for (const name of ['x', '🌿'.repeat(100)])
      expect((await tokens.create({ ...reading, name })).apiToken.name).toBe(name);
  });

  test('has no scope beyond its owner’s role, of which an unknown one gives the least', async () => {
    const beyond = (scope: string, role: string) => ({
      code: 'FORBIDDEN',
      field: ['scopes'],
      message: `The scope ${scope} goes beyond the role ${role}.`,
    });
    const userId = await person('EDITOR');
    const attempt = tokens.create({ name: 't', scopes: ['CATALOG_READ', 'ADMIN'], userId });
    await expect(attempt).rejects.toMatchObject(beyond('ADMIN', 'EDITOR'));
    await tokens.create({ name: 't', scopes: ['CATALOG_READ', 'MEDIA_READ', 'LIBRARY_WRITE'], userId });
    await database.prisma.user.update({ where: { id: userId }, data: { role: 'OWNER' } });
    await expect(tokens.create({ name: 't', scopes: ['LIBRARY_WRITE'], userId })).rejects.toMatchObject(
      beyond('LIBRARY_WRITE', 'OWNER'),
    );
    await tokens.create({ ...reading, userId });
  });
});

test('tokens are listed the newest first: all, a person’s, or the instance’s; revoked ones where asked for', async () => {
  await database.prisma.apiToken.deleteMany();
  const [userId, other] = [await person(), await person()];
  const add = async (more: object) => {
    now += 1;
    return (await tokens.create({ ...reading, ...more })).apiToken.id;
  };
  const ids = [await add({}), await add({ userId }), await add({ userId: other }), await add({ userId })];
  const [first, second, third, fourth] = ids;
  now -= 1;
  const twins = [await add({ userId }), fourth].sort();
  await tokens.revoke(second ?? '');
  const listed = async (...filter: Parameters<ApiTokens['list']>) =>
    (await tokens.list(...filter)).map(({ id }) => id);
  expect(await listed()).toEqual([...twins, third, first]);
  expect(await listed({ userId })).toEqual(twins);
  expect(await listed({ userId: null })).toEqual([first]);
  expect(await listed({ userId: undefined })).toEqual([...twins, third, first]);
  expect(await listed({ userId, revoked: true })).toEqual([...twins, second]);
  expect(await listed({ revoked: true })).toEqual([...twins, third, second, first]);
});

describe('revoking', () => {
  test('is done by the owner or an admin, once, and said aloud', async () => {
    const [userId, stranger] = [await person(), await person()];
    const { apiToken, token } = await tokens.create({ ...reading, userId });
    const { apiToken: other } = await tokens.create({ ...reading, userId });
    for (const attempt of [
      () => tokens.revoke(apiToken.id, { userId: stranger }),
      () => tokens.revoke('token_none'),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: 'There is no such token.',
      });
    }
    expect(await tokens.byReference(apiToken.id)).not.toBeNull();
    expect(revoked).toBe(0);
    const at = new Date(now);
    expect(await tokens.revoke(apiToken.id, { userId })).toEqual({ ...apiToken, revokedAt: at });
    expect(revoked).toBe(1);
    now += MINUTE;
    // A second time changes nothing.
    expect(await tokens.revoke(apiToken.id)).toEqual({ ...apiToken, revokedAt: at });
    expect([await tokens.viewer(token), await tokens.byReference(apiToken.id)]).toEqual([null, null]);
    expect((await tokens.find(other.id))?.revokedAt).toBeNull();
  });
});

describe('the viewer behind a token', () => {
  const viewerOf = async (scopes: TokenScope[], userId?: string) => {
    const { token } = await tokens.create({ name: 't', scopes, userId });
    return tokens.viewer(token);
  };

  test('without an owner has the role that the scopes amount to', async () => {
    for (const [scopes, role] of [
      [['CATALOG_READ', 'MEDIA_READ', 'FEDERATION_ADMIN'], 'VIEWER'],
      [['LIBRARY_WRITE'], 'EDITOR'],
      [['LIBRARY_WRITE', 'ADMIN'], 'ADMIN'],
    ] as [TokenScope[], Role][]) {
      expect(await viewerOf(scopes)).toEqual({
        via: 'token',
        tokenId: expect.stringMatching(/^token_/),
        user: null,
        role,
        scopes,
      });
    }
  });

  test('of an owner is narrowed by what the owner may do now', async () => {
    const userId = await person('ADMIN');
    const { token } = await tokens.create({ name: 't', scopes: ['CATALOG_READ', 'ADMIN'], userId });
    const name = `Person ${made}`;
    for (const [role, as] of [
      [
        'ADMIN',
        { role: 'ADMIN', scopes: ['CATALOG_READ', 'ADMIN'], user: { id: userId, name, role: 'ADMIN' } },
      ],
      ['EDITOR', { role: 'VIEWER', scopes: ['CATALOG_READ'], user: { id: userId, name, role: 'EDITOR' } }],
      ['OWNER', { role: 'VIEWER', scopes: ['CATALOG_READ'], user: { id: userId, name, role: 'VIEWER' } }],
    ] as const) {
      await database.prisma.user.update({ where: { id: userId }, data: { role } });
      expect(await tokens.viewer(token)).toMatchObject(as);
    }
  });

  test('has no scope that this version does not know', async () => {
    const { apiToken, token } = await tokens.create(reading);
    await database.prisma.apiToken.update({
      where: { id: apiToken.id },
      data: { scopes: 'CATALOG_READ ROOT' },
    });
    expect((await tokens.viewer(token))?.scopes).toEqual(['CATALOG_READ']);
    expect((await tokens.find(apiToken.id))?.scopes).toEqual(['CATALOG_READ']);
  });

  test('is gone at the token’s end to the millisecond, and while the owner is disabled', async () => {
    const userId = await person();
    const { apiToken, token } = await tokens.create({
      ...reading,
      userId,
      expiresAt: new Date(now + MINUTE),
    });
    const found = async () =>
      [await tokens.viewer(token), await tokens.byReference(apiToken.id)].map((viewer) => viewer !== null);
    now += MINUTE - 1;
    expect(await found()).toEqual([true, true]);
    await users.disable(userId);
    expect(await found()).toEqual([false, false]);
    await users.enable(userId);
    expect(await found()).toEqual([true, true]);
    now += 1;
    expect(await found()).toEqual([false, false]);
  });

  test('is not looked for where the text is no token of ours', async () => {
    const { token } = await tokens.create(reading);
    await database.prisma.apiToken.updateMany({
      where: { hash: hashSecret(token) },
      data: { hash: hashSecret('a token of somebody else') },
    });
    expect(await tokens.viewer('a token of somebody else')).toBeNull();
  });
});

describe('the last use of a token', () => {
  test('is noted once a minute, by requests alone', async () => {
    const { apiToken, token } = await tokens.create(reading);
    const { apiToken: other } = await tokens.create(reading);
    const used = async () => (await tokens.find(apiToken.id))?.lastUsedAt?.getTime();
    await tokens.byReference(apiToken.id);
    expect(await used()).toBeUndefined();
    const begin = now;
    await tokens.viewer(token);
    now += MINUTE - 1;
    await tokens.viewer(token);
    // Another process reads it in the row.
    await make().viewer(token);
    expect(await used()).toBe(begin);
    now += 1;
    await tokens.viewer(token);
    expect(await used()).toBe(begin + MINUTE);
    expect((await tokens.find(other.id))?.lastUsedAt).toBeNull();
  });

  test('turns nobody away where it cannot be written, and is tried again after a minute', async () => {
    const { apiToken, token } = await tokens.create(reading);
    let writes = 0;
    const prisma = Object.create(database.prisma, {
      apiToken: {
        value: Object.create(database.prisma.apiToken, {
          updateMany: {
            value: async () => {
              writes++;
              throw new Error('The disk is full.');
            },
          },
        }),
      },
    });
    const poor = make({ database: { prisma, read: database.read, dialect: database.dialect } });
    expect(await poor.viewer(token)).not.toBeNull();
    expect(await poor.viewer(token)).not.toBeNull();
    expect(writes).toBe(1);
    now += MINUTE;
    expect(await poor.viewer(token)).not.toBeNull();
    expect(writes).toBe(2);
    expect((await tokens.find(apiToken.id))?.lastUsedAt).toBeNull();
  });
});

describe('a token behind which no row stands', () => {
  const ADMIN = 'k'.repeat(32);
  const SERVICE = 's'.repeat(43);

  test('has every scope, a name, and a reference that is no way in', async () => {
    const standing = make({ adminToken: ADMIN, serviceToken: SERVICE });
    for (const [token, tokenId] of [
      [ADMIN, 'environment'],
      [SERVICE, 'service'],
    ] as const) {
      const viewer = (await standing.viewer(token)) as TokenViewer;
      expect(viewer).toEqual({
        via: 'token',
        tokenId,
        user: null,
        role: 'ADMIN',
        scopes: ['CATALOG_READ', 'MEDIA_READ', 'LIBRARY_WRITE', 'FEDERATION_ADMIN', 'ADMIN'],
      });
      const reference = standing.referenceOf(viewer);
      expect(reference).toBe(`${tokenId}.${hashSecret(token).slice(0, 16)}`);
      expect(await standing.byReference(reference)).toEqual(viewer);
      expect(await standing.viewer(reference)).toBeNull();
      expect(await standing.byReference(tokenId)).toBeNull();
      // After a restart the same name stands for another token.
      const later = make({ adminToken: 'l'.repeat(32), serviceToken: 't'.repeat(43) });
      expect(await later.byReference(reference)).toBeNull();
      expect(await later.viewer(token)).toBeNull();
    }
    const { apiToken, token } = await standing.create(reading);
    const viewer = (await standing.viewer(token)) as TokenViewer;
    expect(standing.referenceOf(viewer)).toBe(apiToken.id);
    expect(await standing.byReference(apiToken.id)).toEqual(viewer);
  });

  test('is none where the setting is empty, and no start where it is short', async () => {
    const none = make({ serviceToken: '' });
    expect(await none.viewer('')).toBeNull();
    expect(() => make({ adminToken: 'k'.repeat(31) })).toThrow(
      expect.objectContaining({
        code: 'INVALID',
        message: 'HEDGEROW_ADMIN_TOKEN has 31 characters; at least 32 are needed.',
      }),
    );
    expect(() => make({ adminToken: '' })).toThrow('HEDGEROW_ADMIN_TOKEN has 0 characters');
  });
});
