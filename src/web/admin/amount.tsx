/** A number of bytes as people say it: a number and its unit. */

import { useState } from 'react';
import { Field, type FieldProps } from './parts.tsx';
import { texts } from './texts.ts';

const UNITS = { kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 } as const;
type Unit = keyof typeof UNITS;
const NAMES = Object.keys(UNITS) as Unit[];

export interface AmountProps extends Omit<FieldProps, 'children'> {
  /** Decimal digits; null: no limit. */
  value: string | null;
  /** Undefined where what stands there is no number. */
  onChange: (value: string | null | undefined) => void;
}

export function Amount({ value, onChange, ...field }: AmountProps) {
  const [typed, setTyped] = useState(() => split(value));
  const change = (next: { number: string; unit: Unit }) => {
    setTyped(next);
    onChange(joined(next));
  };
  return (
    <Field {...field}>
      {(control) => (
        <span className="amount">
          <input
            {...control}
            inputMode="decimal"
            autoComplete="off"
            value={typed.number}
            onChange={({ target }) => change({ ...typed, number: target.value })}
          />
          <select
            aria-label={texts.unitOf(field.label)}
            value={typed.unit}
            onChange={({ target }) => {
              const unit = NAMES.find((name) => name === target.value) ?? 'GB';
              change({ ...typed, unit });
            }}
          >
            {NAMES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </span>
      )}
    </Field>
  );
}

function split(value: string | null): { number: string; unit: Unit } {
  if (value === null) return { number: '', unit: 'GB' };
  const unit = [...NAMES].reverse().find((name) => Number(value) >= UNITS[name]) ?? 'kB';
  return { number: String(Number(value) / UNITS[unit]), unit };
}

function joined({ number, unit }: { number: string; unit: Unit }): string | null | undefined {
  const text = number.trim().replace(',', '.');
  if (text === '') return null;
  const amount = Number(text) * UNITS[unit];
  return Number.isFinite(amount) && amount >= 0 && amount < 1e15 ? String(Math.round(amount)) : undefined;
}
