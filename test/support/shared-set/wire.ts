/**
 * The wire of a model run: the real routes behind a real socket, and a real client. Every answer is recorded before
 * anything happens to it; then faults are done to it.
 */
import { Readable } from 'node:stream';
import fastify from 'fastify';
import type { Dispatcher } from 'undici';
import type { FederationContext } from '../../../src/federation/context.ts';
import type { PeerClient } from '../../../src/federation/dialects/dialect.ts';
import { createHedgerowClient } from '../../../src/federation/dialects/hedgerow.ts';
import type { PrivateKey } from '../../../src/federation/identity/keys.ts';
import { createOutgoing } from '../../../src/federation/outgoing/dispatcher.ts';
import { rawFields } from '../../../src/federation/outgoing/exchange.ts';
import { authenticatePeer } from '../../../src/federation/serve/authenticate.ts';
import { createPeerLimiter } from '../../../src/federation/serve/limits.ts';
import { contentCoding, decodeContent } from '../../../src/federation/wire/content-coding.ts';
import { createAnswers } from '../../../src/http/federation/answers.ts';
import { feedRoutes } from '../../../src/http/federation/feed-routes.ts';
import { createPeerRoute } from '../../../src/http/federation/peer-route.ts';

export const FAULTS = [
  /** The connection breaks before the request arrives, or after it was answered. */
  'refused',
  'lost',
  /** The answer breaks off; or it ends early, as if that were all. */
  'cut',
  'short',
  /** One bit of it is another. */
  'flipped',
  /** In its place comes the answer to the request before. */
  'former',
  /** The request arrives twice, and the second answer is the one that comes back. */
  'twice',
  /** Something in between answers, signed by nobody. */
  '401',
  '403',
  '404',
  '410',
  '429',
  '503',
] as const;
export type Fault = (typeof FAULTS)[number];

/** What something in between may say: nothing of it may be believed. */
const FORGED: Partial<Record<Fault, { code: string; reason?: string }>> = {
  '401': { code: 'revoked' },
  '403': { code: 'grant-ended' },
  '404': { code: 'not-found' },
  '410': { code: 'cursor-expired', reason: 'restored' },
  '429': { code: 'rate-limited' },
  '503': { code: 'unavailable' },
};

export interface Wire extends AsyncDisposable {
  readonly client: PeerClient;
  /** Entries of a page, at most, whatever the puller asks for. */
  pageSize: number;
  /** Asked before each request. */
  onRequest: () => Promise<Fault | null>;
  /** Resolves when nothing is asked any more: what was asked ahead may outlive the pull that asked. */
  idle(): Promise<void>;
  /** Told of each answer of the server that left it, with its content. */
  onAnswer: (status: number, content: unknown) => void;
}

export interface WireOptions {
  context: FederationContext;
  /** Whether the server has ended: then nothing leaves it. */
  isDown: () => boolean;
  token: string;
  pullerKey: PrivateKey;
}

interface Held {
  statusCode: number;
  headers: unknown;
  body: Buffer;
}

export async function startWire({ context, isDown, token, pullerKey }: WireOptions): Promise<Wire> {
  const app = fastify();
  const answers = createAnswers(context);
  const route = createPeerRoute({
    authenticate: authenticatePeer,
    context,
    answers,
    limiter: createPeerLimiter(context.now),
    served: () => {},
  });
  feedRoutes(app, {
    context,
    answers,
    route,
    served: () => {},
    software: { name: 'hedgerow', version: '0' },
  });
  const endpoint = await app.listen({ host: '127.0.0.1', port: 0 });
  const outgoing = createOutgoing();
  let former: Held | null = null;
  const asking = new Set<Promise<unknown>>();

  const broken = (): Error => Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });

  async function ask(options: Dispatcher.RequestOptions): Promise<Held> {
    // What a puller does not wait for any more arrives at the server all the same, and is answered.
    const answer = await outgoing.dispatcher('loopback').request({ ...options, signal: null });
    const body = Buffer.from(await answer.body.arrayBuffer());
    if (isDown()) throw broken();
    const content = await decodeContent(body, contentCoding(rawFields(answer.headers)));
    wire.onAnswer(answer.statusCode, JSON.parse(Buffer.from(content).toString()));
    return { statusCode: answer.statusCode, headers: answer.headers, body };
  }

  async function request(options: Dispatcher.RequestOptions): Promise<unknown> {
    const fault = await wire.onRequest();
    if (isDown() || fault === 'refused') throw broken();
    const forged = fault === null ? undefined : FORGED[fault];
    if (forged !== undefined) {
      const body = Readable.from([Buffer.from(JSON.stringify(forged))]);
      return { statusCode: Number(fault), headers: ['content-type', 'application/problem+json'], body };
    }
    if (fault === 'twice') await ask(options);
    const answer = await ask(options);
    const { statusCode, headers, body } = fault === 'former' && former !== null ? former : answer;
    former = answer;
    const sent = Buffer.from(body);
    switch (fault) {
      case 'lost':
        throw broken();
      case 'cut':
        return { statusCode, headers, body: Readable.from(cut(sent)) };
      case 'short':
        return { statusCode, headers, body: Readable.from([sent.subarray(0, sent.length >> 1)]) };
      case 'flipped':
        sent[sent.length >> 1] = (sent[sent.length >> 1] ?? 0) ^ 1;
        return { statusCode, headers, body: Readable.from([sent]) };
      default:
        return { statusCode, headers, body: Readable.from([sent]) };
    }
  }

  function counted<T>(work: Promise<T>): Promise<T> {
    asking.add(work);
    const done = () => asking.delete(work);
    work.then(done, done);
    return work;
  }

  async function* cut(body: Buffer): AsyncGenerator<Buffer> {
    yield body.subarray(0, body.length >> 1);
    throw broken();
  }

  const connection = {
    endpoint,
    policy: 'loopback' as const,
    publicKey: context.identity.key,
    token,
    key: pullerKey,
  };
  const client = createHedgerowClient(
    { current: async () => connection, proved: async () => {}, instead: async () => null },
    {
      outgoing: {
        dispatcher: () =>
          ({
            request: (options: Dispatcher.RequestOptions) => counted(request(options)),
          }) as unknown as Dispatcher,
        lasting: () => ({ request }) as unknown as Dispatcher,
        [Symbol.asyncDispose]: async () => {},
      },
      now: context.now,
    },
  );
  const wire: Wire = {
    client: {
      ...client,
      list: (cursor, limit, signal) => client.list(cursor, Math.min(limit, wire.pageSize), signal),
    },
    pageSize: 100,
    idle: async () => {
      while (asking.size > 0) await Promise.allSettled(asking);
    },
    onRequest: async () => null,
    onAnswer: () => {},
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await outgoing[Symbol.asyncDispose]();
    },
  };
  return wire;
}
