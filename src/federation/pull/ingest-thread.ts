/**
 * The thread that takes in catalogs: it stores the pages of peers, on a connection of its own. What it asks peers and the
 * rest of the program goes through the main thread; what they answer comes from the thread that reads (ingest-reader.ts).
 */
import { parentPort, workerData } from 'node:worker_threads';
import { openBeside } from '../../database/beside.ts';
import { writeCompiledCode } from '../../lib/compile-cache.ts';
import { giveWay } from './give-way.ts';
import {
  type Ask,
  type FromIngest,
  type IngestData,
  type PageRead,
  type PeerKind,
  postError,
  postedError,
  type Reply,
  type ToIngest,
} from './ingest-protocol.ts';
import { APART, type Lister, pullPeer } from './pull-peer.ts';

interface Run {
  /** Questions that are not answered yet. */
  calls: Map<number, (reply: Reply) => void>;
  /** The main thread's clock, when it was last heard of; ms. */
  now: number;
}

if (parentPort === null) throw new Error('This runs as a thread.');
giveWay();
const port = parentPort;
const { beside, pages } = workerData as IngestData;
const runs = new Map<number, Run>();
const turns = new Map<number, () => void>();
/** What was read, until it is known whether it counts, and whoever waits for what is being read: null where nobody does. */
const read = new Map<number, PageRead['result']>();
const awaited = new Map<number, ((result: PageRead['result']) => void) | null>();
let lastCall = 0;
let lastTurn = 0;

const post = (message: FromIngest): void => port.postMessage(message);

const database = await openBeside(beside, async () => {
  lastTurn += 1;
  const turn = lastTurn;
  await new Promise<void>((resolve) => {
    turns.set(turn, resolve);
    post({ type: 'turn', turn });
  });
  return () => post({ type: 'turn over', turn });
});
// It is ended by force.
writeCompiledCode();

port.on('message', (message: ToIngest) => {
  switch (message.type) {
    case 'run':
      void pull(message);
      return;
    case 'reply': {
      const run = runs.get(message.run);
      const answered = run?.calls.get(message.call);
      for (const reading of message.spoilt) forget(reading);
      if (run === undefined || answered === undefined) {
        if (message.reply.type === 'proven') forget(message.reply.reading);
        return;
      }
      run.now = message.now;
      answered(message.reply);
      return;
    }
    case 'turn':
      turns.get(message.turn)?.();
      turns.delete(message.turn);
  }
});

pages.on('message', ({ reading, result }: PageRead) => {
  const waiting = awaited.get(reading);
  awaited.delete(reading);
  if (waiting === undefined) read.set(reading, result);
  else waiting?.(result);
});

function forget(reading: number): void {
  if (!read.delete(reading)) awaited.set(reading, null);
}

async function pull({ run: id, source, peer, now }: Extract<ToIngest, { type: 'run' }>): Promise<void> {
  const run: Run = { calls: new Map(), now };
  runs.set(id, run);
  try {
    const outcome = await pullPeer(
      database,
      source,
      listerOf(id, run, peer),
      {
        // An aborted pull's next question fails, and the pull with it.
        signal: new AbortController().signal,
        now: () => run.now,
        onPage: async (counts, total) => {
          await ask(id, run, { name: 'onPage', counts, total });
        },
        onStale: async (items) => {
          await ask(id, run, { name: 'onStale', items });
        },
      },
      peer.proves ? place : { ...place, ahead: false, page: PAGE_OF_OTHERS },
    );
    post({ type: 'ended', run: id, end: { outcome } });
  } catch (error) {
    post({ type: 'ended', run: id, end: { error: postError(error) } });
  } finally {
    runs.delete(id);
  }
}

/**
 * On PostgreSQL nobody waits for a transaction until its end, where rows get their revision under the counters: then everybody does
 * who writes. So it is short; and one step, which also locks its rows in one order.
 */
const ON_POSTGRESQL = 100;
const place =
  beside.location.dialect === 'sqlite'
    ? APART
    : { ...APART, step: ON_POSTGRESQL, transaction: ON_POSTGRESQL };
/** Entries asked for at once in a dialect that is read in the main thread. */
const PAGE_OF_OTHERS = 100;

function listerOf(id: number, run: Run, { relists }: PeerKind): Lister {
  const list: Lister['list'] = async (cursor, limit) => {
    const reply = await ask(id, run, { name: 'list', cursor, limit });
    if (reply.type === 'page') return reply.page;
    if (reply.type !== 'proven') throw new Error('A page was asked for.');
    const result = await resultOf(reply.reading);
    if ('error' in result) throw postedError(result.error);
    return result.page;
  };
  if (!relists) return { list };
  return {
    list,
    relistAfter: async () => {
      const reply = await ask(id, run, { name: 'relistAfter' });
      if (reply.type !== 'ms') throw new Error('A time was asked for.');
      return reply.ms;
    },
  };
}

/** Rejects with what the main thread failed with. */
async function ask(id: number, run: Run, what: Ask): Promise<Reply> {
  lastCall += 1;
  const call = lastCall;
  const { promise, resolve } = Promise.withResolvers<Reply>();
  run.calls.set(call, resolve);
  post({ type: 'call', run: id, call, ask: what });
  const reply = await promise;
  run.calls.delete(call);
  if (reply.type === 'error') throw postedError(reply.error);
  return reply;
}

async function resultOf(reading: number): Promise<PageRead['result']> {
  const here = read.get(reading);
  if (here !== undefined) {
    read.delete(reading);
    return here;
  }
  const { promise, resolve } = Promise.withResolvers<PageRead['result']>();
  awaited.set(reading, resolve);
  return promise;
}
