/** What the terminal does about people and tokens, and what the audit keeps of it. */

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { eventually } from '../../test/support/eventually.ts';
import { codeAt, wrongCodeAt } from '../../test/support/one-time-codes.ts';
import { HedgerowError } from '../lib/errors.ts';
import { type Access, createAccess } from './access.ts';
import { type Accounts, createAccounts } from './accounts.ts';
import type { AuditEntry } from './audit.ts';
import { auditedAccess } from './audited-access.ts';
import { auditedAccounts, auditedCommand } from './audited-accounts.ts';
import { createPasswords } from './passwords.ts';

const PASSWORD = 'correct horse battery';
const ADDRESS = '10.0.0.9';

let opened: TemporaryDatabase;
let bare: Access;
let access: Access;
let accounts: Accounts;
const audited: AuditEntry[] = [];
const audit = { record: async (entry: AuditEntry) => void audited.push(entry) };
const code = (error: unknown) => (error instanceof HedgerowError ? error.code : error);

beforeAll(async () => {
  opened = await openTemporarySqlite();
  bare = await createAccess({
    database: opened.database,
    secret: randomBytes(32),
    publicUrl: new URL('https://media.example.org/hedge'),
    passwords: createPasswords({ costLog2: 4 }),
  });
  await bare.users.create({ name: 'Cora', role: 'VIEWER', password: PASSWORD });
});
afterAll(() => opened.close());
beforeEach(() => {
  audited.splice(0);
  access = auditedAccess(bare, audit);
  accounts = auditedAccounts(createAccounts(access, new URL('https://media.example.org/hedge')), audit);
});

