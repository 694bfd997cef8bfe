/** Acts on one lead that need more than a click. */

import { type FormEvent, type ReactNode, useState } from "react";
import { api, ok } from "../api/client";
import { useAct } from "../api/queries";
import type { Schemas } from "../api/types";
import { fromField, toField } from "../format";
import { texts } from "../texts";
import { leadTexts } from "../texts/lead";
import { DialogBox, toast } from "../ui/overlays";
import { optionsOf, SelectField, TextArea, TextField, TimeField, useMistakes } from "../ui/parts";
import { Footer } from "./task-dialogs";

const t = texts.lead;
const { hold } = leadTexts;
const TOPICS = ["lead", "leads", "board", "tasks"];
const HOUR = 3_600_000;

interface FormProps<Out> {
  title: string;
  label: string;
  done: string;
  save: { mutate: (given: undefined, options: { onSuccess: (saved: Out) => void }) => void; isPending: boolean };
  onSaved?: (saved: Out) => void;
  onClose: () => void;
  children: ReactNode;
  isWide?: boolean;
  isReady?: boolean; // false until the data that it sends is loaded
}

/** A dialog with one form: it closes when the API has accepted the change. */
export function FormDialog<Out>({ title, label, done, save, onSaved, onClose, children, isWide = false, isReady = true }: FormProps<Out>) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(undefined, {
      onSuccess: (saved) => {
        toast(done);
        onSaved?.(saved);
        onClose();
      },
    });
  };
  return (
    <DialogBox title={title} onClose={onClose} isWide={isWide}>
      <form className="stack" onSubmit={submit}>
        {children}
        <Footer label={label} onClose={onClose} isBusy={save.isPending || !isReady} />
      </form>
    </DialogBox>
  );
}

interface Props {
  leadId: string;
  onClose: () => void;
}

/** `task`: the task that the note is about. */
export function NoteDialog({ leadId, task, onClose }: Props & { task?: Pick<Schemas["TaskOut"], "id" | "title"> | undefined }) {
  const [notes, setNotes] = useState("");
  const save = useAct(
    () =>
      task
        ? ok(api.POST("/api/followups/{task_id}/notes", { params: { path: { task_id: task.id } }, body: { notes } }))
        : ok(api.POST("/api/leads/{lead_id}/activities", { params: { path: { lead_id: leadId } }, body: { type: "NOTE", notes } })),
    TOPICS,
  );
  const mistakes = useMistakes(save.error);
  return (
    <FormDialog title={task ? t.noteOnTask(task.title) : t.note} label={texts.shell.save} done={t.noted} save={save} onClose={onClose}>
      {mistakes.rest("/notes")}
      <TextArea label={texts.task.notes} value={notes} onChange={setNotes} required autoFocus wrong={mistakes.at("/notes")} />
    </FormDialog>
  );
}

/** Say why the user who got the task may not get to it. */
const warnOfAssignee = ({ warnings }: Schemas["AssignedTaskOut"]): void => {
  for (const { message } of warnings ?? []) toast(message);
};

/** `entryId`: the timeline entry that the task is created from. */
export function TaskDialog({ leadId, entryId, onClose }: Props & { entryId?: string | undefined }) {
  const [type, setType] = useState("CALL");
  const [title, setTitle] = useState("");
  const [priority, setPriority] = useState("NORMAL");
  const [due, setDue] = useState(() => toField(Date.now() + 24 * HOUR));
  const save = useAct(() => {
    const body = { type: type as Schemas["TaskIn"]["type"], title, priority: priority as Schemas["TaskIn"]["priority"], due_at: fromField(due) };
    return entryId
      ? ok(api.POST("/api/leads/{lead_id}/activities/{entry_id}/tasks", { params: { path: { lead_id: leadId, entry_id: entryId } }, body }))
      : ok(api.POST("/api/leads/{lead_id}/tasks", { params: { path: { lead_id: leadId } }, body }));
  }, TOPICS);
  const mistakes = useMistakes(save.error);
  return (
    <FormDialog title={texts.task.create} label={texts.shell.create} done={texts.task.created} save={save} onSaved={warnOfAssignee} onClose={onClose}>
      {mistakes.rest("/title", "/due_at")}
      <TextField label={texts.task.title} value={title} onChange={setTitle} required autoFocus wrong={mistakes.at("/title")} />
      <div className="fields">
        <SelectField label={texts.task.type} value={type} onChange={setType} options={optionsOf(texts.task.types)} />
        <SelectField label={texts.task.priority} value={priority} onChange={setPriority} options={optionsOf(texts.task.priorities)} />
        <TimeField label={texts.task.due} value={due} onChange={setDue} required wrong={mistakes.at("/due_at")} />
      </div>
    </FormDialog>
  );
}

