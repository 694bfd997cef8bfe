/** Today: my queue, one task after the other. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { MessageDialog } from "../acts/message-dialog";
import { CallDialog, CancelDialog, CompleteDialog, SnoozeDialog } from "../acts/task-dialogs";
import { Timeline } from "../acts/timeline";
import { api, ok } from "../api/client";
import { useMay, useMe, usePages } from "../api/queries";
import type { Task } from "../api/types";
import { isByToday } from "../format";
import { Guide } from "../shell/guide";
import { texts } from "../texts";
import { Icon } from "../ui/icons";
import { useKeys } from "../ui/keys";
import { Badge, Empty, Query, Time } from "../ui/parts";
import { useNames } from "./names";

type Act = "complete" | "call" | "snooze" | "cancel" | "reply";

const t = texts.today;
const WEEK = 7 * 86_400_000;
const MINUTE = 60_000;

export default function Today() {
  const [whose, setWhose] = useState<"me" | "">("me");
  const queue = useQueue(whose);
  const [chosen, choose] = useState("");
  const [acting, act] = useState<{ kind: Act; task: Task; next: string } | null>(null); // keeps its task when the list changes meanwhile
  const mayAct = useMay("lead:update");
  const [, go] = useLocation();
  const place = useRef(0);
  const at = queue.items.findIndex((task) => task.id === chosen);
  if (at >= 0) place.current = at;
  const task = queue.items[at >= 0 ? at : Math.min(place.current, queue.items.length - 1)];
  useEffect(() => {
    if (chosen && task && task.id !== chosen) choose(task.id); // the chosen one is done: the next opens by itself
  }, [chosen, task]);

  const step = (by: number) => {
    const next = queue.items[Math.max(0, Math.min(queue.items.length - 1, place.current + by))];
    if (!next) return;
    choose(next.id);
    document.getElementById(`task-${next.id}`)?.scrollIntoView({ block: "nearest" });
  };
  const begin = (kind: Act) => {
    if (!task || !mayAct) return;
    const index = queue.items.indexOf(task);
    act({ kind, task, next: (queue.items[index + 1] ?? queue.items[index - 1])?.id ?? "" });
  };
  useKeys({ j: () => step(1), k: () => step(-1), e: () => begin("complete"), c: () => begin("call"), s: () => begin("snooze"), x: () => begin("cancel"), r: () => begin("reply"), o: () => task && go(`/leads/${task.lead_id}`) });
  const close = () => act(null);
  const done = (isDone = true) => {
    close();
    if (acting) choose(isDone ? acting.next : acting.task.id); // a snoozed task may still be in the list, further down
  };
  const back = () => {
    choose("");
    setTimeout(() => document.getElementById(`task-${chosen}`)?.focus()); // when the list is shown again
  };
  return (
    <>
      <div className="page-head">
        <h1>{texts.pages.today}</h1>
        <Figures whose={whose} />
        <div className="acts">
          <Whose value={whose} onChange={setWhose} />
        </div>
      </div>
      <Guide />
      <Query of={queue}>
        {!task ? (
          <Empty icon="check" title={t.empty} hint={t.emptyHint}>
            <Link className="button" href="/leads?view=idle">
              {t.emptyAct}
            </Link>
          </Empty>
        ) : (
          <div className="queue" data-open={chosen ? "" : undefined}>
            <Groups tasks={queue.items} current={task.id} choose={choose} />
            <TaskPane task={task} isChosen={chosen === task.id} begin={begin} back={back} mayAct={mayAct} />
          </div>
        )}
      </Query>
      {acting?.kind === "complete" && <CompleteDialog task={acting.task} onClose={close} onDone={done} />}
      {acting?.kind === "snooze" && <SnoozeDialog task={acting.task} onClose={close} onDone={done} />}
      {acting?.kind === "cancel" && <CancelDialog task={acting.task} onClose={close} onDone={done} />}
      {acting?.kind === "call" && <CallDialog leadId={acting.task.lead_id} task={acting.task} onClose={close} onDone={done} />}
      {acting?.kind === "reply" && <MessageDialog leadId={acting.task.lead_id} name={acting.task.lead_name} onClose={close} />}
    </>
  );
}

function useQueue(whose: "me" | "") {
  return usePages(["tasks", "queue", whose], (cursor) => {
    const due_to = new Date(Math.ceil((Date.now() + WEEK) / MINUTE) * MINUTE).toISOString();
    const assigned_to_id = whose || undefined;
    const query = { status: "PENDING,IN_PROGRESS,OVERDUE", due_to, assigned_to_id, expand: "lead,assigned_to", limit: 100, cursor };
    return ok(api.GET("/api/followups", { params: { query } }));
  });
}

function Figures({ whose }: { whose: string }) {
  const { data } = useQuery({
    queryKey: ["tasks", "figures", whose],
    queryFn: () => ok(api.GET("/api/followups/dashboard", { params: { query: whose ? { assigned_to_id: whose } : {} } })),
  });
  if (!data) return null;
  return <p className="soft">{t.figures(data.overdue, data.due_today)}</p>;
}

function Whose({ value, onChange }: { value: "me" | ""; onChange: (value: "me" | "") => void }) {
  if (useMe().scopes["lead:read"] === "assigned") return null; // sees only the own ones anyway
  return (
    <div className="row" role="group" aria-label={t.whose}>
      {([["me", t.mine], ["", t.all]] as const).map(([one, label]) => (
        <button key={one} type="button" className="button" aria-pressed={value === one} onClick={() => onChange(one)}>
          {label}
        </button>
      ))}
    </div>
  );
}

interface GroupsProps {
  tasks: Task[];
  current: string;
  choose: (id: string) => void;
}

function Groups({ tasks, current, choose }: GroupsProps) {
  const groups = useMemo(() => inGroups(tasks), [tasks]);
  return (
    <div className="queue-list">
      {groups.map(([title, own]) => (
        <section key={title} className="stack close">
          <h2>
            {title} <span className="soft">{own.length}</span>
          </h2>
          <ul>
            {own.map((task) => (
              <li key={task.id}>
                <button type="button" id={`task-${task.id}`} className="queue-item" aria-current={task.id === current ? "true" : undefined} onClick={() => choose(task.id)}>
                  <span className="row between tight">
                    <strong className="cut">{task.lead_name ?? texts.task.types[task.type]}</strong>
                    <span className={Date.parse(task.due_at) < Date.now() ? "small late" : "small soft"}>
                      <Time at={task.due_at} />
                    </span>
                  </span>
                  <span className="row between tight soft">
                    <span className="cut">{task.title}</span>
                    {(task.priority === "URGENT" || task.priority === "HIGH") && <Badge tone={task.priority === "URGENT" ? "bad" : "warn"}>{texts.task.priorities[task.priority]}</Badge>}
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

function inGroups(tasks: Task[]): [string, Task[]][] {
  const now = Date.now();
  const due = (task: Task) => Date.parse(task.due_at);
  const groups: [string, Task[]][] = [
    [t.overdue, tasks.filter((task) => due(task) < now)],
    [t.due, tasks.filter((task) => due(task) >= now && isByToday(task.due_at))],
    [t.next, tasks.filter((task) => due(task) >= now && !isByToday(task.due_at))],
  ];
  return groups.filter(([, own]) => own.length > 0);
}

interface PaneProps {
  task: Task;
  isChosen: boolean;
  begin: (act: Act) => void;
  back: () => void;
  mayAct: boolean;
}

/** The buttons stay when the next task opens, and with them the focus. On a narrow screen the pane hides the list and takes its focus. */
function TaskPane({ task, isChosen, begin, back, mayAct }: PaneProps) {
  const pane = useRef<HTMLElement>(null);
  useEffect(() => {
    if (isChosen && document.activeElement?.checkVisibility() === false) pane.current?.focus();
  }, [isChosen, task.id]);
  const { stageName, userName } = useNames();
  const latest = useQuery({
    queryKey: ["lead", task.lead_id, "latest"],
    queryFn: () => ok(api.GET("/api/leads/{lead_id}/activities", { params: { path: { lead_id: task.lead_id }, query: { sort: "-occurred_at", limit: 6 } } })),
  });
  return (
    <article className="card stack task-pane" aria-label={task.title} tabIndex={-1} ref={pane}>
      <button type="button" className="button plain only-narrow" onClick={back}>
        <Icon name="back" />
        {t.queue}
      </button>
      <header className="stack close">
        <p className="row soft">
          <Badge>{texts.task.types[task.type]}</Badge>
          <span className={Date.parse(task.due_at) < Date.now() ? "late" : undefined}>
            <Time at={task.due_at} /> (<Time at={task.due_at} relative />)
          </span>
          {task.assigned_to && <span>{task.assigned_to.name}</span>}
        </p>
        <h2 className="task-title">{task.title}</h2>
        {task.description && <p className="prose">{task.description}</p>}
      </header>
      {task.lead && (
        <p className="row">
          <Icon name="user" />
          <Link href={`/leads/${task.lead.id}`}>
            <strong>
              {task.lead.first_name} {task.lead.last_name}
            </strong>
          </Link>
          <Badge>{stageName(task.lead.pipeline_stage)}</Badge>
          {task.lead.phone && (
            <a className="row tight" href={`tel:${task.lead.phone}`}>
              <Icon name="phone" />
              {task.lead.phone}
            </a>
          )}
        </p>
      )}
      {mayAct && (
        <div className="row">
          <ActButton act="complete" label={texts.task.complete} hotkey="e" isPrimary begin={begin} />
          <ActButton act="call" label={texts.task.call} hotkey="c" begin={begin} />
          <ActButton act="snooze" label={texts.task.snooze} hotkey="s" begin={begin} />
          <ActButton act="reply" label={texts.message.write} hotkey="r" begin={begin} />
          <ActButton act="cancel" label={texts.task.cancel} hotkey="x" begin={begin} />
        </div>
      )}
      <section className="stack">
        <h2>{t.lastEntries}</h2>
        <Query of={latest} rows={3}>
          {latest.data?.items.length === 0 && <p className="soft">{t.noEntries}</p>}
          <Timeline entries={latest.data?.items ?? []} stageName={stageName} userName={userName} />
        </Query>
      </section>
    </article>
  );
}

const ICONS = { complete: "check", call: "phone", snooze: "clock", cancel: "close", reply: "mail" } as const;

interface ActButtonProps {
  act: Exclude<Act, "">;
  label: string;
  hotkey: string;
  isPrimary?: boolean;
  begin: (act: Act) => void;
}

function ActButton({ act, label, hotkey, isPrimary = false, begin }: ActButtonProps) {
  return (
    <button type="button" className={isPrimary ? "button primary" : "button"} aria-keyshortcuts={hotkey} onClick={() => begin(act)}>
      <Icon name={ICONS[act]} />
      {label}
    </button>
  );
}
