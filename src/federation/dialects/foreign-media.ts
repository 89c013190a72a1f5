/** Bytes of servers of another make, which may have a file under one path or another, and no digest for it. */
import { HedgerowError } from '../../lib/errors.ts';
import type { VariantName } from '../../lib/media.ts';
import { drop } from '../outgoing/byte-answer.ts';
import type { MediaBytes } from './dialect.ts';
import type { BytesAnswer, BytesQuery, ForeignHost } from './foreign-host.ts';

export type GivenBytes = Exclude<BytesAnswer, { kind: 'refused' }>;

export interface MediaQuery extends BytesQuery {
  variant: VariantName;
  /** What the dialect knows better of an error status. */
  words?: Partial<Record<number, HedgerowError>>;
}

/** The answer of the first path under which the file is. @throws HedgerowError NOT_FOUND where it is under none */
export async function firstThatAnswers(
  host: ForeignHost,
  paths: AsyncIterable<string> | Iterable<string>,
  { variant, words, ...query }: MediaQuery,
  signal: AbortSignal,
): Promise<GivenBytes> {
  for await (const path of paths) {
    const answer = await host.bytes(path, query, signal);
    if (answer.kind === 'unchanged') return answer;
    if (answer.kind === 'bytes') {
      if (isOfVariant(variant, answer.bytes.type)) return answer;
      drop(answer.bytes.body);
      throw new HedgerowError(
        'PEER_INVALID_ANSWER',
        'The peer answered something else in place of the file.',
      );
    }
    const { status } = answer.answer;
    if (status !== 404 && status !== 410) throw host.refusal(answer.answer, words);
  }
  throw new HedgerowError('NOT_FOUND', 'The peer has nothing under that name.');
}

/** A page for people, or an error under the status of a success, is no picture and no film. */
function isOfVariant(variant: VariantName, type: string): boolean {
  if (variant === 'thumbnail' || variant === 'preview') {
    return type === '' || type === 'application/octet-stream' || type.startsWith('image/');
  }
  return type !== 'text/html' && type !== 'application/json' && type !== 'application/problem+json';
}

export function presentBytes(answer: GivenBytes): MediaBytes {
  if (answer.kind === 'bytes') return answer.bytes;
  throw new HedgerowError('PEER_INVALID_ANSWER', 'The peer answered a condition that it was not asked.');
}

/** Whether what was asked for only if it had changed is still of that version. */
export function isUnchanged(answer: GivenBytes, tag: string): boolean {
  if (answer.kind === 'unchanged') return true;
  drop(answer.bytes.body);
  return answer.bytes.tag === tag;
}
