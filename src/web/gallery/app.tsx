/** The whole: bar, filters, the items or another view, and what opens above them. */

import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import {
  GalleryDeleteDocument,
  GalleryPlacesDocument,
  type GalleryPlacesQuery,
} from '../generated/graphql.ts';
import { Icon } from '../parts/icons.tsx';
import { signInHere } from '../parts/sign-in-here.ts';
import { useLive } from '../parts/use-live.ts';
import { useNow } from '../parts/use-now.ts';
import { usePace } from '../parts/use-pace.ts';
import { ask, askLast, Refused } from '../scripts/ask.ts';
import { stateOf } from '../scripts/words.ts';
import { Bar } from './bar.tsx';
import { Filters } from './filters.tsx';
import { Keys } from './keys.tsx';
import type { Tile } from './listing.ts';
import { askedAt, isNarrowed, writePlace } from './place.ts';
import { refuse, Selection } from './selection.tsx';
import { texts } from './texts.ts';
import { Timeline } from './timeline.tsx';
import { createTransport } from './tus.ts';
import { UploadButton, UploadPanel } from './uploader.tsx';
import { createUploads, type Uploads } from './uploads.ts';
import { useListing } from './use-listing.ts';
import { depthHere, usePlace } from './use-place.ts';

const Viewer = lazy(async () => ({ default: (await import('./viewer.tsx')).Viewer }));
const Albums = lazy(async () => ({ default: (await import('./albums.tsx')).Albums }));
const Peers = lazy(async () => ({ default: (await import('./peers.tsx')).Peers }));

export interface AppProps {
  instance: string;
  /** Name of who is signed in; empty for anonymous readers. */
  viewer: string;
  role: string;
  /** Of the catalog when the page was served; empty where the server does not say. */
  revision: string;
}

export type Places = GalleryPlacesQuery;

const NONE: ReadonlySet<string> = new Set();
/** Ms in which a deletion can be taken back, and in which a sentence can be read. */
const UNDO = 10_000;
/** Ms after an upload until the list is read anew: many come together. */
const GATHER = 800;
const MINUTE = 60_000;
/** Items that one operation takes. */
const PICKED_MAX = 500;

