/** Takes away what a peer has left here, once it may: after a revocation at once, after the peer's own word in a day. */
import { removeSource } from '../../catalog/remote-changes.ts';
import type { Database } from '../../database/database.ts';
import { integers } from '../../database/lists.ts';
import { empty, type Sql, type Statement, sql } from '../../database/sql.ts';
import { recount } from './pull-peer.ts';

/** How long what a peer took back stays here, hidden, ms. */
export const HIDDEN_KEPT = 24 * 3600 * 1000;
/** Items of one transaction. */
const AT_ONCE = 500;

/** Peers of which something is here that must not stay, whatever ended before it was gone. */
export async function peersToClear(database: Database, now: number): Promise<number[]> {
  const ended = await database.prisma.peer.findMany({
    where: {
      OR: [
        { status: 'REVOKED', keptCached: false, hiddenSince: null },
        // Kept or not: what its owner took back is not ours to keep.
        { hiddenSince: { lte: new Date(now - HIDDEN_KEPT) } },
      ],
    },
    select: { key: true, itemCount: true, skippedCount: true },
  });
  if (ended.length === 0) return [];
  const keys = JSON.stringify(ended.map(({ key }) => key));
  const rows = await database.read.all<{ key: number }>(
    sql`SELECT p.key FROM federation_peers p WHERE p.key IN (${integers(database.read, keys)}) AND EXISTS (SELECT 1 FROM items i WHERE i.source = p.key)`,
  );
  const sources = new Set(rows.map(({ key }) => key));
  return ended
    .filter(({ key, itemCount, skippedCount }) => itemCount > 0 || skippedCount > 0 || sources.has(key))
    .map(({ key }) => key);
}

/**
 * Removes bytes and items in short turns. Whatever turn it ends after, the next call goes on; a peer that is paired
 * again meanwhile, or whose bytes are to be kept after all, is left alone from then on.
 */
export async function clearPeer(
  database: Database,
  peerKey: number,
  { purge, now, signal }: { purge: () => Promise<void>; now: () => number; signal: AbortSignal },
): Promise<void> {
  if (!(await mayClear(database.read, peerKey, empty))) return;
  await purge();
  while (!signal.aborted) {
    const removed = await database.write(async (tx) => {
      if (!(await mayClear(tx, peerKey, lockOf(tx)))) return null;
      const count = await removeSource(tx, peerKey, AT_ONCE, now());
      await tx.run(
        count < AT_ONCE
          ? sql`UPDATE federation_peers SET item_count = 0, skipped_count = 0, held_count = 0, checksum_first = 0, checksum_second = 0, cursor = NULL, in_sync = NULL, remote_total = NULL WHERE key = ${peerKey}`
          : sql`UPDATE federation_peers SET item_count = CASE WHEN item_count < ${count} THEN 0 ELSE item_count - ${count} END, cursor = NULL WHERE key = ${peerKey}`,
      );
      return count;
    });
    if (removed === null) {
      await recount(database, peerKey).catch(() => undefined);
      return;
    }
    if (removed < AT_ONCE) break;
  }
  if (signal.aborted) return;
  // An answer that was begun before the revocation may have kept something of an item that was still there.
  await purge();
}

function lockOf(tx: Sql): Statement {
  return tx.dialect === 'sqlite' ? empty : sql` FOR UPDATE`;
}

async function mayClear(on: Sql, peerKey: number, lock: Statement): Promise<boolean> {
  const row = await on.get<{ status: string; kept: number | boolean; hidden: number }>(
    sql`SELECT status, kept_cached AS kept, CASE WHEN hidden_since IS NULL THEN 0 ELSE 1 END AS hidden FROM federation_peers WHERE key = ${peerKey}${lock}`,
  );
  return row !== undefined && (row.hidden === 1 || (row.status === 'REVOKED' && !row.kept));
}
