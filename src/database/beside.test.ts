import { describe, expect, it } from 'vitest';
import { createRoom } from './beside.ts';

/** Of a transaction the commit took so many ms, and what came before it as many. */
const long = (commit: number) => ({ commit, end: 2 * commit });
/** All that came after the last look took so many ms, and the commit none of it. */
const ending = (end: number) => ({ commit: 0, end });

describe('the room of a transaction', () => {
  it('grows while its commit is short and nobody waits for it', () => {
    const room = createRoom(() => 0);
    const seen = [room.rows];
    for (const ms of [1, 1, 1, 1, 1]) {
      room.ended(long(ms), false);
      seen.push(room.rows);
    }
    expect(seen).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it('is halved where its commit was long, and stays where it was neither', () => {
    const room = createRoom(() => 0);
    for (const ms of [1, 1, 1]) room.ended(long(ms), false);
    room.ended(long(20), false);
    expect(room.rows).toBe(4_000);
    room.ended(long(41), false);
    expect(room.rows).toBe(2_000);
    for (const ms of [50, 50, 50]) room.ended(long(ms), false);
    expect(room.rows).toBe(500);
  });

  it('is little where somebody waited, as long as others write now and then', () => {
    let clock = 0;
    const room = createRoom(() => clock);
    for (const ms of [1, 1, 1, 1]) room.ended(long(ms), false);
    room.ended(ending(1), true);
    expect(room.rows).toBe(1_000);
    const seen: number[] = [];
    for (const ms of [20, 9, 8, 4, 3]) {
      room.ended(ending(ms), false);
      seen.push(room.rows);
    }
    expect(seen).toEqual([500, 250, 250, 250, 500]);
    clock = 4_999;
    for (const ms of [9, 9, 9, 9]) room.ended(ending(ms), false);
    expect(room.rows).toBe(50);
    clock = 5_000;
    room.ended({ commit: 20, end: 80 }, false);
    expect(room.rows).toBe(500);
  });
});
