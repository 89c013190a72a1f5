/**
 * A typed client of one or several instances, in one file: it pages through catalogs, follows their changes and downloads
 * originals. It needs nothing but `fetch`; the types come from the documents beside it (codegen's client preset).
 *
 *     HEDGEROW_URL=https://photos.example HEDGEROW_TOKEN=… node docs/examples/client/client.ts
 */
import {
  CatalogChangesDocument,
  type CatalogChangesSubscription,
  CatalogPageDocument,
  type EntryFragment,
  SignedUrlDocument,
  type TypedDocumentString,
} from './generated/graphql.ts';

export interface Server {
  /** Public URL, without a trailing slash. */
  url: string;
  /** With the scopes CATALOG_READ and, to download, MEDIA_READ. */
  token: string;
}

export type Entry = EntryFragment;
export type Change = CatalogChangesSubscription['catalogChanged'];

export async function ask<Result, Variables>(
  server: Server,
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const response = await post(server, document, variables, 'application/graphql-response+json');
  const { data, errors } = (await response.json()) as { data?: Result; errors?: { message: string }[] };
  if (errors !== undefined || data === undefined) {
    throw new Error(
      errors?.map(({ message }) => message).join(' ') ?? `The server answered ${response.status}.`,
    );
  }
  return data;
}

/** Every item of a catalog, the oldest first; a page is asked for when the one before it has been taken. */
export async function* entries(server: Server, first = 200): AsyncGenerator<Entry> {
  let after: string | null = null;
  do {
    const { media }: Awaited<ReturnType<typeof page>> = await page(server, first, after);
    yield* media.nodes;
    after = media.pageInfo.hasNextPage ? media.pageInfo.endCursor : null;
  } while (after !== null);
}

/**
 * What changes, from the revision on; the first event tells where the catalog stands. It comes back by itself after the
 * connection was lost, and misses nothing: with `reset` the catalog is to be read anew.
 */
export async function* changes(
  server: Server,
  signal: AbortSignal,
  since: string | null = null,
): AsyncGenerator<Change> {
  let known = since;
  while (!signal.aborted) {
    try {
      const response = await post(
        server,
        CatalogChangesDocument,
        { since: known },
        'text/event-stream',
        signal,
      );
      for await (const change of events(response)) {
        known = change.revision;
        yield change;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** The original of an item, by a URL that is its own permission for an hour; null where it is not there. */
export async function download(server: Server, id: string): Promise<Uint8Array | null> {
  const { node } = await ask(server, SignedUrlDocument, { id });
  if (node === null || !('originalUrl' in node) || node.originalUrl == null) return null;
  // No token: the URL may be given to anybody who is to see this one file.
  const response = await fetch(new URL(node.originalUrl, server.url));
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
}

class Refused extends Error {}

async function post<Variables>(
  { url, token }: Server,
  document: TypedDocumentString<unknown, Variables>,
  variables: Variables,
  accept: string,
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept },
    body: JSON.stringify({ query: document.toString(), variables }),
    ...(signal !== undefined && { signal }),
  });
}

/** Server-sent events: blocks between empty lines, with the JSON in `data:`. */
async function* events(response: Response): AsyncGenerator<Change> {
  let text = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const line = text
        .slice(0, end)
        .split('\n')
        .find((each) => each.startsWith('data: {'));
      text = text.slice(end + 2);
      if (line === undefined) continue;
      const { data, errors } = JSON.parse(line.slice('data: '.length)) as {
        data?: CatalogChangesSubscription | null;
        errors?: { message: string }[];
      };
      if (errors !== undefined) throw new Refused(errors.map(({ message }) => message).join(' '));
      if (data != null) yield data.catalogChanged;
    }
  }
}

function page(server: Server, first: number, after: string | null) {
  return ask(server, CatalogPageDocument, { first, after });
}

if (import.meta.main) {
  const { HEDGEROW_URL: url = 'http://127.0.0.1:4000', HEDGEROW_TOKEN: token = '' } = process.env;
  for await (const { title, peer, byteSize } of entries({ url, token })) {
    console.log(`${title} (${peer?.name ?? 'here'}, ${byteSize ?? '?'} bytes)`);
  }
}
