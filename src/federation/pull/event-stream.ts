/**
 * `GET /federation/v1/events`, the pulling side: learns at once that something has changed at a peer, so that a pull need
 * not wait for its interval.
 *
 * One stream for each peer that is pulled, opened after a pull that succeeded. What comes on it is signed by nobody and is
 * taken for a hint: it can bring about a pull and nothing else. A stream that is lost, or cannot be had, costs freshness
 * alone: the peer is then pulled at its interval, as one that has no such stream.
 */
import { HedgerowError, isCode } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import type { PeerClient } from '../dialects/dialect.ts';
import { askedPause, endsAccess, isSilence, retryDelay } from '../peers/health.ts';
import type { PeerStreams } from '../serve/streams.ts';
import { EventReader } from '../wire/events.ts';

const TIMING = {
  /** ms after which a stream is opened anew, and so signed anew; the other side ends it after an hour. */
  longest: 3600_000,
  /** ms without a byte, not even a heartbeat, after which a stream tells nothing about the peer any more. */
  silence: 30_000,
  /** ms that a stream must have lasted for its end to be no failure of it. */
  lasting: 10_000,
  /** ms until a stream that ended in good order is opened again; twice as many at most. */
  reopen: 1_000,
};

/** What a peer has to say are 13 bytes every 20 s, and 26 a second at most. */
const BYTES_A_MINUTE = 16 * 1024;
const MINUTE = 60_000;

export interface EventStreams extends AsyncDisposable {
  /** Opens the peer's stream, where it is not open and does not fail again and again. */
  open(peerKey: number): void;
  /** Ends it for good. */
  close(peerKey: number): void;
  /** Whether the peer would have told by now if it had ended the pairing. */
  isLive(peerKey: number): boolean;
}

export interface EventStreamOptions {
  log: Pick<FederationContext['log'], 'failed'>;
  clientFor: (peerKey: number) => Promise<PeerClient>;
  streams: Pick<PeerStreams, 'enter'>;
  /** A stream is open now: of what changed between the last pull and this moment it does not tell. */
  opened: (peerKey: number, client: PeerClient, signal: AbortSignal) => Promise<void>;
  /** The peer says that something has changed, or that it shares no longer: a pull finds out. */
  hinted: (peerKey: number) => void;
  /** The connection broke: whether the peer is there is to be found out. */
  lost: (peerKey: number) => void;
  /** The peer itself says, by its signature, that it shares no longer. */
  refused: (peerKey: number, error: HedgerowError) => void;
  random?: () => number;
  /** ms since any moment, never set back. */
  monotonic?: () => number;
  timing?: Partial<typeof TIMING>;
}

interface Followed {
  abort: AbortController;
  done: Promise<void>;
  /** Ends the wait for the next attempt; null while there is none. */
  wake: (() => void) | null;
  /** In a row. */
  failures: number;
  /** When the last byte came; null while no stream is open. */
  heardAt: number | null;
}

type End =
  /** Servers of other make have no such stream, or the peer has refused it by its signature. */
  | { kind: 'none' }
  /** In good order: the server stops, or wants it signed anew. */
  | { kind: 'over' }
  | { kind: 'broken'; error: HedgerowError };

