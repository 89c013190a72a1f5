import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeOnBothDatabases, newPostgresUrl } from '../../test/support/databases.ts';
import { type Database, type DatabaseLocation, openDatabase } from './database.ts';
import { PrismaClient } from './generated/sqlite/client.ts';
import { integers, texts } from './lists.ts';
import { MIGRATIONS } from './migrations.ts';
import { lockingFactory } from './prisma-adapters.ts';
import { type SqlDialect, sql } from './sql.ts';
import { WriteLock } from './write-lock.ts';

const name = (database: Database) =>
  database.read.get<{ value: string }>(sql`SELECT value FROM settings WHERE key = ${'name'}`);

describeOnBothDatabases('a database', (open) => {
  it('is written by Prisma and by hand, and read by both', async () => {
    const database = await open();
    await database.prisma.setting.create({ data: { key: 'name', value: 'one' } });
    expect(await name(database)).toEqual({ value: 'one' });
    const changed = await database.write((tx) => tx.run(sql`UPDATE settings SET value = ${'two'}`));
    expect(changed).toBe(1);
    expect(await database.prisma.setting.findUnique({ where: { key: 'name' } })).toMatchObject({
      value: 'two',
    });
  });

  it('keeps nothing of a transaction that fails', async () => {
    const database = await open();
    const failing = database.write(async (tx) => {
      await tx.run(sql`INSERT INTO settings (key, value) VALUES (${'name'}, ${'lost'})`);
      throw new Error('on the way');
    });
    await expect(failing).rejects.toThrow('on the way');
    expect(await name(database)).toBeUndefined();
    await database.write((tx) =>
      tx.run(sql`INSERT INTO settings (key, value) VALUES (${'name'}, ${'kept'})`),
    );
    expect(await name(database)).toEqual({ value: 'kept' });
  });

  it('lets many writers of one process through, each whole, none waiting for ever', async () => {
    const database = await open();
    await database.prisma.setting.create({ data: { key: 'name', value: '0' } });
    const byHand = () =>
      database.write(async (tx) => {
        const lock = tx.dialect === 'sqlite' ? sql`` : sql` FOR UPDATE`;
        const row = await tx.get<{ value: string }>(
          sql`SELECT value FROM settings WHERE key = ${'name'}${lock}`,
        );
        await tx.run(
          sql`UPDATE settings SET value = ${String(Number(row?.value) + 1)} WHERE key = ${'name'}`,
        );
      });
    const byPrisma = () =>
      database.prisma.$transaction(async (tx) => {
        await tx.setting.upsert({
          where: { key: 'other' },
          create: { key: 'other', value: '' },
          update: { value: 'x' },
        });
        await tx.setting.update({ where: { key: 'other' }, data: { value: 'y' } });
      });
    await Promise.all(Array.from({ length: 20 }, (_, at) => (at % 4 === 3 ? byPrisma() : byHand())));
    expect(await name(database)).toEqual({ value: '15' });
  });

  it('lets everybody else have a turn while writes follow each other without end', async () => {
    const database = await open();
    let turns = 0;
    let going = true;
    const next = (): void => {
      turns += 1;
      if (going) setImmediate(next);
    };
    setImmediate(next);
    for (let at = 0; at < 60; at++) {
      await database.write(async () => {
        // As long as a transaction of some hundred rows.
        for (const begun = performance.now(); performance.now() - begun < 4; );
      });
    }
    going = false;
    expect(turns).toBeGreaterThan(10);
  });

  it('keeps what is written recoverably, whole or not at all', async () => {
    const database = await open();
    await database.writeRecoverable((tx) =>
      tx.run(sql`INSERT INTO settings (key, value) VALUES (${'name'}, ${'kept'})`),
    );
    const failing = database.writeRecoverable(async (tx) => {
      await tx.run(sql`UPDATE settings SET value = ${'lost'}`);
      throw new Error('on the way');
    });
    await expect(failing).rejects.toThrow('on the way');
    expect(await name(database)).toEqual({ value: 'kept' });
  });

  it('takes lists of any length as one value', async () => {
    const database = await open();
    const keys = Array.from({ length: 5_000 }, (_, at) => `key ${at} "'`);
    for (const key of keys.slice(0, 3)) await database.prisma.setting.create({ data: { key, value: '' } });
    const { read } = database;
    const found = await read.all(
      sql`SELECT key FROM settings WHERE key IN (${texts(read, JSON.stringify(keys))})`,
    );
    expect(found).toHaveLength(3);
    const numbers = await read.get<{ sum: number }>(
      sql`SELECT SUM(n) AS sum FROM (${read.dialect === 'sqlite' ? sql`SELECT value AS n FROM json_each(${'[1,2]'})` : sql`SELECT 1 AS n UNION ALL SELECT 2`}) AS t WHERE n IN (${integers(read, '[1,2,3]')})`,
    );
    expect(numbers?.sum).toBe(3);
  });

  it('gives large integers as numbers, exactly', async () => {
    const database = await open();
    const big = Number.MAX_SAFE_INTEGER;
    await database.write((tx) =>
      tx.run(
        sql`INSERT INTO removals (item_id, sequence, reason, at) VALUES (${'m'}, ${big}, ${'deleted'}, ${0})`,
      ),
    );
    expect(await database.read.get(sql`SELECT sequence FROM removals`)).toEqual({ sequence: big });
  });
});

