import { describe, expect, it } from 'vitest';
import { completeness, type PeerListing, sourceState } from './sources.ts';

const NOW = Date.UTC(2026, 0, 1);
const OPTIONS = { now: NOW, defaultInterval: 900 };

function peer(parts: Partial<PeerListing> = {}): PeerListing {
  return {
    status: 'ACTIVE',
    health: 'ONLINE',
    lastSuccessAt: new Date(NOW - 60_000),
    interval: null,
    listing: false,
    itemCount: 10,
    skippedCount: 0,
    remoteTotal: 10,
    inSync: true,
    heldCount: 0,
    ...parts,
  };
}

describe('a source', () => {
  it('is current after a late success with everything listed', () => {
    expect(sourceState(peer(), OPTIONS)).toEqual({
      health: 'ONLINE',
      lastSuccessAt: new Date(NOW - 60_000),
      completeness: 1,
      inSync: true,
      stale: false,
      reason: null,
    });
  });

  it('is as current as ever while removals are held, and says so', () => {
    expect(sourceState(peer({ heldCount: 60 }), OPTIONS)).toMatchObject({
      stale: false,
      reason: expect.stringMatching(/^60 items .* admin/),
    });
  });

  it('is stale for each reason, and says which', () => {
    const reasonOf = (parts: Partial<PeerListing>) => sourceState(peer(parts), OPTIONS);
    expect(reasonOf({ status: 'PAUSED' })).toMatchObject({
      stale: true,
      reason: expect.stringMatching(/paused/),
    });
    expect(reasonOf({ health: 'OFFLINE' })).toMatchObject({
      stale: true,
      reason: expect.stringMatching(/cannot be reached/),
    });
    expect(reasonOf({ health: 'AUTH_FAILED' }).reason).toMatch(/refuses/);
    expect(reasonOf({ health: 'no such health' })).toMatchObject({ health: 'UNKNOWN', stale: true });
    expect(reasonOf({ lastSuccessAt: null }).reason).toMatch(/yet/);
    expect(reasonOf({ lastSuccessAt: null, listing: true })).toMatchObject({
      stale: true,
      reason: expect.stringMatching(/first listing .* not finished/),
    });
  });

  it('is as current as ever while it is listed anew', () => {
    expect(sourceState(peer({ listing: true }), OPTIONS)).toMatchObject({ stale: false, reason: null });
  });

  it('may miss one pull, by its own interval or by that of the instance', () => {
    const stale = (seconds: number, interval: number | null) =>
      sourceState(peer({ interval, lastSuccessAt: new Date(NOW - seconds * 1000) }), OPTIONS).stale;
    expect(stale(1800, null)).toBe(false);
    expect(stale(1801, null)).toBe(true);
    expect(stale(20, 10)).toBe(false);
    expect(stale(21, 10)).toBe(true);
  });

  it('counts what was skipped as here, never says more than all, and says nothing of an unknown total', () => {
    expect(completeness({ itemCount: 4, skippedCount: 1, remoteTotal: 10 })).toBe(0.5);
    expect(completeness({ itemCount: 12, skippedCount: 0, remoteTotal: 10 })).toBe(1);
    expect(completeness({ itemCount: 0, skippedCount: 0, remoteTotal: 0 })).toBe(1);
    expect(completeness({ itemCount: 3, skippedCount: 0, remoteTotal: null })).toBeNull();
  });
});
