/** Leads: table with views, filters, type-ahead, and acts on many. The address has the filters, but no names. */

import { useState } from "react";
import { Link, useLocation, useSearchParams } from "wouter";
import { AssignDialog, MoveDialog, PlanDialog } from "../acts/bulk-dialogs";
import { EnrollDialog } from "../acts/enroll-dialog";
import { api, ok } from "../api/client";
import { useAct, useMay, usePages, useSources, useStages, useUsers } from "../api/queries";
import { download } from "../api/request";
import type { Lead, Schemas } from "../api/types";
import { money } from "../format";
import { overlay } from "../shell/overlay";
import { texts } from "../texts";
import { filterTexts, leadTexts } from "../texts/lead";
import { Icon } from "../ui/icons";
import { useKeys } from "../ui/keys";
import { toast, toastError } from "../ui/overlays";
import { Badge, DueTime, Empty, optionsOf, Query, SelectField, TextField, Time, type Option } from "../ui/parts";
import { LONGEST_SEARCH, SEARCH_PAUSE, useSettled } from "../ui/settled";
import { FilterChips, type LeadFilters, filtersOf, MoreFilters, withParam } from "./lead-filters";
import { useNames } from "./names";
import { SavedViews } from "./saved-views";

type View = keyof typeof texts.leads.view;
type Filter = Schemas["FilterIn"];

const t = texts.leads;
const f = filterTexts;
const VIEWS = Object.keys(t.view) as View[];
const BULK = ["stage", "source_id", "assigned_to_id", "status"] as const; // filters of POST /api/followups/bulk

export default function Leads() {
  const [search, setSearch] = useSearchParams();
  const [typed, type] = useState("");
  const q = useSettled(/[\p{L}\p{N}]/u.test(typed) ? typed.trim().slice(0, LONGEST_SEARCH) : "", SEARCH_PAUSE);
  const view = VIEWS.find((one) => one === search.get("view")) ?? "all";
  const filters = filtersOf(search);
  const leads = useLeads(view, filters, q);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [dialog, open] = useState<BulkAct | "">("");
  const show = (next: URLSearchParams) => {
    setSearch(next, { replace: true });
    setChosen(new Set());
  };
  const set = (name: string, value: string) => show(withParam(search, name, value));
  const shownChosen = leads.items.filter((lead) => chosen.has(lead.id)).map((lead) => lead.id);
  const total = leads.data?.pages[0]?.total_count;
  const filter = bulkFilter(view, filters, q);
  const canExport = !q && view !== "idle" && view !== "unassigned"; // the export has the filters, but neither names nor other lists
  const close = () => open("");
  const begin = useAct((lead_ids: string[]) => ok(api.POST("/api/leads/begin-follow-ups", { body: { lead_ids } })), ["leads", "tasks"]);
  const act = (next: BulkAct) => (next === "begin" ? begin.mutate(shownChosen, { onSuccess: ({ begun }) => (toast(leadTexts.waiting.begun(begun)), done()) }) : open(next));
  const done = () => {
    close();
    setChosen(new Set());
  };
  return (
    <>
      <div className="page-head">
        <h1>{t.title}</h1>
        {total !== undefined && <p className="soft number">{t.count(total)}</p>}
        <div className="acts" role="group" aria-label={t.views}>
          {VIEWS.map((one) => (
            <button key={one} type="button" className="button" aria-pressed={one === view} onClick={() => set("view", one === "all" ? "" : one)}>
              {t.view[one]}
            </button>
          ))}
          {canExport && (
            <button type="button" className="button" onClick={() => download("/api/leads/export", "leads.csv", exportQuery(view, filters)).catch(toastError)}>
              {t.export}
            </button>
          )}
          <SavedViews filters={{ ...filters, ...preset(view) }} canSave={view !== "idle" && view !== "unassigned"} show={(saved) => show(new URLSearchParams(saved))} />
        </div>
      </div>
      <FilterChips filters={filters} remove={(name) => set(name, "")} />
      <Filters typed={typed} type={type} filters={filters} set={set} isFixed={view === "idle" || view === "unassigned"} />
      <BulkBar chosen={shownChosen.length} total={filter ? total : null} open={act} isWaiting={view === "waiting"} clear={() => setChosen(new Set())} />
      <Query of={leads} rows={12}>
        {leads.items.length === 0 ? (
          <NoLeads q={q} isFiltered={Boolean(q) || search.size > 0} clear={() => { type(""); setSearch(new URLSearchParams()); }} />
        ) : (
          <LeadTable leads={leads.items} chosen={chosen} choose={setChosen} />
        )}
        {leads.hasNextPage && (
          <button type="button" className="button" disabled={leads.isFetchingNextPage} onClick={() => leads.fetchNextPage()}>
            {texts.shell.more}
          </button>
        )}
      </Query>
      {dialog === "plan" && <PlanDialog count={shownChosen.length} target={{ lead_ids: shownChosen }} onClose={close} onDone={done} />}
      {dialog === "plan-all" && filter && total !== undefined && <PlanDialog count={total} target={{ filter }} onClose={close} onDone={done} />}
      {dialog === "move" && <MoveDialog leadIds={shownChosen} onClose={close} onDone={done} />}
      {dialog === "enroll" && <EnrollDialog leadIds={shownChosen} title={leadTexts.enroll.many(shownChosen.length)} onClose={done} />}
      {dialog === "assign" && <AssignDialog leadIds={shownChosen} onClose={close} onDone={done} />}
    </>
  );
}

