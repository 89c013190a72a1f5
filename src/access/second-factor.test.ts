/** The second factor by itself, on both databases; what people see of it is in door.test.ts and test/second-factor.test.ts. */

import { randomBytes } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { codeAt, wrongCodeAt } from '../../test/support/one-time-codes.ts';
import type { Database } from '../database/database.ts';
import { createSecondFactors, type SecondFactors, type SecondFactorsOptions } from './second-factor.ts';
import { insertUser } from './users.ts';

const STEP = 30_000;
const HOUR = 3_600_000;
const KEY = randomBytes(32);
const NOT_FOUND = { code: 'NOT_FOUND', message: 'No second factor is in force.' };
const NOTHING_BEGUN = { code: 'NOT_FOUND', message: 'Nothing waits for a code; begin anew.' };
const WRONG = { code: 'INVALID', field: ['code'], message: 'The code is wrong, or was used already.' };

describeOnBothDatabases('a second factor', (open) => {
  let database: Database;
  let factors: SecondFactors;
  let now = 0;
  let changes = 0;
  let made = 0;

  beforeEach(async () => {
    database = await open();
    now = Date.UTC(2026, 4, 1);
    changes = 0;
    factors = make();
  });

  const make = (options: Partial<SecondFactorsOptions> = {}) =>
    createSecondFactors({
      database,
      key: KEY,
      instanceName: () => 'Garden',
      now: () => now,
      onChange: () => changes++,
      ...options,
    });

  async function person(): Promise<{ id: string; name: string }> {
    const name = `Person ${++made}`;
    return database.prisma.$transaction((transaction) =>
      insertUser(transaction, { name, role: 'VIEWER', passwordHash: '' }),
    );
  }

  async function session(userId: string): Promise<string> {
    const id = `session_${++made}`;
    const at = new Date(now);
    await database.prisma.session.create({
      data: { id, token: id, userId, expiresAt: at, createdAt: at, updatedAt: at },
    });
    return id;
  }

  const sessionsOf = async (userId: string) =>
    (await database.prisma.session.findMany({ where: { userId } })).map(({ id }) => id);

  /** Set up with the code of this step, which is used up with it; and one step later. */
  async function secured() {
    const user = await person();
    const { secret } = await factors.begin(user);
    const codes = await factors.confirm(user.id, codeAt(secret, now), { keepSession: '' });
    changes = 0;
    now += STEP;
    return { ...user, secret, codes };
  }

  test('is begun, and in force once a code of the app is shown', async () => {
    const user = await person();
    const other = await person();
    const [kept, ended] = [await session(user.id), await session(user.id)];
    const others = await session(other.id);
    const { secret, url } = await factors.begin(user);
    expect(secret).toMatch(/^([A-Z2-7]{4} ){7}[A-Z2-7]{4}$/);
    expect(decodeURIComponent(url)).toContain(`/Garden:${user.name}?`);
    expect(url).toContain(`secret=${secret.replaceAll(' ', '')}`);
    expect(await factors.of(user.id)).toBeNull();
    expect(await factors.admit(user.id, undefined)).toBeNull();
    expect(await factors.take(user.id, codeAt(secret, now))).toBeNull();
    for (const wrong of [wrongCodeAt(secret, now), '', '01ab-cdef-ghjk-mnpq'])
      await expect(factors.confirm(user.id, wrong, { keepSession: kept })).rejects.toMatchObject(WRONG);
    expect((await sessionsOf(user.id)).sort()).toEqual([kept, ended].sort());
    expect(changes).toBe(0);

    now += 1234;
    const codes = await factors.confirm(user.id, codeAt(secret, now), { keepSession: kept });
    expect(codes).toHaveLength(10);
    expect(new Set(codes).size).toBe(10);
    expect(changes).toBe(1);
    expect(await factors.of(user.id)).toEqual({ since: new Date(now), recoveryCodesLeft: 10 });
    expect(await factors.among([user.id, other.id])).toEqual(new Set([user.id]));
    expect(await factors.among([other.id])).toEqual(new Set());
    expect(await sessionsOf(user.id)).toEqual([kept]);
    expect(await sessionsOf(other.id)).toEqual([others]);
    await expect(factors.confirm(user.id, codeAt(secret, now), { keepSession: kept })).rejects.toMatchObject(
      NOTHING_BEGUN,
    );
    await expect(factors.confirm(user.id, 'nonsense', { keepSession: kept })).rejects.toMatchObject(
      NOTHING_BEGUN,
    );
    await factors.begin(other);
    expect(await factors.among([user.id, other.id])).toEqual(new Set([user.id]));
    await expect(factors.begin(user)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'A second factor is in force already.',
    });
  });

  test('that was begun anew has another secret, and waits an hour', async () => {
    const user = await person();
    await expect(factors.confirm(user.id, '012345', { keepSession: '' })).rejects.toMatchObject(
      NOTHING_BEGUN,
    );
    const first = await factors.begin(user);
    now += HOUR;
    await expect(
      factors.confirm(user.id, codeAt(first.secret, now), { keepSession: '' }),
    ).rejects.toMatchObject(NOTHING_BEGUN);
    const second = await factors.begin(user);
    expect(second.secret).not.toBe(first.secret);
    now += HOUR - 1;
    await expect(
      factors.confirm(user.id, codeAt(first.secret, now), { keepSession: '' }),
    ).rejects.toMatchObject(WRONG);
    await factors.confirm(user.id, codeAt(second.secret, now), { keepSession: '' });
  });

  test('is confirmed once, and begun once, also by two at the same moment', async () => {
    const user = await person();
    const begun = await Promise.allSettled([factors.begin(user), factors.begin(user)]);
    expect(begun.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
    for (const one of begun)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'CONFLICT' });
    await expect(factors.begin({ id: 'user_nobody', name: 'Nobody' })).rejects.not.toMatchObject({
      code: 'CONFLICT',
    });
    const { secret } = await factors.begin(user);
    const code = codeAt(secret, now);
    const both = await Promise.allSettled([
      factors.confirm(user.id, code, { keepSession: '' }),
      factors.confirm(user.id, code, { keepSession: '' }),
    ]);
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await database.prisma.recoveryCode.count()).toBe(10);
  });

  test('takes each code of the app once, and none that is older than the last', async () => {
    const { id, secret } = await secured();
    // The one by which it was confirmed is still within its time.
    expect(await factors.take(id, codeAt(secret, now - STEP))).toBeNull();
    expect(await factors.take(id, codeAt(secret, now))).toBe('app');
    expect(await factors.take(id, codeAt(secret, now))).toBeNull();
    // An app whose clock is ahead; then what lies before it is void.
    expect(await factors.take(id, codeAt(secret, now + STEP))).toBe('app');
    now += STEP;
    expect(await factors.take(id, codeAt(secret, now))).toBeNull();
    now += STEP;
    const same = await Promise.all([1, 2, 3].map(() => factors.take(id, codeAt(secret, now))));
    expect(same.filter((proof) => proof === 'app')).toHaveLength(1);
    expect(await factors.of(id)).toMatchObject({ recoveryCodesLeft: 10 });
  });

  test('takes each recovery code once, in any form, and of its person alone', async () => {
    const { id, codes } = await secured();
    const other = await secured();
    const [first = '', second = '', third = ''] = codes;
    expect(await factors.take(other.id, first)).toBeNull();
    expect(await factors.take(id, first.toUpperCase().replaceAll('-', ' '))).toBe('recovery');
    expect(await factors.take(id, first)).toBeNull();
    const same = await Promise.all([1, 2, 3].map(() => factors.take(id, second)));
    expect(same.filter((proof) => proof === 'recovery')).toHaveLength(1);
    expect(await factors.of(id)).toMatchObject({ recoveryCodesLeft: 8 });
    expect(await factors.of(other.id)).toMatchObject({ recoveryCodesLeft: 10 });

    const renewed = await factors.renewRecoveryCodes(id);
    expect(renewed).toHaveLength(10);
    expect(await factors.of(id)).toMatchObject({ recoveryCodesLeft: 10 });
    expect(await factors.take(id, third)).toBeNull();
    expect(await factors.take(id, renewed[0])).toBe('recovery');
    expect(await factors.take(other.id, other.codes[0])).toBe('recovery');
    await expect(factors.renewRecoveryCodes((await person()).id)).rejects.toMatchObject(NOT_FOUND);
    const begun = await person();
    await factors.begin(begun);
    await expect(factors.renewRecoveryCodes(begun.id)).rejects.toMatchObject(NOT_FOUND);
  });

  test('takes ten wrong codes of the app and then one in half an hour; recovery codes all the while', async () => {
    const { id, secret, codes } = await secured();
    const other = await secured();
    const wrong = () => factors.take(id, wrongCodeAt(secret, now));
    // What is no code at all is not counted, and neither is a recovery code.
    for (const typed of ['', 'x', '01ab-cdef-ghjk-mnpq', undefined]) await factors.take(id, typed);
    for (let time = 0; time < 10; time++) expect(await wrong()).toBeNull();
    const limited = { code: 'RATE_LIMITED', retryAfter: 1800 };
    await expect(wrong()).rejects.toMatchObject(limited);
    await expect(factors.take(id, codeAt(secret, now))).rejects.toMatchObject(limited);
    await expect(factors.admit(id, codeAt(secret, now))).rejects.toMatchObject(limited);
    expect(await factors.take(id, codes[0])).toBe('recovery');
    expect(await factors.take(other.id, codeAt(other.secret, now))).toBe('app');
    now += 1_799_500;
    await expect(wrong()).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: 1 });
    now += 500;
    // A right one forgives nothing.
    expect(await factors.take(id, codeAt(secret, now))).toBe('app');
    expect(await wrong()).toBeNull();
    await expect(wrong()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  });

  test('counts wrong codes while it is set up, too', async () => {
    const user = await person();
    const { secret } = await factors.begin(user);
    const confirm = (code: string) => factors.confirm(user.id, code, { keepSession: '' });
    for (let time = 0; time < 10; time++)
      await expect(confirm(wrongCodeAt(secret, now))).rejects.toMatchObject(WRONG);
    await expect(confirm(codeAt(secret, now))).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  });

  test('lets in whoever shows a code, and says what is missing', async () => {
    const { id, secret, codes } = await secured();
    for (const none of [undefined, ''])
      await expect(factors.admit(id, none)).rejects.toMatchObject({
        code: 'SECOND_FACTOR_REQUIRED',
        message: 'This account also asks for a code from the authenticator app.',
      });
    for (const wrong of [wrongCodeAt(secret, now), 'nonsense', ' '])
      await expect(factors.admit(id, wrong)).rejects.toMatchObject({ code: 'SECOND_FACTOR_REFUSED' });
    expect(await factors.admit(id, codeAt(secret, now))).toBe('app');
    expect(await factors.admit(id, codes[0])).toBe('recovery');
    expect(await factors.admit((await person()).id, 'whatever')).toBeNull();
    expect(await factors.admit('user_nobody', undefined)).toBeNull();
  });

  test('is gone once it is removed, with its recovery codes, and can be set up again', async () => {
    const { id, name, secret, codes } = await secured();
    const other = await secured();
    await factors.remove(id);
    expect(await factors.of(other.id)).toMatchObject({ recoveryCodesLeft: 10 });
    expect(await factors.of(id)).toBeNull();
    expect(await factors.among([id])).toEqual(new Set());
    expect(await factors.admit(id, undefined)).toBeNull();
    expect(await factors.take(id, codeAt(secret, now))).toBeNull();
    expect(await factors.take(id, codes[0])).toBeNull();
    expect(await database.prisma.recoveryCode.count()).toBe(10);
    await expect(factors.remove(id)).rejects.toMatchObject(NOT_FOUND);
    const again = await factors.begin({ id, name });
    expect(again.secret).not.toBe(secret);
    await factors.confirm(id, codeAt(again.secret, now), { keepSession: '' });
  });

  test('is sealed for its person under the key, and the recovery codes are hashes', async () => {
    const { id, secret, codes } = await secured();
    const other = await secured();
    const rows = JSON.stringify([
      await database.prisma.secondFactor.findMany(),
      await database.prisma.recoveryCode.findMany(),
    ]);
    for (const shown of [
      secret,
      secret.replaceAll(' ', ''),
      ...codes,
      ...codes.map((one) => one.replaceAll('-', '')),
    ])
      expect(rows).not.toContain(shown);
    // Another person's row opens nothing, and neither does another master key: no code is right then.
    const { secret: sealed } = await database.prisma.secondFactor.findUniqueOrThrow({
      where: { userId: id },
    });
    await database.prisma.secondFactor.update({ where: { userId: other.id }, data: { secret: sealed } });
    expect(await factors.take(other.id, codeAt(secret, now))).toBeNull();
    const elsewhere = make({ key: randomBytes(32) });
    expect(await elsewhere.take(id, codeAt(secret, now))).toBeNull();
    expect(await elsewhere.take(id, codes[0])).toBeNull();
    expect(await factors.take(id, codeAt(secret, now))).toBe('app');
    // They go with the account.
    await database.prisma.user.delete({ where: { id } });
    expect(await database.prisma.secondFactor.count()).toBe(1);
    expect(await database.prisma.recoveryCode.count()).toBe(10);
  });
});
