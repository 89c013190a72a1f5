/**
 * Every unsafe request of a person or program that no other part writes to the audit: a route that is added later is
 * audited without anybody thinking of it.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuditEntry } from '../access/audit.ts';
import type { Viewer } from '../access/viewer.ts';
import { actorOf } from '../graphql/audit-mutations.ts';
import { HedgerowError } from '../lib/errors.ts';

/**
 * Mutations, sign-ins, commands of the terminal and peers are written where they happen, in better words; a tus upload
 * is made once and then goes on in many requests.
 */
const ELSEWHERE =
  /^\/(?:graphql$|session$|setup$|password$|internal\/|federation\/v1\/|federation\/images$|\.well-known\/)/;
const GOES_ON = new Set(['GET', 'HEAD', 'OPTIONS', 'PATCH /uploads']);

export interface RequestAudit {
  /** Remembers who asks, once that is known. */
  seen(request: FastifyRequest, viewer: Viewer | null): void;
}

export function auditRequests(
  app: FastifyInstance,
  audit: { record(entry: AuditEntry): Promise<void> },
): RequestAudit {
  const viewers = new WeakMap<FastifyRequest, Viewer | null>();
  const codes = new WeakMap<FastifyRequest, string>();
  const written = new WeakSet<FastifyRequest>();

  async function write(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { url } = request.routeOptions;
    if (url === undefined || ELSEWHERE.test(url) || written.has(request)) return;
    if (GOES_ON.has(request.method) || GOES_ON.has(`${request.method} /${url.split('/')[1]}`)) return;
    written.add(request);
    const { id, peerId } = (request.params ?? {}) as Record<string, unknown>;
    const target = typeof id === 'string' && /^[a-z]+_[A-Za-z0-9-]{1,64}$/.test(id) ? id : undefined;
    const status = reply.raw.headersSent ? reply.raw.statusCode : reply.statusCode;
    await audit.record({
      ...actorOf(viewers.get(request) ?? null),
      action: `${request.method} ${url}`,
      target,
      peerId: target?.startsWith('peer_') ? target : typeof peerId === 'string' ? peerId : undefined,
      outcome: status < 400 ? 'done' : status < 500 ? 'refused' : 'failed',
      code: codes.get(request),
      address: request.ip,
    });
  }

  app.addHook('onError', async (request, _reply, error) => {
    const known: unknown = error;
    codes.set(request, known instanceof HedgerowError ? known.code : 'INTERNAL');
  });
  // Before the answer goes out, so that what is confirmed is written.
  app.addHook('onSend', async (request, reply) => write(request, reply));
  // Where a route took the answer into its own hands, afterwards.
  app.addHook('onResponse', async (request, reply) => write(request, reply));
  return { seen: (request, viewer) => viewers.set(request, viewer) };
}
