/** Albums: lists of items, of this instance or of a peer, and what is done to those of this instance. */

import type { Album as AlbumShape } from '../catalog/albums.ts';
import { type Item, LOCAL_SOURCE } from '../catalog/items.ts';
import type { Origin } from '../catalog/query.ts';
import { HedgerowError } from '../lib/errors.ts';
import { builder } from './builder.ts';
import { type GraphqlContext, mayChange } from './context.ts';
import { Media, MediaConnection, readMedia } from './media.ts';
import { DEFAULT_ORDER, MediaOrigin, present, VisibilityEnum } from './media-types.ts';
import { albumConnection, pageArguments, pageComplexity } from './pages.ts';
import { Peer } from './peer.ts';
import { attempt, type Outcome, UserError } from './user-error.ts';

const LIMITS = { title: 500, description: 10_000 } as const;
const IDS_MAX = 500;

export const Album = builder.objectRef<AlbumShape>('Album').implement({
  description: "A list of items; a peer's albums come with its items.",
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Opaque; the same in GraphQL, routes, feed and terminal.' }),
    title: t.exposeString('title', { description: 'What the album is called.' }),
    description: t.exposeString('description', { nullable: true, description: 'What its owner says of it.' }),
    peer: t.field({
      type: Peer,
      nullable: true,
      description: 'Null for an album of this instance.',
      resolve: (album, _args, { load }) =>
        album.source === LOCAL_SOURCE ? null : load.peer.load(album.source),
    }),
    visibility: t.field({
      type: VisibilityEnum,
      nullable: true,
      description:
        "Who sees it as an album; with PEERS and PUBLIC, peers are told of it with the items that they see. It says nothing of who sees the items. Null for a peer's.",
      resolve: ({ source, visibility }) => (source === LOCAL_SOURCE ? visibility : null),
    }),
    mediaCount: t.int({
      description: 'How many of its items the viewer may see.',
      resolve: ({ key }, _args, { load }) => load.albumCounts.load(key),
    }),
    media: t.field({
      type: MediaConnection,
      description: 'Its items, newest first. first/last: 1 to 500, default 50.',
      authScopes: { read: true },
      complexity: pageComplexity,
      args: pageArguments,
      resolve: ({ id }, page, context, info) =>
        readMedia(context, info, { origin: 'ALL', filter: { albumIds: [id] }, order: DEFAULT_ORDER }, page),
    }),
  }),
});

// The other half of the type: here, because albums know media and not the other way round.
builder.interfaceField(Media, 'albums', (t) =>
  t.field({
    type: [Album],
    description: 'Albums that it is in, by title, as far as the viewer sees them.',
    resolve: (item, _args, { load }) => load.albums.load(item.key),
  }),
);

const AlbumConnection = builder.connectionObject(
  {
    type: Album,
    name: 'AlbumConnection',
    description: 'A page of albums.',
    fields: (t) => ({
      totalCount: t.int({
        description: 'How many there are, on all pages.',
        resolve: (page, _args, { catalog, reader }) =>
          catalog.albums.count(reader, (page as unknown as { origin: Origin }).origin),
      }),
    }),
  },
  { name: 'AlbumEdge', description: 'An album and its place on the page.' },
);

builder.queryField('albums', (t) =>
  t.field({
    type: AlbumConnection,
    description: 'Albums by title. first/last: 1 to 500, default 50.',
    authScopes: { read: true },
    complexity: pageComplexity,
    args: {
      origin: t.arg({
        type: MediaOrigin,
        required: true,
        defaultValue: 'ALL',
        description: 'Of this instance, of its peers, or both.',
      }),
      ...pageArguments,
    },
    resolve: async (_root, { origin, ...page }, { catalog, reader }) => ({
      ...albumConnection(await catalog.albums.page(reader, origin, present(page))),
      origin,
    }),
  }),
);

type AlbumOutcome = Outcome<{ albumId: string | null }>;

