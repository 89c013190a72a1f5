/** `GET /federation/v1/agents`: what this instance publishes of its automated agents, to whoever is paired. */
import type { FastifyInstance } from 'fastify';
import { publishedAgents } from '../../federation/agents.ts';
import type { FederationContext } from '../../federation/context.ts';
import type { Answers } from './answers.ts';
import type { PeerRoute } from './peer-route.ts';

export interface AgentRoutesOptions {
  context: FederationContext;
  answers: Answers;
  route: PeerRoute;
}

export function agentRoutes(app: FastifyInstance, { context, answers, route }: AgentRoutesOptions): void {
  app.get(
    '/federation/v1/agents',
    { exposeHeadRoute: false },
    route(async (peer, _request, reply) => {
      const agents = await publishedAgents(context);
      await answers.send(reply, 200, JSON.stringify({ agents }), peer.binding);
    }),
  );
}
