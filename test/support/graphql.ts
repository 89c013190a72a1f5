/** The GraphQL route on a real port of 127.0.0.1, over a given database, with viewers by name. */

import { randomBytes } from 'node:crypto';
import Fastify from 'fastify';
import { createAccess } from '../../src/access/access.ts';
import type { AuditEntry } from '../../src/access/audit.ts';
import { createAuditLog } from '../../src/access/audit-log.ts';
import { createPasswords } from '../../src/access/passwords.ts';
import { scopesOf, type TokenScope, type Viewer, type ViewerUser } from '../../src/access/viewer.ts';
import { type Catalog, createCatalog } from '../../src/catalog/catalog.ts';
import type { Database } from '../../src/database/database.ts';
import type { Federation } from '../../src/federation/federation.ts';
import type { GraphqlServices } from '../../src/graphql/context.ts';
import { schema } from '../../src/graphql/schema.ts';
import { type GraphqlRouteOptions, graphqlRoutes } from '../../src/http/graphql-route.ts';
import { HedgerowError } from '../../src/lib/errors.ts';

const ADMIN: ViewerUser = { id: 'user_admin', name: 'Ada', role: 'ADMIN' };
const EDITOR: ViewerUser = { id: 'user_editor', name: 'Edda', role: 'EDITOR' };
const VIEWER: ViewerUser = { id: 'user_viewer', name: 'Vera', role: 'VIEWER' };

/** Who may be named in `as`. */
export const VIEWERS = {
  admin: session(ADMIN),
  editor: session(EDITOR),
  viewer: session(VIEWER),
  /** An admin's token that may do nothing but read. */
  readingToken: token(ADMIN, ['CATALOG_READ']),
  /** An admin's token that may do whatever concerns peers. */
  federationToken: token(ADMIN, ['CATALOG_READ', 'FEDERATION_ADMIN']),
  /** An admin's token that may not even read the catalog. */
  bytesToken: token(ADMIN, ['MEDIA_READ']),
  nobody: null,
} as const satisfies Record<string, Viewer | null>;
export type ViewerName = keyof typeof VIEWERS;

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: answers are asserted upon field by field
  data: any;
  errors: { message: string; path?: (string | number)[]; extensions: Record<string, unknown> }[] | undefined;
}

export interface GraphqlUnderTest extends AsyncDisposable {
  readonly url: string;
  readonly catalog: Catalog;
  readonly services: GraphqlServices;
  /** What was written to the audit. */
  readonly audited: AuditEntry[];
  /** What was logged as an error. */
  readonly logged: Record<string, unknown>[];
  ask(
    query: string,
    options?: { as?: ViewerName; variables?: Record<string, unknown>; headers?: Record<string, string> },
  ): Promise<Answer>;
}

export interface GraphqlTestOptions extends Partial<Omit<GraphqlServices, 'database' | 'log'>> {
  route?: Partial<Pick<GraphqlRouteOptions, 'allowedOrigins' | 'onHtml' | 'slowest' | 'streams' | 'trusted'>>;
}

export async function startGraphql(
  database: Pick<Database, 'prisma' | 'read' | 'write' | 'dialect'> & Database,
  { route, ...options }: GraphqlTestOptions = {},
): Promise<GraphqlUnderTest> {
  const catalog = options.catalog ?? (await createCatalog(database));
  const audited: AuditEntry[] = [];
  const { people, secondFactors, signedUrls } = await createAccess({
    database,
    secret: randomBytes(32),
    publicUrl: new URL('http://127.0.0.1:4000'),
    passwords: createPasswords({ costLog2: 4 }),
  });
  const logged: Record<string, unknown>[] = [];
  const app = Fastify();
  const services: GraphqlServices = {
    federation: fakeFederation(),
    database,
    audit: { record: async (entry) => void audited.push(entry) },
    auditLog: createAuditLog(database),
    people,
    secondFactors,
    signUrl: signedUrls.sign,
    library: catalog.local,
    cache: emptyCache(),
    availability: async () => new Map(),
    publicPath: '',
    version: '1.2.3',
    pullInterval: 900,
    anonymous: false,
    ...options,
    catalog,
    log: { error: (details) => logged.push(details) },
  };
  await app.register(graphqlRoutes, {
    schema,
    services,
    viewerOf: async (request) => {
      const name = request.headers['x-test-viewer'] ?? 'nobody';
      if (name === 'wrong') throw new HedgerowError('UNAUTHENTICATED', 'The token is not valid.');
      return VIEWERS[name as ViewerName];
    },
    ...route,
  } satisfies GraphqlRouteOptions);
  const url = `${await app.listen({ host: '127.0.0.1', port: 0 })}/graphql`;
  return {
    url,
    catalog,
    services,
    logged,
    audited,
    ask: async (query, { as = 'admin', variables, headers } = {}) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-test-viewer': as, ...headers },
        body: JSON.stringify({ query, variables }),
      });
      const body = (await response.json()) as Pick<Answer, 'data' | 'errors'>;
      return { status: response.status, headers: response.headers, data: body.data, errors: body.errors };
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}

/** A cache in which nothing is. */
function emptyCache(): GraphqlServices['cache'] {
  return {
    usage: async () => ({ bytes: 0, budget: 1000, pinnedBytes: 0, items: 0, peers: [] }),
    items: async () => [],
    purge: async () => {},
    pin: async () => {},
    explain: async () => [],
  };
}

/** A federation that does nothing; a test puts in what it is about. */
export function fakeFederation(parts: Partial<Federation> = {}): Federation {
  const unexpected = async (): Promise<never> => {
    throw new Error('This was not expected of the test.');
  };
  const nothing: AsyncIterableIterator<string> = {
    next: unexpected,
    [Symbol.asyncIterator]: () => nothing,
  };
  return {
    instance: () => ({
      id: 'inst_1',
      name: 'Garden',
      thumbprint: 'thumb',
      publicUrl: 'http://127.0.0.1:4000',
      federation: true,
    }),
    changes: { peers: unexpected, pulls: () => nothing, diagnoses: () => nothing },
    createInvitation: unexpected,
    cancelInvitation: unexpected,
    grantCounts: async (grants) => grants.map(() => ({ mediaCount: 7, placedCount: 2 })),
    pairWithPeer: unexpected,
    addPeer: unexpected,
    createPeerCredential: unexpected,
    resolveHeldRemovals: unexpected,
    updatePeer: unexpected,
    refresh: unexpected,
    diagnosePeer: unexpected,
    renewCredential: unexpected,
    rotateKey: unexpected,
    revokePeer: unexpected,
    agents: async () => [],
    publishAgents: unexpected,
    ...parts,
  };
}

function session(user: ViewerUser): Viewer {
  return { via: 'session', user, role: user.role, scopes: scopesOf(user.role), sessionId: 'session_1' };
}

function token(user: ViewerUser, scopes: TokenScope[]): Viewer {
  return { via: 'token', user, role: user.role, scopes, tokenId: 'token_1' };
}
