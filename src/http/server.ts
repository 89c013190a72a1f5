/** The edge: one Fastify with every route. Read `registerRoutes` as the table of contents. */
import { randomUUID } from 'node:crypto';
import type { RequestListener, Server } from 'node:http';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Logger } from 'pino';
import type { Access } from '../access/access.ts';
import type { Accounts } from '../access/accounts.ts';
import { hasScope, type Viewer } from '../access/viewer.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Reader } from '../catalog/visibility.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { databaseAway, isAway } from '../database/outage.ts';
import { sql } from '../database/sql.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { FederationContext } from '../federation/context.ts';
import type { PeerStreams } from '../federation/serve/streams.ts';
import { type GraphqlServices, readerOf } from '../graphql/context.ts';
import { schema } from '../graphql/schema.ts';
import { createStreams } from '../graphql/streams.ts';
import type { TrustedDocuments } from '../graphql/trusted-documents.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { Uploads } from '../library/uploads.ts';
import { auditRequests, type RequestAudit } from './audit-hook.ts';
import { auditRoute } from './audit-route.ts';
import { type BodyTime, boundBodyTime } from './body-time.ts';
import { browserSafety, safetyHeaders } from './browser-safety.ts';
import { federationRoutes } from './federation/routes.ts';
import { graphqlRoutes } from './graphql-route.ts';
import { type InternalRoutesOptions, internalRoutes } from './internal-routes.ts';
import { mediaRoutes } from './media-routes.ts';
import { oidcRoutes } from './oidc-routes.ts';
import { createPages } from './pages.ts';
import { pairingRestRoutes } from './pairing-rest-routes.ts';
import { problemOf } from './problem.ts';
import { schemaRoutes } from './schema-routes.ts';
import { sessionRoutes } from './session-routes.ts';
import { createShortWay, type ShortWay } from './short-way.ts';
import { uploadsRoutes } from './uploads-routes.ts';
import { createViewers } from './viewers.ts';

/** ms that a client may take to send its headers, and a body; an upload is as long as bytes come. */
const HEADERS_TIMEOUT = 20_000;
const REQUEST_TIMEOUT = 60_000;
const KEEP_ALIVE = 65_000;

export interface ServerParts {
  config: Config;
  publicUrl: URL;
  access: Access;
  catalog: Catalog;
  database: Database;
  delivery: Delivery;
  /** Whether the store of blobs does not answer. */
  storeAway: () => boolean;
  federation: FederationContext;
  streams: PeerStreams;
  served: (peerKey: number, bytes: number) => void;
  endedByPeer: (peer: { key: number; id: string }) => Promise<void>;
  redeemed: (peerKey: number) => void;
  graphql: GraphqlServices;
  /** Undefined: any document is answered. */
  trusted: TrustedDocuments | undefined;
  accounts: Accounts;
  library: InternalRoutesOptions['library'] & { readonly uploads: Uploads };
  instanceName: () => string;
  version: string;
  log: Logger;
}

/**
 * @param server - bound already, so that its port was known while the parts were made; answered here once this ends
 * @returns `routes`: all that there are, as `GET /path/:name`
 */
