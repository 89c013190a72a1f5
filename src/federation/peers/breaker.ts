/**
 * Keeps people from waiting for a peer that does not answer: after a few failures in a row nothing is asked of it for a
 * while, then one request finds out whether it is there again (half open). Whoever asks meanwhile is told at once.
 *
 * Only what says that nobody answers counts. A peer that refuses, or answers nonsense, has answered.
 */

/** Failures in a row, of requests that somebody waits for. */
const FAILURES = 3;
const FIRST_PAUSE = 2_000;
const LONGEST_PAUSE = 45_000;

export type Decision =
  /** It may be asked; say then how it went. */
  | { kind: 'ask' }
  /** It may be asked by this one alone; the others wait for what becomes of that. */
  | { kind: 'try' }
  /** It is not asked now. @param retryAfter - seconds */
  | { kind: 'spare'; retryAfter: number };

export type Outcome =
  | 'answered'
  | 'silent'
  /** Given up from here, before it was known. */
  | 'unknown';

export interface Breaker {
  decide(): Decision;
  /** What became of a request that was decided so. */
  note(decision: Decision, outcome: Outcome): void;
  /** What something else has found out, such as a pull: that counts at once. */
  found(outcome: 'answered' | 'silent'): void;
}

export interface BreakerOptions {
  /** ms */
  now: () => number;
  /** 0 to 1 */
  random: () => number;
}

export function createBreaker({ now, random }: BreakerOptions): Breaker {
  let failures = 0;
  let pauses = 0;
  /** Null: closed. */
  let spareUntil: number | null = null;
  let trying = false;

  function open(): void {
    const pause = Math.min(FIRST_PAUSE * 2 ** pauses, LONGEST_PAUSE);
    pauses += 1;
    // Spread by a quarter either way, so that the peers of one server do not come back at once.
    spareUntil = now() + pause * (0.75 + random() / 2);
    trying = false;
  }

  function close(): void {
    failures = 0;
    pauses = 0;
    spareUntil = null;
    trying = false;
  }

  return {
    decide: () => {
      if (spareUntil === null) return { kind: 'ask' };
      const left = spareUntil - now();
      if (left > 0 || trying) return { kind: 'spare', retryAfter: Math.max(1, Math.ceil(left / 1000)) };
      trying = true;
      return { kind: 'try' };
    },
    note: (decision, outcome) => {
      if (outcome === 'answered') close();
      else if (outcome === 'unknown') {
        if (decision.kind === 'try') trying = false;
      } else if (decision.kind === 'try') open();
      // Of those that were on their way when it opened nothing more is learnt.
      else if (spareUntil === null) {
        failures += 1;
        if (failures >= FAILURES) open();
      }
    },
    found: (outcome) => {
      if (outcome === 'answered') close();
      else if (spareUntil === null) open();
    },
  };
}
