/**
 * What runs for a peer and must not outlive its pairing: bytes and events on their way to it, bytes of its items on
 * their way to our own clients, pulls.
 *
 * Whoever revokes in this process says so (`end`). For what other processes do, and for a grant that runs out by the
 * clock, the rows of the peers concerned are looked at once a second, by one statement, while anything runs.
 */
import { integers } from '../../database/lists.ts';
import { type Sql, sql } from '../../database/sql.ts';
import type { Code } from '../../lib/errors.ts';
import { type Grant, grantSchema, readMessage } from '../wire/messages.ts';
import { type LimitColumns, limitsOf, type PeerLimits } from './limits.ts';

/** ms */
const LOOK_EVERY = 1_000;

export interface RunningForPeer {
  peerKey: number;
  /**
   * `to-peer` ends with what we serve, `to-clients` also where the peer took back what it shared; `pull` only where
   * the peer is revoked here.
   */
  direction: 'to-peer' | 'to-clients' | 'pull';
  /** What it was opened under: bytes that go to a peer end when that changes, and may be asked for anew. */
  grant?: Grant;
  /** Ends it at once; `code` says why: REVOKED, GRANT_ENDED, or CONFLICT where it may be asked for anew. */
  cut: (code: Code) => void;
}

/** What the row of a watched peer says now. */
export interface WatchedPeer {
  peerKey: number;
  /** Null where nothing is served any more. */
  grant: Grant | null;
  limits: PeerLimits;
  /** Whether bytes of its items are on their way to our own clients. */
  toClients: boolean;
}

export interface PeerStreams extends Disposable {
  /** Takes note of something that runs; the answer is to be called when it has ended. */
  enter(running: RunningForPeer): () => void;
  /** Cuts what runs for a peer in these directions, without waiting for the next look. */
  end(peerKey: number, code: Code, directions?: readonly RunningForPeer['direction'][]): void;
  /** Is told at each look what the rows of the peers with something running say. */
  onLook(listener: (peers: readonly WatchedPeer[]) => void | Promise<void>): void;
  /** How much runs. */
  readonly size: number;
}

export interface PeerStreamsOptions {
  read: Sql;
  now: () => number;
  onError: (error: unknown) => void;
}

interface Row extends LimitColumns {
  key: number;
  status: string;
  hidden: number | boolean;
  serves: number | boolean;
  grant: string | null;
}

export function createPeerStreams({ read, now, onError }: PeerStreamsOptions): PeerStreams {
  const running = new Map<number, Set<RunningForPeer>>();
  const listeners: ((peers: readonly WatchedPeer[]) => void | Promise<void>)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function schedule(): void {
    if (closed || timer !== undefined || running.size === 0) return;
    timer = setTimeout(() => {
      look()
        .catch(onError)
        .finally(() => {
          timer = undefined;
          schedule();
        });
    }, LOOK_EVERY);
    timer.unref();
  }

  async function look(): Promise<void> {
    const keys = [...running.keys()];
    const rows = await read.all<Row>(
      sql`SELECT key, status, CASE WHEN hidden_since IS NULL THEN 0 ELSE 1 END AS hidden, serves, serve_grant AS "grant", requests_per_minute AS "requestsPerMinute", bytes_per_second AS "bytesPerSecond", concurrent_streams AS "concurrentStreams" FROM federation_peers WHERE key IN (${integers(read, JSON.stringify(keys))})`,
    );
    const byKey = new Map(rows.map((row) => [row.key, row]));
    const watched: WatchedPeer[] = [];
    for (const key of keys) {
      const row = byKey.get(key);
      const grant = row === undefined ? null : servedGrant(row);
      for (const each of running.get(key) ?? []) {
        const code = endOf(each, row, grant);
        if (code !== null) cut(each, code);
      }
      if (row === undefined) continue;
      const toClients = [...(running.get(key) ?? [])].some(({ direction }) => direction === 'to-clients');
      watched.push({ peerKey: key, grant, limits: limitsOf(row), toClients });
    }
    for (const listener of listeners) await listener(watched);
  }

  function endOf(each: RunningForPeer, row: Row | undefined, grant: Grant | null): Code | null {
    if (row === undefined || row.status === 'REVOKED') return 'REVOKED';
    if (each.direction === 'pull') return null;
    if (each.direction === 'to-clients') return row.hidden ? 'GRANT_ENDED' : null;
    if (grant === null) return 'REVOKED';
    if (grant.until !== null && Date.parse(grant.until) <= now()) return 'GRANT_ENDED';
    if (each.grant !== undefined && JSON.stringify(each.grant) !== JSON.stringify(grant)) return 'CONFLICT';
    return null;
  }

  function cut(each: RunningForPeer, code: Code): void {
    leave(each);
    try {
      each.cut(code);
    } catch (error) {
      onError(error);
    }
  }

  function leave(each: RunningForPeer): void {
    const ofPeer = running.get(each.peerKey);
    ofPeer?.delete(each);
    if (ofPeer?.size === 0) running.delete(each.peerKey);
  }

  return {
    enter: (each) => {
      const ofPeer = running.get(each.peerKey) ?? new Set();
      running.set(each.peerKey, ofPeer.add(each));
      schedule();
      return () => leave(each);
    },
    end: (peerKey, code, directions = ['to-peer', 'to-clients', 'pull']) => {
      for (const each of [...(running.get(peerKey) ?? [])]) {
        if (directions.includes(each.direction)) cut(each, code);
      }
    },
    onLook: (listener) => {
      listeners.push(listener);
    },
    get size() {
      let size = 0;
      for (const ofPeer of running.values()) size += ofPeer.size;
      return size;
    },
    [Symbol.dispose]: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** A grant that cannot be read opens nothing. */
function servedGrant({ serves, grant }: Pick<Row, 'serves' | 'grant'>): Grant | null {
  if (!serves || grant === null) return null;
  try {
    return readMessage(grantSchema, JSON.parse(grant), 'INTERNAL');
  } catch {
    return null;
  }
}
