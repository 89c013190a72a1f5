/** A moment as it is told from now, and exactly to whoever points at it. */

import { relative } from '../scripts/words.ts';

export function Time({ at, now }: { at: string; now: number }) {
  return (
    <time dateTime={at} title={new Date(at).toLocaleString('en')}>
      {relative(at, now)}
    </time>
  );
}
