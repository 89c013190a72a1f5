/** Subscriptions: what is told as it changes. Each event is read anew, under what the viewer may see. */

import type { CatalogChange as CatalogChangeShape } from '../catalog/changes.ts';
import type {
  Diagnosis as DiagnosisRow,
  Peer as PeerRow,
  Pull as PullRow,
} from '../database/generated/sqlite/client.ts';
import { HedgerowError } from '../lib/errors.ts';
import { merge } from '../lib/merge.ts';
import { builder } from './builder.ts';
import { type GraphqlContext, loadAnew } from './context.ts';
import { Diagnosis } from './diagnosis.ts';
import { Media } from './media.ts';
import { MediaOrigin } from './media-types.ts';
import { Peer, peersShownTo } from './peer.ts';
import { Pull } from './pull.ts';

builder.subscriptionType({ description: 'What is told as it changes, as server-sent events.' });

const CatalogChange = builder.objectRef<CatalogChangeShape>('CatalogChange').implement({
  description: 'What changed of the catalog, as far as the viewer sees it.',
  fields: (t) => ({
    revision: t.field({
      type: 'BigInt',
      description: 'The catalog is known up to here; whoever comes back asks since then.',
      resolve: (change) => change.revision,
    }),
    changed: t.field({
      type: [Media],
      description: 'Items that are new or changed, as they are now; at most 500.',
      complexity: { field: 1, multiplier: 50 },
      resolve: (change) => change.changed,
    }),
    removedIds: t.idList({
      description: 'Items that the viewer sees no longer.',
      resolve: (change) => change.removedIds,
    }),
    reset: t.exposeBoolean('reset', { description: 'Too much changed: read the catalog anew.' }),
  }),
});

builder.subscriptionField('catalogChanged', (t) =>
  t.field({
    type: CatalogChange,
    description:
      'First what changed since the revision, though it be nothing; then each change as it comes. Whoever was away for more than 1,000 changes is told to read anew.',
    authScopes: { read: true },
    args: {
      origin: t.arg({
        type: MediaOrigin,
        required: true,
        defaultValue: 'ALL',
        description: 'Which part of the catalog.',
      }),
      sinceRevision: t.arg({ type: 'BigInt', description: 'Known already; null: from now on.' }),
    },
    subscribe: (_root, { origin, sinceRevision }, context) =>
      eachAnew(context, changedCatalog(context, origin, sinceRevision)),
    resolve: (change) => change,
  }),
);

builder.subscriptionField('peerChanged', (t) =>
  t.field({
    type: Peer,
    description: 'A peer that changed, as it is now, within a second. Only peers that the viewer sees.',
    authScopes: { read: true },
    args: { id: t.arg.id({ description: 'Of this peer alone.' }) },
    subscribe: (_root, { id }, context) => eachAnew(context, changedPeers(context, id ?? null)),
    resolve: (peer) => peer,
  }),
);

builder.subscriptionField('pullChanged', (t) =>
  t.field({
    type: Pull,
    description: 'A run that was queued, began, went on or ended in this process.',
    authScopes: { administer: true },
    args: { peerId: t.arg.id({ description: 'Only runs from this peer.' }) },
    subscribe: (_root, { peerId }, context) => eachAnew(context, changedPulls(context, peerId ?? null)),
    resolve: (pull) => pull,
  }),
);

/** One of these, the others null. */
interface ChangeShape {
  catalog?: CatalogChangeShape;
  peer?: PeerRow;
  pull?: PullRow;
  diagnosis?: DiagnosisRow;
}

