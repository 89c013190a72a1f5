import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import pg from 'pg';
import type { Runnable, Sql } from './sql.ts';

/** Connections for hand-written SQL; Prisma keeps a pool of its own of the same size. */
export const POOL = 8;

export interface PostgresConnections {
  readonly reader: Sql;
  write<T>(work: (transaction: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** @param settings - of each connection, as the server's command line takes them */
export function openPostgres(url: string, max = POOL, settings?: string): PostgresConnections {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    types: numericTypes(),
    ...(settings !== undefined && { options: settings }),
  });
  // An idle connection that the server ends is replaced by the pool; without a listener it would end us.
  pool.on('error', () => {});
  return {
    reader: postgresSql(pool),
    write: (work) => transaction(pool, work),
    close: () => pool.end(),
  };
}

async function transaction<T>(pool: pg.Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(postgresSql(client));
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

export function postgresSql(client: pg.Pool | pg.ClientBase): Sql {
  const query = (statement: Runnable) =>
    client.query({ name: nameOf(statement.text), text: statement.text, values: statement.values });
  return {
    dialect: 'postgresql',
    all: async <Row>(statement: Runnable) => (await query(statement)).rows as Row[],
    get: async <Row>(statement: Runnable) => (await query(statement)).rows[0] as Row | undefined,
    run: async (statement) => (await query(statement)).rowCount ?? 0,
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
