/**
 * Where a pull is done: what is short at once, among everything else; what is long in two threads, so that nobody waits for
 * it: one reads what the peer answers, and one stores it (docs/adr/0055-how-a-catalog-is-taken-in.md). What one of them
 * dies of is a pull that failed.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Database } from '../../database/database.ts';
import { COMPILED } from '../../lib/compile-cache.ts';
import { HedgerowError, systemCode } from '../../lib/errors.ts';
import type { ListingPage, PeerClient } from '../dialects/dialect.ts';
import { type PageReader, readUnreadPage } from '../dialects/hedgerow-page.ts';
import type { AnswerVerdict } from '../identity/answer-signatures.ts';
import {
  type Ask,
  type FromIngest,
  type FromReader,
  type IngestData,
  postError,
  postedError,
  type ReaderData,
  type Reply,
  type ToIngest,
  type ToReader,
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
const READER = new URL('./ingest-reader.ts', import.meta.url);
/** Of each thread, MiB: two pages of each of the pulls that run at once, as objects, and more than enough besides. */
const HEAP = 256;
/** Of it, MiB, for what has just been made: nearly all of a page is of no use any more once it is stored. */
const YOUNG = 10;
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
  /** The program of the thread that stores. */
  program?: URL;
}

/** A page that is too large to be read among everything else. */
class TooLarge extends Error {}

interface Run {
  client: PeerClient;
  options: PullOptions;
  /** Aborted when it has ended: what was asked for ahead is of no use any more. */
  over: AbortController;
  resolve(outcome: PullOutcome): void;
  reject(error: Error): void;
}

/** An answer that is being proven. */
interface Proving {
  resolve(verdict: AnswerVerdict): void;
  reject(error: unknown): void;
}

/** What was read for one question so far: the one that counts comes last. */
type Readings = { reading: number; signed: boolean }[];

/** The two threads, which live and die together. */
interface Thread {
  worker: Worker;
  reader: Worker;
  proving: Map<number, Proving>;
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
  let lastReading = 0;
  const all = new Set<Thread>();

  function start(): Thread {
    const { port1, port2 } = new MessageChannel();
    const options = {
      resourceLimits: { maxOldGenerationSizeMb: HEAP, maxYoungGenerationSizeMb: YOUNG },
      // Nothing of how this process was started, such as a debugger's port.
      execArgv: [],
      // What strips types takes 5 MB of each thread's heap and as much besides, unless that was done before.
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILED },
    };
    const worker = new Worker(program, {
      ...options,
      workerData: { beside: database.beside, pages: port1 } satisfies IngestData,
      transferList: [port1],
      name: 'ingest',
    });
    const reader = new Worker(READER, {
      ...options,
      workerData: { dialect: database.dialect, pages: port2 } satisfies ReaderData,
      transferList: [port2],
      name: 'ingest reader',
    });
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const thread: Thread = {
      worker,
      reader,
      proving: new Map(),
      runs: new Map(),
      turns: new Map(),
      idle: undefined,
      ended,
    };
    let fault: unknown = null;
    let left = 2;
    worker.on('message', (message: FromIngest) => heard(thread, message));
    reader.on('message', ({ reading, verdict }: FromReader) => {
      thread.proving.get(reading)?.resolve(verdict);
      thread.proving.delete(reading);
    });
    for (const one of [worker, reader]) {
      one.on('error', (error) => {
        fault ??= error;
        if (current === thread) current = null;
      });
      one.on('exit', () => {
        if (current === thread) current = null;
        all.delete(thread);
        clearTimeout(thread.idle);
        // One of them alone is of no use.
        void (one === worker ? reader : worker).terminate();
        // Where it stored, the connection went with it, and what it had begun was rolled back.
        if (one === worker) for (const end of thread.turns.values()) end();
        const error = new HedgerowError(
          'UNAVAILABLE',
          'The thread that takes in catalogs ended unexpectedly.',
          { cause: fault },
        );
        for (const { reject } of thread.proving.values()) reject(error);
        thread.proving.clear();
        for (const run of thread.runs.values()) {
          run.over.abort();
          run.reject(error);
        }
        thread.runs.clear();
        left -= 1;
        if (left === 0) resolve();
      });
    }
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
    const readings: Readings = [];
    const reply = await replyTo(thread, run, readings, ask).catch(
      (error: unknown): Reply => ({ type: 'error', error: postError(error) }),
    );
    const counts = reply.type === 'proven' ? reply.reading : null;
    const spoilt = readings.flatMap(({ reading, signed }) => (signed && reading !== counts ? reading : []));
    say(thread, { type: 'reply', run: id, call, now: run.options.now(), reply, spoilt });
  }

  async function replyTo(thread: Thread, run: Run, readings: Readings, ask: Ask): Promise<Reply> {
    const { client, options } = run;
    const signal = AbortSignal.any([options.signal, run.over.signal]);
    signal.throwIfAborted();
    switch (ask.name) {
      case 'list': {
        const { cursor, limit } = ask;
        if (client.listBy === undefined) {
          return { type: 'page', page: await client.list(cursor, limit, signal) };
        }
        await client.listBy(cursor, limit, signal, readBy(thread, run, readings));
        const last = readings.at(-1);
        if (last === undefined) throw new Error('A page was answered without a page.');
        return { type: 'proven', reading: last.reading };
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

  /** Proves and reads in the thread that reads; the page goes from there to the one that stores. */
  function readBy(thread: Thread, run: Run, readings: Readings): PageReader<void> {
    return async (unread, { jwk }) => {
      lastReading += 1;
      const reading = lastReading;
      const { promise, resolve, reject } = Promise.withResolvers<AnswerVerdict>();
      thread.proving.set(reading, { resolve, reject });
      const one = { reading, signed: false };
      readings.push(one);
      if (!all.has(thread)) reject(run.over.signal.reason);
      thread.reader.postMessage({ reading, unread, key: JSON.stringify(jwk) } satisfies ToReader);
      const verdict = await promise;
      one.signed = verdict.kind === 'signed';
      return { verdict, page: async () => {} };
    };
  }

  function say(thread: Thread, message: ToIngest): void {
    if (all.has(thread)) thread.worker.postMessage(message);
  }

  /** A thread without a pull keeps neither the process nor, for long, its memory. */
  function rest(thread: Thread): void {
    if (thread.runs.size > 0) return;
    thread.worker.unref();
    thread.reader.unref();
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
    thread.reader.ref();
    lastRun += 1;
    const id = lastRun;
    const checkpointHere = database.checkpointElsewhere();
    return new Promise<PullOutcome>((resolve, reject) => {
      const over = new AbortController();
      thread.runs.set(id, { client, options, over, resolve, reject });
      const peer = { relists: client.relistAfter !== undefined, proves: client.listBy !== undefined };
      say(thread, { type: 'run', run: id, source, peer, now: options.now() });
    }).finally(checkpointHere);
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
      await Promise.all(threads.flatMap(({ worker, reader }) => [worker.terminate(), reader.terminate()]));
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
