/** Puts the parts of this room together. */
import { setTimeout as timer } from 'node:timers/promises';
import { countGranted, forgetOldRemovals } from '../catalog/feed.ts';
import type { Item } from '../catalog/items.ts';
import { deliverableFile } from '../delivery/deliverable.ts';
import type { Delivery, Upstream } from '../delivery/delivery.ts';
import { entriesCache } from '../lib/entries-cache.ts';
import { HedgerowError, isCode } from '../lib/errors.ts';
import { publishAgents, publishedAgents, pullAgents, readAgentsAgain } from './agents.ts';
import { createChanges } from './changes.ts';
import type { FederationContext } from './context.ts';
import type { ForeignDialect, MediaRef, PeerClient } from './dialects/dialect.ts';
import { FOREIGN_DIALECTS } from './dialects/registry.ts';
import type { Federation } from './federation.ts';
import { createOutgoing } from './outgoing/dispatcher.ts';
import { createPairingAttempts } from './pairing/attempts.ts';
import { cancelInvitation, createInvitation } from './pairing/invitations.ts';
import { addPeer } from './peers/add-peer.ts';
import { type Breaker, createBreaker } from './peers/breaker.ts';
import { clientOf, pulledPeer } from './peers/clients.ts';
import { createConnections } from './peers/connections.ts';
import { createDiagnoses } from './peers/diagnose.ts';
import { cacheModeOf } from './peers/find-peer.ts';
import { createForeignClients } from './peers/foreign-clients.ts';
import { isSilence } from './peers/health.ts';
import { resolveHeldRemovals } from './peers/held-removals.ts';
import { createNotices } from './peers/notices.ts';
import { endedByPeer, refreshPeers, revokePeer, updatePeer } from './peers/peers.ts';
import { createEventStreams } from './pull/event-stream.ts';
import { type MirroredItem, mirror } from './pull/mirror.ts';
import { createPullManager } from './pull/pull-manager.ts';
import { watchStanding } from './pull/standing.ts';
import { renewCredential } from './rotation/credentials.ts';
import { rotateInstanceKey } from './rotation/rotate-key.ts';
import { createPeerCredential } from './serve/peer-credentials.ts';
import { createPeerStreams, type PeerStreams } from './serve/streams.ts';

/** What is mirrored beside thumbnails; the original last, so that one that is here says that all is. */
const MIRRORED = ['preview', 'playable', 'original'] as const;
/** ms */
const HOUR = 3_600_000;
const DAY = 24 * 3600 * 1000;
/** Peers whose answering is remembered. */
const BREAKERS = 10_000;
/** Peers whose clients are kept. */
const CLIENTS = 1_000;
/** ms between two looks whether another process has changed the key. */
const LOOK_FOR_KEY = 1_000;
/** ms between two looks for what a process has left unfinished. */
const LOOK_FOR_UNFINISHED = 10_000;

export interface FederationParts extends AsyncDisposable {
  readonly federation: Federation;
  /** What runs for peers, and is cut when their pairing ends. */
  readonly streams: PeerStreams;
  /** A peer redeemed an invitation of ours, and may have left a credential for its catalog. */
  readonly redeemed: (peerKey: number) => void;
  /** What delivery asks a peer through. */
  readonly upstreamFor: (peerKey: number) => Promise<Upstream>;
  /** The other side says that the pairing is over. */
  readonly endedByPeer: (peer: { key: number; id: string }) => Promise<void>;
  /** Notes that a peer's bytes were wrong, until a pull succeeds again. */
  readonly wrongBytes: (peerKey: number, error: HedgerowError) => void;
  /** Counts bytes that came from a peer. */
  readonly fetched: (peerKey: number, bytes: number) => void;
  /** Counts bytes that a peer was served, and that it was here. */
  readonly served: (peerKey: number, bytes: number) => void;
  /** Must be told before anything is pulled; given late because delivery asks its bytes through this room. */
  deliverThrough(delivery: Bytes): void;
  /** Begins to pull by itself. */
  start(): Promise<void>;
}

