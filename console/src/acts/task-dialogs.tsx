/** Acts on a task: complete it, snooze it, cancel it, log a call with it. Used by Today and by the page of a lead. */

import { type FormEvent, useState } from "react";
import { api, ok } from "../api/client";
import { useAct, useTaskCancellation } from "../api/queries";
import type { Schemas } from "../api/types";
import { fromField, when } from "../format";
import { settingsTexts } from "../settings/texts";
import { texts } from "../texts";
import { DialogBox, toast } from "../ui/overlays";
import { optionsOf, Query, SelectField, TextArea, TextField, TimeField, useMistakes } from "../ui/parts";

type Outcome = NonNullable<Schemas["Completion"]["outcome"]>;
type Open = Pick<Schemas["TaskOut"], "id" | "title" | "type" | "due_at" | "lead_id"> & { lead_name?: string | null };

const t = texts.task;
const TOPICS = ["tasks", "lead", "leads", "board"];
const HOUR = 3_600_000;

/** Many tasks have the same title: the lead tells them apart. */
const named = (task: Open): string => (task.lead_name ? `${task.title}, ${task.lead_name}` : task.title);

interface Props {
  task: Open;
  onClose: () => void;
  onDone: () => void;
}

export function CompleteDialog({ task, onClose, onDone }: Props) {
  const [outcome, setOutcome] = useState("");
  const [notes, setNotes] = useState("");
  const complete = useAct(
    () => ok(api.POST("/api/followups/{task_id}/complete", { params: { path: { task_id: task.id } }, body: { outcome: (outcome || null) as Outcome | null, notes: notes || undefined } })),
    TOPICS,
  );
  const mistakes = useMistakes(complete.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    complete.mutate(undefined, {
      onSuccess: () => {
        toast(t.completed(named(task)));
        onDone();
      },
    });
  };
  return (
    <DialogBox title={`${t.complete}: ${named(task)}`} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {mistakes.rest("/outcome", "/notes")}
        <SelectField label={t.outcome} value={outcome} onChange={setOutcome} options={[{ value: "", label: "–" }, ...optionsOf(texts.outcomes)]} wrong={mistakes.at("/outcome")} />
        <TextArea label={t.notes} value={notes} onChange={setNotes} wrong={mistakes.at("/notes")} autoFocus />
        <Footer label={t.complete} onClose={onClose} isBusy={complete.isPending} />
      </form>
    </DialogBox>
  );
}

interface CallProps {
  leadId: string;
  task?: Open | undefined;
  onClose: () => void;
  onDone: (isCompleted: boolean) => void;
}

/** Log a call on the timeline; if there is a task, complete it with the call. A call always answers a task to call. */
export function CallDialog({ leadId, task, onClose, onDone }: CallProps) {
  const [outcome, setOutcome] = useState("spoke");
  const [notes, setNotes] = useState("");
  const [isWhole, setWhole] = useState(task !== undefined);
  const log = useAct(async () => {
    const activity = { type: "PHONE_CALL" as const, outcome: outcome as Outcome, notes: notes || undefined };
    if (task && isWhole) return ok(api.POST("/api/followups/{task_id}/complete", { params: { path: { task_id: task.id } }, body: { activity } }));
    return ok(api.POST("/api/leads/{lead_id}/activities", { params: { path: { lead_id: leadId } }, body: activity }));
  }, TOPICS);
  const mistakes = useMistakes(log.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    log.mutate(undefined, {
      onSuccess: () => {
        toast(t.callLogged);
        onDone(task !== undefined && isWhole);
      },
    });
  };
  return (
    <DialogBox title={task?.lead_name ? `${t.call}: ${task.lead_name}` : t.call} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {mistakes.rest()}
        <SelectField label={t.outcome} value={outcome} onChange={setOutcome} options={optionsOf(texts.outcomes)} />
        <TextArea label={t.notes} value={notes} onChange={setNotes} autoFocus />
        {task?.type === "CALL" && <p className="soft">{t.answers}</p>}
        {task && task.type !== "CALL" && (
          <label className="check">
            <input type="checkbox" checked={isWhole} onChange={(event) => setWhole(event.target.checked)} />
            {t.done}
          </label>
        )}
        <Footer label={t.call} onClose={onClose} isBusy={log.isPending} />
      </form>
    </DialogBox>
  );
}