export async function createServer(
  server: Server,
  parts: ServerParts,
): Promise<{ app: FastifyInstance; routes: readonly string[] }> {
  const { config, publicUrl, log } = parts;
  const prefix = publicUrl.pathname.replace(/\/+$/, '');
  let handle: RequestListener = () => {};
  const app = Fastify({
    serverFactory: (handler) => {
      handle = handler;
      return server;
    },
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    // A logger for each request costs more than finding what it asks for, and nothing is logged that would need its number.
    childLoggerFactory: (logger) => logger,
    trustProxy: config.trustedProxies.length > 0 ? config.trustedProxies : false,
    bodyLimit: 64 * 1024,
    return503OnClosing: true,
    // A proxy in front may take the prefix away, or leave it.
    rewriteUrl: (request) => withoutPrefix(request.url ?? '/', prefix),
    routerOptions: { maxParamLength: 200 },
    // What the router itself refuses, such as a broken escape, is a problem document as everything else.
    frameworkErrors: (error, _request, reply) => {
      const { status, headers, body } = problemOf(translated(error), {});
      const safety = safetyHeaders(publicUrl);
      void (reply as FastifyReply)
        .code(status)
        .headers({ ...safety, ...headers })
        .send(body);
    },
  });
  const routes: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    // Fastify adds HEAD to every GET.
    for (const each of [method].flat()) if (each !== 'HEAD') routes.push(`${each} ${url}`);
  });
  server.headersTimeout = HEADERS_TIMEOUT;
  // Node's own timeout knows no routes (body-time.ts).
  server.requestTimeout = 0;
  server.keepAliveTimeout = KEEP_ALIVE;

  const onError = (error: unknown): string => {
    const id = randomUUID();
    log.error({ err: error, id }, 'a request failed');
    return id;
  };
  app.setErrorHandler((error, _request, reply) => {
    const own = translated(error);
    const known =
      !(own instanceof HedgerowError) && isAway(own, parts.database.outage) ? databaseAway(own) : own;
    const internal = !(known instanceof HedgerowError) || known.code === 'INTERNAL';
    const problem = problemOf(known, internal ? { id: onError(error) } : {});
    return reply.code(problem.status).headers(problem.headers).send(problem.body);
  });
  app.setNotFoundHandler((_request, reply) => {
    const problem = problemOf(new HedgerowError('NOT_FOUND'));
    return reply.code(problem.status).headers(problem.headers).send(problem.body);
  });
  const short = createShortWay({
    pathOf: (request) => withoutPrefix(request.url ?? '/', prefix),
    safety: safetyHeaders(publicUrl),
    allowedOrigins: config.allowedOrigins,
    proxied: config.trustedProxies.length > 0,
    router: () => handle,
  });
  app.addHook('preClose', async () => short.close());
  const bodies = boundBodyTime(app, REQUEST_TIMEOUT);
  browserSafety(app, { publicUrl, allowedOrigins: config.allowedOrigins });
  app.addHook('onSend', async (request, reply) => {
    // What is kept for everybody carries nobody's cookie.
    if (request.headers.cookie === undefined || request.url.startsWith('/assets/')) return;
    const renewed = await parts.access.renew(request.headers).catch((error) => {
      // The session that there is goes on; the next request tries again.
      log.error({ err: error }, 'a session could not be renewed');
      return [];
    });
    if (renewed.length > 0) reply.header('set-cookie', renewed);
  });

  await registerRoutes(app, parts, onError, auditRequests(app, parts.graphql.audit), bodies, short);
  await app.ready();
  // Not before every route is there: until then somebody else says that we are not ready.
  server.on('request', short.listener);
  return { app, routes };
}

