/** A peer that serves bytes over real sockets, and misbehaves where it is told to. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Pool } from 'undici';
import type { Upstream } from '../../src/delivery/upstream.ts';
import { positionOf } from '../../src/federation/outgoing/byte-answer.ts';
import { openIncoming } from '../../src/federation/outgoing/incoming.ts';
import { HedgerowError } from '../../src/lib/errors.ts';
import { SEGMENT_BYTES } from '../../src/lib/media.ts';
import { createDigestHasher, type Digests } from '../../src/storage/segment-digests.ts';

export interface BytePeer extends AsyncDisposable {
  readonly files: Map<string, Buffer>;
  /** What was asked for, in order; `range` as the header has it. */
  readonly requests: Array<{ path: string; range: string | null; aborted: boolean }>;
  readonly upstream: Upstream;
  faults: {
    /** Segments of which one bit is wrong. */
    corrupt?: number[];
    /** No answer goes beyond this offset of the file: the connection ends there. */
    cutAt?: number;
    /** As many times only; then answers are whole again. */
    cuts?: number;
    /** Answers the whole whatever range is asked for. */
    noRanges?: boolean;
    /** Does not say how long the file is. */
    noLength?: boolean;
    /** Awaited before anything beyond this offset is sent. */
    gate?: { at: number; open: Promise<void> };
    wrongList?: boolean;
    status?: number;
  };
  /** How many requests for bytes are open now. */
  readonly open: number;
  bytesRequests(): string[];
  /** Ends all connections and refuses new ones. */
  goDown(): Promise<void>;
  comeUp(): Promise<void>;
}

export async function startBytePeer(): Promise<BytePeer> {
  const files = new Map<string, Buffer>();
  const requests: BytePeer['requests'] = [];
  let open = 0;
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  // On a busy machine seconds pass between two requests.
  server.keepAliveTimeout = 60_000;
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const newPool = (): Pool => new Pool(`http://127.0.0.1:${port}`, { connections: 64 });
  const pools = [newPool()];

  const peer: BytePeer = {
    files,
    requests,
    faults: {},
    get open() {
      return open;
    },
    upstream: upstreamOver(() => pools[0] as Pool, `http://127.0.0.1:${port}`),
    bytesRequests: () =>
      requests.filter((each) => !each.path.endsWith('/segments')).map((each) => each.range ?? 'whole'),
    goDown: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      // What is asked for from now on goes out on none of what its client may still take for a connection.
      pools.unshift(newPool());
    },
    comeUp: () => listen(port),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(pools.map((pool) => pool.destroy()));
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
  return peer;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const entry = { path, range: request.headers.range ?? null, aborted: false };
    requests.push(entry);
    const { faults } = peer;
    if (faults.status !== undefined) {
      response.writeHead(faults.status).end();
      return;
    }
    const content = files.get(path.replace(/^\//, '').replace(/\/segments$/, ''));
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    if (path.endsWith('/segments')) {
      const list = Buffer.from(digestsOf(content).segmentList ?? Buffer.alloc(0));
      if (faults.wrongList === true) list[5] = (list[5] ?? 0) ^ 1;
      response.writeHead(200, { 'content-length': list.length }).end(list);
      return;
    }
    const match = faults.noRanges === true ? null : /^bytes=(\d+)-(\d+)$/.exec(entry.range ?? '');
    const start = Number(match?.[1] ?? 0);
    const end = Math.min(Number(match?.[2] ?? content.length - 1), content.length - 1);
    response.writeHead(match === null ? 200 : 206, {
      ...(faults.noLength !== true && { 'content-length': end - start + 1 }),
      ...(match !== null && { 'content-range': `bytes ${start}-${end}/${content.length}` }),
    });
    open += 1;
    const closed = new Promise<void>((resolve) => {
      response.once('close', () => {
        open -= 1;
        entry.aborted = !response.writableFinished;
        resolve();
      });
    });
    for (let at = start; at <= end; ) {
      const { cutAt, gate } = peer.faults;
      let stop = Math.min(at + 65_536, end + 1);
      if (gate !== undefined && at < gate.at) stop = Math.min(stop, gate.at);
      if (gate !== undefined && at >= gate.at) await gate.open;
      if (cutAt !== undefined && (peer.faults.cuts ?? 1) > 0 && stop > cutAt) {
        if (peer.faults.cuts !== undefined) peer.faults.cuts -= 1;
        response.write(content.subarray(at, Math.max(at, cutAt)), () => response.destroy());
        return;
      }
      const chunk = Buffer.from(content.subarray(at, stop));
      for (const segment of peer.faults.corrupt ?? []) {
        const wrong = segment * SEGMENT_BYTES + 77;
        if (wrong >= at && wrong < stop) chunk[wrong - at] = (chunk[wrong - at] ?? 0) ^ 1;
      }
      if (response.destroyed) return;
      if (!response.write(chunk)) {
        await Promise.race([drained(response), closed]);
      }
      at = stop;
    }
    response.end();
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve);
  });
}

const known = new WeakMap<Buffer, Digests>();

export function digestsOf(content: Buffer): Digests {
  let digests = known.get(content);
  if (digests === undefined) {
    const hasher = createDigestHasher();
    hasher.update(content);
    digests = hasher.finish();
    known.set(content, digests);
  }
  return digests;
}

function upstreamOver(pool: () => Pool, origin: string): Upstream {
  const request = async (path: string, headers: Record<string, string>, signal: AbortSignal) => {
    const answer = await openIncoming(pool(), { origin, path, headers, signal }).catch((error: unknown) => {
      throw new HedgerowError('PEER_UNREACHABLE', undefined, { cause: error, retryAfter: 7 });
    });
    if (answer.status < 300) return answer;
    await buffer(answer.body);
    if (answer.status === 404) throw new HedgerowError('NOT_FOUND');
    if (answer.status === 410) throw new HedgerowError('MEDIA_GONE');
    throw new HedgerowError('PEER_TIMEOUT');
  };
  return {
    bytes: async ({ remoteId, variant }, range, signal) => {
      const headers: Record<string, string> =
        range === null ? {} : { range: `bytes=${range.start}-${range.end}` };
      const { status, fields, body } = await request(`/${remoteId}/${variant}`, headers, signal);
      return { ...positionOf(status, fields, range), body };
    },
    segmentList: async ({ remoteId, variant }, signal) =>
      buffer((await request(`/${remoteId}/${variant}/segments`, {}, signal)).body),
  };
}
