/** One peer: how it goes with it, what comes from it, what goes to it, and what an admin does about it. */

import { useState } from 'react';
import {
  AdminPeerDocument,
  AdminRefreshPeerDocument,
  AdminResolveHeldRemovalsDocument,
  AdminRevokePeerDocument,
  AdminRotatePeerCredentialDocument,
  AdminUpdatePeerDocument,
  type UpdatePeerInput,
  type WholePeerFragment,
} from '../generated/graphql.ts';
import { Icon } from '../parts/icons.tsx';
import { Time } from '../parts/time.tsx';
import { ask } from '../scripts/ask.ts';
import { bytes, stateOf } from '../scripts/words.ts';
import { assertDone, useAction, useAsked } from './asked.ts';
import { Diagnosis } from './diagnosis.tsx';
import { Link } from './link.tsx';
import { Confirm, Copy, Do, Facts, Refusal } from './parts.tsx';
import { ChangeGrant, ChangeLimits, ChangeSettings } from './peer-forms.tsx';
import { Pulls, useRunning } from './pulls.tsx';
import type { SectionProps } from './sections.ts';
import { texts } from './texts.ts';

type Open =
  | 'diagnosis'
  | 'settings'
  | 'limits'
  | 'grant'
  | 'pause'
  | 'rotate'
  | 'revoke'
  | 'remove'
  | 'keep'
  | 'purge';

