/**
 * Pairing without GraphQL, in the shape that CortexPrism gave it (docs/federation.md, "Pairing over REST"): thin over
 * the same functions, with problem documents.
 */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { hasScope, type TokenScope, type Viewer } from '../access/viewer.ts';
import type { Database } from '../database/database.ts';
import type { Federation } from '../federation/federation.ts';
import { WHOLE_GRANT } from '../federation/grants.ts';
import { readerOf } from '../graphql/context.ts';
import { peersShownTo } from '../graphql/peer.ts';
import { HedgerowError } from '../lib/errors.ts';

export interface PairingRestRoutesOptions {
  /** @throws HedgerowError UNAUTHENTICATED, FORBIDDEN */
  viewerOf: (request: FastifyRequest) => Promise<Viewer | null>;
  federation: Pick<Federation, 'createInvitation' | 'pairWithPeer' | 'revokePeer'>;
  database: Pick<Database, 'prisma'>;
}

/** Bytes: an invitation code and an address. */
const BODY_LIMIT = 32 * 1024;
const MINUTES = 60;

export async function pairingRestRoutes(
  app: FastifyInstance,
  { viewerOf, federation, database }: PairingRestRoutesOptions,
): Promise<void> {
  const { prisma } = database;

  // Programs name the type also where there is nothing to send.
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, text === '' ? null : JSON.parse(text.toString()));
    } catch (error) {
      done(new HedgerowError('INVALID', 'The body is no JSON.', { cause: error }));
    }
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });

  const needs = async (request: FastifyRequest, scope: TokenScope): Promise<Viewer> => {
    const viewer = await viewerOf(request);
    if (viewer === null) throw new HedgerowError('UNAUTHENTICATED');
    if (!hasScope(viewer, scope)) throw new HedgerowError('FORBIDDEN', `This needs the scope ${scope}.`);
    return viewer;
  };
  // Before the body is read.
  const admins = {
    bodyLimit: BODY_LIMIT,
    onRequest: async (request: FastifyRequest) => {
      await needs(request, 'FEDERATION_ADMIN');
    },
  };

  app.post('/api/federation/generate-pairing-token', admins, async (request) => {
    const viewer = await viewerOf(request);
    const { invitationId, code } = await federation.createInvitation({
      note: null,
      grant: WHOLE_GRANT,
      expiresInMinutes: MINUTES,
      createdBy: viewer?.user?.id ?? null,
      mutual: false,
      allowPrivateEndpoint: false,
    });
    return { id: invitationId, token: code, expiresIn: '1 hour' };
  });

  app.post('/api/federation/pair', admins, async (request, reply) => {
    const { peerId } = await federation.pairWithPeer({
      code: required(request, 'pairing_token'),
      endpoint: textField(request, 'endpoint'),
      name: textField(request, 'peer_name'),
      shareBack: null,
    });
    const { id, name, endpoint } = await prisma.peer.findUniqueOrThrow({ where: { id: peerId } });
    return reply.code(201).send({ id, peerName: name, endpoint });
  });

  app.get('/api/federation/peers', async (request) => {
    const viewer = await needs(request, 'CATALOG_READ');
    const peers = await prisma.peer.findMany({
      where: { AND: [peersShownTo(readerOf(viewer)), { NOT: { status: 'REVOKED' } }] },
      orderBy: [{ pairedAt: 'desc' }, { key: 'desc' }],
    });
    return peers.map(peerAsShown);
  });

  app.delete<{ Params: { id: string } }>('/api/federation/peers/:id', admins, async (request) => {
    await federation.revokePeer(request.params.id, { keepCached: false });
    return { ok: true };
  });

  app.get<{ Params: { id: string } }>('/api/federation/peers/:id/agents', async (request) => {
    const viewer = await needs(request, 'CATALOG_READ');
    const peer = await prisma.peer.findFirst({
      where: {
        AND: [{ id: request.params.id, NOT: { status: 'REVOKED' } }, peersShownTo(readerOf(viewer))],
      },
      select: { agents: true },
    });
    if (peer === null) throw new HedgerowError('NOT_FOUND', 'There is no such peer.');
    return { agents: JSON.parse(peer.agents) };
  });
}

interface ShownPeer {
  id: string;
  name: string;
  endpoint: string;
  /** A JWK, or empty. */
  publicKey: string;
  pairedAt: Date;
  revokedAt: Date | null;
}

/** `public_key` is the 32 bytes of the pinned key in base64url, the `x` of its JWK; null for a peer without keys. */
function peerAsShown(peer: ShownPeer): Record<string, unknown> {
  const jwk = peer.publicKey === '' ? null : (JSON.parse(peer.publicKey) as { x: string });
  return {
    id: peer.id,
    peer_name: peer.name,
    endpoint: peer.endpoint,
    public_key: jwk?.x ?? null,
    paired_at: peer.pairedAt.toISOString(),
    revoked_at: peer.revokedAt?.toISOString() ?? null,
  };
}

function required(request: FastifyRequest, name: string): string {
  const value = textField(request, name);
  if (value === null)
    throw new HedgerowError('INVALID', `The field "${name}" is missing.`, { field: [name] });
  return value;
}

/** @returns null where it is missing or null */
function textField(request: FastifyRequest, name: string): string | null {
  const body: unknown = request.body;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new HedgerowError('INVALID', 'The body must be a JSON object.');
  }
  const value: unknown = Object.hasOwn(body, name) ? (body as Record<string, unknown>)[name] : null;
  if (value === null || value === undefined) return null;
  if (typeof value !== 'string')
    throw new HedgerowError('INVALID', `The field "${name}" is no text.`, { field: [name] });
  return value;
}
