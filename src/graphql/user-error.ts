/** What a caller can put right, as part of a mutation's answer. */

import { CODES, type Code, HedgerowError } from '../lib/errors.ts';
import { builder } from './builder.ts';

/** Codes that a payload or a peer's row may carry; every other code is a GraphQL error. */
export const ERROR_CODES = [
  'INVALID',
  'NOT_FOUND',
  'BAD_CURSOR',
  'READ_ONLY',
  'CONFLICT',
  'QUOTA_EXCEEDED',
  'UNSUPPORTED_MEDIA',
  'INVITATION_MALFORMED',
  'INVITATION_UNKNOWN',
  'INVITATION_NOT_MUTUAL',
  'INVITATION_EXPIRED',
  'INVITATION_USED',
  'INVITATION_CANCELLED',
  'PAIRING_OWN_INSTANCE',
  'PAIRING_ALREADY_PAIRED',
  'PAIRING_KEY_MISMATCH',
  'PAIRING_KEY_REFUSED',
  'PAIRING_AUDIENCE',
  'PAIRING_RATE_LIMITED',
  'CLOCK_SKEW',
  'SIGNATURE_INVALID',
  'CREDENTIAL_REFUSED',
  'GRANT_ENDED',
  'REVOKED',
  'PROTOCOL_UNSUPPORTED',
  'PEER_UNREACHABLE',
  'PEER_TIMEOUT',
  'PEER_TLS',
  'PEER_RATE_LIMITED',
  'PEER_INVALID_ANSWER',
  'PEER_IDENTITY',
  'PEER_ADDRESS_FORBIDDEN',
  'INTEGRITY_FAILED',
  'MEDIA_GONE',
  'CURSOR_EXPIRED',
  'REMOVALS_HELD',
] as const satisfies readonly Code[];
export type ErrorCode = (typeof ERROR_CODES)[number];

export interface UserErrorShape {
  field: readonly string[] | null;
  code: ErrorCode;
  message: string;
}

/** Those that a payload or a peer may carry, and then those that only an event of the audit has. */
export const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description:
    'What went wrong, for programs; the same codes as in problem documents. Those after REMOVALS_HELD stand in events of the audit alone; elsewhere they are errors of GraphQL.',
  values: Object.fromEntries(
    [...new Set<Code>([...ERROR_CODES, ...CODES])].map((code) => [
      code,
      { value: code, description: new HedgerowError(code).message },
    ]),
  ) as Record<Code, { value: Code; description: string }>,
});

export const UserError = builder.objectRef<UserErrorShape>('UserError').implement({
  description:
    'What a caller can put right. Signing in, permission, limits and faults of the server are GraphQL errors with extensions.code instead.',
  fields: (t) => ({
    field: t.field({
      type: ['String'],
      nullable: true,
      description: 'Path in the input; null where no single field is at fault.',
      resolve: (error) => error.field,
    }),
    code: t.field({
      type: ErrorCodeEnum,
      description: 'For programs.',
      resolve: (error) => error.code,
    }),
    message: t.exposeString('message', { description: 'For people: one sentence.' }),
  }),
});

export type Outcome<T> = T & { userErrors: UserErrorShape[] };

/** Runs a change; what a caller can put right becomes part of the answer, in place of the result. */
export async function attempt<T extends object>(nothing: T, work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ...(await work()), userErrors: [] };
  } catch (error) {
    return { ...nothing, userErrors: [userErrorOf(error)] };
  }
}

export function isErrorCode(code: string): code is ErrorCode {
  return ERROR_CODES.some((known) => known === code);
}

function userErrorOf(error: unknown): UserErrorShape {
  if (!(error instanceof HedgerowError) || !isErrorCode(error.code)) throw error;
  return { field: error.field ?? null, code: error.code, message: error.message };
}
