/**
 * Who asked within the last second: finding that out again for each picture of a page costs as much as the picture. It stands while
 * nobody was shut out or given other rights, in whichever process (`Counters.access`); what ends by the clock alone may go on for
 * that second.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { hashSecret } from './secrets.ts';
import type { Viewer } from './viewer.ts';

/** ms */
const LATELY = 1_000;
const VIEWERS = 10_000;
/** Characters of credentials that are their own name. */
const SHORT = 1_024;

export interface KnownLately {
  readonly viewer: Viewer;
  /** Of the session, where it is one. */
  readonly token: string | undefined;
}

interface Noted extends KnownLately {
  access: string;
  at: number;
}

export interface Lately {
  /** @param access - as it stood before they were looked up */
  note(headers: IncomingHttpHeaders, known: KnownLately, access: string): void;
  /** @param access - as it stands now */
  find(headers: IncomingHttpHeaders, access: string): KnownLately | undefined;
}

export function createLately(now: () => number): Lately {
  // What is not asked for again is forgotten within two seconds: credentials stand in the names.
  let young = new Map<string, Noted>();
  let old = new Map<string, Noted>();
  let aging: NodeJS.Timeout | undefined;
  const age = (): void => {
    clearTimeout(aging);
    old = young;
    young = new Map();
    aging = old.size > 0 ? setTimeout(age, LATELY).unref() : undefined;
  };
  return {
    note: (headers, { viewer, token }, access) => {
      if (young.size >= VIEWERS) age();
      young.set(nameOf(headers), { viewer, token, access, at: now() });
      if (aging === undefined) aging = setTimeout(age, LATELY).unref();
    },
    find: (headers, access) => {
      const name = nameOf(headers);
      const found = young.get(name) ?? old.get(name);
      if (found === undefined || found.access !== access) return undefined;
      const since = now() - found.at;
      return since >= 0 && since < LATELY ? found : undefined;
    },
  };
}

/** All that may say who it is, in a text that is short whatever was sent. */
function nameOf({ authorization = '', cookie = '' }: IncomingHttpHeaders): string {
  const all = `${authorization}\n${cookie}`;
  // A digest costs more than all else that is done here.
  return all.length <= SHORT ? all : hashSecret(all);
}
