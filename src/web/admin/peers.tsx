/** The peers, and how it goes with each. */

import { AdminPeersDocument } from '../generated/graphql.ts';
import { stateOf } from '../scripts/words.ts';
import { useAsked } from './asked.ts';
import { Refusal } from './parts.tsx';
import type { SectionProps } from './sections.ts';
import { texts } from './texts.ts';

export function Peers({ pulse }: SectionProps) {
  const { data, trouble, refresh } = useAsked(AdminPeersDocument, {}, pulse);
  const peers = data?.peers.nodes;
  const ill = peers?.filter((peer) => stateOf(peer).mood === 'ill').length ?? 0;
  return (
    <>
      <h1>{texts.peers.name}</h1>
      <Refusal error={trouble} retry={refresh} />
      {peers === undefined ? <p role="status">{texts.loading}</p> : null}
      {peers?.length === 0 ? <p className="quiet">{texts.peers.none}</p> : null}
      {peers !== undefined && peers.length > 0 ? (
        <p className="lead" role="status">
          {ill === 0 ? texts.peers.allWell(peers.length) : texts.peers.needYou(ill)}
        </p>
      ) : null}
      <ul className="peer-list">
        {peers?.map((peer) => {
          const { words, mood } = stateOf(peer);
          return (
            <li key={peer.id}>
              <h2>{peer.name}</h2>
              <p className={`peer-state ${mood}`}>{words}</p>
            </li>
          );
        })}
      </ul>
    </>
  );
}
