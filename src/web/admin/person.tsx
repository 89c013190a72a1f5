/** One person: name, role, whether shut out, password by link, and where he or she is signed in. */

import { type FormEvent, useState } from 'react';
import {
  AdminPersonDocument,
  type AdminPersonQuery,
  AdminResetSecondFactorDocument,
  AdminUpdateUserDocument,
  type PersonFragment,
  type Role,
  type UpdateUserInput,
} from '../generated/graphql.ts';
import { Icon } from '../parts/icons.tsx';
import { Time } from '../parts/time.tsx';
import { ask } from '../scripts/ask.ts';
import { assertDone, useAction, useAsked } from './asked.ts';
import { Link } from './link.tsx';
import { Choices, Confirm, Copy, Facts, Field, Refusal } from './parts.tsx';
import type { SectionProps } from './sections.ts';
import { Sessions, TokenTable } from './sessions.tsx';
import { texts } from './texts.ts';

const words = texts.people;

type PersonFound = Extract<NonNullable<AdminPersonQuery['node']>, { name: string }>;

export const ROLES = (Object.keys(words.roles) as Role[]).map((value) => ({
  value,
  name: words.roles[value],
  hint: words.roleHints[value],
}));

export function Person({ id, go, now, viewer, tell }: SectionProps & { id: string }) {
  const { data, trouble, refresh } = useAsked(AdminPersonDocument, { id });
  const [asking, setAsking] = useState<'reset' | 'disable' | 'second' | null>(null);
  const [link, setLink] = useState<string | null>(null);
  const action = useAction();
  const person =
    data?.node !== null && data?.node !== undefined && 'name' in data.node
      ? (data.node as PersonFound)
      : null;
  const done = (sentence: string) => {
    tell(sentence);
    refresh();
  };
  const update = async (changes: Omit<UpdateUserInput, 'id'>) => {
    const { updateUser } = await ask(AdminUpdateUserDocument, { input: { id, ...changes } });
    assertDone(updateUser);
    return updateUser;
  };
  const own = person?.name === viewer;
  return (
    <>
      <Link className="up" to={{ view: 'people' }} go={go}>
        <Icon name="back" size={18} />
        {words.back}
      </Link>
      <h1>{person?.name ?? words.name}</h1>
      <Refusal error={trouble} retry={refresh} />
      {data === null && trouble === null ? <p role="status">{texts.loading}</p> : null}
      {data !== null && person === null ? <p className="quiet">{words.noSuch}</p> : null}
      {person === null ? null : (
        <>
          <Facts
            facts={[
              [words.role, words.roles[person.role]],
              [
                words.state,
                person.disabledAt === null ? (
                  words.active
                ) : (
                  <span key="out" className="danger">
                    {words.shutOut}
                  </span>
                ),
              ],
              [words.secondFactor, person.secondFactor ? words.hasSecond : null],
              [words.since, <Time key="since" at={person.createdAt} now={now} />],
            ]}
          />
          <section className="card below" aria-labelledby="change">
            <h2 id="change">{words.change}</h2>
            <ChangeForm
              key={`${person.name} ${person.role}`}
              person={person}
              update={update}
              onDone={() => {
                // The bar and the shared stream are named after whoever is signed in, and the page is for admins.
                if (own) location.reload();
                else done(words.changed);
              }}
            />
          </section>
          <section className="card below" aria-labelledby="access">
            <h2 id="access">{words.access}</h2>
            {link === null ? null : <SetupLink link={link} name={person.name} />}
            <div className="buttons">
              <button type="button" className="chip" onClick={() => setAsking('reset')}>
                {words.reset}
              </button>
              {person.secondFactor === true && !own ? (
                <button type="button" className="chip" onClick={() => setAsking('second')}>
                  {words.takeSecond}
                </button>
              ) : null}
              {person.disabledAt === null ? (
                <button type="button" className="chip danger" onClick={() => setAsking('disable')}>
                  {words.disable}
                </button>
              ) : (
                <button
                  type="button"
                  className="chip"
                  disabled={action.busy}
                  onClick={() =>
                    void action.run(async () => {
                      await update({ disabled: false });
                      done(words.enabled(person.name));
                    })
                  }
                >
                  {words.enable}
                </button>
              )}
            </div>
            <Refusal error={action.error} />
          </section>
          <h2>{words.sessions}</h2>
          {person.sessions === null || person.sessions.length === 0 ? (
            <p className="quiet">{words.noSessions}</p>
          ) : (
            <Sessions sessions={person.sessions} now={now} onEnded={done} />
          )}
          <h2>{words.tokens}</h2>
          {person.apiTokens === null || person.apiTokens.length === 0 ? (
            <p className="quiet">{words.noTokens}</p>
          ) : (
            <TokenTable label={words.tokens} tokens={person.apiTokens} now={now} onRevoked={done} />
          )}
          {asking === 'reset' ? (
            <Confirm
              title={words.resetTitle(person.name)}
              happens={words.resetHappens}
              doIt={words.reset}
              danger
              onClose={() => setAsking(null)}
              onConfirm={async () => {
                setLink((await update({ resetPassword: true })).setupUrl);
                done(words.resetDone(person.name));
              }}
            />
          ) : null}
          {asking === 'second' ? (
            <Confirm
              title={words.takeSecondTitle(person.name)}
              happens={words.takeSecondHappens}
              doIt={words.takeSecond}
              danger
              onClose={() => setAsking(null)}
              onConfirm={async () => {
                const { resetSecondFactor } = await ask(AdminResetSecondFactorDocument, { input: { id } });
                assertDone(resetSecondFactor);
                done(words.secondTaken(person.name));
              }}
            />
          ) : null}
          {asking === 'disable' ? (
            <Confirm
              title={words.disableTitle(person.name)}
              happens={words.disableHappens}
              doIt={words.disable}
              danger
              onClose={() => setAsking(null)}
              onConfirm={async () => {
                await update({ disabled: true });
                done(words.disabled(person.name));
              }}
            />
          ) : null}
        </>
      )}
    </>
  );
}

export function SetupLink({ link, name }: { link: string; name: string }) {
  return (
    <>
      <p>{words.linkLead}</p>
      <Copy label={words.linkFor(name)} text={link} />
      <p className="quiet">{words.linkUntil}</p>
    </>
  );
}

interface ChangeFormProps {
  person: PersonFragment;
  update: (changes: Omit<UpdateUserInput, 'id'>) => Promise<unknown>;
  onDone: () => void;
}

function ChangeForm({ person, update, onDone }: ChangeFormProps) {
  const action = useAction();
  const [role, setRole] = useState<Role>(person.role);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get('name')).trim();
    void action.run(async () => {
      await update({
        ...(name !== person.name && { name }),
        ...(role !== person.role && { role }),
      });
      onDone();
    });
  };
  return (
    <form className="form" onSubmit={submit}>
      <Field label={words.nameField} hint={words.nameHint} name="name" error={action.error}>
        {(control) => (
          <input {...control} name="name" defaultValue={person.name} autoComplete="off" required />
        )}
      </Field>
      <Choices label={words.role} value={role} options={ROLES} onChange={setRole} />
      <Refusal error={action.error} />
      <div className="buttons">
        <button type="submit" className="solid" disabled={action.busy}>
          {texts.save}
        </button>
      </div>
    </form>
  );
}
