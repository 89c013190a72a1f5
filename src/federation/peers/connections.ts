/**
 * What requests to a peer are sent with, read from its row for each of them: the address, the pinned key, the token, and
 * our own key. All of these may change while a stream or a pull goes on, here or in another process, and neither side may
 * be refused for that.
 *
 * - Our own key has changed: the peer is told before anything else is asked of it.
 * - A new token is used at once. A signed good answer makes it the only one; a signed refusal drops it for the old one.
 * - An answer names another key than the pinned one: discovery is read, and its chain followed.
 */

import { sql } from '../../database/sql.ts';
import { entriesCache } from '../../lib/entries-cache.ts';
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { openPeerToken } from '../credentials.ts';
import {
  type ConnectionSource,
  createHedgerowClient,
  type Doubt,
  type HedgerowConnection,
} from '../dialects/hedgerow.ts';
import { storedPublicKey } from '../identity/keys.ts';
import { addressPolicy } from '../outgoing/addresses.ts';
import { readDiscovery } from '../outgoing/discovery.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';
import { alarmFork, formerThumbprints, judgeChain, type PinnedPeer, pinKey } from '../rotation/follow-key.ts';

/** ms between two readings of a peer's chain that led nowhere: whoever forges answers must not make us ask on and on. */
const CHAIN_PAUSE = 3_600_000;
/** ms between two announcements to a peer that seems to have forgotten our key. */
const ANNOUNCE_AGAIN = 3_600_000;
/** Peers whose tokens are kept open. */
const OPENED = 1_000;
/** ms for an announcement, with all that it takes. */
const ANNOUNCE_DEADLINE = 30_000;

export interface PeerConnection extends HedgerowConnection {
  /** The token as it is stored. */
  sealed: string;
  /** Whether it is the new one, which has not worked yet. */
  isNext: boolean;
}

export interface Connections extends AsyncDisposable {
  /**
   * Of the peer with this key of ours.
   *
   * @param options.evenRevoked - for telling a peer that the pairing is over, for which its token is kept
   */
  of(peerKey: number, options?: { evenRevoked?: boolean }): ConnectionSource<PeerConnection>;
  /**
   * Tells the peer of our key, where it was not told.
   *
   * @throws HedgerowError where it could not be told
   */
  announce(peerKey: number): Promise<void>;
}

export interface ConnectionParts {
  context: FederationContext;
  outgoing: Outgoing;
}

interface Row {
  key: number;
  id: string;
  status: string;
  pulls: number | boolean;
  endpoint: string;
  endpointOurs: number | boolean;
  privateAllowed: number | boolean;
  publicKey: string;
  thumbprint: string | null;
  formerThumbprints: string;
  instanceId: string | null;
  sealedToken: string | null;
  sealedNextToken: string | null;
  keyAnnounced: number;
  /** Number of our own newest key. */
  newest: number;
}

