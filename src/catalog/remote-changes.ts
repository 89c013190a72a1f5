/** Puts a page of a peer's listing into the catalog, in the transaction that also moves the peer's cursor. */

import { integers, texts } from '../database/lists.ts';
import { empty, prepared, type Runnable, raw, type Sql, type Statement, sql } from '../database/sql.ts';
import { addChecksum, type Checksum, checksumTerm, subtractChecksum } from '../lib/checksum.ts';
import { newId } from '../lib/ids.ts';
import type { MediaKind, OfferedVariant } from '../lib/media.ts';
import { type CountedItem, lockCounted, recordCounts } from './counts.ts';
import { HIDDEN } from './items.ts';
import { lockPeers } from './locks.ts';
import { ITEM_OWN, place, type ReadyItem, ROW, readyItem, stamp } from './ready-item.ts';
import { indexItems, indexNewItems, unindexItems } from './search-index.ts';
import { finishChange, readState } from './state.ts';
import { titleKey } from './words.ts';

/** An item of a peer, checked: nothing in it breaks a limit. Times are ms since 1970. */
export interface RemoteItem {
  remoteId: string;
  version: string;
  kind: MediaKind;
  title: string;
  description: string | null;
  filename: string | null;
  /** Empty where the peer does not say. */
  mimeType: string;
  byteSize: number | null;
  digest: string | null;
  width: number | null;
  height: number | null;
  durationMs: number | null;
  pageCount: number | null;
  thumbhash: string | null;
  takenAt: number | null;
  takenAtOffset: number | null;
  /** Null where the peer does not say: then it is when the item, or this version of it, came here. */
  createdAt: number | null;
  updatedAt: number | null;
  tags: readonly string[];
  /** With their ids at the peer. */
  albums: readonly { id: string; title: string }[];
  creator: string | null;
  license: string | null;
  properties: Record<string, unknown>;
  /** The original included. */
  variants: readonly OfferedVariant[];
}

/** Of a peer's item that nobody hid. */
const SHOWN = 1;

/** Where in a row those values stand that are looked at. */
const AT = {
  kind: place('kind'),
  title: place('title'),
  description: place('description'),
  filename: place('filename'),
  creator: place('creator'),
  tags: place('tags'),
  properties: place('properties'),
  variants: place('variants'),
};

/** Some entries of a listing. */
export interface RemotePart {
  items: readonly ReadyItem[];
  /** Items that broke a limit; counted, and part of the checksum. */
  skipped: readonly { remoteId: string; version: string; reason: string }[];
  removed: readonly string[];
}

export interface RemotePage extends Omit<RemotePart, 'items'> {
  items: readonly RemoteItem[];
  /** The listing that the page belongs to, where one is under way. */
  generation: number;
}

export interface RemoteResult {
  added: number;
  changed: number;
  removed: number;
  /** Change of what the peer's row counts; held and kept items are no part of `itemCount`. */
  itemCount: number;
  skippedCount: number;
  heldCount: number;
  /** Of `before`, after this page. */
  checksum: Checksum;
  /** Items whose kept bytes are of no use any more: removed, or other bytes under the same id. */
  stale: { key: number; id: string }[];
}

/**
 * Generation of an item that the peer lists no longer, and that an admin keeps all the same: no listing takes it
 * away, and, as a held one, it is no part of what is compared with the peer. Listed again, it is an item like others.
 */
const KEPT = -1;

interface Known {
  key: number;
  id: string;
  remoteId: string;
  version: string;
  generation: number;
  held: number | boolean;
}

/** What a changed item was, as the columns have it: what stays the same need not be written again. */
interface Former extends Omit<CountedItem, 'tags'> {
  key: number;
  id: string;
  title: string;
  titleKey: string;
  description: string | null;
  filename: string | null;
  byteSize: number | null;
  digest: string | null;
  timelineAt: number;
  addedAt: number;
  updatedAt: number;
  tags: string;
  creator: string | null;
  properties: string;
  variants: string;
  thumbState: number;
  thumbNextAt: number;
}

/** Whether the item is part of what the peer said it has: of count and checksum. */
function isCounted(row: Pick<Known, 'generation' | 'held'>): boolean {
  return !row.held && row.generation !== KEPT;
}

/** One page, in one go. */
export function applyRemotePage(
  tx: Sql,
  source: number,
  page: RemotePage,
  before: Checksum,
  now: number,
): Promise<RemoteResult> {
  const items = page.items.map((item) => readyItem(item, tx.dialect));
  return applyRemoteParts(tx, source, page.generation, [{ ...page, items }], before, now);
}