export function createEventStreams(options: EventStreamOptions): EventStreams {
  const { clientFor, streams, random = Math.random, monotonic = () => performance.now() } = options;
  const timing = { ...TIMING, ...options.timing };
  const followed = new Map<number, Followed>();
  const closing = new Set<Promise<void>>();
  let closed = false;

  function open(peerKey: number): void {
    if (closed) return;
    const known = followed.get(peerKey);
    if (known !== undefined) {
      // The pull that has just succeeded says that the peer is there again.
      if (known.failures <= 1) known.wake?.();
      return;
    }
    const peer: Followed = {
      abort: new AbortController(),
      done: Promise.resolve(),
      wake: null,
      failures: 0,
      heardAt: null,
    };
    followed.set(peerKey, peer);
    peer.done = follow(peerKey, peer)
      .catch((error: unknown) => options.log.failed({ what: 'following the events of a peer', error }))
      .finally(() => {
        if (followed.get(peerKey) === peer) followed.delete(peerKey);
        closing.delete(peer.done);
      });
  }

  function close(peerKey: number): void {
    const peer = followed.get(peerKey);
    if (peer === undefined) return;
    followed.delete(peerKey);
    closing.add(peer.done);
    peer.abort.abort();
    peer.wake?.();
  }

  async function follow(peerKey: number, peer: Followed): Promise<void> {
    for (;;) {
      const begunAt = monotonic();
      const end = await attempt(peerKey, peer);
      if (end.kind === 'none' || peer.abort.signal.aborted) return;
      const lasted = monotonic() - begunAt >= timing.lasting;
      if (lasted) peer.failures = 0;
      if (lasted && end.kind === 'over') {
        await pause(peer, timing.reopen * (1 + random()));
        if (peer.abort.signal.aborted) return;
        continue;
      }
      peer.failures += 1;
      // One that is refused from the start tells nothing of the peer, which was there a moment ago.
      if (lasted || (end.kind === 'broken' && isSilence(end.error) && peer.failures === 1))
        options.lost(peerKey);
      const asked = end.kind === 'broken' ? askedPause(end.error) : undefined;
      await pause(peer, retryDelay(peer.failures, asked, random()));
      if (peer.abort.signal.aborted) return;
    }
  }

  async function pause(peer: Followed, ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      peer.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    peer.wake = null;
  }

  /** One stream, from its signature to its end. */
  async function attempt(peerKey: number, peer: Followed): Promise<End> {
    const over = new AbortController();
    const end = (): void => over.abort();
    peer.abort.signal.addEventListener('abort', end);
    const longest = setTimeout(end, timing.longest * (0.9 + random() / 10)).unref();
    const leave = streams.enter({ peerKey, direction: 'pull', cut: () => close(peerKey) });
    let opened = Promise.resolve();
    try {
      const client = await clientFor(peerKey);
      if (client.events === undefined) return { kind: 'none' };
      const pieces = await client.events(over.signal);
      opened = options
        .opened(peerKey, client, over.signal)
        .catch((error: unknown) => options.log.failed({ what: 'asking what a stream has missed', error }));
      await read(peerKey, peer, pieces);
      return { kind: 'over' };
    } catch (error) {
      // From here: it has had its time, or is not wanted any more.
      if (over.signal.aborted) return { kind: 'over' };
      if (!(error instanceof HedgerowError)) throw error;
      if (endsAccess(error.code)) options.refused(peerKey, error);
      // Refused, paused or revoked: opened again after the next pull that succeeds.
      const none = endsAccess(error.code) || isCode(error, 'CREDENTIAL_REFUSED', 'UNAVAILABLE');
      return none ? { kind: 'none' } : { kind: 'broken', error };
    } finally {
      over.abort();
      peer.heardAt = null;
      clearTimeout(longest);
      peer.abort.signal.removeEventListener('abort', end);
      leave();
      await opened;
    }
  }

  /** @throws HedgerowError PEER_INVALID_ANSWER where the peer says more than it may; what the network throws */
  async function read(peerKey: number, peer: Followed, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const reader = new EventReader();
    let minuteAt = monotonic();
    let bytes = 0;
    for await (const chunk of pieces) {
      const at = monotonic();
      if (at - minuteAt >= MINUTE) {
        minuteAt = at;
        bytes = 0;
      }
      bytes += chunk.length;
      if (bytes > BYTES_A_MINUTE) throw tooMuch();
      peer.heardAt = at;
      for (const event of eventsOf(reader, chunk)) {
        options.hinted(peerKey);
        if (event.type === 'ended') return;
      }
    }
  }

  return {
    open,
    close,
    isLive: (peerKey) => {
      const heardAt = followed.get(peerKey)?.heardAt ?? null;
      return heardAt !== null && monotonic() - heardAt < timing.silence;
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
      for (const peerKey of [...followed.keys()]) close(peerKey);
      await Promise.all(closing);
    },
  };
}

function eventsOf(reader: EventReader, chunk: Uint8Array): ReturnType<EventReader['push']> {
  try {
    return reader.push(chunk);
  } catch (error) {
    if (error instanceof RangeError) throw tooMuch();
    throw error;
  }
}

function tooMuch(): HedgerowError {
  return new HedgerowError('PEER_INVALID_ANSWER', "The peer's stream of events says more than it may.");
}
