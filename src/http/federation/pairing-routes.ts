/** `POST /federation/v1/pairings`: somebody redeems an invitation. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { FederationContext } from '../../federation/context.ts';
import { acceptRedemption, type RedemptionProgress } from '../../federation/pairing/accept.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { type Answers, incomingRequest } from './answers.ts';
import { failureLimit } from './failure-limit.ts';

/** Redemptions without a correct proof, of one address in a minute. */
const GUESSES_A_MINUTE = 10;

export interface PairingRoutesOptions {
  context: FederationContext;
  answers: Answers;
  /** Told once the answer is out. */
  redeemed: (peerKey: number) => void;
}

export function pairingRoutes(
  app: FastifyInstance,
  { context, answers, redeemed }: PairingRoutesOptions,
): void {
  const guesses = failureLimit(context, 'pairing', GUESSES_A_MINUTE);

  app.post('/federation/v1/pairings', async (request, reply) => {
    const progress: RedemptionProgress = { signature: null, proven: false };
    try {
      const incoming = incomingRequest(request);
      const { answer, peerKey } = await acceptRedemption(
        context,
        { ...incoming, body: incoming.body ?? Buffer.alloc(0) },
        progress,
      );
      await answers.send(reply, 201, JSON.stringify(answer), { signature: progress.signature ?? '' });
      redeemed(peerKey);
      return reply;
    } catch (error) {
      const refused = error instanceof HedgerowError ? error : answers.unexpected(error);
      context.log.refused({ what: 'pairing', code: refused.code });
      await context.audit.record({
        actorKind: 'ANONYMOUS',
        action: 'pairing.redeem',
        outcome: 'refused',
        code: refused.code,
        address: request.ip,
      });
      const binding = progress.signature === null ? null : { signature: progress.signature };
      return answers.sendProblem(reply, limitedGuess(request, progress, refused), binding);
    }
  });

  /** Who has the code is never kept waiting; who guesses soon is. */
  function limitedGuess(
    request: FastifyRequest,
    progress: RedemptionProgress,
    refused: HedgerowError,
  ): HedgerowError {
    if (progress.proven || refused.code === 'INTERNAL') return refused;
    const blocked = guesses.blockedFor(request.ip);
    guesses.failed(request.ip);
    return blocked === null ? refused : new HedgerowError('RATE_LIMITED', undefined, { retryAfter: blocked });
  }
}
