/**
 * The one error class of the project and the table of its codes.
 *
 * A code is stable and public: GraphQL shows it as it stands (`ErrorCode` and `extensions.code`), problem
 * documents (RFC 9457) show it in kebab-case. The message is a sentence for the person who can put it right,
 * so it never carries a secret, a stack or another server's words unescaped.
 */

/** HTTP status and the sentence that is shown where an error carries none of its own. */
const TABLE = {
  INVALID: [400, 'The request is not valid.'],
  BAD_CURSOR: [400, 'The cursor belongs to another query, or is damaged.'],
  INVITATION_MALFORMED: [400, 'This is not a whole invitation code. Copy it again from end to end.'],
  TOO_COMPLEX: [400, 'The query asks for too much at once.'],
  UNAUTHENTICATED: [401, 'Sign in, or send a token.'],
  SECOND_FACTOR_REQUIRED: [401, 'This account also asks for a code from the authenticator app.'],
  SECOND_FACTOR_REFUSED: [401, 'The code is wrong, or was used already.'],
  CREDENTIAL_REFUSED: [401, 'The credential is not known here.'],
  SIGNATURE_INVALID: [401, 'The signature does not verify.'],
  CLOCK_SKEW: [401, 'The clocks of the two servers are more than five minutes apart.'],
  REVOKED: [401, 'The pairing was revoked.'],
  FORBIDDEN: [403, 'This is not allowed.'],
  GRANT_ENDED: [403, 'What was granted has ended.'],
  PAIRING_AUDIENCE: [403, 'The invitation was meant for another server.'],
  PAIRING_OWN_INSTANCE: [403, 'The invitation was made by this very instance.'],
  PAIRING_KEY_REFUSED: [403, 'The key of the other server is not acceptable.'],
  PEER_ADDRESS_FORBIDDEN: [403, 'This server does not connect to that address.'],
  READ_ONLY: [403, 'Items of a peer are read-only here.'],
  NOT_FOUND: [404, 'There is nothing here under that name.'],
  INVITATION_UNKNOWN: [404, 'The invitation is not known there.'],
  METHOD_NOT_ALLOWED: [405, 'The route does not take this method.'],
  CONFLICT: [409, 'This contradicts what is already there.'],
  INVITATION_USED: [409, 'The invitation was already used. Ask for a new one.'],
  INVITATION_NOT_MUTUAL: [409, 'The invitation does not ask for anything back.'],
  PAIRING_ALREADY_PAIRED: [409, 'This server is already a peer.'],
  PAIRING_KEY_MISMATCH: [409, 'The key is not the one that was expected.'],
  INVITATION_EXPIRED: [410, 'The invitation has expired. Ask for a new one.'],
  INVITATION_CANCELLED: [410, 'The invitation was cancelled. Ask for a new one.'],
  CURSOR_EXPIRED: [410, 'The cursor is too old; list anew from the start.'],
  MEDIA_GONE: [410, 'The item is gone.'],
  QUOTA_EXCEEDED: [413, 'There is no room left for this.'],
  UNSUPPORTED_MEDIA: [415, 'This kind of file is not supported.'],
  RANGE_NOT_SATISFIABLE: [416, 'The range lies outside the file.'],
  RATE_LIMITED: [429, 'Too many requests; try again later.'],
  PAIRING_RATE_LIMITED: [429, 'Too many attempts; try again later.'],
  PEER_RATE_LIMITED: [503, 'The peer asks us to slow down.'],
  INTERNAL: [500, 'Something went wrong here. The log has the details under this id.'],
  PROTOCOL_UNSUPPORTED: [502, 'The two servers have no protocol version in common.'],
  PEER_TLS: [502, 'The TLS connection to the peer could not be trusted.'],
  PEER_INVALID_ANSWER: [502, 'The peer answered something that is not allowed.'],
  PEER_IDENTITY: [502, 'The peer could not prove its identity.'],
  INTEGRITY_FAILED: [502, 'The bytes from the peer do not match their digest.'],
  PEER_UNREACHABLE: [503, 'The peer cannot be reached.'],
  UNAVAILABLE: [503, 'This cannot be served right now.'],
  REMOVALS_HELD: [503, 'The item waits for an admin to decide about a mass removal.'],
  PEER_TIMEOUT: [504, 'The peer took too long.'],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type Code = keyof typeof TABLE;

export const CODES = Object.keys(TABLE) as readonly Code[];

export interface ErrorDetails {
  /** The original error; logged, never shown. */
  cause?: unknown;
  /** Path of the input field at fault. */
  field?: readonly string[];
  /** Seconds until a further attempt makes sense; becomes `Retry-After`. */
  retryAfter?: number;
  /** Further members of the problem document. */
  extra?: Readonly<Record<string, unknown>>;
}

export class HedgerowError extends Error {
  override readonly name = 'HedgerowError';
  readonly code: Code;
  readonly field: readonly string[] | undefined;
  readonly retryAfter: number | undefined;
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string = TABLE[code][1], details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.field = details.field;
    this.retryAfter = details.retryAfter;
    this.extra = details.extra ?? {};
  }

  get status(): number {
    return TABLE[this.code][0];
  }
}

/** `INVITATION_USED` as `invitation-used`, the form of codes on the wire. */
export function wireCode(code: Code): string {
  return code.toLowerCase().replaceAll('_', '-');
}

/** The code behind its kebab-case form, or undefined where it is none of ours. */
export function codeFromWire(text: string): Code | undefined {
  const code = text.toUpperCase().replaceAll('-', '_');
  return Object.hasOwn(TABLE, code) ? (code as Code) : undefined;
}

export function isCode(error: unknown, ...codes: Code[]): error is HedgerowError {
  return error instanceof HedgerowError && codes.includes(error.code);
}

/** Narrows what `catch` gave to an error with a system code such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
