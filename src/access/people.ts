/**
 * What people do about accounts, tokens and sessions, their own and others': who may, is decided here.
 *
 * A session acts for its person; an admin's for everybody. A token reaches accounts, tokens and sessions only with
 * the scope ADMIN, so that a token that leaked cannot make another that outlives it. It may always revoke itself.
 */

import { HedgerowError, isCode } from '../lib/errors.ts';
import type { Attempts } from './attempts.ts';
import { nameKey } from './names.ts';
import { type Enrolment, type SecondFactorState, type SecondFactors, wrongCode } from './second-factor.ts';
import type { Session, Sessions } from './sessions.ts';
import type { ApiToken, ApiTokens } from './tokens.ts';
import type { User, UserChanges, Users } from './users.ts';
import { hasScope, type Role, type SessionViewer, type TokenScope, type Viewer } from './viewer.ts';

export interface AccountChanges extends UserChanges {
  /** Of whoever changes his or her own password in a session. */
  currentPassword?: string | undefined;
  /** Voids the password; the answer has a link to set a new one. */
  resetPassword?: boolean | undefined;
}

export interface NewAccount {
  name: string;
  role: Role;
  password?: string | undefined;
}

/** All throw HedgerowError UNAUTHENTICATED or FORBIDDEN; the rest is said with each. */
export interface People {
  /** By name; an admin's. */
  list(viewer: Viewer | null): Promise<User[]>;
  /** @throws INVALID, CONFLICT; `link` is absolute, null where a password was given */
  createUser(viewer: Viewer | null, account: NewAccount): Promise<{ user: User; link: string | null }>;
  /**
   * An admin changes anybody; others their own name and password. A new password ends every session but the one it was
   * set in.
   *
   * @throws NOT_FOUND, INVALID (the current password among it), CONFLICT, RATE_LIMITED
   */
  updateUser(
    viewer: Viewer | null,
    id: string,
    changes: AccountChanges,
  ): Promise<{ user: User; link: string | null }>;
  /**
   * A second factor is a person's own affair, in a session: FORBIDDEN to every token.
   *
   * @throws INVALID (the current password), CONFLICT where one is in force, RATE_LIMITED
   */
  beginSecondFactor(viewer: Viewer | null, proof: { currentPassword: string }): Promise<Enrolment>;
  /** Puts it in force, and ends the person's other sessions. @returns recovery codes @throws NOT_FOUND, INVALID, RATE_LIMITED */
  confirmSecondFactor(viewer: Viewer | null, proof: { code: string }): Promise<string[]>;
  /** In place of those that are left. @throws NOT_FOUND, INVALID (the current password, the code), RATE_LIMITED */
  renewRecoveryCodes(viewer: Viewer | null, proof: PasswordAndCode): Promise<string[]>;
  /** @throws NOT_FOUND, INVALID (the current password, the code), RATE_LIMITED */
  endSecondFactor(viewer: Viewer | null, proof: PasswordAndCode): Promise<void>;
  /** Takes it off somebody who has lost it; an admin's. @throws NOT_FOUND, or INVALID for one's own */
  resetSecondFactor(viewer: Viewer | null, id: string): Promise<User>;
  /** Of the viewer; null where none is in force, and to a token without ADMIN. */
  secondFactorOf(viewer: Viewer): Promise<SecondFactorState | null>;
  /** The viewer's own living ones, or the instance's for a token of the instance; none where it may not see them. */
  tokensOf(viewer: Viewer): Promise<ApiToken[]>;
  /** Null where it is not, or not the viewer's. */
  findToken(viewer: Viewer | null, id: string): Promise<ApiToken | null>;
  /** @throws INVALID, or FORBIDDEN where a scope goes beyond what the viewer has */
  createToken(
    viewer: Viewer | null,
    token: { name: string; scopes: readonly TokenScope[]; expiresAt?: Date | undefined },
  ): Promise<{ apiToken: ApiToken; token: string }>;
  /** One's own; an admin's any. @throws NOT_FOUND */
  revokeToken(viewer: Viewer | null, id: string): Promise<ApiToken>;
  sessionsOf(viewer: Viewer): Promise<Session[]>;
  /** Living ones by person: of all to an admin, of oneself to others; whom the viewer may not look into is not in it. */
  tokensOfUsers(viewer: Viewer | null, userIds: readonly string[]): Promise<Map<string, ApiToken[]>>;
  /** The same of sessions. */
  sessionsOfUsers(viewer: Viewer | null, userIds: readonly string[]): Promise<Map<string, Session[]>>;
  findSession(viewer: Viewer | null, id: string): Promise<Session | null>;
  /** One's own; an admin's any. @throws NOT_FOUND */
  endSession(viewer: Viewer | null, id: string): Promise<void>;
}

