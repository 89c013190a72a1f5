import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { cleanTags, cleanText, cutCodePoints } from './text.ts';

test('a text keeps its words and loses what controls, hides or reorders', () => {
  expect(cleanText('  a\u0000b\u202Ec\u200Bd \t\r\n e ', 100)).toBe('abcd e');
  expect(cleanText('e\u0301', 10)).toBe('é');
  expect(cleanText('👨‍👩‍👧 می‌خواهم', 50)).toBe('👨‍👩‍👧 می‌خواهم');
});

test('descriptions keep their lines, other texts are one line', () => {
  expect(cleanText('one\r\ntwo\n\n\n\nthree', 100, true)).toBe('one\ntwo\n\nthree');
  expect(cleanText('one\r\ntwo', 100)).toBe('one two');
});

test('what is no text, or has nothing left, is absent', () => {
  expect(cleanText(7, 10)).toBeUndefined();
  expect(cleanText('\u0000 \u202e', 10)).toBeUndefined();
});

test('a cut falls between code points', () => {
  expect(cutCodePoints('a😀b', 2)).toBe('a😀');
  expect(cleanText('😀'.repeat(10), 3)).toBe('😀😀😀');
});

test('keywords are unlike one another and few', () => {
  expect(cleanTags(['Sea', 'sea ', '', null, 'Beach'])).toEqual(['Sea', 'Beach']);
  expect(cleanTags(Array.from({ length: 500 }, (_, i) => `t${i}`))).toHaveLength(200);
});

test('any text comes out well-formed, normal, within its limit, and stays as it is when cleaned again', () => {
  const anything = fc.oneof(
    anyText(60),
    fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 })
      .map((units) => String.fromCharCode(...units)),
  );
  fc.assert(
    fc.property(anything, fc.integer({ min: 1, max: 40 }), fc.boolean(), (text, limit, lines) => {
      const clean = cleanText(text, limit, lines);
      if (clean === undefined) return;
      expect(clean.isWellFormed()).toBe(true);
      expect([...clean].length).toBeLessThanOrEqual(limit);
      expect(clean.normalize('NFC')).toBe(clean);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is what is tested
      expect(clean).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u);
      expect(cleanText(clean, limit, lines)).toBe(clean);
    }),
    { numRuns: 2000 },
  );
});
