import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { NAME_MAX, nameKey, readName } from './names.ts';

test('a name is kept in NFC, without control characters, runs of white space as one space', () => {
  expect(readName('  Zoe\u0308 \t\n Ångström\u00a0\u2003')).toBe('Zoë Ångström');
  expect(readName('A\u0000d\u202ea')).toBe('Ada');
  // What stood apart by a sign that is not kept belongs together.
  expect(readName('Zoe\u202e\u0308')).toBe('Zoë');
  expect(readName('x')).toBe('x');
});

test('it has 1 to 64 characters, of which those beyond the basic plane are one each', () => {
  expect(readName('x'.repeat(NAME_MAX))).toHaveLength(64);
  expect(readName('🌿'.repeat(NAME_MAX))).toHaveLength(128);
  for (const name of [
    '',
    ' \t ',
    '\u202e',
    'x'.repeat(65),
    '🌿'.repeat(65),
    undefined,
    null,
    7,
    {},
    ['Ada'],
  ]) {
    expect(() => readName(name), String(name)).toThrow(
      expect.objectContaining({
        code: 'INVALID',
        field: ['name'],
        message: 'A name has 1 to 64 characters.',
      }),
    );
  }
});

test('names are the same whatever their case, form, width and spaces', () => {
  for (const name of ['ADMIN', ' admin ', 'ａｄｍｉｎ', 'ad\u202emin']) expect(nameKey(name)).toBe('admin');
  expect(nameKey('Zoë  Ångström')).toBe('zoë ångström');
  expect(nameKey('ada')).not.toBe(nameKey('adam'));
});

test('whatever is taken as a name is itself when it is read again, and has one key', () => {
  fc.assert(
    fc.property(anyText(), (text) => {
      let name: string;
      try {
        name = readName(text);
      } catch {
        return;
      }
      expect(readName(name)).toBe(name);
      expect(nameKey(name)).toBe(nameKey(text));
    }),
    { numRuns: 100, seed: 65 },
  );
});