export function App({ instance, viewer, role, revision }: AppProps) {
  const [place, go] = usePlace();
  const places = usePlaces();
  const asked = useMemo(() => askedAt(place), [place]);
  const { listing, busy, trouble, refresh } = useListing(asked);
  const [keys, setKeys] = useState(false);
  const now = useNow();

  const refused = trouble ?? places.trouble;
  useEffect(() => {
    if (refused instanceof Refused && refused.code === 'UNAUTHENTICATED') {
      location.replace(signInHere());
    }
  }, [refused]);

  const album = places.data?.albums.nodes.find(({ id }) => id === place.album);
  const peer = places.data?.peers.nodes.find(({ id }) => id === place.from);
  const heading =
    place.view === 'albums'
      ? texts.albums
      : place.view === 'peers'
        ? texts.peers
        : (album?.title ?? peer?.name ?? texts.items);
  useEffect(() => {
    document.title = heading === texts.items ? instance : `${heading} · ${instance}`;
  }, [heading, instance]);

  // The viewer's place in the list, found again after a reload.
  const [standing, setStanding] = useState<number | null>(null);
  const open = place.item;
  useEffect(() => {
    setStanding(open === null ? null : (listing?.indexOf(open) ?? null));
  }, [open, listing]);
  const onItem = useCallback(
    (item: Pick<Tile, 'id' | 'takenAt' | 'addedAt'>) => {
      void listing?.locate(item).then(
        (index) => setStanding(index ?? null),
        // Without its neighbours it can still be looked at.
        () => setStanding(null),
      );
    },
    [listing],
  );

  const openAt = useCallback(
    (index: number) => {
      const item = listing?.item(index);
      if (item !== undefined) go({ item: item.id });
    },
    [listing, go],
  );
  const closeViewer = useCallback(() => {
    // One step back where the viewer was opened from the list, so that the way back does not open it again.
    if (depthHere() > 0) history.back();
    else go({ item: null }, 'replace');
  }, [go]);
  const step = useCallback(
    (by: 1 | -1) => {
      if (listing === null || standing === null) return;
      const index = standing + by;
      void listing.load(index, index + 1).then(
        () => {
          const item = listing.item(index);
          if (item !== undefined) go({ item: item.id }, 'replace');
        },
        () => listing.want(index, index + 1),
      );
    },
    [listing, standing, go],
  );

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof HTMLElement &&
        event.target.closest('input, select, textarea, dialog') !== null;
      if (typing || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === '/') {
        event.preventDefault();
        document.querySelector<HTMLInputElement>('#search')?.focus();
      } else if (event.key === '?') setKeys(true);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);

  const hrefOf = useCallback((id: string) => writePlace({ ...place, item: id }), [place]);
  const mayWrite = role === 'admin' || role === 'editor';
  const refreshPlaces = places.refresh;
  const renew = useCallback(() => {
    refresh();
    refreshPlaces();
  }, [refresh, refreshPlaces]);
  const [note, setNote] = useNote();
  const [leaving, setLeaving] = useState(false);
  const pace = usePace(refreshPlaces);
  useLive({
    viewer,
    // The list comes first, and what changed meanwhile is told then.
    on: !leaving && (listing !== null || trouble !== null),
    since: revision === '' ? null : revision,
    onChange: renew,
    onPeers: (of) => {
      // What runs for a peer shows in the catalog, and in the peer when it has ended.
      if (of === 'peer') pace.ask();
    },
  });
  const uploads = useUploads(renew);
  const { leaving: removed, remove, undo } = useRemoval(renew, setNote);

  // Items came or went, or a peer is away or back: what is shown of them is read anew.
  const pulse = useRef<string | null>(null);
  const beat = places.data === null ? null : beatOf(places.data);
  useEffect(() => {
    const before = pulse.current;
    pulse.current = beat;
    if (before !== null && beat !== before) refresh();
  }, [beat, refresh]);

  const [picked, setPicked] = useState<ReadonlySet<string>>(NONE);
  const lastPicked = useRef<number | null>(null);
  const pick = useCallback(
    (index: number, range: boolean) => {
      if (listing === null) return;
      const from = range && lastPicked.current !== null ? lastPicked.current : index;
      lastPicked.current = index;
      setPicked((before) => {
        const after = new Set(before);
        const clicked = listing.item(index);
        const add = range || clicked === undefined || !before.has(clicked.id);
        for (let at = Math.min(from, index); at <= Math.max(from, index); at++) {
          const item = listing.item(at);
          if (item?.viewerCanUpdate !== true) continue;
          if (add && after.size < PICKED_MAX) after.add(item.id);
          else if (!add) after.delete(item.id);
        }
        return after;
      });
    },
    [listing],
  );
  // What is picked is picked of what is shown.
  const shownKey = JSON.stringify(asked);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is what changes
  useEffect(() => setPicked(NONE), [shownKey]);
  const anyPicked = picked.size > 0;
  useEffect(() => {
    if (!anyPicked) return;
    const onKey = (event: KeyboardEvent) => {
      const elsewhere =
        event.target instanceof HTMLElement &&
        event.target.closest('input, select, dialog, [popover]') !== null;
      if (event.key === 'Escape' && !elsewhere) setPicked(NONE);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [anyPicked]);
  const narrowed = isNarrowed(place);
  const total = listing?.total ?? 0;
  const stale = listing?.sources.filter((source) => source.stale) ?? [];
  const years = useYears(place.year === null && place.view === 'items' ? listing : null);

  const status =
    listing === null
      ? texts.loading
      : narrowed
        ? texts.found(total)
        : places.data === null
          ? texts.found(total)
          : texts.summary(places.data.instance.mediaCount, places.data.all.totalCount);

  return (
    <>
      <a className="skip" href="#items">
        {texts.skip}
      </a>
      <Bar
        instance={instance}
        viewer={viewer}
        role={role}
        place={place}
        go={go}
        onKeys={() => setKeys(true)}
        onLeaving={setLeaving}
        ill={places.data?.peers.nodes.filter((one) => stateOf(one).mood === 'ill').length ?? 0}
      >
        {mayWrite ? <UploadButton uploads={uploads} /> : null}
      </Bar>
      {place.view === 'items' && listing !== null ? (
        <Timeline
          listing={listing}
          hrefOf={hrefOf}
          onOpen={openAt}
          picked={picked}
          leaving={removed}
          onPick={pick}
          standing={standing}
        >
          <div className={busy ? 'intro busy' : 'intro'} aria-busy={busy}>
            <h1 className={heading === texts.items ? 'unseen' : ''}>
              {heading === texts.items ? instance : heading}
            </h1>
            {peer === undefined ? null : (
              <p className={`peer-state ${stateOf(peer).mood}`}>{stateOf(peer).words}</p>
            )}
            <Filters place={place} go={go} places={places.data} years={years} tags={listing.tags} />
            <p className="status" role="status">
              {status}
            </p>
            {stale.map(({ peer: of, reason, lastSuccessAt }) => (
              <p key={of?.id ?? ''} className="stale">
                <Icon name="warning" size={16} />
                {texts.stale(of?.name ?? instance, reason, lastSuccessAt, now)}
              </p>
            ))}
            {refused === null ? null : (
              <p className="error" role="alert">
                {refused.message}{' '}
                <button
                  type="button"
                  className="link"
                  onClick={() => {
                    if (listing.trouble !== null) listing.retry();
                    else refresh();
                    places.refresh();
                  }}
                >
                  {texts.retry}
                </button>
              </p>
            )}
            {total > 0 || busy ? null : <Nothing narrowed={narrowed} mayWrite={mayWrite} />}
          </div>
        </Timeline>
      ) : (
        <main
          className="scroller plain"
          id="items"
          tabIndex={-1}
          aria-busy={listing === null && refused === null}
        >
          <h1 className={place.view === 'items' ? 'unseen' : ''}>
            {place.view === 'items' ? instance : heading}
          </h1>
          {refused === null ? null : (
            <p className="error" role="alert">
              {refused.message}{' '}
              <button
                type="button"
                className="link"
                onClick={() => {
                  refresh();
                  places.refresh();
                }}
              >
                {texts.retry}
              </button>
            </p>
          )}
          <Suspense>
            {place.view === 'albums' ? <Albums places={places.data} go={go} /> : null}
            {place.view === 'peers' ? (
              <Peers places={places.data} go={go} now={now} admin={role === 'admin'} />
            ) : null}
          </Suspense>
        </main>
      )}
      {open === null ? null : (
        <Suspense>
          <Viewer
            id={open}
            tile={standing === null ? undefined : matching(listing?.item(standing), open)}
            hasPrevious={standing !== null && standing > 0}
            hasNext={standing !== null && standing < total - 1}
            onStep={step}
            onClose={closeViewer}
            onKeys={() => setKeys(true)}
            onItem={onItem}
            onTag={(tag) => go({ tag, item: null, view: 'items' })}
            onAlbum={(id) => go({ album: id, item: null, view: 'items' })}
            onPeer={(id) => go({ from: id, item: null, view: 'items' })}
            onChanged={(item, sentence) => {
              listing?.patch(item.id, { title: item.title });
              setNote({ sentence });
              renew();
            }}
            onDelete={(id) => {
              closeViewer();
              remove([id]);
            }}
          />
        </Suspense>
      )}
      {picked.size > 0 ? (
        <Selection
          ids={[...picked]}
          places={places.data}
          onClear={() => setPicked(NONE)}
          onDone={(sentence) => {
            setPicked(NONE);
            setNote({ sentence });
            renew();
          }}
          onTrouble={(sentence) => setNote({ sentence, bad: true })}
          onDelete={() => {
            remove([...picked]);
            setPicked(NONE);
          }}
        />
      ) : null}
      {mayWrite ? <UploadPanel uploads={uploads} /> : null}
      <p className={note === null ? 'unseen' : note.bad ? 'note bad' : 'note'} role="status">
        {note?.sentence}
        {removed.size > 0 ? (
          <button type="button" className="link" onClick={undo}>
            {texts.undo}
          </button>
        ) : null}
      </p>
      {keys ? <Keys onClose={() => setKeys(false)} /> : null}
    </>
  );
}

function beatOf({ all, peers }: Places): string {
  return JSON.stringify([
    all.totalCount,
    peers.nodes.map(({ id, health, mediaCount }) => [id, health, mediaCount]),
  ]);
}

interface Note {
  sentence: string;
  bad?: boolean;
}

/** A sentence that is shown for a while. */
function useNote(): [Note | null, (note: Note | null) => void] {
  const [note, setNote] = useState<Note | null>(null);
  useEffect(() => {
    if (note === null) return;
    const timer = setTimeout(() => setNote(null), UNDO);
    return () => clearTimeout(timer);
  }, [note]);
  return [note, setNote];
}

function useUploads(onDone: () => void): Uploads {
  const done = useRef(onDone);
  useEffect(() => {
    done.current = onDone;
  });
  const [uploads] = useState(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    return createUploads({
      transport: createTransport(),
      memory: localStorage,
      onDone: () => {
        clearTimeout(timer);
        timer = setTimeout(() => done.current(), GATHER);
      },
    });
  });
  return uploads;
}

