/** A peer's items one after another, for what is done with each of them ahead of anybody's asking. */
import { type Sql, sql } from '../database/sql.ts';
import { ITEM_COLUMNS, type Item, type ItemRow, itemFromRow } from './items.ts';

/** The next items of a peer in the order of their keys, those that are held left out. */
export async function itemsAfter(
  database: Sql,
  source: number,
  after: number,
  limit: number,
): Promise<Item[]> {
  const rows = await database.all<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM items i WHERE i.source = ${source} AND i.key > ${after} AND i.held = ${false} ORDER BY i.key LIMIT ${limit}`,
  );
  return rows.map(itemFromRow);
}