describe('the terminal', () => {
  const SERVICE = { actorKind: 'TOKEN', actor: 'service' };

  test('makes people with a link or a password, and finds them by name or id', async () => {
    const { user, setupUrl } = await accounts.addUser({ name: 'Ada', role: 'ADMIN' });
    expect(user).toEqual({
      id: expect.stringMatching(/^user_/),
      name: 'Ada',
      role: 'ADMIN',
      disabledAt: null,
      secondFactor: false,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    expect(setupUrl).toMatch(/^https:\/\/media\.example\.org\/hedge\/password#token=/);
    const given = await accounts.addUser({ name: 'Bea', role: 'VIEWER', password: PASSWORD });
    expect(given.setupUrl).toBeNull();
    expect(audited).toEqual([
      { ...SERVICE, action: 'terminal.addUser', outcome: 'done', target: user.id },
      { ...SERVICE, action: 'terminal.addUser', outcome: 'done', target: given.user.id },
    ]);
    expect((await accounts.listUsers()).map(({ name }) => name)).toEqual(['Ada', 'Bea', 'Cora']);
    // Reading is no event.
    expect(audited).toHaveLength(2);

    expect((await accounts.disableUser({ user: 'bea' })).disabledAt).toMatch(/^\d{4}-/);
    expect((await accounts.enableUser({ user: given.user.id })).disabledAt).toBeNull();
    const reset = await accounts.resetPassword({ user: 'Bea' });
    expect([reset.user.id, reset.setupUrl]).toEqual([
      given.user.id,
      expect.stringContaining('/hedge/password#token='),
    ]);
    expect((await accounts.resetPassword({ user: 'Bea', password: PASSWORD })).setupUrl).toBeNull();
    expect(audited.slice(2).map(({ action, target }) => [action, target])).toEqual([
      ['terminal.disableUser', given.user.id],
      ['terminal.enableUser', given.user.id],
      ['terminal.resetPassword', given.user.id],
      ['terminal.resetPassword', given.user.id],
    ]);
  });

  test('makes, lists and revokes tokens, by name where one has it', async () => {
    const end = '2099-01-01T00:00:00.000Z';
    const made = await accounts.createToken({
      name: 'mirror',
      scopes: ['CATALOG_READ'],
      user: 'Cora',
      expiresAt: end,
    });
    expect(made.apiToken).toEqual({
      id: expect.stringMatching(/^token_/),
      name: 'mirror',
      prefix: made.token.slice(0, 19),
      scopes: ['CATALOG_READ'],
      user: 'Cora',
      createdAt: expect.stringMatching(/Z$/),
      expiresAt: end,
      lastUsedAt: null,
    });
    await access.viewer({ authorization: `Bearer ${made.token}` });
    const own = await accounts.createToken({ name: 'instance', scopes: ['ADMIN'] });
    expect([own.apiToken.user, own.apiToken.expiresAt]).toEqual([null, null]);
    // The token itself is in no row.
    expect(JSON.stringify(audited)).not.toContain(made.token);
    expect(audited.map(({ target }) => target)).toEqual([made.apiToken.id, own.apiToken.id]);
    const listed = await accounts.listTokens();
    expect(listed.map(({ name }) => name).sort()).toEqual(['instance', 'mirror']);
    expect(listed.find(({ name }) => name === 'mirror')?.lastUsedAt).toMatch(/Z$/);

    const twin = await accounts.createToken({ name: 'mirror', scopes: ['CATALOG_READ'] });
    await expect(accounts.revokeToken({ token: 'mirror' })).rejects.toThrow('2 tokens are called mirror');
    expect((await accounts.revokeToken({ token: twin.apiToken.id })).id).toBe(twin.apiToken.id);
    expect((await accounts.revokeToken({ token: 'mirror' })).id).toBe(made.apiToken.id);
    expect(audited.at(-2)).toMatchObject({ action: 'terminal.revokeToken', target: twin.apiToken.id });
    expect(audited.map(({ outcome, code }) => code ?? outcome)).toEqual([
      'done',
      'done',
      'done',
      'CONFLICT',
      'done',
      'done',
    ]);
  });

  test('is told what is not there, and the audit that it tried', async () => {
    const tries = [
      () => accounts.disableUser({ user: 'Nobody' }),
      () => accounts.createToken({ name: 'x', scopes: ['ADMIN'], user: 'Nobody' }),
      () => accounts.revokeToken({ token: 'none' }),
    ];
    for (const attempt of tries) expect(code(await attempt().catch((error) => error))).toBe('NOT_FOUND');
    expect(audited).toMatchObject([
      { ...SERVICE, action: 'terminal.disableUser', outcome: 'refused', code: 'NOT_FOUND' },
      { action: 'terminal.createToken', outcome: 'refused' },
      { action: 'terminal.revokeToken', outcome: 'refused' },
    ]);
  });

  test('fails aloud, and the audit tells faults from refusals', async () => {
    const fault = async () => {
      throw new Error('the disk');
    };
    await expect(auditedCommand(audit, 'import', fault)).rejects.toThrow('the disk');
    const away = async () => {
      throw new HedgerowError('UNAVAILABLE');
    };
    await expect(auditedCommand(audit, 'import', away)).rejects.toThrow();
    expect(audited).toEqual([
      { ...SERVICE, action: 'terminal.import', outcome: 'failed', code: 'INTERNAL' },
      { ...SERVICE, action: 'terminal.import', outcome: 'failed', code: 'UNAVAILABLE' },
    ]);
    expect(await auditedCommand(audit, 'import', async () => 7)).toBe(7);
    expect(audited.at(-1)).toEqual({
      ...SERVICE,
      action: 'terminal.import',
      outcome: 'done',
      target: undefined,
    });
  });
});

describe('the audit of signing in', () => {
  /** Of a refusal nobody waits for the row. */
  const rows = (count: number) =>
    eventually(`${count} rows of the audit`, async () => audited.length >= count, 5_000);

  test('says who came in and went, from where; of a refusal whose name it was, and no word that was typed', async () => {
    const user = await access.users.findByName('Cora');
    const { setCookie } = await access.signIn({ name: 'Cora', password: PASSWORD, address: ADDRESS });
    const cookie = setCookie.map((line) => line.split(';', 1)[0]).join('; ');
    await access.signOut({ cookie }, ADDRESS);
    // Whoever has no session ends none.
    await access.signOut({ cookie }, ADDRESS);
    await access.signOut({}, ADDRESS);
    const who = { actorKind: 'USER', actor: user?.id, target: user?.id, outcome: 'done', address: ADDRESS };
    expect(audited).toEqual([
      { ...who, action: 'session.begin' },
      { ...who, action: 'session.end' },
    ]);
    audited.splice(0);
    for (const name of ['Cora', 'hunter2']) {
      const attempt = access.signIn({ name, password: 'not the password', address: ADDRESS });
      expect(code(await attempt.catch((error) => error))).toBe('UNAUTHENTICATED');
      await rows(name === 'Cora' ? 1 : 2);
    }
    const refused = {
      actorKind: 'ANONYMOUS',
      action: 'session.begin',
      outcome: 'refused',
      code: 'UNAUTHENTICATED',
      address: ADDRESS,
    };
    expect(audited).toEqual([
      { ...refused, target: user?.id },
      { ...refused, target: undefined },
    ]);
    expect(JSON.stringify(audited)).not.toMatch(/hunter2|not the password/);
  });

  test('says what was shown beside the password, and that it was missing or wrong; never the code', async () => {
    const { user } = await bare.users.create({ name: 'Tekla', role: 'VIEWER', password: PASSWORD });
    const { secret } = await bare.secondFactors.begin(user);
    const at = Date.now();
    const [recovery = ''] = await bare.secondFactors.confirm(user.id, codeAt(secret, at), {
      keepSession: '',
    });
    const wrong = wrongCodeAt(secret);
    const signIn = (more: object) =>
      access.signIn({ name: 'Tekla', password: PASSWORD, address: ADDRESS, ...more }).catch((error) => error);
    expect(code(await signIn({}))).toBe('SECOND_FACTOR_REQUIRED');
    await rows(1);
    expect(code(await signIn({ code: wrong }))).toBe('SECOND_FACTOR_REFUSED');
    await rows(2);
    const app = codeAt(secret, at + 30_000);
    await signIn({ code: app });
    await signIn({ code: recovery });
    const refused = { actorKind: 'ANONYMOUS', target: user.id, outcome: 'refused' };
    const done = { actorKind: 'USER', actor: user.id, outcome: 'done' };
    expect(audited).toMatchObject([
      { ...refused, code: 'SECOND_FACTOR_REQUIRED' },
      { ...refused, code: 'SECOND_FACTOR_REFUSED' },
      { ...done, detail: { secondFactor: 'app' } },
      { ...done, detail: { secondFactor: 'recovery' } },
    ]);
    const text = JSON.stringify(audited);
    for (const typed of [wrong, app, recovery]) expect(text).not.toContain(typed);
    audited.splice(0);

    expect(await accounts.listUsers()).toContainEqual(
      expect.objectContaining({ name: 'Tekla', secondFactor: true }),
    );
    expect(await accounts.resetSecondFactor({ user: 'tekla' })).toMatchObject({
      id: user.id,
      name: 'Tekla',
      secondFactor: false,
    });
    expect(code(await accounts.resetSecondFactor({ user: user.id }).catch((error) => error))).toBe(
      'NOT_FOUND',
    );
    expect(audited).toMatchObject([
      { action: 'terminal.resetSecondFactor', outcome: 'done', target: user.id },
      { action: 'terminal.resetSecondFactor', outcome: 'refused', code: 'NOT_FOUND' },
    ]);
    expect(await signIn({})).toMatchObject({ proof: null });
  });

  test('says who used a link, and that somebody tried one', async () => {
    const admin = { name: 'Cleo', password: PASSWORD, address: ADDRESS };
    expect(code(await access.setup.createAdmin({ ...admin, token: 'wrong' }).catch((error) => error))).toBe(
      'FORBIDDEN',
    );
    const { user, passwordPath } = await access.users.create({ name: 'Dora', role: 'VIEWER' });
    const token = passwordPath?.split('#token=')[1];
    await access.users.setPasswordByLink({ token, password: PASSWORD, address: ADDRESS });
    const again = access.users.setPasswordByLink({ token, password: PASSWORD, address: ADDRESS });
    expect(code(await again.catch((error) => error))).toBe('NOT_FOUND');
    const provider = access.signInAtProvider({
      query: '?code=x',
      headers: {},
      address: ADDRESS,
      userAgent: undefined,
    });
    expect(code(await provider.catch((error) => error))).toBe('NOT_FOUND');
    await rows(4);
    const anonymous = { actorKind: 'ANONYMOUS', outcome: 'refused', address: ADDRESS };
    expect(audited).toHaveLength(4);
    expect(audited).toMatchObject([
      { ...anonymous, action: 'setup.create-admin', code: 'FORBIDDEN' },
      {
        actorKind: 'USER',
        actor: user.id,
        target: user.id,
        action: 'password.set-by-link',
        outcome: 'done',
        address: ADDRESS,
      },
      { ...anonymous, action: 'password.set-by-link', code: 'NOT_FOUND' },
      { ...anonymous, action: 'session.begin', code: 'NOT_FOUND' },
    ]);
  });

  test('tells the first admin from others, and a fault from a refusal', async () => {
    const temporary = await openTemporarySqlite();
    try {
      const bare = await createAccess({
        database: temporary.database,
        secret: randomBytes(32),
        publicUrl: new URL('http://127.0.0.1:4000'),
        passwords: createPasswords({ costLog2: 4 }),
      });
      const first = auditedAccess(bare, audit);
      const token = (await first.setup.link()).split('#token=')[1];
      const user = await first.setup.createAdmin({
        token,
        name: 'Ada',
        password: PASSWORD,
        address: ADDRESS,
      });
      expect(audited).toEqual([
        {
          actorKind: 'USER',
          actor: user.id,
          target: user.id,
          action: 'setup.create-admin',
          outcome: 'done',
          address: ADDRESS,
        },
      ]);
      const broken = auditedAccess(
        {
          ...bare,
          signIn: async () => {
            throw new Error('the disk');
          },
          users: {
            ...bare.users,
            findByName: async () => {
              throw new Error('the disk');
            },
          },
        },
        audit,
      );
      const attempt = broken.signIn({ name: 'Ada', password: PASSWORD, address: ADDRESS });
      await expect(attempt).rejects.toThrow('the disk');
      await rows(2);
      expect(audited.at(-1)).toEqual({
        actorKind: 'ANONYMOUS',
        action: 'session.begin',
        outcome: 'failed',
        code: 'INTERNAL',
        address: ADDRESS,
        target: undefined,
      });
    } finally {
      await temporary.close();
    }
  });
});
