/**
 * Signed requests (RFC 9421, narrowed as docs/federation.md says).
 *
 * A server checks in this order, each step with a function of its own:
 *   1. `readAuthorization`       which token, and so which peer
 *   2. `readRequestSignature`    is there exactly one signature in the allowed shape, and does the body match it
 *   3. `verifyRequestSignature`  keyid, receiver, signature, then created
 *   4. nonce and state of the row, which are the server's
 */

import { randomFillSync } from 'node:crypto';
import { HedgerowError } from '../../lib/errors.ts';
import { contentDigest, matchesContentDigest } from './content-digest.ts';
import { type FieldList, oneField } from './http-fields.ts';
import { isThumbprint, type PrivateKey, type PublicKey, signBytes, verifyBytes } from './keys.ts';
import {
  readSignatureFields,
  sameComponents,
  signatureBase,
  signatureHeaders,
  withinClockTolerance,
} from './signature-fields.ts';

/** Where every path of this protocol begins; what stands before it is the deployment's affair and is not signed. */
export const FEDERATION_ROOT = '/federation/v1';

const REQUEST_TAG = 'hedgerow-federation-1:';
const PAIRING_TAG = 'hedgerow-pairing-1';
const REQUEST_PARAMETERS: ReadonlySet<string> = new Set(['created', 'nonce', 'keyid', 'alg', 'tag']);
const REQUEST_COMPONENTS = ['"@method"', '"@path"', '"@query"', '"authorization"'] as const;
const PAIRING_COMPONENTS = [
  '"@method"',
  '"@path"',
  '"@query"',
  '"content-digest"',
  '"hedgerow-proof"',
] as const;

/** Bytes of a nonce. */
const NONCE_BYTES = 16;

/** A request about to be sent. */
export interface OutgoingRequest {
  /** Upper case. */
  method: string;
  /** The request target or the whole URL, exactly as it will be sent. */
  target: string;
  /** The content as it will be sent; left out or empty where there is none. */
  body?: Uint8Array | undefined;
}

/** A request as it arrived. */
export interface IncomingRequest {
  method: string;
  /** The request target as it stood in the request line (Node's `req.url`). */
  target: string;
  fields: FieldList;
  /** The content as it arrived; left out or empty where there is none. */
  body?: Uint8Array | undefined;
}

export interface RequestSigner {
  key: PrivateKey;
  now: Date;
  /** 16 to 64 printable ASCII characters without quotes; by default 128 random bits. */
  nonce?: string;
}

/** A signature in the allowed shape, of which nothing has been verified but that the body matches its digest. */
export interface RequestSignature {
  form: 'request' | 'pairing';
  keyid: string;
  /** Seconds since 1970. */
  created: number;
  nonce: string;
  /** Thumbprint of the key that the request is meant for; undefined for pairing, where the body names it. */
  receiver: string | undefined;
  base: string;
  signature: Buffer<ArrayBuffer>;
  /** The value of the field `Signature`; `signAnswer` binds the answer to it. */
  signatureField: string;
}

/** The `Authorization` field: its whole value, and the token where it is of the Bearer scheme. */
export interface Authorization {
  value: string;
  token: string | undefined;
}

/**
 * @returns the fields to add, names in lower case: `authorization`, `content-digest` where there is a body,
 *   `signature-input`, `signature`
 */
export function signRequest(
  request: OutgoingRequest,
  signer: RequestSigner & { /** Thumbprint of the receiver's pinned key. */ receiver: string; token: string },
): Record<string, string> {
  const values: Record<string, string> = { '"authorization"': `Bearer ${signer.token}` };
  const headers: Record<string, string> = { authorization: `Bearer ${signer.token}` };
  const components: string[] = [...REQUEST_COMPONENTS];
  if (request.body && request.body.length > 0) {
    headers['content-digest'] = values['"content-digest"'] = contentDigest(request.body);
    components.push('"content-digest"');
  }
  return {
    ...headers,
    ...signedFields(request, components, values, signer, `${REQUEST_TAG}${signer.receiver}`),
  };
}

/**
 * Signs the request that redeems an invitation. It carries no token: there is none yet.
 *
 * @returns `hedgerow-proof`, `content-digest`, `signature-input`, `signature`
 */
