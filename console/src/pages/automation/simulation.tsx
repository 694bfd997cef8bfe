/** Simulation on a time line: days to look ahead, what the lead does meanwhile, and each line with its date and reason. */

import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { api, ok } from "../../api/client";
import type { Schemas } from "../../api/types";
import { when, words } from "../../format";
import { automationTexts as t } from "../../texts/automation";
import { Icon } from "../../ui/icons";
import { LeadField } from "../../ui/lead-field";
import { Badge, Query, SelectField, type Tone } from "../../ui/parts";
import { useSettled } from "../../ui/settled";
import { KIND_OF } from "./kinds";

type Result = Schemas["SimulationOut"];
type Entry = Schemas["TimelineEntryOut"];
type Ask = (body: Schemas["SimulationIn"]) => Promise<Result>;

interface Happening {
  day: number;
  event: string;
}

const LONGEST = 60; // days
const DAY = 86_400_000;
const PAUSE = 400; // milliseconds
const TONES: Partial<Record<Entry["what"], Tone>> = { done: "good", failed: "bad", refused: "bad", skipped: "warn", cancelled: "warn", put_off: "warn", event: "accent" };
const USUAL = ["lead.replied", "lead.contacted", "consultation.scheduled", "lead.converted", "lead.lost", "lead.opted_out"];

/** `ask` simulates; `mark` is the version of what is simulated. */
export function Simulation({ ask, mark }: { ask: Ask; mark: string }) {
  const [days, setDays] = useState(14);
  const [leadId, setLead] = useState("");
  const [script, setScript] = useState<Happening[]>([]);
  const asked = useSettled(JSON.stringify({ days, leadId, script }), PAUSE);
  const found = useQuery({
    queryKey: ["settings", "simulation", mark, asked],
    queryFn: () => ask({ days, ...(leadId && { lead_id: leadId }), script: script.map(({ day, event }) => ({ at: `+${day} days`, event })) }),
    placeholderData: (previous) => previous,
  });
  const id = useId();
  return (
    <div className="stack">
      <div className="fields">
        <LeadField label={`${t.lead} (${t.noLead})`} hint={t.leadHint} onChange={setLead} />
        <div className="field">
          <label htmlFor={id}>{`${t.days}: ${days}`}</label>
          <input id={id} type="range" min={1} max={LONGEST} value={days} aria-valuetext={t.daysShown(days)} onChange={(event) => setDays(Number(event.target.value))} />
        </div>
      </div>
      <Script script={script} days={days} onChange={setScript} />
      <p className="soft">{t.wouldRun}</p>
      <Query of={found} rows={4}>
        {found.data && <TimeLine of={found.data} days={days} />}
      </Query>
    </div>
  );
}

function Script({ script, days, onChange }: { script: Happening[]; days: number; onChange: (script: Happening[]) => void }) {
  const [event, setEvent] = useState(USUAL[0] as string);
  const [day, setDay] = useState("1");
  const known = useQuery({
    queryKey: ["settings", "vocabulary", "rules"],
    queryFn: () => ok(api.GET("/api/definitions/vocabulary", { params: { query: { kind: KIND_OF.rules } } })),
    staleTime: 5 * 60_000,
  }).data;
  const all = known?.places.find((one) => one.key === "")?.parts.find((one) => one.name === "on")?.values ?? USUAL;
  const names = [...new Set([...USUAL.filter((one) => all.includes(one)), ...all])];
  const add = () => onChange([...script, { day: Number(day), event }].sort((a, b) => a.day - b.day));
  return (
    <fieldset className="plain-set stack close">
      <legend className="label">{t.script}</legend>
      {script.length > 0 && (
        <ul className="lines">
          {script.map((one, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the same event may happen twice
            <li key={at}>
              <strong>{t.day(one.day)}</strong>
              <span className="grow">{words(one.event.replace(".", " "))}</span>
              <button type="button" className="button plain icon-only" aria-label={t.removeEvent(one.event)} onClick={() => onChange(script.filter((_, place) => place !== at))}>
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <div className="row end">
        <SelectField label={t.onDay} value={day} onChange={setDay} options={Array.from({ length: days }, (_, at) => ({ value: String(at + 1), label: String(at + 1) }))} />
        <SelectField label={t.happens} value={event} onChange={setEvent} options={names.map((one) => ({ value: one, label: words(one.replace(".", " ")) }))} />
        <button type="button" className="button" onClick={add}>
          <Icon name="plus" />
          {t.addEvent}
        </button>
      </div>
    </fieldset>
  );
}

function TimeLine({ of: found, days }: { of: Result; days: number }) {
  const start = Date.parse(found.start);
  const dayOf = (at: string) => Math.floor((Date.parse(at) - start) / DAY);
  return (
    <section className="stack" aria-label={t.timeline}>
      <h2>{t.timeline}</h2>
      <Strip entries={found.timeline} dayOf={dayOf} days={days} />
      {found.timeline.length === 0 && <p className="soft">{t.nothing}</p>}
      <ol className="simulated">
        {found.timeline.map((one, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: entries have no other identity
          <li key={at}>
            <span className="number soft">{t.day(dayOf(one.at))}</span>
            <span className="number">{when(one.at)}</span>
            <Badge tone={TONES[one.what] ?? ""}>{t.results[one.what] ?? words(one.what)}</Badge>
            <span className="grow">
              <strong>{words(one.name.replace(".", " "))}</strong> {one.kind && words(one.kind)} {one.reason && <em>{words(one.reason)}</em>}
              {one.planned.map((step) => (
                <span key={`${step.name} ${step.kind} ${step.due_at}`} className="soft planned">
                  {`→ ${words(step.kind)} ${when(step.due_at)}`}
                  {step.moves.length > 0 && ` (${step.moves.map((move) => t.movedBy(words(move.by))).join(", ")})`}
                </span>
              ))}
            </span>
          </li>
        ))}
      </ol>
      {found.pending.length > 0 && (
        <>
          <h2>{t.pending}</h2>
          <ol className="simulated">
            {found.pending.map((step) => (
              <li key={`${step.name} ${step.kind} ${step.due_at}`}>
                <span className="number soft">{t.day(dayOf(step.due_at))}</span>
                <span className="number">{when(step.due_at)}</span>
                <span className="grow">
                  <strong>{words(step.name)}</strong> {words(step.kind)}
                </span>
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

/** One mark for each entry, at its day. The list below says the same in words. */
function Strip({ entries, dayOf, days }: { entries: Entry[]; dayOf: (at: string) => number; days: number }) {
  const cells = Array.from({ length: days + 1 }, (_, day) => entries.filter((one) => dayOf(one.at) === day));
  return (
    <div className="strip" aria-hidden="true">
      {cells.map((own, day) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its day
        <div key={day}>
          {own.slice(0, 6).map((one, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: marks have no other identity
            <i key={at} className={TONES[one.what] ?? ""} />
          ))}
          <small>{days <= 21 || day % 7 === 0 ? day : ""}</small>
        </div>
      ))}
    </div>
  );
}
