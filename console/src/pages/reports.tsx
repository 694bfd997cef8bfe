/** Saved reports: their figures, their files, and their e-mails. */

import SavedReportIn from "openapi:SavedReportIn";
import SavedReportPatch from "openapi:SavedReportPatch";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useSearchParams } from "wouter";
import { api, ifMatch, ok } from "../api/client";
import { useAct, useMe, usePages, useSources, useUsers } from "../api/queries";
import { download, request } from "../api/request";
import type { Schemas } from "../api/types";
import { words } from "../format";
import type { FieldRules } from "../forms/fields";
import { SchemaForm } from "../forms/form";
import { isObject, type JsonObject } from "../forms/schema";
import { reportsTexts as t } from "../texts/reports";
import { texts } from "../texts";
import { Icon } from "../ui/icons";
import { DialogBox, MenuButton, type MenuEntry, toast, toastError } from "../ui/overlays";
import { Badge, Empty, Query, Time } from "../ui/parts";
import { useNames } from "./names";
import { plus } from "./numbers/query";
import { valueOf } from "./numbers/report";

type Saved = Schemas["SavedReportOut"];
type Schedule = NonNullable<Saved["schedule"]>;
type Opened = { title: string; content: ReactNode } | null;

const PATH = "/api/leads/analytics/saved-reports";
const TOPICS = ["settings"];
const FORMATS = ["csv", "xlsx", "json", "html"];
const HIDDEN = ["channel", "from", "to", "language", "mature_days", "stage", "tag", "value_from", "value_to"]; // for programs

