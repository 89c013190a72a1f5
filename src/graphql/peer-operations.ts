/** What an admin sees of a peer: where it is, what is pulled from it, what it takes. */

import { completeness } from '../catalog/sources.ts';
import type { Peer as PeerRow } from '../database/generated/sqlite/client.ts';
import { storedGrant } from '../federation/grants.ts';
import { builder } from './builder.ts';
import { Grant } from './grant.ts';
import { Media } from './media.ts';
import { forwardArguments, pageComplexity } from './pages.ts';
import { AudienceEnum, CacheModeEnum, known, Peer } from './peer.ts';
import { PeerError, peerErrorOf } from './peer-error.ts';
import { PeerLimits } from './peer-limits.ts';
import { PullConnection, readPulls } from './pull.ts';

/** Enough to tell what it is about. */
const HELD_SHOWN = 12;

const PullSide = builder.objectRef<PeerRow>('PullSide').implement({
  description: 'What is taken from a peer.',
  fields: (t) => ({
    lastAttemptAt: t.expose('lastAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last tried.',
    }),
    nextAttemptAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it is tried next; null where it is not.',
      resolve: (peer, _args, { federation }) =>
        federation.instance().federation ? peer.nextAttemptAt : null,
    }),
    error: t.field({
      type: PeerError,
      nullable: true,
      description: 'What is wrong; null where the last pull succeeded.',
      resolve: (peer) => peerErrorOf(peer, peer.errorAt ?? peer.lastAttemptAt ?? peer.pairedAt),
    }),
    roundTripMs: t.exposeFloat('roundTripMs', {
      nullable: true,
      description: 'How long a request takes, in ms, averaged.',
    }),
    lag: t.exposeInt('lag', {
      nullable: true,
      description: 'Changes at the peer that are not here yet.',
    }),
    completeness: t.float({
      nullable: true,
      description: "Share of the peer's own total that is here, 0 to 1.",
      resolve: (peer) => completeness(peer),
    }),
    inSync: t.exposeBoolean('inSync', {
      nullable: true,
      description: "True where the checksum of the peer's signed feed equals that of the copy.",
    }),
    heldRemovals: t.exposeInt('heldCount', {
      description: 'Items that the peer removed at once in such number that an admin must decide.',
    }),
    heldMedia: t.field({
      type: [Media],
      description: `The latest of them, at most ${HELD_SHOWN}.`,
      complexity: { field: 1, multiplier: HELD_SHOWN },
      resolve: async (peer, _args, { database, load }) => {
        if (peer.heldCount === 0) return [];
        const rows = await database.prisma.item.findMany({
          where: { source: peer.key, held: true },
          orderBy: { key: 'desc' },
          take: HELD_SHOWN,
          select: { id: true },
        });
        const items = await Promise.all(rows.map(({ id }) => load.media.load(id)));
        return items.filter((item) => item !== null);
      },
    }),
    skippedItems: t.exposeInt('skippedCount', {
      description: 'Items that broke a limit and are not shown.',
    }),
    interval: t.int({
      description: 'Seconds between pulls where no event stream is open.',
      resolve: (peer, _args, { pullInterval }) => peer.interval ?? pullInterval,
    }),
    cacheMode: t.field({
      type: CacheModeEnum,
      description: 'Which of its bytes are kept here.',
      resolve: (peer) => known(['NONE', 'THUMBNAILS', 'ON_ACCESS', 'MIRROR'], peer.cacheMode) ?? 'ON_ACCESS',
    }),
    cacheBudget: t.expose('cacheBudget', {
      type: 'BigInt',
      nullable: true,
      description: 'Bytes that its files may take here; null: no limit of its own.',
    }),
    audience: t.field({
      type: AudienceEnum,
      description: "Which of this instance's people see its items.",
      resolve: (peer) => known(['ADMINS', 'USERS', 'ANYONE'], peer.audience) ?? 'ADMINS',
    }),
    bytesCached: t.field({
      type: 'BigInt',
      description: 'Bytes of it that are kept here.',
      resolve: (peer, _args, { load }) => load.bytesCached.load(peer.key),
    }),
    bytesFetched: t.expose('bytesFetched', {
      type: 'BigInt',
      description: 'Bytes that were ever fetched from it.',
    }),
  }),
});

const ServeSide = builder.objectRef<PeerRow>('ServeSide').implement({
  description: 'What a peer takes from here.',
  fields: (t) => ({
    grant: t.field({
      type: Grant,
      description: 'What it may see of what is shared.',
      resolve: (peer) => storedGrant(peer.serveGrant ?? 'null'),
    }),
    limits: t.field({
      type: PeerLimits,
      description: 'What it may ask of us.',
      resolve: (peer) => peer,
    }),
    mediaCount: t.int({
      description: 'Items that it may see.',
      resolve: async ({ serveGrant }, _args, { load }) =>
        serveGrant === null ? 0 : (await load.grantCounts.load(serveGrant)).mediaCount,
    }),
    bytesServed: t.expose('bytesServed', { type: 'BigInt', description: 'Bytes that it ever fetched.' }),
    lastSeenAt: t.expose('lastSeenAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last asked.',
    }),
    credentialRotatedAt: t.field({
      type: 'DateTime',
      description: 'When the credential that it uses was issued.',
      resolve: async (peer, _args, { load }) =>
        (await load.credentialIssuedAt.load(peer.key)) ?? peer.pairedAt,
    }),
  }),
});

const PeerOperations = builder.objectRef<PeerRow>('PeerOperations').implement({
  description: 'What an admin sees of a peer.',
  fields: (t) => ({
    endpoint: t.expose('endpoint', {
      type: 'URL',
      description: 'Where it is dialled; empty where it is not.',
    }),
    thumbprint: t.exposeString('thumbprint', {
      nullable: true,
      description: 'RFC 7638 thumbprint of its key, for comparing; null for a peer without keys.',
    }),
    pairedAt: t.expose('pairedAt', { type: 'DateTime', description: 'When the pairing began.' }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the pairing ended.',
    }),
    pull: t.field({
      type: PullSide,
      nullable: true,
      description: 'What we take from the peer; null where we may not.',
      resolve: (peer) => (peer.pulls ? peer : null),
    }),
    serve: t.field({
      type: ServeSide,
      nullable: true,
      description: 'What the peer may take from us; null where nothing.',
      resolve: (peer) => (peer.serves ? peer : null),
    }),
    pulls: t.field({
      type: PullConnection,
      description: 'Runs of pulling, the latest first. first: 1 to 500, default 50.',
      complexity: pageComplexity,
      args: forwardArguments,
      resolve: (peer, { first, after }, { database }) => readPulls(database, peer.key, { first, after }),
    }),
  }),
});

builder.objectField(Peer, 'operations', (t) =>
  t.field({
    type: PeerOperations,
    nullable: true,
    description: 'Null unless the viewer is an admin.',
    resolve: (peer, _args, { may }) => (may.administer ? peer : null),
  }),
);
