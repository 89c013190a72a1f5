/** The receiving side of `POST /federation/v1/keys`: a peer says that its key has changed. */
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { type PublicKey, storedPublicKey } from '../identity/keys.ts';
import { parseJson } from '../wire/json.ts';
import { REQUEST_BYTES } from '../wire/limits.ts';
import { keysRequestSchema, readMessage } from '../wire/messages.ts';
import { alarmFork, judgeChain, type PinnedPeer, pinKey } from './follow-key.ts';

/**
 * The key that the request must be signed with: the one at which the chain in its body ends. Nothing is pinned by that
 * yet, for nothing but the token is proven.
 *
 * @throws HedgerowError SIGNATURE_INVALID where the chain does not lead from the pinned key; INVALID
 */
export async function announcedKey(
  context: FederationContext,
  peer: PinnedPeer & { publicKey: string },
  body: Uint8Array | undefined,
): Promise<PublicKey> {
  const result = judgeChain(peer, chainIn(body));
  switch (result.kind) {
    case 'changed':
      return result.key;
    case 'unchanged':
      return storedPublicKey(peer.publicKey);
    case 'fork':
      // The chain's own signatures prove it, whoever sent it.
      await alarmFork(context, peer, result.thumbprint, 'announcement');
      throw refused('two keys claim to follow one of it');
    case 'invalid':
      throw refused(result.reason);
  }
}

/**
 * Follows a chain whose request was verified with the key at its end. The same chain again changes nothing.
 *
 * @throws HedgerowError PAIRING_KEY_MISMATCH where the new key belongs to another peer already
 */
export async function followAnnouncement(
  context: FederationContext,
  peerKey: number,
  body: Uint8Array | undefined,
): Promise<void> {
  const row = await context.database.prisma.peer.findUniqueOrThrow({ where: { key: peerKey } });
  if (row.thumbprint === null) return;
  const peer = { ...row, thumbprint: row.thumbprint };
  const result = judgeChain(peer, chainIn(body));
  if (result.kind === 'changed') await pinKey(context, peer, result, 'announcement');
}

function chainIn(body: Uint8Array | undefined): unknown {
  const value = parseJson(body ?? new Uint8Array(), { maxBytes: REQUEST_BYTES, code: 'INVALID' });
  return readMessage(keysRequestSchema, value, 'INVALID').keys;
}

function refused(why: string): HedgerowError {
  return new HedgerowError('SIGNATURE_INVALID', `The chain of keys is not followed: ${why}.`);
}
