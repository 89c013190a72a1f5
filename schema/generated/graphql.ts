/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** A server of another make, or without keys. */
export type AddPeerInput = {
  /** Null: found by probing. */
  dialect?: Dialect | null | undefined;
  /** Base URL of the server. */
  endpoint: string;
  /** What to call the peer here; else as it calls itself. */
  name?: string | null | undefined;
  /** What it asks for: an API key or a token, as it was issued. */
  token?: string | null | undefined;
};

/** Which of this instance's people see a peer's items. */
export type Audience =
  /** Admins. */
  | 'ADMINS'
  /** Also without signing in, where the instance allows that. */
  | 'ANYONE'
  /** Everybody who signs in. */
  | 'USERS';

/** What kind of somebody acted. */
export type AuditActorKind =
  /** Somebody who is not known. */
  | 'ANONYMOUS'
  /** Another server. */
  | 'PEER'
  /** This server by itself. */
  | 'SYSTEM'
  /** A program, or the terminal, with a token. */
  | 'TOKEN'
  /** A person, in a browser. */
  | 'USER';

/** Which events; a list takes 50 values, and an empty one lets nothing through. */
export type AuditFilter = {
  /** Only these actions. */
  actions?: Array<string> | null | undefined;
  /** Of these kinds of actors. */
  actorKinds?: Array<AuditActorKind> | null | undefined;
  /** From when until when. */
  at?: DateTimeRange | null | undefined;
  /** By or about these peers. */
  peerIds?: Array<string | number> | null | undefined;
};

/** From where a request for bytes is answered. */
export type ByteSource =
  /** A peer's file that is kept here whole. */
  | 'CACHE'
  /** A file of this instance. */
  | 'LOCAL'
  /** Nowhere: it cannot be answered now. */
  | 'NONE'
  /** In part from what is kept here, the rest from the peer. */
  | 'PARTIAL'
  /** The peer. */
  | 'PEER';

/** Which of a peer's bytes are kept here. */
export type CacheMode =
  /** Everything ahead of time, as long as there is room; nothing else that is kept goes for it. */
  | 'MIRROR'
  /** None. */
  | 'NONE'
  /** Thumbnails ahead of time, the rest when it is looked at. */
  | 'ON_ACCESS'
  /** Thumbnails, ahead of time. */
  | 'THUMBNAILS';

/** An invitation to be made. */
export type CreateInvitationInput = {
  /** Where mutual: the other's address may be on a private network. */
  allowPrivateEndpoint?: boolean;
  /** 1 to 60. */
  expiresInMinutes?: number;
  /** What it opens; left out: everything that is shared. */
  grant?: GrantInput | null | undefined;
  /** Ask for the other's catalog too. */
  mutual?: boolean;
  /** For whom it is. */
  note?: string | null | undefined;
};

/** A token for a peer of another make that pulls from us; shown once. */
export type CreatePeerCredentialInput = {
  /** Whose routes the token opens. */
  dialect: Dialect;
  /** What it may see; without it, all that peers may. */
  grant?: GrantInput | null | undefined;
  /** What the peer is called here. */
  name: string;
};

/** A span of time. */
export type DateTimeRange = {
  /** From, inclusive. */
  gte?: string | null | undefined;
  /** Until, exclusive. */
  lt?: string | null | undefined;
};

/** Which peer to look after. */
export type DiagnosePeerInput = {
  /** Of the peer. */
  id: string | number;
};

/** The steps of the way to a peer, in order. */
export type DiagnosisStep =
  /** Whether the clocks are less than five minutes apart. */
  | 'CLOCK'
  /** A connection to one of the addresses. */
  | 'CONNECT'
  /** What the server there says of itself. */
  | 'DISCOVERY'
  /** Whether the listing can be read. */
  | 'FEED'
  /** Whether its key is the one that was pinned. */
  | 'IDENTITY'
  /** The host name, and whether its addresses may be dialled. */
  | 'RESOLVE'
  /** Whether credential and signatures are accepted. */
  | 'SIGNATURE'
  /** Whether bytes arrive as they were announced. */
  | 'THUMBNAIL'
  /** The handshake, and the certificate. */
  | 'TLS';

