/**
 * `POST /graphql` of a document that was here before, past the router: an answer that is kept, or else the query executed. New
 * documents, errors, refusals and cookies that are due are the route's.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { KnownViewer } from '../access/access.ts';
import type { Viewer } from '../access/viewer.ts';
import type { CatalogCounters, Counters } from '../database/counters.ts';
import type { GraphqlRequest, KeptAnswer } from '../graphql/kept-answers.ts';
import type { GraphqlServer } from '../graphql/yoga.ts';
import type { HedgerowError } from '../lib/errors.ts';
import { answerTypeOf, readPostedRequest } from './graphql-request.ts';
import { type ShortWay, soon } from './short-way.ts';
import type { Viewers } from './viewers.ts';

/** Bytes of a body that is read here. */
const BODY_MAX = 32 * 1024;
/** Characters of bodies whose requests are remembered. */
const REQUESTS = 2 * 1024 * 1024;
const JSON_TYPE = /^application\/json(?:; ?charset=utf-8)?$/i;

export interface GraphqlShortWayOptions {
  way: ShortWay;
  path: string;
  viewers: Pick<Viewers, 'lately' | 'spend'>;
  server: Pick<GraphqlServer, 'answer' | 'known' | 'knows'>;
  counters: CatalogCounters;
  /** ms that a body may take. */
  bodyTime: number;
}

/** What the route needs not do again of a request that came here first. */
export interface Begun {
  body: Buffer;
  counted: boolean;
  /** Counted once too often. */
  refusal: HedgerowError | null;
  /** `answer` was asked, and had none. */
  unanswered: boolean;
}

interface Asking {
  asked: GraphqlRequest;
  asker: KnownViewer;
  at: Counters;
  type: string;
  first: Begun;
}

export function takeGraphqlRequests(options: GraphqlShortWayOptions): {
  begun(request: IncomingMessage): Begun | undefined;
} {
  const { way, path: own, viewers, server, counters, bodyTime } = options;
  const begun = new WeakMap<IncomingMessage, Begun>();
  const requests = new LRUCache<string, { request: GraphqlRequest }>({
    maxSize: REQUESTS,
    sizeCalculation: (_request, text) => text.length + 200,
  });

  /** The same object for the same text, whose variables need not be written anew each time. */
  function requestOf(text: string): GraphqlRequest | null {
    const known = requests.get(text);
    if (known !== undefined) return known.request;
    const request = readPostedRequest(text);
    if (request !== null) requests.set(text, { request });
    return request;
  }

  function send(
    response: ServerResponse,
    type: string,
    { body, from }: Pick<KeptAnswer, 'body' | 'from'>,
  ): void {
    response.writeHead(200, [
      ...way.safety,
      'content-type',
      `${type}; charset=utf-8`,
      // What one viewer may see is nothing for a shared cache.
      'cache-control',
      'no-store',
      // RFC 9211.
      'cache-status',
      from === 'kept' ? 'Hedgerow; hit' : 'Hedgerow; fwd=miss',
      'content-length',
      String(body.length),
    ]);
    response.end(body);
  }

  function execute(
    asked: GraphqlRequest,
    viewer: Viewer | null,
    response: ServerResponse,
    at: Counters,
  ): Promise<KeptAnswer | null> {
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    return server.answer(asked, { viewer, signal: gone.signal }, at);
  }

  function answer(
    request: IncomingMessage,
    response: ServerResponse,
    { asked, asker, at, type, first }: Asking,
    toRoute: () => void,
  ): void {
    const { viewer, settled } = asker;
    // A cookie that is due, and an address that a proxy tells, are the route's.
    if (!settled || (viewer === null && way.proxied)) {
      toRoute();
      return;
    }
    const kept = server.known(asked, viewer, at);
    const spent = viewers.spend('request', viewer, request);
    if (kept !== null && spent === null) {
      send(response, type, kept);
      return;
    }
    void (async () => {
      first.refusal = await spent;
      first.counted = true;
      // The route has the words for it.
      const answered = first.refusal === null ? (kept ?? (await execute(asked, viewer, response, at))) : null;
      first.unanswered = answered === null;
      if (answered === null) toRoute();
      else if (!response.destroyed) send(response, type, answered);
      // Whatever went wrong, the route runs into it as well, and tells it.
    })().catch(toRoute);
  }

  way.add((request, response, path, leave) => {
    const { method, headers } = request;
    if (method !== 'POST' || path !== own) return false;
    const type = answerTypeOf(headers);
    const length = Number(headers['content-length']);
    if (type === undefined || !(length > 0 && length <= BODY_MAX)) return false;
    if (headers['content-encoding'] !== undefined || headers.expect !== undefined) return false;
    if (!JSON_TYPE.test(headers['content-type'] ?? '')) return false;
    readBody(request, bodyTime, (body) => {
      const first: Begun = { body, counted: false, refusal: null, unanswered: false };
      const toRoute = (): void => {
        begun.set(request, first);
        leave();
      };
      const asked = requestOf(body.toString());
      if (asked === null || !server.knows(asked)) {
        toRoute();
        return;
      }
      const look = (at: Counters): void =>
        soon(
          () => viewers.lately(request, at.access),
          (asker) => answer(request, response, { asked, asker, at, type, first }, toRoute),
          toRoute,
        );
      soon(() => counters.now() ?? counters.read(), look, toRoute);
    });
    return true;
  });

  return { begun: (request) => begun.get(request) };
}

/** Nothing is told of a body that does not come whole: nobody is there, or stays. @param limit ms */
function readBody(request: IncomingMessage, limit: number, done: (body: Buffer) => void): void {
  const parts: Buffer[] = [];
  const late = setTimeout(() => request.socket.destroy(), limit).unref();
  request.on('data', (part: Buffer) => void parts.push(part));
  request.on('close', () => clearTimeout(late));
  request.on('end', () => {
    clearTimeout(late);
    const [first] = parts;
    done(parts.length === 1 && first !== undefined ? first : Buffer.concat(parts));
  });
}
