/**
 * Something on the path between two servers: an HTTP relay on real sockets that passes everything on as it came, and
 * loses, alters or invents what a test tells it to.
 *
 * It passes whole answers on, so no stream of events: whoever asks for one is told so at once. One that was left waiting
 * would give up after a while, and pull because of it, while a test looks at something else.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Names and values by turns, as they stood on the wire: order, case and repetition are kept. */
export type RawHeaders = readonly string[];

export interface RelayedRequest {
  method: string;
  /** As it stood in the request line. */
  target: string;
  headers: RawHeaders;
  body: Buffer;
}

export interface RelayedAnswer {
  status: number;
  headers: RawHeaders;
  body: Buffer;
}

/**
 * `pass` on as it is; `drop` it and break the connection off, as if the cable had been pulled; or put something in its
 * place. A request that is answered here never reaches the server.
 */
export type RequestFate = 'pass' | 'drop' | { alter: RelayedRequest } | { answer: RelayedAnswer };
export type AnswerFate = 'pass' | 'drop' | { alter: RelayedAnswer };

export interface RelayHooks {
  onRequest?: (request: RelayedRequest) => RequestFate | Promise<RequestFate>;
  onAnswer?: (answer: RelayedAnswer, request: RelayedRequest) => AnswerFate | Promise<AnswerFate>;
}

export interface Relay extends AsyncDisposable {
  /** Where it listens: what is dialled in place of the server. */
  readonly url: string;
  /** What came, in order, whatever became of it; without what asked for a stream. */
  readonly requests: readonly RelayedRequest[];
  /** What the server answered, in order, before it was altered or lost. */
  readonly answers: readonly (RelayedAnswer & { to: RelayedRequest })[];
  /** In place of those before. Without any, everything is passed on. */
  hook(hooks: RelayHooks): void;
  /** `METHOD /path` of what came and fits, without the query. */
  seen(pattern: RegExp): string[];
  /** Forgets what came so far. */
  forget(): void;
}

const NO_STREAMS: RelayedAnswer = { status: 501, headers: [], body: Buffer.alloc(0) };

/** @param server - base URL; asked for each request, so that it may begin anew elsewhere */
export async function startRelay(server: string | (() => string), hooks: RelayHooks = {}): Promise<Relay> {
  const requests: RelayedRequest[] = [];
  const answers: (RelayedAnswer & { to: RelayedRequest })[] = [];
  let current = hooks;

  async function relay(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    let request: RelayedRequest = {
      method: incoming.method ?? 'GET',
      target: incoming.url ?? '/',
      headers: incoming.rawHeaders,
      body: await wholeBody(incoming),
    };
    if (headerOf(request, 'accept') === 'text/event-stream') return reply(response, request, NO_STREAMS);
    requests.push(request);
    const fate = (await current.onRequest?.(request)) ?? 'pass';
    if (fate === 'drop') return void incoming.socket.destroy();
    if (fate !== 'pass' && 'answer' in fate) return reply(response, request, fate.answer);
    if (fate !== 'pass') request = fate.alter;
    const answer = await forward(typeof server === 'string' ? server : server(), request);
    answers.push({ ...answer, to: request });
    const end = (await current.onAnswer?.(answer, request)) ?? 'pass';
    if (end === 'drop') return void incoming.socket.destroy();
    reply(response, request, end === 'pass' ? answer : end.alter);
  }

  const listener = createServer((incoming, response) => {
    // What the server breaks off, the relay breaks off.
    relay(incoming, response).catch(() => incoming.socket.destroy());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    requests,
    answers,
    hook: (given) => {
      current = given;
    },
    seen: (pattern) =>
      requests
        .map(({ method, target }) => `${method} ${target.split('?', 1)[0]}`)
        .filter((line) => pattern.test(line)),
    forget: () => {
      requests.length = 0;
      answers.length = 0;
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(listener, 'close');
      listener.close();
      listener.closeAllConnections();
      await closed;
    },
  };
}

/** The value of a field, or undefined; the first where it is repeated. */
export function headerOf({ headers }: { headers: RawHeaders }, name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === name.toLowerCase()) return headers[i + 1];
  }
  return undefined;
}

async function forward(server: string, request: RelayedRequest): Promise<RelayedAnswer> {
  const { hostname, port } = new URL(server);
  const outgoing = send({
    hostname,
    port,
    method: request.method,
    path: request.target,
    // As a list they are sent as they are; the length is that of the body, which may have been altered.
    headers: withLength(request.headers, request.body, request.method),
    setDefaultHeaders: false,
    agent: false,
  });
  // Some servers send more than their answer, or close before they have read all: what counts is whether it came.
  outgoing.on('error', () => {});
  outgoing.end(request.body);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.rawHeaders, body: await wholeBody(answer) };
}

function reply(response: ServerResponse, { method }: RelayedRequest, answer: RelayedAnswer): void {
  response.sendDate = false;
  const headers = withLength(answer.headers, answer.body, 'POST');
  // What a HEAD is answered has the length of what a GET would be.
  const length = method === 'HEAD' ? headerOf(answer, 'content-length') : undefined;
  if (length !== undefined) headers[headers.length - 1] = length;
  response.writeHead(answer.status, headers);
  response.end(answer.body);
}

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length']);

function withLength(headers: RawHeaders, body: Buffer, method: string): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i], headers[i + 1]];
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, value);
  }
  if (body.length > 0 || method !== 'GET') kept.push('content-length', String(body.length));
  return kept;
}

async function wholeBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
