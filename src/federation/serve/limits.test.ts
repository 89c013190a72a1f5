import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { isCode } from '../../lib/errors.ts';
import { createPacer, createPeerLimiter, DEFAULT_LIMITS, type PeerLimits } from './limits.ts';

const LIMITS: PeerLimits = { requestsPerMinute: 60, bytesPerSecond: null, concurrentStreams: 2 };

/** How many of so many requests are answered. */
function answered(work: () => void, times: number): number {
  let count = 0;
  for (let index = 0; index < times; index++) {
    try {
      work();
      count += 1;
    } catch (error) {
      if (!isCode(error, 'RATE_LIMITED')) throw error;
      expect(error.retryAfter).toBeGreaterThanOrEqual(1);
      expect(Number.isInteger(error.retryAfter)).toBe(true);
    }
  }
  return count;
}

describe('the requests of a peer', () => {
  it('may come in a burst, then at their rate, and no other peer is held up by that', () => {
    let now = 0;
    const limiter = createPeerLimiter(() => now);
    expect(answered(() => limiter.request(1, LIMITS), 50)).toBe(10);
    expect(answered(() => limiter.request(2, LIMITS), 50)).toBe(10);
    now += 3_000;
    expect(answered(() => limiter.request(1, LIMITS), 50)).toBe(3);
    now += 3600_000;
    expect(answered(() => limiter.request(1, LIMITS), 50)).toBe(10);
  });

  it('are never more in a minute than the limit and its burst, and few where few are allowed', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 1, max: 500 }),
        (perMinute, pause) => {
          let now = 0;
          const limiter = createPeerLimiter(() => now);
          const limits = { ...LIMITS, requestsPerMinute: perMinute };
          let count = 0;
          for (; now < 60_000; now += pause) count += answered(() => limiter.request(1, limits), 3);
          expect(count).toBeLessThanOrEqual(perMinute + Math.max(Math.min(10, perMinute), perMinute / 6) + 1);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('are counted by the limit of this moment', () => {
    let now = 0;
    const limiter = createPeerLimiter(() => now);
    expect(answered(() => limiter.request(1, LIMITS), 50)).toBe(10);
    now += 1_000;
    expect(answered(() => limiter.request(1, { ...LIMITS, requestsPerMinute: 600 }), 50)).toBe(10);
    now += 500;
    expect(answered(() => limiter.request(1, { ...LIMITS, requestsPerMinute: 600 }), 50)).toBe(5);
    expect(answered(() => limiter.request(1, { ...LIMITS, requestsPerMinute: 1 }), 50)).toBe(0);
  });

  it('of a puller that fetches thumbnails over sixteen connections are never held up by default', () => {
    let now = 0;
    const limiter = createPeerLimiter(() => now);
    // 320 a second: sixteen at once, 50 ms each.
    for (; now < 300_000; now += 50) expect(answered(() => limiter.request(1, DEFAULT_LIMITS), 16)).toBe(16);
  });

  it('beyond the limit are worth a note once a minute', () => {
    let now = 0;
    const limiter = createPeerLimiter(() => now);
    limiter.request(1, LIMITS);
    expect([limiter.worthNoting(1), limiter.worthNoting(1)]).toEqual([true, false]);
    now += 60_000;
    expect([limiter.worthNoting(1), limiter.worthNoting(2)]).toEqual([true, false]);
  });
});

describe('the streams of a peer', () => {
  it('have so many places, given back once each', () => {
    const limiter = createPeerLimiter(() => 0);
    const one = limiter.stream(1, LIMITS);
    const two = limiter.stream(1, LIMITS);
    expect(() => limiter.stream(1, LIMITS)).toThrow(/2 files at once/);
    limiter.stream(2, LIMITS);
    one.leave();
    one.leave();
    limiter.stream(1, LIMITS);
    expect(() => limiter.stream(1, LIMITS)).toThrow(/2 files at once/);
    two.leave();
    limiter.stream(1, LIMITS);
  });
});

describe('a pacer', () => {
  it('lets the bytes of all streams go at their rate together, in the order in which they were asked for', async () => {
    vi.useFakeTimers();
    try {
      const pacer = createPacer(8_000, Date.now);
      const never = new AbortController().signal;
      const order: string[] = [];
      const begun = Date.now();
      let bytes = 0;
      const stream = async (name: string) => {
        for (let index = 0; index < 10; index++) {
          const slice = pacer.slice() ?? 0;
          await pacer.take(slice, never);
          bytes += slice;
          order.push(name);
        }
      };
      const all = Promise.all([stream('a'), stream('b')]);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(bytes).toBeLessThanOrEqual(9_000);
      expect(bytes).toBeGreaterThanOrEqual(8_000);
      await vi.runAllTimersAsync();
      await all;
      // 20,000 bytes, of which 1,000 went at once.
      expect(Date.now() - begun).toBeGreaterThanOrEqual(2_370);
      expect(Date.now() - begun).toBeLessThan(2_500);
      expect(order.join('')).toBe('ab'.repeat(10));
    } finally {
      vi.useRealTimers();
    }
  });

  it('lets go who waits as soon as there is no limit any more, and who has left at once', async () => {
    const pacer = createPacer(1_024, Date.now);
    const never = new AbortController().signal;
    const leaving = new AbortController();
    await pacer.take(128, never);
    const left = pacer.take(100_000, leaving.signal);
    const waits = pacer.take(100_000, never);
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    await expect(pacer.take(1, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    pacer.configure(null);
    await waits;
    expect(pacer.slice()).toBeNull();
  });
});
