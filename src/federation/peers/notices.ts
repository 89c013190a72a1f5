/**
 * Tells the other side that a pairing is over: `DELETE /federation/v1/pairing`. A courtesy, never relied upon: whoever
 * does not get it is refused by a signed answer when it asks next.
 */
import { HedgerowError, isCode } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { createHedgerowClient } from '../dialects/hedgerow.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';
import type { Connections } from './connections.ts';
import { retryDelay } from './health.ts';

/** ms for a whole exchange. */
const DEADLINE = 20_000;
/** ms between two looks for what another process was to be told of. */
const LOOK_EVERY = 10_000;
const ALL = 'all';

export interface NoticesOptions {
  context: FederationContext;
  outgoing: Outgoing;
  connections: Pick<Connections, 'of'>;
  /** ms until the next attempt after so many in vain. */
  delay?: ((failures: number) => number) | undefined;
}

export interface Notices extends AsyncDisposable {
  /** Takes up what was left when the process ended. */
  start(): Promise<void>;
  /** Sends the notice of a revoked peer, where one is due. */
  schedule(peerKey: number): void;
  /**
   * Sends none to the holder of this key until the answer is called, and waits for one that is on its way: it must
   * not end the pairing that is about to be made anew.
   */
  hold(thumbprint: string): Promise<() => void>;
}

interface Sending {
  failures: number;
  timer: NodeJS.Timeout | undefined;
  running: Promise<void> | null;
}

type Row = NonNullable<Awaited<ReturnType<FederationContext['database']['prisma']['peer']['findUnique']>>>;

export function createNotices({ context, outgoing, connections, delay }: NoticesOptions): Notices {
  const { processes } = context;
  const { prisma } = context.database;
  const pause = delay ?? ((failures: number) => retryDelay(failures, undefined, Math.random()));
  const sendings = new Map<number, Sending>();
  const held = new Map<string, number>();
  const abort = new AbortController();
  let watch: NodeJS.Timeout | undefined;
  const share = processes.share('notices ', {
    names: async () => [ALL],
    begin: () => {
      takeUp();
      if (processes.several) watch = setInterval(takeUp, LOOK_EVERY).unref();
    },
    end: async () => leave(),
    lost: leave,
  });
  processes.hear('notice', (name) => {
    if (!share.holds(ALL)) return;
    if (name === null) takeUp();
    else schedule(Number(name));
  });

  function takeUp(): void {
    prisma.peer
      .findMany({ where: { noticeUntil: { not: null } }, select: { key: true } })
      .then((rows) => {
        for (const { key } of rows) if (!sendings.has(key)) schedule(key);
      })
      .catch((error: unknown) =>
        context.log.failed({ what: 'looking for peers that are to be told', error }),
      );
  }

  function leave(): void {
    clearInterval(watch);
    for (const { timer } of sendings.values()) clearTimeout(timer);
    for (const [key, { running }] of sendings) if (running === null) sendings.delete(key);
  }

  function schedule(peerKey: number, after = 0): void {
    if (abort.signal.aborted) return;
    if (!share.holds(ALL)) {
      sendings.delete(peerKey);
      processes.tell('notice', String(peerKey));
      return;
    }
    const sending = sendings.get(peerKey) ?? { failures: 0, timer: undefined, running: null };
    sendings.set(peerKey, sending);
    if (sending.running !== null) return;
    clearTimeout(sending.timer);
    sending.timer = setTimeout(() => {
      sending.running = alone(peerKey, sending)
        .catch((error: unknown) => {
          context.log.failed({ what: 'telling a peer that the pairing is over', error });
          return true;
        })
        .then((again) => {
          sending.running = null;
          if (again) {
            sending.failures += 1;
            schedule(peerKey, pause(sending.failures));
          } else sendings.delete(peerKey);
        });
    }, after);
    sending.timer.unref();
  }

  /** Whoever pairs anew with the same peer holds the lease, in whichever process. */
  async function alone(peerKey: number, sending: Sending): Promise<boolean> {
    const lease = await processes.take(leaseOf(peerKey));
    if (lease === null) return true;
    try {
      return await attempt(peerKey, sending);
    } finally {
      await lease.release();
    }
  }

  /** True where it is to be tried again. */
  async function attempt(peerKey: number, { failures }: Sending): Promise<boolean> {
    const peer = await prisma.peer.findUnique({ where: { key: peerKey } });
    if (peer === null || peer.noticeUntil === null || peer.status !== 'REVOKED') return false;
    if (peer.thumbprint !== null && held.has(peer.thumbprint)) return true;
    if (peer.noticeUntil.getTime() <= context.now()) {
      await finish(peer, 'failed', { attempts: failures });
      return false;
    }
    // The same two are paired again: a late notice of the former pairing would end the new one.
    const anew = await prisma.peer.findFirst({
      where: { thumbprint: peer.thumbprint, status: { not: 'REVOKED' } },
      select: { key: true },
    });
    if (peer.sealedToken === null || anew !== null) {
      await finish(peer, 'failed', { attempts: failures, superseded: anew !== null });
      return false;
    }
    try {
      const client = createHedgerowClient(connections.of(peerKey, { evenRevoked: true }), {
        outgoing,
        now: context.now,
      });
      // Only its own word counts, which the client sees to: a page of a proxy has not been told anything.
      await client.ask(
        { method: 'DELETE', path: '/pairing' },
        AbortSignal.any([abort.signal, AbortSignal.timeout(DEADLINE)]),
      );
    } catch (error) {
      if (!(error instanceof HedgerowError)) throw error;
      // It knows already; or no credential is in use there any more, and there is nothing left to end.
      if (!isCode(error, 'REVOKED', 'CREDENTIAL_REFUSED')) return true;
    }
    await finish(peer, 'sent', { attempts: failures + 1 });
    return false;
  }

  /** The credential has served its last purpose. */
  async function finish(peer: Row, what: 'sent' | 'failed', detail: Record<string, unknown>): Promise<void> {
    await prisma.peer.updateMany({
      where: { key: peer.key, status: 'REVOKED' },
      data: { noticeUntil: null, sealedToken: null, sealedNextToken: null },
    });
    await context.audit.record({
      actorKind: 'SYSTEM',
      action: `notice.${what}`,
      target: peer.id,
      peerId: peer.id,
      outcome: what === 'sent' ? 'done' : 'failed',
      detail,
    });
  }

  return {
    start: () => share.start(),
    schedule: (peerKey) => schedule(peerKey),
    hold: async (thumbprint) => {
      held.set(thumbprint, (held.get(thumbprint) ?? 0) + 1);
      const rows = await prisma.peer.findMany({
        where: { thumbprint, noticeUntil: { not: null } },
        select: { key: true },
      });
      // The second of two pairings at once with the same peer need not wait for the first.
      const first = held.get(thumbprint) === 1;
      const leases = first ? await Promise.all(rows.map(({ key }) => processes.acquire(leaseOf(key)))) : [];
      return () => {
        for (const lease of leases) void lease.release();
        const count = (held.get(thumbprint) ?? 1) - 1;
        if (count > 0) held.set(thumbprint, count);
        else held.delete(thumbprint);
      };
    },
    [Symbol.asyncDispose]: async () => {
      abort.abort();
      leave();
      await Promise.all([...sendings.values()].map(({ running }) => running));
    },
  };
}

function leaseOf(peerKey: number): string {
  return `notice ${peerKey}`;
}
