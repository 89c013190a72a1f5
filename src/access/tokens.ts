import { timingSafeEqual } from 'node:crypto';
/** API tokens: for programs, narrowed by scopes, shown once and kept by their hash. */

import type { Database } from '../database/database.ts';
import { type Sql, type Statement, sql } from '../database/sql.ts';
import { displayLine, fitsCodePoints } from '../lib/display-text.ts';
import { entriesCache } from '../lib/entries-cache.ts';
import { HedgerowError } from '../lib/errors.ts';
import { digestOf, hashSecret, newAccessId, newSecret } from './secrets.ts';
import { milliseconds } from './sql-time.ts';
import {
  isRole,
  isTokenScope,
  type Role,
  scopesOf,
  TOKEN_SCOPES,
  type TokenScope,
  type TokenViewer,
} from './viewer.ts';

export const TOKEN_PREFIX = 'hedgerow_api_';
/** Characters of a token that stay visible, to tell tokens apart. 36 of its 256 bits. */
const SHOWN = TOKEN_PREFIX.length + 6;
/** Characters of the shortest token that the environment may set. */
export const ADMIN_TOKEN_MIN = 32;
/** Ms between two notes of when a token was last used: a write for each request would be most of its cost. */
const USE_NOTED_EVERY = 60_000;

export interface ApiToken {
  readonly id: string;
  readonly name: string;
  /** How it begins. */
  readonly prefix: string;
  readonly scopes: readonly TokenScope[];
  readonly userId: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
}

export interface NewApiToken {
  name: string;
  scopes: readonly TokenScope[];
  /** Whose it is; it never does more than that person's role. Without one it belongs to the instance. */
  userId?: string | undefined;
  expiresAt?: Date | undefined;
}

export interface ApiTokens {
  /** @throws HedgerowError INVALID, NOT_FOUND (the person), FORBIDDEN (a scope beyond the person's role) */
  create(token: NewApiToken): Promise<{ apiToken: ApiToken; token: string }>;
  /** The newest first; revoked ones only where asked for. `userId` null: those of the instance itself. */
  /** Living ones of several people, by their ids, the newest first. */
  listOf(userIds: readonly string[]): Promise<Map<string, ApiToken[]>>;
  list(filter?: { userId?: string | null | undefined; revoked?: boolean }): Promise<ApiToken[]>;
  find(id: string): Promise<ApiToken | null>;
  /**
   * Takes effect with the next request. Revoking twice changes nothing.
   *
   * @param owner where given, only a token of this person is found
   * @throws HedgerowError NOT_FOUND
   */
  revoke(id: string, owner?: { userId: string }): Promise<ApiToken>;
  /** Who sends this token; null where it is not, or no longer, valid. */
  viewer(token: string): Promise<TokenViewer | null>;
  /** Names the token behind a viewer, without being a way in. */
  referenceOf(viewer: TokenViewer): string;
  /** The viewer behind a reference as it stands now; notes no use. */
  byReference(reference: string): Promise<TokenViewer | null>;
}

export interface ApiTokensOptions {
  database: Pick<Database, 'prisma' | 'read' | 'dialect'>;
  now: () => number;
  adminToken?: string | undefined;
  serviceToken?: string | undefined;
  /** A token was revoked. */
  onRevoke?: () => void;
}

