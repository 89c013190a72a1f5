/** The client of each peer, by its dialect. */
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import type { PeerClient } from '../dialects/dialect.ts';
import { createHedgerowClient } from '../dialects/hedgerow.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';
import type { Connections } from './connections.ts';

export interface ClientParts {
  context: FederationContext;
  outgoing: Outgoing;
  connections: Pick<Connections, 'of'>;
}

/** What is read of a peer's row to ask the peer anything. A Hedgerow's is read again for each request. */
export interface PulledPeer {
  key: number;
  id: string;
  endpoint: string;
  endpointOurs: boolean;
  sealedToken: string | null;
  dialect: string;
  status: string;
  pulls: boolean;
}

/** @throws HedgerowError REVOKED, UNAVAILABLE by status; what a request throws besides, it throws itself */
export function clientOf(
  { context, outgoing, connections }: ClientParts,
  peer: Pick<PulledPeer, 'key' | 'status' | 'pulls'>,
): PeerClient {
  if (peer.status === 'REVOKED') throw new HedgerowError('REVOKED');
  if (!peer.pulls) throw new HedgerowError('UNAVAILABLE', 'Nothing is pulled from this peer.');
  return createHedgerowClient(connections.of(peer.key), { outgoing, now: context.now });
}
