/** What every part of this room is given. */
import type { Database } from '../database/database.ts';
import type { InstanceIdentityKeys } from './identity/instance-identity.ts';

export interface FederationContext {
  readonly database: Database;
  readonly identity: InstanceIdentityKeys;
  readonly masterKey: Buffer;
  /** ms since 1970. */
  readonly now: () => number;
  /** The name that peers are told, and our base URL; asked each time, for the port is known only after the start. */
  readonly self: () => { name: string; publicUrl: string };
  readonly log: FederationLog;
}

/** One function a business event. Ids only: no token, no code, no address of a user. */
export interface FederationLog {
  paired(event: { peerId: string; direction: 'pull' | 'serve' }): void;
  refused(event: { what: 'pairing' | 'request'; code: string; peerId?: string | undefined }): void;
  revoked(event: { peerId: string; by: 'us' | 'them' }): void;
  pulled(event: { peerId: string; added: number; changed: number; removed: number; skipped: number }): void;
  pullFailed(event: { peerId: string; code: string; message: string; cause?: unknown }): void;
  failed(event: { what: string; error: unknown }): void;
}
