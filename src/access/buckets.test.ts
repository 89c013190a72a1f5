import { expect, test } from 'vitest';
import { createBuckets, ENTRIES } from './buckets.ts';

let now = 1_000_000;
const create = () => createBuckets({ capacity: 3, leak: 1000 }, () => now);

test('a bucket takes what fits, says how long the next has to wait, and leaks one at a time', () => {
  const buckets = create();
  for (const wait of [0, 0, 0]) {
    expect(buckets.wait('a')).toBe(wait);
    buckets.add('a', 1);
  }
  expect(buckets.wait('a')).toBe(1000);
  expect(buckets.wait('b')).toBe(0);
  now += 999;
  expect(buckets.wait('a')).toBeCloseTo(1);
  now += 1;
  expect(buckets.wait('a')).toBe(0);
  buckets.add('a', 1);
  expect(buckets.wait('a')).toBe(1000);
  now += 1_000_000;
  buckets.add('a', 2);
  expect(buckets.wait('a')).toBe(0);
  buckets.add('a', 1);
  expect(buckets.wait('a')).toBe(1000);
});

test('hammering makes no wait longer, and what is given back makes room for no more than the bucket has', () => {
  const buckets = create();
  buckets.add('a', 50);
  expect(buckets.wait('a')).toBe(1000);
  buckets.add('a', -1);
  expect(buckets.wait('a')).toBe(0);
  buckets.add('a', -50);
  buckets.add('a', 3);
  expect(buckets.wait('a')).toBe(1000);
});

test('what is forgotten is empty, also where nothing was counted yet', () => {
  const buckets = create();
  buckets.forget('a');
  buckets.add('a', -1);
  expect(buckets.wait('a')).toBe(0);
  buckets.add('a', 3);
  buckets.add('b', 3);
  buckets.forget('a');
  expect([buckets.wait('a'), buckets.wait('b')]).toEqual([0, 1000]);
});

test('a bucket that is empty takes nobody’s place', () => {
  const buckets = create();
  buckets.add('a', 3);
  for (let at = 0; at <= ENTRIES; at++) {
    buckets.add(`other ${at}`, 1);
    buckets.add(`other ${at}`, -1);
  }
  expect(buckets.wait('a')).toBe(1000);
  for (let at = 0; at <= ENTRIES; at++) buckets.add(`other ${at}`, 1);
  expect(buckets.wait('a')).toBe(0);
});
