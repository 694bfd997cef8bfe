/** Acts on many leads. The title says how many before anything happens. */

import { type FormEvent, useState } from "react";
import { api, ok } from "../api/client";
import { sentences } from "../api/problem";
import { useAct, useStages, useUsers } from "../api/queries";
import type { Schemas } from "../api/types";
import { texts } from "../texts";
import { moveTexts } from "../texts/lead";
import { DialogBox, toast } from "../ui/overlays";
import { type Option, optionsOf, SelectField, TextField, useMistakes } from "../ui/parts";
import { Footer } from "./task-dialogs";

type TaskType = Schemas["FollowUpIn"]["type"];

const t = texts.leads;

interface Props {
  count: number;
  target: Pick<Schemas["BulkIn"], "lead_ids" | "filter">;
  onClose: () => void;
  onDone: () => void;
}

export function PlanDialog({ count, target, onClose, onDone }: Props) {
  const [type, setType] = useState<string>("CALL");
  const [title, setTitle] = useState("");
  const [minutes, setMinutes] = useState("60");
  const [hourly, setHourly] = useState("");
  const plan = useAct(
    () =>
      ok(
        api.POST("/api/followups/bulk", {
          body: {
            ...target,
            followup: { type: type as TaskType, title, due_in_minutes: Number(minutes) },
            stagger_per_hour: hourly ? Number(hourly) : undefined,
          },
        }),
      ),
    ["tasks", "leads"],
  );
  const mistakes = useMistakes(plan.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    plan.mutate(undefined, {
      onSuccess: (job) => {
        toast(t.planned(job.total));
        onDone();
      },
    });
  };
  return (
    <DialogBox title={t.planFor(count)} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {mistakes.rest("/followup/title", "/followup/due_in_minutes", "/stagger_per_hour")}
        <TextField label={texts.task.title} value={title} onChange={setTitle} required autoFocus wrong={mistakes.at("/followup/title")} />
        <div className="fields">
          <SelectField label={texts.task.type} value={type} onChange={setType} options={optionsOf(texts.task.types)} />
          <TextField label={t.dueIn} type="number" min={0} value={minutes} onChange={setMinutes} required wrong={mistakes.at("/followup/due_in_minutes")} />
          <TextField label={t.perHour} type="number" min={1} value={hourly} onChange={setHourly} wrong={mistakes.at("/stagger_per_hour")} />
        </div>
        <Footer label={t.planFor(count)} onClose={onClose} isBusy={plan.isPending} />
      </form>
    </DialogBox>
  );
}

interface EachProps {
  title: string;
  label: string;
  choice: { label: string; options: Option[] };
  leadIds: string[];
  act: (leadId: string, value: string) => Promise<unknown>;
  done: (count: number, label: string) => string;
  onClose: () => void;
  onDone: () => void;
}

/** One act on each of the chosen leads, one after the other. The sentences of refusals are shown, and the rest is done. */
function EachDialog({ title, label, choice, leadIds, act, done, onClose, onDone }: EachProps) {
  const [value, setValue] = useState("");
  const [refusals, setRefusals] = useState<string[]>([]);
  const chosen = choice.options.find((one) => one.value === value) ?? choice.options[0];
  const run = useAct(() => each(leadIds, (id) => act(id, chosen?.value ?? "")), ["leads", "lead", "tasks", "board"]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run.mutate(undefined, {
      onSuccess: (refused) => {
        if (refused.length === 0) {
          toast(done(leadIds.length, chosen?.label ?? ""));
          onDone();
        } else setRefusals([t.partly(leadIds.length - refused.length, refused.length), ...new Set(refused)]);
      },
    });
  };
  return (
    <DialogBox title={title} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {refusals.length > 0 && (
          <div className="notice warn" role="alert">
            {refusals.map((line) => (
              <p key={line}>{line}</p>
            ))}
          </div>
        )}
        <SelectField label={choice.label} value={chosen?.value ?? ""} onChange={setValue} options={choice.options} />
        <Footer label={label} onClose={onClose} isBusy={run.isPending || !chosen} />
      </form>
    </DialogBox>
  );
}

async function each(leadIds: string[], act: (leadId: string) => Promise<unknown>): Promise<string[]> {
  const refused: string[] = [];
  for (const id of leadIds) await act(id).catch((error: unknown) => refused.push(sentences(error).join(" ")));
  return refused;
}

interface ManyProps {
  leadIds: string[];
  onClose: () => void;
  onDone: () => void;
}

export function AssignDialog(props: ManyProps) {
  const users = useUsers().data ?? [];
  return (
    <EachDialog
      {...props}
      title={t.assignFor(props.leadIds.length)}
      label={t.assign}
      choice={{ label: t.assignTo, options: users.map(({ id, name }) => ({ value: id, label: name })) }}
      act={(lead_id, assigned_to_id) => ok(api.POST("/api/leads/{lead_id}/assign", { params: { path: { lead_id } }, body: { assigned_to_id } }))}
      done={t.assigned}
    />
  );
}

export function MoveDialog(props: ManyProps) {
  const stages = (useStages().data ?? []).filter((stage) => !stage.archived_at && stage.slug !== "lost");
  return (
    <EachDialog
      {...props}
      title={moveTexts.title(props.leadIds.length)}
      label={texts.lead.moveTo.replace("…", "")}
      choice={{ label: moveTexts.to, options: stages.map(({ slug, name }) => ({ value: slug, label: name })) }}
      act={(lead_id, stage) => ok(api.POST("/api/leads/{lead_id}/stage", { params: { path: { lead_id } }, body: { stage } }))}
      done={moveTexts.moved}
    />
  );
}
