import { expect, it } from 'vitest';
import { merge } from './merge.ts';

async function* of<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}

async function taken<T>(stream: AsyncIterable<T>, at: number): Promise<T[]> {
  const values: T[] = [];
  for await (const value of stream) {
    values.push(value);
    if (values.length === at) break;
  }
  return values;
}

it('tells what each tells, in its order, and ends with the last', async () => {
  const values = await taken(merge([of(1, 2, 3), of(10), of<number>()]), 99);
  expect([...values].sort((a, b) => a - b)).toEqual([1, 2, 3, 10]);
  expect(values.filter((value) => value < 10)).toEqual([1, 2, 3]);
  expect(await taken(merge<number>([]), 1)).toEqual([]);
});

it('waits for no stream that says nothing, and ends all when it is left', async () => {
  let ended = 0;
  const silent = (): AsyncIterable<number> => ({
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: async () => {
        ended += 1;
        return { value: undefined, done: true };
      },
    }),
  });
  expect(await taken(merge([silent(), of(1, 2), silent()]), 2)).toEqual([1, 2]);
  expect(ended).toBe(2);
});

it('reads on only when what it has is taken', async () => {
  let read = 0;
  async function* counted(): AsyncGenerator<number> {
    for (;;) yield ++read;
  }
  const stream = merge([counted()]);
  expect((await stream.next()).value).toBe(1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(read).toBe(1);
  expect((await stream.next()).value).toBe(2);
  await stream.return();
});

it('throws what one of them throws, after what came before', async () => {
  async function* failing(): AsyncGenerator<number> {
    yield 1;
    throw new Error('too slow');
  }
  const seen: number[] = [];
  await expect(async () => {
    for await (const value of merge([failing(), of<number>()])) seen.push(value);
  }).rejects.toThrow('too slow');
  expect(seen).toEqual([1]);
});
