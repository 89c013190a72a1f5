/** Passwords: how they are kept, and which are taken. */

import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { fromBase64url, toBase64url } from '../lib/base64url.ts';
import { HedgerowError } from '../lib/errors.ts';
import { checkPassword } from './password-policy.ts';

/**
 * scrypt (RFC 7914) with N = 2^15, r = 8, p = 3: 32 MiB and about 150 ms, one of the settings that OWASP's
 * password storage cheat sheet lists as equal. The parameters stand in each hash, so they can be raised later.
 */
const COST_LOG2 = 15;
const BLOCK_SIZE = 8;
const PARALLELISM = 3;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

/**
 * Hashes at a time. scrypt runs on the four threads that files are read on as well: a flood of sign-ins must not
 * keep pictures from being served.
 */
const AT_ONCE = 2;
/** Hashes that wait; more are turned away, at about 4 s of waiting. */
const WAITING_MAX = 50;

export interface Passwords {
  /**
   * Whether `value` may become the password of the person of that name; what is kept already is not asked about.
   *
   * @throws HedgerowError INVALID with the field `password`
   */
  check(value: unknown, name: string): Promise<string>;
  hash(password: string): Promise<string>;
  verify(input: { hash: string; password: string }): Promise<boolean>;
}

export interface PasswordOptions {
  /** log2 of scrypt's N; tests take a small one. */
  costLog2?: number | undefined;
  /** Of the instance, which is no password. */
  instanceName?: (() => string) | undefined;
}

export function createPasswords({
  costLog2 = COST_LOG2,
  instanceName = () => '',
}: PasswordOptions = {}): Passwords {
  const turn = createTurns();
  return {
    check: (value, name) => checkPassword(value, { name, instance: instanceName() }),
    hash: (password) =>
      turn(async () => {
        const salt = randomBytes(SALT_BYTES);
        const key = await derive(password, salt, { log2: costLog2, r: BLOCK_SIZE, p: PARALLELISM });
        return `scrypt$${costLog2}$${BLOCK_SIZE}$${PARALLELISM}$${toBase64url(salt)}$${toBase64url(key)}`;
      }),
    verify: ({ hash, password }) =>
      turn(async () => {
        const [scheme, log2, r, p, salt, key] = hash.split('$');
        const saltBytes = fromBase64url(salt, SALT_BYTES);
        const keyBytes = fromBase64url(key, KEY_BYTES);
        if (scheme !== 'scrypt' || saltBytes === undefined || keyBytes === undefined) return false;
        const cost = { log2: Number(log2), r: Number(r), p: Number(p) };
        return timingSafeEqual(await derive(password, saltBytes, cost), keyBytes);
      }),
  };
}

interface Cost {
  log2: number;
  r: number;
  p: number;
}

function derive(password: string, salt: Uint8Array, { log2, r, p }: Cost): Promise<Buffer> {
  const N = 2 ** log2;
  const options: ScryptOptions = { N, r, p, maxmem: 128 * N * r + 128 * r * p + 1024 * 1024 };
  return new Promise((resolve, reject) => {
    // NFKC: the same password typed on another keyboard is the same bytes (NIST SP 800-63B, 5.1.1.2).
    scrypt(password.normalize('NFKC'), salt, KEY_BYTES, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

/** Lets `AT_ONCE` through and `WAITING_MAX` wait, in the order of asking. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= AT_ONCE) {
      if (waiting.length >= WAITING_MAX) {
        throw new HedgerowError('RATE_LIMITED', 'Too many people sign in at once; try again shortly.', {
          retryAfter: 5,
        });
      }
      // Whoever leaves hands its place over, so `running` stays as it is.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running++;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
