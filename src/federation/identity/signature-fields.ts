/**
 * `Signature-Input` and `Signature` (RFC 9421, section 4) in the one shape that this protocol allows: a single
 * signature by Ed25519 under the label `sig`, over an exact set of components, with an exact set of parameters.
 */

import { isInnerList, serializeInnerList } from 'structured-headers';
import { byteSequence, type FieldList, oneField, parseStrictDictionary } from './http-fields.ts';
import { SIGNATURE_BYTES } from './keys.ts';

/** Seconds by which `created` may differ from the reader's clock, in either direction. */
export const CLOCK_TOLERANCE_SECONDS = 300;

const LABEL = 'sig';

/** A signature as it was read; nothing is verified yet. */
export interface SignatureFields {
  /** Component identifiers as they stand in the signature base: `"@method"`, `"signature";req`. */
  components: string[];
  created: number;
  nonce: string | undefined;
  keyid: string;
  tag: string;
  /** The value of `"@signature-params"`. */
  params: string;
  signature: Buffer<ArrayBuffer>;
  /** The value of the field `Signature` as it was sent; what an answer is bound to. */
  signatureField: string;
}

export type ReadSignature =
  | { kind: 'read'; fields: SignatureFields }
  | { kind: 'none' }
  | { kind: 'bad'; reason: string };

/** @param parameters the names that must be there, and no others */
export function readSignatureFields(fields: FieldList, parameters: ReadonlySet<string>): ReadSignature {
  const input = oneField(fields, 'signature-input');
  const value = oneField(fields, 'signature');
  if (input.kind === 'none' && value.kind === 'none') return { kind: 'none' };
  if (input.kind !== 'one' || value.kind !== 'one')
    return bad('its fields are missing, repeated or too long');

  const inputs = parseStrictDictionary(input.value);
  const signatures = parseStrictDictionary(value.value);
  // One signature only: where several are allowed, a verifier and the application behind it may look at different
  // ones (RFC 9421, section 7.3.4).
  if (inputs?.size !== 1 || signatures?.size !== 1) return bad('there must be exactly one, well-formed');
  const list = inputs.get(LABEL);
  const member = signatures.get(LABEL);
  if (!list || !member || !isInnerList(list) || isInnerList(member)) return bad(`its label must be ${LABEL}`);

  const signature = byteSequence(member[0]);
  if (signature?.length !== SIGNATURE_BYTES || member[1].size > 0) return bad('it is not 64 bytes');

  const components: string[] = [];
  for (const [name, flags] of list[0]) {
    if (typeof name !== 'string') return bad('a component is not a string');
    // `req` is the only component parameter in use (RFC 9421, section 2.4).
    if (flags.size > 1 || (flags.size === 1 && flags.get('req') !== true))
      return bad('a component has parameters');
    const identifier = flags.size === 1 ? `"${name}";req` : `"${name}"`;
    // RFC 9421, section 2: "Each component identifier MUST occur only once in the covered components."
    if (components.includes(identifier)) return bad('a component is named twice');
    components.push(identifier);
  }

  const given = list[1];
  if (given.size !== parameters.size || ![...given.keys()].every((name) => parameters.has(name)))
    return bad(`its parameters must be exactly ${[...parameters].join(', ')}`);
  const created = given.get('created');
  const nonce = given.get('nonce');
  const keyid = given.get('keyid');
  const tag = given.get('tag');
  if (typeof created !== 'number' || !Number.isSafeInteger(created) || created < 0)
    return bad('created is not a time');
  if (typeof keyid !== 'string' || typeof tag !== 'string') return bad('keyid and tag must be strings');
  // 16 characters hold at least 96 random bits in base64; more than 64 would only fill the table of nonces.
  if (nonce !== undefined && (typeof nonce !== 'string' || nonce.length < 16 || nonce.length > 64))
    return bad('nonce must have 16 to 64 characters');
  // RFC 9421, section 3.2: an algorithm from the message must be compared with the one that the key is known for.
  if (given.get('alg') !== 'ed25519') return bad('alg must be ed25519');

  return {
    kind: 'read',
    fields: {
      components,
      created,
      nonce,
      keyid,
      tag,
      params: serializeInnerList(list),
      signature,
      signatureField: value.value,
    },
  };
}

/** Whether `components` are exactly `expected`, in whatever order. */
export function sameComponents(components: readonly string[], expected: readonly string[]): boolean {
  return components.length === expected.length && expected.every((name) => components.includes(name));
}

/** RFC 9421, section 2.5. `values` has an entry for each of `components`. */
export function signatureBase(
  components: readonly string[],
  values: Readonly<Record<string, string>>,
  params: string,
): string {
  let base = '';
  for (const component of components) base += `${component}: ${values[component] ?? ''}\n`;
  return `${base}"@signature-params": ${params}`;
}

/** The two fields of a signature made over `base`. */
export function signatureHeaders(params: string, signature: Uint8Array): Record<string, string> {
  const base64 = Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).toString('base64');
  return { 'signature-input': `${LABEL}=${params}`, signature: `${LABEL}=:${base64}:` };
}

export function withinClockTolerance(created: number, now: Date): boolean {
  return Math.abs(Math.floor(now.getTime() / 1000) - created) <= CLOCK_TOLERANCE_SECONDS;
}

function bad(reason: string): ReadSignature {
  return { kind: 'bad', reason };
}
