/** New credentials and keys. */

import type { Viewer } from '../access/viewer.ts';
import type { Actor, InstanceIdentity } from '../federation/federation.ts';
import { HedgerowError } from '../lib/errors.ts';
import { builder } from './builder.ts';
import { Instance } from './instance.ts';
import { changePeer, peerPayload } from './peer-mutations.ts';
import { attempt, type Outcome, UserError } from './user-error.ts';

const RotatePeerCredentialInput = builder.inputType('RotatePeerCredentialInput', {
  description: 'Renews the credential by which a peer is asked.',
  fields: (t) => ({ id: t.id({ required: true, description: 'Of the peer.' }) }),
});

builder.mutationField('rotatePeerCredential', (t) =>
  t.field({
    type: peerPayload('RotatePeerCredentialPayload', 'What became of renewing a credential.'),
    description:
      'Asks the peer for a new credential in place of the one that is held here. The old one works until the new one is used.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: RotatePeerCredentialInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input: { id } }, { federation }) =>
      changePeer(async () => {
        await federation.renewCredential(id);
        return { peerId: id };
      }),
  }),
);

const RotateInstanceKeyInput = builder.inputType('RotateInstanceKeyInput', {
  description: "Changes this instance's key.",
  fields: (t) => ({
    confirm: t.boolean({
      required: true,
      description: 'Must be true: the former key is erased, and invitations that are open are cancelled.',
    }),
  }),
});

const RotateInstanceKeyPayload = builder
  .objectRef<Outcome<{ instance: InstanceIdentity | null }>>('RotateInstanceKeyPayload')
  .implement({
    description: 'What became of changing the key.',
    fields: (t) => ({
      instance: t.field({
        type: Instance,
        nullable: true,
        description: 'This instance, with its new thumbprint; null where it went wrong.',
        resolve: (payload) => payload.instance,
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('rotateInstanceKey', (t) =>
  t.field({
    type: RotateInstanceKeyPayload,
    description:
      'Makes a new key for this instance. Peers follow by themselves; a key that was stolen must not be changed but replaced by pairing again.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: RotateInstanceKeyInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { federation, viewer }) =>
      attempt<{ instance: InstanceIdentity | null }>({ instance: null }, async () => {
        if (!input.confirm) {
          throw new HedgerowError(
            'INVALID',
            'Confirm that the former key is erased and invitations that are open are cancelled.',
            { field: ['confirm'] },
          );
        }
        await federation.rotateKey(actorOf(viewer));
        return { instance: federation.instance() };
      }),
  }),
);

function actorOf(viewer: Viewer | null): Actor {
  if (viewer === null) return { actorKind: 'ANONYMOUS' };
  return viewer.via === 'session'
    ? { actorKind: 'USER', actor: viewer.user.id }
    : { actorKind: 'TOKEN', actor: viewer.tokenId };
}
