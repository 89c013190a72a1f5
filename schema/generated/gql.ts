/* eslint-disable */
import * as types from './graphql.ts';



/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "mutation CancelInvitation($id: ID!) {\n  cancelInvitation(input: {id: $id}) {\n    invitation {\n      id\n      cancelledAt\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": typeof types.CancelInvitationDocument,
    "mutation DeleteMedia($ids: [ID!]!) {\n  deleteMedia(input: {ids: $ids}) {\n    deletedMediaIds\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": typeof types.DeleteMediaDocument,
    "query ExplainMedia($id: ID!) {\n  node(id: $id) {\n    __typename\n    ... on Media {\n      id\n      title\n      kind\n      mimeType\n      byteSize\n      digest\n      availability\n      thumbnailUrl\n      previewUrl\n      playableUrl\n      originalUrl\n      copies {\n        id\n        title\n        peer {\n          name\n        }\n      }\n    }\n    ... on LocalMedia {\n      visibility\n      storage\n    }\n    ... on RemoteMedia {\n      remoteId\n      hidden\n      peer {\n        id\n        name\n        health\n        lastSuccessAt\n      }\n    }\n  }\n}": typeof types.ExplainMediaDocument,
    "mutation Invite($input: CreateInvitationInput!) {\n  createInvitation(input: $input) {\n    code\n    invitation {\n      id\n      note\n      mediaCount\n      placedCount\n      expiresAt\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": typeof types.InviteDocument,
    "query ListInvitations($after: String) {\n  invitations(first: 100, after: $after) {\n    nodes {\n      id\n      note\n      createdAt\n      expiresAt\n      usedAt\n      cancelledAt\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}": typeof types.ListInvitationsDocument,
    "query ListPeers($status: [PeerStatus!]! = [ACTIVE, PAUSED], $after: String) {\n  peers(status: $status, first: 100, after: $after) {\n    totalCount\n    nodes {\n      ...PeerLine\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}": typeof types.ListPeersDocument,
    "mutation Pair($input: PairWithPeerInput!) {\n  pairWithPeer(input: $input) {\n    peer {\n      ...PeerLine\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": typeof types.PairDocument,
    "fragment PeerLine on Peer {\n  id\n  name\n  status\n  health\n  dialect\n  verified\n  mediaCount\n  lastSuccessAt\n  operations {\n    endpoint\n    thumbprint\n    pairedAt\n    revokedAt\n    pull {\n      lastAttemptAt\n      nextAttemptAt\n      lag\n      completeness\n      inSync\n      heldRemovals\n      skippedItems\n      interval\n      cacheMode\n      audience\n      bytesCached\n      bytesFetched\n      error {\n        code\n        message\n        at\n      }\n    }\n    serve {\n      mediaCount\n      bytesServed\n      lastSeenAt\n    }\n  }\n}": typeof types.PeerLineFragmentDoc,
    "fragment PullLine on Pull {\n  id\n  state\n  startedAt\n  finishedAt\n  added\n  changed\n  removed\n  skipped\n  total\n  error {\n    code\n    message\n    at\n  }\n  peer {\n    id\n    name\n  }\n}": typeof types.PullLineFragmentDoc,
    "mutation Revoke($id: ID!, $keepCached: Boolean! = false) {\n  revokePeer(input: {id: $id, keepCached: $keepCached}) {\n    peer {\n      ...PeerLine\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": typeof types.RevokeDocument,
    "mutation SetVisibility($ids: [ID!]!, $visibility: Visibility!) {\n  setVisibility(input: {ids: $ids, visibility: $visibility}) {\n    media {\n      id\n      title\n      visibility\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": typeof types.SetVisibilityDocument,
    "mutation Sync($id: ID) {\n  refreshPeer(input: {id: $id}) {\n    pulls {\n      ...PullLine\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": typeof types.SyncDocument,
    "mutation UpdatePeer($input: UpdatePeerInput!) {\n  updatePeer(input: $input) {\n    peer {\n      ...PeerLine\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": typeof types.UpdatePeerDocument,
    "fragment UserErrorLine on UserError {\n  field\n  code\n  message\n}": typeof types.UserErrorLineFragmentDoc,
    "query WatchPulls($ids: [ID!]!) {\n  nodes(ids: $ids) {\n    ... on Pull {\n      ...PullLine\n    }\n  }\n}": typeof types.WatchPullsDocument,
};
const documents: Documents = {
    "mutation CancelInvitation($id: ID!) {\n  cancelInvitation(input: {id: $id}) {\n    invitation {\n      id\n      cancelledAt\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": types.CancelInvitationDocument,
    "mutation DeleteMedia($ids: [ID!]!) {\n  deleteMedia(input: {ids: $ids}) {\n    deletedMediaIds\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": types.DeleteMediaDocument,
    "query ExplainMedia($id: ID!) {\n  node(id: $id) {\n    __typename\n    ... on Media {\n      id\n      title\n      kind\n      mimeType\n      byteSize\n      digest\n      availability\n      thumbnailUrl\n      previewUrl\n      playableUrl\n      originalUrl\n      copies {\n        id\n        title\n        peer {\n          name\n        }\n      }\n    }\n    ... on LocalMedia {\n      visibility\n      storage\n    }\n    ... on RemoteMedia {\n      remoteId\n      hidden\n      peer {\n        id\n        name\n        health\n        lastSuccessAt\n      }\n    }\n  }\n}": types.ExplainMediaDocument,
    "mutation Invite($input: CreateInvitationInput!) {\n  createInvitation(input: $input) {\n    code\n    invitation {\n      id\n      note\n      mediaCount\n      placedCount\n      expiresAt\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": types.InviteDocument,
    "query ListInvitations($after: String) {\n  invitations(first: 100, after: $after) {\n    nodes {\n      id\n      note\n      createdAt\n      expiresAt\n      usedAt\n      cancelledAt\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}": types.ListInvitationsDocument,
    "query ListPeers($status: [PeerStatus!]! = [ACTIVE, PAUSED], $after: String) {\n  peers(status: $status, first: 100, after: $after) {\n    totalCount\n    nodes {\n      ...PeerLine\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}": types.ListPeersDocument,
    "mutation Pair($input: PairWithPeerInput!) {\n  pairWithPeer(input: $input) {\n    peer {\n      ...PeerLine\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": types.PairDocument,
    "fragment PeerLine on Peer {\n  id\n  name\n  status\n  health\n  dialect\n  verified\n  mediaCount\n  lastSuccessAt\n  operations {\n    endpoint\n    thumbprint\n    pairedAt\n    revokedAt\n    pull {\n      lastAttemptAt\n      nextAttemptAt\n      lag\n      completeness\n      inSync\n      heldRemovals\n      skippedItems\n      interval\n      cacheMode\n      audience\n      bytesCached\n      bytesFetched\n      error {\n        code\n        message\n        at\n      }\n    }\n    serve {\n      mediaCount\n      bytesServed\n      lastSeenAt\n    }\n  }\n}": types.PeerLineFragmentDoc,
    "fragment PullLine on Pull {\n  id\n  state\n  startedAt\n  finishedAt\n  added\n  changed\n  removed\n  skipped\n  total\n  error {\n    code\n    message\n    at\n  }\n  peer {\n    id\n    name\n  }\n}": types.PullLineFragmentDoc,
    "mutation Revoke($id: ID!, $keepCached: Boolean! = false) {\n  revokePeer(input: {id: $id, keepCached: $keepCached}) {\n    peer {\n      ...PeerLine\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": types.RevokeDocument,
    "mutation SetVisibility($ids: [ID!]!, $visibility: Visibility!) {\n  setVisibility(input: {ids: $ids, visibility: $visibility}) {\n    media {\n      id\n      title\n      visibility\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": types.SetVisibilityDocument,
    "mutation Sync($id: ID) {\n  refreshPeer(input: {id: $id}) {\n    pulls {\n      ...PullLine\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": types.SyncDocument,
    "mutation UpdatePeer($input: UpdatePeerInput!) {\n  updatePeer(input: $input) {\n    peer {\n      ...PeerLine\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}": types.UpdatePeerDocument,
    "fragment UserErrorLine on UserError {\n  field\n  code\n  message\n}": types.UserErrorLineFragmentDoc,
    "query WatchPulls($ids: [ID!]!) {\n  nodes(ids: $ids) {\n    ... on Pull {\n      ...PullLine\n    }\n  }\n}": types.WatchPullsDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CancelInvitation($id: ID!) {\n  cancelInvitation(input: {id: $id}) {\n    invitation {\n      id\n      cancelledAt\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}"): typeof import('./graphql.ts').CancelInvitationDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DeleteMedia($ids: [ID!]!) {\n  deleteMedia(input: {ids: $ids}) {\n    deletedMediaIds\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}"): typeof import('./graphql.ts').DeleteMediaDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query ExplainMedia($id: ID!) {\n  node(id: $id) {\n    __typename\n    ... on Media {\n      id\n      title\n      kind\n      mimeType\n      byteSize\n      digest\n      availability\n      thumbnailUrl\n      previewUrl\n      playableUrl\n      originalUrl\n      copies {\n        id\n        title\n        peer {\n          name\n        }\n      }\n    }\n    ... on LocalMedia {\n      visibility\n      storage\n    }\n    ... on RemoteMedia {\n      remoteId\n      hidden\n      peer {\n        id\n        name\n        health\n        lastSuccessAt\n      }\n    }\n  }\n}"): typeof import('./graphql.ts').ExplainMediaDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Invite($input: CreateInvitationInput!) {\n  createInvitation(input: $input) {\n    code\n    invitation {\n      id\n      note\n      mediaCount\n      placedCount\n      expiresAt\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}"): typeof import('./graphql.ts').InviteDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query ListInvitations($after: String) {\n  invitations(first: 100, after: $after) {\n    nodes {\n      id\n      note\n      createdAt\n      expiresAt\n      usedAt\n      cancelledAt\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}"): typeof import('./graphql.ts').ListInvitationsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query ListPeers($status: [PeerStatus!]! = [ACTIVE, PAUSED], $after: String) {\n  peers(status: $status, first: 100, after: $after) {\n    totalCount\n    nodes {\n      ...PeerLine\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}"): typeof import('./graphql.ts').ListPeersDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Pair($input: PairWithPeerInput!) {\n  pairWithPeer(input: $input) {\n    peer {\n      ...PeerLine\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}"): typeof import('./graphql.ts').PairDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment PeerLine on Peer {\n  id\n  name\n  status\n  health\n  dialect\n  verified\n  mediaCount\n  lastSuccessAt\n  operations {\n    endpoint\n    thumbprint\n    pairedAt\n    revokedAt\n    pull {\n      lastAttemptAt\n      nextAttemptAt\n      lag\n      completeness\n      inSync\n      heldRemovals\n      skippedItems\n      interval\n      cacheMode\n      audience\n      bytesCached\n      bytesFetched\n      error {\n        code\n        message\n        at\n      }\n    }\n    serve {\n      mediaCount\n      bytesServed\n      lastSeenAt\n    }\n  }\n}"): typeof import('./graphql.ts').PeerLineFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment PullLine on Pull {\n  id\n  state\n  startedAt\n  finishedAt\n  added\n  changed\n  removed\n  skipped\n  total\n  error {\n    code\n    message\n    at\n  }\n  peer {\n    id\n    name\n  }\n}"): typeof import('./graphql.ts').PullLineFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Revoke($id: ID!, $keepCached: Boolean! = false) {\n  revokePeer(input: {id: $id, keepCached: $keepCached}) {\n    peer {\n      ...PeerLine\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}"): typeof import('./graphql.ts').RevokeDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation SetVisibility($ids: [ID!]!, $visibility: Visibility!) {\n  setVisibility(input: {ids: $ids, visibility: $visibility}) {\n    media {\n      id\n      title\n      visibility\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}"): typeof import('./graphql.ts').SetVisibilityDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Sync($id: ID) {\n  refreshPeer(input: {id: $id}) {\n    pulls {\n      ...PullLine\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}"): typeof import('./graphql.ts').SyncDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation UpdatePeer($input: UpdatePeerInput!) {\n  updatePeer(input: $input) {\n    peer {\n      ...PeerLine\n    }\n    userErrors {\n      ...UserErrorLine\n    }\n  }\n}"): typeof import('./graphql.ts').UpdatePeerDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment UserErrorLine on UserError {\n  field\n  code\n  message\n}"): typeof import('./graphql.ts').UserErrorLineFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query WatchPulls($ids: [ID!]!) {\n  nodes(ids: $ids) {\n    ... on Pull {\n      ...PullLine\n    }\n  }\n}"): typeof import('./graphql.ts').WatchPullsDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
