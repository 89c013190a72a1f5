/**
 * Puts SQLite's log into the database file: soon after something was written, and never within a commit, for whose end
 * others wait. (https://sqlite.org/wal.html) A thread that writes all the time does it itself, between its turns.
 */

/** ms from the first write until the log is put into the file. */
const DELAY = 500;

export interface Checkpoints extends Disposable {
  /** Something was written, by whichever connection. */
  wrote(): void;
  /** From now on somebody else does it, until what is answered is called. */
  elsewhere(): () => void;
}

/** @param run - on a connection that is in no transaction */
export function createCheckpoints(run: () => void): Checkpoints {
  let timer: NodeJS.Timeout | undefined;
  let others = 0;
  let closed = false;

  function wrote(): void {
    if (timer !== undefined || others > 0 || closed) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (others > 0) return;
      try {
        run();
      } catch {
        // On a full disk the log keeps what it has; the next write brings the next try.
      }
    }, DELAY).unref();
  }

  return {
    wrote,
    elsewhere: () => {
      others += 1;
      let over = false;
      return () => {
        if (over) return;
        over = true;
        others -= 1;
        wrote();
      };
    },
    [Symbol.dispose]: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}