/**
 * Puts parts of a page into the catalog, one after the other, and makes one change of them: one revision, in which the
 * transaction ends. Items that are already here in this version are only marked as seen: they cost next to nothing.
 *
 * @param parts - asked for the next one when the last is stored, so that it can end where others wait
 */
export async function applyRemoteParts(
  tx: Sql,
  source: number,
  generation: number,
  parts: Iterable<RemotePart> | AsyncIterable<RemotePart>,
  before: Checksum,
  now: number,
): Promise<RemoteResult> {
  const result = unchanged(before);
  const changes: Changes = {
    put: new Set(),
    rewritten: [],
    reworded: new Map(),
    changed: new Set(),
    inAlbums: new Map(),
    back: [],
    were: [],
    are: [],
  };
  // Whoever writes to SQLite is alone, so what comes next is known before; there rows are written once.
  const revision = tx.dialect === 'sqlite' ? (await readState(tx)).revision + 1 : null;
  const taking = { source, generation, now, revision };
  for await (const part of parts) await applyPart(tx, taking, part, result, changes);
  const { put, rewritten, reworded, changed, inAlbums, back, were, are } = changes;
  await indexItems(
    tx,
    Array.from(reworded, ([key, texts]) => ({ key, texts })),
  );
  await putAlbums(tx, taking, inAlbums, await leaveAlbums(tx, source, changed, inAlbums));
  if (put.size > 0 || back.length > 0 || were.length > 0) {
    await recordCounts(tx, were, are);
    const later = new Set(rewritten.map(({ key }) => key));
    const touched = revision === null ? [...put, ...back].filter((key) => !later.has(key)) : back;
    const given = await finishChange(tx, [], touched, now);
    await rewriteRows(tx, generation, rewritten, given);
  }
  return result;
}

/** What every item of one transaction has in common. */
interface Taking {
  source: number;
  generation: number;
  now: number;
  /** Of the change, where it is known before the end. */
  revision: number | null;
}

/** An item and the key of its row. */
interface Stored {
  key: number;
  item: ReadyItem;
}

interface Changed extends Stored {
  former: Former;
}

/** What one transaction has done so far. An item may come twice: changed again, or removed after all. */
interface Changes {
  /** Keys of items that are new or another version. */
  put: Set<number>;
  /**
   * PostgreSQL: of these, what is another version of the last part, whose rows are written when the revision is known. Each
   * version of a row is an entry in every index, so a second one for the revision would cost as much again.
   */
  rewritten: Changed[];
  /** Of these, what the search index is to have of those whose words are others and are not in it yet, by their keys. */
  reworded: Map<number, readonly string[]>;
  /** Keys of items that were here before in another version. */
  changed: Set<number>;
  /** Albums of items that are new or another version, where they are in any. */
  inAlbums: Map<number, ReadyItem['albums']>;
  /** Keys of items that count again. */
  back: number[];
  /** What is changed or gone, and what is there now, for the kept counts. */
  were: CountedItem[];
  are: CountedItem[];
}

