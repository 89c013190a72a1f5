/** What a row of the one catalog is, and how it is read. */
import { type ColumnType, cellReader } from '../database/records.ts';
import { raw, type Statement } from '../database/sql.ts';
import { formatTime } from '../lib/instants.ts';
import { MEDIA_KINDS, type MediaKind, type OfferedVariant } from '../lib/media.ts';
import { type Row, type RowColumn, type RowLayout, rowClass } from '../lib/rows.ts';

/** Who may see a local item. The numbers are what the column holds; a peer's item is INSTANCE. */
export const VISIBILITIES = ['PRIVATE', 'INSTANCE', 'PEERS', 'PUBLIC'] as const;
export type Visibility = (typeof VISIBILITIES)[number];
export const HIDDEN = -1;

export type StorageClass = 'MANAGED' | 'EXTERNAL';

/** `source` of the items of this instance; any other is the key of a peer. */
export const LOCAL_SOURCE = 0;

/** An album of this instance, as an item carries it. */
export interface AlbumRef {
  id: string;
  title: string;
  /** PEERS or PUBLIC: peers that see the item are told of the album. */
  shared: boolean;
}

/** Local albums that one item may be in: what an item of the feed may carry (docs/federation.md, "Limits"). */
export const ALBUMS_MAX = 100;

/** An item as the catalog knows it. Times are ms since 1970; `takenAt` is the camera's clock taken as UTC. */
export interface Item {
  key: number;
  id: string;
  source: number;
  remoteId: string | null;
  kind: MediaKind;
  title: string;
  description: string | null;
  filename: string | null;
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
  timelineAt: number;
  addedAt: number;
  updatedAt: number;
  tags: string[];
  creator: string | null;
  license: string | null;
  properties: Record<string, unknown>;
  variants: OfferedVariant[];
  revision: number;
  hidden: boolean;
  visibility: Visibility;
  version: string;
  ownerId: string | null;
  storage: StorageClass | null;
  location: string | null;
  locationMtime: number | null;
  sequence: number | null;
  /** Of a local item: its albums of this instance, by id. */
  albums: AlbumRef[];
  held: boolean;
  fault: string | null;
  /** Health of the peer that it is from; null for a local item. */
  peerHealth: string | null;
}

export type ItemRow = Omit<
  Item,
  'kind' | 'tags' | 'albums' | 'properties' | 'variants' | 'visibility' | 'hidden' | 'held'
> & {
  kind: number;
  tags: string;
  albums: string;
  properties: string;
  variants: string;
  visibility: number;
  held: number | boolean;
};

/** Where a field of an item is read, and what is made of the value; without `read` it is what the database has. */
interface ItemColumn<T> {
  column: string;
  type: ColumnType;
  read?: (value: never) => T;
  /** The database has the field's JSON, as `JSON.stringify` wrote it. */
  isJson?: true;
}

const COLUMNS: { readonly [K in keyof Item]: ItemColumn<Item[K]> } = {
  key: { column: 'i.key', type: 'number' },
  id: { column: 'i.id', type: 'text' },
  source: { column: 'i.source', type: 'number' },
  remoteId: { column: 'i.remote_id', type: 'text' },
  kind: { column: 'i.kind', type: 'number', read: kindFromNumber },
  title: { column: 'i.title', type: 'text' },
  description: { column: 'i.description', type: 'text' },
  filename: { column: 'i.filename', type: 'text' },
  mimeType: { column: 'i.mime_type', type: 'text' },
  byteSize: { column: 'i.byte_size', type: 'number' },
  digest: { column: 'i.digest', type: 'text' },
  width: { column: 'i.width', type: 'number' },
  height: { column: 'i.height', type: 'number' },
  durationMs: { column: 'i.duration_ms', type: 'number' },
  pageCount: { column: 'i.page_count', type: 'number' },
  thumbhash: { column: 'i.thumbhash', type: 'text' },
  takenAt: { column: 'i.taken_at', type: 'number' },
  takenAtOffset: { column: 'i.taken_at_offset', type: 'number' },
  timelineAt: { column: 'i.timeline_at', type: 'number' },
  addedAt: { column: 'i.added_at', type: 'number' },
  updatedAt: { column: 'i.updated_at', type: 'number' },
  tags: { column: 'i.tags', type: 'text', read: listFromText<string>, isJson: true },
  creator: { column: 'i.creator', type: 'text' },
  license: { column: 'i.license', type: 'text' },
  properties: {
    column: 'i.properties',
    type: 'text',
    read: (text: string) => (text === '{}' ? {} : JSON.parse(text)),
    isJson: true,
  },
  variants: { column: 'i.variants', type: 'text', read: listFromText<OfferedVariant>, isJson: true },
  revision: { column: 'i.revision', type: 'number' },
  hidden: { column: 'i.visibility', type: 'number', read: (number: number) => number === HIDDEN },
  visibility: {
    column: 'i.visibility',
    type: 'number',
    read: (number: number) => VISIBILITIES[number] ?? 'PRIVATE',
  },
  version: { column: 'i.version', type: 'text' },
  ownerId: { column: 'i.owner_id', type: 'text' },
  storage: { column: 'i.storage', type: 'text' },
  location: { column: 'i.location', type: 'text' },
  locationMtime: { column: 'i.location_mtime', type: 'number' },
  sequence: { column: 'i.sequence', type: 'number' },
  albums: { column: 'i.albums', type: 'text', read: listFromText<AlbumRef>, isJson: true },
  held: { column: 'i.held', type: 'boolean' },
  fault: { column: 'i.fault', type: 'text' },
  peerHealth: {
    column: '(SELECT p.health FROM federation_peers p WHERE p.key = i.source)',
    type: 'text',
  },
};

