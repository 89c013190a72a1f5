/** Pages of the one catalog: one statement, by keyset, whatever the depth and the number of peers. */

import { texts } from '../database/lists.ts';
import type { Sql, Statement } from '../database/sql.ts';
import { join, raw, sql } from '../database/sql.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { MediaKind } from '../lib/media.ts';
import { decodeCursor, encodeCursor, type Position, queryFingerprint } from './cursor.ts';
import { ITEM_COLUMNS, type Item, type ItemRow, itemFromRow, type Visibility } from './items.ts';
import { shown } from './matching.ts';
import { hiddenSeenBy, type Reader, visibleTo } from './visibility.ts';

export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 500;

export type Origin = 'ALL' | 'LOCAL' | 'REMOTE';

/** Where the bytes of an item are. */
export const AVAILABILITIES = ['LOCAL', 'CACHED', 'PARTIAL', 'ON_DEMAND', 'UNAVAILABLE'] as const;
export type AvailabilityState = (typeof AVAILABILITIES)[number];

export interface CatalogFilter {
  /** Ids of peers; only their items. */
  peerIds?: readonly string[] | undefined;
  kinds?: readonly MediaKind[] | undefined;
  tags?:
    | {
        any?: readonly string[] | undefined;
        all?: readonly string[] | undefined;
        none?: readonly string[] | undefined;
      }
    | undefined;
  query?: string | undefined;
  /** Camera's clock, ms as if UTC. */
  takenAt?: { gte?: number | undefined; lt?: number | undefined } | undefined;
  addedAt?: { gte?: number | undefined; lt?: number | undefined } | undefined;
  visibilities?: readonly Visibility[] | undefined;
  /** Ids of albums; only items in one of them that the reader sees. */
  albumIds?: readonly string[] | undefined;
  availability?: readonly AvailabilityState[] | undefined;
  /**
   * COLLAPSE: of the matching items with the same bytes one stands for all, the local one before those of peers, then
   * the one longest here; it has its own place in the order.
   */
  duplicates?: 'SHOW' | 'COLLAPSE' | undefined;
  /** True: only what an admin hid, for admins; else what is not hidden. */
  hidden?: boolean | undefined;
}

export const ORDER_FIELDS = ['TAKEN_AT', 'ADDED_AT', 'UPDATED_AT', 'TITLE', 'BYTE_SIZE'] as const;
export type OrderField = (typeof ORDER_FIELDS)[number];

export interface CatalogOrder {
  field: OrderField;
  direction: 'ASC' | 'DESC';
}

export interface CatalogQuery {
  origin: Origin;
  filter: CatalogFilter;
  order: CatalogOrder;
}

export interface PageArguments {
  first?: number | undefined;
  after?: string | undefined;
  last?: number | undefined;
  before?: string | undefined;
}

