/**
 * A list of any length, of which only those pages are read that are looked at: every item has its place from the
 * start, by the counts of the months, and reading begins at the nearest place whose cursor is known.
 */

import {
  GalleryFrameDocument,
  type GalleryFrameQuery,
  GalleryPageDocument,
  type GalleryPageQuery,
} from '../generated/graphql.ts';
import type { ask } from '../scripts/ask.ts';
import { lastAtMost, type Shape } from './layout.ts';
import type { Asked } from './place.ts';

export type Tile = GalleryPageQuery['media']['nodes'][number];
export type Source = GalleryFrameQuery['media']['sources'][number];

/** A run of items with a name of its own. */
export interface Section {
  /** `2024-03`; null where the order is not that of time, and all is one section. */
  month: string | null;
  start: number;
  count: number;
}

export interface Listing {
  /** Of the whole; what is drawn of it may be less (`sections`). */
  readonly total: number;
  readonly sections: readonly Section[];
  readonly sources: readonly Source[];
  /** The most frequent of the whole list. */
  readonly tags: readonly { readonly tag: string; readonly count: number }[];
  readonly asked: Asked;
  /** Rises with whatever changes; what is drawn hangs on it. */
  readonly version: number;
  /** Why pages could not be read; null where all is well. */
  readonly trouble: Error | null;
  /** The catalog has changed since it was counted: places are no longer right, and the list has to be opened anew. */
  readonly drifted: boolean;
  /** Undefined where it has not been read, or was so long ago that it is not kept. */
  item(index: number): Tile | undefined;
  /** What the item's row has to know of it: kept of every item that was ever read, so that no row changes its height. */
  shape(index: number): Shape | undefined;
  indexOf(id: string): number | undefined;
  /** These are looked at, and read; what was asked for before and has not begun is given up. */
  want(from: number, to: number): void;
  /** What is looked at. */
  readonly wanted: { readonly from: number; readonly to: number };
  /** Reads until the items are here. @throws what reading them threw */
  load(from: number, to: number): Promise<void>;
  /** The place of an item by its month, which is read for it; undefined where it is not in the list. */
  locate(item: Pick<Tile, 'id' | 'takenAt' | 'addedAt'>): Promise<number | undefined>;
  patch(id: string, change: Partial<Tile>): void;
  retry(): void;
  subscribe(listener: () => void): () => void;
  close(): void;
}

/** Items that come with the frame: what the first look at most screens needs, in one answer. */
const FIRST = 100;
const PAGE = 200;
const PAGE_MAX = 500;
const AT_ONCE = 2;
/** Items that are kept, around those that are looked at: some thirty screens, and less than a tenth of a long list. */
const KEPT = 4_000;
/** Without months nothing can be read in the middle: so many are drawn beyond what is here. */
const AHEAD = 200;
/** Items of a month that are read to find one. */
const SEARCHED = 2_000;

/** @throws Refused, AbortError */
export async function openListing(request: typeof ask, asked: Asked, signal: AbortSignal): Promise<Listing> {
  const timed = asked.orderBy.field === 'TAKEN_AT';
  const { media } = await request(GalleryFrameDocument, { ...asked, months: timed, first: FIRST }, signal);
  return createListing(request, asked, media);
}

