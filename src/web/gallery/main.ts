/** What the gallery begins with: small, so that the list is on its way while the rest is still being loaded. */

import { reloadOnPreloadError } from '../parts/preload-error.ts';
import { askFirst } from './first-listing.ts';

reloadOnPreloadError();
askFirst(location.search);
void import('./draw.tsx');
