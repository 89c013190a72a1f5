/**
 * Where to go after signing in: `next` where it is a place on this very instance, else its home. Anything else would
 * let a link to our own sign-in page lead to another site afterwards.
 *
 * @param page address of the sign-in page, whose folder is the instance's
 */
export function nextPath(next: string | null, page: string): string {
  const home = new URL('./', page);
  if (next === null || !URL.canParse(next, home)) return home.pathname;
  const target = new URL(next, home);
  const inside = target.origin === home.origin && target.pathname.startsWith(home.pathname);
  return inside ? target.pathname + target.search + target.hash : home.pathname;
}
