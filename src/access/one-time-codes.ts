/**
 * The codes of a second factor: six digits by time (RFC 6238, with what every app takes: HMAC-SHA-1, 30 s), and recovery
 * codes, which stand in for them once. Nothing here knows of people or rows.
 */

import { createHmac, randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';

/** "We recommend a length of 160 bits" (RFC 4226, section 4, R6). */
const SECRET_BYTES = 20;
const DIGITS = 6;
const ALGORITHM = 'SHA1';
const PERIOD = 30;
/** "at most one time step is allowed as the network delay" (RFC 6238, section 5.2), and as much for a clock that is ahead. */
const WINDOW = 1;

/** Of these, five bits each: no letters that are read as digits, and none that makes a word of a code (Crockford's). */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** 80 random bits: more than anybody can try, and still typed from paper. */
const RECOVERY_LENGTH = 16;
/** Characters that are looked at: a code with its spaces and dashes. */
const TYPED_MAX = 64;

export type Code =
  | { readonly kind: 'app'; readonly digits: string }
  | { readonly kind: 'recovery'; readonly secret: string };

/** What somebody typed or pasted: spaces, dashes, case and look-alikes do not matter. Null: no code at all. */
export function readCode(typed: unknown): Code | null {
  if (typeof typed !== 'string' || typed.length > TYPED_MAX) return null;
  const text = typed
    .normalize('NFKC')
    .replace(/[\s\p{Pd}]/gu, '')
    .toLowerCase();
  if (text.length === DIGITS && /^[0-9]+$/.test(text)) return { kind: 'app', digits: text };
  const secret = text.replaceAll('o', '0').replace(/[il]/g, '1');
  const whole = secret.length === RECOVERY_LENGTH && [...secret].every((sign) => ALPHABET.includes(sign));
  return whole ? { kind: 'recovery', secret } : null;
}

/** A secret for an app, as bytes. */
export function newCodeSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/** The secret as people type it into an app: base32 (RFC 4648) in groups of four. */
export function secretToType(secret: Uint8Array): string {
  return secretOf(secret).base32.replace(/(.{4})(?=.)/g, '$1 ');
}

/** What the picture for an app says: `otpauth://totp/…`. */
export function secretUrl(
  secret: Uint8Array,
  { instance, name }: { instance: string; name: string },
): string {
  return new TOTP({
    issuer: instance,
    label: name,
    secret: secretOf(secret),
    algorithm: ALGORITHM,
    digits: DIGITS,
    period: PERIOD,
  }).toString();
}

/**
 * The step (of 30 s since 1970) whose code this is, of the one now and those beside it; null where it is none of theirs.
 *
 * @param at ms since 1970
 */
export function stepOf(secret: Uint8Array, digits: string, at: number): number | null {
  const delta = TOTP.validate({
    token: digits,
    secret: secretOf(secret),
    algorithm: ALGORITHM,
    digits: DIGITS,
    period: PERIOD,
    timestamp: at,
    window: WINDOW,
  });
  return delta === null ? null : Math.floor(at / (PERIOD * 1000)) + delta;
}

/** `xxxx-xxxx-xxxx-xxxx` */
export function newRecoveryCode(): string {
  // 32 signs, so that the rest of a byte favours none of them.
  const signs = [...randomBytes(RECOVERY_LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
  return signs.replace(/(.{4})(?=.)/g, '$1-');
}

/**
 * By what a recovery code is kept, hex. With a key of the master key, for 80 bits of the person's own are few enough to be
 * tried by whoever has a copy of the database and much time.
 */
export function recoveryHash(key: Uint8Array, userId: string, secret: string): string {
  return createHmac('sha256', key).update(`${userId}\n${secret}`).digest('hex');
}

function secretOf(bytes: Uint8Array): Secret {
  return new Secret({ buffer: Uint8Array.from(bytes).buffer });
}
