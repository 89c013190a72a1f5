import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { DIALECTS, newPostgresUrl } from '../../../test/support/databases.ts';
import { type Database, openDatabase } from '../database.ts';
import { prepared, sql } from '../sql.ts';
import { type MoveOptions, type MoveReport, moveDatabase, takeBack } from './move.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-move-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

let files = 0;
async function newFile(): Promise<string> {
  const path = join(folder, `${files++}.db`);
  await copyFile(inject('sqliteTemplate'), path);
  return path;
}

const opened = (path: string): Promise<Database> => openDatabase({ dialect: 'sqlite', path });

async function moving(path: string, url: string, options: Partial<MoveOptions> = {}): Promise<MoveReport> {
  await using source = await openDatabase({ dialect: 'sqlite', path }, { move: true });
  return await moveDatabase({
    source,
    url,
    instance: 'inst_one',
    now: Date.now,
    signal: new AbortController().signal,
    onProgress: () => {},
    before: async () => {},
    complete: async () => {},
    ...options,
  });
}

const MODELS = [
  'setting',
  'user',
  'session',
  'peer',
  'peerCredential',
  'item',
  'itemTag',
  'cachedFile',
  'auditEvent',
  'removal',
  'sequenceMark',
  'upload',
  'catalogState',
] as const;

/** Everything of these tables, as Prisma reads it: it knows nothing of how it came there. */
async function everything({ prisma }: Database): Promise<Record<string, unknown[]>> {
  const all: Record<string, unknown[]> = {};
  for (const model of MODELS) {
    const rows: object[] = await (prisma[model] as unknown as { findMany(): Promise<object[]> }).findMany();
    const texts = rows.map((row) =>
      JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
    );
    all[model] = texts.filter((text) => !/"key":"(database-move|search-index)"/.test(text)).sort();
  }
  return all;
}

const integer = fc.maxSafeInteger().map(BigInt);
const text = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      '',
      '\\',
      '{"a":"\\u0000"}',
      'NULL',
      '{,"}',
      "'",
      '\ud83c\udf3f',
      'é\u0301',
      '\r\n\t',
      '\u{10ffff}',
    ),
  )
  .map((value) => value.replaceAll('\0', ''));
const time = fc.date({ min: new Date('1970-01-01'), max: new Date('2999-12-31'), noInvalidDate: true });
const optional = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of, { nil: null });

const itemValues = fc.record({
  source: fc.integer({ min: 0, max: 5 }),
  kind: fc.integer({ min: 0, max: 2 }),
  title: text,
  titleKey: text,
  description: optional(text),
  mimeType: text,
  byteSize: optional(integer),
  takenAt: optional(integer),
  takenAtOffset: optional(fc.integer({ min: -900, max: 900 })),
  timelineAt: integer,
  addedAt: integer,
  updatedAt: integer,
  properties: text,
  held: fc.boolean(),
});
const fileValues = fc.record({
  segments: optional(fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes))),
  whole: fc.boolean(),
  size: integer,
  usedAt: integer,
});
const peerValues = fc.record({
  name: text,
  pairedAt: time,
  hiddenSince: optional(time),
  roundTripMs: optional(fc.double({ noNaN: true, noDefaultInfinity: true })),
  inSync: optional(fc.boolean()),
  checksumFirst: integer,
});

/** Rows of all types, with texts of all characters. */
async function fill(path: string, seed: number, rows = 40): Promise<void> {
  await using database = await opened(path);
  const { prisma } = database;
  const one = <T>(of: fc.Arbitrary<T>, count: number): T[] => fc.sample(of, { seed, numRuns: count });
  await prisma.setting.create({ data: { key: 'instance-id', value: 'inst_one' } });
  await prisma.catalogState.create({ data: { id: 1, epoch: 'epoch-one', sequence: 12n, revision: 99n } });
  await prisma.user.create({
    data: { id: 'u1', name: 'Ada', email: 'ada@example.org', disabledAt: new Date(12345) },
  });
  await prisma.session.create({
    data: { id: 's1', token: 'hash', userId: 'u1', expiresAt: new Date('2999-01-01') },
  });
  await prisma.peer.createMany({
    data: one(peerValues, 6).map((values, at) => ({ ...values, id: `peer_${at}` })),
  });
  await prisma.peerCredential.create({ data: { id: 'c1', peerKey: 1, hash: 'hash' } });
  await prisma.item.createMany({
    data: one(itemValues, rows).map((values, at) => ({ ...values, id: `item_${at}`, remoteId: `r${at}` })),
  });
  await prisma.itemTag.createMany({
    data: one(text, rows).map((tag, at) => ({ itemKey: at + 1, tag })),
  });
  await prisma.cachedFile.createMany({
    data: one(fileValues, rows).map((values, at) => ({
      ...values,
      itemKey: at + 1,
      source: 1,
      variant: 'original',
    })) as never,
  });
  await prisma.sequenceMark.create({ data: { firstSequence: 1n, lastSequence: 12n, mark: 'm', at: 1n } });
  // Of a row that is gone, so that its number is given to nobody else.
  await prisma.departure.create({ data: { source: 1, visibility: 1 } });
  await prisma.departure.deleteMany();
}

