/** One lead: timeline, messages, tasks, the automation and its reasons, and the acts on it. */

import { useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { Link, useParams, useSearchParams } from "wouter";
import { EditDialog } from "../acts/edit-lead";
import { EndHoldDialog, HoldDialog, LoseDialog, NoteDialog, ReopenDialog, TaskDialog } from "../acts/lead-dialogs";
import { Duplicates } from "../acts/merge-dialog";
import { MessageDialog } from "../acts/message-dialog";
import { CallDialog } from "../acts/task-dialogs";
import { api, ok } from "../api/client";
import { Problem } from "../api/problem";
import { useAct, useLead, useMay, useStages, useUsers } from "../api/queries";
import type { Lead } from "../api/types";
import { money, words, zoneWords } from "../format";
import { texts } from "../texts";
import { leadTexts } from "../texts/lead";
import { Icon } from "../ui/icons";
import { useKeys } from "../ui/keys";
import { MenuButton, type MenuEntry, toast, toastError } from "../ui/overlays";
import { Badge, DueTime, Empty, Query, Time } from "../ui/parts";
import { LeadConsents, LeadHistory } from "./lead-history";
import { LeadScore } from "./lead-score";
import { LeadAutomation, LeadConversation, LeadTasks, LeadTimeline, LeadWhy } from "./lead-tabs";
import { withParam } from "./lead-filters";
import { useNames } from "./names";

type Open = "" | "call" | "write" | "note" | "task" | "edit" | "lose" | "reopen" | "hold" | "end-hold";

const t = texts.lead;
const TOPICS = ["lead", "leads", "board", "tasks"];

export default function LeadPage() {
  const { id = "" } = useParams<{ id: string }>();
  const lead = useLead(id);
  const merged = lead.error instanceof Problem ? lead.error.body.merged_into : undefined;
  if (merged)
    return (
      <Empty icon="user" title={t.gone}>
        <Link className="button" href={`/leads/${merged}`}>
          {t.toMerged}
        </Link>
      </Empty>
    );
  if (lead.error instanceof Problem && lead.error.status === 404)
    return (
      <Empty icon="user" title={t.none} hint={t.noneHint}>
        <Link className="button" href="/leads">
          {t.toLeads}
        </Link>
      </Empty>
    );
  return <Query of={lead}>{lead.data && <Shown key={id} lead={lead.data} />}</Query>;
}

function Shown({ lead }: { lead: Lead }) {
  const [open, setOpen] = useState<Open>("");
  const mayUpdate = useMay("lead:update");
  const mayHold = useMay("privacy:manage");
  const close = () => setOpen("");
  const begin = (one: Open) => () => mayUpdate && setOpen(one);
  useKeys({ c: begin("call"), r: begin("write") });
  const [search, setSearch] = useSearchParams();
  const isOpen = lead.status === "NEW" || lead.status === "ACTIVE";
  const tabs: [string, string, React.ReactNode][] = [
    ["timeline", t.timeline, <LeadTimeline key="timeline" lead={lead} />],
    ["messages", t.conversation, <LeadConversation key="messages" leadId={lead.id} />],
    ["tasks", t.tasks, <LeadTasks key="tasks" leadId={lead.id} />],
    ["automation", t.planned, <LeadAutomation key="automation" leadId={lead.id} />],
    ["why", t.why, <LeadWhy key="why" leadId={lead.id} rule={search.get("rule") ?? ""} />],
    ["history", leadTexts.history.tab, <LeadHistory key="history" leadId={lead.id} />],
    ["consents", leadTexts.consents.tab, <LeadConsents key="consents" lead={lead} />],
  ];
  const tab = tabs.find(([id]) => id === search.get("tab"))?.[0] ?? "timeline";
  return (
    <>
      <Link className="row small soft back" href="/leads">
        <Icon name="back" />
        {t.back}
      </Link>
      <Head lead={lead} />
      {(mayUpdate || mayHold) && (
        <div className="row no-print">
          {mayUpdate && (
            <>
              <ActButton icon="phone" label={texts.task.call} hotkey="c" act={begin("call")} />
              <ActButton icon="mail" label={texts.message.write} hotkey="r" act={begin("write")} />
              <ActButton icon="note" label={t.note} act={begin("note")} />
              <ActButton icon="plus" label={texts.task.create} act={begin("task")} />
              {isOpen && <StageMenu lead={lead} lose={begin("lose")} />}
              <OwnerMenu lead={lead} />
            </>
          )}
          <MoreMenu lead={lead} isOpen={isOpen} mayUpdate={mayUpdate} mayHold={mayHold} open={setOpen} />
        </div>
      )}
      {lead.legal_hold && <Held hold={lead.legal_hold} mayEnd={mayHold} open={setOpen} />}
      {lead.rules_wait_since && isOpen && <Waiting lead={lead} since={lead.rules_wait_since} mayBegin={mayUpdate} />}
      <div className="lead">
        <Tabs className="card tabs" selectedKey={tab} onSelectionChange={(key) => setSearch(withParam(search, "tab", String(key)), { replace: true })}>
          <TabList aria-label={t.sections} className="tab-list">
            {tabs.map(([id, label]) => (
              <Tab key={id} id={id} className="tab">
                {label}
              </Tab>
            ))}
          </TabList>
          {tabs.map(([id, , content]) => (
            <TabPanel key={id} id={id} className="tab-panel">
              {content}
            </TabPanel>
          ))}
        </Tabs>
        <div className="stack">
          <Duplicates lead={lead} />
          <LeadScore leadId={lead.id} />
          <Facts lead={lead} />
        </div>
      </div>
      {open === "call" && <CallDialog leadId={lead.id} onClose={close} onDone={close} />}
      {open === "write" && <MessageDialog leadId={lead.id} onClose={close} />}
      {open === "note" && <NoteDialog leadId={lead.id} onClose={close} />}
      {open === "task" && <TaskDialog leadId={lead.id} onClose={close} />}
      {open === "edit" && <EditDialog lead={lead} onClose={close} />}
      {open === "lose" && <LoseDialog leadId={lead.id} onClose={close} />}
      {open === "reopen" && <ReopenDialog leadId={lead.id} onClose={close} />}
      {open === "hold" && <HoldDialog leadId={lead.id} present={lead.legal_hold?.reason} onClose={close} />}
      {open === "end-hold" && <EndHoldDialog leadId={lead.id} onClose={close} />}
    </>
  );
}

function Head({ lead }: { lead: Lead }) {
  const { stageName } = useNames();
  const tone = lead.status === "CONVERTED" ? "good" : lead.status === "LOST" ? "bad" : "accent";
  return (
    <div className="page-head">
      <h1>
        {lead.first_name} {lead.last_name}
      </h1>
      <Badge tone={tone}>{stageName(lead.pipeline_stage)}</Badge>
      {lead.legal_hold && <Badge tone="warn">{leadTexts.hold.badge}</Badge>}
      {lead.is_rotting && <Badge tone="warn">{t.rotting}</Badge>}
      {lead.opted_out_at && <Badge tone="bad">{t.optedOut}</Badge>}
      {lead.opted_out_channels.length > 0 && <Badge tone="warn">{t.optedOutOf(lead.opted_out_channels.join(", "))}</Badge>}
      {lead.failed_attempts > 0 && <Badge>{t.failedAttempts(lead.failed_attempts)}</Badge>}
    </div>
  );
}

/** Why no follow-ups are planned for the lead, how long, and the act that begins them. */
function Waiting({ lead, since, mayBegin }: { lead: Lead; since: string; mayBegin: boolean }) {
  const begin = useAct(() => ok(api.POST("/api/leads/{lead_id}/begin-follow-ups", { params: { path: { lead_id: lead.id } } })), TOPICS);
  return (
    <section className="card row" aria-label={leadTexts.waiting.title}>
      <p className="grow wide">
        {leadTexts.waiting.since} <Time at={since} />. {lead.rules_wait_until ? <>{leadTexts.waiting.until} <Time at={lead.rules_wait_until} />.</> : leadTexts.waiting.open}
      </p>
      {mayBegin && (
        <button type="button" className="button" disabled={begin.isPending} onClick={() => begin.mutate(undefined, { onSuccess: () => toast(leadTexts.waiting.begun(1)) })}>
          {leadTexts.waiting.begin}
        </button>
      )}
    </section>
  );
}

/** Why and since when nothing of the lead may be deleted, and the acts on the hold. */
function Held({ hold, mayEnd, open }: { hold: NonNullable<Lead["legal_hold"]>; mayEnd: boolean; open: (dialog: Open) => void }) {
  const { userName } = useNames();
  const by = hold.placed_by_id && userName(hold.placed_by_id);
  return (
    <section className="card row" aria-label={leadTexts.hold.badge}>
      <div className="grow wide">
        <p className="soft">
          {leadTexts.hold.since} <Time at={hold.placed_at} />
          {by && ` · ${by}`}
        </p>
        <p className="prose">{hold.reason}</p>
      </div>
      {mayEnd && (
        <div className="row">
          <button type="button" className="button" onClick={() => open("hold")}>
            {leadTexts.hold.change}
          </button>
          <button type="button" className="button" onClick={() => open("end-hold")}>
            {leadTexts.hold.end}
          </button>
        </div>
      )}
    </section>
  );
}

interface ActProps {
  icon: "phone" | "mail" | "note" | "plus";
  label: string;
  hotkey?: string;
  act: () => void;
}

function ActButton({ icon, label, hotkey, act }: ActProps) {
  return (
    <button type="button" className="button" aria-keyshortcuts={hotkey} onClick={act}>
      <Icon name={icon} />
      {label}
    </button>
  );
}

/** All stages but the present one. The API decides whether a move is allowed, and says why not. */
function StageMenu({ lead, lose }: { lead: Lead; lose: () => void }) {
  const stages = useStages().data ?? [];
  const move = useAct(
    (stage: string) => ok(api.POST("/api/leads/{lead_id}/stage", { params: { path: { lead_id: lead.id } }, body: { stage } })),
    TOPICS,
  );
  const entries = stages
    .filter((stage) => stage.slug !== lead.pipeline_stage && !stage.archived_at)
    .map(({ slug, name }): MenuEntry => ({
      id: slug,
      label: name,
      act: slug === "lost" ? lose : () => move.mutate(slug, { onSuccess: () => toast(t.moved(name)), onError: toastError }),
    }));
  return (
    <MenuButton label={t.moveTo} entries={entries} isDisabled={move.isPending}>
      <Icon name="flag" />
      {t.moveTo}
    </MenuButton>
  );
}

function OwnerMenu({ lead }: { lead: Lead }) {
  const users = useUsers().data ?? [];
  const mayAssign = useMay("lead:assign");
  const assign = useAct((userId: string) => assignLead(lead.id, userId), TOPICS);
  if (!mayAssign) return null;
  const former = lead.assigned_to_id;
  const entries = users
    .filter((user) => user.id !== former)
    .map(({ id, name }): MenuEntry => ({
      id,
      label: name,
      act: () =>
        assign.mutate(id, {
          onSuccess: () => toast(t.assigned(name), former ? () => assign.mutateAsync(former) : undefined),
          onError: toastError,
        }),
    }));
  return (
    <MenuButton label={t.assign} entries={entries} isDisabled={assign.isPending}>
      <Icon name="user" />
      {t.assign}
    </MenuButton>
  );
}

const assignLead = (lead_id: string, assigned_to_id: string) =>
  ok(api.POST("/api/leads/{lead_id}/assign", { params: { path: { lead_id } }, body: { assigned_to_id } }));

interface MoreProps {
  lead: Lead;
  isOpen: boolean;
  mayUpdate: boolean;
  mayHold: boolean;
  open: (dialog: Open) => void;
}

function MoreMenu({ lead, isOpen, mayUpdate, mayHold, open }: MoreProps) {
  const mayConvert = useMay("lead:convert") && mayUpdate;
  const convert = useAct(() => ok(api.POST("/api/leads/{lead_id}/convert", { params: { path: { lead_id: lead.id } }, body: {} })), TOPICS);
  const entries: MenuEntry[] = [];
  if (mayUpdate) entries.push({ id: "edit", label: t.edit, icon: "note", act: () => open("edit") });
  if (isOpen && mayConvert)
    entries.push({ id: "convert", label: t.convert, icon: "check", act: () => convert.mutate(undefined, { onSuccess: () => toast(t.converted), onError: toastError }) });
  if (isOpen && mayUpdate) entries.push({ id: "lose", label: t.lose, icon: "close", act: () => open("lose") });
  if (lead.status === "LOST" && mayUpdate) entries.push({ id: "reopen", label: t.reopen, icon: "refresh", act: () => open("reopen") });
  if (mayHold && !lead.legal_hold) entries.push({ id: "hold", label: leadTexts.hold.place, icon: "warn", act: () => open("hold") });
  if (entries.length === 0) return null;
  return (
    <MenuButton label={texts.shell.menu} className="button icon-only" entries={entries}>
      <Icon name="more" />
    </MenuButton>
  );
}

function Facts({ lead }: { lead: Lead }) {
  const { userName } = useNames();
  const patient = `${lead.patient_first_name} ${lead.patient_last_name}`;
  const facts: [string, React.ReactNode][] = [
    [t.phone, lead.phone && <a href={`tel:${lead.phone}`}>{lead.phone}</a>],
    [t.email, lead.email && <a href={`mailto:${lead.email}`}>{lead.email}</a>],
    [t.owner, lead.assigned_to_id ? (lead.assigned_to?.name ?? userName(lead.assigned_to_id)) : texts.leads.nobody],
    [t.source, lead.source?.name],
    [t.value, money(lead.lead_value)],
    [t.patient, patient === `${lead.first_name} ${lead.last_name}` ? null : patient],
    [t.interest, lead.treatment_interest.map(words).join(", ")],
    [t.contact, lead.preferred_contact === "ANY" ? null : words(lead.preferred_contact)],
    [t.language, lead.language],
    [t.zone, lead.timezone && zoneWords(lead.timezone)],
    [t.tags, lead.tags.length > 0 && lead.tags.map((tag) => <Badge key={tag}>{tag}</Badge>)],
    [texts.leads.notes, lead.notes],
    [texts.leads.columns.next, lead.next_follow_up_at && <DueTime key="next" at={lead.next_follow_up_at} />],
    [t.lastActivity, <Time key="last" at={lead.last_activity_at} />],
    [t.created, <Time key="created" at={lead.created_at} />],
  ];
  return (
    <section className="card stack" aria-label={t.details}>
      <h2>{t.details}</h2>
      <dl className="facts">
        {facts
          .filter(([, value]) => value)
          .map(([label, value]) => (
            <div key={label} className="fact">
              <dt>{label}</dt>
              <dd className="prose">{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}
