/** `POST/GET /graphql`: GraphQL over HTTP, and a page of its own for browsers that open it. */

import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { Viewer } from '../access/viewer.ts';
import { databaseAway } from '../database/outage.ts';
import type { GraphqlServices } from '../graphql/context.ts';
import { etagOf, type GraphqlRequest } from '../graphql/kept-answers.ts';
import type { Streams } from '../graphql/streams.ts';
import type { TrustedDocuments } from '../graphql/trusted-documents.ts';
import { createGraphqlServer } from '../graphql/yoga.ts';
import { HedgerowError } from '../lib/errors.ts';
import { answerTypeOf, type PlainRequest, readPostedRequest, readQueriedRequest } from './graphql-request.ts';
import { type Begun, takeGraphqlRequests } from './graphql-short-way.ts';
import { breakOff } from './send-file.ts';
import type { ShortWay } from './short-way.ts';
import type { Viewers } from './viewers.ts';

/** Bytes of a body; the longest document that passes the limits has far less. */
const BODY_LIMIT = 256 * 1024;
const PATH = '/graphql';
/** ms that a reader may leave standing what it was sent of a stream, and between two looks at that. */
const SLOWEST = 30_000;
const LOOK_EVERY = 5_000;

export interface GraphqlRouteOptions {
  schema: GraphQLSchema;
  services: GraphqlServices;
  /**
   * Who is asking; also the place to refuse a request that another site's page makes.
   *
   * @param counted - it was counted already
   * @throws HedgerowError UNAUTHENTICATED, FORBIDDEN, RATE_LIMITED: told as errors of GraphQL
   */
  viewerOf: (request: FastifyRequest, counted: boolean) => Promise<Viewer | null>;
  /** Answers what lies ready before the router does. */
  short?: { way: ShortWay; viewers: Pick<Viewers, 'lately' | 'spend'>; bodyTime: number } | undefined;
  /** Told of an answer that goes on, a stream of events. */
  onStream?: (viewer: Viewer | null, reply: FastifyReply) => void;
  /** ms that a reader of a stream may leave standing what it was sent. */
  slowest?: number;
  /** Places of subscriptions; as many as there are by default, unless told. */
  streams?: Streams | undefined;
  /** Only these documents are answered. */
  trusted?: TrustedDocuments | undefined;
  /** Frontends of other sites. */
  allowedOrigins?: readonly string[];
  /** Answers a browser that opens the route as a page; without it, such a request is a query like any other. */
  onHtml?: (request: FastifyRequest, reply: FastifyReply) => unknown;
}

