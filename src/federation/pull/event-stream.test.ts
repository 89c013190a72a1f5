import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.ts';
import { HedgerowError } from '../../lib/errors.ts';
import type { PeerClient } from '../dialects/dialect.ts';
import { createHedgerowClient, type HedgerowConnection } from '../dialects/hedgerow.ts';
import { generateKey, parsePublicKey } from '../identity/keys.ts';
import { createOutgoing } from '../outgoing/dispatcher.ts';
import type { RunningForPeer } from '../serve/streams.ts';
import { formatEvent, HEARTBEAT } from '../wire/events.ts';
import { createEventStreams, type EventStreamOptions, type EventStreams } from './event-stream.ts';

const CHANGED = formatEvent({ type: 'changed' });
const PEER = 1;
const RESET = new HedgerowError('PEER_UNREACHABLE');

const started: EventStreams[] = [];
afterEach(async () => {
  for (const streams of started.splice(0)) await streams[Symbol.asyncDispose]();
});

/** A peer whose streams the test writes, and what became of them. */
function following(parts: Partial<EventStreamOptions> = {}) {
  const told: string[] = [];
  const bodies: PassThrough[] = [];
  const running = new Set<RunningForPeer>();
  const errors: unknown[] = [];
  let answer: () => PassThrough = () => new PassThrough();
  let now = 0;
  const client = {
    events: async (signal: AbortSignal) => {
      const body = answer();
      bodies.push(body);
      signal.addEventListener('abort', () => body.destroy(new Error('aborted')));
      return body;
    },
  } as Partial<PeerClient> as PeerClient;
  const streams = createEventStreams({
    log: { failed: ({ error }) => errors.push(error) },
    clientFor: async () => client,
    streams: {
      enter: (each) => {
        running.add(each);
        return () => running.delete(each);
      },
    },
    opened: async (peerKey) => void told.push(`opened ${peerKey}`),
    hinted: (peerKey) => told.push(`hinted ${peerKey}`),
    lost: (peerKey) => told.push(`lost ${peerKey}`),
    refused: (peerKey, { code }) => told.push(`refused ${peerKey} ${code}`),
    monotonic: () => now,
    // Each failure waits for seconds, which no test does; what ends in good order comes again at once.
    timing: { reopen: 1 },
    ...parts,
  });
  started.push(streams);
  return {
    streams,
    told,
    bodies,
    running,
    errors,
    client,
    pass: (ms: number) => {
      now += ms;
    },
    answers: (given: () => PassThrough) => {
      answer = given;
    },
    /** The stream of that number, from 0, as soon as it is open. */
    stream: (index: number) => eventually(`stream ${index}`, async () => bodies[index]),
    hears: (line: string, times = 1) =>
      eventually(
        `${line}, ${times} times`,
        async () => told.filter((each) => each === line).length === times,
      ),
  };
}

