/** Media: the interface, local and remote items, pages of them. */

import DataLoader from 'dataloader';
import type { GraphQLResolveInfo } from 'graphql';
import { covers } from '../catalog/grant.ts';
import { type AlwaysRead, type Item, LOCAL_SOURCE } from '../catalog/items.ts';
import type { Month } from '../catalog/months.ts';
import {
  type AvailabilityState,
  type CatalogQuery,
  COPIES_MAX,
  PAGE_DEFAULT,
  PAGE_MAX,
  type PageArguments,
  pageSize,
} from '../catalog/query.ts';
import {
  HEALTH_THAT_GIVES_NOTHING,
  LOCAL_STATE,
  peerHealth,
  type SourceState,
  sourceState,
} from '../catalog/sources.ts';
import type { FacetRequest, Facets } from '../catalog/totals.ts';
import type { Peer as PeerRow } from '../database/generated/sqlite/client.ts';
import { storedGrant } from '../federation/grants.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { VariantName } from '../lib/media.ts';
import { builder } from './builder.ts';
import { type GraphqlContext, mayChange } from './context.ts';
import {
  AvailabilityEnum,
  catalogFilter,
  DEFAULT_ORDER,
  MediaFilter,
  MediaKindEnum,
  MediaOrder,
  MediaOrigin,
  present,
  StorageClassEnum,
  UrlAccess,
  VisibilityEnum,
} from './media-types.ts';
import { knownCount } from './known-counts.ts';
import { type Connection, catalogConnection, pageArguments, pageComplexity } from './pages.ts';
import { Peer, PeerHealthEnum, peersShownTo } from './peer.ts';
import { from, type MediaItem, pageReads, READS_COUNT, the } from './reads.ts';
import { User } from './user.ts';

const urlArguments = builder.args((t) => ({
  access: t.field({
    type: UrlAccess,
    required: true,
    defaultValue: 'SESSION',
    description: 'Whether the URL needs the viewer’s cookie or token, or carries its own permission.',
  }),
}));

/** Items of one source have one peer. */
const OF_ITS_SOURCE = { sameFor: 'source' } as const satisfies { sameFor: keyof MediaItem };

/** What decides on whether a grant covers an item. */
const DECIDING = ['visibility', 'kind', 'tags', 'albums'] as const;

function variantUrl(name: VariantName) {
  return from(
    ['variants'],
    (
      { id, variants }: Pick<Item, 'id' | 'variants'>,
      { access }: { access: 'SESSION' | 'SIGNED' },
      { publicPath, signUrl, viewer }: GraphqlContext,
    ): string | null => {
      if (!variants.some((variant) => variant.name === name)) return null;
      const path = `${publicPath}/media/${encodeURIComponent(id)}/${name}`;
      return access === 'SIGNED' ? `${path}?${signUrl(viewer, id, name)}` : path;
    },
  );
}

export const Media = builder.interfaceRef<MediaItem>('Media');

