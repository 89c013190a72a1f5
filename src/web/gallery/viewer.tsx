/** One item, as large as the window: looked at closer, played, leafed through; and what is known of it. */

import { lazy, type ReactNode, Suspense, useCallback, useEffect, useRef, useState } from 'react';
import { GalleryItemDocument, type GalleryItemQuery } from '../generated/graphql.ts';
import { Icon, type IconName } from '../parts/icons.tsx';
import { ask, Refused } from '../scripts/ask.ts';
import { Details } from './details.tsx';
import { Edit } from './edit.tsx';
import { dayOf, type Tile } from './listing.ts';
import { placeholder } from './placeholder.ts';
import { texts } from './texts.ts';
import { Zoomed, type ZoomHandle } from './zoomed.tsx';

const Pages = lazy(async () => ({ default: (await import('./pages.tsx')).Pages }));

export type WholeItem = Extract<NonNullable<GalleryItemQuery['node']>, { kind: unknown }>;

export interface ViewerProps {
  id: string;
  /** What is known already, so that something is shown at once. */
  tile: Tile | undefined;
  hasPrevious: boolean;
  hasNext: boolean;
  onStep: (by: 1 | -1) => void;
  onClose: () => void;
  onKeys: () => void;
  onTag: (tag: string) => void;
  onAlbum: (id: string) => void;
  onPeer: (id: string) => void;
  /** The item as it was read, so that who holds a list can find its place. */
  onItem: (item: WholeItem) => void;
  /** It was changed; the sentence says who sees it now. */
  onChanged: (item: WholeItem, sentence: string) => void;
  onDelete: (id: string) => void;
}

/** What browsers draw; of anything else the preview is all that can be shown. */
const DRAWN = new Set(['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif']);
/** Px that a finger goes sideways to turn the page. */
const SWIPE = 60;

