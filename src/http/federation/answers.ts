/** How this server answers other instances: signed where the request proved who asks, as problems where it refuses. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FederationContext } from '../../federation/context.ts';
import { type AnswerBinding, signAnswer } from '../../federation/identity/answer-signatures.ts';
import { fieldsFromRaw } from '../../federation/identity/http-fields.ts';
import type { IncomingRequest } from '../../federation/identity/request-signatures.ts';
import { encodeContent } from '../../federation/wire/content-coding.ts';
import { problemDocument } from '../../federation/wire/messages.ts';
import { HedgerowError } from '../../lib/errors.ts';

export interface Answers {
  /** Signed, encoded as the request offers; `text` is JSON. */
  send(
    reply: FastifyReply,
    status: number,
    text: string,
    binding: AnswerBinding,
    type?: string,
  ): Promise<{ bytes: number }>;
  /** @param binding null where nothing about the request is proven: then the problem is not signed */
  sendProblem(
    reply: FastifyReply,
    error: HedgerowError,
    binding: AnswerBinding | null,
  ): Promise<FastifyReply>;
  /** Logs a fault of our own and says as much of it as others may know. */
  unexpected(error: unknown): HedgerowError;
}

export function createAnswers(context: FederationContext): Answers {
  const send: Answers['send'] = async (reply, status, text, binding, type = 'application/json') => {
    const { body, coding } = await encodeContent(Buffer.from(text), reply.request.headers['accept-encoding']);
    const signed = signAnswer({ status, body, binding }, context.identity.key, new Date(context.now()));
    await reply
      .code(status)
      .headers({
        ...signed,
        'cache-control': 'private, no-transform',
        'content-type': type,
        vary: 'accept-encoding',
      })
      .headers(coding === 'identity' ? {} : { 'content-encoding': coding })
      .send(body);
    return { bytes: body.length };
  };

  return {
    send,
    sendProblem: async (reply, error, binding) => {
      const text = JSON.stringify(problemDocument(error));
      if (error.retryAfter !== undefined) reply.header('retry-after', Math.ceil(error.retryAfter));
      if (error.code === 'CREDENTIAL_REFUSED' || error.code === 'SIGNATURE_INVALID') {
        // RFC 9110, section 15.5.2: a 401 says which scheme would do.
        reply.header('www-authenticate', 'Bearer realm="federation"');
      }
      if (binding !== null) {
        await send(reply, error.status, text, binding, 'application/problem+json');
        return reply;
      }
      return reply
        .code(error.status)
        .headers({ 'content-type': 'application/problem+json', 'cache-control': 'private, no-transform' })
        .send(text);
    },
    unexpected: (error) => {
      context.log.failed({ what: 'a request of a peer', error });
      return new HedgerowError('INTERNAL', 'Something went wrong here.', { cause: error });
    },
  };
}

export function incomingRequest(request: FastifyRequest): IncomingRequest {
  return {
    method: request.method,
    target: request.raw.url ?? '/',
    fields: fieldsFromRaw(request.raw.rawHeaders),
    body: Buffer.isBuffer(request.body) ? request.body : undefined,
  };
}
