/** The way into every route of a peer: who asks is settled before the route's own work begins. */
import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import type { FederationContext } from '../../federation/context.ts';
import type { AnswerBinding } from '../../federation/identity/answer-signatures.ts';
import type { IncomingRequest } from '../../federation/identity/request-signatures.ts';
import {
  type ReadingPeer,
  RequestRefused,
  type RouteRules,
  type ServedPeer,
} from '../../federation/serve/authenticate.ts';
import type { PeerLimiter } from '../../federation/serve/limits.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { type Answers, incomingRequest } from './answers.ts';
import { failureLimit } from './failure-limit.ts';

/** Refused requests of one address in a minute, before the signature is looked at. */
const FAILURES_A_MINUTE = 120;

export type PeerHandler<Peer> = (peer: Peer, request: FastifyRequest, reply: FastifyReply) => Promise<void>;

export interface PeerRouteOptions<Peer> {
  /** @throws RequestRefused */
  authenticate: (context: FederationContext, request: IncomingRequest, options?: RouteRules) => Promise<Peer>;
  context: FederationContext;
  answers: Answers;
  limiter: PeerLimiter;
  /** Counts bytes that a peer was served, and that it was here. */
  served: (peerKey: number, bytes: number) => void;
}

/** Makes a route of the federation out of what it does for an authenticated peer. */
export type PeerRoute<Peer = ServedPeer> = (
  handle: PeerHandler<Peer>,
  options?: RouteRules,
) => RouteHandlerMethod;

export function createPeerRoute<Peer extends ReadingPeer & { binding: AnswerBinding | null }>({
  authenticate,
  context,
  answers,
  limiter,
  served,
}: PeerRouteOptions<Peer>): PeerRoute<Peer> {
  const failures = failureLimit(context, 'requests', FAILURES_A_MINUTE);

  async function refuse(
    request: FastifyRequest,
    reply: FastifyReply,
    refused: RequestRefused,
  ): Promise<FastifyReply> {
    const { error, binding, peerId, action } = refused;
    context.log.refused({ what: 'request', code: error.code, peerId });
    await context.audit.record({
      actorKind: peerId === undefined ? 'ANONYMOUS' : 'PEER',
      actor: peerId,
      action,
      peerId,
      outcome: 'refused',
      code: error.code,
      address: request.ip,
    });
    const proven = binding !== null && 'signature' in binding;
    // Who proves who it is never waits for what others send from the same address, which may be that of a proxy.
    if (proven) return answers.sendProblem(reply, error, binding);
    const blocked = failures.blockedFor(request.ip);
    failures.failed(request.ip);
    if (blocked === null) return answers.sendProblem(reply, error, binding);
    return answers.sendProblem(
      reply,
      new HedgerowError('RATE_LIMITED', undefined, { retryAfter: blocked }),
      null,
    );
  }

  /** One line a minute is enough of a peer that does not heed what it is told. */
  function noteLimit(peer: Peer, request: FastifyRequest): void {
    if (!limiter.worthNoting(peer.key)) return;
    context.log.refused({ what: 'request', code: 'RATE_LIMITED', peerId: peer.id });
    void context.audit.record({
      actorKind: 'PEER',
      actor: peer.id,
      action: 'federation.request',
      peerId: peer.id,
      outcome: 'refused',
      code: 'RATE_LIMITED',
      address: request.ip,
    });
  }

  return (handle, options) => async (request, reply) => {
    let peer: Peer;
    try {
      peer = await authenticate(context, incomingRequest(request), options);
    } catch (error) {
      if (error instanceof RequestRefused) return refuse(request, reply, error);
      const known = error instanceof HedgerowError ? error : answers.unexpected(error);
      return answers.sendProblem(reply, known, null);
    }
    try {
      served(peer.key, 0);
      await limiter.request(peer.key, peer.limits);
      await handle(peer, request, reply);
      return reply;
    } catch (error) {
      if (reply.sent) throw error;
      const known = error instanceof HedgerowError ? error : answers.unexpected(error);
      if (known.code === 'RATE_LIMITED') noteLimit(peer, request);
      return answers.sendProblem(reply, known, peer.binding);
    }
  };
}
