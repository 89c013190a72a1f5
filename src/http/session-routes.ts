/** Signing in and out, the first admin, and passwords set by link. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Access } from '../access/access.ts';
import type { Viewer, ViewerUser } from '../access/viewer.ts';
import { HedgerowError, isCode } from '../lib/errors.ts';

/** Bytes of the largest body: a token, a name and a password in JSON, each character escaped. */
const BODY_LIMIT = 16 * 1024;

export interface SessionRoutesOptions {
  access: Pick<Access, 'signIn' | 'signOut' | 'assertSameOrigin' | 'setup' | 'limits'> & {
    readonly users: Pick<Access['users'], 'setPasswordByLink'>;
  };
  /** Who is asking; counted. @throws HedgerowError UNAUTHENTICATED, RATE_LIMITED */
  viewerOf: (request: FastifyRequest) => Promise<Viewer | null>;
}

export async function sessionRoutes(app: FastifyInstance, options: SessionRoutesOptions): Promise<void> {
  const { access, viewerOf } = options;
  // Signing in is guarded too: else a page could sign a visitor in as somebody else, and read what they then add.
  const ours = async (request: FastifyRequest): Promise<void> => access.assertSameOrigin(request.headers);
  // Before the body is read: guesses are counted by name too (access/attempts.ts), but links have no name.
  const counted = (request: FastifyRequest): Promise<void> => access.limits.take('entry', null, request.ip);
  const write = { bodyLimit: BODY_LIMIT, onRequest: counted, preValidation: ours };

  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });

  app.get('/session', async (request) => {
    const viewer = await viewerOf(request);
    if (viewer === null) throw new HedgerowError('UNAUTHENTICATED');
    const { user, role, scopes, via } = viewer;
    return { viewer: { user, role, scopes, via } };
  });

  app.post('/session', write, async (request, reply) => {
    const { name, password } = fields(request, 'name', 'password');
    const code = has(request, 'code') ? fields(request, 'code').code : undefined;
    return signIn(request, reply, { name, password, code });
  });

  app.delete('/session', { preValidation: ours }, async (request, reply) => {
    const { setCookie } = await access.signOut(request.headers, request.ip);
    return reply.code(204).header('set-cookie', setCookie).send();
  });

  app.post('/setup', write, async (request, reply) => {
    const { token, name, password } = fields(request, 'token', 'name', 'password');
    const user = await access.setup.createAdmin({ token, name, password, address: request.ip });
    return signIn(request, reply, { name: user.name, password });
  });

  app.post('/password', write, async (request, reply) => {
    const { token, password } = fields(request, 'token', 'password');
    const user = await access.users.setPasswordByLink({ token, password, address: request.ip });
    try {
      return await signIn(request, reply, { name: user.name, password });
    } catch (error) {
      if (!isCode(error, 'SECOND_FACTOR_REQUIRED')) throw error;
      // The password is set; the code is asked for where one signs in.
      return { user: { id: user.id, name: user.name, role: user.role } satisfies ViewerUser };
    }
  });

  async function signIn(
    request: FastifyRequest,
    reply: FastifyReply,
    credentials: { name: string; password: string; code?: string | undefined },
  ): Promise<{ user: ViewerUser }> {
    const { viewer, setCookie } = await access.signIn({
      ...credentials,
      address: request.ip,
      userAgent: request.headers['user-agent'],
      headers: request.headers,
    });
    reply.header('set-cookie', setCookie);
    return { user: viewer.user };
  }
}

function has(request: FastifyRequest, name: string): boolean {
  const body: unknown = request.body;
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name);
}

/** The named members of a JSON object, each a string. */
function fields<Name extends string>(request: FastifyRequest, ...names: Name[]): Record<Name, string> {
  const body: unknown = request.body;
  const values: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const value: unknown = has(request, name) ? (body as Record<string, unknown>)[name] : undefined;
    if (typeof value !== 'string') {
      throw new HedgerowError('INVALID', `The field "${name}" is missing, or is no text.`, { field: [name] });
    }
    values[name] = value;
  }
  return values as Record<Name, string>;
}