describe.skipIf(!DIALECTS.includes('postgresql'))('a move to PostgreSQL', () => {
  it('takes every row along as it is, of whatever type', async () => {
    const path = await newFile();
    await fill(path, 7, 150);
    const url = await newPostgresUrl();
    const report = await moving(path, url);
    expect(report).toMatchObject({ outcome: 'moved', begun: 'new', zeroCharacters: 0 });
    expect(report.tables.find(({ table }) => table === 'items')?.rows).toBe(150);
    await using source = await openDatabase({ dialect: 'sqlite', path }, { move: true });
    await using target = await openDatabase({ dialect: 'postgresql', url });
    expect(await everything(target)).toEqual(await everything(source));
  });

  it('gives the next rows the next numbers, and lets triggers see them', async () => {
    const path = await newFile();
    await fill(path, 8);
    const url = await newPostgresUrl();
    await moving(path, url);
    await using target = await openDatabase({ dialect: 'postgresql', url });
    const { prisma } = target;
    const before = await prisma.catalogState.findUniqueOrThrow({ where: { id: 1 } });
    // Nothing that triggers do when rows are added was done a second time.
    expect(before).toMatchObject({ epoch: 'epoch-one', sequence: 12n, revision: 99n, peersRevision: 6n });
    const peer = await prisma.peer.create({ data: { id: 'peer_new', name: 'New' } });
    expect(peer.key).toBe(7);
    expect((await prisma.departure.create({ data: { source: 1, visibility: 1 } })).id).toBe(2);
    const after = await prisma.catalogState.findUniqueOrThrow({ where: { id: 1 } });
    expect(after.peersRevision).toBe(7n);
    await prisma.item.delete({ where: { key: 3 } });
    expect(await prisma.departure.count()).toBe(2);
  });

  it('puts U+FFFD in the place of a zero character, which PostgreSQL cannot keep, and says so', async () => {
    const path = await newFile();
    await opening(await opened(path), (database) =>
      database.prisma.setting.create({ data: { key: 'odd', value: 'a\0b' } }),
    );
    const url = await newPostgresUrl();
    expect((await moving(path, url)).zeroCharacters).toBe(1);
    await using target = await openDatabase({ dialect: 'postgresql', url });
    expect(await target.prisma.setting.findUnique({ where: { key: 'odd' } })).toMatchObject({
      value: 'a\ufffdb',
    });
  });

  it('reads times that SQLite itself has written, and refuses what is no time', async () => {
    const path = await newFile();
    const write = (value: unknown) =>
      opening(openDatabase({ dialect: 'sqlite', path }, { move: true }), (database) =>
        database.write((tx) =>
          tx.run(
            prepared(
              'INSERT OR REPLACE INTO verifications (id, identifier, value, expires_at, updated_at) VALUES (?, ?, ?, ?, ?)',
              ['v', 'i', 'v', value, '2026-01-02 03:04:05'],
            ),
          ),
        ),
      );
    await write('soon');
    const url = await newPostgresUrl();
    await expect(moving(path, url)).rejects.toThrow(/verifications has something in expires_at/);
    await write(1_800_000_000_123);
    expect((await moving(path, url)).begun).toBe('resumed');
    await using target = await openDatabase({ dialect: 'postgresql', url });
    const row = await target.prisma.verification.findUniqueOrThrow({ where: { id: 'v' } });
    expect(row.expiresAt.getTime()).toBe(1_800_000_000_123);
    expect(row.updatedAt.toISOString()).toBe('2026-01-02T03:04:05.000Z');
  });

  it('goes on wherever it was broken off, and never leaves both to be opened, nor none', async () => {
    const path = await newFile();
    await fill(path, 9, 24);
    const expected = await opening(openDatabase({ dialect: 'sqlite', path }, { move: true }), everything);
    let steps = 0;
    const count = (): void => {
      steps += 1;
    };
    await opening(copyOf(path), async (copy) => {
      await moving(copy, await newPostgresUrl(), { rowsAtOnce: 10, onProgress: count });
    });
    expect(steps).toBeGreaterThan(40);
    for (let at = 1; at <= steps; at += 29) {
      const copy = await copyOf(path);
      const url = await newPostgresUrl();
      // Twice at the same distance: what one run has done, the next does not do again.
      for (const _ of [1, 2]) {
        let left = at;
        const broken = moving(copy, url, {
          rowsAtOnce: 10,
          onProgress: () => {
            if (--left <= 0) throw new Error('broken off');
          },
        });
        await broken.catch((error: Error) => expect(error.message).toBe('broken off'));
        if (await isArrived(url)) break;
        await expect(openDatabase({ dialect: 'postgresql', url })).rejects.toThrow(/not at its end/);
      }
      const report = await moving(copy, url, { rowsAtOnce: 10 });
      if (report.outcome === 'moved') expect(report.begun).toBe('resumed');
      await using target = await openDatabase({ dialect: 'postgresql', url });
      expect(await everything(target)).toEqual(expected);
      await expect(opened(copy)).rejects.toThrow(
        /^This database was moved to postgresql:\/\/127\.0\.0\.1:\d+\/hedgerow_\w+ at .*--take-back/,
      );
    }
  });

  it('ends what only its last step is missing of, and says afterwards that nothing is left', async () => {
    const path = await newFile();
    await fill(path, 10);
    const url = await newPostgresUrl();
    await opening(openDatabase({ dialect: 'sqlite', path }, { move: true }), async (source) => {
      const dying: Database = {
        ...source,
        write: async (work) => {
          await source.write(work);
          const { value } = (await source.read.get<{ value: string }>(
            sql`SELECT value FROM settings WHERE key = 'database-move'`,
          )) ?? { value: '' };
          if (value.includes('"moved"')) throw new Error('killed');
          return undefined as never;
        },
      };
      await expect(moving(path, url, { source: dying })).rejects.toThrow('killed');
    });
    await expect(opened(path)).rejects.toThrow(/was moved to/);
    await expect(openDatabase({ dialect: 'postgresql', url })).rejects.toThrow(/not at its end/);
    expect(await moving(path, url)).toMatchObject({ outcome: 'moved', begun: 'resumed' });
    await opening(openDatabase({ dialect: 'postgresql', url }), async () => {});
    expect(await moving(path, url)).toMatchObject({ outcome: 'already' });
    await expect(moving(path, await newPostgresUrl())).rejects.toThrow(/was moved to .*--take-back/);
  });

  it('begins anew where the file was in use since, and never mixes the two', async () => {
    const path = await newFile();
    await fill(path, 11);
    const url = await newPostgresUrl();
    const half = moving(path, url, {
      complete: () => Promise.reject(new Error('broken off')),
    });
    await expect(half).rejects.toThrow('broken off');
    await opening(await opened(path), async ({ prisma }) => {
      await prisma.item.update({ where: { key: 1 }, data: { title: 'changed since' } });
      await prisma.item.delete({ where: { key: 2 } });
    });
    expect(await moving(path, url)).toMatchObject({ outcome: 'moved', begun: 'anew' });
    await using target = await openDatabase({ dialect: 'postgresql', url });
    expect(await target.prisma.item.findUnique({ where: { key: 1 } })).toMatchObject({
      title: 'changed since',
    });
    expect(await target.prisma.item.count()).toBe(39);
  });

  it('finds out what did not arrive as it was, and leaves the instance where it is', async () => {
    const path = await newFile();
    await fill(path, 12);
    const url = await newPostgresUrl();
    const spoilt = moving(path, url, {
      complete: (target) =>
        target.write(async (tx) => void (await tx.run(sql`UPDATE items SET title = 'spoilt' WHERE key = 5`))),
    });
    await expect(spoilt).rejects.toMatchObject({
      code: 'INTEGRITY_FAILED',
      message: expect.stringMatching(/^The table items did not arrive as it was .*not all the same/),
    });
    await opening(await opened(path), async ({ prisma }) => {
      expect(await prisma.item.count()).toBe(40);
    });
    expect(await moving(path, url)).toMatchObject({ outcome: 'moved', begun: 'anew' });
  });

  it('refuses a database that is something else, in a sentence, and changes nothing in it', async () => {
    const path = await newFile();
    await fill(path, 13);
    const foreign = await newPostgresUrl('template1');
    await query(foreign, 'CREATE TABLE shop (id int)');
    await expect(moving(path, foreign)).rejects.toThrow(/has tables of something else \(shop\)/);

    const other = await newPostgresUrl();
    await opening(openDatabase({ dialect: 'postgresql', url: other }), ({ prisma }) =>
      prisma.setting.create({ data: { key: 'instance-id', value: 'inst_other' } }),
    );
    await expect(moving(path, other)).rejects.toThrow(/another instance .*table settings is not empty/);

    const half = await newPostgresUrl();
    const stranger = await newFile();
    await fill(stranger, 14);
    const theirs = moving(stranger, half, {
      instance: 'inst_stranger',
      complete: () => Promise.reject(new Error('broken off')),
    });
    await expect(theirs).rejects.toThrow('broken off');
    await expect(moving(path, half)).rejects.toThrow(/half of another instance/);

    const newer = await newPostgresUrl();
    await query(
      newer,
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, started_at) VALUES ('x', 'x', '99990101000000_future', now(), now())`,
    );
    await expect(moving(path, newer)).rejects.toThrow(/newer version of Hedgerow \(99990101000000_future\)/);

    const latin = await newPostgresUrl(`template0 ENCODING 'LATIN1' LOCALE 'C'`);
    await expect(moving(path, latin)).rejects.toThrow(/encoded in LATIN1; make one with the encoding UTF8/);

    await expect(moving(path, 'postgresql://postgres@127.0.0.1:1/none')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(
        /^The database postgresql:\/\/127\.0\.0\.1:1\/none cannot be reached: .*\.$/,
      ),
    });
    expect(
      await query(foreign, 'SELECT tablename FROM pg_tables WHERE schemaname = current_schema()'),
    ).toEqual([{ tablename: 'shop' }]);
    // After all that the file is as it was.
    await opening(await opened(path), async ({ prisma }) => expect(await prisma.item.count()).toBe(40));
  });

  it('lets one at a time move into a database', async () => {
    const [one, two] = [await newFile(), await newFile()];
    const url = await newPostgresUrl();
    await moving(one, url, {
      complete: async () => {
        await expect(moving(two, url)).rejects.toThrow(/Another process is moving an instance to/);
      },
    });
  });

  it('stops where it is told to, and shows no password', async () => {
    const path = await newFile();
    await fill(path, 15);
    const url = await newPostgresUrl();
    const stop = new AbortController();
    const stopped = moving(path, url, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    const { to } = await moving(path, url);
    expect(to).not.toContain('@');
    await expect(opened(path)).rejects.toThrow(to);
  });

  it('is taken back with a new epoch, once', async () => {
    const path = await newFile();
    await fill(path, 16);
    await opening(openDatabase({ dialect: 'sqlite', path }, { move: true }), async (source) => {
      await expect(takeBack(source, 'epoch-two')).rejects.toThrow('was not moved');
    });
    const url = await newPostgresUrl();
    await moving(path, url);
    await opening(openDatabase({ dialect: 'sqlite', path }, { move: true }), async (source) => {
      expect((await takeBack(source, 'epoch-two')).other).toContain(new URL(url).pathname);
    });
    await opening(await opened(path), async ({ prisma }) => {
      expect(await prisma.catalogState.findFirst()).toMatchObject({ epoch: 'epoch-two', sequence: 12n });
    });
  });
});

async function opening<T, R>(resource: T | Promise<T>, work: (resource: T) => Promise<R>): Promise<R> {
  const held = await resource;
  try {
    return await work(held);
  } finally {
    await (held as Partial<AsyncDisposable>)[Symbol.asyncDispose]?.();
  }
}

async function copyOf(path: string): Promise<string> {
  const copy = join(folder, `${randomBytes(6).toString('hex')}.db`);
  await using database = await openDatabase({ dialect: 'sqlite', path }, { move: true });
  await database.scrub();
  await copyFile(path, copy);
  return copy;
}

async function isArrived(url: string): Promise<boolean> {
  return (await query(url, `SELECT 1 FROM pg_tables WHERE tablename = 'hedgerow_move'`)).length === 0;
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
