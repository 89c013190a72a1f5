/** An Artifex server, written from docs/federation.md, in either form, with the manners that the form has. */

import {
  type Answering,
  type Asked,
  type ForeignServer,
  startForeignServer,
  webp,
} from './foreign-server.ts';

export interface ArtifexPicture {
  id: number;
  title: string;
  tags: { name: string; category: string }[];
  prompt: string;
  /** Further fields, which override. */
  parts: Record<string, unknown>;
  createdAt: number;
  published: boolean;
  content: Buffer;
}

export interface ArtifexServer extends ForeignServer {
  readonly pictures: Map<number, ArtifexPicture>;
  /** Switched off: 403. */
  on: boolean;
  /** Answers that were 429. */
  readonly limited: number;
  /** Called before each answer of a list; the place to change what is listed meanwhile. */
  onList: ((page: number) => void) | null;
  put(
    title: string,
    given?: Partial<Pick<ArtifexPicture, 'tags' | 'prompt' | 'parts' | 'content' | 'createdAt'>>,
  ): ArtifexPicture;
  /** For good: it is among the deletions. */
  remove(id: number): void;
}

export interface ArtifexOptions {
  form: 'running' | 'described';
  /** Of the described form. */
  token?: string | null;
  /** Where the full bytes are: below `/uploads`, or in later versions at `/media/{id}`. */
  bytes?: 'uploads' | 'media';
  /** Only the path without a version, in the described form. */
  unversioned?: boolean;
  now?: () => number;
  /** Requests a minute; infinity switches the limit off. */
  limit?: number;
  /** Less than 200 makes paging cheap to test. */
  pageSize?: number;
}

const API = '/api/federation';

