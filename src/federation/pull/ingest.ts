/**
 * Where a pull is done: what is short at once, among everything else; what is long in a thread of its own, so that
 * nobody waits for it (docs/adr/0055-how-a-catalog-is-taken-in.md). What the thread dies of is a pull that failed.
 */
import { Worker } from 'node:worker_threads';
import type { Database } from '../../database/database.ts';
import { HedgerowError, systemCode } from '../../lib/errors.ts';
import type { ListingPage, PeerClient } from '../dialects/dialect.ts';
import { type PageReader, readUnreadPage } from '../dialects/hedgerow-page.ts';
import type { AnswerVerdict } from '../identity/answer-signatures.ts';
import {
  type Ask,
  type FromIngest,
  type IngestData,
  postError,
  postedError,
  type Reply,
  type ToIngest,
} from './ingest-protocol.ts';
import {
  HERE,
  type Lister,
  type PullCounts,
  type PullOptions,
  type PullOutcome,
  pullPages,
} from './pull-peer.ts';

const THREAD = new URL('./ingest-thread.ts', import.meta.url);
/** Of the thread, MiB: two pages of each of the pulls that run at once, as objects, and more than enough besides. */
const HEAP = 256;
/** Of it, MiB, for what has just been made: nearly all of a page is of no use any more once it is stored. */
const YOUNG = 16;
/** ms without a pull after which the thread ends, and its memory is free. */
const IDLE = 60_000;
/** Bytes of a page, encoded and decoded, that are read among everything else. */
const READ_HERE = 512 * 1024;

export interface Ingest extends AsyncDisposable {
  /**
   * Aborted, it ends with the page that is being stored. Throws as `pullPeer`; UNAVAILABLE where the thread ended under it.
   */
  pull(source: number, client: PeerClient, options: PullOptions): Promise<PullOutcome>;
}

export interface IngestOptions {
  database: Database;
  /** The program of the thread. */
  program?: URL;
}

/** A page that is too large to be read among everything else. */
class TooLarge extends Error {}

interface Run {
  client: PeerClient;
  options: PullOptions;
  /** What the thread found out about an answer, by the number of the question. */
  verdicts: Map<number, (verdict: AnswerVerdict) => void>;
  /** Aborted when it has ended: what was asked for ahead is of no use any more. */
  over: AbortController;
  resolve(outcome: PullOutcome): void;
  reject(error: Error): void;
}

interface Thread {
  worker: Worker;
  runs: Map<number, Run>;
  /** Turns to write that it has. */
  turns: Map<number, () => void>;
  idle: NodeJS.Timeout | undefined;
  ended: Promise<void>;
}

