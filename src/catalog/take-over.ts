/** Gives the items of one source to another: a peer that is paired again gets back what was kept of it. */
import { integers } from '../database/lists.ts';
import { type Sql, sql } from '../database/sql.ts';
import { lockCounted, recordCounts } from './counts.ts';
import { deleteItems } from './remote-changes.ts';
import { finishChange } from './state.ts';

/** The next items to move, in the order of their keys. */
export async function itemsToTakeOver(database: Sql, from: number, limit: number): Promise<number[]> {
  const rows = await database.all<{ key: number }>(
    sql`SELECT key FROM items WHERE source = ${from} ORDER BY key LIMIT ${limit}`,
  );
  return rows.map(({ key }) => key);
}

/**
 * Moves items, ids and all. They count as not seen yet, so that the listing to come removes what is gone. Where the
 * new source has the same item already, the old one is deleted.
 *
 * @returns the keys of those that were moved
 */
export async function takeOverItems(
  tx: Sql,
  from: number,
  to: number,
  keys: readonly number[],
  now: number,
): Promise<number[]> {
  const list = integers(tx, JSON.stringify(keys));
  const known = await tx.all<{ key: number; double: number }>(
    sql`SELECT i.key, CASE WHEN EXISTS (SELECT 1 FROM items n WHERE n.source = ${to} AND n.remote_id = i.remote_id) THEN 1 ELSE 0 END AS "double" FROM items i WHERE i.source = ${from} AND i.key IN (${list})`,
  );
  const doubles = known.filter((row) => row.double === 1).map(({ key }) => key);
  const moved = known.filter((row) => row.double === 0).map(({ key }) => key);
  const were = await lockCounted(tx, [...doubles, ...moved]);
  await deleteItems(tx, doubles);
  await tx.run(
    sql`UPDATE items SET source = ${to}, generation = 0, held = ${false} WHERE key IN (${integers(tx, JSON.stringify(moved))})`,
  );
  await recordCounts(
    tx,
    [...were.values()],
    moved.flatMap((key) => {
      const item = were.get(key);
      return item === undefined ? [] : { ...item, source: to };
    }),
  );
  await finishChange(tx, [], moved, now);
  return moved;
}

/** The same with the albums of a source, which the items that are in them have moved from. */
export async function takeOverAlbums(tx: Sql, from: number, to: number): Promise<void> {
  await tx.run(
    sql`DELETE FROM albums WHERE source = ${from} AND remote_id IN (SELECT remote_id FROM albums WHERE source = ${to})`,
  );
  await tx.run(sql`UPDATE albums SET source = ${to} WHERE source = ${from}`);
}
