import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, inject, it, vi } from 'vitest';
import {
  openNewPostgres,
  openTemporarySqlite,
  type TemporaryDatabase,
} from '../../test/support/databases.ts';
import { administer } from '../../test/support/postgres.ts';
import type { Database } from './database.ts';
import { createProcesses, type Processes, type ProcessesOptions, type Share } from './processes.ts';
import { sql } from './sql.ts';

const BRISK = { beat: 60, life: 600 };
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(make: () => Promise<TemporaryDatabase>): Promise<Database> {
  const { database, close } = await make();
  closing.push(close);
  return database;
}

function processOf(database: Database, timing: Partial<ProcessesOptions> = BRISK): Processes {
  const errors: unknown[] = [];
  const processes = createProcesses(database, { onError: (error) => errors.push(error), ...timing });
  closing.push(async () => processes[Symbol.asyncDispose]());
  return processes;
}

/** Takes part in work of some names, and notes what it has and how that ended. */
function worker(processes: Processes, names: readonly string[]) {
  const has = new Set<string>();
  const ends: string[] = [];
  const share: Share = processes.share('work ', {
    names: async () => names,
    begin: (name) => void has.add(name),
    end: async (name) => {
      has.delete(name);
      ends.push(`left ${name}`);
    },
    lost: (name) => {
      has.delete(name);
      ends.push(`lost ${name}`);
    },
  });
  return { has, ends, share };
}

const NAMES = Array.from({ length: 12 }, (_, at) => `piece ${at}`);

