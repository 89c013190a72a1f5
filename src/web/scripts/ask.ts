/** One GraphQL operation of a page, typed by its document. */

import type { TypedDocumentString } from '../generated/graphql.ts';
import type { LastWord } from '../worker/last-word.ts';

/** What the server refused, with the code that it gave. */
export class Refused extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Sends a change as the page is left, and waits for no answer. Where a service worker stands between page and server, it has
 * to send it: what a page sends through one is given up with the page.
 */
export function askLast<Variables extends Record<string, unknown>>(
  document: TypedDocumentString<unknown, Variables>,
  variables: Variables,
): void {
  const { serviceWorker } = navigator as { serviceWorker?: ServiceWorkerContainer };
  const word: LastWord = {
    kind: 'last word',
    body: JSON.stringify({ query: document.toString(), variables }),
  };
  if (serviceWorker?.controller) serviceWorker.controller.postMessage(word);
  else ask(document, variables).catch(() => undefined);
}

/** @throws Refused with a sentence for people; AbortError once the signal says so */
export async function ask<Result, Variables extends Record<string, unknown>>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Result> {
  const response = await fetch('./graphql', {
    method: 'POST',
    // A change that is sent as the page is left still goes out; a browser lets few bytes do so.
    keepalive: /^\s*mutation\b/.test(document.toString()),
    headers: {
      accept: 'application/graphql-response+json',
      'content-type': 'application/json',
      'x-hedgerow-csrf': '1',
    },
    body: JSON.stringify({ query: document.toString(), variables }),
    ...(signal !== undefined && { signal }),
  }).catch(() => {
    signal?.throwIfAborted();
    throw new Refused('The server cannot be reached. Is it running, and are you online?', 'UNREACHABLE');
  });
  const answer: { data?: Result | null; errors?: { message: string; extensions?: { code?: string } }[] } =
    await response.json().catch(() => {
      signal?.throwIfAborted();
      return {};
    });
  const [error] = answer.errors ?? [];
  if (error !== undefined) throw new Refused(error.message, error.extensions?.code ?? 'INTERNAL');
  if (answer.data == null) throw new Refused(`The server answered ${response.status}.`, 'INTERNAL');
  return answer.data;
}