interface Removal {
  /** Ids of what goes once the time to take it back is over. */
  leaving: ReadonlySet<string>;
  remove: (ids: readonly string[]) => void;
  undo: () => void;
}

/** Nothing is deleted before the time to take it back is over, or the page is left. */
function useRemoval(renew: () => void, setNote: (note: Note | null) => void): Removal {
  const [leaving, setLeaving] = useState<ReadonlySet<string>>(NONE);
  const waiting = useRef<{ ids: string[]; timer: ReturnType<typeof setTimeout> } | null>(null);
  const commit = useCallback(async () => {
    const batch = waiting.current;
    if (batch === null) return;
    waiting.current = null;
    clearTimeout(batch.timer);
    try {
      const { deleteMedia } = await ask(GalleryDeleteDocument, { input: { ids: batch.ids } });
      refuse(deleteMedia.userErrors);
      setNote({ sentence: texts.deleted(deleteMedia.deletedMediaIds.length) });
      renew();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      setNote({ sentence: `${texts.notDeleted} ${why}`, bad: true });
    }
    setLeaving((before) => new Set([...before].filter((id) => !batch.ids.includes(id))));
  }, [renew, setNote]);
  const commitNow = useRef(commit);
  useEffect(() => {
    commitNow.current = commit;
  });
  useEffect(() => {
    const onLeave = () => {
      const batch = waiting.current;
      waiting.current = null;
      if (batch === null) return;
      clearTimeout(batch.timer);
      askLast(GalleryDeleteDocument, { input: { ids: batch.ids } });
      // A page that the way back shows again has nothing to take back any more.
      setLeaving(NONE);
    };
    window.addEventListener('pagehide', onLeave);
    return () => window.removeEventListener('pagehide', onLeave);
  }, []);
  return {
    leaving,
    remove: (ids) => {
      // Of two batches the first can be taken back no longer.
      void commit();
      waiting.current = { ids: [...ids], timer: setTimeout(() => void commitNow.current(), UNDO) };
      setLeaving(new Set(ids));
      setNote({ sentence: texts.deleting(ids.length) });
    },
    undo: () => {
      const batch = waiting.current;
      if (batch === null) return;
      waiting.current = null;
      clearTimeout(batch.timer);
      setLeaving(NONE);
      setNote({ sentence: texts.notDeleted });
    },
  };
}

