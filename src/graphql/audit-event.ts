/** The audit, for admins. */

import type { AUDIT_ACTOR_KINDS } from '../access/audit.ts';
import type { AuditEvent as Event, AuditFilter as Filter } from '../access/audit-log.ts';
import { CODES } from '../lib/errors.ts';
import { builder } from './builder.ts';
import { DateTimeRange } from './media-types.ts';
import { forwardArguments, pageComplexity, readKeyset } from './pages.ts';
import { ErrorCodeEnum } from './user-error.ts';

const AuditActorKindEnum = builder.enumType('AuditActorKind', {
  description: 'What kind of somebody acted.',
  values: {
    USER: { description: 'A person, in a browser.' },
    TOKEN: { description: 'A program, or the terminal, with a token.' },
    PEER: { description: 'Another server.' },
    SYSTEM: { description: 'This server by itself.' },
    ANONYMOUS: { description: 'Somebody who is not known.' },
  } as const satisfies Record<(typeof AUDIT_ACTOR_KINDS)[number], unknown>,
});

const AuditEvent = builder.objectRef<Event>('AuditEvent').implement({
  description:
    'Something that was done, or tried. Like refusals of a minute are one event, and so is what a peer fetched of an item in an hour.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Opaque.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When; of several that are one event, the first.' }),
    actorKind: t.expose('actorKind', {
      type: AuditActorKindEnum,
      description: 'What kind of somebody acted.',
    }),
    actor: t.exposeString('actor', {
      nullable: true,
      description:
        'Id of the person, token or peer; `service` is the terminal, `environment` the token of the settings.',
    }),
    action: t.exposeString('action', {
      description: 'The name of the mutation, or what was done otherwise, the noun first.',
    }),
    target: t.exposeString('target', {
      nullable: true,
      description: 'Id of what it was done to; several are separated by spaces.',
    }),
    outcome: t.exposeString('outcome', { description: 'done, refused or failed.' }),
    code: t.field({
      type: ErrorCodeEnum,
      nullable: true,
      description: 'Why it was refused or failed.',
      resolve: ({ code }) => CODES.find((known) => known === code) ?? null,
    }),
    address: t.exposeString('address', { nullable: true, description: 'Of the client.' }),
    bytes: t.expose('bytes', { type: 'BigInt', nullable: true, description: 'That left for the peer.' }),
    detail: t.field({
      type: 'JSON',
      nullable: true,
      description:
        'Further facts: the variant that was fetched; count and until, where several are one event.',
      resolve: ({ detail }) => detail,
    }),
  }),
});

const AuditFilter = builder.inputType('AuditFilter', {
  description: 'Which events; a list takes 50 values, and an empty one lets nothing through.',
  fields: (t) => ({
    actorKinds: t.field({ type: [AuditActorKindEnum], description: 'Of these kinds of actors.' }),
    peerIds: t.idList({ description: 'By or about these peers.' }),
    actions: t.stringList({ description: 'Only these actions.' }),
    at: t.field({ type: DateTimeRange, description: 'From when until when.' }),
  }),
});

const AuditEventConnection = builder.connectionObject(
  { type: AuditEvent, name: 'AuditEventConnection', description: 'A page of events.' },
  { name: 'AuditEventEdge', description: 'An event and its place on the page.' },
);

builder.queryField('auditEvents', (t) =>
  t.field({
    type: AuditEventConnection,
    description:
      'Admin. Who did what, and what left for whom, the newest first. first: 1 to 500, default 50.',
    authScopes: { admin: true },
    complexity: pageComplexity,
    args: {
      filter: t.arg({ type: AuditFilter, description: 'Which events.' }),
      ...forwardArguments,
    },
    resolve: (_root, { filter, first, after }, { auditLog }) => {
      const wanted: Filter = {
        actorKinds: filter?.actorKinds ?? undefined,
        peerIds: filter?.peerIds ?? undefined,
        actions: filter?.actions ?? undefined,
        from: filter?.at?.gte ?? undefined,
        until: filter?.at?.lt ?? undefined,
      };
      return readKeyset<Event>({
        of: ['audit', wanted],
        first,
        after,
        position: ({ at, id }) => ({ value: at, id }),
        read: (position, take) =>
          auditLog.page(wanted, position === null ? null : { at: position.value, id: position.id }, take),
      });
    },
  }),
);
