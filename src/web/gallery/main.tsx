/** The gallery: what the server put into the page, and the rest drawn from the catalog. */

import { createRoot } from 'react-dom/client';
import { Mishap } from '../parts/mishap.tsx';
import { reloadOnPreloadError } from '../parts/preload-error.ts';
import { element } from '../scripts/door.ts';
import { App } from './app.tsx';
import { registerWorker } from './register-worker.ts';

const root = element('root', HTMLElement);
const { instance = '', viewer = '', role = '', revision = '' } = root.dataset;
createRoot(root).render(
  <Mishap>
    <App instance={instance} viewer={viewer} role={role} revision={revision} />
  </Mishap>,
);
registerWorker();
reloadOnPreloadError();
