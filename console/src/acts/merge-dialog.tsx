/** Duplicates of a lead, and their merge. The dialog shows both leads and the result before anything happens. */

import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link, useLocation } from "wouter";
import { api, ok } from "../api/client";
import { useAct, useLead, useMay } from "../api/queries";
import type { Lead } from "../api/types";
import { money, words } from "../format";
import { useNames } from "../pages/names";
import { texts } from "../texts";
import { leadTexts } from "../texts/lead";
import { DialogBox, toast } from "../ui/overlays";
import { Failure, Query } from "../ui/parts";
import { Footer } from "./task-dialogs";

const t = leadTexts.duplicates;

export function Duplicates({ lead }: { lead: Lead }) {
  const [other, compare] = useState("");
  const mayMerge = useMay("lead:update");
  const { data } = useQuery({
    queryKey: ["lead", lead.id, "duplicates"],
    queryFn: () => ok(api.GET("/api/leads/{lead_id}/duplicates", { params: { path: { lead_id: lead.id } } })),
    staleTime: 60_000,
  });
  if (!data || data.duplicates.length + data.hidden_duplicates === 0) return null;
  return (
    <section className="card stack" aria-label={t.title}>
      <h2>{t.title}</h2>
      <ul className="lines">
        {data.duplicates.map((one) => (
          <li key={one.lead_id} className="duplicate">
            <div>
              <Name id={one.lead_id} />
              <p className="small soft">{one.match_on.map((way) => t.matches[way] ?? words(way)).join(", ")}</p>
            </div>
            {mayMerge && (
              <button type="button" className="button" onClick={() => compare(one.lead_id)}>
                {t.compare}
              </button>
            )}
          </li>
        ))}
      </ul>
      {data.hidden_duplicates > 0 && <p className="small soft">{t.hidden(data.hidden_duplicates)}</p>}
      {other && <MergeDialog ids={[lead.id, other]} onClose={() => compare("")} />}
    </section>
  );
}

function Name({ id }: { id: string }) {
  const { data } = useLead(id);
  return (
    <Link href={`/leads/${id}`}>
      <strong>{data ? nameOf(data) : "…"}</strong>
    </Link>
  );
}

const nameOf = (lead: Lead) => `${lead.first_name} ${lead.last_name}`;

function MergeDialog({ ids, onClose }: { ids: [string, string]; onClose: () => void }) {
  const [[stays, goes], setIds] = useState(ids);
  const [, open] = useLocation();
  const [one, other] = [useLead(stays), useLead(goes)];
  const merge = useAct(() => ok(api.POST("/api/leads/{lead_id}/merge", { params: { path: { lead_id: stays } }, body: { lead_id: goes } })), ["lead", "leads", "board", "tasks"]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    merge.mutate(undefined, {
      onSuccess: () => {
        toast(t.merged);
        onClose();
        open(`/leads/${stays}`);
      },
    });
  };
  return (
    <DialogBox title={t.mergeTitle} onClose={onClose} isWide>
      <form className="stack" onSubmit={submit}>
        {merge.error && <Failure error={merge.error} />}
        <p className="soft">{t.hint}</p>
        <Query of={one.data ? other : one} rows={5}>
          {one.data && other.data && <Comparison stays={one.data} goes={other.data} />}
        </Query>
        <button type="button" className="button" onClick={() => setIds([goes, stays])}>
          {t.swap}
        </button>
        <Footer label={t.merge} onClose={onClose} isBusy={merge.isPending || !one.data || !other.data} />
      </form>
    </DialogBox>
  );
}

/** Fields that differ, and what the merged lead will have: its own value, else that of the other one. */
function Comparison({ stays, goes }: { stays: Lead; goes: Lead }) {
  const { stageName, userName } = useNames();
  const shown = (lead: Lead): [string, string][] => [
    [texts.leads.columns.name, nameOf(lead)],
    [texts.lead.phone, lead.phone ?? ""],
    [leadTexts.edit.phoneAlt, lead.phone_alt ?? ""],
    [texts.lead.email, lead.email ?? ""],
    [texts.lead.stage, stageName(lead.pipeline_stage)],
    [texts.lead.owner, lead.assigned_to_id ? userName(lead.assigned_to_id) : ""],
    [texts.lead.source, lead.source?.name ?? ""],
    [texts.lead.value, money(lead.lead_value)],
    [texts.lead.language, lead.language ?? ""],
    [texts.lead.tags, lead.tags.join(", ")],
    [texts.leads.notes, lead.notes ?? ""],
  ];
  const theirs = shown(goes);
  const rows = shown(stays).map(([label, own], at) => ({ label, own, other: theirs[at]?.[1] ?? "" }));
  return (
    <div className="table-box">
      <table className="compare">
        <thead>
          <tr>
            <th>{t.field}</th>
            <th>{t.keep}</th>
            <th>{t.goes}</th>
            <th>{t.result}</th>
          </tr>
        </thead>
        <tbody>
          {rows
            .filter(({ own, other }) => own || other)
            .map(({ label, own, other }) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td>{own || "–"}</td>
                <td className={own === other ? "soft" : undefined}>{other || "–"}</td>
                <td>
                  <strong>{label === texts.lead.tags ? [...new Set([...stays.tags, ...goes.tags])].join(", ") : own || other}</strong>
                </td>
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}
