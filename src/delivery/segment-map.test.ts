import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SEGMENT_BYTES } from '../lib/media.ts';
import { SegmentMap, segmentCount, segmentLength } from './segment-map.ts';

describe('a map of segments', () => {
  it('behaves as a set of numbers does, and survives the way into the database and back', () => {
    const step = fc.tuple(fc.constantFrom('add', 'remove'), fc.nat(40));
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const map = new SegmentMap(41);
        const set = new Set<number>();
        for (const [what, index] of steps) {
          if (what === 'add') expect(map.add(index)).toBe(!set.has(index));
          else expect(map.remove(index)).toBe(set.has(index));
          if (what === 'add') set.add(index);
          else set.delete(index);
        }
        for (const each of [map, new SegmentMap(41, map.toBytes())]) {
          expect(each.held).toBe(set.size);
          for (let index = 0; index < 41; index += 1) expect(each.has(index)).toBe(set.has(index));
        }
      }),
    );
  });

  it('takes no bit beyond its end from the database', () => {
    const map = new SegmentMap(3, Uint8Array.of(0xff, 0xff));
    expect(map.held).toBe(3);
    expect(map.whole).toBe(true);
    expect(new SegmentMap(20, 'all').whole).toBe(true);
    expect(new SegmentMap(20, Uint8Array.of(1)).held).toBe(1);
  });

  it('has segments that together are as long as the file', () => {
    fc.assert(
      fc.property(fc.nat(5 * SEGMENT_BYTES), (size) => {
        let sum = 0;
        for (let index = 0; index < segmentCount(size); index += 1) {
          expect(segmentLength(size, index)).toBeGreaterThan(0);
          sum += segmentLength(size, index);
        }
        expect(sum).toBe(size);
      }),
    );
  });
});
