/** Why a peer could not be pulled from. */

import { HedgerowError } from '../lib/errors.ts';
import { builder } from './builder.ts';
import { type ErrorCode, ErrorCodeEnum, isErrorCode } from './user-error.ts';

interface PeerErrorShape {
  code: ErrorCode;
  message: string;
  at: Date;
}

export const PeerError = builder.objectRef<PeerErrorShape>('PeerError').implement({
  description: 'What went wrong with a peer.',
  fields: (t) => ({
    code: t.field({ type: ErrorCodeEnum, description: 'For programs.', resolve: (error) => error.code }),
    message: t.exposeString('message', { description: 'For people: one sentence.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
  }),
});

/** Null where the row tells of no error. A fault of this side has no code of its own: the peer was not reached. */
export function peerErrorOf(
  row: { errorCode: string | null; errorMessage: string | null },
  at: Date,
): PeerErrorShape | null {
  if (row.errorCode === null) return null;
  const code = isErrorCode(row.errorCode) ? row.errorCode : 'PEER_UNREACHABLE';
  return { code, message: row.errorMessage ?? new HedgerowError(code).message, at };
}
