import { describe, expect, it } from 'vitest';
import { DIALECTS, describeOnBothDatabases, openNewPostgres } from '../../test/support/databases.ts';
import type { Database } from '../database/database.ts';
import { createProcesses } from '../database/processes.ts';
import { createSharedLimits } from '../database/shared-limits.ts';
import { sql } from '../database/sql.ts';
import { type Audit, type AuditEntry, type AuditOptions, createAudit } from './audit.ts';
import { type AuditEvent, type AuditFilter, createAuditLog } from './audit-log.ts';

const START = Date.UTC(2026, 4, 1);
const DAY = 24 * 3600_000;

interface Fixture {
  audit: Audit;
  /** ms; tests move it. */
  clock: { at: number };
  errors: unknown[];
  events(filter?: AuditFilter): Promise<AuditEvent[]>;
}

function fixture(database: Database, options: Partial<AuditOptions> = {}): Fixture {
  const clock = { at: START };
  const errors: unknown[] = [];
  const audit = createAudit({
    database,
    now: () => clock.at,
    onError: (error) => errors.push(error),
    ...options,
  });
  const log = createAuditLog(database);
  return { audit, clock, errors, events: (filter = {}) => log.page(filter, null, 1_000) };
}

const done: AuditEntry = { actorKind: 'USER', actor: 'user_a', action: 'setVisibility', outcome: 'done' };
const refused = (parts: Partial<AuditEntry> = {}): AuditEntry => ({
  actorKind: 'ANONYMOUS',
  action: 'pairing.redeem',
  outcome: 'refused',
  code: 'INVITATION_UNKNOWN',
  address: '192.0.2.7',
  ...parts,
});

