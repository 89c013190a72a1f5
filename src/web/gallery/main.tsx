/** The gallery: what the server put into the page, and the rest drawn from the catalog. */

import { createRoot } from 'react-dom/client';
import { element } from '../scripts/door.ts';
import { App } from './app.tsx';
import { Mishap } from './mishap.tsx';
import { registerWorker } from './register-worker.ts';

const root = element('root', HTMLElement);
const { instance = '', viewer = '', role = '' } = root.dataset;
createRoot(root).render(
  <Mishap>
    <App instance={instance} viewer={viewer} role={role} />
  </Mishap>,
);
registerWorker();

const RELOADED = 'hedgerow-reloaded';
/** Ms in which a page is not loaded anew for the same reason. */
const ONCE_IN = 60_000;

// The server has a new version, and no longer the rest of this one; or it is away, which the page loaded anew says.
window.addEventListener('vite:preloadError', (event) => {
  if (Date.now() - Number(sessionStorage.getItem(RELOADED)) < ONCE_IN) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  event.preventDefault();
  location.reload();
});
