/** People: who there is, adding one, and a page for each. */

import { type FormEvent, useState } from 'react';
import {
  AdminCreateUserDocument,
  AdminPeopleDocument,
  type AdminPeopleQuery,
  type PersonFragment,
  type Role,
} from '../generated/graphql.ts';
import { Time } from '../parts/time.tsx';
import { ask } from '../scripts/ask.ts';
import { assertDone, useAction, usePages } from './asked.ts';
import { Link } from './link.tsx';
import { Choices, Field, More, Refusal, ResultHeading, Table } from './parts.tsx';
import { Person, ROLES, SetupLink } from './person.tsx';
import type { SectionProps } from './sections.ts';
import { texts } from './texts.ts';

const words = texts.people;

const peopleOf = ({ users }: AdminPeopleQuery) => users;

export function People(props: SectionProps) {
  const person = props.place['person'] ?? '';
  return person === '' ? <Everybody {...props} /> : <Person {...props} key={person} id={person} />;
}

function Everybody({ go, now, viewer }: SectionProps) {
  const pages = usePages(AdminPeopleDocument, {}, peopleOf);
  const { rows, trouble } = pages;
  return (
    <>
      <h1>{words.name}</h1>
      <p className="lead">{words.lead}</p>
      <Refusal error={trouble} retry={pages.refresh} />
      {rows === null && trouble === null ? <p role="status">{texts.loading}</p> : null}
      {rows === null ? null : (
        <Table<PersonFragment>
          label={words.name}
          rows={rows}
          keyOf={({ id }) => id}
          columns={[
            {
              name: words.person,
              cell: ({ id, name }) => (
                <span>
                  <Link to={{ view: 'people', person: id }} go={go}>
                    {name}
                  </Link>{' '}
                  {name === viewer ? <small>{words.you}</small> : null}
                </span>
              ),
            },
            { name: words.role, cell: ({ role }) => words.roles[role] },
            {
              name: words.state,
              cell: ({ disabledAt }) =>
                disabledAt === null ? words.active : <span className="danger">{words.shutOut}</span>,
            },
            { name: words.since, cell: ({ createdAt }) => <Time at={createdAt} now={now} /> },
          ]}
        />
      )}
      <More more={pages.more} busy={pages.busy} />
      <Add onAdded={pages.refresh} />
    </>
  );
}

/** A person who was added, and the link by which he or she sets the password. */
interface Added {
  name: string;
  link: string | null;
}

function Add({ onAdded }: { onAdded: () => void }) {
  const [added, setAdded] = useState<Added | null>(null);
  return (
    <section className="card below" aria-labelledby="add">
      {added === null ? (
        <>
          <h2 id="add">{words.add}</h2>
          <AddForm
            onAdded={(who) => {
              setAdded(who);
              onAdded();
            }}
          />
        </>
      ) : (
        <div className="form">
          <ResultHeading id="add">
            {added.link === null ? words.created(added.name) : words.linkFor(added.name)}
          </ResultHeading>
          {added.link === null ? null : <SetupLink link={added.link} name={added.name} />}
          <div className="buttons">
            <button type="button" className="chip" onClick={() => setAdded(null)}>
              {words.done}
            </button>
          </div>
        </div>
      )}
    </section>
  );
}

function AddForm({ onAdded }: { onAdded: (added: Added) => void }) {
  const action = useAction();
  const [role, setRole] = useState<Role>('VIEWER');
  const [way, setWay] = useState<'link' | 'password'>('link');
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const name = String(form.get('name')).trim();
    void action.run(async () => {
      const { createUser } = await ask(AdminCreateUserDocument, {
        input: { name, role, ...(way === 'password' && { password: String(form.get('password')) }) },
      });
      assertDone(createUser);
      onAdded({ name: createUser.user?.name ?? name, link: createUser.setupUrl });
    });
  };
  return (
    <form className="form" onSubmit={submit}>
      <Field label={words.nameField} hint={words.nameHint} name="name" error={action.error}>
        {(control) => <input {...control} name="name" autoComplete="off" required />}
      </Field>
      <Choices label={words.role} value={role} options={ROLES} onChange={setRole} />
      <Choices
        label={words.way}
        value={way}
        onChange={setWay}
        options={[
          { value: 'link', name: words.byLink, hint: words.byLinkHint },
          { value: 'password', name: words.byPassword, hint: words.byPasswordHint },
        ]}
      />
      {way === 'link' ? null : (
        <Field label={words.password} name="password" error={action.error}>
          {(control) => (
            <input {...control} type="password" name="password" autoComplete="new-password" required />
          )}
        </Field>
      )}
      <Refusal error={action.error} />
      <div className="buttons">
        <button type="submit" className="solid" disabled={action.busy}>
          {words.create}
        </button>
      </div>
    </form>
  );
}
