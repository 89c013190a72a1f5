/**
 * Whether a peer still shares with us, asked while its bytes are on their way to our clients.
 *
 * A stream that the peer has cut is noticed only when what is on the way has been read, which a slow reader does not do
 * for minutes, and one from our own disk never notices. A peer whose events are listened to tells it at once
 * (event-stream.ts). Any other is asked every few seconds, by the smallest request whose answer is signed, for as long as
 * such a stream is open.
 */
import { type HedgerowError, isCode } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import type { PeerClient } from '../dialects/dialect.ts';
import type { PeerStreams } from '../serve/streams.ts';

/** ms between two questions to one peer. */
const ASK_EVERY = 2_500;
/** ms that an answer may take. */
const DEADLINE = 10_000;
/** ms without a question after one that brought no answer. */
const AFTER_FAILURE = 15_000;

export interface StandingOptions {
  context: Pick<FederationContext, 'database' | 'now'>;
  streams: Pick<PeerStreams, 'onLook'>;
  clientFor: (peerKey: number) => Promise<PeerClient>;
  /** Whether the peer is listened to, so that it need not be asked. */
  isLive: (peerKey: number) => boolean;
  /** The peer itself says, by its signature, that it shares no longer. */
  refused: (peerKey: number, error: HedgerowError) => void;
}

export function watchStanding({
  context,
  streams,
  clientFor,
  isLive,
  refused,
}: StandingOptions): AsyncDisposable {
  const askedAt = new Map<number, number>();
  const asking = new Map<number, Promise<void>>();
  const abort = new AbortController();

  async function ask(peerKey: number): Promise<void> {
    const peer = await context.database.prisma.peer.findUnique({
      where: { key: peerKey },
      select: { dialect: true, cursor: true },
    });
    // Who signs nothing can say nothing that would be believed.
    if (peer?.dialect !== 'HEDGEROW') return;
    try {
      const client = await clientFor(peerKey);
      const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(DEADLINE)]);
      await client.list(peer.cursor === '' ? null : peer.cursor, 1, signal);
    } catch (error) {
      if (isCode(error, 'REVOKED', 'GRANT_ENDED')) refused(peerKey, error);
      // Anything else says nothing about that, and is for the next pull to find out.
      else askedAt.set(peerKey, context.now() + AFTER_FAILURE - ASK_EVERY);
    }
  }

  streams.onLook((peers) => {
    const open = new Set(
      peers.filter(({ peerKey, toClients }) => toClients && !isLive(peerKey)).map(({ peerKey }) => peerKey),
    );
    for (const peerKey of askedAt.keys()) if (!open.has(peerKey)) askedAt.delete(peerKey);
    for (const peerKey of open) {
      // The first question comes after a while: most answers are short.
      const last = askedAt.get(peerKey);
      if (last === undefined) askedAt.set(peerKey, context.now() - ASK_EVERY / 2);
      else if (!asking.has(peerKey) && context.now() - last >= ASK_EVERY) {
        askedAt.set(peerKey, context.now());
        asking.set(
          peerKey,
          ask(peerKey)
            .catch(() => undefined)
            .finally(() => asking.delete(peerKey)),
        );
      }
    }
  });

  return {
    [Symbol.asyncDispose]: async () => {
      abort.abort();
      await Promise.all(asking.values());
    },
  };
}
