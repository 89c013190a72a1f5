/** A picture that is looked at closer: wheel, two fingers, double click, keys; and pulled about while it is. */

import {
  type PointerEvent,
  type Ref,
  useCallback,
  useEffect,
  useImperativeHandle,
  useRef,
  useState,
} from 'react';
import { clampPan, type View, zoomAt } from './zoom.ts';

export interface ZoomHandle {
  by(factor: number): void;
  reset(): void;
}

export interface ZoomedProps {
  ref: Ref<ZoomHandle>;
  src: string;
  /** Loaded once somebody looks closer; null where there is nothing better. */
  closer: string | null;
  alt: string;
  /** Shown until the picture is there. */
  behind: string | null;
  width: number | null;
  height: number | null;
  onZoom: (zoomed: boolean) => void;
  onBroken: () => void;
}

const WHOLE: View = { scale: 1, x: 0, y: 0 };

export function Zoomed({ ref, src, closer, alt, behind, width, height, onZoom, onBroken }: ZoomedProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [view, setView] = useState(WHOLE);
  const [loaded, setLoaded] = useState(false);
  const [fine, setFine] = useState(false);
  const fingers = useRef(new Map<number, { x: number; y: number }>());

  const box = useCallback(() => {
    const {
      width: across = 1,
      height: high = 1,
      left = 0,
      top = 0,
    } = frame.current?.getBoundingClientRect() ?? {};
    return { width: across, height: high, left, top };
  }, []);
  /** About a point of the window; without one about the middle. */
  const by = useCallback(
    (factor: number, at?: { x: number; y: number }) => {
      const { width: across, height: high, left, top } = box();
      const point =
        at === undefined ? { x: 0, y: 0 } : { x: at.x - left - across / 2, y: at.y - top - high / 2 };
      setView((before) => clampPan(zoomAt(before, factor, point), across, high));
    },
    [box],
  );
  useImperativeHandle(ref, () => ({ by: (factor) => by(factor), reset: () => setView(WHOLE) }), [by]);
  const zoomed = view.scale > 1;
  useEffect(() => onZoom(zoomed), [onZoom, zoomed]);

  // React listens to the wheel without being able to hold the page still.
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      by(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), { x: event.clientX, y: event.clientY });
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  }, [by]);

  const onMove = (event: PointerEvent): void => {
    const before = fingers.current.get(event.pointerId);
    if (before === undefined) return;
    const now = { x: event.clientX, y: event.clientY };
    const others = [...fingers.current].filter(([id]) => id !== event.pointerId);
    fingers.current.set(event.pointerId, now);
    const [other] = others;
    if (other !== undefined) {
      const apart = (point: { x: number; y: number }) =>
        Math.hypot(point.x - other[1].x, point.y - other[1].y);
      by(apart(now) / Math.max(1, apart(before)), {
        x: (now.x + other[1].x) / 2,
        y: (now.y + other[1].y) / 2,
      });
    } else if (zoomed) {
      const { width: across, height: high } = box();
      setView((was) =>
        clampPan({ ...was, x: was.x + now.x - before.x, y: was.y + now.y - before.y }, across, high),
      );
    }
  };
  const onLeave = (event: PointerEvent): void => {
    fingers.current.delete(event.pointerId);
  };

  const ratio = width !== null && height !== null && height > 0 ? `${width} / ${height}` : undefined;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys and buttons of the viewer do the same
    <div
      ref={frame}
      className={zoomed ? 'zoomed closer' : 'zoomed'}
      onPointerDown={(event) => {
        fingers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={onMove}
      onPointerUp={onLeave}
      onPointerCancel={onLeave}
      onDoubleClick={(event) => (zoomed ? setView(WHOLE) : by(2.5, { x: event.clientX, y: event.clientY }))}
    >
      <div
        className="moved"
        style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` }}
        data-scale={view.scale.toFixed(2)}
      >
        {behind === null || loaded ? null : (
          <img className="behind" src={behind} alt="" draggable={false} style={{ aspectRatio: ratio }} />
        )}
        <img
          className={loaded ? 'whole there' : 'whole'}
          src={src}
          alt={alt}
          draggable={false}
          onLoad={() => setLoaded(true)}
          onError={onBroken}
        />
        {zoomed && closer !== null && closer !== src ? (
          <img
            className={fine ? 'fine there' : 'fine'}
            src={closer}
            alt=""
            draggable={false}
            onLoad={() => setFine(true)}
          />
        ) : null}
      </div>
    </div>
  );
}
