/** The door of this room: what GraphQL, REST and the terminal may ask of federation. */

import type { GrantCounts } from '../catalog/feed.ts';
import type { CacheMode } from '../delivery/delivery.ts';
import type { Agent } from './agents.ts';
import type { FederationChanges } from './changes.ts';
import type { AuditRecord } from './context.ts';
import type { Grant } from './wire/messages.ts';

/** Who does something, for the audit. */
export type Actor = Pick<AuditRecord, 'actorKind' | 'actor'>;

export interface CreateInvitation {
  note: string | null;
  /** What it opens. */
  grant: Grant;
  /** 1 to 60. */
  expiresInMinutes: number;
  /** Id of the user who makes it; null for a program. */
  createdBy: string | null;
  /** Whether the other's catalog is asked for in return. */
  mutual: boolean;
  /** Where mutual: whether the other's address may be one of a private network. */
  allowPrivateEndpoint: boolean;
}

export interface PairWithPeer {
  code: string;
  /** What the peer is called here; null takes the name that the invitation carries. */
  name: string | null;
  /** Dialled in place of the invitation's URL; the identity stays the invitation's. */
  endpoint: string | null;
  /** What the other side gets of ours, where the invitation asks for it; null shares nothing. */
  shareBack: Grant | null;
}

export interface Paired {
  peerId: string;
  /** One sentence, where something that was asked for did not come about. */
  notice?: string | undefined;
}

/** A server of another make, without keys, from which we pull. */
export interface AddPeer {
  /** Base URL; named by our own admin, so it may be on a private network. */
  endpoint: string;
  /** What the server asks for; null where it asks for nothing. */
  token: string | null;
  /** Null: found by asking. */
  dialect: string | null;
  /** What the peer is called here; null takes the name that the server gives itself, or its host's. */
  name: string | null;
}

/** A server of another make, without keys, that pulls from us. */
export interface CreatePeerCredential {
  name: string;
  dialect: string;
  /** Null opens everything that peers may see. */
  grant: Grant | null;
}

export interface UpdatePeer {
  name?: string | undefined;
  endpoint?: string | undefined;
  paused?: boolean | undefined;
  /** Seconds between pulls. */
  interval?: number | undefined;
  cacheMode?: CacheMode | undefined;
  /** Bytes that its files may take here; null: no limit of its own. */
  cacheBudget?: bigint | null | undefined;
  audience?: 'ADMINS' | 'USERS' | 'ANYONE' | undefined;
  /** What the peer may see of ours. In force at once. */
  grant?: Grant | undefined;
  limits?: LimitChanges | undefined;
}

/** What is left out stays; null: the default again, and of bytes: no limit. */
export interface LimitChanges {
  requestsPerMinute?: number | null | undefined;
  bytesPerSecond?: bigint | null | undefined;
  concurrentStreams?: number | null | undefined;
}

export interface InstanceIdentity {
  /** `inst_<uuid>` */
  id: string;
  name: string;
  /** RFC 7638, of the key in use; what people compare. */
  thumbprint: string;
  publicUrl: string;
  /** Whether federation is switched on. */
  federation: boolean;
}

/**
 * Every refusal is a HedgerowError with a code of `ErrorCode` in the GraphQL schema. Rows themselves
 * (peers, invitations, pulls) are read through Prisma; these functions answer ids.
 */
export interface Federation {
  instance(): InstanceIdentity;
  /** What changes of peers, pulls and diagnoses. */
  readonly changes: FederationChanges;
  createInvitation(input: CreateInvitation): Promise<{ invitationId: string; code: string }>;
  /** @throws NOT_FOUND, INVITATION_USED, INVITATION_EXPIRED. */
  cancelInvitation(invitationId: string): Promise<void>;
  /** How many shared items each grant opens now, and how many of these carry a place in an original that goes with them. */
  grantCounts(grants: readonly Grant[]): Promise<GrantCounts[]>;
  /**
   * @throws the codes of invitations and pairing; where the answer was lost, the code of that, and the attempt is
   *   taken up again by itself while the invitation may live
   */
  pairWithPeer(input: PairWithPeer): Promise<Paired>;
  /**
   * @throws INVALID with the field, also where a Hedgerow answers; PAIRING_ALREADY_PAIRED, PAIRING_OWN_INSTANCE,
   *   CREDENTIAL_REFUSED, PROTOCOL_UNSUPPORTED where no known make answers, and what says that none could be reached
   */
  addPeer(input: AddPeer): Promise<{ peerId: string }>;
  /** @throws INVALID with the field. */
  createPeerCredential(input: CreatePeerCredential): Promise<{ peerId: string; token: string }>;
  /** @throws NOT_FOUND, CONFLICT where nothing is held. */
  resolveHeldRemovals(peerId: string, decision: 'REMOVE' | 'KEEP'): Promise<void>;
  updatePeer(peerId: string, input: UpdatePeer): Promise<void>;
  /** Queues a pull of one peer, or of every active one; answers the ids of the pulls at once. */
  refresh(peerId: string | null): Promise<{ pullIds: string[] }>;
  /** Begins to walk the whole way to a peer; its row (`diagnoses`) fills up step by step. */
  diagnosePeer(peerId: string): Promise<{ diagnosisId: string }>;
  /**
   * Asks the peer for a new credential in place of the one that we hold; the next request to it uses it.
   *
   * @throws HedgerowError besides, as the peer answers: PEER_UNREACHABLE, CREDENTIAL_REFUSED and so on
   */
  renewCredential(peerId: string): Promise<void>;
  /** Changes this instance's key, and lets the peers know. The former one is erased, open invitations are cancelled. */
  rotateKey(by: Actor): Promise<void>;
  /** Ends both directions here and now, and lets the other side know. Again, without `keepCached`: what was kept goes. */
  revokePeer(peerId: string, options: { keepCached: boolean }): Promise<void>;
  /** Automated agents that peers are told of. */
  agents(): Promise<Agent[]>;
  /** Puts these in their place. @throws INVALID with the field */
  publishAgents(agents: readonly unknown[]): Promise<void>;
}
