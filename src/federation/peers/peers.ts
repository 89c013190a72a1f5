/** What an admin changes about a peer. */
import { wantThumbnailsAgain } from '../../catalog/thumbnail-queue.ts';
import { type Code, HedgerowError } from '../../lib/errors.ts';
import { toBaseUrl } from '../base-url.ts';
import type { FederationContext } from '../context.ts';
import type { LimitChanges, UpdatePeer } from '../federation.ts';
import type { PullManager } from '../pull/pull-manager.ts';
import { LIMIT_RANGES } from '../serve/limits.ts';
import type { PeerStreams } from '../serve/streams.ts';
import { putGrant } from './grant-changes.ts';
import type { PeerHealth } from './health.ts';
import type { Notices } from './notices.ts';

const NAME_LENGTH = 200;
/** Bytes; what a number holds exactly. */
const BUDGET_MAX = BigInt(Number.MAX_SAFE_INTEGER);
/** Seconds. */
const INTERVAL = { min: 10, max: 604_800 };

/**
 * @param enforceBudgets - evicts what a smaller budget no longer holds
 * @throws HedgerowError NOT_FOUND, INVALID with the field, REVOKED where the peer is history
 */
export async function updatePeer(
  context: FederationContext,
  pulls: PullManager,
  peerId: string,
  input: UpdatePeer,
  enforceBudgets: () => Promise<void>,
): Promise<void> {
  const { prisma } = context.database;
  const peer = await prisma.peer.findUnique({ where: { id: peerId } });
  if (peer === null) throw new HedgerowError('NOT_FOUND', 'There is no such peer.');
  if (peer.status === 'REVOKED')
    throw new HedgerowError('REVOKED', 'The peer was revoked; pair again to go on.');
  const { name, endpoint, paused, interval, cacheMode, cacheBudget, audience, limits, grant } = input;
  if (grant !== undefined && !peer.serves) {
    throw new HedgerowError(
      'CONFLICT',
      'This peer takes nothing from here, so there is no grant to change.',
      {
        field: ['grant'],
      },
    );
  }
  const status = paused === undefined ? peer.status : paused ? 'PAUSED' : 'ACTIVE';
  const resumed = peer.status === 'PAUSED' && status === 'ACTIVE';
  const data = {
    ...(name !== undefined && { name: checkedName(name) }),
    // Our own admin names it, so it may be one of the private network.
    ...(endpoint !== undefined && { endpoint: checkedEndpoint(endpoint), endpointOurs: true }),
    ...(interval !== undefined && { interval: checkedInterval(interval) }),
    ...(cacheMode !== undefined && { cacheMode }),
    ...(cacheBudget !== undefined && { cacheBudget: checkedBudget(cacheBudget) }),
    ...(audience !== undefined && { audience }),
    ...(limits !== undefined && checkedLimits(limits)),
    status,
    ...((resumed || endpoint !== undefined) && { nextAttemptAt: new Date(context.now()), failures: 0 }),
    // What has changed there since is not known until it is asked again.
    ...(status === 'PAUSED' && { nextAttemptAt: null, lag: null }),
  };
  await prisma.$transaction(async (tx) => {
    const { serveGrant } = await tx.peer.update({ where: { key: peer.key }, data });
    if (grant !== undefined) await putGrant(tx, peer.key, serveGrant, grant);
  });
  if (cacheBudget !== undefined) await enforceBudgets();
  if (cacheMode !== undefined && cacheMode !== peer.cacheMode) {
    await context.database.write((tx) => wantThumbnailsAgain(tx, peer.key));
    pulls.fetchAhead(peer.key);
  } else if (cacheBudget !== undefined) {
    pulls.fetchAhead(peer.key);
  }
  await pulls.reschedule(peer.key);
}

