import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../../test/support/databases.ts';
import { isSafe, rememberNonce } from './nonces.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const created = NOW / 1000;

it('is asked of every method that changes something', () => {
  expect(['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'get'].filter(isSafe)).toEqual(['GET']);
});

describeOnBothDatabases('a nonce', (open) => {
  it('is new once for each peer, however many ask at once', async () => {
    const database = await open();
    const nonce = 'nonce-of-some-peer';
    const once = await Promise.all(
      Array.from({ length: 8 }, () => rememberNonce(database, 1, { nonce, created }, NOW)),
    );
    expect(once.filter((each) => each === 'new')).toHaveLength(1);
    expect(await rememberNonce(database, 2, { nonce, created }, NOW)).toBe('new');
  });

  it('is kept for as long as its signature may be accepted, and no longer', async () => {
    const database = await open();
    // Signed by a clock that is five minutes ahead: accepted for ten minutes from now.
    const early = { nonce: 'from-the-future-1', created: created + 300 };
    const late = { nonce: 'from-the-past-123', created: created - 300 };
    await rememberNonce(database, 1, early, NOW);
    await rememberNonce(database, 1, late, NOW);
    expect(await rememberNonce(database, 1, early, NOW + 600_000)).toBe('replayed');
    await rememberNonce(database, 2, { nonce: 'of-somebody-else', created }, NOW + 700_000);
    expect(await database.prisma.peerNonce.count({ where: { peerKey: 1 } })).toBe(0);
  });

  it('is refused where a peer has too many, which holds up no other peer, and ends by itself', async () => {
    const database = await open();
    for (let i = 0; i < 5; i++) {
      expect(await rememberNonce(database, 1, { nonce: `nonce-of-number-${i}`, created }, NOW, 5)).toBe(
        'new',
      );
    }
    const more = rememberNonce(database, 1, { nonce: 'one-nonce-too-many', created }, NOW, 5);
    await expect(more).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: 360 });
    expect(await rememberNonce(database, 2, { nonce: 'nonce-of-another-1', created }, NOW, 5)).toBe('new');
    expect(await database.prisma.peerNonce.count()).toBe(6);
    const later = NOW + 361_000;
    expect(
      await rememberNonce(database, 1, { nonce: 'one-nonce-too-many', created: later / 1000 }, later, 5),
    ).toBe('new');
  });
});
