/** Errors as problem documents (RFC 9457). Pure: whoever answers writes status, headers and body as they are. */

import { type Code, HedgerowError, wireCode } from '../lib/errors.ts';

export interface Problem {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** JSON. */
  body: string;
}

export interface ProblemOptions {
  /** Under which the log has the details of a fault of our own; shown so that a person can name it. */
  id?: string;
}

/**
 * What a client is told of an error. Anything that is no HedgerowError is INTERNAL, and its own words are
 * not shown.
 */
export function problemOf(error: unknown, options: ProblemOptions = {}): Problem {
  const known = error instanceof HedgerowError ? error : new HedgerowError('INTERNAL');
  const { code, status, retryAfter } = known;
  const title = titleOf(code);
  const body = {
    ...known.extra,
    type: 'about:blank',
    title,
    status,
    code: wireCode(code),
    ...(known.message !== title && { detail: known.message }),
    ...(known.field !== undefined && { field: known.field }),
    ...(retryAfter !== undefined && { retryAfter: wholeSeconds(retryAfter) }),
    ...(options.id !== undefined && { id: options.id }),
  };
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      // An error of this moment must not be kept in place of the file.
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(retryAfter !== undefined && { 'retry-after': String(wholeSeconds(retryAfter)) }),
      // "The server generating a 401 response MUST send a WWW-Authenticate header field" (RFC 9110, 15.5.2).
      ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    },
    body: JSON.stringify(body),
  };
}

/** The sentence of the code itself, which is the same for every occurrence, as RFC 9457 asks of a title. */
function titleOf(code: Code): string {
  return new HedgerowError(code).message;
}

/** Retry-After has no fractions; a wait is never rounded down to none. */
function wholeSeconds(seconds: number): number {
  return Math.max(0, Math.ceil(seconds));
}