describeOnBothDatabases('the audit', (open) => {
  it('has written what a person did before it says so, a row for each act, with every fact', async () => {
    const { audit, clock, events } = fixture(await open());
    await audit.record({
      ...done,
      target: 'peer_1',
      peerId: 'peer_1',
      address: '192.0.2.1',
      detail: { keepCached: true },
    });
    expect(await events()).toEqual([
      {
        id: expect.stringMatching(/^audit_[0-9a-v]{22}$/),
        at: START,
        actorKind: 'USER',
        actor: 'user_a',
        action: 'setVisibility',
        target: 'peer_1',
        peerId: 'peer_1',
        outcome: 'done',
        code: null,
        address: '192.0.2.1',
        bytes: null,
        detail: { keepCached: true },
      },
    ]);
    for (let time = 0; time < 5; time++) await audit.record(done);
    clock.at += 1;
    expect(await events()).toHaveLength(6);
  });

  it('counts like refusals of a minute in one row, and begins another with the next minute', async () => {
    const { audit, clock, events } = fixture(await open());
    for (let time = 0; time < 1_000; time++) {
      clock.at += 10;
      await audit.record(refused());
    }
    const [first, ...more] = await events();
    expect(first).toMatchObject({ code: 'INVITATION_UNKNOWN', address: '192.0.2.7', detail: null });
    expect(more).toEqual([]);
    await audit.flush();
    const until = new Date(clock.at).toISOString();
    expect(await events()).toMatchObject([{ id: first?.id, detail: { count: 1_000, until } }]);

    clock.at += 60_000;
    await audit.record(refused());
    await audit.record(refused({ code: 'INVITATION_USED' }));
    await audit.record(refused({ address: '192.0.2.8' }));
    await audit.record(refused({ actorKind: 'PEER', actor: 'peer_1', peerId: 'peer_1' }));
    expect(await events()).toHaveLength(5);
  });

  it('writes few rows a minute however strangers vary their address, and says how many it left out', async () => {
    const { audit, clock, events } = fixture(await open());
    for (let time = 0; time < 500; time++) {
      await audit.record(refused({ address: `2001:db8::${time.toString(16)}` }));
    }
    await audit.flush();
    const rows = await events();
    expect(rows.filter(({ action }) => action === 'pairing.redeem')).toHaveLength(60);
    expect(rows.filter(({ action }) => action === 'audit.left-out')).toMatchObject([
      { actorKind: 'SYSTEM', outcome: 'failed', detail: { actorKind: 'ANONYMOUS', count: 440 } },
    ]);
    // Whatever strangers do, there is room for a peer and for ourselves.
    await audit.record(refused({ actorKind: 'PEER', actor: 'peer_1', peerId: 'peer_1' }));
    await audit.record(done);
    expect(await events()).toHaveLength(63);
    clock.at += 60_000;
    await audit.record(refused({ address: '2001:db8::1' }));
    expect(await events()).toHaveLength(64);
  });

  it('adds up what a peer fetched of an item in one row an hour', async () => {
    const { audit, clock, events } = fixture(await open());
    const bytes = { peerId: 'peer_1', itemId: 'media_1', variant: 'original', bytes: 1_000 };
    audit.served(bytes);
    audit.served({ ...bytes, variant: 'thumbnail', bytes: 7 });
    expect(await events()).toEqual([]);
    await audit.flush();
    clock.at += 60_000;
    audit.served(bytes);
    audit.served({ ...bytes, peerId: 'peer_2' });
    await audit.flush();
    const seen = (rows: AuditEvent[]) =>
      rows
        .map(({ peerId, target, bytes: many, detail }) => [peerId, target, many, detail?.['variant']])
        .sort();
    const first = await events();
    expect(seen(first)).toEqual([
      ['peer_1', 'media_1', 2_000, 'original'],
      ['peer_1', 'media_1', 7, 'thumbnail'],
      ['peer_2', 'media_1', 1_000, 'original'],
    ]);
    for (const row of first) {
      expect(row).toMatchObject({ actorKind: 'PEER', action: 'media.served', outcome: 'done' });
      expect(row.actor).toBe(row.peerId);
    }
    clock.at += 3600_000;
    audit.served(bytes);
    await audit.flush();
    expect(await events()).toHaveLength(4);
  });

  it('loses no byte where more items are fetched than it keeps apart', async () => {
    const database = await open();
    const { audit } = fixture(database, { tallies: 150 });
    for (let item = 0; item < 200; item++) {
      audit.served({ peerId: 'peer_1', itemId: `media_${item}`, variant: 'thumbnail', bytes: 3 });
    }
    await audit[Symbol.asyncDispose]();
    const rows: AuditEvent[] = [];
    for await (const page of createAuditLog(database).all({ peerIds: ['peer_1'] })) rows.push(...page);
    expect(rows).toHaveLength(151);
    const further = rows.filter(({ target }) => target === null);
    expect(further).toMatchObject([{ bytes: 150, detail: { count: 50 } }]);
  });

  it('writes at the end what was only counted', async () => {
    const { audit, events } = fixture(await open());
    audit.served({ peerId: 'peer_1', itemId: 'media_1', variant: 'original', bytes: 5 });
    await audit.record(refused());
    await audit.record(refused());
    void audit.record(done);
    await audit[Symbol.asyncDispose]();
    const rows = await events();
    expect(rows).toHaveLength(3);
    expect(rows.find(({ action }) => action === 'pairing.redeem')?.detail).toMatchObject({ count: 2 });
  });

  it('never fails for whoever records, says aloud that it could not write, and makes up for what it counted', async () => {
    const database = await open();
    let broken = true;
    const { audit, errors, events } = fixture(database, {
      database: {
        read: database.read,
        write: (work) => (broken ? Promise.reject(new Error('The disk is full.')) : database.write(work)),
      },
    });
    await audit.record(done);
    await audit.record(refused());
    audit.served({ peerId: 'peer_1', itemId: 'media_1', variant: 'original', bytes: 5 });
    await audit.flush();
    expect(errors).toHaveLength(3);
    broken = false;
    await audit.flush();
    expect((await events()).map(({ action }) => action).sort()).toEqual(
      ['media.served', 'pairing.redeem', done.action].sort(),
    );
  });

  it('cuts what is too long, and refuses nothing for it', async () => {
    const { audit, errors, events } = fixture(await open());
    const long = 'x'.repeat(100_000);
    await audit.record({ ...done, actor: long, action: long, target: long, code: long, detail: { long } });
    expect(errors).toEqual([]);
    const [row] = await events();
    expect(JSON.stringify(row).length).toBeLessThan(6_000);
    expect(row?.detail).toEqual({ cut: true });
  });

  it('forgets after 400 days', async () => {
    const { audit, clock, events } = fixture(await open());
    await audit.record(done);
    clock.at += 399 * DAY;
    await audit.prune();
    expect(await events()).toHaveLength(1);
    clock.at += 2 * DAY;
    await audit.prune();
    expect(await events()).toMatchObject([{ action: 'audit.pruned', detail: { rows: 1 } }]);
  });

  it('keeps the newest of each class, so that a busy peer pushes out nothing that an admin did', async () => {
    const database = await open();
    const retention = { age: 400 * DAY, served: 700, outside: 5, own: 5 };
    const { audit, clock, events } = fixture(database, { retention });
    for (let time = 0; time < 5; time++) await audit.record({ ...done, target: `media_${time}` });
    for (let item = 0; item < 2_000; item++) {
      audit.served({ peerId: 'peer_1', itemId: `media_${item}`, variant: 'thumbnail', bytes: 1 });
      if (item % 20 === 0) clock.at += 1;
    }
    for (let time = 0; time < 8; time++) await audit.record(refused({ address: `192.0.2.${time}` }));
    await audit.flush();
    await audit.prune();
    const rows = await events();
    expect(rows.filter(({ action }) => action === 'media.served')).toHaveLength(700);
    expect(rows.filter(({ actorKind }) => actorKind === 'ANONYMOUS')).toHaveLength(5);
    expect(rows.filter(({ action }) => action === done.action)).toHaveLength(5);
    // 1,300 of bytes and 3 of strangers.
    expect(rows.find(({ action }) => action === 'audit.pruned')?.detail).toEqual({ rows: 1_303 });
    const oldest = rows.filter(({ action }) => action === 'media.served').at(-1);
    expect(oldest?.at).toBeGreaterThan(START + 60);
  });
});

