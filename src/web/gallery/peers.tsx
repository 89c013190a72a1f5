/** The peers, and how it goes with each. */

import { Time } from '../parts/time.tsx';
import { stateOf } from '../scripts/words.ts';
import type { Places } from './app.tsx';
import { START, writePlace } from './place.ts';
import { texts } from './texts.ts';
import type { Go } from './use-place.ts';

export interface PeersProps {
  places: Places | null;
  go: Go;
  now: number;
  admin: boolean;
}

export function Peers({ places, go, now, admin }: PeersProps) {
  if (places === null) return <p role="status">{texts.loading}</p>;
  const peers = places.peers.nodes;
  if (peers.length === 0) {
    return (
      <div className="quiet">
        <p>{texts.alone}</p>
        {admin ? (
          <p>
            <a href="./admin?view=pair">{texts.alonePair}</a>
          </p>
        ) : null}
      </div>
    );
  }
  return (
    <ul className="peer-list">
      {peers.map((peer) => {
        const { words, mood } = stateOf(peer);
        const pull = peer.operations?.pull;
        const serve = peer.operations?.serve;
        const to = { ...START, from: peer.id };
        return (
          <li key={peer.id}>
            <h2>{peer.name}</h2>
            <p className={`peer-state ${mood}`}>{words}</p>
            {pull === null ? null : (
              <p>
                {texts.peerHere(peer.mediaCount)}
                {peer.lastSuccessAt === null ? (
                  texts.peerNever
                ) : (
                  <>
                    {texts.peerSeen}
                    <Time at={peer.lastSuccessAt} now={now} />
                  </>
                )}
              </p>
            )}
            {pull !== null && mood === 'ill' && peer.mediaCount > 0 ? <p>{texts.peerKept}</p> : null}
            {pull?.error ? (
              <p>
                {pull.error.message}
                {pull.nextAttemptAt === null ? null : (
                  <>
                    {' '}
                    {texts.peerNextTry} <Time at={pull.nextAttemptAt} now={now} />.
                  </>
                )}
              </p>
            ) : null}
            {serve ? (
              <p>
                {texts.peerSees(serve.mediaCount)}
                {serve.lastSeenAt === null ? (
                  texts.peerNotAsked
                ) : (
                  <>
                    {texts.peerAsked}
                    <Time at={serve.lastSeenAt} now={now} />
                  </>
                )}
              </p>
            ) : null}
            {admin ? (
              <p>
                <a href={`./admin?${new URLSearchParams({ view: 'peers', peer: peer.id })}`}>
                  {texts.peerManage(peer.name)}
                </a>
              </p>
            ) : null}
            {peer.mediaCount > 0 ? (
              <a
                href={writePlace(to)}
                onClick={(event) => {
                  if (event.metaKey || event.ctrlKey || event.button !== 0) return;
                  event.preventDefault();
                  go(to);
                }}
              >
                {texts.peerBrowse(peer.name)}
              </a>
            ) : null}
          </li>
        );
      })}
    </ul>
  );
}
