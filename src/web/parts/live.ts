/**
 * The catalog and the peers as they change. One stream of events for the whole browser: of the tabs that are looked at one holds a lock
 * and the stream, and tells the others over a channel. A tab that nobody looks at listens to neither, and asks what it
 * missed when it is looked at again.
 *
 * Locks are there where the page came by HTTPS, or from this machine. Elsewhere each tab that is looked at has a stream
 * of its own.
 */

/** What a tab tells the others. */
type Message =
  /** The catalog went from one revision to the next; `some`: with a change that this viewer sees. */
  | { kind: 'moved'; since: string | null; revision: string; some: boolean }
  /** Peers, or what runs for them, have changed, or may have. */
  | { kind: 'peers'; of: PeersChange }
  /** Which revision is it? */
  | { kind: 'where' };

export type Change =
  | {
      revision: string;
      /** Whether anything changed that the viewer sees. */
      some: boolean;
    }
  | { peers: PeersChange };

/** Whether it is a peer itself, or what runs for one: a pull, a diagnosis. */
export type PeersChange = 'peer' | 'run';

export interface LiveOptions {
  /** Follows the catalog from a revision on, null: from now. It ends or throws where the stream is lost. */
  follow(since: string | null, signal: AbortSignal): AsyncIterable<Change>;
  /** What is shown is older than the catalog. */
  onChange(): void;
  /** Peers, or what runs for them, are no longer as they are shown, or may not be. */
  onPeers?(of: PeersChange): void;
  /** The stream was lost or could not be had; it is asked for again by itself. */
  onLost?(): void;
  /** Revision of what is shown, where it is known. */
  since?: string | null;
  /** Of the instance and of the person in it; tabs with the same name share a stream. */
  name: string;
  locks: Pick<LockManager, 'request'> | undefined;
  channel: Channel;
  /** Whether somebody looks at this tab, and being told when that changes. */
  visible(): boolean;
  onVisibility(listener: () => void): () => void;
  /** Ms until the next attempt, after so many in a row that failed. */
  delay?(attempt: number): number;
}

export type Channel = Pick<BroadcastChannel, 'postMessage' | 'onmessage' | 'close'>;

const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 60_000;

/** @returns what ends it */
export function startLive(options: LiveOptions): () => void {
  const {
    follow,
    onChange,
    onPeers = () => {},
    onLost = () => {},
    name,
    locks,
    channel,
    delay = backOff,
  } = options;
  /** The catalog that is shown is at least of this revision; null: nobody has said yet. */
  let known = options.since ?? null;
  let leading = false;
  /** What is shown was read for this look; after a time in which nobody looked it may be old. */
  let looked = false;
  let turn: AbortController | null = null;

  const hear = ({ since, revision, some }: Message & { kind: 'moved' }): void => {
    // A gap is as good as a change: something was told that did not arrive here.
    const stale = known === null || (known !== revision && (some || since !== known));
    known = revision;
    if (stale) onChange();
  };
  const tell = (message: Message): void => channel.postMessage(message);
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.kind === 'moved') {
      if (!leading) hear(data);
    } else if (data.kind === 'peers') {
      if (!leading) onPeers(data.of);
    } else if (leading && known !== null) {
      tell({ kind: 'moved', since: known, revision: known, some: false });
    }
  };

  const lead = async (signal: AbortSignal): Promise<void> => {
    leading = true;
    try {
      for (let attempt = 1; !signal.aborted; attempt++) {
        try {
          let first = true;
          for await (const change of follow(known, signal)) {
            attempt = 0;
            // What changed of peers before the stream was there is told by nobody.
            if (first || 'peers' in change) {
              const of = 'peers' in change && !first ? change.peers : 'peer';
              onPeers(of);
              tell({ kind: 'peers', of });
            }
            first = false;
            if ('peers' in change) continue;
            const moved: Message = { kind: 'moved', since: known, ...change };
            hear(moved);
            tell(moved);
          }
        } catch {
          // Said below, as where the stream just ends.
        }
        if (signal.aborted) return;
        onLost();
        await pause(delay(Math.max(1, attempt)), signal);
      }
    } finally {
      leading = false;
    }
  };

  const look = (): void => {
    if (!options.visible()) {
      turn?.abort();
      turn = null;
      return;
    }
    if (turn !== null) return;
    turn = new AbortController();
    const { signal } = turn;
    if (locks === undefined) {
      void lead(signal);
      return;
    }
    if (looked && known !== null) onPeers('peer');
    looked = true;
    // Whoever leads answers; where nobody does, the lock is ours, and the stream tells what was missed.
    tell({ kind: 'where' });
    locks
      .request(name, { signal }, () => lead(signal))
      // Given up while it waited.
      .catch(() => undefined);
  };

  const stopLooking = options.onVisibility(look);
  look();
  return () => {
    stopLooking();
    turn?.abort();
    turn = null;
    channel.close();
  };
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}

function backOff(attempt: number): number {
  return Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1));
}
