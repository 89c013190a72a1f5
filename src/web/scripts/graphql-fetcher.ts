/** GraphQL over HTTP for GraphiQL; subscriptions come as server-sent events. */

import type { GraphiQLProps } from 'graphiql';
import { parse } from 'graphql';
import { readEvents } from './events.ts';

type Fetcher = GraphiQLProps['fetcher'];
type Result = Exclude<Awaited<ReturnType<Fetcher>>, AsyncIterable<unknown> | { subscribe: unknown }>;

export function createFetcher(url: string): Fetcher {
  return async ({ query, variables, operationName }, options) => {
    const abort = new AbortController();
    const response = await fetch(url, {
      method: 'POST',
      credentials: 'same-origin',
      signal: abort.signal,
      headers: {
        accept: 'application/graphql-response+json, application/json;q=0.9, text/event-stream;q=0.8',
        'content-type': 'application/json',
        // No page of another site can set it without asking first, which tells ours from theirs.
        'x-hedgerow-csrf': '1',
        ...options?.headers,
      },
      body: JSON.stringify({ query, variables, operationName: nameFor(query, operationName) }),
    });
    const type = response.headers.get('content-type') ?? '';
    if (type.startsWith('text/event-stream') && response.body !== null) {
      return events(response.body, abort);
    }
    if (!type.includes('json')) {
      throw new Error(`The server answered ${response.status} ${response.statusText}.`);
    }
    return (await response.json()) as Result;
  };
}

/**
 * GraphiQL reads the name 100 ms after the last key or change of tab; whoever runs sooner would send that of what
 * stood there before, and be told that there is no such operation. Where there is one only, no name is needed.
 */
export function nameFor(query: string, name: string | null | undefined): string | undefined {
  try {
    const operations = parse(query).definitions.filter(({ kind }) => kind === 'OperationDefinition');
    return operations.length === 1 ? undefined : (name ?? undefined);
  } catch {
    // The server says what is wrong with it.
    return name ?? undefined;
  }
}

/** What the events carry; whoever stops reading gives up the request. */
async function* events(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  abort: AbortController,
): AsyncGenerator<Result, void, undefined> {
  try {
    yield* readEvents<Result>(body);
  } finally {
    abort.abort();
  }
}
