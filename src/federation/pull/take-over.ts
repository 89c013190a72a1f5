/**
 * A peer that was revoked with its bytes kept, and is paired again with the same key, is a new row: it takes over the
 * items and bytes of the former one before it is listed for the first time.
 */
import { itemsToTakeOver, takeOverAlbums, takeOverItems } from '../../catalog/take-over.ts';
import type { Database } from '../../database/database.ts';
import { empty, type Sql, sql } from '../../database/sql.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { recount } from './pull-peer.ts';

/** Items of one transaction. */
const AT_ONCE = 100;

/** As `Delivery.takeOver` does. */
export type TakeOverBytes = (
  from: number,
  to: number,
  itemKeys: readonly number[],
  move: (transaction: Sql) => Promise<readonly number[]>,
) => Promise<void>;

export interface KeptBytes {
  takeOver: TakeOverBytes;
  /** All that is still kept under the name of a peer. */
  purge: (peerKey: number) => Promise<void>;
}

/**
 * Goes on where a former call has ended, whatever ended it. Does nothing where nothing was kept under this key, or the
 * peer has been listed already.
 *
 * @throws HedgerowError CONFLICT where the peer was paused or revoked meanwhile
 */
export async function takeOver(
  database: Database,
  bytes: KeptBytes,
  peerKey: number,
  { now, signal }: { now: () => number; signal: AbortSignal },
): Promise<void> {
  let moved = false;
  for (;;) {
    signal.throwIfAborted();
    const from = await database.write((tx) => nextSource(tx, peerKey));
    if (from === null) break;
    moved = true;
    let isKept = true;
    while (isKept) {
      signal.throwIfAborted();
      const keys = await itemsToTakeOver(database.read, from, AT_ONCE);
      if (keys.length === 0) break;
      await bytes.takeOver(from, peerKey, keys, async (tx) => {
        isKept = await lockBoth(tx, from, peerKey);
        if (!isKept) return [];
        const taken = await takeOverItems(tx, from, peerKey, keys, now());
        await tx.run(
          sql`UPDATE federation_peers SET item_count = item_count + ${taken.length} WHERE key = ${peerKey}`,
        );
        return taken;
      });
    }
    // A batch that a crash has parted may have left blobs behind whose rows it had moved.
    if (isKept) await bytes.purge(from);
    await database.write((tx) => finish(tx, from, peerKey));
  }
  // From the rows: what the former row counted was of its own listing, and not all of it may have come along.
  if (moved) await recount(database, peerKey);
}

/** The row that is being taken over from, or the next one: the latest of those whose bytes are kept. */
async function nextSource(tx: Sql, peerKey: number): Promise<number | null> {
  const peer = await lock(tx, peerKey);
  if (peer.inheritsFrom !== null) return peer.inheritsFrom;
  // What was listed is the peer's word of today; older rows have nothing to add to it.
  if (peer.generation > 0 || peer.thumbprint === null) return null;
  const former = await tx.get<{ key: number }>(
    sql`SELECT key FROM federation_peers WHERE thumbprint = ${peer.thumbprint} AND status = 'REVOKED' AND kept_cached = ${true} AND key <> ${peerKey} ORDER BY key DESC LIMIT 1`,
  );
  if (former === undefined) return null;
  await tx.run(sql`UPDATE federation_peers SET inherits_from = ${former.key} WHERE key = ${peerKey}`);
  return former.key;
}

/** False where what was kept is not to be kept any more: then it is left to whoever clears it. */
async function lockBoth(tx: Sql, from: number, to: number): Promise<boolean> {
  const row = await tx.get<{ status: string; kept: number | boolean }>(
    sql`SELECT status, kept_cached AS kept FROM federation_peers WHERE key = ${from}${lockOf(tx)}`,
  );
  await lock(tx, to);
  return row?.status === 'REVOKED' && Boolean(row.kept);
}

async function finish(tx: Sql, from: number, to: number): Promise<void> {
  const left = await tx.get<{ key: number }>(sql`SELECT key FROM items WHERE source = ${from} LIMIT 1`);
  if (left === undefined) {
    await takeOverAlbums(tx, from, to);
    await tx.run(sql`DELETE FROM skipped_items WHERE source = ${from}`);
    await tx.run(
      sql`UPDATE federation_peers SET kept_cached = ${false}, item_count = 0, skipped_count = 0, held_count = 0, checksum_first = 0, checksum_second = 0 WHERE key = ${from}`,
    );
  }
  await tx.run(sql`UPDATE federation_peers SET inherits_from = NULL WHERE key = ${to}`);
}

async function lock(tx: Sql, peerKey: number) {
  const row = await tx.get<{
    status: string;
    thumbprint: string | null;
    generation: number;
    inheritsFrom: number | null;
  }>(
    sql`SELECT status, thumbprint, generation, inherits_from AS "inheritsFrom" FROM federation_peers WHERE key = ${peerKey}${lockOf(tx)}`,
  );
  if (row?.status !== 'ACTIVE') {
    throw new HedgerowError('CONFLICT', 'The peer was paused or revoked meanwhile.');
  }
  return row;
}

function lockOf(tx: Sql) {
  return tx.dialect === 'sqlite' ? empty : sql` FOR UPDATE`;
}
