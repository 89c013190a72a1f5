/**
 * The seam between what this server wants of a peer and how the peer is asked for it. Everything above a dialect
 * sees the same items, cursors and errors; docs/federation.md lists what each dialect can say.
 */
import type { Readable } from 'node:stream';
import type { RemoteItem } from '../../catalog/remote-changes.ts';
import type { ByteSource } from '../../delivery/upstream.ts';
import type { HedgerowError } from '../../lib/errors.ts';
import type { VariantName } from '../../lib/media.ts';
import type { CursorExpiry, IssuedCredential, StatusAnswer, WireAgent } from '../wire/messages.ts';
import type { ForeignHost } from './foreign-host.ts';
import type { PageReader } from './hedgerow-page.ts';
import type { Pace } from './pacer.ts';

/** What a peer says of all that it shares. */
export interface WholeListing {
  /** How many items there are; null where the peer does not say, or said different numbers meanwhile. */
  total: number | null;
  /**
   * Over ids and versions. Null in dialects that have none: then an item is gone where a whole in one page does not
   * show it, or two passes over several pages.
   */
  checksum: string | null;
}

/** One page of what a peer shares. */
export interface ListingPage {
  items: RemoteItem[];
  /** Items that break a limit. */
  skipped: { remoteId: string; version: string; reason: string }[];
  removed: string[];
  cursor: string;
  epoch: string;
  /** Null while more is to come; then what the whole should be. */
  complete: WholeListing | null;
  roundTripMs: number;
  /** Of its content, decoded, where it is known: what it takes to hold it. */
  bytes?: number;
}

export interface MediaRef {
  remoteId: string;
  variant: VariantName;
}

/** Bytes as they come; nothing of them is verified yet. */
export interface MediaBytes {
  status: 200 | 206;
  /** First byte of the file that the body begins with. */
  start: number;
  /** Bytes of the whole file, where the peer says. */
  size: number | null;
  body: Readable | ByteSource;
  /** What the peer calls this version of the file, where it does and no digest names it. */
  tag?: string | null;
  /** Media type, where the catalog may not know it. */
  type?: string;
}

/** What can be asked of one peer. Every failure is a HedgerowError of the `PEER_…` kind, or of those named. */
export interface PeerClient {
  /**
   * ms after which the peer is listed from the start again, because its changes do not tell everything; 0: every time.
   * Absent where they do. Throws as `list`.
   */
  relistAfter?(signal: AbortSignal): Promise<number>;
  /**
   * @param cursor - where the last page ended; null lists from the start.
   * @param limit - entries of the page; a dialect whose server gives pages of a size of its own may exceed it.
   * @throws CursorExpired where the listing must begin anew; REVOKED, GRANT_ENDED, CREDENTIAL_REFUSED, CLOCK_SKEW
   *   only where the peer proved that it says so.
   */
  list(cursor: string | null, limit: number, signal: AbortSignal): Promise<ListingPage>;
  /**
   * As `list`, of dialects whose answers prove themselves: they go to `read` as they came, so that another thread may
   * prove and read them.
   */
  listBy?<Page>(
    cursor: string | null,
    limit: number,
    signal: AbortSignal,
    read: PageReader<Page>,
  ): Promise<Page>;
  /** @throws NOT_FOUND, PEER_RATE_LIMITED with `retryAfter` besides. */
  bytes(
    ref: MediaRef,
    range: { start: number; end: number } | null,
    signal: AbortSignal,
  ): Promise<MediaBytes>;
  /** SHA-256 of each segment, concatenated. */
  segmentList(ref: MediaRef, signal: AbortSignal): Promise<Buffer>;
  /** Automated agents that it publishes; a dialect that knows none has no such method. @throws NOT_FOUND */
  agents?(signal: AbortSignal): Promise<WireAgent[]>;
  /** Whether the file is still of the version that `tag` names; absent where digests tell. Throws as `bytes`. */
  isCurrent?(ref: MediaRef, tag: string, signal: AbortSignal): Promise<boolean>;
  /**
   * What the peer says of itself; of dialects that have it. With a cursor it says too how many changes are after it.
   * @throws CursorExpired
   */
  status?(signal: AbortSignal, after?: string): Promise<StatusAnswer>;
  /**
   * Server-sent events, as they come and as long as they come: hints that something has changed, signed by nobody; of
   * dialects that have them. Throws as `list`, also while it is read; the signal ends it.
   */
  events?(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** A new credential in place of the one that is used; of dialects that have it. */
  renewCredential?(signal: AbortSignal): Promise<IssuedCredential>;
}

/**
 * A server of another make, without keys: what it takes to recognise it and to pull from it. One of these in
 * `registry.ts` is all that the rest of the program knows of a dialect (docs/adding-a-dialect.md).
 */
export interface ForeignDialect {
  /** In capitals, as in the peer's row and GraphQL's `Dialect`. */
  readonly name: string;
  /** For people, such as `Artifex`. */
  readonly title: string;
  /** One sentence, for the API's documentation. */
  readonly description: string;
  /** Requests that such a server takes of one address; null where only its own `Retry-After` counts. */
  readonly pace: Pace | null;
  /** The token that we give to such a server where it pulls from us; absent where we do not serve the dialect. */
  readonly issues?: { prefix: string };
  /**
   * Whether such a server answers here. Failures of the network are thrown; null where something else answers;
   * `refused` where it is one, and does not let us in.
   */
  probe(host: ForeignHost, signal: AbortSignal): Promise<Probe | null>;
  /** Made once for each peer, and kept: it may remember what it has found out about the server. */
  connect(host: ForeignHost): PeerClient;
}

export type Probe = { kind: 'found'; name: string | null } | { kind: 'refused'; error: HedgerowError };

/** The peer says that the cursor cannot be gone on from. */
export class CursorExpired extends Error {
  override readonly name = 'CursorExpired';
  readonly reason: CursorExpiry;

  constructor(reason: CursorExpiry) {
    super(`The listing must begin anew: ${reason}.`);
    this.reason = reason;
  }
}
