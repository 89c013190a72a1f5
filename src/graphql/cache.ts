/** What is kept of peers' bytes, what an admin does about it, and why an item came from where it did. */

import type { Item } from '../catalog/items.ts';
import type { KeptItem as KeptItemRow, CacheUsage as Usage } from '../delivery/delivery.ts';
import type { FileExplanation, LastAnswer } from '../delivery/explain.ts';
import { HedgerowError } from '../lib/errors.ts';
import { builder } from './builder.ts';
import type { GraphqlContext } from './context.ts';
import { Media } from './media.ts';
import { forwardArguments, pageComplexity, readKeyset } from './pages.ts';
import { Peer } from './peer.ts';
import { attempt, ErrorCodeEnum, type Outcome, UserError } from './user-error.ts';

const PeerCacheUsage = builder.objectRef<Usage['peers'][number]>('PeerCacheUsage').implement({
  description: "What is kept of one peer's bytes.",
  fields: (t) => ({
    peer: t.field({
      type: Peer,
      description: 'Whose.',
      resolve: async ({ peerKey }, _args, { load }) => {
        const peer = await load.peer.load(peerKey);
        if (peer === null) throw new HedgerowError('NOT_FOUND', 'The peer was removed just now.');
        return peer;
      },
    }),
    bytes: t.field({ type: 'BigInt', description: 'Kept.', resolve: ({ bytes }) => BigInt(bytes) }),
    budget: t.field({
      type: 'BigInt',
      nullable: true,
      description: 'That may be kept; null: no limit of its own.',
      resolve: ({ budget }) => (budget === null ? null : BigInt(budget)),
    }),
    items: t.exposeInt('items', { description: 'Items of which something is kept.' }),
  }),
});

const KeptItem = builder.objectRef<KeptItemRow>('KeptItem').implement({
  description: "A peer's item of which something is kept here, or that is pinned.",
  fields: (t) => ({
    media: t.field({
      type: Media,
      nullable: true,
      description: 'The item; null where it went just now, or an admin hid it.',
      resolve: ({ id }, _args, { load }) => load.media.load(id),
    }),
    mediaId: t.exposeID('id', { description: 'Its id.' }),
    bytes: t.field({
      type: 'BigInt',
      description: 'Kept of all its files.',
      resolve: ({ bytes }) => BigInt(bytes),
    }),
    pinned: t.exposeBoolean('pinned', { description: 'Never evicted.' }),
    usedAt: t.field({
      type: 'DateTime',
      description: 'When what is kept was last used.',
      resolve: ({ usedAt }) => new Date(usedAt),
    }),
  }),
});

const KeptItemConnection = builder.connectionObject(
  { type: KeptItem, name: 'KeptItemConnection', description: 'A page of items of which something is kept.' },
  { name: 'KeptItemEdge', description: 'An item and its place on the page.' },
);

const CacheUsage = builder.objectRef<Usage>('CacheUsage').implement({
  description: "What is kept of peers' bytes.",
  fields: (t) => ({
    bytes: t.field({ type: 'BigInt', description: 'Kept.', resolve: ({ bytes }) => BigInt(bytes) }),
    budget: t.field({
      type: 'BigInt',
      description: 'That may be kept.',
      resolve: ({ budget }) => BigInt(budget),
    }),
    pinnedBytes: t.field({
      type: 'BigInt',
      description: 'Of those kept, the ones that are never evicted.',
      resolve: ({ pinnedBytes }) => BigInt(pinnedBytes),
    }),
    items: t.exposeInt('items', { description: 'Items of which something is kept.' }),
    peers: t.field({
      type: [PeerCacheUsage],
      description: 'The same of each peer of which something is kept.',
      resolve: async ({ peers }, _args, { load }) => {
        // Of a peer that is gone, what is left is being removed.
        const known = await Promise.all(peers.map(({ peerKey }) => load.peer.load(peerKey)));
        return peers.filter((_, at) => known[at] !== null);
      },
    }),
    keptItems: t.field({
      type: KeptItemConnection,
      description:
        'Items of which something is kept, or that are pinned; those that take most room first. first: 1 to 500, default 50.',
      complexity: pageComplexity,
      args: {
        peerId: t.arg.id({ description: 'Of this peer alone.' }),
        pinned: t.arg.boolean({ description: 'Only those that are pinned, or only those that are not.' }),
        ...forwardArguments,
      },
      resolve: async (_usage, { peerId, pinned, first, after }, context) => {
        const peerKey = peerId == null ? null : await peerKeyOf(context, peerId);
        return readKeyset<KeptItemRow>({
          of: ['keptItems', peerKey, pinned ?? null],
          first,
          after,
          position: ({ bytes, id }) => ({ value: bytes, id }),
          read: (position, take) =>
            context.cache.items({
              peerKey,
              pinned: pinned ?? null,
              after: position === null ? null : { bytes: position.value, id: position.id },
              take,
            }),
        });
      },
    }),
  }),
});

