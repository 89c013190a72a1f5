import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNewPostgres, type TemporaryDatabase } from '../../test/support/databases.ts';
import { createProcesses, type Processes } from './processes.ts';
import { createSharedLimits, type SharedLimits } from './shared-limits.ts';

let temporary: TemporaryDatabase;
let processes: Processes[];
let limits: SharedLimits[];

beforeAll(async () => {
  temporary = await openNewPostgres();
  const { database } = temporary;
  processes = [0, 1, 2].map(() => createProcesses(database, { onError: () => {}, beat: 60, life: 600 }));
  // They live from now on.
  for (const each of processes) await each.take(`life of ${each.id}`);
  limits = processes.map((each) => createSharedLimits(database, each) as SharedLimits);
});
afterAll(async () => {
  for (const each of processes) await each[Symbol.asyncDispose]();
  await temporary.close();
});

const of = (at: number): SharedLimits => limits[at % limits.length] as SharedLimits;

describe('a bucket of all processes', () => {
  it('lets pass what one bucket holds, and at most a slice for each process beyond it', async () => {
    const policy = { capacity: 160, leak: 3_600_000 };
    let passed = 0;
    for (let at = 0; at < 600; at += 1) if ((await of(at).take('much', policy)) === 0) passed += 1;
    expect(passed).toBeGreaterThanOrEqual(160 - 3 * 10);
    expect(passed).toBeLessThanOrEqual(160);
  });

  it('lets exactly so many of parallel ones pass where it is small', async () => {
    const policy = { capacity: 5, leak: 3_600_000 };
    const waits = await Promise.all(Array.from({ length: 60 }, (_, at) => of(at).take('few', policy)));
    expect(waits.filter((wait) => wait === 0)).toHaveLength(5);
    for (const wait of waits.filter((each) => each > 0)) expect(wait).toBeLessThanOrEqual(3_600_000);
  });

  it('asks the database once for many, and waits for it with the first alone', async () => {
    const policy = { capacity: 1_600, leak: 1_000 };
    const asked: boolean[] = [];
    for (let at = 0; at < 400; at += 1) {
      const wait = of(0).take('quick', policy);
      asked.push(typeof wait !== 'number');
      expect(await wait).toBe(0);
      // The slice that is fetched ahead arrives meanwhile.
      if (at % 40 === 39) await of(1).take('other', policy);
    }
    expect(asked[0]).toBe(true);
    expect(asked.filter(Boolean).length).toBeLessThan(10);
  });

  it('forgets with time, is given back, and is forgotten', async () => {
    const quick = { capacity: 1, leak: 50 };
    expect(await of(0).take('leaking', quick)).toBe(0);
    const wait = await of(1).take('leaking', quick);
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(50);
    await expect.poll(async () => of(1).take('leaking', quick), { interval: 10 }).toBe(0);

    const slow = { capacity: 1, leak: 3_600_000 };
    expect(await of(0).take('returned', slow)).toBe(0);
    await of(0).give('returned', slow);
    expect(await of(1).take('returned', slow)).toBe(0);
    expect(await of(2).take('returned', slow)).toBeGreaterThan(0);
    await of(1).forget('returned', slow);
    expect(await of(0).take('returned', slow)).toBe(0);
  });
});

describe('a bucket whose limit is changed', () => {
  it('lets pass what it is now: slices of the former limit are not used up, and what it counted is not owed', async () => {
    const former = { capacity: 1_600, leak: 100 };
    for (let at = 0; at < 300; at += 1) expect(await of(at).take('changed', former)).toBe(0);
    const lowered = { capacity: 3, leak: 3_600_000 };
    const waits: number[] = [];
    for (let at = 0; at < 9; at += 1) waits.push(await of(at).take('changed', lowered));
    expect(waits.filter((wait) => wait === 0)).toHaveLength(3);
    expect(await of(0).take('changed', { capacity: 1_600, leak: 50 })).toBe(0);
  });
});

describe('places of all processes', () => {
  it('are never more than there are, and are free again once they are left', async () => {
    const places = await Promise.all(Array.from({ length: 40 }, (_, at) => of(at).place('seats', 16)));
    const taken = places.filter((place) => place !== null);
    // Some may be held ahead by one process while another is refused.
    expect(taken.length).toBeGreaterThanOrEqual(12);
    expect(taken.length).toBeLessThanOrEqual(16);
    for (const leave of taken) {
      leave();
      leave();
    }
    const all: (() => void)[] = [];
    await expect
      .poll(async () => {
        const place = await of(2).place('seats', 16);
        if (place !== null) all.push(place);
        return all.length;
      })
      .toBe(16);
    expect(await of(0).place('seats', 16)).toBeNull();
    for (const leave of all) leave();
  });

  it('of a process that has ended are free', async () => {
    const { database } = temporary;
    const other = createProcesses(database, { onError: () => {}, beat: 60, life: 600 });
    await other.take('life');
    const theirs = createSharedLimits(database, other) as SharedLimits;
    for (let at = 0; at < 4; at += 1) expect(await theirs.place('chairs', 4)).not.toBeNull();
    expect(await of(0).place('chairs', 4)).toBeNull();
    await other[Symbol.asyncDispose]();
    expect(await of(0).place('chairs', 4)).not.toBeNull();
    await of(1).sweep();
  });
});
