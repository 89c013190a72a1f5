/** The inviting side of pairing: checks a redemption, in the order that docs/federation.md gives. */
import { randomUUID } from 'node:crypto';
import type { Invitation, Peer, Prisma } from '../../database/generated/sqlite/client.ts';
import { fromBase64url } from '../../lib/base64url.ts';
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { generatePeerToken, sealPeerToken } from '../credentials.ts';
import { KEY_BYTES, type PublicKey, parsePublicKey, publicKeyFromBytes } from '../identity/keys.ts';
import {
  type IncomingRequest,
  readPairingSignature,
  verifyRequestSignature,
} from '../identity/request-signatures.ts';
import { isHostAllowed, isLoopbackUrl } from '../outgoing/addresses.ts';
import { putGrant } from '../peers/grant-changes.ts';
import { parseJson } from '../wire/json.ts';
import { REQUEST_BYTES } from '../wire/limits.ts';
import {
  grantSchema,
  type IssuedCredential,
  type PairingAnswer,
  type PairingRequest,
  pairingRequestSchema,
  readMessage,
} from '../wire/messages.ts';
import { issueCredential } from './issue-credential.ts';
import { knownPeer } from './known-peer.ts';
import { recordOnce } from './one-row-a-key.ts';
import { verifyProof } from './proof.ts';

/** ms after the 201 for which a credential that does not work yet is tried again. */
const SETTLING = 3600_000;
/** ms that the redeemer is given to store the 201, before its credential is tried for the first time. */
const FIRST_TRY = 1_000;

/** What a redemption proved before it was refused: how its refusal is signed, and whether it counts as a guess. */
export interface RedemptionProgress {
  /** The request's `Signature` field, once it verified. */
  signature: string | null;
  proven: boolean;
}

export interface Accepted {
  /** Of the 201. */
  answer: PairingAnswer;
  /** Of the peer's row. */
  peerKey: number;
}

/**
 * @throws HedgerowError PAIRING_KEY_REFUSED, SIGNATURE_INVALID, CLOCK_SKEW, PAIRING_AUDIENCE, INVITATION_UNKNOWN,
 *   INVITATION_USED, INVITATION_EXPIRED, INVITATION_CANCELLED, INVITATION_NOT_MUTUAL, PAIRING_OWN_INSTANCE,
 *   PAIRING_KEY_MISMATCH
 */
export async function acceptRedemption(
  context: FederationContext,
  request: IncomingRequest & { body: Uint8Array },
  progress: RedemptionProgress,
): Promise<Accepted> {
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

  const taken = takeBack(context, invitation, body);
  const { credential, peerKey, peerId } = await recordOnce(() =>
    record(context, invitation, body, key, taken),
  );
  const mutual = taken !== null && taken.why === null;
  context.log.paired({ peerId, direction: 'serve' });
  if (mutual) context.log.paired({ peerId, direction: 'pull' });
  else if (taken !== null) context.log.refused({ what: 'pairing', code: 'PEER_ADDRESS_FORBIDDEN', peerId });
  await context.audit.record({
    actorKind: 'PEER',
    actor: peerId,
    action: 'pairing.redeem',
    target: invitation.id,
    peerId,
    outcome: 'done',
    detail: { mutual, ...(taken?.why && { notTaken: taken.why }) },
  });
  const { name } = context.self();
  return { answer: { instance: { id, name, publicKey: { ...own.jwk } }, credential, mutual }, peerKey };
}

/** What the redeemer offers of its own. */
type Offer = { credential: IssuedCredential; endpoint: string; why: null } | { why: string };

/**
 * Whether we shall pull from the redeemer; null where it offers nothing. An address that is private is taken here, and
 * judged at each connection: an admin may agree to it later.
 */
function takeBack(context: FederationContext, invitation: Invitation, body: PairingRequest): Offer | null {
  const { credential, instance } = body;
  if (credential === undefined || !invitation.mutual) return null;
  const { publicUrl: endpoint } = instance;
  const own = context.self().publicUrl;
  if (endpoint === undefined) return { why: 'It did not say at which address it can be reached.' };
  if (endpoint === own) return { why: 'The address that it gave is our own.' };
  if (!isHostAllowed(endpoint, isLoopbackUrl(own) ? 'named' : 'private')) {
    return { why: 'The address that it gave is one to which this server never connects for another.' };
  }
  return { credential, endpoint, why: null };
}

interface Recorded {
  credential: IssuedCredential;
  peerKey: number;
  peerId: string;
}

