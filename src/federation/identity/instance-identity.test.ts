import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  describeOnBothDatabases,
  openTemporarySqlite,
  type TemporaryDatabase,
} from '../../../test/support/databases.ts';
import type { Database } from '../../database/database.ts';
import { loadIdentity } from './instance-identity.ts';
import { followKeyChain, MAX_KEY_CHANGES } from './key-changes.ts';
import { sealedUnder } from './sealed-under.ts';

const masterKey = randomBytes(32);

describeOnBothDatabases('the identity of an instance', (open) => {
  it('is made once, and is the same ever after', async () => {
    const database = await open();
    const first = await loadIdentity(database, masterKey);
    const second = await loadIdentity(database, masterKey);
    expect(second.id).toBe(first.id);
    expect(second.key.thumbprint).toBe(first.key.thumbprint);
    expect(first).toMatchObject({ number: 1, changes: [], thumbprints: [first.key.thumbprint] });
    expect(first.id).toMatch(/^inst_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it('is one, also where two processes make it at once', async () => {
    const database = await open();
    const [here, there] = await Promise.all([
      loadIdentity(database, masterKey),
      loadIdentity(database, masterKey),
    ]);
    expect(there.id).toBe(here.id);
    expect(there.key.thumbprint).toBe(here.key.thumbprint);
    expect(await database.prisma.instanceKey.count()).toBe(1);
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
    await identity.rotate(new Date(now + 1));
    const again = await database.prisma.instanceKey.findMany({ orderBy: { number: 'asc' } });
    expect(again.map(({ retiredAt }) => retiredAt)).toEqual([new Date(now), new Date(now + 1), null]);
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
});

describe('the identity of an instance, whatever its database', () => {
  let opened: TemporaryDatabase;
  let database: Database;
  beforeEach(async () => {
    opened = await openTemporarySqlite();
    ({ database } = opened);
  });
  afterEach(() => opened.close());

  it('learns of a change by another process when it is asked, and otherwise reads nothing', async () => {
    let readings = 0;
    const instanceKey = Object.create(database.prisma.instanceKey, {
      findMany: {
        value: (...query: Parameters<typeof database.prisma.instanceKey.findMany>) => {
          readings++;
          return database.prisma.instanceKey.findMany(...query);
        },
      },
    });
    const prisma = Object.create(database.prisma, { instanceKey: { value: instanceKey } });
    const there = await loadIdentity(database, masterKey);
    const here = await loadIdentity(Object.create(database, { prisma: { value: prisma } }), masterKey);
    const first = here.key.thumbprint;
    const before = readings;
    await here.refresh();
    expect(readings).toBe(before);
    await there.rotate(new Date());
    expect([here.key.thumbprint, here.number]).toEqual([first, 1]);
    await here.refresh();
    expect(readings).toBe(before + 1);
    expect([here.key.thumbprint, here.number]).toEqual([there.key.thumbprint, 2]);
    expect(here.thumbprints).toEqual([there.key.thumbprint, first]);
  });

  it('is not put back to an older key by a reading that took long', async () => {
    let hold = false;
    let held = () => {};
    let release = () => {};
    const findMany = async (...query: Parameters<typeof database.prisma.instanceKey.findMany>) => {
      const rows = await database.prisma.instanceKey.findMany(...query);
      if (hold) {
        hold = false;
        await new Promise<void>((resolve) => {
          release = resolve;
          held();
        });
      }
      return rows;
    };
    const instanceKey = Object.create(database.prisma.instanceKey, { findMany: { value: findMany } });
    const prisma = Object.create(database.prisma, { instanceKey: { value: instanceKey } });
    const there = await loadIdentity(database, masterKey);
    const here = await loadIdentity(Object.create(database, { prisma: { value: prisma } }), masterKey);
    await there.rotate(new Date());
    hold = true;
    const reading = new Promise<void>((resolve) => {
      held = resolve;
    });
    const slow = here.refresh();
    await reading;
    await here.rotate(new Date());
    release();
    await slow;
    expect(here.number).toBe(3);
  });

  it('is not changed where it is gone', async () => {
    const identity = await loadIdentity(database, masterKey);
    await database.prisma.instanceKey.deleteMany();
    await expect(identity.rotate(new Date())).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await database.prisma.instanceKey.count()).toBe(0);
  });

  it('has the id that another process wrote at the same moment', async () => {
    const { id } = await loadIdentity(database, masterKey);
    await database.prisma.setting.create({ data: { key: 'another', value: 'x' } });
    const failing = (code: string) => {
      const upsert = async () => Promise.reject(Object.assign(new Error('inner words'), { code }));
      const setting = Object.create(database.prisma.setting, { upsert: { value: upsert } });
      const prisma = Object.create(database.prisma, { setting: { value: setting } });
      return loadIdentity(Object.create(database, { prisma: { value: prisma } }), masterKey);
    };
    expect((await failing('P2002')).id).toBe(id);
    await expect(failing('P2010')).rejects.toThrow('inner words');
  });

  it('is told aloud that somebody else changed the key while it was about to', async () => {
    const there = await loadIdentity(database, masterKey);
    let before = async () => {};
    const prisma = Object.create(database.prisma, {
      $transaction: {
        value: async (...work: Parameters<typeof database.prisma.$transaction>) => {
          await before();
          return database.prisma.$transaction(...work);
        },
      },
    });
    const here = await loadIdentity(Object.create(database, { prisma: { value: prisma } }), masterKey);
    before = async () => {
      await there.rotate(new Date());
    };
    await expect(here.rotate(new Date())).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'The key was changed by somebody else at the same moment; look again.',
    });
    // So it is where the two write the same row.
    before = async () => Promise.reject(Object.assign(new Error('unique'), { code: 'P2002' }));
    await expect(here.rotate(new Date())).rejects.toMatchObject({ code: 'CONFLICT' });
    const fault = Object.assign(new Error('The disk is full.'), { code: 'P2010' });
    before = async () => Promise.reject(fault);
    await expect(here.rotate(new Date())).rejects.toBe(fault);
    // It knows of the change by then, and follows upon it.
    before = async () => {};
    expect(await here.rotate(new Date())).toMatchObject({ number: 3 });
  });

  it('is changed no more often than those who pair with it follow', async () => {
    await loadIdentity(database, masterKey);
    await database.prisma.instanceKey.updateMany({ data: { number: MAX_KEY_CHANGES } });
    const identity = await loadIdentity(database, masterKey);
    expect((await identity.rotate(new Date())).number).toBe(MAX_KEY_CHANGES + 1);
    const last = identity.key.thumbprint;
    await expect(identity.rotate(new Date())).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('The key was changed 64 times'),
    });
    expect(identity.key.thumbprint).toBe(last);
  });

  it('opens under its own master key alone, and says which is missing', async () => {
    const said = { code: 'INVALID', message: expect.stringMatching(/^The master key is not the one/) };
    expect(await sealedUnder(database, masterKey)).toBe('nothing-sealed');
    const { id } = await loadIdentity(database, masterKey);
    await expect(loadIdentity(database, randomBytes(32))).rejects.toMatchObject(said);
    expect(await sealedUnder(database, masterKey)).toBe('opens');
    expect(await sealedUnder(database, randomBytes(32))).toBe('other');

    // The newest key counts, of which there must be something sealed.
    await (await loadIdentity(database, masterKey)).rotate(new Date());
    expect(await sealedUnder(database, masterKey)).toBe('opens');
    const setting = { where: { key: 'instance-id' } };
    await database.prisma.setting.update({ ...setting, data: { value: 'inst_another' } });
    expect(await sealedUnder(database, masterKey)).toBe('other');
    await database.prisma.setting.delete(setting);
    expect(await sealedUnder(database, masterKey)).toBe('other');
    await database.prisma.setting.create({ data: { key: 'instance-id', value: id } });
    expect(await sealedUnder(database, masterKey)).toBe('opens');
    await database.prisma.instanceKey.updateMany({ data: { sealedSeed: null } });
    expect(await sealedUnder(database, masterKey)).toBe('other');
    await expect(loadIdentity(database, masterKey)).rejects.toMatchObject(said);
  });

  it('fails where its first key cannot be stored', async () => {
    const failing = (create: () => Promise<never>) => {
      const instanceKey = Object.create(database.prisma.instanceKey, { create: { value: create } });
      const prisma = Object.create(database.prisma, { instanceKey: { value: instanceKey } });
      return Object.create(database, { prisma: { value: prisma } });
    };
    const fault = Object.assign(new Error('The disk is full.'), { code: 'P2010' });
    await expect(
      loadIdentity(
        failing(() => Promise.reject(fault)),
        masterKey,
      ),
    ).rejects.toBe(fault);
    const taken = Object.assign(new Error('unique'), { code: 'P2002' });
    await expect(
      loadIdentity(
        failing(() => Promise.reject(taken)),
        masterKey,
      ),
    ).rejects.toThrow('The key of the instance was not stored.');
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
