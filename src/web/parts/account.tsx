/** Who is signed in, and what that person finds behind it. */

import { type ReactNode, useState } from 'react';
import { send } from '../scripts/door.ts';
import { leave, signInHere } from './sign-in-here.ts';
import { shared } from './texts.ts';

export interface AccountProps {
  /** Name of who is signed in; empty for anonymous readers. */
  viewer: string;
  role: string;
  /** Somebody signs out; or could not. */
  onLeaving: (leaving: boolean) => void;
  /** Above signing out. */
  children: ReactNode;
}

/** Of the window, which whoever wants it closed after a click names as `popoverTarget`. */
export const ACCOUNT = 'account';

export function Account({ viewer, role, onLeaving, children }: AccountProps) {
  const [refusal, setRefusal] = useState('');
  const [leaving, setLeaving] = useState(false);
  if (viewer === '') {
    return (
      <a className="solid" href={signInHere()}>
        {shared.signIn}
      </a>
    );
  }
  const signOut = async () => {
    setLeaving(true);
    // The list may be refused before the answer is here, and then leads there itself.
    leave(true);
    onLeaving(true);
    const refused = await send('DELETE', './session');
    if (refused === undefined) location.replace(signInHere());
    else {
      setRefusal(refused);
      leave(false);
      setLeaving(false);
      onLeaving(false);
    }
  };
  return (
    <div className="account">
      <button
        type="button"
        className="face"
        popoverTarget={ACCOUNT}
        aria-label={shared.account}
        title={viewer}
      >
        {[...viewer][0]?.toUpperCase()}
      </button>
      <div id={ACCOUNT} className="menu" popover="auto">
        <p className="who">
          <span className="name">{viewer}</span> <span className="role">{role}</span>
        </p>
        <a href="./account">
          {shared.ownAccount}
          <small>{shared.ownAccountHint}</small>
        </a>
        {children}
        <button type="button" disabled={leaving} onClick={signOut}>
          {shared.signOut}
        </button>
        {refusal === '' ? null : (
          <p className="error" role="alert">
            {refusal}
          </p>
        )}
      </div>
    </div>
  );
}
