import { scryptSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { createPasswords } from './passwords.ts';

test('which passwords are taken is asked of the policy, with the name of the person and of the instance', async () => {
  const passwords = createPasswords({ instanceName: () => 'Zaunwinde Mühlbach' });
  expect(await passwords.check('correct horse battery', 'Ada')).toBe('correct horse battery');
  for (const password of ['zaunwinde mühlbach', 'Wilhelmina Ada'])
    await expect(passwords.check(password, 'Wilhelmina Ada')).rejects.toMatchObject({ field: ['password'] });
  expect(await createPasswords().check('zaunwinde mühlbach', 'Ada')).toBe('zaunwinde mühlbach');
});

test('a password is kept as scrypt of 32 MiB with a salt of its own', async () => {
  const passwords = createPasswords();
  const [one, two] = await Promise.all([passwords.hash('a password'), passwords.hash('a password')]);
  expect(one).toMatch(/^scrypt\$15\$8\$3\$[\w-]{22}\$[\w-]{43}$/);
  expect(one).not.toBe(two);
  expect(await passwords.verify({ hash: one, password: 'a password' })).toBe(true);
  expect(await passwords.verify({ hash: one, password: 'A password' })).toBe(false);
});

test('it is scrypt as others have it, of the password in NFKC', async () => {
  const salt = Buffer.alloc(16, 7);
  const key = scryptSync('pässwort 1', salt, 32, { N: 16, r: 4, p: 2 });
  const hash = `scrypt$4$4$2$${salt.toString('base64url')}$${key.toString('base64url')}`;
  const passwords = createPasswords();
  for (const password of ['p\u00e4sswort 1', 'pa\u0308sswort １'])
    expect(await passwords.verify({ hash, password })).toBe(true);
  const [, , , , saltOf = '', keyOf] = (await createPasswords({ costLog2: 4 }).hash('pa\u0308sswort')).split(
    '$',
  );
  const made = scryptSync('p\u00e4sswort', Buffer.from(saltOf, 'base64url'), 32, { N: 16, r: 8, p: 3 });
  expect(keyOf).toBe(made.toString('base64url'));
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
  const [scheme, log2, r, p, salt = '', key = ''] = (await passwords.hash('a password')).split('$');
  const whole = [scheme, log2, r, p, salt, key];
  expect(await passwords.verify({ hash: whole.join('$'), password: 'a password' })).toBe(true);
  for (const [part, text] of [
    [0, 'bcrypt'],
    [4, salt.slice(1)],
    [4, `${salt}AA`],
    [5, key.slice(1)],
    [5, `${key.slice(0, -1)}!`],
  ] as const) {
    const hash = whole.with(part, text).join('$');
    expect(await passwords.verify({ hash, password: 'a password' }), hash).toBe(false);
  }
});

test('a cost that cannot be is a fault, and keeps nobody else waiting', async () => {
  const passwords = createPasswords({ costLog2: 4 });
  const hash = (await passwords.hash('a password')).replace('$4$', '$99$');
  const faults = Array.from({ length: 5 }, () => passwords.verify({ hash, password: 'a password' }));
  for (const fault of await Promise.allSettled(faults)) expect(fault.status).toBe('rejected');
  await Promise.all(Array.from({ length: 52 }, () => passwords.hash('a password')));
});

test('of a flood of sign-ins some wait and the rest is turned away, and all is well afterwards', async () => {
  const passwords = createPasswords({ costLog2: 8 });
  const flood = await Promise.allSettled(Array.from({ length: 80 }, () => passwords.hash('a password')));
  const refused = flood.filter((result) => result.status === 'rejected');
  expect(refused).toHaveLength(28);
  for (const { reason } of refused) {
    expect(reason).toMatchObject({
      code: 'RATE_LIMITED',
      retryAfter: 5,
      message: 'Too many people sign in at once; try again shortly.',
    });
  }
  // As many as before: no place was lost.
  const again = await Promise.allSettled(Array.from({ length: 53 }, () => passwords.hash('a password')));
  expect(again.map(({ status }) => status)).toEqual([...Array(52).fill('fulfilled'), 'rejected']);
});
