/** Write to a lead. If the lead has written, its last message stands above the answer. */

import { useQuery } from "@tanstack/react-query";
import { api, ok } from "../api/client";
import { texts } from "../texts";
import { DialogBox } from "../ui/overlays";
import { Query } from "../ui/parts";
import { MessageForm } from "./message-form";

interface MessageProps {
  leadId: string;
  name?: string | null | undefined; // of the lead, so that nobody writes to the wrong one
  onClose: () => void;
  onDone?: () => void;
}

export function MessageDialog({ leadId, name, onClose, onDone }: MessageProps) {
  const thread = useMessages(leadId);
  const last = thread.data?.items.find((message) => message.direction === "INBOUND");
  const sent = () => {
    onClose();
    onDone?.();
  };
  return (
    <DialogBox title={[last ? texts.message.reply : texts.message.write, name].filter(Boolean).join(": ")} onClose={onClose} isWide>
      <Query of={thread} rows={2}>
        {last && (
          <blockquote className="quote prose">
            <strong>{last.subject}</strong>
            {`\n${last.text ?? ""}`}
          </blockquote>
        )}
        <MessageForm leadId={leadId} messages={thread.data?.items ?? []} onSent={sent} onCancel={onClose} />
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
