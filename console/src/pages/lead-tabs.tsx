/** The sections of a lead's page. Each loads when it is first shown. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { EnrollDialog } from "../acts/enroll-dialog";
import { StepList, toneOf } from "../acts/lead-steps";
import { useMessages } from "../acts/message-dialog";
import { CompleteDialog, SnoozeDialog } from "../acts/task-dialogs";
import { Timeline } from "../acts/timeline";
import { api, ok } from "../api/client";
import { useAct, useMay, usePages } from "../api/queries";
import type { Schemas } from "../api/types";
import { words } from "../format";
import { texts } from "../texts";
import { leadTexts } from "../texts/lead";
import { MenuButton, toastError } from "../ui/overlays";
import { Icon } from "../ui/icons";
import { Badge, MorePages, Query, Time } from "../ui/parts";
import { useNames } from "./names";

const t = texts.lead;

/** Latest first, 50 at a time: a long history opens as quickly as a short one. */
export function LeadTimeline({ leadId }: { leadId: string }) {
  const { stageName, userName } = useNames();
  const entries = usePages(["lead", leadId, "timeline"], (cursor) =>
    ok(api.GET("/api/leads/{lead_id}/activities", { params: { path: { lead_id: leadId }, query: { sort: "-occurred_at", limit: 50, cursor } } })),
  );
  return (
    <Query of={entries}>
      {entries.items.length === 0 && <p className="soft">{t.emptyTimeline}</p>}
      <Timeline entries={entries.items} stageName={stageName} userName={userName} />
      <MorePages query={entries} label={t.earlier} />
    </Query>
  );
}

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
            {(message.error || message.reason) && <p className="wrong">{message.error ?? words(message.reason ?? "")}</p>}
          </li>
        ))}
      </ol>
    </Query>
  );
}

export function LeadTasks({ leadId }: { leadId: string }) {
  const tasks = usePages(["lead", leadId, "tasks"], (cursor) =>
    ok(api.GET("/api/leads/{lead_id}/tasks", { params: { path: { lead_id: leadId }, query: { limit: 100, cursor } } })),
  );
  const { userName } = useNames();
  const mayAct = useMay("lead:update");
  const [acting, act] = useState<{ kind: "complete" | "snooze"; task: Schemas["TaskOut"] } | null>(null);
  const close = () => act(null);
  return (
    <Query of={tasks}>
      {tasks.items.length === 0 && <p className="soft">{t.emptyTasks}</p>}
      <ul className="lines">
        {tasks.items.map((task) => {
          const isOpen = task.status !== "COMPLETED" && task.status !== "CANCELLED";
          return (
            <li key={task.id}>
              <div className="grow">
                <p className="row">
                  <strong>{task.title}</strong>
                  <Badge tone={task.status === "OVERDUE" ? "bad" : task.status === "COMPLETED" ? "good" : ""}>{texts.task.statuses[task.status]}</Badge>
                  {task.outcome && <Badge>{texts.outcomes[task.outcome]}</Badge>}
                </p>
                <p className="small soft">
                  {texts.task.types[task.type]} · {userName(task.assigned_to_id)} · <Time at={task.completed_at ?? task.due_at} />
                </p>
              </div>
              {isOpen && mayAct && (
                <span className="row tight">
                  <button type="button" className="button" onClick={() => act({ kind: "complete", task })}>
                    {texts.task.complete}
                  </button>
                  <button type="button" className="button" onClick={() => act({ kind: "snooze", task })}>
                    {texts.task.snooze}
                  </button>
                </span>
              )}
            </li>
          );
        })}
      </ul>
      <MorePages query={tasks} label={texts.shell.more} />
      {acting?.kind === "complete" && <CompleteDialog task={acting.task} onClose={close} onDone={close} />}
      {acting?.kind === "snooze" && <SnoozeDialog task={acting.task} onClose={close} onDone={close} />}
    </Query>
  );
}

export function LeadAutomation({ leadId }: { leadId: string }) {
  const steps = usePages(["lead", leadId, "automation"], (cursor) =>
    ok(api.GET("/api/leads/{lead_id}/automation", { params: { path: { lead_id: leadId }, query: { limit: 100, cursor } } })),
  );
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
