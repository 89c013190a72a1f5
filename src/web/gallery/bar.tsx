/** The bar above everything: whose gallery it is, the search, the views, who is signed in. */

import { type ReactNode, useEffect, useRef, useState } from 'react';
import mark from '../images/mark.svg';
import { ACCOUNT, Account } from '../parts/account.tsx';
import { Icon, type IconName } from '../parts/icons.tsx';
import { type Place, START, writePlace } from './place.ts';
import { texts } from './texts.ts';
import type { Go } from './use-place.ts';

export interface BarProps {
  instance: string;
  viewer: string;
  role: string;
  place: Place;
  go: Go;
  onKeys: () => void;
  /** Somebody signs out; or could not. */
  onLeaving: (leaving: boolean) => void;
  /** Peers with which something is wrong. */
  ill: number;
  /** Beside the account. */
  children: ReactNode;
}

const VIEWS: { view: Place['view']; icon: IconName; name: string }[] = [
  { view: 'items', icon: 'photos', name: texts.items },
  { view: 'albums', icon: 'albums', name: texts.albums },
  { view: 'peers', icon: 'peers', name: texts.peers },
];

export function Bar({ instance, viewer, role, place, go, onKeys, onLeaving, ill, children }: BarProps) {
  return (
    <header className="bar">
      <Link className="brand" to={START} go={go} label={instance}>
        <img src={mark} alt="" width="34" height="34" />
        <span>{instance}</span>
      </Link>
      <Search place={place} go={go} />
      <nav className="views" aria-label={texts.views}>
        {VIEWS.map(({ view, icon, name }) => (
          <Link key={view} to={{ ...START, view }} go={go} {...(place.view === view && { current: true })}>
            <Icon name={icon} />
            <span>{name}</span>
            {view === 'peers' && ill > 0 ? (
              <span className="badge" title={texts.peersIll(ill)}>
                <span aria-hidden="true">!</span>
                <span className="unseen">{texts.peersIll(ill)}</span>
              </span>
            ) : null}
          </Link>
        ))}
      </nav>
      {children}
      <Account viewer={viewer} role={role} onLeaving={onLeaving}>
        {role === 'admin' ? (
          <a href="./admin">
            {texts.admin}
            <small>{texts.adminHint}</small>
          </a>
        ) : null}
        <a href="./graphql">
          {texts.graphiql}
          <small>{texts.graphiqlHint}</small>
        </a>
        <button type="button" popoverTarget={ACCOUNT} popoverTargetAction="hide" onClick={onKeys}>
          {texts.keys}
        </button>
      </Account>
    </header>
  );
}

interface LinkProps {
  to: Place;
  go: Go;
  className?: string;
  current?: boolean;
  label?: string;
  children: ReactNode;
}

function Link({ to, go, className, current, label, children }: LinkProps) {
  return (
    <a
      href={writePlace(to)}
      {...(className !== undefined && { className })}
      {...(label !== undefined && { 'aria-label': label })}
      {...(current && { 'aria-current': 'page' })}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}

/** Ms after the last letter until it is searched. */
const PAUSE = 220;

function Search({ place, go }: { place: Place; go: Go }) {
  const [typed, setTyped] = useState(place.words);
  const sent = useRef(place.words);
  // Going back, or a filter that was taken away, shows in the field.
  useEffect(() => {
    if (place.words !== sent.current) {
      sent.current = place.words;
      setTyped(place.words);
    }
  }, [place.words]);
  useEffect(() => {
    if (typed === sent.current) return;
    const timer = setTimeout(() => {
      // The way back leads out of the search, and not through each of its letters.
      const how = sent.current === '' || typed === '' ? 'push' : 'replace';
      sent.current = typed;
      go({ words: typed, view: 'items', item: null }, how);
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [typed, go]);
  return (
    <search className="search">
      <label className="unseen" htmlFor="search">
        {texts.search}
      </label>
      <Icon name="search" />
      <input
        id="search"
        type="search"
        autoComplete="off"
        maxLength={200}
        placeholder={texts.searchHint}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          if (typed === '') event.currentTarget.blur();
          else setTyped('');
        }}
      />
      {typed === '' ? null : (
        <button type="button" className="tool" aria-label={texts.clearSearch} onClick={() => setTyped('')}>
          <Icon name="close" size={18} />
        </button>
      )}
    </search>
  );
}
