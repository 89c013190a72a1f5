/** Changing and deleting local items. */

import { type Item, LOCAL_SOURCE } from '../catalog/items.ts';
import { type LocalItemPatch, retagged } from '../catalog/local-changes.ts';
import type { Peer as PeerRow } from '../database/generated/sqlite/client.ts';
import { HedgerowError } from '../lib/errors.ts';
import { builder } from './builder.ts';
import { type GraphqlContext, mayChange } from './context.ts';
import { coveredBy, LocalMedia, RemoteMedia } from './media.ts';
import { DEFAULT_ORDER, VisibilityEnum } from './media-types.ts';
import { Peer } from './peer.ts';
import { attempt, type Outcome, UserError } from './user-error.ts';

const IDS_MAX = 500;
/** Items of albums whose visibility is set at once, and of one transaction of that. */
const ALBUM_ITEMS_MAX = 5000;
const AT_ONCE = 100;

/** Characters. What is longer would be skipped by every peer (docs/federation.md, "Limits"). */
const LIMITS = { title: 500, description: 10_000, creator: 500, license: 500, tag: 100 } as const;
const TAGS_MAX = 200;

const UNSHARED =
  'Peers that were shown what they are shown no longer: they are told to remove it, and may have kept it.';

const UpdateMediaInput = builder.inputType('UpdateMediaInput', {
  description: 'Changes of a local item; what is left out stays, what is null is cleared.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Of the item.' }),
    title: t.string({ description: `1 to ${LIMITS.title} characters.` }),
    description: t.string({ description: `At most ${LIMITS.description} characters.` }),
    tags: t.stringList({ description: `All of its tags, at most ${TAGS_MAX}.` }),
    takenAt: t.field({ type: 'LocalDateTime', description: "By the camera's clock." }),
    creator: t.string({ description: `At most ${LIMITS.creator} characters.` }),
    license: t.string({ description: `At most ${LIMITS.license} characters.` }),
    visibility: t.field({ type: VisibilityEnum, description: 'Who may see it.' }),
  }),
});

