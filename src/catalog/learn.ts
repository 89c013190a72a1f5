/** What a peer's dialect does not say of an original, and its bytes have shown. */
import { type Sql, sql } from '../database/sql.ts';
import type { OfferedVariant } from '../lib/media.ts';
import { finishChange } from './state.ts';

export interface Learnt {
  /** Bytes. */
  size: number;
  /** `sha-256:<64 hex>`; null where not all of the bytes have been here. */
  digest: string | null;
  /** Empty where the peer does not say. */
  mimeType: string;
}

/**
 * Puts it into the item, until the peer changes that. The digest is that of the item, by which copies are found, and
 * not of the variant: the peer has not promised it, so other bytes are another version and no fault.
 *
 * @param of - the item as it was when the bytes were asked for
 */
export async function learnOriginal(
  tx: Sql,
  of: { itemKey: number; updatedAt: number },
  { size, digest, mimeType }: Learnt,
  now: number,
): Promise<void> {
  const row = await tx.get<{ variants: string }>(
    sql`SELECT variants FROM items WHERE key = ${of.itemKey} AND source <> 0 AND updated_at = ${of.updatedAt}`,
  );
  if (row === undefined) return;
  const variants = JSON.parse(row.variants) as OfferedVariant[];
  const original = variants.find(({ name }) => name === 'original');
  if (original === undefined || original.digest !== null) return;
  Object.assign(original, { size, mimeType });
  await tx.run(
    sql`UPDATE items SET variants = ${JSON.stringify(variants)}, byte_size = ${size}, mime_type = ${mimeType}, digest = ${digest} WHERE key = ${of.itemKey}`,
  );
  await finishChange(tx, [], [of.itemKey], now);
}
