/** Sessions of browsers: the viewer's own. */

import type { Session as SessionRow } from '../access/sessions.ts';
import { builder } from './builder.ts';
import { User, Viewer } from './user.ts';
import { attempt, type Outcome, UserError } from './user-error.ts';

const Session = builder.objectRef<SessionRow>('Session').implement({
  description: 'A browser in which somebody is signed in.',
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Opaque.' }),
    userAgent: t.exposeString('userAgent', {
      nullable: true,
      description: 'What the browser calls itself.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was opened.' }),
    lastSeenAt: t.field({
      type: 'DateTime',
      description: 'When it was last used, to five minutes.',
      resolve: ({ lastSeenAt, createdAt }) => lastSeenAt ?? createdAt,
    }),
    current: t.boolean({
      description: 'Whether it is the one that asks.',
      resolve: ({ id }, _args, { viewer }) => viewer?.via === 'session' && viewer.sessionId === id,
    }),
  }),
});

builder.objectField(Viewer, 'sessions', (t) =>
  t.field({
    type: [Session],
    description: "The viewer's living sessions, the latest seen first; to a token only with the scope ADMIN.",
    complexity: { field: 10, multiplier: 10 },
    resolve: (viewer, _args, { people }) => people.sessionsOf(viewer),
  }),
);

builder.objectField(User, 'sessions', (t) =>
  t.field({
    type: [Session],
    nullable: true,
    description:
      'Living sessions of the person, the latest seen first; null unless the viewer is an admin, or the person.',
    complexity: { field: 10, multiplier: 10 },
    resolve: ({ id }, _args, { load }) => load.sessionsOfUser.load(id),
  }),
);

const EndSessionInput = builder.inputType('EndSessionInput', {
  description: 'A session to be ended.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Of the session.' }) }),
});

const EndSessionPayload = builder
  .objectRef<Outcome<{ endedSessionId: string | null }>>('EndSessionPayload')
  .implement({
    description: 'What became of ending a session.',
    fields: (t) => ({
      endedSessionId: t.exposeID('endedSessionId', { nullable: true, description: 'What has ended.' }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('endSession', (t) =>
  t.field({
    type: EndSessionPayload,
    description: "Ends a session at once: the viewer's own, an admin any.",
    args: { input: t.arg({ type: EndSessionInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { people, viewer }) =>
      attempt<{ endedSessionId: string | null }>({ endedSessionId: null }, async () => {
        await people.endSession(viewer, input.id);
        return { endedSessionId: input.id };
      }),
  }),
);
