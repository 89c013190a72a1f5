/**
 * Cross-site request forgery: what a browser sends along its cookies, on behalf of a page that is not ours.
 *
 * The algorithm is Filippo Valsorda's (https://words.filippo.io/csrf/, also Go's net/http.CrossOriginProtection):
 * every browser since 2020 says where an unsafe request comes from. Whoever sends neither `Sec-Fetch-Site` nor
 * `Origin` is no browser, and nobody can make it send a cookie. SameSite=Lax on the cookie stands behind this.
 */

import type { IncomingHttpHeaders } from 'node:http';
import { HedgerowError } from '../lib/errors.ts';

export interface OriginPolicy {
  publicUrl: URL;
  /** Frontends of other sites that the owner trusts. */
  allowedOrigins?: readonly string[];
}

/** @throws HedgerowError FORBIDDEN where a browser says that the request comes from another site. */
export function assertSameOrigin(headers: IncomingHttpHeaders, policy: OriginPolicy): void {
  const origin = headers.origin;
  if (origin !== undefined && policy.allowedOrigins?.includes(origin)) return;
  const site = headers['sec-fetch-site'];
  if (site !== undefined) {
    // `none`: typed or bookmarked, so by the person and not by a page.
    if (site === 'same-origin' || site === 'none') return;
    throw refused();
  }
  if (origin === undefined || origin === policy.publicUrl.origin) return;
  // Without TLS browsers leave Sec-Fetch-Site out; and the instance may be reached by more names than its public one.
  // A foreign page cannot choose our Host, so an Origin that equals it is our own.
  if (URL.canParse(origin) && new URL(origin).host === headers.host?.toLowerCase()) return;
  throw refused();
}

function refused(): HedgerowError {
  return new HedgerowError('FORBIDDEN', 'The request comes from a page of another site.');
}
