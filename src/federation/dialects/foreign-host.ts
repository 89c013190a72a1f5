/**
 * One server of another make, as a dialect asks it: bounded answers, no redirects, within the pace that it takes.
 *
 * Nothing that such a server says is signed. So an answer that refuses us stops the pull and is shown, and takes away
 * nothing that is here. Paths are those of the dialect: a URL that an answer names is never dialled.
 */
import type { Readable } from 'node:stream';
import { HedgerowError } from '../../lib/errors.ts';
import type { FieldList } from '../identity/http-fields.ts';
import { oneField } from '../identity/http-fields.ts';
import type { AddressPolicy } from '../outgoing/addresses.ts';
import { drop, positionOf } from '../outgoing/byte-answer.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';
import { exchange, networkError, rawFields } from '../outgoing/exchange.ts';
import { ACCEPT_ENCODING, contentCoding, decodeContent } from '../wire/content-coding.ts';
import { parseJson } from '../wire/json.ts';
import { ANSWER_BYTES } from '../wire/limits.ts';
import type { MediaBytes } from './dialect.ts';
import type { Pacer, Purpose } from './pacer.ts';

export interface ForeignConnection {
  /** Base URL, without a trailing slash. */
  endpoint: string;
  policy: AddressPolicy;
  /** Null where the server asks for none. */
  token: string | null;
}

export interface ForeignAnswer {
  status: number;
  fields: FieldList;
  /** The JSON of the body; undefined where it is none. */
  value: unknown;
  /** ms */
  roundTripMs: number;
}

export interface BytesQuery {
  headers: Record<string, string>;
  range: { start: number; end: number } | null;
  /** Only if the file is of another version than the one that this tag names. */
  unless?: string;
  /** A listing that needs some bytes waits for its turn like the rest of it. */
  purpose?: Purpose;
}

/** Bytes, or the answer that came in their place. */
export type BytesAnswer =
  | { kind: 'bytes'; bytes: MediaBytes & { type: string } }
  | { kind: 'unchanged' }
  | { kind: 'refused'; answer: ForeignAnswer };

export interface ForeignHost {
  readonly token: string | null;
  readonly now: () => number;
  /** @param path below the base, encoded, with its query. */
  json(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<ForeignAnswer>;
  bytes(path: string, query: BytesQuery, signal: AbortSignal): Promise<BytesAnswer>;
  /** Says in our words what an answer with an error status means; `words` for what the dialect knows better. */
  refusal(answer: ForeignAnswer, words?: Partial<Record<number, HedgerowError>>): HedgerowError;
}

export interface ForeignHostOptions {
  outgoing: Outgoing;
  /** Of this server: it counts all requests that come from here. */
  pacer: Pacer;
  now: () => number;
}

/** ms for a whole JSON answer, the wait for its turn not included. */
const JSON_DEADLINE = 60_000;
/** Bytes of an answer that comes in place of a file. */
const REFUSAL_BYTES = 64 * 1024;
/** Seconds for which an answer that nobody has signed is obeyed at most. */
const RETRY_AFTER_MAX = 3_600;
const RETRY_AFTER = 60;
const TAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,200}"$/;

