/** Conversations: the leads that wrote, unanswered first, and the messages of one with an answer below. */

import { useEffect, useRef, useState } from "react";
import { Link, useParams, useSearchParams } from "wouter";
import { MessageForm } from "../acts/message-form";
import { MessageQuestion } from "../acts/message-question";
import { api, ok } from "../api/client";
import { useAct, useLead, useMay, usePages } from "../api/queries";
import type { Schemas } from "../api/types";
import { zoneName } from "../format";
import { texts } from "../texts";
import { Icon } from "../ui/icons";
import { toast, toastError } from "../ui/overlays";
import { Badge, Empty, Query, TextField, Time } from "../ui/parts";
import { areaTexts } from "./area-texts";
import { useNames } from "./names";

type Conversation = Schemas["ConversationOut"];
type Message = Schemas["LeadMessageOut"];

const t = areaTexts.conversations;
const STATES = ["unanswered", "answered", "done", "all"] as const;
const FILTERS = { unanswered: { is_answered: false, is_done: false }, answered: { is_answered: true, is_done: false }, done: { is_done: true }, all: {} };

export default function Conversations() {
  const { id } = useParams<{ id?: string }>();
  const [search, setSearch] = useSearchParams();
  const [q, setQ] = useState("");
  const state = STATES.find((one) => one === search.get("state")) ?? "unanswered";
  const mine = search.get("mine") === "1";
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(search);
    if (value) next.set(name, value);
    else next.delete(name);
    setSearch(next, { replace: true });
  };
  const filter = { q: q.trim() || undefined, assigned_to_id: mine ? "me" : undefined, ...FILTERS[state] };
  const list = usePages<Conversation>(["leads", "conversations", state, mine, q.trim()], (cursor) => ok(api.GET("/api/conversations", { params: { query: { ...filter, cursor, limit: 50 } } })));
  const suffix = search.size ? `?${search}` : "";
  return (
    <>
      <div className="page-head">
        <h1>{texts.pages.conversations}</h1>
        <p className="soft small">{texts.shell.zone(zoneName())}</p>
        <div className="acts" role="group" aria-label={texts.leads.status}>
          {STATES.map((one) => (
            <button key={one} type="button" className="button" aria-pressed={one === state} onClick={() => set("state", one === "unanswered" ? "" : one)}>
              {t[one]}
            </button>
          ))}
        </div>
      </div>
      <div className="talk" data-open={id ? true : undefined}>
        <section className="talk-list stack" aria-label={t.list}>
          <TextField label={t.search} type="search" value={q} onChange={setQ} />
          <label className="check">
            <input type="checkbox" checked={mine} onChange={(event) => set("mine", event.target.checked ? "1" : "")} />
            {t.mine}
          </label>
          <Query of={list}>
            {list.items.length === 0 && (state === "unanswered" && !q ? <Empty icon="mail" title={t.empty} hint={t.emptyHint} /> : <Empty icon="search" title={t.none} />)}
            <ul>
              {list.items.map((one) => (
                <li key={one.id}>
                  <Entry one={one} isOpen={one.id === id} href={`/conversations/${one.id}${suffix}`} />
                </li>
              ))}
            </ul>
            {list.hasNextPage && (
              <button type="button" className="button" onClick={() => list.fetchNextPage()}>
                {texts.shell.more}
              </button>
            )}
          </Query>
        </section>
        {id ? <Thread key={id} leadId={id} back={`/conversations${suffix}`} /> : <p className="soft only-broad">{t.choose}</p>}
      </div>
    </>
  );
}

function Entry({ one, isOpen, href }: { one: Conversation; isOpen: boolean; href: string }) {
  const { userName } = useNames();
  const { last_message: last } = one;
  return (
    <Link className="link-block" href={href} aria-current={isOpen ? "true" : undefined}>
      <span className="row between tight">
        <strong className="cut">{`${one.first_name} ${one.last_name}`}</strong>
        <span className="small soft">
          <Time at={one.replied_at} relative />
        </span>
      </span>
      <span className="small soft cut">{last ? last.subject || last.text : t.called}</span>
      <span className="row small">
        {one.is_done ? <Badge tone="good">{t.done}</Badge> : !one.is_answered && <Badge tone="accent">{t.unanswered}</Badge>}
        <span className="soft">{one.assigned_to_id && userName(one.assigned_to_id)}</span>
      </span>
    </Link>
  );
}

function Thread({ leadId, back }: { leadId: string; back: string }) {
  const mayWrite = useMay("lead:update");
  const params = { path: { lead_id: leadId } };
  const lead = useLead(leadId);
  const messages = usePages<Message>(["lead", leadId, "thread"], (cursor) => ok(api.GET("/api/leads/{lead_id}/messages", { params: { ...params, query: { cursor, limit: 30 } } })));
  const head = useRef<HTMLHeadingElement>(null);
  const name = lead.data ? `${lead.data.first_name} ${lead.data.last_name}` : "";
  useEffect(() => head.current?.focus(), [name]);
  return (
    <article className="card stack" aria-label={name}>
      <Link className="row small only-narrow" href={back}>
        <Icon name="back" />
        {t.back}
      </Link>
      <Query of={lead} rows={1}>
        <div className="row between">
          <h2 tabIndex={-1} ref={head}>
            {name}
          </h2>
          <Link href={`/leads/${leadId}`}>{t.openLead}</Link>
          {mayWrite && lead.data?.replied_at && <Done leadId={leadId} repliedAt={lead.data.replied_at} doneAt={lead.data.conversation_done_at} />}
        </div>
      </Query>
      <Query of={messages} rows={4}>
        {messages.hasNextPage && (
          <button type="button" className="button" onClick={() => messages.fetchNextPage()}>
            {t.older}
          </button>
        )}
        <ol className="thread">
          {[...messages.items].reverse().map((one) => (
            <li key={one.id} className={one.direction === "INBOUND" ? "bubble inbound" : "bubble"}>
              <span className="row between small soft">
                <span>{texts.message.channels[one.channel] ?? one.channel}</span>
                <Time at={one.at} />
              </span>
              {one.subject && <strong>{one.subject}</strong>}
              <span className="prose">{one.text}</span>
              <MessageQuestion message={one} />
              {one.error && <span className="wrong">{one.error}</span>}
            </li>
          ))}
        </ol>
        {mayWrite && lead.data && <MessageForm leadId={leadId} messages={messages.items} />}
      </Query>
    </article>
  );
}

/** Done until the lead writes again. What the user has not seen yet cannot be marked. */
function Done({ leadId, repliedAt, doneAt }: { leadId: string; repliedAt: string; doneAt: string | null }) {
  const isDone = doneAt !== null && Date.parse(doneAt) >= Date.parse(repliedAt);
  const params = { path: { lead_id: leadId } };
  const act = useAct(() => ok(isDone ? api.POST("/api/conversations/{lead_id}/reopen", { params }) : api.POST("/api/conversations/{lead_id}/done", { params, body: { replied_at: repliedAt } })), ["leads", "lead"]);
  return (
    <button type="button" className="button" disabled={act.isPending} onClick={() => act.mutate(undefined, { onSuccess: () => toast(isDone ? t.opened : t.marked), onError: toastError })}>
      <Icon name={isDone ? "inbox" : "check"} />
      {isDone ? t.open : t.markDone}
    </button>
  );
}
