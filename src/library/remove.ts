/** Removes local items: their rows first, then the bytes that no other item needs. */
import type { Catalog } from '../catalog/catalog.ts';
import type { Item } from '../catalog/items.ts';
import type { Database } from '../database/database.ts';
import { texts } from '../database/lists.ts';
import type { Processes } from '../database/processes.ts';
import { sql } from '../database/sql.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { originalKey, renditionKey, segmentListKey } from '../storage/paths.ts';
import { originals, renditions } from './keyed-lock.ts';

export interface RemoveOptions {
  database: Pick<Database, 'read'>;
  catalog: { readonly local: Pick<Catalog['local'], 'remove'> };
  store: Pick<BlobStore, 'delete'>;
  /** Asked before an original is deleted: who else lives by it takes it over now. */
  onLeaving?: ((digest: string) => Promise<void>) | undefined;
  /** Those beside this one; none unless told. */
  processes?: Pick<Processes, 'several' | 'only'>;
}

/**
 * An external original stays where it is: it is not ours. A crash between rows and bytes leaves bytes without a
 * row, never a row without bytes.
 *
 * @throws HedgerowError READ_ONLY where one of the items is a peer's
 */
export async function removeItems(options: RemoveOptions, ids: readonly string[]): Promise<Item[]> {
  const removed = await options.catalog.local.remove(ids);
  for (const item of removed) {
    // Held against an import that finds the same bytes, or draws the same poster, at this moment.
    const { processes } = options;
    await originals.run(
      item.digest ?? item.id,
      () => renditions.run(item.thumbhash ?? item.id, () => removeBytes(options, item), processes),
      processes,
    );
  }
  return removed;
}

async function removeBytes({ database, store, onLeaving }: RemoveOptions, item: Item): Promise<void> {
  // The same rendition has the same thumbhash: posters of videos without a frame are one for many items.
  const rows = await database.read.all<{ digest: string | null; storage: string | null; variants: string }>(
    sql`SELECT digest, storage, variants FROM items WHERE source = 0 AND (digest IN (${texts(database.read, JSON.stringify([item.digest]))}) OR thumbhash = ${item.thumbhash})`,
  );
  const kept = new Set<string>();
  for (const row of rows) {
    for (const key of keysOf(row.storage, JSON.parse(row.variants))) kept.add(key);
  }
  for (const key of keysOf(item.storage, item.variants)) {
    if (kept.has(key)) continue;
    if (item.digest !== null && key === originalKey(item.digest)) await onLeaving?.(item.digest);
    await store.delete(key);
  }
}

function* keysOf(storage: string | null, variants: Item['variants']): Generator<string> {
  for (const variant of variants) {
    const { name, digest, segments } = variant;
    // Of a local item every digest is known.
    if (digest !== null && name !== 'original') yield renditionKey(digest);
    else if (digest !== null && storage === 'MANAGED') yield originalKey(digest);
    // After the original, of which whoever takes it over checks the segments.
    if (segments !== undefined) yield segmentListKey(segments.digest);
  }
}