export default function Reports() {
  const me = useMe();
  const titles = useTitles();
  const [opened, open] = useState<Opened>(null);
  const [search, setSearch] = useSearchParams();
  const close = () => {
    open(null);
    if (search.has("open")) setSearch({}, { replace: true });
  };
  const list = usePages<Saved>(["settings", "saved-reports"], (cursor) => ok(api.GET(PATH, { params: { query: { cursor, limit: 100 } } })));
  const change = useAct(({ one, schedule }: { one: Saved; schedule: Schedule }) => request("PATCH", `${PATH}/${one.id}`, { body: { schedule }, version: one.version }), TOPICS);
  const remove = useAct((one: Saved) => ok(api.DELETE(`${PATH}/{saved_report_id}`, { params: { path: { saved_report_id: one.id }, header: ifMatch(one.version) } })), TOPICS);
  const show = (one: Saved) => open({ title: one.name, content: <Figures id={one.id} /> });
  const asked = list.items.find(({ id }) => id === search.get("open")); // by a link
  const shown = opened ?? (asked ? { title: asked.name, content: <Figures id={asked.id} /> } : null);
  const edit = (one: Saved) => open({ title: t.edit(one.name), content: <Form one={one} close={close} /> });
  const actsOf = (one: Saved): MenuEntry[] => {
    const files = FORMATS.map((format) => ({ id: format, label: t.files[format] ?? format, act: () => void save(one, format) }));
    if (one.user_id !== me.id) return files;
    const { schedule } = one;
    const isPaused = schedule?.is_paused ?? false;
    const pause = () => schedule && change.mutate({ one, schedule: { ...schedule, is_paused: !isPaused } }, { onSuccess: () => toast(isPaused ? t.resumed : t.pausedNow), onError: toastError });
    return [
      { id: "edit", label: t.editAct, act: () => edit(one) },
      ...files,
      ...(schedule ? [{ id: "pause", label: isPaused ? t.resume : t.pause, act: pause }] : []),
      { id: "remove", label: t.remove, icon: "close" as const, act: () => open({ title: t.remove, content: <Remove name={one.name} close={close} act={() => remove.mutate(one, { onSuccess: () => toast(t.removed), onError: toastError })} /> }) },
    ];
  };
  return (
    <>
      <div className="page-head">
        <h1>{t.title}</h1>
        <div className="acts">
          <button type="button" className="button primary" onClick={() => open({ title: t.create, content: <Form close={close} /> })}>
            <Icon name="plus" />
            {t.create}
          </button>
        </div>
      </div>
      <p className="soft">{t.hint}</p>
      <Query of={list}>
        {list.items.length === 0 ? (
          <Empty icon="numbers" title={t.empty} />
        ) : (
          <div className="table-box">
            <table>
              <thead>
                <tr>
                  <th>{t.name}</th>
                  <th className="wide-only">{t.report}</th>
                  <th className="wide-only">{t.mails}</th>
                  <th className="wide-only">{t.lastSent}</th>
                  <th>
                    <span className="hidden">{texts.shell.menu}</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {list.items.map((one) => (
                  <tr key={one.id}>
                    <td>
                      <button type="button" className="link" aria-label={t.open(one.name)} onClick={() => show(one)}>
                        {one.name}
                      </button>{" "}
                      {one.shared && <Badge>{t.shared}</Badge>} {one.schedule?.is_paused && <Badge tone="warn">{t.paused}</Badge>}
                    </td>
                    <td className="wide-only">{titles.get(one.report) ?? words(one.report)}</td>
                    <td className="wide-only">{one.schedule ? <Mails schedule={one.schedule} /> : <span className="soft">{t.none}</span>}</td>
                    <td className="wide-only">{one.last_sent_at ? <Time at={one.last_sent_at} /> : <span className="soft">{one.schedule ? t.never : "–"}</span>}</td>
                    <td className="right">
                      <MenuButton label={t.acts(one.name)} className="button plain icon-only" entries={actsOf(one)}>
                        <Icon name="more" />
                      </MenuButton>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {list.hasNextPage && (
          <button type="button" className="button" onClick={() => list.fetchNextPage()}>
            {texts.shell.more}
          </button>
        )}
      </Query>
      {shown && (
        <DialogBox title={shown.title} onClose={close} isWide>
          {shown.content}
        </DialogBox>
      )}
    </>
  );
}

const save = (one: Saved, format: string) => download(`${PATH}/${one.id}/run`, `${one.name}.${format}`, { format }).catch(toastError);

function useReports() {
  return useQuery({ queryKey: ["settings", "named-reports"], queryFn: async () => (await ok(api.GET("/api/leads/analytics/reports"))).reports, staleTime: Infinity }).data ?? [];
}

const useTitles = () => new Map(useReports().map(({ name, title }) => [name, title]));

/** "Each Monday at 07:30 to Ana, Eva" */
function Mails({ schedule }: { schedule: Schedule }) {
  const { userName } = useNames();
  const day = schedule.every === "week" ? t.weekly(words(schedule.weekday ?? "")) : t.monthly(schedule.day ?? 1);
  return <>{day + (schedule.at ? t.at(schedule.at) : "") + t.to(schedule.recipients.map(userName).join(", "))}</>;
}

function Figures({ id }: { id: string }) {
  const params = { path: { saved_report_id: id } };
  const run = useQuery({ queryKey: ["leads", "saved-run", id], queryFn: () => ok(api.GET(`${PATH}/{saved_report_id}/run`, { params })) as Promise<Schemas["SavedRunOut"]> });
  const report = run.data;
  return (
    <Query of={run} rows={4}>
      {report && (
        <div className="stack">
          <p className="soft">
            {report.title} · {t.days(report.from, plus(report.to, -1))}
          </p>
          <div className="table-box" tabIndex={0} role="region" aria-label={report.title}>
            <table>
              <thead>
                <tr>
                  <th>{t.row}</th>
                  {report.definitions.map((one) => (
                    <th key={one.metric} className="right" title={one.words}>
                      {one.label}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {report.rows.map((row) => (
                  <tr key={String(row.key)}>
                    <td>{row.label}</td>
                    {report.definitions.map(({ metric }) => {
                      const figure = row.figures.find((one) => one.metric === metric);
                      return (
                        <td key={metric} className="right number">
                          {figure ? valueOf(figure) : "–"}
                        </td>
                      );
                    })}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </div>
      )}
    </Query>
  );
}

function Form({ one, close }: { one?: Saved; close: () => void }) {
  const reports = useReports();
  const users = useUsers().data ?? [];
  const sources = useSources().data ?? [];
  const named = (items: { id: string; name: string }[]) => items.map(({ id, name }) => ({ value: id, label: name }));
  const rules = (draft: JsonObject): FieldRules => {
    const every = isObject(draft.schedule) ? draft.schedule.every : undefined;
    return inOrder({
      ...Object.fromEntries(Object.entries(t.labels).map(([name, label]) => [name, { label, hint: "" }])),
      ...Object.fromEntries(HIDDEN.map((name) => [name, { isHidden: true }])),
      report: { options: reports.map(({ name, title }) => ({ value: name, label: title })) },
      period: { label: t.labels.period, hint: t.periodHint, empty: t.usual },
      source_id: { label: t.labels.source, hint: "", options: named(sources), empty: t.all },
      assigned_to_id: { label: t.labels.owner, hint: "", options: named(users), empty: t.all },
      basis: { label: t.labels.basis, hint: "", options: choices("cohort", "period"), empty: t.usual },
      compare: { label: t.labels.compare, hint: "", options: choices("previous_period", "previous_year") },
      schedule: { label: t.labels.schedule, hint: t.scheduleHint },
      weekday: { label: t.labels.weekday, hint: "", isHidden: every !== "week" },
      day: { label: t.labels.day, hint: t.dayHint, isHidden: every !== "month" },
      recipients: { label: t.labels.recipients, hint: t.recipientsHint, options: named(users) },
      at: { label: t.labels.at, hint: t.timeHint },
    });
  };
  const send = (body: JsonObject, version: number | undefined) => (one ? request("PATCH", `${PATH}/${one.id}`, { body: complete(body), version }) : request("POST", PATH, { body: complete(body) }));
  const act = useAct(({ body, version }: { body: JsonObject; version: number | undefined }) => send(body, version), TOPICS);
  const done = () => {
    toast(one ? t.saved : t.created);
    close();
  };
  const begin = one && { begin: one as unknown as JsonObject, refetch: () => request<JsonObject>("GET", `${PATH}/${one.id}`) };
  return <SchemaForm schema={one ? SavedReportPatch : SavedReportIn} rules={rules} label={one ? t.save : texts.shell.create} replacesParts {...begin} send={(body, version) => act.mutateAsync({ body, version })} onDone={done} onCancel={close} />;
}

const ORDER = ["name", "report", "parameters", "shared", "schedule", "period", "by", "compare", "basis", "source_id", "assigned_to_id", "every", "weekday", "day", "at", "attach", "recipients", "is_paused"];

/** The same rules in the order in which a user thinks of the fields. */
const inOrder = (rules: FieldRules): FieldRules => ({ ...Object.fromEntries(ORDER.map((name) => [name, {}])), ...rules });

const choices = (...values: string[]) => values.map((value) => ({ value, label: t.choices[value] ?? words(value) }));

/** Parts are replaced as a whole: leave out what is empty, and the day that the interval does not have. */
function complete({ parameters, schedule, ...rest }: JsonObject): JsonObject {
  const body: JsonObject = { ...rest };
  if (isObject(parameters)) body.parameters = Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== null && value !== ""));
  if (schedule !== undefined) body.schedule = isObject(schedule) ? { ...schedule, [schedule.every === "week" ? "day" : "weekday"]: null } : null;
  return body;
}

function Remove({ name, act, close }: { name: string; act: () => void; close: () => void }) {
  const confirm = () => {
    act();
    close();
  };
  return (
    <div className="stack">
      <p>{t.removeSure(name)}</p>
      <footer className="row">
        <button type="button" className="button" onClick={close}>
          {texts.shell.cancel}
        </button>
        <button type="button" className="button danger" onClick={confirm}>
          {t.remove}
        </button>
      </footer>
    </div>
  );
}
