import { expect, test } from 'vitest';
import { isCode } from '../lib/errors.ts';
import { createPasswords } from './passwords.ts';

test('a password is kept as scrypt of 32 MiB with a salt of its own', async () => {
  const passwords = createPasswords();
  const [one, two] = await Promise.all([passwords.hash('a password'), passwords.hash('a password')]);
  expect(one).toMatch(/^scrypt\$15\$8\$3\$[\w-]{22}\$[\w-]{43}$/);
  expect(one).not.toBe(two);
  expect(await passwords.verify({ hash: one, password: 'a password' })).toBe(true);
  expect(await passwords.verify({ hash: one, password: 'A password' })).toBe(false);
});

test('a hash made at another cost still verifies', async () => {
  const hash = await createPasswords({ costLog2: 5 }).hash('a password');
  expect(await createPasswords({ costLog2: 4 }).verify({ hash, password: 'a password' })).toBe(true);
});

test('a damaged hash verifies nothing', async () => {
  const passwords = createPasswords({ costLog2: 4 });
  for (const hash of ['', 'plain', 'scrypt$4$8$3$$', 'bcrypt$4$8$3$AAAAAAAAAAAAAAAAAAAAAA$x']) {
    expect(await passwords.verify({ hash, password: '' })).toBe(false);
  }
});

test('of a flood of sign-ins some wait and the rest is turned away, and all is well afterwards', async () => {
  const passwords = createPasswords({ costLog2: 8 });
  const flood = await Promise.allSettled(Array.from({ length: 80 }, () => passwords.hash('a password')));
  const refused = flood.filter((result) => result.status === 'rejected');
  expect(refused).toHaveLength(28);
  expect(refused.every((result) => isCode(result.reason, 'RATE_LIMITED'))).toBe(true);
  await Promise.all(Array.from({ length: 20 }, () => passwords.hash('a password')));
});
