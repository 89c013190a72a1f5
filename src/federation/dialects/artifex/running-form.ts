/** The form of a running Artifex server, API 1.0.0: pages by offset, and changes since a time. */
import { LRUCache } from 'lru-cache';
import { HedgerowError } from '../../../lib/errors.ts';
import { drop } from '../../outgoing/byte-answer.ts';
import type { ListingPage, MediaRef, PeerClient, Probe } from '../dialect.ts';
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
  stated,
  typeOfFormat,
} from '../foreign-item.ts';
import { firstThatAnswers, type GivenBytes, isUnchanged, presentBytes } from '../foreign-media.ts';

const ROOT = '/api/federation';
/** The most that the server gives on a page. */
const PAGE = 200;
/** ms between two listings of the whole: what is edited or unpublished, its changes do not tell. */
const RELIST_AFTER = 6 * 3600_000;
/** ms by which each question for changes reaches back behind the last one; what it brings twice costs nothing. */
const OVERLAP = 120_000;
/** The same where the server does not say what time it is. */
const CLOCKS_APART = 24 * 3600_000;

/** A listing under way, or the time from which on changes are asked for. */
type Place =
  | { offset: number; total: number | null; since: number; preview: string | null }
  | { since: number; preview: string | null };

function isPlace(value: unknown): value is Place {
  return isRecord(value) && Number.isSafeInteger(value['since']) && 'preview' in value;
}

export async function probeRunning(host: ForeignHost, signal: AbortSignal): Promise<Probe | null> {
  const manifest = await host.json(`${ROOT}/manifest`, {}, signal);
  const marked = field(manifest.fields, 'x-artifex-version') !== null;
  if (manifest.status === 403 && (marked || isRecord(manifest.value)))
    return { kind: 'refused', error: SWITCHED_OFF() };
  if (manifest.status === 429) return { kind: 'refused', error: host.refusal(manifest) };
  if (manifest.status !== 200 || !isRecord(manifest.value)) return null;
  const page = await host.json(`${ROOT}/public?limit=1&offset=0`, {}, signal);
  if (page.status === 403) return { kind: 'refused', error: SWITCHED_OFF() };
  if (page.status === 429) return { kind: 'refused', error: host.refusal(page) };
  if (page.status !== 200 || !isRecord(page.value) || !Array.isArray(page.value['images'])) return null;
  return { kind: 'found', name: nameOf(manifest.value) };
}

function nameOf(manifest: Readonly<Record<string, unknown>>): string | null {
  const instance = manifest['instance'];
  const candidates = [manifest['name'], isRecord(instance) ? instance['name'] : instance];
  return candidates.find((name): name is string => typeof name === 'string' && name.trim() !== '') ?? null;
}

