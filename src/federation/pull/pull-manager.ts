/**
 * When which peer is pulled: on its interval, at once when asked, sooner or later after a failure.
 *
 * Each peer belongs to one process at a time, which has the lease of it: there are its schedule, its pulls, its stream of
 * events and what is fetched ahead. What other processes want of it they write into the database, and tell that one.
 */
import type { Item } from '../../catalog/items.ts';
import type { Prisma } from '../../database/generated/sqlite/client.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { newId } from '../../lib/ids.ts';
import type { FederationContext } from '../context.ts';
import type { PeerClient } from '../dialects/dialect.ts';
import { askedPause, endsAccess, healthAfter, isSilence, retryDelay } from '../peers/health.ts';
import { createLagWatch, createStatusWatch } from '../peers/remote-status.ts';
import type { PeerStreams } from '../serve/streams.ts';
import { clearPeer, peersToClear } from './clear-peer.ts';
import { hintDelay } from './hint-pace.ts';
import { createIngest } from './ingest.ts';
import { createPlaces } from './places.ts';
import type { PullCounts, PullOutcome } from './pull-peer.ts';
import { type TakeOverBytes, takeOver } from './take-over.ts';
import { fetchThumbnails } from './thumbnails.ts';

/** Pulls that run at once. */
const PULLS_AT_ONCE = 4;
/** ms after which a pull gives its place to another and goes on: peers that keep us waiting slow down nobody else. */
const PLACE_KEPT = 1_000;
/** Pulls that run at all. Each may hold a page of some megabytes while it waits for the rest. */
const PULLS_AT_MOST = 32;
/** ms until a peer that failed is pulled from again, at most: with what is spread, it is back within a minute. */
const LONGEST_RETRY = 45_000;
/** Rows of history that a peer keeps. */
const HISTORY = 100;
/** ms between two writings of a running pull's counts. */
const PROGRESS_EVERY = 1_000;
/** ms between two questions how much is still to come, while a pull runs. */
const LAG_EVERY = 5_000;
/** ms until a peer that has revoked us is asked again: a new pairing there is noticed within a day. */
const AFTER_REVOKED = 24 * 3600 * 1000;
/** ms between two looks for what revoked peers have left here. */
const CLEAR_EVERY = 600_000;
/** The same where another process may have revoked one. */
const CLEAR_EVERY_OF_SEVERAL = 10_000;
const CLEARING = 'all';
/** ms until a hint that could not be followed is tried again. */
const HINT_AGAIN = 2_000;
/** ms until the next pull after one that a fault of our own ended, such as a full disk. */
const AFTER_FAULT = 60_000;
/** ms between two looks after a peer. */
const LOOK_EVERY = 5_000;
/** ms at most between two tries of a credential that the other side has not stored yet. */
const SETTLING_DELAY = 60_000;
const BELIEVED_WELL: ReadonlySet<string> = new Set(['ONLINE', 'UNKNOWN', 'DEGRADED']);
const NOT_SETTLED =
  'The other server has not completed the pairing yet, so it does not know our credential; it is asked again soon.';
const LONGEST_TIMER = 2 ** 31 - 1;

export interface PullManagerOptions {
  context: FederationContext;
  /** @throws HedgerowError where the peer must not be asked */
  clientFor: (peerKey: number) => Promise<PeerClient>;
  streams: Pick<PeerStreams, 'enter' | 'end'>;
  /** ms between pulls of a peer that has no interval of its own. */
  interval: number;
  /** A row of `pulls` was written. */
  onChanged: (pullId: string) => void;
  purgeItem: (itemKey: number, source: number) => Promise<void>;
  purgePeer: (peerKey: number) => Promise<void>;
  takeOverBytes: TakeOverBytes;
  fetchThumbnail: (item: Item, signal: AbortSignal) => Promise<boolean>;
  /** Fetches what is to be kept of a peer ahead of anybody's asking, beside its thumbnails. */
  mirror: (peerKey: number, signal: AbortSignal) => Promise<void>;
  /** What is asked of a peer beside its catalog, after a pull that succeeded; no failure of it is one of the pull. */
  onPulled: (peerKey: number, client: PeerClient, signal: AbortSignal) => Promise<void>;
  /** A peer that answered the last time is looked after here from now on; its next pull may be long away. */
  onTaken: (peerKey: number) => void;
  /** Whether somebody answers there, as a pull has found out. */
  onFound: (peerKey: number, outcome: 'answered' | 'silent') => void;
  /** Nothing more is asked of the peer: it is paused, revoked, or shares no longer. */
  onEnded: (peerKey: number) => void;
  random?: () => number;
}

