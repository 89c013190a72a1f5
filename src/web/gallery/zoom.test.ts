import fc from 'fast-check';
import { expect, it } from 'vitest';
import { clampPan, type View, zoomAt } from './zoom.ts';

const WHOLE: View = { scale: 1, x: 0, y: 0 };
const px = fc.integer({ min: -500, max: 500 });

it('keeps the point that is zoomed at where it is', () => {
  fc.assert(
    fc.property(px, px, fc.double({ min: 1, max: 10, noNaN: true }), (x, y, factor) => {
      const view = zoomAt(WHOLE, factor, { x, y });
      // The point of the picture that was at x is at x still.
      expect(x * view.scale + view.x).toBeCloseTo(x, 6);
      expect(y * view.scale + view.y).toBeCloseTo(y, 6);
    }),
  );
});

it('is never smaller than the whole, and the whole is never moved', () => {
  expect(clampPan(zoomAt({ scale: 2, x: 90, y: 40 }, 0.01, { x: 10, y: 10 }), 800, 600)).toEqual(WHOLE);
  expect(zoomAt(WHOLE, 1e9, { x: 0, y: 0 }).scale).toBe(12);
});

it('shows no edge of the frame', () => {
  expect(clampPan({ scale: 3, x: 5000, y: -5000 }, 800, 600)).toEqual({ scale: 3, x: 800, y: -600 });
  expect(clampPan({ scale: 3, x: 12, y: -7 }, 800, 600)).toEqual({ scale: 3, x: 12, y: -7 });
});
