/**
 * Where somebody is in the gallery: the whole state that a reload, a shared link and the way back keep, as the query
 * of the address. The path stays that of the instance, so that the page works under any prefix.
 */

import type { MediaFilter, MediaKind, MediaOrder, MediaOrigin } from '../generated/graphql.ts';

export const KINDS = ['IMAGE', 'VIDEO', 'DOCUMENT'] as const satisfies readonly MediaKind[];
export const SORTS = ['newest', 'oldest', 'added', 'title', 'size'] as const;
const VIEWS = ['items', 'albums', 'peers'] as const;

export type Sort = (typeof SORTS)[number];

export interface Place {
  view: (typeof VIEWS)[number];
  /** `mine`, or the id of a peer; null is all. */
  from: string | null;
  kind: MediaKind | null;
  /** Id of an album. */
  album: string | null;
  tag: string | null;
  year: number | null;
  /** Search words. */
  words: string;
  sort: Sort;
  /** Id of the item that is open. */
  item: string | null;
}

export const START: Place = {
  view: 'items',
  from: null,
  kind: null,
  album: null,
  tag: null,
  year: null,
  words: '',
  sort: 'newest',
  item: null,
};

/** What does not make sense is left out, since addresses are typed and cut. */
export function readPlace(search: string): Place {
  const asked = new URLSearchParams(search);
  const text = (name: string): string | null => asked.get(name) || null;
  const year = Number(asked.get('year'));
  return {
    view: oneOf(VIEWS, asked.get('view')) ?? START.view,
    from: text('from'),
    kind: oneOf(KINDS, asked.get('kind')?.toUpperCase()),
    album: text('album'),
    tag: text('tag'),
    year: Number.isInteger(year) && year >= 1 && year <= 9999 ? year : null,
    words: asked.get('q') ?? '',
    sort: oneOf(SORTS, asked.get('sort')) ?? START.sort,
    item: text('item'),
  };
}

/** `./` where nothing is asked for; else relative too. */
export function writePlace(place: Place): string {
  const asked = new URLSearchParams();
  const put = (name: string, value: string | number | null) => {
    if (value !== null && value !== '') asked.set(name, String(value));
  };
  if (place.view !== START.view) put('view', place.view);
  put('from', place.from);
  put('kind', place.kind?.toLowerCase() ?? null);
  put('album', place.album);
  put('tag', place.tag);
  put('year', place.year);
  put('q', place.words);
  if (place.sort !== START.sort) put('sort', place.sort);
  put('item', place.item);
  const query = asked.toString();
  return query === '' ? './' : `./?${query}`;
}

/** What the catalog is asked for at a place. */
export interface Asked {
  origin: MediaOrigin;
  filter: MediaFilter;
  orderBy: MediaOrder;
}

const ORDERS = {
  newest: { field: 'TAKEN_AT', direction: 'DESC' },
  oldest: { field: 'TAKEN_AT', direction: 'ASC' },
  added: { field: 'ADDED_AT', direction: 'DESC' },
  title: { field: 'TITLE', direction: 'ASC' },
  size: { field: 'BYTE_SIZE', direction: 'DESC' },
} as const satisfies Record<Sort, MediaOrder>;

export function askedAt(place: Place): Asked {
  const { from, kind, album, tag, year, words } = place;
  const start = (of: number) => `${String(of).padStart(4, '0')}-01-01T00:00:00`;
  return {
    origin: from === 'mine' ? 'LOCAL' : 'ALL',
    filter: {
      ...(from !== null && from !== 'mine' && { peerIds: [from] }),
      ...(kind !== null && { kinds: [kind] }),
      ...(album !== null && { albumIds: [album] }),
      ...(tag !== null && { tags: { all: [tag] } }),
      // The last year that can be written has no next.
      ...(year !== null && { takenAt: { gte: start(year), ...(year < 9999 && { lt: start(year + 1) }) } }),
      ...(words.trim() !== '' && { query: words.trim() }),
    },
    orderBy: ORDERS[place.sort],
  };
}

/** Whether the place shows less than everything. */
export function isNarrowed(place: Place): boolean {
  const { from, kind, album, tag, year, words } = place;
  return [from, kind, album, tag, year].some((value) => value !== null) || words.trim() !== '';
}

function oneOf<Value extends string>(
  values: readonly Value[],
  value: string | null | undefined,
): Value | null {
  return values.find((known) => known === value) ?? null;
}
