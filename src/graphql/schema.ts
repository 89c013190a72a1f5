/** The schema: every file of a noun adds its part to the builder. */

import './scalars.ts';
import './user-error.ts';
import './user.ts';
import './api-token.ts';
import './second-factor.ts';
import './session.ts';
import './user-mutations.ts';
import './peer.ts';
import './pull.ts';
import './diagnosis.ts';
import './media.ts';
import './album.ts';
import './grant.ts';
import './peer-operations.ts';
import './node.ts';
import './instance.ts';
import './invitation.ts';
import './peer-mutations.ts';
import './add-peer.ts';
import './held-removals.ts';
import './rotation.ts';
import './media-mutations.ts';
import './cache.ts';
import './audit-event.ts';
import './agent.ts';
import './subscription.ts';
import type { GraphQLSchema } from 'graphql';
import { printSchema } from 'graphql';
import { auditMutations } from './audit-mutations.ts';
import { builder } from './builder.ts';

/** In the order of definition, so that what belongs together stands together where it is printed. */
export const schema: GraphQLSchema = auditMutations(builder.toSchema({ sortSchema: false }));

/** What is committed as schema/schema.graphql. */
export function printedSchema(): string {
  return `${printSchema(schema)}\n`;
}
