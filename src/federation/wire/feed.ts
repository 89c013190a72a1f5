/**
 * Pages of the feed, read from another instance (docs/federation.md, "The feed").
 *
 * Written by hand rather than with zod: a page has up to 5,000 items, and this is several times as fast. A test
 * holds it against the zod schema of the same item, from which the published JSON Schema is made.
 */

import { displayLine, displayText, fitsCodePoints, isClean } from '../../lib/display-text.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { type MediaKind, SEGMENT_BYTES } from '../../lib/media.ts';
import { isCursor } from '../cursors.ts';
import { isChecksum, isDigest, isId, isInteger, isMimeType, isVersion } from './forms.ts';
import { LIMITS, PAGE_MAX } from './limits.ts';
import { isLocalTime, isUtcTime } from './times.ts';

export const WIRE_KINDS = ['image', 'video', 'document'] as const;
export type WireKind = (typeof WIRE_KINDS)[number];

/** The renditions besides the original, which the item itself describes. */
export const WIRE_VARIANTS = ['thumbnail', 'preview', 'playable'] as const;
export type WireVariantName = (typeof WIRE_VARIANTS)[number];

export const REMOVAL_REASONS = ['deleted', 'unshared', 'grant-changed'] as const;
export type RemovalReason = (typeof REMOVAL_REASONS)[number];

/** The segments of a file of more than 262,144 bytes. */
export interface WireSegments {
  /** ceil(size / 262144) */
  count: number;
  /** SHA-256 of the concatenated SHA-256s of the segments: `sha-256:<64 hex>`. */
  digest: string;
}

export interface WireVariant {
  name: WireVariantName;
  mimeType: string;
  /** Bytes. */
  size: number;
  /** `sha-256:<64 hex>` */
  digest: string;
  segments?: WireSegments | undefined;
  width?: number | undefined;
  height?: number | undefined;
}

/** An item as one pair sees it. Texts are as they came but for what `display-text.ts` takes out. */
export interface WireItem {
  id: string;
  version: string;
  kind: WireKind;
  title: string;
  description?: string | undefined;
  filename?: string | undefined;
  /** Of the original, as `size`, `width`, `height`, `duration` and `pages` are. */
  mimeType: string;
  /** Bytes. */
  size: number;
  /** Absent where the grant does not open originals. */
  digest?: string | undefined;
  /** There exactly where `digest` is and the size is more than one segment. */
  segments?: WireSegments | undefined;
  /** Pixels. */
  width?: number | undefined;
  height?: number | undefined;
  /** Milliseconds. */
  duration?: number | undefined;
  pages?: number | undefined;
  /** Base64. */
  thumbhash?: string | undefined;
  /** RFC 3339 without an offset: the camera's own clock. */
  takenAt?: string | undefined;
  /** Minutes east of UTC. */
  takenAtOffset?: number | undefined;
  createdAt: string;
  updatedAt: string;
  tags: string[];
  albums: { id: string; title: string }[];
  creator?: string | undefined;
  license?: string | undefined;
  properties: Record<string, unknown>;
  variants: WireVariant[];
}

/** An item that breaks a limit. It counts in the checksum, and it is shown that it is missing. */
export interface SkippedItem {
  id: string;
  version: string;
  /** The field at fault. */
  reason: string;
}

export interface Removal {
  id: string;
  reason: RemovalReason;
  at: string | undefined;
}

interface PageParts {
  epoch: string;
  items: WireItem[];
  skipped: SkippedItem[];
  removed: Removal[];
  cursor: string;
}

/** A page as the puller takes it. The last one of a listing says what the whole should be. */
export type FeedPage = PageParts &
  ({ complete: false } | { complete: true; total: number; checksum: string });

/** A page as the server writes it. */
export type OutgoingFeedPage = Omit<PageParts, 'skipped' | 'removed'> & {
  removed: { id: string; reason: RemovalReason; at: string }[];
} & ({ complete: false } | { complete: true; total: number; checksum: string });

