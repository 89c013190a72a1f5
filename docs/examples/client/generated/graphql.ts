/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
export type CatalogPageQueryVariables = Exact<{
  first: number;
  after?: string | null | undefined;
}>;


export type CatalogPageQuery = { media: { nodes: Array<
      | { id: string, title: string, digest: string | null, byteSize: string | null, peer: { name: string } | null }
      | { id: string, title: string, digest: string | null, byteSize: string | null, peer: { name: string } }
    >, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type SignedUrlQueryVariables = Exact<{
  id: string | number;
}>;


export type SignedUrlQuery = { node:
    | { originalUrl: string | null }
    | { originalUrl: string | null }
    | Record<PropertyKey, never>
   | null };

export type CatalogChangesSubscriptionVariables = Exact<{
  since?: string | null | undefined;
}>;


export type CatalogChangesSubscription = { catalogChanged: { revision: string, removedIds: Array<string>, reset: boolean, changed: Array<
      | { id: string, title: string, digest: string | null, byteSize: string | null, peer: { name: string } | null }
      | { id: string, title: string, digest: string | null, byteSize: string | null, peer: { name: string } }
    > } };

type Entry_LocalMedia_Fragment = { id: string, title: string, digest: string | null, byteSize: string | null, peer: { name: string } | null };

type Entry_RemoteMedia_Fragment = { id: string, title: string, digest: string | null, byteSize: string | null, peer: { name: string } };

export type EntryFragment =
  | Entry_LocalMedia_Fragment
  | Entry_RemoteMedia_Fragment
;

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
export const EntryFragmentDoc = new TypedDocumentString(`
    fragment Entry on Media {
  id
  title
  digest
  byteSize
  peer {
    name
  }
}
    `, {"fragmentName":"Entry"}) as unknown as TypedDocumentString<EntryFragment, unknown>;
export const CatalogPageDocument = new TypedDocumentString(`
    query CatalogPage($first: Int!, $after: String) {
  media(
    orderBy: { field: ADDED_AT, direction: ASC }
    first: $first
    after: $after
  ) {
    nodes {
      ...Entry
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment Entry on Media {
  id
  title
  digest
  byteSize
  peer {
    name
  }
}`) as unknown as TypedDocumentString<CatalogPageQuery, CatalogPageQueryVariables>;
export const SignedUrlDocument = new TypedDocumentString(`
    query SignedUrl($id: ID!) {
  node(id: $id) {
    ... on Media {
      originalUrl(access: SIGNED)
    }
  }
}
    `) as unknown as TypedDocumentString<SignedUrlQuery, SignedUrlQueryVariables>;
export const CatalogChangesDocument = new TypedDocumentString(`
    subscription CatalogChanges($since: BigInt) {
  catalogChanged(sinceRevision: $since) {
    revision
    changed {
      ...Entry
    }
    removedIds
    reset
  }
}
    fragment Entry on Media {
  id
  title
  digest
  byteSize
  peer {
    name
  }
}`) as unknown as TypedDocumentString<CatalogChangesSubscription, CatalogChangesSubscriptionVariables>;