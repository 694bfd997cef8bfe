/** Edit a definition as text: suggestions, mistakes at their lines, and the same in words and as a picture beside it. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { useLocation } from "wouter";
import { api, ok } from "../../api/client";
import { Problem } from "../../api/problem";
import { useAct } from "../../api/queries";
import type { Schemas } from "../../api/types";
import { automationTexts as t } from "../../texts/automation";
import { toast, toastError } from "../../ui/overlays";
import { useMistakes } from "../../ui/parts";
import { useSettled } from "../../ui/settled";
import { type Suggestion, type Suggestions, suggest, type Vocabulary } from "./completion";
import { create, type Definition, type Family, KIND_OF, load, read, save, type Text } from "./kinds";
import { Outline } from "./outline";

type Mistake = Schemas["DefinitionMistakeOut"];

const TOPICS = ["settings", "leads"];
const FRESH: Record<Family, string> = {
  rules: "name: new-rule\non: lead.created\nafter: 1 hour\ndo:\n- create_task: {type: CALL, title: Call back}\n",
  sequences: "name: new-sequence\nsteps:\n- name: first\n  create_task: {type: CALL, title: Call them}\n- name: second\n  after: 2 days\n  create_task: {type: CALL, title: Call again}\n",
  nurtures: "name: new-nurture\nsequence: \nscore_from: 20\nscore_to: 60\nsilent_for: 24 hours\nrun_hours: [10]\n",
};
const PAUSE = 400; // milliseconds without a key before the text is read

interface Props {
  family: Family;
  definition?: Definition;
  onSaved: () => void;
  mayChange: boolean;
}

/** Text that is not saved yet, and the version that it changes. It stays in memory until it is saved or discarded. */
interface Unsaved {
  text: string;
  begin: string;
  definition: Definition | undefined;
}

const unsavedKey = (family: Family, id: string | undefined) => ["unsaved", family, id ?? "new"];

export function DefinitionEditor(props: Props) {
  const { family } = props;
  const client = useQueryClient();
  const [unsaved, forget] = useState(() => client.getQueryData<Unsaved>(unsavedKey(family, props.definition?.id)));
  const [definition] = useState(unsaved ? unsaved.definition : props.definition); // a newer one must not replace the text
  const shown = definition?.draft ?? definition?.published;
  const first = useQuery({
    queryKey: ["automation", "text", family, definition?.id, definition?.version],
    queryFn: () => read(family, shown ? { definition: shown } : { text: FRESH[family] }),
    staleTime: Infinity,
    enabled: !unsaved,
  });
  const discard = () => {
    client.removeQueries({ queryKey: unsavedKey(family, props.definition?.id) });
    forget(undefined);
    if (props.definition) props.onSaved();
  };
  const begin = unsaved?.begin ?? first.data?.text;
  if (begin === undefined) return <p className="soft">{t.reading}</p>;
  return <Editor key={unsaved ? "unsaved" : "saved"} {...props} definition={definition} begin={begin} kept={unsaved?.text} discard={discard} />;
}

interface EditorProps extends Props {
  begin: string;
  kept: string | undefined;
  discard: () => void;
}

