/**
 * The order in which transactions lock rows on PostgreSQL: the same for all who change the catalog, so that whoever waits is
 * never waited for by whom he waits for. SQLite has one writer at a time, and needs none.
 *
 * 1. An album of ours.
 * 2. Rows of peers, by key. A pull holds its peer's for as long as it stores, since it takes items in the order in which the
 *    peer tells them; whoever else changes several items of peers keeps pulls from beginning meanwhile (`lockPeers`).
 * 3. Items, by key: all that the transaction will write to, also where it gives them nothing but a revision.
 * 4. What hangs on them: tags, places in albums, the search index, what is cached, albums of peers. Deleting an item takes
 *    these away, so nobody touches them who has not locked the item.
 * 5. Kept counts, by what they count (`recordCounts`).
 * 6. The row of counters (`finishChange`, `lockCounters`), and under it whatever hangs on the sequence: tombstones, marks,
 *    sums of pairs.
 *
 * One item alone is locked by its own UPDATE, before the counters. lock-order.test.ts steps through what once went in a
 * circle.
 */
import { integers } from '../database/lists.ts';
import { type Sql, type Statement, sql } from '../database/sql.ts';

/** Keeps pulls from the items of peers until the transaction ends. @param sources - keys of peers; others are no matter */
export async function lockPeers(tx: Sql, sources: Statement): Promise<void> {
  if (tx.dialect === 'sqlite') return;
  await tx.all(sql`SELECT key FROM federation_peers WHERE key IN (${sources}) ORDER BY key FOR SHARE`);
}

/** Of these keys of items, those that are still there; nobody else changes them until the transaction ends. */
export async function lockItems(tx: Sql, keys: readonly number[]): Promise<number[]> {
  const which = sql`key IN (${integers(tx, JSON.stringify(keys))})`;
  await lockPeers(tx, sql`SELECT source FROM items WHERE ${which}`);
  const lock = tx.dialect === 'sqlite' ? sql`` : sql` FOR UPDATE`;
  const rows = await tx.all<{ key: number }>(sql`SELECT key FROM items WHERE ${which} ORDER BY key${lock}`);
  return rows.map(({ key }) => key);
}

/** Until the transaction ends, nobody else gives a sequence number, or reads a grant for one. */
export async function lockCounters(tx: Sql): Promise<void> {
  await tx.run(sql`UPDATE catalog_state SET sequence = sequence WHERE id = 1`);
}
