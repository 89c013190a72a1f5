/** The page of the own account. */

import { createRoot } from 'react-dom/client';
import { element } from '../scripts/door.ts';
import { Account } from './account.tsx';

const root = element('root', HTMLElement);
createRoot(root).render(<Account name={root.dataset['viewer'] ?? ''} />);
