/** How far what is here of a peer can be relied on: pure, over the row of the peer. */

export const PEER_STATUSES = ['ACTIVE', 'PAUSED', 'REVOKED'] as const;
export type PeerStatus = (typeof PEER_STATUSES)[number];

export const PEER_HEALTHS = [
  'UNKNOWN',
  'ONLINE',
  'DEGRADED',
  'OFFLINE',
  'AUTH_FAILED',
  'INCOMPATIBLE',
  'DIVERGED',
] as const;
export type PeerHealth = (typeof PEER_HEALTHS)[number];

/** Health in which a peer gives nothing that is not here already. */
export const HEALTH_THAT_GIVES_NOTHING: readonly PeerHealth[] = ['OFFLINE', 'AUTH_FAILED', 'INCOMPATIBLE'];

/** The columns of a peer's row that tell how its copy here stands. */
export interface PeerListing {
  status: string;
  health: string;
  lastSuccessAt: Date | null;
  /** Seconds between pulls; null: as the instance is set up. */
  interval: number | null;
  /** A whole listing is under way, the first or a later one. */
  listing: boolean;
  itemCount: number;
  /** Items that broke a limit: the peer counts them, they are not shown here. */
  skippedCount: number;
  /** How many items the peer said it has; null where it has not said. */
  remoteTotal: number | null;
  inSync: boolean | null;
  /** Items whose removal waits for an admin. */
  heldCount: number;
}

export interface SourceState {
  health: PeerHealth;
  lastSuccessAt: Date | null;
  /** Share of the peer's own total that is here, 0 to 1; null where the total is not known. */
  completeness: number | null;
  inSync: boolean | null;
  stale: boolean;
  /** One sentence for people; null where nothing is wrong. */
  reason: string | null;
}

export interface SourceOptions {
  /** Ms since 1970. */
  now: number;
  /** Seconds between pulls of a peer that has no interval of its own. */
  defaultInterval: number;
}

export const LOCAL_STATE: SourceState = {
  health: 'ONLINE',
  lastSuccessAt: null,
  completeness: 1,
  inSync: true,
  stale: false,
  reason: null,
};

/** How many intervals may pass without success before the copy counts as stale: one pull may fail. */
const INTERVALS = 2;

export function sourceState(peer: PeerListing, options: SourceOptions): SourceState {
  const reason = staleReason(peer, options);
  return {
    health: peerHealth(peer),
    lastSuccessAt: peer.lastSuccessAt,
    completeness: completeness(peer),
    inSync: peer.inSync,
    stale: reason !== null,
    reason: reason ?? heldReason(peer),
  };
}

export function completeness(
  peer: Pick<PeerListing, 'itemCount' | 'skippedCount' | 'remoteTotal'>,
): number | null {
  if (peer.remoteTotal === null) return null;
  if (peer.remoteTotal === 0) return 1;
  return Math.min(1, (peer.itemCount + peer.skippedCount) / peer.remoteTotal);
}

export function peerHealth(peer: Pick<PeerListing, 'health'>): PeerHealth {
  return PEER_HEALTHS.find((known) => known === peer.health) ?? 'UNKNOWN';
}

function staleReason(peer: PeerListing, { now, defaultInterval }: SourceOptions): string | null {
  if (peer.status === 'PAUSED') return 'Pulling from this peer is paused.';
  const unhealthy = HEALTH_REASONS[peerHealth(peer)];
  if (unhealthy !== null) return unhealthy;
  // A later listing takes nothing from the copy before it is finished, and says nothing about its age: some kinds of peers
  // are listed anew with every pull.
  if (peer.lastSuccessAt === null) {
    return peer.listing
      ? 'The first listing of this peer is not finished.'
      : 'Nothing has been pulled from this peer yet.';
  }
  const allowed = INTERVALS * (peer.interval ?? defaultInterval) * 1000;
  if (now - peer.lastSuccessAt.getTime() > allowed) {
    return 'The last successful pull was longer ago than two intervals.';
  }
  return null;
}

/** The copy is as new as ever; what is held is shown in it as unavailable. */
function heldReason({ heldCount }: PeerListing): string | null {
  return heldCount === 0
    ? null
    : `${heldCount} items that this peer lists no longer are held until an admin decides.`;
}

const HEALTH_REASONS: Record<PeerHealth, string | null> = {
  UNKNOWN: 'This peer has not been reached yet.',
  ONLINE: null,
  DEGRADED: 'The last pulls from this peer failed in part.',
  OFFLINE: 'This peer cannot be reached.',
  AUTH_FAILED: 'This peer refuses our credential.',
  INCOMPATIBLE: 'This peer speaks no protocol version that is known here.',
  DIVERGED: "The copy here does not agree with this peer's checksum.",
};
