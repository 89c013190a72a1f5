/** Bytes of any item, local or remote, for clients of this instance. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Viewer } from '../access/viewer.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { type Item, LOCAL_SOURCE } from '../catalog/items.ts';
import { createRecall } from '../catalog/recall.ts';
import type { Reader } from '../catalog/visibility.ts';
import type { Database } from '../database/database.ts';
import { deliverableFile } from '../delivery/deliverable.ts';
import type { DeliverableFile, Delivery, LocalPlace } from '../delivery/delivery.ts';
import { cacheModeOf, peerKeyOf } from '../federation/peers/find-peer.ts';
import type { PeerStreams } from '../federation/serve/streams.ts';
import { HedgerowError } from '../lib/errors.ts';
import { VARIANT_NAMES } from '../lib/media.ts';
import { breakOff, sendFile } from './send-file.ts';
import type { FileViewer, Viewers } from './viewers.ts';

export interface MediaRoutesOptions {
  catalog: Pick<Catalog, 'item' | 'remoteItem' | 'copies'>;
  database: Database;
  delivery: Pick<Delivery, 'open' | 'measure'>;
  streams: PeerStreams;
  /** @throws HedgerowError UNAUTHENTICATED, FORBIDDEN (a link that has expired, say), RATE_LIMITED */
  viewerOf: Viewers['ofFile'];
  /** @throws HedgerowError UNAUTHENTICATED, FORBIDDEN where the token may not read media */
  readerOf: (viewer: Viewer | null) => Reader;
  whileStanding: Viewers['whileStanding'];
  /** Writes a fault of our own down; answers the id under which the log has it. */
  onError: (error: unknown) => string;
}

interface FoundFile {
  item: Pick<Item, 'source' | 'held'>;
  file: DeliverableFile;
}

export async function mediaRoutes(app: FastifyInstance, options: MediaRoutesOptions): Promise<void> {
  const { catalog, database, delivery, streams, viewerOf, readerOf, onError } = options;
  const files = createRecall<FoundFile>(database);

  app.get('/media/:id/:variant', async (request, reply) => {
    const { id, variant } = request.params as { id: string; variant: string };
    const asker = await viewerOf(request, id, variant);
    const reader = readerOf(asker.viewer);
    const found = await files(JSON.stringify([reader, id, variant]), async () =>
      fileOf(reader, variant, await catalog.item(reader, id)),
    );
    await send(request, reply, asker, reader, found);
  });

  // The same bytes, by the peer's id here (or its instance id) and its own id of the item.
  app.get('/federation/proxy/:peerId/:remoteId/:variant', async (request, reply) => {
    const { peerId, remoteId, variant } = request.params as Record<'peerId' | 'remoteId' | 'variant', string>;
    const asker = await viewerOf(request, remoteId, variant);
    // Links are signed for ids of ours; an item's id at its peer is none.
    if (asker.signed) throw new HedgerowError('FORBIDDEN');
    const reader = readerOf(asker.viewer);
    const peerKey = await peerKeyOf(database.read, peerId);
    const found =
      peerKey === null
        ? null
        : await files(JSON.stringify([reader, peerKey, remoteId, variant]), async () =>
            fileOf(reader, variant, await catalog.remoteItem(reader, peerKey, remoteId)),
          );
    await send(request, reply, asker, reader, found);
  });

  async function send(
    request: FastifyRequest,
    reply: FastifyReply,
    { viewer, signed }: FileViewer,
    reader: Reader,
    found: FoundFile | null,
  ): Promise<void> {
    // Whether it is not there or not for this reader is nobody's business.
    if (found === null) throw new HedgerowError('NOT_FOUND');
    const { item, file } = found;
    if (item.held) throw new HedgerowError('REMOVALS_HELD');
    // The headers of an answer to these, or of any without a known type, say what not every peer's catalog does.
    const unknown = file.mimeType === '' || (file.size === null && needsSize(request));
    const measured = unknown ? await delivery.measure(file) : file;
    // What a peer has shared ends with the pairing, also where it comes from our own disk.
    const ended =
      item.source === LOCAL_SOURCE
        ? undefined
        : streams.enter({
            peerKey: item.source,
            direction: 'to-clients',
            cut: () => breakOff(reply.raw),
          });
    reply.hijack();
    options.whileStanding(viewer, reply);
    try {
      await sendFile(request.raw, reply.raw, measured, {
        delivery,
        fill: reader.kind !== 'ANONYMOUS',
        embeddable: signed,
        onError,
      });
    } finally {
      ended?.();
    }
  }

  /** All that is to be known of a file before it is sent; null where the item is not there, or has no such variant. */
  async function fileOf(reader: Reader, variant: string, item: Item | null): Promise<FoundFile | null> {
    const name = VARIANT_NAMES.find((known) => known === variant);
    if (item === null || name === undefined) return null;
    const local = item.source === LOCAL_SOURCE;
    const file = deliverableFile(item, name, local ? 'NONE' : await cacheModeOf(database.read, item.source));
    if (file === null) return null;
    const twin = local ? undefined : await twinOf(reader, file);
    const { source, held } = item;
    return { item: { source, held }, file: twin === undefined ? file : { ...file, twin } };
  }

  /** Where the same original is in a local item that the reader may see. */
  async function twinOf(
    reader: Reader,
    { variant, digest }: DeliverableFile,
  ): Promise<LocalPlace | undefined> {
    if (variant !== 'original' || digest === null) return undefined;
    const copies = (await catalog.copies(reader, [digest])).get(digest) ?? [];
    const own = copies.find(({ source }) => source === LOCAL_SOURCE);
    return own === undefined ? undefined : (deliverableFile(own, 'original', 'NONE')?.local ?? undefined);
  }
}

function needsSize({ method, headers }: FastifyRequest): boolean {
  return method === 'HEAD' || headers.range !== undefined;
}
