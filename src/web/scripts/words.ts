/** Numbers, times and states as a person would say them. */

import type { PeerWordsFragment as Peer } from '../generated/graphql.ts';

export type { Peer };

const grouped = lazily(() => new Intl.NumberFormat('en'));
const decimal = lazily(() => new Intl.NumberFormat('en', { maximumFractionDigits: 1 }));
const relativeTime = lazily(() => new Intl.RelativeTimeFormat('en', { numeric: 'auto' }));
const UNITS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** Made when it is first needed: each of a browser's formats takes milliseconds, and a page needs few of them at once. */
export function lazily<Format>(make: () => Format): () => Format {
  let made: Format | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** `1,200`. */
export function whole(number: number): string {
  return Number.isInteger(number) && number >= 0 && number < 1000 ? String(number) : grouped().format(number);
}

/** `1 item`, `1,200 items`. */
export function count(number: number, noun: string): string {
  return `${whole(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** `3 minutes ago`, `in 2 hours`; what is nearer than a minute is `just now` or `in a moment`. */
export function relative(at: string, now: number): string {
  const seconds = (Date.parse(at) - now) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return relativeTime().format(Math.trunc(seconds / length), unit);
  }
  return seconds <= 0 ? 'just now' : 'in a moment';
}

/** `1:05`, `1:02:30`. */
export function clock(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60];
  if (seconds >= 3600) parts.unshift(Math.floor(seconds / 3600));
  return parts.map((part, at) => (at === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/** `2.5 MB` of a number of bytes, which comes as decimal digits. */
export function bytes(digits: string | number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let size = Number(digits);
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${decimal().format(size)} ${units[unit]}`;
}

const HEALTH = {
  UNKNOWN: { words: 'Not reached yet', mood: 'quiet' },
  ONLINE: { words: 'Connected', mood: 'well' },
  DEGRADED: { words: 'Works in part', mood: 'ill' },
  OFFLINE: { words: 'Cannot be reached', mood: 'ill' },
  AUTH_FAILED: { words: 'No longer lets this server in', mood: 'ill' },
  INCOMPATIBLE: { words: 'Speaks no protocol version that is known here', mood: 'ill' },
  DIVERGED: { words: 'The copy here does not agree with it', mood: 'ill' },
} as const;

/** How it goes with a peer; the mood decides nothing but a colour. */
export function stateOf(peer: Peer): { words: string; mood: 'well' | 'ill' | 'quiet' } {
  if (peer.status === 'PAUSED') return { words: 'Paused', mood: 'quiet' };
  if (peer.operations !== null && peer.operations.pull === null) {
    return { words: 'Reads from this server', mood: 'quiet' };
  }
  return HEALTH[peer.health];
}