export interface FederationOptions {
  context: FederationContext;
  /** False: nothing is pulled, and pairing answers that federation is switched off. */
  enabled: boolean;
  /** ms between pulls. */
  pullInterval: number;
  noticeDelay?: ((failures: number) => number) | undefined;
  /** Servers of other make that are known; those of the registry unless told. */
  dialects?: readonly ForeignDialect[] | undefined;
  /** How a request waits for its turn; by a timer unless told. */
  sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

/** What this room asks of the bytes' own. */
type Bytes = Pick<
  Delivery,
  'purgeItem' | 'purgePeer' | 'takeOver' | 'prefetch' | 'has' | 'room' | 'kept' | 'enforceBudgets'
>;

export function createFederation(options: FederationOptions): FederationParts {
  const { context, enabled, pullInterval, dialects = FOREIGN_DIALECTS, sleep } = options;
  const { processes } = context;
  const { prisma } = context.database;
  const outgoing = createOutgoing();
  const connections = createConnections({ context, outgoing });
  const foreign = createForeignClients({ context, outgoing, dialects, sleep });
  const streams = createPeerStreams({
    read: context.database.read,
    now: context.now,
    onError: (error) => context.log.failed({ what: 'looking after open streams', error }),
  });
  const changes = createChanges({
    read: context.database.read,
    processes,
    onError: (error) => context.log.failed({ what: 'looking for changes of peers', error }),
  });
  let delivery: Bytes | undefined;

  /** Of Hedgerows: what a peer speaks it goes on speaking, and its row is read for each request in any case. */
  const hedgerows = entriesCache<number, PeerClient>(CLIENTS);
  const clientFor = async (peerKey: number): Promise<PeerClient> => {
    const peer = await pulledPeer(context.database.read, peerKey);
    if (peer === null) throw new HedgerowError('NOT_FOUND');
    const other = foreign.of(peer);
    if (other !== null) return other;
    const client = clientOf({ context, outgoing, connections }, peer);
    hedgerows.set(peerKey, client);
    return client;
  };
  const pulls = createPullManager({
    context,
    clientFor,
    streams,
    interval: pullInterval,
    onChanged: changes.pullChanged,
    purgeItem: async (itemKey, source) => delivery?.purgeItem(itemKey, source),
    purgePeer: async (peerKey) => delivery?.purgePeer(peerKey),
    onPulled: async (peerKey, client, signal) => {
      if (!signal.aborted) events.open(peerKey);
      await pullAgents(context, peerKey, client, signal);
    },
    onFound: (peerKey, outcome) => breakerOf(peerKey).found(outcome),
    onTaken: (peerKey) => events.open(peerKey),
    onEnded: (peerKey) => events.close(peerKey),
    takeOverBytes: async (...items) => delivery?.takeOver(...items),
    fetchThumbnail: async (item, signal) => {
      const file = deliverableFile(item, 'thumbnail', await cacheModeOf(context.database.read, item.source));
      return file !== null && (await delivery?.prefetch(file, signal)) === 'kept';
    },
    mirror: (peerKey, signal) =>
      mirror(
        peerKey,
        {
          database: context.database,
          fetch: (item, ends) => mirrorItem(item, ends),
          here: async (items) => {
            const found = (await delivery?.has(items.map(({ key }) => key))) ?? new Map();
            return new Set([...found].filter(([, kept]) => kept === 'CACHED').map(([key]) => key));
          },
          wanted: async () => (await cacheModeOf(context.database.read, peerKey)) === 'MIRROR',
          sleep: (ms, ends) => timer(ms, undefined, { signal: ends }),
        },
        signal,
      ),
  });

  const events = createEventStreams({
    log: context.log,
    clientFor,
    streams,
    opened: pulls.listening,
    hinted: pulls.hinted,
    lost: pulls.suspect,
    refused: pulls.refused,
  });

  /** What an admin wants kept before anybody asks: the small renditions of an item before its original. */
  const mirrorItem = async (item: Item, signal: AbortSignal): Promise<MirroredItem> => {
    let result: MirroredItem = 'here';
    for (const name of MIRRORED) {
      const file = deliverableFile(item, name, 'MIRROR');
      if (file === null || delivery === undefined) continue;
      const missing = (file.size ?? 0) - ((await delivery.kept(file))?.bytes ?? 0);
      if (missing > (await delivery.room(item.source))) return 'full';
      if ((await delivery.prefetch(file, signal)) === 'refused') result = 'refused';
    }
    return result;
  };

  const standing = enabled
    ? watchStanding({ context, streams, clientFor, isLive: events.isLive, refused: pulls.refused })
    : undefined;
  const notices = createNotices({ context, outgoing, connections, delay: options.noticeDelay });
  const attempts = createPairingAttempts({
    context,
    outgoing,
    // No notice of a former pairing may be on its way while the new one is made.
    hold: notices.hold,
    onPaired: async (peerId) => {
      const peer = await prisma.peer.findUniqueOrThrow({ where: { id: peerId }, select: { key: true } });
      await pulls.request(peer.key);
    },
  });

  const breakers = entriesCache<number, Breaker>(BREAKERS);
  function breakerOf(peerKey: number): Breaker {
    const breaker = breakers.get(peerKey) ?? createBreaker({ now: context.now, random: Math.random });
    breakers.set(peerKey, breaker);
    return breaker;
  }

  /** What fails here says something about the peer: the next pull finds out what. */
  async function watched<T>(peerKey: number, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const breaker = breakerOf(peerKey);
    const decision = breaker.decide();
    if (decision.kind === 'spare') {
      throw new HedgerowError(
        'PEER_UNREACHABLE',
        'The peer did not answer a moment ago; it is asked again soon.',
        {
          retryAfter: decision.retryAfter,
        },
      );
    }
    try {
      const result = await patiently(work, signal);
      breaker.note(decision, 'answered');
      pulls.reached(peerKey);
      return result;
    } catch (error) {
      const known = error instanceof HedgerowError;
      breaker.note(decision, signal.aborted || !known ? 'unknown' : isSilence(error) ? 'silent' : 'answered');
      if (isCode(error, 'REVOKED', 'GRANT_ENDED')) pulls.refused(peerKey, error);
      else if (
        isCode(error, 'PEER_UNREACHABLE', 'PEER_TIMEOUT', 'NOT_FOUND', 'MEDIA_GONE', 'CREDENTIAL_REFUSED')
      ) {
        pulls.suspect(peerKey);
      }
      throw error;
    }
  }

  const upstreamFor = async (peerKey: number): Promise<Upstream> => {
    if (!enabled) throw new HedgerowError('UNAVAILABLE', 'Federation is switched off here.');
    const client = hedgerows.get(peerKey) ?? (await clientFor(peerKey));
    return {
      bytes: (ref: MediaRef, range, signal) =>
        watched(peerKey, () => client.bytes(ref, range, signal), signal),
      segmentList: (ref: MediaRef, signal) => watched(peerKey, () => client.segmentList(ref, signal), signal),
      ...(client.isCurrent !== undefined && { isCurrent: client.isCurrent }),
    };
  };

  processes.hear('budgets', () => {
    delivery
      ?.enforceBudgets()
      .catch((error: unknown) => context.log.failed({ what: 'taking up a changed budget', error }));
  });
  const counted = createByteCounts(context);
  const diagnoses = createDiagnoses({ context, outgoing, clientFor, onChanged: changes.diagnosisChanged });

  const requireEnabled = () => {
    if (!enabled)
      throw new HedgerowError('CONFLICT', 'Federation is switched off here (HEDGEROW_FEDERATION).');
  };

  // Switched off, nothing is sent: the notice waits in the row for its day.
  const end = { pulls, streams, notices: enabled ? notices : { schedule: () => {} } };
  const federation: Federation = {
    instance: () => ({
      id: context.identity.id,
      thumbprint: context.identity.key.thumbprint,
      federation: enabled,
      ...context.self(),
    }),
    changes,
    createInvitation: async (input) => {
      requireEnabled();
      return createInvitation(context, input);
    },
    cancelInvitation: (id) => cancelInvitation(context, id),
    grantCounts: (grants) => countGranted(context.database.read, grants),
    pairWithPeer: async (input) => {
      requireEnabled();
      return attempts.pair(input);
    },
    addPeer: async (input) => {
      requireEnabled();
      const { peerId, peerKey } = await addPeer(context, outgoing, foreign, input);
      await pulls.request(peerKey);
      return { peerId };
    },
    createPeerCredential: async (input) => {
      requireEnabled();
      return createPeerCredential(context, dialects, input);
    },
    resolveHeldRemovals: (id, decision) =>
      resolveHeldRemovals(context, id, decision, async (itemKey, source) =>
        delivery?.purgeItem(itemKey, source),
      ),
    updatePeer: (id, input) =>
      updatePeer(context, pulls, id, input, async () => {
        processes.tell('budgets', '');
        await delivery?.enforceBudgets();
      }),
    refresh: async (id) => {
      requireEnabled();
      await readAgentsAgain(context, id);
      return refreshPeers(context, pulls, id);
    },
    diagnosePeer: async (id) => {
      requireEnabled();
      return diagnoses.begin(id);
    },
    agents: () => publishedAgents(context),
    publishAgents: (agents) => publishAgents(context, agents),
    renewCredential: async (id) => {
      requireEnabled();
      const peer = await prisma.peer.findUnique({ where: { id } });
      if (peer === null) throw new HedgerowError('NOT_FOUND', 'There is no such peer.');
      if (peer.status !== 'REVOKED' && peer.sealedToken === null) {
        throw new HedgerowError(
          'CONFLICT',
          'We hold no credential of this peer: it only takes from us, and renews what it holds itself.',
        );
      }
      await renewCredential(context, peer, await clientFor(peer.key));
      // The sooner it is used, the sooner the old one is dead.
      if (running && peer.status === 'ACTIVE') await pulls.request(peer.key);
    },
    rotateKey: async (by) => {
      await rotateInstanceKey(context, by);
      if (enabled && running) await letKnow();
    },
    revokePeer: (id, how) => revokePeer(context, end, id, how),
  };

  /** The pull of an active peer announces our key, and is tried again and again; a paused one is told once by itself. */
  async function letKnow(): Promise<void> {
    const held = await prisma.peer.findMany({
      where: { status: { not: 'REVOKED' }, sealedToken: { not: null }, dialect: 'HEDGEROW' },
      select: { key: true, status: true },
    });
    for (const { key, status } of held) {
      if (status === 'ACTIVE') await pulls.request(key);
      else {
        connections
          .announce(key)
          .catch((error: unknown) =>
            context.log.failed({ what: 'announcing our key to a paused peer', error }),
          );
      }
    }
  }

  const noticeKey = (): void => {
    context.identity
      .refresh()
      .catch((error: unknown) => context.log.failed({ what: 'looking for a new key', error }));
  };

  let running = false;
  let watch: NodeJS.Timeout | undefined;
  let daily: NodeJS.Timeout | undefined;
  let unfinished: NodeJS.Timeout | undefined;
  let hourly: NodeJS.Timeout | undefined;
  /** What is old goes, and what nobody is at any more is said to be over. */
  const upkeep = processes.share('federation ', {
    names: async () => ['upkeep'],
    begin: () => {
      const forget = (): void => {
        context.database
          .write((tx) => forgetOldRemovals(tx, context.now()))
          .catch((error: unknown) => context.log.failed({ what: 'forgetting old removals', error }));
      };
      const endUnfinished = (): void => {
        diagnoses
          .endUnfinished()
          .catch((error: unknown) => context.log.failed({ what: 'ending what a process has left', error }));
      };
      forget();
      endUnfinished();
      daily = setInterval(forget, DAY).unref();
      const sweep = (): void => {
        context.shared
          ?.sweep()
          .catch((error: unknown) =>
            context.log.failed({ what: 'forgetting what limits have counted', error }),
          );
      };
      sweep();
      if (context.shared !== null) hourly = setInterval(sweep, HOUR).unref();
      if (processes.several) unfinished = setInterval(endUnfinished, LOOK_FOR_UNFINISHED).unref();
    },
    end: async () => endUpkeep(),
    lost: () => endUpkeep(),
  });
  function endUpkeep(): void {
    clearInterval(daily);
    clearInterval(unfinished);
    clearInterval(hourly);
  }

  return {
    federation,
    streams,
    redeemed: (peerKey) => {
      pulls
        .reschedule(peerKey)
        .catch((error: unknown) => context.log.failed({ what: 'planning to pull from a new peer', error }));
    },
    upstreamFor,
    endedByPeer: (peer) => endedByPeer(context, end, peer),
    wrongBytes: (peerKey, error) => {
      pulls
        .faulty(peerKey, error)
        .catch((cause: unknown) =>
          context.log.failed({ what: 'noting wrong bytes of a peer', error: cause }),
        );
    },
    fetched: counted.fetched,
    served: counted.served,
    deliverThrough: (given) => {
      delivery = given;
    },
    start: async () => {
      await upkeep.start();
      running = true;
      // Only on PostgreSQL may there be another process; requests notice by themselves what people are shown here.
      if (processes.several) watch = setInterval(noticeKey, LOOK_FOR_KEY).unref();
      if (!enabled) return;
      await pulls.start();
      await notices.start();
      await attempts.start();
    },
    [Symbol.asyncDispose]: async () => {
      running = false;
      clearInterval(watch);
      endUpkeep();
      await attempts[Symbol.asyncDispose]();
      await diagnoses[Symbol.asyncDispose]();
      await events[Symbol.asyncDispose]();
      streams[Symbol.dispose]();
      await standing?.[Symbol.asyncDispose]();
      await notices[Symbol.asyncDispose]();
      await pulls[Symbol.asyncDispose]();
      changes[Symbol.dispose]();
      await connections[Symbol.asyncDispose]();
      await counted.flush();
      await outgoing[Symbol.asyncDispose]();
    },
  };
}

/** s that a reader is kept waiting where the peer asks us to slow down; beyond that it is told so. */
const PATIENCE = 5;
const PATIENT_TRIES = 4;

/** A peer's limit is no fault: what it holds up for a moment goes on by itself, so that no stream breaks off for it. */
async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const wait = isCode(error, 'PEER_RATE_LIMITED') ? (error.retryAfter ?? PATIENCE + 1) : PATIENCE + 1;
      if (wait > PATIENCE || tries === PATIENT_TRIES) throw error;
      await timer(wait * 1000 * (1 + Math.random() / 4), undefined, { signal });
    }
  }
}

