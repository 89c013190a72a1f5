/** How far an import is, how fast, and how long it will take. */

/**
 * `unchanged`: an earlier import has dealt with the file, and its size and time are what they were.
 * `unsupported`: not a kind of file that is kept here. `broken`: of such a kind, but damaged.
 * `unreadable`: gone, or the system does not give it; the next import tries it again.
 */
export type Outcome = 'added' | 'duplicate' | 'unchanged' | 'unsupported' | 'broken' | 'unreadable';
export type OutcomeCounts = Record<Outcome, number>;

export interface ImportProgress {
  /** Files dealt with. */
  done: number;
  /** Null while they are being counted. */
  total: number | null;
  /** Of the files that were read. */
  bytes: number;
  filesPerSecond: number;
  bytesPerSecond: number;
  /** Null while it cannot be said. */
  secondsLeft: number | null;
  /** The file that was begun last. */
  current: string | null;
  outcomes: OutcomeCounts;
}

export interface ProgressMeter {
  total: number | null;
  begin(path: string): void;
  finish(outcome: Outcome, bytes: number): void;
  read(): ImportProgress;
}

/** Rates are of the last so many ms: a second run begins by skipping thousands of files in a second. */
const WINDOW_MS = 20_000;
const SAMPLE_MS = 500;
/** Files and ms before a rate says anything about the time left. */
const SETTLED_FILES = 10;
const SETTLED_MS = 2000;

/** @param now ms, of a clock that does not jump */
export function createProgressMeter(now: () => number = () => performance.now()): ProgressMeter {
  const outcomes = noOutcomes();
  let done = 0;
  let bytes = 0;
  let current: string | null = null;
  const samples = [{ at: now(), done: 0, bytes: 0 }];
  const meter: ProgressMeter = {
    total: null,
    begin: (path) => {
      current = path;
    },
    finish: (outcome, size) => {
      outcomes[outcome]++;
      done++;
      if (outcome !== 'unchanged') bytes += size;
      const at = now();
      if (at - (samples.at(-1)?.at ?? 0) >= SAMPLE_MS) samples.push({ at, done, bytes });
      while (samples.length > 2 && at - (samples[1]?.at ?? at) > WINDOW_MS) samples.shift();
    },
    read: () => {
      const first = samples[0] ?? { at: now(), done: 0, bytes: 0 };
      const elapsed = Math.max(1, now() - first.at);
      const filesPerSecond = ((done - first.done) * 1000) / elapsed;
      const settled = done - first.done >= SETTLED_FILES && elapsed >= SETTLED_MS;
      return {
        done,
        total: meter.total,
        bytes,
        filesPerSecond,
        bytesPerSecond: ((bytes - first.bytes) * 1000) / elapsed,
        secondsLeft:
          meter.total !== null && settled ? Math.max(0, meter.total - done) / filesPerSecond : null,
        current,
        outcomes: { ...outcomes },
      };
    },
  };
  return meter;
}

function noOutcomes(): OutcomeCounts {
  return { added: 0, duplicate: 0, unchanged: 0, unsupported: 0, broken: 0, unreadable: 0 };
}
