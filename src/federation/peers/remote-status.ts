/**
 * What a peer's signed status says of the peer: its software, and which protocols and capabilities it has. Never lowered:
 * an answer that names fewer than before may be one of an attacker who wants the weaker ones used.
 */
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { CursorExpired, type PeerClient } from '../dialects/dialect.ts';
import { LIMITS } from '../wire/limits.ts';
import type { StatusAnswer } from '../wire/messages.ts';

/** Of those that this server speaks. */
const PROTOCOLS: ReadonlySet<string> = new Set(['1']);
/** ms between two askings, and after one that came to nothing. */
const ASK_EVERY = 24 * 3600_000;
const ASK_AGAIN = 3600_000;

export interface RemoteStatus {
  software: { name: string; version: string };
  protocols: string[];
  capabilities: string[];
  /** ms since 1970. */
  at: number;
}

/** What was learnt before, with what is said now. */
export function learned(before: RemoteStatus | null, told: StatusAnswer, at: number): RemoteStatus {
  return {
    software: told.software,
    protocols: union(before?.protocols, told.protocols, LIMITS.protocols),
    capabilities: union(before?.capabilities, told.capabilities, LIMITS.capabilities),
    at,
  };
}

export function readRemoteStatus(text: string | null): RemoteStatus | null {
  return text === null ? null : (JSON.parse(text) as RemoteStatus);
}

export interface StatusWatch {
  /**
   * Asks the peer, where that is due, and stores what it says. That it does not answer says nothing: the pull beside it
   * finds out what is wrong.
   *
   * @returns how many items it shares, where it was asked and says so
   * @throws HedgerowError PROTOCOL_UNSUPPORTED
   */
  look(
    peer: { key: number; remoteStatus: string | null; remoteTotal: number | null },
    client: PeerClient,
    signal: AbortSignal,
  ): Promise<number | null>;
}

export function createStatusWatch(context: FederationContext): StatusWatch {
  /** When peers did not answer, ms, by key; as many as there are peers. */
  const unanswered = new Map<number, number>();

  async function ask(client: PeerClient, peerKey: number, signal: AbortSignal): Promise<StatusAnswer | null> {
    const last = unanswered.get(peerKey);
    if (client.status === undefined || (last !== undefined && context.now() - last < ASK_AGAIN)) return null;
    try {
      const told = await client.status(signal);
      unanswered.delete(peerKey);
      return told;
    } catch (error) {
      if (!(error instanceof HedgerowError)) throw error;
      // Ended from here: the peer was not given its time.
      if (!signal.aborted) unanswered.set(peerKey, context.now());
      return null;
    }
  }

  return {
    look: async (peer, client, signal) => {
      const before = readRemoteStatus(peer.remoteStatus);
      // One that was too new or too old may have been changed since.
      const due = before === null || !isCommon(before) || context.now() - before.at >= ASK_EVERY;
      const told = due ? await ask(client, peer.key, signal) : null;
      const status = told === null ? before : learned(before, told, context.now());
      if (told !== null) {
        await context.database.prisma.peer.update({
          where: { key: peer.key },
          data: {
            remoteStatus: JSON.stringify(status),
            // Afterwards each pull says it.
            ...(peer.remoteTotal === null && { remoteTotal: told.total }),
          },
        });
      }
      if (status !== null && !isCommon(status)) {
        throw new HedgerowError(
          'PROTOCOL_UNSUPPORTED',
          `The peer speaks protocol ${status.protocols.join(', ')}, and this server 1. Update the older of the two.`,
        );
      }
      return told?.total ?? null;
    },
  };
}

/** ms that an answer about the lag may take: nothing waits for it that could not go on without. */
const LAG_DEADLINE = 10_000;

export interface LagWatch {
  /**
   * Asks the peer how many of its changes are not here yet, and stores it as `lag`. Null where it does not say, which is
   * no failure of it.
   */
  ask(peerKey: number, client: PeerClient, signal: AbortSignal): Promise<number | null>;
}

export function createLagWatch({ database }: Pick<FederationContext, 'database'>): LagWatch {
  const { prisma } = database;
  return {
    ask: async (key, client, signal) => {
      const peer = await prisma.peer.findUnique({ where: { key }, select: { cursor: true } });
      const cursor = peer?.cursor ?? '';
      if (cursor === '' || client.status === undefined) return null;
      try {
        const { behind } = await client.status(
          AbortSignal.any([signal, AbortSignal.timeout(LAG_DEADLINE)]),
          cursor,
        );
        if (behind === undefined) return null;
        // Of a cursor that has gone on meanwhile it says nothing any more.
        await prisma.peer.updateMany({ where: { key, cursor, status: 'ACTIVE' }, data: { lag: behind } });
        return behind;
      } catch (error) {
        if (error instanceof HedgerowError || error instanceof CursorExpired || signal.aborted) return null;
        throw error;
      }
    },
  };
}

function isCommon({ protocols }: Pick<RemoteStatus, 'protocols'>): boolean {
  return protocols.some((protocol) => PROTOCOLS.has(protocol));
}

/** In the order in which they were first heard of, bounded as one answer is. */
function union(before: readonly string[] | undefined, now: readonly string[], most: number): string[] {
  return [...new Set([...(before ?? []), ...now])].slice(0, most);
}
