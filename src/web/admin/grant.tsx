/** What a peer may see: a form for a grant, and how many items it opens. */

import { useState } from 'react';
import {
  AdminGrantChoicesDocument,
  AdminGrantCountDocument,
  type GrantFieldsFragment,
  type GrantInput,
  type MediaFilter,
} from '../generated/graphql.ts';
import { useAsked } from './asked.ts';
import { Choices, Field } from './parts.tsx';
import { texts } from './texts.ts';

const KINDS = ['IMAGE', 'VIDEO', 'DOCUMENT'] as const;
const ACCESS = ['ORIGINALS', 'PREVIEWS', 'METADATA'] as const;

export interface GrantFormProps {
  value: GrantInput;
  onChange: (value: GrantInput) => void;
  error: Error | null;
}

/** Everything that is shared, whole. */
export const WHOLE: GrantInput = {
  kinds: null,
  tags: null,
  albumIds: null,
  access: 'ORIGINALS',
  until: null,
};

/** In a few words, for what is folded away. */
export function inShort({ kinds, tags, albumIds, access, until }: GrantInput): string {
  const whole = [kinds, tags, albumIds, until].every((part) => part == null) && access === 'ORIGINALS';
  return whole ? texts.grant.whole : texts.grant.narrowed;
}

export function grantInputOf({ kinds, tags, albums, access, until }: GrantFieldsFragment): GrantInput {
  return { kinds, tags, albumIds: albums?.map(({ id }) => id) ?? null, access, until };
}

export function GrantForm({ value, onChange, error }: GrantFormProps) {
  const [narrowed, setNarrowed] = useState(
    () => value.kinds != null || value.tags != null || value.albumIds != null,
  );
  const [tags, setTags] = useState(() => value.tags?.join(', ') ?? '');
  const [until, setUntil] = useState(() => localTime(value.until ?? null));
  const choices = useAsked(AdminGrantChoicesDocument, {});
  const change = (part: Partial<GrantInput>) => onChange({ ...value, ...part });
  const albums = choices.data?.albums.nodes;
  return (
    <div className="form">
      <Choices
        label={texts.grant.what}
        value={narrowed ? 'some' : 'all'}
        options={[
          { value: 'all', name: texts.grant.all, hint: texts.grant.allHint },
          { value: 'some', name: texts.grant.some },
        ]}
        onChange={(choice) => {
          setNarrowed(choice === 'some');
          if (choice === 'all') {
            setTags('');
            change({ kinds: null, tags: null, albumIds: null });
          }
        }}
      />
      {narrowed ? (
        <div className="narrowed">
          <fieldset className="choices across">
            <legend>{texts.grant.kinds}</legend>
            {KINDS.map((kind) => (
              <label key={kind}>
                <input
                  type="checkbox"
                  checked={value.kinds?.includes(kind) ?? false}
                  onChange={() => change({ kinds: toggled(value.kinds ?? [], kind) })}
                />
                <span>{texts.grant.kind(kind)}</span>
              </label>
            ))}
          </fieldset>
          <Field label={texts.grant.tags} hint={texts.grant.tagsHint} name="tags" error={error}>
            {(control) => (
              <>
                <input
                  {...control}
                  autoComplete="off"
                  value={tags}
                  onChange={({ target }) => {
                    setTags(target.value);
                    change({ tags: target.value.trim() === '' ? null : splitTags(target.value) });
                  }}
                />
                <Suggested
                  tags={choices.data?.media.facets.tags.map(({ tag }) => tag) ?? []}
                  chosen={value.tags ?? []}
                  onPick={(tag) => {
                    const all = [...(value.tags ?? []), tag];
                    setTags(all.join(', '));
                    change({ tags: all });
                  }}
                />
              </>
            )}
          </Field>
          <fieldset className="choices">
            <legend>{texts.grant.albums}</legend>
            {albums?.length === 0 ? <p className="hint">{texts.grant.noAlbums}</p> : null}
            {albums?.map(({ id, title, mediaCount }) => (
              <label key={id}>
                <input
                  type="checkbox"
                  checked={value.albumIds?.includes(id) ?? false}
                  onChange={() => change({ albumIds: toggled(value.albumIds ?? [], id) })}
                />
                <span>{texts.grant.album(title, mediaCount)}</span>
              </label>
            ))}
          </fieldset>
        </div>
      ) : null}
      <Choices
        label={texts.grant.access}
        value={value.access ?? 'ORIGINALS'}
        options={ACCESS.map((access) => ({ value: access, ...texts.grant.accessOf(access) }))}
        onChange={(access) => change({ access })}
      />
      <Field label={texts.grant.until} hint={texts.grant.untilHint} name="until" error={error}>
        {(control) => (
          <input
            {...control}
            type="datetime-local"
            value={until}
            onChange={({ target }) => {
              setUntil(target.value);
              const at = new Date(target.value);
              change({ until: Number.isNaN(at.getTime()) ? null : at.toISOString() });
            }}
          />
        )}
      </Field>
      <Opens value={value} />
    </div>
  );
}

/** How many items it opens as of now, before anything is saved. */
function Opens({ value }: { value: GrantInput }) {
  const { data } = useAsked(AdminGrantCountDocument, { filter: filterOf(value) });
  return (
    <p className="hint" role="status">
      {data === null ? '' : `${texts.grant.opens(data.media.totalCount)} `}
      {texts.grant.note}
    </p>
  );
}

function filterOf({ kinds, tags, albumIds }: GrantInput): MediaFilter {
  return {
    visibilities: ['PEERS', 'PUBLIC'],
    ...(kinds != null && { kinds }),
    ...(tags != null && { tags: { any: tags } }),
    ...(albumIds != null && { albumIds }),
  };
}

function Suggested({
  tags,
  chosen,
  onPick,
}: {
  tags: readonly string[];
  chosen: readonly string[];
  onPick: (tag: string) => void;
}) {
  const left = tags.filter((tag) => !chosen.includes(tag)).slice(0, 12);
  if (left.length === 0) return null;
  return (
    <span className="suggested">
      {left.map((tag) => (
        <button key={tag} type="button" className="chip small" onClick={() => onPick(tag)}>
          {tag}
        </button>
      ))}
    </span>
  );
}

/** Nothing chosen is no narrowing, and not nothing. */
function toggled<Value>(list: readonly Value[], value: Value): Value[] | null {
  const after = list.includes(value) ? list.filter((one) => one !== value) : [...list, value];
  return after.length === 0 ? null : after;
}

function splitTags(text: string): string[] {
  return [...new Set(text.split(',').map((tag) => tag.trim()))].filter((tag) => tag !== '');
}

/** An instant as the clock of this browser shows it, in the form of its own field. */
function localTime(at: string | null): string {
  if (at === null) return '';
  const date = new Date(at);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}