export function createApiTokens(options: ApiTokensOptions): ApiTokens {
  const { database, now, onRevoke = () => {} } = options;
  const { prisma } = database;
  const standing = standingTokens(options).map(({ id, value }) => ({
    id,
    reference: `${id}.${hashSecret(value).slice(0, 16)}`,
    digest: digestOf(value),
  }));
  const noted = entriesCache<string, number>(10_000);

  /** A note that fails (a full disk) does not turn the request away. */
  const noteUse = async (id: string, lastUsedAt: number | null): Promise<void> => {
    const at = now();
    if (at - Math.max(lastUsedAt ?? 0, noted.get(id) ?? 0) < USE_NOTED_EVERY) return;
    noted.set(id, at);
    await prisma.apiToken.updateMany({ where: { id }, data: { lastUsedAt: new Date(at) } }).catch(() => {});
  };

  const isGood = (row: TokenRow): boolean =>
    Number(row.revoked) !== 1 && Number(row.disabled) !== 1 && (row.expires === null || row.expires > now());

  return {
    create: async ({ name: wanted, scopes, userId, expiresAt }) => {
      const name = displayLine(wanted).trim();
      if (name === '' || !fitsCodePoints(name, 100)) {
        throw new HedgerowError('INVALID', 'The name of a token has 1 to 100 characters.', {
          field: ['name'],
        });
      }
      if (scopes.length === 0 || !scopes.every(isTokenScope)) {
        throw new HedgerowError('INVALID', `A token has one or more of ${TOKEN_SCOPES.join(', ')}.`, {
          field: ['scopes'],
        });
      }
      if (expiresAt !== undefined && !(expiresAt.getTime() > now())) {
        throw new HedgerowError('INVALID', 'The end of a token lies in the future.', {
          field: ['expiresAt'],
        });
      }
      if (userId !== undefined) {
        const user = await prisma.user.findUnique({ where: { id: userId } });
        if (user === null) throw new HedgerowError('NOT_FOUND', 'There is no such account.');
        const allowed = scopesOf(isRole(user.role) ? user.role : 'VIEWER');
        const beyond = scopes.find((scope) => !allowed.includes(scope));
        if (beyond !== undefined) {
          throw new HedgerowError('FORBIDDEN', `The scope ${beyond} goes beyond the role ${user.role}.`, {
            field: ['scopes'],
          });
        }
      }
      const token = `${TOKEN_PREFIX}${newSecret()}`;
      const row = await prisma.apiToken.create({
        data: {
          id: newAccessId('token'),
          name,
          prefix: token.slice(0, SHOWN),
          hash: hashSecret(token),
          scopes: TOKEN_SCOPES.filter((scope) => scopes.includes(scope)).join(' '),
          userId: userId ?? null,
          expiresAt: expiresAt ?? null,
          createdAt: new Date(now()),
        },
      });
      return { apiToken: toApiToken(row), token };
    },

    list: async ({ userId, revoked = false } = {}) => {
      const rows = await prisma.apiToken.findMany({
        where: { ...(userId !== undefined && { userId }), ...(!revoked && { revokedAt: null }) },
        orderBy: [{ createdAt: 'desc' }, { id: 'asc' }],
      });
      return rows.map(toApiToken);
    },

    listOf: async (userIds) => {
      const rows = await prisma.apiToken.findMany({
        where: { userId: { in: [...userIds] }, revokedAt: null },
        orderBy: [{ createdAt: 'desc' }, { id: 'asc' }],
      });
      const byUser = new Map(userIds.map((id): [string, ApiToken[]] => [id, []]));
      for (const row of rows) byUser.get(row.userId ?? '')?.push(toApiToken(row));
      return byUser;
    },

    find: async (id) => {
      const row = await prisma.apiToken.findUnique({ where: { id } });
      return row === null ? null : toApiToken(row);
    },

    revoke: async (id, owner) => {
      const where = owner === undefined ? { id } : { id, userId: owner.userId };
      await prisma.apiToken.updateMany({
        where: { ...where, revokedAt: null },
        data: { revokedAt: new Date(now()) },
      });
      const row = await prisma.apiToken.findFirst({ where });
      if (row === null) throw new HedgerowError('NOT_FOUND', 'There is no such token.');
      onRevoke();
      return toApiToken(row);
    },

    viewer: async (token) => {
      const digest = digestOf(token);
      const known = standing.find((each) => timingSafeEqual(each.digest, digest));
      if (known !== undefined) return standingViewer(known.id);
      if (!token.startsWith(TOKEN_PREFIX)) return null;
      const row = await findRow(database.read, sql`t.hash = ${digest.toString('hex')}`);
      if (row === undefined || !isGood(row)) return null;
      await noteUse(row.id, row.used);
      return toViewer(row);
    },

    referenceOf: ({ tokenId }) => {
      const known = standing.find(({ id }) => id === tokenId);
      // Another token under the same name, after a restart say, is another one.
      return known?.reference ?? tokenId;
    },

    byReference: async (reference) => {
      const known = standing.find((one) => one.reference === reference);
      if (known !== undefined) return standingViewer(known.id);
      const row = await findRow(database.read, sql`t.id = ${reference}`);
      return row === undefined || !isGood(row) ? null : toViewer(row);
    },
  };
}

