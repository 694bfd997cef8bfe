/** Messages: what failed, is unknown or waits; why; and what to do about one or about all that match. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useSearchParams } from "wouter";
import { ManyDialog } from "../acts/message-bulk";
import { api, ok } from "../api/client";
import { useAct, usePages } from "../api/queries";
import type { Message, Schemas } from "../api/types";
import { words } from "../format";
import { texts } from "../texts";
import { DialogBox, toast, toastError } from "../ui/overlays";
import { Badge, Empty, Query, SelectField, TextField, Time } from "../ui/parts";
import { toneOf } from "../acts/lead-steps";

const t = texts.messages;
const STATES = ["failed", "unknown", "pending", "suppressed", "sent"] as const;
const CHANNELS = ["email", "sms", "whatsapp", "http", "in_app", "web_push", "slack", "teams"] as const;
const TOPICS = ["messages", "lead"];

type State = (typeof STATES)[number];

export default function Messages() {
  const [search, setSearch] = useSearchParams();
  const state: State = STATES.find((one) => one === search.get("state")) ?? "failed";
  const channel = CHANNELS.find((one) => one === search.get("channel"));
  const rule = search.get("rule") ?? "";
  const [shown, show] = useState("");
  const [isMany, openMany] = useState(false);
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(search);
    if (value) next.set(name, value);
    else next.delete(name);
    setSearch(next, { replace: true });
  };
  const filter = { channel, rule: rule || undefined };
  const messages = usePages<Message>(["messages", "list", state, channel, rule], (cursor) =>
    ok(api.GET("/api/notifications", { params: { query: { state, ...filter, limit: 100, cursor }, header: { Prefer: "return=total-count" } } })),
  );
  const total = messages.data?.pages[0]?.total_count;
  return (
    <>
      <div className="page-head">
        <h1>{texts.pages.messages}</h1>
        <div className="acts" role="group" aria-label={texts.leads.status}>
          {STATES.map((one) => (
            <button key={one} type="button" className="button" aria-pressed={one === state} onClick={() => set("state", one)}>
              {t.states[one]}
            </button>
          ))}
        </div>
      </div>
      <Outages showWaiting={state === "pending" ? undefined : () => set("state", "pending")} />
      <p className="soft">{t.hints[state]}</p>
      <div className="filters three">
        <SelectField label={t.channel} value={channel ?? ""} onChange={(value) => set("channel", value)} options={[{ value: "", label: texts.leads.any }, ...CHANNELS.map((one) => ({ value: one, label: channelName(one) }))]} />
        <TextField label={t.rule} value={rule} onChange={(value) => set("rule", value)} hint={t.ruleHint} />
        {(state === "failed" || state === "unknown") && messages.items.length > 0 && (
          <button type="button" className="button" onClick={() => openMany(true)}>
            {t.all}
          </button>
        )}
      </div>
      <Query of={messages} rows={10}>
        {messages.items.length === 0 ? <Empty icon="messages" title={t.none} hint={state === "failed" || state === "unknown" ? t.noTrouble : t.noneHint} /> : <MessageTable messages={messages.items} show={show} total={total} />}
        {messages.hasNextPage && (
          <button type="button" className="button" disabled={messages.isFetchingNextPage} onClick={() => messages.fetchNextPage()}>
            {texts.shell.more}
          </button>
        )}
      </Query>
      {shown && <MessageDetail id={shown} onClose={() => show("")} />}
      {isMany && (state === "failed" || state === "unknown") && <ManyDialog state={state} filter={filter} onClose={() => openMany(false)} />}
    </>
  );
}

const channelName = (channel: string): string => t.channels[channel] ?? words(channel);

/** Channels that are down: their messages wait, and use no tries. */
function Outages({ showWaiting }: { showWaiting: (() => void) | undefined }) {
  const { data } = useQuery({ queryKey: ["messages", "outages"], queryFn: () => ok(api.GET("/api/notifications/outages")) });
  return data?.items.map((outage) => (
    <div key={outage.gateway_id ?? outage.channel} className="notice warn">
      <p className="grow">
        {t.outage(outage.gateway ?? channelName(outage.channel ?? ""), outage.waiting_messages)} {outage.reason}
      </p>
      {showWaiting && (
        <button type="button" className="button" onClick={showWaiting}>
          {t.showWaiting}
        </button>
      )}
    </div>
  ));
}

/** The template's slug. The API says "answer" for the text of a user. */
const textOf = (message: { template: string }) => (message.template === "answer" ? t.byHand : message.template);

