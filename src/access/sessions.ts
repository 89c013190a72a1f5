/** Sessions of browsers: looked up at every request, ended by their owner, by time, or with the account. */

import { createHmac } from 'node:crypto';
import type { Database } from '../database/database.ts';
import { raw, type Sql, sql } from '../database/sql.ts';
import { entriesCache } from '../lib/entries-cache.ts';
import { HedgerowError } from '../lib/errors.ts';
import { hashSecret, newAccessId, newSecret } from './secrets.ts';
import { milliseconds } from './sql-time.ts';
import { isRole, type Role, type SessionViewer, scopesOf } from './viewer.ts';

/** Days until a session ends, however much it is used. */
export const SESSION_DAYS = 30;
/** Days without a request after which it ends. */
export const SESSION_IDLE_DAYS = 7;
const DAY = 86_400_000;
/** Hours after which a browser's token is exchanged for a new one, so that one that was copied is soon worth nothing. */
export const RENEW_AFTER_HOURS = 24;
const HOUR = 3_600_000;
/** Ms for which the token before is good once the new one was used: requests of the same page are under way still. */
const RENEWAL_OVERLAP = 60_000;
/** Ms between two notes of when a session was last seen. */
const SEEN_NOTED_EVERY = 5 * 60_000;

export interface Session {
  readonly id: string;
  readonly userAgent: string | null;
  readonly address: string | null;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
}

export interface Sessions {
  /** Who is behind a session token; null where it is not, or no longer, valid. */
  viewer(token: string): Promise<SessionViewer | null>;
  /** The same by the session's id, for what was let in already; notes nothing. */
  find(id: string): Promise<SessionViewer | null>;
  /** Opens a session for a person who has proved elsewhere who he or she is. @throws HedgerowError FORBIDDEN: disabled */
  open(userId: string, from: { address: string; userAgent: string | undefined }): Promise<string>;
  /** Whether `renew` has to be asked: it is due, or not known yet whether it is. */
  mayRenew(token: string): boolean;
  /**
   * The token that the browser should have from now on; null where the one that it has is still good. The earlier one
   * is good until the new one is used: an answer that is lost signs nobody out. Used after that it was copied, and the
   * session ends.
   */
  renew(token: string): Promise<string | null>;
  /** Ends the session of a token, if there is one. */
  close(token: string): Promise<void>;
  /** A person's living sessions, the latest seen first. */
  list(userId: string): Promise<Session[]>;
  /** The same of several people, by their ids. */
  listOf(userIds: readonly string[]): Promise<Map<string, Session[]>>;
  /**
   * @param owner where given, only a session of this person is found
   * @throws HedgerowError NOT_FOUND
   */
  end(id: string, owner?: { userId: string }): Promise<void>;
  /** Removes what has ended by time. */
  sweep(): Promise<void>;
}

export interface SessionsOptions {
  database: Pick<Database, 'prisma' | 'read'>;
  now: () => number;
  /** 32 bytes, for the tokens that follow upon each other. */
  renewalKey: Uint8Array;
  /** A session was ended by somebody. */
  onEnd?: () => void;
}

