/** The inviting side of pairing: checks a redemption, in the order that docs/federation.md gives. */
import { randomUUID } from 'node:crypto';
import { fromBase64url } from '../../lib/base64url.ts';
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { generatePeerToken, hashPeerToken } from '../credentials.ts';
import { KEY_BYTES, type PublicKey, parsePublicKey, publicKeyFromBytes } from '../identity/keys.ts';
import {
  type IncomingRequest,
  readPairingSignature,
  verifyRequestSignature,
} from '../identity/request-signatures.ts';
import { putGrant } from '../peers/grant-changes.ts';
import { parseJson } from '../wire/json.ts';
import { REQUEST_BYTES } from '../wire/limits.ts';
import {
  grantSchema,
  type PairingAnswer,
  type PairingRequest,
  pairingRequestSchema,
  readMessage,
} from '../wire/messages.ts';
import { recordOnce } from './one-row-a-key.ts';
import { verifyProof } from './proof.ts';

/** Credentials that were issued and never used, of one peer. */
const UNUSED_KEPT = 4;

/** What a redemption proved before it was refused: how its refusal is signed, and whether it counts as a guess. */
export interface RedemptionProgress {
  /** The request's `Signature` field, once it verified. */
  signature: string | null;
  proven: boolean;
}

/**
 * @returns the body of the 201
 * @throws HedgerowError PAIRING_KEY_REFUSED, SIGNATURE_INVALID, CLOCK_SKEW, PAIRING_AUDIENCE, INVITATION_UNKNOWN,
 *   INVITATION_USED, INVITATION_EXPIRED, INVITATION_CANCELLED, INVITATION_NOT_MUTUAL, PAIRING_OWN_INSTANCE,
 *   PAIRING_KEY_MISMATCH
 */
export async function acceptRedemption(
  context: FederationContext,
  request: IncomingRequest & { body: Uint8Array },
  progress: RedemptionProgress,
): Promise<PairingAnswer> {
  const body = readMessage(
    pairingRequestSchema,
    parseJson(request.body, { maxBytes: REQUEST_BYTES, code: 'INVALID' }),
    'INVALID',
  );

  // 1. The redeemer's signature, by the key that it brings along.
  const key = parsePublicKey(body.instance.publicKey);
  const signature = readPairingSignature(request);
  try {
    verifyRequestSignature(signature, key, [], new Date(context.now()));
  } catch (error) {
    // The clock is looked at last, so what fails there did verify.
    if (error instanceof HedgerowError && error.code === 'CLOCK_SKEW')
      progress.signature = signature.signatureField;
    throw error;
  }
  progress.signature = signature.signatureField;

  // 2. It must be meant for us: else a relay could redeem here what was meant for another.
  const { id, key: own, thumbprints } = context.identity;
  if (body.audience.id !== id || !thumbprints.includes(body.audience.thumbprint)) {
    throw new HedgerowError('PAIRING_AUDIENCE');
  }

  // 3. The proof that it comes from whoever holds the code.
  const invitation = await context.database.prisma.invitation.findUnique({ where: { id: body.invitation } });
  if (invitation === null) throw new HedgerowError('INVITATION_UNKNOWN');
  const invitationKey = fromBase64url(invitation.publicKey, KEY_BYTES);
  if (invitationKey === undefined) throw new Error('The stored key of an invitation is damaged.');
  verifyProof(
    signature.proof,
    {
      invitation: invitation.id,
      inviter: body.audience.thumbprint,
      redeemer: key.thumbprint,
      body: request.body,
    },
    publicKeyFromBytes(invitationKey),
  );
  progress.proven = true;

  // 4. and 5. The state of the invitation, then whether it is our own.
  if (invitation.cancelledAt !== null) throw new HedgerowError('INVITATION_CANCELLED');
  if (invitation.usedAt !== null && invitation.usedBy !== key.thumbprint)
    throw new HedgerowError('INVITATION_USED');
  if (invitation.expiresAt.getTime() <= context.now()) throw new HedgerowError('INVITATION_EXPIRED');
  if (body.credential !== undefined && !invitation.mutual) throw new HedgerowError('INVITATION_NOT_MUTUAL');
  if (thumbprints.includes(key.thumbprint) || body.instance.id === id)
    throw new HedgerowError('PAIRING_OWN_INSTANCE');

  const credential = await recordOnce(() => record(context, invitation, body, key));
  const { name } = context.self();
  return { instance: { id, name, publicKey: own.jwk }, credential, mutual: false };
}

