import { describe, expect, it } from 'vitest';
import { together } from './log-flush.ts';

/** Work that is ended by hand: what was begun, in order. */
function byHand() {
  const begun: PromiseWithResolvers<void>[] = [];
  const run = together(() => {
    const one = Promise.withResolvers<void>();
    begun.push(one);
    return one.promise;
  });
  return { begun, run };
}

/** How a promise stands when everything that is due has been done. */
async function stateOf(promise: Promise<void>): Promise<'waits' | 'done' | 'failed'> {
  let state: 'waits' | 'done' | 'failed' = 'waits';
  promise.then(
    () => {
      state = 'done';
    },
    () => {
      state = 'failed';
    },
  );
  await new Promise(setImmediate);
  return state;
}

describe('work that is done together', () => {
  it('is begun at once, and again for whoever comes while it runs, once for all of them', async () => {
    const { begun, run } = byHand();
    const first = run();
    const [second, third] = [run(), run()];
    expect(begun).toHaveLength(1);
    begun[0]?.resolve();
    expect(await stateOf(first)).toBe('done');
    expect([await stateOf(second), await stateOf(third)]).toEqual(['waits', 'waits']);
    expect(begun).toHaveLength(2);
    const fourth = run();
    begun[1]?.resolve();
    expect([await stateOf(second), await stateOf(third), await stateOf(fourth)]).toEqual([
      'done',
      'done',
      'waits',
    ]);
    expect(begun).toHaveLength(3);
    begun[2]?.resolve();
    expect(await stateOf(fourth)).toBe('done');
    const fifth = run();
    expect(begun).toHaveLength(4);
    begun[3]?.resolve();
    await fifth;
  });

  it('fails for those who waited for it, and for nobody after', async () => {
    const { begun, run } = byHand();
    const first = run();
    const second = run();
    begun[0]?.reject(new Error('The disk is gone.'));
    expect(await stateOf(first)).toBe('failed');
    begun[1]?.resolve();
    expect(await stateOf(second)).toBe('done');
    const third = run();
    begun[2]?.reject(new Error('It is gone again.'));
    expect(await stateOf(third)).toBe('failed');
    expect(await stateOf(run())).toBe('waits');
  });
});