builder.queryField('cache', (t) =>
  t.field({
    type: CacheUsage,
    description: "What is kept of peers' bytes.",
    authScopes: { administer: true },
    resolve: (_root, _args, { cache }) => cache.usage(),
  }),
);

const PurgeCacheInput = builder.inputType('PurgeCacheInput', {
  description: 'What is to be deleted of what is kept.',
  isOneOf: true,
  fields: (t) => ({
    all: t.boolean({ description: 'true: everything.' }),
    peerId: t.id({ description: 'Everything of a peer.' }),
    mediaId: t.id({ description: 'Everything of an item.' }),
  }),
});

const PurgeCachePayload = builder.objectRef<Outcome<{ cache: Usage | null }>>('PurgeCachePayload').implement({
  description: 'What became of deleting what is kept.',
  fields: (t) => ({
    cache: t.field({
      type: CacheUsage,
      nullable: true,
      description: 'What is kept now; null where it went wrong.',
      resolve: ({ cache }) => cache,
    }),
    userErrors: t.field({
      type: [UserError],
      description: 'What the caller can put right.',
      resolve: (payload) => payload.userErrors,
    }),
  }),
});

builder.mutationField('purgeCache', (t) =>
  t.field({
    type: PurgeCachePayload,
    description:
      "Deletes what is kept of peers' bytes, pinned or not. What somebody reads just now goes on; it is fetched again when it is asked for.",
    authScopes: { administer: true },
    args: { input: t.arg({ type: PurgeCacheInput, required: true, description: 'What to delete.' }) },
    resolve: (_root, { input }, context) =>
      attempt<{ cache: Usage | null }>({ cache: null }, async () => {
        const { cache } = context;
        const { all, peerId, mediaId } = input;
        if (mediaId != null)
          await cache.purge({ type: 'item', item: await mediaOf(context, mediaId, 'mediaId') });
        else if (peerId != null)
          await cache.purge({ type: 'peer', peerKey: await peerKeyOf(context, peerId) });
        else if (all === true) await cache.purge({ type: 'all' });
        else throw new HedgerowError('INVALID', 'all can only be true.', { field: ['all'] });
        return { cache: await cache.usage() };
      }),
  }),
);

const PinMediaInput = builder.inputType('PinMediaInput', {
  description: 'An item to be kept, or no longer.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Of the item, which is one of a peer.' }),
    pinned: t.boolean({ required: true, description: 'Whether it is never evicted.' }),
  }),
});

const PinMediaPayload = builder.objectRef<Outcome<{ media: Item | null }>>('PinMediaPayload').implement({
  description: 'What became of pinning an item.',
  fields: (t) => ({
    media: t.field({
      type: Media,
      nullable: true,
      description: 'The item; null where it went wrong.',
      resolve: ({ media }) => media,
    }),
    userErrors: t.field({
      type: [UserError],
      description: 'What the caller can put right.',
      resolve: (payload) => payload.userErrors,
    }),
  }),
});