function Editor({ family, definition, onSaved, mayChange, begin, kept, discard }: EditorProps) {
  const [, go] = useLocation();
  const client = useQueryClient();
  const [text, setText] = useState(kept ?? begin);
  const key = unsavedKey(family, definition?.id);
  const write = (next: string) => {
    setText(next);
    client.setQueryDefaults(["unsaved"], { gcTime: Infinity });
    client.setQueryData<Unsaved>(key, { text: next, begin, definition });
  };
  const [base, setBase] = useState(definition);
  const [theirs, setTheirs] = useState("");
  const settled = useSettled(text, PAUSE);
  const area = useRef<HTMLTextAreaElement>(null);
  const found = useQuery({
    queryKey: ["automation", "read", family, settled],
    queryFn: () => read(family, { text: settled }),
    placeholderData: (previous) => previous,
    staleTime: 60_000,
  });
  const act = useAct(async (isDraft: boolean) => {
    const { definition: data, mistakes } = await read(family, { text });
    if (!data || mistakes.length > 0) throw new Problem(422, { detail: t.mistakes(mistakes.length) }, null);
    return base ? save(base, data as Text, isDraft) : create(family, data as Text, isDraft);
  }, TOPICS);
  const isStale = act.error instanceof Problem && act.error.status === 412;
  const wrong = useMistakes(isStale ? null : act.error);
  const isChanged = text !== begin;
  useLeaveGuard(isChanged && !act.isSuccess);
  const toLine = (line: number) => {
    const from = text.split("\n", line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    const end = text.indexOf("\n", from);
    area.current?.focus();
    area.current?.setSelectionRange(from, end < 0 ? text.length : end);
  };
  const submit = (isDraft: boolean) =>
    act.mutate(isDraft, {
      onSuccess: (saved) => {
        client.removeQueries({ queryKey: key });
        toast(family === "nurtures" ? t.saved : isDraft ? t.savedDraft : t.published);
        if (definition) onSaved();
        else go(`/automation/${family}/${saved.id}`, { replace: true });
      },
      onError: (error) => {
        found.refetch();
        if (!base || !(error instanceof Problem) || error.status !== 412) return;
        load(family, base.id)
          .then(async (current) => {
            setBase(current);
            const now = (await read(family, { definition: current.draft ?? current.published ?? {} })).text;
            setTheirs(now === begin ? t.sameText : now);
          })
          .catch(toastError);
      },
    });
  const mistakes = found.data?.mistakes ?? [];
  return (
    <form
      className="editing"
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        submit(family !== "nurtures");
      }}
    >
      <div className="stack">
        {isStale && theirs && (
          <div className="notice warn" role="alert">
            <div className="grow stack close">
              <p>{t.conflict}</p>
              <pre className="source">{theirs}</pre>
            </div>
          </div>
        )}
        {kept !== undefined && (
          <div className="notice">
            <p className="grow">{t.unsaved}</p>
            <button type="button" className="button" onClick={discard}>
              {t.discard}
            </button>
          </div>
        )}
        {wrong.rest()}
        <TextWithSuggestions area={area} value={text} onChange={write} family={family} mistakes={mistakes} isReadOnly={!mayChange} />
        <Mistakes mistakes={mistakes} toLine={toLine} isReading={found.isFetching || settled !== text} />
        {mayChange && (
          <footer className="row">
            <button type="submit" className="button primary" disabled={act.isPending || !isChanged && !!definition}>
              {family === "nurtures" ? t.save : t.saveDraft}
            </button>
            {family !== "nurtures" && (
              <button type="button" className="button" disabled={act.isPending} onClick={() => submit(false)}>
                {t.saveNow}
              </button>
            )}
          </footer>
        )}
      </div>
      {found.data && <Outline of={found.data} onLine={toLine} />}
    </form>
  );
}

