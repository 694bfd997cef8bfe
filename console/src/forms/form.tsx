/** A form for a request body: create, or change with the version that was seen. A conflict shows both values. */

import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Problem, sentences } from "../api/problem";
import { words } from "../format";
import { settingsTexts as t } from "../settings/texts";
import { texts } from "../texts";
import { Failure } from "../ui/parts";
import { type FieldRules, SchemaFields } from "./fields";
import { draftOf, type FormSchema, isObject, isSame, type Json, type JsonObject, patchOf, rebase } from "./schema";

interface Props {
  schema: FormSchema;
  rules?: FieldRules | ((draft: JsonObject) => FieldRules);
  label?: string;
  begin?: JsonObject; // the object as it is; without it the form creates one
  replacesParts?: boolean; // the API replaces each given part as a whole, instead of merging it
  refetch?: () => Promise<JsonObject>; // after a conflict
  send: (body: JsonObject, version: number | undefined) => Promise<unknown>;
  onDone: () => void;
  onCancel?: () => void;
  children?: (draft: JsonObject, set: (draft: JsonObject) => void) => ReactNode;
}

export function SchemaForm({ schema, rules, label = texts.shell.save, begin, replacesParts = false, refetch, send, onDone, onCancel, children }: Props) {
  const [base, setBase] = useState(() => ({ values: draftOf(schema, begin), version: begin?.version as number | undefined }));
  const [draft, setDraft] = useState(base.values);
  const [theirs, setTheirs] = useState<JsonObject | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const place = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (error) showMistake(place.current);
  }, [error]);
  const shown = typeof rules === "function" ? rules(draft) : (rules ?? {});
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const saved = (await send(begin ? patchOf(base.values, draft, replacesParts) : tidy(draft), base.version)) as Json | undefined;
      if (begin && isObject(saved)) goOn(saved);
      onDone();
    } catch (failure) {
      if (failure instanceof Problem && failure.status === 412 && refetch) await takeTheirs(refetch);
      else setError(failure);
    } finally {
      setBusy(false);
    }
  };
  /** Begin again with the saved object. What was typed meanwhile stays. */
  const goOn = (saved: JsonObject) => {
    const values = draftOf(schema, saved);
    setDraft((present) => rebase(draft, present, values));
    setBase({ values, version: saved.version as number });
    setTheirs(null);
  };
  const takeTheirs = async (load: () => Promise<JsonObject>) => {
    try {
      const current = await load();
      const values = draftOf(schema, current);
      setTheirs(Object.fromEntries(Object.entries(values).filter(([name, value]) => !isSame(value, base.values[name]))));
      setDraft(rebase(base.values, draft, values));
      setBase({ values, version: current.version as number });
    } catch (failure) {
      setError(failure);
    }
  };
  const problem = error instanceof Problem ? error : null;
  const isShown = (pointer: string) => Object.keys(schema.properties ?? {}).some((name) => !shown[name]?.isHidden && (pointer === `/${name}` || pointer.startsWith(`/${name}/`)));
  const rest = error && !(problem && problem.errors.length > 0 && problem.errors.every((one) => isShown(one.pointer)));
  const wrongAt = (pointer: string, isWhole: boolean) =>
    problem?.errors
      .filter((one) => one.pointer === pointer || (isWhole && one.pointer.startsWith(`${pointer}/`)))
      .map((one) => one.message)
      .join(" ") || undefined;
  return (
    <form ref={place} className="stack" onSubmit={submit} noValidate={begin !== undefined}>
      {theirs && <Conflict theirs={theirs} draft={draft} take={(name, value) => setDraft({ ...draft, [name]: value })} />}
      {rest ? <Failure error={error} /> : null}
      <div className="form-fields">
        <SchemaFields schema={schema} value={draft} onChange={setDraft} wrongAt={wrongAt} rules={shown} />
      </div>
      {children?.(draft, setDraft)}
      <footer className="row">
        {onCancel && (
          <button type="button" className="button" onClick={onCancel}>
            {texts.shell.cancel}
          </button>
        )}
        <button type="submit" className="button primary" disabled={isBusy || (begin !== undefined && isSame(draft, base.values))}>
          {label}
        </button>
      </footer>
      <p className="hidden" role="status">
        {problem ? sentences(problem).join(" ") : ""}
      </p>
    </form>
  );
}

/** The form may be longer than the screen: go to the first field that was refused, else to the message. */
function showMistake(form: HTMLFormElement | null): void {
  const field = form?.querySelector<HTMLElement>("[aria-invalid='true']");
  if (field) field.focus();
  else form?.querySelector(".wrong, [role='alert']")?.scrollIntoView({ block: "center" });
}

const tidy = (draft: JsonObject): JsonObject => Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== "" && value !== null));

/** The values that somebody else has saved meanwhile. Those edited here too can be taken over. */
function Conflict({ theirs, draft, take }: { theirs: JsonObject; draft: JsonObject; take: (name: string, value: Json) => void }) {
  const differing = Object.entries(theirs).filter(([name, value]) => !isSame(value, draft[name]));
  return (
    <div className="notice warn" role="alert">
      <div className="grow stack close">
        <p>{t.conflict}</p>
        {differing.map(([name, value]) => (
          <p key={name} className="row">
            <span>
              <strong>{t.labels[name] ?? words(name)}</strong>: {t.theirs(inWords(value))} {t.yours(inWords(draft[name]))}
            </span>
            <button type="button" className="button" onClick={() => take(name, value)}>
              {t.takeTheirs}
            </button>
          </p>
        ))}
      </div>
    </div>
  );
}

const inWords = (value: Json | undefined): string => (value === null || value === undefined || value === "" ? "–" : typeof value === "string" ? value : JSON.stringify(value));