describe('a statement on SQLite', () => {
  it('keeps its plan whatever it is given, since it would be prepared anew for each value otherwise', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hedgerow-'));
    try {
      await using database = await openDatabase({ dialect: 'sqlite', path: join(folder, 'hedgerow.db') });
      // A colour that nearly all have, one that one has, and a size that few have: each has another best index.
      await database.write(async (tx) => {
        await tx.run(sql`CREATE TABLE things (colour INTEGER, size INTEGER)`);
        await tx.run(
          sql`WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2000) INSERT INTO things SELECT CASE WHEN n = 1 THEN 7 ELSE 1 END, n % 100 FROM n`,
        );
        await tx.run(sql`CREATE INDEX by_colour ON things (colour)`);
        await tx.run(sql`CREATE INDEX by_size ON things (size)`);
        await tx.run(sql`ANALYZE`);
      });
      const planOf = async (where: ReturnType<typeof sql>): Promise<string> => {
        const rows = await database.read.all<{ detail: string }>(
          sql`EXPLAIN QUERY PLAN SELECT * FROM things WHERE ${where}`,
        );
        return rows.map(({ detail }) => detail).join();
      };
      const given = (colour: number) => planOf(sql`colour = ${colour} AND size = 5`);
      expect(await planOf(sql`colour = 7 AND size = 5`)).not.toBe(await planOf(sql`colour = 1 AND size = 5`));
      expect(await given(7)).toBe(await given(1));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('keeps question marks that are text', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hedgerow-'));
    try {
      await using database = await openDatabase({ dialect: 'sqlite', path: join(folder, 'hedgerow.db') });
      const row = await database.read.get(sql`SELECT 'what''s this?' AS "which?", ${'that'} AS given`);
      expect(row).toEqual({ 'which?': "what's this?", given: 'that' });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('Prisma on SQLite', () => {
  it('tells whoever writes when the disk has it, and others see it before', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hedgerow-'));
    const path = join(folder, 'hedgerow.db');
    try {
      await using database = await openDatabase({ dialect: 'sqlite', path });
      let disk = Promise.withResolvers<void>();
      const adapter = lockingFactory(path, { lock: new WriteLock(), flush: () => disk.promise });
      const prisma = new PrismaClient({ adapter });
      const told: string[] = [];
      const write = async (value: string, work: () => PromiseLike<unknown>): Promise<void> => {
        disk = Promise.withResolvers();
        const writing = Promise.resolve(work()).then(
          () => told.push(value),
          (error: Error) => told.push(error.message),
        );
        await expect.poll(() => name(database)).toEqual({ value });
        expect(told).not.toContain(value);
        disk.resolve();
        await writing;
        expect(told).toContain(value);
      };
      await write('created', () => prisma.setting.create({ data: { key: 'name', value: 'created' } }));
      await write('updated', () => prisma.setting.updateMany({ data: { value: 'updated' } }));
      await write('in a transaction', () =>
        prisma.$transaction(async (tx) => {
          await tx.setting.updateMany({ data: { value: 'in a transaction' } });
          await tx.setting.count();
        }),
      );
      disk = Promise.withResolvers();
      disk.reject(new Error('The disk is gone.'));
      await expect(prisma.setting.updateMany({ data: { value: 'lost' } })).rejects.toThrow(
        'The disk is gone.',
      );
      // What only reads waits for nothing.
      disk = Promise.withResolvers();
      expect(await prisma.setting.count()).toBe(1);
      await prisma.$disconnect();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('opening', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hedgerow-open-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const locationOf = async (dialect: SqlDialect): Promise<DatabaseLocation> =>
    dialect === 'sqlite'
      ? { dialect, path: join(folder, 'hedgerow.db') }
      : { dialect, url: await newPostgresUrl('template0') };

  /** The migrations of this version and one more, as the next version would bring. */
  async function nextMigrations(statement: string): Promise<string> {
    const migrations = join(folder, 'migrations');
    await cp(MIGRATIONS, migrations, { recursive: true });
    for (const dialect of ['sqlite', 'postgresql']) {
      await mkdir(join(migrations, dialect, '29990101000000_next'));
      await writeFile(join(migrations, dialect, '29990101000000_next', 'migration.sql'), statement);
    }
    return migrations;
  }

  for (const dialect of ['sqlite', 'postgresql'] as const) {
    it(`migrates what an earlier version left, once (${dialect})`, async () => {
      const location = await locationOf(dialect);
      const first = await openDatabase(location);
      await first.prisma.setting.create({ data: { key: 'name', value: 'kept' } });
      await first[Symbol.asyncDispose]();
      const migrations = await nextMigrations('CREATE TABLE next (id INTEGER PRIMARY KEY);');
      for (let start = 0; start < 2; start++) {
        await using database = await openDatabase(location, { migrations });
        expect(await database.read.all(sql`SELECT id FROM next`)).toEqual([]);
        expect(await name(database)).toEqual({ value: 'kept' });
      }
    });

    it(`refuses what a newer version has migrated, and leaves it as it is (${dialect})`, async () => {
      const location = await locationOf(dialect);
      const migrations = await nextMigrations('CREATE TABLE next (id INTEGER PRIMARY KEY);');
      const servesSince = '29990101000000_next';
      await (await openDatabase(location, { migrations, servesSince }))[Symbol.asyncDispose]();
      await expect(openDatabase(location)).rejects.toMatchObject({
        code: 'CONFLICT',
        message: expect.stringMatching(/newer version .*29990101000000_next/),
      });
      await using again = await openDatabase(location, { migrations });
      expect(await again.read.all(sql`SELECT id FROM next`)).toEqual([]);
    });

    it(`${dialect === 'sqlite' ? 'refuses' : 'serves'} what a newer version has only added to (${dialect})`, async () => {
      const location = await locationOf(dialect);
      const migrations = await nextMigrations('CREATE TABLE next (id INTEGER PRIMARY KEY);');
      await (await openDatabase(location, { migrations }))[Symbol.asyncDispose]();
      if (dialect === 'sqlite') {
        await expect(openDatabase(location)).rejects.toMatchObject({ code: 'CONFLICT' });
        return;
      }
      await using older = await openDatabase(location);
      await older.prisma.setting.create({ data: { key: 'name', value: 'kept' } });
      expect(await older.read.all(sql`SELECT id FROM next`)).toEqual([]);
    });
  }

  it('goes on after a migration that failed or was broken off, of which nothing is left (postgresql)', async () => {
    const location = await locationOf('postgresql');
    await (await openDatabase(location))[Symbol.asyncDispose]();
    const migrations = await nextMigrations('CREATE TABLE next (id INTEGER PRIMARY KEY); SELECT nonsense();');
    for (let start = 0; start < 2; start += 1) {
      await expect(openDatabase(location, { migrations })).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringContaining('nonsense'),
      });
    }
    await writeFile(
      join(migrations, 'postgresql', '29990101000000_next', 'migration.sql'),
      'CREATE TABLE next (id INTEGER PRIMARY KEY);',
    );
    await using database = await openDatabase(location, { migrations });
    expect(await database.read.all(sql`SELECT id FROM next`)).toEqual([]);
  });

  it('is migrated once, whoever starts at the same moment (postgresql)', async () => {
    const location = await locationOf('postgresql');
    const migrations = await nextMigrations(
      'CREATE TABLE next (id INTEGER PRIMARY KEY); INSERT INTO next VALUES (1); SELECT pg_sleep(0.2);',
    );
    const opened = await Promise.all([1, 2, 3].map(() => openDatabase(location, { migrations })));
    for (const database of opened) {
      expect(await database.read.all(sql`SELECT id FROM next`)).toEqual([{ id: 1 }]);
      await database[Symbol.asyncDispose]();
    }
  });

  it('does not go on from a migration that failed (sqlite)', async () => {
    const location = await locationOf('sqlite');
    await (await openDatabase(location))[Symbol.asyncDispose]();
    const migrations = await nextMigrations('CREATE TABLE next (id INTEGER PRIMARY KEY); SELECT nonsense();');
    await expect(openDatabase(location, { migrations })).rejects.toThrow();
    await expect(openDatabase(location, { migrations })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('restore the snapshot'),
    });
  });

  it('takes a snapshot before it migrates, but not of an empty database', async () => {
    const location: DatabaseLocation = { dialect: 'sqlite', path: join(folder, 'hedgerow.db') };
    const snapshots: string[] = [];
    const onSnapshot = (path: string) => snapshots.push(path);
    const first = await openDatabase(location, { onSnapshot });
    await first.prisma.setting.create({ data: { key: 'name', value: 'before' } });
    await first[Symbol.asyncDispose]();
    expect(snapshots).toEqual([]);
    const migrations = await nextMigrations('DELETE FROM settings;');
    await (await openDatabase(location, { migrations, onSnapshot }))[Symbol.asyncDispose]();
    expect(snapshots).toEqual([join(folder, 'hedgerow.db.before-29990101000000_next')]);
    await using copy = await openDatabase({ dialect: 'sqlite', path: snapshots[0] ?? '' });
    expect(await name(copy)).toEqual({ value: 'before' });
  });

  it('says in a sentence that a file is no database, and does not touch it', async () => {
    const path = join(folder, 'hedgerow.db');
    await writeFile(path, 'not a database, but somebody needs it'.repeat(100));
    await expect(openDatabase({ dialect: 'sqlite', path })).rejects.toMatchObject({
      code: 'INVALID',
      message: `The file ${path} is damaged, or not a database of Hedgerow.`,
    });
    expect(await readdir(folder)).toEqual(['hedgerow.db']);
  });

  it('says in a sentence that PostgreSQL cannot be reached', async () => {
    await expect(
      openDatabase({ dialect: 'postgresql', url: 'postgresql://nobody@127.0.0.1:1/none' }),
    ).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/^The PostgreSQL database cannot be used: /),
    });
  });

  it('throws where a write waits for itself, instead of waiting', async () => {
    await using database = await openDatabase({ dialect: 'sqlite', path: join(folder, 'hedgerow.db') });
    const nested = database.write(() => database.write((tx) => tx.all(sql`SELECT 1`)));
    await expect(nested).rejects.toThrow('inside another write');
  });
});