builder.mutationField('pinMedia', (t) =>
  t.field({
    type: PinMediaPayload,
    description:
      "Keeps what is here of a peer's item, and what will be, from being evicted, or no longer. Nothing is fetched by it.",
    authScopes: { administer: true },
    args: { input: t.arg({ type: PinMediaInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      attempt<{ media: Item | null }>({ media: null }, async () => {
        const media = await mediaOf(context, input.id, 'id');
        await context.cache.pin(media, input.pinned);
        return { media };
      }),
  }),
);

const ByteSource = builder.enumType('ByteSource', {
  description: 'From where a request for bytes is answered.',
  values: {
    LOCAL: { description: 'A file of this instance.' },
    CACHE: { description: "A peer's file that is kept here whole." },
    PARTIAL: { description: 'In part from what is kept here, the rest from the peer.' },
    PEER: { description: 'The peer.' },
    NONE: { description: 'Nowhere: it cannot be answered now.' },
  } as const,
});

const AnsweredFile = builder.objectRef<LastAnswer>('AnsweredFile').implement({
  description: 'How a file was last answered by this process.',
  fields: (t) => ({
    at: t.field({ type: 'DateTime', description: 'When.', resolve: ({ at }) => new Date(at) }),
    cacheStatus: t.exposeString('cacheStatus', {
      nullable: true,
      description: 'The field Cache-Status of the answer (RFC 9211); null where there was none.',
    }),
    code: t.field({
      type: ErrorCodeEnum,
      nullable: true,
      description: 'What went wrong, at once or in the middle; null where nothing did.',
      resolve: ({ error }) => error?.code ?? null,
    }),
    message: t.string({
      nullable: true,
      description: 'The same for people.',
      resolve: ({ error }) => error?.message ?? null,
    }),
  }),
});

const ExplainedFile = builder.objectRef<FileExplanation>('ExplainedFile').implement({
  description: 'One file of an item, and from where it comes.',
  fields: (t) => ({
    variant: t.exposeString('variant', { description: 'thumbnail, preview, playable or original.' }),
    mimeType: t.exposeString('mimeType', { description: 'Empty where the peer does not say.' }),
    byteSize: t.field({
      type: 'BigInt',
      nullable: true,
      description: 'Of the whole; null where the peer does not say.',
      resolve: ({ size }) => (size === null ? null : BigInt(size)),
    }),
    digest: t.exposeString('digest', { nullable: true, description: 'Null where the peer does not say.' }),
    source: t.field({
      type: ByteSource,
      description: 'From where a request would be answered now.',
      resolve: ({ source }) => source,
    }),
    reason: t.exposeString('reason', { description: 'Why, in a sentence.' }),
    segments: t.int({
      nullable: true,
      description: 'Of segmentCount, those that are kept here; null where nothing is.',
      resolve: ({ kept }) => kept?.segments ?? null,
    }),
    segmentCount: t.int({
      nullable: true,
      description: 'Pieces of 256 KiB; null where nothing is kept.',
      resolve: ({ kept }) => kept?.segmentCount ?? null,
    }),
    bytesCached: t.field({
      type: 'BigInt',
      description: 'Kept here.',
      resolve: ({ kept }) => BigInt(kept?.bytes ?? 0),
    }),
    pinned: t.boolean({ description: 'Never evicted.', resolve: ({ kept }) => kept?.pinned ?? false }),
    usedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When what is kept was last used.',
      resolve: ({ kept }) => (kept === null ? null : new Date(kept.usedAt)),
    }),
    lastAnswer: t.field({
      type: AnsweredFile,
      nullable: true,
      description: 'Null where this process did not answer it, or long ago.',
      resolve: ({ last }) => last,
    }),
  }),
});

interface Explained {
  item: Item;
  files: FileExplanation[];
}

const MediaExplanation = builder.objectRef<Explained>('MediaExplanation').implement({
  description: 'Why the bytes of an item come from where they do.',
  fields: (t) => ({
    media: t.field({ type: Media, description: 'The item.', resolve: ({ item }) => item }),
    files: t.field({
      type: [ExplainedFile],
      description: 'Its files, the smallest first.',
      resolve: ({ files }) => files,
    }),
  }),
});

builder.queryField('explainMedia', (t) =>
  t.field({
    type: MediaExplanation,
    nullable: true,
    description: 'Why the bytes of an item come from where they do; null where there is no such item.',
    authScopes: { administer: true },
    args: { id: t.arg.id({ required: true, description: 'Of the item.' }) },
    resolve: async (_root, { id }, { cache, load }) => {
      const item = await load.media.load(id);
      return item === null ? null : { item, files: await cache.explain(item) };
    },
  }),
);

async function mediaOf({ load }: Pick<GraphqlContext, 'load'>, id: string, field: string): Promise<Item> {
  const item = await load.media.load(id);
  if (item === null) throw new HedgerowError('NOT_FOUND', 'There is no such item.', { field: [field] });
  return item;
}

async function peerKeyOf({ database }: Pick<GraphqlContext, 'database'>, id: string): Promise<number> {
  const peer = await database.prisma.peer.findUnique({ where: { id }, select: { key: true } });
  if (peer === null) throw new HedgerowError('NOT_FOUND', 'There is no such peer.', { field: ['peerId'] });
  return peer.key;
}
