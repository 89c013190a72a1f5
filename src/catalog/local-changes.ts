/** Everything that changes local items: one transaction each, with tags, search, sequence and checksum. */
import type { Database } from '../database/database.ts';
import { join, type Sql, type SqlDialect, sql } from '../database/sql.ts';
import { HedgerowError } from '../lib/errors.ts';
import { newId } from '../lib/ids.ts';
import type { MediaKind, Variant } from '../lib/media.ts';
import { type CountedItem, recordCounts } from './counts.ts';
import {
  ITEM_COLUMNS,
  type Item,
  type ItemRow,
  itemFromRow,
  kindNumber,
  LOCAL_SOURCE,
  type StorageClass,
  type Visibility,
  visibilityNumber,
} from './items.ts';
import { type IndexEntry, indexItems, searchTexts, unindexItems } from './search-index.ts';
import { sharedVersion } from './shared-item.ts';
import { finishChange, type SharedChange } from './state.ts';
import { isShared } from './visibility.ts';
import { titleKey } from './words.ts';

export interface NewLocalItem {
  kind: MediaKind;
  title: string;
  description?: string | null;
  filename: string;
  mimeType: string;
  byteSize: number;
  /** `sha-256:<64 hex>` of the original. */
  digest: string;
  width: number | null;
  height: number | null;
  durationMs: number | null;
  pageCount: number | null;
  thumbhash: string | null;
  takenAt: number | null;
  takenAtOffset: number | null;
  tags: readonly string[];
  creator: string | null;
  license: string | null;
  properties: Record<string, unknown>;
  variants: readonly Variant[];
  ownerId: string | null;
  visibility: Visibility;
  storage: StorageClass;
  /** Key in the blob store, or absolute path of an external file. */
  location: string;
  locationMtime: number | null;
}

export interface LocalItemPatch {
  title?: string;
  description?: string | null;
  tags?: readonly string[];
  takenAt?: number | null;
  creator?: string | null;
  license?: string | null;
  visibility?: Visibility;
}

export interface LocalChanges {
  add(items: readonly NewLocalItem[]): Promise<Item[]>;
  /** @throws HedgerowError NOT_FOUND, READ_ONLY where the item is a peer's. */
  update(id: string, patch: LocalItemPatch): Promise<Item>;
  setVisibility(ids: readonly string[], visibility: Visibility): Promise<Item[]>;
  /** Tags that are both put on and taken away are taken away. */
  retag(
    ids: readonly string[],
    change: { add: readonly string[]; remove: readonly string[] },
  ): Promise<Item[]>;
  /** Removes the rows; answers what was removed, so that the bytes can follow. */
  remove(ids: readonly string[]): Promise<Item[]>;
}

export function createLocalChanges(database: Database, now: () => number): LocalChanges {
  return {
    add: (items) => database.write((tx) => add(tx, items, now())),
    update: (id, patch) =>
      database.write(async (tx) => {
        const [before] = await lockItems(tx, [id]);
        if (before === undefined) throw new HedgerowError('NOT_FOUND');
        const [after] = await change(tx, [before], (item) => patched(item, patch), now());
        return after ?? before;
      }),
    setVisibility: (ids, visibility) =>
      database.write(async (tx) =>
        change(tx, await lockItems(tx, ids), (item) => ({ ...item, visibility }), now()),
      ),
    retag: (ids, { add, remove }) =>
      database.write(async (tx) =>
        change(
          tx,
          await lockItems(tx, ids),
          (item) => ({ ...item, tags: retagged(item.tags, add, remove) }),
          now(),
        ),
      ),
    remove: (ids) => database.write(async (tx) => remove(tx, await lockItems(tx, ids), now())),
  };
}

/** In the order in which they were given. */
export function retagged(
  tags: readonly string[],
  add: readonly string[],
  remove: readonly string[],
): string[] {
  return [...new Set([...tags, ...add])].filter((tag) => !remove.includes(tag));
}

function patched(item: Item, patch: LocalItemPatch): Item {
  return { ...item, ...patch, tags: [...(patch.tags ?? item.tags)] };
}

async function add(tx: Sql, items: readonly NewLocalItem[], now: number): Promise<Item[]> {
  const added: Item[] = [];
  const changes: SharedChange[] = [];
  for (const input of items) {
    const item: Omit<Item, 'key'> = {
      ...input,
      description: input.description ?? null,
      id: newId('media', now),
      source: LOCAL_SOURCE,
      remoteId: null,
      timelineAt: input.takenAt ?? now,
      addedAt: now,
      updatedAt: now,
      tags: [...input.tags],
      variants: [...input.variants],
      revision: 0,
      hidden: false,
      version: '',
      sequence: null,
      albums: [],
      held: false,
      fault: null,
      peerHealth: null,
    };
    item.version = sharedVersion(item);
    const row = await tx.get<{ key: number }>(
      sql`INSERT INTO items (id, source, kind, title, title_key, description, filename, mime_type, byte_size, digest, width, height, duration_ms, page_count, thumbhash, taken_at, taken_at_offset, timeline_at, added_at, updated_at, tags, creator, license, properties, variants, visibility, version, owner_id, storage, location, location_mtime) VALUES (${join([item.id, LOCAL_SOURCE, kindNumber(item.kind), item.title, titleKey(item.title), item.description, item.filename, item.mimeType, item.byteSize, item.digest, item.width, item.height, item.durationMs, item.pageCount, item.thumbhash, item.takenAt, item.takenAtOffset, item.timelineAt, now, now, JSON.stringify(item.tags), item.creator, item.license, JSON.stringify(item.properties), JSON.stringify(item.variants), visibilityNumber(item.visibility), item.version, item.ownerId, item.storage, item.location, item.locationMtime])}) RETURNING key`,
    );
    if (row === undefined) throw new Error('An inserted row came back without its key.');
    const whole = { ...item, key: row.key };
    await putTags(tx, whole);
    added.push(whole);
    if (isSharedItem(whole)) {
      changes.push({ type: 'put', key: whole.key, id: whole.id, before: null, after: whole });
    }
  }
  await indexItems(tx, indexEntries(tx.dialect, added));
  await recordCounts(tx, [], added.map(counted));
  await finishChange(
    tx,
    changes,
    added.map((item) => item.key),
    now,
  );
  return added;
}

