/**
 * Changes of an instance's key, and how one who has pinned an old key follows them (docs/federation.md, "Changing the
 * key"). Both keys sign each change, so that neither a thief of the old one alone nor anyone else's new key makes one
 * that names the other against its holder's will.
 */

import { fromBase64url, toBase64url } from '../../lib/base64url.ts';
import {
  type PrivateKey,
  type PublicJwk,
  type PublicKey,
  parsePublicKey,
  SIGNATURE_BYTES,
  signBytes,
  verifyBytes,
} from './keys.ts';

/** One change as it stands in discovery and in the body of `POST /federation/v1/keys`. */
export interface KeyChange {
  /** From 1, each one more than the one before. */
  number: number;
  old: PublicJwk;
  new: PublicJwk;
  /** Base64url, 64 bytes. */
  oldSignature: string;
  newSignature: string;
}

/** What following a chain came to. Only `changed` lets the pinned key be replaced. */
export type KeyChainResult =
  /** The chain ends at the pinned key, or is empty. */
  | { kind: 'unchanged' }
  /** `passed`: thumbprints from the pinned key to the one before `key`, oldest first. */
  | { kind: 'changed'; key: PublicKey; passed: string[] }
  /** Two keys were named as successor of one, each in a change that both keys signed: raise the alarm. */
  | { kind: 'fork'; thumbprint: string }
  /** Not a chain, or one that does not lead from the pinned key. Anyone on the way can cause it: no alarm. */
  | { kind: 'invalid'; reason: string };

/** More changes than an instance makes in its life; each costs the reader two verifications. */
export const MAX_KEY_CHANGES = 64;

/**
 * @param number one more than that of the change before; 1 for the first
 */
export function makeKeyChange(
  instanceId: string,
  number: number,
  from: PrivateKey,
  to: PrivateKey,
): KeyChange {
  const text = signedText(instanceId, number, from.thumbprint, to.thumbprint);
  return {
    number,
    old: from.jwk,
    new: to.jwk,
    oldSignature: toBase64url(signBytes(text, from)),
    newSignature: toBase64url(signBytes(text, to)),
  };
}

/**
 * Follows a chain as another instance sent it from the key that is pinned.
 *
 * @param pinned thumbprint of the pinned key
 * @param chain whatever stood in `keys`; oldest first
 * @param instanceId of the instance whose chain it is, as pinned
 * @param former thumbprints that were pinned before, oldest first: a chain that leads away from one of these to
 *   another key than the one that was followed is a fork too
 */
export function followKeyChain(
  pinned: string,
  chain: unknown,
  instanceId: string,
  former: readonly string[] = [],
): KeyChainResult {
  if (!Array.isArray(chain)) return invalid('the chain is not a list');
  if (chain.length > MAX_KEY_CHANGES) return invalid('the chain is too long');
  const links: Link[] = [];
  for (const entry of chain) {
    const link = readLink(entry, instanceId);
    if (typeof link === 'string') return invalid(link);
    links.push(link);
  }

  const successors = new Map<string, string>();
  const known = [...former, pinned];
  for (let i = 0; i + 1 < known.length; i++) successors.set(known[i] ?? '', known[i + 1] ?? '');
  // Forks are looked for among verified changes only and before the order is judged: a forked chain is necessarily
  // out of order, and the alarm must not be lost in "invalid".
  for (const { from, to } of links) {
    const other = successors.get(from.thumbprint);
    if (other !== undefined && other !== to.thumbprint) return { kind: 'fork', thumbprint: from.thumbprint };
    successors.set(from.thumbprint, to.thumbprint);
  }

  const seen = new Set<string>();
  for (const [index, link] of links.entries()) {
    const before = links[index - 1];
    if (before && (link.number !== before.number + 1 || link.from.thumbprint !== before.to.thumbprint))
      return invalid('the changes do not follow one another');
    // A key that comes back would make the end of the chain depend on where one enters it.
    if (seen.has(link.to.thumbprint) || link.from.thumbprint === link.to.thumbprint)
      return invalid('a key comes back');
    seen.add(link.from.thumbprint);
  }

  const last = links.at(-1);
  if (last === undefined || last.to.thumbprint === pinned) return { kind: 'unchanged' };
  const start = links.findIndex((link) => link.from.thumbprint === pinned);
  if (start === -1) return invalid('the chain does not lead from the pinned key');
  return { kind: 'changed', key: last.to, passed: links.slice(start).map((link) => link.from.thumbprint) };
}

interface Link {
  number: number;
  from: PublicKey;
  to: PublicKey;
}

function readLink(entry: unknown, instanceId: string): Link | string {
  if (typeof entry !== 'object' || entry === null) return 'a change is not an object';
  const change = entry as Record<string, unknown>;
  const { number } = change;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 1)
    return 'a change has no number';
  const oldSignature = fromBase64url(change['oldSignature'], SIGNATURE_BYTES);
  const newSignature = fromBase64url(change['newSignature'], SIGNATURE_BYTES);
  if (!oldSignature || !newSignature) return 'a change is not signed by both keys';
  let from: PublicKey;
  let to: PublicKey;
  try {
    from = parsePublicKey(change['old']);
    to = parsePublicKey(change['new']);
  } catch {
    return 'a change names a key that is not acceptable';
  }
  const text = signedText(instanceId, number, from.thumbprint, to.thumbprint);
  if (!verifyBytes(text, oldSignature, from) || !verifyBytes(text, newSignature, to))
    return 'a signature of a change does not verify';
  return { number, from, to };
}

function signedText(instanceId: string, number: number, from: string, to: string): string {
  return ['hedgerow-key-1', instanceId, String(number), from, to].join('\n');
}

function invalid(reason: string): KeyChainResult {
  return { kind: 'invalid', reason };
}
