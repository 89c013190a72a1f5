/**
 * Contents: what segments are stored under, whoever has them. `small/<hex>` is a file of one segment, by its SHA-256;
 * `long/<hex>` a longer one, by the SHA-256 of its segment list, which fixes every segment of it. The digest of the whole,
 * which a peer could name without having the bytes, is none.
 *
 * A row of cached_files says which segments came verified from its own peer; `counted` of it is what no row before it has.
 */

import { texts } from '../database/lists.ts';
import { type Sql, sql } from '../database/sql.ts';
import type { SegmentList } from '../lib/media.ts';
import { originalKey } from '../storage/paths.ts';
import { SegmentMap, segmentCount, segmentLength } from './segment-map.ts';

const DIGEST = /^sha-256:([0-9a-f]{64})$/;

/** Null where nothing that is checked before it is stored fixes the segments: they keep the name of their item. */
export function contentOf(file: Named, size: number): string | null {
  const known = found.get(file);
  if (known?.size === size) return known.content;
  const content = contentOfNew(file, size);
  found.set(file, { size, content });
  return content;
}

interface Named {
  readonly digest: string | null;
  readonly segments: SegmentList | null;
}

/** Of what is asked for again and again the same object comes. */
const found = new WeakMap<Named, { size: number; content: string | null }>();

function contentOfNew(file: Named, size: number): string | null {
  const count = segmentCount(size);
  if (count === 1) return named('small', file.digest);
  return file.segments?.count === count ? named('long', file.segments.digest) : null;
}

/** The blob of an original of this instance with this digest, where there is one. */
export function libraryKey(digest: string): string | null {
  return DIGEST.test(digest) ? originalKey(digest) : null;
}

function named(form: 'small' | 'long', digest: string | null): string | null {
  const hex = DIGEST.exec(digest ?? '')?.[1];
  return hex === undefined ? null : `${form}/${hex}`;
}

export interface HolderRow {
  id: number;
  size: number;
  segments: Uint8Array | null;
  whole: boolean | number;
  bytes: number;
  counted: number;
  local: boolean | number;
}

export const HOLDER_COLUMNS = sql`id, size, segments, whole, bytes, counted, local`;

/** What the rows of one content need of the store. */
export interface Held {
  rows: number;
  /** Segments that a row has, except where they lie in an original. */
  segments: Set<number>;
}

/**
 * Holds the contents against other processes that count them, until the end of the transaction; in order, so that nobody
 * waits for somebody who waits. On SQLite whoever writes is alone.
 */
export async function lockContents(transaction: Sql, contents: readonly string[]): Promise<void> {
  if (transaction.dialect === 'sqlite' || contents.length === 0) return;
  await transaction.all(
    sql`SELECT pg_advisory_xact_lock(hashtextextended(each.value, 63)) FROM (${texts(transaction, JSON.stringify([...new Set(contents)].sort()))}) AS each`,
  );
}

/**
 * Writes anew what each row of a content counts; pinned ones first, so that their sum is what is pinned.
 * @returns by how much what is stored has changed, and what is needed of it
 */
export async function recount(transaction: Sql, content: string): Promise<Held & { change: number }> {
  const rows = await transaction.all<HolderRow>(
    sql`SELECT ${HOLDER_COLUMNS} FROM cached_files WHERE content = ${content} ORDER BY pinned DESC, id`,
  );
  const segments = new Set<number>();
  let change = 0;
  for (const row of rows) {
    let counted = 0;
    if (!row.local) {
      const map = mapOf(row);
      for (const index of map) {
        if (segments.has(index)) continue;
        segments.add(index);
        counted += segmentLength(row.size, index);
      }
    }
    if (counted === row.counted) continue;
    change += counted - row.counted;
    await transaction.run(sql`UPDATE cached_files SET counted = ${counted} WHERE id = ${row.id}`);
  }
  return { rows: rows.length, segments, change };
}

/** The segments of a row. */
export function mapOf(row: Pick<HolderRow, 'size' | 'segments' | 'whole'>): SegmentMap {
  return new SegmentMap(segmentCount(row.size), row.whole ? 'all' : row.segments);
}

/**
 * Whether an original of this instance in the store has this content. It stays until the transaction ends.
 * @param digest - of the whole, by which it is found; what it is compared by is the content
 */
export async function isInLibrary(
  transaction: Sql,
  { content, digest, size }: { content: string; digest: string; size: number },
): Promise<boolean> {
  const held = transaction.dialect === 'postgresql' ? sql` FOR SHARE` : sql``;
  const rows = await transaction.all<{ variants: string; location: string | null }>(
    sql`SELECT variants, location FROM items WHERE digest = ${digest} AND source = 0 AND storage = 'MANAGED' ORDER BY key${held}`,
  );
  return rows.some(({ variants, location }) => {
    const original = (JSON.parse(variants) as LibraryVariant[]).find(({ name }) => name === 'original');
    if (original?.size !== size || location !== libraryKey(digest)) return false;
    return contentOf({ digest: original.digest, segments: original.segments ?? null }, size) === content;
  });
}

/** Those of these digests that a managed original of this instance has, whatever its content: what `isInLibrary` may be true of. */
export async function libraryDigests(read: Sql, digests: readonly string[]): Promise<Set<string>> {
  const rows = await read.all<{ digest: string }>(
    sql`SELECT DISTINCT digest FROM items WHERE digest IN (${texts(read, JSON.stringify(digests))}) AND source = 0 AND storage = 'MANAGED'`,
  );
  return new Set(rows.map(({ digest }) => digest));
}

interface LibraryVariant {
  name: string;
  size: number | null;
  digest: string | null;
  segments?: SegmentList;
}
