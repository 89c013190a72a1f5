/** `GET /federation/v1/media` and `/status`: what a pair may see, and how far it is behind. */
import type { FastifyInstance } from 'fastify';
import type { FederationContext } from '../../federation/context.ts';
import { feedPage, peerStatus } from '../../federation/serve/feed-page.ts';
import { PAGE_DEFAULT, PAGE_MAX } from '../../federation/wire/limits.ts';
import { HedgerowError } from '../../lib/errors.ts';
import type { Answers } from './answers.ts';
import type { PeerRoute } from './peer-route.ts';

export interface FeedRoutesOptions {
  context: FederationContext;
  answers: Answers;
  route: PeerRoute;
  served: (peerKey: number, bytes: number) => void;
  software: { name: string; version: string };
}

export function feedRoutes(app: FastifyInstance, options: FeedRoutesOptions): void {
  const { context, answers, route, served, software } = options;
  const get = { exposeHeadRoute: false };

  app.get(
    '/federation/v1/media',
    get,
    route(async (peer, request, reply) => {
      const { after, limit } = feedQuery(request.query);
      const page = await feedPage(context, peer, after, limit);
      const sent = await answers.send(reply, 200, page, peer.binding);
      served(peer.key, sent.bytes);
    }),
  );

  app.get(
    '/federation/v1/status',
    get,
    route(async (peer, request, reply) => {
      const { after } = feedQuery(request.query);
      const status = await peerStatus(context, peer, after, software);
      await answers.send(reply, 200, JSON.stringify(status), peer.binding);
    }),
  );
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
