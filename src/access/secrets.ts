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
  return timingSafeEqual(digestOf(given), digestOf(expected));
}

/** What secrets are compared by, where one is compared with several; in hex it is what `hashSecret` answers. */
export function digestOf(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}

export type AccessIdPrefix = 'user' | 'session' | 'account' | 'verification' | 'token';

/** 120 random bits: ids of people and sessions say nothing about when they were made. */
export function newAccessId(prefix: AccessIdPrefix): string {
  return `${prefix}_${randomBytes(15).toString('hex')}`;
}
