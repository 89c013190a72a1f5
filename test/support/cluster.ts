/** Several processes of the program on one PostgreSQL and one store, which can be killed and started at any time. */
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ADMIN_TOKEN } from './instance.ts';
import { type Program, runProgram } from './process.ts';

export interface Cluster extends AsyncDisposable {
  readonly size: number;
  /** What peers and browsers use: each connection goes to one that takes it. */
  readonly url: string;
  /** Of one process, whether it runs or not. */
  urlOf(at: number): string;
  isUp(at: number): boolean;
  /** Resolves when it is ready. */
  start(at: number): Promise<void>;
  kill(at: number, signal?: NodeJS.Signals): Promise<void>;
  /** What the processes have said on their way. */
  readonly said: string;
}

export async function startCluster(
  database: string,
  size: number,
  settings: Record<string, string> = {},
): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-cluster-'));
  const programs: (Program | null)[] = Array.from({ length: size }, () => null);
  const ready: boolean[] = programs.map(() => false);
  const ports = await freePorts(size);
  const balancer = createBalancer(() => ports.filter((_, at) => ready[at]));
  balancer.server.listen(0, '127.0.0.1');
  await once(balancer.server, 'listening');
  const url = `http://127.0.0.1:${(balancer.server.address() as { port: number }).port}`;
  let said = '';

  async function start(at: number): Promise<void> {
    const dataDir = join(folder, `process-${at}`);
    await mkdir(dataDir, { recursive: true });
    const program = runProgram(['serve'], {
      HEDGEROW_NAME: 'Cluster',
      HEDGEROW_DATABASE_URL: database,
      HEDGEROW_STORAGE_URL: `file:${join(folder, 'store')}`,
      HEDGEROW_DATA_DIR: dataDir,
      HEDGEROW_MASTER_KEY: '77'.repeat(32),
      HEDGEROW_ADMIN_TOKEN: ADMIN_TOKEN,
      HEDGEROW_PORT: String(ports[at]),
      HEDGEROW_PUBLIC_URL: url,
      HEDGEROW_LOG_LEVEL: 'warn',
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
      ...settings,
    });
    programs[at] = program;
    await program.ready();
    ready[at] = true;
  }

  async function kill(at: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const program = programs[at];
    ready[at] = false;
    if (program === null || program === undefined) return;
    programs[at] = null;
    const { out, err } = await program.kill(signal);
    said += out + err;
  }

  await Promise.all(programs.map((_, at) => start(at)));
  return {
    size,
    url,
    urlOf: (at) => `http://127.0.0.1:${ports[at]}`,
    isUp: (at) => ready[at] === true,
    start,
    kill,
    get said() {
      return said + programs.map((program) => (program === null ? '' : program.out + program.err)).join('');
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(programs.map((_, at) => kill(at)));
      balancer.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** As a load balancer that knows who is ready, and tries the next where a connection is refused. */
function createBalancer(ports: () => number[]): { server: Server; close(): void } {
  let turn = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on('close', () => sockets.delete(client));
    client.on('error', () => client.destroy());
    const candidates = ports();
    turn += 1;
    const attempt = (tries: number): void => {
      const port = candidates[(turn + tries) % candidates.length];
      if (port === undefined || tries >= candidates.length) {
        client.destroy();
        return;
      }
      const upstream = connect(port, '127.0.0.1');
      let open = false;
      upstream.on('connect', () => {
        open = true;
        client.pipe(upstream);
        upstream.pipe(client);
      });
      upstream.on('error', () => {
        if (open) client.destroy();
        else attempt(tries + 1);
      });
      upstream.on('close', () => {
        if (open) client.destroy();
      });
      client.on('close', () => upstream.destroy());
    };
    attempt(0);
  });
  return {
    server,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