const THUMBHASH = /^[A-Za-z0-9+/]+={0,2}$/;
const EPOCH = /^[A-Za-z0-9_-]{1,64}$/;
const KINDS: ReadonlySet<unknown> = new Set(WIRE_KINDS);
const VARIANTS: ReadonlySet<unknown> = new Set(WIRE_VARIANTS);
const REASONS: ReadonlySet<unknown> = new Set(REMOVAL_REASONS);

/**
 * @param value what `parseJson` gave
 * @param limit the limit that was asked for: more entries than that are refused
 * @throws HedgerowError PEER_INVALID_ANSWER where the page is invalid as a whole
 */
export function readFeedPage(value: unknown, limit: number = PAGE_MAX): FeedPage {
  if (!isObject(value)) throw invalid('it is not an object');
  const { epoch, items: rawItems, removed: rawRemoved, cursor, complete, total, checksum } = value;
  if (typeof epoch !== 'string' || !EPOCH.test(epoch)) throw invalid('epoch');
  if (!isCursor(cursor)) throw invalid('cursor');
  if (typeof complete !== 'boolean') throw invalid('complete');
  if (!Array.isArray(rawItems) || !Array.isArray(rawRemoved))
    throw invalid('items and removed must be lists');
  if (rawItems.length + rawRemoved.length > limit) throw invalid('more entries than were asked for');

  const ids = new Set<string>();
  const items: WireItem[] = [];
  const skipped: SkippedItem[] = [];
  for (const raw of rawItems) {
    // Without them the copy could never be compared with the original again, so nothing of the page is believed.
    if (!isObject(raw) || !isId(raw.id) || !isVersion(raw.version))
      throw invalid('an item without id or version');
    if (ids.has(raw.id)) throw invalid('an item that appears twice');
    ids.add(raw.id);
    const item = readItem(raw, raw.id, raw.version);
    if (typeof item === 'string') skipped.push({ id: raw.id, version: raw.version, reason: item });
    else items.push(item);
  }
  const removed: Removal[] = [];
  for (const raw of rawRemoved) {
    if (!isObject(raw) || !isId(raw.id)) throw invalid('a removal without id');
    if (ids.has(raw.id)) throw invalid('an item that appears twice');
    ids.add(raw.id);
    removed.push({
      id: raw.id,
      // A reason of a later version still means that the item is no longer shared.
      reason: REASONS.has(raw.reason) ? (raw.reason as RemovalReason) : 'unshared',
      at: isUtcTime(raw.at) ? raw.at : undefined,
    });
  }

  if (!complete) return { epoch, items, skipped, removed, cursor, complete };
  if (!isInteger(total, 0, Number.MAX_SAFE_INTEGER)) throw invalid('total');
  if (!isChecksum(checksum)) throw invalid('checksum');
  return { epoch, items, skipped, removed, cursor, complete, total, checksum };
}

/**
 * The item, or the name of the field that breaks a limit. Whoever serves a feed runs its own items through this too.
 * Null stands for a field that is absent.
 */
export function readWireItem(value: unknown): WireItem | string {
  if (!isObject(value)) return 'item';
  if (!isId(value.id)) return 'id';
  if (!isVersion(value.version)) return 'version';
  return readItem(value, value.id, value.version);
}

/** `image` as `IMAGE`, the form of the catalog. */
export function kindFromWire(kind: WireKind): MediaKind {
  return kind.toUpperCase() as MediaKind;
}

/** Any object of JSON; its members are still to be checked. */
type Raw = Readonly<Record<string, unknown>> & {
  readonly [name in keyof WireItem | keyof WireVariant | 'count' | 'reason' | 'at']?: unknown;
};

