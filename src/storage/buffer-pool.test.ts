import { expect, it } from 'vitest';
import { lease, POOLED_BYTES, ReadPace, release, retain, SMALL_BYTES } from './buffer-pool.ts';

it('gives a buffer to somebody else only after all who hold it have let go of it', () => {
  const bytes = lease();
  retain(bytes);
  const part = bytes.subarray(100, 200);
  retain(part);
  release(bytes);
  release(part);
  const other = lease();
  expect(other.buffer).not.toBe(bytes.buffer);
  release(bytes);
  expect(lease().buffer).toBe(bytes.buffer);
});

it('leaves alone what it has not lent, and what was given back already', () => {
  const foreign = Buffer.alloc(10);
  retain(foreign);
  release(foreign);
  const bytes = lease();
  release(bytes);
  release(bytes);
  const [one, another] = [lease(), lease()];
  expect(one.buffer).not.toBe(another.buffer);
});

it('reads in large pieces for who takes two within a moment, and in small ones again for who pauses', () => {
  const pace = new ReadPace(1e9);
  expect([0, 10, 20, 30, 100, 110, 120].map((now) => pace.next(now))).toEqual(
    [0, 0, 1, 1, 0, 0, 1].map((large) => (large === 1 ? POOLED_BYTES : SMALL_BYTES)),
  );
  pace.end();
});

it('begins with a large piece where little is read in all, for no more than half of those that may have one', () => {
  // All of a process share the places, and other tests of this one may have some still.
  const everybody = Array.from({ length: 100 }, () => new ReadPace(1e9));
  const thirds = everybody.map((pace) => [0, 1, 2].map((now) => pace.next(now))[2]);
  const taken = 64 - thirds.filter((bytes) => bytes === POOLED_BYTES).length;
  for (const pace of everybody) pace.end();
  expect(taken).toBeLessThan(32);

  const many = Array.from({ length: 1000 }, () => new ReadPace(1_000_000));
  const firsts = many.map((pace) => pace.next(0));
  expect(firsts.filter((bytes) => bytes === POOLED_BYTES).length).toBe(32 - taken);
  // The rest is for those who have shown to be quick.
  const quick = new ReadPace(1e9);
  expect([0, 1, 2].map((now) => quick.next(now))).toEqual([SMALL_BYTES, SMALL_BYTES, POOLED_BYTES]);
  // Who pauses gives its place back.
  expect(many[0]?.next(1000)).toBe(SMALL_BYTES);
  expect(new ReadPace(1).next(0)).toBe(SMALL_BYTES);
  expect(many[1]?.next(1000)).toBe(SMALL_BYTES);
  expect(new ReadPace(1).next(0)).toBe(POOLED_BYTES);
  for (const pace of many) pace.end();
});
