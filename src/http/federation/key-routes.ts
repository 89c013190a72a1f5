/** `POST /federation/v1/keys`: a peer says that its key has changed. */
import type { FastifyInstance } from 'fastify';
import type { FederationContext } from '../../federation/context.ts';
import { announcedKey, followAnnouncement } from '../../federation/rotation/announced-key.ts';
import { type Answers, incomingRequest } from './answers.ts';
import type { PeerRoute } from './peer-route.ts';

export interface KeyRoutesOptions {
  context: FederationContext;
  answers: Answers;
  route: PeerRoute;
}

export function keyRoutes(app: FastifyInstance, { context, answers, route }: KeyRoutesOptions): void {
  app.post(
    '/federation/v1/keys',
    route(
      async (peer, request, reply) => {
        await followAnnouncement(context, peer.key, incomingRequest(request).body);
        await answers.send(reply, 200, '{}', peer.binding);
      },
      {
        // The one route on which a key that is not pinned yet is believed, since the chain leads to it.
        keyFor: (peer, request) => announcedKey(context, peer, request.body),
        beyondGrant: true,
      },
    ),
  );
}
