/** Acts on many leads. The title says how many before anything happens. */

import { type FormEvent, useState } from "react";
import { api, ok } from "../api/client";
import { sentences } from "../api/problem";
import { useAct, useUsers } from "../api/queries";
import type { Schemas } from "../api/types";
import { texts } from "../texts";
import { DialogBox, toast } from "../ui/overlays";
import { optionsOf, SelectField, TextField, useMistakes } from "../ui/parts";
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

export function AssignDialog({ leadIds, onClose, onDone }: { leadIds: string[]; onClose: () => void; onDone: () => void }) {
  const users = useUsers().data ?? [];
  const [user, setUser] = useState("");
  const [refusals, setRefusals] = useState<string[]>([]);
  const chosen = users.find((one) => one.id === user) ?? users[0];
  const assign = useAct(() => assignAll(leadIds, chosen?.id ?? ""), ["leads", "lead", "tasks", "board"]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    assign.mutate(undefined, {
      onSuccess: (refused) => {
        if (refused.length === 0) {
          toast(t.assigned(leadIds.length, chosen?.name ?? ""));
          onDone();
        } else setRefusals([t.partly(leadIds.length - refused.length, refused.length), ...new Set(refused)]);
      },
    });
  };
  return (
    <DialogBox title={t.assignFor(leadIds.length)} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {refusals.length > 0 && (
          <div className="notice warn" role="alert">
            {refusals.map((line) => (
              <p key={line}>{line}</p>
            ))}
          </div>
        )}
        <SelectField label={t.assignTo} value={chosen?.id ?? ""} onChange={setUser} options={users.map(({ id, name }) => ({ value: id, label: name }))} />
        <Footer label={t.assign} onClose={onClose} isBusy={assign.isPending || !chosen} />
      </form>
    </DialogBox>
  );
}

/** Assign one lead after the other. Returns the sentences of refusals. */
async function assignAll(leadIds: string[], userId: string): Promise<string[]> {
  const refused: string[] = [];
  for (const lead_id of leadIds) {
    await ok(api.POST("/api/leads/{lead_id}/assign", { params: { path: { lead_id } }, body: { assigned_to_id: userId } })).catch(
      (error: unknown) => refused.push(sentences(error).join(" ")),
    );
  }
  return refused;
}
