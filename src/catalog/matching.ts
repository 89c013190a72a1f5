/** Which rows of `items` a query is about: what the reader may see, narrowed by origin and filter. */

import { texts } from '../database/lists.ts';
import type { Sql, Statement } from '../database/sql.ts';
import { join, raw, sql } from '../database/sql.ts';
import { HedgerowError } from '../lib/errors.ts';
import { kindNumber, visibilityNumber } from './items.ts';
import type { AvailabilityState, CatalogFilter, CatalogQuery } from './query.ts';
import { HEALTH_THAT_GIVES_NOTHING } from './sources.ts';
import { hiddenSeenBy, type ItemTable, type Reader, visibleTo } from './visibility.ts';
import { fts5Term, PARTS, parseSearch, type Term, tsqueryTerm } from './words.ts';

/**
 * How rows are to be found: by looking up the keys of a set, or by walking an index and asking whether a key is in it; or, on
 * PostgreSQL, by looking up the keys that a search has found already (`searchedKeys`).
 */
export type Access = 'look up' | 'walk' | 'searched';

/** The rows of `items i` that a query shows: those that match, and of copies, where they are collapsed, one. */
export function shown(
  database: Sql,
  reader: Reader,
  query: CatalogQuery,
  access: Access = 'look up',
): Statement {
  const all = matching(database, reader, query, 'i', access);
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
  access: Access = 'look up',
): Statement {
  const { filter } = query;
  const of = raw(table);
  // The plus changes no value; it keeps SQLite from looking up what it is to walk past.
  const key = raw(access === 'walk' ? `+${table}.key` : `${table}.key`);
  const conditions = [
    ...sortMatches(reader, query, table),
    ...sourceMatches(database, query, raw(access === 'walk' ? `+${table}` : table)),
    ...setsOf(database, reader, filter).map((set) => sql`${key} IN (${set})`),
  ];
  if (filter.query !== undefined) {
    const sets = wanted(database, filter.query);
    conditions.push(...sets.map((set) => among(database, key, set, access)));
  }
  if (filter.tags?.none !== undefined && filter.tags.none.length > 0) {
    conditions.push(sql`${key} NOT IN (${tagged(database, filter.tags.none)})`);
  }
  if (filter.takenAt !== undefined) conditions.push(...between(sql`${of}.taken_at`, filter.takenAt));
  if (filter.addedAt !== undefined) conditions.push(...between(sql`${of}.added_at`, filter.addedAt));
  if (filter.availability !== undefined) conditions.push(available(filter.availability, of));
  if (filter.query !== undefined) conditions.push(...unwanted(database, filter.query, key));
  return join(conditions, ' AND ');
}

/** Whether a key is in the set of what a search finds. */
function among(database: Sql, key: Statement, set: Statement, access: Access): Statement {
  if (database.dialect === 'sqlite' || access === 'look up') return sql`${key} IN (${set})`;
  if (access === 'searched') return sql`${key} = ANY (CAST((SELECT keys FROM searched) AS int[]))`;
  // Without the offset, which leaves out nothing, PostgreSQL would join the two as it sees fit.
  return sql`EXISTS (SELECT 1 FROM (${set}) w WHERE w.item_key = ${key} OFFSET 0)`;
}

/**
 * Items that a search finds from which on walking an order finds the page sooner than looking them up: with 100,000 items
 * from about 3,000 on, with a million from 10,000 on.
 */
const SEARCHED_MANY = 5_000;

/**
 * On PostgreSQL: a table `searched` with the `keys` that a search finds. Where they are too many to be looked up one by one,
 * these are not all (`SEARCHED_IS_MANY`). It would plan for what is an average word, or take the dearest way to look into the
 * texts of all items for a cheap one. Null where nothing is searched for.
 */
export function searchedKeys(database: Sql, { query }: CatalogFilter): Statement | null {
  if (database.dialect === 'sqlite' || query === undefined) return null;
  if ((parseSearch(query)?.required.length ?? 0) === 0) return null;
  const [set] = wanted(database, query);
  return sql`searched AS MATERIALIZED (SELECT ARRAY(${set} LIMIT ${raw(String(SEARCHED_MANY))}) AS keys)`;
}

/** Whether they are so many, in a statement that has the table. */
export const SEARCHED_IS_MANY = raw(`cardinality(keys) >= ${SEARCHED_MANY}`);

/** Sets of keys in all of which an item must be, but for what a search finds. */
function setsOf(database: Sql, reader: Reader, filter: CatalogFilter): Statement[] {
  const sets: Statement[] = [];
  if (filter.tags?.any !== undefined) sets.push(tagged(database, filter.tags.any));
  for (const tag of filter.tags?.all ?? []) sets.push(tagged(database, [tag]));
  if (filter.albumIds !== undefined) {
    sets.push(
      sql`SELECT m.item_key FROM album_items m JOIN albums a ON a.key = m.album_key WHERE a.id IN (${list(database, filter.albumIds)}) AND ${visibleTo(reader, 'a')}`,
    );
  }
  return sets;
}

function tagged(database: Sql, tags: readonly string[]): Statement {
  return sql`SELECT t.item_key FROM item_tags t WHERE t.tag IN (${list(database, tags)})`;
}

/** Items of a set from which on walking an order finds the page sooner than looking up and sorting the set. */
const MANY = 1_000;

