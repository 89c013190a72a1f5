import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import pg from 'pg';
import type { Cell } from '../lib/rows.ts';
import { guardBy, movesCounters, type WatchedOutage } from './outage.ts';
import { prepared, type Runnable, type Sql } from './sql.ts';

/** Connections for hand-written SQL; Prisma keeps a pool of its own of the same size. */
export const POOL = 8;

export interface PostgresConnections {
  readonly reader: Sql;
  write<T>(work: (transaction: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** ms that a statement and a wait for a lock may take, and that a transaction may do nothing; see docs/adr/0086-the-database-goes-away.md. */
const LIMITS = {
  statement_timeout: 60_000,
  lock_timeout: 15_000,
  idle_in_transaction_session_timeout: 60_000,
};
/** ms until a connection must be there: a new one, or one that somebody gives back. */
const CONNECT = 15_000;
/** ms after which a server that says nothing is believed to be gone, however long a statement may take. */
const SILENCE = LIMITS.statement_timeout + 5_000;

/**
 * Connections that nobody waits for in vain: while the database is away each request is refused at once, and what was under
 * way ends.
 *
 * @param settings - of each connection, as the server's command line takes them
 */
export function postgresPool(url: string, max: number, outage?: WatchedOutage, settings?: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    types: numericTypes(),
    connectionTimeoutMillis: CONNECT,
    query_timeout: SILENCE,
    keepAlive: true,
    ...LIMITS,
    ...(settings !== undefined && { options: settings }),
  });
  // An idle connection that the server ends is replaced by the pool; without a listener it would end us.
  pool.on('error', () => {});
  const open = new Set<pg.PoolClient>();
  pool.on('connect', (client) => {
    open.add(client);
    // Nor one that breaks while it is somebody's: its statement fails.
    client.on('error', () => {});
  });
  pool.on('remove', (client) => open.delete(client));
  outage?.onBegin(() => {
    for (const client of open) client.connection.stream.destroy();
  });
  return pool;
}

/** @param settings - of each connection, as the server's command line takes them */
export function openPostgres(
  url: string,
  { max = POOL, settings, outage }: { max?: number; settings?: string; outage?: WatchedOutage } = {},
): PostgresConnections {
  const pool = postgresPool(url, max, outage, settings);
  const guarded = guardBy(outage);
  const reader = postgresSql(pool);
  return {
    reader: {
      dialect: 'postgresql',
      all: (statement) => guarded(() => reader.all(statement)),
      rows: (statement) => guarded(() => reader.rows(statement)),
      get: (statement) => guarded(() => reader.get(statement)),
      run: (statement) => guarded(() => reader.run(statement)),
      each: (text, rows) => guarded(() => reader.each(text, rows)),
    },
    write: (work) => {
      if (outage === undefined) return guarded(() => transaction(pool, work));
      let moves = false;
      let committing = false;
      const seen = {
        statement: (text: string): void => {
          moves ||= movesCounters(text);
        },
        commit: (): void => {
          committing = true;
        },
      };
      // Where the commit was sent and its answer lost, nobody knows whether it was done.
      return guarded(() =>
        transaction(pool, work, seen).finally(() => {
          if (moves && committing) outage.wrote();
        }),
      );
    },
    close: () => pool.end(),
  };
}

/** Told of each statement of a transaction, and of its end. */
interface Seen {
  statement(text: string): void;
  commit(): void;
}

async function transaction<T>(pool: pg.Pool, work: (sql: Sql) => Promise<T>, seen?: Seen): Promise<T> {
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(postgresSql(client, seen?.statement));
    seen?.commit();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
    await client.query('ROLLBACK').then(
      () => {
        failure = undefined;
      },
      () => {},
    );
    throw error;
  } finally {
    // A connection that could not roll back is not given to anybody else.
    client.release(failure);
  }
}

const names = new LRUCache<string, string>({ max: 1000 });

/** Statements are prepared on the server under a name made from their text. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = `h_${createHash('sha256').update(text).digest('base64url').slice(0, 24)}`;
    names.set(text, name);
  }
  return name;
}

/** @param note - told of each statement */
export function postgresSql(client: pg.Pool | pg.ClientBase, note?: (text: string) => void): Sql {
  const configOf = ({ text, values }: Runnable) => {
    note?.(text);
    return { name: nameOf(text), text, values };
  };
  const query = (statement: Runnable) => client.query(configOf(statement));
  return {
    dialect: 'postgresql',
    all: async <Row>(statement: Runnable) => (await query(statement)).rows as Row[],
    rows: async (statement) =>
      (await client.query<Cell[]>({ ...configOf(statement), rowMode: 'array' })).rows,
    get: async <Row>(statement: Runnable) => (await query(statement)).rows[0] as Row | undefined,
    run: async (statement) => (await query(statement)).rowCount ?? 0,
    each: async (text, rows) => {
      for (const row of rows) await query(prepared(text, [...row]));
    },
  };
}

/** int8 and numeric as numbers: every integer of the schema stays below 2^53. */
function numericTypes(): pg.CustomTypesConfig {
  const { builtins } = pg.types;
  return {
    getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
      oid === builtins.INT8 || oid === builtins.NUMERIC
        ? Number
        : pg.types.getTypeParser(oid, format as 'text')) as pg.CustomTypesConfig['getTypeParser'],
  };
}
