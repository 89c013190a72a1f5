/** How much of the audit is kept, and how the rest is removed: the oldest first, in pieces that hold nobody up. */
import { setImmediate } from 'node:timers/promises';
import type { Database } from '../database/database.ts';
import { texts } from '../database/lists.ts';
import { type Sql, type Statement, sql } from '../database/sql.ts';

export interface AuditRetention {
  /** ms */
  age: number;
  /** Rows of bytes that peers fetched. */
  served: number;
  /** Rows of what peers and strangers asked for otherwise. */
  outside: number;
  /** Rows of what people, programs and the server itself did. */
  own: number;
}

/** A million rows, about 300 MB; divided, so that whoever downloads much does not push out what an admin did. */
export const AUDIT_RETENTION: AuditRetention = {
  age: 400 * 24 * 3600_000,
  served: 500_000,
  outside: 250_000,
  own: 250_000,
};

/** Rows that are looked at, and removed, at once: a short transaction, also on a slow disk. */
const PIECE = 500;

type Class = 'served' | 'outside' | 'own';

interface Row {
  id: string;
  at: number;
  action: string;
  kind: string;
}

/** @returns how many rows were removed */
export async function pruneAudit(
  database: Pick<Database, 'read' | 'write'>,
  now: number,
  retention: AuditRetention,
): Promise<number> {
  const newest = await newestToGo(database.read, retention);
  const goes = (row: Row): boolean => {
    const last = newest.get(classOf(row));
    return row.at < now - retention.age || (last !== undefined && !isAfter(row, last));
  };
  let removed = 0;
  for await (const rows of walk(database.read, 'oldest first')) {
    const ids = JSON.stringify(rows.filter(goes).map(({ id }) => id));
    if (ids !== '[]') {
      removed += await database.write((tx: Sql) =>
        tx.run(sql`DELETE FROM audit_events WHERE id IN (${texts(tx, ids)})`),
      );
    }
    const end = rows.at(-1);
    const passed = [...newest.values()].every((last) => end !== undefined && isAfter(end, last));
    if (passed && end !== undefined && end.at >= now - retention.age) break;
  }
  return removed;
}

/**
 * Of each class that has too many, the newest row that goes. By position and not by number, so that two processes that
 * prune at once remove nothing twice.
 */
async function newestToGo(read: Sql, retention: AuditRetention): Promise<Map<Class, Row>> {
  const found = new Map<Class, Row>();
  const { served, outside, own } = retention;
  const all = await read.get<{ rows: number }>(sql`SELECT COUNT(*) AS rows FROM audit_events`);
  if ((all?.rows ?? 0) <= Math.min(served, outside, own)) return found;
  const counts: Record<Class, number> = { served: 0, outside: 0, own: 0 };
  for await (const rows of walk(read, 'newest first')) {
    for (const row of rows) {
      const of = classOf(row);
      counts[of] += 1;
      if (counts[of] === retention[of] + 1) found.set(of, row);
    }
    if (found.size === 3) break;
  }
  return found;
}

function classOf({ action, kind }: Row): Class {
  if (action === 'media.served') return 'served';
  return kind === 'PEER' || kind === 'ANONYMOUS' ? 'outside' : 'own';
}

function isAfter(row: Row, other: Row): boolean {
  return row.at > other.at || (row.at === other.at && row.id > other.id);
}

async function* walk(read: Sql, order: 'newest first' | 'oldest first'): AsyncGenerator<Row[]> {
  const down = order === 'newest first';
  let last: Row | undefined;
  for (;;) {
    const rows: Row[] = await read.all<Row>(piece(last, down));
    if (rows.length > 0) yield rows;
    if (rows.length < PIECE) return;
    last = rows.at(-1);
    // SQLite answers without leaving this turn of the event loop.
    await setImmediate();
  }
}

function piece(last: Row | undefined, down: boolean): Statement {
  const columns = sql`SELECT id, at, action, actor_kind AS kind FROM audit_events`;
  if (down) {
    const where = last === undefined ? sql`1 = 1` : sql`(at, id) < (${last.at}, ${last.id})`;
    return sql`${columns} WHERE ${where} ORDER BY at DESC, id DESC LIMIT ${PIECE}`;
  }
  const where = last === undefined ? sql`1 = 1` : sql`(at, id) > (${last.at}, ${last.id})`;
  return sql`${columns} WHERE ${where} ORDER BY at, id LIMIT ${PIECE}`;
}
