/**
 * How many items a query has: in all, and by origin, kind, tag and year. From kept counts where the query asks for
 * nothing else than source, kind, visibility and a tag or years; else counted. Exact either way.
 */
import type { Sql, Statement } from '../database/sql.ts';
import { join, raw, sql } from '../database/sql.ts';
import type { MediaKind } from '../lib/media.ts';
import { FACETS } from './counts.ts';
import { kindFromNumber } from './items.ts';
import { matching, shown, sortMatches, sourceMatches } from './matching.ts';
import type { CatalogFilter, CatalogQuery } from './query.ts';
import type { Reader } from './visibility.ts';

export interface FacetRequest {
  count?: boolean;
  origins?: boolean;
  kinds?: boolean;
  /** How many tags, the most frequent first. */
  tags?: number;
  years?: boolean;
}

export interface Facets {
  count: number;
  /** By `Item.source`, the largest first, as all are; ties by source, kind, tag and year. */
  origins: { source: number; count: number }[];
  kinds: { kind: MediaKind; count: number }[];
  tags: { tag: string; count: number }[];
  /** By the camera's clock, the latest first; items without it have no year. */
  years: { year: number; count: number }[];
}

/** Years that a range may hold for its count to be put together from theirs. */
const YEARS_MAX = 200;

/** What was not asked for stays empty. One statement, whatever is asked. */
export async function readFacets(
  database: Sql,
  reader: Reader,
  query: CatalogQuery,
  wanted: FacetRequest,
): Promise<Facets> {
  const facets: Facets = { count: 0, origins: [], kinds: [], tags: [], years: [] };
  const parts: Statement[] = [];
  const part = (name: keyof Facets, statement: Statement) =>
    parts.push(sql`SELECT ${raw(`'${name}'`)} AS name, x.value, x.total FROM (${statement}) x`);
  const kept = keptPart(database, reader, query);
  if (wanted.count) part('count', countOf(database, reader, query, kept));
  if (wanted.origins) part('origins', groupedBy('source', database, reader, query, kept));
  if (wanted.kinds) part('kinds', groupedBy('kind', database, reader, query, kept));
  if (wanted.tags !== undefined) part('tags', tagsOf(database, reader, query, kept, wanted.tags));
  if (wanted.years) part('years', yearsOf(database, reader, query, kept));
  if (parts.length === 0) return facets;
  const rows = await database.all<{ name: keyof Facets; value: string; total: number | null }>(
    join(parts, ' UNION ALL '),
  );
  for (const { name, value, total } of rows) {
    const count = total ?? 0;
    if (name === 'count') facets.count = count;
    else if (name === 'origins') facets.origins.push({ source: Number(value), count });
    else if (name === 'kinds') facets.kinds.push({ kind: kindFromNumber(Number(value)), count });
    else if (name === 'tags') facets.tags.push({ tag: value, count });
    else facets.years.push({ year: Number(value), count });
  }
  // No order is promised for what UNION ALL puts together.
  facets.origins.sort((a, b) => b.count - a.count || a.source - b.source);
  facets.kinds.sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1));
  facets.tags.sort((a, b) => b.count - a.count || Buffer.compare(Buffer.from(a.tag), Buffer.from(b.tag)));
  facets.years.sort((a, b) => b.year - a.year);
  return facets;
}

/** The rows of `item_counts c` that a query's count is the sum of. */
interface Kept {
  facet: number;
  /** What they have beyond the facet. */
  conditions: Statement;
}

/** Asks for how many items a query has, by kept counts; null where these do not say it. Where there is none of a sort, the sum is null. */
export function keptCount(database: Sql, reader: Reader, query: CatalogQuery): Statement | null {
  const kept = keptPart(database, reader, query);
  return kept === null ? null : sumOf(kept);
}

function sumOf(kept: Kept): Statement {
  return sql`SELECT SUM(c.total) AS total FROM item_counts c WHERE ${rowsOf(kept)}`;
}

function countOf(database: Sql, reader: Reader, query: CatalogQuery, kept: Kept | null): Statement {
  if (kept !== null) return sql`SELECT '' AS value, s.total FROM (${sumOf(kept)}) s`;
  const all = matching(database, reader, query);
  return query.filter.duplicates === 'COLLAPSE'
    ? sql`SELECT '' AS value, COUNT(DISTINCT i.digest) + COUNT(*) - COUNT(i.digest) AS total FROM items i WHERE ${all}`
    : sql`SELECT '' AS value, COUNT(*) AS total FROM items i WHERE ${all}`;
}

function groupedBy(
  column: 'source' | 'kind',
  database: Sql,
  reader: Reader,
  query: CatalogQuery,
  kept: Kept | null,
): Statement {
  return kept === null
    ? sql`SELECT CAST(i.${raw(column)} AS TEXT) AS value, COUNT(*) AS total FROM items i WHERE ${shown(database, reader, query)} GROUP BY i.${raw(column)}`
    : sql`SELECT CAST(c.${raw(column)} AS TEXT) AS value, SUM(c.total) AS total FROM item_counts c WHERE ${rowsOf(kept)} GROUP BY c.${raw(column)}`;
}

