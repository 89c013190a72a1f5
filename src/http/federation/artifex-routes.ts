/**
 * The described form of the dialect artifex, served: one list of pictures and their bytes, for servers of that make
 * (docs/federation.md, "Other dialects"). Their token opens these routes and no others.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { readSharedItem } from '../../catalog/feed.ts';
import { readSharedImages } from '../../catalog/shared-images.ts';
import { mayFetch } from '../../catalog/shared-item.ts';
import { deliverableFile } from '../../delivery/deliverable.ts';
import type { FederationContext } from '../../federation/context.ts';
import { artifex } from '../../federation/dialects/artifex/artifex.ts';
import { oneField } from '../../federation/identity/http-fields.ts';
import type { ReadingPeer } from '../../federation/serve/authenticate.ts';
import type { PeerLimiter } from '../../federation/serve/limits.ts';
import { authenticateForeign } from '../../federation/serve/peer-credentials.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { VARIANT_NAMES, type VariantName } from '../../lib/media.ts';
import type { Answers } from './answers.ts';
import { createPeerRoute } from './peer-route.ts';
import type { PeerSender } from './send-to-peer.ts';

export interface ArtifexRoutesOptions {
  context: FederationContext;
  answers: Answers;
  limiter: PeerLimiter;
  served: (peerKey: number, bytes: number) => void;
  send: PeerSender;
}

/** All that the form has: there is no second page. */
const LIST_MAX = 500;

export function artifexRoutes(app: FastifyInstance, options: ArtifexRoutesOptions): void {
  const { context, answers, limiter, served, send } = options;
  const get = { exposeHeadRoute: false };
  const route = createPeerRoute({
    authenticate: (_context, { fields }) => {
      const token = oneField(fields, 'x-federation-token');
      return authenticateForeign(context, artifex, token.kind === 'one' ? token.value : null);
    },
    context,
    answers,
    limiter,
    served,
  });

  for (const path of ['/federation/v1/images', '/federation/images']) {
    app.get(
      path,
      get,
      route(async (peer, _request, reply) => {
        const text = JSON.stringify(await list(peer));
        await reply
          .headers({ 'content-type': 'application/json', 'cache-control': 'private, no-transform' })
          .send(text);
        served(peer.key, Buffer.byteLength(text));
      }),
    );
  }

  app.get(
    '/images/:id/:variant',
    get,
    route(async (peer, request, reply) => {
      const { id, variant } = request.params as { id: string; variant: string };
      // Some servers of this make ask for the original by its other name.
      const name = VARIANT_NAMES.find((known) => known === (variant === 'full' ? 'original' : variant));
      await sendVariant(peer, id, name, reply);
    }),
  );

  async function list({ grant }: ReadingPeer): Promise<unknown> {
    const { name, publicUrl } = context.self();
    const images = await readSharedImages(context.database.read, grant, LIST_MAX);
    return {
      peer: { name, id: context.identity.id },
      images: images.map(({ id, title, width, height }) => ({
        id,
        title,
        width,
        height,
        thumbnail_url: `${publicUrl}/images/${id}/thumbnail`,
      })),
    };
  }

  async function sendVariant(
    peer: ReadingPeer,
    id: string,
    variant: VariantName | undefined,
    reply: FastifyReply,
  ): Promise<void> {
    const item =
      variant === undefined || !mayFetch(peer.grant.access, variant)
        ? null
        : await readSharedItem(context.database.read, peer.grant, id);
    const file =
      variant === undefined || item === null || item.kind !== 'IMAGE'
        ? null
        : deliverableFile(item, variant, 'NONE');
    // What is not shown to this peer is not there.
    if (file === null) throw new HedgerowError('NOT_FOUND');
    const sent = await send(peer, reply.request, reply, file);
    context.audit.served({ peerId: peer.id, itemId: id, variant: file.variant, bytes: sent.bytes });
  }
}
