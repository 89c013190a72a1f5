/** Signing in at a provider: there, and back. */

import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Access } from '../access/access.ts';
import { HedgerowError, wireCode } from '../lib/errors.ts';

export interface OidcRoutesOptions {
  access: Pick<Access, 'signInAtProvider' | 'limits'> & { readonly oidc: NonNullable<Access['oidc']> };
  /** Path of the public URL without a trailing slash. */
  publicPath: string;
  /** Writes a fault down. */
  onError: (error: unknown) => void;
}

export async function oidcRoutes(app: FastifyInstance, options: OidcRoutesOptions): Promise<void> {
  const { access, publicPath, onError } = options;

  /** Whoever comes here is a person in a browser: what went wrong is told by the page where one signs in. */
  const back = (reply: FastifyReply, error: unknown): FastifyReply => {
    const known = error instanceof HedgerowError ? error : new HedgerowError('INTERNAL');
    // The provider's own words help whoever looks after the server.
    if (known !== error || known.cause != null) onError(error);
    // The code alone: a sentence in a link would be anybody's.
    return reply.redirect(`${publicPath}/sign-in?refused=${wireCode(known.code)}`, 303);
  };

  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    try {
      await access.limits.take('entry', null, request.ip);
    } catch (error) {
      return back(reply, error);
    }
  });

  app.get('/oidc/sign-in', async (request, reply) => {
    const { next } = request.query as { next?: unknown };
    try {
      const { location, setCookie } = await access.oidc.begin(typeof next === 'string' ? next : '');
      return reply.header('set-cookie', setCookie).redirect(location, 303);
    } catch (error) {
      return back(reply, error);
    }
  });

  app.get('/oidc/callback', async (request, reply) => {
    const at = request.url.indexOf('?');
    try {
      const { next, setCookie } = await access.signInAtProvider({
        query: at === -1 ? '' : request.url.slice(at),
        headers: request.headers,
        address: request.ip,
        userAgent: request.headers['user-agent'],
      });
      return reply.header('set-cookie', setCookie).redirect(next, 303);
    } catch (error) {
      return back(reply, error);
    }
  });
}