export function PeerPage({ id, go, now, pulse, tell }: SectionProps & { id: string }) {
  const { data, trouble, refresh } = useAsked(AdminPeerDocument, { id }, pulse);
  const [open, setOpen] = useState<Open | null>(null);
  const [keepCached, setKeepCached] = useState(false);
  const action = useAction();
  const running = useRunning(id, pulse);
  const close = () => setOpen(null);
  const back = (
    <Link className="up" to={{ view: 'peers' }} go={go}>
      <Icon name="previous" size={18} />
      {texts.peer.all}
    </Link>
  );
  const peer = data?.node?.__typename === 'Peer' ? data.node : null;
  if (peer === null) {
    return (
      <>
        {back}
        <h1>{texts.peers.name}</h1>
        <Refusal error={trouble} retry={refresh} />
        {data === null && trouble === null ? <p role="status">{texts.loading}</p> : null}
        {data === null ? null : <p className="quiet">{texts.peer.gone}</p>}
      </>
    );
  }

  const { name, operations } = peer;
  const pull = operations?.pull ?? null;
  const serve = operations?.serve ?? null;
  const { words, mood } = stateOf(peer);
  const revoked = peer.status === 'REVOKED';
  const paused = peer.status === 'PAUSED';
  const update = async (input: Omit<UpdatePeerInput, 'id'>, said: string = texts.peer.changed) => {
    assertDone((await ask(AdminUpdatePeerDocument, { input: { id, ...input } })).updatePeer);
    refresh();
    tell(said);
  };

  return (
    <>
      {back}
      <h1>{name}</h1>
      {revoked ? (
        <p className="peer-state">{texts.peer.isRevoked(operations?.revokedAt ?? null)}</p>
      ) : (
        <p className={`peer-state ${mood}`}>{words}</p>
      )}
      {revoked ? null : (
        <div className="buttons main-buttons">
          {pull === null || paused ? null : (
            <Do
              action={action}
              onClick={async () => {
                assertDone((await ask(AdminRefreshPeerDocument, { input: { id } })).refreshPeer);
                tell(texts.peer.refreshed);
              }}
            >
              <Icon name="refresh" size={17} />
              {texts.peer.refresh}
            </Do>
          )}
          {pull === null ? null : (
            <button type="button" className="chip" onClick={() => setOpen('diagnosis')}>
              <Icon name="steps" size={17} />
              {texts.peer.diagnose}
            </button>
          )}
          {pull === null ? null : paused ? (
            <Do action={action} onClick={() => update({ paused: false }, texts.peer.resumed)}>
              <Icon name="play" size={17} />
              {texts.peer.resume}
            </Do>
          ) : (
            <button type="button" className="chip" onClick={() => setOpen('pause')}>
              <Icon name="pause" size={17} />
              {texts.peer.pause}
            </button>
          )}
          {peer.mediaCount === 0 ? null : (
            <a className="chip" href={`./?${new URLSearchParams({ from: id })}`}>
              <Icon name="photos" size={17} />
              {texts.peer.show}
            </a>
          )}
        </div>
      )}
      <Refusal error={action.error ?? trouble} />
      {running === null ? null : (
        <div className="card running" role="status">
          <p>
            {running.state === 'QUEUED' ? texts.peer.queued : texts.peer.running}
            {running.state === 'QUEUED'
              ? null
              : `: ${texts.peer.progress(running.added + running.changed, running.total)}`}
          </p>
          <progress
            aria-label={texts.peer.running}
            {...(running.total !== null && running.total > 0 && running.state === 'RUNNING'
              ? { max: running.total, value: Math.min(running.total, running.added + running.changed) }
              : {})}
          />
        </div>
      )}
      {revoked ? null : <Wrong peer={peer} now={now} />}
      {pull !== null && pull.heldRemovals > 0 && !revoked ? (
        <section className="card alarm" aria-labelledby="held">
          <h2 id="held">{texts.peer.heldTitle(pull.heldRemovals, name)}</h2>
          <p>{texts.peer.heldWhy}</p>
          {pull.heldMedia.length === 0 ? null : (
            <p className="quiet">
              {texts.peer.heldAmong}{' '}
              {pull.heldMedia.map(({ id: of, title }, at) => (
                <span key={of}>
                  {at === 0 ? '' : ', '}
                  <a href={`./?${new URLSearchParams({ from: id, item: of })}`}>{title}</a>
                </span>
              ))}
              {pull.heldMedia.length < pull.heldRemovals ? ' …' : '.'}
            </p>
          )}
          <div className="buttons">
            <button type="button" className="chip" onClick={() => setOpen('keep')}>
              {texts.peer.heldKeep}
            </button>
            <button type="button" className="chip danger" onClick={() => setOpen('remove')}>
              {texts.peer.heldRemove}
            </button>
          </div>
        </section>
      ) : null}

      {revoked ? (
        <Ended pull={pull} serve={serve} onPurge={() => setOpen('purge')} />
      ) : (
        <div className="halves">
          <section className="card" aria-labelledby="take">
            <header>
              <h2 id="take">{texts.peer.take}</h2>
              {pull === null || (
                <button
                  type="button"
                  className="link"
                  aria-label={texts.peer.changeTake}
                  onClick={() => setOpen('settings')}
                >
                  {texts.change}
                </button>
              )}
            </header>
            {pull === null ? (
              <p className="quiet">{texts.peer.nothingTaken}</p>
            ) : (
              <Taken peer={peer} pull={pull} now={now} />
            )}
          </section>
          <section className="card" aria-labelledby="give">
            <header>
              <h2 id="give">{texts.peer.give}</h2>
            </header>
            {serve === null ? (
              <p className="quiet">{texts.peer.nothingGiven}</p>
            ) : (
              <Facts
                facts={[
                  [
                    texts.peer.facts.grant,
                    <Changeable key="grant" label={texts.peer.changeGrant} onChange={() => setOpen('grant')}>
                      {texts.grant.words(serve.grant)}
                    </Changeable>,
                  ],
                  [texts.peer.facts.sees, texts.number(serve.mediaCount)],
                  [texts.peer.facts.served, bytes(serve.bytesServed)],
                  [
                    texts.peer.facts.seen,
                    serve.lastSeenAt === null ? (
                      texts.never
                    ) : (
                      <Time past key="seen" at={serve.lastSeenAt} now={now} />
                    ),
                  ],
                  [
                    texts.peer.facts.limits,
                    <Changeable
                      key="limits"
                      label={texts.peer.changeLimits}
                      onChange={() => setOpen('limits')}
                    >
                      {texts.peer.limits(
                        serve.limits.requestsPerMinute,
                        serve.limits.bytesPerSecond,
                        serve.limits.concurrentStreams,
                      )}
                    </Changeable>,
                  ],
                  [texts.peer.facts.credential, texts.peer.issued(serve.credentialRotatedAt)],
                ]}
              />
            )}
          </section>
        </div>
      )}

      <section className="card" aria-labelledby="identity">
        <h2 id="identity">{texts.peer.identity}</h2>
        <Facts
          facts={[
            [texts.peer.facts.address, operations?.endpoint],
            [
              texts.peer.facts.thumbprint,
              operations?.thumbprint == null ? null : (
                <Copy key="thumbprint" label={texts.peer.facts.thumbprint} text={operations.thumbprint} />
              ),
            ],
            [texts.peer.facts.make, texts.peer.dialect(peer.dialect)],
            [
              texts.peer.facts.paired,
              operations?.pairedAt === undefined ? null : texts.moment(operations.pairedAt),
            ],
          ]}
        />
        <p className="hint">{peer.verified ? texts.peer.verified : texts.peer.unverified}</p>
        {revoked ? null : (
          <div className="buttons">
            {pull === null || !peer.verified ? null : (
              <button type="button" className="chip" onClick={() => setOpen('rotate')}>
                {texts.peer.rotate}
              </button>
            )}
            <button type="button" className="chip danger" onClick={() => setOpen('revoke')}>
              {texts.peer.end}
            </button>
          </div>
        )}
      </section>

      {pull === null && !revoked ? null : <Pulls id={id} now={now} pulse={pulse} />}

      {open === 'diagnosis' ? <Diagnosis id={id} name={name} pulse={pulse} onClose={close} /> : null}
      {open === 'settings' && pull !== null ? (
        <ChangeSettings peer={peer} pull={pull} save={update} onClose={close} />
      ) : null}
      {open === 'limits' && serve !== null ? (
        <ChangeLimits limits={serve.limits} save={update} onClose={close} />
      ) : null}
      {open === 'grant' && serve !== null ? (
        <ChangeGrant grant={serve.grant} save={update} onClose={close} />
      ) : null}
      {open === 'pause' ? (
        <Confirm
          title={texts.peer.pauseTitle(name)}
          happens={texts.peer.pauseHappens(name)}
          doIt={texts.peer.pause}
          onConfirm={() => update({ paused: true }, texts.peer.paused)}
          onClose={close}
        />
      ) : null}
      {open === 'rotate' ? (
        <Confirm
          title={texts.peer.rotateTitle(name)}
          happens={texts.peer.rotateHappens(name)}
          doIt={texts.peer.rotate}
          onConfirm={async () => {
            const { rotatePeerCredential } = await ask(AdminRotatePeerCredentialDocument, { input: { id } });
            assertDone(rotatePeerCredential);
            refresh();
            tell(texts.peer.rotated);
          }}
          onClose={close}
        />
      ) : null}
      {open === 'revoke' ? (
        <Confirm
          danger
          title={texts.peer.revokeTitle(name)}
          happens={texts.peer.revokeHappens(
            name,
            peer.mediaCount,
            pull?.bytesCached ?? '0',
            serve?.mediaCount ?? null,
          )}
          doIt={texts.peer.revoke}
          onConfirm={async () => {
            assertDone((await ask(AdminRevokePeerDocument, { input: { id, keepCached } })).revokePeer);
            go({ view: 'peers' });
            tell(texts.peer.revoked(name));
          }}
          onClose={close}
        >
          {pull === null ? null : (
            <label className="check">
              <input
                type="checkbox"
                checked={keepCached}
                onChange={({ target }) => setKeepCached(target.checked)}
              />
              <span>
                {texts.peer.keepCached}
                <small>{texts.peer.keepCachedHint}</small>
              </span>
            </label>
          )}
        </Confirm>
      ) : null}
      {open === 'purge' && pull !== null ? (
        <Confirm
          danger
          title={texts.peer.purgeLeft}
          happens={texts.peer.purgeHappens(pull.bytesCached)}
          doIt={texts.peer.purgeLeft}
          onConfirm={async () => {
            const { revokePeer } = await ask(AdminRevokePeerDocument, { input: { id, keepCached: false } });
            assertDone(revokePeer);
            refresh();
            tell(texts.peer.purged);
          }}
          onClose={close}
        />
      ) : null}
      {(open === 'remove' || open === 'keep') && pull !== null ? (
        <Confirm
          danger={open === 'remove'}
          title={open === 'remove' ? texts.peer.heldRemove : texts.peer.heldKeep}
          happens={
            open === 'remove'
              ? texts.peer.heldRemoveHappens(pull.heldRemovals, name)
              : texts.peer.heldKeepHappens(pull.heldRemovals, name)
          }
          doIt={open === 'remove' ? texts.peer.heldRemove : texts.peer.heldKeep}
          onConfirm={async () => {
            const decision = open === 'remove' ? 'REMOVE' : 'KEEP';
            const { resolveHeldRemovals } = await ask(AdminResolveHeldRemovalsDocument, {
              input: { id, decision },
            });
            assertDone(resolveHeldRemovals);
            refresh();
            tell(
              open === 'remove'
                ? texts.peer.heldRemoved(pull.heldRemovals)
                : texts.peer.heldKept(pull.heldRemovals),
            );
          }}
          onClose={close}
        />
      ) : null}
    </>
  );
}