export function createListing(request: typeof ask, asked: Asked, frame: GalleryFrameQuery['media']): Listing {
  const months = frame.months ?? null;
  const ending = new AbortController();
  const items = new Map<number, Tile>();
  const places = new Map<string, number>();
  /** By index: width by height, 0 where it has not been read; and the day, of which there are few different ones. */
  const aspects: number[] = [];
  const days: string[] = [];
  const dayNames = new Map<string, string>();
  const listeners = new Set<() => void>();
  const running = new Set<{ from: number; to: number }>();
  /** Gap before an item to the cursor after which, and before which, one reads there. */
  const after = new Marks();
  const before = new Marks();
  let total = frame.totalCount;
  let sections: Section[];
  let wanted = { from: 0, to: 0 };
  let version = 0;
  let trouble: Error | null = null;
  let drifted = false;
  let reached = 0;

  after.set(0, undefined);
  if (months !== null) {
    sections = [];
    let start = 0;
    for (const { month, count, cursor } of months) {
      sections.push({ month, start, count });
      if (start > 0) {
        after.set(start, cursor);
        before.set(start, cursor);
      }
      start += count;
    }
    // Both were counted by one request, but not at one moment.
    total = start;
    before.set(total, undefined);
  } else {
    sections = [{ month: null, start: 0, count: Math.min(total, AHEAD) }];
  }

  const changed = (): void => {
    version += 1;
    for (const listener of listeners) listener();
  };
  const isComing = (index: number): boolean => {
    for (const { from, to } of running) if (index >= from && index < to) return true;
    return false;
  };
  const missing = (): number | undefined => {
    for (let index = wanted.from; index < Math.min(wanted.to, total); index++) {
      if (!items.has(index) && !isComing(index)) return index;
    }
    return undefined;
  };
  const keep = (at: number, nodes: readonly Tile[]): void => {
    nodes.forEach((node, offset) => {
      const before = places.get(node.id);
      // The catalog moved on between two pages; no item stands in two places.
      if (before !== undefined && before !== at + offset) {
        items.delete(before);
        drifted = true;
      }
      items.set(at + offset, node);
      places.set(node.id, at + offset);
      aspects[at + offset] = aspectOf(node);
      const day = dayOf(node);
      const name = dayNames.get(day) ?? day;
      dayNames.set(name, name);
      days[at + offset] = name;
    });
  };

  /** A page that begins at an index. */
  const take = (first: number, { nodes, pageInfo }: GalleryPageQuery['media']): void => {
    keep(first, nodes);
    if (pageInfo.endCursor !== null) after.set(first + nodes.length, pageInfo.endCursor);
    if (pageInfo.startCursor !== null) before.set(first, pageInfo.startCursor);
    if (months === null) {
      reached = Math.max(reached, first + nodes.length);
      sections = [{ month: null, start: 0, count: Math.min(total, reached + AHEAD) }];
    }
  };

  /** What is far from what is looked at is read again when somebody goes there. */
  const forget = (): void => {
    if (items.size <= KEPT) return;
    const middle = (wanted.from + wanted.to) / 2;
    for (const [index, { id }] of items) {
      if (Math.abs(index - middle) <= KEPT / 2) continue;
      items.delete(index);
      places.delete(id);
    }
  };

  /** One page that leads to the item, or holds it. */
  const read = async (index: number): Promise<void> => {
    const forward = after.atMost(index);
    const backward = before.atLeast(index + 1);
    // Backwards a page that is too short leads nowhere; forwards it is the end.
    const back = !drifted && backward !== undefined && backward.at - index < index - forward.at;
    const distance = back ? backward.at - index : index - forward.at;
    const size = Math.min(PAGE_MAX, Math.max(PAGE, distance + PAGE / 2));
    const from = back ? Math.max(0, backward.at - size) : forward.at;
    const to = back ? backward.at : Math.min(total, forward.at + size);
    const run = { from, to };
    running.add(run);
    try {
      const { media } = await request(
        GalleryPageDocument,
        back
          ? { ...asked, last: to - from, before: backward.cursor ?? null }
          : { ...asked, first: to - from, after: forward.cursor ?? null },
        ending.signal,
      );
      const { nodes } = media;
      const first = back ? to - nodes.length : from;
      if (nodes.length < to - from) {
        drifted = true;
        if (!back) total = from + nodes.length;
      }
      take(first, media);
      trouble = null;
      changed();
    } finally {
      running.delete(run);
    }
  };

  const pump = (): void => {
    while (running.size < AT_ONCE && trouble === null) {
      const index = missing();
      if (index === undefined) return;
      void read(index).then(pump, (error: unknown) => {
        if (ending.signal.aborted) return;
        trouble = error instanceof Error ? error : new Error(String(error));
        changed();
      });
    }
  };

  const load = async (from: number, to: number): Promise<void> => {
    for (let index = from; index < Math.min(to, total); index++) {
      // Each page brings the next mark nearer, so this ends.
      while (!items.has(index) && index < total) await read(index);
    }
  };

  if (frame.nodes.length > 0) take(0, frame);

  return {
    get total() {
      return total;
    },
    get sections() {
      return sections;
    },
    sources: frame.sources,
    tags: frame.facets.tags,
    asked,
    get version() {
      return version;
    },
    get drifted() {
      return drifted;
    },
    get trouble() {
      return trouble;
    },
    get wanted() {
      return wanted;
    },
    item: (index) => items.get(index),
    shape: (index) => {
      const aspect = aspects[index];
      return aspect === undefined ? undefined : { aspect, day: days[index] ?? '' };
    },
    indexOf: (id) => places.get(id),
    want: (from, to) => {
      wanted = { from: Math.max(0, from), to };
      forget();
      pump();
    },
    load,
    locate: async (item) => {
      const known = places.get(item.id);
      if (known !== undefined) return known;
      const month = monthOf(item);
      const section = sections.find((one) => one.month === null || one.month === month);
      if (section === undefined) return undefined;
      const end = Math.min(section.start + section.count, section.start + SEARCHED);
      for (let at = section.start; at < end && !places.has(item.id); at += PAGE) {
        await load(at, Math.min(end, at + PAGE));
      }
      return places.get(item.id);
    },
    patch: (id, change) => {
      const at = places.get(id);
      const item = at === undefined ? undefined : items.get(at);
      if (at === undefined || item === undefined) return;
      items.set(at, { ...item, ...change });
      changed();
    },
    retry: () => {
      trouble = null;
      changed();
      pump();
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => ending.abort(),
  };
}

/** When it was by the camera's clock, else when it was added, in UTC: as the timeline is ordered. */
export function momentOf({ takenAt, addedAt }: Pick<Tile, 'takenAt' | 'addedAt'>): string {
  return takenAt ?? addedAt;
}

export function monthOf(item: Pick<Tile, 'takenAt' | 'addedAt'>): string {
  return /^([+-]\d{6}|\d{4})-\d\d/.exec(momentOf(item))?.[0] ?? '';
}

export function dayOf(item: Pick<Tile, 'takenAt' | 'addedAt'>): string {
  return /^([+-]\d{6}|\d{4})-\d\d-\d\d/.exec(momentOf(item))?.[0] ?? '';
}

function aspectOf({ kind, width, height }: Tile): number {
  if (width !== null && height !== null && width > 0 && height > 0) return width / height;
  return kind === 'DOCUMENT' ? 0.75 : 1;
}

/** Cursors by the gap that they stand for, sorted. */
class Marks {
  readonly #at: number[] = [];
  readonly #cursors = new Map<number, string | undefined>();

  set(at: number, cursor: string | undefined): void {
    if (!this.#cursors.has(at)) {
      const place = this.#at.length > 0 && (this.#at[0] ?? 0) <= at ? lastAtMost(this.#at, at) + 1 : 0;
      this.#at.splice(place, 0, at);
    }
    this.#cursors.set(at, cursor);
  }

  atMost(at: number): { at: number; cursor: string | undefined } {
    const found = this.#at[lastAtMost(this.#at, at)] ?? 0;
    return { at: found, cursor: this.#cursors.get(found) };
  }

  atLeast(at: number): { at: number; cursor: string | undefined } | undefined {
    const found = this.#at.find((one) => one >= at);
    return found === undefined ? undefined : { at: found, cursor: this.#cursors.get(found) };
  }
}