async function registerRoutes(
  app: FastifyInstance,
  parts: ServerParts,
  onError: (error: unknown) => string,
  requests: RequestAudit,
  bodies: BodyTime,
  short: ShortWay,
): Promise<void> {
  const { access, catalog, config, database, delivery } = parts;
  const pages = await createPages({
    access,
    publicUrl: parts.publicUrl,
    instanceName: parts.instanceName,
    anonymous: config.anonymous,
    revision: async () => (await catalog.state()).revision,
  });
  const viewers = createViewers({
    access,
    onKnown: requests.seen,
    // Told by where it comes from; nobody waits for that.
    onUnknownToken: (request) =>
      void parts.graphql.audit.record({
        actorKind: 'ANONYMOUS',
        action: 'token.use',
        outcome: 'refused',
        code: 'UNAUTHENTICATED',
        address: request.ip,
      }),
  });
  const viewerOf = (request: FastifyRequest): Promise<Viewer | null> => viewers.of(request, 'request');

  await app.register(async (health) => healthRoutes(health, parts));
  await app.register(pages.routes);
  await app.register(schemaRoutes, { version: parts.version });
  await app.register(sessionRoutes, { access, viewerOf });
  if (access.oidc !== null) {
    const { oidc, limits, signInAtProvider } = access;
    await app.register(oidcRoutes, {
      access: { oidc, limits, signInAtProvider },
      publicPath: parts.publicUrl.pathname.replace(/\/+$/, ''),
      onError,
    });
  }
  await app.register(graphqlRoutes, {
    schema,
    services: parts.graphql,
    streams: createStreams({ shared: parts.federation.shared }),
    trusted: parts.trusted,
    viewerOf: (request, counted) => viewers.of(request, counted ? null : 'request'),
    short: { way: short, viewers, bodyTime: REQUEST_TIMEOUT },
    onStream: viewers.whileStanding,
    allowedOrigins: config.allowedOrigins,
    onHtml: pages.graphiql,
  });
  await app.register(mediaRoutes, {
    catalog,
    database,
    delivery,
    streams: parts.streams,
    viewers,
    short,
    readerOf: (viewer) => mediaReader(viewer, config.anonymous),
    onError,
  });
  await app.register(uploadsRoutes, {
    uploads: parts.library.uploads,
    viewers,
    bodies,
    publicPath: parts.publicUrl.pathname.replace(/\/+$/, ''),
  });
  await app.register(internalRoutes, {
    viewerOf,
    library: parts.library,
    accounts: parts.accounts,
  });
  await app.register(auditRoute, {
    viewerOf,
    auditLog: parts.graphql.auditLog,
    audit: parts.graphql.audit,
    onError,
  });
  if (config.federation) {
    await app.register(pairingRestRoutes, {
      viewerOf,
      federation: parts.graphql.federation,
      database,
    });
    await app.register(federationRoutes, {
      context: parts.federation,
      delivery,
      streams: parts.streams,
      served: parts.served,
      endedByPeer: parts.endedByPeer,
      redeemed: parts.redeemed,
      software: { name: 'Hedgerow', version: parts.version },
    });
  }
}

/** `/healthz`: the process answers. `/readyz`: it can serve, which takes the database and the store. */
async function healthRoutes(app: FastifyInstance, { database, storeAway }: ServerParts): Promise<void> {
  app.get('/healthz', async (_request, reply) => reply.code(200).send());
  app.get('/readyz', async (_request, reply) => {
    // Both are looked at all the time, beside whatever is asked of them: nobody who asks this waits for a pool or a lock.
    const away = database.outage.state !== null || storeAway();
    const ready =
      !away &&
      (database.dialect === 'postgresql' ||
        (await database.read.get(sql`SELECT 1 AS ready`).then(
          () => true,
          () => false,
        )));
    return reply.code(ready ? 200 : 503).send();
  });
}

function mediaReader(viewer: Viewer | null, anonymous: boolean): Reader {
  if (viewer === null && !anonymous) throw new HedgerowError('UNAUTHENTICATED');
  if (viewer !== null && !hasScope(viewer, 'MEDIA_READ')) {
    throw new HedgerowError('FORBIDDEN', 'The token may not read media (MEDIA_READ).');
  }
  return readerOf(viewer);
}

function withoutPrefix(url: string, prefix: string): string {
  if (prefix === '' || !url.startsWith(prefix)) return url;
  const rest = url.slice(prefix.length);
  return rest === '' || rest.startsWith('?') ? `/${rest}` : rest.startsWith('/') ? rest : url;
}

/** Fastify's own errors, in our codes. */
function translated(error: unknown): unknown {
  if (error instanceof HedgerowError || !(error instanceof Error) || !('statusCode' in error)) return error;
  switch (error.statusCode) {
    case 400:
      return new HedgerowError('INVALID', 'The request is malformed.', { cause: error });
    case 404:
      return new HedgerowError('NOT_FOUND');
    case 405:
      return new HedgerowError('METHOD_NOT_ALLOWED');
    case 413:
      return new HedgerowError('QUOTA_EXCEEDED', 'The body of the request is too large.');
    case 414:
      return new HedgerowError('NOT_FOUND');
    case 415:
      return new HedgerowError('UNSUPPORTED_MEDIA', 'The route does not take this content type.');
    default:
      return error;
  }
}
