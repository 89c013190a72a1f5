/** What a page does where a part that it loads later is not there any more. */

const RELOADED = 'hedgerow-reloaded';
/** Ms in which a page is not loaded anew for the same reason. */
const ONCE_IN = 60_000;

/** The server has a new version, and no longer the rest of this one; or it is away, which the page loaded anew says. */
export function reloadOnPreloadError(): void {
  window.addEventListener('vite:preloadError', (event) => {
    if (Date.now() - Number(sessionStorage.getItem(RELOADED)) < ONCE_IN) return;
    sessionStorage.setItem(RELOADED, String(Date.now()));
    event.preventDefault();
    location.reload();
  });
}
