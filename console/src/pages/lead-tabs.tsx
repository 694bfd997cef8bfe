/** The sections of a lead's page. Each loads when it is first shown. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useSearchParams } from "wouter";
import { EnrollDialog } from "../acts/enroll-dialog";
import { NoteDialog, TaskDialog } from "../acts/lead-dialogs";
import { StepList, toneOf } from "../acts/lead-steps";
import { useMessages } from "../acts/message-dialog";
import { CancelDialog, CompleteDialog, SnoozeDialog } from "../acts/task-dialogs";
import { Timeline } from "../acts/timeline";
import { MessageQuestion } from "../acts/message-question";
import { api, ok } from "../api/client";
import { useAct, useMay, usePages } from "../api/queries";
import type { Lead, Schemas } from "../api/types";
import { words } from "../format";
import { texts } from "../texts";
import { leadTexts } from "../texts/lead";
import { MenuButton, toastError } from "../ui/overlays";
import { Icon } from "../ui/icons";
import { Badge, MorePages, Query, Time } from "../ui/parts";
import { withParam } from "./lead-filters";
import { useNames } from "./names";

const t = texts.lead;

/** Latest first, 50 at a time: a long history opens as quickly as a short one. */
export function LeadTimeline({ lead }: { lead: Lead }) {
  const leadId = lead.id;
  const { stageName, userName } = useNames();
  const entries = usePages(["lead", leadId, "timeline"], (cursor) =>
    ok(api.GET("/api/leads/{lead_id}/activities", { params: { path: { lead_id: leadId }, query: { sort: "-occurred_at", limit: 50, cursor } } })),
  );
  const mayAct = useMay("lead:update");
  const [source, create] = useState<string | null>(null);
  return (
    <Query of={entries}>
      <NotDelivered leadId={leadId} />
      <LeadNext leadId={leadId} />
      <Timeline
        entries={entries.items}
        stageName={stageName}
        userName={userName}
        beginning={entries.hasNextPage ? null : <Created lead={lead} />}
        onFollowUp={mayAct ? (entry) => create(entry.id) : undefined}
      />
      <MorePages query={entries} label={t.earlier} />
      {source && <TaskDialog leadId={leadId} entryId={source} onClose={() => create(null)} />}
    </Query>
  );
}

function Created({ lead }: { lead: Lead }) {
  const { userName } = useNames();
  return (
    <>
      <span className="row">
        <strong>{t.leadCreated}</strong>
        {lead.source?.name}
      </span>
      <span className="small soft">
        {lead.created_by && `${userName(lead.created_by)} · `}
        <Time at={lead.created_at} />
      </span>
    </>
  );
}

/** The latest message, if it did not arrive: nobody should wait for an answer to it. */
function NotDelivered({ leadId }: { leadId: string }) {
  const [, setSearch] = useSearchParams();
  const last = useMessages(leadId).data?.items[0];
  if (last?.direction !== "OUTBOUND" || (last.state !== "failed" && last.state !== "unknown")) return null;
  return (
    <p className="notice warn">
      <span className="grow">
        {t.notDelivered[last.state]} {last.error ?? ""}
      </span>
      <button type="button" className="button" onClick={() => setSearch((search) => withParam(search, "tab", "messages"), { replace: true })}>
        {t.showMessages}
      </button>
    </p>
  );
}

const SHOWN = 4;

/** The next open tasks and planned steps of the lead, from the lists of its other sections. */
function LeadNext({ leadId }: { leadId: string }) {
  const { userName } = useNames();
  const [, setSearch] = useSearchParams();
  const tasks = useTasks(leadId).items.filter(isOpen);
  const steps = useSteps(leadId).items.filter((step) => step.finished_at === null);
  const next = [
    ...tasks.map((task) => ({ id: task.id, at: task.due_at, tab: "tasks", name: task.title, more: userName(task.assigned_to_id) })),
    ...steps.map((step) => ({ id: step.id, at: step.due_at, tab: "automation", name: words(step.kind), more: step.name })),
  ].sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
  if (next.length === 0) return null;
  const open = (tab: string) => setSearch((search) => withParam(search, "tab", tab), { replace: true });
  return (
    <section className="stack close" aria-label={t.upcoming}>
      <h2>{t.upcoming}</h2>
      <ul className="lines">
        {next.slice(0, SHOWN).map(({ id, at, tab, name, more }) => (
          <li key={id}>
            <span className="grow row">
              <button type="button" className="link" onClick={() => open(tab)}>
                {name}
              </button>
              <span className="soft">{more}</span>
            </span>
            <span className={Date.parse(at) < Date.now() ? "small late" : "small soft"}>
              <Time at={at} />
            </span>
          </li>
        ))}
      </ul>
      {next.length > SHOWN && <p className="small soft">{t.moreUpcoming(next.length - SHOWN)}</p>}
    </section>
  );
}

