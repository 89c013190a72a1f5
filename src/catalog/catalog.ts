/** The door of this room: the one catalog over local items and those of peers. */
import type { Database } from '../database/database.ts';
import { type Albums, createAlbums } from './albums.ts';
import { type CatalogChanges, createCatalogChanges } from './changes.ts';
import type { Item } from './items.ts';
import { createLocalChanges, type LocalChanges } from './local-changes.ts';
import { type Month, readMonths } from './months.ts';
import {
  type CatalogPage,
  type CatalogQuery,
  type PageArguments,
  readCopies,
  readItem,
  readItems,
  readLocalCopy,
  readPage,
  readRemoteItem,
} from './query.ts';
import { setHidden } from './remote-changes.ts';
import { ensureIndexed } from './search-index.ts';
import { type CatalogState, ensureState, readState } from './state.ts';
import { type FacetRequest, type Facets, readFacets } from './totals.ts';
import type { Reader } from './visibility.ts';

export interface Catalog {
  /** With these fields of the items alone, or with all; and counted, where a count is kept. */
  page<K extends keyof Item = keyof Item>(
    reader: Reader,
    query: CatalogQuery,
    page: PageArguments,
    fields?: Iterable<K>,
    counted?: boolean,
  ): Promise<CatalogPage<K>>;
  /** How many items a query has on all its pages. */
  count(reader: Reader, query: CatalogQuery): Promise<number>;
  /** How many items a query has, by origin, kind, tag and year; one statement. */
  facets(reader: Reader, query: CatalogQuery, wanted: FacetRequest): Promise<Facets>;
  /** Months of the timeline in the query's order. @throws HedgerowError INVALID for another order */
  months(reader: Reader, query: CatalogQuery): Promise<Month[]>;
  /** Visible items by id. */
  items(reader: Reader, ids: readonly string[]): Promise<Map<string, Item>>;
  item(reader: Reader, id: string): Promise<Item | null>;
  remoteItem(reader: Reader, source: number, remoteId: string): Promise<Item | null>;
  /** Visible items by the digest of their originals. */
  copies(reader: Reader, digests: readonly string[]): Promise<Map<string, Item[]>>;
  /** The local one of these that is longest here. */
  localCopy(reader: Reader, digest: string): Promise<Item | null>;
  state(): Promise<CatalogState>;
  readonly local: LocalChanges;
  readonly albums: Albums;
  readonly changes: CatalogChanges;
  /** Hides items of peers from everybody, or shows them again; local ones and unknown ones stay as they are. */
  setHidden(ids: readonly string[], hidden: boolean): Promise<void>;
}

/** @param onIndexing - told where all items are put into the search index anew, which a new version may ask for. */
export async function createCatalog(
  database: Database,
  now: () => number = Date.now,
  onIndexing: () => void = () => {},
): Promise<Catalog> {
  await ensureState(database);
  await ensureIndexed(database, onIndexing);
  const { read } = database;
  return {
    page: (reader, query, page, fields, counted) => readPage(read, reader, query, page, fields, counted),
    count: async (reader, query) => (await readFacets(read, reader, query, { count: true })).count,
    facets: (reader, query, wanted) => readFacets(read, reader, query, wanted),
    months: (reader, query) => readMonths(read, reader, query),
    items: (reader, ids) => readItems(read, reader, ids),
    item: (reader, id) => readItem(read, reader, id),
    remoteItem: (reader, source, remoteId) => readRemoteItem(read, reader, source, remoteId),
    copies: (reader, digests) => readCopies(read, reader, digests),
    localCopy: (reader, digest) => readLocalCopy(read, reader, digest),
    state: () => readState(read),
    local: createLocalChanges(database, now),
    albums: await createAlbums(database, now),
    changes: createCatalogChanges({ read }),
    setHidden: (ids, hidden) => database.write((tx) => setHidden(tx, ids, hidden, now())),
  };
}
