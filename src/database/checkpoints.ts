/**
 * Puts SQLite's log into the database file: soon after much was written, never within a commit, for whose end others wait, and
 * in a thread, for it waits for the disk twice (https://sqlite.org/wal.html). A short log stays: it is looked up as quickly, and
 * whoever closes the database last puts it into the file. A thread that writes all the time does it itself, between its turns.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type BetterSqlite3 from 'better-sqlite3';
import { COMPILED } from '../lib/compile-cache.ts';

/** ms from the first write until it is looked how long the log has become. */
const DELAY = 500;
/** Pages of the log that may wait: as many as SQLite itself lets wait by default. */
const PAGES = 1_000;
/** ms without a long log after which the thread ends. */
const IDLE = 60_000;
const PROGRAM = new URL('./checkpoint-thread.ts', import.meta.url);

export interface Checkpoints extends AsyncDisposable {
  /** Something was written, by whichever connection. */
  wrote(): void;
  /** From now on somebody else does it, until what is answered is called. */
  elsewhere(): () => void;
}

export interface CheckpointsOptions {
  /** Pages of the log that are not in the file yet. */
  waiting: () => number;
  /** Puts them there, as far as nobody reads what they take the place of. What fails of it is done by a later one. */
  run: () => Promise<void>;
}

export function createCheckpoints({ waiting, run }: CheckpointsOptions): Checkpoints {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | null = null;
  let others = 0;
  let closed = false;

  async function look(): Promise<void> {
    try {
      if (waiting() >= PAGES) await run();
    } catch {
      // On a full disk the log keeps what it has; the next write brings the next try.
    }
  }

  function wrote(): void {
    if (timer !== undefined || running !== null || others > 0 || closed) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (others > 0) return;
      running = look().finally(() => {
        running = null;
      });
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
    [Symbol.asyncDispose]: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** How many pages wait, as the connection sees it. (https://sqlite.org/pragma.html#pragma_wal_checkpoint) */
export function waitingPages(connection: BetterSqlite3.Database): number {
  const [row] = connection.pragma('wal_checkpoint(NOOP)') as { log: number; checkpointed: number }[];
  return row === undefined ? 0 : row.log - row.checkpointed;
}

/** The thread, which begins with the first long log. */
export interface CheckpointThread extends AsyncDisposable {
  run(): Promise<void>;
}

export function createCheckpointThread(path: string): CheckpointThread {
  let current: Worker | null = null;
  let idle: NodeJS.Timeout | undefined;

  function start(): Worker {
    const worker = new Worker(PROGRAM, {
      name: 'checkpoints',
      workerData: path,
      // Nothing of how this process was started, such as a debugger's port.
      execArgv: [],
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILED },
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 },
    });
    worker.unref();
    // Whoever waits for it hears of it as well.
    worker.on('error', () => {});
    worker.on('exit', () => {
      if (current === worker) current = null;
    });
    return worker;
  }

  async function end(): Promise<void> {
    const worker = current;
    current = null;
    clearTimeout(idle);
    if (worker === null) return;
    const ended = once(worker, 'exit');
    worker.ref();
    worker.postMessage('end');
    await ended;
  }

  return {
    run: async () => {
      clearTimeout(idle);
      current ??= start();
      const worker = current;
      const done = Promise.withResolvers<void>();
      const failed = (): void => done.reject(new Error('The thread for checkpoints has ended.'));
      worker.once('message', done.resolve);
      worker.once('exit', failed);
      try {
        worker.postMessage('run');
        await done.promise;
      } finally {
        worker.off('message', done.resolve);
        worker.off('exit', failed);
        idle = setTimeout(() => void end(), IDLE).unref();
      }
    },
    [Symbol.asyncDispose]: end,
  };
}
