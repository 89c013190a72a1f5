/**
 * The tokens of pairs. Whoever issues one stores its hash; whoever holds one stores it sealed for the row of its peer.
 */

import { createHash, randomBytes } from 'node:crypto';
import { deriveKey, open, seal } from '../lib/seal.ts';

const TOKEN = /^hedgerow_peer_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** `hedgerow_peer_` and 256 random bits in base64url: 57 characters. The prefix lets scanners find leaked ones. */
export function generatePeerToken(): string {
  return `hedgerow_peer_${randomBytes(32).toString('base64url')}`;
}

export function isPeerToken(text: unknown): text is string {
  return typeof text === 'string' && TOKEN.test(text);
}

/**
 * SHA-256 of the whole token, 64 hex digits: what the issuer stores and looks up by. A fast hash is right here, since
 * 256 random bits cannot be guessed.
 */
export function hashPeerToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Seals a token that we hold; `peerId` is the id of our row. */
export function sealPeerToken(masterKey: Uint8Array, peerId: string, token: string): string {
  return seal(deriveKey(masterKey, 'hedgerow/held-credentials/1'), peerId, token);
}

/** The token, or undefined where it was sealed under another master key or for another row. */
export function openPeerToken(masterKey: Uint8Array, peerId: string, sealed: string): string | undefined {
  return open(deriveKey(masterKey, 'hedgerow/held-credentials/1'), peerId, sealed)?.toString();
}
