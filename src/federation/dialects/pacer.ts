/** Keeps the requests to one server within what it takes of one address, and waits when it asks for that. */
import { HedgerowError } from '../../lib/errors.ts';

/** What a server takes. */
export interface Pace {
  /** Requests within any window. */
  requests: number;
  /** ms */
  window: number;
}

/** `listing` waits as long as it takes, since nobody looks on; `bytes` give up where the wait becomes long. */
export type Purpose = 'listing' | 'bytes';

export interface Pacer {
  /**
   * Resolves when a request may be sent.
   *
   * @throws HedgerowError PEER_RATE_LIMITED, with `retryAfter`, where that would be too long to wait
   */
  turn(purpose: Purpose, signal: AbortSignal): Promise<void>;
  /** The server asked to be left alone for so many seconds. */
  pause(seconds: number): void;
}

export interface PacerOptions {
  /** Null: only what the server asks for counts. */
  pace: Pace | null;
  now: () => number;
  /** Rejects with the signal's reason. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** ms that somebody who asks for bytes is kept waiting for a turn. */
const PATIENCE = 20_000;
/** So much of the allowance goes out as it comes; the rest is spread over the window. */
const AT_ONCE = 0.5;
/** Their clock and the way there: a window as we see it is a little shorter at the other end. */
const MARGIN = 1_000;

export function createPacer({ pace, now, sleep }: PacerOptions): Pacer {
  /** When the requests of the last window were sent, oldest first; turns that are given out already included. */
  const sent: number[] = [];
  let pausedUntil = 0;

  function next(at: number): number {
    if (pace === null) return Math.max(at, pausedUntil);
    const window = pace.window + MARGIN;
    while (sent.length > 0 && (sent[0] ?? 0) <= at - window) sent.shift();
    const last = sent.at(-1) ?? 0;
    // Turns are given out in order, also where the later one could go at once.
    const due = Math.max(at, pausedUntil, last);
    const left = pace.requests - sent.length;
    if (left <= 0) return Math.max(due, (sent[sent.length - pace.requests] ?? 0) + window);
    if (sent.length < pace.requests * AT_ONCE) return due;
    // What is left lasts until the first turn counts no longer.
    const apart = Math.max(window / pace.requests, ((sent[0] ?? last) + window - last) / left);
    return Math.max(due, last + apart);
  }

  return {
    turn: async (purpose, signal) => {
      signal.throwIfAborted();
      const at = now();
      const due = next(at);
      if (purpose === 'bytes' && due - at > PATIENCE) {
        throw new HedgerowError('PEER_RATE_LIMITED', undefined, { retryAfter: Math.ceil((due - at) / 1000) });
      }
      if (pace !== null) sent.push(due);
      if (due <= at) return;
      await sleep(due - at, signal);
      // Asked to wait meanwhile: those who wait already wait longer.
      if (now() < pausedUntil) {
        if (purpose === 'bytes') throw pausedError();
        await sleep(pausedUntil - now(), signal);
      }
    },
    pause: (seconds) => {
      pausedUntil = Math.max(pausedUntil, now() + seconds * 1000);
    },
  };

  function pausedError(): HedgerowError {
    return new HedgerowError('PEER_RATE_LIMITED', undefined, {
      retryAfter: Math.ceil((pausedUntil - now()) / 1000),
    });
  }
}
