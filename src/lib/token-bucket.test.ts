import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTokenBucket } from './token-bucket.ts';

describe('a token bucket', () => {
  it('gives what it holds at once, and then as fast as it fills', () => {
    let now = 0;
    const bucket = createTokenBucket({ rate: 2, capacity: 3 }, () => now);
    expect([bucket.take(1), bucket.take(1), bucket.take(1)]).toEqual([0, 0, 0]);
    expect(bucket.take(1)).toBe(500);
    now = 499;
    expect(bucket.take(1)).toBe(1);
    now = 500;
    expect(bucket.take(1)).toBe(0);
    expect(bucket.take(1)).toBe(500);
  });

  it('gives more than it holds once it is full, and makes up for it afterwards', () => {
    let now = 0;
    const bucket = createTokenBucket({ rate: 10, capacity: 5 }, () => now);
    expect(bucket.take(25)).toBe(0);
    expect(bucket.take(1)).toBe(2_100);
    now = 2_100;
    expect(bucket.take(1)).toBe(0);
  });

  it('never fills by a clock that goes backwards', () => {
    let now = 10_000;
    const bucket = createTokenBucket({ rate: 1, capacity: 1 }, () => now);
    expect(bucket.take(1)).toBe(0);
    now = 0;
    expect(bucket.take(1)).toBeGreaterThan(0);
    now = 1_000;
    expect(bucket.take(1)).toBe(0);
  });

  it('takes a change at once, and gives nothing for it that was not there', () => {
    let now = 0;
    const bucket = createTokenBucket({ rate: 1, capacity: 10 }, () => now);
    bucket.configure({ rate: 1000, capacity: 2 });
    expect([bucket.take(1), bucket.take(1), bucket.take(1)]).toEqual([0, 0, 1]);
    bucket.configure({ rate: 1, capacity: 100 });
    expect(bucket.take(1)).toBe(1_000);
    now = 1_000;
    expect(bucket.take(1)).toBe(0);
  });

  it('gives no more in any span than its rate and what it held, and a wait that it names is enough', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.integer({ min: 1, max: 500 }),
        fc.array(
          fc.record({ pause: fc.integer({ min: 0, max: 3_000 }), amount: fc.integer({ min: 1, max: 400 }) }),
          {
            maxLength: 60,
          },
        ),
        (rate, capacity, asked) => {
          let now = 0;
          const bucket = createTokenBucket({ rate, capacity }, () => now);
          let given = 0;
          for (const { pause, amount } of asked) {
            now += pause;
            const wait = bucket.take(amount);
            if (wait > 0) {
              now += wait;
              expect(bucket.take(amount)).toBe(0);
            }
            given += amount;
            // The last one may be larger than the bucket, and is owed.
            expect(given - Math.max(amount, capacity)).toBeLessThanOrEqual(
              (now / 1000) * rate + 1e-6 * capacity,
            );
          }
        },
      ),
    );
  });
});