function MessageTable({ messages, show, total }: { messages: Message[]; show: (id: string) => void; total: number | undefined }) {
  return (
    <div className="table-box">
      <table>
        {total !== undefined && <caption className="caption number">{t.count(total)}</caption>}
        <thead>
          <tr>
            <th>{t.template}</th>
            <th className="wide-only">{t.channel}</th>
            <th>{t.why}</th>
            <th className="wide-only right">{t.attempts}</th>
            <th className="wide-only">{t.created}</th>
            <th>{texts.pages.lead}</th>
          </tr>
        </thead>
        <tbody>
          {messages.map((message) => (
            <tr key={message.id}>
              <td>
                <button type="button" className="link" aria-label={`${t.open}: ${textOf(message)}`} onClick={() => show(message.id)}>
                  {textOf(message)}
                </button>
              </td>
              <td className="wide-only">{channelName(message.channel)}</td>
              <td>{message.error ?? (message.reason ? words(message.reason) : <Badge tone={toneOf(message.state)}>{t.states[message.state]}</Badge>)}</td>
              <td className="wide-only right">{message.attempts}</td>
              <td className="wide-only soft">
                <Time at={message.created_at} />
              </td>
              <td>{message.lead_id ? <Link href={`/leads/${message.lead_id}`}>{message.lead_name ?? texts.today.openLead}</Link> : <span className="soft">{t.toUser}</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function MessageDetail({ id, onClose }: { id: string; onClose: () => void }) {
  const message = useQuery({
    queryKey: ["messages", "one", id],
    queryFn: () => ok(api.GET("/api/notifications/{notification_id}", { params: { path: { notification_id: id } } })),
  });
  return (
    <DialogBox title={message.data?.subject || t.open} onClose={onClose} isWide>
      <Query of={message} rows={4}>
        {message.data && <Detail message={message.data} onClose={onClose} />}
      </Query>
    </DialogBox>
  );
}

function Detail({ message, onClose }: { message: Schemas["NotificationDetailOut"]; onClose: () => void }) {
  const params = { path: { notification_id: message.id } };
  const retry = useAct(() => ok(api.POST("/api/notifications/{notification_id}/retry", { params })), TOPICS);
  const resolve = useAct((as: "sent" | "retry") => ok(api.POST("/api/notifications/{notification_id}/resolve", { params, body: { as } })), TOPICS);
  const report = (text: string) => ({
    onSuccess: () => {
      toast(text);
      onClose();
    },
    onError: toastError,
  });
  return (
    <div className="stack">
      <dl className="facts">
        <dt>{t.address}</dt>
        <dd>{message.address ?? t.toUser}</dd>
        <dt>{t.why}</dt>
        <dd>
          <Badge tone={toneOf(message.state)}>{t.states[message.state]}</Badge> {message.error ?? words(message.reason ?? "")}
        </dd>
        {message.next_attempt_at && (
          <>
            <dt>{t.waits}</dt>
            <dd>
              {message.wait_reason && <p>{t.waitsFor[message.wait_reason] ?? words(message.wait_reason)}</p>}
              {t.nextAttempt} <Time at={message.next_attempt_at} />
            </dd>
          </>
        )}
        <dt>{t.template}</dt>
        <dd>{textOf(message)}</dd>
      </dl>
      <div className="quote prose">{message.body}</div>
      {message.deliveries.length > 0 && (
        <section className="stack close">
          <h3>{t.attempts}</h3>
          <ul className="lines">
            {message.deliveries.map((delivery) => (
              <li key={delivery.id}>
                <Time at={delivery.started_at} />
                <Badge tone={toneOf(delivery.outcome === "permanent" ? "failed" : (delivery.outcome ?? ""))}>{words(delivery.outcome ?? t.states.sending ?? "")}</Badge>
                <span className="grow prose">{delivery.response}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <footer className="row">
        {message.state === "failed" && (
          <button type="button" className="button primary" disabled={retry.isPending} onClick={() => retry.mutate(undefined, report(t.retried))}>
            {t.retry}
          </button>
        )}
        {message.next_attempt_at && Date.parse(message.next_attempt_at) > Date.now() && (
          <button type="button" className="button primary" disabled={retry.isPending} onClick={() => retry.mutate(undefined, report(t.sentNow))}>
            {t.sendNow}
          </button>
        )}
        {message.state === "unknown" && (
          <>
            <button type="button" className="button primary" disabled={resolve.isPending} onClick={() => resolve.mutate("sent", report(t.resolved))}>
              {t.arrived}
            </button>
            <button type="button" className="button" disabled={resolve.isPending} onClick={() => resolve.mutate("retry", report(t.retried))}>
              {t.again}
            </button>
          </>
        )}
      </footer>
    </div>
  );
}

