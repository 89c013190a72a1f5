/** The client of each peer, by its dialect. */
import { type Sql, sql } from '../../database/sql.ts';
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

/** By a statement of its own, not by Prisma's client: it is read for each file that is fetched. */
export async function pulledPeer(database: Sql, peerKey: number): Promise<PulledPeer | null> {
  const row = await database.get<
    Omit<PulledPeer, 'endpointOurs' | 'pulls'> & Record<'endpointOurs' | 'pulls', number | boolean>
  >(
    sql`SELECT key, id, endpoint, endpoint_ours AS "endpointOurs", sealed_token AS "sealedToken", dialect, status, pulls FROM federation_peers WHERE key = ${peerKey}`,
  );
  return row === undefined
    ? null
    : { ...row, endpointOurs: Boolean(row.endpointOurs), pulls: Boolean(row.pulls) };
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
