/**
 * Keys of blobs, and where the disk keeps them. No other file builds a path below the store's root.
 *
 *   key                                         path below the root
 *   originals/<hex>                             originals/<hex 0-1>/<hex>          content-addressed by SHA-256
 *   renditions/<hex>                            renditions/<hex 0-1>/<hex>         thumbnails, previews, playables
 *   segments/<hex>                              segments/<hex 0-1>/<hex>           segment list of a local file
 *   cache/<peer>/<item>/<variant>.<tag>         cache/<peer>/<item ÷ 1000>/<item>/<variant>.<tag>
 *   cache/<peer>/<item>/<variant>.<tag>/list    …/<item>/<variant>.<tag>/list      segment list of a remote file
 *   cache/<peer>/<item>/<variant>.<tag>/<n>     …/<item>/<variant>.<tag>/<n ÷ 1000>/<n>      its segment n, from 0
 *   parts/<upload>/<offset>                     parts/<upload>/<offset>            bytes of an upload, where other processes go on with it
 *                                               temporary/<random>                 being written; swept at start
 *                                               uploads/<upload>                   bytes of an upload so far (library/uploads.ts)
 *
 * <hex>: 64 lower-case hex digits. <peer>, <item>: row keys. <tag>: which bytes they are, so that those of an
 * item's earlier version are never taken for the present one's. A remote file of one segment is a file of that
 * name, a longer one a folder. No folder has more than about a thousand entries, but for the content-addressed
 * ones (4,000 in each at a million files).
 */

import { join, sep } from 'node:path';
import { HedgerowError } from '../lib/errors.ts';
import type { VariantName } from '../lib/media.ts';

export const TEMPORARY = 'temporary';

/** The folder of unfinished uploads, which are no blobs yet. */
export function uploadsFolder(root: string): string {
  return join(root, 'uploads');
}

const FAN_OUT = 1000;
const PART_KEY = /^parts\/(upload_[0-9a-f]{30})\/(0|[1-9]\d{0,14})$/;
const PART_FOLDER = /^parts\/(?:(upload_[0-9a-f]{30})\/)?$/;
const CONTENT_KEY = /^(originals|renditions|segments)\/([0-9a-f]{64})$/;
const CACHE_KEY =
  /^cache\/(\d{1,15})\/(\d{1,15})\/([a-z]{1,16}\.[a-z0-9]{1,64})(?:\/(list|0|[1-9]\d{0,9}))?$/;
const CACHE_FOLDER = /^cache\/(\d{1,15})\/(?:(\d{1,15})\/(?:([a-z]{1,16}\.[a-z0-9]{1,64})\/)?)?$/;

/** @param digest `sha-256:<64 hex>` or the hex alone, here and below */
export function originalKey(digest: string): string {
  return `originals/${hexOf(digest)}`;
}

export function renditionKey(digest: string): string {
  return `renditions/${hexOf(digest)}`;
}

/** @param digest of the list itself, which is what `segments.digest` says of a file */
export function segmentListKey(digest: string): string {
  return `segments/${hexOf(digest)}`;
}

/** @param tag which bytes, `[a-z0-9]{1,64}` */
export function cachedFileKey(peer: number, item: number, variant: VariantName, tag: string): string {
  return `cache/${peer}/${item}/${variant}.${tag}`;
}

/** Everything that is kept of one remote item, as a prefix. */
export function cachedItemPrefix(peer: number, item: number): string {
  return `cache/${peer}/${item}/`;
}

/** Everything that is kept of one peer, as a prefix. */
export function cachedPeerPrefix(peer: number): string {
  return `cache/${peer}/`;
}

/** Bytes of an upload from an offset on. */
export function partKey(upload: string, offset: number): string {
  return `parts/${upload}/${offset}`;
}

/** Everything that is here of an upload, as a prefix. */
export function partsPrefix(upload: string): string {
  return `parts/${upload}/`;
}

export const PARTS_PREFIX = 'parts/';

/** Null where the key is none of a part. */
export function parsePartKey(key: string): { upload: string; offset: number } | null {
  const [, upload, offset] = PART_KEY.exec(key) ?? [];
  return upload === undefined ? null : { upload, offset: Number(offset) };
}

