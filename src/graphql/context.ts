/** What a resolver is given: who asks, the doors of the other rooms, and what is loaded once a request. */

import DataLoader from 'dataloader';
import type { AuditEntry } from '../access/audit.ts';
import type { AuditLog } from '../access/audit-log.ts';
import type { People } from '../access/people.ts';
import { hasScope, type Viewer } from '../access/viewer.ts';
import type { Album } from '../catalog/albums.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { GrantCounts } from '../catalog/feed.ts';
import { type Item, LOCAL_SOURCE } from '../catalog/items.ts';
import type { Reader } from '../catalog/visibility.ts';
import type { Database } from '../database/database.ts';
import type { Peer, User } from '../database/generated/sqlite/client.ts';
import type { CacheAdministration } from '../delivery/cache-administration.ts';
import type { Federation } from '../federation/federation.ts';
import { storedGrant } from '../federation/grants.ts';
import type { VariantName } from '../lib/media.ts';

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
  readonly database: Pick<Database, 'prisma'>;
  readonly audit: GraphqlAudit;
  readonly auditLog: AuditLog;
  readonly people: People;
  /** The query, without `?`, by which a URL of bytes is its own permission. */
  signUrl(viewer: Viewer | null, itemId: string, variant: VariantName): string;
  readonly library: {
    /** Removes local items, rows and bytes. */
    remove(ids: readonly string[]): Promise<readonly Item[]>;
  };
  /** Which of these remote items have bytes here, by `Item.key`; one statement however many are asked for. */
  availability(items: readonly Item[]): Promise<ReadonlyMap<number, Kept>>;
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

export interface GraphqlContext extends Omit<GraphqlServices, 'availability' | 'now'> {
  readonly now: () => number;
  readonly viewer: Viewer | null;
  /** The client's, as the edge sees it; undefined for a command on the folder. */
  readonly address: string | undefined;
  readonly reader: Reader;
  readonly may: Abilities;
  readonly load: Loaders;
}

export interface Loaders {
  /** By `Item.source`. */
  readonly peer: DataLoader<number, Peer | null>;
  readonly user: DataLoader<string, User | null>;
  /** Items that the reader may see, by id. */
  readonly media: DataLoader<string, Item | null>;
  /** Items that the reader may see, by digest. */
  readonly copies: DataLoader<string, readonly Item[]>;
  readonly kept: DataLoader<Item, Kept | null, number>;
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
  /** By the grant's text, as a row keeps it: one statement a grant. */
  readonly grantCounts: DataLoader<string, GrantCounts>;
}

export function createContext(
  services: GraphqlServices,
  viewer: Viewer | null,
  address?: string,
): GraphqlContext {
  const { availability, now = Date.now, ...doors } = services;
  const reader = readerOf(viewer);
  return {
    ...doors,
    now,
    viewer,
    address,
    reader,
    may: abilitiesOf(viewer, services.anonymous),
    load: createLoaders(services, reader),
  };
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

function createLoaders(services: GraphqlServices, reader: Reader): Loaders {
  const { catalog, federation } = services;
  const { prisma } = services.database;
  return {
    peer: new DataLoader(async (keys) => {
      const rows = await prisma.peer.findMany({ where: { key: { in: [...keys] } } });
      const byKey = new Map(rows.map((row) => [row.key, row]));
      return keys.map((key) => byKey.get(key) ?? null);
    }),
    user: new DataLoader(async (ids) => {
      const rows = await prisma.user.findMany({ where: { id: { in: [...ids] } } });
      const byId = new Map(rows.map((row) => [row.id, row]));
      return ids.map((id) => byId.get(id) ?? null);
    }),
    media: new DataLoader(async (ids) => {
      const items = await catalog.items(reader, ids);
      return ids.map((id) => items.get(id) ?? null);
    }),
    copies: new DataLoader(async (digests) => {
      const items = await catalog.copies(reader, digests);
      return digests.map((digest) => items.get(digest) ?? []);
    }),
    kept: new DataLoader<Item, Kept | null, number>(
      async (items) => {
        const kept = await services.availability(items);
        return items.map((item) => kept.get(item.key) ?? null);
      },
      { cacheKeyFn: (item) => item.key },
    ),
    bytesCached: new DataLoader(async (sources) => {
      const sums = await prisma.cachedFile.groupBy({
        by: ['source'],
        where: { source: { in: [...sources] } },
        _sum: { bytes: true },
      });
      const bySource = new Map(sums.map((row) => [row.source, row._sum.bytes ?? 0n]));
      return sources.map((source) => bySource.get(source) ?? 0n);
    }),
    credentialIssuedAt: new DataLoader(async (keys) => {
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
    albumCounts: new DataLoader(async (keys) => {
      const counts = await catalog.albums.mediaCounts(reader, keys);
      return keys.map((key) => counts.get(key) ?? 0);
    }),
    albums: new DataLoader(async (keys) => {
      const albums = await catalog.albums.ofItems(reader, keys);
      return keys.map((key) => albums.get(key) ?? []);
    }),
    servedPeers: once(() =>
      prisma.peer.findMany({
        where: { serves: true, status: { not: 'REVOKED' } },
        orderBy: { key: 'asc' },
      }),
    ),
    grantCounts: new DataLoader((grants) =>
      Promise.all(grants.map((grant) => federation.grantCounts(storedGrant(grant)))),
    ),
  };
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}
