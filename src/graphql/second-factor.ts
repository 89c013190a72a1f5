/** The second factor of an account: begun, confirmed and ended by its person in a browser, taken off by an admin. */

import type { Enrolment, SecondFactorState } from '../access/second-factor.ts';
import { builder } from './builder.ts';
import { User, Viewer } from './user.ts';
import { attempt, type Outcome, UserError } from './user-error.ts';

const SecondFactor = builder.objectRef<SecondFactorState>('SecondFactor').implement({
  description: 'Codes by time (RFC 6238) that signing in asks for beside the password.',
  fields: (t) => ({
    since: t.expose('since', { type: 'DateTime', description: 'Since when it is in force.' }),
    recoveryCodesLeft: t.exposeInt('recoveryCodesLeft', {
      description: 'Recovery codes that were not used yet.',
    }),
  }),
});

builder.objectField(Viewer, 'secondFactor', (t) =>
  t.field({
    type: SecondFactor,
    nullable: true,
    description: 'Null where none is in force, and to a token without the scope ADMIN.',
    resolve: (viewer, _args, { people }) => people.secondFactorOf(viewer),
  }),
);

builder.prismaObjectField(User, 'secondFactor', (t) =>
  t.boolean({
    nullable: true,
    description: 'Whether signing in asks for more than the password. Null unless the viewer is an admin.',
    resolve: ({ id }, _args, { may, load }) => (may.admin ? load.secondFactor.load(id) : null),
  }),
);

const BeginSecondFactorInput = builder.inputType('BeginSecondFactorInput', {
  description: 'A second factor to be set up.',
  fields: (t) => ({
    currentPassword: t.string({ required: true, description: 'Of whoever sets it up.' }),
  }),
});

