import { dictionary } from '@zxcvbn-ts/language-common';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { checkPassword, loadEstimator, PASSWORD_MAX } from './password-policy.ts';

const CONTEXT = { name: 'Wilhelmina Ada', instance: 'Zaunwinde Mühlbach' };
const OUT_OF_BOUNDS = {
  code: 'INVALID',
  field: ['password'],
  message: 'A password has 12 to 256 characters.',
};
const EASY = {
  code: 'INVALID',
  field: ['password'],
  message: 'This password is too easy to guess: it is a common one, a name, or a simple pattern.',
};
/** 40 characters, as many as are looked at from either end. */
const PATTERN = 'password'.repeat(5);
const check = (value: unknown) => checkPassword(value, CONTEXT);

test('a password has 12 to 256 characters, whatever they are', async () => {
  for (const password of [
    'correct hors',
    ' Xk29dLw0qpQ',
    'Xk29dLw0qpQz',
    'лес за рекой',
    '草の生け垣の向こうの小さな庭',
    '🌿🦔🍄🐞🌧️🪵🕯️🧺🫐🪺🌒🦉',
    'correct horse battery '.repeat(12).slice(0, 256),
  ])
    expect(await check(password)).toBe(password);
  for (const value of [
    '',
    'correct hor',
    '🌿🦔🍄🐞🌧🪵🕯🧺🫐🪺🌒',
    'Xk29dLw0qpQz'.padEnd(257, 'kq7'),
    undefined,
    null,
    123456789012,
  ])
    await expect(check(value), String(value)).rejects.toMatchObject(OUT_OF_BOUNDS);
  for (const value of [Array(20).fill('x'), {}, { length: 20 }])
    await expect(check(value)).rejects.toMatchObject(OUT_OF_BOUNDS);
});

test('no password is taken that was found in leaks, as it stands, longer, twice, or with other signs', async () => {
  const common = dictionary['passwords-common'];
  expect(common.length).toBeGreaterThan(40_000);
  const long = common.filter((password) => password.length >= 12);
  expect(long.length).toBeGreaterThan(200);
  for (const password of long) await expect(check(password), password).rejects.toMatchObject(EASY);
  for (const password of common.slice(0, 300)) {
    const longer = password.repeat(Math.ceil(12 / password.length));
    for (const value of [longer, `${longer.toUpperCase()}!`])
      await expect(check(value), value).rejects.toMatchObject(EASY);
  }
  for (const password of ['p4$$w0rd2026', 'P@ssw0rd!P@ssw0rd!', 'ｐａｓｓｗｏｒｄ１２３４', 'qwertyuiopasdf'])
    await expect(check(password), password).rejects.toMatchObject(EASY);
});

test('nor a name, or a simple pattern', async () => {
  for (const password of [
    'Wilhelmina Ada',
    'wILHELMINA aDA',
    'Wilhelmina Ada!',
    'Zaunwinde Mühlbach',
    'hedgerowhedgerow',
    ' '.repeat(12),
    '\t\n\u00a0\u2003        ',
    'aaaaaaaaaaaa',
    'abcdefghijklmnop',
    '123456789012',
    'x'.repeat(PASSWORD_MAX),
  ])
    await expect(check(password), password).rejects.toMatchObject(EASY);
});

test('of a long one it is enough that its beginning or its end is hard to guess', async () => {
  const hard = 'purple monkey dishwasher, said the hedge';
  expect(hard).toHaveLength(40);
  for (const password of [`${PATTERN}${hard}`, `${hard}${PATTERN}`])
    expect(await check(password)).toBe(password);
  for (const password of [PATTERN, PATTERN + PATTERN, PATTERN.repeat(6), `${PATTERN}${hard}${PATTERN}`])
    await expect(check(password)).rejects.toMatchObject(EASY);
});

test('what it is held against are common passwords, keys that lie side by side, and signs for letters', async () => {
  const estimator = await loadEstimator();
  const patterns = (password: string) =>
    estimator
      .check(password)
      .sequence.map(({ pattern, ...match }) => [
        pattern,
        'dictionaryName' in match ? match.dictionaryName : undefined,
      ]);
  expect(patterns('123qweasdzxc')).toEqual([['dictionary', 'passwords']]);
  expect(patterns('zxcftyhnjiop')).toEqual([['spatial', undefined]]);
  expect(estimator.check('p4$$w0rd').guesses).toBeLessThan(100);
});

test('whatever is given is taken as it is, or refused in a sentence', async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything(), anyText(300), async (thing, text) => {
      for (const value of [thing, text]) {
        const answer = await check(value).catch((error: unknown) => error);
        if (answer !== value) expect(answer).toMatchObject({ code: 'INVALID', field: ['password'] });
      }
    }),
    { numRuns: 20 },
  );
});
