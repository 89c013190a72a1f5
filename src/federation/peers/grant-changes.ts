/** Putting a grant in force: in one transaction with the end of what was kept of the former one. */
import { randomInt } from 'node:crypto';
import type { Prisma } from '../../database/generated/sqlite/client.ts';
import type { Grant } from '../wire/messages.ts';

/** What stands for the same grant is the same text. */
export function grantText({ kinds, tags, albums, access, until }: Grant): string {
  const sorted = <T extends string>(list: readonly T[] | null) =>
    list === null ? null : [...new Set(list)].sort();
  return JSON.stringify({
    kinds: sorted(kinds),
    tags: sorted(tags),
    albums: sorted(albums),
    access,
    until: until === null ? null : new Date(until).toISOString(),
  });
}

/** Of a column of 32 bits. */
const REVISIONS = 2 ** 31;

/**
 * Gives a peer a grant, at once: cursors of the former one are of no use any more, and what was kept of it is
 * forgotten. One that opens the same, until whenever, leaves them. Answers whether what it opens changed.
 *
 * It holds the catalog's row of counters until the transaction ends, so that each change of an item is made either
 * under the former grant or under this one; it is to be called late in the transaction.
 *
 * @param before - the text of the grant that was in force; null where there was none
 */
export async function putGrant(
  tx: Prisma.TransactionClient,
  peerKey: number,
  before: string | null,
  grant: Grant,
): Promise<boolean> {
  const former = before === null ? null : (JSON.parse(before) as Grant);
  const changes = former === null || grantText({ ...former, until: grant.until }) !== grantText(grant);
  await tx.peer.update({
    where: { key: peerKey },
    // Drawn, and not counted: after a backup was put back, a count would come to numbers that cursors carry already.
    data: { serveGrant: grantText(grant), ...(changes && { grantRevision: randomInt(1, REVISIONS) }) },
  });
  if (!changes) return false;
  await tx.catalogState.update({ where: { id: 1 }, data: { revision: { increment: 1 } } });
  await tx.pairRemoval.deleteMany({ where: { peerKey } });
  await tx.pairSum.deleteMany({ where: { peerKey } });
  return true;
}
