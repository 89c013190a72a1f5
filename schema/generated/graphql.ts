/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** Which of this instance's people see a peer's items. */
export type Audience =
  /** Admins. */
  | 'ADMINS'
  /** Also without signing in, where the instance allows that. */
  | 'ANYONE'
  /** Everybody who signs in. */
  | 'USERS';

/** Where the bytes of an item are. */
export type Availability =
  /** A peer's item whose bytes are kept here. */
  | 'CACHED'
  /** An item of this instance. */
  | 'LOCAL'
  /** Fetched from the peer when asked for. */
  | 'ON_DEMAND'
  /** A peer's item of whose bytes some are kept here. */
  | 'PARTIAL'
  /** Not here, and the peer cannot give it now. */
  | 'UNAVAILABLE';

/** Which of a peer's bytes are kept here. */
export type CacheMode =
  /** Everything, ahead of time. */
  | 'MIRROR'
  /** None. */
  | 'NONE'
  /** Thumbnails ahead of time, the rest when it is looked at. */
  | 'ON_ACCESS'
  /** Thumbnails, ahead of time. */
  | 'THUMBNAILS';

/** An invitation to be made. */
export type CreateInvitationInput = {
  /** 1 to 60. */
  expiresInMinutes?: number;
  /** For whom it is. */
  note?: string | null | undefined;
};

/** The protocol that a peer speaks. */
export type Dialect =
  /** A server that offers agent feeds. */
  | 'APPKASK'
  /** A server that offers image feeds. */
  | 'ARTIFEX'
  /** An instance of this kind. */
  | 'HEDGEROW';

/** What went wrong, for programs; the same codes as in problem documents. */
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
  /** What was granted has ended. */
  | 'GRANT_ENDED'
  /** The bytes from the peer do not match their digest. */
  | 'INTEGRITY_FAILED'
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
  /** Items of a peer are read-only here. */
  | 'READ_ONLY'
  /** The item waits for an admin to decide about a mass removal. */
  | 'REMOVALS_HELD'
  /** The pairing was revoked. */
  | 'REVOKED'
  /** The signature does not verify. */
  | 'SIGNATURE_INVALID'
  /** This kind of file is not supported. */
  | 'UNSUPPORTED_MEDIA';

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

/** Whether the pairing is in force. */
export type PeerStatus =
  /** In force. */
  | 'ACTIVE'
  /** In force, but nothing is pulled. */
  | 'PAUSED'
  /** Ended. */
  | 'REVOKED';

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

/** How this instance keeps an original. */
export type StorageClass =
  /** Left in its own folder, read only. */
  | 'EXTERNAL'
  /** Copied into the store. */
  | 'MANAGED';

/** Changes of a peer; what is left out stays. */
export type UpdatePeerInput = {
  /** Which of this instance's people see its items. */
  audience?: Audience | null | undefined;
  /** Which of its bytes are kept here. */
  cacheMode?: CacheMode | null | undefined;
  /** Where it is dialled. */
  endpoint?: string | null | undefined;
  /** Of the peer. */
  id: string | number;
  /** Seconds between pulls where no event stream is open. */
  interval?: number | null | undefined;
  /** What the peer is called here. */
  name?: string | null | undefined;
  /** Whether pulling rests. */
  paused?: boolean | null | undefined;
};

/** Who may see a local item: its owner; this instance's people; paired peers too; anyone. */
export type Visibility =
  /** This instance's people. */
  | 'INSTANCE'
  /** Paired peers too. */
  | 'PEERS'
  /** Its owner alone. */
  | 'PRIVATE'
  /** Anyone. */
  | 'PUBLIC';

export type CancelInvitationMutationVariables = Exact<{
  id: string | number;
}>;


