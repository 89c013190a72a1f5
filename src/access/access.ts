/** The door of this room: who is asking, who may sign in, and the accounts and tokens behind that. */

import type { IncomingHttpHeaders } from 'node:http';
import type { Database } from '../database/database.ts';
import { databaseAway } from '../database/outage.ts';
import type { Processes } from '../database/processes.ts';
import type { SharedLimits } from '../database/shared-limits.ts';
import { sql } from '../database/sql.ts';
import { HedgerowError, isCode } from '../lib/errors.ts';
import { deriveKey } from '../lib/seal.ts';
import { createAttempts, networkOf } from './attempts.ts';
import { cookiePrefix, createAuthentication, wrongCredentials } from './authentication.ts';
import { createLately, type KnownLately } from './lately.ts';
import { createLimits, type Limits } from './limits.ts';
import { nameKey } from './names.ts';
import { createOidc, type Oidc, type OidcSettings } from './oidc.ts';
import { PASSWORD_MAX } from './password-policy.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { createPeople, type People } from './people.ts';
import { createRemembered } from './remembered.ts';
import { assertSameOrigin } from './same-origin.ts';
import { createSecondFactors, type Proof, type SecondFactors } from './second-factor.ts';
import { createSessions, SESSION_DAYS, type Sessions } from './sessions.ts';
import { createSetup, type Setup } from './setup.ts';
import { createSignedUrls, type SignedUrls } from './signed-urls.ts';
import { createStanding, type Standing } from './standing.ts';
import { type ApiTokens, createApiTokens } from './tokens.ts';
import { createUsers, type User, type Users } from './users.ts';
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
  passwords?: Passwords | undefined;
  /** Of the instance; empty where it has none. */
  instanceName?: (() => string) | undefined;
  /** Of one user or token. */
  requestsPerMinute?: number | undefined;
  oidc?: OidcSettings | null | undefined;
  /** Told when somebody's standing changes, and tells it; nobody unless told. */
  processes?: Pick<Processes, 'tell' | 'hear'> | undefined;
  /** Limits of all processes together; null where there is one. */
  shared?: SharedLimits | null | undefined;
}

export interface SignIn {
  name: string;
  password: string;
  /** Of the second factor, where the account has one. */
  code?: string | undefined;
  /** The client's, as the edge sees it. */
  address: string;
  userAgent?: string | undefined;
  /** Of the request: a session that the browser has already ends with this one. */
  headers?: IncomingHttpHeaders | undefined;
}

export interface ProviderAnswer {
  /** Of the callback's URL, with `?`. */
  query: string;
  headers: IncomingHttpHeaders;
  address: string;
  userAgent: string | undefined;
}

export interface KnownViewer {
  /** Null is anonymous. */
  viewer: Viewer | null;
  /** `renew` would have nothing to say. */
  settled: boolean;
}

const NOBODY: KnownViewer = { viewer: null, settled: true };

export interface Access {
  /**
   * Who is asking: by `Authorization: Bearer …`, else by session cookie; null is anonymous. A cookie that is
   * forged, or whose session has ended, is anonymous too, since the browser sends it unasked.
   *
   * @throws HedgerowError UNAUTHENTICATED where a bearer token is sent that is not valid
   */
  viewer(headers: IncomingHttpHeaders): Promise<Viewer | null>;
  /**
   * The same, of whoever asked within the last second at once.
   *
   * @param access - of the counters, as it stands (`Database.counters`)
   * @throws the same
   */
  viewerLately(headers: IncomingHttpHeaders, access: string): KnownViewer | Promise<KnownViewer>;
  /**
   * @returns `proof`: what was shown beside the password, where the account asks for it
   * @throws HedgerowError UNAUTHENTICATED, in the same words and time for unknown names; SECOND_FACTOR_REQUIRED or
   *   SECOND_FACTOR_REFUSED where the password is right and the code missing or wrong; RATE_LIMITED
   */
  signIn(credentials: SignIn): Promise<{ viewer: SessionViewer; setCookie: string[]; proof: Proof | null }>;
  /** Null where people sign in with a password alone. */
  readonly oidc: Oidc | null;
  /**
   * Opens a session for whoever comes back from the provider.
   *
   * @throws HedgerowError NOT_FOUND without a provider, and as `Oidc.finish` does
   */
  signInAtProvider(answer: ProviderAnswer): Promise<{ user: User; next: string; setCookie: string[] }>;
  /** Where the browser's token is due for renewal: the headers that give it the new one; else none. */
  renew(headers: IncomingHttpHeaders): Promise<string[]>;
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
  readonly secondFactors: SecondFactors;
  readonly sessions: Sessions;
  readonly tokens: ApiTokens;
  readonly people: People;
  readonly signedUrls: SignedUrls;
  readonly standing: Standing;
  readonly limits: Limits;
}

