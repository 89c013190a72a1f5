/** The first admin, who is made by a one-time link that only the server's own terminal shows. */

import type { Database } from '../database/database.ts';
import { HedgerowError } from '../lib/errors.ts';
import { readName } from './names.ts';
import type { Passwords } from './passwords.ts';
import { hashSecret, newAccessId, newSecret } from './secrets.ts';
import { insertUser, toUser, translating, type User } from './users.ts';

const IDENTIFIER = 'first-admin';
/** Days in which the link works; every start makes a new one. */
const LINK_DAYS = 7;

export interface Setup {
  /** True until there is an admin. */
  needed(): Promise<boolean>;
  /**
   * The link, relative to the public URL: `setup#token=…`. The token stands behind `#`, which browsers send to
   * nobody, so it is in no access log. Made at the first call; further calls answer the same.
   */
  link(): Promise<string>;
  /**
   * Works once: of two that come at the same time, one is the admin and the other is told CONFLICT.
   *
   * @throws HedgerowError FORBIDDEN (the link), CONFLICT (there is an admin), INVALID (name or password)
   */
  createAdmin(input: {
    token: unknown;
    name: unknown;
    password: unknown;
    /** The client's, for the audit. */
    address?: string;
  }): Promise<User>;
}

export interface SetupOptions {
  database: Pick<Database, 'prisma' | 'dialect'>;
  passwords: Passwords;
  now: () => number;
}

export function createSetup({ database: { prisma, dialect }, passwords, now }: SetupOptions): Setup {
  let link: Promise<string> | undefined;

  const hasAdmin = async (): Promise<boolean> =>
    (await prisma.user.findFirst({ where: { role: 'ADMIN' }, select: { id: true } })) !== null;

  /** Only the hash is kept; in the database, so that behind a load balancer any process knows it. */
  const makeLink = async (): Promise<string> => {
    const secret = newSecret();
    // SQLite has one server, whose earlier links end with it; on PostgreSQL others may have printed theirs.
    const ended = dialect === 'sqlite' ? {} : { expiresAt: { lte: new Date(now()) } };
    await prisma.verification.deleteMany({ where: { identifier: IDENTIFIER, ...ended } });
    await prisma.verification.create({
      data: {
        id: newAccessId('verification'),
        identifier: IDENTIFIER,
        value: hashSecret(secret),
        expiresAt: new Date(now() + LINK_DAYS * 86_400_000),
      },
    });
    return `setup#token=${secret}`;
  };

  return {
    needed: async () => !(await hasAdmin()),

    link: () => {
      link ??= makeLink();
      return link;
    },

    createAdmin: async ({ token, name: wanted, password }) => {
      // The cheap check first: a hash of a password is not to be had without the link.
      const known =
        typeof token === 'string' &&
        (await prisma.verification.findFirst({
          where: {
            identifier: IDENTIFIER,
            value: hashSecret(token),
            expiresAt: { gt: new Date(now()) },
          },
        })) !== null;
      if (!known) {
        throw new HedgerowError(
          'FORBIDDEN',
          'This link was used already, or a later start has replaced it. The newest one stands in the server’s log.',
        );
      }
      const name = readName(wanted);
      const passwordHash = await passwords.hash(await passwords.check(password, name));
      const row = await translating(() =>
        prisma.$transaction(
          async (transaction) => {
            const admin = await transaction.user.findFirst({ where: { role: 'ADMIN' } });
            if (admin !== null) throw new HedgerowError('CONFLICT', 'There is an admin already.');
            await transaction.verification.deleteMany({ where: { identifier: IDENTIFIER } });
            return insertUser(transaction, { name, role: 'ADMIN', passwordHash });
          },
          // Otherwise two could both see that there is none.
          { isolationLevel: 'Serializable' },
        ),
      );
      return toUser(row);
    },
  };
}
