/** Import of leads: file, columns with suggestions, check of all rows, start with the count, progress and mistakes. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useLocation, useParams } from "wouter";
import { api, authorized, ok } from "../api/client";
import { useAct, usePages, useSources } from "../api/queries";
import { download, request } from "../api/request";
import type { Schemas } from "../api/types";
import { words } from "../format";
import { texts } from "../texts";
import { DialogBox, toastError } from "../ui/overlays";
import { Badge, Empty, Failure, optionsOf, Query, SelectField, TextField, Time, useMistakes } from "../ui/parts";
import { areaTexts } from "./area-texts";

type Import = Schemas["ImportDetailOut"];
type Row = Schemas["RowOut"];
type Start = Required<Pick<Schemas["StartIn"], "mapping" | "on_duplicate" | "date_order" | "runs_rules">> & { source_id: string; rules_from: string };

const t = areaTexts.import;
const TYPES: Record<string, string> = { csv: "text/csv", xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" };
const POLL = 1500; // milliseconds, while a job runs

export default function ImportPage() {
  const { id } = useParams<{ id?: string }>();
  return (
    <>
      <div className="page-head">
        <h1>{texts.pages.import}</h1>
      </div>
      {id ? <One key={id} id={id} /> : <Begin />}
    </>
  );
}

function Begin() {
  const [, go] = useLocation();
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const earlier = usePages<Schemas["ImportOut"]>(["jobs", "imports"], (cursor) => ok(api.GET("/api/imports", { params: { query: { cursor, limit: 20 } } })));
  const upload = async (file: File) => {
    const type = TYPES[file.name.toLowerCase().split(".").pop() ?? ""];
    if (!type) return setError(new Error(t.wrongType(file.name)));
    setBusy(true);
    setError(null);
    try {
      const response = await authorized(new Request(`/api/imports?${new URLSearchParams({ name: file.name.slice(0, 100) })}`, { method: "POST", body: file, headers: { "Content-Type": type } }));
      const made: Import = await response.json();
      go(`/import/${made.id}`);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <section className="card stack">
        <p>{t.hint}</p>
        {error ? <Failure error={error} /> : null}
        <label className="field">
          <span className="label">{t.choose}</span>
          <input className="input" type="file" accept=".csv,.xlsx" disabled={isBusy} onChange={(event) => event.target.files?.[0] && upload(event.target.files[0])} />
        </label>
        {isBusy && <p role="status">{t.uploading}</p>}
      </section>
      <section className="stack">
        <h2>{t.earlier}</h2>
        <Query of={earlier} rows={2}>
          {earlier.items.length === 0 && <Empty icon="upload" title={t.none} hint={t.hint} />}
          <ul className="lines">
            {earlier.items.map((one) => (
              <li key={one.id}>
                <Link href={`/import/${one.id}`}>{one.name}</Link>
                <span className="grow soft">{t.rows(one.rows)}</span>
                <Time at={one.created_at} />
              </li>
            ))}
          </ul>
        </Query>
      </section>
    </>
  );
}

function One({ id }: { id: string }) {
  const found = useQuery({
    queryKey: ["jobs", "import", id],
    queryFn: () => ok(api.GET("/api/imports/{import_id}", { params: { path: { import_id: id } } })),
    refetchInterval: ({ state }) => (state.data?.job?.state === "running" ? POLL : false),
  });
  return (
    <>
      <Link className="row small back" href="/import">
        {t.back}
      </Link>
      <Query of={found}>{found.data && <Shown file={found.data} />}</Query>
    </>
  );
}

function Shown({ file }: { file: Import }) {
  const client = useQueryClient();
  const sources = useSources().data ?? [];
  const fields = useQuery({ queryKey: ["settings", "import-fields"], queryFn: async () => (await ok(api.GET("/api/imports/fields"))).fields }).data ?? [];
  const { job, options: used } = file;
  const [spec, setSpec] = useState<Start>(used ? { ...used, source_id: used.source_id ?? "", rules_from: used.rules_from ?? "" } : { mapping: file.mapping as Record<string, string>, on_duplicate: "skip", date_order: "month", runs_rules: false, source_id: "", rules_from: "" });
  const [isAsking, ask] = useState(false);
  const [checked, setChecked] = useState<Start | null>(used?.is_preview ? spec : null); // what was checked, for this job
  const isStarted = used !== null && !used.is_preview;
  const set = (changes: Partial<Start>) => setSpec({ ...spec, ...changes });
  const act = useAct(
    (step: "preview" | "start") => request("POST", `/api/imports/${file.id}/${step}`, { body: { on_duplicate: spec.on_duplicate, date_order: spec.date_order, runs_rules: spec.runs_rules, rules_from: (!spec.runs_rules && spec.rules_from) || undefined, mapping: Object.fromEntries(Object.entries(spec.mapping ?? {}).filter(([, to]) => to)), source_id: spec.source_id || undefined } }),
    ["jobs"],
  );
  const mistakes = useMistakes(act.error);
  const run = (step: "preview" | "start") =>
    act.mutate(step, {
      onSuccess: () => {
        setChecked(step === "preview" ? spec : null);
      },
    });
  const options = [
    { value: "", label: t.skip },
    ...fields.map(({ name, label }) => ({ value: name, label })),
  ];
  const [mapped, suggested] = [spec.mapping as Record<string, string>, file.mapping as Record<string, string>];
  const ready = (job?.done ?? 0) - file.skipped;
  const isRunning = job?.state === "running";
  const isChecked = !isRunning && checked === spec && job !== null;
  return (
    <>
      <h2>
        {file.name} <Badge>{t.rows(file.rows)}</Badge>
      </h2>
      {mistakes.rest("/source_id")}
      <section className="stack" aria-label={t.mapping}>
        <div className="table-box">
          <table>
            <caption className="caption">{t.mapping}</caption>
            <thead>
              <tr>
                <th>{t.column}</th>
                <th>{t.field}</th>
                <th className="wide-only">{t.sample}</th>
              </tr>
            </thead>
            <tbody>
              {file.columns.map((column, at) => (
                <tr key={column}>
                  <td>{column}</td>
                  <td>
                    <select className="input" aria-label={`${t.field}: ${column}`} value={mapped[column] ?? ""} onChange={(event) => set({ mapping: { ...spec.mapping, [column]: event.target.value } })}>
                      {options.map((one) => (
                        <option key={one.value} value={one.value}>
                          {one.label}
                        </option>
                      ))}
                    </select>
                    <About field={fields.find(({ name }) => name === mapped[column])} isSuggested={mapped[column] === suggested[column]} />
                  </td>
                  <td className="wide-only cut soft">
                    {file.sample
                      .slice(0, 3)
                      .map((row) => row[at])
                      .filter(Boolean)
                      .join(" · ")}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <div className="fields">
          <SelectField label={t.source} wrong={mistakes.at("/source_id")} value={spec.source_id} onChange={(source_id) => set({ source_id })} options={[{ value: "", label: texts.leads.noNext }, ...sources.map(({ id, name }) => ({ value: id, label: name }))]} />
          <SelectField label={t.duplicates} value={spec.on_duplicate} onChange={(value) => set({ on_duplicate: value as Start["on_duplicate"] })} options={optionsOf(t.duplicate)} />
          <SelectField label={t.dates} value={spec.date_order} onChange={(value) => set({ date_order: value as Start["date_order"] })} options={optionsOf(t.date)} />
        </div>
        <label className="check">
          <input type="checkbox" checked={spec.runs_rules} onChange={(event) => set({ runs_rules: event.target.checked })} />
          {t.rules}
        </label>
        {!spec.runs_rules && (
          <div className="stack close">
            <p className="small soft">{t.waiting}</p>
            <TextField label={t.rulesFrom} type="date" wrong={mistakes.at("/rules_from")} value={spec.rules_from} onChange={(rules_from) => set({ rules_from })} />
          </div>
        )}
        <p className="row">
          <button type="button" className="button primary" disabled={isRunning || act.isPending} onClick={() => run("preview")}>
            {t.check}
          </button>
          {isChecked && ready > 0 && (
            <button type="button" className="button primary" disabled={act.isPending} onClick={() => ask(true)}>
              {t.start(ready)}
            </button>
          )}
          {!job && <span className="soft">{t.checkFirst}</span>}
        </p>
        {isAsking && (
          <Confirm
            file={file}
            leads={ready}
            runsRules={spec.runs_rules}
            onClose={() => ask(false)}
            start={() => {
              ask(false);
              run("start");
            }}
          />
        )}
      </section>
      {job && (
        <section className="card stack" aria-label={t.progress}>
          <progress max={100} value={job.percent} aria-label={t.progress} />
          <p role="status" className="number">
            {isRunning ? `${Math.round(job.percent)} %` : isStarted ? t.imported(ready, job.failed) : t.checked(ready, job.failed)}
          </p>
          {!isRunning && file.skipped > 0 && <p>{t.skipped(file.skipped)}</p>}
          {!isRunning && file.updated > 0 && <p>{t.updated(file.updated)}</p>}
          {!isRunning && file.warnings.length > 0 && (
            <ul className="lines" aria-label={t.warnings}>
              {file.warnings.map((one) => (
                <li key={one.text}>
                  <span className="grow">{one.text}</span>
                  <span className="number">{t.rows(one.rows)}</span>
                </li>
              ))}
            </ul>
          )}
          <p className="row">
            {isRunning && (
              <button type="button" className="button" onClick={() => request("POST", `/api/jobs/${job.id}/cancel`).catch(toastError).finally(() => client.invalidateQueries({ queryKey: ["jobs"] }))}>
                {t.cancel}
              </button>
            )}
            {!isRunning && isStarted && <Link href="/leads">{t.toLeads}</Link>}
          </p>
          {!isRunning && job.failed > 0 && <Mistakes id={file.id} jobId={job.id} />}
          {!isRunning && file.duplicates > 0 && <KnownRows file={file} jobId={job.id} />}
        </section>
      )}
    </>
  );
}

interface ConfirmProps {
  file: Import;
  leads: number;
  runsRules: boolean;
  onClose: () => void;
  start: () => void;
}

/** What follows from the import: the tasks and messages of each rule, as the check has counted them. */
function Confirm({ file, leads, runsRules, onClose, start }: ConfirmProps) {
  const rules = file.follow_ups ?? [];
  const sum = (name: "tasks" | "messages") => rules.reduce((total, rule) => total + rule[name], 0);
  return (
    <DialogBox title={t.start(leads)} onClose={onClose}>
      {runsRules ? <p>{t.followUps(sum("tasks"), sum("messages"))}</p> : <p>{t.waiting}</p>}
      {runsRules && rules.length > 0 && (
        <ul className="lines">
          {rules.map((rule) => (
            <li key={rule.rule}>
              <span className="grow">{rule.description ?? words(rule.rule)}</span>
              <span className="number">{t.counts(rule.tasks, rule.messages)}</span>
            </li>
          ))}
        </ul>
      )}
      {runsRules && rules.length > 0 && <p className="small soft">{t.spread}</p>}
      <footer className="row">
        <button type="button" className="button" onClick={onClose}>
          {texts.shell.cancel}
        </button>
        <button type="button" className="button primary" onClick={start}>
          {t.begin}
        </button>
      </footer>
    </DialogBox>
  );
}