builder.interfaceType(Media, {
  description: 'An item of the one catalog, of this instance or of a peer.',
  interfaces: [builder.nodeInterfaceRef()],
  resolveType: (item) => mediaTypename(item),
  fields: (t) => ({
    id: t.id({ ...the('id'), description: 'Opaque; the same in GraphQL, routes, feed and terminal.' }),
    kind: t.field({ type: MediaKindEnum, description: 'What the item is.', ...the('kind') }),
    title: t.string({ ...the('title'), description: 'What the item is called.' }),
    description: t.string({
      ...the('description'),
      nullable: true,
      description: 'What its owner says of it.',
    }),
    filename: t.string({ ...the('filename'), nullable: true, description: 'Name of the original file.' }),
    mimeType: t.string({
      nullable: true,
      description: 'Type of the original; null where a peer does not say.',
      ...the('mimeType', (type) => type || null),
    }),
    byteSize: t.field({
      type: 'BigInt',
      nullable: true,
      description: 'Bytes of the original.',
      ...the('byteSize'),
    }),
    digest: t.string({ ...the('digest'), nullable: true, description: 'sha-256:<hex> of the original.' }),
    width: t.int({ ...the('width'), nullable: true, description: 'Pixels, as shown upright.' }),
    height: t.int({ ...the('height'), nullable: true, description: 'Pixels, as shown upright.' }),
    durationMs: t.int({ ...the('durationMs'), nullable: true, description: 'Length of a video, in ms.' }),
    pageCount: t.int({ ...the('pageCount'), nullable: true, description: 'Pages of a document.' }),
    thumbhash: t.string({
      ...the('thumbhash'),
      nullable: true,
      description: 'ThumbHash in base64, to be shown until the thumbnail is there.',
    }),
    takenAt: t.field({
      type: 'LocalDateTime',
      nullable: true,
      description: "When it was taken, by the camera's clock.",
      ...the('takenAt'),
    }),
    takenAtOffset: t.int({
      ...the('takenAtOffset'),
      nullable: true,
      description: 'Minutes east of UTC, where known.',
    }),
    addedAt: t.field({
      type: 'DateTime',
      description: 'When it was added where it is from.',
      ...the('addedAt'),
    }),
    updatedAt: t.field({
      type: 'DateTime',
      description: 'When the item was last changed.',
      ...the('updatedAt'),
    }),
    tags: t.stringList({ ...the('tags'), description: 'In the order that their owner gave them.' }),
    creator: t.string({ ...the('creator'), nullable: true, description: 'Who made it.' }),
    license: t.string({ ...the('license'), nullable: true, description: 'What may be done with it.' }),
    properties: t.field({
      type: 'JSON',
      description:
        'What the file or the peer says beyond this: camera, lens, exposure, place where it may be shown, generation parameters.',
      ...the('properties'),
    }),
    peer: t.field({
      type: Peer,
      nullable: true,
      description: 'Null for a local item.',
      ...from(
        [],
        (item, _args, { load }) => (isLocal(item) ? null : load.peerOf(item.source)),
        OF_ITS_SOURCE,
      ),
    }),
    availability: t.field({
      type: AvailabilityEnum,
      description: 'Where its bytes are.',
      ...from(['fault', 'held', 'peerHealth'], (item, _args, context) => availabilityOf(item, context)),
    }),
    thumbnailUrl: t.field({
      type: 'URL',
      nullable: true,
      description: 'A small picture.',
      args: urlArguments,
      ...variantUrl('thumbnail'),
    }),
    previewUrl: t.field({
      type: 'URL',
      nullable: true,
      description: 'A picture for a screen.',
      args: urlArguments,
      ...variantUrl('preview'),
    }),
    playableUrl: t.field({
      type: 'URL',
      nullable: true,
      description: 'A rendition that browsers play, where the original is not one.',
      args: urlArguments,
      ...variantUrl('playable'),
    }),
    originalUrl: t.field({
      type: 'URL',
      nullable: true,
      description: 'The file itself.',
      args: urlArguments,
      ...variantUrl('original'),
    }),
    copies: t.field({
      type: [Media],
      description: `Other visible items with the same bytes, at most ${COPIES_MAX}; this instance's first.`,
      complexity: { field: 5, multiplier: 3 },
      ...from(['digest'], (item, _args, { load }) => copiesOf(item, load)),
    }),
    viewerCanUpdate: t.boolean({
      description: 'Whether the viewer may change it.',
      ...from(['ownerId'], (item, _args, context) => mayChange(context, item)),
    }),
    viewerCanDelete: t.boolean({
      description: 'Whether the viewer may delete it.',
      ...from(['ownerId'], (item, _args, context) => mayChange(context, item)),
    }),
  }),
});

export const LocalMedia = builder.objectRef<MediaItem>('LocalMedia').implement({
  description: 'An item of this instance.',
  interfaces: [Media, builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ ...the('id'), description: 'Opaque; the same in GraphQL, routes, feed and terminal.' }),
    visibility: t.field({
      type: VisibilityEnum,
      description: 'Who may see it.',
      ...the('visibility'),
    }),
    owner: t.field({
      type: User,
      nullable: true,
      description: 'Whose it is; null where nobody owns it, and for whom has not signed in.',
      ...from(['ownerId'], ({ ownerId }, _args, { viewer, load }) =>
        ownerId === null || viewer === null ? null : load.user.load(ownerId),
      ),
    }),
    storage: t.field({
      type: StorageClassEnum,
      description: 'How the original is kept.',
      ...from(['storage'], ({ storage }) => storage ?? 'MANAGED'),
    }),
    sharedWith: t.field({
      type: [Peer],
      nullable: true,
      description: 'Peers whose grant covers the item; null unless the viewer may update it.',
      ...from(['ownerId', ...DECIDING], async (item, _args, context) =>
        mayChange(context, item) ? coveredBy(item, await context.load.servedPeers(), context.now()) : null,
      ),
    }),
  }),
});

