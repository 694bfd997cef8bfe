/** Filters of the list of leads beyond the usual ones. Those of a figure of Numbers come with its link. */

import { fromField, toField, when, words } from "../format";
import { filterTexts as t } from "../texts/lead";
import { texts } from "../texts";
import { Icon } from "../ui/icons";
import { SelectField, TextField } from "../ui/parts";
import { useNames } from "./names";

export type LeadFilters = Record<string, string>;

const USUAL = ["stage", "source_id", "assigned_to_id", "status", "sort"];
const KNOWN = [...USUAL, ...Object.keys(t.names)];

export const filtersOf = (search: URLSearchParams): LeadFilters =>
  Object.fromEntries([...search].filter(([name, value]) => value && KNOWN.includes(name)));

export function withParam(search: URLSearchParams, name: string, value: string): URLSearchParams {
  const next = new URLSearchParams(search);
  if (value) next.set(name, value);
  else next.delete(name);
  return next;
}

/** The filters that no field shows, each with a button that removes it. */
export function FilterChips({ filters, remove }: { filters: LeadFilters; remove: (name: string) => void }) {
  const { stageName } = useNames();
  const extra = Object.entries(filters).filter(([name]) => !USUAL.includes(name));
  if (extra.length === 0) return null;
  return (
    <ul className="row chips" aria-label={texts.leads.filters}>
      {extra.map(([name, value]) => {
        const label = t.names[name] ?? words(name);
        return (
          <li key={name} className="badge accent">
            {label}: {shown(name, value, stageName)}
            <button type="button" aria-label={t.remove(label)} onClick={() => remove(name)}>
              <Icon name="close" />
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function shown(name: string, value: string, stageName: (slug: string) => string): string {
  if (value === "true") return t.yes;
  if (value === "false") return t.no;
  if (/_(from|to)$/.test(name) && !/^(value|score)/.test(name)) return when(value);
  if (name.endsWith("stage")) return value.split(",").map(stageName).join(", ");
  return name === "lost_reason" ? (texts.lostReasons[value] ?? words(value)) : value;
}

export function MoreFilters({ filters, set }: { filters: LeadFilters; set: (name: string, value: string) => void }) {
  const day = (name: string) => ({
    label: t.names[name] ?? name,
    type: "date",
    value: filters[name] ? toField(Date.parse(filters[name])).slice(0, 10) : "",
    onChange: (value: string) => set(name, value && fromField(`${value}T00:00`)),
  });
  const text = (name: string) => ({ label: t.names[name] ?? name, value: filters[name] ?? "", onChange: (value: string) => set(name, value) });
  return (
    <div className="filters even">
      <TextField {...text("tag")} />
      <TextField {...day("created_from")} />
      <TextField {...day("created_to")} />
      <TextField {...text("value_from")} inputMode="decimal" />
      <TextField {...text("value_to")} inputMode="decimal" />
      <TextField {...text("score_from")} inputMode="numeric" />
      <TextField {...text("score_to")} inputMode="numeric" />
      <SelectField {...text("rotting")} options={[{ value: "", label: texts.leads.any }, { value: "true", label: t.yes }, { value: "false", label: t.no }]} />
    </div>
  );
}
