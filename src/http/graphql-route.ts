/** `POST/GET /graphql`: GraphQL over HTTP, and a page of its own for browsers that open it. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { Viewer } from '../access/viewer.ts';
import type { GraphqlServices } from '../graphql/context.ts';
import { createGraphqlServer } from '../graphql/yoga.ts';
import { HedgerowError } from '../lib/errors.ts';

/** Bytes of a body; the longest document that passes the limits has far less. */
const BODY_LIMIT = 256 * 1024;
const PATH = '/graphql';

export interface GraphqlRouteOptions {
  schema: GraphQLSchema;
  services: GraphqlServices;
  /**
   * Who is asking; also the place to refuse a request that another site's page makes.
   *
   * @throws HedgerowError UNAUTHENTICATED, FORBIDDEN, RATE_LIMITED: told as errors of GraphQL
   */
  viewerOf: (request: FastifyRequest) => Promise<Viewer | null>;
  /** Told of an answer that goes on, a stream of events. */
  onStream?: (viewer: Viewer | null, reply: FastifyReply) => void;
  /** Frontends of other sites. */
  allowedOrigins?: readonly string[];
  /** Answers a browser that opens the route as a page; without it, such a request is a query like any other. */
  onHtml?: (request: FastifyRequest, reply: FastifyReply) => unknown;
}

export async function graphqlRoutes(app: FastifyInstance, options: GraphqlRouteOptions): Promise<void> {
  const { schema, services, viewerOf, onStream, allowedOrigins = [], onHtml } = options;
  const yoga = createGraphqlServer({ schema, services, allowedOrigins, endpoint: PATH });

  // Nothing but JSON: a form of any site can send the other types that Yoga would execute.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body);
  });

  app.route({
    method: ['GET', 'POST', 'OPTIONS'],
    url: PATH,
    bodyLimit: BODY_LIMIT,
    handler: async (request, reply) => {
      if (onHtml !== undefined && wantsPage(request)) return onHtml(request, reply);
      const context: Asking = request.method === 'OPTIONS' ? { viewer: null } : await identify(request);
      const { retryAfter } = context.refusal ?? {};
      if (retryAfter !== undefined) reply.header('retry-after', String(Math.ceil(retryAfter)));
      const response = await yoga.fetch(
        // Always this path, wherever the route is mounted: it is the one that Yoga knows.
        `http://127.0.0.1${PATH}${searchOf(request.url)}`,
        {
          method: request.method,
          headers: headersOf(request),
          ...(typeof request.body === 'string' && { body: request.body }),
        },
        { ...context, address: request.ip },
      );
      reply.code(response.status);
      for (const [name, value] of response.headers) reply.header(name, value);
      // What one viewer may see is nothing for a shared cache.
      reply.header('cache-control', 'no-store');
      reply.header('x-content-type-options', 'nosniff');
      if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) {
        onStream?.(context.viewer, reply);
      }
      return reply.send(response.body ?? '');
    },
  });

  /** A refusal is told by GraphQL; what is no refusal is a fault, and is told as one. */
  async function identify(request: FastifyRequest): Promise<Asking> {
    try {
      return { viewer: await viewerOf(request) };
    } catch (error) {
      if (error instanceof HedgerowError) return { viewer: null, refusal: error };
      throw error;
    }
  }
}

interface Asking {
  viewer: Viewer | null;
  refusal?: HedgerowError;
}

function wantsPage(request: FastifyRequest): boolean {
  const { accept = '' } = request.headers;
  return request.method === 'GET' && /\btext\/html\b/.test(accept);
}

function searchOf(url: string): string {
  const at = url.indexOf('?');
  return at === -1 ? '' : url.slice(at);
}

/** Without those that concern one connection, which the Fetch API does not take. */
function headersOf(request: FastifyRequest): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || name === 'connection' || name === 'transfer-encoding') continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}
