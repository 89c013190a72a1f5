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
    "query Home {\n  viewer {\n    role\n  }\n  instance {\n    mediaCount\n  }\n  media(orderBy: {field: ADDED_AT, direction: DESC}, first: 24) {\n    totalCount\n    nodes {\n      id\n      kind\n      title\n      durationMs\n      pageCount\n      availability\n      peer {\n        name\n      }\n      thumbnailUrl\n      previewUrl\n      playableUrl\n      originalUrl\n    }\n  }\n  peers(first: 100) {\n    totalCount\n    nodes {\n      id\n      name\n      status\n      health\n      mediaCount\n      lastSuccessAt\n      operations {\n        pull {\n          nextAttemptAt\n          error {\n            message\n          }\n        }\n        serve {\n          mediaCount\n          lastSeenAt\n        }\n      }\n    }\n  }\n}": typeof types.HomeDocument,
};
const documents: Documents = {
    "query Home {\n  viewer {\n    role\n  }\n  instance {\n    mediaCount\n  }\n  media(orderBy: {field: ADDED_AT, direction: DESC}, first: 24) {\n    totalCount\n    nodes {\n      id\n      kind\n      title\n      durationMs\n      pageCount\n      availability\n      peer {\n        name\n      }\n      thumbnailUrl\n      previewUrl\n      playableUrl\n      originalUrl\n    }\n  }\n  peers(first: 100) {\n    totalCount\n    nodes {\n      id\n      name\n      status\n      health\n      mediaCount\n      lastSuccessAt\n      operations {\n        pull {\n          nextAttemptAt\n          error {\n            message\n          }\n        }\n        serve {\n          mediaCount\n          lastSeenAt\n        }\n      }\n    }\n  }\n}": types.HomeDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Home {\n  viewer {\n    role\n  }\n  instance {\n    mediaCount\n  }\n  media(orderBy: {field: ADDED_AT, direction: DESC}, first: 24) {\n    totalCount\n    nodes {\n      id\n      kind\n      title\n      durationMs\n      pageCount\n      availability\n      peer {\n        name\n      }\n      thumbnailUrl\n      previewUrl\n      playableUrl\n      originalUrl\n    }\n  }\n  peers(first: 100) {\n    totalCount\n    nodes {\n      id\n      name\n      status\n      health\n      mediaCount\n      lastSuccessAt\n      operations {\n        pull {\n          nextAttemptAt\n          error {\n            message\n          }\n        }\n        serve {\n          mediaCount\n          lastSeenAt\n        }\n      }\n    }\n  }\n}"): typeof import('./graphql.ts').HomeDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
