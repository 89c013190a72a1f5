/** How often something is done that is asked for again and again: at once, and then the less often the longer it goes on. */

export interface Pace {
  ask(): void;
  stop(): void;
}

/** Ms: changes that come together are one. */
const GATHER = 120;
const LONGEST = 20_000;
/** After so many ms without being asked it begins anew. */
const REST = 10_000;

/** @param longest - Ms between two times at most, however long it goes on */
export function createPace(
  act: () => void,
  { longest = LONGEST, now = Date.now as () => number } = {},
): Pace {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = GATHER;
  let last = Number.NEGATIVE_INFINITY;
  return {
    ask: () => {
      if (timer !== undefined) return;
      if (now() - last > REST + wait) wait = GATHER;
      timer = setTimeout(() => {
        timer = undefined;
        last = now();
        act();
      }, wait);
      wait = Math.min(longest, wait * 2);
    },
    stop: () => {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