/** @throws HedgerowError INVALID */
function checkedBudget(budget: bigint | null): bigint | null {
  if (budget === null || (budget >= 0n && budget <= BUDGET_MAX)) return budget;
  throw new HedgerowError('INVALID', `The budget is between 0 and ${BUDGET_MAX} bytes.`, {
    field: ['cacheBudget'],
  });
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

/** What has to end with a pairing. */
export interface PairingEnd {
  pulls: Pick<PullManager, 'forget' | 'clear'>;
  streams: Pick<PeerStreams, 'end'>;
  notices: Pick<Notices, 'schedule'>;
}

/** For how long the other side is told that the pairing is over, ms. */
const NOTICE_KEPT = 24 * 3600 * 1000;

/**
 * From the moment the row says so, nothing of the peer is served or pulled, and it gets nothing; what runs for it is
 * cut. What it left here is removed afterwards, in the background, and the other side is told; a crash before that is
 * done is made up for at the next start.
 *
 * Of a peer that is revoked already, what was kept is removed after all.
 */
export async function revokePeer(
  context: FederationContext,
  end: PairingEnd,
  peerId: string,
  { keepCached }: { keepCached: boolean },
): Promise<void> {
  const { prisma } = context.database;
  const now = context.now();
  const peer = await prisma.peer.findUnique({ where: { id: peerId } });
  if (peer === null) throw new HedgerowError('NOT_FOUND', 'There is no such peer.');
  // A server of another make knows no such notice, and must not be sent its token on a route that is not its own.
  const hasCredential = peer.sealedToken !== null && peer.endpoint !== '' && peer.publicKey !== '';
  const revoked = await endPairing(context, peer.key, {
    keptCached: keepCached,
    // Whoever holds a credential can say so; it is kept until that is done.
    ...(hasCredential
      ? { noticeUntil: new Date(now + NOTICE_KEPT) }
      : { sealedToken: null, sealedNextToken: null }),
    // What they took back before stays hidden for its day, or goes at once.
    ...(!keepCached && { hiddenSince: null }),
  });
  if (revoked) context.log.revoked({ peerId, by: 'us' });
  else if (!keepCached) {
    await prisma.peer.updateMany({
      where: { key: peer.key, status: 'REVOKED' },
      data: { keptCached: false, hiddenSince: null },
    });
  }
  if (!keepCached && peer.inheritsFrom !== null) {
    // What was kept of it under a former row, and was on its way to this one.
    await prisma.peer.updateMany({
      where: { key: peer.inheritsFrom, status: 'REVOKED' },
      data: { keptCached: false },
    });
  }
  end.streams.end(peer.key, 'REVOKED');
  await end.pulls.forget(peer.key);
  if (revoked) end.notices.schedule(peer.key);
  const cleared = [peer.key, ...(peer.inheritsFrom === null ? [] : [peer.inheritsFrom])].map(end.pulls.clear);
  Promise.all(cleared).catch((error: unknown) =>
    context.log.failed({ what: 'clearing a revoked peer', error }),
  );
}

/**
 * The other side says, by its signature, that the pairing is over: both directions end, and what is here of it is
 * hidden at once and gone after a day. Nothing happens where it is over already.
 */
export async function endedByPeer(
  context: FederationContext,
  end: Pick<PairingEnd, 'pulls' | 'streams'>,
  peer: { key: number; id: string },
): Promise<void> {
  const now = new Date(context.now());
  const before = await context.database.prisma.peer.findUnique({
    where: { key: peer.key },
    select: { hiddenSince: true, errorCode: true },
  });
  const ended = await endPairing(context, peer.key, {
    sealedToken: null,
    sealedNextToken: null,
    hiddenSince: before?.hiddenSince ?? now,
    health: 'AUTH_FAILED',
    errorCode: 'REVOKED',
    errorMessage: 'The other server ended the pairing.',
    errorAt: now,
  });
  if (!ended) return;
  // Where a pull was told before, it is written down already.
  if (before?.hiddenSince === null || before?.errorCode !== 'REVOKED') {
    context.log.revoked({ peerId: peer.id, by: 'them' });
    await context.audit.record({
      actorKind: 'PEER',
      actor: peer.id,
      action: 'peer.revoked-by-them',
      target: peer.id,
      peerId: peer.id,
      outcome: 'done',
      code: 'REVOKED',
    });
  }
  end.streams.end(peer.key, 'REVOKED');
  await end.pulls.forget(peer.key);
}

/** The one step that counts, in one transaction; false where it was done before. */
async function endPairing(
  context: FederationContext,
  peerKey: number,
  columns: {
    keptCached?: boolean;
    noticeUntil?: Date;
    sealedToken?: null;
    sealedNextToken?: null;
    hiddenSince?: Date | null;
    health?: PeerHealth;
    errorCode?: Code;
    errorMessage?: string;
    errorAt?: Date;
  },
): Promise<boolean> {
  const now = new Date(context.now());
  return context.database.prisma.$transaction(async (tx) => {
    const { count } = await tx.peer.updateMany({
      where: { key: peerKey, status: { not: 'REVOKED' } },
      data: { ...columns, status: 'REVOKED', revokedAt: now, nextAttemptAt: null, lag: null },
    });
    if (count === 0) return false;
    await tx.peerCredential.updateMany({ where: { peerKey, endedAt: null }, data: { endedAt: now } });
    return true;
  });
}

/** @throws HedgerowError INVALID with the field */
export function checkedName(text: string): string {
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

/** The columns that change; null is the default again. */
function checkedLimits({ requestsPerMinute, bytesPerSecond, concurrentStreams }: LimitChanges) {
  const checked = <T extends number | bigint>(name: keyof typeof LIMIT_RANGES, value: T | null): T | null => {
    const { min, max } = LIMIT_RANGES[name];
    if (value === null || (value >= min && value <= max)) return value;
    throw new HedgerowError('INVALID', `${name} is a number from ${min} to ${max}.`, {
      field: ['limits', name],
    });
  };
  return {
    ...(requestsPerMinute !== undefined && {
      requestsPerMinute: checked('requestsPerMinute', requestsPerMinute),
    }),
    ...(bytesPerSecond !== undefined && { bytesPerSecond: checked('bytesPerSecond', bytesPerSecond) }),
    ...(concurrentStreams !== undefined && {
      concurrentStreams: checked('concurrentStreams', concurrentStreams),
    }),
  };
}
