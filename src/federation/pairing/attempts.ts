/**
 * Attempts to pair, from the pasting of a code to the end: each is stored before anything is sent, and one whose
 * answer was lost is taken up again by itself, also after a restart, while the invitation may live.
 */
import { randomUUID } from 'node:crypto';
import type { PairingAttempt } from '../../database/generated/sqlite/client.ts';
import { type Code, HedgerowError } from '../../lib/errors.ts';
import { deriveKey, open, seal } from '../../lib/seal.ts';
import { toBaseUrl } from '../base-url.ts';
import type { FederationContext } from '../context.ts';
import { generatePeerToken } from '../credentials.ts';
import type { Paired, PairWithPeer } from '../federation.ts';
import { isLoopbackUrl } from '../outgoing/addresses.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';
import { credentialSchema, type IssuedCredential, readMessage } from '../wire/messages.ts';
import { parseInvitationCode } from './invitation-code.ts';
import { recordOnce } from './one-row-a-key.ts';
import { findInviter, type Inviter, type Redemption, recordInviter, sendRedemption } from './redeem.ts';

/** ms; no invitation lives longer. */
const LIFE = 3600_000;
/** ms until an attempt is taken up again: doubled each time. */
const FIRST_DELAY = 2_000;
const LONGEST_DELAY = 60_000;
/** ms between two looks for attempts that another process has left. */
const LOOK_EVERY = 10_000;
/** What `outcome` says of an attempt that made a peer; else it is a code. */
const PAIRED = 'PAIRED';
/** All tries after the first one. */
const LATER = 'later';
const GOES_ON = 'It is tried again by itself for up to an hour, and at once when the code is pasted again.';

/** How many redemptions of ours have no outcome yet, and may still get one. */
export async function openAttempts({
  database,
  now,
}: Pick<FederationContext, 'database' | 'now'>): Promise<number> {
  return database.prisma.pairingAttempt.count({
    where: { outcome: null, createdAt: { gt: new Date(now() - LIFE) } },
  });
}

export interface PairingAttempts extends AsyncDisposable {
  /** Takes up what an earlier process left unfinished. */
  start(): Promise<void>;
  /** @throws HedgerowError, every refusal with its code and a sentence that says what to do */
  pair(input: PairWithPeer): Promise<Paired>;
}

export interface PairingAttemptsOptions {
  context: FederationContext;
  outgoing: Outgoing;
  /** A peer's row was made or renewed, whether somebody still waits for it or not. */
  onPaired: (peerId: string) => Promise<void>;
  /** Called with the thumbprint of the inviting server while it is asked; what it answers, afterwards. */
  hold: (thumbprint: string) => Promise<() => void>;
  random?: () => number;
}

interface Attempt extends Redemption {
  /** ms since 1970; an hour later nothing can come of it. */
  createdAt: number;
}

