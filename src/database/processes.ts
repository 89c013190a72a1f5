/**
 * The processes that serve one database: what they tell each other, and which of them does what only one must do
 * (docs/adr/0080-processes-on-one-database.md).
 *
 * SQLite has one process, which does everything and has nobody to tell: there all of this is a few maps in memory. On
 * PostgreSQL each process writes every few seconds until when it lives, in one row, and leases of work hang on that row;
 * those of a process that says nothing any more may be taken by any other.
 */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { HedgerowError } from '../lib/errors.ts';
import type { Database } from './database.ts';
import { openPostgresLink, type PostgresLink } from './postgres-link.ts';

/** ms between two signs of life, and between two looks for work. */
const BEAT = 1_500;
/** ms after the last sign of life after which a process is held to be dead, by others and by itself. */
const LIFE = 6_000;
/** ms between two tries for a lease that is waited for. */
const TRY_EVERY = 50;
/** ms after which what a dead process has left is removed. */
const REMAINS = 3_600_000;
/** Bytes of what is told at once; PostgreSQL takes less than 8,000. */
const TOLD_AT_ONCE = 7_000;

/** What can be told. Hints: whoever hears one looks into the database, and whoever does not looks a little later. */
export type Topic =
  /** A peer's row was changed, or a pull queued; its key. */
  | 'peer'
  /** Something of a peer is to be fetched ahead; its key. */
  | 'ahead'
  /** A peer did not answer a request for bytes, or did again after it was away; its key. */
  | 'suspect'
  | 'reached'
  /** Whether somebody answers there, as a pull has found out; `<key> answered` or `<key> silent`. */
  | 'found'
  | 'pull'
  | 'diagnosis'
  /** An attempt to pair is to go on; the invitation's id. */
  | 'attempt'
  /** A peer is to be told that it was revoked, or cleared; its key. */
  | 'notice'
  | 'clear'
  /** Something of the cache was removed at somebody's wish, or given to another peer. */
  | 'purged'
  /** The budget of a peer was changed. */
  | 'budgets'
  /** A client has come here with a part of an upload; its id. */
  | 'upload'
  /** A server of another make asks to be left alone; `<seconds> <dialect> <origin>`. */
  | 'rest'
  /** An item's bytes were wrong; its key. */
  | 'fault'
  /** Somebody's session, token or account is over, or has other rights. */
  | 'standing'
  /** A process has come or gone, or has left work to others. */
  | 'work';