export function Viewer(props: ViewerProps) {
  const { id, tile, hasPrevious, hasNext, onStep, onClose, onKeys, onItem } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  /** A dialog itself cannot fill the screen. */
  const whole = useRef<HTMLDivElement>(null);
  const zoom = useRef<ZoomHandle>(null);
  const [item, setItem] = useState<WholeItem | null>(null);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [details, setDetails] = useState(false);
  const [full, setFull] = useState(false);
  const [zoomed, setZoomed] = useState(false);
  const [editing, setEditing] = useState(false);

  useEffect(() => {
    const element = dialog.current;
    if (element?.open === false) element.showModal();
    return () => element?.close();
  }, []);
  useEffect(() => {
    const look = () => setFull(document.fullscreenElement !== null);
    document.addEventListener('fullscreenchange', look);
    return () => document.removeEventListener('fullscreenchange', look);
  }, []);

  useEffect(() => {
    const abort = new AbortController();
    setItem(null);
    setRefusal(null);
    setZoomed(false);
    setEditing(false);
    ask(GalleryItemDocument, { id }, abort.signal).then(
      ({ node }) => {
        if (isItem(node)) {
          setItem(node);
          onItem(node);
        } else setRefusal(texts.notFound);
      },
      (error: unknown) => {
        if (!abort.signal.aborted) setRefusal(error instanceof Refused ? error.message : texts.couldNotLoad);
      },
    );
    return () => abort.abort();
  }, [id, onItem]);

  const close = useCallback(() => {
    if (document.fullscreenElement !== null) void document.exitFullscreen();
    onClose();
  }, [onClose]);
  const toggleFull = useCallback(() => {
    if (document.fullscreenElement !== null) void document.exitFullscreen();
    else void whole.current?.requestFullscreen?.();
  }, []);

  const known = item ?? tile;
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const inField =
      event.target instanceof HTMLElement && event.target.closest('input, textarea, select') !== null;
    const inFilm = event.target instanceof HTMLVideoElement;
    if (inField) return;
    const film = dialog.current?.querySelector('video');
    // A button that has the focus keeps its space bar, and a film its arrows, which seek in it.
    const onControl = event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement;
    if ((event.key === ' ' && (onControl || inFilm)) || (inFilm && event.key.startsWith('Arrow'))) return;
    switch (event.key.length === 1 ? event.key.toLowerCase() : event.key) {
      case 'ArrowLeft':
        if (hasPrevious) onStep(-1);
        break;
      case 'ArrowRight':
        if (hasNext) onStep(1);
        break;
      case 'i':
        setEditing(false);
        setDetails((shown) => !shown);
        break;
      case 'f':
        toggleFull();
        break;
      case 'd':
        dialog.current?.querySelector<HTMLElement>('a[download]')?.click();
        break;
      case '+':
      case '=':
        zoom.current?.by(1.5);
        break;
      case '-':
        zoom.current?.by(1 / 1.5);
        break;
      case '0':
        zoom.current?.reset();
        break;
      case '?':
        onKeys();
        break;
      case ' ':
        if (film) void (film.paused ? film.play() : film.pause());
        break;
      default:
        return;
    }
    event.preventDefault();
  };

  const touch = useRef<{ x: number; y: number } | null>(null);
  return (
    <dialog
      className="viewer-frame"
      ref={dialog}
      aria-label={known?.title ?? texts.items}
      onKeyDown={onKeyDown}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <div className={details || editing ? 'viewer with-details' : 'viewer'} ref={whole}>
        <header className="viewer-bar">
          <Tool icon="back" label={texts.back} onClick={close} />
          <div className="viewer-title">
            <p className="title">{known?.title}</p>
            <p className="sub">
              {known === undefined ? null : texts.wholeDay(dayOf(known))}
              {known?.peer ? ` · ${texts.fromPeer(known.peer.name)}` : null}
            </p>
          </div>
          {known?.kind === 'IMAGE' || known?.kind === 'DOCUMENT' ? (
            <>
              <Tool icon="zoomOut" label={texts.zoomOut} onClick={() => zoom.current?.by(1 / 1.5)} wide />
              <Tool icon="zoomIn" label={texts.zoomIn} onClick={() => zoom.current?.by(1.5)} wide />
            </>
          ) : null}
          <Tool
            icon={full ? 'smallScreen' : 'fullScreen'}
            label={full ? texts.leaveFullScreen : texts.fullScreen}
            onClick={toggleFull}
            wide
          />
          {item?.originalUrl && item.availability !== 'UNAVAILABLE' ? (
            <a
              className="tool"
              href={item.originalUrl}
              download={item.filename ?? item.title}
              aria-label={texts.download}
              title={texts.download}
            >
              <Icon name="download" size={22} />
            </a>
          ) : null}
          {item !== null && 'visibility' in item && item.viewerCanUpdate ? (
            <Tool
              icon="edit"
              label={texts.edit}
              pressed={editing}
              onClick={() => {
                setEditing(!editing);
                setDetails(false);
              }}
            />
          ) : null}
          {item?.viewerCanDelete === true && item.peer === null ? (
            <Tool icon="trash" label={texts.delete} onClick={() => props.onDelete(item.id)} />
          ) : null}
          <Tool icon="keys" label={texts.keys} onClick={onKeys} wide />
          <Tool
            icon="info"
            label={texts.details}
            onClick={() => {
              setDetails(!details);
              setEditing(false);
            }}
            pressed={details}
          />
        </header>
        <div
          className="stage"
          onTouchStart={({ touches }) => {
            const first = touches.item(0);
            touch.current = touches.length === 1 ? { x: first.clientX, y: first.clientY } : null;
          }}
          onTouchEnd={({ changedTouches, target }) => {
            const finger = changedTouches.item(0);
            const from = touch.current;
            touch.current = null;
            if (from === null || finger === null || zoomed) return;
            const x = finger.clientX - from.x;
            const y = finger.clientY - from.y;
            // A finger on pages leafs through them.
            const onPages = target instanceof Element && target.closest('.pages') !== null;
            if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) {
              if (x < 0 && hasNext) onStep(1);
              if (x > 0 && hasPrevious) onStep(-1);
            } else if (!onPages && y > 2 * SWIPE && y > 2 * Math.abs(x)) close();
          }}
        >
          {refusal !== null ? (
            <Said icon="warning">{refusal}</Said>
          ) : (
            <Shown key={id} item={item} tile={tile} zoom={zoom} onZoom={setZoomed} />
          )}
          {hasPrevious && !zoomed ? (
            <button
              type="button"
              className="turn previous"
              aria-label={texts.previous}
              onClick={() => onStep(-1)}
            >
              <Icon name="previous" size={28} />
            </button>
          ) : null}
          {hasNext && !zoomed ? (
            <button type="button" className="turn next" aria-label={texts.next} onClick={() => onStep(1)}>
              <Icon name="next" size={28} />
            </button>
          ) : null}
        </div>
        {editing && item !== null && 'visibility' in item ? (
          <aside className="details" aria-label={texts.editTitle}>
            <header>
              <h2>{texts.editTitle}</h2>
            </header>
            <Edit
              key={item.id}
              item={item}
              onCancel={() => setEditing(false)}
              onSaved={(saved, sentence) => {
                setItem(saved);
                setEditing(false);
                setDetails(true);
                props.onChanged(saved, sentence);
              }}
            />
          </aside>
        ) : null}
        {details && item !== null ? (
          <Details
            item={item}
            onClose={() => setDetails(false)}
            onTag={props.onTag}
            onAlbum={props.onAlbum}
            onPeer={props.onPeer}
          />
        ) : null}
      </div>
    </dialog>
  );
}