export function connectRunning(host: ForeignHost): PeerClient {
  /** Which of the two ways to the full bytes answered last. */
  let way: 'media' | 'uploads' = 'media';
  const filepaths = new LRUCache<string, string>({ max: 1_000 });

  async function ask(
    path: string,
    signal: AbortSignal,
  ): Promise<{ answer: ForeignAnswer; value: Record<string, unknown> }> {
    const answer = await host.json(ROOT + path, {}, signal);
    if (answer.status !== 200) throw host.refusal(answer, { 403: SWITCHED_OFF() });
    if (!isRecord(answer.value)) throw invalid('it is not an object');
    if (saysError(answer.value)) throw invalid(errorWords(answer.value));
    return { answer, value: answer.value };
  }

  async function listPage(place: Place | null, signal: AbortSignal): Promise<ListingPage> {
    const offset = place !== null && 'offset' in place ? place.offset : 0;
    const { answer, value } = await ask(`/public?limit=${PAGE}&offset=${offset}`, signal);
    const images = listOf(value, 'images');
    const told = countOf(value);
    const begun =
      place !== null && 'offset' in place
        ? place
        : { total: told, since: timeOf(answer, host.now()), preview: await previewType(images, signal) };
    // A number that changes while the pages are read counts for nothing.
    const total = begun.total === told ? told : null;
    const next = offset + images.length;
    const complete = images.length === 0 || next >= told;
    const { since, preview } = begun;
    return {
      ...entriesOf(images.map((image) => readImage(image, preview))),
      removed: [],
      cursor: writeCursor(complete ? { since, preview } : { offset: next, total, since, preview }),
      epoch: '1',
      complete: complete ? { total, checksum: null } : null,
      roundTripMs: answer.roundTripMs,
    };
  }

  async function listChanges({ since, preview }: Place, signal: AbortSignal): Promise<ListingPage> {
    const { answer, value } = await ask(`/updates?since=${encodeURIComponent(sinceText(since))}`, signal);
    const images = listOf(value, 'images').map((image) => readImage(image, preview));
    const removed = listOf(value, 'deleted').map(idOf);
    if (removed.includes(null)) throw invalid('deleted');
    // What was unpublished is not named, but it is not counted either.
    const whole = await ask('/public?limit=1&offset=0', signal);
    const entries = entriesOf(images);
    const listed = new Set([...entries.items, ...entries.skipped].map(({ remoteId }) => remoteId));
    return {
      ...entries,
      removed: [...new Set(removed as string[])].filter((id) => !listed.has(id)),
      cursor: writeCursor({
        since: Math.max(since, timeOf(answer, host.now(), readTime(value['updated_at']))),
        preview,
      }),
      epoch: '1',
      complete: { total: countOf(whole.value), checksum: null },
      roundTripMs: answer.roundTripMs,
    };
  }

  /** Later versions have previews; whether this one does, and of which type, one picture shows. */
  async function previewType(images: readonly unknown[], signal: AbortSignal): Promise<string | null> {
    const id = idOf(isRecord(images[0]) ? images[0]['id'] : undefined);
    if (id === null) return null;
    const answer = await host.bytes(
      `/media/${id}/preview`,
      { headers: {}, range: { start: 0, end: 0 }, purpose: 'listing' },
      signal,
    );
    if (answer.kind !== 'bytes') {
      if (answer.kind === 'refused' && answer.answer.status === 429) throw host.refusal(answer.answer);
      return null;
    }
    drop(answer.bytes.body);
    return /^image\/[a-z0-9.+-]{1,40}$/.test(answer.bytes.type) ? answer.bytes.type : null;
  }

  /** The paths under which a file may be, the likeliest first. */
  async function* paths({ remoteId, variant }: MediaRef, signal: AbortSignal): AsyncGenerator<string> {
    if (variant === 'thumbnail') {
      yield `${ROOT}/image/${remoteId}/thumbnail`;
      return;
    }
    if (variant === 'preview') {
      yield `/media/${remoteId}/preview`;
      return;
    }
    for (const each of way === 'media' ? (['media', 'uploads'] as const) : (['uploads', 'media'] as const)) {
      const path = each === 'media' ? `/media/${remoteId}/full` : await uploadPath(remoteId, signal);
      if (path === null) continue;
      yield path;
      // Asked for the next one, the caller has found nothing under this.
      way = each === 'media' ? 'uploads' : 'media';
    }
  }

  async function uploadPath(remoteId: string, signal: AbortSignal): Promise<string | null> {
    const known = filepaths.get(remoteId);
    if (known !== undefined) return known;
    const { value } = await ask(`/image/${remoteId}`, signal);
    const { filepath } = value;
    const parts =
      typeof filepath === 'string' && filepath.isWellFormed()
        ? filepath.split('/').filter((part) => part !== '')
        : [];
    if (parts.length === 0 || parts.some((part) => part === '.' || part === '..')) return null;
    const path = `/uploads/${parts.map(encodeURIComponent).join('/')}`;
    filepaths.set(remoteId, path);
    return path;
  }

  async function bytes(
    ref: MediaRef,
    query: Omit<BytesQuery, 'headers'>,
    signal: AbortSignal,
  ): Promise<GivenBytes> {
    const { variant } = ref;
    try {
      const asked = { ...query, headers: {}, variant, words: { 403: SWITCHED_OFF() } };
      return await firstThatAnswers(host, paths(ref, signal), asked, signal);
    } catch (error) {
      // The file may lie elsewhere by now.
      filepaths.delete(ref.remoteId);
      throw error;
    }
  }

  return {
    relistAfter: async () => RELIST_AFTER,
    list: async (cursor, _limit, signal) => {
      const place = readCursor(cursor, isPlace);
      return place === null || 'offset' in place ? listPage(place, signal) : listChanges(place, signal);
    },
    bytes: async (ref, range, signal) => presentBytes(await bytes(ref, { range }, signal)),
    isCurrent: async (ref, tag, signal) =>
      isUnchanged(await bytes(ref, { range: null, unless: tag }, signal), tag),
    segmentList: async () => {
      throw new HedgerowError('NOT_FOUND', 'This dialect has no segment lists.');
    },
  };
}

