/** The form of a message to a lead: its channel, a template to begin with, and the text. */

import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { api, ok } from "../api/client";
import { useAct, useLead } from "../api/queries";
import type { Lead, Schemas } from "../api/types";
import { texts } from "../texts";
import { toast, toastError } from "../ui/overlays";
import { Query, SelectField, TextArea, TextField, useMistakes } from "../ui/parts";
import { Footer } from "./task-dialogs";

type Message = Schemas["LeadMessageOut"];
type Channel = Schemas["LeadMessageIn"]["channel"];

const t = texts.message;
const CHANNELS: Channel[] = ["email", "sms", "whatsapp"];

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
        setChannel(null);
        setBody("");
        setSubject("");
        setMissing([]);
        onSent?.();
      },
    });
  };
  /** Text that was begun keeps its channel, whatever the lead writes meanwhile. */
  const write = (text: string) => {
    setChannel(channel);
    setBody(text);
  };
  const use = (preview: Schemas["MessagePreviewOut"]) => {
    write(preview.body);
    setSubject(answered ? "" : (preview.subject ?? ""));
    setMissing(preview.missing);
  };
  return (
    <form className="stack" onSubmit={submit} aria-label={received.length ? t.answer : t.write}>
      {mistakes.rest("/channel", "/body", "/subject")}
      <div className="fields">
        <SelectField label={t.channel} value={channel} onChange={(value) => setChannel(value as Channel)} options={CHANNELS.map((value) => ({ value, label: t.channels[value] ?? value }))} wrong={mistakes.at("/channel")} />
        <TemplateChoice leadId={lead.id} channel={channel} use={use} />
      </div>
      {channel === "email" && <TextField label={t.subject} value={subject} onChange={setSubject} required={!answered} placeholder={answered?.subject ? `Re: ${answered.subject}` : ""} wrong={mistakes.at("/subject")} />}
      <TextArea label={t.body} value={body} onChange={write} rows={6} required wrong={mistakes.at("/body")} autoFocus={Boolean(onCancel)} />
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

interface ChoiceProps {
  leadId: string;
  channel: Channel;
  use: (preview: Schemas["MessagePreviewOut"]) => void;
}

/** The text of a template with the lead's values. Whoever may write to the lead may read templates. */
function TemplateChoice({ leadId, channel, use }: ChoiceProps) {
  const [chosen, choose] = useState("");
  const templates = useQuery({
    queryKey: ["settings", "templates", "lead"],
    queryFn: () => ok(api.GET("/api/message-templates", { params: { query: { limit: 200, recipient: "lead" } } })),
  });
  const picked = useRef(0);
  const pick = (id: string) => {
    const turn = ++picked.current;
    choose(id);
    if (!id) return;
    const isLast = () => turn === picked.current; // the answer to an earlier choice may come later
    ok(api.POST("/api/message-templates/{message_template_id}/preview", { params: { path: { message_template_id: id } }, body: { lead_id: leadId, channel } })).then(
      (preview) => isLast() && use(preview),
      (error) => isLast() && toastError(error),
    );
  };
  const options = templates.data?.items.map(({ id, name }) => ({ value: id, label: name })) ?? [];
  return <SelectField label={t.template} value={chosen} onChange={pick} options={[{ value: "", label: t.noTemplate }, ...options]} />;
}
