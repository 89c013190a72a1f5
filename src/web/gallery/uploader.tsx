/** Giving files to the server: by the picker, by dropping them on the page, by pasting them; and how far each has come. */

import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { Icon } from '../parts/icons.tsx';
import { texts } from './texts.ts';
import type { Uploads } from './uploads.ts';

export function UploadButton({ uploads }: { uploads: Uploads }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className="solid upload" onClick={() => input.current?.click()}>
        <Icon name="upload" />
        <span>{texts.upload}</span>
      </button>
      <input
        ref={input}
        className="unseen"
        type="file"
        multiple
        tabIndex={-1}
        aria-hidden="true"
        accept="image/*,video/*,application/pdf"
        onChange={(event) => {
          uploads.add(event.currentTarget.files ?? []);
          // So that the same file can be chosen again.
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}

export function UploadPanel({ uploads }: { uploads: Uploads }) {
  const list = useSyncExternalStore(uploads.subscribe, () => uploads.list);
  const [over, setOver] = useState(false);

  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true;
    const onDragOver = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onDragLeave = (event: DragEvent) => {
      // Of the window, and not of one of the elements in it.
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      uploads.add(event.dataTransfer?.files ?? []);
    };
    const onPaste = (event: ClipboardEvent) => {
      const files = event.clipboardData?.files;
      if (files === undefined || files.length === 0) return;
      event.preventDefault();
      uploads.add(files);
    };
    const onOnline = () => uploads.wake();
    // Nobody loses half a film by closing a tab without being asked.
    const onLeave = (event: BeforeUnloadEvent) => {
      if (uploads.list.some(({ state }) => state !== 'done' && state !== 'failed')) event.preventDefault();
    };
    window.addEventListener('dragover', onDragOver);
    window.addEventListener('dragleave', onDragLeave);
    window.addEventListener('drop', onDrop);
    window.addEventListener('paste', onPaste);
    window.addEventListener('online', onOnline);
    window.addEventListener('beforeunload', onLeave);
    return () => {
      window.removeEventListener('dragover', onDragOver);
      window.removeEventListener('dragleave', onDragLeave);
      window.removeEventListener('drop', onDrop);
      window.removeEventListener('paste', onPaste);
      window.removeEventListener('online', onOnline);
      window.removeEventListener('beforeunload', onLeave);
    };
  }, [uploads]);

  const done = list.filter(({ state }) => state === 'done').length;
  const failed = list.filter(({ state }) => state === 'failed').length;
  return (
    <>
      {over ? (
        <div className="drop">
          <p>
            <Icon name="upload" size={40} />
            {texts.dropHere}
          </p>
        </div>
      ) : null}
      {list.length === 0 ? null : (
        <section className="panel" aria-label={texts.uploads}>
          <header>
            <p role="status">
              {texts.uploadCount(done, list.length)}
              {failed > 0 ? `, ${texts.uploadFailed(failed)}` : null}
            </p>
            {done + failed === list.length ? (
              <button type="button" className="tool" aria-label={texts.close} onClick={() => uploads.clear()}>
                <Icon name="close" size={18} />
              </button>
            ) : null}
          </header>
          <ul>
            {list.map(({ key, name, size, sent, state, message }) => (
              <li key={key}>
                <p className="file">
                  <span>{name}</span>
                  <span className="quiet">
                    {state === 'running' ? texts.percent(sent, size) : texts.uploadState[state]}
                  </span>
                </p>
                {state === 'done' || state === 'failed' ? null : (
                  <progress aria-label={name} value={size === 0 ? 1 : sent} max={size === 0 ? 1 : size} />
                )}
                {message === null ? null : <p className="message">{message}</p>}
                {state === 'failed' ? (
                  <button
                    type="button"
                    className="link"
                    onClick={() => uploads.retry(key)}
                    aria-label={texts.retryUpload(name)}
                  >
                    {texts.retry}
                  </button>
                ) : null}
                {state === 'done' || state === 'failed' ? null : (
                  <button
                    type="button"
                    className="link"
                    onClick={() => uploads.cancel(key)}
                    aria-label={texts.cancelUpload(name)}
                  >
                    {texts.cancel}
                  </button>
                )}
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
