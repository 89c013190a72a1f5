/** Bytes of any item, local or remote, for clients of this instance. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Catalog } from '../catalog/catalog.ts';
import type { Item } from '../catalog/items.ts';
import type { Reader } from '../catalog/visibility.ts';
import type { Database } from '../database/database.ts';
import { sql } from '../database/sql.ts';
import { deliverableFile } from '../delivery/deliverable.ts';
import type { CacheMode, Delivery } from '../delivery/delivery.ts';
import { HedgerowError } from '../lib/errors.ts';
import { VARIANT_NAMES } from '../lib/media.ts';
import { sendFile } from './send-file.ts';

export interface MediaRoutesOptions {
  catalog: Pick<Catalog, 'item' | 'remoteItem'>;
  database: Database;
  delivery: Pick<Delivery, 'open'>;
  /** @throws HedgerowError UNAUTHENTICATED, FORBIDDEN where the token may not read media */
  readerOf: (request: FastifyRequest) => Promise<Reader>;
  /** Writes a fault of our own down; answers the id under which the log has it. */
  onError: (error: unknown) => string;
}

export async function mediaRoutes(app: FastifyInstance, options: MediaRoutesOptions): Promise<void> {
  const { catalog, database, delivery, readerOf, onError } = options;

  app.get('/media/:id/:variant', async (request, reply) => {
    const { id } = request.params as { id: string };
    const reader = await readerOf(request);
    await send(request, reply, reader, await catalog.item(reader, id));
  });

  // The same bytes, by the peer's id here (or its instance id) and its own id of the item.
  app.get('/federation/proxy/:peerId/:remoteId/:variant', async (request, reply) => {
    const { peerId, remoteId } = request.params as { peerId: string; remoteId: string };
    const reader = await readerOf(request);
    const peer = await database.read.get<{ key: number }>(
      sql`SELECT key FROM federation_peers WHERE status <> 'REVOKED' AND (id = ${peerId} OR instance_id = ${peerId}) ORDER BY key DESC LIMIT 1`,
    );
    await send(
      request,
      reply,
      reader,
      peer === undefined ? null : await catalog.remoteItem(reader, peer.key, remoteId),
    );
  });

  async function send(
    request: FastifyRequest,
    reply: FastifyReply,
    reader: Reader,
    item: Item | null,
  ): Promise<void> {
    const { variant } = request.params as { variant: string };
    const name = VARIANT_NAMES.find((known) => known === variant);
    const file =
      item === null || name === undefined ? null : deliverableFile(item, name, await cacheMode(item));
    // Whether it is not there or not for this reader is nobody's business.
    if (item === null || file === null) throw new HedgerowError('NOT_FOUND');
    if (item.held) throw new HedgerowError('REMOVALS_HELD');
    reply.hijack();
    await sendFile(request.raw, reply.raw, file, {
      delivery,
      fill: reader.kind !== 'ANONYMOUS',
      onError,
    });
  }

  async function cacheMode(item: Item): Promise<CacheMode> {
    if (item.source === 0) return 'NONE';
    const peer = await database.read.get<{ mode: CacheMode }>(
      sql`SELECT cache_mode AS mode FROM federation_peers WHERE key = ${item.source}`,
    );
    return peer?.mode ?? 'NONE';
  }
}
