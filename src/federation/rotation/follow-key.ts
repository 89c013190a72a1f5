/** A peer has changed its key: its chain is followed from the key that is pinned, or an admin is alarmed. */
import { HedgerowError, systemCode } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { followKeyChain, type KeyChainResult } from '../identity/key-changes.ts';

/** What is read of a peer's row. */
export interface PinnedPeer {
  key: number;
  /** Our id of it. */
  id: string;
  thumbprint: string;
  /** Pinned before, JSON, oldest first. */
  formerThumbprints: string;
  instanceId: string | null;
}

/** How a chain came to us. */
export type Via = 'announcement' | 'discovery';

/** Prisma: a row with this value is there already. */
const UNIQUE_VIOLATION = 'P2002';

export function judgeChain(peer: PinnedPeer, chain: unknown): KeyChainResult {
  return followKeyChain(peer.thumbprint, chain, peer.instanceId ?? '', formerThumbprints(peer));
}

export function formerThumbprints(peer: Pick<PinnedPeer, 'formerThumbprints'>): string[] {
  return JSON.parse(peer.formerThumbprints) as string[];
}

/**
 * Pins the key at which a chain ends. Where somebody else has pinned another one meanwhile, nothing is changed: whoever
 * goes on reads the row again.
 *
 * @throws HedgerowError PAIRING_KEY_MISMATCH where the new key belongs to another peer already
 */
export async function pinKey(
  context: FederationContext,
  peer: PinnedPeer,
  changed: Extract<KeyChainResult, { kind: 'changed' }>,
  via: Via,
): Promise<void> {
  const { key, passed } = changed;
  const { count } = await context.database.prisma.peer
    .updateMany({
      where: { key: peer.key, thumbprint: peer.thumbprint },
      data: {
        publicKey: JSON.stringify(key.jwk),
        thumbprint: key.thumbprint,
        formerThumbprints: JSON.stringify([...formerThumbprints(peer), ...passed]),
        // What is limited is reading chains that lead nowhere.
        chainReadAt: null,
      },
    })
    .catch((error: unknown) => {
      if (systemCode(error) !== UNIQUE_VIOLATION) throw error;
      throw new HedgerowError('PAIRING_KEY_MISMATCH', 'The new key is that of another peer already.');
    });
  if (count === 0) return;
  context.log.keyFollowed({ peerId: peer.id, thumbprint: key.thumbprint, via });
  await context.audit.record({
    actorKind: 'PEER',
    actor: peer.id,
    action: 'key.followed',
    target: key.thumbprint,
    peerId: peer.id,
    outcome: 'done',
    detail: { from: peer.thumbprint, via },
  });
}

/**
 * Before pairing: where a server is known under a key that it has changed since, without our having heard of it, its row
 * goes on under the new one. Nothing happens where the chain does not lead there; pairing then says what is wrong.
 *
 * @param instance as discovery gives it; only the chain's own signatures are believed
 * @param thumbprint of the key that the invitation names
 * @throws HedgerowError PEER_IDENTITY for a fork
 */
export async function followBeforePairing(
  context: FederationContext,
  instance: { id: string; keys: unknown },
  thumbprint: string,
): Promise<void> {
  const row = await context.database.prisma.peer.findFirst({
    where: { instanceId: instance.id, status: { not: 'REVOKED' }, NOT: { thumbprint } },
  });
  if (row === null || row.thumbprint === null) return;
  const peer: PinnedPeer = { ...row, thumbprint: row.thumbprint };
  const result = judgeChain(peer, instance.keys);
  if (result.kind === 'fork') throw await alarmFork(context, peer, result.thumbprint, 'discovery');
  if (result.kind === 'changed' && result.key.thumbprint === thumbprint) {
    await pinKey(context, peer, result, 'discovery');
  }
}

/**
 * Two keys, each in a change that the pinned one or one before it has signed, claim to be its successor. So its private
 * half is in two hands, and only people can tell which of them is right.
 *
 * @returns the error to go on with
 */
export async function alarmFork(
  context: FederationContext,
  peer: PinnedPeer,
  thumbprint: string,
  via: Via,
): Promise<HedgerowError> {
  const error = new HedgerowError(
    'PEER_IDENTITY',
    'Two different keys claim to follow the key of this peer, so somebody else may have it. Neither was followed. Ask its admin; if the key was stolen, revoke the peer and pair again.',
  );
  await context.database.prisma.peer.updateMany({
    where: { key: peer.key, status: { not: 'REVOKED' } },
    data: { errorCode: error.code, errorMessage: error.message, errorAt: new Date(context.now()) },
  });
  context.log.keyForked({ peerId: peer.id, thumbprint, via });
  await context.audit.record({
    actorKind: 'PEER',
    actor: peer.id,
    action: 'key.fork',
    target: thumbprint,
    peerId: peer.id,
    outcome: 'refused',
    code: error.code,
    detail: { via },
  });
  return error;
}
