/** Operations: is everything running, what failed, what ran late, and what to do about it. */

import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import { Footer } from "../acts/task-dialogs";
import { api, ok } from "../api/client";
import { useAct, usePages } from "../api/queries";
import type { Schemas } from "../api/types";
import { duration, words } from "../format";
import { texts } from "../texts";
import { Icon } from "../ui/icons";
import { DialogBox, toast, toastError } from "../ui/overlays";
import { Badge, Query, TextField, Time, useMistakes } from "../ui/parts";

type Overview = Schemas["OperationsOut"];

const t = texts.operations;
const SILENT = 300; // seconds without a finished sweep: several of them run each minute
const OFTEN = 15_000; // milliseconds: queues and sweeps send no live events

export default function Operations() {
  const overview = useQuery({ queryKey: ["steps", "overview"], queryFn: () => ok(api.GET("/api/operations")), refetchInterval: OFTEN });
  return (
    <>
      <div className="page-head">
        <h1>{t.title}</h1>
        {overview.data && <Health overview={overview.data} />}
        <div className="acts">
          {overview.data && (
            <a className="button" href={`${location.protocol}//${location.hostname}:${overview.data.flower_port}`} target="_blank" rel="noreferrer" title={t.flowerHint}>
              <Icon name="external" />
              {t.flower}
            </a>
          )}
        </div>
      </div>
      <div className="panels">
        <FailedSteps />
        <Lateness />
        <section className="card stack">
          <h2>{t.queues}</h2>
          <Query of={overview} rows={4}>
            {overview.data && <Queues overview={overview.data} />}
          </Query>
        </section>
        <section className="card stack">
          <h2>{t.sweeps}</h2>
          <Query of={overview} rows={4}>
            {overview.data && <Sweeps overview={overview.data} />}
          </Query>
        </section>
        <Outages />
      </div>
    </>
  );
}

/** Sweeps run in workers. If none has finished for minutes, no worker takes them, and the counts of workers are old. */
function Health({ overview }: { overview: Overview }) {
  const latest = Math.max(...overview.sweeps.map((sweep) => Date.parse(sweep.finished_at ?? "")).filter(Number.isFinite));
  const silence = (Date.now() - latest) / 1000; // Infinity before the first sweep
  return (
    <p className="row">
      <Badge tone={overview.status === "ready" ? "good" : "warn"}>{overview.status === "ready" ? t.ready : t.held}</Badge>
      {Number.isFinite(silence) && silence > SILENT && <Badge tone="bad">{t.silent(duration(silence))}</Badge>}
      {!overview.is_broker_up && <Badge tone="bad">{`${t.broker}: ${t.brokerDown}`}</Badge>}
    </p>
  );
}

function FailedSteps() {
  const [state, setState] = useState<"failed" | "unknown">("failed");
  const [isMany, openMany] = useState(false);
  const steps = usePages(["steps", "list", state], (cursor) =>
    ok(api.GET("/api/steps", { params: { query: { state, limit: 50, cursor }, header: { Prefer: "return=total-count" } } })),
  );
  const retry = useAct((step_id: string) => ok(api.POST("/api/steps/{step_id}/retry", { params: { path: { step_id } } })), ["steps", "lead"]);
  const total = steps.data?.pages[0]?.total_count ?? steps.items.length;
  return (
    <section className="card stack wide">
      <div className="row between">
        <div className="row" role="group" aria-label={t.failed}>
          {(["failed", "unknown"] as const).map((one) => (
            <button key={one} type="button" className="button" aria-pressed={state === one} onClick={() => setState(one)}>
              {one === "failed" ? t.failed : t.unknown}
            </button>
          ))}
        </div>
        {state === "failed" && total > 0 && (
          <button type="button" className="button" onClick={() => openMany(true)}>
            {t.retryAll}
          </button>
        )}
      </div>
      <Query of={steps} rows={3}>
        {steps.items.length === 0 && <p className="soft">{t.noFailed}</p>}
        <ul className="lines">
          {steps.items.map((step) => (
            <li key={step.id}>
              <div className="grow">
                <p className="row">
                  <strong>{step.name}</strong>
                  <span className="soft">{words(step.kind)}</span>
                  {step.lead_id && <Link href={`/leads/${step.lead_id}`}>{texts.today.openLead}</Link>}
                  <span className="small soft">
                    <Time at={step.finished_at ?? step.due_at} />
                  </span>
                </p>
                <p className="wrong prose">{step.error ?? words(step.reason ?? "")}</p>
              </div>
              {state === "failed" && (
                <button type="button" className="button" disabled={retry.isPending} onClick={() => retry.mutate(step.id, { onSuccess: () => toast(t.retried), onError: toastError })}>
                  {t.retry}
                </button>
              )}
            </li>
          ))}
        </ul>
        {steps.hasNextPage && (
          <button type="button" className="button" onClick={() => steps.fetchNextPage()}>
            {texts.shell.more}
          </button>
        )}
      </Query>
      {isMany && <RetryAll onClose={() => openMany(false)} />}
    </section>
  );
}

