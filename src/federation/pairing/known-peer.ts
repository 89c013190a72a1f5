import type { Peer, Prisma } from '../../database/generated/sqlite/client.ts';
import { HedgerowError } from '../../lib/errors.ts';
import type { Grant } from '../wire/messages.ts';

/**
 * The row of a key, or null for a new one.
 *
 * @throws HedgerowError PAIRING_KEY_MISMATCH where the instance is known under another key
 */
export async function knownPeer(
  tx: Prisma.TransactionClient,
  thumbprint: string,
  instanceId: string,
): Promise<Peer | null> {
  const stranger = await tx.peer.findFirst({
    where: { instanceId, status: { not: 'REVOKED' }, NOT: { thumbprint } },
  });
  if (stranger !== null) {
    throw new HedgerowError(
      'PAIRING_KEY_MISMATCH',
      `The instance ${instanceId} is already known here under another key. Revoke "${stranger.name}" first, if it is the same server with a new key.`,
    );
  }
  return tx.peer.findFirst({ where: { thumbprint, status: { not: 'REVOKED' } } });
}

/** What a row says from the moment that it is served under this grant. */
export function serving(known: Peer | null, grant: Grant): Prisma.PeerUpdateInput & { serves: true } {
  const serveGrant = JSON.stringify(grant);
  return {
    serves: true,
    serveGrant,
    ...(known !== null && known.serveGrant !== serveGrant && { grantRevision: known.grantRevision + 1 }),
  };
}
