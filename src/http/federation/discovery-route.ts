/** `GET /.well-known/hedgerow`: public and unsigned, for finding a server and following its key. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { FederationContext } from '../../federation/context.ts';
import { problemDocument } from '../../federation/wire/messages.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { failureLimit } from './failure-limit.ts';

/** Of one address in a minute. A peer reads it once a pairing, and once an hour at most afterwards. */
const READS_A_MINUTE = 300;

export function discoveryRoute(app: FastifyInstance, context: FederationContext): void {
  const reads = failureLimit(context, 'discovery', READS_A_MINUTE);

  app.get('/.well-known/hedgerow', { exposeHeadRoute: false }, async (request, reply) => {
    const blocked = reads.blockedFor(request.ip);
    reads.failed(request.ip);
    if (blocked !== null) {
      return refuse(reply, new HedgerowError('RATE_LIMITED', undefined, { retryAfter: blocked }));
    }
    // Whoever reads this may have met a key that another process has just made.
    await context.identity.refresh();
    const { id, key, changes } = context.identity;
    return reply
      .header('cache-control', 'no-cache')
      .send({ protocols: ['1'], instance: { id, publicKey: key.jwk, keys: changes } });
  });

  app.head('/.well-known/hedgerow', async (_request, reply) =>
    refuse(reply.header('allow', 'GET'), new HedgerowError('METHOD_NOT_ALLOWED')),
  );
}

function refuse(reply: FastifyReply, error: HedgerowError): FastifyReply {
  if (error.retryAfter !== undefined) reply.header('retry-after', error.retryAfter);
  return reply
    .code(error.status)
    .headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' })
    .send(JSON.stringify(problemDocument(error)));
}
