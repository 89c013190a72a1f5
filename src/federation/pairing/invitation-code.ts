/**
 * The code that an admin hands over: `hedgerow_pair_<base64url of JSON>.<8 hex digits>`.
 *
 * It carries the private half of the invitation's key; the inviting server keeps only the public half, so nothing
 * that it stores redeems an invitation.
 */

import { createHash, randomUUID } from 'node:crypto';
import { fromBase64url, toBase64url } from '../../lib/base64url.ts';
import { displayLine, fitsCodePoints } from '../../lib/display-text.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { isBaseUrl } from '../base-url.ts';
import {
  generateKey,
  isThumbprint,
  KEY_BYTES,
  type PrivateKey,
  privateKeyFromSeed,
  privateSeed,
} from '../identity/keys.ts';
import { LIMITS } from '../wire/limits.ts';

/** What an invitation code says. */
export interface InvitationCode {
  /** `pair_<uuid>` */
  id: string;
  /** Base of the inviting instance. */
  url: string;
  /** Its name, for people. */
  name: string;
  /** Thumbprint of its key: who the redeemer must be talking to. */
  thumbprint: string;
  /** Whether the other's catalog is asked for in return. */
  mutual: boolean;
  /** The invitation's own key; proves that the redeemer holds the code. */
  key: PrivateKey;
}

const PREFIX = 'hedgerow_pair_';
const VERSION = 1;
/** Characters; a code with the longest name and address stays below. */
const MAX_LENGTH = 8192;
const ID = /^pair_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An id and a key for a new invitation. Store the id and the public half, hand over the code, forget the rest. */
export function newInvitation(): Pick<InvitationCode, 'id' | 'key'> {
  return { id: `pair_${randomUUID()}`, key: generateKey() };
}

/** The code to hand over. */
export function makeInvitationCode(invitation: InvitationCode): string {
  const { id, url, name, thumbprint, mutual, key } = invitation;
  const seed = toBase64url(privateSeed(key));
  const text = toBase64url(
    Buffer.from(JSON.stringify({ v: VERSION, id, url, name, seed, thumbprint, mutual })),
  );
  return `${PREFIX}${text}.${checkDigits(text)}`;
}

/**
 * Reads what somebody pasted. Spaces and line breaks, which mail programs and chats put in, are ignored.
 *
 * @throws HedgerowError INVITATION_MALFORMED with a sentence that says what to do
 */
export function parseInvitationCode(pasted: string): InvitationCode {
  if (pasted.length > 2 * MAX_LENGTH) throw malformed('This is too long to be an invitation code.');
  // Spaces of any kind, and the invisible characters that copying from formatted text brings along.
  const code = pasted.replace(/[\s\u200b-\u200d\u2060\ufeff\u00ad]+/g, '');
  if (code === '') throw malformed('Paste the invitation code here.');
  if (code.length > MAX_LENGTH) throw malformed('This is too long to be an invitation code.');
  if (!code.startsWith(PREFIX))
    throw malformed(
      `This is not an invitation code: one begins with "${PREFIX}". Copy it again from end to end.`,
    );

  const [, text = '', digits = ''] =
    /^([A-Za-z0-9_-]+)\.([0-9a-fA-F]{8})$/.exec(code.slice(PREFIX.length)) ?? [];
  if (text === '')
    throw malformed(
      'The invitation code is not whole: it ends with a dot and eight digits. Copy it again from end to end.',
    );
  if (digits.toLowerCase() !== checkDigits(text))
    throw malformed('A character of the invitation code is wrong or missing. Copy it again from end to end.');

  // From here on the code is what somebody made, not a slip of the hand.
  const content = decode(text);
  if (content === undefined) throw malformed();
  const { v, id, url, name, seed, thumbprint, mutual } = content;
  if (v !== VERSION)
    throw malformed(
      'The invitation code was made by another version of Hedgerow. Bring both servers up to date.',
    );
  const seedBytes = fromBase64url(seed, KEY_BYTES);
  if (typeof id !== 'string' || !ID.test(id)) throw malformed();
  if (!isBaseUrl(url)) throw malformed('The address in the invitation code is not one of a server.');
  if (typeof name !== 'string' || !fitsCodePoints(name, LIMITS.name)) throw malformed();
  if (!seedBytes || !isThumbprint(thumbprint) || typeof mutual !== 'boolean') throw malformed();
  return { id, url, name: displayLine(name), thumbprint, mutual, key: privateKeyFromSeed(seedBytes) };
}

/** Tells a mistyped code from an unknown one without asking the other server. */
function checkDigits(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

function decode(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(fromBase64url(text)?.toString() ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function malformed(message?: string): HedgerowError {
  return new HedgerowError('INVITATION_MALFORMED', message, { field: ['invitation'] });
}
