/** Who may do what about accounts, tokens and sessions: everybody tries everything, on a real database. */

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { codeAt } from '../../test/support/one-time-codes.ts';
import { HedgerowError } from '../lib/errors.ts';
import { type Access, createAccess } from './access.ts';
import { createAttempts } from './attempts.ts';
import { createPasswords } from './passwords.ts';
import { createPeople } from './people.ts';
import type { Role, SessionViewer, TokenScope, TokenViewer, Viewer } from './viewer.ts';

const PASSWORD = 'correct horse battery';
const NEW_PASSWORD = 'another long password';

let opened: TemporaryDatabase;
let access: Access;
let now = Date.now();
let made = 0;

beforeAll(async () => {
  opened = await openTemporarySqlite();
  access = await createAccess({
    database: opened.database,
    secret: randomBytes(32),
    publicUrl: new URL('https://media.example.org/hedge'),
    now: () => now,
    passwords: createPasswords({ costLog2: 4 }),
  });
  await person('ADMIN');
});
afterAll(() => opened.close());

async function person(role: Role): Promise<SessionViewer> {
  const name = `Person ${++made}`;
  await access.users.create({ name, role, password: PASSWORD });
  return browserOf(name);
}

async function browserOf(name: string, password = PASSWORD): Promise<SessionViewer> {
  const { viewer } = await access.signIn({ name, password, address: `10.0.0.${made}` });
  return viewer;
}

async function program(scopes: TokenScope[], userId?: string): Promise<TokenViewer> {
  const { token } = await access.tokens.create({ name: 'program', scopes, userId });
  const viewer = await access.tokens.viewer(token);
  if (viewer === null) throw new Error('The token was not taken.');
  return viewer;
}

/** What becomes of it: `done`, or the code of the refusal with the field. */
async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (!(error instanceof HedgerowError)) throw error;
    return [error.code, ...(error.field ?? [])].join(' ');
  }
}

const ALL: TokenScope[] = ['CATALOG_READ', 'MEDIA_READ', 'LIBRARY_WRITE', 'FEDERATION_ADMIN', 'ADMIN'];
const BUT_ADMIN = ALL.filter((scope) => scope !== 'ADMIN');