export async function graphqlRoutes(app: FastifyInstance, options: GraphqlRouteOptions): Promise<void> {
  const {
    schema,
    services,
    viewerOf,
    onStream,
    slowest = SLOWEST,
    short,
    streams,
    trusted,
    allowedOrigins = [],
    onHtml,
  } = options;
  const server = createGraphqlServer({ schema, services, allowedOrigins, streams, trusted, endpoint: PATH });
  const { begun } =
    short === undefined
      ? NOTHING_BEGUN
      : takeGraphqlRequests({ ...short, server, counters: services.database.counters, path: PATH });

  // Nothing but JSON: a form of any site can send the other types that Yoga would execute.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body);
  });

  /** Streams that go on; they end with the server, which would wait for them. */
  const streaming = new Set<FastifyReply>();
  app.addHook('preClose', async () => {
    for (const { raw } of streaming) raw.destroy();
  });

  app.route({
    method: ['GET', 'POST', 'OPTIONS'],
    url: PATH,
    bodyLimit: BODY_LIMIT,
    preParsing: (request, _reply, payload, done) => {
      const first = begun(request.raw);
      done(null, first === undefined ? payload : Readable.from([first.body], { objectMode: false }));
    },
    handler: async (request, reply) => {
      if (onHtml !== undefined && wantsPage(request)) return onHtml(request, reply);
      const gone = new AbortController();
      reply.raw.once('close', () => {
        // An abort that nobody needs is dear: it takes a picture of the stack.
        if (!reply.raw.writableFinished) gone.abort();
      });
      const first = begun(request.raw);
      const context: Asking =
        request.method === 'OPTIONS' ? { viewer: null } : await identify(request, first);
      const { retryAfter } = context.refusal ?? {};
      if (retryAfter !== undefined) reply.header('retry-after', String(Math.ceil(retryAfter)));
      const from: Asking & { address: string; signal: AbortSignal } = {
        ...context,
        address: request.ip,
        signal: gone.signal,
      };
      const asked = readRequest(request, allowedOrigins);
      const known = asked === null || first?.unanswered === true ? null : await server.answer(asked, from);
      if (asked !== null && known !== null) {
        protect(reply, request.method);
        reply.header('content-type', `${asked.type}; charset=utf-8`);
        // RFC 9211.
        reply.header('cache-status', known.from === 'kept' ? 'Hedgerow; hit' : 'Hedgerow; fwd=miss');
        return request.method === 'GET' ? conditional(request, reply, known.body) : reply.send(known.body);
      }
      // Told once, of the request, rather than of each of its fields.
      if (
        services.database.outage.state !== null &&
        context.refusal === undefined &&
        request.method !== 'OPTIONS'
      ) {
        from.refusal = databaseAway();
        reply.header('retry-after', String(from.refusal.retryAfter));
      }
      const response = await server.yoga.fetch(
        // Always this path, wherever the route is mounted: it is the one that Yoga knows.
        `http://127.0.0.1${PATH}${searchOf(request.url)}`,
        {
          method: request.method,
          headers: headersOf(request),
          ...(typeof request.body === 'string' && { body: request.body }),
        },
        from,
      );
      reply.code(response.status);
      for (const [name, value] of response.headers) reply.header(name, value);
      protect(reply, response.status === 200 ? request.method : 'POST');
      if (isStream(response)) {
        // nginx would hold events back until a buffer is full.
        reply.header('x-accel-buffering', 'no');
        onStream?.(context.viewer, reply);
        streaming.add(reply);
        reply.raw.once('close', () => streaming.delete(reply));
        cutSlowReader(reply.raw, slowest);
      }
      if (request.method === 'GET' && response.status === 200 && !isStream(response)) {
        const body = Buffer.from(await response.arrayBuffer());
        return conditional(request, reply, body);
      }
      return reply.send(response.body ?? '');
    },
  });

  /** A refusal is told by GraphQL; what is no refusal is a fault, and is told as one. */
  async function identify(request: FastifyRequest, first: Begun | undefined): Promise<Asking> {
    if (first !== undefined && first.refusal !== null) return { viewer: null, refusal: first.refusal };
    try {
      return { viewer: await viewerOf(request, first?.counted === true) };
    } catch (error) {
      if (error instanceof HedgerowError) return { viewer: null, refusal: error };
      throw error;
    }
  }
}

const NOTHING_BEGUN = { begun: (): undefined => undefined };

interface Asking {
  viewer: Viewer | null;
  refusal?: HedgerowError;
}

/** A request as nearly all are; null: whatever is unusual of it is judged by the long way. */
function readRequest(request: FastifyRequest, allowedOrigins: readonly string[]): PlainRequest | null {
  const { headers, method, body } = request;
  // Pages of other sites are told what they may read.
  if (headers.origin !== undefined && allowedOrigins.length > 0) return null;
  const type = answerTypeOf(headers);
  if (type === undefined) return null;
  let asked: GraphqlRequest | null = null;
  if (method === 'GET') asked = readQueriedRequest(request.query as Record<string, unknown>, headers);
  else if (method === 'POST' && typeof body === 'string') asked = readPostedRequest(body);
  return asked === null ? null : { ...asked, type };
}

function isStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') === true;
}

/** What one viewer may see is nothing for a shared cache; what was asked by GET may be asked about again. */
function protect(reply: FastifyReply, method: string): void {
  reply.header('cache-control', method === 'GET' ? 'private, no-cache' : 'no-store');
  reply.header('x-content-type-options', 'nosniff');
  if (method === 'GET') reply.header('vary', 'Accept, Authorization, Cookie');
}

/** RFC 9110, 13.1.2: weak comparison; 304 carries what 200 would, but for the content. */
function conditional(request: FastifyRequest, reply: FastifyReply, body: Buffer): FastifyReply {
  const etag = etagOf(body);
  reply.header('etag', etag);
  const asked = request.headers['if-none-match'];
  if (asked === undefined) return reply.send(body);
  const same =
    asked.trim() === '*' || asked.split(',').some((each) => each.trim().replace(/^W\//, '') === etag);
  return same ? reply.code(304).removeHeader('content-type').send() : reply.send(body);
}

/** What was sent and not taken is held for the reader, and with it a place that another could have. */
function cutSlowReader(raw: ServerResponse, slowest: number): void {
  let since: number | null = null;
  const timer = setInterval(
    () => {
      if (!raw.writableNeedDrain) since = null;
      else if (since === null) since = performance.now();
      else if (performance.now() - since >= slowest) breakOff(raw);
    },
    Math.min(LOOK_EVERY, slowest),
  ).unref();
  raw.once('close', () => clearInterval(timer));
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
