/** What a client is told of an error: its code in `extensions.code`, and nothing of what went on inside. */

import { randomUUID } from 'node:crypto';
import { PothosError } from '@pothos/core';
import { GraphQLError, type GraphQLErrorExtensions } from 'graphql';
import { DatabaseAwayError, databaseAway, isAway } from '../database/outage.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { GraphqlLog } from './context.ts';

/** Errors that are already as clients may see them. */
const shown = new WeakSet<Error>();

/**
 * A HedgerowError shows its code and sentence. A fault in the request itself (syntax, validation, variables)
 * is INVALID. Anything else is INTERNAL under an id, which the log has too, with the whole error.
 */
export function publicError(error: unknown, log: GraphqlLog): GraphQLError {
  if (error instanceof GraphQLError && shown.has(error)) return error;
  const visible = translate(error, log);
  shown.add(visible);
  return visible;
}

function translate(error: unknown, log: GraphqlLog): GraphQLError {
  const at = error instanceof GraphQLError ? error : undefined;
  const found = rootCause(error);
  const cause = !(found instanceof HedgerowError) && isAway(found) ? databaseAway(found) : found;
  if (cause instanceof HedgerowError && cause.code !== 'INTERNAL') {
    return located(at, cause.message, {
      code: cause.code,
      ...(cause.field !== undefined && { field: cause.field }),
      ...(cause.retryAfter !== undefined && { retryAfter: Math.ceil(cause.retryAfter) }),
      // An error that no field raised is about the request as a whole, and so is its status.
      ...(at?.path === undefined && { http: { status: cause.status } }),
      // So is a database that is away, whichever field came upon it.
      ...(cause instanceof DatabaseAwayError && {
        http: { status: cause.status, headers: { 'retry-after': String(cause.retryAfter) } },
      }),
    });
  }
  // What the engine says of the request has no path; with one, it went wrong while a field was resolved.
  if (cause instanceof GraphQLError && !(cause instanceof PothosError)) {
    const { code, http } = cause.extensions;
    if (OWN_CODES.has(String(code))) {
      // Yoga marks errors of validation as such, and answers those with 200 to clients that know no better.
      return located(at, cause.message, {
        code,
        ...(http !== undefined && { http: { status: http.status ?? 400 } }),
      });
    }
    if (at?.path === undefined) {
      const malformed = code === 'BAD_REQUEST';
      return located(at, cause.message, {
        code: http?.status === 403 ? 'FORBIDDEN' : 'INVALID',
        ...(http !== undefined && { http: malformed ? { ...http, spec: false } : http }),
      });
    }
  }
  const id = randomUUID();
  log.error({ id, err: cause, path: at?.path }, 'A GraphQL request failed.');
  return located(at, new HedgerowError('INTERNAL').message, {
    code: 'INTERNAL',
    id,
    ...(at?.path === undefined && { http: { status: 500 } }),
  });
}

/** Codes that this room's own GraphQLErrors carry. */
const OWN_CODES = new Set(['TOO_COMPLEX', 'UNAUTHENTICATED', 'FORBIDDEN', 'INVALID']);

function rootCause(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError != null) cause = cause.originalError;
  return cause;
}

function located(
  at: GraphQLError | undefined,
  message: string,
  extensions: GraphQLErrorExtensions,
): GraphQLError {
  return new GraphQLError(message, {
    extensions,
    ...(at?.nodes !== undefined && { nodes: at.nodes }),
    ...(at?.source !== undefined && { source: at.source }),
    ...(at?.positions !== undefined && { positions: at.positions }),
    ...(at?.path !== undefined && { path: at.path }),
  });
}