export const RemoteMedia = builder.objectRef<MediaItem>('RemoteMedia').implement({
  description: 'An item of a peer; read-only here.',
  interfaces: [Media, builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ ...the('id'), description: 'Opaque; the same in GraphQL, routes, feed and terminal.' }),
    peer: t.field({
      type: Peer,
      description: 'Where it is from.',
      ...from([], (item, _args, { load }) => peerOf(item, load), OF_ITS_SOURCE),
    }),
    remoteId: t.id({
      description: "The item's id at its origin.",
      ...from(['remoteId'], (item) => item.remoteId ?? item.id),
    }),
    hidden: t.boolean({ ...the('hidden'), description: 'Hidden here by an admin.' }),
  }),
});

/** A page with the query that it answers, from which count, facets and sources are read where they are asked for. */
interface MediaPage extends Connection<MediaItem> {
  query: CatalogQuery;
  /** Where it was read with the page. */
  count: number | null;
  /** What is asked for together is read by one statement. */
  totals: DataLoader<FacetRequest, Facets>;
}

interface Source extends SourceState {
  peer: PeerRow | null;
}

const CatalogSource = builder.objectRef<Source>('CatalogSource').implement({
  description: 'A catalog that an answer draws on, and how far it can be relied on.',
  fields: (t) => ({
    peer: t.field({
      type: Peer,
      nullable: true,
      description: 'Null: this instance.',
      resolve: (source) => source.peer,
    }),
    health: t.field({
      type: PeerHealthEnum,
      description: 'Whether it can be reached.',
      resolve: (source) => source.health,
    }),
    lastSuccessAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When a pull from it last succeeded; null for this instance.',
      resolve: (source) => source.lastSuccessAt,
    }),
    completeness: t.exposeFloat('completeness', {
      nullable: true,
      description: "Share of the peer's own total that is here, 0 to 1.",
    }),
    inSync: t.exposeBoolean('inSync', {
      nullable: true,
      description: "True where the checksum of the peer's signed feed equals that of the copy.",
    }),
    stale: t.exposeBoolean('stale', { description: 'Whether what is here may be out of date.' }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why, in one sentence.' }),
  }),
});

const PeerFacet = builder.objectRef<Facets['origins'][number]>('PeerFacet').implement({
  description: 'How many items are from one catalog.',
  fields: (t) => ({
    peer: t.field({
      type: Peer,
      nullable: true,
      description: 'Null: this instance.',
      resolve: ({ source }, _args, { load }) => (isLocal({ source }) ? null : load.peerOf(source)),
    }),
    count: t.exposeInt('count', { description: 'How many.' }),
  }),
});

const KindFacet = builder.objectRef<Facets['kinds'][number]>('KindFacet').implement({
  description: 'How many items are of one kind.',
  fields: (t) => ({
    kind: t.expose('kind', { type: MediaKindEnum, description: 'The kind.' }),
    count: t.exposeInt('count', { description: 'How many.' }),
  }),
});

const TagFacet = builder.objectRef<Facets['tags'][number]>('TagFacet').implement({
  description: 'How many items have one tag.',
  fields: (t) => ({
    tag: t.exposeString('tag', { description: 'The tag.' }),
    count: t.exposeInt('count', { description: 'How many.' }),
  }),
});

const YearFacet = builder.objectRef<Facets['years'][number]>('YearFacet').implement({
  description: 'How many items were taken in one year.',
  fields: (t) => ({
    year: t.exposeInt('year', { description: "The year, by the camera's clock." }),
    count: t.exposeInt('count', { description: 'How many.' }),
  }),
});

const MediaFacets = builder.objectRef<MediaPage>('MediaFacets').implement({
  description: 'How many of all that match, on all pages, there are of each sort.',
  fields: (t) => ({
    origins: t.field({
      type: [PeerFacet],
      description: 'By the catalog that they are from, the largest first.',
      complexity: 10,
      resolve: async ({ totals }) => (await totals.load({ origins: true })).origins,
    }),
    kinds: t.field({
      type: [KindFacet],
      description: 'By kind, the most frequent first.',
      complexity: 10,
      resolve: async ({ totals }) => (await totals.load({ kinds: true })).kinds,
    }),
    tags: t.field({
      type: [TagFacet],
      description: `By tag, the most frequent first. first: 1 to ${PAGE_MAX}.`,
      complexity: ({ first }) => ({
        field: 10,
        multiplier: Math.min(PAGE_MAX, Math.max(1, first ?? PAGE_DEFAULT)),
      }),
      args: {
        first: t.arg.int({ defaultValue: PAGE_DEFAULT, description: 'How many tags.' }),
      },
      resolve: async ({ totals }, { first }) => {
        const { size } = pageSize({ first: first ?? PAGE_DEFAULT });
        return (await totals.load({ tags: size })).tags.slice(0, size);
      },
    }),
    years: t.field({
      type: [YearFacet],
      description: "By the year of the camera's clock, the latest first; items without it are left out.",
      complexity: 10,
      resolve: async ({ totals }) => (await totals.load({ years: true })).years,
    }),
  }),
});

