import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  generatePeerToken,
  hashPeerToken,
  isPeerToken,
  openPeerToken,
  sealPeerToken,
} from './credentials.ts';

test('a token has 256 random bits behind its prefix, and is known by the hash of the whole', () => {
  const token = generatePeerToken();
  expect(token).toMatch(/^hedgerow_peer_[A-Za-z0-9_-]{43}$/);
  expect(isPeerToken(token)).toBe(true);
  expect(hashPeerToken(token)).toBe(createHash('sha256').update(token).digest('hex'));
  expect(generatePeerToken()).not.toBe(token);
  for (const text of ['', token.slice(1), `${token}A`, token.replace('peer', 'pair'), `${token}\n`, 7])
    expect(isPeerToken(text)).toBe(false);
});

test('a held token opens only for the row that it was sealed for', () => {
  const master = Buffer.alloc(32, 9);
  const token = generatePeerToken();
  const sealed = sealPeerToken(master, 'peer-1', token);
  expect(sealed).not.toContain(token.slice(14, 24));
  expect(openPeerToken(master, 'peer-1', sealed)).toBe(token);
  expect(openPeerToken(master, 'peer-2', sealed)).toBeUndefined();
});