export async function startArtifexServer(options: ArtifexOptions): Promise<ArtifexServer> {
  const { form, token = null, bytes = 'uploads', unversioned = false, limit = 30, pageSize = 200 } = options;
  const now = options.now ?? Date.now;
  const pictures = new Map<number, ArtifexPicture>();
  const deleted: { id: number; at: number }[] = [];
  let arrivals: number[] = [];
  let limited = 0;
  let lastId = 0;

  const published = (): ArtifexPicture[] =>
    [...pictures.values()]
      .filter((picture) => picture.published)
      .sort((x, y) => y.createdAt - x.createdAt || y.id - x.id);

  const server = (await startForeignServer(
    (asked, answering) => {
      arrivals = arrivals.filter((at) => at > now() - 60_000);
      if (arrivals.length >= limit) {
        limited += 1;
        const wait = Math.ceil(((arrivals[0] ?? 0) + 60_000 - now()) / 1000);
        answering.json(429, { error: 'rate limit exceeded' }, { 'retry-after': String(Math.max(1, wait)) });
        return true;
      }
      arrivals.push(now());
      return form === 'running' ? answerRunning(asked, answering) : answerDescribed(asked, answering);
    },
    { headers: form === 'running' ? { 'x-artifex-version': '1.0.0' } : {}, now },
  )) as ArtifexServer;
  return Object.defineProperties(
    Object.assign(server, {
      pictures,
      on: true,
      onList: null,
      put: (title: string, given: Partial<ArtifexPicture> = {}) => {
        lastId += 1;
        const picture: ArtifexPicture = {
          id: lastId,
          title,
          tags: [],
          prompt: `prompt of ${title}`,
          parts: {},
          createdAt: now(),
          published: true,
          content: Buffer.from(`picture ${title}`),
          ...given,
        };
        pictures.set(picture.id, picture);
        return picture;
      },
      remove: (id: number) => {
        pictures.delete(id);
        deleted.push({ id, at: now() });
      },
    }),
    { limited: { get: () => limited } },
  );

  function answerRunning({ path, query }: Asked, answering: Answering): boolean {
    if (path.startsWith(API) && !server.on) {
      answering.json(403, { detail: 'Federation is disabled' });
      return true;
    }
    if (path === `${API}/manifest`) {
      answering.json(200, { name: 'Prints', version: '1.0.0', image_count: published().length });
      return true;
    }
    if (path === `${API}/public`) {
      const offset = Number(query.get('offset') ?? 0);
      const size = Math.min(Number(query.get('limit') ?? 50), 200, pageSize);
      const all = published();
      answering.list({
        instance: 'Prints',
        images: all.slice(offset, offset + size).map(listed),
        total: all.length,
        limit: size,
        offset,
      });
      server.onList?.(offset / size);
      return true;
    }
    if (path === `${API}/updates`) {
      const text = query.get('since') ?? '';
      // As SQL compares text: the form with a T is behind every time that is stored, so nothing is newer.
      const readable = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text);
      const since = readable ? Date.parse(`${text.replace(' ', 'T')}Z`) : Number.POSITIVE_INFINITY;
      answering.list({
        instance: 'Prints',
        images: published()
          .filter((picture) => picture.createdAt >= since)
          .map(listed),
        deleted: deleted.filter(({ at }) => at >= since).map(({ id }) => id),
        since: text,
        updated_at: stamp(now()),
      });
      return true;
    }
    const [, detail, rest] = new RegExp(`^${API}/image/(\\d+)(/thumbnail)?$`).exec(path) ?? [];
    const picture = pictures.get(Number(detail));
    if (picture?.published) {
      if (rest !== undefined) answering.file(webp(`${picture.id} ${picture.title}`), 'image/webp');
      else {
        answering.json(200, {
          ...listed(picture),
          filepath: `2026/${picture.id} ä.png`,
          file_size: picture.content.length,
          file_hash: 'd41d8cd98f00b204e9800998ecf8427e',
        });
      }
      return true;
    }
    return answerBytes(path, answering);
  }

  function answerBytes(path: string, answering: Answering): boolean {
    const pattern =
      bytes === 'uploads' ? /^\/uploads\/2026\/(\d+) ä\.png$/ : /^\/media\/(\d+)\/(full|preview)$/;
    const [, id, variant] = pattern.exec(decodeURIComponent(path)) ?? [];
    const picture = pictures.get(Number(id));
    if (picture === undefined) return false;
    if (variant === 'preview') answering.file(webp(`preview ${picture.title}`), 'image/webp');
    else answering.file(picture.content, 'image/png');
    return true;
  }

  function answerDescribed({ path, headers }: Asked, answering: Answering): boolean {
    const lists = unversioned ? ['/federation/images'] : ['/federation/images', '/federation/v1/images'];
    const [, id, variant] = /^\/images\/(\d+)\/(thumbnail|original)$/.exec(path) ?? [];
    if (!lists.includes(path) && id === undefined) return false;
    if (token !== null && headers['x-federation-token'] !== token) {
      answering.json(401, { error: 'invalid token' });
      return true;
    }
    if (lists.includes(path)) {
      answering.list({
        peer: { name: 'Prints', id: 'prints-1' },
        images: published()
          .slice(0, 500)
          .map(({ id: each, title, parts }) => ({
            id: each,
            title,
            width: 512,
            height: 768,
            thumbnail_url: `/images/${each}/thumbnail`,
            ...parts,
          })),
      });
      server.onList?.(0);
      return true;
    }
    const picture = pictures.get(Number(id));
    if (!picture?.published) return false;
    if (variant === 'thumbnail') answering.file(webp(`${picture.id} ${picture.title}`), 'image/webp');
    else answering.file(picture.content, 'image/png');
    return true;
  }
}

function listed(picture: ArtifexPicture): Record<string, unknown> {
  return {
    id: picture.id,
    title: picture.title,
    original_name: `${picture.title}.png`,
    width: 512,
    height: 768,
    format: 'PNG',
    media_type: 'image',
    prompt: picture.prompt,
    model: 'meadow-xl',
    sampler: 'Euler a',
    steps: 30,
    cfg_scale: 7.5,
    seed: 1234567890,
    caption: null,
    created_at: stamp(picture.createdAt),
    uploaded_by: 'ada',
    tags: picture.tags,
    thumbnail_url: `${API}/image/${picture.id}/thumbnail`,
    detail_url: `${API}/image/${picture.id}`,
    ...picture.parts,
  };
}

function stamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}
