/** People of this instance, and who is asking. */

import { isRole, type Viewer as SignedIn } from '../access/viewer.ts';
import { builder } from './builder.ts';

export const RoleEnum = builder.enumType('Role', {
  description: 'What a person may do.',
  values: {
    ADMIN: { description: 'Everything, federation included.' },
    EDITOR: { description: 'Sees the catalog; adds media, and changes what is his or her own.' },
    VIEWER: { description: 'Sees the catalog.' },
  } as const,
});

export const TokenScopeEnum = builder.enumType('TokenScope', {
  description: 'What a token may be used for, within what its owner may do.',
  values: {
    CATALOG_READ: { description: 'Read the catalog.' },
    MEDIA_READ: { description: 'Read bytes.' },
    LIBRARY_WRITE: { description: 'Add, change and delete media.' },
    FEDERATION_ADMIN: { description: 'Pair with peers and manage them.' },
    ADMIN: { description: 'Everything.' },
  } as const,
});

export const User = builder.prismaObject('User', {
  description: 'A person with an account here.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Opaque.' }),
    name: t.exposeString('name', { description: 'What the person is called.' }),
    role: t.field({
      type: RoleEnum,
      description: 'What the person may do.',
      resolve: (user) => (isRole(user.role) ? user.role : 'VIEWER'),
    }),
    disabledAt: t.expose('disabledAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when the person cannot sign in.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the account was made.' }),
  }),
});

export const Viewer = builder.objectRef<SignedIn>('Viewer').implement({
  description: 'Who is asking.',
  fields: (t) => ({
    user: t.field({
      type: User,
      nullable: true,
      description: 'The person; null for a token that belongs to the instance.',
      resolve: (viewer, _args, { load }) => (viewer.user === null ? null : load.user.load(viewer.user.id)),
    }),
    role: t.field({ type: RoleEnum, description: 'What the viewer may do.', resolve: ({ role }) => role }),
    scopes: t.field({
      type: [TokenScopeEnum],
      description: 'What this session or token may be used for.',
      resolve: ({ scopes }) => scopes,
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: Viewer,
    nullable: true,
    description: 'Who is asking; null without signing in.',
    resolve: (_root, _args, { viewer }) => viewer,
  }),
);
