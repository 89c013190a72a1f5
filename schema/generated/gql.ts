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
    "mutation AddPeer($input: AddPeerInput!) {\n  addPeer(input: $input) {\n    peer {\n      id\n      name\n      dialect\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.AddPeerDocument,
    "query AuditEvents($filter: AuditFilter, $first: Int!, $after: String) {\n  auditEvents(filter: $filter, first: $first, after: $after) {\n    nodes {\n      id\n      at\n      actorKind\n      actor\n      action\n      target\n      outcome\n      code\n      address\n      bytes\n      detail\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}": typeof types.AuditEventsDocument,
    "fragment CacheFields on CacheUsage {\n  bytes\n  budget\n  pinnedBytes\n  items\n  peers {\n    peer {\n      id\n      name\n    }\n    bytes\n    budget\n    items\n  }\n}": typeof types.CacheFieldsFragmentDoc,
    "query Cache {\n  cache {\n    ...CacheFields\n  }\n}": typeof types.CacheDocument,
    "mutation CreateInvitation($input: CreateInvitationInput!) {\n  createInvitation(input: $input) {\n    code\n    invitation {\n      id\n      mediaCount\n      placedCount\n      expiresAt\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.CreateInvitationDocument,
    "mutation CreatePeerCredential($input: CreatePeerCredentialInput!) {\n  createPeerCredential(input: $input) {\n    peer {\n      id\n      name\n      dialect\n    }\n    token\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.CreatePeerCredentialDocument,
    "mutation DiagnosePeer($input: DiagnosePeerInput!) {\n  diagnosePeer(input: $input) {\n    diagnosis {\n      ...DiagnosisFields\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.DiagnosePeerDocument,
    "fragment DiagnosisFields on Diagnosis {\n  id\n  state\n  results {\n    step\n    ok\n    durationMs\n    message\n  }\n}": typeof types.DiagnosisFieldsFragmentDoc,
    "query Diagnosis($id: ID!) {\n  node(id: $id) {\n    __typename\n    ... on Diagnosis {\n      ...DiagnosisFields\n    }\n  }\n}": typeof types.DiagnosisDocument,
    "query ExplainMedia($id: ID!) {\n  explainMedia(id: $id) {\n    media {\n      id\n      title\n      peer {\n        id\n        name\n      }\n    }\n    files {\n      variant\n      mimeType\n      byteSize\n      digest\n      source\n      reason\n      segments\n      segmentCount\n      bytesCached\n      pinned\n      usedAt\n      lastAnswer {\n        at\n        cacheStatus\n        code\n        message\n      }\n    }\n  }\n}": typeof types.ExplainMediaDocument,
    "query Instance {\n  instance {\n    id\n    name\n    version\n    thumbprint\n    federation\n    mediaCount\n  }\n}": typeof types.InstanceDocument,
    "mutation PairWithPeer($input: PairWithPeerInput!) {\n  pairWithPeer(input: $input) {\n    peer {\n      id\n      name\n    }\n    notice\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.PairWithPeerDocument,
    "fragment PeerFields on Peer {\n  id\n  name\n  status\n  health\n  dialect\n  verified\n  mediaCount\n  lastSuccessAt\n  operations {\n    endpoint\n    thumbprint\n    pairedAt\n    pull {\n      nextAttemptAt\n      lag\n      completeness\n      inSync\n      heldRemovals\n      bytesCached\n      error {\n        code\n        message\n      }\n    }\n    serve {\n      mediaCount\n      bytesServed\n      lastSeenAt\n      limits {\n        requestsPerMinute\n        bytesPerSecond\n        concurrentStreams\n      }\n      credentialRotatedAt\n    }\n  }\n}": typeof types.PeerFieldsFragmentDoc,
    "query PeerPulls($id: ID!) {\n  node(id: $id) {\n    ... on Peer {\n      mediaCount\n      operations {\n        pulls(first: 1) {\n          nodes {\n            ...PullFields\n          }\n        }\n      }\n    }\n  }\n}": typeof types.PeerPullsDocument,
    "query Peers($status: [PeerStatus!]!) {\n  peers(status: $status, first: 500) {\n    nodes {\n      ...PeerFields\n    }\n  }\n}": typeof types.PeersDocument,
    "mutation PinMedia($input: PinMediaInput!) {\n  pinMedia(input: $input) {\n    media {\n      id\n      title\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.PinMediaDocument,
    "fragment PullFields on Pull {\n  id\n  state\n  added\n  changed\n  removed\n  skipped\n  total\n  peer {\n    name\n  }\n  error {\n    code\n    message\n  }\n}": typeof types.PullFieldsFragmentDoc,
    "query Pulls($ids: [ID!]!) {\n  nodes(ids: $ids) {\n    __typename\n    ... on Pull {\n      ...PullFields\n    }\n  }\n}": typeof types.PullsDocument,
    "mutation PurgeCache($input: PurgeCacheInput!) {\n  purgeCache(input: $input) {\n    cache {\n      ...CacheFields\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.PurgeCacheDocument,
    "mutation RefreshPeer($input: RefreshPeerInput!) {\n  refreshPeer(input: $input) {\n    pulls {\n      id\n      peer {\n        name\n      }\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.RefreshPeerDocument,
    "mutation ResolveHeldRemovals($input: ResolveHeldRemovalsInput!) {\n  resolveHeldRemovals(input: $input) {\n    peer {\n      id\n      name\n      mediaCount\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.ResolveHeldRemovalsDocument,
    "mutation RevokePeer($input: RevokePeerInput!) {\n  revokePeer(input: $input) {\n    peer {\n      id\n      name\n      status\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.RevokePeerDocument,
    "mutation RotateInstanceKey($input: RotateInstanceKeyInput!) {\n  rotateInstanceKey(input: $input) {\n    instance {\n      thumbprint\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.RotateInstanceKeyDocument,
    "mutation RotatePeerCredential($input: RotatePeerCredentialInput!) {\n  rotatePeerCredential(input: $input) {\n    peer {\n      id\n      name\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.RotatePeerCredentialDocument,
    "mutation UpdatePeer($input: UpdatePeerInput!) {\n  updatePeer(input: $input) {\n    peer {\n      id\n      name\n      status\n      operations {\n        serve {\n          mediaCount\n        }\n      }\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": typeof types.UpdatePeerDocument,
    "fragment UserErrorFields on UserError {\n  field\n  code\n  message\n}": typeof types.UserErrorFieldsFragmentDoc,
    "query Who {\n  viewer {\n    role\n  }\n}": typeof types.WhoDocument,
};
const documents: Documents = {
    "mutation AddPeer($input: AddPeerInput!) {\n  addPeer(input: $input) {\n    peer {\n      id\n      name\n      dialect\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.AddPeerDocument,
    "query AuditEvents($filter: AuditFilter, $first: Int!, $after: String) {\n  auditEvents(filter: $filter, first: $first, after: $after) {\n    nodes {\n      id\n      at\n      actorKind\n      actor\n      action\n      target\n      outcome\n      code\n      address\n      bytes\n      detail\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}": types.AuditEventsDocument,
    "fragment CacheFields on CacheUsage {\n  bytes\n  budget\n  pinnedBytes\n  items\n  peers {\n    peer {\n      id\n      name\n    }\n    bytes\n    budget\n    items\n  }\n}": types.CacheFieldsFragmentDoc,
    "query Cache {\n  cache {\n    ...CacheFields\n  }\n}": types.CacheDocument,
    "mutation CreateInvitation($input: CreateInvitationInput!) {\n  createInvitation(input: $input) {\n    code\n    invitation {\n      id\n      mediaCount\n      placedCount\n      expiresAt\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.CreateInvitationDocument,
    "mutation CreatePeerCredential($input: CreatePeerCredentialInput!) {\n  createPeerCredential(input: $input) {\n    peer {\n      id\n      name\n      dialect\n    }\n    token\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.CreatePeerCredentialDocument,
    "mutation DiagnosePeer($input: DiagnosePeerInput!) {\n  diagnosePeer(input: $input) {\n    diagnosis {\n      ...DiagnosisFields\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.DiagnosePeerDocument,
    "fragment DiagnosisFields on Diagnosis {\n  id\n  state\n  results {\n    step\n    ok\n    durationMs\n    message\n  }\n}": types.DiagnosisFieldsFragmentDoc,
    "query Diagnosis($id: ID!) {\n  node(id: $id) {\n    __typename\n    ... on Diagnosis {\n      ...DiagnosisFields\n    }\n  }\n}": types.DiagnosisDocument,
    "query ExplainMedia($id: ID!) {\n  explainMedia(id: $id) {\n    media {\n      id\n      title\n      peer {\n        id\n        name\n      }\n    }\n    files {\n      variant\n      mimeType\n      byteSize\n      digest\n      source\n      reason\n      segments\n      segmentCount\n      bytesCached\n      pinned\n      usedAt\n      lastAnswer {\n        at\n        cacheStatus\n        code\n        message\n      }\n    }\n  }\n}": types.ExplainMediaDocument,
    "query Instance {\n  instance {\n    id\n    name\n    version\n    thumbprint\n    federation\n    mediaCount\n  }\n}": types.InstanceDocument,
    "mutation PairWithPeer($input: PairWithPeerInput!) {\n  pairWithPeer(input: $input) {\n    peer {\n      id\n      name\n    }\n    notice\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.PairWithPeerDocument,
    "fragment PeerFields on Peer {\n  id\n  name\n  status\n  health\n  dialect\n  verified\n  mediaCount\n  lastSuccessAt\n  operations {\n    endpoint\n    thumbprint\n    pairedAt\n    pull {\n      nextAttemptAt\n      lag\n      completeness\n      inSync\n      heldRemovals\n      bytesCached\n      error {\n        code\n        message\n      }\n    }\n    serve {\n      mediaCount\n      bytesServed\n      lastSeenAt\n      limits {\n        requestsPerMinute\n        bytesPerSecond\n        concurrentStreams\n      }\n      credentialRotatedAt\n    }\n  }\n}": types.PeerFieldsFragmentDoc,
    "query PeerPulls($id: ID!) {\n  node(id: $id) {\n    ... on Peer {\n      mediaCount\n      operations {\n        pulls(first: 1) {\n          nodes {\n            ...PullFields\n          }\n        }\n      }\n    }\n  }\n}": types.PeerPullsDocument,
    "query Peers($status: [PeerStatus!]!) {\n  peers(status: $status, first: 500) {\n    nodes {\n      ...PeerFields\n    }\n  }\n}": types.PeersDocument,
    "mutation PinMedia($input: PinMediaInput!) {\n  pinMedia(input: $input) {\n    media {\n      id\n      title\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.PinMediaDocument,
    "fragment PullFields on Pull {\n  id\n  state\n  added\n  changed\n  removed\n  skipped\n  total\n  peer {\n    name\n  }\n  error {\n    code\n    message\n  }\n}": types.PullFieldsFragmentDoc,
    "query Pulls($ids: [ID!]!) {\n  nodes(ids: $ids) {\n    __typename\n    ... on Pull {\n      ...PullFields\n    }\n  }\n}": types.PullsDocument,
    "mutation PurgeCache($input: PurgeCacheInput!) {\n  purgeCache(input: $input) {\n    cache {\n      ...CacheFields\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.PurgeCacheDocument,
    "mutation RefreshPeer($input: RefreshPeerInput!) {\n  refreshPeer(input: $input) {\n    pulls {\n      id\n      peer {\n        name\n      }\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.RefreshPeerDocument,
    "mutation ResolveHeldRemovals($input: ResolveHeldRemovalsInput!) {\n  resolveHeldRemovals(input: $input) {\n    peer {\n      id\n      name\n      mediaCount\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.ResolveHeldRemovalsDocument,
    "mutation RevokePeer($input: RevokePeerInput!) {\n  revokePeer(input: $input) {\n    peer {\n      id\n      name\n      status\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.RevokePeerDocument,
    "mutation RotateInstanceKey($input: RotateInstanceKeyInput!) {\n  rotateInstanceKey(input: $input) {\n    instance {\n      thumbprint\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.RotateInstanceKeyDocument,
    "mutation RotatePeerCredential($input: RotatePeerCredentialInput!) {\n  rotatePeerCredential(input: $input) {\n    peer {\n      id\n      name\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.RotatePeerCredentialDocument,
    "mutation UpdatePeer($input: UpdatePeerInput!) {\n  updatePeer(input: $input) {\n    peer {\n      id\n      name\n      status\n      operations {\n        serve {\n          mediaCount\n        }\n      }\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}": types.UpdatePeerDocument,
    "fragment UserErrorFields on UserError {\n  field\n  code\n  message\n}": types.UserErrorFieldsFragmentDoc,
    "query Who {\n  viewer {\n    role\n  }\n}": types.WhoDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation AddPeer($input: AddPeerInput!) {\n  addPeer(input: $input) {\n    peer {\n      id\n      name\n      dialect\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').AddPeerDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query AuditEvents($filter: AuditFilter, $first: Int!, $after: String) {\n  auditEvents(filter: $filter, first: $first, after: $after) {\n    nodes {\n      id\n      at\n      actorKind\n      actor\n      action\n      target\n      outcome\n      code\n      address\n      bytes\n      detail\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}"): typeof import('./graphql.ts').AuditEventsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment CacheFields on CacheUsage {\n  bytes\n  budget\n  pinnedBytes\n  items\n  peers {\n    peer {\n      id\n      name\n    }\n    bytes\n    budget\n    items\n  }\n}"): typeof import('./graphql.ts').CacheFieldsFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Cache {\n  cache {\n    ...CacheFields\n  }\n}"): typeof import('./graphql.ts').CacheDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CreateInvitation($input: CreateInvitationInput!) {\n  createInvitation(input: $input) {\n    code\n    invitation {\n      id\n      mediaCount\n      placedCount\n      expiresAt\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').CreateInvitationDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CreatePeerCredential($input: CreatePeerCredentialInput!) {\n  createPeerCredential(input: $input) {\n    peer {\n      id\n      name\n      dialect\n    }\n    token\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').CreatePeerCredentialDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DiagnosePeer($input: DiagnosePeerInput!) {\n  diagnosePeer(input: $input) {\n    diagnosis {\n      ...DiagnosisFields\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').DiagnosePeerDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment DiagnosisFields on Diagnosis {\n  id\n  state\n  results {\n    step\n    ok\n    durationMs\n    message\n  }\n}"): typeof import('./graphql.ts').DiagnosisFieldsFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Diagnosis($id: ID!) {\n  node(id: $id) {\n    __typename\n    ... on Diagnosis {\n      ...DiagnosisFields\n    }\n  }\n}"): typeof import('./graphql.ts').DiagnosisDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query ExplainMedia($id: ID!) {\n  explainMedia(id: $id) {\n    media {\n      id\n      title\n      peer {\n        id\n        name\n      }\n    }\n    files {\n      variant\n      mimeType\n      byteSize\n      digest\n      source\n      reason\n      segments\n      segmentCount\n      bytesCached\n      pinned\n      usedAt\n      lastAnswer {\n        at\n        cacheStatus\n        code\n        message\n      }\n    }\n  }\n}"): typeof import('./graphql.ts').ExplainMediaDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Instance {\n  instance {\n    id\n    name\n    version\n    thumbprint\n    federation\n    mediaCount\n  }\n}"): typeof import('./graphql.ts').InstanceDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation PairWithPeer($input: PairWithPeerInput!) {\n  pairWithPeer(input: $input) {\n    peer {\n      id\n      name\n    }\n    notice\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').PairWithPeerDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment PeerFields on Peer {\n  id\n  name\n  status\n  health\n  dialect\n  verified\n  mediaCount\n  lastSuccessAt\n  operations {\n    endpoint\n    thumbprint\n    pairedAt\n    pull {\n      nextAttemptAt\n      lag\n      completeness\n      inSync\n      heldRemovals\n      bytesCached\n      error {\n        code\n        message\n      }\n    }\n    serve {\n      mediaCount\n      bytesServed\n      lastSeenAt\n      limits {\n        requestsPerMinute\n        bytesPerSecond\n        concurrentStreams\n      }\n      credentialRotatedAt\n    }\n  }\n}"): typeof import('./graphql.ts').PeerFieldsFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query PeerPulls($id: ID!) {\n  node(id: $id) {\n    ... on Peer {\n      mediaCount\n      operations {\n        pulls(first: 1) {\n          nodes {\n            ...PullFields\n          }\n        }\n      }\n    }\n  }\n}"): typeof import('./graphql.ts').PeerPullsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Peers($status: [PeerStatus!]!) {\n  peers(status: $status, first: 500) {\n    nodes {\n      ...PeerFields\n    }\n  }\n}"): typeof import('./graphql.ts').PeersDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation PinMedia($input: PinMediaInput!) {\n  pinMedia(input: $input) {\n    media {\n      id\n      title\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').PinMediaDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment PullFields on Pull {\n  id\n  state\n  added\n  changed\n  removed\n  skipped\n  total\n  peer {\n    name\n  }\n  error {\n    code\n    message\n  }\n}"): typeof import('./graphql.ts').PullFieldsFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Pulls($ids: [ID!]!) {\n  nodes(ids: $ids) {\n    __typename\n    ... on Pull {\n      ...PullFields\n    }\n  }\n}"): typeof import('./graphql.ts').PullsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation PurgeCache($input: PurgeCacheInput!) {\n  purgeCache(input: $input) {\n    cache {\n      ...CacheFields\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').PurgeCacheDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RefreshPeer($input: RefreshPeerInput!) {\n  refreshPeer(input: $input) {\n    pulls {\n      id\n      peer {\n        name\n      }\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').RefreshPeerDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation ResolveHeldRemovals($input: ResolveHeldRemovalsInput!) {\n  resolveHeldRemovals(input: $input) {\n    peer {\n      id\n      name\n      mediaCount\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').ResolveHeldRemovalsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RevokePeer($input: RevokePeerInput!) {\n  revokePeer(input: $input) {\n    peer {\n      id\n      name\n      status\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').RevokePeerDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RotateInstanceKey($input: RotateInstanceKeyInput!) {\n  rotateInstanceKey(input: $input) {\n    instance {\n      thumbprint\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').RotateInstanceKeyDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RotatePeerCredential($input: RotatePeerCredentialInput!) {\n  rotatePeerCredential(input: $input) {\n    peer {\n      id\n      name\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').RotatePeerCredentialDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation UpdatePeer($input: UpdatePeerInput!) {\n  updatePeer(input: $input) {\n    peer {\n      id\n      name\n      status\n      operations {\n        serve {\n          mediaCount\n        }\n      }\n    }\n    userErrors {\n      ...UserErrorFields\n    }\n  }\n}"): typeof import('./graphql.ts').UpdatePeerDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment UserErrorFields on UserError {\n  field\n  code\n  message\n}"): typeof import('./graphql.ts').UserErrorFieldsFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Who {\n  viewer {\n    role\n  }\n}"): typeof import('./graphql.ts').WhoDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
