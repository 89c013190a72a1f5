/** Changing what is said of an own item, and who may see it. */

import { type FormEvent, useState } from 'react';
import { GalleryUpdateItemDocument } from '../generated/graphql.ts';
import { ask } from '../scripts/ask.ts';
import { refuse, splitTags, VISIBILITIES } from './selection.tsx';
import { texts } from './texts.ts';
import type { WholeItem } from './viewer.tsx';

export interface EditProps {
  item: Extract<WholeItem, { visibility: unknown }>;
  onSaved: (item: WholeItem, sentence: string) => void;
  onCancel: () => void;
}

export function Edit({ item, onSaved, onCancel }: EditProps) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState('');
  const [visibility, setVisibility] = useState(item.visibility);
  const joined = item.tags.join(', ');
  const save = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? '').trim();
    setBusy(true);
    setRefusal('');
    try {
      const { updateMedia } = await ask(GalleryUpdateItemDocument, {
        input: {
          id: item.id,
          title: text('title'),
          description: text('description') || null,
          // A tag with a comma in it stays whole as long as nobody touches the field.
          ...(text('tags') !== joined && { tags: splitTags(text('tags')) }),
          creator: text('creator') || null,
          license: text('license') || null,
          ...(visibility !== item.visibility && { visibility }),
        },
      });
      refuse(updateMedia.userErrors);
      if (updateMedia.media === null) throw new Error(texts.notFound);
      const shared = (updateMedia.media.sharedWith ?? []).map(({ name }) => name);
      const unshared = updateMedia.unsharedFrom.map(({ name }) => name);
      onSaved(updateMedia.media, texts.nowSeen(visibility, shared, unshared));
    } catch (error) {
      setRefusal(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  const withdrawn = visibility === 'PRIVATE' || visibility === 'INSTANCE';
  const shared = (item.sharedWith ?? []).map(({ name }) => name);
  return (
    <form className="edit" aria-label={texts.editTitle} onSubmit={save}>
      <label>
        {texts.fieldTitle}
        <input name="title" defaultValue={item.title} maxLength={500} required />
      </label>
      <label>
        {texts.fieldDescription}
        <textarea name="description" rows={4} defaultValue={item.description ?? ''} maxLength={10_000} />
      </label>
      <label>
        {texts.fieldTags}
        <input name="tags" defaultValue={joined} />
      </label>
      <label>
        {texts.fieldCreator}
        <input name="creator" defaultValue={item.creator ?? ''} maxLength={500} />
      </label>
      <label>
        {texts.fieldLicense}
        <input name="license" defaultValue={item.license ?? ''} maxLength={500} />
      </label>
      <label>
        {texts.fieldVisibility}
        <select
          value={visibility}
          onChange={({ target: { value } }) =>
            setVisibility(VISIBILITIES.find((one) => one === value) ?? item.visibility)
          }
        >
          {VISIBILITIES.map((one) => (
            <option key={one} value={one}>
              {texts.visibility(one)}
            </option>
          ))}
        </select>
      </label>
      {shared.length === 0 ? null : (
        <p className="quiet" role="status">
          {withdrawn ? texts.willRemove(shared) : texts.shownTo(shared)}
        </p>
      )}
      {refusal === '' ? null : (
        <p className="error" role="alert">
          {refusal}
        </p>
      )}
      <p className="buttons">
        <button type="submit" className="solid" disabled={busy}>
          {texts.save}
        </button>
        <button type="button" className="chip" onClick={onCancel}>
          {texts.cancel}
        </button>
      </p>
    </form>
  );
}
