/**
 * Lets the disk have SQLite's log: what is acknowledged survives a power cut. SQLite itself would do it within the commit
 * (`synchronous = FULL`), where the thread that answers everybody waits for the disk; so it commits without (`NORMAL`), and
 * whoever writes waits for this, among threads of libuv, and with those who wrote meanwhile. All that can break is kept in
 * order by SQLite in either case. (https://sqlite.org/wal.html, https://sqlite.org/pragma.html#pragma_synchronous)
 */
import { closeSync, fdatasync, openSync } from 'node:fs';

export interface LogFlush extends Disposable {
  /** Ends when the disk has all that was committed before. Rejects where it could not take it. */
  flush(): Promise<void>;
}

/** One of a database that is open, and has been written to before the first `flush`: then its log is there. */
export function createLogFlush(path: string): LogFlush {
  let file: number | undefined;
  let under = 0;
  let closed = false;
  const release = (): void => {
    if (!closed || under > 0 || file === undefined) return;
    closeSync(file);
    file = undefined;
  };
  const flush = together(async () => {
    file ??= openSync(`${path}-wal`, 'r+');
    const open = file;
    under += 1;
    try {
      await new Promise<void>((resolve, reject) =>
        fdatasync(open, (error) => (error === null ? resolve() : reject(error))),
      );
    } finally {
      under -= 1;
      release();
    }
  });
  return {
    flush,
    [Symbol.dispose]: () => {
      closed = true;
      release();
    },
  };
}

/**
 * One at a time, for all who ask: whoever asks while it runs may have come too late for this one, and has the next, which is
 * the same for all of them.
 */
export function together(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  const begin = (): Promise<void> => {
    next = null;
    const run = work().finally(() => {
      running = next;
    });
    running = run;
    return run;
  };
  return () => {
    if (running === null) return begin();
    // How that one ends concerns those who waited for it.
    next ??= running.then(begin, begin);
    return next;
  };
}
