/** Servers of another make: reading from one, and letting one read. */

import { useState } from 'react';
import {
  AdminAddPeerDocument,
  AdminCreatePeerCredentialDocument,
  type Dialect,
} from '../generated/graphql.ts';
import { ask } from '../scripts/ask.ts';
import { assertDone, useAction } from './asked.ts';
import { GrantForm, inShort, WHOLE } from './grant.tsx';
import { Copy, Field, Fold, Refusal } from './parts.tsx';
import type { SectionProps } from './sections.ts';
import { texts } from './texts.ts';

const MAKES: readonly Dialect[] = ['ARTIFEX', 'APPKASK'];

export function Foreign({ go, tell }: Pick<SectionProps, 'go' | 'tell'>) {
  return (
    <section aria-labelledby="foreign">
      <h2 id="foreign">{texts.pair.foreign}</h2>
      <p className="quiet">{texts.pair.foreignLead}</p>
      <Fold title={texts.pair.add}>
        <Add go={go} tell={tell} />
      </Fold>
      <Fold title={texts.pair.credential}>
        <Credential />
      </Fold>
    </section>
  );
}

function Add({ go, tell }: Pick<SectionProps, 'go' | 'tell'>) {
  const action = useAction();
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        void action.run(async () => {
          const { addPeer } = await ask(AdminAddPeerDocument, {
            input: {
              endpoint: String(form.get('endpoint')).trim(),
              token: String(form.get('token')).trim() || null,
              dialect: MAKES.find((make) => make === form.get('make')) ?? null,
              name: String(form.get('name')).trim() || null,
            },
          });
          assertDone(addPeer);
          if (addPeer.peer === null) return;
          tell(texts.pair.paired(addPeer.peer.name));
          go({ view: 'peers', peer: addPeer.peer.id });
        });
      }}
    >
      <Field label={texts.pair.addAddress} name="endpoint" error={action.error}>
        {(control) => <input {...control} name="endpoint" type="url" required autoComplete="off" />}
      </Field>
      <Field label={texts.pair.addToken} hint={texts.pair.addTokenHint} name="token" error={action.error}>
        {(control) => <input {...control} name="token" type="password" autoComplete="off" />}
      </Field>
      <Field label={texts.pair.addMake} name="dialect" error={action.error}>
        {(control) => (
          <select {...control} name="make">
            <option value="">{texts.pair.findOut}</option>
            {MAKES.map((make) => (
              <option key={make} value={make}>
                {texts.peer.dialect(make)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label={texts.pair.calledHere} hint={texts.pair.calledHint} name="name" error={action.error}>
        {(control) => <input {...control} name="name" autoComplete="off" maxLength={200} />}
      </Field>
      <Refusal error={action.error} />
      <div className="buttons">
        <button type="submit" className="solid" aria-disabled={action.busy}>
          {texts.pair.addNow}
        </button>
      </div>
    </form>
  );
}

function Credential() {
  const action = useAction();
  const [grant, setGrant] = useState(WHOLE);
  const [made, setMade] = useState<{ name: string; token: string } | null>(null);
  if (made !== null) {
    return (
      <div className="form">
        <p>
          <strong>{texts.pair.credentialMade(made.name)}</strong>. {texts.pair.credentialLead}
        </p>
        <Copy label={texts.pair.credentialMade(made.name)} text={made.token} />
        <div className="buttons">
          <button type="button" className="chip" onClick={() => setMade(null)}>
            {texts.pair.done}
          </button>
        </div>
      </div>
    );
  }
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        void action.run(async () => {
          const { createPeerCredential } = await ask(AdminCreatePeerCredentialDocument, {
            input: {
              name: String(form.get('name')).trim(),
              // Of the other makes none reads from here.
              dialect: 'ARTIFEX',
              grant,
            },
          });
          assertDone(createPeerCredential);
          const { peer, token } = createPeerCredential;
          if (peer !== null && token !== null) setMade({ name: peer.name, token });
        });
      }}
    >
      <p className="quiet">{texts.pair.credentialHint}</p>
      <Field label={texts.pair.credentialName} name="name" error={action.error}>
        {(control) => <input {...control} name="name" required autoComplete="off" maxLength={200} />}
      </Field>
      <Fold title={texts.grant.what} short={inShort(grant)}>
        <GrantForm value={grant} onChange={setGrant} error={action.error} />
      </Fold>
      <Refusal error={action.error} />
      <div className="buttons">
        <button type="submit" className="solid" aria-disabled={action.busy}>
          {texts.pair.credentialMake}
        </button>
      </div>
    </form>
  );
}