export const ITEM_FIELDS = Object.keys(COLUMNS) as readonly (keyof Item)[];

/** What is read of every item, whatever else is left out. */
export const ALWAYS_READ = ['key', 'id', 'source'] as const;
export type AlwaysRead = (typeof ALWAYS_READ)[number];

/** Some fields of items, to be read without the others. */
export interface ItemParts<K extends keyof Item> {
  /** Of `items i`, each under the name of its field. */
  columns: Statement;
  types: readonly ColumnType[];
  /** An item of the values of its row, which may have more after those of the columns. */
  Item: new (
    cells: Row['cells'],
  ) => Pick<Item, K> & Row;
}

export function itemParts<K extends keyof Item>(fields: Iterable<K>): ItemParts<K | AlwaysRead> {
  const names = [...new Set<keyof Item>([...ALWAYS_READ, ...fields])];
  const layout: RowLayout = new Map(names.map((name, at) => [name, rowColumn(COLUMNS[name], at)]));
  return {
    columns: raw(names.map((name) => `${COLUMNS[name].column} AS "${name}"`).join(', ')),
    types: names.map((name) => COLUMNS[name].type),
    Item: rowClass(layout) as ItemParts<K | AlwaysRead>['Item'],
  };
}

function rowColumn({ type, read, isJson: json }: ItemColumn<unknown>, at: number): RowColumn {
  const isJson = json === true;
  const value = cellReader(type);
  const made = read as ((value: unknown) => unknown) | undefined;
  if (made === undefined || value === undefined) return { at, read: made ?? value, isJson };
  return { at, read: (cell) => made(value(cell)), isJson };
}

/** Without `hidden`, which the column of the visibility says too. */
export const ITEM_COLUMNS = raw(
  ITEM_FIELDS.filter((name) => name !== 'hidden')
    .map((name) => `${COLUMNS[name].column} AS "${name}"`)
    .join(', '),
);

/** Field by field, since copying a row of so many columns by spreading it takes several times as long. */
export function itemFromRow(row: ItemRow): Item {
  return {
    key: row.key,
    id: row.id,
    source: row.source,
    remoteId: row.remoteId,
    kind: kindFromNumber(row.kind),
    title: row.title,
    description: row.description,
    filename: row.filename,
    mimeType: row.mimeType,
    byteSize: row.byteSize,
    digest: row.digest,
    width: row.width,
    height: row.height,
    durationMs: row.durationMs,
    pageCount: row.pageCount,
    thumbhash: row.thumbhash,
    takenAt: row.takenAt,
    takenAtOffset: row.takenAtOffset,
    timelineAt: row.timelineAt,
    addedAt: row.addedAt,
    updatedAt: row.updatedAt,
    tags: listFromText(row.tags),
    creator: row.creator,
    license: row.license,
    properties: row.properties === '{}' ? {} : JSON.parse(row.properties),
    variants: listFromText(row.variants),
    revision: row.revision,
    hidden: row.visibility === HIDDEN,
    visibility: VISIBILITIES[row.visibility] ?? 'PRIVATE',
    version: row.version,
    ownerId: row.ownerId,
    storage: row.storage,
    location: row.location,
    locationMtime: row.locationMtime,
    sequence: row.sequence,
    albums: listFromText(row.albums),
    held: Boolean(row.held),
    fault: row.fault,
    peerHealth: row.peerHealth,
  };
}

function listFromText<T>(text: string): T[] {
  return text === '[]' ? [] : JSON.parse(text);
}

export function kindNumber(kind: MediaKind): number {
  return MEDIA_KINDS.indexOf(kind);
}

export function kindFromNumber(number: number): MediaKind {
  return MEDIA_KINDS[number] ?? 'DOCUMENT';
}

export function visibilityNumber(visibility: Visibility): number {
  return VISIBILITIES.indexOf(visibility);
}

/** `2024-05-31T17:20:05` (with `.123` where there are ms) of a camera's clock, or null where it is none. */
export function formatLocalDateTime(ms: number): string {
  return formatTime(ms, '');
}

/** The inverse; null for what is no date and time without offset, or outside the years 1 to 9999. */
export function parseLocalDateTime(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?$/.test(text)) return null;
  const ms = Date.parse(`${text}Z`);
  return Number.isNaN(ms) || formatLocalDateTime(ms).slice(0, 10) !== text.slice(0, 10) ? null : ms;
}
