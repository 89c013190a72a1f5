/** `GET /federation/v1/media/{id}/{variant}` and its segment digests: bytes for peers. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { readSharedItem } from '../../catalog/feed.ts';
import { mayFetch } from '../../catalog/shared-item.ts';
import { deliverableFile } from '../../delivery/deliverable.ts';
import type { DeliverableFile } from '../../delivery/delivery.ts';
import type { FederationContext } from '../../federation/context.ts';
import type { ReadingPeer } from '../../federation/serve/authenticate.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { VARIANT_NAMES } from '../../lib/media.ts';
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
      const sent = await send(peer, request, reply, await sharedFile(peer, request));
      const { id, variant } = request.params as { id: string; variant: string };
      context.audit.served({ peerId: peer.id, itemId: id, variant, bytes: sent.bytes });
    }),
  );

  app.get(
    '/federation/v1/media/:id/:variant/segments',
    get,
    route(async (peer, request, reply) => {
      await send(peer, request, reply, segmentListOf(await sharedFile(peer, request)));
    }),
  );

  /** What the grant does not open is answered like what does not exist. */
  async function sharedFile({ grant }: ReadingPeer, request: FastifyRequest): Promise<DeliverableFile> {
    const { id, variant } = request.params as { id: string; variant: string };
    const name = VARIANT_NAMES.find((known) => known === variant);
    if (name === undefined || !mayFetch(grant.access, name)) throw new HedgerowError('NOT_FOUND');
    const item = await readSharedItem(context.database.read, grant, id);
    const file = item === null ? null : deliverableFile(item, name, 'NONE');
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