export type CancelInvitationMutation = { cancelInvitation: { invitation: { id: string, cancelledAt: string | null } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type DeleteMediaMutationVariables = Exact<{
  ids: Array<string | number> | string | number;
}>;


export type DeleteMediaMutation = { deleteMedia: { deletedMediaIds: Array<string>, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type ExplainMediaQueryVariables = Exact<{
  id: string | number;
}>;


export type ExplainMediaQuery = { node:
    | { __typename: 'Invitation' }
    | { __typename: 'LocalMedia', id: string, title: string, kind: MediaKind, mimeType: string | null, byteSize: string | null, digest: string | null, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, playableUrl: string | null, originalUrl: string | null, visibility: Visibility, storage: StorageClass, copies: Array<
        | { id: string, title: string, peer: { name: string } | null }
        | { id: string, title: string, peer: { name: string } }
      > }
    | { __typename: 'Peer' }
    | { __typename: 'Pull' }
    | { __typename: 'RemoteMedia', id: string, title: string, kind: MediaKind, mimeType: string | null, byteSize: string | null, digest: string | null, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, playableUrl: string | null, originalUrl: string | null, remoteId: string, hidden: boolean, copies: Array<
        | { id: string, title: string, peer: { name: string } | null }
        | { id: string, title: string, peer: { name: string } }
      >, peer: { id: string, name: string, health: PeerHealth, lastSuccessAt: string | null } }
    | { __typename: 'User' }
   | null };

export type InviteMutationVariables = Exact<{
  input: CreateInvitationInput;
}>;


export type InviteMutation = { createInvitation: { code: string | null, invitation: { id: string, note: string | null, mediaCount: number, placedCount: number, expiresAt: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type ListInvitationsQueryVariables = Exact<{
  after?: string | null | undefined;
}>;


export type ListInvitationsQuery = { invitations: { nodes: Array<{ id: string, note: string | null, createdAt: string, expiresAt: string, usedAt: string | null, cancelledAt: string | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type ListPeersQueryVariables = Exact<{
  status?: Array<PeerStatus> | PeerStatus;
  after?: string | null | undefined;
}>;


export type ListPeersQuery = { peers: { totalCount: number, nodes: Array<{ id: string, name: string, status: PeerStatus, health: PeerHealth, dialect: Dialect, verified: boolean, mediaCount: number, lastSuccessAt: string | null, operations: { endpoint: string, thumbprint: string | null, pairedAt: string, revokedAt: string | null, pull: { lastAttemptAt: string | null, nextAttemptAt: string | null, lag: number | null, completeness: number | null, inSync: boolean | null, heldRemovals: number, skippedItems: number, interval: number, cacheMode: CacheMode, audience: Audience, bytesCached: string, bytesFetched: string, error: { code: ErrorCode, message: string, at: string } | null } | null, serve: { mediaCount: number, bytesServed: string, lastSeenAt: string | null } | null } | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type PairMutationVariables = Exact<{
  input: PairWithPeerInput;
}>;


export type PairMutation = { pairWithPeer: { peer: { id: string, name: string, status: PeerStatus, health: PeerHealth, dialect: Dialect, verified: boolean, mediaCount: number, lastSuccessAt: string | null, operations: { endpoint: string, thumbprint: string | null, pairedAt: string, revokedAt: string | null, pull: { lastAttemptAt: string | null, nextAttemptAt: string | null, lag: number | null, completeness: number | null, inSync: boolean | null, heldRemovals: number, skippedItems: number, interval: number, cacheMode: CacheMode, audience: Audience, bytesCached: string, bytesFetched: string, error: { code: ErrorCode, message: string, at: string } | null } | null, serve: { mediaCount: number, bytesServed: string, lastSeenAt: string | null } | null } | null } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type PeerLineFragment = { id: string, name: string, status: PeerStatus, health: PeerHealth, dialect: Dialect, verified: boolean, mediaCount: number, lastSuccessAt: string | null, operations: { endpoint: string, thumbprint: string | null, pairedAt: string, revokedAt: string | null, pull: { lastAttemptAt: string | null, nextAttemptAt: string | null, lag: number | null, completeness: number | null, inSync: boolean | null, heldRemovals: number, skippedItems: number, interval: number, cacheMode: CacheMode, audience: Audience, bytesCached: string, bytesFetched: string, error: { code: ErrorCode, message: string, at: string } | null } | null, serve: { mediaCount: number, bytesServed: string, lastSeenAt: string | null } | null } | null };

export type PullLineFragment = { id: string, state: PullState, startedAt: string | null, finishedAt: string | null, added: number, changed: number, removed: number, skipped: number, total: number | null, error: { code: ErrorCode, message: string, at: string } | null, peer: { id: string, name: string } };

export type RevokeMutationVariables = Exact<{
  id: string | number;
  keepCached?: boolean;
}>;


export type RevokeMutation = { revokePeer: { peer: { id: string, name: string, status: PeerStatus, health: PeerHealth, dialect: Dialect, verified: boolean, mediaCount: number, lastSuccessAt: string | null, operations: { endpoint: string, thumbprint: string | null, pairedAt: string, revokedAt: string | null, pull: { lastAttemptAt: string | null, nextAttemptAt: string | null, lag: number | null, completeness: number | null, inSync: boolean | null, heldRemovals: number, skippedItems: number, interval: number, cacheMode: CacheMode, audience: Audience, bytesCached: string, bytesFetched: string, error: { code: ErrorCode, message: string, at: string } | null } | null, serve: { mediaCount: number, bytesServed: string, lastSeenAt: string | null } | null } | null } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type SetVisibilityMutationVariables = Exact<{
  ids: Array<string | number> | string | number;
  visibility: Visibility;
}>;


export type SetVisibilityMutation = { setVisibility: { media: Array<{ id: string, title: string, visibility: Visibility }>, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type SyncMutationVariables = Exact<{
  id?: string | number | null | undefined;
}>;


export type SyncMutation = { refreshPeer: { pulls: Array<{ id: string, state: PullState, startedAt: string | null, finishedAt: string | null, added: number, changed: number, removed: number, skipped: number, total: number | null, error: { code: ErrorCode, message: string, at: string } | null, peer: { id: string, name: string } }>, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type UpdatePeerMutationVariables = Exact<{
  input: UpdatePeerInput;
}>;


export type UpdatePeerMutation = { updatePeer: { peer: { id: string, name: string, status: PeerStatus, health: PeerHealth, dialect: Dialect, verified: boolean, mediaCount: number, lastSuccessAt: string | null, operations: { endpoint: string, thumbprint: string | null, pairedAt: string, revokedAt: string | null, pull: { lastAttemptAt: string | null, nextAttemptAt: string | null, lag: number | null, completeness: number | null, inSync: boolean | null, heldRemovals: number, skippedItems: number, interval: number, cacheMode: CacheMode, audience: Audience, bytesCached: string, bytesFetched: string, error: { code: ErrorCode, message: string, at: string } | null } | null, serve: { mediaCount: number, bytesServed: string, lastSeenAt: string | null } | null } | null } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type UserErrorLineFragment = { field: Array<string> | null, code: ErrorCode, message: string };

export type WatchPullsQueryVariables = Exact<{
  ids: Array<string | number> | string | number;
}>;


export type WatchPullsQuery = { nodes: Array<
    | { id: string, state: PullState, startedAt: string | null, finishedAt: string | null, added: number, changed: number, removed: number, skipped: number, total: number | null, error: { code: ErrorCode, message: string, at: string } | null, peer: { id: string, name: string } }
    | Record<PropertyKey, never>
   | null> };

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
export const PeerLineFragmentDoc = new TypedDocumentString(`
    fragment PeerLine on Peer {
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
    revokedAt
    pull {
      lastAttemptAt
      nextAttemptAt
      lag
      completeness
      inSync
      heldRemovals
      skippedItems
      interval
      cacheMode
      audience
      bytesCached
      bytesFetched
      error {
        code
        message
        at
      }
    }
    serve {
      mediaCount
      bytesServed
      lastSeenAt
    }
  }
}
    `, {"fragmentName":"PeerLine"}) as unknown as TypedDocumentString<PeerLineFragment, unknown>;
export const PullLineFragmentDoc = new TypedDocumentString(`
    fragment PullLine on Pull {
  id
  state
  startedAt
  finishedAt
  added
  changed
  removed
  skipped
  total
  error {
    code
    message
    at
  }
  peer {
    id
    name
  }
}
    `, {"fragmentName":"PullLine"}) as unknown as TypedDocumentString<PullLineFragment, unknown>;
export const UserErrorLineFragmentDoc = new TypedDocumentString(`
    fragment UserErrorLine on UserError {
  field
  code
  message
}
    `, {"fragmentName":"UserErrorLine"}) as unknown as TypedDocumentString<UserErrorLineFragment, unknown>;
export const CancelInvitationDocument = new TypedDocumentString(`
    mutation CancelInvitation($id: ID!) {
  cancelInvitation(input: { id: $id }) {
    invitation {
      id
      cancelledAt
    }
    userErrors {
      ...UserErrorLine
    }
  }
}
    fragment UserErrorLine on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<CancelInvitationMutation, CancelInvitationMutationVariables>;
export const DeleteMediaDocument = new TypedDocumentString(`
    mutation DeleteMedia($ids: [ID!]!) {
  deleteMedia(input: { ids: $ids }) {
    deletedMediaIds
    userErrors {
      ...UserErrorLine
    }
  }
}
    fragment UserErrorLine on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<DeleteMediaMutation, DeleteMediaMutationVariables>;
export const ExplainMediaDocument = new TypedDocumentString(`
    query ExplainMedia($id: ID!) {
  node(id: $id) {
    __typename
    ... on Media {
      id
      title
      kind
      mimeType
      byteSize
      digest
      availability
      thumbnailUrl
      previewUrl
      playableUrl
      originalUrl
      copies {
        id
        title
        peer {
          name
        }
      }
    }
    ... on LocalMedia {
      visibility
      storage
    }
    ... on RemoteMedia {
      remoteId
      hidden
      peer {
        id
        name
        health
        lastSuccessAt
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ExplainMediaQuery, ExplainMediaQueryVariables>;
export const InviteDocument = new TypedDocumentString(`
    mutation Invite($input: CreateInvitationInput!) {
  createInvitation(input: $input) {
    code
    invitation {
      id
      note
      mediaCount
      placedCount
      expiresAt
    }
    userErrors {
      ...UserErrorLine
    }
  }
}
    fragment UserErrorLine on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<InviteMutation, InviteMutationVariables>;
export const ListInvitationsDocument = new TypedDocumentString(`
    query ListInvitations($after: String) {
  invitations(first: 100, after: $after) {
    nodes {
      id
      note
      createdAt
      expiresAt
      usedAt
      cancelledAt
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    `) as unknown as TypedDocumentString<ListInvitationsQuery, ListInvitationsQueryVariables>;
export const ListPeersDocument = new TypedDocumentString(`
    query ListPeers($status: [PeerStatus!]! = [ACTIVE, PAUSED], $after: String) {
  peers(status: $status, first: 100, after: $after) {
    totalCount
    nodes {
      ...PeerLine
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment PeerLine on Peer {
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
    revokedAt
    pull {
      lastAttemptAt
      nextAttemptAt
      lag
      completeness
      inSync
      heldRemovals
      skippedItems
      interval
      cacheMode
      audience
      bytesCached
      bytesFetched
      error {
        code
        message
        at
      }
    }
    serve {
      mediaCount
      bytesServed
      lastSeenAt
    }
  }
}`) as unknown as TypedDocumentString<ListPeersQuery, ListPeersQueryVariables>;
export const PairDocument = new TypedDocumentString(`
    mutation Pair($input: PairWithPeerInput!) {
  pairWithPeer(input: $input) {
    peer {
      ...PeerLine
    }
    userErrors {
      ...UserErrorLine
    }
  }
}
    fragment PeerLine on Peer {
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
    revokedAt
    pull {
      lastAttemptAt
      nextAttemptAt
      lag
      completeness
      inSync
      heldRemovals
      skippedItems
      interval
      cacheMode
      audience
      bytesCached
      bytesFetched
      error {
        code
        message
        at
      }
    }
    serve {
      mediaCount
      bytesServed
      lastSeenAt
    }
  }
}
fragment UserErrorLine on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<PairMutation, PairMutationVariables>;
export const RevokeDocument = new TypedDocumentString(`
    mutation Revoke($id: ID!, $keepCached: Boolean! = false) {
  revokePeer(input: { id: $id, keepCached: $keepCached }) {
    peer {
      ...PeerLine
    }
    userErrors {
      ...UserErrorLine
    }
  }
}
    fragment PeerLine on Peer {
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
    revokedAt
    pull {
      lastAttemptAt
      nextAttemptAt
      lag
      completeness
      inSync
      heldRemovals
      skippedItems
      interval
      cacheMode
      audience
      bytesCached
      bytesFetched
      error {
        code
        message
        at
      }
    }
    serve {
      mediaCount
      bytesServed
      lastSeenAt
    }
  }
}
fragment UserErrorLine on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<RevokeMutation, RevokeMutationVariables>;
export const SetVisibilityDocument = new TypedDocumentString(`
    mutation SetVisibility($ids: [ID!]!, $visibility: Visibility!) {
  setVisibility(input: { ids: $ids, visibility: $visibility }) {
    media {
      id
      title
      visibility
    }
    userErrors {
      ...UserErrorLine
    }
  }
}
    fragment UserErrorLine on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<SetVisibilityMutation, SetVisibilityMutationVariables>;
export const SyncDocument = new TypedDocumentString(`
    mutation Sync($id: ID) {
  refreshPeer(input: { id: $id }) {
    pulls {
      ...PullLine
    }
    userErrors {
      ...UserErrorLine
    }
  }
}
    fragment PullLine on Pull {
  id
  state
  startedAt
  finishedAt
  added
  changed
  removed
  skipped
  total
  error {
    code
    message
    at
  }
  peer {
    id
    name
  }
}
fragment UserErrorLine on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<SyncMutation, SyncMutationVariables>;
export const UpdatePeerDocument = new TypedDocumentString(`
    mutation UpdatePeer($input: UpdatePeerInput!) {
  updatePeer(input: $input) {
    peer {
      ...PeerLine
    }
    userErrors {
      ...UserErrorLine
    }
  }
}
    fragment PeerLine on Peer {
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
    revokedAt
    pull {
      lastAttemptAt
      nextAttemptAt
      lag
      completeness
      inSync
      heldRemovals
      skippedItems
      interval
      cacheMode
      audience
      bytesCached
      bytesFetched
      error {
        code
        message
        at
      }
    }
    serve {
      mediaCount
      bytesServed
      lastSeenAt
    }
  }
}
fragment UserErrorLine on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<UpdatePeerMutation, UpdatePeerMutationVariables>;
export const WatchPullsDocument = new TypedDocumentString(`
    query WatchPulls($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Pull {
      ...PullLine
    }
  }
}
    fragment PullLine on Pull {
  id
  state
  startedAt
  finishedAt
  added
  changed
  removed
  skipped
  total
  error {
    code
    message
    at
  }
  peer {
    id
    name
  }
}`) as unknown as TypedDocumentString<WatchPullsQuery, WatchPullsQueryVariables>;