export const CACHE_PREFIX = 'cache/';

export interface CacheKeyParts {
  peer: number;
  item: number;
  /** The key of the file that the blob belongs to. */
  file: string;
  /** `list`, the number of a segment, or null where the blob is the whole file. */
  part: 'list' | number | null;
}

/** Takes a key below `cache/` apart; null where it is none. */
export function parseCacheKey(key: string): CacheKeyParts | null {
  const match = CACHE_KEY.exec(key);
  if (match === null) return null;
  const [, peer, item, name, part] = match;
  return {
    peer: Number(peer),
    item: Number(item),
    file: `cache/${peer}/${item}/${name}`,
    part: part === undefined ? null : part === 'list' ? part : Number(part),
  };
}

/**
 * The file of a key.
 * @throws HedgerowError INVALID for anything that is not a key as drawn above, `..` included
 */
export function pathOf(root: string, key: string): string {
  const part = parsePartKey(key);
  if (part !== null) return join(root, 'parts', part.upload, String(part.offset));
  const content = CONTENT_KEY.exec(key);
  if (content?.[1] !== undefined && content[2] !== undefined) {
    return join(root, content[1], content[2].slice(0, 2), content[2]);
  }
  const cache = CACHE_KEY.exec(key);
  if (cache !== null) {
    const [, peer = '', item = '', name = '', part] = cache;
    const file = join(root, 'cache', peer, fan(item), item, name);
    if (part === undefined) return file;
    return part === 'list' ? join(file, part) : join(file, fan(part), part);
  }
  throw new HedgerowError('INVALID', 'This is not a key of the blob store.');
}

/**
 * The folder that holds exactly the blobs of a prefix.
 * @throws HedgerowError INVALID for anything but a whole part of the layout, ending with `/`
 */
export function folderOf(root: string, prefix: string): string {
  const parts = PART_FOLDER.exec(prefix);
  if (parts !== null) return join(root, 'parts', parts[1] ?? '');
  if (/^(originals|renditions|segments|cache)\/$/.test(prefix)) return join(root, prefix.slice(0, -1));
  const cache = CACHE_FOLDER.exec(prefix);
  if (cache !== null) {
    const [, peer = '', item, name] = cache;
    if (item === undefined) return join(root, 'cache', peer);
    const folder = join(root, 'cache', peer, fan(item), item);
    return name === undefined ? folder : join(folder, name);
  }
  throw new HedgerowError('INVALID', 'This is not a prefix of the blob store.');
}

export function isKey(key: string): boolean {
  if (PART_KEY.test(key)) return true;
  return CONTENT_KEY.test(key) || CACHE_KEY.test(key);
}

/** @throws HedgerowError INVALID for anything that is not a key as drawn above, `..` included */
export function assertKey(key: string): void {
  if (!isKey(key)) throw new HedgerowError('INVALID', 'This is not a key of the blob store.');
}

/** @throws HedgerowError INVALID for anything but a whole part of the layout, ending with `/` */
export function assertPrefix(prefix: string): void {
  folderOf('/', prefix);
}

/** The key of a file below the root, or null for one that the layout does not know. */
export function keyOf(root: string, path: string): string | null {
  const parts = path.slice(root.length + 1).split(sep);
  if (parts[0] === 'parts') return PART_KEY.test(parts.join('/')) ? parts.join('/') : null;
  // The fan-out folders carry nothing that the name below them does not say.
  const key =
    parts[0] === 'cache'
      ? parts.filter((_, index) => index !== 2 && !(parts.length === 7 && index === 5)).join('/')
      : parts.filter((_, index) => index !== 1).join('/');
  try {
    return pathOf(root, key) === path ? key : null;
  } catch {
    return null;
  }
}

function fan(number: string): string {
  return String(Math.floor(Number(number) / FAN_OUT));
}

function hexOf(digest: string): string {
  const hex = digest.startsWith('sha-256:') ? digest.slice(8) : digest;
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new HedgerowError('INVALID', 'This is not a SHA-256 digest.');
  return hex;
}
