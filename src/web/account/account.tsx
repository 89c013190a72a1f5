/** What a person does about the own account: the second factor, the password, the browsers that are signed in. */

import { useCallback, useEffect, useState } from 'react';
import { AccountDocument, AccountEndSessionDocument, type AccountQuery } from '../generated/graphql.ts';
import { ask } from '../scripts/ask.ts';
import { browserOf } from '../scripts/browser-name.ts';
import { relative } from '../scripts/words.ts';
import { sentenceOf } from './form.tsx';
import { Password } from './password.tsx';
import { SecondFactor } from './second-factor.tsx';

type Viewer = NonNullable<AccountQuery['viewer']>;

export function Account({ name }: { name: string }) {
  const [viewer, setViewer] = useState<Viewer | null>(null);
  const [refusal, setRefusal] = useState('');
  const load = useCallback(async () => {
    try {
      const answer = await ask(AccountDocument, {});
      setViewer(answer.viewer ?? null);
      setRefusal('');
    } catch (error) {
      setRefusal(sentenceOf(error));
    }
  }, []);
  useEffect(() => {
    void load();
  }, [load]);

  return (
    <>
      {refusal === '' ? null : (
        <p className="error" role="alert">
          {refusal}
        </p>
      )}
      {viewer?.user == null ? null : (
        <>
          <SecondFactor name={name} inForce={viewer.secondFactor ?? null} onChange={load} />
          <Password id={viewer.user.id} name={name} onChange={load} />
          <Browsers sessions={viewer.sessions} onChange={load} />
        </>
      )}
    </>
  );
}

function Browsers({ sessions, onChange }: { sessions: Viewer['sessions']; onChange: () => Promise<void> }) {
  const [ending, setEnding] = useState('');
  const [refusal, setRefusal] = useState('');
  const end = async (id: string) => {
    setEnding(id);
    try {
      const { endSession } = await ask(AccountEndSessionDocument, { id });
      setRefusal(endSession.userErrors[0]?.message ?? '');
      await onChange();
    } catch (error) {
      setRefusal(sentenceOf(error));
    }
    setEnding('');
  };
  return (
    <section className="account-part">
      <h2>Browsers that are signed in</h2>
      <ul className="browsers">
        {sessions.map(({ id, userAgent, lastSeenAt, current }) => (
          <li key={id}>
            <span>
              {browserOf(userAgent) ?? 'A program'}
              <small>{current ? 'This one' : `Seen ${relative(lastSeenAt, Date.now())}`}</small>
            </span>
            {current ? null : (
              <button type="button" className="plain" disabled={ending === id} onClick={() => end(id)}>
                Sign out
              </button>
            )}
          </li>
        ))}
      </ul>
      {refusal === '' ? null : (
        <p className="error" role="alert">
          {refusal}
        </p>
      )}
    </section>
  );
}
