/** Home: how many items, how the peers are, and the newest of the one catalog. */

import { HomeDocument, type HomeQuery } from '../generated/graphql.ts';
import { ask, Refused } from './ask.ts';
import { element, send, showError } from './door.ts';
import { clock, count, type Peer, relative, stateOf } from './words.ts';

type Item = HomeQuery['media']['nodes'][number];

const button = element('sign-out', HTMLButtonElement);
button.addEventListener('click', async () => {
  button.disabled = true;
  const refusal = await send('DELETE', './session');
  if (refusal === undefined) {
    location.replace('./sign-in');
    return;
  }
  showError(refusal);
  button.disabled = false;
});

const main = element('main', HTMLElement);
try {
  show(await ask(HomeDocument, {}));
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  if (error.code === 'UNAUTHENTICATED') location.replace('./sign-in');
  else showError(error.message);
}
main.removeAttribute('aria-busy');

function show({ viewer, instance, media, peers }: HomeQuery): void {
  const now = Date.now();
  element('summary', HTMLElement).textContent = summary(instance.mediaCount, media.totalCount);

  if (media.nodes.length > 0) {
    element('strip', HTMLElement).append(...media.nodes.map(tile));
    element('newest', HTMLElement).hidden = false;
  } else {
    element('nothing', HTMLElement).hidden = viewer?.role === 'VIEWER';
  }
  if (peers.nodes.length > 0) {
    element('peer-list', HTMLElement).append(...peers.nodes.map((peer) => card(peer, now)));
    element('peers', HTMLElement).hidden = false;
  } else {
    element('alone', HTMLElement).hidden = viewer?.role !== 'ADMIN';
  }
}

function summary(own: number, all: number): string {
  if (all === 0) return 'Nothing is here yet.';
  if (all === own) return `${count(all, 'item')}, all of this server.`;
  return `${count(all, 'item')} in one catalog: ${own} of this server, ${all - own} of its peers.`;
}

function tile(item: Item): HTMLElement {
  const from = item.peer === null ? '' : item.peer.name;
  const away = item.availability === 'UNAVAILABLE';
  const picture = make('span', { className: 'picture' });
  if (item.thumbnailUrl === null) {
    picture.append(nameless(item));
  } else {
    const image = make('img', {
      src: item.thumbnailUrl,
      alt: item.title,
      loading: 'lazy',
      decoding: 'async',
    });
    image.addEventListener('error', () => image.replaceWith(nameless(item)));
    picture.append(image);
  }
  const length = lengthOf(item);
  if (length !== '') picture.append(make('span', { className: 'length', textContent: length }));

  const place = make('span', { className: 'from' });
  if (from !== '') place.append(make('span', { className: 'peer', textContent: `from ${from}` }));
  if (away) place.append(make('span', { className: 'away', textContent: 'unreachable' }));

  const address = away ? null : addressOf(item);
  const whole =
    address === null
      ? make('span', { className: 'thing' })
      : make('a', { className: 'thing', href: address });
  whole.title = item.title;
  whole.append(picture, place);
  const entry = make('li', {});
  entry.append(whole);
  return entry;
}

/** In place of a picture that is not there. */
function nameless(item: Item): HTMLElement {
  return make('span', { className: 'nameless', textContent: item.title });
}

/** What a browser shows by itself: a picture for a screen, a film that it plays, the pages of a document. */
function addressOf(item: Item): string | null {
  if (item.kind === 'IMAGE') return item.previewUrl ?? item.originalUrl;
  return item.playableUrl ?? item.originalUrl ?? item.previewUrl;
}

function lengthOf({ kind, durationMs, pageCount }: Item): string {
  if (kind === 'VIDEO') return durationMs === null ? 'film' : clock(durationMs);
  if (kind === 'DOCUMENT') return pageCount === null ? 'document' : count(pageCount, 'page');
  return '';
}

function card(peer: Peer, now: number): HTMLElement {
  const { words, mood } = stateOf(peer);
  const pull = peer.operations?.pull;
  const serve = peer.operations?.serve;
  const entry = make('li', { className: 'card' });
  entry.append(
    make('h3', { textContent: peer.name }),
    make('p', { className: `state ${mood}`, textContent: words }),
  );
  if (pull !== null) {
    entry.append(
      line(
        `${count(peer.mediaCount, 'item')} of it here, `,
        ...(peer.lastSuccessAt === null
          ? ['never asked with success']
          : ['last seen ', time(peer.lastSuccessAt, now)]),
      ),
    );
    if (mood === 'ill' && peer.mediaCount > 0) {
      entry.append(line('What was fetched before can still be opened.'));
    }
    if (pull?.error != null) {
      entry.append(
        line(
          pull.error.message,
          ...(pull.nextAttemptAt === null ? [] : [' Tried again ', time(pull.nextAttemptAt, now), '.']),
        ),
      );
    }
  }
  if (serve != null) {
    entry.append(
      line(
        `May see ${count(serve.mediaCount, 'item')} of ours, `,
        ...(serve.lastSeenAt === null ? ['has not asked yet'] : ['last asked ', time(serve.lastSeenAt, now)]),
      ),
    );
  }
  return entry;
}

function line(...parts: (string | Node)[]): HTMLElement {
  const paragraph = make('p', {});
  paragraph.append(...parts);
  return paragraph;
}

function time(at: string, now: number): HTMLElement {
  const date = new Date(at);
  return make('time', { dateTime: at, title: date.toLocaleString(), textContent: relative(at, now) });
}

function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]>,
): HTMLElementTagNameMap[Tag] {
  return Object.assign(document.createElement(tag), properties);
}