async function applyPart(
  tx: Sql,
  taking: Taking,
  part: RemotePart,
  result: RemoteResult,
  changes: Changes,
): Promise<void> {
  const { source, generation, now } = taking;
  // What this part brings may be of the same items. Their revision is given to them at the end.
  await rewriteRows(tx, generation, changes.rewritten.splice(0), null);
  // Where a dialect lists by offset, an item may be on a page twice.
  const items = new Map(part.items.map((item) => [item.remoteId, item]));
  const gone = new Set([...part.skipped.map((item) => item.remoteId), ...part.removed]);
  const all = [...items.keys(), ...part.skipped.map((item) => item.remoteId), ...part.removed];
  const known = new Map((await selectKnown(tx, source, all)).map((row) => [row.remoteId, row]));
  const skippedBefore = new Map(
    (await selectSkipped(tx, source, all)).map((row) => [row.remoteId, row.version]),
  );
  const replaceTerm = (remoteId: string, term: Checksum | null): void => {
    const row = known.get(remoteId);
    const old = row === undefined ? skippedBefore.get(remoteId) : isCounted(row) ? row.version : undefined;
    if (old !== undefined) result.checksum = subtractChecksum(result.checksum, checksumTerm(remoteId, old));
    if (term !== null) result.checksum = addChecksum(result.checksum, term);
  };

  const fresh: ReadyItem[] = [];
  const others = new Map<number, ReadyItem>();
  const seen: number[] = [];
  for (const item of items.values()) {
    const old = known.get(item.remoteId);
    if (old === undefined || !isCounted(old)) result.itemCount += 1;
    if (old?.held) result.heldCount -= 1;
    if (old?.version === item.version) {
      if (!isCounted(old)) {
        replaceTerm(item.remoteId, item.term);
        changes.back.push(old.key);
      }
      seen.push(old.key);
      continue;
    }
    replaceTerm(item.remoteId, item.term);
    if (old === undefined || gone.has(item.remoteId)) {
      fresh.push(item);
      continue;
    }
    others.set(old.key, item);
  }
  const goneRows = [...gone].flatMap((remoteId) => known.get(remoteId) ?? []);
  const formers = await lockFormer(tx, [...others.keys(), ...goneRows.map(({ key }) => key)]);
  const changed = formers.flatMap((former): Changed[] => {
    const { key, id, addedAt } = former;
    const item = others.get(key);
    if (item === undefined) return [];
    if (former.variants !== item.row[AT.variants]) result.stale.push({ key, id });
    stamp(item, now, addedAt);
    return [{ key, former, item }];
  });
  for (const item of fresh) stamp(item, now);
  result.added += fresh.length;
  result.changed += changed.length;
  for (const { remoteId, version } of part.skipped) {
    replaceTerm(remoteId, checksumTerm(remoteId, version));
  }
  for (const remoteId of part.removed) replaceTerm(remoteId, null);

  await deleteItems(
    tx,
    goneRows.map((row) => row.key),
  );
  for (const { key } of goneRows) {
    for (const noted of [changes.put, changes.reworded, changes.changed, changes.inAlbums]) noted.delete(key);
  }
  result.removed += goneRows.length;
  result.itemCount -= goneRows.filter(isCounted).length;
  result.heldCount -= goneRows.filter((row) => row.held).length;
  result.stale.push(...goneRows.map(({ key, id }) => ({ key, id })));
  await deleteSkipped(
    tx,
    source,
    all.filter((remoteId) => skippedBefore.has(remoteId)),
  );
  await insertSkipped(tx, source, part.skipped, generation);
  result.skippedCount += part.skipped.length - skippedBefore.size;
  await markSeen(tx, seen, generation);
  const added = await putItems(tx, taking, fresh, changed);
  if (tx.dialect === 'postgresql') changes.rewritten.push(...changed);
  for (const { key, item } of [...added, ...changed]) {
    changes.put.add(key);
    if (item.albums.length > 0) changes.inAlbums.set(key, item.albums);
    else changes.inAlbums.delete(key);
  }
  for (const { key } of changed) changes.changed.add(key);
  for (const { key, item } of changed.filter(isReworded)) changes.reworded.set(key, item.searchTexts);
  if (tx.dialect === 'sqlite') {
    await indexNewItems(
      tx,
      added.map(({ key, item }) => ({ key, texts: item.searchTexts })),
    );
  } else for (const { key, item } of added) changes.reworded.set(key, item.searchTexts);

  for (const { tags, ...former } of formers) changes.were.push({ ...former, tags: JSON.parse(tags) });
  const countAs = (item: ReadyItem, visibility: number): void => {
    const { takenAt, tags, row } = item;
    changes.are.push({ source, visibility, ownerId: null, kind: Number(row[AT.kind]), takenAt, tags });
  };
  for (const item of fresh) countAs(item, SHOWN);
  for (const { item, former } of changed) countAs(item, former.visibility);
}

function unchanged(checksum: Checksum): RemoteResult {
  return {
    added: 0,
    changed: 0,
    removed: 0,
    itemCount: 0,
    skippedCount: 0,
    heldCount: 0,
    checksum,
    stale: [],
  };
}

/** How many entries carry just this generation: what one pass of a listing has shown. */
export async function countSeen(database: Sql, source: number, generation: number): Promise<number> {
  const row = await database.get<{ seen: number }>(
    sql`SELECT (SELECT COUNT(*) FROM items WHERE source = ${source} AND generation = ${generation} AND held = ${false}) + (SELECT COUNT(*) FROM skipped_items WHERE source = ${source} AND generation = ${generation}) AS seen`,
  );
  return row?.seen ?? 0;
}

/** How many items a listing that ends now would take away, of how many; those that are held already included. */
export async function countUnseen(
  database: Sql,
  source: number,
  generation: number,
): Promise<{ unseen: number; all: number }> {
  const row = await database.get<{ unseen: number; total: number }>(
    sql`SELECT COUNT(CASE WHEN generation < ${generation} THEN 1 END) AS unseen, COUNT(*) AS total FROM items WHERE source = ${source} AND generation <> ${KEPT}`,
  );
  return { unseen: row?.unseen ?? 0, all: row?.total ?? 0 };
}

