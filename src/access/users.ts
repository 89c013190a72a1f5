/** People: who has an account, in which role, and the links by which they set their first password. */

import { randomBytes } from 'node:crypto';
import type { Database } from '../database/database.ts';
import type { Prisma } from '../database/generated/sqlite/client.ts';
import { HedgerowError } from '../lib/errors.ts';
import { nameKey, readName } from './names.ts';
import { PASSWORD_MAX } from './password-policy.ts';
import type { Passwords } from './passwords.ts';
import { hashSecret, newAccessId, newSecret } from './secrets.ts';
import { isRole, type Role } from './viewer.ts';

/** Hours in which a link to set a password works. */
const PASSWORD_LINK_HOURS = 72;

export interface User {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly disabledAt: Date | null;
  readonly createdAt: Date;
}

export interface NewUser {
  name: string;
  role: Role;
  /** Without one, a link is made by which the person sets it. */
  password?: string | undefined;
}

export interface UserChanges {
  name?: string | undefined;
  role?: Role | undefined;
  disabled?: boolean | undefined;
  password?: string | undefined;
}

export interface Users {
  /**
   * @returns `passwordPath`, relative to the public URL, where no password was given; its secret is shown once
   * @throws HedgerowError INVALID, or CONFLICT where the name is taken
   */
  create(user: NewUser): Promise<{ user: User; passwordPath: string | null }>;
  /** By name. */
  list(): Promise<User[]>;
  find(id: string): Promise<User | null>;
  findByName(name: string): Promise<User | null>;
  /**
   * Disabling, or a new password, ends the person's sessions.
   *
   * @param options `keepSession`: the session in which a person sets the password, which goes on
   * @throws HedgerowError NOT_FOUND, INVALID, or CONFLICT: the name is taken, or no admin would be left
   */
  update(id: string, changes: UserChanges, options?: { keepSession?: string }): Promise<User>;
  /** Whether this is the password that the person signs in with. @throws HedgerowError RATE_LIMITED: too many at once */
  hasPassword(id: string, password: string): Promise<boolean>;
  disable(id: string): Promise<User>;
  enable(id: string): Promise<User>;
  /** Sets the password, or makes a link to set it; either way the person's sessions end and the old one is void. */
  resetPassword(id: string, password?: string): Promise<{ user: User; passwordPath: string | null }>;
  /**
   * Sets the password by the token of a link, which works once.
   *
   * @throws HedgerowError NOT_FOUND or INVALID
   */
  setPasswordByLink(input: {
    token: unknown;
    password: unknown;
    /** The client's, for the audit. */
    address?: string;
  }): Promise<User>;
}

export interface UsersOptions {
  database: Pick<Database, 'prisma'>;
  passwords: Passwords;
  now: () => number;
  /** An account was changed: its standing, its role or its password. */
  onChange?: () => void;
}

