import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AddressPolicy } from './addresses.ts';
import { createOutgoing, type Outgoing, type Resolve } from './dispatcher.ts';
import { exchange } from './exchange.ts';

const closers: (() => Promise<unknown>)[] = [];
let outgoing: Outgoing;
beforeEach(() => {
  outgoing = createOutgoing();
});
afterEach(async () => {
  await outgoing[Symbol.asyncDispose]();
  for (const close of closers.splice(0)) await close();
});

async function listen(server: Pick<Server, 'listen' | 'address' | 'close' | 'once'>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server as Server, 'listening');
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

const serve = (listener: RequestListener) => listen(createServer(listener));

/** A server that speaks as it likes, over a raw socket. */
async function speak(say: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => say(socket));
  });
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
  });
  return listen(server as unknown as Server);
}

const get = (url: string, options: { policy?: AddressPolicy; deadline?: number; maxBytes?: number } = {}) =>
  exchange(outgoing.dispatcher(options.policy ?? 'named'), {
    url,
    method: 'GET',
    headers: {},
    maxBytes: options.maxBytes ?? 1024,
    deadline: options.deadline ?? 10_000,
  });

/** Sends a piece every 20 ms for as long as somebody listens: no silence is long enough to be noticed. */
function drip(socket: Socket, piece: string): void {
  const timer = setInterval(() => socket.write(piece), 20);
  socket.once('close', () => clearInterval(timer));
}

describe('an exchange', () => {
  it.each([301, 302, 303, 307, 308])(
    'answers a redirect by %i as it is, and goes nowhere',
    async (status) => {
      const asked: string[] = [];
      const port = await serve((request, response) => {
        asked.push(request.url ?? '');
        response.writeHead(status, { location: '/elsewhere' }).end();
      });
      expect((await get(`http://127.0.0.1:${port}/here`)).status).toBe(status);
      expect(asked).toEqual(['/here']);
    },
  );

  it.each<[string, (socket: Socket) => void]>([
    ['nothing', () => {}],
    [
      'headers that never end',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nx-drip: ');
        drip(socket, 'x');
      },
    ],
    [
      'a body that never ends',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
        drip(socket, 'x');
      },
    ],
    [
      'chunks that never end',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        drip(socket, '1\r\nx\r\n');
      },
    ],
    [
      'interim answers that never end',
      (socket) => {
        drip(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n');
      },
    ],
  ])('has one deadline for the whole, also against %s', async (_what, say) => {
    const port = await speak(say);
    const begun = performance.now();
    await expect(get(`http://127.0.0.1:${port}/`, { deadline: 400 })).rejects.toMatchObject({
      code: 'PEER_TIMEOUT',
    });
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('takes no more bytes than it allows, whatever length is announced', async () => {
    let closed = false;
    const port = await speak((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      socket.once('close', () => {
        closed = true;
      });
      drip(socket, `400\r\n${'x'.repeat(1024)}\r\n`);
    });
    await expect(get(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: 'PEER_INVALID_ANSWER' });
    await expect.poll(() => closed).toBe(true);
  });

  it.each([
    ['one of 32 KiB', [`x-long: ${'x'.repeat(32 * 1024)}`]],
    ['thousands', Array.from({ length: 5_000 }, (_, index) => `x-${index}: ${index}`)],
  ])('takes no headers without end: %s', async (_what, headers) => {
    const port = await speak((socket) => {
      socket.end(`HTTP/1.1 200 OK\r\n${headers.join('\r\n')}\r\ncontent-length: 0\r\n\r\n`);
    });
    await expect(get(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: 'PEER_INVALID_ANSWER' });
  });
});

describe('a connection', () => {
  const forbidden = { code: 'PEER_ADDRESS_FORBIDDEN' };

  it.each([
    'http://169.254.169.254/',
    'http://0xa9fea9fe/',
    'http://2852039166/',
    'http://0251.0376.0251.0376/',
    'http://169.254.169.254./',
    'http://[::ffff:169.254.169.254]/',
    'http://[64:ff9b::a9fe:a9fe]/',
    'http://[2002:a9fe:a9fe::1]/',
    'http://[fe80::1]/',
    'http://0.0.0.0/',
    'http://0/',
  ])('to %s is never opened', async (url) => {
    await expect(get(url)).rejects.toMatchObject(forbidden);
  });

  it.each(['http://127.0.0.1', 'http://localhost', 'http://127.1', 'http://0x7f.0.0.1'])(
    'to %s is opened only where the policy says so',
    async (base) => {
      let asked = 0;
      const port = await serve((_request, response) => {
        asked += 1;
        response.end('{}');
      });
      for (const policy of ['public', 'private'] as const) {
        await expect(get(`${base}:${port}/`, { policy })).rejects.toMatchObject(forbidden);
      }
      expect(asked).toBe(0);
      for (const policy of ['loopback', 'named'] as const) {
        expect((await get(`${base}:${port}/`, { policy })).status).toBe(200);
      }
    },
  );

  /** DNS that gives one answer after the other, and counts. */
  async function resolving(...answers: string[][]): Promise<() => number> {
    let asked = 0;
    const resolve: Resolve = (_name, _options, callback) => {
      const answer = answers[Math.min(asked, answers.length - 1)] ?? [];
      asked += 1;
      callback(
        null,
        answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    };
    await outgoing[Symbol.asyncDispose]();
    outgoing = createOutgoing(resolve);
    return () => asked;
  }

  it('goes to the address that was judged, however DNS answers the next time', async () => {
    let reached = 0;
    const port = await serve((_request, response) => {
      reached += 1;
      response.setHeader('connection', 'close').end('{}');
    });
    // Another machine when asked first, then this one: whoever looks up twice is led here.
    const asked = await resolving(['192.0.2.1'], ['127.0.0.1']);
    await expect(get(`http://rebinding.example:${port}/`, { deadline: 300 })).rejects.toBeDefined();
    expect(reached).toBe(0);
    expect(asked()).toBe(1);

    // This machine first, another later: one look-up for one connection, and the next connection is judged anew.
    const again = await resolving(['127.0.0.1'], ['169.254.169.254']);
    expect((await get(`http://rebinding.example:${port}/`)).status).toBe(200);
    expect(again()).toBe(1);
    await expect(get(`http://rebinding.example:${port}/`)).rejects.toMatchObject(forbidden);
    expect(reached).toBe(1);
  });

  it('leaves out those addresses of a name that are not allowed', async () => {
    const port = await serve((_request, response) => response.end('{}'));
    await resolving(['169.254.169.254', '::ffff:169.254.169.254', '127.0.0.1']);
    expect((await get(`http://mixed.example:${port}/`)).status).toBe(200);
    await resolving(['10.0.0.1', '::1', 'fd12::1']);
    await expect(get(`http://inside.example:${port}/`, { policy: 'public' })).rejects.toMatchObject(
      forbidden,
    );
  });
});
