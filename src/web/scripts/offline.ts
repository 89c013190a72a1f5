/** The page that stands in for the gallery while the server cannot be reached: it leads back where it was asked for. */

import { element } from './door.ts';

element('retry', HTMLButtonElement).addEventListener('click', () => location.reload());
window.addEventListener('online', () => location.reload());
