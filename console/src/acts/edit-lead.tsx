/** Edit a lead. Only changed fields are sent, so that a colleague's edit of another field stays. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ifMatch, ok } from "../api/client";
import { Problem } from "../api/problem";
import { useAct, useSources } from "../api/queries";
import type { Lead, Schemas } from "../api/types";
import { zoneName, zones } from "../format";
import { texts } from "../texts";
import { leadTexts } from "../texts/lead";
import { optionsOf, SelectField, TextArea, TextField, useMistakes } from "../ui/parts";
import { FormDialog } from "./lead-dialogs";

type CustomField = Schemas["CustomFieldOut"];
type Values = Record<string, string>;

const t = texts.lead;
const e = leadTexts.edit;
const REQUIRED = ["first_name", "last_name", "patient_first_name", "patient_last_name", "preferred_contact", "source_id"];
const OPTIONAL = ["phone", "phone_alt", "email", "lead_value", "language", "timezone", "notes"] as const;
const PLAIN = [...REQUIRED, ...OPTIONAL];
const CUSTOM = "custom/";

export function EditDialog({ lead, onClose }: { lead: Lead; onClose: () => void }) {
  const fields = useCustomFields();
  const sources = useSources().data ?? [];
  const [opened] = useState(lead);
  const [given, setGiven] = useState<Values>({});
  const before = valuesOf(opened, fields);
  const present = valuesOf(lead, fields);
  const changes = changesOf({ ...before, ...given }, before, fields);
  const save = useAct(
    () => ok(api.PATCH("/api/leads/{lead_id}", { params: { path: { lead_id: lead.id }, header: ifMatch(seen) }, body: changes })),
    ["lead", "leads", "board", "tasks"],
  );
  const isStale = save.error instanceof Problem && save.error.status === 412;
  // A colleague's change may arrive while the dialog is open. It is seen once the refusal has shown it.
  const [seen, setSeen] = useState(lead.version);
  if (isStale && seen !== lead.version) setSeen(lead.version);
  const mistakes = useMistakes(isStale ? null : save.error);
  const names = [...PLAIN, "tags", ...fields.map(({ key }) => CUSTOM + key)];
  const field = (name: string) => {
    const value = given[name] ?? before[name] ?? "";
    const conflict = isStale && present[name] !== value ? present[name] || "–" : undefined;
    return { value, onChange: (next: string) => setGiven({ ...given, [name]: next }), wrong: mistakes.at(`/${name}`), hint: conflict };
  };
  return (
    <FormDialog title={t.edit} label={texts.shell.save} done={t.saved} save={save} onClose={onClose} isWide>
      {isStale && (
        <p className="notice warn" role="alert">
          {t.changedMeanwhile}
        </p>
      )}
      {mistakes.rest(...names.map((name) => `/${name}`))}
      <div className="fields">
        <TextField label={texts.leads.firstName} {...field("first_name")} required autoFocus />
        <TextField label={texts.leads.lastName} {...field("last_name")} required />
        <TextField label={t.phone} type="tel" {...field("phone")} />
        <TextField label={e.phoneAlt} type="tel" {...field("phone_alt")} />
        <TextField label={t.email} type="email" {...field("email")} />
        <TextField label={t.value} inputMode="decimal" {...field("lead_value")} />
        <SelectField label={e.source} {...field("source_id")} options={sources.map(({ id, name }) => ({ value: id, label: name }))} />
        <SelectField label={e.contact} {...field("preferred_contact")} options={optionsOf(e.contacts)} />
        <TextField label={e.patientFirst} {...field("patient_first_name")} required />
        <TextField label={e.patientLast} {...field("patient_last_name")} required />
        <TextField label={e.language} {...field("language")} />
        <SelectField label={e.timezone} {...field("timezone")} options={[{ value: "", label: e.noZone }, ...zones(String(field("timezone").value || zoneName()))]} />
        <TextField label={e.tags} {...field("tags")} />
        {fields.map((one) => (
          <Custom key={one.id} of={one} {...field(CUSTOM + one.key)} />
        ))}
      </div>
      <TextArea label={texts.leads.notes} {...field("notes")} />
    </FormDialog>
  );
}

function Custom({ of: field, ...more }: { of: CustomField } & Omit<Parameters<typeof TextField>[0], "label">) {
  const { value, onChange, wrong, hint } = more;
  const given = { label: field.label, value, onChange, wrong, hint };
  if (field.type === "boolean") return <SelectField {...given} options={[{ value: "", label: "–" }, { value: "true", label: e.yes }, { value: "false", label: e.no }]} />;
  if (field.options.length > 0) return <SelectField {...given} options={[{ value: "", label: "–" }, ...field.options.map((one) => ({ value: one, label: one }))]} />;
  return <TextField {...given} type={field.type === "date" ? "date" : field.type === "number" ? "number" : "text"} step="any" />;
}

/** Fields with several values are edited elsewhere. */
function useCustomFields(): CustomField[] {
  const { data } = useQuery({
    queryKey: ["settings", "custom-fields"],
    queryFn: async () => (await ok(api.GET("/api/custom-fields", { params: { query: { limit: 200 } } }))).items,
    staleTime: 5 * 60_000,
  });
  return (data ?? []).filter((field) => !field.archived && !field.type.startsWith("multi"));
}

function valuesOf(lead: Lead, fields: CustomField[]): Values {
  const text = (value: unknown) => (value === null || value === undefined ? "" : String(value));
  return {
    ...Object.fromEntries(PLAIN.map((name) => [name, text(lead[name as keyof Lead])])),
    tags: lead.tags.join(", "),
    ...Object.fromEntries(fields.map(({ key }) => [CUSTOM + key, text((lead.custom as Record<string, unknown>)[key])])),
  };
}

function changesOf(given: Values, before: Values, fields: CustomField[]): Schemas["LeadChanges"] {
  const changed = (name: string) => given[name] !== before[name];
  const plain = PLAIN.filter(changed).map((name) => [name, given[name] || null]);
  const custom = fields.filter(({ key }) => changed(CUSTOM + key)).map((field) => [field.key, typed(field, given[CUSTOM + field.key] ?? "")]);
  return {
    ...Object.fromEntries(plain),
    ...(changed("tags") && { tags: (given.tags ?? "").split(",").map((tag) => tag.trim()).filter(Boolean) }),
    ...(custom.length > 0 && { custom: Object.fromEntries(custom) }),
  };
}

function typed(field: CustomField, value: string): unknown {
  if (value === "") return null;
  if (field.type === "boolean") return value === "true";
  return field.type === "number" ? Number(value) : value;
}
