/** Automated agents: those that this server tells its peers of, and those of peers. */

import { type FormEvent, useState } from 'react';
import {
  AdminAgentsDocument,
  AdminPublishAgentsDocument,
  type AgentLineFragment,
} from '../generated/graphql.ts';
import { Dialog } from '../parts/dialog.tsx';
import { ask } from '../scripts/ask.ts';
import { assertDone, useAction, useAsked } from './asked.ts';
import { Confirm, Field, Refusal } from './parts.tsx';
import type { SectionProps } from './sections.ts';
import { texts } from './texts.ts';

const words = texts.agents;

/** What is being changed: an agent by its place in the list; one more where it is at the end of it. */
interface Change {
  at: number;
  how: 'edit' | 'remove';
}

export function Agents({ pulse, tell }: SectionProps) {
  const { data, trouble, refresh } = useAsked(AdminAgentsDocument, {}, pulse);
  const [change, setChange] = useState<Change | null>(null);
  const own = data?.instance.agents ?? [];
  const peers = data?.peers.nodes.filter(({ agents }) => agents.length > 0) ?? [];
  /** All of them are said each time; what is not named is published no longer. */
  const publish = async (agents: readonly AgentLineFragment[]) => {
    const { publishAgents } = await ask(AdminPublishAgentsDocument, {
      input: {
        agents: agents.map(({ name, description, url, version, skills }) => ({
          name,
          description,
          url,
          version,
          skills,
        })),
      },
    });
    assertDone(publishAgents);
    tell(words.published);
    refresh();
  };
  return (
    <>
      <h1>{words.name}</h1>
      <p className="lead">{words.lead}</p>
      <Refusal error={trouble} retry={refresh} />
      {data === null && trouble === null ? <p role="status">{texts.loading}</p> : null}
      {data === null ? null : (
        <>
          {data.instance.federation ? null : <p className="notice">{words.off}</p>}
          <h2>{words.own}</h2>
          {own.length === 0 ? <p className="quiet">{words.none}</p> : null}
          <ul className="cards">
            {own.map((agent, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two may be called the same, and the list is made anew as a whole
              <li className="card" key={at}>
                <AgentText agent={agent} />
                <div className="buttons after">
                  <button
                    type="button"
                    className="chip small"
                    aria-label={words.editOf(agent.name)}
                    onClick={() => setChange({ at, how: 'edit' })}
                  >
                    {words.edit}
                  </button>
                  <button
                    type="button"
                    className="chip small"
                    aria-label={words.removeOf(agent.name)}
                    onClick={() => setChange({ at, how: 'remove' })}
                  >
                    {words.remove}
                  </button>
                </div>
              </li>
            ))}
          </ul>
          <p className="after">
            <button
              type="button"
              className="solid"
              onClick={() => setChange({ at: own.length, how: 'edit' })}
            >
              {words.add}
            </button>
          </p>
          <h2>{words.ofPeers}</h2>
          {peers.length === 0 ? <p className="quiet">{words.noneOfPeers}</p> : null}
          {peers.map((peer) => (
            <section key={peer.id} aria-labelledby={peer.id}>
              <h3 id={peer.id}>{peer.name}</h3>
              <ul className="cards">
                {peer.agents.map((agent, at) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: two may be called the same, and the list is made anew as a whole
                  <li className="card" key={at}>
                    <AgentText agent={agent} />
                  </li>
                ))}
              </ul>
            </section>
          ))}
          {change?.how === 'edit' ? (
            <AgentForm
              agent={own[change.at]}
              onClose={() => setChange(null)}
              onPublish={(agent) => publish(own.toSpliced(change.at, 1, agent))}
            />
          ) : null}
          {change?.how === 'remove' ? (
            <Confirm
              title={words.removeTitle(own[change.at]?.name ?? '')}
              happens={words.removeHappens}
              doIt={words.remove}
              danger
              onClose={() => setChange(null)}
              onConfirm={() => publish(own.toSpliced(change.at, 1))}
            />
          ) : null}
        </>
      )}
    </>
  );
}

function AgentText({ agent }: { agent: AgentLineFragment }) {
  return (
    <>
      <p>
        <strong>{agent.name}</strong>{' '}
        {agent.version === null ? null : <small className="quiet">{words.version(agent.version)}</small>}
      </p>
      {agent.description === null ? null : <p>{agent.description}</p>}
      {agent.skills.length === 0 ? null : <p className="hint">{words.skills(agent.skills)}</p>}
      {/* A peer's address is shown and not led to: whoever wants to go there copies it. */}
      {agent.url === null ? null : (
        <p>
          <code>{agent.url}</code>
        </p>
      )}
    </>
  );
}

interface AgentFormProps {
  /** Undefined: a new one. */
  agent: AgentLineFragment | undefined;
  onPublish: (agent: AgentLineFragment) => Promise<void>;
  onClose: () => void;
}

function AgentForm({ agent, onPublish, onClose }: AgentFormProps) {
  const action = useAction();
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name)).trim();
    const published = await action.run(() =>
      onPublish({
        name: text('name'),
        description: text('description') || null,
        url: text('url') || null,
        version: text('version') || null,
        skills: text('skills')
          .split(',')
          .map((skill) => skill.trim())
          .filter((skill) => skill !== ''),
      }),
    );
    if (published) onClose();
  };
  return (
    <Dialog title={agent === undefined ? words.add : words.editOf(agent.name)} onClose={onClose}>
      <form className="form" onSubmit={submit}>
        <Field label={words.nameField} name="name" error={action.error}>
          {(control) => (
            <input {...control} name="name" defaultValue={agent?.name ?? ''} maxLength={200} required />
          )}
        </Field>
        <Field label={words.description} name="description" error={action.error}>
          {(control) => (
            <textarea
              {...control}
              name="description"
              defaultValue={agent?.description ?? ''}
              rows={3}
              maxLength={10_000}
            />
          )}
        </Field>
        <Field label={words.url} hint={words.urlHint} name="url" error={action.error}>
          {(control) => <input {...control} type="url" name="url" defaultValue={agent?.url ?? ''} />}
        </Field>
        <Field label={words.versionField} name="version" error={action.error}>
          {(control) => (
            <input {...control} name="version" defaultValue={agent?.version ?? ''} maxLength={200} />
          )}
        </Field>
        <Field label={words.skillsField} hint={words.skillsHint} name="skills" error={action.error}>
          {(control) => <input {...control} name="skills" defaultValue={agent?.skills.join(', ') ?? ''} />}
        </Field>
        <Refusal error={action.error} />
        <div className="buttons">
          <button type="submit" className="solid" disabled={action.busy}>
            {words.publish}
          </button>
          <button type="button" className="chip" onClick={onClose}>
            {texts.cancel}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
