import { useState } from 'react';
import { AccountSetPasswordDocument } from '../generated/graphql.ts';
import { ask } from '../scripts/ask.ts';
import { CurrentPassword, Form, NameForManagers } from './form.tsx';

export function Password({
  id,
  name,
  onChange,
}: {
  id: string;
  name: string;
  onChange: () => Promise<void>;
}) {
  const [changed, setChanged] = useState(false);
  return (
    <section className="account-part">
      <h2>Password</h2>
      {changed ? (
        <p className="notice" role="status">
          The password is changed, and every other browser is signed out.
        </p>
      ) : null}
      <details>
        <summary>Change the password</summary>
        <Form
          action="Change the password"
          onSend={async ({ currentPassword = '', password = '' }) => {
            setChanged(false);
            const { updateUser } = await ask(AccountSetPasswordDocument, { id, password, currentPassword });
            const refusal = updateUser.userErrors[0]?.message;
            if (refusal === undefined) {
              setChanged(true);
              await onChange();
            }
            return refusal;
          }}
        >
          <NameForManagers name={name} />
          <CurrentPassword id="password-current" />
          <div className="field">
            <label htmlFor="password-new">New password</label>
            <input
              id="password-new"
              name="password"
              type="password"
              autoComplete="new-password"
              minLength={12}
              maxLength={256}
              aria-describedby="password-new-hint"
              required
            />
            <p className="hint" id="password-new-hint">
              At least 12 characters. A few words that you remember beat one that you do not.
            </p>
          </div>
        </Form>
      </details>
    </section>
  );
}
