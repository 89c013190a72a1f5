/**
 * Which passwords are taken when one is set: long ones that are not among the first that somebody would try. Those that are
 * kept already are not looked at again.
 */

import type { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { fitsCodePoints } from '../lib/display-text.ts';
import { HedgerowError } from '../lib/errors.ts';

/** Characters (code points): ASVS 2.1.1. */
export const PASSWORD_MIN = 12;
/** Characters (UTF-16 units). Keeps one sign-in from costing megabytes. */
export const PASSWORD_MAX = 256;

/**
 * Guesses that whoever tries likely ones first would need at least. The limits on guesses let through some 1,440 a day of
 * one name; whoever has a copy of the database pays 150 ms for each.
 */
const GUESSES_MIN = 1e8;
/** The work of estimating grows faster than the length: 40 characters take tens of milliseconds at worst, 256 half a second. */
const LOOKED_AT = 40;
/** Ways to read signs as letters ("p4$$w0rd") that are tried; the library's own 100 take three times as long. */
const SUBSTITUTIONS_MAX = 8;

export interface PasswordContext {
  /** Of the person whose password it is to be. */
  name: string;
  /** Of this instance. */
  instance: string;
}

/** @throws HedgerowError INVALID with the field `password` */
export async function checkPassword(value: unknown, { name, instance }: PasswordContext): Promise<string> {
  if (typeof value !== 'string' || fitsCodePoints(value, PASSWORD_MIN - 1) || value.length > PASSWORD_MAX) {
    throw refused(`A password has ${PASSWORD_MIN} to ${PASSWORD_MAX} characters.`);
  }
  const estimator = await loaded();
  const guesses = (part: string): number => estimator.check(part, [name, instance, 'hedgerow']).guesses;
  // As it is hashed: full-width letters are the same password.
  const text = value.normalize('NFKC');
  const ends = new Set([text.slice(0, LOOKED_AT), text.slice(-LOOKED_AT)]);
  if (![...ends].some((end) => guesses(end) >= GUESSES_MIN)) {
    throw refused('This password is too easy to guess: it is a common one, a name, or a simple pattern.');
  }
  return value;
}

/** With 49,233 passwords that were found most often in leaks: about 25 MB in memory. */
export async function loadEstimator(): Promise<ZxcvbnFactory> {
  const [{ ZxcvbnFactory }, { adjacencyGraphs, dictionary }] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
  ]);
  return new ZxcvbnFactory({
    dictionary: { passwords: dictionary['passwords-common'] },
    graphs: adjacencyGraphs,
    l33tMaxSubstitutions: SUBSTITUTIONS_MAX,
  });
}

let estimator: Promise<ZxcvbnFactory> | undefined;

/** One for the process, and none before a password is set. */
function loaded(): Promise<ZxcvbnFactory> {
  estimator ??= loadEstimator();
  return estimator;
}

function refused(message: string): HedgerowError {
  return new HedgerowError('INVALID', message, { field: ['password'] });
}