export function createForeignHost(
  connection: ForeignConnection,
  { outgoing, pacer, now }: ForeignHostOptions,
): ForeignHost {
  const dispatcher = outgoing.dispatcher(connection.policy);

  const json: ForeignHost['json'] = async (path, headers, signal) => {
    await pacer.turn('listing', signal);
    const answer = await exchange(dispatcher, {
      url: connection.endpoint + path,
      method: 'GET',
      headers: { ...headers, accept: 'application/json', 'accept-encoding': ACCEPT_ENCODING },
      maxBytes: ANSWER_BYTES,
      deadline: JSON_DEADLINE,
      signal,
    });
    heed(pacer, answer.status, answer.fields);
    const value = await decoded(answer.body, answer.fields).catch((error: unknown) => {
      // A page for people, or nothing: what it means, its status says.
      if (answer.status !== 200 || !/json/i.test(field(answer.fields, 'content-type') ?? ''))
        return undefined;
      throw error;
    });
    return { status: answer.status, fields: answer.fields, value, roundTripMs: answer.elapsed };
  };

  const bytes: ForeignHost['bytes'] = async (path, { headers, range, unless, purpose = 'bytes' }, signal) => {
    await pacer.turn(purpose, signal);
    const answer = await request(dispatcher, connection.endpoint + path, {
      headers: {
        ...headers,
        'accept-encoding': 'identity',
        ...(range !== null && { range: `bytes=${range.start}-${range.end}` }),
        ...(unless !== undefined && { 'if-none-match': unless }),
      },
      signal,
    });
    const { status, fields, body } = answer;
    heed(pacer, status, fields);
    if (status === 304 && unless !== undefined) {
      await discard(body);
      return { kind: 'unchanged' };
    }
    if (status !== 200 && status !== 206) {
      const value = await decoded(await readSome(body), fields).catch(() => undefined);
      return { kind: 'refused', answer: { status, fields, value, roundTripMs: 0 } };
    }
    try {
      if (contentCoding(fields) !== 'identity') {
        throw new HedgerowError(
          'PEER_INVALID_ANSWER',
          'The bytes arrived encoded, though they were asked for as they are.',
        );
      }
      const given = field(fields, 'etag');
      const tag = given !== null && TAG.test(given) ? given : null;
      const type = (field(fields, 'content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
      return { kind: 'bytes', bytes: { ...positionOf(status, fields, range), body, tag, type } };
    } catch (error) {
      drop(body);
      throw error;
    }
  };

  return { token: connection.token, now, json, bytes, refusal };
}

async function request(
  dispatcher: ReturnType<Outgoing['dispatcher']>,
  url: string,
  { headers, signal }: { headers: Record<string, string>; signal: AbortSignal },
): Promise<{ status: number; fields: FieldList; body: Readable }> {
  const { origin, pathname, search } = new URL(url);
  const answer = await dispatcher
    .request({ origin, path: pathname + search, method: 'GET', headers, responseHeaders: 'raw', signal })
    .catch((error: unknown) => {
      throw networkError(error);
    });
  return { status: answer.statusCode, fields: rawFields(answer.headers), body: answer.body };
}

function heed(pacer: Pacer, status: number, fields: FieldList): void {
  if (status === 429) pacer.pause(retryAfter(fields));
}

function retryAfter(fields: FieldList): number {
  const value = field(fields, 'retry-after');
  return Math.min(value !== null && /^\d{1,9}$/.test(value) ? Number(value) : RETRY_AFTER, RETRY_AFTER_MAX);
}

export function field(fields: FieldList, name: string): string | null {
  const found = oneField(fields, name);
  return found.kind === 'one' ? found.value : null;
}

async function decoded(body: Buffer, fields: FieldList): Promise<unknown> {
  return parseJson(await decodeContent(body, contentCoding(fields)));
}

/** Of an answer that is read for its words only, the beginning is enough. */
async function readSome(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > REFUSAL_BYTES) break;
    }
  } catch {
    // The status has been read, and that is what counts.
  }
  return Buffer.concat(chunks);
}

async function discard(body: Readable): Promise<void> {
  for await (const _ of body);
}

function refusal(
  { status, fields }: ForeignAnswer,
  words: Partial<Record<number, HedgerowError>> = {},
): HedgerowError {
  const known = words[status];
  if (known !== undefined) return known;
  switch (status) {
    case 401:
      return new HedgerowError('CREDENTIAL_REFUSED', 'The peer does not know the token that it was sent.');
    case 403:
      return new HedgerowError('CREDENTIAL_REFUSED', 'The peer does not let this token in.');
    case 404:
    case 410:
      return new HedgerowError('NOT_FOUND', 'The peer has nothing under that name.');
    case 429:
      return new HedgerowError('PEER_RATE_LIMITED', undefined, { retryAfter: retryAfter(fields) });
    default:
      if (status >= 500) {
        return new HedgerowError(
          'PEER_UNREACHABLE',
          `The peer, or something in front of it, answered ${status}.`,
          {
            retryAfter: 30,
            extra: { answered: status },
          },
        );
      }
      return new HedgerowError(
        'PEER_INVALID_ANSWER',
        `The peer answered ${status}, which is no answer to this.`,
      );
  }
}
