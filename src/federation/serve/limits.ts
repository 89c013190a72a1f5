/**
 * What one peer may ask of us, whatever others ask: requests a minute, bytes a second, streams at once.
 *
 * Counted by peer and never by address, and only for requests whose signature verified (docs/adr/0017-limits-of-a-peer.md).
 * Each process counts for itself, and where there are several, all of them together besides
 * (docs/adr/0081-limits-of-several-processes.md).
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { SharedLimits } from '../../database/shared-limits.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { type BucketSettings, createTokenBucket, type TokenBucket } from '../../lib/token-bucket.ts';

export interface PeerLimits {
  requestsPerMinute: number;
  /** Null: as fast as it goes. */
  bytesPerSecond: number | null;
  concurrentStreams: number;
}

/**
 * Generous: they stop what runs wild, and no puller that is well.
 *
 * A puller of this program keeps up to 16 connections. Over a link of 50 ms they carry 320 thumbnails a second, so 500
 * a second hold up nobody far away; a neighbour in the same house waits a second now and then, which pullers do. As
 * many signed requests are about a tenth of one core. Every reader of a film takes a stream: 64 are a full house.
 */
export const DEFAULT_LIMITS: PeerLimits = {
  requestsPerMinute: 30_000,
  bytesPerSecond: null,
  concurrentStreams: 64,
};

/** The columns of a peer's row; null: the default, and of bytes: no limit. */
export interface LimitColumns {
  requestsPerMinute: number | null;
  bytesPerSecond: number | bigint | null;
  concurrentStreams: number | null;
}

export function limitsOf(row: LimitColumns): PeerLimits {
  return {
    requestsPerMinute: row.requestsPerMinute ?? DEFAULT_LIMITS.requestsPerMinute,
    bytesPerSecond: row.bytesPerSecond === null ? null : Number(row.bytesPerSecond),
    concurrentStreams: row.concurrentStreams ?? DEFAULT_LIMITS.concurrentStreams,
  };
}

/** What an admin may set; below, a peer could not even finish a pull. */
export const LIMIT_RANGES = {
  requestsPerMinute: { min: 1, max: 1_000_000 },
  bytesPerSecond: { min: 1_024, max: 2 ** 40 },
  concurrentStreams: { min: 1, max: 10_000 },
} as const;

/** Of a minute's requests, how many may come at once. */
const BURST_SHARE = 1 / 6;
/** A page of a gallery asks for so many at once, however slow it is meant to be on average. */
const BURST_LEAST = 10;
/** Of a second's bytes, how many may go at once: less is smoother, and costs more timers. */
const BYTES_SHARE = 1 / 8;
/** Bytes that a paced stream hands on at once, at most. */
const SLICE = 65_536;
/** s; when a stream will have ended nobody knows. */
const STREAM_RETRY = 5;
/** ms between two notes that a peer goes beyond its limit. */
const NOTED_EVERY = 60_000;
/** Peers whose counts are remembered without a request; a bucket is full again long before. */
const IDLE = 10 * 60_000;

/** Paces all byte streams of one peer together, in the order in which they ask. */
export interface Pacer {
  /** Bytes that should be asked for at once, at most; null where nothing is paced. */
  slice(): number | null;
  /** Resolves when so many bytes may go. @throws the signal's reason, once it is aborted */
  take(bytes: number, signal: AbortSignal): Promise<void>;
}

export interface PeerLimiter {
  /**
   * Counts a request whose signature verified.
   * @throws HedgerowError RATE_LIMITED with `retryAfter` in s; at once, or where other processes count too, later
   */
  request(peerKey: number, limits: PeerLimits): void | Promise<void>;
  /**
   * Takes a place for a byte stream; give it back by the function that is answered.
   * @throws HedgerowError RATE_LIMITED with `retryAfter` in s
   */
  stream(peerKey: number, limits: PeerLimits): PeerStream;
  /** Takes new limits for what runs already. */
  configure(peerKey: number, limits: PeerLimits): void;
  /** True where the refusal is to be noted: the first of a peer in a minute. */
  worthNoting(peerKey: number): boolean;
}

export interface PeerStream {
  leave: () => void;
  pacer: Pacer;
  /** Resolves once there is a place among those of all processes, or rejects as `stream` throws; null: it is settled. */
  admitted: Promise<void> | null;
}

interface Counts {
  limits: PeerLimits;
  requests: TokenBucket;
  streams: number;
  pacer: Pacer & { configure(rate: number | null): void };
  usedAt: number;
  notedAt: number;
}