const SWITCHED_OFF = (): HedgerowError =>
  new HedgerowError('PEER_UNREACHABLE', 'Federation is switched off at the peer (it answers 403).', {
    extra: { answered: 403 },
  });

function readImage(value: unknown, preview: string | null): ReadItem {
  const image = isRecord(value) ? value : {};
  const id = idOf(image['id']);
  const type = typeOfFormat(image['format']) ?? typeOfFormat(image['original_name']);
  const tags = Array.isArray(image['tags']) ? image['tags'].filter(isRecord) : [];
  const categories: Record<string, unknown> = {};
  for (const { name, category } of tags) {
    if (typeof name === 'string' && typeof category === 'string' && category !== '')
      categories[name] = category;
  }
  return foreignItem(id ?? '', {
    kind: kindOf(image['media_type'], type, 'IMAGE'),
    title: [image['title'], image['original_name']].find(isFilled) ?? `Image ${id ?? ''}`,
    description: isFilled(image['caption']) ? image['caption'] : null,
    filename: isFilled(image['original_name']) ? image['original_name'] : null,
    mimeType: type,
    width: image['width'] || null,
    height: image['height'] || null,
    createdAt: readTime(image['created_at']),
    updatedAt: null,
    tags: tags.map(({ name }) => name),
    creator: isFilled(image['uploaded_by']) ? image['uploaded_by'] : null,
    properties: stated({
      prompt: image['prompt'],
      model: image['model'],
      sampler: image['sampler'],
      steps: image['steps'],
      cfgScale: image['cfg_scale'],
      // As text it can be searched, and keeps its digits where it has more of them than a number can hold.
      seed: typeof image['seed'] === 'number' ? String(image['seed']) : image['seed'],
      tagCategories: Object.keys(categories).length === 0 ? null : categories,
    }),
    variants: [
      { name: 'thumbnail', mimeType: 'image/webp' },
      ...(preview === null ? [] : [{ name: 'preview' as const, mimeType: preview }]),
      { name: 'original', mimeType: type ?? '' },
    ],
  });
}

function isFilled(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

/** Ids are whole numbers. */
export function idOf(value: unknown): string | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? String(value) : null;
}

function listOf(value: Readonly<Record<string, unknown>>, name: string): unknown[] {
  const list = value[name];
  if (!Array.isArray(list)) throw invalid(name);
  return list;
}

function countOf(value: Readonly<Record<string, unknown>>): number {
  const { total } = value;
  if (typeof total !== 'number' || !Number.isSafeInteger(total) || total < 0) throw invalid('total');
  return total;
}

/**
 * From when on changes are asked for next time: the server's own time, a little earlier. One whose clock is years ahead
 * would never be asked for anything again.
 *
 * @param said - by the answer itself, ms; else its field Date counts
 */
function timeOf({ fields }: ForeignAnswer, now: number, said: number | null = null): number {
  const time = said ?? Date.parse(field(fields, 'date') ?? '');
  return Number.isNaN(time) ? now - CLOCKS_APART : Math.min(time - OVERLAP, now + CLOCKS_APART);
}

/** In the one form that the server understands; with a `T` it answers nothing at all, and no error. */
function sinceText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

function invalid(why: string): HedgerowError {
  return new HedgerowError('PEER_INVALID_ANSWER', `An answer of the peer is not valid: ${why}.`);
}