/** What the chosen field takes, with an example. */
function About({ field, isSuggested }: { field: Schemas["ImportFieldOut"] | undefined; isSuggested: boolean }) {
  if (!field) return null;
  const example = field.examples[0];
  return (
    <p className="small soft">
      {isSuggested && <Badge tone="accent">{t.suggested}</Badge>} {field.description} {example && t.example(example)}
    </p>
  );
}

function Mistakes({ id, jobId }: { id: string; jobId: string }) {
  const rows = usePages<Row>(["jobs", "rows", id, jobId], (cursor) => ok(api.GET("/api/imports/{import_id}/rows", { params: { path: { import_id: id }, query: { status: "failed", cursor, limit: 50 } } })));
  return (
    <div className="stack">
      <div className="row between">
        <h3>{t.mistakes}</h3>
        <button type="button" className="button" onClick={() => download(`/api/imports/${id}/errors`, "errors.csv").catch(toastError)}>
          {t.errors}
        </button>
      </div>
      <p className="soft">{t.reimport}</p>
      <RowTable rows={rows} head={t.mistake} cell={(row) => row.error ?? words(row.reason ?? "")} />
    </div>
  );
}

/** Rows of the file by number, each with what is said about it. */
function RowTable({ rows, head, cell }: { rows: ReturnType<typeof usePages<Row>>; head: string; cell: (row: Row) => ReactNode }) {
  return (
    <Query of={rows} rows={2}>
      <table>
        <thead>
          <tr>
            <th>{t.row}</th>
            <th>{head}</th>
          </tr>
        </thead>
        <tbody>
          {rows.items.map((row) => (
            <tr key={row.number}>
              <td>{row.number}</td>
              <td>{cell(row)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.hasNextPage && (
        <button type="button" className="button" onClick={() => rows.fetchNextPage()}>
          {texts.shell.more}
        </button>
      )}
    </Query>
  );
}

/** Rows whose person is a lead already, or stands in an earlier row. */
function KnownRows({ file, jobId }: { file: Import; jobId: string }) {
  const rows = usePages<Row>(["jobs", "known-rows", file.id, jobId], (cursor) => ok(api.GET("/api/imports/{import_id}/rows", { params: { path: { import_id: file.id }, query: { duplicates: true, cursor, limit: 20 } } })));
  return (
    <div className="stack">
      <h3>{t.known}</h3>
      {file.repeated > 0 && <p>{t.repeated(file.repeated)}</p>}
      <RowTable rows={rows} head={t.person} cell={(row) => row.same_as_row !== null ? t.sameRow(row.same_as_row) : row.matched_lead_id && <Link href={`/leads/${row.matched_lead_id}`}>{t.sameLead}</Link>} />
    </div>
  );
}
