import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { guessHeight, lastAtMost, layOut, type Measure, type Shape } from './layout.ts';

const MEASURE: Measure = { width: 1000, row: 200, gap: 4, head: 50, label: 30 };
const shape = (aspect: number, day = '2024-03-14'): Shape => ({ aspect, day });

describe('justified rows', () => {
  it('hold each item once and in order, within the page, none on another, for any shapes', () => {
    const shapes = fc.array(
      fc.option(
        fc.record({
          aspect: fc.double({ min: 0.05, max: 20, noNaN: true }),
          day: fc.constantFrom('2024-03-14', '2024-03-13'),
        }),
        { nil: undefined },
      ),
      { maxLength: 120 },
    );
    fc.assert(
      fc.property(shapes, fc.integer({ min: 200, max: 3000 }), (all, width) => {
        const measure = { ...MEASURE, width, row: Math.min(200, width / 3) };
        const { rows, height } = layOut(5, all.length, (index) => all[index - 5], measure);
        expect(rows.flatMap(({ boxes }) => boxes.map(({ index }) => index))).toEqual(
          all.map((_, at) => at + 5),
        );
        let bottom = 0;
        for (const row of rows) {
          expect(row.y).toBeGreaterThanOrEqual(bottom);
          bottom = row.y + row.height;
          let right = 0;
          for (const { x, width: across } of row.boxes) {
            expect(x).toBeGreaterThanOrEqual(right - 1e-6);
            right = x + across;
          }
          expect(right).toBeLessThanOrEqual(width + 1e-6);
          // No row is a line, nor a wall.
          expect(row.height).toBeGreaterThan(measure.row / 4);
          expect(row.height).toBeLessThan(measure.row * 3);
        }
        expect(height).toBeGreaterThanOrEqual(bottom);
      }),
    );
  });

  it('are as wide as the page, but for a last one that is short', () => {
    const { rows } = layOut(0, 9, () => shape(1.5), MEASURE);
    const ends = rows.map(({ boxes }) => {
      const last = boxes.at(-1);
      return last === undefined ? 0 : last.x + last.width;
    });
    expect(ends.slice(0, -1).every((end) => Math.abs(end - 1000) < 0.001)).toBe(true);
    expect(layOut(0, 1, () => shape(1.5), MEASURE).rows[0]).toMatchObject({ height: 200 });
  });

  it('say above the picture with which a day begins which day it is, and nowhere else', () => {
    const days = ['2024-03-14', '2024-03-14', '2024-03-13', '2024-03-13', '2024-03-13', '2024-03-13'];
    const { rows } = layOut(0, 6, (index) => shape(1.5, days[index]), MEASURE);
    expect(rows.map(({ labels }) => labels.map(({ day }) => day))).toEqual([
      ['2024-03-14', '2024-03-13'],
      [],
    ]);
    const [first] = rows;
    expect(first?.labels[1]?.x).toBe(first?.boxes[2]?.x);
    expect(first?.y).toBe(MEASURE.head + MEASURE.label);
    const plain = layOut(0, 6, (index) => shape(1.5, days[index]), { ...MEASURE, label: 0, head: 0 });
    expect(plain.rows.flatMap(({ labels }) => labels)).toEqual([]);
    expect(plain.rows[0]?.y).toBe(0);
  });

  it('are guessed about as high as they turn out', () => {
    const { height } = layOut(0, 1000, (index) => shape(index % 3 === 0 ? 0.75 : 1.5), MEASURE);
    const guess = guessHeight(1000, MEASURE);
    expect(guess / height).toBeGreaterThan(0.7);
    expect(guess / height).toBeLessThan(1.5);
  });

  it('are found by where they are', () => {
    expect([-5, 0, 9, 10, 11, 500].map((y) => lastAtMost([0, 10, 20], y))).toEqual([0, 0, 0, 1, 1, 2]);
    expect(lastAtMost([], 3)).toBe(0);
  });
});
