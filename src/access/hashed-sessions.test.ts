/** What stands between better-auth and its database, before an adapter of better-auth's own that keeps rows in memory. */

import type { BetterAuthOptions } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { hashingSessions } from './hashed-sessions.ts';
import { hashSecret } from './secrets.ts';

// biome-ignore lint/suspicious/noExplicitAny: rows of whatever shape a test gives them
type Rows = any[];
let rows: Record<string, Rows>;
let adapter: ReturnType<ReturnType<typeof hashingSessions>>;

beforeEach(() => {
  rows = { session: [], user: [], account: [], verification: [] };
  const options: BetterAuthOptions = {};
  // Both adapters have the one interface that the library names.
  adapter = hashingSessions(memoryAdapter(rows) as Parameters<typeof hashingSessions>[0])(options);
});

const at = new Date('2027-01-01');
const by = (token: string | string[], operator?: 'in') => [
  { field: 'token', value: token, ...(operator && { operator }) },
];

async function add(token: string, userId = 'user_1') {
  return adapter.create<Record<string, unknown>>({
    model: 'session',
    data: { token, userId, expiresAt: at, createdAt: at, updatedAt: at, ipAddress: '', userAgent: 'A' },
  });
}

describe('a session', () => {
  test('is kept under the hash of its token, and told to whoever made it with the token', async () => {
    expect(await add('one')).toMatchObject({ token: 'one', userId: 'user_1' });
    expect(rows['session']).toMatchObject([{ token: hashSecret('one'), userId: 'user_1' }]);
  });

  test('is found, counted and changed by its token', async () => {
    await add('one');
    await add('two');
    const model = 'session';
    expect(await adapter.findOne({ model, where: by('one') })).toMatchObject({ token: 'one' });
    expect(await adapter.findMany({ model, where: by('two') })).toMatchObject([{ token: 'two' }]);
    expect(await adapter.count({ model, where: by('two') })).toBe(1);
    expect(await adapter.count({ model, where: by(['one', 'two', 'x'], 'in') })).toBe(2);
    expect(await adapter.count({ model })).toBe(2);
    const update = { userAgent: 'B' };
    expect(await adapter.update({ model, where: by('one'), update })).toMatchObject({
      token: 'one',
      userAgent: 'B',
    });
    expect(await adapter.updateMany({ model, where: by('two'), update: { userAgent: 'C' } })).toBe(1);
    expect(rows['session']?.map(({ userAgent }) => userAgent)).toEqual(['B', 'C']);
  });

  test('is removed by its token, alone', async () => {
    for (const token of ['one', 'two', 'three', 'four', 'five']) await add(token);
    const model = 'session';
    await adapter.delete({ model, where: by('one') });
    expect(await adapter.deleteMany({ model, where: by(['two', 'three'], 'in') })).toBe(2);
    expect(await adapter.consumeOne({ model, where: by('four') })).toMatchObject({ token: 'four' });
    expect(rows['session']?.map(({ token }) => token)).toEqual([hashSecret('five')]);
  });

  test('is not found by what the database keeps of it, nor is a token told to whoever has not got it', async () => {
    await add('one');
    const model = 'session';
    expect(await adapter.findOne({ model, where: by(hashSecret('one')) })).toBeNull();
    expect(await adapter.findOne({ model, where: by('two') })).toBeNull();
    const where = [{ field: 'userId', value: 'user_1' }];
    expect(await adapter.findOne({ model, where })).toMatchObject({ token: hashSecret('one') });
    expect(await adapter.findMany({ model, where })).toMatchObject([{ token: hashSecret('one') }]);
    expect(await adapter.findMany({ model })).toMatchObject([{ token: hashSecret('one') }]);
  });

  test('is the same inside a transaction', async () => {
    await adapter.transaction(async (inner) => {
      await inner.create({
        model: 'session',
        data: { token: 'one', userId: 'user_1', expiresAt: at, createdAt: at, updatedAt: at },
      });
      expect(await inner.findOne({ model: 'session', where: by('one') })).toMatchObject({ token: 'one' });
    });
    expect(rows['session']).toMatchObject([{ token: hashSecret('one') }]);
  });
});

test('rows of another kind are left as they are', async () => {
  const made = await adapter.create<Record<string, unknown>>({
    model: 'verification',
    data: { identifier: 'x', value: 'a value', expiresAt: at },
  });
  expect(made).toMatchObject({ value: 'a value' });
  expect(rows['verification']).toMatchObject([{ value: 'a value' }]);
  const where = [{ field: 'identifier', value: 'x' }];
  expect(await adapter.findOne({ model: 'verification', where })).toMatchObject({ value: 'a value' });
});
