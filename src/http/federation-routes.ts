/** What other instances ask: discovery, pairing, the feed, bytes. docs/federation.md is the contract. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readSharedItem } from '../catalog/feed.ts';
import { deliverableFile } from '../delivery/deliverable.ts';
import type { DeliverableFile, Delivery } from '../delivery/delivery.ts';
import type { FederationContext } from '../federation/context.ts';
import { type AnswerBinding, signAnswer } from '../federation/identity/answer-signatures.ts';
import { fieldsFromRaw } from '../federation/identity/http-fields.ts';
import type { IncomingRequest } from '../federation/identity/request-signatures.ts';
import { acceptRedemption, type RedemptionProgress } from '../federation/pairing/accept.ts';
import { authenticatePeer, RequestRefused, type ServedPeer } from '../federation/serve/authenticate.ts';
import { feedPage, peerStatus } from '../federation/serve/feed-page.ts';
import { encodeContent } from '../federation/wire/content-coding.ts';
import { PAGE_DEFAULT, PAGE_MAX, REQUEST_BYTES } from '../federation/wire/limits.ts';
import { problemDocument } from '../federation/wire/messages.ts';
import { HedgerowError } from '../lib/errors.ts';
import { createFailureLimit } from '../lib/failure-limit.ts';
import { VARIANT_NAMES, type VariantName } from '../lib/media.ts';
import { segmentListKey } from '../storage/paths.ts';
import { sendFile } from './send-file.ts';

/** Refused requests of one address in a minute, before the signature is looked at. */
const FAILURES_A_MINUTE = 120;
/** Redemptions without a correct proof, of one address in a minute. */
const GUESSES_A_MINUTE = 10;
const MINUTE = 60_000;

export interface FederationRoutesOptions {
  context: FederationContext;
  delivery: Pick<Delivery, 'open'>;
  served: (peerKey: number, bytes: number) => void;
  software: { name: string; version: string };
}

