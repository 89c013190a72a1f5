/** Peers, as everybody who sees their items may know them. */

import { PEER_STATUSES, peerHealth } from '../catalog/sources.ts';
import type { Reader } from '../catalog/visibility.ts';
import type { Peer as PeerRow, Prisma } from '../database/generated/sqlite/client.ts';
import { FOREIGN_DIALECTS } from '../federation/dialects/registry.ts';
import { builder } from './builder.ts';
import { forwardArguments, pageComplexity, readKeyset } from './pages.ts';

export const PeerStatusEnum = builder.enumType('PeerStatus', {
  description: 'Whether the pairing is in force.',
  values: {
    ACTIVE: { description: 'In force.' },
    PAUSED: { description: 'In force, but nothing is pulled.' },
    REVOKED: { description: 'Ended.' },
  } as const,
});

export const PeerHealthEnum = builder.enumType('PeerHealth', {
  description: 'How the last contact went.',
  values: {
    UNKNOWN: { description: 'There was none yet.' },
    ONLINE: { description: 'Well.' },
    DEGRADED: { description: 'In part.' },
    OFFLINE: { description: 'The peer could not be reached.' },
    AUTH_FAILED: { description: 'The peer refused the credential.' },
    INCOMPATIBLE: { description: 'No protocol version in common.' },
    DIVERGED: { description: "The copy here does not agree with the peer's checksum." },
  } as const,
});

export const DialectEnum = builder.enumType('Dialect', {
  description: 'The protocol that a peer speaks.',
  values: {
    HEDGEROW: { description: 'An instance of this kind.' },
    ...Object.fromEntries(FOREIGN_DIALECTS.map(({ name, description }) => [name, { description }])),
  } as Record<string, { description: string }>,
});

export const CacheModeEnum = builder.enumType('CacheMode', {
  description: "Which of a peer's bytes are kept here.",
  values: {
    NONE: { description: 'None.' },
    THUMBNAILS: { description: 'Thumbnails, ahead of time.' },
    ON_ACCESS: { description: 'Thumbnails ahead of time, the rest when it is looked at.' },
    MIRROR: {
      description:
        'Everything ahead of time, as long as there is room; nothing else that is kept goes for it.',
    },
  } as const,
});

export const AudienceEnum = builder.enumType('Audience', {
  description: "Which of this instance's people see a peer's items.",
  values: {
    ADMINS: { description: 'Admins.' },
    USERS: { description: 'Everybody who signs in.' },
    ANYONE: { description: 'Also without signing in, where the instance allows that.' },
  } as const,
});

export const Peer = builder.prismaObject('Peer', {
  description: 'Another server with which this one is paired.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Opaque.' }),
    name: t.exposeString('name', { description: 'What the peer is called here.' }),
    status: t.field({
      type: PeerStatusEnum,
      description: 'Whether the pairing is in force.',
      resolve: (peer) => known(PEER_STATUSES, peer.status) ?? 'PAUSED',
    }),
    health: t.field({
      type: PeerHealthEnum,
      description: 'How the last contact went.',
      resolve: (peer) => peerHealth(peer),
    }),
    dialect: t.field({
      type: DialectEnum,
      description: 'The protocol that it speaks.',
      resolve: (peer) => known(DIALECTS, peer.dialect) ?? 'HEDGEROW',
    }),
    verified: t.boolean({
      description: 'The peer has proved possession of the key behind thumbprint.',
      resolve: (peer) => peer.publicKey !== '' && peer.thumbprint !== null,
    }),
    mediaCount: t.exposeInt('itemCount', { description: 'Items of it that are here.' }),
    lastSuccessAt: t.expose('lastSuccessAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a pull from it last succeeded.',
    }),
  }),
});

const PeerConnection = builder.connectionObject(
  {
    type: Peer,
    name: 'PeerConnection',
    description: 'A page of peers.',
    fields: (t) => ({
      totalCount: t.int({
        description: 'How many there are, on all pages.',
        resolve: (page, _args, { database }) =>
          database.prisma.peer.count({ where: (page as unknown as { where: Prisma.PeerWhereInput }).where }),
      }),
    }),
  },
  { name: 'PeerEdge', description: 'A peer and its place on the page.' },
);

builder.queryField('peers', (t) =>
  t.field({
    type: PeerConnection,
    description:
      'Peers in the order of pairing; whoever is no admin sees those whose items he or she sees. first: 1 to 500, default 50.',
    authScopes: { read: true },
    complexity: pageComplexity,
    args: {
      status: t.arg({
        type: [PeerStatusEnum],
        required: true,
        defaultValue: ['ACTIVE', 'PAUSED'],
        description: 'Only pairings in these states.',
      }),
      ...forwardArguments,
    },
    resolve: async (_root, { status, first, after }, { database, reader }) => {
      const where = { AND: [peersShownTo(reader), { status: { in: status } }] };
      const page = await readKeyset<PeerRow>({
        of: ['peers', status],
        first,
        after,
        position: (peer) => ({ value: peer.key, id: peer.id }),
        read: (position, take) =>
          database.prisma.peer.findMany({
            where: { ...where, ...(position !== null && { key: { gt: position.value } }) },
            orderBy: { key: 'asc' },
            take,
          }),
      });
      return { ...page, where };
    },
  }),
);

/** Admins see every peer; others those in whose audience they are. */
export function peersShownTo(reader: Reader): Prisma.PeerWhereInput {
  if (reader.kind === 'ADMIN') return {};
  const audiences = reader.kind === 'USER' ? ['USERS', 'ANYONE'] : ['ANYONE'];
  return { audience: { in: audiences }, NOT: { status: 'REVOKED' } };
}

const DIALECTS: readonly string[] = ['HEDGEROW', ...FOREIGN_DIALECTS.map(({ name }) => name)];

/** A column holds text; a value that an enum does not know is not passed on. */
export function known<const T extends string>(values: readonly T[], value: string): T | undefined {
  return values.find((each) => each === value);
}
