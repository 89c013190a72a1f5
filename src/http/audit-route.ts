/** `GET /audit.ndjson` and `/audit.csv`: the audit as a file, streamed, for admins. */

import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AUDIT_ACTOR_KINDS, type AuditActorKind, type AuditEntry } from '../access/audit.ts';
import { AUDIT_FORMATS, type AuditFormat, auditHead, auditLine } from '../access/audit-formats.ts';
import type { AuditFilter, AuditLog } from '../access/audit-log.ts';
import { hasScope, type Viewer } from '../access/viewer.ts';
import { actorOf } from '../graphql/audit-mutations.ts';
import { HedgerowError } from '../lib/errors.ts';

export interface AuditRouteOptions {
  /** @throws HedgerowError UNAUTHENTICATED */
  viewerOf: (request: FastifyRequest) => Promise<Viewer | null>;
  auditLog: AuditLog;
  audit: { record(entry: AuditEntry): Promise<void> };
  /** Writes a fault of our own down. */
  onError: (error: unknown) => void;
}

const TYPES: Record<AuditFormat, string> = {
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8; header=present',
};
const TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2}))?$/;

export async function auditRoute(app: FastifyInstance, options: AuditRouteOptions): Promise<void> {
  const { viewerOf, auditLog, audit, onError } = options;
  for (const format of AUDIT_FORMATS) {
    app.get(`/audit.${format}`, { exposeHeadRoute: false }, async (request, reply) => {
      const viewer = await viewerOf(request);
      if (viewer === null) throw new HedgerowError('UNAUTHENTICATED');
      if (!hasScope(viewer, 'ADMIN')) throw new HedgerowError('FORBIDDEN');
      const filter = readFilter(request.query as Record<string, unknown>);
      // Before anything is sent: a filter that cannot be read is a problem document, and no file that breaks off.
      await auditLog.page(filter, null, 1);
      await audit.record({
        ...actorOf(viewer),
        action: 'audit.export',
        outcome: 'done',
        address: request.ip,
        detail: { format },
      });
      const lines = Readable.from(linesOf(auditLog, filter, format), {
        objectMode: false,
        highWaterMark: 64 * 1024,
      });
      lines.on('error', onError);
      return reply
        .type(TYPES[format])
        .header('content-disposition', `attachment; filename="audit.${format}"`)
        .header('cache-control', 'no-store')
        .send(lines);
    });
  }
}

async function* linesOf(log: AuditLog, filter: AuditFilter, format: AuditFormat): AsyncGenerator<string> {
  const head = auditHead(format);
  if (head !== '') yield head;
  for await (const events of log.all(filter)) yield events.map((event) => auditLine(event, format)).join('');
}

/** Names as in GraphQL's `AuditFilter`; lists with commas, or by repetition. */
function readFilter(query: Record<string, unknown>): AuditFilter {
  const known = ['actorKinds', 'peerIds', 'actions', 'gte', 'lt'];
  const stranger = Object.keys(query).find((name) => !known.includes(name));
  if (stranger !== undefined) {
    throw new HedgerowError('INVALID', `There is no filter of that name; there are ${known.join(', ')}.`);
  }
  const list = (name: string): string[] | undefined => {
    const value = query[name];
    return value === undefined ? undefined : [value].flat().flatMap((text) => String(text).split(','));
  };
  const time = (name: string): number | undefined => {
    const value = query[name];
    if (value === undefined) return undefined;
    const ms = typeof value === 'string' && TIME.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(ms)) {
      throw new HedgerowError(
        'INVALID',
        `${name} is a day, or an RFC 3339 instant such as 2026-05-31T17:20:05Z.`,
        {
          field: [name],
        },
      );
    }
    return ms;
  };
  const actorKinds = list('actorKinds')?.map((kind) => {
    const found = AUDIT_ACTOR_KINDS.find((each) => each === kind.toUpperCase());
    if (found === undefined) {
      throw new HedgerowError('INVALID', `actorKinds are ${AUDIT_ACTOR_KINDS.join(', ')}.`, {
        field: ['actorKinds'],
      });
    }
    return found satisfies AuditActorKind;
  });
  return {
    actorKinds,
    peerIds: list('peerIds'),
    actions: list('actions'),
    from: time('gte'),
    until: time('lt'),
  };
}
