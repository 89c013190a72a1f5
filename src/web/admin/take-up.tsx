/** Taking up an invitation: whom it is from, what is shared back, and what becomes of it. */

import { type FormEvent, useState } from 'react';
import { AdminPairWithPeerDocument, AdminPeerDocument } from '../generated/graphql.ts';
import { Icon } from '../parts/icons.tsx';
import { ask } from '../scripts/ask.ts';
import { assertDone, useAction, useAsked } from './asked.ts';
import { GrantForm, inShort, WHOLE } from './grant.tsx';
import { readCode } from './invitation-code.ts';
import { Link } from './link.tsx';
import { Field, Fold, Refusal, ResultHeading } from './parts.tsx';
import { useRunning } from './pulls.tsx';
import type { SectionProps } from './sections.ts';
import { texts } from './texts.ts';

interface Paired {
  id: string;
  name: string;
  notice: string | null;
}

export function TakeUp({ go, pulse }: Pick<SectionProps, 'go' | 'pulse'>) {
  const [paired, setPaired] = useState<Paired | null>(null);
  return (
    <section className="card" aria-labelledby="take-up">
      {paired === null ? (
        <h2 id="take-up">{texts.pair.take}</h2>
      ) : (
        <ResultHeading id="take-up">{texts.pair.paired(paired.name)}</ResultHeading>
      )}
      {paired === null ? (
        <TakeUpForm onPaired={setPaired} />
      ) : (
        <Arrival paired={paired} go={go} pulse={pulse} onAnother={() => setPaired(null)} />
      )}
    </section>
  );
}

function TakeUpForm({ onPaired }: { onPaired: (paired: Paired) => void }) {
  const action = useAction();
  const [pasted, setPasted] = useState('');
  const [shareBack, setShareBack] = useState(false);
  const [grant, setGrant] = useState(WHOLE);
  const said = readCode(pasted);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void action.run(async () => {
      const { pairWithPeer } = await ask(AdminPairWithPeerDocument, {
        input: {
          invitation: pasted,
          name: String(form.get('name') ?? '').trim() || null,
          endpoint: String(form.get('endpoint') ?? '').trim() || null,
          shareBack: said?.mutual === true && shareBack ? grant : null,
        },
      });
      assertDone(pairWithPeer);
      const { peer, notice } = pairWithPeer;
      if (peer !== null) onPaired({ ...peer, notice });
    });
  };
  return (
    <form className="form" onSubmit={submit}>
      <Field label={texts.pair.paste} hint={texts.pair.takeLead} name="invitation" error={action.error}>
        {(control) => (
          <textarea
            {...control}
            className="code"
            rows={4}
            required
            spellCheck={false}
            autoComplete="off"
            autoCapitalize="none"
            value={pasted}
            onChange={({ target }) => setPasted(target.value)}
          />
        )}
      </Field>
      {said === null ? null : (
        <>
          <div className="said-by-code">
            <p>
              {texts.pair.saysFrom}{' '}
              <strong>
                <bdi>{said.name}</bdi>
              </strong>{' '}
              {texts.pair.saysAddress}{' '}
              <strong>
                <bdi>{said.url}</bdi>
              </strong>
              , {texts.pair.saysKey} <code>{said.thumbprint}</code>.
            </p>
            <p className="hint">{texts.pair.saysHint}</p>
          </div>
          {said.mutual ? (
            <label className="check">
              <input
                type="checkbox"
                checked={shareBack}
                onChange={({ target }) => setShareBack(target.checked)}
              />
              <span>
                {texts.pair.shareBack}
                <small>
                  {texts.pair.wantsBack} {texts.pair.shareBackHint}
                </small>
              </span>
            </label>
          ) : (
            <p className="hint">{texts.pair.noBack}</p>
          )}
          {said.mutual && shareBack ? (
            <Fold title={texts.grant.what} short={inShort(grant)}>
              <GrantForm value={grant} onChange={setGrant} error={action.error} />
            </Fold>
          ) : null}
          <Fold title={texts.pair.more}>
            <div className="form">
              <Field
                label={texts.pair.calledHere}
                hint={texts.pair.calledHint}
                name="name"
                error={action.error}
              >
                {(control) => <input {...control} name="name" autoComplete="off" maxLength={200} />}
              </Field>
              <Field
                label={texts.pair.dialOther}
                hint={texts.pair.dialHint}
                name="endpoint"
                error={action.error}
              >
                {(control) => <input {...control} name="endpoint" type="url" autoComplete="off" />}
              </Field>
            </div>
          </Fold>
        </>
      )}
      <Refusal error={action.error} />
      {action.busy ? <p role="status">{texts.pair.asking(said?.name ?? '')}</p> : null}
      <div className="buttons">
        <button type="submit" className="solid" aria-disabled={action.busy}>
          {texts.pair.pairNow}
        </button>
      </div>
    </form>
  );
}

/** The first catalog as it comes. */
function Arrival({
  paired: { id, name, notice },
  go,
  pulse,
  onAnother,
}: Pick<SectionProps, 'go' | 'pulse'> & { paired: Paired; onAnother: () => void }) {
  const running = useRunning(id, pulse);
  const { data } = useAsked(AdminPeerDocument, { id }, pulse);
  const peer = data?.node?.__typename === 'Peer' ? data.node : null;
  const error = peer?.operations?.pull?.error ?? null;
  return (
    <div className="form">
      {notice === null ? null : <p className="error">{notice}</p>}
      {error !== null ? (
        <p className="error">
          {error.message} {texts.adviceOnPeer(error.code)}
        </p>
      ) : peer?.lastSuccessAt == null || running !== null ? (
        <p role="status">
          {texts.pair.onItsWay}
          {running?.state === 'RUNNING'
            ? `: ${texts.peer.progress(running.added + running.changed, running.total)}`
            : ''}
          .
        </p>
      ) : (
        <p role="status">{texts.pair.arrived(peer.mediaCount)}</p>
      )}
      <div className="buttons">
        <Link className="solid" to={{ view: 'peers', peer: id }} go={go}>
          <Icon name="peers" size={18} />
          {texts.pair.toPeer(name)}
        </Link>
        <button type="button" className="chip" onClick={onAnother}>
          {texts.pair.take}
        </button>
      </div>
    </div>
  );
}
