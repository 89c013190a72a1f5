/**
 * Who asked within the last second: finding that out again for each picture of a page costs as much as the picture. It stands while
 * nobody was shut out or given other rights, in whichever process (`Counters.access`); what ends by the clock alone may go on for
 * that second.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { entriesCache } from '../lib/entries-cache.ts';
import { hashSecret } from './secrets.ts';
import type { Viewer } from './viewer.ts';

/** ms */
const LATELY = 1_000;
const VIEWERS = 10_000;

export interface KnownLately {
  readonly viewer: Viewer;
  /** Of the session, where it is one. */
  readonly token: string | undefined;
}

export interface Lately {
  /** @param access - as it stood before they were looked up */
  note(headers: IncomingHttpHeaders, known: KnownLately, access: string): void;
  /** @param access - as it stands now */
  find(headers: IncomingHttpHeaders, access: string): KnownLately | undefined;
}

export function createLately(now: () => number): Lately {
  const known = entriesCache<string, KnownLately & { access: string; at: number }>(VIEWERS);
  return {
    note: (headers, { viewer, token }, access) => {
      known.set(nameOf(headers), { viewer, token, access, at: now() });
    },
    find: (headers, access) => {
      const found = known.get(nameOf(headers));
      if (found === undefined || found.access !== access) return undefined;
      const age = now() - found.at;
      return age >= 0 && age < LATELY ? found : undefined;
    },
  };
}

/** All that may say who it is, in a text that is short whatever was sent. */
function nameOf({ authorization = '', cookie = '' }: IncomingHttpHeaders): string {
  return hashSecret(`${authorization}\n${cookie}`);
}
