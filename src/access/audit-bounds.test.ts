/** What bounds the audit, to the row and the millisecond, on SQLite alone; audit.test.ts has what it keeps. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { Database } from '../database/database.ts';
import type { Sql, Statement } from '../database/sql.ts';
import { type Audit, type AuditEntry, type AuditOptions, createAudit } from './audit.ts';
import { type AuditEvent, createAuditLog } from './audit-log.ts';
import { AUDIT_RETENTION, pruneAudit } from './audit-retention.ts';

const START = Date.UTC(2026, 4, 1);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let opened: TemporaryDatabase;
let database: Database;
let now = START;
let errors: unknown[] = [];
const made: Audit[] = [];

beforeAll(async () => {
  opened = await openTemporarySqlite();
  ({ database } = opened);
});
beforeEach(() => {
  now = START;
  errors = [];
});
afterEach(async () => {
  vi.useRealTimers();
  for (const audit of made.splice(0)) await audit[Symbol.asyncDispose]();
  await database.prisma.auditEvent.deleteMany();
});
afterAll(() => opened.close());

function make(options: Partial<AuditOptions> = {}): Audit {
  const audit = createAudit({
    database,
    now: () => now,
    onError: (error) => errors.push(error),
    ...options,
  });
  made.push(audit);
  return audit;
}

const events = (): Promise<AuditEvent[]> => createAuditLog(database).page({}, null, 5_000);
const count = () => database.prisma.auditEvent.count();
const refused = (parts: Partial<AuditEntry> = {}): AuditEntry => ({
  actorKind: 'PEER',
  actor: 'peer_1',
  action: 'media.read',
  target: 'media_1',
  peerId: 'peer_1',
  outcome: 'refused',
  code: 'FORBIDDEN',
  address: '192.0.2.7',
  ...parts,
});
const bytes = { peerId: 'peer_1', itemId: 'media_1', variant: 'original', bytes: 10 };

/** Rows as they stand, the oldest first. */
async function fill(
  rows: { at?: number; action?: string; actorKind?: string; id?: string }[],
): Promise<void> {
  await database.prisma.auditEvent.createMany({
    data: rows.map(({ at = START, action = 'x', actorKind = 'USER', id }, index) => ({
      id: id ?? `audit_${String(index).padStart(6, '0')}`,
      at,
      action,
      actorKind,
      outcome: 'done',
    })),
  });
}

describe('a row of the audit', () => {
  test('counts what is the same in everything, of one minute to the millisecond', async () => {
    const audit = make();
    await audit.record(refused());
    now += MINUTE - 1;
    await audit.record(refused());
    await audit.flush();
    expect(await events()).toMatchObject([
      { at: START, detail: { count: 2, until: new Date(now).toISOString() } },
    ]);
    now += 1;
    await audit.record(refused());
    expect(await count()).toBe(2);
    for (const parts of [
      { actorKind: 'ANONYMOUS' as const },
      { actor: 'peer_2' },
      { action: 'media.list' },
      { target: 'media_2' },
      { peerId: 'peer_2' },
      { outcome: 'failed' as const },
      { code: 'NOT_FOUND' },
      { address: '192.0.2.8' },
    ]) {
      const before = await count();
      await audit.record(refused(parts));
      expect(await count(), JSON.stringify(parts)).toBe(before + 1);
    }
  });

  test('is one for each act of ours, but counts what peers and strangers did, and what was refused to anybody', async () => {
    const audit = make();
    const twice = async (entry: AuditEntry) => {
      const before = await count();
      await audit.record(entry);
      await audit.record(entry);
      return (await count()) - before;
    };
    for (const actorKind of ['USER', 'TOKEN', 'SYSTEM'] as const) {
      expect(await twice({ actorKind, actor: 'a', action: 'x', outcome: 'done' })).toBe(2);
      expect(await twice({ actorKind, actor: 'a', action: 'x', outcome: 'failed' })).toBe(1);
    }
    for (const actorKind of ['PEER', 'ANONYMOUS'] as const)
      expect(await twice({ actorKind, actor: 'a', action: 'x', outcome: 'done' })).toBe(1);
  });

  test('takes texts of the length that it has room for, and cuts the rest', async () => {
    const audit = make();
    const of = (more: number): AuditEntry => ({
      actorKind: 'USER',
      actor: 'a'.repeat(200 + more),
      action: 'b'.repeat(100 + more),
      target: 'c'.repeat(4_000 + more),
      peerId: 'd'.repeat(200 + more),
      code: 'e'.repeat(64 + more),
      address: 'f'.repeat(64 + more),
      outcome: 'done',
      bytes: 7,
    });
    const { outcome: _, ...whole } = of(0);
    for (const more of [0, 1]) await audit.record(of(more));
    expect(await events()).toMatchObject([whole, whole]);
  });

  test('has details of eight thousand characters, or says that they were cut', async () => {
    const audit = make();
    const entry: AuditEntry = { actorKind: 'USER', action: 'x', outcome: 'done' };
    const text = 'x'.repeat(8_000 - '{"text":""}'.length);
    await audit.record({ ...entry, detail: { text } });
    now += 1;
    await audit.record({ ...entry, detail: { text: `${text}x` } });
    expect((await events()).map(({ detail }) => detail)).toEqual([{ cut: true }, { text }]);
  });
});

