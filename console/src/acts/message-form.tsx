/** The form of a message to a lead: its channel, a template to begin with, and the text. */

import { type FormEvent, useRef, useState } from "react";
import { api, ok } from "../api/client";
import { useAct, useLead, useLeadTemplates } from "../api/queries";
import type { Lead, Schemas } from "../api/types";
import { texts } from "../texts";
import { toast, toastError } from "../ui/overlays";
import { Query, SelectField, TextArea, TextField, useMistakes } from "../ui/parts";
import { Footer } from "./task-dialogs";

type Message = Schemas["LeadMessageOut"];
type Preview = Schemas["MessagePreviewOut"];
type Channel = Schemas["LeadMessageIn"]["channel"];

const t = texts.message;
const CHANNELS: Channel[] = ["email", "sms", "whatsapp"];

interface Draft {
  subject: string;
  body: string;
}

interface Props {
  leadId: string;
  messages: Message[]; // of the lead, newest first
  onSent?: () => void;
  onCancel?: () => void;
}

/** An answer goes to the sender of the lead's last message on the channel, and a mail to its thread. */
export function MessageForm({ leadId, ...props }: Props) {
  const lead = useLead(leadId);
  return (
    <Query of={lead} rows={2}>
      {lead.data && <Fields lead={lead.data} {...props} />}
    </Query>
  );
}

function Fields({ lead, messages, onSent, onCancel }: { lead: Lead } & Omit<Props, "leadId">) {
  const received = messages.filter((one) => one.direction === "INBOUND");
  const [chosen, setChannel] = useState<Channel | null>(null);
  const [subject, setSubject] = useState("");
  const [body, setBody] = useState("");
  const channel = chosen ?? firstChannel(lead, received[0]);
  const [missing, setMissing] = useState<string[]>([]);
  const [template, setTemplate] = useState("");
  const [replaced, setReplaced] = useState<Draft | null>(null);
  const typed = useRef<Draft | null>(null); // what the user wrote; null while the text is as the template gave it
  const answered = received.find((one) => one.channel === channel);
  const send = useAct(
    () =>
      ok(
        api.POST("/api/leads/{lead_id}/messages", {
          params: { path: { lead_id: lead.id } },
          body: { channel, body, subject: channel === "email" && subject ? subject : undefined, in_reply_to: answered?.id },
        }),
      ),
    ["lead", "leads", "messages", "tasks"],
  );
  const mistakes = useMistakes(send.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send.mutate(undefined, {
      onSuccess: () => {
        toast(t.sent);
        preview.drop();
        setChannel(null);
        show({ subject: "", body: "" });
        typed.current = null;
        onSent?.();
      },
    });
  };
  /** The text and subject of a template, or the user's own. */
  const show = (draft: Draft, from = "", without: string[] = []) => {
    setSubject(draft.subject);
    setBody(draft.body);
    setTemplate(from);
    setMissing(without);
    setReplaced(null);
  };
  /** Text that was begun keeps its channel, whatever the lead writes meanwhile. */
  const write = (draft: Draft) => {
    setChannel(channel);
    setSubject(draft.subject);
    setBody(draft.body);
    typed.current = draft.body || draft.subject ? draft : null;
  };
  const preview = usePreview(lead.id);
  const fill = (id: string, on: Channel, text: Preview) => {
    const own = typed.current;
    const isAnswer = received.some((one) => one.channel === on);
    setChannel(on);
    show({ subject: isAnswer ? "" : (text.subject ?? ""), body: text.body }, id, text.missing);
    setReplaced(own);
    typed.current = null;
  };
  /** A template replaces what is there, and gives it back. */
  const choose = (id: string) => {
    setTemplate(id);
    preview.load(id, channel, (text) => fill(id, channel, text));
  };
  /** Each channel has its own text of a template. It does not replace what is typed, before or while it loads. */
  const changeChannel = (next: Channel) => {
    setChannel(next);
    if (template && !typed.current) preview.load(template, next, (text) => typed.current === null && fill(template, next, text));
  };
  const takeBack = (own: Draft) => {
    show(own);
    typed.current = own;
  };
  return (
    <form className="stack" onSubmit={submit} aria-label={received.length ? t.answer : t.write}>
      {mistakes.rest("/channel", "/body", "/subject")}
      <div className="fields">
        <SelectField label={t.channel} value={channel} onChange={(value) => changeChannel(value as Channel)} options={CHANNELS.map((value) => ({ value, label: t.channels[value] ?? value }))} wrong={mistakes.at("/channel")} />
        <TemplateChoice value={template} onChange={choose} />
      </div>
      {channel === "email" && <TextField label={t.subject} value={subject} onChange={(value) => write({ subject: value, body })} required={!answered} placeholder={answered?.subject ? `Re: ${answered.subject}` : ""} wrong={mistakes.at("/subject")} />}
      <TextArea label={t.body} value={body} onChange={(value) => write({ subject, body: value })} rows={6} required wrong={mistakes.at("/body")} autoFocus={Boolean(onCancel)} />
      {replaced && (
        <p className="notice" role="status">
          <span className="grow">{t.replaced}</span>
          <button type="button" className="button" onClick={() => takeBack(replaced)}>
            {t.takeBack}
          </button>
        </p>
      )}
      {missing.length > 0 && <p className="notice warn">{t.missing(missing.join(", "))}</p>}
      {onCancel ? (
        <Footer label={t.send} onClose={onCancel} isBusy={send.isPending} />
      ) : (
        <footer className="row">
          <button type="submit" className="button primary" disabled={send.isPending}>
            {t.send}
          </button>
        </footer>
      )}
    </form>
  );
}

/** The channel of the lead's last message, else the one that the lead prefers, else one for which it has an address. */
function firstChannel(lead: Lead, last: Message | undefined): Channel {
  const used = CHANNELS.find((one) => one === last?.channel);
  if (used) return used;
  return lead.phone && (lead.preferred_contact === "TEXT" || !lead.email) ? "sms" : "email";
}

/** Loads the text of a template with the lead's values. The answer to an earlier choice may come later: it is ignored. */
function usePreview(leadId: string) {
  const latest = useRef(0);
  const drop = () => {
    latest.current++;
  };
  const load = (id: string, channel: Channel, use: (text: Preview) => void) => {
    const turn = ++latest.current;
    if (!id) return;
    const isLatest = () => turn === latest.current;
    ok(api.POST("/api/message-templates/{message_template_id}/preview", { params: { path: { message_template_id: id } }, body: { lead_id: leadId, channel } })).then(
      (text) => isLatest() && use(text),
      (error) => isLatest() && toastError(error),
    );
  };
  return { load, drop };
}

function TemplateChoice({ value, onChange }: { value: string; onChange: (id: string) => void }) {
  const options = useLeadTemplates().data?.map(({ id, name }) => ({ value: id, label: name })) ?? [];
  return <SelectField label={t.template} value={value} onChange={onChange} options={[{ value: "", label: t.noTemplate }, ...options]} />;
}
