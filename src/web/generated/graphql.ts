/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
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

/** What an item is. */
export type MediaKind =
  /** Something with pages. */
  | 'DOCUMENT'
  /** A still or animated picture. */
  | 'IMAGE'
  /** A moving picture. */
  | 'VIDEO';

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

/** What a person may do. */
export type Role =
  /** Everything, federation included. */
  | 'ADMIN'
  /** Sees the catalog; adds media, and changes what is his or her own. */
  | 'EDITOR'
  /** Sees the catalog. */
  | 'VIEWER';

export type HomeQueryVariables = Exact<{ [key: string]: never; }>;


export type HomeQuery = { viewer: { role: Role } | null, instance: { mediaCount: number }, media: { totalCount: number, nodes: Array<
      | { id: string, kind: MediaKind, title: string, durationMs: number | null, pageCount: number | null, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, playableUrl: string | null, originalUrl: string | null, peer: { name: string } | null }
      | { id: string, kind: MediaKind, title: string, durationMs: number | null, pageCount: number | null, availability: Availability, thumbnailUrl: string | null, previewUrl: string | null, playableUrl: string | null, originalUrl: string | null, peer: { name: string } }
    > }, peers: { totalCount: number, nodes: Array<{ id: string, name: string, status: PeerStatus, health: PeerHealth, mediaCount: number, lastSuccessAt: string | null, operations: { pull: { nextAttemptAt: string | null, error: { message: string } | null } | null, serve: { mediaCount: number, lastSeenAt: string | null } | null } | null }> } };

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

export const HomeDocument = new TypedDocumentString(`
    query Home {
  viewer {
    role
  }
  instance {
    mediaCount
  }
  media(orderBy: { field: ADDED_AT, direction: DESC }, first: 24) {
    totalCount
    nodes {
      id
      kind
      title
      durationMs
      pageCount
      availability
      peer {
        name
      }
      thumbnailUrl
      previewUrl
      playableUrl
      originalUrl
    }
  }
  peers(first: 100) {
    totalCount
    nodes {
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
  }
}
    `) as unknown as TypedDocumentString<HomeQuery, HomeQueryVariables>;