export function createConnections({ context, outgoing }: ConnectionParts): Connections {
  const { database, identity, masterKey, now } = context;
  const { prisma } = database;
  const ending = new AbortController();
  const announcing = new Map<number, Promise<void>>();
  const following = new Map<number, Promise<boolean>>();
  const announcedAgain = entriesCache<number, number>(10_000);
  /** Tokens as they were opened last, by the peer's key: opening one costs more than signing the request that it goes with. */
  const opened = entriesCache<number, { sealed: string; token: string }>(OPENED);

  async function readRow(peerKey: number, evenRevoked = false): Promise<Row> {
    const row = await database.read.get<Row>(
      sql`SELECT key, id, status, pulls, endpoint, endpoint_ours AS "endpointOurs", private_allowed AS "privateAllowed", public_key AS "publicKey", thumbprint, former_thumbprints AS "formerThumbprints", instance_id AS "instanceId", sealed_token AS "sealedToken", sealed_next_token AS "sealedNextToken", key_announced AS "keyAnnounced", (SELECT MAX(number) FROM instance_keys) AS newest FROM federation_peers WHERE key = ${peerKey}`,
    );
    if (row === undefined) throw new HedgerowError('NOT_FOUND', 'There is no such peer.');
    if (row.status === 'REVOKED' && !evenRevoked) throw new HedgerowError('REVOKED');
    if (row.newest > identity.number) await identity.refresh();
    return row;
  }

  function tokenOf({ key, id }: Row, sealed: string): string | undefined {
    const known = opened.get(key);
    if (known?.sealed === sealed) return known.token;
    const token = openPeerToken(masterKey, id, sealed);
    if (token !== undefined) opened.set(key, { sealed, token });
    return token;
  }

  function connectionOf(row: Row): PeerConnection {
    if (!row.pulls || row.sealedToken === null) {
      throw new HedgerowError('UNAVAILABLE', 'Nothing is pulled from this peer.');
    }
    const common = {
      endpoint: row.endpoint,
      policy: addressPolicy(
        { endpointOurs: Boolean(row.endpointOurs), privateAllowed: Boolean(row.privateAllowed) },
        context.self().publicUrl,
      ),
      publicKey: storedPublicKey(row.publicKey),
      key: identity.key,
    };
    const next = row.sealedNextToken;
    const nextToken = next === null ? undefined : tokenOf(row, next);
    if (next !== null && nextToken !== undefined) {
      return { ...common, token: nextToken, sealed: next, isNext: true };
    }
    const token = tokenOf(row, row.sealedToken);
    if (token === undefined) {
      throw new HedgerowError(
        'CREDENTIAL_REFUSED',
        'The credential for this peer was sealed under another master key.',
      );
    }
    return { ...common, token, sealed: row.sealedToken, isNext: false };
  }

  async function announce(peerKey: number, evenRevoked = false): Promise<void> {
    const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(ANNOUNCE_DEADLINE)]);
    const client = createHedgerowClient(source(peerKey, { announces: false, evenRevoked }), {
      outgoing,
      now,
    });
    for (;;) {
      const { number, changes } = identity;
      if (changes.length === 0) return;
      try {
        await client.ask({ method: 'POST', path: '/keys', body: { keys: changes } }, signal);
      } catch (error) {
        // The chain was longer already when it arrived.
        if (identity.number !== number && !signal.aborted) continue;
        throw error;
      }
      await prisma.peer.updateMany({
        where: { key: peerKey, keyAnnounced: { lt: number } },
        data: { keyAnnounced: number },
      });
      if (identity.number === number) return;
    }
  }

  /** True where another key is pinned now. */
  async function followDiscovery(peerKey: number, evenRevoked: boolean): Promise<boolean> {
    const row = await prisma.peer.findUniqueOrThrow({ where: { key: peerKey } });
    const { thumbprint, chainReadAt } = row;
    if (thumbprint === null) return false;
    if (chainReadAt !== null && now() - chainReadAt.getTime() < CHAIN_PAUSE) return false;
    const peer: PinnedPeer = { ...row, thumbprint };
    const { policy } = connectionOf(await readRow(peerKey, evenRevoked));
    const discovery = await readDiscovery(outgoing.dispatcher(policy), row.endpoint, ending.signal).catch(
      (error: unknown) => {
        // What did not arrive does not count.
        if (error instanceof HedgerowError) return null;
        throw error;
      },
    );
    if (discovery === null) return false;
    const result = judgeChain(peer, discovery.instance.keys);
    if (result.kind === 'changed') {
      await pinKey(context, peer, result, 'discovery');
      return true;
    }
    await prisma.peer.updateMany({
      where: { key: peerKey, thumbprint },
      data: { chainReadAt: new Date(now()) },
    });
    if (result.kind === 'fork') throw await alarmFork(context, peer, result.thumbprint, 'discovery');
    return false;
  }

  function source(
    peerKey: number,
    { announces, evenRevoked }: { announces: boolean; evenRevoked: boolean },
  ): ConnectionSource<PeerConnection> {
    const current = async (): Promise<PeerConnection> => {
      const row = await readRow(peerKey, evenRevoked);
      const connection = connectionOf(row);
      if (!announces || row.keyAnnounced >= identity.number) return connection;
      await once(announcing, peerKey, () => announce(peerKey, evenRevoked));
      // The peer's own key, or the token, may have changed on the way.
      return connectionOf(await readRow(peerKey, evenRevoked));
    };

    const insteadOf: Record<Doubt['kind'], (sent: PeerConnection, doubt: Doubt) => Promise<boolean>> = {
      credential: async (sent) => {
        if (!sent.isNext) return false;
        const dropped = await prisma.peer.updateMany({
          where: { key: peerKey, sealedNextToken: sent.sealed },
          data: { sealedNextToken: null },
        });
        return dropped.count > 0;
      },
      'other-key': async (_sent, doubt) => {
        const row = await readRow(peerKey, evenRevoked);
        // A chain leads on and never back.
        if (doubt.kind !== 'other-key' || formerThumbprints(row).includes(doubt.keyid)) return false;
        return once(following, peerKey, () => followDiscovery(peerKey, evenRevoked));
      },
      unproven: async () => {
        // A peer that was restored from a backup has forgotten our key, though it was told.
        const last = announcedAgain.get(peerKey) ?? Number.NEGATIVE_INFINITY;
        if (!announces || identity.number === 1 || now() - last < ANNOUNCE_AGAIN) return false;
        announcedAgain.set(peerKey, now());
        return once(announcing, peerKey, () => announce(peerKey, evenRevoked)).then(
          () => true,
          () => false,
        );
      },
    };

    return {
      current: (signal) => untilAborted(current, signal),
      proved: async (connection) => {
        if (!connection.isNext) return;
        await prisma.peer.updateMany({
          where: { key: peerKey, sealedNextToken: connection.sealed },
          data: { sealedToken: connection.sealed, sealedNextToken: null },
        });
      },
      instead: async (sent, doubt, signal) => {
        const before = connectionOf(await readRow(peerKey, evenRevoked));
        if (differs(before, sent)) return before;
        const mended = await untilAborted(() => insteadOf[doubt.kind](sent, doubt), signal);
        const after = await untilAborted(current, signal);
        return mended || differs(after, sent) ? after : null;
      },
    };
  }

  return {
    of: (peerKey, { evenRevoked = false } = {}) => source(peerKey, { announces: true, evenRevoked }),
    announce: async (peerKey) => {
      const row = await readRow(peerKey);
      if (row.keyAnnounced < identity.number) await once(announcing, peerKey, () => announce(peerKey));
    },
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await Promise.allSettled([...announcing.values(), ...following.values()]);
    },
  };
}

function differs(a: PeerConnection, b: PeerConnection): boolean {
  return (
    a.sealed !== b.sealed ||
    a.key.thumbprint !== b.key.thumbprint ||
    a.publicKey.thumbprint !== b.publicKey.thumbprint ||
    a.endpoint !== b.endpoint ||
    a.policy !== b.policy
  );
}

/** Many requests may find out the same at once; one sees to it, and the others wait for that. */
function once<T>(running: Map<number, Promise<T>>, key: number, work: () => Promise<T>): Promise<T> {
  let promise = running.get(key);
  if (promise === undefined) {
    promise = work().finally(() => running.delete(key));
    running.set(key, promise);
  }
  return promise;
}

/** What several wait for goes on, but whoever was told to stop waits no longer. */
async function untilAborted<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work(), promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
