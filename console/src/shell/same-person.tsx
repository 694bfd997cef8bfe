/** Leads of the person that a user is typing, before another lead is saved. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, ok } from "../api/client";
import { useStages, useUsers } from "../api/queries";
import type { Schemas } from "../api/types";
import { texts } from "../texts";
import { Badge } from "../ui/parts";
import { useSettled } from "../ui/settled";

const PAUSE = 250; // milliseconds without a key stroke
const SHOWN = 3;

type Known = Schemas["CheckedOut"];

/** Answers belong to the values that they were asked for: a late answer to earlier values is not shown. */
export function useSamePerson({ first_name, last_name, phone, email }: Record<"first_name" | "last_name" | "phone" | "email", string>): Known | undefined {
  const typed = JSON.stringify({ first_name, last_name, phone, email });
  const settled = useSettled(typed, PAUSE);
  const person = Object.fromEntries(Object.entries(JSON.parse(settled) as Record<string, string>).filter(([, value]) => value.trim() !== ""));
  const isEnough = Boolean(person.phone || person.email || (person.first_name && person.last_name));
  const { data } = useQuery({
    queryKey: ["same-person", settled],
    queryFn: ({ signal }) => ok(api.POST("/api/leads/check", { body: person, signal })),
    enabled: isEnough,
    gcTime: 0,
    retry: false,
  });
  return isEnough && typed === settled ? data : undefined;
}

export function SamePerson({ known, onClose }: { known: Known | undefined; onClose: () => void }) {
  const stages = useStages().data;
  const users = useUsers().data;
  const shown = known?.duplicates.slice(0, SHOWN) ?? [];
  const more = (known?.duplicates.length ?? 0) - shown.length;
  return (
    <div role="status" className="same-person">
      {known && shown.length + known.hidden_duplicates > 0 && (
        <div className="notice warn">
          <strong>{texts.leads.known}</strong>
          <ul className="lines grow">
            {shown.map((one) => (
              <li key={one.lead_id}>
                <span className="grow">
                  <strong>
                    {one.first_name} {one.last_name}
                  </strong>{" "}
                  <span className="small">
                    {stages?.find(({ slug }) => slug === one.pipeline_stage)?.name ?? ""} · {users?.find(({ id }) => id === one.assigned_to_id)?.name ?? texts.leads.noOwner}
                  </span>
                </span>
                <Badge>{one.match_on.map((by) => texts.leads.sameBy[by]).join(", ")}</Badge>
                <Link className="button" href={`/leads/${one.lead_id}`} onClick={onClose}>
                  {texts.leads.open}
                </Link>
              </li>
            ))}
            {more > 0 && <li>{texts.leads.moreKnown(more)}</li>}
            {known.hidden_duplicates > 0 && <li>{texts.leads.hiddenKnown(known.hidden_duplicates)}</li>}
          </ul>
        </div>
      )}
    </div>
  );
}