export function createUsers({
  database: { prisma },
  passwords,
  now,
  onChange = () => {},
}: UsersOptions): Users {
  const issueLink = async (userId: string): Promise<string> => {
    const secret = newSecret();
    const identifier = linkIdentifier(userId);
    await prisma.$transaction([
      prisma.verification.deleteMany({ where: { identifier } }),
      prisma.verification.create({
        data: {
          id: newAccessId('verification'),
          identifier,
          value: hashSecret(secret),
          expiresAt: new Date(now() + PASSWORD_LINK_HOURS * 3_600_000),
        },
      }),
    ]);
    return `password#token=${secret}`;
  };

  const change = async (
    id: string,
    data: UserRowChanges,
    passwordHash?: string,
    keepSession?: string,
  ): Promise<User> => {
    const row = await translating(() =>
      prisma.$transaction(
        async (transaction) => {
          const before = await transaction.user.findUnique({ where: { id } });
          if (before === null) throw notFound();
          const after = await transaction.user.update({ where: { id }, data });
          if (isActiveAdmin(before) && !isActiveAdmin(after)) await requireAdmin(transaction);
          if (passwordHash !== undefined) {
            await transaction.account.updateMany({
              where: { userId: id, providerId: 'credential' },
              data: { password: passwordHash },
            });
            await transaction.verification.deleteMany({ where: { identifier: linkIdentifier(id) } });
          }
          if (passwordHash !== undefined || after.disabledAt !== null) {
            const kept = after.disabledAt === null && keepSession !== undefined;
            await transaction.session.deleteMany({
              where: { userId: id, ...(kept && { NOT: { id: keepSession } }) },
            });
          }
          return after;
        },
        // Two admins who demote each other at once must not both succeed.
        { isolationLevel: 'Serializable' },
      ),
    );
    onChange();
    return toUser(row);
  };

  const users: Users = {
    create: async ({ name: wanted, role, password }) => {
      const name = readName(wanted);
      if (!isRole(role)) throw new HedgerowError('INVALID', 'The role is unknown.', { field: ['role'] });
      // Where none is given the account still has a hash, of something nobody knows: a sign-in then takes as long as
      // for anybody else.
      const hash = await passwords.hash(
        password === undefined ? randomBytes(32).toString('hex') : await passwords.check(password, name),
      );
      const row = await translating(() =>
        prisma.$transaction((transaction) => insertUser(transaction, { name, role, passwordHash: hash })),
      );
      return {
        user: toUser(row),
        passwordPath: password === undefined ? await issueLink(row.id) : null,
      };
    },

    list: async () =>
      (await prisma.user.findMany({ orderBy: [{ username: 'asc' }, { id: 'asc' }] })).map(toUser),

    find: async (id) => {
      const row = await prisma.user.findUnique({ where: { id } });
      return row === null ? null : toUser(row);
    },

    findByName: async (name) => {
      const row = await prisma.user.findUnique({ where: { username: nameKey(name) } });
      return row === null ? null : toUser(row);
    },

    update: async (id, { name, role, disabled, password }, { keepSession } = {}) => {
      const current = await prisma.user.findUnique({ where: { id } });
      if (current === null) throw notFound();
      const newName = name === undefined ? undefined : readName(name);
      if (role !== undefined && !isRole(role)) {
        throw new HedgerowError('INVALID', 'The role is unknown.', { field: ['role'] });
      }
      const hash =
        password === undefined
          ? undefined
          : await passwords.hash(await passwords.check(password, newName ?? current.name));
      return change(
        id,
        {
          ...(newName !== undefined && {
            name: newName,
            displayUsername: newName,
            username: nameKey(newName),
          }),
          ...(role !== undefined && { role }),
          ...(disabled === false && { disabledAt: null }),
          ...(disabled === true && { disabledAt: current.disabledAt ?? new Date(now()) }),
        },
        hash,
        keepSession,
      );
    },

    hasPassword: async (id, password) => {
      if (password.length > PASSWORD_MAX) return false;
      const account = await prisma.account.findFirst({ where: { userId: id, providerId: 'credential' } });
      return (
        account !== null &&
        account.password !== null &&
        (await passwords.verify({ hash: account.password, password }))
      );
    },

    disable: (id) => users.update(id, { disabled: true }),
    enable: (id) => users.update(id, { disabled: false }),

    resetPassword: async (id, password) => {
      if (password !== undefined) return { user: await users.update(id, { password }), passwordPath: null };
      const user = await change(id, {}, await passwords.hash(randomBytes(32).toString('hex')));
      return { user, passwordPath: await issueLink(id) };
    },

    setPasswordByLink: async ({ token, password }) => {
      const link =
        typeof token === 'string'
          ? await prisma.verification.findFirst({
              where: {
                value: hashSecret(token),
                identifier: { startsWith: LINK_PREFIX },
                expiresAt: { gt: new Date(now()) },
              },
            })
          : null;
      const id = link?.identifier.slice(LINK_PREFIX.length);
      const user = id === undefined ? null : await prisma.user.findUnique({ where: { id } });
      if (link === null || user === null || user.disabledAt !== null) throw deadLink();
      const hash = await passwords.hash(await passwords.check(password, user.name));
      // Whoever deletes the row has the link; a second one finds nothing to delete.
      const taken = await prisma.verification.deleteMany({ where: { id: link.id } });
      if (taken.count !== 1) throw deadLink();
      return change(user.id, {}, hash);
    },
  };
  return users;
}

interface UserRowChanges {
  name?: string;
  displayUsername?: string;
  username?: string;
  role?: string;
  disabledAt?: Date | null;
}

export interface UserRow {
  id: string;
  name: string;
  role: string;
  disabledAt: Date | null;
  createdAt: Date;
}

/** The rows that better-auth expects of somebody who signs in with a password. */
export async function insertUser(
  transaction: Prisma.TransactionClient,
  { name, role, passwordHash }: { name: string; role: Role; passwordHash: string },
): Promise<UserRow> {
  const id = newAccessId('user');
  return transaction.user.create({
    data: {
      id,
      name,
      username: nameKey(name),
      displayUsername: name,
      // better-auth wants an address for everybody; `.invalid` is nobody's (RFC 2606).
      email: `${id}@users.invalid`,
      role,
      accounts: {
        create: {
          id: newAccessId('account'),
          accountId: id,
          providerId: 'credential',
          password: passwordHash,
        },
      },
    },
  });
}

export function toUser(row: UserRow): User {
  return {
    id: row.id,
    name: row.name,
    // A role that this version does not know gives the least.
    role: isRole(row.role) ? row.role : 'VIEWER',
    disabledAt: row.disabledAt,
    createdAt: row.createdAt,
  };
}

/** Says Prisma's conflicts in words. */
export async function translating<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'P2002') {
      throw new HedgerowError('CONFLICT', 'This name is taken.', { field: ['name'], cause: error });
    }
    if (code === 'P2034') {
      throw new HedgerowError('CONFLICT', 'Somebody else changed this at the same moment; try again.', {
        cause: error,
      });
    }
    throw error;
  }
}

async function requireAdmin(transaction: Prisma.TransactionClient): Promise<void> {
  const left = await transaction.user.count({ where: { role: 'ADMIN', disabledAt: null } });
  if (left === 0) throw new HedgerowError('CONFLICT', 'The last admin has to stay one.');
}

function isActiveAdmin(row: { role: string; disabledAt: Date | null }): boolean {
  return row.role === 'ADMIN' && row.disabledAt === null;
}

const LINK_PREFIX = 'set-password:';

function linkIdentifier(userId: string): string {
  return `${LINK_PREFIX}${userId}`;
}

function deadLink(): HedgerowError {
  return new HedgerowError('NOT_FOUND', 'This link was used already, or has expired. Ask for a new one.');
}

function notFound(): HedgerowError {
  return new HedgerowError('NOT_FOUND', 'There is no such account.');
}
