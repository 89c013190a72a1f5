/**
 * The audit, writing: who did what, and what left for whom. Rows are added, and removed only by age and number.
 *
 * What somebody else can cause without end (refusals, requests of peers, bytes) is gathered in rows of one minute or
 * one hour and held to a number of rows a minute, at all processes together, so that nobody fills the disk or pushes out
 * what others did. What a
 * person or a program of ours did has a row for each act, on the disk before the act is confirmed.
 */

import type { Database } from '../database/database.ts';
import type { SharedLimits, SharedPolicy } from '../database/shared-limits.ts';
import { type Statement, sql } from '../database/sql.ts';
import { entriesCache } from '../lib/entries-cache.ts';
import { newId } from '../lib/ids.ts';
import { AUDIT_RETENTION, type AuditRetention, pruneAudit } from './audit-retention.ts';

export const AUDIT_ACTOR_KINDS = ['USER', 'TOKEN', 'PEER', 'SYSTEM', 'ANONYMOUS'] as const;
export type AuditActorKind = (typeof AUDIT_ACTOR_KINDS)[number];

export interface AuditEntry {
  actorKind: AuditActorKind;
  /** Id of the user, token or peer. */
  actor?: string | null | undefined;
  /** Dotted, the noun first. */
  action: string;
  /** Id of what it was done to; several are separated by spaces. */
  target?: string | null | undefined;
  /** Our id of the peer that it is about. */
  peerId?: string | null | undefined;
  outcome: 'done' | 'refused' | 'failed';
  code?: string | undefined;
  address?: string | undefined;
  bytes?: number | undefined;
  /** Further facts; never a secret. */
  detail?: Readonly<Record<string, unknown>> | undefined;
}

/** Bytes of an item that were sent to a peer. */
export interface ServedBytes {
  peerId: string;
  itemId: string;
  variant: string;
  bytes: number;
}

export interface Audit extends AsyncDisposable {
  /**
   * Resolves once it is written, or once it is counted in the row of its like of this minute; never rejects. Not to be
   * awaited inside a transaction.
   */
  record(entry: AuditEntry): Promise<void>;
  /** An addition in memory; written every ten seconds, in one row for peer, item and variant in an hour. */
  served(bytes: ServedBytes): void;
  /** Writes what was only counted so far. */
  flush(): Promise<void>;
  /** Removes what is too old or too much, in short transactions. */
  prune(): Promise<void>;
  /** Prunes now and once a day from now on. */
  start(): void;
}

export interface AuditOptions {
  database: Pick<Database, 'read' | 'write'>;
  /** Of all processes together; null where there is one. */
  shared?: Pick<SharedLimits, 'take'> | null | undefined;
  now: () => number;
  /** Something could not be written. */
  onError: (error: unknown) => void;
  retention?: AuditRetention;
  /** Counted (peer, item, variant) that are held; what comes beyond is counted in one row for its peer. */
  tallies?: number;
}

const DAY = 24 * 3600_000;
const MINUTE = 60_000;
const HOUR = 3600_000;

/** ms between two writings of what is counted. */
const FLUSH_EVERY = 10_000;
/** New rows of a minute that one peer, person or program causes by refusals, and all strangers together. */
const ROWS_AN_ACTOR = 60;
/** The same of everybody together. */
const ROWS_IN_ALL = 600;
/** Of one minute by the clock, whose bucket nobody asks for afterwards: next to nothing is forgotten in it. */
const ofMinute = (rows: number): SharedPolicy => ({ capacity: rows, leak: MINUTE });
const TALLIES = 10_000;
/** Rows that are written in one transaction. */
const BATCH = 100;
/** Characters of a text; longer ones are cut. */
const LENGTHS = { actor: 200, action: 100, target: 4_000, peerId: 200, code: 64, address: 64 };
const DETAIL_LENGTH = 8_000;

interface Row {
  id: string;
  at: number;
  actorKind: AuditActorKind;
  actor: string | null;
  action: string;
  target: string | null;
  peerId: string | null;
  outcome: string;
  code: string | null;
  address: string | null;
  bytes: number | null;
  detail: Readonly<Record<string, unknown>> | null;
}

/** A row that goes on counting. Writing it again changes its bytes and detail, so a failed write is just repeated. */
interface Counted {
  row: Row;
  count: number;
  lastAt: number;
  /** From then on its like gets a new row. */
  endsAt: number;
  unwritten: boolean;
  /** Whether it may have a row is not known yet. */
  asking: boolean;
}

