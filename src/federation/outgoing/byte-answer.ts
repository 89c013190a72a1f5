/** Answers that hold bytes of a file: which part of it, and how to be rid of one that nobody reads. */
import { Readable } from 'node:stream';
import type { ByteSource } from '../../delivery/upstream.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { type FieldList, oneField } from '../identity/http-fields.ts';

export interface BytePosition {
  status: 200 | 206;
  /** First byte of the file that the body begins with. */
  start: number;
  /** Bytes of the whole file, where the answer says. */
  size: number | null;
}

/**
 * Which part of the file an answer of 200 or 206 holds.
 *
 * @throws HedgerowError PEER_INVALID_ANSWER where it is another part than was asked for
 */
export function positionOf(
  status: number,
  fields: FieldList,
  range: { start: number; end: number } | null,
): BytePosition {
  if (status === 200) {
    const length = oneField(fields, 'content-length');
    return {
      status: 200,
      start: 0,
      size: length.kind === 'one' && /^\d{1,15}$/.test(length.value) ? Number(length.value) : null,
    };
  }
  const field = oneField(fields, 'content-range');
  const match =
    field.kind === 'one' ? /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(field.value) : null;
  const start = Number(match?.[1]);
  if (match === null || range === null || start !== range.start || Number(match[2]) > range.end) {
    throw new HedgerowError(
      'PEER_INVALID_ANSWER',
      'The peer sent another part of the file than was asked for.',
    );
  }
  return { status: 206, start, size: match[3] === '*' ? null : Number(match[3]) };
}

/** Ends a body that nobody reads. What that makes of the stream is no error of anybody's, and must end no process. */
export function drop(body: Readable | ByteSource): void {
  if (body instanceof Readable) body.on('error', () => {});
  body.destroy();
}
