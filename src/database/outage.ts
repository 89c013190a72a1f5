/**
 * Whether PostgreSQL answers, found out on a connection of its own: no pool that is full, no lock and no slow statement
 * keeps anybody from knowing. While it does not answer nobody waits for it.
 */
import pg from 'pg';
import { HedgerowError, systemCode } from '../lib/errors.ts';
import { COUNTERS, type Counters } from './counters.ts';

/**
 * `gone`: it refuses connections, or says itself that it goes or comes, so nothing is changed in it by anybody.
 * `silent`: nothing is heard of it; others may be working with it.
 */
export type OutageKind = 'gone' | 'silent';

export interface Outage {
  /** Null while the database answers. */
  readonly state: { kind: OutageKind; since: number } | null;
  /** When it last answered, ms since 1970. */
  readonly seenAt: number;
  /**
   * Where it is `gone`: the counters of the catalog as they stand, for nobody can move them. Null where that is not known: it is
   * there and can be asked, it is silent, it has been gone for long, or this process wrote after it last looked.
   */
  readonly standing: Counters | null;
  /** The counters as they were last seen: what is read from now on is at least as new. Null: nobody looks. */
  readonly counters: Counters | null;
}

/** Of a database that is never away. */
export const NO_OUTAGE: Outage = {
  state: null,
  get seenAt() {
    return Date.now();
  },
  standing: null,
  counters: null,
};

export interface WatchedOutage extends Outage, AsyncDisposable {
  /** Told when it begins, so that nobody goes on waiting. */
  onBegin(callback: () => void): void;
  /** This process has written something that moves the counters. */
  wrote(): void;
  /** Somebody writes such things without saying when; answers what ends that. */
  writing(): () => void;
}

/** Whether a statement may move the counters: it names them, or the table whose triggers do. */
export function movesCounters(text: string): boolean {
  return text.includes('catalog_state') || text.includes('federation_peers');
}

/** ms between two questions, and that an answer may take. */
const EVERY = 500;
const PATIENCE = 3_000;
/** ms for which what was known before is still told while it is gone. */
const TOLD = 600_000;
/** Seconds after which whoever was refused may come back. */
export const RETRY_AFTER = 2;

/** Begins to look at once; until something is known, it is taken to be there. */
export function watchOutage(url: string, every = EVERY, patience = PATIENCE): WatchedOutage {
  const begins: (() => void)[] = [];
  let state: Outage['state'] = null;
  let seenAt = Date.now();
  let client: pg.Client | null = null;
  let counters: Counters | null = null;
  let askedAt = 0;
  let wroteAt = 0;
  let writers = 0;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;

  /** Null: it answers. */
  async function ask(): Promise<OutageKind | null> {
    let asking = client;
    try {
      if (asking === null) {
        asking = new pg.Client({
          connectionString: url,
          connectionTimeoutMillis: patience,
          query_timeout: patience,
        });
        asking.on('error', () => {});
        await asking.connect();
      }
      const begun = Date.now();
      const { rows } = await asking.query<Record<keyof Counters, string>>(COUNTERS);
      client = asking;
      const [row] = rows;
      counters =
        row === undefined
          ? null
          : {
              epoch: row.epoch,
              revision: Number(row.revision),
              peersRevision: Number(row.peersRevision),
              access: row.access,
            };
      askedAt = begun;
      return null;
    } catch (error) {
      client = null;
      // Its goodbye would wait for an answer, too.
      (
        asking as unknown as { connection: { stream: { destroy(): void } } } | null
      )?.connection.stream.destroy();
      return kindOf(error);
    }
  }

  async function look(): Promise<void> {
    let kind = await ask();
    // A connection may end by itself, and a process that was busy for seconds may have heard nothing: that is no outage.
    if (kind !== null && state === null && !ended) kind = await ask();
    if (ended) return;
    if (kind === null) {
      seenAt = Date.now();
      state = null;
    } else {
      const begun = state === null;
      // While nothing was heard of it others may have changed it: that it is gone by now makes nothing known again.
      state = { kind: state?.kind === 'silent' ? 'silent' : kind, since: state?.since ?? Date.now() };
      if (begun) for (const callback of begins) callback();
    }
    timer = setTimeout(() => {
      looking = look();
    }, every).unref();
  }
  let looking = look();

  return {
    get state() {
      return state;
    },
    get seenAt() {
      return seenAt;
    },
    get counters() {
      return counters;
    },
    get standing() {
      const isKnown =
        state?.kind === 'gone' && wroteAt < askedAt && writers === 0 && Date.now() - state.since < TOLD;
      return isKnown ? counters : null;
    },
    onBegin: (callback) => void begins.push(callback),
    wrote: () => {
      wroteAt = Date.now();
    },
    writing: () => {
      writers += 1;
      let over = false;
      return () => {
        if (over) return;
        over = true;
        writers -= 1;
        wroteAt = Date.now();
      };
    },
    [Symbol.asyncDispose]: async () => {
      ended = true;
      clearTimeout(timer);
      (
        client as unknown as { connection: { stream: { destroy(): void } } } | null
      )?.connection.stream.destroy();
      await looking;
      await client?.end().catch(() => {});
    },
  };
}

