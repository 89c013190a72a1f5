/** Pages of the one catalog: one statement, by keyset, whatever the depth and the number of peers. */

import { texts } from '../database/lists.ts';
import { readRecords } from '../database/records.ts';
import type { Sql, Statement } from '../database/sql.ts';
import { join, raw, sql } from '../database/sql.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { MediaKind } from '../lib/media.ts';
import type { Row } from '../lib/rows.ts';
import { decodeCursor, encodeCursor, encodeCursors, type Position, queryFingerprint } from './cursor.ts';
import {
  type AlwaysRead,
  ITEM_COLUMNS,
  ITEM_FIELDS,
  type Item,
  type ItemParts,
  type ItemRow,
  itemFromRow,
  itemParts,
  type Visibility,
} from './items.ts';
import { type Access, narrowsLittle, relevance, SEARCHED_IS_MANY, searchedKeys, shown } from './matching.ts';
import { keptCount } from './totals.ts';
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

export const ORDER_FIELDS = [
  'TAKEN_AT',
  'ADDED_AT',
  'UPDATED_AT',
  'TITLE',
  'BYTE_SIZE',
  'RELEVANCE',
] as const;
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

export interface CatalogPage<K extends keyof Item = keyof Item> {
  edges: { readonly cursor: string; readonly item: Pick<Item, K | AlwaysRead> }[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  /** How many there are on all pages, where that was asked for and a count is kept of them. */
  count: number | null;
}

/** What an order compares. */
const ORDERS: Record<OrderField, string> = {
  TAKEN_AT: 'i.timeline_at',
  ADDED_AT: 'i.added_at',
  UPDATED_AT: 'i.updated_at',
  TITLE: 'i.title_key',
  BYTE_SIZE: 'i.size_order',
  RELEVANCE: 'r.place',
};

/**
 * One page, as Relay's connections define it.
 *
 * @param fields - of the items, what is read of them; all, unless told. Asked for with the same object again, they cost less.
 * @param counted - also how many there are, where a count of them is kept.
 * @throws HedgerowError INVALID for sizes outside 1 to 500 or `first` with `last`; BAD_CURSOR.
 */
export async function readPage<K extends keyof Item = keyof Item>(
  database: Sql,
  reader: Reader,
  query: CatalogQuery,
  page: PageArguments,
  fields: Iterable<K> = ITEM_FIELDS as readonly K[],
  counted = false,
): Promise<CatalogPage<K>> {
  const { backward, size } = pageSize(page);
  const fingerprint = queryFingerprint([query.origin, query.filter, query.order]);
  const positions = (['after', 'before'] as const).flatMap((side) => {
    const cursor = page[side];
    if (cursor === undefined) return [];
    const larger = (query.order.direction === 'ASC') === (side === 'after');
    return { position: positionOf(query.order, fingerprint, cursor), compare: raw(larger ? '>' : '<') };
  });
  const parts = partsOf(fields);
  const placeType = query.order.field === 'TITLE' ? 'text' : 'number';
  const kept = counted ? keptCount(database, reader, query) : null;
  const { rows, beside } = await readRecords(
    database,
    pageStatement(database, reader, query, parts.columns, {
      beyond: (column, key) =>
        positions.map(
          ({ position, compare }) => sql`(${column}, ${key}) ${compare} (${position.value}, ${position.id})`,
        ),
      direction: raw((query.order.direction === 'ASC') !== backward ? 'ASC' : 'DESC'),
      take: size + 1,
    }),
    [...parts.types, placeType],
    kept ?? undefined,
  );
  const more = rows.length > size;
  if (more) rows.length = size;
  if (backward) rows.reverse();
  const items = rows.map((cells) => new parts.Item(cells));
  const cursors = new Cursors(fingerprint, items, placeType);
  return {
    edges: items.map((item, index) => new Edge(cursors, index, item)),
    // Relay: where it is paged the other way, what lies beyond the given cursor is there by that cursor.
    hasNextPage: backward ? page.before !== undefined : more,
    hasPreviousPage: backward ? more : page.after !== undefined,
    count: kept === null ? null : (beside ?? 0),
  };
}

/** The cursors of a page, written where somebody asks for them: one by itself, and where more are asked for all at once. */
class Cursors {
  readonly #fingerprint: string;
  readonly #items: readonly (Pick<Item, 'key'> & Row)[];
  readonly #placeType: 'text' | 'number';
  #asked = false;
  #all: readonly string[] | null = null;