type Operations = NonNullable<WholePeerFragment['operations']>;
type Pull = NonNullable<Operations['pull']>;

/** What is left of a pairing that is over. */
function Ended({ pull, serve, onPurge }: Pick<Operations, 'pull' | 'serve'> & { onPurge: () => void }) {
  const { facts } = texts.peer;
  const kept = Number(pull?.bytesCached ?? 0) > 0;
  return (
    <section className="card" aria-labelledby="left">
      <h2 id="left">{texts.peer.left}</h2>
      <Facts
        facts={[
          [facts.fetched, pull === null ? null : bytes(pull.bytesFetched)],
          [facts.served, serve === null ? null : bytes(serve.bytesServed)],
          [facts.kept, pull === null ? null : bytes(pull.bytesCached)],
        ]}
      />
      {kept ? (
        <>
          <p className="hint">{texts.peer.leftHint}</p>
          <div className="buttons">
            <button type="button" className="chip danger" onClick={onPurge}>
              {texts.peer.purgeLeft}
            </button>
          </div>
        </>
      ) : null}
    </section>
  );
}

/** What is wrong, since when, what to do, and when it is tried again. */
function Wrong({ peer, now }: { peer: WholePeerFragment; now: number }) {
  const pull = peer.operations?.pull;
  if (pull?.error == null) return null;
  const { code, message, at } = pull.error;
  return (
    <section className="card alarm" aria-labelledby="wrong">
      <h2 id="wrong">{texts.peer.wrong}</h2>
      <p>
        <strong>{message}</strong> {texts.adviceOnPeer(code)}
      </p>
      <p className="quiet">
        {texts.peer.since}
        <Time past at={at} now={now} />.{' '}
        {pull.nextAttemptAt === null ? (
          texts.peer.notAgain
        ) : (
          <>
            {texts.peer.nextTry}
            <Time at={pull.nextAttemptAt} now={now} />.
          </>
        )}{' '}
        {peer.mediaCount > 0 ? texts.peer.kept : null}
      </p>
    </section>
  );
}