/** The protocol that a peer speaks. */
export type Dialect =
  /** A server of the AppKask make, which shares media under API keys. */
  | 'APPKASK'
  /** A server of the Artifex make, which shares pictures and the parameters that they were made with. */
  | 'ARTIFEX'
  /** An instance of this kind. */
  | 'HEDGEROW';

/** What went wrong, for programs; the same codes as in problem documents. Those after REMOVALS_HELD stand in events of the audit alone; elsewhere they are errors of GraphQL. */
export type ErrorCode =
  /** The cursor belongs to another query, or is damaged. */
  | 'BAD_CURSOR'
  /** The clocks of the two servers are more than five minutes apart. */
  | 'CLOCK_SKEW'
  /** This contradicts what is already there. */
  | 'CONFLICT'
  /** The credential is not known here. */
  | 'CREDENTIAL_REFUSED'
  /** The cursor is too old; list anew from the start. */
  | 'CURSOR_EXPIRED'
  /** This is not allowed. */
  | 'FORBIDDEN'
  /** What was granted has ended. */
  | 'GRANT_ENDED'
  /** The bytes from the peer do not match their digest. */
  | 'INTEGRITY_FAILED'
  /** Something went wrong here. The log has the details under this id. */
  | 'INTERNAL'
  /** The request is not valid. */
  | 'INVALID'
  /** The invitation was cancelled. Ask for a new one. */
  | 'INVITATION_CANCELLED'
  /** The invitation has expired. Ask for a new one. */
  | 'INVITATION_EXPIRED'
  /** This is not a whole invitation code. Copy it again from end to end. */
  | 'INVITATION_MALFORMED'
  /** The invitation does not ask for anything back. */
  | 'INVITATION_NOT_MUTUAL'
  /** The invitation is not known there. */
  | 'INVITATION_UNKNOWN'
  /** The invitation was already used. Ask for a new one. */
  | 'INVITATION_USED'
  /** The item is gone. */
  | 'MEDIA_GONE'
  /** The route does not take this method. */
  | 'METHOD_NOT_ALLOWED'
  /** There is nothing here under that name. */
  | 'NOT_FOUND'
  /** This server is already a peer. */
  | 'PAIRING_ALREADY_PAIRED'
  /** The invitation was meant for another server. */
  | 'PAIRING_AUDIENCE'
  /** The key is not the one that was expected. */
  | 'PAIRING_KEY_MISMATCH'
  /** The key of the other server is not acceptable. */
  | 'PAIRING_KEY_REFUSED'
  /** The invitation was made by this very instance. */
  | 'PAIRING_OWN_INSTANCE'
  /** Too many attempts; try again later. */
  | 'PAIRING_RATE_LIMITED'
  /** This server does not connect to that address. */
  | 'PEER_ADDRESS_FORBIDDEN'
  /** The peer could not prove its identity. */
  | 'PEER_IDENTITY'
  /** The peer answered something that is not allowed. */
  | 'PEER_INVALID_ANSWER'
  /** The peer asks us to slow down. */
  | 'PEER_RATE_LIMITED'
  /** The peer took too long. */
  | 'PEER_TIMEOUT'
  /** The TLS connection to the peer could not be trusted. */
  | 'PEER_TLS'
  /** The peer cannot be reached. */
  | 'PEER_UNREACHABLE'
  /** The two servers have no protocol version in common. */
  | 'PROTOCOL_UNSUPPORTED'
  /** There is no room left for this. */
  | 'QUOTA_EXCEEDED'
  /** The range lies outside the file. */
  | 'RANGE_NOT_SATISFIABLE'
  /** Too many requests; try again later. */
  | 'RATE_LIMITED'
  /** Items of a peer are read-only here. */
  | 'READ_ONLY'
  /** The item waits for an admin to decide about a mass removal. */
  | 'REMOVALS_HELD'
  /** The pairing was revoked. */
  | 'REVOKED'
  /** The code is wrong, or was used already. */
  | 'SECOND_FACTOR_REFUSED'
  /** This account also asks for a code from the authenticator app. */
  | 'SECOND_FACTOR_REQUIRED'
  /** The signature does not verify. */
  | 'SIGNATURE_INVALID'
  /** The query asks for too much at once. */
  | 'TOO_COMPLEX'
  /** Sign in, or send a token. */
  | 'UNAUTHENTICATED'
  /** This cannot be served right now. */
  | 'UNAVAILABLE'
  /** This kind of file is not supported. */
  | 'UNSUPPORTED_MEDIA';