const MediaMonth = builder.objectRef<Month>('MediaMonth').implement({
  description: 'A month of the timeline.',
  fields: (t) => ({
    month: t.exposeString('month', {
      description:
        "Year and month, as 2024-03: by the camera's clock, else by when the item was added, in UTC.",
    }),
    count: t.exposeInt('count', { description: 'How many of the items that match are in it.' }),
    cursor: t.exposeString('cursor', {
      description:
        'For the same origin, filter and order: after it comes the first item of the month, before it the last of the month that comes before.',
    }),
  }),
});

export const MediaConnection = builder.connectionObject(
  {
    type: Media,
    name: 'MediaConnection',
    description: 'A page of media.',
    fields: (t) => ({
      totalCount: t.int({
        description: 'How many match, on all pages.',
        complexity: 10,
        extensions: READS_COUNT,
        resolve: (page) => {
          const { count, totals } = mediaPage(page);
          return count ?? totals.load({ count: true }).then((facets) => facets.count);
        },
      }),
      facets: t.field({
        type: MediaFacets,
        description: 'How many of all that match there are of each sort.',
        resolve: (page) => mediaPage(page),
      }),
      months: t.field({
        type: [MediaMonth],
        description:
          'Every month that has items, on all pages, in the order asked for, which must be TAKEN_AT. Where each begins can be read at once, without the pages before it.',
        complexity: 50,
        resolve: (page, _args, { catalog, reader }) => catalog.months(reader, mediaPage(page).query),
      }),
      sources: t.field({
        type: [CatalogSource],
        description: 'Every catalog that the answer draws on, and how far it can be relied on.',
        resolve: (page, _args, context) => sourcesOf(mediaPage(page).query, context),
      }),
    }),
  },
  { name: 'MediaEdge', description: 'An item and its place on the page.' },
);

builder.queryField('media', (t) =>
  t.field({
    type: MediaConnection,
    description: 'The one catalog. first/last: 1 to 500, default 50.',
    authScopes: { read: true },
    complexity: pageComplexity,
    args: {
      origin: t.arg({
        type: MediaOrigin,
        required: true,
        defaultValue: 'ALL',
        description: 'Which part of the catalog.',
      }),
      filter: t.arg({ type: MediaFilter, description: 'Narrows the catalog.' }),
      orderBy: t.arg({ type: MediaOrder, description: 'Newest first where nothing is said.' }),
      ...pageArguments,
    },
    resolve: (_root, { origin, filter, orderBy, ...page }, context, info) =>
      readMedia(
        context,
        info,
        { origin, filter: catalogFilter(filter), order: orderBy ?? DEFAULT_ORDER },
        page,
      ),
  }),
);

// The other half of the type: here, because media knows peers and not the other way round.
builder.objectField(Peer, 'media', (t) =>
  t.field({
    type: MediaConnection,
    description: 'Its items, newest first. first/last: 1 to 500, default 50.',
    authScopes: { read: true },
    complexity: pageComplexity,
    args: pageArguments,
    resolve: (peer, page, context, info) =>
      readMedia(context, info, { origin: 'ALL', filter: { peerIds: [peer.id] }, order: DEFAULT_ORDER }, page),
  }),
);

export function mediaTypename(item: Pick<Item, 'source'>): 'LocalMedia' | 'RemoteMedia' {
  return isLocal(item) ? 'LocalMedia' : 'RemoteMedia';
}

function isLocal(item: Pick<Item, 'source'>): boolean {
  return item.source === LOCAL_SOURCE;
}

export async function readMedia(
  context: Pick<GraphqlContext, 'catalog' | 'reader' | 'catalogAt' | 'database'>,
  info: GraphQLResolveInfo,
  query: CatalogQuery,
  page: { [K in keyof PageArguments]: PageArguments[K] | null },
): Promise<MediaPage> {
  const { catalog, reader } = context;
  const reads = pageReads(info);
  const known = reads.count ? knownCount(context, query) : null;
  const found = await catalog.page(
    reader,
    query,
    present(page),
    reads.fields,
    reads.count && (known?.count ?? null) === null,
  );
  if (found.count !== null) known?.keep(found.count);
  return {
    ...catalogConnection(found),
    query,
    count: known?.count ?? found.count,
    totals: totalsLoader(async (wanted) => {
      const facets = await catalog.facets(reader, query, wanted);
      if (wanted.count === true) known?.keep(facets.count);
      return facets;
    }),
  };
}

