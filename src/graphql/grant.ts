/** What a peer may see: the type, the input, and the way from the input to the grant that is stored and sent. */

import { LOCAL_SOURCE } from '../catalog/items.ts';
import { WHOLE_GRANT } from '../federation/grants.ts';
import { type AccessLevel, type Grant as GrantShape, grantSchema } from '../federation/wire/messages.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { MediaKind } from '../lib/media.ts';
import { Album } from './album.ts';
import { builder } from './builder.ts';
import type { GraphqlContext } from './context.ts';
import { MediaKindEnum } from './media-types.ts';

export const GrantAccessEnum = builder.enumType('GrantAccess', {
  description: 'How much of an item a peer gets.',
  values: {
    METADATA: { description: 'What is known of it; no bytes at all.' },
    PREVIEWS: { description: 'Thumbnails and previews too, which carry no EXIF.' },
    ORIGINALS: { description: 'Everything.' },
  } as const satisfies Record<Uppercase<AccessLevel>, object>,
});

export const Grant = builder.objectRef<GrantShape>('Grant').implement({
  description: 'Narrows what is PEERS or PUBLIC. Null is all.',
  fields: (t) => ({
    kinds: t.field({
      type: [MediaKindEnum],
      nullable: true,
      description: 'Only these kinds; null is all.',
      resolve: ({ kinds }) => kinds?.map((kind) => kind.toUpperCase() as MediaKind) ?? null,
    }),
    tags: t.field({
      type: ['String'],
      nullable: true,
      description: 'Only items with one of these tags; null is all.',
      resolve: ({ tags }) => tags,
    }),
    albums: t.field({
      type: [Album],
      nullable: true,
      description:
        'Only items in one of these albums; null is all. One that was deleted is not shown, and opens nothing.',
      resolve: ({ albums }, _args, { catalog }) => (albums === null ? null : catalog.albums.named(albums)),
    }),
    access: t.field({
      type: GrantAccessEnum,
      description: 'How much of each item.',
      resolve: ({ access }) => access.toUpperCase() as Uppercase<AccessLevel>,
    }),
    until: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it ends; null: it does not.',
      resolve: ({ until }) => (until === null ? null : new Date(until)),
    }),
  }),
});

export const GrantInput = builder.inputType('GrantInput', {
  description: 'Narrows what is PEERS or PUBLIC: any within a list, all lists together; [] is nothing.',
  fields: (t) => ({
    kinds: t.field({ type: [MediaKindEnum], description: 'Only these kinds.' }),
    tags: t.stringList({ description: 'Only items with one of these tags.' }),
    albumIds: t.idList({ description: 'Only items in one of these albums of this instance.' }),
    access: t.field({
      type: GrantAccessEnum,
      required: true,
      defaultValue: 'ORIGINALS',
      description: 'How much of each item.',
    }),
    until: t.field({ type: 'DateTime', description: 'When it ends.' }),
  }),
});

/**
 * The grant as it is stored and sent. Nothing given is the whole.
 *
 * @param field - path of the input, which begins that of an error
 * @throws HedgerowError INVALID: an album that is not one of this instance's that the viewer sees, an end that is
 *   past, a tag or a list that is too long
 */
export async function grantFromInput(
  input: typeof GrantInput.$inferInput | null | undefined,
  { catalog, reader, now }: Pick<GraphqlContext, 'catalog' | 'reader' | 'now'>,
  field: readonly string[],
): Promise<GrantShape> {
  if (input == null) return WHOLE_GRANT;
  const invalid = (path: string[], message: string) =>
    new HedgerowError('INVALID', message, { field: [...field, ...path] });
  const { kinds, tags, albumIds, access, until } = input;
  if (until != null && until <= now()) throw invalid(['until'], 'The end of a grant is in the future.');
  const parsed = grantSchema.safeParse({
    kinds: unique(kinds?.map((kind) => kind.toLowerCase())),
    tags: unique(tags?.map((tag) => tag.trim())),
    albums: unique(albumIds),
    access: access.toLowerCase(),
    until: until == null ? null : new Date(until).toISOString(),
  });
  if (!parsed.success || parsed.data.tags?.includes('')) {
    const [list, ...rest] = parsed.error?.issues[0]?.path.map(String) ?? ['tags'];
    throw invalid(
      [...(list === undefined ? [] : [list === 'albums' ? 'albumIds' : list]), ...rest],
      'A list of a grant is too long, or an entry of it is empty or too long.',
    );
  }
  const grant = parsed.data;
  if (grant.albums !== null) {
    const known = await catalog.albums.byId(reader, grant.albums);
    const unknown = albumIds?.findIndex((id) => known.get(id)?.source !== LOCAL_SOURCE) ?? -1;
    if (unknown >= 0)
      throw invalid(['albumIds', String(unknown)], 'There is no such album on this instance.');
  }
  return grant;
}

function unique(list: readonly string[] | null | undefined): string[] | null {
  return list == null ? null : [...new Set(list)];
}
