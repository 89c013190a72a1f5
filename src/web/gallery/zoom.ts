/** Looking closer, in numbers: a view is moved by x and y px from the middle, and larger by scale. */

export interface View {
  scale: number;
  x: number;
  y: number;
}

const LARGEST = 12;

/** The point, in px from the middle of the frame, stays where it is. */
export function zoomAt(view: View, factor: number, point: { x: number; y: number }): View {
  const scale = Math.min(LARGEST, Math.max(1, view.scale * factor));
  const grown = scale / view.scale;
  return {
    scale,
    x: point.x - (point.x - view.x) * grown,
    y: point.y - (point.y - view.y) * grown,
  };
}

/** No further than where the frame's edge meets that of the picture's frame. */
export function clampPan({ scale, x, y }: View, width: number, height: number): View {
  const most = { x: (width * (scale - 1)) / 2, y: (height * (scale - 1)) / 2 };
  // Adding 0 makes of −0, which a rounding leaves behind, the zero that is meant.
  return {
    scale,
    x: Math.min(most.x, Math.max(-most.x, x)) + 0,
    y: Math.min(most.y, Math.max(-most.y, y)) + 0,
  };
}