/**
 * Whether each set that narrows the query is large, as an expression; null where there is no set, or where the database
 * knows by itself. SQLite keeps no figures of how often a word or tag occurs, and would always look up and sort the set.
 *
 * @param ordered - that the index of the order begins with the source.
 */
export function narrowsLittle(
  database: Sql,
  reader: Reader,
  query: CatalogQuery,
  ordered: boolean,
): Statement | null {
  if (database.dialect !== 'sqlite') return null;
  const sets = setsOf(database, reader, query.filter);
  if (query.filter.query !== undefined) sets.unshift(...wanted(database, query.filter.query));
  if (!ordered && (query.origin === 'LOCAL' || query.filter.peerIds?.length === 1)) {
    sets.push(
      sql`SELECT s.key FROM items s WHERE ${join(sourceMatches(database, query, raw('s')), ' AND ')}`,
    );
  }
  if (sets.length === 0) return null;
  return join(
    sets.map((set) => sql`(SELECT COUNT(*) FROM (${set} LIMIT ${MANY})) = ${MANY}`),
    ' AND ',
  );
}

/** What a query asks of visibility and kind: of `items i`, or of the counts that are kept by these (`item_counts c`). */
export function sortMatches(reader: Reader, { filter }: CatalogQuery, table: ItemTable): Statement[] {
  const of = raw(table);
  const conditions = [filter.hidden === true ? hiddenSeenBy(reader, table) : visibleTo(reader, table)];
  if (filter.kinds !== undefined) conditions.push(oneOf(sql`${of}.kind`, filter.kinds.map(kindNumber)));
  if (filter.visibilities !== undefined) {
    conditions.push(
      sql`${of}.source = 0 AND ${oneOf(sql`${of}.visibility`, filter.visibilities.map(visibilityNumber))}`,
    );
  }
  return conditions;
}

/** What a query asks of the source alone, of any table that has one. */
export function sourceMatches(database: Sql, { origin, filter }: CatalogQuery, of: Statement): Statement[] {
  const conditions: Statement[] = [];
  if (origin === 'LOCAL') conditions.push(sql`${of}.source = 0`);
  if (origin === 'REMOTE') conditions.push(sql`${of}.source <> 0`);
  if (filter.peerIds?.length === 1) {
    // One value, and not a set that may have one: so the index of a source gives its timeline in order.
    conditions.push(
      sql`${of}.source = (SELECT p.key FROM federation_peers p WHERE p.id IN (${list(database, filter.peerIds)}))`,
    );
  } else if (filter.peerIds !== undefined) {
    conditions.push(
      sql`${of}.source IN (SELECT p.key FROM federation_peers p WHERE p.id IN (${list(database, filter.peerIds)}))`,
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
  const away = sql`(${of}.held = ${true} OR ${of}.fault IS NOT NULL OR ${of}.source IN (SELECT p.key FROM federation_peers p WHERE p.health IN (${join([...HEALTH_THAT_GIVES_NOTHING])})))`;
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

/** The set of what a search finds, before what it excludes; none where it asks for nothing but that. */
function wanted(database: Sql, text: string): Statement[] {
  const query = parseSearch(text);
  if (query === null) return [];
  const { required, excluded } = query;
  if (required.length === 0) return excluded.length === 0 ? [sql`SELECT 1 WHERE 1 = 0`] : [];
  const [term, and] = database.dialect === 'sqlite' ? [fts5Term, ' AND '] : [tsqueryTerm, ' & '];
  return [found(database, required.map((one) => term(one)).join(and))];
}

function unwanted(database: Sql, text: string, key: Statement): Statement[] {
  const term = database.dialect === 'sqlite' ? fts5Term : tsqueryTerm;
  const excluded = parseSearch(text)?.excluded ?? [];
  return excluded.map((one) => sql`${key} NOT IN (${found(database, term(one))})`);
}

function found(database: Sql, terms: string): Statement {
  return database.dialect === 'sqlite'
    ? sql`SELECT rowid FROM item_search WHERE item_search MATCH ${terms}`
    : sql`SELECT s.item_key FROM item_search s WHERE s.words @@ CAST(${terms} AS tsquery)`;
}

/**
 * How well an item answers a search: for each term, where it is found. It depends on the item and the search alone, not
 * on what else there is, so an item keeps its place while others come and go; and both databases give the same.
 *
 * @throws HedgerowError INVALID where nothing is searched for.
 */
export function relevance(database: Sql, text: string | undefined): Statement {
  const query = text === undefined ? null : parseSearch(text);
  if (query === null) {
    throw new HedgerowError('INVALID', 'An order by relevance asks for something that is searched for.', {
      field: ['orderBy', 'field'],
    });
  }
  const scores = query.required.flatMap((term) => PARTS.map((part) => scored(database, term, part)));
  return scores.length === 0 ? sql`0` : sql`(${join(scores, ' + ')})`;
}

function scored(database: Sql, term: Term, part: (typeof PARTS)[number]): Statement {
  const inPart =
    database.dialect === 'sqlite'
      ? sql`i.key IN (${found(database, fts5Term(term, part))})`
      : sql`EXISTS (SELECT 1 FROM item_search s WHERE s.item_key = i.key AND s.words @@ CAST(${tsqueryTerm(term, part)} AS tsquery))`;
  return sql`CASE WHEN ${inPart} THEN ${raw(String(part.weight))} ELSE 0 END`;
}