export function signPairingRequest(
  request: OutgoingRequest & { body: Uint8Array },
  signer: RequestSigner & { proof: string },
): Record<string, string> {
  const digest = contentDigest(request.body);
  const values = { '"content-digest"': digest, '"hedgerow-proof"': signer.proof };
  return {
    'hedgerow-proof': signer.proof,
    'content-digest': digest,
    ...signedFields(request, PAIRING_COMPONENTS, values, signer, PAIRING_TAG),
  };
}

/**
 * Undefined where there is no `Authorization`.
 *
 * @throws HedgerowError SIGNATURE_INVALID where it is repeated or malformed
 */
export function readAuthorization(fields: FieldList): Authorization | undefined {
  const field = oneField(fields, 'authorization');
  if (field.kind === 'none') return undefined;
  if (field.kind === 'bad') throw invalid('there must be one Authorization');
  // RFC 9110, section 11.1: the scheme is case-insensitive. RFC 6750, section 2.1: the form of a token.
  const token = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(field.value)?.[1];
  return { value: field.value, token };
}

/** @throws HedgerowError SIGNATURE_INVALID */
export function readRequestSignature(request: IncomingRequest): RequestSignature {
  const hasBody = (request.body?.length ?? 0) > 0;
  const authorization = oneField(request.fields, 'authorization');
  if (authorization.kind !== 'one') throw invalid('there must be one Authorization');
  const values: Record<string, string> = { '"authorization"': authorization.value };
  const expected: string[] = [...REQUEST_COMPONENTS];
  if (hasBody) {
    values['"content-digest"'] = readContentDigest(request);
    expected.push('"content-digest"');
  }
  const { receiver, ...rest } = readSigned(request, 'request', expected, values);
  if (!isThumbprint(receiver)) throw invalid('its tag must name the key of the receiver');
  return { ...rest, receiver };
}

/**
 * The same for `POST /federation/v1/pairings`; `proof` is the value of `Hedgerow-Proof`, not verified.
 *
 * @throws HedgerowError SIGNATURE_INVALID
 */
export function readPairingSignature(request: IncomingRequest): RequestSignature & { proof: string } {
  // A token here would be signed by nobody.
  if (oneField(request.fields, 'authorization').kind !== 'none')
    throw invalid('Authorization has no place here');
  const proof = oneField(request.fields, 'hedgerow-proof');
  if (proof.kind !== 'one') throw invalid('there must be one Hedgerow-Proof');
  const values = { '"content-digest"': readContentDigest(request), '"hedgerow-proof"': proof.value };
  return { ...readSigned(request, 'pairing', PAIRING_COMPONENTS, values), proof: proof.value };
}

/**
 * @param key the key that is pinned for the peer whose token came along; for pairing the key in the body
 * @param receivers our own thumbprints, current and former; not looked at for pairing
 * @throws HedgerowError SIGNATURE_INVALID; CLOCK_SKEW with `extra.serverTime`, and only after the signature
 *   verified, so that the refusal may be signed
 */
export function verifyRequestSignature(
  parsed: RequestSignature,
  key: PublicKey,
  receivers: readonly string[],
  now: Date,
): void {
  if (parsed.keyid !== key.thumbprint)
    throw invalid('it was made with another key than the one that is pinned');
  // Else whoever receives a request could carry it on to a third server that knows the same key.
  if (parsed.receiver !== undefined && !receivers.includes(parsed.receiver))
    throw invalid('it is meant for another server');
  if (!verifyBytes(parsed.base, parsed.signature, key)) throw invalid('it does not verify');
  if (!withinClockTolerance(parsed.created, now))
    throw new HedgerowError('CLOCK_SKEW', undefined, { extra: { serverTime: now.toISOString() } });
}

/**
 * `@path` and `@query` of a target (RFC 9421, sections 2.2.6 and 2.2.7). The path begins with `/federation/v1` at its
 * first occurrence, so that a prefix that a reverse proxy adds or takes away does not matter; it is neither decoded
 * nor normalised otherwise. Undefined where the path does not contain it, or where there is a fragment.
 */
