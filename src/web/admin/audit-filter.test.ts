import { expect, it } from 'vitest';
import { exportOf, filterOf, partOf } from './audit-filter.ts';

const PEOPLE = ['USER', 'TOKEN', 'SYSTEM', 'ANONYMOUS'];

it('keeps what peers do apart, and narrows each part to its own kinds', () => {
  expect(filterOf({ view: 'audit' })).toEqual({ actorKinds: PEOPLE });
  expect(filterOf({ view: 'audit', part: 'peers', by: 'USER' })).toEqual({ actorKinds: ['PEER'] });
  expect(filterOf({ view: 'audit', by: 'TOKEN' }).actorKinds).toEqual(['TOKEN']);
  expect(filterOf({ view: 'audit', part: 'all' }).actorKinds).toHaveLength(5);
  for (const part of ['constructor', 'nothing', '']) expect(partOf({ view: 'audit', part })).toBe('people');
});

it('takes days by the clock of whoever looks, the last one whole, and leaves out what is none', () => {
  const { at } = filterOf({ view: 'audit', from: '2026-03-28', until: '2026-03-29' });
  expect(at).toEqual({
    gte: new Date(2026, 2, 28).toISOString(),
    lt: new Date(2026, 2, 30).toISOString(),
  });
  for (const from of ['yesterday', '2026-3-1', '2026-03-28T10:00', '']) {
    expect(filterOf({ view: 'audit', from }).at).toBeUndefined();
  }
});

it('asks the file for the same', () => {
  const filter = filterOf({
    view: 'audit',
    by: 'USER',
    peer: 'peer_1',
    action: ' revokePeer,  session.begin ',
    until: '2026-03-29',
  });
  expect(Object.fromEntries(new URLSearchParams(exportOf(filter)))).toEqual({
    actorKinds: 'USER',
    peerIds: 'peer_1',
    actions: 'revokePeer,session.begin',
    lt: new Date(2026, 2, 30).toISOString(),
  });
  expect(exportOf({})).toBe('');
});
