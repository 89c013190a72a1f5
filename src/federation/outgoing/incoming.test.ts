import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.ts';
import { release } from '../../storage/buffer-pool.ts';
import { openIncoming } from './incoming.ts';

const CONTENT = Buffer.alloc(3_000_000, 'bytes that differ from place to place, ');
const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function serve(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  const agent = new Agent({ connections: 1 });
  opened.push({
    [Symbol.asyncDispose]: async () => {
      await agent.destroy();
      server.closeAllConnections();
      server.close();
    },
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ask: (signal = new AbortController().signal) =>
      openIncoming(agent, { origin, path: '/a?b=c', headers: { 'x-told': 'so' }, signal }),
    connections: () => connections,
  };
}

it('gives pieces of exactly the lengths that are asked for, whatever they arrive in, and fewer at the end', async () => {
  const { ask } = await serve((request, response) => {
    expect([request.url, request.headers['x-told']]).toEqual(['/a?b=c', 'so']);
    response.end(CONTENT.subarray(0, 1_000_000));
  });
  const { status, fields, body } = await ask();
  expect(status).toBe(200);
  expect(fields).toContainEqual(['Content-Length', '1000000']);
  let at = 0;
  await body.skip(100_001);
  at += 100_001;
  for (const length of [1, 262_144, 70_000, 300_000, 500_000]) {
    const piece = await body.take(length);
    expect(piece.length).toBe(Math.min(length, 1_000_000 - at));
    expect(piece.equals(CONTENT.subarray(at, at + piece.length))).toBe(true);
    at += piece.length;
    release(piece);
  }
  expect(at).toBe(1_000_000);
  expect((await body.take(10)).length).toBe(0);
});

it('receives little more than is taken, and goes on where it is taken', async () => {
  let sent = 0;
  const { ask } = await serve((_, response) => {
    const more = (): void => {
      while (sent < CONTENT.length * 10) {
        sent += CONTENT.length;
        if (!response.write(CONTENT)) break;
      }
    };
    response.on('drain', more);
    more();
  });
  const { body } = await ask();
  release(await body.take(1000));
  // What the kernel holds of a connection goes on for a while.
  const before = await settled(() => sent);
  expect(before).toBeLessThan(CONTENT.length * 10);
  await body.skip(CONTENT.length * 4);
  await eventually('more', async () => sent > before);
  body.destroy();
});

it('keeps the connection after a whole answer, and drops it with one that is not read to its end', async () => {
  const { ask, connections } = await serve((_, response) => void response.end(CONTENT));
  for (const _ of [1, 2]) {
    const { body } = await ask();
    let size = 0;
    for await (const chunk of body) size += chunk.length;
    expect(size).toBe(CONTENT.length);
    body.destroy();
  }
  expect(connections()).toBe(1);
  for await (const _ of (await ask()).body) break;
  expect((await (await ask()).body.take(5)).length).toBe(5);
  expect(connections()).toBe(2);
});

it('throws where the answer breaks off, also to whoever takes no more than has come', async () => {
  const { ask } = await serve((_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length });
    response.write(CONTENT.subarray(0, 50_000), () => response.destroy());
  });
  const { body } = await ask();
  await expect(body.take(60_000)).rejects.toThrow();
  await expect(body.take(1)).rejects.toThrow();
});

it('says in our own codes why there is no answer', async () => {
  const { ask } = await serve((_, response) => response.destroy());
  await expect(ask()).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
});

it('ends with its signal: before it is sent, before the answer, and while it is read', async () => {
  let closed = 0;
  const { ask } = await serve((request, response) => {
    response.on('close', () => {
      closed += 1;
    });
    if (request.headers['x-told'] === 'so' && closed > 0) response.write('a');
  });
  await expect(ask(AbortSignal.abort())).rejects.toThrow();
  expect(closed).toBe(0);
  const early = new AbortController();
  const unanswered = ask(early.signal);
  setTimeout(() => early.abort(), 20);
  await expect(unanswered).rejects.toThrow();
  await eventually('the end of the first', async () => closed === 1);
  const late = new AbortController();
  const { body } = await ask(late.signal);
  const waiting = body.take(10);
  late.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await eventually('the end of the second', async () => closed === 2);
});

/** A number once it has stood still for a while. */
async function settled(read: () => number): Promise<number> {
  let last = read();
  for (let still = 0; still < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    still = read() === last ? still + 1 : 0;
    last = read();
  }
  return last;
}
