import { entriesCache } from './entries-cache.ts';

export interface FailureLimit {
  /** Seconds until the address may fail again; null while it may. */
  blockedFor(address: string): number | null;
  failed(address: string): void;
}

/** Counts failures by address within a window; forgets addresses rather than grow. */
export function createFailureLimit(options: {
  most: number;
  windowMs: number;
  now: () => number;
  /** Counts a failure among those of all processes; ms to wait where there were too many. Null: there are no others. */
  elsewhere?: ((address: string) => number | Promise<number>) | null;
}): FailureLimit {
  const windows = entriesCache<string, { count: number; endsAt: number }>(10_000);
  return {
    blockedFor: (address) => {
      const window = windows.get(address);
      const left = window === undefined ? 0 : window.endsAt - options.now();
      return window === undefined || left <= 0 || window.count < options.most ? null : Math.ceil(left / 1000);
    },
    failed: (address) => {
      const window = windows.get(address);
      if (window === undefined || window.endsAt <= options.now()) {
        windows.set(address, { count: 1, endsAt: options.now() + options.windowMs });
      } else window.count += 1;
      if (options.elsewhere == null) return;
      // Who has failed too often elsewhere is not believed here either, from the first failure on.
      void Promise.resolve(options.elsewhere(address)).then(
        (wait) => {
          if (wait > 0) windows.set(address, { count: options.most, endsAt: options.now() + wait });
        },
        () => {},
      );
    },
  };
}
