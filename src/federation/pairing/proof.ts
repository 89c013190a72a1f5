/**
 * `Hedgerow-Proof`: shows that the redeemer holds the invitation's private seed without sending it. It names both
 * servers and the body, so whoever listens, drops or relays the request can do nothing with it.
 */

import { createHash } from 'node:crypto';
import { fromBase64url, toBase64url } from '../../lib/base64url.ts';
import { HedgerowError } from '../../lib/errors.ts';
import {
  type PrivateKey,
  type PublicKey,
  SIGNATURE_BYTES,
  signBytes,
  verifyBytes,
} from '../identity/keys.ts';

/** What a proof speaks for. */
export interface ProofSubject {
  /** Id of the invitation. */
  invitation: string;
  /** Thumbprint of the inviting instance. */
  inviter: string;
  /** Thumbprint of the redeeming instance. */
  redeemer: string;
  /** The body as it is sent. */
  body: Uint8Array;
}

/** The value of the field: 86 characters of base64url. */
export function makeProof(subject: ProofSubject, invitationKey: PrivateKey): string {
  return toBase64url(signBytes(provenText(subject), invitationKey));
}

/**
 * @param invitationKey the public half that was kept with the invitation
 * @throws HedgerowError SIGNATURE_INVALID
 */
export function verifyProof(value: string, subject: ProofSubject, invitationKey: PublicKey): void {
  const signature = fromBase64url(value, SIGNATURE_BYTES);
  if (!signature || !verifyBytes(provenText(subject), signature, invitationKey))
    throw new HedgerowError(
      'SIGNATURE_INVALID',
      'The request does not prove that it comes from the holder of the code.',
    );
}

function provenText({ invitation, inviter, redeemer, body }: ProofSubject): string {
  const digest = createHash('sha256').update(body).digest('hex');
  return ['hedgerow-pairing-1', invitation, inviter, redeemer, digest].join('\n');
}
