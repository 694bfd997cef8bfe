/** Small parts that all pages share: states of a query, times, badges, fields. */

import { type ComponentProps, type ReactNode, useId } from "react";
import { Offline, Problem, sentences } from "../api/problem";
import { ago, exact, when, zoneName } from "../format";
import { texts } from "../texts";
import { Icon, type IconName } from "./icons";

export function Loading({ rows = 6 }: { rows?: number }) {
  return (
    <div className="skeleton" role="status" aria-label={texts.state.loading}>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all the same
        <i key={row} />
      ))}
    </div>
  );
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div className="notice bad" role="alert">
      <Icon name="warn" />
      <div className="grow">
        {error instanceof Offline ? texts.state.offline : sentences(error).map((line) => <p key={line}>{line}</p>)}
        {error instanceof Problem && error.status >= 500 && error.body.request_id && <p className="small">{texts.state.reference(error.body.request_id)}</p>}
      </div>
      {retry && (
        <button type="button" className="button" onClick={retry}>
          {texts.state.again}
        </button>
      )}
    </div>
  );
}

export function Empty({ icon, title, hint, children }: { icon: IconName; title: string; hint?: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {hint && <p>{hint}</p>}
      {children}
    </div>
  );
}

interface Shown {
  isPending: boolean;
  error: unknown;
  data?: unknown;
  refetch: () => unknown;
}

/** Show a query's loading and error states, else the children. */
export function Query({ of: query, rows, children }: { of: Shown; rows?: number; children: ReactNode }) {
  if (query.data === undefined && query.isPending && !query.error) return <Loading rows={rows} />;
  if (query.error && query.data === undefined) return <Failure error={query.error} retry={() => query.refetch()} />;
  return children;
}

/** The button that loads the next page of a list. */
export const MorePages = ({ query, label }: { query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown }; label: string }) =>
  query.hasNextPage ? (
    <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
      {label}
    </button>
  ) : null;

/** A time in the clinic's zone; the tooltip has it in full. */
export function Time({ at, relative = false }: { at: string; relative?: boolean }) {
  return (
    <time dateTime={at} title={exact(at)}>
      {relative ? ago(at) : when(at)}
    </time>
  );
}

/** A time at which something is due: late once it has passed. */
export function DueTime({ at }: { at: string }) {
  return (
    <span className={Date.parse(at) < Date.now() ? "late" : undefined}>
      <Time at={at} />
    </span>
  );
}

export type Tone = "good" | "warn" | "bad" | "accent" | "";

export function Badge({ tone = "", children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`badge ${tone}`}>{children}</span>;
}

type InputProps = Omit<ComponentProps<"input">, "onChange" | "value"> & {
  label: string;
  value: string;
  onChange: (value: string) => void;
  wrong?: string | undefined;
  hint?: string;
};

export function TextField({ label, value, onChange, wrong, hint, ...more }: InputProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        className="input"
        id={id}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        aria-invalid={wrong ? true : undefined}
        aria-describedby={wrong || hint ? `${id}-more` : undefined}
        {...more}
      />
      <More id={`${id}-more`} wrong={wrong} hint={hint} />
    </div>
  );
}

/** A time in the clinic's zone; the hint says so. `value` is as `toField` gives it. */
export function TimeField(props: Omit<InputProps, "type" | "hint">) {
  return <TextField {...props} type="datetime-local" hint={texts.shell.zone(zoneName())} />;
}

type AreaProps = Pick<InputProps, "label" | "value" | "onChange" | "wrong" | "hint"> & { rows?: number; autoFocus?: boolean; required?: boolean };

export function TextArea({ label, value, onChange, wrong, hint, ...more }: AreaProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea
        className="input"
        id={id}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        aria-invalid={wrong ? true : undefined}
        aria-describedby={wrong || hint ? `${id}-more` : undefined}
        {...more}
      />
      <More id={`${id}-more`} wrong={wrong} hint={hint} />
    </div>
  );
}

export interface Option {
  value: string;
  label: string;
}

type SelectProps = Pick<InputProps, "label" | "value" | "onChange" | "wrong" | "hint"> & { options: Option[]; required?: boolean; autoFocus?: boolean };

export function SelectField({ label, value, onChange, options, wrong, hint, ...more }: SelectProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select
        className="input"
        id={id}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        aria-invalid={wrong ? true : undefined}
        aria-describedby={wrong || hint ? `${id}-more` : undefined}
        {...more}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      <More id={`${id}-more`} wrong={wrong} hint={hint} />
    </div>
  );
}

function More({ id, wrong, hint }: { id: string; wrong?: string | undefined; hint?: string | undefined }) {
  if (!wrong && !hint) return null;
  return (
    <span id={id} className={wrong ? "wrong" : "hint"}>
      {wrong ?? hint}
    </span>
  );
}

export const optionsOf = (labels: Record<string, string>): Option[] =>
  Object.entries(labels).map(([value, label]) => ({ value, label }));

/** The message of a failed change for one field, and the sentences that belong to no shown field. */
export function useMistakes(error: unknown) {
  const problem = error instanceof Problem ? error : null;
  return {
    at: (pointer: string) => problem?.at(pointer),
    rest: (...shown: string[]) =>
      !error ? null : problem && problem.errors.length > 0 && problem.errors.every((one) => shown.includes(one.pointer)) ? null : (
        <Failure error={error} />
      ),
  };
}