/** The API counts first: the list also has deliveries, which are retried as messages. */
function RetryAll({ onClose }: { onClose: () => void }) {
  const [minutes, setMinutes] = useState("10");
  const run = (dry_run: boolean) => ok(api.POST("/api/steps/retry", { body: { dry_run, spread_seconds: Number(minutes) * 60 } }));
  const counted = useQuery({ queryKey: ["steps", "count"], queryFn: () => run(true), staleTime: 0, gcTime: 0 });
  const count = (counted.data?.retried ?? 0) + (counted.data?.left ?? 0);
  const label = t.retryConfirm(count.toLocaleString());
  const retry = useAct(() => run(false), ["steps", "lead"]);
  const mistakes = useMistakes(retry.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    retry.mutate(undefined, {
      onSuccess: ({ retried, left }) => {
        toast(t.retriedAll(retried, left));
        onClose();
      },
    });
  };
  return (
    <DialogBox title={t.retryAll} onClose={onClose}>
      <Query of={counted} rows={2}>
        <form className="stack" onSubmit={submit}>
          {mistakes.rest("/spread_seconds")}
          <TextField label={texts.messages.spread} type="number" min={0} value={minutes} onChange={setMinutes} wrong={mistakes.at("/spread_seconds")} autoFocus />
          <Footer label={label} onClose={onClose} isBusy={retry.isPending || count === 0} />
        </form>
      </Query>
    </DialogBox>
  );
}

function Lateness() {
  const report = useQuery({ queryKey: ["steps", "lateness"], queryFn: () => ok(api.GET("/api/automation/lateness")) });
  const lines = report.data?.rules ?? [];
  const sum = (name: "on_time" | "late" | "overdue" | "failed") => lines.reduce((total, line) => total + line[name], 0);
  return (
    <section className="card stack wide">
      <h2>{t.lateness}</h2>
      <Query of={report} rows={4}>
        <dl className="figures">
          {(["on_time", "late", "overdue", "failed"] as const).map((name) => (
            <div key={name} className="figure">
              <dt>{{ on_time: t.onTime, late: t.late, overdue: t.overdue, failed: t.failedCount }[name]}</dt>
              <dd>{sum(name).toLocaleString()}</dd>
            </div>
          ))}
        </dl>
        {lines.length === 0 ? <p className="soft">{t.noSteps}</p> : <LatenessTable lines={lines} />}
        <div className="stack close">
          <h3>{t.gaps}</h3>
          {report.data?.gaps.length === 0 && <p className="soft">{t.noGaps}</p>}
          {report.data?.gaps.map((gap) => (
            <p key={gap.since}>{gap.because}</p>
          ))}
        </div>
      </Query>
    </section>
  );
}

function LatenessTable({ lines }: { lines: Schemas["LatenessLineOut"][] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: on a phone it scrolls, by keyboard too
    <div className="table-box" role="region" aria-label={t.lateness} tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th>{t.rule}</th>
            <th className="right">{t.onTime}</th>
            <th className="right">{t.late}</th>
            <th className="wide-only right">{t.median}</th>
            <th className="wide-only right">{t.longest}</th>
            <th className="right">{t.overdue}</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <tr key={line.name + line.kind}>
              <td>
                {line.name} <span className="soft">{words(line.kind)}</span>
              </td>
              <td className="right">{line.on_time.toLocaleString()}</td>
              <td className={line.late ? "right late" : "right"}>{line.late.toLocaleString()}</td>
              <td className="wide-only right">{line.p50_seconds === null ? "–" : duration(line.p50_seconds)}</td>
              <td className="wide-only right">{line.longest_seconds === null ? "–" : duration(line.longest_seconds)}</td>
              <td className={line.overdue ? "right late" : "right"}>{line.overdue.toLocaleString()}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Queues({ overview }: { overview: Overview }) {
  if (overview.queues.length === 0) return <p className="wrong">{t.brokerDown}</p>;
  return (
    <table>
      <thead>
        <tr>
          <th>{t.queue}</th>
          <th className="right">{t.waiting}</th>
          <th className="right">{t.oldest}</th>
          <th className="right">{t.workers}</th>
        </tr>
      </thead>
      <tbody>
        {overview.queues.map((queue) => (
          <tr key={queue.queue}>
            <td>{queue.queue}</td>
            <td className="right">{queue.messages.toLocaleString()}</td>
            <td className="right">{queue.messages ? duration(queue.oldest_seconds) : "–"}</td>
            <td className={queue.workers === 0 ? "right late" : "right"}>{queue.workers ?? "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Sweeps({ overview }: { overview: Overview }) {
  return (
    <table>
      <thead>
        <tr>
          <th>{t.sweep}</th>
          <th className="right">{t.lastRun}</th>
        </tr>
      </thead>
      <tbody>
        {overview.sweeps.map((sweep) => (
          <tr key={sweep.name}>
            <td>{words(sweep.name)}</td>
            <td className="right">{sweep.has_failed ? <Badge tone="bad">{t.failedCount}</Badge> : sweep.finished_at ? <Time at={sweep.finished_at} relative /> : t.notYet}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Outages() {
  const outages = useQuery({ queryKey: ["messages", "outages"], queryFn: () => ok(api.GET("/api/notifications/outages")) });
  return (
    <section className="card stack">
      <h2>{t.outages}</h2>
      <Query of={outages} rows={1}>
        {outages.data?.items.length === 0 && <p className="soft">{t.noOutages}</p>}
        {outages.data?.items.map((outage) => (
          <p key={outage.gateway_id ?? outage.channel} className="notice warn">
            <span>
              {texts.messages.outage(outage.gateway ?? texts.messages.channels[outage.channel ?? ""] ?? "", outage.waiting_messages)} {outage.reason} {t.since} <Time at={outage.since} />.
            </span>
          </p>
        ))}
      </Query>
    </section>
  );
}