describe('rows of a minute', () => {
  test('are sixty for each peer, of which one more says how many were left out, and whose', async () => {
    const audit = make();
    for (const actor of ['peer_1', 'peer_2'])
      for (let time = 0; time < 62; time++)
        await audit.record(refused({ actor, peerId: actor, target: `media_${time}` }));
    await audit.flush();
    const all = await events();
    expect(all.filter(({ action }) => action === 'media.read')).toHaveLength(120);
    const left = all.filter(({ action }) => action === 'audit.left-out');
    expect(
      left.map(({ peerId, detail }) => [peerId, detail?.['actorKind'], detail?.['count']]).sort(),
    ).toEqual([
      ['peer_1', 'PEER', 2],
      ['peer_2', 'PEER', 2],
    ]);
    // The minute is over to the millisecond.
    now += MINUTE - 1;
    await audit.record(refused({ target: 'media_x' }));
    expect(await count()).toBe(122);
    now += 1;
    await audit.record(refused({ target: 'media_x' }));
    expect(await count()).toBe(123);
    expect((await events())[0]).toMatchObject({ action: 'media.read', target: 'media_x' });
  });

  test('of strangers have no peer, and share one allowance', async () => {
    const audit = make();
    for (let time = 0; time < 70; time++)
      await audit.record(refused({ actorKind: 'ANONYMOUS', actor: `a${time}`, peerId: null }));
    const all = await events();
    expect(all).toHaveLength(61);
    expect(all.find(({ action }) => action === 'audit.left-out')?.peerId).toBeNull();
  });

  test('are six hundred in all', async () => {
    // Each row would be a transaction of its own: here they are held until the end.
    const rows: Statement[] = [];
    const held = { run: async (row: Statement) => void rows.push(row) } as unknown as Sql;
    const audit = make({ database: { read: database.read, write: (work) => work(held) } });
    for (let peer = 0; peer < 12; peer++)
      for (let time = 0; time < 51; time++)
        await audit.record(
          refused({ actor: `peer_${peer}`, peerId: `peer_${peer}`, target: `media_${time}` }),
        );
    await audit.flush();
    // What people do themselves is counted nowhere.
    for (let time = 0; time < 3; time++)
      await audit.record({ actorKind: 'USER', actor: 'user_1', action: 'x', outcome: 'done' });
    await database.write(async (tx) => {
      for (const row of rows) await tx.run(row);
    });
    const all = await events();
    expect(all.filter(({ action }) => action === 'media.read')).toHaveLength(600);
    const left = all.filter(({ action }) => action === 'audit.left-out');
    expect(left).toMatchObject([{ peerId: 'peer_11', detail: { count: 12 } }]);
    expect(all).toHaveLength(604);
  });
});

