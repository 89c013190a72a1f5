import fc from 'fast-check';
import { expect, it } from 'vitest';
import { dayOf, monthOf } from './listing.ts';
import { texts } from './texts.ts';

it('says days and months as their own clock does', () => {
  const item = { takenAt: '2024-03-14T23:59:59', addedAt: '2025-01-01T00:00:00Z' };
  expect(texts.wholeDay(dayOf(item))).toBe('Thursday, March 14, 2024');
  expect(texts.day(dayOf(item))).toBe('Thu, Mar 14');
  expect(texts.month(monthOf(item))).toBe('March 2024');
  expect(texts.month(monthOf({ ...item, takenAt: null }))).toBe('January 2025');
});

it('throws at no date, whatever a peer sends', () => {
  expect(texts.wholeDay(dayOf({ takenAt: null, addedAt: '+010000-01-01T10:00:00.000Z' }))).toContain('10000');
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.date().map(String), fc.constant('2024-99-99T00:00:00')),
      (moment) => {
        const item = { takenAt: moment, addedAt: moment };
        for (const text of [
          texts.wholeDay(dayOf(item)),
          texts.day(dayOf(item)),
          texts.month(monthOf(item)),
        ]) {
          expect(typeof text).toBe('string');
        }
      },
    ),
  );
});

it('says sizes as people do', () => {
  expect(['0', '999', '1000', '2500000', '7000000000000000'].map(texts.bytes)).toEqual([
    '0 bytes',
    '999 bytes',
    '1 kB',
    '2.5 MB',
    '7,000 TB',
  ]);
  expect(texts.offset(-210)).toBe('UTC−03:30');
});