describe('accounts', () => {
  test('are listed and made by an admin, in a browser or by a token with ADMIN, and by nobody else', async () => {
    const admin = await person('ADMIN');
    const askers: [Viewer | null, string][] = [
      [null, 'UNAUTHENTICATED'],
      [await person('VIEWER'), 'FORBIDDEN'],
      [await person('EDITOR'), 'FORBIDDEN'],
      [await program(BUT_ADMIN), 'FORBIDDEN'],
      [await program(BUT_ADMIN, admin.user.id), 'FORBIDDEN'],
      [admin, 'done'],
      [await program(['ADMIN']), 'done'],
      [await program(['ADMIN'], admin.user.id), 'done'],
    ];
    for (const [who, expected] of askers) {
      expect(await outcome(access.people.list(who))).toBe(expected);
      const account = { name: `New ${++made}`, role: 'VIEWER' as const };
      expect(await outcome(access.people.createUser(who, account))).toBe(expected);
      expect((await access.users.findByName(account.name)) === null).toBe(expected !== 'done');
    }
    expect((await access.people.list(admin)).length).toBe((await access.users.list()).length);
  });

  test('come with a link that leads here where no password was given, and with none where one was', async () => {
    const admin = await person('ADMIN');
    const invited = await access.people.createUser(admin, { name: `New ${++made}`, role: 'EDITOR' });
    expect(invited.link).toMatch(/^https:\/\/media\.example\.org\/hedge\/password#token=.{40,}$/);
    expect(invited.user.role).toBe('EDITOR');
    const given = { name: `New ${++made}`, role: 'VIEWER' as const, password: PASSWORD };
    expect((await access.people.createUser(admin, given)).link).toBeNull();
  });

  test('are changed by an admin; a person changes the own name and password, and nothing else', async () => {
    const admin = await person('ADMIN');
    const other = await person('VIEWER');
    const editor = await person('EDITOR');
    const { updateUser } = access.people;
    const id = other.user.id;
    const foreign: [Viewer | null, string][] = [
      [null, 'UNAUTHENTICATED'],
      [editor, 'FORBIDDEN'],
      [await program(BUT_ADMIN), 'FORBIDDEN'],
      [await program(['CATALOG_READ'], id), 'FORBIDDEN'],
      [await program(BUT_ADMIN, admin.user.id), 'FORBIDDEN'],
    ];
    for (const [who, expected] of foreign) {
      for (const changes of [
        { name: 'Stolen' },
        { role: 'ADMIN' as const },
        { disabled: true },
        { resetPassword: true },
      ]) {
        expect(await outcome(updateUser(who, id, changes)), JSON.stringify(changes)).toBe(expected);
      }
    }
    expect(await access.users.find(id)).toMatchObject({
      name: other.user.name,
      role: 'VIEWER',
      disabledAt: null,
    });
    for (const changes of [{ role: 'ADMIN' as const }, { disabled: false }, { resetPassword: true }]) {
      expect(await outcome(updateUser(editor, editor.user.id, changes))).toBe('FORBIDDEN');
    }
    const renamed = await updateUser(editor, editor.user.id, { name: `Renamed ${++made}` });
    expect(renamed).toMatchObject({ user: { name: `Renamed ${made}`, role: 'EDITOR' }, link: null });
    for (const who of [admin, await program(['ADMIN'])]) {
      expect((await updateUser(who, id, { role: 'EDITOR' })).user.role).toBe('EDITOR');
      expect((await updateUser(who, id, { role: 'VIEWER' })).user.role).toBe('VIEWER');
    }
    expect((await updateUser(admin, id, { disabled: true })).user.disabledAt).not.toBeNull();
    expect(await outcome(updateUser(admin, 'user_none', { name: 'X' }))).toBe('NOT_FOUND');
  });

  test('are not changed by a request that says nothing, or two things at once', async () => {
    const admin = await person('ADMIN');
    const id = admin.user.id;
    const { updateUser } = access.people;
    expect(await outcome(updateUser(admin, id, {}))).toBe('INVALID');
    expect(await outcome(updateUser(admin, id, { name: undefined, currentPassword: PASSWORD }))).toBe(
      'INVALID',
    );
    const both = { resetPassword: true, password: NEW_PASSWORD };
    expect(await outcome(updateUser(admin, id, both))).toBe('INVALID resetPassword');
    expect(await access.users.hasPassword(id, PASSWORD)).toBe(true);
  });

  test('lose their password by an admin’s reset, which gives a link and ends every session', async () => {
    const admin = await person('ADMIN');
    const other = await person('VIEWER');
    const { user, link } = await access.people.updateUser(admin, other.user.id, {
      resetPassword: true,
      role: 'EDITOR',
    });
    expect([user.id, user.role]).toEqual([other.user.id, 'EDITOR']);
    expect(link).toMatch(/^https:\/\/media\.example\.org\/hedge\/password#token=/);
    expect(await access.users.hasPassword(other.user.id, PASSWORD)).toBe(false);
    expect(await access.sessions.list(other.user.id)).toEqual([]);
    const token = link?.split('#token=')[1];
    await access.users.setPasswordByLink({ token, password: NEW_PASSWORD });
    await browserOf(other.user.name, NEW_PASSWORD);
  });
});

describe('the own password', () => {
  test('takes the current one in a browser, also an admin’s; of the sessions the one at hand is kept', async () => {
    for (const role of ['VIEWER', 'ADMIN'] as const) {
      const who = await person(role);
      const elsewhere = await browserOf(who.user.name);
      const change = (currentPassword: string | undefined) =>
        access.people.updateUser(who, who.user.id, { password: NEW_PASSWORD, currentPassword });
      for (const wrong of [undefined, '', 'not the password', NEW_PASSWORD, 'x'.repeat(1000)]) {
        expect(await outcome(change(wrong))).toBe('INVALID currentPassword');
      }
      expect((await access.sessions.list(who.user.id)).length).toBe(2);
      now += 60_000;
      await change(PASSWORD);
      expect((await access.sessions.list(who.user.id)).map(({ id }) => id)).toEqual([who.sessionId]);
      expect(await access.sessions.find(elsewhere.sessionId)).toBeNull();
      await browserOf(who.user.name, NEW_PASSWORD);
    }
  });

  test('is guessed five times at once in a stolen session and no more; a right one forgives', async () => {
    const who = await person('VIEWER');
    const change = (currentPassword: string) =>
      access.people.updateUser(who, who.user.id, { password: PASSWORD, currentPassword });
    for (let turn = 0; turn < 4; turn++) expect(await outcome(change('a guess'))).toMatch(/^INVALID/);
    expect(await outcome(change(PASSWORD))).toBe('done');
    for (let turn = 0; turn < 5; turn++) expect(await outcome(change('a guess'))).toMatch(/^INVALID/);
    expect(await outcome(change(PASSWORD))).toBe('RATE_LIMITED');
    // Whoever signs in by the door is not kept out by it.
    await browserOf(who.user.name);
    now += 30_000;
    expect(await outcome(change(PASSWORD))).toBe('done');
  });

  test('where it could not be checked, that was no guess', async () => {
    const users = {
      ...access.users,
      hasPassword: async (): Promise<boolean> => {
        throw new HedgerowError('RATE_LIMITED', 'Too many at once.');
      },
    };
    const { secondFactors, tokens, sessions } = access;
    const people = createPeople({
      users,
      secondFactors,
      tokens,
      sessions,
      attempts: createAttempts({ now: () => now }),
      publicUrl: new URL('http://127.0.0.1:4000/'),
    });
    const who = await person('VIEWER');
    const change = () =>
      people.updateUser(who, who.user.id, { password: NEW_PASSWORD, currentPassword: PASSWORD });
    for (let turn = 0; turn < 20; turn++) await expect(change()).rejects.toThrow('Too many at once.');
    const { link } = await people.createUser(await person('ADMIN'), {
      name: `New ${++made}`,
      role: 'VIEWER',
    });
    expect(link).toMatch(/^http:\/\/127\.0\.0\.1:4000\/password#token=/);
  });

  test('is asked of nobody who sets another’s, or uses a token', async () => {
    const admin = await person('ADMIN');
    const other = await person('VIEWER');
    await access.people.updateUser(admin, other.user.id, { password: NEW_PASSWORD });
    expect(await access.sessions.list(other.user.id)).toEqual([]);
    const token = await program(['ADMIN'], admin.user.id);
    await access.people.updateUser(token, admin.user.id, { password: NEW_PASSWORD });
    expect(await access.users.hasPassword(admin.user.id, NEW_PASSWORD)).toBe(true);
    // A token has no session that could be kept.
    expect(await access.sessions.list(admin.user.id)).toEqual([]);
  });
});

describe('a second factor', () => {
  const proof = { currentPassword: PASSWORD };

  test('is a person’s own affair in a session: no token sets it up, and none turns it off', async () => {
    const who = await person('ADMIN');
    const { people } = access;
    const acts = (viewer: Viewer | null): [string, Promise<unknown>][] => [
      ['begin', people.beginSecondFactor(viewer, proof)],
      ['confirm', people.confirmSecondFactor(viewer, { code: '123456' })],
      ['renew', people.renewRecoveryCodes(viewer, { ...proof, code: '123456' })],
      ['end', people.endSecondFactor(viewer, { ...proof, code: '123456' })],
    ];
    for (const [viewer, expected] of [
      [null, 'UNAUTHENTICATED'],
      [await program(ALL), 'FORBIDDEN'],
      [await program(ALL, who.user.id), 'FORBIDDEN'],
    ] as const) {
      for (const [act, work] of acts(viewer)) expect([act, await outcome(work)]).toEqual([act, expected]);
    }
    expect(await access.secondFactors.of(who.user.id)).toBeNull();
  });

  test('asks for the password, guesses at which run into a limit, and to end it for a code too', async () => {
    const who = await person('ADMIN');
    const { people } = access;
    for (const currentPassword of ['', 'a guess'])
      expect(await outcome(people.beginSecondFactor(who, { currentPassword }))).toBe(
        'INVALID currentPassword',
      );
    await browserOf(who.user.name);
    const { secret } = await people.beginSecondFactor(who, proof);
    const codes = await people.confirmSecondFactor(who, { code: codeAt(secret, now) });
    // The session that it was done in goes on, and is the only one.
    expect((await people.sessionsOf(who)).map(({ id }) => id)).toEqual([who.sessionId]);
    expect(await outcome(people.beginSecondFactor(who, proof))).toBe('CONFLICT');
    expect(await people.secondFactorOf(who)).toMatchObject({ recoveryCodesLeft: 10 });
    for (const [viewer, expected] of [
      [await program(['ADMIN'], who.user.id), 10],
      [await program(BUT_ADMIN, who.user.id), undefined],
      [await program(['ADMIN']), undefined],
    ] as const)
      expect((await people.secondFactorOf(viewer))?.recoveryCodesLeft).toBe(expected);

    // A wrong password uses no code up.
    const wrong = { currentPassword: 'a guess', code: codes[0] ?? '' };
    expect(await outcome(people.endSecondFactor(who, wrong))).toBe('INVALID currentPassword');
    expect(await outcome(people.renewRecoveryCodes(who, wrong))).toBe('INVALID currentPassword');
    expect(await outcome(people.endSecondFactor(who, { ...proof, code: 'nonsense' }))).toBe('INVALID code');
    const renewed = await people.renewRecoveryCodes(who, { ...proof, code: codes[0] ?? '' });
    expect(await outcome(people.endSecondFactor(who, { ...proof, code: codes[1] ?? '' }))).toBe(
      'INVALID code',
    );
    await people.endSecondFactor(who, { ...proof, code: renewed[0] ?? '' });
    expect(await people.secondFactorOf(who)).toBeNull();
    for (const act of [people.endSecondFactor, people.renewRecoveryCodes])
      expect(await outcome(act(who, { ...proof, code: renewed[1] ?? '' }))).toBe('NOT_FOUND');

    const outcomes = [];
    for (let guess = 0; guess < 6; guess++)
      outcomes.push(await outcome(people.beginSecondFactor(who, { currentPassword: `guess ${guess}` })));
    expect(outcomes).toEqual([...Array(5).fill('INVALID currentPassword'), 'RATE_LIMITED']);
  });

  test('is taken off others by an admin, and by nobody off themselves', async () => {
    const who = await person('VIEWER');
    const admin = await person('ADMIN');
    const { people } = access;
    for (const viewer of [who, admin]) {
      const { secret } = await people.beginSecondFactor(viewer, proof);
      await people.confirmSecondFactor(viewer, { code: codeAt(secret, now) });
    }
    const { id } = who.user;
    for (const [viewer, expected] of [
      [null, 'UNAUTHENTICATED'],
      [who, 'FORBIDDEN'],
      [await person('EDITOR'), 'FORBIDDEN'],
      [await program(BUT_ADMIN, admin.user.id), 'FORBIDDEN'],
    ] as const)
      expect(await outcome(people.resetSecondFactor(viewer, id))).toBe(expected);
    expect(await outcome(people.resetSecondFactor(admin, admin.user.id))).toBe('INVALID id');
    expect(await outcome(people.resetSecondFactor(admin, 'user_nobody'))).toBe('NOT_FOUND');
    expect(await people.resetSecondFactor(admin, id)).toMatchObject({ id, name: who.user.name });
    expect(await access.secondFactors.of(id)).toBeNull();
    expect(await outcome(people.resetSecondFactor(admin, id))).toBe('NOT_FOUND');
    // A token of the instance is as good as the terminal.
    expect(await outcome(people.resetSecondFactor(await program(['ADMIN']), admin.user.id))).toBe('done');
  });
});

describe('tokens', () => {
  test('are made with no more than their maker may do, and belong to the maker', async () => {
    const editor = await person('EDITOR');
    const { createToken } = access.people;
    const expiresAt = new Date(now + 1000);
    const { apiToken } = await createToken(editor, { name: 'mine', scopes: ['LIBRARY_WRITE'], expiresAt });
    expect(apiToken).toMatchObject({
      name: 'mine',
      userId: editor.user.id,
      scopes: ['LIBRARY_WRITE'],
      expiresAt,
    });
    for (const scope of ['FEDERATION_ADMIN', 'ADMIN'] as const) {
      expect(await outcome(createToken(editor, { name: 'x', scopes: ['CATALOG_READ', scope] }))).toBe(
        'FORBIDDEN scopes',
      );
    }
    const wanted = { name: 'x', scopes: ['CATALOG_READ' as const] };
    expect(await outcome(createToken(null, wanted))).toBe('UNAUTHENTICATED');
    const leaked = await program(['CATALOG_READ', 'LIBRARY_WRITE'], editor.user.id);
    expect(await outcome(createToken(leaked, wanted))).toBe('FORBIDDEN');
    const instances = await createToken(await program(['CATALOG_READ', 'ADMIN']), wanted);
    expect(instances.apiToken.userId).toBeNull();
    const limited = await program(['ADMIN']);
    expect(await outcome(createToken(limited, { name: 'x', scopes: ['FEDERATION_ADMIN'] }))).toBe('done');
  });

  test('are listed for their owner, and for a token with ADMIN that belongs to the instance those of the instance', async () => {
    const editor = await person('EDITOR');
    const mine = await program(['CATALOG_READ'], editor.user.id);
    const instances = await program(['ADMIN']);
    const idsOf = async (who: Viewer) => (await access.people.tokensOf(who)).map(({ id }) => id);
    expect(await idsOf(editor)).toEqual([mine.tokenId]);
    expect(await idsOf(mine)).toEqual([]);
    expect(await idsOf(await person('ADMIN'))).toEqual([]);
    expect(await idsOf(instances)).toContain(instances.tokenId);
    expect(await idsOf(instances)).not.toContain(mine.tokenId);
    expect(await idsOf(await program(BUT_ADMIN))).toEqual([]);
  });

  test('are found by their owner and by themselves', async () => {
    const editor = await person('EDITOR');
    const mine = await program(['CATALOG_READ'], editor.user.id);
    const second = await program(['CATALOG_READ'], editor.user.id);
    const instances = await program(['CATALOG_READ']);
    const { findToken } = access.people;
    expect((await findToken(editor, mine.tokenId))?.id).toBe(mine.tokenId);
    expect((await findToken(mine, mine.tokenId))?.id).toBe(mine.tokenId);
    expect((await findToken(instances, instances.tokenId))?.id).toBe(instances.tokenId);
    for (const [who, id] of [
      [null, mine.tokenId],
      [second, mine.tokenId],
      [await person('ADMIN'), mine.tokenId],
      [editor, instances.tokenId],
      [editor, 'token_none'],
      [await program(['ADMIN']), mine.tokenId],
    ] as const) {
      expect(await findToken(who, id)).toBeNull();
    }
  });

  test('are revoked by their owner, an admin, and themselves; never by a stranger or a token beside them', async () => {
    const editor = await person('EDITOR');
    const { revokeToken } = access.people;
    const fresh = () => program(['CATALOG_READ'], editor.user.id);
    const revoked = async (id: string) => (await access.tokens.find(id))?.revokedAt !== null;
    for (const [who, expected] of [
      [null, 'UNAUTHENTICATED'],
      [await person('EDITOR'), 'NOT_FOUND'],
      [await fresh(), 'FORBIDDEN'],
      [await program(BUT_ADMIN), 'FORBIDDEN'],
      [editor, 'done'],
      [await person('ADMIN'), 'done'],
      [await program(['ADMIN']), 'done'],
    ] as const) {
      const token = await fresh();
      expect(await outcome(revokeToken(who, token.tokenId))).toBe(expected);
      expect(await revoked(token.tokenId)).toBe(expected === 'done');
    }
    for (const itself of [await fresh(), await program(['CATALOG_READ'])]) {
      expect((await revokeToken(itself, itself.tokenId)).revokedAt).not.toBeNull();
    }
    expect(await outcome(revokeToken(editor, 'token_none'))).toBe('NOT_FOUND');
  });
});

describe('sessions', () => {
  test('are seen by their owner in a browser, or by a token of the owner with ADMIN', async () => {
    const who = await person('ADMIN');
    const elsewhere = await browserOf(who.user.name);
    const { sessionsOf, findSession } = access.people;
    const ids = [who.sessionId, elsewhere.sessionId].sort();
    for (const asker of [who, elsewhere, await program(['ADMIN'], who.user.id)]) {
      expect((await sessionsOf(asker)).map(({ id }) => id).sort()).toEqual(ids);
      expect((await findSession(asker, elsewhere.sessionId))?.id).toBe(elsewhere.sessionId);
    }
    for (const asker of [
      await person('ADMIN'),
      await program(BUT_ADMIN, who.user.id),
      await program(['ADMIN']),
    ]) {
      expect((await sessionsOf(asker)).filter(({ id }) => ids.includes(id))).toEqual([]);
      expect(await findSession(asker, elsewhere.sessionId)).toBeNull();
    }
    expect(await findSession(null, who.sessionId)).toBeNull();
  });

  test('are ended by their owner or an admin, and by nobody else', async () => {
    const who = await person('EDITOR');
    const { endSession } = access.people;
    for (const [asker, expected] of [
      [null, 'UNAUTHENTICATED'],
      [await person('EDITOR'), 'NOT_FOUND'],
      [await program(['CATALOG_READ'], who.user.id), 'FORBIDDEN'],
      [await program(BUT_ADMIN), 'FORBIDDEN'],
      [who, 'done'],
      [await person('ADMIN'), 'done'],
      [await program(['ADMIN']), 'done'],
    ] as const) {
      const session = await browserOf(who.user.name);
      expect(await outcome(endSession(asker, session.sessionId))).toBe(expected);
      expect((await access.sessions.find(session.sessionId)) === null).toBe(expected === 'done');
    }
    expect(await outcome(endSession(await person('ADMIN'), 'session_none'))).toBe('NOT_FOUND');
    expect(await outcome(endSession(who, 'session_none'))).toBe('NOT_FOUND');
  });

  test('whose end the database cannot write are not said to be ended', async () => {
    const admin = await person('ADMIN');
    let asked = 0;
    const sessions = {
      ...access.sessions,
      end: async () => {
        asked++;
        throw new HedgerowError('UNAVAILABLE', 'The disk is full.');
      },
    };
    const people = createPeople({
      users: access.users,
      secondFactors: access.secondFactors,
      tokens: access.tokens,
      sessions,
      attempts: createAttempts({ now: () => now }),
      publicUrl: new URL('http://127.0.0.1:4000'),
    });
    expect(await outcome(people.endSession(admin, admin.sessionId))).toBe('UNAVAILABLE');
    expect(asked).toBe(1);
  });
});