/**
 * Ends a listing: what it did not show is not at the peer any more. What is held waits for an admin all the same,
 * unless `heldToo`.
 *
 * @param limit - at most so many at once, so that the transaction stays short; call again while it answers that many.
 */
export async function removeUnseen(
  tx: Sql,
  source: number,
  generation: number,
  before: Checksum,
  { heldToo, limit, now }: { heldToo: boolean; limit: number; now: number },
): Promise<RemoteResult> {
  const items = heldToo
    ? sql`generation < ${generation} AND generation <> ${KEPT}`
    : sql`generation < ${generation} AND generation <> ${KEPT} AND held = ${false}`;
  const unseen = await tx.all<{ remoteId: string }>(
    sql`SELECT remote_id AS "remoteId" FROM items WHERE source = ${source} AND ${items} UNION ALL SELECT remote_id AS "remoteId" FROM skipped_items WHERE source = ${source} AND generation < ${generation} LIMIT ${limit}`,
  );
  return remove(tx, source, generation, before, unseen, now);
}

function remove(
  tx: Sql,
  source: number,
  generation: number,
  before: Checksum,
  rows: readonly { remoteId: string }[],
  now: number,
): Promise<RemoteResult> {
  const part: RemotePart = { items: [], skipped: [], removed: rows.map((row) => row.remoteId) };
  return applyRemoteParts(tx, source, generation, [part], before, now);
}

/** Holds what a listing did not show, at most `limit` items at once: shown as unavailable until an admin decides. */
export async function holdUnseen(
  tx: Sql,
  source: number,
  generation: number,
  before: Checksum,
  { limit, now }: { limit: number; now: number },
): Promise<RemoteResult> {
  const rows = await tx.all<{ key: number; remoteId: string; version: string }>(
    sql`SELECT key, remote_id AS "remoteId", version FROM items WHERE source = ${source} AND generation < ${generation} AND generation <> ${KEPT} AND held = ${false} LIMIT ${limit}`,
  );
  const result = unchanged(before);
  if (rows.length === 0) return result;
  const keys = rows.map((row) => row.key);
  await tx.run(sql`UPDATE items SET held = ${true} WHERE key IN (${integers(tx, JSON.stringify(keys))})`);
  for (const { remoteId, version } of rows) {
    result.checksum = subtractChecksum(result.checksum, checksumTerm(remoteId, version));
  }
  result.itemCount = -rows.length;
  result.heldCount = rows.length;
  await finishChange(tx, [], keys, now);
  return result;
}

/** What an admin decided about held items: they go, or they stay although the peer lists them no longer. */
export async function resolveHeld(
  tx: Sql,
  source: number,
  decision: 'REMOVE' | 'KEEP',
  before: Checksum,
  { limit, now }: { limit: number; now: number },
): Promise<RemoteResult> {
  const rows = await tx.all<{ key: number; remoteId: string }>(
    sql`SELECT key, remote_id AS "remoteId" FROM items WHERE source = ${source} AND held = ${true} LIMIT ${limit}`,
  );
  if (decision === 'REMOVE') return remove(tx, source, 0, before, rows, now);
  const result = unchanged(before);
  if (rows.length === 0) return result;
  const keys = rows.map((row) => row.key);
  await tx.run(
    sql`UPDATE items SET held = ${false}, generation = ${KEPT} WHERE key IN (${integers(tx, JSON.stringify(keys))})`,
  );
  result.heldCount = -rows.length;
  await finishChange(tx, [], keys, now);
  return result;
}

/** Removes what is left of a peer, at most `limit` items at once; answers how many it removed. */
export async function removeSource(tx: Sql, source: number, limit: number, now: number): Promise<number> {
  const rows = await tx.all<{ key: number }>(
    sql`SELECT key FROM items WHERE source = ${source} LIMIT ${limit}`,
  );
  const keys = rows.map((row) => row.key);
  const were = await lockCounted(tx, keys);
  await deleteItems(tx, keys);
  if (keys.length < limit) await tx.run(sql`DELETE FROM skipped_items WHERE source = ${source}`);
  if (keys.length > 0) {
    await recordCounts(tx, [...were.values()], []);
    await finishChange(tx, [], [], now);
  }
  return keys.length;
}

