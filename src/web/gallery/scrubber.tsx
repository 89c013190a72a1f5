/** The whole timeline beside the rows: its years, where one is, and a hand to pull. */

import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import { lastAtMost } from './layout.ts';
import type { Section } from './listing.ts';
import { texts } from './texts.ts';

export interface ScrubberProps {
  sections: readonly Section[];
  /** Px from the sheet's top to each section. */
  tops: Float64Array;
  /** Px of the sheet. */
  height: number;
  /** Px that are scrolled away. */
  at: number;
  /** Px of the window. */
  window: number;
  /** To so many px of the sheet. */
  onJump: (y: number) => void;
}

/** Px between two years that can be read. */
const APART = 22;
/** Px above and below, which the years' names need. */
const EDGE = 14;

export function Scrubber({ sections, tops, height, at, window, onJump }: ScrubberProps) {
  const [pulled, setPulled] = useState(false);
  const [hovered, setHovered] = useState<number | null>(null);
  const track = Math.max(1, window - 2 * EDGE);
  const end = Math.max(1, height - window);
  const place = (y: number) => EDGE + Math.min(1, Math.max(0, y / end)) * track;
  const here = lastAtMost(tops, at + 60);
  const monthAt = (y: number) => sections[lastAtMost(tops, y + 60)]?.month ?? null;

  const years: { year: string; y: number }[] = [];
  sections.forEach(({ month }, index) => {
    const year = month?.slice(0, 4) ?? '';
    const y = place(tops[index] ?? 0);
    const before = years.at(-1);
    if (before === undefined || (before.year !== year && y - before.y >= APART)) years.push({ year, y });
  });

  const yOf = (event: PointerEvent<HTMLElement>): number => {
    const { top } = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientY - top - EDGE) / track)) * end;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const steps: Record<string, number> = {
      ArrowDown: here + 1,
      ArrowRight: here + 1,
      ArrowUp: here - 1,
      ArrowLeft: here - 1,
      PageDown: here + 12,
      PageUp: here - 12,
      Home: 0,
      End: sections.length - 1,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    onJump(tops[Math.min(sections.length - 1, Math.max(0, step))] ?? 0);
  };

  const shown = pulled ? at : hovered;
  const month = shown === null ? null : monthAt(shown);
  return (
    <div
      className={pulled ? 'scrubber pulled' : 'scrubber'}
      role="slider"
      tabIndex={0}
      aria-label={texts.scrubber}
      aria-orientation="vertical"
      aria-valuemin={0}
      aria-valuemax={sections.length - 1}
      aria-valuenow={here}
      aria-valuetext={texts.month(sections[here]?.month ?? '')}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setPulled(true);
        onJump(yOf(event));
      }}
      onPointerMove={(event) => {
        if (pulled) onJump(yOf(event));
        else setHovered(yOf(event));
      }}
      onPointerUp={() => setPulled(false)}
      onPointerCancel={() => setPulled(false)}
      onPointerLeave={() => setHovered(null)}
    >
      {years.map(({ year, y }) => (
        <span key={`${year} ${y}`} className="year" style={{ transform: `translateY(${y}px)` }}>
          {year}
        </span>
      ))}
      <span className="hand" style={{ transform: `translateY(${place(at)}px)` }} />
      {month === null || shown === null ? null : (
        <span className="bubble" style={{ transform: `translateY(${place(shown)}px)` }}>
          {texts.month(month)}
        </span>
      )}
    </div>
  );
}