export interface Lease {
  /** Aborted once it is no longer ours, for whatever reason. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

/** Work that is divided among the processes by name, each name to one of them. */
export interface Duty {
  /** What there is to do now. */
  names: () => Promise<readonly string[]>;
  /** It is ours from now on. */
  begin: (name: string) => void;
  /** It is to be left to another: resolves when nothing of it runs any more. */
  end: (name: string) => Promise<void>;
  /** It is not ours any more, whatever runs. */
  lost: (name: string) => void;
}

export interface Share {
  /** Takes part in the work from now on. */
  start(): Promise<void>;
  /** Whether it is ours; takes it where nobody living has it. */
  ours(name: string): Promise<boolean>;
  /** Whether it is ours at this moment. */
  holds(name: string): boolean;
}

export interface Processes extends AsyncDisposable {
  /** Tells the others, never ourselves. Soon, and not at all where the database cannot be reached. */
  tell(topic: Topic, name: string): void;
  /** Hears what others tell. Null: something may have been missed, of any name. */
  hear(topic: Topic, listener: (name: string | null) => void): void;
  /** Takes the lease of a name; null where another has it, in this process or elsewhere. */
  take(name: string): Promise<Lease | null>;
  /** As `take`, and waits until it is free. @throws the reason of the signal */
  acquire(name: string, signal?: AbortSignal): Promise<Lease>;
  /**
   * Does it while nobody else, here or elsewhere, does something of this name; those of this process in the order in
   * which they ask.
   * @throws the reason of the signal
   */
  only<T>(name: string, work: (lease: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** The names of living leases that begin so, of all processes. */
  taken(prefix: string): Promise<ReadonlySet<string>>;
  share(prefix: string, duty: Duty): Share;
  /** How many processes serve the database at this moment, as of the last look; 1 on SQLite. */
  readonly count: number;
  /** Ids of this process's own; stands in rows that are its own. */
  readonly id: string;
  /** Other processes may be there. */
  readonly several: boolean;
}

export interface ProcessesOptions {
  onError: (error: unknown) => void;
  /** ms, both. */
  beat?: number;
  life?: number;
}

export function createProcesses(
  database: Pick<Database, 'dialect' | 'beside'>,
  options: ProcessesOptions,
): Processes {
  const { location } = database.beside;
  return location.dialect === 'sqlite' ? oneProcess() : severalProcesses(location.url, options);
}

function oneProcess(): Processes {
  const taken = new Map<string, AbortController>();
  const take = async (name: string): Promise<Lease | null> => {
    if (taken.has(name)) return null;
    const mine = new AbortController();
    taken.set(name, mine);
    return {
      signal: mine.signal,
      release: async () => {
        if (taken.get(name) === mine) taken.delete(name);
      },
    };
  };
  return {
    id: newProcessId(),
    several: false,
    count: 1,
    tell: () => {},
    hear: () => {},
    take,
    acquire: (name, signal) => acquireBy(take, name, signal),
    only: onlyBy(take),
    taken: async (prefix) => new Set([...taken.keys()].filter((name) => name.startsWith(prefix))),
    share: (_prefix, duty) => {
      const begun = new Set<string>();
      const begin = (name: string): void => {
        if (begun.has(name)) return;
        begun.add(name);
        duty.begin(name);
      };
      return {
        start: async () => {
          for (const name of await duty.names()) begin(name);
        },
        ours: async (name) => {
          begin(name);
          return true;
        },
        holds: () => true,
      };
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

interface Held {
  abort: AbortController;
  /** When we began to ask for it, ms since any moment: a look that began before says nothing of it. */
  askedAt: number;
}

interface Shared {
  prefix: string;
  duty: Duty;
  started: boolean;
  /** Names that are ours, without the prefix. */
  ours: Set<string>;
  ending: Map<string, Promise<void>>;
  taking: Map<string, Promise<boolean>>;
}

const CLOCK = 'CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)';

function severalProcesses(url: string, { onError, beat = BEAT, life = LIFE }: ProcessesOptions): Processes {
  const id = newProcessId();
  const listeners = new Map<Topic, Set<(name: string | null) => void>>();
  const held = new Map<string, Held>();
  const shares: Shared[] = [];
  let alive: readonly string[] = [];
  /** When the last sign of life that arrived was sent, ms since any moment; never: nothing is held. */
  let renewedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | null = null;
  let again = false;
  let timer: NodeJS.Timeout | undefined;
  let watch: NodeJS.Timeout | undefined;
  let joined: Promise<void> | null = null;
  let beats = 0;
  let closed = false;

  const link: PostgresLink = openPostgresLink({
    url,
    onNotice: (text) => {
      for (const line of text.split('\n')) hearLine(line);
    },
    onOpen: (missed) => {
      if (!missed) return;
      for (const [topic] of listeners) announce(topic, null);
      nudge();
    },
  });

  // What is told.

  /** Told twice before it was sent once: one is enough. */
  let waiting = new Set<string>();
  let sending: NodeJS.Immediate | undefined;

  function tell(topic: Topic, name: string): void {
    if (closed) return;
    waiting.add(`${id} ${topic} ${name}`);
    sending ??= setImmediate(send);
  }

  function send(): void {
    sending = undefined;
    const lines = waiting;
    waiting = new Set();
    let text = '';
    for (const line of lines) {
      if (text !== '' && text.length + line.length + 1 > TOLD_AT_ONCE) {
        link.notify(text);
        text = '';
      }
      text = text === '' ? line : `${text}\n${line}`;
    }
    if (text !== '') link.notify(text);
  }

  function hearLine(line: string): void {
    const [from, topic, ...rest] = line.split(' ');
    if (from === id || topic === undefined) return;
    if (topic === 'work') nudge();
    announce(topic as Topic, rest.join(' '));
  }

  function announce(topic: Topic, name: string | null): void {
    for (const listener of listeners.get(topic) ?? []) {
      try {
        listener(name);
      } catch (error) {
        onError(error);
      }
    }
  }

  // Whether we live.

  function isAlive(): boolean {
    return !closed && performance.now() - renewedAt < life - beat;
  }

  /** What we cannot show to be ours any more may be another's by now: it ends before that. */
  function watchOver(): void {
    if (!isAlive()) loseAll();
  }

  function loseAll(): void {
    for (const name of [...held.keys()]) lose(name);
  }

  function lose(name: string): void {
    held.get(name)?.abort.abort();
    held.delete(name);
    for (const share of shares) {
      const short = name.slice(share.prefix.length);
      if (name.startsWith(share.prefix) && share.ours.delete(short)) share.duty.lost(short);
    }
  }

  async function renew(): Promise<void> {
    const sentAt = performance.now();
    await link.query(
      `INSERT INTO processes (id, alive_until) VALUES ($1, ${CLOCK} + $2) ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until`,
      [id, life],
    );
    renewedAt = sentAt;
  }

  function join(): Promise<void> {
    joined ??= (async () => {
      await renew();
      await readAlive();
      watch = setInterval(watchOver, beat / 4);
      watch.unref();
      plan();
      tell('work', 'come');
    })().catch((error: unknown) => {
      joined = null;
      throw error;
    });
    return joined;
  }

  async function readAlive(): Promise<void> {
    const rows = await link.query<{ id: string }>(
      `SELECT id FROM processes WHERE alive_until > ${CLOCK} ORDER BY id`,
    );
    alive = rows.map((row) => row.id);
  }

  // Leases.

  async function takeRow(name: string): Promise<boolean> {
    // Whoever waits for a lease would wait for ever.
    if (closed) throw new HedgerowError('UNAVAILABLE', 'The server is stopping.');
    if (held.has(name)) return false;
    await join();
    if (!isAlive() || held.has(name)) return false;
    const mine: Held = { abort: new AbortController(), askedAt: performance.now() };
    held.set(name, mine);
    let taken = false;
    try {
      const rows = await link.query(
        `INSERT INTO work_leases (name, holder, taken_at) SELECT $1, $2, ${CLOCK} WHERE EXISTS (SELECT 1 FROM processes WHERE id = $2 AND alive_until > ${CLOCK})
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, taken_at = excluded.taken_at
         WHERE work_leases.holder = excluded.holder OR NOT EXISTS (SELECT 1 FROM processes p WHERE p.id = work_leases.holder AND p.alive_until > ${CLOCK})
         RETURNING name`,
        [name, id],
      );
      taken = rows.length > 0 && !closed && held.get(name) === mine;
    } finally {
      if (!taken && held.get(name) === mine) held.delete(name);
    }
    return taken;
  }

  async function release(name: string): Promise<void> {
    if (!held.delete(name)) return;
    // Where this fails the row stays ours until our own end, and is taken anew by ourselves.
    await link.query('DELETE FROM work_leases WHERE name = $1 AND holder = $2', [name, id]).catch(() => {});
  }

  async function take(name: string): Promise<Lease | null> {
    if (!(await takeRow(name))) return null;
    const mine = held.get(name);
    if (mine === undefined) return null;
    return {
      signal: mine.abort.signal,
      release: async () => {
        if (held.get(name) === mine) await release(name);
      },
    };
  }

  // Work that is divided.

  function plan(): void {
    if (closed) return;
    clearTimeout(timer);
    timer = setTimeout(() => void look(), beat).unref();
  }

  /** Soon, and not once for each of many who say so. */
  function nudge(): void {
    if (closed || joined === null) return;
    if (looking !== null) {
      again = true;
      return;
    }
    clearTimeout(timer);
    timer = setTimeout(() => void look(), 20).unref();
  }

  function look(): Promise<void> {
    looking ??= (async () => {
      do {
        again = false;
        await lookOnce().catch((error: unknown) => {
          if (!closed) onError(error);
        });
      } while (again && !closed);
    })().finally(() => {
      looking = null;
      plan();
    });
    return looking;
  }

  async function lookOnce(): Promise<void> {
    const begunAt = performance.now();
    await renew();
    await readAlive();
    const mine = await link.query<{ name: string }>('SELECT name FROM work_leases WHERE holder = $1', [id]);
    const written = new Set(mine.map(({ name }) => name));
    for (const [name, { askedAt }] of [...held]) {
      if (askedAt < begunAt && !written.has(name)) lose(name);
    }
    for (const share of shares) if (share.started && !closed) await divide(share);
    beats += 1;
    if (beats % 100 === 1) await bury();
  }

  /** Each name has one process that it belongs to while the same ones live; it is left to that one once it is idle. */
  async function divide(share: Shared): Promise<void> {
    const { prefix, duty, ours } = share;
    const wanted = new Set(await duty.names());
    const left: Promise<void>[] = [];
    for (const name of [...ours]) {
      if (!wanted.has(name) || ownerOf(prefix + name, alive) !== id) left.push(leave(share, name));
    }
    // What takes long to end holds up nothing else.
    void Promise.all(left).catch(onError);
    for (const name of wanted) {
      if (ours.has(name) || ownerOf(prefix + name, alive) !== id) continue;
      await takeShare(share, name);
    }
  }

  function leave(share: Shared, name: string): Promise<void> {
    const ending = share.ending.get(name);
    if (ending !== undefined) return ending;
    const work = (async () => {
      await share.duty.end(name);
      if (!share.ours.delete(name)) return;
      await release(share.prefix + name);
      tell('work', 'left');
    })().finally(() => share.ending.delete(name));
    share.ending.set(name, work);
    return work;
  }

  function takeShare(share: Shared, name: string): Promise<boolean> {
    if (share.ours.has(name)) return Promise.resolve(true);
    const taking = share.taking.get(name);
    if (taking !== undefined) return taking;
    const work = takeRow(share.prefix + name)
      .then((taken) => {
        if (taken) {
          share.ours.add(name);
          share.duty.begin(name);
        }
        return taken;
      })
      .finally(() => share.taking.delete(name));
    share.taking.set(name, work);
    return work;
  }

  /** What the dead have left; their leases could be taken all along. */
  async function bury(): Promise<void> {
    await link.query(`DELETE FROM processes WHERE alive_until < ${CLOCK} - $1`, [REMAINS]);
    await link.query(
      'DELETE FROM work_leases l WHERE NOT EXISTS (SELECT 1 FROM processes p WHERE p.id = l.holder)',
    );
  }

  return {
    id,
    several: true,
    get count() {
      return Math.max(1, alive.length);
    },
    tell,
    hear: (topic, listener) => {
      const all = listeners.get(topic) ?? new Set();
      listeners.set(topic, all.add(listener));
    },
    take,
    acquire: (name, signal) => acquireBy(take, name, signal),
    only: onlyBy(take),
    taken: async (prefix) => {
      const rows = await link.query<{ name: string }>(
        `SELECT l.name FROM work_leases l JOIN processes p ON p.id = l.holder WHERE p.alive_until > ${CLOCK} AND starts_with(l.name, $1)`,
        [prefix],
      );
      return new Set(rows.map(({ name }) => name));
    },
    share: (prefix, duty) => {
      const share: Shared = {
        prefix,
        duty,
        started: false,
        ours: new Set(),
        ending: new Map(),
        taking: new Map(),
      };
      shares.push(share);
      return {
        start: async () => {
          await join();
          share.started = true;
          await look();
        },
        ours: (name) => takeShare(share, name),
        holds: (name) => share.ours.has(name),
      };
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
      clearTimeout(timer);
      clearInterval(watch);
      clearImmediate(sending);
      await looking?.catch(() => {});
      loseAll();
      if (joined !== null) {
        await link.query('DELETE FROM work_leases WHERE holder = $1', [id]).catch(() => {});
        await link.query('DELETE FROM processes WHERE id = $1', [id]).catch(() => {});
        link.notify(`${id} work gone`);
      }
      await link[Symbol.asyncDispose]();
    },
  };
}

/** Of all who live, the one with the greatest hash: it changes for few names where one comes or goes. */
function ownerOf(name: string, alive: readonly string[]): string | undefined {
  let owner: string | undefined;
  let greatest = '';
  for (const id of alive) {
    const weight = createHash('sha256').update(`${name}\n${id}`).digest('hex');
    if (weight > greatest) {
      greatest = weight;
      owner = id;
    }
  }
  return owner;
}

async function acquireBy(take: Processes['take'], name: string, signal?: AbortSignal): Promise<Lease> {
  for (;;) {
    signal?.throwIfAborted();
    const lease = await take(name);
    if (lease !== null) return lease;
    await wait(TRY_EVERY, undefined, signal === undefined ? {} : { signal });
  }
}

/** Here one after the other, in the order of asking; against other processes by the lease. */
function onlyBy(take: Processes['take']): Processes['only'] {
  const tails = new Map<string, Promise<unknown>>();
  return async (name, work, signal) => {
    const before = tails.get(name);
    const turn = (async () => {
      await before?.catch(() => {});
      const lease = await acquireBy(take, name, signal);
      try {
        return await work(lease.signal);
      } finally {
        await lease.release();
      }
    })();
    tails.set(name, turn);
    try {
      return await turn;
    } finally {
      if (tails.get(name) === turn) tails.delete(name);
    }
  };
}

function newProcessId(): string {
  return `process_${randomBytes(9).toString('base64url')}`;
}
