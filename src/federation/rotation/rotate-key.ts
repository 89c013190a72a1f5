/** This instance's own key is changed, and whoever pulls from us or is pulled by us gets to know. */
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import type { Actor } from '../federation.ts';
import { openAttempts } from '../pairing/attempts.ts';

/**
 * @throws HedgerowError CONFLICT where a pairing of ours waits for its answer, another change was made at the same moment,
 *   or after too many changes
 */
export async function rotateInstanceKey(context: FederationContext, by: Actor): Promise<void> {
  const { identity } = context;
  // The other side may have recorded the key that the attempt was signed with, and would refuse it under another one.
  const open = await openAttempts(context);
  if (open > 0) {
    throw new HedgerowError(
      'CONFLICT',
      'A pairing is under way whose answer has not arrived. Change the key once it has ended, in an hour at most.',
    );
  }
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
