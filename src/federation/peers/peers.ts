/** What an admin changes about a peer. */
import { wantThumbnailsAgain } from '../../catalog/thumbnail-queue.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { toBaseUrl } from '../base-url.ts';
import type { FederationContext } from '../context.ts';
import type { UpdatePeer } from '../federation.ts';
import type { PullManager } from '../pull/pull-manager.ts';

const NAME_LENGTH = 200;
/** Seconds. */
const INTERVAL = { min: 10, max: 604_800 };

/** @throws HedgerowError NOT_FOUND, INVALID with the field, REVOKED where the peer is history */
export async function updatePeer(
  context: FederationContext,
  pulls: PullManager,
  peerId: string,
  input: UpdatePeer,
): Promise<void> {
  const { prisma } = context.database;
  const peer = await prisma.peer.findUnique({ where: { id: peerId } });
  if (peer === null) throw new HedgerowError('NOT_FOUND', 'There is no such peer.');
  if (peer.status === 'REVOKED')
    throw new HedgerowError('REVOKED', 'The peer was revoked; pair again to go on.');
  const { name, endpoint, paused, interval, cacheMode, audience } = input;
  const status = paused === undefined ? peer.status : paused ? 'PAUSED' : 'ACTIVE';
  const resumed = peer.status === 'PAUSED' && status === 'ACTIVE';
  await prisma.peer.update({
    where: { key: peer.key },
    data: {
      ...(name !== undefined && { name: checkedName(name) }),
      // Our own admin names it, so it may be one of the private network.
      ...(endpoint !== undefined && { endpoint: checkedEndpoint(endpoint), endpointOurs: true }),
      ...(interval !== undefined && { interval: checkedInterval(interval) }),
      ...(cacheMode !== undefined && { cacheMode }),
      ...(audience !== undefined && { audience }),
      status,
      ...((resumed || endpoint !== undefined) && { nextAttemptAt: new Date(context.now()), failures: 0 }),
      ...(status === 'PAUSED' && { nextAttemptAt: null }),
    },
  });
  if (cacheMode !== undefined && cacheMode !== peer.cacheMode) {
    await context.database.write((tx) => wantThumbnailsAgain(tx, peer.key));
    pulls.fetchThumbnails(peer.key);
  }
  await pulls.reschedule(peer.key);
}

/** Queues pulls; of one peer, or of every active one. A copy that disagrees is listed anew, for somebody asks. */
export async function refreshPeers(
  context: FederationContext,
  pulls: PullManager,
  peerId: string | null,
): Promise<{ pullIds: string[] }> {
  const { prisma } = context.database;
  const listAnew = (where: { key?: number }) =>
    prisma.peer.updateMany({ where: { ...where, status: 'ACTIVE', inSync: false }, data: { cursor: null } });
  if (peerId === null) {
    await listAnew({});
    const peers = await prisma.peer.findMany({
      where: { status: 'ACTIVE', pulls: true },
      select: { key: true },
    });
    return { pullIds: await Promise.all(peers.map((peer) => pulls.request(peer.key))) };
  }
  const peer = await prisma.peer.findUnique({ where: { id: peerId } });
  if (peer === null) throw new HedgerowError('NOT_FOUND', 'There is no such peer.');
  if (peer.status === 'REVOKED')
    throw new HedgerowError('REVOKED', 'The peer was revoked; nothing is pulled from it.');
  if (peer.status === 'PAUSED') throw new HedgerowError('CONFLICT', 'The peer is paused; resume it first.');
  if (!peer.pulls)
    throw new HedgerowError('CONFLICT', 'Nothing is pulled from this peer: it only pulls from us.');
  await listAnew({ key: peer.key });
  return { pullIds: [await pulls.request(peer.key)] };
}

/**
 * From the moment the row says so, nothing of the peer is served or pulled, and it gets nothing. What it left here
 * is removed afterwards, in the background.
 */
export async function revokePeer(
  context: FederationContext,
  pulls: PullManager,
  peerId: string,
  { keepCached }: { keepCached: boolean },
): Promise<void> {
  const { prisma } = context.database;
  const now = new Date(context.now());
  const peer = await prisma.peer.findUnique({ where: { id: peerId } });
  if (peer === null) throw new HedgerowError('NOT_FOUND', 'There is no such peer.');
  if (peer.status === 'REVOKED') return;
  await prisma.$transaction(async (tx) => {
    await tx.peer.update({
      where: { key: peer.key },
      data: {
        status: 'REVOKED',
        revokedAt: now,
        nextAttemptAt: null,
        sealedToken: null,
        keptCached: keepCached,
      },
    });
    await tx.peerCredential.updateMany({
      where: { peerKey: peer.key, endedAt: null },
      data: { endedAt: now },
    });
  });
  context.log.revoked({ peerId, by: 'us' });
  await pulls.forget(peer.key);
  pulls
    .clear(peer.key, { keepCached })
    .catch((error: unknown) => context.log.failed({ what: 'clearing a revoked peer', error }));
}

function checkedName(text: string): string {
  const name = text.normalize('NFC').trim();
  if (name === '' || Array.from(name).length > NAME_LENGTH || /\p{Cc}/u.test(name)) {
    throw new HedgerowError('INVALID', `A name has 1 to ${NAME_LENGTH} characters on one line.`, {
      field: ['name'],
    });
  }
  return name;
}

function checkedEndpoint(text: string): string {
  const endpoint = toBaseUrl(text);
  if (endpoint === undefined) {
    throw new HedgerowError(
      'INVALID',
      'The endpoint must be an http or https URL without query and fragment.',
      {
        field: ['endpoint'],
      },
    );
  }
  return endpoint;
}

function checkedInterval(seconds: number): number {
  if (!Number.isInteger(seconds) || seconds < INTERVAL.min || seconds > INTERVAL.max) {
    throw new HedgerowError('INVALID', `An interval is ${INTERVAL.min} to ${INTERVAL.max} seconds.`, {
      field: ['interval'],
    });
  }
  return seconds;
}