/** ms between two writings of the counts: a stream must not cost a write a chunk. */
const COUNTS_EVERY = 5_000;

function createByteCounts(context: FederationContext) {
  const pending = new Map<number, { fetched: number; served: number; seenAt: number | null }>();
  let timer: NodeJS.Timeout | undefined;

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const entries = [...pending];
    pending.clear();
    for (const [key, { fetched, served, seenAt }] of entries) {
      await context.database.prisma.peer.update({
        where: { key },
        data: {
          ...(fetched > 0 && { bytesFetched: { increment: fetched } }),
          ...(served > 0 && { bytesServed: { increment: served } }),
          ...(seenAt !== null && { lastSeenAt: new Date(seenAt) }),
        },
      });
    }
  }

  function of(key: number) {
    let counts = pending.get(key);
    if (counts === undefined) {
      counts = { fetched: 0, served: 0, seenAt: null };
      pending.set(key, counts);
    }
    timer ??= setTimeout(() => {
      void flush().catch((error: unknown) => context.log.failed({ what: 'counting bytes', error }));
    }, COUNTS_EVERY).unref();
    return counts;
  }

  return {
    fetched: (key: number, bytes: number) => {
      of(key).fetched += bytes;
    },
    served: (key: number, bytes: number) => {
      const counts = of(key);
      counts.served += bytes;
      counts.seenAt = context.now();
    },
    flush,
  };
}
