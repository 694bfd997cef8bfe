/** Fields made from the schema of a request body. A page overrides single ones. */

import { type ReactNode, useId } from "react";
import { fromField, toField, words, zoneName } from "../format";
import { settingsTexts as t } from "../settings/texts";
import { texts } from "../texts";
import { type Option, SelectField, TextArea, TextField } from "../ui/parts";
import { type FormSchema, isObject, type Json, type JsonObject, mayBeNull, present, typeOf } from "./schema";

export interface FieldProps {
  label: string;
  value: Json | undefined;
  onChange: (value: Json) => void;
  wrong: string | undefined;
  hint: string | undefined;
  isRequired: boolean;
}

interface FieldRule {
  label?: string;
  hint?: string;
  options?: Option[]; // of a choice, or of each entry of a list
  empty?: string; // words for no choice
  isHidden?: boolean;
  isLong?: boolean;
  render?: (props: FieldProps) => ReactNode;
}

export type FieldRules = Record<string, FieldRule>;

/** The message of the API for a pointer, or for a value below it. */
type WrongAt = (pointer: string, isWhole: boolean) => string | undefined;

interface FormProps {
  schema: FormSchema;
  value: JsonObject;
  onChange: (value: JsonObject) => void;
  wrongAt: WrongAt;
  rules?: FieldRules;
  pointer?: string;
}

const BEGINS = ["name", "starts", "from"]; // a name comes first, and the start of a span before its end
const ENDS = ["is_active"];
const TIME = "^([01][0-9]|2[0-3]):[0-5][0-9]$"; // pattern of a local time

/** All fields of an object. Rules are found by the name of the field; fields with rules come in their order. */
export function SchemaFields({ schema, value, onChange, wrongAt, rules = {}, pointer = "" }: FormProps) {
  const fields = Object.entries(schema.properties ?? {}).filter(([name]) => !rules[name]?.isHidden);
  // The schema has its fields in the order of letters: what must be filled in comes before the rest, then what has a rule.
  const rank = (name: string) => (BEGINS.includes(name) ? 0 : ENDS.includes(name) ? 3 : schema.required?.includes(name) ? 1 : 2);
  const ruled = Object.keys(rules);
  const place = (name: string) => (ruled.includes(name) ? ruled.indexOf(name) : ruled.length);
  const shown = fields.sort(([one], [other]) => rank(one) - rank(other) || place(one) - place(other));
  return shown.map(([name, property]) => (
    <SchemaField
      key={name}
      name={name}
      schema={property}
      isRequired={schema.required?.includes(name) ?? false}
      value={value[name] === undefined ? property.default : value[name]}
      onChange={(next) => onChange({ ...value, [name]: next })}
      wrongAt={wrongAt}
      rules={rules}
      pointer={`${pointer}/${name}`}
    />
  ));
}

interface OneProps extends Omit<FormProps, "value" | "onChange" | "pointer"> {
  name: string;
  isRequired: boolean;
  value: Json | undefined;
  onChange: (value: Json) => void;
  pointer: string;
}

function SchemaField({ name, schema, isRequired, value, onChange, wrongAt, rules = {}, pointer }: OneProps) {
  const rule = rules[name] ?? {};
  const inner = present(schema);
  const nested = typeOf(inner) === "object" && inner.properties !== undefined;
  const props: FieldProps = {
    label: rule.label ?? t.labels[name] ?? words(name),
    value,
    onChange,
    wrong: wrongAt(pointer, !nested || rule.render !== undefined),
    hint: rule.hint ?? plain(inner.description),
    isRequired,
  };
  if (rule.render) return rule.render(props);
  if (nested) {
    const fields = { schema: inner, value: isObject(value) ? value : {}, onChange, wrongAt, rules, pointer };
    return <ObjectField {...props} isOptional={mayBeNull(schema)} isSet={isObject(value)} fields={fields} />;
  }
  switch (typeOf(inner)) {
    case "boolean":
      return <CheckField {...props} />;
    case "array":
      return <ListField {...props} options={rule.options ?? optionsOfEnum(inner.items?.enum)} isOfDates={inner.items?.format === "date"} />;
    case "integer":
    case "number":
      return <NumberField {...props} schema={inner} />;
    default:
      return <StringField {...props} schema={inner} rule={rule} isNullable={mayBeNull(schema)} hasDefault={typeof schema.default === "string"} />;
  }
}

/** Descriptions are written for readers of the API: show them without the marks of code and the names of calls. */
function plain(description: string | undefined): string | undefined {
  const named = description?.replace(/`([a-z]+(?:_[a-z]+)+)`/g, (_, name) => t.labels[name] ?? name);
  const sentences = named?.replaceAll("`", "").replace(/\bnull: /g, "empty: ").replace(/\bNull: /g, "Empty: ").split(/(?<=\.) /) ?? [];
  return sentences.filter((one) => one !== "Empty: none." && !/(GET|POST|PUT|PATCH|DELETE) \/api/.test(one)).join(" ") || undefined;
}

