/**
 * What changes of peers, pulls and diagnoses, told to whoever in this process shows it. Names alone: what a row says now is read
 * by whoever is told, under his or her own rights.
 *
 * Pulls and diagnoses are told by the part that runs them, to other processes as well. Rows of peers are written in many places, and
 * in other processes too; so while anybody follows them they are read once a second, by one statement, and compared. Where there may
 * be other processes the same is done with what is under way of pulls and diagnoses, for their word may be lost.
 */
import type { Processes } from '../database/processes.ts';
import { type Sql, sql } from '../database/sql.ts';
import { createTopic, type Topic } from '../lib/topic.ts';

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
   * Ids of pulls that were queued, began, ended, or went on; at once, and a running one at most once a
   * second. Throws as `peers`.
   */
  pulls(signal: AbortSignal): AsyncIterableIterator<string>;
  /** Ids of diagnoses of which a step, or the whole, has ended; at once. Throws as `peers`. */
  diagnoses(signal: AbortSignal): AsyncIterableIterator<string>;
}

export interface ChangeSource extends FederationChanges, Disposable {
  pullChanged(pullId: string): void;
  diagnosisChanged(diagnosisId: string): void;
}

export interface ChangeOptions {
  read: Sql;
  processes: Pick<Processes, 'tell' | 'hear' | 'several'>;
  onError: (error: unknown) => void;
  /** ms */
  lookEvery?: number;
}

export function createChanges({
  read,
  processes,
  onError,
  lookEvery = LOOK_EVERY,
}: ChangeOptions): ChangeSource {
  const pulls = createTopic();
  const diagnoses = createTopic();
  const peers = createTopic();
  /** What the rows said at the last look; null while nobody follows. */
  let known: Map<string, string> | null = null;
  let looking: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const ofPulls = watchRows(pulls, () => readPulls(read), { lookEvery, onError });
  const ofDiagnoses = watchRows(diagnoses, () => readDiagnoses(read), { lookEvery, onError });
  processes.hear('pull', (id) => {
    if (id !== null) pulls.publish(id);
  });
  processes.hear('diagnosis', (id) => {
    if (id !== null) diagnoses.publish(id);
  });

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
    pulls: (signal) => {
      const followed = pulls.follow(signal);
      if (processes.several) ofPulls.begin();
      return followed;
    },
    diagnoses: (signal) => {
      const followed = diagnoses.follow(signal);
      if (processes.several) ofDiagnoses.begin();
      return followed;
    },
    pullChanged: (id) => {
      pulls.publish(id);
      processes.tell('pull', id);
    },
    diagnosisChanged: (id) => {
      diagnoses.publish(id);
      processes.tell('diagnosis', id);
    },
    [Symbol.dispose]: () => {
      closed = true;
      clearTimeout(timer);
      ofPulls.end();
      ofDiagnoses.end();
      peers.close();
      pulls.close();
      diagnoses.close();
    },
  };
}

interface WatchedRow {
  id: string;
}

/** Publishes the ids of rows that differ from the last look, while anybody follows; of the first look none. */
function watchRows(
  topic: Topic,
  readRows: () => Promise<WatchedRow[]>,
  { lookEvery, onError }: Required<Pick<ChangeOptions, 'lookEvery' | 'onError'>>,
): { begin(): void; end(): void } {
  let known: Map<string, string> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let running = false;

  async function look(): Promise<void> {
    const rows = new Map((await readRows()).map((row) => [row.id, JSON.stringify(row)]));
    const before = known;
    known = rows;
    if (before !== null) for (const [id, row] of rows) if (before.get(id) !== row) topic.publish(id);
  }

  function plan(): void {
    timer = setTimeout(() => {
      if (topic.followers === 0) {
        running = false;
        known = null;
        return;
      }
      look().catch(onError).finally(again);
    }, lookEvery).unref();
  }

  function again(): void {
    if (running) plan();
  }

  return {
    begin: () => {
      if (running) return;
      running = true;
      look().catch(onError).finally(again);
    },
    end: () => {
      running = false;
      clearTimeout(timer);
    },
  };
}

/** s for which what has ended is looked at: longer than any look may be late. */
const ENDED_FOR = 15;

/** On PostgreSQL alone. */
function readPulls(read: Sql): Promise<WatchedRow[]> {
  return read.all(
    sql`SELECT id, state, added, changed, removed, skipped, total FROM pulls WHERE state IN ('QUEUED', 'RUNNING') OR (state IN ('SUCCEEDED', 'FAILED') AND finished_at > (now() AT TIME ZONE 'utc') - make_interval(secs => ${ENDED_FOR}))`,
  );
}

function readDiagnoses(read: Sql): Promise<WatchedRow[]> {
  return read.all(
    sql`SELECT id, state, results FROM diagnoses WHERE state = 'RUNNING' OR finished_at > (now() AT TIME ZONE 'utc') - make_interval(secs => ${ENDED_FOR})`,
  );
}

/** Every column that GraphQL shows of a peer, as one text, by id. */
async function readPeers(read: Sql): Promise<Map<string, string>> {
  const rows = await read.all<{ id: string }>(
    sql`SELECT id, peer_name, status, health, public_key, thumbprint, audience, item_count, last_success_at, agents, endpoint, paired_at, pulls, last_attempt_at, next_attempt_at, error_code, error_message, error_at, round_trip_ms, lag, skipped_count, held_count, remote_total, in_sync, listing, hidden_since, "interval", cache_mode, cache_budget, bytes_fetched, serves, serve_grant, requests_per_minute, bytes_per_second, concurrent_streams, bytes_served, last_seen_at FROM federation_peers WHERE status <> 'REVOKED' ORDER BY key LIMIT ${PEERS}`,
  );
  return new Map(rows.map((row) => [row.id, JSON.stringify(row)]));
}