function Mistakes({ mistakes, toLine, isReading }: { mistakes: Mistake[]; toLine: (line: number) => void; isReading: boolean }) {
  return (
    <div className="stack close" role="status">
      <p className={mistakes.length ? "wrong" : "soft"}>{isReading ? t.reading : mistakes.length ? t.mistakes(mistakes.length) : t.noMistakes}</p>
      {mistakes.length > 0 && (
        <ul className="stack close">
          {mistakes.map((one) => (
            <li key={`${one.pointer} ${one.message}`} className="row">
              <button type="button" className="link" onClick={() => toLine(one.line)}>
                {t.line(one.line)}
              </button>
              <span className="grow">{one.message}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

interface AreaProps {
  area: React.RefObject<HTMLTextAreaElement | null>;
  value: string;
  onChange: (value: string) => void;
  family: Family;
  mistakes: Mistake[];
  isReadOnly: boolean;
}

/** The place for which suggestions were asked: by Ctrl-Space, or by typing. */
interface Asked {
  caret: number;
  isWanted: boolean; // by Ctrl-Space: before the first letter too
}

function suggestionsFor({ caret, isWanted }: Asked, text: string, vocabulary: Vocabulary): Suggestions | null {
  const next = suggest(text, caret, vocabulary);
  return next.found.length > 0 && (isWanted || caret > next.from) ? next : null;
}

function TextWithSuggestions({ area, value, onChange, family, mistakes, isReadOnly }: AreaProps) {
  const id = useId();
  const numbers = useRef<HTMLOListElement>(null);
  const [asked, ask] = useState<Asked | null>(null);
  const [at, setAt] = useState(0);
  const vocabulary = useQuery({
    queryKey: ["settings", "vocabulary", family],
    queryFn: () => ok(api.GET("/api/definitions/vocabulary", { params: { query: { kind: KIND_OF[family] } } })),
    staleTime: 5 * 60_000,
  }).data;
  const shown = asked && vocabulary ? suggestionsFor(asked, value, vocabulary) : null; // the vocabulary may load later
  const found = shown?.found ?? [];
  const look = (caret: number, isWanted: boolean) => {
    ask({ caret, isWanted });
    setAt(0);
  };
  const take = (one: Suggestion | undefined) => {
    const field = area.current;
    if (!shown || !one || !field) return;
    const caret = shown.from + one.insert.length;
    const next = value.slice(0, shown.from) + one.insert + value.slice(field.selectionStart);
    flushSync(() => {
      onChange(next);
      ask(null);
    });
    field.setSelectionRange(caret, caret); // at once: the next key may follow before the next frame
  };
  const press = (event: React.KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === " " && event.ctrlKey) look(event.currentTarget.selectionStart, true);
    else if (found.length === 0) return;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") setAt((at + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length);
    else if (event.key === "Enter") take(found[at]);
    else if (event.key === "Escape") ask(null);
    else return;
    event.preventDefault();
  };
  const wrongLines = new Set(mistakes.map((one) => one.line));
  const count = value.split("\n").length;
  return (
    <div className="field">
      <label htmlFor={id}>{t.text}</label>
      <div className="code">
        <ol ref={numbers} aria-hidden="true">
          {Array.from({ length: count }, (_, line) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its number
            <li key={line} className={wrongLines.has(line + 1) ? "wrong" : undefined}>
              {line + 1}
            </li>
          ))}
        </ol>
        <textarea
          ref={area}
          id={id}
          className="input"
          rows={Math.min(Math.max(count + 1, 12), 36)}
          wrap="off"
          spellCheck={false}
          autoCapitalize="off"
          readOnly={isReadOnly}
          value={value}
          aria-haspopup="listbox"
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={found.length > 0 ? `${id}-${at}` : undefined}
          aria-invalid={mistakes.length > 0 ? true : undefined}
          aria-describedby={`${id}-more`}
          onChange={(event) => {
            onChange(event.target.value);
            look(event.target.selectionStart, false);
          }}
          onKeyDown={press}
          onBlur={() => ask(null)}
          onScroll={(event) => numbers.current?.scrollTo({ top: event.currentTarget.scrollTop })}
        />
      </div>
      <span id={`${id}-more`} className="hint">
        {t.textHint}
      </span>
      {/* biome-ignore lint/a11y/useFocusableInteractive: the text keeps the focus */}
      <div id={`${id}-list`} role="listbox" aria-label={t.suggestions} className={found.length ? "menu suggestions" : "hidden"}>
        {found.map((one, place) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled by the text
          <div key={one.label} id={`${id}-${place}`} role="option" aria-selected={place === at} tabIndex={-1} className="menu-item" data-focused={place === at ? true : undefined} onMouseDown={(event) => event.preventDefault()} onClick={() => take(one)}>
            <code>{one.label}</code>
            <span className="small soft cut">{one.detail}</span>
          </div>
        ))}
      </div>
    </div>
  );
}

/** Ask before a text that is not saved is lost: when the page is closed or loaded again. */
function useLeaveGuard(isOn: boolean) {
  useEffect(() => {
    if (!isOn) return;
    const unload = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", unload);
    return () => window.removeEventListener("beforeunload", unload);
  }, [isOn]);
}
