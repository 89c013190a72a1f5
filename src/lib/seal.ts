/**
 * Secrets at rest and tokens that only this instance can read: AES-256-GCM (NIST SP 800-38D), under keys derived from
 * the instance's master key by HKDF (RFC 5869), one for each purpose.
 */

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { fromBase64url, toBase64url } from './base64url.ts';

/** Bytes of a key, the master key included. */
export const SEAL_KEY_BYTES = 32;

/** Before the nonce, so that another construction can be told apart later. */
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * The key for one purpose. What is sealed for one purpose cannot be opened for another.
 *
 * @param purpose a constant of the program, such as `hedgerow/cursors/1`
 */
export function deriveKey(masterKey: Uint8Array, purpose: string): Buffer {
  if (masterKey.length !== SEAL_KEY_BYTES) throw new RangeError(`a key has ${SEAL_KEY_BYTES} bytes`);
  return Buffer.from(hkdfSync('sha256', masterKey, new Uint8Array(), purpose, SEAL_KEY_BYTES));
}

/**
 * @param associated what the sealed text belongs to, an id for instance; it is not stored, and `open` needs the same,
 *   so that a row copied over another row opens nothing
 * @returns base64url of version, nonce, ciphertext and tag: 39 characters and four for each three bytes
 */
export function seal(key: Uint8Array, associated: string, plain: Uint8Array | string): string {
  // Random nonces of 96 bits are safe to 2^32 texts under one key (SP 800-38D, section 8.3).
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(associated));
  const parts = [Buffer.of(VERSION), nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
  return toBase64url(Buffer.concat(parts));
}

/** What was sealed, or undefined where the text is damaged, of another key, or of another `associated`. */
export function open(key: Uint8Array, associated: string, sealed: string): Buffer | undefined {
  const bytes = fromBase64url(sealed);
  if (!bytes || bytes.length < 1 + NONCE_BYTES + TAG_BYTES || bytes[0] !== VERSION) return undefined;
  const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(associated));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const plain = decipher.update(bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return undefined;
  }
}