/** Hides items of peers, or shows them again. A pull leaves that as it is. */
export async function setHidden(
  tx: Sql,
  ids: readonly string[],
  hidden: boolean,
  now: number,
): Promise<void> {
  const [from, to] = hidden ? [SHOWN, HIDDEN] : [HIDDEN, SHOWN];
  const which = sql`id IN (${texts(tx, JSON.stringify(ids))}) AND source <> 0`;
  await lockPeers(tx, sql`SELECT source FROM items WHERE ${which}`);
  const rows = await tx.all<{ key: number }>(sql`SELECT key FROM items WHERE ${which}`);
  const locked = await lockCounted(
    tx,
    rows.map(({ key }) => key),
  );
  const changing = [...locked].filter(([, item]) => item.visibility === from);
  if (changing.length === 0) return;
  const keys = changing.map(([key]) => key);
  const were = changing.map(([, item]) => item);
  await tx.run(sql`UPDATE items SET visibility = ${to} WHERE key IN (${integers(tx, JSON.stringify(keys))})`);
  await recordCounts(
    tx,
    were,
    were.map((item) => ({ ...item, visibility: to })),
  );
  await finishChange(tx, [], keys, now);
}

function selectKnown(tx: Sql, source: number, remoteIds: readonly string[]): Promise<Known[]> {
  const list = JSON.stringify(remoteIds);
  return tx.all<Known>(
    sql`SELECT key, id, remote_id AS "remoteId", version, generation, held FROM items WHERE source = ${source} AND remote_id IN (${texts(tx, list)})`,
  );
}

/** What items that are about to be changed are; on PostgreSQL nobody else changes them until the end. */
async function lockFormer(tx: Sql, keys: readonly number[]): Promise<Former[]> {
  if (keys.length === 0) return [];
  const lock = tx.dialect === 'sqlite' ? empty : raw(' FOR UPDATE');
  return tx.all<Former>(
    sql`SELECT key, id, source, visibility, owner_id AS "ownerId", kind, taken_at AS "takenAt", title, title_key AS "titleKey", description, filename, byte_size AS "byteSize", digest, timeline_at AS "timelineAt", added_at AS "addedAt", updated_at AS "updatedAt", tags, creator, properties, variants, thumb_state AS "thumbState", thumb_next_at AS "thumbNextAt" FROM items WHERE key IN (${integers(tx, JSON.stringify(keys))}) ORDER BY key${lock}`,
  );
}

/** Whether the search index must have it again. */
function isReworded({ former, item }: Changed): boolean {
  const { row } = item;
  return (
    former.title !== row[AT.title] ||
    former.description !== row[AT.description] ||
    former.filename !== row[AT.filename] ||
    former.creator !== row[AT.creator] ||
    former.tags !== row[AT.tags] ||
    former.properties !== row[AT.properties]
  );
}

function selectSkipped(
  tx: Sql,
  source: number,
  remoteIds: readonly string[],
): Promise<{ remoteId: string; version: string }[]> {
  const list = JSON.stringify(remoteIds);
  return tx.all(
    sql`SELECT remote_id AS "remoteId", version FROM skipped_items WHERE source = ${source} AND remote_id IN (${texts(tx, list)})`,
  );
}

/** Deletes items with all that hangs on them, but for the counts. */
export async function deleteItems(tx: Sql, keys: readonly number[]): Promise<void> {
  if (keys.length === 0) return;
  await unindexItems(tx, keys);
  const list = integers(tx, JSON.stringify(keys));
  const left = await tx.all<{ key: number }>(
    sql`DELETE FROM album_items WHERE item_key IN (${list}) RETURNING album_key AS key`,
  );
  await tx.run(sql`DELETE FROM items WHERE key IN (${list})`);
  await deleteEmptyAlbums(
    tx,
    left.map(({ key }) => key),
  );
}

async function deleteSkipped(tx: Sql, source: number, remoteIds: readonly string[]): Promise<void> {
  if (remoteIds.length === 0) return;
  await tx.run(
    sql`DELETE FROM skipped_items WHERE source = ${source} AND remote_id IN (${texts(tx, JSON.stringify(remoteIds))})`,
  );
}

async function insertSkipped(
  tx: Sql,
  source: number,
  skipped: RemotePage['skipped'],
  generation: number,
): Promise<void> {
  for (const item of skipped) {
    await tx.run(
      sql`INSERT INTO skipped_items (source, remote_id, version, reason, generation) VALUES (${source}, ${item.remoteId}, ${item.version}, ${item.reason}, ${generation})`,
    );
  }
}

