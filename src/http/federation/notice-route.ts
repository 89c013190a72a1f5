/** `DELETE /federation/v1/pairing`: the other side says that the pairing is over. */
import type { FastifyInstance } from 'fastify';
import type { Answers } from './answers.ts';
import type { PeerRoute } from './peer-route.ts';

export interface NoticeRouteOptions {
  answers: Answers;
  route: PeerRoute;
  endedByPeer: (peer: { key: number; id: string }) => Promise<void>;
}

export function noticeRoute(app: FastifyInstance, { answers, route, endedByPeer }: NoticeRouteOptions): void {
  app.delete(
    '/federation/v1/pairing',
    route(
      async (peer, _request, reply) => {
        await endedByPeer(peer);
        await answers.send(reply, 200, '{}', peer.binding);
      },
      // A pairing can be ended also where nothing is granted any more.
      { beyondGrant: true },
    ),
  );
}