/** How much of an item a peer gets. */
export type GrantAccess =
  /** What is known of it; no bytes at all. */
  | 'METADATA'
  /** Everything. */
  | 'ORIGINALS'
  /** Thumbnails and previews too, which carry no EXIF. */
  | 'PREVIEWS';

/** Narrows what is PEERS or PUBLIC: any within a list, all lists together; [] is nothing. */
export type GrantInput = {
  /** How much of each item. */
  access?: GrantAccess;
  /** Only items in one of these albums of this instance. */
  albumIds?: Array<string | number> | null | undefined;
  /** Only these kinds. */
  kinds?: Array<MediaKind> | null | undefined;
  /** Only items with one of these tags. */
  tags?: Array<string> | null | undefined;
  /** When it ends. */
  until?: string | null | undefined;
};

/** What becomes of items that a peer lists no longer and that are held. */
export type HeldRemovalsDecision =
  /** They stay, with the bytes that are here, although the peer lists them no longer. */
  | 'KEEP'
  /** They go, with what is kept of their bytes. */
  | 'REMOVE';

/** What an item is. */
export type MediaKind =
  /** Something with pages. */
  | 'DOCUMENT'
  /** A still or animated picture. */
  | 'IMAGE'
  /** A moving picture. */
  | 'VIDEO';

/** Takes up an invitation of another server. */
export type PairWithPeerInput = {
  /** Dial this instead of the invitation's URL; the identity stays the invitation's. */
  endpoint?: string | null | undefined;
  /** The code that was handed over. */
  invitation: string;
  /** What to call the peer here; else as it calls itself. */
  name?: string | null | undefined;
  /** Where the invitation asks for it, what they get of ours; null shares nothing. */
  shareBack?: GrantInput | null | undefined;
};

/** How the last contact went. */
export type PeerHealth =
  /** The peer refused the credential. */
  | 'AUTH_FAILED'
  /** In part. */
  | 'DEGRADED'
  /** The copy here does not agree with the peer's checksum. */
  | 'DIVERGED'
  /** No protocol version in common. */
  | 'INCOMPATIBLE'
  /** The peer could not be reached. */
  | 'OFFLINE'
  /** Well. */
  | 'ONLINE'
  /** There was none yet. */
  | 'UNKNOWN';

/** Limits of a peer; what is left out stays, null is the default again. */
export type PeerLimitsInput = {
  /** Bytes of files a second: 1,024 or more; null: no limit. */
  bytesPerSecond?: string | null | undefined;
  /** Files that are sent at once: 1 to 10,000. */
  concurrentStreams?: number | null | undefined;
  /** Requests a minute: 1 to 1,000,000. */
  requestsPerMinute?: number | null | undefined;
};

/** Whether the pairing is in force. */
export type PeerStatus =
  /** In force. */
  | 'ACTIVE'
  /** In force, but nothing is pulled. */
  | 'PAUSED'
  /** Ended. */
  | 'REVOKED';

/** An item to be kept, or no longer. */
export type PinMediaInput = {
  /** Of the item, which is one of a peer. */
  id: string | number;
  /** Whether it is never evicted. */
  pinned: boolean;
};

/** How far a run is. */
export type PullState =
  /** Ended by an error. */
  | 'FAILED'
  /** Not begun. */
  | 'QUEUED'
  /** Under way. */
  | 'RUNNING'
  /** Finished. */
  | 'SUCCEEDED';

/** What is to be deleted of what is kept. */
export type PurgeCacheInput =
  {   /** true: everything. */
  all: boolean; mediaId?: never; peerId?: never; }
  |  { all?: never;   /** Everything of an item. */
  mediaId: string | number; peerId?: never; }
  |  { all?: never; mediaId?: never;   /** Everything of a peer. */
  peerId: string | number; };

/** Asks for a pull. */
export type RefreshPeerInput = {
  /** Of the peer; without one, every active peer. */
  id?: string | number | null | undefined;
};

