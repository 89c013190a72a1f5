/**
 * better-auth, set up for this project: it checks passwords, opens sessions and writes their cookies. None of its
 * own HTTP routes is exposed.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { prismaAdapter } from 'better-auth/adapters/prisma';
import { APIError } from 'better-auth/api';
import { betterAuth } from 'better-auth/minimal';
import { username } from 'better-auth/plugins/username';
import type { Database } from '../database/database.ts';
import { HedgerowError } from '../lib/errors.ts';
import { cookieValue } from './cookies.ts';
import { hashingSessions } from './hashed-sessions.ts';
import { NAME_MAX, nameKey } from './names.ts';
import type { Passwords } from './passwords.ts';
import { type AccessIdPrefix, newAccessId, sameSecret } from './secrets.ts';
import { SESSION_DAYS } from './sessions.ts';

export interface AuthenticationOptions {
  database: Database;
  secret: Uint8Array;
  publicUrl: URL;
  passwords: Passwords;
}

export interface OpenedSession {
  /** The value that the cookie carries; the row is found by its hash. */
  token: string;
  setCookie: string[];
}

export interface Authentication {
  /**
   * @param credentials `admit` is asked once the password was right, before there is a session; what it throws ends the
   *   sign-in, and is thrown
   * @throws HedgerowError UNAUTHENTICATED, in the same words whatever was wrong.
   */
  open(credentials: {
    name: string;
    password: string;
    address: string;
    userAgent: string | undefined;
    admit: Admit;
  }): Promise<OpenedSession>;
  /** What makes the browser keep a session's token. @param maxAge seconds */
  setCookie(token: string, maxAge: number): string[];
  /** Ends the session of the cookie, and answers what makes the browser forget it. */
  close(headers: IncomingHttpHeaders): Promise<string[]>;
  /** The session token in the cookie, where the cookie was signed by this instance; else undefined. */
  tokenOf(headers: IncomingHttpHeaders): string | undefined;
}

type Admit = (userId: string) => Promise<void>;

/** Only we fill it in, so no client can choose the address that its session is listed under. */
const ADDRESS_HEADER = 'x-hedgerow-client-address';

export function createAuthentication(options: AuthenticationOptions): Authentication {
  const secret = Buffer.from(options.secret).toString('base64url');
  const admissions = new AsyncLocalStorage<Admit>();
  const auth = configure(options, secret, admissions);
  const secure = options.publicUrl.protocol === 'https:';
  const cookieName = `${secure ? '__Secure-' : ''}${cookiePrefix(options.secret)}.session_token`;

  return {
    open: async ({ name, password, address, userAgent, admit }) => {
      const headers = new Headers({ [ADDRESS_HEADER]: address });
      if (userAgent !== undefined) headers.set('user-agent', headerSafe(userAgent));
      try {
        const answer = await admissions.run(admit, () =>
          auth.api.signInUsername({
            body: { username: name, password },
            headers,
            returnHeaders: true,
          }),
        );
        if (answer.response === null) throw wrongCredentials();
        return { token: answer.response.token, setCookie: answer.headers.getSetCookie() };
      } catch (error) {
        throw error instanceof APIError && error.statusCode < 500 ? wrongCredentials() : error;
      }
    },

    setCookie: (token, maxAge) => {
      const value = encodeURIComponent(`${token}.${signatureOf(token, secret)}`);
      const attributes = [`Max-Age=${maxAge}`, `Path=${cookiePath(options.publicUrl)}`, 'HttpOnly'];
      if (secure) attributes.push('Secure');
      return [`${cookieName}=${value}; ${attributes.join('; ')}; SameSite=Lax`];
    },

    close: async (headers) => {
      const answer = await auth.api.signOut({
        headers: new Headers({ cookie: headers.cookie ?? '' }),
        returnHeaders: true,
      });
      return answer.headers.getSetCookie().filter((cookie) => cookie.startsWith(`${cookieName}=`));
    },

    tokenOf: (headers) => {
      const value = cookieValue(headers.cookie, cookieName);
      return value === undefined ? undefined : openSigned(value, secret);
    },
  };
}

export function wrongCredentials(): HedgerowError {
  return new HedgerowError('UNAUTHENTICATED', 'The name or the password is wrong.');
}

function configure(
  { database, publicUrl, passwords, secret }: AuthenticationOptions,
  key: string,
  admissions: AsyncLocalStorage<Admit>,
) {
  return betterAuth({
    appName: 'Hedgerow',
    baseURL: publicUrl.origin,
    secret: key,
    database: hashingSessions(prismaAdapter(database.prisma, { provider: database.dialect })),
    telemetry: { enabled: false },
    // It would log names of people who mistype; what happened is said by our own errors.
    logger: { disabled: true },
    // Nobody signs up here, or in by an address: names come by the plugin below.
    emailAndPassword: { enabled: false, password: passwords },
    session: { expiresIn: SESSION_DAYS * 86_400 },
    databaseHooks: {
      session: {
        create: {
          before: async (session) => {
            // After the password was checked, so that whether an account is disabled shows to its owner at most.
            const user = await database.prisma.user.findUnique({ where: { id: session.userId } });
            if (user === null || user.disabledAt !== null) throw wrongCredentials();
            await admissions.getStore()?.(user.id);
          },
        },
      },
    },
    plugins: [
      username({
        minUsernameLength: 1,
        maxUsernameLength: NAME_MAX * 4,
        usernameValidator: () => true,
        usernameNormalization: nameKey,
      }),
    ],
    advanced: {
      useSecureCookies: publicUrl.protocol === 'https:',
      cookiePrefix: cookiePrefix(secret),
      defaultCookieAttributes: { httpOnly: true, sameSite: 'lax', path: cookiePath(publicUrl) },
      ipAddress: { ipAddressHeaders: [ADDRESS_HEADER] },
      database: { generateId: ({ model }) => newAccessId(model as AccessIdPrefix) },
    },
  });
}

/**
 * Cookies know no ports: two instances on one machine would sign each other's people out if their cookies had one
 * name. So it carries a mark of the instance.
 */
export function cookiePrefix(secret: Uint8Array): string {
  return `hedgerow_${createHmac('sha256', secret).update('cookie name').digest('hex').slice(0, 8)}`;
}

function cookiePath(publicUrl: URL): string {
  return publicUrl.pathname.replace(/\/+$/, '') || '/';
}

/**
 * What better-auth signed: `<token>.<HMAC-SHA-256 in base64>`, URL-encoded. Read here and not by its getSession,
 * since every picture that a page shows asks who is looking: this and one prepared query cost a tenth of it.
 */
function openSigned(value: string, secret: string): string | undefined {
  let text: string;
  try {
    text = decodeURIComponent(value);
  } catch {
    return undefined;
  }
  const dot = text.lastIndexOf('.');
  if (dot < 1) return undefined;
  const token = text.slice(0, dot);
  return sameSecret(text.slice(dot + 1), signatureOf(token, secret)) ? token : undefined;
}

function signatureOf(token: string, secret: string): string {
  return createHmac('sha256', secret).update(token).digest('base64');
}

/** A header value that `Headers` takes, of a length worth keeping. */
function headerSafe(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '').slice(0, 300);
}
