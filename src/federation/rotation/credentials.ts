/**
 * New credentials in place of those in use. The issuer keeps the old one until the new one is first used, the holder
 * until the new one has worked, so an answer that is lost on the way costs nobody anything.
 */
import { randomUUID } from 'node:crypto';
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { generatePeerToken, hashPeerToken, sealPeerToken } from '../credentials.ts';
import type { PeerClient } from '../dialects/dialect.ts';
import type { ServedPeer } from '../serve/authenticate.ts';
import type { IssuedCredential } from '../wire/messages.ts';

/** How long a new credential waits for its first use, ms. */
const UNUSED_LIFE = 24 * 3600 * 1000;
/** Ms that the answer may take. */
const DEADLINE = 30_000;

/**
 * A new credential for the peer that asks. One that it asked for before and has not used dies.
 *
 * @throws HedgerowError REVOKED where the peer was revoked at the same moment
 */
export async function issueCredential(
  context: FederationContext,
  peer: Pick<ServedPeer, 'key' | 'id' | 'grant'>,
): Promise<IssuedCredential> {
  const now = new Date(context.now());
  const token = generatePeerToken();
  const id = `cred_${randomUUID()}`;
  await context.database.prisma.$transaction(async (tx) => {
    const active = await tx.peer.count({ where: { key: peer.key, status: { not: 'REVOKED' } } });
    if (active === 0) throw new HedgerowError('REVOKED');
    await tx.peerCredential.updateMany({
      where: { peerKey: peer.key, firstUsedAt: null, endedAt: null, expiresAt: { not: null } },
      data: { endedAt: now },
    });
    // Which of two is the earlier one is told by their times, also where the clock stands still between them.
    const latest = await tx.peerCredential.aggregate({
      where: { peerKey: peer.key },
      _max: { createdAt: true },
    });
    const createdAt = new Date(Math.max(now.getTime(), (latest._max.createdAt?.getTime() ?? 0) + 1));
    await tx.peerCredential.create({
      data: {
        id,
        peerKey: peer.key,
        hash: hashPeerToken(token),
        createdAt,
        expiresAt: new Date(now.getTime() + UNUSED_LIFE),
      },
    });
  });
  context.log.credentialRotated({ peerId: peer.id, side: 'issued' });
  await context.audit.record({
    actorKind: 'PEER',
    actor: peer.id,
    action: 'credential.rotate',
    target: id,
    peerId: peer.id,
    outcome: 'done',
    detail: { side: 'issued' },
  });
  return { id, token, grant: peer.grant };
}

/**
 * Asks a peer for a new credential in place of the one that we hold, and stores it beside that one. The next request
 * uses it.
 *
 * @throws HedgerowError CONFLICT where there is none to renew; as the dialect gives it where the peer does not give one
 */
export async function renewCredential(
  context: FederationContext,
  peer: { key: number; id: string },
  client: PeerClient,
): Promise<void> {
  if (client.renewCredential === undefined) {
    throw new HedgerowError(
      'CONFLICT',
      'Servers of this kind give no new credential; ask its admin for one.',
    );
  }
  const credential = await client.renewCredential(AbortSignal.timeout(DEADLINE));
  await context.database.prisma.peer.updateMany({
    where: { key: peer.key, status: { not: 'REVOKED' } },
    data: {
      sealedNextToken: sealPeerToken(context.masterKey, peer.id, credential.token),
      pullGrant: JSON.stringify(credential.grant),
    },
  });
  context.log.credentialRotated({ peerId: peer.id, side: 'received' });
  await context.audit.record({
    actorKind: 'SYSTEM',
    action: 'credential.rotate',
    target: credential.id,
    peerId: peer.id,
    outcome: 'done',
    detail: { side: 'received' },
  });
}
