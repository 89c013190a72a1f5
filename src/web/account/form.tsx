/** A form that sends something, is quiet meanwhile, and says why it was refused. */

import { type ReactNode, useState } from 'react';
import { Refused } from '../scripts/ask.ts';

export interface FormProps {
  /** Of the button. */
  action: string;
  /** @returns a sentence where it was refused */
  onSend: (fields: Readonly<Record<string, string>>) => Promise<string | undefined>;
  children: ReactNode;
}

export function Form({ action, onSend, children }: FormProps) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState('');
  return (
    <form
      onSubmit={async (event) => {
        event.preventDefault();
        const form = event.currentTarget;
        const fields = Object.fromEntries(
          [...new FormData(form)].map(([name, value]) => [name, String(value)]),
        );
        setBusy(true);
        setRefusal('');
        const refused = await onSend(fields).catch(sentenceOf);
        setBusy(false);
        if (refused === undefined) form.reset();
        else setRefusal(refused);
      }}
    >
      {children}
      {refusal === '' ? null : (
        <p className="error" role="alert">
          {refusal}
        </p>
      )}
      <button type="submit" className="primary" disabled={busy}>
        {action}
      </button>
    </form>
  );
}

export function sentenceOf(error: unknown): string {
  if (error instanceof Refused) return error.message;
  throw error;
}

/** For whoever keeps passwords: without a name in the form a manager asks whose it is. */
export function NameForManagers({ name }: { name: string }) {
  return <input hidden readOnly type="text" name="username" autoComplete="username" value={name} />;
}

export function CurrentPassword({ id }: { id: string }) {
  return (
    <div className="field">
      <label htmlFor={id}>Current password</label>
      <input
        id={id}
        name="currentPassword"
        type="password"
        autoComplete="current-password"
        maxLength={256}
        required
      />
    </div>
  );
}

export function CodeField({ id, label, hint }: { id: string; label: string; hint?: string }) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        name="code"
        type="text"
        autoComplete="one-time-code"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={64}
        required
        {...(hint !== undefined && { 'aria-describedby': `${id}-hint` })}
      />
      {hint === undefined ? null : (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}