const UpdateMediaPayload = builder
  .objectRef<Outcome<{ media: Item | null; unsharedFrom: PeerRow[] }>>('UpdateMediaPayload')
  .implement({
    description: 'What became of changing an item.',
    fields: (t) => ({
      media: t.field({
        type: LocalMedia,
        nullable: true,
        description: 'The item; null where it went wrong.',
        resolve: (payload) => payload.media,
      }),
      unsharedFrom: t.field({
        type: [Peer],
        description: UNSHARED,
        resolve: (payload) => payload.unsharedFrom,
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('updateMedia', (t) =>
  t.field({
    type: UpdateMediaPayload,
    description: 'Changes a local item. An editor changes his or her own, an admin any that an admin sees.',
    authScopes: { write: true },
    args: { input: t.arg({ type: UpdateMediaInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      attempt<{ media: Item | null; unsharedFrom: PeerRow[] }>(
        { media: null, unsharedFrom: [] },
        async () => {
          const patch = checkedPatch(input);
          await changeable([input.id], () => ['id'], context);
          if (patch.visibility === 'PRIVATE') await requireOwners([input.id], context);
          const before = await context.catalog.items(context.reader, [input.id]);
          const media = await context.catalog.local.update(input.id, patch);
          return { media, unsharedFrom: await unsharedFrom(before, [media], context) };
        },
      ),
  }),
);

const SetVisibilityInput = builder.inputType('SetVisibilityInput', {
  description: 'Who may see these items.',
  fields: (t) => ({
    ids: t.idList({ required: true, description: `Of local items, at most ${IDS_MAX}.` }),
    albumIds: t.idList({
      description: `Beside them, the local items of these albums, at most ${ALBUM_ITEMS_MAX}.`,
    }),
    visibility: t.field({ type: VisibilityEnum, required: true, description: 'Who may see them.' }),
  }),
});

const SetVisibilityPayload = builder
  .objectRef<Outcome<{ media: Item[]; unsharedFrom: PeerRow[] }>>('SetVisibilityPayload')
  .implement({
    description: 'What became of setting who may see items.',
    fields: (t) => ({
      media: t.field({
        type: [LocalMedia],
        description: 'The items; none where it went wrong.',
        resolve: (payload) => payload.media,
      }),
      unsharedFrom: t.field({
        type: [Peer],
        description: UNSHARED,
        resolve: (payload) => payload.unsharedFrom,
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('setVisibility', (t) =>
  t.field({
    type: SetVisibilityPayload,
    description: 'Sets who may see local items: all of them, or none where one is at fault.',
    authScopes: { write: true },
    args: { input: t.arg({ type: SetVisibilityInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      attempt<{ media: Item[]; unsharedFrom: PeerRow[] }>({ media: [], unsharedFrom: [] }, async () => {
        const named = await changeable(input.ids, (at) => ['ids', String(at)], context);
        const ids = [...new Set([...named, ...(await itemsOfAlbums(input.albumIds ?? [], context))])];
        if (input.visibility === 'PRIVATE') await requireOwners(ids, context);
        const before = await context.catalog.items(context.reader, ids);
        const media: Item[] = [];
        // Others write meanwhile, so a whole album is no single transaction.
        for (let at = 0; at < ids.length; at += AT_ONCE) {
          media.push(
            ...(await context.catalog.local.setVisibility(ids.slice(at, at + AT_ONCE), input.visibility)),
          );
        }
        return { media, unsharedFrom: await unsharedFrom(before, media, context) };
      }),
  }),
);

const TagMediaInput = builder.inputType('TagMediaInput', {
  description: 'Tags to be put on items, and taken from them.',
  fields: (t) => ({
    ids: t.idList({ required: true, description: `Of local items, at most ${IDS_MAX}.` }),
    add: t.stringList({ description: 'Put on each item that does not have them.' }),
    remove: t.stringList({ description: 'Taken from each item that has them.' }),
  }),
});

const TagMediaPayload = builder.objectRef<Outcome<{ media: Item[] }>>('TagMediaPayload').implement({
  description: 'What became of tagging items.',
  fields: (t) => ({
    media: t.field({
      type: [LocalMedia],
      description: 'The items; none where it went wrong.',
      resolve: (payload) => payload.media,
    }),
    userErrors: t.field({
      type: [UserError],
      description: 'What the caller can put right.',
      resolve: (payload) => payload.userErrors,
    }),
  }),
});

builder.mutationField('tagMedia', (t) =>
  t.field({
    type: TagMediaPayload,
    description:
      'Puts tags on local items and takes tags from them: all of them, or none where one is at fault.',
    authScopes: { write: true },
    args: { input: t.arg({ type: TagMediaInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      attempt<{ media: Item[] }>({ media: [] }, async () => {
        const add = checkedTags(input.add ?? [], 'add');
        const remove = checkedTags(input.remove ?? [], 'remove');
        const ids = await changeable(input.ids, (at) => ['ids', String(at)], context);
        const before = await context.catalog.items(context.reader, ids);
        for (const [at, id] of input.ids.entries()) {
          if (retagged(before.get(id)?.tags ?? [], add, remove).length > TAGS_MAX) {
            throw new HedgerowError('INVALID', `An item has at most ${TAGS_MAX} tags.`, {
              field: ['ids', String(at)],
            });
          }
        }
        const media: Item[] = [];
        // As above: others write meanwhile.
        for (let at = 0; at < ids.length; at += AT_ONCE) {
          media.push(...(await context.catalog.local.retag(ids.slice(at, at + AT_ONCE), { add, remove })));
        }
        return { media };
      }),
  }),
);

const DeleteMediaInput = builder.inputType('DeleteMediaInput', {
  description: 'Items to be deleted.',
  fields: (t) => ({
    ids: t.idList({ required: true, description: `Of local items, at most ${IDS_MAX}.` }),
  }),
});

const DeleteMediaPayload = builder
  .objectRef<Outcome<{ deletedMediaIds: string[] }>>('DeleteMediaPayload')
  .implement({
    description: 'What became of deleting items.',
    fields: (t) => ({
      deletedMediaIds: t.exposeIDList('deletedMediaIds', { description: 'What is gone.' }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('deleteMedia', (t) =>
  t.field({
    type: DeleteMediaPayload,
    description: 'Deletes local items: all of them, or none where one is at fault.',
    authScopes: { write: true },
    args: { input: t.arg({ type: DeleteMediaInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      attempt<{ deletedMediaIds: string[] }>({ deletedMediaIds: [] }, async () => {
        const ids = await changeable(input.ids, (at) => ['ids', String(at)], context);
        const removed = await context.library.remove(ids);
        return { deletedMediaIds: removed.map((item) => item.id) };
      }),
  }),
);

const HideRemoteMediaInput = builder.inputType('HideRemoteMediaInput', {
  description: 'Items of peers to be hidden, or shown again.',
  fields: (t) => ({
    ids: t.idList({ required: true, description: `Of items of peers, at most ${IDS_MAX}.` }),
    hidden: t.boolean({ required: true, description: 'Whether nobody sees them here.' }),
  }),
});

const HideRemoteMediaPayload = builder
  .objectRef<Outcome<{ media: Item[] }>>('HideRemoteMediaPayload')
  .implement({
    description: 'What became of hiding items.',
    fields: (t) => ({
      media: t.field({
        type: [RemoteMedia],
        description: 'The items; none where it went wrong.',
        resolve: (payload) => payload.media,
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('hideRemoteMedia', (t) =>
  t.field({
    type: HideRemoteMediaPayload,
    description:
      'Hides items of peers here, or shows them again: all of them, or none where one is at fault. What the peer changes of them shows none again.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: HideRemoteMediaInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { catalog, reader }) =>
      attempt<{ media: Item[] }>({ media: [] }, async () => {
        const ids = [...new Set(input.ids)];
        if (ids.length > IDS_MAX) {
          throw new HedgerowError('INVALID', `At most ${IDS_MAX} items at once.`, { field: ['ids'] });
        }
        const items = await catalog.items(reader, ids);
        for (const [at, id] of input.ids.entries()) {
          const field = ['ids', String(at)];
          const item = items.get(id);
          if (item === undefined) throw new HedgerowError('NOT_FOUND', 'There is no such item.', { field });
          if (item.source === LOCAL_SOURCE) {
            const sentence = 'The item is of this instance: set its visibility instead.';
            throw new HedgerowError('INVALID', sentence, { field });
          }
        }
        await catalog.setHidden(ids, input.hidden);
        const after = await catalog.items(reader, ids);
        return { media: ids.flatMap((id) => after.get(id) ?? []) };
      }),
  }),
);

/** Local items of albums that the viewer sees. @throws as `changeable` does, and NOT_FOUND for an album */
async function itemsOfAlbums(albumIds: readonly string[], context: GraphqlContext): Promise<string[]> {
  if (albumIds.length === 0) return [];
  const { catalog, reader } = context;
  const albums = await catalog.albums.byId(reader, albumIds);
  for (const [at, id] of albumIds.entries()) {
    if (albums.has(id)) continue;
    throw new HedgerowError('NOT_FOUND', 'There is no such album.', { field: ['albumIds', String(at)] });
  }
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page = await catalog.page(
      reader,
      { origin: 'LOCAL', filter: { albumIds }, order: DEFAULT_ORDER },
      { first: IDS_MAX, ...(after !== undefined && { after }) },
    );
    ids.push(
      ...(await changeable(
        page.edges.map(({ item }) => item.id),
        () => ['albumIds'],
        context,
      )),
    );
    if (ids.length > ALBUM_ITEMS_MAX) {
      throw new HedgerowError('INVALID', `At most ${ALBUM_ITEMS_MAX} items of albums at once.`, {
        field: ['albumIds'],
      });
    }
    after = page.hasNextPage ? page.edges.at(-1)?.cursor : undefined;
  } while (after !== undefined);
  return ids;
}

/** PRIVATE is for the owner alone: an item without one would be seen by nobody, and changed by nobody again. */
async function requireOwners(ids: readonly string[], context: GraphqlContext): Promise<void> {
  const items = await context.catalog.items(context.reader, ids);
  if ([...items.values()].some((item) => item.ownerId === null)) {
    throw new HedgerowError('INVALID', 'An item without an owner cannot be private.', {
      field: ['visibility'],
    });
  }
}

/** Peers whose grant covered an item before and covers it no longer. */
async function unsharedFrom(
  before: ReadonlyMap<string, Item>,
  after: readonly Item[],
  { load, now }: GraphqlContext,
): Promise<PeerRow[]> {
  const peers = await load.servedPeers();
  const lost = new Set<PeerRow>();
  for (const item of after) {
    const earlier = before.get(item.id);
    if (earlier === undefined) continue;
    const still = new Set(coveredBy(item, peers, now()));
    for (const peer of coveredBy(earlier, peers, now())) if (!still.has(peer)) lost.add(peer);
  }
  return peers.filter((peer) => lost.has(peer));
}

/**
 * The ids, once each, where the viewer may change every item.
 *
 * @throws HedgerowError NOT_FOUND where an item is unknown or not visible, READ_ONLY where it is a peer's,
 * FORBIDDEN where it is somebody else's
 */
async function changeable(
  ids: readonly string[],
  field: (at: number) => string[],
  context: GraphqlContext,
): Promise<string[]> {
  if (ids.length > IDS_MAX) {
    throw new HedgerowError('INVALID', `At most ${IDS_MAX} items at once.`, { field: ['ids'] });
  }
  const items = await context.catalog.items(context.reader, ids);
  for (const [at, id] of ids.entries()) {
    const item = items.get(id);
    if (item === undefined) {
      throw new HedgerowError('NOT_FOUND', 'There is no such item.', { field: field(at) });
    }
    if (item.source !== LOCAL_SOURCE) {
      throw new HedgerowError('READ_ONLY', undefined, { field: field(at) });
    }
    if (!mayChange(context, item)) throw new HedgerowError('FORBIDDEN', 'The item is somebody else’s.');
  }
  return [...new Set(ids)];
}

function checkedPatch(input: typeof UpdateMediaInput.$inferInput): LocalItemPatch {
  const { title, description, tags, takenAt, creator, license, visibility } = input;
  const patch: LocalItemPatch = {};
  // A title and a visibility cannot be cleared: null leaves them as they are.
  if (title != null) {
    if (title.trim() === '') {
      throw new HedgerowError('INVALID', 'A title is not empty.', { field: ['title'] });
    }
    patch.title = limited('title', title.trim());
  }
  if (description !== undefined) patch.description = limited('description', description);
  if (creator !== undefined) patch.creator = limited('creator', creator);
  if (license !== undefined) patch.license = limited('license', license);
  if (takenAt !== undefined) patch.takenAt = takenAt;
  if (visibility != null) patch.visibility = visibility;
  if (tags !== undefined) patch.tags = checkedTags(tags ?? []);
  return patch;
}

function checkedTags(tags: readonly string[], field = 'tags'): string[] {
  const trimmed = [...new Set(tags.map((tag) => limited('tag', tag.trim(), field)))];
  if (trimmed.length > TAGS_MAX || trimmed.includes('')) {
    throw new HedgerowError('INVALID', `An item has at most ${TAGS_MAX} tags, and none is empty.`, {
      field: [field],
    });
  }
  return trimmed;
}

function limited<T extends string | null>(name: keyof typeof LIMITS, text: T, field: string = name): T {
  if (text !== null && Array.from(text).length > LIMITS[name]) {
    throw new HedgerowError('INVALID', `A ${name} has at most ${LIMITS[name]} characters.`, {
      field: [field],
    });
  }
  return text;
}
