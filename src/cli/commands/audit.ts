/** `hedgerow audit`: who did what, and what left for whom. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type AuditActorKind,
  AuditEventsDocument,
  type AuditEventsQuery,
} from '../../../schema/generated/graphql.ts';
import { AUDIT_ACTOR_KINDS } from '../../access/audit.ts';
import type { CommandContext } from '../context.ts';
import { bytes, table } from '../terminal.ts';
import { findPeer } from './peers.ts';

/** Events that are read at once. */
const PAGE = 500;
const LIMIT = 100_000;

interface Options {
  peer?: string;
  action: string[];
  by: AuditActorKind[];
  since?: string;
  limit: number;
  json: boolean;
}

export function addAudit(program: Command, { terminal, open }: CommandContext): void {
  program
    .command('audit')
    .description('show who did what, and what left for whom, the newest first')
    .option('--peer <peer>', 'only by or about this peer, id or name; revoked ones too')
    .option('--action <action>', 'only this, such as revokePeer or media.served; several times', collect, [])
    .addOption(
      new Option('--by <kind>', `only by ${AUDIT_ACTOR_KINDS.join(', ').toLowerCase()}; several times`)
        .argParser(collectKinds)
        .default([]),
    )
    .option('--since <time>', 'only from then on, such as 2h, 30d or 2027-01-31', since)
    .option('--limit <number>', 'at most so many', limit, 50)
    .option('--json', 'print them as JSON', false)
    .action(async (options: Options) => {
      await using backend = await open();
      const peer = options.peer === undefined ? null : await findPeer(backend, options.peer, { all: true });
      const filter = {
        ...(peer !== null && { peerIds: [peer.id] }),
        ...(options.action.length > 0 && { actions: options.action }),
        ...(options.by.length > 0 && { actorKinds: options.by }),
        ...(options.since !== undefined && { at: { gte: options.since } }),
      };
      const events: Event[] = [];
      let after: string | null = null;
      while (events.length < options.limit) {
        const first = Math.min(PAGE, options.limit - events.length);
        const { auditEvents }: AuditEventsQuery = await backend.graphql(AuditEventsDocument, {
          filter,
          first,
          after,
        });
        events.push(...auditEvents.nodes);
        if (!auditEvents.pageInfo.hasNextPage) break;
        after = auditEvents.pageInfo.endCursor;
      }
      terminal.out(options.json ? JSON.stringify(events) : eventTable(events));
    });
}

type Event = AuditEventsQuery['auditEvents']['nodes'][number];

function eventTable(events: readonly Event[]): string {
  return table(
    ['AT', 'BY', 'WHO', 'ACTION', 'OUTCOME', 'TIMES', 'BYTES', 'FROM', 'TARGET'],
    events.map(({ at, actorKind, actor, action, outcome, code, detail, bytes: many, address, target }) => [
      `${at.slice(0, 19).replace('T', ' ')}Z`,
      actorKind.toLowerCase(),
      actor,
      action,
      code === null ? outcome : `${outcome}: ${code}`,
      String((detail as { count?: number } | null)?.count ?? 1),
      many === null ? null : bytes(Number(many)),
      address,
      target,
    ]),
  );
}

function collect(text: string, earlier: string[]): string[] {
  return [...earlier, text];
}

function collectKinds(text: string, earlier: AuditActorKind[]): AuditActorKind[] {
  const found = AUDIT_ACTOR_KINDS.find((kind) => kind === text.toUpperCase());
  if (found === undefined)
    throw new InvalidArgumentError(`It takes ${AUDIT_ACTOR_KINDS.join(', ').toLowerCase()}.`);
  return [...earlier, found];
}

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

function since(text: string): string {
  const [, number, unit = ''] = /^(\d{1,5})([mhdw])$/.exec(text) ?? [];
  const ms = number === undefined ? Date.parse(text) : Date.now() - Number(number) * (UNITS[unit] ?? 0);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It takes a time such as 2h, 30d or 2027-01-31.');
  return new Date(ms).toISOString();
}

function limit(text: string): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > LIMIT) throw new InvalidArgumentError(`It takes 1 to ${LIMIT}.`);
  return value;
}
