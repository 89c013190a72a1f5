/** The composition root: the one place that builds the parts and wires them. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { type Access, createAccess } from './access/access.ts';
import { type Accounts, createAccounts } from './access/accounts.ts';
import { type Audit, createAudit } from './access/audit.ts';
import { createAuditLog } from './access/audit-log.ts';
import { auditedAccess } from './access/audited-access.ts';
import { auditedAccounts, auditedCommand } from './access/audited-accounts.ts';
import { createPasswords } from './access/passwords.ts';
import type { Viewer } from './access/viewer.ts';
import { type Catalog, createCatalog } from './catalog/catalog.ts';
import { createFaults } from './catalog/faults.ts';
import { learnOriginal } from './catalog/learn.ts';
import type { Config, Secrets } from './config/config.ts';
import { loadMasterKey } from './config/master-key.ts';
import { type Database, openDatabase } from './database/database.ts';
import { createProcesses, type Processes } from './database/processes.ts';
import { createSharedLimits } from './database/shared-limits.ts';
import { createCacheAdministration } from './delivery/cache-administration.ts';
import { createDelivery, type Delivery } from './delivery/delivery.ts';
import type { FederationContext } from './federation/context.ts';
import { createFederation } from './federation/create-federation.ts';
import type { ForeignDialect } from './federation/dialects/dialect.ts';
import type { Federation } from './federation/federation.ts';
import { loadIdentity } from './federation/identity/instance-identity.ts';
import { cacheModeOf, standingOf } from './federation/peers/find-peer.ts';
import type { GraphqlServices } from './graphql/context.ts';
import { readTrustedDocuments } from './graphql/trusted-documents.ts';
import { createServer } from './http/server.ts';
import { HedgerowError, systemCode } from './lib/errors.ts';
import { deriveKey } from './lib/seal.ts';
import { createLibrary, type Library } from './library/library.ts';
import type { MediaPool } from './library/media-worker.ts';
import { type DataFolderLock, lockDataFolder } from './lock.ts';
import { createLog, federationLog } from './log.ts';
import type { BlobStore } from './storage/blob-store.ts';
import { openDiskBlobStore } from './storage/disk-blob-store.ts';
import { uploadsFolder } from './storage/paths.ts';
import { watchStore } from './storage/watched-store.ts';
import { VERSION } from './version.ts';

export interface AppOptions {
  config: Config;
  secrets: Secrets;
  log?: Logger;
  /** What a test puts in the place of the real thing. */
  overrides?: {
    now?: () => number;
    random?: () => number;
    /** ms until a peer is told again that its pairing is over, after so many attempts in vain. */
    noticeDelay?: (failures: number) => number;
    sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
    dialects?: readonly ForeignDialect[];
    /** Shared by several instances, and not closed with any of them. */
    media?: MediaPool;
    /** Where the migrations are. */
    migrations?: string;
    /** log2 of scrypt's N, by which passwords are hashed. */
    passwordCost?: number;
  };
}

/** Everything of one instance, whether it serves or only one command is run on its folder. */
export interface App extends AsyncDisposable {
  readonly config: Config;
  readonly database: Database;
  readonly processes: Processes;
  readonly audit: Audit;
  readonly store: BlobStore;
  readonly catalog: Catalog;
  readonly access: Access;
  /** As the terminal handles them. */
  readonly accounts: Accounts;
  readonly delivery: Delivery;
  readonly federation: Federation;
  readonly library: Library;
  readonly graphql: GraphqlServices;
  readonly publicUrl: URL;
  readonly log: Logger;
}

export interface RunningApp extends App {
  /** Where it listens, such as `http://127.0.0.1:4000`. */
  readonly url: string;
  /** Every route, as `GET /media/:id/:variant`. */
  readonly routes: readonly string[];
}

/** For a command: the folder is opened, nothing listens and nothing is pulled until asked for. */
export async function openApp(options: AppOptions): Promise<App> {
  return build(options, null);
}

/**
 * For `serve`: listens, pulls, and leaves `server.json` in the data folder, by which commands find the server.
 *
 * @throws HedgerowError, one sentence fit for the end of a start
 */
