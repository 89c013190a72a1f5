import { expect, it } from 'vitest';
import { hintDelay } from './hint-pace.ts';

it('a hint is followed at once where the last pull began a while ago, else a second after that', () => {
  expect(hintDelay(0, 1_000)).toBe(0);
  expect(hintDelay(0, 999_999)).toBe(0);
  expect(hintDelay(0, 300)).toBe(700);
  expect(hintDelay(0, -5_000)).toBe(1_000);
});

it('hints that come to nothing are followed ever more seldom, and never more than a minute late', () => {
  expect([0, 1, 5, 6, 7, 10, 11, 100, 5_000].map((idle) => hintDelay(idle, 0))).toEqual([
    1_000, 1_000, 1_000, 2_000, 4_000, 32_000, 60_000, 60_000, 60_000,
  ]);
});