function tagsOf(
  database: Sql,
  reader: Reader,
  query: CatalogQuery,
  kept: Kept | null,
  first: number,
): Statement {
  const from =
    kept?.facet === FACETS.ALL
      ? sql`SELECT c.value, SUM(c.total) AS total FROM item_counts c WHERE ${rowsOf({ ...kept, facet: FACETS.TAG })} GROUP BY c.value`
      : sql`SELECT t.tag AS value, COUNT(*) AS total FROM items i JOIN item_tags t ON t.item_key = i.key WHERE ${shown(database, reader, query)} GROUP BY t.tag`;
  return sql`SELECT g.value, g.total FROM (${from}) g ORDER BY g.total DESC, g.value LIMIT ${first}`;
}

function yearsOf(database: Sql, reader: Reader, query: CatalogQuery, kept: Kept | null): Statement {
  if (kept?.facet === FACETS.ALL || kept?.facet === FACETS.YEAR) {
    return sql`SELECT c.value, SUM(c.total) AS total FROM item_counts c WHERE ${rowsOf({ ...kept, facet: FACETS.YEAR })} GROUP BY c.value`;
  }
  const year = database.dialect === 'sqlite' ? SQLITE_YEAR : POSTGRES_YEAR;
  return sql`SELECT ${year} AS value, COUNT(*) AS total FROM items i WHERE ${shown(database, reader, query)} AND i.taken_at IS NOT NULL GROUP BY 1`;
}

/** Whole seconds, towards the past; the databases divide towards zero. */
const SECONDS = '((i.taken_at - ((i.taken_at % 1000) + 1000) % 1000) / 1000)';
const SQLITE_YEAR = raw(`CAST(CAST(strftime('%Y', ${SECONDS}, 'unixepoch') AS INTEGER) AS TEXT)`);
/** PostgreSQL has no year 0: the year before 1 is -1 there. */
const POSTGRES_YEAR = raw(
  `CAST(EXTRACT(YEAR FROM TIMESTAMP '0001-01-01' + (${SECONDS} + 62135596800) * INTERVAL '1 second') + CASE WHEN ${SECONDS} < -62135596800 THEN 1 ELSE 0 END AS TEXT)`,
);

function rowsOf({ facet, conditions }: Kept): Statement {
  // In the text: PostgreSQL need not plan anew for what it is told there.
  return sql`c.facet = ${raw(String(facet))} AND ${conditions}`;
}

/** Null where the query asks for more than counts are kept by. */
function keptPart(database: Sql, reader: Reader, query: CatalogQuery): Kept | null {
  const { filter } = query;
  const counted = filter.query === undefined && filter.albumIds === undefined && filter.addedAt === undefined;
  if (!counted || filter.availability !== undefined || filter.duplicates === 'COLLAPSE') return null;
  const tag = singleTag(filter.tags);
  const years = wholeYears(filter.takenAt);
  if (tag === null || years === null || (tag !== undefined && years !== undefined)) return null;
  const own = reader.kind === 'ANONYMOUS' ? null : reader.userId;
  const conditions = [
    // Nobody but the owner sees a row with an owner; this finds the rows by the primary key.
    own === null ? sql`c.owner_id = ''` : sql`c.owner_id IN ('', ${own})`,
    ...sortMatches(reader, query, 'c'),
    ...sourceMatches(database, query, raw('c')),
  ];
  if (tag !== undefined)
    return { facet: FACETS.TAG, conditions: join([sql`c.value = ${tag}`, ...conditions], ' AND ') };
  if (years !== undefined) {
    const values = sql`c.value IN (${join(years)})`;
    return { facet: FACETS.YEAR, conditions: join([values, ...conditions], ' AND ') };
  }
  return { facet: FACETS.ALL, conditions: join(conditions, ' AND ') };
}

/** Undefined: tags do not matter. Null: it is not one tag that they must have. */
function singleTag(tags: CatalogFilter['tags']): string | undefined | null {
  if (tags === undefined) return undefined;
  if (tags.none !== undefined && tags.none.length > 0) return null;
  // An item has any of none at no time, and all of none always.
  if (tags.any?.length === 0) return null;
  const asked = new Set([...(tags.any ?? []), ...(tags.all ?? [])]);
  if (asked.size > 1) return null;
  return [...asked][0];
}

/** Undefined: the time does not matter. Null: it is not a range of whole years. */
function wholeYears(range: CatalogFilter['takenAt']): string[] | undefined | null {
  if (range === undefined || (range.gte === undefined && range.lt === undefined)) return undefined;
  if (range.gte === undefined || range.lt === undefined) return null;
  const from = new Date(range.gte).getUTCFullYear();
  const to = new Date(range.lt).getUTCFullYear();
  if (range.gte !== startOf(from) || range.lt !== startOf(to) || to <= from || to - from > YEARS_MAX)
    return null;
  return Array.from({ length: to - from }, (_, index) => String(from + index));
}

function startOf(year: number): number {
  // Date.UTC takes the years 0 to 99 for those of the 20th century.
  return new Date(0).setUTCFullYear(year, 0, 1);
}
