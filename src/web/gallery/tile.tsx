/** One item in a list of many. */

import { memo, useEffect, useState } from 'react';
import { Icon, type IconName } from '../parts/icons.tsx';
import { dayOf, type Tile as Item } from './listing.ts';
import { colourOf, drawnBefore, drawSoon } from './placeholder.ts';
import { texts } from './texts.ts';

const AVAILABILITY: Record<Item['availability'], IconName | null> = {
  LOCAL: null,
  CACHED: 'cached',
  PARTIAL: 'partial',
  ON_DEMAND: 'onDemand',
  UNAVAILABLE: 'unavailable',
};

export interface TileProps {
  item: Item | undefined;
  index: number;
  x: number;
  y: number;
  width: number;
  height: number;
  href: string;
  /** The one that Tab reaches. */
  reachable: boolean;
  picked: boolean;
  /** Some are picked, so that a click picks too. */
  picking: boolean;
  leaving: boolean;
  onPick: (index: number, range: boolean) => void;
  onOpen: (index: number) => void;
  onReach: (index: number) => void;
}

/** Ms until a picture that could not be had is asked for again, and how often: a server that is busy has it later. */
const AGAIN = 4_000;
const TRIES = 3;

export const Tile = memo(function Tile(props: TileProps) {
  const { item, index, x, y, width, height, href, reachable, picked, picking, leaving } = props;
  const [failed, setFailed] = useState(0);
  const [broken, setBroken] = useState(false);
  useEffect(() => {
    if (!broken || failed >= TRIES) return;
    const timer = setTimeout(() => setBroken(false), AGAIN * failed);
    return () => clearTimeout(timer);
  }, [broken, failed]);
  const [loaded, setLoaded] = useState(false);
  const place = { transform: `translate(${x}px, ${y}px)`, width, height };
  if (item === undefined) return <div className="tile empty" style={place} />;

  const { kind, title, peer, availability, thumbnailUrl } = item;
  const away = availability === 'UNAVAILABLE';
  const state = peer === null ? null : texts.availability(availability);
  const extent = extentOf(item);
  const icon = AVAILABILITY[availability];
  const selectable = item.viewerCanUpdate;
  return (
    <div
      className={`tile${away ? ' away' : ''}${picked ? ' picked' : ''}${leaving ? ' leaving' : ''}${picking && !selectable ? ' fixed' : ''}`}
      style={place}
    >
      <a
        href={href}
        className="open"
        data-index={index}
        tabIndex={reachable ? 0 : -1}
        title={title}
        aria-label={texts.tile(kind, title, [
          texts.wholeDay(dayOf(item)),
          extent,
          peer === null ? null : texts.fromPeer(peer.name),
          state,
        ])}
        draggable={false}
        onFocus={() => props.onReach(index)}
        onClick={(event) => {
          // The browser's own ways to open a link elsewhere stay.
          if (event.metaKey || event.ctrlKey || event.button !== 0) return;
          event.preventDefault();
          if (picking || event.shiftKey) {
            if (selectable) props.onPick(index, event.shiftKey);
          } else props.onOpen(index);
        }}
      >
        {loaded || item.thumbhash === null ? null : <Placeholder thumbhash={item.thumbhash} />}
        {thumbnailUrl === null || broken ? (
          <span className="nameless">
            <Icon name={kind === 'DOCUMENT' ? 'document' : kind === 'VIDEO' ? 'play' : 'photos'} size={26} />
            <span>{title}</span>
          </span>
        ) : (
          <img
            src={thumbnailUrl}
            alt=""
            decoding="async"
            draggable={false}
            className={loaded ? 'there' : ''}
            onLoad={() => setLoaded(true)}
            onError={() => {
              setFailed(failed + 1);
              setBroken(true);
            }}
          />
        )}
        {extent === null ? null : (
          <span className="extent">
            <Icon name={kind === 'VIDEO' ? 'play' : 'document'} size={13} />
            {extent}
          </span>
        )}
        {peer === null ? null : (
          <span className="from">
            {icon === null ? null : <Icon name={icon} size={14} />}
            <span className="name">{peer.name}</span>
            <span className={away ? 'state shown' : 'state'}>{state}</span>
          </span>
        )}
      </a>
      {selectable ? (
        // biome-ignore lint/a11y/useSemanticElements: an input cannot hold the drawing, and is not reached by Tab here
        <button
          type="button"
          className="pick"
          role="checkbox"
          aria-checked={picked}
          aria-label={texts.select(title)}
          tabIndex={-1}
          onClick={(event) => props.onPick(index, event.shiftKey)}
        >
          <Icon name="check" size={15} />
        </button>
      ) : null}
    </div>
  );
});

function Placeholder({ thumbhash }: { thumbhash: string }) {
  const [url, setUrl] = useState(() => drawnBefore(thumbhash));
  const wanted = url === undefined;
  useEffect(() => (wanted ? drawSoon(thumbhash, setUrl) : undefined), [wanted, thumbhash]);
  return (
    <span
      className="hash"
      style={
        url === undefined ? { backgroundColor: colourOf(thumbhash) } : { backgroundImage: `url("${url}")` }
      }
    />
  );
}

/** How long it plays, or how many pages it has. */
export function extentOf({
  kind,
  durationMs,
  pageCount,
}: Pick<Item, 'kind' | 'durationMs' | 'pageCount'>): string | null {
  if (kind === 'VIDEO') return durationMs === null ? texts.kindOf(kind) : texts.length(durationMs);
  if (kind === 'DOCUMENT') return pageCount === null ? texts.kindOf(kind) : texts.pages(pageCount);
  return null;
}
