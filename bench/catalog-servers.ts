/** Processes that serve the catalogs of bench/catalog.ts, and what they and PostgreSQL have used of the processor so far. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Pool } from 'undici';
import { TOKEN } from './catalog-data.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The only one who changes anything; whoever reads has a token that is looked up. */
const ADMIN_TOKEN = 'a-token-of-the-bench-of-the-catalog-0123456789';
export const CONNECTIONS = 16;

export interface Asked {
  query: string;
  variables?: Record<string, unknown>;
}

export interface Served extends AsyncDisposable {
  readonly name: string;
  /** The text of an answer. @throws unless it is 200 */
  ask(asked: Asked): Promise<string>;
  /** Bytes of an answer that is counted and not read: the least that a client can do, since it shares the machine. */
  load(asked: Asked): Promise<number>;
  /** The same as an admin, without errors, read. */
  // biome-ignore lint/suspicious/noExplicitAny: each asker knows what it asks for
  manage(asked: Asked): Promise<any>;
  used(): Used;
  /** MiB of memory at most so far. */
  peak(): number;
}

/** ms of the processor. */
export interface Used {
  server: number;
  database: number;
}

/** ms of one tick of /proc/<pid>/stat. */
const TICK = 10;

const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json',
  authorization: `Bearer ${TOKEN}`,
};

interface StartOptions {
  name: string;
  command: string[];
  env: Record<string, string | undefined>;
  postgres?: PostgresProcesses | undefined;
}

async function start({ name, command, env, postgres }: StartOptions): Promise<Served> {
  const child = spawn(process.execPath, command, {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const url = await ready(child, name);
  const pool = new Pool(url, { connections: CONNECTIONS });
  const post = async ({ query, variables = {} }: Asked, token: string): Promise<string> => {
    const { statusCode, body } = await pool.request({
      method: 'POST',
      path: '/graphql',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({ query, variables }),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${name} answers ${statusCode}: ${text}`);
    return text;
  };
  const load = ({ query, variables = {} }: Asked): Promise<number> =>
    new Promise((resolve, reject) => {
      let bytes = 0;
      let status = 0;
      pool.dispatch(
        {
          method: 'POST',
          path: '/graphql',
          headers: HEADERS,
          body: JSON.stringify({ query, variables }),
        },
        {
          onRequestStart: () => {},
          onResponseStart: (_controller, code) => {
            status = code;
          },
          onResponseData: (_controller, chunk) => {
            bytes += chunk.length;
          },
          onResponseEnd: () =>
            status === 200 ? resolve(bytes) : reject(new Error(`${name} answers ${status}`)),
          onResponseError: (_controller, error) => reject(error),
        },
      );
    });
  const pid = child.pid ?? 0;
  return {
    name,
    load,
    ask: (asked) => post(asked, TOKEN),
    manage: async (asked) => {
      const answer = JSON.parse(await post(asked, ADMIN_TOKEN));
      if (answer.errors !== undefined) throw new Error(`${name}: ${JSON.stringify(answer.errors)}`);
      return answer.data;
    },
    used: () => ({ server: ticksOf(pid) * TICK, database: (postgres?.ticks() ?? 0) * TICK }),
    peak: () => Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
    [Symbol.asyncDispose]: async () => {
      process.off('exit', kill);
      await pool.destroy();
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

function ready(child: ChildProcess, name: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    const [, url] = / ready on (\S+)\n/.exec(said) ?? [];
    if (url !== undefined) resolve(url);
  });
  child.once('exit', (code) => reject(new Error(`${name} ended with ${code} before it was ready.`)));
  return promise;
}

interface HedgerowOptions {
  name: string;
  /** Of its own, for all that is not in the database. */
  folder: string;
  /** A database of PostgreSQL, or a file, of which it gets a copy. */
  database: string;
  postgres?: PostgresProcesses | undefined;
  federation?: boolean;
  /** A folder for what its processor was used for, written when it ends. */
  profile?: string | undefined;
}

/** The whole server, as it is started. */
export function startHedgerow(options: HedgerowOptions): Promise<Served> {
  const { name, database, postgres, profile } = options;
  const folder = join(options.folder, name.replaceAll(/\W+/g, '-'));
  mkdirSync(folder, { recursive: true });
  const onPostgres = database.startsWith('postgresql://');
  if (!onPostgres) copyFileSync(database, join(folder, 'hedgerow.db'));
  return start({
    name,
    command: ['src/main.ts', 'serve'],
    env: {
      HEDGEROW_DATA_DIR: folder,
      HEDGEROW_PORT: '0',
      HEDGEROW_ADMIN_TOKEN: ADMIN_TOKEN,
      HEDGEROW_REQUESTS_PER_MINUTE: '1000000',
      HEDGEROW_FEDERATION: options.federation === true ? 'on' : 'off',
      HEDGEROW_LOG_LEVEL: 'error',
      ...(onPostgres && {
        HEDGEROW_DATABASE_URL: database,
        HEDGEROW_STORAGE_URL: `file:${join(folder, 'store')}`,
        HEDGEROW_MASTER_KEY: '77'.repeat(32),
      }),
      ...(profile !== undefined && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` }),
    },
    postgres,
  });
}

export function startYoga(name: 'pothos' | 'driver', folder: string, file: string): Promise<Served> {
  const own = join(folder, `${name}.db`);
  copyFileSync(file, own);
  return start({ name, command: ['bench/catalog-yoga.ts', name, own], env: { NODE_ENV: 'production' } });
}

/** Null where it is not installed. */
export async function startPostGraphile(
  database: string,
  postgres: PostgresProcesses,
): Promise<Served | null> {
  if (!existsSync(join(ROOT, 'bench/postgraphile/node_modules/postgraphile'))) {
    console.error(
      'PostGraphile stays out: npm ci --prefix bench/postgraphile installs it, apart, since it asks for graphql 16.',
    );
    return null;
  }
  return start({
    name: 'postgraphile',
    command: ['bench/postgraphile/server.js', database],
    env: { NODE_ENV: 'production', GRAPHILE_ENV: 'production' },
    postgres,
  });
}

export interface PostgresProcesses {
  /** Of all its processes so far, those that have ended included; NaN where they are not on this machine. */
  ticks(): number;
}

export async function postgresProcesses(server: string): Promise<PostgresProcesses> {
  const client = new pg.Client({ connectionString: `${server}/postgres` });
  await client.connect();
  const { rows } = await client.query<{ pid: number; here: boolean }>(
    `SELECT pg_backend_pid() AS pid, inet_server_addr() <<= inet '127.0.0.0/8' AS here`,
  );
  const [found] = rows;
  const parent = found?.here === true ? Number(statOf(found.pid)?.[1]) : Number.NaN;
  await client.end();
  return {
    ticks: () => {
      const own = statOf(parent);
      if (own === null) return Number.NaN;
      const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ');
      // Of children that have ended the parent is told; workers of a parallel query end with it.
      const ended = Number(own[13]) + Number(own[14]);
      return children.reduce((sum, pid) => sum + ticksOf(Number(pid)), ended);
    },
  };
}

function ticksOf(pid: number): number {
  const stat = statOf(pid);
  return stat === null ? 0 : Number(stat[11]) + Number(stat[12]);
}

/** What stands behind the name in /proc/<pid>/stat, the state first. */
function statOf(pid: number): string[] | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
  } catch {
    return null;
  }
}