export interface PullManager extends AsyncDisposable {
  /** Takes up the schedule of every active peer. */
  start(): Promise<void>;
  /** Queues a pull, or joins the one that is queued; answers its id. */
  request(peerKey: number): Promise<string>;
  /** The peer, or somebody in its name, says that something has changed: pulls soon, and not too often. */
  hinted(peerKey: number): void;
  /** The peer is listened to from now on: finds out what has changed since the last pull. */
  listening(peerKey: number, client: PeerClient, signal: AbortSignal): Promise<void>;
  /** Something of the peer could not be reached: finds out soon whether the peer is there. */
  suspect(peerKey: number): void;
  /** The peer itself, by its signature, took back what it shares: hides it at once. */
  refused(peerKey: number, error: HedgerowError): void;
  /** Bytes of the peer were not those that it had announced: says so, and finds out within a minute how it goes with it. */
  faulty(peerKey: number, error: HedgerowError): Promise<void>;
  /** Something of the peer was reached: one that is held to be away is looked after at once. */
  reached(peerKey: number): void;
  /** Takes up what is fetched ahead, where it is not worked at already. */
  fetchAhead(peerKey: number): void;
  /** Ends what runs for the peer and plans nothing more. */
  forget(peerKey: number): Promise<void>;
  /** Plans anew after the peer's row changed. */
  reschedule(peerKey: number): Promise<void>;
  /** Removes what is left of a peer that is revoked, or long hidden, unless its bytes are kept. */
  clear(peerKey: number): Promise<void>;
}

interface Scheduled {
  /** When what an earlier process has left of the peer is tidied up. */
  begun: Promise<void>;
  /** Pulls that are queued or under way here, by the ids of their rows. */
  adopted: Set<string>;
  timer: NodeJS.Timeout | undefined;
  thumbnailTimer: NodeJS.Timeout | undefined;
  queued: string | null;
  /** When the row of what is queued is there. */
  stored: Promise<void>;
  running: Promise<void> | null;
  thumbnails: Promise<void> | null;
  mirror: Promise<void> | null;
  abort: AbortController;
  suspectedAt: number;
  /** Since the last pull failed. */
  away: boolean;
  /** Until then the peer has asked to be left alone. */
  restsUntil: number;
  hintTimer: NodeJS.Timeout | undefined;
  /** Looks after the peer once it may be looked after again. */
  lookTimer: NodeJS.Timeout | undefined;
  /** The pull that is queued next was brought about by a hint. */
  hinted: boolean;
  /** Hints in a row at which a pull found nothing. */
  idleHints: number;
  /** When the last pull began. */
  begunAt: number;
}

