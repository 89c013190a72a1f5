import type { FastifyInstance } from 'fastify';
import type { FederationContext } from '../../federation/context.ts';

/** `GET /.well-known/hedgerow`: public and unsigned, for finding a server and following its key. */
export function discoveryRoute(app: FastifyInstance, context: FederationContext): void {
  app.get('/.well-known/hedgerow', async (_request, reply) => {
    const { id, key } = context.identity;
    return reply
      .header('cache-control', 'no-cache')
      .send({ protocols: ['1'], instance: { id, publicKey: key.jwk, keys: [] } });
  });
}
