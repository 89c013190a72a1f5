/** Secrets that are shown once: random, and kept by their hash alone. */

import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { toBase64url } from '../lib/base64url.ts';

const SECRET_BYTES = 32;

/** 256 random bits, 43 characters. */
export function newSecret(): string {
  return toBase64url(randomBytes(SECRET_BYTES));
}

/** SHA-256, hex. A fast hash is enough: 256 random bits cannot be guessed, however fast one guesses. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret);
}

/** Compares by hash, so that neither content nor length shows in the time it takes. */
export function sameSecret(given: string, expected: string): boolean {
  return matcherOf(expected)(given);
}

/** As `sameSecret`, for a secret that is compared with many. */
export function matcherOf(expected: string): (given: string) => boolean {
  const known = hash('sha256', expected, 'buffer');
  return (given) => timingSafeEqual(hash('sha256', given, 'buffer'), known);
}

export type AccessIdPrefix = 'user' | 'session' | 'account' | 'verification' | 'token';

/** 120 random bits: ids of people and sessions say nothing about when they were made. */
export function newAccessId(prefix: AccessIdPrefix): string {
  return `${prefix}_${randomBytes(15).toString('hex')}`;
}