export function createSessions({ database, now, renewalKey, onEnd = () => {} }: SessionsOptions): Sessions {
  const { prisma } = database;
  const noted = entriesCache<string, number>(10_000);
  /** Until when a token need not be looked at for renewal. */
  const renewals = entriesCache<string, number>(10_000);

  const listOf = async (userIds: readonly string[]): Promise<Map<string, Session[]>> => {
    const rows = await prisma.session.findMany({
      where: { userId: { in: [...userIds] }, ...living() },
      orderBy: [{ updatedAt: 'desc' }, { id: 'asc' }],
    });
    const byUser = new Map(userIds.map((id): [string, Session[]] => [id, []]));
    for (const { id, userId, userAgent, ipAddress, createdAt, updatedAt } of rows) {
      byUser.get(userId)?.push({
        id,
        userAgent: userAgent || null,
        address: ipAddress || null,
        createdAt,
        lastSeenAt: updatedAt,
      });
    }
    return byUser;
  };
  const living = () => ({
    createdAt: { gt: new Date(now() - SESSION_DAYS * DAY) },
    updatedAt: { gt: new Date(now() - SESSION_IDLE_DAYS * DAY) },
  });

  const mayRenew = (token: string): boolean => now() >= (renewals.get(token) ?? 0);

  /** A note that fails (a full disk) does not turn the request away. */
  const noteSeen = async (id: string, seen: number): Promise<void> => {
    const at = now();
    if (at - Math.max(seen, noted.get(id) ?? 0) < SEEN_NOTED_EVERY) return;
    noted.set(id, at);
    await prisma.session.updateMany({ where: { id }, data: { updatedAt: new Date(at) } }).catch(() => {});
  };

  /** The next token is made of the one before, so that it can be told twice though only its hash is kept. */
  const after = (token: string): string => createHmac('sha256', renewalKey).update(token).digest('base64url');

  const alive = (row: SessionRow): boolean => {
    const at = now();
    return (
      Number(row.disabled) !== 1 &&
      at < row.created + SESSION_DAYS * DAY &&
      at < row.seen + SESSION_IDLE_DAYS * DAY
    );
  };

  const endById = async (id: string): Promise<void> => {
    await prisma.session.deleteMany({ where: { id } });
    onEnd();
  };

  return {
    viewer: async (token) => {
      const row = await findByToken(database.read, token);
      if (row === undefined || !alive(row)) return null;
      if (Number(row.earlier) === 1) {
        if (row.renewalUsed !== null && now() >= row.renewalUsed + RENEWAL_OVERLAP) {
          // Two hold this session. Which of them is the owner cannot be told; he or she signs in again.
          await endById(row.id);
          return null;
        }
      } else if (row.renewed !== null && row.renewalUsed === null) {
        await prisma.session.updateMany({
          where: { id: row.id, renewalUsedAt: null },
          data: { renewalUsedAt: new Date(now()) },
        });
      }
      await noteSeen(row.id, row.seen);
      return toViewer(row);
    },

    find: async (id) => {
      const row = await findById(database.read, id);
      return row === undefined || !alive(row) ? null : toViewer(row);
    },

    open: async (userId, { address, userAgent }) => {
      const user = await prisma.user.findUnique({ where: { id: userId } });
      if (user === null || user.disabledAt !== null) {
        throw new HedgerowError('FORBIDDEN', 'This account is disabled.');
      }
      const token = newSecret();
      const at = new Date(now());
      await prisma.session.create({
        data: {
          id: newAccessId('session'),
          token: hashSecret(token),
          userId,
          ipAddress: address,
          userAgent: userAgent?.replace(/[^\x20-\x7e]/g, '').slice(0, 300) ?? '',
          expiresAt: new Date(now() + SESSION_DAYS * DAY),
          createdAt: at,
          updatedAt: at,
        },
      });
      return token;
    },

    mayRenew,

    renew: async (token) => {
      const at = now();
      if (!mayRenew(token)) return null;
      const row = await findByToken(database.read, token);
      if (row === undefined || !alive(row)) return null;
      const next = after(token);
      // It was exchanged already, and the answer that said so may have been lost.
      if (Number(row.earlier) === 1) return next;
      const due = Math.max(row.created, row.renewed ?? 0) + RENEW_AFTER_HOURS * HOUR;
      if (at < due) {
        renewals.set(token, due);
        return null;
      }
      const hash = hashSecret(token);
      await prisma.session.updateMany({
        where: { id: row.id, token: hash },
        data: {
          token: hashSecret(next),
          previousToken: hash,
          renewedAt: new Date(at),
          renewalUsedAt: null,
        },
      });
      return next;
    },

    close: async (token) => {
      const hash = hashSecret(token);
      await prisma.session.deleteMany({ where: { OR: [{ token: hash }, { previousToken: hash }] } });
      onEnd();
    },

    list: async (userId) => (await listOf([userId])).get(userId) ?? [],

    listOf,

    end: async (id, owner) => {
      const ended = await prisma.session.deleteMany({
        where: owner === undefined ? { id } : { id, userId: owner.userId },
      });
      if (ended.count === 0) throw new HedgerowError('NOT_FOUND', 'There is no such session.');
      onEnd();
    },

    sweep: async () => {
      await prisma.session.deleteMany({ where: { NOT: living() } });
      await prisma.verification.deleteMany({ where: { expiresAt: { lte: new Date(now()) } } });
    },
  };
}

interface SessionRow {
  id: string;
  created: number;
  seen: number;
  /** Whether it was found by the token before the last renewal. */
  earlier: number | boolean | null;
  renewed: number | null;
  renewalUsed: number | null;
  userId: string;
  userName: string;
  userRole: string;
  disabled: number | boolean;
}

/** One prepared query for each request, and no cache: an account that is disabled is so at once, in every process. */
function findByToken(database: Sql, token: string): Promise<SessionRow | undefined> {
  const hash = hashSecret(token);
  return database.get<SessionRow>(
    sql`${selection(database)}, s.previous_token = ${hash} AS earlier ${FROM} WHERE s.token = ${hash} OR s.previous_token = ${hash}`,
  );
}

function findById(database: Sql, id: string): Promise<SessionRow | undefined> {
  return database.get<SessionRow>(sql`${selection(database)}, NULL AS earlier ${FROM} WHERE s.id = ${id}`);
}

const FROM = raw('FROM sessions s JOIN users u ON u.id = s.user_id');

function selection(database: Sql) {
  const at = (column: string) => milliseconds(database, column);
  return sql`
    SELECT s.id, ${at('s.created_at')} AS created, ${at('s.updated_at')} AS seen,
      ${at('s.renewed_at')} AS renewed, ${at('s.renewal_used_at')} AS "renewalUsed",
      u.id AS "userId", u.name AS "userName", u.role AS "userRole", u.disabled_at IS NOT NULL AS disabled`;
}

function toViewer(row: SessionRow): SessionViewer {
  const role: Role = isRole(row.userRole) ? row.userRole : 'VIEWER';
  return {
    via: 'session',
    sessionId: row.id,
    user: { id: row.userId, name: row.userName, role },
    role,
    scopes: scopesOf(role),
  };
}