describe('bytes that a peer fetched', () => {
  test('are added up for an hour to the millisecond, and longer where they are not written yet', async () => {
    const audit = make();
    audit.served(bytes);
    now += HOUR - 1;
    audit.served(bytes);
    await audit.flush();
    expect(await events()).toMatchObject([
      { at: START, bytes: 20, detail: { variant: 'original', count: 2, until: new Date(now).toISOString() } },
    ]);
    now += 1;
    audit.served(bytes);
    await audit.flush();
    expect((await events()).map((event) => event.bytes)).toEqual([10, 20]);
    audit.served(bytes);
    now += HOUR;
    audit.served(bytes);
    await audit.flush();
    expect((await events()).map((event) => event.bytes)).toEqual([30, 20]);
    expect((await events())[0]?.detail).toMatchObject({ count: 3 });
  });

  test('are written again as often as they change, and only then', async () => {
    let writes = 0;
    const write: Database['write'] = (work) => {
      writes++;
      return database.write(work);
    };
    const audit = make({ database: { read: database.read, write } });
    audit.served(bytes);
    await audit.flush();
    await audit.flush();
    expect(writes).toBe(1);
    audit.served(bytes);
    await audit.flush();
    expect(writes).toBe(2);
    expect(await events()).toMatchObject([{ bytes: 20 }]);
  });

  test('are held apart for so many items; written ones give way, by half', async () => {
    const audit = make({ tallies: 4 });
    const serve = (item: number) => audit.served({ ...bytes, itemId: `media_${item}` });
    for (let item = 0; item < 4; item++) serve(item);
    await audit.flush();
    // Two of the four go on counting in their rows, the others begin new ones.
    for (let item = 0; item < 4; item++) serve(item);
    await audit.flush();
    const all = await events();
    expect(all.map(({ target, bytes: many }) => `${target} ${many}`).sort()).toEqual([
      'media_0 10',
      'media_0 10',
      'media_1 10',
      'media_1 10',
      'media_2 20',
      'media_3 20',
    ]);
  });

  test('beyond are counted for their peer, in a row without an item, and make room', async () => {
    const audit = make({ tallies: 2 });
    for (let item = 0; item < 4; item++) audit.served({ ...bytes, itemId: `media_${item}` });
    audit.served({ ...bytes, itemId: 'media_1' });
    // The two for which there was room are written at once, though nobody asked for it.
    await eventually('what was counted is written', async () => (await count()) === 2, 5_000);
    await audit.flush();
    const all = await events();
    expect(all.map(({ target, bytes: many }) => `${target} ${many}`).sort()).toEqual([
      'media_0 10',
      'media_1 20',
      'null 20',
    ]);
    expect(all.find(({ target }) => target === null)?.detail).not.toHaveProperty('variant');
  });

  test('are lost by no failure: what could not be written is written later, once', async () => {
    let fails = 0;
    const write: Database['write'] = (work) =>
      fails-- > 0 ? Promise.reject(new Error('The disk is full.')) : database.write(work);
    let after = 0;
    const audit = make({
      database: {
        read: database.read,
        // The second piece of three.
        write: (work) => (++after === 2 ? Promise.reject(new Error('The disk is full.')) : write(work)),
      },
    });
    for (let item = 0; item < 250; item++) audit.served({ ...bytes, itemId: `media_${item}` });
    await audit.flush();
    expect(errors).toHaveLength(1);
    expect(await count()).toBe(100);
    await audit.flush();
    expect(errors).toHaveLength(1);
    const all = await events();
    expect(all).toHaveLength(250);
    expect(new Set(all.map(({ target, bytes: many }) => `${target} ${many}`)).size).toBe(250);
    expect(all.every((event) => event.bytes === 10)).toBe(true);

    // A refusal too, though nobody else is refused meanwhile.
    fails = 1;
    await audit.record(refused());
    expect(errors).toHaveLength(2);
    expect(await count()).toBe(250);
    await audit.flush();
    expect(await count()).toBe(251);
  });
});

const TEN_SECONDS = 10_000;