export function createAudit({
  database,
  shared = null,
  now,
  onError,
  retention = AUDIT_RETENTION,
  tallies: most = TALLIES,
}: AuditOptions): Audit {
  const refusals = new Map<string, Counted>();
  const tallies = new Map<string, Counted>();
  const budgets = entriesCache<string, { endsAt: number; used: number }>(10_000);
  const writing = new Set<Promise<void>>();
  let flushTimer: NodeJS.Timeout | undefined;
  let pruneTimer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> | undefined;

  const store = (rows: readonly Row[]): Promise<void> =>
    database.write(async (tx) => {
      for (const row of rows) await tx.run(upsert(row));
    });

  function planFlush(): void {
    flushTimer ??= setTimeout(() => void flush(), FLUSH_EVERY).unref();
  }

  /** True where another row may be made for it. */
  function within(key: string, rows: number, at: number): boolean {
    let budget = budgets.get(key);
    if (budget === undefined || budget.endsAt <= at) {
      budget = { endsAt: at + MINUTE, used: 0 };
      budgets.set(key, budget);
    }
    budget.used += 1;
    return budget.used <= rows;
  }

  /** The same of all processes, each of which takes some rows ahead. */
  async function withinAll(budget: string, at: number): Promise<boolean> {
    if (shared === null) return true;
    const minute = Math.floor(at / MINUTE);
    try {
      for (const [name, rows] of [
        ['everybody', ROWS_IN_ALL],
        [budget, ROWS_AN_ACTOR],
      ] as const) {
        if ((await shared.take(`audit ${minute} of ${name}`, ofMinute(rows))) > 0) return false;
      }
    } catch {
      // The database is away: what is kept until then is bounded here.
    }
    return true;
  }

  /** Writes the first of its kind in a minute at once; the others are counted in its row. */
  async function countRefusal(
    entry: AuditEntry,
    key: string,
    at: number,
    budget: string | null,
    count = 1,
  ): Promise<void> {
    const known = refusals.get(key);
    if (known !== undefined && at < known.endsAt) {
      known.count += count;
      known.lastAt = at;
      known.unwritten = true;
      planFlush();
      return;
    }
    if (budget !== null && !(within(budget, ROWS_AN_ACTOR, at) && within('everybody', ROWS_IN_ALL, at))) {
      return leaveOut(entry, at, 1);
    }
    const asking = budget !== null && shared !== null;
    const counted: Counted = {
      row: rowOf(entry, at),
      count,
      lastAt: at,
      endsAt: at + MINUTE,
      unwritten: false,
      asking,
    };
    refusals.set(key, counted);
    planFlush();
    if (asking) {
      const may = await withinAll(budget, at);
      counted.asking = false;
      if (!may) {
        if (refusals.get(key) === counted) refusals.delete(key);
        return leaveOut(entry, counted.lastAt, counted.count);
      }
    }
    counted.unwritten = false;
    await store([rowWithCount(counted)]).catch((error: unknown) => {
      counted.unwritten = true;
      onError(error);
    });
  }

  /** One row says how many had no room. */
  function leaveOut({ actorKind, actor }: AuditEntry, at: number, count: number): Promise<void> {
    const entry: AuditEntry = {
      actorKind: 'SYSTEM',
      action: 'audit.left-out',
      outcome: 'failed',
      detail: { actorKind },
      ...(actorKind === 'PEER' && { peerId: actor }),
    };
    const budget = budgetOf(actorKind, actor);
    return countRefusal(entry, `left out ${budget}`, at, null, count);
  }

  async function record(entry: AuditEntry): Promise<void> {
    const at = now();
    const outside = entry.actorKind === 'PEER' || entry.actorKind === 'ANONYMOUS';
    if (entry.outcome === 'done' && !outside) {
      const row = rowOf(entry, at);
      return store([row]).catch((error: unknown) => {
        onError(error);
        // What was done has been done, and is told once the database is there again.
        if (refusals.size >= most) return;
        const counted = { row, count: 1, lastAt: at, endsAt: at, unwritten: true, asking: false };
        refusals.set(`unwritten ${row.id}`, counted);
        planFlush();
      });
    }
    const { actorKind, actor, action, target, peerId, outcome, code, address } = entry;
    const key = JSON.stringify([actorKind, actor, action, target, peerId, outcome, code, address]);
    return countRefusal(entry, key, at, budgetOf(actorKind, actor));
  }

  async function flush(): Promise<void> {
    clearTimeout(flushTimer);
    flushTimer = undefined;
    flushing ??= writeCounted().finally(() => {
      flushing = undefined;
    });
    return flushing;
  }

  async function writeCounted(): Promise<void> {
    const unwritten = [...refusals.values(), ...tallies.values()].filter(
      (counted) => counted.unwritten && !counted.asking,
    );
    for (let from = 0; from < unwritten.length; from += BATCH) {
      const batch = unwritten.slice(from, from + BATCH);
      for (const counted of batch) counted.unwritten = false;
      try {
        await store(batch.map(rowWithCount));
      } catch (error) {
        for (const counted of unwritten.slice(from)) counted.unwritten = true;
        planFlush();
        onError(error);
        break;
      }
    }
    forget(refusals, () => false);
    // A tally that is forgotten before its hour is over costs a second row, and nothing else.
    forget(tallies, () => tallies.size > most / 2);
  }

  /** Lets go of what is written: what has ended, and more where there is need. */
  function forget(counted: Map<string, Counted>, need: () => boolean): void {
    const at = now();
    for (const [key, each] of counted) {
      if (!each.unwritten && !each.asking && (each.endsAt <= at || need())) counted.delete(key);
    }
  }

  function served({ peerId, itemId, variant, bytes }: ServedBytes): void {
    const at = now();
    let key = `${peerId} ${itemId} ${variant}`;
    let target: string | null = itemId;
    let counted = tallies.get(key);
    if (counted === undefined && tallies.size >= most) {
      void flush();
      key = peerId;
      target = null;
      counted = tallies.get(key);
    }
    if (counted === undefined || (counted.endsAt <= at && !counted.unwritten)) {
      const detail = target === null ? {} : { variant };
      const entry = { action: 'media.served', target, peerId, outcome: 'done', bytes: 0, detail } as const;
      const row = rowOf({ ...entry, actorKind: 'PEER', actor: peerId }, at);
      counted = { row, count: 0, lastAt: at, endsAt: at + HOUR, unwritten: true, asking: false };
      tallies.set(key, counted);
    }
    counted.row.bytes = (counted.row.bytes ?? 0) + bytes;
    counted.count += 1;
    counted.lastAt = at;
    counted.unwritten = true;
    planFlush();
  }

  async function prune(): Promise<void> {
    try {
      const removed = await pruneAudit(database, now(), retention);
      if (removed === 0) return;
      await record({
        actorKind: 'SYSTEM',
        action: 'audit.pruned',
        outcome: 'done',
        detail: { rows: removed },
      });
    } catch (error) {
      onError(error);
    }
  }

  /** Whoever does not wait for it is waited for at the end. */
  function tracked(work: Promise<void>): Promise<void> {
    writing.add(work);
    return work.finally(() => writing.delete(work));
  }

  return {
    record: (entry) => tracked(record(entry)),
    served,
    flush,
    prune: () => tracked(prune()),
    start: () => {
      void tracked(prune());
      pruneTimer = setInterval(() => void tracked(prune()), DAY);
      pruneTimer.unref();
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(pruneTimer);
      await Promise.all(writing);
      // What was counted while one flush was under way is in the next.
      await flushing;
      await flush();
      clearTimeout(flushTimer);
    },
  };
}