export function SnoozeDialog({ task, onClose, onDone }: Props) {
  const [until, setUntil] = useState("");
  const snooze = useAct(
    (time: string) => ok(api.POST("/api/followups/{task_id}/snooze", { params: { path: { task_id: task.id } }, body: { until: time } })),
    TOPICS,
  );
  const mistakes = useMistakes(snooze.error);
  const choose = (time: string) =>
    snooze.mutate(time, {
      onSuccess: (changed) => {
        toast(t.snoozed(when(changed.due_at)), undoOf(task, changed.version));
        onDone();
      },
    });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (until) choose(fromField(until));
  };
  const choices: [string, number][] = [
    [t.snoozeFor.hour, HOUR],
    [t.snoozeFor.afternoon, 3 * HOUR],
    [t.snoozeFor.tomorrow, 24 * HOUR],
    [t.snoozeFor.week, 7 * 24 * HOUR],
  ];
  return (
    <DialogBox title={`${t.snooze}: ${named(task)}`} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {mistakes.rest("/until")}
        <div className="fields">
          {choices.map(([label, milliseconds], at) => (
            <button key={label} type="button" className="button" autoFocus={at === 0} disabled={snooze.isPending} onClick={() => choose(new Date(Date.now() + milliseconds).toISOString())}>
              {label}
            </button>
          ))}
        </div>
        <TimeField label={t.due} value={until} onChange={setUntil} wrong={mistakes.at("/until")} />
        <Footer label={t.snooze} onClose={onClose} isBusy={snooze.isPending || !until} />
      </form>
    </DialogBox>
  );
}

/** Put the former due time back. The API accepts it only while nobody else has changed the task. */
function undoOf(task: Open, version: number) {
  return () =>
    ok(api.PATCH("/api/followups/{task_id}", { params: { path: { task_id: task.id }, header: { "If-Match": `"${version}"` } }, body: { due_at: task.due_at } }));
}

const OTHER = "\n"; // no reason of a list has a line break

/** The clinic says whether a reason is required, and lists reasons. */
export function CancelDialog({ task, onClose, onDone }: Props) {
  const settings = useTaskCancellation();
  return (
    <DialogBox title={`${t.cancel}: ${named(task)}`} onClose={onClose}>
      <Query of={settings} rows={2}>
        {settings.data && <CancelForm task={task} onClose={onClose} onDone={onDone} settings={settings.data} />}
      </Query>
    </DialogBox>
  );
}

function CancelForm({ task, onClose, onDone, settings }: Props & { settings: Schemas["TaskCancellationOut"] }) {
  const { is_required, reasons, only_listed } = settings;
  const [chosen, choose] = useState(reasons.length ? "" : OTHER);
  const [own, setOwn] = useState("");
  const cancel = useAct(
    () => ok(api.POST("/api/followups/{task_id}/cancel", { params: { path: { task_id: task.id } }, body: { reason: (chosen === OTHER ? own : chosen) || null } })),
    TOPICS,
  );
  const mistakes = useMistakes(cancel.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    cancel.mutate(undefined, {
      onSuccess: () => {
        toast(t.cancelled(named(task)));
        onDone();
      },
    });
  };
  const options = [{ value: "", label: is_required ? settingsTexts.choose : "–" }, ...reasons.map((one) => ({ value: one, label: one })), ...(only_listed ? [] : [{ value: OTHER, label: t.otherReason }])];
  return (
    <form className="stack" onSubmit={submit}>
      {mistakes.rest("/reason")}
      {reasons.length > 0 && <SelectField label={t.reason} value={chosen} onChange={choose} options={options} wrong={chosen === OTHER ? undefined : mistakes.at("/reason")} required={is_required} autoFocus />}
      {chosen === OTHER && <TextField label={reasons.length ? t.ownReason : t.reason} value={own} onChange={setOwn} wrong={mistakes.at("/reason")} required={is_required} autoFocus />}
      <Footer label={t.cancel} closeLabel={t.keep} onClose={onClose} isBusy={cancel.isPending} />
    </form>
  );
}

interface FooterProps {
  label: string;
  closeLabel?: string;
  onClose: () => void;
  isBusy: boolean;
}

export function Footer({ label, closeLabel = texts.shell.cancel, onClose, isBusy }: FooterProps) {
  return (
    <footer className="row">
      <button type="button" className="button" onClick={onClose}>
        {closeLabel}
      </button>
      <button type="submit" className="button primary" disabled={isBusy}>
        {label}
      </button>
    </footer>
  );
}
