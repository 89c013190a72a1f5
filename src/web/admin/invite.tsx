/** Making an invitation: what it opens, for how long, and the string to hand over. */

import { useState } from 'react';
import { AdminCreateInvitationDocument, type InvitationLineFragment } from '../generated/graphql.ts';
import { ask } from '../scripts/ask.ts';
import { assertDone, useAction } from './asked.ts';
import { GrantForm, inShort, WHOLE } from './grant.tsx';
import { Copy, Field, Fold, Refusal, ResultHeading } from './parts.tsx';
import { texts } from './texts.ts';

const MINUTES = [60, 30, 10];

export function Invite({ onMade }: { onMade: () => void }) {
  const [made, setMade] = useState<{ code: string; invitation: InvitationLineFragment } | null>(null);
  return (
    <section className="card" aria-labelledby="invite">
      {made === null ? (
        <h2 id="invite">{texts.pair.invite}</h2>
      ) : (
        <ResultHeading id="invite">{texts.pair.made}</ResultHeading>
      )}
      {made === null ? (
        <InviteForm
          onMade={(code, invitation) => {
            setMade({ code, invitation });
            onMade();
          }}
        />
      ) : (
        <div className="form">
          <p>{texts.pair.madeLead}</p>
          <Copy label={texts.pair.code} text={made.code} />
          <p>
            {texts.pair.itOpens(made.invitation.mediaCount, made.invitation.placedCount)}{' '}
            {texts.pair.worksUntil(made.invitation.expiresAt)}
          </p>
          <div className="buttons">
            <button type="button" className="chip" onClick={() => setMade(null)}>
              {texts.pair.another}
            </button>
          </div>
        </div>
      )}
    </section>
  );
}

function InviteForm({ onMade }: { onMade: (code: string, invitation: InvitationLineFragment) => void }) {
  const action = useAction();
  const [grant, setGrant] = useState(WHOLE);
  const [mutual, setMutual] = useState(false);
  const [privateEndpoint, setPrivateEndpoint] = useState(false);
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        void action.run(async () => {
          const { createInvitation } = await ask(AdminCreateInvitationDocument, {
            input: {
              note: String(form.get('note')).trim() || null,
              mutual,
              allowPrivateEndpoint: mutual && privateEndpoint,
              grant,
              expiresInMinutes: Number(form.get('expires')),
            },
          });
          assertDone(createInvitation);
          const { code, invitation } = createInvitation;
          if (code !== null && invitation !== null) onMade(code, invitation);
        });
      }}
    >
      <p className="quiet">{texts.pair.inviteLead}</p>
      <Field label={texts.pair.note} hint={texts.pair.noteHint} name="note" error={action.error}>
        {(control) => <input {...control} name="note" autoComplete="off" maxLength={500} />}
      </Field>
      <Fold title={texts.pair.opens} short={inShort(grant)}>
        <GrantForm value={grant} onChange={setGrant} error={action.error} />
      </Fold>
      <label className="check">
        <input type="checkbox" checked={mutual} onChange={({ target }) => setMutual(target.checked)} />
        <span>
          {texts.pair.mutual}
          <small>{texts.pair.mutualHint}</small>
        </span>
      </label>
      {mutual ? (
        <label className="check">
          <input
            type="checkbox"
            checked={privateEndpoint}
            onChange={({ target }) => setPrivateEndpoint(target.checked)}
          />
          <span>
            {texts.pair.privateEndpoint}
            <small>{texts.pair.privateHint}</small>
          </span>
        </label>
      ) : null}
      <Field label={texts.pair.expires} name="expiresInMinutes" error={action.error}>
        {(control) => (
          <select {...control} name="expires">
            {MINUTES.map((minutes) => (
              <option key={minutes} value={minutes}>
                {texts.pair.minutes(minutes)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Refusal error={action.error} />
      <div className="buttons">
        <button type="submit" className="solid" aria-disabled={action.busy}>
          {texts.pair.make}
        </button>
      </div>
    </form>
  );
}
