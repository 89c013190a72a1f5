/**
 * Header fields as they stood on the wire, and structured fields (RFC 8941) read without leniency.
 *
 * Node and undici merge or drop repeated fields; what is signed must be looked at before that happens, so all of
 * identity works on lists of pairs.
 */

import { type Dictionary, parseDictionary, serializeDictionary } from 'structured-headers';

/** Fields in the order of the wire, repeated ones included. Names in any case. */
export type FieldList = readonly (readonly [name: string, value: string])[];

/** Longer fields are none of this protocol's; the longest, Signature-Input, stays under 500 characters. */
const MAX_FIELD_LENGTH = 2048;

/** Node's `rawHeaders` (and undici's, where they are strings): name, value, name, value… */
export function fieldsFromRaw(raw: readonly string[]): FieldList {
  const fields: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) fields.push([raw[i] ?? '', raw[i + 1] ?? '']);
  return fields;
}

export type OneField =
  | { kind: 'one'; value: string }
  | { kind: 'none' }
  /** Repeated, over-long, or with characters other than printable ASCII. */
  | { kind: 'bad' };

/** The one field of that name (lower case), trimmed as RFC 9421, section 2.1 has it. */
export function oneField(fields: FieldList, name: string): OneField {
  let found: string | undefined;
  for (const [key, value] of fields) {
    if (key.toLowerCase() !== name) continue;
    // RFC 9421, section 2.1 would join repeated fields by commas; then two readers that keep the first or the last
    // one would see another message than the one that was signed.
    if (found !== undefined) return { kind: 'bad' };
    found = value.replace(/^[ \t]+|[ \t]+$/g, '');
  }
  if (found === undefined) return { kind: 'none' };
  // A line break would forge further lines of the signature base.
  if (found.length > MAX_FIELD_LENGTH || !/^[\t\x20-\x7e]*$/.test(found)) return { kind: 'bad' };
  return { kind: 'one', value: found };
}

/**
 * A dictionary (RFC 8941, section 3.2), or undefined where it is none, names a key twice, or writes a value in
 * another than its canonical form (`?1`, leading zeros, unpadded base64). Spaces are free where RFC 8941 has them.
 */
export function parseStrictDictionary(text: string): Dictionary | undefined {
  try {
    const dictionary = parseDictionary(text);
    // RFC 8941, section 4.2.2 lets the last of two equal keys win silently. What parses to the same text again, but
    // for spaces, has named each key once. (In strings both texts have the same spaces.)
    return withoutSpaces(serializeDictionary(dictionary)) === withoutSpaces(text) ? dictionary : undefined;
  } catch {
    return undefined;
  }
}

/** The bytes of a Byte Sequence, or undefined where the value is of another type. */
export function byteSequence(value: unknown): Buffer<ArrayBuffer> | undefined {
  return value instanceof ArrayBuffer ? Buffer.from(value) : undefined;
}

function withoutSpaces(text: string): string {
  return text.replace(/[ \t]/g, '');
}
