/** What other instances ask. docs/federation.md is the contract; this is its table of contents. */
import type { FastifyInstance } from 'fastify';
import type { Delivery } from '../../delivery/delivery.ts';
import type { FederationContext } from '../../federation/context.ts';
import { REQUEST_BYTES } from '../../federation/wire/limits.ts';
import { agentRoutes } from './agent-routes.ts';
import { createAnswers } from './answers.ts';
import { byteRoutes } from './byte-routes.ts';
import { discoveryRoute } from './discovery-route.ts';
import { feedRoutes } from './feed-routes.ts';
import { pairingRoutes } from './pairing-routes.ts';
import { createPeerRoute } from './peer-route.ts';

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
  // Signatures are over bodies as they arrive, so nothing may parse them on the way.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: REQUEST_BYTES }, (_request, body, done) => {
    done(null, body);
  });

  const answers = createAnswers(context);
  const route = createPeerRoute({ context, answers, served });
  discoveryRoute(app, context);
  pairingRoutes(app, { context, answers });
  feedRoutes(app, { context, answers, route, served, software });
  agentRoutes(app, { context, answers, route });
  byteRoutes(app, { context, delivery, route, served });
}
