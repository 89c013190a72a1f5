/**
 * The months of the timeline: how many items each holds, and where in the pages it begins. Whoever draws a hundred
 * thousand items so knows how long the whole is, and can start to read in the middle of it.
 */

import type { Sql } from '../database/sql.ts';
import { raw, sql } from '../database/sql.ts';
import { HedgerowError } from '../lib/errors.ts';
import { encodeCursor, queryFingerprint } from './cursor.ts';
import { shown } from './matching.ts';
import type { CatalogQuery } from './query.ts';
import type { Reader } from './visibility.ts';

export interface Month {
  /** `2024-03`, by the camera's clock; of an item without one by when it was added, in UTC. */
  month: string;
  count: number;
  /** `after` this, the month's first item comes; `before` it, the last of the month before. */
  cursor: string;
}

/** Ms of the first and the last moment that have a month of their own; what lies beyond is in the same as they. */
const FIRST = -62_135_596_800_000;
const LAST = 253_402_300_799_999;

/**
 * In the order of the query; months without items are left out.
 *
 * @throws HedgerowError INVALID for another order than TAKEN_AT
 */
export async function readMonths(database: Sql, reader: Reader, query: CatalogQuery): Promise<Month[]> {
  if (query.order.field !== 'TAKEN_AT') {
    throw new HedgerowError('INVALID', 'Only what is ordered by TAKEN_AT has months.', {
      field: ['orderBy'],
    });
  }
  // A peer may say that it added an item in the year 10000, which neither database writes as a month.
  const at =
    database.dialect === 'sqlite'
      ? sql`MAX(${FIRST}, MIN(${LAST}, i.timeline_at))`
      : sql`GREATEST(CAST(${FIRST} AS bigint), LEAST(CAST(${LAST} AS bigint), i.timeline_at))`;
  // Divided as a fraction: whole numbers are cut towards zero, which before 1970 is the month after.
  const month =
    database.dialect === 'sqlite'
      ? sql`strftime('%Y-%m', ${at} / 1000.0, 'unixepoch')`
      : sql`to_char(to_timestamp(${at} / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM')`;
  const direction = raw(query.order.direction);
  const rows = await database.all<{ month: string; count: number }>(
    sql`SELECT m.month AS month, COUNT(*) AS count FROM (SELECT ${month} AS month FROM items i WHERE ${shown(database, reader, query)}) m GROUP BY m.month ORDER BY m.month ${direction}`,
  );
  const fingerprint = queryFingerprint([query.origin, query.filter, query.order]);
  return rows.map((row) => ({
    month: row.month,
    count: row.count,
    // No key is as small as 0: what is at this very moment is larger, so `after` it only where times rise.
    cursor: encodeCursor(fingerprint, { value: edgeOf(row.month, query.order.direction), id: 0 }),
  }));
}

/** Ms of the moment at which the month is entered: its first, or where times fall the first of the next. */
function edgeOf(month: string, direction: 'ASC' | 'DESC'): number {
  const [year = 0, number = 1] = month.split('-').map(Number);
  if (direction === 'DESC' && month === '9999-12') return Number.MAX_SAFE_INTEGER;
  if (direction === 'ASC' && month === '0001-01') return Number.MIN_SAFE_INTEGER;
  const edge = new Date(0);
  // `Date.UTC` takes the years 0 to 99 for those of the last century.
  edge.setUTCFullYear(year, number - 1 + (direction === 'DESC' ? 1 : 0), 1);
  return edge.getTime();
}
