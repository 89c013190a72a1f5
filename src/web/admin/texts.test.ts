import { expect, it } from 'vitest';
import type { ErrorCode } from '../generated/graphql.ts';
import { texts } from './texts.ts';

/** What may stand behind `PullSide.error`: what a pull, its listing or its bytes have ended with. */
const OF_PEERS: readonly ErrorCode[] = [
  'CLOCK_SKEW',
  'CREDENTIAL_REFUSED',
  'CURSOR_EXPIRED',
  'GRANT_ENDED',
  'INTEGRITY_FAILED',
  'INTERNAL',
  'PEER_ADDRESS_FORBIDDEN',
  'PEER_IDENTITY',
  'PEER_INVALID_ANSWER',
  'PEER_RATE_LIMITED',
  'PEER_TIMEOUT',
  'PEER_TLS',
  'PEER_UNREACHABLE',
  'PROTOCOL_UNSUPPORTED',
  'REVOKED',
  'SIGNATURE_INVALID',
  'UNAVAILABLE',
];

it.each(OF_PEERS)('says what to do about %s of a peer', (code) => {
  expect(texts.adviceOnPeer(code)).toMatch(/^[A-Z].*[.?]$/);
});

it('says nothing to do of what says it itself', () => {
  expect(texts.advice('INVITATION_USED')).toBe('');
  expect(texts.advice('SOMETHING_ELSE')).toBe('');
});

it('says a grant in words', () => {
  const whole = { kinds: null, tags: null, albums: null, access: 'ORIGINALS', until: null } as const;
  expect(texts.grant.words(whole)).toBe('Everything that is shared; with originals');
  expect(
    texts.grant.words({
      kinds: ['IMAGE', 'VIDEO'],
      tags: ['sea', 'sky'],
      albums: [{ id: 'album_1', title: 'Summer' }],
      access: 'PREVIEWS',
      until: '2030-01-01T12:00:00Z',
    }),
  ).toMatch(
    /^Pictures and Videos, tagged sea or sky, in Summer; previews, no originals; until Jan 1, 2030, /,
  );
  expect(texts.grant.words({ ...whole, kinds: [], access: 'METADATA' })).toBe('Nothing; no bytes');
  expect(texts.grant.words({ ...whole, tags: [] })).toBe('Nothing; with originals');
});

it('says what a revocation will do, and leaves out what there is not', () => {
  expect(texts.peer.revokeHappens('Garden', 0, '0', null)).toEqual([
    'Garden is told for up to a day, and learns it at its next question anyway.',
  ]);
  expect(texts.peer.revokeHappens('Garden', 3, '2000', 1)).toHaveLength(4);
});
