/**
 * AppKask: media servers that list by page and number, and say nothing of changes or deletions (docs/federation.md,
 * "Other dialects"). So every pull lists the whole.
 */
import { HedgerowError } from '../../../lib/errors.ts';
import { isInteger } from '../../wire/forms.ts';
import type { ForeignDialect, ListingPage, MediaRef, PeerClient, Probe } from '../dialect.ts';
import { readCursor, writeCursor } from '../foreign-cursor.ts';
import { type BytesQuery, type ForeignAnswer, type ForeignHost, field } from '../foreign-host.ts';
import {
  entriesOf,
  errorWords,
  foreignItem,
  isRecord,
  kindOf,
  type ReadItem,
  readTime,
  saysError,
  typeOfFormat,
} from '../foreign-item.ts';
import { firstThatAnswers, type GivenBytes, isUnchanged, presentBytes } from '../foreign-media.ts';
import { idOfSlug, slugOfId } from './slugs.ts';

const ROOT = '/api/v1/federation';
/** The most that the server gives on a page. */
const PAGE = 200;

/** The two places in which the key may stand; installations differ in which one they look at. */
const WAYS = ['bearer', 'header'] as const;
type Way = (typeof WAYS)[number];

interface Place {
  page: number;
  total: number | null;
}

export const appkask: ForeignDialect = {
  name: 'APPKASK',
  title: 'AppKask',
  description: 'A server of the AppKask make, which shares media under API keys.',
  pace: null,
  probe,
  connect,
};

async function probe(host: ForeignHost, signal: AbortSignal): Promise<Probe | null> {
  let refused: Probe | null = null;
  for (const way of waysOf(host)) {
    const manifest = await host.json(`${ROOT}/manifest`, headersOf(host, way), signal);
    const { status, value } = manifest;
    if (status === 401 || status === 403 || status === 429) {
      refused ??= { kind: 'refused', error: refusalOf(host, manifest) };
      continue;
    }
    if (status !== 200 || !isRecord(value) || typeof value['server_id'] !== 'string') return refused;
    const { federation_api_version: version, server_name: name } = value;
    if (version !== undefined && version !== '1' && version !== 1) {
      const spoken = typeof version === 'string' ? version.slice(0, 20) : 'another';
      const error = new HedgerowError(
        'PROTOCOL_UNSUPPORTED',
        `The server speaks version ${spoken} of AppKask's federation; this one speaks 1.`,
      );
      return { kind: 'refused', error };
    }
    // The manifest may be open where the catalog is not.
    const catalog = await host.json(`${ROOT}/catalog?page=1&page_size=1`, headersOf(host, way), signal);
    if (catalog.status === 200) return { kind: 'found', name: typeof name === 'string' ? name : null };
    refused ??= { kind: 'refused', error: refusalOf(host, catalog) };
  }
  return refused;
}

function connect(host: ForeignHost): PeerClient {
  let way: Way = waysOf(host)[0] ?? 'bearer';

  async function ask(path: string, signal: AbortSignal): Promise<ForeignAnswer> {
    const answer = await host.json(path, headersOf(host, way), signal);
    if (answer.status !== 401 || waysOf(host).length < 2) return answer;
    const other: Way = way === 'bearer' ? 'header' : 'bearer';
    const again = await host.json(path, headersOf(host, other), signal);
    if (again.status !== 401) way = other;
    return again;
  }

  async function list(cursor: string | null, signal: AbortSignal): Promise<ListingPage> {
    const place = readCursor(cursor, isPlace);
    const page = place?.page ?? 1;
    const answer = await ask(`${ROOT}/catalog?page=${page}&page_size=${PAGE}`, signal);
    if (answer.status !== 200) throw refusalOf(host, answer);
    const { items, total, size } = readCatalog(answer.value);
    // A number that changes while the pages are read counts for nothing.
    const steady = place === null || place.total === total ? total : null;
    const complete = items.length === 0 || page * size >= total;
    return {
      ...entriesOf(items.map(readItem)),
      removed: [],
      cursor: writeCursor(complete ? { listed: true } : { page: page + 1, total: steady }),
      epoch: '1',
      complete: complete ? { total: steady, checksum: null } : null,
      roundTripMs: answer.roundTripMs,
    };
  }

  function bytes(
    ref: MediaRef,
    query: Omit<BytesQuery, 'headers'>,
    signal: AbortSignal,
  ): Promise<GivenBytes> {
    const slug = slugOfId(ref.remoteId);
    const name = { thumbnail: 'thumbnail', original: 'content', preview: null, playable: null }[ref.variant];
    if (slug === null || name === null) throw new HedgerowError('NOT_FOUND');
    const path = `${ROOT}/media/${encodeURIComponent(slug)}/${name}`;
    const asked = { ...query, headers: headersOf(host, way), variant: ref.variant, words: WORDS() };
    return firstThatAnswers(host, [path], asked, signal);
  }

  return {
    relistAfter: async () => 0,
    list: (cursor, _limit, signal) => list(cursor, signal),
    bytes: async (ref, range, signal) => presentBytes(await bytes(ref, { range }, signal)),
    isCurrent: async (ref, tag, signal) =>
      isUnchanged(await bytes(ref, { range: null, unless: tag }, signal), tag),
    segmentList: async () => {
      throw new HedgerowError('NOT_FOUND', 'This dialect has no segment lists.');
    },
  };
}

