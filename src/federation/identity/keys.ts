/**
 * Ed25519 keys (RFC 8032): the identity of an instance, and the single-use key of an invitation.
 *
 * A key is named by its RFC 7638 thumbprint: 43 characters of base64url, which is also what people compare.
 */

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { fromBase64url, toBase64url } from '../../lib/base64url.ts';
import { HedgerowError } from '../../lib/errors.ts';

/** An Ed25519 public key as JSON Web Key (RFC 8037, section 2); `x` is 32 bytes in base64url. */
export interface PublicJwk {
  kty: 'OKP';
  crv: 'Ed25519';
  x: string;
}

/** A public key that was checked: on the curve, canonical, not of small order. */
export interface PublicKey {
  readonly jwk: PublicJwk;
  /** RFC 7638: base64url of the SHA-256 of the canonical JWK; 43 characters. */
  readonly thumbprint: string;
  readonly key: KeyObject;
}

/** A key pair. The private half leaves this object only through `privateSeed`. */
export interface PrivateKey extends PublicKey {
  readonly privateKey: KeyObject;
}

/** Bytes of a seed and of a public key. */
export const KEY_BYTES = 32;
/** Bytes of a signature. */
export const SIGNATURE_BYTES = 64;

const THUMBPRINT = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** DER before a 32-byte seed in PKCS #8, and before 32 public bytes in SPKI (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

const P = 2n ** 255n - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;

/**
 * The y coordinates of the eight points whose order divides 8. Each stands for up to two points, x and -x, so the
 * sign bit is not looked at: that also catches the encodings with x = 0 and the sign bit set.
 */
const ORDER_8_Y = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  1n, // the neutral element
  P - 1n, // order 2
  0n, // order 4
  ORDER_8_Y,
  P - ORDER_8_Y,
]);

export function generateKey(): PrivateKey {
  return privateKeyFromSeed(randomBytes(KEY_BYTES));
}

/** @throws RangeError where the seed is not 32 bytes */
export function privateKeyFromSeed(seed: Uint8Array): PrivateKey {
  if (seed.length !== KEY_BYTES)
    throw new RangeError(`an Ed25519 seed has ${KEY_BYTES} bytes, not ${seed.length}`);
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const key = createPublicKey(privateKey);
  const jwk: PublicJwk = { kty: 'OKP', crv: 'Ed25519', x: key.export({ format: 'jwk' }).x ?? '' };
  return { jwk, thumbprint: thumbprintOf(jwk), key, privateKey };
}

/** The 32 bytes from which `privateKeyFromSeed` makes the same key again. Secret. */
export function privateSeed(key: PrivateKey): Buffer {
  return key.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8_PREFIX.length);
}

/** The 32 bytes of a public key (RFC 8032, section 5.1.5). */
export function publicBytes(key: PublicKey): Buffer {
  return Buffer.from(key.jwk.x, 'base64url');
}

/** @throws HedgerowError PAIRING_KEY_REFUSED as `parsePublicKey` */
export function publicKeyFromBytes(bytes: Uint8Array): PublicKey {
  return parsePublicKey({ kty: 'OKP', crv: 'Ed25519', x: toBase64url(bytes) });
}

/**
 * Reads another instance's JWK and refuses what is no proper key. Members besides `kty`, `crv` and `x` are ignored,
 * but for `d`.
 *
 * @throws HedgerowError PAIRING_KEY_REFUSED with a sentence
 */
export function parsePublicKey(value: unknown): PublicKey {
  if (typeof value !== 'object' || value === null) throw refused('it is not a JSON Web Key');
  const { kty, crv, x, d } = value as Record<string, unknown>;
  if (kty !== 'OKP' || crv !== 'Ed25519') throw refused('it is not an Ed25519 key');
  // A private half that travelled is known to whoever listened.
  if (d !== undefined) throw refused('its private half was sent along');
  const bytes = fromBase64url(x, KEY_BYTES);
  if (bytes === undefined) throw refused('it is not 32 bytes in base64url');

  const y = littleEndian(bytes) & (2n ** 255n - 1n);
  // RFC 8032, section 5.1.3, step 1: "If the resulting value is >= p, decoding fails." OpenSSL reduces it instead,
  // which would give one key two thumbprints.
  if (y >= P) throw refused('it is not written in its canonical form');
  // With a point of small order as the key, S*B = R + k*A holds for one fixed (R, S) whatever was signed, and
  // node:crypto takes such keys: https://eprint.iacr.org/2020/1244, section 3.
  if (SMALL_ORDER_Y.has(y)) throw refused('it is a point of small order, for which signatures prove nothing');
  // node:crypto imports any 32 bytes; half of all values of y are not on the curve and would never verify.
  if (!isOnCurve(y)) throw refused('it is not a point of the curve');

  const jwk: PublicJwk = { kty, crv, x: x as string };
  return { jwk, thumbprint: thumbprintOf(jwk), key: createPublicKey({ key: { ...jwk }, format: 'jwk' }) };
}

const stored = new LRUCache<string, PublicKey>({ max: 1_000 });

/**
 * A key as a row has it, which was parsed and judged when it was stored; looked at once more and then kept, since judging
 * costs more than verifying a signature.
 *
 * @param text JSON of a JWK
 * @throws HedgerowError PAIRING_KEY_REFUSED
 */
export function storedPublicKey(text: string): PublicKey {
  let key = stored.get(text);
  if (key === undefined) {
    key = parsePublicKey(JSON.parse(text));
    stored.set(text, key);
  }
  return key;
}

/** RFC 7638, section 3.2 and RFC 8037, section 2: the members `crv`, `kty`, `x`, in this order, without spaces. */
export function thumbprintOf(jwk: PublicJwk): string {
  return createHash('sha256')
    .update(`{"crv":"${jwk.crv}","kty":"${jwk.kty}","x":"${jwk.x}"}`)
    .digest('base64url');
}

/** Whether `text` has the form of a thumbprint: 43 characters that stand for 32 bytes. */
export function isThumbprint(text: unknown): text is string {
  return typeof text === 'string' && THUMBPRINT.test(text);
}

/** 64 bytes; about 40 µs. */
export function signBytes(text: string, key: PrivateKey): Buffer {
  return sign(null, Buffer.from(text), key.privateKey);
}

/** About 110 µs. False for whatever is not a signature, of whatever length. */
export function verifyBytes(text: string, signature: Uint8Array, key: PublicKey): boolean {
  return verify(null, Buffer.from(text), key.key, signature);
}

function refused(why: string): HedgerowError {
  return new HedgerowError('PAIRING_KEY_REFUSED', `The key of the other server is not acceptable: ${why}.`);
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

/** RFC 8032, section 5.1.3: x² = (y² - 1) / (d y² + 1) must be a square, by Euler's criterion. */
function isOnCurve(y: bigint): boolean {
  const square = (y * y) % P;
  const numerator = (square + P - 1n) % P;
  const denominator = (D * square + 1n) % P;
  // u/v is a square exactly where u*v is one; this saves the inversion.
  return power((numerator * denominator) % P, (P - 1n) / 2n) !== P - 1n;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}
