/** Servers of other make: the client of each peer, made anew when its row changes, and the way to one that is no peer yet. */
import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { openPeerToken } from '../credentials.ts';
import type { ForeignDialect, PeerClient } from '../dialects/dialect.ts';
import { createForeignHost, type ForeignConnection, type ForeignHost } from '../dialects/foreign-host.ts';
import { createPacer, type Pacer } from '../dialects/pacer.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';
import type { PulledPeer } from './clients.ts';

export interface ForeignClients {
  readonly dialects: readonly ForeignDialect[];
  /**
   * Null where the peer speaks the native dialect.
   *
   * @throws HedgerowError as `clientOf`; INTERNAL where nobody here knows the dialect of the row
   */
  of(peer: PulledPeer): PeerClient | null;
  /** A server that may be of this dialect. */
  host(dialect: ForeignDialect, connection: ForeignConnection): ForeignHost;
}

export interface ForeignClientsOptions {
  context: FederationContext;
  outgoing: Outgoing;
  dialects: readonly ForeignDialect[];
  sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

/** Peers whose clients, and servers whose pace, are remembered. */
const REMEMBERED = 1_000;

export function createForeignClients(options: ForeignClientsOptions): ForeignClients {
  const { context, outgoing, dialects } = options;
  const { processes } = context;
  const sleep = options.sleep ?? ((ms, signal) => delay(ms, undefined, { signal, ref: false }));
  const clients = new LRUCache<number, { of: string; client: PeerClient }>({ max: REMEMBERED });
  const pacers = new LRUCache<string, Pacer>({ max: REMEMBERED });

  /** They count by address: whoever asks from here, for whichever peer, asks from the same one. */
  const pacerOf = (dialect: ForeignDialect, origin: string): Pacer => {
    const server = `${dialect.name} ${origin}`;
    let pacer = pacers.get(server);
    if (pacer === undefined) {
      pacer = createPacer({ pace: dialect.pace, now: context.now, sleep });
      pacers.set(server, pacer);
    }
    return pacer;
  };
  // What one process is asked, all heed: they may share the address, and are one instance in any case.
  processes.hear('rest', (text) => {
    const [seconds, name, origin] = text?.split(' ') ?? [];
    const dialect = dialects.find((each) => each.name === name);
    if (dialect !== undefined && origin !== undefined) pacerOf(dialect, origin).pause(Number(seconds));
  });

  const host: ForeignClients['host'] = (dialect, connection) => {
    const { origin } = new URL(connection.endpoint);
    const { turn, pause } = pacerOf(dialect, origin);
    const pacer: Pacer = {
      turn,
      pause: (seconds) => {
        pause(seconds);
        processes.tell('rest', `${seconds} ${dialect.name} ${origin}`);
      },
    };
    return createForeignHost(connection, { outgoing, pacer, now: context.now });
  };

  return {
    dialects,
    host,
    of: (peer) => {
      if (peer.dialect === 'HEDGEROW') return null;
      if (peer.status === 'REVOKED') throw new HedgerowError('REVOKED');
      if (!peer.pulls) throw new HedgerowError('UNAVAILABLE', 'Nothing is pulled from this peer.');
      const dialect = dialects.find(({ name }) => name === peer.dialect);
      if (dialect === undefined)
        throw new HedgerowError('PROTOCOL_UNSUPPORTED', `The dialect ${peer.dialect} is not known here.`);
      const madeOf = JSON.stringify([
        peer.id,
        peer.dialect,
        peer.endpoint,
        peer.endpointOurs,
        peer.sealedToken,
      ]);
      const known = clients.get(peer.key);
      if (known?.of === madeOf) return known.client;
      const policy = peer.endpointOurs ? 'named' : 'public';
      const client = dialect.connect(
        host(dialect, { endpoint: peer.endpoint, policy, token: tokenOf(peer) }),
      );
      clients.set(peer.key, { of: madeOf, client });
      return client;
    },
  };

  function tokenOf(peer: PulledPeer): string | null {
    if (peer.sealedToken === null) return null;
    const token = openPeerToken(context.masterKey, peer.id, peer.sealedToken);
    if (token !== undefined) return token;
    throw new HedgerowError(
      'CREDENTIAL_REFUSED',
      'The credential for this peer was sealed under another master key.',
    );
  }
}
