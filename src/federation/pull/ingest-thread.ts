/**
 * The thread that takes in catalogs: it proves, decodes, parses and checks the pages of peers and stores them, on a
 * connection of its own. What it asks peers and the rest of the program goes through the main thread.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { openBeside } from '../../database/beside.ts';
import type { ListingPage } from '../dialects/dialect.ts';
import { type ProvenPage, readUnreadPage } from '../dialects/hedgerow-page.ts';
import { storedPublicKey } from '../identity/keys.ts';
import {
  type Ask,
  type FromIngest,
  type IngestData,
  type PeerKind,
  postError,
  postedError,
  type Reply,
  type ToIngest,
} from './ingest-protocol.ts';
import { APART, type Lister, pullPeer } from './pull-peer.ts';

interface Call {
  resolve: (reply: Reply) => void;
  /** What was proven last. */
  proven: ProvenPage<ListingPage> | null;
}

interface Run {
  calls: Map<number, Call>;
  /** The main thread's clock, when it was last heard of; ms. */
  now: number;
}

if (parentPort === null) throw new Error('This runs as a thread.');
const port = parentPort;
const { beside } = workerData as IngestData;
const runs = new Map<number, Run>();
const turns = new Map<number, () => void>();
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

port.on('message', (message: ToIngest) => {
  switch (message.type) {
    case 'run':
      void pull(message);
      return;
    case 'prove':
      void prove(message);
      return;
    case 'reply': {
      const run = runs.get(message.run);
      const call = run?.calls.get(message.call);
      if (run === undefined || call === undefined) return;
      run.now = message.now;
      call.resolve(message.reply);
      return;
    }
    case 'turn':
      turns.get(message.turn)?.();
      turns.delete(message.turn);
  }
});

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
 * On PostgreSQL nobody waits for a page until its last statement, so it is one step; that also locks its rows in one
 * order.
 */
const place = beside.location.dialect === 'sqlite' ? APART : { ...APART, step: APART.transaction };
/** Entries asked for at once in a dialect that is read in the main thread. */
const PAGE_OF_OTHERS = 100;

function listerOf(id: number, run: Run, { relists }: PeerKind): Lister {
  const list: Lister['list'] = async (cursor, limit) => {
    const call = begin(id, run, { name: 'list', cursor, limit });
    const reply = await call.reply;
    if (reply.type === 'page') return reply.page;
    const { proven } = call;
    if (reply.type !== 'proven' || proven === null) throw new Error('A page was answered without a page.');
    return proven.page();
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

function ask(id: number, run: Run, what: Ask): Promise<Reply> {
  return begin(id, run, what).reply;
}

/** Rejects with what the main thread failed with. */
function begin(id: number, run: Run, what: Ask): { reply: Promise<Reply>; readonly proven: Call['proven'] } {
  lastCall += 1;
  const number = lastCall;
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const call: Call = { resolve, proven: null };
  run.calls.set(number, call);
  post({ type: 'call', run: id, call: number, ask: what });
  const reply = promise.then((answer) => {
    run.calls.delete(number);
    if (answer.type === 'error') throw postedError(answer.error);
    return answer;
  });
  return {
    reply,
    get proven() {
      return call.proven;
    },
  };
}

async function prove({
  run,
  call: number,
  unread,
  key,
}: Extract<ToIngest, { type: 'prove' }>): Promise<void> {
  const call = runs.get(run)?.calls.get(number);
  if (call === undefined) return;
  call.proven = await readUnreadPage(unread, storedPublicKey(key));
  post({ type: 'verdict', run, call: number, verdict: call.proven.verdict });
}