describeOnBothDatabases('reading the audit', (open) => {
  it('narrows by who, whom, what and when, alone and together, each page without gap or repetition', async () => {
    const database = await open();
    const { audit, clock } = fixture(database);
    const log = createAuditLog(database);
    const peers = ['peer_1', 'peer_2', 'peer_3'];
    for (let step = 0; step < 60; step++) {
      // Several of one moment: the id breaks the tie.
      if (step % 4 === 0) clock.at += 1_000;
      await audit.record({
        actorKind: step % 2 === 0 ? 'USER' : 'TOKEN',
        actor: 'somebody',
        action: step % 3 === 0 ? 'updatePeer' : 'revokePeer',
        peerId: peers[step % peers.length],
        target: String(step),
        outcome: 'done',
      });
    }
    const everything = await log.page({}, null, 100);
    expect(everything).toHaveLength(60);
    expect(everything).toEqual([...everything].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1)));
    const filters: AuditFilter[] = [
      {},
      { actorKinds: ['USER'] },
      { actorKinds: ['USER', 'TOKEN', 'PEER'] },
      { peerIds: ['peer_2'] },
      { peerIds: ['peer_3', 'peer_1', 'peer_1'], actorKinds: ['TOKEN'] },
      { actions: ['updatePeer'], from: START + 3_000, until: START + 9_000 },
      { actions: ['updatePeer', 'revokePeer'], peerIds: ['peer_1', 'peer_2'], actorKinds: ['USER', 'TOKEN'] },
      { actorKinds: [] },
      { peerIds: ['peer_1'], actions: [] },
      { from: START + 4_000 },
    ];
    for (const filter of filters) {
      const { actorKinds, peerIds, actions, from = 0, until = Number.MAX_SAFE_INTEGER } = filter;
      const expected = everything.filter(
        (event) =>
          (actorKinds?.includes(event.actorKind) ?? true) &&
          (peerIds?.includes(event.peerId ?? '') ?? true) &&
          (actions?.includes(event.action) ?? true) &&
          event.at >= from &&
          event.at < until,
      );
      const paged: AuditEvent[] = [];
      for (;;) {
        const last = paged.at(-1);
        const page = await log.page(filter, last === undefined ? null : last, 7);
        if (page.length === 0) break;
        paged.push(...page);
      }
      expect(paged, JSON.stringify(filter)).toEqual(expected);
      const all: AuditEvent[] = [];
      for await (const page of log.all(filter)) all.push(...page);
      expect(all).toEqual(expected);
    }
    expect(await log.find([everything[3]?.id ?? '', 'audit_0'])).toEqual([everything[3]]);
    expect(await log.find(['audit_0'])).toEqual([]);
    await expect(log.page({ actions: Array(51).fill('x') }, null, 1)).rejects.toMatchObject({
      code: 'INVALID',
    });
  });
});

