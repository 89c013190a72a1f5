import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBreaker } from './breaker.ts';

function breaker(random = 0.5) {
  let at = 1_000_000;
  const made = createBreaker({ now: () => at, random: () => random });
  return {
    ...made,
    pass: (ms: number) => {
      at += ms;
    },
    /** One request, from the question to its outcome. */
    request: (outcome: 'answered' | 'silent' | 'unknown') => {
      const decision = made.decide();
      if (decision.kind !== 'spare') made.note(decision, outcome);
      return decision.kind;
    },
  };
}

describe('a breaker', () => {
  it('lets everybody ask until three in a row got no answer, and then nobody for a while', () => {
    const { request, decide, pass } = breaker();
    expect([request('silent'), request('silent'), request('answered')]).toEqual(['ask', 'ask', 'ask']);
    expect([request('silent'), request('silent'), request('silent')]).toEqual(['ask', 'ask', 'ask']);
    expect(decide()).toEqual({ kind: 'spare', retryAfter: 2 });
    pass(1_999);
    expect(decide()).toEqual({ kind: 'spare', retryAfter: 1 });
  });

  it('then lets one try, and the others wait for what becomes of it', () => {
    const { request, decide, note, found, pass } = breaker();
    found('silent');
    pass(2_000);
    const one = decide();
    expect(one).toEqual({ kind: 'try' });
    expect(decide().kind).toBe('spare');
    note(one, 'answered');
    expect(request('silent')).toBe('ask');
    expect(request('silent')).toBe('ask');
  });

  it('waits twice as long after each try in vain, never longer than a minute, and from the start after an answer', () => {
    const { request, pass, found, decide } = breaker(1);
    found('silent');
    const waits: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      let waited = 0;
      while (decide().kind === 'spare') {
        pass(500);
        waited += 500;
      }
      waits.push(waited);
      found('answered');
      found('silent');
      for (let again = 0; again <= round; again += 1) {
        pass(60_000);
        expect(request('silent')).toBe('try');
      }
    }
    expect(waits[0]).toBe(2_500);
    expect(waits.slice(1, 4)).toEqual([5_000, 10_000, 20_000]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(60_000);
  });

  it('gives the place of a try that was given up to the next', () => {
    const { request, decide, found, pass } = breaker();
    found('silent');
    pass(2_000);
    expect(request('unknown')).toBe('try');
    expect(decide().kind).toBe('try');
  });

  it('is not held longer by those that were on their way when it opened', () => {
    const { decide, note, request, pass } = breaker();
    const early = Array.from({ length: 20 }, decide);
    for (const decision of early) note(decision, 'silent');
    pass(2_000);
    expect(request('answered')).toBe('try');
    expect(request('answered')).toBe('ask');
  });

  it('believes at once what a pull has found out, either way', () => {
    const { decide, found } = breaker();
    found('silent');
    expect(decide().kind).toBe('spare');
    found('silent');
    found('answered');
    expect(decide().kind).toBe('ask');
  });

  it('always lets somebody ask within a minute, whatever went before', () => {
    const step = fc.oneof(
      fc.record({
        type: fc.constant('request' as const),
        outcome: fc.constantFrom('answered', 'silent', 'unknown'),
      }),
      fc.record({ type: fc.constant('found' as const), outcome: fc.constantFrom('answered', 'silent') }),
      fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 100_000 }) }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (steps, random) => {
          const { request, found, pass, decide } = breaker(random);
          for (const each of steps) {
            if (each.type === 'request') request(each.outcome as 'answered');
            else if (each.type === 'found') found(each.outcome as 'answered');
            else pass(each.ms);
          }
          pass(60_000);
          expect(decide().kind).not.toBe('spare');
        },
      ),
    );
  });
});
