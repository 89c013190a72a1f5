/**
 * Keys of blobs, and where the disk keeps them. No other file builds a path below the store's root.
 *
 *   key                                         path below the root
 *   originals/<hex>                             originals/<hex 0-1>/<hex>          content-addressed by SHA-256
 *   renditions/<hex>                            renditions/<hex 0-1>/<hex>         thumbnails, previews, playables
 *   segments/<hex>                              segments/<hex 0-1>/<hex>           segment list of a local file
 *   cache/small/<hex>                           cache/small/<hex 0-1>/<hex>        a peer's file of one segment, by its SHA-256
 *   cache/long/<hex>/list                       cache/long/<hex 0-1>/<hex>/list    a peer's segment list, by its SHA-256
 *   cache/long/<hex>/<n>                        …/<hex>/<n ÷ 1000>/<n>             segment n, from 0, of whatever has that list
 *   cache/<peer>/<item>/<variant>.<tag>         cache/<peer>/<item ÷ 1000>/<item>/<variant>.<tag>
 *   cache/<peer>/<item>/<variant>.<tag>/list    …/<item>/<variant>.<tag>/list      segment list of a remote file
 *   cache/<peer>/<item>/<variant>.<tag>/<n>     …/<item>/<variant>.<tag>/<n ÷ 1000>/<n>      its segment n, from 0
 *   parts/<upload>/<offset>                     parts/<upload>/<offset>            bytes of an upload, where other processes go on with it
 *                                               temporary/<random>                 being written; swept at start
 *                                               uploads/<upload>                   bytes of an upload so far (library/uploads.ts)
 *
 * <hex>: 64 lower-case hex digits. <peer>, <item>: row keys, of files that nothing but their item names. <tag>:
 * which bytes they are, so that those of an item's earlier version are never taken for the present one's. A remote file
 * of one segment is a file of that name, a longer one a folder. No folder has more than about a thousand entries, but for
 * the content-addressed ones (4,000 in each at a million files).
 */

import { join, sep } from 'node:path';
import { HedgerowError } from '../lib/errors.ts';
import type { VariantName } from '../lib/media.ts';

export const TEMPORARY = 'temporary';

/** The folder of unfinished uploads, which are no blobs yet. */
export function uploadsFolder(root: string): string {
  return join(root, 'uploads');
}

/** Prefixes under which all blobs are. */
export const BLOB_PREFIXES = ['originals/', 'renditions/', 'segments/', 'cache/', 'parts/'] as const;

const FAN_OUT = 1000;
const PART_KEY = /^parts\/(upload_[0-9a-f]{30})\/(0|[1-9]\d{0,14})$/;
const PART_FOLDER = /^parts\/(?:(upload_[0-9a-f]{30})\/)?$/;
const CONTENT_KEY = /^(originals|renditions|segments)\/([0-9a-f]{64})$/;
const CACHE_KEY =
  /^cache\/(\d{1,15})\/(\d{1,15})\/([a-z]{1,16}\.[a-z0-9]{1,64})(?:\/(list|0|[1-9]\d{0,9}))?$/;
const SHARED_KEY = /^cache\/(?:(small)\/([0-9a-f]{64})|(long)\/([0-9a-f]{64})\/(list|0|[1-9]\d{0,9}))$/;
const SHARED_FOLDER = /^cache\/long\/([0-9a-f]{64})\/$/;
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

/** What is kept of a content, which is named as src/delivery/contents.ts does: `small/<hex>` or `long/<hex>`. */
export function contentKey(content: string): string {
  return `cache/${content}`;
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
  /** Row key of the item that it is named by; null where it is named by its content. */
  item: number | null;
  /** The key of the file that the blob belongs to. */
  file: string;
  /** `list`, the number of a segment, or null where the blob is the whole file. */
  part: 'list' | number | null;
}

/** Takes a key below `cache/` apart; null where it is none. */
export function parseCacheKey(key: string): CacheKeyParts | null {
  const shared = SHARED_KEY.exec(key);
  const match = shared ?? CACHE_KEY.exec(key);
  if (match === null) return null;
  const part = shared === null ? match[4] : shared[5];
  return {
    item: shared === null ? Number(match[2]) : null,
    file: part === undefined ? key : key.slice(0, key.lastIndexOf('/')),
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
  const shared = SHARED_KEY.exec(key);
  if (shared !== null) {
    const [, small, smallHex = '', , longHex = '', part = ''] = shared;
    if (small !== undefined) return join(root, 'cache', small, smallHex.slice(0, 2), smallHex);
    const file = join(root, 'cache', 'long', longHex.slice(0, 2), longHex);
    return part === 'list' ? join(file, part) : join(file, fan(part), part);
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
  const shared = SHARED_FOLDER.exec(prefix);
  if (shared !== null) {
    const [, hex = ''] = shared;
    return join(root, 'cache', 'long', hex.slice(0, 2), hex);
  }
  const cache = CACHE_FOLDER.exec(prefix);
  if (cache !== null) {
    const [, peer = '', item, name] = cache;
    if (item === undefined) return join(root, 'cache', peer);
    const folder = join(root, 'cache', peer, fan(item), item);
    return name === undefined ? folder : join(folder, name);
  }
  throw new HedgerowError('INVALID', 'This is not a prefix of the blob store.');
}

/** The digest that a key names, `sha-256:<hex>`; null where it names none. */
export function digestOf(key: string): string | null {
  const hex = CONTENT_KEY.exec(key)?.[2];
  return hex === undefined ? null : `sha-256:${hex}`;
}

export function isKey(key: string): boolean {
  return PART_KEY.test(key) || CONTENT_KEY.test(key) || SHARED_KEY.test(key) || CACHE_KEY.test(key);
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
  const [first, second] = parts;
  const fans =
    first !== 'cache'
      ? [1]
      : second === 'small' || second === 'long'
        ? [2, ...(parts.length === 6 ? [4] : [])]
        : [2, ...(parts.length === 7 ? [5] : [])];
  const key = parts.filter((_, index) => !fans.includes(index)).join('/');
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
