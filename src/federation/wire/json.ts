/** JSON from another instance: bounded in bytes and in depth before any of it becomes an object. */

import { type Code, HedgerowError } from '../../lib/errors.ts';
import { ANSWER_BYTES, JSON_DEPTH } from './limits.ts';

export interface JsonBounds {
  /** Bytes; 16 MiB unless told. */
  maxBytes?: number;
  /** Levels of objects and lists; 32 unless told. */
  maxDepth?: number;
  /** PEER_INVALID_ANSWER unless told; INVALID for the body of a request. */
  code?: Code;
}

/**
 * @param bytes UTF-8 (RFC 8259, section 8.1), without a byte order mark
 * @throws HedgerowError `bounds.code`
 */
export function parseJson(bytes: Uint8Array, bounds: JsonBounds = {}): unknown {
  const { maxBytes = ANSWER_BYTES, maxDepth = JSON_DEPTH, code = 'PEER_INVALID_ANSWER' } = bounds;
  if (bytes.length > maxBytes) throw new HedgerowError(code, `The JSON is larger than ${maxBytes} bytes.`);
  // JSON.parse itself copes with any depth, but what walks its result by recursion does not.
  if (jsonDepth(bytes, maxDepth) > maxDepth) throw new HedgerowError(code, 'The JSON is nested too deeply.');
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new HedgerowError(code, 'This is not JSON in UTF-8.', { cause });
  }
}

/** Levels of `{` and `[` outside of strings; stops counting past `enough`. Right for any valid JSON. */
export function jsonDepth(bytes: Uint8Array, enough = Number.POSITIVE_INFINITY): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      // Over the string: its end is the first quote without a backslash before it that counts.
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
    } else if (byte === BRACE || byte === BRACKET) {
      depth++;
      if (depth > deepest) deepest = depth;
      if (deepest > enough) return deepest;
    } else if (byte === BRACE_END || byte === BRACKET_END) depth--;
  }
  return deepest;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
