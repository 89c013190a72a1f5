/** Accounts: listed and made by an admin, changed by an admin or their owner. */

import type { AccountChanges } from '../access/people.ts';
import type { Prisma, User as UserRow } from '../database/generated/sqlite/client.ts';
import { builder } from './builder.ts';
import type { GraphqlContext } from './context.ts';
import { forwardArguments, pageComplexity, readKeyset } from './pages.ts';
import { RoleEnum, User } from './user.ts';
import { attempt, type Outcome, UserError } from './user-error.ts';

const UserConnection = builder.connectionObject(
  {
    type: User,
    name: 'UserConnection',
    description: 'A page of people.',
    fields: (t) => ({
      totalCount: t.int({
        description: 'How many there are, on all pages.',
        resolve: (_page, _args, { database }) => database.prisma.user.count(),
      }),
    }),
  },
  { name: 'UserEdge', description: 'A person and his or her place on the page.' },
);

builder.queryField('users', (t) =>
  t.field({
    type: UserConnection,
    description: 'People in the order in which their accounts were made. Admin. first: 1 to 500, default 50.',
    authScopes: { admin: true },
    complexity: pageComplexity,
    args: forwardArguments,
    resolve: (_root, { first, after }, { database }) =>
      readKeyset<UserRow>({
        of: ['users'],
        first,
        after,
        position: (user) => ({ value: user.createdAt.getTime(), id: user.id }),
        read: (position, take) =>
          database.prisma.user.findMany({
            where: position === null ? {} : following(position),
            orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
            take,
          }),
      }),
  }),
);

function following({ value, id }: { value: number; id: string }): Prisma.UserWhereInput {
  const at = new Date(value);
  return { OR: [{ createdAt: { gt: at } }, { createdAt: at, id: { gt: id } }] };
}

interface AccountResult {
  userId: string | null;
  setupUrl: string | null;
}

const NOTHING: AccountResult = { userId: null, setupUrl: null };

const CreateUserInput = builder.inputType('CreateUserInput', {
  description: 'An account to be made.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What the person is called, and signs in as.' }),
    role: t.field({ type: RoleEnum, required: true, description: 'What the person may do.' }),
    password: t.string({ description: 'Without it, a link is made by which the person sets it.' }),
  }),
});

const CreateUserPayload = builder.objectRef<Outcome<AccountResult>>('CreateUserPayload').implement({
  description: 'What became of making an account.',
  fields: (t) => ({
    user: t.field({
      type: User,
      nullable: true,
      description: 'The person; null where it went wrong.',
      resolve: loadUser,
    }),
    setupUrl: t.expose('setupUrl', {
      type: 'URL',
      nullable: true,
      description: 'A link to set the password, where none was given. Works once, for three days.',
    }),
    userErrors: t.field({
      type: [UserError],
      description: 'What the caller can put right.',
      resolve: (payload) => payload.userErrors,
    }),
  }),
});

builder.mutationField('createUser', (t) =>
  t.field({
    type: CreateUserPayload,
    description: 'Makes an account. Admin.',
    authScopes: { admin: true },
    args: { input: t.arg({ type: CreateUserInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input: { name, role, password } }, { people, viewer }) =>
      attempt<AccountResult>(NOTHING, async () => {
        const { user, link } = await people.createUser(viewer, {
          name,
          role,
          ...(password != null && { password }),
        });
        return { userId: user.id, setupUrl: link };
      }),
  }),
);

const UpdateUserInput = builder.inputType('UpdateUserInput', {
  description: 'Changes of an account; what is left out stays.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Of the person.' }),
    name: t.string({ description: 'What the person is called, and signs in as.' }),
    role: t.field({ type: RoleEnum, description: 'What the person may do. Admin.' }),
    disabled: t.boolean({
      description: 'Whether the person is shut out, at once and everywhere. Admin.',
    }),
    password: t.string({
      description:
        'A new one; ends every other session of the person, and needs currentPassword where it is one’s own.',
    }),
    currentPassword: t.string({ description: 'Of whoever changes his or her own password.' }),
    resetPassword: t.boolean({
      description: 'Voids the password and ends the sessions; setupUrl is the link to set a new one. Admin.',
    }),
  }),
});

const UpdateUserPayload = builder.objectRef<Outcome<AccountResult>>('UpdateUserPayload').implement({
  description: 'What became of changing an account.',
  fields: (t) => ({
    user: t.field({
      type: User,
      nullable: true,
      description: 'The person; null where it went wrong.',
      resolve: loadUser,
    }),
    setupUrl: t.expose('setupUrl', {
      type: 'URL',
      nullable: true,
      description: 'A link to set the password, where it was reset. Works once, for three days.',
    }),
    userErrors: t.field({
      type: [UserError],
      description: 'What the caller can put right.',
      resolve: (payload) => payload.userErrors,
    }),
  }),
});

builder.mutationField('updateUser', (t) =>
  t.field({
    type: UpdateUserPayload,
    description: 'Changes an account: an admin anybody’s, others their own name and password.',
    args: { input: t.arg({ type: UpdateUserInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input: { id, ...input } }, { people, viewer }) =>
      attempt<AccountResult>(NOTHING, async () => {
        const changes: AccountChanges = Object.fromEntries(
          Object.entries(input).filter(([, value]) => value != null),
        );
        const { user, link } = await people.updateUser(viewer, id, changes);
        return { userId: user.id, setupUrl: link };
      }),
  }),
);

function loadUser({ userId }: AccountResult, _args: object, { load }: GraphqlContext) {
  return userId === null ? null : load.user.clear(userId).load(userId);
}