export function createPeerLimiter(now: () => number, shared: SharedLimits | null = null): PeerLimiter {
  const peers = new Map<number, Counts>();
  let sweptAt = now();

  function countsOf(peerKey: number, limits: PeerLimits): Counts {
    sweep();
    let counts = peers.get(peerKey);
    if (counts === undefined) {
      counts = {
        limits,
        requests: createTokenBucket(requestBucket(limits.requestsPerMinute), now),
        streams: 0,
        pacer: createPacer(limits.bytesPerSecond, now),
        usedAt: now(),
        notedAt: Number.NEGATIVE_INFINITY,
      };
      peers.set(peerKey, counts);
    }
    counts.usedAt = now();
    if (limits.requestsPerMinute !== counts.limits.requestsPerMinute) {
      counts.requests.configure(requestBucket(limits.requestsPerMinute));
    }
    if (limits.bytesPerSecond !== counts.limits.bytesPerSecond) counts.pacer.configure(limits.bytesPerSecond);
    counts.limits = limits;
    return counts;
  }

  function sweep(): void {
    if (now() - sweptAt < IDLE) return;
    sweptAt = now();
    for (const [key, { usedAt, streams }] of peers) {
      if (streams === 0 && now() - usedAt >= IDLE) peers.delete(key);
    }
  }

  return {
    request: (peerKey, limits) => {
      const admit = (wait: number): void => {
        if (wait > 0) {
          throw new HedgerowError(
            'RATE_LIMITED',
            `More than ${limits.requestsPerMinute} requests a minute are not answered.`,
            { retryAfter: Math.ceil(wait / 1000) },
          );
        }
      };
      admit(countsOf(peerKey, limits).requests.take(1));
      if (shared === null) return undefined;
      const wait = shared.take(
        `requests of peer ${peerKey}`,
        leaking(requestBucket(limits.requestsPerMinute)),
      );
      if (typeof wait !== 'number') return wait.then(admit);
      return admit(wait);
    },
    stream: (peerKey, limits) => {
      const counts = countsOf(peerKey, limits);
      const full = () =>
        new HedgerowError(
          'RATE_LIMITED',
          `More than ${limits.concurrentStreams} files at once are not sent.`,
          { retryAfter: STREAM_RETRY },
        );
      if (counts.streams >= limits.concurrentStreams) throw full();
      counts.streams += 1;
      let left = false;
      let giveBack: (() => void) | null = null;
      const leave = (): void => {
        if (!left) counts.streams -= 1;
        left = true;
        giveBack?.();
      };
      if (shared === null) return { pacer: counts.pacer, leave, admitted: null };
      const admitted = shared.place(`streams of peer ${peerKey}`, limits.concurrentStreams).then((place) => {
        if (place === null) throw full();
        giveBack = place;
        if (left) place();
      });
      return { pacer: pacerOfAll(shared, peerKey, counts), leave, admitted };
    },
    configure: (peerKey, limits) => {
      if (peers.has(peerKey)) countsOf(peerKey, limits);
    },
    worthNoting: (peerKey) => {
      const counts = peers.get(peerKey);
      if (counts === undefined || now() - counts.notedAt < NOTED_EVERY) return false;
      counts.notedAt = now();
      return true;
    },
  };
}

/** What this process lets pass waits until all of them together would let it pass. */
function pacerOfAll(shared: SharedLimits, peerKey: number, counts: Counts): Pacer {
  return {
    slice: () => counts.pacer.slice(),
    take: async (bytes, signal) => {
      await counts.pacer.take(bytes, signal);
      for (;;) {
        const rate = counts.limits.bytesPerSecond;
        if (rate === null) return;
        const wait = await shared.take(`bytes to peer ${peerKey}`, leaking(byteBucket(rate)), bytes);
        if (wait === 0) return;
        await delay(wait, undefined, { signal });
      }
    },
  };
}

/** The same bucket, as what is in it and not as what is left of it. */
function leaking({ rate, capacity }: BucketSettings) {
  return { capacity, leak: 1000 / rate };
}

function requestBucket(perMinute: number) {
  const burst = Math.max(Math.min(BURST_LEAST, perMinute), Math.floor(perMinute * BURST_SHARE));
  return { rate: perMinute / 60, capacity: burst };
}

function byteBucket(perSecond: number) {
  return { rate: perSecond, capacity: Math.max(1, Math.floor(perSecond * BYTES_SHARE)) };
}

interface Waiter {
  bytes: number;
  resolve: () => void;
}

export function createPacer(
  bytesPerSecond: number | null,
  now: () => number,
): Pacer & { configure(rate: number | null): void } {
  let rate = bytesPerSecond;
  const bucket = createTokenBucket(byteBucket(rate ?? 1), now);
  const waiting = new Set<Waiter>();
  let timer: NodeJS.Timeout | undefined;

  /** Lets go whoever is first in the queue, for as long as there are bytes for it. */
  function pump(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const waiter of waiting) {
      const wait = rate === null ? 0 : bucket.take(waiter.bytes);
      if (wait > 0) {
        timer = setTimeout(pump, wait);
        return;
      }
      waiting.delete(waiter);
      waiter.resolve();
    }
  }

  return {
    slice: () => (rate === null ? null : Math.min(SLICE, bucket.capacity)),
    take: (bytes, signal) => {
      if (rate === null) return Promise.resolve();
      return new Promise<void>((resolve, reject) => {
        signal.throwIfAborted();
        const leave = (): void => {
          waiting.delete(waiter);
          reject(signal.reason as Error);
          if (timer !== undefined) pump();
        };
        const waiter: Waiter = {
          bytes,
          resolve: () => {
            signal.removeEventListener('abort', leave);
            resolve();
          },
        };
        signal.addEventListener('abort', leave, { once: true });
        waiting.add(waiter);
        if (timer === undefined) pump();
      });
    },
    configure: (changed) => {
      rate = changed;
      if (changed !== null) bucket.configure(byteBucket(changed));
      pump();
    },
  };
}
