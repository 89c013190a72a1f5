/** What test servers of other make have in common: a real socket, bytes with tags and ranges, and faults on demand. */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Faults {
  /** Every answer has this status. */
  status?: number;
  /** Seconds, with `status`. */
  retryAfter?: number;
  /** Lists answer 200, and an error in place of what was asked for. */
  errorInside?: boolean;
  /** Lists answer this text. */
  text?: string;
  /** Every answer sends elsewhere. */
  redirect?: string;
  /** Files come in one piece whatever range is asked for. */
  noRanges?: boolean;
  /** Files come without a length. */
  noLength?: boolean;
  /** Files carry no tag. */
  noTags?: boolean;
  /** Files break off after so many bytes. */
  cutAt?: number;
}

export interface Asked {
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
}

export interface ForeignServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Path and query of every request, in order. */
  readonly requests: string[];
  faults: Faults;
  /** Ends all connections and refuses new ones. */
  goDown(): Promise<void>;
  comeUp(): Promise<void>;
}

export interface Answering {
  /** JSON, subject to the faults of lists. */
  list(value: unknown): void;
  json(status: number, value: unknown, headers?: Record<string, string>): void;
  file(content: Buffer, type: string): void;
}

/** @param answer called for every request; false where it knows no such route */
export async function startForeignServer(
  answer: (asked: Asked, answering: Answering) => boolean,
  { headers = {}, now = Date.now }: { headers?: Record<string, string>; now?: () => number } = {},
): Promise<ForeignServer> {
  const http = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://server');
    server.requests.push(url.pathname + url.search);
    response.setHeader('date', new Date(now()).toUTCString());
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const { faults } = server;
    if (faults.redirect !== undefined) {
      response.writeHead(302, { location: faults.redirect }).end();
      return;
    }
    if (faults.status !== undefined) {
      const after: Record<string, string> =
        faults.retryAfter === undefined ? {} : { 'retry-after': String(faults.retryAfter) };
      response.writeHead(faults.status, after).end();
      return;
    }
    const asked = { path: url.pathname, query: url.searchParams, headers: request.headers };
    if (!answer(asked, answeringOf(request, response, faults))) response.writeHead(404).end();
  });
  http.keepAliveTimeout = 60_000;
  const listen = (port: number) => new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = http.address() as AddressInfo;
  const goDown = async (): Promise<void> => {
    const closed = new Promise((resolve) => http.close(resolve));
    http.closeAllConnections();
    await closed;
  };
  const server: ForeignServer = {
    url: `http://127.0.0.1:${port}`,
    port,
    requests: [],
    faults: {},
    goDown,
    comeUp: () => listen(port),
    [Symbol.asyncDispose]: async () => {
      if (http.listening) await goDown();
    },
  };
  return server;
}

function answeringOf(request: IncomingMessage, response: ServerResponse, faults: Faults): Answering {
  const json: Answering['json'] = (status, value, headers = {}) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  };
  return {
    json,
    list: (value) => {
      if (faults.errorInside === true) json(200, { error: 'database is locked' });
      else if (faults.text === undefined) json(200, value);
      else response.writeHead(200, { 'content-type': 'application/json' }).end(faults.text);
    },
    file: (content, type) => sendContent(request, response, content, type, faults),
  };
}

function sendContent(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  type: string,
  faults: Faults,
): void {
  const tag = `"${createHash('sha256').update(content).digest('hex').slice(0, 16)}"`;
  const headers: Record<string, string | number> = { 'content-type': type };
  if (faults.noTags !== true) headers['etag'] = tag;
  if (faults.noTags !== true && request.headers['if-none-match'] === tag) {
    response.writeHead(304, headers).end();
    return;
  }
  const match = faults.noRanges === true ? null : /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const start = Number(match?.[1] ?? 0);
  const end = Math.min(Number(match?.[2] ?? content.length - 1), content.length - 1);
  if (faults.noLength !== true) headers['content-length'] = end - start + 1;
  if (match !== null) headers['content-range'] = `bytes ${start}-${end}/${content.length}`;
  response.writeHead(match === null ? 200 : 206, headers);
  if (faults.cutAt !== undefined && faults.cutAt < end) {
    response.write(content.subarray(start, Math.max(start, faults.cutAt)), () => response.destroy());
    return;
  }
  response.end(content.subarray(start, end + 1));
}

export interface JumpingClock {
  now: () => number;
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  advance: (ms: number) => void;
  /** What happened before a wait ended has happened everywhere before the next one ends. */
  settle: () => Promise<void>;
}

/** A clock that runs by itself, and that jumps over every wait; waits end in the order in which they began. */
export function jumpingClock(): JumpingClock {
  let ahead = 0;
  let last: Promise<void> = Promise.resolve();
  const clock: JumpingClock = {
    now: () => Date.now() + ahead,
    sleep: (ms, signal) => {
      const until = clock.now() + ms;
      const ended = last.then(() => {
        signal.throwIfAborted();
        ahead += Math.max(0, until - clock.now());
      });
      last = ended.then(clock.settle).catch(() => {});
      return ended;
    },
    advance: (ms) => {
      ahead += ms;
    },
    settle: async () => {},
  };
  return clock;
}

/** Bytes that stand for a picture; nobody here decodes them. */
export function webp(name: string): Buffer {
  return Buffer.from(`RIFF....WEBP ${name}`);
}
