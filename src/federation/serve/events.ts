/**
 * `GET /federation/v1/events`, the serving side: hints for peers that something which they see has changed.
 *
 * All streams share one look a second at the counter of shared changes. Only where it has moved is the catalog asked
 * what of it each pair sees, so that nobody learns of a change that is not its own; and no stream says more than one
 * thing a second.
 */
import { countBehind, type FeedPair } from '../../catalog/feed.ts';
import { readState } from '../../catalog/state.ts';
import type { SharedLimits } from '../../database/shared-limits.ts';
import type { Sql } from '../../database/sql.ts';
import { type Code, HedgerowError } from '../../lib/errors.ts';
import { formatEvent, HEARTBEAT } from '../wire/events.ts';
import type { Grant } from '../wire/messages.ts';
import type { ServedPeer } from './authenticate.ts';
import type { PeerStreams, WatchedPeer } from './streams.ts';

/** Of one peer, at all processes: the one that it reads, and one that it has not noticed to be dead. */
const STREAMS = 2;
/** ms between two signs of life. */
const HEARTBEAT_EVERY = 20_000;
/** ms after which the puller has to sign anew. */
const LONGEST = 3600_000;
/** ms that a reader may leave standing what it was sent. */
const SLOWEST = 60_000;
/** ms that the last event has to arrive before the connection is broken off. */
const GOODBYE = 2_000;
/** s */
const RETRY = 20;

/** Where events go. What is written waits there for the reader, so nothing is written while it waits. */
export interface EventSink {
  write(text: string): void;
  /** Whether what was written has been taken. */
  readonly drained: boolean;
  end(): void;
  destroy(): void;
}

export interface EventHub {
  /**
   * Takes a place for a stream, before anything is answered.
   * @throws HedgerowError RATE_LIMITED where the peer has its two
   */
  open(peer: Pick<ServedPeer, 'key' | 'grant'>): Promise<OpenEvents>;
  /** Ends all of them, for the server stops; the puller comes again. */
  close(): void;
}

export interface OpenEvents {
  /** Begins to send. */
  begin(sink: EventSink): void;
  /** The connection is gone. */
  leave(): void;
}

export interface EventHubOptions {
  read: Sql;
  streams: Pick<PeerStreams, 'enter' | 'onLook'>;
  now: () => number;
  /** Of all processes together; null where there is one. */
  shared?: Pick<SharedLimits, 'place'> | null | undefined;
}

interface Stream {
  peerKey: number;
  grant: Grant;
  /** Of the last change that was looked at. */
  sequence: number;
  sink: EventSink | null;
  /** A change is to be told as soon as the reader has taken what was sent before. */
  changed: boolean;
  openedAt: number;
  sentAt: number;
  leave: () => void;
  /** Gives back the place among those of all processes. */
  giveBack: () => void;
}

export function createEventHub({ read, streams, now, shared = null }: EventHubOptions): EventHub {
  const open = new Set<Stream>();

  streams.onLook(async (peers) => {
    if (open.size === 0) return;
    const { sequence } = await readState(read);
    const byKey = new Map(peers.map((peer) => [peer.peerKey, peer]));
    const answers = new Map<string, Promise<boolean>>();
    for (const stream of [...open]) {
      if (stream.sink === null) continue;
      const peer = byKey.get(stream.peerKey);
      if (peer !== undefined && (await seesChange(stream, peer, sequence, answers))) stream.changed = true;
      attend(stream);
    }
  });

  async function seesChange(
    stream: Stream,
    peer: WatchedPeer,
    sequence: number,
    answers: Map<string, Promise<boolean>>,
  ): Promise<boolean> {
    const after = stream.sequence;
    const before = stream.grant;
    stream.sequence = sequence;
    stream.grant = peer.grant ?? before;
    if (JSON.stringify(before) !== JSON.stringify(stream.grant)) return true;
    // It went back: the database was put back from a backup, and cursors have to find that out.
    if (sequence < after) return true;
    if (sequence === after) return false;
    const id = `${stream.peerKey} ${after}`;
    const answer = answers.get(id) ?? hasChanges(read, { key: stream.peerKey, grant: stream.grant }, after);
    answers.set(id, answer);
    return answer;
  }

  /** Tells what is to be told, and looks whether the stream has had its time. */
  function attend(stream: Stream): void {
    const { sink } = stream;
    if (sink === null) return;
    const at = now();
    if (at - stream.openedAt >= LONGEST) {
      finish(stream, null);
      return;
    }
    if (!sink.drained) {
      if (at - stream.sentAt >= SLOWEST) {
        leave(stream);
        sink.destroy();
      }
      return;
    }
    if (stream.changed) send(stream, formatEvent({ type: 'changed' }));
    else if (at - stream.sentAt >= HEARTBEAT_EVERY) send(stream, HEARTBEAT);
  }

  function send(stream: Stream, text: string): void {
    stream.changed = false;
    stream.sentAt = now();
    stream.sink?.write(text);
  }

  function finish(stream: Stream, code: Code | null): void {
    const { sink } = stream;
    leave(stream);
    if (sink === null) return;
    if (code !== null && sink.drained) sink.write(formatEvent({ type: 'ended', code }));
    sink.end();
    setTimeout(() => sink.destroy(), GOODBYE).unref();
  }

  function leave(stream: Stream): void {
    open.delete(stream);
    stream.leave();
    stream.giveBack();
  }

  function tooMany(): HedgerowError {
    return new HedgerowError('RATE_LIMITED', `There are ${STREAMS} streams of events open already.`, {
      retryAfter: RETRY,
    });
  }

  return {
    open: async (peer) => {
      const held = [...open].filter(({ peerKey }) => peerKey === peer.key);
      if (held.length >= STREAMS) throw tooMany();
      const stream: Stream = {
        peerKey: peer.key,
        grant: peer.grant,
        sequence: 0,
        sink: null,
        changed: false,
        openedAt: now(),
        sentAt: now(),
        leave: () => {},
        giveBack: () => {},
      };
      // The place is taken before anything is waited for.
      open.add(stream);
      try {
        const place = await shared?.place(`events of peer ${peer.key}`, STREAMS);
        if (place === null) throw tooMany();
        stream.giveBack = place ?? stream.giveBack;
        stream.sequence = (await readState(read)).sequence;
      } catch (error) {
        leave(stream);
        throw error;
      }
      return {
        begin: (sink) => {
          stream.sink = sink;
          stream.leave = streams.enter({
            peerKey: peer.key,
            direction: 'to-peer',
            cut: (code) => finish(stream, code),
          });
          send(stream, HEARTBEAT);
        },
        leave: () => leave(stream),
      };
    },
    close: () => {
      for (const stream of [...open]) finish(stream, null);
    },
  };
}

/** Whether anything that a pair sees has changed after a sequence number. */
async function hasChanges(read: Sql, pair: FeedPair, after: number): Promise<boolean> {
  return (await countBehind(read, pair, after, after, 1)) > 0;
}
