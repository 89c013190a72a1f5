/** Which thumbnails of peers are still to be fetched: a state of the item's row, so that nothing is lost. */
import { raw, type Sql, sql } from '../database/sql.ts';
import { ITEM_COLUMNS, type Item, type ItemRow, itemFromRow } from './items.ts';
import { lockPeers } from './locks.ts';

const WANTED = 1;
/** As a text, and not as a bound value: by it the index of those that are wanted is found. */
const IS_WANTED = raw(`thumb_state = ${WANTED}`);
const HERE = 2;
const GIVEN_UP = 3;
/** Further attempts after the first make no sense before the item changes. */
const ATTEMPTS = 8;

/**
 * The next thumbnails to fetch from one peer: those that are tried again, when their time has come, then the others, what
 * came last first. As the index has them, however many wait.
 */
export async function wantedThumbnails(
  database: Sql,
  source: number,
  limit: number,
  now: number,
): Promise<(Item & { attempts: number })[]> {
  const rows = await database.all<ItemRow & { attempts: number }>(
    sql`SELECT ${ITEM_COLUMNS}, i.thumb_attempts AS attempts FROM items i WHERE i.${IS_WANTED} AND i.source = ${source} AND i.held = ${false} AND i.thumb_next_at <= ${now} ORDER BY i.thumb_next_at DESC, i.key DESC LIMIT ${limit}`,
  );
  return rows.map(({ attempts, ...row }) => ({ ...itemFromRow(row), attempts }));
}

/** When the next thumbnail of any peer is due, ms; null where none is wanted. */
export async function nextThumbnailAt(database: Sql, source: number): Promise<number | null> {
  const row = await database.get<{ at: number }>(
    sql`SELECT thumb_next_at AS at FROM items WHERE ${IS_WANTED} AND source = ${source} AND held = ${false} ORDER BY thumb_next_at LIMIT 1`,
  );
  return row?.at ?? null;
}

/** `version` guards against an item that changed while its old thumbnail was on the way. */
export function thumbnailFetched(tx: Sql, key: number, version: string): Promise<number> {
  return tx.run(
    sql`UPDATE items SET thumb_state = ${HERE} WHERE key = ${key} AND version = ${version} AND thumb_state = ${WANTED}`,
  );
}

export function thumbnailFailed(
  tx: Sql,
  key: number,
  version: string,
  attempts: number,
  nextAt: number,
): Promise<number> {
  const state = attempts >= ATTEMPTS ? GIVEN_UP : WANTED;
  return tx.run(
    sql`UPDATE items SET thumb_state = ${state}, thumb_attempts = ${attempts}, thumb_next_at = ${nextAt} WHERE key = ${key} AND version = ${version}`,
  );
}

/** Asks for all of a peer's thumbnails again, after what may be kept of it has changed. */
export async function wantThumbnailsAgain(tx: Sql, source: number): Promise<number> {
  await lockPeers(tx, sql`${source}`);
  return tx.run(
    sql`UPDATE items SET thumb_state = ${WANTED}, thumb_attempts = 0, thumb_next_at = 0 WHERE source = ${source} AND thumb_state IN (${HERE}, ${GIVEN_UP})`,
  );
}
