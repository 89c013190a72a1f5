import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatTime } from './instants.ts';

it('writes any time as Date writes it', () => {
  const time = fc.oneof(
    fc.integer({ min: -8.64e15, max: 8.64e15 }),
    fc.integer({ min: 0, max: 2 ** 41 }),
    fc.integer({ min: -1_000, max: 1_000 }),
    fc.double({ min: -100_000, max: 100_000, noNaN: true }),
  );
  fc.assert(
    fc.property(time, (ms) => {
      expect(`${formatTime(ms)}Z`).toBe(new Date(ms).toISOString());
      expect(formatTime(ms, '')).toBe(new Date(ms).toISOString().replace(/(\.000)?Z$/, ''));
    }),
    { numRuns: 2_000 },
  );
});

it('refuses what is no time', () => {
  for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 1, -8.64e15 - 1]) {
    expect(() => formatTime(ms), String(ms)).toThrow(RangeError);
  }
});
