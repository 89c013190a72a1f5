/** One's own tokens: making one, which is shown once, and revoking. */

import { type FormEvent, useState } from 'react';
import { AdminCreateTokenDocument, AdminMyTokensDocument, type TokenScope } from '../generated/graphql.ts';
import { ask } from '../scripts/ask.ts';
import { assertDone, useAction, useAsked } from './asked.ts';
import { Copy, Field, Refusal, ResultHeading } from './parts.tsx';
import type { SectionProps } from './sections.ts';
import { TokenTable } from './sessions.tsx';
import { texts } from './texts.ts';

const words = texts.tokens;

const SCOPES = Object.keys(words.scopeNames) as TokenScope[];
/** Days that one may live. */
const LIVES = Object.keys(words.lives).map(Number);
const DAY = 86_400_000;

export function Tokens({ now, tell }: SectionProps) {
  const { data, trouble, refresh } = useAsked(AdminMyTokensDocument, {});
  const [made, setMade] = useState<{ name: string; token: string } | null>(null);
  const tokens = data?.viewer?.apiTokens;
  return (
    <>
      <h1>{words.name}</h1>
      <p className="lead">{words.lead}</p>
      <Refusal error={trouble} retry={refresh} />
      {tokens === undefined && trouble === null ? <p role="status">{texts.loading}</p> : null}
      {tokens?.length === 0 ? <p className="quiet">{words.none}</p> : null}
      {tokens === undefined || tokens.length === 0 ? null : (
        <TokenTable
          label={words.name}
          tokens={tokens}
          now={now}
          onRevoked={(sentence) => {
            tell(sentence);
            refresh();
          }}
        />
      )}
      <section className="card below" aria-labelledby="make">
        {made === null ? (
          <>
            <h2 id="make">{words.make}</h2>
            <MakeToken
              onMade={(token) => {
                setMade(token);
                refresh();
              }}
            />
          </>
        ) : (
          <div className="form">
            <ResultHeading id="make">{words.made(made.name)}</ResultHeading>
            <p>{words.madeLead}</p>
            <Copy label={words.theToken} text={made.token} />
            <p className="quiet">{words.madeUse}</p>
            <div className="buttons">
              <button type="button" className="chip" onClick={() => setMade(null)}>
                {texts.people.done}
              </button>
            </div>
          </div>
        )}
      </section>
    </>
  );
}

function MakeToken({ onMade }: { onMade: (made: { name: string; token: string }) => void }) {
  const action = useAction();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const days = Number(form.get('days'));
    void action.run(async () => {
      const { createApiToken } = await ask(AdminCreateTokenDocument, {
        input: {
          name: String(form.get('name')).trim(),
          scopes: SCOPES.filter((scope) => form.has(scope)),
          expiresAt: days === 0 ? null : new Date(Date.now() + days * DAY).toISOString(),
        },
      });
      assertDone(createApiToken);
      const { apiToken, token } = createApiToken;
      if (apiToken !== null && token !== null) onMade({ name: apiToken.name, token });
    });
  };
  return (
    <form className="form" onSubmit={submit}>
      <Field label={words.nameField} hint={words.nameHint} name="name" error={action.error}>
        {(control) => <input {...control} name="name" autoComplete="off" maxLength={100} required />}
      </Field>
      <fieldset className="choices">
        <legend>{words.mayWhat}</legend>
        {SCOPES.map((scope) => (
          <label key={scope}>
            <input type="checkbox" name={scope} defaultChecked={scope === 'CATALOG_READ'} />
            <span>
              {words.scopeNames[scope]} <small>{words.scopeHints[scope]}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <Field label={words.ends} name="expiresAt" error={action.error}>
        {(control) => (
          <select {...control} name="days" defaultValue="90">
            {LIVES.map((days) => (
              <option key={days} value={days}>
                {words.lives[days]}
              </option>
            ))}
            <option value="0">{words.onRevocation}</option>
          </select>
        )}
      </Field>
      <Refusal error={action.error} />
      <div className="buttons">
        <button type="submit" className="solid" disabled={action.busy}>
          {words.makeButton}
        </button>
      </div>
    </form>
  );
}
