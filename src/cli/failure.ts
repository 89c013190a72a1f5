/** How a command ends that did not do what was asked. */

import type { UserErrorFieldsFragment } from '../../schema/generated/graphql.ts';
import { HedgerowError } from '../lib/errors.ts';

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command has said what went wrong; only the exit code is left. */
export class Failed extends Error {
  override readonly name = 'Failed';
}

/** @throws HedgerowError with what the server says that the caller can put right */
export function assertDone(errors: readonly UserErrorFieldsFragment[]): void {
  const [first] = errors;
  if (first !== undefined) throw new HedgerowError('INVALID', errors.map(({ message }) => message).join(' '));
}

/** @throws HedgerowError where there is none: an answer without errors and without a value is a fault */
export function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new HedgerowError('INTERNAL');
  return value;
}
