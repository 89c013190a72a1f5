/**
 * What changes of the catalog, told to readers who follow it: each is told what he or she may see of it, and what of
 * that is gone.
 *
 * All followers share one look at the counter of changes. Only where it has moved does each read what is behind it, by
 * the revision that every item carries; so a slow follower leaves nothing standing but a number.
 */
import { type Sql, type Statement, sql } from '../database/sql.ts';
import { createTopic } from '../lib/topic.ts';
import { ITEM_COLUMNS, type Item, type ItemRow, itemFromRow } from './items.ts';
import { type Origin, readItems } from './query.ts';
import { REVISIONS_KEPT, readState } from './state.ts';
import { type Reader, visibleTo } from './visibility.ts';

/** Items, and ids that are gone, of one change. What is more is read as pages. */
export const CHANGE_MAX = 500;
/** Rows that are looked at for one change, whoever sees them. */
const ROWS_MAX = 2_000;
/** ms between two looks at the counter. */
const LOOK_EVERY = 250;

export interface CatalogChange {
  /** The catalog is known up to here. */
  revision: number;
  /** Items that are new or changed, as they are now. */
  changed: Item[];
  /** Items that the reader saw, or may have seen, and sees no longer. */
  removedIds: string[];
  /** Too much changed, or it is not known what: the catalog is to be read anew. */
  reset: boolean;
}

export interface FollowOptions {
  reader: Reader;
  origin: Origin;
  /** Null: from now on. */
  since: number | null;
  /** Ends it; whoever only stops reading leaves it waiting. */
  signal: AbortSignal;
}

export interface CatalogChanges {
  /**
   * First what changed since the revision, though it be nothing; then each change of which the reader sees something,
   * within a quarter of a second.
   *
   * @throws HedgerowError UNAVAILABLE where too many follow
   */
  follow(options: FollowOptions): AsyncGenerator<CatalogChange, void>;
}

export interface ChangesOptions {
  read: Sql;
  /** ms */
  lookEvery?: number;
}

export function createCatalogChanges({ read, lookEvery = LOOK_EVERY }: ChangesOptions): CatalogChanges {
  const moved = createTopic();
  let known = -1;
  let scheduled = false;

  const look = async (): Promise<void> => {
    scheduled = false;
    if (moved.followers === 0) return;
    // A database that does not answer for a moment is asked again.
    const state = await readState(read).catch(() => null);
    if (state !== null && state.revision !== known) {
      known = state.revision;
      moved.publish('revision');
    }
    schedule();
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setTimeout(() => void look(), lookEvery).unref();
  };

  return {
    follow: async function* ({ reader, origin, since, signal }) {
      // From before the first reading on, so that nothing falls between the two.
      const looks = moved.follow(signal);
      try {
        schedule();
        const first = await readChanges(read, reader, origin, since);
        yield first;
        let { revision } = first;
        for await (const _moved of looks) {
          const change = await readChanges(read, reader, origin, revision);
          revision = change.revision;
          if (change.reset || change.changed.length > 0 || change.removedIds.length > 0) yield change;
        }
      } finally {
        await looks.return?.();
      }
    },
  };
}

/** What changed since a revision, for this reader. Null: nothing, as of now. */
export async function readChanges(
  read: Sql,
  reader: Reader,
  origin: Origin,
  since: number | null,
): Promise<CatalogChange> {
  const { revision } = await readState(read);
  const nothing: CatalogChange = { revision, changed: [], removedIds: [], reset: false };
  if (since === null || since === revision) return nothing;
  const reset = { ...nothing, reset: true };
  // Ahead of the counter: the database was put back from a backup.
  if (since > revision || since < revision - REVISIONS_KEPT) return reset;

  const within = (column: Statement): Statement => sql`${column} > ${since} AND ${column} <= ${revision}`;
  const rows = await read.get<{ items: number; departures: number }>(
    sql`SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM items i WHERE ${within(sql`i.revision`)} LIMIT ${ROWS_MAX + 1}) x) AS items, (SELECT COUNT(*) FROM (SELECT 1 FROM departures d WHERE ${within(sql`d.revision`)} LIMIT ${ROWS_MAX + 1}) y) AS departures`,
  );
  if (rows === undefined || rows.items > ROWS_MAX || rows.departures > ROWS_MAX) return reset;

  const changed = await read.all<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM items i WHERE ${within(sql`i.revision`)} AND ${visibleTo(reader)} AND ${ofOrigin(origin, sql`i.source`)} ORDER BY i.revision, i.id LIMIT ${CHANGE_MAX + 1}`,
  );
  const departed = await read.all<{ id: string | null }>(
    sql`SELECT DISTINCT d.item_id AS id FROM departures d WHERE ${within(sql`d.revision`)} AND (d.item_id IS NULL OR ${visibleTo(reader, 'd')}) AND ${ofOrigin(origin, sql`d.source`)} LIMIT ${CHANGE_MAX + 1}`,
  );
  if (changed.length > CHANGE_MAX || departed.length > CHANGE_MAX) return reset;
  const ids = departed.flatMap(({ id }) => id ?? []);
  // A row without an item: who sees the items of a peer was decided anew.
  if (ids.length < departed.length) return reset;
  // What left and came back, or only looks different to others.
  const here = ids.length === 0 ? new Map<string, Item>() : await readItems(read, reader, ids);
  return {
    ...nothing,
    changed: changed.map(itemFromRow),
    removedIds: ids.filter((id) => here.get(id)?.hidden !== false),
  };
}

function ofOrigin(origin: Origin, column: Statement): Statement {
  if (origin === 'ALL') return sql`1 = 1`;
  return origin === 'LOCAL' ? sql`${column} = 0` : sql`${column} <> 0`;
}
