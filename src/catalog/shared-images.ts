/** The pictures that a peer may see, newest first: for dialects that list them at once, without a feed. */
import { type Sql, sql } from '../database/sql.ts';
import { type GrantScope, granted } from './grant.ts';
import { ITEM_COLUMNS, type Item, type ItemRow, itemFromRow, kindNumber } from './items.ts';

export async function readSharedImages(database: Sql, grant: GrantScope, limit: number): Promise<Item[]> {
  const rows = await database.all<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM items i WHERE ${granted(database, grant)} AND i.kind = ${kindNumber('IMAGE')} ORDER BY i.added_at DESC, i.id DESC LIMIT ${limit}`,
  );
  return rows.map(itemFromRow);
}
