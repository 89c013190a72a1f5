/** The admin pages: what the server put into the page, and the rest asked for by the section that is looked at. */

import { createRoot } from 'react-dom/client';
import { Mishap } from '../parts/mishap.tsx';
import { reloadOnPreloadError } from '../parts/preload-error.ts';
import { element } from '../scripts/door.ts';
import { App } from './app.tsx';

const root = element('root', HTMLElement);
const { instance = '', viewer = '', role = '' } = root.dataset;
createRoot(root).render(
  <Mishap>
    <App instance={instance} viewer={viewer} role={role} />
  </Mishap>,
);
reloadOnPreloadError();
