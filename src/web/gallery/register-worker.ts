/** Has the browser keep the shell (`worker/worker.ts`): where it can, and once the page has nothing better to do. */

import { scriptUrl } from './script-url.ts';

/** Ms after the page was loaded: it fetches the shell anew, while the first pictures are still on their way. */
const AFTER = 3_000;

/** Not there where the page came by plain HTTP from another machine. */
export function registerWorker(): void {
  if (!('serviceWorker' in navigator)) return;
  const register = (): void => {
    // Without it everything works but for the page that is shown while the server is away.
    navigator.serviceWorker.register(scriptUrl('./worker.js') as string).catch(() => undefined);
  };
  const soon = (): void => void setTimeout(register, AFTER);
  if (document.readyState === 'complete') soon();
  else window.addEventListener('load', soon, { once: true });
}
