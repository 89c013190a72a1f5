/** Sessions of browsers: looked up at every request, ended by their owner, by time, or with the account. */

import { LRUCache } from 'lru-cache';
import type { Database } from '../database/database.ts';
import { type Sql, sql } from '../database/sql.ts';
import { HedgerowError } from '../lib/errors.ts';
import { hashSecret } from './secrets.ts';
import { milliseconds } from './sql-time.ts';
import { isRole, type Role, type SessionViewer, scopesOf } from './viewer.ts';

/** Days until a session ends, however much it is used. */
export const SESSION_DAYS = 30;
/** Days without a request after which it ends. */
export const SESSION_IDLE_DAYS = 7;
const DAY = 86_400_000;
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
  /** A person's living sessions, the latest seen first. */
  list(userId: string): Promise<Session[]>;
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
}

export function createSessions({ database, now }: SessionsOptions): Sessions {
  const { prisma } = database;
  const noted = new LRUCache<string, number>({ max: 10_000 });

  const living = () => ({
    createdAt: { gt: new Date(now() - SESSION_DAYS * DAY) },
    updatedAt: { gt: new Date(now() - SESSION_IDLE_DAYS * DAY) },
  });

  /** A note that fails (a full disk) does not turn the request away. */
  const noteSeen = async (id: string, seen: number): Promise<void> => {
    const at = now();
    if (at - Math.max(seen, noted.get(id) ?? 0) < SEEN_NOTED_EVERY) return;
    noted.set(id, at);
    await prisma.session.updateMany({ where: { id }, data: { updatedAt: new Date(at) } }).catch(() => {});
  };

  return {
    viewer: async (token) => {
      const row = await findByToken(database.read, token);
      if (row === undefined || Number(row.disabled) === 1) return null;
      const at = now();
      if (at >= row.created + SESSION_DAYS * DAY || at >= row.seen + SESSION_IDLE_DAYS * DAY) return null;
      await noteSeen(row.id, row.seen);
      const role: Role = isRole(row.userRole) ? row.userRole : 'VIEWER';
      return {
        via: 'session',
        sessionId: row.id,
        user: { id: row.userId, name: row.userName, role },
        role,
        scopes: scopesOf(role),
      };
    },

    list: async (userId) => {
      const rows = await prisma.session.findMany({
        where: { userId, ...living() },
        orderBy: [{ updatedAt: 'desc' }, { id: 'asc' }],
      });
      return rows.map(({ id, userAgent, ipAddress, createdAt, updatedAt }) => ({
        id,
        userAgent: userAgent || null,
        address: ipAddress || null,
        createdAt,
        lastSeenAt: updatedAt,
      }));
    },

    end: async (id, owner) => {
      const ended = await prisma.session.deleteMany({
        where: owner === undefined ? { id } : { id, userId: owner.userId },
      });
      if (ended.count === 0) throw new HedgerowError('NOT_FOUND', 'There is no such session.');
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
  userId: string;
  userName: string;
  userRole: string;
  disabled: number | boolean;
}

/** One prepared query for each request, and no cache: an account that is disabled is so at once, in every process. */
function findByToken(database: Sql, token: string): Promise<SessionRow | undefined> {
  return database.get<SessionRow>(sql`
    SELECT s.id, ${milliseconds(database, 's.created_at')} AS created, ${milliseconds(database, 's.updated_at')} AS seen,
      u.id AS "userId", u.name AS "userName", u.role AS "userRole", u.disabled_at IS NOT NULL AS disabled
    FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token = ${hashSecret(token)}`);
}