/** Decides about the removals that are held. */
export type ResolveHeldRemovalsInput = {
  /** What becomes of them. */
  decision: HeldRemovalsDecision;
  /** Of the peer. */
  id: string | number;
};

/** Ends a pairing. */
export type RevokePeerInput = {
  /** Of the peer. */
  id: string | number;
  /** Bytes stay on disk, unserved, for pairing again. */
  keepCached?: boolean;
};

/** What a person may do. */
export type Role =
  /** Everything, federation included. */
  | 'ADMIN'
  /** Sees the catalog; adds media, and changes what is his or her own. */
  | 'EDITOR'
  /** Sees the catalog. */
  | 'VIEWER';

/** Changes this instance's key. */
export type RotateInstanceKeyInput = {
  /** Must be true: the former key is erased, and invitations that are open are cancelled. */
  confirm: boolean;
};

/** Renews the credential by which a peer is asked. */
export type RotatePeerCredentialInput = {
  /** Of the peer. */
  id: string | number;
};

/** Changes of a peer; what is left out stays. */
export type UpdatePeerInput = {
  /** Which of this instance's people see its items. */
  audience?: Audience | null | undefined;
  /** Bytes that its files may take here; null takes the limit back. */
  cacheBudget?: string | null | undefined;
  /** Which of its bytes are kept here. */
  cacheMode?: CacheMode | null | undefined;
  /** Where it is dialled. */
  endpoint?: string | null | undefined;
  /** What it may see of ours; in force at once. */
  grant?: GrantInput | null | undefined;
  /** Of the peer. */
  id: string | number;
  /** Seconds between pulls where no event stream is open. */
  interval?: number | null | undefined;
  /** What it may ask of us. */
  limits?: PeerLimitsInput | null | undefined;
  /** What the peer is called here. */
  name?: string | null | undefined;
  /** Whether pulling rests. */
  paused?: boolean | null | undefined;
};

export type AddPeerMutationVariables = Exact<{
  input: AddPeerInput;
}>;