function waysOf(host: ForeignHost): readonly Way[] {
  return host.token === null ? ['bearer'] : WAYS;
}

function headersOf({ token }: ForeignHost, way: Way): Record<string, string> {
  if (token === null) return {};
  return way === 'bearer' ? { authorization: `Bearer ${token}` } : { 'x-api-key': token };
}

const WORDS = (): Partial<Record<number, HedgerowError>> => ({
  401: new HedgerowError('CREDENTIAL_REFUSED', 'The server does not know this API key, or asks for one.'),
  403: new HedgerowError(
    'CREDENTIAL_REFUSED',
    'The server knows the API key, but does not let it read this: federation may be switched off there.',
  ),
});

/** Unknown, known and shut out, known and without the scope: three things that different people put right. */
function refusalOf(host: ForeignHost, answer: ForeignAnswer): HedgerowError {
  const scope = answer.status === 403 ? missingScope(answer) : null;
  if (scope !== null) {
    return new HedgerowError(
      'CREDENTIAL_REFUSED',
      `The API key lacks a scope${scope === '' ? '' : ` (${scope})`}; whoever issued it can add it.`,
    );
  }
  return host.refusal(answer, WORDS());
}

/** The scope that a 403 names, `''` where it only says that one is missing, null where it says nothing of scopes. */
function missingScope({ fields, value }: ForeignAnswer): string | null {
  const challenge = field(fields, 'www-authenticate') ?? '';
  const named = /\bscope="([A-Za-z0-9:._ -]{1,100})"/.exec(challenge)?.[1];
  if (named !== undefined) return named;
  if (/insufficient_scope/.test(challenge)) return '';
  const body = JSON.stringify(value ?? '').slice(0, 2_000);
  if (!/scope/i.test(body)) return null;
  return /\b([a-z]{2,30}[:.][a-z*]{2,30})\b/.exec(body)?.[1] ?? '';
}

function isPlace(value: unknown): value is Place {
  return isRecord(value) && Number.isSafeInteger(value['page']) && 'total' in value;
}

function readCatalog(value: unknown): { items: unknown[]; total: number; size: number } {
  const invalid = (why: string) =>
    new HedgerowError('PEER_INVALID_ANSWER', `A page of the peer's catalog is not valid: ${why}.`);
  if (!isRecord(value)) throw invalid('it is not an object');
  const { items, total, page_size: size } = value as Record<string, unknown>;
  if (saysError(value)) throw invalid(errorWords(value));
  if (!Array.isArray(items)) throw invalid('items');
  if (typeof total !== 'number' || !Number.isSafeInteger(total) || total < 0) throw invalid('total');
  // A server may give shorter pages than were asked for.
  return { items, total, size: isInteger(size, 1, PAGE) ? size : PAGE };
}

function readItem(value: unknown): ReadItem {
  const item: Readonly<Record<string, unknown>> = isRecord(value) ? value : {};
  const slug = item['slug'];
  const type = typeOfFormat(item['mime_type']) ?? typeOfFormat(item['filename']);
  const created = readTime(item['created_at']);
  return foreignItem(typeof slug === 'string' ? (idOfSlug(slug) ?? '') : '', {
    kind: kindOf(item['media_type'], type, 'DOCUMENT'),
    title: [item['title'], item['filename'], slug].find(
      (text) => typeof text === 'string' && text.trim() !== '',
    ),
    description: item['description'] || null,
    filename: item['filename'] || null,
    mimeType: type,
    size: item['file_size'] ?? null,
    createdAt: created,
    updatedAt: readTime(item['updated_at']) ?? created,
    variants: [
      { name: 'thumbnail', mimeType: 'image/webp' },
      { name: 'original', mimeType: type ?? '' },
    ],
  });
}