async function markSeen(tx: Sql, keys: readonly number[], generation: number): Promise<void> {
  if (keys.length === 0) return;
  await tx.run(
    sql`UPDATE items SET generation = ${generation}, held = ${false} WHERE key IN (${integers(tx, JSON.stringify(keys))}) AND (generation < ${generation} OR held = ${true})`,
  );
}

/** What an item keeps when the peer changes it: its id here, and whether an admin hid it. */
const KEPT_COLUMNS = new Set(['remote_id', 'id']);
const NAMES = ITEM_OWN.map(([name]) => name);
const TYPES = new Map(ITEM_OWN);
/** Of an item's own columns, those that another version of it sets, and where their values stand in its row. */
const CHANGED = NAMES.filter((name) => !KEPT_COLUMNS.has(name)).map((name) => [name, place(name)] as const);
/** What is begun again with another version. */
const RESET = 'thumb_attempts = 0, fault = NULL';

/**
 * SQLite: a row at a time, by bound values. With this many columns that takes half of what json_each and a json_extract
 * for each column take (docs/adr/0055-how-a-catalog-is-taken-in.md).
 */
const INSERT_ROW = `INSERT INTO items (visibility, ${ROW.join(', ')}) VALUES (${SHOWN}, ${ROW.map(() => '?').join(', ')})`;

/** Columns with an index: SQLite writes an index again where its column is set, whether or not to another value. */
const INDEXED = new Map<string, keyof Former>([
  ['title_key', 'titleKey'],
  ['byte_size', 'byteSize'],
  ['digest', 'digest'],
  ['timeline_at', 'timelineAt'],
  ['added_at', 'addedAt'],
  ['updated_at', 'updatedAt'],
  ['thumb_state', 'thumbState'],
  ['thumb_next_at', 'thumbNextAt'],
]);
/** By the columns that are set: the same text is the same prepared statement. */
const updates = new Map<string, string>();

function updateRow({ key, item: { row }, former }: Changed, { generation, revision }: Taking): Runnable {
  const names = ['generation', 'revision'];
  const values: unknown[] = [generation, revision];
  const set = (name: string, value: unknown): void => {
    const indexed = INDEXED.get(name);
    if (indexed !== undefined && former[indexed] === value) return;
    names.push(name);
    values.push(value);
  };
  for (const [name, index] of CHANGED) set(name, row[index]);
  set('thumb_next_at', 0);
  const list = names.join(' = ?, ');
  let text = updates.get(list);
  if (text === undefined) {
    text = `UPDATE items SET held = 0, ${RESET}, ${list} = ? WHERE key = ?`;
    updates.set(list, text);
  }
  return prepared(text, [...values, key]);
}

/** PostgreSQL: one statement over a list for each column. */
const REWRITE = `UPDATE items SET generation = $1, revision = COALESCE($2, items.revision), held = false, thumb_next_at = 0, ${RESET}, ${CHANGED.map(([name]) => `${name} = u.${name}`).join(', ')} FROM unnest($3::int[], ${CHANGED.map(([name], index) => `$${index + 4}::${TYPES.get(name)}[]`).join(', ')}) AS u (key, ${CHANGED.map(([name]) => name).join(', ')}) WHERE items.key = u.key`;

/** PostgreSQL: another version of items whose rows are locked. */
async function rewriteRows(
  tx: Sql,
  generation: number,
  changed: readonly Changed[],
  revision: number | null,
): Promise<void> {
  if (changed.length === 0) return;
  const lists = CHANGED.map(([, index]) => changed.map(({ item }) => item.row[index]));
  await tx.run(prepared(REWRITE, [generation, revision, changed.map(({ key }) => key), ...lists]));
}

/** As above; the items are new, or what somebody else has just made of them. */
const UPSERT = `INSERT INTO items (source, generation, visibility, ${NAMES.join(', ')}) SELECT $1::int, $2::int, ${SHOWN}, u.* FROM unnest(${ITEM_OWN.map(([, type], index) => `$${index + 3}::${type}[]`).join(', ')}) AS u ON CONFLICT (source, remote_id) DO UPDATE SET generation = excluded.generation, held = false, thumb_next_at = 0, ${RESET}, ${CHANGED.map(([name]) => `${name} = excluded.${name}`).join(', ')} RETURNING key, remote_id AS "remoteId"`;

