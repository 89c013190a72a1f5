/**
 * Tells the other side that a pairing is over: `DELETE /federation/v1/pairing`. A courtesy, never relied upon: whoever
 * does not get it is refused by a signed answer when it asks next.
 */
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { openPeerToken } from '../credentials.ts';
import { verifyAnswer } from '../identity/answer-signatures.ts';
import { parsePublicKey } from '../identity/keys.ts';
import { FEDERATION_ROOT, signRequest } from '../identity/request-signatures.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';
import { exchange } from '../outgoing/exchange.ts';
import { ACCEPT_ENCODING, contentCoding, decodeContent } from '../wire/content-coding.ts';
import { parseJson } from '../wire/json.ts';
import { readProblem } from '../wire/messages.ts';
import { retryDelay } from './health.ts';

/** ms for a whole exchange. */
const DEADLINE = 20_000;
const ANSWER_BYTES = 64 * 1024;

export interface NoticesOptions {
  context: FederationContext;
  outgoing: Outgoing;
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

export function createNotices({ context, outgoing, delay }: NoticesOptions): Notices {
  const { prisma } = context.database;
  const pause = delay ?? ((failures: number) => retryDelay(failures, undefined, Math.random()));
  const sendings = new Map<number, Sending>();
  const held = new Map<string, number>();
  const abort = new AbortController();

  function schedule(peerKey: number, after = 0): void {
    if (abort.signal.aborted) return;
    const sending = sendings.get(peerKey) ?? { failures: 0, timer: undefined, running: null };
    sendings.set(peerKey, sending);
    if (sending.running !== null) return;
    clearTimeout(sending.timer);
    sending.timer = setTimeout(() => {
      sending.running = attempt(peerKey, sending)
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
    const tokens = anew === null ? tokensOf(peer) : [];
    if (tokens.length === 0) {
      await finish(peer, 'failed', { attempts: failures, superseded: anew !== null });
      return false;
    }
    for (const token of tokens) {
      try {
        await send(peer, token);
        break;
      } catch (error) {
        if (!(error instanceof HedgerowError)) throw error;
        // It may be the other of two that is in use; and if neither is, there is nothing left to end.
        if (error.code === 'CREDENTIAL_REFUSED') continue;
        // It knows already.
        if (error.code === 'REVOKED') break;
        return true;
      }
    }
    await finish(peer, 'sent', { attempts: failures + 1 });
    return false;
  }

  /** A credential that was renewed may not have been used yet, so both are there. */
  function tokensOf(peer: Row): string[] {
    return [peer.sealedNextToken, peer.sealedToken].flatMap((sealed) =>
      sealed === null ? [] : (openPeerToken(context.masterKey, peer.id, sealed) ?? []),
    );
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

  async function send(peer: Row, token: string): Promise<void> {
    const key = parsePublicKey(JSON.parse(peer.publicKey));
    const url = `${peer.endpoint}${FEDERATION_ROOT}/pairing`;
    const signed = signRequest(
      { method: 'DELETE', target: url },
      { key: context.identity.key, now: new Date(context.now()), receiver: key.thumbprint, token },
    );
    const answer = await exchange(outgoing.dispatcher(peer.endpointOurs ? 'named' : 'public'), {
      url,
      method: 'DELETE',
      headers: { ...signed, accept: 'application/json', 'accept-encoding': ACCEPT_ENCODING },
      maxBytes: ANSWER_BYTES,
      deadline: DEADLINE,
      signal: abort.signal,
    });
    const verdict = verifyAnswer(
      answer,
      { signature: signed['signature'] ?? '', authorization: signed['authorization'] },
      key,
      new Date(context.now()),
    );
    // Only its own word counts: a page of a proxy has not been told anything.
    if (verdict.kind !== 'signed' && verdict.kind !== 'signed-for-token') {
      throw new HedgerowError(
        'PEER_IDENTITY',
        `The peer answered ${answer.status} without proving that it is the peer.`,
      );
    }
    if (answer.status === 200 && verdict.kind === 'signed') return;
    const body = await decodeContent(answer.body, contentCoding(answer.fields), ANSWER_BYTES);
    throw new HedgerowError(readProblem(parseJson(body)).code ?? 'PEER_INVALID_ANSWER');
  }

  return {
    start: async () => {
      const rows = await prisma.peer.findMany({
        where: { noticeUntil: { not: null } },
        select: { key: true },
      });
      for (const { key } of rows) schedule(key);
    },
    schedule: (peerKey) => schedule(peerKey),
    hold: async (thumbprint) => {
      held.set(thumbprint, (held.get(thumbprint) ?? 0) + 1);
      const rows = await prisma.peer.findMany({
        where: { thumbprint, noticeUntil: { not: null } },
        select: { key: true },
      });
      await Promise.all(rows.map(({ key }) => sendings.get(key)?.running));
      return () => {
        const count = (held.get(thumbprint) ?? 1) - 1;
        if (count > 0) held.set(thumbprint, count);
        else held.delete(thumbprint);
      };
    },
    [Symbol.asyncDispose]: async () => {
      abort.abort();
      for (const { timer } of sendings.values()) clearTimeout(timer);
      await Promise.all([...sendings.values()].map(({ running }) => running));
    },
  };
}