const useTasks = (leadId: string) =>
  usePages(["lead", leadId, "tasks"], (cursor) =>
    ok(api.GET("/api/leads/{lead_id}/tasks", { params: { path: { lead_id: leadId }, query: { limit: 100, cursor } } })),
  );

const useSteps = (leadId: string) =>
  usePages(["lead", leadId, "automation"], (cursor) =>
    ok(api.GET("/api/leads/{lead_id}/automation", { params: { path: { lead_id: leadId }, query: { limit: 100, cursor } } })),
  );

const isOpen = (task: Schemas["TaskOut"]): boolean => task.status !== "COMPLETED" && task.status !== "CANCELLED";

export function LeadConversation({ leadId }: { leadId: string }) {
  const messages = useMessages(leadId);
  const { userName } = useNames();
  const shown = [...(messages.data?.items ?? [])].reverse();
  return (
    <Query of={messages}>
      {shown.length === 0 && <p className="soft">{t.emptyMessages}</p>}
      <ol className="thread">
        {shown.map((message) => (
          <li key={message.id} className={message.direction === "INBOUND" ? "bubble inbound" : "bubble"}>
            <p className="row between small soft">
              <span>{message.direction === "INBOUND" ? t.inbound : message.written_by ? userName(message.written_by) : t.fromStep}</span>
              <span className="row">
                <Badge tone={toneOf(message.state)}>{words(message.state)}</Badge>
                <Time at={message.at} />
              </span>
            </p>
            {message.subject && <strong>{message.subject}</strong>}
            <p className="prose">{message.text}</p>
            <MessageQuestion message={message} />
            {(message.error || (message.reason && message.direction === "OUTBOUND")) && <p className="wrong">{message.error ?? words(message.reason ?? "")}</p>}
          </li>
        ))}
      </ol>
    </Query>
  );
}

export function LeadTasks({ leadId }: { leadId: string }) {
  const tasks = useTasks(leadId);
  const { userName } = useNames();
  const mayAct = useMay("lead:update");
  const [acting, act] = useState<{ kind: "complete" | "snooze" | "cancel" | "note"; task: Schemas["TaskOut"] } | null>(null);
  const close = () => act(null);
  return (
    <Query of={tasks}>
      {tasks.items.length === 0 && <p className="soft">{t.emptyTasks}</p>}
      <ul className="lines">
        {tasks.items.map((task) => (
          <li key={task.id}>
            <div className="grow wide">
              <p className="row">
                <strong>{task.title}</strong>
                {task.about && <span>{task.about}</span>}
                <Badge tone={task.status === "OVERDUE" ? "bad" : task.status === "COMPLETED" ? "good" : ""}>{texts.task.statuses[task.status]}</Badge>
                {task.outcome && <Badge>{texts.outcomes[task.outcome]}</Badge>}
              </p>
              <p className="small soft">
                {texts.task.types[task.type]} · {userName(task.assigned_to_id)} · <Time at={task.completed_at ?? task.due_at} />
                {task.cancelled_reason && ` · ${task.cancelled_reason}`}
              </p>
            </div>
            {mayAct && (
              <span className="row">
                {isOpen(task) && (
                  <>
                    <button type="button" className="button" onClick={() => act({ kind: "complete", task })}>
                      {texts.task.complete}
                    </button>
                    <button type="button" className="button" onClick={() => act({ kind: "snooze", task })}>
                      {texts.task.snooze}
                    </button>
                    <button type="button" className="button" onClick={() => act({ kind: "cancel", task })}>
                      {texts.task.cancel}
                    </button>
                  </>
                )}
                <button type="button" className="button" onClick={() => act({ kind: "note", task })}>
                  {t.note}
                </button>
              </span>
            )}
          </li>
        ))}
      </ul>
      <MorePages query={tasks} label={texts.shell.more} />
      {acting?.kind === "complete" && <CompleteDialog task={acting.task} onClose={close} onDone={close} />}
      {acting?.kind === "note" && <NoteDialog leadId={leadId} task={acting.task} onClose={close} />}
      {acting?.kind === "cancel" && <CancelDialog task={acting.task} onClose={close} onDone={close} />}
      {acting?.kind === "snooze" && <SnoozeDialog task={acting.task} onClose={close} onDone={close} />}
    </Query>
  );
}

