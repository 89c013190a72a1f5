/**
 * How often a password may be guessed.
 *
 * Three leaky buckets: per name and address, per address, per name. The last is what a guess spread over many
 * addresses runs into; so that it does not lock the owner out, an address from which somebody has signed in under
 * that name before passes it, and it leaks all the time. A refused attempt adds nothing: hammering makes no wait
 * longer. In memory and bounded; where several processes serve, also in the database, for all of them together.
 */

import { isIPv4, isIPv6 } from 'node:net';
import type { SharedLimits } from '../database/shared-limits.ts';
import { entriesCache } from '../lib/entries-cache.ts';
import { HedgerowError } from '../lib/errors.ts';
import { createBuckets, ENTRIES, type Policy } from './buckets.ts';

const PER_PAIR: Policy = { capacity: 5, leak: 30_000 };
const PER_ADDRESS: Policy = { capacity: 30, leak: 10_000 };
const PER_NAME: Policy = { capacity: 50, leak: 60_000 };

export interface AttemptsOptions {
  now: () => number;
  /** Whether somebody has signed in under this name from this address before; asked only where it matters. */
  known?: (name: string, address: string) => Promise<boolean>;
  /** Of all processes together; null where there is one. */
  shared?: SharedLimits | null | undefined;
}

export interface Attempts {
  /**
   * Counts an attempt as failed before it is made, so that parallel ones cannot slip past.
   *
   * @throws HedgerowError RATE_LIMITED with `retryAfter`
   */
  begin(name: string, address: string): Promise<Attempt>;
}

export interface Attempt {
  /** The failures before it are forgiven, and the address is known from now on. */
  succeeded(): void;
  /** It did not come to a check of the password, so it does not count. */
  withdrawn(): void;
}

export function createAttempts({ now, known = async () => false, shared = null }: AttemptsOptions): Attempts {
  const pairs = createBuckets(PER_PAIR, now);
  const addresses = createBuckets(PER_ADDRESS, now);
  const names = createBuckets(PER_NAME, now);
  const signedIn = entriesCache<string, true>(ENTRIES);

  return {
    begin: async (name, address) => {
      const network = networkOf(address);
      const pair = `${network} ${name}`;
      const wait = pairs.wait(pair);
      if (wait > 0) throw limited(wait);
      pairs.add(pair, 1);
      const others = Math.max(addresses.wait(network), names.wait(name));
      if (others > 0 && !signedIn.has(pair) && !(await known(name, address))) {
        pairs.add(pair, -1);
        throw limited(others);
      }
      addresses.add(network, 1);
      names.add(name, 1);
      const refund = () => {
        addresses.add(network, -1);
        names.add(name, -1);
      };
      const withdrawn = () => {
        pairs.add(pair, -1);
        refund();
      };
      const elsewhere =
        shared === null
          ? null
          : await beginOfAll(shared, { pair, network, name }, async () => {
              return signedIn.has(pair) || (await known(name, address));
            }).catch((error: unknown) => {
              withdrawn();
              throw error;
            });
      return {
        succeeded: () => {
          signedIn.set(pair, true);
          pairs.forget(pair);
          refund();
          elsewhere?.succeeded();
        },
        withdrawn: () => {
          withdrawn();
          elsewhere?.withdrawn();
        },
      };
    },
  };
}

/** The same against all processes together. */
async function beginOfAll(
  shared: SharedLimits,
  { pair, network, name }: { pair: string; network: string; name: string },
  isKnown: () => Promise<boolean>,
): Promise<Attempt> {
  const ofPair = { name: `sign-in as ${pair}`, policy: PER_PAIR };
  const ofAddress = { name: `sign-in from ${network}`, policy: PER_ADDRESS };
  const ofName = { name: `sign-in of ${name}`, policy: PER_NAME };
  const taken: (typeof ofPair)[] = [];
  const take = async (bucket: typeof ofPair): Promise<number> => {
    const wait = await shared.take(bucket.name, bucket.policy);
    if (wait === 0) taken.push(bucket);
    return wait;
  };
  const giveBack = (buckets: readonly (typeof ofPair)[]): void => {
    // What is not given back leaks by itself.
    for (const bucket of buckets) shared.give(bucket.name, bucket.policy).catch(() => {});
  };
  const wait = await take(ofPair);
  if (wait > 0) throw limited(wait);
  const others = Math.max(await take(ofAddress), await take(ofName));
  if (others > 0 && !(await isKnown())) {
    giveBack(taken);
    throw limited(others);
  }
  return {
    succeeded: () => {
      shared.forget(ofPair.name, ofPair.policy).catch(() => {});
      giveBack(taken.filter((bucket) => bucket !== ofPair));
    },
    withdrawn: () => giveBack(taken),
  };
}

/** An IPv6 household has 2^64 addresses, so its network counts as one; a mapped IPv4 address is that address. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1] ?? '';
  if (isIPv4(mapped)) return mapped;
  const bare = address.split('%', 1)[0] ?? '';
  if (!isIPv6(bare)) return address;
  const [left = [], right = []] = bare.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  const groups = [...left, ...zeros, ...right]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16));
  return `${groups.join(':')}::/64`;
}

function limited(wait: number): HedgerowError {
  const seconds = Math.max(1, Math.ceil(wait / 1000));
  return new HedgerowError('RATE_LIMITED', 'Too many attempts to sign in; try again later.', {
    retryAfter: seconds,
  });
}
