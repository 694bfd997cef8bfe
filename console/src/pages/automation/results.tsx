/** What a definition did: its latest steps with their leads, and the figures of a sequence. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, ok } from "../../api/client";
import type { Schemas } from "../../api/types";
import { words } from "../../format";
import { automationTexts as t } from "../../texts/automation";
import { Badge, Query, Time } from "../../ui/parts";
import { toneOf } from "../../acts/lead-steps";
import type { Definition } from "./kinds";

export function LatestSteps({ definition }: { definition: Definition }) {
  const list = useQuery({
    queryKey: ["steps", "latest", definition.name],
    queryFn: () => ok(api.GET("/api/definitions/{name}/latest-steps", { params: { path: { name: definition.name } } })),
    refetchInterval: 15_000,
  });
  return (
    <Query of={list} rows={3}>
      <div className="stack">
        <p className="soft">{list.data?.items.length ? t.latestHint : t.noSteps}</p>
        <ul className="lines">
          {list.data?.items.map((step) => {
            const name = `${step.first_name} ${step.last_name}`;
            const why = `/leads/${step.lead_id}?tab=why&rule=${encodeURIComponent(definition.name)}`;
            return (
              <li key={step.id}>
                <Badge tone={toneOf(step.state)}>{words(step.state)}</Badge>
                <Link className="lead-link" href={`/leads/${step.lead_id}`}>
                  {name}
                </Link>
                <span className="grow soft">
                  {words(step.kind)} <Time at={step.finished_at ?? step.due_at} /> {step.reason && words(step.reason)}
                </span>
                <Link className="button" href={why} aria-label={t.whyOf(name)}>
                  {t.why}
                </Link>
              </li>
            );
          })}
        </ul>
      </div>
    </Query>
  );
}

const share = ({ count, of, rate }: Schemas["RateOut"]): string => (rate === null ? "–" : `${Math.round(rate * 100)} % (${count}/${of})`);

export function SequenceResults({ definition }: { definition: Definition }) {
  const found = useQuery({
    queryKey: ["steps", "performance", definition.id],
    queryFn: () => ok(api.GET("/api/sequences/{sequence_id}/performance", { params: { path: { sequence_id: definition.id } } })),
  });
  const c = t.stepColumns;
  return (
    <Query of={found} rows={3}>
      {found.data && (
        <div className="stack">
          <dl className="figures">
            {Object.entries(t.figures).map(([name, label]) => (
              <div key={name} className="figure">
                <dt>{label}</dt>
                <dd>{(found.data as unknown as Record<string, number>)[name]?.toLocaleString()}</dd>
              </div>
            ))}
            <div className="figure">
              <dt>{t.replied}</dt>
              <dd>{share(found.data.replied)}</dd>
            </div>
            <div className="figure">
              <dt>{t.converted}</dt>
              <dd>{share(found.data.converted)}</dd>
            </div>
          </dl>
          <div className="table-box">
            <table>
              <thead>
                <tr>
                  <th>{c.step}</th>
                  <th className="right">{c.came}</th>
                  <th className="right">{c.done}</th>
                  <th className="right wide-only">{c.skipped}</th>
                  <th className="right">{c.sent}</th>
                  <th className="right wide-only">{c.opened}</th>
                  <th className="right">{c.replied}</th>
                </tr>
              </thead>
              <tbody>
                {found.data.steps.map((step) => (
                  <tr key={step.step}>
                    <td>
                      {step.step} <span className="soft">{words(step.kind)}</span>
                    </td>
                    <td className="right">{step.came}</td>
                    <td className="right">{step.done}</td>
                    <td className="right wide-only">{step.skipped}</td>
                    <td className="right">{step.messages.sent}</td>
                    <td className="right wide-only">{share(step.messages.opened)}</td>
                    <td className="right">{share(step.messages.replied)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </div>
      )}
    </Query>
  );
}
