/** Codes of an authenticator app beside the password: set up, replaced, turned off. */

import { useState } from 'react';
import {
  AccountBeginSecondFactorDocument,
  AccountConfirmSecondFactorDocument,
  AccountEndSecondFactorDocument,
  AccountRenewRecoveryCodesDocument,
} from '../generated/graphql.ts';
import { ask } from '../scripts/ask.ts';
import { count } from '../scripts/words.ts';
import { CodeField, CurrentPassword, Form, NameForManagers } from './form.tsx';
import { QrCode } from './qr-code.tsx';

export interface SecondFactorProps {
  name: string;
  inForce: { since: string; recoveryCodesLeft: number } | null;
  onChange: () => Promise<void>;
}

export function SecondFactor({ name, inForce, onChange }: SecondFactorProps) {
  const [codes, setCodes] = useState<readonly string[]>([]);
  if (codes.length > 0) return <RecoveryCodes codes={codes} onKept={() => setCodes([])} />;
  const show = async (made: readonly string[]) => {
    setCodes(made);
    await onChange();
  };
  return inForce === null ? (
    <SetUp name={name} onCodes={show} />
  ) : (
    <InForce name={name} inForce={inForce} onCodes={show} onChange={onChange} />
  );
}

interface Begun {
  secret: string;
  url: string;
}

function SetUp({ name, onCodes }: { name: string; onCodes: (codes: readonly string[]) => Promise<void> }) {
  const [begun, setBegun] = useState<Begun | null>(null);
  return (
    <section className="account-part">
      <h2>Second factor</h2>
      {begun === null ? (
        <>
          <p>
            Signing in can ask for a code from an authenticator app beside the password. Then the password
            alone opens nothing.
          </p>
          <details>
            <summary>Set up an app</summary>
            <Form
              action="Go on"
              onSend={async ({ currentPassword = '' }) => {
                const { beginSecondFactor } = await ask(AccountBeginSecondFactorDocument, {
                  currentPassword,
                });
                const { secret, url, userErrors } = beginSecondFactor;
                if (secret != null && url != null) setBegun({ secret, url });
                return userErrors[0]?.message;
              }}
            >
              <NameForManagers name={name} />
              <CurrentPassword id="second-factor-current" />
            </Form>
          </details>
        </>
      ) : (
        <>
          <p>Scan this with the app:</p>
          <QrCode text={begun.url} label="QR code for the authenticator app" />
          <p>
            Or type it in: <code className="secret">{begun.secret}</code>
          </p>
          <Form
            action="Turn it on"
            onSend={async ({ code = '' }) => {
              const { confirmSecondFactor } = await ask(AccountConfirmSecondFactorDocument, { code });
              const { recoveryCodes, userErrors } = confirmSecondFactor;
              if (recoveryCodes != null) await onCodes(recoveryCodes);
              return userErrors[0]?.message;
            }}
          >
            <CodeField
              id="second-factor-code"
              label="Code that the app shows"
              hint="Six digits. Every other browser is signed out."
            />
          </Form>
        </>
      )}
    </section>
  );
}

interface InForceProps {
  name: string;
  inForce: NonNullable<SecondFactorProps['inForce']>;
  onCodes: (codes: readonly string[]) => Promise<void>;
  onChange: () => Promise<void>;
}

function InForce({ name, inForce, onCodes, onChange }: InForceProps) {
  const { since, recoveryCodesLeft } = inForce;
  return (
    <section className="account-part">
      <h2>Second factor</h2>
      <p>
        On since {new Date(since).toLocaleDateString('en', { dateStyle: 'long' })};{' '}
        {count(recoveryCodesLeft, 'recovery code')} left.
      </p>
      <details>
        <summary>New recovery codes</summary>
        <Form
          action="Make new ones"
          onSend={async ({ currentPassword = '', code = '' }) => {
            const { renewRecoveryCodes } = await ask(AccountRenewRecoveryCodesDocument, {
              currentPassword,
              code,
            });
            const { recoveryCodes, userErrors } = renewRecoveryCodes;
            if (recoveryCodes != null) await onCodes(recoveryCodes);
            return userErrors[0]?.message;
          }}
        >
          <NameForManagers name={name} />
          <CurrentPassword id="renew-current" />
          <CodeField id="renew-code" label="Code" hint="Of the app, or a recovery code." />
        </Form>
      </details>
      <details>
        <summary>Turn it off</summary>
        <Form
          action="Turn it off"
          onSend={async ({ currentPassword = '', code = '' }) => {
            const { endSecondFactor } = await ask(AccountEndSecondFactorDocument, { currentPassword, code });
            const refusal = endSecondFactor.userErrors[0]?.message;
            if (refusal === undefined) await onChange();
            return refusal;
          }}
        >
          <NameForManagers name={name} />
          <CurrentPassword id="end-current" />
          <CodeField id="end-code" label="Code" hint="Of the app, or a recovery code." />
        </Form>
      </details>
    </section>
  );
}

function RecoveryCodes({ codes, onKept }: { codes: readonly string[]; onKept: () => void }) {
  return (
    <section className="account-part">
      <h2>Recovery codes</h2>
      <p role="status">
        The second factor is on. Where the app is lost, each of these is good once in place of a code. They
        are shown only now: print them, or keep them where you keep passwords.
      </p>
      <ol className="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ol>
      <p>
        <button type="button" className="primary" onClick={onKept}>
          I have kept them
        </button>
      </p>
    </section>
  );
}