async function change(
  tx: Sql,
  items: readonly Item[],
  edit: (item: Item) => Item,
  now: number,
): Promise<Item[]> {
  const changes: SharedChange[] = [];
  const changed: Item[] = [];
  const were: Item[] = [];
  const result: Item[] = [];
  for (const before of items) {
    const edited = edit(before);
    edited.timelineAt = edited.takenAt ?? edited.addedAt;
    if (sharedVersion(edited) === before.version && edited.visibility === before.visibility) {
      result.push(before);
      continue;
    }
    const after = { ...edited, updatedAt: now };
    after.version = sharedVersion(after);
    await tx.run(
      sql`UPDATE items SET title = ${after.title}, title_key = ${titleKey(after.title)}, description = ${after.description}, taken_at = ${after.takenAt}, timeline_at = ${after.timelineAt}, updated_at = ${now}, tags = ${JSON.stringify(after.tags)}, creator = ${after.creator}, license = ${after.license}, visibility = ${visibilityNumber(after.visibility)}, version = ${after.version} WHERE key = ${after.key}`,
    );
    if (before.tags.join('\n') !== after.tags.join('\n')) {
      await tx.run(sql`DELETE FROM item_tags WHERE item_key = ${after.key}`);
      await putTags(tx, after);
    }
    const change = sharedChange(before, after);
    if (change?.type === 'removed')
      await tx.run(sql`UPDATE items SET sequence = NULL WHERE key = ${after.key}`);
    if (change !== null) changes.push(change);
    were.push(before);
    changed.push(after);
    result.push(after);
  }
  if (changed.length > 0) {
    await indexItems(tx, indexEntries(tx.dialect, changed));
    await recordCounts(tx, were.map(counted), changed.map(counted));
    await finishChange(
      tx,
      changes,
      changed.map((item) => item.key),
      now,
    );
  }
  return result;
}

async function remove(tx: Sql, items: readonly Item[], now: number): Promise<Item[]> {
  if (items.length === 0) return [];
  const keys = items.map((item) => item.key);
  await unindexItems(tx, keys);
  await tx.run(sql`DELETE FROM items WHERE key IN (${join(keys)})`);
  const changes = items.filter(isSharedItem).map(
    (item): SharedChange => ({
      type: 'removed',
      key: item.key,
      id: item.id,
      before: item,
      reason: 'deleted',
    }),
  );
  await recordCounts(tx, items.map(counted), []);
  await finishChange(tx, changes, [], now);
  return [...items];
}

/**
 * Reads the items for changing, in the order in which all lock them (locks.ts); of ids that are unknown nothing comes back.
 */
async function lockItems(tx: Sql, ids: readonly string[]): Promise<Item[]> {
  if (ids.length === 0) return [];
  const those = sql`items i WHERE i.id IN (${join([...ids])})`;
  const lock = tx.dialect === 'sqlite' ? sql`` : sql` FOR UPDATE`;
  const rows = await tx.all<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM ${those} AND i.source = ${LOCAL_SOURCE} ORDER BY i.key${lock}`,
  );
  if (rows.length < new Set(ids).size) {
    const theirs = await tx.get(sql`SELECT 1 AS one FROM ${those} AND i.source <> ${LOCAL_SOURCE}`);
    if (theirs !== undefined) throw new HedgerowError('READ_ONLY');
  }
  return rows.map(itemFromRow);
}

function sharedChange(before: Item, after: Item): SharedChange | null {
  const was = isSharedItem(before);
  if (isSharedItem(after)) {
    return { type: 'put', key: after.key, id: after.id, before: was ? before : null, after };
  }
  return was ? { type: 'removed', key: after.key, id: after.id, before, reason: 'unshared' } : null;
}

function isSharedItem(item: Item): boolean {
  return isShared({ source: item.source, visibility: visibilityNumber(item.visibility) });
}

function counted(item: Item): CountedItem {
  return { ...item, visibility: visibilityNumber(item.visibility), kind: kindNumber(item.kind) };
}

async function putTags(tx: Sql, item: Item): Promise<void> {
  for (const tag of new Set(item.tags)) {
    await tx.run(sql`INSERT INTO item_tags (item_key, tag) VALUES (${item.key}, ${tag})`);
  }
}

function indexEntries(dialect: SqlDialect, items: readonly Item[]): IndexEntry[] {
  return items.map((item) => ({ key: item.key, texts: searchTexts(dialect, item) }));
}
