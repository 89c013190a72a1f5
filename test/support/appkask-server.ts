/** An AppKask server, written from docs/federation.md: API keys, and offset pages that shift. */

import {
  type Answering,
  type Asked,
  type ForeignServer,
  startForeignServer,
  webp,
} from './foreign-server.ts';

export interface AppkaskItem {
  slug: string;
  title: string;
  parts: Record<string, unknown>;
  createdAt: number;
  content: Buffer;
}

export interface AppkaskServer extends ForeignServer {
  readonly items: Map<string, AppkaskItem>;
  /** Known keys and what each may do. */
  readonly keys: Map<string, 'all' | 'nothing' | 'no-scope'>;
  /** Called after each page; the place to change what is listed meanwhile. */
  onList: ((page: number) => void) | null;
  put(
    slug: string,
    given?: Partial<Pick<AppkaskItem, 'title' | 'parts' | 'content' | 'createdAt'>>,
  ): AppkaskItem;
  remove(slug: string): void;
}

export interface AppkaskOptions {
  /** The one place in which this server looks for the key. */
  key?: 'authorization' | 'x-api-key';
  /** Less than 200 makes paging cheap to test. */
  pageSize?: number;
}

export const APPKASK_KEY = 'ak_live_0123456789abcdef';
const API = '/api/v1/federation';

export async function startAppkaskServer({
  key = 'authorization',
  pageSize = 200,
}: AppkaskOptions = {}): Promise<AppkaskServer> {
  const items = new Map<string, AppkaskItem>();
  const keys = new Map<string, 'all' | 'nothing' | 'no-scope'>([[APPKASK_KEY, 'all']]);
  let asked = 0;
  const server = (await startForeignServer(answer)) as AppkaskServer;
  return Object.assign(server, {
    items,
    keys,
    onList: null,
    put: (slug: string, given: Partial<AppkaskItem> = {}) => {
      const item = {
        slug,
        title: `Title of ${slug}`,
        parts: {},
        createdAt: Date.parse('2026-07-02T08:00:00Z'),
        content: Buffer.from(`content of ${slug}`),
        ...items.get(slug),
        ...given,
      };
      items.set(slug, item);
      return item;
    },
    remove: (slug: string) => {
      items.delete(slug);
    },
  });

  function answer({ path, query, headers }: Asked, answering: Answering): boolean {
    if (!path.startsWith(API)) return false;
    const given =
      key === 'authorization' ? headers.authorization?.replace(/^Bearer /, '') : headers['x-api-key'];
    const may = keys.get(String(given ?? ''));
    if (may === undefined) {
      answering.json(401, { error: 'unauthorized', message: 'Invalid API key' });
      return true;
    }
    if (path === `${API}/manifest`) {
      answering.json(200, {
        server_id: 'kask-1',
        server_name: 'Cask',
        version: '0.9.1',
        catalog_count: items.size,
        federation_api_version: '1',
      });
      return true;
    }
    if (may === 'nothing') {
      answering.json(403, { error: 'forbidden' });
      return true;
    }
    if (may === 'no-scope') {
      answering.json(403, { error: 'insufficient scope', required: 'federation:read' });
      return true;
    }
    if (path === `${API}/catalog`) {
      const page = Number(query.get('page') ?? 1);
      const wanted = Math.min(Number(query.get('page_size') ?? 50), 200);
      const size = wanted === 200 ? pageSize : wanted;
      // Newest first, and those of one moment in another order each time.
      asked += 1;
      const turned = [...items.values()].map((item, index) => ({
        item,
        place: (index * 7919 + asked) % 101,
      }));
      turned.sort((x, y) => y.item.createdAt - x.item.createdAt || x.place - y.place);
      const shown = turned.slice((page - 1) * size, page * size).map(({ item }) => listed(item));
      answering.list({ items: shown, total: items.size, page, page_size: size });
      server.onList?.(page);
      return true;
    }
    const [, slug = '', part] = new RegExp(`^${API}/media/([^/]+)/(thumbnail|content)$`).exec(path) ?? [];
    const item = items.get(decodeURIComponent(slug));
    if (item === undefined) return false;
    if (part === 'thumbnail') answering.file(webp(`${item.slug} ${item.title}`), 'image/webp');
    else answering.file(item.content, 'video/mp4');
    return true;
  }
}

function listed({ slug, title, parts, createdAt, content }: AppkaskItem): Record<string, unknown> {
  return {
    slug,
    media_type: 'video',
    title,
    description: null,
    filename: `${slug}.mp4`,
    mime_type: 'video/mp4',
    file_size: content.length,
    created_at: new Date(createdAt).toISOString(),
    updated_at: null,
    ...parts,
  };
}
