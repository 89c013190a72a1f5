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
  const estimator = await load();
  const guesses = (part: string): number => estimator.check(part, [name, instance, 'hedgerow']).guesses;
  // As it is hashed: full-width letters are the same password.
  const text = value.normalize('NFKC');
  const ends = new Set([text.slice(0, LOOKED_AT), text.slice(-LOOKED_AT)]);
  if (text.trim() === '' || ![...ends].some((end) => guesses(end) >= GUESSES_MIN)) {
    throw refused('This password is too easy to guess: it is a common one, a name, or a simple pattern.');
  }
  return value;
}

let loading: Promise<ZxcvbnFactory> | undefined;

/** 49,233 passwords that were found most often in leaks, and about 25 MB in memory: only where a password is set. */
function load(): Promise<ZxcvbnFactory> {
  loading ??= Promise.all([import('@zxcvbn-ts/core'), import('@zxcvbn-ts/language-common')]).then(
    ([{ ZxcvbnFactory }, { adjacencyGraphs, dictionary }]) =>
      new ZxcvbnFactory({
        dictionary: { passwords: dictionary['passwords-common'] },
        graphs: adjacencyGraphs,
        l33tMaxSubstitutions: SUBSTITUTIONS_MAX,
      }),
  );
  return loading;
}

function refused(message: string): HedgerowError {
  return new HedgerowError('INVALID', message, { field: ['password'] });
}
