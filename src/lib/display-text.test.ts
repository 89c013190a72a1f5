import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { displayLine, displayText, fitsCodePoints } from './display-text.ts';

test('control characters and bidirectional overrides are taken out, and nothing else', () => {
  expect(displayLine('photo_\u202egpj.exe\u0000')).toBe('photo_gpj.exe');
  expect(displayLine('a\r\nb\tc')).toBe('a b c');
  expect(displayText('a\r\nb\tc\u0007\u0085')).toBe('a\nb\tc');
  expect(displayLine('\ud800x\udc00😀')).toBe('x😀');
  expect(displayLine('Ünïcödé — 写真 עברית 👩‍👩‍👧')).toBe('Ünïcödé — 写真 עברית 👩‍👩‍👧');
});

test('cleaning is done once, and leaves text that a database takes', () => {
  fc.assert(
    fc.property(anyText(), (text) => {
      for (const clean of [displayLine, displayText]) {
        expect(clean(clean(text))).toBe(clean(text));
        expect(clean(text).isWellFormed()).toBe(true);
        expect(clean(text)).not.toContain('\u0000');
      }
    }),
    { numRuns: 300, seed: 1 },
  );
});

test('limits count code points', () => {
  expect(fitsCodePoints('😀'.repeat(5), 5)).toBe(true);
  expect(fitsCodePoints('😀'.repeat(6), 5)).toBe(false);
  fc.assert(
    fc.property(anyText(20), fc.nat(20), (text, max) => {
      expect(fitsCodePoints(text, max)).toBe([...text].length <= max);
    }),
    { numRuns: 300, seed: 2 },
  );
});