/** Null: the server has answered, if only that it has no place left, say. */
function kindOf(error: unknown): OutageKind | null {
  const codes = [systemCode(error)];
  // All addresses of a name were tried.
  if (error instanceof AggregateError) codes.push(...error.errors.map(systemCode));
  for (const code of codes) {
    if (code === 'ECONNREFUSED' || (code !== undefined && GOING.has(code))) return 'gone';
    if (error instanceof pg.DatabaseError) return null;
  }
  return 'silent';
}

/** admin_shutdown, crash_shutdown, cannot_connect_now. */
const GOING = new Set(['57P01', '57P02', '57P03']);

/** Nobody was there who could have done it. */
export function isUnsent(error: unknown): boolean {
  const { cause } = error instanceof Error ? error : { cause: undefined };
  const { originalCode, kind } = (cause ?? {}) as { originalCode?: string; kind?: string };
  return [systemCode(error), originalCode].includes('ECONNREFUSED') || kind === 'DatabaseNotReachable';
}

/** Runs what needs the database: not while it is away, and no longer than until it goes. */
export type Guard = <T>(work: () => Promise<T>) => Promise<T>;

export function guardBy(outage: WatchedOutage | undefined): Guard {
  if (outage === undefined) {
    return (work) =>
      work().catch((error: unknown) => {
        throw translateOutage(error);
      });
  }
  const waiting = new Set<() => void>();
  outage.onBegin(() => {
    for (const end of waiting) end();
  });
  return (work) =>
    new Promise((resolve, reject) => {
      if (outage.state !== null) return reject(databaseAway());
      // A connection that is being made hears nothing of the outage.
      const end = (): void => reject(databaseAway());
      waiting.add(end);
      work()
        .then(resolve, (error: unknown) => reject(translateOutage(error)))
        .finally(() => waiting.delete(end));
    });
}

const AWAY = 'The database does not answer right now; this is tried again by itself.';

/** Nothing is wrong with what was asked for. */
export class DatabaseAwayError extends HedgerowError {}

export function databaseAway(cause?: unknown): DatabaseAwayError {
  return new DatabaseAwayError('UNAVAILABLE', AWAY, {
    retryAfter: RETRY_AFTER,
    ...(cause !== undefined && { cause }),
  });
}

/**
 * What went wrong between us and PostgreSQL, rather than in a statement, as the error that it is for whoever asks. Prisma hands such errors on
 * with the original one inside.
 */
export function translateOutage(error: unknown): unknown {
  if (error instanceof HedgerowError) return error;
  const code = systemCode(error) ?? '';
  const { cause } = error instanceof Error ? error : { cause: undefined };
  const inner =
    typeof cause === 'object' && cause !== null ? (cause as { kind?: string; originalCode?: string }) : {};
  const state = inner.originalCode ?? code;
  if (state === '57014' || state === '55P03') {
    return new DatabaseAwayError('UNAVAILABLE', 'The database took too long over this; try again later.', {
      retryAfter: RETRY_AFTER,
      cause: error,
    });
  }
  const isLost =
    /^(08...|57P0.|53300|25P03)$/.test(state) ||
    LOST.has(code) ||
    (inner.kind !== undefined && KINDS.has(inner.kind)) ||
    (error instanceof Error && WORDS.test(error.message));
  return isLost ? databaseAway(error) : error;
}

const LOST = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
]);
/**
 * Whether an error is, or hides, that the database is away: Prisma puts some errors of its adapter into errors of its own.
 *
 * @param outage - while it is away, what no part of the program has a name for is taken to come of that
 */
export function isAway(error: unknown, outage?: Outage): boolean {
  if (error instanceof HedgerowError) return error instanceof DatabaseAwayError;
  if (outage !== undefined && outage.state !== null) return true;
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof DatabaseAwayError || at.message.includes(AWAY)) return true;
  }
  return false;
}

/** As Prisma's adapter names them. */
const KINDS = new Set([
  'ConnectionClosed',
  'DatabaseNotReachable',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionAlreadyClosed',
]);
/** The driver gives these no code. */
const WORDS =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client was closed|Client has encountered a connection error|Cannot use a pool after|Connection ended|Not queryable|Client network socket disconnected)/i;
