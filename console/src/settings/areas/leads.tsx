/** Settings: custom fields, stages, sources, assignment rules and web forms. */

import Archival from "openapi:Archival";
import CustomFieldIn from "openapi:CustomFieldIn";
import CustomFieldPatch from "openapi:CustomFieldPatch";
import RuleIn from "openapi:RuleIn";
import RulePatch from "openapi:RulePatch";
import SourceIn from "openapi:SourceIn";
import SourcePatch from "openapi:SourcePatch";
import StageIn from "openapi:StageIn";
import StagePatch from "openapi:StagePatch";
import WebFormIn from "openapi:WebFormIn";
import WebFormPatch from "openapi:WebFormPatch";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, ok } from "../../api/client";
import { useLeadTemplates, useMay, useSources, useUsers } from "../../api/queries";
import { request } from "../../api/request";
import { type FieldProps, type FieldRules, optionsOfEnum } from "../../forms/fields";
import { SchemaForm } from "../../forms/form";
import type { JsonObject } from "../../forms/schema";
import { money, words } from "../../format";
import { Icon } from "../../ui/icons";
import { toast, toastError } from "../../ui/overlays";
import { Badge, type Option, optionsOf, Query, SelectField, TextField } from "../../ui/parts";
import { CopyButton, Resource, type Row, type Tools, useListed } from "../resource";
import { settingsTexts as t } from "../texts";
import { activity } from "./people";

const optionsOfRows = (rows: { id: string; name: string }[] | undefined): Option[] => rows?.map(({ id, name }) => ({ value: id, label: name })) ?? [];

const FIELD = { label: {}, type: {}, options: { label: t.fields.options, hint: "" }, required: { label: t.fields.required }, archived: {} };

export const CustomFields = () => (
  <Resource
    about={t.fields}
    path="/api/custom-fields"
    nameOf={(row) => String(row.label)}
    columns={[
      ["Label", (row) => row.label as string],
      ["Type", (row) => words(String(row.type))],
      [t.stages.shortName, (row) => <code className="prose">{row.key as string}</code>],
      ["", (row) => (row.archived ? <Badge>{t.fields.archived}</Badge> : null)],
    ]}
    create={CustomFieldIn}
    made={["key", "label"]}
    change={CustomFieldPatch}
    rules={({ type }) => ({ ...FIELD, options: { ...FIELD.options, isHidden: type !== "choice" }, archived: { isHidden: true } })}
    changeRules={(_, { type }) => ({ ...FIELD, options: { ...FIELD.options, isHidden: type !== "choice" } })}
  />
);

/** Moves a row up or down, and sends the whole order. */
const reorder = (rows: Row[], tools: Tools, path: string, bodyOf: (rows: Row[]) => JsonObject) => (row: Row, by: -1 | 1) => {
  const at = rows.indexOf(row);
  const next = rows.filter((one) => one !== row);
  next.splice(at + by, 0, row);
  request("PUT", path, { body: bodyOf(next) }).then(() => toast(t.saved), toastError).finally(() => tools.reload());
};

/** What reacts to a stage, in the API's words. */
const reactionsOf = (row: Row): ReactNode => {
  const reactions = (row.automation ?? []) as JsonObject[];
  if (reactions.length === 0) return "–";
  return (
    <ul className="stack close">
      {reactions.map((one) => (
        <li key={`${one.id} ${one.on}`}>
          <span className="soft">{t.stages.moments[String(one.on)]}</span> {one.text as string}
        </li>
      ))}
    </ul>
  );
};

