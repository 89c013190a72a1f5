/** Pages of small lists that Prisma reads, by keyset, with the same cursors as the catalog's. */

import type { Album, AlbumPage } from '../catalog/albums.ts';
import { decodeCursor, encodeCursor, queryFingerprint } from '../catalog/cursor.ts';
import type { Item } from '../catalog/items.ts';
import { type CatalogPage, PAGE_DEFAULT, PAGE_MAX } from '../catalog/query.ts';
import { HedgerowError } from '../lib/errors.ts';
import { builder } from './builder.ts';

export interface Connection<T> {
  edges: { readonly cursor: string; readonly node: T }[];
  pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

export const forwardArguments = builder.args((t) => ({
  first: t.int({ description: `How many, 1 to ${PAGE_MAX}; ${PAGE_DEFAULT} where nothing is said.` }),
  after: t.string({ description: 'Only what follows this cursor.' }),
}));

export const pageArguments = builder.args((t) => ({
  first: t.int({
    description: `How many from the start, 1 to ${PAGE_MAX}; ${PAGE_DEFAULT} where nothing is said.`,
  }),
  after: t.string({ description: 'Only what follows this cursor.' }),
  last: t.int({ description: `How many from the end, 1 to ${PAGE_MAX}.` }),
  before: t.string({ description: 'Only what comes before this cursor.' }),
}));

/** What a page costs: its items times their fields. A size that is refused anyway counts as the largest. */
export function pageComplexity(args: {
  first?: number | null | undefined;
  last?: number | null | undefined;
}): {
  field: number;
  multiplier: number;
} {
  const size = args.first ?? args.last ?? PAGE_DEFAULT;
  return { field: 10, multiplier: Math.min(PAGE_MAX, Math.max(1, size)) };
}

export interface Keyset<T> {
  /** What the list is of, filter included; a cursor of another one does not fit. */
  of: unknown;
  first: number | null | undefined;
  after: string | null | undefined;
  /** Sort value and id of a row; the id breaks ties. */
  position: (row: T) => { value: number; id: string };
  /** At most `take` rows in order, those that follow `after`. */
  read: (after: { value: number; id: string } | null, take: number) => Promise<T[]>;
}

/** @throws HedgerowError INVALID for sizes outside 1 to 500, BAD_CURSOR */
export async function readKeyset<T>({ of, first, after, position, read }: Keyset<T>): Promise<Connection<T>> {
  const size = first ?? PAGE_DEFAULT;
  if (size < 1 || size > PAGE_MAX) {
    throw new HedgerowError('INVALID', `A page has 1 to ${PAGE_MAX} items.`, { field: ['first'] });
  }
  const fingerprint = queryFingerprint(of);
  const rows = await read(after == null ? null : numericPosition(fingerprint, after), size + 1);
  const edges = rows
    .slice(0, size)
    .map((node) => ({ cursor: encodeCursor(fingerprint, position(node)), node }));
  return {
    edges,
    pageInfo: { hasNextPage: rows.length > size, hasPreviousPage: after != null, ...ends(edges) },
  };
}

export function albumConnection({ edges, ...page }: AlbumPage): Connection<Album> {
  return {
    edges: edges.map(({ cursor, album }) => ({ cursor, node: album })),
    pageInfo: { hasNextPage: page.hasNextPage, hasPreviousPage: page.hasPreviousPage, ...ends(edges) },
  };
}

export function catalogConnection<K extends keyof Item>(
  page: CatalogPage<K>,
): Connection<CatalogPage<K>['edges'][number]['item']> {
  const edges = page.edges.map((edge) => new Edge(edge));
  return { edges, pageInfo: new PageInfo(page) };
}

/**
 * Cursors are written where they are asked for, by a class: an object with accessors of its own has a shape of its own, which V8 keeps,
 * with all that they see, until it collects the whole heap.
 */
class PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly #edges: readonly { readonly cursor: string }[];

  constructor({
    edges,
    hasNextPage,
    hasPreviousPage,
  }: Pick<CatalogPage<never>, 'edges' | 'hasNextPage' | 'hasPreviousPage'>) {
    this.#edges = edges;
    this.hasNextPage = hasNextPage;
    this.hasPreviousPage = hasPreviousPage;
  }

  get startCursor(): string | null {
    return this.#edges[0]?.cursor ?? null;
  }

  get endCursor(): string | null {
    return this.#edges.at(-1)?.cursor ?? null;
  }
}

class Edge<T> {
  readonly #edge: { readonly cursor: string; readonly item: T };

  constructor(edge: { readonly cursor: string; readonly item: T }) {
    this.#edge = edge;
  }

  get cursor(): string {
    return this.#edge.cursor;
  }

  get node(): T {
    return this.#edge.item;
  }
}

function ends(edges: readonly { cursor: string }[]): {
  startCursor: string | null;
  endCursor: string | null;
} {
  return { startCursor: edges[0]?.cursor ?? null, endCursor: edges.at(-1)?.cursor ?? null };
}

function numericPosition(fingerprint: string, cursor: string): { value: number; id: string } {
  const { value, id } = decodeCursor(fingerprint, cursor);
  if (typeof value !== 'number' || typeof id !== 'string') throw new HedgerowError('BAD_CURSOR');
  return { value, id };
}