export function LeadAutomation({ leadId }: { leadId: string }) {
  const steps = useSteps(leadId);
  const toCome = steps.items.filter((step) => step.finished_at === null);
  const past = steps.items.filter((step) => step.finished_at !== null).reverse();
  const [isEnrolling, enroll] = useState(false);
  const mayUpdate = useMay("lead:update");
  const mayEnroll = useMay("automation:read") && mayUpdate;
  return (
    <Query of={steps}>
      {mayEnroll && (
        <div className="row no-print">
          <button type="button" className="button" onClick={() => enroll(true)}>
            {leadTexts.enroll.act}
          </button>
        </div>
      )}
      {isEnrolling && <EnrollDialog leadIds={[leadId]} onClose={() => enroll(false)} />}
      <Enrollments leadId={leadId} />
      {steps.items.length === 0 && <p className="soft">{t.emptyPlanned}</p>}
      <StepList title={t.upcoming} steps={toCome} />
      <StepList title={t.past} steps={past} />
      <MorePages query={steps} label={texts.shell.more} />
    </Query>
  );
}

const ENROLLMENT_ACTS = ["pause", "resume", "skip", "exit"] as const;
type EnrollmentAct = (typeof ENROLLMENT_ACTS)[number];

function Enrollments({ leadId }: { leadId: string }) {
  const { data } = useQuery({
    queryKey: ["lead", leadId, "enrollments"],
    queryFn: () => ok(api.GET("/api/leads/{lead_id}/enrollments", { params: { path: { lead_id: leadId } } })),
  });
  const mayAct = useMay("lead:update");
  const change = useAct(({ id, act }: { id: string; act: EnrollmentAct }) => {
    const params = { path: { enrollment_id: id } };
    if (act === "pause") return ok(api.POST("/api/enrollments/{enrollment_id}/pause", { params }));
    if (act === "resume") return ok(api.POST("/api/enrollments/{enrollment_id}/resume", { params }));
    if (act === "skip") return ok(api.POST("/api/enrollments/{enrollment_id}/skip", { params }));
    return ok(api.POST("/api/enrollments/{enrollment_id}/exit", { params }));
  }, ["lead"]);
  if (!data || data.items.length === 0) return null;
  const possible = (state: string): readonly EnrollmentAct[] =>
    state === "paused" ? ["resume", "exit"] : state === "active" || state === "held" ? ["pause", "skip", "exit"] : [];
  return (
    <ul className="lines">
      {data.items.map((one) => (
        <li key={one.id}>
          <div className="grow">
            <p className="row">
              <strong>{one.sequence}</strong>
              {one.about && <span>{one.about}</span>}
              <Badge tone={one.state === "active" ? "good" : ""}>{words(one.state)}</Badge>
              {one.reason && <Badge>{words(one.reason)}</Badge>}
            </p>
            <p className="small soft">
              {one.step} {one.next_at && <Time at={one.next_at} />}
            </p>
          </div>
          {mayAct && possible(one.state).length > 0 && (
            <MenuButton
              label={`${texts.shell.menu}: ${one.sequence}`}
              className="button icon-only"
              entries={possible(one.state).map((act) => ({ id: act, label: t.enrollment[act], act: () => change.mutate({ id: one.id, act }, { onError: toastError }) }))}
            >
              <Icon name="more" />
            </MenuButton>
          )}
        </li>
      ))}
    </ul>
  );
}

/** `rule`: the rule or sequence whose lines stand out. */
export function LeadWhy({ leadId, rule }: { leadId: string; rule: string }) {
  const events = usePages(["lead", leadId, "why"], (cursor) =>
    ok(api.GET("/api/leads/{lead_id}/why", { params: { path: { lead_id: leadId }, query: { limit: 30, cursor } } })),
  );
  return (
    <Query of={events}>
      {events.items.length === 0 && <p className="soft">{t.emptyWhy}</p>}
      <ol className="why">
        {events.items.map((event) => (
          <li key={event.id}>
            <p className="row between">
              <strong>{words(event.event.replace(".", " "))}</strong>
              <span className="small soft">
                {event.led_by.length > 0 && `${t.ledBy(event.led_by.join(", "))} · `}
                <Time at={event.occurred_at} />
              </span>
            </p>
            <ul>
              {event.enrollment && <li>{event.enrollment.because}</li>}
              {event.decisions.map((decision) => (
                <li key={decision.rule} className={decision.verdict === "matched" ? undefined : "soft"} data-chosen={decision.rule === rule ? "" : undefined}>
                  {decision.because}
                </li>
              ))}
              {event.steps.map((step) => (
                <li key={step.id} data-chosen={rule && (step.name === rule || step.because.startsWith(`${rule}:`)) ? "" : undefined}>
                  {step.because}
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
      <MorePages query={events} label={t.earlier} />
    </Query>
  );
}
