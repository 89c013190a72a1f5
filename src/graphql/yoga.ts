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
import type { Counters } from '../database/counters.ts';
import { HedgerowError } from '../lib/errors.ts';
import {
  abilitiesOf,
  createContext,
  type GraphqlContext,
  type GraphqlServices,
  readerOf,
} from './context.ts';
import { publicError } from './errors.ts';
import {
  createKeptAnswers,
  type GraphqlRequest,
  type KeptAnswer,
  type KeptAnswers,
  seenBy,
} from './kept-answers.ts';
import { limitPlugin } from './limits.ts';
import { createStreams, type Streams } from './streams.ts';
import { type TrustedDocuments, trustedDocumentsPlugin } from './trusted-documents.ts';

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
  /** Aborted once nobody waits for the answer any more. */
  signal?: AbortSignal;
}

export interface GraphqlServerOptions {
  schema: GraphQLSchema;
  services: GraphqlServices;
  /** Path of the route as this process sees it. */
  endpoint?: string;
  /** Frontends of other sites that may ask with the visitor's cookie. */
  allowedOrigins?: readonly string[];
  streams?: Streams | undefined;
  /** Only these are answered; undefined: whatever passes the limits. */
  trusted?: TrustedDocuments | undefined;
}

export interface GraphqlServer {
  readonly yoga: YogaServerInstance<RequestContext, GraphqlContext>;
  /**
   * The short way, for a query that has been here before and whose answer has no errors; its rules are those of the long
   * way, which it leaves everything else to by answering null.
   */
  answer(request: GraphqlRequest, from: RequestContext, at?: Counters): Promise<KeptAnswer | null>;
  /** What is kept for this viewer, as the counters stand; else null. */
  known(request: GraphqlRequest, viewer: Viewer | null, at: Counters): KeptAnswer | null;
  /** Whether `answer` knows the document. */
  knows(request: GraphqlRequest): boolean;
}

export function createGraphqlServer(options: GraphqlServerOptions): GraphqlServer {
  const {
    schema,
    services,
    endpoint = '/graphql',
    allowedOrigins = [],
    streams = createStreams(),
    trusted,
  } = options;
  const kept = createKeptAnswers({
    schema,
    counters: services.database.counters,
    standing: () => services.database.outage.standing,
    ...(services.now !== undefined && { now: services.now }),
  });
  const yoga = createYoga<RequestContext, GraphqlContext>({
    schema,
    graphqlEndpoint: endpoint,
    context: ({ viewer, address, signal }) => createContext(services, viewer, { address, signal }),
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
      ...(trusted === undefined ? [] : [trustedDocumentsPlugin(trusted)]),
      introspectionForViewers(),
      limitPlugin(),
      boundedStreams(streams, services),
      publicErrors(services),
      objectsOnly(),
      learning(kept),
    ],
  });
  const seen = new WeakMap<Viewer, string>();
  const seenByViewer = (viewer: Viewer | null): string => {
    const known = viewer === null ? undefined : seen.get(viewer);
    if (known !== undefined) return known;
    const of = seenBy({ reader: readerOf(viewer), may: abilitiesOf(viewer, services.anonymous) });
    if (viewer !== null) seen.set(viewer, of);
    return of;
  };
  return {
    yoga,
    knows: kept.knows,
    known: (request, viewer, at) =>
      viewer === null && !services.anonymous ? null : kept.known(request, seenByViewer(viewer), at),
    answer: async (request, { viewer, refusal, address, signal }, at) => {
      if (refusal !== undefined || (viewer === null && !services.anonymous)) return null;
      return kept.answer(request, () => createContext(services, viewer, { address, signal }), at);
    },
  };
}

/** GraphQL over HTTP, 5: `extensions` is an object, as `variables` is, which Yoga looks at alone. */
function objectsOnly(): Plugin {
  return {
    onParams({ params }) {
      const extensions: unknown = params.extensions;
      if (extensions == null || (typeof extensions === 'object' && !Array.isArray(extensions))) return;
      throw new HedgerowError('INVALID', 'The extensions of a request are an object.');
    },
  };
}

/** Introspection is not for everybody, and so its documents are validated each time. */
function learning(kept: Pick<KeptAnswers, 'learn'>): Plugin<RequestContext> {
  return {
    onValidate({ params }) {
      return ({ valid }) => {
        const { documentAST } = params;
        const text = documentAST.loc?.source.body;
        if (valid && text !== undefined && !/\b__(?:schema|type)\b/.test(text)) kept.learn(text, documentAST);
      };
    },
  };
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

/** A subscription has its place from before it begins until its connection is gone. */
function boundedStreams(streams: Streams, { log }: Pick<GraphqlServices, 'log'>): Plugin<RequestContext> {
  return {
    async onSubscribe({ args, setResultAndStopExecution }) {
      const { viewer, address, signal } = args.contextValue as RequestContext;
      try {
        const leave = await streams.open(viewer, address);
        signal?.addEventListener('abort', leave, { once: true });
        if (signal?.aborted) leave();
        return {
          onSubscribeResult: ({ result }) => {
            if (!(Symbol.asyncIterator in result)) leave();
            return { onEnd: leave };
          },
        };
      } catch (error) {
        setResultAndStopExecution({ errors: [publicError(error, log)] });
        return undefined;
      }
    },
  };
}

/** Errors of parsing and validation come past no other hook. */
function publicErrors({ log }: Pick<GraphqlServices, 'log'>): Plugin {
  return {
    onResultProcess({ result, setResult }) {
      if (Array.isArray(result) || !('errors' in result) || result.errors === undefined) return;
      setResult({ ...result, errors: result.errors.map((error) => publicError(error, log)) });
    },
  };
}
