/** What is one's own: name, password, and the browsers in which one is signed in. */

import type { FormEvent } from 'react';
import { AdminMyselfDocument, AdminUpdateUserDocument, type PersonFragment } from '../generated/graphql.ts';
import { ask } from '../scripts/ask.ts';
import { assertDone, useAction, useAsked } from './asked.ts';
import { Field, Refusal } from './parts.tsx';
import type { SectionProps } from './sections.ts';
import { Sessions } from './sessions.tsx';
import { texts } from './texts.ts';

const words = texts.account;

export function Account({ now, tell }: SectionProps) {
  const { data, trouble, refresh } = useAsked(AdminMyselfDocument, {});
  const viewer = data?.viewer;
  const done = (sentence: string) => {
    tell(sentence);
    refresh();
  };
  return (
    <>
      <h1>{words.name}</h1>
      <Refusal error={trouble} retry={refresh} />
      {viewer === undefined && trouble === null ? <p role="status">{texts.loading}</p> : null}
      {viewer?.user == null ? null : (
        <>
          <section className="card" aria-labelledby="own-name">
            <h2 id="own-name">{words.nameTitle}</h2>
            <Name user={viewer.user} />
          </section>
          <section className="card" aria-labelledby="own-password">
            <h2 id="own-password">{words.passwordTitle}</h2>
            <Password user={viewer.user} onDone={done} />
          </section>
          <h2>{words.sessions}</h2>
          <Sessions sessions={viewer.sessions} now={now} onEnded={done} />
        </>
      )}
    </>
  );
}

interface OwnProps {
  user: PersonFragment;
  onDone: (sentence: string) => void;
}

function Name({ user }: Pick<OwnProps, 'user'>) {
  const action = useAction();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get('name')).trim();
    void action.run(async () => {
      const { updateUser } = await ask(AdminUpdateUserDocument, { input: { id: user.id, name } });
      assertDone(updateUser);
      // The bar and the shared stream are named after whoever is signed in.
      location.reload();
    });
  };
  return (
    <form className="form" onSubmit={submit}>
      <Field label={texts.people.nameField} hint={texts.people.nameHint} name="name" error={action.error}>
        {(control) => (
          <input {...control} name="name" defaultValue={user.name} autoComplete="username" required />
        )}
      </Field>
      <Refusal error={action.error} />
      <div className="buttons">
        <button type="submit" className="solid" disabled={action.busy}>
          {texts.save}
        </button>
      </div>
    </form>
  );
}

function Password({ user, onDone }: OwnProps) {
  const action = useAction();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    void action.run(async () => {
      const { updateUser } = await ask(AdminUpdateUserDocument, {
        input: {
          id: user.id,
          password: String(form.get('password')),
          currentPassword: String(form.get('currentPassword')),
        },
      });
      assertDone(updateUser);
      element.reset();
      onDone(words.passwordChanged);
    });
  };
  return (
    <form className="form" onSubmit={submit}>
      {/* For the program that keeps passwords. */}
      <input type="text" name="username" autoComplete="username" value={user.name} readOnly hidden />
      <Field label={words.current} name="currentPassword" error={action.error}>
        {(control) => (
          <input
            {...control}
            type="password"
            name="currentPassword"
            autoComplete="current-password"
            required
          />
        )}
      </Field>
      <Field label={words.next} hint={words.passwordHint} name="password" error={action.error}>
        {(control) => (
          <input {...control} type="password" name="password" autoComplete="new-password" required />
        )}
      </Field>
      <Refusal error={action.error} />
      <div className="buttons">
        <button type="submit" className="solid" disabled={action.busy}>
          {words.changePassword}
        </button>
      </div>
    </form>
  );
}
