/** What a row of the one catalog is, and how it is read. */
import { raw } from '../database/sql.ts';
import { MEDIA_KINDS, type MediaKind, type OfferedVariant } from '../lib/media.ts';

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

export const ITEM_COLUMNS = raw(
  [
    'i.key, i.id, i.source, i.remote_id AS "remoteId", i.kind, i.title, i.description, i.filename',
    'i.mime_type AS "mimeType", i.byte_size AS "byteSize", i.digest, i.width, i.height',
    'i.duration_ms AS "durationMs", i.page_count AS "pageCount", i.thumbhash, i.taken_at AS "takenAt"',
    'i.taken_at_offset AS "takenAtOffset", i.timeline_at AS "timelineAt", i.added_at AS "addedAt"',
    'i.updated_at AS "updatedAt", i.tags, i.creator, i.license, i.properties, i.variants, i.revision',
    'i.visibility, i.version, i.owner_id AS "ownerId", i.storage, i.location',
    'i.location_mtime AS "locationMtime", i.sequence, i.albums, i.held, i.fault',
    '(SELECT p.health FROM federation_peers p WHERE p.key = i.source) AS "peerHealth"',
  ].join(', '),
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
    tags: row.tags === '[]' ? [] : JSON.parse(row.tags),
    creator: row.creator,
    license: row.license,
    properties: row.properties === '{}' ? {} : JSON.parse(row.properties),
    variants: JSON.parse(row.variants),
    revision: row.revision,
    hidden: row.visibility === HIDDEN,
    visibility: VISIBILITIES[row.visibility] ?? 'PRIVATE',
    version: row.version,
    ownerId: row.ownerId,
    storage: row.storage,
    location: row.location,
    locationMtime: row.locationMtime,
    sequence: row.sequence,
    albums: row.albums === '[]' ? [] : JSON.parse(row.albums),
    held: Boolean(row.held),
    fault: row.fault,
    peerHealth: row.peerHealth,
  };
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
  return new Date(ms).toISOString().replace(/(\.000)?Z$/, '');
}

/** The inverse; null for what is no date and time without offset, or outside the years 1 to 9999. */
export function parseLocalDateTime(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?$/.test(text)) return null;
  const ms = Date.parse(`${text}Z`);
  return Number.isNaN(ms) || formatLocalDateTime(ms).slice(0, 10) !== text.slice(0, 10) ? null : ms;
}
