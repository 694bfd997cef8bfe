/** The texts of a template with suggestions of fields, and the preview of unsaved texts for a lead. */

import { useQuery } from "@tanstack/react-query";
import { useId, useRef, useState } from "react";
import { flushSync } from "react-dom";
import MessageVariantIn from "openapi:MessageVariantIn";
import { api, ok } from "../api/client";
import type { Schemas } from "../api/types";
import { words } from "../format";
import { Icon } from "../ui/icons";
import { Failure, SelectField, TextField } from "../ui/parts";
import { useSettled } from "../ui/settled";
import { areaTexts } from "./area-texts";

export type Variant = Schemas["MessageVariantIn"];

const t = areaTexts.templates;
const PAUSE = 400; // milliseconds without a key before the preview is asked for
const CHANNELS = (MessageVariantIn.properties?.channel?.enum ?? []).filter((one) => one !== null).map(String);
// The API's description of the text names its fields.
const FIELDS = [...(MessageVariantIn.properties?.body?.description ?? "").matchAll(/`([a-z_]+\.[a-z_]+)`/g)].map(([, name]) => name as string);

function useFields(): string[] {
  const custom = useQuery({ queryKey: ["settings", "custom-fields"], queryFn: () => ok(api.GET("/api/custom-fields", { params: { query: { limit: 200 } } })) });
  return [...FIELDS, ...(custom.data?.items.filter((one) => !one.archived).map((one) => `custom.${one.key}`) ?? [])];
}

interface Props {
  variants: Variant[];
  onChange: (variants: Variant[]) => void;
  wrongAt: (pointer: string) => string | undefined;
}

export function Variants({ variants, onChange, wrongAt }: Props) {
  const fields = useFields();
  const set = (at: number, changes: Partial<Variant>) => onChange(variants.map((one, place) => (place === at ? { ...one, ...changes } : one)));
  return (
    <>
      {variants.map((one, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: texts are edited in place
        <fieldset key={at} className="group">
          <legend>{t.variant(at + 1)}</legend>
          <div className="fields">
            <SelectField label={t.channel} value={one.channel ?? ""} onChange={(value) => set(at, { channel: (value || null) as Variant["channel"] })} options={[{ value: "", label: t.anyChannel }, ...CHANNELS.map((value) => ({ value, label: words(value) }))]} wrong={wrongAt(`/variants/${at}/channel`)} />
            <TextField label={t.language} value={one.language ?? ""} onChange={(value) => set(at, { language: value || null })} hint={t.languageHint} wrong={wrongAt(`/variants/${at}/language`)} />
          </div>
          <TextField label={t.subject} value={one.subject ?? ""} onChange={(subject) => set(at, { subject })} wrong={wrongAt(`/variants/${at}/subject`)} />
          <Body value={one.body} onChange={(body) => set(at, { body })} fields={fields} wrong={wrongAt(`/variants/${at}/body`)} />
          {variants.length > 1 && (
            <p>
              <button type="button" className="button" onClick={() => onChange(variants.filter((_, place) => place !== at))}>
                {t.removeVariant}
              </button>
            </p>
          )}
        </fieldset>
      ))}
      <p>
        <button type="button" className="button" onClick={() => onChange([...variants, { channel: "sms", language: null, subject: "", body: "" }])}>
          <Icon name="plus" />
          {t.addVariant}
        </button>
      </p>
    </>
  );
}

