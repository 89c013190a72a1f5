/** Limits on what one document may ask for, checked before anything is resolved. */

import { EnvelopArmorPlugin } from '@escape.tech/graphql-armor';
import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { HedgerowError } from '../lib/errors.ts';

/** Deepest in use: peers → edges → node → operations → pulls → edges → node → error → code. */
const DEPTH_MAX = 14;
const ALIASES_MAX = 30;
const DIRECTIVES_MAX = 50;
/** GraphiQL's introspection has about 300. */
const TOKENS_MAX = 2_000;

export function tooComplex(): GraphQLError {
  return new GraphQLError(new HedgerowError('TOO_COMPLEX').message, {
    extensions: { code: 'TOO_COMPLEX', http: { status: 400 } },
  });
}

/**
 * Cost is left to the complexity plugin of the schema, which knows the variables; armor's counts only the
 * numbers that are written into the document, so a page size in a variable would cost nothing.
 */
export function limitPlugin(): Plugin {
  // Armor's own words name the limit that was hit; thrown from here, its error is never made.
  const onReject = [
    () => {
      throw tooComplex();
    },
  ];
  return EnvelopArmorPlugin({
    maxDepth: { n: DEPTH_MAX, flattenFragments: true, onReject },
    maxAliases: { n: ALIASES_MAX, onReject },
    maxDirectives: { n: DIRECTIVES_MAX, onReject },
    maxTokens: { n: TOKENS_MAX, onReject },
    costLimit: { enabled: false },
    // The schema is public, and suggestions help whoever writes a query.
    blockFieldSuggestion: { enabled: false },
  }) as Plugin;
}
