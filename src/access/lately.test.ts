import { randomBytes } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { eventually } from '../../test/support/eventually.ts';
import { ensureState } from '../catalog/state.ts';
import { createAccess } from './access.ts';
import { createLately } from './lately.ts';
import { createPasswords } from './passwords.ts';
import type { Viewer } from './viewer.ts';

const VIEWER: Viewer = { via: 'token', tokenId: 'environment', user: null, role: 'ADMIN', scopes: ['ADMIN'] };

it('knows somebody for a second, by all that was sent, and only while nothing has changed', () => {
  let now = 5_000;
  const lately = createLately(() => now);
  const headers = { authorization: 'Bearer a', cookie: 'b=c' };
  lately.note(headers, { viewer: VIEWER, token: undefined }, '1');
  expect(lately.find({ ...headers }, '1')?.viewer).toBe(VIEWER);
  expect(lately.find(headers, '2')).toBeUndefined();
  expect(lately.find({ authorization: 'Bearer a' }, '1')).toBeUndefined();
  expect(lately.find({ authorization: 'Bearer a\nb=c' }, '1')).toBeUndefined();
  now += 1_000;
  expect(lately.find(headers, '1')).toBeUndefined();
  // A clock that was set back says nothing of how long ago that was.
  now = 0;
  expect(lately.find(headers, '1')).toBeUndefined();
});

it('keeps nobody’s credentials after two seconds, nor more than it has room for', () => {
  vi.useFakeTimers();
  try {
    // A clock that stands still, so that only what was forgotten is not found.
    const lately = createLately(() => 5_000);
    const known = { viewer: VIEWER, token: undefined };
    const long = { authorization: `Bearer ${'a'.repeat(2_000)}` };
    lately.note({ authorization: 'Bearer a' }, known, '1');
    lately.note(long, known, '1');
    expect(lately.find(long, '1')?.viewer).toBe(VIEWER);
    vi.advanceTimersByTime(2_000);
    expect(lately.find({ authorization: 'Bearer a' }, '1')).toBeUndefined();
    expect(lately.find(long, '1')).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
    for (let person = 0; person < 20_001; person += 1)
      lately.note({ authorization: `Bearer ${person}` }, known, '1');
    expect(lately.find({ authorization: 'Bearer 0' }, '1')).toBeUndefined();
    expect(lately.find({ authorization: 'Bearer 20000' }, '1')?.viewer).toBe(VIEWER);
  } finally {
    vi.useRealTimers();
  }
});

describeOnBothDatabases('what says that rights have changed', (open) => {
  const start = async () => {
    const database = await open();
    await ensureState(database);
    const access = await createAccess({
      database,
      secret: randomBytes(32),
      publicUrl: new URL('http://127.0.0.1:4000'),
      passwords: createPasswords({ costLog2: 4 }),
    });
    return { database, access };
  };

  it('changes with people, sessions and tokens, and not with what they do', async () => {
    const { database, access } = await start();
    let before = (await database.counters.read()).access;
    const moves = async (work: () => Promise<unknown>): Promise<boolean> => {
      await work();
      const after = (await database.counters.read()).access;
      const moved = after !== before;
      before = after;
      return moved;
    };
    const { prisma } = database;
    const { user } = await access.users.create({
      name: 'Ada',
      role: 'ADMIN',
      password: 'correct horse battery',
    });
    const other = await access.users.create({
      name: 'Vera',
      role: 'VIEWER',
      password: 'correct horse battery',
    });
    const { apiToken } = await access.tokens.create({ name: 'a', scopes: ['CATALOG_READ'] });
    const from = { address: '127.0.0.1', userAgent: undefined };
    const token = await access.sessions.open(user.id, from);
    await moves(async () => {});
    expect(await moves(() => access.sessions.viewer(token))).toBe(false);
    expect(await moves(() => prisma.session.updateMany({ data: { updatedAt: new Date() } }))).toBe(false);
    expect(await moves(() => prisma.apiToken.updateMany({ data: { lastUsedAt: new Date() } }))).toBe(false);
    expect(await moves(() => access.sessions.close(token))).toBe(true);
    expect(await moves(() => access.users.update(other.user.id, { role: 'EDITOR' }))).toBe(true);
    expect(await moves(() => access.users.disable(other.user.id))).toBe(true);
    expect(await moves(() => access.tokens.revoke(apiToken.id))).toBe(true);
    expect(await moves(() => prisma.apiToken.deleteMany())).toBe(true);
    expect(await moves(() => prisma.user.delete({ where: { id: other.user.id } }))).toBe(true);
  });

  it('is not kept for ever', async () => {
    const { database, access } = await start();
    const { prisma } = database;
    const old = await prisma.accessChange.create({ data: { at: Date.now() - 61_000 } });
    const young = await prisma.accessChange.create({ data: { at: Date.now() - 10_000 } });
    const { apiToken } = await access.tokens.create({ name: 'a', scopes: ['CATALOG_READ'] });
    await access.tokens.revoke(apiToken.id);
    await eventually('the end of the old one', async () => {
      const left = (await prisma.accessChange.findMany()).map(({ id }) => id);
      return !left.includes(old.id) && left.includes(young.id);
    });
  });
});
