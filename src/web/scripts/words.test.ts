import { expect, test } from 'vitest';
import { clock, count, type Peer, relative, stateOf } from './words.ts';

const NOW = Date.parse('2026-05-01T12:00:00Z');

test.each([
  ['2026-05-01T12:00:00Z', 'just now'],
  ['2026-05-01T11:59:01Z', 'just now'],
  ['2026-05-01T11:58:00Z', '2 minutes ago'],
  ['2026-05-01T09:30:00Z', '2 hours ago'],
  ['2026-04-30T11:00:00Z', 'yesterday'],
  ['2026-01-01T12:00:00Z', '4 months ago'],
  ['2026-05-01T12:00:20Z', 'in a moment'],
  ['2026-05-01T12:15:00Z', 'in 15 minutes'],
])('%s is %s', (at, words) => {
  expect(relative(at, NOW)).toBe(words);
});

test('things are counted, and films measured, as people do', () => {
  expect([count(0, 'item'), count(1, 'item'), count(1200, 'item')]).toEqual([
    '0 items',
    '1 item',
    '1,200 items',
  ]);
  expect([clock(5000), clock(65_400), clock(3_750_000)]).toEqual(['0:05', '1:05', '1:02:30']);
});

test('a peer that is paused, or only reads from here, is not called unwell', () => {
  const peer: Peer = {
    id: 'peer_1',
    name: 'Garden',
    status: 'ACTIVE',
    health: 'OFFLINE',
    mediaCount: 3,
    lastSuccessAt: null,
    operations: null,
  };
  expect(stateOf(peer)).toEqual({ words: 'Cannot be reached', mood: 'ill' });
  expect(stateOf({ ...peer, status: 'PAUSED' }).mood).toBe('quiet');
  expect(stateOf({ ...peer, operations: { pull: null, serve: null } })).toEqual({
    words: 'Reads from this server',
    mood: 'quiet',
  });
});
