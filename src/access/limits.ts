/**
 * How much users, tokens and addresses may ask for. Peers have limits of their own, apart from these.
 *
 * A person has one allowance for all of his or her browsers, each token one of its own, and whoever is unknown shares
 * that of the address (of a household of IPv6: of its network). Where several processes serve, all of them together.
 */

import type { SharedLimits } from '../database/shared-limits.ts';
import { HedgerowError } from '../lib/errors.ts';
import { networkOf } from './attempts.ts';
import { createBuckets, type Policy } from './buckets.ts';
import type { Viewer } from './viewer.ts';

/** `bytes`: a picture of a page; `request`: an operation; `entry`: signing in, links and their like; `upload`: one file. */
export type LimitKind = 'request' | 'bytes' | 'entry' | 'upload';

export interface Limits {
  /**
   * Counts one; `viewer` null counts the address.
   *
   * @throws HedgerowError RATE_LIMITED with `retryAfter`
   */
  take(kind: LimitKind, viewer: Viewer | null, address: string): Promise<void>;
  /** The same; what is thrown there is answered here, and at once unless other processes have to be asked. Null: it may go on. */
  spend(kind: LimitKind, viewer: Viewer | null, address: string): Refusal | Promise<Refusal>;
  /**
   * Counts a token that nobody has. Valid tokens of the same address are never refused for it.
   *
   * @throws HedgerowError RATE_LIMITED with `retryAfter`
   */
  unknownToken(address: string): Promise<void>;
}

export type Refusal = HedgerowError | null;

export interface LimitsOptions {
  now: () => number;
  /** Requests a minute of one user or token; the others are made of it. */
  requestsPerMinute?: number | undefined;
  /** Of all processes together; null where there is one. */
  shared?: SharedLimits | null | undefined;
}

export const REQUESTS_PER_MINUTE = 1200;

/** Of what one user may ask for: pictures come by hundreds with a page. The second number is for an address. */
const SHARES: Record<LimitKind, readonly [known: number, address: number]> = {
  request: [1, 1 / 4],
  bytes: [5, 5 / 2],
  entry: [1 / 20, 1 / 20],
  upload: [1 / 2, 0],
};
const UNKNOWN_TOKENS = 1 / 20;
/** A burst is what half a minute gives. */
const BURST = 1 / 2;

export function createLimits({
  now,
  requestsPerMinute = REQUESTS_PER_MINUTE,
  shared = null,
}: LimitsOptions): Limits {
  const bucketsOf = (name: string, share: number) => {
    const perMinute = Math.max(1, requestsPerMinute * share);
    const policy: Policy = { capacity: Math.max(2, Math.ceil(perMinute * BURST)), leak: 60_000 / perMinute };
    return { name, policy, here: createBuckets(policy, now) };
  };
  const known = new Map<LimitKind, ReturnType<typeof bucketsOf>>();
  const addresses = new Map<LimitKind, ReturnType<typeof bucketsOf>>();
  for (const [kind, [forKnown, forAddress]] of Object.entries(SHARES)) {
    known.set(kind as LimitKind, bucketsOf(`${kind} of`, forKnown));
    addresses.set(kind as LimitKind, bucketsOf(`${kind} from`, forAddress));
  }
  const guesses = bucketsOf('unknown token from', UNKNOWN_TOKENS);
  const spendOf = (
    buckets: ReturnType<typeof bucketsOf> | undefined,
    key: string,
  ): Refusal | Promise<Refusal> => {
    if (buckets === undefined) return null;
    const { name, policy, here } = buckets;
    const wait = here.wait(key);
    if (wait > 0) return refusal(wait);
    // Before anything is waited for, so that parallel ones cannot slip past.
    here.add(key, 1);
    const of = shared?.take(`${name} ${key}`, policy) ?? 0;
    return typeof of === 'number' ? refusal(of) : of.then(refusal);
  };
  const spend: Limits['spend'] = (kind, viewer, address) => {
    if (viewer === null) return spendOf(addresses.get(kind), networkOf(address));
    const key = allowanceOf(viewer);
    return key === null ? null : spendOf(known.get(kind), key);
  };
  const throwing = async (spent: Refusal | Promise<Refusal>): Promise<void> => {
    const refused = await spent;
    if (refused !== null) throw refused;
  };
  return {
    spend,
    take: (kind, viewer, address) => throwing(spend(kind, viewer, address)),
    unknownToken: (address) => throwing(spendOf(guesses, networkOf(address))),
  };
}

/** @param wait ms; 0 where nothing is refused */
function refusal(wait: number): Refusal {
  if (wait <= 0) return null;
  return new HedgerowError('RATE_LIMITED', undefined, { retryAfter: Math.max(1, Math.ceil(wait / 1000)) });
}

/** Whoever has the token of the environment or of the terminal has the machine: null, no limit. */
function allowanceOf(viewer: Viewer): string | null {
  if (viewer.via === 'session') return viewer.user.id;
  return viewer.tokenId.startsWith('token_') ? viewer.tokenId : null;
}
