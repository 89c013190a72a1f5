import { type Code, type HedgerowError, isCode } from '../../lib/errors.ts';

export type PeerHealth =
  | 'UNKNOWN'
  | 'ONLINE'
  | 'DEGRADED'
  | 'OFFLINE'
  | 'AUTH_FAILED'
  | 'INCOMPATIBLE'
  | 'DIVERGED';

/** What a failed attempt says about a peer. */
export function healthAfter({ code, extra }: HedgerowError): PeerHealth {
  switch (code) {
    case 'PEER_UNREACHABLE':
      // Something answered, signed by nobody: that is no word of the peer, nor of its being away.
      return extra['answered'] === undefined ? 'OFFLINE' : 'DEGRADED';
    case 'PEER_TIMEOUT':
      return 'OFFLINE';
    case 'CREDENTIAL_REFUSED':
    case 'REVOKED':
    case 'GRANT_ENDED':
      return 'AUTH_FAILED';
    case 'PROTOCOL_UNSUPPORTED':
      return 'INCOMPATIBLE';
    default:
      return 'DEGRADED';
  }
}

/** Said by the peer itself, with its signature: what we have of it is hidden at once. */
export function endsAccess(code: Code): boolean {
  return code === 'REVOKED' || code === 'GRANT_ENDED';
}

/** Seconds for which the peer itself asked to be left alone; what other errors suggest is for our own clients. */
export function askedPause(error: HedgerowError): number | undefined {
  return isCode(error, 'PEER_RATE_LIMITED', 'CURSOR_EXPIRED') ? error.retryAfter : undefined;
}

const FIRST_DELAY = 5_000;
const LONGEST_DELAY = 15 * 60_000;

/** Nobody answers there; something that answers with an error is there. */
export function isSilence({ code, extra }: HedgerowError): boolean {
  return code === 'PEER_TIMEOUT' || (code === 'PEER_UNREACHABLE' && extra['answered'] === undefined);
}

/**
 * ms until the next attempt: doubled with each failure in a row, spread by a quarter either way so that peers of
 * one server that went down do not all come back at once. What the peer asks for counts where it is longer.
 *
 * @param random - 0 to 1
 * @param longest - ms, before it is spread
 */
export function retryDelay(
  failures: number,
  retryAfter: number | undefined,
  random: number,
  longest = LONGEST_DELAY,
): number {
  const delay = Math.min(FIRST_DELAY * 2 ** Math.max(0, failures - 1), longest);
  return Math.max(delay * (0.75 + random / 2), (retryAfter ?? 0) * 1000);
}
