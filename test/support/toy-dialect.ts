/** Toy shelves: a list of names by number, behind a key. */

import type { ForeignDialect, PeerClient } from '../../src/federation/dialects/dialect.ts';
import { writeCursor } from '../../src/federation/dialects/foreign-cursor.ts';
import type { ForeignHost } from '../../src/federation/dialects/foreign-host.ts';
import { entriesOf, foreignItem, isRecord } from '../../src/federation/dialects/foreign-item.ts';
import { firstThatAnswers, isUnchanged, presentBytes } from '../../src/federation/dialects/foreign-media.ts';
import { HedgerowError } from '../../src/lib/errors.ts';

export const toy: ForeignDialect = {
  name: 'TOY',
  title: 'Toy shelf',
  description: 'A shelf of toys.',
  pace: { requests: 100, window: 60_000 },
  probe: async (host, signal) => {
    const answer = await host.json('/toys.json', headersOf(host), signal);
    if (answer.status === 401) return { kind: 'refused', error: host.refusal(answer) };
    const { value } = answer;
    if (!isRecord(value) || !isRecord(value['toys'])) return null;
    return { kind: 'found', name: typeof value['shelf'] === 'string' ? value['shelf'] : null };
  },
  connect: connectToy,
};

function connectToy(host: ForeignHost): PeerClient {
  const bytes = (
    remoteId: string,
    thumbnail: boolean,
    query: { range: Range; unless?: string },
    signal: AbortSignal,
  ) =>
    firstThatAnswers(
      host,
      [`/toys/${remoteId}${thumbnail ? '.webp' : ''}`],
      { ...query, headers: headersOf(host), variant: thumbnail ? 'thumbnail' : 'original' },
      signal,
    );
  return {
    // The whole every time: a shelf names no changes.
    relistAfter: async () => 0,
    list: async (_cursor, _limit, signal) => {
      const answer = await host.json('/toys.json', headersOf(host), signal);
      if (answer.status !== 200) throw host.refusal(answer);
      const toys = isRecord(answer.value) ? answer.value['toys'] : undefined;
      if (!isRecord(toys)) throw new HedgerowError('PEER_INVALID_ANSWER', 'The shelf has no list of toys.');
      const entries = entriesOf(Object.entries(toys).map(readToy));
      return {
        ...entries,
        removed: [],
        cursor: writeCursor({ listed: true }),
        epoch: '1',
        complete: { total: entries.items.length + entries.skipped.length, checksum: null },
        roundTripMs: answer.roundTripMs,
      };
    },
    bytes: async ({ remoteId, variant }, range, signal) =>
      presentBytes(await bytes(remoteId, variant === 'thumbnail', { range }, signal)),
    isCurrent: async ({ remoteId, variant }, tag, signal) =>
      isUnchanged(await bytes(remoteId, variant === 'thumbnail', { range: null, unless: tag }, signal), tag),
    segmentList: async () => {
      throw new HedgerowError('NOT_FOUND', 'This dialect has no segment lists.');
    },
  };
}

type Range = { start: number; end: number } | null;

function headersOf({ token }: ForeignHost): Record<string, string> {
  return token === null ? {} : { 'x-toy-key': token };
}

function readToy([number, name]: [string, unknown]) {
  return foreignItem(number, {
    kind: 'IMAGE',
    title: name,
    createdAt: null,
    updatedAt: null,
    variants: [
      { name: 'thumbnail', mimeType: 'image/webp' },
      { name: 'original', mimeType: '' },
    ],
  });
}
