/**
 * What changes of peers, pulls and diagnoses, told to whoever in this process shows it. Names alone: what a row says now is read
 * by whoever is told, under his or her own rights.
 *
 * Pulls and diagnoses are told by the part that runs them. Rows of peers are written in many places, and in other processes too; so
 * while anybody follows them they are read once a second, by one statement, and compared.
 */
import { type Sql, sql } from '../database/sql.ts';
import { createTopic } from '../lib/topic.ts';

/** ms between two looks at the rows of peers. */
const LOOK_EVERY = 1_000;
/** Rows of one look. */
const PEERS = 10_000;

export interface FederationChanges {
  /**
   * Ids of peers whose row has changed since the answer to this call: what it shows to everybody or to admins. Within a
   * second, and a peer at most once a second. A revoked one is told once more, and then no longer.
   *
   * @throws HedgerowError UNAVAILABLE where too many follow; also while it is read, where the reader is too slow
   */
  peers(signal: AbortSignal): Promise<AsyncIterableIterator<string>>;
  /**
   * Ids of pulls of this process that were queued, began, ended, or went on; at once, and a running one at most once a
   * second. Throws as `peers`.
   */
  pulls(signal: AbortSignal): AsyncIterableIterator<string>;
  /** Ids of diagnoses of this process of which a step, or the whole, has ended; at once. Throws as `peers`. */
  diagnoses(signal: AbortSignal): AsyncIterableIterator<string>;
}

export interface ChangeSource extends FederationChanges, Disposable {
  pullChanged(pullId: string): void;
  diagnosisChanged(diagnosisId: string): void;
}

export interface ChangeOptions {
  read: Sql;
  onError: (error: unknown) => void;
  /** ms */
  lookEvery?: number;
}

export function createChanges({ read, onError, lookEvery = LOOK_EVERY }: ChangeOptions): ChangeSource {
  const pulls = createTopic();
  const diagnoses = createTopic();
  const peers = createTopic();
  /** What the rows said at the last look; null while nobody follows. */
  let known: Map<string, string> | null = null;
  let looking: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  /** Told twice of the same change by nobody: one look at a time, and whoever comes meanwhile waits for it. */
  function look(): Promise<void> {
    looking ??= compare().finally(() => {
      looking = null;
    });
    return looking;
  }

  async function compare(): Promise<void> {
    const rows = await readPeers(read);
    const before = known;
    known = rows;
    if (before === null) return;
    for (const [id, row] of rows) if (before.get(id) !== row) peers.publish(id);
    for (const id of before.keys()) if (!rows.has(id)) peers.publish(id);
  }

  function schedule(): void {
    if (closed || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (peers.followers === 0) {
        known = null;
        return;
      }
      look().catch(onError).finally(schedule);
    }, lookEvery).unref();
  }

  return {
    peers: async (signal) => {
      const followed = peers.follow(signal);
      try {
        // Where others follow already, what has changed since their last look is told once too often, never too seldom.
        if (known === null) await look();
      } catch (error) {
        await followed.return?.();
        throw error;
      }
      schedule();
      return followed;
    },
    pulls: (signal) => pulls.follow(signal),
    diagnoses: (signal) => diagnoses.follow(signal),
    pullChanged: pulls.publish,
    diagnosisChanged: diagnoses.publish,
    [Symbol.dispose]: () => {
      closed = true;
      clearTimeout(timer);
      peers.close();
      pulls.close();
      diagnoses.close();
    },
  };
}

/** Every column that GraphQL shows of a peer, as one text, by id. */
async function readPeers(read: Sql): Promise<Map<string, string>> {
  const rows = await read.all<{ id: string }>(
    sql`SELECT id, peer_name, status, health, public_key, thumbprint, audience, item_count, last_success_at, agents, endpoint, paired_at, pulls, last_attempt_at, next_attempt_at, error_code, error_message, error_at, round_trip_ms, lag, skipped_count, held_count, remote_total, in_sync, listing, hidden_since, "interval", cache_mode, cache_budget, bytes_fetched, serves, serve_grant, requests_per_minute, bytes_per_second, concurrent_streams, bytes_served, last_seen_at FROM federation_peers WHERE status <> 'REVOKED' ORDER BY key LIMIT ${PEERS}`,
  );
  return new Map(rows.map((row) => [row.id, JSON.stringify(row)]));
}
