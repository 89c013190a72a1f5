/** Bytes to a peer, in whatever dialect: within its limits, cut when the pairing or the grant ends, and counted. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DeliverableFile, Delivery } from '../../delivery/delivery.ts';
import type { FederationContext } from '../../federation/context.ts';
import type { ReadingPeer } from '../../federation/serve/authenticate.ts';
import type { PeerLimiter } from '../../federation/serve/limits.ts';
import type { PeerStreams } from '../../federation/serve/streams.ts';
import { breakOff, type SentFile, sendFile } from '../send-file.ts';

export interface PeerSenderOptions {
  context: FederationContext;
  delivery: Pick<Delivery, 'open'>;
  limiter: PeerLimiter;
  streams: PeerStreams;
  /** Counts bytes that a peer was served. */
  served: (peerKey: number, bytes: number) => void;
}

/** @throws HedgerowError RATE_LIMITED where the peer has as many streams as it may */
export type PeerSender = (
  peer: ReadingPeer,
  request: FastifyRequest,
  reply: FastifyReply,
  file: DeliverableFile,
) => Promise<SentFile>;

export function createPeerSender(options: PeerSenderOptions): PeerSender {
  const { context, delivery, limiter, streams, served } = options;
  return async (peer, request, reply, file) => {
    const { leave, pacer, admitted } = limiter.stream(peer.key, peer.limits);
    try {
      await admitted;
    } catch (error) {
      leave();
      throw error;
    }
    const ended = streams.enter({
      peerKey: peer.key,
      direction: 'to-peer',
      grant: peer.grant,
      cut: () => breakOff(reply.raw),
    });
    reply.hijack();
    try {
      const sent = await sendFile(request.raw, reply.raw, file, {
        delivery,
        fill: false,
        cacheControl: 'private, no-transform',
        pacer,
        now: context.now,
      });
      served(peer.key, sent.bytes);
      return sent;
    } finally {
      ended();
      leave();
    }
  };
}
