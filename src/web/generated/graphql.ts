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

/** An automated agent. */
export type AgentInput = {
  /** What it is for; at most 10,000 characters. */
  description?: string | null | undefined;
  /** What it is called; at most 200 characters. */
  name: string;
  /** What it can do; at most 100, of at most 200 characters each. */
  skills?: Array<string>;
  /** Where it is found: http or https. */
  url?: string | null | undefined;
  /** Of the agent; at most 200 characters. */
  version?: string | null | undefined;
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
  /** Everything ahead of time, as long as there is room; nothing else that is kept goes for it. */
  | 'MIRROR'
  /** None. */
  | 'NONE'
  /** Thumbnails ahead of time, the rest when it is looked at. */
  | 'ON_ACCESS'
  /** Thumbnails, ahead of time. */
  | 'THUMBNAILS';

/** An invitation to be withdrawn. */
export type CancelInvitationInput = {
  /** Of the invitation. */
  id: string | number;
};

/** An album to be made. */
export type CreateAlbumInput = {
  /** At most 10000 characters. */
  description?: string | null | undefined;
  /** Items that the viewer sees, at most 500. A peer's are never told of to other peers. */
  mediaIds?: Array<string | number>;
  /** 1 to 500 characters. */
  title: string;
  /** Who sees it as an album; it says nothing of who sees the items. */
  visibility?: Visibility;
};

/** A token to be made. */
export type CreateApiTokenInput = {
  /** When it ends; without it, when it is revoked. */
  expiresAt?: string | null | undefined;
  /** What it is for; 1 to 100 characters. */
  name: string;
  /** At least one, and none beyond what the viewer may do. */
  scopes: Array<TokenScope>;
};

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

/** An account to be made. */
export type CreateUserInput = {
  /** What the person is called, and signs in as. */
  name: string;
  /** Without it, a link is made by which the person sets it. */
  password?: string | null | undefined;
  /** What the person may do. */
  role: Role;
};

/** A span of time. */
export type DateTimeRange = {
  /** From, inclusive. */
  gte?: string | null | undefined;
  /** Until, exclusive. */
  lt?: string | null | undefined;
};

/** Items to be deleted. */
export type DeleteMediaInput = {
  /** Of local items, at most 500. */
  ids: Array<string | number>;
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

/** What is done with items that have the same bytes. */
export type Duplicates =
  /** Of those that match one stands for all: this instance's before those of peers, then the one longest here. It has its own place in the order. */
  | 'COLLAPSE'
  /** Each is shown. */
  | 'SHOW';

/** A session to be ended. */
export type EndSessionInput = {
  /** Of the session. */
  id: string | number;
};

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

/** A span of time by the camera's clock. */
export type LocalDateTimeRange = {
  /** From, inclusive. */
  gte?: string | null | undefined;
  /** Until, exclusive. */
  lt?: string | null | undefined;
};

/** Narrows the catalog; each field narrows further. */
export type MediaFilter = {
  /** By when the item was added where it is from. */
  addedAt?: DateTimeRange | null | undefined;
  /** Only items in one of these albums. */
  albumIds?: Array<string | number> | null | undefined;
  /** Only items whose bytes are so; what has just been fetched may count some seconds later. */
  availability?: Array<Availability> | null | undefined;
  /** Whether items with the same bytes are shown as one. */
  duplicates?: Duplicates | null | undefined;
  /** True: only what an admin hid of peers, and for admins alone. Else what is not hidden. */
  hidden?: boolean | null | undefined;
  /** Only these kinds. */
  kinds?: Array<MediaKind> | null | undefined;
  /** Only items of these peers. */
  peerIds?: Array<string | number> | null | undefined;
  /** Words, prefixes with *, "quoted phrases", -exclusions. */
  query?: string | null | undefined;
  /** By tags. */
  tags?: TagFilter | null | undefined;
  /** By the camera's clock. */
  takenAt?: LocalDateTimeRange | null | undefined;
  /** Only local items of these visibilities. */
  visibilities?: Array<Visibility> | null | undefined;
};

/** What an item is. */
export type MediaKind =
  /** Something with pages. */
  | 'DOCUMENT'
  /** A still or animated picture. */
  | 'IMAGE'
  /** A moving picture. */
  | 'VIDEO';

/** An item without takenAt takes the place of its addedAt. Ties are broken by id. */
export type MediaOrder = {
  /** Which end comes first. */
  direction?: OrderDirection;
  /** What is compared. */
  field?: MediaOrderField;
};

/** What media is sorted by. */
export type MediaOrderField =
  /** When the item was added where it is from. */
  | 'ADDED_AT'
  /** Bytes of the original. */
  | 'BYTE_SIZE'
  /** How well the item answers filter.query, which it asks for: what is found in the title counts more than in tags, and in tags more than elsewhere. DESC: the best first. */
  | 'RELEVANCE'
  /** The camera's date; the date of adding where there is none. */
  | 'TAKEN_AT'
  /** The title, without regard to case and accents. */
  | 'TITLE'
  /** When the item was last changed. */
  | 'UPDATED_AT';

/** Which part of the one catalog. */
export type MediaOrigin =
  /** Items of this instance and of its peers. */
  | 'ALL'
  /** Items of this instance. */
  | 'LOCAL'
  /** Items of peers. */
  | 'REMOTE';

/** Which end comes first. */
export type OrderDirection =
  /** Smallest, oldest or A first. */
  | 'ASC'
  /** Largest, newest or Z first. */
  | 'DESC';

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

/** What peers are told of the agents here. */
export type PublishAgentsInput = {
  /** All of them, at most 100; those that are not named are published no longer. */
  agents: Array<AgentInput>;
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

/** Somebody who has lost app and recovery codes. */
export type ResetSecondFactorInput = {
  /** Of the person. */
  id: string | number;
};

/** Decides about the removals that are held. */
export type ResolveHeldRemovalsInput = {
  /** What becomes of them. */
  decision: HeldRemovalsDecision;
  /** Of the peer. */
  id: string | number;
};

/** A token to be revoked. */
export type RevokeApiTokenInput = {
  /** Of the token. */
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

/** Who may see these items. */
export type SetVisibilityInput = {
  /** Beside them, the local items of these albums, at most 5000. */
  albumIds?: Array<string | number> | null | undefined;
  /** Of local items, at most 500. */
  ids: Array<string | number>;
  /** Who may see them. */
  visibility: Visibility;
};

/** How this instance keeps an original. */
export type StorageClass =
  /** Left in its own folder, read only. */
  | 'EXTERNAL'
  /** Copied into the store. */
  | 'MANAGED';

/** By tags; each part narrows further. */
export type TagFilter = {
  /** Every one of these. */
  all?: Array<string> | null | undefined;
  /** At least one of these. */
  any?: Array<string> | null | undefined;
  /** None of these. */
  none?: Array<string> | null | undefined;
};

/** Tags to be put on items, and taken from them. */
export type TagMediaInput = {
  /** Put on each item that does not have them. */
  add?: Array<string> | null | undefined;
  /** Of local items, at most 500. */
  ids: Array<string | number>;
  /** Taken from each item that has them. */
  remove?: Array<string> | null | undefined;
};

/** What a token may be used for, within what its owner may do. */
export type TokenScope =
  /** Everything. */
  | 'ADMIN'
  /** Read the catalog. */
  | 'CATALOG_READ'
  /** Pair with peers and manage them. */
  | 'FEDERATION_ADMIN'
  /** Add, change and delete media. */
  | 'LIBRARY_WRITE'
  /** Read bytes. */
  | 'MEDIA_READ';

/** Changes of an album of this instance; what is left out stays. */
export type UpdateAlbumInput = {
  /** Items that the viewer sees, at most 500. */
  add?: Array<string | number> | null | undefined;
  /** At most 10000 characters; null clears it. */
  description?: string | null | undefined;
  /** Of the album. */
  id: string | number;
  /** Items that leave the album, at most 500. */
  remove?: Array<string | number> | null | undefined;
  /** 1 to 500 characters. */
  title?: string | null | undefined;
  /** Who sees it as an album. */
  visibility?: Visibility | null | undefined;
};

/** Changes of a local item; what is left out stays, what is null is cleared. */
export type UpdateMediaInput = {
  /** At most 500 characters. */
  creator?: string | null | undefined;
  /** At most 10000 characters. */
  description?: string | null | undefined;
  /** Of the item. */
  id: string | number;
  /** At most 500 characters. */
  license?: string | null | undefined;
  /** All of its tags, at most 200. */
  tags?: Array<string> | null | undefined;
  /** By the camera's clock. */
  takenAt?: string | null | undefined;
  /** 1 to 500 characters. */
  title?: string | null | undefined;
  /** Who may see it. */
  visibility?: Visibility | null | undefined;
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

/** Changes of an account; what is left out stays. */
export type UpdateUserInput = {
  /** Of whoever changes his or her own password. */
  currentPassword?: string | null | undefined;
  /** Whether the person is shut out, at once and everywhere. Admin. */
  disabled?: boolean | null | undefined;
  /** Of the person. */
  id: string | number;
  /** What the person is called, and signs in as. */
  name?: string | null | undefined;
  /** A new one; ends every other session of the person, and needs currentPassword where it is one’s own. */
  password?: string | null | undefined;
  /** Voids the password and ends the sessions; setupUrl is the link to set a new one. Admin. */
  resetPassword?: boolean | null | undefined;
  /** What the person may do. Admin. */
  role?: Role | null | undefined;
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

export type AccountQueryVariables = Exact<{ [key: string]: never; }>;


export type AccountQuery = { viewer: { user: { id: string } | null, secondFactor: { since: string, recoveryCodesLeft: number } | null, sessions: Array<{ id: string, userAgent: string | null, lastSeenAt: string, current: boolean }> } | null };

export type AccountSetPasswordMutationVariables = Exact<{
  id: string | number;
  password: string;
  currentPassword: string;
}>;


export type AccountSetPasswordMutation = { updateUser: { userErrors: Array<{ message: string }> } };

export type AccountBeginSecondFactorMutationVariables = Exact<{
  currentPassword: string;
}>;


export type AccountBeginSecondFactorMutation = { beginSecondFactor: { secret: string | null, url: string | null, userErrors: Array<{ message: string }> } };

export type AccountConfirmSecondFactorMutationVariables = Exact<{
  code: string;
}>;


export type AccountConfirmSecondFactorMutation = { confirmSecondFactor: { recoveryCodes: Array<string> | null, userErrors: Array<{ message: string }> } };

export type AccountRenewRecoveryCodesMutationVariables = Exact<{
  currentPassword: string;
  code: string;
}>;


export type AccountRenewRecoveryCodesMutation = { renewRecoveryCodes: { recoveryCodes: Array<string> | null, userErrors: Array<{ message: string }> } };

export type AccountEndSecondFactorMutationVariables = Exact<{
  currentPassword: string;
  code: string;
}>;


export type AccountEndSecondFactorMutation = { endSecondFactor: { userErrors: Array<{ message: string }> } };

export type AccountEndSessionMutationVariables = Exact<{
  id: string | number;
}>;


export type AccountEndSessionMutation = { endSession: { userErrors: Array<{ message: string }> } };

export type AdminAgentsQueryVariables = Exact<{ [key: string]: never; }>;


export type AdminAgentsQuery = { instance: { federation: boolean, agents: Array<{ name: string, description: string | null, url: string | null, version: string | null, skills: Array<string> }> }, peers: { nodes: Array<{ id: string, name: string, agents: Array<{ name: string, description: string | null, url: string | null, version: string | null, skills: Array<string> }> }> } };

export type AgentLineFragment = { name: string, description: string | null, url: string | null, version: string | null, skills: Array<string> };

export type AdminPublishAgentsMutationVariables = Exact<{
  input: PublishAgentsInput;
}>;


export type AdminPublishAgentsMutation = { publishAgents: { instance: { id: string, agents: Array<{ name: string, description: string | null, url: string | null, version: string | null, skills: Array<string> }> } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminAuditQueryVariables = Exact<{
  filter?: AuditFilter | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type AdminAuditQuery = { auditEvents: { nodes: Array<{ id: string, at: string, actorKind: AuditActorKind, actor: string | null, action: string, target: string | null, outcome: string, code: ErrorCode | null, address: string | null, bytes: string | null, detail: unknown }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type AdminAuditNamesQueryVariables = Exact<{ [key: string]: never; }>;


export type AdminAuditNamesQuery = { users: { nodes: Array<{ id: string, name: string }> }, peers: { nodes: Array<{ id: string, name: string }> } };

export type AdminCacheQueryVariables = Exact<{ [key: string]: never; }>;


export type AdminCacheQuery = { cache: { bytes: string, budget: string, pinnedBytes: string, items: number, peers: Array<{ bytes: string, budget: string | null, items: number, peer: { id: string, name: string } }> } };

export type AdminKeptItemsQueryVariables = Exact<{
  peerId?: string | number | null | undefined;
  pinned?: boolean | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type AdminKeptItemsQuery = { cache: { keptItems: { nodes: Array<{ mediaId: string, bytes: string, pinned: boolean, usedAt: string, media:
          | { id: string, title: string, thumbnailUrl: string | null, peer: { id: string, name: string } | null }
          | { id: string, title: string, thumbnailUrl: string | null, peer: { id: string, name: string } }
         | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } };

export type AdminFindRemoteQueryVariables = Exact<{
  query: string;
}>;


export type AdminFindRemoteQuery = { media: { nodes: Array<
      | { availability: Availability, id: string, title: string, thumbnailUrl: string | null, peer: { id: string, name: string } | null }
      | { availability: Availability, id: string, title: string, thumbnailUrl: string | null, peer: { id: string, name: string } }
    > } };

type CacheItem_LocalMedia_Fragment = { id: string, title: string, thumbnailUrl: string | null, peer: { id: string, name: string } | null };

type CacheItem_RemoteMedia_Fragment = { id: string, title: string, thumbnailUrl: string | null, peer: { id: string, name: string } };

export type CacheItemFragment =
  | CacheItem_LocalMedia_Fragment
  | CacheItem_RemoteMedia_Fragment
;

export type AdminPurgeCacheMutationVariables = Exact<{
  input: PurgeCacheInput;
}>;


export type AdminPurgeCacheMutation = { purgeCache: { cache: { bytes: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminPinMediaMutationVariables = Exact<{
  input: PinMediaInput;
}>;


export type AdminPinMediaMutation = { pinMedia: { media:
      | { id: string }
      | { id: string }
     | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminInvitationsQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type AdminInvitationsQuery = { invitations: { nodes: Array<{ id: string, note: string | null, mutual: boolean, mediaCount: number, placedCount: number, createdAt: string, expiresAt: string, usedAt: string | null, cancelledAt: string | null, grant: { kinds: Array<MediaKind> | null, tags: Array<string> | null, access: GrantAccess, until: string | null, albums: Array<{ id: string, title: string }> | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type InvitationLineFragment = { id: string, note: string | null, mutual: boolean, mediaCount: number, placedCount: number, createdAt: string, expiresAt: string, usedAt: string | null, cancelledAt: string | null, grant: { kinds: Array<MediaKind> | null, tags: Array<string> | null, access: GrantAccess, until: string | null, albums: Array<{ id: string, title: string }> | null } };

export type AdminCreateInvitationMutationVariables = Exact<{
  input: CreateInvitationInput;
}>;


export type AdminCreateInvitationMutation = { createInvitation: { code: string | null, invitation: { id: string, note: string | null, mutual: boolean, mediaCount: number, placedCount: number, createdAt: string, expiresAt: string, usedAt: string | null, cancelledAt: string | null, grant: { kinds: Array<MediaKind> | null, tags: Array<string> | null, access: GrantAccess, until: string | null, albums: Array<{ id: string, title: string }> | null } } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminCancelInvitationMutationVariables = Exact<{
  input: CancelInvitationInput;
}>;


export type AdminCancelInvitationMutation = { cancelInvitation: { invitation: { id: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminPairWithPeerMutationVariables = Exact<{
  input: PairWithPeerInput;
}>;


export type AdminPairWithPeerMutation = { pairWithPeer: { notice: string | null, peer: { id: string, name: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminAddPeerMutationVariables = Exact<{
  input: AddPeerInput;
}>;


export type AdminAddPeerMutation = { addPeer: { peer: { id: string, name: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminCreatePeerCredentialMutationVariables = Exact<{
  input: CreatePeerCredentialInput;
}>;


export type AdminCreatePeerCredentialMutation = { createPeerCredential: { token: string | null, peer: { id: string, name: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminGlanceQueryVariables = Exact<{ [key: string]: never; }>;


export type AdminGlanceQuery = { peers: { nodes: Array<{ id: string, name: string, status: PeerStatus, health: PeerHealth, mediaCount: number, lastSuccessAt: string | null, operations: { pull: { heldRemovals: number, nextAttemptAt: string | null, error: { message: string } | null } | null, serve: { mediaCount: number, lastSeenAt: string | null } | null } | null }> } };

export type AdminPeersQueryVariables = Exact<{ [key: string]: never; }>;


export type AdminPeersQuery = { peers: { totalCount: number, nodes: Array<{ id: string, name: string, status: PeerStatus, health: PeerHealth, mediaCount: number, lastSuccessAt: string | null, operations: { pull: { heldRemovals: number, bytesCached: string, completeness: number | null, nextAttemptAt: string | null, error: { message: string } | null } | null, serve: { mediaCount: number, lastSeenAt: string | null } | null } | null }> }, ended: { nodes: Array<{ id: string, name: string, operations: { revokedAt: string | null } | null }> }, instance: { federation: boolean } };

export type PeerGlanceFragment = { id: string, name: string, status: PeerStatus, health: PeerHealth, mediaCount: number, lastSuccessAt: string | null, operations: { pull: { heldRemovals: number, bytesCached: string, completeness: number | null, nextAttemptAt: string | null, error: { message: string } | null } | null, serve: { mediaCount: number, lastSeenAt: string | null } | null } | null };

export type AdminPeerQueryVariables = Exact<{
  id: string | number;
}>;


export type AdminPeerQuery = { node:
    | { __typename: 'Album' }
    | { __typename: 'ApiToken' }
    | { __typename: 'AuditEvent' }
    | { __typename: 'Diagnosis' }
    | { __typename: 'Invitation' }
    | { __typename: 'LocalMedia' }
    | { __typename: 'Peer', dialect: Dialect, verified: boolean, id: string, name: string, status: PeerStatus, health: PeerHealth, mediaCount: number, lastSuccessAt: string | null, operations: { endpoint: string, thumbprint: string | null, pairedAt: string, revokedAt: string | null, pull: { lastAttemptAt: string | null, nextAttemptAt: string | null, roundTripMs: number | null, lag: number | null, completeness: number | null, inSync: boolean | null, heldRemovals: number, skippedItems: number, interval: number, cacheMode: CacheMode, cacheBudget: string | null, audience: Audience, bytesCached: string, bytesFetched: string, error: { code: ErrorCode, message: string, at: string } | null, heldMedia: Array<
            | { id: string, title: string }
            | { id: string, title: string }
          > } | null, serve: { mediaCount: number, bytesServed: string, lastSeenAt: string | null, credentialRotatedAt: string, grant: { kinds: Array<MediaKind> | null, tags: Array<string> | null, access: GrantAccess, until: string | null, albums: Array<{ id: string, title: string }> | null }, limits: { requestsPerMinute: number, bytesPerSecond: string | null, concurrentStreams: number } } | null } | null }
    | { __typename: 'Pull' }
    | { __typename: 'RemoteMedia' }
    | { __typename: 'Session' }
    | { __typename: 'User' }
   | null };

export type WholePeerFragment = { dialect: Dialect, verified: boolean, id: string, name: string, status: PeerStatus, health: PeerHealth, mediaCount: number, lastSuccessAt: string | null, operations: { endpoint: string, thumbprint: string | null, pairedAt: string, revokedAt: string | null, pull: { lastAttemptAt: string | null, nextAttemptAt: string | null, roundTripMs: number | null, lag: number | null, completeness: number | null, inSync: boolean | null, heldRemovals: number, skippedItems: number, interval: number, cacheMode: CacheMode, cacheBudget: string | null, audience: Audience, bytesCached: string, bytesFetched: string, error: { code: ErrorCode, message: string, at: string } | null, heldMedia: Array<
        | { id: string, title: string }
        | { id: string, title: string }
      > } | null, serve: { mediaCount: number, bytesServed: string, lastSeenAt: string | null, credentialRotatedAt: string, grant: { kinds: Array<MediaKind> | null, tags: Array<string> | null, access: GrantAccess, until: string | null, albums: Array<{ id: string, title: string }> | null }, limits: { requestsPerMinute: number, bytesPerSecond: string | null, concurrentStreams: number } } | null } | null };

export type GrantFieldsFragment = { kinds: Array<MediaKind> | null, tags: Array<string> | null, access: GrantAccess, until: string | null, albums: Array<{ id: string, title: string }> | null };

export type AdminPullsQueryVariables = Exact<{
  id: string | number;
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type AdminPullsQuery = { node:
    | { operations: { pulls: { nodes: Array<{ id: string, state: PullState, startedAt: string | null, finishedAt: string | null, added: number, changed: number, removed: number, skipped: number, total: number | null, error: { code: ErrorCode, message: string } | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } | null }
    | Record<PropertyKey, never>
   | null };

export type PullLineFragment = { id: string, state: PullState, startedAt: string | null, finishedAt: string | null, added: number, changed: number, removed: number, skipped: number, total: number | null, error: { code: ErrorCode, message: string } | null };

export type AdminGrantChoicesQueryVariables = Exact<{ [key: string]: never; }>;


export type AdminGrantChoicesQuery = { albums: { nodes: Array<{ id: string, title: string, mediaCount: number }> }, media: { facets: { tags: Array<{ tag: string, count: number }> } } };

export type AdminGrantCountQueryVariables = Exact<{
  filter: MediaFilter;
}>;


export type AdminGrantCountQuery = { media: { totalCount: number } };

export type AdminRefreshPeerMutationVariables = Exact<{
  input: RefreshPeerInput;
}>;


export type AdminRefreshPeerMutation = { refreshPeer: { pulls: Array<{ id: string }>, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminUpdatePeerMutationVariables = Exact<{
  input: UpdatePeerInput;
}>;


export type AdminUpdatePeerMutation = { updatePeer: { peer: { id: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminDiagnosePeerMutationVariables = Exact<{
  input: DiagnosePeerInput;
}>;


export type AdminDiagnosePeerMutation = { diagnosePeer: { diagnosis: { id: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminDiagnosisQueryVariables = Exact<{
  id: string | number;
}>;


export type AdminDiagnosisQuery = { node:
    | { id: string, state: PullState, results: Array<{ step: DiagnosisStep, ok: boolean | null, durationMs: number | null, message: string | null }> }
    | Record<PropertyKey, never>
   | null };

export type AdminResolveHeldRemovalsMutationVariables = Exact<{
  input: ResolveHeldRemovalsInput;
}>;


export type AdminResolveHeldRemovalsMutation = { resolveHeldRemovals: { peer: { id: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminRotatePeerCredentialMutationVariables = Exact<{
  input: RotatePeerCredentialInput;
}>;


export type AdminRotatePeerCredentialMutation = { rotatePeerCredential: { peer: { id: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminRevokePeerMutationVariables = Exact<{
  input: RevokePeerInput;
}>;


export type AdminRevokePeerMutation = { revokePeer: { peer: { id: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminPeopleQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type AdminPeopleQuery = { users: { nodes: Array<{ id: string, name: string, role: Role, disabledAt: string | null, createdAt: string }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type PersonFragment = { id: string, name: string, role: Role, disabledAt: string | null, createdAt: string };

export type AdminPersonQueryVariables = Exact<{
  id: string | number;
}>;


export type AdminPersonQuery = { node:
    | { secondFactor: boolean | null, id: string, name: string, role: Role, disabledAt: string | null, createdAt: string, sessions: Array<{ id: string, userAgent: string | null, createdAt: string, lastSeenAt: string, current: boolean }> | null, apiTokens: Array<{ id: string, name: string, prefix: string, scopes: Array<TokenScope>, createdAt: string, expiresAt: string | null, lastUsedAt: string | null }> | null }
    | Record<PropertyKey, never>
   | null };

export type SessionLineFragment = { id: string, userAgent: string | null, createdAt: string, lastSeenAt: string, current: boolean };

export type TokenLineFragment = { id: string, name: string, prefix: string, scopes: Array<TokenScope>, createdAt: string, expiresAt: string | null, lastUsedAt: string | null };

export type AdminCreateUserMutationVariables = Exact<{
  input: CreateUserInput;
}>;


export type AdminCreateUserMutation = { createUser: { setupUrl: string | null, user: { id: string, name: string, role: Role, disabledAt: string | null, createdAt: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminUpdateUserMutationVariables = Exact<{
  input: UpdateUserInput;
}>;


export type AdminUpdateUserMutation = { updateUser: { setupUrl: string | null, user: { id: string, name: string, role: Role, disabledAt: string | null, createdAt: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminResetSecondFactorMutationVariables = Exact<{
  input: ResetSecondFactorInput;
}>;


export type AdminResetSecondFactorMutation = { resetSecondFactor: { user: { id: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminEndSessionMutationVariables = Exact<{
  input: EndSessionInput;
}>;


export type AdminEndSessionMutation = { endSession: { endedSessionId: string | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminMyTokensQueryVariables = Exact<{ [key: string]: never; }>;


export type AdminMyTokensQuery = { viewer: { apiTokens: Array<{ id: string, name: string, prefix: string, scopes: Array<TokenScope>, createdAt: string, expiresAt: string | null, lastUsedAt: string | null }> } | null };

export type AdminCreateTokenMutationVariables = Exact<{
  input: CreateApiTokenInput;
}>;


export type AdminCreateTokenMutation = { createApiToken: { token: string | null, apiToken: { id: string, name: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminRevokeTokenMutationVariables = Exact<{
  input: RevokeApiTokenInput;
}>;


export type AdminRevokeTokenMutation = { revokeApiToken: { apiToken: { id: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type AdminSettingsQueryVariables = Exact<{ [key: string]: never; }>;


export type AdminSettingsQuery = { instance: { id: string, name: string, version: string, publicUrl: string, thumbprint: string, federation: boolean, mediaCount: number }, peers: { totalCount: number } };

export type AdminRotateKeyMutationVariables = Exact<{
  input: RotateInstanceKeyInput;
}>;


export type AdminRotateKeyMutation = { rotateInstanceKey: { instance: { id: string, thumbprint: string } | null, userErrors: Array<{ field: Array<string> | null, code: ErrorCode, message: string }> } };

export type ChangesSubscriptionVariables = Exact<{
  since?: string | null | undefined;
}>;


export type ChangesSubscription = { changed: { catalog: { revision: string, reset: boolean, removedIds: Array<string>, changed: Array<
        | { id: string }
        | { id: string }
      > } | null, peer: { id: string } | null, pull: { id: string } | null, diagnosis: { id: string } | null } };

export type GalleryPlacesQueryVariables = Exact<{ [key: string]: never; }>;


export type GalleryPlacesQuery = { instance: { mediaCount: number }, all: { totalCount: number }, peers: { nodes: Array<{ id: string, name: string, status: PeerStatus, health: PeerHealth, mediaCount: number, lastSuccessAt: string | null, operations: { pull: { nextAttemptAt: string | null, error: { message: string } | null } | null, serve: { mediaCount: number, lastSeenAt: string | null } | null } | null }> }, albums: { totalCount: number, nodes: Array<{ id: string, title: string, mediaCount: number, peer: { id: string, name: string } | null }> } };

export type GalleryCoversQueryVariables = Exact<{ [key: string]: never; }>;


export type GalleryCoversQuery = { albums: { nodes: Array<{ id: string, media: { nodes: Array<
          | { id: string, thumbnailUrl: string | null }
          | { id: string, thumbnailUrl: string | null }
        > } }> } };

export type PeerWordsFragment = { id: string, name: string, status: PeerStatus, health: PeerHealth, mediaCount: number, lastSuccessAt: string | null, operations: { pull: { nextAttemptAt: string | null, error: { message: string } | null } | null, serve: { mediaCount: number, lastSeenAt: string | null } | null } | null };

export type GalleryFrameQueryVariables = Exact<{
  origin: MediaOrigin;
  filter?: MediaFilter | null | undefined;
  orderBy?: MediaOrder | null | undefined;
  months: boolean;
  first: number;
}>;


export type GalleryFrameQuery = { media: { totalCount: number, nodes: Array<
      | { id: string, kind: MediaKind, title: string, width: number | null, height: number | null, durationMs: number | null, pageCount: number | null, thumbhash: string | null, takenAt: string | null, addedAt: string, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, viewerCanUpdate: boolean, peer: { id: string, name: string } | null }
      | { id: string, kind: MediaKind, title: string, width: number | null, height: number | null, durationMs: number | null, pageCount: number | null, thumbhash: string | null, takenAt: string | null, addedAt: string, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, viewerCanUpdate: boolean, peer: { id: string, name: string } }
    >, pageInfo: { startCursor: string | null, endCursor: string | null }, months?: Array<{ month: string, count: number, cursor: string }>, facets: { tags: Array<{ tag: string, count: number }> }, sources: Array<{ lastSuccessAt: string | null, stale: boolean, reason: string | null, peer: { id: string, name: string } | null }> } };

export type GalleryPageQueryVariables = Exact<{
  origin: MediaOrigin;
  filter?: MediaFilter | null | undefined;
  orderBy?: MediaOrder | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}>;


export type GalleryPageQuery = { media: { nodes: Array<
      | { id: string, kind: MediaKind, title: string, width: number | null, height: number | null, durationMs: number | null, pageCount: number | null, thumbhash: string | null, takenAt: string | null, addedAt: string, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, viewerCanUpdate: boolean, peer: { id: string, name: string } | null }
      | { id: string, kind: MediaKind, title: string, width: number | null, height: number | null, durationMs: number | null, pageCount: number | null, thumbhash: string | null, takenAt: string | null, addedAt: string, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, viewerCanUpdate: boolean, peer: { id: string, name: string } }
    >, pageInfo: { startCursor: string | null, endCursor: string | null } } };

type Tile_LocalMedia_Fragment = { id: string, kind: MediaKind, title: string, width: number | null, height: number | null, durationMs: number | null, pageCount: number | null, thumbhash: string | null, takenAt: string | null, addedAt: string, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, viewerCanUpdate: boolean, peer: { id: string, name: string } | null };

type Tile_RemoteMedia_Fragment = { id: string, kind: MediaKind, title: string, width: number | null, height: number | null, durationMs: number | null, pageCount: number | null, thumbhash: string | null, takenAt: string | null, addedAt: string, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, viewerCanUpdate: boolean, peer: { id: string, name: string } };

export type TileFragment =
  | Tile_LocalMedia_Fragment
  | Tile_RemoteMedia_Fragment
;

export type GalleryItemQueryVariables = Exact<{
  id: string | number;
}>;


export type GalleryItemQuery = { node:
    | { visibility: Visibility, storage: StorageClass, description: string | null, filename: string | null, mimeType: string | null, byteSize: string | null, digest: string | null, takenAtOffset: number | null, tags: Array<string>, creator: string | null, license: string | null, properties: unknown, playableUrl: string | null, originalUrl: string | null, viewerCanDelete: boolean, id: string, kind: MediaKind, title: string, width: number | null, height: number | null, durationMs: number | null, pageCount: number | null, thumbhash: string | null, takenAt: string | null, addedAt: string, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, viewerCanUpdate: boolean, owner: { name: string } | null, sharedWith: Array<{ id: string, name: string }> | null, albums: Array<{ id: string, title: string, peer: { id: string } | null }>, copies: Array<
        | { id: string, peer: { name: string } | null }
        | { id: string, peer: { name: string } }
      >, peer: { id: string, name: string } | null }
    | { description: string | null, filename: string | null, mimeType: string | null, byteSize: string | null, digest: string | null, takenAtOffset: number | null, tags: Array<string>, creator: string | null, license: string | null, properties: unknown, playableUrl: string | null, originalUrl: string | null, viewerCanDelete: boolean, id: string, kind: MediaKind, title: string, width: number | null, height: number | null, durationMs: number | null, pageCount: number | null, thumbhash: string | null, takenAt: string | null, addedAt: string, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, viewerCanUpdate: boolean, albums: Array<{ id: string, title: string, peer: { id: string } | null }>, copies: Array<
        | { id: string, peer: { name: string } | null }
        | { id: string, peer: { name: string } }
      >, peer: { id: string, name: string } }
    | Record<PropertyKey, never>
   | null };

type WholeItem_LocalMedia_Fragment = { visibility: Visibility, storage: StorageClass, description: string | null, filename: string | null, mimeType: string | null, byteSize: string | null, digest: string | null, takenAtOffset: number | null, tags: Array<string>, creator: string | null, license: string | null, properties: unknown, playableUrl: string | null, originalUrl: string | null, viewerCanDelete: boolean, id: string, kind: MediaKind, title: string, width: number | null, height: number | null, durationMs: number | null, pageCount: number | null, thumbhash: string | null, takenAt: string | null, addedAt: string, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, viewerCanUpdate: boolean, owner: { name: string } | null, sharedWith: Array<{ id: string, name: string }> | null, albums: Array<{ id: string, title: string, peer: { id: string } | null }>, copies: Array<
    | { id: string, peer: { name: string } | null }
    | { id: string, peer: { name: string } }
  >, peer: { id: string, name: string } | null };

type WholeItem_RemoteMedia_Fragment = { description: string | null, filename: string | null, mimeType: string | null, byteSize: string | null, digest: string | null, takenAtOffset: number | null, tags: Array<string>, creator: string | null, license: string | null, properties: unknown, playableUrl: string | null, originalUrl: string | null, viewerCanDelete: boolean, id: string, kind: MediaKind, title: string, width: number | null, height: number | null, durationMs: number | null, pageCount: number | null, thumbhash: string | null, takenAt: string | null, addedAt: string, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, viewerCanUpdate: boolean, albums: Array<{ id: string, title: string, peer: { id: string } | null }>, copies: Array<
    | { id: string, peer: { name: string } | null }
    | { id: string, peer: { name: string } }
  >, peer: { id: string, name: string } };

export type WholeItemFragment =
  | WholeItem_LocalMedia_Fragment
  | WholeItem_RemoteMedia_Fragment
;

export type GallerySetVisibilityMutationVariables = Exact<{
  input: SetVisibilityInput;
}>;


export type GallerySetVisibilityMutation = { setVisibility: { media: Array<{ id: string, visibility: Visibility, sharedWith: Array<{ name: string }> | null }>, unsharedFrom: Array<{ name: string }>, userErrors: Array<{ message: string }> } };

export type GalleryTagMutationVariables = Exact<{
  input: TagMediaInput;
}>;


export type GalleryTagMutation = { tagMedia: { media: Array<{ id: string }>, userErrors: Array<{ message: string }> } };

export type GalleryUpdateItemMutationVariables = Exact<{
  input: UpdateMediaInput;
}>;


export type GalleryUpdateItemMutation = { updateMedia: { media: { visibility: Visibility, storage: StorageClass, description: string | null, filename: string | null, mimeType: string | null, byteSize: string | null, digest: string | null, takenAtOffset: number | null, tags: Array<string>, creator: string | null, license: string | null, properties: unknown, playableUrl: string | null, originalUrl: string | null, viewerCanDelete: boolean, id: string, kind: MediaKind, title: string, width: number | null, height: number | null, durationMs: number | null, pageCount: number | null, thumbhash: string | null, takenAt: string | null, addedAt: string, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, viewerCanUpdate: boolean, owner: { name: string } | null, sharedWith: Array<{ id: string, name: string }> | null, albums: Array<{ id: string, title: string, peer: { id: string } | null }>, copies: Array<
        | { id: string, peer: { name: string } | null }
        | { id: string, peer: { name: string } }
      >, peer: { id: string, name: string } | null } | null, unsharedFrom: Array<{ name: string }>, userErrors: Array<{ message: string }> } };

export type GalleryDeleteMutationVariables = Exact<{
  input: DeleteMediaInput;
}>;


export type GalleryDeleteMutation = { deleteMedia: { deletedMediaIds: Array<string>, userErrors: Array<{ message: string }> } };

export type GalleryCreateAlbumMutationVariables = Exact<{
  input: CreateAlbumInput;
}>;


export type GalleryCreateAlbumMutation = { createAlbum: { album: { id: string, title: string } | null, userErrors: Array<{ message: string }> } };

export type GalleryUpdateAlbumMutationVariables = Exact<{
  input: UpdateAlbumInput;
}>;


export type GalleryUpdateAlbumMutation = { updateAlbum: { album: { id: string, title: string } | null, userErrors: Array<{ message: string }> } };

export type UserErrorFieldsFragment = { field: Array<string> | null, code: ErrorCode, message: string };

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
export const AgentLineFragmentDoc = new TypedDocumentString(`
    fragment AgentLine on Agent {
  name
  description
  url
  version
  skills
}
    `, {"fragmentName":"AgentLine"}) as unknown as TypedDocumentString<AgentLineFragment, unknown>;
export const CacheItemFragmentDoc = new TypedDocumentString(`
    fragment CacheItem on Media {
  id
  title
  thumbnailUrl
  peer {
    id
    name
  }
}
    `, {"fragmentName":"CacheItem"}) as unknown as TypedDocumentString<CacheItemFragment, unknown>;
export const GrantFieldsFragmentDoc = new TypedDocumentString(`
    fragment GrantFields on Grant {
  kinds
  tags
  albums {
    id
    title
  }
  access
  until
}
    `, {"fragmentName":"GrantFields"}) as unknown as TypedDocumentString<GrantFieldsFragment, unknown>;
export const InvitationLineFragmentDoc = new TypedDocumentString(`
    fragment InvitationLine on Invitation {
  id
  note
  mutual
  grant {
    ...GrantFields
  }
  mediaCount
  placedCount
  createdAt
  expiresAt
  usedAt
  cancelledAt
}
    fragment GrantFields on Grant {
  kinds
  tags
  albums {
    id
    title
  }
  access
  until
}`, {"fragmentName":"InvitationLine"}) as unknown as TypedDocumentString<InvitationLineFragment, unknown>;
export const PeerWordsFragmentDoc = new TypedDocumentString(`
    fragment PeerWords on Peer {
  id
  name
  status
  health
  mediaCount
  lastSuccessAt
  operations {
    pull {
      nextAttemptAt
      error {
        message
      }
    }
    serve {
      mediaCount
      lastSeenAt
    }
  }
}
    `, {"fragmentName":"PeerWords"}) as unknown as TypedDocumentString<PeerWordsFragment, unknown>;
export const PeerGlanceFragmentDoc = new TypedDocumentString(`
    fragment PeerGlance on Peer {
  ...PeerWords
  operations {
    pull {
      heldRemovals
      bytesCached
      completeness
    }
  }
}
    fragment PeerWords on Peer {
  id
  name
  status
  health
  mediaCount
  lastSuccessAt
  operations {
    pull {
      nextAttemptAt
      error {
        message
      }
    }
    serve {
      mediaCount
      lastSeenAt
    }
  }
}`, {"fragmentName":"PeerGlance"}) as unknown as TypedDocumentString<PeerGlanceFragment, unknown>;
export const WholePeerFragmentDoc = new TypedDocumentString(`
    fragment WholePeer on Peer {
  ...PeerWords
  dialect
  verified
  operations {
    endpoint
    thumbprint
    pairedAt
    revokedAt
    pull {
      lastAttemptAt
      nextAttemptAt
      error {
        code
        message
        at
      }
      roundTripMs
      lag
      completeness
      inSync
      heldRemovals
      heldMedia {
        id
        title
      }
      skippedItems
      interval
      cacheMode
      cacheBudget
      audience
      bytesCached
      bytesFetched
    }
    serve {
      grant {
        ...GrantFields
      }
      limits {
        requestsPerMinute
        bytesPerSecond
        concurrentStreams
      }
      mediaCount
      bytesServed
      lastSeenAt
      credentialRotatedAt
    }
  }
}
    fragment GrantFields on Grant {
  kinds
  tags
  albums {
    id
    title
  }
  access
  until
}
fragment PeerWords on Peer {
  id
  name
  status
  health
  mediaCount
  lastSuccessAt
  operations {
    pull {
      nextAttemptAt
      error {
        message
      }
    }
    serve {
      mediaCount
      lastSeenAt
    }
  }
}`, {"fragmentName":"WholePeer"}) as unknown as TypedDocumentString<WholePeerFragment, unknown>;
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
  }
}
    `, {"fragmentName":"PullLine"}) as unknown as TypedDocumentString<PullLineFragment, unknown>;
export const PersonFragmentDoc = new TypedDocumentString(`
    fragment Person on User {
  id
  name
  role
  disabledAt
  createdAt
}
    `, {"fragmentName":"Person"}) as unknown as TypedDocumentString<PersonFragment, unknown>;
export const SessionLineFragmentDoc = new TypedDocumentString(`
    fragment SessionLine on Session {
  id
  userAgent
  createdAt
  lastSeenAt
  current
}
    `, {"fragmentName":"SessionLine"}) as unknown as TypedDocumentString<SessionLineFragment, unknown>;
export const TokenLineFragmentDoc = new TypedDocumentString(`
    fragment TokenLine on ApiToken {
  id
  name
  prefix
  scopes
  createdAt
  expiresAt
  lastUsedAt
}
    `, {"fragmentName":"TokenLine"}) as unknown as TypedDocumentString<TokenLineFragment, unknown>;
export const TileFragmentDoc = new TypedDocumentString(`
    fragment Tile on Media {
  id
  kind
  title
  width
  height
  durationMs
  pageCount
  thumbhash
  takenAt
  addedAt
  availability
  peer {
    id
    name
  }
  thumbnailUrl
  previewUrl
  viewerCanUpdate
}
    `, {"fragmentName":"Tile"}) as unknown as TypedDocumentString<TileFragment, unknown>;
export const WholeItemFragmentDoc = new TypedDocumentString(`
    fragment WholeItem on Media {
  ...Tile
  description
  filename
  mimeType
  byteSize
  digest
  takenAtOffset
  tags
  creator
  license
  properties
  playableUrl
  originalUrl
  viewerCanDelete
  albums {
    id
    title
    peer {
      id
    }
  }
  copies {
    id
    peer {
      name
    }
  }
  ... on LocalMedia {
    visibility
    storage
    owner {
      name
    }
    sharedWith {
      id
      name
    }
  }
}
    fragment Tile on Media {
  id
  kind
  title
  width
  height
  durationMs
  pageCount
  thumbhash
  takenAt
  addedAt
  availability
  peer {
    id
    name
  }
  thumbnailUrl
  previewUrl
  viewerCanUpdate
}`, {"fragmentName":"WholeItem"}) as unknown as TypedDocumentString<WholeItemFragment, unknown>;
export const UserErrorFieldsFragmentDoc = new TypedDocumentString(`
    fragment UserErrorFields on UserError {
  field
  code
  message
}
    `, {"fragmentName":"UserErrorFields"}) as unknown as TypedDocumentString<UserErrorFieldsFragment, unknown>;
export const AccountDocument = new TypedDocumentString(`
    query Account {
  viewer {
    user {
      id
    }
    secondFactor {
      since
      recoveryCodesLeft
    }
    sessions {
      id
      userAgent
      lastSeenAt
      current
    }
  }
}
    `) as unknown as TypedDocumentString<AccountQuery, AccountQueryVariables>;
export const AccountSetPasswordDocument = new TypedDocumentString(`
    mutation AccountSetPassword($id: ID!, $password: String!, $currentPassword: String!) {
  updateUser(
    input: { id: $id, password: $password, currentPassword: $currentPassword }
  ) {
    userErrors {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<AccountSetPasswordMutation, AccountSetPasswordMutationVariables>;
export const AccountBeginSecondFactorDocument = new TypedDocumentString(`
    mutation AccountBeginSecondFactor($currentPassword: String!) {
  beginSecondFactor(input: { currentPassword: $currentPassword }) {
    secret
    url
    userErrors {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<AccountBeginSecondFactorMutation, AccountBeginSecondFactorMutationVariables>;
export const AccountConfirmSecondFactorDocument = new TypedDocumentString(`
    mutation AccountConfirmSecondFactor($code: String!) {
  confirmSecondFactor(input: { code: $code }) {
    recoveryCodes
    userErrors {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<AccountConfirmSecondFactorMutation, AccountConfirmSecondFactorMutationVariables>;
export const AccountRenewRecoveryCodesDocument = new TypedDocumentString(`
    mutation AccountRenewRecoveryCodes($currentPassword: String!, $code: String!) {
  renewRecoveryCodes(input: { currentPassword: $currentPassword, code: $code }) {
    recoveryCodes
    userErrors {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<AccountRenewRecoveryCodesMutation, AccountRenewRecoveryCodesMutationVariables>;
export const AccountEndSecondFactorDocument = new TypedDocumentString(`
    mutation AccountEndSecondFactor($currentPassword: String!, $code: String!) {
  endSecondFactor(input: { currentPassword: $currentPassword, code: $code }) {
    userErrors {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<AccountEndSecondFactorMutation, AccountEndSecondFactorMutationVariables>;
export const AccountEndSessionDocument = new TypedDocumentString(`
    mutation AccountEndSession($id: ID!) {
  endSession(input: { id: $id }) {
    userErrors {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<AccountEndSessionMutation, AccountEndSessionMutationVariables>;
export const AdminAgentsDocument = new TypedDocumentString(`
    query AdminAgents {
  instance {
    federation
    agents {
      ...AgentLine
    }
  }
  peers(first: 200) {
    nodes {
      id
      name
      agents {
        ...AgentLine
      }
    }
  }
}
    fragment AgentLine on Agent {
  name
  description
  url
  version
  skills
}`) as unknown as TypedDocumentString<AdminAgentsQuery, AdminAgentsQueryVariables>;
export const AdminPublishAgentsDocument = new TypedDocumentString(`
    mutation AdminPublishAgents($input: PublishAgentsInput!) {
  publishAgents(input: $input) {
    instance {
      id
      agents {
        ...AgentLine
      }
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment AgentLine on Agent {
  name
  description
  url
  version
  skills
}
fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<AdminPublishAgentsMutation, AdminPublishAgentsMutationVariables>;
export const AdminAuditDocument = new TypedDocumentString(`
    query AdminAudit($filter: AuditFilter, $first: Int, $after: String) {
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
    `) as unknown as TypedDocumentString<AdminAuditQuery, AdminAuditQueryVariables>;
export const AdminAuditNamesDocument = new TypedDocumentString(`
    query AdminAuditNames {
  users(first: 500) {
    nodes {
      id
      name
    }
  }
  peers(status: [ACTIVE, PAUSED, REVOKED], first: 500) {
    nodes {
      id
      name
    }
  }
}
    `) as unknown as TypedDocumentString<AdminAuditNamesQuery, AdminAuditNamesQueryVariables>;
export const AdminCacheDocument = new TypedDocumentString(`
    query AdminCache {
  cache {
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
}
    `) as unknown as TypedDocumentString<AdminCacheQuery, AdminCacheQueryVariables>;
export const AdminKeptItemsDocument = new TypedDocumentString(`
    query AdminKeptItems($peerId: ID, $pinned: Boolean, $first: Int, $after: String) {
  cache {
    keptItems(peerId: $peerId, pinned: $pinned, first: $first, after: $after) {
      nodes {
        mediaId
        bytes
        pinned
        usedAt
        media {
          ...CacheItem
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    fragment CacheItem on Media {
  id
  title
  thumbnailUrl
  peer {
    id
    name
  }
}`) as unknown as TypedDocumentString<AdminKeptItemsQuery, AdminKeptItemsQueryVariables>;
export const AdminFindRemoteDocument = new TypedDocumentString(`
    query AdminFindRemote($query: String!) {
  media(origin: REMOTE, filter: { query: $query }, first: 8) {
    nodes {
      ...CacheItem
      availability
    }
  }
}
    fragment CacheItem on Media {
  id
  title
  thumbnailUrl
  peer {
    id
    name
  }
}`) as unknown as TypedDocumentString<AdminFindRemoteQuery, AdminFindRemoteQueryVariables>;
export const AdminPurgeCacheDocument = new TypedDocumentString(`
    mutation AdminPurgeCache($input: PurgeCacheInput!) {
  purgeCache(input: $input) {
    cache {
      bytes
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
}`) as unknown as TypedDocumentString<AdminPurgeCacheMutation, AdminPurgeCacheMutationVariables>;
export const AdminPinMediaDocument = new TypedDocumentString(`
    mutation AdminPinMedia($input: PinMediaInput!) {
  pinMedia(input: $input) {
    media {
      id
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
}`) as unknown as TypedDocumentString<AdminPinMediaMutation, AdminPinMediaMutationVariables>;
export const AdminInvitationsDocument = new TypedDocumentString(`
    query AdminInvitations($first: Int, $after: String) {
  invitations(first: $first, after: $after) {
    nodes {
      ...InvitationLine
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment InvitationLine on Invitation {
  id
  note
  mutual
  grant {
    ...GrantFields
  }
  mediaCount
  placedCount
  createdAt
  expiresAt
  usedAt
  cancelledAt
}
fragment GrantFields on Grant {
  kinds
  tags
  albums {
    id
    title
  }
  access
  until
}`) as unknown as TypedDocumentString<AdminInvitationsQuery, AdminInvitationsQueryVariables>;
export const AdminCreateInvitationDocument = new TypedDocumentString(`
    mutation AdminCreateInvitation($input: CreateInvitationInput!) {
  createInvitation(input: $input) {
    code
    invitation {
      ...InvitationLine
    }
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment InvitationLine on Invitation {
  id
  note
  mutual
  grant {
    ...GrantFields
  }
  mediaCount
  placedCount
  createdAt
  expiresAt
  usedAt
  cancelledAt
}
fragment GrantFields on Grant {
  kinds
  tags
  albums {
    id
    title
  }
  access
  until
}
fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<AdminCreateInvitationMutation, AdminCreateInvitationMutationVariables>;
export const AdminCancelInvitationDocument = new TypedDocumentString(`
    mutation AdminCancelInvitation($input: CancelInvitationInput!) {
  cancelInvitation(input: $input) {
    invitation {
      id
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
}`) as unknown as TypedDocumentString<AdminCancelInvitationMutation, AdminCancelInvitationMutationVariables>;
export const AdminPairWithPeerDocument = new TypedDocumentString(`
    mutation AdminPairWithPeer($input: PairWithPeerInput!) {
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
}`) as unknown as TypedDocumentString<AdminPairWithPeerMutation, AdminPairWithPeerMutationVariables>;
export const AdminAddPeerDocument = new TypedDocumentString(`
    mutation AdminAddPeer($input: AddPeerInput!) {
  addPeer(input: $input) {
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
}`) as unknown as TypedDocumentString<AdminAddPeerMutation, AdminAddPeerMutationVariables>;
export const AdminCreatePeerCredentialDocument = new TypedDocumentString(`
    mutation AdminCreatePeerCredential($input: CreatePeerCredentialInput!) {
  createPeerCredential(input: $input) {
    peer {
      id
      name
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
}`) as unknown as TypedDocumentString<AdminCreatePeerCredentialMutation, AdminCreatePeerCredentialMutationVariables>;
export const AdminGlanceDocument = new TypedDocumentString(`
    query AdminGlance {
  peers(first: 500) {
    nodes {
      ...PeerWords
      operations {
        pull {
          heldRemovals
        }
      }
    }
  }
}
    fragment PeerWords on Peer {
  id
  name
  status
  health
  mediaCount
  lastSuccessAt
  operations {
    pull {
      nextAttemptAt
      error {
        message
      }
    }
    serve {
      mediaCount
      lastSeenAt
    }
  }
}`) as unknown as TypedDocumentString<AdminGlanceQuery, AdminGlanceQueryVariables>;
export const AdminPeersDocument = new TypedDocumentString(`
    query AdminPeers {
  peers(first: 500) {
    totalCount
    nodes {
      ...PeerGlance
    }
  }
  ended: peers(status: [REVOKED], first: 50) {
    nodes {
      id
      name
      operations {
        revokedAt
      }
    }
  }
  instance {
    federation
  }
}
    fragment PeerGlance on Peer {
  ...PeerWords
  operations {
    pull {
      heldRemovals
      bytesCached
      completeness
    }
  }
}
fragment PeerWords on Peer {
  id
  name
  status
  health
  mediaCount
  lastSuccessAt
  operations {
    pull {
      nextAttemptAt
      error {
        message
      }
    }
    serve {
      mediaCount
      lastSeenAt
    }
  }
}`) as unknown as TypedDocumentString<AdminPeersQuery, AdminPeersQueryVariables>;
export const AdminPeerDocument = new TypedDocumentString(`
    query AdminPeer($id: ID!) {
  node(id: $id) {
    __typename
    ... on Peer {
      ...WholePeer
    }
  }
}
    fragment WholePeer on Peer {
  ...PeerWords
  dialect
  verified
  operations {
    endpoint
    thumbprint
    pairedAt
    revokedAt
    pull {
      lastAttemptAt
      nextAttemptAt
      error {
        code
        message
        at
      }
      roundTripMs
      lag
      completeness
      inSync
      heldRemovals
      heldMedia {
        id
        title
      }
      skippedItems
      interval
      cacheMode
      cacheBudget
      audience
      bytesCached
      bytesFetched
    }
    serve {
      grant {
        ...GrantFields
      }
      limits {
        requestsPerMinute
        bytesPerSecond
        concurrentStreams
      }
      mediaCount
      bytesServed
      lastSeenAt
      credentialRotatedAt
    }
  }
}
fragment GrantFields on Grant {
  kinds
  tags
  albums {
    id
    title
  }
  access
  until
}
fragment PeerWords on Peer {
  id
  name
  status
  health
  mediaCount
  lastSuccessAt
  operations {
    pull {
      nextAttemptAt
      error {
        message
      }
    }
    serve {
      mediaCount
      lastSeenAt
    }
  }
}`) as unknown as TypedDocumentString<AdminPeerQuery, AdminPeerQueryVariables>;
export const AdminPullsDocument = new TypedDocumentString(`
    query AdminPulls($id: ID!, $first: Int, $after: String) {
  node(id: $id) {
    ... on Peer {
      operations {
        pulls(first: $first, after: $after) {
          nodes {
            ...PullLine
          }
          pageInfo {
            hasNextPage
            endCursor
          }
        }
      }
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
  }
}`) as unknown as TypedDocumentString<AdminPullsQuery, AdminPullsQueryVariables>;
export const AdminGrantChoicesDocument = new TypedDocumentString(`
    query AdminGrantChoices {
  albums(origin: LOCAL, first: 500) {
    nodes {
      id
      title
      mediaCount
    }
  }
  media(origin: LOCAL, filter: { visibilities: [PEERS, PUBLIC] }, first: 1) {
    facets {
      tags(first: 200) {
        tag
        count
      }
    }
  }
}
    `) as unknown as TypedDocumentString<AdminGrantChoicesQuery, AdminGrantChoicesQueryVariables>;
export const AdminGrantCountDocument = new TypedDocumentString(`
    query AdminGrantCount($filter: MediaFilter!) {
  media(origin: LOCAL, filter: $filter, first: 1) {
    totalCount
  }
}
    `) as unknown as TypedDocumentString<AdminGrantCountQuery, AdminGrantCountQueryVariables>;
export const AdminRefreshPeerDocument = new TypedDocumentString(`
    mutation AdminRefreshPeer($input: RefreshPeerInput!) {
  refreshPeer(input: $input) {
    pulls {
      id
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
}`) as unknown as TypedDocumentString<AdminRefreshPeerMutation, AdminRefreshPeerMutationVariables>;
export const AdminUpdatePeerDocument = new TypedDocumentString(`
    mutation AdminUpdatePeer($input: UpdatePeerInput!) {
  updatePeer(input: $input) {
    peer {
      id
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
}`) as unknown as TypedDocumentString<AdminUpdatePeerMutation, AdminUpdatePeerMutationVariables>;
export const AdminDiagnosePeerDocument = new TypedDocumentString(`
    mutation AdminDiagnosePeer($input: DiagnosePeerInput!) {
  diagnosePeer(input: $input) {
    diagnosis {
      id
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
}`) as unknown as TypedDocumentString<AdminDiagnosePeerMutation, AdminDiagnosePeerMutationVariables>;
export const AdminDiagnosisDocument = new TypedDocumentString(`
    query AdminDiagnosis($id: ID!) {
  node(id: $id) {
    ... on Diagnosis {
      id
      state
      results {
        step
        ok
        durationMs
        message
      }
    }
  }
}
    `) as unknown as TypedDocumentString<AdminDiagnosisQuery, AdminDiagnosisQueryVariables>;
export const AdminResolveHeldRemovalsDocument = new TypedDocumentString(`
    mutation AdminResolveHeldRemovals($input: ResolveHeldRemovalsInput!) {
  resolveHeldRemovals(input: $input) {
    peer {
      id
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
}`) as unknown as TypedDocumentString<AdminResolveHeldRemovalsMutation, AdminResolveHeldRemovalsMutationVariables>;
export const AdminRotatePeerCredentialDocument = new TypedDocumentString(`
    mutation AdminRotatePeerCredential($input: RotatePeerCredentialInput!) {
  rotatePeerCredential(input: $input) {
    peer {
      id
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
}`) as unknown as TypedDocumentString<AdminRotatePeerCredentialMutation, AdminRotatePeerCredentialMutationVariables>;
export const AdminRevokePeerDocument = new TypedDocumentString(`
    mutation AdminRevokePeer($input: RevokePeerInput!) {
  revokePeer(input: $input) {
    peer {
      id
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
}`) as unknown as TypedDocumentString<AdminRevokePeerMutation, AdminRevokePeerMutationVariables>;
export const AdminPeopleDocument = new TypedDocumentString(`
    query AdminPeople($first: Int, $after: String) {
  users(first: $first, after: $after) {
    nodes {
      ...Person
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment Person on User {
  id
  name
  role
  disabledAt
  createdAt
}`) as unknown as TypedDocumentString<AdminPeopleQuery, AdminPeopleQueryVariables>;
export const AdminPersonDocument = new TypedDocumentString(`
    query AdminPerson($id: ID!) {
  node(id: $id) {
    ... on User {
      ...Person
      secondFactor
      sessions {
        ...SessionLine
      }
      apiTokens {
        ...TokenLine
      }
    }
  }
}
    fragment Person on User {
  id
  name
  role
  disabledAt
  createdAt
}
fragment SessionLine on Session {
  id
  userAgent
  createdAt
  lastSeenAt
  current
}
fragment TokenLine on ApiToken {
  id
  name
  prefix
  scopes
  createdAt
  expiresAt
  lastUsedAt
}`) as unknown as TypedDocumentString<AdminPersonQuery, AdminPersonQueryVariables>;
export const AdminCreateUserDocument = new TypedDocumentString(`
    mutation AdminCreateUser($input: CreateUserInput!) {
  createUser(input: $input) {
    user {
      ...Person
    }
    setupUrl
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment Person on User {
  id
  name
  role
  disabledAt
  createdAt
}
fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<AdminCreateUserMutation, AdminCreateUserMutationVariables>;
export const AdminUpdateUserDocument = new TypedDocumentString(`
    mutation AdminUpdateUser($input: UpdateUserInput!) {
  updateUser(input: $input) {
    user {
      ...Person
    }
    setupUrl
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment Person on User {
  id
  name
  role
  disabledAt
  createdAt
}
fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<AdminUpdateUserMutation, AdminUpdateUserMutationVariables>;
export const AdminResetSecondFactorDocument = new TypedDocumentString(`
    mutation AdminResetSecondFactor($input: ResetSecondFactorInput!) {
  resetSecondFactor(input: $input) {
    user {
      id
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
}`) as unknown as TypedDocumentString<AdminResetSecondFactorMutation, AdminResetSecondFactorMutationVariables>;
export const AdminEndSessionDocument = new TypedDocumentString(`
    mutation AdminEndSession($input: EndSessionInput!) {
  endSession(input: $input) {
    endedSessionId
    userErrors {
      ...UserErrorFields
    }
  }
}
    fragment UserErrorFields on UserError {
  field
  code
  message
}`) as unknown as TypedDocumentString<AdminEndSessionMutation, AdminEndSessionMutationVariables>;
export const AdminMyTokensDocument = new TypedDocumentString(`
    query AdminMyTokens {
  viewer {
    apiTokens {
      ...TokenLine
    }
  }
}
    fragment TokenLine on ApiToken {
  id
  name
  prefix
  scopes
  createdAt
  expiresAt
  lastUsedAt
}`) as unknown as TypedDocumentString<AdminMyTokensQuery, AdminMyTokensQueryVariables>;
export const AdminCreateTokenDocument = new TypedDocumentString(`
    mutation AdminCreateToken($input: CreateApiTokenInput!) {
  createApiToken(input: $input) {
    apiToken {
      id
      name
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
}`) as unknown as TypedDocumentString<AdminCreateTokenMutation, AdminCreateTokenMutationVariables>;
export const AdminRevokeTokenDocument = new TypedDocumentString(`
    mutation AdminRevokeToken($input: RevokeApiTokenInput!) {
  revokeApiToken(input: $input) {
    apiToken {
      id
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
}`) as unknown as TypedDocumentString<AdminRevokeTokenMutation, AdminRevokeTokenMutationVariables>;
export const AdminSettingsDocument = new TypedDocumentString(`
    query AdminSettings {
  instance {
    id
    name
    version
    publicUrl
    thumbprint
    federation
    mediaCount
  }
  peers(first: 1) {
    totalCount
  }
}
    `) as unknown as TypedDocumentString<AdminSettingsQuery, AdminSettingsQueryVariables>;
export const AdminRotateKeyDocument = new TypedDocumentString(`
    mutation AdminRotateKey($input: RotateInstanceKeyInput!) {
  rotateInstanceKey(input: $input) {
    instance {
      id
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
}`) as unknown as TypedDocumentString<AdminRotateKeyMutation, AdminRotateKeyMutationVariables>;
export const ChangesDocument = new TypedDocumentString(`
    subscription Changes($since: BigInt) {
  changed(sinceRevision: $since) {
    catalog {
      revision
      reset
      removedIds
      changed {
        id
      }
    }
    peer {
      id
    }
    pull {
      id
    }
    diagnosis {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<ChangesSubscription, ChangesSubscriptionVariables>;
export const GalleryPlacesDocument = new TypedDocumentString(`
    query GalleryPlaces {
  instance {
    mediaCount
  }
  all: media(first: 1) {
    totalCount
  }
  peers(first: 100) {
    nodes {
      ...PeerWords
    }
  }
  albums(first: 200) {
    totalCount
    nodes {
      id
      title
      mediaCount
      peer {
        id
        name
      }
    }
  }
}
    fragment PeerWords on Peer {
  id
  name
  status
  health
  mediaCount
  lastSuccessAt
  operations {
    pull {
      nextAttemptAt
      error {
        message
      }
    }
    serve {
      mediaCount
      lastSeenAt
    }
  }
}`) as unknown as TypedDocumentString<GalleryPlacesQuery, GalleryPlacesQueryVariables>;
export const GalleryCoversDocument = new TypedDocumentString(`
    query GalleryCovers {
  albums(first: 200) {
    nodes {
      id
      media(first: 1) {
        nodes {
          id
          thumbnailUrl
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<GalleryCoversQuery, GalleryCoversQueryVariables>;
export const GalleryFrameDocument = new TypedDocumentString(`
    query GalleryFrame($origin: MediaOrigin!, $filter: MediaFilter, $orderBy: MediaOrder, $months: Boolean!, $first: Int!) {
  media(origin: $origin, filter: $filter, orderBy: $orderBy, first: $first) {
    totalCount
    nodes {
      ...Tile
    }
    pageInfo {
      startCursor
      endCursor
    }
    months @include(if: $months) {
      month
      count
      cursor
    }
    facets {
      tags(first: 60) {
        tag
        count
      }
    }
    sources {
      peer {
        id
        name
      }
      lastSuccessAt
      stale
      reason
    }
  }
}
    fragment Tile on Media {
  id
  kind
  title
  width
  height
  durationMs
  pageCount
  thumbhash
  takenAt
  addedAt
  availability
  peer {
    id
    name
  }
  thumbnailUrl
  previewUrl
  viewerCanUpdate
}`) as unknown as TypedDocumentString<GalleryFrameQuery, GalleryFrameQueryVariables>;
export const GalleryPageDocument = new TypedDocumentString(`
    query GalleryPage($origin: MediaOrigin!, $filter: MediaFilter, $orderBy: MediaOrder, $first: Int, $after: String, $last: Int, $before: String) {
  media(
    origin: $origin
    filter: $filter
    orderBy: $orderBy
    first: $first
    after: $after
    last: $last
    before: $before
  ) {
    nodes {
      ...Tile
    }
    pageInfo {
      startCursor
      endCursor
    }
  }
}
    fragment Tile on Media {
  id
  kind
  title
  width
  height
  durationMs
  pageCount
  thumbhash
  takenAt
  addedAt
  availability
  peer {
    id
    name
  }
  thumbnailUrl
  previewUrl
  viewerCanUpdate
}`) as unknown as TypedDocumentString<GalleryPageQuery, GalleryPageQueryVariables>;
export const GalleryItemDocument = new TypedDocumentString(`
    query GalleryItem($id: ID!) {
  node(id: $id) {
    ...WholeItem
  }
}
    fragment Tile on Media {
  id
  kind
  title
  width
  height
  durationMs
  pageCount
  thumbhash
  takenAt
  addedAt
  availability
  peer {
    id
    name
  }
  thumbnailUrl
  previewUrl
  viewerCanUpdate
}
fragment WholeItem on Media {
  ...Tile
  description
  filename
  mimeType
  byteSize
  digest
  takenAtOffset
  tags
  creator
  license
  properties
  playableUrl
  originalUrl
  viewerCanDelete
  albums {
    id
    title
    peer {
      id
    }
  }
  copies {
    id
    peer {
      name
    }
  }
  ... on LocalMedia {
    visibility
    storage
    owner {
      name
    }
    sharedWith {
      id
      name
    }
  }
}`) as unknown as TypedDocumentString<GalleryItemQuery, GalleryItemQueryVariables>;
export const GallerySetVisibilityDocument = new TypedDocumentString(`
    mutation GallerySetVisibility($input: SetVisibilityInput!) {
  setVisibility(input: $input) {
    media {
      id
      visibility
      sharedWith {
        name
      }
    }
    unsharedFrom {
      name
    }
    userErrors {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<GallerySetVisibilityMutation, GallerySetVisibilityMutationVariables>;
export const GalleryTagDocument = new TypedDocumentString(`
    mutation GalleryTag($input: TagMediaInput!) {
  tagMedia(input: $input) {
    media {
      id
    }
    userErrors {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<GalleryTagMutation, GalleryTagMutationVariables>;
export const GalleryUpdateItemDocument = new TypedDocumentString(`
    mutation GalleryUpdateItem($input: UpdateMediaInput!) {
  updateMedia(input: $input) {
    media {
      ...WholeItem
    }
    unsharedFrom {
      name
    }
    userErrors {
      message
    }
  }
}
    fragment Tile on Media {
  id
  kind
  title
  width
  height
  durationMs
  pageCount
  thumbhash
  takenAt
  addedAt
  availability
  peer {
    id
    name
  }
  thumbnailUrl
  previewUrl
  viewerCanUpdate
}
fragment WholeItem on Media {
  ...Tile
  description
  filename
  mimeType
  byteSize
  digest
  takenAtOffset
  tags
  creator
  license
  properties
  playableUrl
  originalUrl
  viewerCanDelete
  albums {
    id
    title
    peer {
      id
    }
  }
  copies {
    id
    peer {
      name
    }
  }
  ... on LocalMedia {
    visibility
    storage
    owner {
      name
    }
    sharedWith {
      id
      name
    }
  }
}`) as unknown as TypedDocumentString<GalleryUpdateItemMutation, GalleryUpdateItemMutationVariables>;
export const GalleryDeleteDocument = new TypedDocumentString(`
    mutation GalleryDelete($input: DeleteMediaInput!) {
  deleteMedia(input: $input) {
    deletedMediaIds
    userErrors {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<GalleryDeleteMutation, GalleryDeleteMutationVariables>;
export const GalleryCreateAlbumDocument = new TypedDocumentString(`
    mutation GalleryCreateAlbum($input: CreateAlbumInput!) {
  createAlbum(input: $input) {
    album {
      id
      title
    }
    userErrors {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<GalleryCreateAlbumMutation, GalleryCreateAlbumMutationVariables>;
export const GalleryUpdateAlbumDocument = new TypedDocumentString(`
    mutation GalleryUpdateAlbum($input: UpdateAlbumInput!) {
  updateAlbum(input: $input) {
    album {
      id
      title
    }
    userErrors {
      message
    }
  }
}
    `) as unknown as TypedDocumentString<GalleryUpdateAlbumMutation, GalleryUpdateAlbumMutationVariables>;