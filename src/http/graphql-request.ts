/** Requests for GraphQL as nearly all are; whatever is unusual of one is judged by the long way. */
import type { IncomingHttpHeaders } from 'node:http';
import type { GraphqlRequest } from '../graphql/kept-answers.ts';
import { CSRF_HEADER } from '../graphql/yoga.ts';

export type PlainRequest = GraphqlRequest & {
  /** Of the answer. */
  type: string;
};

/** What is answered where this is accepted, and nothing else said; anything longer is weighed by Yoga. */
const ANSWERED: Record<string, string> = {
  '': 'application/json',
  '*/*': 'application/json',
  'application/json': 'application/json',
  'application/graphql-response+json': 'application/graphql-response+json',
};

/** The media type of the answer; undefined where that takes weighing. */
export function answerTypeOf({ accept = '' }: IncomingHttpHeaders): string | undefined {
  return ANSWERED[accept];
}

/** Null: it is unusual. */
export function readPostedRequest(body: string): GraphqlRequest | null {
  const { query, operationName, variables, extensions } = parsedObject(body) ?? {};
  return extensions !== undefined ? null : named(query, operationName, variables);
}

/** Null: it is unusual. */
export function readQueriedRequest(
  { query, operationName, variables, extensions }: Record<string, unknown>,
  headers: IncomingHttpHeaders,
): GraphqlRequest | null {
  // As the plugin against forged requests asks.
  if (headers[CSRF_HEADER] === undefined && headers.authorization === undefined) return null;
  if (extensions !== undefined) return null;
  if (variables !== undefined && typeof variables !== 'string') return null;
  const given = variables === undefined ? {} : parsedObject(variables);
  return given === null ? null : named(query, operationName, given);
}

function named(query: unknown, operationName: unknown, variables: unknown): GraphqlRequest | null {
  if (typeof query !== 'string') return null;
  if (operationName != null && typeof operationName !== 'string') return null;
  if (variables != null && (typeof variables !== 'object' || Array.isArray(variables))) return null;
  return {
    query,
    operationName: operationName ?? undefined,
    variables: (variables ?? {}) as Record<string, unknown>,
  };
}

function parsedObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
