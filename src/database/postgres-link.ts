/**
 * One connection beside the pools, by which a process hears what others tell (LISTEN) and says that it lives. What
 * keeps the pools busy keeps this one from nothing; where it breaks it is opened again and again.
 */
import pg from 'pg';

/** ms until the next try to connect: doubled each time. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 2_000;
/** ms that connecting, or one statement, may take; whatever takes longer is held to be dead. */
const PATIENCE = 5_000;
/** All processes of one database; PostgreSQL keeps channels of databases apart. */
const CHANNEL = 'hedgerow';

export interface PostgresLink extends AsyncDisposable {
  /** Runs a statement. @throws where the connection is down, or goes down meanwhile */
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Sends a text of at most 7,000 bytes to all who listen, ourselves included; nothing where the connection is down. */
  notify(text: string): void;
}

export interface PostgresLinkOptions {
  url: string;
  onNotice: (text: string) => void;
  /** It is open; not for the first time: what was told meanwhile was not heard. */
  onOpen: (again: boolean) => void;
}

export function openPostgresLink({ url, onNotice, onOpen }: PostgresLinkOptions): PostgresLink {
  let client: pg.Client | null = null;
  let opening: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let opened = false;
  let closed = false;

  function lose(lost: pg.Client): void {
    if (client !== lost) return;
    client = null;
    lost.end().catch(() => {});
    retry();
  }

  function retry(): void {
    if (closed || timer !== undefined) return;
    const delay = Math.min(FIRST_DELAY * 2 ** failures, LONGEST_DELAY);
    failures += 1;
    timer = setTimeout(() => {
      timer = undefined;
      void open();
    }, delay).unref();
  }

  function open(): Promise<void> {
    opening ??= connect().finally(() => {
      opening = null;
    });
    return opening;
  }

  async function connect(): Promise<void> {
    const fresh = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: PATIENCE,
      query_timeout: PATIENCE,
      keepAlive: true,
      application_name: 'hedgerow processes',
    });
    fresh.on('error', () => lose(fresh));
    fresh.on('end', () => lose(fresh));
    fresh.on('notification', ({ payload }) => {
      if (payload !== undefined) onNotice(payload);
    });
    try {
      await fresh.connect();
      await fresh.query(`LISTEN ${CHANNEL}`);
    } catch {
      fresh.end().catch(() => {});
      retry();
      return;
    }
    if (closed) {
      await fresh.end().catch(() => {});
      return;
    }
    client = fresh;
    failures = 0;
    const again = opened;
    opened = true;
    onOpen(again);
  }

  /** Statements go one after the other: each is short. */
  let tail: Promise<unknown> = Promise.resolve();

  function query<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const turn = tail.then(() => run<Row>(text, values));
    tail = turn.catch(() => {});
    return turn;
  }

  async function run<Row>(text: string, values: readonly unknown[]): Promise<Row[]> {
    if (client === null && !closed) await open();
    const used = client;
    if (used === null) throw new Error('The connection to PostgreSQL is down.');
    try {
      return (await used.query(text, [...values])).rows as Row[];
    } catch (error) {
      // Errors of PostgreSQL's own have a code of five characters; all else says that nobody answers.
      if (!/^[0-9A-Z]{5}$/.test((error as { code?: string }).code ?? '')) lose(used);
      throw error;
    }
  }

  return {
    query,
    notify: (text) => {
      if (client !== null) query('SELECT pg_notify($1, $2)', [CHANNEL, text]).catch(() => {});
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
      clearTimeout(timer);
      await opening;
      await tail;
      const last = client;
      client = null;
      await last?.end().catch(() => {});
    },
  };
}
