/** The fields of the settings: a label above, the value as it will be sent. */
import { useId, useState } from 'react';

interface NumberFieldProps {
  label: string;
  value: number | undefined;
  placeholder: string;
  min: number;
  max: number;
  step: number;
  onChange: (value: number | undefined) => void;
}

/** What is typed is brought into the range when the field is left; empty takes the default. */
export function NumberField({ label, value, placeholder, min, max, step, onChange }: NumberFieldProps) {
  const id = useId();
  const [typed, setTyped] = useState<string | null>(null);
  const settle = (): void => {
    if (typed === null) return;
    setTyped(null);
    onChange(typed.trim() === '' ? undefined : nearest(Number(typed), min, max, step));
  };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="number"
        inputMode="decimal"
        min={min}
        max={max}
        step={step}
        placeholder={placeholder}
        value={typed ?? textOf(value)}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={settle}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return;
          event.preventDefault();
          settle();
        }}
      />
    </div>
  );
}

interface SelectFieldProps {
  label: string;
  value: string;
  choices: readonly { value: string; label: string }[];
  onChange: (value: string) => void;
}

export function SelectField({ label, value, choices, onChange }: SelectFieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)}>
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </div>
  );
}

interface TextFieldProps {
  label: string;
  value: string;
  describedBy: string | undefined;
  onChange: (value: string) => void;
}

export function TextField({ label, value, describedBy, onChange }: TextFieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea id={id} rows={2} value={value} aria-describedby={describedBy} onChange={(event) => onChange(event.target.value)} />
    </div>
  );
}

export function nearest(value: number, min: number, max: number, step: number): number | undefined {
  if (!Number.isFinite(value)) return undefined;
  const stepped = min + Math.round((value - min) / step) * step;
  return Number(Math.min(max, Math.max(min, stepped)).toFixed(3));
}

function textOf(value: number | undefined): string {
  return value === undefined ? '' : String(value);
}