export type AddPeerMutation = { addPeer: { peer: { id: string, name: string, dialect: Dialect } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AuditEventsQueryVariables = Exact<{
  filter?: AuditFilter | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type AuditEventsQuery = { auditEvents: { nodes: Array<{ id: string, at: string, actorKind: AuditActorKind, actor: string | null, action: string, target: string | null, outcome: string, code: ErrorCode | null, address: string | null, bytes: string | null, detail: unknown }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type CacheFieldsFragment = { bytes: string, budget: string, pinnedBytes: string, items: number, peers: Array<{ bytes: string, budget: string | null, items: number, peer: { id: string, name: string } }> };

export type CacheQueryVariables = Exact<{ [key: string]: never; }>;


export type CacheQuery = { cache: { bytes: string, budget: string, pinnedBytes: string, items: number, peers: Array<{ bytes: string, budget: string | null, items: number, peer: { id: string, name: string } }> } };

export type CreateInvitationMutationVariables = Exact<{
  input: CreateInvitationInput;
}>;


export type CreateInvitationMutation = { createInvitation: { code: string | null, invitation: { id: string, mediaCount: number, placedCount: number, expiresAt: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type CreatePeerCredentialMutationVariables = Exact<{
  input: CreatePeerCredentialInput;
}>;


export type CreatePeerCredentialMutation = { createPeerCredential: { token: string | null, peer: { id: string, name: string, dialect: Dialect } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type DiagnosePeerMutationVariables = Exact<{
  input: DiagnosePeerInput;
}>;


export type DiagnosePeerMutation = { diagnosePeer: { diagnosis: { id: string, state: PullState, results: Array<{ step: DiagnosisStep, ok: boolean | null, durationMs: number | null, message: string | null }> } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type DiagnosisFieldsFragment = { id: string, state: PullState, results: Array<{ step: DiagnosisStep, ok: boolean | null, durationMs: number | null, message: string | null }> };

export type DiagnosisQueryVariables = Exact<{
  id: string | number;
}>;


export type DiagnosisQuery = { node:
    | { __typename: 'Album' }
    | { __typename: 'ApiToken' }
    | { __typename: 'AuditEvent' }
    | { __typename: 'Diagnosis', id: string, state: PullState, results: Array<{ step: DiagnosisStep, ok: boolean | null, durationMs: number | null, message: string | null }> }
    | { __typename: 'Invitation' }
    | { __typename: 'LocalMedia' }
    | { __typename: 'Peer' }
    | { __typename: 'Pull' }
    | { __typename: 'RemoteMedia' }
    | { __typename: 'Session' }
    | { __typename: 'User' }
   | null };

export type ExplainMediaQueryVariables = Exact<{
  id: string | number;
}>;


export type ExplainMediaQuery = { explainMedia: { media:
      | { id: string, title: string, peer: { id: string, name: string } | null }
      | { id: string, title: string, peer: { id: string, name: string } }
    , files: Array<{ variant: string, mimeType: string, byteSize: string | null, digest: string | null, source: ByteSource, reason: string, segments: number | null, segmentCount: number | null, bytesCached: string, pinned: boolean, usedAt: string | null, lastAnswer: { at: string, cacheStatus: string | null, code: ErrorCode | null, message: string | null } | null }> } | null };

export type InstanceQueryVariables = Exact<{ [key: string]: never; }>;


export type InstanceQuery = { instance: { id: string, name: string, version: string, thumbprint: string, federation: boolean, mediaCount: number } };

export type PairWithPeerMutationVariables = Exact<{
  input: PairWithPeerInput;
}>;


export type PairWithPeerMutation = { pairWithPeer: { notice: string | null, peer: { id: string, name: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type PeerFieldsFragment = { id: string, name: string, status: PeerStatus, health: PeerHealth, dialect: Dialect, verified: boolean, mediaCount: number, lastSuccessAt: string | null, operations: { endpoint: string, thumbprint: string | null, pairedAt: string, pull: { nextAttemptAt: string | null, lag: number | null, completeness: number | null, inSync: boolean | null, heldRemovals: number, bytesCached: string, error: { code: ErrorCode, message: string } | null } | null, serve: { mediaCount: number, bytesServed: string, lastSeenAt: string | null, credentialRotatedAt: string, limits: { requestsPerMinute: number, bytesPerSecond: string | null, concurrentStreams: number } } | null } | null };

export type PeerPullsQueryVariables = Exact<{
  id: string | number;
}>;


export type PeerPullsQuery = { node:
    | { mediaCount: number, operations: { pulls: { nodes: Array<{ id: string, state: PullState, added: number, changed: number, removed: number, skipped: number, total: number | null, peer: { name: string }, error: { code: ErrorCode, message: string } | null }> } } | null }
    | Record<PropertyKey, never>
   | null };

export type PeersQueryVariables = Exact<{
  status: Array<PeerStatus> | PeerStatus;
}>;


export type PeersQuery = { peers: { nodes: Array<{ id: string, name: string, status: PeerStatus, health: PeerHealth, dialect: Dialect, verified: boolean, mediaCount: number, lastSuccessAt: string | null, operations: { endpoint: string, thumbprint: string | null, pairedAt: string, pull: { nextAttemptAt: string | null, lag: number | null, completeness: number | null, inSync: boolean | null, heldRemovals: number, bytesCached: string, error: { code: ErrorCode, message: string } | null } | null, serve: { mediaCount: number, bytesServed: string, lastSeenAt: string | null, credentialRotatedAt: string, limits: { requestsPerMinute: number, bytesPerSecond: string | null, concurrentStreams: number } } | null } | null }> } };

export type PinMediaMutationVariables = Exact<{
  input: PinMediaInput;
}>;


export type PinMediaMutation = { pinMedia: { media:
      | { id: string, title: string }
      | { id: string, title: string }
     | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type PullFieldsFragment = { id: string, state: PullState, added: number, changed: number, removed: number, skipped: number, total: number | null, peer: { name: string }, error: { code: ErrorCode, message: string } | null };

export type PullsQueryVariables = Exact<{
  ids: Array<string | number> | string | number;
}>;


export type PullsQuery = { nodes: Array<
    | { __typename: 'Album' }
    | { __typename: 'ApiToken' }
    | { __typename: 'AuditEvent' }
    | { __typename: 'Diagnosis' }
    | { __typename: 'Invitation' }
    | { __typename: 'LocalMedia' }
    | { __typename: 'Peer' }
    | { __typename: 'Pull', id: string, state: PullState, added: number, changed: number, removed: number, skipped: number, total: number | null, peer: { name: string }, error: { code: ErrorCode, message: string } | null }
    | { __typename: 'RemoteMedia' }
    | { __typename: 'Session' }
    | { __typename: 'User' }
   | null> };

export type PurgeCacheMutationVariables = Exact<{
  input: PurgeCacheInput;
}>;


export type PurgeCacheMutation = { purgeCache: { cache: { bytes: string, budget: string, pinnedBytes: string, items: number, peers: Array<{ bytes: string, budget: string | null, items: number, peer: { id: string, name: string } }> } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type RefreshPeerMutationVariables = Exact<{
  input: RefreshPeerInput;
}>;


export type RefreshPeerMutation = { refreshPeer: { pulls: Array<{ id: string, peer: { name: string } }>, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type ResolveHeldRemovalsMutationVariables = Exact<{
  input: ResolveHeldRemovalsInput;
}>;


export type ResolveHeldRemovalsMutation = { resolveHeldRemovals: { peer: { id: string, name: string, mediaCount: number } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type RevokePeerMutationVariables = Exact<{
  input: RevokePeerInput;
}>;


export type RevokePeerMutation = { revokePeer: { peer: { id: string, name: string, status: PeerStatus } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type RotateInstanceKeyMutationVariables = Exact<{
  input: RotateInstanceKeyInput;
}>;


export type RotateInstanceKeyMutation = { rotateInstanceKey: { instance: { thumbprint: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type RotatePeerCredentialMutationVariables = Exact<{
  input: RotatePeerCredentialInput;
}>;


export type RotatePeerCredentialMutation = { rotatePeerCredential: { peer: { id: string, name: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type UpdatePeerMutationVariables = Exact<{
  input: UpdatePeerInput;
}>;


export type UpdatePeerMutation = { updatePeer: { peer: { id: string, name: string, status: PeerStatus, operations: { serve: { mediaCount: number } | null } | null } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type UserErrorFieldsFragment = { field: Array<string> | null, code: ErrorCode, message: string };

export type WhoQueryVariables = Exact<{ [key: string]: never; }>;


export type WhoQuery = { viewer: { role: Role } | null };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const CacheFieldsFragmentDoc = new TypedDocumentString(`
    fragment CacheFields on CacheUsage {
  bytes
  budget
  pinnedBytes
  items
  peers {
    peer {
      id
      name
    }
    bytes
    budget
    items
  }
}
    `, {"fragmentName":"CacheFields"}) as unknown as TypedDocumentString<CacheFieldsFragment, unknown>;
export const DiagnosisFieldsFragmentDoc = new TypedDocumentString(`
    fragment DiagnosisFields on Diagnosis {
  id
  state
  results {
    step
    ok
    durationMs
    message
  }
}
    `, {"fragmentName":"DiagnosisFields"}) as unknown as TypedDocumentString<DiagnosisFieldsFragment, unknown>;
export const PeerFieldsFragmentDoc = new TypedDocumentString(`
    fragment PeerFields on Peer {
  id
  name
  status
  health
  dialect
  verified
  mediaCount
  lastSuccessAt
  operations {
    endpoint
    thumbprint
    pairedAt
    pull {
      nextAttemptAt
      lag
      completeness
      inSync
      heldRemovals
      bytesCached
      error {
        code
        message
      }
    }
    serve {
      mediaCount
      bytesServed
      lastSeenAt
      limits {
        requestsPerMinute
        bytesPerSecond
        concurrentStreams
      }
      credentialRotatedAt
    }
  }
}
    `, {"fragmentName":"PeerFields"}) as unknown as TypedDocumentString<PeerFieldsFragment, unknown>;
export const PullFieldsFragmentDoc = new TypedDocumentString(`
    fragment PullFields on Pull {
  id
  state
  added
  changed
  removed
  skipped
  total
  peer {
    name
  }
  error {
    code
    message
  }
}
    `, {"fragmentName":"PullFields"}) as unknown as TypedDocumentString<PullFieldsFragment, unknown>;
export const UserErrorFieldsFragmentDoc = new TypedDocumentString(`
    fragment UserErrorFields on UserError {
  field
  code
  message
}
    `, {"fragmentName":"UserErrorFields"}) as unknown as TypedDocumentString<UserErrorFieldsFragment, unknown>;
export const AddPeerDocument = new TypedDocumentString(`
    mutation AddPeer($input: AddPeerInput!) {
  addPeer(input: $input) {
    peer {
      id
      name
      dialect
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<AddPeerMutation, AddPeerMutationVariables>;
export const AuditEventsDocument = new TypedDocumentString(`
    query AuditEvents($filter: AuditFilter, $first: Int!, $after: String) {
  auditEvents(filter: $filter, first: $first, after: $after) {
    nodes {
      id
      at
      actorKind
      actor
      action
      target
      outcome
      code
      address
      bytes
      detail
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    `) as unknown as TypedDocumentString<AuditEventsQuery, AuditEventsQueryVariables>;
export const CacheDocument = new TypedDocumentString(`
    query Cache {
  cache {
    ...CacheFields
  }
}
    fragment CacheFields on CacheUsage {
  bytes
  budget
  pinnedBytes
  items
  peers {
    peer {
      id
      name
    }
    bytes
    budget
    items
  }
}`) as unknown as TypedDocumentString<CacheQuery, CacheQueryVariables>;
export const CreateInvitationDocument = new TypedDocumentString(`
    mutation CreateInvitation($input: CreateInvitationInput!) {
  createInvitation(input: $input) {
    code
    invitation {
      id
      mediaCount
      placedCount
      expiresAt
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<CreateInvitationMutation, CreateInvitationMutationVariables>;
export const CreatePeerCredentialDocument = new TypedDocumentString(`
    mutation CreatePeerCredential($input: CreatePeerCredentialInput!) {
  createPeerCredential(input: $input) {
    peer {
      id
      name
      dialect
    }
    token
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<CreatePeerCredentialMutation, CreatePeerCredentialMutationVariables>;
export const DiagnosePeerDocument = new TypedDocumentString(`
    mutation DiagnosePeer($input: DiagnosePeerInput!) {
  diagnosePeer(input: $input) {
    diagnosis {
      ...DiagnosisFields
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment DiagnosisFields on Diagnosis {
  id
  state
  results {
    step
    ok
    durationMs
    message
  }
}
fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<DiagnosePeerMutation, DiagnosePeerMutationVariables>;
export const DiagnosisDocument = new TypedDocumentString(`
    query Diagnosis($id: ID!) {
  node(id: $id) {
    __typename
    ... on Diagnosis {
      ...DiagnosisFields
    }
  }
}
    fragment DiagnosisFields on Diagnosis {
  id
  state
  results {
    step
    ok
    durationMs
    message
  }
}`) as unknown as TypedDocumentString<DiagnosisQuery, DiagnosisQueryVariables>;
export const ExplainMediaDocument = new TypedDocumentString(`
    query ExplainMedia($id: ID!) {
  explainMedia(id: $id) {
    media {
      id
      title
      peer {
        id
        name
      }
    }
    files {
      variant
      mimeType
      byteSize
      digest
      source
      reason
      segments
      segmentCount
      bytesCached
      pinned
      usedAt
      lastAnswer {
        at
        cacheStatus
        code
        message
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ExplainMediaQuery, ExplainMediaQueryVariables>;
export const InstanceDocument = new TypedDocumentString(`
    query Instance {
  instance {
    id
    name
    version
    thumbprint
    federation
    mediaCount
  }
}
    `) as unknown as TypedDocumentString<InstanceQuery, InstanceQueryVariables>;
export const PairWithPeerDocument = new TypedDocumentString(`
    mutation PairWithPeer($input: PairWithPeerInput!) {
  pairWithPeer(input: $input) {
    peer {
      id
      name
    }
    notice
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<PairWithPeerMutation, PairWithPeerMutationVariables>;
export const PeerPullsDocument = new TypedDocumentString(`
    query PeerPulls($id: ID!) {
  node(id: $id) {
    ... on Peer {
      mediaCount
      operations {
        pulls(first: 1) {
          nodes {
            ...PullFields
          }
        }
      }
    }
  }
}
    fragment PullFields on Pull {
  id
  state
  added
  changed
  removed
  skipped
  total
  peer {
    name
  }
  error {
    code
    message
  }
}`) as unknown as TypedDocumentString<PeerPullsQuery, PeerPullsQueryVariables>;
export const PeersDocument = new TypedDocumentString(`
    query Peers($status: [PeerStatus!]!) {
  peers(status: $status, first: 500) {
    nodes {
      ...PeerFields
    }
  }
}
    fragment PeerFields on Peer {
  id
  name
  status
  health
  dialect
  verified
  mediaCount
  lastSuccessAt
  operations {
    endpoint
    thumbprint
    pairedAt
    pull {
      nextAttemptAt
      lag
      completeness
      inSync
      heldRemovals
      bytesCached
      error {
        code
        message
      }
    }
    serve {
      mediaCount
      bytesServed
      lastSeenAt
      limits {
        requestsPerMinute
        bytesPerSecond
        concurrentStreams
      }
      credentialRotatedAt
    }
  }
}`) as unknown as TypedDocumentString<PeersQuery, PeersQueryVariables>;
export const PinMediaDocument = new TypedDocumentString(`
    mutation PinMedia($input: PinMediaInput!) {
  pinMedia(input: $input) {
    media {
      id
      title
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<PinMediaMutation, PinMediaMutationVariables>;
export const PullsDocument = new TypedDocumentString(`
    query Pulls($ids: [ID!]!) {
  nodes(ids: $ids) {
    __typename
    ... on Pull {
      ...PullFields
    }
  }
}
    fragment PullFields on Pull {
  id
  state
  added
  changed
  removed
  skipped
  total
  peer {
    name
  }
  error {
    code
    message
  }
}`) as unknown as TypedDocumentString<PullsQuery, PullsQueryVariables>;
export const PurgeCacheDocument = new TypedDocumentString(`
    mutation PurgeCache($input: PurgeCacheInput!) {
  purgeCache(input: $input) {
    cache {
      ...CacheFields
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment CacheFields on CacheUsage {
  bytes
  budget
  pinnedBytes
  items
  peers {
    peer {
      id
      name
    }
    bytes
    budget
    items
  }
}
fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<PurgeCacheMutation, PurgeCacheMutationVariables>;
export const RefreshPeerDocument = new TypedDocumentString(`
    mutation RefreshPeer($input: RefreshPeerInput!) {
  refreshPeer(input: $input) {
    pulls {
      id
      peer {
        name
      }
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<RefreshPeerMutation, RefreshPeerMutationVariables>;
export const ResolveHeldRemovalsDocument = new TypedDocumentString(`
    mutation ResolveHeldRemovals($input: ResolveHeldRemovalsInput!) {
  resolveHeldRemovals(input: $input) {
    peer {
      id
      name
      mediaCount
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<ResolveHeldRemovalsMutation, ResolveHeldRemovalsMutationVariables>;
export const RevokePeerDocument = new TypedDocumentString(`
    mutation RevokePeer($input: RevokePeerInput!) {
  revokePeer(input: $input) {
    peer {
      id
      name
      status
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<RevokePeerMutation, RevokePeerMutationVariables>;
export const RotateInstanceKeyDocument = new TypedDocumentString(`
    mutation RotateInstanceKey($input: RotateInstanceKeyInput!) {
  rotateInstanceKey(input: $input) {
    instance {
      thumbprint
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<RotateInstanceKeyMutation, RotateInstanceKeyMutationVariables>;
export const RotatePeerCredentialDocument = new TypedDocumentString(`
    mutation RotatePeerCredential($input: RotatePeerCredentialInput!) {
  rotatePeerCredential(input: $input) {
    peer {
      id
      name
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<RotatePeerCredentialMutation, RotatePeerCredentialMutationVariables>;
export const UpdatePeerDocument = new TypedDocumentString(`
    mutation UpdatePeer($input: UpdatePeerInput!) {
  updatePeer(input: $input) {
    peer {
      id
      name
      status
      operations {
        serve {
          mediaCount
        }
      }
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<UpdatePeerMutation, UpdatePeerMutationVariables>;
export const WhoDocument = new TypedDocumentString(`
    query Who {
  viewer {
    role
  }
}
    `) as unknown as TypedDocumentString<WhoQuery, WhoQueryVariables>;