/** The schema builder: it knows the context and the scalars, and none of the types. */

import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import type PrismaTypes from '../database/generated/pothos-types.ts';
import { getDatamodel } from '../database/generated/pothos-types.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { GraphqlContext } from './context.ts';
import { tooComplex } from './limits.ts';

/**
 * Fields that one request may cause to be resolved, counted before any is: a page of 500 items with all their
 * fields passes, a page of pages does not.
 */
const COMPLEXITY_MAX = 60_000;

/** Nothing is weighed. */
const NO_LIMIT = {};

export interface SchemaShape {
  Context: GraphqlContext;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  AuthScopes: {
    /** To read the catalog. */
    read: boolean;
    /** To change local items. */
    write: boolean;
    /** To administer federation. */
    administer: boolean;
    /** To administer the instance as a whole. */
    admin: boolean;
  };
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: number; Output: Date | number };
    LocalDateTime: { Input: number; Output: number };
    BigInt: { Input: bigint; Output: bigint | number };
    URL: { Input: string; Output: string };
    JSON: { Input: unknown; Output: unknown };
  };
}

export const builder = new SchemaBuilder<SchemaShape>({
  plugins: [ScopeAuthPlugin, ComplexityPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  scopeAuth: {
    // Before a stream is opened, not only at its first event.
    authorizeOnSubscribe: true,
    // No statement is run for it: what a viewer may do is known once the viewer is.
    authScopes: ({ may }) => ({
      read: may.read,
      write: may.write,
      administer: may.administer,
      admin: may.admin,
    }),
    unauthorizedError: (_parent, { viewer }) =>
      new HedgerowError(viewer === null ? 'UNAUTHENTICATED' : 'FORBIDDEN'),
  },
  complexity: {
    limit: ({ weighed }: GraphqlContext) => (weighed ? NO_LIMIT : { complexity: COMPLEXITY_MAX }),
    defaultListMultiplier: 1,
    complexityError: () => tooComplex(),
  },
  relay: {
    cursorType: 'String',
    idFieldOptions: { description: 'Opaque; the same in GraphQL, routes, feed and terminal.' },
    edgesFieldOptions: {
      nullable: { list: false, items: false },
      description: 'The items with their cursors.',
    },
    nodeFieldOptions: { nullable: false, description: 'The item.' },
    cursorFieldOptions: { description: 'Where the item stands in this order; opaque.' },
    pageInfoFieldOptions: { description: 'Where the page begins and ends.' },
    nodesOnConnection: { description: 'The items without their cursors.' },
    nodeTypeOptions: { description: 'Anything that has an id.' },
    pageInfoTypeOptions: { description: 'Where a page begins and ends, and whether there is more.' },
    hasNextPageFieldOptions: { description: 'Whether more follows.' },
    hasPreviousPageFieldOptions: { description: 'Whether more comes before.' },
    startCursorFieldOptions: { description: 'Cursor of the first item; null on an empty page.' },
    endCursorFieldOptions: { description: 'Cursor of the last item; null on an empty page.' },
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    // An id is the same string in GraphQL, routes, feed and terminal: its prefix says the type.
    encodeGlobalID: (_typename, id) => String(id),
    decodeGlobalID: (id) => ({ typename: id.slice(0, Math.max(0, id.indexOf('_'))), id }),
  },
  prisma: {
    client: ({ database }) => database.prisma,
    dmmf: getDatamodel(),
    onUnusedQuery: null,
  },
});

builder.queryType({ description: 'What can be read.' });
builder.mutationType({ description: 'What can be changed.' });
