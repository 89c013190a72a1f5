/** A look at the whole way to a peer, step by step. */

import type { Diagnosis as DiagnosisRow } from '../database/generated/sqlite/client.ts';
import type { DiagnosisResult as ResultShape } from '../federation/peers/diagnose.ts';
import { HedgerowError } from '../lib/errors.ts';
import { builder } from './builder.ts';
import { known, Peer } from './peer.ts';
import { PULL_STATES, PullStateEnum } from './pull.ts';
import { attempt, type Outcome, UserError } from './user-error.ts';

const DiagnosisStepEnum = builder.enumType('DiagnosisStep', {
  description: 'The steps of the way to a peer, in order.',
  values: {
    RESOLVE: { description: 'The host name, and whether its addresses may be dialled.' },
    CONNECT: { description: 'A connection to one of the addresses.' },
    TLS: { description: 'The handshake, and the certificate.' },
    DISCOVERY: { description: 'What the server there says of itself.' },
    IDENTITY: { description: 'Whether its key is the one that was pinned.' },
    CLOCK: { description: 'Whether the clocks are less than five minutes apart.' },
    SIGNATURE: { description: 'Whether credential and signatures are accepted.' },
    FEED: { description: 'Whether the listing can be read.' },
    THUMBNAIL: { description: 'Whether bytes arrive as they were announced.' },
  } as const,
});

const DiagnosisResult = builder.objectRef<ResultShape>('DiagnosisResult').implement({
  description: 'What came of one step.',
  fields: (t) => ({
    step: t.field({ type: DiagnosisStepEnum, description: 'Which.', resolve: (result) => result.step }),
    ok: t.exposeBoolean('ok', {
      nullable: true,
      description: 'Null where it was not tried, or there is nothing to try.',
    }),
    durationMs: t.exposeFloat('durationMs', { nullable: true, description: 'How long it took.' }),
    message: t.exposeString('message', { nullable: true, description: 'For people: what was found.' }),
  }),
});

export const Diagnosis = builder.prismaObject('Diagnosis', {
  description: 'A look at the whole way to a peer; its results come one by one.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Opaque.' }),
    peer: t.field({
      type: Peer,
      description: 'Whose way it is.',
      resolve: async (diagnosis, _args, { load }) => {
        const peer = await load.peer.load(diagnosis.peerKey);
        if (peer === null) throw new HedgerowError('NOT_FOUND');
        return peer;
      },
    }),
    state: t.field({
      type: PullStateEnum,
      description: 'How far it is; FAILED where a step failed.',
      resolve: (diagnosis) => known(PULL_STATES, diagnosis.state) ?? 'QUEUED',
    }),
    results: t.field({
      type: [DiagnosisResult],
      description: 'The steps that have ended, in order.',
      resolve: (diagnosis: DiagnosisRow) => JSON.parse(diagnosis.results) as ResultShape[],
    }),
  }),
});

const DiagnosePeerInput = builder.inputType('DiagnosePeerInput', {
  description: 'Which peer to look after.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Of the peer.' }) }),
});

const DiagnosePeerPayload = builder
  .objectRef<Outcome<{ diagnosisId: string | null }>>('DiagnosePeerPayload')
  .implement({
    description: 'What became of beginning a diagnosis.',
    fields: (t) => ({
      diagnosis: t.prismaField({
        type: Diagnosis,
        nullable: true,
        description: 'The diagnosis, which goes on; ask for it again by its id.',
        resolve: (query, { diagnosisId }, _args, { database }) =>
          diagnosisId === null
            ? null
            : database.prisma.diagnosis.findUnique({ ...query, where: { id: diagnosisId } }),
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('diagnosePeer', (t) =>
  t.field({
    type: DiagnosePeerPayload,
    description: 'Walks the whole way to a peer, and says at which step it fails. Answers at once.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: DiagnosePeerInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { federation }) =>
      attempt<{ diagnosisId: string | null }>({ diagnosisId: null }, () => federation.diagnosePeer(input.id)),
  }),
);