/** Answers the new ones with their keys; the search index does not have any of them yet. */
async function putItems(
  tx: Sql,
  taking: Taking,
  fresh: readonly ReadyItem[],
  changed: readonly Changed[],
): Promise<Stored[]> {
  if (fresh.length + changed.length === 0) return [];
  const added =
    tx.dialect === 'sqlite'
      ? await writeRows(tx, taking, fresh, changed)
      : await upsertRows(tx, taking, fresh);
  const gone: TagRow[] = [];
  const tags: TagRow[] = [];
  for (const { key, item } of added) for (const tag of item.tags) tags.push([key, tag]);
  for (const { key, item, former } of changed) {
    if (former.tags === item.row[AT.tags]) continue;
    const before = new Set<string>(JSON.parse(former.tags));
    const after = new Set(item.tags);
    for (const tag of before) if (!after.has(tag)) gone.push([key, tag]);
    for (const tag of after) if (!before.has(tag)) tags.push([key, tag]);
  }
  await removeTags(tx, gone);
  await insertTags(tx, tags);
  return added;
}

async function writeRows(
  tx: Sql,
  taking: Taking,
  fresh: readonly ReadyItem[],
  changed: readonly Changed[],
): Promise<Stored[]> {
  for (const one of changed) await tx.run(updateRow(one, taking));
  if (fresh.length === 0) return [];
  // The writer is alone, so it may give the keys itself, and need not ask which ones were given.
  const last = await tx.get<{ key: number }>(
    sql`SELECT seq AS key FROM sqlite_sequence WHERE name = 'items'`,
  );
  let key = last?.key ?? 0;
  const added: Stored[] = [];
  const { source, generation, revision } = taking;
  for (const item of fresh) {
    key += 1;
    const { row } = item;
    row[0] = key;
    row[1] = source;
    row[2] = generation;
    row[3] = revision;
    added.push({ key, item });
  }
  await tx.each(
    INSERT_ROW,
    fresh.map(({ row }) => row),
  );
  return added;
}

async function upsertRows(
  tx: Sql,
  { source, generation }: Taking,
  fresh: readonly ReadyItem[],
): Promise<Stored[]> {
  if (fresh.length === 0) return [];
  const lists = NAMES.map(place).map((index) => fresh.map(({ row }) => row[index]));
  const stored = await tx.all<{ key: number; remoteId: string }>(
    prepared(UPSERT, [source, generation, ...lists]),
  );
  const keyOf = new Map(stored.map(({ key, remoteId }) => [remoteId, key]));
  return fresh.flatMap((item) => {
    const key = keyOf.get(item.remoteId);
    return key === undefined ? [] : [{ key, item }];
  });
}

type TagRow = readonly [key: number, tag: string];
const INSERT_TAG = 'INSERT INTO item_tags (item_key, tag) VALUES (?, ?)';
const REMOVE_TAG = 'DELETE FROM item_tags WHERE item_key = ? AND tag = ?';

/** SQLite: a row a statement, as everything between two rows of the search index (src/catalog/search-index.ts). */
async function insertTags(tx: Sql, tags: readonly TagRow[]): Promise<void> {
  if (tags.length === 0) return;
  if (tx.dialect === 'sqlite') await tx.each(INSERT_TAG, tags);
  else await tx.run(sql`INSERT INTO item_tags (item_key, tag) SELECT key, tag FROM ${tagRows(tags)}`);
}

async function removeTags(tx: Sql, tags: readonly TagRow[]): Promise<void> {
  if (tags.length === 0) return;
  if (tx.dialect === 'sqlite') await tx.each(REMOVE_TAG, tags);
  else {
    await tx.run(
      sql`DELETE FROM item_tags t USING ${tagRows(tags)} WHERE t.item_key = u.key AND t.tag = u.tag`,
    );
  }
}

function tagRows(tags: readonly TagRow[]): Statement {
  return sql`unnest(CAST(${tags.map(([key]) => key)} AS int[]), CAST(${tags.map(([, tag]) => tag)} AS text[])) AS u (key, tag)`;
}

/** What stands of the peer's albums: which of them keep what, and the albums that others were taken out of. */
interface Memberships {
  /** Keys of items, by the album's id at the peer. */
  kept: ReadonlyMap<string, { title: string; items: ReadonlySet<number> }>;
  /** Keys of albums; those that stay empty go. */
  left: readonly number[];
}