/** The connection's type knows the shape that Relay asks for; every value of it comes from `readMedia`. */
function mediaPage(page: object): MediaPage {
  return page as MediaPage;
}

function totalsLoader(read: (wanted: FacetRequest) => Promise<Facets>): DataLoader<FacetRequest, Facets> {
  return new DataLoader(
    async (requests) => {
      const wanted: FacetRequest = Object.assign({}, ...requests);
      // Of several lists of tags the longest has the others in it.
      const tags = requests.flatMap((request) => request.tags ?? []);
      if (tags.length > 0) wanted.tags = Math.max(...tags);
      const facets = await read(wanted);
      return requests.map(() => facets);
    },
    { cache: false },
  );
}

async function sourcesOf(
  { origin, filter }: CatalogQuery,
  { database, reader, now, pullInterval }: GraphqlContext,
): Promise<Source[]> {
  const sources: Source[] = [];
  const { availability, hidden } = filter;
  const local = origin !== 'REMOTE' && filter.peerIds === undefined && hidden !== true;
  if (local && availability?.includes('LOCAL') !== false) sources.push({ ...LOCAL_STATE, peer: null });
  // Only local items have a visibility that can be asked for.
  if (origin === 'LOCAL' || filter.visibilities !== undefined) return sources;
  if (availability?.every((state) => state === 'LOCAL')) return sources;
  const peers = await database.prisma.peer.findMany({
    where: {
      ...peersShownTo(reader),
      status: { not: 'REVOKED' },
      pulls: true,
      hiddenSince: null,
      ...(filter.peerIds !== undefined && { id: { in: [...filter.peerIds] } }),
    },
    orderBy: { key: 'asc' },
  });
  const at = now();
  for (const peer of peers) {
    sources.push({ ...sourceState(peer, { now: at, defaultInterval: pullInterval }), peer });
  }
  return sources;
}

type WhereItsBytesAre = Pick<Item, AlwaysRead | 'fault' | 'held' | 'peerHealth'>;

function availabilityOf(
  item: WhereItsBytesAre,
  { load }: Pick<GraphqlContext, 'load'>,
): AvailabilityState | Promise<AvailabilityState> {
  return isLocal(item) ? 'LOCAL' : remoteAvailability(item, load);
}

async function remoteAvailability(
  item: WhereItsBytesAre,
  load: GraphqlContext['load'],
): Promise<AvailabilityState> {
  const kept = await load.kept.load(item);
  if (kept !== null) return kept;
  // Its bytes were wrong the last time; where somebody asks nevertheless, they are asked for again.
  if (item.fault !== null) return 'UNAVAILABLE';
  const gives =
    item.peerHealth !== null && !HEALTH_THAT_GIVES_NOTHING.includes(peerHealth({ health: item.peerHealth }));
  return gives && !item.held ? 'ON_DEMAND' : 'UNAVAILABLE';
}

export function coveredBy(
  item: Pick<Item, (typeof DECIDING)[number]>,
  peers: readonly PeerRow[],
  now: number,
): PeerRow[] {
  if (item.visibility !== 'PEERS' && item.visibility !== 'PUBLIC') return [];
  return peers.filter(({ serveGrant }) => {
    if (serveGrant === null) return false;
    const grant = storedGrant(serveGrant);
    const ended = grant.until !== null && Date.parse(grant.until) <= now;
    return !ended && covers(grant, item);
  });
}

async function copiesOf(
  item: Pick<Item, AlwaysRead | 'digest'>,
  load: GraphqlContext['load'],
): Promise<Item[]> {
  if (item.digest === null) return [];
  const same = await load.copies.load(item.digest);
  return same.filter((other) => other.id !== item.id);
}

function peerOf(item: MediaItem, load: GraphqlContext['load']): PeerRow | Promise<PeerRow> {
  const peer = load.peerOf(item.source);
  return peer instanceof Promise ? peer.then(standing) : standing(peer);

  function standing(found: PeerRow | null): PeerRow {
    if (found === null) throw new HedgerowError('NOT_FOUND', 'The peer of this item is gone.');
    return found;
  }
}