  constructor(
    fingerprint: string,
    items: readonly (Pick<Item, 'key'> & Row)[],
    placeType: 'text' | 'number',
  ) {
    this.#fingerprint = fingerprint;
    this.#items = items;
    this.#placeType = placeType;
  }

  at(index: number): string {
    if (this.#all === null && this.#asked) {
      const positions = this.#items.map((item) => this.#positionOf(item));
      this.#all = encodeCursors(this.#fingerprint, positions);
    }
    this.#asked = true;
    const known = this.#all?.[index];
    return (
      known ??
      encodeCursor(this.#fingerprint, this.#positionOf(this.#items[index] as Row & Pick<Item, 'key'>))
    );
  }

  #positionOf({ cells, key }: Pick<Item, 'key'> & Row): Position {
    // With what the order compares a row ends.
    const place = cells[cells.length - 1] as string | number;
    return { value: this.#placeType === 'number' ? Number(place) : place, id: key };
  }
}

class Edge<T> {
  readonly #cursors: Cursors;
  readonly #index: number;
  readonly item: T;

  constructor(cursors: Cursors, index: number, item: T) {
    this.#cursors = cursors;
    this.#index = index;
    this.item = item;
  }

  get cursor(): string {
    return this.#cursors.at(this.#index);
  }
}

const knownParts = new WeakMap<object, unknown>();

function partsOf<K extends keyof Item>(fields: Iterable<K>): ItemParts<K | AlwaysRead> {
  const known = knownParts.get(fields) as ItemParts<K | AlwaysRead> | undefined;
  if (known !== undefined) return known;
  const parts = itemParts(fields);
  knownParts.set(fields, parts);
  return parts;
}

interface Slice {
  /** What lies beyond the cursors, in terms of what the order compares and the key. */
  beyond: (column: Statement, key: Statement) => Statement[];
  direction: Statement;
  take: number;
}

function pageStatement(
  database: Sql,
  reader: Reader,
  query: CatalogQuery,
  columns: Statement,
  { beyond, direction, take }: Slice,
): Statement {
  const { field } = query.order;
  const column = raw(ORDERS[field]);
  const whole = (rows: Statement) =>
    sql`SELECT ${columns}, r.place FROM (${rows}) r CROSS JOIN items i WHERE i.key = r.key ORDER BY r.place ${direction}, r.key ${direction}`;
  if (field === 'RELEVANCE') {
    const key = raw('r.key');
    const conditions = join([sql`1 = 1`, ...beyond(column, key)], ' AND ');
    // Each match is weighed once, and only those of the page are read whole.
    return sql`WITH m AS MATERIALIZED (SELECT i.key, ${relevance(database, query.filter.query)} AS place FROM items i WHERE ${shown(database, reader, query)}) ${whole(sql`SELECT r.key, r.place FROM m r WHERE ${conditions} ORDER BY ${column} ${direction}, ${key} ${direction} LIMIT ${take}`)}`;
  }
  const key = raw('i.key');
  const which = (access: Access) =>
    sql`FROM items i WHERE ${join([shown(database, reader, query, access), ...beyond(column, key)], ' AND ')} ORDER BY ${column} ${direction}, ${key} ${direction}`;
  // Both ways stand in the statement; the one with the limit 0 is not begun.
  const searched = searchedKeys(database, query.filter);
  if (searched !== null) {
    const found = (access: Access, limit: Statement) =>
      sql`SELECT * FROM (${limited(database, sql`SELECT i.key, ${column} AS place ${which(access)}`, take)}) a LIMIT (SELECT ${limit} FROM searched)`;
    return sql`WITH ${searched} ${whole(sql`(${found('walk', sql`CASE WHEN ${SEARCHED_IS_MANY} THEN ${take} ELSE 0 END`)}) UNION ALL (${found('searched', sql`CASE WHEN ${SEARCHED_IS_MANY} THEN 0 ELSE ${take} END`)})`)}`;
  }
  const little = narrowsLittle(database, reader, query, field === 'TAKEN_AT');
  if (little === null)
    return limited(database, sql`SELECT ${columns}, ${column} AS place ${which('look up')}`, take);
  const part = (access: Access, limit: Statement) =>
    sql`SELECT * FROM (SELECT i.key, ${column} AS place ${which(access)} LIMIT (SELECT ${limit} FROM g))`;
  return sql`WITH g AS MATERIALIZED (SELECT ${little} AS walk) ${whole(sql`${part('walk', sql`CASE WHEN walk THEN ${take} ELSE 0 END`)} UNION ALL ${part('look up', sql`CASE WHEN walk THEN 0 ELSE ${take} END`)}`)}`;
}

/** Rows up to which a statement is planned for so few, and for as many as a page may have. */
const FEW = 64;
const MANY = PAGE_MAX + 1;

/**
 * PostgreSQL plans a statement anew each time where it is not told how many rows it is to give, and that takes longer than
 * reading a page. So it is told one of two numbers, and takes no more than it is asked for.
 */
function limited(database: Sql, rows: Statement, take: number): Statement {
  if (database.dialect === 'sqlite') return sql`${rows} LIMIT ${take}`;
  return sql`SELECT * FROM (${rows} LIMIT ${raw(String(take <= FEW ? FEW : MANY))}) l LIMIT ${take}`;
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

/** As `readItems` for one: bytes are asked for item by item, and a list of one costs more than its row. */
export async function readItem(database: Sql, reader: Reader, id: string): Promise<Item | null> {
  // PostgreSQL refuses the character; no id has it.
  if (id.includes('\0')) return null;
  const row = await database.get<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM items i WHERE i.id = ${id} AND ${reachableBy(reader)}`,
  );
  return row === undefined ? null : itemFromRow(row);
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

/** The local item with these bytes that is longest here, where the reader may see one. */
export async function readLocalCopy(database: Sql, reader: Reader, digest: string): Promise<Item | null> {
  // Nearly always there is none, which an index says before anything else is looked at.
  const found = await database.get<{ key: number }>(
    sql`SELECT i.key FROM items i WHERE i.digest = ${digest} AND +i.source = 0 AND ${visibleTo(reader)} ORDER BY i.key LIMIT 1`,
  );
  if (found === undefined) return null;
  const row = await database.get<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM items i WHERE i.key = ${found.key}`,
  );
  return row === undefined ? null : itemFromRow(row);
}

/** At most so many items with the same bytes; a peer may give all that it has the same digest. */
export const COPIES_MAX = 100;

/** Visible items with these bytes, the first COPIES_MAX of each; local before remote, then the longest here first. */
export async function readCopies(
  database: Sql,
  reader: Reader,
  digests: readonly string[],
): Promise<Map<string, Item[]>> {
  const rows = await database.all<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM (SELECT i.key, ROW_NUMBER() OVER (PARTITION BY i.digest ORDER BY CASE WHEN i.source = 0 THEN 0 ELSE 1 END, i.key) AS place FROM items i WHERE i.digest IN (${texts(database, JSON.stringify(digests))}) AND ${visibleTo(reader)}) c JOIN items i ON i.key = c.key WHERE c.place <= ${COPIES_MAX} ORDER BY c.place`,
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
  const { value, id } = position;
  const fits =
    field === 'TITLE' ? typeof value === 'string' && !value.includes('\0') : Number.isSafeInteger(value);
  // PostgreSQL's texts have no zero characters, and no title key has one; its keys are of 32 bits.
  const isKey = typeof id === 'number' && id >= 0 && id < 2 ** 31;
  if (!fits || !isKey) throw new HedgerowError('BAD_CURSOR');
  return position;
}
