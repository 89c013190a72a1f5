/** This instance's own key is changed, and whoever pulls from us or is pulled by us gets to know. */
import type { FederationContext } from '../context.ts';
import type { Actor } from '../federation.ts';

/** @throws HedgerowError CONFLICT where another change was made at the same moment, or after too many changes */
export async function rotateInstanceKey(context: FederationContext, by: Actor): Promise<void> {
  const { identity } = context;
  const from = identity.key.thumbprint;
  const { number, cancelledInvitations } = await identity.rotate(new Date(context.now()));
  const { thumbprint } = identity.key;
  context.log.keyRotated({ thumbprint, number, cancelledInvitations });
  await context.audit.record({
    ...by,
    action: 'key.rotate',
    target: thumbprint,
    outcome: 'done',
    detail: { from, number, cancelledInvitations },
  });
}
