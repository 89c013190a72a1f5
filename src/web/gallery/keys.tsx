/** The keys, shown for `?`. */

import { Dialog } from '../parts/dialog.tsx';
import { texts } from './texts.ts';

export function Keys({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={texts.keys} onClose={onClose}>
      <dl className="key-list">
        {texts.keyList.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              {key.split(' ').map((one) => (
                <kbd key={one}>{one}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
