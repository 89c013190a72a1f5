import { createHash } from 'node:crypto';
import type { VariantName } from '../lib/media.ts';
import { albumsSeen, type GrantScope, WHOLE_SCOPE } from './grant.ts';
import { formatLocalDateTime, type Item } from './items.ts';

/** A local item as peers are told of it; the fields are those of the feed (docs/federation.md, "Item"). */
export interface SharedItem {
  id: string;
  kind: 'image' | 'video' | 'document';
  title: string;
  description?: string;
  filename?: string;
  mimeType: string;
  size: number;
  digest?: string;
  segments?: { count: number; digest: string };
  width?: number;
  height?: number;
  duration?: number;
  pages?: number;
  thumbhash?: string;
  takenAt?: string;
  takenAtOffset?: number;
  createdAt: string;
  updatedAt: string;
  tags: string[];
  albums: { id: string; title: string }[];
  creator?: string;
  license?: string;
  properties: Record<string, unknown>;
  variants: {
    name: string;
    mimeType: string;
    size: number;
    digest: string;
    segments?: { count: number; digest: string };
    width?: number;
    height?: number;
  }[];
}

/**
 * What leaves this instance of an item, and nothing else: no owner, no path, no place; without originals nothing by
 * which the bytes of one could be known; with metadata alone no picture of it either.
 */
export function sharedItem(
  item: Omit<Item, 'key'>,
  grant: Pick<GrantScope, 'albums' | 'access'> = WHOLE_SCOPE,
): SharedItem {
  const { place: _withheld, ...properties } = item.properties;
  const { access } = grant;
  const original = item.variants.find((variant) => variant.name === 'original');
  const shared: Record<string, unknown> = {
    id: item.id,
    kind: item.kind.toLowerCase(),
    title: item.title,
    description: item.description,
    filename: item.filename,
    mimeType: item.mimeType,
    size: item.byteSize ?? 0,
    digest: access === 'originals' ? item.digest : null,
    segments: access === 'originals' ? original?.segments : null,
    width: item.width,
    height: item.height,
    duration: item.durationMs,
    pages: item.pageCount,
    thumbhash: access === 'metadata' ? null : item.thumbhash,
    takenAt: item.takenAt === null ? null : formatLocalDateTime(item.takenAt),
    takenAtOffset: item.takenAtOffset,
    createdAt: new Date(item.addedAt).toISOString(),
    updatedAt: new Date(item.updatedAt).toISOString(),
    tags: item.tags,
    albums: albumsSeen(grant, item.albums),
    creator: item.creator,
    license: item.license,
    properties,
    variants: item.variants.filter(({ name }) => name !== 'original' && mayFetch(access, name)),
  };
  return Object.fromEntries(
    Object.entries(shared).filter(([, value]) => value !== null && value !== undefined),
  ) as unknown as SharedItem;
}

/** Whether a pair may have the bytes of a variant: thumbnails and previews are re-encoded, and carry no EXIF. */
export function mayFetch(access: GrantScope['access'], variant: VariantName): boolean {
  if (access === 'originals') return true;
  return access === 'previews' && (variant === 'thumbnail' || variant === 'preview');
}

/** Changes whenever anything that a pair with the whole grant is told changes. */
export function sharedVersion(item: Omit<Item, 'key'>): string {
  return createHash('sha256')
    .update(JSON.stringify(sharedItem(item)))
    .digest('base64url')
    .slice(0, 22);
}
