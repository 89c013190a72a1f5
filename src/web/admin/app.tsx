/** The frame of the admin pages: bar, navigation, and the section that is looked at. */

import { Suspense, useCallback, useEffect, useRef, useState } from 'react';
import { AdminGlanceDocument } from '../generated/graphql.ts';
import mark from '../images/mark.svg';
import { Account } from '../parts/account.tsx';
import { Icon } from '../parts/icons.tsx';
import { useLive } from '../parts/use-live.ts';
import { useNow } from '../parts/use-now.ts';
import { usePace } from '../parts/use-pace.ts';
import { useAsked } from './asked.ts';
import { Link } from './link.tsx';
import { needsLook } from './needs-look.ts';
import { hrefOf, usePlace } from './place.ts';
import { SECTIONS } from './sections.ts';
import { texts } from './texts.ts';

export interface AppProps {
  instance: string;
  viewer: string;
  role: string;
}

/** Ms in which a sentence can be read. */
const READ = 10_000;
/** Ms between two looks at what runs, at most. */
const PULSE = 1_000;
const MINUTE = 60_000;

export function App({ instance, viewer, role }: AppProps) {
  const [place, go] = usePlace();
  const now = useNow();
  const [note, tell] = useNote();
  const [pulse, setPulse] = useState(0);
  const glance = useAsked(AdminGlanceDocument, {}, pulse);
  const ill = glance.data?.peers.nodes.filter(needsLook).length ?? 0;
  const main = useRef<HTMLElement>(null);
  const [leaving, setLeaving] = useState(false);
  const pace = usePace(() => setPulse((before) => before + 1), PULSE);
  useLive({ viewer, on: !leaving, onPeers: pace.ask });
  useEffect(() => {
    // What stands before the server may hold its events back.
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') pace.ask();
    }, MINUTE);
    return () => clearInterval(timer);
  }, [pace]);
  const section = SECTIONS.find(({ view }) => view === place.view) ?? SECTIONS[0];
  const name = section?.name ?? '';

  useEffect(() => {
    document.title = `${name} · ${instance}`;
  }, [name, instance]);

  // Another page begins at its top, as it does where pages are documents.
  const where = hrefOf({ view: place.view, peer: place['peer'] ?? '', person: place['person'] ?? '' });
  const before = useRef(where);
  useEffect(() => {
    if (before.current === where) return;
    before.current = where;
    main.current?.scrollTo(0, 0);
    main.current?.focus();
  }, [where]);
  const shown = section?.view;
  // On a phone the sections are more than fit beside each other.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another section is what changes
  useEffect(() => {
    const current = document.querySelector('.sections [aria-current]');
    current?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [shown]);

  // On a phone the sections are a strip of which only a part is seen.
  const sections = useRef<HTMLElement>(null);
  const view = section?.view;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another section is current
  useEffect(() => {
    sections.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [view]);

  const Page = section?.page;
  return (
    <>
      <a className="skip" href="#main">
        {texts.skip}
      </a>
      <header className="bar">
        <a className="brand" href="./" aria-label={texts.toGallery(instance)}>
          <img src={mark} alt="" width="34" height="34" />
          <span>{instance}</span>
        </a>
        <p className="where">{texts.admin}</p>
        <a className="back" href="./">
          <Icon name="photos" />
          <span>{texts.gallery}</span>
        </a>
        <Account viewer={viewer} role={role} onLeaving={setLeaving}>
          <a href="./">{texts.gallery}</a>
          <a href="./graphql">
            {texts.graphiql}
            <small>{texts.graphiqlHint}</small>
          </a>
        </Account>
      </header>
      <div className="frame">
        <nav className="sections" aria-label={texts.sections} ref={sections}>
          <ul>
            {SECTIONS.map(({ view, name: of, icon }) => (
              <li key={view}>
                <Link to={{ view }} go={go} current={view === section?.view}>
                  <Icon name={icon} />
                  <span>{of}</span>
                  {view === 'peers' && ill > 0 ? (
                    <span className="badge" title={texts.needLook(ill)}>
                      <span aria-hidden="true">!</span>
                      <span className="unseen">{texts.needLook(ill)}</span>
                    </span>
                  ) : null}
                </Link>
              </li>
            ))}
            <li className="apart">
              <a href="./graphql" title={texts.graphiqlHint}>
                <Icon name="code" />
                <span>{texts.graphiql}</span>
              </a>
            </li>
          </ul>
        </nav>
        <main id="main" className="scroller" tabIndex={-1} ref={main}>
          <Suspense fallback={<p role="status">{texts.loading}</p>}>
            {Page === undefined ? null : (
              <Page
                key={section?.view}
                place={place}
                go={go}
                now={now}
                viewer={viewer}
                instance={instance}
                pulse={pulse}
                tell={tell}
              />
            )}
          </Suspense>
        </main>
      </div>
      <p className={note === '' ? 'unseen' : 'note'} role="status">
        {note}
      </p>
    </>
  );
}

function useNote(): [string, (sentence: string) => void] {
  const [note, setNote] = useState({ sentence: '' });
  useEffect(() => {
    if (note.sentence === '') return;
    const timer = setTimeout(() => setNote({ sentence: '' }), READ);
    return () => clearTimeout(timer);
  }, [note]);
  return [note.sentence, useCallback((sentence: string) => setNote({ sentence }), [])];
}
