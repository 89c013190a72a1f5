/**
 * Several streams of values as one. Of each at most one value waits to be taken, so a slow reader holds up what it reads
 * from, and memory is bounded.
 *
 * By hand, since a race among promises of which some never settle keeps a reaction for each turn.
 *
 * @throws what one of them throws, after what came before it
 */
export async function* merge<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T, void> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const waiting: { value: T; taken: () => void }[] = [];
  let open = iterators.length;
  let failure: { error: unknown } | null = null;
  let wake = (): void => {};

  const pump = async (iterator: AsyncIterator<T>): Promise<void> => {
    try {
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        const { value } = next;
        await new Promise<void>((taken) => {
          waiting.push({ value, taken });
          wake();
        });
      }
    } catch (error) {
      failure ??= { error };
    }
    open -= 1;
    wake();
  };
  for (const iterator of iterators) void pump(iterator);

  try {
    for (;;) {
      const first = waiting.shift();
      if (first !== undefined) {
        yield first.value;
        first.taken();
      } else if (failure !== null) {
        throw (failure as { error: unknown }).error;
      } else if (open === 0) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    for (const iterator of iterators) void iterator.return?.();
  }
}
