/**
 * Who asked within the last second: finding that out again for each picture of a page costs as much as the picture. What this process
 * does to somebody's rights is heeded at once; what the clock or another process ends, at most a second later.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { entriesCache } from '../lib/entries-cache.ts';
import { hashSecret } from './secrets.ts';
import type { Viewer } from './viewer.ts';

/** ms */
const LATELY = 1_000;
const VIEWERS = 10_000;

export interface KnownLately {
  readonly viewer: Viewer | null;
  /** Of the session, where it is one. */
  readonly token: string | undefined;
}

export interface Lately {
  /** To be asked for before somebody is looked up: what has changed since then is not remembered. */
  mark(): number;
  note(headers: IncomingHttpHeaders, known: KnownLately, mark: number): void;
  find(headers: IncomingHttpHeaders): KnownLately | undefined;
  /** Somebody's rights have changed. */
  forget(): void;
}

export function createLately(now: () => number): Lately {
  const known = entriesCache<string, KnownLately & { at: number }>(VIEWERS);
  let changes = 0;
  return {
    mark: () => changes,
    note: (headers, { viewer, token }, mark) => {
      if (mark === changes) known.set(nameOf(headers), { viewer, token, at: now() });
    },
    find: (headers) => {
      const found = known.get(nameOf(headers));
      if (found === undefined) return undefined;
      const age = now() - found.at;
      return age >= 0 && age < LATELY ? found : undefined;
    },
    forget: () => {
      changes += 1;
      known.clear();
    },
  };
}

/** All that may say who it is, and none of it to be read in memory. */
function nameOf({ authorization = '', cookie = '' }: IncomingHttpHeaders): string {
  return hashSecret(`${authorization}\n${cookie}`);
}
