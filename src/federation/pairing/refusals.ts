/** What an admin who pasted a code is told when the other side refuses it. */
import { type Code, HedgerowError } from '../../lib/errors.ts';
import type { Problem } from '../wire/messages.ts';

/** The codes with which pairing is refused for good; each with what to do about it. */
const FINAL: Partial<Record<Code, string>> = {
  INVITATION_UNKNOWN:
    'The other server does not know this invitation; it may have been restored from a backup. Ask for a new one.',
  INVITATION_USED: 'The invitation was already used. Ask for a new one.',
  INVITATION_EXPIRED: 'The invitation has expired. Ask for a new one.',
  INVITATION_CANCELLED: 'The invitation was cancelled by who made it. Ask for a new one.',
  INVITATION_NOT_MUTUAL:
    'The invitation does not ask for anything back. Take it up without sharing, or ask for a mutual one.',
  PAIRING_OWN_INSTANCE:
    'The other server takes this one for itself: was its data folder copied? Give this server a folder of its own.',
  PAIRING_KEY_MISMATCH:
    'The other server knows this instance under another key. Ask its admin to revoke the earlier pairing first.',
  PAIRING_KEY_REFUSED:
    'The other server does not accept the key of this one. Bring both servers up to date, and pair again.',
  PAIRING_AUDIENCE:
    'The request reached another server than the one that made the invitation. Check the endpoint, and what forwards it.',
  SIGNATURE_INVALID:
    'The other server could not verify the request: the code belongs to another invitation, or something on the way changes requests. Ask for a new one.',
  CLOCK_SKEW:
    'The clocks of the two servers are more than five minutes apart. Set them, and paste the code again.',
};

/** What the other server may say with its signature without that being its last word. */
const FOR_NOW: readonly (Code | undefined)[] = ['RATE_LIMITED', 'INTERNAL', 'UNAVAILABLE'];

export interface Refusal {
  error: HedgerowError;
  /** False where trying again may help. */
  final: boolean;
}

/** @param problem - signed by the other server */
export function refusalOf(status: number, { code, detail, retryAfter, serverTime }: Problem): Refusal {
  if (code === 'RATE_LIMITED') {
    const wait = retryAfter ?? 60;
    return {
      error: new HedgerowError(
        'PAIRING_RATE_LIMITED',
        `The other server takes no more attempts from this address for now; it is asked again in ${Math.ceil(wait)} s.`,
        { retryAfter: wait },
      ),
      final: false,
    };
  }
  const sentence = code === undefined ? undefined : FINAL[code];
  if (code === undefined || sentence === undefined) {
    return {
      error: new HedgerowError(
        'PEER_INVALID_ANSWER',
        `The other server answered ${status}${detail === undefined ? '.' : `: ${detail}`}`,
      ),
      final: !FOR_NOW.includes(code),
    };
  }
  const time = code === 'CLOCK_SKEW' && serverTime !== undefined ? ` The other one says ${serverTime}.` : '';
  return { error: new HedgerowError(code, sentence + time), final: true };
}