function Nothing({ narrowed, mayWrite }: { narrowed: boolean; mayWrite: boolean }) {
  return (
    <div className="nothing">
      <p className="title">{narrowed ? texts.nothingMatches : texts.nothing}</p>
      {narrowed ? <p>{texts.nothingMatchesHint}</p> : null}
      {!narrowed && mayWrite ? (
        <>
          <p>{texts.nothingHint}</p>
          <p>
            <code>npx hedgerow import ~/Pictures --visibility peers</code>
          </p>
        </>
      ) : null}
    </div>
  );
}

function matching(item: Tile | undefined, id: string): Tile | undefined {
  return item?.id === id ? item : undefined;
}

interface PlacesState {
  data: Places | null;
  trouble: Error | null;
  refresh: () => void;
}

/** Peers, albums and counts. Read again each minute too: what stands before the server may hold its events back. */
function usePlaces(): PlacesState {
  const [data, setData] = useState<Places | null>(null);
  const [trouble, setTrouble] = useState<Error | null>(null);
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` asks for the same once more
  useEffect(() => {
    const abort = new AbortController();
    ask(GalleryPlacesDocument, {}, abort.signal).then(
      (answer) => {
        setData(answer);
        setTrouble(null);
      },
      (error: unknown) => {
        if (!abort.signal.aborted) setTrouble(error instanceof Error ? error : new Error(String(error)));
      },
    );
    return () => abort.abort();
  }, [round]);
  const refresh = useCallback(() => setRound((before) => before + 1), []);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') refresh();
    }, MINUTE);
    return () => clearInterval(timer);
  }, [refresh]);
  return { data, trouble, refresh };
}

/** The years that there are to choose from: as they last were where no year was chosen. */
function useYears(listing: ReturnType<typeof useListing>['listing']): readonly number[] {
  const kept = useRef<number[]>([]);
  return useMemo(() => {
    if (listing !== null && listing.asked.orderBy.field === 'TAKEN_AT') {
      const years = listing.sections.flatMap(({ month }) =>
        month === null ? [] : [Number(month.slice(0, 4))],
      );
      kept.current = [...new Set(years)].sort((a, b) => b - a);
    }
    return kept.current;
  }, [listing]);
}
