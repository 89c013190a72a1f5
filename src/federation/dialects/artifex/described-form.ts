/** The form of Artifex's description: one list of at most 500 pictures, with a token. */
import { HedgerowError } from '../../../lib/errors.ts';
import type { MediaRef, PeerClient, Probe } from '../dialect.ts';
import { writeCursor } from '../foreign-cursor.ts';
import type { BytesQuery, ForeignAnswer, ForeignHost } from '../foreign-host.ts';
import {
  entriesOf,
  errorWords,
  foreignItem,
  isRecord,
  kindOf,
  type ReadItem,
  saysError,
  typeOfFormat,
} from '../foreign-item.ts';
import { firstThatAnswers, type GivenBytes, isUnchanged, presentBytes } from '../foreign-media.ts';
import { idOf } from './running-form.ts';

/** The list, with a version and without. */
const LISTS = ['/federation/v1/images', '/federation/images'] as const;
/** A list of so many may have been cut off. */
const LIST_MAX = 500;
/** The names that servers have for the bytes as they were put in. */
const ORIGINALS = ['original', 'full'] as const;

export async function probeDescribed(host: ForeignHost, signal: AbortSignal): Promise<Probe | null> {
  let refused: Probe | null = null;
  for (const path of LISTS) {
    const answer = await host.json(path, headersOf(host), signal);
    const { status, value } = answer;
    if (status === 200 && isRecord(value) && Array.isArray(value['images'])) {
      const peer = value['peer'];
      const name = isRecord(peer) && typeof peer['name'] === 'string' ? peer['name'].trim() : '';
      return { kind: 'found', name: name === '' ? null : name };
    }
    if (status === 401 || status === 403 || status === 429) {
      refused ??= { kind: 'refused', error: refusalOf(host, answer) };
    }
  }
  return refused;
}

export function connectDescribed(host: ForeignHost): PeerClient {
  let list: (typeof LISTS)[number] = LISTS[0];
  let original: (typeof ORIGINALS)[number] = ORIGINALS[0];

  async function ask(signal: AbortSignal): Promise<ForeignAnswer> {
    const first = await host.json(list, headersOf(host), signal);
    if (first.status !== 404) return first;
    list = list === LISTS[0] ? LISTS[1] : LISTS[0];
    return host.json(list, headersOf(host), signal);
  }

  function* paths({ remoteId, variant }: MediaRef): Generator<string> {
    const id = encodeURIComponent(remoteId);
    if (variant !== 'original') {
      yield `/images/${id}/${variant}`;
      return;
    }
    for (const name of original === 'original' ? ORIGINALS : ORIGINALS.toReversed()) {
      yield `/images/${id}/${name}`;
      // Asked for the next one, the caller has found nothing under this.
      original = name === 'original' ? 'full' : 'original';
    }
  }

  function bytes(
    ref: MediaRef,
    query: Omit<BytesQuery, 'headers'>,
    signal: AbortSignal,
  ): Promise<GivenBytes> {
    const asked = { ...query, headers: headersOf(host), variant: ref.variant, words: wordsFor(host) };
    return firstThatAnswers(host, paths(ref), asked, signal);
  }

  return {
    relistAfter: async () => 0,
    list: async (_cursor, _limit, signal) => {
      const answer = await ask(signal);
      const { status, value, roundTripMs } = answer;
      if (status !== 200) throw refusalOf(host, answer);
      if (!isRecord(value) || !Array.isArray(value['images']) || saysError(value)) throw invalid(value);
      const images: unknown[] = value['images'];
      const entries = entriesOf(images.map(readImage));
      const total = images.length < LIST_MAX ? entries.items.length + entries.skipped.length : null;
      return {
        ...entries,
        removed: [],
        cursor: writeCursor({ listed: true }),
        epoch: '1',
        complete: { total, checksum: null },
        roundTripMs,
      };
    },
    bytes: async (ref, range, signal) => presentBytes(await bytes(ref, { range }, signal)),
    isCurrent: async (ref, tag, signal) =>
      isUnchanged(await bytes(ref, { range: null, unless: tag }, signal), tag),
    segmentList: async () => {
      throw new HedgerowError('NOT_FOUND', 'This dialect has no segment lists.');
    },
  };
}

function headersOf(host: ForeignHost): Record<string, string> {
  return host.token === null ? {} : { 'x-federation-token': host.token };
}

function wordsFor(host: ForeignHost): Partial<Record<number, HedgerowError>> {
  return {
    401: new HedgerowError(
      'CREDENTIAL_REFUSED',
      host.token === null
        ? 'The server asks for a token (X-Federation-Token).'
        : 'The server does not know this token (X-Federation-Token).',
    ),
    403: new HedgerowError(
      'CREDENTIAL_REFUSED',
      host.token === null
        ? 'The server refuses without a token, or federation is switched off there (it answers 403).'
        : 'The server knows the token and refuses it, or federation is switched off there (it answers 403).',
    ),
  };
}

function refusalOf(host: ForeignHost, answer: ForeignAnswer): HedgerowError {
  return host.refusal(answer, wordsFor(host));
}

function invalid(value: unknown): HedgerowError {
  const why = isRecord(value) && saysError(value) ? errorWords(value) : 'it has no list of images';
  return new HedgerowError('PEER_INVALID_ANSWER', `The answer of the peer is not valid: ${why}.`);
}

function readImage(value: unknown): ReadItem {
  const image = isRecord(value) ? value : {};
  const { id: rawId, title, width, height } = image as Record<string, unknown>;
  const id = typeof rawId === 'string' ? rawId : (idOf(rawId) ?? '');
  const type = typeOfFormat(title);
  return foreignItem(id, {
    kind: kindOf(undefined, type, 'IMAGE'),
    title: typeof title === 'string' && title.trim() !== '' ? title : `Image ${id}`,
    mimeType: type,
    width: width || null,
    height: height || null,
    createdAt: null,
    updatedAt: null,
    variants: [
      { name: 'thumbnail', mimeType: 'image/webp' },
      { name: 'original', mimeType: type ?? '' },
    ],
  });
}