export const optionsOfEnum = (values: Json[] | undefined): Option[] | undefined =>
  values?.filter((one) => one !== null).map((one) => ({ value: String(one), label: t.choices[String(one)] ?? words(String(one)) }));

function ObjectField({ label, hint, wrong, isOptional, isSet, fields, onChange }: FieldProps & { isOptional: boolean; isSet: boolean; fields: FormProps }) {
  return (
    <fieldset className="group">
      <legend>{label}</legend>
      {isOptional && <CheckField label={t.isSet} value={isSet} onChange={(on) => onChange(on ? defaultsOf(fields.schema) : null)} wrong={wrong} hint={hint} isRequired={false} />}
      {(!isOptional || isSet) && (
        <div className="fields">
          <SchemaFields {...fields} />
        </div>
      )}
    </fieldset>
  );
}

const defaultsOf = (schema: FormSchema): JsonObject =>
  Object.fromEntries(Object.entries(schema.properties ?? {}).flatMap(([name, { default: value }]) => (value === undefined ? [] : [[name, value]])));

function CheckField({ label, value, onChange, wrong, hint }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label className="check">
        <input type="checkbox" checked={value === true} onChange={(event) => onChange(event.target.checked)} aria-describedby={wrong || hint ? id : undefined} />
        {label}
      </label>
      {(wrong || hint) && (
        <span id={id} className={wrong ? "wrong" : "hint"}>
          {wrong ?? hint}
        </span>
      )}
    </div>
  );
}

/** A list: boxes if its entries are known, else a text with one entry on each line. */
function ListField({ label, value, onChange, wrong, hint, options, isOfDates }: FieldProps & { options: Option[] | undefined; isOfDates: boolean }) {
  const given = Array.isArray(value) ? value.map(String) : [];
  if (options) {
    const toggle = (one: string) => onChange(given.includes(one) ? given.filter((other) => other !== one) : [...given, one]);
    return (
      <fieldset className="group">
        <legend>{label}</legend>
        {hint && <p className="hint">{hint}</p>}
        {wrong && <p className="wrong">{wrong}</p>}
        <div className="boxes">
          {options.map((one) => (
            <label key={one.value} className="check">
              <input type="checkbox" checked={given.includes(one.value)} onChange={() => toggle(one.value)} />
              {one.label}
            </label>
          ))}
        </div>
      </fieldset>
    );
  }
  const more = isOfDates ? t.oneDatePerLine : t.onePerLine;
  const read = (text: string) => onChange(text === "" ? [] : text.split("\n"));
  return <TextArea label={label} value={given.join("\n")} onChange={read} wrong={wrong} hint={hint ? `${hint} ${more}` : more} rows={3} />;
}

function NumberField({ label, value, onChange, wrong, hint, schema, isRequired }: FieldProps & { schema: FormSchema }) {
  const read = (text: string) => onChange(text.trim() === "" ? null : Number.isNaN(Number(text)) ? text : Number(text));
  const step = typeOf(schema) === "integer" ? 1 : "any";
  return <TextField label={label} type="number" min={schema.minimum} step={step} value={value === null || value === undefined ? "" : String(value)} onChange={read} wrong={wrong} {...(hint && { hint })} required={isRequired} />;
}

type StringProps = FieldProps & { schema: FormSchema; rule: FieldRule; isNullable: boolean; hasDefault: boolean };

function StringField({ label, value, onChange, wrong, hint, schema, rule, isRequired, isNullable, hasDefault }: StringProps) {
  const text = value === null || value === undefined ? "" : String(value);
  const read = (next: string) => onChange(next === "" && isNullable ? null : next);
  const shared = { label, value: text, onChange: read, wrong, required: isRequired, ...(hint && { hint }) };
  const options = rule.options ?? optionsOfEnum(schema.enum);
  if (options) return <SelectField {...shared} options={(isRequired || (hasDefault && !isNullable)) && text ? options : [{ value: "", label: rule.empty ?? (isRequired ? t.choose : t.none) }, ...options]} />;
  if (rule.isLong ?? schema["x-lines"]) return <TextArea {...shared} rows={4} />;
  if (schema.writeOnly) return <TextField {...shared} type="password" autoComplete="new-password" placeholder={t.secret} />;
  if (schema.format === "date-time") return <TextField {...shared} type="datetime-local" value={text && toField(Date.parse(text))} onChange={(next) => onChange(next ? fromField(next) : null)} hint={[hint, texts.shell.zone(zoneName())].filter(Boolean).join(" ")} />;
  if (schema.pattern === TIME) return <TextField {...shared} type="time" />;
  return <TextField {...shared} type={{ email: "email", date: "date", uri: "url" }[schema.format ?? ""] ?? "text"} />;
}