describe('the stream of a peer', () => {
  it('is opened once, and asks then what it has missed', async () => {
    const { streams, stream, bodies, told, hears } = following();
    streams.open(PEER);
    streams.open(PEER);
    (await stream(0)).write(HEARTBEAT);
    await hears(`opened ${PEER}`);
    streams.open(PEER);
    await sleep(20);
    expect(bodies).toHaveLength(1);
    expect(told).toEqual([`opened ${PEER}`]);
  });

  it('hints at each event, also in pieces, and at nothing else', async () => {
    const { streams, stream, told, hears } = following();
    streams.open(PEER);
    const body = await stream(0);
    body.write(CHANGED.slice(0, 9));
    await sleep(10);
    body.write(`${CHANGED.slice(9)}event: unheard-of\ndata: {}\n\n${HEARTBEAT}${CHANGED}`);
    await hears(`hinted ${PEER}`, 2);
    await sleep(10);
    expect(told).toEqual([`opened ${PEER}`, `hinted ${PEER}`, `hinted ${PEER}`]);
  });

  it('tells whether the peer is heard, which ends with silence and with the stream', async () => {
    const { streams, stream, pass } = following();
    expect(streams.isLive(PEER)).toBe(false);
    streams.open(PEER);
    const body = await stream(0);
    // An answer alone says nothing: something in between may hold back what comes.
    expect(streams.isLive(PEER)).toBe(false);
    body.write(HEARTBEAT);
    await eventually('it to be heard', async () => streams.isLive(PEER));
    pass(30_001);
    expect(streams.isLive(PEER)).toBe(false);
    body.write(HEARTBEAT);
    await eventually('it to be heard again', async () => streams.isLive(PEER));
    streams.close(PEER);
    expect(streams.isLive(PEER)).toBe(false);
  });

  it('is opened anew, and asks again, where it ended in good order after a while', async () => {
    const { streams, stream, pass, told, hears } = following();
    streams.open(PEER);
    (await stream(0)).write(HEARTBEAT);
    pass(60_000);
    (await stream(0)).end();
    await stream(1);
    await hears(`opened ${PEER}`, 2);
    expect(told).not.toContain(`lost ${PEER}`);
  });

  it('is not opened anew where it was ended for good in the pause before', async () => {
    const { streams, stream, bodies, pass, running } = following({ timing: { reopen: 60_000 } });
    streams.open(PEER);
    (await stream(0)).write(HEARTBEAT);
    pass(60_000);
    (await stream(0)).end();
    await eventually('the pause', async () => running.size === 0);
    streams.close(PEER);
    // It waits for every stream to have ended.
    await streams[Symbol.asyncDispose]();
    expect(bodies).toHaveLength(1);
  });

  it('is ended and signed anew by this side before it is too old, whatever the other side does', async () => {
    const { streams, stream, bodies } = following({ timing: { reopen: 1, longest: 60 } });
    streams.open(PEER);
    const first = await stream(0);
    await eventually('the first to be ended', async () => first.destroyed);
    // It did not last for as long as a good one does, by the clock of the test: so it is left alone for a while.
    await sleep(50);
    expect(bodies).toHaveLength(1);
  });

  it('that broke after a while makes one look after the peer; the pull that succeeds opens it at once', async () => {
    const { streams, stream, bodies, pass, hears, told, running } = following();
    streams.open(PEER);
    (await stream(0)).write(HEARTBEAT);
    pass(60_000);
    (await stream(0)).destroy(RESET);
    await hears(`lost ${PEER}`);
    expect(bodies).toHaveLength(1);
    streams.open(PEER);
    await stream(1);
    // Again, and at once: from now on it has its own time, whatever is pulled meanwhile.
    (await stream(1)).destroy(RESET);
    await eventually('its end', async () => running.size === 0);
    for (const _ of Array(5).keys()) {
      streams.open(PEER);
      await sleep(5);
    }
    expect(bodies).toHaveLength(2);
    expect(told.filter((line) => line === `lost ${PEER}`)).toHaveLength(1);
  });

  it('that cannot be had says nothing about the peer, and is not asked for again with each pull', async () => {
    const refused = new HedgerowError('PEER_UNREACHABLE', undefined, { extra: { answered: 404 } });
    const { streams, bodies, told, client } = following();
    let asked = 0;
    client.events = async () => {
      asked += 1;
      throw refused;
    };
    streams.open(PEER);
    await eventually('the question', async () => asked === 1);
    await sleep(10);
    for (const _ of Array(5).keys()) {
      streams.open(PEER);
      await sleep(5);
    }
    expect(asked).toBe(2);
    expect(bodies).toEqual([]);
    expect(told).toEqual([]);
  });

  it('hints once more where the peer says that it ends, and is closed by whoever finds out why', async () => {
    const { streams, stream, bodies, hears } = following();
    streams.open(PEER);
    (await stream(0)).write(formatEvent({ type: 'ended', code: 'REVOKED' }));
    await hears(`hinted ${PEER}`);
    streams.close(PEER);
    await sleep(30);
    expect(bodies).toHaveLength(1);
  });

  it('refused by the signed word of the peer is said so, and not asked for again', async () => {
    const { streams, told, client } = following();
    client.events = async () => {
      throw new HedgerowError('GRANT_ENDED');
    };
    streams.open(PEER);
    await eventually('the refusal', async () => told.length > 0);
    expect(told).toEqual([`refused ${PEER} GRANT_ENDED`]);
  });

  it('of a server of another make is none', async () => {
    const { streams, told, client, running } = following();
    delete (client as { events?: unknown }).events;
    streams.open(PEER);
    await sleep(10);
    expect(told).toEqual([]);
    expect(running.size).toBe(0);
  });

  it.each([
    ['an endless line', 'x'.repeat(5000)],
    ['an endless event', 'data: xx\n'.repeat(1500)],
    ['more events than anybody has to tell', CHANGED.repeat(700)],
    ['endless signs of life', HEARTBEAT.repeat(1300)],
  ])('is given up at %s', async (_what, text) => {
    const { streams, stream, errors, told } = following();
    streams.open(PEER);
    const body = await stream(0);
    body.write(text);
    await eventually('the end of it', async () => body.destroyed);
    expect(streams.isLive(PEER)).toBe(false);
    expect(errors).toEqual([]);
    expect(told).not.toContain(`lost ${PEER}`);
  });

  it('may say for hours what an honest one says', async () => {
    const { streams, stream, pass, hears } = following();
    streams.open(PEER);
    const body = await stream(0);
    for (let minute = 1; minute <= 20; minute += 1) {
      body.write(HEARTBEAT.repeat(100) + CHANGED);
      await hears(`hinted ${PEER}`, minute);
      pass(60_000);
    }
    expect(body.destroyed).toBe(false);
  });

  it('ends with the pairing, wherever that is ended, and leaves nothing running', async () => {
    const { streams, stream, running } = following();
    streams.open(PEER);
    const body = await stream(0);
    const [entered] = running;
    expect(entered).toMatchObject({ peerKey: PEER, direction: 'pull' });
    entered?.cut('REVOKED');
    await eventually('its end', async () => body.destroyed && running.size === 0);

    streams.open(2);
    const other = await stream(1);
    await streams[Symbol.asyncDispose]();
    expect(other.destroyed).toBe(true);
    expect(running.size).toBe(0);
    streams.open(3);
    await sleep(10);
    expect(running.size).toBe(0);
  });
});

