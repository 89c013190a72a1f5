/** What a resolver is given: who asks, the doors of the other rooms, and what is loaded once a request. */

import DataLoader from 'dataloader';
import type { AuditEntry } from '../access/audit.ts';
import type { AuditEvent, AuditLog } from '../access/audit-log.ts';
import type { People } from '../access/people.ts';
import type { SecondFactors } from '../access/second-factor.ts';
import type { Session } from '../access/sessions.ts';
import type { ApiToken } from '../access/tokens.ts';
import { hasScope, type Viewer } from '../access/viewer.ts';
import type { Album } from '../catalog/albums.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { GrantCounts } from '../catalog/feed.ts';
import { type Item, LOCAL_SOURCE } from '../catalog/items.ts';
import type { Reader } from '../catalog/visibility.ts';
import type { Database } from '../database/database.ts';
import type { Diagnosis, Invitation, Peer, Pull, User } from '../database/generated/sqlite/client.ts';
import type { CacheAdministration } from '../delivery/cache-administration.ts';
import type { Federation } from '../federation/federation.ts';
import { storedGrant } from '../federation/grants.ts';
import type { VariantName } from '../lib/media.ts';
import { peersShownTo } from './peer.ts';

/** Bytes of a remote item that are kept here: whole, or some of its segments. */
export type Kept = 'CACHED' | 'PARTIAL';

/** Where every mutation is written down. */
export interface GraphqlAudit {
  /** Resolves once it is written; never rejects. */
  record(entry: AuditEntry): Promise<void>;
}

export interface GraphqlLog {
  error(details: Record<string, unknown>, message: string): void;
}

/** The doors that the schema opens, made once for the process. */
export interface GraphqlServices {
  readonly catalog: Catalog;
  readonly federation: Federation;
  readonly database: Pick<Database, 'prisma' | 'outage' | 'counters'>;
  readonly audit: GraphqlAudit;
  readonly auditLog: AuditLog;
  readonly people: People;
  readonly secondFactors: Pick<SecondFactors, 'among'>;
  /** The query, without `?`, by which a URL of bytes is its own permission. */
  signUrl(viewer: Viewer | null, itemId: string, variant: VariantName): string;
  readonly library: {
    /** Removes local items, rows and bytes. */
    remove(ids: readonly string[]): Promise<readonly Item[]>;
  };
  /** Which of these remote items have bytes here, by `Item.key`; one statement however many are asked for. */
  availability(items: readonly Pick<Item, 'key'>[]): Promise<ReadonlyMap<number, Kept>>;
  /** What is kept of peers' bytes. */
  readonly cache: CacheAdministration;
  /** Path of the public URL without a trailing slash; empty at the root of its origin. */
  readonly publicPath: string;
  readonly version: string;
  /** Seconds between pulls of a peer that has no interval of its own. */
  readonly pullInterval: number;
  /** Whether items that are PUBLIC are shown without signing in. */
  readonly anonymous: boolean;
  readonly log: GraphqlLog;
  /** Ms since 1970. */
  readonly now?: () => number;
}

/** What the viewer may do, decided once a request. */
export interface Abilities {
  readonly read: boolean;
  readonly write: boolean;
  readonly administer: boolean;
  /** Whatever concerns the instance as a whole: its people, its audit. */
  readonly admin: boolean;
}

export interface GraphqlContext extends Omit<GraphqlServices, 'now'> {
  readonly now: () => number;
  readonly viewer: Viewer | null;
  /** The client's, as the edge sees it; undefined for a command on the folder. */
  readonly address: string | undefined;
  readonly reader: Reader;
  readonly may: Abilities;
  /** Aborted once nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  load: Loaders;
  /**
   * Counters of what everybody is told of peers, where they were read for this request: rows that were read under the same
   * are as good as new. Null: nobody has looked, or admins are shown more (`graphql/dependencies.ts`).
   */
  peersAt: string | null;
  /** The operation has been found light enough before, with sizes of pages as these. */
  weighed: boolean;
  /** The same of the catalog: what was counted under these still holds. */
  catalogAt: string | null;
}

