/** The door of this room: who is asking, who may sign in, and the accounts and tokens behind that. */

import type { IncomingHttpHeaders } from 'node:http';
import type { Database } from '../database/database.ts';
import { HedgerowError, isCode } from '../lib/errors.ts';
import { createAttempts, networkOf } from './attempts.ts';
import { createAuthentication, wrongCredentials } from './authentication.ts';
import { nameKey } from './names.ts';
import { createPasswords, PASSWORD_MAX, type Passwords } from './passwords.ts';
import { assertSameOrigin } from './same-origin.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { createSetup, type Setup } from './setup.ts';
import { type ApiTokens, createApiTokens } from './tokens.ts';
import { createUsers, type Users } from './users.ts';
import type { SessionViewer, Viewer } from './viewer.ts';

export interface AccessOptions {
  database: Database;
  /** 32 bytes derived from the master key: signs the cookies. */
  secret: Uint8Array;
  /** Where browsers reach the instance; its path is the cookies' path. */
  publicUrl: URL;
  /** Frontends of other sites that the owner trusts. */
  allowedOrigins?: readonly string[];
  /** Of the environment, for automation; every scope. */
  adminToken?: string | undefined;
  /** Made at this start, for the terminal on the same machine; every scope. */
  serviceToken?: string | undefined;
  /** Ms since 1970. */
  now?: () => number;
  passwords?: Passwords;
}

export interface SignIn {
  name: string;
  password: string;
  /** The client's, as the edge sees it. */
  address: string;
  userAgent?: string | undefined;
}

export interface Access {
  /**
   * Who is asking: by `Authorization: Bearer …`, else by session cookie; null is anonymous. A cookie that is
   * forged, or whose session has ended, is anonymous too, since the browser sends it unasked.
   *
   * @throws HedgerowError UNAUTHENTICATED where a bearer token is sent that is not valid
   */
  viewer(headers: IncomingHttpHeaders): Promise<Viewer | null>;
  /** @throws HedgerowError UNAUTHENTICATED, in the same words and time for unknown names, or RATE_LIMITED */
  signIn(credentials: SignIn): Promise<{ viewer: SessionViewer; setCookie: string[] }>;
  /** Ends the session, if there is one; answers the headers that make the browser forget it. */
  signOut(headers: IncomingHttpHeaders, address?: string): Promise<{ setCookie: string[] }>;
  /**
   * For every unsafe request that a cookie may authenticate, and for signing in.
   *
   * @throws HedgerowError FORBIDDEN where a browser says that another site's page makes it
   */
  assertSameOrigin(headers: IncomingHttpHeaders): void;
  readonly setup: Setup;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: ApiTokens;
}

/** @throws HedgerowError INVALID where the admin token is too short */
export async function createAccess(options: AccessOptions): Promise<Access> {
  const { database, publicUrl } = options;
  const now = options.now ?? Date.now;
  const passwords = options.passwords ?? createPasswords();
  const sessions = createSessions({ database, now });
  const tokens = createApiTokens({
    database,
    now,
    adminToken: options.adminToken,
    serviceToken: options.serviceToken,
  });
  const authentication = createAuthentication({ database, secret: options.secret, publicUrl, passwords });
  const attempts = createAttempts({ now, known: (name, address) => hasSession(database, name, address) });
  await sessions.sweep();

  return {
    viewer: async (headers) => {
      const bearer = bearerToken(headers);
      if (bearer !== undefined) {
        const viewer = await tokens.viewer(bearer);
        if (viewer === null) {
          throw new HedgerowError('UNAUTHENTICATED', 'The token is not valid: unknown, expired or revoked.');
        }
        return viewer;
      }
      const token = authentication.tokenOf(headers);
      return token === undefined ? null : sessions.viewer(token);
    },

    signIn: async ({ name, password, address, userAgent }) => {
      // No password of this length can be right, so it says nothing about whether the name is known.
      if (name.length > 4 * PASSWORD_MAX || password.length > PASSWORD_MAX) throw wrongCredentials();
      const attempt = await attempts.begin(nameKey(name), address);
      const { token, setCookie } = await authentication
        .open({ name, password, address, userAgent })
        .catch((error) => {
          // A full queue or a broken database is no guess.
          if (!isCode(error, 'UNAUTHENTICATED')) attempt.withdrawn();
          throw error;
        });
      const viewer = await sessions.viewer(token);
      if (viewer === null) throw wrongCredentials();
      attempt.succeeded();
      return { viewer, setCookie };
    },

    signOut: async (headers) => ({ setCookie: await authentication.close(headers) }),

    assertSameOrigin: (headers) =>
      assertSameOrigin(headers, { publicUrl, allowedOrigins: options.allowedOrigins ?? [] }),

    setup: createSetup({ database, passwords, now }),
    users: createUsers({ database, passwords, now }),
    sessions,
    tokens,
  };
}

/** A scheme other than Bearer is none of ours: a proxy before us may ask for Basic. */
function bearerToken(headers: IncomingHttpHeaders): string | undefined {
  return /^Bearer(?: +(.*))?$/i
    .exec(headers.authorization ?? '')
    ?.slice(1)
    .join('')
    .trim();
}

async function hasSession({ prisma }: Database, name: string, address: string): Promise<boolean> {
  const rows = await prisma.session.findMany({
    where: { user: { username: name } },
    select: { ipAddress: true },
    take: 100,
  });
  return rows.some((row) => row.ipAddress !== null && networkOf(row.ipAddress) === networkOf(address));
}