function useLeads(view: View, filters: LeadFilters, q: string) {
  const expand = "assigned_to,source";
  const params = (query: object) => ({ query: { limit: 100, expand, ...query }, header: { Prefer: "return=total-count" } });
  return usePages<Lead>(["leads", "list", view, filters, q], (cursor) => {
    if (view === "idle") return ok(api.GET("/api/leads/without-next-action", { params: params({ cursor }) }));
    if (view === "unassigned") return ok(api.GET("/api/leads/unassigned", { params: { ...params({}), query: { limit: 100, cursor } } }));
    return ok(api.GET("/api/leads", { params: params({ ...filters, ...preset(view), q: q || undefined, cursor }) }));
  });
}

function preset(view: View) {
  if (view === "mine") return { assigned_to_id: "me" };
  if (view === "fresh") return { status: "NEW" };
  if (view === "waiting") return { rules_wait: true };
  return view === "rotting" ? { rotting: true, sort: "-rots_at" } : {};
}

/** The filters and the order of the list. Some orders list fewer leads, such as those with a value. */
function exportQuery(view: View, filters: LeadFilters): Record<string, string> {
  return Object.fromEntries(Object.entries({ ...filters, ...preset(view) }).map(([name, value]) => [name, String(value)]));
}

/** The filter for a bulk job, or null if the list is narrowed by more than such a job knows. */
function bulkFilter(view: View, filters: LeadFilters, q: string): Filter | null {
  const isNarrower = Object.keys(filters).some((name) => name !== "sort" && !(BULK as readonly string[]).includes(name));
  if (q || isNarrower || view === "rotting" || view === "waiting" || view === "idle" || view === "unassigned") return null;
  const known = Object.fromEntries(BULK.flatMap((name) => (filters[name] ? [[name, filters[name]]] : [])));
  return { ...known, ...preset(view) } as Filter;
}

interface FiltersProps {
  typed: string;
  type: (text: string) => void;
  filters: LeadFilters;
  set: (name: string, value: string) => void;
  isFixed: boolean;
}

function Filters({ typed, type, filters, set, isFixed }: FiltersProps) {
  const stages = useStages().data ?? [];
  const sources = useSources().data ?? [];
  const users = useUsers().data ?? [];
  const [isMore, showMore] = useState(false);
  if (isFixed) return null;
  const choices: [string, string, Option[]][] = [
    ["stage", t.stage, stages.map(({ slug, name }) => ({ value: slug, label: name }))],
    ["source_id", t.source, sources.map(({ id, name }) => ({ value: id, label: name }))],
    ["assigned_to_id", t.owner, users.map(({ id, name }) => ({ value: id, label: name }))],
    ["status", t.status, optionsOf(t.statuses)],
  ];
  return (
    <div className="stack close" role="search" aria-label={t.filters}>
      <div className="filters">
        <TextField label={t.search} type="search" value={typed} onChange={type} autoComplete="off" />
        {choices.map(([name, label, options]) => (
          <SelectField key={name} label={label} value={filters[name] ?? ""} onChange={(value) => set(name, value)} options={[{ value: "", label: t.any }, ...options]} />
        ))}
        <SelectField label={t.sort} value={filters.sort ?? "-created_at"} onChange={(value) => set("sort", value)} options={optionsOf(t.sorts)} />
      </div>
      <button type="button" className="link small more-filters" aria-expanded={isMore} onClick={() => showMore(!isMore)}>
        {f.more}
      </button>
      {isMore && <MoreFilters filters={filters} set={set} />}
    </div>
  );
}

type BulkAct = "plan" | "plan-all" | "assign" | "move" | "enroll" | "begin";

interface BarProps {
  chosen: number;
  total: number | undefined | null;
  open: (dialog: BulkAct) => void;
  isWaiting: boolean; // the list has leads whose follow-ups have not begun
  clear: () => void;
}

