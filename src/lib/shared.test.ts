import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { shared } from './shared.ts';

it('reads once for all who ask in one turn, and anew for whoever asks after it has begun', async () => {
  let begun = 0;
  let end = (): void => {};
  const read = shared(() => {
    begun += 1;
    const number = begun;
    return new Promise<number>((resolve) => {
      end = () => resolve(number);
    });
  });
  const first = read();
  // Another request of the same turn, whose own steps come first.
  await Promise.resolve();
  const second = read();
  await turn();
  await turn();
  expect(begun).toBe(1);
  // It may not know what has changed since it began.
  const third = read();
  await turn();
  await turn();
  expect(begun).toBe(1);
  end();
  expect(await Promise.all([first, second])).toEqual([1, 1]);
  await turn();
  await turn();
  expect(begun).toBe(2);
  end();
  expect(await third).toBe(2);
});

it('tells those who wait of a failure, and reads again for the next', async () => {
  let fails = true;
  const read = shared(async () => {
    if (fails) throw new Error('gone');
    return 'there';
  });
  const both = await Promise.allSettled([read(), read()]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fails = false;
  expect(await read()).toBe('there');
});
