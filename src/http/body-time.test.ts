/** Bodies that dawdle, over real sockets. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Readable, Writable } from 'node:stream';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HedgerowError } from '../lib/errors.ts';
import { boundBodyTime } from './body-time.ts';

/** ms */
const LIMIT = 300;
const BYTE_EVERY = 20;

let app: FastifyInstance;
let port: number;

beforeAll(async () => {
  app = Fastify({ requestTimeout: 0 });
  const bodies = boundBodyTime(app, LIMIT);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, body, done) => done(null, body));
  app.post('/hurried', async (request) => ({ bytes: await count(request.body) }));
  app.register(async (scope) => {
    scope.addHook('onRequest', async (request) => {
      if (request.headers.authorization === undefined) throw new HedgerowError('UNAUTHENTICATED');
      bodies.unhurried(request);
    });
    scope.post('/unhurried', async (request) => ({ bytes: await count(request.body) }));
    scope.post('/half', async ({ body }) => {
      const stream = body as Readable;
      const target = new Writable({ highWaterMark: 1, write: () => {} });
      stream.pipe(target);
      await once(stream, 'data');
      return { bytes: 'some' };
    });
    scope.post('/unread', async () => ({ bytes: 0 }));
  });
  // Answers late, and reads nothing of what comes along.
  app.post('/late', { preParsing: async () => new Promise(() => {}) as never }, async () => 'never');
  app.get('/long', async () => {
    await new Promise((resolve) => setTimeout(resolve, 2 * LIMIT));
    return 'done';
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  port = (app.server.address() as { port: number }).port;
});

afterAll(() => app.close());

async function count(body: unknown): Promise<number> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) bytes += chunk.length;
  return bytes;
}

/** Sends a head, then a byte now and then; answers how the connection ended, and what came before. */
function dawdle(
  path: string,
  { headers = [], bytes }: { headers?: string[]; bytes: number },
): Promise<{ answer: string; ended: 'by the server' | 'by us'; ms: number }> {
  return new Promise((resolve) => {
    const begun = performance.now();
    let answer = '';
    let sent = 0;
    let dripping: NodeJS.Timeout;
    const done = (ended: 'by the server' | 'by us'): void => {
      clearInterval(dripping);
      socket.destroy();
      resolve({ answer, ended, ms: performance.now() - begun });
    };
    const socket: Socket = connect(port, '127.0.0.1', () => {
      const head = [`POST ${path} HTTP/1.1`, 'host: x', `content-length: ${bytes}`, ...headers];
      socket.write(`${head.join('\r\n')}\r\n\r\n`);
      dripping = setInterval(() => {
        if (sent < bytes) socket.write('x');
        else if (answer !== '') done('by us');
        sent++;
      }, BYTE_EVERY);
    });
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', () => {});
    socket.on('close', () => done('by the server'));
  });
}

const known = ['authorization: Bearer x'];
const status = (answer: string): string | undefined => /^HTTP\/1.1 (\d+)/.exec(answer)?.[1];

test('a body that takes too long is cut off, however steadily its bytes come', async () => {
  const { answer, ended, ms } = await dawdle('/hurried', { bytes: 10_000 });
  expect([status(answer), ended]).toEqual([undefined, 'by the server']);
  expect(ms).toBeGreaterThanOrEqual(LIMIT - 5);
});

test('a body that comes in time is taken', async () => {
  const { answer, ended } = await dawdle('/hurried', { bytes: 2 });
  expect([status(answer), ended]).toEqual(['200', 'by us']);
  expect(answer).toContain('{"bytes":2}');
});

test('where somebody was let in, a body may take longer', async () => {
  const bytes = Math.ceil((3 * LIMIT) / BYTE_EVERY);
  const { answer, ended, ms } = await dawdle('/unhurried', { headers: known, bytes });
  expect([status(answer), ended]).toEqual(['200', 'by us']);
  expect(answer).toContain(`{"bytes":${bytes}}`);
  expect(ms).toBeGreaterThan(2 * LIMIT);
});

test('whoever was not let in holds no connection with the rest of a body', async () => {
  const { answer, ended } = await dawdle('/unhurried', { bytes: 10_000 });
  expect(status(answer)).toBe('401');
  expect(ended).toBe('by the server');
});

test('nor does whoever was answered before the body was read', async () => {
  const { answer, ended } = await dawdle('/unread', { headers: known, bytes: 10_000 });
  expect([status(answer), ended]).toEqual(['200', 'by the server']);
});

test('what is left of a body that somebody began to read does not hold up the next request', async () => {
  const bytes = 4_000_000;
  const answers = await new Promise<string>((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(
        `POST /half HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\ncontent-length: ${bytes}\r\n\r\n`,
      );
      socket.write('x'.repeat(bytes));
      socket.write('GET /long HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    });
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
  expect(answers).toMatch(/"some"[\s\S]*done$/);
});

test('a chunked body counts as one, and a request that nobody reads is ended too', async () => {
  const chunked = await new Promise<string>((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('POST /hurried HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n');
    });
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('close', () => resolve(answer));
  });
  expect(chunked).toBe('');
  expect((await dawdle('/late', { bytes: 10_000 })).ended).toBe('by the server');
});

test('an answer that takes long is nobody’s body', async () => {
  const answer = await fetch(`http://127.0.0.1:${port}/long`);
  expect(await answer.text()).toBe('done');
});
