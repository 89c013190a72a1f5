import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VIEWERS } from '../../test/support/graphql.ts';
import type { AuditEntry } from '../access/audit.ts';
import { HedgerowError } from '../lib/errors.ts';
import { auditRequests } from './audit-hook.ts';

let app: FastifyInstance;
let audited: AuditEntry[];
/** What was in the audit when the answer went out. */
let before: number;

beforeEach(async () => {
  audited = [];
  app = Fastify();
  const requests = auditRequests(app, {
    record: async (entry) => {
      await new Promise((resolve) => setImmediate(resolve));
      audited.push(entry);
    },
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof HedgerowError ? error.status : 500;
    return reply.code(status).send({});
  });
  app.addHook('preHandler', async (request) => {
    if (request.headers['x-who'] === 'editor') requests.seen(request, VIEWERS.editor);
  });
  const routes = [
    '/api/federation/peers/:id',
    '/uploads',
    '/uploads/:id',
    '/graphql',
    '/session',
    '/internal/accounts/x',
  ];
  for (const url of routes) {
    app.route({
      url,
      method: ['GET', 'POST', 'PATCH', 'DELETE'],
      handler: async () => ({ secret: 'hunter2' }),
    });
  }
  app.post('/refused', async () => {
    throw new HedgerowError('FORBIDDEN');
  });
  app.post('/broken', async () => {
    throw new Error('A fault.');
  });
  app.post('/raw', async (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(201).end();
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(() => app.close());

async function send(method: string, path: string, headers: Record<string, string> = {}): Promise<void> {
  const address = app.server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers });
  before = audited.length;
  await answer.text();
}

describe('an unsafe request', () => {
  it('is in the audit before its answer goes out, by its route, with who asked and for what', async () => {
    await send('DELETE', '/api/federation/peers/peer_1?token=hunter2', { 'x-who': 'editor' });
    expect(before).toBe(1);
    expect(audited).toEqual([
      {
        actorKind: 'USER',
        actor: 'user_editor',
        action: 'DELETE /api/federation/peers/:id',
        target: 'peer_1',
        peerId: 'peer_1',
        outcome: 'done',
        code: undefined,
        address: '127.0.0.1',
      },
    ]);
  });

  it('is there with its code where it was refused or failed, and no id that is none', async () => {
    await send('POST', '/refused');
    await send('POST', '/broken');
    await send('POST', '/api/federation/peers/hedgerow_pair_hunter2');
    expect(audited).toMatchObject([
      { actorKind: 'ANONYMOUS', action: 'POST /refused', outcome: 'refused', code: 'FORBIDDEN' },
      { action: 'POST /broken', outcome: 'failed', code: 'INTERNAL' },
      { action: 'POST /api/federation/peers/:id', target: undefined },
    ]);
    expect(JSON.stringify(audited)).not.toContain('hunter2');
  });

  it('is there where the route answers by itself', async () => {
    await send('POST', '/raw');
    await expect.poll(() => audited).toMatchObject([{ action: 'POST /raw', outcome: 'done' }]);
  });

  it('is there once, and not where another part writes it, nor where nothing is there or nothing changes', async () => {
    for (const path of ['/graphql', '/session', '/internal/accounts/x', '/nowhere']) await send('POST', path);
    await send('GET', '/api/federation/peers/peer_1');
    await send('PATCH', '/uploads/upload_1');
    expect(audited).toEqual([]);
    await send('POST', '/uploads');
    await send('DELETE', '/uploads/x');
    expect(audited.map(({ action }) => action)).toEqual(['POST /uploads', 'DELETE /uploads/:id']);
  });
});
