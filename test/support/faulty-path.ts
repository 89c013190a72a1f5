/** The way to an HTTP server, on real sockets, on which requests and answers are broken off, held up, shortened or replaced. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

export type PathFault =
  /** In the place of the server's own, once the request is here. */
  | { answer: number; type?: string; body: string }
  /** The connection is reset in the middle of the request, or of the whole where it has no body. */
  | 'reset request'
  /** The server does what it was asked for, and its answer is lost. */
  | 'lose answer'
  /** In the middle of the answer the connection is reset, ended, or silent from then on. */
  | 'reset answer'
  | 'end answer'
  | 'silent answer'
  /** Half the answer, as if that were all. */
  | 'halve answer'
  /** The request is taken, and nothing is said. */
  | 'silence';

export interface PathRequest {
  method: string;
  /** As it stood in the request line. */
  target: string;
}

export interface FaultyPath extends AsyncDisposable {
  readonly url: string;
  /** What came, in order. */
  readonly requests: PathRequest[];
  /** Asked for each request; null passes it on. */
  fault: (request: PathRequest) => PathFault | null;
}

/** @param server - base URL */
export async function startFaultyPath(server: string): Promise<FaultyPath> {
  const { hostname, port } = new URL(server);
  const proxy = createServer((incoming, response) => {
    incoming.on('error', () => {});
    response.on('error', () => {});
    pass(incoming, response).catch(() => response.destroy());
  });
  const path: FaultyPath = {
    url: '',
    requests: [],
    fault: () => null,
    [Symbol.asyncDispose]: async () => {
      const closed = once(proxy, 'close');
      proxy.close();
      proxy.closeAllConnections();
      await closed;
    },
  };

  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = { method: incoming.method ?? 'GET', target: incoming.url ?? '/' };
    path.requests.push(asked);
    const fault = path.fault(asked);
    const reset = (): void => void incoming.socket.resetAndDestroy();
    const body: Buffer[] = [];
    const length = Number(incoming.headers['content-length'] ?? 0);
    let received = 0;
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      body.push(chunk);
      received += chunk.length;
      if (fault === 'reset request' && received >= length / 2) break;
    }
    if (fault === 'reset request') return reset();
    if (fault === 'silence') return;
    if (fault !== null && typeof fault === 'object') {
      response.writeHead(fault.answer, { 'content-type': fault.type ?? 'application/xml' });
      response.end(asked.method === 'HEAD' ? undefined : fault.body);
      return;
    }
    const outgoing = send({
      hostname,
      port,
      method: asked.method,
      path: asked.target,
      headers: withoutHops(incoming.rawHeaders),
      setDefaultHeaders: false,
      agent: false,
    });
    // Some servers send more than their answer: what counts is whether that came.
    outgoing.on('error', () => {});
    outgoing.end(Buffer.concat(body));
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const whole: Buffer[] = await Array.fromAsync(answer as AsyncIterable<Buffer>);
    if (fault === 'lose answer') return reset();
    const content = Buffer.concat(whole);
    const half = content.subarray(0, Math.ceil(content.length / 2));
    const fields = withoutHops(answer.rawHeaders, 'transfer-encoding', 'content-length');
    const announced = asked.method === 'HEAD' ? answer.headers['content-length'] : String(content.length);
    if (fault === null || fault === 'halve answer') {
      const told = fault === null || asked.method === 'HEAD' ? announced : String(half.length);
      response.writeHead(
        answer.statusCode ?? 0,
        told === undefined ? fields : [...fields, 'content-length', told],
      );
      response.end(fault === null ? content : half);
      return;
    }
    response.writeHead(answer.statusCode ?? 0, [...fields, 'content-length', announced ?? '0']);
    response.flushHeaders();
    await new Promise<void>((resolve) => response.write(half, () => resolve()));
    if (fault === 'reset answer') reset();
    else if (fault === 'end answer') incoming.socket.end();
  }

  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return Object.assign(path, { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` });
}

function withoutHops(raw: readonly string[], ...others: string[]): string[] {
  const hops = new Set(['connection', 'keep-alive', 'expect', ...others]);
  return raw.flatMap((name, at) =>
    at % 2 === 0 && !hops.has(name.toLowerCase()) ? [name, raw[at + 1] ?? ''] : [],
  );
}