/**
 * Uses the invitation up and records the peer, in one transaction whose conditional update lets one of two
 * simultaneous redemptions win.
 */
async function record(
  context: FederationContext,
  invitation: Invitation,
  body: PairingRequest,
  key: PublicKey,
  offer: Offer | null,
): Promise<Recorded> {
  const now = new Date(context.now());
  const credential = {
    id: `cred_${randomUUID()}`,
    token: generatePeerToken(),
    grant: readMessage(grantSchema, JSON.parse(invitation.grant), 'INVALID'),
  };
  return context.database.prisma.$transaction(async (tx) => {
    const usedAt = await useUp(tx, invitation, key, now);
    const known = await knownPeer(tx, key.thumbprint, body.instance.id);
    if (usedAt !== null && (known === null || (await wasUsedSince(tx, known, usedAt)))) {
      // The answer to the first redemption did arrive; or the peer was revoked since, which a used code does not undo.
      throw new HedgerowError('INVITATION_USED');
    }
    const id = known?.id ?? `peer_${randomUUID()}`;
    const data = {
      serves: true,
      ...(offer?.why === null && pulling(context, known, id, offer, invitation, now)),
    };
    const peer =
      known === null
        ? await tx.peer.create({
            data: {
              ...(data as Prisma.PeerCreateInput),
              id,
              name: body.instance.name.trim() || body.instance.id,
              publicKey: JSON.stringify(key.jwk),
              thumbprint: key.thumbprint,
              instanceId: body.instance.id,
              pairedAt: now,
            },
          })
        : await tx.peer.update({ where: { key: known.key }, data });
    await issueCredential(tx, peer.key, credential, now);
    await putGrant(tx, peer.key, known?.serveGrant ?? null, credential.grant);
    return { credential, peerKey: peer.key, peerId: peer.id };
  });
}

/** @returns when the same key used it before, or null where it does so now */
async function useUp(
  tx: Prisma.TransactionClient,
  { id, usedAt }: Invitation,
  key: PublicKey,
  now: Date,
): Promise<Date | null> {
  if (usedAt !== null) return usedAt;
  const used = await tx.invitation.updateMany({
    where: { id, usedAt: null, cancelledAt: null, expiresAt: { gt: now } },
    data: { usedAt: now, usedBy: key.thumbprint },
  });
  if (used.count > 0) return null;
  // Lost a race. Against itself, asking twice at once, the redeemer may go on; against another it may not.
  const current = await tx.invitation.findUnique({ where: { id } });
  if (current?.usedBy === key.thumbprint) return current.usedAt;
  if (current?.usedAt) throw new HedgerowError('INVITATION_USED');
  throw new HedgerowError(current?.cancelledAt ? 'INVITATION_CANCELLED' : 'INVITATION_EXPIRED');
}

async function wasUsedSince(tx: Prisma.TransactionClient, peer: Peer, moment: Date): Promise<boolean> {
  const used = await tx.peerCredential.count({
    where: { peerKey: peer.key, firstUsedAt: { not: null }, createdAt: { gte: moment } },
  });
  return used > 0;
}

/** What a row says from the moment that we pull from the redeemer. */
function pulling(
  context: FederationContext,
  known: Peer | null,
  id: string,
  { credential, endpoint }: Offer & { why: null },
  { allowPrivateEndpoint }: Invitation,
  now: Date,
): Prisma.PeerUpdateInput {
  const sealed = sealPeerToken(context.masterKey, id, credential.token);
  // The new credential begins to work once the redeemer has stored our answer; one that works is kept until then.
  const works =
    known?.pulls === true &&
    known.sealedToken !== null &&
    known.lastSuccessAt !== null &&
    known.health !== 'AUTH_FAILED';
  return {
    pulls: true,
    pullGrant: JSON.stringify(credential.grant),
    // The answer names the key in use.
    keyAnnounced: context.identity.number,
    settlingUntil: new Date(now.getTime() + SETTLING),
    // Where our own admin named an address, that holds.
    ...(known?.endpointOurs !== true && {
      endpoint,
      privateAllowed: allowPrivateEndpoint || (known?.privateAllowed === true && known.endpoint === endpoint),
    }),
    ...(works
      ? { sealedNextToken: sealed }
      : {
          sealedToken: sealed,
          sealedNextToken: null,
          health: 'UNKNOWN',
          errorCode: null,
          errorMessage: null,
          errorAt: null,
          hiddenSince: null,
        }),
    failures: 0,
    nextAttemptAt: new Date(now.getTime() + FIRST_TRY),
  };
}
