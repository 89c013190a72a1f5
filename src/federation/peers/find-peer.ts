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

/** Whether a peer is asked for bytes, and what went wrong the last time; null where it is gone. */
export async function standingOf(
  database: Sql,
  peerKey: number,
): Promise<{ name: string; asked: boolean; trouble: string | null } | null> {
  const row = await database.get<{
    name: string;
    status: string;
    health: string;
    hidden: number | null;
    message: string | null;
  }>(
    sql`SELECT peer_name AS name, status, health, CASE WHEN hidden_since IS NULL THEN NULL ELSE 1 END AS hidden, error_message AS message FROM federation_peers WHERE key = ${peerKey}`,
  );
  if (row === undefined) return null;
  const away = row.health === 'OFFLINE' || row.health === 'AUTH_FAILED' || row.health === 'INCOMPATIBLE';
  return {
    name: row.name,
    asked: row.status !== 'REVOKED' && row.hidden === null,
    trouble: away ? (row.message ?? 'It could not be reached the last time.') : null,
  };
}