/** A stolen session must not be enough to turn a second factor off. */
export interface PasswordAndCode {
  currentPassword: string;
  code: string;
}

export interface PeopleOptions {
  users: Users;
  secondFactors: SecondFactors;
  tokens: ApiTokens;
  sessions: Sessions;
  /** Guesses at the password of whoever is signed in. */
  attempts: Attempts;
  publicUrl: URL;
}

export function createPeople(options: PeopleOptions): People {
  const { users, secondFactors, tokens, sessions, attempts, publicUrl } = options;
  const base = publicUrl.href.endsWith('/') ? publicUrl : new URL(`${publicUrl.href}/`);
  const linkOf = (path: string | null): string | null => (path === null ? null : new URL(path, base).href);

  /** A stolen session must not be enough to lock its owner out. */
  const checkCurrent = async (viewer: Viewer, password: string | undefined): Promise<void> => {
    const { user } = viewer;
    if (user === null) return;
    const attempt = await attempts.begin(nameKey(user.name), `session ${user.id}`);
    let right: boolean;
    try {
      right = password !== undefined && (await users.hasPassword(user.id, password));
    } catch (error) {
      attempt.withdrawn();
      throw error;
    }
    if (!right) {
      throw new HedgerowError('INVALID', 'The current password is wrong.', { field: ['currentPassword'] });
    }
    attempt.succeeded();
  };

  const prove = async (viewer: SessionViewer, { currentPassword, code }: PasswordAndCode): Promise<void> => {
    await checkCurrent(viewer, currentPassword);
    if ((await secondFactors.of(viewer.user.id)) === null) {
      throw new HedgerowError('NOT_FOUND', 'No second factor is in force.');
    }
    if ((await secondFactors.take(viewer.user.id, code)) === null) throw wrongCode();
  };

  return {
    list: async (viewer) => {
      requireAdmin(viewer);
      return users.list();
    },

    createUser: async (viewer, account) => {
      requireAdmin(viewer);
      const { user, passwordPath } = await users.create(account);
      return { user, link: linkOf(passwordPath) };
    },

    updateUser: async (viewer, id, { currentPassword, resetPassword = false, ...changes }) => {
      const asker = requireManager(viewer);
      const own = asker.user?.id === id;
      const admin = hasScope(asker, 'ADMIN');
      if (!admin && !own) throw new HedgerowError('FORBIDDEN', 'Only an admin changes other accounts.');
      const beyond = changes.role !== undefined || changes.disabled !== undefined || resetPassword;
      if (!admin && beyond) {
        throw new HedgerowError('FORBIDDEN', 'Only an admin changes roles, disables, and makes links.');
      }
      if (!resetPassword && Object.values(changes).every((value) => value === undefined)) {
        throw new HedgerowError('INVALID', 'There is nothing to change.');
      }
      if (resetPassword && changes.password !== undefined) {
        throw new HedgerowError('INVALID', 'Either a password is set, or a link is made to set it.', {
          field: ['resetPassword'],
        });
      }
      const inSession = own && asker.via === 'session';
      if (inSession && changes.password !== undefined) await checkCurrent(asker, currentPassword);
      const kept = inSession ? { keepSession: asker.sessionId } : {};
      const user = await users.update(id, changes, kept);
      if (!resetPassword) return { user, link: null };
      const reset = await users.resetPassword(id);
      return { user: reset.user, link: linkOf(reset.passwordPath) };
    },

    beginSecondFactor: async (viewer, { currentPassword }) => {
      const asker = requireBrowser(viewer);
      await checkCurrent(asker, currentPassword);
      return secondFactors.begin(asker.user);
    },

    confirmSecondFactor: async (viewer, { code }) => {
      const { user, sessionId } = requireBrowser(viewer);
      return secondFactors.confirm(user.id, code, { keepSession: sessionId });
    },

    renewRecoveryCodes: async (viewer, proof) => {
      const asker = requireBrowser(viewer);
      await prove(asker, proof);
      return secondFactors.renewRecoveryCodes(asker.user.id);
    },

    endSecondFactor: async (viewer, proof) => {
      const asker = requireBrowser(viewer);
      await prove(asker, proof);
      await secondFactors.remove(asker.user.id);
    },

    resetSecondFactor: async (viewer, id) => {
      requireAdmin(viewer);
      if (viewer?.via === 'session' && viewer.user.id === id) {
        throw new HedgerowError('INVALID', 'Your own ends with the password and a code (endSecondFactor).', {
          field: ['id'],
        });
      }
      const user = await users.find(id);
      if (user === null) throw new HedgerowError('NOT_FOUND', 'There is no such account.');
      await secondFactors.remove(id);
      return user;
    },

    secondFactorOf: async (viewer) =>
      isManager(viewer) && viewer.user !== null ? secondFactors.of(viewer.user.id) : null,

    tokensOf: async (viewer) => (isManager(viewer) ? tokens.list({ userId: viewer.user?.id ?? null }) : []),

    findToken: async (viewer, id) => {
      if (viewer === null || !(isManager(viewer) || isItself(viewer, id))) return null;
      const token = await tokens.find(id);
      return token !== null && token.userId === (viewer.user?.id ?? null) ? token : null;
    },

    createToken: async (viewer, { name, scopes, expiresAt }) => {
      const asker = requireManager(viewer);
      const beyond = scopes.find((scope) => !hasScope(asker, scope));
      if (beyond !== undefined) {
        throw new HedgerowError('FORBIDDEN', `The scope ${beyond} goes beyond what you may do yourself.`, {
          field: ['scopes'],
        });
      }
      return tokens.create({ name, scopes, expiresAt, userId: asker.user?.id });
    },

    revokeToken: async (viewer, id) => {
      const asker = viewer !== null && isItself(viewer, id) ? viewer : requireManager(viewer);
      if (hasScope(asker, 'ADMIN') || asker.user === null) return tokens.revoke(id);
      return tokens.revoke(id, { userId: asker.user.id });
    },

    sessionsOf: async (viewer) =>
      isManager(viewer) && viewer.user !== null ? sessions.list(viewer.user.id) : [],

    tokensOfUsers: (viewer, userIds) => tokens.listOf(userIds.filter((id) => mayLookInto(viewer, id))),

    sessionsOfUsers: (viewer, userIds) => sessions.listOf(userIds.filter((id) => mayLookInto(viewer, id))),

    findSession: async (viewer, id) => {
      if (viewer?.user == null || !isManager(viewer)) return null;
      return (await sessions.list(viewer.user.id)).find((session) => session.id === id) ?? null;
    },

    endSession: async (viewer, id) => {
      const asker = requireManager(viewer);
      if (asker.user !== null) {
        try {
          return await sessions.end(id, { userId: asker.user.id });
        } catch (error) {
          if (!isCode(error, 'NOT_FOUND') || !hasScope(asker, 'ADMIN')) throw error;
        }
      }
      return sessions.end(id);
    },
  };
}

