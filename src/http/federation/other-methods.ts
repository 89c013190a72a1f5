import type { FastifyInstance } from 'fastify';
import { HedgerowError } from '../../lib/errors.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/**
 * Has every path that is registered from here on refuse the methods that it does not take: 405 with `Allow`
 * (RFC 9110, section 15.5.6), in place of saying that there is nothing.
 *
 * @returns to be called when all routes are registered
 */
export function refuseOtherMethods(app: FastifyInstance): () => void {
  const taken = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = taken.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each);
    taken.set(url, methods);
  });
  return () => {
    for (const [url, methods] of [...taken]) {
      const allow = [...methods].join(', ');
      app.route({
        url,
        method: METHODS.filter((method) => !methods.has(method)),
        exposeHeadRoute: false,
        handler: async (_request, reply) => {
          reply.header('allow', allow);
          throw new HedgerowError('METHOD_NOT_ALLOWED');
        },
      });
    }
  };
}
