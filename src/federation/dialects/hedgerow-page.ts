/**
 * A page of the native feed, from the answer as it came to the items of the catalog: proven, decoded, parsed, checked.
 * It needs nothing but the answer, so any thread can do it.
 */
import { parseLocalDateTime } from '../../catalog/items.ts';
import type { RemoteItem } from '../../catalog/remote-changes.ts';
import type { Variant } from '../../lib/media.ts';
import { type AnswerVerdict, type SentRequest, verifyAnswer } from '../identity/answer-signatures.ts';
import type { FieldList } from '../identity/http-fields.ts';
import type { PublicKey } from '../identity/keys.ts';
import { contentCoding, decodeContent } from '../wire/content-coding.ts';
import { kindFromWire, readFeedPage, type WireItem } from '../wire/feed.ts';
import { parseJson } from '../wire/json.ts';
import { ANSWER_BYTES } from '../wire/limits.ts';
import type { ListingPage } from './dialect.ts';

/** An answer with status 200, of which nothing is proven yet, and what it takes to prove it. */
export interface UnreadPage {
  status: 200;
  fields: FieldList;
  /** As it arrived, encoded. */
  body: Uint8Array;
  sent: SentRequest;
  /** When it arrived, ms. */
  at: number;
  /** The limit that was asked for. */
  limit: number;
  roundTripMs: number;
}

export interface ProvenPage<Page> {
  verdict: AnswerVerdict;
  /** What is in it; not to be asked for where the verdict is not `signed`. */
  page(): Promise<Page>;
}

/** Whoever proves and reads pages, in this thread or another. */
export type PageReader<Page> = (page: UnreadPage, key: PublicKey) => Promise<ProvenPage<Page>>;

/** @param maxBytes of the decoded content */
export async function readUnreadPage(
  unread: UnreadPage,
  key: PublicKey,
  maxBytes: number = ANSWER_BYTES,
): Promise<ProvenPage<ListingPage>> {
  return {
    verdict: verifyAnswer(unread, unread.sent, key, new Date(unread.at)),
    page: async () => {
      const content = await decodeContent(unread.body, contentCoding(unread.fields), maxBytes);
      const page = readFeedPage(parseJson(content), unread.limit);
      return {
        items: page.items.map(remoteItem),
        skipped: page.skipped.map(({ id, version, reason }) => ({ remoteId: id, version, reason })),
        removed: page.removed.map((removal) => removal.id),
        cursor: page.cursor,
        epoch: page.epoch,
        complete: page.complete ? { total: page.total, checksum: page.checksum } : null,
        roundTripMs: unread.roundTripMs,
        bytes: content.length,
      };
    },
  };
}

function remoteItem(item: WireItem): RemoteItem {
  const original: Variant[] =
    item.digest === undefined
      ? []
      : [
          {
            name: 'original',
            mimeType: item.mimeType,
            size: item.size,
            digest: item.digest,
            ...(item.segments && { segments: item.segments }),
            ...(item.width !== undefined && { width: item.width }),
            ...(item.height !== undefined && { height: item.height }),
          },
        ];
  return {
    remoteId: item.id,
    version: item.version,
    kind: kindFromWire(item.kind),
    title: item.title,
    description: item.description ?? null,
    filename: item.filename ?? null,
    mimeType: item.mimeType,
    byteSize: item.size,
    digest: item.digest ?? null,
    width: item.width ?? null,
    height: item.height ?? null,
    durationMs: item.duration ?? null,
    pageCount: item.pages ?? null,
    thumbhash: item.thumbhash ?? null,
    takenAt: item.takenAt === undefined ? null : parseLocalDateTime(item.takenAt),
    takenAtOffset: item.takenAtOffset ?? null,
    createdAt: Date.parse(item.createdAt),
    updatedAt: Date.parse(item.updatedAt),
    tags: item.tags,
    albums: item.albums,
    creator: item.creator ?? null,
    license: item.license ?? null,
    properties: item.properties,
    variants: [
      ...item.variants.map((variant) => ({
        name: variant.name,
        mimeType: variant.mimeType,
        size: variant.size,
        digest: variant.digest,
        ...(variant.segments && { segments: variant.segments }),
        ...(variant.width !== undefined && { width: variant.width }),
        ...(variant.height !== undefined && { height: variant.height }),
      })),
      ...original,
    ],
  };
}
