/** The peers at a glance; one of them, where the address names it. */

import { AdminPeersDocument, type AdminPeersQuery, AdminRefreshPeerDocument } from '../generated/graphql.ts';
import { Icon } from '../parts/icons.tsx';
import { Time } from '../parts/time.tsx';
import { ask } from '../scripts/ask.ts';
import { bytes, stateOf } from '../scripts/words.ts';
import { assertDone, useAction, useAsked } from './asked.ts';
import { Link } from './link.tsx';
import { needsLook } from './needs-look.ts';
import { Do, Refusal } from './parts.tsx';
import { PeerPage } from './peer.tsx';
import type { SectionProps } from './sections.ts';
import { texts } from './texts.ts';

type Glance = AdminPeersQuery['peers']['nodes'][number];

export function Peers(props: SectionProps) {
  const id = props.place['peer'];
  return id === undefined ? <List {...props} /> : <PeerPage key={id} id={id} {...props} />;
}

function List({ go, now, pulse, tell }: SectionProps) {
  const { data, trouble, refresh } = useAsked(AdminPeersDocument, {}, pulse);
  const action = useAction();
  const refreshAll = async () => {
    const { refreshPeer } = await ask(AdminRefreshPeerDocument, { input: {} });
    assertDone(refreshPeer);
    tell(texts.peers.refreshing(refreshPeer.pulls.length));
  };
  if (data === null) {
    return (
      <>
        <h1>{texts.peers.name}</h1>
        {trouble === null ? <p role="status">{texts.loading}</p> : null}
        <Refusal error={trouble} retry={refresh} />
      </>
    );
  }
  const peers = [...data.peers.nodes].sort((a, b) => Number(needsLook(b)) - Number(needsLook(a)));
  return (
    <>
      <h1>{texts.peers.name}</h1>
      <Refusal error={trouble} retry={refresh} />
      {data.instance.federation ? null : <p className="error">{texts.peers.off}</p>}
      {peers.length === 0 ? (
        <div className="nothing">
          <Icon name="peers" size={44} />
          <p className="title">{texts.peers.none}</p>
          <p>{texts.peers.noneHint}</p>
          <Link className="solid" to={{ view: 'pair' }} go={go}>
            <Icon name="pair" size={18} />
            {texts.peers.pair}
          </Link>
        </div>
      ) : (
        <>
          <Summary peers={peers} />
          <div className="buttons">
            <Do action={action} onClick={refreshAll}>
              <Icon name="refresh" size={17} />
              {texts.peers.refreshAll}
            </Do>
            <Link className="chip" to={{ view: 'pair' }} go={go}>
              <Icon name="pair" size={17} />
              {texts.peers.pair}
            </Link>
          </div>
          <Refusal error={action.error} />
          <ul className="cards">
            {peers.map((peer) => (
              <li key={peer.id} className="card peer">
                <Card peer={peer} now={now} go={go} />
              </li>
            ))}
          </ul>
        </>
      )}
      {data.ended.nodes.length === 0 ? null : (
        <details className="ended">
          <summary>{texts.peers.ended}</summary>
          <ul>
            {data.ended.nodes.map(({ id, name, operations }) => (
              <li key={id}>
                <Link to={{ view: 'peers', peer: id }} go={go}>
                  {name}
                </Link>{' '}
                <span className="quiet">
                  {operations?.revokedAt == null ? '' : texts.peers.endedAt(operations.revokedAt)}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

/** Whether federation is well, in one look. */
function Summary({ peers }: { peers: readonly Glance[] }) {
  const ill = peers.filter(needsLook).length;
  const items = peers.reduce((sum, { mediaCount }) => sum + mediaCount, 0);
  const kept = peers.reduce((sum, { operations }) => sum + Number(operations?.pull?.bytesCached ?? 0), 0);
  return (
    <div className={ill === 0 ? 'glance well' : 'glance ill'} role="status">
      <span className="sign">
        <Icon name={ill === 0 ? 'check' : 'warning'} size={26} />
      </span>
      <div>
        <p className="title">
          {ill === 0 ? texts.peers.allWell(peers.length) : texts.peers.needYou(ill, peers.length)}
        </p>
        <p>{texts.peers.summary(items, bytes(kept))}</p>
      </div>
    </div>
  );
}

function Card({ peer, now, go }: { peer: Glance } & Pick<SectionProps, 'now' | 'go'>) {
  const { words, mood } = stateOf(peer);
  const pull = peer.operations?.pull;
  const serve = peer.operations?.serve;
  return (
    <>
      <h2>
        <Link to={{ view: 'peers', peer: peer.id }} go={go}>
          {peer.name}
        </Link>
      </h2>
      <p className={`peer-state ${mood}`}>{words}</p>
      {pull?.error ? <p className="why">{pull.error.message}</p> : null}
      {pull != null && pull.heldRemovals > 0 ? (
        <p className="why">{texts.peers.held(pull.heldRemovals)}</p>
      ) : null}
      {pull == null ? null : (
        <p className="quiet">
          {texts.peers.here(peer.mediaCount)}
          {pull.completeness !== null && pull.completeness < 1
            ? `, ${texts.peers.part(pull.completeness)}`
            : null}
          {' · '}
          {peer.lastSuccessAt === null ? (
            texts.peers.never
          ) : (
            <>
              {texts.peers.read}
              <Time past at={peer.lastSuccessAt} now={now} />
            </>
          )}
        </p>
      )}
      {serve == null ? null : <p className="quiet">{texts.peers.seesOurs(serve.mediaCount)}</p>}
    </>
  );
}
