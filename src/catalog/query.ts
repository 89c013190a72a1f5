/** Pages of the one catalog: one statement, by keyset, whatever the depth and the number of peers. */

import { texts } from '../database/lists.ts';
import type { Sql, Statement } from '../database/sql.ts';
import { empty, join, raw, sql } from '../database/sql.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { MediaKind } from '../lib/media.ts';
import { decodeCursor, encodeCursor, type Position, queryFingerprint } from './cursor.ts';
import {
  ITEM_COLUMNS,
  type Item,
  type ItemRow,
  itemFromRow,
  kindNumber,
  type Visibility,
  visibilityNumber,
} from './items.ts';
import { hiddenSeenBy, type Reader, visibleTo } from './visibility.ts';
import { fts5Term, parseSearch, tsqueryTerm } from './words.ts';

export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 500;

export type Origin = 'ALL' | 'LOCAL' | 'REMOTE';

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

/** Sort column, and how an item's place in that order is read. A null size sorts as -1, before all. */
const ORDERS: Record<
  OrderField,
  { column: string; value: (item: Item & { titleKey: string }) => number | string }
> = {
  TAKEN_AT: { column: 'i.timeline_at', value: (item) => item.timelineAt },
  ADDED_AT: { column: 'i.added_at', value: (item) => item.addedAt },
  UPDATED_AT: { column: 'i.updated_at', value: (item) => item.updatedAt },
  TITLE: { column: 'i.title_key', value: (item) => item.titleKey },
  BYTE_SIZE: { column: 'COALESCE(i.byte_size, -1)', value: (item) => item.byteSize ?? -1 },
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
  const order = ORDERS[query.order.field];
  const conditions = [matching(database, reader, query)];
  if (page.after !== undefined) {
    conditions.push(beyond(query.order, decodeCursor(fingerprint, page.after), 'after'));
  }
  if (page.before !== undefined) {
    conditions.push(beyond(query.order, decodeCursor(fingerprint, page.before), 'before'));
  }
  const direction = raw((query.order.direction === 'ASC') !== backward ? 'ASC' : 'DESC');
  const column = raw(order.column);
  const rows = await database.all<ItemRow & { titleKey: string }>(
    sql`SELECT ${ITEM_COLUMNS}, i.title_key AS "titleKey" FROM items i WHERE ${join(conditions, ' AND ')} ORDER BY ${column} ${direction}, i.id ${direction} LIMIT ${size + 1}`,
  );
  const more = rows.length > size;
  const kept = rows.slice(0, size);
  if (backward) kept.reverse();
  const edges = kept.map(({ titleKey, ...row }) => {
    const item = itemFromRow(row);
    const value = order.value({ ...item, titleKey });
    return { cursor: encodeCursor(fingerprint, { value, id: item.id }), item };
  });
  return {
    edges,
    // Relay: where it is paged the other way, what lies beyond the given cursor is there by that cursor.
    hasNextPage: backward ? page.before !== undefined : more,
    hasPreviousPage: backward ? more : page.after !== undefined,
  };
}

export async function countMatches(database: Sql, reader: Reader, query: CatalogQuery): Promise<number> {
  const row = await database.get<{ count: number }>(
    sql`SELECT COUNT(*) AS count FROM items i WHERE ${matching(database, reader, query)}`,
  );
  return row?.count ?? 0;
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

function beyond(order: CatalogOrder, position: Position, side: 'after' | 'before'): Statement {
  const column = raw(ORDERS[order.field].column);
  const larger = (order.direction === 'ASC') === (side === 'after');
  return sql`(${column}, i.id) ${raw(larger ? '>' : '<')} (${position.value}, ${position.id})`;
}

function matching(database: Sql, reader: Reader, { origin, filter }: CatalogQuery): Statement {
  const conditions: Statement[] = [filter.hidden === true ? hiddenSeenBy(reader) : visibleTo(reader)];
  const list = (values: readonly unknown[]) => JSON.stringify(values);
  if (origin === 'LOCAL') conditions.push(sql`i.source = 0`);
  if (origin === 'REMOTE') conditions.push(sql`i.source <> 0`);
  if (filter.peerIds !== undefined) {
    conditions.push(
      sql`i.source IN (SELECT p.key FROM federation_peers p WHERE p.id IN (${texts(database, list(filter.peerIds))}))`,
    );
  }
  if (filter.kinds !== undefined) conditions.push(oneOf(sql`i.kind`, filter.kinds.map(kindNumber)));
  if (filter.visibilities !== undefined) {
    conditions.push(
      sql`i.source = 0 AND ${oneOf(sql`i.visibility`, filter.visibilities.map(visibilityNumber))}`,
    );
  }
  const tagged = (tags: readonly string[]) =>
    sql`i.key IN (SELECT t.item_key FROM item_tags t WHERE t.tag IN (${texts(database, list(tags))}))`;
  if (filter.tags?.any !== undefined) conditions.push(tagged(filter.tags.any));
  for (const tag of filter.tags?.all ?? []) conditions.push(tagged([tag]));
  if (filter.tags?.none !== undefined && filter.tags.none.length > 0) {
    conditions.push(sql`NOT ${tagged(filter.tags.none)}`);
  }
  if (filter.albumIds !== undefined) {
    conditions.push(
      sql`i.key IN (SELECT m.item_key FROM album_items m JOIN albums a ON a.key = m.album_key WHERE a.id IN (${texts(database, list(filter.albumIds))}) AND ${visibleTo(reader, 'a')})`,
    );
  }
  if (filter.takenAt !== undefined) conditions.push(...between(sql`i.taken_at`, filter.takenAt));
  if (filter.addedAt !== undefined) conditions.push(...between(sql`i.added_at`, filter.addedAt));
  if (filter.query !== undefined) conditions.push(searched(database, filter.query));
  return join(conditions, ' AND ');
}

function oneOf(column: Statement, values: readonly number[]): Statement {
  return values.length === 0 ? sql`1 = 0` : sql`${column} IN (${join([...values])})`;
}

function between(
  column: Statement,
  range: { gte?: number | undefined; lt?: number | undefined },
): Statement[] {
  const bounds: Statement[] = [];
  if (range.gte !== undefined) bounds.push(sql`${column} >= ${range.gte}`);
  if (range.lt !== undefined) bounds.push(sql`${column} < ${range.lt}`);
  return bounds;
}

function searched(database: Sql, text: string): Statement {
  const query = parseSearch(text);
  if (query === null) return sql`1 = 1`;
  const { required, excluded } = query;
  if (required.length === 0 && excluded.length === 0) return sql`1 = 0`;
  const found = (terms: string): Statement =>
    database.dialect === 'sqlite'
      ? sql`i.key IN (SELECT rowid FROM item_search WHERE item_search MATCH ${terms})`
      : sql`i.key IN (SELECT s.item_key FROM item_search s WHERE s.words @@ CAST(${terms} AS tsquery))`;
  const [term, and] = database.dialect === 'sqlite' ? [fts5Term, ' AND '] : [tsqueryTerm, ' & '];
  return sql`${required.length === 0 ? sql`1 = 1` : found(required.map(term).join(and))}${
    excluded.length === 0
      ? empty
      : join(
          excluded.map((one) => sql` AND NOT ${found(term(one))}`),
          '',
        )
  }`;
}