export function Stages() {
  const mayAutomate = useMay("automation:manage");
  const tasks = useQuery({ queryKey: ["settings", "task-templates"], queryFn: async () => (await ok(api.GET("/api/task-templates", { params: { query: { limit: 200 } } }))).items, enabled: mayAutomate });
  const messages = useLeadTemplates(mayAutomate);
  const rulesFor = (color: unknown, hasReactions: boolean): FieldRules => ({
    description: {},
    color: { label: t.labels.color ?? "", options: colorsWith(color) },
    max_days_in_stage: { hint: t.stages.limitHint },
    is_default: { hint: t.stages.defaultHint },
    auto_task_template: { options: optionsOfRows(tasks.data), hint: t.stages.taskHint, isHidden: !hasReactions },
    auto_email_template: { options: optionsOfRows(messages.data), hint: t.stages.templateHint, isHidden: !hasReactions },
  });
  return (
    <Resource
      about={t.stages}
      made={["slug", "name"]}
      rules={rulesFor(null, mayAutomate)}
      changeRules={(_, row) => rulesFor(row.color, mayAutomate && !row.is_terminal)}
      path="/api/pipeline-stages"
      nameOf={(row) => String(row.name)}
      columns={[
        ["Name", (row) => row.name as string],
        ["", (row) => (row.archived_at ? <Badge>Archived</Badge> : row.is_default ? <Badge tone="accent">Default</Badge> : null)],
        [t.labels.max_days_in_stage ?? "", (row) => (row.max_days_in_stage as number) ?? "–"],
        [t.stages.automation, reactionsOf],
        [t.stages.shortName, (row) => <code>{row.slug as string}</code>],
      ]}
      create={StageIn}
      change={StagePatch}
      order={(rows, tools) => reorder(rows.filter((row) => !row.archived_at), tools, "/api/pipeline-stages/reorder", (next) => ({ slugs: next.map((row) => row.slug as string) }))}
      acts={(row, tools) => {
        if (row.archived_at) return [{ id: "restore", label: t.stages.restore, act: () => tools.run(t.stages.restored, () => request("POST", `/api/pipeline-stages/${row.id}/restore`)) }];
        return [{ id: "archive", label: t.stages.archive, act: () => tools.open(`${t.stages.archive}: ${row.name}`, <Archive row={row} tools={tools} />) }];
      }}
    />
  );
}

/** The colors to choose from, and the present one if it is none of them. */
const colorsWith = (present: unknown): Option[] => optionsOf(typeof present === "string" && !(present in t.stages.colors) ? { [present]: t.stages.ownColor, ...t.stages.colors } : t.stages.colors);

function Archive({ row, tools }: { row: Row; tools: Tools }) {
  const stages = useListed("/api/pipeline-stages").items;
  const options = stages.filter((one) => one.slug !== row.slug && !one.archived_at).map((one) => ({ value: String(one.slug), label: String(one.name) }));
  const done = () => {
    toast(t.stages.archived);
    void tools.reload();
    tools.close();
  };
  const send = (body: JsonObject) => request("POST", `/api/pipeline-stages/${row.id}/archive`, { body });
  return <SchemaForm schema={Archival} rules={{ moves_to: { label: t.stages.moveLeads, hint: "", options } }} label={t.stages.archive} send={send} onDone={done} onCancel={tools.close} />;
}

export const Sources = () => (
  <Resource
    about={t.sources}
    path="/api/lead-sources"
    nameOf={(row) => String(row.name)}
    columns={[
      ["Name", (row) => row.name as string],
      ["", activity],
      ["Category", (row) => words(String(row.category))],
      [t.labels.monthly_cost ?? "", (row) => money((row.monthly_cost as string) ?? null) || "–"],
    ]}
    create={SourceIn}
    change={SourcePatch}
  />
);

export function AssignmentRules() {
  const users = optionsOfRows(useUsers().data);
  const sources = optionsOfRows(useSources().data);
  return (
    <Resource
      about={t.assignment}
      path="/api/assignment-rules"
      nameOf={(row) => String(row.name)}
      columns={[
        ["Name", (row) => row.name as string],
        ["", activity],
        ["Strategy", (row) => words(String(row.strategy))],
        [t.assignment.member, (row) => (row.members as JsonObject[]).map((one) => users.find((user) => user.value === one.user_id)?.label ?? "–").join(", ")],
      ]}
      create={RuleIn}
      change={RulePatch}
      rules={{ strategy: { hint: t.assignment.strategyHint }, source_ids: { options: sources }, members: { render: (props) => <Members key="members" {...props} users={users} /> }, fallback_id: { options: users } }}
      canDelete
      order={(rows, tools) => reorder(rows, tools, "/api/assignment-rules/reorder", (next) => ({ ids: next.map((row) => row.id) }))}
    />
  );
}

