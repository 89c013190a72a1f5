import { describe, expect, it } from 'vitest';
import { createRoom } from './beside.ts';

describe('the room of a transaction', () => {
  it('grows while its end is short and nobody waits for it', () => {
    const room = createRoom(() => 0);
    const seen = [room.rows];
    for (const ms of [1, 1, 1, 1, 1]) {
      room.ended(ms, false);
      seen.push(room.rows);
    }
    expect(seen).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it('is halved where its end was long, and stays where it was neither', () => {
    const room = createRoom(() => 0);
    for (const ms of [1, 1, 1]) room.ended(ms, false);
    room.ended(20, false);
    expect(room.rows).toBe(4_000);
    room.ended(41, false);
    expect(room.rows).toBe(2_000);
    for (const ms of [50, 50, 50, 50, 50, 50, 50]) room.ended(ms, false);
    expect(room.rows).toBe(50);
  });

  it('is little where somebody waited, as long as others write now and then', () => {
    let clock = 0;
    const room = createRoom(() => clock);
    for (const ms of [1, 1, 1, 1]) room.ended(ms, false);
    room.ended(1, true);
    expect(room.rows).toBe(1_000);
    const seen: number[] = [];
    for (const ms of [20, 9, 8, 4, 3]) {
      room.ended(ms, false);
      seen.push(room.rows);
    }
    expect(seen).toEqual([500, 250, 250, 250, 500]);
    clock = 4_999;
    room.ended(9, false);
    expect(room.rows).toBe(250);
    clock = 5_000;
    room.ended(9, false);
    expect(room.rows).toBe(500);
  });
});
