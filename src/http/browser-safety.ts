/**
 * What every answer tells browsers, so that a page of another site, or a file that is more than it says, can do nothing
 * with what is here. Pages and files narrow it further for themselves (pages.ts, send-file.ts).
 */

import type { FastifyInstance } from 'fastify';

export interface BrowserSafetyOptions {
  publicUrl: URL;
  /** Frontends of other sites that may read answers. */
  allowedOrigins: readonly string[];
}

/** An answer that is no page loads nothing, runs nothing, and is shown in nobody's frame. */
const NO_PAGE = "default-src 'none'; frame-ancestors 'none'";
/** Seconds; two years, as the preload list asks for. */
const HSTS_MAX_AGE = 63_072_000;
const PREFLIGHT_MAX_AGE = '600';

const ALLOWED_METHODS = 'GET, HEAD, POST, PATCH, DELETE, OPTIONS';
const ALLOWED_HEADERS = [
  'authorization',
  'content-type',
  'range',
  'if-range',
  'x-hedgerow-csrf',
  'tus-resumable',
  'upload-length',
  'upload-offset',
  'upload-metadata',
  'upload-checksum',
].join(', ');
const EXPOSED_HEADERS = [
  'retry-after',
  'content-range',
  'accept-ranges',
  'etag',
  'location',
  'tus-resumable',
  'tus-version',
  'tus-extension',
  'tus-max-size',
  'tus-checksum-algorithm',
  'upload-offset',
  'upload-length',
  'upload-expires',
  'hedgerow-media',
  'hedgerow-rejected',
].join(', ');

/** What every answer carries, of which the router's own refusals have no more than this. */
export function safetyHeaders(publicUrl: URL): Record<string, string> {
  return {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': NO_PAGE,
    'x-frame-options': 'DENY',
    // Behind TLS alone: on plain HTTP browsers ignore it, and a name that has no TLS would be lost with it.
    ...(publicUrl.protocol === 'https:' && {
      'strict-transport-security': `max-age=${HSTS_MAX_AGE}; includeSubDomains`,
    }),
  };
}

export function browserSafety(
  app: FastifyInstance,
  { publicUrl, allowedOrigins }: BrowserSafetyOptions,
): void {
  const safety = Object.entries(safetyHeaders(publicUrl));

  app.addHook('onRequest', async (request, reply) => {
    // On the answer of Node itself, since files are written past Fastify.
    const { raw } = reply;
    for (const [name, value] of safety) raw.setHeader(name, value);

    const { origin } = request.headers;
    if (origin === undefined || !allowedOrigins.includes(origin)) return;
    raw.setHeader('access-control-allow-origin', origin);
    raw.setHeader('access-control-allow-credentials', 'true');
    raw.setHeader('access-control-expose-headers', EXPOSED_HEADERS);
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) {
      return;
    }
    raw.setHeader('access-control-allow-methods', ALLOWED_METHODS);
    raw.setHeader('access-control-allow-headers', ALLOWED_HEADERS);
    raw.setHeader('access-control-max-age', PREFLIGHT_MAX_AGE);
    return reply.code(204).header('vary', 'Origin').send();
  });

  // What one origin may read is not what another is given from a cache.
  if (allowedOrigins.length > 0) {
    app.addHook('onSend', async (_request, reply) => {
      const vary = reply.getHeader('vary');
      reply.header('vary', vary === undefined ? 'Origin' : `${[vary].flat().join(', ')}, Origin`);
    });
  }
}
