import type { Peer, Prisma } from '../../database/generated/sqlite/client.ts';
import { HedgerowError } from '../../lib/errors.ts';

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
