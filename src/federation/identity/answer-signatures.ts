/**
 * Signed answers (RFC 9421 with `req`, section 2.4): an answer names the request that it answers, so that one which
 * was recorded, or is meant for somebody else, convinces nobody.
 *
 * Only a signed answer may change what is believed about a peer (docs/federation.md, "What an answer may change").
 */

import { contentDigest, matchesContentDigest } from './content-digest.ts';
import { type FieldList, oneField } from './http-fields.ts';
import { type PrivateKey, type PublicKey, signBytes, verifyBytes } from './keys.ts';
import {
  readSignatureFields,
  sameComponents,
  signatureBase,
  signatureHeaders,
  withinClockTolerance,
} from './signature-fields.ts';

const ANSWER_TAG = 'hedgerow-answer-1';
const ANSWER_PARAMETERS: ReadonlySet<string> = new Set(['created', 'keyid', 'alg', 'tag']);
const BY_SIGNATURE = ['"@status"', '"content-digest"', '"signature";req'] as const;
const BY_AUTHORIZATION = ['"@status"', '"content-digest"', '"authorization";req'] as const;

/**
 * What an answer is bound to. `signature` (the value of the request's field `Signature`) is the rule, and only where
 * that signature verified. `authorization` (the value of that field) is for 401 `credential-refused` alone, for a
 * token that was never known: there is no key then to verify the request with.
 */
export type AnswerBinding = { signature: string } | { authorization: string };

/** What the puller remembers of its request. */
export interface SentRequest {
  /** The values of the fields as they were sent. */
  signature: string;
  /** Undefined for pairing. */
  authorization?: string | undefined;
}

export interface ReceivedAnswer {
  status: number;
  fields: FieldList;
  /** The content as it arrived, before any content coding is undone. */
  body: Uint8Array;
}

export type AnswerVerdict =
  /** Signed by the pinned key, for this request, just now. */
  | { kind: 'signed' }
  /**
   * Signed by the pinned key over our `Authorization` only. To be believed for the code `credential-refused` and
   * nothing else; the status is 401.
   */
  | { kind: 'signed-for-token' }
  /**
   * Signed by the pinned key for this request, but by a clock more than five minutes away from ours. To be believed
   * for the code `clock-skew` and nothing else; the status is 401.
   */
  | { kind: 'skewed' }
  /** Names another key than the pinned one: the reason to read the chain of key changes. Believe nothing yet. */
  | { kind: 'other-key'; keyid: string }
  /** Anyone on the way may have made it. `missing`: not signed at all, else why the signature does not count. */
  | { kind: 'unsigned'; why: 'missing' | 'malformed' | 'content' | 'signature' | 'created' };

/**
 * @param answer.body the content as it will be sent, encoded
 * @returns `content-digest`, `signature-input`, `signature`
 */
export function signAnswer(
  answer: { status: number; body: Uint8Array; binding: AnswerBinding },
  key: PrivateKey,
  now: Date,
): Record<string, string> {
  const { status, body, binding } = answer;
  if ('authorization' in binding && status !== 401)
    throw new TypeError('bound to a token, an answer must be a 401');
  const components = 'signature' in binding ? BY_SIGNATURE : BY_AUTHORIZATION;
  const digest = contentDigest(body);
  const params =
    `(${components.join(' ')});created=${Math.floor(now.getTime() / 1000)}` +
    `;keyid="${key.thumbprint}";alg="ed25519";tag="${ANSWER_TAG}"`;
  const values = {
    '"@status"': String(status),
    '"content-digest"': digest,
    '"signature";req': 'signature' in binding ? binding.signature : '',
    '"authorization";req': 'authorization' in binding ? binding.authorization : '',
  };
  return {
    'content-digest': digest,
    ...signatureHeaders(params, signBytes(signatureBase(components, values, params), key)),
  };
}

/** Says what an answer is worth. Never throws: what cannot be verified is unsigned. */
export function verifyAnswer(
  answer: ReceivedAnswer,
  sent: SentRequest,
  key: PublicKey,
  now: Date,
): AnswerVerdict {
  const read = readSignatureFields(answer.fields, ANSWER_PARAMETERS);
  if (read.kind === 'none') return { kind: 'unsigned', why: 'missing' };
  if (read.kind === 'bad') return { kind: 'unsigned', why: 'malformed' };
  const { components, created, keyid, tag, params, signature } = read.fields;
  const forToken = sameComponents(components, BY_AUTHORIZATION);
  if (tag !== ANSWER_TAG || !(forToken || sameComponents(components, BY_SIGNATURE)))
    return { kind: 'unsigned', why: 'malformed' };
  // A token does not change from request to request, so such an answer can be played back within its five minutes:
  // it must not be able to say more than that the token is refused.
  if (forToken && (answer.status !== 401 || sent.authorization === undefined))
    return { kind: 'unsigned', why: 'malformed' };
  if (keyid !== key.thumbprint) return { kind: 'other-key', keyid };

  const digest = oneField(answer.fields, 'content-digest');
  if (digest.kind !== 'one') return { kind: 'unsigned', why: 'malformed' };
  if (!matchesContentDigest(digest.value, answer.body)) return { kind: 'unsigned', why: 'content' };
  const values = {
    '"@status"': String(answer.status),
    '"content-digest"': digest.value,
    '"signature";req': sent.signature,
    '"authorization";req': sent.authorization ?? '',
  };
  if (!verifyBytes(signatureBase(components, values, params), signature, key))
    return { kind: 'unsigned', why: 'signature' };
  const fresh = withinClockTolerance(created, now);
  if (forToken) return fresh ? { kind: 'signed-for-token' } : { kind: 'unsigned', why: 'created' };
  if (fresh) return { kind: 'signed' };
  return answer.status === 401 ? { kind: 'skewed' } : { kind: 'unsigned', why: 'created' };
}