/** A text with suggestions: after "{{" the fields that begin like the typed name. Arrow keys, Enter or Tab take one. */
function Body({ value, onChange, fields, wrong }: { value: string; onChange: (value: string) => void; fields: string[]; wrong: string | undefined }) {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const [typed, setTyped] = useState<{ from: number; name: string } | null>(null);
  const [at, setAt] = useState(0);
  const found = typed ? fields.filter((one) => one.startsWith(typed.name)).slice(0, 8) : [];
  const look = (text: string, caret: number) => {
    const match = /\{\{\s*([a-z_.]*)$/.exec(text.slice(0, caret));
    setTyped(match ? { from: caret - (match[1]?.length ?? 0), name: match[1] ?? "" } : null);
    setAt(0);
  };
  const insert = (field: string, from: number, to: number, isOpen: boolean) => {
    const before = isOpen ? value.slice(0, from).replace(/\{\{\s*$/, "{{ ") : `${value.slice(0, from)}{{ `;
    const after = value.slice(to).replace(/^\s*\}\}/, "");
    flushSync(() => {
      onChange(`${before}${field} }}${after}`);
      setTyped(null);
    });
    const caret = before.length + field.length + 3;
    area.current?.focus();
    area.current?.setSelectionRange(caret, caret); // at once: the next key may follow before the next frame
  };
  const take = (field: string) => typed && insert(field, typed.from, typed.from + typed.name.length, true);
  const press = (event: React.KeyboardEvent) => {
    if (found.length === 0) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") setAt((at + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length);
    else if (event.key === "Enter" || event.key === "Tab") take(found[at] ?? "");
    else if (event.key === "Escape") setTyped(null);
    else return;
    event.preventDefault();
  };
  return (
    <div className="field">
      <label htmlFor={id}>{t.body}</label>
      <textarea
        ref={area}
        id={id}
        className="input"
        rows={8}
        value={value}
        required
        aria-haspopup="listbox"
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={found.length > 0 ? `${id}-${at}` : undefined}
        aria-invalid={wrong ? true : undefined}
        aria-describedby={`${id}-more`}
        onChange={(event) => {
          onChange(event.target.value);
          look(event.target.value, event.target.selectionStart);
        }}
        onKeyDown={press}
        onBlur={() => setTyped(null)}
      />
      <span id={`${id}-more`} className={wrong ? "wrong" : "hint"}>
        {wrong ?? t.insertHint}
      </span>
      {/* biome-ignore lint/a11y/useFocusableInteractive: the text keeps the focus */}
      <div id={`${id}-list`} role="listbox" aria-label={t.fields} className={found.length ? "menu" : "hidden"}>
        {found.map((field, place) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled by the text
          <div key={field} id={`${id}-${place}`} role="option" aria-selected={place === at} tabIndex={-1} className="menu-item" data-focused={place === at ? true : undefined} onMouseDown={(event) => event.preventDefault()} onClick={() => take(field)}>
            {field}
          </div>
        ))}
      </div>
      <SelectField
        label={t.insert}
        value=""
        onChange={(field) => {
          const caret = area.current?.selectionStart ?? value.length;
          if (field) insert(field, caret, caret, false);
        }}
        options={[{ value: "", label: "…" }, ...fields.map((name) => ({ value: name, label: name }))]}
      />
    </div>
  );
}

/** What would be sent to a lead: of the texts as they are in the form. */
export function Preview({ variants }: { variants: Variant[] }) {
  const [leadId, setLeadId] = useState("");
  const [channel, setChannel] = useState("email");
  const settled = useSettled(JSON.stringify({ variants, leadId, channel }), PAUSE);
  const leads = useQuery({ queryKey: ["leads", "newest"], queryFn: () => ok(api.GET("/api/leads", { params: { query: { limit: 20, fields: "id,first_name,last_name" } } })) });
  const isReady = variants.every((one) => one.body.trim());
  const preview = useQuery({
    queryKey: ["settings", "preview", settled],
    queryFn: () => {
      const given = JSON.parse(settled);
      return ok(api.POST("/api/message-templates/preview", { body: { variants: given.variants, channel: given.channel, lead_id: given.leadId || null } }));
    },
    enabled: isReady,
    placeholderData: (previous) => previous,
    retry: false,
  });
  const options = leads.data?.items.map(({ id, first_name, last_name }) => ({ value: id, label: `${first_name} ${last_name}` })) ?? [];
  return (
    <section className="card stack" aria-label={t.preview}>
      <h2>{t.preview}</h2>
      <div className="fields">
        <SelectField label={t.previewFor} value={leadId} onChange={setLeadId} options={[{ value: "", label: t.sample }, ...options]} />
        <SelectField label={t.channel} value={channel} onChange={setChannel} options={CHANNELS.map((value) => ({ value, label: words(value) }))} />
      </div>
      {isReady && preview.error ? <Failure error={preview.error} /> : null}
      {isReady && preview.data && !preview.error && (
        <div className="bubble" aria-live="polite">
          {preview.data.subject && <strong>{preview.data.subject}</strong>}
          <span className="prose">{preview.data.body}</span>
          {preview.data.missing.length > 0 && <span className="wrong">{t.missing(preview.data.missing.join(", "))}</span>}
        </div>
      )}
    </section>
  );
}
