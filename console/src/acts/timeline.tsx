/** Entries of a lead's timeline. */

import type { ReactNode } from "react";
import type { Activity } from "../api/types";
import { words } from "../format";
import { texts } from "../texts";
import type { IconName } from "../ui/icons";
import { Icon } from "../ui/icons";
import { Badge, Time } from "../ui/parts";

const ICONS: Record<string, IconName> = {
  PHONE_CALL: "phone",
  EMAIL: "mail",
  SMS: "messages",
  NOTE: "note",
  STAGE_CHANGE: "flag",
  ASSIGNMENT_CHANGE: "user",
  TASK_COMPLETED: "check",
  CONSULTATION_SCHEDULED: "today",
};

interface Props {
  entries: Activity[];
  stageName: (slug: string) => string;
  userName: (id: string | null) => string;
  beginning?: ReactNode; // what stands below the earliest entry
  onFollowUp?: ((entry: Activity) => void) | undefined; // create a task from the entry
}

export function Timeline({ entries, stageName, userName, beginning, onFollowUp }: Props) {
  return (
    <ol className="timeline">
      {entries.map((entry) => (
        <li key={entry.id} className={entry.direction === "INBOUND" ? "inbound" : undefined}>
          <span className="dot">
            <Icon name={ICONS[entry.type] ?? "bolt"} />
          </span>
          <div className="stack close">
            <p className="row between">
              <span className="row">
                <strong>{texts.activities[entry.type] ?? words(entry.type)}</strong>
                {entry.new_stage && <span>{[entry.previous_stage, entry.new_stage].map((slug) => slug && stageName(slug)).filter(Boolean).join(" → ")}</span>}
                {entry.direction === "INBOUND" && <Badge tone="accent">{texts.lead.inbound}</Badge>}
                {entry.outcome && <Badge>{texts.outcomes[entry.outcome] ?? words(entry.outcome)}</Badge>}
              </span>
              <span className="row tight small soft">
                {entry.created_by ? userName(entry.created_by) : texts.lead.fromStep} · <Time at={entry.occurred_at} />
                {onFollowUp && (
                  <button type="button" className="button icon-only no-print" aria-label={texts.lead.followUp} title={texts.lead.followUp} onClick={() => onFollowUp(entry)}>
                    <Icon name="plus" />
                  </button>
                )}
              </span>
            </p>
            {entry.notes && <p className="prose">{entry.notes}</p>}
            {entry.follow_ups.length > 0 && (
              <ul className="stack close" aria-label={texts.lead.followUps}>
                {entry.follow_ups.map((task) => (
                  <li key={task.id} className="row tight small">
                    <Icon name="check" /> {task.title} <Badge>{texts.task.statuses[task.status]}</Badge> <Time at={task.due_at} />
                  </li>
                ))}
              </ul>
            )}
          </div>
        </li>
      ))}
      {beginning && (
        <li>
          <span className="dot">
            <Icon name="plus" />
          </span>
          <p className="row between">{beginning}</p>
        </li>
      )}
    </ol>
  );
}
