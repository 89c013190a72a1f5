/** One bounded request and its whole answer, and what failures of the network are called. */
import { type Dispatcher, errors } from 'undici';
import { HedgerowError, systemCode } from '../../lib/errors.ts';
import { type FieldList, fieldsFromRaw } from '../identity/http-fields.ts';

export interface Exchange {
  /** Absolute URL. */
  url: string;
  method: 'GET' | 'POST' | 'DELETE';
  headers: Record<string, string>;
  body?: Uint8Array | undefined;
  /** Bytes of the answer as it arrives; one more, and the connection is closed. */
  maxBytes: number;
  /** ms for the whole exchange. */
  deadline: number;
  signal?: AbortSignal | undefined;
}

export interface Answer {
  status: number;
  fields: FieldList;
  /** As it arrived, encoded. */
  body: Buffer;
  /** ms from sending to the last byte. */
  elapsed: number;
}

/**
 * A connection that ended before anything of an answer had come: mostly one that lay ready, and that the other side closed while the
 * request was on its way (RFC 9112, section 9.3.1). What may be asked twice may be asked again at once, with a signature of its own.
 */
export class Unanswered extends HedgerowError {}

/** @throws HedgerowError PEER_UNREACHABLE, PEER_TIMEOUT, PEER_TLS, PEER_ADDRESS_FORBIDDEN, PEER_INVALID_ANSWER. */
export async function exchange(dispatcher: Dispatcher, request: Exchange): Promise<Answer> {
  const begun = performance.now();
  let answered = false;
  const timeout = AbortSignal.timeout(request.deadline);
  const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
  try {
    const { origin, pathname, search } = new URL(request.url);
    const answer = await dispatcher.request({
      origin,
      path: pathname + search,
      method: request.method,
      headers: request.headers,
      body: request.body === undefined ? null : Buffer.from(request.body),
      responseHeaders: 'raw',
      signal,
    });
    answered = true;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer.body) {
      size += chunk.length;
      if (size > request.maxBytes) {
        answer.body.destroy();
        throw new HedgerowError(
          'PEER_INVALID_ANSWER',
          `The peer's answer is larger than ${request.maxBytes} bytes.`,
        );
      }
      chunks.push(chunk);
    }
    return {
      status: answer.statusCode,
      fields: rawFields(answer.headers),
      body: Buffer.concat(chunks),
      elapsed: performance.now() - begun,
    };
  } catch (error) {
    throw answered ? networkError(error, timeout.aborted) : requestError(error, timeout.aborted);
  }
}

/** With `responseHeaders: 'raw'` undici gives name and value by turns, as text or as bytes. */
export function rawFields(headers: unknown): FieldList {
  if (!Array.isArray(headers)) return [];
  return fieldsFromRaw(
    headers.map((part) => (typeof part === 'string' ? part : Buffer.from(part).toString('latin1'))),
  );
}

/** As `networkError`, of a request that had no answer. */
export function requestError(error: unknown, timedOut = false): HedgerowError {
  const told = networkError(error, timedOut);
  if (told.code !== 'PEER_UNREACHABLE' || !BROKEN_OFF.has(systemCode(error) ?? '')) return told;
  return new Unanswered(told.code, told.message, { cause: error, retryAfter: told.retryAfter ?? 0 });
}

/** Says in one of our codes why an exchange failed. */
export function networkError(error: unknown, timedOut = false): HedgerowError {
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  const own = [inner, inner instanceof Error ? inner.cause : undefined].find(
    (candidate) => candidate instanceof HedgerowError,
  );
  if (own !== undefined) return own;
  const code = systemCode(inner) ?? '';
  if (
    timedOut ||
    inner instanceof errors.ConnectTimeoutError ||
    inner instanceof errors.HeadersTimeoutError ||
    inner instanceof errors.BodyTimeoutError ||
    code === 'ETIMEDOUT'
  ) {
    return new HedgerowError('PEER_TIMEOUT', undefined, { cause: error });
  }
  if (code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || TLS_CODES.has(code)) {
    return new HedgerowError(
      'PEER_TLS',
      `The TLS connection to the peer could not be trusted (${code}). Its certificate must be valid for that name, and the address must be one that speaks TLS.`,
      {
        cause: error,
      },
    );
  }
  if (
    inner instanceof errors.HTTPParserError ||
    code.startsWith('HPE_') ||
    code === 'UND_ERR_HEADERS_OVERFLOW' ||
    code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' ||
    code === 'UND_ERR_RESPONSE'
  ) {
    return new HedgerowError('PEER_INVALID_ANSWER', 'The peer does not answer in valid HTTP.', {
      cause: error,
    });
  }
  return new HedgerowError('PEER_UNREACHABLE', REASONS[code] ?? undefined, { cause: error, retryAfter: 30 });
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'The peer refuses connections: it is switched off, or another port is meant.',
  ENOTFOUND: "The peer's host name is not known.",
  EAI_AGAIN: "The peer's host name could not be looked up.",
  EHOSTUNREACH: 'There is no way to the peer in the network.',
  ENETUNREACH: 'There is no way to the peer in the network.',
  ECONNRESET: 'The peer broke the connection off.',
  UND_ERR_SOCKET: 'The peer broke the connection off.',
};

const BROKEN_OFF = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

const TLS_CODES = new Set([
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'EPROTO',
]);
