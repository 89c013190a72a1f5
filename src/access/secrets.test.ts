import { expect, test } from 'vitest';
import { hashSecret, newAccessId, newSecret, sameSecret } from './secrets.ts';

test('a secret has 256 bits in 43 characters, and no two are alike', () => {
  const secrets = Array.from({ length: 50 }, newSecret);
  for (const secret of secrets) expect(secret).toMatch(/^[\w-]{42}[AEIMQUYcgkosw048]$/);
  expect(new Set(secrets).size).toBe(50);
});

test('it is kept as the SHA-256 of FIPS 180-4, in hex', () => {
  expect(hashSecret('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('two secrets are the same where every character is, of whatever length they are', () => {
  expect(sameSecret('abc', 'abc')).toBe(true);
  for (const other of ['', 'ab', 'abd', 'ABC', 'abcd']) expect(sameSecret(other, 'abc'), other).toBe(false);
});

test('an id says what it is of, and nothing else', () => {
  expect(newAccessId('user')).toMatch(/^user_[0-9a-f]{30}$/);
  expect(newAccessId('token')).toMatch(/^token_[0-9a-f]{30}$/);
  expect(newAccessId('user')).not.toBe(newAccessId('user'));
});
