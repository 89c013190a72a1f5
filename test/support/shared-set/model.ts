/** What a server shares with one pair, told by rules of its own: nothing here asks the program. */
import { isDeepStrictEqual } from 'node:util';
import type { Grant } from '../../../src/federation/wire/messages.ts';

export const KINDS = ['IMAGE', 'VIDEO', 'DOCUMENT'] as const;
export const TAGS = ['red', 'green', 'blue'] as const;
export const VISIBILITIES = ['PRIVATE', 'INSTANCE', 'PEERS', 'PUBLIC'] as const;
export const ORIGINAL = `sha-256:${'ab'.repeat(32)}`;
export const DERIVED = `sha-256:${'cd'.repeat(32)}`;

type Visibility = (typeof VISIBILITIES)[number];

export interface ModelItem {
  kind: (typeof KINDS)[number];
  title: string;
  tags: string[];
  visibility: Visibility;
  /** Ids, the oldest album first. */
  albums: string[];
}

export interface ModelAlbum {
  title: string;
  visibility: Visibility;
}

/** A server at one moment. Never changed in place: a former moment stays what it was. */
export interface Moment {
  items: ReadonlyMap<string, ModelItem>;
  albums: ReadonlyMap<string, ModelAlbum>;
  grant: Grant;
  /** Ids that the grant has opened at any moment since it last came to open something else. */
  within: ReadonlySet<string>;
}

/** An item as a pair is told of it, on the wire or in the rows of a puller. */
export interface SeenItem {
  kind: string;
  title: string;
  tags: string[];
  /** By id. */
  albums: { id: string; title: string }[];
  digest: string | null;
  thumbhash: string | null;
  /** Names, the original not among them. */
  variants: string[];
}

function isShared({ visibility }: { visibility: Visibility }): boolean {
  return visibility === 'PEERS' || visibility === 'PUBLIC';
}

/** What the pair may see at that moment, by id. */
export function viewOf({ items, albums, grant }: Moment): Map<string, SeenItem> {
  const view = new Map<string, SeenItem>();
  for (const [id, item] of items) {
    if (!isShared(item)) continue;
    if (grant.kinds !== null && !grant.kinds.some((kind) => kind.toUpperCase() === item.kind)) continue;
    if (grant.tags !== null && !item.tags.some((tag) => grant.tags?.includes(tag))) continue;
    if (grant.albums !== null && !item.albums.some((album) => grant.albums?.includes(album))) continue;
    const seen = item.albums.filter((album) =>
      grant.albums === null ? isShared(albums.get(album) as ModelAlbum) : grant.albums.includes(album),
    );
    const pictures = grant.access === 'metadata' ? [] : ['preview', 'thumbnail'];
    view.set(id, {
      kind: item.kind.toLowerCase(),
      title: item.title,
      tags: item.tags,
      albums: byId(seen.map((album) => ({ id: album, title: albums.get(album)?.title ?? '' }))),
      digest: grant.access === 'originals' ? ORIGINAL : null,
      thumbhash: grant.access === 'metadata' ? null : 'AAAA',
      variants: grant.access === 'originals' ? ['playable', ...pictures].sort() : pictures,
    });
  }
  return view;
}

export function byId<T extends { id: string }>(list: readonly T[]): T[] {
  return [...list].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The moment after, with what the pair may have been shown by then. */
export function after(before: Moment, change: Partial<Omit<Moment, 'within'>>): Moment {
  const next: Moment = { ...before, ...change };
  const opensOther = !isDeepStrictEqual({ ...before.grant, until: null }, { ...next.grant, until: null });
  return { ...next, within: new Set([...(opensOther ? [] : before.within), ...viewOf(next).keys()]) };
}

export interface WirePage {
  items: Record<string, unknown>[];
  removed: { id: string; reason: string }[];
  complete: boolean;
  total?: number;
}

/** Fields of an item on the wire; any other is something that must not leave. */
const FIELDS = new Set(
  'id version kind title description filename mimeType size digest segments width height duration pages thumbhash takenAt takenAtOffset createdAt updatedAt tags albums creator license properties variants'.split(
    ' ',
  ),
);

/** Says what is wrong with a page that was sent at that moment; null where all of it was within the grant. */
export function faultOf(page: WirePage, moment: Moment, now: number): string | null {
  const { until } = moment.grant;
  if (until !== null && Date.parse(until) <= now) return 'a page was sent after the grant had ended';
  const view = viewOf(moment);
  for (const item of page.items) {
    const id = String(item['id']);
    const seen = view.get(id);
    if (seen === undefined) return `${id} is outside the grant`;
    const extra = Object.keys(item).find((field) => !FIELDS.has(field));
    if (extra !== undefined) return `${id} was sent with ${extra}`;
    if (!isDeepStrictEqual(seenOnWire(item), seen)) return `${id} was sent as ${JSON.stringify(item)}`;
  }
  for (const { id, reason } of page.removed) {
    if (view.has(id)) return `${id} was named as removed, and is shared`;
    if (!moment.within.has(id)) return `${id} was named, and the pair could not know it`;
    if (reason === 'deleted' && moment.items.has(id)) return `${id} was called deleted, and is there`;
  }
  if (page.complete && page.total !== view.size) return `the total is ${page.total}, and not ${view.size}`;
  return null;
}

function seenOnWire(item: Record<string, unknown>): SeenItem {
  return {
    kind: item['kind'] as string,
    title: item['title'] as string,
    tags: item['tags'] as string[],
    albums: byId(item['albums'] as { id: string; title: string }[]),
    digest: (item['digest'] as string | undefined) ?? null,
    thumbhash: (item['thumbhash'] as string | undefined) ?? null,
    variants: (item['variants'] as { name: string }[]).map(({ name }) => name).sort(),
  };
}
