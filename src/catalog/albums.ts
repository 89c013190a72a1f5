/** Albums: lists of items, read as their readers may see them; those of this instance are changed here. */
import type { Database } from '../database/database.ts';
import { integers, texts } from '../database/lists.ts';
import { join, raw, type Sql, sql } from '../database/sql.ts';
import { HedgerowError } from '../lib/errors.ts';
import { newId } from '../lib/ids.ts';
import { decodeCursor, encodeCursor, queryFingerprint } from './cursor.ts';
import {
  ALBUMS_MAX,
  type AlbumRef,
  ITEM_COLUMNS,
  type Item,
  type ItemRow,
  itemFromRow,
  LOCAL_SOURCE,
  VISIBILITIES,
  type Visibility,
  visibilityNumber,
} from './items.ts';
import { lockItems } from './locks.ts';
import { type Origin, type PageArguments, pageSize } from './query.ts';
import { sharedVersion } from './shared-item.ts';
import { finishChange, type SharedChange } from './state.ts';
import { isShared, type Reader, visibleTo } from './visibility.ts';
import { titleKey } from './words.ts';

export interface Album {
  key: number;
  id: string;
  source: number;
  title: string;
  description: string | null;
  ownerId: string | null;
  /** Who sees the album as an album; it says nothing of who sees its items. */
  visibility: Visibility;
}

