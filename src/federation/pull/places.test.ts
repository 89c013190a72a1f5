import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPlaces } from './places.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Works that go on until they are told to end. */
function works(places: ReturnType<typeof createPlaces>, count: number) {
  const begun: number[] = [];
  const all = Array.from({ length: count }, (_, index) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const done = places.run(() => {
      begun.push(index);
      return promise;
    });
    return { end: resolve, fail: reject, done };
  });
  return { begun, all };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test('a few run at once, and who waits longest is next', async () => {
  const { begun, all } = works(createPlaces({ atOnce: 2, atMost: 8, keptFor: 1_000 }), 4);
  await vi.advanceTimersByTimeAsync(999);
  expect(begun).toEqual([0, 1]);
  all[1]?.end();
  await all[1]?.done;
  expect(begun).toEqual([0, 1, 2]);
});

test('whoever is slow keeps nobody waiting, until so many are that nobody more is let in', async () => {
  const { begun, all } = works(createPlaces({ atOnce: 4, atMost: 32, keptFor: 1_000 }), 100);
  expect(begun).toEqual(upTo(4));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(begun).toEqual(upTo(8));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(begun).toEqual(upTo(32));
  // Each that ends lets one in, as long as there is a place.
  for (const index of upTo(4)) {
    all[index]?.end();
    await all[index]?.done;
    expect(begun).toEqual(upTo(33 + index));
  }
});

test('one that fails leaves its place as one that succeeds, and its failure goes to who asked', async () => {
  const { begun, all } = works(createPlaces({ atOnce: 1, atMost: 2, keptFor: 1_000 }), 4);
  all[0]?.fail(new Error('away'));
  await expect(all[0]?.done).rejects.toThrow('away');
  expect(begun).toEqual([0, 1]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(begun).toEqual([0, 1, 2]);
  all[1]?.fail(new Error('away'));
  await expect(all[1]?.done).rejects.toThrow('away');
  // The third is in its place still: who was slow had none to leave.
  expect(begun).toEqual([0, 1, 2]);
  all[2]?.end();
  await all[2]?.done;
  expect(begun).toEqual([0, 1, 2, 3]);
});
