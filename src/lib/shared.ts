/**
 * One reading answers all who ask before it begins. It begins at the end of a turn of the event loop, so that requests which arrived
 * together have all asked, and one at a time.
 */
export function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | null = null;
  let next: Promise<T> | null = null;
  const begin = async (): Promise<T> => {
    await running?.catch(() => {});
    await endOfTurn();
    next = null;
    const reading = read();
    running = reading;
    try {
      return await reading;
    } finally {
      if (running === reading) running = null;
    }
  };
  return () => {
    next ??= begin();
    return next;
  };
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