/** Peers, people and programs have room of their own; strangers, who can be any number, share theirs. */
function budgetOf(actorKind: AuditActorKind, actor: string | null | undefined): string {
  return actorKind === 'ANONYMOUS' ? actorKind : `${actorKind} ${actor ?? ''}`;
}

function rowOf(entry: AuditEntry, at: number): Row {
  return {
    id: newId('audit', at),
    at,
    actorKind: entry.actorKind,
    actor: cut(entry.actor, LENGTHS.actor),
    action: entry.action.slice(0, LENGTHS.action),
    target: cut(entry.target, LENGTHS.target),
    peerId: cut(entry.peerId, LENGTHS.peerId),
    outcome: entry.outcome,
    code: cut(entry.code, LENGTHS.code),
    address: cut(entry.address, LENGTHS.address),
    bytes: entry.bytes ?? null,
    detail: entry.detail ?? null,
  };
}

function cut(text: string | null | undefined, length: number): string | null {
  return text === null || text === undefined ? null : text.slice(0, length);
}

function rowWithCount({ row, count, lastAt }: Counted): Row {
  if (count === 1) return row;
  return { ...row, detail: { ...row.detail, count, until: new Date(lastAt).toISOString() } };
}

function upsert(row: Row): Statement {
  const text = row.detail === null ? null : JSON.stringify(row.detail);
  const detail = text !== null && text.length > DETAIL_LENGTH ? '{"cut":true}' : text;
  return sql`
    INSERT INTO audit_events (id, at, actor_kind, actor, action, target, peer_id, outcome, code, address, bytes, detail)
    VALUES (${row.id}, ${row.at}, ${row.actorKind}, ${row.actor}, ${row.action}, ${row.target}, ${row.peerId},
      ${row.outcome}, ${row.code}, ${row.address}, ${row.bytes}, ${detail})
    ON CONFLICT (id) DO UPDATE SET bytes = EXCLUDED.bytes, detail = EXCLUDED.detail`;
}
