/**
 * Requests whose answers lie ready, answered before the router, its hooks and its reply: a picture out of memory costs less
 * than these do. Whoever takes a request here decides about it by the same rules and from the same parts as the route behind it, and
 * leaves to that route whatever is not known at once, or is unusual in any way.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/**
 * Takes a request, or answers false and has not touched it.
 *
 * @param path - without the prefix of a proxy
 * @param leave - leaves it to the router after all, later; only where nothing of the answer was written
 */
export type Short = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  leave: () => void,
) => boolean;

export interface ShortWay {
  /** Asked in the order in which they are added. */
  add(short: Short): void;
  /** What every answer carries, as `writeHead` takes it: names and values by turns. */
  readonly safety: readonly string[];
}

export interface ShortWayOptions {
  pathOf: (request: IncomingMessage) => string;
  safety: Readonly<Record<string, string>>;
  /** Frontends of other sites: what they send and are told is the router's matter. */
  allowedOrigins: readonly string[];
  /** Everything else. */
  router: () => RequestListener;
}

export function createShortWay({ pathOf, safety, allowedOrigins, router }: ShortWayOptions): ShortWay & {
  readonly listener: RequestListener;
  /** From now on everything is the router's, which refuses it. */
  close(): void;
} {
  const shorts: Short[] = [];
  let open = true;
  return {
    safety: Object.entries(safety).flat(),
    add: (short) => void shorts.push(short),
    listener: (request, response) => {
      if (open && (allowedOrigins.length === 0 || request.headers.origin === undefined)) {
        const path = pathOf(request);
        for (const short of shorts) {
          if (short(request, response, path, () => router()(request, response))) return;
        }
      }
      router()(request, response);
    },
    close: () => {
      open = false;
    },
  };
}