function readItem(raw: Raw, id: string, version: string): WireItem | string {
  const { kind, mimeType, size } = raw;
  if (!KINDS.has(kind)) return 'kind';
  if (!isText(raw.title, LIMITS.title)) return 'title';
  if (!isMimeType(mimeType)) return 'mimeType';
  if (!isInteger(size, 0, LIMITS.size)) return 'size';
  if (!isUtcTime(raw.createdAt)) return 'createdAt';
  if (!isUtcTime(raw.updatedAt)) return 'updatedAt';

  const description = raw.description ?? undefined;
  if (description !== undefined && !isText(description, LIMITS.description)) return 'description';
  const filename = raw.filename ?? undefined;
  if (filename !== undefined && !isText(filename, LIMITS.filename)) return 'filename';
  const creator = raw.creator ?? undefined;
  if (creator !== undefined && !isText(creator, LIMITS.creator)) return 'creator';
  const license = raw.license ?? undefined;
  if (license !== undefined && !isText(license, LIMITS.license)) return 'license';

  const digest = raw.digest ?? undefined;
  if (digest !== undefined && !isDigest(digest)) return 'digest';
  const segments = readSegments(raw.segments, size, digest !== undefined);
  if (segments === BAD) return 'segments';
  const width = raw.width ?? undefined;
  if (width !== undefined && !isInteger(width, 1, LIMITS.dimension)) return 'width';
  const height = raw.height ?? undefined;
  if (height !== undefined && !isInteger(height, 1, LIMITS.dimension)) return 'height';
  const duration = raw.duration ?? undefined;
  if (duration !== undefined && !isInteger(duration, 0, LIMITS.duration)) return 'duration';
  const pages = raw.pages ?? undefined;
  if (pages !== undefined && !isInteger(pages, 0, LIMITS.pages)) return 'pages';
  const thumbhash = raw.thumbhash ?? undefined;
  if (thumbhash !== undefined && !isThumbhash(thumbhash)) return 'thumbhash';
  const takenAt = raw.takenAt ?? undefined;
  if (takenAt !== undefined && !isLocalTime(takenAt)) return 'takenAt';
  const takenAtOffset = raw.takenAtOffset ?? undefined;
  if (takenAtOffset !== undefined && !isInteger(takenAtOffset, -LIMITS.offset, LIMITS.offset))
    return 'takenAtOffset';

  const tags = readTags(raw.tags);
  if (tags === BAD) return 'tags';
  const albums = readAlbums(raw.albums);
  if (albums === BAD) return 'albums';
  const properties = readProperties(raw.properties);
  if (properties === BAD) return 'properties';
  const variants = readVariants(raw.variants);
  if (variants === BAD) return 'variants';

  return {
    id,
    version,
    kind: kind as WireKind,
    title: displayLine(raw.title),
    description: description === undefined ? undefined : displayText(description),
    filename: filename === undefined ? undefined : displayLine(filename),
    mimeType,
    size,
    digest,
    segments,
    width,
    height,
    duration,
    pages,
    thumbhash,
    takenAt,
    takenAtOffset,
    createdAt: raw.createdAt,
    updatedAt: raw.updatedAt,
    tags,
    albums,
    creator: creator === undefined ? undefined : displayLine(creator),
    license: license === undefined ? undefined : displayLine(license),
    properties,
    variants,
  };
}

/** Returned where a part breaks a limit. */
const BAD = Symbol('breaks a limit');

function readSegments(
  value: unknown,
  size: number,
  expected: boolean,
): WireSegments | undefined | typeof BAD {
  const absent = value === undefined || value === null;
  if (!expected || size <= SEGMENT_BYTES) return absent ? undefined : BAD;
  // Without the list nothing of a long file could be verified before it is passed on.
  if (!isObject(value)) return BAD;
  if (value.count !== Math.ceil(size / SEGMENT_BYTES) || !isDigest(value.digest)) return BAD;
  return { count: value.count, digest: value.digest };
}

function readTags(value: unknown): string[] | typeof BAD {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > LIMITS.tags) return BAD;
  const tags: string[] = [];
  for (const raw of value) {
    if (!isText(raw, LIMITS.tag)) return BAD;
    const tag = displayLine(raw).trim();
    if (tag !== '' && !tags.includes(tag)) tags.push(tag);
  }
  return tags;
}