const BeginSecondFactorPayload = builder
  .objectRef<Outcome<{ enrolment: Enrolment | null }>>('BeginSecondFactorPayload')
  .implement({
    description: 'What an authenticator app is given.',
    fields: (t) => ({
      secret: t.string({
        nullable: true,
        description: 'To be typed into the app: base32. Shown once.',
        resolve: ({ enrolment }) => enrolment?.secret,
      }),
      url: t.string({
        nullable: true,
        description: 'The same as `otpauth://totp/…`, for a QR code. Shown once.',
        resolve: ({ enrolment }) => enrolment?.url,
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('beginSecondFactor', (t) =>
  t.field({
    type: BeginSecondFactorPayload,
    description:
      "Makes a secret for the viewer's authenticator app; in force once confirmSecondFactor shows a code of it, within an hour. In a session only.",
    args: { input: t.arg({ type: BeginSecondFactorInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { people, viewer }) =>
      attempt<{ enrolment: Enrolment | null }>({ enrolment: null }, async () => ({
        enrolment: await people.beginSecondFactor(viewer, input),
      })),
  }),
);

interface Codes {
  recoveryCodes: string[] | null;
}

const NO_CODES: Codes = { recoveryCodes: null };

const ConfirmSecondFactorInput = builder.inputType('ConfirmSecondFactorInput', {
  description: 'What shows that the app has the secret.',
  fields: (t) => ({ code: t.string({ required: true, description: 'The six digits that the app shows.' }) }),
});

const ConfirmSecondFactorPayload = builder.objectRef<Outcome<Codes>>('ConfirmSecondFactorPayload').implement({
  description: 'What became of confirming a second factor.',
  fields: (t) => ({
    recoveryCodes: t.exposeStringList('recoveryCodes', {
      nullable: true,
      description: 'Ten codes, each good once in place of one of the app. Shown once.',
    }),
    userErrors: t.field({
      type: [UserError],
      description: 'What the caller can put right.',
      resolve: (payload) => payload.userErrors,
    }),
  }),
});

builder.mutationField('confirmSecondFactor', (t) =>
  t.field({
    type: ConfirmSecondFactorPayload,
    description:
      "Puts the second factor that was begun in force, and ends the viewer's other sessions. In a session only.",
    args: { input: t.arg({ type: ConfirmSecondFactorInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { people, viewer }) =>
      attempt<Codes>(NO_CODES, async () => ({
        recoveryCodes: await people.confirmSecondFactor(viewer, input),
      })),
  }),
);

const RenewRecoveryCodesInput = builder.inputType('RenewRecoveryCodesInput', {
  description: 'Who asks for new recovery codes.',
  fields: (t) => ({
    currentPassword: t.string({ required: true, description: 'Of whoever asks.' }),
    code: t.string({ required: true, description: 'Of the app, or a recovery code.' }),
  }),
});

const RenewRecoveryCodesPayload = builder.objectRef<Outcome<Codes>>('RenewRecoveryCodesPayload').implement({
  description: 'What became of making recovery codes.',
  fields: (t) => ({
    recoveryCodes: t.exposeStringList('recoveryCodes', {
      nullable: true,
      description: 'Ten codes, each good once in place of one of the app. Shown once.',
    }),
    userErrors: t.field({
      type: [UserError],
      description: 'What the caller can put right.',
      resolve: (payload) => payload.userErrors,
    }),
  }),
});

builder.mutationField('renewRecoveryCodes', (t) =>
  t.field({
    type: RenewRecoveryCodesPayload,
    description: 'Makes ten recovery codes in place of all earlier ones. In a session only.',
    args: { input: t.arg({ type: RenewRecoveryCodesInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { people, viewer }) =>
      attempt<Codes>(NO_CODES, async () => ({
        recoveryCodes: await people.renewRecoveryCodes(viewer, input),
      })),
  }),
);

const EndSecondFactorInput = builder.inputType('EndSecondFactorInput', {
  description: 'Who turns the second factor off.',
  fields: (t) => ({
    currentPassword: t.string({ required: true, description: 'Of whoever turns it off.' }),
    code: t.string({ required: true, description: 'Of the app, or a recovery code.' }),
  }),
});

const EndSecondFactorPayload = builder.objectRef<Outcome<object>>('EndSecondFactorPayload').implement({
  description: 'What became of turning a second factor off.',
  fields: (t) => ({
    userErrors: t.field({
      type: [UserError],
      description: 'What the caller can put right; empty where it is off.',
      resolve: (payload) => payload.userErrors,
    }),
  }),
});

builder.mutationField('endSecondFactor', (t) =>
  t.field({
    type: EndSecondFactorPayload,
    description: "Turns the viewer's second factor off, and voids the recovery codes. In a session only.",
    args: { input: t.arg({ type: EndSecondFactorInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { people, viewer }) =>
      attempt<object>({}, async () => {
        await people.endSecondFactor(viewer, input);
        return {};
      }),
  }),
);

const ResetSecondFactorInput = builder.inputType('ResetSecondFactorInput', {
  description: 'Somebody who has lost app and recovery codes.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Of the person.' }) }),
});

const ResetSecondFactorPayload = builder
  .objectRef<Outcome<{ userId: string | null }>>('ResetSecondFactorPayload')
  .implement({
    description: 'What became of taking a second factor off somebody.',
    fields: (t) => ({
      user: t.field({
        type: User,
        nullable: true,
        description: 'The person; null where it went wrong.',
        resolve: ({ userId }, _args, { load }) => (userId === null ? null : load.user.load(userId)),
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('resetSecondFactor', (t) =>
  t.field({
    type: ResetSecondFactorPayload,
    description:
      'Takes the second factor off another person, who signs in with the password alone then. Admin.',
    authScopes: { admin: true },
    args: { input: t.arg({ type: ResetSecondFactorInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input: { id } }, { people, viewer }) =>
      attempt<{ userId: string | null }>({ userId: null }, async () => {
        const user = await people.resetSecondFactor(viewer, id);
        return { userId: user.id };
      }),
  }),
);