export function LoseDialog({ leadId, onClose }: Props) {
  const [reason, setReason] = useState("NO_RESPONSE");
  const [notes, setNotes] = useState("");
  const save = useAct(
    () =>
      ok(
        api.POST("/api/leads/{lead_id}/lost", {
          params: { path: { lead_id: leadId } },
          body: { reason: reason as Schemas["Loss"]["reason"], notes: notes || undefined },
        }),
      ),
    TOPICS,
  );
  const mistakes = useMistakes(save.error);
  return (
    <FormDialog title={t.lose} label={t.lose} done={t.lost} save={save} onClose={onClose}>
      {mistakes.rest("/notes")}
      <SelectField label={t.reason} value={reason} onChange={setReason} options={optionsOf(texts.lostReasons)} />
      <TextArea label={texts.task.notes} value={notes} onChange={setNotes} wrong={mistakes.at("/notes")} />
    </FormDialog>
  );
}

export function ReopenDialog({ leadId, onClose }: Props) {
  const [reason, setReason] = useState("");
  const save = useAct(() => ok(api.POST("/api/leads/{lead_id}/reopen", { params: { path: { lead_id: leadId } }, body: { reason } })), TOPICS);
  const mistakes = useMistakes(save.error);
  return (
    <FormDialog title={t.reopen} label={t.reopen} done={t.reopened} save={save} onClose={onClose}>
      {mistakes.rest("/reason")}
      <TextField label={t.reason} value={reason} onChange={setReason} required autoFocus wrong={mistakes.at("/reason")} />
    </FormDialog>
  );
}

/** Place a lead on legal hold, or change the reason of its hold. */
export function HoldDialog({ leadId, present, onClose }: Props & { present: string | undefined }) {
  const [reason, setReason] = useState(present ?? "");
  const save = useAct(() => ok(api.PUT("/api/leads/{lead_id}/legal-hold", { params: { path: { lead_id: leadId } }, body: { reason } })), TOPICS);
  const mistakes = useMistakes(save.error);
  const isHeld = present !== undefined;
  return (
    <FormDialog title={isHeld ? hold.changeTitle : hold.placeTitle} label={isHeld ? texts.shell.save : hold.submit} done={isHeld ? hold.changed : hold.placed} save={save} onClose={onClose}>
      {mistakes.rest("/reason")}
      <p>{hold.hint}</p>
      <TextArea label={hold.reason} value={reason} onChange={setReason} required autoFocus wrong={mistakes.at("/reason")} />
    </FormDialog>
  );
}

export function EndHoldDialog({ leadId, onClose }: Props) {
  const end = useAct(() => ok(api.DELETE("/api/leads/{lead_id}/legal-hold", { params: { path: { lead_id: leadId } } })), TOPICS);
  const mistakes = useMistakes(end.error);
  return (
    <FormDialog title={hold.endTitle} label={hold.endSubmit} done={hold.ended} save={end} onClose={onClose}>
      {mistakes.rest()}
      <p>{hold.endHint}</p>
    </FormDialog>
  );
}