export async function federationRoutes(
  app: FastifyInstance,
  options: FederationRoutesOptions,
): Promise<void> {
  const { context, delivery, served, software } = options;
  const limits = { windowMs: MINUTE, now: context.now };
  const failures = createFailureLimit({ most: FAILURES_A_MINUTE, ...limits });
  const guesses = createFailureLimit({ most: GUESSES_A_MINUTE, ...limits });

  // Signatures are over bodies as they arrive, so nothing may parse them on the way.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: REQUEST_BYTES }, (_request, body, done) => {
    done(null, body);
  });

  app.get('/.well-known/hedgerow', async (_request, reply) => {
    const { id, key } = context.identity;
    return reply
      .header('cache-control', 'no-cache')
      .send({ protocols: ['1'], instance: { id, publicKey: key.jwk, keys: [] } });
  });

  app.post('/federation/v1/pairings', async (request, reply) => {
    const progress: RedemptionProgress = { signature: null, proven: false };
    try {
      const incoming = incomingRequest(request);
      const answer = await acceptRedemption(
        context,
        { ...incoming, body: incoming.body ?? Buffer.alloc(0) },
        progress,
      );
      await sendAnswer(reply, 201, JSON.stringify(answer), { signature: progress.signature ?? '' });
      return reply;
    } catch (error) {
      const refused = error instanceof HedgerowError ? error : unexpected(error);
      context.log.refused({ what: 'pairing', code: refused.code });
      const binding = progress.signature === null ? null : { signature: progress.signature };
      return sendProblem(reply, limitedGuess(request, progress, refused), binding);
    }
  });

  /** Who has the code is never kept waiting; who guesses soon is. */
  function limitedGuess(
    request: FastifyRequest,
    progress: RedemptionProgress,
    refused: HedgerowError,
  ): HedgerowError {
    if (progress.proven || refused.code === 'INTERNAL') return refused;
    const blocked = guesses.blockedFor(request.ip);
    guesses.failed(request.ip);
    return blocked === null ? refused : new HedgerowError('RATE_LIMITED', undefined, { retryAfter: blocked });
  }

  const route = (
    handle: (peer: ServedPeer, request: FastifyRequest, reply: FastifyReply) => Promise<void>,
  ) => {
    return async (request: FastifyRequest, reply: FastifyReply) => {
      let peer: ServedPeer;
      try {
        peer = await authenticatePeer(context, incomingRequest(request));
      } catch (error) {
        if (!(error instanceof RequestRefused)) {
          return sendProblem(reply, error instanceof HedgerowError ? error : unexpected(error), null);
        }
        context.log.refused({ what: 'request', code: error.error.code, peerId: error.peerId });
        const proven = error.binding !== null && 'signature' in error.binding;
        // Who proves who it is never waits for what others send from the same address, which may be that of a proxy.
        const blocked = proven ? null : failures.blockedFor(request.ip);
        if (!proven) failures.failed(request.ip);
        if (blocked !== null) {
          return sendProblem(
            reply,
            new HedgerowError('RATE_LIMITED', undefined, { retryAfter: blocked }),
            null,
          );
        }
        return sendProblem(reply, error.error, error.binding);
      }
      try {
        served(peer.key, 0);
        await handle(peer, request, reply);
        return reply;
      } catch (error) {
        if (reply.sent) throw error;
        return sendProblem(reply, error instanceof HedgerowError ? error : unexpected(error), peer.binding);
      }
    };
  };

  const get = { exposeHeadRoute: false };

  app.get(
    '/federation/v1/media',
    get,
    route(async (peer, request, reply) => {
      const { after, limit } = feedQuery(request.query);
      const page = await feedPage(context, peer, after, limit);
      const sent = await sendAnswer(reply, 200, page, peer.binding);
      served(peer.key, sent.bytes);
    }),
  );

  app.get(
    '/federation/v1/status',
    get,
    route(async (peer, request, reply) => {
      const { after } = feedQuery(request.query);
      const status = await peerStatus(context, peer, after, software);
      await sendAnswer(reply, 200, JSON.stringify(status), peer.binding);
    }),
  );

  app.get(
    '/federation/v1/media/:id/:variant',
    get,
    route(async (peer, request, reply) => sendMedia(peer, request, reply, await sharedFile(request))),
  );

  app.get(
    '/federation/v1/media/:id/:variant/segments',
    get,
    route(async (peer, request, reply) =>
      sendMedia(peer, request, reply, segmentListOf(await sharedFile(request))),
    ),
  );

  async function sharedFile(request: FastifyRequest): Promise<DeliverableFile> {
    const { id, variant } = request.params as { id: string; variant: string };
    const name = VARIANT_NAMES.find((known) => known === variant);
    const item = name === undefined ? null : await readSharedItem(context.database.read, id);
    const file = item === null ? null : deliverableFile(item, name as VariantName, 'NONE');
    if (file === null) throw new HedgerowError('NOT_FOUND');
    return file;
  }

  async function sendMedia(
    peer: ServedPeer,
    request: FastifyRequest,
    reply: FastifyReply,
    file: DeliverableFile,
  ): Promise<void> {
    reply.hijack();
    const sent = await sendFile(request.raw, reply.raw, file, {
      delivery,
      fill: false,
      cacheControl: 'private, no-transform',
      now: context.now,
    });
    served(peer.key, sent.bytes);
  }

  async function sendAnswer(
    reply: FastifyReply,
    status: number,
    text: string,
    binding: AnswerBinding,
    type = 'application/json',
  ): Promise<{ bytes: number }> {
    const { body, coding } = await encodeContent(Buffer.from(text), reply.request.headers['accept-encoding']);
    const signed = signAnswer({ status, body, binding }, context.identity.key, new Date(context.now()));
    await reply
      .code(status)
      .headers({
        ...signed,
        'cache-control': 'private, no-transform',
        'content-type': type,
        vary: 'accept-encoding',
      })
      .headers(coding === 'identity' ? {} : { 'content-encoding': coding })
      .send(body);
    return { bytes: body.length };
  }

  async function sendProblem(
    reply: FastifyReply,
    error: HedgerowError,
    binding: AnswerBinding | null,
  ): Promise<FastifyReply> {
    const text = JSON.stringify(problemDocument(error));
    if (error.retryAfter !== undefined) reply.header('retry-after', Math.ceil(error.retryAfter));
    if (error.code === 'CREDENTIAL_REFUSED' || error.code === 'SIGNATURE_INVALID') {
      // RFC 9110, section 15.5.2: a 401 says which scheme would do.
      reply.header('www-authenticate', 'Bearer realm="federation"');
    }
    if (binding !== null) {
      await sendAnswer(reply, error.status, text, binding, 'application/problem+json');
      return reply;
    }
    return reply
      .code(error.status)
      .headers({ 'content-type': 'application/problem+json', 'cache-control': 'private, no-transform' })
      .send(text);
  }

  function unexpected(error: unknown): HedgerowError {
    context.log.failed({ what: 'a request of a peer', error });
    return new HedgerowError('INTERNAL', 'Something went wrong here.', { cause: error });
  }
}

function incomingRequest(request: FastifyRequest): IncomingRequest {
  return {
    method: request.method,
    target: request.raw.url ?? '/',
    fields: fieldsFromRaw(request.raw.rawHeaders),
    body: Buffer.isBuffer(request.body) ? request.body : undefined,
  };
}

function feedQuery(query: unknown): { after: string | null; limit: number } {
  const { after, limit } = query as Record<string, unknown>;
  if (after !== undefined && typeof after !== 'string') {
    throw new HedgerowError('INVALID', 'after is given once, or not at all.', { field: ['after'] });
  }
  if (limit === undefined) return { after: after ?? null, limit: PAGE_DEFAULT };
  const value = typeof limit === 'string' && /^\d{1,5}$/.test(limit) ? Number(limit) : 0;
  if (value < 1 || value > PAGE_MAX) {
    throw new HedgerowError('INVALID', `limit is a number from 1 to ${PAGE_MAX}.`, { field: ['limit'] });
  }
  return { after: after ?? null, limit: value };
}

/** The list of a file's segment digests, which is a file of its own with a digest of its own. */
function segmentListOf(file: DeliverableFile): DeliverableFile {
  if (file.segments === null)
    throw new HedgerowError('NOT_FOUND', 'The file is one segment, so it has no list.');
  const { count, digest } = file.segments;
  return {
    ...file,
    mimeType: 'application/octet-stream',
    size: count * 32,
    digest,
    segments: null,
    filename: null,
    local: { storage: 'MANAGED', key: segmentListKey(digest) },
  };
}