describe('the audit on SQLite', () => {
  it('reads each filter along an index, and sorts no more than rows of one moment', async () => {
    const { openTemporarySqlite } = await import('../../test/support/databases.ts');
    const { database, close } = await openTemporarySqlite();
    try {
      const seen: string[] = [];
      const log = createAuditLog({
        read: {
          ...database.read,
          all: async (statement) => {
            const plan = await database.read.all<{ detail: string }>(sql`EXPLAIN QUERY PLAN ${statement}`);
            seen.push(plan.map(({ detail }) => detail).join('\n'));
            return [];
          },
        },
      });
      const after = { at: START, id: 'audit_1' };
      await log.page({}, after, 51);
      await log.page({ peerIds: ['a', 'b'] }, after, 51);
      await log.page({ actions: ['a'], from: 1 }, null, 51);
      await log.page({ actorKinds: ['PEER'] }, after, 51);
      expect(seen).toHaveLength(4);
      for (const plan of seen) {
        expect(plan).toMatch(/USING INDEX audit_events_\w+/);
        expect(plan).not.toMatch(/SCAN audit_events\n/);
      }
    } finally {
      await close();
    }
  });
});

describe.runIf(DIALECTS.includes('postgresql'))('the audit of two processes', () => {
  it('has as many rows of refusals in a minute as that of one, and counts those that it leaves out', async () => {
    const { database, close } = await openNewPostgres();
    const processes = [0, 1].map(() => createProcesses(database, { onError: () => {} }));
    try {
      const both = processes.map((each) =>
        fixture(database, { shared: createSharedLimits(database, each) }),
      ) as [Fixture, Fixture];
      // Each of them is another, and the same one comes to both at the same moment.
      await Promise.all(
        Array.from({ length: 100 }, (_, at) => {
          const entry = refused({ address: `192.0.2.${at}` });
          return both[at % 2 === 0 ? 0 : 1].audit.record(entry);
        }),
      );
      const one = refused({ actorKind: 'PEER', actor: 'peer_1', peerId: 'peer_1' });
      await Promise.all(Array.from({ length: 30 }, (_, at) => both[at % 2 === 0 ? 0 : 1].audit.record(one)));
      for (const { audit } of both) await audit.flush();
      const events = await both[0].events();
      const counts = (found: AuditEvent[]) =>
        found.reduce((sum, { detail }) => sum + Number(detail?.['count'] ?? 1), 0);
      const strangers = events.filter(({ actorKind }) => actorKind === 'ANONYMOUS');
      // Each may hold some rows that it has taken ahead.
      expect(strangers.length).toBeGreaterThanOrEqual(60 - 2 * 3);
      expect(strangers.length).toBeLessThanOrEqual(60);
      const left = events.filter(({ action }) => action === 'audit.left-out');
      expect(strangers.length + counts(left)).toBe(100);
      expect(counts(events.filter(({ actor }) => actor === 'peer_1'))).toBe(30);

      for (const { clock } of both) clock.at += 60_000;
      await both[1].audit.record(refused({ address: '192.0.2.200' }));
      expect((await both[0].events()).filter(({ at }) => at === START + 60_000)).toMatchObject([
        { action: 'pairing.redeem' },
      ]);
      expect(both.flatMap(({ errors }) => errors)).toEqual([]);
      for (const { audit } of both) await audit[Symbol.asyncDispose]();
    } finally {
      for (const each of processes) await each[Symbol.asyncDispose]();
      await close();
    }
  });
});
