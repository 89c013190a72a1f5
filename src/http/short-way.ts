/**
 * Requests whose answers lie ready, answered before the router, its hooks and its reply: a picture out of memory costs less
 * than these do. Whoever takes a request here decides about it by the same rules and from the same parts as the route behind it, and
 * leaves to that route whatever is not at hand, is refused, or is unusual in any way.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/**
 * Takes a request, or answers false and has not touched it.
 *
 * @param path - without the prefix of a proxy
 * @param leave - leaves it to the router after all, later
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
  /** A proxy says where requests come from, which is the router's to find out. */
  readonly proxied: boolean;
}

export interface ShortWayOptions {
  pathOf: (request: IncomingMessage) => string;
  safety: Readonly<Record<string, string>>;
  /** Frontends of other sites: what they send and are told is the router's matter. */
  allowedOrigins: readonly string[];
  proxied: boolean;
  /** Everything else. */
  router: () => RequestListener;
}

export function createShortWay(options: ShortWayOptions): ShortWay & {
  readonly listener: RequestListener;
  /** From now on everything is the router's, which refuses it. */
  close(): void;
} {
  const { pathOf, safety, allowedOrigins, proxied, router } = options;
  const shorts: Short[] = [];
  let open = true;
  return {
    safety: Object.entries(safety).flat(),
    proxied,
    add: (short) => void shorts.push(short),
    listener: (request, response) => {
      if (open && (allowedOrigins.length === 0 || request.headers.origin === undefined)) {
        const path = pathOf(request);
        const leave = (): void => {
          // Half an answer is nothing that another could begin anew.
          if (response.headersSent) response.destroy();
          else router()(request, response);
        };
        for (const short of shorts) if (short(request, response, path, leave)) return;
      }
      router()(request, response);
    },
    close: () => {
      open = false;
    },
  };
}

/** Goes on with a value, at once where it is there; `leave` where it cannot be had, or `next` throws. */
export function soon<T>(value: () => T | Promise<T>, next: (value: T) => void, leave: () => void): void {
  try {
    const told = value();
    if (told instanceof Promise) told.then(next).catch(leave);
    else next(told);
  } catch {
    leave();
  }
}
