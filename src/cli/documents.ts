/** The GraphQL that commands send. A test holds every document against the schema. */

/** A document, with the types of what goes in and what comes out. */
export interface Document<Result, Variables extends Record<string, unknown> = Record<string, never>> {
  readonly text: string;
  /** Only there for the types. */
  readonly types?: { result: Result; variables: Variables };
}

export interface UserError {
  field: string[] | null;
  code: string;
  message: string;
}

export interface PeerRow {
  id: string;
  name: string;
  status: string;
  health: string;
  dialect: string;
  verified: boolean;
  mediaCount: number;
  lastSuccessAt: string | null;
  operations: {
    endpoint: string;
    thumbprint: string | null;
    pairedAt: string;
    pull: {
      nextAttemptAt: string | null;
      lag: number | null;
      completeness: number | null;
      inSync: boolean | null;
      bytesCached: string;
      error: { code: string; message: string } | null;
    } | null;
    serve: { mediaCount: number; bytesServed: string; lastSeenAt: string | null } | null;
  } | null;
}

export interface PullRow {
  id: string;
  state: 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED';
  added: number;
  changed: number;
  removed: number;
  skipped: number;
  total: number | null;
  peer: { name: string };
  error: { code: string; message: string } | null;
}

const USER_ERRORS = 'userErrors { field code message }';
const PULL = 'id state added changed removed skipped total peer { name } error { code message }';

export const WHO: Document<{ viewer: { role: string } | null }> = { text: 'query Who { viewer { role } }' };

export const INSTANCE: Document<{
  instance: {
    id: string;
    name: string;
    version: string;
    thumbprint: string;
    federation: boolean;
    mediaCount: number;
  };
}> = { text: 'query Instance { instance { id name version thumbprint federation mediaCount } }' };

export const PEERS: Document<{ peers: { nodes: PeerRow[] } }, { status: string[] }> = {
  text: `query Peers($status: [PeerStatus!]!) {
    peers(status: $status, first: 500) {
      nodes {
        id name status health dialect verified mediaCount lastSuccessAt
        operations {
          endpoint thumbprint pairedAt
          pull { nextAttemptAt lag completeness inSync bytesCached error { code message } }
          serve { mediaCount bytesServed lastSeenAt }
        }
      }
    }
  }`,
};

export const CREATE_INVITATION: Document<
  {
    createInvitation: {
      code: string | null;
      invitation: { id: string; mediaCount: number; placedCount: number; expiresAt: string } | null;
      userErrors: UserError[];
    };
  },
  { input: { note: string | null; expiresInMinutes: number } }
> = {
  text: `mutation CreateInvitation($input: CreateInvitationInput!) {
    createInvitation(input: $input) {
      code invitation { id mediaCount placedCount expiresAt } ${USER_ERRORS}
    }
  }`,
};

export const PAIR: Document<
  { pairWithPeer: { peer: { id: string; name: string } | null; userErrors: UserError[] } },
  { input: { invitation: string; name: string | null; endpoint: string | null } }
> = {
  text: `mutation PairWithPeer($input: PairWithPeerInput!) {
    pairWithPeer(input: $input) { peer { id name } ${USER_ERRORS} }
  }`,
};

export const PEER_PULLS: Document<
  { node: { mediaCount: number; operations: { pulls: { nodes: PullRow[] } } | null } | null },
  { id: string }
> = {
  text: `query PeerPulls($id: ID!) {
    node(id: $id) { ... on Peer { mediaCount operations { pulls(first: 1) { nodes { ${PULL} } } } } }
  }`,
};

export const PULLS: Document<{ nodes: (PullRow | null)[] }, { ids: string[] }> = {
  text: `query Pulls($ids: [ID!]!) { nodes(ids: $ids) { ... on Pull { ${PULL} } } }`,
};

export const REFRESH: Document<
  { refreshPeer: { pulls: { id: string; peer: { name: string } }[]; userErrors: UserError[] } },
  { input: { id: string | null } }
> = {
  text: `mutation RefreshPeer($input: RefreshPeerInput!) {
    refreshPeer(input: $input) { pulls { id peer { name } } ${USER_ERRORS} }
  }`,
};

export const UPDATE_PEER: Document<
  { updatePeer: { peer: { id: string; name: string; status: string } | null; userErrors: UserError[] } },
  { input: { id: string; paused: boolean } }
> = {
  text: `mutation UpdatePeer($input: UpdatePeerInput!) {
    updatePeer(input: $input) { peer { id name status } ${USER_ERRORS} }
  }`,
};

export const REVOKE_PEER: Document<
  { revokePeer: { peer: { id: string; name: string; status: string } | null; userErrors: UserError[] } },
  { input: { id: string; keepCached: boolean } }
> = {
  text: `mutation RevokePeer($input: RevokePeerInput!) {
    revokePeer(input: $input) { peer { id name status } ${USER_ERRORS} }
  }`,
};
