/** Write to a lead. If the lead has written, the message answers the latest mail and continues its thread. */

import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ok } from "../api/client";
import { useAct } from "../api/queries";
import { texts } from "../texts";
import { DialogBox, toast } from "../ui/overlays";
import { Query, TextArea, TextField, useMistakes } from "../ui/parts";
import { Footer } from "./task-dialogs";

const t = texts.lead;

export function MessageDialog({ leadId, onClose, onDone }: { leadId: string; onClose: () => void; onDone?: () => void }) {
  const thread = useMessages(leadId);
  const last = thread.data?.items.find((message) => message.direction === "INBOUND" && message.channel === "email");
  const [subject, setSubject] = useState("");
  const [body, setBody] = useState("");
  const send = useAct(
    () =>
      ok(
        api.POST("/api/leads/{lead_id}/messages", {
          params: { path: { lead_id: leadId } },
          body: { channel: "email", body, subject: subject || undefined, in_reply_to: last?.id },
        }),
      ),
    ["lead", "messages", "tasks"],
  );
  const mistakes = useMistakes(send.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send.mutate(undefined, {
      onSuccess: () => {
        toast(t.sent);
        onClose();
        onDone?.();
      },
    });
  };
  return (
    <DialogBox title={last ? t.reply : t.write} onClose={onClose} isWide>
      <Query of={thread} rows={2}>
        <form className="stack" onSubmit={submit}>
          {last && (
            <blockquote className="quote prose">
              <strong>{last.subject}</strong>
              {`\n${last.text ?? ""}`}
            </blockquote>
          )}
          {mistakes.rest("/subject", "/body")}
          <TextField label={t.subject} value={subject} onChange={setSubject} required={!last} placeholder={last?.subject ? `Re: ${last.subject}` : ""} wrong={mistakes.at("/subject")} autoFocus={!last} />
          <TextArea label={t.body} value={body} onChange={setBody} rows={8} required wrong={mistakes.at("/body")} autoFocus={Boolean(last)} />
          <Footer label={t.send} onClose={onClose} isBusy={send.isPending} />
        </form>
      </Query>
    </DialogBox>
  );
}

export function useMessages(leadId: string) {
  return useQuery({
    queryKey: ["lead", leadId, "messages"],
    queryFn: () => ok(api.GET("/api/leads/{lead_id}/messages", { params: { path: { lead_id: leadId }, query: { limit: 50 } } })),
  });
}
