/** GraphQL over HTTP: Yoga with its open defaults closed. */

import { useCSRFPrevention as csrfPrevention } from '@graphql-yoga/plugin-csrf-prevention';
import {
  type ASTVisitor,
  GraphQLError,
  type GraphQLSchema,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { Viewer } from '../access/viewer.ts';
import { HedgerowError } from '../lib/errors.ts';
import { createContext, type GraphqlContext, type GraphqlServices } from './context.ts';
import { publicError } from './errors.ts';
import { limitPlugin } from './limits.ts';

/** Sent by a page of ours with requests that a form of another site could make too. */
export const CSRF_HEADER = 'x-hedgerow-csrf';

/** What the edge knows of a request before GraphQL does. */
export interface RequestContext {
  /** Null is anonymous. */
  viewer: Viewer | null;
  /** Why nobody is known: a token that is not valid. Told as any other error of GraphQL. */
  refusal?: unknown;
  /** The client's. */
  address?: string;
}

export interface GraphqlServerOptions {
  schema: GraphQLSchema;
  services: GraphqlServices;
  /** Path of the route as this process sees it. */
  endpoint?: string;
  /** Frontends of other sites that may ask with the visitor's cookie. */
  allowedOrigins?: readonly string[];
}

export type GraphqlServer = YogaServerInstance<RequestContext, GraphqlContext>;

export function createGraphqlServer(options: GraphqlServerOptions): GraphqlServer {
  const { schema, services, endpoint = '/graphql', allowedOrigins = [] } = options;
  return createYoga<RequestContext, GraphqlContext>({
    schema,
    graphqlEndpoint: endpoint,
    context: ({ viewer, address }) => createContext(services, viewer, address),
    // Yoga would answer any origin with its own name and let it read.
    cors:
      allowedOrigins.length === 0
        ? false
        : { origin: [...allowedOrigins], credentials: true, methods: ['GET', 'POST', 'OPTIONS'] },
    graphiql: false,
    landingPage: false,
    batching: false,
    multipart: false,
    logging: false,
    maskedErrors: { maskError: (error) => publicError(error, services.log) },
    plugins: [
      // A form of another site can send text/plain or a GET, with the visitor's cookie; a header it cannot set.
      csrfPrevention({ requestHeaders: [CSRF_HEADER, 'authorization'] }),
      knownViewers(services),
      introspectionForViewers(),
      limitPlugin(),
      publicErrors(services),
    ],
  });
}

/** Without anonymous reading there is nothing for whom has not signed in. */
function knownViewers({ anonymous }: Pick<GraphqlServices, 'anonymous'>): Plugin<object, RequestContext> {
  return {
    onRequestParse({ serverContext }) {
      if (serverContext.refusal !== undefined) throw serverContext.refusal;
      if (serverContext.viewer === null && !anonymous) throw new HedgerowError('UNAUTHENTICATED');
    },
  };
}

function introspectionForViewers(): Plugin<RequestContext> {
  return {
    onValidate({ context, addValidationRule }) {
      if (context.viewer === null) addValidationRule(noIntrospectionRule as never);
    },
  };
}

/** Named, because Yoga keeps the results of validation by the names of the rules. */
const noIntrospectionRule: ValidationRule = function noIntrospectionRule(
  context: ValidationContext,
): ASTVisitor {
  return {
    Field(node) {
      if (node.name.value !== '__schema' && node.name.value !== '__type') return;
      const extensions = { code: 'UNAUTHENTICATED', http: { status: 401 } };
      context.reportError(new GraphQLError('Sign in to see the schema.', { nodes: node, extensions }));
    },
  };
};

/** Errors of parsing and validation come past no other hook. */
function publicErrors({ log }: Pick<GraphqlServices, 'log'>): Plugin {
  return {
    onResultProcess({ result, setResult }) {
      if (Array.isArray(result) || !('errors' in result) || result.errors === undefined) return;
      setResult({ ...result, errors: result.errors.map((error) => publicError(error, log)) });
    },
  };
}