function Members({ label, value, onChange, wrong, users }: FieldProps & { users: Option[] }) {
  const members = (Array.isArray(value) ? value : []) as JsonObject[];
  const set = (at: number, changes: JsonObject) => onChange(members.map((one, place) => (place === at ? { ...one, ...changes } : one)));
  const read = (text: string) => (text === "" ? null : Number(text));
  return (
    <fieldset className="group">
      <legend>{label}</legend>
      {wrong && <p className="wrong">{wrong}</p>}
      {members.map((one, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: members are edited in place
        <div key={at} className="fields">
          <SelectField label={t.assignment.member} value={String(one.user_id ?? "")} onChange={(user_id) => set(at, { user_id })} options={[{ value: "", label: t.none }, ...users]} />
          <TextField label="Weight" type="number" min={1} value={String(one.weight ?? 1)} onChange={(text) => set(at, { weight: read(text) })} />
          <TextField label="At most open leads" type="number" min={1} value={String(one.ceiling ?? "")} onChange={(text) => set(at, { ceiling: read(text) })} />
          <button type="button" className="button" onClick={() => onChange(members.filter((_, place) => place !== at))}>
            {t.remove}
          </button>
        </div>
      ))}
      <button type="button" className="button" onClick={() => onChange([...members, { user_id: users[0]?.value ?? "", weight: 1, ceiling: null }])}>
        <Icon name="plus" />
        {t.assignment.addMember}
      </button>
    </fieldset>
  );
}

const FORM_FIELDS = optionsOfEnum(WebFormIn.properties?.fields?.items?.properties?.name?.enum) ?? [];

export function WebForms() {
  const sources = optionsOfRows(useSources().data);
  return (
    <Resource
      about={t.forms}
      path="/api/web-forms"
      nameOf={(row) => String(row.name)}
      columns={[
        ["Name", (row) => row.name as string],
        ["", activity],
        ["Key", (row) => <code className="prose">{row.key as string}</code>],
      ]}
      create={WebFormIn}
      change={WebFormPatch}
      rules={{ source_id: { options: sources }, fields: { render: (props) => <FormFields key="fields" {...props} /> } }}
      next={(made) => ({ title: t.forms.html, content: <FormHtml form={made} /> })}
      acts={(row, { open }) => [{ id: "html", label: t.forms.html, act: () => open(t.forms.html, <FormHtml form={row} />) }]}
    />
  );
}

function FormHtml({ form }: { form: Row }) {
  const html = useQuery({ queryKey: ["settings", "form-html", form.id], queryFn: () => request<{ html: string }>("GET", `/api/web-forms/${form.id}/html`) });
  return (
    <Query of={html}>
      <p>{t.forms.htmlHint}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by keyboard */}
      <pre className="quote source" tabIndex={0}>
        <code>{html.data?.html}</code>
      </pre>
      <footer className="row">
        <CopyButton text={html.data?.html ?? ""} />
      </footer>
    </Query>
  );
}

function FormFields({ label, value, onChange, wrong }: FieldProps) {
  const given = (Array.isArray(value) ? value : []) as { name: string; required?: boolean }[];
  const choice = (name: string) => {
    const found = given.find((one) => one.name === name);
    return !found ? "" : found.required ? "required" : "optional";
  };
  const set = (name: string, how: string) => {
    const next = given.filter((one) => one.name !== name).map(({ name: other, required = false }) => ({ name: other, required }));
    if (how) next.push({ name, required: how === "required" });
    onChange(FORM_FIELDS.flatMap(({ value: one }) => next.filter((field) => field.name === one))); // visitors see this order
  };
  return (
    <fieldset className="group">
      <legend>{label}</legend>
      {wrong && <p className="wrong">{wrong}</p>}
      <div className="boxes">
        {FORM_FIELDS.map((one) => (
          <label key={one.value} className="grant">
            <span>{one.label}</span>
            <select className="input" value={choice(one.value)} onChange={(event) => set(one.value, event.target.value)}>
              <option value="">No</option>
              <option value="optional">Optional</option>
              <option value="required">Required</option>
            </select>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
