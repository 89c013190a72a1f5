/**
 * The seam between what this server wants of a peer and how the peer is asked for it. Everything above a dialect
 * sees the same items, cursors and errors; docs/federation.md lists what each dialect can say.
 */
import type { Readable } from 'node:stream';
import type { RemoteItem } from '../../catalog/remote-changes.ts';
import type { VariantName } from '../../lib/media.ts';
import type { CursorExpiry, WireAgent } from '../wire/messages.ts';

/** One page of what a peer shares. */
export interface ListingPage {
  items: RemoteItem[];
  /** Items that break a limit. */
  skipped: { remoteId: string; version: string; reason: string }[];
  removed: string[];
  cursor: string;
  epoch: string;
  /** Null while more is to come; then what the whole should be. */
  complete: { total: number; checksum: string } | null;
  roundTripMs: number;
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
  body: Readable;
}

/** What can be asked of one peer. Every failure is a HedgerowError of the `PEER_…` kind, or of those named. */
export interface PeerClient {
  /**
   * @param cursor - where the last page ended; null lists from the start.
   * @throws CursorExpired where the listing must begin anew; REVOKED, GRANT_ENDED, CREDENTIAL_REFUSED, CLOCK_SKEW
   *   only where the peer proved that it says so.
   */
  list(cursor: string | null, limit: number, signal: AbortSignal): Promise<ListingPage>;
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
}

/** The peer says that the cursor cannot be gone on from. */
export class CursorExpired extends Error {
  override readonly name = 'CursorExpired';
  readonly reason: CursorExpiry;

  constructor(reason: CursorExpiry) {
    super(`The listing must begin anew: ${reason}.`);
    this.reason = reason;
  }
}
