import { describe, expect, it } from 'vitest';
import { createRoom } from './beside.ts';

describe('the room of a transaction', () => {
  it('grows while commits are short and nobody waits for them', () => {
    const room = createRoom(() => 0);
    const seen = [room.rows];
    for (const ms of [1, 1, 1, 1, 1]) {
      room.committed(ms, false);
      seen.push(room.rows);
    }
    expect(seen).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it('is halved where a commit was long, and stays where it was neither', () => {
    const room = createRoom(() => 0);
    for (const ms of [1, 1, 1]) room.committed(ms, false);
    room.committed(20, false);
    expect(room.rows).toBe(4_000);
    room.committed(41, false);
    expect(room.rows).toBe(2_000);
    for (const ms of [50, 50, 50, 50]) room.committed(ms, false);
    expect(room.rows).toBe(500);
  });

  it('is least where somebody waited, and little as long as others write now and then', () => {
    let clock = 0;
    const room = createRoom(() => clock);
    for (const ms of [1, 1, 1, 1]) room.committed(ms, false);
    room.committed(1, true);
    expect(room.rows).toBe(500);
    for (const ms of [1, 1, 1]) room.committed(ms, false);
    expect(room.rows).toBe(1_000);
    clock = 4_999;
    room.committed(1, false);
    expect(room.rows).toBe(1_000);
    clock = 5_000;
    room.committed(1, false);
    expect(room.rows).toBe(2_000);
  });
});
