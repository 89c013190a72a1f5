/**
 * Who pulls now and who waits. A few have a place at once; whoever keeps one for long is slow, gives it to another and
 * goes on beside it: so peers that keep us waiting hold up nobody. How many are under way at all is bounded as well.
 */

export interface PlacesOptions {
  /** Of those that are not slow. */
  atOnce: number;
  /** Slow ones included. */
  atMost: number;
  /** ms after which one is slow. */
  keptFor: number;
}

export interface Places {
  /** Runs it when there is room, in the order of asking. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createPlaces({ atOnce, atMost, keptFor }: PlacesOptions): Places {
  const waiting: (() => void)[] = [];
  let placed = 0;
  let underWay = 0;

  const isRoom = (): boolean => placed < atOnce && underWay < atMost;
  const enter = (): void => {
    placed += 1;
    underWay += 1;
  };
  /** Whoever waits longest is let in by whoever leaves, so that nobody comes between. */
  const letIn = (): void => {
    const next = isRoom() ? waiting.shift() : undefined;
    if (next === undefined) return;
    enter();
    next();
  };

  return {
    run: async (work) => {
      if (isRoom()) enter();
      else await new Promise<void>((resolve) => waiting.push(resolve));
      let slow = false;
      const givesUp = setTimeout(() => {
        slow = true;
        placed -= 1;
        letIn();
      }, keptFor);
      try {
        return await work();
      } finally {
        clearTimeout(givesUp);
        underWay -= 1;
        if (!slow) placed -= 1;
        letIn();
      }
    },
  };
}
