/** The gallery: what the server put into the page, and the rest drawn from the catalog. */

import { startTransition } from 'react';
import { createRoot } from 'react-dom/client';
import { Mishap } from '../parts/mishap.tsx';
import { element } from '../scripts/door.ts';
import { App } from './app.tsx';
import { registerWorker } from './register-worker.ts';

const root = element('root', HTMLElement);
const { instance = '', viewer = '', role = '', revision = '' } = root.dataset;
// In slices: a phone goes on to scroll and to be touched meanwhile.
startTransition(() =>
  createRoot(root).render(
    <Mishap>
      <App instance={instance} viewer={viewer} role={role} revision={revision} />
    </Mishap>,
  ),
);
registerWorker();
