/** The gallery: what the server put into the page, and the rest drawn from the catalog. */

import { createRoot } from 'react-dom/client';
import { element } from '../scripts/door.ts';
import { App } from './app.tsx';

const root = element('root', HTMLElement);
const { instance = '', viewer = '', role = '' } = root.dataset;
createRoot(root).render(<App instance={instance} viewer={viewer} role={role} />);
