/** One reading answers all who ask before it begins. */
export function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | null = null;
  let next: Promise<T> | null = null;
  return () => {
    if (next !== null) return next;
    const begun = (async () => {
      // Let those in who come at the same moment.
      await running?.catch(() => {});
      next = null;
      const reading = read();
      running = reading;
      try {
        return await reading;
      } finally {
        if (running === reading) running = null;
      }
    })();
    if (running !== null) next = begun;
    return begun;
  };
}
