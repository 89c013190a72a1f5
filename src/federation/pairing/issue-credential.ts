import type { Prisma } from '../../database/generated/sqlite/client.ts';
import { hashPeerToken } from '../credentials.ts';

/** Credentials that were issued and never used, of one peer. */
const UNUSED_KEPT = 4;

/**
 * Lets a credential work from now on. Earlier ones go on until it is first used, for its answer may be lost too; few
 * unused ones are kept. One that is there already stays as it is.
 */
export async function issueCredential(
  tx: Prisma.TransactionClient,
  peerKey: number,
  { id, token }: { id: string; token: string },
  now: Date,
): Promise<void> {
  const hash = hashPeerToken(token);
  if ((await tx.peerCredential.findUnique({ where: { hash } })) !== null) return;
  const earlier = await tx.peerCredential.findMany({
    where: { peerKey },
    orderBy: { createdAt: 'desc' },
    select: { id: true, createdAt: true, firstUsedAt: true, endedAt: true },
  });
  const unused = earlier.filter(({ firstUsedAt, endedAt }) => firstUsedAt === null && endedAt === null);
  await tx.peerCredential.updateMany({
    where: { id: { in: unused.slice(UNUSED_KEPT).map((credential) => credential.id) } },
    data: { endedAt: now },
  });
  // Which of two is the earlier one is told by their times, also where the clock stands still between them.
  const latest = earlier[0]?.createdAt.getTime() ?? 0;
  const createdAt = new Date(Math.max(now.getTime(), latest + 1));
  await tx.peerCredential.create({ data: { id, peerKey, hash, createdAt } });
}
