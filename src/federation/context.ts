/** What every part of this room is given. */
import type { Database } from '../database/database.ts';
import type { Processes } from '../database/processes.ts';
import type { SharedLimits } from '../database/shared-limits.ts';
import type { Code } from '../lib/errors.ts';
import type { InstanceIdentityKeys } from './identity/instance-identity.ts';

export interface FederationContext {
  readonly database: Database;
  /** The others on this database: what only one of them must do, and what they tell each other. */
  readonly processes: Processes;
  /** Limits of all processes together; null where there is one. */
  readonly shared: SharedLimits | null;
  readonly identity: InstanceIdentityKeys;
  readonly masterKey: Buffer;
  /** ms since 1970. */
  readonly now: () => number;
  /** The name that peers are told, and our base URL; asked each time, for the port is known only after the start. */
  readonly self: () => { name: string; publicUrl: string };
  readonly log: FederationLog;
  readonly audit: FederationAudit;
}

/** Who did what, and what left for whom: what an admin reads later. */
export interface FederationAudit {
  /**
   * Resolves once it is written; never rejects, for a fault of the audit is logged and undoes nothing. Not to be
   * awaited inside a transaction.
   */
  record(event: AuditRecord): Promise<void>;
  /** Bytes of an item that were sent to a peer: an addition in memory, for the hot path. */
  served(bytes: { peerId: string; itemId: string; variant: string; bytes: number }): void;
}

export interface AuditRecord {
  actorKind: 'USER' | 'TOKEN' | 'PEER' | 'SYSTEM' | 'ANONYMOUS';
  /** Id of the user, token or peer. */
  actor?: string | null | undefined;
  /** Dotted, the noun first: `pairing.redeemed`, `peer.revoked`. */
  action: string;
  /** Id of what it was done to. */
  target?: string | null | undefined;
  /** Our id of the peer that it is about. */
  peerId?: string | null | undefined;
  outcome: 'done' | 'refused' | 'failed';
  code?: Code | undefined;
  /** Of the client, as the edge sees it. */
  address?: string | undefined;
  bytes?: number | undefined;
  /** Further facts; never a secret. */
  detail?: Readonly<Record<string, unknown>> | undefined;
}

/** One function a business event. Ids only: no token, no code, no address of a user. */
export interface FederationLog {
  paired(event: { peerId: string; direction: 'pull' | 'serve' }): void;
  refused(event: { what: 'pairing' | 'request'; code: string; peerId?: string | undefined }): void;
  /** The peer's key was replaced by one that it led us to. */
  keyFollowed(event: { peerId: string; thumbprint: string; via: 'announcement' | 'discovery' }): void;
  /** Two keys claim to follow this one of the peer's. */
  keyForked(event: { peerId: string; thumbprint: string; via: 'announcement' | 'discovery' }): void;
  /** Our own key was changed. */
  keyRotated(event: { thumbprint: string; number: number; cancelledInvitations: number }): void;
  /** `issued`: the peer has a new credential for us; `received`: we have one for it. */
  credentialRotated(event: { peerId: string; side: 'issued' | 'received' }): void;
  revoked(event: { peerId: string; by: 'us' | 'them' }): void;
  pulled(event: { peerId: string; added: number; changed: number; removed: number; skipped: number }): void;
  pullFailed(event: { peerId: string; code: string; message: string; cause?: unknown }): void;
  failed(event: { what: string; error: unknown }): void;
}
