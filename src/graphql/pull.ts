/** Runs of pulling from a peer. */

import type { Database } from '../database/database.ts';
import type { Pull as PullRow } from '../database/generated/sqlite/client.ts';
import { HedgerowError } from '../lib/errors.ts';
import { builder } from './builder.ts';
import { type Connection, readKeyset } from './pages.ts';
import { known, Peer } from './peer.ts';
import { PeerError, peerErrorOf } from './peer-error.ts';

export const PULL_STATES = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED'] as const;

export const PullStateEnum = builder.enumType('PullState', {
  description: 'How far a run is.',
  values: {
    QUEUED: { description: 'Not begun.' },
    RUNNING: { description: 'Under way.' },
    SUCCEEDED: { description: 'Finished.' },
    FAILED: { description: 'Ended by an error.' },
  } as const,
});

export const Pull = builder.prismaObject('Pull', {
  description: 'One run of pulling from a peer.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Opaque.' }),
    peer: t.field({
      type: Peer,
      description: 'From whom.',
      resolve: async (pull, _args, { load }) => {
        const peer = await load.peer.load(pull.peerKey);
        if (peer === null) throw new HedgerowError('NOT_FOUND');
        return peer;
      },
    }),
    state: t.field({
      type: PullStateEnum,
      description: 'How far it is.',
      resolve: (pull) => known(PULL_STATES, pull.state) ?? 'QUEUED',
    }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true, description: 'When it began.' }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
    added: t.exposeInt('added', { description: 'Items that are new here.' }),
    changed: t.exposeInt('changed', { description: 'Items that changed.' }),
    removed: t.exposeInt('removed', { description: 'Items that are gone.' }),
    skipped: t.exposeInt('skipped', { description: 'Items that broke a limit.' }),
    total: t.exposeInt('total', {
      nullable: true,
      description: 'How many items the peer says it has; null where it has not said.',
    }),
    error: t.field({
      type: PeerError,
      nullable: true,
      description: 'What ended it.',
      resolve: (pull) => peerErrorOf(pull, pull.finishedAt ?? pull.startedAt ?? pull.queuedAt),
    }),
  }),
});

export const PullConnection = builder.connectionObject(
  { type: Pull, name: 'PullConnection', description: 'A page of runs.' },
  { name: 'PullEdge', description: 'A run and its place on the page.' },
);

export function readPulls(
  { prisma }: Pick<Database, 'prisma'>,
  peerKey: number,
  page: { first: number | null | undefined; after: string | null | undefined },
): Promise<Connection<PullRow>> {
  return readKeyset<PullRow>({
    of: ['pulls', peerKey],
    ...page,
    position: (pull) => ({ value: pull.queuedAt.getTime(), id: pull.id }),
    read: (position, take) =>
      prisma.pull.findMany({
        where: {
          peerKey,
          ...(position !== null && {
            OR: [
              { queuedAt: { lt: new Date(position.value) } },
              { queuedAt: new Date(position.value), id: { lt: position.id } },
            ],
          }),
        },
        orderBy: [{ queuedAt: 'desc' }, { id: 'desc' }],
        take,
      }),
  });
}