/** @throws HedgerowError INVALID where the admin token is too short */
export async function createAccess(options: AccessOptions): Promise<Access> {
  const { database, publicUrl } = options;
  const now = options.now ?? Date.now;
  const passwords = options.passwords ?? createPasswords({ instanceName: options.instanceName });
  const remembered = createRemembered(database.outage);
  const lately = createLately(now);
  const look = (): void => {
    remembered.forget();
    // Without an answer from the database the next look finds out.
    void standing.check().catch(() => {});
  };
  const trim = createTrim(database, now);
  const changed = (): void => {
    look();
    trim();
    options.processes?.tell('standing', '');
  };
  options.processes?.hear('standing', look);
  const sessions = createSessions({
    database,
    now,
    renewalKey: deriveKey(options.secret, 'hedgerow/session-renewal/1'),
    onEnd: changed,
  });
  const tokens = createApiTokens({
    database,
    now,
    adminToken: options.adminToken,
    serviceToken: options.serviceToken,
    onRevoke: changed,
  });
  const referenceOf = (viewer: Viewer): string =>
    viewer.via === 'session' ? viewer.sessionId : tokens.referenceOf(viewer);
  const viewerNow = (reference: string): Promise<Viewer | null> =>
    reference.startsWith('session_') ? sessions.find(reference) : tokens.byReference(reference);
  const standing = createStanding({ standing: viewerNow, referenceOf });
  const authentication = createAuthentication({ database, secret: options.secret, publicUrl, passwords });
  const { shared } = options;
  const attempts = createAttempts({
    now,
    known: (name, address) => hasSession(database, name, address),
    shared,
  });
  const users = createUsers({ database, passwords, now, onChange: changed });
  const secondFactors = createSecondFactors({
    database,
    key: deriveKey(options.secret, 'hedgerow/second-factor/1'),
    instanceName: () => options.instanceName?.() ?? 'Hedgerow',
    now,
    onChange: changed,
  });
  const oidc =
    options.oidc === undefined || options.oidc === null
      ? null
      : createOidc({
          settings: options.oidc,
          database,
          users,
          passwords,
          publicUrl,
          key: deriveKey(options.secret, 'hedgerow/oidc/1'),
          cookiePrefix: cookiePrefix(options.secret),
          now,
        });
  await sessions.sweep();

  const closeEarlier = async (headers: IncomingHttpHeaders | undefined): Promise<void> => {
    const token = headers === undefined ? undefined : authentication.tokenOf(headers);
    if (token !== undefined) await sessions.close(token);
  };

  const lookUp = async (headers: IncomingHttpHeaders): Promise<KnownLately | null> => {
    const bearer = bearerToken(headers);
    if (bearer !== undefined) {
      const viewer = await remembered.viewer(bearer, () => tokens.viewer(bearer));
      if (viewer === null) {
        throw new HedgerowError('UNAUTHENTICATED', 'The token is not valid: unknown, expired or revoked.');
      }
      return { viewer, token: undefined };
    }
    const token = authentication.tokenOf(headers);
    if (token === undefined) return null;
    const viewer = await remembered.viewer(token, () => sessions.viewer(token));
    return viewer === null ? null : { viewer, token };
  };

  return {
    viewer: async (headers) => (await lookUp(headers))?.viewer ?? null,

    viewerLately: (headers, access) => {
      if (headers.authorization === undefined && headers.cookie === undefined) return NOBODY;
      const told = (known: KnownLately | null): KnownViewer => {
        if (known === null) return NOBODY;
        const { viewer, token } = known;
        return { viewer, settled: token === undefined || !sessions.mayRenew(token) };
      };
      const found = lately.find(headers, access);
      if (found !== undefined) return told(found);
      return lookUp(headers).then((known) => {
        if (known !== null) lately.note(headers, known, access);
        return told(known);
      });
    },

    signIn: async ({ name, password, code, address, userAgent, headers }) => {
      // No password of this length can be right, so it says nothing about whether the name is known.
      if (name.length > 4 * PASSWORD_MAX || password.length > PASSWORD_MAX) throw wrongCredentials();
      const attempt = await attempts.begin(nameKey(name), address);
      let proof: Proof | null = null;
      const admit = async (userId: string): Promise<void> => {
        proof = await secondFactors.admit(userId, code);
      };
      const { token, setCookie } = await authentication
        .open({ name, password, address, userAgent, admit })
        .catch((error) => {
          // The library has words of its own for that.
          if (database.outage.state !== null) {
            attempt.withdrawn();
            throw databaseAway(error);
          }
          // A full queue or a broken database is no guess, and neither is a code that is still to come.
          if (!isCode(error, 'UNAUTHENTICATED', 'SECOND_FACTOR_REFUSED')) attempt.withdrawn();
          throw error;
        });
      const viewer = await sessions.viewer(token);
      if (viewer === null) throw wrongCredentials();
      attempt.succeeded();
      await closeEarlier(headers);
      return { viewer, setCookie, proof };
    },

    oidc,

    signInAtProvider: async ({ query, headers, ...from }) => {
      if (oidc === null) throw new HedgerowError('NOT_FOUND');
      const { user, next, setCookie } = await oidc.finish(query, headers);
      const token = await sessions.open(user.id, from);
      await closeEarlier(headers);
      return {
        user,
        next,
        setCookie: [...setCookie, ...authentication.setCookie(token, SESSION_DAYS * 86_400)],
      };
    },

    renew: async (headers) => {
      const token = authentication.tokenOf(headers);
      const next = token === undefined ? null : await sessions.renew(token);
      return next === null ? [] : authentication.setCookie(next, SESSION_DAYS * 86_400);
    },

    signOut: async (headers) => {
      await closeEarlier(headers);
      return { setCookie: await authentication.close(headers) };
    },

    assertSameOrigin: (headers) =>
      assertSameOrigin(headers, { publicUrl, allowedOrigins: options.allowedOrigins ?? [] }),

    setup: createSetup({ database, passwords, now }),
    users,
    secondFactors,
    sessions,
    tokens,
    people: createPeople({ users, secondFactors, tokens, sessions, attempts, publicUrl }),
    signedUrls: createSignedUrls({
      key: deriveKey(options.secret, 'hedgerow/signed-urls/1'),
      now,
      standing: viewerNow,
      referenceOf,
    }),
    standing,
    limits: createLimits({ now, requestsPerMinute: options.requestsPerMinute, shared }),
  };
}

/** ms for which it is told that somebody's rights have changed, far longer than anybody is known for without being looked up. */
const CHANGES_TOLD = 60_000;

/** Removes what nobody needs to be told any more. */
function createTrim(database: Database, now: () => number): () => void {
  let trimmedAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (Math.abs(now() - trimmedAt) < CHANGES_TOLD) return;
    trimmedAt = now();
    // By the clock of the rows. Whatever is left is removed after the next change.
    void database
      .writeRecoverable(async (tx) => {
        const clock =
          tx.dialect === 'sqlite'
            ? sql`CAST(unixepoch('subsec') * 1000 AS INTEGER)`
            : sql`CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)`;
        await tx.run(sql`DELETE FROM access_changes WHERE at < ${clock} - ${CHANGES_TOLD}`);
      })
      .catch(() => {});
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
