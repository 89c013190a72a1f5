/** An item of a server of another make, held against the limits that every item keeps (docs/federation.md). */
import { createHash } from 'node:crypto';
import type { RemoteItem } from '../../catalog/remote-changes.ts';
import { displayLine, displayText, fitsCodePoints } from '../../lib/display-text.ts';
import type { MediaKind, OfferedVariant } from '../../lib/media.ts';
import { readProperties } from '../wire/feed.ts';
import { isId, isInteger, isMimeType } from '../wire/forms.ts';
import { LIMITS } from '../wire/limits.ts';
import type { ListingPage } from './dialect.ts';

/** What a dialect takes out of an answer, as it came; null or undefined is what the server does not say. */
export interface ForeignFields {
  kind: MediaKind;
  title: unknown;
  description?: unknown;
  filename?: unknown;
  mimeType?: string | null;
  size?: unknown;
  width?: unknown;
  height?: unknown;
  /** ms */
  createdAt: number | null;
  updatedAt: number | null;
  tags?: readonly unknown[];
  creator?: unknown;
  license?: unknown;
  /** Without those that are null or undefined. */
  properties?: Record<string, unknown>;
  /** Of the original, only the name is looked at. */
  variants: readonly { name: OfferedVariant['name']; mimeType: string }[];
}

export type ReadItem =
  | { item: RemoteItem }
  | { skipped: { remoteId: string; version: string; reason: string } };

/** @param remoteId what the dialect makes of the server's own id; where that is no id, the item is skipped */
export function foreignItem(remoteId: string, fields: ForeignFields): ReadItem {
  const read = readFields(fields);
  // Such servers have no versions: one that changes with whatever is taken from them stands in.
  const version = createHash('sha256').update(JSON.stringify(fields)).digest('base64url').slice(0, 22);
  if (!isId(remoteId)) return { skipped: { remoteId: `without_id_${version}`, version, reason: 'id' } };
  return typeof read === 'string'
    ? { skipped: { remoteId, version, reason: read } }
    : { item: { ...read, remoteId, version } };
}

/** The entries of a page, each once: pages that shift while they are read may name one twice. */
export function entriesOf(read: readonly ReadItem[]): Pick<ListingPage, 'items' | 'skipped'> {
  const items = new Map<string, RemoteItem>();
  const skipped = new Map<string, ListingPage['skipped'][number]>();
  for (const entry of read) {
    const { remoteId } = 'item' in entry ? entry.item : entry.skipped;
    items.delete(remoteId);
    skipped.delete(remoteId);
    if ('item' in entry) items.set(remoteId, entry.item);
    else skipped.set(remoteId, entry.skipped);
  }
  return { items: [...items.values()], skipped: [...skipped.values()] };
}

/** The item, or the name of the field that breaks a limit. */
function readFields(fields: ForeignFields): Omit<RemoteItem, 'remoteId' | 'version'> | string {
  const { kind, title, createdAt, updatedAt } = fields;
  if (!isText(title, LIMITS.title)) return 'title';
  const description = fields.description ?? null;
  if (description !== null && !isText(description, LIMITS.description)) return 'description';
  const filename = fields.filename ?? null;
  if (filename !== null && !isText(filename, LIMITS.filename)) return 'filename';
  const creator = fields.creator ?? null;
  if (creator !== null && !isText(creator, LIMITS.creator)) return 'creator';
  const license = fields.license ?? null;
  if (license !== null && !isText(license, LIMITS.license)) return 'license';
  const mimeType = fields.mimeType ?? '';
  if (mimeType !== '' && !isMimeType(mimeType)) return 'mimeType';
  const size = fields.size ?? null;
  if (size !== null && !isInteger(size, 0, LIMITS.size)) return 'size';
  const width = fields.width ?? null;
  if (width !== null && !isInteger(width, 1, LIMITS.dimension)) return 'width';
  const height = fields.height ?? null;
  if (height !== null && !isInteger(height, 1, LIMITS.dimension)) return 'height';
  const tags = readTags(fields.tags ?? []);
  if (tags === null) return 'tags';
  const properties = readProperties(fields.properties);
  if (typeof properties === 'symbol') return 'properties';
  return {
    kind,
    title: displayLine(title),
    description: description === null ? null : displayText(description),
    filename: filename === null ? null : displayLine(filename),
    mimeType,
    byteSize: size,
    // Learnt from the bytes, once all of them have been here.
    digest: null,
    width,
    height,
    durationMs: null,
    pageCount: null,
    thumbhash: null,
    takenAt: null,
    takenAtOffset: null,
    createdAt,
    updatedAt,
    tags,
    albums: [],
    creator: creator === null ? null : displayLine(creator),
    license: license === null ? null : displayLine(license),
    properties,
    variants: fields.variants.map(({ name, mimeType: type }) => ({
      name,
      mimeType: name === 'original' ? mimeType : type,
      size: name === 'original' ? size : null,
      digest: null,
    })),
  };
}