function Taken({ peer, pull, now }: { peer: WholePeerFragment; pull: Pull; now: number }) {
  const { facts } = texts.peer;
  const budget = pull.cacheBudget === null ? null : Number(pull.cacheBudget);
  return (
    <Facts
      facts={[
        [facts.items, texts.number(peer.mediaCount)],
        [
          facts.fresh,
          peer.lastSuccessAt === null ? (
            texts.never
          ) : (
            <Time past key="fresh" at={peer.lastSuccessAt} now={now} />
          ),
        ],
        [
          facts.complete,
          pull.completeness === null ? null : (
            <span key="complete" className="measured">
              {texts.peer.complete(pull.completeness)}
              <meter aria-label={facts.complete} min={0} max={1} value={pull.completeness} />
            </span>
          ),
        ],
        [
          facts.sync,
          pull.inSync === null
            ? texts.peer.syncUnknown
            : pull.inSync
              ? texts.peer.inSync
              : texts.peer.outOfSync,
        ],
        [facts.lag, pull.lag === null ? null : texts.peer.changes(pull.lag)],
        [
          facts.attempt,
          pull.lastAttemptAt === null ? null : <Time past key="attempt" at={pull.lastAttemptAt} now={now} />,
        ],
        [
          facts.next,
          pull.nextAttemptAt === null ? null : <Time key="next" at={pull.nextAttemptAt} now={now} />,
        ],
        [facts.speed, pull.roundTripMs === null ? null : texts.peer.ms(pull.roundTripMs)],
        [facts.skipped, pull.skippedItems === 0 ? null : texts.peer.skipped(pull.skippedItems)],
        [facts.fetched, bytes(pull.bytesFetched)],
        [
          facts.kept,
          <span key="kept" className="measured">
            {texts.peer.keptOf(pull.bytesCached, pull.cacheBudget)}
            {budget === null || budget === 0 ? null : (
              <meter aria-label={facts.kept} min={0} max={budget} value={Number(pull.bytesCached)} />
            )}
          </span>,
        ],
        [facts.cache, texts.peer.cacheMode(pull.cacheMode).name],
        [facts.audience, texts.peer.audience(pull.audience).name],
        [facts.interval, texts.peer.every(pull.interval)],
      ]}
    />
  );
}

/** A fact, and the way to another. */
function Changeable({
  label,
  onChange,
  children,
}: {
  label: string;
  onChange: () => void;
  children: string;
}) {
  return (
    <>
      {children}{' '}
      <button type="button" className="link" aria-label={label} onClick={onChange}>
        {texts.change}
      </button>
    </>
  );
}
