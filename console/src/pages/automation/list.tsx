/** The list of rules, sequences or nurtures, with what each did. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { api, ok } from "../../api/client";
import { useMay, usePages } from "../../api/queries";
import type { Schemas } from "../../api/types";
import { toField } from "../../format";
import { texts } from "../../texts";
import { automationTexts as t } from "../../texts/automation";
import { Badge, Empty, MorePages, optionsOf, Query, SelectField, TextField, Time } from "../../ui/parts";
import { leadsPath, plus } from "../numbers/query";
import { type Definition, type Family, list } from "./kinds";

type State = keyof typeof t.states;
type Figures = Map<string, Schemas["FigureOut"][]>;

export function DefinitionList({ family }: { family: Family }) {
  const [typed, type] = useState("");
  const [state, setState] = useState<State>("all");
  const mayChange = useMay("automation:manage");
  const found = usePages<Definition>(["settings", family, "list"], (cursor) => list(family, cursor));
  const figures = useFigures(family);
  const shown = found.items.filter((one) => one.name.includes(typed.trim().toLowerCase()) && isIn(one, state));
  if (!found.isPending && !found.error && found.items.length === 0)
    return (
      <Empty icon="bolt" title={t.none[family]} hint={t.noneHint}>
        <Link className="button primary" href="/automation?kind=playbooks">
          {t.kinds.playbooks}
        </Link>
      </Empty>
    );
  return (
    <>
      <p className="soft">{t.hints[family]}</p>
      <div className="filters even" role="search" aria-label={texts.leads.filters}>
        <TextField label={t.find} type="search" value={typed} onChange={type} />
        <SelectField label={t.state} value={state} onChange={(value) => setState(value as State)} options={optionsOf(t.states)} />
      </div>
      <Query of={found}>
        {shown.length === 0 && !found.isPending ? <p className="soft">{t.empty}</p> : <Table family={family} shown={shown} figures={figures} />}
        <MorePages query={found} label={texts.shell.more} />
      </Query>
      {mayChange && figures && <p className="small soft">{t.figuresHint}</p>}
    </>
  );
}

function Table({ family, shown, figures }: { family: Family; shown: Definition[]; figures: Figures | null }) {
  return (
    <div className="table-box">
      <table>
        <thead>
          <tr>
            <th>{t.columns.name}</th>
            <th>{t.columns.state}</th>
            {figures && (
              <>
                <th className="right">{t.columns.sent}</th>
                <th className="right wide-only">{t.columns.replied}</th>
                <th className="right wide-only">{t.columns.converted}</th>
              </>
            )}
            {family === "rules" && (
              <>
                <th className="right wide-only">{t.columns.ran}</th>
                <th className="right wide-only">{t.columns.failed}</th>
              </>
            )}
            {family === "nurtures" && (
              <>
                <th className="right">{t.columns.enrolled}</th>
                <th className="wide-only">{t.columns.next}</th>
              </>
            )}
            <th className="wide-only">{t.columns.changed}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((one) => (
            <tr key={one.id}>
              <td>
                <Link className="lead-link" href={`/automation/${family}/${one.id}`}>
                  {one.name}
                </Link>
                {one.playbook && <span className="small soft wide-only">{t.fromPlaybook(one.playbook)}</span>}
              </td>
              <td>
                <States of={one} />
              </td>
              {figures && <Did figures={figures.get(one.name)} />}
              {one.runs && (
                <>
                  <td className="right wide-only">{one.runs.total.toLocaleString()}</td>
                  <td className="right wide-only">{one.runs.failed.toLocaleString()}</td>
                </>
              )}
              {family === "nurtures" && (
                <>
                  <td className="right">{one.enrolled?.toLocaleString()}</td>
                  <td className="wide-only">{one.nextRunAt ? <Time at={one.nextRunAt} /> : "–"}</td>
                </>
              )}
              <td className="wide-only">
                <Time at={one.updatedAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Did({ figures }: { figures: Schemas["FigureOut"][] | undefined }) {
  const of = (metric: string) => figures?.find((one) => one.metric === metric);
  const share = (value: number | null | undefined) => (value === null || value === undefined ? "–" : `${Math.round(value * 100)} %`);
  const sent = of("sent_leads");
  return (
    <>
      <td className="right">
        {sent ? (
          <Link className="figure-link" href={leadsPath(sent.drill)}>
            {sent.leads.toLocaleString()}
          </Link>
        ) : (
          "–"
        )}
      </td>
      <td className="right wide-only">{share(of("reply_rate")?.value)}</td>
      <td className="right wide-only">{share(of("conversion_rate_after")?.value)}</td>
    </>
  );
}

export function States({ of: one }: { of: Definition }) {
  return (
    <span className="row">
      {one.pausedBecause ? <Badge tone="bad">{t.paused}</Badge> : one.number === null ? <Badge tone="warn">{t.unpublished}</Badge> : <Badge tone={one.isActive ? "good" : ""}>{one.isActive ? t.active : t.inactive}</Badge>}
      {one.draft && one.number !== null && <Badge tone="warn">{t.draft}</Badge>}
    </span>
  );
}

function isIn(one: Definition, state: State): boolean {
  if (state === "active") return one.isActive && one.number !== null && !one.pausedBecause;
  if (state === "paused") return !one.isActive || one.pausedBecause !== null;
  return state === "all" || one.draft !== null;
}

/** What each rule or sequence did in the last 90 days, by name. Null: the user may not see numbers. */
function useFigures(family: Family): Figures | null {
  const may = useMay("lead:analytics") && family !== "nurtures";
  const to = plus(toField(Date.now()).slice(0, 10), 1);
  const { data } = useQuery({
    queryKey: ["steps", "effect", to],
    queryFn: () => ok(api.GET("/api/leads/analytics/automation", { params: { query: { from: plus(to, -90), to } } })),
    enabled: may,
    staleTime: 5 * 60_000,
  });
  return may ? new Map(data?.rows.map((row) => [row.key ?? "", row.figures])) : null;
}