/** Takes changed items out of those of the peer's albums that they are in no longer. */
async function leaveAlbums(
  tx: Sql,
  source: number,
  changed: ReadonlySet<number>,
  inAlbums: ReadonlyMap<number, ReadyItem['albums']>,
): Promise<Memberships> {
  if (changed.size === 0) return { kept: new Map(), left: [] };
  // By the items alone: SQLite would look for each of them in every album of the peer.
  const all = await tx.all<{ item: number; album: number; of: number; remoteId: string; title: string }>(
    sql`SELECT m.item_key AS item, m.album_key AS album, a.source AS "of", a.remote_id AS "remoteId", a.title FROM album_items m JOIN albums a ON a.key = m.album_key WHERE m.item_key IN (${integers(tx, JSON.stringify([...changed]))})`,
  );
  const rows = all.filter((row) => row.of === source);
  const kept = new Map<string, { title: string; items: Set<number> }>();
  const gone: typeof rows = [];
  for (const row of rows) {
    const { item, remoteId, title } = row;
    if (!inAlbums.get(item)?.some(({ id }) => id === remoteId)) {
      gone.push(row);
      continue;
    }
    const album = kept.get(remoteId) ?? { title, items: new Set() };
    kept.set(remoteId, album);
    album.items.add(item);
  }
  if (gone.length > 0) {
    const pairs = JSON.stringify(gone.map(({ item, album }) => [album, item]));
    await tx.run(
      tx.dialect === 'sqlite'
        ? sql`DELETE FROM album_items WHERE (album_key, item_key) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(${pairs}))`
        : sql`DELETE FROM album_items WHERE (album_key, item_key) IN (SELECT (value->>0)::int, (value->>1)::int FROM json_array_elements(CAST(${pairs} AS json)))`,
    );
  }
  return { kept, left: gone.map(({ album }) => album) };
}

/**
 * A peer's albums come with its items: made where one names them, called as the latest calls them. One of which nothing is
 * said but what stands is left alone.
 */
async function putAlbums(
  tx: Sql,
  { source, now }: Taking,
  inAlbums: ReadonlyMap<number, ReadyItem['albums']>,
  { kept, left }: Memberships,
): Promise<void> {
  const titles = new Map(
    [...inAlbums.values()].flatMap((albums) => albums.map(({ id, title }) => [id, title])),
  );
  const joined = Array.from(inAlbums, ([item, albums]) =>
    [...new Set(albums.map(({ id }) => id))]
      .filter((id) => !kept.get(id)?.items.has(item))
      .map((id) => ({ id, item })),
  ).flat();
  const entered = new Set(joined.map(({ id }) => id));
  const written = [...titles].filter(([id, title]) => entered.has(id) || kept.get(id)?.title !== title);
  if (written.length > 0) {
    // Always in the same order, so that nobody waits for somebody who waits.
    const rows = JSON.stringify(
      written.sort().map(([id, title]) => [id, newId('album', now), title, titleKey(title)]),
    );
    const from =
      tx.dialect === 'sqlite'
        ? sql`json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]'), ${now}, ${now} FROM json_each(${rows}) WHERE true`
        : sql`value->>0, value->>1, value->>2, value->>3, CAST(${now} AS bigint), CAST(${now} AS bigint) FROM json_array_elements(CAST(${rows} AS json))`;
    const albums = await tx.all<{ key: number; remoteId: string }>(
      sql`INSERT INTO albums (source, visibility, remote_id, id, title, title_key, created_at, updated_at) SELECT CAST(${source} AS int), 1, ${from} ON CONFLICT (source, remote_id) DO UPDATE SET title = excluded.title, title_key = excluded.title_key, updated_at = excluded.updated_at RETURNING key, remote_id AS "remoteId"`,
    );
    const keyOf = new Map(albums.map(({ key, remoteId }) => [remoteId, key]));
    const members = JSON.stringify(joined.map(({ id, item }) => [keyOf.get(id), item]));
    if (joined.length > 0) {
      await tx.run(
        tx.dialect === 'sqlite'
          ? sql`INSERT INTO album_items (album_key, item_key) SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(${members})`
          : sql`INSERT INTO album_items (album_key, item_key) SELECT (value->>0)::int, (value->>1)::int FROM json_array_elements(${members}::json)`,
      );
    }
  }
  await deleteEmptyAlbums(tx, left);
}

/** An album of a peer is there as long as an item is in it. */
async function deleteEmptyAlbums(tx: Sql, keys: readonly number[]): Promise<void> {
  if (keys.length === 0) return;
  await tx.run(
    sql`DELETE FROM albums WHERE key IN (${integers(tx, JSON.stringify([...new Set(keys)]))}) AND source <> 0 AND NOT EXISTS (SELECT 1 FROM album_items m WHERE m.album_key = albums.key)`,
  );
}
