/**
 * Counts that are kept: how many items there are of each source, kind and visibility, in all, with each tag and of
 * each year. Whoever changes items says what they were and what they are, once in the transaction, just before
 * `finishChange`; so a count and what it counts are never apart.
 *
 * Nothing is kept for a reader. A row is counted by what `visibleTo` asks of an item: its source, its visibility, and of
 * PRIVATE ones the owner. The same clause over these rows gives a reader's own count, exact at once when the audience of
 * a peer changes or a pairing ends.
 */
import { integers } from '../database/lists.ts';
import { empty, raw, type Sql, sql } from '../database/sql.ts';
import { visibilityNumber } from './items.ts';

/** What a row counts (`item_counts.facet`). */
export const FACETS = { ALL: 0, TAG: 1, YEAR: 2 } as const;

/** What an item is counted by. */
export interface CountedItem {
  source: number;
  /** As the column has it (src/catalog/items.ts). */
  visibility: number;
  ownerId: string | null;
  /** As the column has it. */
  kind: number;
  /** The camera's clock, ms as if UTC. */
  takenAt: number | null;
  tags: readonly string[];
}

type Place = readonly [
  facet: number,
  ownerId: string,
  value: string,
  source: number,
  visibility: number,
  kind: number,
];

/**
 * Enters what items were and are: an added one only is, a removed one only was. One call in a transaction, so that
 * two transactions on PostgreSQL lock the rows in the same order.
 */
export async function recordCounts(
  tx: Sql,
  were: readonly CountedItem[],
  are: readonly CountedItem[],
): Promise<void> {
  const changes = new Map<string, { place: Place; by: number }>();
  for (const [items, by] of [
    [were, -1],
    [are, 1],
  ] as const) {
    for (const item of items) {
      for (const place of placesOf(item)) {
        // What may be any text comes last, behind the length of what stands before it: so two places are never one.
        const [facet, owner, value, source, visibility, kind] = place;
        const name = `${facet} ${source} ${visibility} ${kind} ${owner.length} ${owner}${value}`;
        const change = changes.get(name);
        if (change === undefined) changes.set(name, { place, by });
        else change.by += by;
      }
    }
  }
  const rows = [...changes].filter(([, { by }]) => by !== 0);
  if (rows.length === 0) return;
  if (tx.dialect === 'sqlite') {
    // Neighbours in the table one after the other.
    rows.sort(([a], [b]) => (a < b ? -1 : 1));
    await tx.each(
      `${COUNT} VALUES (?, ?, ?, ?, ?, ?, ?) ${ADD_UP}`,
      rows.map(([, { place, by }]) => [...place, by]),
    );
  } else {
    // In an order that is the same in every process, so that nobody waits for somebody who waits.
    const list = `[${rows
      .map(([, { place, by }]) => JSON.stringify([...place, by]))
      .sort()
      .join()}]`;
    await tx.run(
      sql`${raw(COUNT)} SELECT (value->>0)::int, value->>1, value->>2, (value->>3)::int, (value->>4)::int, (value->>5)::int, (value->>6)::int FROM json_array_elements(CAST(${list} AS json)) ${raw(ADD_UP)}`,
    );
  }
  // What has gone to nothing is found by the partial index item_counts_none.
  if (rows.some(([, { by }]) => by < 0)) await tx.run(sql`DELETE FROM item_counts WHERE total = 0`);
}

const COUNT = 'INSERT INTO item_counts (facet, owner_id, value, source, visibility, kind, total)';
const ADD_UP =
  'ON CONFLICT (facet, owner_id, value, source, visibility, kind) DO UPDATE SET total = item_counts.total + excluded.total';

/** What items that are about to be changed are counted by; on PostgreSQL nobody else changes them until the end. */
export async function lockCounted(tx: Sql, keys: readonly number[]): Promise<Map<number, CountedItem>> {
  if (keys.length === 0) return new Map();
  const lock = tx.dialect === 'sqlite' ? empty : raw(' FOR UPDATE');
  const rows = await tx.all<Omit<CountedItem, 'tags'> & { key: number; tags: string }>(
    sql`SELECT key, source, visibility, owner_id AS "ownerId", kind, taken_at AS "takenAt", tags FROM items WHERE key IN (${integers(tx, JSON.stringify(keys))}) ORDER BY key${lock}`,
  );
  return new Map(rows.map(({ key, tags, ...row }) => [key, { ...row, tags: JSON.parse(tags) }]));
}

/** The year of the camera's clock, 0 to 9999, as the counts name it. */
function yearOf(takenAt: number): string {
  return String(new Date(takenAt).getUTCFullYear());
}

function placesOf(item: CountedItem): Place[] {
  const { source, visibility, kind, takenAt } = item;
  const owner = visibility === PRIVATE ? (item.ownerId ?? '') : '';
  const place = (facet: number, value: string): Place => [facet, owner, value, source, visibility, kind];
  const places = [place(FACETS.ALL, '')];
  for (const tag of new Set(item.tags)) places.push(place(FACETS.TAG, tag));
  if (takenAt !== null) places.push(place(FACETS.YEAR, yearOf(takenAt)));
  return places;
}

const PRIVATE = visibilityNumber('PRIVATE');