export function signedTarget(target: string): { path: string; query: string } | undefined {
  // The slashes before the host of an absolute target go first: in `http://federation/v1` it would be found in the host.
  const local = target.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//, '');
  // RFC 9112, section 3.2: a request target has no fragment. What routes the request may read one as part of the query.
  if (local.includes('#')) return undefined;
  const mark = local.indexOf('?');
  const whole = mark === -1 ? local : local.slice(0, mark);
  const start = whole.indexOf(FEDERATION_ROOT);
  if (start === -1) return undefined;
  // RFC 9421, section 2.2.7: "If the query string is absent from the request message, the component value is the
  // leading ? character alone".
  return { path: whole.slice(start), query: mark === -1 ? '?' : local.slice(mark) };
}

function signedFields(
  request: OutgoingRequest,
  components: readonly string[],
  values: Readonly<Record<string, string>>,
  signer: RequestSigner,
  tag: string,
): Record<string, string> {
  const target = signedTarget(request.target);
  if (!target) throw new TypeError(`not a path of the federation: ${request.target}`);
  const nonce = signer.nonce ?? nextNonce();
  if (!/^[\x20\x21\x23-\x5b\x5d-\x7e]{16,64}$/.test(nonce)) throw new TypeError('not a nonce');
  const created = Math.floor(signer.now.getTime() / 1000);
  const params =
    `(${components.join(' ')});created=${created};nonce="${nonce}"` +
    `;keyid="${signer.key.thumbprint}";alg="ed25519";tag="${tag}"`;
  const all = { ...values, '"@method"': request.method, '"@path"': target.path, '"@query"': target.query };
  return signatureHeaders(params, signBytes(signatureBase(components, all, params), signer.key));
}

/** Random bytes for nonces, fetched for many at once: each fetching costs as much as a tenth of a signature. */
const nonces = Buffer.alloc(NONCE_BYTES * 64);
let used = nonces.length;

function nextNonce(): string {
  if (used === nonces.length) {
    randomFillSync(nonces);
    used = 0;
  }
  used += NONCE_BYTES;
  return nonces.toString('base64url', used - NONCE_BYTES, used);
}

function readSigned(
  request: IncomingRequest,
  form: RequestSignature['form'],
  expected: readonly string[],
  values: Readonly<Record<string, string>>,
): RequestSignature {
  // A body on GET has no meaning (RFC 9110, section 9.3.1) and is what request smuggling is made of.
  if (request.method === 'GET' && announcesBody(request)) throw invalid('a GET has no body');
  const read = readSignatureFields(request.fields, REQUEST_PARAMETERS);
  if (read.kind === 'none') throw invalid('there is none');
  if (read.kind === 'bad') throw invalid(read.reason);
  const { components, created, nonce, keyid, tag, params, signature, signatureField } = read.fields;
  if (!sameComponents(components, expected)) throw invalid(`it must cover exactly ${expected.join(' ')}`);
  if (form === 'pairing' ? tag !== PAIRING_TAG : !tag.startsWith(REQUEST_TAG))
    throw invalid('its tag is another');
  const target = signedTarget(request.target);
  if (!target) throw invalid('the path is none of the federation');

  const all = { ...values, '"@method"': request.method, '"@path"': target.path, '"@query"': target.query };
  return {
    form,
    keyid,
    created,
    nonce: nonce ?? '',
    receiver: form === 'pairing' ? undefined : tag.slice(REQUEST_TAG.length),
    base: signatureBase(components, all, params),
    signature,
    signatureField,
  };
}

function readContentDigest(request: IncomingRequest): string {
  const field = oneField(request.fields, 'content-digest');
  if (field.kind !== 'one') throw invalid('there must be one Content-Digest');
  if (!matchesContentDigest(field.value, request.body ?? new Uint8Array()))
    throw invalid('the body was altered');
  return field.value;
}

function announcesBody(request: IncomingRequest): boolean {
  if ((request.body?.length ?? 0) > 0) return true;
  return request.fields.some(([name, value]) => {
    const lower = name.toLowerCase();
    return lower === 'transfer-encoding' || (lower === 'content-length' && value.trim() !== '0');
  });
}

function invalid(why: string): HedgerowError {
  return new HedgerowError('SIGNATURE_INVALID', `The signature is not acceptable: ${why}.`);
}
