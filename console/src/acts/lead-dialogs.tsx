/** Acts on one lead that need more than a click. */

import { type FormEvent, type ReactNode, useState } from "react";
import { api, ifMatch, ok } from "../api/client";
import { Problem } from "../api/problem";
import { useAct } from "../api/queries";
import type { Lead, Schemas } from "../api/types";
import { texts } from "../texts";
import { DialogBox, toast } from "../ui/overlays";
import { optionsOf, SelectField, TextArea, TextField, useMistakes } from "../ui/parts";
import { Footer } from "./task-dialogs";

const t = texts.lead;
const TOPICS = ["lead", "leads", "board", "tasks"];
const HOUR = 3_600_000;

interface FormProps {
  title: string;
  label: string;
  done: string;
  save: { mutate: (given: undefined, options: { onSuccess: () => void }) => void; isPending: boolean };
  onClose: () => void;
  children: ReactNode;
}

/** A dialog with one form: it closes when the API has accepted the change. */
function FormDialog({ title, label, done, save, onClose, children }: FormProps) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(undefined, {
      onSuccess: () => {
        toast(done);
        onClose();
      },
    });
  };
  return (
    <DialogBox title={title} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {children}
        <Footer label={label} onClose={onClose} isBusy={save.isPending} />
      </form>
    </DialogBox>
  );
}

interface Props {
  leadId: string;
  onClose: () => void;
}

export function NoteDialog({ leadId, onClose }: Props) {
  const [notes, setNotes] = useState("");
  const save = useAct(
    () => ok(api.POST("/api/leads/{lead_id}/activities", { params: { path: { lead_id: leadId } }, body: { type: "NOTE", notes } })),
    TOPICS,
  );
  const mistakes = useMistakes(save.error);
  return (
    <FormDialog title={t.note} label={texts.shell.save} done={t.noted} save={save} onClose={onClose}>
      {mistakes.rest("/notes")}
      <TextArea label={texts.task.notes} value={notes} onChange={setNotes} required autoFocus wrong={mistakes.at("/notes")} />
    </FormDialog>
  );
}

export function TaskDialog({ leadId, onClose }: Props) {
  const [type, setType] = useState("CALL");
  const [title, setTitle] = useState("");
  const [priority, setPriority] = useState("NORMAL");
  const [due, setDue] = useState(() => localTime(Date.now() + 24 * HOUR));
  const save = useAct(
    () =>
      ok(
        api.POST("/api/leads/{lead_id}/tasks", {
          params: { path: { lead_id: leadId } },
          body: {
            type: type as Schemas["TaskIn"]["type"],
            title,
            priority: priority as Schemas["TaskIn"]["priority"],
            due_at: new Date(due).toISOString(),
          },
        }),
      ),
    TOPICS,
  );
  const mistakes = useMistakes(save.error);
  return (
    <FormDialog title={texts.task.create} label={texts.task.create} done={texts.task.created} save={save} onClose={onClose}>
      {mistakes.rest("/title", "/due_at")}
      <TextField label={texts.task.title} value={title} onChange={setTitle} required autoFocus wrong={mistakes.at("/title")} />
      <div className="fields">
        <SelectField label={texts.task.type} value={type} onChange={setType} options={optionsOf(texts.task.types)} />
        <SelectField label={texts.task.priority} value={priority} onChange={setPriority} options={optionsOf(texts.task.priorities)} />
        <TextField label={texts.task.due} type="datetime-local" value={due} onChange={setDue} required wrong={mistakes.at("/due_at")} />
      </div>
    </FormDialog>
  );
}

/** The value of a datetime-local field, which is in the browser's zone. */
function localTime(at: number): string {
  const offset = new Date(at).getTimezoneOffset() * 60_000;
  return new Date(at - offset).toISOString().slice(0, 16);
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

const EDITED = ["first_name", "last_name", "phone", "email", "lead_value", "notes"] as const;
type Edited = Record<(typeof EDITED)[number], string>;

/** Send only what was changed here, so that a colleague's edit of another field stays. */
export function EditDialog({ lead, onClose }: { lead: Lead; onClose: () => void }) {
  const [before] = useState<Edited>(() => Object.fromEntries(EDITED.map((name) => [name, lead[name] ?? ""])) as Edited);
  const [given, setGiven] = useState(before);
  const changes = Object.fromEntries(EDITED.filter((name) => given[name] !== before[name]).map((name) => [name, given[name] || null]));
  const save = useAct(
    () => ok(api.PATCH("/api/leads/{lead_id}", { params: { path: { lead_id: lead.id }, header: ifMatch(lead.version) }, body: changes })),
    TOPICS,
  );
  const isStale = save.error instanceof Problem && save.error.status === 412;
  const mistakes = useMistakes(isStale ? null : save.error);
  const field = (name: (typeof EDITED)[number]) => ({
    value: given[name],
    onChange: (value: string) => setGiven({ ...given, [name]: value }),
    wrong: mistakes.at(`/${name}`),
    hint: isStale && (lead[name] ?? "") !== given[name] ? (lead[name] ?? "–") : undefined,
  });
  return (
    <FormDialog title={t.edit} label={texts.shell.save} done={t.saved} save={save} onClose={onClose}>
      {isStale && (
        <p className="notice warn" role="alert">
          {t.changedMeanwhile}
        </p>
      )}
      {mistakes.rest(...EDITED.map((name) => `/${name}`))}
      <div className="fields">
        <TextField label={texts.leads.firstName} {...field("first_name")} required autoFocus />
        <TextField label={texts.leads.lastName} {...field("last_name")} required />
        <TextField label={t.phone} type="tel" {...field("phone")} />
        <TextField label={t.email} type="email" {...field("email")} />
        <TextField label={t.value} inputMode="decimal" {...field("lead_value")} />
      </div>
      <TextArea label={texts.leads.notes} {...field("notes")} />
    </FormDialog>
  );
}
