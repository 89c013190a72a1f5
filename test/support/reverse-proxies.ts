/** What stands in front of a server in the world: it changes the host, takes a path prefix away or leaves it, and packs. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Agent } from 'undici';
import { freePort } from './free-port.ts';
import { eventually } from './instance.ts';

export interface Route {
  /** Under which the server is found, such as `/hedge`. */
  prefix: string;
  /** Whether the server gets the path without it. */
  strip: boolean;
  /** Base URL of the server. */
  server: () => string;
}

export interface ReverseProxy extends AsyncDisposable {
  readonly url: string;
  /** Begins to listen, once the servers do. */
  start(routes: readonly Route[]): Promise<void>;
}

/** Where nginx is installed; undefined where it is not. */
export const NGINX: string | undefined = [
  ...(process.env['PATH'] ?? '').split(delimiter),
  '/usr/sbin',
  '/sbin',
]
  .map((folder) => join(folder, 'nginx'))
  .find((path) => existsSync(path));

/** As Debian's own configuration, with gzip for whatever can be packed. */
export async function nginxProxy(): Promise<ReverseProxy> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-nginx-'));
  let child: ChildProcess | undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    start: async (routes) => {
      const locations = routes.map(
        ({ prefix, strip, server }) => `
    location ${prefix}/ { proxy_pass ${server()}${strip ? '/' : ''}; }`,
      );
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `  ${name}_temp_path ${join(folder, name)};`,
      );
      const path = join(folder, 'nginx.conf');
      await writeFile(
        path,
        `daemon off; master_process off; pid ${join(folder, 'pid')}; error_log ${join(folder, 'error.log')};
events { worker_connections 256; }
http {
${temporary.join('\n')}
  access_log off;
  gzip on; gzip_min_length 1; gzip_proxied any; gzip_types *; gzip_http_version 1.0; gzip_vary on;
  server {
    listen 127.0.0.1:${port};${locations.join('')}
  }
}
`,
      );
      child = spawn(NGINX ?? 'nginx', ['-p', folder, '-e', join(folder, 'error.log'), '-c', path], {
        stdio: 'ignore',
      });
      await eventually('nginx listens', () => listens(port));
    },
    [Symbol.asyncDispose]: async () => {
      if (child !== undefined && child.exitCode === null) {
        const ended = new Promise((resolve) => child?.once('exit', resolve));
        child.kill('SIGTERM');
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The same in a few lines: one connection pool, streams both ways, and gzip for whoever takes it. */
export async function undiciProxy(): Promise<ReverseProxy> {
  const agent = new Agent();
  let routes: readonly Route[] = [];
  const server = createServer((request, response) => {
    forward(agent, routes, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    start: async (given) => {
      routes = given;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await agent.destroy();
    },
  };
}

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'host']);

async function forward(
  agent: Agent,
  routes: readonly Route[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const target = request.url ?? '/';
  const route = routes.find(({ prefix }) => target.startsWith(`${prefix}/`));
  if (route === undefined) return void response.writeHead(404).end();
  const headers = Object.entries(request.headersDistinct)
    .filter(([name]) => !HOP_BY_HOP.has(name))
    .flatMap(([name, values]) => (values ?? []).flatMap((value) => [name, value]));
  const answer = await agent.request({
    origin: route.server(),
    path: route.strip ? target.slice(route.prefix.length) : target,
    method: (request.method ?? 'GET') as 'GET',
    headers: [...headers, 'x-forwarded-host', request.headers.host ?? '', 'via', '1.1 proxy'],
    body: request.method === 'GET' || request.method === 'HEAD' ? null : request,
  });
  const kept = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name)));
  const packs =
    /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')) &&
    kept['content-encoding'] === undefined &&
    answer.statusCode === 200;
  if (!packs) {
    response.writeHead(answer.statusCode, kept as Record<string, string>);
    await pipeline(answer.body, response);
    return;
  }
  const { 'content-length': _length, ...rest } = kept;
  response.writeHead(200, { ...rest, 'content-encoding': 'gzip' } as Record<string, string>);
  await pipeline(answer.body, createGzip(), response);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
