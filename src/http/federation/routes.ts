/** What other instances ask. docs/federation.md is the contract; this is its table of contents. */
import type { FastifyInstance } from 'fastify';
import type { Delivery } from '../../delivery/delivery.ts';
import type { FederationContext } from '../../federation/context.ts';
import { authenticatePeer } from '../../federation/serve/authenticate.ts';
import { createEventHub } from '../../federation/serve/events.ts';
import { createPeerLimiter } from '../../federation/serve/limits.ts';
import type { PeerStreams } from '../../federation/serve/streams.ts';
import { REQUEST_BYTES } from '../../federation/wire/limits.ts';
import { agentRoutes } from './agent-routes.ts';
import { createAnswers } from './answers.ts';
import { artifexRoutes } from './artifex-routes.ts';
import { byteRoutes } from './byte-routes.ts';
import { credentialRoutes } from './credential-routes.ts';
import { discoveryRoute } from './discovery-route.ts';
import { eventRoutes } from './event-routes.ts';
import { feedRoutes } from './feed-routes.ts';
import { keyRoutes } from './key-routes.ts';
import { noticeRoute } from './notice-route.ts';
import { refuseOtherMethods } from './other-methods.ts';
import { pairingRoutes } from './pairing-routes.ts';
import { createPeerRoute } from './peer-route.ts';
import { createPeerSender } from './send-to-peer.ts';

export interface FederationRoutesOptions {
  context: FederationContext;
  delivery: Pick<Delivery, 'open'>;
  streams: PeerStreams;
  served: (peerKey: number, bytes: number) => void;
  endedByPeer: (peer: { key: number; id: string }) => Promise<void>;
  redeemed: (peerKey: number) => void;
  software: { name: string; version: string };
}

export async function federationRoutes(
  app: FastifyInstance,
  options: FederationRoutesOptions,
): Promise<void> {
  const { context, delivery, streams, served, redeemed, endedByPeer, software } = options;
  // Signatures are over bodies as they arrive, so nothing may parse them on the way.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: REQUEST_BYTES }, (_request, body, done) => {
    done(null, body);
  });

  const refuseOthers = refuseOtherMethods(app);
  const answers = createAnswers(context);
  const limiter = createPeerLimiter(context.now, context.shared);
  // An admin's change also holds for what runs already.
  streams.onLook((peers) => {
    for (const { peerKey, limits } of peers) limiter.configure(peerKey, limits);
  });
  const route = createPeerRoute({ authenticate: authenticatePeer, context, answers, limiter, served });
  discoveryRoute(app, context);
  pairingRoutes(app, { context, answers, redeemed });
  feedRoutes(app, { context, answers, route, served, software });
  agentRoutes(app, { context, answers, route });
  const send = createPeerSender({ context, delivery, limiter, streams, served });
  byteRoutes(app, { context, route, send });
  artifexRoutes(app, { context, answers, limiter, served, send });
  const events = createEventHub({
    read: context.database.read,
    streams,
    now: context.now,
    shared: context.shared,
  });
  eventRoutes(app, { events, route });
  credentialRoutes(app, { context, answers, route });
  keyRoutes(app, { context, answers, route });
  noticeRoute(app, { answers, route, endedByPeer });
  refuseOthers();
}
