/** The audit, reading: the newest first, by keyset, each filter along an index. */
import type { Database } from '../database/database.ts';
import { texts } from '../database/lists.ts';
import { join, raw, type Statement, sql } from '../database/sql.ts';
import { HedgerowError } from '../lib/errors.ts';
import { AUDIT_ACTOR_KINDS, type AuditActorKind } from './audit.ts';

export interface AuditEvent {
  readonly id: string;
  /** ms since 1970 */
  readonly at: number;
  readonly actorKind: AuditActorKind;
  readonly actor: string | null;
  readonly action: string;
  readonly target: string | null;
  readonly peerId: string | null;
  readonly outcome: string;
  readonly code: string | null;
  readonly address: string | null;
  readonly bytes: number | null;
  readonly detail: Readonly<Record<string, unknown>> | null;
}

/** What is left out does not narrow; an empty list lets nothing through. */
export interface AuditFilter {
  actorKinds?: readonly AuditActorKind[] | undefined;
  peerIds?: readonly string[] | undefined;
  actions?: readonly string[] | undefined;
  /** ms, inclusive */
  from?: number | undefined;
  /** ms, exclusive */
  until?: number | undefined;
}

/** Where a page ended. */
export interface AuditPosition {
  at: number;
  id: string;
}

export interface AuditLog {
  /** At most `take` events that follow `after`. @throws HedgerowError INVALID for a list that is too long */
  page(filter: AuditFilter, after: AuditPosition | null, take: number): Promise<AuditEvent[]>;
  /** Those that there are, in no particular order. */
  find(ids: readonly string[]): Promise<AuditEvent[]>;
  /** All of them, read in pages, so that memory and transactions stay small. */
  all(filter: AuditFilter): AsyncGenerator<AuditEvent[], void, void>;
}

/** Values of one list of a filter. */
const VALUES = 50;
const EXPORT_PAGE = 500;

export function createAuditLog({ read }: Pick<Database, 'read'>): AuditLog {
  const page: AuditLog['page'] = async (filter, after, take) => {
    for (const [field, list] of Object.entries({
      actorKinds: filter.actorKinds,
      peerIds: filter.peerIds,
      actions: filter.actions,
    })) {
      if ((list?.length ?? 0) > VALUES) {
        throw new HedgerowError('INVALID', `A filter takes at most ${VALUES} values at once.`, {
          field: ['filter', field],
        });
      }
    }
    const branches = branchesOf(filter);
    if (branches.length === 0) return [];
    const rest = conditions(filter, after);
    const queries = branches.map(
      (branch, index) => sql`
        SELECT * FROM (
          SELECT * FROM audit_events WHERE ${join([...branch, ...rest], ' AND ')} ORDER BY at DESC, id DESC LIMIT ${take}
        ) AS ${NAMES[index] ?? NAMES[0]}`,
    );
    const rows = await read.all<Row>(
      sql`SELECT * FROM (${join(queries, ' UNION ALL ')}) AS merged ORDER BY at DESC, id DESC LIMIT ${take}`,
    );
    return rows.map(toEvent);
  };
  return {
    page,
    find: async (ids) => {
      const rows = await read.all<Row>(
        sql`SELECT * FROM audit_events WHERE id IN (${texts(read, JSON.stringify(ids))})`,
      );
      return rows.map(toEvent);
    },
    all: async function* (filter) {
      let after: AuditPosition | null = null;
      for (;;) {
        const events: AuditEvent[] = await page(filter, after, EXPORT_PAGE);
        if (events.length > 0) yield events;
        const last = events.at(-1);
        if (last === undefined || events.length < EXPORT_PAGE) return;
        after = { at: last.at, id: last.id };
      }
    },
  };
}

/** Names of the parts, which PostgreSQL before 16 asks for. */
const NAMES = Array.from({ length: VALUES }, (_, index) => raw(`part_${index}`));

/**
 * A list of values along an index that ends in the time cannot be read in the order of time; each value by itself can.
 * So the most selective list of the filter becomes a query a value, and the first rows of each are merged.
 */
function branchesOf({ peerIds, actions, actorKinds }: AuditFilter): Statement[][] {
  const lists = [
    { column: raw('peer_id'), values: peerIds },
    { column: raw('action'), values: actions },
    { column: raw('actor_kind'), values: actorKinds },
  ].filter((list): list is { column: Statement; values: readonly string[] } => list.values !== undefined);
  const [split, ...others] = lists;
  if (split === undefined) return [[]];
  if (lists.some(({ values }) => values.length === 0)) return [];
  const narrowed = others.map(({ column, values }) => sql`${column} IN (${join([...values])})`);
  return [...new Set(split.values)].map((value) => [sql`${split.column} = ${value}`, ...narrowed]);
}

function conditions({ from, until }: AuditFilter, after: AuditPosition | null): Statement[] {
  return [
    sql`1 = 1`,
    ...(from === undefined ? [] : [sql`at >= ${from}`]),
    ...(until === undefined ? [] : [sql`at < ${until}`]),
    ...(after === null ? [] : [sql`(at, id) < (${after.at}, ${after.id})`]),
  ];
}

interface Row {
  id: string;
  at: number;
  actor_kind: string;
  actor: string | null;
  action: string;
  target: string | null;
  peer_id: string | null;
  outcome: string;
  code: string | null;
  address: string | null;
  bytes: number | null;
  detail: string | null;
}

function toEvent(row: Row): AuditEvent {
  const { id, at, actor, action, target, outcome, code, address, bytes } = row;
  return {
    id,
    at,
    // A kind that this version does not know was none of a person's.
    actorKind: AUDIT_ACTOR_KINDS.find((kind) => kind === row.actor_kind) ?? 'SYSTEM',
    actor,
    action,
    target,
    peerId: row.peer_id,
    outcome,
    code,
    address,
    bytes,
    detail: row.detail === null ? null : (JSON.parse(row.detail) as Record<string, unknown>),
  };
}