describe('processes on one PostgreSQL', () => {
  it('give a lease to one of them at a time, whoever asks at once', async () => {
    const database = await open(openNewPostgres);
    const all = Array.from({ length: 4 }, () => processOf(database));
    const leases = await Promise.all(all.map((each) => each.take('it')));
    const [lease, ...others] = leases.filter((each) => each !== null);
    expect(others).toEqual([]);
    expect(await all[0]?.taken('i')).toEqual(new Set(['it']));
    await lease?.release();
    expect(await all[1]?.take('it')).not.toBeNull();
  });

  it('do what only one may do one after the other', async () => {
    const database = await open(openNewPostgres);
    const all = Array.from({ length: 3 }, () => processOf(database));
    let inside = 0;
    let most = 0;
    const done: number[] = [];
    await Promise.all(
      all.flatMap((each) =>
        [1, 2, 3].map((number) =>
          each.only('it', async () => {
            inside += 1;
            most = Math.max(most, inside);
            await each.taken('it');
            inside -= 1;
            done.push(number);
          }),
        ),
      ),
    );
    expect(most).toBe(1);
    expect(done).toHaveLength(9);
  });

  it('wait for no lease any more once they are closed', async () => {
    const database = await open(openNewPostgres);
    const [one, two] = [processOf(database), processOf(database)];
    await one.take('it');
    const waiting = two.only('it', async () => 'done').catch((error: unknown) => error);
    await expect.poll(() => two.count).toBe(2);
    await two[Symbol.asyncDispose]();
    expect(await waiting).toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('divide work, each name to one, and divide it anew when one comes, ends or is killed', async () => {
    const database = await open(openNewPostgres);
    const first = processOf(database);
    const one = worker(first, NAMES);
    await one.share.start();
    expect(one.has.size).toBe(NAMES.length);

    const second = processOf(database);
    // Its life would outlast the test.
    const third = processOf(database, { ...BRISK, life: 600_000 });
    const two = worker(second, NAMES);
    const three = worker(third, NAMES);
    await two.share.start();
    await three.share.start();
    const divided = (...workers: (typeof one)[]) => {
      const held = workers.flatMap(({ has }) => [...has]);
      return held.length === NAMES.length && new Set(held).size === NAMES.length;
    };
    await expect.poll(() => divided(one, two, three) && one.has.size < NAMES.length).toBe(true);
    await expect.poll(() => two.has.size * three.has.size).toBeGreaterThan(0);
    expect(one.ends.every((end) => end.startsWith('left'))).toBe(true);

    // In good order: at once, without waiting for the end of its life.
    await third[Symbol.asyncDispose]();
    await expect.poll(() => divided(one, two)).toBe(true);
  });

  it('take what one that was killed had, and not before the end of its life', async () => {
    const database = await open(openNewPostgres);
    // What a process that was killed leaves: its rows, and nobody who renews them.
    await database.write(async (tx) => {
      await tx.run(
        sql`INSERT INTO processes (id, alive_until) VALUES ('process_dead', CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint) + ${BRISK.life})`,
      );
      for (const name of ['work piece 3', 'work piece 4', 'it']) {
        await tx.run(
          sql`INSERT INTO work_leases (name, holder, taken_at) VALUES (${name}, 'process_dead', 0)`,
        );
      }
    });
    const alive = processOf(database);
    const { has, share } = worker(alive, NAMES);
    await share.start();
    expect(has).not.toContain('piece 3');
    expect(await alive.take('it')).toBeNull();
    expect(await share.ours('piece 4')).toBe(false);
    await expect.poll(() => has.size).toBe(NAMES.length);
    expect(await alive.take('it')).not.toBeNull();
  });

  it('end what is theirs before another can take it, where the database does not hear that they live', async () => {
    const { database, close } = await openNewPostgres();
    closing.push(close);
    const cut = processOf(database, { beat: 100, life: 1_000 });
    const { has, ends, share } = worker(cut, ['it']);
    await share.start();
    const lease = await cut.take('more');
    expect(has.has('it')).toBe(true);
    // From here on nothing that it says arrives, as behind a cable that was pulled.
    const name = new URL((database.beside.location as { url: string }).url).pathname.slice(1);
    const server = inject('postgresUrl');
    await administer(server, `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await administer(
      server,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
    );
    await expect.poll(() => ends).toEqual(['lost it']);
    expect(lease?.signal.aborted).toBe(true);
    expect(share.holds('it')).toBe(false);
    await administer(server, `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    // It goes on by itself.
    await expect.poll(() => has.has('it')).toBe(true);
  });

  it('hear what the others tell, and not what they tell themselves; and that they may have missed something', async () => {
    const database = await open(openNewPostgres);
    const [one, two] = [processOf(database), processOf(database)];
    const heard: (string | null)[] = [];
    const own: (string | null)[] = [];
    two.hear('peer', (name) => heard.push(name));
    one.hear('peer', (name) => own.push(name));
    await Promise.all([one.take('one'), two.take('two')]);
    one.tell('peer', '7');
    one.tell('peer', '7');
    one.tell('pull', '7');
    await vi.waitFor(() => expect(heard).toEqual(['7']));
    // More than one notice of PostgreSQL's can hold.
    const long = Array.from({ length: 40 }, () => randomBytes(300).toString('hex'));
    for (const name of long) one.tell('peer', name);
    await vi.waitFor(() => expect(heard).toEqual(['7', ...long]));
    expect(own).toEqual([]);
    await database.read.all(
      sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hedgerow processes' AND datname = current_database()`,
    );
    await vi.waitFor(() => expect(heard.at(-1)).toBeNull());
    await vi.waitFor(() => {
      one.tell('peer', 'again');
      expect(heard).toContain('again');
    });
  });
});

describe('the process on SQLite', () => {
  it('has all work from the start, and asks the database for nothing', async () => {
    const database = await open(openTemporarySqlite);
    const alone = processOf(database);
    const { has, share } = worker(alone, NAMES);
    expect(share.holds('piece 1')).toBe(true);
    await share.start();
    expect(has.size).toBe(NAMES.length);
    expect(await share.ours('another')).toBe(true);
    expect(has.has('another')).toBe(true);
    const lease = await alone.take('it');
    expect(await alone.take('it')).toBeNull();
    await lease?.release();
    expect(await alone.take('it')).not.toBeNull();
    const rows = await database.read.get<{ count: number }>(
      sql`SELECT (SELECT COUNT(*) FROM processes) + (SELECT COUNT(*) FROM work_leases) AS count`,
    );
    expect(rows?.count).toBe(0);
  });
});
