/** What an admin changes about a peer: each group of it in a window of its own. */

import { type FormEvent, type ReactNode, useState } from 'react';
import type {
  Audience,
  CacheMode,
  GrantFieldsFragment,
  UpdatePeerInput,
  WholePeerFragment,
} from '../generated/graphql.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Amount } from './amount.tsx';
import { type Action, useAction } from './asked.ts';
import { GrantForm, grantInputOf } from './grant.tsx';
import { Choices, Field, Refusal } from './parts.tsx';
import { texts } from './texts.ts';

interface FormProps {
  save: (input: Omit<UpdatePeerInput, 'id'>) => Promise<void>;
  onClose: () => void;
}

type Operations = NonNullable<WholePeerFragment['operations']>;

const CACHE_MODES: readonly CacheMode[] = ['ON_ACCESS', 'MIRROR', 'THUMBNAILS', 'NONE'];
const AUDIENCES: readonly Audience[] = ['ADMINS', 'USERS', 'ANYONE'];

export function ChangeSettings({
  peer: now,
  pull: pullNow,
  save,
  onClose,
}: FormProps & { peer: WholePeerFragment; pull: NonNullable<Operations['pull']> }) {
  const action = useAction();
  // As it was when the fields were filled: what has changed since is not changed back by whoever did not touch it.
  const [{ peer, pull }] = useState({ peer: now, pull: pullNow });
  const endpoint = peer.operations?.endpoint ?? '';
  const [cacheMode, setCacheMode] = useState(pull.cacheMode);
  const [audience, setAudience] = useState(pull.audience);
  const [budget, setBudget] = useState<string | null | undefined>(pull.cacheBudget);
  return (
    <FormDialog
      title={texts.peer.changeTake}
      action={action}
      onClose={onClose}
      onSave={async (form) => {
        if (budget === undefined) throw new Error(texts.notANumber(texts.peer.fieldBudget));
        const name = String(form.get('name')).trim();
        const address = String(form.get('endpoint')).trim();
        const interval = wholeNumber(form.get('interval'), texts.peer.fieldInterval);
        await save({
          ...(name !== peer.name && { name }),
          ...(address !== endpoint && { endpoint: address }),
          ...(interval !== pull.interval && { interval }),
          ...(cacheMode !== pull.cacheMode && { cacheMode }),
          ...(audience !== pull.audience && { audience }),
          ...(budget !== pull.cacheBudget && { cacheBudget: budget }),
        });
      }}
    >
      <Field label={texts.peer.fieldName} name="name" error={action.error}>
        {(control) => <input {...control} name="name" defaultValue={peer.name} autoComplete="off" required />}
      </Field>
      <Choices
        label={texts.peer.facts.audience}
        value={audience}
        options={AUDIENCES.map((value) => ({ value, ...texts.peer.audience(value) }))}
        onChange={setAudience}
      />
      <Choices
        label={texts.peer.facts.cache}
        value={cacheMode}
        options={CACHE_MODES.map((value) => ({ value, ...texts.peer.cacheMode(value) }))}
        onChange={setCacheMode}
      />
      <Amount
        label={texts.peer.fieldBudget}
        hint={texts.peer.budgetHint}
        name="cacheBudget"
        error={action.error}
        value={pull.cacheBudget}
        onChange={setBudget}
      />
      <Field
        label={texts.peer.fieldInterval}
        hint={texts.peer.intervalHint}
        name="interval"
        error={action.error}
      >
        {(control) => (
          <input
            {...control}
            name="interval"
            inputMode="numeric"
            defaultValue={pull.interval}
            autoComplete="off"
          />
        )}
      </Field>
      <Field
        label={texts.peer.fieldEndpoint}
        hint={texts.peer.endpointHint}
        name="endpoint"
        error={action.error}
      >
        {(control) => (
          <input
            {...control}
            name="endpoint"
            type="url"
            defaultValue={endpoint}
            autoComplete="off"
            required
          />
        )}
      </Field>
    </FormDialog>
  );
}

export function ChangeLimits({
  limits,
  save,
  onClose,
}: FormProps & { limits: NonNullable<Operations['serve']>['limits'] }) {
  const action = useAction();
  const [speed, setSpeed] = useState<string | null | undefined>(limits.bytesPerSecond);
  return (
    <FormDialog
      title={texts.peer.changeLimits}
      action={action}
      onClose={onClose}
      onSave={async (form) => {
        if (speed === undefined) throw new Error(texts.notANumber(texts.peer.fieldSpeed));
        await save({
          limits: {
            requestsPerMinute: wholeNumber(form.get('requests'), texts.peer.fieldRequests),
            bytesPerSecond: speed,
            concurrentStreams: wholeNumber(form.get('streams'), texts.peer.fieldStreams),
          },
        });
      }}
    >
      <Field label={texts.peer.fieldRequests} name="requestsPerMinute" error={action.error}>
        {(control) => (
          <input {...control} name="requests" inputMode="numeric" defaultValue={limits.requestsPerMinute} />
        )}
      </Field>
      <Amount
        label={texts.peer.fieldSpeed}
        hint={texts.peer.speedHint}
        name="bytesPerSecond"
        error={action.error}
        value={limits.bytesPerSecond}
        onChange={setSpeed}
      />
      <Field label={texts.peer.fieldStreams} name="concurrentStreams" error={action.error}>
        {(control) => (
          <input {...control} name="streams" inputMode="numeric" defaultValue={limits.concurrentStreams} />
        )}
      </Field>
    </FormDialog>
  );
}

export function ChangeGrant({ grant, save, onClose }: FormProps & { grant: GrantFieldsFragment }) {
  const action = useAction();
  const [value, setValue] = useState(() => grantInputOf(grant));
  return (
    <FormDialog
      title={texts.peer.changeGrant}
      action={action}
      onClose={onClose}
      onSave={() => save({ grant: value })}
    >
      <GrantForm value={value} onChange={setValue} error={action.error} />
      <p className="hint">{texts.peer.grantHappens}</p>
    </FormDialog>
  );
}

function FormDialog({
  title,
  action,
  onSave,
  onClose,
  children,
}: {
  title: string;
  action: Action;
  onSave: (form: FormData) => Promise<void>;
  onClose: () => void;
  children: ReactNode;
}) {
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    if (await action.run(() => onSave(form))) onClose();
  };
  return (
    <Dialog className="wide" title={title} onClose={onClose}>
      <form className="form" onSubmit={submit}>
        {children}
        <Refusal error={action.error} />
        <div className="buttons">
          <button type="submit" className="solid" aria-disabled={action.busy}>
            {texts.save}
          </button>
          <button type="button" className="chip" onClick={onClose}>
            {texts.cancel}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** @throws Error with a sentence, where it is none */
function wholeNumber(value: FormDataEntryValue | null, field: string): number {
  const text = String(value).replaceAll(',', '').trim();
  if (!/^\d{1,9}$/.test(text)) throw new Error(texts.notANumber(field));
  return Number(text);
}