function BulkBar({ chosen, total, open, isWaiting, clear }: BarProps) {
  const mayPlan = useMay("lead:update");
  const mayAssign = useMay("lead:assign");
  const mayEnroll = useMay("automation:read");
  if (!mayPlan || (!chosen && !total)) return null;
  const acts: [BulkAct, string, boolean][] = [
    ["plan", t.plan, true],
    ["assign", t.assign, mayAssign],
    ["move", texts.lead.moveTo, true],
    ["enroll", leadTexts.enroll.act, mayEnroll],
    ["begin", leadTexts.waiting.begin, isWaiting],
  ];
  return (
    <div className="row bulk" role="toolbar" aria-label={t.selected(chosen)}>
      {chosen > 0 ? (
        <>
          <strong role="status">{t.selected(chosen)}</strong>
          {acts
            .filter(([, , may]) => may)
            .map(([act, label]) => (
              <button key={act} type="button" className="button" onClick={() => open(act)}>
                {label}
              </button>
            ))}
          <button type="button" className="button plain" onClick={clear}>
            {t.unselect}
          </button>
        </>
      ) : (
        <button type="button" className="button" onClick={() => open("plan-all")}>
          {t.planAll(total ?? 0)}
        </button>
      )}
    </div>
  );
}

interface TableProps {
  leads: Lead[];
  chosen: ReadonlySet<string>;
  choose: (ids: ReadonlySet<string>) => void;
}

function LeadTable({ leads, chosen, choose }: TableProps) {
  const [place, setPlace] = useState(-1);
  const [, go] = useLocation();
  const current = leads[place];
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    choose(next);
  };
  const step = (by: number) => {
    const next = Math.max(0, Math.min(leads.length - 1, place + by));
    setPlace(next);
    document.getElementById(`lead-${leads[next]?.id}`)?.focus();
  };
  useKeys({ j: () => step(1), k: () => step(-1), x: () => current && toggle(current.id), o: () => current && go(`/leads/${current.id}`) });
  const isAll = leads.every((lead) => chosen.has(lead.id));
  return (
    <div className="table-box">
      <table className="lead-table">
        <thead>
          <tr>
            <th>
              <input type="checkbox" aria-label={t.selectAll} checked={isAll} onChange={() => choose(new Set(isAll ? [] : leads.map((lead) => lead.id)))} />
            </th>
            <th>{t.columns.name}</th>
            <th className="wide-only">{t.columns.contact}</th>
            <th>{t.columns.stage}</th>
            <th className="wide-only">{t.columns.owner}</th>
            <th>{t.columns.next}</th>
            <th className="wide-only right">{t.columns.score}</th>
            <th className="wide-only right">{t.columns.value}</th>
            <th className="wide-only">{t.columns.created}</th>
          </tr>
        </thead>
        <tbody>
          {leads.map((lead, at) => (
            <Row key={lead.id} lead={lead} isChosen={chosen.has(lead.id)} isCurrent={at === place} toggle={() => toggle(lead.id)} focus={() => setPlace(at)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  lead: Lead;
  isChosen: boolean;
  isCurrent: boolean;
  toggle: () => void;
  focus: () => void;
}

function Row({ lead, isChosen, isCurrent, toggle, focus }: RowProps) {
  const { stageName, userName } = useNames();
  const name = `${lead.first_name} ${lead.last_name}`;
  return (
    <tr data-current={isCurrent || isChosen ? "" : undefined}>
      <td>
        <input type="checkbox" aria-label={t.selectOne(name)} checked={isChosen} onChange={toggle} />
      </td>
      <td className="lead-name">
        <Link id={`lead-${lead.id}`} className="lead-link cut" href={`/leads/${lead.id}`} onFocus={focus}>
          {name}
        </Link>
        {lead.is_rotting && <Badge tone="warn">{texts.lead.rotting}</Badge>}
      </td>
      <td className="wide-only soft cut">{lead.phone ?? lead.email}</td>
      <td>
        <Badge tone={lead.status === "CONVERTED" ? "good" : lead.status === "LOST" ? "bad" : ""}>{stageName(lead.pipeline_stage)}</Badge>
      </td>
      <td className="wide-only cut">{lead.assigned_to_id ? (lead.assigned_to?.name ?? userName(lead.assigned_to_id)) : <span className="soft">{t.nobody}</span>}</td>
      <td>
        {lead.next_follow_up_at ? (
          <DueTime at={lead.next_follow_up_at} />
        ) : (
          <span className="soft">{t.noNext}</span>
        )}
      </td>
      <td className="wide-only right number">{lead.score}</td>
      <td className="wide-only right">{money(lead.lead_value)}</td>
      <td className="wide-only soft">
        <Time at={lead.created_at} />
      </td>
    </tr>
  );
}

function NoLeads({ q, isFiltered, clear }: { q: string; isFiltered: boolean; clear: () => void }) {
  const mayCreate = useMay("lead:create");
  if (isFiltered)
    return (
      <Empty icon="search" title={t.none} hint={q ? t.noneFound : t.noneHint}>
        {q && (
          <button type="button" className="button" onClick={() => overlay.set("palette")}>
            {t.searchAll}
          </button>
        )}
        <button type="button" className="button" onClick={clear}>
          {t.clear}
        </button>
      </Empty>
    );
  return (
    <Empty icon="leads" title={t.empty} hint={t.emptyHint}>
      {mayCreate && (
        <button type="button" className="button primary" onClick={() => overlay.set("new-lead")}>
          <Icon name="plus" />
          {t.create}
        </button>
      )}
    </Empty>
  );
}
