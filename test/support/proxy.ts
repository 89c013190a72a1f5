/** A proxy on the path to an instance, on real sockets: it passes everything on, or does what a test tells it. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';

export interface Passing {
  method: string;
  path: string;
  /** Name and value by turns, as they arrived. */
  fields: string[];
  body: Buffer;
}

export interface Passed {
  status: number;
  fields: string[];
  body: Buffer;
}

/** `drop`: the connection is broken off without an answer. */
export type Meddling = (
  asked: Passing,
  pass: (asked: Passing) => Promise<Passed>,
) => Promise<Passed | 'drop'>;

export interface PathProxy extends AsyncDisposable {
  readonly url: string;
  /** What came through, such as `POST /federation/v1/pairings`. */
  readonly requests: string[];
  meddle: Meddling | null;
}

/** @param target - asked for each request, so that an instance may have begun anew meanwhile */
export async function startProxy(target: () => string): Promise<PathProxy> {
  const requests: string[] = [];
  const pass = async ({ method, path, fields, body }: Passing): Promise<Passed> => {
    const answer = await request(`${target()}${path}`, {
      method: method as 'GET',
      headers: fields,
      body: body.length > 0 ? body : null,
      responseHeaders: 'raw',
    });
    return {
      status: answer.statusCode,
      fields: withoutHops(
        (answer.headers as unknown as (string | Buffer)[]).map((part) => part.toString('latin1')),
      ),
      body: Buffer.from(await answer.body.arrayBuffer()),
    };
  };
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const asked: Passing = {
      method: incoming.method ?? 'GET',
      path: incoming.url ?? '/',
      fields: withoutHops(incoming.rawHeaders),
      body: Buffer.concat(chunks),
    };
    requests.push(`${asked.method} ${asked.path}`);
    const passed = await (proxy.meddle === null ? pass(asked) : proxy.meddle(asked, pass));
    if (passed === 'drop') {
      incoming.socket.destroy();
      return;
    }
    response.writeHead(passed.status, passed.fields);
    response.end(passed.body);
  };
  const server = createServer((incoming, response) => {
    answer(incoming, response).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: PathProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    meddle: null,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

/** Without the fields that are between two neighbours only (RFC 9110, section 7.6.1). */
function withoutHops(fields: readonly string[]): string[] {
  const hops = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host', 'expect', 'content-length']);
  return fields.flatMap((part, index) =>
    index % 2 === 0 && !hops.has(part.toLowerCase()) ? [part, fields[index + 1] ?? ''] : [],
  );
}