export interface Loaders {
  /** By `Item.source`. */
  readonly peer: DataLoader<number, Peer | null>;
  /** The same, at once where it is known. */
  readonly peerOf: (source: number) => Peer | null | Promise<Peer | null>;
  readonly user: DataLoader<string, User | null>;
  /** Whether the person of this id has a second factor. */
  readonly secondFactor: DataLoader<string, boolean>;
  /** Items that the reader may see, by id. */
  readonly media: DataLoader<string, Item | null>;
  /** Living ones by person; null where the viewer may not look. */
  readonly sessionsOfUser: DataLoader<string, Session[] | null>;
  readonly tokensOfUser: DataLoader<string, ApiToken[] | null>;
  /** Peers that the reader may know, by id. */
  readonly peerById: DataLoader<string, Peer | null>;
  /** Albums that the reader may see, by id. */
  readonly albumById: DataLoader<string, Album | null>;
  /** These by id, whoever asks. */
  readonly invitation: DataLoader<string, Invitation | null>;
  readonly pull: DataLoader<string, Pull | null>;
  readonly diagnosis: DataLoader<string, Diagnosis | null>;
  readonly auditEvent: DataLoader<string, AuditEvent | null>;
  /** Items that the reader may see, by digest. */
  readonly copies: DataLoader<string, readonly Item[]>;
  readonly kept: DataLoader<Pick<Item, 'key'>, Kept | null, number>;
  /** Bytes on disk, by the key of the peer. */
  readonly bytesCached: DataLoader<number, bigint>;
  /** When the credential that a peer uses here was issued, by the key of the peer; null where it has none. */
  readonly credentialIssuedAt: DataLoader<number, Date | null>;
  /** How many items of an album the reader may see, by `Album.key`. */
  readonly albumCounts: DataLoader<number, number>;
  /** Albums that the reader may see, by `Item.key`. */
  readonly albums: DataLoader<number, readonly Album[]>;
  /** Peers that take something from here. */
  readonly servedPeers: () => Promise<readonly Peer[]>;
  /** By the grant's text, as a row keeps it. */
  readonly grantCounts: DataLoader<string, GrantCounts>;
}

export function createContext(
  services: GraphqlServices,
  viewer: Viewer | null,
  { address, signal = NEVER }: { address?: string | undefined; signal?: AbortSignal | undefined } = {},
): GraphqlContext {
  const { now = Date.now, ...doors } = services;
  const reader = readerOf(viewer);
  const context: GraphqlContext = {
    ...doors,
    now,
    viewer,
    address,
    signal,
    reader,
    may: abilitiesOf(viewer, services.anonymous),
    load: createLoaders(services, viewer, reader, () => context.peersAt),
    peersAt: null,
    catalogAt: null,
    weighed: false,
  };
  return context;
}

const NEVER = new AbortController().signal;

/** Forgets what was loaded: an answer that goes on tells what is there now. */
export function loadAnew(context: GraphqlContext): void {
  context.peersAt = null;
  context.catalogAt = null;
  context.load = createLoaders(context, context.viewer, context.reader, () => context.peersAt);
}

export function readerOf(viewer: Viewer | null): Reader {
  if (viewer === null) return { kind: 'ANONYMOUS' };
  return { kind: viewer.role === 'ADMIN' ? 'ADMIN' : 'USER', userId: viewer.user?.id ?? null };
}

export function abilitiesOf(viewer: Viewer | null, anonymous: boolean): Abilities {
  return {
    read: viewer === null ? anonymous : hasScope(viewer, 'CATALOG_READ'),
    write: hasScope(viewer, 'LIBRARY_WRITE'),
    administer: hasScope(viewer, 'FEDERATION_ADMIN'),
    admin: hasScope(viewer, 'ADMIN'),
  };
}