/**
 * Uses the invitation up and records the peer, in one transaction whose conditional update lets one of two
 * simultaneous redemptions win.
 */
async function record(
  context: FederationContext,
  invitation: { id: string; grant: string; usedAt: Date | null },
  body: PairingRequest,
  key: PublicKey,
): Promise<PairingAnswer['credential']> {
  const now = new Date(context.now());
  const token = generatePeerToken();
  const credentialId = `cred_${randomUUID()}`;
  const grant = readMessage(grantSchema, JSON.parse(invitation.grant), 'INVALID');
  const peerId = await context.database.prisma.$transaction(async (tx) => {
    let { usedAt } = invitation;
    if (usedAt === null) {
      const used = await tx.invitation.updateMany({
        where: { id: invitation.id, usedAt: null, cancelledAt: null, expiresAt: { gt: now } },
        data: { usedAt: now, usedBy: key.thumbprint },
      });
      if (used.count === 0) {
        // Lost a race. Against itself, asking twice at once, the redeemer may go on; against another it may not.
        const current = await tx.invitation.findUnique({ where: { id: invitation.id } });
        if (current?.usedBy !== key.thumbprint) throw new HedgerowError('INVITATION_USED');
        usedAt = current.usedAt;
      }
    }
    const known = await tx.peer.findFirst({
      where: { thumbprint: key.thumbprint, status: { not: 'REVOKED' } },
      include: { credentials: true },
    });
    const stranger = await tx.peer.findFirst({
      where: {
        instanceId: body.instance.id,
        status: { not: 'REVOKED' },
        NOT: { thumbprint: key.thumbprint },
      },
    });
    if (stranger !== null) {
      throw new HedgerowError(
        'PAIRING_KEY_MISMATCH',
        `The instance ${body.instance.id} is already known here under another key. Revoke "${stranger.name}" first, if it is the same server with a new key.`,
      );
    }
    // The answer to the first redemption did arrive; or the peer was revoked since, which a used code does not undo.
    if (usedAt !== null && (known === null || known.credentials.some(isUsedSince(usedAt)))) {
      throw new HedgerowError('INVITATION_USED');
    }
    const serving = { serves: true };
    const peer =
      known === null
        ? await tx.peer.create({
            data: {
              ...serving,
              id: `peer_${randomUUID()}`,
              name: body.instance.name.trim() || body.instance.id,
              publicKey: JSON.stringify(key.jwk),
              thumbprint: key.thumbprint,
              instanceId: body.instance.id,
              pairedAt: now,
            },
          })
        : await tx.peer.update({ where: { key: known.key }, data: serving });
    await putGrant(tx, peer.key, known?.serveGrant ?? null, grant);
    // Earlier ones go on until the new one is first used: its answer may be lost too. Few of them are kept.
    const unused = await tx.peerCredential.findMany({
      where: { peerKey: peer.key, firstUsedAt: null, endedAt: null },
      orderBy: { createdAt: 'desc' },
      skip: UNUSED_KEPT,
    });
    await tx.peerCredential.updateMany({
      where: { id: { in: unused.map((credential) => credential.id) } },
      data: { endedAt: now },
    });
    // Which of two is the earlier one is told by their times, also where the clock stands still between them.
    const latest =
      known?.credentials.reduce((time, each) => Math.max(time, each.createdAt.getTime()), 0) ?? 0;
    const createdAt = new Date(Math.max(now.getTime(), latest + 1));
    await tx.peerCredential.create({
      data: { id: credentialId, peerKey: peer.key, hash: hashPeerToken(token), createdAt },
    });
    return peer.id;
  });
  context.log.paired({ peerId, direction: 'serve' });
  await context.audit.record({
    actorKind: 'PEER',
    actor: peerId,
    action: 'pairing.redeem',
    target: invitation.id,
    peerId,
    outcome: 'done',
  });
  return { id: credentialId, token, grant };
}

function isUsedSince(moment: Date) {
  return (credential: { createdAt: Date; firstUsedAt: Date | null }) =>
    credential.firstUsedAt !== null && credential.createdAt.getTime() >= moment.getTime();
}