describe('a hundred peers behind one address', () => {
  it('have a stream each, on connections of their own that cost little, and are heard apart', async () => {
    const waiting = new Map<string, ServerResponse>();
    const server = createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(HEARTBEAT);
      waiting.set(request.url?.split('/')[1] ?? '', response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const key = generateKey();
    const publicKey = parsePublicKey(key.jwk);
    await using outgoing = createOutgoing();
    const clientFor = async (peer: number) => {
      const connection: HedgerowConnection = {
        endpoint: `http://127.0.0.1:${port}/${peer}`,
        policy: 'named',
        publicKey,
        token: 'hedgerow_peer_of_a_test',
        key,
      };
      const source = { current: async () => connection, proved: async () => {}, instead: async () => null };
      return createHedgerowClient(source, { outgoing, now: Date.now });
    };
    const { streams, told } = following({ clientFor });
    global.gc?.();
    const before = process.memoryUsage();
    const peers = Array.from({ length: 100 }, (_, index) => index + 1);
    for (const peer of peers) streams.open(peer);
    await eventually('all streams', async () => peers.every((peer) => streams.isLive(peer)));
    const after = process.memoryUsage();
    // Both ends are in this process.
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(64 * 1024 ** 2);

    told.splice(0);
    waiting.get('42')?.write(CHANGED);
    await eventually('the hint', async () => told.length > 0);
    expect(told).toEqual(['hinted 42']);
    // The others' requests are not held up by what lasts.
    const other = await outgoing
      .dispatcher('named')
      .request({ origin: `http://127.0.0.1:${port}`, path: '/else', method: 'GET' });
    expect(other.statusCode).toBe(200);
    other.body.on('error', () => {});
    other.body.destroy();

    await streams[Symbol.asyncDispose]();
    await eventually('no connection', async () =>
      [...waiting.values()].every((response) => response.destroyed),
    );
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});