export interface AlbumPage {
  edges: { cursor: string; album: Album }[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
}

export interface NewAlbum {
  title: string;
  description: string | null;
  visibility: Visibility;
  ownerId: string | null;
  /** Ids of items. */
  items: readonly string[];
}

export interface AlbumPatch {
  title?: string | undefined;
  description?: string | null | undefined;
  visibility?: Visibility | undefined;
  /** Ids of items. */
  add?: readonly string[] | undefined;
  remove?: readonly string[] | undefined;
}

export interface Albums {
  /** By title. @throws HedgerowError INVALID, BAD_CURSOR */
  page(reader: Reader, origin: Origin, page: PageArguments): Promise<AlbumPage>;
  count(reader: Reader, origin: Origin): Promise<number>;
  /** Visible ones, by id. */
  byId(reader: Reader, ids: readonly string[]): Promise<Map<string, Album>>;
  /** Those of this instance, whoever may see them: what a grant names. */
  named(ids: readonly string[]): Promise<Album[]>;
  /** The oldest of this instance with exactly this title that the reader sees. */
  titled(reader: Reader, title: string): Promise<Album | null>;
  /** Visible albums of items, by `Item.key`. */
  ofItems(reader: Reader, itemKeys: readonly number[]): Promise<Map<number, Album[]>>;
  /** How many items of each album the reader may see, by `Album.key`. */
  mediaCounts(reader: Reader, albumKeys: readonly number[]): Promise<Map<number, number>>;
  create(album: NewAlbum): Promise<string>;
  /** @throws HedgerowError NOT_FOUND; READ_ONLY for a peer's; INVALID where an item would be in too many albums */
  update(id: string, patch: AlbumPatch): Promise<void>;
  /** The items stay. @throws HedgerowError NOT_FOUND; READ_ONLY for a peer's */
  remove(id: string): Promise<void>;
}

type AlbumRow = Omit<Album, 'visibility'> & { visibility: number };

const COLUMNS = raw('a.key, a.id, a.source, a.title, a.description, a.owner_id AS "ownerId", a.visibility');

/** Items that one transaction gives another album list: about 8 ms. */
const ITEMS_AT_ONCE = 100;

/** Before this key of the settings stands what is still to be done to the items of an album, should we be ended. */
const UNFINISHED = 'album-unfinished/';

export async function createAlbums(database: Database, now: () => number): Promise<Albums> {
  const { read } = database;
  const albums: Albums = {
    page: (reader, origin, page) => readAlbums(read, reader, origin, page),
    count: async (reader, origin) => {
      const row = await read.get<{ count: number }>(
        sql`SELECT COUNT(*) AS count FROM albums a WHERE ${visibleTo(reader, 'a')} AND ${ofOrigin(origin)}`,
      );
      return row?.count ?? 0;
    },
    byId: async (reader, ids) => {
      const rows = await read.all<AlbumRow>(
        sql`SELECT ${COLUMNS} FROM albums a WHERE a.id IN (${texts(read, JSON.stringify(ids))}) AND ${visibleTo(reader, 'a')}`,
      );
      return new Map(rows.map((row) => [row.id, albumFromRow(row)]));
    },
    named: async (ids) => {
      const rows = await read.all<AlbumRow>(
        sql`SELECT ${COLUMNS} FROM albums a WHERE a.id IN (${texts(read, JSON.stringify(ids))}) AND a.source = 0 ORDER BY a.key`,
      );
      return rows.map(albumFromRow);
    },
    titled: async (reader, title) => {
      const row = await read.get<AlbumRow>(
        sql`SELECT ${COLUMNS} FROM albums a WHERE a.title_key = ${titleKey(title)} AND a.title = ${title} AND a.source = 0 AND ${visibleTo(reader, 'a')} ORDER BY a.id LIMIT 1`,
      );
      return row === undefined ? null : albumFromRow(row);
    },
    ofItems: (reader, itemKeys) => readAlbumsOfItems(read, reader, itemKeys),
    mediaCounts: async (reader, albumKeys) => {
      const rows = await read.all<{ key: number; count: number }>(
        sql`SELECT m.album_key AS key, COUNT(*) AS count FROM album_items m JOIN items i ON i.key = m.item_key WHERE m.album_key IN (${integers(read, JSON.stringify(albumKeys))}) AND ${visibleTo(reader)} GROUP BY m.album_key`,
      );
      return new Map(rows.map(({ key, count }) => [key, count]));
    },
    create: async (input) => {
      const id = newId('album', now());
      await database.write((tx) =>
        tx.run(
          sql`INSERT INTO albums (id, source, title, title_key, description, owner_id, visibility, created_at, updated_at) VALUES (${join([id, LOCAL_SOURCE, input.title, titleKey(input.title), input.description, input.ownerId, visibilityNumber(input.visibility), now(), now()])})`,
        ),
      );
      await albums.update(id, { add: input.items });
      return id;
    },
    update: async (id, patch) => {
      const { add = [], remove = [] } = patch;
      const refresh = await database.write((tx) => writeAlbum(tx, id, patch, now()));
      if (refresh) await refreshMembers(database, id, now);
      for (const [ids, change] of [
        [add, insertMembers],
        [remove, deleteMembers],
      ] as const) {
        for (let at = 0; at < ids.length; at += ITEMS_AT_ONCE) {
          const some = ids.slice(at, at + ITEMS_AT_ONCE);
          await database.write(async (tx) => {
            const album = await lockAlbum(tx, id);
            await refreshItems(tx, await change(tx, album.key, some), now());
          });
        }
      }
    },
    remove: (id) => removeAlbum(database, id, now),
  };
  const unfinished = await read.all<{ key: string; value: string }>(
    sql`SELECT key, value FROM settings WHERE key LIKE ${`${UNFINISHED}%`}`,
  );
  for (const { key, value } of unfinished) {
    const id = key.slice(UNFINISHED.length);
    if (value === 'remove') await removeAlbum(database, id, now);
    else await refreshMembers(database, id, now);
  }
  return albums;
}

async function readAlbums(
  database: Sql,
  reader: Reader,
  origin: Origin,
  page: PageArguments,
): Promise<AlbumPage> {
  const { backward, size } = pageSize(page);
  const fingerprint = queryFingerprint(['albums', origin]);
  const conditions = [visibleTo(reader, 'a'), ofOrigin(origin)];
  for (const [cursor, comparison] of [
    [page.after, '>'],
    [page.before, '<'],
  ] as const) {
    if (cursor === undefined) continue;
    const { value, id } = decodeCursor(fingerprint, cursor);
    if (typeof value !== 'string' || typeof id !== 'string') throw new HedgerowError('BAD_CURSOR');
    conditions.push(sql`(a.title_key, a.id) ${raw(comparison)} (${value}, ${id})`);
  }
  const direction = raw(backward ? 'DESC' : 'ASC');
  const rows = await database.all<AlbumRow & { titleKey: string }>(
    sql`SELECT ${COLUMNS}, a.title_key AS "titleKey" FROM albums a WHERE ${join(conditions, ' AND ')} ORDER BY a.title_key ${direction}, a.id ${direction} LIMIT ${size + 1}`,
  );
  const kept = rows.slice(0, size);
  if (backward) kept.reverse();
  return {
    edges: kept.map(({ titleKey: value, ...row }) => ({
      cursor: encodeCursor(fingerprint, { value, id: row.id }),
      album: albumFromRow(row),
    })),
    hasNextPage: backward ? page.before !== undefined : rows.length > size,
    hasPreviousPage: backward ? rows.length > size : page.after !== undefined,
  };
}

function ofOrigin(origin: Origin) {
  if (origin === 'ALL') return sql`1 = 1`;
  return origin === 'LOCAL' ? sql`a.source = 0` : sql`a.source <> 0`;
}

async function readAlbumsOfItems(
  database: Sql,
  reader: Reader,
  itemKeys: readonly number[],
): Promise<Map<number, Album[]>> {
  const rows = await database.all<AlbumRow & { itemKey: number }>(
    sql`SELECT m.item_key AS "itemKey", ${COLUMNS} FROM album_items m JOIN albums a ON a.key = m.album_key WHERE m.item_key IN (${integers(database, JSON.stringify(itemKeys))}) AND ${visibleTo(reader, 'a')} ORDER BY a.title_key, a.id`,
  );
  const byItem = new Map<number, Album[]>();
  for (const { itemKey, ...row } of rows) {
    const list = byItem.get(itemKey) ?? [];
    list.push(albumFromRow(row));
    byItem.set(itemKey, list);
  }
  return byItem;
}

/** Writes the album's own row; answers whether its items have to be told of it. */
async function writeAlbum(tx: Sql, id: string, patch: AlbumPatch, now: number): Promise<boolean> {
  const before = await lockAlbum(tx, id);
  const after = {
    title: patch.title ?? before.title,
    description: patch.description === undefined ? before.description : patch.description,
    visibility: patch.visibility ?? before.visibility,
  };
  await tx.run(
    sql`UPDATE albums SET title = ${after.title}, title_key = ${titleKey(after.title)}, description = ${after.description}, visibility = ${visibilityNumber(after.visibility)}, updated_at = ${now} WHERE key = ${before.key}`,
  );
  const refresh = after.title !== before.title || after.visibility !== before.visibility;
  if (refresh) await noteUnfinished(tx, id, 'refresh');
  return refresh;
}

/** Gives each item of an album its list of albums anew, in short transactions. */
async function refreshMembers(database: Database, id: string, now: () => number): Promise<void> {
  for (let after = 0; ; ) {
    const keys = await database.write(async (tx) => {
      const album = await findAlbum(tx, id);
      if (album === undefined) return [];
      const members = await tx.all<{ key: number }>(
        sql`SELECT item_key AS key FROM album_items WHERE album_key = ${album.key} AND item_key > ${after} ORDER BY item_key LIMIT ${ITEMS_AT_ONCE}`,
      );
      const found = members.map(({ key }) => key);
      await refreshItems(tx, await lockItems(tx, found), now());
      return found;
    });
    after = keys.at(-1) ?? after;
    if (keys.length < ITEMS_AT_ONCE) break;
  }
  await database.write((tx) => noteUnfinished(tx, id, null));
}

/** Takes the items out in short transactions, and the album away with the last of them. */
async function removeAlbum(database: Database, id: string, now: () => number): Promise<void> {
  for (let first = true; ; first = false) {
    const gone = await database.write(async (tx) => {
      const album = first ? await lockAlbum(tx, id) : await findAlbum(tx, id);
      if (album === undefined) return true;
      const members = await tx.all<{ key: number }>(
        sql`SELECT item_key AS key FROM album_items WHERE album_key = ${album.key} ORDER BY item_key LIMIT ${ITEMS_AT_ONCE}`,
      );
      const last = members.length < ITEMS_AT_ONCE;
      // An item that goes at the same moment takes its place in the album along: so the items come first.
      const keys = await lockItems(
        tx,
        members.map(({ key }) => key),
      );
      await tx.run(
        sql`DELETE FROM album_items WHERE album_key = ${album.key} AND item_key IN (${integers(tx, JSON.stringify(keys))})`,
      );
      if (last) await tx.run(sql`DELETE FROM albums WHERE key = ${album.key}`);
      await noteUnfinished(tx, id, last ? null : 'remove');
      await refreshItems(tx, keys, now());
      return last;
    });
    if (gone) return;
  }
}

function insertMembers(tx: Sql, albumKey: number, ids: readonly string[]): Promise<number[]> {
  return keysOf(
    tx,
    ids,
    (keys) =>
      sql`INSERT INTO album_items (album_key, item_key) SELECT CAST(${albumKey} AS int), i.key FROM items i WHERE i.key IN (${keys}) ON CONFLICT DO NOTHING`,
  );
}

function deleteMembers(tx: Sql, albumKey: number, ids: readonly string[]): Promise<number[]> {
  return keysOf(
    tx,
    ids,
    (keys) => sql`DELETE FROM album_items WHERE album_key = ${albumKey} AND item_key IN (${keys})`,
  );
}

async function keysOf(
  tx: Sql,
  ids: readonly string[],
  change: (keys: ReturnType<typeof integers>) => ReturnType<typeof sql>,
): Promise<number[]> {
  const rows = await tx.all<{ key: number }>(
    sql`SELECT key FROM items WHERE id IN (${texts(tx, JSON.stringify(ids))})`,
  );
  // Locked, and not only read: one that is deleted meanwhile is then left out, and does not break the reference to it.
  const keys = await lockItems(
    tx,
    rows.map(({ key }) => key),
  );
  await tx.run(change(integers(tx, JSON.stringify(keys))));
  return keys;
}

/**
 * Gives local items the list of their albums as it is now, and shared ones a new place in the feed where it changed:
 * a pair whose grant names the album sees it, whoever else does. All of them are locked by now.
 */
async function refreshItems(tx: Sql, keys: readonly number[], now: number): Promise<void> {
  if (keys.length === 0) return;
  const list = integers(tx, JSON.stringify(keys));
  const rows = await tx.all<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM items i WHERE i.key IN (${list}) AND i.source = 0 ORDER BY i.key`,
  );
  const albums = await tx.all<{ itemKey: number; id: string; title: string; visibility: number }>(
    sql`SELECT m.item_key AS "itemKey", a.id, a.title, a.visibility FROM album_items m JOIN albums a ON a.key = m.album_key WHERE m.item_key IN (${list}) AND a.source = 0 ORDER BY a.key`,
  );
  const byItem = new Map<number, AlbumRef[]>();
  for (const { itemKey, id, title, visibility } of albums) {
    const refs = byItem.get(itemKey) ?? [];
    refs.push({ id, title, shared: isShared({ source: LOCAL_SOURCE, visibility }) });
    byItem.set(itemKey, refs);
  }
  const changes: SharedChange[] = [];
  for (const before of rows.map(itemFromRow)) {
    const refs = byItem.get(before.key) ?? [];
    const text = JSON.stringify(refs);
    if (text === JSON.stringify(before.albums)) continue;
    if (refs.length > ALBUMS_MAX) {
      throw new HedgerowError('INVALID', `An item is in at most ${ALBUMS_MAX} albums.`, { field: ['add'] });
    }
    const after: Item = { ...before, albums: refs };
    after.version = sharedVersion(after);
    await tx.run(
      sql`UPDATE items SET albums = ${text}, version = ${after.version} WHERE key = ${before.key}`,
    );
    if (isShared({ source: before.source, visibility: visibilityNumber(before.visibility) })) {
      changes.push({ type: 'put', key: before.key, id: before.id, before, after });
    }
  }
  await finishChange(tx, changes, keys, now);
}

async function findAlbum(tx: Sql, id: string): Promise<Album | undefined> {
  const lock = tx.dialect === 'sqlite' ? sql`` : sql` FOR UPDATE`;
  const row = await tx.get<AlbumRow>(sql`SELECT ${COLUMNS} FROM albums a WHERE a.id = ${id}${lock}`);
  return row === undefined ? undefined : albumFromRow(row);
}

/** Two changes of one album wait for each other, so that the later one sees what the earlier one wrote. */
async function lockAlbum(tx: Sql, id: string): Promise<Album> {
  const album = await findAlbum(tx, id);
  if (album === undefined) throw new HedgerowError('NOT_FOUND', 'There is no such album.');
  if (album.source !== LOCAL_SOURCE) throw new HedgerowError('READ_ONLY');
  return album;
}

async function noteUnfinished(tx: Sql, id: string, what: 'refresh' | 'remove' | null): Promise<void> {
  const key = `${UNFINISHED}${id}`;
  await tx.run(
    what === null
      ? sql`DELETE FROM settings WHERE key = ${key}`
      : sql`INSERT INTO settings (key, value) VALUES (${key}, ${what}) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
  );
}

function albumFromRow({ visibility, ...row }: AlbumRow): Album {
  return { ...row, visibility: VISIBILITIES[visibility] ?? 'PRIVATE' };
}