export async function startApp(options: AppOptions): Promise<RunningApp> {
  const server = createHttpServer(notReady);
  const url = await bind(server, options.config);
  try {
    return await build(options, { server, url });
  } catch (error) {
    server.close();
    // Whoever asked meanwhile would keep the process from ending.
    server.closeAllConnections();
    throw error;
  }
}

/** The port is taken before the parts are made, which may take a migration's time; nobody is left without an answer. */
const notReady: RequestListener = (_request, response) => {
  response.writeHead(503, { 'retry-after': '2', connection: 'close', 'content-length': 0 }).end();
};

async function build(options: AppOptions, listening: null): Promise<App>;
async function build(options: AppOptions, listening: { server: Server; url: string }): Promise<RunningApp>;
async function build(
  { config, secrets, log = createLog(config.logLevel), overrides = {} }: AppOptions,
  listening: { server: Server; url: string } | null,
): Promise<App | RunningApp> {
  const now = overrides.now ?? Date.now;
  await using opened = new AsyncDisposableStack();

  await makeDataFolder(config.dataDir);
  opened.use((await lockDataFolder(config)) satisfies DataFolderLock);
  const database = opened.use(
    await openDatabase(config.database, {
      onSnapshot: (path) => log.info({ path }, 'copied the database before migrating it'),
      migrations: overrides.migrations,
    }),
  );
  const processes = opened.use(
    createProcesses(database, {
      onError: (error) => log.error({ err: error }, 'what other processes do could not be looked at'),
    }),
  );
  const shared = createSharedLimits(database, processes);
  const audit = opened.use(
    createAudit({
      database,
      shared,
      now,
      onError: (error) => log.error({ err: error }, 'an event could not be written to the audit'),
    }),
  );
  const sealed = (await database.prisma.instanceKey.count()) > 0;
  const masterKey = await loadMasterKey(config.dataDir, secrets.masterKey, { make: !sealed });
  const identity = await loadIdentity(database, masterKey);
  const publicUrl = new URL(config.publicUrl ?? listening?.url ?? addressUrl(config.host, config.port));
  const instanceName = () => config.name ?? config.defaultName;
  const catalog = await createCatalog(database, now, () =>
    log.info('the search index is made anew; this takes about half a minute for a million items'),
  );
  const ownStore = await openStore(opened, config, secrets);
  // A disk answers in any case, and says in each answer what is wrong.
  const watched = config.storage.kind === 's3' ? opened.use(watchStore(ownStore)) : null;
  const store = watched ?? ownStore;

  const context: FederationContext = {
    database,
    processes,
    shared,
    identity,
    masterKey,
    now,
    self: () => ({ name: instanceName(), publicUrl: publicUrl.href.replace(/\/+$/, '') }),
    log: federationLog(log),
    audit,
  };
  const parts = opened.use(
    createFederation({
      context,
      enabled: config.federation,
      pullInterval: config.pullInterval,
      noticeDelay: overrides.noticeDelay,
      dialects: overrides.dialects,
      sleep: overrides.sleep,
    }),
  );
  const faults = await createFaults({
    database,
    processes,
    now,
    onError: (error) => log.error({ err: error }, 'what is wrong with an item was not written down'),
  });
  const delivery = opened.use(
    createDelivery({
      database,
      store,
      processes,
      upstreamFor: parts.upstreamFor,
      cacheBudget: config.cacheBytes,
      now,
      onFetched: parts.fetched,
      onLearnt: (file, learnt) => {
        if (file.variant !== 'original') return;
        database
          .write((tx) => learnOriginal(tx, file, learnt, now()))
          .catch((error: unknown) => log.error({ err: error }, 'what was learnt of a file was not kept'));
      },
      onFault: (file, error) => {
        log.warn({ itemId: file.itemId, variant: file.variant, code: error.code }, 'wrong bytes');
        if (file.source === 0) return;
        faults.note(file.itemKey, error.code);
        parts.wrongBytes(file.source, error);
      },
      onWhole: (file) => faults.clear(file.itemKey),
      onDamage: (file, { code, message }) => {
        log.warn({ itemId: file.itemId, variant: file.variant, code }, 'kept bytes were damaged');
        void audit.record({
          actorKind: 'SYSTEM',
          action: 'cache.damaged',
          target: file.itemId,
          outcome: 'failed',
          code,
          detail: { variant: file.variant, message },
        });
      },
      onStoreError: (error) => log.error({ err: error }, 'the cache could not keep bytes'),
    }),
  );
  parts.deliverThrough(delivery);
  const ownLibrary = opened.use(
    createLibrary({
      database,
      processes,
      catalog,
      store,
      ownFolders: [config.dataDir, ...(config.storage.kind === 'disk' ? [config.storage.folder] : [])],
      now,
      media: overrides.media,
      uploads: {
        folder: unfinishedUploads(config),
        ownFolder: processes.several && config.storage.kind === 's3',
        ...config.uploads,
      },
      onStored: (digest) => delivery.joinLibrary(digest),
      onLeaving: (digest) => delivery.leaveLibrary(digest),
      onFault: (path, error) => log.error({ err: error, path }, 'an import could not deal with a file'),
    }),
  );
  const library: Library = {
    ...ownLibrary,
    importFiles: (request) => auditedCommand(audit, 'import', () => ownLibrary.importFiles(request)),
  };
  const serviceToken = `hedgerow_service_${randomBytes(32).toString('base64url')}`;
  const ownAccess = await createAccess({
    database,
    secret: deriveKey(masterKey, 'hedgerow/session-cookies/1'),
    publicUrl,
    instanceName,
    passwords: createPasswords({ costLog2: overrides.passwordCost, instanceName }),
    allowedOrigins: config.allowedOrigins,
    adminToken: secrets.adminToken ?? undefined,
    serviceToken,
    requestsPerMinute: config.requestsPerMinute,
    oidc: config.oidc === null ? null : { ...config.oidc, clientSecret: secrets.oidcClientSecret },
    now,
    processes,
    shared,
  });
  const access = auditedAccess(ownAccess, audit);
  const accounts = auditedAccounts(createAccounts(access, publicUrl), audit);
  const graphql: GraphqlServices = {
    catalog,
    federation: parts.federation,
    database,
    audit,
    auditLog: createAuditLog(database),
    people: access.people,
    secondFactors: access.secondFactors,
    signUrl: access.signedUrls.sign,
    library,
    cache: createCacheAdministration({
      delivery,
      cacheModeOf: (peerKey) => cacheModeOf(database.read, peerKey),
      copies: async (digest) =>
        (await catalog.copies({ kind: 'ADMIN', userId: null }, [digest])).get(digest) ?? [],
      peerStanding: (peerKey) => standingOf(database.read, peerKey),
    }),
    availability: (items) => delivery.has(items.map((item) => item.key)),
    publicPath: publicUrl.pathname.replace(/\/+$/, ''),
    version: VERSION,
    pullInterval: config.pullInterval / 1000,
    anonymous: config.anonymous,
    log,
    now,
  };
  const app: App = {
    config,
    database,
    processes,
    audit,
    store,
    catalog,
    access,
    accounts,
    delivery,
    federation: parts.federation,
    library,
    graphql,
    publicUrl,
    log,
    [Symbol.asyncDispose]: async () => {},
  };

  let routes: readonly string[] = [];
  if (listening !== null) {
    const found = join(config.dataDir, 'server.json');
    // A server that ends by itself takes this file away; where it lies there, the last one did not.
    const unclean = existsSync(found);
    // Other processes may be writing into the same store or database right now.
    const shared = config.storage.kind === 's3' || database.dialect === 'postgresql';
    await delivery.sweep({ unclean, ...(shared && { olderThan: LONGEST_WRITE }) });
    opened.use(
      sweepEvery(SWEEP, log, async () => {
        await library.uploads.sweep();
        if (shared) await delivery.sweepAgain(LONGEST_WRITE);
      }),
    );
    const { server, url } = listening;
    const edge = await createServer(server, {
      config,
      publicUrl,
      access,
      catalog,
      database,
      delivery,
      storeAway: () => watched?.away === true,
      federation: context,
      streams: parts.streams,
      served: parts.served,
      endedByPeer: parts.endedByPeer,
      redeemed: parts.redeemed,
      graphql,
      trusted: config.operations === 'trusted' ? await readTrustedDocuments(OPERATIONS) : undefined,
      library,
      accounts,
      instanceName,
      version: VERSION,
      log,
    });
    routes = edge.routes;
    server.off('request', notReady);
    opened.defer(() => drain(server, () => edge.app.close()));
    await parts.start();
    audit.start();
    // The mode counts only for a file that is made anew; one of a server that was killed may lie there.
    await rm(found, { force: true });
    await writeFile(found, JSON.stringify({ url, token: serviceToken, pid: process.pid }), {
      mode: 0o600,
      flag: 'wx',
    });
    opened.defer(() => rm(found, { force: true }));
  }

  const resources = opened.move();
  return {
    ...app,
    ...(listening !== null && { url: listening.url, routes }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** The service token reaches everything, so a command run on the folder does too. */
export const COMMAND_VIEWER: Viewer = {
  user: null,
  role: 'ADMIN',
  scopes: ['CATALOG_READ', 'MEDIA_READ', 'LIBRARY_WRITE', 'FEDERATION_ADMIN', 'ADMIN'],
  via: 'token',
  tokenId: 'service',
};

/** What is answered where nothing else is. */
const OPERATIONS = fileURLToPath(new URL('../schema/operations', import.meta.url));

/** ms between two looks for uploads that nobody finished, and for what was too young to be removed at the start. */
const SWEEP = 3_600_000;
/** ms that writing one blob takes at most: what is older, and no blob, was left behind. */
const LONGEST_WRITE = 86_400_000;

function sweepEvery(every: number, log: Logger, work: () => Promise<void>): Disposable {
  const sweep = () =>
    work().catch((error) => log.error({ err: error }, 'what was left behind could not be removed'));
  void sweep();
  const timer = setInterval(sweep, every).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** ms that running answers have to end when the server is told to stop. */
const DRAIN = 10_000;

/** What is uploaded is on a disk until it is whole, whatever the store is. */
export function unfinishedUploads({ storage, dataDir }: Pick<Config, 'storage' | 'dataDir'>): string {
  return uploadsFolder(storage.kind === 'disk' ? storage.folder : dataDir);
}

/** @param opened - what it needs to be closed with */
export async function openStore(
  opened: AsyncDisposableStack,
  { storage }: Pick<Config, 'storage'>,
  { storageKeys }: Pick<Secrets, 'storageKeys'>,
): Promise<BlobStore> {
  if (storage.kind === 'disk') return openDiskBlobStore(storage.folder);
  if (storageKeys === null) throw new HedgerowError('INVALID', 'There are no keys for the store.');
  // Whoever keeps blobs on a disk need not wait for the client of another store to be loaded.
  const { openS3BlobStore } = await import('./storage/s3-blob-store.ts');
  return opened.use(await openS3BlobStore({ ...storage, keys: storageKeys }));
}

async function drain(server: Server, close: () => Promise<void>): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // A connection that is busy now is idle once its answer has ended, and would stay open for another request.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const late = setTimeout(() => server.closeAllConnections(), DRAIN);
  try {
    await close();
    await closed;
  } finally {
    clearInterval(idle);
    clearTimeout(late);
  }
}

async function makeDataFolder(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const probe = join(dataDir, `.writable-${process.pid}`);
    await writeFile(probe, '');
    await rm(probe);
  } catch (error) {
    const why = systemCode(error) ?? 'unknown reason';
    throw new HedgerowError(
      'INVALID',
      `The data folder ${dataDir} cannot be written (${why}); HEDGEROW_DATA_DIR names it.`,
      {
        cause: error,
      },
    );
  }
}

async function bind(server: Server, { host, port }: Config): Promise<string> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EADDRINUSE') {
      throw new HedgerowError(
        'CONFLICT',
        `Port ${port} of ${host} is in use; choose another with HEDGEROW_PORT.`,
        {
          cause: error,
        },
      );
    }
    if (code === 'EACCES') {
      throw new HedgerowError(
        'FORBIDDEN',
        `Port ${port} needs more rights than this process has; choose another with HEDGEROW_PORT.`,
        {
          cause: error,
        },
      );
    }
    throw new HedgerowError(
      'INVALID',
      `HEDGEROW_HOST ${host} cannot be listened on (${code ?? 'unknown reason'}).`,
      {
        cause: error,
      },
    );
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return addressUrl(address.address, address.port);
}

function addressUrl(host: string, port: number): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return `http://${name === '0.0.0.0' || name === '[::]' ? 'localhost' : name}:${port}`;
}
