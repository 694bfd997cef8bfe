/** The automation steps of a lead. A planned one can be cancelled, run now or snoozed. */

import { type FormEvent, useState } from "react";
import { api, ok } from "../api/client";
import { useAct, useMay } from "../api/queries";
import type { Step } from "../api/types";
import { duration, fromField, toField, when, words } from "../format";
import { useNames } from "../pages/names";
import { texts } from "../texts";
import { leadTexts } from "../texts/lead";
import { Icon } from "../ui/icons";
import { DialogBox, MenuButton, toast, toastError } from "../ui/overlays";
import { Badge, Time, TimeField, type Tone, useMistakes } from "../ui/parts";
import { Footer } from "./task-dialogs";

type Act = "cancel" | "run-now" | "snooze";

const t = leadTexts.step;
const PLANNED = new Set(["planned", "published"]);
const TOPICS = ["lead", "steps"];
const DAY = 86_400_000;

interface ListProps {
  title: string;
  steps: Step[];
}

export function StepList({ title, steps }: ListProps) {
  const [snoozing, snooze] = useState<Step | null>(null);
  if (steps.length === 0) return null;
  return (
    <section className="stack close">
      <h2>{title}</h2>
      <ul className="lines">
        {steps.map((step) => (
          <StepLine key={step.id} step={step} snooze={() => snooze(step)} />
        ))}
      </ul>
      {snoozing && <SnoozeStepDialog step={snoozing} onClose={() => snooze(null)} />}
    </section>
  );
}

function StepLine({ step, snooze }: { step: Step; snooze: () => void }) {
  const { userName } = useNames();
  return (
    <li>
      <div className="grow">
        <p className="row">
          <strong>{words(step.kind)}</strong>
          <span className="soft">{step.name}</span>
          <Badge tone={toneOf(step.state)}>{words(step.state)}</Badge>
          {step.reason && <Badge>{words(step.reason)}</Badge>}
        </p>
        {step.moves.map((move) => (
          <p key={move.to + move.by} className="small soft">
            {move.user_id ? t.byHand(userName(move.user_id)) : words(move.by)} → <Time at={move.to} />
          </p>
        ))}
        {step.error && <p className="wrong">{step.error}</p>}
      </div>
      <span className="small soft right">
        <Time at={step.due_at} />
        {step.lateness_seconds !== null && step.lateness_seconds > 60 && <span className="late"> {texts.lead.ran(duration(step.lateness_seconds))}</span>}
      </span>
      <StepMenu step={step} snooze={snooze} />
    </li>
  );
}

function StepMenu({ step, snooze }: { step: Step; snooze: () => void }) {
  const mayAct = useMay("lead:update");
  const change = useAct((act: Exclude<Act, "snooze">) => changeStep(step, act), TOPICS);
  if (!mayAct || !PLANNED.has(step.state)) return null;
  const done = (changed: Step) => (changed.state === "skipped" ? t.skipped : changed.state === "cancelled" ? t.cancelled : t.runsNow);
  const begin = (act: Exclude<Act, "snooze">) => () => change.mutate(act, { onSuccess: (changed) => toast(done(changed)), onError: toastError });
  return (
    <MenuButton
      label={t.menu(step.name)}
      className="button icon-only"
      isDisabled={change.isPending}
      entries={[
        { id: "run-now", label: t.runNow, icon: "bolt", act: begin("run-now") },
        { id: "snooze", label: t.snooze, icon: "clock", act: snooze },
        { id: "cancel", label: t.cancel, icon: "close", act: begin("cancel") },
      ]}
    >
      <Icon name="more" />
    </MenuButton>
  );
}

function changeStep(step: Step, act: Exclude<Act, "snooze">): Promise<Step> {
  const params = { path: { lead_id: step.lead_id ?? "", step_id: step.id } };
  if (act === "cancel") return ok(api.POST("/api/leads/{lead_id}/automation/steps/{step_id}/cancel", { params }));
  return ok(api.POST("/api/leads/{lead_id}/automation/steps/{step_id}/run-now", { params }));
}

function SnoozeStepDialog({ step, onClose }: { step: Step; onClose: () => void }) {
  const [until, setUntil] = useState(() => toField(Math.max(Date.now(), Date.parse(step.due_at)) + DAY));
  const save = useAct(
    () =>
      ok(
        api.POST("/api/leads/{lead_id}/automation/steps/{step_id}/snooze", {
          params: { path: { lead_id: step.lead_id ?? "", step_id: step.id } },
          body: { until: fromField(until) },
        }),
      ),
    TOPICS,
  );
  const mistakes = useMistakes(save.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(undefined, {
      onSuccess: (changed) => {
        toast(t.snoozed(when(changed.due_at)));
        onClose();
      },
    });
  };
  return (
    <DialogBox title={t.snoozeTitle(step.name)} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {mistakes.rest("/until")}
        <TimeField label={t.until} value={until} onChange={setUntil} required autoFocus wrong={mistakes.at("/until")} />
        <Footer label={texts.task.snooze} onClose={onClose} isBusy={save.isPending} />
      </form>
    </DialogBox>
  );
}

export function toneOf(state: string): Tone {
  if (state === "done" || state === "sent") return "good";
  if (state === "failed" || state === "bounced") return "bad";
  if (state === "unknown") return "warn";
  return "";
}
