/** What is known of an item, in words. */

import type { ReactNode } from 'react';
import { Icon } from '../parts/icons.tsx';
import { texts } from './texts.ts';
import type { WholeItem } from './viewer.tsx';

export interface DetailsProps {
  item: WholeItem;
  onClose: () => void;
  onTag: (tag: string) => void;
  onAlbum: (id: string) => void;
  onPeer: (id: string) => void;
}

/** Properties of a peer's item are whatever the peer says: so many are shown, and so much of each. */
const PROPERTIES_MAX = 60;
const VALUE_MAX = 400;

export function Details({ item, onClose, onTag, onAlbum, onPeer }: DetailsProps) {
  const { label } = texts;
  const peer = item.peer;
  return (
    <aside className="details" aria-label={texts.details}>
      <header>
        <h2>{texts.details}</h2>
        <button type="button" className="tool" aria-label={texts.close} onClick={onClose}>
          <Icon name="close" size={20} />
        </button>
      </header>
      {item.description === null ? null : <p className="description">{item.description}</p>}
      <dl>
        <Line name={label.origin}>
          {peer === null ? (
            texts.ownItem
          ) : (
            <button type="button" className="link" onClick={() => onPeer(peer.id)}>
              {texts.readOnly(peer.name)}
            </button>
          )}
        </Line>
        <Line name={label.availability}>
          {texts.availability(item.availability)}
          {'storage' in item && item.storage === 'EXTERNAL' ? `, ${texts.external}` : null}
        </Line>
        <Line name={label.taken}>
          {item.takenAt === null ? null : moment(item.takenAt, item.takenAtOffset)}
        </Line>
        <Line name={label.added}>{new Date(item.addedAt).toLocaleString('en')}</Line>
        {'visibility' in item ? (
          <>
            <Line name={label.visibility}>{texts.visibility(item.visibility)}</Line>
            <Line name={label.sharedWith}>
              {item.sharedWith === null
                ? null
                : item.sharedWith.length === 0
                  ? texts.nobody
                  : item.sharedWith.map(({ name }) => name).join(', ')}
            </Line>
            <Line name={label.owner}>{item.owner?.name}</Line>
          </>
        ) : null}
        <Line name={label.file}>
          {item.filename}
          {item.filename !== null && item.mimeType !== null ? <br /> : null}
          {item.mimeType}
        </Line>
        <Line name={label.size}>{extents(item).join(' · ') || null}</Line>
        <Line name={label.tags}>
          {item.tags.length === 0 ? null : (
            <span className="tags">
              {item.tags.map((tag) => (
                <button key={tag} type="button" className="chip small" onClick={() => onTag(tag)}>
                  {tag}
                </button>
              ))}
            </span>
          )}
        </Line>
        <Line name={label.albums}>
          {item.albums.length === 0
            ? null
            : item.albums.map((album) => (
                <button key={album.id} type="button" className="link" onClick={() => onAlbum(album.id)}>
                  {album.title}
                </button>
              ))}
        </Line>
        <Line name={label.creator}>{item.creator}</Line>
        <Line name={label.license}>{item.license}</Line>
        <Line name={label.copies}>
          {item.copies.length === 0
            ? null
            : [...new Set(item.copies.map((copy) => copy.peer?.name ?? texts.here))].join(', ')}
        </Line>
        {properties(item.properties).map(([name, value]) => (
          <Line key={name} name={name}>
            {value}
          </Line>
        ))}
        <Line name={label.digest}>
          {item.digest === null ? null : <code>{item.digest.replace(/^sha-256:/, '')}</code>}
        </Line>
      </dl>
    </aside>
  );
}

/** Nothing where there is nothing to say. */
function Line({ name, children }: { name: string; children: ReactNode }) {
  if (children === null || children === undefined || children === '') return null;
  if (Array.isArray(children) && children.every((child) => child === null)) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function extents(item: WholeItem): string[] {
  const parts: string[] = [];
  if (item.width !== null && item.height !== null) parts.push(texts.pixels(item.width, item.height));
  if (item.durationMs !== null) parts.push(texts.length(item.durationMs));
  if (item.pageCount !== null) parts.push(texts.pages(item.pageCount));
  if (item.byteSize !== null) parts.push(texts.bytes(item.byteSize));
  return parts;
}

function moment(takenAt: string, offset: number | null): string {
  const when = `${texts.wholeDay(takenAt)}, ${texts.time(takenAt)}`;
  return offset === null ? when : `${when} (${texts.offset(offset)})`;
}

/** `fNumber` becomes `F number`; what is nested is written as JSON. */
export function properties(value: unknown): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value)
    .filter(([, one]) => one !== null && one !== '')
    .slice(0, PROPERTIES_MAX)
    .map(([name, one]) => {
      const text =
        typeof one === 'string' ? one : typeof one === 'object' ? JSON.stringify(one) : String(one);
      return [humanName(name), text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX)} …` : text];
    });
}

function humanName(name: string): string {
  const words = name
    .replace(/[_-]+/g, ' ')
    .replace(/([a-z\d])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