export function createPairingAttempts(options: PairingAttemptsOptions): PairingAttempts {
  const { context, outgoing, onPaired, hold, random = Math.random } = options;
  const { processes } = context;
  const { prisma } = context.database;
  const sealing = deriveKey(context.masterKey, 'hedgerow/pairing-attempts/1');
  const closing = new AbortController();
  const way = { context, outgoing, signal: closing.signal };
  /** By the invitation's id: the same code pasted twice at once is one attempt. */
  const running = new Map<string, Promise<Paired>>();
  const timers = new Map<string, NodeJS.Timeout>();
  let watch: NodeJS.Timeout | undefined;
  /** Whoever pastes a code waits for the first try; all later ones are one process's, whichever that is. */
  const share = processes.share('pairing ', {
    names: async () => [LATER],
    begin: () => {
      takeUp();
      if (processes.several) watch = setInterval(takeUp, LOOK_EVERY).unref();
    },
    end: async () => leave(),
    lost: leave,
  });
  processes.hear('attempt', (name) => {
    if (!share.holds(LATER)) return;
    if (name === null) takeUp();
    else void resumeLater(name);
  });

  function takeUp(): void {
    prisma.pairingAttempt
      .findMany({ where: { outcome: null }, select: { invitationId: true } })
      .then((rows) => {
        for (const { invitationId } of rows) {
          if (!timers.has(invitationId) && !running.has(invitationId)) resume(invitationId, 1);
        }
      })
      .catch((error: unknown) => context.log.failed({ what: 'taking up attempts to pair', error }));
  }

  function leave(): void {
    clearInterval(watch);
    for (const timer of timers.values()) clearTimeout(timer);
    timers.clear();
  }

  function once(invitation: string, work: () => Promise<Paired>): Promise<Paired> {
    const present = running.get(invitation);
    if (present !== undefined) return present;
    clearTimeout(timers.get(invitation));
    timers.delete(invitation);
    const begun = processes
      .only(`attempt ${invitation}`, work, closing.signal)
      .finally(() => running.delete(invitation));
    running.set(invitation, begun);
    return begun;
  }

  async function pair(input: PairWithPeer): Promise<Paired> {
    let invitation: string | null = null;
    try {
      const code = parseInvitationCode(input.code);
      invitation = code.id;
      if (context.identity.thumbprints.includes(code.thumbprint))
        throw new HedgerowError(
          'PAIRING_OWN_INSTANCE',
          'The invitation was made by this very instance. Paste it on the other server.',
        );
      if (input.shareBack !== null && !code.mutual) {
        throw new HedgerowError(
          'INVITATION_NOT_MUTUAL',
          'The invitation does not ask for anything back. Take it up without sharing, or ask for a mutual one.',
          { field: ['shareBack'] },
        );
      }
      const endpoint = toBaseUrl(input.endpoint ?? code.url);
      if (endpoint === undefined) {
        throw new HedgerowError(
          'INVALID',
          'The endpoint must be an http or https URL without query and fragment.',
          { field: ['endpoint'] },
        );
      }
      return await once(code.id, async () => {
        const inviter = await findInviter(way, { code, endpoint }).catch((error: unknown) => {
          // Pasted anew for an attempt that is still open: that one goes on.
          void resumeLater(code.id);
          throw error;
        });
        const attempt = await remember(
          { code, endpoint, name: input.name, shareBack: input.shareBack },
          input.code,
        );
        return run(attempt, 1, inviter);
      });
    } catch (error) {
      await noteFailure(invitation, codeOf(error));
      throw error;
    }
  }

  /** From the answer of the other server to the end of the attempt. */
  async function run(attempt: Attempt, tries: number, found?: Inviter): Promise<Paired> {
    const release = await hold(attempt.code.thumbprint);
    try {
      const inviter = found ?? (await findInviter(way, attempt));
      const verdict = await sendRedemption(way, attempt, inviter);
      if (verdict.kind === 'refused') {
        if (verdict.final) await finish(attempt.code.id, verdict.error.code);
        throw verdict.error;
      }
      const { answer } = verdict;
      const peerId = await recordOnce(() =>
        prisma.$transaction(async (tx) => {
          const id = await recordInviter(tx, context, attempt, inviter, answer);
          await tx.pairingAttempt.update({
            where: { invitationId: attempt.code.id },
            data: finished(PAIRED),
          });
          return id;
        }),
      ).catch(async (error: unknown) => {
        if (codeOf(error) === 'PAIRING_KEY_MISMATCH') await finish(attempt.code.id, 'PAIRING_KEY_MISMATCH');
        throw error;
      });
      const mutual = attempt.share !== null && answer.mutual;
      context.log.paired({ peerId, direction: 'pull' });
      if (mutual) context.log.paired({ peerId, direction: 'serve' });
      await context.audit.record({
        actorKind: 'SYSTEM',
        action: 'pairing.attempt',
        target: attempt.code.id,
        peerId,
        outcome: 'done',
        detail: { mutual, tries },
      });
      await onPaired(peerId);
      return { peerId, ...(attempt.share !== null && !mutual && { notice: notTaken() }) };
    } catch (error) {
      // A database that cannot say so may be asked again later.
      if (!(await isOpen(attempt.code.id).catch(() => true))) throw error;
      plan(attempt.code.id, attempt.createdAt, tries);
      if (!(error instanceof HedgerowError)) throw error;
      const { code, message, cause, retryAfter } = error;
      throw new HedgerowError(code, `${message} ${GOES_ON}`, {
        cause,
        ...(retryAfter !== undefined && { retryAfter }),
      });
    } finally {
      release();
    }
  }

  function notTaken(): string {
    const { publicUrl } = context.self();
    return isLoopbackUrl(publicUrl)
      ? `Nothing is shared back: the other server cannot reach this one at ${publicUrl}. Set HEDGEROW_PUBLIC_URL, and pair again with a new invitation.`
      : `Nothing is shared back: the other server did not accept the address ${publicUrl} (HEDGEROW_PUBLIC_URL).`;
  }

  /** Stored before anything is sent; pasted again while it is open, it goes on with the same credential. */
  async function remember(
    { code, endpoint, name, shareBack }: Omit<Redemption, 'share'> & Pick<PairWithPeer, 'shareBack'>,
    pasted: string,
  ): Promise<Attempt> {
    const where = { invitationId: code.id };
    const createdAt = context.now();
    const grant = shareBack === null ? null : JSON.stringify(shareBack);
    const before = await prisma.pairingAttempt.findUnique({ where });
    const kept =
      before?.outcome === null && grant !== null && before.shareGrant === grant ? shareOf(before) : null;
    const share: IssuedCredential | null =
      shareBack === null
        ? null
        : (kept ?? { id: `cred_${randomUUID()}`, token: generatePeerToken(), grant: shareBack });
    const row = {
      sealedCode: seal(sealing, code.id, pasted.trim()),
      endpoint,
      thumbprint: code.thumbprint,
      name,
      shareGrant: grant,
      credentialId: share?.id ?? null,
      sealedCredential: share === null ? null : seal(sealing, `${code.id}/${share.id}`, share.token),
      createdAt: new Date(createdAt),
      finishedAt: null,
      outcome: null,
    };
    await prisma.pairingAttempt.upsert({
      where,
      create: { ...where, ...row },
      update: row,
    });
    return { code, endpoint, name, share, createdAt };
  }

  /** @throws HedgerowError CONFLICT where it was sealed under another master key */
  function read(row: PairingAttempt): Attempt {
    const pasted = open(sealing, row.invitationId, row.sealedCode)?.toString();
    const share = row.shareGrant === null ? null : shareOf(row);
    if (pasted === undefined || (row.shareGrant !== null && share === null)) {
      throw new HedgerowError('CONFLICT', 'The attempt was sealed under another master key.');
    }
    const { endpoint, name, createdAt } = row;
    return { code: parseInvitationCode(pasted), endpoint, name, share, createdAt: createdAt.getTime() };
  }

  function shareOf(row: PairingAttempt): IssuedCredential | null {
    const { invitationId, credentialId, sealedCredential, shareGrant } = row;
    const token = open(sealing, `${invitationId}/${credentialId}`, sealedCredential ?? '')?.toString();
    if (token === undefined || shareGrant === null) return null;
    return readMessage(
      credentialSchema,
      { id: credentialId, token, grant: JSON.parse(shareGrant) },
      'INTERNAL',
    );
  }

  async function isOpen(invitationId: string): Promise<boolean> {
    const row = await prisma.pairingAttempt.findUnique({
      where: { invitationId },
      select: { outcome: true },
    });
    return row?.outcome === null;
  }

  async function finish(invitationId: string, outcome: Code): Promise<void> {
    await prisma.pairingAttempt.update({ where: { invitationId }, data: finished(outcome) });
  }

  /** The code is of no use any more; neither it nor what went with it is kept. */
  function finished(outcome: string) {
    return { finishedAt: new Date(context.now()), outcome, sealedCode: '', sealedCredential: null };
  }

  async function noteFailure(
    target: string | null,
    code: Code,
    detail?: Record<string, unknown>,
  ): Promise<void> {
    context.log.refused({ what: 'pairing', code });
    await context.audit.record({
      actorKind: 'SYSTEM',
      action: 'pairing.attempt',
      target,
      outcome: new HedgerowError(code).status >= 500 ? 'failed' : 'refused',
      code,
      detail,
    });
  }

  function plan(invitationId: string, createdAt: number, tries: number): void {
    if (closing.signal.aborted) return;
    if (!share.holds(LATER)) {
      processes.tell('attempt', invitationId);
      return;
    }
    const delay = Math.min(FIRST_DELAY * 2 ** (tries - 1), LONGEST_DELAY) * (0.75 + random() / 2);
    // What is left of the hour is used; then it is looked at once more, and given up.
    const left = Math.max(0, createdAt + LIFE - context.now());
    clearTimeout(timers.get(invitationId));
    timers.set(
      invitationId,
      setTimeout(() => resume(invitationId, tries + 1), Math.min(delay, left + 1)).unref(),
    );
  }

  async function resumeLater(invitationId: string): Promise<void> {
    try {
      const row = await prisma.pairingAttempt.findUnique({ where: { invitationId } });
      if (row?.outcome === null) plan(invitationId, row.createdAt.getTime(), 1);
    } catch (error) {
      context.log.failed({ what: 'an attempt to pair', error });
    }
  }

  /** In the background: nobody waits for the answer any more, so it is read in the audit. */
  function resume(invitationId: string, tries: number): void {
    timers.delete(invitationId);
    if (closing.signal.aborted) return;
    once(invitationId, async () => {
      const row = await prisma.pairingAttempt.findUniqueOrThrow({ where: { invitationId } });
      // While this one waited, another process has come to the end of it.
      if (row.outcome !== null) throw new HedgerowError('CONFLICT', 'The attempt is over.');
      let attempt: Attempt;
      try {
        if (row.createdAt.getTime() + LIFE <= context.now()) throw new HedgerowError('INVITATION_EXPIRED');
        attempt = read(row);
      } catch (error) {
        const code = codeOf(error);
        await finish(invitationId, code);
        await noteFailure(invitationId, code, { tries, gaveUp: true });
        throw error;
      }
      return run(attempt, tries).catch(async (error: unknown) => {
        if (!(await isOpen(invitationId))) await noteFailure(invitationId, codeOf(error), { tries });
        throw error;
      });
    }).catch((error: unknown) => {
      // Refusals and failures of the network are in the audit, or come again; what is left is a fault of our own.
      if (!(error instanceof HedgerowError)) {
        context.log.failed({ what: 'an attempt to pair', error });
        if (!timers.has(invitationId)) plan(invitationId, context.now(), tries);
      }
    });
  }

  return {
    start: () => share.start(),
    pair,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      leave();
      await Promise.allSettled(running.values());
    },
  };
}

function codeOf(error: unknown): Code {
  return error instanceof HedgerowError ? error.code : 'INTERNAL';
}
