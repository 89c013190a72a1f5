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
    "query CatalogPage($first: Int!, $after: String) {\n  media(orderBy: {field: ADDED_AT, direction: ASC}, first: $first, after: $after) {\n    nodes {\n      ...Entry\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}\n\nquery SignedUrl($id: ID!) {\n  node(id: $id) {\n    ... on Media {\n      originalUrl(access: SIGNED)\n    }\n  }\n}\n\nsubscription CatalogChanges($since: BigInt) {\n  catalogChanged(sinceRevision: $since) {\n    revision\n    changed {\n      ...Entry\n    }\n    removedIds\n    reset\n  }\n}\n\nfragment Entry on Media {\n  id\n  title\n  digest\n  byteSize\n  peer {\n    name\n  }\n}": typeof types.CatalogPageDocument,
};
const documents: Documents = {
    "query CatalogPage($first: Int!, $after: String) {\n  media(orderBy: {field: ADDED_AT, direction: ASC}, first: $first, after: $after) {\n    nodes {\n      ...Entry\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}\n\nquery SignedUrl($id: ID!) {\n  node(id: $id) {\n    ... on Media {\n      originalUrl(access: SIGNED)\n    }\n  }\n}\n\nsubscription CatalogChanges($since: BigInt) {\n  catalogChanged(sinceRevision: $since) {\n    revision\n    changed {\n      ...Entry\n    }\n    removedIds\n    reset\n  }\n}\n\nfragment Entry on Media {\n  id\n  title\n  digest\n  byteSize\n  peer {\n    name\n  }\n}": types.CatalogPageDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query CatalogPage($first: Int!, $after: String) {\n  media(orderBy: {field: ADDED_AT, direction: ASC}, first: $first, after: $after) {\n    nodes {\n      ...Entry\n    }\n    pageInfo {\n      hasNextPage\n      endCursor\n    }\n  }\n}\n\nquery SignedUrl($id: ID!) {\n  node(id: $id) {\n    ... on Media {\n      originalUrl(access: SIGNED)\n    }\n  }\n}\n\nsubscription CatalogChanges($since: BigInt) {\n  catalogChanged(sinceRevision: $since) {\n    revision\n    changed {\n      ...Entry\n    }\n    removedIds\n    reset\n  }\n}\n\nfragment Entry on Media {\n  id\n  title\n  digest\n  byteSize\n  peer {\n    name\n  }\n}"): typeof import('./graphql.ts').CatalogPageDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
