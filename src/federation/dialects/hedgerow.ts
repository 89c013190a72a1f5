/** The native dialect, protocol version 1: docs/federation.md. */
import type { ByteSource } from '../../delivery/upstream.ts';
import { type Code, HedgerowError } from '../../lib/errors.ts';
import { type AnswerVerdict, type SentRequest, verifyAnswer } from '../identity/answer-signatures.ts';
import { oneField } from '../identity/http-fields.ts';
import type { PrivateKey, PublicKey } from '../identity/keys.ts';
import { FEDERATION_ROOT, signRequest } from '../identity/request-signatures.ts';
import type { AddressPolicy } from '../outgoing/addresses.ts';
import { positionOf } from '../outgoing/byte-answer.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';
import { type Answer, exchange, networkError, Unanswered } from '../outgoing/exchange.ts';
import { type IncomingAnswer, openIncoming } from '../outgoing/incoming.ts';
import { ACCEPT_ENCODING, contentCoding, decodeContent } from '../wire/content-coding.ts';
import { parseJson } from '../wire/json.ts';
import { ANSWER_BYTES, SEGMENT_LIST_BYTES } from '../wire/limits.ts';
import {
  credentialAnswerSchema,
  type IssuedCredential,
  type Problem,
  readAgents,
  readMessage,
  readProblem,
  type StatusAnswer,
  statusSchema,
} from '../wire/messages.ts';
import { CursorExpired, type MediaBytes, type MediaRef, type PeerClient } from './dialect.ts';
import { type PageReader, readUnreadPage } from './hedgerow-page.ts';

/** ms for a whole JSON answer. A page of 16 MiB takes this long at 2 Mbit/s. */
const JSON_DEADLINE = 60_000;
const PROBLEM_BYTES = 64 * 1024;
/** How long a peer may ask to be left alone, seconds: less where nobody has signed it. */
const RETRY_AFTER_MAX = { signed: 24 * 3600, unsigned: 3600 };

/** What one request is sent with. */
export interface HedgerowConnection {
  /** Base URL, without a trailing slash. */
  endpoint: string;
  policy: AddressPolicy;
  /** The pinned key. */
  publicKey: PublicKey;
  token: string;
  /** Our own key, by which requests are signed. */
  key: PrivateKey;
}

/** Why a refusal may be due to a token or a key that has changed meanwhile, and not to the pairing. */
export type Doubt =
  /** Proven: the token is refused. */
  | { kind: 'credential' }
  /** The answer names another key than the pinned one. */
  | { kind: 'other-key'; keyid: string }
  /** A 401 that anyone on the way may have made: maybe our own key is not known there. */
  | { kind: 'unproven' };

/**
 * Tokens and keys change while a client is in use, so it takes them anew for each request, and says how it went. The
 * peer's row is behind it (src/federation/peers/connections.ts).
 */
export interface ConnectionSource<C extends HedgerowConnection = HedgerowConnection> {
  /** @throws HedgerowError where the peer must not be asked, or what comes before a request could not be done */
  current(signal: AbortSignal): Promise<C>;
  /** The peer answered well, with its signature. */
  proved(connection: C): Promise<void>;
  /** What to try with once more after a refusal; null where there is nothing else. */
  instead(connection: C, doubt: Doubt, signal: AbortSignal): Promise<C | null>;
}

/** Times that one request is sent at most: a token and both keys may have changed at once. */
const SENDINGS = 4;

export interface HedgerowClientOptions {
  outgoing: Outgoing;
  now: () => number;
}

export interface JsonRequest {
  method: 'GET' | 'POST' | 'DELETE';
  /** Below `/federation/v1`, with the query. */
  path: string;
  body?: unknown;
  /** The status of success; 200 unless told. */
  status?: number;
}

export interface HedgerowClient extends PeerClient {
  status(signal: AbortSignal, after?: string): Promise<StatusAnswer>;
  renewCredential(signal: AbortSignal): Promise<IssuedCredential>;
  /** Any other route: the content of its signed answer, bounded and parsed, of which nothing else was checked. */
  ask(request: JsonRequest, signal: AbortSignal): Promise<unknown>;
}

