/**
 * People and tokens as the terminal handles them: by name where a person types one, and with nothing but JSON in and
 * out, so that a command does the same through a running server as on the folder itself.
 */

import { HedgerowError } from '../lib/errors.ts';
import type { Access } from './access.ts';
import type { User } from './users.ts';
import type { Role, TokenScope } from './viewer.ts';

export interface AccountRow {
  id: string;
  name: string;
  role: Role;
  /** RFC 3339, here and below. */
  disabledAt: string | null;
  /** Whether more than the password is asked for. */
  secondFactor: boolean;
  createdAt: string;
}

export interface TokenRow {
  id: string;
  name: string;
  prefix: string;
  scopes: readonly TokenScope[];
  /** Name of the person; null: the instance's own. */
  user: string | null;
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
}

/** `user` and `token`: an id, or a name. All throw HedgerowError as `users` and `tokens` do. */
export interface Accounts {
  addUser(input: { name: string; role: Role; password?: string | undefined }): Promise<WithLink>;
  listUsers(): Promise<AccountRow[]>;
  disableUser(input: { user: string }): Promise<AccountRow>;
  enableUser(input: { user: string }): Promise<AccountRow>;
  resetPassword(input: { user: string; password?: string | undefined }): Promise<WithLink>;
  /** Takes the second factor off somebody who has lost it. */
  resetSecondFactor(input: { user: string }): Promise<AccountRow>;
  createToken(input: {
    name: string;
    scopes: TokenScope[];
    user?: string | undefined;
    expiresAt?: string | undefined;
  }): Promise<{ apiToken: TokenRow; token: string }>;
  listTokens(): Promise<TokenRow[]>;
  revokeToken(input: { token: string }): Promise<TokenRow>;
}

/** `setupUrl`: where the person sets the password, if none was given. */
export interface WithLink {
  user: AccountRow;
  setupUrl: string | null;
}

export function createAccounts(
  { users, secondFactors, tokens }: Pick<Access, 'users' | 'secondFactors' | 'tokens'>,
  publicUrl: URL,
): Accounts {
  const base = publicUrl.href.endsWith('/') ? publicUrl : new URL(`${publicUrl.href}/`);
  const linkOf = (path: string | null): string | null => (path === null ? null : new URL(path, base).href);
  const findUser = async (user: string) => {
    const found = (await users.find(user)) ?? (await users.findByName(user));
    if (found === null) throw new HedgerowError('NOT_FOUND', `There is no account ${user}.`);
    return found;
  };
  const findToken = async (wanted: string) => {
    const found = (await tokens.list()).filter(({ id, name }) => id === wanted || name === wanted);
    const [token] = found;
    if (token === undefined) throw new HedgerowError('NOT_FOUND', `There is no token ${wanted}.`);
    if (found.length > 1) {
      throw new HedgerowError('CONFLICT', `${found.length} tokens are called ${wanted}; name one by its id.`);
    }
    return token;
  };
  const tokenRow = async (token: Awaited<ReturnType<typeof findToken>>): Promise<TokenRow> => ({
    id: token.id,
    name: token.name,
    prefix: token.prefix,
    scopes: token.scopes,
    user: token.userId === null ? null : ((await users.find(token.userId))?.name ?? null),
    createdAt: token.createdAt.toISOString(),
    expiresAt: token.expiresAt?.toISOString() ?? null,
    lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
  });
  const accountRows = async (found: readonly User[]): Promise<AccountRow[]> => {
    const secured = await secondFactors.among(found.map(({ id }) => id));
    return found.map(({ id, name, role, disabledAt, createdAt }) => ({
      id,
      name,
      role,
      disabledAt: disabledAt?.toISOString() ?? null,
      secondFactor: secured.has(id),
      createdAt: createdAt.toISOString(),
    }));
  };
  const accountRow = async (user: User): Promise<AccountRow> => {
    const [row] = await accountRows([user]);
    return row as AccountRow;
  };
  return {
    addUser: async (input) => {
      const { user, passwordPath } = await users.create(input);
      return { user: await accountRow(user), setupUrl: linkOf(passwordPath) };
    },
    listUsers: async () => accountRows(await users.list()),
    disableUser: async ({ user }) => accountRow(await users.disable((await findUser(user)).id)),
    enableUser: async ({ user }) => accountRow(await users.enable((await findUser(user)).id)),
    resetPassword: async ({ user, password }) => {
      const reset = await users.resetPassword((await findUser(user)).id, password);
      return { user: await accountRow(reset.user), setupUrl: linkOf(reset.passwordPath) };
    },
    resetSecondFactor: async ({ user }) => {
      const found = await findUser(user);
      await secondFactors.remove(found.id);
      return accountRow(found);
    },
    createToken: async ({ name, scopes, user, expiresAt }) => {
      const userId = user === undefined ? undefined : (await findUser(user)).id;
      const end = expiresAt === undefined ? undefined : new Date(expiresAt);
      const { apiToken, token } = await tokens.create({ name, scopes, userId, expiresAt: end });
      return { apiToken: await tokenRow(apiToken), token };
    },
    listTokens: async () => Promise.all((await tokens.list()).map(tokenRow)),
    revokeToken: async ({ token }) => tokenRow(await tokens.revoke((await findToken(token)).id)),
  };
}
