/** `Content-Digest` (RFC 9530): SHA-256 over the content as it travels, after any content coding. */

import { createHash, timingSafeEqual } from 'node:crypto';
import { byteSequence, parseStrictDictionary } from './http-fields.ts';

/** `sha-256=:<base64>:` */
export function contentDigest(body: Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
}

/**
 * Whether the field's value has a SHA-256 and `body` is what it was made of. Digests by other algorithms beside it
 * are ignored (RFC 9530, section 2 lets a sender give several).
 */
export function matchesContentDigest(value: string, body: Uint8Array): boolean {
  const member = parseStrictDictionary(value)?.get('sha-256');
  const digest = byteSequence(member?.[0]);
  return digest?.length === 32 && timingSafeEqual(digest, createHash('sha256').update(body).digest());
}