export function createHedgerowClient<C extends HedgerowConnection>(
  source: ConnectionSource<C>,
  { outgoing, now }: HedgerowClientOptions,
): HedgerowClient {
  /**
   * Sends, and once more with what has changed meanwhile, where a refusal is due to that; what asks only (`repeats`) also where the
   * connection ended without an answer.
   */
  async function sending<T>(
    send: (connection: C) => Promise<T>,
    signal: AbortSignal,
    repeats = true,
  ): Promise<T> {
    let connection = await source.current(signal);
    let mayRepeat = repeats;
    for (let sent = 1; ; sent++) {
      try {
        return await send(connection);
      } catch (error) {
        if (error instanceof Unanswered && mayRepeat) {
          mayRepeat = false;
          connection = await source.current(signal);
          continue;
        }
        if (!(error instanceof Refused)) throw error;
        const other =
          error.doubt === null || sent === SENDINGS
            ? null
            : await source.instead(connection, error.doubt, signal);
        if (other === null) throw error.reason;
        connection = other;
      }
    }
  }

  function json(request: JsonRequest, signal: AbortSignal): Promise<unknown> {
    const send = async (connection: C): Promise<unknown> => {
      const { answer, signed } = await askJson(connection, request, signal);
      const verdict = verify(connection, answer, signed);
      if (answer.status !== (request.status ?? 200)) throw await refusal(answer, verdict);
      if (verdict.kind !== 'signed') throw new Refused(unproven(answer.status, verdict), doubtOf(verdict));
      await source.proved(connection);
      return parseJson(await decodeContent(answer.body, contentCoding(answer.fields)));
    };
    return sending(send, signal, request.method === 'GET');
  }

  async function askJson(
    connection: C,
    { method, path, body: value }: JsonRequest,
    signal: AbortSignal,
  ): Promise<{ answer: Answer; signed: Record<string, string> }> {
    const body = value === undefined ? undefined : Buffer.from(JSON.stringify(value));
    const url = `${connection.endpoint}${FEDERATION_ROOT}${path}`;
    const signed = sign(connection, { method, target: url, body });
    const answer = await exchange(outgoing.dispatcher(connection.policy), {
      url,
      method,
      headers: {
        ...signed,
        accept: 'application/json',
        'accept-encoding': ACCEPT_ENCODING,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body,
      maxBytes: ANSWER_BYTES,
      deadline: JSON_DEADLINE,
      signal,
    });
    return { answer, signed };
  }

  /** As `json`, but that a good answer is proven and read by `read`. */
  function pages<Page>(
    cursor: string | null,
    limit: number,
    signal: AbortSignal,
    read: PageReader<Page>,
  ): Promise<Page> {
    const after = cursor === null ? '' : `after=${encodeURIComponent(cursor)}&`;
    return sending(async (connection) => {
      const { answer, signed } = await askJson(
        connection,
        { method: 'GET', path: `/media?${after}limit=${limit}` },
        signal,
      );
      const { fields, body, elapsed } = answer;
      if (answer.status !== 200) throw await refusal(answer, verify(connection, answer, signed));
      const { verdict, page } = await read(
        { status: 200, fields, body, sent: sentOf(signed), at: now(), limit, roundTripMs: elapsed },
        connection.publicKey,
      );
      if (verdict.kind !== 'signed') throw new Refused(unproven(answer.status, verdict), doubtOf(verdict));
      await source.proved(connection);
      return page();
    }, signal);
  }

  function sign(
    connection: C,
    request: { method: string; target: string; body?: Uint8Array | undefined },
  ): Record<string, string> {
    return signRequest(request, {
      key: connection.key,
      now: new Date(now()),
      receiver: connection.publicKey.thumbprint,
      token: connection.token,
    });
  }

  function verify(connection: C, answer: Answer, signed: Record<string, string>): AnswerVerdict {
    return verifyAnswer(answer, sentOf(signed), connection.publicKey, new Date(now()));
  }

  /** An answer whose body is not signed, and may be long; the body is the caller's. */
  function open(
    path: string,
    headers: Record<string, string>,
    dispatcher: keyof Pick<Outgoing, 'dispatcher' | 'lasting'>,
    signal: AbortSignal,
  ): Promise<IncomingAnswer> {
    return sending(async (connection) => {
      const url = `${connection.endpoint}${FEDERATION_ROOT}${path}`;
      const signed = sign(connection, { method: 'GET', target: url });
      const { origin, pathname, search } = new URL(url);
      const { status, fields, body } = await openIncoming(outgoing[dispatcher](connection.policy), {
        origin,
        path: pathname + search,
        headers: { ...signed, 'accept-encoding': 'identity', ...headers },
        signal,
      });
      if (status !== 200 && status !== 206) {
        const problem = { status, fields, body: await readWhole(body, PROBLEM_BYTES), elapsed: 0 };
        throw await refusal(problem, verify(connection, problem, signed));
      }
      // The digests are of the bytes themselves, so nobody in between may have encoded them.
      if (contentCoding(fields) !== 'identity') {
        body.destroy();
        throw new HedgerowError(
          'PEER_INVALID_ANSWER',
          'The bytes arrived encoded, though they were asked for as they are.',
        );
      }
      return { status, fields, body };
    }, signal);
  }

  async function bytes(
    path: string,
    range: { start: number; end: number } | null,
    signal: AbortSignal,
  ): Promise<MediaBytes & { body: ByteSource }> {
    const { status, fields, body } = await open(
      path,
      range === null ? {} : { range: `bytes=${range.start}-${range.end}` },
      'dispatcher',
      signal,
    );
    try {
      return { ...positionOf(status, fields, range), body };
    } catch (error) {
      body.destroy();
      throw error;
    }
  }

  async function events(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const { status, fields, body } = await open(
      '/events',
      { accept: 'text/event-stream' },
      'lasting',
      signal,
    );
    const type = oneField(fields, 'content-type');
    if (status === 200 && type.kind === 'one' && /^text\/event-stream *(;|$)/i.test(type.value))
      return piecesOf(body);
    body.destroy();
    throw new HedgerowError(
      'PEER_INVALID_ANSWER',
      'The peer answered something else than a stream of events.',
    );
  }

  return {
    list: (cursor, limit, signal) => pages(cursor, limit, signal, readUnreadPage),
    listBy: pages,
    bytes: (ref, range, signal) => bytes(`/media/${mediaPath(ref)}`, range, signal),
    segmentList: async (ref, signal) => {
      const { body } = await bytes(`/media/${mediaPath(ref)}/segments`, null, signal);
      return readWhole(body, SEGMENT_LIST_BYTES);
    },
    status: async (signal, after) => {
      const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
      const value = await json({ method: 'GET', path: `/status${query}` }, signal);
      return readMessage(statusSchema, value, 'PEER_INVALID_ANSWER');
    },
    events,
    renewCredential: async (signal) => {
      const value = await json({ method: 'POST', path: '/credentials', status: 201 }, signal);
      return readMessage(credentialAnswerSchema, value, 'PEER_INVALID_ANSWER').credential;
    },
    agents: async (signal) => readAgents(await json({ method: 'GET', path: '/agents' }, signal)),
    ask: json,
  };
}

/** An answer that is no success: what it comes to, and whether it may be due to something that has changed. */
class Refused extends Error {
  readonly reason: Error;
  readonly doubt: Doubt | null;

  constructor(reason: Error, doubt: Doubt | null) {
    super(reason.message);
    this.reason = reason;
    this.doubt = doubt;
  }
}

function doubtOf(verdict: AnswerVerdict, status = 200, code?: Code): Doubt | null {
  switch (verdict.kind) {
    case 'other-key':
      return { kind: 'other-key', keyid: verdict.keyid };
    case 'signed':
    case 'signed-for-token':
      return code === 'CREDENTIAL_REFUSED' ? { kind: 'credential' } : null;
    case 'skewed':
      return null;
    case 'unsigned':
      return status === 401 ? { kind: 'unproven' } : null;
  }
}

function sentOf(signed: Record<string, string>): SentRequest {
  return { signature: signed['signature'] ?? '', authorization: signed['authorization'] };
}

function mediaPath({ remoteId, variant }: MediaRef): string {
  return `${encodeURIComponent(remoteId)}/${variant}`;
}

async function refusal(answer: Answer, verdict: AnswerVerdict): Promise<Refused> {
  const problem = readProblem(await content(answer).catch(() => undefined));
  return new Refused(meaningOf(answer, verdict, problem), doubtOf(verdict, answer.status, problem.code));
}

/** What an answer with an error status means: only a signed one may change what is believed about the pair. */
function meaningOf(answer: Answer, verdict: AnswerVerdict, problem: Problem): Error {
  if (verdict.kind === 'signed') {
    switch (problem.code) {
      case 'CURSOR_EXPIRED':
        return new CursorExpired(problem.reason ?? 'expired');
      case 'REVOKED':
      case 'GRANT_ENDED':
      case 'CREDENTIAL_REFUSED':
        return new HedgerowError(problem.code);
      case 'CLOCK_SKEW':
        return clockSkew(problem.serverTime);
      case 'RATE_LIMITED':
        return rateLimited(problem.retryAfter, RETRY_AFTER_MAX.signed);
      case 'NOT_FOUND':
      case 'MEDIA_GONE':
        return new HedgerowError('NOT_FOUND', 'The peer has nothing under that name.');
      default:
        return new HedgerowError(
          'PEER_INVALID_ANSWER',
          `The peer answered ${answer.status}: ${problem.detail ?? 'without a reason'}`,
        );
    }
  }
  if (verdict.kind === 'signed-for-token' && problem.code === 'CREDENTIAL_REFUSED') {
    return new HedgerowError('CREDENTIAL_REFUSED');
  }
  if (verdict.kind === 'skewed' && problem.code === 'CLOCK_SKEW') return clockSkew(problem.serverTime);
  if (answer.status === 429) {
    return rateLimited(problem.retryAfter ?? retryAfterField(answer), RETRY_AFTER_MAX.unsigned);
  }
  return unproven(answer.status, verdict);
}

function clockSkew(serverTime: string | undefined): HedgerowError {
  const theirs = serverTime === undefined ? '' : ` The peer's clock says ${serverTime}.`;
  return new HedgerowError(
    'CLOCK_SKEW',
    `The clocks of the two servers are more than five minutes apart.${theirs}`,
  );
}

function rateLimited(seconds: number | undefined, most: number): HedgerowError {
  return new HedgerowError('PEER_RATE_LIMITED', undefined, { retryAfter: Math.min(seconds ?? 60, most) });
}

function retryAfterField(answer: Answer): number | undefined {
  const field = oneField(answer.fields, 'retry-after');
  return field.kind === 'one' && /^\d{1,9}$/.test(field.value) ? Number(field.value) : undefined;
}

function unproven(status: number, verdict: AnswerVerdict): HedgerowError {
  if (verdict.kind === 'other-key') {
    return new HedgerowError(
      'PEER_IDENTITY',
      'The answer is signed with another key than the one that was pinned.',
    );
  }
  if (status >= 500 || status === 404) {
    return new HedgerowError(
      'PEER_UNREACHABLE',
      `Something in front of the peer, or another server at its address, answered ${status}.`,
      { retryAfter: 30, extra: { answered: status } },
    );
  }
  return new HedgerowError(
    'PEER_IDENTITY',
    `The peer answered ${status} without proving that it is the peer.`,
  );
}

async function content(answer: Answer): Promise<unknown> {
  return parseJson(await decodeContent(answer.body, contentCoding(answer.fields), PROBLEM_BYTES));
}

async function* piecesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw networkError(error);
  }
}

async function readWhole(body: ByteSource, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > maxBytes) {
        throw new HedgerowError('PEER_INVALID_ANSWER', `The peer's answer is larger than ${maxBytes} bytes.`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    body.destroy();
    throw networkError(error);
  }
  return Buffer.concat(chunks);
}
