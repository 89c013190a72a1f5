/** Forms that several messages share. */

const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
const VERSION = /^[A-Za-z0-9_-]{1,64}$/;
const DIGEST = /^sha-256:[0-9a-f]{64}$/;
const CHECKSUM = /^[0-9a-f]{16}$/;
const INSTANCE_ID = /^inst_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MIME_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*$/;

/** Any id: `[A-Za-z0-9][A-Za-z0-9_-]{0,127}`. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

/** The version of an item: `[A-Za-z0-9_-]{1,64}`. */
export function isVersion(value: unknown): value is string {
  return typeof value === 'string' && VERSION.test(value);
}

/** `sha-256:<64 hex digits>`, lower case. */
export function isDigest(value: unknown): value is string {
  return typeof value === 'string' && DIGEST.test(value);
}

/** 16 hex digits, lower case. */
export function isChecksum(value: unknown): value is string {
  return typeof value === 'string' && CHECKSUM.test(value);
}

/** `inst_<uuid>`, lower case. */
export function isInstanceId(value: unknown): value is string {
  return typeof value === 'string' && INSTANCE_ID.test(value);
}

/** `type/subtype` (RFC 6838, section 4.2), without parameters, up to 127 characters. */
export function isMimeType(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 127 && MIME_TYPE.test(value);
}

/** A whole number from `min` to `max`. */
export function isInteger(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
}
