/**
 * Nonces of requests that change something, kept in the database that all processes share for as long as their signature
 * is accepted: so no such request is taken twice. What only reads has nothing worth playing back, and keeps none.
 */
import type { Database } from '../../database/database.ts';
import { sql } from '../../database/sql.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { CLOCK_TOLERANCE_SECONDS } from '../identity/signature-fields.ts';

/** Of one peer at once: a hundred requests a second for the whole window would be more. Beyond, requests are refused. */
const NONCES_MAX = 10_000;
/** Seconds beyond the window, since the clocks of several processes differ a little. */
const MARGIN = 60;

/** Methods without side effects (RFC 9110, section 9.2.1), of those that this protocol knows. */
export function isSafe(method: string): boolean {
  return method === 'GET';
}

/**
 * @param created of the signature, seconds since 1970; it was accepted
 * @param most how many of one peer are kept; fewer in tests
 * @returns 'new', or 'replayed' where the peer has sent the same one before
 * @throws HedgerowError RATE_LIMITED where the peer has too many; whatever the database throws: then the request fails
 */
export async function rememberNonce(
  database: Pick<Database, 'write'>,
  peerKey: number,
  { nonce, created }: { nonce: string; created: number },
  now: number,
  most: number = NONCES_MAX,
): Promise<'new' | 'replayed'> {
  const expiresAt = (created + CLOCK_TOLERANCE_SECONDS + MARGIN) * 1000;
  return database.write(async (tx) => {
    await tx.run(sql`DELETE FROM peer_nonces WHERE expires_at < ${now}`);
    const kept = await tx.get<{ count: number; soonest: number | null }>(
      sql`SELECT COUNT(*) AS count, MIN(expires_at) AS soonest FROM peer_nonces WHERE peer_key = ${peerKey}`,
    );
    if (kept !== undefined && kept.count >= most) {
      throw new HedgerowError('RATE_LIMITED', undefined, {
        retryAfter: Math.max(1, Math.ceil(((kept.soonest ?? now) - now) / 1000)),
      });
    }
    const added = await tx.run(
      sql`INSERT INTO peer_nonces (peer_key, nonce, expires_at) VALUES (${peerKey}, ${nonce}, ${expiresAt}) ON CONFLICT DO NOTHING`,
    );
    return added === 1 ? 'new' : 'replayed';
  });
}