/** Timers stand still from now on; answers how many of so many ms are waiting. The database has timers of its own. */
function fakeTimersOf(ms: number): () => number {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const waiting = new Set<unknown>();
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  // Gone with the fake ones.
  globalThis.setTimeout = ((work: () => void, after: number) => {
    const timer = set(() => {
      waiting.delete(timer);
      work();
    }, after);
    if (after === ms) waiting.add(timer);
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = (timer) => {
    waiting.delete(timer);
    clear(timer);
  };
  return () => waiting.size;
}

describe('the clock of the audit', () => {
  test('writes ten seconds after the first that was counted', async () => {
    const audit = make();
    const waiting = fakeTimersOf(TEN_SECONDS);
    audit.served(bytes);
    vi.advanceTimersByTime(6_000);
    audit.served(bytes);
    vi.advanceTimersByTime(3_999);
    expect(waiting()).toBe(1);
    vi.advanceTimersByTime(1);
    expect(waiting()).toBe(0);
    vi.useRealTimers();
    await eventually('what was counted is written', async () => (await count()) === 1, 5_000);
    expect(await events()).toMatchObject([{ bytes: 20 }]);

    const waitingAgain = fakeTimersOf(TEN_SECONDS);
    await audit.record(refused());
    await audit.record(refused());
    expect(waitingAgain()).toBe(1);
    await audit.flush();
    expect(waitingAgain()).toBe(0);
    await audit.record(refused());
    expect(waitingAgain()).toBe(1);
    await audit[Symbol.asyncDispose]();
    expect(waitingAgain()).toBe(0);
  });

  test('prunes at its start and once a day, until the end', async () => {
    await fill([{ at: START - 401 * DAY }, { at: START - 399.5 * DAY }, { at: START }]);
    const audit = make();
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    audit.start();
    expect(vi.getTimerCount()).toBe(1);
    const pruned = async () => (await events()).filter(({ action }) => action === 'audit.pruned').length;
    await eventually('the first pruning', async () => (await pruned()) === 1, 5_000);
    now += DAY;
    vi.advanceTimersByTime(DAY - 1);
    expect(await pruned()).toBe(1);
    vi.advanceTimersByTime(1);
    await eventually('the second pruning', async () => (await pruned()) === 2, 5_000);
    await audit[Symbol.asyncDispose]();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('says nothing of a pruning that removed nothing, and aloud what failed', async () => {
    await make().prune();
    expect(await count()).toBe(0);
    const fault = new Error('The disk is full.');
    const read = Object.create(database.read, { get: { value: async () => Promise.reject(fault) } });
    await make({ database: { read, write: database.write } }).prune();
    expect(errors).toEqual([fault]);
  });
});

describe('what is kept', () => {
  const ids = async () =>
    (await database.prisma.auditEvent.findMany({ orderBy: { id: 'asc' } })).map(({ id }) => id);
  const retention = { age: 10 * DAY, served: 3, outside: 2, own: 1 };
  const all = { ...retention, served: 1e6, outside: 1e6, own: 1e6 };

  test('is 400 days of half a million, a quarter, and a quarter', () => {
    expect(AUDIT_RETENTION).toEqual({
      age: 400 * DAY,
      served: 500_000,
      outside: 250_000,
      own: 250_000,
    });
  });

  test('is as old as it may be, to the millisecond', async () => {
    await fill([{ at: START - 10 * DAY - 1 }, { at: START - 10 * DAY }, { at: START - 10 * DAY + 1 }]);
    expect(await pruneAudit(database, START, all)).toBe(1);
    expect(await ids()).toEqual(['audit_000001', 'audit_000002']);
    expect(await pruneAudit(database, START, all)).toBe(0);
  });

  test('is as much of each class as it may be, the newest; of one moment those with the later id', async () => {
    await fill([
      { action: 'media.served', actorKind: 'PEER' },
      { actorKind: 'ANONYMOUS' },
      { actorKind: 'USER' },
      { action: 'media.served', actorKind: 'PEER' },
      { actorKind: 'PEER' },
      { action: 'media.served', actorKind: 'PEER' },
      { actorKind: 'ANONYMOUS', at: START + 1 },
      { action: 'media.served', actorKind: 'PEER', at: START + 1 },
      { actorKind: 'SYSTEM', at: START + 1 },
    ]);
    expect(await pruneAudit(database, START + DAY, retention)).toBe(3);
    expect(await ids()).toEqual([3, 4, 5, 6, 7, 8].map((number) => `audit_00000${number}`));
    expect(await pruneAudit(database, START + DAY, retention)).toBe(0);
  });

  test('is of each class for itself: one that is within its bounds loses nothing to another', async () => {
    await fill([
      { actorKind: 'USER' },
      ...Array.from({ length: 6 }, (_, time) => ({ actorKind: 'PEER', at: START + 1 + time })),
    ]);
    expect(await pruneAudit(database, START + DAY, retention)).toBe(4);
    expect(await ids()).toEqual(['audit_000000', 'audit_000005', 'audit_000006']);
  });

  test('is counted and removed in pieces of five hundred', async () => {
    await fill(Array.from({ length: 1_203 }, (_, time) => ({ at: START + Math.floor(time / 7) })));
    const sizes: number[] = [];
    const write: Database['write'] = (work) => {
      sizes.push(1);
      return database.write(work);
    };
    expect(await pruneAudit({ read: database.read, write }, START + DAY, { ...all, own: 100 })).toBe(1_103);
    expect(sizes).toHaveLength(3);
    expect((await ids())[0]).toBe('audit_001103');
    expect(await count()).toBe(100);
  });

  test('is as old as it may be however much goes', async () => {
    await fill([...Array.from({ length: 620 }, () => ({ at: START - 20 * DAY })), {}]);
    expect(await pruneAudit(database, START, all)).toBe(620);
    expect(await ids()).toEqual(['audit_000620']);
  });

  test('is not read to its end where all that goes is behind', async () => {
    await fill([{ at: START - 20 * DAY }, ...Array.from({ length: 1_499 }, () => ({}))]);
    let readings = 0;
    const read = Object.create(database.read, {
      all: {
        value: (...query: Parameters<Database['read']['all']>) => {
          readings++;
          return database.read.all(...query);
        },
      },
    });
    expect(await pruneAudit({ read, write: database.write }, START, all)).toBe(1);
    expect(readings).toBe(1);
    // All four pieces to count them, the empty last one too, and again one to remove what is first.
    readings = 0;
    await database.prisma.auditEvent.updateMany({
      where: { id: { gt: 'audit_000002' } },
      data: { actorKind: 'PEER' },
    });
    await fill([{ id: 'audit_z', at: START + 1, actorKind: 'PEER' }]);
    expect(await pruneAudit({ read, write: database.write }, START, { ...all, own: 1 })).toBe(1);
    expect(readings).toBe(5);
  });
});

describe('reading', () => {
  test('takes fifty values of each list, and no more, and says of which there are too many', async () => {
    const log = createAuditLog(database);
    await fill([{ action: 'a49', actorKind: 'PEER' }, { action: 'b' }]);
    const values = Array.from({ length: 51 }, (_, value) => `a${value}`);
    expect(await log.page({ actions: values.slice(0, 50) }, null, 10)).toHaveLength(1);
    for (const field of ['actions', 'peerIds', 'actorKinds']) {
      await expect(log.page({ [field]: values }, null, 10), field).rejects.toMatchObject({
        code: 'INVALID',
        field: ['filter', field],
        message: 'A filter takes at most 50 values at once.',
      });
    }
  });

  test('takes an unknown kind for the server’s own', async () => {
    await fill([{ actorKind: 'ROBOT' }]);
    expect(await createAuditLog(database).page({}, null, 1)).toEqual([
      {
        id: 'audit_000000',
        at: START,
        actorKind: 'SYSTEM',
        actor: null,
        action: 'x',
        target: null,
        peerId: null,
        outcome: 'done',
        code: null,
        address: null,
        bytes: null,
        detail: null,
      },
    ]);
  });

  test('gives all of it in pages of five hundred, the newest first, and stops where there is no more', async () => {
    const log = createAuditLog(database);
    const sizes = async () => {
      const seen: AuditEvent[][] = [];
      for await (const page of log.all({})) seen.push(page);
      const order = seen.flat().map(({ id }) => id);
      expect(order).toEqual([...order].sort().reverse());
      return seen.map((page) => page.length);
    };
    expect(await sizes()).toEqual([]);
    await fill(Array.from({ length: 500 }, () => ({})));
    expect(await sizes()).toEqual([500]);
    await fill([{ id: 'audit_a' }, { id: 'audit_b' }]);
    expect(await sizes()).toEqual([500, 2]);
  });
});
