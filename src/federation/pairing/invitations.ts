/** Invitations: made by an admin here, redeemed by another instance. */
import { toBase64url } from '../../lib/base64url.ts';
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import type { CreateInvitation } from '../federation.ts';
import { publicBytes } from '../identity/keys.ts';
import { grantText } from '../peers/grant-changes.ts';
import { makeInvitationCode, newInvitation } from './invitation-code.ts';

const MINUTES_MAX = 60;
const NOTE_LENGTH = 500;

export async function createInvitation(
  context: FederationContext,
  input: CreateInvitation,
): Promise<{ invitationId: string; code: string }> {
  const { expiresInMinutes, note, mutual, allowPrivateEndpoint } = input;
  if (!Number.isInteger(expiresInMinutes) || expiresInMinutes < 1 || expiresInMinutes > MINUTES_MAX) {
    throw new HedgerowError('INVALID', `An invitation lives 1 to ${MINUTES_MAX} minutes.`, {
      field: ['expiresInMinutes'],
    });
  }
  if (note !== null && Array.from(note).length > NOTE_LENGTH) {
    throw new HedgerowError('INVALID', `A note has at most ${NOTE_LENGTH} characters.`, { field: ['note'] });
  }
  const { id, key } = newInvitation();
  const { name, publicUrl } = context.self();
  const createdAt = new Date(context.now());
  await context.database.prisma.invitation.create({
    data: {
      id,
      publicKey: toBase64url(publicBytes(key)),
      note,
      mutual,
      allowPrivateEndpoint,
      grant: grantText(input.grant),
      createdBy: input.createdBy,
      createdAt,
      expiresAt: new Date(createdAt.getTime() + expiresInMinutes * 60_000),
    },
  });
  const { thumbprint } = context.identity.key;
  return {
    invitationId: id,
    code: makeInvitationCode({ id, url: publicUrl, name, thumbprint, mutual, key }),
  };
}

/** @throws HedgerowError NOT_FOUND; INVITATION_USED where it is too late. */
export async function cancelInvitation(context: FederationContext, id: string): Promise<void> {
  const { count } = await context.database.prisma.invitation.updateMany({
    where: { id, usedAt: null, cancelledAt: null },
    data: { cancelledAt: new Date(context.now()) },
  });
  if (count > 0) return;
  const found = await context.database.prisma.invitation.findUnique({ where: { id } });
  if (found === null) throw new HedgerowError('NOT_FOUND', 'There is no such invitation.');
  if (found.usedAt !== null) {
    throw new HedgerowError('INVITATION_USED', 'The invitation was already used; revoke the peer instead.');
  }
}
