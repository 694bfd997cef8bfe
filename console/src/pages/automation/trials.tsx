/** Trials of a rule that write nothing: with one lead, and with the events of the last days. */

import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import { api, ok } from "../../api/client";
import { useAct } from "../../api/queries";
import type { Schemas } from "../../api/types";
import { when, words } from "../../format";
import { automationTexts as t } from "../../texts/automation";
import { LeadField } from "../../ui/lead-field";
import { Badge, Failure, Query, SelectField } from "../../ui/parts";
import type { Definition } from "./kinds";

type Condition = Schemas["ConditionOut"];

/** "lead.score at least 5"; groups in brackets. */
function conditionInWords(condition: object): string {
  const { field, ...rest } = condition as { field?: string } & Record<string, unknown>;
  if (field) return `${field} ${Object.entries(rest).map(([way, value]) => `${way.replaceAll("_", " ")} ${inWords(value)}`).join(" and ")}`;
  return Object.entries(rest)
    .map(([way, parts]) => `(${(parts as object[]).map(conditionInWords).join(way === "any" ? " or " : " and ")})`)
    .join(" and ");
}

const inWords = (value: unknown): string => (value === null || value === undefined || value === "" ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));

export function DryRun({ definition }: { definition: Definition }) {
  const events = [(definition.draft ?? definition.published)?.on].flat().filter((one) => typeof one === "string");
  const [leadId, setLead] = useState("");
  const [event, setEvent] = useState("");
  const path = { follow_up_rule_id: definition.id };
  const trial = useAct(() => ok(api.POST("/api/follow-up-rules/{follow_up_rule_id}/test", { params: { path }, body: { lead_id: leadId || undefined, event: (event || undefined) as Schemas["RuleTestIn"]["event"] } })), []);
  const submit = (given: FormEvent) => {
    given.preventDefault();
    trial.mutate(undefined);
  };
  return (
    <div className="stack">
      <form className="stack" onSubmit={submit}>
        <div className="fields">
          <LeadField label={t.lead} hint={t.leadHint} onChange={setLead} />
          {events.length > 1 && <SelectField label={t.event} value={event} onChange={setEvent} options={events.map((one) => ({ value: one, label: words(one.replace(".", " ")) }))} />}
        </div>
        <p className="row">
          <button type="submit" className="button primary" disabled={trial.isPending}>
            {t.run}
          </button>
          <span className="soft">{leadId ? t.wouldRun : `${t.noLead}. ${t.wouldRun}`}</span>
        </p>
      </form>
      {trial.error && <Failure error={trial.error} />}
      {trial.data && <Result of={trial.data} />}
    </div>
  );
}

function Result({ of: found }: { of: Schemas["RuleTestOut"] }) {
  return (
    <section className="stack" role="status">
      <h2>
        {found.matches ? t.matches : t.matchesNot} <Badge tone={found.matches ? "good" : "warn"}>{words(found.verdict)}</Badge>
      </h2>
      <Conditions title={t.when} of={found.conditions} isWanted />
      <ul className="lines">
        {found.steps.map((step) => (
          <li key={`${step.kind} ${step.due_at} ${JSON.stringify(step.settings)}`}>
            <strong>{words(step.kind)}</strong>
            <span>{when(step.due_at)}</span>
            {step.moves?.map((move) => (
              <span key={move.to} className="soft">
                {t.movedBy(words(move.by))}
              </span>
            ))}
            {step.gate && <Badge tone={step.gate.verdict === "allowed" ? "good" : "warn"}>{`${t.gate[step.gate.verdict]}${step.gate.reason ? `: ${words(step.gate.reason)}` : ""}`}</Badge>}
            <div className="grow whole">
              <Conditions title={t.onlyIf} of={step.only_if} isWanted />
              <Conditions title={t.unless} of={step.unless} isWanted={false} />
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Conditions({ title, of: conditions, isWanted }: { title: string; of: Condition[]; isWanted: boolean }) {
  if (conditions.length === 0) return null;
  return (
    <ul className="stack close" aria-label={title}>
      {conditions.map((one) => (
        <li key={JSON.stringify(one.condition)} className="row">
          <Badge tone={one.holds === isWanted ? "good" : "bad"}>{one.holds ? t.holds : t.fails}</Badge>
          <span>
            {title} {conditionInWords(one.condition)}
          </span>
          <span className="soft">{t.value(inWords(one.value))}</span>
        </li>
      ))}
    </ul>
  );
}

const SPANS = [7, 30, 90];

/** `begin`: the days that are counted at once. */
export function Impact({ definition, begin = 0 }: { definition: Definition; begin?: number }) {
  const [days, setDays] = useState(begin); // 0: not asked for yet, because it reads many events
  const path = { follow_up_rule_id: definition.id };
  const found = useQuery({
    queryKey: ["settings", "impact", definition.id, definition.version, days],
    queryFn: () => ok(api.GET("/api/follow-up-rules/{follow_up_rule_id}/impact", { params: { path, query: { days } } })),
    enabled: days > 0,
    staleTime: 60_000,
  });
  return (
    <section className="stack" aria-label={t.impact}>
      <h2>{t.impact}</h2>
      <p className="row">
        {SPANS.map((one) => (
          <button key={one} type="button" className="button" aria-pressed={days === one} onClick={() => setDays(one)}>
            {words(t.lastDays(one))}
          </button>
        ))}
        <span className="soft">{t.impactHint}</span>
      </p>
      {days > 0 && (
        <Query of={found} rows={2}>
          {found.data && <Counts of={found.data} rule={definition.name} />}
        </Query>
      )}
    </section>
  );
}

function Counts({ of: found, rule }: { of: Schemas["ImpactOut"]; rule: string }) {
  const lists: [string, [string, number][]][] = [
    [t.stepsOf, Object.entries(found.steps)],
    [t.blocked, Object.entries(found.blocked)],
    [t.postponed, Object.entries(found.put_off)],
    [t.unmet, found.unmet.map((one) => [one.condition ? conditionInWords(one.condition) : words(one.verdict), one.events])],
  ];
  return (
    <div className="stack" role="status">
      <dl className="figures">
        <div className="figure">
          <dt>{t.matchedEvents}</dt>
          <dd>
            {found.matched.toLocaleString()} <span className="small soft">{t.ofEvents(found.events)}</span>
          </dd>
        </div>
        <div className="figure">
          <dt>{t.leadsFigure}</dt>
          <dd>{found.leads.toLocaleString()}</dd>
        </div>
      </dl>
      {!found.is_complete && <p className="soft">{t.incomplete}</p>}
      {lists
        .filter(([, entries]) => entries.length > 0)
        .map(([title, entries]) => (
          <div key={title}>
            <h3>{title}</h3>
            <ul className="stack close">
              {entries.map(([name, count]) => (
                <li key={name} className="row">
                  <strong className="number">{count.toLocaleString()}</strong> <span className="prose">{/^[a-z_]+$/.test(name) ? words(name) : name}</span>
                </li>
              ))}
            </ul>
          </div>
        ))}
      {found.lead_ids.length > 0 && (
        <p className="row">
          {found.lead_ids.slice(0, 5).map((id, at) => (
            <Link key={id} href={`/leads/${id}?tab=why&rule=${encodeURIComponent(rule)}`}>{`${t.lead} ${at + 1}`}</Link>
          ))}
        </p>
      )}
    </div>
  );
}
