import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCode } from '../../lib/errors.ts';
import { createPacer, type Pace } from './pacer.ts';

const PACE: Pace = { requests: 28, window: 60_000 };

/** A clock that stands still but for waits, which end in the order in which they are due. */
function fakeTime() {
  let time = 1_000_000;
  const sleepers: { at: number; wake: () => void }[] = [];
  return {
    now: () => time,
    advance: (ms: number) => {
      time += ms;
    },
    sleep: (ms: number) => new Promise<void>((wake) => sleepers.push({ at: time + ms, wake })),
    /** Lets all waits end, one after another. */
    run: async () => {
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        sleepers.sort((x, y) => x.at - y.at);
        const next = sleepers.shift();
        if (next === undefined) return;
        time = Math.max(time, next.at);
        next.wake();
      }
    },
  };
}

function mostInAWindow(times: readonly number[], window: number): number {
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + window).length));
}

describe('the pace of a server', () => {
  it('is never exceeded in any window, whenever who asks, and everybody who waits gets a turn', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3_000), { minLength: 1, maxLength: 120 }), async (gaps) => {
        const time = fakeTime();
        const pacer = createPacer({ pace: PACE, now: time.now, sleep: time.sleep });
        const { signal } = new AbortController();
        const sent: number[] = [];
        for (const gap of gaps) {
          time.advance(gap);
          void pacer.turn('listing', signal).then(() => sent.push(time.now()));
        }
        await time.run();
        expect(sent.length).toBe(gaps.length);
        expect(mostInAWindow(sent, PACE.window)).toBeLessThanOrEqual(PACE.requests);
      }),
      { numRuns: 50 },
    );
  });

  it('is nearly used up where there is always something to ask for, without a long wait in between', async () => {
    const time = fakeTime();
    const pacer = createPacer({ pace: PACE, now: time.now, sleep: time.sleep });
    const begun = time.now();
    const sent: number[] = [];
    const worker = async (): Promise<void> => {
      while (sent.length < 1_000) {
        await pacer.turn('bytes', new AbortController().signal);
        sent.push(time.now());
      }
    };
    const workers = Promise.all(Array.from({ length: 4 }, worker));
    await time.run();
    await workers;
    expect(mostInAWindow(sent, PACE.window)).toBeLessThanOrEqual(PACE.requests);
    expect((time.now() - begun) / 60_000).toBeLessThan(39);
  });

  it('lets nobody wait long for bytes: the wait is told instead', async () => {
    const time = fakeTime();
    const pacer = createPacer({ pace: PACE, now: time.now, sleep: time.sleep });
    const { signal } = new AbortController();
    pacer.pause(45);
    const refused = await pacer.turn('bytes', signal).catch((error: unknown) => error);
    expect(isCode(refused, 'PEER_RATE_LIMITED') && refused.retryAfter).toBe(45);
    const waits = pacer.turn('listing', signal).then(() => time.now());
    const begun = time.now();
    await time.run();
    expect((await waits) - begun).toBe(45_000);
  });

  it('holds up those who wait already when the server asks for more', async () => {
    const time = fakeTime();
    const pacer = createPacer({ pace: { requests: 1, window: 10_000 }, now: time.now, sleep: time.sleep });
    const { signal } = new AbortController();
    await pacer.turn('listing', signal);
    const waiting = pacer.turn('listing', signal).then(() => time.now());
    const begun = time.now();
    pacer.pause(30);
    await time.run();
    expect((await waiting) - begun).toBe(30_000);
  });

  it('of a server that names none is only what it asks for', async () => {
    const time = fakeTime();
    const pacer = createPacer({ pace: null, now: time.now, sleep: time.sleep });
    const { signal } = new AbortController();
    for (let turns = 0; turns < 1_000; turns += 1) await pacer.turn('bytes', signal);
    pacer.pause(60);
    await expect(pacer.turn('bytes', signal)).rejects.toThrow();
    expect(AbortSignal.abort().aborted).toBe(true);
    await expect(pacer.turn('listing', AbortSignal.abort())).rejects.toThrow();
  });
});