/** An admin changes what an admin sees; an editor what is his or her own. A peer's items are read-only. */
export function mayChange(
  { viewer, may }: Pick<GraphqlContext, 'viewer' | 'may'>,
  item: Pick<Item, 'source' | 'ownerId'>,
): boolean {
  if (!may.write || viewer === null || item.source !== LOCAL_SOURCE) return false;
  return viewer.role === 'ADMIN' || (viewer.user !== null && viewer.user.id === item.ownerId);
}

/** What loaders are made of. */
interface LoadingFor {
  services: GraphqlServices;
  prisma: Database['prisma'];
  viewer: Viewer | null;
  reader: Reader;
  peersAt: () => string | null;
  /** The others. */
  load: Loaders;
}

const MAKERS: { readonly [K in keyof Loaders]: (loading: LoadingFor) => Loaders[K] } = {
  peer: ({ prisma, peersAt }) => new DataLoader((keys) => readPeers(prisma, keys, peersAt())),
  peerOf:
    ({ prisma, peersAt, load }) =>
    (source) => {
      const at = peersAt();
      const kept = at === null ? undefined : known.get(prisma);
      return (kept?.at === at ? kept?.rows.get(source) : undefined) ?? load.peer.load(source);
    },
  user: ({ prisma }) => byId((ids) => prisma.user.findMany({ where: { id: { in: ids } } })),
  sessionsOfUser: ({ services, viewer }) =>
    new DataLoader(async (ids) => {
      const sessions = await services.people.sessionsOfUsers(viewer, ids);
      return ids.map((id) => sessions.get(id) ?? null);
    }),
  tokensOfUser: ({ services, viewer }) =>
    new DataLoader(async (ids) => {
      const tokens = await services.people.tokensOfUsers(viewer, ids);
      return ids.map((id) => tokens.get(id) ?? null);
    }),
  secondFactor: ({ services }) =>
    new DataLoader(async (ids) => {
      const secured = await services.secondFactors.among(ids);
      return ids.map((id) => secured.has(id));
    }),
  media: ({ services: { catalog }, reader }) =>
    new DataLoader(async (ids) => {
      const items = await catalog.items(reader, ids);
      return ids.map((id) => items.get(id) ?? null);
    }),
  peerById: ({ prisma, reader }) =>
    byId((ids) => prisma.peer.findMany({ where: { AND: [{ id: { in: ids } }, peersShownTo(reader)] } })),
  albumById: ({ services: { catalog }, reader }) =>
    new DataLoader(async (ids) => {
      const albums = await catalog.albums.byId(reader, ids);
      return ids.map((id) => albums.get(id) ?? null);
    }),
  invitation: ({ prisma }) => byId((ids) => prisma.invitation.findMany({ where: { id: { in: ids } } })),
  pull: ({ prisma }) => byId((ids) => prisma.pull.findMany({ where: { id: { in: ids } } })),
  diagnosis: ({ prisma }) => byId((ids) => prisma.diagnosis.findMany({ where: { id: { in: ids } } })),
  auditEvent: ({ services }) => byId((ids) => services.auditLog.find(ids)),
  copies: ({ services: { catalog }, reader }) =>
    new DataLoader(async (digests) => {
      const items = await catalog.copies(reader, digests);
      return digests.map((digest) => items.get(digest) ?? []);
    }),
  kept: ({ services }) =>
    new DataLoader<Pick<Item, 'key'>, Kept | null, number>(
      async (items) => {
        const kept = await services.availability(items);
        return items.map((item) => kept.get(item.key) ?? null);
      },
      { cacheKeyFn: (item) => item.key },
    ),
  bytesCached: ({ prisma }) =>
    new DataLoader(async (sources) => {
      const sums = await prisma.cachedFile.groupBy({
        by: ['source'],
        where: { source: { in: [...sources] } },
        _sum: { bytes: true },
      });
      const bySource = new Map(sums.map((row) => [row.source, row._sum.bytes ?? 0n]));
      return sources.map((source) => bySource.get(source) ?? 0n);
    }),
  credentialIssuedAt: ({ prisma }) =>
    new DataLoader(async (keys) => {
      const rows = await prisma.peerCredential.findMany({
        where: { peerKey: { in: [...keys] }, endedAt: null },
        orderBy: { createdAt: 'desc' },
        select: { peerKey: true, createdAt: true, firstUsedAt: true },
      });
      return keys.map((key) => {
        const own = rows.filter((row) => row.peerKey === key);
        // One that was never used is not in use yet, unless it is the only one.
        return (own.find((row) => row.firstUsedAt !== null) ?? own[0])?.createdAt ?? null;
      });
    }),
  albumCounts: ({ services: { catalog }, reader }) =>
    new DataLoader(async (keys) => {
      const counts = await catalog.albums.mediaCounts(reader, keys);
      return keys.map((key) => counts.get(key) ?? 0);
    }),
  albums: ({ services: { catalog }, reader }) =>
    new DataLoader(async (keys) => {
      const albums = await catalog.albums.ofItems(reader, keys);
      return keys.map((key) => albums.get(key) ?? []);
    }),
  servedPeers: ({ prisma }) =>
    once(() =>
      prisma.peer.findMany({
        where: { serves: true, status: { not: 'REVOKED' } },
        orderBy: { key: 'asc' },
      }),
    ),
  grantCounts: ({ services: { federation } }) =>
    new DataLoader((grants) => federation.grantCounts(grants.map(storedGrant))),
};

