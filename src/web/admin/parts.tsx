/** What the sections are built of. */

import { type ReactNode, useId, useRef, useState } from 'react';
import { Dialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icons.tsx';
import { Refused } from '../scripts/ask.ts';
import { type Action, Unmet, useAction } from './asked.ts';
import { texts } from './texts.ts';

/** What went wrong, and what to do about it. */
export function Refusal({ error, retry }: { error: Error | null; retry?: () => void }) {
  if (error === null) return null;
  const entries =
    error instanceof Unmet
      ? error.userErrors
      : [{ code: error instanceof Refused ? error.code : '', message: error.message }];
  return (
    <div className="error" role="alert">
      {entries.map(({ code, message }) => (
        <p key={`${code} ${message}`}>
          {message} {texts.advice(code)}
        </p>
      ))}
      {retry === undefined ? null : (
        <button type="button" className="link" onClick={retry}>
          {texts.retry}
        </button>
      )}
    </div>
  );
}

export interface Column<Row> {
  name: string;
  cell: (row: Row) => ReactNode;
  numeric?: boolean;
}

export interface TableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
}

/** A table; on a phone a card for each row, in which each cell has its column's name beside it. */
export function Table<Row>({ label, columns, rows, keyOf }: TableProps<Row>) {
  return (
    <table className="rows" aria-label={label}>
      <thead>
        <tr>
          {columns.map(({ name, numeric }) => (
            <th key={name} scope="col" className={numeric ? 'numeric' : ''}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map(({ name, cell, numeric }) => (
              <td key={name} data-label={name} className={numeric ? 'numeric' : ''}>
                <span>{cell(row)}</span>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The heading of what has come of a form: read next, and in sight, since the form that had the focus is gone. */
export function ResultHeading({ id, children }: { id: string; children: ReactNode }) {
  return (
    <h2 id={id} tabIndex={-1} ref={focusOnce}>
      {children}
    </h2>
  );
}

/** One function, so that React calls it when the heading appears and not whenever something changes. */
function focusOnce(heading: HTMLHeadingElement | null): void {
  heading?.focus();
}

/** The way to the rest of a list. */
export function More({ more, busy }: { more: (() => void) | null; busy: boolean }) {
  if (more === null) return null;
  return (
    <button type="button" className="chip" aria-disabled={busy} onClick={more}>
      {texts.more}
    </button>
  );
}

/** Names and what stands behind them; what is null or empty is left out. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className="facts">
      {facts
        .filter(([, value]) => value !== null && value !== undefined && value !== '' && value !== false)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

export interface FieldProps {
  label: string;
  hint?: ReactNode;
  /** Name of the field in the input, as `userErrors` say it; its error stands beside it. */
  name?: string;
  error?: Error | null;
  children: (control: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true }) => ReactNode;
}

/** A control with its label, what it is for, and what is wrong with it. */
export function Field({ label, hint, name, error = null, children }: FieldProps) {
  const id = useId();
  const wrong =
    error instanceof Unmet && name !== undefined
      ? error.userErrors.filter(({ field }) => field?.at(-1) === name || field?.join('.') === name)
      : [];
  const described = [hint === undefined ? '' : `${id}-hint`, wrong.length === 0 ? '' : `${id}-error`]
    .filter((part) => part !== '')
    .join(' ');
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        ...(described !== '' && { 'aria-describedby': described }),
        ...(wrong.length > 0 && { 'aria-invalid': true }),
      })}
      {hint === undefined ? null : (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {wrong.length === 0 ? null : (
        <p className="wrong" id={`${id}-error`}>
          {wrong.map(({ message }) => message).join(' ')}
        </p>
      )}
    </div>
  );
}

export interface ChoicesProps<Value extends string> {
  label: string;
  value: Value;
  options: readonly { value: Value; name: string; hint?: string }[];
  onChange: (value: Value) => void;
}

/** One of a few, each with what it means. */
export function Choices<Value extends string>({ label, value, options, onChange }: ChoicesProps<Value>) {
  const group = useId();
  return (
    <fieldset className="choices">
      <legend>{label}</legend>
      {options.map((option) => (
        <label key={option.value}>
          <input
            type="radio"
            name={group}
            value={option.value}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          <span>
            {option.name}
            {option.hint === undefined ? null : <small>{option.hint}</small>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

export interface FoldProps {
  title: string;
  /** What is folded away, in a few words. */
  short?: string;
  children: ReactNode;
}

/** What is folded away until somebody opens it; nothing of it is drawn or asked for before. */
export function Fold({ title, short, children }: FoldProps) {
  const [opened, setOpened] = useState(false);
  return (
    <details className="fold" onToggle={() => setOpened(true)}>
      <summary>
        {title} {short === undefined ? null : <small>{short}</small>}
      </summary>
      {opened ? children : null}
    </details>
  );
}

export interface ConfirmProps {
  title: string;
  /** What will happen, a sentence each. */
  happens: readonly string[];
  /** What the button says. */
  doIt: string;
  danger?: boolean;
  /** Throws where it cannot be done; else the window closes. */
  onConfirm: () => Promise<void>;
  onClose: () => void;
  /** What the button says that leaves all as it is. */
  leave?: string;
  /** What is to be chosen before. */
  children?: ReactNode;
}

/** Says what will happen before it does. */
export function Confirm({
  title,
  happens,
  doIt,
  danger,
  onConfirm,
  onClose,
  leave = texts.cancel,
  children,
}: ConfirmProps) {
  const action = useAction();
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="confirm"
        onSubmit={async (event) => {
          event.preventDefault();
          if (await action.run(onConfirm)) onClose();
        }}
      >
        <ul className="happens">
          {happens.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
        {children}
        <Refusal error={action.error} />
        <div className="buttons">
          <button type="submit" className={danger ? 'solid danger' : 'solid'} aria-disabled={action.busy}>
            {doIt}
          </button>
          <button type="button" className="chip" onClick={onClose}>
            {leave}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** A text to be handed over, and a button that copies it. */
export function Copy({ label, text }: { label: string; text: string }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const [said, setSaid] = useState('');
  const copy = async () => {
    field.current?.select();
    try {
      // Not there where the page came by plain HTTP from another machine, whatever its type says.
      await (navigator as { clipboard?: Clipboard }).clipboard?.writeText(text);
      setSaid('clipboard' in navigator ? texts.copied : texts.copyByHand);
    } catch {
      setSaid(texts.copyByHand);
    }
  };
  return (
    <div className="copy">
      <textarea
        ref={field}
        readOnly
        rows={text.length > 80 ? 4 : 1}
        aria-label={label}
        value={text}
        spellCheck={false}
        onFocus={(event) => event.currentTarget.select()}
      />
      <button type="button" className="solid" onClick={copy}>
        <Icon name="copy" size={17} />
        {texts.copy}
      </button>
      <p role="status">{said}</p>
    </div>
  );
}

/** A button for what is done at once; what went wrong stands below it. */
export function Do({
  action,
  children,
  onClick,
  className = 'chip',
}: {
  action: Action;
  children: ReactNode;
  onClick: () => Promise<void>;
  className?: string;
}) {
  return (
    <button
      type="button"
      className={className}
      aria-disabled={action.busy}
      onClick={() => void action.run(onClick)}
    >
      {children}
    </button>
  );
}