const Change = builder.objectRef<ChangeShape>('Change').implement({
  description: 'Something that changed: one of the fields, the others are null.',
  fields: (t) => ({
    catalog: t.field({
      type: CatalogChange,
      nullable: true,
      description: 'Of the catalog, as catalogChanged tells it.',
      resolve: ({ catalog }) => catalog ?? null,
    }),
    peer: t.field({
      type: Peer,
      nullable: true,
      description: 'A peer, as peerChanged tells it.',
      resolve: ({ peer }) => peer ?? null,
    }),
    pull: t.field({
      type: Pull,
      nullable: true,
      description: 'A run, as pullChanged tells it; to whom administers federation.',
      resolve: ({ pull }) => pull ?? null,
    }),
    diagnosis: t.field({
      type: Diagnosis,
      nullable: true,
      description: 'A diagnosis of which a step has ended in this process; to whom administers federation.',
      resolve: ({ diagnosis }) => diagnosis ?? null,
    }),
  }),
});

builder.subscriptionField('changed', (t) =>
  t.field({
    type: Change,
    description:
      'By one stream whatever changes and the viewer may know: of the catalog, of peers, of runs and diagnoses.',
    authScopes: { read: true },
    args: {
      sinceRevision: t.arg({
        type: 'BigInt',
        description: 'Of the catalog, known already; null: from now on.',
      }),
    },
    subscribe: async (_root, { sinceRevision }, context) => {
      const catalog = changedCatalog(context, 'ALL', sinceRevision);
      // Followed before the first event, at which whoever follows reads the peers: what changes after that is told.
      const peers = await context.federation.changes.peers(context.signal);
      return eachAnew(
        context,
        merge<ChangeShape>([
          as('catalog', catalog),
          as('peer', changedPeers(context, null, peers)),
          ...(context.may.administer
            ? [as('pull', changedPulls(context, null)), as('diagnosis', changedDiagnoses(context))]
            : []),
        ]),
      );
    },
    resolve: (change) => change,
  }),
);

async function* as<Name extends keyof ChangeShape>(
  name: Name,
  events: AsyncIterable<ChangeShape[Name]>,
): AsyncGenerator<ChangeShape, void> {
  for await (const event of events) yield { [name]: event };
}

/** Before each event, what an earlier one loaded is forgotten. */
async function* eachAnew<T>(context: GraphqlContext, events: AsyncIterable<T>): AsyncGenerator<T, void> {
  for await (const event of events) {
    loadAnew(context);
    yield event;
  }
}

/** @throws HedgerowError INVALID where that is no revision */
function changedCatalog(
  { catalog, reader, signal }: GraphqlContext,
  origin: 'ALL' | 'LOCAL' | 'REMOTE',
  since: bigint | null | undefined,
): AsyncIterable<CatalogChangeShape> {
  return catalog.changes.follow({
    reader,
    origin,
    since: since == null ? null : revisionOf(since),
    signal,
  });
}

async function* changedPeers(
  { federation, database, reader, signal }: GraphqlContext,
  only: string | null,
  followed?: AsyncIterable<string>,
): AsyncGenerator<PeerRow, void> {
  for await (const id of followed ?? (await federation.changes.peers(signal))) {
    if (only !== null && only !== id) continue;
    const peer = await database.prisma.peer.findFirst({ where: { AND: [{ id }, peersShownTo(reader)] } });
    if (peer !== null) yield peer;
  }
}

async function* changedPulls(
  { federation, database, signal }: GraphqlContext,
  peerId: string | null,
): AsyncGenerator<PullRow, void> {
  for await (const id of federation.changes.pulls(signal)) {
    const pull = await database.prisma.pull.findUnique({ where: { id } });
    if (pull === null) continue;
    if (peerId !== null) {
      const peer = await database.prisma.peer.findUnique({ where: { key: pull.peerKey } });
      if (peer?.id !== peerId) continue;
    }
    yield pull;
  }
}

async function* changedDiagnoses({
  federation,
  database,
  signal,
}: GraphqlContext): AsyncGenerator<DiagnosisRow, void> {
  for await (const id of federation.changes.diagnoses(signal)) {
    const diagnosis = await database.prisma.diagnosis.findUnique({ where: { id } });
    if (diagnosis !== null) yield diagnosis;
  }
}

function revisionOf(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new HedgerowError('INVALID', 'This is no revision of the catalog.', { field: ['sinceRevision'] });
  }
  return Number(value);
}
