/** Albums of this server and of its peers, each with a picture. */

import { useEffect, useState } from 'react';
import { GalleryCoversDocument } from '../generated/graphql.ts';
import { Icon } from '../parts/icons.tsx';
import { ask } from '../scripts/ask.ts';
import type { Places } from './app.tsx';
import { START, writePlace } from './place.ts';
import { texts } from './texts.ts';
import type { Go } from './use-place.ts';

export function Albums({ places, go }: { places: Places | null; go: Go }) {
  const [covers, setCovers] = useState<ReadonlyMap<string, string>>(new Map());
  useEffect(() => {
    const abort = new AbortController();
    ask(GalleryCoversDocument, {}, abort.signal).then(
      ({ albums }) => {
        const found = new Map<string, string>();
        for (const { id, media } of albums.nodes) {
          const url = media.nodes[0]?.thumbnailUrl;
          if (url) found.set(id, url);
        }
        setCovers(found);
      },
      // An album without its picture is still an album.
      () => undefined,
    );
    return () => abort.abort();
  }, []);
  if (places === null) return <p role="status">{texts.loading}</p>;
  const albums = places.albums.nodes;
  if (albums.length === 0) return <p className="quiet">{texts.noAlbums}</p>;
  return (
    <ul className="album-list">
      {albums.map(({ id, title, mediaCount, peer }) => {
        const cover = covers.get(id);
        const to = { ...START, album: id };
        return (
          <li key={id}>
            <a
              href={writePlace(to)}
              onClick={(event) => {
                if (event.metaKey || event.ctrlKey || event.button !== 0) return;
                event.preventDefault();
                go(to);
              }}
            >
              <span className="cover-picture">
                {cover === undefined ? (
                  <Icon name="albums" size={36} />
                ) : (
                  <img src={cover} alt="" loading="lazy" />
                )}
              </span>
              <span className="title">{title}</span>
              <span className="quiet">
                {texts.albumItems(mediaCount)}
                {peer === null ? null : ` · ${texts.fromPeer(peer.name)}`}
              </span>
            </a>
          </li>
        );
      })}
    </ul>
  );
}
