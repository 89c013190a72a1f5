/**
 * Signing in at a provider: OpenID Connect with the authorization code flow, PKCE (RFC 7636), state and nonce. What the
 * provider says of a person decides the role at each sign-in. An account belongs to issuer and subject; a name or an
 * address that equals an existing one gives no access to it.
 */

import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientSecretBasic,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  fetchUserInfo,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import type { Database } from '../database/database.ts';
import { HedgerowError, systemCode } from '../lib/errors.ts';
import { open, seal } from '../lib/seal.ts';
import { cookieValue } from './cookies.ts';
import { nameKey, readName } from './names.ts';
import type { Passwords } from './passwords.ts';
import { newAccessId } from './secrets.ts';
import { insertUser, toUser, type User, type Users } from './users.ts';
import { ROLES, type Role } from './viewer.ts';

export interface OidcSettings {
  issuer: URL;
  clientId: string;
  /** Null: a public client. */
  clientSecret: string | null;
  name: string;
  scopes: readonly string[];
  rolesClaim: string;
  roles: readonly { value: string; role: Role }[];
}

export interface Oidc {
  /** What people are offered. */
  readonly name: string;
  /** @param next path here, to be shown afterwards @throws HedgerowError UNAVAILABLE: the provider does not answer */
  begin(next: string): Promise<{ location: string; setCookie: string[] }>;
  /**
   * What the browser brings back. Works once, for the browser that began.
   *
   * @throws HedgerowError FORBIDDEN in the same words whatever is wrong with the answer; where the person has no role
   *   here or is disabled; CONFLICT where the last admin would lose the role; UNAVAILABLE
   */
  finish(
    query: string,
    headers: IncomingHttpHeaders,
  ): Promise<{ user: User; next: string; setCookie: string[] }>;
}

export interface OidcOptions {
  settings: OidcSettings;
  database: Pick<Database, 'prisma'>;
  users: Users;
  passwords: Passwords;
  publicUrl: URL;
  /** 32 bytes: seals what the browser keeps between the two steps. */
  key: Uint8Array;
  /** What cookies of this instance begin with. */
  cookiePrefix: string;
  now: () => number;
}

/** Seconds for which a sign-in may be under way. */
const FLOW_SECONDS = 600;
/** Seconds for one request to the provider. */
const TIMEOUT = 10;
/** Ms after which what the provider says of itself is read anew. */
const DISCOVERED_FOR = 3_600_000;
const SEALED_FOR = 'oidc';
const NAMES_TRIED = 50;
/** Prisma: a row with this key is there already. */
const UNIQUE_VIOLATION = 'P2002';

interface Flow {
  state: string;
  nonce: string;
  verifier: string;
  next: string;
  /** Ms since 1970. */
  endsAt: number;
}

