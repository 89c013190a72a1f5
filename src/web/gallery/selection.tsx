/** What is done to the items that are picked. */

import { useState } from 'react';
import {
  GalleryCreateAlbumDocument,
  GallerySetVisibilityDocument,
  GalleryTagDocument,
  GalleryUpdateAlbumDocument,
  type Visibility,
} from '../generated/graphql.ts';
import { Icon } from '../parts/icons.tsx';
import { ask } from '../scripts/ask.ts';
import type { Places } from './app.tsx';
import { texts } from './texts.ts';

export const VISIBILITIES = [
  'PRIVATE',
  'INSTANCE',
  'PEERS',
  'PUBLIC',
] as const satisfies readonly Visibility[];

export interface SelectionProps {
  ids: readonly string[];
  places: Places | null;
  /** Done: the sentence says what, and the lists are read again. */
  onDone: (sentence: string) => void;
  onTrouble: (sentence: string) => void;
  onDelete: () => void;
  onClear: () => void;
}

export function Selection({ ids, places, onDone, onTrouble, onDelete, onClear }: SelectionProps) {
  const [busy, setBusy] = useState(false);
  /** What the name is for that is being written. */
  const [naming, setNaming] = useState<'album' | 'tags' | null>(null);
  const [name, setName] = useState('');
  const endNaming = () => {
    setNaming(null);
    setName('');
  };
  const albums = (places?.albums.nodes ?? []).filter(({ peer }) => peer === null);

  const act = async (work: () => Promise<string>): Promise<void> => {
    setBusy(true);
    try {
      onDone(await work());
    } catch (error) {
      onTrouble(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  const setVisibility = (visibility: Visibility) =>
    act(async () => {
      const { setVisibility: done } = await ask(GallerySetVisibilityDocument, {
        input: { ids: [...ids], visibility },
      });
      refuse(done.userErrors);
      const shared = new Set(
        done.media.flatMap(({ sharedWith }) => (sharedWith ?? []).map((peer) => peer.name)),
      );
      return texts.nowSeen(
        visibility,
        [...shared],
        done.unsharedFrom.map((peer) => peer.name),
      );
    });
  const addTo = (id: string) =>
    act(async () => {
      const { updateAlbum: done } = await ask(GalleryUpdateAlbumDocument, { input: { id, add: [...ids] } });
      refuse(done.userErrors);
      return texts.addedToAlbum(done.album?.title ?? '');
    });
  const create = () =>
    act(async () => {
      const { createAlbum: done } = await ask(GalleryCreateAlbumDocument, {
        input: { title: name.trim(), mediaIds: [...ids] },
      });
      refuse(done.userErrors);
      endNaming();
      return texts.addedToAlbum(done.album?.title ?? '');
    });
  const tag = () =>
    act(async () => {
      const add = splitTags(name);
      const { tagMedia: done } = await ask(GalleryTagDocument, { input: { ids: [...ids], add } });
      refuse(done.userErrors);
      endNaming();
      return texts.taggedWith(done.media.length, add);
    });
  const fieldName = naming === 'tags' ? texts.tagsToAdd : texts.newAlbumName;

  return (
    <section className="selection" aria-label={texts.selection}>
      <button type="button" className="tool" aria-label={texts.clearSelection} onClick={onClear}>
        <Icon name="close" />
      </button>
      <p role="status">{texts.selected(ids.length)}</p>
      {naming !== null ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (name.trim() !== '') void (naming === 'tags' ? tag() : create());
          }}
        >
          <input
            aria-label={fieldName}
            placeholder={fieldName}
            value={name}
            maxLength={500}
            ref={focusOnce}
            onChange={(event) => setName(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Escape') endNaming();
            }}
          />
          <button type="submit" className="chip set" disabled={busy || name.trim() === ''}>
            {naming === 'tags' ? texts.addTags : texts.create}
          </button>
          <button type="button" className="chip" onClick={endNaming}>
            {texts.cancel}
          </button>
        </form>
      ) : (
        <>
          <span className="chip choice">
            <select
              aria-label={texts.addToAlbum}
              disabled={busy}
              value=""
              onChange={({ target: { value } }) => {
                if (value === 'new') setNaming('album');
                else if (value !== '') void addTo(value);
              }}
            >
              <option value="">{texts.addToAlbum}</option>
              <option value="new">{texts.newAlbum}</option>
              {albums.map(({ id, title }) => (
                <option key={id} value={id}>
                  {title}
                </option>
              ))}
            </select>
          </span>
          <span className="chip choice">
            <select
              aria-label={texts.whoMaySee}
              disabled={busy}
              value=""
              onChange={({ target: { value } }) => {
                const chosen = VISIBILITIES.find((one) => one === value);
                if (chosen !== undefined) void setVisibility(chosen);
              }}
            >
              <option value="">{texts.whoMaySee}</option>
              {VISIBILITIES.map((one) => (
                <option key={one} value={one}>
                  {texts.visibility(one)}
                </option>
              ))}
            </select>
          </span>
          <button type="button" className="chip" disabled={busy} onClick={() => setNaming('tags')}>
            <Icon name="tag" size={17} />
            {texts.addTags}
          </button>
          <button type="button" className="chip danger" disabled={busy} onClick={onDelete}>
            <Icon name="trash" size={17} />
            {texts.delete}
          </button>
        </>
      )}
    </section>
  );
}

/** Tags as they are written: commas between them. */
export function splitTags(text: string): string[] {
  const tags = text.split(',').map((tag) => tag.trim());
  return [...new Set(tags.filter((tag) => tag !== ''))];
}

/** @throws Error with what the caller can put right */
export function refuse(userErrors: readonly { message: string }[]): void {
  if (userErrors.length > 0) throw new Error(userErrors.map(({ message }) => message).join(' '));
}

/** One function, so that React calls it when the field appears and not whenever something changes. */
function focusOnce(field: HTMLInputElement | null): void {
  field?.focus();
}