function albumPayload(name: string, description: string) {
  return builder.objectRef<AlbumOutcome>(name).implement({
    description,
    fields: (t) => ({
      album: t.field({
        type: Album,
        nullable: true,
        description: 'The album; null where it went wrong.',
        resolve: async ({ albumId }, _args, { catalog, reader }) =>
          albumId === null ? null : ((await catalog.albums.byId(reader, [albumId])).get(albumId) ?? null),
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });
}

const CreateAlbumInput = builder.inputType('CreateAlbumInput', {
  description: 'An album to be made.',
  fields: (t) => ({
    title: t.string({ required: true, description: `1 to ${LIMITS.title} characters.` }),
    description: t.string({ description: `At most ${LIMITS.description} characters.` }),
    visibility: t.field({
      type: VisibilityEnum,
      required: true,
      defaultValue: 'INSTANCE',
      description: 'Who sees it as an album; it says nothing of who sees the items.',
    }),
    mediaIds: t.idList({
      required: true,
      defaultValue: [],
      description: `Items that the viewer sees, at most ${IDS_MAX}. A peer's are never told of to other peers.`,
    }),
  }),
});

builder.mutationField('createAlbum', (t) =>
  t.field({
    type: albumPayload('CreateAlbumPayload', 'What became of making an album.'),
    description: 'Makes an album of the viewer.',
    authScopes: { write: true },
    args: { input: t.arg({ type: CreateAlbumInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      attempt<{ albumId: string | null }>({ albumId: null }, async () => {
        const { description, visibility, mediaIds } = input;
        const ownerId = context.viewer?.user?.id ?? null;
        if (visibility === 'PRIVATE' && ownerId === null) {
          throw new HedgerowError(
            'INVALID',
            'A private album needs an owner, and this token has no person.',
            {
              field: ['visibility'],
            },
          );
        }
        const title = checkedTitle(input.title);
        const items = await visibleItems(mediaIds, 'mediaIds', context);
        const albumId = await context.catalog.albums.create({
          title,
          description: checkedDescription(description),
          visibility,
          ownerId,
          items,
        });
        return { albumId };
      }),
  }),
);

const UpdateAlbumInput = builder.inputType('UpdateAlbumInput', {
  description: 'Changes of an album of this instance; what is left out stays.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Of the album.' }),
    title: t.string({ description: `1 to ${LIMITS.title} characters.` }),
    description: t.string({ description: `At most ${LIMITS.description} characters; null clears it.` }),
    visibility: t.field({ type: VisibilityEnum, description: 'Who sees it as an album.' }),
    add: t.idList({ description: `Items that the viewer sees, at most ${IDS_MAX}.` }),
    remove: t.idList({ description: `Items that leave the album, at most ${IDS_MAX}.` }),
  }),
});

builder.mutationField('updateAlbum', (t) =>
  t.field({
    type: albumPayload('UpdateAlbumPayload', 'What became of changing an album.'),
    description: 'Changes an album. An editor changes his or her own, an admin any that an admin sees.',
    authScopes: { write: true },
    args: { input: t.arg({ type: UpdateAlbumInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      attempt<{ albumId: string | null }>({ albumId: null }, async () => {
        const album = await changeableAlbum(input.id, context);
        const { title, description, visibility, add, remove } = input;
        if (visibility === 'PRIVATE' && album.ownerId === null) {
          throw new HedgerowError('INVALID', 'Nobody owns the album, so nobody would see it.', {
            field: ['visibility'],
          });
        }
        if ((remove?.length ?? 0) > IDS_MAX) throw tooMany('remove');
        await context.catalog.albums.update(album.id, {
          title: title == null ? undefined : checkedTitle(title),
          description: description === undefined ? undefined : checkedDescription(description),
          visibility: visibility ?? undefined,
          add: await visibleItems(add ?? [], 'add', context),
          remove: remove ?? [],
        });
        return { albumId: album.id };
      }),
  }),
);

const DeleteAlbumInput = builder.inputType('DeleteAlbumInput', {
  description: 'An album to be deleted.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Of the album.' }) }),
});

const DeleteAlbumPayload = builder
  .objectRef<Outcome<{ deletedAlbumId: string | null }>>('DeleteAlbumPayload')
  .implement({
    description: 'What became of deleting an album.',
    fields: (t) => ({
      deletedAlbumId: t.exposeID('deletedAlbumId', { nullable: true, description: 'What is gone.' }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('deleteAlbum', (t) =>
  t.field({
    type: DeleteAlbumPayload,
    description: 'Deletes an album; its items stay. A grant that names it opens nothing by it any more.',
    authScopes: { write: true },
    args: { input: t.arg({ type: DeleteAlbumInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      attempt<{ deletedAlbumId: string | null }>({ deletedAlbumId: null }, async () => {
        const album = await changeableAlbum(input.id, context);
        await context.catalog.albums.remove(album.id);
        return { deletedAlbumId: album.id };
      }),
  }),
);

async function changeableAlbum(id: string, context: GraphqlContext): Promise<AlbumShape> {
  const album = (await context.catalog.albums.byId(context.reader, [id])).get(id);
  if (album === undefined) throw new HedgerowError('NOT_FOUND', 'There is no such album.', { field: ['id'] });
  if (album.source !== LOCAL_SOURCE) throw new HedgerowError('READ_ONLY', undefined, { field: ['id'] });
  if (!mayChange(context, album)) throw new HedgerowError('FORBIDDEN', 'The album is somebody else’s.');
  return album;
}

async function visibleItems(
  ids: readonly string[],
  field: string,
  { catalog, reader }: GraphqlContext,
): Promise<string[]> {
  if (ids.length > IDS_MAX) throw tooMany(field);
  const items: Map<string, Item> = await catalog.items(reader, ids);
  const unknown = ids.findIndex((id) => items.get(id)?.hidden !== false);
  if (unknown >= 0) {
    throw new HedgerowError('NOT_FOUND', 'There is no such item.', { field: [field, String(unknown)] });
  }
  return [...new Set(ids)];
}

function tooMany(field: string): HedgerowError {
  return new HedgerowError('INVALID', `At most ${IDS_MAX} items at once.`, { field: [field] });
}

function checkedTitle(text: string): string {
  const title = text.trim();
  if (title === '' || Array.from(title).length > LIMITS.title) {
    throw new HedgerowError('INVALID', `A title has 1 to ${LIMITS.title} characters.`, { field: ['title'] });
  }
  return title;
}

function checkedDescription(text: string | null | undefined): string | null {
  if (text == null) return null;
  if (Array.from(text).length > LIMITS.description) {
    throw new HedgerowError('INVALID', `A description has at most ${LIMITS.description} characters.`, {
      field: ['description'],
    });
  }
  return text;
}
