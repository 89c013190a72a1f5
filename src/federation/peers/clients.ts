/** The client of each peer, by its dialect; made anew when the row changes. */
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { openPeerToken } from '../credentials.ts';
import type { PeerClient } from '../dialects/dialect.ts';
import { createHedgerowClient } from '../dialects/hedgerow.ts';
import { parsePublicKey } from '../identity/keys.ts';
import { addressPolicy } from '../outgoing/addresses.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';

/** What is read of a peer's row to ask the peer anything. */
export interface PulledPeer {
  key: number;
  id: string;
  endpoint: string;
  endpointOurs: boolean;
  privateAllowed: boolean;
  publicKey: string;
  sealedToken: string | null;
  dialect: string;
  status: string;
  pulls: boolean;
}

/** @throws HedgerowError CREDENTIAL_REFUSED where the token cannot be opened; REVOKED, UNAVAILABLE by status */
export function clientOf(context: FederationContext, outgoing: Outgoing, peer: PulledPeer): PeerClient {
  if (peer.status === 'REVOKED') throw new HedgerowError('REVOKED');
  if (!peer.pulls || peer.sealedToken === null) {
    throw new HedgerowError('UNAVAILABLE', 'Nothing is pulled from this peer.');
  }
  const token = openPeerToken(context.masterKey, peer.id, peer.sealedToken);
  if (token === undefined) {
    throw new HedgerowError(
      'CREDENTIAL_REFUSED',
      'The credential for this peer was sealed under another master key.',
    );
  }
  return createHedgerowClient(
    {
      endpoint: peer.endpoint,
      policy: addressPolicy(peer, context.self().publicUrl),
      publicKey: parsePublicKey(JSON.parse(peer.publicKey)),
      token,
    },
    { outgoing, key: context.identity.key, now: context.now },
  );
}
