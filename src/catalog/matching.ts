/** Which rows of `items` a query is about: what the reader may see, narrowed by origin and filter. */

import { texts } from '../database/lists.ts';
import type { Sql, Statement } from '../database/sql.ts';
import { empty, join, raw, sql } from '../database/sql.ts';
import { kindNumber, visibilityNumber } from './items.ts';
import type { AvailabilityState, CatalogQuery } from './query.ts';
import { HEALTH_THAT_GIVES_NOTHING } from './sources.ts';
import { hiddenSeenBy, type ItemTable, type Reader, visibleTo } from './visibility.ts';
import { fts5Term, parseSearch, tsqueryTerm } from './words.ts';

/** The rows of `items i` that a query shows: those that match, and of copies, where they are collapsed, one. */
export function shown(database: Sql, reader: Reader, query: CatalogQuery): Statement {
  const all = matching(database, reader, query);
  return query.filter.duplicates === 'COLLAPSE'
    ? sql`${all} AND ${standsForCopies(database, reader, query)}`
    : all;
}

/** The rows that match, copies included. */
export function matching(
  database: Sql,
  reader: Reader,
  query: CatalogQuery,
  table: 'i' | 'o' = 'i',
): Statement {
  const { filter } = query;
  const of = raw(table);
  const conditions = sortMatches(database, reader, query, table);
  const tagged = (tags: readonly string[]) =>
    sql`${of}.key IN (SELECT t.item_key FROM item_tags t WHERE t.tag IN (${list(database, tags)}))`;
  if (filter.tags?.any !== undefined) conditions.push(tagged(filter.tags.any));
  for (const tag of filter.tags?.all ?? []) conditions.push(tagged([tag]));
  if (filter.tags?.none !== undefined && filter.tags.none.length > 0) {
    conditions.push(sql`NOT ${tagged(filter.tags.none)}`);
  }
  if (filter.albumIds !== undefined) {
    conditions.push(
      sql`${of}.key IN (SELECT m.item_key FROM album_items m JOIN albums a ON a.key = m.album_key WHERE a.id IN (${list(database, filter.albumIds)}) AND ${visibleTo(reader, 'a')})`,
    );
  }
  if (filter.takenAt !== undefined) conditions.push(...between(sql`${of}.taken_at`, filter.takenAt));
  if (filter.addedAt !== undefined) conditions.push(...between(sql`${of}.added_at`, filter.addedAt));
  if (filter.availability !== undefined) conditions.push(available(filter.availability, of));
  if (filter.query !== undefined) conditions.push(searched(database, filter.query, of));
  return join(conditions, ' AND ');
}

/**
 * What a query asks of source, visibility and kind: of `items i`, or of the counts that are kept by these
 * (`item_counts c`).
 */
export function sortMatches(
  database: Sql,
  reader: Reader,
  { origin, filter }: CatalogQuery,
  table: ItemTable,
): Statement[] {
  const of = raw(table);
  const conditions = [filter.hidden === true ? hiddenSeenBy(reader, table) : visibleTo(reader, table)];
  if (origin === 'LOCAL') conditions.push(sql`${of}.source = 0`);
  if (origin === 'REMOTE') conditions.push(sql`${of}.source <> 0`);
  if (filter.peerIds !== undefined) {
    conditions.push(
      sql`${of}.source IN (SELECT p.key FROM federation_peers p WHERE p.id IN (${list(database, filter.peerIds)}))`,
    );
  }
  if (filter.kinds !== undefined) conditions.push(oneOf(sql`${of}.kind`, filter.kinds.map(kindNumber)));
  if (filter.visibilities !== undefined) {
    conditions.push(
      sql`${of}.source = 0 AND ${oneOf(sql`${of}.visibility`, filter.visibilities.map(visibilityNumber))}`,
    );
  }
  return conditions;
}

/**
 * Of the matching items with the same bytes: the local one before those of peers, then the one longest here. What has
 * no digest is a copy of nothing.
 */
function standsForCopies(database: Sql, reader: Reader, query: CatalogQuery): Statement {
  const place = (table: string) => raw(`(CASE WHEN ${table}.source = 0 THEN 0 ELSE 1 END, ${table}.key)`);
  return sql`NOT EXISTS (SELECT 1 FROM items o WHERE o.digest = i.digest AND ${place('o')} < ${place('i')} AND ${matching(database, reader, query, 'o')})`;
}

function list(database: Sql, values: readonly string[]): Statement {
  return texts(database, JSON.stringify(values));
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

/** As `Media.availability` tells it, over the rows of what is kept here and of the peers. */
function available(states: readonly AvailabilityState[], of: Statement): Statement {
  const kept = (which: Statement) =>
    sql`EXISTS (SELECT 1 FROM cached_files f WHERE f.item_key = ${of}.key AND f.bytes > 0 AND ${which})`;
  const whole = kept(sql`f.variant = 'original' AND f.whole = ${true}`);
  const some = kept(sql`f.variant <> 'thumbnail'`);
  const away = sql`(${of}.held = ${true} OR ${of}.source IN (SELECT p.key FROM federation_peers p WHERE p.health IN (${join([...HEALTH_THAT_GIVES_NOTHING])})))`;
  const remote = sql`${of}.source <> 0`;
  const meaning: Record<AvailabilityState, Statement> = {
    LOCAL: sql`${of}.source = 0`,
    CACHED: sql`(${remote} AND ${whole})`,
    PARTIAL: sql`(${remote} AND ${some} AND NOT ${whole})`,
    ON_DEMAND: sql`(${remote} AND NOT ${some} AND NOT ${away})`,
    UNAVAILABLE: sql`(${remote} AND NOT ${some} AND ${away})`,
  };
  return states.length === 0
    ? sql`1 = 0`
    : sql`(${join(
        [...new Set(states)].map((state) => meaning[state]),
        ' OR ',
      )})`;
}

function searched(database: Sql, text: string, of: Statement): Statement {
  const query = parseSearch(text);
  if (query === null) return sql`1 = 1`;
  const { required, excluded } = query;
  if (required.length === 0 && excluded.length === 0) return sql`1 = 0`;
  const found = (terms: string): Statement =>
    database.dialect === 'sqlite'
      ? sql`${of}.key IN (SELECT rowid FROM item_search WHERE item_search MATCH ${terms})`
      : sql`${of}.key IN (SELECT s.item_key FROM item_search s WHERE s.words @@ CAST(${terms} AS tsquery))`;
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
