/** How often an address may fail in a minute, at whichever process. */
import type { FederationContext } from '../../federation/context.ts';
import { createFailureLimit, type FailureLimit } from '../../lib/failure-limit.ts';

const MINUTE = 60_000;

export function failureLimit(
  { now, shared }: Pick<FederationContext, 'now' | 'shared'>,
  what: string,
  most: number,
): FailureLimit {
  const policy = { capacity: most, leak: MINUTE / most };
  return createFailureLimit({
    most,
    windowMs: MINUTE,
    now,
    elsewhere: shared === null ? null : (address) => shared.take(`${what} refused to ${address}`, policy),
  });
}
