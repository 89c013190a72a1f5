/** Base64url without padding (RFC 4648, section 5), read strictly: one text for one value. */

const ALPHABET = /^[A-Za-z0-9_-]*$/;

export function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

/**
 * The bytes behind `text`, or undefined where it is not base64url, carries padding or stray bits at its end, or
 * has another length than `length` bytes.
 */
export function fromBase64url(text: unknown, length?: number): Buffer<ArrayBuffer> | undefined {
  if (typeof text !== 'string' || !ALPHABET.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  if (length !== undefined && bytes.length !== length) return undefined;
  // Two texts for one value would let a signed or hashed text be altered without the value changing.
  return bytes.toString('base64url') === text ? bytes : undefined;
}
