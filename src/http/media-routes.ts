/** Bytes of any item, local or remote, for clients of this instance. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Refusal } from '../access/limits.ts';
import type { Viewer } from '../access/viewer.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { type Item, LOCAL_SOURCE } from '../catalog/items.ts';
import { createRecall } from '../catalog/recall.ts';
import type { Reader } from '../catalog/visibility.ts';
import type { Counters } from '../database/counters.ts';
import type { Database } from '../database/database.ts';
import { deliverableFile } from '../delivery/deliverable.ts';
import type { DeliverableFile, Delivery, LocalPlace } from '../delivery/delivery.ts';
import { cacheModeOf, peerKeyOf } from '../federation/peers/find-peer.ts';
import type { PeerStreams } from '../federation/serve/streams.ts';
import { HedgerowError } from '../lib/errors.ts';
import { VARIANT_NAMES } from '../lib/media.ts';
import { problemOf } from './problem.ts';
import { breakOff, isPlain, sendFile, sendFromMemory, sendProblem } from './send-file.ts';
import { type ShortWay, soon } from './short-way.ts';
import type { FileViewer, Viewers } from './viewers.ts';

export interface MediaRoutesOptions {
  catalog: Pick<Catalog, 'item' | 'remoteItem' | 'localCopy'>;
  database: Database;
  delivery: Pick<Delivery, 'open' | 'measure' | 'inMemory'>;
  short: ShortWay;
  streams: PeerStreams;
  viewers: Pick<Viewers, 'ofFile' | 'lately' | 'spend' | 'whileStanding'>;
  /** @throws HedgerowError UNAUTHENTICATED, FORBIDDEN where the token may not read media */
  readerOf: (viewer: Viewer | null) => Reader;
  /** Writes a fault of our own down; answers the id under which the log has it. */
  onError: (error: unknown) => string;
}

interface FoundFile {
  item: Pick<Item, 'source' | 'held'>;
  file: DeliverableFile;
}

export async function mediaRoutes(app: FastifyInstance, options: MediaRoutesOptions): Promise<void> {
  const { catalog, database, delivery, streams, viewers, readerOf, short, onError } = options;
  const files = createRecall<FoundFile>(database);

  app.get('/media/:id/:variant', async (request, reply) => {
    const { id, variant } = request.params as { id: string; variant: string };
    const asker = await viewers.ofFile(request, id, variant);
    const reader = readerOf(asker.viewer);
    const found = await files(nameOf(reader, null, id, variant), async () =>
      fileOf(reader, variant, await catalog.item(reader, id)),
    );
    await send(request, reply, asker, reader, found);
  });

  // The same bytes, by the peer's id here (or its instance id) and its own id of the item.
  app.get('/federation/proxy/:peerId/:remoteId/:variant', async (request, reply) => {
    const { peerId, remoteId, variant } = request.params as Record<'peerId' | 'remoteId' | 'variant', string>;
    const asker = await viewers.ofFile(request, remoteId, variant);
    // Links are signed for ids of ours; an item's id at its peer is none.
    if (asker.signed) throw new HedgerowError('FORBIDDEN');
    const reader = readerOf(asker.viewer);
    const peerKey = await peerKeyOf(database.read, peerId);
    const found =
      peerKey === null
        ? null
        : await files(nameOf(reader, peerKey, remoteId, variant), async () =>
            fileOf(reader, variant, await catalog.remoteItem(reader, peerKey, remoteId)),
          );
    await send(request, reply, asker, reader, found);
  });

  short.add((request, response, path, leave) => {
    const [, id, variant] = PLAIN_PATH.exec(path) ?? [];
    if (id === undefined || variant === undefined || !isPlain(request)) return false;
    const { counters } = database;
    const look = (at: Counters): void =>
      soon(
        () => viewers.lately(request, at.access),
        ({ viewer }) => answerFromMemory(request, response, { viewer, id, variant, at }, leave),
        leave,
      );
    soon(() => counters.now() ?? counters.read(), look, leave);
    return true;
  });

  function answerFromMemory(
    request: IncomingMessage,
    response: ServerResponse,
    { viewer, id, variant, at }: { viewer: Viewer | null; id: string; variant: string; at: Counters },
    leave: () => void,
  ): void {
    const reader = readerOf(viewer);
    const found = files.known(nameOf(reader, null, id, variant), at);
    const isReady = found !== null && !found.item.held && found.file.mimeType !== '';
    const whole = isReady && (viewer !== null || !short.proxied) ? delivery.inMemory(found.file) : null;
    if (found === null || whole === null) {
      leave();
      return;
    }
    const { item, file } = found;
    const answer = (refused: Refusal): void => {
      if (refused !== null) {
        sendProblem(request, response, problemOf(refused));
        return;
      }
      sendFromMemory(request, response, file, whole, short.safety);
      // Whatever the connection has not taken yet is on its way for as long as its reader likes.
      if (response.writableLength > 0) watchOver(viewer, item, response);
    };
    soon(() => viewers.spend('bytes', viewer, request), answer, leave);
  }

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
    reply.hijack();
    watchOver(viewer, item, reply.raw);
    await sendFile(request.raw, reply.raw, measured, {
      delivery,
      fill: reader.kind !== 'ANONYMOUS',
      embeddable: signed,
      onError,
    });
  }

  /** Breaks an answer off that goes on after its viewer is shut out, or the item's peer is. */
  function watchOver(viewer: Viewer | null, { source }: FoundFile['item'], response: ServerResponse): void {
    // It was the client who broke it off, and nothing will be told of that any more.
    if (response.closed) return;
    viewers.whileStanding(viewer, { raw: response });
    // What a peer has shared ends with the pairing, also where it comes from our own disk.
    if (source === LOCAL_SOURCE) return;
    const cut = (): void => breakOff(response);
    response.once('close', streams.enter({ peerKey: source, direction: 'to-clients', cut }));
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
    const own = await catalog.localCopy(reader, digest);
    return own === null ? undefined : (deliverableFile(own, 'original', 'NONE')?.local ?? undefined);
  }
}

/** Of an item of ours, and nothing beside it: a link that is signed has a query. */
const PLAIN_PATH = /^\/media\/([a-z0-9_]{1,64})\/([a-z]{1,16})$/;

/** What a reader may see of a file, by a text that no other file has: an id of somebody else's may hold any character. */
function nameOf(reader: Reader, peerKey: number | null, id: string, variant: string): string {
  const user = reader.kind === 'ANONYMOUS' ? '' : (reader.userId ?? '');
  return `${reader.kind}/${user}/${peerKey ?? ''}/${id.length}/${id}/${variant}`;
}

function needsSize({ method, headers }: FastifyRequest): boolean {
  return method === 'HEAD' || headers.range !== undefined;
}
