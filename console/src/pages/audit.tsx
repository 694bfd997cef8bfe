/** Audit log: who read or changed what, with the values before and after; verify and export. */

import { useState } from "react";
import { useSearchParams } from "wouter";
import { api, ok } from "../api/client";
import { useAct, usePages } from "../api/queries";
import { download } from "../api/request";
import type { Schemas } from "../api/types";
import { words } from "../format";
import { texts } from "../texts";
import { DialogBox, toastError } from "../ui/overlays";
import { Badge, Empty, optionsOf, Query, SelectField, TextField, Time } from "../ui/parts";
import { areaTexts } from "./area-texts";
import { useNames } from "./names";
import { useUsers } from "../api/queries";

type Entry = Schemas["EntryOut"];

const t = areaTexts.audit;
const FILTERS = ["from", "to", "user_id", "act", "subject", "subject_id"] as const;

export default function Audit() {
  const [search, setSearch] = useSearchParams();
  const [shown, show] = useState<Entry | null>(null);
  const users = useUsers().data ?? [];
  const given = Object.fromEntries(FILTERS.flatMap((name) => (search.get(name) ? [[name, search.get(name) as string]] : [])));
  const query = { ...given, ...Object.fromEntries(["from", "to"].flatMap((name) => (given[name] ? [[name, `${given[name]}T00:00:00Z`]] : []))) } as Record<string, string>;
  const entries = usePages<Entry>(["settings", "audit", JSON.stringify(query)], (cursor) => ok(api.GET("/api/audit", { params: { query: { ...query, cursor, limit: 50 } as object } })));
  const field = (name: (typeof FILTERS)[number]) => ({
    value: given[name] ?? "",
    onChange: (value: string) => {
      const next = new URLSearchParams(search);
      if (value) next.set(name, value);
      else next.delete(name);
      setSearch(next, { replace: true });
    },
  });
  const any = { value: "", label: texts.leads.any };
  return (
    <>
      <div className="page-head">
        <h1>{texts.pages.audit}</h1>
        <div className="acts">
          <Verify />
          <button type="button" className="button" onClick={() => download("/api/audit/export", "audit.csv", query).catch(toastError)}>
            {t.export}
          </button>
        </div>
      </div>
      <p className="soft">{t.hint}</p>
      <div className="fields">
        <TextField label={t.from} type="date" {...field("from")} />
        <TextField label={t.to} type="date" {...field("to")} />
        <SelectField label={t.user} {...field("user_id")} options={[any, ...users.map(({ id, name }) => ({ value: id, label: name }))]} />
        <SelectField label={t.act} {...field("act")} options={[any, ...optionsOf(t.acts)]} />
        <TextField label={t.subject} placeholder={t.subjectHint} {...field("subject")} />
        <TextField label={t.subjectId} {...field("subject_id")} />
      </div>
      <Query of={entries} rows={10}>
        {entries.items.length === 0 ? <Empty icon="audit" title={t.empty} hint={t.emptyHint} /> : <Table entries={entries.items} show={show} />}
        {entries.hasNextPage && (
          <button type="button" className="button" onClick={() => entries.fetchNextPage()}>
            {texts.shell.more}
          </button>
        )}
      </Query>
      {shown && (
        <DialogBox title={t.entry(shown.number)} onClose={() => show(null)} isWide>
          <Detail entry={shown} />
        </DialogBox>
      )}
    </>
  );
}

function useWho(): (entry: Entry) => string {
  const { userName } = useNames();
  return (entry) => (entry.user_id ? userName(entry.user_id) : entry.api_key_id ? t.program : t.system);
}

function Table({ entries, show }: { entries: Entry[]; show: (entry: Entry) => void }) {
  const who = useWho();
  return (
    <div className="table-box">
      <table>
        <thead>
          <tr>
            <th>{t.at}</th>
            <th>{t.who}</th>
            <th>{t.what}</th>
            <th className="wide-only">{t.operation}</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.number}>
              <td>
                <button type="button" className="link" aria-label={t.entry(entry.number)} onClick={() => show(entry)}>
                  <Time at={entry.at} />
                </button>
              </td>
              <td>{who(entry)}</td>
              <td>
                <Badge tone={entry.act === "read" ? "" : entry.act === "erase" || entry.act === "delete" ? "bad" : "accent"}>{t.acts[entry.act]}</Badge> {words(entry.subject)}
                <span className="soft small"> {entry.fields.map(words).join(", ")}</span>
              </td>
              <td className="wide-only">
                <code>{entry.operation}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Detail({ entry }: { entry: Entry }) {
  const who = useWho();
  const [before, after] = [entry.before, entry.after] as (Record<string, unknown> | null)[];
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].sort();
  const facts: [string, string][] = [
    [t.at, entry.at],
    [t.who, who(entry)],
    [t.what, `${t.acts[entry.act]} ${words(entry.subject)}`],
    [t.operation, entry.operation],
    [t.address, entry.address ?? "–"],
    [t.request, entry.request_id ?? "–"],
    [t.objects, entry.ids.slice(0, 20).join(", ") || "–"],
  ];
  return (
    <div className="stack">
      <dl className="facts">
        {facts.map(([label, value]) => (
          <div key={label} className="fact">
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {!entry.is_readable && <p className="notice warn">{t.unreadable}</p>}
      {names.length === 0 ? (
        entry.is_readable && <p className="soft">{t.noValues}</p>
      ) : (
        <div className="table-box">
          <table>
            <thead>
              <tr>
                <th>{t.field}</th>
                <th>{t.before}</th>
                <th>{t.after}</th>
              </tr>
            </thead>
            <tbody>
              {names.map((name) => (
                <tr key={name}>
                  <td>{words(name)}</td>
                  <td className="prose">{inWords(before?.[name])}</td>
                  <td className="prose">{inWords(after?.[name])}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

const inWords = (value: unknown): string => (value === null || value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));

function Verify() {
  const verify = useAct(() => ok(api.GET("/api/audit/verification")), []);
  const found = verify.data;
  return (
    <>
      <button type="button" className="button" disabled={verify.isPending} onClick={() => verify.mutate(undefined, { onError: toastError })}>
        {t.verify}
      </button>
      {found && (
        <DialogBox title={t.verify} onClose={() => verify.reset()}>
          {found.is_intact ? (
            <p className="notice" role="status">
              {t.intact(found.entries, found.links)}
            </p>
          ) : (
            <div className="notice bad" role="alert">
              <div>
                <p>{t.broken}</p>
                {found.breaks.map((one) => (
                  <p key={`${one.after}-${one.up_to}`}>{`${one.after + 1}–${one.up_to}: ${one.problem}`}</p>
                ))}
              </div>
            </div>
          )}
        </DialogBox>
      )}
    </>
  );
}
