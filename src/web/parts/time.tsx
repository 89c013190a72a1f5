/** A moment as it is told from now, and exactly to whoever points at it. */

import { relative } from '../scripts/words.ts';

export interface TimeProps {
  at: string;
  now: number;
  /** It has been: a clock of the server that is ahead of this one's does not make it something to come. */
  past?: boolean;
}

export function Time({ at, now, past = false }: TimeProps) {
  return (
    <time dateTime={at} title={new Date(at).toLocaleString('en')}>
      {relative(at, past ? Math.max(now, Date.parse(at)) : now)}
    </time>
  );
}
