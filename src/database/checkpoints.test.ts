import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCheckpoints, createCheckpointThread, waitingPages } from './checkpoints.ts';
import { sql } from './sql.ts';
import { connect as open, openSqlite, type SqliteConnections } from './sqlite.ts';

describe('when the log is put into the file', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A log of so many pages, and how often it was put into the file. */
  function setUp() {
    const log = { pages: 0, runs: 0, fails: false };
    const checkpoints = createCheckpoints({
      waiting: () => log.pages,
      run: async () => {
        log.runs += 1;
        if (log.fails) throw new Error('The disk is full.');
        log.pages = 0;
      },
    });
    const write = async (pages: number): Promise<number> => {
      log.pages += pages;
      checkpoints.wrote();
      await vi.advanceTimersByTimeAsync(1_000);
      return log.runs;
    };
    return { log, checkpoints, write };
  }

  it('is soon after it has become long, and not before', async () => {
    const { write } = setUp();
    expect(await write(999)).toBe(0);
    expect(await write(1)).toBe(1);
    expect(await write(1_200)).toBe(2);
  });

  it('is with the next write, where it failed', async () => {
    const { log, write } = setUp();
    log.fails = true;
    expect(await write(1_000)).toBe(1);
    log.fails = false;
    expect(await write(1)).toBe(2);
    expect(log.pages).toBe(0);
  });

  it('is when those have ended who do it themselves, and never after the end', async () => {
    const { checkpoints, log, write } = setUp();
    const [one, other] = [checkpoints.elsewhere(), checkpoints.elsewhere()];
    expect(await write(1_200)).toBe(0);
    one();
    one();
    expect(await write(1)).toBe(0);
    other();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(log.runs).toBe(1);
    log.pages = 1_200;
    checkpoints.wrote();
    await checkpoints[Symbol.asyncDispose]();
    expect(await write(1_200)).toBe(1);
  });
});

describe('the log of SQLite', () => {
  let folder: string;
  let path: string;
  let connections: SqliteConnections;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hedgerow-'));
    path = join(folder, 'hedgerow.db');
    connections = openSqlite(path);
    await connections.write((tx) => tx.run(sql`CREATE TABLE things (bytes BLOB)`));
  });
  afterEach(async () => {
    await connections.close();
    await rm(folder, { recursive: true, force: true });
  });

  const write = (pages: number): Promise<number> =>
    connections.write((tx) => tx.run(sql`INSERT INTO things VALUES (zeroblob(${pages * 4_090}))`));

  it('is put into the file by a thread, each time that it was long', async () => {
    const looking = open(path);
    for (let time = 0; time < 2; time += 1) {
      await write(1_200);
      expect(waitingPages(looking)).toBeGreaterThan(1_000);
      await expect.poll(() => waitingPages(looking), { timeout: 10_000 }).toBe(0);
    }
    looking.close();
  });

  it('is in the file and gone when the database is closed', async () => {
    await write(1_200);
    await connections.close();
    await expect(stat(`${path}-wal`)).rejects.toMatchObject({ code: 'ENOENT' });
    connections = openSqlite(path);
    expect(await connections.reader.get(sql`SELECT COUNT(*) AS n FROM things`)).toEqual({ n: 1 });
  });

  it('is emptied although a thread is putting it into the file', async () => {
    await using thread = createCheckpointThread(path);
    await thread.run();
    for (let time = 0; time < 5; time += 1) {
      await write(3_000);
      const running = thread.run();
      await connections.scrub();
      expect((await stat(`${path}-wal`)).size).toBe(0);
      await running;
    }
  });
});
