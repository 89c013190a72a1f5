/** The audit: who did what, and what left for whom. Rows are added, and removed only by age. */
import type { Database } from '../database/database.ts';
import { newId } from '../lib/ids.ts';

export interface AuditEntry {
  actorKind: 'USER' | 'TOKEN' | 'PEER' | 'SYSTEM' | 'ANONYMOUS';
  actor?: string | null | undefined;
  action: string;
  target?: string | null | undefined;
  peerId?: string | null | undefined;
  outcome: 'done' | 'refused' | 'failed';
  code?: string | undefined;
  address?: string | undefined;
  bytes?: number | undefined;
  detail?: Readonly<Record<string, unknown>> | undefined;
}

export interface Audit {
  /** Resolves once it is written; never rejects. */
  record(entry: AuditEntry): Promise<void>;
}

export interface AuditOptions {
  database: Pick<Database, 'prisma'>;
  now: () => number;
  /** An entry could not be written. */
  onError: (error: unknown) => void;
}

export function createAudit({ database, now, onError }: AuditOptions): Audit {
  return {
    record: async (entry) => {
      const at = now();
      await database.prisma.auditEvent
        .create({
          data: {
            id: newId('audit', at),
            at,
            actorKind: entry.actorKind,
            actor: entry.actor ?? null,
            action: entry.action,
            target: entry.target ?? null,
            peerId: entry.peerId ?? null,
            outcome: entry.outcome,
            code: entry.code ?? null,
            address: entry.address ?? null,
            bytes: entry.bytes ?? null,
            detail: entry.detail === undefined ? null : JSON.stringify(entry.detail),
          },
        })
        .catch(onError);
    },
  };
}