/** Each is made when it is first asked for: a request uses few of them. */
class LazyLoaders {
  readonly made: Partial<Record<keyof Loaders, unknown>> = {};
  readonly loading: LoadingFor;

  constructor(loading: Omit<LoadingFor, 'load'>) {
    this.loading = { ...loading, load: this as unknown as Loaders };
  }
}

for (const name of Object.keys(MAKERS) as (keyof Loaders)[]) {
  Object.defineProperty(LazyLoaders.prototype, name, {
    get(this: LazyLoaders): unknown {
      this.made[name] ??= MAKERS[name](this.loading);
      return this.made[name];
    },
  });
}

function createLoaders(
  services: GraphqlServices,
  viewer: Viewer | null,
  reader: Reader,
  peersAt: () => string | null,
): Loaders {
  const { prisma } = services.database;
  return new LazyLoaders({ services, prisma, viewer, reader, peersAt }) as unknown as Loaders;
}

function byId<T extends { id: string }>(
  read: (ids: string[]) => PromiseLike<readonly T[]>,
): DataLoader<string, T | null> {
  return new DataLoader(async (ids) => {
    const rows = new Map((await read([...ids])).map((row) => [row.id, row]));
    return ids.map((id) => rows.get(id) ?? null);
  });
}

interface KnownPeers {
  at: string;
  rows: Map<number, Peer>;
}

/** Of each database, those that pages have shown since one of them changed. */
const known = new WeakMap<object, KnownPeers>();

async function readPeers(
  prisma: Database['prisma'],
  keys: readonly number[],
  at: string | null,
): Promise<(Peer | null)[]> {
  const kept = known.get(prisma);
  if (at !== null && kept?.at === at && keys.every((key) => kept.rows.has(key))) {
    return keys.map((key) => kept.rows.get(key) ?? null);
  }
  const rows = await prisma.peer.findMany({ where: { key: { in: [...keys] } } });
  const byKey = new Map(rows.map((row) => [row.key, row]));
  if (at !== null) {
    const now = known.get(prisma);
    // Counters only grow, but of two that are read at once either may come first.
    known.set(prisma, { at, rows: now?.at === at ? new Map([...now.rows, ...byKey]) : byKey });
  }
  return keys.map((key) => byKey.get(key) ?? null);
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}