export interface CatalogPage {
  edges: { cursor: string; item: Item }[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
}

/** What an order compares. A null size sorts as -1, before all. */
const ORDERS: Record<OrderField, string> = {
  TAKEN_AT: 'i.timeline_at',
  ADDED_AT: 'i.added_at',
  UPDATED_AT: 'i.updated_at',
  TITLE: 'i.title_key',
  BYTE_SIZE: 'COALESCE(i.byte_size, -1)',
};

/**
 * One page, as Relay's connections define it.
 *
 * @throws HedgerowError INVALID for sizes outside 1 to 500 or `first` with `last`; BAD_CURSOR.
 */
export async function readPage(
  database: Sql,
  reader: Reader,
  query: CatalogQuery,
  page: PageArguments,
): Promise<CatalogPage> {
  const { backward, size } = pageSize(page);
  const fingerprint = queryFingerprint([query.origin, query.filter, query.order]);
  const column = raw(ORDERS[query.order.field]);
  const conditions = [shown(database, reader, query)];
  if (page.after !== undefined) {
    conditions.push(beyond(query.order, column, positionOf(query.order, fingerprint, page.after), 'after'));
  }
  if (page.before !== undefined) {
    conditions.push(beyond(query.order, column, positionOf(query.order, fingerprint, page.before), 'before'));
  }
  const direction = raw((query.order.direction === 'ASC') !== backward ? 'ASC' : 'DESC');
  const rows = await database.all<ItemRow & { place: number | string }>(
    sql`SELECT ${ITEM_COLUMNS}, ${column} AS place FROM items i WHERE ${join(conditions, ' AND ')} ORDER BY ${column} ${direction}, i.id ${direction} LIMIT ${size + 1}`,
  );
  const more = rows.length > size;
  const kept = rows.slice(0, size);
  if (backward) kept.reverse();
  const edges = kept.map(({ place, ...row }) => ({
    cursor: encodeCursor(fingerprint, { value: place, id: row.id }),
    item: itemFromRow(row),
  }));
  return {
    edges,
    // Relay: where it is paged the other way, what lies beyond the given cursor is there by that cursor.
    hasNextPage: backward ? page.before !== undefined : more,
    hasPreviousPage: backward ? more : page.after !== undefined,
  };
}

/** By its id an admin also gets what is hidden, so that it can be shown again. */
function reachableBy(reader: Reader): Statement {
  return reader.kind === 'ADMIN' ? sql`(${visibleTo(reader)} OR ${hiddenSeenBy(reader)})` : visibleTo(reader);
}

/** Visible items by id; what is unknown or not visible is missing in the answer. */
export async function readItems(
  database: Sql,
  reader: Reader,
  ids: readonly string[],
): Promise<Map<string, Item>> {
  const rows = await database.all<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM items i WHERE i.id IN (${texts(database, JSON.stringify(ids))}) AND ${reachableBy(reader)}`,
  );
  return new Map(rows.map((row) => [row.id, itemFromRow(row)]));
}

/** A peer's item by its id at the peer. */
export async function readRemoteItem(
  database: Sql,
  reader: Reader,
  source: number,
  remoteId: string,
): Promise<Item | null> {
  const row = await database.get<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM items i WHERE i.source = ${source} AND i.remote_id = ${remoteId} AND ${reachableBy(reader)}`,
  );
  return row === undefined ? null : itemFromRow(row);
}

/** Other visible items with the same bytes, for many items at once; the longest here first, local before remote. */
export async function readCopies(
  database: Sql,
  reader: Reader,
  digests: readonly string[],
): Promise<Map<string, Item[]>> {
  const rows = await database.all<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM items i WHERE i.digest IN (${texts(database, JSON.stringify(digests))}) AND ${visibleTo(reader)} ORDER BY CASE WHEN i.source = 0 THEN 0 ELSE 1 END, i.key LIMIT 5000`,
  );
  const copies = new Map<string, Item[]>();
  for (const row of rows) {
    const item = itemFromRow(row);
    if (item.digest === null) continue;
    const list = copies.get(item.digest);
    if (list === undefined) copies.set(item.digest, [item]);
    else list.push(item);
  }
  return copies;
}

/** @throws HedgerowError INVALID */
export function pageSize(page: PageArguments): { backward: boolean; size: number } {
  if (page.first !== undefined && page.last !== undefined) {
    throw new HedgerowError('INVALID', 'Ask for first or for last, not for both.', { field: ['first'] });
  }
  const backward = page.last !== undefined;
  const size = page.first ?? page.last ?? PAGE_DEFAULT;
  if (!Number.isInteger(size) || size < 1 || size > PAGE_MAX) {
    throw new HedgerowError('INVALID', `A page has 1 to ${PAGE_MAX} items.`, {
      field: [backward ? 'last' : 'first'],
    });
  }
  return { backward, size };
}

/** @throws HedgerowError BAD_CURSOR also where the cursor has nothing that this order compares. */
function positionOf({ field }: CatalogOrder, fingerprint: string, cursor: string): Position {
  const position = decodeCursor(fingerprint, cursor);
  const fits = field === 'TITLE' ? typeof position.value === 'string' : Number.isSafeInteger(position.value);
  if (!fits) throw new HedgerowError('BAD_CURSOR');
  return position;
}

function beyond(
  { direction }: CatalogOrder,
  column: Statement,
  position: Position,
  side: 'after' | 'before',
): Statement {
  const larger = (direction === 'ASC') === (side === 'after');
  return sql`(${column}, i.id) ${raw(larger ? '>' : '<')} (${position.value}, ${position.id})`;
}
