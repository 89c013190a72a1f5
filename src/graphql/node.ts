/** Anything by its id: the prefix says what it is. */

import { brandWithType } from '@pothos/core';
import { HedgerowError } from '../lib/errors.ts';
import { builder } from './builder.ts';
import type { GraphqlContext } from './context.ts';
import { mediaTypename } from './media.ts';

const NODES_MAX = 100;

builder.queryField('node', (t) =>
  t.field({
    type: builder.nodeInterfaceRef(),
    nullable: true,
    description: 'Anything by its id; null where it is unknown or not visible.',
    authScopes: { read: true },
    args: { id: t.arg.id({ required: true, description: 'Opaque.' }) },
    resolve: (_root, { id }, context) => readNode(id, context),
  }),
);

builder.queryField('nodes', (t) =>
  t.field({
    type: [builder.nodeInterfaceRef()],
    nullable: { list: false, items: true },
    description: `Many at once, at most ${NODES_MAX}, in the order of the ids.`,
    authScopes: { read: true },
    complexity: ({ ids }) => ({ field: 1, multiplier: Math.min(NODES_MAX, ids.length) }),
    args: { ids: t.arg.idList({ required: true, description: 'Opaque.' }) },
    resolve: (_root, { ids }, context) => {
      if (ids.length > NODES_MAX) {
        throw new HedgerowError('INVALID', `At most ${NODES_MAX} ids at once.`, { field: ['ids'] });
      }
      return Promise.all(ids.map((id) => readNode(id, context)));
    },
  }),
);

/** What every id looks like; PostgreSQL would refuse some of what no id is. */
const ID = /^[a-z]+_[\w-]+$/;

async function readNode(id: string, context: GraphqlContext): Promise<object | null> {
  const { load, may, people, viewer } = context;
  if (!ID.test(id)) return null;
  switch (id.slice(0, id.indexOf('_'))) {
    case 'media': {
      const item = await load.media.load(id);
      return item === null ? null : branded(item, mediaTypename(item));
    }
    case 'album':
      return branded(await load.albumById.load(id), 'Album');
    case 'peer':
      return branded(await load.peerById.load(id), 'Peer');
    case 'pair':
      return may.administer ? branded(await load.invitation.load(id), 'Invitation') : null;
    case 'pull':
      return may.administer ? branded(await load.pull.load(id), 'Pull') : null;
    case 'diag':
      return may.administer ? branded(await load.diagnosis.load(id), 'Diagnosis') : null;
    case 'user':
      return may.administer || viewer?.user?.id === id ? branded(await load.user.load(id), 'User') : null;
    case 'audit':
      return may.admin ? branded(await load.auditEvent.load(id), 'AuditEvent') : null;
    case 'token':
      return branded(await people.findToken(viewer, id), 'ApiToken');
    case 'session':
      return branded(await people.findSession(viewer, id), 'Session');
    default:
      return null;
  }
}

type NodeName =
  | ReturnType<typeof mediaTypename>
  | 'Album'
  | 'Peer'
  | 'Invitation'
  | 'Pull'
  | 'Diagnosis'
  | 'User'
  | 'AuditEvent'
  | 'ApiToken'
  | 'Session';

function branded<T extends object>(value: T | null, typename: NodeName): T | null {
  if (value !== null) brandWithType(value, typename as never);
  return value;
}