function readAlbums(value: unknown): { id: string; title: string }[] | typeof BAD {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > LIMITS.albums) return BAD;
  const albums: { id: string; title: string }[] = [];
  for (const raw of value) {
    if (!isObject(raw) || !isId(raw.id) || !isText(raw.title, LIMITS.albumTitle)) return BAD;
    const { id } = raw;
    if (!albums.some((album) => album.id === id)) albums.push({ id, title: displayLine(raw.title) });
  }
  return albums;
}

export function readProperties(value: unknown): Record<string, unknown> | typeof BAD {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) return BAD;
  const tally: Tally = { bytes: 0, clean: true };
  if (!weigh(value, LIMITS.propertiesDepth, tally)) return BAD;
  // Only what may be too large is written out to be measured.
  if (tally.bytes > LIMITS.properties && Buffer.byteLength(JSON.stringify(value)) > LIMITS.properties)
    return BAD;
  // PostgreSQL's jsonb takes neither NUL nor lone surrogates.
  return (tally.clean ? value : cleaned(value)) as Record<string, unknown>;
}

/** What a walk over a value has found: bytes of JSON at most, and whether every text is fit to be shown. */
interface Tally {
  bytes: number;
  clean: boolean;
}

/** False where `value` has more than `depth` levels. */
function weigh(value: unknown, depth: number, tally: Tally): boolean {
  if (typeof value === 'string') {
    // JSON writes a UTF-16 unit in six bytes at most, as \u0000.
    tally.bytes += 6 * value.length + 3;
    if (tally.clean && !isClean(value)) tally.clean = false;
    return true;
  }
  if (typeof value !== 'object' || value === null) {
    // The longest number, -1.2345678901234567e-300, has 24 characters.
    tally.bytes += 25;
    return true;
  }
  if (depth === 0) return false;
  tally.bytes += 3;
  if (Array.isArray(value)) return value.every((part) => weigh(part, depth - 1, tally));
  for (const name of Object.keys(value)) {
    weigh(name, 0, tally);
    if (!weigh((value as Record<string, unknown>)[name], depth - 1, tally)) return false;
  }
  return true;
}

/** Names and texts at every level; the depth is bounded by then. */
function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return displayText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cleaned);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [displayLine(name), cleaned(part)]));
}

function readVariants(value: unknown): WireVariant[] | typeof BAD {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > LIMITS.variants) return BAD;
  const variants: WireVariant[] = [];
  for (const raw of value) {
    if (!isObject(raw)) return BAD;
    const { name, mimeType, size, digest } = raw;
    if (typeof name !== 'string') return BAD;
    // Renditions of a later version are none of ours; the original is described by the item.
    if (!VARIANTS.has(name)) continue;
    if (variants.some((variant) => variant.name === name)) return BAD;
    if (!isMimeType(mimeType) || !isInteger(size, 0, LIMITS.size) || !isDigest(digest)) return BAD;
    if (name !== 'playable' && !/^image\//i.test(mimeType)) return BAD;
    const segments = readSegments(raw.segments, size, true);
    if (segments === BAD) return BAD;
    const width = raw.width ?? undefined;
    const height = raw.height ?? undefined;
    if (width !== undefined && !isInteger(width, 1, LIMITS.dimension)) return BAD;
    if (height !== undefined && !isInteger(height, 1, LIMITS.dimension)) return BAD;
    variants.push({ name: name as WireVariantName, mimeType, size, digest, segments, width, height });
  }
  return variants;
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && fitsCodePoints(value, max);
}

function isThumbhash(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LIMITS.thumbhash && THUMBHASH.test(value);
}

function isObject(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(why: string): HedgerowError {
  return new HedgerowError('PEER_INVALID_ANSWER', `A page of the peer's feed is not valid: ${why}.`);
}