/** Makes a place for pulls; the thread is started for the first long one. */
export function createIngest({ database, program = THREAD }: IngestOptions): Ingest {
  let current: Thread | null = null;
  let lastRun = 0;
  const all = new Set<Thread>();

  function start(): Thread {
    const worker = new Worker(program, {
      workerData: { beside: database.beside } satisfies IngestData,
      resourceLimits: { maxOldGenerationSizeMb: HEAP, maxYoungGenerationSizeMb: YOUNG },
      // Nothing of how this process was started, such as a debugger's port.
      execArgv: [],
      name: 'ingest',
    });
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const thread: Thread = { worker, runs: new Map(), turns: new Map(), idle: undefined, ended };
    let fault: unknown = null;
    worker.on('message', (message: FromIngest) => heard(thread, message));
    worker.on('error', (error) => {
      fault = error;
      if (current === thread) current = null;
    });
    worker.on('exit', () => {
      if (current === thread) current = null;
      all.delete(thread);
      clearTimeout(thread.idle);
      // The connection went with the thread, and what it had begun was rolled back.
      for (const end of thread.turns.values()) end();
      for (const run of thread.runs.values()) {
        run.over.abort();
        run.reject(
          new HedgerowError('UNAVAILABLE', 'The thread that takes in catalogs ended unexpectedly.', {
            cause: fault,
          }),
        );
      }
      thread.runs.clear();
      resolve();
    });
    all.add(thread);
    return thread;
  }

  function heard(thread: Thread, message: FromIngest): void {
    switch (message.type) {
      case 'turn':
        void grant(thread, message.turn);
        return;
      case 'turn over':
        thread.turns.get(message.turn)?.();
        thread.turns.delete(message.turn);
        return;
      case 'call':
        void answer(thread, message);
        return;
      case 'verdict':
        thread.runs.get(message.run)?.verdicts.get(message.call)?.(message.verdict);
        return;
      case 'ended': {
        const run = thread.runs.get(message.run);
        if (run === undefined) return;
        thread.runs.delete(message.run);
        run.over.abort();
        rest(thread);
        if ('outcome' in message.end) run.resolve(message.end.outcome);
        else run.reject(postedError(message.end.error));
      }
    }
  }

  async function grant(thread: Thread, turn: number): Promise<void> {
    const end = await database.takeTurn();
    if (!all.has(thread)) {
      end();
      return;
    }
    thread.turns.set(turn, end);
    say(thread, { type: 'turn', turn });
  }

  async function answer(
    thread: Thread,
    { run: id, call, ask }: Extract<FromIngest, { type: 'call' }>,
  ): Promise<void> {
    const run = thread.runs.get(id);
    if (run === undefined) return;
    const reply = await replyTo(thread, id, run, call, ask).catch(
      (error: unknown): Reply => ({ type: 'error', error: postError(error) }),
    );
    run.verdicts.delete(call);
    say(thread, { type: 'reply', run: id, call, now: run.options.now(), reply });
  }

  async function replyTo(thread: Thread, id: number, run: Run, call: number, ask: Ask): Promise<Reply> {
    const { client, options } = run;
    const signal = AbortSignal.any([options.signal, run.over.signal]);
    signal.throwIfAborted();
    switch (ask.name) {
      case 'list': {
        const { cursor, limit } = ask;
        if (client.listBy === undefined) {
          return { type: 'page', page: await client.list(cursor, limit, signal) };
        }
        await client.listBy(cursor, limit, signal, readBy(thread, id, run, call));
        return { type: 'proven' };
      }
      case 'relistAfter':
        return { type: 'ms', ms: (await client.relistAfter?.(signal)) ?? 0 };
      case 'onPage':
        await options.onPage(ask.counts, ask.total);
        return { type: 'done' };
      case 'onStale':
        await options.onStale(ask.items);
        return { type: 'done' };
    }
  }

  /** Proves and reads in the thread, where the page then stays. */
  function readBy(thread: Thread, id: number, run: Run, call: number): PageReader<void> {
    return async (unread, { jwk }) => {
      const { promise, resolve, reject } = Promise.withResolvers<AnswerVerdict>();
      run.verdicts.set(call, resolve);
      run.over.signal.addEventListener('abort', () => reject(run.over.signal.reason), { once: true });
      say(thread, { type: 'prove', run: id, call, unread, key: JSON.stringify(jwk) });
      return { verdict: await promise, page: async () => {} };
    };
  }

  function say(thread: Thread, message: ToIngest): void {
    if (all.has(thread)) thread.worker.postMessage(message);
  }

  /** A thread without a pull keeps neither the process nor, for long, its memory. */
  function rest(thread: Thread): void {
    if (thread.runs.size > 0) return;
    thread.worker.unref();
    clearTimeout(thread.idle);
    thread.idle = setTimeout(() => {
      if (current === thread) current = null;
      void thread.worker.terminate();
    }, IDLE);
    thread.idle.unref();
  }

  function pullApart(source: number, client: PeerClient, options: PullOptions): Promise<PullOutcome> {
    current ??= start();
    const thread = current;
    clearTimeout(thread.idle);
    thread.worker.ref();
    lastRun += 1;
    const id = lastRun;
    return new Promise<PullOutcome>((resolve, reject) => {
      const over = new AbortController();
      thread.runs.set(id, { client, options, verdicts: new Map(), over, resolve, reject });
      const peer = { relists: client.relistAfter !== undefined, proves: client.listBy !== undefined };
      say(thread, { type: 'run', run: id, source, peer, now: options.now() });
    });
  }

  return {
    pull: async (source, client, options) => {
      let before: PullCounts = { added: 0, changed: 0, removed: 0, skipped: 0 };
      const onPage: PullOptions['onPage'] = (counts, total) => {
        before = { ...counts };
        return options.onPage(counts, total);
      };
      const begun = await beginHere(database, source, client, { ...options, onPage });
      if (begun !== null) return begun;
      options.signal.throwIfAborted();
      const rest = await pullApart(source, client, {
        ...options,
        onPage: (counts, total) => options.onPage(sum(before, counts), total),
      });
      return { ...rest, ...sum(before, rest) };
    },
    [Symbol.asyncDispose]: async () => {
      const threads = [...all];
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
      await Promise.all(threads.map(({ ended }) => ended));
    },
  };
}

/** Most pulls are one small page; null where this one is not at its end with that. */
async function beginHere(
  database: Database,
  source: number,
  client: PeerClient,
  options: PullOptions,
): Promise<PullOutcome | null> {
  try {
    const { read, writeRecoverable } = database;
    return await pullPages({ read, write: writeRecoverable }, source, readingHere(client), options, {
      ...HERE,
      pages: 1,
    });
  } catch (error) {
    // Nothing of it was stored; the thread asks for it again.
    if (error instanceof TooLarge) return null;
    throw error;
  }
}

function readingHere(client: PeerClient): Lister {
  const { listBy } = client;
  if (listBy === undefined) return client;
  const read: PageReader<ListingPage> = async (unread, key) => {
    if (unread.body.length > READ_HERE) throw new TooLarge();
    const { verdict, page } = await readUnreadPage(unread, key, READ_HERE);
    return {
      verdict,
      page: () =>
        page().catch((error: unknown) => {
          const { cause } = error as { cause?: unknown };
          throw systemCode(cause) === 'ERR_BUFFER_TOO_LARGE' ? new TooLarge() : error;
        }),
    };
  };
  return {
    list: (cursor, limit, signal) => listBy(cursor, limit, signal, read),
    ...(client.relistAfter !== undefined && { relistAfter: client.relistAfter.bind(client) }),
  };
}

function sum(a: PullCounts, b: PullCounts): PullCounts {
  return {
    added: a.added + b.added,
    changed: a.changed + b.changed,
    removed: a.removed + b.removed,
    skipped: a.skipped + b.skipped,
  };
}
