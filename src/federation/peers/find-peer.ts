import type { Sql } from '../../database/sql.ts';
import { sql } from '../../database/sql.ts';
import type { CacheMode } from '../../delivery/delivery.ts';

/** The key of a peer that is not revoked, by our id of it or by its instance id; null where there is none. */
export async function peerKeyOf(database: Sql, id: string): Promise<number | null> {
  const row = await database.get<{ key: number }>(
    sql`SELECT key FROM federation_peers WHERE status <> 'REVOKED' AND (id = ${id} OR instance_id = ${id}) ORDER BY key DESC LIMIT 1`,
  );
  return row?.key ?? null;
}

/** What of a peer's bytes may be kept; nothing of one that is not known. */
export async function cacheModeOf(database: Sql, peerKey: number): Promise<CacheMode> {
  const row = await database.get<{ mode: CacheMode }>(
    sql`SELECT cache_mode AS mode FROM federation_peers WHERE key = ${peerKey}`,
  );
  return row?.mode ?? 'NONE';
}
