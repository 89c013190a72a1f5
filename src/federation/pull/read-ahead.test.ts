import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readAhead } from './read-ahead.ts';

/** Pages of these weights; each is asked for, and comes when it is told to. */
function listing(weights: readonly number[], room: number) {
  const asked: (string | null)[] = [];
  const doors = weights.map(() => Promise.withResolvers<void>());
  const pages = readAhead(null, {
    list: async (cursor) => {
      const number = Number(cursor ?? 0);
      asked.push(cursor);
      await doors[number]?.promise;
      return { number, weight: weights[number] ?? 0 };
    },
    after: ({ number }) => (number + 1 < weights.length ? String(number + 1) : null),
    weight: ({ weight }) => weight,
    room,
  });
  return {
    pages,
    asked,
    come: (number: number) => doors[number]?.resolve(),
    fail: (number: number, error: Error) => doors[number]?.reject(error),
  };
}

/** Until everything that can go on has gone on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('pages come in their order, and those ahead are asked for as there is room', async () => {
  const { pages, asked, come } = listing([10, 10, 10, 10, 10], 25);
  expect(asked).toEqual([null]);
  for (const number of [0, 1, 2]) {
    come(number);
    await settle();
  }
  // Three are held, which is more than there is room for.
  expect(asked).toEqual([null, '1', '2']);
  expect((await pages.next()).number).toBe(0);
  await settle();
  expect(asked).toEqual([null, '1', '2', '3']);
  expect((await pages.next()).number).toBe(1);
  expect((await pages.next()).number).toBe(2);
  expect(await pages.comesWithin(1)).toBe(false);
  come(3);
  expect(await pages.comesWithin(1_000)).toBe(true);
  expect((await pages.next()).number).toBe(3);
});

test('what fails is heard of after what came before it, and again by whoever asks again', async () => {
  const { pages, come, fail } = listing([1, 1, 1], 10);
  come(0);
  fail(1, new Error('away'));
  await settle();
  expect(await pages.comesWithin(0)).toBe(true);
  expect((await pages.next()).number).toBe(0);
  expect(await pages.comesWithin(0)).toBe(true);
  await expect(pages.next()).rejects.toThrow('away');
  await expect(pages.next()).rejects.toThrow('away');
});

test('a page larger than all the room is given all the same', async () => {
  const { pages, asked, come } = listing([1_000, 1], 10);
  come(0);
  come(1);
  await settle();
  expect(asked).toEqual([null]);
  expect((await pages.next()).number).toBe(0);
  expect((await pages.next()).number).toBe(1);
});

test('never more is held than there is room for and the one page more', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 60 }),
      async (weights, room) => {
        const { pages, asked, come } = listing(weights, room);
        for (const number of weights.keys()) come(number);
        for (const number of weights.keys()) {
          await settle();
          const held = weights.slice(number, asked.length).reduce((sum, weight) => sum + weight, 0);
          expect(held - (weights[asked.length - 1] ?? 0)).toBeLessThan(Math.max(room, 1));
          expect((await pages.next()).number).toBe(number);
        }
      },
    ),
  );
});
