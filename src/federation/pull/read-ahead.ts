/**
 * Pages of a listing, asked for before those that came first are stored. Each says where the next one begins, so they
 * come one after the other; how many wait is bounded.
 */

export interface ReadAheadOptions<Page> {
  /** Asks for the page that follows this cursor. */
  list: (cursor: string | null) => Promise<Page>;
  /** The cursor of the page that follows; null where this one is the last. */
  after: (page: Page) => string | null;
  /** What it takes to hold a page, and what may be held; one page is always asked for. */
  weight: (page: Page) => number;
  room: number;
}

export interface ReadAhead<Page> {
  /** The next one, in order. Rejects with what asking for it failed with; what came before that is given first. */
  next(): Promise<Page>;
  /** Whether the next one is here, or comes or fails, within so many ms. */
  comesWithin(ms: number): Promise<boolean>;
}

type Slot<Page> = { page: Page } | { error: unknown };

/** Begins with the page that follows `cursor`, at once. Where asking is to end, `list` rejects. */
export function readAhead<Page>(cursor: string | null, options: ReadAheadOptions<Page>): ReadAhead<Page> {
  const slots: Slot<Page>[] = [];
  let held = 0;
  /** Whoever waits for a slot, and whoever waits for room. */
  let came = Promise.withResolvers<void>();
  let taken = Promise.withResolvers<void>();

  const put = (slot: Slot<Page>): void => {
    slots.push(slot);
    came.resolve();
  };
  const run = async (): Promise<void> => {
    for (let at: string | null = cursor; ; ) {
      const page = await options.list(at);
      held += options.weight(page);
      put({ page });
      const next = options.after(page);
      if (next === null) return;
      at = next;
      while (slots.length > 0 && held >= options.room) await taken.promise;
    }
  };
  run().catch((error: unknown) => put({ error }));

  return {
    next: async () => {
      while (slots.length === 0) await came.promise;
      const [slot] = slots;
      if (slot === undefined || 'error' in slot) throw slot?.error;
      slots.shift();
      if (slots.length === 0) came = Promise.withResolvers();
      held -= options.weight(slot.page);
      taken.resolve();
      taken = Promise.withResolvers();
      return slot.page;
    },
    comesWithin: async (ms) => {
      if (slots.length > 0) return true;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const timer = setTimeout(() => resolve(false), ms);
      void came.promise.then(() => resolve(true));
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
