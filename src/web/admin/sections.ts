/** The sections, in the order of the navigation. A new one is a file of its own, which is loaded when it is looked at. */

import { type ComponentType, lazy } from 'react';
import type { IconName } from '../parts/icons.tsx';
import type { Go, Place } from './place.ts';
import { texts } from './texts.ts';

/** What each section is given. */
export interface SectionProps {
  place: Place;
  go: Go;
  /** Ms since 1970, for times that are told from now. */
  now: number;
  /** Name of who is signed in. */
  viewer: string;
  instance: string;
  /** Moves on when peers or pulls have changed: what is shown of them is to be read anew. */
  pulse: number;
  /** Shows a sentence for a while. */
  tell: (sentence: string) => void;
}

export interface Section {
  /** As the address says it. */
  view: string;
  name: string;
  icon: IconName;
  page: ComponentType<SectionProps>;
}

export const SECTIONS: readonly Section[] = [
  {
    view: 'peers',
    name: texts.peers.name,
    icon: 'peers',
    page: lazy(async () => ({ default: (await import('./peers.tsx')).Peers })),
  },
  {
    view: 'pair',
    name: texts.pair.name,
    icon: 'pair',
    page: lazy(async () => ({ default: (await import('./pair.tsx')).Pair })),
  },
  {
    view: 'cache',
    name: texts.cache.name,
    icon: 'cached',
    page: lazy(async () => ({ default: (await import('./cache.tsx')).Cache })),
  },
  {
    view: 'audit',
    name: texts.audit.name,
    icon: 'steps',
    page: lazy(async () => ({ default: (await import('./audit.tsx')).Audit })),
  },
  {
    view: 'people',
    name: texts.people.name,
    icon: 'people',
    page: lazy(async () => ({ default: (await import('./people.tsx')).People })),
  },
  {
    view: 'tokens',
    name: texts.tokens.name,
    icon: 'key',
    page: lazy(async () => ({ default: (await import('./tokens.tsx')).Tokens })),
  },
  {
    view: 'agents',
    name: texts.agents.name,
    icon: 'agent',
    page: lazy(async () => ({ default: (await import('./agents.tsx')).Agents })),
  },
  {
    view: 'settings',
    name: texts.settings.name,
    icon: 'settings',
    page: lazy(async () => ({ default: (await import('./settings.tsx')).Settings })),
  },
];