function standingViewer(id: string): TokenViewer {
  return { via: 'token', tokenId: id, user: null, role: 'ADMIN', scopes: TOKEN_SCOPES };
}

/** Tokens behind which no row stands: of the environment, and of the terminal on the same machine. */
function standingTokens({ adminToken, serviceToken }: ApiTokensOptions): { id: string; value: string }[] {
  if (adminToken !== undefined && adminToken.length < ADMIN_TOKEN_MIN) {
    throw new HedgerowError(
      'INVALID',
      `HEDGEROW_ADMIN_TOKEN has ${adminToken.length} characters; at least ${ADMIN_TOKEN_MIN} are needed.`,
    );
  }
  return [
    { id: 'service', value: serviceToken },
    { id: 'environment', value: adminToken },
  ].filter(
    (token): token is { id: string; value: string } => token.value !== undefined && token.value !== '',
  );
}

interface TokenRow {
  id: string;
  scopes: string;
  expires: number | null;
  used: number | null;
  revoked: number | boolean;
  userId: string | null;
  userName: string | null;
  userRole: string | null;
  disabled: number | boolean;
}

/** One prepared query for each request, and no cache: what is revoked or disabled is so at once, in every process. */
function findRow(database: Sql, where: Statement): Promise<TokenRow | undefined> {
  return database.get<TokenRow>(sql`
    SELECT t.id, t.scopes, ${milliseconds(database, 't.expires_at')} AS expires,
      ${milliseconds(database, 't.last_used_at')} AS used, t.revoked_at IS NOT NULL AS revoked,
      u.id AS "userId", u.name AS "userName", u.role AS "userRole", u.disabled_at IS NOT NULL AS disabled
    FROM api_tokens t LEFT JOIN users u ON u.id = t.user_id WHERE ${where}`);
}

function toViewer(row: TokenRow): TokenViewer {
  const scopes = row.scopes.split(' ').filter(isTokenScope);
  if (row.userId === null) {
    return { via: 'token', tokenId: row.id, user: null, role: roleOf(scopes), scopes };
  }
  const role: Role = isRole(row.userRole) ? row.userRole : 'VIEWER';
  // Whoever was demoted since has tokens that are demoted too.
  const left = scopes.filter((scope) => scopesOf(role).includes(scope));
  return {
    via: 'token',
    tokenId: row.id,
    user: { id: row.userId, name: row.userName ?? '', role },
    role: roleOf(left),
    scopes: left,
  };
}

/** The role that the scopes amount to: an admin's token that only reads is no admin. */
function roleOf(scopes: readonly TokenScope[]): Role {
  if (scopes.includes('ADMIN')) return 'ADMIN';
  return scopes.includes('LIBRARY_WRITE') ? 'EDITOR' : 'VIEWER';
}

interface ApiTokenRow {
  id: string;
  name: string;
  prefix: string;
  scopes: string;
  userId: string | null;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

function toApiToken(row: ApiTokenRow): ApiToken {
  const { id, name, prefix, userId, createdAt, expiresAt, lastUsedAt, revokedAt } = row;
  const scopes = row.scopes.split(' ').filter(isTokenScope);
  return { id, name, prefix, scopes, userId, createdAt, expiresAt, lastUsedAt, revokedAt };
}
