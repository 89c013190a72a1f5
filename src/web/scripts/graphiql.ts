/** GraphiQL with everything it needs from here, and example operations as its first tabs. */

// Before the editor is there.
import './inline-styles.ts';
import 'graphiql/setup-workers/vite';
import { GraphiQL } from 'graphiql';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import mark from '../images/mark.svg';
import { createFetcher } from './graphql-fetcher.ts';

/** In the order in which somebody new would try them. */
const EXAMPLES = [
  'browse-media',
  'peers',
  'create-invitation',
  'pair-with-peer',
  'refresh-peer',
  'revoke-peer',
  'instance',
];
const operations: Record<string, string> = import.meta.glob('../../../schema/operations/*.graphql', {
  query: '?raw',
  import: 'default',
  eager: true,
});
const variables: Record<string, string> = import.meta.glob('../../../schema/operations/*.variables.json', {
  query: '?raw',
  import: 'default',
  eager: true,
});

const tabs = EXAMPLES.map((name) => ({
  query: operations[`../../../schema/operations/${name}.graphql`] ?? '',
  variables: variables[`../../../schema/operations/${name}.variables.json`] ?? null,
  headers: null,
}));

const place = document.getElementById('graphiql');
if (place !== null) {
  const logo = createElement(
    'a',
    { className: 'home-link', href: './', title: 'Home' },
    createElement('img', { src: mark, alt: '', width: 24, height: 24 }),
    place.dataset['instance'],
  );
  createRoot(place).render(
    createElement(
      GraphiQL,
      {
        fetcher: createFetcher('./graphql'),
        defaultTabs: tabs,
        // Of the first of the default tabs GraphiQL shows the query but not the variables; later it has its own.
        ...(firstVisit() && { initialVariables: tabs[0]?.variables ?? '' }),
        defaultEditorToolsVisibility: 'variables',
        // A token typed as a header is a secret: it does not belong in the browser's storage.
        shouldPersistHeaders: false,
        showPersistHeadersSettings: false,
      },
      createElement(GraphiQL.Logo, null, logo),
    ),
  );
}

function firstVisit(): boolean {
  try {
    return localStorage.getItem('graphiql:tabState') === null;
  } catch {
    // Storage is switched off in this browser.
    return true;
  }
}