function readTags(raw: readonly unknown[]): string[] | null {
  if (raw.length > LIMITS.tags) return null;
  const tags: string[] = [];
  for (const value of raw) {
    if (!isText(value, LIMITS.tag)) return null;
    const tag = displayLine(value).trim();
    if (tag !== '' && !tags.includes(tag)) tags.push(tag);
  }
  return tags;
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && fitsCodePoints(value, max);
}

/** Any object of JSON. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether an answer of 200 says of itself that it is an error: some servers hide their faults so. */
export function saysError(value: Readonly<Record<string, unknown>>): boolean {
  return value['error'] !== undefined && value['error'] !== null;
}

/** What such an answer says, fit to stand in a sentence of ours. */
export function errorWords({ error }: Readonly<Record<string, unknown>>): string {
  return typeof error === 'string'
    ? `it holds an error: ${Array.from(displayLine(error)).slice(0, 200).join('')}`
    : 'it holds an error without words';
}

/** Without what says nothing. */
export function stated(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== null && value !== undefined && value !== ''),
  );
}

/** ms of `2026-11-20 12:00:00` or RFC 3339, both as UTC where they name no offset; null for anything else. */
export function readTime(value: unknown): number | null {
  if (typeof value !== 'string' || value.length > 40) return null;
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d{1,9})?[ ]?(Z|[+-]\d\d:?\d\d)?$/i.exec(value);
  if (match === null) return null;
  const [, day, time, fraction = '', offset = 'Z'] = match;
  const zone = /^[+-]\d{4}$/.test(offset) ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset.toUpperCase();
  const ms = Date.parse(`${day}T${time}${fraction.slice(0, 4)}${zone}`);
  return Number.isNaN(ms) ? null : ms;
}

const TYPES: Readonly<Record<string, string>> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
  heic: 'image/heic',
  tif: 'image/tiff',
  tiff: 'image/tiff',
  bmp: 'image/bmp',
  mp4: 'video/mp4',
  m4v: 'video/mp4',
  webm: 'video/webm',
  mov: 'video/quicktime',
  mkv: 'video/x-matroska',
  pdf: 'application/pdf',
};

/** What tells a media type from a path. */
const MEDIA_TYPE = /^(?:application|audio|font|image|model|text|video)\//i;

/** The media type behind `png`, `.PNG` or `photo.png`; null where the ending is none that is known. */
export function typeOfFormat(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  if (MEDIA_TYPE.test(value) && isMimeType(value as unknown)) return value.toLowerCase();
  return TYPES[value.slice(value.lastIndexOf('.') + 1).toLowerCase()] ?? null;
}

/** @param otherwise where the server says nothing of it */
export function kindOf(word: unknown, mimeType: string | null, otherwise: MediaKind): MediaKind {
  const text = typeof word === 'string' ? word.toLowerCase() : '';
  for (const hint of [text, mimeType ?? '']) {
    if (hint.startsWith('image') || hint.startsWith('photo')) return 'IMAGE';
    if (hint.startsWith('video') || hint.startsWith('animation')) return 'VIDEO';
  }
  return text === '' && mimeType === null ? otherwise : 'DOCUMENT';
}
