import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeOnBothDatabases, openTemporarySqlite } from '../../../test/support/databases.ts';
import { loadIdentity } from './instance-identity.ts';
import { followKeyChain } from './key-changes.ts';

const masterKey = randomBytes(32);

describeOnBothDatabases('the identity of an instance', (open) => {
  it('is made once, and is the same ever after', async () => {
    const database = await open();
    const first = await loadIdentity(database, masterKey);
    const second = await loadIdentity(database, masterKey);
    expect(second.id).toBe(first.id);
    expect(second.key.thumbprint).toBe(first.key.thumbprint);
    expect(first).toMatchObject({ number: 1, changes: [], thumbprints: [first.key.thumbprint] });
  });

  it('changes its key with a chain that leads there from every former key, and keeps its id', async () => {
    const database = await open();
    const identity = await loadIdentity(database, masterKey);
    const keys = [identity.key.thumbprint];
    for (let change = 1; change <= 3; change++) {
      expect((await identity.rotate(new Date())).number).toBe(change + 1);
      keys.push(identity.key.thumbprint);
    }
    expect(new Set(keys).size).toBe(4);
    expect(identity.thumbprints).toEqual(keys.toReversed());
    for (const [index, pinned] of keys.slice(0, -1).entries()) {
      expect(followKeyChain(pinned, identity.changes, identity.id)).toMatchObject({
        kind: 'changed',
        key: { thumbprint: keys.at(-1) },
        passed: keys.slice(index, -1),
      });
    }
    const again = await loadIdentity(database, masterKey);
    expect(again.key.thumbprint).toBe(keys.at(-1));
    expect(again.changes).toEqual(identity.changes);
  });

  it('erases the private half of the former key, and cancels invitations that are open, no others', async () => {
    const database = await open();
    const identity = await loadIdentity(database, masterKey);
    const now = Date.now();
    const invite = (id: string, more: object) =>
      database.prisma.invitation.create({
        data: { id, publicKey: 'x', grant: '{}', expiresAt: new Date(now + 60_000), ...more },
      });
    await invite('pair_open', {});
    await invite('pair_used', { usedAt: new Date(now) });
    await invite('pair_expired', { expiresAt: new Date(now - 1) });
    expect((await identity.rotate(new Date(now))).cancelledInvitations).toBe(1);
    const rows = await database.prisma.instanceKey.findMany({ orderBy: { number: 'asc' } });
    expect(rows.map((row) => row.sealedSeed === null)).toEqual([true, false]);
    expect(rows[0]?.retiredAt).toEqual(new Date(now));
    const cancelled = await database.prisma.invitation.findMany({ where: { cancelledAt: { not: null } } });
    expect(cancelled.map(({ id }) => id)).toEqual(['pair_open']);
  });

  it('is noticed by another process, and of two changes at once one is made', async () => {
    const database = await open();
    const here = await loadIdentity(database, masterKey);
    const there = await loadIdentity(database, masterKey);
    const outcomes = await Promise.allSettled([here.rotate(new Date()), there.rotate(new Date())]);
    const made = outcomes.filter(({ status }) => status === 'fulfilled');
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'CONFLICT' });
    }
    await Promise.all([here.refresh(), there.refresh()]);
    // Both may have been made, one after the other; never two that follow the same key.
    expect(here.number).toBe(1 + made.length);
    expect(there.key.thumbprint).toBe(here.key.thumbprint);
    expect(followKeyChain(here.thumbprints.at(-1) ?? '', here.changes, here.id).kind).toBe('changed');
  });

  it('opens under its own master key alone', async () => {
    const database = await open();
    await loadIdentity(database, masterKey);
    await expect(loadIdentity(database, randomBytes(32))).rejects.toMatchObject({ code: 'INVALID' });
  });
});

describe('an erased key', () => {
  it('is in no file of an SQLite database any more, neither sealed nor in a gap', async () => {
    const { database, close } = await openTemporarySqlite();
    try {
      const identity = await loadIdentity(database, masterKey);
      const before = await database.prisma.instanceKey.findUniqueOrThrow({ where: { number: 1 } });
      const folder = await folderOf(database);
      const sealed = before.sealedSeed ?? '';
      const found = async () => {
        const files = await readdir(folder);
        const contents = await Promise.all(files.map((file) => readFile(join(folder, file))));
        return contents.some((content) => content.includes(sealed));
      };
      expect(await found()).toBe(true);
      await identity.rotate(new Date());
      expect(await found()).toBe(false);
    } finally {
      await close();
    }
  });
});

async function folderOf(database: Awaited<ReturnType<typeof openTemporarySqlite>>['database']) {
  const [row] = await database.prisma.$queryRaw<{ file: string }[]>`SELECT file FROM pragma_database_list`;
  return join(row?.file ?? '', '..');
}
