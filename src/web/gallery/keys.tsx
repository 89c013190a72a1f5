/** The keys, shown for `?`. */

import { useEffect, useRef } from 'react';
import { Icon } from './icons.tsx';
import { texts } from './texts.ts';

export function Keys({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element?.open === false) element.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog className="sheet-dialog" ref={dialog} aria-labelledby="keys-title" onClose={onClose}>
      <header>
        <h2 id="keys-title">{texts.keys}</h2>
        <button
          type="button"
          className="tool"
          aria-label={texts.close}
          onClick={() => dialog.current?.close()}
        >
          <Icon name="close" />
        </button>
      </header>
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
    </dialog>
  );
}
