/** `GET /federation/v1/media/{id}/{variant}` and its segment digests: bytes for peers. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readSharedItem } from '../../catalog/feed.ts';
import { mayFetch } from '../../catalog/shared-item.ts';
import { deliverableFile } from '../../delivery/deliverable.ts';
import type { DeliverableFile, Delivery } from '../../delivery/delivery.ts';
import type { FederationContext } from '../../federation/context.ts';
import type { ServedPeer } from '../../federation/serve/authenticate.ts';
import type { PeerLimiter } from '../../federation/serve/limits.ts';
import type { PeerStreams } from '../../federation/serve/streams.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { VARIANT_NAMES } from '../../lib/media.ts';
import { segmentListKey } from '../../storage/paths.ts';
import { breakOff, type SentFile, sendFile } from '../send-file.ts';
import type { PeerRoute } from './peer-route.ts';

export interface ByteRoutesOptions {
  context: FederationContext;
  delivery: Pick<Delivery, 'open'>;
  route: PeerRoute;
  limiter: PeerLimiter;
  streams: PeerStreams;
  served: (peerKey: number, bytes: number) => void;
}

export function byteRoutes(app: FastifyInstance, options: ByteRoutesOptions): void {
  const { context, delivery, route, limiter, streams, served } = options;
  const get = { exposeHeadRoute: false };

  app.get(
    '/federation/v1/media/:id/:variant',
    get,
    route(async (peer, request, reply) => {
      const sent = await sendMedia(peer, request, reply, await sharedFile(peer, request));
      const { id, variant } = request.params as { id: string; variant: string };
      context.audit.served({ peerId: peer.id, itemId: id, variant, bytes: sent.bytes });
    }),
  );

  app.get(
    '/federation/v1/media/:id/:variant/segments',
    get,
    route(async (peer, request, reply) => {
      await sendMedia(peer, request, reply, segmentListOf(await sharedFile(peer, request)));
    }),
  );

  /** What the grant does not open is answered like what does not exist. */
  async function sharedFile({ grant }: ServedPeer, request: FastifyRequest): Promise<DeliverableFile> {
    const { id, variant } = request.params as { id: string; variant: string };
    const name = VARIANT_NAMES.find((known) => known === variant);
    if (name === undefined || !mayFetch(grant.access, name)) throw new HedgerowError('NOT_FOUND');
    const item = await readSharedItem(context.database.read, grant, id);
    const file = item === null ? null : deliverableFile(item, name, 'NONE');
    if (file === null) throw new HedgerowError('NOT_FOUND');
    return file;
  }

  async function sendMedia(
    peer: ServedPeer,
    request: FastifyRequest,
    reply: FastifyReply,
    file: DeliverableFile,
  ): Promise<SentFile> {
    const { leave, pacer } = limiter.stream(peer.key, peer.limits);
    const ended = streams.enter({
      peerKey: peer.key,
      direction: 'to-peer',
      grant: peer.grant,
      cut: () => breakOff(reply.raw),
    });
    reply.hijack();
    try {
      const sent = await sendFile(request.raw, reply.raw, file, {
        delivery,
        fill: false,
        cacheControl: 'private, no-transform',
        pacer,
        now: context.now,
      });
      served(peer.key, sent.bytes);
      return sent;
    } finally {
      ended();
      leave();
    }
  }
}

/** The list of a file's segment digests, which is a file of its own with a digest of its own. */
function segmentListOf(file: DeliverableFile): DeliverableFile {
  if (file.segments === null)
    throw new HedgerowError('NOT_FOUND', 'The file is one segment, so it has no list.');
  const { count, digest } = file.segments;
  return {
    ...file,
    mimeType: 'application/octet-stream',
    size: count * 32,
    digest,
    segments: null,
    filename: null,
    local: { storage: 'MANAGED', key: segmentListKey(digest) },
  };
}