export function createOidc(options: OidcOptions): Oidc {
  const { settings, database, users, passwords, publicUrl, key, now } = options;
  const { prisma } = database;
  const base = publicUrl.href.replace(/\/+$/, '');
  const redirectUri = `${base}/oidc/callback`;
  const secure = publicUrl.protocol === 'https:';
  const cookieName = `${secure ? '__Secure-' : ''}${options.cookiePrefix}.oidc`;
  const providerId = `oidc ${settings.issuer.href}`;
  let discovered: { at: number; configuration: Promise<Configuration> } | undefined;

  const configuration = (): Promise<Configuration> => {
    if (discovered === undefined || now() - discovered.at > DISCOVERED_FOR) {
      const found = discovery(
        settings.issuer,
        settings.clientId,
        undefined,
        settings.clientSecret === null ? None() : ClientSecretBasic(settings.clientSecret),
        {
          timeout: TIMEOUT,
          // The settings allow plain HTTP on this machine alone.
          execute: settings.issuer.protocol === 'http:' ? [allowInsecureRequests] : [],
        },
      );
      discovered = { at: now(), configuration: found };
      found.catch(() => {
        discovered = undefined;
      });
    }
    return discovered.configuration.catch((error) => {
      throw new HedgerowError('UNAVAILABLE', `${settings.name} cannot be reached right now.`, {
        cause: error,
      });
    });
  };

  const setCookie = (value: string, maxAge: number): string[] => [
    `${cookieName}=${value}; Max-Age=${maxAge}; Path=${new URL(redirectUri).pathname}; HttpOnly; ${secure ? 'Secure; ' : ''}SameSite=Lax`,
  ];

  const readFlow = (headers: IncomingHttpHeaders): Flow | null => {
    const sealed = cookieValue(headers.cookie, cookieName);
    const plain = sealed === undefined ? undefined : open(key, SEALED_FOR, sealed);
    if (plain === undefined) return null;
    const flow = JSON.parse(plain.toString()) as Flow;
    return now() < flow.endsAt ? flow : null;
  };

  /** Claims of the identity token, and of the userinfo endpoint where the roles are not among them. */
  const claimsOf = async (flow: Flow, query: string): Promise<Record<string, unknown>> => {
    const provider = await configuration();
    try {
      const tokens = await authorizationCodeGrant(provider, new URL(`${redirectUri}${query}`), {
        pkceCodeVerifier: flow.verifier,
        expectedState: flow.state,
        expectedNonce: flow.nonce,
        idTokenExpected: true,
      });
      const claims: Record<string, unknown> = { ...tokens.claims() };
      if (claimAt(claims, settings.rolesClaim) !== undefined) return claims;
      if (provider.serverMetadata().userinfo_endpoint === undefined) return claims;
      const more = await fetchUserInfo(provider, tokens.access_token, String(claims['sub']));
      return { ...more, ...claims };
    } catch (error) {
      throw refused(error);
    }
  };

  const accountOf = async (claims: Record<string, unknown>, role: Role, again = true): Promise<User> => {
    const subject = String(claims['sub']);
    const known = await prisma.account.findUnique({
      where: { providerId_accountId: { providerId, accountId: subject } },
      include: { user: true },
    });
    if (known === null) {
      return makeAccount(claims, subject, role).catch((error: unknown) => {
        // The same person in another browser, or another of this name, came in at the same moment: one more look.
        if (again && systemCode(error) === UNIQUE_VIOLATION) return accountOf(claims, role, false);
        throw error;
      });
    }
    const user = toUser(known.user);
    if (user.disabledAt !== null) throw new HedgerowError('FORBIDDEN', 'This account is disabled here.');
    return user.role === role ? user : users.update(user.id, { role });
  };

  const makeAccount = async (claims: Record<string, unknown>, subject: string, role: Role): Promise<User> => {
    // A password that nobody knows: signing in with one takes as long, and fails, as for anybody else.
    const passwordHash = await passwords.hash(randomBytes(32).toString('hex'));
    const name = await freeName(nameIn(claims, subject));
    const row = await prisma.$transaction(async (transaction) => {
      const made = await insertUser(transaction, { name, role, passwordHash });
      await transaction.account.create({
        data: { id: newAccessId('account'), providerId, accountId: subject, userId: made.id },
      });
      return made;
    });
    return toUser(row);
  };

  const freeName = async (wanted: string): Promise<string> => {
    for (let number = 1; number <= NAMES_TRIED; number++) {
      // Read as a name again: the cut may go through a sign of two units.
      const name = number === 1 ? wanted : readName(`${wanted.slice(0, 56)} ${number}`);
      const taken = await prisma.user.findUnique({ where: { username: nameKey(name) } });
      if (taken === null) return name;
    }
    throw new HedgerowError('CONFLICT', 'Too many people here have this name.');
  };

  return {
    name: settings.name,

    begin: async (next) => {
      const provider = await configuration();
      const flow: Flow = {
        state: randomState(),
        nonce: randomNonce(),
        verifier: randomPKCECodeVerifier(),
        next: pathHere(next, base),
        endsAt: now() + FLOW_SECONDS * 1000,
      };
      const location = buildAuthorizationUrl(provider, {
        redirect_uri: redirectUri,
        scope: settings.scopes.join(' '),
        code_challenge: await calculatePKCECodeChallenge(flow.verifier),
        code_challenge_method: 'S256',
        state: flow.state,
        nonce: flow.nonce,
      });
      return {
        location: location.href,
        setCookie: setCookie(seal(key, SEALED_FOR, JSON.stringify(flow)), FLOW_SECONDS),
      };
    },

    finish: async (query, headers) => {
      const flow = readFlow(headers);
      if (flow === null) throw refused(null);
      const claims = await claimsOf(flow, query);
      const role = roleOf(claimAt(claims, settings.rolesClaim), settings.roles);
      if (role === null) {
        throw new HedgerowError('FORBIDDEN', `Your account at ${settings.name} gives you no role here.`);
      }
      return { user: await accountOf(claims, role), next: flow.next, setCookie: setCookie('', 0) };
    },
  };
}

/** The highest role that one of the values gives; null where none does. */
export function roleOf(claim: unknown, rules: OidcSettings['roles']): Role | null {
  const values: unknown[] = typeof claim === 'string' ? claim.split(/[\s,]/) : [claim].flat();
  const given = rules.filter(({ value }) => value === '*' || values.includes(value)).map(({ role }) => role);
  return ROLES.find((role) => given.includes(role)) ?? null;
}

/** `realm_access.roles` goes into objects, where no claim has the dotted name itself. */
export function claimAt(claims: Record<string, unknown>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let at: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

function nameIn(claims: Record<string, unknown>, subject: string): string {
  for (const claim of [claims['preferred_username'], claims['name'], claims['nickname'], subject]) {
    try {
      return readName(typeof claim === 'string' ? claim.slice(0, 60) : claim);
    } catch {
      // Empty, or of signs that are not shown: the next one.
    }
  }
  return 'Somebody';
}

/** A path of this instance, whatever was asked for: the way back must not lead to another site. */
export function pathHere(next: string, base: string): string {
  const home = new URL(`${base}/`);
  const url = URL.canParse(next, home) ? new URL(next, home) : home;
  const here = url.origin === home.origin && url.pathname.startsWith(home.pathname);
  return here ? `${url.pathname}${url.search}` : home.pathname;
}

function refused(cause: unknown): HedgerowError {
  return new HedgerowError('FORBIDDEN', 'Signing in did not work, or took too long; please try again.', {
    cause,
  });
}
