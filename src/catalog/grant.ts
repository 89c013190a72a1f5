/** What a pair may see of the shared items: one clause, and the same question of an item that is at hand. */
import { createHash } from 'node:crypto';
import { texts } from '../database/lists.ts';
import { join, type Sql, type Statement, sql } from '../database/sql.ts';
import { MEDIA_KINDS, type MediaKind } from '../lib/media.ts';
import type { AlbumRef } from './items.ts';

/** Any within a list, all lists together; null is all, `[]` is nothing. It comes as the wire has it. */
export interface GrantScope {
  kinds: readonly Lowercase<MediaKind>[] | null;
  tags: readonly string[] | null;
  /** Ids of local albums. */
  albums: readonly string[] | null;
  access: 'metadata' | 'previews' | 'originals';
}

/** What decides whether a pair sees an item, and in which version. */
export interface SharedState {
  /** As a pair with the whole grant sees it. */
  version: string;
  kind: MediaKind;
  tags: readonly string[];
  albums: readonly AlbumRef[];
}

/** The grant that narrows nothing. */
export const WHOLE_SCOPE: GrantScope = { kinds: null, tags: null, albums: null, access: 'originals' };

/** Whether the grant narrows nothing: counts and checksum are then those of the catalog. */
export function isWhole({ kinds, tags, albums, access }: GrantScope): boolean {
  return kinds === null && tags === null && albums === null && access === 'originals';
}

/** The one clause that is in every read for a peer: which rows of `items i` its grant opens. */
export function granted(database: Pick<Sql, 'dialect'>, { kinds, tags, albums }: GrantScope): Statement {
  // The plus keeps a column from choosing the index: that is for the order in which the items are asked for. By source or
  // by key a poll that finds nothing would read, and sort, all that a pair may see.
  const conditions = [sql`+i.source = 0 AND i.visibility >= 2`];
  if (kinds !== null) {
    const numbers = kinds.map((kind) => MEDIA_KINDS.findIndex((known) => known.toLowerCase() === kind));
    conditions.push(numbers.length === 0 ? sql`1 = 0` : sql`i.kind IN (${join(numbers)})`);
  }
  if (tags !== null) {
    const list = texts(database, JSON.stringify(tags));
    conditions.push(sql`+i.key IN (SELECT t.item_key FROM item_tags t WHERE t.tag IN (${list}))`);
  }
  if (albums !== null) {
    const list = texts(database, JSON.stringify(albums));
    conditions.push(
      sql`+i.key IN (SELECT m.item_key FROM album_items m JOIN albums a ON a.key = m.album_key WHERE a.source = 0 AND a.id IN (${list}))`,
    );
  }
  return join(conditions, ' AND ');
}

/** The same of a shared item that is at hand. */
export function covers({ kinds, tags, albums }: GrantScope, item: Omit<SharedState, 'version'>): boolean {
  if (kinds !== null && !kinds.some((kind) => kind === item.kind.toLowerCase())) return false;
  if (tags !== null && !item.tags.some((tag) => tags.includes(tag))) return false;
  return albums === null || item.albums.some(({ id }) => albums.includes(id));
}

/** The albums of an item that a pair is told of: those that its grant names, else those that are shared as albums. */
export function albumsSeen(
  { albums }: Pick<GrantScope, 'albums'>,
  of: readonly AlbumRef[],
): { id: string; title: string }[] {
  const seen =
    albums === null ? of.filter(({ shared }) => shared) : of.filter(({ id }) => albums.includes(id));
  return seen.map(({ id, title }) => ({ id, title }));
}

/** Changes with any field as this pair sees it. 22 characters of base64url. */
export function versionFor(grant: GrantScope, item: SharedState): string {
  if (isWhole(grant)) return item.version;
  return createHash('sha256')
    .update(JSON.stringify([item.version, grant.access, albumsSeen(grant, item.albums)]))
    .digest('base64url')
    .slice(0, 22);
}
