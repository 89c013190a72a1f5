/** Tokens of programs: the viewer's own. */

import type { ApiToken as ApiTokenRow } from '../access/tokens.ts';
import { builder } from './builder.ts';
import { TokenScopeEnum, User, Viewer } from './user.ts';
import { attempt, type Outcome, UserError } from './user-error.ts';

const ApiToken = builder.objectRef<ApiTokenRow>('ApiToken').implement({
  description: 'A token of a program, without the token itself, which is shown once.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Opaque.' }),
    name: t.exposeString('name', { description: 'What it is for.' }),
    prefix: t.exposeString('prefix', { description: 'How it begins, to tell tokens apart.' }),
    scopes: t.field({
      type: [TokenScopeEnum],
      description: 'What it may be used for, within what its owner may do.',
      resolve: ({ scopes }) => scopes,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ends; null: when it is revoked.',
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used, to the minute.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked.',
    }),
  }),
});

builder.objectField(Viewer, 'apiTokens', (t) =>
  t.field({
    type: [ApiToken],
    description: "The viewer's living tokens, the newest first; to a token only with the scope ADMIN.",
    complexity: { field: 10, multiplier: 10 },
    resolve: (viewer, _args, { people }) => people.tokensOf(viewer),
  }),
);

builder.objectField(User, 'apiTokens', (t) =>
  t.field({
    type: [ApiToken],
    nullable: true,
    description:
      'Living tokens of the person, the newest first; null unless the viewer is an admin, or the person.',
    complexity: { field: 10, multiplier: 10 },
    resolve: ({ id }, _args, { load }) => load.tokensOfUser.load(id),
  }),
);

const CreateApiTokenInput = builder.inputType('CreateApiTokenInput', {
  description: 'A token to be made.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What it is for; 1 to 100 characters.' }),
    scopes: t.field({
      type: [TokenScopeEnum],
      required: true,
      description: 'At least one, and none beyond what the viewer may do.',
    }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it ends; without it, when it is revoked.' }),
  }),
});

const CreateApiTokenPayload = builder
  .objectRef<Outcome<{ apiToken: ApiTokenRow | null; token: string | null }>>('CreateApiTokenPayload')
  .implement({
    description: 'What became of making a token.',
    fields: (t) => ({
      apiToken: t.field({
        type: ApiToken,
        nullable: true,
        description: 'The token; null where it went wrong.',
        resolve: (payload) => payload.apiToken,
      }),
      token: t.exposeString('token', { nullable: true, description: 'Shown once.' }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('createApiToken', (t) =>
  t.field({
    type: CreateApiTokenPayload,
    description: 'Makes a token of the viewer. A token may do so only with the scope ADMIN.',
    args: { input: t.arg({ type: CreateApiTokenInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input: { name, scopes, expiresAt } }, { people, viewer }) =>
      attempt<{ apiToken: ApiTokenRow | null; token: string | null }>({ apiToken: null, token: null }, () =>
        people.createToken(viewer, {
          name,
          scopes,
          ...(expiresAt != null && { expiresAt: new Date(expiresAt) }),
        }),
      ),
  }),
);

const RevokeApiTokenInput = builder.inputType('RevokeApiTokenInput', {
  description: 'A token to be revoked.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Of the token.' }) }),
});

const RevokeApiTokenPayload = builder
  .objectRef<Outcome<{ apiToken: ApiTokenRow | null }>>('RevokeApiTokenPayload')
  .implement({
    description: 'What became of revoking a token.',
    fields: (t) => ({
      apiToken: t.field({
        type: ApiToken,
        nullable: true,
        description: 'The token; null where it went wrong.',
        resolve: (payload) => payload.apiToken,
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('revokeApiToken', (t) =>
  t.field({
    type: RevokeApiTokenPayload,
    description: "Revokes a token at once: the viewer's own, an admin any.",
    args: { input: t.arg({ type: RevokeApiTokenInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { people, viewer }) =>
      attempt<{ apiToken: ApiTokenRow | null }>({ apiToken: null }, async () => ({
        apiToken: await people.revokeToken(viewer, input.id),
      })),
  }),
);
