/** `GET /federation/v1/media/{id}/{variant}` and its segment digests: bytes for peers. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { readSharedItem } from '../../catalog/feed.ts';
import { deliverableFile } from '../../delivery/deliverable.ts';
import type { DeliverableFile } from '../../delivery/delivery.ts';
import type { FederationContext } from '../../federation/context.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { VARIANT_NAMES, type VariantName } from '../../lib/media.ts';
import { segmentListKey } from '../../storage/paths.ts';
import type { PeerRoute } from './peer-route.ts';
import type { PeerSender } from './send-to-peer.ts';

export interface ByteRoutesOptions {
  context: FederationContext;
  route: PeerRoute;
  send: PeerSender;
}

export function byteRoutes(app: FastifyInstance, options: ByteRoutesOptions): void {
  const { context, route, send } = options;
  const get = { exposeHeadRoute: false };

  app.get(
    '/federation/v1/media/:id/:variant',
    get,
    route(async (peer, request, reply) => {
      const sent = await send(peer, request, reply, await sharedFile(request));
      const { id, variant } = request.params as { id: string; variant: string };
      context.audit.served({ peerId: peer.id, itemId: id, variant, bytes: sent.bytes });
    }),
  );

  app.get(
    '/federation/v1/media/:id/:variant/segments',
    get,
    route(async (peer, request, reply) => {
      await send(peer, request, reply, segmentListOf(await sharedFile(request)));
    }),
  );

  async function sharedFile(request: FastifyRequest): Promise<DeliverableFile> {
    const { id, variant } = request.params as { id: string; variant: string };
    const name = VARIANT_NAMES.find((known) => known === variant);
    const item = name === undefined ? null : await readSharedItem(context.database.read, id);
    const file = item === null ? null : deliverableFile(item, name as VariantName, 'NONE');
    if (file === null) throw new HedgerowError('NOT_FOUND');
    return file;
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