/** A node of another type has none of the fields that are asked for. */
function isItem(node: GalleryItemQuery['node']): node is WholeItem {
  return node !== null && 'kind' in node;
}

interface ShownProps {
  item: WholeItem | null;
  tile: Tile | undefined;
  zoom: React.RefObject<ZoomHandle | null>;
  onZoom: (zoomed: boolean) => void;
}

function Shown({ item, tile, zoom, onZoom }: ShownProps) {
  const [broken, setBroken] = useState(false);
  /** Pages that cannot be drawn here. */
  const [blank, setBlank] = useState(false);
  const onBlank = useCallback(() => setBlank(true), []);
  const known = item ?? tile;
  if (known === undefined) return <Said>{texts.loading}</Said>;
  const { kind, title, availability, peer, previewUrl, thumbnailUrl, width, height } = known;
  const away = availability === 'UNAVAILABLE' && peer !== null;
  if (broken) {
    return (
      <Said icon="unavailable" behind={thumbnailUrl}>
        {away ? texts.cannotBeHad(peer.name) : texts.couldNotLoad}
      </Said>
    );
  }

  if (kind === 'VIDEO') {
    const film = item?.playableUrl ?? item?.originalUrl;
    if (item !== null && (away || !film)) {
      return (
        <Said icon="unavailable" behind={thumbnailUrl}>
          {away ? texts.cannotBeHad(peer.name) : texts.notShown}
        </Said>
      );
    }
    // The element is there before its address: it takes the place that the film will have.
    return (
      <video
        className="film"
        controls
        playsInline
        preload="metadata"
        aria-label={title}
        {...(film && { src: film })}
        {...(previewUrl !== null && { poster: previewUrl })}
        onError={() => film && setBroken(true)}
      />
    );
  }

  if (kind === 'DOCUMENT') {
    if (item === null) return <Said>{texts.loading}</Said>;
    if (item.originalUrl === null || away) {
      return (
        <Said icon="unavailable" behind={previewUrl ?? thumbnailUrl}>
          {away ? texts.cannotBeHad(peer.name) : texts.notShown}
        </Said>
      );
    }
    if (item.mimeType === 'application/pdf' && !blank) {
      return (
        <Suspense fallback={<Said>{texts.loading}</Said>}>
          <Pages ref={zoom} src={item.originalUrl} title={title} onBroken={onBlank} />
        </Suspense>
      );
    }
    return (
      <div className="cover">
        {previewUrl === null ? <Icon name="document" size={80} /> : <img src={previewUrl} alt={title} />}
        <a className="solid" href={item.originalUrl} target="_blank" rel="noreferrer">
          {texts.openDocument}
        </a>
      </div>
    );
  }

  const original =
    item !== null && item.originalUrl !== null && DRAWN.has(item.mimeType ?? '') ? item.originalUrl : null;
  const first = previewUrl ?? original ?? thumbnailUrl;
  if (first === null) return <Said icon="photos">{texts.notShown}</Said>;
  return (
    <Zoomed
      ref={zoom}
      src={first}
      // The file itself only for whoever looks closer: it may be large, and far away.
      closer={away ? null : original}
      alt={title}
      behind={thumbnailUrl ?? placeholder(known.thumbhash) ?? null}
      width={width}
      height={height}
      onZoom={onZoom}
      onBroken={() => setBroken(true)}
    />
  );
}

function Said({ icon, behind, children }: { icon?: IconName; behind?: string | null; children: ReactNode }) {
  return (
    <div className="said" role="status">
      {behind ? <img src={behind} alt="" /> : null}
      <p>
        {icon === undefined ? null : <Icon name={icon} size={26} />}
        {children}
      </p>
    </div>
  );
}

interface ToolProps {
  icon: IconName;
  label: string;
  onClick: () => void;
  pressed?: boolean;
  /** Left out where the window is narrow. */
  wide?: boolean;
}

export function Tool({ icon, label, onClick, pressed, wide }: ToolProps) {
  return (
    <button
      type="button"
      className={wide ? 'tool wide' : 'tool'}
      aria-label={label}
      title={label}
      {...(pressed !== undefined && { 'aria-pressed': pressed })}
      onClick={onClick}
    >
      <Icon name={icon} size={22} />
    </button>
  );
}
