/** What is shown, as chips: each says what it leaves, and can be taken away. */

import type { ReactNode } from 'react';
import type { MediaKind } from '../generated/graphql.ts';
import { Icon, type IconName } from '../parts/icons.tsx';
import type { Places } from './app.tsx';
import { isNarrowed, KINDS, type Place, SORTS, type Sort, START } from './place.ts';
import { texts } from './texts.ts';
import type { Go } from './use-place.ts';

export interface FiltersProps {
  place: Place;
  go: Go;
  places: Places | null;
  years: readonly number[];
  tags: readonly { readonly tag: string; readonly count: number }[];
}

export function Filters({ place, go, places, years, tags }: FiltersProps) {
  const { from, kind, album, tag, year, sort } = place;
  const peers = (places?.peers.nodes ?? []).filter(({ id, mediaCount }) => mediaCount > 0 || id === from);
  const albums = places?.albums.nodes ?? [];
  const known = from === null || from === 'mine' || peers.some(({ id }) => id === from);
  const shownYears = year !== null && !years.includes(year) ? [year, ...years] : years;
  return (
    <div className="filters">
      {peers.length === 0 && known ? null : (
        <fieldset>
          <legend className="unseen">{texts.from}</legend>
          <Chip pressed={from === null} onClick={() => go({ from: null })}>
            {texts.everything}
          </Chip>
          <Chip pressed={from === 'mine'} onClick={() => go({ from: 'mine' })}>
            {texts.mine}
          </Chip>
          {peers.map(({ id, name }) => (
            <Chip key={id} pressed={from === id} onClick={() => go({ from: id })} icon="peers">
              {name}
            </Chip>
          ))}
        </fieldset>
      )}
      <fieldset>
        <legend className="unseen">{texts.filters}</legend>
        <Choice
          label={texts.kind}
          value={kind ?? ''}
          set={kind !== null}
          onChoose={(value) => go({ kind: value === '' ? null : (value as MediaKind) })}
          options={[['', texts.anyKind], ...KINDS.map((one): [string, string] => [one, texts.kinds(one)])]}
        />
        {shownYears.length > 1 || year !== null ? (
          <Choice
            label={texts.year}
            value={year === null ? '' : String(year)}
            set={year !== null}
            onChoose={(value) => go({ year: value === '' ? null : Number(value) })}
            options={[
              ['', texts.anyYear],
              ...shownYears.map((one): [string, string] => [String(one), String(one)]),
            ]}
          />
        ) : null}
        {albums.length > 0 ? (
          <Choice
            label={texts.album}
            value={album ?? ''}
            set={album !== null}
            onChoose={(value) => go({ album: value === '' ? null : value })}
            options={[
              ['', texts.anyAlbum],
              ...albums.map((one): [string, string] => [
                one.id,
                texts.albumName(one.title, one.peer?.name ?? null),
              ]),
            ]}
          />
        ) : null}
        {tag === null && tags.length > 0 ? (
          <Choice
            label={texts.tag}
            value=""
            set={false}
            onChoose={(value) => go({ tag: value === '' ? null : value })}
            options={[
              ['', texts.anyTag],
              ...tags.map((one): [string, string] => [one.tag, texts.counted(one.tag, one.count)]),
            ]}
          />
        ) : null}
        {tag === null ? null : (
          <button
            type="button"
            className="chip set"
            aria-label={texts.remove(texts.tagged(tag))}
            onClick={() => go({ tag: null })}
          >
            {texts.tagged(tag)}
            <Icon name="close" size={15} />
          </button>
        )}
        {isNarrowed(place) ? (
          <button type="button" className="link" onClick={() => go({ ...START, sort })}>
            {texts.clearAll}
          </button>
        ) : null}
      </fieldset>
      <fieldset className="order">
        <legend className="unseen">{texts.sort}</legend>
        <Choice
          label={texts.sort}
          value={sort}
          set={false}
          onChoose={(value) => go({ sort: value as Sort })}
          options={SORTS.map((one): [string, string] => [one, texts.sorts(one)])}
        />
      </fieldset>
    </div>
  );
}

interface ChipProps {
  pressed: boolean;
  onClick: () => void;
  icon?: IconName;
  children: ReactNode;
}

function Chip({ pressed, onClick, icon, children }: ChipProps) {
  return (
    <button type="button" className={pressed ? 'chip set' : 'chip'} aria-pressed={pressed} onClick={onClick}>
      {icon === undefined ? null : <Icon name={icon} size={16} />}
      {children}
    </button>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  /** Whether it narrows anything. */
  set: boolean;
  options: readonly (readonly [value: string, name: string])[];
  onChoose: (value: string) => void;
}

/** The browser's own list: the one that phones, keyboards and screen readers know best. */
function Choice({ label, value, set, options, onChoose }: ChoiceProps) {
  return (
    <span className={set ? 'chip choice set' : 'chip choice'}>
      <select aria-label={label} value={value} onChange={(event) => onChoose(event.target.value)}>
        {options.map(([one, name]) => (
          <option key={one} value={one}>
            {name}
          </option>
        ))}
        {options.some(([one]) => one === value) ? null : <option value={value}>{value}</option>}
      </select>
    </span>
  );
}
