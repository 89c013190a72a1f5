/** `POST /federation/v1/credentials`: a peer asks for a new token in place of its own. */
import type { FastifyInstance } from 'fastify';
import type { FederationContext } from '../../federation/context.ts';
import { issueCredential } from '../../federation/rotation/credentials.ts';
import type { CredentialAnswer } from '../../federation/wire/messages.ts';
import type { Answers } from './answers.ts';
import type { PeerRoute } from './peer-route.ts';

export interface CredentialRoutesOptions {
  context: FederationContext;
  answers: Answers;
  route: PeerRoute;
}

export function credentialRoutes(app: FastifyInstance, options: CredentialRoutesOptions): void {
  const { context, answers, route } = options;
  app.post(
    '/federation/v1/credentials',
    route(
      async (peer, _request, reply) => {
        const answer: CredentialAnswer = { credential: await issueCredential(context, peer) };
        await answers.send(reply, 201, JSON.stringify(answer), peer.binding);
      },
      { beyondGrant: true },
    ),
  );
}
