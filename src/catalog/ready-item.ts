/**
 * An item of a peer as it will be written down. What takes computing is done before the transaction, in whatever thread
 * reads the page, so that whoever writes does nothing else. It goes from thread to thread, so it is little more than the
 * values of its row.
 */
import type { SqlDialect } from '../database/sql.ts';
import { type Checksum, checksumTerm } from '../lib/checksum.ts';
import { newId } from '../lib/ids.ts';
import { kindNumber } from './items.ts';
import type { RemoteItem } from './remote-changes.ts';
import { searchTexts } from './search-index.ts';
import { titleKey } from './words.ts';

export interface ReadyItem
  extends Pick<
    RemoteItem,
    'remoteId' | 'version' | 'takenAt' | 'createdAt' | 'updatedAt' | 'tags' | 'albums'
  > {
  /** A value for each of `ROW`; those that are only known in the transaction are null until `stamp`. */
  row: unknown[];
  /** As the search index of this database is given them. */
  searchTexts: readonly string[];
  /** What it adds to the checksum of its peer. */
  term: Checksum;
}

/** Column, SQL type in PostgreSQL, and what an item puts there. */
const OWN: [name: string, type: string, value: (item: RemoteItem) => unknown][] = [
  ['remote_id', 'text', (item) => item.remoteId],
  ['version', 'text', (item) => item.version],
  ['kind', 'int', (item) => kindNumber(item.kind)],
  ['title', 'text', (item) => item.title],
  ['title_key', 'text', (item) => titleKey(item.title)],
  ['description', 'text', (item) => item.description],
  ['filename', 'text', (item) => item.filename],
  ['mime_type', 'text', (item) => item.mimeType],
  ['byte_size', 'bigint', (item) => item.byteSize],
  ['digest', 'text', (item) => item.digest],
  ['width', 'int', (item) => item.width],
  ['height', 'int', (item) => item.height],
  ['duration_ms', 'bigint', (item) => item.durationMs],
  ['page_count', 'int', (item) => item.pageCount],
  ['thumbhash', 'text', (item) => item.thumbhash],
  ['taken_at', 'bigint', (item) => item.takenAt],
  ['taken_at_offset', 'int', (item) => item.takenAtOffset],
  ['tags', 'text', (item) => JSON.stringify(item.tags)],
  ['creator', 'text', (item) => item.creator],
  ['license', 'text', (item) => item.license],
  ['properties', 'text', (item) => JSON.stringify(item.properties)],
  ['variants', 'text', (item) => JSON.stringify(item.variants)],
  ['thumb_state', 'int', ({ variants }) => (variants.some(({ name }) => name === 'thumbnail') ? 1 : 0)],
];

/** What all rows of one transaction have in common, but for the key. */
const COMMON = ['key', 'source', 'generation', 'revision'];

/** Columns of an item's row that are its own, with their SQL types in PostgreSQL; the order is that of `ROW`. */
export const ITEM_OWN: readonly (readonly [name: string, type: string])[] = [
  ['id', 'text'],
  ['timeline_at', 'bigint'],
  ['added_at', 'bigint'],
  ['updated_at', 'bigint'],
  ...OWN.map(([name, type]) => [name, type] as const),
];
/** The columns of an item's row, in the order of its values. */
export const ROW = [...COMMON, ...ITEM_OWN.map(([name]) => name)];
const STAMPED = ROW.length - OWN.length;

/** Where a column's value stands in a row. */
export function place(column: string): number {
  const index = ROW.indexOf(column);
  if (index < 0) throw new Error(`An item's row has no column ${column}.`);
  return index;
}

const ID = place('id');
const TIMELINE_AT = place('timeline_at');
const ADDED_AT = place('added_at');
const UPDATED_AT = place('updated_at');

export function readyItem(item: RemoteItem, dialect: SqlDialect): ReadyItem {
  const { remoteId, version, takenAt, createdAt, updatedAt, tags, albums } = item;
  // Without a hole in it from the beginning: one with holes goes from thread to thread as a list of numbered values.
  const row: unknown[] = [];
  for (let index = 0; index < STAMPED; index++) row.push(null);
  for (const [, , value] of OWN) row.push(value(item));
  return {
    remoteId,
    version,
    takenAt,
    createdAt,
    updatedAt,
    tags: [...new Set(tags)],
    albums,
    row,
    searchTexts: searchTexts(dialect, item),
    term: checksumTerm(remoteId, version),
  };
}

/**
 * Completes an item's own values.
 *
 * @param addedAt - of an item that is here already, for peers that do not say
 */
export function stamp(item: ReadyItem, now: number, addedAt = now): void {
  const { row, takenAt, createdAt, updatedAt } = item;
  row[ID] = newId('media', now);
  // A peer's clock may run ahead; nothing was added in the future.
  const added = Math.min(createdAt ?? addedAt, now);
  row[TIMELINE_AT] = takenAt ?? added;
  row[ADDED_AT] = added;
  row[UPDATED_AT] = Math.min(updatedAt ?? now, now);
}