export function createPullManager(options: PullManagerOptions): PullManager {
  const { context } = options;
  const { processes } = context;
  const { prisma } = context.database;
  const random = options.random ?? Math.random;
  const statuses = createStatusWatch(context);
  const lags = createLagWatch(context);
  const ingest = createIngest({ database: context.database });
  const peers = new Map<number, Scheduled>();
  const places = createPlaces({ atOnce: PULLS_AT_ONCE, atMost: PULLS_AT_MOST, keptFor: PLACE_KEPT });
  let closed = false;
  let started = false;
  let clearTimer: NodeJS.Timeout | undefined;
  const clearing = new Map<number, Promise<void>>();
  let ending = new AbortController();
  const share = processes.share('pull ', {
    names: async () => {
      const rows = await prisma.peer.findMany({
        where: { status: 'ACTIVE', pulls: true },
        select: { key: true },
      });
      // A notice may have been lost: what others have queued is looked for as well.
      if (processes.several) void background(adoptAll(), 'looking for pulls that others have queued');
      return rows.map(({ key }) => String(key));
    },
    begin: (name) => {
      const peerKey = Number(name);
      entry(peerKey).begun = background(begin(peerKey), 'taking up a peer');
    },
    end: (name) => leave(Number(name)),
    lost: (name) => void background(drop(Number(name)), 'leaving a peer to another process'),
  });
  const isOurs = (peerKey: number): boolean => share.holds(String(peerKey));

  const entry = (peerKey: number): Scheduled => {
    let scheduled = peers.get(peerKey);
    if (scheduled === undefined) {
      scheduled = {
        begun: Promise.resolve(),
        adopted: new Set(),
        timer: undefined,
        thumbnailTimer: undefined,
        queued: null,
        stored: Promise.resolve(),
        running: null,
        thumbnails: null,
        mirror: null,
        abort: new AbortController(),
        suspectedAt: 0,
        away: false,
        restsUntil: 0,
        hintTimer: undefined,
        lookTimer: undefined,
        hinted: false,
        idleHints: 0,
        begunAt: 0,
      };
      peers.set(peerKey, scheduled);
    }
    return scheduled;
  };

  const background = (work: Promise<void>, what: string): Promise<void> =>
    work.catch((error: unknown) => context.log.failed({ what, error }));

  function plan(peerKey: number, at: number): void {
    if (closed) return;
    if (!isOurs(peerKey)) {
      processes.tell('peer', String(peerKey));
      return;
    }
    const scheduled = entry(peerKey);
    clearTimeout(scheduled.timer);
    const delay = Math.min(Math.max(0, at - context.now()), LONGEST_TIMER);
    scheduled.timer = setTimeout(() => {
      const queued = requestOfActive(peerKey).catch((error: unknown) => {
        plan(peerKey, context.now() + AFTER_FAULT);
        throw error;
      });
      void background(queued, 'scheduling a pull');
    }, delay);
    scheduled.timer.unref();
  }

  /** Another process may have paused or revoked the peer: then there is nothing to queue. */
  async function requestOfActive(peerKey: number): Promise<void> {
    const peer = await prisma.peer.findUnique({ where: { key: peerKey } });
    if (peer?.status === 'ACTIVE' && peer.pulls && !closed) await request(peerKey);
  }

  /** Runs something that ends where the peer is revoked, in whichever process that is. */
  function runningFor(peerKey: number): () => void {
    return options.streams.enter({
      peerKey,
      direction: 'pull',
      cut: () => void background(forget(peerKey), 'ending what runs for a revoked peer'),
    });
  }

  async function request(peerKey: number): Promise<string> {
    if (!(await share.ours(String(peerKey)))) return requestOfOther(peerKey);
    const scheduled = entry(peerKey);
    if (scheduled.queued !== null) {
      const { queued } = scheduled;
      // Whoever joins it may look for its row at once.
      await scheduled.stored;
      return queued;
    }
    const id = newId('pull', context.now());
    scheduled.queued = id;
    scheduled.adopted.add(id);
    scheduled.stored = queueRow(peerKey, id);
    try {
      await scheduled.stored;
    } catch (error) {
      scheduled.queued = null;
      scheduled.adopted.delete(id);
      throw error;
    }
    enqueue(peerKey, id);
    return id;
  }

  async function queueRow(peerKey: number, id: string): Promise<void> {
    const data = { id, peerKey, state: 'QUEUED', queuedAt: new Date(context.now()) };
    await prisma.pull.create({ data });
    options.onChanged(id);
  }

  /** The peer is another process's, which is told, and looks for itself where it does not hear it. */
  async function requestOfOther(peerKey: number): Promise<string> {
    const queued = await prisma.pull.findFirst({
      where: { peerKey, state: 'QUEUED' },
      orderBy: { queuedAt: 'asc' },
      select: { id: true },
    });
    const id = queued?.id ?? newId('pull', context.now());
    if (queued === null) await queueRow(peerKey, id);
    processes.tell('peer', String(peerKey));
    return id;
  }

  /** Runs it after what runs for the peer. */
  function enqueue(peerKey: number, id: string): void {
    const scheduled = entry(peerKey);
    const after = scheduled.running ?? scheduled.begun;
    // Where not even the failure can be written down, the schedule must not end with it.
    const run = after
      .then(() => turn(peerKey, id))
      .catch((error: unknown) => {
        plan(peerKey, context.now() + AFTER_FAULT);
        throw error;
      });
    const running = background(run, 'a pull').finally(() => {
      scheduled.adopted.delete(id);
      if (scheduled.running === running) scheduled.running = null;
    });
    scheduled.running = running;
  }

  /** Takes up what is queued for a peer of ours by others, or by a process that is no more. */
  async function adopt(peerKey: number): Promise<void> {
    const rows = await prisma.pull.findMany({
      where: { peerKey, state: 'QUEUED' },
      orderBy: { queuedAt: 'asc' },
      select: { id: true },
    });
    for (const { id } of rows) {
      if (closed || !isOurs(peerKey)) return;
      const scheduled = entry(peerKey);
      if (scheduled.adopted.has(id)) continue;
      scheduled.adopted.add(id);
      scheduled.queued ??= id;
      enqueue(peerKey, id);
    }
  }

  async function adoptAll(): Promise<void> {
    const rows = await prisma.pull.findMany({
      where: { state: 'QUEUED' },
      distinct: ['peerKey'],
      select: { peerKey: true },
    });
    for (const { peerKey } of rows) if (isOurs(peerKey)) await adopt(peerKey);
  }

  /** The peer is ours from now on. */
  async function begin(peerKey: number): Promise<void> {
    // A pull that was under way when its process ended did not finish; its pages did, each with its cursor.
    await prisma.pull.updateMany({
      where: { peerKey, state: 'RUNNING', id: { notIn: [...(peers.get(peerKey)?.adopted ?? [])] } },
      data: {
        state: 'FAILED',
        finishedAt: new Date(context.now()),
        errorCode: 'CONFLICT',
        errorMessage: 'The server was stopped meanwhile.',
      },
    });
    await adopt(peerKey);
    await takeUp(peerKey);
  }

  async function takeUp(peerKey: number): Promise<void> {
    const peer = await prisma.peer.findUnique({ where: { key: peerKey } });
    if (closed || !isOurs(peerKey) || peer === null || peer.status !== 'ACTIVE' || !peer.pulls) return;
    if (!started) return;
    const { queued, running } = entry(peerKey);
    // What is under way plans the next one at its end.
    if (queued === null && running === null) plan(peerKey, peer.nextAttemptAt?.getTime() ?? context.now());
    if (peer.health === 'ONLINE') options.onTaken(peerKey);
    fetchAhead(peerKey);
  }

  /** Another process is to have the peer: what runs of its pulls is done first, and the rest is broken off. */
  async function leave(peerKey: number): Promise<void> {
    const scheduled = peers.get(peerKey);
    if (scheduled === undefined) return;
    clearTimeout(scheduled.timer);
    clearTimeout(scheduled.hintTimer);
    clearTimeout(scheduled.lookTimer);
    options.onEnded(peerKey);
    while (scheduled.running !== null && peers.get(peerKey) === scheduled) await scheduled.running;
    await drop(peerKey);
  }

  /** A pull's turn comes when one of the few places is free. */
  function turn(peerKey: number, pullId: string): Promise<void> {
    return places.run(async () => {
      const scheduled = entry(peerKey);
      if (scheduled.queued === pullId) scheduled.queued = null;
      // Where the peer is another's by now, what is queued is taken up there.
      if (!closed && isOurs(peerKey)) await pull(peerKey, pullId);
    });
  }

  async function pull(peerKey: number, pullId: string): Promise<void> {
    const scheduled = entry(peerKey);
    const peer = await prisma.peer.findUnique({ where: { key: peerKey } });
    if (peer === null || peer.status !== 'ACTIVE' || !peer.pulls) {
      await endPull(pullId, 'FAILED', { code: 'CONFLICT', message: 'The peer is paused or revoked.' });
      return;
    }
    const { signal } = scheduled.abort;
    const { hinted } = scheduled;
    scheduled.hinted = false;
    scheduled.begunAt = context.now();
    const startedAt = new Date(context.now());
    await prisma.$transaction([
      prisma.pull.update({ where: { id: pullId }, data: { state: 'RUNNING', startedAt } }),
      prisma.peer.update({ where: { key: peerKey }, data: { lastAttemptAt: startedAt } }),
    ]);
    options.onChanged(pullId);
    let counts: PullCounts = { added: 0, changed: 0, removed: 0, skipped: 0 };
    let shownAt = 0;
    // Short pulls ask nothing besides.
    let laggedAt = context.now();
    const ended = runningFor(peerKey);
    try {
      const client = await options.clientFor(peerKey);
      if (peer.generation === 0 || peer.inheritsFrom !== null) {
        const bytes = { takeOver: options.takeOverBytes, purge: options.purgePeer };
        await takeOver(context.database, bytes, peerKey, { now: context.now, signal });
      }
      // In a first listing the pages do not say it until the last.
      const expected = (await statuses.look(peer, client, signal)) ?? peer.remoteTotal;
      const outcome = await ingest.pull(peerKey, client, {
        signal,
        now: context.now,
        onPage: async (sofar, total) => {
          counts = { ...sofar };
          if (context.now() - shownAt < PROGRESS_EVERY) return;
          shownAt = context.now();
          await prisma.pull.update({ where: { id: pullId }, data: { ...counts, total: total ?? expected } });
          options.onChanged(pullId);
          if (total !== null || context.now() - laggedAt < LAG_EVERY) return;
          laggedAt = context.now();
          await lags.ask(peerKey, client, signal);
        },
        onStale: async (items) => {
          for (const item of items) await options.purgeItem(item.key, peerKey);
        },
      });
      const { added, changed, removed, skipped } = outcome;
      const idle = hinted && added + changed + removed + skipped === 0;
      scheduled.idleHints = idle ? scheduled.idleHints + 1 : 0;
      await succeeded(peerKey, pullId, peer, outcome, signal);
      await background(options.onPulled(peerKey, client, signal), 'asking a peer for more than its catalog');
    } catch (error) {
      await failed(peerKey, pullId, error, counts, signal);
    } finally {
      ended();
    }
  }

  async function succeeded(
    peerKey: number,
    pullId: string,
    peer: { id: string; interval: number | null; divergedInARow: number; roundTripMs: number | null },
    outcome: PullOutcome,
    signal: AbortSignal,
  ): Promise<void> {
    const now = context.now();
    const { inSync, total, roundTripMs, ...counts } = outcome;
    const interval = peer.interval === null ? options.interval : peer.interval * 1000;
    // The first disagreement is mended at once by a new listing, later ones at the peer's interval.
    const delay = inSync !== false || peer.divergedInARow > 0 ? interval * (0.9 + random() * 0.2) : 2_000;
    const row = prisma.peer.updateMany({
      where: { key: peerKey, status: 'ACTIVE' },
      data: {
        health: inSync === false ? 'DIVERGED' : 'ONLINE',
        lastSuccessAt: new Date(now),
        nextAttemptAt: new Date(now + delay),
        failures: 0,
        // Without a checksum nobody knows what else has changed there.
        lag: inSync === null ? null : 0,
        roundTripMs: averaged(peer.roundTripMs, roundTripMs),
        hiddenSince: null,
        settlingUntil: null,
        ...(inSync !== false
          ? { errorCode: null, errorMessage: null, errorAt: null }
          : {
              errorCode: 'INTEGRITY_FAILED',
              errorMessage: "The copy does not agree with the peer's checksum; the catalog is listed anew.",
              errorAt: new Date(now),
            }),
      },
    });
    await endPull(pullId, 'SUCCEEDED', null, counts, total, [row]);
    context.log.pulled({ peerId: peer.id, ...counts });
    // Ended from here at the last moment: there is nothing more to plan.
    if (signal.aborted) return;
    found(peerKey, 'answered');
    plan(peerKey, now + delay);
    fetchAhead(peerKey);
  }

  async function failed(
    peerKey: number,
    pullId: string,
    error: unknown,
    counts: PullCounts,
    signal: AbortSignal,
  ): Promise<void> {
    const known =
      error instanceof HedgerowError ? error : new HedgerowError('INTERNAL', undefined, { cause: error });
    const { code, message } = known;
    // Ended from here, by a pause, a revocation or the end of the process: that says nothing about the peer.
    if (!signal.aborted && code !== 'CONFLICT') await noteFailure(peerKey, known);
    // Another pull was faster, or the peer is not to be pulled any more, which is looked at then.
    else if (!signal.aborted) {
      const at = context.now() + AFTER_FAULT;
      await prisma.peer.updateMany({
        where: { key: peerKey, status: 'ACTIVE' },
        data: { nextAttemptAt: new Date(at) },
      });
      plan(peerKey, at);
    }
    await endPull(pullId, 'FAILED', { code, message }, counts);
  }

  async function noteFailure(peerKey: number, error: HedgerowError): Promise<void> {
    const peer = await prisma.peer.findUnique({ where: { key: peerKey } });
    if (peer === null || peer.status !== 'ACTIVE') return;
    const settling =
      error.code === 'CREDENTIAL_REFUSED' && (peer.settlingUntil?.getTime() ?? 0) > context.now();
    const { code, cause } = error;
    const message = settling ? NOT_SETTLED : error.message;
    const now = context.now();
    entry(peerKey).away = true;
    // A fault of our own says nothing about it, and neither does what it answered.
    if (isSilence(error)) found(peerKey, 'silent');
    entry(peerKey).restsUntil = now + (askedPause(error) ?? 0) * 1000;
    const failures = peer.failures + 1;
    // Revoked there: nothing will change by itself.
    const next =
      code === 'REVOKED' ? AFTER_REVOKED : retryDelay(failures, askedPause(error), random(), LONGEST_RETRY);
    const delay = settling ? Math.min(next, SETTLING_DELAY) : next;
    await prisma.peer.updateMany({
      where: { key: peerKey, status: 'ACTIVE' },
      data: {
        health: settling ? (peer.lastSuccessAt === null ? 'UNKNOWN' : 'DEGRADED') : healthAfter(error),
        lag: null,
        failures,
        errorCode: code,
        errorMessage: message,
        errorAt: new Date(now),
        nextAttemptAt: new Date(now + delay),
        ...(endsAccess(code) && { hiddenSince: peer.hiddenSince ?? new Date(now) }),
      },
    });
    context.log.pullFailed({ peerId: peer.id, code, message, cause });
    plan(peerKey, now + delay);
    if (!endsAccess(code)) return;
    options.onEnded(peerKey);
    options.streams.end(peerKey, code, ['to-clients']);
    if (peer.hiddenSince !== null) return;
    if (code === 'REVOKED') context.log.revoked({ peerId: peer.id, by: 'them' });
    await context.audit.record({
      actorKind: 'PEER',
      actor: peer.id,
      action: code === 'REVOKED' ? 'peer.revoked-by-them' : 'peer.grant-ended',
      target: peer.id,
      peerId: peer.id,
      outcome: 'done',
      code,
    });
  }

  /** Other processes need not find it out by themselves, nor keep their readers waiting for a peer that is back. */
  function found(peerKey: number, outcome: 'answered' | 'silent'): void {
    const scheduled = entry(peerKey);
    if (outcome === 'silent' || scheduled.away) processes.tell('found', `${peerKey} ${outcome}`);
    scheduled.away = outcome === 'silent';
    options.onFound(peerKey, outcome);
  }

  async function faulty(peerKey: number, { code, message }: HedgerowError): Promise<void> {
    const now = context.now();
    const soon = now + LONGEST_RETRY;
    const peer = await prisma.peer.findUnique({ where: { key: peerKey } });
    // What else is wrong with it weighs more, and is looked after already.
    if (peer?.status !== 'ACTIVE' || !BELIEVED_WELL.has(peer.health)) return;
    const planned = peer.nextAttemptAt?.getTime() ?? Number.POSITIVE_INFINITY;
    // Later than now: whoever looks at the peer meanwhile sees what was wrong.
    const next = planned > now && planned < soon ? planned : soon;
    const { count } = await prisma.peer.updateMany({
      where: { key: peerKey, status: 'ACTIVE', health: peer.health },
      data: {
        health: 'DEGRADED',
        errorCode: code,
        errorMessage: message,
        errorAt: new Date(now),
        ...(peer.pulls && { nextAttemptAt: new Date(next) }),
      },
    });
    if (count > 0 && peer.pulls) plan(peerKey, next);
  }

  async function endPull(
    id: string,
    state: 'SUCCEEDED' | 'FAILED',
    error: { code: string; message: string } | null,
    counts: Partial<PullCounts> = {},
    total: number | null = null,
    beside: Prisma.PrismaPromise<unknown>[] = [],
  ): Promise<void> {
    const old = await prisma.pull.findMany({
      where: { peer: { history: { some: { id } } } },
      orderBy: [{ queuedAt: 'desc' }, { id: 'desc' }],
      skip: HISTORY,
      take: HISTORY,
      select: { id: true },
    });
    const ended = prisma.pull.update({
      where: { id },
      data: {
        ...counts,
        total,
        state,
        finishedAt: new Date(context.now()),
        errorCode: error?.code ?? null,
        errorMessage: error?.message ?? null,
      },
    });
    const tooOld = old.map((pull) => pull.id);
    await prisma.$transaction([
      ...beside,
      ended,
      ...(tooOld.length > 0 ? [prisma.pull.deleteMany({ where: { id: { in: tooOld } } })] : []),
    ]);
    options.onChanged(id);
  }

  function startThumbnails(peerKey: number): void {
    const scheduled = entry(peerKey);
    if (closed || scheduled.thumbnails !== null || scheduled.abort.signal.aborted) return;
    clearTimeout(scheduled.thumbnailTimer);
    const { signal } = scheduled.abort;
    const ended = runningFor(peerKey);
    const work = fetchThumbnails(
      peerKey,
      { database: context.database, fetch: options.fetchThumbnail, now: context.now, random },
      signal,
    ).then((next) => {
      if (next === null || closed || signal.aborted) return;
      const delay = Math.min(Math.max(1_000, next - context.now()), LONGEST_TIMER);
      scheduled.thumbnailTimer = setTimeout(() => startThumbnails(peerKey), delay);
      scheduled.thumbnailTimer.unref();
    });
    scheduled.thumbnails = background(work, 'fetching thumbnails').finally(() => {
      ended();
      scheduled.thumbnails = null;
    });
  }

  function fetchAhead(peerKey: number): void {
    if (!isOurs(peerKey)) {
      processes.tell('ahead', String(peerKey));
      return;
    }
    startThumbnails(peerKey);
    const scheduled = entry(peerKey);
    if (closed || scheduled.mirror !== null || scheduled.abort.signal.aborted) return;
    const { signal } = scheduled.abort;
    const ended = runningFor(peerKey);
    // The small ones first: they are what people see before they open anything.
    const work = (scheduled.thumbnails ?? Promise.resolve()).then(() => options.mirror(peerKey, signal));
    scheduled.mirror = background(work, 'fetching ahead').finally(() => {
      ended();
      scheduled.mirror = null;
    });
  }

  function forget(peerKey: number): Promise<void> {
    // Whoever has it looks at its row, and ends what runs.
    if (!isOurs(peerKey)) processes.tell('peer', String(peerKey));
    return drop(peerKey);
  }

  /** Ends what runs here. */
  async function drop(peerKey: number): Promise<void> {
    const scheduled = peers.get(peerKey);
    if (scheduled === undefined) return;
    clearTimeout(scheduled.timer);
    clearTimeout(scheduled.thumbnailTimer);
    clearTimeout(scheduled.hintTimer);
    clearTimeout(scheduled.lookTimer);
    options.onEnded(peerKey);
    scheduled.abort.abort();
    peers.delete(peerKey);
    await Promise.all([scheduled.running, scheduled.thumbnails, scheduled.mirror]);
  }

  /** Many readers may notice at once; one look in a while is enough. */
  function look(peerKey: number): void {
    if (!isOurs(peerKey)) {
      processes.tell('suspect', String(peerKey));
      return;
    }
    const scheduled = entry(peerKey);
    const now = context.now();
    if (closed || scheduled.queued !== null || now < scheduled.restsUntil) return;
    const wait = scheduled.suspectedAt + LOOK_EVERY - now;
    if (wait > 0) {
      // What was found a moment ago may have changed since.
      scheduled.lookTimer ??= setTimeout(() => {
        scheduled.lookTimer = undefined;
        if (!scheduled.abort.signal.aborted) look(peerKey);
      }, wait).unref();
      return;
    }
    scheduled.suspectedAt = now;
    // Bytes of a paused peer are still asked for; whether it is there is not looked after.
    void background(requestOfActive(peerKey), 'looking after a peer');
  }

  /** A peer that has failed is looked after, and not asked more often because somebody says so in its name. */
  function hint(peerKey: number): void {
    const scheduled = entry(peerKey);
    if (scheduled.away) {
      look(peerKey);
      return;
    }
    if (closed || scheduled.queued !== null || scheduled.hintTimer !== undefined) return;
    const delay = hintDelay(scheduled.idleHints, context.now() - scheduled.begunAt);
    scheduled.hintTimer = setTimeout(() => {
      scheduled.hintTimer = undefined;
      if (scheduled.queued !== null || scheduled.abort.signal.aborted) return;
      scheduled.hinted = true;
      const asked = requestOfActive(peerKey).catch((error: unknown) => {
        // While the database is away nothing can be queued, and what changed at the peer would wait for the next poll.
        if (!closed && codeOf(error) === 'UNAVAILABLE') hintAgain(peerKey);
        throw error;
      });
      void background(asked, 'following a hint');
    }, delay).unref();
  }

  function hintAgain(peerKey: number): void {
    const scheduled = entry(peerKey);
    scheduled.hintTimer ??= setTimeout(() => {
      scheduled.hintTimer = undefined;
      if (!scheduled.abort.signal.aborted) hint(peerKey);
    }, HINT_AGAIN).unref();
  }

  /** Where the peer does not say how much is behind, a pull finds out. */
  async function listening(peerKey: number, client: PeerClient, signal: AbortSignal): Promise<void> {
    if ((await lags.ask(peerKey, client, signal)) !== 0 && !signal.aborted) hint(peerKey);
  }

  /** One process clears for all; where that ends meanwhile, the next one goes on. */
  async function clear(peerKey: number): Promise<void> {
    if (!clearings.holds(CLEARING)) {
      processes.tell('clear', String(peerKey));
      return;
    }
    const present = clearing.get(peerKey);
    if (present !== undefined) return present;
    const work = clearPeer(context.database, peerKey, {
      purge: () => options.purgePeer(peerKey),
      now: context.now,
      signal: ending.signal,
    }).finally(() => clearing.delete(peerKey));
    clearing.set(peerKey, work);
    return work;
  }

  async function clearAll(): Promise<void> {
    for (const peerKey of await peersToClear(context.database, context.now())) {
      if (!closed && !ending.signal.aborted) await clear(peerKey);
    }
  }

  const clearings = processes.share('clear ', {
    names: async () => [CLEARING],
    begin: () => {
      if (ending.signal.aborted) ending = new AbortController();
      const again = (): void => void background(clearAll(), 'clearing revoked peers');
      // Where another process revokes, and its word is lost, nobody should wait for it for minutes.
      clearTimer = setInterval(again, processes.several ? CLEAR_EVERY_OF_SEVERAL : CLEAR_EVERY);
      clearTimer.unref();
      if (started) again();
    },
    end: endClearing,
    lost: () => void background(endClearing(), 'leaving the clearing of peers to another process'),
  });

  async function endClearing(): Promise<void> {
    clearInterval(clearTimer);
    ending.abort();
    await Promise.allSettled(clearing.values());
  }

  /** A notice concerns one peer, or whichever may have been missed. */
  const ofOurs = (name: string | null): number[] =>
    (name === null ? [...peers.keys()] : [Number(name)]).filter(isOurs);

  processes.hear('peer', (name) => {
    for (const peerKey of ofOurs(name)) {
      void background(
        reschedule(peerKey).then(() => adopt(peerKey)),
        'following what another process has changed of a peer',
      );
    }
  });
  processes.hear('ahead', (name) => {
    for (const peerKey of ofOurs(name)) fetchAhead(peerKey);
  });
  processes.hear('suspect', (name) => {
    if (name !== null && isOurs(Number(name))) look(Number(name));
  });
  processes.hear('reached', (name) => {
    if (name !== null && peers.get(Number(name))?.away) look(Number(name));
  });
  processes.hear('clear', (name) => {
    if (!clearings.holds(CLEARING)) return;
    void background(name === null ? clearAll() : clear(Number(name)), 'clearing revoked peers');
  });
  processes.hear('found', (name) => {
    const [key, outcome] = name?.split(' ') ?? [];
    if (outcome !== 'answered' && outcome !== 'silent') return;
    entry(Number(key)).away = outcome === 'silent';
    options.onFound(Number(key), outcome);
  });

  async function reschedule(peerKey: number): Promise<void> {
    const peer = await prisma.peer.findUnique({ where: { key: peerKey } });
    if (peer === null || peer.status !== 'ACTIVE' || !peer.pulls) return forget(peerKey);
    plan(peerKey, peer.nextAttemptAt?.getTime() ?? context.now());
  }

  return {
    start: async () => {
      started = true;
      await share.start();
      await clearings.start();
      // What was asked for before the start is taken up with all the rest.
      for (const peerKey of peers.keys()) void background(takeUp(peerKey), 'taking up a peer');
    },
    request,
    fetchAhead,
    hinted: hint,
    listening,
    suspect: look,
    refused: (peerKey, error) => void background(noteFailure(peerKey, error), 'noting a refusal'),
    faulty,
    reached: (peerKey) => {
      if (!peers.get(peerKey)?.away) return;
      if (isOurs(peerKey)) look(peerKey);
      else processes.tell('reached', String(peerKey));
    },
    forget,
    reschedule,
    clear,
    [Symbol.asyncDispose]: async () => {
      closed = true;
      await Promise.all([...peers.keys()].map(drop));
      await endClearing();
      await ingest[Symbol.asyncDispose]();
    },
  };
}

/** Of the latest few, so that one slow answer does not stand for all. */
function averaged(before: number | null, latest: number): number {
  return before === null ? latest : before * 0.7 + latest * 0.3;
}

/** Also of what Prisma has wrapped. */
function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