/** Whether the viewer reaches accounts, tokens and sessions at all. */
function isManager(viewer: Viewer): boolean {
  return viewer.via === 'session' || hasScope(viewer, 'ADMIN');
}

function mayLookInto(viewer: Viewer | null, userId: string): boolean {
  return viewer !== null && isManager(viewer) && (hasScope(viewer, 'ADMIN') || viewer.user?.id === userId);
}

function isItself(viewer: Viewer, tokenId: string): boolean {
  return viewer.via === 'token' && viewer.tokenId === tokenId;
}

function requireManager(viewer: Viewer | null): Viewer {
  if (viewer === null) throw new HedgerowError('UNAUTHENTICATED');
  if (!isManager(viewer)) {
    throw new HedgerowError('FORBIDDEN', 'A token reaches accounts, tokens and sessions only with ADMIN.');
  }
  return viewer;
}

function requireBrowser(viewer: Viewer | null): SessionViewer {
  if (viewer === null) throw new HedgerowError('UNAUTHENTICATED');
  if (viewer.via !== 'session') {
    throw new HedgerowError('FORBIDDEN', 'A second factor is set up by its person, in a browser.');
  }
  return viewer;
}

function requireAdmin(viewer: Viewer | null): void {
  if (viewer === null) throw new HedgerowError('UNAUTHENTICATED');
  if (!hasScope(viewer, 'ADMIN')) throw new HedgerowError('FORBIDDEN');
}
